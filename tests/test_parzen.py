"""The Parzen estimator against scipy's truncated normal, brute force, quadrature and its own samples."""

import numpy as np
import pytest
from scipy import integrate, stats

import workbench as wb
from workbench.models.parzen import FLOAT, Axis, ParzenEstimator, neighbour_bandwidths

LEVELS = Axis.of(wb.Int(1, 7))
LOG_LEVELS = Axis.of(wb.Int(1, 40, log=True))
OPTIONS = Axis.of(wb.Choice("a", "b", "c"))


def truncated(mu, sigma):
    return stats.truncnorm((0 - mu) / sigma, (1 - mu) / sigma, loc=mu, scale=sigma)


def mixed_estimator(rng, n=9):
    points = np.column_stack([rng.random(n), rng.choice(LEVELS.points, n), rng.choice(OPTIONS.points, n),
                              rng.random(n), rng.choice(LOG_LEVELS.points, n)])
    return ParzenEstimator.fit(points, (FLOAT, LEVELS, OPTIONS, FLOAT, LOG_LEVELS), weights=rng.random(n))


def kernel_by_scipy(estimator, k, j, u):
    """One kernel in one dimension at one point, written down from its definition."""
    axis, mu, sigma = estimator.axes[j], estimator.mu[k, j], estimator.sigma[k, j]
    if axis.kind == "float":
        return truncated(mu, sigma).pdf(u)
    cell = int(axis.index(u))
    if axis.kind == "level":
        return truncated(mu, sigma).cdf(axis.edges[cell + 1]) - truncated(mu, sigma).cdf(axis.edges[cell])
    if k == len(estimator) - 1:
        return 1 / len(axis.points)
    row = np.full(len(axis.points), 1 / len(estimator))
    row[int(axis.index(mu))] += 1
    return row[cell] / row.sum()


def test_one_dimensional_density_is_scipys_mixture_of_truncated_normals():
    points, weights = np.array([0.1, 0.15, 0.4, 0.95]), np.array([1.0, 2.0, 0.5, 1.5])
    e = ParzenEstimator.fit(points, weights=weights, bandwidth=0.07)
    u = np.linspace(0, 1, 101)
    mixture = [w * truncated(m, 0.07).pdf(u) for m, w in zip(points, weights, strict=True)]
    expected = (sum(mixture) + truncated(0.5, 1).pdf(u)) / (weights.sum() + 1)
    # both sides are sums of a few doubles; the expanded square loses (1 / 0.07)² of their precision
    np.testing.assert_allclose(e.pdf(u), expected, rtol=1e-11)
    np.testing.assert_allclose(e.marginal(0, u), expected, rtol=1e-11)


def test_product_kernels_equal_the_brute_force_sum_over_kernels_and_dimensions():
    rng = np.random.default_rng(0)
    e = mixed_estimator(rng)
    u = e.sample(20, rng)
    brute = [sum(w * np.prod([kernel_by_scipy(e, k, j, row[j]) for j in range(5)]) for k, w in enumerate(e.weights))
             for row in u]
    # cell masses are differences of cdf values near 1: absolute error 1e-16 beside masses of about 1e-6
    np.testing.assert_allclose(e.pdf(u), brute, rtol=1e-8)


def test_marginals_are_the_product_density_summed_over_the_other_dimensions():
    e = ParzenEstimator.fit(np.array([[0.2, 1 / 6], [0.7, 5 / 6], [0.75, 1 / 6]]), (FLOAT, OPTIONS))
    u = np.linspace(0.01, 0.99, 7)
    summed = sum(e.pdf(np.column_stack([u, np.full(7, option)])) for option in OPTIONS.points)
    np.testing.assert_allclose(e.marginal(0, u), summed, rtol=1e-12)
    by_option = [integrate.quad(lambda v, o=option: e.pdf([[v, o]])[0], 0, 1)[0] for option in OPTIONS.points]
    np.testing.assert_allclose(e.marginal(1, OPTIONS.points), by_option, rtol=1e-8)  # quad's default is 1.5e-8


@pytest.mark.parametrize("n", [0, 1, 2, 30])
@pytest.mark.parametrize("param", [wb.Float(0, 1), wb.Float(1e-5, 1, log=True), wb.Float(0, 1, step=0.1), wb.Int(1, 20),
                                   wb.Int(4, 512, log=True), wb.Int(3, 3), wb.Choice("a", "b", "c", "d"),
                                   wb.Choice("s", "m", "l", ordered=True), wb.Float(2, 2)], ids=repr)
def test_density_of_every_kind_of_parameter_has_integral_one(param, n):
    space = wb.Space(p=param)
    e = ParzenEstimator.fit(space.sample_unit(n, np.random.default_rng(n)), (Axis.of(param),))
    if e.axes[0].kind == "float":
        total = integrate.quad(lambda u: e.pdf([u])[0], 0, 1, limit=200)[0]
    else:
        total = e.pdf(e.axes[0].points).sum()
    assert total == pytest.approx(1, abs=1e-7)  # quad's default tolerance is 1.5e-8


def test_two_dimensional_density_has_integral_one():
    e = ParzenEstimator.fit(np.random.default_rng(3).random((12, 2)))
    nodes, weights = np.polynomial.legendre.leggauss(60)  # exact enough for normals no narrower than 0.06
    grid = np.array([(a, b) for a in nodes for b in nodes]) / 2 + 0.5
    assert e.pdf(grid) @ np.outer(weights, weights).ravel() / 4 == pytest.approx(1, abs=1e-9)


