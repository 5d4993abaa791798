"""Path encoding: positions and back, and what it sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import SpaceError
from workbench.nas.cell_paths import n_paths, path_at, path_encoding, position
from workbench.nas.cells import NANO, NASBENCH201, CellSpace


def test_every_position_is_a_way_and_every_way_has_a_position():
    ways = [path_at(NASBENCH201, k) for k in range(n_paths(NASBENCH201))]
    assert len(set(ways)) == 4 + 4**2 + 4**3
    assert [position(NASBENCH201, way) for way in ways] == list(range(84))
    assert [len(way) for way in ways] == sorted(len(way) for way in ways)


def test_the_first_positions_are_the_single_operations():
    assert [path_at(NANO, k) for k in range(4)] == [("skip",), ("conv3",), ("pool3",), ("skip", "skip")]


@given(st.tuples(*[st.sampled_from(NANO.operations)] * 6))
def test_the_code_marks_the_ways_and_nothing_else(a):
    code = path_encoding(NANO, a)
    assert code.shape == (39,)
    assert {path_at(NANO, int(k)) for k in np.flatnonzero(code)} == set(NANO.paths(a))
    assert np.array_equal(path_encoding(NANO, a, n_positions=12), code[:12])


def test_equal_cells_whose_skips_are_no_steps_share_their_code():
    """Dead edges and the numbers of the nodes are not seen; a skip is an operation of the way."""
    a = ("conv3", "none", "none", "none", "pool3", "none")
    b = ("none", "conv3", "none", "none", "none", "pool3")
    assert NANO.canonical(a) == NANO.canonical(b)
    assert np.array_equal(path_encoding(NANO, a), path_encoding(NANO, b))
    c = ("conv3", "none", "skip", "none", "none", "pool3")
    assert NANO.canonical(c) == NANO.canonical(a)
    assert not np.array_equal(path_encoding(NANO, c), path_encoding(NANO, a))


@pytest.mark.parametrize("wrong", [(), ("none",), ("conv3",) * 4])
def test_foreign_ways_are_refused(wrong):
    with pytest.raises(SpaceError):
        position(NANO, wrong)
    with pytest.raises(SpaceError):
        path_at(CellSpace("small", 3, ("none", "conv3")), 2)
