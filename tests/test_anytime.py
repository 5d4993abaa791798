"""The best loss so far against the steps spent."""

import math

import numpy as np
import pytest

import workbench as wb
from workbench.events import TrialReported
from workbench.plots.anytime import POINTS, anytime, losses_in_order, spread
from workbench.plots.figure import figure


def line_of(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


def test_the_line_is_the_median_of_the_best_so_far_and_the_band_the_middle_half():
    rng = np.random.default_rng(0)
    seeds = rng.random((5, 40))
    drawn = anytime({"a": list(seeds)})
    by_hand = np.array([[min(s[:k + 1]) for k in range(40)] for s in seeds.tolist()])
    lower, upper, line = drawn["data"]
    ranked = np.sort(by_hand, axis=0)
    assert line["x"].tolist() == list(range(1, 41))
    assert line["y"].tolist() == ranked[2].tolist()
    assert (lower["y"].tolist(), upper["y"].tolist()) == (ranked[1].tolist(), ranked[3].tolist())


def test_distances_from_the_optimum_stay_above_zero():
    drawn = anytime({"a": [np.array([3.0, 2.0, 1.0])]}, optimum=1.0)
    assert line_of(drawn, "a")["y"].tolist() == pytest.approx([2.0, 1.0, 0.0], abs=1e-9)
    assert min(line_of(drawn, "a")["y"]) > 0
    assert drawn["layout"]["yaxis"]["type"] == "log"


def test_a_method_ends_with_its_shortest_seed():
    drawn = anytime({"a": [np.ones(5), np.ones(9)], "b": [np.ones(7), np.ones(7)]})
    assert len(line_of(drawn, "a")["x"]) == 5
    assert len(line_of(drawn, "b")["x"]) == 7


def test_failed_steps_are_spent_and_nothing_is_drawn_before_the_first_result():
    drawn = anytime({"a": [np.array([np.nan, np.inf, 2.0, np.nan, 1.0])]})
    assert np.array_equal(line_of(drawn, "a")["y"], [np.nan, np.nan, 2.0, 2.0, 1.0], equal_nan=True)


def test_one_seed_has_no_band_and_the_title_counts_seeds():
    assert len(anytime({"a": [np.ones(3)]})["data"]) == 1
    assert "one seed" in anytime({"a": [np.ones(3)]})["layout"]["title"]["text"]
    assert "half of 2 to 3 seeds" in anytime({"a": [np.ones(3)] * 2, "b": [np.ones(3)] * 3})["layout"]["title"]["text"]
    assert "on digits" in anytime({"a": [np.ones(3)]}, name="digits")["layout"]["title"]["text"]


@pytest.mark.parametrize("losses", [{}, {"a": []}, {"a": [np.array([])]}, {"a": [np.full(3, np.inf)]}])
def test_without_results_a_sentence_says_what_will_be_here(losses):
    drawn = anytime(losses)
    assert drawn["data"] == []
    assert "appear" in drawn["layout"]["annotations"][0]["text"]


def test_whole_trainings_are_marked_as_far_as_the_lines_go():
    at = [s["x0"] for s in anytime({"a": [np.ones(900)]}, full=81)["layout"]["shapes"]]
    assert at == [81, 810]
    assert anytime({"a": [np.ones(80)]}, full=81)["layout"]["shapes"] == []
    assert anytime({"a": [np.ones(900)]})["layout"]["shapes"] == []


@pytest.mark.parametrize("n", [1, 2, POINTS, POINTS + 1, 100_000])
def test_a_long_line_keeps_its_ends_and_has_few_points(n):
    x = spread(n)
    assert (x[0], x[-1]) == (1, n)
    assert (np.diff(x) > 0).all()
    assert len(x) <= POINTS


def test_losses_of_either_sign_have_a_linear_axis_and_ticks_are_round_numbers():
    assert anytime({"a": [np.array([1.0, -1.0])]})["layout"]["yaxis"]["type"] == "linear"
    assert anytime({"a": [np.full(300, 1.0)]})["layout"]["xaxis"]["ticktext"] == ["1", "2", "5", "10", "20", "50", "100", "200"]


def test_names_are_no_markup():
    drawn = anytime({"<b>x</b>": [np.ones(3)]}, name="<i>y</i>")
    assert "<b>" not in str(drawn)
    assert "<i>" not in str(drawn)
    figure(drawn)


def test_a_run_tells_its_losses_in_the_order_of_its_steps():
    def f(config):
        for step in range(1, 10):
            yield config["x"] + 1 / step

    run = wb.optimize(f, wb.Space(x=wb.Float(0, 1)), scheduler=wb.SuccessiveHalving(9), algorithm=wb.Random(), seed=0)
    run.start().wait(60)
    losses = losses_in_order(run.log)
    assert len(losses) == run.scheduler.round_steps
    assert losses.tolist() == [e.loss for e in run.log if isinstance(e, TrialReported)]
    assert losses.min() == run.best.loss


def test_steps_between_two_reports_are_spent_before_the_loss_is_known():
    def f(config, budget):
        return config["x"] + 1 / budget

    run = wb.optimize(f, wb.Space(x=wb.Float(0, 1)), scheduler=wb.SuccessiveHalving(9), algorithm=wb.Random(), seed=0)
    run.start().wait(60)
    losses = losses_in_order(run.log)
    assert len(losses) == run.scheduler.round_steps == 9 + 3 * 2 + 1 * 6
    assert np.isfinite(losses).sum() == 9 + 3 + 1
    assert losses[-6:].tolist() == [math.inf] * 5 + [run.best.loss]
