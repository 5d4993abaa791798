"""Branches: what each layer reads, counted up to the numbers of parallel layers."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConfigError, SpaceError
from workbench.nas.branches import BRANCHES, BranchLayer, BranchPlan, BranchSpace
from workbench.nas.canonical import canonical_code, written


def renumbered(plan, order):
    """The same network with its layers in another order of computing; None if something is read before it is there."""
    number = {0: 0} | {old: new for new, old in enumerate(order, start=1)}
    layers = [BranchLayer(plan.layers[old - 1].width, plan.layers[old - 1].kernel,
                          tuple(sorted(number[j] for j in plan.layers[old - 1].reads))) for old in order]
    return BranchPlan(plan.name, tuple(layers)) if all(max(x.reads) < k for k, x in enumerate(layers, start=1)) else None


def random_plan(seed, n=5):
    space = BranchSpace("b", n, (8, 16), (1, 3))
    return space, space.plan(space.space.sample(1, np.random.default_rng(seed))[0])


@given(st.integers(0, 2**32 - 1))
def test_the_canonical_form_is_the_same_for_all_orders_of_computing_and_for_no_other_network(seed):
    _, plan = random_plan(seed)
    same = {p.layers for order in itertools.permutations(range(1, 6)) if (p := renumbered(plan, order)) is not None}
    assert {BranchPlan("b", layers).canonical() for layers in same} == {plan.canonical()}
    _, other = random_plan(seed + 1)
    assert (other.layers in same) == (other.canonical() == plan.canonical())


@pytest.mark.parametrize(("n", "distinct"), [(1, 1), (2, 2), (3, 6), (4, 31)])
def test_with_one_kind_of_layer_there_are_as_many_as_directed_graphs_without_circles(n, distinct):
    """Sequence A003087 of the on-line encyclopedia of integer sequences: 1, 1, 2, 6, 31, 302, …"""
    space = BranchSpace("b", n, (8,), (3,))
    assert space.n_architectures == 2 ** (n * (n - 1) // 2) == len(list(space))
    assert space.count_distinct() == distinct


def test_what_nobody_reads_goes_to_the_classifier_and_what_reads_nothing_reads_the_input():
    space = BranchSpace("b", 3, (8,), (3,))
    plan = space.plan({"skip_1_2": False, "skip_1_3": True, "skip_2_3": False})
    assert [layer.reads for layer in plan.layers] == [(0,), (0,), (1,)]
    assert plan.loose == (2, 3)
    g = plan.graph()
    assert {(e.source, e.target) for e in g.edges} == {(0, 1), (0, 2), (1, 3), (2, 4), (3, 4)}
    assert all(g.alive)


def test_sizes_by_hand():
    plan = BranchPlan("by hand", (BranchLayer(8, 3, (0,)), BranchLayer(16, 5, (0,)), BranchLayer(4, 1, (1, 2))))
    size = plan.size((40, 2), 10)
    assert size.parameters == (2 * 8 * 3 + 16) + (2 * 16 * 5 + 32) + (24 * 4 + 8) + (4 * 10 + 10)
    assert size.flops == 40 * (2 * 8 * 3 + 2 * 16 * 5 + 24 * 4) + 40


def test_equal_networks_are_equally_big():
    for seed in range(20):
        _, plan = random_plan(seed)
        others = [p for order in itertools.permutations(range(1, 6)) if (p := renumbered(plan, order)) is not None]
        assert {p.size() for p in others} == {plan.size()}


def test_configurations_are_plain_and_may_hold_more():
    config = BRANCHES.space.default()
    assert json.loads(json.dumps(config)) == config
    assert BRANCHES.canonical(config | {"lr": 0.1}) == BRANCHES.canonical(config)
    with pytest.raises(ConfigError):
        BRANCHES.plan({k: v for k, v in config.items() if k != "skip_1_2"})


def test_ties_between_operations_on_edges_are_told_apart():
    a = canonical_code(["+", "+"], [[(0, "conv"), (1, "pool")], [(0, "conv"), (1, "conv")]], n_inputs=2)
    b = canonical_code(["+", "+"], [[(0, "conv"), (1, "conv")], [(1, "pool"), (0, "conv")]], n_inputs=2)
    c = canonical_code(["+", "+"], [[(1, "conv"), (0, "pool")], [(0, "conv"), (1, "conv")]], n_inputs=2)
    assert a == b != c
    assert written(a) == "0@conv,1@conv>+; 0@conv,1@pool>+"


def test_thirty_layers_that_are_all_alike_have_a_form_at_once():
    space = BranchSpace("wide", 30, (8,), (3,))
    assert space.canonical(dict.fromkeys(space.space.names, False)).count(";") == 29


@pytest.mark.parametrize("wrong", [{"n_layers": 0}, {"widths": ()}, {"kernels": (2,)}])
def test_what_is_no_space_is_refused(wrong):
    with pytest.raises(SpaceError):
        BranchSpace("wrong", **wrong)
    with pytest.raises(SpaceError, match="looking at all"):
        BRANCHES.count_distinct()
