"""All looks of a run under another δ, the pictures of looks, and their views."""

import math

import numpy as np
import pytest

import workbench as wb
from workbench.events import TrialFinished, TrialJudged, TrialReported, TrialSuggested
from workbench.fates import Fates
from workbench.fidelity.curve_stop import LEVELS, CurveForecast
from workbench.history import Drawn
from workbench.looks import OUTCOMES, Looks
from workbench.plots.curve_forecast import FEWEST_P, all_looks, finding, forecast, of_trial, percent
from workbench.plots.figure import figure
from workbench.trials import Trials
from workbench_widgets.run_panel import RunPanel
from workbench_widgets.run_panel_commands import do
from workbench_widgets.views import CurveForecastView, LooksView

T = 100


def look(step, p, best=0.2, action="go", seconds=0.25):
    fan = tuple((0.4 - 0.02 * k, 0.3 - 0.1 + 0.05 * k) for k in range(len(LEVELS)))
    return CurveForecast(action, T, 1, T, 0.05, step, 0.4, best, 0, p, 0.3, 0.05, (step, T), fan, (("pow3", 0.6), ("MMF", 0.4)), seconds)


def trial(number, looks, end, state="complete"):
    """Events of a trial that was looked at."""
    yield TrialSuggested(number, {"x": 0.5}, Drawn("anywhere"), 0.0)
    for w in looks:
        yield TrialReported.of(number, w.step, 0.4, 0.0)
        yield TrialJudged(number, w.step, w.action, w, 0.0)
    if state is not None:
        yield TrialFinished.of(number, state, end, None, 0.0, 1.0)


def events():
    return [*trial(1, [look(10, 0.3), look(20, 0.2)], 0.5), *trial(2, [look(10, 0.3), look(20, 0.04, action="stop")], 0.4, "pruned"),
            *trial(3, [look(10, 0.2), look(20, 0.6)], 0.1), *trial(4, [look(10, 0.9)], None, "failed"), *trial(5, [look(50, 0.9)], None, None)]


@pytest.fixture
def log():
    return events()


def outcomes(looks, delta):
    return {j.trial: (j.outcome, j.look.step if j.look else None, j.saved) for j in looks.judge(delta)}


def test_of_very_many_trials_some_are_drawn_and_the_axis_says_so():
    looks = Looks([e for k in range(900) for e in trial(k, [look(10, 0.3), look(20, 0.02, action="stop")], 0.4)])

    def drawn(brushed):
        figure = all_looks(looks, 0.05, brushed=brushed)
        return figure, {int(k) for t in figure["data"] for k in np.asarray(t["customdata"])[~np.isnan(t["customdata"])]}

    figure, everywhere = drawn(None)
    assert len(everywhere) == 300 and max(everywhere) - min(everywhere) > 800
    assert figure["layout"]["xaxis"]["title"]["text"] == "step of the look · 300 of 900 trials are drawn"
    assert max(t["x"].size for t in figure["data"]) <= 900
    _, some = drawn(frozenset(range(10)))
    assert len(some) == 300 and set(range(10)) <= some
    _, most = drawn(frozenset(range(800)))
    assert len(most) == 300 and sum(k >= 800 for k in most) == 100


def test_a_delta_stops_each_trial_at_its_first_look_below_it(log):
    looks = Looks(log)
    assert outcomes(looks, 0.05) == {1: ("goes on", None, 0), 2: ("stopped, nobody knows", 20, 80), 3: ("goes on", None, 0),
                                     4: ("goes on", None, 0), 5: ("goes on", None, 0)}
    assert outcomes(looks, 0.25) == {1: ("stopped rightly", 20, 80), 2: ("stopped, nobody knows", 20, 80),
                                     3: ("stopped wrongly", 10, 90), 4: ("goes on", None, 0), 5: ("goes on", None, 0)}
    assert outcomes(looks, 0.01)[2] == ("goes on, nobody knows", None, 0)
    assert {o for d in (0.01, 0.05, 0.25) for o, *_ in outcomes(looks, d).values()} == set(OUTCOMES)


def test_the_finding_counts_what_is_known(log):
    looks = Looks(log)
    assert finding(looks, 0.25) == "δ = 0.25 stops 3 of 5 trials, of 2 whose end is known 1 wrongly; 50% of their steps saved"
    assert finding(looks, 0.05) == "δ = 0.05 stops 1 of 5 trials, how rightly, nobody knows; 16% of their steps saved"
    assert finding(looks, 0.01) == "δ = 0.01 stops 0 of 5 trials"
    assert finding(Looks(), 0.05) == "No look yet"


def test_folding_in_pieces_is_folding_at_once(log):
    whole, pieces = Looks(log), Looks()
    for e in log:
        pieces.fold([e])
    assert (whole.by_trial, whole.ends, whole.newest, whole.spent_s) == (pieces.by_trial, pieces.ends, pieces.newest, pieces.spent_s)
    assert (len(whole), whole.newest, whole.delta, whole.spent_s) == (8, 5, 0.05, 2.0)


def test_only_what_looked_is_a_look():
    begin = CurveForecast("go", 10, 0, T, 0.05)
    looks = Looks([TrialJudged(0, 0, "go", begin, 0.0)])
    assert not len(looks) and looks.delta is None


def traces(drawn):
    return {t["name"]: t for t in drawn["data"]}


