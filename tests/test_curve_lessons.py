"""The lessons on learning curves: families by hand and by least squares, and the fan that narrows."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.models.curve_families import FAMILIES
from workbench.models.learning_curve import posterior
from workbench.plots.figure import figure
from workbench_widgets.lessons import CurveExtrapolationLesson, CurveFamiliesLesson
from workbench_widgets.lessons import curve_extrapolation as ce
from workbench_widgets.lessons import curve_families as cf
from workbench_widgets.lessons.curve_extrapolation import CurveExtrapolationState
from workbench_widgets.lessons.curve_families import HTML, CurveFamiliesState, begun, fitted, improved, squares
from workbench_widgets.lessons.digits_curves import N_IMAGES, NAMES, WRONG, T, curve


def names(drawn):
    return [t["name"] for t in drawn["data"]]


def test_the_curves_are_shares_of_errors_of_forty_epochs():
    for name in NAMES:
        assert len(WRONG[name]) == T and all(0 < n < N_IMAGES for n in WRONG[name])
        assert curve(name)[0] == WRONG[name][0] / N_IMAGES


# ---- families ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [f.name for f in FAMILIES])
def test_every_family_has_a_formula_and_is_drawn_in_every_state(family):
    assert family in HTML
    for name in NAMES:
        for n in (3, 39):
            for others, rest in ((False, False), (True, True)):
                state = begun(CurveFamiliesState(name, n, family, others=others, rest=rest))
                figure(cf.draw(state))
                assert "nan" not in cf.formula(state) + cf.summary(state) + cf.question(state)


@pytest.mark.parametrize("family", [f.name for f in FAMILIES])
def test_steps_of_least_squares_only_improve_and_the_fit_is_the_least(family):
    state = begun(CurveFamiliesState(family=family))
    least = fitted(state.curve, state.n, family)[1]
    for _ in range(40):
        new = improved(state)
        assert squares(new) <= squares(state)
        if new == state:
            break
        state = new
    assert least <= squares(state) * 1.01
    assert squares(state.at(np.array(fitted(state.curve, state.n, family)[0]))) == pytest.approx(least, rel=1e-3)


def test_the_line_goes_through_the_dots_after_a_fit():
    state = begun(CurveFamiliesState(n=20))
    state = state.at(np.array(fitted(state.curve, 20, "pow3")[0]))
    line = cf.drawn_curve(state, state.places, "pow3", np.arange(1.0, 21))
    assert np.abs(line - curve(state.curve)[:20]).max() < 0.15
    assert "It fits" in cf.question(state)


def test_another_family_starts_where_its_fits_start_and_only_its_parameters_have_sliders():
    lesson = CurveFamiliesLesson()
    lesson._inputs["family"].value = "ilog2"
    assert lesson.state == begun(CurveFamiliesState(family="ilog2", p2=lesson.state.p2, p3=lesson.state.p3))
    shown = [lesson._sliders[f"p{j}"].layout.display for j in range(4)]
    assert shown == ["", "", "none", "none"]
    assert [lesson._sliders[f"p{j}"].description for j in range(2)] == ["c", "a"]
    before = squares(lesson.state)
    assert lesson.step()
    assert squares(lesson.state) < before
    lesson.back()
    assert squares(lesson.state) == before


# ---- extrapolation -----------------------------------------------------------------------------------------------------


def test_the_lesson_looks_as_the_scheduler_does():
    state = CurveExtrapolationState(n=10, shown=True)
    p = posterior(curve(state.curve)[:10], T)
    assert state.look.probability == p.probability_of_beating(state.best)
    assert state.look.mean == p.predict([T])[0][0]
    assert state.look.action == ("stop" if state.look.probability < state.delta else "go")


def test_the_forecast_is_hidden_until_it_is_asked_for():
    state = CurveExtrapolationState()
    assert names(ce.draw(state)) == ["seen"]
    assert "median" in names(ce.draw(replace(state, shown=True)))
    assert "P(" not in ce.summary(state) + ce.formula(state)
    assert "least squares" in names(ce.draw(replace(state, shown=True, fits=True)))
    assert "what came" in names(ce.draw(replace(state, rest=True)))


def test_the_fan_narrows_as_more_is_seen():
    widths = [np.subtract(*CurveExtrapolationState(n=n).look.band[::-1]) for n in (5, 15, 30)]
    assert widths[0] > widths[1] > widths[2]


def test_the_verdict_is_judged_by_the_end():
    hopeless = CurveExtrapolationState(NAMES[1], 20, shown=True, rest=True)
    assert hopeless.look.action == "stop" and not hopeless.beats
    assert ce.question(hopeless).startswith("Right")
    good = replace(hopeless, curve=NAMES[3], best=0.1, n=10)
    assert good.look.action == "go" and good.beats
    assert ce.question(good).startswith("Right")
    assert "in vain" in ce.question(replace(good, best=0.03))
    wrong = replace(good, best=0.035, delta=0.999999)
    assert wrong.look.action == "stop" and wrong.beats
    assert "stop is wrong" in ce.question(wrong)


@pytest.mark.parametrize("n", [2, 39])
@pytest.mark.parametrize("name", NAMES)
def test_every_state_is_drawn(name, n):
    state = CurveExtrapolationState(name, n, shown=True, fits=True, rest=True, guess=0.1)
    figure(ce.draw(state))
    assert "nan" not in ce.formula(state) + ce.summary(state) + ce.question(state)


def test_clicks_guess_the_end_and_steps_see_one_epoch_more():
    lesson = CurveExtrapolationLesson()
    lesson.live.clicked = {"x": 40.0, "y": 0.06, "subplot": "xy", "n": 1}
    assert lesson.state.guess == 0.06
    lesson.live.clicked = {"x": 0.3, "y": 2.0, "subplot": "x2y2", "n": 2}
    assert lesson.state.guess == 0.06
    assert lesson.step() and lesson.state.n == 7 and lesson.state.shown
    lesson._inputs["curve"].value = NAMES[1]
    assert lesson.state.guess is None
    lesson.change(lambda s: replace(s, n=39))
    assert not lesson.step()
