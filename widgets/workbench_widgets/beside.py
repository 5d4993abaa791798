"""Work beside a run: in a thread of its own, and so seldom that the run is hardly slower for it.

A thread that computes and one that trains share one interpreter. While numpy or scikit-learn compute they let it go, but in
between the training waits, at worst all the time that the other takes. So what is counted is that time by the clock, not only the
thread's own CPU time, and the next piece begins after twenty times as much: at worst the run loses 1 part in 21.

The thread has no lower priority. On a busy machine it would be made to wait while it holds the interpreter, and the training,
which waits for that, would wait with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from workbench_widgets.threads import spawn

REST = 20.0  # rest after each piece while a run goes on, in units of what the piece took
AT_REST = 1.0  # the same where no run goes on: other views want their turn


class Pace:
    """Says when the next piece of work may begin. Panels share one, so that several take no more than one does."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._ended, self._cost, self._free_at = -1e9, 0.0, -1e9

    def wait_s(self, *, running: bool) -> float:
        """Return the seconds until the next piece may begin; ``running``: a run goes on that it would slow down."""
        with self._lock:
            free_at = self._free_at if running else self._ended + AT_REST * self._cost
            return max(0.0, free_at - self._clock())

    def spent(self, cost_s: float) -> None:
        """Take note of what a piece has taken. Pieces that could not wait make the next one wait the longer."""
        with self._lock:
            self._ended, self._cost = self._clock(), cost_s
            self._free_at = max(self._free_at, self._ended) + REST * cost_s

    def also(self, cost_s: float) -> None:
        """Take note of what was done because of a piece, elsewhere: gathering what it needs, drawing what it found."""
        with self._lock:
            self._free_at = max(self._free_at, self._clock()) + REST * cost_s


PACE = Pace()


class Stopped(Exception):
    """Nobody wants the answer any more."""


Work = Callable[[Callable[[], None]], object]


class Beside:
    """One piece of work at a time, in a daemon thread.

    Parameters
    ----------
    done
        Called, in that thread, with the work and what it returned, or its exception; not if it was stopped.
    prepare
        Called before each piece and not counted: imports, which take their time only once.
    """

    def __init__(self, name: str, done: Callable[[Work, object], object], pace: Pace = PACE, *,
                 prepare: Callable[[], object] = lambda: None) -> None:
        self._name, self._done, self.pace, self._prepare = name, done, pace, prepare
        self._stop: threading.Event | None = None

    @property
    def busy(self) -> bool:
        """Whether a piece is under way whose answer is still wanted."""
        return self._stop is not None

    def stop(self) -> None:
        """Forget the piece that is under way; it ends at its next ``check``."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()

    def start(self, work: Work) -> None:
        """Begin a piece; it gets a ``check`` to call now and then, which raises ``Stopped`` when nobody wants the answer."""
        self.stop()
        self._stop = stop = threading.Event()

        def check() -> None:
            if stop.is_set():
                raise Stopped

        def run() -> None:
            answer: object
            began = time.perf_counter()
            try:
                self._prepare()
                began = time.perf_counter()
                answer = work(check)
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - said where the answer would stand
                answer = error
            finally:
                self.pace.spent(time.perf_counter() - began)
            if self._stop is stop:
                self._stop = None
                self._done(work, answer)

        spawn(run, self._name)
