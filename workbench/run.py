"""A run: a study driven in a background thread, with controls, results, and a memory of everything that happened."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
import traceback
from collections.abc import Callable
from contextvars import copy_context
from html import escape
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
import pandas as pd

from workbench.errors import RunError, SpaceError, StorageError
from workbench.events import Event, EventLog, RunFinished, RunStarted, RunState, StateChanged
from workbench.history import Algorithm, Explanation, History
from workbench.ledger import KEY, Ledger, Saw
from workbench.objective import Objective
from workbench.search import catalogue
from workbench.space import Choice, Config, Space
from workbench.study import Command, Settings, StudyLoop, rows_of
from workbench.trials import Trial, Trials

ATTR_SPACES, ATTR_ALGORITHMS, ATTR_SETTINGS = "wb:spaces", "wb:algorithms", "wb:settings"
_ENDED: tuple[RunState, ...] = ("stopped", "done", "failed")


class Run:
    """A search that waits for ``start``. Made by ``optimize``, ``tune``, ``open`` and ``watch``, not by hand.

    Attributes
    ----------
    log
        Everything that happened, as events.
    state
        "ready", "running", "pausing", "paused", "stopping", "stopped", "done", "failed" or "watching".
    detail
        What the state waits for, or what went wrong.
    trials
        The trials so far.
    """

    def __init__(self, ledger: Ledger, objective: Objective | None, settings: Settings, *, seed: int,
                 name: str | None = None, where: str = "memory", executor: Any = None,
                 release: Callable[[], None] | None = None) -> None:
        self.name, self.where, self.seed = name, where, seed
        self.log = EventLog()
        self.state: RunState = "ready"
        self.detail = ""
        self._trials = Trials()
        self._folded = 0
        self._ledger, self._objective, self._settings, self._executor = ledger, objective, settings, executor
        self._release = release
        self._lock = threading.RLock()
        self._loop: StudyLoop | None = None
        self._thread: threading.Thread | None = None
        self._elapsed_before_s = 0.0
        self._spaces: list[Space | None] = [settings.space]
        self._algorithms: list[Any] = [settings.algorithm]

    # ---- what it is --------------------------------------------------------------------------------------------

    @property
    def saved(self) -> bool:
        """Whether the trials outlive the kernel."""
        return self.where != "memory"

    @property
    def read_only(self) -> bool:
        """Whether it can only be watched: another process writes it, or no objective was given."""
        return self._objective is None

    @property
    def space(self) -> Space | None:
        """The search space; None for an Optuna objective, which makes its space as it goes."""
        return self._settings.space

    @property
    def algorithm(self) -> Any:
        """The algorithm that suggests configurations."""
        return self._settings.algorithm

    @property
    def n_trials(self) -> int | None:
        """How many trials end the run; None for no limit."""
        return self._settings.n_trials

    @property
    def n_workers(self) -> int:
        """How many trials run at once."""
        return self._settings.n_workers

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Whether the objective's values are minimised or maximised."""
        return "minimize" if self._ledger.sign > 0 else "maximize"

    @property
    def elapsed_s(self) -> float:
        """Seconds that the run has run in this session, pauses not counted."""
        return self._elapsed_before_s + (self._loop.elapsed_s if self._loop is not None else 0.0)

    @property
    def eta_s(self) -> float | None:
        """Seconds that are probably left: the mean time per trial so far, times the trials left. None if unknown."""
        done = self.n_done
        ran = sum(1 for t in self.trials.by_number.values() if t.ended and t.ended >= self._began)
        if self.n_trials is None or ran == 0 or self.state in _ENDED:
            return None
        return max(self.n_trials - done, 0) * self.elapsed_s / ran

    @property
    def n_done(self) -> int:
        """Trials that ended and count: complete, pruned or failed."""
        return sum(t.state in ("complete", "pruned", "failed") for t in self.trials.by_number.values())

    # ---- controls ----------------------------------------------------------------------------------------------

    def start(self) -> Run:
        """Start in the background, or go on after a pause, a stop or with more trials. Returns at once."""
        return self._go(step=False)

    resume = start

    def pause(self) -> Run:
        """Start no further step; what runs finishes its step. Returns at once."""
        return self._send(Command("pause"))

    def step(self, *, block: bool = True) -> Run:
        """Do one trial, then pause. Waits for it, unless ``block=False``."""
        self._go(step=True)
        if block:
            self._wait_for(lambda: self.state in ("paused", *_ENDED), None)
        return self

    def stop(self) -> Run:
        """End the run. Steps that run get a second to finish; they count as interrupted. Returns at once."""
        return self._send(Command("stop"))

    def enqueue(self, config: Config) -> Run:
        """Try this configuration next. It must belong to the space."""
        self._must_write()
        if self.space is not None:
            self.space.validate(config)
        with self._lock:
            if self._alive:
                return self._send(Command("enqueue", dict(config)))
            self._queued().append(Command("enqueue", dict(config)))
        return self

    def _queued(self) -> list[Command]:
        if not hasattr(self, "_waiting"):
            self._waiting: list[Command] = []
        return self._waiting

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until the run has ended. An interrupt (the kernel's stop button) stops the run.

        Raises
        ------
        RunError
            If the run was never started or is paused: it would wait for ever.
        """
        if self.state in ("ready", "paused"):
            raise RunError(f"the run is {self.state}: waiting for it would never end. Call start() first.")
        self._wait_for(lambda: not self._alive, timeout)
        return self

    async def finished(self) -> Run:
        """Wait without blocking the kernel: ``await run.finished()``. Buttons keep working meanwhile."""
        while self._alive:
            await asyncio.sleep(0.05)
        return self

    def _wait_for(self, over: Callable[[], bool], timeout: float | None) -> None:
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while not over() and self._alive:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return
                seen = len(self.log)
                if not over():
                    self.log.wait(seen, 0.2 if left is None else min(left, 0.2))
        except KeyboardInterrupt:
            self.stop()
            if self._thread is not None:
                self._thread.join(5)

    @property
    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _send(self, command: Command) -> Run:
        self._must_write()
        with self._lock:
            if self._loop is not None and self._alive:
                if command.kind == "stop" and self.state not in _ENDED:
                    self._set("stopping", "")
                self._loop.send(command)
            elif command.kind == "stop" and self.state in ("ready", "paused"):
                self._set("stopped", "")
        return self

    def _go(self, *, step: bool) -> Run:
        self._must_write()
        with self._lock:
            if self._alive and self._loop is not None and self.state != "stopping":
                if self.state in ("paused", "pausing") or step:
                    self._set("running", "")  # at once: whoever waits now must not see the pause
                    self._loop.send(Command("step" if step else "resume"))
                return self
            if self._thread is not None:
                self._thread.join()
            assert self._objective is not None
            if self._loop is not None:
                self._elapsed_before_s += self._loop.elapsed_s
            self._began = time.time()
            self._loop = StudyLoop(self._ledger, self._objective, self._settings, seed=self.seed,
                                   executor=self._executor)
            for command in self._queued():
                self._loop.send(command)
            self._queued().clear()
            self._set("running", "")
            self._thread = threading.Thread(target=copy_context().run, args=(self._drain, self._loop, step),
                                            daemon=True, name="workbench-run")
            self._thread.start()
        return self

    _began = math.inf

    def _drain(self, loop: StudyLoop, step: bool) -> None:  # noqa: FBT001
        self._append(self._started())
        try:
            for event in loop.events(step=step):
                self._append(event)
        except BaseException as error:  # noqa: BLE001 - shown as the run's end, whatever it was
            text = "".join(traceback.format_exception(error))
            self._append(StateChanged("failed", f"{type(error).__name__}: {error}"))
            self._append(RunFinished("failed", text))

    def _started(self) -> RunStarted:
        space = {} if self.space is None else self.space.to_json()
        return RunStarted(self.name, catalogue.label(self.algorithm), space, self.n_trials, self.n_workers,
                          self.direction, self.seed)

    def _append(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self.state, self.detail = event.state, event.detail
        self.log.append(event)

    def _set(self, state: RunState, detail: str) -> None:
        self._append(StateChanged(state, detail))

    def _must_write(self) -> None:
        if self.read_only:
            raise RunError(f"this run can only be watched ({self.detail or 'it belongs to another process'}). To go on "
                           "with a run of your own, give the objective: wb.open(name, objective=f).")

    # ---- settings ----------------------------------------------------------------------------------------------

    def configure(self, *, space: Space | None = None, algorithm: Algorithm | None = None, n_trials: int | None = None,
                  n_workers: int | None = None) -> Run:
        """Change settings, also while the run goes on; they hold from the next trial.

        Raises
        ------
        SpaceError
            If a changed space is no longer the same study: with trials told only numeric ranges may change.
        RunError
            If a number is not positive.
        """
        self._must_write()
        for what, n in (("n_trials", n_trials), ("n_workers", n_workers)):
            if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
                raise RunError(f"{what} must be a whole number of at least 1, got {n!r}.")
        with self._lock:
            s = self._settings
            if space is not None and space != s.space:
                self._check_space(space)
                self._spaces.append(space)
                s.space, s.space_index = space, len(self._spaces) - 1
            if algorithm is not None and algorithm != s.algorithm:
                if s.space is None:
                    raise RunError("the algorithm of a run with an Optuna objective is fixed. Start a new run.")
                if isinstance(algorithm, optuna.samplers.BaseSampler):
                    self._ledger.study.sampler = algorithm
                self._algorithms.append(algorithm)
                s.algorithm, s.algorithm_index = algorithm, len(self._algorithms) - 1
            s.n_trials = s.n_trials if n_trials is None else n_trials
            s.n_workers = s.n_workers if n_workers is None else n_workers
            self._keep_settings()
            self._append(self._started())
            if self._loop is not None and self._alive:
                self._loop.send(Command("wake"))
        return self

    def _check_space(self, new: Space) -> None:
        old = self.space
        if old is None:
            raise SpaceError("an Optuna objective makes its space as it goes: edit the objective.")
        if not len(self.trials):
            return
        if old.names != new.names:
            raise SpaceError("with trials told, parameters can neither come nor go nor be renamed. Start a new run.")
        for name in old.names:
            a, b = old[name], new[name]
            if type(a) is not type(b) or a.when != b.when:
                raise SpaceError(f"with trials told, type and condition of {name!r} are fixed. Start a new run.")
            if isinstance(a, Choice) and isinstance(b, Choice) and (a.options, a.ordered) != (b.options, b.ordered):
                raise SpaceError(f"with trials told, the options of {name!r} are fixed. Start a new run.")
            if not isinstance(a, Choice) and not isinstance(b, Choice) and (a.log, a.step) != (b.log, b.step):
                raise SpaceError(f"with trials told, scale and step of {name!r} are fixed; its range may change.")

    def _keep_settings(self) -> None:
        """Write the settings beside the trials, as JSON."""
        try:
            for key, value in self.settings_json().items():
                self._ledger.set_attr(key, json.dumps(value))
        except StorageError as error:
            self._set("paused" if self._alive else self.state, str(error))

    def settings_json(self) -> dict[str, Any]:
        """The run's settings as JSON data, as they are kept with the study."""
        s = self._settings
        return {
            ATTR_SPACES: [None if x is None else x.to_json() for x in self._spaces],
            ATTR_ALGORITHMS: [catalogue.to_json(a) for a in self._algorithms],
            ATTR_SETTINGS: {"seed": self.seed, "n_trials": s.n_trials, "n_workers": s.n_workers,
                            "trial_timeout": s.trial_timeout, "timeout": s.timeout, "space": s.space_index,
                            "algorithm": s.algorithm_index},
        }

    # ---- results -----------------------------------------------------------------------------------------------

    @property
    def trials(self) -> Trials:
        """The trials so far."""
        with self._lock:
            new = self.log.since(self._folded)
            self._folded += len(new)
            self._trials.fold(new)
        return self._trials

    @property
    def best(self) -> Trial | None:
        """The complete trial with the smallest loss (the largest value if maximised); None before there is one."""
        return self.trials.best

    def frame(self) -> pd.DataFrame:
        """The trials as a DataFrame, one row each."""
        return self.trials.frame()

    def history(self, before: int | None = None) -> History:
        """What the algorithm would see now; with ``before=k`` what it saw when it suggested trial k."""
        space, saw = self._what_it_saw(before)
        rows = rows_of(self._ledger, space, self.seed)
        if saw is None:
            return rows.history()
        configs = {t.number: t.params for t in self._ledger.trials()}
        return rows.history([configs[k] for k in saw.pending], n=saw.told)

    def _what_it_saw(self, number: int | None) -> tuple[Space, Saw | None]:
        saw = None
        if number is not None:
            found = [t for t in self._ledger.trials() if t.number == number]
            if not found:
                raise RunError(f"there is no trial {number}; there are {len(self.trials)}.")
            if KEY in found[0].user_attrs:
                saw = Saw.of(found[0].user_attrs[KEY])
        space = self.space if saw is None or saw.space >= len(self._spaces) else self._spaces[saw.space]
        if space is None:
            raise RunError("an Optuna objective makes its space as it goes: its trials have no common history.")
        return space, saw

    def explain(self, number: int) -> Explanation:
        """Say why trial ``number`` was suggested, by asking its algorithm again with what it saw then."""
        _, saw = self._what_it_saw(number)
        if saw is None or not saw.drawn:
            raise RunError(f"trial {number} was given, no algorithm chose it.")
        algorithm = self._algorithms[saw.algorithm]
        if algorithm is None or isinstance(algorithm, optuna.samplers.BaseSampler):
            raise RunError("Optuna's samplers give no reasons. The workbench's algorithms do.")
        rng = np.random.default_rng([self.seed, number])
        why: Explanation = algorithm.suggest(self.history(before=number), rng).why
        return why

    def export(self, kind: Literal["json", "python", "csv"], path: str | Path | None = None) -> str:
        """Return the results as text, and write them to ``path`` if one is given.

        ``"json"``: settings, space, trials and the best; ``"python"``: code with the space and the best
        configuration; ``"csv"``: the table of trials.
        """
        makers = {"json": self._json, "python": self._python, "csv": lambda: self.frame().to_csv()}
        if kind not in makers:
            raise RunError(f"a run is exported as 'json', 'python' or 'csv', got {kind!r}.")
        text = makers[kind]()
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _json(self) -> str:
        trials = self.trials
        rows = [{"trial": t.number, "state": t.state, "value": _finite(trials.value(t.loss)), "config": t.config,
                 "curve": [[k, _finite(trials.value(v))] for k, v in t.curve], "seconds": t.seconds, "error": t.error}
                for t in trials.by_number.values()]
        best = None if self.best is None else {"trial": self.best.number, "config": self.best.config,
                                               "value": _finite(trials.value(self.best.loss))}
        data = {"name": self.name, "algorithm": catalogue.to_json(self.algorithm), "seed": self.seed,
                "direction": self.direction, "space": None if self.space is None else self.space.to_json(),
                "best": best, "trials": rows}
        return json.dumps(data, indent=1, allow_nan=False)

    def _python(self) -> str:
        lines = ["import workbench as wb", ""]
        if self.space is not None:
            lines += [f"space = {self.space!r}", ""]
        if self.best is not None:
            lines += [f"# trial {self.best.number}, value {self.trials.value(self.best.loss)!r}",
                      f"best = {self.best.config!r}", ""]
        if self.space is not None:
            name = "" if self.name is None else f", name={self.name + ' again'!r}"
            ours = type(self.algorithm).__name__ in catalogue.ALGORITHMS
            algorithm = f"algorithm=wb.{self.algorithm!r}, " if ours else ""
            lines += ["# the search again (objective: your function, config -> loss):",
                      f"# run = wb.optimize(objective, space, {algorithm}n_trials={self.n_trials}, "
                      f"seed={self.seed}, direction={self.direction!r}{name})"]
        return "\n".join(lines) + "\n"

    # ---- how it shows ------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        """One line: name, state, progress, best."""
        best = self.best
        of = "" if self.n_trials is None else f" / {self.n_trials}"
        value = "" if best is None else f", best {self.trials.value(best.loss):.4g} (trial {best.number})"
        return f"<Run {self.name or 'unnamed'}: {self.state}, {self.n_done}{of} trials{value}>"

    def _repr_html_(self) -> str:
        """A static table of the best trials, for places without widgets."""
        frame = self.frame()
        head = f"<p><b>{escape(repr(self)[1:-1])}</b></p>"
        if not len(frame):
            return head + "<p>No trial yet. Call start(), or step() for one at a time.</p>"
        order = frame.sort_values("value", ascending=self.direction == "minimize").head(10)
        return head + str(order.to_html(escape=True, max_cols=20))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The live panel in a notebook; a table where the notebook side is missing."""
        try:
            from workbench_widgets.run_panel import show
        except ImportError:
            return {"text/plain": repr(self), "text/html": self._repr_html_()}
        return show(self, **kwargs)

    def close(self) -> None:
        """Stop, and let others open the run."""
        if self._alive and not self.read_only:
            self.stop()
            assert self._thread is not None
            self._thread.join(5)
        if self._release is not None:
            self._release()


def _finite(value: float | None) -> float | str | None:
    """JSON has no inf and nan: they are written as text."""
    return value if value is None or math.isfinite(value) else str(value)

