"""Plans of networks: what fits together, what belongs together, and plain data both ways."""

import numpy as np
import pytest

from workbench.errors import SpaceError
from workbench.nas.net_changes import KINDS, Morphism, possible, random_morphism
from workbench.nas.net_plan import Layer, NetPlan


def residual():
    """input → b1 → b2 → add1(b2, b1) → pool → b3 → head."""
    return NetPlan(1, (Layer("input", "input", (), 2), Layer("b1", "block", ("input",), 4, 3), Layer("b2", "block", ("b1",), 4, 5),
                       Layer("add1", "add", ("b2", "b1"), 4), Layer("pool", "pool", ("add1",), 4),
                       Layer("b3", "block", ("pool",), 6, 3), Layer("head", "head", ("b3",), 10)))


def test_a_chain_has_pools_between_its_blocks_and_points_have_none():
    assert [k.name for k in NetPlan.chain(2, 1, 10, (4, 8)).layers] == ["input", "b1", "pool1", "b2", "head"]
    assert [k.kernel for k in NetPlan.chain(0, 2, 2, (4, 8), kernel=5).layers] == [1, 1, 1, 1]
    assert "pool1" not in NetPlan.chain(1, 1, 10, (4, 8), pool=False)


def test_parameters_are_counted_by_hand():
    # b1 4·2·3 + 8, b2 4·4·5 + 8, gate 4, b3 6·4·3 + 12, head 10·6 + 10
    assert residual().n_parameters == 32 + 88 + 4 + 84 + 70


def test_sums_and_pools_tie_widths_together():
    plan = residual()
    assert plan.tied("pool") == {"b1", "b2", "add1", "pool"}
    assert plan.tied("b3") == {"b3"}
    assert [plan.halved(k) for k in ("b2", "pool", "b3", "head")] == [0, 1, 1, 1]


def test_json_brings_a_plan_back():
    plan = residual()
    assert NetPlan.from_json(plan.to_json()) == plan
    with pytest.raises(SpaceError, match="with dims and layers"):
        NetPlan.from_json({"dims": 1})
    with pytest.raises(SpaceError, match="one of input, block"):
        NetPlan.from_json({"dims": 1, "layers": [["a", "magic", [], 1, 1]]})


def test_a_drawing_has_a_node_for_each_layer_and_says_what_it_is():
    graph = residual().graph("residual")
    assert [n.label for n in graph.nodes] == ["input", "b1 · 4", "b2 · 4", "add1", "pool", "b3 · 6", "head"]
    assert graph.nodes[2].operation == "conv5"
    assert graph.nodes[3].says == "ReLU(b2 + g ⊙ b1)"
    assert {(e.source, e.target) for e in graph.edges} == {(0, 1), (1, 2), (2, 3), (1, 3), (3, 4), (4, 5), (5, 6)}
    assert all(graph.alive)


def layers(*middle, dims=1):
    return NetPlan(dims, (Layer("input", "input", (), 2), Layer("b1", "block", ("input",), 4, 3 if dims else 1), *middle,
                          Layer("head", "head", ("b1",), 3)))


@pytest.mark.parametrize(("make", "says"), [
    (lambda: NetPlan(3, residual().layers), "dims is 0"),
    (lambda: NetPlan(1, residual().layers[1:]), "begins with its one input"),
    (lambda: layers(Layer("b1", "block", ("input",), 4)), "different names"),
    (lambda: layers(Layer("b2", "block", ("b9",), 4)), "does not stand before it"),
    (lambda: layers(Layer("b2", "block", (), 4)), "1 to 99 different inputs"),
    (lambda: layers(Layer("a", "add", ("b1", "b1"), 4)), "2 to 2 different inputs"),
    (lambda: layers(Layer("b2", "block", ("b1",), 4, 2)), "a kernel odd"),
    (lambda: layers(Layer("b2", "block", ("b1",), 0)), "at least 1"),
    (lambda: layers(Layer("b2", "block", ("b1",), 4, 3), dims=0), "kernels above 1"),
    (lambda: layers(Layer("a", "add", ("b1", "input"), 4)), "needs? as many"),
    (lambda: layers(Layer("p", "pool", ("b1",), 4), Layer("b2", "block", ("p", "b1"), 4)), "different numbers of places"),
    (lambda: layers(Layer("p", "pool", ("b1",), 4), dims=0), "no neighbours to pool"),
])
def test_what_does_not_fit_is_refused_with_a_way_out(make, says):
    with pytest.raises(SpaceError, match=says):
        make()


