"""MAP fit of hyperparameters: gradient, likelihood, prior."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, lognorm

from workbench.models.gaussian_process import GaussianProcess
from workbench.models.map_fit import JITTER, Hyperparameters, NegativeLogPosterior, Prior, maximise_posterior

GROUPS = np.array([0, 1, 1, 2])


def problem(trend=0.3, kernel="matern52"):
    rng = np.random.default_rng(0)
    Z = rng.random((30, 4))
    y = np.sin(5 * Z[:, 0]) + Z[:, 3]
    y = (y - y.mean()) / y.std()
    return NegativeLogPosterior(Z, y, groups=GROUPS, prior=Prior(3), trend=trend, kernel=kernel), Z, y


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
@pytest.mark.parametrize("trend", [0.0, 0.3])
def test_gradient_is_that_of_finite_differences(kernel, trend):
    objective, _, _ = problem(trend, kernel)
    rng = np.random.default_rng(1)
    for _ in range(5):
        phi = np.concatenate([rng.uniform(-3, 4, 3), rng.uniform(-2, 2, 1), rng.uniform(-8, 0, 1)])
        _, gradient = objective(phi)
        h = 1e-5
        numeric = [(objective(phi + h * e)[0] - objective(phi - h * e)[0]) / (2 * h) for e in np.eye(5)]
        # values up to 1e4 are rounded at 1e-12, divided by h
        assert gradient == pytest.approx(numeric, rel=1e-5, abs=1e-5)


def test_value_is_likelihood_and_prior_up_to_a_constant():
    objective, Z, y = problem()

    def expected(phi):
        h = Hyperparameters.of(phi)
        gp = GaussianProcess.condition(Z, y, lengthscale=h.lengthscale[GROUPS], signal_variance=h.signal_variance,
                                       noise=h.noise, trend=0.3)
        prior = lognorm(s=1, scale=0.5 * math.sqrt(3)).logpdf(h.lengthscale).sum()
        prior += gamma(2).logpdf(h.signal_variance) + gamma(1.1, scale=1 / 30).logpdf(h.noise - JITTER)
        return -gp.log_marginal_likelihood - prior

    a, b = np.array([0.5, -1.0, 2.0, 0.3, -3.0]), np.array([2.0, 0.0, -1.0, -0.5, -6.0])
    assert objective(a)[0] - objective(b)[0] == pytest.approx(expected(a) - expected(b), rel=1e-9)


def test_prior_is_a_density_in_the_length_scale_itself():
    prior = Prior(4)
    start = prior.start(1)

    def density(l):
        phi = start.copy()
        phi[0] = -2 * math.log(l)
        return math.exp(prior.log_density(phi)[0])

    total, _ = quad(density, 0, math.inf)
    below, _ = quad(density, 0, 1.0)
    assert below / total == pytest.approx(0.5, abs=1e-6)  # its median is ½√4 = 1


def test_fit_lowers_the_value_and_is_repeatable():
    objective, _, _ = problem()
    start = objective.prior.start(3)
    phi = maximise_posterior(objective, [start])
    assert objective(phi)[0] < objective(start)[0]
    assert (phi == maximise_posterior(objective, [start])).all()


def test_a_second_start_wins_only_if_clearly_better():
    objective, _, _ = problem()
    phi = maximise_posterior(objective, [objective.prior.start(3)])
    again = maximise_posterior(objective, [phi, objective.prior.start(3)])
    assert objective(again)[0] <= objective(phi)[0] + 1e-12


def test_where_the_covariance_is_hopeless_the_prior_start_is_returned():
    Z = np.full((4, 1), np.nan)
    objective = NegativeLogPosterior(Z, np.zeros(4), groups=np.array([0]), prior=Prior(1))
    assert (maximise_posterior(objective, [np.array([1.0, 0.0, -2.0])]) == objective.prior.start(1)).all()
