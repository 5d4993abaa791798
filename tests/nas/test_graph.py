"""Graphs of architectures: layers, what is alive, JSON."""

import itertools

import pytest

from workbench.errors import SpaceError
from workbench.nas.cells import NANO
from workbench.nas.graph import Graph, GraphEdge, GraphNode


def nodes(n):
    return tuple(GraphNode(str(k)) for k in range(n))


def test_a_layer_is_the_length_of_the_longest_way():
    g = Graph("g", nodes(5), (GraphEdge(0, 1), GraphEdge(1, 2), GraphEdge(0, 2), GraphEdge(0, 3), GraphEdge(2, 4), GraphEdge(3, 4)))
    assert g.layers == (0, 1, 2, 1, 3)


def test_the_output_stands_last_even_if_nothing_leads_to_it():
    g = Graph("g", nodes(4), (GraphEdge(0, 1), GraphEdge(1, 2)))
    assert g.layers == (0, 1, 2, 3)
    assert g.alive == (False, False)


def test_alive_edges_are_those_on_a_way_of_edges_that_are_not_cut():
    """Oracle: all ways from input to output, edge by edge."""
    for arch in itertools.islice(NANO, 0, None, 37):
        g = NANO.graph(arch)
        on_way = set()
        for k in range(1, 4):
            for way in itertools.combinations(range(len(g.edges)), k):
                parts = [g.edges[i] for i in way]
                joined = all(a.target == b.source for a, b in itertools.pairwise(parts))
                ends = parts[0].source == 0 and parts[-1].target == 3
                if joined and ends and all(e.operation != "none" for e in parts):
                    on_way |= set(way)
        # ways in order of edges only: edges of NANO are sorted by target, so every way rises
        assert {i for i, alive in enumerate(g.alive) if alive} == on_way


def test_json_and_back():
    g = NANO.graph(("conv3", "skip", "none", "pool3", "none", "skip"))
    assert Graph.from_json(g.to_json()) == g
    assert g.operations == ("conv3", "skip", "none", "pool3")


@pytest.mark.parametrize(("edges", "inputs"), [((GraphEdge(1, 0),), (0,)), ((GraphEdge(0, 3),), (0,)), ((), ()), ((), (2,))])
def test_what_does_not_fit_is_refused(edges, inputs):
    with pytest.raises(SpaceError):
        Graph("g", nodes(3), edges, inputs)


def test_malformed_json_is_refused():
    with pytest.raises(SpaceError, match="Graph.to_json"):
        Graph.from_json('{"name": "x"}')


def test_the_supergraph_lines_up_with_the_weights_of_a_relaxation():
    g = NANO.supergraph()
    assert [(e.source, e.target, e.operation) for e in g.edges] == [(i, j, op) for i, j in NANO.edges for op in NANO.operations]
    arch = ("conv3", "skip", "none", "pool3", "none", "skip")
    assert tuple(e.operation for e, kept in zip(g.edges, NANO.chosen(arch), strict=True) if kept) == arch
