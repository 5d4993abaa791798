"""Pictures of one-shot scores: what is drawn is what was found."""

import json

import numpy as np
import pytest

from workbench.events import StepTaken
from workbench.nas.cells import NANO
from workbench.nas.ranking import beside_truth, draw_distinct, ranking
from workbench.plots.figure import figure
from workbench.plots.nas_one_shot import MOST_DOTS, sampled_accuracy, score_against_truth


class FakeTable:
    def test_error(self, arch):
        return 0.5 - 0.07 * arch.count("conv3") + 0.01 * arch.count("pool3")


def found(n=60, seed=0):
    rng = np.random.default_rng(seed)
    some = draw_distinct(NANO, rng, n)
    return ranking(NANO, some, np.array([0.3 + 0.1 * a.count("conv3") for a in some]) + rng.normal(0, 0.02, len(some)))


def named(drawn, name, axis=""):
    return [t for t in drawn["data"] if t["name"] == name and t.get("xaxis", "x") == f"x{axis}"]


def test_all_are_on_the_left_and_the_better_half_alone_on_the_right():
    why = found().with_truth(FakeTable())
    drawn = score_against_truth(why)
    better = why.truth >= np.median(why.truth)
    left = sum(len(t["x"]) for name in ("better half", "worse half") for t in named(drawn, name))
    assert left == 60
    right, = named(drawn, "better half", "2")
    assert sorted(right["y"]) == sorted(why.truth[better])
    assert not named(drawn, "worse half", "2")
    texts = [a["text"] for a in drawn["layout"]["annotations"]]
    assert f"{why.agreement.overall:.2f}" in texts[0]
    assert f"{why.agreement.better_half:.2f}".replace("-", "−") in texts[1]
    kept, = named(drawn, "kept")
    assert (kept["x"][0], kept["y"][0]) == (why.scores[0], why.truth[0])
    assert "0→1" in kept["text"][0]


def test_baselines_are_lines_in_both_halves():
    about = {"biggest": {"accuracy": 0.9, "rank": 3}, "random_accuracy": 0.91, "best_accuracy": 0.95}
    drawn = score_against_truth(found().with_truth(FakeTable()), about)
    for name, y in (("the biggest model", 0.9), ("random search, same compute", 0.91), ("the best of all", 0.95)):
        for axis in ("", "2"):
            level, = named(drawn, name, axis)
            assert level["y"].tolist() == [y, y]
    low, high = drawn["layout"]["yaxis2"]["range"]
    assert low < 0.9
    assert high >= 0.95


def test_many_are_decimated_but_the_kept_one_stays():
    why = found(600).with_truth(FakeTable())
    drawn = score_against_truth(why)
    assert sum(len(t["x"]) for name in ("better half", "worse half") for t in named(drawn, name)) <= MOST_DOTS
    assert len(named(drawn, "kept")) == 1
    assert f"all {len(why.ranked)}" in drawn["layout"]["annotations"][0]["text"]


@pytest.mark.parametrize(("why", "word"), [(None, "No step"), (found(), "with_truth")])
def test_without_a_truth_it_says_how_to_get_one(why, word):
    drawn = score_against_truth(why)
    assert not drawn["data"]
    assert word in drawn["layout"]["annotations"][0]["text"]


def test_the_order_of_a_few_is_not_compared():
    why = found(8).with_truth(FakeTable())
    drawn = score_against_truth(why)
    assert "too few" in drawn["layout"]["title"]["text"]
    assert not any("correlation" in a["text"] for a in drawn["layout"]["annotations"])
    assert "Too few" in why.summary()


def test_sampled_accuracies_are_drawn_epoch_by_epoch():
    steps = [StepTaken(k, {"train_loss": 1.0, "mixed_accuracy": 0.5 + k / 10}, found(20, k)) for k in range(4)]
    steps.append(StepTaken(4, {"valid_accuracy": 0.5}, found(50)))  # the ranking is no epoch
    drawn = sampled_accuracy(steps, total=6, at=2)
    mean, = named(drawn, "mean of the sampled")
    assert mean["x"].tolist() == [1, 2, 3, 4]
    assert mean["y"].tolist() == [s.why.scores.mean() for s in steps[:4]]
    whole, = named(drawn, "all operations at once")
    assert whole["y"].tolist() == [0.5, 0.6, 0.7, 0.8]
    assert drawn["layout"]["xaxis"]["range"] == [0.5, 6.5]
    assert drawn["layout"]["shapes"][0]["x0"] == 2.0
    assert "yaxis2" not in drawn["layout"]


def test_with_a_table_the_correlations_stand_below():
    steps = list(beside_truth([StepTaken(k, {"train_loss": 1.0}, found(20, k)) for k in range(4)], FakeTable()))
    drawn = sampled_accuracy(steps)
    line = next(t for t in drawn["data"] if t["name"] == "rank correlation, all")
    assert line["y"].tolist() == [s.metrics["rank_correlation"] for s in steps]
    assert line["yaxis"] == "y2"
    assert not sampled_accuracy([])["data"]


def test_plotly_takes_both():
    why = found().with_truth(FakeTable())
    for drawn in (score_against_truth(why), sampled_accuracy([StepTaken(0, {"train_loss": 1.0}, why)])):
        json.loads(figure(drawn).to_json())
