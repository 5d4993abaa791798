r"""Configurations to try first that nobody has tried yet: found by gradient descent on models of the earlier tasks.

Wistuba, Schilling & Schmidt-Thieme 2015, "Learning hyperparameter optimization initializations". A portfolio chosen among what
was tried can be no better than what was tried. So every task t gets a differentiable plug-in estimator f_t of its losses, and
the I configurations x_1 … x_I slide downhill together::

    fit f_t to the losses of task t, from 0 (the best) to 1 (the median, or worse)    for every task
    start with I configurations that were tried
    repeat   w_ti  = exp(-β f_t(x_i)) / Σ_k exp(-β f_t(x_k))                      who serves task t
             s_t   = Σ_i w_ti f_t(x_i)                                            soft minimum; the minimum as β → ∞
             L     = 1/T Σ_t s_t
             ∂L/∂x_i = 1/T Σ_t w_ti (1 - β (f_t(x_i) - s_t)) ∇f_t(x_i)
             take a step of gradient descent on all x_i

A configuration moves only for the tasks that it serves best, so the I of them spread over kinds of tasks by themselves.

Notation
--------
=============  =========================================================================
``x``          configurations, rows of the unit cube, shape (I, d); (S, I, d) of S starts
``f, g``       estimated losses (T, S, I) and their gradients by x (T, S, I, d)
``sharpness``  β
=============  =========================================================================

Differences from the paper: what is worse than a task's median counts as the median (the paper scales from best to worst), so
that estimators need not follow how bad the bad half is; on eight tables of 30,000 neural networks that turned three and more
configurations from worse than the greedy portfolio to a little better, within the errors. The estimators are Gaussian processes
with length-scales of their own for every task, and Adam takes the steps, projected into the unit cube. Descent begins at
several starts at once: the greedy portfolio, and greedy portfolios of randomly weighted tasks. Only numbers move (those with
levels as if they had none; the result stands on levels). Options without order, parameters on which others depend, and those
named in forbidden combinations stay as in the start, so which parameters are active never changes on the way: other options
come in only with other starts. The result is the best place of the best start, and the start itself if nothing is better; so by
the estimators it is never worse than the greedy portfolio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import process_time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.events import StepTaken
from workbench.history import Explanation
from workbench.meta.portfolio import greedy_portfolio
from workbench.meta.tasks import Tasks
from workbench.models.gaussian_process import GaussianProcess, fit
from workbench.models.mixed_features import MixedFeatures, features_of
from workbench.space import Array, Config, Space

MOST = 400  # losses of a task that its estimator is fitted to, drawn from more
DECAY = (0.9, 0.999)  # of Adam's two means
TINY = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class PlugInStep(Explanation):
    """Where the configurations stand after a step.

    Attributes
    ----------
    x
        Those of the start that is best so far, at its best place, shape (I, d); on levels where there are levels.
    losses
        What the estimators say of them, shape (T, I).
    soft, hard
        Mean over the tasks of the soft minimum and of the minimum, for each start where it stands now, shape (S,).
    start
        Which start is best so far; 0 is the greedy portfolio.
    """

    x: Array
    losses: Array
    soft: Array
    hard: Array
    start: int

    def summary(self) -> str:
        """Say in one plain sentence how far it is."""
        loss = float(self.losses.min(axis=1).mean())
        return (f"On average of the tasks the best of {len(self.x)} configurations has an estimated loss of {loss:.3g} "
                "(0: the best tried, 1: the median).")


# ---- the estimators --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Estimators:
    """A differentiable model of the losses of every task, from 0 (its best) to 1 (its median, and all that is worse).

    Attributes
    ----------
    tasks
        The T tasks.
    models
        A Gaussian process each, of the losses less ``middle`` in units of ``unit``, shape (T,) both.
    """

    tasks: Tasks
    models: tuple[GaussianProcess, ...]
    middle: Array
    unit: Array

    @classmethod
    def of(cls, tasks: Tasks) -> Estimators:
        """Fit them: to the losses that are known, at most 400 of a task.

        Raises
        ------
        ValueError
            If the tasks have no space.
        """
        x, features = tasks.x(), features_of(tasks.space or Space())
        Z, models, middle, unit = features(x), [], [], []
        for y in better_half(tasks.losses):
            rows = np.flatnonzero(np.isfinite(y))
            if len(rows) > MOST:
                rows = np.random.default_rng(0).choice(rows, MOST, replace=False)
            middle.append(float(y[rows].mean()))
            unit.append(float(y[rows].std()) or 1.0)
            models.append(fit(Z[rows], (y[rows] - middle[-1]) / unit[-1], groups=features.groups))
        return cls(tasks, tuple(models), np.array(middle), np.array(unit))

    @property
    def space(self) -> Space:
        """Of the configurations."""
        return self.tasks.space or Space()

    def __len__(self) -> int:
        """Count the tasks."""
        return len(self.models)

    def some(self, tasks: Sequence[int]) -> Estimators:
        """Keep these tasks, in this order, without fitting again."""
        rows = list(tasks)
        return replace(self, tasks=self.tasks.some(rows), models=tuple(self.models[i] for i in rows), middle=self.middle[rows],
                       unit=self.unit[rows])

    def without(self, task: int) -> Estimators:
        """Leave a task out."""
        return self.some([i for i in range(len(self)) if i != task])

    def losses(self, x: Array) -> Array:
        """Estimate the losses of rows (m, d), shape (T, m)."""
        Z = features_of(self.space)(x)
        mean = np.stack([model.predict(Z)[0] for model in self.models])
        return np.asarray(mean * self.unit[:, None] + self.middle[:, None])

    def with_gradients(self, x: Array) -> tuple[Array, Array]:
        """Return the losses (T, m), and their gradients by the rows' numbers, shape (T, m, d); 0 for what cannot move."""
        features = features_of(self.space)
        Z, f, g = features(x), np.empty((len(self), len(x))), np.zeros((len(self), *x.shape))
        columns, at = _numbers(features)
        for t, model in enumerate(self.models):
            k, slope = model.kernel_and_slope(Z)
            f[t] = k @ model.alpha
            g[t][:, columns] = model.slope_of_sum(Z, slope, model.alpha)[:, at]
        g[:, np.isnan(x)] = 0.0
        return f * self.unit[:, None] + self.middle[:, None], g * self.unit[:, None, None]


