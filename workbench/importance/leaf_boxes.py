"""The leaves of a forest as boxes of the unit cube, with choices and conditions, so that integrals over it are exact sums.

A tree is constant on its leaves. Every parameter is drawn uniformly from its unit interval, one whose condition fails is
ignored, and then the forest predicts: that is a function on the whole cube, and the set where it ends in one leaf is a union of
boxes::

    all trees at once, level by level from the roots:                       low, high: cells of an interval; mask: options
        left child:   high ← min(high, threshold),   mask ← mask ∩ left options
        right child:  low  ← max(low, threshold),    mask ← mask ∩ right options,   off ← False
    for every conditional parameter j, parents first, and every leaf that its range or ``off`` cuts:
        active part:    the parents' ranges ∩ those that make j active, j's own range         if that is not empty
        inactive part:  the parents' ranges ∩ the rest, any value of j                        if the leaf is open to ``off``

A leaf that is open to every value of j and to its absence needs no cut. A number with levels is cut between the cells of its
levels, where the forest cannot tell the points inside a cell apart. What lies between numbers is known as positions in the
grid of all thresholds of a tree, so that a sum over boxes along one parameter is a difference array::

    f(cell) = Σ over boxes that hold the cell of c      =   cumulative sum of [+c at low, -c at high]

Notation
--------
==============  ========================================================================
``B, N, d``     number of trees, boxes of all trees, parameters
``E``           number of thresholds, with 0 and 1, of all trees along one parameter
``R``           number of runs: neighbouring cells that a box holds along one parameter
==============  ========================================================================

Forbidden combinations are part of the cube like any other point: the forest predicts there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from workbench.models.forest import Tree, tree_features
from workbench.scale import MAX_TABLE
from workbench.space import Array, Choice, Float, Int, Space

Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Region = dict[int, "Bools | tuple[int, int]"]  # of a column: options of a choice, or from one mark of its grid to another
HALVINGS = 60  # of an interval, until a float cannot be halved any more


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the trees are cut along one column, all trees in one row.

    Attributes
    ----------
    edges
        Borders of cells in the unit interval, from 0 to 1 for every tree, one tree after the other, shape (E,).
    size
        Width of the cell that begins at each border, shape (E,); 0 at the last border of a tree.
    marks
        Positions in ``edges`` of the borders that all trees share, shape (B, M): 0, those of conditions on this column, 1.
    levels
        What the marks are as numbers of levels: 0, …, K. Empty for a continuous column.
    """

    edges: Array
    size: Array
    marks: Ints
    levels: tuple[int, ...]

    @classmethod
    def of(cls, n_trees: int, shared: Array, tree: Ints, cut: Array, levels: Sequence[int] = ()) -> tuple[Grid, Ints]:
        """Join the borders that all trees share, ascending from 0 to 1, with those of single trees; say where those are."""
        M = len(shared)
        b = np.concatenate([np.repeat(np.arange(n_trees), M), tree])
        u = np.concatenate([np.tile(shared, n_trees), cut])
        order = np.lexsort((u, b))
        b_sorted, u_sorted = b[order], u[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(u_sorted) > 0) | (np.diff(b_sorted) > 0)
        at = np.empty(len(order), dtype=np.intp)
        at[order] = np.cumsum(new) - 1
        edges = u_sorted[new]
        size = np.maximum(np.diff(edges, append=0.0), 0.0)  # from 1 to the next tree's 0: none
        return cls(edges, size, at[:n_trees * M].reshape(n_trees, M), tuple(levels)), at[n_trees * M:]

    @property
    def first(self) -> Ints:
        """Position of each tree's 0, shape (B,)."""
        return np.asarray(self.marks[:, 0])

    @property
    def last(self) -> Ints:
        """Position of each tree's 1, shape (B,)."""
        return np.asarray(self.marks[:, -1])


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """What all boxes hold along one column.

    Attributes
    ----------
    box, low, high
        Runs of cells, ordered by box: which box, and the positions in the grid's edges where the run begins and ends, shape (R,).
    width
        Share of the unit interval that each box holds, shape (N,).
    """

    grid: Grid
    box: Ints
    low: Ints
    high: Ints
    width: Array


