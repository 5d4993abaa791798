"""Grid search: the Cartesian product of a few values of each parameter.

::

    grid = {lambda_1's k_1 values} x … x {lambda_d's k_d values}

A continuous parameter takes k values at equal distances from its low to its high end (on a log scale: equal ratios);
options are all taken, and levels too, or k spread ones where there are more. A conditional parameter is varied only
where it is active, and forbidden combinations are left out. Points are found by their number, so a grid may be larger
than memory.

Differences from the textbook: the order is shuffled (by default), so that a grid stopped half-way has looked
everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from workbench.errors import SearchExhausted, SpaceError
from workbench.history import Drawn, History, Suggestion
from workbench.search.grid_tree import GridTree, shuffled
from workbench.space import Array, Space

MAX_FORBIDDEN = 50_000  # points in a row


@dataclass(frozen=True, slots=True)
class Grid:
    """Grid search with k values of each continuous parameter.

    Attributes
    ----------
    k
        Values of a continuous parameter, and at most of one with more levels than that. Options are all taken.
    shuffled
        Visit the points in a random order drawn from the run's seed; otherwise the last parameter varies fastest.
    """

    k: int = 5
    shuffled: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, (int, np.integer)) or self.k < 1:
            raise SpaceError(f"a grid needs k >= 1 values of each parameter, a whole number, got k={self.k!r}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:  # noqa: ARG002
        """Return the first point of the grid, in its order, that is neither tried nor running.

        Raises
        ------
        SearchExhausted
            When there is none; this ends a run as done.
        """
        walk = self._walk(history)
        seen = {row.tobytes() for part in (history.x, history.pending) for row in _rounded(part)}
        n_points = 0
        for number, x in walk.points(history.space):
            n_points += 1
            if _rounded(x).tobytes() not in seen:
                return Suggestion(x.copy(), Drawn(f"grid point {number + 1} of {walk.tree.size}"))
        raise SearchExhausted(f"The grid is finished: all its {n_points} points have been tried. For a finer one take "
                              f"Grid(k={2 * self.k - 1}).")

    def _walk(self, history: History) -> _Walk:
        key = ("grid", self, history.space)
        walk = history.memo.get(key)
        if not isinstance(walk, _Walk):
            walk = _Walk(GridTree.of(history.space, self.k), history.seed if self.shuffled else None)
            history.memo[key] = walk
        return walk


@dataclass(slots=True)
class _Walk:
    """The points visited so far; a scratch that can be made again from the space and the seed."""

    tree: GridTree
    seed: int | None
    seen: list[tuple[int, Array]] = field(default_factory=list)
    place: int = 0

    def points(self, space: Space) -> Iterator[tuple[int, Array]]:
        """Number in the order and point, those not forbidden; what was walked before comes from memory."""
        yield from self.seen
        n_forbidden = 0
        while self.place < self.tree.size:
            number = self.place if self.seed is None else shuffled(self.place, self.tree.size, self.seed)
            x = self.tree.point(number)
            self.place += 1
            if space.is_forbidden(x[None])[0]:
                n_forbidden += 1
                if n_forbidden > MAX_FORBIDDEN:
                    raise SpaceError(f"{n_forbidden} points of the grid in a row are forbidden. Remove a forbidden "
                                     "combination, or use Random().")
                continue
            n_forbidden = 0
            self.seen.append((self.place - 1, x))
            yield self.seen[-1]


def _rounded(x: Array) -> Array:
    """Rows as comparable bytes: rounded beyond any rounding error, -1 for inactive, no negative zeros."""
    return np.ascontiguousarray(np.nan_to_num(np.round(x, 9), nan=-1.0) + 0.0)
