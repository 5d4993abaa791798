"""A run of a search that is no list of trials: a generator of steps, drained in a background thread.

::

    run = wb.nas.search(strategy, data)   # waits for start(), or for the Start button of its panel
    run.start().wait()
    run.frame(), run.result, run.figure()

``wb.learn(learner)`` makes such a run of anything else that learns step by step.

A step cannot be interrupted: a pause and a stop wait for its end. While the run is paused it has no thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from functools import partial
from html import escape
from importlib import import_module
from typing import Any, Literal

import pandas as pd

from workbench.errors import LogError, RunError
from workbench.event_file import dumps
from workbench.events import Event, EventLog, RunFinished, RunStarted, RunState, StateChanged, StepTaken
from workbench.history import Explanation
from workbench.nas.cells import Architecture
from workbench.notebook import mimebundle
from workbench.reel import Course
from workbench.steps import Steps, frame

LEARNING = "learning"  # ``about["kind"]`` of a run that is no search for an architecture
ENDED: tuple[RunState, ...] = ("stopped", "done", "failed")
MOVING: tuple[RunState, ...] = ("running", "pausing", "stopping")


class StepResults:
    """The half of such a run that only reads."""

    name: str | None
    seed: int
    log: EventLog
    state: RunState
    detail: str
    read_only = False
    _steps: Steps
    _folded: int
    _lock: threading.RLock

    @property
    def steps(self) -> Steps:
        """The steps so far."""
        with self._lock:
            new = self.log.since(self._folded)
            self._folded += len(new)
            self._steps.fold(new)
            return self._steps

    @property
    def n_done(self) -> int:
        """How many steps were taken."""
        return len(self.steps)

    @property
    def n_steps(self) -> int | None:
        """How many steps there are; None if that is not known."""
        return self.steps.total

    @property
    def label(self) -> str:
        """Name of the strategy."""
        started = self.steps.started
        return "" if started is None else started.algorithm

    @property
    def about(self) -> dict[str, Any]:
        """What it searches, on what data, and what it is compared with."""
        return self.steps.about

    @property
    def result(self) -> Explanation | None:
        """The newest reason: what the search believes, and would choose now."""
        return self.steps.why

    @property
    def chosen(self) -> Architecture | None:
        """The architecture that the search would choose now; None if it tells none."""
        return getattr(self.result, "chosen", None)

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of the newest step."""
        taken = self.steps.taken
        return dict(taken[-1].metrics) if taken else {}

    @property
    def eta_s(self) -> float | None:
        """Seconds that are probably left; None if unknown."""
        return None

    @property
    def elapsed_s(self) -> float:
        """Seconds that it has run, pauses not counted."""
        raise NotImplementedError

    def frame(self) -> pd.DataFrame:
        """Return the metrics of all steps as a DataFrame, one row a step."""
        return frame(self.steps.taken)

    @property
    def kind(self) -> str:
        """What it is called in sentences: a "search", or "learning"."""
        return str(self.about.get("kind", "search"))

    @property
    def maker(self) -> str:
        """What makes such a run."""
        return "wb.learn(...)" if self.kind == LEARNING else "wb.nas.search(...)"

    def figure(self) -> Any:
        """Return what the newest step tells as a ``plotly.graph_objects.Figure``: for reports, for places without a kernel."""
        made = import_module("workbench.step_pictures")  # plotly is loaded when a picture is asked for
        drawn = made.newest(list(self.steps.taken), self.about, total=self.n_steps)
        return import_module("workbench.plots.figure").figure(drawn)

    def export(self) -> str:
        """Return the whole log as text, one JSON object a line; ``wb.replay`` shows it again from a file."""
        return "".join(f"{dumps(event)}\n" for event in self.log)

    def __repr__(self) -> str:
        """One line: name, state, progress."""
        of = "" if self.n_steps is None else f" / {self.n_steps}"
        kind = type(self).__name__
        return f"<{kind} {self.name or 'unnamed'}: {self.label or self.kind}, {self.state}, {self.n_done}{of} steps>"

    def _repr_html_(self) -> str:
        """Return the newest steps as a static table, for places without widgets."""
        head = f"<p><b>{escape(repr(self)[1:-1])}</b></p>"
        if self.detail:
            head += f"<p>{escape(self.detail)}</p>"
        if not self.n_done:
            return head + "<p>No step yet. Call start(), or step() for one at a time.</p>"
        if self.chosen is not None:
            head += f"<p>It would choose {escape(', '.join(map(str, self.chosen)))}.</p>"
        why = self.result.summary() if self.result is not None else ""
        return f"{head}<p>{escape(why)}</p>{self.frame().tail(10).to_html(escape=True, max_cols=20)}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the live panel in a notebook; a table where the notebook side is missing."""
        return mimebundle(self, "nas_panel", **kwargs)


