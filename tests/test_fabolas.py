"""FABOLAS: its start, small shares first, the incumbent on all the data, seconds, strange histories, the reason, its picture."""

import json
import math
from dataclasses import fields, replace

import numpy as np
import plotly.graph_objects as go
import pytest

import workbench as wb
from tests.search_helpers import NESTED
from workbench.errors import SpaceError
from workbench.history import Drawn, History
from workbench.models.information_gain import InformationGain
from workbench.plots.model import model
from workbench.search.fabolas import FabolasExplanation
from workbench.search.fabolas_belief import LogSeconds, SubsetBelief, believe, hyperparameters
from workbench.search.fabolas_maximise import N_REPRESENTERS, GainPerSecond, maximise, representers
from workbench.search.fabolas_why import share_slices
from workbench.search.gp_candidates import keys
from workbench.search.shares import Share

SPACE = wb.Space(C=wb.Float(1e-3, 1e3, log=True), gamma=wb.Float(1e-5, 10, log=True), share=wb.Float(1 / 64, 1, log=True))
SEARCH = wb.Fabolas(overhead_s=0.0)


def loss(c):
    """Least at C = 10, gamma = 0.01; small shares are worse, and worse for large C."""
    a, b = math.log10(c["C"]) - 1, math.log10(c["gamma"]) + 2
    return 0.05 + 0.05 * a * a + 0.08 * b * b + (0.1 + 0.02 * a) * (c["share"] ** -0.4 - 1)


def seconds(c):
    return 10 * c["share"] ** 1.8


def drive(algorithm, n, *, space=SPACE, loss=loss, seconds=seconds, seed=0, memo=None):
    memo = {} if memo is None else memo
    x, y, t, out = np.empty((0, len(space))), np.empty(0), np.empty(0), []
    for i in range(n):
        history = replace(History.of(space, x, y, seed=seed), seconds=t, memo=memo)
        out.append(algorithm.suggest(history, np.random.default_rng([seed, i])))
        c = space.from_unit(out[-1].x)
        x, y, t = np.vstack([x, out[-1].x]), np.append(y, loss(c)), np.append(t, seconds(c))
    return replace(History.of(space, x, y, seed=seed), seconds=t, memo=memo), out


@pytest.fixture(scope="module")
def driven():
    return drive(SEARCH, 30)


def some(n=24, seed=0, space=SPACE):
    x = space.sample_unit(n, np.random.default_rng(seed))
    configs = space.from_unit(x)
    return replace(History.of(space, x, [loss(c) for c in configs]), seconds=np.array([seconds(c) for c in configs]))


# ---- the share ---------------------------------------------------------------------------------------------------------


def test_the_start_is_the_papers_the_same_configurations_on_four_shares():
    history, out = drive(wb.Fabolas(n_startup=3), 12)
    configs = SPACE.from_unit(history.x)
    np.testing.assert_allclose([c["share"] for c in configs], [1 / 64, 1 / 32, 1 / 16, 1 / 8] * 3)
    for k in range(3):
        assert len({(c["C"], c["gamma"]) for c in configs[4 * k:4 * k + 4]}) == 1
    assert len({c["C"] for c in configs}) == 3
    assert all(isinstance(s.why, Drawn) for s in out)
    assert "configuration 2 on 1.6 % of the data, 5 of 12" in out[4].why.summary()


@pytest.mark.parametrize("p", [wb.Float(1 / 64, 1, log=True), wb.Float(0.01, 1), wb.Int(100, 51200, log=True),
                               wb.Float(0.1, 1, step=0.1), wb.Float(0.5, 1)])
def test_positions_and_values_of_any_number_belong_together(p):
    space = wb.Space(x=wb.Float(0, 1), share=p)
    share = Share.of(space, "share")
    x = space.sample_unit(20, np.random.default_rng(0))
    values = np.array([c["share"] for c in space.from_unit(x)])
    np.testing.assert_allclose(share.of_data(share.position(x)), values / p.high, rtol=1e-9)
    np.testing.assert_allclose(share.place(x, share.position(x)), x, atol=1e-9)
    assert [c["share"] for c in space.from_unit(share.place(x, 1.0))] == [p.high] * 20
    start = share.of_data(share.start())
    assert (np.diff(start) > 0).all()
    assert start[-1] < 1
    assert start[0] == pytest.approx(max(p.low / p.high, 1 / 64))


