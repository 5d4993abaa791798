"""Kernel density estimate of BOHB: one product kernel per observed point, with one bandwidth per dimension.

Falkner, Klein and Hutter (2018), "BOHB", section 3.1 and Algorithm 2. What their program takes from statsmodels is written out
here:

1. A number has a Gaussian kernel, an option the kernel of Aitchison and Aitken (1976).
2. The bandwidths follow the normal reference rule, h = 1.06 σ n^(-1/(4+d)), and are never less than a floor.
3. The density is the mean of the products of kernels.
4. To sample, draw one of the points, and every dimension from its kernel, the Gaussians ``factor`` times as wide and cut off
   at the ends of the range; an option is kept with probability 1 - h, or else drawn uniformly.

Notation
--------
=========  =================================================================
n, d       points and dimensions
h          bandwidths, (d,)
sigma      spread of the points in one dimension
K          number of options
u          points of the unit cube at which the density is wanted, (m, d)
=========  =================================================================

Differences from the paper: h of options is at most (K - 1)/K, which is the uniform distribution (the paper's program lets it
exceed 1). Their spread is σ² = (1 - Σ p_k²)/2, with p_k the share of option k: for two options the variance of their number, for
more of them independent of how they are numbered. All K options have a probability, not only those among the points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp, ndtr, ndtri

from workbench.models.parzen import Axis
from workbench.space import Array

FLOOR = 1e-3  # min_bandwidth of the paper's program


def spread(points: Array, axis: Axis) -> float:
    """Spread of points (n,) of one dimension: standard deviation, for options that of the docstring above."""
    if axis.kind != "choice":
        return float(points.std())
    p = np.bincount(axis.index(points), minlength=len(axis.points)) / len(points)
    return math.sqrt(max(1 - float(p @ p), 0.0) / 2)


def normal_reference(points: Array, axes: tuple[Axis, ...], floor: float = FLOOR) -> Array:
    """Bandwidths h = 1.06 σ n^(-1/(4+d)) of points (n, d), not less than the floor; shape (d,)."""
    n, d = points.shape
    h = np.empty(d)
    for j, axis in enumerate(axes):
        h[j] = max(1.06 * spread(points[:, j], axis) * n ** (-1 / (4 + d)), floor)
        if axis.kind == "choice":
            h[j] = min(h[j], 1 - 1 / len(axis.points))
    return h


@dataclass(frozen=True, slots=True, eq=False)
class KDE:
    """A product-kernel density. Make one with ``fit``.

    Attributes
    ----------
    axes
        The dimensions; what is no choice is a number.
    points
        Shape (n, d), without nan.
    h
        Bandwidths, shape (d,).
    """

    axes: tuple[Axis, ...]
    points: Array
    h: Array

    @classmethod
    def fit(cls, points: ArrayLike, axes: tuple[Axis, ...], floor: float = FLOOR) -> KDE:
        """Put a kernel on every point (n, d), n > 0."""
        points = np.asarray(points, dtype=float)
        if points.ndim != 2 or points.shape[1] != len(axes) or not len(points):
            raise ValueError(f"a density needs points of shape (n, {len(axes)}), n > 0, got shape {points.shape}.")
        if np.isnan(points).any():
            raise ValueError("a density needs points without nan: impute what is inactive before.")
        return cls(axes, points, normal_reference(points, axes, floor))

    def __len__(self) -> int:
        """Count the points."""
        return len(self.points)

    def logpdf(self, u: ArrayLike) -> Array:
        """Logarithm of the density at points (m, d); shape (m,)."""
        u = np.asarray(u, dtype=float)
        log_p = np.zeros((len(u), len(self)))
        for j in range(len(self.axes)):
            log_p += self.log_kernels(j, u[:, j])
        return np.asarray(logsumexp(log_p, axis=1) - math.log(len(self)))

    def pdf(self, u: ArrayLike) -> Array:
        """Return the density at points (m, d); shape (m,)."""
        return np.asarray(np.exp(self.logpdf(u)))

    def marginal(self, j: int, u: Array) -> Array:
        """Density of dimension ``j`` alone at ``u`` (m,); of an option: its probability."""
        return np.asarray(np.exp(self.log_kernels(j, u)).mean(axis=1))

    def log_kernels(self, j: int, u: Array) -> Array:
        """Logarithm of every point's kernel in dimension ``j`` at ``u`` (m,); shape (m, n)."""
        axis, h, mu = self.axes[j], float(self.h[j]), self.points[:, j]
        if axis.kind != "choice":
            z = (u[:, None] - mu) / h
            return np.asarray(-0.5 * z * z - math.log(h * math.sqrt(2 * math.pi)))  # N(mu, h²)
        K = len(axis.points)
        if K == 1:
            return np.zeros((len(u), len(self)))
        same = axis.index(u)[:, None] == axis.index(mu)
        return np.where(same, math.log(1 - h), math.log(h / (K - 1)))  # Aitchison & Aitken 1976

    def sample(self, m: int, rng: np.random.Generator, factor: float = 1.0) -> Array:
        """Draw points (m, d): for each one of the points, then all dimensions from its kernel. Levels are snapped to."""
        mu = self.points[rng.integers(len(self), size=m)]
        q = rng.random(mu.shape)
        u = np.empty_like(mu)
        for j, axis in enumerate(self.axes):
            if axis.kind == "choice":
                anywhere = rng.integers(len(axis.points), size=m)
                u[:, j] = axis.points[np.where(q[:, j] < 1 - self.h[j], axis.index(mu[:, j]), anywhere)]
                continue
            width = factor * self.h[j]
            below, above = ndtr(-mu[:, j] / width), ndtr((1 - mu[:, j]) / width)
            drawn = mu[:, j] + width * ndtri(below + q[:, j] * (above - below))  # ~ N(mu, width²) truncated to [0, 1]
            u[:, j] = np.clip(drawn, 0.0, 1.0)
            if axis.kind == "level":
                u[:, j] = axis.points[axis.index(u[:, j])]
        return u


def impute(points: Array, axes: tuple[Axis, ...], rng: np.random.Generator) -> Array:
    """Fill the holes of points (n, d) from donors: other points, drawn at random, that have the value.

    A donor fills all holes that it can. What no point has is drawn uniformly.
    """
    out = points.copy()
    donors = [np.flatnonzero(~np.isnan(points[:, j])) for j in range(len(axes))]
    for row in out:
        while (holes := np.flatnonzero(np.isnan(row))).size:
            j = holes[0]
            if len(donors[j]):
                row[holes] = points[donors[j][rng.integers(len(donors[j]))], holes]
            else:
                row[j] = rng.random() if axes[j].kind == "float" else axes[j].points[rng.integers(len(axes[j].points))]
    return out
