import math

import numpy as np
import plotly.graph_objects as go
import pytest

import workbench as wb
from workbench.events import RunStarted, TrialFinished, TrialReported, TrialSuggested
from workbench.history import Drawn
from workbench.plots import marks
from workbench.plots.curves import curves
from workbench.plots.figure import empty, figure, safe
from workbench.plots.history import history, use_log
from workbench.plots.model import axis, model, without
from workbench.trials import Trials

HOSTILE = "<img src=x onerror=alert(1)> & <a href='javascript:1'>\"🙂"


def trials_of(losses, *, direction="minimize", n_trials=None, name="x"):
    events = [RunStarted(None, "TPE", {}, n_trials, direction=direction)]
    for k, loss in enumerate(losses):
        state = "failed" if loss is None else "complete"
        events += [TrialSuggested(k, {name: k / 7}), TrialFinished(k, state, loss, None if loss else "ValueError: x")]
    return Trials(events)


def named(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


def texts(node):
    """All texts of a picture that plotly would read as its markup."""
    if isinstance(node, dict):
        return [s for k, v in node.items() if k not in ("type", "mode") for s in texts(v)]
    if isinstance(node, (list, tuple)):
        return [s for v in node for s in texts(v)]
    return [node] if isinstance(node, str) else []


# ---- history ---------------------------------------------------------------------------------------------------------

def test_the_best_so_far_falls_in_steps_and_passes_failures_by():
    drawn = history(trials_of([5.0, None, 3.0, 4.0, 1.0, 2.0]))
    best = named(drawn, "best so far")
    assert best["line"]["shape"] == "hv"
    assert dict(zip(best["x"], best["y"], strict=True)) == {1: 5.0, 3: 3.0, 5: 1.0, 6: 1.0}
    assert named(drawn, "best")["x"].tolist() == [5.0]
    assert len(named(drawn, "failed")["x"]) == 1


def test_whoever_maximises_sees_his_own_values():
    drawn = history(trials_of([-0.5, -0.9, -0.7], direction="maximize"))
    assert named(drawn, "complete")["y"].tolist() == [0.5, 0.9, 0.7]
    assert named(drawn, "best so far")["y"].tolist() == [0.5, 0.9, 0.9]


def test_trials_that_all_failed_are_drawn():
    drawn = history(trials_of([None, None]))
    assert len(named(drawn, "failed")["x"]) == 2
    figure(drawn)


def test_a_log_axis_is_taken_where_it_helps_only():
    assert use_log(np.array([1e-4, 1e-2, 1.0, 5.0]))
    assert not use_log(np.array([0.1, 0.2, 0.9, 1.0]))
    assert not use_log(np.array([-1.0, 1e-4, 1.0, 100.0]))
    assert not use_log(np.array([1e-4, 1.0]))


def test_the_axis_keeps_its_length_while_few_trials_come():
    lengths = [history(trials_of([1.0] * n, n_trials=60))["layout"]["xaxis"]["range"][1] for n in (1, 9, 10, 30, 55, 60)]
    assert len(set(lengths)) == 3
    assert lengths[-1] == pytest.approx(60, rel=0.02)


def test_thousands_of_trials_cost_no_more_than_hundreds_and_the_newest_is_among_them():
    drawn = history(trials_of([float(k % 13) for k in range(5000)]))
    dots = named(drawn, "complete")
    assert len(dots["x"]) <= 300
    assert dots["customdata"][-1] == 4999


# ---- curves ----------------------------------------------------------------------------------------------------------

def with_curves(n, steps=4, n_failed=0):
    events = [RunStarted(None, "TPE", {}, None)]
    for k in range(n):
        events.append(TrialSuggested(k, {"x": k}))
        events += [TrialReported(k, s, 1 / s + k) for s in range(1, steps + 1)]
        events.append(TrialFinished(k, "failed" if k < n_failed else "complete", 1 / steps + k))
    return Trials(events)


def test_curves_are_one_trace_a_state_and_the_best_stands_out():
    drawn = curves(with_curves(6, n_failed=2), selected=4)
    assert {t["name"] for t in drawn["data"]} == {"complete", "failed", "best", "picked"}
    assert set(named(drawn, "best")["customdata"]) == {2}
    assert set(named(drawn, "picked")["customdata"]) == {4}
    crowd = named(drawn, "complete")
    assert sorted(set(crowd["customdata"].tolist())) == [3, 5]
    assert np.isnan(crowd["y"]).sum() == 2  # a gap behind each curve


def test_long_and_many_curves_stay_small_and_keep_their_ends():
    drawn = curves(with_curves(200, steps=500))
    assert sum(len(t["y"]) for t in drawn["data"]) <= 60 * 61 + 400
    assert np.nanmax(named(drawn, "complete")["x"]) == 500


def test_a_curve_of_one_step_is_a_dot():
    assert named(curves(with_curves(3, steps=1)), "best")["mode"] == "lines+markers"


def test_without_a_curve_it_says_what_has_one():
    assert "yields" in curves(trials_of([1.0]))["layout"]["annotations"][0]["text"]


# ---- the model -------------------------------------------------------------------------------------------------------

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), n=wb.Int(1, 5), kind=wb.Choice("a", HOSTILE))