@dataclass(frozen=True, eq=False)
class LeafBoxes:
    """Disjoint boxes that fill the unit cube once for every tree, ordered by tree.

    Attributes
    ----------
    grids
        One for each column.
    options
        Where each column's options stand in ``mask``, shape (d + 1,): the column j has those from options[j] to options[j + 1].
    leaf, tree, value
        Of each box: its leaf's number among all leaves, its tree, what that predicts, shape (N,).
    low, high
        From which edge to which of its grid a box reaches, shape (N, d); unused for choices.
    mask
        Which options of the choices it holds, shape (N, number of all options).
    """

    space: Space
    grids: tuple[Grid, ...]
    options: Ints
    leaf: Ints
    tree: Ints
    value: Array
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    mask: Bools

    @classmethod
    def of(cls, space: Space, trees: Sequence[Tree]) -> LeafBoxes:
        """Cut the unit cube as these trees do, which were grown on the features of this space."""
        return _with_conditions(*_leaves(space, trees))

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.grids[0].marks)

    @cached_property
    def first(self) -> Ints:
        """Where each tree's boxes begin, and the end of the last, shape (B + 1,)."""
        return np.searchsorted(self.tree, np.arange(self.n_trees + 1))

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """What the boxes hold along each column."""
        return tuple(self._axis(j) for j in range(len(self.space)))

    @cached_property
    def volume(self) -> Array:
        """Share of the unit cube, shape (N,)."""
        out = np.ones(len(self.tree))
        for axis in self.axes:
            out *= axis.width
        return out

    @cached_property
    def mean(self) -> Array:
        """Mean prediction of each tree, shape (B,)."""
        return np.asarray(np.bincount(self.tree, self.value * self.volume, self.n_trees), dtype=float)

    @cached_property
    def variance(self) -> Array:
        """Variance of each tree's prediction over the cube, shape (B,)."""
        square = self.volume * (self.value - self.mean[self.tree]) ** 2
        return np.asarray(np.bincount(self.tree, square, self.n_trees), dtype=float)

    def _axis(self, j: int) -> Axis:
        grid = self.grids[j]
        if _is_choice(self.space, j):
            K = self.options[j + 1] - self.options[j]
            held = np.zeros((len(self.tree), K + 2), dtype=np.int8)
            held[:, 1:-1] = self.mask[:, self.options[j]:self.options[j + 1]]
            step = np.diff(held, axis=1)
            box, begin = np.nonzero(step > 0)
            end = np.nonzero(step < 0)[1]
            start = grid.first[self.tree[box]]
            return Axis(grid, box, start + begin, start + end, held.sum(axis=1) / K)
        low, high = self.low[:, j].astype(np.intp), self.high[:, j].astype(np.intp)
        return Axis(grid, np.arange(len(self.tree)), low, high, grid.edges[high] - grid.edges[low])

    # ---- parts ---------------------------------------------------------------------------------------------------

    def rows(self, which: Bools | Ints) -> LeafBoxes:
        """Return some of the boxes."""
        return replace(self, leaf=self.leaf[which], tree=self.tree[which], value=self.value[which], low=self.low[which],
                       high=self.high[which], mask=self.mask[which])

    def joined(self, parts: Sequence[LeafBoxes]) -> LeafBoxes:
        """Put boxes of the same trees together, ordered by tree."""
        if not parts:
            return self.rows(np.zeros(len(self.tree), dtype=bool))
        tree = np.concatenate([p.tree for p in parts])
        order = np.argsort(tree, kind="stable")
        return replace(self, leaf=np.concatenate([p.leaf for p in parts])[order], tree=tree[order],
                       value=np.concatenate([p.value for p in parts])[order],
                       low=np.concatenate([p.low for p in parts])[order], high=np.concatenate([p.high for p in parts])[order],
                       mask=np.concatenate([p.mask for p in parts])[order])

    def cut_along(self, j: int) -> tuple[Bools, Bools]:
        """Tell which boxes do not hold all of column j, and which hold nothing of it, shape (N,) each."""
        if _is_choice(self.space, j):
            own = self.mask[:, self.options[j]:self.options[j + 1]]
            return np.asarray(~own.all(axis=1)), np.asarray(~own.any(axis=1))
        low, high, grid = self.low[:, j], self.high[:, j], self.grids[j]
        return (low > grid.first[self.tree]) | (high < grid.last[self.tree]), low >= high

    def opened(self, j: int) -> LeafBoxes:
        """Let the boxes hold all of column j."""
        low, high, mask = self.low.copy(), self.high.copy(), self.mask.copy()
        low[:, j], high[:, j] = self.grids[j].first[self.tree], self.grids[j].last[self.tree]
        mask[:, self.options[j]:self.options[j + 1]] = True
        return replace(self, low=low, high=high, mask=mask)

    def within(self, region: Region) -> LeafBoxes:
        """Cut the boxes down to a region; those outside are left out."""
        low, high, mask = self.low.copy(), self.high.copy(), self.mask.copy()
        there = np.ones(len(self.tree), dtype=bool)
        for j, part in region.items():
            if isinstance(part, tuple):
                marks = self.grids[j].marks
                low[:, j] = np.maximum(low[:, j], marks[self.tree, part[0]])
                high[:, j] = np.minimum(high[:, j], marks[self.tree, part[1]])
                there &= low[:, j] < high[:, j]
            else:
                own = slice(self.options[j], self.options[j + 1])
                mask[:, own] &= part
                there &= mask[:, own].any(axis=1)
        return replace(self, low=low, high=high, mask=mask).rows(there)

    def where_active(self, *columns: int) -> LeafBoxes:
        """Cut the boxes down to where all these columns are active."""
        marks: dict[int, Bools] = {}
        for j in columns:
            for a, allowed in ancestry(self.space, j).items():
                marks[a] = marks[a] & allowed if a in marks else allowed
        return self.joined([self.within(r) for r in _inside(self.space, self.grids, marks)]) if marks else self


