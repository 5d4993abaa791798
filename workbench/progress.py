"""Events folded into how far a run had come when: what was spent by each result, in trials, seconds and steps.

Seconds count from the run's first sign of life. They hold what a suggestion takes to think, and leave out what is no part of the
search: pauses, the time between two sessions, and gaps of more than a minute in which no trial was under way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from workbench.events import Event, Folded, RunStarted, StateChanged, TrialFinished, TrialReported, TrialSuggested
from workbench.losses import Goals
from workbench.models import pareto
from workbench.space import Array

ACTIVE = ("running", "pausing", "stopping")
IDLE_S = 60.0  # a longer gap without any trial under way is no thinking


class Progress(Folded):
    """Results of a run in the order told, and what had been spent by then. Interrupted trials are no results.

    Attributes
    ----------
    numbers, states, losses
        Of the results; a loss is inf where the trial gave none that counts: only complete ones do. A tuple of several losses.
    seconds
        When each was known.
    step_losses
        Losses step by step, in the order in which they were known: a report counts the steps since the trial's last one, and
        before its loss is known its steps are spent already and stand as inf. A trial that reports nothing is one step.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.started: RunStarted | None = None
        self.algorithms: list[str] = []  # their labels; more than one if the algorithm was changed on the way
        self.numbers: list[int] = []
        self.states: list[str] = []
        self.losses: list[float | tuple[float, ...]] = []
        self.seconds: list[float] = []
        self.step_losses: list[float] = []
        self._steps: dict[int, int] = {}  # of the trials under way: the last step that was reported
        self._clock = _Clock()
        self._volumes: tuple[tuple[float, ...], Array, list[float]] | None = None
        self.fold(events)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            match e:
                case RunStarted():
                    self.started = e
                    if self.algorithms[-1:] != [e.algorithm]:
                        self.algorithms.append(e.algorithm)
                case StateChanged():
                    self._clock.change(e.state, e.time)
                case TrialSuggested() if e.trial not in self._steps:
                    self._clock.tick(e.time, busy=bool(self._steps))
                    self._steps[e.trial] = 0
                case TrialReported():
                    self._clock.tick(e.time, busy=True)
                    self._reported(e)
                case TrialFinished() if e.trial in self._steps:
                    self._finished(e)
                case _:
                    pass

    def _reported(self, e: TrialReported) -> None:
        spent = max(1, e.step - self._steps.get(e.trial, 0))
        self.step_losses += [math.inf] * (spent - 1) + [math.inf if math.isnan(e.loss) else e.loss]
        self._steps[e.trial] = max(e.step, 1)

    def _finished(self, e: TrialFinished) -> None:
        if e.time:
            self._clock.tick(e.time, busy=True)
        reported = self._steps.pop(e.trial)
        if e.state == "interrupted":
            return
        good = e.state == "complete"
        loss = e.losses if e.losses else math.inf if e.loss is None or not math.isfinite(e.loss) or not good else e.loss
        self.numbers.append(e.trial)
        self.states.append(e.state)
        self.losses.append(loss if good else math.inf)
        self.seconds.append(self._clock.spent)
        if isinstance(loss, tuple):
            return
        if not reported:
            self.step_losses.append(loss)
        elif loss < self.step_losses[-1]:  # an Optuna objective may return what it has not reported
            self.step_losses[-1] = loss

    # ---- what was found ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Count the results."""
        return len(self.numbers)

    @property
    def goals(self) -> Goals:
        """Directions, and the names of the losses."""
        return Goals() if self.started is None else self.started.goals

    @property
    def n_under_way(self) -> int:
        """Trials that have begun and not ended."""
        return len(self._steps)

    @property
    def several(self) -> list[tuple[float, ...]]:
        """Of several losses: those that are complete and finite."""
        return [v for v in self.losses if isinstance(v, tuple) and all(map(math.isfinite, v))]

    def best(self, reference: Array | None = None) -> Array:
        """Return the best loss after 1, 2, … results, inf before there is one, shape (n,).

        Of several losses that is minus the hypervolume below ``reference``.
        """
        if reference is not None:
            return -self._hypervolumes(reference)
        return np.asarray(np.minimum.accumulate(np.array(self.losses, dtype=float)))

    def best_by_step(self) -> Array:
        """Return the best loss after 1, 2, … steps, those of trials under way included, shape (steps,)."""
        return np.asarray(np.minimum.accumulate(np.array(self.step_losses, dtype=float)))

    def _hypervolumes(self, reference: Array) -> Array:
        """Hypervolume after each result; what was computed for the same reference point is kept."""
        key = tuple(reference.tolist())
        if self._volumes is None or self._volumes[0] != key:
            self._volumes = key, np.empty((0, len(key))), []
        _, front, volumes = self._volumes
        for loss in self.losses[len(volumes):]:
            y = np.array([loss if isinstance(loss, tuple) else [math.inf] * len(key)])
            volume = volumes[-1] if volumes else 0.0
            if np.isfinite(y).all() and (y < reference).all() and not (front <= y).all(axis=1).any():
                front = np.concatenate([front[~(y <= front).all(axis=1)], y])
                volume = pareto.hypervolume(front, reference)
            volumes.append(volume)
        self._volumes = key, front, volumes
        return np.array(volumes)


class _Clock:
    """Seconds of search so far. Times may come out of order: a stored study tells a report when its trial began."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._last: float | None = None
        self._state = ""

    def tick(self, time: float, *, busy: bool) -> None:
        """Something happened at this time; ``busy``: a trial was under way until then."""
        if self._last is not None and self._state != "paused":
            gap = time - self._last
            known = busy or self._state in ACTIVE  # otherwise nobody tells whether it ran
            self.spent += gap if gap > 0 and (known or gap <= IDLE_S) else 0.0
        self._last = time if self._last is None else max(self._last, time)

    def change(self, state: str, time: float) -> None:
        """Take in a new state of the run: from a pause or an end to "running" no time counts."""
        if state == "watching":
            return
        was = self._state
        if was in ACTIVE and self._last is not None:
            self.tick(time, busy=True)
        self._state = state if state in ACTIVE else "paused"
        if state == "running" and was not in ACTIVE:
            self._last = time
