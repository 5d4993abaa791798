"""OTMANN: a distance, the same as a transport solved in other ways, and the same for equal cells."""

import itertools

import numpy as np
import pytest

from workbench.nas.cells import NANO, NASBENCH201
from workbench.nas.graph import Graph, GraphEdge, GraphNode
from workbench.nas.otmann_distance import (
    Distances,
    Layers,
    costs,
    layers_of,
    layers_of_cell,
    mismatch,
    otmann,
    transport,
)

RNG = np.random.default_rng(0)
SOME = [NASBENCH201.sample(RNG) for _ in range(25)]
D = Distances(NASBENCH201)(SOME, SOME)


# ---- layers ------------------------------------------------------------------------------------------------------


def test_skips_pass_on_and_dead_edges_are_no_layers():
    # node 1 = conv3(x); node 2 = pool3(x) + node 1; output = node 1; so the pooling is dead
    layers = layers_of(NANO.graph(("conv3", "pool3", "skip", "none", "skip", "none")))
    assert layers.labels == ("input", "conv3", "output")
    assert layers.edges == ((0, 1), (1, 2))


def test_a_dense_cell_has_six_layers_joined_as_its_edges_are():
    layers = layers_of(NANO.graph(("conv3",) * 6))
    assert layers.labels == ("input", *("conv3",) * 6, "output")
    assert len(layers.edges) == 10  # 3 from the input, 2 + 1 after node 1, 1 after node 2, 3 into the output
    assert layers.total == pytest.approx(6 + 2 * 0.6)
    shortest, longest, walk = layers.lengths[-1, :3]
    assert (shortest, longest) == (2, 4)
    assert walk == pytest.approx(np.mean([2, 3, np.mean([2, 3]) + 1]))  # into the output: from node 0, from 1, and from 2


def test_operations_on_nodes_are_layers_too():
    chain = Graph("chain", (GraphNode("input"), GraphNode("1", "conv3"), GraphNode("2", "pool3"), GraphNode("output")),
                  (GraphEdge(0, 1), GraphEdge(1, 2), GraphEdge(0, 2), GraphEdge(2, 3)))
    layers = layers_of(chain, {"conv3": 4.0})
    assert layers.labels == ("input", "conv3", "pool3", "output")
    assert layers.edges == ((0, 1), (0, 2), (1, 2), (2, 3))
    assert layers.mass == (0.5, 4.0, 1.0, 0.5)
    np.testing.assert_allclose(layers.lengths[2, :3], [1, 2, 1.5])


def test_a_cell_that_computes_nothing_is_an_input_and_an_output_alone():
    layers = layers_of(NANO.graph(("none",) * 6))
    assert (layers.labels, layers.edges) == (("input", "output"), ())
    assert otmann(layers, layers_of(NANO.graph(("conv3",) * 6))) > 6  # six layers without a match


def test_costs_between_kinds_are_those_of_the_released_code():
    assert mismatch("conv3", "conv5") == pytest.approx(0.2)
    assert mismatch("conv1", "conv3") == pytest.approx(0.2)
    assert mismatch("maxpool3", "avgpool3") == mismatch("pool3", "pool5") == 0.5
    assert mismatch("conv3", "pool3") == mismatch("input", "conv3") == mismatch("input", "output") == np.inf
    assert mismatch("conv3", "conv3") == 0.0


# ---- the distance ------------------------------------------------------------------------------------------------


def test_equal_cells_are_at_distance_0_however_they_are_written():
    by_form = {}
    for a in NANO:
        by_form.setdefault(NANO.canonical(a), []).append(a)
    pairs = Distances(NANO)
    rng = np.random.default_rng(1)
    for form in rng.choice(list(by_form), 60, replace=False):
        a, b = (by_form[form][k] for k in rng.integers(len(by_form[form]), size=2))
        assert (pairs.pair(a, b) == 0).all()