def _numbers(features: MixedFeatures) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns of numbers and ordered levels, and the feature of each."""
    columns = [j for j, c in enumerate(features.space.columns) if c.kind != "choice"]
    return np.array(columns, dtype=np.intp), np.array([features.first[j] for j in columns], dtype=np.intp)


def better_half(losses: Array) -> Array:
    """Scale each task's losses (T, N) from 0 at its best to 1 at its median; what is worse is 1, what is not known stays nan."""
    low, middle = np.nanmin(losses, axis=1, keepdims=True), np.nanmedian(losses, axis=1, keepdims=True)
    return np.asarray(np.minimum((losses - low) / np.where(middle > low, middle - low, np.inf), 1.0))


def may_move(space: Space) -> NDArray[np.bool_]:
    """Say which columns of the unit cube slide: numbers on which nothing depends and that no forbidden combination names."""
    ruling = {space.names[parent] for c in space.columns for parent, _ in c.parents}
    named = {name for clause in space.forbidden for name, _ in clause}
    return np.array([c.kind != "choice" and c.name not in ruling | named for c in space.columns], dtype=bool)


def soft_minimum(f: Array, sharpness: float) -> tuple[Array, Array]:
    """Return the soft minimum over the last axis, and its derivatives by f: between the mean (β = 0) and the minimum (β → ∞)."""
    w = np.exp(-sharpness * (f - f.min(axis=-1, keepdims=True)))
    w /= w.sum(axis=-1, keepdims=True)
    s = (w * f).sum(axis=-1)
    return np.asarray(s), np.asarray(w * (1 - sharpness * (f - s[..., None])))


