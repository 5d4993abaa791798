"""Noisy expected improvement against brute force, plain EI, and finite differences."""

import numpy as np
import pytest

from workbench.models.acquisition import expected_improvement, log_expected_improvement
from workbench.models.gaussian_process import GaussianProcess
from workbench.models.noisy_improvement import NoisyImprovement

Z = np.random.default_rng(0).random((12, 2))
Y = np.sin(5 * Z[:, 0]) + Z[:, 1]
AT = np.random.default_rng(1).random((8, 2))
NONE = np.empty((0, 2))


def model(noise):
    return GaussianProcess.condition(Z, Y, lengthscale=0.4, signal_variance=1.0, noise=noise, trend=0.3)


@pytest.mark.parametrize("running", [NONE, np.array([[0.9, 0.05], [0.2, 0.8]])])
def test_it_is_the_expectation_of_how_far_the_true_loss_falls_below_the_best_true_loss(running):
    # brute force: joint draws of the true losses at all trials and at the point
    gp, rng = model(0.05), np.random.default_rng(2)
    known = np.vstack([Z, running])
    noisy = NoisyImprovement.of(gp, running, np.random.default_rng(3), n_fantasies=1024)
    for z in AT[:4]:
        f = gp.sample(np.vstack([known, z]), 200_000, rng)
        brute = np.maximum(f[:, :-1].min(1) - f[:, -1], 0).mean()
        assert np.exp(noisy(z[None]))[0] == pytest.approx(brute, rel=0.06, abs=1e-3)  # two Monte Carlo errors; heavy tails


def test_without_noise_it_is_expected_improvement():
    gp = model(1e-8)
    mean, variance = gp.predict(AT)
    plain = log_expected_improvement(mean, np.sqrt(variance), Y.min())
    noisy = NoisyImprovement.of(gp, NONE, np.random.default_rng(0))(AT)
    likely = plain > -20  # beyond, a change of the mean by 1e-4 shows
    assert noisy[likely] == pytest.approx(plain[likely], abs=0.02)


def test_it_stays_finite_where_expected_improvement_underflows():
    gp = GaussianProcess.condition(np.array([[0.0], [0.5], [1.0]]), np.array([0.0, 1.0, 300.0]), lengthscale=3.0,
                                   signal_variance=1.0, noise=1e-8)
    z = np.array([[0.99]])
    mean, variance = gp.predict(z)
    assert expected_improvement(mean, np.sqrt(variance), 0.0)[0] == 0.0
    assert np.isfinite(NoisyImprovement.of(gp, np.empty((0, 1)), np.random.default_rng(0))(z)).all()


def test_the_gradient_is_that_of_finite_differences():
    noisy = NoisyImprovement.of(model(0.05), AT[:2], np.random.default_rng(0))
    value, gradient = noisy.with_gradient(AT[2:])
    assert value == pytest.approx(noisy(AT[2:]), rel=1e-9)
    for f in range(2):
        step = 1e-5 * np.eye(2)[f]
        numeric = (noisy(AT[2:] + step) - noisy(AT[2:] - step)) / 2e-5
        assert gradient[:, f] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


def test_a_running_trial_makes_its_surroundings_less_interesting():
    gp = model(1e-3)
    grid = np.random.default_rng(5).random((500, 2))
    alone = NoisyImprovement.of(gp, NONE, np.random.default_rng(0))
    top = grid[[np.argmax(alone(grid))]]
    beside = NoisyImprovement.of(gp, top, np.random.default_rng(0))
    assert beside(top + 0.01)[0] < alone(top + 0.01)[0] - 1
