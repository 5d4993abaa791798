"""Which moment of a log a panel shows: the present one, or one that it looks back at while the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.events import Event, EventLog
from workbench.reel import Reel


class Playhead:
    """Decides what a panel folds. While it follows, that is all that happens; else what lies before a moment.

    Parameters
    ----------
    log
        The log; events that are not yet known here are not looked at.
    fold
        Takes further events in.
    rewind
        Forgets all but these events.

    Attributes
    ----------
    at
        The moment that is shown: so many events are folded.
    follows
        Whether the panel shows the present and goes with it.
    """

    def __init__(self, log: EventLog, total: int, fold: Callable[[Sequence[Event]], object],
                 rewind: Callable[[Sequence[Event]], object]) -> None:
        self._log, self._fold, self._rewind = log, fold, rewind
        self.reel = Reel(log)
        self.at, self.total = total, total
        self.follows = True
        self.reel.grow(total)

    def hear(self, events: Sequence[Event]) -> None:
        """Let it know what has happened. It is folded now, or when the panel comes back to the present."""
        self.total += len(events)
        self.reel.grow(self.total)
        if self.follows:
            self._fold(events)
            self.at = self.total

    def jump(self, at: int | None) -> None:
        """Go to a moment; None, or the last one: to the present, and follow it."""
        to = self.total if at is None else min(max(at, 0), self.total)
        if to < self.at:
            self._rewind(self._log.since(0)[:to])
        elif to > self.at:
            self._fold(self._log.since(self.at)[:to - self.at])
        self.at, self.follows = to, to == self.total

    @property
    def next_trial(self) -> int | None:
        """The trial that was chosen next at this moment; None at the present, or where none was."""
        return None if self.follows else self.reel.next_trial(self.at)
