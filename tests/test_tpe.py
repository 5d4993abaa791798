"""TPE: its split and weights, groups of conditions, what it never proposes, and that it beats random search."""

import itertools
import math
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

import workbench as wb
from workbench.history import Drawn, History
from workbench.models.parzen import ParzenEstimator
from workbench.search.tpe import TPE, TPEExplanation, densities
from workbench.search.tpe_groups import groups_of, log_rank_weights, recency_weights, split
from workbench.search.untried import all_points, draw_fresh

NESTED = wb.Space(
    algo=wb.Choice("svm", "tree"),
    c=wb.Float(1e-3, 1e3, log=True, when={"algo": "svm"}),
    kernel=wb.Choice("rbf", "linear", when={"algo": "svm"}),
    gamma=wb.Float(1e-5, 10, log=True, when={"kernel": "rbf"}),
    depth=wb.Int(1, 12, when={"algo": "tree"}),
    rate=wb.Float(0, 1),
)
MIXED = wb.Space(lr=wb.Float(1e-5, 1, log=True), depth=wb.Int(1, 12), width=wb.Int(8, 1024, log=True),
                 act=wb.Choice("relu", "tanh", "gelu"), size=wb.Choice("s", "m", "l", ordered=True),
                 drop=wb.Float(0, 0.9, step=0.1))


def rng(*key):
    return np.random.default_rng(key)


def history(space, n, *, seed=0, loss=None, pending=None):
    x = space.sample_unit(n, rng(seed))
    y = np.nansum((x - 0.3) ** 2, axis=1) if loss is None else np.array([loss(c) for c in space.from_unit(x)])
    return History.of(space, x, y, pending=pending, seed=seed)


def search(space, loss, n, seed, algorithm=None):
    """Run a search to its end; returns the losses."""
    algorithm = algorithm or TPE()
    x, y = np.empty((0, len(space))), np.empty(0)
    for k in range(n):
        point = algorithm.suggest(History.of(space, x, y), rng(seed, k)).x
        x, y = np.vstack([x, point]), np.append(y, loss(space.from_unit(point)))
    return y


# ---- what it stands on ---------------------------------------------------------------------------------------------


def test_good_trials_weigh_by_the_logarithm_of_their_rank():
    w = log_rank_weights(np.array([3.0, 1.0, 2.0]))
    by_hand = np.array([math.log(4.5) - math.log(r) for r in (3, 1, 2)])
    np.testing.assert_allclose(w, by_hand / by_hand.mean())


def test_bad_trials_weigh_by_how_recent_they_are():
    np.testing.assert_array_equal(recency_weights(25), np.ones(25))
    w = recency_weights(40)
    np.testing.assert_allclose(w[:15], np.linspace(1 / 40, 1, 15))
    np.testing.assert_array_equal(w[15:], np.ones(25))


def test_split_takes_the_best_share_and_keeps_the_order_in_which_results_were_told():
    space = wb.Space(x=wb.Float(0, 1))
    x = np.arange(20)[:, None] / 20
    h = History.of(space, x, np.array([5.0, 1, 9, 0, 7, 2] + [10] * 14), pending=np.array([[0.99]]))
    s = split(h, groups_of(space)[0], 0.15, 25)
    np.testing.assert_array_equal(s.good[:, 0], [0.05, 0.15, 0.25])  # ceil(0.15 * 20) trials, by time
    np.testing.assert_array_equal(s.good_losses, [1, 0, 2])
    assert s.bad[-1, 0] == 0.99, "a running trial is a bad one, the newest"
    assert len(s.bad) == 18


def test_failed_trials_are_never_good():
    space = wb.Space(x=wb.Float(0, 1))
    h = History.of(space, np.linspace(0, 1, 30)[:, None], np.array([1.0] + [math.inf] * 29))
    s = split(h, groups_of(space)[0], 0.15, 25)
    assert len(s.good) == 1
    assert len(s.bad) == 29


def test_a_run_of_failures_alone_gives_suggestions_away_from_them():
    space = wb.Space(x=wb.Float(0, 1))
    h = History.of(space, rng(0).uniform(0, 0.5, (30, 1)), np.full(30, math.inf))
    assert min(TPE().suggest(h, rng(k)).x[0] for k in range(10)) > 0.5


def test_parameters_with_the_same_condition_form_a_group_and_parents_come_first():
    names = [tuple(NESTED.names[j] for j in g.columns) for g in groups_of(NESTED)]
    assert names == [("algo", "rate"), ("c", "kernel"), ("depth",), ("gamma",)]


def test_a_condition_that_always_holds_makes_no_group_of_its_own():
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Float(0, 1, when={"a": ["x", "y"]}))
    assert [g.columns for g in groups_of(space)] == [(0, 1)]


