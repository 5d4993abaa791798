r"""Gaussian process regression (Rasmussen & Williams 2006, Algorithm 2.1).

::

    input: Z (inputs), y (targets), k (kernel), τ² (noise), z* (test input)
    2: L = cholesky(K + τ² I)
    3: α = Lᵀ \ (L \ y)
    4: mean(f*) = k*ᵀ α
    5: v = L \ k*
    6: var(f*) = k(z*, z*) - vᵀ v
    7: log p(y | Z) = -½ yᵀα - Σ_i log L_ii - ½ n log 2π

Notation
--------
==========  ============================================================================
``Z``       inputs as features, shape (n, F)
``K``       s² · kernel(r²) + trend · T Tᵀ over the inputs, noise on the diagonal
``T``       features of a linear and quadratic trend with prior weight ``trend`` (R&W §2.7)
``alpha``   (K + τ² I)⁻¹ y
==========  ============================================================================

Differences from the book: the trend's features are centred in the unit cube and its weight is given, not fitted; more
noise is added, and reported, where K is not positive definite in floating point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from workbench.models.kernels import (
    KernelName,
    correlation,
    correlation_and_slope,
    squared_distances,
    trend_features,
    trend_slope,
)
from workbench.models.map_fit import Hyperparameters, NegativeLogPosterior, Prior, maximise_posterior
from workbench.space import Array

VARIANCE_FLOOR = 1e-12
CHUNK = 1024  # rows predicted at once: keeps k* in the cache


@dataclass(frozen=True, slots=True, eq=False)
class GaussianProcess:
    """A Gaussian process conditioned on data. Make one by ``condition`` or by ``fit``.

    Attributes
    ----------
    Z, y
        Inputs (n, F) and targets (n,).
    lengthscale
        One per feature, shape (F,).
    signal_variance, noise
        Prior variance of the function (without trend), variance of the noise in y.
    trend
        Prior weight of the linear and quadratic trend; 0 for none.
    kernel
        ``"matern52"`` or ``"rbf"``.
    L, alpha
        Cholesky factor of K + noise, shape (n, n), and (K + noise)⁻¹ y.
    """

    Z: Array
    y: Array
    lengthscale: Array
    signal_variance: float
    noise: float
    trend: float
    kernel: KernelName
    L: Array
    alpha: Array
    scaled: Array  # Z / lengthscale, and
    T: Array  # the trend's features of Z: both are needed at every prediction

    @classmethod
    def condition(cls, Z: Array, y: Array, *, lengthscale: float | Array, signal_variance: float, noise: float,
                  trend: float = 0.0, kernel: KernelName = "matern52") -> GaussianProcess:
        """Condition on data with given hyperparameters.

        Parameters
        ----------
        Z, y
            Inputs, shape (n, F) or (n,) for one feature, and targets, shape (n,). n may be 0: that is the prior.
        lengthscale
            One for all features or one each.
        signal_variance, noise, trend, kernel
            As the attributes.
        """
        Z = np.asarray(Z, dtype=float)
        Z = Z[:, None] if Z.ndim == 1 else Z
        y = np.asarray(y, dtype=float)
        scales = np.broadcast_to(np.asarray(lengthscale, dtype=float), (Z.shape[1],)).copy()
        if not (scales > 0).all() or signal_variance <= 0 or noise < 0:
            raise ValueError("lengthscale and signal_variance must be positive and noise not negative, got "
                             f"{lengthscale}, {signal_variance} and {noise}.")
        if not (np.isfinite(Z).all() and np.isfinite(y).all()):
            raise ValueError("inputs and targets must be finite, got nan or inf. Use MixedFeatures for rows with "
                             "inactive parameters and OutputTransform for failed trials.")
        empty = np.empty((0, 0))
        bare = cls(Z, y, scales, float(signal_variance), float(noise), trend, kernel, empty, y, Z / scales,
                   trend_features(Z))
        if not len(y):
            return bare
        L, noise = cholesky(bare.covariance(Z, Z), noise)  # line 2
        alpha, _ = lapack.dpotrs(L, y, lower=1)  # line 3
        return replace(bare, noise=noise, L=L, alpha=alpha)

    def covariance(self, A: Array, B: Array) -> Array:
        """Prior covariance of the function at the rows of A and of B, shape (n, m)."""
        scaled_A = A / self.lengthscale
        K = correlation(squared_distances(scaled_A, scaled_A if A is B else B / self.lengthscale), self.kernel)
        K *= self.signal_variance
        if self.trend:
            K += self.trend * (trend_features(A) @ trend_features(B).T)
        return K

    def _covariance_with_data(self, Z: Array) -> Array:
        K = correlation(squared_distances(Z / self.lengthscale, self.scaled), self.kernel)
        K *= self.signal_variance
        if self.trend:
            K += trend_features(Z) @ (self.trend * self.T.T)
        return K

    def variance(self, Z: Array) -> Array:
        """Prior variance of the function at the rows of Z, shape (m,)."""
        out = np.full(len(Z), self.signal_variance)
        if self.trend:
            out += self.trend * (trend_features(Z) ** 2).sum(1)
        return out

    def predict(self, Z: Array) -> tuple[Array, Array]:
        """Return posterior mean and variance of the function (without noise) at the rows of Z, shapes (m,)."""
        Z = np.asarray(Z, dtype=float)
        Z = Z[:, None] if Z.ndim == 1 else Z
        if not len(self.y):
            return np.zeros(len(Z)), self.variance(Z)
        if len(Z) > CHUNK:
            parts = [self.predict(Z[i:i + CHUNK]) for i in range(0, len(Z), CHUNK)]
            return np.concatenate([m for m, _ in parts]), np.concatenate([v for _, v in parts])
        k = self._covariance_with_data(Z)  # (m, n)
        mean = k @ self.alpha  # line 4
        v = blas.dtrsm(1.0, self.L, k.T, lower=1)  # line 5, (n, m)
        variance = self.variance(Z) - np.einsum("ij,ij->j", v, v)  # line 6
        return mean, np.maximum(variance, VARIANCE_FLOOR)

    def predict_with_gradient(self, Z: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and variance at the rows of Z, shapes (m,), and their gradients by Z, shapes (m, F)."""
        k, slope = self.kernel_and_slope(Z)
        mean = k @ self.alpha
        beta = lapack.dpotrs(self.L, k.T, lower=1)[0].T  # rows (K + τ² I)⁻¹ k*
        variance = np.maximum(self.variance(Z) - np.einsum("ij,ij->i", k, beta), VARIANCE_FLOOR)
        d_variance = self.slope_of_sum(Z, slope, -2.0 * beta)
        if self.trend:
            d_variance += trend_slope(Z, 2.0 * self.trend * trend_features(Z))
        return mean, variance, self.slope_of_sum(Z, slope, self.alpha), d_variance

    def kernel_and_slope(self, Z: Array) -> tuple[Array, Array]:
        """Return k(z, z_i) for the rows of Z and of the data, and twice its derivative by r² (without trend), (m, n)."""
        k, slope = correlation_and_slope(squared_distances(Z / self.lengthscale, self.scaled), self.kernel)
        k *= self.signal_variance
        slope *= 2.0 * self.signal_variance
        if self.trend:
            k += trend_features(Z) @ (self.trend * self.T.T)
        return k, slope

    def slope_of_sum(self, Z: Array, slope: Array, v: Array) -> Array:
        """Gradient by z of Σ_i v_i k(z, z_i), shape (m, F); v is (n,), or (m, n): one v per row of Z."""
        # ∂k(z, z_i)/∂z_f = 2 θ_f (z_f - z_if) dk/d(r²)
        by = slope * v
        out: Array = self.lengthscale ** -2 * (Z * by.sum(1)[:, None] - by @ self.Z)
        if self.trend:
            out += trend_slope(Z, self.trend * (v @ self.T))
        return out

    def fitted_mean(self) -> Array:
        """Posterior mean at the data themselves, shape (n,): y - τ² α, since (K + τ² I) α = y."""
        return self.y - self.noise * self.alpha

    def sample(self, Z: Array, n: int, rng: np.random.Generator) -> Array:
        """Draw ``n`` functions from the posterior at the rows of Z, shape (n, m)."""
        return self.sample_with(Z, rng.standard_normal((n, len(Z))))

    def sample_with(self, Z: Array, normals: Array) -> Array:
        """Turn independent standard normals, shape (n, m), into ``n`` functions at the m rows of Z, shape (n, m)."""
        Z = np.asarray(Z, dtype=float)
        Z = Z[:, None] if Z.ndim == 1 else Z
        mean, covariance = np.zeros(len(Z)), self.covariance(Z, Z)
        if len(self.y):
            k = self._covariance_with_data(Z)
            mean = k @ self.alpha
            v = blas.dtrsm(1.0, self.L, k.T, lower=1)
            covariance -= v.T @ v
        L, _ = cholesky(covariance, 1e-10 * float(self.variance(Z).max()))
        return np.asarray(mean + normals @ L.T)  # ~ N(mean, L Lᵀ)

    @property
    def log_marginal_likelihood(self) -> float:
        """Logarithm of p(y | Z)."""
        n = len(self.y)
        log_det = float(np.log(self.L.flat[:: n + 1]).sum()) if n else 0.0
        return -0.5 * float(self.y @ self.alpha) - log_det - 0.5 * n * math.log(2.0 * math.pi)  # line 7

    def extend(self, Z: Array, y: Array) -> GaussianProcess:
        r"""Add rows to the data: ``Z`` holds the new inputs, ``y`` the targets of all rows, old and new.

        The factor grows by a block row: with L L' = K₁₁ + τ² I, B = L \ K₁₂, C C' = K₂₂ + τ² I - B'B, the new factor
        is [[L, 0], [B', C]].
        """
        if not len(Z):
            alpha, _ = lapack.dpotrs(self.L, y, lower=1)
            return replace(self, y=y, alpha=alpha)
        m, n = len(self.y), len(y)
        B = blas.dtrsm(1.0, self.L, self._covariance_with_data(Z).T, lower=1)
        C = self.covariance(Z, Z) - B.T @ B
        C.flat[:: n - m + 1] += self.noise
        C, info = lapack.dpotrf(C, lower=1, clean=1)
        all_Z = np.vstack([self.Z, Z])
        if info:  # a new row repeats an old one and the noise is too small to part them: factorise afresh
            return GaussianProcess.condition(all_Z, y, lengthscale=self.lengthscale, noise=self.noise,
                                             signal_variance=self.signal_variance, trend=self.trend,
                                             kernel=self.kernel)
        L = np.zeros((n, n), order="F")
        L[:m, :m], L[m:, :m], L[m:, m:] = self.L, B.T, C
        alpha, _ = lapack.dpotrs(L, y, lower=1)
        return replace(self, Z=all_Z, y=y, L=L, alpha=alpha, scaled=all_Z / self.lengthscale, T=trend_features(all_Z))


