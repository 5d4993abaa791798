"""Stationary kernels as functions of the squared scaled distance, and a Bayesian quadratic trend.

Rasmussen & Williams 2006, chapter 4. Every kernel here depends on its inputs only through r² = Σ_f (a_f - b_f)² / l_f²,
one length-scale l_f per feature ("ARD"), so that all distances are one matrix product and all gradients are built from
dk/d(r²).

Notation
--------
==========  ==========================================================
``r2``      squared scaled distances, shape (n, m)
``Matérn``  k = (1 + s + s²/3) exp(-s) with s = √5 r      (R&W eq. 4.17)
``RBF``     k = exp(-r²/2)                                (R&W eq. 4.9)
``T``       features of the trend, [c, 2c²] with c = z - ½
==========  ==========================================================
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from workbench.space import Array

KernelName = Literal["matern52", "rbf"]


def squared_distances(A: Array, B: Array) -> Array:
    """Return |a|² + |b|² - 2ab for all pairs of rows, shape (n, m); exactly 0 on the diagonal if A is B."""
    r2: Array = A @ B.T
    r2 *= -2.0
    r2 += (A * A).sum(1)[:, None]
    r2 += (B * B).sum(1)[None]
    np.maximum(r2, 0.0, out=r2)
    if A is B:
        r2.flat[:: len(r2) + 1] = 0.0
    return r2


def correlation(r2: Array, kernel: KernelName) -> Array:
    """Kernel of unit variance at squared scaled distances."""
    if kernel == "rbf":
        return np.exp(-0.5 * r2)
    R = 5.0 * r2  # s²
    s = np.sqrt(R)
    R /= 3.0
    R += s
    R += 1.0
    np.negative(s, out=s)
    R *= np.exp(s, out=s)
    return R


def correlation_and_slope(r2: Array, kernel: KernelName) -> tuple[Array, Array]:
    """Kernel of unit variance and its derivative by r²: for Matérn -5/6 (1 + s) exp(-s), which is smooth at 0."""
    if kernel == "rbf":
        k = np.exp(-0.5 * r2)
        return k, -0.5 * k
    R = 5.0 * r2
    s = np.sqrt(R)
    e = np.exp(-s)
    R /= 3.0
    R += s
    R += 1.0
    R *= e
    s += 1.0
    s *= e
    s *= -5.0 / 6.0
    return R, s


def trend_features(Z: Array) -> Array:
    """Linear and quadratic features of the trend, centred in the unit cube, shape (n, 2F)."""
    c = Z - 0.5
    return np.hstack([c, 2.0 * c * c])


def trend_slope(Z: Array, h: Array) -> Array:
    """Gradient by z of T(z)·h, for h of shape (2F,) or one row of it per row of Z; shape (n, F)."""
    F = Z.shape[1]
    return h[..., :F] + 4.0 * (Z - 0.5) * h[..., F:]