def test_each_group_is_split_anew_among_the_trials_in_which_it_was_active():
    x = NESTED.sample_unit(40, rng(1))
    tree = x[:, 0] > 0.5
    y = np.where(tree, 100.0 + x[:, 5], x[:, 5])  # every tree is worse than every svm
    depth = groups_of(NESTED)[2]
    s = split(History.of(NESTED, x, y), depth, 0.15, 25)
    assert len(s.good) == math.ceil(0.15 * tree.sum())
    assert len(s.good) + len(s.bad) == tree.sum()


@pytest.mark.parametrize(("n", "expected"), [(10, 0.06), (40, 0.06), (80, 0.03), (1000, 0.009)])
def test_the_floor_of_real_numbers_shrinks_with_the_number_of_trials_but_not_without_end(n, expected):
    space = wb.Space(x=wb.Float(0, 1), k=wb.Int(1, 9))
    h = history(space, n)
    group = groups_of(space)[0]
    np.testing.assert_allclose(split(h, group, 0.15, 25).floors(group.axes, 0.06), [expected, 0.06])


# ---- suggestions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [MIXED, NESTED], ids=["mixed", "nested"])
@pytest.mark.parametrize("n", [0, 5, 10, 60])
def test_suggestions_are_valid_configurations_with_only_the_active_parameters(space, n):
    h = history(space, n)
    for k in range(15):
        x = TPE().suggest(h, rng(k)).x
        config = space.from_unit(x)
        space.validate(config)
        np.testing.assert_array_equal(np.isnan(x), ~space.active(x[None])[0])
        np.testing.assert_allclose(space.to_unit(config), x, atol=1e-12)  # from value and back: a few roundings


@pytest.mark.parametrize("n", [3, 40])
def test_same_history_and_same_generator_give_the_same_suggestion(n):
    h = history(NESTED, n)
    np.testing.assert_array_equal(TPE().suggest(h, rng(7)).x, TPE().suggest(history(NESTED, n), rng(7)).x)


def test_a_longer_history_can_be_asked_what_was_suggested_earlier():
    h = history(MIXED, 60)
    early = TPE().suggest(history(MIXED, 60)[:25], rng(25))
    TPE().suggest(h, rng(60))
    np.testing.assert_array_equal(TPE().suggest(h[:25], rng(25)).x, early.x)


def test_the_history_is_not_changed():
    h = history(NESTED, 30)
    x, y = h.x.copy(), h.y.copy()
    TPE().suggest(h, rng(0))
    np.testing.assert_array_equal(h.x, x)
    np.testing.assert_array_equal(h.y, y)


def test_the_first_trials_are_random_and_running_ones_count():
    space = wb.Space(x=wb.Float(0, 1))
    h = history(space, 6, pending=np.array([[0.5], [0.6]]))
    why = TPE().suggest(h, rng(0)).why
    assert isinstance(why, Drawn)
    assert why.how == "random start 9 of 10"
    assert isinstance(TPE(n_startup=8).suggest(h, rng(0)).why, TPEExplanation)


def test_the_suggestion_has_the_largest_ratio_of_the_densities_among_the_candidates():
    h = history(MIXED, 50)
    s = TPE().suggest(h, rng(3))
    group = groups_of(MIXED)[0]
    trials = split(h, group, 0.15, 25)
    floors = [0.06 * 40 / 50 if axis.kind == "float" else 0.06 for axis in group.axes]
    good = ParzenEstimator.fit(trials.good, group.axes, weights=log_rank_weights(trials.good_losses), floor=floors)
    bad = ParzenEstimator.fit(trials.bad, group.axes, weights=recency_weights(len(trials.bad)), floor=floors)
    u = s.why.candidates[:, group.columns]
    np.testing.assert_allclose(s.why.scores, good.logpdf(u) - bad.logpdf(u), rtol=1e-12)
    assert (np.diff(s.why.scores) <= 0).all()
    np.testing.assert_array_equal(s.x, s.why.candidates[s.why.chosen])


def test_running_trials_push_the_next_suggestion_away():
    space = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1))
    h = history(space, 40)
    points = [TPE().suggest(h, rng(0)).x]
    for _ in range(5):
        busy = History(space, h.x, h.y, np.array(points), h.steps)
        points.append(TPE().suggest(busy, rng(0)).x)  # the same generator: only the running trials differ
    gaps = [np.abs(a - b).max() for a, b in itertools.combinations(points, 2)]
    alone = [TPE().suggest(h, rng(k)).x for k in range(6)]
    assert min(gaps) > 0.005
    assert np.mean(gaps) > np.mean([np.abs(a - b).max() for a, b in itertools.combinations(alone, 2)])


