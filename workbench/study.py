"""The loop of a study: ask, step, judge, tell. A generator of events that waits for results and commands alike.

One thread drives the loop; workers only advance iterators. Everything that can happen comes through one inbox:
results of steps, printed lines, and the user's commands. Pausing is not starting another step; so is waiting for others
until a scheduler has compared them.
"""

from __future__ import annotations

import math
import pickle
import threading
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Literal

from optuna.trial import FrozenTrial

from workbench.errors import ConfigError, ObjectiveError, SearchExhausted, StorageError
from workbench.events import (
    Event,
    Printed,
    RunFinished,
    StateChanged,
    TrialFinished,
    TrialJudged,
    TrialReported,
    TrialShelved,
    TrialState,
    TrialSuggested,
)
from workbench.imported import BY_HAND, by_hand
from workbench.lanes import Lanes
from workbench.ledger import KEY, SKIPPED, Ledger, Saw, curve_of, finished, loss_of, origin_of, state_of, time_of
from workbench.losses import Loss, has_nan, times
from workbench.objective import BudgetSteps, Objective, OptunaSteps, Step
from workbench.propose import Cancelled, Given, Live, Proposer, Settings
from workbench.schedule import Verdict, finite, only_stops
from workbench.space import Config
from workbench.workers import CapturedPrints, Lines, Pool, StepDone, Threads, close_quietly


@dataclass(frozen=True, slots=True)
class Command:
    """What the user asks for. ``wake`` only makes the loop look at the settings again."""

    kind: Literal["pause", "resume", "step", "stop", "enqueue", "tell", "wake"]
    config: Config | None = None
    loss: Loss | None = None  # of a result that the user knows


