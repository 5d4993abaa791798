"""Finished trials as growing arrays: each is encoded once, in the order in which results were told."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.history import History
from workbench.losses import Loss, has_nan
from workbench.scale import is_number
from workbench.space import Array, Choice, Space


def fits(space: Space, config: Mapping[str, Any]) -> bool:
    """Whether a told configuration still lies within the space: its ranges may have been narrowed since.

    Steps are not looked at: where Optuna has none (a log scale), its samplers' values lie between them.
    """
    for name, value in config.items():
        if name not in space.params:
            return False
        p = space[name]
        if isinstance(p, Choice):
            if p.fault(value) is not None:
                return False
        elif not (is_number(value) and p.low <= value <= p.high):
            return False
    return all(name in config for name in space.names if space.is_active(name, config))


class Rows:
    """The rows of a run's ``History``, append-only.

    Histories share the arrays below their own length; nothing written is ever changed, so a history handed out stays
    what it was.
    """

    def __init__(self, space: Space, seed: int = 0, n_losses: int = 1, budgets: tuple[int, ...] = ()) -> None:
        self.space = space
        self.seed = seed
        self.budgets = budgets
        self.numbers: list[int] = []  # trial number of each row
        self._x = np.empty((64, len(space)))
        self._y = np.empty(64) if n_losses == 1 else np.empty((64, n_losses))
        self._steps = np.empty(64)
        self._at = np.empty((64, len(budgets)))
        self._seconds = np.empty(64)
        self._memo: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.numbers)

    def append(self, number: int, config: Mapping[str, Any], loss: Loss | None, steps: int = 1,
               at: Array | None = None, seconds: float = math.nan) -> None:
        """Add a finished trial; ``at`` are its losses at the budgets. No loss, or nan in it, counts as +inf, the worst."""
        n = len(self.numbers)
        if n == len(self._y):
            self._x = np.concatenate([self._x, np.empty_like(self._x)])
            self._y = np.concatenate([self._y, np.empty_like(self._y)])
            self._steps = np.concatenate([self._steps, np.empty_like(self._steps)])
            self._at = np.concatenate([self._at, np.empty_like(self._at)])
            self._seconds = np.concatenate([self._seconds, np.empty_like(self._seconds)])
        self._x[n] = self.space.to_unit(config)
        self._y[n] = math.inf if loss is None or has_nan(loss) else loss
        self._steps[n] = steps
        self._at[n] = math.nan if at is None else at
        self._seconds[n] = seconds
        self.numbers.append(number)

    def history(self, pending: Array | Sequence[Mapping[str, Any]] = (), *, n: int | None = None,
                pending_at: Sequence[Array] = ()) -> History:
        """Return the first ``n`` rows (all, if not given) with these trials still running, and their losses at the budgets."""
        n = len(self.numbers) if n is None else min(n, len(self.numbers))
        if not isinstance(pending, np.ndarray):
            pending = self.space.to_unit(list(pending)) if pending else np.empty((0, len(self.space)))
        reached = np.reshape(pending_at, (-1, len(self.budgets))) if self.budgets else np.empty((len(pending), 0))
        return History(self.space, self._x[:n], self._y[:n], pending, self._steps[:n], self.seed, self._memo,
                       self.budgets, self._at[:n], reached, self._seconds[:n])
