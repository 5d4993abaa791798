"""Configurations to try first on a new task: those that were good on the earlier tasks that are most like it.

Feurer, Springenberg & Hutter 2015, "Initializing Bayesian hyperparameter optimization via meta-learning": the distance of two
tasks is the L1 distance of their scaled meta-features; the best configurations of the nearest ones come first.

Differences: meta-features that spread over powers of ten count on a log scale before all are scaled to [0, 1]; what is not known
is the median. Besides the best configuration of each nearest task ("best of each") one may take those with the least mean loss
over the k nearest ("mean").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.meta.tasks import Tasks
from workbench.space import Array

WIDE = 100.0  # a feature whose middle nine tenths spread by more than this factor counts on a log scale


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The earlier tasks by their distance from a new one, the nearest first.

    Attributes
    ----------
    order
        Rows of the tasks, shape (T,).
    distance
        From the new task, in the same order; the mean over features of differences in [0, 1].
    """

    tasks: Tasks
    order: NDArray[np.intp]
    distance: Array

    def frame(self) -> pd.DataFrame:
        """List name and distance."""
        return pd.DataFrame({"task": [self.tasks.names[i] for i in self.order], "distance": self.distance})

    def suggest(self, k: int = 5, how: Literal["mean", "best of each"] = "mean") -> list[int]:
        """Order all configurations by what they did on the k nearest tasks.

        Raises
        ------
        ValueError
            If ``k`` is not at least 1, or ``how`` is unknown.
        """
        if k < 1:
            raise ValueError(f"k counts neighbours, at least 1, got {k}.")
        near = self.tasks.some([int(i) for i in self.order[:k]])
        mean = near.scaled().mean(axis=0)
        by_mean = np.argsort(mean, kind="stable")
        if how == "mean":
            return [int(i) for i in by_mean]
        if how != "best of each":
            raise ValueError(f"how is 'mean' or 'best of each', got {how!r}.")
        first = dict.fromkeys(int(i) for i in np.argmin(near.scaled(), axis=1))
        return [*first, *(int(i) for i in by_mean if int(i) not in first)]


def neighbours(tasks: Tasks, features: pd.Series) -> Neighbours:
    """Measure how far a new task is from each earlier one.

    Parameters
    ----------
    features
        Meta-features of the new task. Those that the earlier tasks lack are left out.

    Raises
    ------
    ValueError
        If the earlier tasks have no meta-features, or share none with the new one.
    """
    if tasks.features is None:
        raise ValueError("the earlier tasks have no meta-features. Give Tasks(..., features=...).")
    shared = [c for c in tasks.features.columns if c in features.index]
    if not shared:
        some = ", ".join(map(str, tasks.features.columns[:5]))
        raise ValueError(f"the new task shares no meta-feature with the earlier ones ({some}, …).")
    known = tasks.features[shared].to_numpy(dtype=float)
    new = features[shared].to_numpy(dtype=float)[None]
    away = np.abs(scaled_features(known, known) - scaled_features(known, new)).mean(axis=1)
    order = np.argsort(away, kind="stable")
    return Neighbours(tasks, order, away[order])


def scaled_features(known: Array, rows: Array) -> Array:
    """Bring features (n, d) to [0, 1] by the range of the earlier tasks (T, d); a new task may lie a little outside."""
    out = np.empty_like(rows)
    for j, x in enumerate(known.T):
        own, new = x[np.isfinite(x)], rows[:, j]
        if not len(own):
            out[:, j] = 0.0
            continue
        low, high = np.quantile(own, [0.05, 0.95])
        if own.min() >= 0 and high > WIDE * max(low, 1e-12):
            own, new = np.log1p(own), np.log1p(np.maximum(new, 0.0))
        new = np.where(np.isfinite(new), new, np.median(own))
        out[:, j] = np.clip((new - own.min()) / (np.ptp(own) or 1.0), -0.5, 1.5)
    return out
