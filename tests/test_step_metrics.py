"""Metrics of what learns step by step: which share an axis, how it is scaled, what the title says."""

import numpy as np
import pytest

from workbench.events import StepTaken
from workbench.plots.figure import figure
from workbench.plots.step_metrics import grouped, step_metrics


def steps(n=4, **series):
    return [StepTaken(k + 1, {name: float(f(k)) for name, f in series.items()}) for k in range(n)]


MAML = {"cpu_s": lambda k: k, "iteration": lambda k: 50 * (k + 1), "train_loss": lambda k: 3 - k / 2, "after 0 steps": lambda k: 3,
        "after 1 step": lambda k: 2 / (k + 1), "after 10 steps": lambda k: 1 / (k + 1)}


def test_losses_share_an_axis_accuracies_another_and_what_only_grows_is_left_out():
    told = steps(**MAML, valid_accuracy=lambda k: k / 10, learning_rate=lambda k: 0.1 / (k + 1))
    assert grouped(told) == [("accuracy", ["valid_accuracy"]),
                             ("loss", ["train_loss", "after 0 steps", "after 1 step", "after 10 steps"]),
                             ("learning rate", ["learning_rate"])]


def test_the_picture_of_maml_has_one_axis_with_words():
    drawn = step_metrics(steps(**MAML), total=10)
    assert [t["name"] for t in drawn["data"]] == ["training loss", "loss on new tasks, 0 gradient steps",
                                                  "loss on new tasks, 1 gradient step", "loss on new tasks, 10 gradient steps"]
    assert {t["yaxis"] for t in drawn["data"]} == {"y"}
    assert len({(t["line"]["color"], t["line"]["dash"]) for t in drawn["data"]}) == 4
    layout = drawn["layout"]
    assert layout["xaxis"]["range"] == [0.5, 10.5]
    assert layout["xaxis"]["title"]["text"] == "step (50 iterations each)"
    assert layout["title"]["text"] == "Loss on new tasks, 10 gradient steps: 0.250 after step 4, 1.00 after the first"
    assert layout["yaxis"]["rangemode"] == "tozero"
    figure(drawn)


def test_losses_over_decades_get_a_log_axis_and_accuracies_their_own_range():
    drawn = step_metrics(steps(valid_loss=lambda k: 10.0**-k, valid_accuracy=lambda k: 0.55 + 0.1 * k))
    assert drawn["layout"]["yaxis2"]["type"] == "log"
    assert drawn["layout"]["yaxis"]["range"] == [0.5, 1.005]
    assert drawn["layout"]["title"]["text"].startswith("Validation: 0.850 after step 4, ")


def test_axes_do_not_overlap_and_the_last_carries_the_steps():
    drawn = step_metrics(steps(train_loss=lambda k: 1 + k, norm=lambda k: k, cosine=lambda k: -k, rate=lambda k: 1))
    domains = [drawn["layout"][f"yaxis{k}"]["domain"] for k in ("", "2", "3", "4")]
    assert all(low < high for low, high in domains)
    assert all(upper[0] > lower[1] for upper, lower in zip(domains, domains[1:], strict=False))
    assert drawn["layout"]["xaxis"]["anchor"] == "y4"


def test_a_line_marks_the_step_that_is_looked_at_and_gaps_stay_gaps():
    told = [StepTaken(1, {"train_loss": 1.0}), StepTaken(2, {"valid_loss": 2.0})]
    drawn = step_metrics(told, at=1)
    assert drawn["layout"]["shapes"][0]["x0"] == 1.0
    assert np.isnan(drawn["data"][0]["y"]).tolist() == [False, True]


def test_many_steps_are_thinned_and_names_are_no_markup():
    drawn = step_metrics(steps(3000, **{"<b>x</b> loss": lambda k: 1.0}))
    assert len(drawn["data"][0]["x"]) <= 400
    assert "<b>" not in str(drawn)


@pytest.mark.parametrize(("told", "words"), [([], "No step yet"), ([StepTaken(1, {"cpu_s": 1.0})], "no metrics")])
def test_nothing_to_draw_is_said(told, words):
    assert words in step_metrics(told)["layout"]["annotations"][0]["text"]
