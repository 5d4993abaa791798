"""The posterior of a weighted combination of learning-curve families, by a sampler that moves one family at a time.

Domhan, Springenberg & Hutter 2015 (IJCAI), section 3::

    y_x = f_comb(x | ξ) + ε,    ε ~ N(0, σ²)
    f_comb(x | ξ) = Σ_k w_k f_k(x | θ_k),    ξ = (w_1, …, w_K, θ_1, …, θ_K, σ²)
    p(ξ) ∝ Π_k p(w_k) p(θ_k) · p(σ²) · 1[f_comb(1 | ξ) < f_comb(T | ξ)],    w_k >= 0

1. Each family is fitted by least squares, newer points counting more. Walkers start around the fits, as wide as the curvature
   there says.
2. One sweep: for every family a stretch move of its block (θ_k, w_k), the other blocks as they are (stretch_move.py); then σ²
   from its inverse gamma law given the residuals.
3. After the burn-in every few sweeps all walkers are kept. Predictions are averages over them.

Notation
--------
========  ===================================================================================
``x, y``  the curve in common form (curve_families.py), (n,) each; ``grid`` = x and then T
``U``     coordinates of all families side by side, (W, D); D = 36
``V``     logarithms of the unnormalised weights, (W, K): w_k = e^{V_k} / Σ e^{V_j}
``F``     curves of all walkers, (K, W, n + 1)
``r``     weights of the points: 10^(i / n), brought to mean 1
========  ===================================================================================

Differences from the paper:

* The weights sum to 1 and have a Dirichlet prior with parameter ``CONCENTRATION`` below 1, as independent gamma variables that
  are normalised: a few families may carry a curve. Under the paper's flat prior each of eleven gets about 1/11 and is hardly
  held by the data.
* The parameters' prior is flat within a box; the paper's has no bounds for most, and then no finite mass.
* The last value at T is compared with the first point *and* with the last, and a fall costs like a normal tail of deviation
  ``FALL`` instead of being forbidden: every walker has a density to start from.
* σ² has a weak inverse gamma prior, so that a curve without noise does not end in a division by zero.
* The moves are of blocks of 3 to 5 coordinates. The authors' program moves all 48 at once, with 100 walkers for 2,500 steps from
  within 1e-6 of one point; a stretch move of so many coordinates is rarely taken.
* The chain is short, for its price: it widens the fits in the directions that the data leave open, and stops before it has
  converged. A chain of twenty times the length still moves upwards and widens (benchmarks/RESULTS.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.models.curve_families import FAMILIES, bounded, jacobian, least_squares
from workbench.models.stretch_move import partners, stretches
from workbench.space import Array

K = len(FAMILIES)
SIZES = np.array([family.k for family in FAMILIES])
FIRST = np.append(0, np.cumsum(SIZES)[:-1])  # where each family's coordinates begin
COLUMNS = tuple(slice(int(first), int(first + size)) for first, size in zip(FIRST, SIZES, strict=True))
BLOCK = np.repeat(np.arange(K), SIZES)  # the family of each coordinate
LOW = np.concatenate([family.bounds()[0] for family in FAMILIES])
HIGH = np.concatenate([family.bounds()[1] for family in FAMILIES])
LOGARITHMIC = np.flatnonzero(np.concatenate([family.logarithmic for family in FAMILIES]))

N_WALKERS = 40
N_SWEEPS = 80
BURN_IN = 40
EVERY = 4
N_STARTS = 3  # of the least squares of one family
N_FIT = 15  # iterations of them
CONCENTRATION = 0.5
NOISE, NOISE_COUNT = 0.01, 2.0  # σ² ~ scaled inverse χ²: so much noise, as if seen so many times
FALL = 0.01
RECENCY = 1.0  # decades between the weights of the oldest and the newest point
CEILING = 5.0  # no prediction at T is higher: the observed part of a curve spans 0.1 to 0.7
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Draws of ξ, one per row.

    Attributes
    ----------
    U
        Coordinates of the families' parameters, (S, D).
    w
        Weights, (S, K), sum 1.
    sigma
        Deviation of the noise, (S,).
    accepted
        Share of the moves that were taken, per family, (K,).
    """

    U: Array
    w: Array
    sigma: Array
    accepted: Array

    def combination(self, x: Array) -> Array:
        """Return f_comb at steps (m,) for every draw; (S, m)."""
        return np.asarray(np.einsum("sk,ksm->sm", self.w, curves(x, self.U)))