def meta_loss(estimators: Estimators, x: Array, sharpness: float) -> tuple[float, Array]:
    """Return L of one set of configurations (I, d), and its gradient (I, d)."""
    f, g = estimators.with_gradients(x)
    s, by_f = soft_minimum(f, sharpness)
    return float(s.mean()), np.einsum("ti,tid->id", by_f, g) / len(estimators)


# ---- the descent -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlugIn:
    """Learn configurations to try first by gradient descent through estimators of the earlier tasks.

    Parameters
    ----------
    size
        I, how many configurations.
    sharpness
        β of the soft minimum; losses run from 0, a task's best, to 1, its median.
    n_steps
        Of gradient descent.
    rate
        Of Adam, in the unit cube.
    n_starts
        S; the first is the greedy portfolio.
    """

    size: int = 5
    sharpness: float = 100.0
    n_steps: int = 100
    rate: float = 0.02
    n_starts: int = 4

    def __post_init__(self) -> None:
        for name in ("size", "n_steps", "n_starts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")
        for name in ("sharpness", "rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}.")

    def steps(self, tasks: Tasks | Estimators, *, seed: int = 0) -> Iterator[StepTaken]:
        """Descend; ``why.x`` of the last step is the result. Fitted estimators can be given in place of their tasks.

        Raises
        ------
        ValueError
            If the tasks have no space, or fewer configurations than are asked for.
        """
        began = process_time()
        estimators = tasks if isinstance(tasks, Estimators) else Estimators.of(tasks)
        for step, why in enumerate(self._descend(estimators, self.starts(estimators.tasks, seed))):
            if step:
                best = float(why.losses.min(axis=1).mean())
                yield StepTaken(step, {"cpu_s": process_time() - began, "loss": best, "soft_loss": float(why.soft.min())}, why)

    def starts(self, tasks: Tasks, seed: int = 0) -> Array:
        """Return the starts, shape (S, I, d): greedy portfolios, all but the first of randomly weighted tasks."""
        if len(tasks.configs) < self.size:
            raise ValueError(f"{self.size} configurations were asked for, but only {len(tasks.configs)} have been tried.")
        x, rng = tasks.x(), np.random.default_rng(seed)
        weights = [None, *rng.exponential(size=(self.n_starts - 1, len(tasks)))]  # a Bayesian bootstrap of the tasks
        return np.stack([x[greedy_portfolio(tasks, self.size, w)] for w in weights])

    def _descend(self, estimators: Estimators, x: Array) -> Iterator[PlugInStep]:
        """Yield where all starts stand before the first step and after each."""
        space, (S, size, d) = estimators.space, x.shape
        moves = may_move(space) & ~np.isnan(x)
        m, v = np.zeros_like(x), np.zeros_like(x)
        best_x, best_losses, best_start, best = x[0], np.empty(0), 0, np.inf
        for step in range(self.n_steps + 1):
            f, g = (a.reshape(len(estimators), S, size, *a.shape[2:]) for a in estimators.with_gradients(x.reshape(-1, d)))
            s, by_f = soft_minimum(f, self.sharpness)
            snapped = space.snap(x.reshape(-1, d))
            at = estimators.losses(snapped).reshape(len(estimators), S, size)
            hard = at.min(axis=2).mean(axis=0)
            k = int(hard.argmin())
            if hard[k] < best:
                order = in_order(at[:, k])
                best_x, best_losses, best_start, best = snapped.reshape(x.shape)[k][order], at[:, k][:, order], k, float(hard[k])
            yield PlugInStep(best_x, best_losses, s.mean(axis=0), hard, best_start)
            gradient = np.where(moves, np.einsum("tsi,tsid->sid", by_f, g) / len(estimators), 0.0)
            m = DECAY[0] * m + (1 - DECAY[0]) * gradient  # Kingma & Ba 2015, algorithm 1
            v = DECAY[1] * v + (1 - DECAY[1]) * gradient**2
            mean, square = m / (1 - DECAY[0] ** (step + 1)), v / (1 - DECAY[1] ** (step + 1))
            x = np.clip(x - self.rate * mean / (np.sqrt(square) + TINY), 0.0, 1.0)


