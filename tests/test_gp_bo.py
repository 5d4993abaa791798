"""Bayesian optimisation with a Gaussian process: contracts, robustness, progress."""

import itertools
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from tests import search_helpers
from tests.search_helpers import MIXED, NESTED, TWO, mixed_loss, nested_loss
from workbench.history import Drawn, History
from workbench.search.beliefs import Beliefs
from workbench.search.gp_bo import GPBO, GPExplanation, suggest_batch
from workbench.search.gp_candidates import all_configs, keys
from workbench.search.gp_posterior import hyperparameters
from workbench.space import Choice, Float, Int, Space


def drive(space, loss, n, *, algorithm=None, seed=0, memo=None):
    return search_helpers.drive(algorithm or GPBO(), space, loss, n, seed=seed, memo=memo)


@pytest.fixture(scope="module")
def mixed_run():
    return drive(MIXED, mixed_loss, 40)


# ---- start -------------------------------------------------------------------------------------------------------


def test_the_first_ten_are_random_points_that_depend_on_the_seed_of_the_run_alone():
    _, out = drive(MIXED, mixed_loss, 11)
    assert all(isinstance(s.why, Drawn) and "random point" in s.why.summary() for s in out[:10])
    assert isinstance(out[10].why, GPExplanation)
    _, again = drive(MIXED, lambda c: -mixed_loss(c), 10)
    assert [s.x.tobytes() for s in again] == [s.x.tobytes() for s in out[:10]]
    _, other = drive(MIXED, mixed_loss, 5, seed=1)
    assert not np.allclose(other[0].x, out[0].x, equal_nan=True)
    many = np.array([drive(TWO, lambda c: c["a"], 1, seed=s)[1][0].x for s in range(200)])
    assert kstest(many.ravel(), "uniform").pvalue > 0.001


def test_running_trials_count_as_start_points():
    none = History.of(MIXED, np.empty((0, 6)), np.empty(0))
    first = GPBO().suggest(none, np.random.default_rng(0)).x
    second = GPBO().suggest(replace(none, pending=first[None]), np.random.default_rng(1)).x
    one_told = History.of(MIXED, first[None], np.array([1.0]))
    assert (second == GPBO().suggest(one_told, np.random.default_rng(1)).x).all()


def test_with_more_workers_than_start_points_the_sequence_goes_on_until_there_are_results():
    history = History.of(MIXED, np.empty((0, 6)), np.empty(0))
    pending = np.empty((0, 6))
    for i in range(80):  # beyond the 64 points drawn
        s = GPBO().suggest(replace(history, pending=pending), np.random.default_rng(i))
        assert isinstance(s.why, Drawn)
        pending = np.vstack([pending, s.x])
    assert len(set(keys(pending))) == 80


# ---- statelessness -----------------------------------------------------------------------------------------------


def test_an_empty_memo_gives_the_same_answer(mixed_run):
    history, out = mixed_run
    for n in (10, 11, 17, 25, 38, 39):
        cold = replace(history[:n], memo={})
        s = GPBO().suggest(cold, np.random.default_rng([0, n]))
        assert s.x.tobytes() == out[n].x.tobytes()
        assert s.why.summary() == out[n].why.summary()


def test_the_memo_may_have_been_filled_by_another_history_of_the_same_run(mixed_run):
    history, out = mixed_run
    changed = History.of(MIXED, history.x, history.y[::-1].copy())
    memo = {}
    GPBO().suggest(replace(changed, memo=memo), np.random.default_rng(0))
    s = GPBO().suggest(replace(history[:30], memo=memo), np.random.default_rng([0, 30]))
    assert s.x.tobytes() == out[30].x.tobytes()


@pytest.mark.slow
def test_an_empty_memo_gives_the_same_answer_for_long_histories():
    rng = np.random.default_rng(0)
    x = MIXED.sample_unit(1100, rng)
    y = np.array([mixed_loss(c) for c in MIXED.from_unit(x)])
    history, memo = History.of(MIXED, x, y), {}
    for n in (250, 256, 257, 266, 300, 301, 1000, 1099):
        warm = GPBO().suggest(replace(history[:n], memo=memo), np.random.default_rng(n))
        if n in {257, 301, 1099}:
            cold = GPBO().suggest(replace(history[:n], memo={}), np.random.default_rng(n))
            assert cold.x.tobytes() == warm.x.tobytes()


