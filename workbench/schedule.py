"""How many steps a trial gets: what a scheduler is told, and what it answers.

A ``Scheduler`` is what the user gives: a frozen dataclass of settings. For each run it opens a ``Schedule``, which keeps the
books: it is told what happens and answers with verdicts. It knows numbers only, and depends on nothing but what it was
told, in that order; so it is rebuilt by telling it the same again when a run is opened, or in a view that replays events.

Notation
--------
=======  =========================================================================================
step     one loss of a trial's learning curve, counted from 1
budget   a number of steps at which trials are compared
goal     the budget that a trial may run to before it is compared again
=======  =========================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, overload

from workbench.history import Explanation

Action = Literal["go", "wait", "stop", "finish"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A word on a trial.

    Attributes
    ----------
    action
        "go": go on, also if it waits; "wait" for others; "stop": it is given up; "finish": it has had all the steps there are.
    """

    trial: int
    action: Action
    why: Explanation


class Later(Sequence[Verdict]):
    """Verdicts that take long, worked out when they are read: who only retells what was decided before does not read them."""

    def __init__(self, work_out: Callable[[], Sequence[Verdict]]) -> None:
        self._work_out, self._verdicts = work_out, tuple[Verdict, ...]()
        self.known = False

    def _read(self) -> tuple[Verdict, ...]:
        if not self.known:
            self._verdicts, self.known = tuple(self._work_out()), True
        return self._verdicts

    def __len__(self) -> int:
        """How many there are."""
        return len(self._read())

    @overload
    def __getitem__(self, i: int) -> Verdict: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Verdict]: ...
    def __getitem__(self, i: int | slice) -> Verdict | Sequence[Verdict]:
        """Return one of them, or some."""
        return self._read()[i]


class Schedule(Protocol):
    """The books of one run."""

    @property
    def budgets(self) -> tuple[int, ...]:
        """Steps at which trials are compared, ascending."""
        ...

    def begin(self, trial: int, *, instead_of: int | None = None) -> Verdict:
        """Give a new trial its place; ``instead_of`` is the interrupted one whose place it takes."""
        ...

    def goal(self, trial: int) -> int | None:
        """Steps that the trial may run to; None for as many as it likes."""
        ...

    def report(self, trial: int, step: int, loss: float) -> Sequence[Verdict]:
        """Hear the loss of a step. The verdicts may concern other trials too; without one for it the trial goes on."""
        ...

    def end(self, trial: int, loss: float | None, *, stopped: bool | None = None) -> Sequence[Verdict]:
        """Hear that a trial has ended: with a loss, or without one because it failed.

        ``stopped`` tells whether it was given up, or ended by itself; None: it was if these books said so.
        """
        ...

    def free(self) -> Sequence[Verdict]:
        """Hear that a worker is free while no trial may go on, and say which that waits shall; if none, a new one begins."""
        ...

    def close(self) -> Sequence[Verdict]:
        """Hear that no further trial will begin, and say what that means for those that wait for more."""
        ...


class Scheduler(Protocol):
    """Settings of a scheduler: a frozen dataclass."""

    @property
    def n_trials(self) -> int | None:
        """Trials of one whole round; None if there are no rounds."""
        ...

    def schedule(self) -> Schedule:
        """Open the books of a run."""
        ...


class OnlyStops:
    """What schedulers share that never let a trial wait: they have no rounds, and serve plain Optuna scripts too."""

    __slots__ = ()

    @property
    def n_trials(self) -> None:
        """There are no rounds."""
        return

    @property
    def only_stops(self) -> bool:
        """No trial ever waits."""
        return True


def only_stops(scheduler: object) -> bool:
    """Whether no trial ever waits for others under a scheduler; then imported trials may be told to it as rivals."""
    return bool(getattr(scheduler, "only_stops", False))


def finite(loss: float | None) -> float:
    """Read a loss for comparison: none, or nan, counts as +inf."""
    return math.inf if loss is None or math.isnan(loss) else loss
