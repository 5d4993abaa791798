"""Live view: what objectives printed, failures, and what the run says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from workbench.events import Event, Printed, RunFinished, StateChanged, TrialFinished
from workbench.trials import Trials
from workbench_widgets.view import Paced, Selection
from workbench_widgets.words import first_line

LINES = 400  # kept
WIDTH = 2000  # characters of one line


class LogView(Paced):
    """The last lines that were printed, and every failure. ``sink`` gets all lines as ``[time, who, text, kind]``."""

    every_s = 0.25

    def __init__(self, sink: Callable[[list[Any]], object] = lambda _: None, trials: Trials | None = None,
                 selection: Selection | None = None) -> None:
        super().__init__(trials, selection)
        self._sink = sink
        self.front = False
        self.lines: list[list[str]] = []

    @property
    def seen(self) -> bool:
        """Whether it is on screen."""
        return self.front

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            line = _line(e)
            if line is not None:
                self.lines.append(line)
                self._dirty = True
        del self.lines[:-LINES]

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        newest_first = (line for e in reversed(events) if isinstance(e, _SPEAK) and (line := _line(e)) is not None)
        self.lines = list(islice(newest_first, LINES))[::-1]
        super().rewind(events)

    def show(self) -> None:
        """Hand the lines out."""
        self._sink([list(line) for line in self.lines])


_SPEAK = (Printed, TrialFinished, StateChanged, RunFinished)


def _line(e: Event) -> list[str] | None:
    said = _said(e)
    return None if said is None else [time.strftime("%H:%M:%S", time.localtime(e.time)), *said]


def _said(e: Event) -> tuple[str, str, str] | None:
    match e:
        case Printed():
            return f"trial {e.trial}", e.text[:WIDTH], "print"
        case TrialFinished(state="failed"):
            return f"trial {e.trial}", f"failed: {first_line(e.error)}", "error"
        case StateChanged() if e.detail:
            return "run", f"{e.state}: {e.detail}"[:WIDTH], "error" if e.state == "failed" else "state"
        case RunFinished(error=str(error)):
            return "run", error[-WIDTH:], "error"
        case RunFinished():
            return "run", e.reason, "state"
    return None
