"""The drawing of a graph: no edge through a foreign node, widths and faintness as told, few crossings."""

import itertools
import json

import numpy as np
import pytest

from workbench.errors import WorkbenchError
from workbench.nas.cells import NANO, NASBENCH201, CellSpace
from workbench.nas.graph import Graph, GraphEdge, GraphNode
from workbench.plots.nas_graph import FAINT, THIN, WIDE, graph_figure, operation_colors
from workbench.plots.nas_layout import layout

ARCH = ("conv3", "skip", "none", "pool3", "none", "skip")


def random_graph(rng, n=9):
    pairs = [p for p in itertools.combinations(range(n), 2) if rng.random() < 0.3]
    return Graph("random", tuple(GraphNode(str(k)) for k in range(n)), tuple(GraphEdge(i, j, "conv3") for i, j in pairs))


def curve(way):
    """Points of the drawn curve, a Bézier curve that is level at every point it goes through."""
    t = np.linspace(0, 1, 41)[:, None]
    parts = []
    for (x0, y0), (x1, y1) in itertools.pairwise(way):
        b = 0.5 * (x1 - x0)
        p = np.array([[x0, y0], [x0 + b, y0], [x1 - b, y1], [x1, y1]])
        parts.append((1 - t) ** 3 * p[0] + 3 * (1 - t) ** 2 * t * p[1] + 3 * (1 - t) * t**2 * p[2] + t**3 * p[3])
    return np.concatenate(parts)


