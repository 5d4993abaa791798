"""Quasi-random search: the sequence by the number of trials, its evenness, and what replaces a point."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import qmc

import workbench as wb
from workbench.history import History
from workbench.search.quasi_random import BLOCK

PLANE = wb.Space(a=wb.Float(0, 1), b=wb.Float(1e-6, 1, log=True))
SEQUENCES = pytest.mark.parametrize("sequence", ["sobol", "halton"])


def visit(space, n, sequence="sobol", *, seed=0, workers=1):
    """Try n points; with several workers the oldest running one finishes first."""
    x, pending, whys = np.empty((0, len(space))), np.empty((0, len(space))), []
    for i in range(n):
        s = wb.QuasiRandom(sequence).suggest(History.of(space, x, np.zeros(len(x)), pending=pending, seed=seed),
                                             np.random.default_rng(i))
        pending, whys = np.vstack([pending, s.x]), [*whys, s.why.how]
        if len(pending) >= workers:
            x, pending = np.vstack([x, pending[:1]]), pending[1:]
    return np.vstack([x, pending]), whys


def test_it_is_scipys_scrambled_sequence():
    x, whys = visit(PLANE, 8)
    expected = qmc.Sobol(2, scramble=True, seed=np.random.default_rng([0, 0, 2])).random(8)
    np.testing.assert_allclose(x, expected, rtol=0, atol=1e-15)
    assert whys[2] == "scrambled Sobol point 3"
    halton = qmc.Halton(2, scramble=True, seed=np.random.default_rng([0, 0, 2])).random(8)
    np.testing.assert_allclose(visit(PLANE, 8, "halton")[0], halton, rtol=0, atol=1e-15)


@SEQUENCES
def test_the_sequence_goes_on_over_the_border_of_a_block(sequence):
    make = {"sobol": qmc.Sobol, "halton": qmc.Halton}[sequence]
    whole = make(2, scramble=True, seed=np.random.default_rng([3, 0, 2])).random(2 * BLOCK)
    for n in (BLOCK - 1, BLOCK, 2 * BLOCK - 1):
        history = History.of(PLANE, whole[:n], np.zeros(n), seed=3)
        x = wb.QuasiRandom(sequence).suggest(history, np.random.default_rng(0)).x
        np.testing.assert_allclose(x, whole[n], rtol=0, atol=1e-12)


def test_the_first_power_of_two_of_sobol_points_fills_every_cell_once():
    x, _ = visit(PLANE, 64)
    for column in x.T:
        assert sorted((column * 64).astype(int)) == list(range(64))


@SEQUENCES
def test_points_are_spread_more_evenly_than_random_ones(sequence):
    random = np.median([qmc.discrepancy(np.random.default_rng(s).random((50, 2))) for s in range(20)])
    assert max(qmc.discrepancy(visit(PLANE, 50, sequence, seed=s)[0]) for s in range(5)) < 0.4 * random


@SEQUENCES
def test_several_workers_get_the_same_points_and_seeds_other_ones(sequence):
    alone, _ = visit(PLANE, 30, sequence)
    np.testing.assert_array_equal(visit(PLANE, 30, sequence, workers=4)[0], alone)
    assert not np.isclose(visit(PLANE, 30, sequence, seed=1)[0], alone).any()


def test_rows_of_other_origin_count_as_trials():
    foreign = np.array([[0.1, 0.2], [0.3, 0.4]])
    history = History.of(PLANE, foreign, np.zeros(2), pending=np.array([[0.5, 0.6]]))
    x = wb.QuasiRandom().suggest(history, np.random.default_rng(0)).x
    np.testing.assert_array_equal(x, visit(PLANE, 4)[0][3])


def test_a_forbidden_point_is_replaced_and_all_others_stay():
    space = wb.Space(a=wb.Float(0, 1), c=wb.Choice("x", "y", "z"), forbidden=[{"c": "y"}])
    free = wb.Space(space.params)
    x, whys = visit(space, 40)
    plain, _ = visit(free, 40)
    bad = space.is_forbidden(plain)
    assert 5 < bad.sum() < 25
    np.testing.assert_array_equal(x[~bad], plain[~bad])
    assert not space.is_forbidden(x).any()
    assert [w.startswith("in the place of Sobol point") for w in whys] == bad.tolist()


def test_a_discrete_space_is_searched_through_before_anything_repeats():
    space = wb.Space(a=wb.Int(1, 6), b=wb.Choice("x", "y"), c=wb.Int(1, 3, when={"b": "x"}), forbidden=[{"a": 6, "b": "y"}])
    x, whys = visit(space, 6 * 3 + 5 + 1, workers=3)
    assert len(np.unique(np.nan_to_num(x[:-1], nan=-1), axis=0)) == 23
    assert whys[-1] == "random repeat: every configuration has been tried"


def test_inactive_parameters_are_left_out():
    space = wb.Space(b=wb.Choice("x", "y"), c=wb.Float(0, 1, when={"b": "x"}), d=wb.Float(0, 1))
    x, _ = visit(space, 32)
    np.testing.assert_array_equal(np.isnan(x), ~space.active(x))
    assert np.isnan(x[:, 1]).sum() == 16, "the options come equally often in a power of two of points"


def test_very_many_dimensions_and_no_parameters():
    space = wb.Space({f"p{i}": wb.Float(0, 1) for i in range(300)})
    assert visit(space, 2)[0].shape == (2, 300)
    assert visit(wb.Space(), 1)[1] == ["the space has no parameters"]


def test_the_answer_depends_on_the_runs_seed_alone():
    history = replace(History.of(PLANE, np.empty((0, 2)), np.empty(0)), seed=5)
    a, b = (wb.QuasiRandom().suggest(history, np.random.default_rng(k)).x for k in (1, 2))
    np.testing.assert_array_equal(a, b)


def test_other_sequences_are_refused():
    with pytest.raises(ValueError, match="'sobol' or 'halton', got 'niederreiter'"):
        wb.QuasiRandom("niederreiter")
