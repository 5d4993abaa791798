"""From a history to a forest, always the same one.

An algorithm here keeps no state, so a forest is made a function of the history. Up to ``N_FRESH`` finished trials all its
trees are grown on all of them. Beyond, the tree of mark m is grown on the first m trials alone, and the forest at n has the
trees of the marks n, n - 1, …, n - B + 1; trials told after a tree's mark go to its leaves. A new trial then costs one new
tree instead of B. The history's memo keeps the trees; an empty memo only means that they are grown again, the same ones.

Running trials are believed to end at their predicted mean (Ginsbourger, Le Riche & Carraro 2010) and go to the leaves like
late trials: where the trees disagree, they disagree less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.models.forest import Forest, Tree, TreeFeatures, grow, tree_features
from workbench.models.log_transform import LogTransform
from workbench.space import Array

N_FRESH = 256


@dataclass(frozen=True, slots=True, eq=False)
class ForestBelief:
    """What the forest believes about a history.

    Attributes
    ----------
    transform
        Between losses and targets.
    forest
        Knows the finished trials, and the running ones at their predicted means.
    known
        Its predictions at the finished trials, shape (n,).
    """

    features: TreeFeatures
    transform: LogTransform
    forest: Forest
    known: Array

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube."""
        mean, variance = self.forest.predict(self.features(x))
        return mean, np.sqrt(variance)

    @property
    def best(self) -> float:
        """Target to improve on: the smallest prediction at a finished trial. A single lucky loss does not set it."""
        return float(self.known.min())

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials by prediction, the best first."""
        return np.argsort(self.known, kind="stable")[:k]

    def importance(self) -> Array:
        """Share of the splits' gain per parameter, shape (d,)."""
        d = len(self.features.space)
        return np.bincount(self.features.columns, self.forest.importance(), minlength=d).astype(float)


def believe(history: History, *, n_trees: int, seed: int) -> ForestBelief:
    """Grow the forest of a history with at least one finished trial."""
    features = tree_features(history.space)
    transform = LogTransform.of(history.y)
    Z, y = features(history.x), transform.forward(history.y)
    trees = _trees(history, Z, n_trees, seed)
    forest = Forest.of(trees, Z, y)
    if len(history.pending):
        Z_running = features(history.pending)
        believed, _ = forest.predict(Z_running)
        forest = Forest.of(trees, np.vstack([Z, Z_running]), np.concatenate([y, believed]))
    known, _ = forest.predict(Z)
    return ForestBelief(features, transform, forest, known)


def _trees(history: History, Z: NDArray[np.float32], n_trees: int, seed: int) -> list[Tree]:
    """Take the trees from the memo, or grow them. The memo keeps those of one forest only."""
    n = len(history)
    marks = [(n, k) for k in range(n_trees)] if n <= N_FRESH else [(m, 0) for m in range(n - n_trees + 1, n + 1)]
    content = {m: history.content(m) for m in {m for m, _ in marks}}
    kept: dict[object, Tree] = history.memo.get("forest", {})
    trees: dict[object, Tree] = {}
    for m, k in marks:
        key = (history.space, seed, m, k, content[m])
        tree = kept.get(key)
        if tree is None:
            targets = LogTransform.of(history.y[:m]).forward(history.y[:m])
            tree = grow(Z[:m], targets, np.random.default_rng([seed, m, k]))
        trees[key] = tree
    history.memo["forest"] = trees
    return list(trees.values())