def curves(x: Array, U: Array) -> Array:
    """All families at steps (m,) for rows of coordinates (W, D); (K, W, m)."""
    theta = U.copy()
    theta[:, LOGARITHMIC] = np.exp(theta[:, LOGARITHMIC])
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return bounded(np.stack([family.curve(x, theta[:, c]) for family, c in zip(FAMILIES, COLUMNS, strict=True)]))


def recency_weights(n: int) -> Array:
    """Weights of n points, the newest the heaviest, mean 1."""
    r = 10.0 ** (RECENCY * np.arange(n) / max(n, 1))
    return np.asarray(r / r.mean())


# ---- where the walkers start -------------------------------------------------------------------------------------------


def fits(x: Array, y: Array, r: Array, rng: np.random.Generator) -> tuple[list[Array], Array]:
    """Fit every family from its default start and from points of its box; coordinates, and weighted sums of squares (K,)."""
    found, costs = [], []
    for family in FAMILIES:
        low, high = family.bounds()
        anywhere = low + (high - low) * rng.random((N_STARTS - 1, family.k))
        starts = np.vstack([family.coordinates(np.array(family.start)), anywhere])
        u, cost = least_squares(family, x, y, starts, r, N_FIT)
        found.append(u[cost.argmin()])
        costs.append(cost.min())
    return found, np.array(costs)


def around(x: Array, r: Array, found: list[Array], variances: Array, rng: np.random.Generator) -> Array:
    """Draw walkers from normals around the fits: the Laplace approximation, and in directions that no data hold, the box."""
    U = np.empty((N_WALKERS, len(LOW)))
    for k, (family, u) in enumerate(zip(FAMILIES, found, strict=True)):
        low, high = family.bounds()
        J = jacobian(family, x, u[None])[1][0] * (high - low)  # in units of the box
        precision = (J * r[:, None]).T @ J / variances[k] + 12.0 * np.eye(family.k)  # a flat box has variance 1/12
        L = np.linalg.cholesky(precision)
        v = u + np.linalg.solve(L.T, rng.standard_normal((family.k, N_WALKERS))).T * (high - low)  # ~ N(u, precision⁻¹)
        v = np.where(v < low, 2 * low - v, np.where(v > high, 2 * high - v, v))  # reflected at the walls
        U[:, COLUMNS[k]] = np.clip(v, low, high)
    return U


# ---- the sampler -------------------------------------------------------------------------------------------------------


