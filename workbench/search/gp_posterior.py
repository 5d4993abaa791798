"""From a history to a posterior: hyperparameters by a chain of fits, conditioned on finished and on running trials.

An algorithm here keeps no state, yet a fit is much faster from a good start. So the start is made part of the
definition: the fit at n trials starts from the fit at the last *milestone* before n, which starts from the one before
it, down to the first; every fit depends on a prefix of the history alone. The history's memo keeps the links, and an
empty memo only means that they are computed again, with the same numbers.

Running trials are taken in by the "kriging believer" (Ginsbourger, Le Riche & Carraro 2010): their losses are believed
to equal the posterior mean. That leaves the mean as it is and takes the variance away around them.

In a run of several losses each has a process of its own; ``k`` says which loss is meant.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.models.gaussian_process import GaussianProcess
from workbench.models.map_fit import Hyperparameters, NegativeLogPosterior, Prior, maximise_posterior
from workbench.models.mixed_features import MixedFeatures, features_of
from workbench.models.output_transform import OutputTransform
from workbench.models.pareto import dominates
from workbench.space import Array

TREND = 0.3  # prior weight of the linear and quadratic trend
FIRST_MILESTONE = 10
N_FIT = 256  # rows that hyperparameters are fitted to; with more trials, only at milestones
LOUDEST = 1e3  # known noise beyond so many standard deviations of the losses drowns them no more than this
NOISY = 1e-3  # noise, in units of the signal, from which on the best loss seen may be luck
N_POSTERIOR = 1000  # finished trials that a posterior is conditioned on, besides those since the last milestone


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What the model believes about a history.

    Attributes
    ----------
    transform
        Between losses and targets.
    model
        Conditioned on ``rows`` and after them on the pending trials.
    rows
        Numbers of the finished trials that it knows.
    targets
        Targets of those rows.
    """

    features: MixedFeatures
    transform: OutputTransform
    model: GaussianProcess
    rows: NDArray[np.intp]
    targets: Array

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube."""
        mean, variance = self.model.predict(self.features(x))
        return mean, np.sqrt(variance)

    @property
    def is_noisy(self) -> bool:
        """Whether the noise is large enough that the best loss seen may be luck."""
        return self.model.noise > NOISY * self.model.signal_variance

    @property
    def best(self) -> float:
        """Target to improve on: the best known, or the best posterior mean at a known point if losses are noisy.

        Running trials are known as well, with the losses that are believed of them.
        """
        values = self.model.fitted_mean() if self.is_noisy else self.model.y
        return float(values.min())

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials, by the same measure, the best first."""
        values = self.model.fitted_mean()[:len(self.rows)] if self.is_noisy else self.targets
        return self.rows[np.argsort(values, kind="stable")[:k]]


