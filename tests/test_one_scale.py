"""How trials with different numbers of steps come to one scale, by hand, and what the inner algorithm sees."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

import workbench as wb
from tests.search_helpers import BUDGETS, MIXED, NESTED, TWO, on_budgets
from workbench.errors import SearchExhausted
from workbench.event_file import decode, encode
from workbench.history import Drawn, Explanation, History, Suggestion
from workbench.plots.model import model
from workbench.search import catalogue
from workbench.search.one_scale import OneScaleExplanation, gains, one_scale

NAN, INF = np.nan, np.inf
SEARCHES = {"tpe": wb.TPE(n_startup=5), "gp": wb.GPBO(n_startup=5), "forest": wb.RFBO(n_startup=5), "cma": wb.CMAES(),
            "de": wb.DifferentialEvolution(population_size=4), "swarm": wb.ParticleSwarm(swarm_size=4),
            "genetic": wb.Genetic(population_size=4), "random": wb.Random(), "bohb": wb.BOHB(rho=0)}


def rng(seed=0):
    return np.random.default_rng(seed)


def history(done, live=(), *, budgets=(3, 9, 27)):
    done, live = np.array(done, dtype=float), np.array(live, dtype=float).reshape(-1, len(budgets))
    x = rng(1).random((len(done) + len(live), 2))
    y = np.array([row[~np.isnan(row)][-1] for row in done])
    return replace(History.of(TWO, x[:len(done)], y, pending=x[len(done):]), budgets=budgets, by_budget=done,
                   pending_by_budget=live)


@dataclass(frozen=True, slots=True)
class Spy:
    """Keeps what it sees."""

    seen: list

    def suggest(self, history, rng):
        self.seen.append(history)
        return Suggestion(np.array([0.5, 0.5]), Explanation())


def test_gains_are_medians_over_the_trials_that_have_both_budgets():
    losses = np.array([[9, 7, 6], [8, 5, NAN], [7, 3, NAN], [6, NAN, NAN], [INF, INF, INF], [5, INF, INF]])
    np.testing.assert_array_equal(gains(losses), [-3, -1])
    np.testing.assert_array_equal(gains(np.array([[1.0, NAN]])), [0])


def test_every_trial_is_moved_to_the_furthest_budget_by_the_gains_it_lacks():
    h = history([[9, 7, 6], [8, 5, NAN], [7, 3, NAN], [INF, INF, INF]], live=[[NAN, NAN, NAN], [6, NAN, NAN], [9, 8, NAN]])
    seen, budget, G = one_scale(h, "gains")
    np.testing.assert_array_equal(G, [-2.5, -1])  # medians of -2, -3, -4, -1 and of -1
    assert budget == 2
    np.testing.assert_array_equal(seen.y, [6, 5 - 1, 3 - 1, INF, 6 - 3.5, 8 - 1])
    np.testing.assert_array_equal(seen.x, [*h.x, *h.pending[1:]])
    np.testing.assert_array_equal(seen.pending, h.pending[:1])
    assert seen.budgets == () and seen.seed == h.seed


def test_the_scale_is_the_furthest_budget_that_any_trial_has_reached():
    seen, budget, G = one_scale(history([[9, 7, NAN], [8, NAN, NAN]]), "gains")
    assert budget == 1
    np.testing.assert_array_equal(G, [-2])
    np.testing.assert_array_equal(seen.y, [7, 6])


def test_the_largest_budget_with_enough_results_leaves_the_others_out():
    done = [[k, k, NAN] for k in range(6)] + [[k, NAN, NAN] for k in range(5)]
    h = history(done, live=[[1, NAN, NAN], [1, 0.5, NAN], [NAN, NAN, NAN]])
    seen, budget, G = one_scale(h, "largest")
    assert budget == 1 and not len(G)  # 2 (d + 1) = 6 are needed, there are 7
    np.testing.assert_array_equal(seen.y, [0, 1, 2, 3, 4, 5, 0.5])
    np.testing.assert_array_equal(seen.x, [*h.x[:6], h.pending[1]])
    np.testing.assert_array_equal(seen.pending, h.pending[[0, 2]])  # they may still get there


def test_with_too_few_results_everywhere_it_is_the_smallest_budget_that_has_any():
    seen, budget, _ = one_scale(history([[3, 2, NAN], [2, NAN, NAN]]), "largest")
    assert budget == 0
    np.testing.assert_array_equal(seen.y, [3, 2])
    nothing, budget, _ = one_scale(replace(history([[3, 2, NAN]])[:0], pending=np.ones((1, 2)),
                                           pending_by_budget=np.full((1, 3), NAN)), "largest")
    assert budget == 0 and not len(nothing) and len(nothing.pending) == 1


def test_failed_trials_do_not_say_how_far_the_scale_reaches():
    failed = [[INF, INF, INF]] * 8
    seen, budget, _ = one_scale(history([[9, 7, NAN], [8, NAN, NAN], *failed]), "gains")
    assert budget == 1
    np.testing.assert_array_equal(seen.y, [7, 6, *[INF] * 8])
    seen, budget, _ = one_scale(history([[k, NAN, NAN] for k in range(6)] + failed), "largest")
    assert budget == 0
    np.testing.assert_array_equal(seen.y, [0, 1, 2, 3, 4, 5, *[INF] * 8])
    assert one_scale(history(failed), "gains")[1] == one_scale(history(failed), "largest")[1] == 0


def test_huge_losses_do_not_overflow():
    h = history([[1e308, -1e308, NAN], [1e308, -1e308, -1e308], [-1e308, NAN, NAN]])
    seen, _, G = one_scale(h, "gains")
    assert np.isfinite(seen.y).all() and np.isfinite(G).all()


def test_the_inner_algorithm_gets_a_fresh_memo_each_time_and_its_reason_is_kept():
    spy = Spy([])
    h = history([[9, 7, 6], [8, 5, NAN]], live=[[6, NAN, NAN]])
    h.memo["key"] = "what was derived on another scale"
    s = wb.OneScale(spy, random_share=0).suggest(h, rng())
    (seen,) = spy.seen
    assert seen.memo == {} and seen.memo is not h.memo
    np.testing.assert_array_equal(seen.y, [6, 4, 6 - 2.5 - 1])
    assert s.why.n_furthest == (1, 1, 1) and s.why.gains == (-2.5, -1.0) and s.why.n_used == 3
    assert "It saw 3 trials on the scale of 27 steps, 2 of them moved there by the gains of others." in s.why.summary()
    assert "3 of 3 trials that have 3 steps" in wb.OneScale(spy, "largest", 0.0).suggest(h, rng()).why.summary()


def test_without_a_scheduler_it_is_the_inner_algorithm_itself():
    h = History.of(MIXED, MIXED.sample_unit(20, rng()), np.arange(20.0))
    spy = Spy([])
    wb.OneScale(spy).suggest(h, rng())
    assert spy.seen[0] is h
    for seed in range(3):
        a, b = (algorithm.suggest(h, rng(seed)) for algorithm in (wb.TPE(), wb.OneScale(wb.TPE())))
        np.testing.assert_array_equal(a.x, b.x)


def test_a_share_is_drawn_at_random():
    h = on_budgets(TWO, 30)
    drawn = sum(isinstance(wb.OneScale(wb.TPE(), random_share=0.3).suggest(h, rng(k)).why, Drawn) for k in range(200))
    assert 35 < drawn < 90  # 60 ± 6.5
    assert isinstance(wb.OneScale(wb.TPE(), random_share=1.0).suggest(h, rng()).why, Drawn)


def test_the_start_of_the_inner_algorithm_is_told_as_what_it_is():
    why = wb.OneScale(wb.TPE(), random_share=0).suggest(on_budgets(TWO, 4), rng()).why
    assert why == Drawn("random start 5 of 10")


def test_trials_that_were_left_out_do_not_come_again_while_others_remain():
    space = wb.Space(a=wb.Int(0, 3), b=wb.Choice("x", "y", "z"))
    points = space.to_unit([{"a": a, "b": b} for a in range(4) for b in "xyz"])
    for n in (6, 11):
        table = np.full((n, 2), NAN)
        table[:, 0] = np.arange(n)
        table[:6, 1] = np.arange(6)
        h = replace(History.of(space, points[:n], table[:, 0]), budgets=(3, 9), by_budget=table)
        for seed in range(5):
            x = wb.OneScale(wb.TPE(n_startup=0), "largest", 0.0).suggest(h, rng(seed)).x
            assert not (np.abs(points[:n] - x) < 1e-9).all(axis=1).any()


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("rule", ["gains", "largest"])
@pytest.mark.parametrize("space", [MIXED, NESTED], ids=["mixed", "nested"])
def test_any_search_of_one_budget_can_be_asked(name, rule, space):
    algorithm = wb.OneScale(SEARCHES[name], rule, 0.0)
    for n, live, losses in ((0, 0, None), (0, 3, None), (1, 0, None), (30, 5, None), (12, 0, [1.0, 1e300, INF] * 4), (12, 2, [INF] * 14)):
        h = on_budgets(space, n, live=live, losses=losses)
        try:
            s, again = algorithm.suggest(h, rng(n)), algorithm.suggest(h, rng(n))
        except SearchExhausted:
            pytest.fail("there are points left")
        space.validate(space.from_unit(s.x))
        np.testing.assert_array_equal(s.x, again.x)
        assert s.why.summary()


@pytest.mark.parametrize("name", ["tpe", "gp", "forest", "cma", "genetic"])
def test_the_picture_of_the_inner_algorithm_is_shown_after_a_round_trip_through_the_log(name):
    h = on_budgets(MIXED, 40, live=4)
    why = wb.OneScale(SEARCHES[name], random_share=0).suggest(h, rng(2)).why
    again = decode(json.loads(json.dumps(encode(why))))
    assert isinstance(again, OneScaleExplanation) and again.budgets == BUDGETS
    assert type(again.inner) is type(why.inner)
    for parameter in ("lr", "act"):
        assert model(h, again, parameter)["data"]
    title = model(one_scale(h, "gains")[0], why.inner, "lr")["layout"]["title"]["text"]
    assert model(h, again, "lr")["layout"]["title"]["text"] == f"{title} · losses on the scale of {BUDGETS[-1]} steps"


@pytest.mark.parametrize("algorithm", [
    wb.OneScale(wb.TPE()), wb.OneScale(wb.GPBO("ei", n_startup=3), "largest", 0.5), wb.OneScale(wb.TPE(prior={"a": 0.3})),
    wb.OneScale(wb.OneScale(wb.Grid(k=3)), random_share=0.0), wb.BOHB(), wb.BOHB(rho=0.2, min_points=9)], ids=catalogue.label)
def test_it_survives_being_kept_with_a_run(algorithm):
    hash(algorithm)
    assert catalogue.from_json(json.loads(json.dumps(catalogue.to_json(algorithm)))) == algorithm
    assert eval(catalogue.code(algorithm), vars(wb) | {n: getattr(wb, n) for n in wb.__all__}) == algorithm


def test_around_an_algorithm_that_is_not_ours_it_cannot_be_made_again():
    kept = catalogue.to_json(wb.OneScale(Spy([])))
    assert kept == {"type": "OneScale", "foreign": True}
    assert catalogue.from_json(kept) is None
    assert catalogue.from_json({"type": "OneScale", "algorithm": {"type": "Spy", "foreign": True}}) is None
    with pytest.raises(wb.StorageError, match="algorithms are"):
        catalogue.from_json({"type": "OneScale", "algorithm": {"type": "Spy"}})
    with pytest.raises(wb.StorageError, match="cannot be made"):
        catalogue.from_json({"type": "OneScale"})


def test_labels_name_the_inner_algorithm():
    assert catalogue.label(wb.OneScale(wb.TPE())) == "TPE · all budgets"
    assert catalogue.label(wb.OneScale(wb.GPBO("ei"))) == "OneScale(algorithm=GPBO(acquisition='ei'))"


@pytest.mark.parametrize(("arguments", "word"), [((wb.TPE,), "algorithm"), (("tpe",), "algorithm"), ((wb.TPE(), "best"), "rule"),
                                                 ((wb.TPE(), "gains", 1.5), "random_share")])
def test_settings_that_make_no_sense_are_refused(arguments, word):
    with pytest.raises(ValueError, match=word):
        wb.OneScale(*arguments)
