"""Points of a mixed, conditional space as strings of genes: what the population methods share.

A gene is one parameter's value in the unit cube, nan where it is inactive. Whatever an operator makes of the genes of
several points is brought back to a configuration in three steps: genes that no parent could give are drawn anew, levels
are snapped, and inactive genes are silenced. In a crossover of two parents, numbers that both have are combined, choices come
from one of them, and so does a branch of parameters that only one has, as a whole.
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

FIRST, SECOND, BOTH, MUTATED, NEW, SILENT = range(6)  # where a gene of a child comes from
ORIGINS = ("first parent", "second parent", "both parents", "mutated", "drawn anew", "inactive")

Bools = NDArray[np.bool_]
Combine = Callable[[Array, Array, np.random.Generator], Array]  # of two parents' numbers
Move = Callable[[float, np.random.Generator], float]  # of one number in the unit interval


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


# ---- crossover: p, q are the parents' genes --------------------------------------------------------------------------


def sbx(p: Array, q: Array, eta: float, rng: np.random.Generator) -> Array:
    """Simulated binary crossover (Deb & Agrawal 1995): children spread like those of bit strings.

    beta = (2 u)^(1 / (eta + 1)) for u <= ½, else (1 / (2 (1 - u)))^(1 / (eta + 1)); the child is ½ ((1 ± beta) p +
    (1 ∓ beta) q) with either sign: one of their two children. The sign is drawn per gene.
    """
    u = rng.random(len(p))  # ~ U(0, 1)
    beta = np.where(u <= 0.5, 2 * u, 1 / (2 * (1 - u))) ** (1 / (eta + 1))
    sign = np.where(rng.random(len(p)) < 0.5, 1.0, -1.0)
    return np.asarray(0.5 * ((1 + sign * beta) * p + (1 - sign * beta) * q))


def cross(space: Space, p: Array, q: Array, combine: Combine | None,
          rng: np.random.Generator) -> tuple[Array, NDArray[np.intp]]:
    """Combine two parents gene by gene, with the origins of the genes; nan where neither has the gene.

    Without ``combine`` numbers come from one of the parents too.
    """
    take_first = rng.random(len(p)) < 0.5
    child = np.where(take_first, p, q)  # uniform crossover
    origins = np.where(take_first, FIRST, SECOND)
    if combine is not None:
        mixed = ~choices(space) & np.isfinite(p) & np.isfinite(q) & (p != q)
        child[mixed] = reflect(combine(p[mixed], q[mixed], rng))
        origins[mixed] = BOTH
    for only, other, name in ((p, q, FIRST), (q, p, SECOND)):  # a branch of one parent comes from that one
        lone = np.isfinite(only) & np.isnan(other)
        child[lone], origins[lone] = only[lone], name
    return child, origins


# ---- mutation --------------------------------------------------------------------------------------------------------


def which_mutate(space: Space, x: Array, rate: float, rng: np.random.Generator, *, at_least: int) -> Bools:
    """Draw the genes that mutate: each active one with probability rate / (number of active genes), shape (d,)."""
    able = np.flatnonzero(np.isfinite(x) & (n_levels(space) != 1))
    mutated = np.zeros(len(x), dtype=bool)
    mutated[able] = rng.random(len(able)) < rate / max(len(able), 1)
    if len(able) and mutated.sum() < at_least:
        mutated[able[rng.integers(len(able))]] = True
    return mutated


def mutate(space: Space, x: Array, j: int, move: Move, rng: np.random.Generator) -> float:
    """Change gene j: a choice is drawn anew, a number moves, one with levels by at least one of them."""
    param, column = space[space.names[j]], space.columns[j]
    if column.kind == "choice":
        return float(param.points(redraw_level(column.n_levels, param.level_of(x[j]), rng)))
    moved = float(reflect(np.asarray(move(float(x[j]), rng))))
    if column.kind == "int":
        before, after = param.level_of(x[j]), param.level_of(moved)
        up = moved > x[j]
        return float(param.points(after if after != before else next_level(column.n_levels, before, up=up)))
    return moved


def mutated_child(space: Space, child: Array, origins: NDArray[np.intp], rate: float, move: Move,
                  rng: np.random.Generator, *, at_least: int) -> tuple[Array, NDArray[np.intp]]:
    """Express a child's genes and mutate some: its point, and the origins of its genes."""
    born = express(space, child, rng)
    mutated = which_mutate(space, born, rate, rng, at_least=at_least)
    x = born.copy()
    for j in np.flatnonzero(mutated):
        x[j] = mutate(space, born, int(j), move, rng)
    x = express(space, x, rng)
    origins = np.where(mutated, MUTATED, np.where(np.isnan(child) | np.isnan(born), NEW, origins))
    origins[np.isnan(x)] = SILENT
    return x, origins


# ---- the first population, and children that are new -----------------------------------------------------------------


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


# ---- slots -----------------------------------------------------------------------------------------------------------


def slot_rows(n: int, slot: int, size: int) -> NDArray[np.intp]:
    """Numbers of the rows of one slot: rows are dealt to ``size`` slots in turn."""
    return np.arange(slot, n, size)


def slot_best(y: Array, size: int) -> NDArray[np.intp]:
    """Number of the best row of each slot that has rows, the newest of equals; shape (min(n, size),)."""
    best = [slot_rows(len(y), s, size)[::-1] for s in range(min(size, len(y)))]
    return np.array([rows[int(np.argmin(y[rows]))] for rows in best], dtype=np.intp)
