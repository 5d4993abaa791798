"""Extrapolated curves: the truth within the band, mirrored curves, curves that are hardly any, and what is refused."""

import math

import numpy as np
import pytest
from scipy import stats

from workbench.models.curve_families import FAMILIES
from workbench.models.curve_posterior import CEILING, Draws
from workbench.models.learning_curve import DRIFT, CommonForm, CurvePosterior, posterior, probability_of_beating, usable

STEPS = np.arange(1.0, 61.0)
TRUTH = 0.2 + 0.7 * STEPS**-0.8  # losses
SEEN = TRUTH[:20] + 0.005 * np.random.default_rng(0).standard_normal(20)


@pytest.fixture(scope="module")
def half_way():
    return posterior(SEEN, 60)


def known(mu, sigma, *, lower_is_better=True, last=10.0):
    """A posterior whose draws are flat curves at the heights mu of the common form, by a family that can do that: ilog2."""
    k = [family.name for family in FAMILIES].index("ilog2")
    U = np.zeros((len(mu), 36))
    U[:, sum(family.k for family in FAMILIES[:k])] = mu
    w = np.zeros((len(mu), 11))
    w[:, k] = 1.0
    form = CommonForm(worst=1.0, span=0.3, lower_is_better=lower_is_better, first=1.0)
    return CurvePosterior(form, Draws(U, w, np.asarray(sigma), np.ones(11)), np.full(1, last), np.ones(1), 10.0)


# ---- the common form ---------------------------------------------------------------------------------------------------


def test_the_common_form_rises_from_a_tenth_to_seven_tenths_whatever_the_direction():
    losses, places = np.array([9.0, 5.0, 3.0]), np.array([10.0, 20.0, 40.0])
    for values, lower in ((losses, True), (-losses, False), (1e6 - losses * 1e3, False)):
        form = CommonForm.of(places, values, lower_is_better=lower)
        np.testing.assert_allclose(form.z(values), [0.1, 0.5, 0.7])
        np.testing.assert_allclose(form.values(form.z(values)), values)
        np.testing.assert_array_equal(form.x(places), [1.0, 2.0, 4.0])


def test_values_that_are_not_finite_and_an_extreme_beginning_are_left_out():
    values = np.array([1e12, np.inf, 5.0, 3.0, np.nan, 2.0, 1.5, 1.2, 1.0])
    steps, kept = usable(np.arange(1.0, 10.0), values, lower_is_better=True)
    np.testing.assert_array_equal(steps, [3, 4, 6, 7, 8, 9])
    np.testing.assert_array_equal(kept, [5.0, 3.0, 2.0, 1.5, 1.2, 1.0])
    ordinary = 1 / np.arange(1.0, 51.0)
    assert len(usable(np.arange(1.0, 51.0), ordinary, lower_is_better=True)[1]) == 50


# ---- what is computed from draws ---------------------------------------------------------------------------------------


def test_the_probability_is_the_average_over_draws_of_normal_tails():
    mu, sigma = np.array([0.5, 0.8]), np.array([0.1, 0.2])
    for lower, best in ((True, 1.0 - 0.6), (False, 1.0 + 0.6)):  # z = 0.7 in either direction
        p = known(mu, sigma, lower_is_better=lower).probability_of_beating(best)
        assert p == pytest.approx(stats.norm.cdf((mu - 0.7) / sigma).mean(), abs=1e-12)


def test_mean_deviation_and_quantiles_are_those_of_the_mixture():
    mu, sigma = np.array([0.5, 0.8]), np.array([0.1, 0.2])
    believed = known(mu, sigma)
    mean, sd = believed.predict([4.0])
    assert mean[0] == pytest.approx(1.0 - (0.65 - 0.1))  # 0.6 of span 0.6: one to one
    assert sd[0] == pytest.approx(math.sqrt(0.15**2 + (0.1**2 + 0.2**2) / 2))
    low, middle, high = believed.quantiles([4.0])[:, 0]
    for value, q in ((low, 0.1), (middle, 0.5), (high, 0.9)):
        assert stats.norm.cdf((mu - (1.1 - value)) / sigma).mean() == pytest.approx(q, abs=1e-9)