def test_forbidden_combinations_are_never_suggested():
    space = wb.Space(solver=wb.Choice("lbfgs", "saga", "liblinear"), penalty=wb.Choice("l1", "l2", "none"),
                     c=wb.Float(0, 1),
                     forbidden=[{"solver": "lbfgs", "penalty": "l1"}, {"solver": "liblinear", "penalty": "none"}])
    # the forbidden corner looks best to a model that knows no rules: its neighbours are the good ones
    loss = {("lbfgs", "l2"): 0.0, ("saga", "l1"): 0.0}
    h = history(space, 40, loss=lambda c: loss.get((c["solver"], c["penalty"]), 1.0))
    points = np.array([TPE().suggest(h, rng(k)).x for k in range(60)])
    assert not space.is_forbidden(points).any()


def test_combinations_forbidden_across_a_condition_are_never_suggested():
    space = wb.Space(a=wb.Choice("x", "y"), n=wb.Int(1, 3), b=wb.Choice("p", "q", "r", when={"a": "x"}),
                     forbidden=[{"n": [1, 2], "b": ["p", "q"]}])
    h = history(space, 30)
    points = np.array([TPE(n_candidates=2).suggest(h, rng(k)).x for k in range(60)])
    assert not space.is_forbidden(points).any()


@pytest.mark.parametrize("space", [
    wb.Space(a=wb.Int(1, 5), b=wb.Choice("x", "y", "z"), c=wb.Float(0, 1, step=0.5)),
    wb.Space(a=wb.Choice("x", "y"), b=wb.Int(1, 20, when={"a": "x"}), c=wb.Int(1, 4, when={"a": "y"}),
             forbidden=[{"a": "x", "b": [3, 4]}]),
], ids=["flat", "conditional"])
def test_a_discrete_space_is_searched_through_before_anything_repeats(space):
    size = len(all_points(space))
    x, y = np.empty((0, len(space))), np.empty(0)
    for k in range(size):
        point = TPE().suggest(History.of(space, x, y), rng(k)).x
        x, y = np.vstack([x, point]), np.append(y, np.nansum(point))
    assert len(np.unique(np.nan_to_num(x, nan=-1).round(9), axis=0)) == size
    again = TPE().suggest(History.of(space, x, y), rng(size))  # nothing is left: a repeat, no error
    space.validate(space.from_unit(again.x))
    assert "once more, since every configuration has been tried" in again.why.summary()


def test_running_trials_are_not_repeated_either():
    space = wb.Space(a=wb.Int(1, 4), b=wb.Int(1, 4))
    points = all_points(space)
    h = History(space, points[:12], np.arange(12.0), points[12:15], np.ones(12))
    np.testing.assert_allclose(TPE().suggest(h, rng(0)).x, points[15])


def test_all_points_lists_a_conditional_space_without_what_is_forbidden():
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Int(1, 3, when={"a": "x"}), forbidden=[{"b": 2}])
    configs = space.from_unit(all_points(space))
    assert sorted(map(str, configs)) == ["{'a': 'x', 'b': 1}", "{'a': 'x', 'b': 3}", "{'a': 'y'}"]
    assert all_points(NESTED) is None
    assert all_points(wb.Space(a=wb.Int(1, 1000), b=wb.Int(1, 1000))) is None


def test_draw_fresh_says_when_nothing_is_left():
    space = wb.Space(a=wb.Int(1, 3))
    x, fresh = draw_fresh(space, all_points(space), rng(0))
    assert not fresh
    assert space.contains(space.from_unit(x))


def test_integers_with_a_million_levels_are_suggested_as_integers():
    space = wb.Space(seed=wb.Int(0, 10**6), x=wb.Float(0, 1))
    x = TPE().suggest(history(space, 30), rng(0)).x
    np.testing.assert_array_equal(space.snap(x[None])[0], x)


def test_infinite_gains_and_equal_losses_are_harmless():
    space = wb.Space(x=wb.Float(0, 1))
    h = history(space, 20)
    for y in (np.zeros(20), np.r_[-math.inf, np.zeros(19)], np.full(20, 1e300)):
        assert 0 <= TPE().suggest(History.of(space, h.x, y), rng(0)).x[0] <= 1


@pytest.mark.parametrize(("keywords", "says"), [
    ({"gamma": 0}, "gamma must lie between 0 and 1"), ({"gamma": 1.0}, "gamma must lie between 0 and 1"),
    ({"floor": 0}, "floor must lie"), ({"prior_weight": 0}, "prior_weight must be positive"),
    ({"n_candidates": 0}, "n_candidates must be at least 1"), ({"n_startup": -1}, "n_startup must be at least 0"),
    ({"max_good": 0}, "max_good must be at least 1"),
])
def test_settings_out_of_range_are_refused(keywords, says):
    with pytest.raises(ValueError, match=says):
        TPE(**keywords)


