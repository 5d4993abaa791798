"""The lesson on DARTS: a real search, watched; temperature, push and guess; what is lost when it is made discrete."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.nas.cells import NANO
from workbench.nas.darts import DARTS
from workbench.plots.figure import figure
from workbench.plots.nas_layout import layout
from workbench_widgets.lessons import DARTSLesson
from workbench_widgets.lessons.darts import formula, question, summary
from workbench_widgets.lessons.darts_pictures import GRAPH, draw, nearest
from workbench_widgets.lessons.darts_state import EDGES, LAST, SETTINGS, DARTSState, course, one_hot, signals, softmax

EPOCH = 3


def traces(drawn, name):
    return [t for t in drawn["data"] if t["name"] == name]


def test_the_search_that_is_watched_is_that_of_the_library():
    step = next(DARTS(epochs=LAST, settings=SETTINGS).steps(signals(), seed=0))
    np.testing.assert_array_equal(course(1, 0).at(1).alpha, step.why.alpha)
    assert course(1, 0).at(1).mixed == step.why.mixed_accuracy


def test_an_earlier_epoch_can_be_looked_at_again_with_the_weights_of_then():
    late, early = DARTSState(epoch=EPOCH), DARTSState(epoch=1)
    assert late.mixed == course(1, 0).at(EPOCH).mixed == late.moment.why.mixed_accuracy
    assert early.mixed == course(1, 0).at(1).mixed
    assert len(late.past) == EPOCH + 1
    assert DARTSState().moment.why is None
    np.testing.assert_allclose(DARTSState().weights, 0.25, atol=1e-3)


def test_a_cold_mixture_is_what_is_kept_and_a_hot_one_even():
    state = DARTSState(epoch=EPOCH)
    none = replace(state, temperature=1e-4)
    np.testing.assert_allclose(none.weights.max(axis=1), 1)
    if not state.none_wins:
        assert none.mixed == state.discrete
    np.testing.assert_allclose(replace(state, temperature=1e6).weights, 0.25, atol=1e-5)
    kept = one_hot(state.chosen)
    assert state.discrete == course(1, 0).accuracy(state.moment.w, kept)
    np.testing.assert_allclose(softmax(state.alpha), state.moment.why.weights, atol=1e-6)


def test_a_push_tips_the_choice_on_its_edge_alone_and_is_taken_back_by_a_step():
    state = DARTSState(epoch=EPOCH, edge=2, operation="skip", push=4.0)
    bare = replace(state, push=0.0)
    assert state.chosen[2] == "skip"
    assert [a for k, a in enumerate(state.chosen) if k != 2] == [a for k, a in enumerate(bare.chosen) if k != 2]
    np.testing.assert_array_equal(np.delete(state.alpha, 2, axis=0), np.delete(bare.alpha, 2, axis=0))
    assert state.step().push == 0.0
    assert replace(state, epoch=LAST).step() == replace(state, epoch=LAST)


def test_the_picture_hides_what_is_left_until_it_is_asked_for():
    state = DARTSState(epoch=EPOCH, guess=0.4)
    hidden, shown = draw(state), draw(replace(state, shown=True))
    assert not traces(hidden, "discretised")
    np.testing.assert_allclose(traces(shown, "discretised")[0]["y"], [100 * p.discrete for p in state.past])
    assert traces(shown, "mixture now")[0]["y"][0] == pytest.approx(100 * state.mixed)
    assert "discretised on" in shown["layout"]["title"]["text"]
    assert "discretised" not in hidden["layout"]["title"]["text"]
    assert "your guess 40 %" in [a["text"] for a in hidden["layout"]["annotations"]]
    assert {s["opacity"] for s in hidden["layout"]["shapes"] if "path" in s} != {s["opacity"] for s in shown["layout"]["shapes"]
                                                                                if "path" in s}
    for lit in ("", "mix", "gap"):
        figure(draw(replace(state, shown=True), lit))


@pytest.mark.parametrize("k", [0, 5, 14, 23])
def test_a_click_on_a_line_of_the_cell_looks_at_its_edge_and_operation(k):
    x, y = layout(GRAPH).edges[k][len(layout(GRAPH).edges[k]) // 2]
    assert nearest(x, y) == (k // 4, NANO.operations[k % 4])


def test_the_lesson_from_the_first_epoch_to_the_judged_guess():
    lesson = DARTSLesson()
    assert "quarter of the weight" in lesson._question.value
    lesson.step()
    lesson.step()
    assert lesson.state.epoch == 2
    lesson.live.clicked = {"x": 5.0, "y": 45.0, "subplot": "x3y3", "n": 1}
    assert lesson.state.guess == 0.45
    assert "Your guess: 45 %" in lesson._question.value
    button = next(b for b in lesson.children[1].children if getattr(b, "description", "") == "Discretise")
    button.click()
    assert f"it is {100 * lesson.state.discrete:.0f} %" in lesson._question.value
    lesson.live.clicked = {"x": 1.2, "y": 0.1, "subplot": "x2y2", "n": 2}
    assert (lesson.state.edge, lesson.state.operation) == (3, "skip")
    lesson._sliders["push"].value = 2.0
    assert lesson.state.push == 2.0
    lesson._inputs["edge"].value = 0
    assert (lesson.state.edge, lesson.state.push) == (0, 0.0)
    lesson.back()
    assert lesson.state.edge == 3
    lesson._inputs["seed"].value = 1
    assert (lesson.state.seed, lesson.state.epoch, lesson.state.shown) == (1, 0, False)
    lesson.reset()
    assert lesson.state == lesson.start


def test_predict_first_hides_the_answer_until_there_is_a_guess():
    lesson = DARTSLesson(DARTSState(epoch=1))
    lesson.predict_first = True
    lesson.change(lambda s: replace(s, shown=True))
    assert not lesson.state.shown
    assert "Predict first" in lesson._status.value
    lesson.live.clicked = {"x": 5.0, "y": 30.0, "subplot": "x3y3", "n": 1}
    lesson.step()
    assert lesson.state.shown
    lesson.step()
    assert (lesson.state.epoch, lesson.state.shown, lesson.state.guess) == (2, False, None)


@pytest.mark.parametrize("state", [DARTSState(), DARTSState(epoch=1, guess=0.3), DARTSState(epoch=EPOCH, shown=True),
                                   DARTSState(epoch=EPOCH, shown=True, guess=0.9, temperature=0.1, push=1.0),
                                   DARTSState(order=2, epoch=1, shown=True)])
def test_every_state_is_put_into_words(state):
    text = formula(state) + question(state) + summary(state)
    assert "nan" not in text
    assert f"{EDGES[state.edge][0]} → {EDGES[state.edge][1]}" in text
    assert ("∇<sub>w</sub> L<sub>train</sub>(w, α), α)" in formula(state)) == (state.order == 2)


def test_at_most_three_sliders_and_places_without_a_kernel_get_words():
    assert len(DARTSLesson.dials) <= 3
    assert all("(" in d.label for d in DARTSLesson.dials)
    data, _ = DARTSLesson()._repr_mimebundle_()
    assert DARTSLesson.name in data["text/html"]
