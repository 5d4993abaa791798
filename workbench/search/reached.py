"""What a scheduler's trials have reached: their losses at its budgets, of those that have ended and those that run or wait.

A trial that was paused at 9 of 81 steps is no finished one, but its loss there is as good as that of one that was stopped there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.space import Array


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """All trials with at least one result.

    Attributes
    ----------
    budgets
        Steps at which trials are compared, ascending; empty without a scheduler.
    x
        Their points, shape (n, d): finished ones in the order told, then those that run or wait.
    losses
        At each budget, shape (n, max(b, 1)); nan where not reached, +inf where failed. Without a scheduler, the one loss.
    pending
        Points of the trials without a result, shape (k, d).
    """

    budgets: tuple[int, ...]
    x: Array
    losses: Array
    pending: Array

    @property
    def n_at(self) -> tuple[int, ...]:
        """Number of results at each budget."""
        return tuple(int(n) for n in (~np.isnan(self.losses)).sum(axis=0))

    @property
    def furthest(self) -> NDArray[np.intp]:
        """Column of the furthest budget that each trial has reached, shape (n,)."""
        b = self.losses.shape[1]
        return np.asarray(b - 1 - np.argmax(~np.isnan(self.losses[:, ::-1]), axis=1))

    def steps(self, budget: int) -> int:
        """Steps of the budget in that column; 0 without a scheduler."""
        return self.budgets[budget] if self.budgets else 0


def reached(history: History) -> Reached:
    """Read a history. A finished trial that ended before the first budget counts there, with its last loss."""
    b = len(history.budgets)
    if not b:
        return Reached((), history.x, history.y[:, None], history.pending)
    done = history.by_budget.reshape(len(history), b).copy()
    none = np.isnan(done).all(axis=1)
    done[none, 0] = history.y[none]
    live = history.pending_by_budget.reshape(len(history.pending), b)
    some = ~np.isnan(live).all(axis=1)
    return Reached(history.budgets, np.concatenate([history.x, history.pending[some]]), np.concatenate([done, live[some]]),
                   history.pending[~some])