def test_tpe_and_its_explanation_are_frozen():
    with pytest.raises(FrozenInstanceError):
        TPE().gamma = 0.5
    with pytest.raises(FrozenInstanceError):
        TPE().suggest(history(MIXED, 20), rng(0)).why.gamma = 0.5


# ---- explanations and slices -----------------------------------------------------------------------------------------


def test_the_explanation_holds_plain_data_and_says_it_in_words():
    why = TPE().suggest(history(MIXED, 40), rng(0)).why
    assert (why.n_good, why.n_bad, why.gamma) == (6, 34, 0.15)
    assert why.candidates.shape == (24, 6)
    assert why.groups == (MIXED.names,)
    assert "likely among the 6 good trials as among the 34 others: the best of 24 candidates" in why.summary()
    plain = (int, float, str, tuple, np.ndarray)
    assert all(isinstance(getattr(why, f.name), plain) for f in fields(why))


def test_the_explanation_of_a_conditional_space_names_the_groups_that_were_used():
    s = TPE().suggest(history(NESTED, 60), rng(2))
    active = {name for name, u in zip(NESTED.names, s.x, strict=True) if not math.isnan(u)}
    assert {name for group in s.why.groups for name in group} == active
    assert s.why.group_scores.shape == (24, len(s.why.groups))
    np.testing.assert_array_equal(s.why.candidates[s.why.chosen], s.x)


@pytest.mark.parametrize("name", MIXED.names)
def test_slices_are_the_marginals_of_the_densities_that_made_the_suggestion(name):
    h = history(MIXED, 40)
    s = TPE().suggest(h, rng(0))
    d = densities(h, s.why, name)
    assert (d.n_good, d.n_bad, d.gamma) == (6, 34, 0.15)
    assert len(d.values) == len(d.u) == len(d.good) == len(d.bad)
    np.testing.assert_allclose(d.ratio, d.good / d.bad)
    for density in (d.good, d.bad):
        total = density.sum() if MIXED[name].n_levels else np.trapezoid(density, d.u)
        assert total == pytest.approx(1, abs=2e-3)  # trapezoids of 0.005 under normals no narrower than 0.06
    j = MIXED.column(name)
    np.testing.assert_array_equal(np.sort(np.r_[d.good_u, d.bad_u]), np.sort(h.x[:, j]))
    assert d.next_u == s.x[j]
    assert d.next_value == MIXED.from_unit(s.x)[name]
    assert d.candidates_u.shape == d.scores.shape == (24,)
    assert all(MIXED[name].fault(v) is None for v in d.values)


def test_slices_of_a_parameter_that_was_not_active_have_densities_but_no_candidates():
    h = history(NESTED, 60)
    s = next(s for s in (TPE().suggest(h, rng(k)) for k in range(50)) if math.isnan(s.x[NESTED.column("depth")]))
    d = densities(h, s.why, "depth")
    assert d.next_u is None
    assert d.next_value is None
    assert len(d.candidates_u) == 0
    assert d.values == list(range(1, 13))
    assert d.good.sum() == pytest.approx(1)
    assert d.n_good + d.n_bad == np.isfinite(h.x[:, NESTED.column("depth")]).sum()


# ---- progress --------------------------------------------------------------------------------------------------------


def mixed_loss(c):
    return ((math.log10(c["lr"]) + 3) ** 2 + 0.1 * (c["depth"] - 5) ** 2 + (math.log2(c["width"]) - 7) ** 2 / 4
            + {"relu": 0, "tanh": 1, "gelu": 0.5}[c["act"]] + {"s": 0.6, "m": 0, "l": 0.3}[c["size"]]
            + (c["drop"] - 0.3) ** 2)


def nested_loss(c):
    if c["algo"] == "tree":
        return 2 + abs(c["depth"] - 6) / 6
    gamma = (math.log10(c["gamma"]) + 2) ** 2 / 4 if c["kernel"] == "rbf" else 1.5
    return (math.log10(c["c"]) - 1) ** 2 / 4 + gamma + (c["rate"] - 0.7) ** 2


@pytest.mark.parametrize(("space", "loss"), [(MIXED, mixed_loss), (NESTED, nested_loss)], ids=["mixed", "nested"])
def test_tpe_finds_clearly_better_losses_than_random_search(space, loss):
    ours = [search(space, loss, 80, seed).min() for seed in range(12)]
    random = [min(loss(c) for c in space.sample(80, rng(seed, 99))) for seed in range(12)]
    # measured over four sets of 12 seeds: 0.1 to 0.3 (mixed) and 0.4 to 0.55 (nested) times random search's mean
    assert np.mean(ours) < 0.75 * np.mean(random)
