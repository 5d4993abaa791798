"""Margins, probabilities of options and coordinates in cells, against cmaes 0.13, closed forms and brute force."""

import cmaes
import numpy as np
import pytest
from scipy import stats

from workbench.models.cma_discrete import latent, margin_correction, move_probabilities, truncated_normal
from workbench.models.cma_state import CMAState, update


def cell_borders(mean, n_levels):
    """Borders of the cells of 0, 1, ... , n_levels - 1 around the means, as in CMAwM."""
    level = np.clip(np.ceil(mean - 0.5), 0, n_levels - 1)  # at a border the lower level, as there
    return np.clip(level - 1, 0, n_levels - 2) + 0.5, np.clip(level, 0, n_levels - 2) + 0.5


@pytest.mark.parametrize("n_levels", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_the_margin_equals_that_of_cmaes_generation_by_generation(n_levels, seed):
    n, k = 5, 3  # three level coordinates, then two real ones
    rng = np.random.default_rng(seed)
    bounds = np.array([[0, n_levels - 1]] * k + [[-np.inf, np.inf]] * (n - k), dtype=float)
    theirs = cmaes.CMAwM(mean=rng.random(n) * (n_levels - 1), sigma=1.0, bounds=bounds,
                         steps=np.array([1.0] * k + [0.0] * (n - k)), seed=seed)
    target = np.array([0, n_levels - 1, n_levels // 2, 0.3, 0.4])
    ours, A = CMAState.start(theirs.mean.copy(), 1.0), np.ones(n)
    moved = 0
    for _ in range(60):
        asked = [theirs.ask() for _ in range(theirs.population_size)]
        xs = np.array([v for _, v in asked])
        ys = np.array([float(((x - target) ** 2).sum()) for x, _ in asked])
        theirs.tell(list(zip(xs, ys, strict=True)))
        ours = update(ours, xs, ys)
        mean, A = ours.mean.copy(), A.copy()
        low, up = cell_borders(mean[:k], n_levels)
        mean[:k], A[:k] = margin_correction(mean[:k], A[:k], ours.deviations[:k], low, up, theirs.margin)
        moved += not np.allclose(mean, ours.mean, atol=1e-12)
        ours = CMAState(mean, ours.sigma, ours.C, ours.p_sigma, ours.p_c, ours.generation)
        np.testing.assert_allclose(ours.mean, theirs.mean, atol=1e-10)
        np.testing.assert_allclose(A, theirs._A, rtol=1e-10)
        np.testing.assert_allclose(ours.C, theirs._cma._C, atol=1e-10 * np.abs(ours.C).max())
    assert moved > 20  # the margin was met, not only passed by


@pytest.mark.parametrize("deviation", [1e-6, 0.01, 0.2])
def test_after_the_correction_neighbouring_levels_keep_their_probability(deviation):
    alpha = 0.05
    mean, A = margin_correction(np.array([0.52]), np.ones(1), np.array([deviation]), np.array([0.4]), np.array([0.6]), alpha)
    p_low, p_up = stats.norm.cdf([0.4, -0.6], [mean[0], -mean[0]], A[0] * deviation)
    assert p_low >= alpha / 2 * 0.99
    assert p_up >= alpha / 2 * 0.99
    mean, A = margin_correction(np.array([0.05]), np.ones(1), np.array([deviation]), np.array([0.4]), np.array([0.4]), alpha)
    assert stats.norm.sf(0.4, mean[0], A[0] * deviation) >= alpha * 0.99  # outermost cell


def test_probabilities_take_the_natural_gradient_step_of_catcma():
    rng = np.random.default_rng(0)
    theirs = cmaes.CatCMA(mean=np.zeros(2), sigma=1.0, cat_num=np.array([4, 3]), population_size=8, seed=1)
    for _ in range(25):
        solutions = [(theirs.ask(), float(rng.random())) for _ in range(8)]
        before = theirs._q.copy()
        theirs.tell(solutions)  # sorts the list
        for i, K in enumerate((4, 3)):
            options = np.array([np.argmax(c[i]) for (_, c), _ in solutions])
            w = theirs._weights[:theirs._mu]
            ours = move_probabilities(before[i, :K], options, w, float(theirs._eps), float(theirs._q_min[i]))
            np.testing.assert_allclose(ours, theirs._q[i, :K], atol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_probabilities_stay_probabilities_above_their_floor(rate):
    rng = np.random.default_rng(1)
    q = np.full(5, 0.2)
    for _ in range(50):
        q = move_probabilities(q, rng.integers(0, 2, 6), np.array([0.6, 0.3, 0.1]), rate, 0.025)
        assert q.sum() == pytest.approx(1)
        assert q.min() >= 0.025 - 1e-12
    assert rate == 0 or q[2:] == pytest.approx(0.025, abs=1e-6)


def test_a_truncated_normal_has_its_law_also_far_out():
    rng = np.random.default_rng(2)
    for low, up in ((-1.0, 0.5), (0.3, np.inf), (-np.inf, -2.0), (-np.inf, np.inf), (6.0, 7.0)):
        z = truncated_normal(np.full(4000, low), np.full(4000, up), rng)
        assert ((z >= low) & (z <= up)).all()
        assert stats.kstest(z, stats.truncnorm(low, up).cdf).pvalue > 1e-4
    assert truncated_normal(np.array([60.0, -70.0]), np.array([61.0, -60.0]), rng) == pytest.approx([60, -60], abs=0.1)


def test_latent_points_lie_in_their_cells_and_follow_the_normal_law():
    """Cells of drawn points alone are known: points drawn back from them have mean and covariance of the law again."""
    rng = np.random.default_rng(3)
    R = np.array([[1.0, 0, 0], [0.8, 0.6, 0], [-0.5, 0.3, 0.7]])
    mean = np.array([0.3, -0.2, 0.5])
    v = mean + rng.standard_normal((20_000, 3)) @ R.T
    low = np.floor(v / 0.7) * 0.7
    up = low + 0.7
    low[:, 0] = up[:, 0] = v[:, 0]  # a real coordinate
    back = latent(mean, R, low, up, rng)
    np.testing.assert_array_equal(back[:, 0], v[:, 0])
    assert ((back >= low - 1e-12) & (back <= up + 1e-12)).all()
    np.testing.assert_allclose(back.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(back.T), R @ R.T, atol=0.04)
