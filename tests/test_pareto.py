"""Dominance, ranks, crowding and hypervolume against brute force and against Optuna's own."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna._hypervolume import compute_hypervolume
from optuna.study._multi_objective import _fast_non_domination_rank, _is_pareto_front

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
    assert (pareto.ranks(Y) == 0).tolist() == by_hand


@settings(max_examples=100, deadline=None)
@given(losses)
def test_a_rank_is_one_more_than_the_highest_rank_that_dominates_it(Y):
    rank = pareto.ranks(Y)
    for i, a in enumerate(Y):
        above = [rank[j] for j, b in enumerate(Y) if worse(a, b)]
        assert rank[i] == max(above, default=-1) + 1


@pytest.mark.parametrize("m", [2, 3, 4])
def test_ranks_and_fronts_are_optunas(m):
    Y = np.random.default_rng(m).integers(0, 6, (200, m)).astype(float)
    np.testing.assert_array_equal(pareto.ranks(Y), _fast_non_domination_rank(Y))
    np.testing.assert_array_equal(pareto.non_dominated(Y), _is_pareto_front(Y, assume_unique_lexsorted=False))


def test_many_rows_are_compared_in_pieces():
    Y = np.random.default_rng(0).random((1300, 3))
    np.testing.assert_array_equal(pareto.non_dominated(Y), _is_pareto_front(Y, assume_unique_lexsorted=False))


def test_the_crowding_distance_is_that_of_the_papers_figure():
    """Half the perimeter of the cuboid between the neighbours, each loss divided by its range."""
    Y = np.array([[0.0, 4.0], [1.0, 2.0], [2.0, 1.5], [4.0, 0.0]])
    np.testing.assert_allclose(pareto.crowding_distance(Y)[1:3], [2 / 4 + 2.5 / 4, 3 / 4 + 2 / 4])
    assert np.isinf(pareto.crowding_distance(Y)[[0, 3]]).all()


@given(arrays(float, st.tuples(st.integers(0, 8), st.integers(1, 3)), elements=few_values))
def test_the_crowding_distance_is_never_nan_and_constant_losses_crowd_nothing(Y):
    distance = pareto.crowding_distance(Y)
    assert not np.isnan(distance).any()
    assert (pareto.crowding_distance(np.ones((5, 2))) == 0).all()


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


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_the_curve_holds_the_hypervolume_of_every_prefix(m):
    Y = np.random.default_rng(m).random((25, m))
    Y[3] = np.inf
    Y[10] = Y[9]
    r = np.full(m, 0.8)
    np.testing.assert_allclose(pareto.hypervolume_curve(Y, r), [pareto.hypervolume(Y[:k], r) for k in range(1, 26)],
                               atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(arrays(float, st.tuples(st.integers(0, 7), st.integers(1, 4)), elements=few_values))
def test_boxes_are_disjoint_and_fill_exactly_what_nobody_dominates(Y):
    m = Y.shape[1]
    r = np.full(m, 1.25)
    low, high = pareto.boxes(Y, r)
    assert (low < high).all()
    for z in itertools.product(np.arange(-0.125, 1.25, 0.25), repeat=m):  # middles of all cells
        inside = int(((low <= z) & (np.array(z) < high)).all(axis=1).sum())
        assert inside == (not any((y <= np.array(z)).all() for y in Y))


def test_three_losses_need_about_twice_as_many_boxes_as_points():
    Y = np.abs(np.random.default_rng(1).standard_normal((60, 3)))
    Y /= np.linalg.norm(Y, axis=1, keepdims=True)  # all on a sphere: nobody dominates
    assert len(pareto.boxes(Y, np.full(3, 1.1))[0]) <= 2 * 60 + 1


def test_the_crowded_order_goes_by_rank_then_by_room():
    Y = np.array([[3.0, 3.0], [0.0, 1.0], [0.5, 0.45], [0.55, 0.4], [1.0, 0.0]])
    order = pareto.crowded_order(Y).tolist()
    assert set(order[:2]) == {1, 4}
    assert order[-1] == 0
