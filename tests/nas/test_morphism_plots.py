"""Pictures of network morphisms: what is new stands out, zero has a place on a log axis, the tree has every child."""

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.errors import WorkbenchError
from workbench.nas.hill_step import Child, HillStep
from workbench.nas.net_changes import Morphism
from workbench.nas.net_plan import NetPlan
from workbench.plots import marks as m
from workbench.plots.figure import figure
from workbench.plots.nas_morphism import (
    FLOOR,
    apart,
    before_after,
    boundary,
    changed_layers,
    hill_figure,
    hill_tree,
    joined,
    net_graph,
    new_edges,
)

PLAN = NetPlan.chain(0, 2, 2, (6, 6))
ROOM = ((0.0, 1.0), (0.0, 1.0))


def trace(drawn, name):
    return next(t for t in drawn["data"] if t["name"] == name)


def test_what_is_new_or_changed_is_found():
    wide = Morphism("wider", "b1", width=9).planned(PLAN)
    assert changed_layers(PLAN, wide) == {"b1"}
    assert new_edges(PLAN, wide) == frozenset()
    skip = Morphism("skip", "head", "input", merge="concat").planned(PLAN)
    assert changed_layers(PLAN, skip) == frozenset()
    assert new_edges(PLAN, skip) == {("input", "head")}


def test_new_parts_are_red_and_wider_layers_are_larger():
    wide = Morphism("wider", "b1", width=24).planned(PLAN)
    nodes = trace(net_graph(wide, ROOM, "2", before=PLAN), "nodes")
    assert [c == m.RED for c in nodes["marker"]["line"]["color"]] == [False, True, False, False]
    assert nodes["marker"]["size"][1] > 1.5 * nodes["marker"]["size"][2]
    assert nodes["xaxis"] == "x2"
    assert "new or changed" in nodes["hovertext"][1]
    drawn = net_graph(Morphism("skip", "head", "input", merge="concat").planned(PLAN), ROOM, before=PLAN)
    assert [s["line"]["color"] == m.RED for s in drawn["shapes"]] == [False, False, False, True]
    assert not any(s["line"]["color"] == m.RED for s in net_graph(PLAN, ROOM)["shapes"])


def test_the_map_has_its_points_by_colour_and_shape_and_the_other_border_dotted():
    u, p = np.linspace(-1, 1, 5), np.linspace(0, 1, 25).reshape(5, 5)
    x, y = np.array([[0.0, 0.5], [0.5, 0.0], [0.1, 0.1]]), np.array([0, 1, 1])
    drawn = boundary(u, p, (x, y), ROOM, other=1 - p)
    assert [len(trace(drawn, f"class {s}")["x"]) for s in "●◆"] == [1, 2]
    assert {trace(drawn, f"class {s}")["marker"]["symbol"] for s in "●◆"} == {"circle", "diamond"}
    assert trace(drawn, "border of the other")["line"]["dash"] == "dot"
    assert [t["type"] for t in boundary(u, None, (x, y), ROOM)["data"]] == ["scatter", "scatter"]


def test_zero_stands_at_the_lower_end_and_says_zero():
    drawn = apart(np.arange(3.0), [("copies", np.array([0.0, 1e-6, 2.0]), m.BLUE, "dot")], ROOM, last=10)
    line = trace(drawn, "copies")
    assert line["y"].tolist() == [FLOOR, 1e-6, 2.0]
    assert line["text"][0] == "0.00"
    assert drawn["layout"]["yaxis"]["ticktext"][0] == "0"


def test_before_and_after_stand_beside_each_other_with_the_difference_as_the_finding():
    after = Morphism("deeper", "b1", kernel=1).planned(PLAN)
    drawn = before_after(PLAN, after, 3.2e-15, change="deeper <b>")
    assert "differ by at most 3.20×10⁻¹⁵" in drawn["layout"]["title"]["text"]
    assert "deeper &lt;b&gt;" in drawn["layout"]["title"]["text"]
    assert "equal to the last bit" in before_after(PLAN, after, 0.0)["layout"]["title"]["text"]
    u, p = np.linspace(-1, 1, 5), np.full((5, 5), 0.5)
    both = before_after(PLAN, after, 0.0, computed=(u, p, p, (np.zeros((2, 2)), np.array([0, 1]))))
    assert len([t for t in both["data"] if t["type"] == "heatmap"]) == 2
    figure(drawn)
    figure(both)
    figure(joined([net_graph(PLAN, ROOM)], height=200, title="x"))


def child(name, parent, accuracy, parameters=100, done=("wider: b1 to 16",)):
    return Child(name, parent, done, PLAN.to_json(), accuracy - 0.1, accuracy, 0.5, parameters, 3, 1.0)


def climb():
    first, a, b, c = child("0.1", "", 0.5, done=()), child("1.1", "0.1", 0.6, 400), child("1.2", "0.1", 0.7, 200), child("2.1", "1.2", 0.8, 900)
    return [HillStep(0, "", (first,), "0.1", 1, True), HillStep(1, "0.1", (a,), "1.1", 2, False), HillStep(1, "0.1", (a, b), "1.2", 3, True),
            HillStep(2, "1.2", (c,), "2.1", 4, False)]


def test_the_tree_has_every_child_once_and_the_line_of_those_that_go_on():
    drawn = hill_tree(climb())
    goes_on, others = trace(drawn, "goes on"), trace(drawn, "children")
    assert goes_on["y"].tolist() == [50, 70, 80]
    assert others["y"].tolist() == [60]
    assert goes_on["marker"]["size"][2] > goes_on["marker"]["size"][1] > goes_on["marker"]["size"][0]
    line = trace(drawn, "lines of who goes on")
    assert line["y"][~np.isnan(line["y"])].tolist() == [50, 70, 70, 80]
    assert "2.1 goes on: 80.0 % with 900 weights" in drawn["layout"]["title"]["text"]
    assert "wider: b1 to 16" in goes_on["text"][1]
    figure(drawn)


def test_a_tree_that_grows_keeps_its_axis_and_an_empty_one_says_what_comes():
    ends = [hill_tree(climb()[:k], n_climbs=5)["layout"]["xaxis"]["range"] for k in (1, 4)]
    assert ends[0] == ends[1]
    assert "No network is trained yet" in hill_tree([])["layout"]["annotations"][0]["text"]


def test_accuracies_to_compare_with_are_lines_with_names():
    drawn = hill_tree(climb(), others=[("from <scratch>", 0.9)])
    assert drawn["layout"]["shapes"][0]["y0"] == 90
    assert drawn["layout"]["annotations"][0]["text"] == "from &lt;scratch&gt;: 90.0 %"


def test_steps_of_another_search_are_refused():
    events = [SimpleNamespace(why=why) for why in climb()]
    assert hill_figure(events)["data"]
    with pytest.raises(WorkbenchError, match="got reasons of NoneType"):
        hill_figure([SimpleNamespace(why=None)])
