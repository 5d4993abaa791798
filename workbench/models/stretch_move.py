"""The affine-invariant ensemble sampler: walkers that move along lines through each other.

Goodman & Weare 2010, "Ensemble samplers with affine invariance", section 2:

1. Split the walkers into two halves. Move one half, then the other.
2. For a walker X_k draw a partner X_j of the other half and a stretch Z, and propose Y = X_j + Z (X_k - X_j)      (eq. 7)
3. with the law of Z ∝ 1/√z on [1/a, a], so that the proposal is symmetric in the sense of their eq. 8            (eq. 9)
4. Accept with probability min(1, Z^(d-1) p(Y) / p(X_k)).                                                      (eq. 10)

It has no step size to tune, and a thin, tilted density costs it no more than a round one. Its weakness is dimension: beyond
some twenty it hardly moves. A move may change a block of d coordinates alone and leave the walker's others as they are; the same
rule holds with the block's d, and X_k - X_j taken within the block.

Differences from the paper: none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workbench.space import Array

A = 2.0  # the paper's a


def stretches(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draw Z of density ∝ 1/√z on [1/a, a] (eq. 9), by the inverse of its distribution function."""
    return np.asarray(((A - 1.0) * rng.random(shape) + 1.0) ** 2 / A)


def partners(n: int, m: int, n_blocks: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw for each of n walkers and each block one of m partners; shape (n, n_blocks)."""
    return rng.integers(m, size=(n, n_blocks))


def sample(log_density: Callable[[Array], Array], walkers: Array, n_steps: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Move all coordinates at once, ``n_steps`` times.

    Parameters
    ----------
    log_density
        Of rows (n, d), up to a constant; (n,).
    walkers
        Where they start, (W, d), W even and at least 2 (d + 1), not all in one hyperplane.

    Returns
    -------
    chain, accepted
        Shape (n_steps, W, d), and the share of accepted moves.
    """
    n, d = walkers.shape
    if n % 2 or n < 2 * (d + 1):
        raise ValueError(f"the walkers must be even in number and at least 2 (d + 1) = {2 * (d + 1)}, got {n}.")
    x, half, accepted = walkers.copy(), n // 2, 0
    log_p, chain = log_density(x), np.empty((n_steps, n, d))
    for t in range(n_steps):
        for mine, others in ((slice(half), slice(half, n)), (slice(half, n), slice(half))):
            z = stretches((half,), rng)
            partner = x[others][partners(half, half, 1, rng)[:, 0]]
            y = partner + z[:, None] * (x[mine] - partner)  # eq. 7
            log_y = log_density(y)
            moved = np.log(rng.random(half)) < (d - 1) * np.log(z) + log_y - log_p[mine]  # eq. 10
            x[mine], log_p[mine] = np.where(moved[:, None], y, x[mine]), np.where(moved, log_y, log_p[mine])
            accepted += int(moved.sum())
        chain[t] = x
    return chain, accepted / (n_steps * n)
