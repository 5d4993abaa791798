"""Cells with two inputs: counted as in the paper, written up to the numbers of nodes, sized as published, there and back."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConfigError, SpaceError
from workbench.nas.presets import (
    AMOEBANET_A,
    DARTS_SECOND_ORDER,
    INCEPTION_BLOCK,
    NASNET_A,
    P_DARTS,
    PUBLISHED,
    RESIDUAL_BLOCK,
    block_graph,
)
from workbench.nas.two_input_cells import DARTS_CELLS, Genotype, TwoInputCell, TwoInputCells
from workbench.nas.two_input_size import genotype_size, operation_size

TINY = TwoInputCells("tiny", 2, ("skip_connect", "sep_conv_3x3"))


def renumbered(cell, order):
    """The same cell with its nodes in another order; None if something is read before it is there."""
    number = {0: 0, 1: 1} | {old: new for new, old in enumerate(order, start=2)}
    nodes = [tuple((op, number[i]) for op, i in cell.nodes[old - 2]) for old in order]
    if any(i >= j for j, parts in enumerate(nodes, start=2) for _, i in parts):
        return None
    return TwoInputCell(tuple(nodes), tuple(number[k] for k in cell.concat))


def test_there_are_as_many_as_the_paper_says():
    """DARTS, appendix: about 10⁹ cells of either kind, so about 10¹⁸ pairs."""
    assert DARTS_CELLS.n_cells == 1 * 3 * 6 * 10 * 7**8 == 1_037_664_180
    assert DARTS_CELLS.n_architectures == DARTS_CELLS.n_cells**2


def test_the_size_of_p_darts_is_that_of_the_published_program():
    """Counted by a user with torch: 3,433,798 without the auxiliary head (chenxin061/pdarts, a report of May 2019)."""
    assert genotype_size(P_DARTS).parameters == 3_433_798


def test_the_sizes_of_darts_are_those_of_the_papers_table():
    """DARTS, table 1: 3.3 million parameters (second order); the first order cell is a little smaller."""
    assert genotype_size(DARTS_SECOND_ORDER).parameters / 1e6 == pytest.approx(3.3, abs=0.05)


@given(st.integers(0, 2**32 - 1))
def test_cells_lead_back_to_their_configuration(seed):
    config = DARTS_CELLS.space.sample(1, np.random.default_rng(seed))[0]
    assert DARTS_CELLS.config(DARTS_CELLS.genotype(config)) == config
    assert json.loads(json.dumps(config)) == config


@given(st.integers(0, 2**32 - 1))
def test_the_canonical_form_does_not_know_the_numbers_of_nodes(seed):
    cell = DARTS_CELLS.genotype(DARTS_CELLS.space.sample(1, np.random.default_rng(seed))[0]).normal
    same = [c for order in itertools.permutations(range(2, 6)) if (c := renumbered(cell, order)) is not None]
    assert {c.canonical() for c in same} == {cell.canonical()}
    swapped = TwoInputCell(tuple((b, a) for a, b in cell.nodes), cell.concat)
    assert swapped.canonical() == cell.canonical()


def test_distinct_cells_are_counted_by_brute_force():
    cells = list(TINY.cells())
    assert len(cells) == TINY.n_cells == len(set(cells))
    classes = []
    for cell in cells:
        same = {renumbered(c, o) for o in itertools.permutations((2, 3)) for c in (cell,)} - {None}
        same |= {TwoInputCell(tuple(tuple(sorted(p, key=lambda q: q[1])) for p in c.nodes), tuple(sorted(c.concat))) for c in same}
        if not any(c in seen for seen in classes for c in same):
            classes.append(same)
    assert TINY.count_distinct() == len(classes) ** 2 == 1764


def test_nasnet_is_outside_of_the_space_and_can_be_drawn():
    with pytest.raises(SpaceError, match="4 nodes"):
        DARTS_CELLS.config(NASNET_A)
    g = NASNET_A.normal.graph("NASNet-A")
    assert g.inputs == (0, 1) and len(g.nodes) == 2 + 5 + 1 and len(g.edges) == 10 + 5 and all(g.alive)


def test_in_the_reduction_cells_of_nasnet_what_is_read_is_not_put_out():
    for genotype in (NASNET_A, AMOEBANET_A):
        cell = genotype.reduce
        read = {i for parts in cell.nodes for _, i in parts}
        assert set(cell.concat) == set(range(2, len(cell.nodes) + 2)) - read


@pytest.mark.parametrize("name", [n for n in PUBLISHED if "DARTS" in n])
def test_published_cells_of_darts_belong_to_the_space(name):
    config = DARTS_CELLS.config(PUBLISHED[name])
    assert DARTS_CELLS.canonical(config | {"lr": 1}) == PUBLISHED[name].canonical()
    assert all(DARTS_CELLS.graph(config, kind).alive[0] for kind in ("normal", "reduce"))


def test_operations_that_cannot_be_counted_say_so():
    with pytest.raises(SpaceError, match="conv_7x1"):
        genotype_size(AMOEBANET_A)
    assert operation_size("sep_conv_3x3", 16, (8, 8), halves=False).parameters == 2 * (16 * 9 + 16 * 16 + 32)


def test_blocks_of_structure_codes_are_graphs():
    residual, inception = block_graph(RESIDUAL_BLOCK), block_graph(INCEPTION_BLOCK)
    assert {(e.source, e.target) for e in residual.edges} == {(0, 1), (1, 2), (2, 3), (1, 4), (3, 4), (4, 5)}
    assert all(residual.alive) and all(inception.alive)
    assert [n.label for n in inception.nodes].count("concat") == 2


@pytest.mark.parametrize("wrong", [[(1, 1, 3, 0, 0)], [(2, 1, 3, 0, 0), (3, 7, 0, 0, 0)], [(1, 1, 3, 1, 0), (2, 7, 0, 0, 0)],
                                   [(1, 7, 0, 0, 0), (2, 1, 3, 0, 0)], [(1, 1, 3, 0, 0), (2, 1, 3, 0, 1), (3, 7, 0, 0, 0)],
                                   [(1, 9, 3, 0, 0), (2, 7, 0, 0, 0)]])
def test_codes_that_break_the_rules_are_refused(wrong):
    with pytest.raises(SpaceError):
        block_graph(wrong)


def test_what_is_no_cell_is_refused():
    with pytest.raises(SpaceError, match="node 2"):
        TwoInputCell(((("skip_connect", 2), ("skip_connect", 0)),), (2,))
    with pytest.raises(SpaceError, match="output"):
        TwoInputCell(((("skip_connect", 1), ("skip_connect", 0)),), (3,))
    with pytest.raises(SpaceError, match="even number"):
        TwoInputCell.of_pairs([("skip_connect", 1)], (2,))
    for wrong in ({"n_nodes": 0}, {"operations": ("none", "skip_connect")}, {"operations": ("skip_connect",)}):
        with pytest.raises(SpaceError):
            TwoInputCells("wrong", **wrong)
    with pytest.raises(ConfigError):
        DARTS_CELLS.genotype({})
    with pytest.raises(SpaceError, match="looking at all"):
        DARTS_CELLS.count_distinct()
    same = TwoInputCell(((("skip_connect", 0), ("sep_conv_3x3", 0)),) * 2, (2, 3))
    with pytest.raises(SpaceError, match="two different"):
        TINY.config(Genotype(same, same))
