"""The families of learning curves against values worked out by hand, and their fits against scipy's."""

import math

import numpy as np
import pytest
from scipy import optimize

from workbench.models.curve_families import FAMILIES, HUGE, jacobian, least_squares

BY_NAME = {family.name: family for family in FAMILIES}
LN2 = math.log(2)

# at x = 1, 2 and 4, with pencil and paper
BY_HAND = {
    "log power": ((0.8, LN2, -1.0), [0.8 / 3, 0.4, 1.6 / 3]),  # 0.8 / (1 + 2 / x)
    "Hill3": ((0.8, 1.0, 2.0), [0.8 / 3, 0.4, 1.6 / 3]),  # 0.8 x / (2 + x)
    "pow3": ((0.9, 0.4, 0.5), [0.5, 0.9 - 0.4 / math.sqrt(2), 0.7]),
    "pow4": ((0.9, 2.0, 2.0, 1.0), [0.65, 0.9 - 1 / 6, 0.8]),  # 0.9 - 1 / (2 x + 2)
    "exp4": ((0.9, LN2, 0.0, 1.0), [0.4, 0.65, 0.8375]),  # 0.9 - 2^-x
    "Janoschek": ((0.9, 0.1, LN2, 1.0), [0.5, 0.7, 0.85]),  # 0.9 - 0.8 · 2^-x
    "Weibull": ((0.9, 0.1, 0.5, 2.0), [0.9 - 0.8 * math.exp(-0.25), 0.9 - 0.8 / math.e, 0.9 - 0.8 * math.exp(-4)]),
    "MMF": ((0.9, 0.1, 0.5, 2.0), [0.26, 0.5, 0.74]),  # 0.9 - 0.8 / (1 + x² / 4)
    "ilog2": ((0.9, 0.2), [0.9 - 0.2 / LN2, 0.9 - 0.2 / math.log(3), 0.9 - 0.2 / math.log(5)]),
    "vapor pressure": ((-1.0, -0.5, 0.5), [math.exp(-1.5), math.sqrt(2) * math.exp(-1.25), 2 * math.exp(-1.125)]),
    "log log linear": ((1 / LN2, 1.0), [0.0, LN2, math.log(3)]),  # log(log₂ x + 1)
}


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


def anywhere(family, n, seed=0):
    low, high = family.bounds()
    return low + (high - low) * np.random.default_rng(seed).random((n, family.k))


def test_there_are_the_papers_eleven():
    assert set(BY_NAME) == set(BY_HAND) and len(FAMILIES) == 11
    assert sum(family.k for family in FAMILIES) == 36


def test_values_are_those_worked_out_by_hand(family):
    theta, values = BY_HAND[family.name]
    np.testing.assert_allclose(family.curve(np.array([1.0, 2.0, 4.0]), np.array(theta)), values, rtol=1e-12, atol=1e-15)


def test_many_walkers_at_once_are_the_same_as_one_after_the_other(family):
    x, u = np.array([1.0, 3.0, 50.0]), anywhere(family, 7)
    together = family.at(x, u.reshape(7, 1, -1))
    assert together.shape == (7, 1, 3)
    np.testing.assert_array_equal(together[:, 0], [family.at(x, row) for row in u])


def test_the_default_start_lies_within_the_bounds_and_coordinates_go_there_and_back(family):
    low, high = family.bounds()
    start = family.coordinates(np.array(family.start))
    assert (low < start).all() and (start < high).all()
    np.testing.assert_allclose(family.natural(start), family.start, rtol=1e-14)
    assert len(family.low) == len(family.high) == len(family.logarithmic) == len(family.start) == family.k


def test_nowhere_in_the_box_is_a_value_that_is_not_finite(family):
    low, high = family.bounds()
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(family.k, -1).T
    f = family.at(np.array([1.0, 2.0, 1e5]), np.vstack([corners, anywhere(family, 200)]))
    assert (np.abs(f) <= HUGE).all()


