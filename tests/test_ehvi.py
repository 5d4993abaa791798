"""Expected hypervolume improvement as a search: its belief, its reference point, its reasons, its progress."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.history import Drawn, History
from workbench.models.pareto import hypervolume, non_dominated
from workbench.search.ehvi import EHVI, EHVIExplanation
from workbench.search.ehvi_belief import MOST_ROWS, FrontBelief, coarse, reference_point
from workbench.search.ehvi_why import RADIUS_95, front_slice
from workbench.search.gp_bo import GPBO
from workbench.search.gp_posterior import hyperparameters, posterior
from workbench.space import Choice, Float, Int, Space

SPACE = Space(a=Float(0, 1), b=Float(0, 1), c=Choice("p", "q"), k=Int(1, 5, when={"c": "q"}))
SQUARE = Space(a=Float(0, 1), b=Float(0, 1))


def losses(x, m=2):
    """Squared distances from m points on a line, other choices and levels cost a little."""
    x = np.nan_to_num(x, nan=0.5)
    targets = np.linspace(0.2, 0.8, m)
    extra = 0.0 if x.shape[1] == 2 else 0.1 * (x[:, 2] > 0.5) + 0.05 * x[:, 3]
    return np.stack([((x[:, :2] - t) ** 2).sum(axis=1) + extra for t in targets], axis=1)


def history(n, m=2, space=SPACE, pending=0, seed=0):
    x = space.sample_unit(n + pending, np.random.default_rng(seed))
    return History.of(space, x[:n], losses(x[:n], m), pending=x[n:])


def belief(h):
    return FrontBelief.of(h, [hyperparameters(h, k=k) for k in range(h.y.shape[1])])


def ask(h, seed=0, algorithm=None):
    return (algorithm or EHVI()).suggest(h, np.random.default_rng(seed))


def drive(algorithm, space, f, n, m=2, seed=0):
    x, y, memo = np.empty((0, len(space))), np.empty((0, m)), {}
    for i in range(n):
        s = algorithm.suggest(replace(History.of(space, x, y, seed=seed), memo=memo), np.random.default_rng([seed, i]))
        space.validate(space.from_unit(s.x))
        x = np.vstack([x, s.x])
        y = np.vstack([y, f(s.x[None])])
    return History.of(space, x, y, seed=seed)


# ---- one process for each loss -------------------------------------------------------------------------------------


def test_every_loss_has_the_process_that_it_would_have_alone():
    h = history(30)
    for k in range(2):
        alone = replace(h, y=h.y[:, k].copy(), memo={})
        ours, its = hyperparameters(h, k=k), hyperparameters(alone)
        np.testing.assert_array_equal(ours.lengthscale, its.lengthscale)
        new = SPACE.sample_unit(10, np.random.default_rng(1))
        np.testing.assert_array_equal(posterior(h, ours, k).predict(new), posterior(alone, its).predict(new))


def test_long_histories_keep_the_front_in_every_process():
    h = history(400, m=3)
    model = belief(h)
    assert all(len(p.rows) == 400 for p in model.posteriors)  # conditioned on all, fitted to the front and others
    value, gradient = model.with_gradient(model.posteriors[0].features(h.x[:3]))
    assert np.isfinite(value).all() and np.isfinite(gradient).all()


def test_the_gradient_by_features_is_that_of_finite_differences():
    h = history(20, m=3)
    model = belief(h)
    Z = model.posteriors[0].features(SPACE.sample_unit(5, np.random.default_rng(4)))
    value, gradient = model.with_gradient(Z)
    for f in range(2):  # the continuous ones
        step = 1e-5 * np.eye(Z.shape[1])[f]
        numeric = (model.with_gradient(Z + step)[0] - model.with_gradient(Z - step)[0]) / 2e-5
        # relative to values of up to 1000, that are rounded at 1e-10 through the variance
        np.testing.assert_allclose(gradient[:, f], numeric, rtol=1e-3, atol=1e-3 * np.abs(value).max())


def test_a_running_trial_takes_the_gain_away_around_it():
    h = history(15)
    first = ask(h)
    free = belief(h)(first.x[None])[0]
    taken = belief(replace(h, pending=first.x[None]))(first.x[None])[0]
    assert taken < free - 1.0
    assert np.linalg.norm(np.nan_to_num(ask(replace(h, pending=first.x[None])).x - first.x)) > 1e-3


def test_failed_trials_are_never_in_the_front_and_do_not_spoil_the_rest():
    h = history(20)
    y = h.y.copy()
    y[3], y[4, 1] = np.inf, np.inf  # one failed, one has a loss without a value
    assert not belief(replace(h, y=y)).front[[3, 4]].any()
    assert np.isfinite(ask(replace(h, y=y)).why.front).all()
    all_failed = ask(replace(h, y=np.full_like(y, np.inf)))
    assert np.isfinite(all_failed.why.scores).all()
    assert "no trial has worked yet" in all_failed.why.summary()


# ---- the reference point -------------------------------------------------------------------------------------------


def test_the_reference_point_lies_beyond_the_front_by_a_share_of_the_range_of_all_trials():
    targets = np.array([[0.0, 1.0], [1.0, 0.0], [5.0, 11.0]])
    np.testing.assert_allclose(reference_point(targets[:2], targets), [1.0 + 0.3 * 5, 1.0 + 0.3 * 11])
    np.testing.assert_allclose(reference_point(targets[:1], targets[:1]), [0.3, 1.3])  # nothing to measure a range by


@pytest.mark.parametrize("scale", [(1.0, 1.0), (1e-9, 1e6), (1e3, 1e-3)])
def test_units_of_the_losses_play_no_part(scale):
    h = history(18)
    plain, scaled = ask(h), ask(replace(h, y=h.y * np.array(scale) + np.array(scale)))
    np.testing.assert_allclose(scaled.x, plain.x, atol=1e-3)
    assert scaled.why.gain == pytest.approx(plain.why.gain, rel=1e-2)


def test_one_diverged_trial_does_not_flatten_the_others():
    h = history(18)
    y = h.y.copy()
    y[0] = [1e9, 1e12]
    s = ask(replace(h, y=y))
    assert np.isfinite(s.why.gain) and (s.why.predicted < 2.0).all()


@pytest.mark.parametrize("m", [4, 5, 6, 8])
def test_large_fronts_of_many_losses_are_thinned_to_better_ones(m):
    front = np.abs(np.random.default_rng(m).standard_normal((250, m)))
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    r = np.full(m, 1.2)
    thin = coarse(front, r)
    assert len(thin) <= MOST_ROWS.get(m, 12)
    assert all((thin <= y).all(axis=1).any() for y in front)  # nothing known is worth trying again
    small = front[:5]
    np.testing.assert_array_equal(coarse(small, r), small)


# ---- suggestions ---------------------------------------------------------------------------------------------------


def test_it_starts_as_gp_bo_does_and_with_one_loss_is_gp_bo():
    none = History.of(SPACE, np.empty((0, 4)), np.empty((0, 2)))
    assert isinstance(ask(none).why, Drawn)
    np.testing.assert_array_equal(ask(none).x, GPBO().suggest(none, np.random.default_rng(0)).x)
    one = history(15)
    one = replace(one, y=one.y[:, 0].copy())
    np.testing.assert_array_equal(ask(one).x, ask(one, algorithm=GPBO()).x)


@pytest.mark.parametrize("m", [2, 3, 4, 6])
def test_same_history_same_answer_whatever_the_memo_holds(m):
    h = history(24, m=m, pending=2)
    memo = {}
    for n in (12, 20, 15, 24):
        part = replace(h[:n], pending=h.pending)
        np.testing.assert_array_equal(ask(replace(part, memo=memo)).x, ask(replace(part, memo={})).x)


def test_the_chosen_point_gains_more_than_any_of_many_random_ones():
    h = history(25, m=3)
    s = ask(h)
    assert isinstance(s.why, EHVIExplanation)
    assert s.why.scores[0] >= belief(h)(SPACE.sample_unit(4000, np.random.default_rng(5))).max()
    assert (np.diff(s.why.scores) <= 0).all()


def test_a_small_space_is_tried_whole_before_anything_comes_twice():
    space = Space(a=Int(0, 3), c=Choice(*"xyz"))

    def f(x):
        return np.stack([x[:, 0] + x[:, 1], 1 - x[:, 0] + x[:, 1] ** 2], axis=1)

    h = drive(EHVI(n_startup=4), space, f, 12)
    assert len({row.tobytes() for row in h.x}) == 12
    assert "every configuration" in ask(h).why.summary()


def test_the_reasons_are_those_of_the_belief_and_it_can_be_rebuilt():
    h = history(25, pending=1)
    why = ask(h).why
    model = why.belief(h)
    np.testing.assert_allclose(model(why.candidates), why.scores, rtol=1e-9)
    np.testing.assert_allclose(model.losses(model.reference), why.reference)
    front = h.y[non_dominated(h.y)]
    r = why.reference
    assert set(map(tuple, why.front.round(6))) <= set(map(tuple, front.round(6)))  # a running one may dominate some
    assert hypervolume(front, r) > 0
    assert why.summary().startswith("The expected gain in hypervolume was highest here")
    assert "1 running trial was taken into account" in why.summary()


def test_the_slice_holds_the_region_of_95_percent_and_the_way_along_a_parameter():
    h = history(25, m=3)
    why = ask(h).why
    s = front_slice(h, why, "a")
    assert s.pairs == ((0, 1), (0, 2), (1, 2)) and s.region.shape[0] == 3
    half = np.ptp(s.region[0], axis=0) / 2  # no loss here is so large that it is compressed
    np.testing.assert_allclose(half, RADIUS_95 * why.predicted_sd[[0, 1]], rtol=1e-2)
    np.testing.assert_allclose(s.region[0].mean(axis=0), why.predicted[[0, 1]], atol=0.05 * half.max() + 1e-9)
    nearest = int(np.argmin(np.abs(np.array(s.path_values) - why.x[0])))
    np.testing.assert_allclose(s.path[nearest], why.predicted, atol=0.05)
    off = replace(why, x=np.array([0.3, 0.3, 0.25, np.nan]))
    assert not len(front_slice(h, off, "k").path)


@pytest.mark.parametrize("m", [2, 3])
def test_it_dominates_far_more_than_random_points_do(m):
    r = np.full(m, 0.8)
    ratio = []
    for seed in range(2):
        h = drive(EHVI(), SQUARE, lambda x: losses(x, m), 30, m=m, seed=seed)
        random = losses(SQUARE.sample_unit(30, np.random.default_rng(seed)), m)
        line = np.linspace(0.2, 0.8, 400)  # the Pareto set: between the points
        best = hypervolume(losses(np.stack([line, line], axis=1), m), r)
        ratio.append((best - hypervolume(h.y, r)) / (best - hypervolume(random, r)))
    assert np.mean(ratio) < 0.5


def test_settings_are_checked():
    with pytest.raises(ValueError, match="must not be negative"):
        EHVI(n_startup=-1)