class StudyLoop:
    """The state of one drive through ``events``. Use ``send`` from any thread.

    Parameters
    ----------
    grace_s
        Seconds that steps under way get to finish when the run is stopped.
    executor
        Runs the steps; threads of our own if not given.
    """

    def __init__(self, ledger: Ledger, objective: Objective, settings: Settings, *, seed: int, grace_s: float = 1.0,
                 executor: Executor | None = None) -> None:
        self.ledger, self.settings, self.grace_s = ledger, settings, grace_s
        self.inbox: SimpleQueue[Command | StepDone | Printed] = SimpleQueue()
        self._asked = ""  # the last control command: heard at once, even while an algorithm thinks
        self._lanes = Lanes(settings.scheduler)
        self._proposer = Proposer(ledger, objective, settings, seed, lambda: self._asked in ("pause", "stop"))
        self._workers = Threads(self.inbox.put) if executor is None else Pool(executor, self.inbox.put)
        self._live: dict[int, Live] = {}
        self._n_busy = 0
        self._given: deque[Given] = deque()  # configurations to try next: re-queued or added by hand
        self._mode: Literal["run", "pausing", "paused", "stop"] = "run"
        self._loaded = False
        self._stepping = False  # one trial, then pause
        self._only: int | None = None  # that trial
        self._heard: deque[tuple[Config, Loss]] = deque()  # results given by hand that are not yet written
        self._told = 0  # ended trials that count: complete, pruned, failed
        self._n_imported = 0  # those of them that this run has not run
        self._exhausted = ""
        self._used_s = 0.0
        self._since = 0.0
        self._reason: Literal["done", "stopped", "failed"] = "done"
        self._detail = ""
        self._error: str | None = None

    def send(self, command: Command) -> None:
        """Give the loop a command; returns at once."""
        if command.kind in ("pause", "resume", "step", "stop"):
            self._asked = command.kind
        self.inbox.put(command)

    @property
    def n_busy(self) -> int:
        """Trials whose step runs now."""
        return self._n_busy

    @property
    def n_waiting(self) -> int:
        """Trials that wait until a scheduler has compared them with others."""
        return len(self._lanes.waiting)

    @property
    def elapsed_s(self) -> float:
        """Seconds that the loop has run, pauses not counted."""
        running = self._mode in ("run", "pausing") and self._since
        return self._used_s + (time.monotonic() - self._since if running else 0.0)

    # ---- the loop ----------------------------------------------------------------------------------------------

    def events(self, *, step: bool = False) -> Iterator[Event]:
        """Run to the end; with ``step`` pause after one trial."""
        self._since = time.monotonic()
        self._stepping = step
        with CapturedPrints():
            try:
                yield StateChanged("running")
                while self._mode == "run" and not self.inbox.empty():  # what was enqueued before the start comes first
                    yield from self._handle(self.inbox.get())
                while self._mode != "stop":
                    yield from self._turn()
                yield from self._finish()
            finally:
                for t in list(self._live.values()):
                    self._workers.abandon(t.number)
                self._workers.close()

    def _turn(self) -> Iterator[Event]:
        """Start what may start, see whether that was all, then wait for the next result or command."""
        try:
            if self._mode == "run":
                yield from self._load()
                yield from self._start_steps()
        except StorageError as error:
            yield from self._pause(str(error))
        if self._mode == "run" and self.ledger.trouble:
            yield from self._pause(self.ledger.trouble)
        if self._mode == "run":
            yield from self._see_whether_over()
        if self._mode == "pausing" and self.n_busy == 0:
            yield from self._paused(self._detail)
        if self._mode != "stop":
            yield from self._receive()

    def _see_whether_over(self) -> Iterator[Event]:
        if not self._n_busy and not self._lanes.ready and not self._given and self._complete():
            yield from self._apply(self._lanes.close())
            if self._lanes.ready:
                yield from self._start_steps()
                return
            for number in list(self._lanes.waiting):  # nothing will happen any more for which they could wait
                yield from self._give_up(self._live[number], "stop")
            self._mode = "stop"
        elif self._stepping and self._only is not None and (self._only not in self._live or self._only in self._lanes.waiting):
            yield from self._pause("")

    def _complete(self) -> bool:
        n = self.settings.n_trials
        return bool(self._exhausted) or (n is not None and self._told - self._n_imported + len(self._live) >= n)

    def _may_begin(self) -> bool:
        return not (self._stepping and self._only is not None) and (bool(self._given) or not self._complete())

    def _receive(self) -> Iterator[Event]:
        try:
            message = self.inbox.get(timeout=self._next_deadline())
        except Empty:
            pass
        else:
            yield from self._handle(message)
        yield from self._check_limits()

    def _handle(self, message: Command | StepDone | Printed) -> Iterator[Event]:
        match message:
            case StepDone():
                yield from self._step_done(message)
            case Printed():
                if message.trial in self._live:
                    yield message
            case Command(kind="pause"):
                if self._mode == "run":
                    yield from self._pause("")
            case Command(kind="resume" | "step"):
                self._stepping, self._only = message.kind == "step", None
                yield from self._resume()
            case Command(kind="stop"):
                self._mode, self._reason = "stop", "stopped"
            case Command(kind="enqueue"):
                assert message.config is not None
                self._given.append(Given(message.config))
            case Command(kind="tell"):
                assert message.config is not None and message.loss is not None
                self._heard.append((message.config, message.loss))
                yield from self._hear()
            case Command():
                self._exhausted = ""  # another algorithm, or another space, may know more

    def _resume(self) -> Iterator[Event]:
        if self._mode not in ("pausing", "paused"):
            return
        if self._mode == "paused":
            self._since = time.monotonic()
        self._mode, self._detail = "run", ""
        yield StateChanged("running")
        try:
            self.ledger.flush()
        except StorageError as error:
            yield from self._pause(str(error))
            return
        yield from self._hear()

    def _pause(self, detail: str) -> Iterator[Event]:
        self._detail = detail
        n = self.n_busy
        if n == 0:
            yield from self._paused(detail)
            return
        self._mode = "pausing"
        yield StateChanged("pausing", f"{detail} {finishing(n)}".strip())

    def _paused(self, detail: str) -> Iterator[Event]:
        self._used_s, self._since = self.elapsed_s, 0.0
        self._mode, self._stepping, self._only = "paused", False, None
        yield StateChanged("paused", detail)

    # ---- starting ----------------------------------------------------------------------------------------------

    def _start_steps(self) -> Iterator[Event]:
        """Go on with waiting trials, then begin new ones, as far as there are workers."""
        while self._mode == "run" and self.n_busy < self.settings.n_workers:
            if not self._lanes.ready and not self._stepping:
                yield from self._apply(self._lanes.free())
            number = next((k for k in self._lanes.ready if self._may_go_on(k)), None)
            if number is not None:
                self._lanes.ready.remove(number)
                self._submit(self._live[number])
            elif not self._may_begin() or not (yield from self._begin()):
                return
            # take what has come in meanwhile: a pause, a result that the next suggestion should know
            while self._mode == "run" and not self.inbox.empty():
                yield from self._handle(self.inbox.get())

    def _may_go_on(self, number: int) -> bool:
        return not self._stepping or self._only in (None, number)

    def _begin(self) -> Generator[Event, None, bool]:
        """Begin a trial; returns whether one began."""
        given = self._given[0] if self._given else None
        try:
            live, why = self._proposer.propose(given, self._live, self._told)
        except (StorageError, Cancelled) as error:
            if isinstance(error, Cancelled):
                return False  # the command lies in the inbox
            raise
        except SearchExhausted as end:
            self._exhausted = str(end)
            return False
        except Exception as error:  # noqa: BLE001 - a failing algorithm ends the run, visibly
            if given is not None and isinstance(error, ConfigError):
                self._given.popleft()
                yield StateChanged("running", f"A configuration was left out that no longer fits the space: {error}")
                if given.again is not None:
                    yield from self._apply(self._lanes.end(given.again, "failed", None))
                return True
            self._fail(error)
            return False
        if given is not None:
            self._given.popleft()
        self._live[live.number] = live
        yield TrialSuggested(live.number, dict(live.config), why, fixed=live.fixed)
        for verdict in self._lanes.begin(live.number, None if given is None else given.again):
            yield TrialJudged(live.number, 0, verdict.action, verdict.why)
        self._submit(live)
        return True

    def _fail(self, error: Exception) -> None:
        self._mode, self._reason, self._error = "stop", "failed", "".join(traceback.format_exception(error))
        self._detail = f"{type(self.settings.algorithm).__name__} failed: {type(error).__name__}: {error}"

    def _submit(self, t: Live) -> None:
        if self._stepping:
            self._only = t.number
        if t.lines is None:
            t.lines = Lines(t.number, self.inbox.put)
        if t.shelved:
            t.shelved, t.steps = False, self._proposer.anew(t)
        if isinstance(t.steps, BudgetSteps):
            goal = self._lanes.goal(t.number)
            assert goal is not None  # a scheduler without budgets is refused for such an objective
            t.steps.goal = goal
        t.busy, t.since = True, time.monotonic()
        self._n_busy += 1
        self._workers.submit(t.number, t.steps, t.lines)

    # ---- results -----------------------------------------------------------------------------------------------

    def _step_done(self, done: StepDone) -> Iterator[Event]:
        t = self._live.get(done.trial)
        if t is None:
            return  # abandoned meanwhile
        t.busy = False
        self._n_busy -= 1
        t.used_s += time.monotonic() - t.since
        yield from self._learn_config(t)
        if done.interrupt:
            self._mode, self._reason = "stop", "stopped"
            self._detail = "The objective was interrupted."
            yield from self._end(t, "interrupted", None)
        elif done.error is not None:
            yield from self._end(t, "failed", None, done.error)
        elif done.pruned:
            state: TrialState = "complete" if t.verdict == "finish" else "pruned"
            yield from self._end(t, state, t.curve[-1][1] if t.curve else None)
        elif done.step is None:
            yield from self._complete_trial(t, t.curve[-1][1] if t.curve else math.nan)
        else:
            try:
                loss = self._loss_of(done.step)
            except ObjectiveError as error:
                t.steps.close()
                yield from self._end(t, "failed", None, f"ObjectiveError: {error}")
                return
            if done.step.last:
                yield from self._complete_trial(t, loss)
                return
            t.curve.append((done.step.number, loss))
            t.state = done.step.state
            if isinstance(t.steps, BudgetSteps):
                t.steps.state = t.state  # what ran in another process has left it there
            yield TrialReported.of(t.number, done.step.number, loss, time.time())
            self.ledger.report(t.number, done.step.number, loss)
            if t.verdict is not None:  # an Optuna objective that does not ask should_prune
                t.steps.close()
                yield from self._end(t, "complete" if t.verdict == "finish" else "pruned", loss)
                return
            yield from self._apply(self._lanes.report(t.number, t.curve))

    def _loss_of(self, step: Step) -> Loss:
        """Turn the user's values into losses; the first dict names them and gives their order."""
        if step.names and not self.ledger.goals.names:
            self.ledger.name_losses(step.names)
        return times(self.ledger.sign, in_order(step, self.ledger.goals.names))

    # ---- verdicts ------------------------------------------------------------------------------------------------

    def _apply(self, verdicts: Sequence[Verdict]) -> Iterator[Event]:
        """Do what the scheduler says, of trials that are still there."""
        for verdict in verdicts:
            t = self._live.get(verdict.trial)
            if t is None:
                continue
            yield TrialJudged(t.number, t.curve[-1][0] if t.curve else 0, verdict.action, verdict.why)
            if verdict.action == "go":
                self._lanes.go(t.number)
            elif verdict.action == "wait":
                self._lanes.wait(t.number)
                yield from self._save_memory()
            else:
                yield from self._give_up(t, verdict.action)

    def _give_up(self, t: Live, action: Literal["stop", "finish"]) -> Iterator[Event]:
        """End a trial that the scheduler has stopped or finished."""
        if isinstance(t.steps, OptunaSteps) and not t.shelved:
            t.verdict = action
            t.steps.prune()  # should_prune() says so, and the objective ends by itself
            self._lanes.go(t.number)
            return
        close_quietly(t.steps)
        yield from self._end(t, "complete" if action == "finish" else "pruned", t.curve[-1][1] if t.curve else None)

    def _save_memory(self) -> Iterator[Event]:
        """Let the waiting trial with the greatest loss give its place in memory up, if there are too many."""
        waiting = map(self._live.__getitem__, self._lanes.waiting)
        held = [t for t in waiting if not (t.shelved or (isinstance(t.steps, BudgetSteps) and t.state is None))]
        if len(held) <= self.settings.max_waiting:
            return
        t = max(held, key=lambda t: (_last_loss(t), t.number))
        if t.state is not None:
            t.state = pickle.dumps(t.state() if callable(t.state) else t.state)
        close_quietly(t.steps)
        t.shelved = True
        yield TrialShelved(t.number, t.curve[-1][0], t.state is not None)

    def _learn_config(self, t: Live) -> Iterator[Event]:
        """Take over the parameters that an Optuna objective has suggested by now."""
        if t.known or t.trial is None:
            return
        config = dict(t.trial.params)
        if config != t.config:
            t.config = config
            explain = getattr(self.ledger.study.sampler, "explain", None)
            yield TrialSuggested(t.number, dict(config), None if explain is None else explain(t.number))

    def _complete_trial(self, t: Live, loss: Loss) -> Iterator[Event]:
        if has_nan(loss):
            what = f"one of the losses {times(self.ledger.sign, loss)}" if isinstance(loss, tuple) else "the loss"
            yield from self._end(t, "failed", None, f"ObjectiveError: {what} is nan (not a number). Did the training "
                                 "diverge? A finite penalty or inf would count as a bad result instead.")
        else:
            yield from self._end(t, "complete", loss)

    def _end(self, t: Live, state: TrialState, loss: Loss | None, error: str | None = None) -> Iterator[Event]:
        del self._live[t.number]
        self._n_busy -= t.busy
        self._lanes.leave(t.number)
        rest = None if t.lines is None else t.lines.rest()
        if rest is not None:
            yield rest
        seconds = t.used_s if getattr(self.settings.algorithm, "several_costs", False) else None
        if state != "interrupted":
            self._told += 1
            if state != "pruned" or loss is not None:
                self._proposer.told(t, state, loss, seconds)
        elif t.config:
            self._given.append(Given(dict(t.config), again=t.number))
        self.ledger.tell(t.number, state, loss, error, seconds=seconds)
        yield TrialFinished.of(t.number, state, loss, error, time.time(), seconds)
        if state != "interrupted":
            yield from self._apply(self._lanes.end(t.number, state, loss))

    # ---- results that the user knows ------------------------------------------------------------------------------

    def _hear(self) -> Iterator[Event]:
        """Write the results down that were given by hand. What cannot be written waits for the next resume."""
        while self._heard and self._mode != "stop":
            config, loss = self._heard[0]
            try:
                number, begun, end = given(self.ledger, self.settings, config, loss)
            except StorageError as error:
                yield from self._pause(str(error))
                return
            self._heard.popleft()
            if self._loaded:  # else it is counted with all others
                self._told, self._n_imported = self._told + 1, self._n_imported + 1
                self._proposer.heard(number, config, loss)
                self._retell(self.ledger.trial(number))
            yield begun
            yield end

    def unheard(self) -> Iterator[tuple[Config, Loss]]:
        """Return what was given by hand too late: the loop has ended."""
        yield from self._heard
        while not self.inbox.empty():
            message = self.inbox.get()
            if isinstance(message, Command) and message.kind == "tell":
                assert message.config is not None and message.loss is not None
                yield message.config, message.loss

    # ---- limits ------------------------------------------------------------------------------------------------

    def _next_deadline(self) -> float | None:
        """Seconds until the next time limit; None if there is none."""
        s = self.settings
        left = []
        if s.timeout is not None and self._mode in ("run", "pausing"):
            left.append(s.timeout - self.elapsed_s)
        if s.trial_timeout is not None:
            now = time.monotonic()
            left += [s.trial_timeout - t.used_s - (now - t.since) for t in self._live.values() if t.busy]
        return max(min(left), 0.0) if left else None

    def _check_limits(self) -> Iterator[Event]:
        limit, now = self.settings.trial_timeout, time.monotonic()
        if limit is not None:
            for t in [t for t in self._live.values() if t.busy and t.used_s + now - t.since >= limit]:
                self._leave_behind(t)
                yield from self._end(t, "failed", None, f"TimeoutError: the time limit of {limit:g} s for a trial is "
                                     "over. Its thread was left behind; raise trial_timeout if it needs longer.")
        total = self.settings.timeout
        if total is not None and self._mode in ("run", "pausing") and self.elapsed_s >= total:
            self._mode, self._reason = "stop", "stopped"
            self._detail = f"The time limit of {total:g} s for the run is over."

    def _leave_behind(self, t: Live) -> None:
        self._workers.abandon(t.number)
        if isinstance(t.steps, OptunaSteps):
            t.steps.close()  # ends its thread at its next word with the trial

    # ---- beginning and end -------------------------------------------------------------------------------------

    def _load(self) -> Iterator[Event]:
        """Take over, once, what an earlier session left: count what ended, re-queue what was interrupted."""
        if self._loaded:
            return
        self.ledger.flush()
        trials = self.ledger.trials()
        for t in trials:
            if self.ledger.is_ours(t):
                self.ledger.adopt(t)
                self.ledger.tell(t.number, "interrupted", None)
                yield TrialFinished(t.number, "interrupted", None)
        done_again = {Saw.of(t.user_attrs[KEY]).again for t in trials if KEY in t.user_attrs}
        for t in self.ledger.trials():
            self._retell(t)
            if state_of(t) != "interrupted":
                counts = t.state.is_finished() and not t.user_attrs.get(SKIPPED)
                self._told += counts
                self._n_imported += counts and bool(origin_of(t))
            elif t.number not in done_again and t.params:
                self._given.append(Given(dict(t.params), again=t.number))
        self._loaded = True

    def _retell(self, t: FrozenTrial) -> None:
        """Let the scheduler know of an earlier session's trial."""
        if self.settings.scheduler is None or t.user_attrs.get(SKIPPED) or not t.state.is_finished():
            return
        if origin_of(t) and not only_stops(self.settings.scheduler):
            return  # it takes no place in a bracket; the algorithm knows of it
        again = Saw.of(t.user_attrs[KEY]).again if KEY in t.user_attrs else None
        loss = loss_of(t, self.ledger.sign)
        assert not isinstance(loss, tuple)
        # what was interrupted before it had suggested anything will not be tried again
        state = "failed" if state_of(t) == "interrupted" and not t.params else state_of(t)
        self._lanes.retell(t.number, curve_of(t, self.ledger.sign), again, state, loss)

    def _finish(self) -> Iterator[Event]:
        """Wait a moment for steps under way, then leave them behind; close what waits."""
        if self.n_busy:
            yield StateChanged("stopping", finishing(self.n_busy))
        yield from self._last_results()
        busy = self.n_busy
        for t in list(self._live.values()):
            if t.busy:
                self._leave_behind(t)
            else:
                threading.Thread(target=close_quietly, args=(t.steps,), daemon=True, name="workbench-close").start()
            yield from self._end(t, "interrupted", None)
        if busy:
            left = f"{plural(busy, 'step')} did not end in time and {'was' if busy == 1 else 'were'} left behind."
            self._detail = f"{self._detail} {left}".strip()
        if self.ledger.trouble:
            self._detail = f"{self._detail} {self.ledger.trouble}".strip()
        self._used_s += time.monotonic() - self._since if self._since else 0.0
        self._since = 0.0
        yield StateChanged(self._reason, self._detail or self._exhausted)
        yield RunFinished(self._reason, self._error)

    def _last_results(self) -> Iterator[Event]:
        """Hear what the steps under way still give, for a limited time."""
        end = time.monotonic() + self.grace_s
        while self.n_busy and (left := end - time.monotonic()) > 0:
            try:
                message = self.inbox.get(timeout=left)
            except Empty:
                return
            if not isinstance(message, Command):
                yield from self._handle(message)


