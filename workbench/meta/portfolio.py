"""Configurations to try first on a new task, by what they did on earlier ones, whatever the new task is like.

Top-K by average rank (Brazdil & Soares 2000) takes configurations that are good alone; a greedy portfolio (Wistuba, Schilling &
Schmidt-Thieme 2015, "Sequential model-free hyperparameter tuning"; Feurer et al. 2022, auto-sklearn 2.0) takes the one that helps
those already taken most::

    next = argmin_c  mean over tasks t of  min( best of those taken on t,  scaled loss of c on t )

It is within 1 − 1/e of the best portfolio of its size, since what a configuration adds can only fall as others join (Nemhauser
et al. 1978).
"""

from __future__ import annotations

import numpy as np

from workbench.meta.tasks import Tasks
from workbench.space import Array


def average_rank(tasks: Tasks, weights: Array | None = None) -> list[int]:
    """Order configurations by their mean rank over the tasks; ranks that are not known count as the worst of the task.

    Parameters
    ----------
    weights
        Of the tasks, shape (T,); equal ones if not given.
    """
    ranks = tasks.ranks()
    worst = np.nanmax(ranks, axis=1, keepdims=True) + 1
    mean = np.average(np.where(np.isnan(ranks), worst, ranks), axis=0, weights=weights)
    return [int(i) for i in np.argsort(mean, kind="stable")]


def greedy_portfolio(tasks: Tasks, size: int, weights: Array | None = None) -> list[int]:
    """Choose configurations that together do well on all tasks, the most useful first.

    Once nothing is left to gain, those with the best mean follow.

    Parameters
    ----------
    size
        How many; at most as many as there are.
    weights
        Of the tasks, shape (T,); equal ones if not given.

    Raises
    ------
    ValueError
        If ``size`` is not at least 1.
    """
    if size < 1:
        raise ValueError(f"a portfolio has at least one configuration, got size={size}.")
    losses = tasks.scaled()
    w = np.full(len(tasks), 1.0 / len(tasks)) if weights is None else np.asarray(weights) / np.sum(weights)
    alone = w @ losses
    best, taken = np.full(len(tasks), np.inf), list[int]()
    for _ in range(min(size, len(tasks.configs))):
        together = w @ np.minimum(best[:, None], losses)
        together[taken] = np.inf
        least = np.flatnonzero(together <= together.min() + 1e-12)
        taken.append(int(least[np.argmin(alone[least])]))
        best = np.minimum(best, losses[:, taken[-1]])
    return taken
