"""The linear head against closed forms and scikit-learn; the networks, the milestones, and what DNGO does with them."""

import sys

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.stats import multivariate_normal, norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct
from sklearn.linear_model import BayesianRidge

import workbench as wb
from tests.search_helpers import check_gradients
from workbench.errors import MissingExtra
from workbench.history import Drawn, History
from workbench.models.mixed_features import features_of
from workbench.models.neural import linear_head, mlp
from workbench.models.neural.network import TanhNetwork, centre, minibatches
from workbench.search.nn_belief import HiddenLayer, dngo, inflation, last_milestone, mixture
from workbench.search.nn_bo import DNGOExplanation
from workbench.search.nn_maximise import climb, log_ei
from workbench.search.surrogate_why import slice_1d, slice_2d

SPACE = wb.Space(x=wb.Float(0, 1), lr=wb.Float(1e-5, 1, log=True), n=wb.Int(1, 9), c=wb.Choice("a", "b", "c"),
                 m=wb.Float(0, 1, when={"c": "b"}))
QUICK = wb.DNGO(n_networks=2, steps=60, n_startup=5)


def rng(*key):
    return np.random.default_rng(key)


def data(n=30, D=7, noise=0.3, seed=0):
    Phi = rng(seed).standard_normal((n, D))
    return Phi, Phi @ rng(seed, 1).standard_normal(D) + noise * rng(seed, 2).standard_normal(n)


def history(n=25, pending=0, space=SPACE, seed=3):
    x = space.sample_unit(n + pending, rng(seed))
    u = np.nan_to_num(x, nan=0.5)
    return History.of(space, x[:n], ((u - 0.4)**2).sum(1)[:n], pending=x[n:], seed=seed)


# ---- the head ----------------------------------------------------------------------------------------------------


def test_for_fixed_hyperparameters_the_head_is_a_gaussian_process_with_a_linear_kernel():
    Phi, y = data()
    new = rng(9).standard_normal((11, 7))
    alpha, noise = 2.5, 0.09
    gp = GaussianProcessRegressor(ConstantKernel(1 / alpha, "fixed") * DotProduct(0.0, "fixed"), alpha=noise).fit(Phi, y)
    mean, sd = gp.predict(new, return_std=True)
    head = linear_head.mixture(linear_head.Evidence(Phi, y), np.array([alpha]), np.array([noise]), np.ones(1))
    np.testing.assert_allclose(new @ head.mean, mean, rtol=1e-8)
    np.testing.assert_allclose(np.einsum("ij,jk,ik->i", new, head.covariance, new), sd**2, rtol=1e-6)


@pytest.mark.parametrize("n", [4, 30])  # fewer rows than features, and more
@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 1.0), (3.0, 1e5), (1e4, 10.0)])
def test_the_evidence_is_the_density_of_the_targets(n, alpha, beta):
    Phi, y = data(n)
    truth = multivariate_normal(np.zeros(n), np.eye(n) / beta + Phi @ Phi.T / alpha).logpdf(y)
    assert linear_head.Evidence(Phi, y)(alpha, beta) == pytest.approx(truth, rel=1e-8)


def test_the_evidence_by_cholesky_with_the_residual_squared():
    Phi, y = data()
    alpha, beta = 0.7, 4.0
    K = beta * Phi.T @ Phi + alpha * np.eye(7)
    m = beta * np.linalg.solve(K, Phi.T @ y)
    log_det = 2.0 * np.log(np.diag(np.linalg.cholesky(K))).sum()
    bishop = 0.5 * (7 * np.log(alpha) + 30 * np.log(beta) - beta * np.sum((y - Phi @ m)**2) - alpha * m @ m - log_det
                    - 30 * np.log(2 * np.pi))
    assert linear_head.Evidence(Phi, y)(alpha, beta) == pytest.approx(bishop, rel=1e-12)


def test_the_evidence_is_highest_where_bayesian_ridge_ends():
    """With flat hyperpriors scikit-learn's fixed point is the maximum of the same evidence."""
    Phi, y = data(200)
    ridge = BayesianRidge(fit_intercept=False, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-10, max_iter=5000).fit(Phi, y)
    evidence = linear_head.Evidence(Phi, y)
    top = evidence(ridge.lambda_, ridge.alpha_)
    for factor in (0.97, 1.03):
        assert evidence(ridge.lambda_ * factor, ridge.alpha_) < top
        assert evidence(ridge.lambda_, ridge.alpha_ * factor) < top
    m, _ = evidence.weights(ridge.lambda_, ridge.alpha_)
    np.testing.assert_allclose(evidence.V @ m, ridge.coef_, rtol=1e-6)


