"""What matters on most tasks: functional ANOVA of each earlier task, and tunability over all of them.

van Rijn & Hutter 2018, "Hyperparameter importance across datasets": a forest of each task's trials is taken apart
(``workbench.importance.fanova``), and the shares of variance are compared over tasks. Probst, Boulesteix & Bischl 2019,
"Tunability": the optimal default is the configuration with the least mean loss over the tasks; a parameter is worth what tuning
it alone gains over that (``workbench.importance.tunability``).

Differences from the papers: shares are of singles, pairs stand beside them; losses count in standard deviations of their task, so
that hard tasks do not outweigh easy ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
import pandas as pd

from workbench.importance.fanova import fanova
from workbench.importance.tunability import Task, Tunability, tunability
from workbench.meta.tasks import Tasks
from workbench.space import Array, Config, Space

N_TREES = 32


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImportanceOverTasks:
    """Shares of the loss's variance, task by task.

    Attributes
    ----------
    space
        Of the d parameters.
    tasks
        Names of the T tasks.
    single
        Share of each parameter alone, shape (T, d).
    pairs
        Share of all pairs together, shape (T,).
    """

    space: Space
    tasks: tuple[str, ...]
    single: Array
    pairs: Array

    @property
    def mean(self) -> Array:
        """Mean share of each parameter over the tasks, shape (d,)."""
        return np.asarray(self.single.mean(axis=0))

    @property
    def first(self) -> Array:
        """On what share of the tasks each parameter matters most, shape (d,)."""
        return np.bincount(self.single.argmax(axis=1), minlength=len(self.space)) / len(self.tasks)

    def frame(self) -> pd.DataFrame:
        """One row a parameter, the most important first: mean share, its quartiles over tasks, on how many tasks it is first."""
        low, middle, high = np.quantile(self.single, [0.25, 0.5, 0.75], axis=0)
        found = pd.DataFrame({"parameter": list(self.space.names), "mean": self.mean, "quarter": low, "median": middle,
                              "three quarters": high, "first on": self.first})
        return found.sort_values("mean", ascending=False, kind="stable", ignore_index=True)

    def task_frame(self) -> pd.DataFrame:
        """One row a task: the share of each parameter, and of all pairs."""
        return pd.DataFrame(self.single, index=list(self.tasks), columns=list(self.space.names)).assign(pairs=self.pairs)

    def summary(self) -> str:
        """Say in one plain sentence what matters."""
        top = self.frame().iloc[0]
        return (f"On {len(self.tasks)} tasks {top['parameter']} explains {top['mean']:.0%} of the loss's variance on average and "
                f"is first on {top['first on']:.0%} of them; all pairs explain {self.pairs.mean():.0%}.")

    def __repr__(self) -> str:
        """The summary."""
        return f"<ImportanceOverTasks: {self.summary()}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.summary())}</p>{self.frame().to_html(index=False, float_format='{:.2f}'.format)}"


def importance_over_tasks(tasks: Tasks, *, n_trees: int = N_TREES, seed: int = 0) -> ImportanceOverTasks:
    """Take the variance of each task's losses apart.

    Parameters
    ----------
    n_trees
        Of each task's forest.

    Raises
    ------
    ValueError
        If the tasks have no space, or one of them fewer than two known losses.
    """
    single, pairs = [], []
    for task in as_tasks(tasks):
        found = fanova(task.space, task.x, task.y, n_trees=n_trees, seed=seed)
        single.append(found.single)
        pairs.append(sum(share for *_, share in found.pairs()))
    return ImportanceOverTasks(_space(tasks), tasks.names, np.array(single), np.array(pairs))


def tunability_over_tasks(tasks: Tasks, *, default: Config | Literal["optimal"] | None = "optimal", pairs: bool = False,
                          n_trees: int = N_TREES, seed: int = 0) -> Tunability:
    """Measure what tuning each parameter gains on each task, over the configuration that is best for all of them.

    Parameters
    ----------
    default
        "optimal", a configuration, or None for the space's default.
    """
    return tunability(*as_tasks(tasks), default=default, pairs=pairs, standardise=True, n_trees=n_trees, seed=seed)


def as_tasks(tasks: Tasks) -> list[Task]:
    """Return each task's known trials, as importances take them.

    Raises
    ------
    ValueError
        If the tasks have no space.
    """
    x, space = tasks.x(), _space(tasks)
    known = np.isfinite(tasks.losses)
    return [Task(space, x[k], y[k], name) for name, y, k in zip(tasks.names, tasks.losses, known, strict=True)]


def _space(tasks: Tasks) -> Space:
    if tasks.space is None:
        raise ValueError("the configurations of these tasks are of no space that is known. Give Tasks(..., space=...).")
    return tasks.space
