"""Stop a trial whose learning curve, extrapolated, will hardly beat the best: the predictive termination criterion.

Domhan, Springenberg & Hutter 2015, "Speeding up automatic hyperparameter optimization of deep neural networks by
extrapolation of learning curves" (IJCAI), section 4::

    after a look's step n:   stop the trial   if   P(y_T beats ŷ | y_1, …, y_n) < δ

The posterior of the rest of the curve is ``models/learning_curve.py``. Nobody is stopped before a first trial is complete.

A look costs a quarter of a second of computing, on the thread that runs the trials: meanwhile no other trial can begin a step.
So looks are few. They are planned beforehand, at steps that grow by half each time from T / 10 to 9 T / 10 (of 81 steps: 8, 12,
18, 27, 40, 60): not more than six a trial, however long it is. That is 1.5 s, one twentieth of trainings of 30 seconds or more.
**Where a training takes less, a look costs more than it saves**: take ``MedianStop``, or few looks by ``every``. When looks are
made does not depend on the clock: the same losses give the same verdicts, when a run is told again too. What looks did cost is
in the reasons (``seconds``, ``spent_s``).

Notation
--------
=========  ===============================================================
y_n        loss after step n
T          steps of a whole training, ``max_steps``
ŷ          the least last loss of a completed trial, ``best``
δ          ``delta``
=========  ===============================================================

Differences from the paper: it looks every 30 steps of about 285. For a stopped trial it gives the optimiser the forecast's mean
instead of the last loss; here the search is given what was measured, at which step, and ``OneScale(algorithm)`` brings trials of
different lengths to one scale (a bare search of one budget takes a trial's last loss as it is). A trial that ends by itself
before T is complete, with its last loss. A look whose curve has no finite loss stops nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from workbench.errors import RunError
from workbench.fidelity.words import steps
from workbench.history import Explanation
from workbench.models.learning_curve import CurvePosterior, posterior
from workbench.schedule import Action, Later, OnlyStops, Verdict, finite

GROWTH = 1.5  # of the step from look to look
LEAST = 4  # steps before the first look, of a curve that can have them
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
AHEAD = 12  # steps at which a forecast is kept, at most


@dataclass(frozen=True, slots=True)
class CurveForecast(Explanation):
    """A look at a learning curve: how it will go on, and what follows.

    Attributes
    ----------
    action
        As in ``Verdict``.
    goal, rung
        The step of the next look, and its number among all looks; of a stopped trial those of this look, at the end of T.
    max_steps, delta
        T and δ.
    step
        n: steps that the trial has had; 0 when it begins.
    loss
        y_n.
    best, best_trial
        ŷ, and whose it is; inf and -1 while no trial is complete.
    probability
        P(y_T < ŷ); nan if it was not asked for.
    mean, sd
        Of y_T.
    ahead, quantiles
        Steps from n to T, and the quantiles ``LEVELS`` of the losses there, lowest first: len(LEVELS) rows.
    weights
        Posterior mean of each family's weight, the heaviest first: (name, weight).
    seconds, spent_s
        Time of this look, and of all looks of the run up to it. No part of what was decided: two looks that differ in these
        are equal.
    """

    action: Action
    goal: int
    rung: int
    max_steps: int
    delta: float
    step: int = 0
    loss: float = math.inf
    best: float = math.inf
    best_trial: int = -1
    probability: float = math.nan
    mean: float = math.nan
    sd: float = math.nan
    ahead: tuple[int, ...] = ()
    quantiles: tuple[tuple[float, ...], ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    seconds: float = field(default=0.0, compare=False, repr=False)
    spent_s: float = field(default=0.0, compare=False, repr=False)

    @property
    def looked(self) -> bool:
        """Whether the curve was extrapolated."""
        return bool(self.ahead)

    @property
    def band(self) -> tuple[float, float]:
        """The band of 80 % at T; nan without a forecast."""
        return (self.quantiles[0][-1], self.quantiles[-1][-1]) if self.looked else (math.nan, math.nan)

    def summary(self) -> str:
        """Say in one plain sentence what the forecast is and what follows."""
        if self.action == "finish":
            return f"Finished with {steps(self.step)}, all there are."
        if not self.step:
            return f"Begins; {self._next('the first look at its curve is')}."
        if not self.looked:
            why = "no trial is complete that it could be compared with" if self.best == math.inf else "it has no finite loss yet"
            return f"Goes on after {steps(self.step)}: {why}; {self._next('the next look is')}."
        low, high = self.band
        what = (f"P(loss after {self.max_steps} below {self.best:.4g} of trial {self.best_trial}) = {self.probability:.2g}, "
                f"δ = {self.delta:g}; the forecast is {self.mean:.4g}, with 80 % between {low:.4g} and {high:.4g}")
        heavy = f"mostly by {self.weights[0][0]} ({self.weights[0][1]:.0%})"
        begin = "Stopped" if self.action == "stop" else "Goes on"
        return f"{begin} after {steps(self.step)}: {what}, {heavy}. The look took {self.seconds:.2f} s."

    def _next(self, words: str) -> str:
        return f"{words} after {steps(self.goal)}" if self.goal < self.max_steps else f"it may run to {steps(self.goal)}"


def forecast(curve: list[tuple[int, float]], best: float, max_steps: int, seed: int = 0) -> dict[str, object] | None:
    """Extrapolate a curve of (step, loss) to T: the fields of ``CurveForecast`` that tell of it; None without a finite loss."""
    if not any(math.isfinite(loss) for _, loss in curve):
        return None
    at, losses = zip(*curve, strict=True)
    p = posterior(losses, max_steps, seed, steps=at)
    ahead = _ahead(at[-1], max_steps)
    mean, sd = p.predict([max_steps])
    weights = sorted(p.family_weights().items(), key=lambda pair: -pair[1])
    return {"probability": p.probability_of_beating(best), "mean": float(mean[0]), "sd": float(sd[0]), "ahead": ahead,
            "quantiles": _fan(p, ahead), "weights": tuple(weights)}


def _ahead(n: int, T: int) -> tuple[int, ...]:
    """Steps from n to T, at even ratios."""
    return tuple(int(r) for r in np.unique(np.geomspace(n, T, AHEAD).round()))


def _fan(p: CurvePosterior, ahead: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in p.quantiles(np.array(ahead, dtype=float), LEVELS))


def planned_looks(max_steps: int, min_steps: int, every: int | None) -> tuple[int, ...]:
    """Steps of all looks at a curve: each k steps, or growing by half; none where less than a tenth of the steps is left."""
    looks, step = [], min_steps
    while step <= 0.9 * max_steps:
        looks.append(step)
        step = step + every if every is not None else max(int(GROWTH * step), step + 1)
    return tuple(looks)


@dataclass(slots=True)
class _Curve:
    """A trial under way: its losses, the look that comes next, and the last one."""

    goal: int
    points: list[tuple[int, float]] = field(default_factory=list)
    complete: bool = False
    said: Later | None = None  # if the last report was a look


class CurveLooks:
    """The books of a run: curves under way, and the best of those that are complete."""

    def __init__(self, max_steps: int, delta: float, looks: tuple[int, ...]) -> None:
        self._T, self._delta = max_steps, delta
        self._budgets = (*looks, max_steps)
        self._running: dict[int, _Curve] = {}
        self._best, self._best_trial = math.inf, -1
        self._spent_s = 0.0

    @property
    def budgets(self) -> tuple[int, ...]:
        """Steps of the looks, and T."""
        return self._budgets

    def begin(self, trial: int, *, instead_of: int | None = None) -> Verdict:
        """Give a new trial an empty curve; that of an interrupted one is forgotten."""
        if instead_of is not None:
            self._running.pop(instead_of, None)
        self._running[trial] = _Curve(self._budgets[0])
        return Verdict(trial, "go", self._why("go", self._budgets[0]))

    def goal(self, trial: int) -> int:
        """Steps up to the next look."""
        return self._running[trial].goal

    def report(self, trial: int, step: int, loss: float) -> list[Verdict] | Later:
        """Hear the loss of a step; if a look is due, the verdict is worked out when it is read."""
        t = self._running[trial]
        loss = finite(loss)
        t.points.append((step, loss))
        t.said = None
        if step < t.goal or t.complete:
            return []
        if step >= self._T:
            t.complete, t.goal = True, self._T
            self._completed(trial, loss)
            return [Verdict(trial, "finish", self._why("finish", self._T, step=step, loss=loss))]
        here, t.goal = t.goal, next(r for r in self._budgets if r > step)
        if self._best == math.inf:
            return [Verdict(trial, "go", self._why("go", t.goal, step=step, loss=loss))]
        t.said = Later(self._look(trial, list(t.points), (here, t.goal), self._best, self._best_trial))
        return t.said

    def end(self, trial: int, loss: float | None, *, stopped: bool | None = None) -> list[Verdict]:
        """Hear that a trial has ended; it is complete unless it was stopped or failed."""
        t = self._running.pop(trial, None)
        if t is None or loss is None:
            return []
        if stopped is None:
            stopped = t.said is not None and t.said[0].action == "stop"
        if not stopped:
            self._completed(trial, finite(loss))
        return []

    def free(self) -> list[Verdict]:
        """Nobody waits."""
        return []

    def close(self) -> list[Verdict]:
        """Nobody waits."""
        return []

    def _completed(self, trial: int, loss: float) -> None:
        if loss < self._best:
            self._best, self._best_trial = loss, trial

    def _look(self, trial: int, points: list[tuple[int, float]], goals: tuple[int, int], best: float,
              owner: int) -> Callable[[], list[Verdict]]:
        """Prepare a look by what is known now; ``goals`` are the step of this look and of the next."""

        def look() -> list[Verdict]:
            began = time.perf_counter()
            found = forecast(points, best, self._T)
            seconds = time.perf_counter() - began
            self._spent_s += seconds
            p = 1.0 if found is None else found["probability"]
            assert isinstance(p, float)
            step, loss = points[-1]
            action: Action = "stop" if p < self._delta else "go"
            why = self._why(action, goals[action == "go"], step=step, loss=loss, best=best, best_trial=owner, seconds=seconds,
                            spent_s=self._spent_s, **(found or {}))
            return [Verdict(trial, action, why)]

        return look

    def _why(self, action: Action, goal: int, **known: object) -> CurveForecast:
        return CurveForecast(action, goal, self._budgets.index(goal), self._T, self._delta, **known)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class CurveStop(OnlyStops):
    """Stop a trial whose extrapolated learning curve beats the best with a probability below ``delta``.

    For trainings of half a minute and more: a look takes a quarter of a second, on the thread that runs the trials.

    Parameters
    ----------
    max_steps
        T, the steps of a whole training.
    delta
        δ. A higher one stops more, and more wrongly.
    every
        Steps between two looks, as in the paper; None: each look half as many steps again after the last, which are six at most.
    min_steps
        Steps before the first look; None: a tenth of ``max_steps``, at least 4.
    """

    max_steps: int
    delta: float = 0.05
    every: int | None = None
    min_steps: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("max_steps", "every", "min_steps"):
            value = getattr(self, name)
            if value is None and name != "max_steps":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise RunError(f"{name} must be a whole number, at least 1, got {value!r}.")
        if isinstance(self.delta, bool) or not isinstance(self.delta, int | float) or not 0 < self.delta < 1:
            raise RunError(f"delta must be a number between 0 and 1, got {self.delta!r}.")
        if self.min_steps is not None and self.min_steps > self.max_steps:
            raise RunError(f"min_steps must not be more than max_steps = {self.max_steps}, got {self.min_steps}.")

    @property
    def looks(self) -> tuple[int, ...]:
        """Steps of all looks at a curve."""
        first = max(LEAST, round(self.max_steps / 10)) if self.min_steps is None else self.min_steps
        return planned_looks(self.max_steps, first, self.every)

    def schedule(self) -> CurveLooks:
        """Open the books of a run."""
        return CurveLooks(self.max_steps, self.delta, self.looks)
