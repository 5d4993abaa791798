"""Choosing the next trial: ask the algorithm, or one of Optuna's samplers, or take what was given."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from workbench.errors import ConfigError, SearchExhausted, StorageError
from workbench.events import TrialState
from workbench.fixed import Fixed
from workbench.history import Algorithm, Explanation, History
from workbench.lanes import at_budgets, reached
from workbench.ledger import SKIPPED, Ledger, Saw, curve_of, in_told_order, loss_of, n_steps, seconds_of, state_of
from workbench.losses import Loss, Sign
from workbench.objective import BudgetSteps, CatchUp, ConfigSteps, Objective, OptunaSteps, Steps, takes_budget
from workbench.optuna_distributions import suggest_from
from workbench.rows import Rows, fits
from workbench.schedule import Scheduler
from workbench.space import Array, Config, Space
from workbench.workers import Lines

MAX_WAITING = 200  # by default
MAX_FORBIDDEN = 100  # forbidden suggestions of one of Optuna's samplers in a row


@dataclass(slots=True)
class Settings:
    """What may be changed while a study runs; read anew before each trial."""

    space: Space | None
    algorithm: Algorithm | optuna.samplers.BaseSampler | None  # None: a run that is only watched
    n_trials: int | None
    n_workers: int = 1
    scheduler: Scheduler | None = None
    trial_timeout: float | None = None  # seconds that a trial may run, pauses not counted
    timeout: float | None = None  # seconds that the run may run, pauses not counted
    max_waiting: int = MAX_WAITING  # trials that wait in memory for others; beyond, the least promising give their place up
    space_index: int = 0
    algorithm_index: int = 0
    fixed: Fixed | None = None  # what the objective gets beside what is searched

    @property
    def budgets(self) -> tuple[int, ...]:
        """Steps at which the scheduler compares trials."""
        return () if self.scheduler is None else self.scheduler.schedule().budgets


@dataclass(frozen=True, slots=True)
class Given:
    """A configuration to try next. ``again`` is the number of the interrupted trial that it repeats."""

    config: Config
    again: int | None = None


@dataclass(slots=True)
class Live:
    """A trial under way."""

    number: int
    config: Config
    steps: Steps
    space: Space | None = None
    trial: optuna.Trial | None = None
    known: bool = True  # whether its configuration is complete (an Optuna objective suggests as it goes)
    curve: list[tuple[int, Loss]] = field(default_factory=list)  # (step, loss)
    busy: bool = False
    shelved: bool = False  # its steps were given up to save memory
    state: Any = None  # from its last Checkpoint; of a shelved trial, pickled
    row: tuple[Space, Array] | None = None  # its configuration in the unit cube of that space
    at: tuple[int, Array] | None = None  # its losses at the budgets, after so many points of the curve
    verdict: Literal["stop", "finish"] | None = None  # how an Optuna objective shall end at its next word
    since: float = 0.0
    used_s: float = 0.0
    lines: Lines | None = None
    fixed: Config = field(default_factory=dict)  # what the objective gets besides


class Cancelled(Exception):
    """The user asked for a pause or a stop while the algorithm was thinking."""


class Proposer:
    """Chooses configurations and writes the trials down.

    Parameters
    ----------
    cancelled
        Asked after the algorithm has thought and before the trial is written; if true, the suggestion is dropped (the
        same one comes again later).
    """

    def __init__(self, ledger: Ledger, objective: Objective, settings: Settings, seed: int,
                 cancelled: Callable[[], bool]) -> None:
        self._ledger, self._objective, self._settings, self._seed = ledger, objective, settings, seed
        self._cancelled, self._budgets = cancelled, settings.budgets
        self._rows: Rows | None = None

    def propose(self, given: Given | None, live: Mapping[int, Live], told: int) -> tuple[Live, Explanation | None]:
        """Choose the next configuration and begin its trial.

        Raises
        ------
        StorageError
            If the trial cannot be written.
        SearchExhausted
            If there is nothing left to try.
        ConfigError
            If the given configuration does not belong to the space (any more).
        Cancelled
            If the user asked for a pause or a stop meanwhile.
        """
        self._ledger.flush()
        s = self._settings
        saw = Saw(told, tuple(live), s.space_index, s.algorithm_index, None if given is None else given.again,
                  drawn=given is None, steps=tuple(len(t.curve) for t in live.values()) if self._budgets else ())
        if s.space is None:
            return self._define_by_run(given, saw), None
        if given is None and isinstance(s.algorithm, optuna.samplers.BaseSampler):
            return self._from_sampler(s.space, saw), None
        why: Explanation | None = None
        if given is not None:
            config = given.config
            s.space.validate(config)
        else:
            number = len(self._ledger.trials())
            pending = [t for t in live.values() if t.space is s.space or fits(s.space, t.config)]
            x = np.array([self._row(t, s.space) for t in pending]).reshape(len(pending), len(s.space))
            history = self.rows.history(x, pending_at=[self._reached(t) for t in pending])
            assert s.algorithm is not None
            assert not isinstance(s.algorithm, optuna.samplers.BaseSampler)
            suggestion = s.algorithm.suggest(history, np.random.default_rng([self._seed, number]))
            config, why = s.space.from_unit(suggestion.x), suggestion.why
        if self._cancelled():
            raise Cancelled
        fixed = self._fixed(config)
        number = self._ledger.create(s.space, config, saw, fixed)
        return Live(number, config, self._steps({**config, **fixed}), s.space, fixed=fixed), why

    def _row(self, t: Live, space: Space) -> Array:
        """Encode a trial under way, once: hundreds may wait."""
        if t.row is None or t.row[0] is not space:
            t.row = space, space.to_unit(t.config)
        return t.row[1]

    def _reached(self, t: Live) -> Array:
        if t.at is None or t.at[0] != len(t.curve):
            t.at = len(t.curve), at_budgets(t.curve, self._budgets)
        return t.at[1]

    def _fixed(self, config: Config) -> Config:
        return {} if self._settings.fixed is None else self._settings.fixed.beside(config)

    def _steps(self, config: Config) -> Steps:
        if takes_budget(self._objective):
            return BudgetSteps(self._objective, config)
        return ConfigSteps(self._objective, config, len(self._ledger.goals))

    def anew(self, t: Live) -> Steps:
        """Begin a shelved trial's steps anew: from its state, or in silence up to where it stood."""
        state = None if t.state is None else pickle.loads(t.state)
        n, config = len(t.curve), {**t.config, **t.fixed}
        if (t.trial is not None and not t.known) or t.space is None:
            return CatchUp(OptunaSteps(self._objective, t.trial, optuna.TrialPruned), n)
        if takes_budget(self._objective):
            return BudgetSteps(self._objective, config, state)
        if state is not None:
            return ConfigSteps(self._objective, config, state=state, done=n)
        return CatchUp(ConfigSteps(self._objective, config), n)

    def _from_sampler(self, space: Space, saw: Saw) -> Live:
        """Let one of Optuna's samplers suggest, parameter by parameter; forbidden combinations are drawn again."""
        for _ in range(MAX_FORBIDDEN):
            trial = self._ledger.ask(saw)
            try:
                config = suggest_from(space, trial)
                space.validate(config)
            except ConfigError as error:
                self._ledger.tell(trial.number, "pruned", None, f"not run: {error}", skipped=True)
                continue
            except (OSError, StorageInternalError) as error:  # the parameters are written one by one
                self._ledger.tell(trial.number, "interrupted", None)
                raise StorageError(f"The run cannot be written: {type(error).__name__}: {error}.") from error
            fixed = self._fixed(config)
            self._ledger.fix(trial.number, fixed)
            return Live(trial.number, config, self._steps({**config, **fixed}), space, trial, fixed=fixed)
        raise SearchExhausted(f"{type(self._settings.algorithm).__name__} gave a forbidden combination {MAX_FORBIDDEN} "
                              "times in a row: Optuna's samplers do not know of them. Use one of the workbench's "
                              "algorithms.")

    def _define_by_run(self, given: Given | None, saw: Saw) -> Live:
        """Begin a trial of an Optuna objective, which suggests its parameters as it goes."""
        if given is not None:
            self._ledger.study.enqueue_trial(given.config)
        trial = self._ledger.ask(saw)
        steps = OptunaSteps(self._objective, trial, optuna.TrialPruned, len(self._ledger.goals))
        return Live(trial.number, {}, steps, trial=trial, known=False)

    # ---- what is known ---------------------------------------------------------------------------------------------

    @property
    def rows(self) -> Rows:
        """The told trials in the present space."""
        space = self._settings.space
        assert space is not None
        if self._rows is None or self._rows.space is not space:
            self._rows = rows_of(self._ledger.trials(), space, self._ledger.sign, self._seed, budgets=self._budgets)
        return self._rows

    def told(self, t: Live, state: TrialState, loss: Loss | None, seconds: float | None = None) -> None:
        """Add a trial that has ended to what is known."""
        rows = self._rows  # if there are none yet, they are read from the ledger when they are needed
        if rows is not None and rows.space is self._settings.space and (
                t.space is rows.space or fits(rows.space, t.config)):
            rows.append(t.number, t.config, loss, max(len(t.curve), 1), reached(t.curve, rows.budgets, state, loss),
                        math.nan if seconds is None else seconds)

    def heard(self, number: int, config: Config, loss: Loss) -> None:
        """Add a result that was given by hand to what is known."""
        rows = self._rows
        if rows is not None and rows.space is self._settings.space and fits(rows.space, config):
            rows.append(number, config, loss, 1, reached((), rows.budgets, "complete", loss))


