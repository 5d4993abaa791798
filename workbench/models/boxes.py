"""The region that nobody dominates, cut into disjoint boxes: what expected hypervolume improvement sums over.

Yang, Emmerich, Deutz & Bäck 2019, "Efficient computation of expected hypervolume improvement using box decomposition
algorithms"; Dächert, Klamroth, Lacour & Vanderpooten 2017. All losses are minimised::

    sweep the last loss from -∞ up to r_m:
        between two of its values the front's rows below block one region of the other losses
        that region's complement is cut in the same way, down to one loss: (-∞, lowest row)
        a box that comes again in the next slab goes on there

For two losses that is the staircase of K + 1 columns over a front of K rows, for three at most 2K + 1 boxes.

Notation
--------
===========  =================================================================
``r``        reference point, shape (m,)
``l``, ``u``   lower and upper corners of the boxes, shape (B, m); l may be -∞
===========  =================================================================

Differences from the papers: the sweep is a recursion over the losses, the same for any number of them, where the papers keep
the boxes of three losses in a balanced tree.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from workbench.models.pareto import non_dominated
from workbench.space import Array

Point = tuple[float, ...]
Box = tuple[Point, Point]


def boxes(Y: Array, reference: Array) -> tuple[Array, Array]:
    """Cut what no row of Y dominates below the reference point into disjoint boxes; return their corners l and u, (B, m)."""
    Y, r = np.asarray(Y, dtype=float), np.asarray(reference, dtype=float)
    front = Y[(r > Y).all(axis=1)]
    front = np.unique(front[non_dominated(front)], axis=0) if len(front) else front
    found = _boxes([tuple(y) for y in front.tolist()], tuple(r.tolist()))
    corners = np.array(found, dtype=float).reshape(len(found), 2, len(r))
    return corners[:, 0], corners[:, 1]


def _boxes(front: list[Point], r: Point) -> list[Box]:
    """Boxes over a front whose rows lie below r and do not dominate each other."""
    if len(r) == 1:
        return [((-np.inf,), (min((y[0] for y in front), default=r[0]),))]
    if len(r) == 2:
        return _staircase(front, r)
    front = sorted(front, key=lambda y: y[-1])
    edges = [-np.inf, *dict.fromkeys(y[-1] for y in front), r[-1]]
    done: list[Box] = []
    open_since: dict[Box, float] = {}
    below: list[Point] = []  # the front of the other losses
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


def _staircase(front: list[Point], r: Point) -> list[Box]:
    """Columns between neighbours of the first loss, each up to the row at its left."""
    front = sorted(front)
    edges = [-np.inf, *(y[0] for y in front), r[0]]
    tops = [r[1], *(y[1] for y in front)]
    return [((left, -np.inf), (right, top)) for (left, right), top in zip(pairwise(edges), tops, strict=True) if left < right]


def _raised(box: Box, low: float, high: float) -> Box:
    return (*box[0], low), (*box[1], high)
