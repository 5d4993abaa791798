r"""Gaussian process over configurations and the share of the data: a product with a degenerate kernel over the share.

Klein, Falkner, Bartels, Hennig & Hutter 2017, "Fast Bayesian optimization of machine learning hyperparameters on large
datasets", section 4.1: what a configuration does on a share s of the data is a straight line in features of s, and the line's
two weights are Gaussian processes over the configurations::

    f(z, s) = w(z)ᵀ φ(s)
    k((z, s), (z', s')) = k_z(z, z') · φ(s)ᵀ Σ φ(s')                      eq. 6

    loss           φ(s) = (1, (1 - s)²)     falls towards s = 1 and is flat there
    log seconds    φ(s) = (1, s)            with s on a log scale: seconds are a power of the share

So whatever is learnt on shares of the data says something about all the data, by as much as Σ lets it.

Notation
--------
========  ==========================================================================================================
``s``     where the share stands between the smallest (0) and all the data (1), on a log scale
``Z``     features of the configurations, without the share, shape (n, F)
``k_z``   Matérn 5/2 of the scaled distance + 1 + the quadratic trend of ``kernels``
``Σ``     A Aᵀ with A = [[a, 0], [b, c]], a, c > 0
``Q``     Φ Σ Φᵀ, the kernel of the share alone, shape (n, n)
``φ``     in the fit (log θ_1, …, log θ_G, log a, b, log c, log τ²), with θ = 1 / l² as in ``map_fit``
========  ==========================================================================================================

Differences from the paper: hyperparameters by maximum a posteriori, where it samples them; the 1 and the trend in k_z, so that
a share's effect on most configurations is believed of a new one too. s is on a log scale as in the authors' code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack
from scipy.optimize import fmin_l_bfgs_b

from workbench.models.gaussian_process import VARIANCE_FLOOR, cholesky
from workbench.models.kernels import correlation_and_slope, squared_distances, trend_features
from workbench.models.map_fit import BOUNDS_LOG_NOISE, BOUNDS_LOG_THETA, FAILED, JITTER, NegativeLogPosterior, Prior
from workbench.space import Array

Basis = Literal["loss", "seconds"]
COMMON = 1.0  # the 1 in k_z: what all configurations share
TREND = 0.3  # prior weight of the linear and quadratic trend, as in GP-BO
BOUNDS_LOG_A, BOUNDS_B, BOUNDS_LOG_C = (-4.0, 3.0), (-10.0, 10.0), (-6.0, 3.0)


def phi(s: Array, basis: Basis) -> Array:
    """Features of the share, shape (n, 2)."""
    s = np.asarray(s, dtype=float)
    return np.stack([np.ones_like(s), (1.0 - s) ** 2 if basis == "loss" else s], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class SubsetHyperparameters:
    """What the fit decides.

    Attributes
    ----------
    lengthscale
        One per group of features, shape (G,).
    A
        Factor of Σ = A Aᵀ, lower triangular, shape (2, 2).
    noise
        Variance of the noise, jitter included.
    """

    lengthscale: Array
    A: Array
    noise: float

    @classmethod
    def of(cls, p: Array) -> SubsetHyperparameters:
        """Read them from φ."""
        a, b, c = math.exp(p[-4]), float(p[-3]), math.exp(p[-2])
        return cls(np.exp(-0.5 * p[:-4]), np.array([[a, 0.0], [b, c]]), math.exp(p[-1]) + JITTER)


@dataclass(frozen=True, slots=True, eq=False)
class SubsetGP:
    """The process conditioned on data. Make one by ``condition``.

    Attributes
    ----------
    Z, s, y
        Inputs (n, F) and (n,), targets (n,).
    lengthscale
        One per feature, shape (F,).
    A, noise, basis
        Factor of the weights' covariance Σ, variance of the noise, and which φ.
    L, alpha
        Cholesky factor of K + noise, and (K + noise)⁻¹ y.
    """

    Z: Array
    s: Array
    y: Array
    lengthscale: Array
    A: Array
    noise: float
    basis: Basis
    L: Array
    alpha: Array

    @classmethod
    def condition(cls, Z: Array, s: Array, y: Array, h: SubsetHyperparameters, groups: NDArray[np.intp],
                  basis: Basis) -> SubsetGP:
        """Condition on data; ``groups`` (F,) says which length-scale each feature uses."""
        empty = np.empty((0, 0))
        bare = cls(Z, np.asarray(s, dtype=float), np.asarray(y, dtype=float), h.lengthscale[groups], h.A, h.noise, basis,
                   empty, y)
        L, noise = cholesky(bare.covariance(Z, s, Z, s), h.noise)
        alpha, _ = lapack.dpotrs(L, bare.y, lower=1)
        return cls(Z, bare.s, bare.y, bare.lengthscale, h.A, noise, basis, L, alpha)

    def covariance(self, Z: Array, s: Array, Z2: Array, s2: Array) -> Array:
        """Prior covariance of the function, shape (n, m)."""
        K = correlation_and_slope(squared_distances(Z / self.lengthscale, Z2 / self.lengthscale), "matern52")[0]
        K += COMMON + TREND * (trend_features(Z) @ trend_features(Z2).T)
        K *= (phi(s, self.basis) @ self.A) @ (phi(s2, self.basis) @ self.A).T
        return K

    def variance(self, Z: Array, s: Array) -> Array:
        """Prior variance of the function, shape (n,)."""
        share = ((phi(s, self.basis) @ self.A) ** 2).sum(1)
        return np.asarray((1.0 + COMMON + TREND * (trend_features(Z) ** 2).sum(1)) * share)

    def whitened(self, Z: Array, s: Array) -> tuple[Array, Array]:
        r"""Posterior mean, (m,), and V = L \ k(data, ·), (n, m): the posterior covariance is the prior's less VᵀV."""
        k = self.covariance(self.Z, self.s, Z, s)
        return k.T @ self.alpha, blas.dtrsm(1.0, self.L, k, lower=1)

    def predict(self, Z: Array, s: Array) -> tuple[Array, Array]:
        """Return posterior mean and variance of the function (without noise), shapes (m,)."""
        mean, V = self.whitened(Z, s)
        return mean, np.maximum(self.variance(Z, s) - np.einsum("ij,ij->j", V, V), VARIANCE_FLOOR)


