"""The lesson on network morphisms: its states and pictures without a browser, and the shell around them."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from workbench.errors import MissingExtra  # noqa: E402
from workbench.plots.figure import figure  # noqa: E402
from workbench_widgets.lessons import MorphismLesson, morphism  # noqa: E402
from workbench_widgets.lessons.morphism_pictures import draw  # noqa: E402
from workbench_widgets.lessons.morphism_state import CHANGES, EVERY, GRID, LAST, MorphismState, N, points  # noqa: E402


def trace(drawn, name, axis=None):
    found = [t for t in drawn["data"] if t["name"] == name and (axis is None or t["xaxis"] == f"x{axis}")]
    return found[0] if found else None


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("data", ["moons", "spirals"])
def test_each_change_preserves_the_map_and_training_parts_the_networks(kind, data):
    state = MorphismState(kind, data)
    assert state.now.difference < 1e-12
    np.testing.assert_allclose(state.now.probabilities(0), state.now.probabilities(1), atol=1e-12)
    trained = replace(state, steps=20).now
    assert trained.difference > 0.01
    assert all(after < before for after, before in zip(trained.losses, state.now.losses, strict=True))
    assert state.now.difference < 1e-12  # training went on with copies


def test_batch_norm_that_is_measured_preserves_training_mode_too_and_spares_the_loss():
    bare, measured = MorphismState().now, MorphismState(measured=True).now
    assert bare.train_difference > 0.1
    assert measured.train_difference < 1e-12
    assert bare.losses[1] > 1.2 * bare.losses[0]
    assert measured.losses[1] == pytest.approx(measured.losses[0])


def test_copies_part_only_where_the_symmetry_was_broken():
    even, parted = (replace(MorphismState("wider", parted=p), steps=50).now for p in (False, True))
    assert even.copies_apart < 1e-12
    assert parted.copies_apart > 1e-3
    assert MorphismState().now.copies_apart is None


def test_a_branch_gets_its_gradient_only_after_its_weights_have_moved():
    state = MorphismState("branch")
    assert state.now.gradients["layers.b3.W"] == 0
    assert state.now.gradients["layers.head.W"] > 0
    assert replace(state, steps=EVERY).now.gradients["layers.b3.W"] > 0


def test_the_two_classes_are_equal_in_number_and_depend_on_the_seed():
    for name in ("moons", "spirals"):
        x, y = points(name, 0)
        assert np.bincount(y).tolist() == [N // 2, N // 2]
        assert np.abs(x).max() < GRID[-1]
        assert not np.allclose(x, points(name, 1)[0])


def test_what_the_new_network_computes_is_hidden_until_asked_for():
    state = MorphismState("wider", steps=20)
    hidden, shown = draw(state), draw(replace(state, shown=True))
    assert trace(hidden, "probability of ◆", 4) is None
    assert trace(shown, "probability of ◆", 4)["z"].shape == (41, 41)
    assert [len(trace(d, "evaluation mode")["x"]) for d in (hidden, shown)] == [2, 3]
    assert [len(trace(d, "new network")["x"]) for d in (hidden, shown)] == [2, 3]
    assert len(trace(hidden, "old network")["x"]) == 3
    assert "differ by at most" in shown["layout"]["title"]["text"]
    assert "differ" not in hidden["layout"]["title"]["text"]
    assert "…" in morphism.formula(state)
    assert "Largest difference" not in morphism.summary(state)


def test_a_guess_is_judged_by_the_largest_difference():
    state = MorphismState()
    assert state.truth == "rounding"
    assert replace(state, steps=EVERY).truth == "large"
    assert MorphismState("skip", steps=EVERY).truth == "small"
    assert [state.guessed(h).guess for h in (1e-15, 0.1, 2.0)] == ["rounding", "small", "large"]
    said = replace(state, guess="large", shown=True)
    assert morphism.question(said).startswith("You said “much: more than 0.3”: not so.")
    assert "right" in morphism.question(replace(said, guess="rounding"))
    assert "Now press Show" in morphism.question(replace(said, shown=False))


@pytest.mark.parametrize("kind", CHANGES)
def test_every_state_has_a_picture_and_words(kind):
    lesson = MorphismLesson(MorphismState(kind))
    for _ in range(3):
        for lit in ("", "new", "difference", "train", "copies", "loss"):
            figure(lesson.picture(lesson.state, lit))
        assert lesson.question(lesson.state)
        assert lesson.summary(lesson.state) == lesson._status.value == lesson._ears.alt
        assert "<h4>" in lesson.formula(lesson.state)
        lesson.step()
    assert lesson.state.steps == 20  # the first step shows, the others train
    assert trace(lesson.picture(lesson.state, "difference"), "evaluation mode")["line"]["width"] == 5


def test_the_lesson_ends():
    state = MorphismState("add", steps=LAST, shown=True)
    assert state.step() is state
    assert "That were" in morphism.question(state)


def test_clicks_in_the_curve_guess_and_others_do_nothing():
    lesson = MorphismLesson()
    lesson.live.clicked = {"x": 10.0, "y": 0.1, "subplot": "x3y3", "n": 1}
    assert lesson.state == lesson.start
    lesson.live.clicked = {"x": 10.0, "y": 0.1, "subplot": "x5y5", "n": 2}
    assert lesson.state.guess == lesson._inputs["guess"].value == "small"
    lesson.back()
    assert lesson._inputs["guess"].value == ""


def test_another_morphism_begins_before_all_training_and_settings_keep_the_place():
    lesson = MorphismLesson()
    for _ in range(3):
        lesson.step()
    lesson._inputs["measured"].value = True
    assert lesson.state == MorphismState(measured=True, steps=20, shown=True)
    lesson._inputs["kind"].value = "wider"
    assert lesson.state == MorphismState("wider", measured=True, shown=True)
    lesson._sliders["steps"].value = 40
    assert lesson.state.steps == 40
    lesson.reset()
    assert lesson.state == MorphismState()


def test_predicting_first_hides_each_next_difference():
    lesson = MorphismLesson()
    lesson.predict_first = True
    lesson.step()
    assert not lesson.state.shown
    assert "Predict first" in lesson._status.value
    lesson._inputs["guess"].value = "rounding"
    lesson.step()
    assert lesson.state.shown
    assert "right" in lesson._question.value
    lesson.step()
    assert (lesson.state.steps, lesson.state.shown, lesson.state.guess) == (EVERY, False, "")
    lesson._sliders["steps"].value = 50
    assert not lesson.state.shown


def test_controls_have_names_and_units():
    lesson = MorphismLesson()
    assert all("(" in d.label for d in lesson.dials)
    data, _ = lesson._repr_mimebundle_()
    assert "Network morphisms" in data["text/html"]


def test_without_torch_the_way_out_is_told(monkeypatch):
    monkeypatch.setattr("workbench.models.neural.extra.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"The lesson on network morphisms .* pip install"):
        MorphismLesson()