def in_order(step: Step, order: tuple[str, ...]) -> Loss:
    """Return the values of a step in the order of the losses' names; ObjectiveError if it names others."""
    if not step.names or not order:
        return step.loss
    if set(step.names) != set(order):
        raise ObjectiveError(f"the objective must return the losses {list(order)!r}, got {list(step.names)!r}.")
    if not isinstance(step.loss, tuple):
        return step.loss
    by_name = dict(zip(step.names, step.loss, strict=True))
    return tuple(by_name[name] for name in order)


def given(ledger: Ledger, settings: Settings, config: Config, loss: Loss) -> tuple[int, TrialSuggested, TrialFinished]:
    """Write a result down that was given by hand; returns its number and its events. StorageError if that fails."""
    assert settings.space is not None
    fixed = {} if settings.fixed is None else settings.fixed.beside(config)
    trial = by_hand(settings.space, config, times(ledger.sign, loss), fixed)
    number = ledger.add(trial)
    start, end = time_of(trial.datetime_start), finished(ledger.trial(number), ledger.sign)
    return number, TrialSuggested(number, dict(config), time=start, origin=BY_HAND, fixed=fixed), end


def _last_loss(t: Live) -> float:
    loss = t.curve[-1][1]
    assert not isinstance(loss, tuple)
    return finite(loss)


def plural(n: int, word: str) -> str:
    """Say "1 trial" or "2 trials"."""
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def finishing(n: int) -> str:
    """Say what a pause or a stop waits for."""
    return f"{plural(n, 'trial')} finish{'es its' if n == 1 else ' their'} step"


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


__all__ = ["Command", "Settings", "StudyLoop", "finishing", "plural", "run_study"]
