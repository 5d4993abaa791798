"""Pictures of few-shot learning and of transfer."""

import numpy as np
import pandas as pd
import pytest

from workbench.events import StepTaken
from workbench.meta.few_shot_step import AdaptationStep, EmbeddingStep
from workbench.meta.transfer_step import MODES, TransferStep
from workbench.plots.few_shot import accuracy_against_shots, adaptation, embedding
from workbench.plots.transfer import crossing, finding, over_repetitions, transfer_figure
from workbench.step_pictures import LEARNED, picture_of


def title(drawn):
    return drawn["layout"]["title"]["text"]


def embedded(n=10, ways=3, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(ways), n)
    points = scale * rng.normal(size=(ways * n, 2))
    support = np.arange(ways * n) < ways * 2
    found = labels.copy()
    found[-1] = (found[-1] + 1) % ways
    centres = np.array([points[support & (labels == c)].mean(axis=0) for c in range(ways)])
    return EmbeddingStep((), 0.8, 0.01, ways, 2, points, labels, found, support, centres)


def study(losses=None, sizes=(10, 100), similarities=(0.0, 0.5, 1.0), R=3):
    if losses is None:
        losses = np.ones((R, len(MODES), len(sizes), len(similarities)))
        losses[:, 1] = 1.4 - np.asarray(similarities)  # reuse: 1.4, 0.9, 0.4
    return TransferStep(MODES, similarities, sizes, losses, "share <of> wrong")


def test_accuracy_has_a_line_for_each_learner_with_errors_and_a_line_for_guessing():
    table = pd.DataFrame([("a <b>", 1, 0.3, 0.01), ("a <b>", 5, 0.5, 0.02), ("other", 5, 0.9, 0.01), ("other", 1, 0.6, 0.01)],
                         columns=["learner", "shots", "accuracy", "error"])
    drawn = accuracy_against_shots(table, 0.2)
    first, second = drawn["data"]
    assert first["name"] == "a &lt;b&gt;"
    np.testing.assert_array_equal(second["x"], [1, 5])
    np.testing.assert_array_equal(second["y"], [0.6, 0.9])
    np.testing.assert_array_equal(first["error_y"]["array"], [0.01, 0.02])
    assert title(drawn) == "With 1 example of each class other is best: 60% right"
    assert drawn["layout"]["shapes"][0]["y0"] == 0.2 and drawn["layout"]["annotations"][0]["text"] == "guessing: 20%"
    assert drawn["layout"]["xaxis"]["ticktext"] == ["1", "5"]
    assert "shapes" not in accuracy_against_shots(table)["layout"]
    assert accuracy_against_shots(table.iloc[:0])["data"] == []


def test_a_task_is_drawn_with_its_prototypes_and_a_cross_on_what_was_told_wrong():
    steps = [StepTaken(1, {}, embedded(scale=0.2)), StepTaken(2, {}, embedded())]
    drawn = embedding(steps)
    why = steps[-1].why
    prototypes = [t for t in drawn["data"] if t.get("text")]
    assert [t["text"][0] for t in prototypes] == ["<b>1</b>", "<b>2</b>", "<b>3</b>"]
    np.testing.assert_array_equal([[t["x"][0], t["y"][0]] for t in prototypes], why.prototypes)
    known = next(t for t in drawn["data"] if t["name"] == "class 2, known example")
    np.testing.assert_array_equal(known["x"], why.points[why.is_support & (why.labels == 1), 0])
    wrong = drawn["data"][-1]
    assert wrong["name"] == "told wrong" and list(wrong["x"]) == [why.points[-1, 0]]
    assert title(drawn) == "On new tasks 80% are right (guessing: 33%); here is one: 96%"
    assert drawn["layout"]["xaxis"]["range"] == embedding(steps[::-1])["layout"]["xaxis"]["range"]  # one range for all steps
    assert len({t["marker"]["symbol"] for t in prototypes}) == 3  # not by colour alone
    assert embedding([])["data"] == []