def test_a_range_of_one_share_is_all_the_data():
    share = Share.of(wb.Space(x=wb.Float(0, 1), share=wb.Float(1, 1)), "share")
    assert share.start().tolist() == [1.0]
    assert share.position(np.array([[0.2, 0.5]])).tolist() == [1.0]


@pytest.mark.parametrize("space", [wb.Space(x=wb.Float(0, 1)), wb.Space(share=wb.Choice("some", "all")),
                                   wb.Space(share=wb.Float(0, 1)),
                                   wb.Space(a=wb.Choice(1, 2), share=wb.Float(0.1, 1, when={"a": 1}))])
def test_a_space_without_a_share_is_refused_with_the_way_out(space):
    with pytest.raises(SpaceError, match="share=None"):
        wb.Fabolas().suggest(History.of(space, np.empty((0, len(space))), []), np.random.default_rng(0))


@pytest.mark.parametrize("settings", [{"n_startup": -1}, {"overhead_s": -1.0}, {"overhead_s": math.inf}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(ValueError, match="must not be negative"):
        wb.Fabolas(**settings)


# ---- the search --------------------------------------------------------------------------------------------------------


def test_small_shares_come_first_and_find_what_is_good_on_all_the_data(driven):
    history, out = driven
    whys = [s.why for s in out[20:]]
    assert all(isinstance(w, FabolasExplanation) for w in whys)
    assert all(w.share < 0.2 for w in whys[:5])
    assert loss(SEARCH.incumbent(history)) - 0.05 < 0.03  # the mean over the space is 0.6
    assert history.seconds.sum() < 10  # of one training on all the data


def test_all_the_data_are_used_where_they_cost_no_more():
    _, out = drive(SEARCH, 26, seconds=lambda _c: 1.0)
    assert max(s.why.share for s in out[20:]) > 0.5


def test_an_overhead_makes_shares_larger():
    history = some(seed=3)
    chosen = [wb.Fabolas(overhead_s=o).suggest(replace(history, memo={}), np.random.default_rng(0)).why.share for o in (0.0, 100.0)]
    assert chosen[1] > chosen[0]


def test_the_score_is_the_gain_over_the_predicted_seconds_and_the_overhead():
    history = some()
    why = wb.Fabolas(overhead_s=0.3).suggest(history, np.random.default_rng(0)).why
    assert why.gain_per_second == pytest.approx(why.gain / (why.predicted_seconds + 0.3))
    assert why.predicted_seconds == pytest.approx(seconds(SPACE.from_unit(why.x)), rel=0.25)
    assert (np.diff(why.scores) <= 0).all()
    assert 0 < why.gain <= why.entropy <= math.log2(N_REPRESENTERS)


def test_the_best_candidate_is_close_to_the_best_of_many():
    history = some()
    belief = believe(history, Share.of(SPACE, "share"))
    rng = np.random.default_rng(5)
    places = representers(history, belief, rng)
    value = GainPerSecond(belief, InformationGain.of(belief.loss, *belief.features(places), rng), 1.0)

    _, scores = maximise(history, value, places, set(keys(history.x)), rng)
    assert scores[0] > 0.9 * value(SPACE.sample_unit(1500, np.random.default_rng(9))).max()


def test_representers_are_different_configurations_on_all_the_data_with_the_incumbent_first():
    history = some()
    belief = believe(history, Share.of(SPACE, "share"))
    places = representers(history, belief, np.random.default_rng(0))
    assert len(set(keys(places))) == len(places) == N_REPRESENTERS
    assert (places[:, 2] == 1.0).all()
    np.testing.assert_array_equal(places[0], belief.incumbent())
    # they are where improvement is expected: better by the model than configurations at random
    random = belief.share.place(SPACE.sample_unit(200, np.random.default_rng(1)), 1.0)
    assert np.median(belief.predict(places)[0]) < np.quantile(belief.predict(random)[0], 0.25)


def test_where_nothing_can_be_learnt_the_incumbent_is_tried_on_all_the_data():
    space = wb.Space(c=wb.Choice("only"), share=wb.Float(1 / 64, 1, log=True))
    history, out = drive(wb.Fabolas(n_startup=1), 6, space=space, loss=lambda c: 1 / c["share"])
    assert "so the best so far is tried on all the data" in out[4].why.summary()
    assert space.from_unit(out[4].x)["share"] == 1.0
    assert "any new one will do" in out[5].why.summary()
    assert len(set(keys(history.x))) == 6


def test_running_trials_are_not_asked_for_again_and_take_the_uncertainty_away():
    history = some()
    first = SEARCH.suggest(history, np.random.default_rng(0))
    busy = replace(history, pending=first.x[None])
    again = SEARCH.suggest(busy, np.random.default_rng(0))
    assert np.abs(again.x - first.x).max() > 1e-6
    assert "1 running trial was taken into account" in again.why.summary()
    share = Share.of(SPACE, "share")
    assert believe(busy, share).predict(first.x[None])[1] < 0.7 * believe(history, share).predict(first.x[None])[1]


def test_failed_trials_and_unknown_seconds_are_no_reason_to_fail():
    history = some()
    y, t = history.y.copy(), history.seconds.copy()
    y[:4], t[2:6] = np.inf, np.nan
    assert SPACE.contains(SPACE.from_unit(SEARCH.suggest(replace(history, y=y, seconds=t), np.random.default_rng(0)).x))
    without = SEARCH.suggest(replace(history, seconds=np.empty(0)), np.random.default_rng(0)).why
    assert not without.timed
    assert "per share of the data" in without.summary()
    unknown = believe(replace(history, seconds=np.full(24, np.nan)), Share.of(SPACE, "share"))
    np.testing.assert_allclose(unknown.seconds(history.x), [c["share"] for c in SPACE.from_unit(history.x)])


def test_a_conditional_space_is_searched_in_its_active_parameters():
    space = wb.Space({**{n: NESTED[n] for n in NESTED}, "share": wb.Float(1 / 64, 1, log=True)})
    history, _ = drive(wb.Fabolas(n_startup=2, overhead_s=0.0), 14, space=space,
                       loss=lambda c: {"svm": 0.1, "boost": 0.3, "knn": 0.5}[c["algo"]] + 0.1 / c["share"] ** 0.3)
    for x in history.x:
        space.validate(space.from_unit(x))
    assert wb.Fabolas().incumbent(history)["share"] == 1.0


def test_long_histories_are_thinned_out_for_the_models():
    history = some(1500, seed=2)
    share = Share.of(SPACE, "share")
    belief = SubsetBelief.of(history, share, hyperparameters(some(40), share, "loss"), hyperparameters(some(40), share, "seconds"))
    assert len(belief.loss.y) == 1000
    assert loss(SPACE.from_unit(belief.incumbent())) < np.quantile([loss({**c, "share": 1.0}) for c in SPACE.from_unit(history.x)], 0.02)


def test_a_memo_is_keyed_by_what_trials_cost_too():
    history = some()
    memo = {}
    a = SEARCH.suggest(replace(history, memo=memo), np.random.default_rng(0))
    slow = replace(history, seconds=history.seconds[::-1].copy())
    b = SEARCH.suggest(replace(slow, memo=memo), np.random.default_rng(0))
    np.testing.assert_array_equal(b.x, SEARCH.suggest(replace(slow, memo={}), np.random.default_rng(0)).x)
    assert np.abs(a.x - b.x).max() > 0


def test_without_a_share_every_trial_uses_all_the_data():
    space = wb.Space(C=SPACE["C"], gamma=SPACE["gamma"])
    search = wb.Fabolas(share=None)
    history, out = drive(search, 12, space=space, loss=lambda c: loss({**c, "share": 1.0}), seconds=lambda _c: 1.0)
    assert isinstance(out[4].why, Drawn)
    assert all(s.why.share == 1.0 for s in out[5:])
    assert history.y.min() < 0.3
    # an incumbent on all the data is the one with the least loss, as far as losses are sure
    assert loss({**search.incumbent(history), "share": 1.0}) == pytest.approx(history.y.min(), abs=0.02)


# ---- the incumbent -----------------------------------------------------------------------------------------------------


def test_the_incumbent_is_the_best_tried_configuration_on_all_the_data_not_the_best_loss():
    """On a small share the other one is better."""
    space = wb.Space(x=wb.Float(0, 1), share=wb.Float(1 / 64, 1, log=True))
    rows = [{"x": x, "share": s} for x in (0.1, 0.9) for s in (1 / 64, 1 / 16, 1 / 4, 1.0)]
    y = [0.05, 0.2, 0.28, 0.3, 0.5, 0.25, 0.15, 0.1]
    history = replace(History.of(space, space.to_unit(rows), y), seconds=np.ones(8))
    assert wb.Fabolas().incumbent(history) == {"x": pytest.approx(0.9), "share": 1.0}


def test_an_incumbent_needs_a_trial_that_has_worked():
    none = History.of(SPACE, np.empty((0, 3)), [])
    for history in (none, replace(some(3), y=np.full(3, np.inf))):
        with pytest.raises(ValueError, match="has worked"):
            SEARCH.incumbent(history)
    assert SEARCH.incumbent(some(1))["share"] == 1.0


def test_a_run_times_its_trials_and_is_asked_for_its_incumbent():
    search = wb.Fabolas(n_startup=2)
    run = wb.optimize(loss, SPACE, algorithm=search, n_trials=10, seed=1).start().wait(timeout=60)
    assert run.state == "done", run.detail
    history = run.history()
    assert (history.seconds >= 0).all()
    assert search.incumbent(history)["share"] == 1.0


# ---- the reason and its picture ----------------------------------------------------------------------------------------


def test_the_explanation_says_what_was_decided_and_rebuilds_the_belief(driven):
    history, out = driven
    why = out[27].why
    assert "bits in about" in why.summary()
    assert "of the data. Predicted on all the data" in why.summary()
    seen = history[:27]
    belief = why.belief(seen)
    mean, low, high = belief.losses(belief.share.place(why.x[None], 1.0))
    assert (mean[0], (high - low)[0] / 3.92) == pytest.approx((why.predicted, why.predicted_sd))
    np.testing.assert_array_equal(belief.incumbent(), why.incumbent)
    assert belief.seconds(why.x[None])[0] == pytest.approx(why.predicted_seconds)
    assert why.gains.max() <= 1.01 * why.gain_per_second  # the chosen share is the best one for the configuration, or nearly
    for f in fields(why):
        assert isinstance(getattr(why, f.name), (int, float, str, np.ndarray))


def test_slices_along_the_share_show_what_is_believed_and_what_was_seen(driven):
    history, out = driven
    slices = share_slices(history[:27], out[27].why)
    curve = slices.incumbent or slices.chosen
    assert (curve.loss_low <= curve.loss).all()
    assert (curve.loss <= curve.loss_high).all()
    assert curve.shares[0] == pytest.approx(1 / 64)
    assert curve.shares[-1] == 1.0
    assert len(curve.seen_loss) >= 1
    np.testing.assert_allclose(curve.seconds, 10 * curve.shares**1.8, rtol=0.2)
    own = np.interp(np.log(curve.seen_share), np.log(curve.shares), curve.loss)
    np.testing.assert_allclose(own, curve.seen_loss, atol=0.05)


@pytest.mark.parametrize("maximize", [False, True])
def test_the_picture_has_three_rows_over_the_share(driven, maximize):
    history, out = driven
    figure = model(history[:27], out[27].why, "C", maximize=maximize)
    assert "bits about where the best is" in figure["layout"]["title"]["text"]
    assert {t["yaxis"] for t in figure["data"]} == {"y", "y2", "y3"}
    assert {t["xaxis"] for t in figure["data"]} == {"x"}
    go.Figure(json.loads(json.dumps(figure, default=lambda a: a.tolist())))


def test_the_picture_does_without_seconds_and_without_shares():
    why = SEARCH.suggest(replace(some(), seconds=np.empty(0)), np.random.default_rng(0)).why
    figure = model(replace(some(), seconds=np.empty(0)), why, "C")
    assert "No seconds are known" in figure["layout"]["annotations"][0]["text"]
    space = wb.Space(C=SPACE["C"], gamma=SPACE["gamma"])
    history, out = drive(wb.Fabolas(share=None), 8, space=space, loss=lambda c: loss({**c, "share": 1.0}),
                         seconds=lambda _c: 1.0)
    go.Figure(json.loads(json.dumps(model(history[:7], out[7].why, "C"), default=lambda a: a.tolist())))


def test_log_seconds_are_undone():
    t = np.array([0.0, 1e-3, 2.0, 3600.0])
    scale = LogSeconds.of(t)
    np.testing.assert_allclose(scale.inverse(scale.forward(t))[1:], t[1:])
    assert LogSeconds.of(np.ones(3)).scale == 1.0