def test_the_grid_integrates_alpha_and_beta_as_quadrature_does():
    Phi, y = data(25, 3)
    evidence = linear_head.Evidence(Phi, y)
    head = linear_head.fit(Phi, y)
    u = linear_head.mode(evidence)
    top = evidence.log_posterior(u)

    def integral(f):
        return dblquad(lambda b, a: f(a, b) * np.exp(evidence.log_posterior(np.array([a, b])) - top), u[0] - 6, u[0] + 6,
                       max(u[1] - 3, np.log(1e-8)), u[1] + 3, epsabs=1e-4)[0]

    noise = integral(lambda a, b: np.exp(b)) / integral(lambda a, b: 1.0)
    assert head.noise == pytest.approx(noise, rel=0.05)  # seven points an axis over ±2.5 deviations


def test_a_constant_target_and_a_perfect_fit_are_no_reason_to_fail():
    Phi, _ = data()
    for y in (np.zeros(30), Phi[:, 0], 1e-9 * Phi[:, 0]):
        head = linear_head.fit(Phi, y)
        assert np.isfinite(head.mean).all()
        assert np.linalg.eigvalsh(head.covariance).min() >= -1e-10


# ---- the networks ------------------------------------------------------------------------------------------------


def test_the_gradient_by_the_features_is_that_of_finite_differences():
    W = tuple(rng(i).standard_normal((3, a, b)) for i, (a, b) in enumerate([(4, 5), (5, 5), (5, 1)]))
    b = tuple(rng(i, 1).standard_normal((3, k)) for i, k in enumerate([5, 5, 1]))
    for linear_last in (False, True):
        net = TanhNetwork(W, b, np.full(4, 0.5), linear_last)
        Z = rng(7).random((6, 4))
        g = rng(8).standard_normal((3, 6, 1))
        by_hand = net.pull_back(net.layers(Z), g)
        for j in range(4):
            e = 1e-6 * np.eye(4)[j]
            np.testing.assert_allclose(by_hand[:, j], (g * (net(Z + e) - net(Z - e)) / 2e-6).sum((0, 2)), atol=1e-7)


def test_minibatches_go_through_all_rows_before_they_come_again():
    batches = minibatches(10, 5, 6, rng(0))
    assert batches.shape == (6, 5)
    for k in range(0, 6, 2):
        assert sorted(batches[k:k + 2].ravel()) == list(range(10))
    assert minibatches(3, 64, 4, rng(0)).shape == (4, 3)


def test_a_network_learns_what_is_not_linear_and_the_same_seed_learns_the_same():
    Z = rng(0).random((200, 2))
    y = np.sin(5 * Z[:, 0]) * (Z[:, 1] - 0.5)
    y = (y - y.mean()) / y.std()
    fits = [mlp.train(Z, y, middle=np.full(2, 0.5), seed=1, steps=300, n_networks=2, decay=0.01) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].W[0], fits[1].W[0])
    new = rng(1).random((200, 2))
    truth = np.sin(5 * new[:, 0]) * (new[:, 1] - 0.5)
    truth = (truth - truth.mean()) / truth.std()
    for k in range(2):
        head = linear_head.fit(fits[0](Z)[k], y)
        assert np.sqrt(np.mean((fits[0](new)[k] @ head.mean - truth)**2)) < 0.2  # deviation is 1


def test_the_threads_and_the_seed_of_the_user_are_left_alone():
    import torch

    torch.manual_seed(5)
    before = torch.get_num_threads(), torch.random.get_rng_state()
    QUICK.suggest(history(), rng(0))
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


# ---- the belief --------------------------------------------------------------------------------------------------


def test_networks_are_trained_anew_at_milestones_alone():
    assert [last_milestone(n, 10) for n in (0, 2, 9, 10, 19, 21, 22, 23)] == [0, 2, 9, 10, 19, 20, 22, 22]
    marks = {last_milestone(n, 10) for n in range(10, 1001)}
    assert len(marks) < 70
    whole = history(50)
    a, b = (dngo(whole[:n], n_networks=2, steps=20, seed=0) for n in (47, 48))
    assert a.trained_on == b.trained_on == 46
    np.testing.assert_array_equal(a.basis.networks.W[0], b.basis.networks.W[0])
    assert not np.array_equal(a.mean, b.mean), "the head knows all trials"