def test_beyond_the_last_point_a_drift_adds_to_the_noise():
    believed = known([0.5], [0.1], last=10 / math.e)
    assert believed.predict([10.0])[1][0] == pytest.approx(math.hypot(0.1, DRIFT))
    assert believed.predict([2.0])[1][0] == pytest.approx(0.1)
    low, high = believed.quantiles([10.0], (0.1, 0.9))[:, 0]
    assert high - low == pytest.approx(2 * stats.norm.ppf(0.9) * math.hypot(0.1, DRIFT))
    assert believed.probability_of_beating(1.0 - 0.5) == pytest.approx(stats.norm.cdf(-0.1 / math.hypot(0.1, DRIFT)))


def test_samples_are_all_draws_or_some_of_them(half_way):
    everything = half_way.samples([30.0, 60.0])
    some = half_way.samples([30.0, 60.0], n=20)
    assert some.shape == (20, 2) and {tuple(row) for row in some} <= {tuple(row) for row in everything}


def test_weights_of_the_families_sum_to_one(half_way):
    weights = half_way.family_weights()
    assert list(weights) == [family.name for family in FAMILIES]
    assert sum(weights.values()) == pytest.approx(1.0) and min(weights.values()) >= 0


# ---- curves whose end is known -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [
    0.2 + 0.7 * STEPS**-0.8, 0.1 + 0.8 * np.exp(-STEPS / 12), 0.3 + 0.5 / (1 + (STEPS / 8) ** 1.5), 2.3 - 0.4 * np.log(STEPS + 1)],
    ids=["power", "exponential", "MMF", "logarithm"])
def test_the_end_of_a_curve_lies_within_the_band(truth):
    seen = truth[:25] + 0.01 * (truth[0] - truth[-1]) * np.random.default_rng(1).standard_normal(25)
    low, high = posterior(seen, 60, seed=1).quantiles([60.0], (0.025, 0.975))[:, 0]
    assert low < truth[-1] < high
    assert high - low < 0.5 * (truth[0] - truth[-1])


def test_the_curve_that_was_seen_is_described(half_way):
    mean, sd = half_way.predict(STEPS[:20])
    assert (np.abs(mean - TRUTH[:20]) < 3 * sd).all()
    assert (sd < 0.05).all()


def test_the_band_widens_with_the_distance(half_way):
    _, sd = half_way.predict([20.0, 40.0, 60.0])
    assert sd[0] < sd[1] < sd[2]


def test_a_low_best_is_not_beaten_and_a_high_one_is(half_way):
    chances = [half_way.probability_of_beating(best) for best in (0.0, 0.2, TRUTH[-1], 0.3, 1.0)]
    assert chances == sorted(chances)
    assert chances[0] < 0.05 < chances[2] < 0.95 < chances[-1]
    assert half_way.probability_of_beating(math.inf) == 1.0
    assert half_way.probability_of_beating(-math.inf) == 0.0
    assert probability_of_beating(SEEN, 0.2, 60, seed=0) == half_way.probability_of_beating(0.2)


def test_rising_and_falling_curves_get_mirrored_answers(half_way):
    mirrored = posterior(-SEEN, 60, lower_is_better=False)
    np.testing.assert_array_equal(mirrored.samples([60.0]), -half_way.samples([60.0]))
    np.testing.assert_allclose(mirrored.quantiles([60.0], (0.1, 0.9)), -half_way.quantiles([60.0], (0.9, 0.1)), rtol=1e-9)
    accuracy = probability_of_beating(1 - SEEN, 0.8, 60, lower_is_better=False)
    assert accuracy == pytest.approx(half_way.probability_of_beating(0.2), abs=1e-6)


def test_the_answer_moves_with_unit_and_origin_of_the_loss_and_with_the_unit_of_the_steps(half_way):
    moved = posterior(1000 * SEEN - 77, 600, steps=10 * STEPS[:20])
    np.testing.assert_allclose(moved.predict([600.0])[0], 1000 * half_way.predict([60.0])[0] - 77, rtol=1e-6)
    np.testing.assert_allclose(moved.predict([600.0])[1], 1000 * half_way.predict([60.0])[1], rtol=1e-6)


