"""The posterior of the combination: the sampler of blocks against a density that can be integrated, the prior, the starts."""

import numpy as np
import pytest

from workbench.models import curve_posterior
from workbench.models.curve_families import FAMILIES
from workbench.models.curve_posterior import HIGH, LOW, Ensemble, curves, draw, recency_weights

X = np.arange(1.0, 16.0)
Y = 0.1 + 0.6 * (1 - X**-0.7) / (1 - 15**-0.7)


def test_all_families_side_by_side_are_each_family_alone():
    U = LOW + (HIGH - LOW) * np.random.default_rng(0).random((5, len(LOW)))
    F = curves(X, U)
    assert F.shape == (11, 5, 15)
    for k, family in enumerate(FAMILIES):
        np.testing.assert_allclose(F[k], family.at(X, U[:, curve_posterior.COLUMNS[k]]), rtol=1e-12)


def test_newer_points_count_up_to_ten_times_as_much_and_one_on_average():
    r = recency_weights(20)
    assert r.mean() == pytest.approx(1.0)
    assert r[-1] / r[0] == pytest.approx(10 ** (19 / 20))
    np.testing.assert_array_equal(recency_weights(1), [1.0])


def test_walkers_start_inside_the_box_and_describe_the_curve():
    ensemble = Ensemble(X, Y, 100.0, np.random.default_rng(0))
    assert ((ensemble.U >= LOW) & (ensemble.U <= HIGH)).all()
    w = np.exp(ensemble.V)
    f = np.einsum("wk,kwm->wm", w, ensemble.F) / w.sum(axis=1, keepdims=True)
    assert np.median(np.abs(f[:, :-1] - Y)) < 0.05


def test_what_a_walker_remembers_is_what_its_coordinates_say():
    ensemble = Ensemble(X, Y, 100.0, np.random.default_rng(1))
    for _ in range(3):
        ensemble.sweep()
    np.testing.assert_allclose(ensemble.F, curves(np.append(X, 100.0), ensemble.U), rtol=1e-12)


def test_the_log_likelihood_is_the_one_written_down():
    ensemble = Ensemble(X, Y, 100.0, np.random.default_rng(2))
    f = np.vstack([np.append(Y, 0.8), np.append(Y + 0.01, 0.69), np.append(Y, 5.02)])
    expected = [0.0, -0.5 * (15 * 0.01**2 / 0.04 + 2.0**2), -0.5 * 2.0**2]
    np.testing.assert_allclose(ensemble.log_likelihood(f, np.full(3, 0.04)), expected, atol=1e-9)


def test_without_data_that_say_anything_the_weights_have_their_dirichlet_prior(monkeypatch):
    """A likelihood that is always 0 leaves the prior of the blocks: weights ~ Dirichlet, coordinates uniform in the box."""
    monkeypatch.setattr(Ensemble, "log_likelihood", lambda self, f, variance: np.zeros(len(f)))
    rng = np.random.default_rng(3)
    ensemble, U, W = Ensemble(X, Y, 100.0, rng), [], []
    for t in range(1500):
        ensemble.sweep()
        if t >= 500:
            U.append(ensemble.U.copy())
            W.append(np.exp(ensemble.V))
    position = (np.concatenate(U) - LOW) / (HIGH - LOW)
    np.testing.assert_allclose(position.mean(axis=0), 0.5, atol=0.06)
    np.testing.assert_allclose(position.var(axis=0), 1 / 12, atol=0.02)
    # unnormalised weights ~ Gamma(c): mean c, variance c
    c = curve_posterior.CONCENTRATION
    weights = np.concatenate(W)
    assert weights.mean() == pytest.approx(c, rel=0.15)
    assert weights.var() == pytest.approx(c, rel=0.4)


def test_draws_are_weights_that_sum_to_one_inside_the_box_and_the_same_for_the_same_seed():
    one, two = (draw(X, Y, 60.0, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one.U, two.U)
    np.testing.assert_array_equal(one.w, two.w)
    np.testing.assert_allclose(one.w.sum(axis=1), 1.0)
    assert (one.w >= 0).all() and (one.sigma > 0).all()
    assert ((one.U >= LOW) & (one.U <= HIGH)).all()
    assert one.combination(X).shape == (len(one.w), 15)
    assert (one.accepted > 0.1).all()


def test_no_draw_falls_far_below_the_last_point():
    draws = draw(X, Y, 60.0, np.random.default_rng(5))
    f = draws.combination(np.array([15.0, 60.0]))
    assert (f[:, 1] > f[:, 0] - 5 * curve_posterior.FALL).all()