def test_the_belief_is_the_mixture_of_the_networks_heads():
    h = history(30)
    belief = dngo(h, n_networks=3, steps=40, seed=0)
    Phi = belief.basis(belief.features(h.x))
    width = belief.basis.networks.b[-1].shape[-1]
    means, variances = [], []
    for k in range(3):
        own = np.r_[k * width:(k + 1) * width, 3 * width:Phi.shape[1]]
        head = linear_head.fit(Phi[:, own], belief.targets)
        means.append(Phi[:, own] @ head.mean)
        variances.append(np.einsum("ij,jk,ik->i", Phi[:, own], head.covariance, Phi[:, own]))
    mean, covariance, _ = mixture(belief.basis, belief.features(h.x), belief.targets)
    np.testing.assert_allclose(Phi @ mean, np.mean(means, axis=0), rtol=1e-8, atol=1e-10)
    variance = np.einsum("ij,jk,ik->i", Phi, covariance, Phi)
    np.testing.assert_allclose(variance, np.mean(variances, axis=0) + np.var(means, axis=0), rtol=1e-6)
    got, sd = belief.predict(h.x)
    np.testing.assert_allclose(got, np.mean(means, axis=0), rtol=1e-8, atol=1e-10)
    factor = sd**2 / variance
    np.testing.assert_allclose(factor, factor[0], rtol=1e-6)
    assert factor[0] > 0.999


def test_variances_grow_until_they_hold_the_errors_on_what_was_left_out():
    """Networks that know nothing about the folds left out need a factor, and with it half of |z| is below 0.67.

    What the trend explains, whatever the networks learnt, needs none.
    """
    Z = rng(0).random((60, 4))
    y = np.cos(9 * Z[:, 0] * Z[:, 1]) + np.sin(7 * Z[:, 2])
    y = (y - y.mean()) / y.std()
    found = mlp.cross_validate(Z, y, middle=np.full(4, 0.5), seed=0, steps=200)
    factor = inflation(found, np.arange(4), Z, y)
    assert 2 < factor < 100
    z = []
    for k in range(mlp.N_FOLDS):
        out = found.fold == k
        basis = HiddenLayer(found.networks.some(slice(k, None, mlp.N_FOLDS)), np.arange(4))
        mean, covariance, noise = mixture(basis, Z[~out], y[~out])
        variance = np.einsum("ij,jk,ik->i", basis(Z[out]), covariance, basis(Z[out])) + noise
        z.append((y[out] - basis(Z[out]) @ mean) / np.sqrt(factor * variance))
    assert np.median(np.abs(np.concatenate(z))) == pytest.approx(norm.ppf(0.75), rel=1e-3)
    line = 2 * Z[:, 0] - Z[:, 1]
    assert inflation(found, np.arange(4), Z, line - line.mean()) == 1.0


def test_the_belief_is_calibrated_on_new_points():
    space = wb.Space({f"x{i}": wb.Float(0, 1) for i in range(4)})
    inside = []
    for seed in range(3):
        x = space.sample_unit(340, rng(seed))
        y = np.cos(5 * x[:, 0] * x[:, 1]) + np.sin(5 * x[:, 2])
        belief = dngo(History.of(space, x[:40], y[:40]), n_networks=5, steps=200, seed=seed)
        mean, sd = belief.predict(x[40:])
        inside.append(np.abs(belief.transform.forward(y[40:]) - mean) < 2 * sd)
    assert np.mean(inside) > 0.8  # 95 % in the long run


def test_gradients_of_mean_and_deviation_are_those_of_finite_differences():
    belief = dngo(history(30), n_networks=2, steps=40, seed=0)
    x = SPACE.sample_unit(5, rng(4))
    Z = belief.features(x)
    check_gradients(belief, Z)


def test_running_trials_leave_the_mean_and_take_variance_away():
    h = history(20, pending=2)
    without = History.of(SPACE, h.x, h.y, seed=h.seed)
    (mean, sd), (mean_0, sd_0) = (dngo(k, n_networks=2, steps=40, seed=0).predict(h.pending) for k in (h, without))
    np.testing.assert_allclose(mean, mean_0)
    assert (sd < sd_0).all()