def test_the_same_seed_gives_the_same_answer_and_another_a_similar_one(half_way):
    again, other = posterior(SEEN, 60, seed=0), posterior(SEEN, 60, seed=1)
    np.testing.assert_array_equal(again.samples([60.0]), half_way.samples([60.0]))
    assert not np.array_equal(other.samples([60.0]), half_way.samples([60.0]))
    assert other.predict([60.0])[0] == pytest.approx(half_way.predict([60.0])[0], abs=3 * half_way.predict([60.0])[1][0])


# ---- curves that are hardly any ----------------------------------------------------------------------------------------


def test_a_constant_curve_goes_on_as_it_was():
    believed = posterior(np.full(20, 0.5), 40)
    assert believed.predict([40.0])[0] == pytest.approx(0.5, abs=0.1)
    assert believed.probability_of_beating(0.7) > 0.95
    assert posterior(np.zeros(8), 20).predict([20.0])[0] == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_with_one_to_three_points_much_is_possible(n):
    p = probability_of_beating(SEEN[:n], 0.25, 60)
    assert 0.05 < p < 1
    low, high = posterior(SEEN[:n], 60).quantiles([60.0], (0.1, 0.9))[:, 0]
    assert high - low > 0.1


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e8])
def test_huge_and_tiny_losses_change_nothing_but_the_unit(scale, half_way):
    believed = posterior(scale * SEEN, 60)
    assert believed.probability_of_beating(scale * 0.2) == pytest.approx(half_way.probability_of_beating(0.2), abs=1e-6)
    assert np.isfinite(believed.predict([60.0])[0]).all()


def test_losses_at_the_end_of_the_range_of_floats_do_not_overflow():
    believed = posterior([1.7e308, -1.7e308, -1.75e308], 5)
    assert 0 <= believed.probability_of_beating(0.0) <= 1


def test_nan_and_infinite_points_are_as_good_as_absent():
    holes = SEEN.copy()
    holes[[3, 7]] = np.nan, np.inf
    keep = np.isfinite(holes)
    np.testing.assert_array_equal(posterior(holes, 60).samples([60.0]), posterior(holes[keep], 60, steps=STEPS[:20][keep]).samples([60.0]))


def test_a_curve_that_gets_worse_is_believed_to_stay_bad():
    assert probability_of_beating(np.linspace(0.5, 0.9, 20), 0.3, 40) < 0.2


def test_nothing_is_stopped_for_want_of_knowledge():
    assert probability_of_beating([], 0.1, 10) == 1.0
    assert probability_of_beating([np.nan, np.inf], 0.1, 10) == 1.0
    with pytest.raises(ValueError, match="at least one finite value"):
        posterior([np.nan], 10)


def test_predictions_stay_below_the_ceiling():
    f = posterior(SEEN[:4], 10_000).draws.combination(np.array([10_000.0]))
    assert f.max() < CEILING + 0.1


@pytest.mark.parametrize(("call", "message"), [
    (lambda: posterior([1.0, 0.5], 1), "at_step must not be before"),
    (lambda: posterior([1.0, 0.5], math.nan), "at_step must not be before"),
    (lambda: posterior([1.0, 0.5], 5, steps=[0, 1]), "positive and rise"),
    (lambda: posterior([1.0, 0.5], 5, steps=[2, 2]), "positive and rise"),
    (lambda: posterior([1.0, 0.5], 5, steps=[2]), "equal length"),
    (lambda: posterior([[1.0, 0.5]], 5), "equal length"),
    (lambda: probability_of_beating([1.0, 0.5], math.nan, 5), "must be a number"),
    (lambda: known([0.5], [0.1]).quantiles([4.0], (0.0,)), "between 0 and 1"),
    (lambda: known([0.5], [0.1]).predict([0.5]), "not before the first"),
])
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
