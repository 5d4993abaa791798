"""What is kept of weights: DARTS' rule, its two edges per node, and NAS-Bench-201's rule."""

import numpy as np
import pytest

from workbench.errors import SpaceError
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.derivation import strongest

WEIGHTS = np.array([  # none, skip, conv3, pool3 on e01, e02, e12, e03, e13, e23
    [0.1, 0.2, 0.6, 0.1], [0.7, 0.1, 0.05, 0.15], [0.1, 0.5, 0.3, 0.1],
    [0.0, 0.4, 0.3, 0.3], [0.9, 0.05, 0.05, 0.0], [0.2, 0.1, 0.1, 0.6]])


def test_each_edge_keeps_its_heaviest_operation_but_never_none():
    assert strongest(WEIGHTS, NANO) == ("conv3", "pool3", "skip", "skip", "skip", "pool3")


def test_by_the_rule_of_nas_bench_201_none_is_kept_where_it_weighs_most():
    assert strongest(WEIGHTS, NANO, none=True) == ("conv3", "none", "skip", "skip", "none", "pool3")


def test_the_strongest_edges_into_a_node_stay():
    assert strongest(WEIGHTS, NANO, edges_per_node=2) == ("conv3", "pool3", "skip", "skip", "none", "pool3")
    assert strongest(WEIGHTS, NANO, edges_per_node=1) == ("conv3", "none", "skip", "none", "none", "pool3")


def test_weights_are_not_changed_and_wrong_ones_are_refused():
    before = WEIGHTS.copy()
    strongest(WEIGHTS, NANO, edges_per_node=1)
    assert (before == WEIGHTS).all()
    with pytest.raises(SpaceError, match=r"shape \(6, 4\).*got \(3, 4\)"):
        strongest(WEIGHTS[:3], NANO)
    two = CellSpace("two", 3, ("skip", "conv3"))
    assert strongest(WEIGHTS[:3, 1:3], two) == ("conv3", "skip", "skip")
    with pytest.raises(SpaceError, match="no operation 'none'"):
        strongest(WEIGHTS[:3, 1:3], two, edges_per_node=2)
