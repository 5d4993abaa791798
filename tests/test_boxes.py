"""Boxes of what nobody dominates, against counted cells and against the hypervolume."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.models.boxes import boxes
from workbench.models.pareto import hypervolume

few_values = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, np.inf])


@settings(max_examples=60, deadline=None)
@given(arrays(float, st.tuples(st.integers(0, 7), st.integers(1, 4)), elements=few_values))
def test_boxes_are_disjoint_and_fill_exactly_what_nobody_dominates(Y):
    m = Y.shape[1]
    r = np.full(m, 1.25)
    low, high = boxes(Y, r)
    assert (low < high).all()
    for z in itertools.product(np.arange(-0.125, 1.25, 0.25), repeat=m):  # middles of all cells
        inside = int(((low <= z) & (np.array(z) < high)).all(axis=1).sum())
        assert inside == (not any((y <= np.array(z)).all() for y in Y))


def sphere(K, m):
    """K rows that do not dominate each other."""
    Y = np.abs(np.random.default_rng(K + m).standard_normal((K, m)))
    return Y / np.linalg.norm(Y, axis=1, keepdims=True)


@pytest.mark.parametrize(("m", "K"), [(2, 1), (2, 200), (3, 80), (4, 30), (5, 8)])
def test_boxes_and_what_is_dominated_make_up_everything_below_the_reference(m, K):
    Y, r = sphere(K, m), np.full(m, 1.1)
    low, high = boxes(Y, r)
    free = np.prod(high - np.maximum(low, 0.0), axis=1).sum()  # no row lies below 0
    assert free + hypervolume(Y, r) == pytest.approx(1.1**m, rel=1e-12)


def test_two_losses_need_a_box_more_than_rows_and_three_at_most_twice_as_many_and_one():
    assert len(boxes(sphere(60, 2), np.full(2, 1.1))[0]) == 61
    assert len(boxes(sphere(60, 3), np.full(3, 1.1))[0]) <= 2 * 60 + 1


def test_rows_beyond_the_reference_do_not_count():
    Y = np.array([[0.5, 0.5], [0.0, 2.0], [np.inf, 0.0]])
    for ours, alone in zip(boxes(Y, np.ones(2)), boxes(Y[:1], np.ones(2)), strict=True):
        np.testing.assert_array_equal(ours, alone)
