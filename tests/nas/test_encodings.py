"""Codes of architectures: what is a column, what equal cells share, and which spaces are spaces of cells."""

import numpy as np
import pytest

import workbench as wb
from workbench.nas.cell_paths import n_paths, path_encoding
from workbench.nas.cells import NANO, NASBENCH201, CellSpace
from workbench.nas.encodings import ENCODINGS, adjacency, cells_of, distinct_encoded, encode, one_hot, paths

SOME = [NANO.sample(np.random.default_rng(i)) for i in range(30)]


def test_one_hot_codes_name_one_operation_for_each_edge():
    code = one_hot(NANO, SOME)
    assert code.shape == (30, 24)
    for row, a in zip(code.reshape(30, 6, 4), SOME, strict=True):
        assert [NANO.operations[k] for k in row.argmax(1)] == list(a)
    np.testing.assert_array_equal(code.reshape(30, 6, 4).sum(2), 1)


def test_adjacency_codes_say_what_carries_and_where_its_operation_stands_in_the_list():
    a = ("none", "skip", "conv3", "pool3", "none", "conv3")
    np.testing.assert_allclose(adjacency(NANO, [a])[0], [0, 1, 1, 1, 0, 1, 0, 1 / 3, 2 / 3, 1, 0, 2 / 3])


def test_path_codes_are_those_of_one_architecture_at_a_time():
    code = paths(NANO, SOME)
    assert code.shape == (30, n_paths(NANO)) == (30, 3 + 9 + 27)
    for row, a in zip(code, SOME, strict=True):
        np.testing.assert_array_equal(row, path_encoding(NANO, a))


def test_a_path_code_sees_no_dead_edge_and_a_one_hot_code_does():
    dead = ("conv3", "none", "none", "skip", "none", "none")  # node 1 leads nowhere
    other = ("pool3", "none", "none", "skip", "none", "none")
    assert NANO.canonical(dead) == NANO.canonical(other)
    np.testing.assert_array_equal(paths(NANO, [dead]), paths(NANO, [other]))
    assert (one_hot(NANO, [dead]) != one_hot(NANO, [other])).any()


@pytest.mark.parametrize("name", ENCODINGS)
def test_encode_takes_the_name_of_an_encoding(name):
    assert len(encode(name, NANO, SOME)) == 30
    architectures, code = distinct_encoded(NANO, name)
    assert len(architectures) == len(code) == 951
    assert not code.flags.writeable
    assert encode(name, NANO, []).shape == (0, code.shape[1])


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ValueError, match="encoding must be one of one_hot, adjacency, path"):
        encode("graph", NANO, SOME)


@pytest.mark.parametrize("cells", [NANO, NASBENCH201, CellSpace("cells", 5, ("none", "skip", "conv3"))])
def test_the_space_of_cells_is_recognised(cells):
    assert cells_of(cells.space) == cells


@pytest.mark.parametrize("space", [
    wb.Space(), wb.Space(x=wb.Float(0, 1)), wb.Space(e01=wb.Choice(1, 2)), wb.Space(e01=wb.Choice("a")),
    wb.Space(e01=wb.Choice("none", "conv3"), e02=wb.Choice("none", "conv3")),
    wb.Space(a=wb.Choice("none", "conv3")),
    wb.Space(e01=wb.Choice("none", "x"), e02=wb.Choice("none", "x"), e12=wb.Choice("none", "y"))])
def test_other_spaces_are_no_cells(space):
    assert cells_of(space) is None
