"""Who worked when: events folded into stretches of work, one worker each. Pauses of the run take no time.

A trial works from its beginning, or from the word that lets it go on, until it waits or ends. Events do not say which worker
does it, so workers are the slots that are free: the first free one takes the trial that has waited for one the longest. Of the
trials of an earlier session nothing is known but their beginning and end; under a scheduler they are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.events import (
    Event,
    Folded,
    RunFinished,
    RunStarted,
    StateChanged,
    TrialFinished,
    TrialJudged,
    TrialSuggested,
)

_STILL = ("paused", "stopped", "done", "failed")


@dataclass(slots=True)
class Stretch:
    """A trial's work without a break: seconds of the run's own clock; ``end`` is None while it goes on.

    ``rung`` counts from 0; ``goal`` is the number of steps that it may run to, 0 if none was given.
    """

    trial: int
    worker: int
    start: float
    rung: int = 0
    goal: int = 0
    end: float | None = None


class Timeline(Folded):
    """The work of all workers, kept up to date by ``fold``. Folding in pieces equals folding at once.

    Attributes
    ----------
    stretches
        In the order in which they began.
    n_workers
        How many workers the run has now.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.stretches: list[Stretch] = []
        self.n_workers = 1
        self._busy: dict[int, Stretch] = {}  # by trial
        self._judged = False  # whether a scheduler's words say when a trial begins and goes on; else it works from end to end
        self._queue: deque[tuple[int, int, int]] = deque()  # trials that may go on but have no worker: trial, rung, goal
        self._known: set[int] = set()
        self._since: float | None = None  # when the clock was started last; None while it stands still
        self._before = 0.0  # what it showed then
        self._last = 0.0  # time of the newest event
        self._capacity = 0.0  # worker seconds up to ``_counted``
        self._counted = 0.0
        self._halted: list[Stretch] = []  # work that a pause has cut
        self.fold(events)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            self._last = max(self._last, e.time)
            match e:
                case RunStarted():
                    self._count()
                    self.n_workers, self._judged = e.n_workers, bool(e.scheduler)
                case StateChanged(state="running"):
                    self._start(e.time)
                case StateChanged() if e.state in _STILL:
                    self._halt(e.time)
                case RunFinished():
                    self._halt(e.time)
                case TrialSuggested() if e.origin:
                    self._known.add(e.trial)  # no worker of this run has run it
                case TrialSuggested() if not self._judged and e.trial not in self._known:
                    self._known.add(e.trial)
                    self._start(e.time)
                    self._work(e.trial, 0, 0, e.time)
                case TrialJudged():
                    self._judge(e)
                case TrialFinished():
                    self._queue = deque(q for q in self._queue if q[0] != e.trial)
                    self._halted = [s for s in self._halted if s.trial != e.trial]
                    self._release(e.trial, e.time)
                    self._serve(e.time)
                case _:
                    pass

    def _judge(self, e: TrialJudged) -> None:
        rung, goal = int(getattr(e.why, "rung", 0)), int(getattr(e.why, "goal", 0))
        if e.action == "go" and not e.step and e.trial not in self._known:  # it begins
            self._known.add(e.trial)
            self._start(e.time)
            self._work(e.trial, rung, goal, e.time)
        elif e.action == "go":
            self._queue.append((e.trial, rung + (getattr(e.why, "rank", 0) > 0), goal))
            self._release(e.trial, e.time)
            self._serve(e.time)
        elif e.action == "wait":
            self._release(e.trial, e.time)
            self._serve(e.time)

    # ---- the clock -----------------------------------------------------------------------------------------------------

    def clock(self, time: float) -> float:
        """Seconds that the run had run at that time, pauses left out."""
        return self._before if self._since is None else self._before + max(0.0, time - self._since)

    @property
    def now(self) -> float:
        """What the clock showed at the newest event."""
        return self.clock(self._last)

    def _start(self, time: float) -> None:
        """Start the clock, and what a pause has cut."""
        if self._since is None:
            self._since = time
            for cut in self._halted:
                self._begin(Stretch(cut.trial, cut.worker, self.clock(time), cut.rung, cut.goal))
            self._halted = []

    def _halt(self, time: float) -> None:
        """Stop the clock; nobody works while it stands."""
        if self._since is None:
            return
        at = self.clock(time)
        self._count(time)
        for stretch in self._busy.values():
            stretch.end = at
        self._halted, self._busy = list(self._busy.values()), {}
        self._before, self._since = at, None

    def _count(self, time: float | None = None) -> None:
        """Add the worker seconds since they were counted last."""
        at = self.clock(self._last if time is None else time)
        self._capacity += self.n_workers * (at - self._counted)
        self._counted = at

    # ---- workers ---------------------------------------------------------------------------------------------------------

    def _work(self, trial: int, rung: int, goal: int, time: float) -> None:
        """Give the trial to the first free worker; to one more if none is, as a new trial begins only where one is free."""
        taken = {s.worker for s in self._busy.values()}
        worker = next(k for k in range(len(taken) + 1) if k not in taken)
        self._begin(Stretch(trial, worker, self.clock(time), rung, goal))

    def _begin(self, stretch: Stretch) -> None:
        self._busy[stretch.trial] = stretch
        self.stretches.append(stretch)

    def _release(self, trial: int, time: float) -> None:
        stretch = self._busy.pop(trial, None)
        if stretch is not None:
            stretch.end = self.clock(time)

    def _serve(self, time: float) -> None:
        """Let queued trials have the workers that are free."""
        while self._queue and len(self._busy) < self.n_workers and self._since is not None:
            self._work(*self._queue.popleft(), time)

    # ---- what views ask --------------------------------------------------------------------------------------------------

    @property
    def n_busy(self) -> int:
        """How many workers have something to do."""
        return len(self._busy)

    @property
    def idle(self) -> float:
        """Share of the workers' time in which they had nothing to do, until now; nan before the start."""
        now = self.now
        capacity = self._capacity + self.n_workers * (now - self._counted)
        worked = sum((now if s.end is None else s.end) - s.start for s in list(self.stretches))
        return max(0.0, 1 - worked / capacity) if capacity > 0 else float("nan")