def test_it_is_symmetric_never_negative_and_keeps_the_triangle_inequality():
    for d in D[:2]:  # the paper's Theorem 1 is about d, not about the normalised one
        np.testing.assert_allclose(d, d.T, atol=1e-12)
        assert d.min() == 0.0
        assert (d[:, :, None] <= d[:, None, :] + d.T[None] + 1e-9).all()


def test_the_normalised_distance_is_a_share_of_all_mass():
    layers = [layers_of_cell(NASBENCH201, a) for a in SOME]
    total = np.array([[a.total + b.total for b in layers] for a in layers])
    np.testing.assert_allclose(D[2] * total, D[0])
    assert D[2:].max() <= 1.0  # nothing is worse than leaving everything


@pytest.mark.parametrize("nu", [0.0, 0.1, 0.5, 2.0])
def test_assignment_and_linear_program_agree(nu):
    for a, b in itertools.combinations(SOME[:9], 2):
        one, two = layers_of_cell(NASBENCH201, a), layers_of_cell(NASBENCH201, b)
        d, Z = transport(np.array(one.mass), np.array(two.mass), costs(one, two, nu))
        assert otmann(one, two, nu) == pytest.approx(d, abs=1e-9)
        assert (Z.sum(1) <= np.array(one.mass) + 1e-9).all() and (Z.sum(0) <= np.array(two.mass) + 1e-9).all()


def brute_force(a, b, nu):
    """Try all partial matchings of layers of mass 1; the ends go to each other."""
    cost, n, m = costs(a, b, nu), len(a.labels) - 2, len(b.labels) - 2
    ends = 0.0
    for k in (0, -1):
        moved, left = min(a.mass[k], b.mass[k]), abs(a.mass[k] - b.mass[k])
        ends += moved * min(cost[k, k], 2.0) + left
    best = np.inf
    inner = cost[1:-1, 1:-1]
    for size in range(min(n, m) + 1):
        for rows in itertools.combinations(range(n), size):
            for columns in itertools.permutations(range(m), size):
                best = min(best, sum(inner[i, j] for i, j in zip(rows, columns, strict=True)) + n + m - 2 * size)
    return best + ends


def test_it_agrees_with_all_matchings_of_small_networks():
    small = [a for a in (layers_of_cell(NASBENCH201, x) for x in SOME) if len(a.labels) <= 6][:7]
    assert len(small) == 7
    for a, b in itertools.combinations(small, 2):
        assert otmann(a, b, 0.3) == pytest.approx(brute_force(a, b, 0.3), abs=1e-12)


def test_parts_of_layers_are_moved_where_masses_differ():
    """Two units of conv3 against one of conv3 and one of conv5: one unit moves for nothing, one for 0.2."""
    a = Layers(("input", "conv3", "output"), (0.2, 2.0, 0.2), ((0, 1), (1, 2)))
    b = Layers(("input", "conv3", "conv5", "output"), (0.2, 1.0, 1.0, 0.2), ((0, 1), (0, 2), (1, 3), (2, 3)))
    assert otmann(a, b, 0.0) == pytest.approx(0.2)


def test_the_first_part_of_the_kernel_is_positive_semidefinite_up_to_jitter():
    """Distinct cells at a length-scale of a few layers; the second part is not in general, see NASBOT's ``lift``."""
    known = list(NASBENCH201.distinct().values())
    cells = [known[i] for i in np.random.default_rng(2).permutation(len(known))[:50]]
    d = Distances(NASBENCH201)(cells, cells)[:2].sum(0)
    assert np.linalg.eigvalsh(np.exp(-d)).min() > -1e-9
    assert np.linalg.eigvalsh(np.exp(-0.1 * d)).min() > -0.1  # a share of 0.002 of the trace


def test_a_pair_is_computed_once_and_in_any_order():
    pairs = Distances(NANO, (0.1,))
    a, b = ("conv3",) * 6, ("pool3",) * 6
    assert pairs.pair(a, b) is pairs.pair(b, a)
    assert pairs([a, b], [a]).shape == (2, 2, 1)
