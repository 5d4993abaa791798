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

from workbench.events import EventLog
from workbench_widgets.threads import spawn
from workbench_widgets.view import View

log = logging.getLogger("workbench.widgets")

PERIOD_S = 0.1
SHARE = 0.3  # of one core that drawing may take


class _Followed:
    """A view and how far it has read its log."""

    def __init__(self, view: View, events: EventLog) -> None:
        self.view = weakref.ref(view)
        self.events = events
        self.cursor = 0


class Pump:
    """Feeds views from logs. One per kernel: ``pump``."""

    def __init__(self) -> None:
        self._followed: list[_Followed] = []
        self._asked: list[weakref.ref[View]] = []
        self._lock = threading.Lock()
        self._busy = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def attach(self, view: View, events: EventLog) -> None:
        """Let the view follow the log, from its beginning."""
        with self._lock:
            self._followed.append(_Followed(view, events))
            if self._thread is None or not self._thread.is_alive():
                self._thread = spawn(self._loop, "pump")
        self._wake.set()

    def detach(self, view: View) -> None:
        """Stop feeding the view."""
        with self._lock:
            self._followed = [f for f in self._followed if f.view() is not view]

    def ask(self, view: View) -> None:
        """Draw the view soon, though nothing happened: its settings changed."""
        with self._lock:
            self._asked.append(weakref.ref(view))
        self._wake.set()

    def tick(self) -> None:
        """Move what is new, now. Called by the pump's thread, and by tests."""
        with self._busy:
            with self._lock:
                followed = list(self._followed)
                dirty = [v for ref in self._asked if (v := ref()) is not None]
                self._asked.clear()
            for f in followed:
                view = f.view()
                if view is None:
                    with self._lock:
                        self._followed = [g for g in self._followed if g is not f]
                    continue
                new = f.events.since(f.cursor)
                if new:
                    f.cursor += len(new)
                    self._guard(lambda view=view, new=new: view.fold(new))  # type: ignore[misc]
                if (new or getattr(view, "ticks", False)) and view not in dirty:
                    dirty.append(view)
            for view in dirty:
                self._guard(view.draw)

    def _guard(self, act: object) -> None:
        try:
            act()  # type: ignore[operator]
        except Exception:
            log.exception("a view failed; the others go on")

    def _loop(self) -> None:
        while True:
            began = time.monotonic()
            self.tick()
            used = time.monotonic() - began
            with self._lock:
                idle = not self._followed and not self._asked
            rest = None if idle else max(PERIOD_S, used / SHARE) - used
            self._wake.wait(rest)  # a request, such as a click, is answered at once
            self._wake.clear()


pump = Pump()