def test_the_fan_begins_at_the_look_and_holds_the_forecasts_quantiles():
    w = look(20, 0.04)
    curve = [(s, 1 / s) for s in range(1, 31)]
    drawn = forecast(curve, w)
    t = traces(drawn)
    assert list(t["seen"]["x"]) == list(range(1, 21)) and list(t["what came"]["x"]) == list(range(21, 31))
    assert list(t["median"]["y"]) == list(w.quantiles[2])
    assert list(t["80 %"]["y"]) == list(w.quantiles[-1]) and list(t["80 % (lower edge)"]["y"]) == list(w.quantiles[0])
    assert list(t["weight"]["y"]) == ["pow3", "MMF"] and list(t["weight"]["x"]) == [0.6, 0.4]
    assert drawn["layout"]["shapes"][0]["y0"] == 0.2
    assert "P(better at 100) = 4 %, δ = 5 %" in drawn["layout"]["title"]["text"]
    assert "what came" not in traces(forecast(curve, w, rest=False))
    figure(drawn)


def test_maximised_values_are_turned_round():
    t = traces(forecast([(1, -0.5), (20, -0.8)], look(20, 0.04, best=-0.9), sign=-1.0))
    assert list(t["seen"]["y"]) == [0.5, 0.8]
    assert list(t["median"]["y"]) == [-v for v in look(20, 0.04).quantiles[2]]


@pytest.mark.parametrize("odd", [math.inf, math.nan, 1e300])
def test_curves_with_odd_losses_are_drawn(odd):
    drawn = forecast([(1, odd), (19, 1.0), (20, odd)], look(20, 0.04))
    figure(drawn)
    assert all(math.isfinite(v) for v in drawn["layout"]["yaxis"]["range"])


def test_pictures_of_a_run_say_what_is_missing(log):
    trials, looks = Trials(log), Looks(log)
    assert "Trial 5" in of_trial(trials, looks, None)["layout"]["title"]["text"]
    assert "Trial 2 after 20" in of_trial(trials, looks, 2)["layout"]["title"]["text"]
    assert "Trial 2 after 10" in of_trial(trials, looks, 2, 0)["layout"]["title"]["text"]
    assert "CurveStop" in of_trial(Trials(), Looks(), None)["layout"]["annotations"][0]["text"]
    assert "CurveStop" in all_looks(Looks(), 0.05)["layout"]["annotations"][0]["text"]
    more = [*log, *trial(9, [], 0.3)]
    assert "Nobody has looked" in of_trial(Trials(more), Looks(more), 9)["layout"]["annotations"][0]["text"]


@pytest.mark.parametrize("delta", [1e-6, 0.01, 0.05, 0.25, 0.99])
def test_every_trial_is_in_the_picture_once_and_stops_are_ringed(log, delta):
    looks = Looks(log)
    drawn = all_looks(looks, delta)
    figure(drawn)
    lines = [t for t in drawn["data"] if t["mode"] == "lines+markers"]
    assert sum(np.isnan(t["x"]).sum() for t in lines) == 5
    rings = [t for t in drawn["data"] if t["name"] == "would stop here"]
    assert sum(len(t["x"]) for t in rings) == sum(j.look is not None for j in looks.judge(delta))
    assert drawn["layout"]["shapes"][0]["y0"] == max(delta, FEWEST_P)


def test_probabilities_are_written_for_people():
    assert [percent(p) for p in (0.0, 5e-4, 0.0512, 0.5, 0.999, 1.0)] == ["below 0.01 %", "0.05 %", "5.1 %", "50 %", "100 %", "100 %"]


# ---- views -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [CurveForecastView, LooksView])
def test_a_view_that_is_folded_in_pieces_draws_the_same(make, log):
    whole, pieces = make(), make()
    whole.fold(log)
    for e in log:
        pieces.fold([e])
        pieces.picture()
    assert repr(whole.picture()) == repr(pieces.picture())


def test_the_slider_judges_by_another_delta_and_the_button_brings_the_own_one_back(log):
    view = LooksView()
    view.fold(log)
    assert view.delta == 0.05
    view.choose(0.25)
    view.show()
    assert view.content["delta"] == 0.25 and view.content["own"] == 0.05
    assert view.content["words"].endswith("50% of their steps saved. The 8 looks took 2.0 s.")
    for nothing in (None, 0, 1, 7.0):
        view.choose(nothing)
        assert view.delta == 0.05


def epochs(config):
    for step in range(1, 10):
        yield config["x"] + 1 / step


def test_the_panel_of_such_a_run_has_both_pictures_and_obeys_the_slider():
    run = wb.optimize(epochs, wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), scheduler=wb.CurveStop(9), n_trials=3, seed=0)
    run.start().wait(60)
    panel = RunPanel(run)
    try:
        assert {"forecast", "looks"} <= set(panel.parts)
        assert panel.looks.by_trial and Fates(run.log).by_number[0].status == "finished"
        do(panel, {"cmd": "delta", "value": 0.5})
        panel.looks_view.show()
        assert panel._fidelity()["looks"]["delta"] == 0.5
        do(panel, {"cmd": "delta", "value": None})
        assert panel.looks_view.delta == 0.05
    finally:
        panel.close()


def test_the_panel_of_another_run_has_none_of_it():
    run = wb.optimize(epochs, wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), scheduler=wb.MedianStop(), n_trials=3, seed=0)
    panel = RunPanel(run)
    try:
        assert not {"forecast", "looks"} & set(panel.parts)
        assert panel.fidelity["looks"] is None
        do(panel, {"cmd": "delta", "value": 0.5})
    finally:
        panel.close()