@pytest.mark.parametrize(("name", "theta", "limit"), [
    ("log power", (0.8, 1.0, -1.0), 0.8), ("Hill3", (0.8, 1.0, 2.0), 0.8), ("pow3", (0.9, 0.4, 1.0), 0.9),
    ("pow4", (0.9, 1.0, 0.5, 1.0), 0.9), ("exp4", (0.9, 1.0, 0.0, 1.0), 0.9), ("Janoschek", (0.9, 0.1, 1.0, 1.0), 0.9),
    ("Weibull", (0.9, 0.1, 1.0, 1.0), 0.9), ("MMF", (0.9, 0.1, 1.0, 1.0), 0.9)])
def test_curves_with_an_asymptote_reach_it(name, theta, limit):
    assert BY_NAME[name].curve(np.array([1e9]), np.array(theta))[0] == pytest.approx(limit, abs=1e-8)


def test_curves_without_an_asymptote_go_on_rising():
    x = np.array([1e3, 1e6])
    for name, theta in (("vapor pressure", (-0.6, -0.5, 0.04)), ("log log linear", (1.0, 1.0))):
        low, high = BY_NAME[name].curve(x, np.array(theta))
        assert high > low + 0.2


def test_log_power_is_hill3_and_janoschek_is_weibull_by_other_names():
    x = np.array([1.0, 2.0, 7.0, 90.0])
    np.testing.assert_allclose(BY_NAME["log power"].curve(x, np.array([0.8, math.log(3.0), -0.7])),
                               BY_NAME["Hill3"].curve(x, np.array([0.8, 0.7, 3.0])), rtol=1e-12)
    np.testing.assert_allclose(BY_NAME["Janoschek"].curve(x, np.array([0.8, 0.1, 0.3**0.7, 0.7])),
                               BY_NAME["Weibull"].curve(x, np.array([0.8, 0.1, 0.3, 0.7])), rtol=1e-12)


def test_the_jacobian_is_that_of_finite_differences(family):
    x, u = np.array([1.0, 2.0, 5.0, 30.0]), family.coordinates(np.array(family.start))
    f, J = jacobian(family, x, u[None])
    np.testing.assert_array_equal(f[0], family.at(x, u))
    # two-point differences of scipy, with its own steps; both are good to about 1e-6
    reference = optimize.approx_fprime(u, lambda v: family.at(x, v))
    np.testing.assert_allclose(J[0], reference, rtol=1e-4, atol=1e-5)


def test_the_best_of_several_starts_is_as_good_as_scipys_fit_from_the_same_starts(family):
    x = np.arange(1.0, 21.0)
    y = 0.1 + 0.6 * (1 - x**-0.7) + 0.01 * np.random.default_rng(0).standard_normal(20)
    r = np.linspace(0.5, 1.5, 20)
    low, high = family.bounds()
    starts = np.vstack([family.coordinates(np.array(family.start)), anywhere(family, 7, seed=1)])
    u, cost = least_squares(family, x, y, starts, r, 60)
    assert ((u >= low) & (u <= high)).all()
    np.testing.assert_allclose(cost, (r * (y - family.at(x, u)) ** 2).sum(axis=1), rtol=1e-12)
    theirs = min(2 * optimize.least_squares(lambda v: np.sqrt(r) * (family.at(x, v) - y), np.clip(s, low + 1e-9, high - 1e-9),
                                            bounds=(low, high)).cost for s in starts)
    assert cost.min() <= 1.05 * theirs  # in a flat valley both stop early


def test_a_curve_of_a_family_is_found_again(family):
    x = np.arange(1.0, 31.0)
    truth = family.coordinates(np.array(family.start)) + 0.02 * np.subtract(*family.bounds()[::-1])
    y = family.at(x, truth)
    start = family.coordinates(np.array(family.start))[None]
    _, cost = least_squares(family, x, y, start, np.ones(30), 200)
    assert cost[0] < 1e-4 * y.var() * 30
