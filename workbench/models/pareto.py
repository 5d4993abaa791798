"""Several losses at once: who dominates whom, in which front and how crowded, and how much of the space is dominated.

All losses are minimised; a row is a trial, a column a loss. Row a *dominates* row b if it is nowhere worse and somewhere
better: a ≼ b and a ≠ b. What nobody dominates is the Pareto set. Equal rows do not dominate each other.

Sources: Deb, Pratap, Agarwal & Meyarivan 2002 (fronts and crowding distance of NSGA-II, sections III-A and III-B); Beume 2009
and While, Bradstreet & Barone 2012 (hypervolume by slices, and by exclusive parts, "WFG").

Notation
--------
=======  ===============================================================================================
``Y``    losses, shape (n, m); +inf where a trial failed
``r``    reference point, shape (m,): worse than whatever is worth having
``HV``   volume of {z : a ≼ z ≼ r for some row a of Y}
=======  ===============================================================================================

Differences from the papers: two losses are ranked in one sweep, as by Jensen (2003), in n log n steps. The crowding distance
divides by the range of a loss within the front, as its authors' program does, and a loss that does not differ there has no ends.
WFG here neither sorts the rows anew at each depth nor slices off a loss, which saves time from five losses on (200 rows of five
losses take half a minute), not exactness.
"""

from __future__ import annotations

from bisect import bisect_right

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
    """Return each row's front, counted from 0: the Pareto set, then what only the fronts before it dominate, shape (n,).

    The fast non-dominated sort of Deb et al. 2002, section III-A.
    """
    Y = np.asarray(Y, dtype=float)
    if Y.shape[1] <= 2:
        return _ranks_2d(Y)
    D = dominates(Y, Y)  # row p holds S_p, the rows that p dominates
    dominating = D.sum(axis=0)  # n_p: how many dominate p
    out = np.full(len(Y), -1, dtype=np.intp)
    front, rank = np.flatnonzero(dominating == 0), 0
    while len(front):
        out[front] = rank
        dominating = dominating - D[front].sum(axis=0)
        front, rank = np.flatnonzero((dominating == 0) & (out < 0)), rank + 1
    return out


def _ranks_2d(Y: Array) -> NDArray[np.intp]:
    """From left to right a row joins the first front that lies above it everywhere so far: fronts end ever higher."""
    rows, place = np.unique(Y, axis=0, return_inverse=True)  # sorted; equal rows share a front
    ends: list[float] = []  # lowest second loss of each front so far
    found = np.empty(len(rows), dtype=np.intp)
    for i, y in enumerate(rows[:, -1].tolist()):
        rank = bisect_right(ends, y)  # the fronts that end no higher than y dominate it
        ends[rank:rank + 1] = [y]
        found[i] = rank
    return found[place.ravel()]


def crowding_distance(Y: Array, rank: NDArray[np.intp]) -> Array:
    """How far its neighbours in a row's front are apart, summed over the losses (Deb et al. 2002, section III-B), shape (n,).

    Half the perimeter of the box between the neighbours, each loss divided by its range in the front. Infinite at both ends of
    every loss that differs within the front.
    """
    total = np.zeros(len(Y))
    for y in Y.T:
        finite = y[np.isfinite(y)]
        y = np.clip(y, finite.min(initial=0.0), finite.max(initial=0.0)) / 2  # halves: no difference overflows
        order = np.lexsort((y, rank))  # front by front
        v, front = y[order], rank[order]
        first = np.append(True, front[1:] != front[:-1])[:len(v)]
        last = np.append(first[1:], True)[:len(v)]
        width = np.repeat(v[last] - v[first], np.diff(np.flatnonzero(np.append(first, True))))
        gap = np.full(len(v), np.inf)
        inner = np.flatnonzero(~first & ~last & (width > 0))
        gap[inner] = (v[inner + 1] - v[inner - 1]) / width[inner]
        total[order] += np.where(width > 0, gap, 0.0)
    return total


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
