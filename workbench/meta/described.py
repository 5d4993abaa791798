"""A data set as meta-features see it: numbers, categories and classes, cleaned once, with what several of them need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import entr

from workbench.space import Array

MAX_CLASSES = 20  # of a target of numbers: with more values it is cut into classes
N_CUTS = 5  # so many

Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Described:
    """A table of n rows, and its target if there is one.

    Attributes
    ----------
    numeric
        Columns of numbers, shape (n, p); missing values are replaced by the column's median.
    categories
        Columns of categories as codes from 0, shape (n, q); "missing" is a category of its own.
    y
        Class of each row as codes from 0, shape (n,); None without a target.
    n_rows
        Rows of the whole table; of a large one only a sample is looked at.
    missing
        Share of the cells that are missing.
    seed
        Of the trees, and of a column drawn at random.
    """

    numeric: Array
    categories: Codes
    y: Codes | None
    n_rows: int
    missing: float
    seed: int = 0

    @classmethod
    def of(cls, X: Any, y: Any = None, *, categorical: Sequence[Any] | None = None, max_rows: int = 5000,
           seed: int = 0) -> Described:
        """Take a DataFrame or an array of two dimensions, and a target.

        Raises
        ------
        ValueError
            If the table has no row or no column, the target has another length, or ``categorical`` names no column.
        """
        table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
        n, d = table.shape
        if n == 0 or d == 0:
            raise ValueError(f"meta-features describe a table with at least one row and one column, got {n} x {d}.")
        classes = None if y is None else _classes(y, n)
        missing = float(table.isna().to_numpy().mean())
        unknown = [c for c in categorical or () if c not in table.columns]
        if unknown:
            raise ValueError(f"categorical names columns of the table, got {unknown[0]!r}. "
                             f"There are {', '.join(map(repr, table.columns[:10]))}.")
        rows = _sample(classes, n, max_rows, seed)
        table, classes = table.iloc[rows], None if classes is None else np.unique(classes[rows], return_inverse=True)[1]
        is_number = [pd.api.types.is_numeric_dtype(t) and not pd.api.types.is_bool_dtype(t) and c not in (categorical or ())
                     for c, t in table.dtypes.items()]
        numbers = table.loc[:, is_number].astype(float).replace([np.inf, -np.inf], np.nan)
        numbers = numbers.fillna(numbers.median()).fillna(0.0)
        coded = [pd.factorize(table[c], use_na_sentinel=False)[0] for c in table.columns[np.logical_not(is_number)]]
        categories = np.stack(coded, axis=1) if coded else np.empty((len(table), 0), dtype=np.intp)
        return cls(numbers.to_numpy(), categories, classes, n, missing, seed)

    @property
    def n(self) -> int:
        """Rows that are looked at."""
        return len(self.numeric)

    @property
    def d(self) -> int:
        """Columns."""
        return int(self.numeric.shape[1] + self.categories.shape[1])

    @cached_property
    def varying(self) -> Array:
        """The numeric columns that are not constant, shape (n, p')."""
        return self.numeric[:, np.ptp(self.numeric, axis=0) > 0] if self.numeric.size else self.numeric

    @cached_property
    def encoded(self) -> Array:
        """What landmarkers learn from: numbers, and a column of 0 and 1 for each category, shape (n, p'')."""
        parts = [self.numeric, *(np.eye(c.max() + 1)[c] for c in self.categories.T)]
        return np.hstack(parts)

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """Rows of each class, shape (k,); of one class without a target."""
        return np.bincount(np.zeros(self.n, dtype=np.intp) if self.y is None else self.y)

    @property
    def has_classes(self) -> bool:
        """Whether there are at least two classes, so that something can be told apart."""
        return self.y is not None and len(self.counts) > 1

    @cached_property
    def discrete(self) -> Codes:
        """All columns as categories, shape (n, d): numbers are cut into cube root of n groups of equal size."""
        bins = max(int(self.n ** (1 / 3) + 1e-9), 1)
        cut = [np.unique(_cut(x, bins), return_inverse=True)[1] for x in self.numeric.T]
        return np.hstack([np.stack(cut, axis=1) if cut else np.empty((self.n, 0), dtype=np.intp), self.categories])

    @cached_property
    def joint(self) -> list[Array]:
        """Of each column of ``discrete`` the table of shares by its values and the classes."""
        assert self.y is not None
        k = len(self.counts)
        return [np.bincount(c * k + self.y, minlength=(c.max() + 1) * k).reshape(-1, k) / self.n for c in self.discrete.T]

    @cached_property
    def entropies(self) -> tuple[Array, Array]:
        """Of each column of ``discrete`` its entropy, and that together with the classes, in bits; shape (d,) each."""
        alone = np.array([entr(p.sum(axis=1)).sum() for p in self.joint])
        return alone / np.log(2), np.array([entr(p).sum() for p in self.joint]) / np.log(2)


def _cut(x: Array, bins: int) -> Codes:
    """Cut numbers into groups of equal size; equal numbers stay together."""
    ends = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)[1:]))
    return np.asarray(np.digitize(x, ends, right=True))


def _classes(y: Any, n: int) -> Codes:
    """Turn a target into codes; numbers with many values become groups of equal size."""
    target = pd.Series(np.asarray(y).ravel())
    if len(target) != n:
        raise ValueError(f"the target must have an entry for each of the {n} rows, got {len(target)}.")
    if pd.api.types.is_float_dtype(target) and target.nunique() > MAX_CLASSES:
        return _cut(target.fillna(target.median()).to_numpy(), N_CUTS)
    return np.asarray(pd.factorize(target, sort=True, use_na_sentinel=False)[0])


def _sample(classes: Codes | None, n: int, most: int, seed: int) -> NDArray[np.intp]:
    """Choose rows of a large table, of each class its share and at least one, in their order."""
    if n <= most:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    if classes is None:
        return np.sort(order[:most])
    place = np.empty(n)  # of each row the share of its class that comes before it: small ones of all classes are taken
    for c in range(classes.max() + 1):
        own = order[classes[order] == c]
        place[own] = np.arange(len(own)) / max(len(own), 1)
    return np.sort(np.argsort(place, kind="stable")[:most])