def test_climbing_never_leaves_the_cube_and_raises_the_sum():
    belief = dngo(history(30), n_networks=2, steps=60, seed=0)
    x = SPACE.sample_unit(6, rng(2))
    higher = climb(belief, x, belief.best)
    assert log_ei(belief, higher, belief.best).sum() >= log_ei(belief, x, belief.best).sum()
    assert (higher[~np.isnan(higher)] >= 0).all() and (higher[~np.isnan(higher)] <= 1).all()
    np.testing.assert_array_equal(np.isnan(higher), np.isnan(x))


# ---- the algorithm -----------------------------------------------------------------------------------------------


def test_the_explanation_rebuilds_the_belief_with_an_empty_memo():
    h = history(25, pending=1)
    why = QUICK.suggest(h, rng(0)).why
    assert isinstance(why, DNGOExplanation)
    belief = why.belief(History.of(SPACE, h.x, h.y, pending=h.pending, seed=99))
    mean, sd = belief.predict(why.x[None])
    back = belief.transform.inverse
    assert why.predicted == pytest.approx(back(mean)[0])
    assert why.predicted_sd == pytest.approx((back(mean + sd) - back(mean - sd))[0] / 2)
    assert "running trial was taken into account" in why.summary()


def test_its_slices_are_drawn_like_those_of_a_gaussian_process():
    h = history(25)
    why = QUICK.suggest(h, rng(0)).why
    s = slice_1d(h, why, "lr", n=30)
    assert s.model == "neural network with a Bayesian last layer"
    assert (s.lower < s.mean).all() and (s.mean < s.upper).all()
    assert slice_2d(h, why, "x", "c", n=8).mean.shape == (3, 8)


def test_without_results_it_starts_with_a_sobol_sequence():
    assert wb.DNGO().suggest(history(0), rng(0)).why == Drawn("scrambled Sobol point 1")
    assert wb.DNGO().suggest(history(1, pending=9), rng(0)).why == Drawn("scrambled Sobol point 11")  # one result is no model


def test_it_finds_the_bottom_of_a_bowl():
    space = wb.Space(a=wb.Float(-1, 1), b=wb.Float(-1, 1))
    x = np.empty((0, 2))
    for i in range(22):
        y = ((x - [0.7, 0.2])**2).sum(1)
        x = np.vstack([x, wb.DNGO(steps=100, n_networks=3, n_startup=8).suggest(History.of(space, x, y), rng(0, i)).x])
    assert ((x - [0.7, 0.2])**2).sum(1).min() < 1e-3  # 22 random points: about 0.015


def test_three_thousand_trials_are_no_reason_to_fail():
    h = history(3000)
    SPACE.validate(SPACE.from_unit(QUICK.suggest(h, rng(0)).x))


def test_settings_that_make_no_sense_are_refused():
    for wrong in ({"n_networks": 0}, {"steps": 0}, {"n_startup": -1}):
        with pytest.raises(ValueError, match="at least 1|must not be negative"):
            wb.DNGO(**wrong)


@pytest.mark.parametrize("algorithm", [wb.DNGO(), wb.BOHAMIANN(), wb.LatentBO()])
def test_without_torch_it_can_be_made_and_says_how_to_install_it(algorithm, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("workbench.models.neural.extra.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "automl-workbench\[nas\]"'):
        algorithm.suggest(history(12), rng(0))


def test_options_of_a_choice_are_not_moved_to_the_middle():
    assert centre(features_of(SPACE)).tolist() == [0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.5]


def test_more_noise_wants_more_weight_decay():
    Z = rng(0).random((60, 2))
    clean = np.sin(4 * Z[:, 0]) + Z[:, 1]
    noisy = rng(1).standard_normal(60)
    chosen = [mlp.cross_validate(Z, (y - y.mean()) / y.std(), middle=np.full(2, 0.5), seed=0, steps=200).decay for y in (clean, noisy)]
    assert chosen[0] < chosen[1] == max(mlp.DECAYS)


def test_a_network_of_a_fold_has_not_seen_the_others():
    Z, y = rng(0).random((12, 2)), rng(1).standard_normal(12)
    changed = np.where(np.arange(12) < 4, 9.0, y)
    rows = [np.arange(4, 12), np.arange(12)]
    a, b = (mlp._fit(Z, t, rows, np.full(2, 0.01), middle=np.full(2, 0.5), seed=0, steps=20)[0].W[0] for t in (y, changed))
    np.testing.assert_array_equal(a[0], b[0])
    assert not np.array_equal(a[1], b[1])
