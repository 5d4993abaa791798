"""The loop of a study: ask, step, judge, tell. A generator of events that waits for results and commands alike.

One thread drives the loop; workers only advance iterators. Everything that can happen comes through one inbox:
results of steps, printed lines, and the user's commands. Pausing is not starting another step.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Literal

import numpy as np
import optuna
from optuna.trial import TrialState as OptunaState

from workbench.errors import ConfigError, ObjectiveError, SearchExhausted, StorageError
from workbench.events import (
    Event,
    Printed,
    RunFinished,
    StateChanged,
    TrialFinished,
    TrialJudged,
    TrialReported,
    TrialState,
    TrialSuggested,
)
from workbench.history import Algorithm, Explanation, Scheduler
from workbench.ledger import KEY, Ledger, Saw, in_told_order, loss_of, state_of
from workbench.objective import ConfigSteps, Objective, OptunaSteps, Steps
from workbench.optuna_distributions import suggest_from
from workbench.rows import Rows
from workbench.space import Config, Space
from workbench.workers import CapturedPrints, Pool, StepDone, Threads

MAX_LINES = 200  # printed lines kept per trial


@dataclass(slots=True)
class Settings:
    """What may be changed while a study runs; read anew before each trial."""

    space: Space | None
    algorithm: Algorithm | optuna.samplers.BaseSampler
    n_trials: int | None
    n_workers: int = 1
    scheduler: Scheduler | None = None
    trial_timeout: float | None = None  # seconds that a trial may run, pauses not counted
    timeout: float | None = None  # seconds that the run may run, pauses not counted
    space_index: int = 0
    algorithm_index: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """What the user asks for. ``wake`` only makes the loop look at the settings again."""

    kind: Literal["pause", "resume", "step", "stop", "enqueue", "wake"]
    config: Config | None = None
    again: int | None = None


@dataclass(slots=True)
class _Live:
    """A trial under way."""

    number: int
    config: Config
    steps: Steps
    curve: list[float] = field(default_factory=list)
    known: bool = True  # whether its configuration is complete (an Optuna objective suggests as it goes)
    trial: optuna.Trial | None = None
    busy: bool = False
    since: float = 0.0
    used_s: float = 0.0
    lines: int = 0
    half_line: str = ""


class StudyLoop:
    """The state of one drive through ``events``. Use ``send`` from any thread."""

    def __init__(self, ledger: Ledger, objective: Objective, settings: Settings, *, seed: int, grace_s: float = 1.0,
                 executor: Executor | None = None) -> None:
        self.ledger, self.objective, self.settings, self.seed, self.grace_s = ledger, objective, settings, seed, grace_s
        self.inbox: SimpleQueue[Command | StepDone | Printed] = SimpleQueue()
        self._workers = Threads(self.inbox.put) if executor is None else Pool(executor, self.inbox.put)
        self._live: dict[int, _Live] = {}
        self._again: deque[Command] = deque()  # configurations given: re-queued or added by hand
        self._mode: Literal["run", "pausing", "paused", "stop"] = "run"
        self._stepping = False  # one trial, then pause
        self._only: int | None = None
        self._counted = 0  # trials that count against n_trials: complete, pruned, failed, live
        self._exhausted = ""
        self._used_s = 0.0
        self._since = 0.0
        self._reason: Literal["done", "stopped", "failed"] = "done"
        self._detail = ""
        self._error: str | None = None
        self._rows: Rows | None = None

    def send(self, command: Command) -> None:
        """Give the loop a command; returns at once."""
        self.inbox.put(command)

    @property
    def n_busy(self) -> int:
        """Trials whose step runs now."""
        return sum(t.busy for t in self._live.values())

    @property
    def elapsed_s(self) -> float:
        """Seconds that the loop has run, pauses not counted."""
        return self._used_s + (time.monotonic() - self._since if self._mode in ("run", "pausing") and self._since
                               else 0.0)

    # ---- the loop ----------------------------------------------------------------------------------------------

    def events(self, *, step: bool = False) -> Iterator[Event]:
        """Run to the end; with ``step`` pause after one trial."""
        self._since = time.monotonic()
        self._stepping = step
        with CapturedPrints():
            try:
                yield from self._load()
                yield StateChanged("running")
                while self._mode != "stop":
                    yield from self._turn()
                yield from self._finish()
            finally:
                for t in list(self._live.values()):
                    self._workers.abandon(t.number)
                self._workers.close()

    def _turn(self) -> Iterator[Event]:
        """Start what may start, then wait for the next result or command."""
        try:
            if self._mode == "run":
                yield from self._start_steps()
            if self._mode == "stop":
                return
            if self._mode == "run" and not self._live and not self._again and self._complete():
                self._mode = "stop"
                return
            if self._mode == "run" and not self._live and not self._may_begin():
                yield from self._pause("")  # a step is done
            if self._mode == "pausing" and self.n_busy == 0:
                yield from self._paused(self._detail)
            yield from self._receive()
        except StorageError as error:
            self._detail = str(error)
            yield from self._pause(self._detail)

    def _complete(self) -> bool:
        n = self.settings.n_trials
        return bool(self._exhausted) or (n is not None and self._counted >= n)

    def _may_begin(self) -> bool:
        if self._stepping:
            return self._only is None and not self._complete()
        return not self._complete() or bool(self._again)

    def _receive(self) -> Iterator[Event]:
        timeout = self._next_deadline()
        try:
            message = self.inbox.get(timeout=timeout)
        except Empty:
            yield from self._check_limits()
            return
        yield from self._handle(message)

    def _handle(self, message: Command | StepDone | Printed) -> Iterator[Event]:
        match message:
            case StepDone():
                yield from self._step_done(message)
            case Printed():
                yield from self._printed(message)
            case Command(kind="pause"):
                if self._mode == "run":
                    yield from self._pause("")
            case Command(kind="resume" | "step"):
                self._stepping, self._only = message.kind == "step", None
                if self._mode in ("pausing", "paused"):
                    if self._mode == "paused":
                        self._since = time.monotonic()
                    self._mode, self._detail = "run", ""
                    yield StateChanged("running")
                    self.ledger.flush()
            case Command(kind="stop"):
                self._mode, self._reason = "stop", "stopped"
            case Command(kind="enqueue"):
                self._again.append(message)
            case Command():
                pass

    def _pause(self, detail: str) -> Iterator[Event]:
        self._detail = detail
        n = self.n_busy
        if n == 0:
            yield from self._paused(detail)
            return
        self._mode = "pausing"
        wait = f"{n} trial{'s' if n > 1 else ''} finish{'' if n > 1 else 'es'} {'their' if n > 1 else 'its'} step"
        yield StateChanged("pausing", f"{detail} {wait}".strip())

    def _paused(self, detail: str) -> Iterator[Event]:
        self._used_s += time.monotonic() - self._since
        self._mode, self._stepping, self._only = "paused", False, None
        yield StateChanged("paused", detail)

    # ---- starting ----------------------------------------------------------------------------------------------

    def _start_steps(self) -> Iterator[Event]:
        """Go on with waiting trials, then begin new ones, as far as there are workers."""
        for t in self._live.values():
            if self.n_busy >= self.settings.n_workers:
                return
            if not t.busy and (self._only is None or t.number == self._only):
                if self._stepping:
                    self._only = t.number
                self._submit(t)
        while self.n_busy < self.settings.n_workers and self._may_begin():
            started = yield from self._begin()
            if not started:
                return
            # take what has come in meanwhile: a pause, a result that the next suggestion should know
            while self._mode == "run" and not self.inbox.empty():
                yield from self._handle(self.inbox.get())
            if self._mode != "run":
                return

    def _begin(self) -> Iterator[Event]:  # generator with a return value: whether a trial began
        try:
            live, why = self._propose()
        except StorageError:
            raise
        except SearchExhausted as end:
            self._exhausted = str(end)
            return bool(self._live)
        except Exception:  # noqa: BLE001 - a failing algorithm ends the run, visibly
            self._mode, self._reason, self._error = "stop", "failed", traceback.format_exc()
            return False
        self._live[live.number] = live
        self._counted += 1
        if self._stepping:
            self._only = live.number
        yield TrialSuggested(live.number, dict(live.config), why)
        self._submit(live)
        return True

    def _propose(self) -> tuple[_Live, Explanation | None]:
        """Choose the next configuration and write the trial down."""
        s = self.settings
        given = self._again[0] if self._again else None
        if s.space is None:
            return self._propose_define_by_run(given)
        rows = self.rows
        pending = tuple(self._live)
        saw = Saw(len(rows), pending, s.space_index, s.algorithm_index, drawn=given is None)
        why: Explanation | None = None
        if given is not None:
            assert given.config is not None
            config = given.config
            s.space.validate(config)
            saw = Saw(saw.told, pending, s.space_index, s.algorithm_index, given.again, drawn=False)
        elif isinstance(s.algorithm, optuna.samplers.BaseSampler):
            return self._propose_by_optuna(s.space, saw), None
        else:
            number = len(self.ledger.trials())
            history = rows.history([t.config for t in self._live.values()])
            suggestion = s.algorithm.suggest(history, np.random.default_rng([self.seed, number]))
            config, why = s.space.from_unit(suggestion.x), suggestion.why
        number = self.ledger.create(s.space, config, saw)
        if given is not None:
            self._again.popleft()
        return _Live(number, config, ConfigSteps(self.objective, config)), why

    def _propose_by_optuna(self, space: Space, saw: Saw) -> _Live:
        """Let one of Optuna's samplers suggest, parameter by parameter; forbidden combinations are drawn again."""
        for _ in range(100):
            trial = self.ledger.ask(saw)
            config = suggest_from(space, trial)
            try:
                space.validate(config)
            except ConfigError as error:
                self.ledger.tell(trial.number, "pruned", None, f"not run: {error}")
                continue
            return _Live(trial.number, config, ConfigSteps(self.objective, config), trial=trial)
        raise SearchExhausted(f"{type(self.settings.algorithm).__name__} gave a forbidden combination 100 times in a "
                              "row: Optuna's samplers do not know of them. Use one of the workbench's algorithms.")

    def _propose_define_by_run(self, given: Command | None) -> tuple[_Live, Explanation | None]:
        if given is not None:
            assert given.config is not None
            self.ledger.study.enqueue_trial(given.config)
        saw = Saw(0, drawn=given is None, again=None if given is None else given.again)
        trial = self.ledger.ask(saw)
        if given is not None:
            self._again.popleft()
        steps = OptunaSteps(self.objective, trial, optuna.TrialPruned)
        return _Live(trial.number, {}, steps, known=False, trial=trial), None

    def _submit(self, t: _Live) -> None:
        t.busy, t.since = True, time.monotonic()
        number, put = t.number, self.inbox.put
        self._workers.submit(number, t.steps, lambda text: put(Printed(number, text)))

    # ---- results -----------------------------------------------------------------------------------------------

    def _step_done(self, done: StepDone) -> Iterator[Event]:
        t = self._live.get(done.trial)
        if t is None:
            return  # abandoned meanwhile
        t.busy = False
        t.used_s += time.monotonic() - t.since
        yield from self._learn_config(t)
        if done.interrupt:
            self._mode, self._reason = "stop", "stopped"
            yield from self._end(t, "interrupted", None)
        elif done.error is not None:
            yield from self._end(t, "failed", None, done.error)
        elif done.pruned:
            yield from self._end(t, "pruned", t.curve[-1] if t.curve else None)
        elif done.step is None:
            yield from self._complete_trial(t, t.curve[-1] if t.curve else math.nan)
        elif done.step.last:
            yield from self._complete_trial(t, self.ledger.sign * done.step.loss)
        else:
            loss = self.ledger.sign * done.step.loss
            t.curve.append(loss)
            yield TrialReported(t.number, done.step.number, loss)
            if t.trial is None or isinstance(t.steps, ConfigSteps):  # an Optuna objective has reported by itself
                self.ledger.report(t.number, done.step.number, loss)
            yield from self._judge(t, done.step.number)

    def _judge(self, t: _Live, step: int) -> Iterator[Event]:
        scheduler = self.settings.scheduler
        if scheduler is None:
            return
        others = [o.curve for o in self._live.values() if o is not t]
        verdict = scheduler.judge(t.curve, others)
        yield TrialJudged(t.number, step, verdict.keep, verdict.why)
        if not verdict.keep:
            t.steps.close()
            yield from self._end(t, "pruned", t.curve[-1])

    def _learn_config(self, t: _Live) -> Iterator[Event]:
        """An Optuna objective has suggested its parameters by now."""
        if t.known or t.trial is None:
            return
        config = dict(t.trial.params)
        if config != t.config:
            t.config = config
            explain = getattr(self.ledger.study.sampler, "explain", None)
            yield TrialSuggested(t.number, dict(config), None if explain is None else explain(t.number))

    def _complete_trial(self, t: _Live, loss: float) -> Iterator[Event]:
        if math.isnan(loss):
            yield from self._end(t, "failed", None, "ObjectiveError: the loss is nan (not a number). Did the training "
                                 "diverge? A finite penalty or inf would count as a bad result instead.")
        else:
            yield from self._end(t, "complete", loss)

    def _end(self, t: _Live, state: TrialState, loss: float | None, error: str | None = None) -> Iterator[Event]:
        del self._live[t.number]
        if t.half_line:
            yield Printed(t.number, t.half_line)
        if state == "interrupted":
            self._counted -= 1
            self._again.append(Command("enqueue", dict(t.config), t.number))
        elif self.settings.space is not None:
            self.rows.append(t.number, t.config, loss, max(len(t.curve), 1))
        yield TrialFinished(t.number, state, loss, error)
        self.ledger.tell(t.number, state, loss, error)

    def _printed(self, printed: Printed) -> Iterator[Event]:
        """Cut what was printed into lines, and keep a bounded number of them."""
        t = self._live.get(printed.trial)
        if t is None:
            return
        *lines, t.half_line = (t.half_line + printed.text).split("\n")
        t.half_line = t.half_line[-2000:]
        for line in lines:
            t.lines += 1
            if t.lines <= MAX_LINES:
                yield Printed(t.number, line[:2000], printed.time)
            elif t.lines == MAX_LINES + 1:
                yield Printed(t.number, f"[… more than {MAX_LINES} lines: the rest is not kept]", printed.time)

    # ---- limits ------------------------------------------------------------------------------------------------

    def _next_deadline(self) -> float | None:
        """Seconds until the next time limit; None if there is none."""
        now, left = time.monotonic(), []
        if self.settings.timeout is not None and self._mode in ("run", "pausing"):
            left.append(self.settings.timeout - self.elapsed_s)
        if self.settings.trial_timeout is not None:
            left += [self.settings.trial_timeout - t.used_s - (now - t.since) for t in self._live.values() if t.busy]
        return max(min(left), 0.0) if left else None

    def _check_limits(self) -> Iterator[Event]:
        limit, now = self.settings.trial_timeout, time.monotonic()
        for t in [t for t in self._live.values() if t.busy]:
            if limit is not None and t.used_s + now - t.since >= limit:
                self._workers.abandon(t.number)
                yield from self._end(t, "failed", None, f"TimeoutError: the time limit of {limit:g} s for a trial is "
                                     "over. Its thread was left behind; raise trial_timeout if it needs longer.")
        if self.settings.timeout is not None and self.elapsed_s >= self.settings.timeout:
            self._mode, self._reason = "stop", "stopped"
            self._detail = f"The time limit of {self.settings.timeout:g} s for the run is over."

    # ---- beginning and end -------------------------------------------------------------------------------------

    @property
    def rows(self) -> Rows:
        """The told trials in the present space."""
        space = self.settings.space
        assert space is not None
        if self._rows is None or self._rows.space is not space:
            self._rows = rows_of(self.ledger, space, self.seed)
        return self._rows

    def _load(self) -> Iterator[Event]:
        """Take over what an earlier session left: count what ended, re-queue what was interrupted."""
        trials = self.ledger.trials()
        for t in trials:
            if t.state == OptunaState.RUNNING:
                self.ledger.adopt(t)
                self.ledger.tell(t.number, "interrupted", None)
                yield TrialFinished(t.number, "interrupted", None)
        done_again = {t.user_attrs.get(KEY, {}).get("again") for t in trials}
        for t in self.ledger.trials():
            if state_of(t) != "interrupted":
                self._counted += t.state.is_finished()
            elif t.number not in done_again and t.params:
                self._again.append(Command("enqueue", dict(t.params), t.number))

    def _finish(self) -> Iterator[Event]:
        """Wait a moment for steps under way, then leave them behind; close what waits."""
        end = time.monotonic() + self.grace_s
        if self.n_busy and self._reason != "done":
            n = self.n_busy
            yield StateChanged("stopping", f"waiting up to {self.grace_s:g} s for {n} step{'s' if n > 1 else ''}")
        while self.n_busy and (left := end - time.monotonic()) > 0:
            try:
                message = self.inbox.get(timeout=left)
            except Empty:
                break
            if not isinstance(message, Command):
                yield from self._last_words(message)
        busy = self.n_busy
        for t in list(self._live.values()):
            if t.busy:
                self._workers.abandon(t.number)
                if isinstance(t.steps, OptunaSteps):
                    t.steps.close()
            else:
                _close(t.steps)
            yield from self._safely(self._end(t, "interrupted", None))
        if busy and not self._detail:
            self._detail = (f"{busy} step{'s' if busy > 1 else ''} did not end in time; the thread is left behind and "
                            "its result will not be heard.")
        self._used_s += time.monotonic() - self._since
        self._mode = "stop"
        self._since = 0.0
        yield StateChanged(self._reason, self._detail or self._exhausted)
        yield RunFinished(self._reason, self._error)

    def _last_words(self, message: StepDone | Printed) -> Iterator[Event]:
        yield from self._safely(self._handle(message))

    def _safely(self, events: Iterator[Event]) -> Iterator[Event]:
        """Let a storage error at the very end be seen, not end the run as a crash."""
        try:
            yield from events
        except StorageError as error:
            self._detail = str(error)