def test_the_history_is_not_changed(mixed_run):
    history, _ = mixed_run
    x, y = history.x.copy(), history.y.copy()
    GPBO().suggest(history, np.random.default_rng(0))
    assert np.array_equal(x, history.x, equal_nan=True)
    assert (y == history.y).all()


def test_hyperparameters_depend_on_the_finished_trials_alone(mixed_run):
    history, _ = mixed_run
    a = hyperparameters(replace(history, memo={}))
    b = hyperparameters(replace(history, memo={}, pending=MIXED.sample_unit(3, np.random.default_rng(0))))
    assert (a.lengthscale == b.lengthscale).all()


# ---- several workers -----------------------------------------------------------------------------------------------


def test_running_trials_push_the_next_one_away(mixed_run):
    history, _ = mixed_run
    alone = GPBO().suggest(history, np.random.default_rng(5))
    both = GPBO().suggest(replace(history, pending=alone.x[None]), np.random.default_rng(5))
    assert keys(both.x[None]) != keys(alone.x[None])
    assert both.why.n_pending == 1
    assert "1 running trial was taken into account" in both.why.summary()


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi", "lcb", "noisy_ei", "thompson"])
def test_four_workers_never_get_the_same_point(acquisition):
    space = Space(a=Float(0, 1), b=Float(0, 1))
    x = space.sample_unit(12, np.random.default_rng(0))
    history = History.of(space, x, ((x - 0.3) ** 2).sum(1))
    pending = np.empty((0, 2))
    for i in range(4):
        s = GPBO(acquisition=acquisition).suggest(replace(history, pending=pending), np.random.default_rng(i))
        pending = np.vstack([pending, s.x])
    gaps = [np.abs(p - q).max() for p, q in itertools.combinations(pending, 2)]
    assert min(gaps) > 1e-3


def test_a_batch_is_what_as_many_workers_get_that_ask_in_turn():
    space = Space(a=Float(0, 1), b=Float(0, 1))
    x = space.sample_unit(12, np.random.default_rng(0))
    history = History.of(space, x, ((x - 0.3) ** 2).sum(1))
    batch = suggest_batch(GPBO(), history, 4, np.random.default_rng(3))
    rng, pending = np.random.default_rng(3), np.empty((0, 2))
    for s in batch:
        again = GPBO().suggest(replace(history, pending=pending), rng)
        assert again.x.tobytes() == s.x.tobytes()
        pending = np.vstack([pending, s.x])
    assert [s.why.n_pending for s in batch] == [0, 1, 2, 3]


@pytest.mark.parametrize("acquisition", ["log_ei", "noisy_ei", "thompson"])
def test_a_batch_spreads_much_wider_than_questions_that_do_not_know_of_each_other(acquisition):
    space = Space({f"x{i}": Float(0, 1) for i in range(3)})
    x = space.sample_unit(15, np.random.default_rng(0))
    history = History.of(space, x, np.sin(7 * x).sum(1))
    algorithm = GPBO(acquisition=acquisition)
    batch = np.array([s.x for s in suggest_batch(algorithm, history, 6, np.random.default_rng(0))])
    gaps = [np.linalg.norm(p - q) for p, q in itertools.combinations(batch, 2)]
    assert np.median(gaps) > 0.2
    assert min(gaps) > 1e-3
    if acquisition == "log_ei":  # the same question asked again climbs the same hill
        alone = np.array([algorithm.suggest(history, np.random.default_rng(i)).x for i in range(6)])
        same = [np.linalg.norm(p - q) for p, q in itertools.combinations(alone, 2)]
        assert np.median(gaps) > 5 * np.median(same)


# ---- known noise, draws ------------------------------------------------------------------------------------------------


