"""Grid search: the Cartesian product of k values of each parameter.

::

    Lambda_GS = lambda^(1)_{1:k_1} x … x lambda^(d)_{1:k_d}

A continuous parameter takes k equidistant values from its low to its high end (on a log scale: equidistant
logarithms); levels and options are all taken, of more than k levels k spread ones. A conditional parameter is varied
only where it is active, forbidden combinations are left out. Points are found by
walking the tree of choices.

Differences from the textbook: the order is shuffled (by default), so that a grid stopped half-way has looked
everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workbench.errors import SearchExhausted, SpaceError
from workbench.history import Drawn, History, Suggestion
from workbench.space import Array, Choice, Float, Space

MAX_SHUFFLED = 200_000  # points of the largest grid


def grid_values(space: Space, name: str, k: int) -> Array:
    """Unit points of one parameter's grid values, ascending."""
    p = space[name]
    if isinstance(p, Choice):
        return p.levels()
    if isinstance(p, Float) and p.n_levels is None:
        return np.array([0.5]) if k == 1 or p.low == p.high else np.linspace(0.0, 1.0, k)
    n = p.n_levels
    assert n is not None
    if n <= k:
        return p.levels()
    ends = np.linspace(0.0, 1.0, k) if k > 1 else np.array([0.5])
    return np.unique(p.snap(ends))


def grid_points(space: Space, k: int) -> Iterator[Array]:
    """Walk the grid point by point: shape (d,), nan where inactive, none forbidden, none twice."""
    order = [space.column(name) for name in space.parents_first()]
    values = [grid_values(space, name, k) for name in space.names]

    def walk(i: int, x: Array) -> Iterator[Array]:
        if i == len(order):
            if not space.is_forbidden(x[None])[0]:
                yield x.copy()
            return
        j = order[i]
        trial = x.copy()
        trial[j] = values[j][0]
        if not space.active(trial[None])[0, j]:  # parents have their values by now
            x[j] = np.nan
            yield from walk(i + 1, x)
            return
        for u in values[j]:
            x[j] = u
            yield from walk(i + 1, x)
        x[j] = np.nan

    yield from walk(0, np.full(len(space), np.nan))


@dataclass(frozen=True, slots=True)
class Grid:
    """Grid search with k values of each continuous parameter.

    Attributes
    ----------
    k
        Values of a continuous parameter, and at most of one with levels.
    shuffled
        Visit the points in an order drawn from the run's seed; otherwise the last parameter varies fastest.

    Raises
    ------
    SearchExhausted
        By ``suggest`` when every point of the grid has been tried; this ends a run as done.
    """

    k: int = 5
    shuffled: bool = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise SpaceError(f"a grid needs k >= 1 values of each parameter, got k={self.k}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:  # noqa: ARG002
        """Return the first point of the grid, in its order, that is neither tried nor running."""
        points = self._points(history)
        done = np.vstack([history.x, history.pending]) if len(history.pending) else history.x
        seen = {row.tobytes() for row in _key(done)}
        for i, row in enumerate(_key(points)):
            if row.tobytes() not in seen:
                return Suggestion(points[i].copy(), Drawn(f"grid point {i + 1} of {len(points)}"))
        raise SearchExhausted(f"all {len(points)} points of the grid have been tried. A finer one: Grid(k={2 * self.k - 1}).")

    def _points(self, history: History) -> Array:
        memo = history.memo.get(("grid", self))
        if memo is None:
            listed = []
            for x in grid_points(history.space, self.k):
                listed.append(x)
                if len(listed) > MAX_SHUFFLED:
                    raise SpaceError(f"the grid has more than {MAX_SHUFFLED} points. Take a smaller k than {self.k}, fewer "
                                     "parameters, or Random().")
            memo = np.array(listed).reshape(len(listed), len(history.space))
            if self.shuffled:
                memo = np.random.default_rng(history.seed).permutation(memo)
            history.memo["grid", self] = memo
        return memo


def _key(x: Array) -> Array:
    return np.ascontiguousarray(np.nan_to_num(np.round(x, 9), nan=-1.0) + 0.0)
