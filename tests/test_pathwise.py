"""Functions drawn from the posterior: their law, their gradient, and that they run through the data."""

import numpy as np
import pytest

from workbench.models.gaussian_process import GaussianProcess
from workbench.models.pathwise import SamplePath

Z = np.random.default_rng(0).random((15, 3))
Y = np.sin(5 * Z[:, 0]) + Z[:, 1]
AT = np.random.default_rng(1).random((6, 3))


def model(noise=1e-2, **more):
    return GaussianProcess.condition(Z, Y, lengthscale=np.array([0.4, 0.6, 1.0]), signal_variance=1.3, noise=noise, **more)


@pytest.mark.parametrize(("kernel", "trend"), [("matern52", 0.3), ("matern52", 0.0), ("rbf", 0.3)])
def test_draws_have_mean_and_covariance_of_the_posterior(kernel, trend):
    gp = model(kernel=kernel, trend=trend)
    draws = np.array([SamplePath.draw(gp, np.random.default_rng(i), m=512)(AT) for i in range(2000)])
    mean, variance = gp.predict(AT)
    exact = gp.sample(AT, 20_000, np.random.default_rng(0))
    assert draws.mean(0) == pytest.approx(mean, abs=5 * np.sqrt(variance.max() / 2000))
    scale = np.sqrt(np.outer(variance, variance))
    # 2000 draws know a correlation to about 0.02, the kernel from 512 frequencies is off by a little more
    assert np.cov(draws.T) / scale == pytest.approx(np.cov(exact.T) / scale, abs=0.12)


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
def test_without_data_draws_have_the_covariance_of_the_prior(kernel):
    gp = GaussianProcess.condition(np.empty((0, 3)), np.empty(0), lengthscale=0.5, signal_variance=2.0, noise=0.1, trend=0.3,
                                   kernel=kernel)
    draws = np.array([SamplePath.draw(gp, np.random.default_rng(i), m=64)(AT) for i in range(5000)])
    assert draws.T @ draws / 5000 == pytest.approx(gp.covariance(AT, AT), abs=0.2)  # 2.3 · √(2 / 5000) · 4


def test_draws_run_through_data_without_noise_and_differ_elsewhere():
    gp = model(noise=1e-8)
    a, b = (SamplePath.draw(gp, np.random.default_rng(i)) for i in (0, 1))
    assert a(Z) == pytest.approx(Y, abs=1e-3)
    assert np.abs(a(AT) - b(AT)).max() > 0.01


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
def test_the_gradient_is_that_of_finite_differences(kernel):
    path = SamplePath.draw(model(kernel=kernel, trend=0.3), np.random.default_rng(3))
    value, gradient = path.with_gradient(AT)
    assert value == pytest.approx(path(AT), rel=1e-12)
    for f in range(3):
        step = 1e-5 * np.eye(3)[f]
        assert gradient[:, f] == pytest.approx((path(AT + step) - path(AT - step)) / 2e-5, rel=1e-5, abs=1e-6)
