"""Dominance, ranks, crowding and hypervolume against brute force and against Optuna's own."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna._hypervolume import compute_hypervolume
from optuna.samplers.nsgaii._elite_population_selection_strategy import _calc_crowding_distance
from optuna.study._multi_objective import _fast_non_domination_rank, _is_pareto_front
from optuna.trial import create_trial

from workbench.models import pareto

few_values = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 2.0, np.inf])
losses = st.tuples(st.integers(0, 12), st.integers(1, 5)).flatmap(lambda s: arrays(float, s, elements=few_values))


def worse(a, b):
    return all(p >= q for p, q in zip(a, b, strict=True)) and any(p > q for p, q in zip(a, b, strict=True))


@settings(max_examples=150, deadline=None)
@given(losses)
def test_the_pareto_set_is_what_no_other_row_dominates(Y):
    by_hand = [not any(worse(a, b) for b in Y) for a in Y]
    assert pareto.non_dominated(Y).tolist() == by_hand


@pytest.mark.parametrize("m", [2, 3, 4])
def test_fronts_are_optunas(m):
    Y = np.random.default_rng(m).integers(0, 6, (200, m)).astype(float)
    np.testing.assert_array_equal(pareto.non_dominated(Y), _is_pareto_front(Y, assume_unique_lexsorted=False))


def test_many_rows_are_compared_in_pieces():
    Y = np.random.default_rng(0).random((1300, 3))
    np.testing.assert_array_equal(pareto.non_dominated(Y), _is_pareto_front(Y, assume_unique_lexsorted=False))


@settings(max_examples=150, deadline=None)
@given(losses)
def test_a_rank_is_one_more_than_the_highest_rank_that_dominates_it(Y):
    rank = pareto.ranks(Y)
    for i, a in enumerate(Y):
        above = [rank[j] for j, b in enumerate(Y) if worse(a, b)]
        assert rank[i] == max(above, default=-1) + 1


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("levels", [6, 10**9])
def test_ranks_are_optunas(m, levels):
    Y = np.random.default_rng(m).integers(0, levels, (300, m)).astype(float)
    Y[5] = np.inf
    np.testing.assert_array_equal(pareto.ranks(Y), _fast_non_domination_rank(Y))


def by_the_papers_loop(Y):
    """The pseudocode of section III-B, on one front whose losses all differ."""
    distance = np.zeros(len(Y))
    for k in range(Y.shape[1]):
        I = np.argsort(Y[:, k])
        distance[I[0]] = distance[I[-1]] = np.inf
        for i in range(1, len(Y) - 1):
            distance[I[i]] += (Y[I[i + 1], k] - Y[I[i - 1], k]) / (Y[I[-1], k] - Y[I[0], k])
    return distance


@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_crowding_distance_is_the_papers_and_optunas_front_by_front(m):
    Y = np.random.default_rng(m).standard_normal((60, m))
    rank = np.random.default_rng(m).integers(0, 5, 60)
    distance = pareto.crowding_distance(Y, rank)
    for front in range(5):
        rows = np.flatnonzero(rank == front)
        np.testing.assert_allclose(distance[rows], by_the_papers_loop(Y[rows]))
        trials = [create_trial(values=list(y)) for y in Y[rows]]
        for number, trial in enumerate(trials):
            trial.number = number
        optunas = _calc_crowding_distance(trials)
        np.testing.assert_allclose(distance[rows], [optunas[k] for k in range(len(rows))])


def test_the_crowding_distance_is_that_of_the_papers_figure():
    """Half the perimeter of the cuboid between the neighbours, each loss divided by its range."""
    Y = np.array([[0.0, 4.0], [1.0, 2.0], [2.0, 1.5], [4.0, 0.0]])
    distance = pareto.crowding_distance(Y, np.zeros(4, dtype=int))
    np.testing.assert_allclose(distance[1:3], [2 / 4 + 2.5 / 4, 3 / 4 + 2 / 4])
    assert np.isinf(distance[[0, 3]]).all()


@given(arrays(float, st.tuples(st.integers(0, 8), st.integers(1, 3)),
              elements=st.sampled_from([-np.inf, -1.7e308, 0.0, 5e-324, 1.0, 1.7e308, np.inf])))
def test_the_crowding_distance_of_any_losses_is_a_number(Y):
    for rank in (pareto.ranks(Y), np.zeros(len(Y), dtype=int)):
        distance = pareto.crowding_distance(Y, rank)
        assert distance.shape == (len(Y),)
        assert (distance >= 0).all()


def test_a_loss_that_is_constant_within_a_front_crowds_nothing():
    rank = np.zeros(4, dtype=int)
    assert (pareto.crowding_distance(np.ones((4, 2)), rank) == 0).all()
    Y = np.stack([np.array([0.0, 1.0, 3.0, 4.0]), np.ones(4)], axis=1)
    np.testing.assert_allclose(pareto.crowding_distance(Y, rank), [np.inf, 0.75, 0.75, np.inf])


def by_grid(Y, r):
    """Hypervolume of points with coordinates in {0, .25, …, r}: count the cells of a grid of width 1/4."""
    cells = itertools.product(*(np.arange(0, limit, 0.25) for limit in r))
    return sum(any((y <= np.array(c)).all() for y in Y) for c in cells) * 0.25 ** len(r)


@settings(max_examples=40, deadline=None)
@given(arrays(float, st.tuples(st.integers(0, 6), st.integers(1, 4)), elements=few_values), st.sampled_from([0.75, 1.0, 1.25]))
def test_the_hypervolume_is_the_number_of_dominated_cells(Y, limit):
    r = np.full(Y.shape[1], limit)
    assert pareto.hypervolume(Y, r) == pytest.approx(by_grid(Y, r), abs=1e-12)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_the_hypervolume_is_optunas(m):
    rng = np.random.default_rng(m)
    for n in (1, 2, 20, 40):
        Y = rng.random((n, m)) ** 2
        assert pareto.hypervolume(Y, np.full(m, 0.9)) == pytest.approx(
            compute_hypervolume(np.minimum(Y, 0.9), np.full(m, 0.9)), rel=1e-12)  # Optuna wants no row beyond the reference


def test_points_on_or_beyond_the_reference_count_nothing_and_a_reference_is_finite():
    assert pareto.hypervolume(np.array([[0.0, 1.0], [0.2, 3.0], [np.inf, 0.0]]), np.ones(2)) == 0.0
    with pytest.raises(ValueError, match="must be finite, got"):
        pareto.hypervolume(np.zeros((1, 2)), np.array([1.0, np.inf]))
