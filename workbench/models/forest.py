"""Random forest for regression that predicts a mean and a variance.

Breiman 2001, "Random forests"; Hutter, Xu, Hoos & Leyton-Brown 2014, "Algorithm runtime prediction: methods & evaluation",
section 4.3; random thresholds as in Geurts, Ernst & Wehenkel 2006, "Extremely randomized trees"::

    for tree b = 1 … B
        draw n rows with replacement: row i counts w_bi times
        split on the best of one random threshold per feature, until a leaf's targets are equal
        leaf:  mu = Σ w y / Σ w,  var = Σ w (y - mu)² / Σ w
    mean(x) = 1/B Σ mu_b(x)                                                       (Hutter et al. 2014, eq. 2)
    var(x)  = 1/B Σ [var_b(x) + mu_b(x)²] - mean(x)²      law of total variance   (eq. 3)

A threshold drawn anew in every tree puts the trees' steps at different places, so that many steps average to a slope, and
between far points the trees disagree: that is the forest's uncertainty.

Notation
--------
==========  ==================================================================
``Z, y``    features (n, F) and targets (n,)
``w``       how often each row was drawn, shape (n,)
``mu, var`` mean and variance of the targets in a leaf, at the leaf's node
==========  ==================================================================

Differences from the papers: scikit-learn grows the trees, with one random threshold per feature (Hutter et al. draw the
threshold between the two values next to the best split), all features at every split and leaves of equal targets (they take
a random share of the features, and stop at a least number of rows); rows that arrive after a tree was grown go to its leaves,
counted once, without a new split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.space import Array, Space

LEAST_VARIANCE = 1e-6  # of a prediction, in units of standardised targets: an EI needs a positive one
OFF = -1.0  # a number where the parameter is inactive: outside the unit interval, so one split parts the two

Z32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TreeFeatures:
    """The map from rows of the unit cube (nan = inactive) to what trees split on.

    Numbers, ordered levels and choices of two options are one feature, -1 where inactive. A choice of K > 2 options is K
    features, 1 for the option and 0 for the others, all 0 where inactive: one split parts an option from the rest.

    Attributes
    ----------
    columns
        Column of the space that each feature comes from, shape (F,).
    """

    space: Space
    columns: NDArray[np.intp]

    @classmethod
    def of(cls, space: Space) -> TreeFeatures:
        """Lay out the features of a space."""
        width = [c.n_levels if c.kind == "choice" and c.n_levels > 2 else 1 for c in space.columns]
        return cls(space, np.repeat(np.arange(len(space)), width))

    def __call__(self, x: Array) -> Z32:
        """Turn rows (n, d) into features (n, F), in single precision as scikit-learn's trees want them."""
        Z = np.empty((len(x), len(self.columns)), dtype=np.float32)
        f = 0
        for j, column in enumerate(self.space.columns):
            u, off = x[:, j], np.isnan(x[:, j])
            K = column.n_levels
            if column.kind == "choice" and K > 2:
                level = np.where(off, -1, np.minimum(np.nan_to_num(u) * K, K - 1).astype(np.intp))
                Z[:, f:f + K] = level[:, None] == np.arange(K)
                f += K
            else:
                Z[:, f] = np.where(off, OFF, u)
                f += 1
        return Z


@lru_cache(maxsize=16)
def tree_features(space: Space) -> TreeFeatures:
    """Return the features of a space, laid out once."""
    return TreeFeatures.of(space)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A grown tree without its targets: where it splits, and how often it drew each of its rows."""

    regressor: Any  # scikit-learn's DecisionTreeRegressor, fitted
    w: Array

    def leaf(self, Z: Z32) -> NDArray[np.intp]:
        """Node number of the leaf of each row."""
        found: NDArray[np.intp] = self.regressor.tree_.apply(Z)
        return found


def grow(Z: Z32, y: Array, rng: np.random.Generator) -> Tree:
    """Grow one tree on a bootstrap sample of the rows."""
    from sklearn.tree import DecisionTreeRegressor  # takes half a second to import

    n = len(y)
    w = np.bincount(rng.integers(n, size=n), minlength=n).astype(float)  # ~ Multinomial(n, 1/n)
    regressor = DecisionTreeRegressor(splitter="random", random_state=int(rng.integers(2**31)))
    return Tree(regressor.fit(Z, y, sample_weight=w, check_input=False), w)


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees with the statistics of their leaves.

    Attributes
    ----------
    trees
        B of them.
    first
        Where each tree's nodes begin in ``mu`` and ``var``, shape (B,).
    mu, var
        Of the targets in each leaf (nan at inner nodes and in leaves that nothing reached).
    """

    trees: tuple[Tree, ...]
    first: NDArray[np.intp]
    mu: Array
    var: Array

    @classmethod
    def of(cls, trees: Sequence[Tree], Z: Z32, y: Array) -> Forest:
        """Fill the leaves: each tree's own rows, which come first, as often as it drew them, the later ones once."""
        first = np.cumsum([0] + [t.regressor.tree_.node_count for t in trees])
        leaf = np.concatenate([t.leaf(Z) + k for t, k in zip(trees, first[:-1], strict=True)])  # (B n,)
        w = np.concatenate([np.concatenate([t.w, np.ones(len(y) - len(t.w))]) for t in trees])
        Y = np.tile(y, len(trees))
        total = np.bincount(leaf, w, first[-1])
        with np.errstate(invalid="ignore"):  # 0 / 0 at inner nodes
            mu = np.bincount(leaf, w * Y, first[-1]) / total
            var = np.bincount(leaf, w * (Y - mu[leaf]) ** 2, first[-1]) / total
        return cls(tuple(trees), first[:-1], mu, var)

    def predict(self, Z: Z32) -> tuple[Array, Array]:
        """Return mean and variance at rows of features, shape (m,) each."""
        leaf = np.stack([t.leaf(Z) for t in self.trees]) + self.first[:, None]  # (B, m)
        mu_b = self.mu[leaf]
        mean = mu_b.mean(axis=0)  # eq. 2
        variance = self.var[leaf].mean(axis=0) + mu_b.var(axis=0)  # eq. 3: within the leaves + between the trees
        return mean, np.maximum(variance, LEAST_VARIANCE)

    def importance(self) -> Array:
        """Share of the squared error that the splits on each feature take away, shape (F,); sum 1, or 0 without splits."""
        total = np.mean([t.regressor.tree_.compute_feature_importances(normalize=False) for t in self.trees], axis=0)
        return np.asarray(total / (total.sum() or 1.0))