class NegativeLogSubsetPosterior:
    """Value and gradient by φ of -log p(y | Z, s, φ) - log p(φ) + constant, for fixed data.

    The prior: length-scales and noise as in ``map_fit``; a² and c² ~ Gamma(2, 1), b ~ N(0, 1), for targets of deviation 1.
    """

    def __init__(self, Z: Array, s: Array, y: Array, *, groups: NDArray[np.intp], basis: Basis) -> None:
        """Prepare what does not depend on φ."""
        self.Z, self.y, self.groups = Z, np.asarray(y, dtype=float), groups
        self.n_groups = int(groups.max(initial=-1)) + 1
        self.prior = Prior(self.n_groups)
        self.P = phi(s, basis)
        T = trend_features(Z)
        self._common = COMMON + TREND * (T @ T.T)
        self._Z2 = Z * Z

    def start(self, noise: float = 1e-3) -> Array:
        """φ to start from: the prior's median length-scale, Σ = [[1, ½], [½, ½]]."""
        return np.array([-2.0 * self.prior.log_lengthscale] * self.n_groups + [0.0, 0.5, math.log(0.5), math.log(noise)])

    def log_prior(self, p: Array) -> tuple[float, Array]:
        """Logarithm of the prior density, up to a constant, and its gradient by φ."""
        # map_fit's prior for θ, a² in the place of the signal variance, and the noise
        a2, b, c2 = 2.0 * p[-4], p[-3], 2.0 * p[-2]
        value, g = self.prior.log_density(np.concatenate([p[:-4], [a2, p[-1]]]))
        value += -0.5 * b * b + c2 - math.exp(c2)
        return value, np.concatenate([g[:-2], [2.0 * g[-2], -b, 2.0 * (1.0 - math.exp(c2)), g[-1]]])

    def __call__(self, p: Array) -> tuple[float, Array]:
        """Return the value and the gradient; a huge value where K is not positive definite."""
        n = len(self.y)
        h = SubsetHyperparameters.of(p)
        theta = np.exp(p[:-4])[self.groups]
        scaled = self.Z * np.sqrt(theta)
        k_z, slope = correlation_and_slope(squared_distances(scaled, scaled), "matern52")
        k_z += self._common
        B = self.P @ h.A
        Q = B @ B.T
        K = k_z * Q
        K.flat[:: n + 1] += h.noise
        L, info = lapack.dpotrf(K, lower=1, clean=1, overwrite_a=1)
        if info:
            return FAILED, np.zeros_like(p)
        alpha, _ = lapack.dpotrs(L, self.y, lower=1)
        value = 0.5 * float(self.y @ alpha) + float(np.log(L.flat[:: n + 1]).sum())
        W = NegativeLogPosterior.inverse(L)
        W -= alpha[:, None] * alpha  # twice ∂L/∂K: R&W eq. 5.9
        g = np.empty_like(p)
        g[-1] = 0.5 * W.flat[:: n + 1].sum() * (h.noise - JITTER)
        # K = k_z ∘ Φ A Aᵀ Φᵀ, so ∂L/∂A = Φᵀ (W ∘ k_z) Φ A
        by_A = self.P.T @ (W * k_z) @ B
        g[-4], g[-3], g[-2] = by_A[0, 0] * h.A[0, 0], by_A[1, 0], by_A[1, 1] * h.A[1, 1]
        S = 0.5 * W * Q * slope  # ∂L/∂r², of which the gradients by θ are matrix products, as in map_fit
        by_feature = 2.0 * theta * (S.sum(1) @ self._Z2 - np.einsum("if,if->f", self.Z, S @ self.Z))
        g[:-4] = np.bincount(self.groups, by_feature, minlength=self.n_groups)
        log_prior, prior_gradient = self.log_prior(p)
        value -= log_prior
        return (value, g - prior_gradient) if math.isfinite(value) else (FAILED, np.zeros_like(p))


def fit(Z: Array, s: Array, y: Array, *, groups: NDArray[np.intp], basis: Basis) -> SubsetHyperparameters:
    """Fit by maximum a posteriori, L-BFGS-B from a start with little noise and from one with much.

    Parameters
    ----------
    Z, s, y
        Inputs and targets of mean about 0 and deviation about 1: the prior expects these scales.
    groups
        Number of the length-scale that each feature uses, shape (F,).
    """
    objective = NegativeLogSubsetPosterior(Z, s, y, groups=groups, basis=basis)
    bounds = [BOUNDS_LOG_THETA] * objective.n_groups + [BOUNDS_LOG_A, BOUNDS_B, BOUNDS_LOG_C, BOUNDS_LOG_NOISE]
    best, best_value = objective.start(), math.inf
    for noise in (1e-3, 0.1):
        p, value, _ = fmin_l_bfgs_b(objective, objective.start(noise), bounds=bounds, maxiter=60, pgtol=1e-2, factr=1e9)
        if value < min(FAILED, best_value - 1e-3):
            best, best_value = p, value
    return SubsetHyperparameters.of(best)
