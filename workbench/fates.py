"""What a scheduler has made of each trial, folded from events: its bracket and rung, whether it waits, its losses on the rungs.

Trials of an earlier session come without the words of their scheduler. Then its books are opened once more and told the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.events import (
    Event,
    Folded,
    RunStarted,
    TrialFinished,
    TrialJudged,
    TrialReported,
    TrialShelved,
    TrialState,
    TrialSuggested,
)
from workbench.fidelity import catalogue
from workbench.fidelity.brackets import Bracket, Rung
from workbench.history import Explanation
from workbench.lanes import budget_of
from workbench.schedule import Later, Schedule, finite, only_stops
from workbench.space import Config

Status = Literal["running", "promoted", "waiting", "stopped", "finished", "failed", "interrupted"]
STATUSES: tuple[Status, ...] = ("running", "promoted", "waiting", "stopped", "finished", "failed", "interrupted")
LIVE = ("running", "promoted", "waiting")
_ENDS: dict[TrialState, Status] = {"complete": "finished", "pruned": "stopped", "failed": "failed", "interrupted": "interrupted"}


@dataclass(slots=True)
class Fate:
    """Where a trial stands.

    Attributes
    ----------
    status
        "running" to its first rung, "promoted" and running to a further one, "waiting" for others, or how it ended.
    bracket, rung
        Counted from 0; the rung that it runs to, or on which it stands.
    goal
        Steps that it may run to; 0 if no number was given.
    step
        Steps that it has had.
    losses
        By the steps of the rungs that it has reached.
    why
        The scheduler's last word on it.
    shelved
        Whether it waits without its place in memory.
    """

    trial: int
    status: Status = "running"
    bracket: int = 0
    rung: int = 0
    goal: int = 0
    step: int = 0
    losses: dict[int, float] = field(default_factory=dict)
    why: Explanation | None = None
    shelved: bool = False
    first: int = 1  # step of its first report: Optuna's objectives may count from 0

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVE

    @property
    def reached(self) -> int:
        """Steps of the highest rung that it has reached; 0 for none."""
        return max(self.losses, default=0)


class Fates(Folded):
    """The fates of all trials, kept up to date by ``fold``. Folding in pieces equals folding at once.

    Attributes
    ----------
    scheduler
        The run's scheduler as JSON data; empty without one.
    brackets
        Numbers of the trials of each bracket, in the order in which they began.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.by_number: dict[int, Fate] = {}
        self.scheduler: dict[str, Any] = {}
        self.brackets: dict[int, list[int]] = {}
        self.plan: tuple[Bracket, ...] = ()  # the brackets of one round; none where a scheduler has no tables
        self.budgets: tuple[int, ...] = ()  # steps of all rungs, ascending
        self._books: Schedule | None = None
        self._rivals = False  # whether imported trials stand in the books too
        self._new: int | None = None  # the newest trial, while no word on it was heard
        self._retold: set[int] = set()  # trials of an earlier session
        self._configs: dict[int, Config] = {}
        self._lost: list[int] = []  # those of them that were interrupted, and that nothing has replaced
        self.fold(events)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            match e:
                case RunStarted() if e.scheduler:
                    self.expect(e.scheduler)
                case TrialSuggested() if e.trial not in self.by_number and (self._rivals or not e.origin):
                    self._settle()
                    self.by_number[e.trial], self._configs[e.trial], self._new = Fate(e.trial), e.config, e.trial
                case TrialReported() if e.trial in self.by_number:
                    self._report(self.by_number[e.trial], e)
                case TrialJudged() if e.trial in self.by_number:
                    self._judge(self.by_number[e.trial], e)
                case TrialShelved() if e.trial in self.by_number:
                    self.by_number[e.trial].shelved = True
                case TrialFinished() if e.trial in self.by_number:
                    self._end(self.by_number[e.trial], e)
                case _:
                    pass

    def expect(self, scheduler: dict[str, Any]) -> None:
        """Take the settings of the scheduler over, as a run tells them when it starts."""
        if scheduler == self.scheduler:
            return
        self.scheduler = scheduler
        made: Any = catalogue.from_json(scheduler)
        if made is None:
            return
        self.plan = tuple(getattr(made, "brackets", ()))
        self._books = made.schedule()
        self.budgets = tuple(self._books.budgets)
        self._rivals = only_stops(made)

    def _report(self, fate: Fate, e: TrialReported) -> None:
        if not fate.step:
            fate.first = e.step
        fate.step = budget_of(e.step, fate.first)
        self._settle(fate)
        if fate.trial in self._retold:
            self._retell(fate, e.loss)
        elif fate.goal and fate.step >= fate.goal:
            fate.losses.setdefault(fate.goal, finite(e.loss))

    def _judge(self, fate: Fate, e: TrialJudged) -> None:
        """Take a word over. What schedulers say has ``rung`` and ``goal``, of brackets ``bracket`` too; others have no rungs."""
        if fate.trial == self._new:
            self._new = None
            fate.bracket = getattr(e.why, "bracket", 0)
            self.brackets.setdefault(fate.bracket, []).append(fate.trial)
        fate.why = e.why
        goal = int(getattr(e.why, "goal", 0))
        if goal and goal not in self.budgets:
            self.budgets = tuple(sorted({*self.budgets, goal}))
        fate.goal = goal or fate.goal
        fate.rung = int(getattr(e.why, "rung", 0))
        if e.action == "wait":
            fate.status = "waiting"
        elif e.action == "go":
            fate.shelved = False
            promoted = getattr(e.why, "rank", 0) > 0
            fate.rung += promoted
            fate.status = "promoted" if promoted else "running"

    def _end(self, fate: Fate, e: TrialFinished) -> None:
        self._settle(fate)
        if fate.trial in self._retold and self._books is not None and fate.live:
            if e.state == "interrupted":
                self._lost.append(fate.trial)
            else:
                self._books.end(fate.trial, e.loss, stopped=e.state == "pruned")
        if fate.live:
            fate.status, fate.shelved = _ENDS[e.state], False

    # ---- trials of an earlier session ----------------------------------------------------------------------------------

    def _settle(self, fate: Fate | None = None) -> None:
        """Open the newest trial in the books, if something else is heard of it, or of another trial, than its first word."""
        if self._new is None or self._books is None or (fate is not None and fate.trial != self._new):
            return
        fate, self._new = self.by_number[self._new], None
        config = self._configs[fate.trial]
        again = next((k for k in self._lost if self._configs[k] == config), None)
        if again is not None:
            self._lost.remove(again)
        begun = self._books.begin(fate.trial, instead_of=again)
        fate.why, fate.bracket = begun.why, getattr(begun.why, "bracket", 0)
        self.brackets.setdefault(fate.bracket, []).append(fate.trial)
        self._retold.add(fate.trial)
        self._place(fate)

    def _retell(self, fate: Fate, loss: float) -> None:
        """Tell the books of a step, and read off where the trial stands."""
        assert self._books is not None
        said = self._books.report(fate.trial, fate.step, loss)
        for verdict in () if isinstance(said, Later) else said:  # what takes long is not worked out a second time
            if verdict.trial == fate.trial:
                fate.why = verdict.why
        self._place(fate)
        for rung in self.rungs(fate.bracket):
            if rung.r <= fate.step:
                fate.losses.setdefault(rung.r, finite(loss))

    def _place(self, fate: Fate) -> None:
        assert self._books is not None
        rungs = [rung.r for rung in self.rungs(fate.bracket)]
        fate.goal = self._books.goal(fate.trial) or 0
        fate.rung = rungs.index(fate.goal) if fate.goal in rungs else 0

    # ---- what views ask --------------------------------------------------------------------------------------------------

    @property
    def present(self) -> int:
        """The first bracket that is not over; if all are, the newest."""
        for bracket, trials in self.brackets.items():
            if any(self.by_number[k].live for k in trials):
                return bracket
        return max(self.brackets, default=0)

    @property
    def bracketed(self) -> bool:
        """Whether trials race in brackets; else all are on one ladder of rungs, or there are none."""
        return bool(self.plan)

    def rungs(self, bracket: int) -> Bracket:
        """Rungs of a bracket; n is 0 where their number of trials is not planned."""
        if self.plan:
            return self.plan[bracket % len(self.plan)]
        return tuple(Rung(0, r) for r in self.budgets)

    @property
    def waiting(self) -> list[Fate]:
        """Trials that wait for others."""
        return [f for f in list(self.by_number.values()) if f.status == "waiting"]
