"""Our algorithms as Optuna samplers: ``optuna.create_study(sampler=wb.Sampler(wb.TPE(), seed=0))``.

With ``space=`` all parameters, conditional ones included, are suggested together. Without, the space is read off the
trials (``inferred.py``): a parameter that some trials lack gets the condition that explains where it is present.
What cannot be explained is suggested on its own, by the same algorithm, from the trials that have it.
"""

from __future__ import annotations

import secrets
import threading
import warnings
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from workbench.errors import ConfigError, SearchExhausted
from workbench.history import Algorithm, Explanation
from workbench.inferred import InferredSpace
from workbench.ledger import loss_of
from workbench.optuna_distributions import (
    parameter,
    space_from_distributions,
    space_to_distributions,
    suggest_from,
)
from workbench.optuna_watch import watch_study
from workbench.rows import Rows
from workbench.space import Config, Space

__all__ = ["Sampler", "space_from_distributions", "space_to_distributions", "suggest_from", "watch_study"]


class _Told:
    """The finished trials of one study in the order of their results, each looked at once."""

    def __init__(self) -> None:
        self.ended: list[FrozenTrial] = []
        self.running: list[FrozenTrial] = []
        self._open: list[int] = []
        self._n_known = 0

    def update(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Take a look at the study; returns the trials that have ended since the last one."""
        still, new, self.running = [], [], []
        for number in [*self._open, *range(self._n_known, len(trials))]:
            t = trials[number]
            if t.state.is_finished():
                new.append(t)
            else:
                still.append(number)
                if t.state == TrialState.RUNNING:
                    self.running.append(t)
        new.sort(key=lambda t: (t.datetime_complete.timestamp() if t.datetime_complete else 0.0, t.number))
        self._open, self._n_known = still, len(trials)
        self.ended += new
        return new


class Sampler(BaseSampler):
    """Let one of the workbench's algorithms choose the points of an Optuna study.

    Parameters
    ----------
    algorithm
        ``GPBO()``, ``TPE()``, ``Random()``, ``Grid()`` or one of your own.
    space
        The space, if it is known beforehand; conditional parameters are then suggested together with the others.
    seed
        Trial k draws from ``default_rng([seed, k])``, so the same seed gives the same trials in any process.
    """

    def __init__(self, algorithm: Algorithm, *, space: Space | None = None, seed: int | None = None) -> None:
        self.algorithm = algorithm
        self.space = space
        self.seed = secrets.randbelow(2**31) if seed is None else seed
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._study: tuple[int, int] | None = None
        self._told = _Told()
        self._inferred = InferredSpace()
        self._rows: dict[Space, Rows] = {}  # encoded trials, by space; the last few spaces only
        self._encoded: dict[Space, int] = {}
        self._why: dict[int, Explanation] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Keep what was given; the rest is read off the study again."""
        return {"algorithm": self.algorithm, "space": self.space, "seed": self.seed}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Restore what was given."""
        self.__dict__.update(state)
        self._reset()

    def explain(self, number: int) -> Explanation | None:
        """Why trial ``number`` was suggested; None if this sampler object did not suggest it."""
        return self._why.get(number)

    def reseed_rng(self) -> None:
        """Do nothing: every trial has its own generator already, seeded by its number."""

    # ---- Optuna's interface ------------------------------------------------------------------------------------

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that are suggested together: the given space's, or those read off the trials."""
        if len(study.directions) > 1:
            return {}
        with self._lock:
            self._look(study)
            space = self.space if self.space is not None else self._inferred.space
            known = self._inferred.distributions if self.space is None else space_to_distributions(space)
            return {name: known[name] for name in space.names if not known[name].single()}

    def sample_relative(self, study: Study, trial: FrozenTrial,
                        search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """Ask the algorithm for a point."""
        self._raise_error_if_multi_objective(study)
        if not search_space:
            return {}
        with self._lock:
            self._look(study)
            space = self._restricted(search_space)
            if not len(space):
                return {}
            return self._ask(study, trial, space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str,
                           param_distribution: BaseDistribution) -> Any:
        """Suggest one parameter on its own, from the trials that have it."""
        self._raise_error_if_multi_objective(study)
        with self._lock:
            self._look(study)
            space = Space({param_name: parameter(param_distribution)})
            salt = zlib.crc32(param_name.encode())  # or all parameters would begin at the same point of their ranges
            sign = _sign(study)
            rows = Rows(space, self.seed ^ salt)
            for t in self._told.ended:
                known = t.distributions.get(param_name)
                if known is not None and type(known) is type(param_distribution):
                    _append(rows, t, sign)
            rng = np.random.default_rng([self.seed, trial.number, salt])
            try:
                suggestion = self.algorithm.suggest(rows.history(), rng)
            except SearchExhausted:  # one parameter's grid is soon used up: begin it again
                suggestion = self.algorithm.suggest(Rows(space, trial.number ^ salt).history(), rng)
            return space.from_unit(suggestion.x)[param_name]

    # ---- inside ------------------------------------------------------------------------------------------------

    def _look(self, study: Study) -> None:
        key = (id(study._storage), study._study_id)
        if key != self._study:
            self._reset_study(key)
        new = self._told.update(study.get_trials(deepcopy=False))
        if self.space is None:
            for t in new:
                if t.state in (TrialState.COMPLETE, TrialState.PRUNED):
                    self._inferred.learn(t.params, t.distributions)

    def _reset_study(self, key: tuple[int, int]) -> None:
        self._study = key
        self._told, self._inferred, self._rows, self._encoded = _Told(), InferredSpace(), {}, {}

    def _restricted(self, search_space: dict[str, BaseDistribution]) -> Space:
        """The space of just these parameters: a sampler around ours may have fixed some."""
        space = self.space if self.space is not None else self._inferred.space
        names = {name for name in space.names if name in search_space}
        single = {name for name in space.names if name not in search_space and space[name].n_levels == 1}
        if names | single == set(space.names):
            return space
        keep = {name for name in names if all(parent in names for parent, _ in space[name].when)}
        return Space({name: space[name] for name in space.names if name in keep})

    def _ask(self, study: Study, trial: FrozenTrial, space: Space) -> Config:
        rows = self._rows_of(space, _sign(study))
        pending = []
        for t in self._told.running:
            if t.number != trial.number and t.params:
                try:
                    pending.append(space.to_unit(t.params))
                except ConfigError:
                    continue  # it has not suggested all its parameters yet
        history = rows.history(np.array(pending).reshape(len(pending), len(space)))
        try:
            suggestion = self.algorithm.suggest(history, np.random.default_rng([self.seed, trial.number]))
        except SearchExhausted as end:
            return self._exhausted(study, trial, space, str(end))
        self._why[trial.number] = suggestion.why
        config: Config = space.from_unit(suggestion.x)
        return config

    def _exhausted(self, study: Study, trial: FrozenTrial, space: Space, message: str) -> Config:
        """Stop ``study.optimize``; a trial that was asked for all the same repeats an old point, with a warning."""
        if study._thread_local.in_optimize_loop:
            study.stop()
        else:
            warnings.warn(f"{message} This trial repeats one.", stacklevel=4)
        again = Rows(space, self.seed + trial.number).history()
        config: Config = space.from_unit(self.algorithm.suggest(again, np.random.default_rng(trial.number)).x)
        return config

    def _rows_of(self, space: Space, sign: float) -> Rows:
        """The told trials in that space; only those that came since the last call are encoded."""
        rows = self._rows.get(space)
        if rows is None:
            if len(self._rows) >= 4:
                oldest = next(iter(self._rows))
                del self._rows[oldest], self._encoded[oldest]
            rows = self._rows[space] = Rows(space, self.seed)
            self._encoded[space] = 0
        for t in self._told.ended[self._encoded[space]:]:
            _append(rows, t, sign)
        self._encoded[space] = len(self._told.ended)
        return rows


def _sign(study: Study) -> float:
    return -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0


def _append(rows: Rows, t: FrozenTrial, sign: float) -> None:
    """Encode a trial, if it has all the active parameters."""
    if t.state == TrialState.PRUNED and not t.intermediate_values:
        return  # given up before anything was known
    try:
        rows.append(t.number, t.params, loss_of(t, sign), max(len(t.intermediate_values), 1))
    except ConfigError:
        return
