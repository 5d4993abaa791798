r"""Expected hypervolume improvement (EHVI): by how much a new trial is expected to enlarge what is dominated.

Emmerich, Deutz & Klinkenberg 2011, "Hypervolume-based expected improvement: monotonicity properties and exact computation";
Yang, Emmerich, Deutz & Bäck 2019 for the sum over boxes; Ament et al. 2023 for its logarithm. The losses at a point are
independent normals, y_k ~ N(μ_k, σ_k²). What y gains inside a box that nobody dominates is a product over the losses, and so
is its mean::

    gain of box b      Π_k [max(u_bk - y_k, 0) - max(l_bk - y_k, 0)]
    EHVI(μ, σ)       = Σ_b Π_k D_bk,   D_bk = EI_k(u_bk) - EI_k(l_bk)
    EI_k(t)          = E[max(t - y_k, 0)] = σ h((t - μ) / σ)                    (acquisition.py); 0 at t = -∞
    ∂D/∂μ = Φ(z_l) - Φ(z_u),   ∂D/∂σ = φ(z_u) - φ(z_l),   z_t = (t - μ) / σ

With one loss there is one box, up to the best loss, and EHVI is EI.

Notation
--------
===========  =====================================================================
``l``, ``u``   corners of the boxes (``boxes.py``), shape (B, m)
``log_D``    log D, shape (N, B) for each loss
===========  =====================================================================

Differences from the papers: all is done in logarithms, so that the sum can be climbed where it underflows; it stays exact,
where Ament et al. smooth the maxima because they draw samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp

from workbench.models.acquisition import HALF_LOG_2PI, log_expected_improvement
from workbench.space import Array

CHUNK = 1 << 20  # cells (points × boxes) computed at once


@dataclass(frozen=True, slots=True, eq=False)
class HypervolumeImprovement:
    """Logarithm of EHVI over given boxes. Make one by ``of``: intervals that boxes share are worked out once.

    Attributes
    ----------
    edges
        For each loss the different intervals [l, u), shape (I, 2).
    which
        For each loss the interval of every box, shape (B,).
    """

    edges: tuple[Array, ...]
    which: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, low: Array, high: Array) -> HypervolumeImprovement:
        """Prepare the boxes with corners ``low`` and ``high``, shape (B, m)."""
        edges, which = [], []
        for l, u in zip(low.T, high.T, strict=True):
            intervals, index = np.unique(np.stack([l, u], axis=1), axis=0, return_inverse=True)
            edges.append(intervals)
            which.append(np.ravel(index))
        return cls(tuple(edges), tuple(which))

    def __call__(self, mean: Array, sd: Array) -> Array:
        """Value where the losses are predicted as ``mean`` ± ``sd``, shape (N, m); one value per row."""
        rows = max(1, CHUNK // len(self.which[0]))
        parts = [logsumexp(sum(self._log_D(k, mean[i:i + rows, k], sd[i:i + rows, k])[:, self.which[k]]
                               for k in range(mean.shape[1])), axis=1) for i in range(0, len(mean), rows)]
        return np.concatenate(parts) if parts else np.empty(0)

    def with_gradient(self, mean: Array, sd: Array) -> tuple[Array, Array, Array]:
        """Value, shape (N,), and its derivatives by the means and by the deviations, shape (N, m)."""
        log_D = [self._log_D(k, mean[:, k], sd[:, k]) for k in range(mean.shape[1])]
        terms = sum(D[:, index] for D, index in zip(log_D, self.which, strict=True))
        value = logsumexp(terms, axis=1)
        share = np.exp(terms - value[:, None])  # ∂ log Σ exp / ∂ terms
        by_mean, by_sd = np.empty_like(mean), np.empty_like(sd)
        for k, (D, index) in enumerate(zip(log_D, self.which, strict=True)):
            d_mean, d_sd = self._slopes(k, mean[:, k], sd[:, k], D)
            by_mean[:, k] = (share * d_mean[:, index]).sum(axis=1)
            by_sd[:, k] = (share * d_sd[:, index]).sum(axis=1)
        return value, by_mean, by_sd

    def _log_D(self, k: int, mean: Array, sd: Array) -> Array:
        """Logarithm of EI(u) - EI(l) for all intervals of loss k, shape (N, I); -inf where they are equal in floating point."""
        points, back = np.unique(self.edges[k], return_inverse=True)
        finite = np.isfinite(points)
        log_EI = np.full((len(mean), len(points)), -np.inf)
        log_EI[:, finite] = log_expected_improvement(mean[:, None], sd[:, None], points[finite])
        low, high = log_EI[:, back.reshape(-1, 2)[:, 0]], log_EI[:, back.reshape(-1, 2)[:, 1]]
        with np.errstate(divide="ignore"):
            return np.asarray(high + np.log(-np.expm1(np.minimum(low - high, 0.0))))

    def _slopes(self, k: int, mean: Array, sd: Array, log_D: Array) -> tuple[Array, Array]:
        """Derivatives of log D by μ and σ, shape (N, I); 0 where D vanished."""
        z_low, z_high = ((edge - mean[:, None]) / sd[:, None] for edge in self.edges[k].T)
        whole = np.isfinite(log_D)
        scale = np.where(whole, log_D, np.inf)
        by_mean = np.exp(log_ndtr(z_low) - scale) - np.exp(log_ndtr(z_high) - scale)
        by_sd = np.exp(_log_phi(z_high) - scale) - np.exp(_log_phi(z_low) - scale)
        return by_mean, by_sd


def _log_phi(z: Array) -> Array:
    return -0.5 * z * z - HALF_LOG_2PI
