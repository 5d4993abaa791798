"""The one thread that moves events into widgets.

Workers never touch a widget: they append to a run's log. The pump looks at all logs ten times a second, folds what is
new into the views that follow them and lets each draw once; so 5,000 events become a handful of messages, and the last
state always arrives. A slow front end makes it look less often, never fall behind.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from workbench.events import EventLog
from workbench_widgets.threads import spawn

log = logging.getLogger("workbench.widgets")

PERIOD_S = 0.1
SHARE = 0.3  # of one core that folding and drawing may take
DRAWS_PER_S = 20.0  # what a page can draw of plotly figures, all together


class _Followed:
    """A view and how far it has read its log."""

    def __init__(self, view: Any, events: EventLog, cursor: int) -> None:
        self.view = weakref.ref(view)
        self.events = events
        self.cursor = cursor


class Pump:
    """Feeds views from logs. One per kernel: ``pump``. A view lives as long as somebody else holds it.

    A view may say that it ``waits`` for a later tick although nothing happens, and how many figures on
    screen its last drawing has changed (``n_drawn``), which slows the pump when they are many.
    """

    def __init__(self) -> None:
        self._followed: list[_Followed] = []
        self._asked: list[weakref.ref[Any]] = []
        self._lock = threading.Lock()
        self._ticking = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def attach(self, view: Any, events: EventLog, *, cursor: int = 0) -> None:
        """Let the view follow the log, from event number ``cursor`` on."""
        with self._lock:
            self._followed.append(_Followed(view, events, cursor))
        self._start()

    def detach(self, view: Any) -> None:
        """Stop feeding the view."""
        with self._lock:
            self._followed = [f for f in self._followed if f.view() is not view]

    def ask(self, view: Any) -> None:
        """Draw the view soon, though nothing happened: its settings changed, or it has commands to carry out."""
        with self._lock:
            self._asked.append(weakref.ref(view))
        self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = spawn(self._loop, "pump")
        self._wake.set()

    def tick(self) -> int:
        """Move what is new, now. Called by the pump's thread, and by tests. Returns how many figures the page has to draw."""
        with self._ticking:
            with self._lock:
                followed = list(self._followed)
                asked = [v for ref in self._asked if (v := ref()) is not None]
                self._asked.clear()
            dirty = {id(v): v for v in asked}
            for f in followed:
                view = f.view()
                if view is None:
                    self._forget(f)
                    continue
                new = f.events.since(f.cursor)
                f.cursor += len(new)
                if new:
                    _guard(lambda view=view, new=new: view.fold(new))  # type: ignore[misc]
                if new or getattr(view, "waits", False):
                    dirty[id(view)] = view
            for view in dirty.values():
                _guard(view.draw)
            return sum(getattr(v, "n_drawn", 0) for v in dirty.values())

    def _forget(self, followed: _Followed) -> None:
        with self._lock:
            self._followed = [f for f in self._followed if f is not followed]

    def _loop(self) -> None:
        while True:
            began = time.monotonic()
            n_figures = self.tick()
            used = time.monotonic() - began
            with self._lock:
                idle = not self._followed and not self._asked
            rest = max(PERIOD_S, n_figures / DRAWS_PER_S, used / SHARE) - used
            self._wake.wait(None if idle else rest)  # a request, such as a click, is answered at once
            self._wake.clear()


def _guard(act: Callable[[], object]) -> None:
    try:
        act()
    except Exception:
        log.exception("a view failed; the others go on")


pump = Pump()
