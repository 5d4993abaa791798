"""Dominance and hypervolume against brute force and against Optuna's own."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna._hypervolume import compute_hypervolume
from optuna.study._multi_objective import _is_pareto_front

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
