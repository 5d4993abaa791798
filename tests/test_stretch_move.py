"""The ensemble sampler against distributions that are known."""

import numpy as np
import pytest
from scipy import stats

from workbench.models.stretch_move import partners, sample, stretches


def test_stretches_have_the_density_of_the_paper():
    z = stretches((20_000,), np.random.default_rng(0))
    assert z.min() >= 0.5 and z.max() <= 2.0
    norm = np.sqrt(2.0) - np.sqrt(0.5)  # half the integral of 1/√z over [1/2, 2]
    assert stats.kstest(z, lambda v: (np.sqrt(v) - np.sqrt(0.5)) / norm).pvalue > 0.01


def test_partners_are_any_of_the_other_half():
    j = partners(1000, 5, 3, np.random.default_rng(0))
    assert j.shape == (1000, 3)
    assert set(j.ravel()) == set(range(5))


def test_a_thin_tilted_gaussian_is_sampled_with_its_mean_and_covariance():
    mean, cov = np.array([3.0, -20.0, 0.1]), np.array([[1.0, 9.9, 0.0], [9.9, 100.0, 0.0], [0.0, 0.0, 1e-4]])
    rng = np.random.default_rng(1)
    law = stats.multivariate_normal(mean, cov)
    chain, accepted = sample(law.logpdf, mean + rng.standard_normal((40, 3)), 3000, rng)
    assert chain.shape == (3000, 40, 3)
    draws = chain[500:].reshape(-1, 3) - mean
    scale = np.sqrt(np.diag(cov))
    np.testing.assert_allclose(draws.mean(axis=0) / scale, 0.0, atol=0.06)  # 100,000 draws, some 30 sweeps apart: 0.02
    np.testing.assert_allclose(np.cov(draws.T) / np.outer(scale, scale), cov / np.outer(scale, scale), atol=0.1)
    assert 0.3 < accepted < 0.8


def test_an_affine_change_of_coordinates_changes_nothing():
    rng = np.random.default_rng(2)
    start, T, b = rng.standard_normal((12, 2)), np.array([[3.0, 1.0], [-2.0, 50.0]]), np.array([5.0, -1.0])
    back = np.linalg.inv(T)
    plain, _ = sample(lambda x: -0.5 * (x**2).sum(axis=1), start, 20, np.random.default_rng(3))
    moved, _ = sample(lambda x: -0.5 * (((x - b) @ back.T) ** 2).sum(axis=1), start @ T.T + b, 20, np.random.default_rng(3))
    np.testing.assert_allclose((moved - b) @ back.T, plain, atol=1e-9)


def test_the_same_seed_gives_the_same_chain_and_the_walkers_handed_in_stay_as_they_are():
    start = np.random.default_rng(4).standard_normal((10, 2))
    copy = start.copy()
    one, two = (sample(lambda x: -np.abs(x).sum(axis=1), start, 5, np.random.default_rng(0))[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(start, copy)


@pytest.mark.parametrize("n", [7, 4])
def test_too_few_walkers_or_an_odd_number_is_refused(n):
    with pytest.raises(ValueError, match=f"at least 2 \\(d \\+ 1\\) = 6, got {n}"):
        sample(lambda x: x[:, 0], np.zeros((n, 2)), 1, np.random.default_rng(0))
