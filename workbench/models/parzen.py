"""Parzen estimator: a density on the unit cube made of one product kernel per observed point, and a flat prior.

Bergstra, Bardenet, Bengio and Kégl (2011), "Algorithms for hyper-parameter optimization", section 4; the product
kernels with a shared component follow Falkner, Klein and Hutter (2018), "BOHB". The algorithm:

1. Every point becomes a kernel, wide where points are far apart: its bandwidth is the larger of the gaps to its two
   neighbours in that dimension, and never less than a floor.
2. One more kernel, the prior, is a wide normal in the middle: no region ever gets density zero.
3. A kernel is a product over dimensions: a normal truncated to [0, 1] for a real number, the mass of that normal in the
   cell of a level, a smoothed one-hot row for an option.
4. The density is the weighted sum of the kernels. To sample, draw ONE kernel, then all dimensions from it: that keeps
   what the good values of different parameters have to do with each other.

Notation
--------
=========  ==========================================================
K          number of kernels, the prior included (it is the last one)
mu         centres of the kernels, (K, d)
sigma      bandwidths of the kernels, (K, d)
w          weights of the kernels, (K,), sum 1
u          points of the unit cube at which the density is wanted, (m, d)
=========  ==========================================================

Differences from the paper: kernels are products over all dimensions (the paper's are one-dimensional); levels get the
mass of their cell; the floor of the bandwidth is a parameter (it matters more than any other choice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from workbench.space import MAX_TABLE, Array, Choice, Param

PRIOR_MEAN, PRIOR_BANDWIDTH = 0.5, 1.0
MIN_BANDWIDTH = 1e-4  # below, the squares in the fast density lose too many digits
_TINY = 1e-300
_NOTHING = -200.0  # logarithm of a share that changes no digit of a sum
_MANY = 64  # kernels from which on it pays to look for equal ones


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One dimension of the unit cube: real numbers, ordered levels, or options without order.

    Attributes
    ----------
    kind
        ``"float"``, ``"level"`` or ``"choice"``.
    points
        Points of the levels or options, ascending, shape (L,); empty for real numbers.
    edges
        Borders of their cells, shape (L + 1,).
    """

    kind: Literal["float", "level", "choice"] = "float"
    points: Array = field(default_factory=lambda: np.empty(0))
    edges: Array = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, param: Param) -> Axis:
        """Make the axis of a parameter. More than 65,536 levels count as real numbers (the caller snaps samples)."""
        if isinstance(param, Choice):
            return cls("level" if param.ordered else "choice", param.levels(), param.edges())
        if param.low == param.high:
            return cls("level", param.encode([param.low]), np.array([0.0, 1.0]))
        if param.n_levels is None or param.n_levels > MAX_TABLE:
            return cls()
        return cls("level", param.snap(param.levels()), param.edges())

    def index(self, u: Array) -> NDArray[np.intp]:
        """Level or option whose cell holds ``u``."""
        return np.minimum(np.searchsorted(self.edges[1:], u, side="right"), len(self.points) - 1)


FLOAT = Axis()


def neighbour_bandwidths(points: Array, floor: float = 0.06) -> Array:
    """Bandwidths (n,) of points (n,) of one dimension: the larger gap to the two neighbours, clipped to [floor, 1].

    0 and 1 are the outer neighbours of a single point; of several, the two at the ends use their inner gap only. Of
    equal points, the first and the last keep a wide kernel and those between get the floor. In the order of the trials
    that makes the newest of several repeats wide, so the density of the bad points pushes away from what was just
    tried: never sort the points by loss before.
    """
    n = len(points)
    if n == 0:
        return np.empty(0)
    order = np.argsort(points, kind="stable")
    edges = np.concatenate([[0.0], points[order], [1.0]])
    gaps = edges[1:] - edges[:-1]  # (n + 1,)
    widest = np.maximum(gaps[:-1], gaps[1:])
    if n >= 2:
        widest[0], widest[-1] = gaps[1], gaps[-2]
    sigma = np.empty(n)
    sigma[order] = np.minimum(np.maximum(widest, floor), 1.0)
    return sigma


