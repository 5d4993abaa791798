"""Pictures of a relaxed search show what its steps tell."""

import dataclasses

import numpy as np
import pytest

from workbench.events import StepTaken
from workbench.nas.cells import NANO
from workbench.nas.relaxation import Relaxation
from workbench.nas.relaxed_steps import DARTSStep
from workbench.plots.figure import figure
from workbench.plots.nas_relaxation import (
    alpha_map,
    gap_bars,
    gap_over_time,
    gradients,
    softmax_bars,
    weights_over_time,
)


def step(k, cosine=0.9):
    rng = np.random.default_rng(k)
    alpha = rng.normal(size=(6, 4))
    w = np.exp(alpha) / np.exp(alpha).sum(1, keepdims=True)
    chosen = tuple(NANO.operations[i] for i in w.argmax(1))
    first = rng.normal(size=(6, 4))
    why = DARTSStep(w, NANO.edges, NANO.operations, chosen, alpha, 1.0, 0.6 + 0.05 * k, 0.2 + 0.1 * k, first, 2 * first, cosine)
    return StepTaken(k, {"cpu_s": 1.0 * k}, why)


STEPS = [step(k) for k in (1, 2, 3)]
BARE = [StepTaken(1, {}, Relaxation(STEPS[0].why.weights, NANO.edges, NANO.operations, STEPS[0].why.chosen))]


def text_of(drawn):
    return drawn["layout"]["title"]["text"]


def test_the_map_shows_the_newest_weights_and_the_areas_all_of_them():
    np.testing.assert_array_equal(np.array(alpha_map(STEPS)["data"][0]["z"]), STEPS[-1].why.weights.T)
    drawn = weights_over_time(STEPS, total=20)
    assert len(drawn["data"]) == 6 * 4
    np.testing.assert_allclose(drawn["data"][5]["y"], [s.why.weights[1, 1] for s in STEPS])


def test_gradients_of_both_orders_stand_side_by_side_on_one_scale():
    drawn = gradients(STEPS)
    left, right = drawn["data"][:2]
    np.testing.assert_allclose(left["z"], -STEPS[-1].why.first_order.T)
    np.testing.assert_allclose(right["z"], 2 * left["z"])
    assert left["zmax"] == right["zmax"] == pytest.approx(np.abs(right["z"]).max())
    angle, ratio = drawn["data"][2:]
    assert list(angle["x"]) == [1, 2, 3]
    np.testing.assert_allclose(angle["y"], 0.9)
    np.testing.assert_allclose(ratio["y"], 2)
    assert "Step 3" in text_of(drawn)
    low, high = drawn["layout"]["yaxis3"]["range"]
    assert low < 0.9 < 2 < high


def test_a_gradient_of_length_zero_has_no_angle_but_a_picture():
    still = dataclasses.replace(STEPS[0].why, first_order=np.zeros((6, 4)), second_order=np.zeros((6, 4)), cosine=float("nan"))
    drawn = gradients([StepTaken(1, {}, still)])
    assert drawn["data"][0]["zmax"] == 1
    figure(drawn)


def test_the_gap_lies_between_the_mixture_and_what_is_kept():
    drawn = gap_over_time(STEPS, total=20)
    mixed, discrete = drawn["data"][2:]
    np.testing.assert_allclose(mixed["y"], [65, 70, 75])
    np.testing.assert_allclose(discrete["y"], [30, 40, 50])
    assert "step 3: 25.0 points" in text_of(drawn)
    assert drawn["layout"]["xaxis"]["range"][1] == 20.5


def test_bars_are_means_and_each_run_has_its_dot():
    drawn = gap_bars({"DARTS": [{"mixed": 0.8, "discrete": 0.2, "retrained": 0.9}, {"mixed": 0.9, "discrete": 0.4}],
                      "random <b>": {"retrained": 0.95}})
    bars = {t["name"]: t for t in drawn["data"] if t["type"] == "bar"}
    assert list(bars) == ["mixture", "discretised", "retrained"]
    assert bars["mixture"]["y"] == [pytest.approx(85), None]
    assert bars["retrained"]["y"] == [pytest.approx(90), pytest.approx(95)]
    assert bars["mixture"]["x"] == ["DARTS", "random &lt;b&gt;"]
    (dots,) = [t for t in drawn["data"] if t["name"] == "mixture, each seed"]
    assert dots["y"] == [pytest.approx(80), pytest.approx(90)]
    assert not [t for t in drawn["data"] if t["name"] == "retrained, each seed"]


def test_the_weights_of_an_edge_sharpen_with_a_lower_temperature():
    alpha = np.array([0.0, 1.0, 0.5])
    warm, cold = (softmax_bars(alpha, ("none", "skip", "conv3"), temperature=T, chosen=1) for T in (1.0, 0.1))
    np.testing.assert_allclose(warm["data"][0]["y"], np.exp(alpha) / np.exp(alpha).sum())
    assert cold["data"][0]["y"][1] > 0.99
    assert warm["data"][0]["marker"]["line"]["width"] == [1, 3.5, 1]


def test_what_is_not_told_is_said():
    for draw in (alpha_map, weights_over_time, gap_over_time, gradients):
        assert "step" in draw([])["layout"]["annotations"][0]["text"].lower()
    assert "no gradients" in gradients(BARE)["layout"]["annotations"][0]["text"]
    assert "No step" in gap_over_time(BARE)["layout"]["annotations"][0]["text"]
    assert alpha_map(BARE)["data"]


@pytest.mark.parametrize("steps", [STEPS, STEPS[:1], BARE, []], ids=["three", "one", "bare", "none"])
def test_all_can_be_drawn(steps):
    for draw in (alpha_map, weights_over_time, gap_over_time, gradients):
        figure(draw(steps))