class StepRun(StepResults):
    """A search, or what learns step by step, under way or over. Made by ``wb.nas.search`` and ``wb.learn``.

    Parameters
    ----------
    make
        Makes the generator of steps; called once, at the first start, on the run's own thread.
    label
        Name of the strategy.
    n_steps
        How many steps it will take, if that is known; for the progress bar and the time left.
    space
        What is searched, as JSON data.
    about
        What it works on and is compared with, as plain data that the log keeps.

    Attributes
    ----------
    log
        Everything that happened, as events.
    state
        "ready", "running", "pausing", "paused", "stopping", "stopped", "done" or "failed".
    detail
        What the state waits for, or what went wrong.
    error
        The whole traceback of a search that failed; else empty.
    """

    def __init__(self, make: Callable[[], Iterator[StepTaken]], *, label: str, name: str | None = None, seed: int = 0,
                 n_steps: int | None = None, space: Mapping[str, Any] | None = None,
                 about: Mapping[str, Any] | None = None) -> None:
        self.name, self.seed = name, seed
        self.log = EventLog()
        self.state: RunState = "ready"
        self.detail = self.error = ""
        self._steps, self._folded = Steps(), 0
        self._make = make
        self._generator: Iterator[StepTaken] | None = None
        self._settings = RunStarted(name, label, dict(space or {}), n_steps, seed=seed, about=dict(about or {}))
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)  # the state, or the thread, has changed
        self._wish: Literal["run", "step", "pause", "stop"] = "run"
        self._thread: threading.Thread | None = None
        self._used_s, self._since = 0.0, 0.0

    # ---- what it is --------------------------------------------------------------------------------------------

    @property
    def n_steps(self) -> int | None:
        """How many steps there are; None if that is not known."""
        return self._settings.n_trials

    @property
    def label(self) -> str:
        """Name of the strategy."""
        return self._settings.algorithm

    @property
    def about(self) -> dict[str, Any]:
        """What it searches, on what data, and what it is compared with."""
        return self._settings.about

    @property
    def elapsed_s(self) -> float:
        """Seconds that it has run, pauses not counted."""
        since = self._since
        return self._used_s + (time.monotonic() - since if since else 0.0)

    @property
    def eta_s(self) -> float | None:
        """Seconds that are probably left: the mean time per step so far, times the steps left. None if unknown."""
        n = self.n_done
        if self.n_steps is None or not n or self.state in ENDED:
            return None
        return max(self.n_steps - n, 0) * self.elapsed_s / n

    # ---- controls ----------------------------------------------------------------------------------------------

    def start(self) -> StepRun:
        """Start in the background, or go on after a pause or a stop. Returns at once.

        Raises
        ------
        RunError
            If the search is over or has failed.
        """
        return self._go("run")

    resume = start

    def pause(self) -> StepRun:
        """Take no further step; the one under way is finished. Returns at once."""
        with self._lock:
            if self.state == "running":
                self._wish = "pause"
                self._set("pausing", "the step under way is finished first")
        return self

    def step(self, *, block: bool = True) -> StepRun:
        """Take one step, then pause. Waits for it, unless ``block=False``."""
        self._go("step")
        if block:
            self._wait_for(lambda: self.state in ("paused", *ENDED), None)
        return self

    def stop(self) -> StepRun:
        """End the search; the step under way is finished. Returns at once. ``start()`` goes on from there."""
        with self._lock:
            if self.state in ("running", "pausing"):
                self._wish = "stop"
                self._set("stopping", "the step under way is finished first")
            elif self.state in ("ready", "paused"):
                self._end("stopped")
        return self

    def wait(self, timeout: float | None = None) -> StepRun:
        """Wait until the search has ended. An interrupt (the kernel's stop button) stops it.

        Raises
        ------
        RunError
            If it was never started or is paused: it would wait for ever. Also if it failed.
        """
        if self.state in ("ready", "paused"):
            raise RunError(f"the {self.kind} is {self.state}: waiting for it would never end. Call start() first.")
        self._wait_for(lambda: self.state in ENDED, timeout)
        return self._checked()

    async def finished(self) -> StepRun:
        """Wait without blocking the kernel: ``await run.finished()``. Buttons keep working meanwhile."""
        while self.state not in ("ready", *ENDED):
            await asyncio.sleep(0.05)
        return self._checked()

    def close(self) -> None:
        """End the search and let go of what it holds; it cannot go on afterwards."""
        self.stop()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._lock:
            close = getattr(self._generator, "close", None)
            if close is not None:
                close()
            self._generator = iter(())
            self._make = partial(_closed, f"the {self.kind} was closed. {self.maker} makes another run.")

    # ---- the thread --------------------------------------------------------------------------------------------

    def _go(self, wish: Literal["run", "step"]) -> StepRun:
        thread = self._thread
        if thread is not None and self.state not in ("running", "pausing"):
            thread.join()  # it is about to end; not under the lock, which it needs
        with self._lock:
            if self.state in ("done", "failed"):
                raise RunError(f"the {self.kind} is over: {self.state}. {self.maker} makes another run.")
            if self.state in ("running", "pausing"):
                self._wish = wish
                if self.state == "pausing":
                    self._set("running")
                return self
            self._wish = wish
            self.log.append(self._began())
            self._set("running")
            self._thread = threading.Thread(target=copy_context().run, args=(self._drain,), daemon=True,
                                            name="workbench-steps")
            self._thread.start()
        return self

    def _began(self) -> RunStarted:
        s = self._settings
        return RunStarted(s.name, s.algorithm, s.space, s.n_trials, seed=s.seed, about=s.about)

    def _drain(self) -> None:
        """Take steps until there is none left, or something else is wished."""
        try:
            if self._generator is None:
                self._generator = iter(self._make())
            for event in self._generator:
                if not isinstance(event, StepTaken):
                    raise RunError(f"a strategy yields StepTaken events, got {type(event).__name__}.")
                if not self._took(event):
                    return
        except BaseException as error:  # noqa: BLE001 - shown as the run's end, whatever it was
            self._end("failed", f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))
        else:
            self._end("done")

    def _took(self, event: StepTaken) -> bool:
        """Write a step down, and do what was wished meanwhile; returns whether to go on."""
        with self._lock:
            self.log.append(event)
            whole = self.n_done == self.n_steps  # what is left is the end
            if self._wish == "run" or (whole and self._wish != "stop"):
                return True
            if self._wish == "stop":
                self._end("stopped")
            else:
                self._set("paused")
            return False

    def _end(self, reason: Literal["done", "stopped", "failed"], detail: str = "", error: str = "") -> None:
        with self._lock:
            self.error = error
            self.log.append(RunFinished(reason, error or None))
            self._set(reason, detail)

    def _set(self, state: RunState, detail: str = "") -> None:
        with self._lock:
            moves = state in MOVING
            if self._since and not moves:
                self._used_s += time.monotonic() - self._since
            self._since = (self._since or time.monotonic()) if moves else 0.0
            self.state, self.detail = state, detail
            self.log.append(StateChanged(state, detail))
            self._changed.notify_all()

    def _checked(self) -> StepRun:
        if self.state == "failed":
            raise RunError(f"the {self.kind} failed: {self.detail}\n{self.error}".rstrip())
        return self

    def _wait_for(self, over: Callable[[], bool], timeout: float | None) -> None:
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while not over():
                left = 0.2 if end is None else end - time.monotonic()
                if left <= 0:
                    return
                with self._changed:
                    if not over():
                        self._changed.wait(min(left, 0.2))
        except KeyboardInterrupt:
            self.stop()
            if self._thread is not None:
                self._thread.join(5)


