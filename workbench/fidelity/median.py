"""The median stopping rule of Google Vizier (Golovin, Solnik, Moitra, Kochanski, Karro & Sculley 2017, section 3.2.2).

::

    a trial t stops after step s   if   min_(i ≤ s) o_i^t  >  median over completed trials τ of ō^τ_(1:s)

    ō^τ_(1:s) = (o_1^τ + … + o_s^τ) / s            the running average of τ's losses up to step s

It needs no model of the curves and no largest number of steps. The best loss of a trial is compared with averages: what has
been good once is not stopped for a bad moment.

Notation
--------
=========  ===============================================================
o_i^t      loss of trial t at step i
τ          a completed trial: it has had all its steps, and did not fail
=========  ===============================================================

Differences from the paper: ``min_trials``, ``min_steps`` and ``every``, which the paper leaves open. A completed trial that
had fewer than s steps counts with the average of all it had.

Optuna's ``MedianPruner`` differs: it compares with the median of the losses at step s itself, not of averages up to it, which
stops sooner where curves fall; and completed trials without a loss at exactly that step do not count.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field

from workbench.errors import RunError
from workbench.fidelity.words import steps
from workbench.history import Explanation
from workbench.schedule import OnlyStops, Verdict, finite


@dataclass(frozen=True, slots=True)
class AgainstMedian(Explanation):
    """A trial's best loss against the median of the averages of completed trials.

    Attributes
    ----------
    step
        Steps that the trial has had.
    best
        Its best loss so far; inf if it has none.
    median
        Of the running averages up to that step.
    n_completed
        How many completed trials that is of; 0 when the trial begins.
    """

    step: int = 0
    best: float = math.inf
    median: float = math.nan
    n_completed: int = 0

    def summary(self) -> str:
        """Say in one plain sentence why the trial was stopped."""
        if not self.step:
            return "Begins, and goes on while its best loss is not worse than the median of completed trials."
        return (f"Stopped after {steps(self.step)}: its best loss {self.best:.4g} is worse than {self.median:.4g}, the median "
                f"of the running averages of {self.n_completed} completed trial{'s' * (self.n_completed != 1)}.")


@dataclass(slots=True)
class _Curve:
    """Losses of a trial: the steps that it reported, the best so far, and sums for the averages."""

    steps: list[int] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)  # of the losses up to each of these steps
    best: float = math.inf
    stopped: bool = False

    def add(self, step: int, loss: float) -> None:
        """Take a loss in."""
        self.steps.append(step)
        self.sums.append(finite((self.sums[-1] if self.sums else 0.0) + loss))
        self.best = min(self.best, loss)

    def average(self, step: int) -> float | None:
        """Mean of the losses up to a step; None if there is none."""
        n = bisect_right(self.steps, step)
        return self.sums[n - 1] / n if n else None


class Medians:
    """The books of a run: curves of completed trials, and of those that run."""

    def __init__(self, min_steps: int, min_trials: int, every: int) -> None:
        self._min_steps, self._min_trials, self._every = min_steps, min_trials, every
        self._running: dict[int, _Curve] = {}
        self._completed: list[_Curve] = []

    @property
    def budgets(self) -> tuple[int, ...]:
        """None: a trial is compared after any step, and not with what others had there."""
        return ()

    def begin(self, trial: int, *, instead_of: int | None = None) -> Verdict:
        """Give a new trial an empty curve; that of an interrupted one is forgotten."""
        if instead_of is not None:
            self._running.pop(instead_of, None)
        self._running[trial] = _Curve()
        return Verdict(trial, "go", AgainstMedian())

    def goal(self, trial: int) -> None:  # noqa: ARG002 - as in every schedule
        """As many steps as the trial likes."""
        return

    def report(self, trial: int, step: int, loss: float) -> list[Verdict]:
        """Hear the loss of a step, and stop the trial if it is worse than the median."""
        curve = self._running[trial]
        curve.add(step, finite(loss))
        curve.stopped = False
        if step < self._min_steps or (step - self._min_steps) % self._every:
            return []
        averages = [mean for c in self._completed if (mean := c.average(step)) is not None]
        if len(averages) < self._min_trials:
            return []
        median = _median(averages)
        if not curve.best > median:
            return []
        curve.stopped = True
        return [Verdict(trial, "stop", AgainstMedian(step, curve.best, median, len(averages)))]

    def end(self, trial: int, loss: float | None, *, stopped: bool | None = None) -> list[Verdict]:
        """Hear that a trial has ended; it is completed unless it was stopped or failed."""
        curve = self._running.pop(trial, None)
        if curve is not None and loss is not None and not (curve.stopped if stopped is None else stopped):
            self._completed.append(curve)
        return []

    def free(self) -> list[Verdict]:
        """Nobody waits."""
        return []

    def close(self) -> list[Verdict]:
        """Nobody waits."""
        return []


def _median(values: list[float]) -> float:
    """Median; the mean of the two in the middle, unless one is infinite: then the smaller."""
    values = sorted(values)
    low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
    return low if math.isinf(low) or math.isinf(high) else low / 2 + high / 2


@dataclass(frozen=True, slots=True)
class MedianStop(OnlyStops):
    """Stop a trial whose best loss is worse than the median of what completed trials had on average.

    Parameters
    ----------
    min_steps
        No trial is stopped before it has had so many steps.
    min_trials
        Completed trials that are needed for a comparison.
    every
        Steps between two comparisons.
    """

    min_steps: int = 1
    min_trials: int = 5
    every: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("min_steps", "min_trials", "every"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise RunError(f"{name} must be a whole number, at least 1, got {value!r}.")

    def schedule(self) -> Medians:
        """Open the books of a run."""
        return Medians(self.min_steps, self.min_trials, self.every)
