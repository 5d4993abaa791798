"""Why CMA-ES drew a point, and the evolution of its distribution for plots, computed again from the history."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.history import Explanation, History
from workbench.search.cma_generations import Branch, Settings, generations
from workbench.search.cma_restart import Restart
from workbench.space import Array


@dataclass(frozen=True, slots=True, eq=False)
class CMAExplanation(Explanation):
    """Why CMA-ES drew a point.

    Attributes
    ----------
    population, sigma, restart, tolx, margin
        The settings.
    x
        The point, (d,).
    mean, deviations
        Mean and standard deviation of the distribution in each numeric parameter, (d,); nan for the others.
    groups
        Names of the parameters in every group that was active, parents first. Each has a distribution of its own:
    generation, lam, n_told
        which generation it draws (from 1), of how many points, and how many of those were told by then;
    n_restarts, step
        number of restarts, and step size (nan without numeric parameters).
    """

    population: int | None
    sigma: float
    restart: Restart | None
    tolx: float
    margin: bool
    x: Array
    mean: Array
    deviations: Array
    groups: tuple[tuple[str, ...], ...]
    generation: tuple[int, ...]
    lam: tuple[int, ...]
    n_told: tuple[int, ...]
    n_restarts: tuple[int, ...]
    step: tuple[float, ...]

    @property
    def settings(self) -> Settings:
        """What the distributions depend on."""
        return Settings(self.population, self.sigma, self.restart, self.tolx, self.margin)

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        i = next((i for i, s in enumerate(self.step) if not math.isnan(s)), 0)
        if math.isnan(self.step[i]):
            law = "Drawn by the probabilities of the options"
        else:
            shown = self.deviations[~np.isnan(self.deviations)]
            spread = (f"{100 * shown.min():.2g} %" if len(shown) == 1 else
                      f"{100 * shown.min():.2g} to {100 * shown.max():.2g} %")
            law = f"Drawn around the mean of the better points, with standard deviations of {spread} of the range"
        restarts = f", after {self.n_restarts[i]} restart{'s' * (self.n_restarts[i] > 1)}" if self.n_restarts[i] else ""
        groups = f" (the parameters form {len(self.groups)} groups)" if len(self.groups) > 1 else ""
        return (f"{law}: generation {self.generation[i]}, of {self.lam[i]} points, {self.n_told[i]} of them "
                f"known{restarts}{groups}.")


@dataclass(frozen=True, slots=True, eq=False)
class Evolution:
    """The distribution over one or two numeric parameters, and how it came to be.

    Attributes
    ----------
    names
        The parameters (one or two).
    mean, covariance
        Of the distribution drawn from, (k,) and (k, k); parameters of different groups are independent.
    last, ranks, n_selected
        Points of the generation before, (lam, k), nan where inactive; their ranks from 0; how many were selected.
    waiting
        Points of this generation that were told by then, (w, k).
    means
        Means of all generations since the last restart, (g, k), oldest first.
    told, steps, lengths, starts
        The evolution of the first parameter's group, one entry per generation: results known when it began, sigma,
        the standard deviations along the axes, ascending (g, n), and the number of the run.
    generation, lam
        Number of this generation (from 1), and its size.
    next_u
        What was drawn; nan if the parameter was not active.
    """

    names: tuple[str, ...]
    mean: Array
    covariance: Array
    last: Array
    ranks: NDArray[np.intp]
    n_selected: int
    waiting: Array
    means: Array
    told: NDArray[np.intp]
    steps: Array
    lengths: Array
    starts: NDArray[np.intp]
    generation: int
    lam: int
    next_u: Array


def evolution(history: History, why: CMAExplanation, *names: str) -> Evolution:
    """Compute the distribution of one or two numeric parameters, as it was when ``why`` was given."""
    columns = [history.space.column(name) for name in names]
    homes = [_home(history, why, j) for j in columns]
    first = homes[0][0]
    told = np.array([r.n_told for r in first.path])
    since = first.start.number  # earlier runs are other searches: their means are not part of this way
    shown = [i for i, r in enumerate(first.path) if r.start == since]
    means = np.stack([_means_at(branch, at, told[shown]) for branch, at in homes], axis=1)
    covariance = np.diag([float(branch.covariance[at, at]) for branch, at in homes])
    if len(homes) == 2 and homes[0][0] is homes[1][0]:
        covariance[0, 1] = covariance[1, 0] = first.covariance[homes[0][1], homes[1][1]]
    order = np.argsort(history.y[first.last], kind="stable")
    ranks = np.empty(len(order), dtype=np.intp)
    ranks[order] = np.arange(len(order))
    mean = [branch.state.mean[at] for branch, at in homes if branch.state is not None]
    return Evolution(
        names=names, mean=np.array(mean), covariance=covariance, last=history.x[np.ix_(first.last, columns)],
        ranks=ranks, n_selected=len(ranks) // 2, waiting=history.x[np.ix_(first.waiting, columns)], means=means, told=told,
        steps=np.array([r.sigma for r in first.path]), lengths=np.array([r.lengths for r in first.path]),
        starts=np.array([r.start for r in first.path]), generation=first.generation + 1, lam=first.start.lam,
        next_u=why.x[columns])


def probabilities(history: History, why: CMAExplanation, name: str) -> Array:
    """Return the probabilities q of the options of a choice, (K,), as they were when ``why`` was given."""
    column = history.space.column(name)
    for branch in generations(history, why.settings).branches:
        if column in branch.part.choices:
            return branch.q[branch.part.choices.index(column)].copy()
        if column in branch.part.numeric:
            raise ValueError(f"{name!r} is a coordinate: it has no options with probabilities.")
    return np.ones(1)  # one value alone


def is_numeric(history: History, why: CMAExplanation, name: str) -> bool:
    """Whether the parameter is a coordinate of a normal distribution; one with a single value is none."""
    column = history.space.column(name)
    return any(column in b.part.numeric for b in generations(history, why.settings).branches)


def _home(history: History, why: CMAExplanation, column: int) -> tuple[Branch, int]:
    """Find the branch of a column, and its place there."""
    for branch in generations(history, why.settings).branches:
        if column in branch.part.numeric:
            return branch, branch.part.numeric.index(column)
    raise ValueError(f"{history.space.names[column]!r} is no coordinate: it is a choice, or has one value alone.")


def _means_at(branch: Branch, at: int, told: NDArray[np.intp]) -> Array:
    """Means of a coordinate that held when so many results were known."""
    known = np.array([r.n_told for r in branch.path])
    return np.array([r.mean[at] for r in branch.path])[np.maximum(np.searchsorted(known, told, side="right") - 1, 0)]