def in_order(losses: Array) -> list[int]:
    """Order configurations by what each adds to those before it on average of the tasks; losses (T, I)."""
    best, taken = np.full(len(losses), np.inf), list[int]()
    while len(taken) < losses.shape[1]:
        together = np.minimum(best[:, None], losses).mean(axis=0)
        together[taken] = np.inf
        taken.append(int(together.argmin()))
        best = np.minimum(best, losses[:, taken[-1]])
    return taken


# ---- the result ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlugInPortfolio:
    """Configurations found by gradient descent, the most useful first.

    Attributes
    ----------
    space, tasks
        Of the configurations; names of the T tasks they were learned from.
    x, start_x
        Rows of the unit cube, shape (I, d): the result, and the greedy portfolio.
    losses, start_losses
        Losses as the estimators say, shape (T, I): 0 is a task's best, 1 its median.
    soft, hard
        Mean over the tasks of the soft minimum and of the minimum, before the first step and after each, shape
        (n_steps + 1, S).
    start
        From which start the result comes; 0 is the greedy portfolio.
    """

    space: Space
    tasks: tuple[str, ...]
    x: Array
    losses: Array
    start_x: Array
    start_losses: Array
    soft: Array
    hard: Array
    start: int

    @property
    def configs(self) -> list[Config]:
        """The configurations, ready to try."""
        return list(self.space.from_unit(self.x))

    def frame(self) -> pd.DataFrame:
        """One row a configuration: its values, the number of tasks it serves best, the mean loss of all up to it."""
        found = pd.DataFrame(self.configs, columns=list(self.space.names))
        serves = np.bincount(self.losses.argmin(axis=1), minlength=len(self.x))
        return found.assign(serves=serves, loss=np.minimum.accumulate(self.losses, axis=1).mean(axis=0))

    def summary(self) -> str:
        """Say in a sentence what was gained over the greedy portfolio, as the estimators see it."""
        before, after = self.start_losses.min(axis=1).mean(), self.losses.min(axis=1).mean()
        return (f"On average of {len(self.tasks)} tasks the best of {len(self.x)} configurations has an estimated loss of "
                f"{after:.3g}, of the greedy portfolio {before:.3g} (0: the best tried, 1: the median).")

    def __repr__(self) -> str:
        """The summary."""
        return f"<PlugInPortfolio: {self.summary()}>"

    def _repr_html_(self) -> str:
        table = self.frame().to_html(na_rep="–", float_format=lambda v: f"{v:.3g}")
        return f"<p><b>Configurations to try first</b></p><p>{self.summary()}</p>{table}"


def plug_in_portfolio(tasks: Tasks | Estimators, size: int = 5, *, sharpness: float = 100.0, n_steps: int = 100,
                      rate: float = 0.02, n_starts: int = 4, seed: int = 0) -> PlugInPortfolio:
    """Learn ``size`` configurations to try first; they need not be among those tried. See ``PlugIn`` for the settings.

    Raises
    ------
    ValueError
        If the tasks have no space, or fewer configurations than are asked for.
    """
    learner = PlugIn(size, sharpness, n_steps, rate, n_starts)
    estimators = tasks if isinstance(tasks, Estimators) else Estimators.of(tasks)
    starts = learner.starts(estimators.tasks, seed)
    found = list(learner._descend(estimators, starts))
    last = found[-1]
    return PlugInPortfolio(estimators.space, estimators.tasks.names, last.x, last.losses, starts[0], estimators.losses(starts[0]),
                           np.stack([w.soft for w in found]), np.stack([w.hard for w in found]), last.start)
