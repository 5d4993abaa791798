"""Acquisition functions against quadrature and finite differences."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from workbench.models.acquisition import (
    LABELS,
    acquisition,
    climbable,
    expected_improvement,
    log_expected_improvement,
    log_h,
    lower_confidence_bound,
    probability_of_improvement,
)


def log_h_by_quadrature(z):
    """h(z) = φ(z)/z² ∫ s exp(-s - s²/2z²) ds for z < 0: the integrand has size 1 however small h is."""
    integral, _ = quad(lambda s: s * math.exp(-s - s * s / (2 * z * z)), 0, math.inf, epsabs=0, epsrel=1e-12)
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi) - 2 * math.log(-z) + math.log(integral)


@pytest.mark.parametrize(("mu", "sigma", "best"),
                         [(0.0, 1.0, 0.3), (1.0, 0.5, -0.2), (-2.0, 2.0, 1.0), (3.0, 0.1, 3.1)])
def test_expected_improvement_is_the_integral_of_the_improvement(mu, sigma, best):
    integral, _ = quad(lambda f: (best - f) * norm.pdf(f, mu, sigma), mu - 12 * sigma, best, epsabs=1e-13)
    value = expected_improvement(np.array([mu]), np.array([sigma]), best)[0]
    assert value == pytest.approx(integral, rel=1e-8, abs=1e-12)  # quad's own accuracy


@pytest.mark.parametrize("z", [-0.5, -0.999, -1.0, -1.001, -3.0, -10.0, -49.9, -50.1, -99.9, -100.1, -1e3, -1e5, -1e8,
                               -1e20, -1e100])
def test_log_h_is_accurate_over_a_hundred_decades(z):
    # near z = -100 the bracket cancels to 1/z², which costs four of sixteen digits; log h itself is about z²/2
    assert log_h(np.array([z]))[0] == pytest.approx(log_h_by_quadrature(z), rel=1e-12, abs=1e-9)


def test_log_h_tends_to_log_z_for_large_z():
    assert log_h(np.array([1e3, 1e10])) == pytest.approx(np.log([1e3, 1e10]), rel=1e-14)


def test_log_expected_improvement_rises_with_z_and_stays_finite():
    mu = np.linspace(200.0, -5.0, 4001)
    value = log_expected_improvement(mu, np.ones_like(mu), 0.0)
    assert np.isfinite(value).all()
    assert (np.diff(value) > 0).all()
    assert expected_improvement(np.array([200.0]), np.ones(1), 0.0)[0] == 0.0  # where plain EI has underflowed


def test_probability_of_improvement_is_the_normal_distribution_function():
    mu, sigma = np.array([0.0, 1.0, -3.0]), np.array([1.0, 2.0, 0.5])
    assert probability_of_improvement(mu, sigma, 0.5) == pytest.approx(norm.cdf(0.5, mu, sigma), rel=1e-12)


def test_lower_confidence_bound_prefers_small_means_and_large_deviations():
    a = lower_confidence_bound(np.array([1.0, 0.5, 1.0]), np.array([0.1, 0.1, 0.4]), 2.0)
    assert a == pytest.approx([-0.8, -0.3, -0.2])


@pytest.mark.parametrize("name", list(LABELS))
def test_slopes_by_mean_and_deviation_are_those_of_finite_differences(name):
    rng = np.random.default_rng(0)
    mu, sigma, h = rng.normal(0, 2, 200), np.exp(rng.uniform(-3, 1, 200)), 1e-6
    _, by_mu, by_sigma = climbable(name, mu, sigma, -0.3, 2.0)

    def value(m, s):
        return climbable(name, m, s, -0.3, 2.0)[0]

    d_mu = (value(mu + h, sigma) - value(mu - h, sigma)) / (2 * h)
    step = h * sigma
    d_sigma = (value(mu, sigma + step) - value(mu, sigma - step)) / (2 * step)
    # log values of size 10⁴ are rounded at 1e-12, which a step of 1e-6·σ ≥ 5e-8 turns into 1e-5
    assert by_mu == pytest.approx(d_mu, rel=1e-4, abs=1e-6)
    assert by_sigma == pytest.approx(d_sigma, rel=1e-4, abs=1e-5)


def test_what_is_climbed_has_the_same_order_as_the_named_function():
    rng = np.random.default_rng(1)
    mu, sigma = rng.normal(0, 1, 100), np.exp(rng.uniform(-1, 1, 100))
    for name in LABELS:
        named = acquisition(name, mu, sigma, 0.0, 2.0)
        climbed = climbable(name, mu, sigma, 0.0, 2.0)[0]
        assert (np.argsort(named) == np.argsort(climbed)).all()
