"""Cells: what is counted, what is equal, what lies beside what."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import SpaceError
from workbench.nas.cells import NANO, NASBENCH201, CellSpace

RNG = np.random.default_rng(3)
WAYS = {op: RNG.normal(size=(5, 5)) for op in ("conv1", "conv3", "pool3")}
INPUT = RNG.normal(size=(5, 3))


def output(cells, architecture, *, linear):
    """What a cell computes, with fixed operations: matrices, or matrices and tanh."""
    said = [INPUT]
    operation = dict(zip(cells.edges, architecture, strict=True))
    for j in range(1, cells.n_nodes):
        total = np.zeros_like(INPUT)
        for i in range(j):
            op = operation[i, j]
            if op == "skip":
                total = total + said[i]
            elif op != "none":
                y = WAYS[op] @ said[i]
                total = total + (y if linear else np.tanh(y))
        said.append(total)
    return said[-1]


def architectures(cells):
    return st.tuples(*[st.sampled_from(cells.operations)] * len(cells.edges))


@pytest.mark.parametrize(("cells", "n", "distinct"), [
    (NANO, 4096, 951), (NASBENCH201, 15_625, 5390),
    (CellSpace("no pool", 4, ("none", "skip", "conv3")), 729, 82),
    (CellSpace("nothing cut", 4, ("skip", "conv3", "pool3")), 729, 496),
    (CellSpace("three nodes", 3, NASBENCH201.operations), 125, 60),
])
def test_how_many_strings_make_how_many_cells(cells, n, distinct):
    """Numbers measured with an independent prototype."""
    assert cells.n_architectures == n == sum(1 for _ in cells)
    assert cells.count_distinct() == distinct


def taken_apart(cells, architecture):
    """The canonical form if a sum passed on into another were taken apart there."""
    said, edges = [("0",)], iter(architecture)
    for j in range(1, cells.n_nodes):
        parts = []
        for i in range(j):
            op = next(edges)
            if op != "none" and said[i]:
                parts += said[i] if op == "skip" else ["(" + "+".join(said[i]) + ")@" + op]
        said.append(tuple(sorted(parts)))
    return "+".join(said[-1])


def test_cells_of_one_form_compute_the_same_and_other_forms_differ_but_for_sums_of_sums():
    """All 729 strings by brute force. With tanh in the operations two forms agree on random inputs only by chance."""
    cells = CellSpace("no pool", 4, ("none", "skip", "conv3"))
    by_form, by_function = {}, {}
    for a in cells:
        y = output(cells, a, linear=False)
        by_form.setdefault(cells.canonical(a), []).append(y)
        by_function.setdefault(taken_apart(cells, a), []).append(y)
    for outputs in (*by_form.values(), *by_function.values()):
        assert all(np.allclose(y, outputs[0], atol=1e-9) for y in outputs)
    for y, z in itertools.combinations([outputs[0] for outputs in by_function.values()], 2):
        assert not np.allclose(y, z, atol=1e-9)
    assert (len(by_form), len(by_function)) == (82, 78)


def test_of_the_951_forms_80_are_sums_of_sums_that_compute_what_another_form_does():
    assert len({taken_apart(NANO, a) for a in NANO}) == 871


@given(architectures(NASBENCH201))
def test_the_representative_computes_the_same_with_no_more_edges(a):
    r = NASBENCH201.representative(a)
    assert NASBENCH201.canonical(r) == NASBENCH201.canonical(a)
    assert r.count("none") >= a.count("none")
    for linear in (True, False):
        assert np.allclose(output(NASBENCH201, a, linear=linear), output(NASBENCH201, r, linear=linear), atol=1e-9)


@given(architectures(NANO), st.data())
def test_what_dead_edges_carry_does_not_matter(a, data):
    live = NANO.live_edges(a)
    other = tuple(op if e in live else data.draw(st.sampled_from(NANO.operations)) for e, op in zip(NANO.edges, a, strict=True))
    if NANO.live_edges(other).keys() == live.keys():
        assert NANO.canonical(other) == NANO.canonical(a)


@given(architectures(NANO))
def test_a_place_leads_back(a):
    k = NANO.index(a)
    assert NANO.at(k) == a
    assert NANO.config(a) == NANO.config(NANO.at(k)) and NANO.architecture(NANO.config(a)) == a


def test_places_are_those_of_the_iteration():
    assert [NANO.index(a) for a in itertools.islice(NANO, 500)] == list(range(500))
    with pytest.raises(SpaceError, match="0 to 4095"):
        NANO.at(4096)


@given(architectures(NASBENCH201))
def test_neighbours_differ_in_one_edge_and_are_all_there_are(a):
    near = NASBENCH201.neighbours(a)
    assert len(near) == len(set(near)) == 6 * 4
    assert all(sum(x != y for x, y in zip(a, b, strict=True)) == 1 for b in near)


def test_mutants_are_neighbours_all_equally_likely():
    a = ("conv3", "skip", "none", "pool3", "none", "skip")
    rng = np.random.default_rng(0)
    seen = [NANO.mutate(a, rng) for _ in range(3600)]
    counts = np.array([seen.count(b) for b in NANO.neighbours(a)])
    assert counts.sum() == 3600
    assert np.abs(counts - 200).max() < 5 * np.sqrt(200)  # five standard deviations


def test_samples_are_uniform_and_repeatable():
    one, two = ([NANO.sample(rng) for _ in range(2000)] for rng in (np.random.default_rng(1), np.random.default_rng(1)))
    assert one == two
    counts = np.array([[a[k] == op for a in one] for k in range(6) for op in NANO.operations]).sum(axis=1)
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 3 / 16)


def test_equal_strings_are_counted():
    assert sum(NANO.n_equal(a) for a in NANO.distinct().values()) == 4096
    nothing = ("none",) * 6
    assert NANO.n_equal(nothing) == sum(NANO.canonical(a) == "#" for a in NANO)


def test_representatives_have_the_fewest_edges_of_their_form():
    fewest = {}
    for a in NANO:
        form = NANO.canonical(a)
        fewest[form] = min(fewest.get(form, 9), sum(op != "none" for op in a))
    assert {form: sum(op != "none" for op in a) for form, a in NANO.distinct().items()} == fewest


def test_ways_of_a_full_cell():
    assert NANO.paths(("conv3", "skip", "pool3", "none", "conv3", "skip")) == [
        ("skip", "skip"), ("conv3", "conv3"), ("conv3", "pool3", "skip")]
    assert NANO.paths(("none",) * 6) == []


@given(architectures(NANO))
def test_live_edges_are_those_of_some_way(a):
    carries = {e: op for e, op in zip(NANO.edges, a, strict=True) if op != "none"}
    used = set()
    for nodes in ((), (1,), (2,), (1, 2)):
        way = list(itertools.pairwise((0, *nodes, 3)))
        if all(e in carries for e in way):
            used |= set(way)
    assert set(NANO.live_edges(a)) == used
    assert bool(NANO.paths(a)) == bool(used) == (NANO.canonical(a) != "#")


def test_the_biggest_has_the_widest_convolution_everywhere():
    assert NANO.biggest() == ("conv3",) * 6 and NASBENCH201.biggest() == ("conv3",) * 6
    with pytest.raises(SpaceError, match="convolution"):
        CellSpace("pools", 3, ("none", "pool3")).biggest()


def test_too_many_to_look_at_are_refused():
    big = CellSpace("big", 7, NASBENCH201.operations)
    with pytest.raises(SpaceError, match="looking at all"):
        big.count_distinct()
    assert big.canonical(big.sample(np.random.default_rng(0)))


@pytest.mark.parametrize("wrong", [("conv3",) * 5, ("conv3",) * 5 + ("conv7",)])
def test_a_foreign_architecture_is_refused(wrong):
    for method in (NANO.canonical, NANO.neighbours, NANO.paths, NANO.index, NANO.graph, NANO.n_equal):
        with pytest.raises(SpaceError):
            method(wrong)