def milestones(n: int) -> list[int]:
    """Return the counts of trials up to ``n`` that have a link: from 10 on, growing by a tenth, later a twentieth."""
    out, m = [], FIRST_MILESTONE
    while m <= n:
        out.append(m)
        m += max(1, m // (10 if m <= N_FIT else 20))
    return out


Noise = Literal["auto"] | bool | float  # fitted; False: none; or its standard deviation, in the units of the loss


def loss(history: History, k: int) -> Array:
    """Return the k-th loss of the finished trials, shape (n,)."""
    return history.y if history.y.ndim == 1 else history.y[:, k]


def hyperparameters(history: History, noise: Noise = "auto", k: int = 0) -> Hyperparameters:
    """Fit to the finished trials, starting from the last milestone's fit."""
    n = len(history)
    marks = milestones(n)
    what = f"fit {noise} {k}"
    if not marks:
        return Hyperparameters.of(_fit(history, k, None, noise, cold=True))
    phi: Array | None = None
    missing: list[int] = []
    for m in reversed(marks):
        phi = history.memo.get(_key(what, history, m))
        if phi is not None:
            break
        missing.append(m)
    for m in reversed(missing):
        phi = _fit(history[:m], k, phi, noise, cold=m <= N_FIT)
        history.memo[_key(what, history, m)] = phi
    if n > N_FIT or n == marks[-1]:
        assert phi is not None
        return Hyperparameters.of(phi)
    key = _key(what, history, n)
    if key not in history.memo:
        history.memo[key] = _fit(history, k, phi, noise, cold=False)
    return Hyperparameters.of(history.memo[key])


def _key(what: str, history: History, m: int) -> Hashable:
    """Name a thing derived from the first ``m`` rows."""
    return ("gp", what, history.space, history.seed, m, history.content(m))


def best_and_others(y: Array, most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the numbers of all rows, or of ``most`` of them: a quarter of these are the best, the others a random choice.

    Of several losses, shape (n, m), those are best that the fewest rows dominate: all processes know the front.
    """
    if len(y) <= most:
        return np.arange(len(y))
    order = np.argsort(y if y.ndim == 1 else dominates(y, y).sum(0), kind="stable")
    n_best = most // 4
    return np.sort(np.concatenate([order[:n_best], rng.choice(order[n_best:], most - n_best, replace=False)]))


def _fit(history: History, k: int, warm: Array | None, noise: Noise, *, cold: bool) -> Array:
    """Fit φ to all rows, or to N_FIT of them."""
    features = features_of(history.space)
    transform = OutputTransform.of(loss(history, k))
    rows = best_and_others(history.y, N_FIT, np.random.default_rng([history.seed, len(history)]))
    x, y = history.x[rows], transform.forward(loss(history, k)[rows])
    prior = Prior(len(history.space))
    objective = NegativeLogPosterior(features(x), y, groups=features.groups, prior=prior, trend=TREND)
    starts = [] if warm is None else [warm]
    if cold or warm is None:
        starts.append(prior.start(objective.n_groups))
    known = None if noise == "auto" else min(float(noise) / transform.scale, LOUDEST) ** 2
    return maximise_posterior(objective, starts, noise=known)


def posterior(history: History, h: Hyperparameters, k: int = 0) -> Posterior:
    """Condition on the history with given hyperparameters."""
    features = features_of(history.space)
    transform = OutputTransform.of(loss(history, k))
    y = transform.forward(loss(history, k))
    n = len(y)
    if n <= N_FIT:
        rows = np.arange(n)
        model = _condition(features(history.x), y, features, h)
    else:
        rows, model = _from_milestone(history, features, y, h, k)
    if len(history.pending):
        Z = features(history.pending)
        believed, _ = model.predict(Z)
        model = model.extend(Z, np.concatenate([y[rows], believed]))
    return Posterior(features, transform, model, rows, y[rows])


def _condition(Z: Array, y: Array, features: MixedFeatures, h: Hyperparameters) -> GaussianProcess:
    return GaussianProcess.condition(Z, y, lengthscale=h.lengthscale[features.groups], noise=h.noise,
                                     signal_variance=h.signal_variance, trend=TREND)


def _from_milestone(history: History, features: MixedFeatures, y: Array, h: Hyperparameters,
                    k: int) -> tuple[NDArray[np.intp], GaussianProcess]:
    """Extend the factor of the last milestone, of N_POSTERIOR rows at most, by the rows since: O(n²) instead of O(n³)."""
    n = len(y)
    m = milestones(n)[-1]
    key = (_key("factor", history, m), h.lengthscale.tobytes(), h.signal_variance, h.noise)
    found = history.memo.get(("gp factor", k))  # one at a time: a factor of 1000 rows takes 8 MB
    if found is not None and found[0] == key:
        _, kept, base = found
    else:
        kept = best_and_others(history.y[:m], N_POSTERIOR, np.random.default_rng([history.seed, m, 1]))
        base = _condition(features(history.x[kept]), y[kept], features, h)
        history.memo["gp factor", k] = (key, kept, base)
    rows = np.concatenate([kept, np.arange(m, n)])
    return rows, base.extend(features(history.x[m:]), y[rows])
