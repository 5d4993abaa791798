"""A log as a reel of moments: moment n is after its first n events. Where trials begin and end on it, and how to play it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from workbench.events import (
    Event,
    EventLog,
    Folded,
    Printed,
    RunFinished,
    RunStarted,
    RunState,
    StateChanged,
    StepTaken,
    TrialFinished,
    TrialJudged,
    TrialReported,
    TrialShelved,
    TrialSuggested,
)

LONGEST_WAIT_S = 1.0  # of a reel that is played as it ran: where nothing happened for longer, it goes on
VERDICTS = {"go": "goes on", "wait": "waits for others", "stop": "is stopped", "finish": "is finished"}


class Course(Folded):
    """The state of a run, and what it said with it. ``Run`` knows its present one, a log all of them."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.state: RunState = "ready"
        self.detail = ""
        self.fold(events)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            if isinstance(e, StateChanged):
                self.state, self.detail = e.state, e.detail


class Reel:
    """Where the moments of a log are. Reads the log up to ``total`` events; ``grow`` lets it know of more.

    Attributes
    ----------
    ends
        Moments just after a trial has ended, ascending; an interruption that is told twice counts once.
    better
        Those of them at which there was a new best trial (of one loss).
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.total = 0
        self.ends: list[int] = []
        self.better: list[int] = []
        self._begins: list[int] = []  # moments just before a trial was suggested
        self._numbers: list[int] = []  # its number
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._best = math.inf
        self.grow(len(log))

    def grow(self, total: int) -> None:
        """Take the log in up to its event number ``total``."""
        for at, e in enumerate(self.log.since(self.total)[:max(total - self.total, 0)], start=self.total + 1):
            match e:
                case TrialSuggested() if e.trial not in self._begun:
                    self._begun.add(e.trial)
                    self._begins.append(at - 1)
                    self._numbers.append(e.trial)
                case TrialFinished() if e.trial not in self._ended:
                    self._ended.add(e.trial)
                    self.ends.append(at)
                    if e.state == "complete" and e.loss is not None and -math.inf < e.loss < self._best:
                        self._best = e.loss
                        self.better.append(at)
                case _:
                    pass
            self.total = at

    def within(self, at: int) -> int:
        """Return the nearest moment that there is."""
        return min(max(at, 0), self.total)

    def next_trial(self, at: int) -> int | None:
        """Return the number of the first trial that was suggested after a moment; None if there is none."""
        i = bisect_left(self._begins, at)
        return self._numbers[i] if i < len(self._numbers) else None

    def next_end(self, at: int) -> int:
        """Return the moment after the next end of a trial; the last moment if there is none."""
        i = bisect_right(self.ends, at)
        return self.ends[i] if i < len(self.ends) else self.total

    def last_end(self, at: int) -> int:
        """Return the moment after the last end of a trial before this moment; 0 if there is none."""
        i = bisect_left(self.ends, at)
        return self.ends[i - 1] if i else 0

    # ---- playing ---------------------------------------------------------------------------------------------------------

    def progress(self, at: float) -> float:
        """Count the trials that have ended at a moment; on the way to the next end a share of a trial."""
        i = bisect_right(self.ends, at)
        start, end = self.ends[i - 1] if i else 0, self.ends[i] if i < len(self.ends) else self.total
        return i + (at - start) / (end - start) if end > start else float(i)

    def at_progress(self, progress: float) -> float:
        """Undo ``progress``."""
        i = int(progress)
        if i > len(self.ends):
            return float(self.total)
        start, end = self.ends[i - 1] if i else 0, self.ends[i] if i < len(self.ends) else self.total
        return start + (progress - i) * (end - start)

    def after(self, at: float, seconds: float) -> float:
        """Return the moment so many seconds after another one, as it ran; long waits are cut short.

        The fraction of a moment is the part of the wait for the next event that is over.
        """
        i, part = int(at), at - int(at)
        while i < self.total:
            wait = min(max(self.log[i].time - self.log[i - 1].time, 0.0), LONGEST_WAIT_S) if i else 0.0
            left = wait * (1 - part)
            if left > seconds:
                return i + part + seconds / wait
            i, part, seconds = i + 1, 0.0, seconds - left
        return float(self.total)


def said(e: Event) -> str:
    """Say what an event was, in a few words."""
    match e:
        case RunStarted():
            return "settings of the run"
        case TrialSuggested():
            return f"trial {e.trial} begins"
        case TrialReported():
            return f"trial {e.trial}, step {e.step}"
        case TrialJudged():
            return f"trial {e.trial} {VERDICTS[e.action]}"
        case TrialShelved():
            return f"trial {e.trial} is shelved"
        case TrialFinished():
            return f"trial {e.trial} is {'done' if e.state == 'complete' else e.state}"
        case Printed():
            return f"trial {e.trial} prints a line"
        case StepTaken():
            return f"step {e.step}"
        case StateChanged():
            return f"the run is {e.state}"
        case RunFinished():
            return f"the run ends: {e.reason}"
