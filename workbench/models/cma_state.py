"""One step of CMA-ES: from the state of a normal distribution and a ranked generation to the next state.

Hansen (2016), "The CMA evolution strategy: a tutorial", arXiv 1604.00772; the equation numbers are the tutorial's. A
generation of lambda points x ~ N(m, sigma^2 C) was evaluated; ``update`` then

1. ranks the points and moves the mean to the weighted mean of the best mu (eq. 41-42),
2. lengthens or shortens the step size sigma, as the path p_sigma of the mean's steps is longer or shorter than that of
   a random walk (eq. 43-44),
3. turns and stretches the covariance C towards the path p_c of the mean (rank one) and towards the good steps, away
   from the bad ones, which have negative weights (rank mu, "active"; eq. 45-47).

Nothing but the ranks of the losses enters.

Notation
--------
==============  ==================================================================================
n               dimensions
lam, mu         points of a generation, and how many of them are selected
m, sigma, C     mean, step size and covariance: points are drawn from N(m, sigma^2 C)
B, D            eigenvectors of C (columns) and the square roots of its eigenvalues: C = B D^2 B'
p_sigma, p_c    evolution paths: decaying sums of the mean's steps, the first one made isotropic
w               weights of the ranks, positive for the first mu
mu_eff          how many points the mean of the selected is worth
c_*, d_sigma    learning rates and damping
y               steps (x - m) / sigma, (lam, n), best first
==============  ==================================================================================

Differences from the paper: one step multiplies sigma by e at most (Hansen 2011, "Injecting external solutions into
CMA-ES", eq. 10), since points may come from elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from workbench.scale import Array

MIN_EIGENVALUE = 1e-8  # in place of negative ones, which only rounding makes
MAX_GROWTH = 1.0  # of ln sigma in one step


@dataclass(frozen=True, slots=True, eq=False)
class Constants:
    """What depends on n and lambda alone (table 1 of the tutorial)."""

    n: int
    lam: int
    mu: int
    w: Array  # (lam,)
    mu_eff: float
    c_1: float
    c_mu: float
    c_sigma: float
    d_sigma: float
    c_c: float
    chi_n: float  # E ||N(0, I)||


@lru_cache(maxsize=256)
def constants(n: int, lam: int) -> Constants:
    """Compute the default weights, learning rates and damping (table 1)."""
    if n < 1 or lam < 3:
        raise ValueError(f"CMA-ES needs at least one dimension and three points per generation, got n={n}, lambda={lam}.")
    mu = lam // 2
    w_raw = math.log((lam + 1) / 2) - np.log(np.arange(1, lam + 1))  # eq. 49
    mu_eff = float(w_raw[:mu].sum() ** 2 / (w_raw[:mu] ** 2).sum())
    mu_eff_minus = float(w_raw[mu:].sum() ** 2 / (w_raw[mu:] ** 2).sum())
    c_1 = 2 / ((n + 1.3) ** 2 + mu_eff)  # eq. 57
    c_mu = min(1 - c_1 - 1e-8, 2 * (mu_eff - 2 + 1 / mu_eff) / ((n + 2) ** 2 + mu_eff))  # eq. 58
    alpha_minus = min(1 + c_1 / c_mu if c_mu else math.inf,  # eq. 50
                      1 + 2 * mu_eff_minus / (mu_eff + 2),  # eq. 51
                      (1 - c_1 - c_mu) / (n * c_mu) if c_mu else math.inf)  # eq. 52
    good, bad = w_raw[w_raw > 0].sum(), -w_raw[w_raw < 0].sum()
    w = np.where(w_raw >= 0, w_raw / good, alpha_minus * w_raw / bad)  # eq. 53
    c_sigma = (mu_eff + 2) / (n + mu_eff + 5)  # eq. 55
    d_sigma = 1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma
    c_c = (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n)  # eq. 56
    chi_n = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
    return Constants(n, lam, mu, w, mu_eff, c_1, c_mu, c_sigma, d_sigma, c_c, chi_n)


@dataclass(frozen=True, eq=False)
class CMAState:
    """A normal distribution N(mean, sigma^2 C) and its evolution paths."""

    mean: Array  # (n,)
    sigma: float
    C: Array  # (n, n)
    p_sigma: Array  # (n,)
    p_c: Array  # (n,)
    generation: int = 0

    @classmethod
    def start(cls, mean: Array, sigma: float) -> CMAState:
        """Begin with C = I and paths of zero."""
        n = len(mean)
        return cls(np.asarray(mean, dtype=float), sigma, np.eye(n), np.zeros(n), np.zeros(n))

    @cached_property
    def axes(self) -> tuple[Array, Array]:
        """Return B and D: the directions (columns) and lengths of the axes of C."""
        D2, B = np.linalg.eigh((self.C + self.C.T) / 2)
        return B, np.sqrt(np.where(D2 < 0, MIN_EIGENVALUE, D2))

    @property
    def deviations(self) -> Array:
        """Standard deviation of each coordinate, (n,)."""
        return self.sigma * np.sqrt(np.maximum(np.diag(self.C), 0.0))

    @property
    def covariance(self) -> Array:
        """Return sigma^2 C."""
        return self.sigma**2 * self.C

    @property
    def root(self) -> Array:
        """Lower triangular L with sigma^2 C = L L', positive on its diagonal."""
        B, D = self.axes
        _, R = np.linalg.qr((B * (self.sigma * D)).T)  # unlike Cholesky's method, this cannot fail
        return np.asarray((R * np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]).T)

    def sample(self, rng: np.random.Generator) -> Array:
        """Draw one point, shape (n,)."""
        B, D = self.axes
        y = B @ (D * rng.standard_normal(len(D)))  # ~ N(0, C)      eq. 39
        return self.mean + self.sigma * y  # ~ N(m, sigma^2 C)      eq. 40


