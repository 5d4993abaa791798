"""A forest as a function of the configuration: what tunability, ablation and local importance ask.

Trials are few and costly, so the questions "what if only this were changed?" go to a model of the loss (Biedenkapp, Lindauer,
Eggensperger, Hutter, Fawcett & Hoos 2017, "Efficient parameter importance analysis via ablation with surrogates"). A forest is
constant on boxes. So along one parameter, the others held, its prediction is a step function that is known exactly::

    start with the root of every tree and the whole interval [0, 1]
    at a node that splits on the parameter:  cut the interval at the threshold, one part to each child
    at any other node:                       follow the held value
    at a leaf:                               the interval has that leaf's mean

Points are *complete* rows of the unit cube: a parameter that is inactive has a value in waiting all the same, which counts as
soon as a change of a parent makes it active. What is forbidden has no prediction (nan).

Notation
--------
==========  ===========================================================================
``u``       a complete row, shape (d,), or rows (m, d)
``B, K``    number of trees; number of steps (continuous) or levels along a parameter
==========  ===========================================================================

Differences from the paper: it predicts with a forest that knows many problem instances and averages over them; here every trial
has one loss. A loss that is not finite (a failed trial) counts as the worst finite one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.default_config import default_value
from workbench.models.forest import Forest, Tree, TreeFeatures, grow, tree_features
from workbench.models.output_transform import HUGE
from workbench.space import Array, Config, Space, describe

N_TREES = 64
MAX_LEVELS = 512  # of more levels a choice stands for all
EQUAL = 1e-12  # losses that differ by less, in units of the largest, differ by rounding


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Predictions along one parameter through a point.

    Attributes
    ----------
    edges
        Borders of the cells in the unit interval, shape (K + 1,), from 0 to 1: the forest's steps, or cells of levels.
    points
        A point of each cell, shape (K,): its middle, or the level's point.
    by_tree
        What every tree predicts there, shape (B, K); nan where the configuration is forbidden.
    """

    edges: Array
    points: Array
    by_tree: Array

    @property
    def mean(self) -> Array:
        """Prediction of the forest, shape (K,)."""
        return np.asarray(self.by_tree.mean(axis=0))

    def variance(self, values: Array) -> Array:
        """Variance of values (…, K) over the parameter, uniform in the unit interval, forbidden cells left out; shape (…)."""
        width = np.where(np.isnan(self.by_tree[0]), 0.0, np.diff(self.edges))
        share = width / (width.sum() or 1.0)
        values = np.where(share > 0, values, 0.0)
        middle = (values * share).sum(axis=-1, keepdims=True)
        return np.asarray((share * (values - middle) ** 2).sum(axis=-1))

    def best(self, here: float) -> tuple[float, float]:
        """Return the point of the smallest mean and that mean; of equal ones the nearest, ``here`` itself if it is one."""
        mean = np.where(np.isnan(self.mean), np.inf, self.mean)
        low = float(mean.min())
        if not np.isfinite(low):
            return here, low
        equal = np.flatnonzero(mean <= low + EQUAL * float(np.abs(mean[np.isfinite(mean)]).max()))
        gap = np.maximum(np.maximum(self.edges[equal] - here, here - self.edges[equal + 1]), 0.0)
        k = int(equal[gap.argmin()])
        inside = self.edges[k] <= here <= self.edges[k + 1]
        return (here if inside else float(self.points[k])), low


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """The nodes of all trees in one table; children are -1 at leaves."""

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    feature: NDArray[np.intp]
    threshold: Array

    @classmethod
    def of(cls, trees: Sequence[Tree], first: NDArray[np.intp]) -> Nodes:
        """Put the trees' tables under each other."""
        t = [tree.regressor.tree_ for tree in trees]

        def below(children: list[NDArray[np.intp]]) -> NDArray[np.intp]:
            return np.concatenate([np.where(c < 0, -1, c + k) for c, k in zip(children, first, strict=True)])

        return cls(below([a.children_left for a in t]), below([a.children_right for a in t]),
                   np.concatenate([a.feature for a in t]), np.concatenate([a.threshold for a in t]))


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """Predicts the loss of complete rows.

    Attributes
    ----------
    known
        The trials' complete rows, shape (n, d): where it was inactive, a parameter has its default.
    default
        Complete row of the space's default configuration, shape (d,).
    """

    space: Space
    features: TreeFeatures
    forest: Forest
    nodes: Nodes
    known: Array
    default: Array

    @classmethod
    def of(cls, space: Space, x: Array, y: Array, *, n_trees: int = N_TREES, seed: int = 0) -> Surrogate:
        """Grow the forest of trials: rows x (n, d), nan where inactive, and their losses y (n,). Same seed, same forest.

        Raises
        ------
        ValueError
            If the shapes do not belong together, or no loss is finite.
        """
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        if x.shape != (len(y), len(space)) or y.ndim != 1:
            raise ValueError(f"a surrogate needs rows of {len(space)} columns and one loss each, got arrays of shapes {x.shape} "
                             f"and {y.shape}. Of several losses choose one column.")
        if n_trees < 1:
            raise ValueError(f"n_trees must be at least 1, got {n_trees}. The default is {N_TREES}.")
        finite = np.isfinite(y)
        if not finite.any():
            raise ValueError(f"a surrogate needs at least one finite loss, got none among {len(y)} trials.")
        y = np.clip(np.where(finite, y, y[finite].max()), -HUGE, HUGE)
        features = tree_features(space)
        Z = features(x)
        trees = [grow(Z, y, np.random.default_rng([seed, b])) for b in range(n_trees)]
        default = complete(space, space.default())
        return cls._with(space, Forest.of(trees, Z, y), np.where(np.isnan(x), default, x), default)

    @classmethod
    def _with(cls, space: Space, forest: Forest, known: Array, default: Array) -> Surrogate:
        return cls(space, tree_features(space), forest, Nodes.of(forest.trees, forest.first), known, default)

    @classmethod
    def mean_of(cls, parts: Sequence[Surrogate]) -> Surrogate:
        """Join surrogates of one space and equally many trees into one that predicts the mean of their predictions."""
        shift = np.cumsum([0] + [len(p.forest.mu) for p in parts])
        forest = Forest(tuple(t for p in parts for t in p.forest.trees),
                        np.concatenate([p.forest.first + k for p, k in zip(parts, shift[:-1], strict=True)]),
                        np.concatenate([p.forest.mu for p in parts]), np.concatenate([p.forest.var for p in parts]))
        return cls._with(parts[0].space, forest, np.concatenate([p.known for p in parts]), parts[0].default)

    @property
    def tiny(self) -> float:
        """Difference of two predictions that rounding may make."""
        return EQUAL * float(np.nanmax(np.abs(self.forest.mu)))

    def by_tree(self, u: Array) -> Array:
        """Return what every tree predicts at complete rows (m, d): shape (B, m), nan where forbidden."""
        x = self.space.snap(u)
        Z = self.features(x)
        leaf = np.stack([t.leaf(Z) for t in self.forest.trees]) + self.forest.first[:, None]
        return np.where(self.space.is_forbidden(x), np.nan, self.forest.mu[leaf])

    def __call__(self, u: Array) -> Array:
        """Predict the losses of complete rows (m, d), shape (m,); nan where forbidden."""
        return np.asarray(self.by_tree(u).mean(axis=0))

    def loss(self, u: Array) -> float:
        """Predict the loss of one complete row (d,)."""
        return float(self(u[None])[0])

    def is_active(self, u: Array) -> NDArray[np.bool_]:
        """Which parameters are active at one complete row, shape (d,)."""
        return np.asarray(self.space.active(self.space.snap(u[None]))[0])

    # ---- along one parameter -----------------------------------------------------------------------------------

    def line(self, u: Array, j: int) -> Line:
        """Return all predictions along column j through a complete row at which that parameter is active."""
        if self.space.columns[j].kind == "float":
            edges, by_tree = self._steps(u, j)
            return Line(edges, (edges[:-1] + edges[1:]) / 2, by_tree)
        p = self.space[self.space.names[j]]
        K = p.n_levels or 0
        if K <= MAX_LEVELS or self.space.columns[j].kind == "choice":
            edges, points = p.edges(), p.levels()
        else:
            points = p.points(self._some_levels(u, j))
            edges = np.concatenate([[0.0], (points[:-1] + points[1:]) / 2, [1.0]])
        rows = np.tile(u, (len(points), 1))
        rows[:, j] = points
        return Line(edges, points, self.by_tree(rows))

    def _some_levels(self, u: Array, j: int) -> NDArray[np.intp]:
        """Levels that stand for a long range: one on each step of the forest, an even choice, both sides of a condition."""
        p = self.space[self.space.names[j]]
        K = p.n_levels or 0
        edges, _ = self._steps(u, j)
        chosen = [p.level((edges[:-1] + edges[1:]) / 2), np.linspace(0, K - 1, MAX_LEVELS).astype(np.intp), p.level(u[[j]])]
        for column in self.space.columns:
            for parent, allowed in column.parents:
                if parent == j:
                    border = np.flatnonzero(np.diff(allowed))
                    chosen += [border, border + 1]
        return np.unique(np.concatenate(chosen))

    def _steps(self, u: Array, j: int) -> tuple[Array, Array]:
        """Return the steps' borders (K + 1,) and every tree's means (B, K) along the one feature of column j."""
        n, B = self.nodes, len(self.forest.trees)
        f = int(np.flatnonzero(self.features.columns == j)[0])
        z = self.features(self.space.snap(u[None]))[0]
        tree, node = np.arange(B), self.forest.first.copy()
        low, high = np.zeros(B), np.ones(B)
        ended: list[tuple[NDArray[np.intp], NDArray[np.intp], Array, Array]] = []
        while len(node):
            leaf = n.left[node] < 0
            ended.append((tree[leaf], node[leaf], low[leaf], high[leaf]))
            tree, node, low, high = tree[~leaf], node[~leaf], low[~leaf], high[~leaf]
            at, own = n.threshold[node], n.feature[node] == f
            left = np.where(own, low < at, z[n.feature[node]] <= at)
            right = np.where(own, high > at, ~left)
            top, bottom = np.where(own, np.minimum(high, at), high), np.where(own, np.maximum(low, at), low)
            tree, node = np.concatenate([tree[left], tree[right]]), np.concatenate([n.left[node[left]], n.right[node[right]]])
            low, high = np.concatenate([low[left], bottom[right]]), np.concatenate([top[left], high[right]])
        tree, node = np.concatenate([e[0] for e in ended]), np.concatenate([e[1] for e in ended])
        low, high = np.concatenate([e[2] for e in ended]), np.concatenate([e[3] for e in ended])
        order = np.lexsort((low, tree))  # tree by tree the leaves tile [0, 1]
        edges = np.unique(np.concatenate([low, [1.0]]))
        counts = np.searchsorted(edges, high[order]) - np.searchsorted(edges, low[order])
        return edges, np.repeat(self.forest.mu[node[order]], counts).reshape(B, -1)

    # ---- the least loss ----------------------------------------------------------------------------------------

    def descend(self, u: Array, columns: Sequence[int]) -> tuple[Array, float]:
        """Lower the loss of a complete row one parameter at a time, each to its best value, until none of them helps alone."""
        u, loss, again = u.copy(), self.loss(u), True
        while again:
            again = False
            for j in columns:
                if not self.is_active(u)[j]:
                    continue
                point, low = self.line(u, j).best(u[j])
                if low < loss - self.tiny:
                    u[j], loss, again = point, low, True
        return u, loss


def complete(space: Space, *configs: Config) -> Array:
    """Make a complete row of a configuration: its values, where it has none those of the next, at last the defaults."""
    u = np.array([float(p.to_unit(default_value(p))) for p in space.params.values()])
    for config in reversed(configs):
        x = space.to_unit(config)
        u = np.where(np.isnan(x), u, x)
    return u


def why_inactive(space: Space, u: Array, at: str) -> dict[str, str]:
    """Say of each parameter that is inactive at a complete row what it would take."""
    active = space.active(space.snap(u[None]))[0]
    return {name: f"inactive at {at}: active only when {describe(space[name].when)}"
            for name, on in zip(space.names, active, strict=True) if not on}
