"""Grid search: the Cartesian product of a few values of each parameter; then, if wanted, finer grids around the best.

::

    grid = {lambda_1's k_1 values} x … x {lambda_d's k_d values}
    refine, for r = 1, 2, …:
        c = the best point when the grid before was done
        h_r = h_0 / 2^r                                            h_0 = 1 / (k - 1), the distance of the first values
        grid_r = {c_1 - h_r, c_1, c_1 + h_r} x … x {c_d - h_r, c_d, c_d + h_r}       on each parameter's (log) scale

A continuous parameter takes k values at equal distances from its low to its high end (on a log scale: equal ratios);
options are all taken, and levels too, or k spread ones where there are more. A conditional parameter is varied only
where it is active, and forbidden combinations are left out. Points are found by their number, so a grid may be larger
than memory.

A finer grid keeps the options of c, moves levels only as long as h_r reaches the next one, and leaves out what has been
tried. A parameter that c lacks and the finer grid switches on takes the middle of its range. While trials of one grid
still run, other workers go on with the next, around the best known so far; when the last result is in, the next grid lies
where it belongs, and what was tried elsewhere counts as a result like any other.

Notation
--------
===========  ======================================================
lambda_j     a parameter, k_j its number of values
c            the point that a finer grid surrounds, (d,)
h_r          distance of neighbouring values of the r-th finer grid
===========  ======================================================

Differences from the textbook: the order is shuffled (by default), so that a grid stopped half-way has looked
everywhere. Refining is off by default: a grid is chosen for being a fixed design that ends, and a finer one has up to
3^d points around one place, which stays in the valley that the first grid found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from workbench.errors import SearchExhausted, SpaceError
from workbench.history import Drawn, History, Suggestion
from workbench.search.grid_tree import GridTree, finer_values, shuffled
from workbench.search.untried import rounded
from workbench.space import Array, Space

MAX_FORBIDDEN = 50_000  # points in a row
RESOLUTION = 1e-6  # share of the range below which real numbers are not refined


@dataclass(frozen=True, slots=True)
class Grid:
    """Grid search with k values of each continuous parameter.

    Attributes
    ----------
    k
        Values of a continuous parameter, and at most of one with more levels than that. Options are all taken.
    shuffled
        Visit the points in a random order drawn from the run's seed; otherwise the last parameter varies fastest.
    refine
        Go on with finer grids around the best point, each half as wide as the one before, down to a millionth of the range.
    """

    several_budgets: ClassVar[bool] = True  # the order of a grid is fixed; a finer one goes by the last losses

    k: int = 5
    shuffled: bool = True
    refine: bool = False

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
        told = _first_rows(history.x)
        seen = {*told, *_first_rows(history.pending)}
        visited: set[bytes] = set()
        level, known = 0, 0  # known: so many results were in when the grid before was done
        width = 1.0 / (self.k - 1) if self.k > 1 else 1.0
        while True:
            walk = self._walk(history, level, known, width)
            if walk is None:
                break
            keys = []
            for number, x in walk.points(history.space):
                keys.append(rounded(x).tobytes())
                if keys[-1] not in seen:
                    return Suggestion(x.copy(), Drawn(_words(level, number, walk.tree.size, width)))
            visited.update(keys)
            known = max([known, *(told.get(key, len(history) - 1) + 1 for key in keys)])
            level, width = level + 1, width / 2
            if not self.refine:
                break
        times = f", refined {level - 1} times" if self.refine else ""
        way_on = f"Grid(k={2 * self.k - 1})" + ("" if self.refine else ", or Grid(refine=True)")
        raise SearchExhausted(f"The grid is finished: all its {len(visited)} points have been tried{times}. For a finer one "
                              f"take {way_on}.")

    def _walk(self, history: History, level: int, known: int, width: float) -> _Walk | None:
        """Walk the grid of a level, as far as it was walked before; None where no parameter can be refined further."""
        centre = _centre(history, known) if level else np.empty(0)
        key = ("grid", self, history.space, history.seed, level, centre.tobytes())
        walk = history.memo.get(key)
        if not isinstance(walk, _Walk):
            tree = GridTree.of(history.space, self.k) if not level else _finer(history.space, centre, width)
            if tree is None:
                return None
            walk = _Walk(tree, history.seed if self.shuffled else None)
            history.memo[key] = walk
        return walk


def _centre(history: History, known: int) -> Array:
    """Return the best of the first ``known`` results; a running trial if there is no result at all."""
    if not known:
        return np.asarray(history.pending[0])
    return np.asarray(history.x[int(np.argmin(history.y[:known]))])


def _finer(space: Space, centre: Array, width: float) -> GridTree | None:
    """Lay out the grid around a point; None if it is that point alone."""
    if width < RESOLUTION:
        return None
    values = tuple(finer_values(space, name, u, width) for name, u in zip(space.names, centre.tolist(), strict=True))
    return GridTree.over(space, values) if any(len(v) > 1 for v in values) else None


def _words(level: int, number: int, size: int, width: float) -> str:
    if not level:
        return f"grid point {number + 1} of {size}"
    return f"finer grid {level} around the best, steps of {100 * width:.3g} % of the range, point {number + 1} of {size}"


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


def _first_rows(x: Array) -> dict[bytes, int]:
    """Number of the first row at each point."""
    return {row.tobytes(): len(x) - 1 - i for i, row in enumerate(rounded(x[::-1]))}
