"""SGHMC against a density that is known, the network's potential against its formula, and what BOHAMIANN does with them."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

import workbench as wb
from tests.search_helpers import check_gradients
from workbench.history import Drawn, History
from workbench.models.neural import bnn, sghmc
from workbench.search.nn_belief import bohamiann, last_milestone
from workbench.search.nn_bo import BOHAMIANNExplanation
from workbench.search.surrogate_why import slice_1d

SPACE = wb.Space(x=wb.Float(0, 1), c=wb.Choice("a", "b", "c"), m=wb.Float(0, 1, when={"c": "b"}))
QUICK = wb.BOHAMIANN(n_steps=60, n_chains=2, n_startup=5)


def rng(*key):
    return np.random.default_rng(key)


def history(n=20, pending=0, seed=3):
    x = SPACE.sample_unit(n + pending, rng(seed))
    u = np.nan_to_num(x, nan=0.5)
    return History.of(SPACE, x[:n], ((u - 0.4)**2).sum(1)[:n], pending=x[n:], seed=seed)


# ---- the sampler -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 10.0])  # the second time one coordinate is ten times as wide
def test_it_recovers_mean_and_covariance_of_a_gaussian(scale):
    mean, S = np.array([1.0, -2.0 * scale]), np.array([[1.0, 0.8 * scale], [0.8 * scale, 2.0 * scale**2]])
    m, P = torch.tensor(mean), torch.tensor(np.linalg.inv(S))

    def potential(theta):
        return 0.5 * ((theta - m) @ P * (theta - m)).sum(1)

    start = sghmc.Chains.start(rng(0).standard_normal((100, 2)) * [1.0, scale])
    _, draws = sghmc.run(potential, start, burn_in=600, steps=3000, every=10, eps=0.1, seed=0)
    draws = draws.reshape(-1, 2)
    deviations = np.sqrt(np.diag(S))
    np.testing.assert_allclose((draws.mean(0) - mean) / deviations, 0.0, atol=0.06)  # 100 chains, a few hundred free draws each
    np.testing.assert_allclose(np.cov(draws.T) / np.outer(deviations, deviations), S / np.outer(deviations, deviations), atol=0.12)


def test_scales_adapt_in_burn_in_and_only_there():
    def potential(theta):
        return 0.5 * (theta**2 * torch.tensor([1.0, 1e4])).sum(1)

    start = sghmc.Chains.start(np.ones((5, 2)))
    adapted, _ = sghmc.run(potential, start, burn_in=300, steps=0, every=1, eps=0.05, seed=0)
    assert (adapted.v_hat[:, 1] > 100 * adapted.v_hat[:, 0]).all()
    later, draws = sghmc.run(potential, adapted, burn_in=0, steps=20, every=5, eps=0.05, seed=1)
    assert draws.shape == (4, 5, 2)
    np.testing.assert_array_equal(draws[-1], later.theta)
    for name in ("tau", "g", "v_hat"):
        np.testing.assert_array_equal(getattr(later, name), getattr(adapted, name))


def test_the_first_adaptive_step_is_that_of_the_formulas():
    theta, eps, a = np.array([[0.5]]), 0.1, 0.05
    got, _ = sghmc.run(lambda t: 3.0 * t.sum(1), sghmc.Chains.start(theta), burn_in=1, steps=0, every=1, eps=eps, seed=4)
    r = 1 / (1 + 1)
    v_hat = 1 + r * (3.0**2 - 1)
    noise = torch.empty(1, 1, dtype=torch.float64).normal_(generator=torch.Generator().manual_seed(4)).item()
    p = -eps**2 * v_hat**-0.5 * 3.0 + np.sqrt(2 * a * eps**2 * v_hat**-0.5) * noise
    assert got.tau.item() == pytest.approx(1 + 1 * (1 - 1 / 1))
    assert got.g.item() == pytest.approx(1 + r * (3.0 - 1))
    assert got.v_hat.item() == pytest.approx(v_hat)
    assert got.theta.item() == pytest.approx(0.5 + p)


# ---- the network -------------------------------------------------------------------------------------------------


def test_the_potential_is_the_negative_log_joint_density_up_to_a_constant():
    layout = bnn.Layout(3)
    Z, y = rng(0).random((8, 3)), rng(1).standard_normal(8)
    middle = np.full(3, 0.5)
    theta = 0.5 * rng(2).standard_normal((4, layout.size))
    X = torch.from_numpy(np.sqrt(12) * (Z - middle))
    got = layout.potential(torch.from_numpy(theta), X, torch.from_numpy(y[:, None]), 8).numpy()
    f, sd = layout.networks(theta, middle)(Z)[:, :, 0], np.sqrt(layout.noise(theta))
    joint = norm(f, sd[:, None]).logpdf(y).sum(1) + norm.logpdf(theta).sum(1)
    np.testing.assert_allclose(got - got[0], -(joint - joint[0]), rtol=1e-9)


def test_a_minibatch_stands_for_all_data():
    layout = bnn.Layout(2)
    X, y = torch.from_numpy(rng(0).random((10, 2))), torch.from_numpy(rng(1).random((10, 1)))
    theta = torch.from_numpy(rng(2).standard_normal((3, layout.size)))
    halves = [layout.potential(theta, X[k:k + 5], y[k:k + 5], 10) for k in (0, 5)]
    np.testing.assert_allclose(sum(halves) / 2, layout.potential(theta, X, y, 10))


def test_a_network_of_the_prior_varies_as_the_targets_do():
    layout = bnn.Layout(5)
    f = layout.networks(rng(0).standard_normal((400, layout.size)), np.full(5, 0.5))(rng(1).random((20, 5)))[:, :, 0]
    assert 0.5 < f.std() < 2.5


def posterior_on_toy_data(n=24, seed=0):
    """Targets sin 6x + noise of 0.1, with a gap between 0.4 and 0.75 and nothing beyond 0.9."""
    x = np.concatenate([rng(seed).uniform(0, 0.4, n // 2), rng(seed, 1).uniform(0.75, 0.9, n - n // 2)])
    y = np.sin(6 * x) + 0.1 * rng(seed, 2).standard_normal(n)
    _, theta = bnn.draw(x[:, None], y, middle=np.array([0.5]), seed=seed, burn_in=500, steps=500, every=25, n_chains=6)
    return bnn.Layout(1), theta


def test_the_posterior_is_calibrated_at_data_and_widens_away_from_them():
    grid = np.linspace(0, 1, 101)
    data = (grid < 0.4) | ((grid > 0.75) & (grid < 0.9))
    inside = []
    for seed in range(4):
        layout, theta = posterior_on_toy_data(seed=seed)
        f = layout.networks(theta, np.array([0.5]))(grid[:, None])[:, :, 0]
        mean, sd = f.mean(0), f.std(0)
        inside.append(np.abs(mean - np.sin(6 * grid))[data] < 2 * sd[data])
        assert sd[(grid > 0.52) & (grid < 0.65)].mean() > 2 * sd[data].mean()
        assert sd[-1] > 1.5 * sd[data].mean()
        assert 0.003 < layout.noise(theta).mean() < 0.04  # true: 0.01
    # 95 % in the long run; four smooth errors of 24 noisy data vary, and ten times as many steps give 0.82
    assert np.mean(inside) > 0.65


def test_the_same_seed_draws_the_same():
    a, b = (bnn.draw(rng(0).random((12, 2)), rng(1).random(12), middle=np.full(2, 0.5), seed=5, burn_in=20, steps=20, every=10,
                     n_chains=2)[1] for _ in range(2))
    np.testing.assert_array_equal(a, b)


# ---- the algorithm -----------------------------------------------------------------------------------------------


def test_chains_go_on_from_the_last_milestone_with_scales_kept():
    m = last_milestone(32, 3)
    assert m == 29
    memo = {}
    h = history(32)
    grown = History(SPACE, h.x[:29], h.y[:29], h.pending, h.steps[:29], h.seed, memo)
    bohamiann(grown, n_chains=2, n_steps=60, seed=0)
    after = bohamiann(History(SPACE, h.x, h.y, h.pending, h.steps, h.seed, memo), n_chains=2, n_steps=60, seed=0)
    fresh = bohamiann(history(32), n_chains=2, n_steps=60, seed=0)
    np.testing.assert_array_equal(after.predict(h.x)[0], fresh.predict(h.x)[0])
    assert after.trained_on == 29


def test_mean_and_deviation_are_those_of_the_draws_and_gradients_those_of_finite_differences():
    belief = bohamiann(history(20), n_chains=2, n_steps=60, seed=0)
    x = SPACE.sample_unit(5, rng(4))
    Z = belief.features(x)
    f = belief.basis.networks(Z)[:, :, 0]
    mean, sd = belief.predict(x)
    np.testing.assert_allclose(mean, f.mean(0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sd, f.std(0, ddof=1), rtol=1e-6)
    check_gradients(belief, Z)


def test_running_trials_leave_the_mean_and_take_variance_away():
    h = history(20, pending=2)
    without = History.of(SPACE, h.x, h.y, seed=h.seed)
    (mean, sd), (mean_0, sd_0) = (bohamiann(k, n_chains=2, n_steps=60, seed=0).predict(h.pending) for k in (h, without))
    np.testing.assert_allclose(mean, mean_0)
    assert (sd < sd_0).all()


def test_the_explanation_rebuilds_the_belief_and_is_drawn_like_a_gaussian_process():
    h = history(20)
    why = QUICK.suggest(h, rng(0)).why
    assert isinstance(why, BOHAMIANNExplanation)
    belief = why.belief(History.of(SPACE, h.x, h.y, seed=99))
    assert why.predicted == pytest.approx(belief.transform.inverse(belief.predict(why.x[None])[0])[0])
    s = slice_1d(h, why, "x", n=20)
    assert s.model == "Bayesian neural network"
    assert (s.lower <= s.upper).all()


def test_without_results_it_starts_with_a_sobol_sequence():
    assert wb.BOHAMIANN().suggest(history(0), rng(0)).why == Drawn("scrambled Sobol point 1")


def test_it_finds_the_bottom_of_a_bowl():
    space = wb.Space(a=wb.Float(-1, 1), b=wb.Float(-1, 1))
    x, memo = np.empty((0, 2)), {}
    for i in range(20):
        y = ((x - [0.7, 0.2])**2).sum(1)
        h = History(space, x, y, np.empty((0, 2)), np.ones(i), 0, memo)
        x = np.vstack([x, wb.BOHAMIANN(n_steps=200, n_startup=8).suggest(h, rng(0, i)).x])
    assert ((x - [0.7, 0.2])**2).sum(1).min() < 4e-3  # 20 random points: about 0.016


def test_settings_that_make_no_sense_are_refused():
    for wrong in ({"n_steps": 10}, {"n_chains": 0}, {"n_startup": -1}):
        with pytest.raises(ValueError, match="at least|must not be negative"):
            wb.BOHAMIANN(**wrong)
