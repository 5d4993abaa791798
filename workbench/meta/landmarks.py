"""Landmarkers and the shape of a decision tree (``features.py`` says what each is, and its source)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from workbench.meta.described import Described
from workbench.space import Array

N_FOLDS = 10
_trees: WeakKeyDictionary[Described, Any] = WeakKeyDictionary()
_orders: WeakKeyDictionary[Described, list[NDArray[np.intp]]] = WeakKeyDictionary()


def tree(t: Described) -> Any:
    """Fit a full decision tree; its structure, as scikit-learn keeps it."""
    if t not in _trees:
        _trees[t] = DecisionTreeClassifier(random_state=t.seed).fit(t.encoded, t.y).tree_
    return _trees[t]


def n_splits(t: Described) -> float:
    """Count the inner nodes of the tree."""
    return float(tree(t).node_count - tree(t).n_leaves)


def depths(t: Described) -> Array:
    """Return the depth of each node, the root's is 0."""
    made = tree(t)
    depth = np.zeros(made.node_count)
    for node in range(made.node_count):  # children stand after their parent
        for child in (made.children_left[node], made.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth


def mean_branch(t: Described) -> float:
    """Return the mean depth of the leaves."""
    return float(depths(t)[tree(t).children_left < 0].mean())


def _folds(t: Described) -> list[tuple[Array, Array]]:
    """Cut the rows into ten folds (fewer if no class has ten rows), of each class its share."""
    n = min(N_FOLDS, int(t.counts.max()))
    return list(StratifiedKFold(n).split(t.encoded, t.y)) if n > 1 else []


def _order(t: Described) -> list[NDArray[np.intp]]:
    """Return of each fold the columns from the least to the most important one of a tree on its training rows."""
    if t not in _orders:
        assert t.y is not None
        _orders[t] = [np.argsort(DecisionTreeClassifier(random_state=t.seed).fit(t.encoded[a], t.y[a]).feature_importances_)
                      for a, _ in _folds(t)]
    return _orders[t]


def landmark(which: str) -> Callable[[Described], float]:
    """Make a meta-feature of a simple learner's accuracy."""
    return lambda t: accuracy(t, which)


def accuracy(t: Described, which: str) -> float:
    """Return the mean accuracy of a simple learner over the folds."""
    scores = []
    drawn = int(np.random.default_rng(t.seed).integers(t.encoded.shape[1]))
    for k, (train, test) in enumerate(_folds(t)):
        learner: Any = DecisionTreeClassifier(max_depth=1, random_state=t.seed)
        columns: Any = slice(None)
        match which:
            case "random node":
                columns = [drawn]
            case "worst node":
                columns = [_order(t)[k][0]]
            case "linear":
                learner = LinearDiscriminantAnalysis()
            case "naive Bayes":
                learner = GaussianNB()
            case "nearest":
                learner = KNeighborsClassifier(1, algorithm="brute")
            case "elite nearest":
                learner, columns = KNeighborsClassifier(1), [_order(t)[k][-1]]
        assert t.y is not None
        x = t.encoded[:, columns]
        scores.append(float((learner.fit(x[train], t.y[train]).predict(x[test]) == t.y[test]).mean()))
    return float(np.mean(scores)) if scores else np.nan
