r"""Several losses at once: who dominates whom, how deep, how crowded, and how much of the space is dominated.

All losses are minimised; a row is a trial, a column a loss. Row a *dominates* row b if it is nowhere worse and somewhere
better: a ≼ b and a ≠ b. What nobody dominates is the Pareto set. Equal rows do not dominate each other.

Sources: Deb, Pratap, Agarwal & Meyarivan 2002 (non-dominated sorting, crowding distance); Beume 2009 and While, Bradstreet &
Barone 2012 (hypervolume by slices, and by exclusive parts, "WFG"); Dächert et al. 2017 and Yang et al. 2019 (boxes).

Notation
--------
=======  ===============================================================================================
``Y``    losses, shape (n, m); +inf where a trial failed
``r``    reference point, shape (m,): worse than whatever is worth having
``HV``   volume of {z : a ≼ z ≼ r for some row a of Y}
=======  ===============================================================================================

Differences from the papers: the boxes of m losses are made of those of m - 1 losses, slab by slab, and equal boxes of
neighbouring slabs are joined; for two losses that is the staircase, for three about as many boxes as Dächert's.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workbench.space import Array

Bools = NDArray[np.bool_]
CHUNK = 512  # rows compared with all others at once


def dominates(A: Array, B: Array) -> Bools:
    """Return whether row i of A dominates row j of B, shape (len(A), len(B))."""
    no_worse = np.ones((len(A), len(B)), dtype=bool)
    better = np.zeros_like(no_worse)
    for a, b in zip(A.T, B.T, strict=True):
        no_worse &= a[:, None] <= b
        better |= a[:, None] < b
    return no_worse & better


def non_dominated(Y: Array) -> Bools:
    """Return which rows no other row dominates, shape (n,)."""
    Y = np.asarray(Y, dtype=float)
    if Y.shape[1] == 2 and len(Y):
        return _non_dominated_2d(Y)
    kept = np.ones(len(Y), dtype=bool)
    for i in range(0, len(Y), CHUNK):
        block = slice(i, i + CHUNK)
        kept[block] = ~dominates(Y[kept], Y[block]).any(axis=0)  # what is dominated needs not be compared with again
    return kept


def _non_dominated_2d(Y: Array) -> Bools:
    """From left to right a row is in the front if it lies lower than all before it, or repeats the last such row."""
    order = np.lexsort((Y[:, 1], Y[:, 0]))
    first, second = Y[order].T
    lowest = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
    lower = second < lowest
    lower[0] = True  # a single row of infinities
    last = np.maximum.accumulate(np.where(lower, np.arange(len(Y)), 0))  # the last front row up to each row
    kept = np.empty(len(Y), dtype=bool)
    kept[order] = lower | ((first == first[last]) & (second == second[last]))
    return kept


def ranks(Y: Array) -> NDArray[np.intp]:
    """Fast non-dominated sorting (Deb et al. 2002, section III-A): 0 for the Pareto set, 1 for what only that dominates."""
    D = dominates(Y, Y)  # (n, n): i dominates j
    n_dominating = D.sum(axis=0)  # n_p of the paper
    out = np.full(len(Y), -1, dtype=np.intp)
    front, rank = np.flatnonzero(n_dominating == 0), 0
    while len(front):
        out[front] = rank
        n_dominating = n_dominating - D[front].sum(axis=0)  # visit S_p for each p of the front
        front, rank = np.flatnonzero((n_dominating == 0) & (out < 0)), rank + 1
    return out


def crowding_distance(Y: Array) -> Array:
    """How far the neighbours in a front are apart, summed over the losses (Deb et al. 2002, section III-B), shape (n,).

    Infinite at the ends of every loss that differs at all.
    """
    n, m = Y.shape
    distance = np.zeros(n)
    for k in range(m):
        finite = Y[np.isfinite(Y[:, k]), k]
        order = np.argsort(Y[:, k], kind="stable")
        y = np.minimum(Y[order, k], finite.max(initial=-np.inf)) if len(finite) else np.zeros(n)  # failed: as the worst
        if n and y[-1] > y[0]:
            distance[order[[0, -1]]] = np.inf
            distance[order[1:-1]] += (y[2:] - y[:-2]) / (y[-1] - y[0])
    return distance


def crowded_order(Y: Array) -> NDArray[np.intp]:
    """Sort by rank, then the less crowded first: the crowded-comparison operator ≺_n of Deb et al. 2002."""
    rank = ranks(Y)
    distance = np.empty(len(Y))
    for front in range(rank.max(initial=-1) + 1):
        rows = np.flatnonzero(rank == front)
        distance[rows] = crowding_distance(Y[rows])
    return np.lexsort((-distance, rank))


def hypervolume(Y: Array, reference: Array) -> float:
    """Volume that the rows dominate below the reference point; rows that do not lie below it count nothing.

    Exact: a sweep for two losses, slices for three, exclusive parts (WFG) for more.
    """
    Y, r = np.asarray(Y, dtype=float), np.asarray(reference, dtype=float)
    if not np.isfinite(r).all():
        raise ValueError(f"the reference point must be finite, got {r.tolist()}. Take a value worse than all worth having.")
    Y = Y[(r > Y).all(axis=1)]
    return _volume(np.unique(Y[non_dominated(Y)], axis=0), r) if len(Y) else 0.0


def _volume(front: Array, r: Array) -> float:
    """Volume of a front whose rows differ, lie below r and are sorted by the first loss."""
    match len(r):
        case 1:
            return float(r[0] - front[0, 0])
        case 2:
            return _area(front, r)
        case 3:
            return _by_slices(front, r)
    total = 0.0
    for i, y in enumerate(front):  # WFG: what y dominates and no later row does
        later = np.maximum(front[i + 1:], y)
        total += float(np.prod(r - y)) - hypervolume(later, r)
    return total


def _area(front: Array, r: Array) -> float:
    """Sum of the steps' areas: the second loss falls from r to the first row's, then from row to row."""
    heights = np.concatenate([[r[1]], front[:-1, 1]]) - front[:, 1]
    return float((r[0] - front[:, 0]) @ heights)


def _by_slices(front: Array, r: Array) -> float:
    """Between two values of the third loss the first two dominate a constant area (Beume 2009)."""
    front = front[np.argsort(front[:, 2], kind="stable")]
    tops = np.append(front[1:, 2], r[2])
    total = 0.0
    for i, (y, top) in enumerate(zip(front, tops, strict=True)):
        if top > y[2]:
            below = front[:i + 1, :2]
            total += (top - y[2]) * _area(np.unique(below[non_dominated(below)], axis=0), r[:2])
    return total


def hypervolume_curve(Y: Array, reference: Array) -> Array:
    """Hypervolume after each row, shape (n,)."""
    r = np.asarray(reference, dtype=float)
    out = np.zeros(len(Y))
    front, volume = np.empty((0, Y.shape[1])), 0.0
    for i, y in enumerate(Y):
        if (y < r).all() and not (front <= y).all(axis=1).any():
            front = np.vstack([front[~(y <= front).all(axis=1)], y])
            volume = hypervolume(front, r)
        out[i] = volume
    return out


def boxes(Y: Array, reference: Array) -> tuple[Array, Array]:
    """Cut what nobody dominates below the reference point into disjoint boxes: corners (b, m), lower ones may be -inf.

    In a slab between two values of the last loss, the rows that lie below it block the same region of the other losses;
    so the boxes of the slab are those of the other losses, and a box that comes again in the next slab goes on there.
    """
    Y, r = np.asarray(Y, dtype=float), np.asarray(reference, dtype=float)
    front = Y[(r > Y).all(axis=1)]
    front = np.unique(front[non_dominated(front)], axis=0) if len(front) else front
    found = _boxes([tuple(y) for y in front.tolist()], tuple(r.tolist()))
    corners = np.array(found, dtype=float).reshape(len(found), 2, len(r))
    return corners[:, 0], corners[:, 1]


Point = tuple[float, ...]


def _boxes(front: list[Point], r: Point) -> list[tuple[Point, Point]]:
    if len(r) == 1:
        return [((-np.inf,), (min((y[0] for y in front), default=r[0]),))]
    front = sorted(front, key=lambda y: y[-1])
    edges = [-np.inf, *dict.fromkeys(y[-1] for y in front), r[-1]]
    done: list[tuple[Point, Point]] = []
    open_since: dict[tuple[Point, Point], float] = {}
    below: list[Point] = []
    i = 0
    for low, _ in pairwise(edges):
        while i < len(front) and front[i][-1] <= low:
            new = front[i][:-1]
            below = [y for y in below if not all(a <= b for a, b in zip(new, y, strict=True))] + [new]
            i += 1
        here = dict.fromkeys(_boxes(below, r[:-1]))
        done += [_raised(box, open_since.pop(box), low) for box in list(open_since) if box not in here]
        for box in here:
            open_since.setdefault(box, low)
    return done + [_raised(box, since, r[-1]) for box, since in open_since.items()]


def _raised(box: tuple[Point, Point], low: float, high: float) -> tuple[Point, Point]:
    return (*box[0], low), (*box[1], high)
