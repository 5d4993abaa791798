"""The lesson on MAML: four networks adapt to a new wave; guess, answer, experiments; without torch, and quick."""

import math
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from workbench.meta import SmallNetwork, adapt, sinusoid_starts
from workbench.plots.figure import figure
from workbench_widgets.lessons import MAMLLesson
from workbench_widgets.lessons.maml import formula, question, summary
from workbench_widgets.lessons.maml_pictures import draw, network_at
from workbench_widgets.lessons.maml_state import GRID, MAX_STEPS, MAMLState, shipped, starts_with


def traces(drawn, name):
    return [t for t in drawn["data"] if t["name"] == name]


def heads(drawn):
    return [a["text"] for a in drawn["layout"]["annotations"]]


def button(lesson, name):
    return next(b for b in lesson.children[1].children if getattr(b, "description", "") == name)


@pytest.mark.parametrize("name", ["MAML", "random"])
def test_networks_adapt_as_those_of_the_library_do(name):
    state = MAMLState(shots=5, seed=3)
    network = SmallNetwork()
    weights = tuple(torch.from_numpy(w.copy()) for w in sinusoid_starts()[name])
    x, y = (torch.from_numpy(v.copy())[:, None] for v in (state.x, state.y))
    became = adapt(network.squared_error, weights, x, y, steps=4, rate=state.rate)
    theirs = network(became, torch.from_numpy(GRID)[:, None])[:, 0].numpy()
    course = state.courses[name]
    np.testing.assert_allclose(course.curves[4], theirs, rtol=1e-9)
    truth = 3.5 * np.sin(GRID - 2.5)
    assert course.query[4] == pytest.approx(((theirs - truth) ** 2).mean())
    assert course.support[4] == pytest.approx(float(network.squared_error(became, x, y)))
    assert len(course.query) == MAX_STEPS + 1


def test_more_points_leave_the_earlier_ones_where_they_are():
    few, many = MAMLState(shots=3), MAMLState(shots=12)
    np.testing.assert_array_equal(many.x[:3], few.x)
    assert len(many.y) == 12
    assert not np.array_equal(replace(few, seed=1).x, few.x)


def test_on_a_new_wave_maml_adapts_and_the_others_do_not():
    for seed in range(5):
        losses = MAMLState(seed=seed).losses
        assert max(losses["MAML"], losses["first-order MAML"]) < losses["pretrained"] < losses["random"]
    assert MAMLState().nearest == "MAML"
    before = replace(MAMLState(), steps=0).losses
    assert min(before.values()) > 3  # before its points nobody knows the wave


def test_a_rate_that_is_too_large_throws_networks_off_and_is_drawn_all_the_same():
    state = MAMLState(rate=0.2, steps=10, shown=True, seed=3)
    assert state.losses["MAML"] == np.inf
    assert state.nearest == "random"
    figure(draw(state))
    assert "∞" in formula(state)
    assert "α = 0.01" in question(state)


def test_the_answer_is_hidden_until_it_is_asked_for():
    state = MAMLState(guess="pretrained", steps=2)
    hidden, shown = draw(state), draw(replace(state, shown=True))
    assert len(traces(hidden, "before")) == len(traces(hidden, "the wave")) == 4
    assert not traces(hidden, "MAML, after")
    np.testing.assert_allclose(traces(shown, "MAML, after")[0]["y"], state.courses["MAML"].curves[2])
    assert len(traces(hidden, "MAML")[0]["x"]) == 1  # of the errors only that before any step
    assert len(traces(shown, "MAML")[0]["x"]) == MAX_STEPS + 1
    assert hidden["layout"]["title"]["text"] == "10 points of a new wave, 2 gradient steps to come"
    assert "is nearest" in shown["layout"]["title"]["text"]
    assert "your guess" in heads(hidden)[2]
    assert not any("error " in h and "<b>" in h for h in heads(hidden))
    assert all("error" in h for h in heads(shown))
    assert "…" in formula(state)
    assert "…" not in formula(replace(state, shown=True))
    for lit in ("", "before", "after", "loss"):
        figure(draw(replace(state, shown=True), lit))


def test_axes_stay_where_they_are_while_waves_within_what_was_learned_are_dragged():
    one, other = (draw(MAMLState(amplitude=a, shown=True, steps=s))["layout"] for a, s in ((0.5, 0), (5.0, 9)))
    for k in ("", "2", "3", "4", "5"):
        assert one[f"yaxis{k}"]["range"] == other[f"yaxis{k}"]["range"]


def test_each_network_looks_different_without_colour():
    lines = [traces(draw(MAMLState(shown=True)), n)[0] for n in shipped().names]
    assert len({(t["line"]["dash"], t["marker"]["symbol"]) for t in lines}) == 4


