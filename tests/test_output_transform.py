"""Losses made fit for a Gaussian process, and back."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.models.output_transform import OutputTransform


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_inverse_undoes_forward(losses):
    y = np.array(losses)
    t = OutputTransform.of(y)
    # compression divides differences by up to e^300, but a loss this far out is at most 1e6 of its scale
    scale = np.abs(y).max() + 1e-300
    assert t.inverse(t.forward(y)) / scale == pytest.approx(y / scale, abs=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_the_order_of_losses_is_kept(losses):
    y = np.sort(np.array(losses))
    assert (np.diff(OutputTransform.of(y).forward(y)) >= -1e-12).all()  # ties up to rounding


def test_targets_have_mean_0_and_deviation_1():
    z_of = OutputTransform.of(np.array([3.0, 1.0, 2.0, 7.0, 2.5]))
    z = z_of.forward(np.array([3.0, 1.0, 2.0, 7.0, 2.5]))
    assert z.mean() == pytest.approx(0, abs=1e-15)
    assert z.std() == pytest.approx(1, rel=1e-14)


def test_an_outlier_hardly_squeezes_the_others():
    rng = np.random.default_rng(0)
    y = rng.random(20)
    z = OutputTransform.of(np.append(y, 1e12)).forward(np.append(y, 1e12))
    assert np.ptp(z[:20]) > 0.1  # plain standardising leaves 1e-12 of it
    assert z[20] == z.max()


def test_without_outliers_the_transform_is_plain_standardising():
    y = np.array([0.1, 0.4, 0.2, 0.5, 0.3])
    assert OutputTransform.of(y).forward(y) == pytest.approx((y - y.mean()) / y.std(), rel=1e-12)


def test_losses_that_are_not_finite_count_as_the_worst():
    y = np.array([1.0, np.inf, 3.0, np.nan, 2.0])
    z = OutputTransform.of(y).forward(y)
    assert z[1] == z[3] == z[2] == z.max()


@pytest.mark.parametrize("y", [[5.0, 5.0, 5.0], [np.inf, np.nan], [0.0], [1e9, 1e9], [1e300, 1e300], [1e-300, 1e-300]])
def test_losses_without_any_spread_become_zeros(y):
    t = OutputTransform.of(np.array(y))
    assert t.forward(np.array(y)) == pytest.approx(np.zeros(len(y)), abs=1e-12)


@pytest.mark.parametrize("y", [[0.0, 1e300], [-1e300, 0.0, 1e300], [1e-14, 2e-14, 3e-14], [1e9, 1e9 + 1e-3]])
def test_extreme_scales_neither_overflow_nor_vanish(y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t = OutputTransform.of(np.array(y))
        z = t.forward(np.array(y))
        assert np.isfinite(t.inverse(z + 100.0)).all()
    assert np.isfinite(z).all()
    assert np.ptp(z) > 0.5


@pytest.mark.parametrize("y", [[0.0, 4.0, 2.2e-308], [0.0, 1.0, 5.9e-192], [1.0, 1.0 + 1e-15, 1.0 + 2e-15, 5.0]])
def test_tiny_spreads_beside_an_outlier_come_back(y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t = OutputTransform.of(np.array(y))
        assert t.inverse(t.forward(np.array(y))) == pytest.approx(np.array(y), abs=1e-9)