# ---- from the roots to the leaves ----------------------------------------------------------------------------------


def _is_choice(space: Space, j: int) -> bool:
    return space.columns[j].kind == "choice"


def _leaves(space: Space, trees: Sequence[Tree]) -> tuple[LeafBoxes, Bools]:
    """Return one box for every leaf, and which columns it lets be inactive (N, d); conditions are not looked at yet."""
    features = tree_features(space)
    nodes = [t.regressor.tree_ for t in trees]
    first = np.cumsum([0] + [t.node_count for t in nodes])
    begins = np.repeat(first[:-1], np.diff(first))
    left, right = (np.concatenate(child) for child in zip(*((t.children_left, t.children_right) for t in nodes), strict=True))
    left, right = np.where(left < 0, -1, left + begins), right + begins
    feature = np.concatenate([t.feature for t in nodes])
    threshold = np.concatenate([t.threshold for t in nodes])
    value = np.concatenate([t.value[:, 0, 0] for t in nodes])
    column = np.where(left < 0, -1, features.columns[np.maximum(feature, 0)])  # of a leaf scikit-learn's is -2
    tree_of = np.repeat(np.arange(len(trees)), np.diff(first))

    at = np.zeros(len(left), dtype=np.int32)
    grids = []
    for j in range(len(space)):
        own = np.flatnonzero(column == j)
        grid, places = _grid(space, j, len(trees), tree_of[own], threshold[own])
        grids.append(grid)
        at[own] = places
    options, means = _options(space)
    choice = np.array([_is_choice(space, j) for j in range(len(space))])

    node, tree = first[:-1], np.arange(len(trees))
    low = np.stack([g.first for g in grids], axis=1).astype(np.int32)  # (m, d), m nodes of one level
    high = np.stack([g.last for g in grids], axis=1).astype(np.int32)
    mask, off = np.ones((len(trees), options[-1]), dtype=bool), np.ones((len(trees), len(space)), dtype=bool)
    ended = []
    while len(node):
        leaf = left[node] < 0
        ended.append((node[leaf], tree[leaf], low[leaf], high[leaf], mask[leaf], off[leaf]))
        node, tree, low, high, mask, off = (a[~leaf] for a in (node, tree, low, high, mask, off))
        j = column[node]
        low, high = np.concatenate([low, low]), np.concatenate([high, high])
        mask, off = np.concatenate([mask, mask]), np.concatenate([off, off])
        row = np.arange(len(node))
        off[len(node) + row, j] = False
        row = np.flatnonzero(~choice[j])
        k, p = j[row], at[node[row]]
        high[row, k] = np.minimum(high[row, k], p)
        low[len(node) + row, k] = np.maximum(low[len(node) + row, k], p)
        row = np.flatnonzero(choice[j])
        if len(row):
            mean = means[feature[node[row]]]  # of each option, nan: of another column
            t = threshold[node[row], None]
            mask[row] &= ~(mean > t)
            mask[len(node) + row] &= ~(mean <= t)
        node, tree = np.concatenate([left[node], right[node]]), np.concatenate([tree, tree])
    node, tree, low, high, mask, off = (np.concatenate(part) for part in zip(*ended, strict=True))
    order = np.argsort(tree, kind="stable")
    boxes = LeafBoxes(space, tuple(grids), options, np.arange(len(node)), tree[order], value[node[order]],
                      low[order], high[order], mask[order])
    return boxes, off[order]


def _grid(space: Space, j: int, n_trees: int, tree: Ints, threshold: Array) -> tuple[Grid, Ints]:
    """Lay out the borders along column j, and tell where the thresholds of these trees' nodes stand among them."""
    p = space[space.names[j]]
    if isinstance(p, Choice) and not p.ordered:
        return Grid.of(n_trees, p.edges(), tree[:0], threshold[:0])[0], np.zeros(len(tree), dtype=np.intp)
    if p.n_levels is None:
        return Grid.of(n_trees, np.array([0.0, 1.0]), tree, np.clip(threshold, 0.0, 1.0))
    K = p.n_levels
    levels = sorted({0, K, *(int(k) + 1 for column in space.columns for a, allowed in column.parents if a == j
                             for k in np.flatnonzero(np.diff(allowed)))})
    if K <= MAX_TABLE:
        edges = p.edges()
        cut = edges[np.searchsorted(p.levels().astype(np.float32), threshold, side="right")]
        return Grid.of(n_trees, edges[levels], tree, cut, levels)
    assert not isinstance(p, Choice)
    return Grid.of(n_trees, np.array([0.0, 1.0]), tree, _border(p, threshold), levels)