def test_of_many_examples_no_more_than_fit_are_drawn():
    drawn = embedding([StepTaken(1, {}, embedded(n=200))])
    assert sum(len(t["x"]) for t in drawn["data"] if t["name"] != "told wrong") <= 200


def test_adaptation_compares_the_newest_weights_with_the_first():
    steps = [StepTaken(k, {}, AdaptationStep((), np.array([0.2, 0.3 + k / 10]), np.array([0.01, 0.02]), 5, 1, 0.1)) for k in (1, 2, 3)]
    drawn = adaptation(steps)
    assert [t["name"] for t in drawn["data"]] == ["after step 1", "after step 3"]
    np.testing.assert_allclose(drawn["data"][1]["y"], [0.2, 0.6])
    assert title(drawn) == "On new tasks 20% are right at first, 60% after 1 gradient step"
    assert len(adaptation(steps[:1])["data"]) == 1
    assert adaptation([])["data"] == []


@pytest.mark.parametrize(("gained", "text"), [((-1, -1, 3), "above 0.62"), ((1, 1, 1), "everywhere"), ((-1, 0, -2), "nowhere"),
                                              ((1, -1, 1), "at 2 of 3 similarities")])
def test_where_transfer_gains(gained, text):
    assert crossing(np.array([0.0, 0.5, 1.0]), np.array(gained, dtype=float)) == text


def test_transfer_has_a_panel_for_each_size_and_says_where_it_helps():
    found = study()
    drawn = transfer_figure(found)
    assert finding(found) == title(drawn) == "Reuse beats learning from scratch above 0.40"
    further = study()
    further.losses[:, 1, 1] += 1.0
    assert finding(further) == "Reuse beats learning from scratch above 0.40 (10 rows), nowhere (100 rows)"
    assert len(drawn["data"]) == 8
    reuse = [t for t in drawn["data"] if t["name"] == "reuse, frozen"]
    assert [t["xaxis"] for t in reuse] == ["x", "x2"] and [t["showlegend"] for t in reuse] == [True, False]
    np.testing.assert_allclose(reuse[0]["y"], [1.4, 0.9, 0.4])
    np.testing.assert_allclose(reuse[0]["error_y"]["array"], 0, atol=1e-12)
    assert drawn["layout"]["yaxis"]["title"]["text"] == "share &lt;of&gt; wrong"
    assert drawn["layout"]["yaxis"]["range"] == drawn["layout"]["yaxis2"]["range"] == [0, pytest.approx(1.47)]
    assert [a["text"] for a in drawn["layout"]["annotations"]] == ["10 target rows", "100 target rows"]


def test_errors_are_standard_errors_and_similarities_are_sorted():
    rng = np.random.default_rng(0)
    losses = rng.random((5, 4, 1, 2))
    drawn = transfer_figure(study(losses, (7,), (1.0, 0.25)))
    np.testing.assert_array_equal(drawn["data"][2]["x"], [0.25, 1.0])
    np.testing.assert_allclose(drawn["data"][2]["y"], losses[:, 2, 0].mean(axis=0)[::-1])
    np.testing.assert_allclose(drawn["data"][2]["error_y"]["array"], (losses[:, 2, 0].std(axis=0, ddof=1) / np.sqrt(5))[::-1])
    assert "error_y" not in transfer_figure(study(losses[:1], (7,), (1.0, 0.25)))["data"][0]  # one repetition has no spread


def test_of_many_sizes_four_are_drawn_the_ends_among_them():
    sizes = (5, 10, 20, 40, 80, 160)
    drawn = over_repetitions([StepTaken(1, {}, study(np.ones((2, 4, 6, 2)), sizes, (0.0, 1.0)))])
    assert [a["text"].split()[0] for a in drawn["layout"]["annotations"]] == ["5", "20", "40", "160"]
    assert over_repetitions([])["data"] == []


@pytest.mark.parametrize("why", [embedded(), study()])
def test_panels_know_these_pictures(why):
    drawing = picture_of(why, LEARNED)
    assert drawing is not None
    assert drawing([StepTaken(1, {}, why)])["data"]
