"""Entropy of where the minimum is, and what a trial would tell about it: beside brute force over new posteriors."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm

from workbench.models.information_gain import InformationGain, entropy
from workbench.models.subset_gp import SubsetGP, SubsetHyperparameters

H = SubsetHyperparameters(np.array([0.3]), np.array([[0.8, 0.0], [0.5, 0.4]]), 1e-2)
GROUPS = np.array([0])
R = np.linspace(0.0, 1.0, 8)[:, None]
FULL = np.ones(8)


def process(n=6, noise=1e-2, A=H.A):
    rng = np.random.default_rng(3)
    Z, s = rng.random((n, 1)), 0.5 * rng.random(n)
    y = 2 * (Z[:, 0] - 0.4) ** 2 + (1 - s) ** 2 - 1
    return SubsetGP.condition(Z, s, y, SubsetHyperparameters(H.lengthscale, A, noise), GROUPS, "loss")


def joint(gp, Z, s):
    """Posterior mean and covariance by dense algebra."""
    K = gp.covariance(gp.Z, gp.s, gp.Z, gp.s) + gp.noise * np.eye(len(gp.y))
    k = gp.covariance(gp.Z, gp.s, Z, s)
    return k.T @ np.linalg.solve(K, gp.y), gp.covariance(Z, s, Z, s) - k.T @ np.linalg.solve(K, k)


def test_entropy_is_in_bits():
    np.testing.assert_allclose(entropy(np.array([[0.25] * 4, [1.0, 0, 0, 0], [0.5, 0.5, 0, 0]])), [2.0, 0.0, 1.0])


def test_p_min_is_that_of_many_draws_and_of_two_points_that_of_the_normal_distribution():
    gp = process()
    gain = InformationGain.of(gp, R, FULL, np.random.default_rng(0), n_draws=4000)
    mean, covariance = joint(gp, R, FULL)
    draws = np.random.default_rng(1).multivariate_normal(mean, covariance, size=40000, check_valid="ignore")
    exact = np.bincount(draws.argmin(1), minlength=8) / 40000
    np.testing.assert_allclose(gain.p_min, exact, atol=0.03)  # 4 standard errors of 4000 draws
    assert gain.entropy == pytest.approx(entropy(exact), abs=0.05)
    two = InformationGain.of(gp, R[[1, 6]], FULL[:2], np.random.default_rng(0), n_draws=4000)
    m, C = joint(gp, R[[1, 6]], FULL[:2])
    assert two.p_min[0] == pytest.approx(norm.cdf((m[1] - m[0]) / np.sqrt(C[0, 0] + C[1, 1] - 2 * C[0, 1])), abs=0.03)


def test_corrected_draws_are_those_of_the_posterior_given_the_loss():
    gp = process()
    gain = InformationGain.of(gp, R, FULL, np.random.default_rng(0), n_draws=20000, n_losses=3)
    Z, s = np.array([[0.55]]), np.array([0.3])
    moved = gain.moved(Z, s)[0]
    m, C = joint(gp, Z, s)
    for omega, draws in zip(ndtri([1 / 6, 3 / 6, 5 / 6]), moved, strict=True):
        y = m[0] + omega * np.sqrt(C[0, 0] + gp.noise)
        told = SubsetGP.condition(np.vstack([gp.Z, Z]), np.append(gp.s, s), np.append(gp.y, y), H, GROUPS, "loss")
        mean, covariance = joint(told, R, FULL)
        np.testing.assert_allclose(draws.mean(0), mean, atol=0.03)
        np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.03)


def test_the_gain_is_the_mean_fall_of_entropy_over_new_posteriors():
    gp = process()
    gain = InformationGain.of(gp, R, FULL, np.random.default_rng(0), n_draws=4000, n_losses=15)
    rng = np.random.default_rng(2)
    before = InformationGain.of(gp, R, FULL, rng, n_draws=20000).entropy
    for z, share in ((0.4, 1.0), (0.9, 0.2)):
        Z, s = np.array([[z]]), np.array([share])
        m, C = joint(gp, Z, s)
        after = []
        for omega in ndtri((np.arange(15) + 0.5) / 15):
            y = m[0] + omega * np.sqrt(C[0, 0] + gp.noise)
            told = SubsetGP.condition(np.vstack([gp.Z, Z]), np.append(gp.s, s), np.append(gp.y, y), H, GROUPS, "loss")
            after.append(InformationGain.of(told, R, FULL, rng, n_draws=20000).entropy)
        assert gain(Z, s)[0] == pytest.approx(before - np.mean(after), abs=0.04)


def test_no_gain_is_negative_and_it_is_0_where_nothing_can_be_learnt():
    gp = process()
    gain = InformationGain.of(gp, R, FULL, np.random.default_rng(0))
    Z, s = np.random.default_rng(1).random((50, 1)), np.random.default_rng(2).random(50)
    gains = gain(Z, s)
    assert (gains >= 0).all()
    assert gains.max() > 0.05
    # losses drowned in noise tell nothing
    assert InformationGain.of(process(noise=1e12), R, FULL, np.random.default_rng(0))(Z, s).max() < 1e-9
    # one place alone is known to hold the minimum
    assert (InformationGain.of(gp, R[:1], FULL[:1], np.random.default_rng(0))(Z, s) == 0).all()


def test_more_of_the_data_tells_more():
    gp = process()
    gain = InformationGain.of(gp, R, FULL, np.random.default_rng(0), n_draws=2000)
    gains = gain(np.full((5, 1), 0.45), np.linspace(0, 1, 5))
    assert gains[-1] > 1.5 * gains[0]
