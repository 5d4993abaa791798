"""Acquisition functions over a search space, with gradients by the features, so that they can be climbed.

Functions of mean and deviation (log-EI, EI, PI, LCB), noisy expected improvement, a function drawn from the posterior
(Thompson sampling), and any of them with a user's beliefs added.

Hvarfner et al. 2022, "πBO", eq. 6: the acquisition function times π(x)^(β/n), where n counts the trials. The belief leads
at first, and a wrong one is overruled by data. Here, on the scale that is climbed::

    log-EI, log PI, noisy log-EI    α(x) + (β/n) log π(x)         the paper's product, in logarithms
    EI                              α(x) · π(x)^(β/n)
    LCB, Thompson draw              α(x) + (β/n) log π(x)         these may be negative: a product would turn around

Differences from the paper: the sum for functions that may be negative, in units of the standardised losses; the slope of
log π is a central difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workbench.models.acquisition import AcquisitionName, SampledName, climbable
from workbench.models.noisy_improvement import NoisyImprovement
from workbench.models.pathwise import SamplePath
from workbench.search.beliefs import Beliefs
from workbench.search.gp_posterior import Posterior
from workbench.space import Array

STEP = 1e-6  # of the central difference, in the unit cube


class Surface(Protocol):
    """What is maximised."""

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """The models below it, one for each loss."""
        ...

    def __call__(self, x: Array) -> Array:
        """Value to climb at rows of the unit cube, shape (m,)."""
        ...

    def with_gradient(self, Z: Array) -> tuple[Array, Array]:
        """Value at rows of features, (m,), and gradient by them, (m, F)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """A function of mean and deviation."""

    posterior: Posterior
    name: AcquisitionName
    best: float
    beta: float

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """The model below it."""
        return (self.posterior,)

    def __call__(self, x: Array) -> Array:
        """Value to climb at rows of the unit cube, shape (m,)."""
        if not len(x):
            return np.empty(0)
        mean, sd = self.posterior.predict(x)
        return climbable(self.name, mean, sd, self.best, self.beta)[0]

    def with_gradient(self, Z: Array) -> tuple[Array, Array]:
        """Value at rows of features, (m,), and gradient by them, (m, F)."""
        mean, variance, d_mean, d_variance = self.posterior.model.predict_with_gradient(Z)
        sd = np.sqrt(variance)
        value, by_mean, by_sd = climbable(self.name, mean, sd, self.best, self.beta)
        return value, by_mean[:, None] * d_mean + (by_sd / (2.0 * sd))[:, None] * d_variance


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Noisy expected improvement, or a drawn function with its sign changed; ``draw`` takes features."""

    posterior: Posterior
    draw: NoisyImprovement | SamplePath
    sign: float

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """The model below it."""
        return (self.posterior,)

    @classmethod
    def of(cls, name: SampledName, posterior: Posterior, running: Array, seed: int) -> Sampled:
        """Draw what the function needs, from a seed that an explanation can keep.

        Parameters
        ----------
        posterior
            Of the finished trials alone.
        running
            Rows of the running trials, shape (k, d). A Thompson draw needs none of them: draws differ by themselves.
        """
        rng = np.random.default_rng(seed)
        if name == "thompson":
            return cls(posterior, SamplePath.draw(posterior.model, rng), -1.0)
        return cls(posterior, NoisyImprovement.of(posterior.model, posterior.features(running), rng), 1.0)

    def __call__(self, x: Array) -> Array:
        """Value to climb at rows of the unit cube, shape (m,)."""
        return self.sign * self.draw(self.posterior.features(x)) if len(x) else np.empty(0)

    def with_gradient(self, Z: Array) -> tuple[Array, Array]:
        """Value at rows of features, (m,), and gradient by them, (m, F)."""
        value, gradient = self.draw.with_gradient(Z)
        return self.sign * value, self.sign * gradient


@dataclass(frozen=True, slots=True, eq=False)
class Believed:
    """An acquisition function with a user's beliefs (πBO).

    Attributes
    ----------
    usual
        The function without them.
    weight
        β/n.
    product
        Whether the function is no logarithm and never negative (EI).
    """

    usual: Surface
    beliefs: Beliefs
    weight: float
    product: bool

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """The models below it."""
        return self.usual.posteriors

    def __call__(self, x: Array) -> Array:
        """Value to climb at rows of the unit cube, shape (m,)."""
        return with_belief(self.usual(x), self.beliefs, self.weight, x, product=self.product)

    def with_gradient(self, Z: Array) -> tuple[Array, Array]:
        """Value at rows of features, (m,), and gradient by them; of the beliefs, those on continuous parameters.

        The others are the same factor, or summand, wherever such a row is moved to.
        """
        value, gradient = self.usual.with_gradient(Z)
        features = self.posteriors[0].features
        extra, slope = np.zeros(len(Z)), np.zeros_like(Z)
        for j, f in zip(features.floats, features.float_features, strict=True):
            if j in self.beliefs.by_column:
                log_pi = self.beliefs.by_column[j].log_density
                extra += log_pi(Z[:, f])
                slope[:, f] = (log_pi(Z[:, f] + STEP) - log_pi(Z[:, f] - STEP)) / (2.0 * STEP)
        extra, slope = self.weight * extra, self.weight * slope
        if not self.product:
            return value + extra, gradient + slope
        factor = np.exp(extra)
        return value * factor, factor[:, None] * (gradient + value[:, None] * slope)


def with_belief(value: Array, beliefs: Beliefs, weight: float, x: Array, *, product: bool) -> Array:
    """Add ``weight`` times the log density of the beliefs, or multiply by its exponential."""
    extra = weight * beliefs.log_density(x)
    return value * np.exp(extra) if product else value + extra
