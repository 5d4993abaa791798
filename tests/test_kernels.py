"""Kernels against their textbook formulas and finite differences."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from workbench.models.kernels import (
    correlation,
    correlation_and_slope,
    squared_distances,
    trend_features,
    trend_slope,
)


def test_squared_distances_are_those_of_cdist():
    rng = np.random.default_rng(0)
    A, B = rng.random((30, 5)), rng.random((20, 5))
    # |a|² + |b|² - 2ab rounds at 1e-16 times |a|², about 2 here
    assert squared_distances(A, B) == pytest.approx(cdist(A, B, "sqeuclidean"), abs=1e-14)
    assert (np.diag(squared_distances(A, A)) == 0).all()


def test_matern_is_its_textbook_formula():
    r = np.linspace(0, 5, 50)
    s = np.sqrt(5) * r
    assert correlation(r**2, "matern52") == pytest.approx((1 + s + s**2 / 3) * np.exp(-s), rel=1e-13)


def test_rbf_is_its_textbook_formula():
    r = np.linspace(0, 5, 50)
    assert correlation(r**2, "rbf") == pytest.approx(np.exp(-(r**2) / 2), rel=1e-13)


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
def test_slope_by_squared_distance_is_that_of_finite_differences(kernel):
    r2, h = np.linspace(0.01, 10, 60), 1e-6
    value, slope = correlation_and_slope(r2, kernel)
    assert value == pytest.approx(correlation(r2, kernel), rel=1e-14)
    numeric = (correlation(r2 + h, kernel) - correlation(r2 - h, kernel)) / (2 * h)
    assert slope == pytest.approx(numeric, rel=1e-6, abs=1e-9)  # central differences: h² and 1e-16 / h
    assert np.isfinite(correlation_and_slope(np.zeros(1), kernel)[1]).all()


def test_no_argument_is_changed():
    r2 = np.linspace(0, 1, 5)
    for kernel in ("matern52", "rbf"):
        correlation(r2, kernel)
        correlation_and_slope(r2, kernel)
    assert (r2 == np.linspace(0, 1, 5)).all()


def test_slope_of_the_trend_is_that_of_finite_differences():
    rng = np.random.default_rng(1)
    Z, weights, h = rng.random((4, 3)), rng.normal(size=6), 1e-6
    for f in range(3):
        step = np.zeros(3)
        step[f] = h
        numeric = (trend_features(Z + step) - trend_features(Z - step)) @ weights / (2 * h)
        assert trend_slope(Z, weights)[:, f] == pytest.approx(numeric, abs=1e-8)
