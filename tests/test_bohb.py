"""BOHB's rules by hand-made histories, its answers by its own two densities, and progress."""

import math
from dataclasses import replace

import numpy as np
import pytest

import workbench as wb
from tests.search_helpers import BUDGETS, MIXED, NESTED, TWO, drive, mixed_loss, on_budgets
from workbench.event_file import decode, encode
from workbench.history import Drawn, History
from workbench.plots.model import model
from workbench.search.bohb import BOHBExplanation, densities, fitted, model_budget, n_good_bad
from workbench.search.reached import reached

SURE = wb.BOHB(rho=0)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("n", "d", "expected"), [
    (6, 2, (3, 3)), (10, 2, (3, 7)), (20, 2, (3, 17)), (21, 2, (3, 17)), (40, 2, (6, 34)), (100, 2, (15, 85)), (5, 2, (3, 2))])
def test_the_sizes_of_the_good_and_the_bad_set_are_those_of_equation_3(n, d, expected):
    assert n_good_bad(n, 0.15, d + 1) == expected


def history(counts, *, failed=0):
    """Two parameters; counts[b] trials have reached budget b; the first ones of the last budget failed there."""
    n = counts[0]
    table = np.full((n, len(counts)), np.nan)
    for b, count in enumerate(counts):
        table[:count, b] = np.arange(count)
    table[:failed] = np.inf
    x = rng(1).random((n, 2))
    y = np.array([row[~np.isnan(row)][-1] for row in table])
    return replace(History.of(TWO, x, y), budgets=BUDGETS[:len(counts)], by_budget=table)


@pytest.mark.parametrize(("counts", "expected"), [
    ([5, 0, 0, 0], None),  # two densities of two dimensions need 3 + 3 points
    ([6, 0, 0, 0], 0),
    ([27, 9, 3, 1], 1),
    ([27, 5, 3, 1], 0),
    ([81, 27, 9, 6], 3),
])
def test_the_model_is_on_the_largest_budget_with_enough_results(counts, expected):
    h = history(counts)
    assert model_budget(reached(h), 0.15, 3) == expected
    why = SURE.suggest(h, rng()).why
    if expected is None:
        assert why.how == "random, because no budget has enough results for a model yet (6 or more)"
    else:
        assert (why.budget, why.n_at) == (expected, tuple(counts))
        assert f"at {BUDGETS[expected]} steps" in why.summary()


def test_failed_trials_are_bad_ones_and_no_reason_to_call_a_budget_well_known():
    why = SURE.suggest(history([9, 9], failed=6), rng()).why
    assert (why.budget, why.n_good, why.n_bad) == (1, 3, 6)
    good, bad = fitted(history([9, 9], failed=6), why)
    np.testing.assert_array_equal(good.points, history([9, 9], failed=6).x[6:])
    assert len(bad) == 6
    assert isinstance(SURE.suggest(history([9, 9], failed=7), rng()).why, Drawn)


def test_paused_trials_count_with_what_they_have_reached():
    done = history([3, 0])
    table = np.array([[5, np.nan], [6, np.nan], [7, np.nan], [np.nan, np.nan]])
    h = replace(done, pending=rng(2).random((4, 2)), pending_by_budget=table)
    why = SURE.suggest(h, rng()).why
    assert why.n_at == (6, 0) and why.budget == 0
    np.testing.assert_array_equal(fitted(h, why)[1].points, h.pending[:3])


def test_more_points_can_be_asked_for_before_there_is_a_model():
    h = history([27, 9, 3, 1])
    assert wb.BOHB(rho=0, min_points=10).suggest(h, rng()).why.budget == 0
    assert wb.BOHB(rho=0, min_points=1).suggest(h, rng()).why.budget == 1  # never fewer than d + 1


@pytest.mark.parametrize("space", [MIXED, NESTED])
def test_the_answer_is_the_candidate_with_the_smallest_ratio_and_can_be_computed_again(space):
    h = on_budgets(space, 60, live=5)
    s = SURE.suggest(h, rng(3))
    why = s.why
    assert isinstance(why, BOHBExplanation)
    l, g = fitted(h, why)
    np.testing.assert_allclose(l.logpdf(why.candidates), why.log_l)
    np.testing.assert_allclose(g.logpdf(why.candidates), why.log_g)
    ratio = np.maximum(np.exp(why.log_g), 1e-32) / np.maximum(np.exp(why.log_l), 1e-32)  # their minimize_me
    assert ratio[why.chosen] == pytest.approx(ratio.min())
    assert (np.diff(why.scores) <= 0).all() and len(why.candidates) == 64
    np.testing.assert_allclose(space.snap(why.candidates)[why.chosen], s.x, equal_nan=True)
    again = decode(encode(why))
    np.testing.assert_array_equal(again.scores, why.scores)
    np.testing.assert_array_equal(fitted(h, again)[0].points, l.points)