def test_known_noise_is_used_as_given_in_the_units_of_the_loss():
    space = Space(a=Float(0, 1))
    rng = np.random.default_rng(0)
    x = rng.random((30, 1))
    history = History.of(space, x, 50 * (x[:, 0] - 0.3) ** 2 + rng.normal(0, 2, 30))
    for noise, sd in ((2.0, 2.0), (5.0, 5.0), (False, 0.0)):
        why = GPBO(noise=noise).suggest(history, np.random.default_rng(0)).why
        scale = why.belief(history).transform.scale
        assert math.sqrt(why.noise) * scale == pytest.approx(sd, abs=1e-3 * scale)
    assert 0.5 < math.sqrt(GPBO().suggest(history, np.random.default_rng(0)).why.noise) * scale < 4  # estimated: about 2


def test_a_deterministic_search_does_not_hedge():
    space = Space(a=Float(0, 1))
    x = np.linspace(0, 1, 12)[:, None]
    history = History.of(space, x, np.where(np.arange(12) == 4, -0.3, 0.0) + (x[:, 0] - 0.5) ** 2)
    sure = GPBO(noise=False).suggest(history, np.random.default_rng(0)).why
    assert sure.incumbent[0] == x[4, 0]
    assert sure.belief(history).predict(x)[0] == pytest.approx(sure.belief(history).targets, abs=1e-3)


def test_thompson_draws_differ_from_trial_to_trial():
    history, _ = drive(TWO, lambda c: math.sin(9 * c["a"]) + c["b"], 5)
    out = [GPBO(acquisition="thompson", n_startup=5).suggest(history, np.random.default_rng(i)) for i in range(8)]
    assert len({s.why.seed for s in out}) == 8
    assert np.ptp([s.x[0] for s in out]) > 0.01
    assert "Thompson draw was highest here" in out[0].why.summary()


# ---- beliefs -----------------------------------------------------------------------------------------------------------


def test_every_second_start_point_is_drawn_from_the_belief_and_the_others_stay():
    algorithm = GPBO(prior={"a": (0.7, 0.8)})
    history, out = drive(TWO, lambda c: c["a"], 10, algorithm=algorithm)
    plain, _ = drive(TWO, lambda c: c["a"], 10)
    assert np.array_equal(history.x[1::2], plain.x[1::2])
    assert np.mean((history.x[::2, 0] > 0.65) & (history.x[::2, 0] < 0.85)) >= 0.6  # 87 % of the belief, 5 draws
    assert [("belief" in s.why.how, "random" in s.why.how) for s in out] == [(True, False), (False, True)] * 5


def test_a_start_point_says_where_it_comes_from_also_if_others_were_skipped():
    algorithm = GPBO(prior={"a": 0.7}, n_startup=5)
    first = algorithm.suggest(History.of(TWO, np.empty((0, 2)), []), np.random.default_rng(0))
    again = algorithm.suggest(History.of(TWO, np.empty((0, 2)), [], pending=first.x[None]), np.random.default_rng(0))
    plain = GPBO(n_startup=5).suggest(History.of(TWO, np.empty((0, 2)), [], pending=first.x[None]), np.random.default_rng(0))
    assert np.array_equal(again.x, plain.x)
    assert again.why.how == "random point 2 of 5 to start with"
    third = algorithm.suggest(History.of(TWO, np.empty((0, 2)), [], pending=np.vstack([np.zeros(2), again.x])),
                              np.random.default_rng(0))
    assert third.why.how == "draw from your belief 3 of 5 to start with"
    late = GPBO(n_startup=0).suggest(History.of(TWO, np.empty((0, 2)), []), np.random.default_rng(0))
    assert late.why.how == "random point until there are two results"


def bowl(c):
    return sum((v - 0.3) ** 2 for v in c.values())


FOUR = Space({k: Float(0, 1) for k in "abcd"})


def test_a_right_belief_helps_at_once_and_a_wrong_one_is_overruled():
    seeds = range(4)
    best = {name: np.array([np.minimum.accumulate(
                drive(FOUR, bowl, 28, algorithm=GPBO(prior={} if u is None else dict.fromkeys("abcd", u)), seed=s)[0].y)
                for s in seeds]) for name, u in {"none": None, "right": 0.32, "wrong": 0.9}.items()}
    assert best["right"][:, 10].mean() < 0.3 * best["none"][:, 10].mean()  # measured: a tenth
    assert best["wrong"][:, 10].mean() > best["right"][:, 10].mean()
    assert best["wrong"][:, -1].mean() < 0.01  # random search: 0.05


