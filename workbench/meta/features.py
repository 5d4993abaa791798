"""Meta-features: what a data set is like, as some forty numbers by which tasks can be compared.

Sources of the groups: simple and statistical, Michie, Spiegelhalter & Taylor 1994 (StatLog); information-theoretic, the same and
Castiello, Castellano & Fanelli 2005; model-based, Peng et al. 2002; landmarkers, Pfahringer, Bensusan & Giraud-Carrier 2000.
Definitions follow Rivolli et al. 2022, "Meta-features for meta-learning", so that numbers can be compared with those of others.

Differences: a canonical correlation is computed exactly, not by iterations that may stop early; the random node draws its
column with numpy's present generator; categories become columns of 0 and 1 for landmarkers, and do not count as numbers.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.meta import landmarks, statistics
from workbench.meta.described import Described

Compute = Callable[[Described], float]
GROUPS = ("simple", "statistical", "information", "model", "landmark")
NEEDS_CLASSES = "class"

MICHIE, RIVOLLI, CASTIELLO = "Michie et al. 1994", "Rivolli et al. 2022", "Castiello et al. 2005"
PENG, PFAHRINGER, ALI = "Peng et al. 2002", "Pfahringer et al. 2000", "Ali & Smith 2006"
BENSUSAN, KALOUSIS = "Bensusan & Giraud-Carrier 2000", "Kalousis & Theoharis 1999"

_s, _l = statistics, landmarks
FEATURES: dict[str, tuple[str, str, str, Compute]] = {  # name: group, definition, source, how
    "nr_inst": ("simple", "number of rows", MICHIE, lambda t: t.n_rows),
    "nr_attr": ("simple", "number of columns", MICHIE, lambda t: t.d),
    "nr_class": ("simple", "number of classes", MICHIE, lambda t: np.nan if t.y is None else len(t.counts)),
    "nr_num": ("simple", "number of columns of numbers", MICHIE, lambda t: t.numeric.shape[1]),
    "nr_cat": ("simple", "number of columns of categories", MICHIE, lambda t: t.categories.shape[1]),
    "nr_bin": ("simple", "number of columns with two values", MICHIE, _s.n_binary),
    "attr_to_inst": ("simple", "columns for each row", KALOUSIS, lambda t: t.d / t.n_rows),
    "missing": ("simple", "share of the cells that are missing", KALOUSIS, lambda t: t.missing),
    "freq_class.mean": ("simple", "mean share of a class", RIVOLLI, lambda t: float((t.counts / t.n).mean())),
    "freq_class.sd": ("simple", "standard deviation of the classes' shares", RIVOLLI, _s.class_spread),
    "cor.mean": ("statistical", "mean absolute correlation of two columns", MICHIE, _s.correlation),
    "nr_cor_attr": ("statistical", "share of pairs of columns correlated by ½ at least", RIVOLLI, _s.n_correlated),
    "kurtosis.mean": ("statistical", "mean excess kurtosis of a column, by the sample's deviation", MICHIE, _s.kurtosis),
    "kurtosis.sd": ("statistical", "standard deviation of the columns' kurtosis", MICHIE, _s.kurtosis_spread),
    "skewness.mean": ("statistical", "mean skewness of a column, by the sample's deviation", MICHIE, _s.skewness),
    "skewness.sd": ("statistical", "standard deviation of the columns' skewness", MICHIE, _s.skewness_spread),
    "nr_outliers": ("statistical", "columns with values 1.5 quartile distances beyond a quartile", KALOUSIS, _s.n_outliers),
    "sparsity.mean": ("statistical", "mean over columns of (rows / different values − 1) / (rows − 1)", RIVOLLI, _s.sparsity),
    "gravity": ("statistical", "distance between the means of the largest and the smallest class", ALI, _s.gravity),
    "can_cor.mean": ("statistical", "mean canonical correlation between columns and classes", MICHIE, _s.canonical_correlation),
    "w_lambda": ("statistical", "Wilks' lambda: the product of 1 − r² over canonical correlations r", MICHIE, _s.wilks_lambda),
    "sd_ratio": ("statistical", "homogeneity of the classes' covariances: Box's M, as a ratio", MICHIE, _s.sd_ratio),
    "class_ent": ("information", "entropy of the classes, in bits", MICHIE, _s.class_entropy),
    "attr_ent.mean": ("information", "mean entropy of a column cut into categories", MICHIE, _s.column_entropy),
    "joint_ent.mean": ("information", "mean entropy of a column together with the classes", MICHIE, _s.joint_entropy),
    "mut_inf.mean": ("information", "mean mutual information of a column and the classes", MICHIE, _s.mutual_information),
    "mut_inf.sd": ("information", "standard deviation of that information", MICHIE, _s.mutual_information_spread),
    "eq_num_attr": ("information", "columns of mean information that would tell the classes", MICHIE, _s.equivalent_columns),
    "ns_ratio": ("information", "what columns say besides, for each bit about the classes", MICHIE, _s.noise_ratio),
    "class_conc.mean": ("information", "mean concentration coefficient of a column, given the class", KALOUSIS, _s.concentration),
    "leaves": ("model", "number of leaves of a full decision tree", PENG, lambda t: _l.tree(t).n_leaves),
    "nodes": ("model", "inner nodes of that tree", PENG, _l.n_splits),
    "tree_depth.mean": ("model", "mean depth of the tree's nodes", PENG, lambda t: float(_l.depths(t).mean())),
    "tree_depth.max": ("model", "depth of that tree", PENG, lambda t: float(_l.depths(t).max())),
    "nodes_per_attr": ("model", "inner nodes for each column", PENG, lambda t: _l.n_splits(t) / _l.tree(t).n_features),
    "leaves_branch.mean": ("model", "mean depth of the tree's leaves", PENG, _l.mean_branch),
    "best_node": ("landmark", "accuracy of a tree of one split", PFAHRINGER, _l.landmark("best node")),
    "random_node": ("landmark", "accuracy of a tree that splits a random column", PFAHRINGER, _l.landmark("random node")),
    "worst_node": ("landmark", "accuracy of a tree that splits the poorest column", PFAHRINGER, _l.landmark("worst node")),
    "linear_discr": ("landmark", "accuracy of linear discriminant analysis", PFAHRINGER, _l.landmark("linear")),
    "naive_bayes": ("landmark", "accuracy of Gaussian naive Bayes", PFAHRINGER, _l.landmark("naive Bayes")),
    "one_nn": ("landmark", "accuracy of the nearest neighbour", BENSUSAN, _l.landmark("nearest")),
    "elite_nn": ("landmark", "accuracy of the nearest neighbour by the best column", BENSUSAN, _l.landmark("elite nearest")),
}


def meta_features(X: Any, y: Any = None, *, groups: Sequence[str] = GROUPS, categorical: Sequence[Any] | None = None,
                  max_rows: int = 5000, seed: int = 0, limit_s: float = math.inf) -> pd.Series:
    """Compute meta-features of a data set; nan where one does not exist, such as a landmarker of one class.

    Parameters
    ----------
    X
        DataFrame, or array of shape (n, d). Numbers, texts, categories, truth values, and missing ones.
    y
        Target, shape (n,). A target of more than 20 different fractional numbers is cut into five classes of equal size.
    groups
        Which to compute, of "simple", "statistical", "information", "model" and "landmark".
    categorical
        Columns of numbers that are categories.
    max_rows
        Of a larger table so many rows are looked at, of each class its share; numbers of rows and shares of missing cells are of
        all rows.
    seed
        Of the sample, the trees and the random column.
    limit_s
        Seconds after which no further one begins; those that are left out are missing from the Series.

    Returns
    -------
    Series
        By name, in the order of ``definitions()``.

    Raises
    ------
    ValueError
        If the table is empty, the target has another length, or a group or column is unknown.
    """
    unknown = [g for g in groups if g not in GROUPS]
    if unknown:
        raise ValueError(f"a group of meta-features is one of {', '.join(GROUPS)}, got {unknown[0]!r}.")
    end = time.monotonic() + limit_s
    table = Described.of(X, y, categorical=categorical, max_rows=max_rows, seed=seed)
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of learners on odd tables: collinear columns, classes of one row
        for name, value in computed(table, groups):
            found[name] = value
            if time.monotonic() > end:
                break
    return pd.Series(found, dtype=float)


def computed(table: Described, groups: Sequence[str] = GROUPS) -> Iterator[tuple[str, float]]:
    """Compute one meta-feature after the other, those of the named groups; nan where one does not exist."""
    for name, (group, _, _, compute) in FEATURES.items():
        if group in groups:
            with np.errstate(all="ignore"):
                value = float(compute(table)) if group in ("simple", "statistical") or table.has_classes else np.nan
            yield name, value if np.isfinite(value) else np.nan


def definitions() -> pd.DataFrame:
    """List all meta-features: name, group, definition, source."""
    rows = [(name, group, text, source) for name, (group, text, source, _) in FEATURES.items()]
    return pd.DataFrame(rows, columns=["name", "group", "definition", "source"])
