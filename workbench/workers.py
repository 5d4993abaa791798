"""Worker threads that run one step of a trial at a time, and can be left behind if a step never ends."""

from __future__ import annotations

import contextlib
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TextIO

from workbench.events import Printed
from workbench.objective import ConfigSteps, Pruned, Step, Steps

MAX_LINES = 200  # printed lines kept per trial
MAX_WIDTH = 2_000  # characters kept per line

PrintTo = Callable[[str], None]
_print_to: ContextVar[PrintTo | None] = ContextVar("workbench_print_to", default=None)


@dataclass(frozen=True, slots=True)
class StepDone:
    """What became of one step: a loss, the end (``step`` None), a pruning, or an error with its traceback."""

    trial: int
    step: Step | None = None
    pruned: bool = False
    error: str | None = None
    interrupt: bool = False  # KeyboardInterrupt or SystemExit: the user wants everything to stop


def take_step(trial: int, steps: Steps) -> StepDone:
    """Run one step of a trial; whatever happens comes back as data."""
    try:
        return StepDone(trial, step=next(steps))
    except StopIteration:
        return StepDone(trial)
    except Pruned:
        return StepDone(trial, pruned=True)
    except (KeyboardInterrupt, SystemExit):
        return StepDone(trial, error=traceback.format_exc(), interrupt=True)
    except BaseException:  # noqa: BLE001 - an objective may raise anything; it is kept and shown
        return StepDone(trial, error=traceback.format_exc())


def close_quietly(steps: Steps) -> None:
    """Close a trial that is given up; whatever its ``finally`` blocks raise concerns nobody any more."""
    with contextlib.suppress(BaseException):
        steps.close()


class Threads:
    """Daemon threads; each runs steps from one queue. A thread whose step never ends is left behind by ``abandon``."""

    def __init__(self, tell: Callable[[StepDone], None]) -> None:
        self._tell = tell
        self._tasks: SimpleQueue[tuple[int, Steps, PrintTo] | None] = SimpleQueue()
        self._idle = 0
        self._busy: dict[int, threading.Thread] = {}
        self._lost: set[threading.Thread] = set()
        self._n_threads = 0
        self._lock = threading.Lock()

    def submit(self, trial: int, steps: Steps, print_to: PrintTo) -> None:
        """Run the next step of that trial as soon as a thread is free; a new thread is made if there is none."""
        with self._lock:
            grow = self._idle <= self._tasks.qsize()
            if grow:
                self._n_threads += 1
        if grow:
            run = copy_context().run
            threading.Thread(target=run, args=(self._work,), daemon=True, name="workbench-worker").start()
        self._tasks.put((trial, steps, print_to))

    def _work(self) -> None:
        me = threading.current_thread()
        while True:
            with self._lock:
                self._idle += 1
            task = self._tasks.get()
            with self._lock:
                self._idle -= 1
                if task is None:
                    return
                self._busy[task[0]] = me
            trial, steps, print_to = task
            _print_to.set(print_to)
            done = take_step(trial, steps)
            _print_to.set(None)
            with self._lock:
                lost = me in self._lost
                if lost:
                    self._lost.discard(me)
                else:
                    self._busy.pop(trial, None)
            if lost:
                close_quietly(steps)
                return
            self._tell(done)

    def abandon(self, trial: int) -> None:
        """Leave the thread that runs this trial behind: what it still says is not heard."""
        with self._lock:
            thread = self._busy.pop(trial, None)
            if thread is not None:
                self._lost.add(thread)
                self._n_threads -= 1

    def close(self) -> None:
        """Let the idle threads end."""
        for _ in range(self._n_threads):
            self._tasks.put(None)


class Pool:
    """The same over any ``concurrent.futures.Executor``: threads, loky processes, Dask, ipyparallel."""

    def __init__(self, executor: Executor, tell: Callable[[StepDone], None]) -> None:
        self._executor = executor
        self._tell = tell
        self._futures: dict[int, Future[StepDone]] = {}

    def submit(self, trial: int, steps: Steps, print_to: PrintTo) -> None:  # noqa: ARG002
        """Run the next step of that trial in the executor."""
        future = self._executor.submit(take_step, trial, steps)
        self._futures[trial] = future
        future.add_done_callback(lambda f: self._hear(trial, steps, f))

    def _hear(self, trial: int, steps: Steps, future: Future[StepDone]) -> None:
        if self._futures.get(trial) is not future:
            return  # abandoned
        del self._futures[trial]
        error = future.exception()
        if error is not None:
            self._tell(StepDone(trial, error="".join(traceback.format_exception(error))))
            return
        done = future.result()
        if done.step is not None and not done.step.last and isinstance(steps, ConfigSteps) and not steps.begun:
            done = StepDone(trial, error="ObjectiveError: a generator objective cannot travel between processes. Use "
                                         "threads (leave executor out), or a function that returns the loss.")
        self._tell(done)

    def abandon(self, trial: int) -> None:
        """Do not hear what this trial's step still says."""
        future = self._futures.pop(trial, None)
        if future is not None:
            future.cancel()

    def close(self) -> None:
        """Leave the executor to its owner."""


class Lines:
    """What one trial prints, cut into lines; a bounded number of them is kept."""

    def __init__(self, trial: int, tell: Callable[[Printed], None]) -> None:
        self._trial = trial
        self._tell = tell
        self._n = 0
        self._half = ""
        self._lock = threading.Lock()

    def __call__(self, text: str) -> None:
        """Take what was printed."""
        if self._n > MAX_LINES:
            return
        with self._lock:
            *lines, half = (self._half + text).split("\n")
            self._half = half[-MAX_WIDTH:]
            for line in lines:
                self._keep(line)

    def _keep(self, line: str) -> None:
        self._n += 1
        if self._n <= MAX_LINES:
            self._tell(Printed(self._trial, line[:MAX_WIDTH]))
        elif self._n == MAX_LINES + 1:
            self._tell(Printed(self._trial, f"[… more than {MAX_LINES} lines: the rest is not kept]"))

    def rest(self) -> Printed | None:
        """Return the last line, if it was not ended, and hear nothing more."""
        with self._lock:
            half, self._half = self._half, ""
            over, self._n = self._n, MAX_LINES + 1
        return Printed(self._trial, half) if half and over < MAX_LINES else None


class _Router:
    """Stands in for ``sys.stdout``: what a worker prints goes to its trial, all else where it went before."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def write(self, text: str) -> int:
        """Write to the trial of this thread, or to the real standard output."""
        sink = _print_to.get()
        if sink is None:
            return self.out.write(text)
        sink(text)
        return len(text)

    def flush(self) -> None:
        """Flush the real standard output."""
        self.out.flush()

    def __getattr__(self, name: str) -> Any:
        """Everything else is the real standard output's."""
        return getattr(self.out, name)


class CapturedPrints:
    """While it is open, prints of worker threads go to their trials. May be opened several times at once."""

    _open = 0
    _lock = threading.Lock()

    def __enter__(self) -> CapturedPrints:
        """Put the router in place."""
        with self._lock:
            CapturedPrints._open += 1
            if not isinstance(sys.stdout, _Router):
                sys.stdout = _Router(sys.stdout)
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away when the last user leaves."""
        with self._lock:
            CapturedPrints._open -= 1
            if CapturedPrints._open == 0 and isinstance(sys.stdout, _Router):
                sys.stdout = sys.stdout.out