@dataclass(frozen=True, slots=True, eq=False)
class ParzenEstimator:
    """A mixture of product kernels on the unit cube. Make one with ``fit``.

    Attributes
    ----------
    axes
        The dimensions.
    mu, sigma
        Centres and bandwidths, shape (K, d); the last row is the prior.
    weights
        Shape (K,), sum 1.
    smoothing
        Probability mass that a kernel gives to every option besides its own, before normalising.
    """

    axes: tuple[Axis, ...]
    mu: Array
    sigma: Array
    weights: Array
    smoothing: float

    @classmethod
    def fit(cls, points: ArrayLike, axes: tuple[Axis, ...] | None = None, *, weights: ArrayLike | None = None,
            bandwidth: ArrayLike | None = None, floor: float | Sequence[float] = 0.06,
            prior_weight: float = 1.0) -> ParzenEstimator:
        """Put a kernel on every point.

        Parameters
        ----------
        points
            Shape (n, d), or (n,) for one dimension; without nan. n = 0 leaves the prior alone.
        axes
            The d dimensions; real numbers if not given.
        weights
            Of the points, shape (n,), beside the prior's ``prior_weight``; all 1 if not given.
        bandwidth
            A number, or one per dimension, or per point and dimension; by the neighbour rule if not given.
        floor
            Smallest bandwidth of the neighbour rule, as a share of the range; one number, or one per dimension.
        prior_weight
            Weight of the prior kernel; positive if there are no points.
        """
        points = np.asarray(points, dtype=float)
        points = points[:, None] if points.ndim == 1 else points
        n, d = points.shape
        axes = (FLOAT,) * d if axes is None else axes
        if len(axes) != d:
            raise ValueError(f"every column of points needs its axis, got {d} columns and {len(axes)} axes.")
        if bandwidth is None:
            floors = (floor,) * d if isinstance(floor, (int, float)) else floor
            sigma = np.stack([np.ones(n) if axis.kind == "choice" else neighbour_bandwidths(points[:, j], floors[j])
                              for j, axis in enumerate(axes)], axis=1)
        else:
            sigma = np.broadcast_to(np.asarray(bandwidth, dtype=float), (n, d))
        if n and not sigma.min() >= MIN_BANDWIDTH:
            raise ValueError(f"a bandwidth must be at least {MIN_BANDWIDTH} of the range, got {sigma.min()}.")
        w = np.append(np.ones(n) if weights is None else np.asarray(weights, dtype=float), prior_weight)
        if len(w) != n + 1 or not (w >= 0).all() or not w.sum() > 0:
            raise ValueError(f"weights must be {n} numbers >= 0 that, with the prior's, are not all 0; got {weights!r} "
                             f"and prior_weight={prior_weight!r}.")
        mu = np.full((n + 1, d), PRIOR_MEAN)
        mu[:n] = points
        wide = np.full((n + 1, d), PRIOR_BANDWIDTH)
        wide[:n] = sigma
        return cls(axes, mu, wide, w / w.sum(), max(prior_weight, _TINY) / (n + 1))

    def __len__(self) -> int:
        """Count the kernels, the prior included."""
        return len(self.weights)

    # ---- densities ---------------------------------------------------------------------------------------------

    def logpdf(self, u: ArrayLike) -> Array:
        """Logarithm of the density at points (m, d), or (m,) for one dimension; shape (m,).

        Density per unit of the real dimensions, probability for levels and options: it integrates and sums to 1.
        """
        u = self._rows(u)
        log_p = self._log_floats(u)  # (m, K)
        for j, axis in enumerate(self.axes):
            if axis.kind != "float":
                log_p += self.log_kernels(j, u[:, j])
        top = log_p.max(axis=1, keepdims=True)
        log_p -= top
        np.maximum(log_p, _NOTHING, out=log_p)  # exp is slow where its result has no full precision any more
        np.exp(log_p, out=log_p)
        return np.asarray(top[:, 0] + np.log(log_p @ self.weights))

    def pdf(self, u: ArrayLike) -> Array:
        """Return the density at points (m, d), or (m,) for one dimension; shape (m,)."""
        return np.asarray(np.exp(self.logpdf(u)))

    def marginal(self, j: int, u: ArrayLike) -> Array:
        """Density of dimension ``j`` alone at ``u`` (m,); of a level or option: its probability."""
        return np.asarray(np.exp(self.log_kernels(j, np.asarray(u, dtype=float))) @ self.weights)

    def log_kernels(self, j: int, u: Array) -> Array:
        """Logarithm of every kernel's density in dimension ``j`` at ``u`` (m,); shape (m, K)."""
        axis, mu, sigma = self.axes[j], self.mu[:, j], self.sigma[:, j]
        if axis.kind == "choice":
            return self._log_options(axis, mu, axis.index(u))
        if axis.kind == "level":
            return _log_cell_mass(axis.edges, axis.index(u), mu, sigma)
        z = (u[:, None] - mu) / sigma
        return np.asarray(-0.5 * z * z - _log_normaliser(mu, sigma))

    def _log_floats(self, u: Array) -> Array:
        """Sum the real dimensions' log kernels, (m, K).

        -(u - mu)² / 2 sigma² is expanded into u (mu / sigma²) - u² (1 / 2 sigma²) + …: one matrix product.
        """
        js = [j for j, axis in enumerate(self.axes) if axis.kind == "float"]
        if not js:
            return np.zeros((len(u), len(self)))
        mu, sigma, v = self.mu[:, js], self.sigma[:, js], u[:, js]
        precision = 1 / (sigma * sigma)
        pull = mu * precision
        constant = -0.5 * (mu * pull).sum(axis=1) - _log_normaliser(mu, sigma).sum(axis=1)  # (K,)
        left = np.hstack([v, -0.5 * v * v, np.ones((len(v), 1))])
        return np.asarray(left @ np.hstack([pull, precision, constant[:, None]]).T)

    def _log_options(self, axis: Axis, mu: Array, option: NDArray[np.intp]) -> Array:
        """Rows smoothing + one-hot, normalised; the prior's row is uniform."""
        n_options, s = len(axis.points), self.smoothing
        total = 1 + n_options * s
        own = option[:, None] == axis.index(mu)
        log_p = np.full(own.shape, np.log(s / total))
        log_p[own] = np.log((1 + s) / total)
        log_p[:, -1] = -np.log(n_options)
        return log_p

    def _rows(self, u: ArrayLike) -> Array:
        u = np.asarray(u, dtype=float)
        u = u[:, None] if u.ndim == 1 else u
        if u.shape[1] != len(self.axes):
            raise ValueError(f"points must have {len(self.axes)} columns, got shape {u.shape}.")
        return u

    # ---- sampling ----------------------------------------------------------------------------------------------

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n points (n, d): for each one kernel, then all its dimensions from that kernel."""
        k = np.searchsorted(np.cumsum(self.weights)[:-1], rng.random(n), side="right")  # ~ Categorical(w)
        mu, sigma, q = self.mu[k], self.sigma[k], rng.random((n, len(self.axes)))
        below = ndtr(-mu / sigma)
        u = mu + sigma * ndtri(below + q * (ndtr((1 - mu) / sigma) - below))  # ~ N(mu, sigma²) truncated to [0, 1]
        u = np.clip(u, 0.0, 1.0)
        for j, axis in enumerate(self.axes):
            if axis.kind == "level":
                u[:, j] = axis.points[axis.index(u[:, j])]
            elif axis.kind == "choice":
                u[:, j] = axis.points[self._options(axis, mu[:, j], k == len(self) - 1, q[:, j])]
        return u

    def _options(self, axis: Axis, mu: Array, prior: NDArray[np.bool_], q: Array) -> NDArray[np.intp]:
        """Draw options by one uniform number each: the kernel's own with the mass 1, else any option."""
        n_options = len(axis.points)
        spread = np.where(prior, np.inf, n_options * self.smoothing)  # mass that is spread over all options
        v = q * (1 + np.where(prior, 0.0, spread))
        anywhere = np.where(prior, q, (v - 1) / np.where(prior, 1.0, spread))
        drawn = np.clip((anywhere * n_options).astype(np.intp), 0, n_options - 1)
        return np.where((v < 1) & ~prior, axis.index(mu), drawn)