def test_the_two_densities_are_of_the_best_and_of_the_next_results():
    h = history([40])
    why = SURE.suggest(h, rng()).why
    l, g = fitted(h, why)
    np.testing.assert_array_equal(l.points, h.x[:6])
    np.testing.assert_array_equal(g.points, h.x[6:])


def test_a_third_of_the_points_is_drawn_at_random():
    h = history([40])
    drawn = sum(isinstance(wb.BOHB().suggest(h, rng(k)).why, Drawn) for k in range(300))
    assert 70 < drawn < 130  # 100 ± 8
    assert all(isinstance(wb.BOHB(rho=1.0).suggest(h, rng(k)).why, Drawn) for k in range(20))


def test_without_a_scheduler_all_losses_are_on_one_budget():
    h = History.of(TWO, rng().random((20, 2)), np.arange(20.0))
    why = SURE.suggest(h, rng()).why
    assert why.budgets == () and why.n_at == (20,) and why.where == "" and "steps" not in why.summary()
    same = replace(h, budgets=(81,), by_budget=h.y[:, None])
    np.testing.assert_array_equal(SURE.suggest(same, rng(4)).x, SURE.suggest(h, rng(4)).x)


def test_no_configuration_comes_twice_while_others_remain():
    space = wb.Space(a=wb.Int(0, 3), b=wb.Choice("x", "y", "z"))
    _, out = drive(SURE, space, lambda c: c["a"] + (c["b"] != "y"), 12)
    assert len({tuple(s.x) for s in out}) == 12


def test_forbidden_combinations_are_never_proposed():
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Choice("p", "q"), u=wb.Float(0, 1), forbidden=[{"a": "x", "b": "q"}])
    _, out = drive(SURE, space, lambda c: c["u"] - (c["a"] == "x") - (c["b"] == "q"), 40)
    assert not space.is_forbidden(np.array([s.x for s in out])).any()


@pytest.mark.parametrize("space", [MIXED, NESTED])
def test_slices_show_the_densities_and_are_drawn(space):
    h = on_budgets(space, 60, live=5)
    s = SURE.suggest(h, rng(3))
    for j, name in enumerate(space.names):
        d = densities(h, s.why, name)
        assert np.isfinite(d.good).all() and np.isfinite(d.bad).all() and (d.ratio > 0).all() and (d.ratio <= 100.1).all()
        assert (d.next_u is None) == np.isnan(s.x[j])
        picture = model(h, s.why, name)
        assert "bad trials at 9 steps along" in picture["layout"]["title"]["text"] or "at 3 steps" in picture["layout"]["title"]["text"]


@pytest.mark.parametrize("losses", [[np.inf] * 40, [1.0] * 40, [1e300, -1e300] * 20, [0.0] * 39 + [np.inf]])
@pytest.mark.parametrize("space", [MIXED, NESTED])
def test_strange_losses_on_budgets_are_no_reason_to_fail(space, losses):
    s = SURE.suggest(on_budgets(space, 36, live=4, losses=losses), rng())
    space.validate(space.from_unit(s.x))
    assert s.why.summary()


@pytest.mark.parametrize("settings", [{"rho": -0.1}, {"rho": 1.1}, {"good": 0}, {"good": 1}, {"n_candidates": 0}, {"width": 0},
                                      {"width": math.inf}, {"min_points": 0}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        wb.BOHB(**settings)


@pytest.mark.slow
def test_it_beats_random_search_on_one_budget():
    ours, random = ([drive(a, MIXED, mixed_loss, 60, seed=k)[0].y.min() for k in range(8)] for a in (wb.BOHB(), wb.Random()))
    assert np.median(ours) < 0.8 * np.median(random)


def test_the_tails_of_gaussians_make_no_absurd_numbers_in_the_sentence():
    why = SURE.suggest(on_budgets(TWO, 60), rng(1)).why
    far, near = (replace(why, log_l=np.full(64, 0.0), log_g=np.full(64, g)) for g in (-50.0, -2.0))
    assert far.summary().startswith("More than a million times as likely")
    assert near.summary().startswith("7.39 times as likely")