def test_samples_of_a_real_number_follow_the_density():
    rng = np.random.default_rng(1)
    e = ParzenEstimator.fit(np.array([0.02, 0.3, 0.31, 0.9]), bandwidth=0.05, weights=[3, 1, 1, 2])

    def cdf(u):
        return sum(w * truncated(m, s).cdf(u) for w, m, s in zip(e.weights, e.mu[:, 0], e.sigma[:, 0], strict=True))

    assert stats.kstest(e.sample(4000, rng)[:, 0], cdf).pvalue > 0.01  # fixed seed: no flicker


@pytest.mark.parametrize("axis", [LEVELS, LOG_LEVELS, OPTIONS], ids=["levels", "log levels", "options"])
def test_samples_of_levels_and_options_follow_their_probabilities(axis):
    rng = np.random.default_rng(2)
    e = ParzenEstimator.fit(rng.choice(axis.points, 6), (axis,))
    drawn = e.sample(5000, rng)[:, 0]
    assert set(drawn) <= set(axis.points)
    counts = np.bincount(axis.index(drawn), minlength=len(axis.points))
    assert stats.chisquare(counts, 5000 * e.pdf(axis.points)).pvalue > 0.01  # fixed seed: no flicker


def test_all_dimensions_of_a_sample_come_from_one_kernel():
    corners = np.array([[0.1, 0.1, 1 / 6], [0.9, 0.9, 5 / 6]])
    e = ParzenEstimator.fit(corners, (FLOAT, FLOAT, OPTIONS), bandwidth=0.01, prior_weight=1e-9)
    u = e.sample(500, np.random.default_rng(0))
    low = u[:, 0] < 0.5
    assert 150 < low.sum() < 350
    # bandwidth 0.01: no sample crosses the middle; another option has the mass 1e-9
    np.testing.assert_array_equal(low, u[:, 1] < 0.5)
    np.testing.assert_array_equal(low, OPTIONS.index(u[:, 2]) == 0)


def test_bandwidth_is_the_larger_gap_to_the_neighbours():
    # sorted: 0.1, 0.2, 0.5, 0.9; ends use the inner gap alone
    np.testing.assert_allclose(neighbour_bandwidths(np.array([0.5, 0.1, 0.9, 0.2]), 0.01), [0.4, 0.1, 0.4, 0.3])


def test_bandwidth_of_a_single_point_reaches_to_the_farther_border_and_never_falls_below_the_floor():
    np.testing.assert_allclose(neighbour_bandwidths(np.array([0.3])), [0.7])
    np.testing.assert_allclose(neighbour_bandwidths(np.array([0.5, 0.501, 0.502]), 0.06), [0.06, 0.06, 0.06])
    assert neighbour_bandwidths(np.empty(0)).shape == (0,)


def test_the_newest_of_equal_points_keeps_a_wide_kernel():
    sigma = neighbour_bandwidths(np.array([0.2, 0.5, 0.5, 0.5, 0.9]))
    np.testing.assert_allclose(sigma, [0.3, 0.3, 0.06, 0.4, 0.4])


def test_without_points_only_the_prior_is_left():
    e = ParzenEstimator.fit(np.empty((0, 2)), (FLOAT, OPTIONS))
    u = np.array([[0.3, 1 / 6], [0.8, 0.5]])
    np.testing.assert_allclose(e.pdf(u), truncated(0.5, 1).pdf(u[:, 0]) / 3, rtol=1e-12)


def test_more_levels_than_a_table_holds_count_as_real_numbers():
    assert Axis.of(wb.Int(0, 10**6)).kind == "float"


def test_a_parameter_with_one_value_gives_that_value():
    e = ParzenEstimator.fit(np.array([0.5, 0.5]), (Axis.of(wb.Float(2, 2)),))
    np.testing.assert_array_equal(e.sample(5, np.random.default_rng(0)), np.full((5, 1), 0.5))


def test_many_kernels_that_share_level_and_bandwidth_give_the_same_as_one_by_one():
    rng = np.random.default_rng(5)
    points = rng.choice(LEVELS.points, 200)
    e = ParzenEstimator.fit(points, (LEVELS,), weights=rng.random(200))
    one_by_one = [sum(w * kernel_by_scipy(e, k, 0, u) for k, w in enumerate(e.weights)) for u in LEVELS.points[:3]]
    np.testing.assert_allclose(e.pdf(LEVELS.points[:3]), one_by_one, rtol=1e-10)


@pytest.mark.parametrize(("keywords", "says"), [
    ({"bandwidth": 0.0}, "bandwidth must be at least"),
    ({"bandwidth": np.nan}, "bandwidth must be at least"),
    ({"weights": [1.0]}, "weights must be 2 numbers"),
    ({"weights": [-1.0, 1.0]}, "weights must be"),
    ({"weights": [0.0, 0.0], "prior_weight": 0.0}, "not all 0"),
    ({"axes": (FLOAT, FLOAT)}, "every column of points needs its axis"),
])
def test_bad_arguments_are_refused_with_the_rule(keywords, says):
    with pytest.raises(ValueError, match=says):
        ParzenEstimator.fit(np.array([0.2, 0.4]), **keywords)


def test_points_of_the_wrong_width_are_refused():
    with pytest.raises(ValueError, match="points must have 1 columns"):
        ParzenEstimator.fit(np.array([0.2])).pdf(np.zeros((3, 2)))
