"""Candidate points for an acquisition function: spread over the space, near the best, and one discrete step away.

All functions return rows of the unit cube as ``Space.snap`` makes them: levels at their points, nan where inactive.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from workbench.history import History
from workbench.search.untried import all_points
from workbench.space import Array, Space

MAX_ENUMERATED = 4096  # spaces of so many configurations are searched whole: scoring them costs as much as the candidates
N_SOBOL = 2048  # a power of two, as Sobol sequences want it
EXHAUSTIVE_LEVELS = 16  # up to so many ordered levels all are tried, beyond only some steps


def keys(x: Array) -> list[bytes]:
    """Return one key per row; equal keys mean equal configurations (to 1e-7 in the unit cube)."""
    whole = np.rint(np.where(np.isnan(x), -1.0, x) * 1e7).astype(np.int64)
    return [row.tobytes() for row in whole]


def sobol(history: History) -> Array:
    """Return the scrambled Sobol points that a run searches with, (N_SOBOL, d): they depend on its seed alone, drawn once."""
    d = len(history.space)
    key = ("sobol", d, history.seed)
    if key not in history.memo:
        history.memo[key] = qmc.Sobol(d, seed=np.random.default_rng([history.seed, 7])).random(N_SOBOL)
    points: Array = history.memo[key]
    return points


def all_configs(space: Space) -> Array | None:
    """Return all allowed configurations, shape (N, d); None if there are more than MAX_ENUMERATED."""
    return all_points(space, MAX_ENUMERATED)


def spread(space: Space, points: Array, rng: np.random.Generator) -> Array:
    """Shift Sobol points by one random vector, modulo 1 (Cranley & Patterson 1976): fresh and still even."""
    return space.snap((points + rng.random(points.shape[1])) % 1.0)


def mutations(space: Space, base: Array, m: int, rng: np.random.Generator) -> Array:
    """Return ``m`` random changes of random rows of ``base``.

    Widths are log-uniform from 0.005 to 0.25. In half of the rows about 1.5 parameters change, in the other half each
    one with probability ½; at least one of the active ones does. An ordered parameter moves by at least one level, a
    choice is drawn anew, and so is what becomes active by the change.
    """
    d = len(space)
    x = base[rng.integers(len(base), size=m)]
    off = np.isnan(x)
    width = np.exp(rng.uniform(math.log(0.005), math.log(0.25), m))[:, None]
    few = np.minimum(1.0, 1.5 / np.maximum(1, (~off).sum(1)))[:, None]
    change = rng.random((m, d)) < np.where(rng.random((m, 1)) < 0.5, few, 0.5)
    change[np.arange(m), np.where(off, -1.0, rng.random((m, d))).argmax(1)] = True  # one of the active ones
    moved = np.abs(x + width * rng.standard_normal((m, d)))  # reflected at 0 …
    moved = np.clip(1.0 - np.abs(1.0 - moved), 0.0, 1.0)  # … and at 1
    fresh = rng.random((m, d))
    for j, column in enumerate(space.columns):
        if column.kind == "choice":
            moved[:, j] = fresh[:, j]
        elif column.kind == "int":
            moved[:, j] = _at_least_a_level(space, j, x[:, j], moved[:, j], np.where(rng.random(m) < 0.5, 1, -1))
    return space.snap(np.where(off, fresh, np.where(change, moved, x)))


def _at_least_a_level(space: Space, j: int, before: Array, after: Array, step: NDArray[np.intp]) -> Array:
    """Push ``after`` one level up or down where it is on the level of ``before``; inwards at the ends."""
    param, last = space[space.names[j]], space.columns[j].n_levels - 1
    old, new = param.level(np.nan_to_num(before, nan=0.5)), param.level(np.nan_to_num(after, nan=0.5))
    new = np.where(new == old, old + step, new)
    new = np.where(new < 0, min(1, last), np.where(new > last, max(last - 1, 0), new))
    return param.points(new)


def neighbours(space: Space, x: Array, rng: np.random.Generator) -> tuple[Array, NDArray[np.intp]]:
    """Return all rows that differ from a row of ``x`` by one discrete change, (m, d), and which row that was, (m,).

    Ordered parameters of many levels take steps of 1, 2, 3, 5, 8, 13, K/8 and K/4 levels. What becomes active by the
    change is drawn at random.
    """
    rows, owners = [np.empty((0, x.shape[1]))], [np.empty(0, dtype=np.intp)]
    for j, column in enumerate(space.columns):
        if column.kind == "float":
            continue
        param, K = space[space.names[j]], column.n_levels
        off = np.isnan(x[:, j])
        level = param.level(np.where(off, 0.5, x[:, j]))[:, None]
        if column.kind == "choice" or K <= EXHAUSTIVE_LEVELS:
            other = np.broadcast_to(np.arange(K), (len(x), K))
        else:
            steps = np.array([1, 2, 3, 5, 8, 13, K // 8, K // 4])
            other = level + np.unique(np.concatenate([-steps, steps]))
        usable = (other != level) & (other >= 0) & (other < K) & ~off[:, None]
        owner = np.nonzero(usable)[0]
        changed = x[owner]
        changed[:, j] = param.points(other[usable])
        rows.append(changed)
        owners.append(owner)
    out = np.vstack(rows)
    return space.snap(np.where(np.isnan(out), rng.random(out.shape), out)), np.concatenate(owners)


def untried(x: Array, order: NDArray[np.intp], seen: set[bytes]) -> list[int]:
    """Return the numbers of rows, in this order, that are not in ``seen``; of equal rows the first."""
    known, out = set(seen), []
    for i, key in zip(order.tolist(), keys(x[order]), strict=True):
        if key not in known:
            known.add(key)
            out.append(i)
    return out
