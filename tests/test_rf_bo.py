"""Bayesian optimisation with a random forest: statelessness, robustness, progress."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

from tests import search_helpers
from tests.search_helpers import MIXED, TWO, mixed_loss, nested_loss
from workbench.history import Drawn, History
from workbench.models.acquisition import log_expected_improvement
from workbench.search.gp_candidates import all_configs, keys
from workbench.search.rf_belief import N_FRESH, believe
from workbench.search.rf_bo import RFBO, RFExplanation
from workbench.search.rf_maximise import challengers, local_search, one_exchange, ranked
from workbench.search.surrogate_why import slice_1d, slice_2d
from workbench.space import Choice, Float, Int, Space

NESTED = Space(search_helpers.NESTED.params, forbidden=[{"algo": "knn", "k": [1, 2]}])


def drive(space, loss, n, *, algorithm=None, seed=0):
    return search_helpers.drive(algorithm or RFBO(), space, loss, n, seed=seed)


def known(space, loss, n, seed=0):
    x = space.sample_unit(n, np.random.default_rng(seed))
    return History.of(space, x, np.array([loss(c) for c in space.from_unit(x)]), seed=seed)


@pytest.fixture(scope="module")
def nested_run():
    return drive(NESTED, nested_loss, 40)


# ---- statelessness -----------------------------------------------------------------------------------------------


def test_an_empty_memo_gives_the_same_answer(nested_run):
    history, out = nested_run
    for n in (10, 17, 39):
        s = RFBO().suggest(replace(history[:n], memo={}), np.random.default_rng([0, n]))
        assert s.x.tobytes() == out[n].x.tobytes()
        assert s.why.summary() == out[n].why.summary()


def test_an_empty_memo_gives_the_same_answer_where_trees_are_taken_over_from_older_trials():
    history, memo = known(MIXED, mixed_loss, N_FRESH + 30), {}
    for n in (N_FRESH, N_FRESH + 1, N_FRESH + 2, N_FRESH + 29, N_FRESH + 5):  # forwards, and back
        warm = RFBO().suggest(replace(history[:n], memo=memo), np.random.default_rng(n))
        cold = RFBO().suggest(replace(history[:n], memo={}), np.random.default_rng(n))
        assert cold.x.tobytes() == warm.x.tobytes()


def test_a_new_trial_costs_one_new_tree_in_a_long_history():
    history = known(TWO, lambda c: c["a"], N_FRESH + 30)
    believe(history[:-1], n_trees=10, seed=0)
    before = set(map(id, history.memo["forest"].values()))
    believe(history, n_trees=10, seed=0)
    assert len(set(map(id, history.memo["forest"].values())) & before) == 9


def test_a_memo_filled_by_other_losses_changes_nothing(nested_run):
    history, out = nested_run
    memo = {}
    RFBO().suggest(replace(History.of(NESTED, history.x[:30], history.y[29::-1].copy()), memo=memo), np.random.default_rng(0))
    s = RFBO().suggest(replace(history[:30], memo=memo), np.random.default_rng([0, 30]))
    assert s.x.tobytes() == out[30].x.tobytes()


# ---- explanation -------------------------------------------------------------------------------------------------


def asked(history, *, interleaved=False):
    return RFBO(p_random=float(interleaved)).suggest(history, np.random.default_rng(1))


def test_the_explanation_rebuilds_the_forest_that_chose(nested_run):
    history, _ = nested_run
    why = asked(history).why
    belief = why.belief(replace(history, memo={}))
    mean, sd = belief.predict(why.x[None])
    back = belief.transform.inverse
    assert back(mean)[0] == why.predicted
    assert (back(mean + sd) - back(mean - sd))[0] / 2 == why.predicted_sd
    assert log_expected_improvement(mean, sd, why.best)[0] == pytest.approx(why.scores[0])
    assert (np.diff(why.scores) <= 0).all()
    assert why.summary().startswith("log-EI was highest here: predicted ")


def test_the_incumbent_is_best_by_prediction_not_by_luck():
    x = np.concatenate([np.linspace(0, 1, 41), [0.9]])[:, None]
    space = Space(a=Float(0, 1))
    y = np.append(np.abs(x[:-1, 0] - 0.3), 0.6)
    y[np.argmin(np.abs(x[:, 0] - 0.8))] = -0.01  # one lucky loss among bad ones
    belief = believe(History.of(space, x, y), n_trees=200, seed=0)
    assert belief.known.argmin() == belief.best_rows(1)[0]
    assert belief.best > belief.transform.forward(y).min()  # the lucky one is not believed as it stands


def test_importance_finds_the_parameter_that_matters():
    why = asked(known(MIXED, lambda c: (math.log10(c["lr"]) + 3) ** 2 + 0.01 * c["depth"], 80)).why
    assert why.importance.shape == (6,)
    assert np.argmax(why.importance) == 0
    assert why.importance.sum() == pytest.approx(1)


def test_an_interleaved_point_says_so_and_is_drawn_at_the_stated_rate(nested_run):
    history, _ = nested_run
    why = asked(history, interleaved=True).why
    assert why.interleaved
    assert why.summary().startswith("Interleaved at random")
    drawn = [RFBO(p_random=0.25).suggest(history[:12], np.random.default_rng(i)).why.interleaved for i in range(100)]
    assert 12 <= sum(drawn) <= 38  # 25 ± 3 standard deviations


def test_slices_of_the_forest_are_steps_in_the_users_units(nested_run):
    history, _ = nested_run
    why = asked(history).why
    cut = slice_1d(history, why, "eta", n=400)
    assert cut.model == "random forest"
    assert (cut.lower <= cut.mean).all() and (cut.mean <= cut.upper).all()
    assert len(np.unique(cut.mean)) < 200  # steps: fewer values than points
    assert history.y.min() - 1e-9 <= cut.mean.min() and cut.mean.max() <= history.y.max()
    face = slice_2d(history, why, "eta", "leaves", n=20)
    assert np.isfinite(face.mean).all()


# ---- several workers -----------------------------------------------------------------------------------------------


def test_running_trials_push_the_next_ones_away():
    history = known(TWO, lambda c: (c["a"] - 0.3) ** 2 + (c["b"] - 0.6) ** 2, 30)
    free, pending = [], np.empty((0, 2))
    for i in range(6):
        s = RFBO(p_random=0).suggest(replace(history, pending=pending), np.random.default_rng(i))
        assert s.why.n_pending == i
        free.append(RFBO(p_random=0).suggest(history, np.random.default_rng(i)).x)
        pending = np.vstack([pending, s.x])
    assert len(set(keys(pending))) == 6
    running = believe(replace(history, pending=pending), n_trees=10, seed=0)
    before = believe(history, n_trees=10, seed=0)
    assert (running.predict(pending)[1] < before.predict(pending)[1]).all()
    np.testing.assert_allclose(running.predict(pending[:1])[0], before.predict(pending[:1])[0], atol=0.5)


def test_pending_trials_without_results_are_start_points():
    history, pending = History.of(MIXED, np.empty((0, 6)), np.empty(0)), np.empty((0, 6))
    for i in range(30):
        s = RFBO().suggest(replace(history, pending=pending), np.random.default_rng(i))
        assert isinstance(s.why, Drawn)
        pending = np.vstack([pending, s.x])
    assert len(set(keys(pending))) == 30


# ---- the search for challengers --------------------------------------------------------------------------------------


def test_neighbours_differ_in_one_parameter_and_what_it_switches():
    x = NESTED.sample_unit(20, np.random.default_rng(0))
    points, owner = one_exchange(NESTED, x, np.full(20, 0.05), np.random.default_rng(1))
    assert not NESTED.is_forbidden(points).any()
    before = x[owner]
    both = ~np.isnan(before) & ~np.isnan(points)
    differ = (both & (np.abs(np.where(both, before - points, 0)) > 1e-12)).sum(axis=1)
    switched = (np.isnan(before) != np.isnan(points)).any(axis=1)
    assert (differ[~switched] <= 1).all()
    # a switch is made by one changed parent; only its child's own child may be drawn anew beside it
    assert (differ[switched] == 1).all()
    assert set(owner) == set(range(20))


def test_local_search_climbs_and_never_falls():
    def score(x):
        return -(np.nan_to_num(x, nan=0.5) - 0.4).__abs__().sum(axis=1).round(2)  # a step function

    start = MIXED.sample_unit(8, np.random.default_rng(0))
    x, scores = local_search(score, MIXED, start, np.random.default_rng(1))
    np.testing.assert_array_equal(scores, score(x))
    assert (scores >= score(start)).all()
    assert scores.max() > score(MIXED.sample_unit(2000, np.random.default_rng(2))).max()


def test_ranking_leaves_out_what_was_tried_and_breaks_ties_at_random():
    x = np.linspace(0, 1, 10)[:, None]
    scores = np.array([1.0] * 5 + [0.0] * 5)
    first = {float(ranked(x, scores, set(keys(x[:1])), np.random.default_rng(i))[0][0, 0]) for i in range(60)}
    assert first == set(x[1:5, 0])
    out, _ = ranked(np.vstack([x, x]), np.tile(scores, 2), set(keys(x[3:])), np.random.default_rng(0))
    assert sorted(out[:, 0]) == x[:3, 0].tolist()


def test_challengers_are_allowed_untried_and_sorted():
    trials = NESTED.sample_unit(12, np.random.default_rng(0))
    x, scores = challengers(lambda x: -np.nan_to_num(x, nan=0.5).sum(axis=1), NESTED, trials, set(keys(trials)),
                            np.random.default_rng(1))
    assert not NESTED.is_forbidden(x).any()
    assert not set(keys(x)) & set(keys(trials))
    assert (np.diff(scores) <= 0).all()


# ---- discrete spaces, robustness -------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [
    Space(a=Choice("x", "y", "z"), b=Choice(1, 2), c=Int(1, 3)),
    Space(a=Choice("x", "y"), b=Int(1, 5, when={"a": "x"}), c=Choice("p", "q", "r", when={"b": [1, 2]})),
    Space(a=Choice("x", "y"), b=Float(0, 1, step=0.25), forbidden=[{"a": "x", "b": [0.25, 0.5]}]),
])
def test_a_discrete_space_is_used_up_before_anything_is_repeated(space):
    size = len(all_configs(space))
    history, out = drive(space, lambda c: float(len(str(c)) % 5), size + 2)
    assert len(set(keys(history.x[:size]))) == size
    assert "every configuration has been tried" in out[-1].why.summary()


@pytest.mark.parametrize(("space", "loss"), [
    pytest.param(TWO, lambda c: 1.0, id="constant"),
    pytest.param(TWO, lambda c: math.nan, id="all fail"),
    pytest.param(TWO, lambda c: math.nan if c["a"] > 0.5 else c["a"] + c["b"], id="half fails"),
    pytest.param(TWO, lambda c: 1e300 if c["a"] > 0.7 else c["a"] + c["b"], id="1e300"),
    pytest.param(TWO, lambda c: 1e9 + (c["a"] - 0.2) ** 2, id="offset 1e9"),
    pytest.param(Space(a=Float(0, 1)), lambda c: (c["a"] - 0.3) ** 2, id="one parameter"),
    pytest.param(Space(a=Int(3, 3), b=Float(0, 1), c=Choice("only")), lambda c: c["b"], id="one level"),
    pytest.param(Space(a=Int(3, 3)), lambda c: 1.0, id="one configuration"),
    pytest.param(Space(a=Int(1, 10**6, log=True), b=Float(0, 1)), lambda c: (math.log(c["a"]) - 7) ** 2, id="1 to 1e6"),
    pytest.param(NESTED, nested_loss, id="nested conditions"),
    pytest.param(Space({f"a{i}": Choice(*"abcde") for i in range(8)}), lambda c: sum(v != "c" for v in c.values()),
                 id="choices alone"),
    pytest.param(Space({f"x{i}": Float(0, 1) for i in range(40)}), lambda c: sum(c.values()), id="40 parameters"),
])
def test_odd_problems_run_without_a_warning(space, loss):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, out = drive(space, loss, 16)
        assert all(s.why.summary() for s in out)
        assert len(space) == 1 or isinstance(out[-1].why, RFExplanation)


def test_three_thousand_trials_are_no_obstacle():
    history = known(NESTED, nested_loss, 3000)
    s = RFBO().suggest(history, np.random.default_rng(0))
    NESTED.validate(NESTED.from_unit(s.x))


def test_a_space_without_parameters_has_one_answer():
    assert RFBO().suggest(History.of(Space(), np.empty((0, 0)), np.empty(0)), np.random.default_rng(0)).x.shape == (0,)


@pytest.mark.parametrize("bad", [{"n_trees": 0}, {"p_random": -0.1}, {"p_random": 1.5}, {"n_startup": -1}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match="must"):
        RFBO(**bad)


# ---- progress --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("space", "loss"), [(MIXED, mixed_loss), (NESTED, nested_loss)])
def test_search_beats_random(space, loss):
    ours, random = [], []
    for seed in range(4):
        history, _ = drive(space, loss, 50, seed=seed)
        ours.append(history.y.min())
        random.append(min(loss(c) for c in space.sample(50, np.random.default_rng([9, seed]))))
    assert np.mean(ours) < 0.6 * np.mean(random)