def test_the_lesson_from_the_guess_to_the_experiments():
    lesson = MAMLLesson()
    assert "Click its picture" in lesson._question.value
    lesson.live.clicked = {"x": 0.0, "y": 1.0, "subplot": "x3y3", "n": 1}
    assert lesson.state.guess == "pretrained" == lesson._inputs["guess"].value
    assert "Now press Show" in lesson._question.value
    button(lesson, "Show").click()
    assert "You said pretrained. It is MAML." in lesson._question.value
    assert "Drag the steps to 10" in lesson._question.value
    lesson.live.clicked = {"x": 0.0, "y": 1.0, "subplot": "x2y2", "n": 2}
    assert lesson.state.guess == "pretrained"  # the answer is out
    lesson.live.clicked = {"x": 6.8, "y": 0.0, "subplot": "x5y5", "n": 3}
    assert lesson.state.steps == 7 == lesson._sliders["steps"].value
    lesson.step()
    assert lesson.state.steps == 8
    lesson._sliders["shots"].value = 3.0
    assert (lesson.state.shots, type(lesson.state.shots)) == (3, int)
    assert "between the points" in lesson._question.value
    before = lesson.state.x
    button(lesson, "New points").click()
    assert not np.array_equal(lesson.state.x, before)
    assert lesson._inputs["seed"].value == 1
    button(lesson, "Hide").click()
    assert (lesson.state.shown, lesson.state.guess) == (False, None)
    lesson._inputs["guess"].value = "random"
    assert lesson.state.guess == "random"
    lesson.back()
    assert lesson.state.guess is None
    lesson.reset()
    assert lesson.state == lesson.start


def test_predict_first_hides_the_answer_until_there_is_a_guess():
    lesson = MAMLLesson()
    lesson.predict_first = True
    button(lesson, "Show").click()
    assert not lesson.state.shown
    assert "Predict first" in lesson._status.value
    lesson.live.clicked = {"x": 0.0, "y": 1.0, "subplot": "xy", "n": 1}
    lesson.step()
    assert (lesson.state.shown, lesson.state.steps) == (True, 1)
    lesson.step()
    assert (lesson.state.shown, lesson.state.steps, lesson.state.guess) == (False, 2, None)
    assert replace(lesson.state, steps=MAX_STEPS).step().steps == MAX_STEPS


def test_weights_of_ones_own_take_the_place_of_shipped_ones():
    mine = tuple(np.zeros_like(w) for w in sinusoid_starts()["MAML"])
    lesson = MAMLLesson(weights={"MAML": mine})
    assert lesson.state.courses["MAML"].query[0] == pytest.approx((MAMLState().amplitude * np.sin(GRID - 2.5)).var(), rel=0.1)
    assert lesson.state.courses["random"].query[0] == MAMLState().courses["random"].query[0]
    with pytest.raises(ValueError, match="'mine' is none of them"):
        starts_with({"mine": mine})
    with pytest.raises(ValueError, match=r"SmallNetwork\(\) is the network"):
        starts_with({"MAML": mine[:2]})


STATES = [MAMLState(), MAMLState(guess="random"), MAMLState(shown=True, guess="MAML"), MAMLState(shown=True, guess="first-order MAML"),
          MAMLState(steps=0, shown=True), MAMLState(shots=1, steps=5, shown=True), MAMLState(amplitude=8.0, shown=True),
          MAMLState(phase=5.0, shown=True), MAMLState(rate=0.05, shown=True), MAMLState(steps=10, shown=True)]


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_put_into_words(state):
    text = formula(state) + question(state) + summary(state)
    assert "nan" not in text
    assert f"{state.shots} point" in text
    assert len({question(s) for s in STATES}) == len(STATES)


def test_what_no_learner_has_seen_is_said():
    assert "No wave with such an amplitude" in question(MAMLState(amplitude=6.0, shown=True))
    assert "No wave with such a phase" in question(MAMLState(phase=math.pi + 0.1, shown=True))
    assert not MAMLState(phase=math.pi).strange


def test_a_click_belongs_to_the_picture_it_falls_on():
    state = MAMLState()
    assert [network_at(state, s) for s in ("xy", "x2y2", "x3y3", "x4y4", "x5y5")] == [*shipped().names, None]


def test_every_slider_tells_its_unit_and_places_without_a_kernel_get_words():
    assert all("(" in d.label for d in MAMLLesson.dials)
    data, _ = MAMLLesson()._repr_mimebundle_()
    assert MAMLLesson.name in data["text/html"]


def test_a_change_takes_no_noticeable_time():
    lesson = MAMLLesson(MAMLState(shown=True))
    spent = []
    for phase in np.linspace(0.5, 2.0, 15):
        began = time.thread_time()
        lesson._sliders["phase"].value = float(phase)
        spent.append(time.thread_time() - began)
    assert np.median(spent) < 0.05  # seconds; about 0.007 on a laptop


def test_it_works_without_torch():
    code = ("import sys; sys.modules['torch'] = None; from workbench_widgets.lessons import MAMLLesson; lesson = MAMLLesson(); "
            "lesson.change(lesson.reveal); lesson.step(); assert lesson.state.steps == 2; lesson.figure()")
    subprocess.run([sys.executable, "-c", code], check=True)
