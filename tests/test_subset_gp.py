"""The process over configurations and shares: its kernel, predictions by dense algebra, gradients, and what it recovers."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal
from sklearn.gaussian_process.kernels import Matern

from workbench.models.subset_gp import (
    COMMON,
    TREND,
    NegativeLogSubsetPosterior,
    SubsetGP,
    SubsetHyperparameters,
    fit,
    phi,
)

H = SubsetHyperparameters(np.array([0.5, 1.3]), np.array([[0.8, 0.0], [0.4, 0.6]]), 1e-2)
GROUPS = np.array([0, 1])


def data(n, seed=0, d=2):
    rng = np.random.default_rng(seed)
    return rng.random((n, d)), rng.random(n), rng.standard_normal(n)


def by_hand(Z, s, Z2, s2, basis):
    """The kernel in its closed form, entry by entry, with scikit-learn's Matérn."""
    matern = Matern(length_scale=H.lengthscale, nu=2.5)(Z, Z2)
    K = np.empty(matern.shape)
    for i in range(len(Z)):
        for j in range(len(Z2)):
            f, g = ([1.0, (1 - u) ** 2] if basis == "loss" else [1.0, u] for u in (s[i], s2[j]))
            c, e = Z[i] - 0.5, Z2[j] - 0.5
            K[i, j] = (matern[i, j] + COMMON + TREND * (c @ e + 4 * (c * c) @ (e * e))) * (f @ H.A @ H.A.T @ np.array(g))
    return K


@pytest.mark.parametrize("basis", ["loss", "seconds"])
def test_the_kernel_has_its_closed_form_and_is_positive_definite(basis):
    (Z, s, y), (Z2, s2, _) = data(12), data(5, 1)
    gp = SubsetGP.condition(Z, s, y, H, GROUPS, basis)
    np.testing.assert_allclose(gp.covariance(Z, s, Z2, s2), by_hand(Z, s, Z2, s2, basis), rtol=1e-10)
    K = gp.covariance(Z, s, Z, s)
    np.testing.assert_allclose(K, K.T, atol=1e-14)
    np.testing.assert_allclose(gp.variance(Z, s), np.diag(K), rtol=1e-9)
    assert np.linalg.eigvalsh(K).min() > -1e-10
    # one configuration on three shares: the kernel over the share alone has rank 2
    one = np.repeat(Z[:1], 3, axis=0)
    assert np.linalg.matrix_rank(gp.covariance(one, s[:3], one, s[:3]), tol=1e-10) == 2


@pytest.mark.parametrize("basis", ["loss", "seconds"])
def test_predictions_are_those_of_dense_algebra(basis):
    (Z, s, y), (Z2, s2, _) = data(20), data(6, 1)
    gp = SubsetGP.condition(Z, s, y, H, GROUPS, basis)
    K = by_hand(Z, s, Z, s, basis) + H.noise * np.eye(20)
    k, prior = by_hand(Z, s, Z2, s2, basis), by_hand(Z2, s2, Z2, s2, basis)
    mean, variance = gp.predict(Z2, s2)
    np.testing.assert_allclose(mean, k.T @ np.linalg.solve(K, y), rtol=1e-7)
    np.testing.assert_allclose(variance, np.diag(prior - k.T @ np.linalg.solve(K, k)), rtol=1e-6, atol=1e-10)


def test_the_objective_is_the_negative_log_posterior_and_its_gradient_that_of_differences():
    Z, s, y = data(15)
    objective = NegativeLogSubsetPosterior(Z, s, y, groups=GROUPS, basis="loss")
    values = []
    for seed in range(4):
        p = objective.start() + 0.5 * np.random.default_rng(seed).standard_normal(6)
        exact = objective(p)[1]
        assert check_grad(lambda q: objective(q)[0], lambda q: objective(q)[1], p, epsilon=1e-6) < 1e-4 * (1 + np.abs(exact).max())
        h = SubsetHyperparameters.of(p)
        gp = SubsetGP.condition(Z, s, y, h, GROUPS, "loss")
        likelihood = multivariate_normal(np.zeros(15), gp.covariance(Z, s, Z, s) + h.noise * np.eye(15)).logpdf(y)
        values.append(objective(p)[0] + likelihood + objective.log_prior(p)[0])
    np.testing.assert_allclose(values, values[0], rtol=1e-6)  # equal up to the constant