def _closed(says: str) -> Iterator[StepTaken]:
    raise RunError(says)


class StepRecording(StepResults):
    """What a log tells of such a search; in a notebook the same panel, to look at each of its steps. Made by ``wb.replay``."""

    read_only = True

    def __init__(self, log: EventLog, where: str = "a recording", name: str | None = None) -> None:
        self.log, self.where = log, where
        self._steps, self._folded, self._lock = Steps(), 0, threading.RLock()
        if not len(self.steps) and self.steps.started is None:
            raise LogError(f"{where} holds no search: {len(log)} events, but no step and no settings.")
        started = self.steps.started
        self.name = name or (started.name if started is not None else None)
        self.seed = 0 if started is None else started.seed

    @property
    def state(self) -> RunState:  # type: ignore[override]
        """In what state it was at the end; one that was cut off counts as stopped."""
        state = Course(self.log).state
        return "stopped" if state in MOVING else state

    @property
    def detail(self) -> str:  # type: ignore[override]
        """What it said with its last state."""
        return Course(self.log).detail

    @property
    def error(self) -> str:
        """The whole traceback of a search that failed; else empty."""
        return next((e.error or "" for e in reversed(self.log.since(0)) if isinstance(e, RunFinished)), "")

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first event to the last."""
        return self.log[len(self.log) - 1].time - self.log[0].time if len(self.log) else 0.0

    def _no(self, *_: Any, **__: Any) -> StepRecording:
        raise RunError(f"this is a recording: it can be looked at, but it does not go on. {self.maker} makes a run.")

    start = resume = pause = step = stop = _no


def is_of_steps(log: EventLog | tuple[Event, ...]) -> bool:
    """Say whether a log is of a search that takes steps, and not of trials."""
    return any(isinstance(e, StepTaken) for e in log)


__all__ = ["LEARNING", "StepRecording", "StepResults", "StepRun", "is_of_steps"]
