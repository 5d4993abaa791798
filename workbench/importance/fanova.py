"""Functional ANOVA: which parameters, and which pairs of them, the loss depends on.

Hutter, Hoos & Leyton-Brown 2014, "An efficient approach for assessing hyperparameter importance"; the decomposition is that of
Hooker 2007, "Generalized functional ANOVA diagnostics". A random forest of the trials stands for the loss f; the parameters are
independent and uniform in the unit cube, V is the variance of f there::

    m       = ∫ f du                                  mean over all parameters
    a_i(v)  = ∫ f du_{-i}    with u_i = v             marginal: what to expect of one value               (eq. 2)
    V_i     = ∫ (a_i(v) - m)² dv                      explained by the parameter alone                    (eq. 8, 9)
    V_ij    = ∫∫ (a_ij(v, w) - m)² dv dw - V_i - V_j  explained by two together, and by none of them alone
    share   = V_i / V  and  V_ij / V                  for each tree; then mean and spread over the trees  (Algorithm 2)

Every tree is constant on boxes, so all integrals are sums over boxes: exact for the forest, and the uncertainty is the forest's.

The measure. A scale that is logarithmic counts so; levels and options count by the width of their cells. A parameter whose
condition fails is drawn all the same, and ignored: f(u) is the forest's prediction for the configuration at u. So a parameter
that is seldom active can explain little, and what a parent switches on and off counts as the parent's. Forbidden combinations
are part of the cube: there the forest predicts what it has not seen.

Notation
--------
==========  =============================================================
``B, d``    number of trees and of parameters
``E``       borders of cells along a parameter, of all trees
``c``       of a box: value x volume / width along the parameter
==========  =============================================================

Differences from the paper: scikit-learn grows the trees, each on 80 % of the trials drawn without replacement (the paper: a
bootstrap sample) but on 36,000 values at most (1,800 trials of 20 features), with the best split among two thirds of the
features and at least three trials in a leaf. That rule was chosen by its error against known shares
(``benchmarks/RESULTS.md``). Levels, options and conditions are part of the measure. Trees that do not vary at all have no
shares, and are left out of the means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.importance.leaf_boxes import Axis, LeafBoxes
from workbench.importance.quantity import Quantity, as_html
from workbench.models.forest import Tree, tree_features
from workbench.models.output_transform import HUGE
from workbench.pictures import picture
from workbench.space import Array, Space

N_TREES = 64
SHARE_OF_TRIALS = 0.8  # that each tree is grown on
SHARE_OF_FEATURES = 2 / 3  # among which each split is the best
MOST_FOR_A_TREE = 36_000  # values, trials x features
LEAST_IN_LEAF = 3  # trials; fewer if there are fewer than 18
CURVE_CELLS = 128  # of a continuous parameter's curve
SURFACE_CELLS = 32  # the same along each side of a surface
CHUNK = 2_000_000  # cells of pairs' tables that are held at once
N_ROWS = 20  # of the table in a notebook
ROUNDING = 1e-14  # losses that differ by less, in units of the largest, are constant
LEAST = 1e-12  # a tree that varies by less, in units of the losses' variance, does not


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Marginal of one parameter: the mean loss at each of its values, over all other parameters, where it is active.

    Attributes
    ----------
    edges
        Borders of cells in the unit interval, shape (K + 1,): levels, options, or even cells of a continuous range.
    mean, spread
        Mean of the forest's marginal in each cell, and its standard deviation between the trees, shape (K,).
    active
        Share of the cube where the parameter is active; 0: nowhere, then ``mean`` is nan.
    """

    name: str
    edges: Array
    mean: Array
    spread: Array
    active: float


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Marginal of two parameters, where both are active.

    Attributes
    ----------
    edges_a, edges_b
        Borders of cells in the unit interval, shape (Ka + 1,) and (Kb + 1,).
    mean, spread
        Mean of the forest's marginal in each cell, and its standard deviation between the trees, shape (Ka, Kb).
    active
        Share of the cube where both are active; 0: never together, then ``mean`` is nan.
    """

    a: str
    b: str
    edges_a: Array
    edges_b: Array
    mean: Array
    spread: Array
    active: float


@dataclass(frozen=True, eq=False)
class Fanova:
    """How much of the loss's variance each parameter and each pair explains.

    Attributes
    ----------
    n_trials
        Number of trials with a finite loss.
    boxes
        The forest's leaves, with losses less ``offset`` and divided by ``scale``.
    x, y
        The trials with a finite loss, in the order given: rows of the unit cube (n, d), nan where inactive, and losses (n,).
    quantity
        Name and sign of the losses.
    """

    space: Space
    n_trials: int
    boxes: LeafBoxes
    offset: float
    scale: float
    x: Array
    y: Array
    quantity: Quantity

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in column order."""
        return self.space.names

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return self.boxes.n_trees

    @cached_property
    def variance(self) -> Array:
        """Variance of each tree's prediction over the cube, in units of the squared loss, shape (B,)."""
        return np.asarray(self.boxes.variance * self.scale**2)

    # ---- shares --------------------------------------------------------------------------------------------------

    @cached_property
    def single_by_tree(self) -> Array:
        """V_i of each tree in units of its V, shape (B, d); nan for trees that do not vary."""
        explained = np.stack([self._explained(axis) for axis in self.boxes.axes], axis=1)
        return explained / self._total[:, None]

    @cached_property
    def single(self) -> Array:
        """Share of the variance that each parameter explains alone, shape (d,): mean over the trees."""
        return _mean(self.single_by_tree)

    @cached_property
    def single_spread(self) -> Array:
        """Standard deviation of that share between the trees, shape (d,)."""
        return _spread(self.single_by_tree)

    @cached_property
    def _total(self) -> Array:
        V = self.boxes.variance
        return np.where(V > LEAST, V, np.nan)

    def _explained(self, axis: Axis) -> Array:
        """V_i of each tree, shape (B,)."""
        grid, boxes = axis.grid, self.boxes
        c = (boxes.value * boxes.volume / axis.width)[axis.box]
        E = len(grid.edges)
        a = np.cumsum(np.bincount(axis.low, c, E) - np.bincount(axis.high, c, E))  # back to 0 at each tree's end
        m = np.repeat(boxes.mean, np.diff(grid.first, append=E))
        return np.add.reduceat(grid.size * (a - m) ** 2, grid.first)

    @cached_property
    def _pairs_by_tree(self) -> dict[tuple[int, int], Array]:
        return {}

    def pair_by_tree(self, a: str, b: str) -> Array:
        """V_ij of each tree in units of its V, shape (B,); nan for trees that do not vary."""
        i, j = sorted((self._column(a), self._column(b)))
        if i == j:
            raise ValueError(f"a pair is two parameters, got {a!r} twice. Its own share is in single.")
        if (i, j) not in self._pairs_by_tree:
            both = self._explained_by_two(i, j) / self._total
            # rounding may leave a little less than nothing
            self._pairs_by_tree[i, j] = np.maximum(both - self.single_by_tree[:, i] - self.single_by_tree[:, j], 0.0)
        return self._pairs_by_tree[i, j]

    def _explained_by_two(self, i: int, j: int) -> Array:
        """V_i + V_j + V_ij of each tree, shape (B,)."""
        A, B, boxes = self.boxes.axes[i], self.boxes.axes[j], self.boxes
        c = boxes.value * boxes.volume / (A.width * B.width)
        in_a, in_b = _crossed(A.box, B.box, len(c))
        c, tree = c[A.box[in_a]], boxes.tree[A.box[in_a]]
        E_a, E_b = (np.diff(axis.grid.first, append=len(axis.grid.edges)) for axis in (A, B))
        E = int(E_b.max())
        W_b = np.zeros((self.n_trees, E))  # every tree's cells along b, filled up with cells of no width
        W_b[np.arange(E) < E_b[:, None]] = B.grid.size
        low_a, high_a = A.low[in_a], A.high[in_a]
        low_b, high_b = B.low[in_b] - B.grid.first[tree], B.high[in_b] - B.grid.first[tree]
        out = np.empty(self.n_trees)
        k = max(1, CHUNK // (int(E_a.max()) * E))  # trees at a time
        for t in range(0, self.n_trees, k):
            some = slice(*np.searchsorted(tree, [t, t + k]))
            begin = int(A.grid.first[t])
            n = int(E_a[t:t + k].sum())
            la, ha, lb, hb, w = (v[some] for v in (low_a - begin, high_a - begin, low_b, high_b, c))
            corner = np.concatenate([la * E + lb, ha * E + hb, la * E + hb, ha * E + lb])
            step_at = np.bincount(corner, np.concatenate([w, w, -w, -w]), n * E).reshape(n, E)
            f: Array = step_at.cumsum(axis=0).cumsum(axis=1)  # back to 0 at the end of every tree and row
            own = np.repeat(np.arange(t, min(t + k, self.n_trees)), E_a[t:t + k])
            f = f - boxes.mean[own, None]
            line = (f * f * W_b[own]).sum(axis=1) * A.grid.size[begin:begin + n]
            out[t:t + k] = np.add.reduceat(line, A.grid.first[t:t + k] - begin)
        return out

    def pair(self, a: str, b: str) -> float:
        """Share of the variance that two parameters explain together, and neither of them alone: mean over the trees."""
        return float(_mean(self.pair_by_tree(a, b)))

    def pairs(self) -> list[tuple[str, str, float]]:
        """Return all pairs with their shares, the largest first."""
        found = [(a, b, self.pair(a, b)) for a, b in combinations(self.names, 2)]
        return sorted(found, key=lambda p: -p[2])

    def shares(self, *, with_pairs: bool = False) -> dict[str, float]:
        """Return the share of each parameter by its name: alone, or together with all pairs that it is part of."""
        out = dict(zip(self.names, self.single.tolist(), strict=True))
        for a, b, share in self.pairs() if with_pairs else ():
            out[a] += share
            out[b] += share
        return out

    def total(self) -> float:
        """Share of the variance that single parameters and pairs explain; the rest are combinations of three and more."""
        return float(self.single.sum()) + sum(share for _, _, share in self.pairs())

    def _column(self, name: str) -> int:
        if name not in self.names:
            raise ValueError(f"{name!r} is no parameter of this space. There are {list(self.names)!r}.")
        return self.space.column(name)

    # ---- marginals -----------------------------------------------------------------------------------------------

    def curve(self, name: str) -> Curve:
        """Return the marginal of a parameter. Cells hold the exact mean of the steps in them."""
        j = self._column(name)
        edges = self._cells(j, CURVE_CELLS)
        boxes = self.boxes.where_active(j)
        active, by_tree = self._average(boxes, [(j, edges)])
        return Curve(name, edges, by_tree.mean(axis=0), by_tree.std(axis=0), active)

    def surface(self, a: str, b: str) -> Surface:
        """Return the marginal of two parameters. Cells hold the exact mean of the steps in them."""
        i, j = self._column(a), self._column(b)
        if i == j:
            raise ValueError(f"a surface has two parameters, got {a!r} twice. Take its curve.")
        edges_a, edges_b = self._cells(i, SURFACE_CELLS), self._cells(j, SURFACE_CELLS)
        boxes = self.boxes.where_active(i, j)
        active, by_tree = self._average(boxes, [(i, edges_a), (j, edges_b)])
        return Surface(a, b, edges_a, edges_b, by_tree.mean(axis=0), by_tree.std(axis=0), active)

    def _cells(self, j: int, most: int) -> Array:
        """Borders of the cells of a parameter's levels; even ones where it has none, or too many of them."""
        p = self.space[self.names[j]]
        if p.n_levels is None or (p.n_levels > most and self.space.columns[j].kind != "choice"):
            return np.linspace(0.0, 1.0, most + 1)
        return p.edges()

    def _average(self, boxes: LeafBoxes, sides: list[tuple[int, Array]]) -> tuple[float, Array]:
        """Return the share of the cube that is active, and the mean loss per tree and cell, along one or two columns."""
        active = np.bincount(boxes.tree, boxes.volume, self.n_trees)
        out = np.full((self.n_trees, *(len(edges) - 1 for _, edges in sides)), np.nan)
        if not len(boxes.tree):
            return 0.0, out
        c = boxes.value * boxes.volume
        for j, _ in sides:
            c = c / boxes.axes[j].width
        for t in range(self.n_trees):
            own = slice(boxes.first[t], boxes.first[t + 1])
            held = [_held(boxes.axes[j], own, edges) for j, edges in sides]
            out[t] = held[0].T @ (c[own, None] * held[1]) if len(held) > 1 else held[0].T @ c[own]
        return float(active.mean()), out / active.reshape(-1, *[1] * len(sides)) * self.scale + self.offset

    # ---- to look at ----------------------------------------------------------------------------------------------

    def frame(self) -> pd.DataFrame:
        """Return the shares of all parameters and pairs, the largest first."""
        rows = [(name, 1, share, spread) for name, share, spread in zip(self.names, self.single, self.single_spread, strict=True)]
        rows += [(f"{a} × {b}", 2, share, float(_spread(self.pair_by_tree(a, b)))) for a, b, share in self.pairs()]
        frame = pd.DataFrame(rows, columns=["parameters", "order", "share", "spread"])
        return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)

    def figure(self, name: str | None = None, *, pair: tuple[str, str] | None = None) -> Any:
        """Draw the shares as a ``plotly.graph_objects.Figure``; or the curve of a parameter, or the surface of a pair."""
        return picture("fanova", self, name, pair=pair)

    def __repr__(self) -> str:
        """Name the shares."""
        order = np.argsort(-self.single, kind="stable")
        shares = ", ".join(f"{self.names[j]} {self.single[j]:.2f}" for j in order)
        return f"Fanova of {self.n_trials} trials: {shares}"

    def _repr_html_(self) -> str:
        said = (f"Shares of the variance of the {self.quantity.name} over the space: mean and spread of {self.n_trees} trees, "
                f"grown on {self.n_trials} trials. Single parameters explain {self.single.sum():.0%}, "
                f"with pairs {self.total():.0%}.")
        return as_html("Importance by functional ANOVA", [said], self.frame().drop(columns="order").head(N_ROWS))


