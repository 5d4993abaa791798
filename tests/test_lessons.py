"""Lessons: the states and pictures without a browser, and the thin shell around them."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from workbench.plots.figure import figure
from workbench_widgets.lessons import (
    BayesianOptimisationLesson,
    CMAESLesson,
    CurveExtrapolationLesson,
    CurveFamiliesLesson,
    GaussianProcessLesson,
    GridRandomLesson,
    HyperbandTableLesson,
    TPELesson,
    YouAreTheOptimiser,
    grid_random,
    tpe,
)
from workbench_widgets.lessons import bayesian_optimisation as bo
from workbench_widgets.lessons import gaussian_process as gp
from workbench_widgets.lessons.bo_pictures import draw as draw_bo
from workbench_widgets.lessons.bo_state import MAX_EVALUATIONS, RULES, BOState
from workbench_widgets.lessons.exercises import check
from workbench_widgets.lessons.frame import Dial
from workbench_widgets.lessons.functions import functions
from workbench_widgets.lessons.gaussian_process import GPState
from workbench_widgets.lessons.grid_random import GridRandomState
from workbench_widgets.lessons.tpe_state import MAX_TRIALS, TPEState

LESSONS = (GaussianProcessLesson, BayesianOptimisationLesson, TPELesson, GridRandomLesson, CMAESLesson)


def traces(drawn, name):
    return [t for t in drawn["data"] if t["name"] == name]


# Hidden functions -----------------------------------------------------------------------------------------------------


def test_the_minima_are_those_of_the_literature():
    # Forrester et al. 2008 and the usual table for Branin; six digits are printed there
    assert functions()["forrester"].minimum == pytest.approx(-6.020740, abs=1e-5)
    assert functions()["branin"].minimum == pytest.approx(0.397887, abs=1e-5)


@pytest.mark.parametrize("name", functions())
def test_random_search_never_gets_worse_and_units_go_both_ways(name):
    hidden = functions()[name]
    assert (np.diff(hidden.random_regret) <= 0).all()
    assert (hidden.random_regret >= 0).all()
    for axis in range(hidden.dimensions):
        assert hidden.unit(hidden.value(0.3, axis), axis) == pytest.approx(0.3)
        assert hidden.unit(1e9, axis) == 1.0


# Gaussian process -----------------------------------------------------------------------------------------------------


def test_a_click_evaluates_the_hidden_function_and_remembers_how_unsure_the_model_was():
    state = GPState().add(0.3)
    assert state.x == (0.3,)
    assert state.y == (float(gp.hidden(0.3)),)
    assert state.asked == (0.3, pytest.approx(1.0), pytest.approx(1.0))
    again = state.add(0.3)
    assert again.asked[1] < 0.05 * again.asked[2]  # noise sd 0.01: the model was sure there
    assert "well aimed" not in gp.summary(again)


def test_clicks_outside_land_on_the_border():
    assert GPState().add(1.7).x == (1.0,)


def test_a_free_point_stands_at_the_clicked_height_and_goes_when_clicked_again():
    state = GPState(free=True).add(0.5, 2.0)
    assert (state.x, state.y) == ((0.5,), (2.0,))
    assert state.add(0.505, 2.1).x == ()
    assert len(state.add(0.5, -1.0).x) == 2


def test_the_fit_finds_the_largest_likelihood_and_the_prior_changes_it():
    state = GPState()
    for x in (0.05, 0.2, 0.4, 0.55, 0.7, 0.95):
        state = state.add(x)
    best = state.fitted()
    value = best.gp().log_marginal_likelihood
    rng = np.random.default_rng(0)
    low, high = (np.log([b[i] for b in gp.BOUNDS.values()]) for i in (0, 1))
    for h in np.exp(rng.uniform(low, high, (300, 3))):
        other = replace(state, **dict(zip(gp.BOUNDS, h.tolist(), strict=True)))
        assert other.gp().log_marginal_likelihood <= value + 0.02  # the search stops at 1e-3 in the logarithms
    assert state.fitted(prior=True).lengthscale != pytest.approx(best.lengthscale, rel=1e-3)


def test_a_fit_of_one_point_changes_nothing():
    state = GPState().add(0.5)
    assert state.fitted() is state


def test_the_terms_of_the_likelihood_sum_to_it():
    state = GPState(noise_sd=0.1).add(0.1).add(0.6).add(0.8)
    assert sum(gp.likelihood_terms(state).values()) == pytest.approx(state.gp().log_marginal_likelihood)


def test_the_picture_holds_mean_band_points_samples_and_the_likelihood():
    state = replace(GPState().add(0.2).add(0.9), samples="posterior", truth=True)
    drawn = gp.draw(state)
    mean, variance = state.gp().predict(gp.GRID)
    np.testing.assert_allclose(traces(drawn, "mean μ(x)")[0]["y"], mean)
    np.testing.assert_allclose(traces(drawn, "95 % band")[0]["y"], mean + 1.96 * np.sqrt(variance))
    assert len(traces(drawn, "3 functions drawn from the posterior")) == 3
    ring = traces(drawn, "present lengthscale")[0]
    assert ring["x"][0] == state.lengthscale
    assert ring["y"][0] == pytest.approx(state.gp().log_marginal_likelihood)


def test_prior_samples_ignore_the_data():
    no_data, data = GPState(samples="prior"), replace(GPState(samples="prior").add(0.5), asked=None)
    name = "3 functions drawn from the prior"
    np.testing.assert_array_equal(traces(gp.draw(no_data), name)[0]["y"], traces(gp.draw(data), name)[0]["y"])


def test_a_click_below_chooses_the_lengthscale():
    lesson = GaussianProcessLesson()
    lesson.live.clicked = {"x": 0.5, "y": -3.0, "subplot": "x2y2", "n": 1}
    assert lesson.state.lengthscale == 0.5
    assert lesson.state.x == ()
    assert lesson._sliders["lengthscale"].value == pytest.approx(0.5)


# Bayesian optimisation ------------------------------------------------------------------------------------------------


def test_the_rules_agree_with_quadrature_of_the_predicted_density():
    state = replace(BOState.begin(), beta=1.5)
    at = np.array([[0.37]])
    mean, sd = (float(v[0]) for v in state.predict(at))
    improvement, _ = quad(lambda y: (state.best - y) * norm.pdf(y, mean, sd), mean - 12 * sd, state.best)
    assert state.scores("EI", at)[0] == pytest.approx(improvement, rel=1e-6)
    assert state.scores("PI", at)[0] == pytest.approx(norm.cdf(state.best, mean, sd))
    assert state.scores("LCB", at)[0] == pytest.approx(-(mean - 1.5 * sd))


@pytest.mark.parametrize("function", functions())
@pytest.mark.parametrize("rule", RULES)
def test_a_step_evaluates_where_the_rule_is_highest(function, rule):
    state = replace(BOState.begin(function), rule=rule)
    new = state.step()
    assert new.points[-1] == state.choice(rule)
    assert new.shown
    assert new.y[-1] == state.hidden(new.points[-1])
    assert state.scores(rule, np.array([new.points[-1]]))[0] == pytest.approx(state.scores(rule).max(), rel=1e-6)


def test_stepping_beats_random_search_and_ends():
    state = BOState.begin()
    for _ in range(10):
        state = state.step()
    assert state.regret < 0.1 * state.hidden.random_regret[len(state.y) - 1]
    while len(state.y) < MAX_EVALUATIONS:
        state = state.step()
    assert state.step() is state
    assert len(set(state.points)) == MAX_EVALUATIONS  # no point of the grid twice


def test_a_guess_is_kept_judged_evaluated_and_remembered():
    state = replace(BOState.begin(), guess=(0.5,))
    assert "press Show" in bo.question(state)
    assert state.focus == (0.5,)
    share = bo.guess_share(state)
    assert 0 <= share <= 1
    assert f"{100 * share:.0f} %" in bo.question(replace(state, shown=True))
    assert bo.guess_share(replace(state, guess=state.choice("EI"))) == pytest.approx(1.0)
    done = replace(state, shown=True).evaluate_guess()
    assert done.points[-1] == (0.5,)
    assert done.guesses == ((0.5,),)
    assert done.guess is None
    assert not done.shown


def test_acquisitions_are_hidden_until_asked_for():
    drawn = draw_bo(BOState.begin())
    for rule in RULES:
        assert np.isnan(traces(drawn, rule)[0]["y"]).all()
    shown = draw_bo(replace(BOState.begin(), shown=True))
    assert all(np.isfinite(traces(shown, rule)[-1]["y"]).all() for rule in RULES)


def test_the_filled_part_of_the_bell_lies_below_the_best_loss():
    state = replace(BOState.begin(), guess=(0.35,))
    fill = traces(draw_bo(state), "chance below f_min")[0]
    assert fill["y"].max() <= state.best
    assert len(fill["y"]) > 10


def test_the_map_shows_the_mean_on_the_users_scale():
    state = replace(BOState.begin("branin"), shown=True, guess=(0.5, 0.5))
    drawn = draw_bo(state)
    heat = [t for t in drawn["data"] if t["type"] == "heatmap"]
    assert [t["z"].shape for t in heat] == [(41, 41), (41, 41)]
    row, column = 10, 30
    mean, _ = state.predict(np.array([[column / 40, row / 40]]))
    assert heat[0]["z"][row, column] == pytest.approx(mean[0])
    assert (heat[0]["x"][0], heat[0]["x"][-1], heat[0]["y"][-1]) == (-5.0, 10.0, 15.0)
    assert traces(drawn, "your guess")[0]["x"][0] == 2.5


def test_another_function_or_seed_begins_anew():
    lesson = BayesianOptimisationLesson()
    lesson.step()
    lesson._inputs["function"].value = "branin"
    assert lesson.state == BOState.begin("branin", 5)
    lesson._inputs["seed"].value = 3
    assert lesson.state == BOState.begin("branin", 3)
    lesson.live.clicked = {"x": 2.5, "y": 7.5, "subplot": "x2y2", "n": 1}
    assert lesson.state.guess == (0.5, 0.5)


# TPE ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gamma", "n_good"), [(0.05, 1), (0.25, 3), (0.9, 11)])
def test_gamma_splits_the_trials(gamma, n_good):
    state = replace(TPEState.begin(), gamma=gamma)
    drawn = tpe.draw(state)
    good, bad = traces(drawn, "good trials")[0], traces(drawn, "bad trials")[0]
    assert (len(good["x"]), len(bad["x"])) == (n_good, 12 - n_good)
    border = drawn["layout"]["shapes"][0]["y0"]
    assert good["y"].max() < border < bad["y"].min()


def test_the_densities_integrate_to_one_and_the_candidates_lie_on_their_ratio():
    state = replace(TPEState.begin(), shown=True, n_candidates=30)
    k = state.slice()
    assert np.trapezoid(k.good, k.u) == pytest.approx(1.0, abs=1e-3)  # 241 points
    assert np.trapezoid(k.bad, k.u) == pytest.approx(1.0, abs=1e-3)
    dots = traces(tpe.draw(state), "30 candidates drawn from l")[0]
    np.testing.assert_allclose(dots["y"], np.interp(dots["x"], k.u, k.ratio), rtol=5e-3)
    assert state.choice == dots["x"][np.argmax(dots["y"])]


def test_a_tpe_step_evaluates_its_choice_and_the_lesson_ends():
    state = TPEState.begin()
    assert state.step().x[-1] == state.choice
    while len(state.x) < MAX_TRIALS:
        state = state.step()
    assert state.step() is state
    assert state.regret < 0.05


def test_the_gaussian_process_can_be_compared():
    state = replace(TPEState.begin(), gp=True)
    assert 0 <= state.gp_choice <= 1
    labels = [a["text"] for a in tpe.draw(state)["layout"]["annotations"]]
    assert " GP with log-EI " in labels


# The shell ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_state_has_a_picture_that_plotly_takes_and_words_for_it(lesson):
    made = lesson()
    for _ in range(3):
        for lit in ("", "mean", "band", "mu", "sigma", "best", *RULES, "l", "g", "ratio", "gamma", "candidates"):
            figure(made.picture(made.state, lit))
        assert made.question(made.state)
        assert made.summary(made.state)
        assert "<h4>" in made.formula(made.state)
        made.live.clicked = {"x": 0.4, "y": 0.1, "subplot": "xy", "n": len(str(made.state))}
        made.step()
    assert made._ears.alt == made.summary(made.state) == made._status.value


@pytest.mark.parametrize("lesson", LESSONS)
def test_back_and_reset_bring_earlier_states(lesson):
    made = lesson()
    start = made.state
    made.live.clicked = {"x": 0.4, "y": 0.1, "subplot": "xy", "n": 1}
    clicked = made.state
    assert clicked != start
    made.live.clicked = {"x": 0.6, "y": 0.1, "subplot": "xy", "n": 2}
    made.back()
    assert made.state == clicked
    made.reset()
    assert made.state == start
    made.back()
    assert made.state == start


def test_a_dragged_slider_is_one_step_for_back_and_follows_the_state():
    made = GaussianProcessLesson()
    slider = made._sliders["lengthscale"]
    for value in (0.3, 0.4, 0.5):
        slider.value = value
    assert made.state.lengthscale == pytest.approx(0.5)
    made.back()
    assert made.state.lengthscale == 0.2
    assert slider.value == pytest.approx(0.2)


def test_a_sliders_own_rounding_is_no_change():
    made = TPELesson()
    made._sliders["floor"].value = 10**-1.22  # what a slider in steps of 0.01 decades makes of 0.06
    assert made.state.floor == 0.06
    assert not Dial("x", "x", 0, 1, step=0.1).is_same(0.1, 0.2)


@pytest.mark.parametrize("lesson", LESSONS)
def test_at_most_three_sliders_and_each_names_its_unit(lesson):
    assert len(lesson.dials) <= 3
    assert all("(" in d.label for d in lesson.dials)
    assert all(c.readout for c in lesson()._sliders.values())


def test_keys_do_what_the_buttons_do():
    made = BayesianOptimisationLesson()
    made._key({"type": "key", "meant": "step"})
    assert len(made.state.y) == 4
    made._key({"type": "key", "meant": "back"})
    assert len(made.state.y) == 3
    made._key({"type": "key", "meant": "help"})
    assert "space" in made._status.value
    made._key({"type": "key", "meant": "something else"})
    made._key({"type": "key", "meant": "reset"})
    assert made.state == made.start


def test_play_steps_until_it_is_paused():
    made = TPELesson()
    made._speed.options = {"at once": 0.01}
    made.toggle_play()
    assert made._play.description == "Pause"
    end = time.time() + 20
    while len(made.state.x) < 15 and time.time() < end:
        time.sleep(0.01)
    made.toggle_play()
    while made._play.description == "Pause" and time.time() < end:
        time.sleep(0.01)
    n = len(made.state.x)
    assert n >= 15
    time.sleep(0.1)
    assert len(made.state.x) == n


def test_play_is_off_where_less_motion_is_wanted():
    made = TPELesson()
    made._ears.reduced_motion = True
    made.toggle_play()
    assert not made._playing.is_set()
    assert "less motion" in made._status.value


def test_clicks_from_several_threads_are_all_counted():
    made = GaussianProcessLesson()
    threads = [threading.Thread(target=lambda x=x: made.change(lambda s: s.add(x))) for x in np.linspace(0, 1, 16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(made.state.x) == 16
    assert "16 observations" in made._status.value


def test_a_hovered_term_is_drawn_stronger():
    made = GaussianProcessLesson()
    made._ears.lit = "mean"
    mean = next(t for t in made.live.spec["data"] if t["name"] == "mean μ(x)")
    assert mean["line"]["width"] == 5


@pytest.mark.parametrize("lesson", LESSONS)
def test_places_without_a_kernel_get_words(lesson):
    data, _ = lesson()._repr_mimebundle_()
    assert lesson.name in data["text/html"]
    assert lesson.__name__ in data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in data


def test_an_unknown_lesson_is_named():
    import workbench_widgets.lessons as lessons

    with pytest.raises(AttributeError, match="no lesson called 'Nothing'"):
        _ = lessons.Nothing


# Grid and random search -----------------------------------------------------------------------------------------------


def test_all_four_searches_get_as_many_points_and_the_grid_few_values_of_each_parameter():
    found = GridRandomState(k=4).points()
    assert {name: x.shape for name, x in found.items()} == dict.fromkeys(grid_random.METHODS, (16, 2))
    assert [len(np.unique(x[:, 0])) for x in found.values()] == [4, 16, 16, 16]
    np.testing.assert_array_equal(found["Grid"], GridRandomState(k=4, seed=3).points()["Grid"])
    assert not np.isclose(found["Random"], GridRandomState(k=4, seed=3).points()["Random"]).any()


def test_a_grid_is_the_worst_on_average_where_one_parameter_matters():
    mean = GridRandomState(importance=1.0, k=4).mean_best()
    # random: the nearest of 16 points to one value of x1; the grid's nearest of 4 values is 0.037 away
    assert min(mean["Sobol"], mean["Halton"]) < mean["Random"]
    assert GridRandomState(importance=1.0, k=3).mean_best()["Random"] < GridRandomState(k=3, importance=1.0).best()["Grid"]


def test_what_the_parameters_do_is_hidden_until_asked_for():
    lesson = GridRandomLesson()
    assert not traces(lesson.live.spec, "a (1 − f(x₁))")
    assert "…" in lesson._formula.value
    lesson.live.clicked = {"x": 0.4, "y": 0.1, "subplot": "x4y4", "n": 1}
    assert "press Show" in lesson._question.value
    lesson.change(lambda s: replace(s, shown=True))
    assert len(traces(lesson.live.spec, "a (1 − f(x₁))")) == 4
    assert "You guessed x₁ = 0.400" in lesson._question.value
    lesson._sliders["k"].value = 5.0
    assert "25 trials each; values of the important parameter: Grid 5, Random 25, Sobol 25, Halton 25." in lesson._status.value
    lesson.step()
    assert lesson.state.seed == 1


# Exercises ------------------------------------------------------------------------------------------------------------


def test_an_exercise_tells_right_from_not_yet_and_from_no_answer():
    def verdict(answer):
        return check(answer, lambda a: 1 / a == 0.5, "Halve it.", "Two halves.")

    assert (verdict(2).right, str(verdict(2))) == (True, "Right. Two halves.")
    assert (verdict(3).right, str(verdict(3))) == (False, "Not yet. Halve it.")
    assert verdict(None).right is verdict(...).right is None
    assert "dots" in str(verdict(...))
    assert str(verdict(0)) == "Not yet: ZeroDivisionError: division by zero. Halve it."
    assert "<b>✓</b>" in verdict(2)._repr_html_()
    assert "&lt;b&gt;" in check(1, bool, "", "<b>")._repr_html_()


# Predict first --------------------------------------------------------------------------------------------------------

PREDICTABLE = {  # a guess at a click: x, y, subplot
    GaussianProcessLesson: (0.4, 0.0, "xy"), BayesianOptimisationLesson: (0.4, 0.0, "xy"), TPELesson: (0.4, 0.0, "xy"),
    GridRandomLesson: (0.4, 0.0, "xy"), CMAESLesson: (0.4, 0.4, "xy"), CurveExtrapolationLesson: (60.0, 0.1, "xy"),
    CurveFamiliesLesson: (60.0, 0.1, "xy"), HyperbandTableLesson: (100.0, 1.0, "x2y"),
}


def click(lesson, at):
    x, y, subplot = at
    lesson.live.clicked = {"x": x, "y": y, "subplot": subplot, "n": lesson.live.clicked.get("n", 0) + 1}


@pytest.mark.parametrize("kind", PREDICTABLE)
def test_with_predict_first_no_answer_is_seen_before_a_guess_and_a_step_after_it_shows_it(kind):
    lesson = kind()
    lesson.predict_first = True
    covered = lesson.state
    assert lesson.awaits(covered)
    lesson.change(lesson.reveal)
    lesson.change(lambda s: replace(s, shown=True) if hasattr(s, "shown") else s)
    assert not lesson.is_open(lesson.state)
    click(lesson, PREDICTABLE[kind])
    assert lesson.state.guess is not None
    lesson.step()
    assert lesson.is_open(lesson.state)
    lesson.reset()
    assert lesson.awaits(lesson.state)


def test_a_refused_answer_is_said_and_its_tick_goes_out_again():
    lesson = CurveFamiliesLesson()
    lesson.predict_first = True
    box = lesson._inputs["rest"]
    box.value = True
    assert not box.value
    assert not lesson.state.rest
    assert "Predict first" in lesson._status.value
    click(lesson, (60.0, 0.1, "xy"))
    box.value = True
    assert lesson.state.rest


@pytest.mark.parametrize("kind", [BayesianOptimisationLesson, TPELesson, GaussianProcessLesson])
def test_each_step_of_a_search_asks_for_a_new_prediction(kind):
    lesson = kind()
    lesson.predict_first = True
    n = len(lesson.state.y)
    for k in range(1, 4):
        click(lesson, (0.1 + 0.2 * k, 0.0, "xy"))
        lesson.step()  # shows
        assert len(lesson.state.y) == n + k - 1
        lesson.step()  # evaluates, and hides again
        assert len(lesson.state.y) == n + k
        assert lesson.awaits(lesson.state)


def test_the_hidden_band_is_not_drawn_and_a_step_evaluates_where_it_is_widest():
    lesson = GaussianProcessLesson(GPState().add(0.2).add(0.5))
    lesson.predict_first = True
    names = {t["name"] for t in lesson.picture(lesson.state)["data"]}
    assert "95 % band" not in names
    click(lesson, (0.9, 0.0, "xy"))
    assert len(lesson.state.x) == 2  # the click is a guess, not an evaluation
    lesson.step()
    assert "95 % band" in {t["name"] for t in lesson.picture(lesson.state)["data"]}
    assert "% of the largest" in lesson.question(lesson.state)
    widest = lesson.state.widest
    lesson.step()
    assert lesson.state.x[-1] == widest


def test_play_waits_for_nobody_so_it_is_off_while_one_predicts():
    lesson = TPELesson()
    lesson.predict_first = True
    lesson.toggle_play()
    assert not lesson._playing.is_set()
    assert "Play is off" in lesson._status.value


def test_the_game_has_nothing_to_hide():
    with pytest.raises(ValueError, match="every move in it is a prediction"):
        YouAreTheOptimiser().predict_first = True
