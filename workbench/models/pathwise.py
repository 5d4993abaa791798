r"""Whole functions drawn from the posterior of a Gaussian process, which can be evaluated and climbed anywhere.

Wilson, Borovitskiy, Terenin, Mostowsky & Deisenroth 2020, "Efficiently sampling functions from Gaussian process
posteriors". A draw of the prior is corrected so that it fits the data (Matheron's rule, eq. 12 of the paper)::

    f(z | y) = f(z) + k(z, Z) (K + τ² I)⁻¹ (y - f(Z) - ε),   ε ~ N(0, τ² I)

The prior draw is a sum of random Fourier features (Rahimi & Recht 2007), a Bayesian linear model::

    f(z) = s / √m Σ_i [a_i cos(ω_i z) + b_i sin(ω_i z)] + √trend T(z) c,   a_i, b_i, c_i ~ N(0, 1)

A joint draw at given points costs the cube of their number and cannot be followed uphill; this one costs O(m + n) per
point and has a gradient.

Notation
--------
=======  ==========================================================================================
``ω``    frequencies: multivariate Student t with 5 degrees of freedom over l for Matérn 5/2 (R&W eq.
         4.15 is its density), normal over l for RBF
``v``    (K + τ² I)⁻¹ (y - f(Z) - ε)
=======  ==========================================================================================

Differences from the paper: pairs of cosine and sine instead of one cosine of random phase, which has less variance; the
quadratic trend is drawn exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from workbench.models.gaussian_process import GaussianProcess
from workbench.models.kernels import trend_features, trend_slope
from workbench.space import Array

N_FEATURES = 1024  # m: the kernel is met to about 1/√m


@dataclass(frozen=True, slots=True, eq=False)
class SamplePath:
    """A function drawn from the posterior. Make one by ``draw``.

    Attributes
    ----------
    model
        The Gaussian process.
    omega
        Frequencies, shape (F, m).
    a, b
        Weights of cosines and sines with their factor s / √m, shape (m,).
    c
        Weights of the trend with their factor √trend, shape (2F,).
    v
        Weights of the correction, shape (n,).
    """

    model: GaussianProcess
    omega: Array
    a: Array
    b: Array
    c: Array
    v: Array

    @classmethod
    def draw(cls, model: GaussianProcess, rng: np.random.Generator, m: int = N_FEATURES) -> SamplePath:
        """Draw a function from the posterior."""
        F = model.Z.shape[1]
        omega = rng.standard_normal((F, m)) / model.lengthscale[:, None]
        if model.kernel == "matern52":
            omega *= np.sqrt(5.0 / rng.chisquare(5.0, m))
        a, b = math.sqrt(model.signal_variance / m) * rng.standard_normal((2, m))
        c = math.sqrt(model.trend) * rng.standard_normal(2 * F)
        n = len(model.y)
        prior = cls(model, omega, a, b, c, np.empty(0))
        if not n:
            return prior
        error = math.sqrt(model.noise) * rng.standard_normal(n)
        v, _ = lapack.dpotrs(model.L, model.y - prior.prior(model.Z) - error, lower=1)  # eq. 12
        return cls(model, omega, a, b, c, v)

    def prior(self, Z: Array) -> Array:
        """Value of the uncorrected draw at the rows of Z, shape (m,)."""
        phase = Z @ self.omega
        return np.asarray(np.cos(phase) @ self.a + np.sin(phase) @ self.b + trend_features(Z) @ self.c)

    def __call__(self, Z: Array) -> Array:
        """Value at the rows of Z, shape (m,)."""
        if not len(self.v):
            return self.prior(Z)
        return np.asarray(self.prior(Z) + self.model.covariance(Z, self.model.Z) @ self.v)

    def with_gradient(self, Z: Array) -> tuple[Array, Array]:
        """Values at the rows of Z, (m,), and gradients by them, (m, F)."""
        phase = Z @ self.omega
        cos, sin = np.cos(phase), np.sin(phase)
        value = cos @ self.a + sin @ self.b + trend_features(Z) @ self.c
        gradient = (cos * self.b - sin * self.a) @ self.omega.T + trend_slope(Z, self.c)
        if len(self.v):
            k, slope = self.model.kernel_and_slope(Z)
            value = value + k @ self.v
            gradient += self.model.slope_of_sum(Z, slope, self.v)
        return value, gradient
