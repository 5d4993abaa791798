"""The trials of an Optuna study as an algorithm sees them: each looked at, and encoded, once."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from workbench.errors import ConfigError
from workbench.lanes import at_budgets, reached
from workbench.ledger import INTERRUPTED, SKIPPED, curve_of, goals_of, loss_of, n_steps, state_of, time_of
from workbench.rows import Rows
from workbench.space import Array, Choice, Config, Space

MAX_SPACES = 16  # spaces whose encoded trials are kept


class Told:
    """The ended trials of one study in the order of their results, and those that run.

    Parameters
    ----------
    study
        The study. All its trials count, also where a pruner shows its sampler only some.
    plain
        Makes a configuration of our kind from a trial's parameters.
    budgets
        Steps at which a scheduler compares the trials.
    """

    def __init__(self, study: Study, plain: Callable[[Mapping[str, Any]], Config], budgets: tuple[int, ...] = ()) -> None:
        self.ended: list[FrozenTrial] = []
        self.running: list[FrozenTrial] = []
        self._storage: weakref.ref[BaseStorage] = weakref.ref(study._storage)
        self._study_id: int = study._study_id
        goals = goals_of(study)
        self.n_losses, self._sign = len(goals), goals.sign
        self._plain, self._budgets = plain, budgets
        self._open: list[int] = []  # numbers of trials that had not ended at the last look
        self._n_known = 0
        self._rows: OrderedDict[tuple[Space, int], tuple[Rows, int]] = OrderedDict()

    def belongs_to(self, study: Study) -> bool:
        """Whether this is about that study."""
        return self._study_id == study._study_id and self._storage() is study._storage

    def update(self) -> list[FrozenTrial]:
        """Look at the study; returns the trials that have ended since the last look."""
        storage = self._storage()
        assert storage is not None
        trials = storage.get_all_trials(self._study_id, deepcopy=False)
        still, new, self.running = [], [], []
        for number in (*self._open, *range(self._n_known, len(trials))):
            t = trials[number]
            if t.state.is_finished():
                new.append(t)
                continue
            still.append(number)
            if t.state == TrialState.RUNNING:
                self.running.append(t)
        new.sort(key=lambda t: (time_of(t.datetime_complete), t.number))
        self._open, self._n_known = still, len(trials)
        self.ended += new
        return new

    def rows(self, space: Space, seed: int) -> Rows:
        """Return the ended trials in that space; only those that came since the last call are encoded."""
        rows, n = self._rows.pop((space, seed)) if (space, seed) in self._rows else (
            Rows(space, seed, self.n_losses, self._budgets), 0)
        for t in self.ended[n:]:
            config = self._plain(t.params)
            if counts(t) and in_range(space, config):
                try:
                    loss = loss_of(t, self._sign)
                    at = reached(curve_of(t, self._sign), self._budgets, state_of(t), loss) if self._budgets else None
                    rows.append(t.number, config, loss, n_steps(t), at)
                except ConfigError:
                    continue  # a parameter is missing: it failed early, or comes from another space
        self._rows[space, seed] = rows, len(self.ended)
        if len(self._rows) > MAX_SPACES:
            self._rows.popitem(last=False)
        return rows

    def pending(self, space: Space, number: int, asked: Mapping[int, Config]) -> tuple[Array, list[Array]]:
        """Return the points that run beside trial ``number``, shape (k, d), and their losses at the budgets.

        ``asked`` holds what was suggested to trials that may not have taken up all of it yet.
        """
        points, at = [], []
        for t in self.running:
            config = {**asked.get(t.number, {}), **self._plain(t.params)}
            if t.number != number and config and in_range(space, config):
                try:
                    points.append(space.to_unit(config))
                except ConfigError:
                    continue  # it has not suggested all its parameters yet
                if self._budgets:
                    at.append(at_budgets(curve_of(t, self._sign), self._budgets))
        return np.array(points).reshape(len(points), len(space)), at


def counts(t: FrozenTrial) -> bool:
    """Whether an ended trial is a result: not interrupted, not skipped, not given up before anything was known."""
    if t.state == TrialState.PRUNED:
        return bool(t.values or t.intermediate_values) and SKIPPED not in t.user_attrs
    return INTERRUPTED not in t.user_attrs


def in_range(space: Space, config: Config) -> bool:
    """Whether the numbers lie within the space's ranges, which may have changed since."""
    for name, p in space.params.items():
        if not isinstance(p, Choice) and name in config:
            value = config[name]
            if isinstance(value, str) or value is None:
                return False
            slack = 1e-9 * (p.high - p.low)  # Optuna's ends of stepped ranges differ from ours by rounding
            if not p.low - slack <= value <= p.high + slack:
                return False
    return True
