"""Hyperparameters of a Gaussian process by maximum a posteriori (MAP), with analytic gradients.

Rasmussen & Williams 2006, section 5.4.1: minimise -log p(y | Z, φ) - log p(φ) by L-BFGS-B from one start or several.

The prior decides whether a Gaussian process with few data is sane. It scales with the number of parameters d, since
distances in the unit cube grow like √d (Hvarfner et al. 2024, "Vanilla Bayesian optimization performs great in high
dimensions"): l ~ LogNormal(log(½√d), 1), as a density in l. The signal variance has Gamma(2, 1), the noise variance
Gamma(1.1, rate 30), for targets of deviation 1.

Notation
--------
========  =================================================================================
``φ``     (log θ_1, …, log θ_G, log s², log τ²): what is optimised, all in logarithms
``θ_g``   1 / l_g², one length-scale per *group* of features (a choice's features share one)
``s²``    signal variance
``τ²``    noise variance; JITTER comes on top
``S``     ∂L/∂K ∘ ∂K/∂r², of which all gradients by θ are matrix products
========  =================================================================================

Differences from the literature: the constants of the length-scale prior were measured on small tuning problems; a
further start wins only if it is clearly better, so that the surface does not flicker from trial to trial.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import fmin_l_bfgs_b

from workbench.models.kernels import KernelName, correlation_and_slope, squared_distances, trend_features
from workbench.space import Array

JITTER = 1e-8
BOUNDS_LOG_THETA = (-8.0, 9.0)
BOUNDS_LOG_SIGNAL = (-4.0, 4.0)
BOUNDS_LOG_NOISE = (math.log(1e-8), 0.5)
FAILED = 1e10  # objective where K is not positive definite


@dataclass(frozen=True, slots=True)
class Prior:
    """Prior of the hyperparameters for ``d`` parameters in the unit cube and targets of deviation 1."""

    d: int

    @property
    def log_lengthscale(self) -> float:
        """Median of log l."""
        return math.log(0.5 * math.sqrt(max(1, self.d)))

    def start(self, n_groups: int) -> Array:
        """φ to start from when nothing is known: the prior's median length-scale, signal 1, noise 1e-3."""
        return np.array([-2.0 * self.log_lengthscale] * n_groups + [0.0, math.log(1e-3)])

    def log_density(self, phi: Array) -> tuple[float, Array]:
        """Logarithm of the density, up to a constant, and its gradient by φ."""
        g = np.empty_like(phi)
        log_l = -0.5 * phi[:-2]
        q = log_l - self.log_lengthscale
        value = -0.5 * float(q @ q) - float(log_l.sum())  # LogNormal: -log l belongs to the density in l
        g[:-2] = 0.5 * q + 0.5
        s2, tau2 = math.exp(phi[-2]), math.exp(phi[-1])
        value += phi[-2] - s2  # Gamma(2, 1)
        g[-2] = 1.0 - s2
        value += 0.1 * phi[-1] - 30.0 * tau2  # Gamma(1.1, rate 30)
        g[-1] = 0.1 - 30.0 * tau2
        return value, g


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Length-scale per group, signal variance and noise variance (jitter included)."""

    lengthscale: Array
    signal_variance: float
    noise: float

    @classmethod
    def of(cls, phi: Array) -> Hyperparameters:
        """Read them from φ."""
        return cls(np.exp(-0.5 * phi[:-2]), math.exp(phi[-2]), math.exp(phi[-1]) + JITTER)


class NegativeLogPosterior:
    """Value and gradient by φ of -log p(y | Z, φ) - log p(φ) + constant, for fixed data.

    Parameters
    ----------
    Z, y
        Features (n, F) and targets (n,).
    groups
        Group of each feature, shape (F,), numbered from 0.
    """

    def __init__(self, Z: Array, y: Array, *, groups: NDArray[np.intp], prior: Prior, trend: float = 0.0,
                 kernel: KernelName = "matern52") -> None:
        """Prepare what does not depend on φ."""
        self.Z, self.y, self.groups, self.prior, self.kernel = Z, y, groups, prior, kernel
        self.n_groups = int(groups.max()) + 1
        self._Z2 = Z * Z
        self._trend: Array | None = None
        if trend:
            T = trend_features(Z)
            self._trend = trend * (T @ T.T)

    def __call__(self, phi: Array) -> tuple[float, Array]:
        """Return the value and the gradient; a huge value where K is not positive definite."""
        n = len(self.y)
        theta = np.exp(phi[:-2])[self.groups]
        s2, noise = math.exp(phi[-2]), math.exp(phi[-1]) + JITTER
        A = self.Z * np.sqrt(theta)
        C, slope = correlation_and_slope(squared_distances(A, A), self.kernel)
        K = s2 * C
        if self._trend is not None:
            K += self._trend
        K.flat[:: n + 1] += noise
        L, info = lapack.dpotrf(K, lower=1, clean=1, overwrite_a=1)  # R&W Alg. 2.1, line 2
        if info:
            return FAILED, np.zeros_like(phi)
        alpha, _ = lapack.dpotrs(L, self.y, lower=1)  # line 3
        log_det = 2.0 * np.log(L.flat[:: n + 1]).sum()
        value = 0.5 * float(self.y @ alpha) + 0.5 * log_det  # line 7, without ½ n log 2π
        W = self.inverse(L)
        W -= alpha[:, None] * alpha  # K⁻¹ - αα', twice ∂L/∂K: R&W eq. 5.9
        grad = np.empty_like(phi)
        grad[-1] = 0.5 * W.flat[:: n + 1].sum() * (noise - JITTER)
        grad[-2] = 0.5 * s2 * np.vdot(W, C)
        S = slope
        S *= W
        S *= 0.5 * s2
        # Σ_ij S_ij (z_if - z_jf)² = 2 (Σ_i w_i z_if² - z_f' S z_f), with w the row sums of S
        by_feature = 2.0 * theta * (S.sum(1) @ self._Z2 - np.einsum("if,if->f", self.Z, S @ self.Z))
        grad[:-2] = np.bincount(self.groups, by_feature, minlength=self.n_groups)
        log_prior, prior_grad = self.prior.log_density(phi)
        value -= log_prior
        if not math.isfinite(value):
            return FAILED, np.zeros_like(phi)
        return value, grad - prior_grad

    @staticmethod
    def inverse(L: Array) -> Array:
        """(L Lᵀ)⁻¹, symmetric."""
        half, _ = lapack.dpotri(L, lower=1, overwrite_c=1)  # lower half; the upper one is zero
        full: Array = half + half.T
        full.flat[:: len(full) + 1] *= 0.5
        return full


def maximise_posterior(objective: NegativeLogPosterior, starts: Sequence[Array], *, noise: float | None = None,
                       max_iterations: int = 60) -> Array:
    """Return the best φ found by L-BFGS-B; a later start wins only if it is better by 1e-3.

    Should no start lead to a finite value, the prior's own start is returned. A ``noise`` variance that is given is not
    fitted (a smaller one than the bounds allow counts as the smallest).
    """
    bounds = [BOUNDS_LOG_THETA] * objective.n_groups + [BOUNDS_LOG_SIGNAL, BOUNDS_LOG_NOISE]
    best, best_value = objective.prior.start(objective.n_groups), math.inf
    if noise is not None:
        known = math.log(max(noise, math.exp(BOUNDS_LOG_NOISE[0])))
        bounds[-1] = (known, known)
        best[-1] = known
        starts = [np.append(start[:-1], known) for start in starts]
    for start in starts:
        phi, value, _ = fmin_l_bfgs_b(objective, start, bounds=bounds, maxiter=max_iterations, pgtol=1e-2, factr=1e9)
        if value < min(FAILED, best_value - 1e-3):
            best, best_value = phi, value
    return best