def rows_of(trials: Sequence[FrozenTrial], space: Space, sign: Sign, seed: int, told: int | None = None,
            budgets: tuple[int, ...] = ()) -> Rows:
    """Encode the first ``told`` ended trials of a study (all, if not given); those outside the space are left out."""
    rows = Rows(space, seed, len(sign) if isinstance(sign, tuple) else 1, budgets)
    for t in told_trials(trials)[:told]:
        loss = loss_of(t, sign)
        if fits(space, t.params) and not (t.state == OptunaState.PRUNED and loss is None):
            at = reached(curve_of(t, sign), budgets, state_of(t), loss) if budgets else None
            rows.append(t.number, t.params, loss, n_steps(t), at, seconds_of(t))
    return rows


def told_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that count as results, in the order in which they were told."""
    return [t for t in in_told_order(trials) if state_of(t) != "interrupted" and not t.user_attrs.get(SKIPPED)]


def history_before(trials: Sequence[FrozenTrial], space: Space, sign: Sign, seed: int, saw: Saw,
                   budgets: tuple[int, ...] = ()) -> History:
    """Rebuild what an algorithm saw when it suggested a trial."""
    by_number = {t.number: t for t in trials}
    steps = saw.steps or (0,) * len(saw.pending)
    pending = [(by_number[k], n) for k, n in zip(saw.pending, steps, strict=True) if k in by_number]
    pending = [(t, n) for t, n in pending if fits(space, t.params)]
    at = [at_budgets(curve_of(t, sign)[:n], budgets) for t, n in pending] if budgets else []
    return rows_of(trials, space, sign, seed, saw.told, budgets).history([t.params for t, _ in pending], pending_at=at)
