"""Random search that trains no cell twice."""

import numpy as np

import workbench as wb
from workbench.history import Drawn, History
from workbench.nas.cells import NANO, NASBENCH201, CellSpace
from workbench.nas.random_search import RandomCells, cells_of

TINY = CellSpace("tiny", 3, ("none", "skip", "conv3"))  # 27 strings, 9 different cells


def test_a_space_of_choices_on_all_edges_is_told_to_be_of_cells():
    for cells in (NANO, NASBENCH201, TINY):
        assert cells_of(cells.space).operations == cells.operations
        assert cells_of(cells.space).edges == cells.edges
    assert cells_of(wb.Space(e01=wb.Choice("a", "b"), e02=wb.Choice("a", "b"))) is None  # an edge is missing
    assert cells_of(wb.Space(e01=wb.Choice("a", "b"), e02=wb.Choice("a", "b"), e12=wb.Choice("a", "c"))) is None
    assert cells_of(wb.Space(e01=wb.Choice("a", "b", when={"x": 1}), x=wb.Choice(1, 2))) is None
    assert cells_of(wb.Space(x=wb.Float(0, 1))) is None
    assert cells_of(wb.Space(e01=wb.Choice("a", "b", ordered=True))) is None


def told(cells, n, seed=0):
    x, whys, memo = np.empty((0, len(cells.space))), [], {}
    for k in range(n):
        h = History.of(cells.space, x, np.zeros(k))
        s = RandomCells().suggest(History(h.space, h.x, h.y, h.pending, h.steps, 0, memo), np.random.default_rng([seed, k]))
        x, whys = np.vstack([x, s.x]), [*whys, s.why]
    return [cells.canonical(cells.architecture(cells.space.from_unit(row))) for row in x], whys


def test_no_cell_comes_twice_until_all_have_come():
    n = TINY.count_distinct()
    forms, whys = told(TINY, n + 1)
    assert set(forms[:n]) == set(TINY.distinct())
    assert len(set(forms[:n])) == n
    assert "every different cell has been tried" in whys[n].how


def test_plain_random_search_repeats_cells_and_this_one_does_not():
    forms, whys = told(NANO, 120)
    assert len(set(forms)) == 120
    assert all(isinstance(w, Drawn) for w in whys)
    rng = np.random.default_rng(0)
    plain = {NANO.canonical(NANO.sample(rng)) for _ in range(120)}
    assert len(plain) < 110


def test_running_ones_count_as_tried():
    x = TINY.space.sample_unit(300, np.random.default_rng(0))
    form = {row.tobytes(): TINY.canonical(TINY.architecture(TINY.space.from_unit(row))) for row in x}
    one_each = {f: row for row in x if (f := form[row.tobytes()])}
    rows = np.array(list(one_each.values()))
    history = History.of(TINY.space, rows[:4], np.zeros(4), pending=rows[4:8])
    left = set(one_each) - {form[row.tobytes()] for row in rows[:8]}
    for seed in range(20):
        s = RandomCells().suggest(history, np.random.default_rng(seed))
        assert TINY.canonical(TINY.architecture(TINY.space.from_unit(s.x))) in left


def test_elsewhere_no_configuration_comes_twice():
    space = wb.Space(a=wb.Int(0, 2), b=wb.Choice(*"wxyz"))
    x = np.empty((0, 2))
    for k in range(12):
        x = np.vstack([x, RandomCells().suggest(History.of(space, x, np.zeros(k)), np.random.default_rng(k)).x])
    assert len({tuple(row) for row in x}) == 12
