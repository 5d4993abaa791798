"""The Gaussian process against scikit-learn, brute force and finite differences."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

from workbench.models.gaussian_process import GaussianProcess, fit
from workbench.models.kernels import trend_features


def data(n=40, d=4, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.random((n, d))
    return Z, np.sin(4 * Z[:, 0]) + Z[:, 1] ** 2 + 0.05 * rng.standard_normal(n), rng.random((25, d))


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
def test_posterior_and_likelihood_are_those_of_scikit_learn(kernel):
    Z, y, new = data()
    scales = np.array([0.3, 0.8, 2.0, 5.0])
    base = Matern(scales, nu=2.5) if kernel == "matern52" else RBF(scales)
    peer = GaussianProcessRegressor(ConstantKernel(1.7) * base + WhiteKernel(0.01), alpha=0, optimizer=None).fit(Z, y)
    gp = GaussianProcess.condition(Z, y, lengthscale=scales, signal_variance=1.7, noise=0.01, kernel=kernel)
    mean, sd = peer.predict(new, return_std=True)
    our_mean, our_variance = gp.predict(new)
    # K has condition number about 1e4: 16 digits leave 12
    assert our_mean == pytest.approx(mean, abs=1e-10)
    assert our_variance == pytest.approx(sd**2 - 0.01, abs=1e-10)  # theirs includes the noise of a new observation
    assert gp.log_marginal_likelihood == pytest.approx(peer.log_marginal_likelihood_value_, rel=1e-11)


def test_posterior_with_a_trend_is_that_of_the_sum_of_both_kernels():
    Z, y, new = data()
    gp = GaussianProcess.condition(Z, y, lengthscale=0.5, signal_variance=1.0, noise=0.1, trend=0.3)
    plain = GaussianProcess.condition(Z, y, lengthscale=0.5, signal_variance=1.0, noise=0.1)

    def k(A, B):
        return plain.covariance(A, B) + 0.3 * trend_features(A) @ trend_features(B).T

    K = k(Z, Z) + 0.1 * np.eye(len(Z))
    mean, variance = gp.predict(new)
    assert mean == pytest.approx(k(new, Z) @ np.linalg.solve(K, y), abs=1e-10)
    assert variance == pytest.approx(np.diag(k(new, new) - k(new, Z) @ np.linalg.solve(K, k(Z, new))), abs=1e-10)


def test_mean_at_the_data_is_what_predict_says_there():
    Z, y, _ = data()
    gp = GaussianProcess.condition(Z, y, lengthscale=0.5, signal_variance=1.0, noise=0.1, trend=0.3)
    assert gp.fitted_mean() == pytest.approx(gp.predict(Z)[0], abs=1e-11)


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
@pytest.mark.parametrize("trend", [0.0, 0.3])
def test_gradients_of_mean_and_variance_are_those_of_finite_differences(kernel, trend):
    Z, y, new = data()
    gp = GaussianProcess.condition(Z, y, lengthscale=[0.3, 0.8, 2.0, 5.0], signal_variance=1.7, noise=0.01,
                                   trend=trend, kernel=kernel)
    mean, variance, d_mean, d_variance = gp.predict_with_gradient(new)
    assert mean == pytest.approx(gp.predict(new)[0], abs=1e-11)
    assert variance == pytest.approx(gp.predict(new)[1], abs=1e-11)
    h = 1e-5
    for f in range(4):
        step = np.zeros(4)
        step[f] = h
        (m1, v1), (m0, v0) = gp.predict(new + step), gp.predict(new - step)
        assert d_mean[:, f] == pytest.approx((m1 - m0) / (2 * h), abs=1e-6)  # rounding 1e-13 / h, and h²
        assert d_variance[:, f] == pytest.approx((v1 - v0) / (2 * h), abs=1e-6)


def test_rows_added_to_the_factor_give_the_same_as_all_at_once():
    Z, y, new = data()
    args = {"lengthscale": 0.5, "signal_variance": 1.0, "noise": 0.01, "trend": 0.3}
    whole = GaussianProcess.condition(Z, y, **args)
    grown = GaussianProcess.condition(Z[:30], y[:30], **args).extend(Z[30:], y)
    assert np.allclose(grown.L, whole.L, rtol=0, atol=1e-12)
    assert grown.predict(new)[0] == pytest.approx(whole.predict(new)[0], abs=1e-10)
    other = whole.extend(np.empty((0, 4)), 2 * y)
    assert other.predict(new)[0] == pytest.approx(2 * whole.predict(new)[0], abs=1e-10)


def test_repeated_rows_without_noise_are_survived():
    Z = np.full((6, 2), 0.3)
    gp = GaussianProcess.condition(Z, np.ones(6), lengthscale=1.0, signal_variance=1.0, noise=0.0)
    assert gp.noise > 0  # and reported
    grown = gp.extend(Z, np.ones(12))
    assert grown.predict(Z[:1])[0] == pytest.approx([1.0], abs=1e-5)


def test_without_data_the_posterior_is_the_prior():
    gp = GaussianProcess.condition(np.empty((0, 2)), np.empty(0), lengthscale=0.5, signal_variance=2.0, noise=0.1)
    mean, variance = gp.predict(np.random.default_rng(0).random((5, 2)))
    assert not mean.any()
    assert (variance == 2.0).all()
    assert gp.log_marginal_likelihood == 0.0


def test_samples_have_the_mean_and_the_covariance_of_the_posterior():
    Z, y, new = data(n=8)
    gp = GaussianProcess.condition(Z, y, lengthscale=0.5, signal_variance=1.0, noise=0.05)
    draws = gp.sample(new[:6], 20_000, np.random.default_rng(0))
    mean, variance = gp.predict(new[:6])
    assert draws.shape == (20_000, 6)
    # standard errors of 20,000 draws: sd / 141 and variance / 100; five of them
    assert draws.mean(0) == pytest.approx(mean, abs=5 / 141)
    assert draws.var(0) == pytest.approx(variance, rel=5 / 100)


def test_one_feature_may_be_given_as_a_vector():
    z = np.linspace(0, 1, 9)
    gp = GaussianProcess.condition(z, np.sin(6 * z), lengthscale=0.3, signal_variance=1.0, noise=1e-6)
    assert gp.predict(z)[0] == pytest.approx(np.sin(6 * z), abs=1e-3)
    assert gp.sample(z, 2, np.random.default_rng(0)).shape == (2, 9)


@pytest.mark.parametrize("bad", [{"lengthscale": 0.0}, {"signal_variance": -1.0}, {"noise": -1e-3}])
def test_impossible_hyperparameters_are_refused(bad):
    with pytest.raises(ValueError, match="must be positive"):
        GaussianProcess.condition(np.zeros((1, 1)), np.zeros(1),
                                  **{"lengthscale": 1.0, "signal_variance": 1.0, "noise": 0.1, **bad})


def test_nan_among_the_inputs_is_refused_with_a_reason():
    with pytest.raises(ValueError, match="nan or inf"):
        GaussianProcess.condition(np.array([0.1, np.nan]), np.zeros(2), lengthscale=1.0, signal_variance=1.0, noise=0.1)


def test_fit_finds_which_features_matter_and_how_noisy_the_data_are():
    rng = np.random.default_rng(3)
    Z = rng.random((120, 3))
    y = np.sin(7 * Z[:, 0]) + 0.2 * rng.standard_normal(120)
    gp = fit(Z, (y - y.mean()) / y.std())
    assert gp.lengthscale[0] < 0.5 * min(gp.lengthscale[1:])
    assert np.sqrt(gp.noise) * y.std() == pytest.approx(0.2, rel=0.3)  # 120 residuals: 6.5 % standard error