def fanova(space: Space, x: Array, y: Array, *, n_trees: int = N_TREES, seed: int = 0,
           quantity: Quantity | None = None) -> Fanova:
    """Grow a forest of trials, and take the variance of its prediction apart.

    Parameters
    ----------
    x, y
        Rows of the unit cube (n, d), nan where inactive, and their losses (n,). Trials whose loss is not finite do not count.
    n_trees
        More trees take longer and vary less.
    seed
        Same trials, same seed, same shares.
    quantity
        Name and sign of the losses, for tables and pictures.

    Raises
    ------
    ValueError
        If the shapes do not belong together, or fewer than two different configurations have a finite loss.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if y.ndim != 1 or x.shape != (len(y), len(space)):
        raise ValueError(f"fanova needs rows of {len(space)} columns and one loss each, got arrays of shapes {x.shape} and "
                         f"{y.shape}. Of several losses choose one column.")
    if n_trees < 1:
        raise ValueError(f"n_trees must be at least 1, got {n_trees}. The default is {N_TREES}.")
    finite = np.isfinite(y)
    x, y = space.snap(x[finite]), np.clip(y[finite], -HUGE, HUGE)
    Z = tree_features(space)(x)
    if not len(space) or len(y) < 2 or not (Z[0] != Z).any():
        raise ValueError(f"fanova needs at least two different configurations with finite losses, got {min(len(y), 1)} among "
                         f"{len(finite)} trials of {len(space)} parameters. Run more trials.")
    losses, offset, scale = y, float(y.mean()), float(y.std())
    if scale <= ROUNDING * float(np.abs(y).max()):  # constant, up to rounding
        offset, scale, y = float(y[0]), 1.0, np.full(len(y), y[0])
    z = (y - offset) / scale
    trees = [_grow(Z, z, np.random.default_rng([seed, b])) for b in range(n_trees)]
    return Fanova(space, len(y), LeafBoxes.of(space, trees), offset, scale, x, losses, quantity or Quantity())


def _grow(Z: NDArray[np.float32], y: Array, rng: np.random.Generator) -> Tree:
    """Grow one tree on a part of the rows."""
    from sklearn.tree import DecisionTreeRegressor  # takes half a second to import

    n, F = Z.shape
    rows = np.sort(rng.permutation(n)[:max(2, min(math.ceil(SHARE_OF_TRIALS * n), MOST_FOR_A_TREE // F))])
    regressor = DecisionTreeRegressor(max_features=math.ceil(SHARE_OF_FEATURES * F), random_state=int(rng.integers(2**31)),
                                      min_samples_leaf=min(LEAST_IN_LEAF, max(1, n // 6)))
    return Tree(regressor.fit(Z[rows], y[rows], check_input=False), np.bincount(rows, minlength=n).astype(float))


def _mean(by_tree: Array) -> Array:
    """Mean over the trees that vary; 0 if none does."""
    varies = ~np.isnan(by_tree).reshape(len(by_tree), -1).any(axis=1)
    return np.asarray(by_tree[varies].mean(axis=0) if varies.any() else np.zeros(by_tree.shape[1:]))


def _spread(by_tree: Array) -> Array:
    """Standard deviation between the trees that vary; 0 if none does."""
    varies = ~np.isnan(by_tree).reshape(len(by_tree), -1).any(axis=1)
    return np.asarray(by_tree[varies].std(axis=0) if varies.any() else np.zeros(by_tree.shape[1:]))


def _crossed(a: NDArray[np.intp], b: NDArray[np.intp], n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair every run of a box in ``a`` with every run of the same box in ``b``; both are ordered by box, of which there are n."""
    if len(a) == len(b) == n:  # one run each
        return np.arange(n), np.arange(n)
    in_b = np.bincount(b, minlength=n)
    first_b = np.cumsum(in_b) - in_b
    left = np.repeat(np.arange(len(a)), in_b[a])
    first = np.cumsum(in_b[a]) - in_b[a]
    return left, first_b[a[left]] + np.arange(len(left)) - first[left]


def _held(axis: Axis, boxes: slice, edges: Array) -> Array:
    """Share of each of these cells (K) that some boxes hold along an axis, shape (number of boxes, K)."""
    runs = slice(*np.searchsorted(axis.box, [boxes.start, boxes.stop]))
    low, high = axis.grid.edges[axis.low[runs]], axis.grid.edges[axis.high[runs]]
    part = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    part = np.asarray(np.maximum(part, 0.0) / np.diff(edges))
    if len(part) == boxes.stop - boxes.start:
        return part
    begin = np.searchsorted(axis.box[runs], np.arange(boxes.start, boxes.stop))
    return np.asarray(np.add.reduceat(part, begin, axis=0))
