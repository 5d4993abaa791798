"""Which of the trials under way may take a step, and which wait for others: the scheduler's verdicts, kept.

Without a scheduler every trial goes on until it ends. A trial that has begun goes on before one that was promoted, and both
before a new one begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from workbench.events import TrialState
from workbench.losses import Loss
from workbench.schedule import Schedule, Scheduler, Verdict, finite
from workbench.space import Array

Curve = Sequence[tuple[int, Loss]]  # (step, loss), in order of the steps


def budget_of(step: int, first: int) -> int:
    """Steps that a trial has had when it reports ``step``: Optuna's objectives may count from 0."""
    return step + (first == 0)


def at_budgets(curve: Curve, budgets: Sequence[int], last: float | None = None) -> Array:
    """Losses at the budgets, shape (len(budgets),); nan, or ``last`` of a trial that ended, where it did not get so far."""
    out = np.full(len(budgets), np.nan if last is None else last)
    b = 0
    for step, loss in curve:
        while b < len(budgets) and budget_of(step, curve[0][0]) >= budgets[b]:
            assert not isinstance(loss, tuple)
            out[b] = finite(loss)
            b += 1
    return out


def reached(curve: Curve, budgets: tuple[int, ...], state: TrialState, loss: Loss | None) -> Array | None:
    """Losses of an ended trial at the budgets: one that was not stopped has its last loss where it did not get so far."""
    if not budgets:
        return None
    assert not isinstance(loss, tuple)
    return at_budgets(curve, budgets, None if state == "pruned" else finite(loss))


class Lanes:
    """The trials under way, by what they wait for.

    Attributes
    ----------
    ready
        Trials that may take a step as soon as a worker is free, the next first.
    waiting
        Trials that wait for others, in the order in which they came.
    """

    def __init__(self, scheduler: Scheduler | None) -> None:
        self.schedule: Schedule | None = None if scheduler is None else scheduler.schedule()
        self.ready: deque[int] = deque()
        self.waiting: dict[int, None] = {}

    @property
    def budgets(self) -> tuple[int, ...]:
        """Steps at which trials are compared."""
        return () if self.schedule is None else self.schedule.budgets

    def begin(self, trial: int, again: int | None = None) -> list[Verdict]:
        """Take a new trial in; its first step is the caller's to start."""
        return [] if self.schedule is None else [self.schedule.begin(trial, instead_of=again)]

    def retell(self, trial: int, curve: Curve, again: int | None, state: TrialState, loss: float | None) -> None:
        """Take in what an earlier session did. Verdicts were heard then: nothing follows from them now."""
        if self.schedule is None:
            return
        self.schedule.begin(trial, instead_of=again)
        for step, value in curve:
            assert not isinstance(value, tuple)
            self.schedule.report(trial, budget_of(step, curve[0][0]), value)
        if state != "interrupted":
            self.schedule.end(trial, loss, stopped=state == "pruned")

    def report(self, trial: int, curve: Curve) -> list[Verdict]:
        """Hear that a trial has taken a step: the last of its curve. Without a verdict it is ready for the next."""
        verdicts: list[Verdict] = []
        if self.schedule is not None:
            step, loss = curve[-1]
            assert not isinstance(loss, tuple)
            verdicts = list(self.schedule.report(trial, budget_of(step, curve[0][0]), loss))
        if not any(v.trial == trial for v in verdicts):
            self.ready.appendleft(trial)
        return verdicts

    def go(self, trial: int) -> None:
        """Let a trial go on that waited, or that has just been compared."""
        self.waiting.pop(trial, None)
        self.ready.append(trial)

    def wait(self, trial: int) -> None:
        """Let a trial wait for others."""
        self.waiting[trial] = None

    def leave(self, trial: int) -> None:
        """Forget a trial that has ended."""
        self.waiting.pop(trial, None)
        if trial in self.ready:
            self.ready.remove(trial)

    def end(self, trial: int, state: TrialState, loss: Loss | None) -> list[Verdict]:
        """Hear that a trial has ended by itself, or failed."""
        if self.schedule is None:
            return []
        assert not isinstance(loss, tuple)
        return list(self.schedule.end(trial, loss, stopped=state == "pruned"))

    def free(self) -> list[Verdict]:
        """Hear that a worker is free while nothing is ready."""
        return [] if self.schedule is None else list(self.schedule.free())

    def close(self) -> list[Verdict]:
        """Hear that no further trial will begin."""
        return [] if self.schedule is None else list(self.schedule.close())

    def goal(self, trial: int) -> int | None:
        """Steps that a trial may run to now."""
        return None if self.schedule is None else self.schedule.goal(trial)