def test_an_unknown_layer_is_named():
    with pytest.raises(SpaceError, match="no layer 'b7'; there are input, b1"):
        residual()["b7"]


# Changes as plain data --------------------------------------------------------------------------------------------------


def test_each_kind_changes_the_plan_as_it_says():
    plan = residual()
    deeper = Morphism("deeper", "b1", kernel=5).planned(plan)
    assert deeper["b4"] == Layer("b4", "block", ("b1",), 4, 5)
    assert (deeper["b2"].inputs, deeper["add1"].inputs) == (("b4",), ("b2", "b4"))
    wider = Morphism("wider", "pool", width=7).planned(plan)
    assert [wider[k].width for k in ("b1", "b2", "add1", "pool", "b3")] == [7, 7, 7, 7, 6]
    assert Morphism("skip", "head", "pool", merge="concat").planned(plan)["head"].inputs == ("b3", "pool")
    summed = Morphism("skip", "b2", "b1", merge="add").planned(plan)
    assert (summed["add2"].inputs, summed["add1"].inputs) == (("b2", "b1"), ("add2", "b1"))
    change = Morphism("branch", "b3", "pool", width=3, merge="add")
    branch = change.planned(plan)
    assert branch["b4"] == Layer("b4", "block", ("pool",), 6, 3)  # as wide as what it is added to
    assert (branch["add2"].inputs, branch["head"].inputs) == (("b3", "b4"), ("add2",))
    assert change.new_layers(plan) == ("b4", "add2")
    assert Morphism("kernel", "b1", kernel=7).planned(plan)["b1"].kernel == 7


@pytest.mark.parametrize(("change", "says"), [
    (Morphism("deeper", "input"), "never negative"),
    (Morphism("deeper", "head"), "never negative"),
    (Morphism("wider", "head", width=99), "are given"),
    (Morphism("wider", "b3", width=6), "wider means more"),
    (Morphism("skip", "b1", "b2", merge="concat"), "from an earlier layer"),
    (Morphism("skip", "b3", "pool", merge="concat"), "reads pool already"),
    (Morphism("skip", "pool", "b1", merge="concat"), "only blocks and the head"),
    (Morphism("skip", "head", "b1", merge="add"), "a sum can follow"),
    (Morphism("skip", "b3", "b1", merge="concat"), "different numbers of places"),
    (Morphism("skip", "b3", "pool"), "merge is"),
    (Morphism("branch", "b1", "b3", width=2, merge="concat"), "from an earlier layer"),
    (Morphism("branch", "head", "b3", merge="concat"), "at least 1"),
    (Morphism("kernel", "pool", kernel=5), "only blocks"),
    (Morphism("kernel", "b2", kernel=5), "above that"),
    (Morphism("deeper", "nowhere"), "no layer"),
])
def test_what_is_impossible_is_refused_with_the_reason(change, says):
    with pytest.raises(SpaceError, match=says):
        change.planned(residual())


@pytest.mark.parametrize("dims", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_listed_as_possible_is(dims, kind):
    plan = NetPlan.chain(dims, 2, 3, (4, 6))
    listed = possible(plan, kind)
    assert bool(listed) == (dims > 0 or kind != "kernel")
    assert len(set(listed)) == len(listed)
    for change in listed:
        assert change.planned(plan) != plan
        assert change.words().startswith(kind)


def test_a_group_of_tied_layers_is_widened_once():
    assert [c.at for c in possible(residual(), "wider")] == ["b1", "b3"]
    assert possible(residual(), "wider", max_width=8) == (Morphism("wider", "b1", width=8),)


def test_the_same_sum_is_not_offered_twice():
    plan = residual()
    offered = [c for c in possible(plan, "skip") if c.merge == "add" and c.at == "b2"]
    assert [c.source for c in offered] == []  # b1 is added to b2 already; the input has another width


def test_kinds_are_drawn_evenly_however_many_places_they_have():
    rng = np.random.default_rng(0)
    drawn = [random_morphism(residual(), rng).kind for _ in range(400)]
    assert all(50 < drawn.count(kind) < 110 for kind in KINDS)  # 80 ± 8


def test_without_any_possible_change_the_reason_is_told():
    rng = np.random.default_rng(0)
    with pytest.raises(SpaceError, match="Raise max_width"):
        random_morphism(residual(), rng, kinds=("wider",), max_width=5)
    with pytest.raises(SpaceError, match="kinds of morphisms are"):
        random_morphism(residual(), rng, kinds=("shrink",))