def cholesky(K: Array, noise: float) -> tuple[Array, float]:
    """Factor K + noise·I; tenfold more noise, from 1e-7 on, until it succeeds. Return the factor and that noise."""
    for _ in range(8):
        noisy = K.copy()
        noisy.flat[:: len(K) + 1] += noise
        L, info = lapack.dpotrf(noisy, lower=1, clean=1)
        if not info:
            return L, noise
        noise = max(10.0 * noise, 1e-7)
    raise np.linalg.LinAlgError(f"the covariance is not positive definite, not even with noise {noise / 10:.0e}. "
                                "Are the inputs of an absurd size?")


def fit(Z: Array, y: Array, *, groups: Sequence[int] | NDArray[np.intp] | None = None, trend: float = 0.0,
        kernel: KernelName = "matern52") -> GaussianProcess:
    """Fit the hyperparameters by maximum a posteriori and condition on the data.

    Parameters
    ----------
    Z, y
        Inputs in the unit cube, shape (n, F), and targets of mean about 0 and deviation about 1: the prior expects
        these scales.
    groups
        Number of the length-scale that each feature uses; by default each has its own.
    trend, kernel
        As the attributes of ``GaussianProcess``.
    """
    Z = np.asarray(Z, dtype=float)
    Z = Z[:, None] if Z.ndim == 1 else Z
    group_of = np.arange(Z.shape[1]) if groups is None else np.asarray(groups)
    prior = Prior(int(group_of.max()) + 1)
    objective = NegativeLogPosterior(Z, np.asarray(y, dtype=float), groups=group_of, prior=prior, trend=trend,
                                     kernel=kernel)
    h = Hyperparameters.of(maximise_posterior(objective, [prior.start(prior.d)]))
    return GaussianProcess.condition(Z, y, lengthscale=h.lengthscale[group_of], signal_variance=h.signal_variance,
                                     noise=h.noise, trend=trend, kernel=kernel)
