"""Points of a mixed, conditional space as strings of genes: what the population methods share.

A gene is one parameter's value in the unit cube, nan where it is inactive. Whatever an operator makes of the genes of
several points is brought back to a configuration in three steps: genes that no parent could give are drawn anew, levels
are snapped, and inactive genes are silenced.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.history import Drawn, Explanation, History, Suggestion
from workbench.search.quasi_random import point
from workbench.search.untried import at_random, comparable, draw_fresh, is_in
from workbench.space import Array, Choice, Space

ATTEMPTS = 30  # offspring that may be forbidden or known before one is drawn at random

Bools = NDArray[np.bool_]


@lru_cache(maxsize=64)
def choices(space: Space) -> Bools:
    """Which columns are choices without an order, shape (d,)."""
    return np.array([c.kind == "choice" for c in space.columns], dtype=bool)


@lru_cache(maxsize=64)
def n_levels(space: Space) -> Array:
    """Levels of each column, shape (d,); 0 for real numbers, but 1 where the range is a single one."""
    counts = []
    for column, name in zip(space.columns, space.names, strict=True):
        p = space[name]
        lone = not isinstance(p, Choice) and p.low == p.high
        counts.append(1.0 if lone else float(column.n_levels))
    return np.array(counts)


def express(space: Space, genes: Array, rng: np.random.Generator) -> Array:
    """Make a configuration's point of genes (d,): nan is drawn anew where active, inactive genes are silenced."""
    whole = np.where(np.isnan(genes), rng.random(len(genes)), genes)
    return np.asarray(space.snap(whole[None])[0])


def reflect(u: Array) -> Array:
    """Fold values that left [0, 1] back at its ends."""
    return np.asarray(1.0 - np.abs(1.0 - np.abs(u) % 2.0))


def redraw_level(k: int, level: int, rng: np.random.Generator) -> int:
    """Another of ``k`` levels than this one, each with the same chance; the same if there is no other."""
    return level if k < 2 else (level + 1 + int(rng.integers(k - 1))) % k


def next_level(k: int, level: int, *, up: bool) -> int:
    """Return the neighbouring level on that side, or on the other one at an end."""
    step = 1 if up else -1
    return level if k < 2 else level + (step if 0 <= level + step < k else -step)


def redraw_choices(space: Space, x: Array, rate: float, rng: np.random.Generator) -> Array:
    """Give each unordered choice another option with this probability: options that nobody has could never come back."""
    x = x.copy()
    for j in np.flatnonzero(choices(space) & np.isfinite(x) & (rng.random(len(x)) < rate)):
        param = space[space.names[j]]
        x[j] = param.points(redraw_level(param.n_levels or 1, param.level_of(x[j]), rng))
    return x


def start_point(history: History, known: Array, rng: np.random.Generator, size: int, what: str) -> Suggestion:
    """Give the next member of the first population: scrambled Sobol points, spread evenly over the space."""
    space = history.space
    number = len(history) + len(history.pending)
    for k in range(ATTEMPTS if len(space) else 0):
        x = space.snap(point("sobol", len(space), (history.seed, 11), number + k)[None])[0]
        if not space.is_forbidden(x[None])[0] and not is_in(comparable(x), known):
            return Suggestion(x, Drawn(f"scrambled Sobol point {number + 1} of {size}, a first {what}"))
    x, _ = draw_fresh(space, known, rng)
    return Suggestion(x, Drawn(f"at random, a first {what} ({number + 1} of {size})"))


def new_or_random(history: History, known: Array, make: Callable[[], tuple[Array, Explanation]],
                  rng: np.random.Generator) -> Suggestion:
    """Make offspring until one is allowed and was not tried before; draw a point at random if none of ``ATTEMPTS`` is."""
    space = history.space
    for _ in range(ATTEMPTS):
        x, how = make()
        if (not space.forbidden or not space.is_forbidden(x[None])[0]) and not is_in(comparable(x), known):
            return Suggestion(x, how)
    return at_random(history, rng, "all offspring had been tried or were forbidden")


def slot_rows(n: int, slot: int, size: int) -> NDArray[np.intp]:
    """Numbers of the rows of one slot: rows are dealt to ``size`` slots in turn."""
    return np.arange(slot, n, size)


def slot_best(y: Array, size: int) -> NDArray[np.intp]:
    """Number of the best row of each slot that has rows, the newest of equals; shape (min(n, size),)."""
    best = [slot_rows(len(y), s, size)[::-1] for s in range(min(size, len(y)))]
    return np.array([rows[int(np.argmin(y[rows]))] for rows in best], dtype=np.intp)
