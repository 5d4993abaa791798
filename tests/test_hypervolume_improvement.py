"""Expected hypervolume improvement against draws, against EI and against finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.models.acquisition import log_expected_improvement
from workbench.models.boxes import boxes
from workbench.models.hypervolume_improvement import HypervolumeImprovement
from workbench.models.pareto import hypervolume

FRONTS = {2: np.array([[0.1, 0.9], [0.3, 0.6], [0.35, 0.3], [0.8, 0.1]]),
          3: np.array([[0.1, 0.9, 0.4], [0.3, 0.6, 0.5], [0.8, 0.1, 0.3], [0.5, 0.5, 0.1]])}


def improvement(m):
    return HypervolumeImprovement.of(*boxes(FRONTS[m], np.full(m, 1.1)))


def gained(front, r, y):
    """Hypervolume that each row of y adds to the front: its own box, less what the front dominates of it."""
    out = np.prod(np.maximum(r - y, 0.0), axis=1)
    for k in range(1, 2 ** len(front)):  # by inclusion and exclusion
        some = front[[bool(k >> i & 1) for i in range(len(front))]]
        out += (-1) ** len(some) * np.prod(np.maximum(r - np.maximum(y, some.max(axis=0)), 0.0), axis=1)
    return out


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("mean", [0.2, 0.45, 0.9])
def test_the_exact_value_is_the_mean_of_a_million_draws(m, mean):
    rng = np.random.default_rng(m)
    mu, sd, r = mean + np.array([0.0, 0.1, -0.1])[:m], np.array([0.3, 0.15, 0.2])[:m], np.full(m, 1.1)
    draws = gained(FRONTS[m], r, mu + sd * rng.standard_normal((1_000_000, m)))
    exact = np.exp(improvement(m)(mu[None], sd[None]))[0]
    assert exact == pytest.approx(draws.mean(), abs=5 * draws.std() / 1000)  # five standard errors


@pytest.mark.parametrize("m", [2, 3])
def test_a_point_that_is_certain_gains_what_the_hypervolume_grows_by(m):
    r, new = np.full(m, 1.1), np.random.default_rng(0).random((20, m))
    exact = np.exp(improvement(m)(new, np.full((20, m), 1e-9)))
    grown = [hypervolume(np.vstack([FRONTS[m], y]), r) - hypervolume(FRONTS[m], r) for y in new]
    np.testing.assert_allclose(exact, grown, atol=1e-8)


def test_of_one_loss_it_is_expected_improvement():
    Y = np.array([[0.4], [0.2], [0.9]])
    mean, sd = np.linspace(-1, 60, 40)[:, None], np.linspace(0.05, 2, 40)[:, None]
    ours = HypervolumeImprovement.of(*boxes(Y, np.array([1.0])))(mean, sd)
    np.testing.assert_allclose(ours, log_expected_improvement(mean[:, 0], sd[:, 0], 0.2), rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 3), st.floats(-2.0, 40.0), st.floats(-2.0, 1.0), st.integers(0, 99))
def test_the_gradient_is_that_of_finite_differences_also_where_the_value_underflows(m, mean, log_sd, seed):
    rng, h = np.random.default_rng(seed), improvement(m)
    mu, sd = mean + rng.random((4, m)), 10.0**log_sd * rng.uniform(0.5, 2.0, (4, m))
    value, by_mean, by_sd = h.with_gradient(mu, sd)
    np.testing.assert_allclose(value, h(mu, sd), rtol=1e-12)
    for k in range(m):
        e = 1e-6 * sd * np.eye(m)[k]
        # errors of the differences: rounding of a value of size |value| over the step, and the step's square
        bound = 1e-4 * np.abs(value)[:, None] / sd + 1e-4 / sd
        assert (np.abs(by_mean[:, k] - (h(mu + e, sd) - h(mu - e, sd)) / (2 * e[:, k])) <= bound[:, k]).all()
        assert (np.abs(by_sd[:, k] - (h(mu, sd + e) - h(mu, sd - e)) / (2 * e[:, k])) <= bound[:, k]).all()


def test_values_stay_finite_over_many_decades():
    h = improvement(2)
    mean = np.array([[1e-12, 1e-12], [1e3, -1e3], [1e6, 1e6], [-1e6, 1.0]])
    for sd in (1e-6, 1e-3, 1.0, 1e3):
        value, by_mean, by_sd = h.with_gradient(mean, np.full_like(mean, sd))
        assert np.isfinite(value).all() and np.isfinite(by_mean).all() and np.isfinite(by_sd).all()


def test_it_never_falls_when_a_mean_gets_better_and_is_worked_out_in_pieces_alike(monkeypatch):
    h = improvement(3)
    mean, sd = np.random.default_rng(1).random((50, 3)), np.full((50, 3), 0.2)
    whole = h(mean, sd)
    assert (h(mean - [0.0, 0.05, 0.0], sd) >= whole).all()
    monkeypatch.setattr("workbench.models.hypervolume_improvement.CHUNK", 40)
    np.testing.assert_allclose(h(mean, sd), whole, rtol=1e-12)