@pytest.fixture(scope="module", params=[wb.GPBO(n_startup=5), wb.GPBO("ei", n_startup=5), wb.GPBO("pi", n_startup=5),
                                        wb.GPBO("lcb", n_startup=5), wb.TPE(n_startup=5)], ids=str)
def run(request):
    def objective(c):
        if c["n"] == 3:
            raise ValueError("no threes")
        return -((math.log10(c["lr"]) + 3) ** 2) - c["n"] - (c["kind"] == "a")

    return wb.optimize(objective, SPACE, algorithm=request.param, n_trials=12, seed=2,
                       direction="maximize").start().wait()


def test_every_slice_of_every_algorithm_is_finite_where_it_must_be(run):
    trial = run.trials.by_number[11]
    for name in SPACE:
        drawn = model(run.history(before=11), trial.why, name, maximize=True)
        figure(drawn)
        for trace in drawn["data"]:
            if trace["name"] in ("mean", "mean, 95 %", "95 %", "l: good", "g: bad", "l / g"):
                assert np.isfinite(trace["y"]).all()
        u = SPACE[name].to_unit(trial.config[name])
        assert drawn["layout"]["shapes"][0]["x0"] == pytest.approx(u)


def test_whoever_maximises_sees_the_band_above_and_below_the_mean(run):
    if not isinstance(run.algorithm, wb.GPBO):
        return
    drawn = model(run.history(before=11), run.trials.by_number[11].why, "lr", maximize=True)
    mean = named(drawn, "mean")["y"]
    assert (named(drawn, "95 % (lower edge)")["y"] <= mean).all()
    assert (named(drawn, "95 %")["y"] >= mean).all()
    observed = named(drawn, "observed")["y"]
    assert np.nanmin(observed) >= min(-t.loss for t in run.trials.by_number.values() if t.loss is not None) - 1e-9


def test_two_parameters_make_two_maps_with_the_same_axes(run):
    if not isinstance(run.algorithm, wb.GPBO):
        return
    drawn = model(run.history(before=11), run.trials.by_number[11].why, "lr", "kind")
    maps = [t for t in drawn["data"] if t["type"] == "heatmap"]
    assert [t["z"].shape for t in maps] == [(2, 40), (2, 40)]
    assert drawn["layout"]["xaxis"]["ticktext"] == drawn["layout"]["xaxis2"]["ticktext"]


def test_no_model_is_said_in_words():
    assert "Sobol" in without(Drawn("Sobol start"))["layout"]["annotations"][0]["text"]
    assert "no reasons" in without(None)["layout"]["annotations"][0]["text"] or "without reasons" in without(None)[
        "layout"]["annotations"][0]["text"]


@pytest.mark.parametrize(("param", "text"), [
    (wb.Float(1e-5, 1e-1, log=True), ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "0.1"]),
    (wb.Float(-0.5, 0.5), ["-0.4", "-0.2", "0", "0.2", "0.4"]),
    (wb.Float(3.0, 8.0, log=True), ["3", "8"]),
    (wb.Int(1, 4), ["1", "2", "3", "4"]),
    (wb.Int(0, 100), ["0", "20", "40", "60", "80", "100"]),
    (wb.Choice("a", None), ["a", "None"]),
    (wb.Float(2.0, 2.0), ["2"]),
])
def test_axes_have_round_ticks_in_the_users_units(param, text):
    shown = axis(wb.Space(p=param), "p")
    assert shown["ticktext"] == text
    assert all(0 <= u <= 1 for u in shown["tickvals"])


# ---- texts of users --------------------------------------------------------------------------------------------------

def test_hostile_texts_reach_plotly_escaped(run):
    pictures = [history(run.trials, 3), curves(with_curves(2)), empty(HOSTILE), history(trials_of([1.0], name=HOSTILE))]
    pictures += [model(run.history(before=11), run.trials.by_number[11].why, name) for name in SPACE]
    for text in (s for picture in pictures for s in texts(picture)):
        assert "<img" not in text
        assert "<a " not in text


def test_safe_keeps_what_is_harmless():
    assert safe("n_layers 🙂 'x'") == "n_layers 🙂 'x'"
    assert safe("<b>&") == "&lt;b&gt;&amp;"


# ---- pieces ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("value", "text"), [(1e-7, "10⁻⁷"), (1.0, "1"), (100.0, "100"), (1000.0, "10³"), (3e-4, "0.0003")])
def test_powers_of_ten_are_written_as_such(value, text):
    assert marks.power(value) == text


def test_a_picture_becomes_a_plotly_figure_with_its_arrays():
    made = figure(history(trials_of([2.0, 1.0])))
    assert isinstance(made, go.Figure)
    assert made.layout.title.text == "Best so far"
    assert list(made.data[0].y) == [2.0, 1.0]
