"""Bayesian linear regression on the last hidden layer of a network, with its two hyperparameters integrated out.

Bishop 2006, "Pattern recognition and machine learning", sections 3.3 and 3.5; it is section 3 of Snoek et al. 2015,
"Scalable Bayesian optimization using deep neural networks" (DNGO).

::

    y = Φ w + ε,   w ~ N(0, I / α),   ε ~ N(0, I / β)
    K = β ΦᵀΦ + α I,   m = β K⁻¹ Φᵀ y                                                  (DNGO eqs. 6, 7)
    p(f(x) | D, α, β) = N(mᵀ φ(x), φ(x)ᵀ K⁻¹ φ(x))                                      (DNGO eqs. 4, 5)
    log p(y | α, β) = D/2 log α + n/2 log β - β/2 ‖y - Φ m‖² - α/2 ‖m‖² - ½ log |K| - n/2 log 2π    (Bishop 3.86)

Notation
--------
========  ==================================================================================
``Phi``   features of the finished trials, shape (n, D)
``s, V``  eigenvalues and eigenvectors of ΦᵀΦ: K has the same V, and β s + α, for all α, β
``c``     Vᵀ Φᵀ y, shape (D,)
``u``     (log α, log 1/β)
========  ==================================================================================

Differences from the paper: α and β are integrated by a grid around the mode of their posterior instead of by slice
sampling: in two dimensions that is more exact, and it draws nothing. The variance is that of f, without 1/β.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import fmin_l_bfgs_b

from workbench.space import Array

LOG_ALPHA_SD = 1.5
LOG_NOISE = (math.log(1e-3), 2.0)  # mean and deviation of log 1/β, for targets of deviation 1
BOUNDS = ((-8.0, 12.0), (math.log(1e-8), 2.0))
COARSE = 9  # points per axis that the climb to the mode may start from
GRID = np.linspace(-2.5, 2.5, 7)  # around the mode, in standard deviations


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """The posterior of the weights: a Gaussian of the mixture's mean and covariance.

    Attributes
    ----------
    mean, covariance
        Of w, shapes (D,) and (D, D), over all (α, β) of the grid.
    noise
        Mean of 1/β.
    """

    mean: Array
    covariance: Array
    noise: float


class Evidence:
    """The marginal likelihood log p(y | α, β) as a function of α and β, with what does not depend on them prepared."""

    def __init__(self, Phi: Array, y: Array) -> None:
        """Decompose ΦᵀΦ, once."""
        self.n, self.D = Phi.shape
        s, self.V = np.linalg.eigh(Phi.T @ Phi)
        self.s = np.maximum(s, 0.0)
        self.c = self.V.T @ (Phi.T @ y)
        self.yy = float(y @ y)

    def weights(self, alpha: float, beta: float) -> tuple[Array, Array]:
        """Return Vᵀm and the eigenvalues of K, shapes (D,)."""
        k = beta * self.s + alpha
        return beta * self.c / k, k

    def __call__(self, alpha: float, beta: float) -> float:
        """Return log p(y | α, β)."""
        m, k = self.weights(alpha, beta)
        residual = max(0.0, self.yy - 2.0 * float(m @ self.c) + float(self.s @ m**2))  # ‖y - Φ m‖²
        logs = self.D * math.log(alpha) + self.n * math.log(beta) - float(np.log(k).sum()) - self.n * math.log(2 * math.pi)
        return 0.5 * float(logs - beta * residual - alpha * float(m @ m))

    def log_posterior(self, u: Array) -> float:
        """Return log p(u | y) up to a constant: log α ~ N(log D/2, 1.5²), so that f has variance of order 1."""
        log_alpha, log_noise = float(u[0]), float(u[1])
        prior = ((log_alpha - math.log(0.5 * self.D)) / LOG_ALPHA_SD) ** 2 + ((log_noise - LOG_NOISE[0]) / LOG_NOISE[1]) ** 2
        return self(math.exp(log_alpha), math.exp(-log_noise)) - 0.5 * prior


def mode(evidence: Evidence) -> Array:
    """Return the u of highest posterior density: the best of a coarse grid, and uphill from it."""
    axes = [np.linspace(low + 1.0, high - 1.0, COARSE) for low, high in BOUNDS]
    start = max(((a, b) for a in axes[0] for b in axes[1]), key=lambda u: evidence.log_posterior(np.array(u)))
    u, _, _ = fmin_l_bfgs_b(lambda u: -evidence.log_posterior(u), np.array(start), approx_grad=True, bounds=list(BOUNDS))
    return np.asarray(u)


def deviations(evidence: Evidence, u: Array) -> Array:
    """Return the axes of the posterior around its mode, scaled to one standard deviation, as columns of (2, 2)."""
    h, E = 0.05, np.eye(2)
    f = evidence.log_posterior
    H = np.empty((2, 2))  # of -log p, by central differences
    for i in range(2):
        for j in range(2):
            a, b = h * E[i], h * E[j]
            H[i, j] = -(f(u + a + b) - f(u + a - b) - f(u - a + b) + f(u - a - b)) / (4 * h * h)
    values, vectors = np.linalg.eigh(0.5 * (H + H.T))
    axes: Array = vectors / np.sqrt(np.maximum(values, 0.1))
    return axes


def fit(Phi: Array, y: Array) -> LinearHead:
    """Return the posterior of the weights, with α and β summed over a grid around their mode."""
    evidence = Evidence(Phi, y)
    u = mode(evidence)
    axes = deviations(evidence, u)
    low, high = np.array(BOUNDS).T
    nodes = np.clip([u + axes @ np.array([a, b]) for a in GRID for b in GRID], low, high)
    log_p = np.array([evidence.log_posterior(v) for v in nodes])
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    keep = p > 1e-6
    return mixture(evidence, np.exp(nodes[keep, 0]), np.exp(nodes[keep, 1]), p[keep] / p[keep].sum())


def mixture(evidence: Evidence, alpha: Array, noise: Array, p: Array) -> LinearHead:
    """Match mean and covariance of Σ_g p_g N(m_g, K_g⁻¹)."""
    k = evidence.s / noise[:, None] + alpha[:, None]  # (G, D)
    m = evidence.c / noise[:, None] / k
    mean = p @ m
    spread = m - mean
    C = np.diag(p @ (1.0 / k)) + spread.T @ (p[:, None] * spread)
    V = evidence.V
    return LinearHead(V @ mean, V @ C @ V.T, float(p @ noise))
