"""Points of a search space as features in which a squared distance means something.

A float or a parameter with ordered levels is one feature, its unit value. A choice of K options is K features, one of
them 1/√2 and the others 0: two different options are at squared distance 1 whatever K (Hamming distance), under one
length-scale. Where a parameter is inactive, a numeric feature stands at ½ and a choice's features at 0; the features of
its parent keep the branches apart, so inactive parameters add neither distance within a branch nor noise between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.space import Array, Float, Space

IMPUTED = 0.5
SPIKE = 1.0 / math.sqrt(2.0)


@dataclass(frozen=True, slots=True, eq=False)
class MixedFeatures:
    """The map from rows of the unit cube (nan = inactive) to features.

    Attributes
    ----------
    groups
        Column of the space that each feature comes from, shape (F,): the features of a choice share a length-scale.
    floats
        Columns of the space that are continuous, and no mere point.
    float_features
        Their features, in the same order.
    """

    space: Space
    groups: NDArray[np.intp]
    first: tuple[int, ...]  # first feature of each column
    floats: NDArray[np.intp]
    float_features: NDArray[np.intp]

    @classmethod
    def of(cls, space: Space) -> MixedFeatures:
        """Lay out the features of a space."""
        groups: list[int] = []
        first = []
        for j, column in enumerate(space.columns):
            first.append(len(groups))
            groups += [j] * (column.n_levels if column.kind == "choice" else 1)
        ranges = [space[name] for name in space.names]
        floats = np.array([j for j, p in enumerate(ranges) if isinstance(p, Float) and p.step is None and p.low < p.high],
                          dtype=np.intp)
        return cls(space, np.array(groups, dtype=np.intp), tuple(first), floats,
                   np.array([first[j] for j in floats], dtype=np.intp))

    def __call__(self, x: Array) -> Array:
        """Turn rows (n, d) into features (n, F)."""
        off = np.isnan(x)
        Z = np.zeros((len(x), len(self.groups)))
        rows = np.arange(len(x))
        for j, (column, f) in enumerate(zip(self.space.columns, self.first, strict=True)):
            if column.kind != "choice":
                Z[:, f] = np.where(off[:, j], IMPUTED, x[:, j])
            else:
                level = np.clip((np.where(off[:, j], 0.0, x[:, j]) * column.n_levels).astype(np.intp),
                                0, column.n_levels - 1)
                Z[rows, f + level] = np.where(off[:, j], 0.0, SPIKE)
        return Z


@lru_cache(maxsize=16)
def features_of(space: Space) -> MixedFeatures:
    """Return the features of a space, laid out once."""
    return MixedFeatures.of(space)
