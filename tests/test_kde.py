"""BOHB's densities against closed forms, and how what is inactive is filled."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import workbench as wb
from workbench.models.kde import KDE, impute, normal_reference
from workbench.models.parzen import Axis

SPACE = wb.Space(x=wb.Float(0, 1), c=wb.Choice("a", "b", "c", "d"), n=wb.Int(1, 5), one=wb.Choice("only"))
AXES = tuple(Axis.of(SPACE[name]) for name in SPACE.names)


def rng(seed=0):
    return np.random.default_rng(seed)


def points(n, seed=0):
    return SPACE.sample_unit(n, rng(seed))


def test_the_density_is_the_mean_of_products_of_gaussian_and_aitchison_aitken_kernels():
    data, at = points(12), points(7, 1)
    kde = KDE.fit(data, AXES)
    K = 4
    expected = np.zeros(len(at))
    for m, u in enumerate(at):
        for x in data:
            option = 1 - kde.h[1] if u[1] == x[1] else kde.h[1] / (K - 1)
            expected[m] += stats.norm.pdf(u[0], x[0], kde.h[0]) * option * stats.norm.pdf(u[2], x[2], kde.h[2]) / len(data)
    np.testing.assert_allclose(kde.pdf(at), expected, rtol=1e-12)
    np.testing.assert_allclose(np.exp(kde.logpdf(at)), expected, rtol=1e-12)


def test_it_integrates_to_one_over_numbers_and_options():
    axes = AXES[:2]
    kde = KDE.fit(points(9)[:, :2], axes)
    total = sum(quad(lambda v, o=o: kde.pdf(np.array([[v, o]]))[0], -3, 4, limit=200)[0] for o in axes[1].points)
    assert total == pytest.approx(1, abs=1e-8)
    assert kde.marginal(1, axes[1].points).sum() == pytest.approx(1)
    assert quad(lambda v: kde.marginal(0, np.array([v]))[0], -3, 4, limit=200)[0] == pytest.approx(1, abs=1e-8)


def test_a_marginal_is_the_density_summed_over_the_other_dimension():
    axes = AXES[:2]
    kde = KDE.fit(points(9)[:, :2], axes)
    joint = kde.pdf(np.array([[0.3, o] for o in axes[1].points])).sum()
    assert kde.marginal(0, np.array([0.3]))[0] == pytest.approx(joint)


def test_bandwidths_of_numbers_follow_the_normal_reference_rule():
    data = points(30)
    n, d = data.shape
    h = normal_reference(data, AXES)
    for j in (0, 2):
        assert h[j] == pytest.approx(1.06 * np.std(data[:, j]) * n ** (-1 / (4 + d)))


def test_the_spread_of_two_options_is_that_of_their_number_and_of_more_does_not_depend_on_their_order():
    two, four = Axis.of(wb.Choice("a", "b")), AXES[1]
    for k in (1, 3, 5):
        data = np.repeat(two.points, [k, 10 - k])[:, None]
        number = np.repeat([0, 1], [k, 10 - k])
        assert normal_reference(data, (two,))[0] == pytest.approx(min(1.06 * number.std() * 10 ** (-1 / 5), 0.5))
    rows = np.repeat(four.points, [5, 2, 2, 1])[:, None]
    other = np.repeat(four.points[[2, 0, 3, 1]], [5, 2, 2, 1])[:, None]
    np.testing.assert_allclose(normal_reference(rows, (four,)), normal_reference(other, (four,)))


def test_equal_points_have_the_floor_and_options_never_more_than_the_uniform_distribution():
    np.testing.assert_array_equal(normal_reference(np.repeat(points(1), 5, axis=0), AXES)[:3], 1e-3)
    two = Axis.of(wb.Choice("a", "b"))
    few = np.array([two.points[0], two.points[1]])[:, None]
    wide = KDE(axes=(two,), points=few, h=normal_reference(few, (two,), floor=2.0))
    np.testing.assert_allclose(wide.marginal(0, two.points), 0.5)


def test_samples_are_truncated_normals_of_the_wider_bandwidth():
    data = np.array([[0.05], [0.5]])
    kde = KDE.fit(data, (Axis(),))
    width = 3 * kde.h[0]
    drawn = kde.sample(4000, rng(1), factor=3)[:, 0]

    def cdf(v):
        return np.mean([stats.truncnorm.cdf(v, -mu / width, (1 - mu) / width, loc=mu, scale=width) for mu in data[:, 0]], axis=0)

    assert stats.kstest(drawn, cdf).pvalue > 1e-3  # a fixed seed: passes always or never
    assert drawn.min() >= 0 and drawn.max() <= 1


def test_an_option_is_kept_with_probability_one_minus_h_or_drawn_uniformly():
    axis = AXES[1]
    kde = KDE((axis,), np.full((3, 1), axis.points[2]), np.array([0.4]))
    counts = np.bincount(axis.index(kde.sample(8000, rng(2))[:, 0]), minlength=4)
    assert stats.chisquare(counts, 8000 * np.array([0.1, 0.1, 0.7, 0.1])).pvalue > 1e-3


def test_samples_are_levels_where_there_are_levels_even_at_the_ends_of_the_range():
    data = np.array([[0.0, AXES[1].points[0], AXES[2].points[0], 0.5], [1.0, AXES[1].points[3], AXES[2].points[-1], 0.5]])
    drawn = KDE.fit(data, AXES).sample(200, rng(3), 3)
    np.testing.assert_allclose(SPACE.snap(drawn), drawn, atol=1e-12)


def test_a_donor_fills_all_holes_that_it_can():
    axes = (Axis(),) * 4
    data = np.array([[0.1, np.nan, np.nan, 0.9], [0.2, 0.3, 0.4, np.nan], [0.5, 0.6, 0.7, np.nan], [np.nan, np.nan, np.nan, 0.8]])
    for seed in range(20):
        filled = impute(data, axes, rng(seed))
        known = ~np.isnan(data)
        np.testing.assert_array_equal(filled[known], data[known])
        assert tuple(filled[0, 1:3]) in {(0.3, 0.4), (0.6, 0.7)}  # from one donor
        assert {filled[1, 3], filled[2, 3]} <= {0.9, 0.8}
        assert not np.isnan(filled).any()


def test_what_no_point_has_is_drawn_among_what_there_is():
    data = np.column_stack([points(6)[:, 0], np.full(6, np.nan), np.full(6, np.nan), np.full(6, 0.5)])
    filled = impute(data, AXES, rng())
    assert set(filled[:, 1]) <= set(AXES[1].points)
    assert set(filled[:, 2]) <= set(AXES[2].points)
    assert np.isnan(data[:, 1]).all()  # not in place


@pytest.mark.parametrize("data", [np.empty((0, 4)), np.ones((3, 2)), np.full((3, 4), np.nan)])
def test_it_needs_points_of_its_dimensions_without_holes(data):
    with pytest.raises(ValueError, match="needs points"):
        KDE.fit(data, AXES)
