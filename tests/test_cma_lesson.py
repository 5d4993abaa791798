"""The lesson on CMA-ES: its search is the tutorial's, its parts can be switched off, its picture shows what it says."""

from dataclasses import replace

import cmaes
import numpy as np
import pytest

from workbench.plots.figure import figure
from workbench_widgets.lessons import CMAESLesson
from workbench_widgets.lessons.cma_es import formula, question, summary
from workbench_widgets.lessons.cma_pictures import draw
from workbench_widgets.lessons.cma_state import (
    DRAWN,
    LANDSCAPES,
    LAST,
    MOVED,
    SELECTED,
    CMAESState,
    condition,
    until,
)


def trace(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


def test_the_search_is_that_of_the_package_cmaes():
    state = CMAESState(lam=6)
    theirs = cmaes.CMA(mean=np.array(state.landscape.start), sigma=0.1, population_size=6)
    for g in state.way[:30]:
        theirs.tell(list(zip(g.xs, g.ys, strict=True)))
        np.testing.assert_allclose(g.after.mean, theirs.mean, rtol=1e-8)
        np.testing.assert_allclose(g.after.C, theirs._C, rtol=1e-6)
        assert g.after.sigma == pytest.approx(theirs._sigma, rel=1e-8)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_the_minimum_is_where_the_lesson_says(name):
    land = LANDSCAPES[name]
    near = np.array(land.minimiser) + 0.02 * np.random.default_rng(0).standard_normal((200, 2))
    assert land.f(np.array(land.minimiser)) == pytest.approx(0, abs=1e-12)
    assert (land.f(near) > 0).all()


@pytest.mark.parametrize("name", ["turned", "upright"])
def test_the_ellipses_have_the_condition_number_that_is_shown(name):
    f, h = LANDSCAPES[name].f, 1e-3
    at, e = np.array([0.4, 0.4]), np.eye(2) * h
    hessian = [[(f(at + a + b) - f(at + a - b) - f(at - a + b) + f(at - a - b)) / (4 * h * h) for a in e] for b in e]
    assert np.linalg.cond(np.array(hessian)) == pytest.approx(LANDSCAPES[name].condition, rel=1e-4)


def test_a_generation_has_three_moments_or_one():
    state = CMAESState()
    seen = []
    for _ in range(4):
        seen.append((state.generation, state.moment))
        state = state.step()
    assert seen == [(0, DRAWN), (0, SELECTED), (0, MOVED), (1, DRAWN)]
    fast = CMAESState(slowly=False, moment=MOVED).step()
    assert (fast.generation, fast.moment) == (1, MOVED)
    end = replace(fast, generation=LAST - 1)
    assert end.step() is end
    assert "Reset" in question(end)


def test_the_parts_that_are_off_are_off():
    def last(**off):
        return CMAESState(**off).way[-1].after

    np.testing.assert_allclose(last(rank_one=False, rank_mu=False).C, np.eye(2), atol=1e-9)
    assert last(step_size=False).sigma == 0.1
    for part in ("rank_one", "rank_mu"):
        assert condition(CMAESState(**{part: False}).way[9].after) > 1.01


def test_the_shape_that_is_learnt_saves_evaluations_and_a_turn_hardly_matters():
    """Medians of fifteen seeds, with wide margins; the claim of the lesson, not a benchmark."""
    def median(name, **off):
        counts = [until(CMAESState(name, seed=s, **off), 1e-6) for s in range(15)]
        return np.median([c or 10_000 for c in counts])

    whole = median("turned")
    assert median("turned", rank_mu=False) > 1.2 * whole
    assert median("turned", rank_one=False, rank_mu=False) > 2 * whole
    assert 0.7 < median("upright") / whole < 1.4


def test_the_picture_marks_the_selected_and_the_next_mean():
    state = replace(CMAESState(seed=4), moment=SELECTED)
    drawn, now = draw(state), state.now
    chosen = trace(drawn, "selected")
    assert set(chosen["x"]) == set(now.xs[np.argsort(now.ys)[:4], 0])
    assert trace(drawn, "next mean")["x"] == pytest.approx(now.after.mean[:1])
    assert trace(draw(replace(state, moment=DRAWN)), "drawn")["x"] == pytest.approx(now.xs[:, 0])
    assert len(drawn["layout"]["annotations"]) == 4 + 2  # arrows to the selected, labels of the right pictures


def test_the_ellipses_are_level_lines_of_the_distribution():
    state = replace(CMAESState(), generation=12, moment=MOVED)
    now = state.now.after
    lines = [t for t in draw(state)["data"] if t["name"] == "1 and 2 σ"]
    for radius, line in zip((2.0, 1.0), lines, strict=True):
        z = np.linalg.solve(np.linalg.cholesky(now.covariance), np.stack([line["x"], line["y"]]) - now.mean[:, None])
        np.testing.assert_allclose(np.linalg.norm(z, axis=0), radius, rtol=1e-6)


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize("moment", [DRAWN, SELECTED, MOVED])
def test_every_moment_can_be_drawn_near_and_far_and_put_into_words(name, moment):
    for generation in (0, 7, LAST - 1):
        for lit in ("", "draw", "mean"):
            state = CMAESState(name, generation=generation, moment=moment, zoom=generation == 7, guess=(0.3, 0.4))
            figure(draw(state, lit))
        assert "nan" not in formula(state) + summary(state) + question(state)


def test_zooming_shows_all_points_and_both_distributions():
    state = CMAESState(generation=50, moment=MOVED, zoom=True)
    drawn = draw(state)
    (x0, x1), (y0, y1) = (drawn["layout"][a]["range"] for a in ("xaxis", "yaxis"))
    xs = state.now.xs
    assert ((x0 < xs[:, 0]) & (xs[:, 0] < x1) & (y0 < xs[:, 1]) & (xs[:, 1] < y1)).all()
    assert x1 - x0 < 0.1


def test_a_guess_is_judged_and_forgotten_with_its_generation():
    lesson = CMAESLesson()
    lesson.live.clicked = {"x": 0.3, "y": 0.6, "subplot": "xy", "n": 1}
    assert lesson.state.guess == (0.3, 0.6)
    lesson.live.clicked = {"x": 3, "y": 0.1, "subplot": "x2y2", "n": 2}
    assert lesson.state.guess == (0.3, 0.6)
    lesson.step()
    off = np.linalg.norm(lesson.state.now.after.mean - (0.3, 0.6))
    assert f"Your guess is {off:.3f}"[:18] in lesson._question.value
    lesson._sliders["generation"].value = 5.0
    assert lesson.state.guess is None
    assert lesson.state.generation == 5


def test_a_switch_keeps_the_generation_and_says_what_is_off():
    lesson = CMAESLesson(CMAESState(generation=20, moment=MOVED))
    lesson._inputs["rank_mu"].value = False
    assert lesson.state.generation == 20
    assert "rank-μ (points)" in lesson._question.value
    assert str(until(lesson.state, 1e-6)) in lesson._formula.value
    lesson._inputs["slowly"].value = False
    lesson.step()
    assert (lesson.state.generation, lesson.state.moment) == (21, MOVED)