def _log_normaliser(mu: Array, sigma: Array) -> Array:
    """Logarithm of ∫₀¹ exp(-(u - mu)² / 2 sigma²) du."""
    inside = ndtr((1 - mu) / sigma) - ndtr(-mu / sigma)
    return np.asarray(np.log(sigma * np.maximum(inside, _TINY)) + 0.5 * np.log(2 * np.pi))


def _log_cell_mass(edges: Array, level: NDArray[np.intp], mu: Array, sigma: Array) -> Array:
    """Logarithm of the truncated normals' mass in the cells of ``level`` (m,); shape (m, K).

    Many points share a level, and most kernels of a level share the floor of the bandwidth: with many kernels, the
    different ones are computed once.
    """
    kernel = None
    if len(mu) > _MANY:
        _, first, kernel = np.unique(mu + 1j * sigma, return_index=True, return_inverse=True)
        mu, sigma = mu[first], sigma[first]
    few_levels = len(edges) <= 2 * len(level)
    borders = edges[:, None] if few_levels else edges[[level, level + 1]][..., None]
    cdf = ndtr((borders - mu) / sigma)
    mass = cdf[1:] - cdf[:-1] if few_levels else cdf[1] - cdf[0]  # of every level, or of those asked for
    mass /= ndtr((1 - mu) / sigma) - ndtr(-mu / sigma)
    table = np.log(np.maximum(mass, _TINY, out=mass), out=mass)
    if few_levels:
        table = table[level]
    return table if kernel is None else np.asarray(table.take(kernel, axis=1))