class Ensemble:
    """The walkers and what is derived from them."""

    def __init__(self, x: Array, y: Array, last: float, rng: np.random.Generator) -> None:
        self.y, self.n, self.rng = y, len(x), rng
        self.grid, self.r = np.append(x, last), recency_weights(len(x))
        found, costs = fits(x, y, self.r, rng)
        variances = (costs + NOISE_COUNT * NOISE**2) / (self.n + NOISE_COUNT)
        self.U = around(x, self.r, found, variances, rng)
        worse = 0.25 * np.minimum((costs - costs.min()) / variances.min(), 12.0)  # half of the log likelihood, up to e^-3
        self.V = np.log(rng.gamma(CONCENTRATION, size=(N_WALKERS, K)) + _LEAST) - worse
        self.variance = np.full(N_WALKERS, variances.min())
        self.F = curves(self.grid, self.U)
        self.accepted = np.zeros(K)

    def log_likelihood(self, f: Array, variance: Array) -> Array:
        """Log density of the curve, of no fall until T, and of no height beyond CEILING, for combinations (W, n + 1); (W,)."""
        residual = self.y - f[:, :-1]
        end = f[:, -1]
        off = np.maximum(np.maximum(np.maximum(f[:, self.n - 1], f[:, 0]) - end, end - CEILING), 0.0) / FALL
        return np.asarray(-0.5 * ((residual * residual) @ self.r / variance + off * off))

    def sweep(self) -> None:
        """Move both halves, every family once, then draw σ²."""
        half = N_WALKERS // 2
        self.move(slice(half), slice(half, N_WALKERS))
        self.move(slice(half, N_WALKERS), slice(half))
        w = np.exp(self.V)
        f = np.einsum("wk,kwm->wm", w, self.F) / w.sum(axis=1, keepdims=True)
        squares = (self.y - f[:, :-1]) ** 2 @ self.r + NOISE_COUNT * NOISE**2
        self.variance = squares / self.rng.chisquare(self.n + NOISE_COUNT, size=N_WALKERS)  # ~ scaled inverse χ²

    def move(self, mine: slice, others: slice) -> None:
        """Propose new blocks for all families of one half at once (they need nothing of each other); accept them in turn."""
        n, rng = N_WALKERS // 2, self.rng
        z, j = stretches((n, K), rng), partners(n, n, K, rng)
        luck = np.log(rng.random((n, K)))
        U, V, F = self.U[mine], self.V[mine], self.F[:, mine]
        partner, partner_v = np.take_along_axis(self.U[others], j[:, BLOCK], 0), np.take_along_axis(self.V[others], j, 0)
        new_U, new_V = partner + z[:, BLOCK] * (U - partner), partner_v + z * (V - partner_v)  # Goodman & Weare, eq. 7
        inside = np.logical_and.reduceat((new_U >= LOW) & (new_U <= HIGH), FIRST, axis=1)
        new_F = curves(self.grid, np.clip(new_U, LOW, HIGH))
        w, new_w = np.exp(V), np.exp(new_V)
        gain = SIZES * np.log(z) + CONCENTRATION * (new_V - V) - (new_w - w)  # z^(d-1), and the gamma prior of w
        gain = np.where(inside, gain, -np.inf)

        total, mass = np.einsum("wk,kwm->wm", w, F), w.sum(axis=1)
        log_p = self.log_likelihood(total / mass[:, None], self.variance[mine])
        moved = np.empty((n, K), dtype=bool)
        for k in range(K):
            new_total = total + new_w[:, k, None] * new_F[k] - w[:, k, None] * F[k]
            new_mass = mass + new_w[:, k] - w[:, k]
            new_p = self.log_likelihood(new_total / new_mass[:, None], self.variance[mine])
            yes = moved[:, k] = luck[:, k] < gain[:, k] + new_p - log_p
            total, mass = np.where(yes[:, None], new_total, total), np.where(yes, new_mass, mass)
            log_p = np.where(yes, new_p, log_p)
        self.U[mine], self.V[mine] = np.where(moved[:, BLOCK], new_U, U), np.where(moved, new_V, V)
        self.F[:, mine] = np.where(moved.T[:, :, None], new_F, F)
        self.accepted += moved.mean(axis=0) / (2 * N_SWEEPS)


def draw(x: Array, y: Array, last: float, rng: np.random.Generator) -> Draws:
    """Draw from the posterior given a curve in common form, (n,) each, n >= 1, that is wanted up to step ``last``."""
    ensemble, kept = Ensemble(x, y, last, rng), []
    for t in range(1, N_SWEEPS + 1):
        ensemble.sweep()
        if t > BURN_IN and t % EVERY == 0:
            kept.append((ensemble.U.copy(), ensemble.V.copy(), np.sqrt(ensemble.variance)))
    U, V, sigma = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    w = np.exp(V - V.max(axis=1, keepdims=True))
    return Draws(U, w / w.sum(axis=1, keepdims=True), sigma, ensemble.accepted)
