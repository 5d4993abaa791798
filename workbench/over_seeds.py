"""Numbers over several seeds: middle and spread, ranks, effect sizes, and tests of whether a difference is more than chance.

All losses are minimised. Where algorithms ran with the same seeds (or on the same problems) they are compared within each of
these *blocks*, which takes the luck of a seed out of the comparison; otherwise each run of one with each run of the other.

Sources: Demšar (2006), "Statistical comparisons of classifiers over multiple data sets" (average ranks, sign test, Wilcoxon's
signed-rank test, Friedman's test and Nemenyi's critical difference, with seeds in the place of data sets); Holm (1979) for
many p-values; Mann & Whitney (1947) and Kruskal & Wallis (1952) without blocks; Vargha & Delaney (2000) for Â12.

Notation
--------
======  =========================================================
``n``   blocks: seeds or problems
``k``   algorithms
``R``   average ranks, shape (k,), 1 = best
======  =========================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest, friedmanchisquare, kruskal, mannwhitneyu, rankdata, studentized_range, wilcoxon

from workbench.space import Array

LEVEL = 0.05  # p-values below are called more than chance
HUGE = 1e300

# ---- middle and spread -------------------------------------------------------------------------------------------------

def quartiles(curves: Array) -> Array:
    """Return lower quartile, median and upper quartile over the seeds, shape (3, n); what is not found yet counts as worst.

    Values that occurred, not means of two: these would be infinite, or wrong on a log axis.
    """
    return np.asarray(np.quantile(curves, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf"))


def mean_and_error(curves: Array) -> Array:
    """Return mean minus its standard error, mean, and mean plus it, shape (3, n); inf where a seed has found nothing yet."""
    n = len(curves)
    found = np.isfinite(curves).all(axis=0)
    mean = np.where(found, np.mean(np.where(found, curves, 0.0), axis=0), np.inf)
    error = np.std(np.where(found, curves, 0.0), axis=0, ddof=1) / math.sqrt(n) if n > 1 else np.zeros(curves.shape[1])
    return np.array([mean - error, mean, mean + error])

# ---- ranks and effect sizes --------------------------------------------------------------------------------------------

def ranked(final: Array) -> Array:
    """Rank the algorithms (second axis) within each seed (first axis), 1 = best, ties shared; shape of ``final``."""
    return np.asarray(rankdata(final, axis=1)) if final.size else np.empty(final.shape)


def difference(a: Array, b: Array) -> Array:
    """Subtract final losses; equal up to rounding is a tie, and so is nothing found by either."""
    a, b = np.clip(a, -HUGE, HUGE), np.clip(b, -HUGE, HUGE)
    return np.where(np.isclose(a, b, rtol=1e-12, atol=0.0), 0.0, a - b)


def a12(a: Array, b: Array) -> float:
    """Vargha and Delaney's Â12: the probability that a run of a has a smaller loss than one of b, ties as one half."""
    gap = difference(np.asarray(a)[:, None], np.asarray(b)[None, :])
    return float(np.mean((gap < 0) + 0.5 * (gap == 0)))


def effect(size: float) -> str:
    """Say how large an Â12 is, by the bounds of Vargha and Delaney (2000): 0.56, 0.64, 0.71."""
    far = abs(size - 0.5) + 1e-12
    return "large" if far >= 0.21 else "medium" if far >= 0.14 else "small" if far >= 0.06 else "negligible"

# ---- tests -------------------------------------------------------------------------------------------------------------

def sign_test(better: int, worse: int) -> float:
    """Two-sided probability of so uneven a split if both were equally good; ties do not count."""
    return 1.0 if better + worse == 0 else float(binomtest(better, better + worse).pvalue)


def signed_rank_test(gap: Array) -> float:
    """Wilcoxon's two-sided p-value for differences; ties are left out."""
    gap = gap[gap != 0]
    return 1.0 if len(gap) == 0 else float(wilcoxon(gap).pvalue)


def rank_sum_test(a: Array, b: Array) -> float:
    """Mann and Whitney's two-sided p-value for two samples that are not paired."""
    a, b = np.clip(a, -HUGE, HUGE), np.clip(b, -HUGE, HUGE)
    return float(mannwhitneyu(a, b, alternative="two-sided").pvalue)


def least_p(n_a: int, n_b: int, *, paired: bool) -> float:
    """Return the least p-value that so few runs can give, had a always been better: no test tells more."""
    return 2.0 ** (1 - n_a) if paired else 2.0 / math.comb(n_a + n_b, n_a)


def friedman_test(final: Array) -> float:
    """Friedman's p-value: are k >= 3 algorithms all equally good, by their ranks in n blocks? ``final`` is (n, k)."""
    if np.ptp(final, axis=1).max() == 0:  # all tied: no statistic, and no difference
        return 1.0
    return float(friedmanchisquare(*np.clip(final, -HUGE, HUGE).T).pvalue)


def kruskal_test(samples: Sequence[Array]) -> float:
    """Kruskal and Wallis's p-value for samples that are not paired: small if they are not all alike."""
    clipped = [np.clip(s, -HUGE, HUGE) for s in samples]
    if np.ptp(np.concatenate(clipped)) == 0:
        return 1.0
    return float(kruskal(*clipped).pvalue)


def critical_difference(k: int, n: int, level: float = LEVEL) -> float:
    """Nemenyi's critical difference of average ranks: CD = q_α √(k(k+1) / 6n) (Demšar 2006, section 3.2.2).

    q_α is a quantile of the Studentised range of k means with infinite degrees of freedom, divided by √2.
    """
    q = float(studentized_range.ppf(1 - level, k, np.inf)) / math.sqrt(2)
    return q * math.sqrt(k * (k + 1) / (6 * n))


def holm(p: Sequence[float]) -> list[float]:
    """Correct p-values for their number: the k-th smallest of m times m - k + 1, never smaller than the one before."""
    out, above = [0.0] * len(p), 0.0
    for k, i in enumerate(np.argsort(p, kind="stable").tolist()):
        above = max(above, min(1.0, (len(p) - k) * p[i]))
        out[i] = above
    return out


def p_text(p: float) -> str:
    """Write a p-value."""
    return "< 0.001" if p < 0.001 else f"{p:.2g}"
