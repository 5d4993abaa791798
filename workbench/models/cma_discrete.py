"""What CMA-ES needs for parameters that are no real numbers: margins for levels, probabilities for options.

Levels (whole numbers, steps, ordered options) are cells of a real coordinate. Near the end of a search a cell swallows
the whole distribution, every sample becomes the same level, and the search is stuck. "CMA-ES with margin" (Hamano,
Saito, Nomura & Shirakawa 2022, GECCO, arXiv 2205.13482) moves the mean, and stretches the coordinate by a factor A, so that the
neighbouring levels keep a probability of alpha. Options without order get a categorical distribution, which follows
the natural gradient (Hamano et al. 2024, "CatCMA", arXiv 2405.09962, eq. 12 and section 4.2).

Notation
--------
============  =================================================================================
v             a coordinate of N(m, sigma^2 C); what is evaluated is the cell of m + A (v - m)
A             stretching of the level coordinates, (n,), 1 for real numbers
low, up       borders of the mean's cell (of its two outer cells, the inner border)
alpha         the margin: least probability of leaving the cell
q             probabilities of the K options
============  =================================================================================

Differences from the papers: the probabilities learn at a fixed rate instead of CatCMA's adaptive one, which is made
for thousands of evaluations. A history keeps the level that was evaluated, not v; ``latent`` draws v anew, from its law
given the levels.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri, ndtr, ndtri

from workbench.scale import Array


def margin_correction(mean: Array, A: Array, deviation: Array, low: Array, up: Array,
                      alpha: float) -> tuple[Array, Array]:
    """Move means and stretch coordinates, so that every neighbouring cell keeps its probability.

    Parameters
    ----------
    mean, A
        Of the level coordinates, shape (k,).
    deviation
        Their sigma sqrt(C_jj), without A.
    low, up
        Borders of the mean's cell, both finite; in an outermost cell both are its inner border.
    alpha
        The margin.

    Returns
    -------
    The new mean and A.
    """
    p_low = ndtr((low - mean) / (A * deviation))  # P(v below the cell)
    p_up = ndtr((mean - up) / (A * deviation))  # P(v above it)
    p_mid = 1 - p_low - p_up
    at_edge = np.maximum(p_low, p_up) > 0.5

    # an outermost cell (and a binary one): move the mean towards its inner border until alpha lies beyond      eq. 9-10
    reach = np.sqrt(_chi2_quantile(1 - 2 * alpha)) * A * deviation
    edge_mean = np.where(np.minimum(p_low, p_up) < alpha, up + np.sign(mean - up) * reach, mean)

    # otherwise: alpha / 2 on either side, by moving the mean and by stretching                              eq. 11-16
    low_at_least, up_at_least = np.maximum(p_low, alpha / 2), np.maximum(p_up, alpha / 2)
    surplus = 1 - low_at_least - up_at_least - p_mid
    total = low_at_least + p_mid + up_at_least - 3 * alpha / 2
    q_low = low_at_least + surplus * (low_at_least - alpha / 2) / total
    q_up = up_at_least + surplus * (up_at_least - alpha / 2) / total
    r_low = np.sqrt(_chi2_quantile(1 - 2 * np.clip(q_low, 1e-10, 0.5 - 1e-10)))
    r_up = np.sqrt(_chi2_quantile(1 - 2 * np.clip(q_up, 1e-10, 0.5 - 1e-10)))
    inner_mean = (low * r_up + up * r_low) / (r_low + r_up)
    inner_A = (up - low) / ((r_low + r_up) * deviation)
    return np.where(at_edge, edge_mean, inner_mean), np.where(at_edge, A, inner_A)


def _chi2_quantile(p: float | Array) -> Array:
    return np.asarray(chdtri(1, 1 - np.asarray(p)))


def move_probabilities(q: Array, options: Array, w: Array, rate: float, least: float) -> Array:
    """Move the probabilities of one choice towards the options of the better points.

    Parameters
    ----------
    q
        Probabilities of the options, shape (K,).
    options
        Index of the option of each point, the best point first, shape (lam,).
    w
        Positive weights of the ranks, summing to 1, shape (mu,): q <- q + rate * sum_i w_i (c_i - q), with c_i one-hot.
    rate
        Learning rate.
    least
        No probability falls below it, at most 1 / K.
    """
    q = (1 - rate) * q + rate * np.bincount(options[:len(w)], weights=w, minlength=len(q))
    floored = np.maximum(q, least)  # CatCMA, eq. 15-16: the surplus comes from those above the floor, in proportion
    spare = floored.sum() - least * len(q)
    if spare > 0:
        floored = floored - (floored.sum() - 1) * (floored - least) / spare
    return np.asarray(floored / floored.sum())


def latent(mean: Array, root: Array, low: Array, up: Array, rng: np.random.Generator) -> Array:
    """Draw points of a normal distribution of which only the cells are known, coordinate after coordinate.

    Each coordinate is drawn from its normal law given the coordinates before it, cut to its cell (the sampler of Geweke,
    Hajivassiliou and Keane). Coordinates that are known exactly should come first.

    Parameters
    ----------
    mean, root
        The normal distribution N(mean, L L') by its mean and the lower triangular L, positive on its diagonal.
    low, up
        Borders of the cells, shape (lam, n); a coordinate that is known exactly has both equal.
    """
    v, e = np.empty(low.shape), np.zeros(low.shape)  # v = mean + L e
    for j in range(low.shape[1]):
        centre, scale = mean[j] + e[:, :j] @ root[j, :j], root[j, j]
        exact = low[:, j] == up[:, j]
        v[:, j] = low[:, j]
        if not exact.all():
            z = truncated_normal((low[:, j] - centre) / scale, (up[:, j] - centre) / scale, rng)
            v[:, j] = np.where(exact, low[:, j], np.clip(centre + scale * z, low[:, j], up[:, j]))
        e[:, j] = (v[:, j] - centre) / scale
    return v


def truncated_normal(low: Array, up: Array, rng: np.random.Generator) -> Array:
    """Draw from N(0, 1) cut to [low, up], elementwise; in a far tail the end that lies nearer."""
    right = low > 0  # mirrored, so that probabilities stay small numbers, which keep their digits
    a, b = np.where(right, -up, low), np.where(right, -low, up)
    p_a, p_b = ndtr(a), ndtr(b)
    z = ndtri(p_a + rng.random(len(a)) * (p_b - p_a))
    z = np.clip(np.where(np.isfinite(z), z, b), a, b)
    return np.where(right, -z, z)