def test_the_weight_of_a_belief_falls_as_one_over_n_and_is_said():
    algorithm = GPBO(prior={"a": 0.9}, prior_beta=5.0)
    _, out = drive(TWO, lambda c: c["a"], 14, algorithm=algorithm)
    assert [s.why.prior_weight for s in out[10:]] == [5.0 / n for n in range(10, 14)]
    assert "Your belief spoke " in out[12].why.summary()
    assert out[12].why.log_belief == pytest.approx(
        Beliefs.of(TWO, {"a": 0.9}).log_density(out[12].x[None])[0])


# ---- discrete spaces ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [
    Space(a=Choice("x", "y", "z"), b=Choice(1, 2), c=Int(1, 3)),
    Space(a=Choice("x", "y"), b=Int(1, 5, when={"a": "x"}), c=Choice("p", "q", "r", when={"b": [1, 2]})),
    Space(a=Choice("x", "y"), b=Float(0, 1, step=0.25), forbidden=[{"a": "x", "b": [0.25, 0.5]}]),
])
def test_a_discrete_space_is_used_up_before_anything_is_repeated(space):
    size = len(all_configs(space))
    history, out = drive(space, lambda c: float(len(str(c)) % 5), size + 2)
    assert len(set(keys(history.x[:size]))) == size
    assert not space.is_forbidden(history.x).any()
    assert "every configuration has been tried" in out[-1].why.summary()


def test_running_trials_are_not_suggested_again_in_a_discrete_space():
    space = Space(a=Choice(*range(4)), b=Choice(*range(4)))
    x = space.sample_unit(6, np.random.default_rng(0))
    history, pending = History.of(space, x, np.arange(6.0)), np.empty((0, 2))
    seen = set(keys(x))
    while len(seen) < 16:
        s = GPBO(n_startup=3).suggest(replace(history, pending=pending), np.random.default_rng(len(pending)))
        assert keys(s.x[None])[0] not in seen
        seen.add(keys(s.x[None])[0])
        pending = np.vstack([pending, s.x])


def test_a_large_discrete_space_sees_no_repeats():
    space = Space({f"a{i}": Choice(*"abcde") for i in range(6)})
    history, _ = drive(space, lambda c: float(sum(v != "c" for v in c.values())), 40)
    assert len(set(keys(history.x))) == 40
    assert history.y.min() <= 1  # of 0 … 6; random search is at 2 after 40 draws


def test_forbidden_combinations_are_never_suggested():
    space = Space(solver=Choice("a", "b", "c"), penalty=Choice("p", "q", "r"), C=Float(1e-3, 1e3, log=True),
                  n=Int(1, 40),
                  forbidden=[{"solver": "a", "penalty": ["p", "q"]}, {"solver": ["b", "c"], "penalty": "r"},
                             {"penalty": "p", "n": list(range(5, 30))}])
    # the best losses lie in the forbidden corner
    history, _ = drive(space, lambda c: (c["n"] - 15) ** 2 / 100 + (c["penalty"] != "p") + math.log10(c["C"]) ** 2, 35)
    assert not space.is_forbidden(history.x).any()


# ---- robustness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "loss"), [
    pytest.param(TWO, lambda c: 1.0, id="constant"),
    pytest.param(TWO, lambda c: math.nan, id="all fail"),
    pytest.param(TWO, lambda c: math.nan if c["a"] > 0.5 else c["a"] + c["b"], id="half fails"),
    pytest.param(TWO, lambda c: 1e300 if c["a"] > 0.7 else c["a"] + c["b"], id="1e300"),
    pytest.param(TWO, lambda c: 1e-14 * (c["a"] - 0.2) ** 2, id="1e-14"),
    pytest.param(TWO, lambda c: 1e9 + (c["a"] - 0.2) ** 2, id="offset 1e9"),
    pytest.param(TWO, lambda c: float(c["a"] > 0.2) + float(c["b"] > 0.2), id="steps"),
    pytest.param(Space(a=Float(0, 1)), lambda c: (c["a"] - 0.3) ** 2, id="one parameter"),
    pytest.param(Space(a=Float(1e-6, 1e3, log=True)), lambda c: abs(math.log(c["a"])), id="one on a log scale"),
    pytest.param(Space(a=Choice(*"abc"), b=Choice(1, 2)), lambda c: c["b"] + (c["a"] == "a"), id="choices alone"),
    pytest.param(Space(a=Int(3, 3), b=Float(0, 1), c=Choice("only")), lambda c: c["b"], id="one level"),
    pytest.param(Space(a=Int(3, 3)), lambda c: 1.0, id="one configuration"),
    pytest.param(Space(a=Float(2, 2), b=Float(0, 1)), lambda c: c["b"], id="empty range"),
    pytest.param(Space(a=Int(1, 10**6, log=True), b=Float(0, 1)), lambda c: (math.log(c["a"]) - 7) ** 2, id="1 to 1e6"),
    pytest.param(NESTED, nested_loss, id="nested conditions"),
    pytest.param(Space({f"x{i}": Float(0, 1) for i in range(40)}), lambda c: sum(c.values()), id="40 parameters"),
])
def test_odd_problems_run_without_a_warning(space, loss):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history, out = drive(space, loss, 22)
        assert all(s.why.summary() for s in out)
    if any(c.kind == "float" and space[c.name].low < space[c.name].high for c in space.columns):
        assert len(set(keys(history.x))) == 22


