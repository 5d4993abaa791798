"""Which trial a mark is of, and what a hover label says."""

import numpy as np
import pytest

import workbench as wb
from workbench.events import RunStarted, TrialFinished, TrialReported, TrialSuggested
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import figure
from workbench.trials import Trials
from workbench_widgets.views import ModelView


def trials_of(*configs, **started):
    events = [RunStarted(None, "Random", {}, 9, **started)]
    for k, config in enumerate(configs):
        events += [TrialSuggested(k, config, time=1.0), TrialFinished(k, "complete", k + 0.5, time=3.0)]
    return Trials(events)


def test_a_label_says_state_time_value_and_the_configuration_in_the_users_own_names():
    trials = trials_of({"lr": 1.5e-4, "<b>kind": "<i>"}, direction="maximize")
    assert whose.label(trials, trials.by_number[0]) == (
        "<b>trial 0</b> · complete · 2.00 s<br>value −0.500<br>lr = 1.50×10⁻⁴<br>&lt;b&gt;kind = &lt;i&gt;")


def test_a_running_trial_tells_its_last_loss_and_the_step():
    trials = trials_of()
    trials.fold([TrialSuggested(0, {"x": 1}), TrialReported(0, 1, 0.5), TrialReported(0, 2, 0.25)])
    assert "running<br>loss 0.250 after 2 steps<br>x = 1" in whose.label(trials, trials.by_number[0])


def test_long_configurations_and_values_are_cut():
    trials = trials_of({f"p{k}": "x" * 100 for k in range(30)})
    lines = whose.label(trials, trials.by_number[0]).split("<br>")
    assert lines[-1] == "… 16 more"
    assert all(len(line) < 60 for line in lines)


def test_words_on_a_trial_travel_once_and_stand_at_every_point_of_a_plain_figure():
    trials = trials_of({"x": 1}, {"x": 2})
    trace = whose.of_trials(m.line(np.arange(4.0), np.arange(4.0), "a", m.BLUE), [0, 0, np.nan, 1], "at %{x}")
    drawn = whose.labelled({"data": [trace], "layout": {}}, trials)
    assert set(drawn["layout"]["meta"]["trials"]) == {"0", "1"}
    text = figure(drawn).data[0].text
    assert "x = 1" in text[0]
    assert text[2] == ""
    assert "x = 2" in text[3]
    assert figure(drawn).data[0].hovertemplate == "%{text}<br>at %{x}<extra></extra>"


def test_points_are_found_again_among_rows_unless_two_rows_are_equal():
    among = np.array([[0.1, 0.2], [0.3, 0.4], [0.1, 0.2]])
    assert whose.matching(np.array([[0.3, 0.4], [0.1, 0.2], [0.9, 0.9]]), among) == pytest.approx([1, np.nan, np.nan], nan_ok=True)


def test_of_thousands_of_rows_some_are_drawn_and_every_array_of_the_trace_is_cut_alike():
    trials = trials_of(*({"x": k} for k in range(1000)))
    trace = whose.of_rows({**m.dots(np.arange(1000.0), np.arange(1000.0), "a", m.BLUE), "text": list(map(str, range(1000)))},
                          np.arange(1000), keep=True)
    trace["marker"]["size"] = np.arange(1000)
    brushed = frozenset(range(100, 110))
    new = whose.named({"data": [trace], "layout": {}}, trials, range(1000), brushed=brushed, selected=500)["data"][0]
    numbers = new["customdata"]
    assert len(numbers) <= whose.MARKS + 1
    assert {*brushed, 500, 999} <= set(numbers.astype(int).tolist())
    assert np.array_equal(new["x"], numbers)
    assert np.array_equal(new["marker"]["size"], numbers)
    assert new["hovertext"] == [str(int(k)) for k in numbers]
    assert (new["marker"]["opacity"] > 0.5).tolist() == [int(k) in brushed for k in numbers]


MODELS = [wb.GPBO(n_startup=5), wb.TPE(n_startup=5), wb.RFBO(n_startup=5), wb.CMAES(), wb.DifferentialEvolution(), wb.Genetic(),
          wb.ParticleSwarm()]


@pytest.mark.parametrize("algorithm", MODELS, ids=lambda a: type(a).__name__)
def test_marks_in_a_models_picture_stand_where_the_trial_they_name_was(algorithm):
    """The first coordinate of a mark that stands for a trial is that trial's own value of the parameter along the axis."""
    space = wb.Space(a=wb.Float(0, 1), b=wb.Float(0, 1))
    run = wb.optimize(lambda c: (c["a"] - 0.3) ** 2 + c["b"], space, algorithm=algorithm, n_trials=40, seed=1).start().wait()
    view = ModelView()
    view.fold(run.log)
    view.along("a")
    view.selection.pick(39)
    known = run.trials.by_number
    found = 0
    for trace in view.picture()["data"]:
        if whose.marked(trace):
            axis = "y" if type(algorithm).__name__ == "Genetic" else "x"  # there generations run along x
            for number, u in zip(whose.numbers_of(trace), trace[axis], strict=True):
                if np.isfinite(number):
                    assert known[int(number)].config["a"] == pytest.approx(float(u))
                    found += 1
    assert found >= 3
