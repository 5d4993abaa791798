"""Several losses against each other, and the Pareto set."""

import math

import numpy as np
import pytest

from workbench.events import RunStarted, TrialFinished, TrialSuggested
from workbench.losses import Goals
from workbench.plots.figure import figure
from workbench.plots.front import front
from workbench.plots.whose import filled
from workbench.trials import Trials

TWO = Goals(("minimize", "maximize"), ("error", "<b>speed"))
VALUES = [(0.5, 3.0), (0.25, 1.0), (0.75, 4.0), (0.75, 2.0), (0.5, math.inf), None]  # trial 3 is dominated


def trials_of(values, goals=TWO):
    events = [RunStarted.of(goals, None, "Random", {}, None)]
    for k, v in enumerate(values):
        events.append(TrialSuggested(k, {"x": k}))
        losses = None if v is None else tuple(s * u for s, u in zip(goals.sign, v, strict=True))
        events.append(TrialFinished.of(k, "failed" if v is None else "complete", losses, None, 0.0))
    return Trials(events)


def named(drawn, name):
    found, = [t for t in drawn["data"] if t["name"] == name]
    return found


def test_every_trial_with_two_finite_losses_is_a_dot_in_the_users_values():
    drawn = front(trials_of(VALUES))
    pareto, rest = named(drawn, "Pareto set"), named(drawn, "complete")
    assert pareto["customdata"].tolist() == [1, 0, 2]
    assert (pareto["x"].tolist(), pareto["y"].tolist()) == ([0.25, 0.5, 0.75], [1.0, 3.0, 4.0])
    assert rest["customdata"].tolist() == [3]
    assert "error 0.750<br>&lt;b&gt;speed 2.00" in next(t for t in filled(drawn) if t["name"] == "complete")["text"][0]


def test_the_staircase_is_the_edge_of_what_is_dominated():
    edge = named(front(trials_of(VALUES)), "edge of what is dominated")
    assert edge["line"]["shape"] == "hv"  # what costs an error of 0.25 .. 0.5 is as fast as trial 1, not as trial 0
    assert edge["x"].tolist() == [0.25, 0.5, 0.75]


def test_axes_say_the_losses_names_as_text_and_which_end_is_good():
    layout = front(trials_of(VALUES))["layout"]
    assert layout["xaxis"]["title"]["text"] == "error (smaller is better)"
    assert layout["yaxis"]["title"]["text"] == "&lt;b&gt;speed (larger is better)"


def test_of_three_losses_the_first_two_are_drawn_and_all_three_decide_who_is_in_the_set():
    drawn = front(trials_of([(0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 1.0, 2.0)], Goals(("minimize",) * 3)))
    assert named(drawn, "Pareto set")["customdata"].tolist() == [0, 1]
    assert "3 losses" in drawn["layout"]["title"]["text"]
    assert not [t for t in drawn["data"] if "edge" in t["name"]]


def test_what_is_not_brushed_fades_and_the_picked_trial_has_a_ring():
    drawn = front(trials_of(VALUES), selected=3, brushed=frozenset({0, 3}))
    opacity = named(drawn, "Pareto set")["marker"]["opacity"]
    assert opacity[1] > 0.5 > max(opacity[0], opacity[2])
    assert named(drawn, "picked")["customdata"].tolist() == [3]
    assert not [t for t in front(trials_of(VALUES), selected=5)["data"] if t["name"] == "picked"]  # it has no place


@pytest.mark.parametrize("values", [[], [None, None], [(math.inf, 1.0)]])
def test_without_a_result_it_says_what_will_stand_here(values):
    drawn = front(trials_of(values))
    assert not drawn["data"]
    assert "No result yet" in drawn["layout"]["annotations"][0]["text"]


def test_many_trials_are_thinned_and_the_pareto_set_stays_whole():
    rng = np.random.default_rng(0)
    trials = trials_of([tuple(v) for v in rng.random((3000, 2))])
    drawn = front(trials)
    assert len(named(drawn, "complete")["x"]) <= 300
    assert len(named(drawn, "Pareto set")["x"]) == len(trials.pareto)
    figure(drawn)  # plotly takes it