def test_features_of_a_choice_share_a_length_scale_and_there_may_be_none():
    Z, s, y = data(15, d=3)
    objective = NegativeLogSubsetPosterior(Z, s, y, groups=np.array([0, 1, 1]), basis="seconds")
    p = objective.start()
    assert len(p) == 6
    assert check_grad(lambda q: objective(q)[0], lambda q: objective(q)[1], p, epsilon=1e-6) < 1e-3
    alone = fit(np.empty((6, 0)), np.linspace(0, 1, 6), np.linspace(-1, 1, 6), groups=np.empty(0, dtype=np.intp), basis="seconds")
    gp = SubsetGP.condition(np.empty((6, 0)), np.linspace(0, 1, 6), np.linspace(-1, 1, 6), alone, np.empty(0, dtype=np.intp), "seconds")
    np.testing.assert_allclose(gp.predict(np.empty((1, 0)), np.array([0.5]))[0], 0.0, atol=0.05)


def test_seconds_that_are_a_power_of_the_share_are_foreseen_at_all_the_data():
    """c(x, share) = 3 · (1 + x) · share^1.7, seen on shares up to an eighth only, by s = log of the share."""
    rng = np.random.default_rng(0)
    Z, s = rng.random((24, 1)), np.tile([0.0, 1 / 6, 2 / 6, 3 / 6], 6)
    def log_seconds(Z, s):
        return np.log(3 * (1 + Z[:, 0])) + 1.7 * np.log(64.0) * (s - 1.0)
    y = log_seconds(Z, s)
    h = fit(Z, s, (y - y.mean()) / y.std(), groups=np.array([0]), basis="seconds")
    gp = SubsetGP.condition(Z, s, (y - y.mean()) / y.std(), h, np.array([0]), "seconds")
    new, full = rng.random((20, 1)), np.ones(20)
    predicted = gp.predict(new, full)[0] * y.std() + y.mean()
    assert np.abs(predicted - log_seconds(new, full)).max() < 0.15  # within 15 % of the seconds


def test_losses_that_fall_with_the_share_are_foreseen_better_than_by_the_best_seen():
    rng = np.random.default_rng(1)
    Z, s = np.repeat(rng.random((8, 1)), 4, axis=0), np.tile([0.0, 1 / 6, 2 / 6, 3 / 6], 8)
    def loss(Z, s):
        return (Z[:, 0] - 0.3) ** 2 + (0.5 + Z[:, 0]) * (1 - s) ** 2
    y = loss(Z, s)
    h = fit(Z, s, (y - y.mean()) / y.std(), groups=np.array([0]), basis="loss")
    gp = SubsetGP.condition(Z, s, (y - y.mean()) / y.std(), h, np.array([0]), "loss")
    grid, full = np.linspace(0.05, 0.95, 19)[:, None], np.ones(19)
    mean, variance = gp.predict(grid, full)
    error = mean * y.std() + y.mean() - loss(grid, full)
    assert np.abs(error).max() < 0.1  # unseen: 0.25 below the smallest loss seen
    assert np.mean(np.abs(error) < 2.5 * np.sqrt(variance) * y.std()) > 0.8


def test_features_of_the_share():
    np.testing.assert_allclose(phi(np.array([0.0, 0.5, 1.0]), "loss"), [[1, 1], [1, 0.25], [1, 0]])
    np.testing.assert_allclose(phi(np.array([0.0, 0.5, 1.0]), "seconds"), [[1, 0], [1, 0.5], [1, 1]])