def _close(steps: Steps) -> None:
    """Close a waiting trial in a thread of its own: a generator's ``finally`` may take its time."""
    threading.Thread(target=steps.close, daemon=True, name="workbench-close").start()


def rows_of(ledger: Ledger, space: Space, seed: int) -> Rows:
    """Encode the told trials of a study; those that do not fit the space are left out."""
    rows = Rows(space, seed)
    for t in in_told_order(ledger.trials()):
        if state_of(t) == "interrupted" or (t.state == OptunaState.PRUNED and not t.values and t.last_step is None):
            continue
        try:
            rows.append(t.number, t.params, loss_of(t, ledger.sign), max(len(t.intermediate_values), 1))
        except ConfigError:
            continue
    return rows


def run_study(ledger: Ledger, objective: Objective, settings: Settings, *, seed: int = 0) -> Iterator[Event]:
    """Run a study to its end, as a generator of events.

    Parameters
    ----------
    ledger
        Where the trials are kept.
    objective
        A function or generator function of the configuration; with ``settings.space`` None an Optuna objective.
    settings
        Space, algorithm, number of trials and workers, limits.
    seed
        Seed of the run; trial k draws from ``default_rng([seed, k])``.
    """
    if not callable(objective):
        raise ObjectiveError(f"the objective must be a function, got {type(objective).__name__}.")
    return StudyLoop(ledger, objective, settings, seed=seed).events()