def test_a_space_without_parameters_has_one_answer():
    s = GPBO().suggest(History.of(Space(), np.empty((0, 0)), np.empty(0)), np.random.default_rng(0))
    assert s.x.shape == (0,)


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi", "lcb", "noisy_ei", "thompson"])
def test_every_acquisition_function_finds_a_simple_minimum(acquisition):
    history, out = drive(TWO, lambda c: (c["a"] - 0.2) ** 2 + (c["b"] - 0.6) ** 2,
                         30, algorithm=GPBO(acquisition=acquisition))
    assert history.y.min() < 1e-3  # 30 random points come to 0.01
    assert any(getattr(s.why, "acquisition", "") == acquisition for s in out)


@pytest.mark.parametrize("bad", [{"acquisition": "ucb"}, {"beta": -1.0}, {"n_startup": -1}, {"patience": -1}, {"prior_beta": -1.0},
                                 {"noise": True}, {"noise": "no"}, {"noise": -0.1}, {"noise": math.inf}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match="must"):
        GPBO(**bad)


def test_a_search_that_stands_still_explores_every_second_time():
    _, out = drive(TWO, lambda c: 1.0, 40)
    notes = [getattr(s.why, "note", "") for s in out[24:]]
    assert [bool(n) for n in notes] == [i % 2 == 0 for i in range(len(notes))]
    assert "Nothing has improved for" in out[24].why.summary()
    _, out = drive(TWO, lambda c: 1.0, 30, algorithm=GPBO(patience=0))
    assert not any(getattr(s.why, "note", "") for s in out)


@pytest.mark.parametrize(("acquisition", "beta", "exploring"), [("log_ei", 2.0, 3.0), ("lcb", 1.0, 3.0), ("lcb", 5.0, 5.0)])
def test_a_suggestion_that_explores_weighs_uncertainty_more_also_where_the_search_goes_by_a_bound_anyway(acquisition, beta,
                                                                                                       exploring):
    _, out = drive(TWO, lambda c: 1.0, 26, algorithm=GPBO(acquisition=acquisition, beta=beta))
    whys = [s.why for s in out[10:]]
    assert {why.beta for why in whys if why.note} == {exploring}
    assert {why.beta for why in whys if not why.note} == {beta}


# ---- progress --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("space", "loss", "margin"), [(MIXED, mixed_loss, 0.2), (NESTED, nested_loss, 0.2)])
def test_search_beats_random_by_far(space, loss, margin):
    ours, random = [], []
    for seed in range(3):
        history, _ = drive(space, loss, 40, seed=seed)
        ours.append(history.y.min())
        configs = space.sample(40, np.random.default_rng([9, seed]))
        random.append(min(loss(c) for c in configs))
    assert np.mean(ours) < margin * np.mean(random)  # measured: a hundredth


@pytest.mark.slow
def test_outliers_do_not_hide_the_minimum():
    history, _ = drive(TWO, lambda c: 1e12 if c["a"] > 0.7 else (c["a"] - 0.2) ** 2 + (c["b"] - 0.4) ** 2, 40)
    assert history.y.min() < 1e-4