@pytest.mark.parametrize("seed", range(8))
def test_no_edge_goes_through_a_node_that_it_does_not_touch(seed):
    g = random_graph(np.random.default_rng(seed))
    at = layout(g)
    for edge, way in zip(g.edges, at.edges, strict=True):
        for k in set(range(len(g.nodes))) - {edge.source, edge.target}:
            assert np.abs(curve(way) - at.nodes[k]).max(axis=1).min() > 0.2
    assert all(way[0].tolist() == at.nodes[e.source].tolist() and way[-1].tolist() == at.nodes[e.target].tolist()
               for e, way in zip(g.edges, at.edges, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_nodes_of_a_layer_stand_apart(seed):
    g = random_graph(np.random.default_rng(seed))
    at = layout(g).nodes
    assert at[:, 0].tolist() == list(g.layers)
    for i, j in itertools.combinations(range(len(at)), 2):
        assert np.abs(at[i] - at[j]).max() > 1 - 1e-9


def test_a_cell_of_four_nodes_is_drawn_without_a_crossing_and_on_one_line():
    at = layout(NANO.graph(ARCH))
    assert at.nodes[:, 1] == pytest.approx(0, abs=1e-4)
    x = np.linspace(0.02, 2.98, 200)
    heights = {}
    for pair, way in zip(NANO.edges, at.edges, strict=True):
        c = curve(way)
        heights[pair] = np.interp(x, c[:, 0], c[:, 1], left=np.nan, right=np.nan)
    for a, b in itertools.combinations(NANO.edges, 2):
        d = heights[a] - heights[b]
        d = d[np.isfinite(d) & (np.abs(d) > 1e-6)]
        assert len(set(np.sign(d))) <= 1


def test_weights_are_widths_and_what_is_not_chosen_is_faint():
    g = NANO.supergraph()
    w = np.zeros((6, 4))
    w[:, 2] = 1
    drawn = graph_figure(g, weights=w, chosen=NANO.chosen(("conv3",) * 6))
    shapes = drawn["layout"]["shapes"]
    assert len(shapes) == 24
    assert [s["line"]["width"] for s in shapes[-6:]] == [WIDE] * 6  # chosen ones are drawn last, above the others
    assert all(s["opacity"] == FAINT and s["line"]["width"] == THIN for s in shapes[:-6])
    names = next(t for t in drawn["data"] if t["name"] == "edges")
    assert sorted(set(names["text"])) == ["", "conv3"]
    assert any("weight 1.00" in t for t in names["hovertext"])


def test_cut_edges_are_dotted_and_dead_ones_dashed_and_say_so():
    drawn = graph_figure(NANO.graph(("none", "skip", "conv3", "none", "pool3", "conv3")))
    assert sorted(s["line"]["dash"] for s in drawn["layout"]["shapes"]) == ["dash", "dash", "dot", "dot", "solid", "solid"]
    says = next(t for t in drawn["data"] if t["name"] == "edges")["hovertext"]
    assert sum("on no way to the output" in s for s in says) == 2 and sum("cut" in s for s in says) == 2


def test_the_ranges_do_not_depend_on_what_the_edges_carry():
    figures = [graph_figure(NANO.graph(a)) for a in (ARCH, ("none",) * 6, ("conv3",) * 6)]
    assert len({json.dumps([f["layout"]["xaxis"], f["layout"]["yaxis"]]) for f in figures}) == 1


def test_an_operation_has_the_same_colour_in_every_picture():
    assert operation_colors(NANO.operations)["conv3"] == operation_colors(NASBENCH201.operations)["conv3"]
    made = operation_colors(("conv3", "mine", "yours"))
    assert len(set(made.values())) == 3


def test_names_are_no_markup():
    g = Graph("<b>bold</b>", (GraphNode("<i>in</i>"), GraphNode("out")), (GraphEdge(0, 1, "<a>op</a>"),))
    assert "<a>" not in json.dumps(graph_figure(g), default=lambda a: a.tolist())
    assert "<b>bold" not in json.dumps(graph_figure(g), default=lambda a: a.tolist())


@pytest.mark.parametrize("wrong", [{"weights": [0.5]}, {"weights": [1.5] + [0.0] * 5}, {"weights": [np.nan] + [0.0] * 5},
                                   {"chosen": [True]}])
def test_what_does_not_fit_is_refused(wrong):
    with pytest.raises(WorkbenchError, match="6"):
        graph_figure(NANO.graph(ARCH), **wrong)


def test_it_is_a_plotly_figure():
    from workbench.plots.figure import figure

    made = figure(graph_figure(CellSpace("small", 3, ("none", "conv3")).graph(("conv3", "none", "conv3"))))
    assert len(made.layout.shapes) == 3


def test_names_of_edges_do_not_cover_each_other_where_edges_cross():
    pairs = [(0, 2), (1, 2), (0, 3), (1, 3), (0, 4), (1, 4)]
    g = Graph("crossing", tuple(GraphNode(str(k)) for k in range(6)),
              tuple(GraphEdge(i, j, "conv3") for i, j in pairs) + tuple(GraphEdge(j, 5) for j in (2, 3, 4)), inputs=(0, 1))
    at = layout(g).labels[:6]
    assert all((np.abs(at[a] - at[b]) >= (0.5 - 1e-9, 0)).any() and np.abs(at[a] - at[b]).max() > 0.25
               for a, b in itertools.combinations(range(6), 2) if np.abs(at[a] - at[b])[1] < 0.2)


def test_names_of_a_long_chain_stand_above_and_below_in_turns():
    n = 12
    g = Graph("chain", tuple(GraphNode(f"conv{k}") for k in range(n)), tuple(GraphEdge(k, k + 1) for k in range(n - 1)))
    sides = next(t for t in graph_figure(g)["data"] if t["name"] == "nodes")["textposition"]
    assert sides == ["bottom center", "top center"] * (n // 2)
    short = graph_figure(NANO.graph(ARCH))["data"]
    assert set(next(t for t in short if t["name"] == "nodes")["textposition"]) == {"bottom center"}


def test_a_crowd_of_edges_is_named_only_where_one_is_chosen():
    names = [next(t for t in graph_figure(NANO.supergraph(), chosen=c)["data"] if t["name"] == "edges")["text"]
             for c in (None, NANO.chosen(ARCH))]
    assert set(names[0]) == {""}
    assert sorted(t for t in names[1] if t) == sorted(op for op in ARCH if op != "none")
