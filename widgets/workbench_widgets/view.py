"""A view folds events and draws; a selection ties views together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from workbench.events import Event


class View(Protocol):
    """``fold`` takes events in (cheap bookkeeping), ``draw`` brings the screen up to date (once a tick).

    A view knows events, never runs or algorithms; so a saved log redraws the same picture.
    """

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        ...

    def draw(self) -> None:
        """Show what was folded."""
        ...


class Selection:
    """Which trial is picked, shared by linked views."""

    def __init__(self) -> None:
        self.trial: int | None = None
        self._listeners: list[Callable[[int | None], Any]] = []
        self._lock = threading.Lock()

    def pick(self, trial: int | None) -> None:
        """Pick a trial (None: no trial) and tell all listeners."""
        with self._lock:
            if trial == self.trial:
                return
            self.trial = trial
            listeners = list(self._listeners)
        for tell in listeners:
            tell(trial)

    def listen(self, tell: Callable[[int | None], Any]) -> None:
        """Call ``tell`` whenever the selection changes."""
        with self._lock:
            self._listeners.append(tell)
