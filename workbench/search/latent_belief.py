"""A Gaussian process on the latent coordinates of a variational autoencoder.

The autoencoder (models/neural/vae.py) never sees a loss: it is trained on random configurations, which cost nothing, so it
depends on the space and the run's seed alone and is trained once a run. A configuration stands at its latent mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.models.gaussian_process import GaussianProcess
from workbench.models.map_fit import Hyperparameters, NegativeLogPosterior, Prior, maximise_posterior
from workbench.models.mixed_features import features_of
from workbench.models.neural import vae
from workbench.models.output_transform import OutputTransform
from workbench.search.gp_posterior import N_FIT, N_POSTERIOR, NOISY, best_and_others
from workbench.space import Array

N_UNLABELLED = 4096  # random configurations that the autoencoder is trained on
LEAST_DEVIATION = 1e-6  # of a latent coordinate: one that the encoder leaves constant cannot be divided by its own
HALF_WIDTH = 3.0**0.5  # deviations of a latent coordinate in half a unit: as of a uniform draw, which the priors expect


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """Latent coordinates u = ½ + (z - mean) / (2 HALF_WIDTH deviation), with the mean and the spread of a unit cube.

    Attributes
    ----------
    model
        The autoencoder.
    mean, deviation
        Of the latent means of the random configurations, (q,).
    axes
        Their two directions of largest variance in z, for maps, (q, 2); the first alone if q = 1. Not in u: there
        coordinates that the autoencoder leaves unused vary as much as the others.
    """

    model: vae.VAE
    mean: Array
    deviation: Array
    axes: Array

    def encode(self, x: Array) -> Array:
        """Turn rows of the unit cube of the space into latent coordinates, (n, q)."""
        return 0.5 + (self.model.encode(x) - self.mean) / (2.0 * HALF_WIDTH * self.deviation)

    def decode(self, u: Array) -> Array:
        """Return the most likely configuration at latent coordinates, as rows of the unit cube of the space."""
        return self.model.decode(self._z(u))

    def sample(self, u: Array, rng: np.random.Generator) -> Array:
        """Draw a configuration at each row of latent coordinates."""
        return self.model.sample(self._z(u), rng)

    def _z(self, u: Array) -> Array:
        return self.mean + (u - 0.5) * 2.0 * HALF_WIDTH * self.deviation

    def share_on_map(self, u: Array) -> float:
        """Share of the variance of latent coordinates (n, q), in z, that the map shows; 1 if they do not vary."""
        z = self._z(u)
        total = float(z.var(0).sum())
        return float((z @ self.axes).var(0).sum()) / total if total else 1.0

    def on_map(self, u: Array) -> Array:
        """Project latent coordinates onto the map, (n, 2), in units of z: the decoder expects a deviation of 1."""
        flat = (self._z(u) - self.mean) @ self.axes
        return flat if flat.shape[1] == 2 else np.hstack([flat, np.zeros_like(flat)])


@dataclass(frozen=True, slots=True, eq=False)
class LatentBelief:
    """What the Gaussian process believes.

    Attributes
    ----------
    latent
        Where configurations stand.
    rows, targets
        Finished trials that the process knows, and their targets.
    """

    latent: Latent
    transform: OutputTransform
    process: GaussianProcess
    rows: NDArray[np.intp]
    targets: Array

    def at(self, u: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at latent coordinates."""
        mean, variance = self.process.predict(u)
        return mean, np.sqrt(variance)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube."""
        return self.at(self.latent.encode(x))

    def scores(self) -> Array:
        """Return what finished trials are compared by: targets, or posterior means if losses are noisy."""
        noisy = self.process.noise > NOISY * self.process.signal_variance
        return self.process.fitted_mean()[:len(self.rows)] if noisy else self.targets

    @property
    def best(self) -> float:
        """Target to improve on."""
        return float(self.scores().min())

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials, the best first."""
        return self.rows[np.argsort(self.scores(), kind="stable")[:k]]


def latent_of(history: History, *, q: int, steps: int, seed: int) -> Latent:
    """Return the autoencoder of a run, trained once."""
    key = ("latent", history.space, q, steps, seed)
    if key not in history.memo:
        history.memo[key] = _train(history, q, steps, seed)
    found: Latent = history.memo[key]
    return found


def _train(history: History, q: int, steps: int, seed: int) -> Latent:
    x = history.space.sample_unit(N_UNLABELLED, np.random.default_rng([seed, 17]))
    model = vae.train(x, features_of(history.space), q=q, steps=steps, seed=seed)
    z = model.encode(x)
    deviation = np.maximum(z.std(0), LEAST_DEVIATION)
    _, _, directions = np.linalg.svd(z - z.mean(0), full_matrices=False)
    return Latent(model, z.mean(0), deviation, directions[:2].T)


def believe(history: History, *, q: int, steps: int, seed: int) -> LatentBelief:
    """Fit a Gaussian process to the latent coordinates of a history; running trials are believed to be as predicted."""
    latent = latent_of(history, q=q, steps=steps, seed=seed)
    transform = OutputTransform.of(history.y)
    y = transform.forward(history.y)
    rows = best_and_others(y, N_POSTERIOR, np.random.default_rng([seed, len(y)]))
    U = latent.encode(history.x[rows])
    h = _hyperparameters(U, y[rows], seed)
    process = GaussianProcess.condition(U, y[rows], lengthscale=h.lengthscale, noise=h.noise, signal_variance=h.signal_variance)
    if len(history.pending):
        more = latent.encode(history.pending)
        process = process.extend(more, np.concatenate([y[rows], process.predict(more)[0]]))
    return LatentBelief(latent, transform, process, rows, y[rows])


def _hyperparameters(U: Array, y: Array, seed: int) -> Hyperparameters:
    rows = best_and_others(y, N_FIT, np.random.default_rng([seed, len(y)]))
    q = U.shape[1]
    prior = Prior(q)
    objective = NegativeLogPosterior(U[rows], y[rows], groups=np.arange(q), prior=prior)
    return Hyperparameters.of(maximise_posterior(objective, [prior.start(objective.n_groups)]))
