r"""How much a trial would tell about where the minimum is: the mutual information of its loss and the place of the minimum.

Hennig & Schuler 2012, "Entropy search for information-efficient global optimization"; Swersky, Snoek & Adams 2013, "Multi-task
Bayesian optimization", section 4, for the gain of one task by a trial of another; Klein et al. 2017, eq. 3 and 8.

::

    x_1, …, x_R      representer points, where the minimum may be
    p_min(r)         probability that f is smallest at x_r among them
    gain(c) = H[p_min] - E_y H[p_min | y at c]

Instead of a new posterior for each loss y, all draws from the posterior are corrected so that they go through it (Matheron's
rule): with g a draw of the loss at c that belongs to the draw f,

    f + k_rc / v · (y - g)     is a draw from the posterior given y,       v = Var[y]

so one set of draws serves all candidates and all their possible losses.

Notation
--------
=========  ========================================================================================================
``F``      draws of f at the representer points, mean + ε Lᵀ, shape (M, R)
``C``      posterior covariances of representers and candidates, shape (R, K)
``omega``  possible losses of a candidate in standard deviations: medians of equally likely parts, shape (P,)
``t``      how far each draw moves, in units of C, shape (K, P, M)
=========  ========================================================================================================

Differences from the papers: p_min is counted over draws, where Hennig & Schuler approximate it by expectation propagation, and
the same draws serve everywhere, so that the gain is 0 exactly where nothing can be learnt. H[p_min] is taken of the mean of the
p_min given y, which it equals, so that no gain is negative (Jensen). The weights of representers (u in the papers) cancel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtri

from workbench.models.gaussian_process import cholesky
from workbench.models.subset_gp import SubsetGP
from workbench.space import Array

N_DRAWS = 256  # M
N_LOSSES = 7  # P
CHUNK = 16  # candidates at once
TINY = 1e-12


def entropy(p: Array) -> Array:
    """Entropy in bits along the last axis."""
    return np.asarray(-np.sum(p * np.log2(np.where(p > 0, p, 1.0)), axis=-1))


@dataclass(frozen=True, slots=True, eq=False)
class InformationGain:
    """Gain in bits at any candidate. Make one by ``of``."""

    gp: SubsetGP
    Z: Array  # representers: features (R, F) and shares (R,)
    s: Array
    V: Array  # whitened covariances of the data and the representers
    L: Array  # factor of the representers' posterior covariance
    F: Array  # (M, R)
    epsilon: Array  # (M, R), normals behind F, and
    eta: Array  # (M,), those of what is left at a candidate
    omega: Array

    @classmethod
    def of(cls, gp: SubsetGP, Z: Array, s: Array, rng: np.random.Generator, n_draws: int = N_DRAWS,
           n_losses: int = N_LOSSES) -> InformationGain:
        """Draw what all candidates share."""
        mean, V = gp.whitened(Z, s)
        L, _ = cholesky(gp.covariance(Z, s, Z, s) - V.T @ V, 1e-10 * float(gp.variance(Z, s).max()))
        epsilon = rng.standard_normal((n_draws, len(Z)))
        omega = ndtri((np.arange(n_losses) + 0.5) / n_losses)
        return cls(gp, Z, s, V, L, mean + epsilon @ L.T, epsilon, rng.standard_normal(n_draws), omega)

    @property
    def p_min(self) -> Array:
        """Probability of each representer to be the smallest, shape (R,)."""
        return np.bincount(self.F.argmin(axis=1), minlength=len(self.Z)) / len(self.F)

    @property
    def entropy(self) -> float:
        """Entropy of p_min in bits: how much is not known yet."""
        return float(entropy(self.p_min))

    def __call__(self, Z: Array, s: Array) -> Array:
        """Gain in bits by a trial at each row, shape (K,)."""
        out = [self._gain(Z[i:i + CHUNK], s[i:i + CHUNK]) for i in range(0, len(Z), CHUNK)]
        return np.concatenate(out) if out else np.empty(0)

    def moved(self, Z: Array, s: Array) -> Array:
        """Draws of f at the representers given each possible loss of each candidate, shape (K, P, M, R)."""
        _, V = self.gp.whitened(Z, s)
        C = self.gp.covariance(self.Z, self.s, Z, s) - self.V.T @ V  # (R, K)
        variance = np.maximum(self.gp.variance(Z, s) - np.einsum("ij,ij->j", V, V), 0.0) + self.gp.noise
        variance = np.maximum(variance, TINY)
        a = solve_triangular(self.L, C, lower=True)  # (R, K): g - mean = εᵀ a + √(v - |a|²) η has covariance C with f
        rest = np.sqrt(np.maximum(variance - (a * a).sum(0), 0.0))
        g = (self.epsilon @ a + self.eta[:, None] * rest).T  # (K, M)
        t = (self.omega[:, None] * np.sqrt(variance)[:, None, None] - g[:, None, :]) / variance[:, None, None]  # (K, P, M)
        return np.asarray(self.F + t[..., None] * C.T[:, None, None, :])

    def _gain(self, Z: Array, s: Array) -> Array:
        K, P, (M, R) = len(Z), len(self.omega), self.F.shape
        smallest = self.moved(Z, s).argmin(axis=-1).reshape(K * P, M)
        p = np.bincount((smallest + R * np.arange(K * P)[:, None]).ravel(), minlength=K * P * R).reshape(K, P, R) / M
        return np.asarray(np.maximum(entropy(p.mean(axis=1)) - entropy(p).mean(axis=1), 0.0))
