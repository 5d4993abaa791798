r"""Expected improvement where losses are noisy and some trials still run: over draws of what the true losses may be.

Letham, Karrer, Ottoni & Bakshy 2019, "Constrained Bayesian optimization with noisy experiments", section 3::

    for s = 1 … S:
        f_s ~ p(true losses at finished and running trials | data)          by quasi-random normals
        condition a Gaussian process without noise on f_s
        EI_s(z) = E[max(min f_s - f(z), 0) | f_s]
    noisy EI(z) = mean of EI_s(z)                                           eq. 8

With noise "the best loss so far" is itself a guess; here every fantasy has its own. A running trial is one whose loss
nobody has measured yet, so it needs no rule of its own (section 3.4 of the paper).

Notation
--------
=========  ======================================================================
``A``      K⁻¹ f_s, one column per fantasy, shape (n, S); K without noise
``best``   min f_s, shape (S,)
=========  ======================================================================

Differences from the paper: the logarithm of the mean is returned, built from log EI_s, so that it can be climbed where EI
underflows (Ament et al. 2023); a millionth of the signal variance stays on the diagonal of K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import blas, lapack
from scipy.special import logsumexp, ndtri
from scipy.stats import qmc

from workbench.models.acquisition import climbable, log_expected_improvement
from workbench.models.gaussian_process import VARIANCE_FLOOR, GaussianProcess
from workbench.space import Array

N_FANTASIES = 16
NUGGET = 1e-6  # of the signal variance


@dataclass(frozen=True, slots=True, eq=False)
class NoisyImprovement:
    """Logarithm of noisy expected improvement. Make one by ``of``.

    Attributes
    ----------
    model
        The process without noise at all trials, finished and running; only its factor matters, not its targets.
    A, best
        See the notation.
    """

    model: GaussianProcess
    A: Array
    best: Array

    @classmethod
    def of(cls, model: GaussianProcess, running: Array, rng: np.random.Generator,
           n_fantasies: int = N_FANTASIES) -> NoisyImprovement:
        """Draw the fantasies.

        Parameters
        ----------
        model
            Conditioned on the finished trials, with noise.
        running
            Features of the running trials, shape (k, F).
        n_fantasies
            S, a power of two.
        """
        Z = np.vstack([model.Z, running])
        uniform = qmc.Sobol(len(Z), seed=rng).random(n_fantasies)
        normals = ndtri(np.clip(uniform, 1e-9, 1.0 - 1e-9))
        f = model.sample_with(Z, normals).T  # (n, S)
        bare = GaussianProcess.condition(Z, np.zeros(len(Z)), lengthscale=model.lengthscale, trend=model.trend,
                                         signal_variance=model.signal_variance, kernel=model.kernel,
                                         noise=min(model.noise, NUGGET * model.signal_variance))
        return cls(bare, lapack.dpotrs(bare.L, f, lower=1)[0], f.min(0))

    def __call__(self, Z: Array) -> Array:
        """Value at the rows of Z, shape (m,)."""
        k = self.model.covariance(Z, self.model.Z)
        v = blas.dtrsm(1.0, self.model.L, k.T, lower=1)
        sd = np.sqrt(np.maximum(self.model.variance(Z) - np.einsum("ij,ij->j", v, v), VARIANCE_FLOOR))
        each = log_expected_improvement(k @ self.A, sd[:, None], self.best)  # (m, S)
        return np.asarray(logsumexp(each, axis=1) - math.log(len(self.best)))

    def with_gradient(self, Z: Array) -> tuple[Array, Array]:
        """Values at the rows of Z, (m,), and gradients by them, (m, F)."""
        _, variance, _, d_variance = self.model.predict_with_gradient(Z)
        sd = np.sqrt(variance)
        k, slope = self.model.kernel_and_slope(Z)
        mean = k @ self.A
        each, by_mean, by_sd = climbable("log_ei", mean, np.broadcast_to(sd[:, None], mean.shape), self.best, 0.0)
        value = logsumexp(each, axis=1)
        share = np.exp(each - value[:, None])  # ∂ log Σ exp / ∂ each
        d_mean = self.model.slope_of_sum(Z, slope, (share * by_mean) @ self.A.T)
        return value - math.log(len(self.best)), d_mean + ((share * by_sd).sum(1) / (2.0 * sd))[:, None] * d_variance
