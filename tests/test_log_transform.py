"""Losses on SMAC's log scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.models.log_transform import LogTransform


def test_targets_are_standardised_logarithms_of_the_distance_to_a_value_below_the_best():
    y = np.arange(1.0, 102.0)
    z = LogTransform.of(y).forward(y)
    expected = np.log(y - (1 - 5))  # the 5 % quantile is 6, five above the best
    np.testing.assert_allclose(z, (expected - expected.mean()) / expected.std(), atol=1e-12)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_inverse_undoes_forward_and_order_is_kept(values):
    y = np.array(values)
    transform = LogTransform.of(y)
    z = transform.forward(y)
    assert np.isfinite(z).all()
    np.testing.assert_allclose(transform.inverse(z), y, rtol=1e-6, atol=1e-6 * (np.ptp(y) + 1e-9))
    assert (np.diff(z[np.argsort(y)]) >= 0).all()


def test_the_good_ones_are_spread_out():
    y = np.concatenate([np.linspace(0, 1, 20), np.linspace(10, 100, 20)])
    z = LogTransform.of(y).forward(y)
    assert z[19] - z[0] > 0.6 * (z[-1] - z[20])  # a hundredth of the distance, more than half of the width


def test_many_equal_best_losses_do_not_end_up_far_from_the_rest():
    y = np.concatenate([np.full(20, 0.02), np.linspace(0.03, 0.9, 40)])
    z = LogTransform.of(y).forward(y)
    assert z.min() > -3


@pytest.mark.parametrize("y", [[np.inf] * 4, [1.0] * 4, [1e300, -1e300, 0.0], [1e-300, 0.0, 3e-310], [0.0, np.inf], [5.0],
                               [0.0] * 8 + [1e12], [1e9 + 1e-3, 1e9, 1e9 + 2]])
def test_strange_losses_have_finite_targets(y):
    y = np.array(y)
    transform = LogTransform.of(y)
    z = transform.forward(y)
    assert np.isfinite(z).all()
    assert np.abs(z).max() < 10
    assert np.isfinite(transform.inverse(z + 3)).all()
    if np.isinf(y).any() and np.isfinite(y).any():
        assert z[np.isinf(y)].max() == z.max()
