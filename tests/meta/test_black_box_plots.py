"""Pictures of learned learners."""

import numpy as np
import pytest

from workbench.events import StepTaken
from workbench.meta.black_box_step import AttentiveStep, MemoryStep, UpdateRule
from workbench.plots.black_box_learners import attention, gates, instances
from workbench.plots.figure import figure
from workbench.step_pictures import LEARNED, picture_of


def memory(by=(0.1, 0.4, 0.6)):
    labels = np.array([1, 0, 1, 0])
    seen = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0.75, 0.25, 0, 0], [0.1, 0.8, 0.1, 0]])
    return MemoryStep((), 4, 2, np.array(by), seen, labels, np.array([0, 0, 1, 0]))


def attentive(classes=True):
    support, labels = (np.array([1, 0]), np.array([0, 1])) if classes else (np.array([2.5, -1.0]), np.array([0.5, -0.5]))
    return AttentiveStep((), 4, 2 if classes else 1, 3, classes, 0.7, np.array([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]]), support, labels, labels)


def rule(classes=True, T=3):
    score = np.linspace(0.2, 0.8, T + 1)
    quantiles = np.array([[0.1, 0.2, 0.4]] * T)
    return UpdateRule((), 4, 2, 2 - score, score if classes else np.empty(0), 1 - quantiles[:, ::-1] / 100, quantiles)


def title(drawn):
    return drawn["layout"]["title"]["text"]


def test_instances_have_a_curve_for_the_newest_step_and_the_first():
    drawn = instances([StepTaken(1, {}, memory((0.2, 0.2, 0.25))), StepTaken(2, {}, memory()), StepTaken(3, {}, memory((0.1, 0.5, 0.7)))])
    assert [t["name"] for t in drawn["data"]] == ["after step 1", "after step 3"]
    np.testing.assert_array_equal(drawn["data"][1]["x"], [1, 2, 3])
    np.testing.assert_array_equal(drawn["data"][1]["y"], [0.1, 0.5, 0.7])
    assert title(drawn) == "New classes: 10% right at the first example, 70% at the third"
    assert drawn["layout"]["shapes"][0]["y0"] == 0.5
    assert len(instances([StepTaken(1, {}, memory())])["data"]) == 1


def test_a_map_of_what_is_read_is_sorted_by_class_with_a_frame_about_each():
    drawn = attention([StepTaken(1, {}, memory())])
    (heat,) = drawn["data"]
    order = [1, 3, 0, 2]
    np.testing.assert_allclose(heat["z"], memory().attention[np.ix_(order, order)])
    assert heat["text"][1][3] == "class 1, answered class 1<br>looks at class 2"
    frames = [[s[k] for k in ("x0", "x1", "y0", "y1")] for s in drawn["layout"]["shapes"]]
    assert frames == [[-0.5, 1.5, -0.5, 1.5], [1.5, 3.5, 1.5, 3.5]]
    assert drawn["layout"]["xaxis"]["ticktext"] == ["class 1", "class 2"] and drawn["layout"]["xaxis"]["tickvals"] == [0.5, 2.5]
    same = (0.75 + 0.8) / 3
    assert title(drawn) == f"{same:.0%} of what it looks at is of the same class; in this episode 75% are right"
    assert drawn["layout"]["yaxis"]["range"][0] > drawn["layout"]["yaxis"]["range"][1]  # the first row stands at the top


def test_attention_on_support_points_leaves_the_query_point_out():
    drawn = attention([StepTaken(1, {}, attentive())])
    np.testing.assert_allclose(drawn["data"][0]["z"], [[0.7 / 0.8, 0.1 / 0.8], [0.1 / 0.9, 0.8 / 0.9]])
    assert "88% of what it looks at" in title(drawn)
    wave = attention([StepTaken(1, {}, attentive(classes=False))])
    assert wave["layout"]["xaxis"]["ticktext"] == ["−1.00", "2.50"] and "shapes" not in wave["layout"]
    assert "new wave" in title(wave)


@pytest.mark.parametrize("classes", [True, False])
def test_the_gates_stand_beside_what_they_lead_to(classes):
    drawn = gates([StepTaken(1, {}, rule(classes))])
    score, *bands = drawn["data"]
    np.testing.assert_allclose(score["y"], rule(classes).accuracy if classes else rule(classes).loss)
    medians = {t["yaxis"]: t["y"] for t in bands if t["name"] in ("i", "f")}
    np.testing.assert_array_equal(medians["y2"], [0.2, 0.2, 0.2])
    np.testing.assert_allclose(medians["y3"], [0.998, 0.998, 0.998])
    assert ("20% to 80% right" if classes else "loss 1.80 to 1.20") in title(drawn)
    low, high = drawn["layout"]["yaxis3"]["range"]
    assert low < 0.996 < 1 < high


@pytest.mark.parametrize(("why", "label"), [(memory(), "Instances"), (attentive(), "Attention"), (rule(), "Update rule")])
def test_the_panel_of_a_learner_has_a_tab_for_it(why, label):
    picture = picture_of(why, LEARNED)
    assert picture.label == label
    assert len(figure(picture([StepTaken(1, {}, why)])).data) > 0
    assert why.summary().endswith(".")


@pytest.mark.parametrize("draw", [instances, attention, gates])
def test_before_the_first_step_a_sentence_stands_there(draw):
    drawn = draw([])
    assert drawn["data"] == [] and "No step yet" in drawn["layout"]["annotations"][0]["text"]