def update(state: CMAState, xs: Array, ys: Array, k: Constants | None = None) -> CMAState:
    """Take a generation in.

    Parameters
    ----------
    state
        The distribution that the points were drawn from.
    xs
        The points, shape (lam, n).
    ys
        Their losses, shape (lam,); +inf is the worst. Among equal ones the first counts as better.
    k
        Other constants than the default ones, to see what a part is good for: it is off at a rate of zero (c_1 or c_mu), the
        step size at an infinite damping.
    """
    k = k or constants(xs.shape[1], len(xs))
    n, mu = k.n, k.mu
    B, D = state.axes
    C = (B * D**2) @ B.T
    C_inv_sqrt = (B / D) @ B.T
    y = (xs[np.argsort(ys, kind="stable")] - state.mean) / state.sigma  # ~ N(0, C)

    y_w = k.w[:mu] @ y[:mu]  # eq. 41
    mean = state.mean + state.sigma * y_w  # eq. 42, c_m = 1

    p_sigma = (1 - k.c_sigma) * state.p_sigma + math.sqrt(k.c_sigma * (2 - k.c_sigma) * k.mu_eff) * C_inv_sqrt @ y_w  # eq. 43
    length = float(np.linalg.norm(p_sigma))
    sigma = state.sigma * math.exp(min(MAX_GROWTH, k.c_sigma / k.d_sigma * (length / k.chi_n - 1)))  # eq. 44

    g = state.generation + 1
    # a very long path means that sigma is too small: then p_c waits, or C would grow too fast (p. 28)
    h_sigma = length / math.sqrt(1 - (1 - k.c_sigma) ** (2 * (g + 1))) < (1.4 + 2 / (n + 1)) * k.chi_n
    p_c = (1 - k.c_c) * state.p_c + h_sigma * math.sqrt(k.c_c * (2 - k.c_c) * k.mu_eff) * y_w  # eq. 45

    # bad steps count by direction alone: a far bad point would take too much away                          # eq. 46
    w_o = np.where(k.w >= 0, k.w, k.w * n / (((y @ C_inv_sqrt) ** 2).sum(axis=1) + 1e-8))
    lost = (1 - h_sigma) * k.c_c * (2 - k.c_c)
    C = ((1 + k.c_1 * lost - k.c_1 - k.c_mu * k.w.sum()) * C
         + k.c_1 * np.outer(p_c, p_c) + k.c_mu * (y.T * w_o) @ y)  # eq. 47
    return CMAState(mean, sigma, C, p_sigma, p_c, g)
