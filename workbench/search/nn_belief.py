"""What neural surrogates believe: a Gaussian over the weights of features that networks have learnt.

Both surrogates end in the same form, f(x) = wᵀ φ(x) with w ~ N(mean, covariance), where φ are

* DNGO: the last hidden layers of some networks, and a quadratic trend; w by Bayesian linear regression (linear_head.py);
* BOHAMIANN: the outputs of the networks drawn from a posterior; w such that f has their mean and covariance.

So prediction, its gradient, and the way that running trials are taken in are the same for both: running trials are believed
to have their predicted loss (Ginsbourger, Le Riche & Carraro 2010), which leaves the mean and takes variance away.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.models.mixed_features import MixedFeatures, features_of
from workbench.models.neural import bnn, linear_head, mlp
from workbench.models.neural.network import TanhNetwork, centre
from workbench.models.neural.sghmc import Chains
from workbench.models.output_transform import OutputTransform
from workbench.space import Array

TREND = 0.5  # scale of the trend's features
NOISY = 0.01  # variance of the noise from which on the best loss seen may be luck
SMALLEST_VARIANCE = 1e-10
FIRST_MILESTONE = 10
DRAWS_PER_CHAIN = 10
HALF_NORMAL = 0.6745  # median of |z| for a normal z
LARGEST_INFLATION = 100.0
FORGOTTEN = 2  # draws per chain that are left out where chains go on with more data

PullBack = Callable[[Array], Array]


class Basis(Protocol):
    """Features φ that networks have learnt."""

    def __call__(self, Z: Array) -> Array:
        """Return φ at features of the space, shape (m, D)."""
        ...

    def with_pull_back(self, Z: Array) -> tuple[Array, PullBack]:
        """Return φ, and the map from a gradient by φ, (m, D), to one by Z, (m, F)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class HiddenLayer:
    """Basis of DNGO: last hidden layers of M networks, a constant, and the trend in the numeric features."""

    networks: TanhNetwork
    numeric: NDArray[np.intp]

    def __call__(self, Z: Array) -> Array:
        """Return φ at features of the space, shape (m, D)."""
        return self.with_pull_back(Z)[0]

    def with_pull_back(self, Z: Array) -> tuple[Array, PullBack]:
        """Return φ, and the map from a gradient by φ, (m, D), to one by Z, (m, F)."""
        h = self.networks.layers(Z)
        M, m, width = h[-1].shape
        c = Z[:, self.numeric] - 0.5
        k, q = M * width, len(self.numeric)

        def pull_back(g: Array) -> Array:
            back = self.networks.pull_back(h, g[:, :k].reshape(m, M, width).transpose(1, 0, 2))
            back[:, self.numeric] += TREND * (g[:, k + 1:k + 1 + q] + 4.0 * c * g[:, k + 1 + q:])
            return back

        return np.hstack([h[-1].transpose(1, 0, 2).reshape(m, k), np.ones((m, 1)), TREND * c, TREND * 2.0 * c * c]), pull_back


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Basis of BOHAMIANN: what each drawn network says."""

    networks: TanhNetwork

    def __call__(self, Z: Array) -> Array:
        """Return φ at features of the space, shape (m, S)."""
        return self.networks(Z)[:, :, 0].T

    def with_pull_back(self, Z: Array) -> tuple[Array, PullBack]:
        """Return φ, and the map from a gradient by φ, (m, S), to one by Z, (m, F)."""
        h = self.networks.layers(Z)
        return h[-1][:, :, 0].T, lambda g: self.networks.pull_back(h, g.T[:, :, None])


@dataclass(frozen=True, slots=True, eq=False)
class NeuralBelief:
    """What a neural surrogate believes about a history.

    Attributes
    ----------
    features, transform
        Between points and features, and between losses and targets.
    basis
        φ.
    mean, covariance
        Of the weights of φ, shapes (D,) and (D, D).
    noise
        Variance of the noise, in units of the standardised losses.
    x, targets
        The finished trials.
    trained_on
        How many of them the networks were trained on, or their chains begun with.
    """

    features: MixedFeatures
    transform: OutputTransform
    basis: Basis
    mean: Array
    covariance: Array
    noise: float
    x: Array
    targets: Array
    trained_on: int

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube."""
        Phi = self.basis(self.features(x))
        variance = ((Phi @ self.covariance) * Phi).sum(1)
        return Phi @ self.mean, np.sqrt(np.maximum(variance, SMALLEST_VARIANCE))

    def predict_with_gradient(self, Z: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and deviation at features (m, F), and their gradients by them, (m, F)."""
        Phi, pull_back = self.basis.with_pull_back(Z)
        half = Phi @ self.covariance
        sd = np.sqrt(np.maximum((half * Phi).sum(1), SMALLEST_VARIANCE))
        return Phi @ self.mean, sd, pull_back(np.broadcast_to(self.mean, Phi.shape)), pull_back(half / sd[:, None])

    def believing(self, pending: Array) -> NeuralBelief:
        """Take running trials in: their losses are believed to be as predicted."""
        if not len(pending):
            return self
        Phi = self.basis(self.features(pending))
        B = Phi @ self.covariance
        S = B @ Phi.T + max(self.noise, SMALLEST_VARIANCE) * np.eye(len(Phi))
        return replace(self, covariance=self.covariance - B.T @ np.linalg.solve(S, B))

    def scores(self) -> Array:
        """Return what finished trials are compared by: their targets, or their predicted targets if losses are noisy."""
        return self.predict(self.x)[0] if self.noise > NOISY else self.targets

    @property
    def best(self) -> float:
        """Target to improve on."""
        return float(self.scores().min())

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials, the best first."""
        return np.argsort(self.scores(), kind="stable")[:k]


def last_milestone(n: int, growth: int) -> int:
    """Return the last count of trials up to ``n`` at which networks are trained anew: growing by 1/growth from 10 on."""
    m = n if n < FIRST_MILESTONE else FIRST_MILESTONE
    while m >= FIRST_MILESTONE and m + max(1, m // growth) <= n:
        m += max(1, m // growth)
    return m


def dngo(history: History, *, n_networks: int, steps: int, seed: int) -> NeuralBelief:
    """Train networks on the trials up to the last milestone, then fit their linear heads to all trials.

    Weight decay and the calibration of the variance are found at fewer milestones, growing by a third.
    """
    features, transform, y = _prepared(history)
    m = last_milestone(len(y), 10)
    k = last_milestone(m, 3)
    rows = features(history.x)
    middle = centre(features)
    numeric = np.flatnonzero(middle > 0)

    def tune() -> tuple[float, float]:
        found = mlp.cross_validate(rows[:k], _targets(history, k), middle=middle, seed=seed, steps=steps)
        return found.decay, inflation(found, numeric, rows[:k], _targets(history, k))

    decay, factor = _kept(history, ("decay", steps, seed), k, tune)

    def train() -> TanhNetwork:
        return mlp.train(rows[:m], _targets(history, m), middle=middle, seed=seed, steps=steps, n_networks=n_networks,
                         decay=decay)

    networks = _kept(history, ("dngo", n_networks, steps, seed), m, train)
    basis = HiddenLayer(networks, numeric)
    mean, covariance, noise = mixture(basis, rows, y)
    belief = NeuralBelief(features, transform, basis, mean, factor * covariance, noise, history.x, y, m)
    return belief.believing(history.pending)


def mixture(basis: HiddenLayer, Z: Array, y: Array) -> tuple[Array, Array, float]:
    """Fit a linear head to each network; return mean and covariance of their mixture, and the mean noise.

    A head has weights for its own network's hidden layer, for the constant and the trend, and 0 for the other networks.
    """
    Phi = basis(Z)
    n_networks, width = len(basis.networks.W[-1]), basis.networks.b[-1].shape[-1]
    D = Phi.shape[1]
    mean, second, noise = np.zeros(D), np.zeros((D, D)), 0.0
    for i in range(n_networks):
        own = np.r_[i * width:(i + 1) * width, n_networks * width:D]
        head = linear_head.fit(Phi[:, own], y)
        mean[own] += head.mean / n_networks
        second[np.ix_(own, own)] += (head.covariance + np.outer(head.mean, head.mean)) / n_networks
        noise += head.noise / n_networks
    return mean, second - np.outer(mean, mean), noise


def inflation(found: mlp.CrossValidation, numeric: NDArray[np.intp], Z: Array, y: Array) -> float:
    """Return the factor by which variances must grow to hold the errors on data that networks have not seen; at least 1.

    On each fold left out: z = error / deviation, by the mixture of the networks of all decays; half of |z| should lie below
    that of a normal. What is not known of the hidden layers, which the linear regression takes for given, shows here.
    """
    z = np.empty(len(y))
    for k in range(found.n_folds):
        out = found.fold == k
        basis = HiddenLayer(found.networks.some(slice(k, None, found.n_folds)), numeric)
        mean, covariance, noise = mixture(basis, Z[~out], y[~out])
        Phi = basis(Z[out])
        z[out] = (y[out] - Phi @ mean) / np.sqrt(np.maximum(((Phi @ covariance) * Phi).sum(1) + noise, SMALLEST_VARIANCE))
    return float(np.clip((np.median(np.abs(z)) / HALF_NORMAL) ** 2, 1.0, LARGEST_INFLATION))


def bohamiann(history: History, *, n_chains: int, n_steps: int, seed: int) -> NeuralBelief:
    """Draw networks from the posterior: chains begin at the last milestone, and go on with the trials since.

    A chain that has reached the posterior of the first m trials is near that of n ≥ m; so the scales that it adapted are
    kept, and a fifth of the steps is enough, of which the first two draws of each chain are forgotten.
    """
    features, transform, y = _prepared(history)
    n, m = len(y), last_milestone(len(y), 3)
    rows = features(history.x)
    middle = centre(features)
    settings: Hashable = ("bohamiann", n_chains, n_steps, seed)

    def begin() -> tuple[Chains, Array]:
        steps = n_steps // 2
        return bnn.draw(rows[:m], _targets(history, m), middle=middle, seed=seed, burn_in=n_steps - steps, steps=steps,
                        every=max(1, steps // DRAWS_PER_CHAIN), n_chains=n_chains)

    def go_on() -> tuple[Chains, Array]:
        chains, draws = _kept(history, settings, m, begin)
        if n == m:
            return chains, draws
        every = max(1, n_steps // (6 * DRAWS_PER_CHAIN))
        chains, draws = bnn.draw(rows, y, middle=middle, seed=seed + n, burn_in=0, steps=every * (DRAWS_PER_CHAIN + FORGOTTEN),
                                 every=every, n_chains=n_chains, chains=chains)
        return chains, draws[FORGOTTEN * n_chains:]

    theta = _kept(history, ("latest", settings), n, go_on)[1]
    layout, S = bnn.Layout(rows.shape[1]), len(theta)
    covariance = (np.eye(S) - 1.0 / S) / max(1, S - 1)
    belief = NeuralBelief(features, transform, Outputs(layout.networks(theta, middle)), np.full(S, 1.0 / S), covariance,
                          float(layout.noise(theta).mean()), history.x, y, m)
    return belief.believing(history.pending)


def _prepared(history: History) -> tuple[MixedFeatures, OutputTransform, Array]:
    transform = OutputTransform.of(history.y)
    return features_of(history.space), transform, transform.forward(history.y)


def _targets(history: History, m: int) -> Array:
    """Return the targets of the first ``m`` trials as they were then."""
    return OutputTransform.of(history.y[:m]).forward(history.y[:m])


def _kept(history: History, what: Hashable, m: int, make: Callable[[], Any]) -> Any:
    """Return what was derived from the first ``m`` rows, from the memo if it is there. One thing of a kind is kept."""
    key = (history.space, m, history.content(m))
    found = history.memo.get(("neural", what))
    if found is None or found[0] != key:
        found = history.memo[("neural", what)] = (key, make())
    return found[1]
