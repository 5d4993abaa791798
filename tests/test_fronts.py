"""The picture of NSGA-II: what is drawn equals the history and the explanation."""

import numpy as np
import pytest

import workbench as wb
from workbench.events import RunStarted
from workbench.history import History
from workbench.losses import Goals
from workbench.models.pareto import ranks
from workbench.plots.figure import figure
from workbench.plots.model import model
from workbench.search.nsga2 import NSGA2Explanation
from workbench.trials import Trials

SPACE = wb.Space({"lr": wb.Float(1e-5, 1, log=True), "<b>w": wb.Int(1, 64), "act": wb.Choice("relu", "tanh"),
                  "slope": wb.Float(0, 1, when={"act": "relu"})})


def asked(m, n=40):
    r = np.random.default_rng(m)
    y = r.random((n, m))
    y[3] = np.inf
    h = History.of(SPACE, SPACE.sample_unit(n, r), y[:, 0] if m == 1 else y)
    why = wb.NSGA2(10).suggest(h, np.random.default_rng(1)).why
    assert isinstance(why, NSGA2Explanation)
    return h, why


def named(drawn, name):
    found, = [t for t in drawn["data"] if t["type"] == "scatter" and t["name"] == name]
    return found


def test_every_front_of_the_population_is_a_line_from_left_to_right_through_all_its_results():
    h, why = asked(2)
    drawn = model(h, why, "lr")
    rank = ranks(h.y)
    assert why.ranks.max() > 0
    for k in range(why.ranks.max() + 1):
        front = h.y[rank == k]
        if len(front) > 1:
            line = named(drawn, f"front {k + 1}")
            np.testing.assert_array_equal(line["x"], np.sort(front[:, 0]))
            np.testing.assert_array_equal(line["y"], np.sort(front[:, 1])[::-1])
    assert f"fronts 1 to {why.ranks.max() + 1}" in drawn["layout"]["title"]["text"]


def test_the_population_is_large_and_both_parents_are_ringed():
    h, why = asked(2)
    drawn = model(h, why, "lr")
    results = named(drawn, "results; the large ones breed")
    large = np.flatnonzero(results["marker"]["size"] == 10)
    assert set(large.tolist()) == set(why.population)
    for name, row in zip(("first parent", "second parent"), why.parents, strict=True):
        ring = named(drawn, name)
        assert [ring["x"][0], ring["y"][0]] == h.y[row].tolist()
        assert f"result {row + 1}, front 1" in results["text"][row] or why.ranks[why.population.index(row)] > 0


@pytest.mark.parametrize("m", [1, 2, 3])
def test_any_number_of_losses_is_drawn(m):
    h, why = asked(m)
    drawn = model(h, why, "act")
    figure(drawn)  # plotly accepts it
    assert ("first two of 3 losses" in drawn["layout"]["title"]["text"]) == (m == 3)
    assert "<b>" not in str(drawn["layout"])


def test_values_and_names_are_the_users():
    h, why = asked(2)
    goals = Goals(("minimize", "maximize"), ("error", "<b>speed"))
    drawn = model(h, why, "lr", trials=Trials([RunStarted.of(goals, None, "NSGA-II", SPACE.to_json(), None)]))
    p = why.parents[0]
    assert named(drawn, "first parent")["y"][0] == -h.y[p, 1]
    assert drawn["layout"]["yaxis"]["title"]["text"] == "&lt;b&gt;speed (larger is better)"
    assert drawn["layout"]["xaxis"]["title"]["text"] == "error (smaller is better)"


def test_results_that_all_failed_and_constant_losses_are_drawn():
    for y in (np.full((14, 2), np.inf), np.ones((14, 2)), np.ones(14)):
        h = History.of(SPACE, SPACE.sample_unit(14, np.random.default_rng(0)), y)
        why = wb.NSGA2(6).suggest(h, np.random.default_rng(0)).why
        figure(model(h, why, "lr"))
