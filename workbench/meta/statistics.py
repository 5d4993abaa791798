"""Statistical and information-theoretic meta-features (``features.py`` says what each is, and its source)."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from workbench.meta.described import Described
from workbench.space import Array


def n_binary(t: Described) -> float:
    """Count the columns with two values."""
    return sum(len(np.unique(c)) == 2 for c in (*t.numeric.T, *t.categories.T))


def class_spread(t: Described) -> float:
    """Return the standard deviation of the classes' shares."""
    return float(np.std(t.counts / t.n, ddof=1)) if t.has_classes else np.nan


# ---- of columns of numbers ---------------------------------------------------------------------------------------------


def _correlations(t: Described) -> Array:
    p = t.varying.shape[1]
    if p < 2 or t.n < 2:
        return np.empty(0)
    return np.asarray(np.abs(np.corrcoef(t.varying, rowvar=False))[np.tril_indices(p, k=-1)])


def correlation(t: Described) -> float:
    """Return the mean absolute correlation of two columns."""
    r = _correlations(t)
    return float(r.mean()) if len(r) else np.nan


def n_correlated(t: Described) -> float:
    """Return the share of strongly correlated pairs."""
    r = _correlations(t)
    return float((r >= 0.5).mean()) if len(r) else np.nan


def _moments(t: Described, power: int) -> Array:
    """Return the standardised central moment of each varying column, with the sample's standard deviation."""
    x = t.varying - t.varying.mean(axis=0)
    return np.asarray((x**power).mean(axis=0) / t.varying.std(axis=0, ddof=1) ** power) if t.n > 1 and x.size else np.empty(0)


def _mean(x: Array) -> float:
    return float(x.mean()) if len(x) else np.nan


def _sd(x: Array) -> float:
    return float(x.std(ddof=1)) if len(x) > 1 else np.nan


def kurtosis(t: Described) -> float:
    """Return the mean excess kurtosis."""
    return _mean(_moments(t, 4)) - 3.0


def kurtosis_spread(t: Described) -> float:
    """Return its standard deviation."""
    return _sd(_moments(t, 4))


def skewness(t: Described) -> float:
    """Return the mean skewness."""
    return _mean(_moments(t, 3))


def skewness_spread(t: Described) -> float:
    """Return its standard deviation."""
    return _sd(_moments(t, 3))


def n_outliers(t: Described) -> float:
    """Count the columns with outliers."""
    if not t.numeric.size:
        return 0.0
    low, q1, q3, high = np.percentile(t.numeric, (0, 25, 75, 100), axis=0)
    reach = 1.5 * (q3 - q1)
    return float(((low < q1 - reach) | (high > q3 + reach)).sum())


def sparsity(t: Described) -> float:
    """Return the mean sparsity of a column."""
    n_values = np.array([len(np.unique(c)) for c in (*t.numeric.T, *t.categories.T)])
    return float(((t.n / n_values - 1) / (t.n - 1)).mean()) if t.n > 1 else np.nan


# ---- of columns of numbers and classes ---------------------------------------------------------------------------------


def gravity(t: Described) -> float:
    """Return the distance between the means of the largest and the smallest class."""
    if not t.has_classes or not t.numeric.size:
        return np.nan
    most = int(np.argmax(t.counts))
    least = min((c for c in range(len(t.counts)) if c != most), key=lambda c: (t.counts[c], c))
    assert t.y is not None
    return float(np.linalg.norm(t.numeric[t.y == most].mean(axis=0) - t.numeric[t.y == least].mean(axis=0)))


def _canonical(t: Described) -> Array:
    """Return the canonical correlations of columns and classes: cosines between the two spaces they span."""
    if not t.has_classes or not t.varying.size:
        return np.empty(0)
    x = _basis(t.varying)
    y = _basis(np.eye(len(t.counts))[t.y])
    return np.asarray(np.clip(np.linalg.svd(x.T @ y, compute_uv=False), 0.0, 1.0))


def _basis(a: Array) -> Array:
    """Return an orthonormal basis of the centred columns."""
    a = a - a.mean(axis=0)
    scale = a.std(axis=0)
    u, s, _ = np.linalg.svd(a / np.where(scale > 0, scale, 1.0), full_matrices=False)
    return np.asarray(u[:, s > 1e-9 * s[0]])


def canonical_correlation(t: Described) -> float:
    """Return the mean canonical correlation."""
    return _mean(_canonical(t))


def wilks_lambda(t: Described) -> float:
    """Return Wilks' lambda."""
    r = _canonical(t)
    return float(np.prod(1.0 - r**2)) if len(r) else np.nan


def sd_ratio(t: Described) -> float:
    """Return Box's M of the classes' covariances, as a ratio; nan where one of them is singular."""
    if not t.has_classes or not t.numeric.size or t.counts.min() < 2:
        return np.nan
    (n, p), k, w = t.numeric.shape, len(t.counts), t.counts - 1.0
    own = [np.atleast_2d(np.cov(t.numeric[t.y == c], rowvar=False)) for c in range(k)]
    pooled = sum(wc * S for wc, S in zip(w, own, strict=True)) / (n - k)
    dets = [np.linalg.slogdet(S) for S in (pooled, *own)]
    if any(sign <= 0 for sign, _ in dets):
        return np.nan
    gamma = 1 - (2 * p**2 + 3 * p - 1) / (6 * (p + 1) * (k - 1)) * ((1 / w).sum() - 1 / (n - k))
    M = gamma * ((n - k) * dets[0][1] - float(w @ np.array([d for _, d in dets[1:]])))
    return float(np.exp(M / (p * (n - k))))


# ---- information -------------------------------------------------------------------------------------------------------


def class_entropy(t: Described) -> float:
    """Return the entropy of the classes, in bits."""
    return float(entr(t.counts / t.n).sum() / np.log(2))


def _information(t: Described) -> Array:
    alone, together = t.entropies
    return np.asarray(alone + class_entropy(t) - together)


def column_entropy(t: Described) -> float:
    """Return the mean entropy of a column."""
    return _mean(t.entropies[0])


def joint_entropy(t: Described) -> float:
    """Return the mean joint entropy of a column and the classes."""
    return _mean(t.entropies[1])


def mutual_information(t: Described) -> float:
    """Return the mean mutual information of a column and the classes."""
    return _mean(_information(t))


def mutual_information_spread(t: Described) -> float:
    """Return its standard deviation."""
    return _sd(_information(t))


def equivalent_columns(t: Described) -> float:
    """Return how many columns of mean information would tell the classes."""
    return float(t.d * class_entropy(t) / _information(t).sum())


def noise_ratio(t: Described) -> float:
    """Return what columns say beside the classes, for each bit about the classes."""
    told = _information(t).sum()
    return float((t.entropies[0].sum() - told) / told)


def concentration(t: Described) -> float:
    """Return the mean concentration coefficient (Goodman and Kruskal's tau) of a column, given the class."""
    found = []
    for p in t.joint:
        alone = (p.sum(axis=1) ** 2).sum()
        if alone < 1 - 1e-12:
            found.append(((p**2 / p.sum(axis=0)).sum() - alone) / (1 - alone))
    return _mean(np.array(found))
