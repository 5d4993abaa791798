"""A run: a study driven in a background thread, with controls, results, and a memory of everything that happened."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage

from workbench.errors import ObjectiveError, RunError, SpaceError, StorageError, WorkbenchError
from workbench.events import (
    Event,
    EventLog,
    RunFinished,
    RunStarted,
    RunState,
    StateChanged,
    TrialFinished,
    TrialReported,
)
from workbench.fidelity import catalogue as schedulers
from workbench.history import Algorithm, refusal
from workbench.imported import Descent
from workbench.inferred import InferredSpace, is_whole
from workbench.ledger import Ledger, began, finished
from workbench.losses import Loss, has_nan, times
from workbench.objective import Objective, read_step, takes_budget, takes_state
from workbench.propose import Settings
from workbench.results import Results
from workbench.schedule import Scheduler
from workbench.search import catalogue
from workbench.search.beliefs import check_prior
from workbench.search.recommend import Recommendation, advise
from workbench.space import Choice, Config, Space
from workbench.store import Owner
from workbench.study import Command, StudyLoop, finishing, given, in_order
from workbench.trials import Trials

ATTR_SPACES, ATTR_ALGORITHMS, ATTR_SETTINGS = "wb:spaces", "wb:algorithms", "wb:settings"
ENDED: tuple[RunState, ...] = ("stopped", "done", "failed")


class Run(Results):
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
    descent
        Of a child run: who its parent is, how many of its trials were imported, and which were left out. Else None.
    children
        The child runs that were made of it in this session.
    """

    def __init__(self, ledger: Ledger, objective: Objective | None, settings: Settings, *, seed: int,
                 name: str | None = None, where: str = "memory", executor: Executor | None = None,
                 owner: Owner | None = None, on_close: Callable[[], None] | None = None) -> None:
        self.name, self.where, self.seed = name, where, seed
        self.log = EventLog()
        self.state: RunState = "ready"
        self.detail = ""
        self._trials, self._folded = Trials(), 0
        self._ledger, self._objective, self._settings, self._executor = ledger, objective, settings, executor
        self._owner, self._on_close = owner, on_close
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)  # the state, or the thread, has changed
        self._loop: StudyLoop | None = None
        self._thread: threading.Thread | None = None
        self._over = True  # whether the thread has nothing more to say
        self._waiting: list[Command] = []  # enqueued before the start
        self._elapsed_before_s = 0.0
        self._began = math.inf
        self._inferred = InferredSpace()
        self._said_goals = ledger.goals
        self.descent: Descent | None = None
        self.children: list[Run] = []
        self._parent: Run | None = None
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
    def n_waiting(self) -> int:
        """How many trials wait until the scheduler has compared them with others."""
        return self._loop.n_waiting if self._loop is not None and self._alive else 0

    @property
    def pausing(self) -> Literal["", "memory", "state", "again"]:
        """How a trial of a run with a scheduler goes on after it has waited.

        It has kept all in "memory"; it goes on from its "state"; or it is trained "again", up to the larger budget. "" where
        none waits: without a scheduler, with one that only stops, and in a run that can only be watched.
        """
        if self.scheduler is None or self._objective is None or getattr(self.scheduler, "only_stops", False):
            return ""
        if not takes_budget(self._objective):
            return "memory"
        return "state" if takes_state(self._objective) else "again"

    @property
    def elapsed_s(self) -> float:
        """Seconds that the run has run in this session, pauses not counted."""
        return self._elapsed_before_s + (self._loop.elapsed_s if self._loop is not None else 0.0)

    @property
    def eta_s(self) -> float | None:
        """Seconds that are probably left: the mean time per trial so far, times the trials left. None if unknown.

        Under a scheduler with rounds, whose trials are of unequal length, the mean time per step, times the steps left.
        """
        if self.n_trials is None or self.state in ENDED:
            return None
        trials = [t for t in list(self.trials.by_number.values()) if not t.imported]
        round_steps = getattr(self.scheduler, "round_steps", None)
        if round_steps is None and self.n_waiting:  # trials that wait may never end by themselves: those that have begun count
            begun = sum(t.started >= self._began for t in trials)
            return max(self.n_trials - len(trials), 0) * self.elapsed_s / begun if begun else None
        if round_steps is None:
            ran = sum(1 for t in trials if t.ended and t.ended >= self._began)
            return max(self.n_trials - self.n_done, 0) * self.elapsed_s / ran if ran else None
        done = sum(t.n_steps for t in trials if t.state != "interrupted")
        now = sum(t.n_steps for t in trials if t.started >= self._began)
        total = self.n_trials * round_steps / self.scheduler.n_trials
        return max(total - done, 0.0) * self.elapsed_s / now if now else None

    # ---- controls ----------------------------------------------------------------------------------------------

    def start(self) -> Run:
        """Start in the background, or go on after a pause, a stop or with more trials. Returns at once."""
        return self._go(step=False)

    resume = start

    def pause(self) -> Run:
        """Start no further step; what runs finishes its step. Returns at once."""
        self._must_write()
        with self._lock:
            if self.state == "running" and self._loop is not None and self._alive:
                n = self._loop.n_busy
                self._set("pausing", finishing(n) if n else "")
                self._loop.send(Command("pause"))
        return self

    def step(self, *, block: bool = True) -> Run:
        """Do one trial, then pause. Waits for it, unless ``block=False``."""
        self._go(step=True)
        if block:
            self._wait_for(lambda: self.state in ("paused", *ENDED), None)
        return self

    def stop(self) -> Run:
        """End the run. Steps that run get a second to finish; they count as interrupted. Returns at once."""
        if self.state == "watching":
            self.close()
            return self
        self._must_write()
        with self._lock:
            if self._loop is not None and self._alive:
                if self.state not in ENDED:
                    n = self._loop.n_busy
                    self._set("stopping", finishing(n) if n else "")
                    self._loop.send(Command("stop"))
            elif self.state in ("ready", "paused"):
                self._set("stopped", "")
        return self

    def enqueue(self, config: Config) -> Run:
        """Try this configuration next. It must belong to the space; values that the run holds fixed may be left out."""
        self._must_write()
        config = self._searched(config)
        with self._lock:
            command = Command("enqueue", config)
            if self._alive and self._loop is not None and self.state not in ENDED:
                self._loop.send(command)
            else:
                self._waiting.append(command)
        return self

    def tell(self, config: Config, value: Any) -> Run:
        """Add a result that you know from elsewhere: a trial that counts for the search, but not for ``n_trials``.

        While the run goes on it is added by the run's own thread: at once, but not before this returns.

        Parameters
        ----------
        config
            Must belong to the space; values that the run holds fixed may be left out.
        value
            What the objective would have returned: one number, or a tuple or dict of several.

        Raises
        ------
        ConfigError
            If the configuration does not belong to the space.
        ObjectiveError
            If the value is no number, or nan.
        RunError
            If an Optuna objective makes the space as it goes.
        """
        self._must_write()
        if self._settings.space is None:
            raise RunError("a result can only be told to a run with a space: an Optuna objective makes its own as it goes. "
                           "Add it to the study: study.add_trial(optuna.create_trial(...)).")
        config, loss = self._searched(config), told_loss(value, self._ledger)
        thread = self._thread
        if thread is not None and self.state in ENDED:
            thread.join()  # it is about to end, and adds what it has heard
        with self._lock:
            if self._alive and self._loop is not None and self.state not in ENDED:
                self._loop.send(Command("tell", config, loss))
            else:
                self._add(config, loss)
        return self

    def _add(self, config: Config, loss: Loss) -> None:
        """Write a result down that was given by hand, while no loop does it."""
        held = self._owner is None or self._owner.held
        self._own()
        try:
            for event in given(self._ledger, self._settings, config, loss)[1:]:
                self._append(event)
        finally:
            if not held and self._owner is not None:
                self._owner.release()

    def _searched(self, config: Config) -> Config:
        """Return a configuration without what the run holds fixed; ConfigError if it does not belong to the space."""
        if self._settings.fixed is not None:
            config = self._settings.fixed.searched_part(config)
        if self._settings.space is not None:
            self._settings.space.validate(config)
        return dict(config)

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until the run has ended. An interrupt (the kernel's stop button) stops the run.

        Raises
        ------
        RunError
            If the run was never started or is paused: it would wait for ever. Also if the run failed.
        StorageError
            If the run had to pause because it cannot be written.
        """
        if self.state in ("ready", "paused") and not self._ledger.trouble:
            raise RunError(f"the run is {self.state}: waiting for it would never end. Call start() first.")
        self._wait_for(lambda: not self._alive or (self.state == "paused" and bool(self._ledger.trouble)), timeout)
        return self._checked()

    async def finished(self) -> Run:
        """Wait without blocking the kernel: ``await run.finished()``. Buttons keep working meanwhile."""
        while self._alive and not (self.state == "paused" and self._ledger.trouble):
            await asyncio.sleep(0.05)
        return self._checked()

    def _checked(self) -> Run:
        if self.state == "failed":
            last = self.log[len(self.log) - 1]
            text = last.error if isinstance(last, RunFinished) and last.error else ""
            raise RunError(f"the run failed: {self.detail}\n{text}".rstrip())
        if self.state == "paused" and self._ledger.trouble:
            raise StorageError(self._ledger.trouble)
        return self

    def _wait_for(self, over: Callable[[], bool], timeout: float | None) -> None:
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                left = None if end is None else end - time.monotonic()
                if over() or not self._alive or (left is not None and left <= 0):
                    return
                with self._changed:
                    if not over():
                        self._changed.wait(0.2 if left is None else min(left, 0.2))
        except KeyboardInterrupt:
            if not self.read_only:
                self.stop()
            if self._thread is not None:
                self._thread.join(5)

    def close(self) -> None:
        """Stop, and let others open the run."""
        thread = self._thread
        if thread is not None and thread.is_alive() and not self.read_only:
            self.stop()
            thread.join(5)
        if self._on_close is not None:
            self._on_close()
            if self.state == "watching":
                self._set("stopped", "no longer watching")
        if self._owner is not None:
            self._owner.release()

    def hand_over(self) -> None:
        """Let another Run object of this process write; this one can only be looked at from now on."""
        self._objective, self.detail = None, "it was opened again in this kernel"
        if self._owner is not None:
            self._owner.release()

    # ---- the thread --------------------------------------------------------------------------------------------

    @property
    def _alive(self) -> bool:
        return not self._over

    def _go(self, *, step: bool) -> Run:
        self._must_write()
        thread = self._thread
        if thread is not None and self.state in ("stopping", *ENDED):
            thread.join()  # it is about to end; not under the lock, which it needs
        with self._lock:
            if self._alive and self._loop is not None:
                if self.state in ("paused", "pausing") or step:
                    self._set("running", "")  # at once: whoever waits now must not see the pause
                    self._loop.send(Command("step" if step else "resume"))
                return self
            self._own()
            assert self._objective is not None
            if self._loop is not None:
                self._elapsed_before_s += self._loop.elapsed_s
            self._began = time.time()
            self._loop = StudyLoop(self._ledger, self._objective, self._settings, seed=self.seed,
                                   executor=self._executor)
            for command in self._waiting:
                self._loop.send(command)
            self._waiting.clear()
            self._set("running", "")
            self._over = False
            self._thread = threading.Thread(target=copy_context().run, args=(self._drain, self._loop, step),
                                            daemon=True, name="workbench-run")
            self._thread.start()
        return self

    def _own(self) -> None:
        """Become the run's only writer (again), and learn what another one has done meanwhile."""
        if self._owner is None or self._owner.held:
            return
        if not self._owner.acquire():
            raise RunError(f"another process has opened the run {self.name!r} for writing. wb.open({self.name!r}) "
                           "watches it.")
        known = self.trials.by_number
        for t in self._ledger.trials():
            if t.number not in known:
                for event in began(t, self._ledger.sign):
                    self._append(event)
                if t.state.is_finished():
                    self._append(finished(t, self._ledger.sign))

    def _drain(self, loop: StudyLoop, step: bool) -> None:
        self._append(self._started())
        try:
            for event in loop.events(step=step):
                if isinstance(event, StateChanged) and event.state in ENDED and self._owner is not None \
                        and not self._ledger.trouble:
                    self._owner.release()  # before anybody hears of the end
                self._append(event)
        except BaseException as error:  # noqa: BLE001 - shown as the run's end, whatever it was
            text = "".join(traceback.format_exception(error))
            self._append(StateChanged("failed", f"{type(error).__name__}: {error}"))
            self._append(RunFinished("failed", text))
        try:
            for config, value in loop.unheard():
                self._add(config, value)
        except WorkbenchError as error:
            self._append(StateChanged(self.state, f"A result that was given by hand could not be kept: {error}"))
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _started(self) -> RunStarted:
        space, fixed = {} if self.space is None else self.space.to_json(), self._settings.fixed
        return RunStarted.of(self.goals, self.name, catalogue.label(self.algorithm), space, self.n_trials, self.n_workers,
                             self.seed, schedulers.to_json(self.scheduler), None if fixed is None else fixed.to_json())

    def _append(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, StateChanged):
                if self.state in ENDED and event.state in ("pausing", "stopping"):
                    return
                self.state, self.detail = event.state, event.detail
                self._changed.notify_all()
            if isinstance(event, (TrialReported, TrialFinished)) and self.goals != self._said_goals:
                self.log.append(self._started())  # the first dict of losses has named them
                self._said_goals = self.goals
            self.log.append(event)
            if isinstance(event, TrialFinished) and self._settings.space is None:
                self._learn_space(event)

    def _learn_space(self, event: TrialFinished) -> None:
        """Tell the space that an Optuna objective makes as it goes as soon as more of it is known."""
        trial, before = self._ledger.trial(event.trial), self._inferred.space
        if is_whole(trial):
            self._inferred.learn(trial.params, trial.distributions)
            if self._inferred.space != before:
                self.log.append(self._started())

    def _set(self, state: RunState, detail: str) -> None:
        self._append(StateChanged(state, detail))

    def _must_write(self) -> None:
        if self.read_only:
            raise RunError(f"this run can only be watched ({self.detail or 'it belongs to another process'}). To go on "
                           "with a run of your own, give the objective: wb.open(name, objective=f).")

    # ---- the family ------------------------------------------------------------------------------------------------

    def child(self, space: Space | None = None, *, fixed: Mapping[str, Any] | None = None, name: str | None = None,
              n_trials: int | None = None, n_workers: int | None = None, algorithm: Any = None,
              scheduler: Scheduler | None = None, objective: Objective | None = None,
              storage: str | BaseStorage | None = None, import_trials: Literal["near", "exact", "all"] = "near") -> Run:
        """Make a run in a changed or reduced space, which begins with the trials of this one that still fit.

        Imported trials keep values, curves, states and times. The algorithm learns from them and views show them, but they do
        not count for ``n_trials``. ``child.descent`` tells how many were imported, and why others were not.

        A parameter that the objective is not given counts as being at its default, where one is stated in the space: so the
        trials of this run fit a space with a new parameter that has a default.

        Parameters
        ----------
        space
            The changed space: other ranges or options, parameters more or less. By default that of this run.
        fixed
            Values at which the child holds parameters, such as ``{"depth": run.best.config["depth"]}``. It searches the others;
            the objective gets all of them. What this run holds fixed stays so, unless ``space`` has the parameter again.
        import_trials
            With ``fixed``: which trials are imported. "exact": those that had these values; of real numbers that is hardly
            more than the one from which they were taken. "near": also those in which a fixed number lay within a fifth of its
            range: they tell roughly how the other parameters act, and children learn faster. "all": whatever they had there,
            as long as the same parameters are active; for parameters that hardly matter. Imported trials keep the values that
            they really had (``trial.whole_config``), and only those with the fixed values can be the child's best.
        objective
            Another objective, for a space with other parameters, or for a run that is only watched. The results of this run are
            imported as if it had given them.
        name, storage
            Keep the child in a file, as in ``optimize``.
        n_trials, n_workers, algorithm, scheduler
            As in this run, if left out.

        Raises
        ------
        RunError
            If an Optuna objective makes the space as it goes, and ``space`` or ``fixed`` are given; if there is no objective.
        SpaceError
            If the space or the fixed values are not what they should be, or nothing is left to search.
        """
        from workbench.child import make_child

        return make_child(self, space, fixed=fixed, name=name, n_trials=n_trials, n_workers=n_workers, algorithm=algorithm,
                          scheduler=scheduler, objective=objective, storage=storage, import_trials=import_trials)

    @property
    def parent(self) -> Run | None:
        """The run of which this one is a child; None if it is none, or if its parent had no name and is gone."""
        if self._parent is None and self.descent is not None:
            from workbench.child import find_parent

            self._parent = find_parent(self.descent)
        return self._parent

    # ---- settings ----------------------------------------------------------------------------------------------

    @property
    def recommendation(self) -> Recommendation:
        """What ``recommend`` chooses for this run's space, objective and number of trials."""
        space = self._settings.space
        return advise(self._objective, space, self.n_trials, n_losses=len(self.goals), scheduler=self.scheduler)

    def configure(self, *, space: Space | None = None, algorithm: Algorithm | None = None, n_trials: int | None = None,
                  n_workers: int | None = None) -> Run:
        """Change settings, also while the run goes on; they hold from the next trial.

        Raises
        ------
        SpaceError
            If a changed space is no longer the same study: with trials told only numeric ranges may change. Also if the
            algorithm's ``prior`` does not fit the space.
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
                check_prior(s.algorithm if algorithm is None else algorithm, space)
                self._spaces.append(space)
                s.fixed = None if s.fixed is None else s.fixed.following(space)
                s.space, s.space_index = space, len(self._spaces) - 1
            if algorithm is not None and algorithm != s.algorithm:
                self._set_algorithm(algorithm)
            s.n_trials = s.n_trials if n_trials is None else n_trials
            s.n_workers = s.n_workers if n_workers is None else n_workers
            if self.saved:
                for key, value in self.settings_json().items():
                    self._ledger.set_attr(key, value)
            self._append(self._started())
            if self._loop is not None and self._alive:
                self._loop.send(Command("wake"))
        return self

    def _set_algorithm(self, algorithm: Any) -> None:
        s = self._settings
        if s.space is None:
            raise RunError("the algorithm of a run with an Optuna objective is fixed. Start a new run.")
        check_algorithm(algorithm, len(self.goals))
        check_prior(algorithm, s.space)
        algorithm = for_scheduler(algorithm, s.scheduler)
        sampler = isinstance(algorithm, optuna.samplers.BaseSampler)
        self._ledger.study.sampler = algorithm if sampler else optuna.samplers.RandomSampler(seed=self.seed)
        self._algorithms.append(algorithm)
        s.algorithm_index, s.algorithm = len(self._algorithms) - 1, algorithm

    def _check_space(self, new: Space) -> None:
        old = self._settings.space
        if old is None:
            raise SpaceError("an Optuna objective makes its space as it goes: edit the objective.")
        if len(self.trials):
            check_same_study(old, new)

    def settings_json(self) -> dict[str, str]:
        """Return the run's settings as JSON texts, as they are kept with the study."""
        s = self._settings
        data = {
            ATTR_SPACES: [None if x is None else x.to_json() for x in self._spaces],
            ATTR_ALGORITHMS: [catalogue.to_json(a) for a in self._algorithms],
            ATTR_SETTINGS: {"seed": self.seed, "n_trials": s.n_trials, "n_workers": s.n_workers,
                            "scheduler": schedulers.to_json(s.scheduler), "max_waiting": s.max_waiting,
                            "trial_timeout": s.trial_timeout, "timeout": s.timeout, "space": s.space_index,
                            "algorithm": s.algorithm_index,
                            **({} if s.fixed is None else {"fixed": s.fixed.to_json()}),
                            **({} if self.descent is None else {"descent": self.descent.to_json()})},
        }
        return {key: json.dumps(value) for key, value in data.items()}


def told_loss(value: Any, ledger: Ledger) -> Loss:
    """Read a result that the user tells, as a loss; ObjectiveError if it is none."""
    step = read_step(value, 1, len(ledger.goals))
    if len(step.names) > 1 and not ledger.goals.names:
        raise ObjectiveError(f"the losses have no names yet, got {list(step.names)!r}. Give a tuple, in the order in which the "
                             "objective gives them.")
    loss = times(ledger.sign, in_order(step, ledger.goals.names))
    if has_nan(loss):
        raise ObjectiveError(f"a result must be a number, got {value!r}. Leave the configuration out if nothing is known of it.")
    return loss


def check_algorithm(algorithm: Any, n_losses: int = 1) -> None:
    """Raise RunError unless it is an algorithm of the workbench's kind, or one of Optuna's samplers, for so many losses."""
    made = not isinstance(algorithm, type) and callable(getattr(algorithm, "suggest", None))
    if not made and not isinstance(algorithm, optuna.samplers.BaseSampler):
        raise RunError(f"an algorithm is an object with a method suggest, got {algorithm!r}. Take wb.GPBO() or wb.TPE().")
    no = refusal(algorithm, n_losses) if not isinstance(algorithm, optuna.samplers.BaseSampler) else ""
    if n_losses > 1 and isinstance(algorithm, optuna.samplers.CmaEsSampler):
        no = f"Optuna's CmaEsSampler searches for the best of one loss, got a run of {n_losses}. Take NSGAIISampler."
    if no:
        raise RunError(no)


def for_scheduler(algorithm: Any, scheduler: Scheduler | None) -> Any:
    """Let an algorithm of ours that knows one budget see the trials of a run with a scheduler on one scale."""
    return algorithm if scheduler is None else catalogue.for_budgets(algorithm)


def check_same_study(old: Space, new: Space) -> None:
    """Raise SpaceError unless only numeric ranges, defaults and forbidden combinations differ."""
    way = "Start a new run for that."
    if old.names != new.names:
        raise SpaceError(f"with trials told, parameters can neither come nor go nor be renamed, got "
                         f"{list(new.names)!r} instead of {list(old.names)!r}. {way}")
    for name in old.names:
        a, b = old[name], new[name]
        if type(a) is not type(b) or a.when != b.when:
            raise SpaceError(f"with trials told, type and condition of {name!r} are fixed, got {b!r}. {way}")
        if isinstance(a, Choice) and isinstance(b, Choice) and (a.options, a.ordered) != (b.options, b.ordered):
            raise SpaceError(f"with trials told, the options of {name!r} are fixed, got {b!r}. {way}")
        if not isinstance(a, Choice) and not isinstance(b, Choice) and (a.log, a.step) != (b.log, b.step):
            raise SpaceError(f"with trials told, scale and step of {name!r} are fixed, got {b!r}. Its range may "
                             f"change; {way[0].lower() + way[1:]}")