def _border(p: Float | Int, threshold: Array) -> Array:
    """Find by halving where the points of levels pass the thresholds: of too many levels there is no table."""
    low, high = np.zeros(len(threshold)), np.ones(len(threshold))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        beyond = p.snap(middle).astype(np.float32) > threshold
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray(np.where(threshold < 0, 0.0, high))


def _options(space: Space) -> tuple[Ints, Array]:
    """Number the options of all choices; give every feature's value for each of them (F, options), nan for other columns."""
    features = tree_features(space)
    options = np.cumsum([0] + [c.n_levels if c.kind == "choice" else 0 for c in space.columns])
    means = np.full((len(features.columns), options[-1]), np.nan)
    for j, column in enumerate(space.columns):
        if column.kind == "choice":
            rows = np.full((column.n_levels, len(space)), 0.5)
            rows[:, j] = space[column.name].levels()
            own = np.flatnonzero(features.columns == j)
            means[own, options[j]:options[j + 1]] = features(rows)[:, own].T
    return options, means


# ---- conditions ----------------------------------------------------------------------------------------------------


def ancestry(space: Space, j: int) -> dict[int, Bools]:
    """Return what the parents, their parents and so on must be for column j to be active: masks of levels, eldest first."""
    found: dict[int, Bools] = {}
    todo, seen = [j], {j}
    while todo:
        for a, allowed in space.columns[todo.pop()].parents:
            found[a] = found[a] & allowed if a in found else allowed
            if a not in seen:
                seen.add(a)
                todo.append(a)
    order = [space.column(name) for name in space.parents_first()]
    return {a: found[a] for a in order if a in found}


def _parts(space: Space, grids: Sequence[Grid], a: int, allowed: Bools) -> list[Bools | tuple[int, int]]:
    """Write a set of levels as what a region knows: a mask of options, or one interval or several between the grid's marks."""
    if not allowed.any():
        return []
    if _is_choice(space, a):
        return [allowed]
    inside = np.concatenate([[False], allowed, [False]])
    mark = {level: i for i, level in enumerate(grids[a].levels)}
    begin, end = np.flatnonzero(~inside[:-1] & inside[1:]), np.flatnonzero(inside[:-1] & ~inside[1:])
    return [(mark[k], mark[m]) for k, m in zip(begin.tolist(), end.tolist(), strict=True)]


def _inside(space: Space, grids: Sequence[Grid], marks: dict[int, Bools]) -> list[Region]:
    """Return the disjoint regions where every column has one of its marked levels."""
    parts = [_parts(space, grids, a, allowed) for a, allowed in marks.items()]
    return [dict(zip(marks, chosen, strict=True)) for chosen in product(*parts)]


def _outside(space: Space, grids: Sequence[Grid], marks: dict[int, Bools]) -> list[Region]:
    """Return the disjoint regions that are left: the first column is not there, or it is and the second is not."""
    out = []
    before: dict[int, Bools] = {}
    for a, allowed in marks.items():
        out += _inside(space, grids, {**before, a: ~allowed})
        before[a] = allowed
    return out


def _with_conditions(boxes: LeafBoxes, off: Bools) -> LeafBoxes:
    """Cut the leaves' boxes by the conditions of the parameters that they cut; ``off`` (leaves, d) tells what may be inactive."""
    space = boxes.space
    order = [space.column(name) for name in space.parents_first()]
    for j in order:
        if not space.columns[j].parents:
            _, empty = boxes.cut_along(j)
            if empty.any():
                boxes = boxes.rows(~empty)
    for j in order:  # the parents' ranges are settled when a child's come
        if space.columns[j].parents:
            marks = ancestry(space, j)
            cut, empty = boxes.cut_along(j)
            open_to_off = off[boxes.leaf, j]
            cut |= ~open_to_off
            active, inactive = boxes.rows(cut & ~empty), boxes.rows(cut & open_to_off).opened(j)
            boxes = boxes.joined([boxes.rows(~cut), *(active.within(r) for r in _inside(space, boxes.grids, marks)),
                                  *(inactive.within(r) for r in _outside(space, boxes.grids, marks))])
    return boxes
