"""Earlier tasks: what each configuration lost on each of them, and what the tasks are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from workbench.space import Array, Space


@dataclass(frozen=True, eq=False)
class Tasks:
    """A table of T tasks and N configurations.

    Attributes
    ----------
    names
        Of the tasks, length T.
    configs
        What was tried: configurations as dicts, or names; length N.
    losses
        Smaller is better, shape (T, N); nan where it is not known.
    features
        Meta-features of the tasks, one row each in the same order; None if they are not known.
    space
        Of which the configurations are; None if they are names.

    Raises
    ------
    ValueError
        If the shapes do not agree, or a task has no known loss.
    """

    names: tuple[str, ...]
    configs: tuple[Any, ...]
    losses: Array
    features: pd.DataFrame | None = None
    space: Space | None = None

    def __post_init__(self) -> None:
        shape = (len(self.names), len(self.configs))
        if self.losses.shape != shape:
            raise ValueError(f"losses have a row for each task and a column for each configuration, {shape}; got "
                             f"{self.losses.shape}.")
        if self.features is not None and len(self.features) != len(self.names):
            raise ValueError(f"meta-features have a row for each of the {len(self.names)} tasks, got {len(self.features)}.")
        empty = ~np.isfinite(self.losses).any(axis=1)
        if empty.any():
            name = self.names[int(np.argmax(empty))]
            raise ValueError(f"every task needs at least one known loss, got none for {name!r}. Leave it out.")

    @classmethod
    def from_frame(cls, losses: pd.DataFrame, features: pd.DataFrame | None = None) -> Tasks:
        """Take losses with a row a task and a column a configuration; meta-features by the same index.

        Raises
        ------
        ValueError
            If meta-features of a task are missing.
        """
        if features is not None:
            missing = losses.index.difference(features.index)
            if len(missing):
                raise ValueError(f"meta-features of task {missing[0]!r} are missing. Leave the task out, or add them.")
            features = features.loc[losses.index]
        return cls(tuple(map(str, losses.index)), tuple(losses.columns), losses.to_numpy(dtype=float), features)

    def __len__(self) -> int:
        """Count the tasks."""
        return len(self.names)

    def x(self) -> Array:
        """Place the configurations in the unit cube of the space, shape (N, d); nan where a parameter is inactive.

        Raises
        ------
        ValueError
            If the tasks have no space.
        """
        if self.space is None:
            raise ValueError("the configurations of these tasks are of no space that is known. Give Tasks(..., space=...).")
        return self.space.to_unit(self.configs)

    def scaled(self) -> Array:
        """Losses with each task's best at 0 and its worst at 1, shape (T, N); what is not known counts as the worst."""
        low, high = np.nanmin(self.losses, axis=1, keepdims=True), np.nanmax(self.losses, axis=1, keepdims=True)
        scaled = (self.losses - low) / np.where(high > low, high - low, 1.0)
        return np.where(np.isnan(scaled), 1.0, scaled)

    def regrets(self) -> Array:
        """Losses above each task's best, shape (T, N), in the user's unit; what is not known counts as the worst."""
        worst = np.nanmax(self.losses, axis=1, keepdims=True)
        return np.asarray(np.where(np.isnan(self.losses), worst, self.losses) - np.nanmin(self.losses, axis=1, keepdims=True))

    def ranks(self) -> Array:
        """Rank of each configuration on each task, 1 is the best and equals share theirs; nan where it is not known."""
        return np.asarray(rankdata(self.losses, axis=1, nan_policy="omit"))

    def without(self, task: int) -> Tasks:
        """Leave a task out: what is known before it comes."""
        return self.some([i for i in range(len(self)) if i != task])

    def some(self, tasks: Sequence[int]) -> Tasks:
        """Keep these tasks, in this order."""
        features = None if self.features is None else self.features.iloc[list(tasks)]
        return replace(self, names=tuple(self.names[i] for i in tasks), losses=self.losses[list(tasks)], features=features)

    def frame(self) -> pd.DataFrame:
        """Return the losses, a row a task."""
        return pd.DataFrame(self.losses, index=list(self.names), columns=[str(c) for c in self.configs])

    def __repr__(self) -> str:
        """One line."""
        known = np.isfinite(self.losses).mean()
        return f"<Tasks: {len(self)} tasks, {len(self.configs)} configurations, {known:.0%} of the losses known>"

    def _repr_html_(self) -> str:
        return f"<p><b>{repr(self)[1:-1]}</b></p>{self.frame().to_html(max_rows=12, max_cols=12)}"


def regret_after(tasks: Tasks, task: int, order: Sequence[int]) -> Array:
    """Return the regret on a task after 1, 2, … of these configurations, shape (len(order),)."""
    return np.asarray(np.minimum.accumulate(tasks.regrets()[task, list(order)]))
