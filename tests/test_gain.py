"""The picture of expected hypervolume improvement: the front, what it dominates, where the next point may land."""

import numpy as np
import pytest

from workbench.history import History
from workbench.losses import Goals
from workbench.models.pareto import hypervolume
from workbench.plots.figure import figure
from workbench.plots.gain import gain
from workbench.plots.model import model
from workbench.search.ehvi import EHVI
from workbench.search.ehvi_why import front_slice, percent
from workbench.space import Choice, Float, Space

SPACE = Space({"a": Float(0, 1), "b": Float(0, 1), "<c>": Choice("p", "q")})


def decision(m):
    x = SPACE.sample_unit(15, np.random.default_rng(m))
    y = np.stack([((x[:, :2] - t) ** 2).sum(axis=1) + 0.1 * (x[:, 2] > 0.5) for t in np.linspace(0.1, 0.9, m)], axis=1)
    y[3] = np.inf
    history = History.of(SPACE, x, y)
    return history, EHVI().suggest(history, np.random.default_rng(0)).why


def named(drawn, name, axis="x"):
    return [t for t in drawn["data"] if t["name"] == name and t["xaxis"] == axis]


def area(x, y):
    """Area of a polygon (the shoelace formula)."""
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


@pytest.mark.parametrize("directions", [("minimize", "minimize"), ("minimize", "maximize")])
def test_the_shaded_area_is_the_hypervolume_and_all_stands_in_the_users_sign(directions):
    history, why = decision(2)
    goals = Goals(directions, ("error", "<b>speed"))
    drawn = gain(front_slice(history, why, "a"), why.gain, goals)
    (shaded,), sign = named(drawn, "dominated"), np.array(goals.sign)
    assert area(shaded["x"], shaded["y"]) == pytest.approx(hypervolume(why.front, why.reference), rel=1e-9)
    (front,) = named(drawn, "front")
    np.testing.assert_allclose(np.stack([front["x"], front["y"]], axis=1), why.front * sign)
    end = "larger" if directions[1] == "maximize" else "smaller"
    assert drawn["layout"]["yaxis"]["title"]["text"] == f"&lt;b&gt;speed ({end} is better)"
    assert len(named(drawn, "trials")[0]["x"]) == 14  # the failed one has no place
    figure(drawn)  # plotly takes it


def test_the_next_point_stands_inside_its_region_and_the_parameter_leads_through_it():
    history, why = decision(2)
    drawn = model(history, why, "a")
    region, point = named(drawn, "next point, 95 %")
    assert region["x"].min() < point["x"][0] < region["x"].max()
    assert region["y"].min() < point["y"][0] < region["y"].max()
    assert len(named(drawn, "predicted along a")[0]["x"]) == 64
    assert len(named(model(history, why, "<c>"), "predicted along &lt;c&gt;")[0]["x"]) == 2


def test_three_losses_are_drawn_in_three_pairs_and_the_legend_says_each_thing_once():
    history, why = decision(3)
    drawn = model(history, why, "b")
    assert {t["xaxis"] for t in drawn["data"]} == {"x", "x2", "x3"}
    assert not named(drawn, "dominated")  # what three losses dominate has no place in a plane
    shown = [t["name"] for t in drawn["data"] if t.get("showlegend", True)]
    assert len(shown) == len(set(shown))
    figure(drawn)


def test_of_more_losses_the_first_pairs_are_drawn():
    history, why = decision(5)
    drawn = model(history, why, "b")
    assert {t["xaxis"] for t in drawn["data"]} == {"x", "x2", "x3"}
    assert drawn["layout"]["yaxis3"]["title"]["text"].startswith("value 4")
    figure(drawn)


def test_shares_are_written_for_people():
    assert [percent(v) for v in (1.4, 0.1, 0.0234, 1e-9)] == ["140 %", "10 %", "2.3 %", "almost nothing"]
