"""Collaborative filtering: recovery, each step by scikit-learn, the posterior by conditioning a Gaussian, and what is chosen."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from workbench.meta import Factorisation, Tasks, hidden_error, singular_values
from workbench.meta.collaborative import _config_step, _task_step, _variances, _with_bias
from workbench.models.acquisition import expected_improvement


def table(T=40, N=30, rank=2, noise=0.0, known=1.0, seed=0):
    """Tasks of known factors, some losses hidden; and all losses."""
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(T, rank)) @ rng.normal(size=(rank, N)) + rng.normal(size=N) + rng.normal(size=(T, 1))
    Y += noise * rng.normal(size=Y.shape)
    shown = np.where(rng.random(Y.shape) < known, Y, np.nan)
    return Tasks(tuple(f"t{i}" for i in range(T)), tuple(f"c{j}" for j in range(N)), shown), Y


def prior(f):
    return np.diag(np.r_[f.bias, np.ones(f.rank)])


def certain(f):
    """The same with configurations that are known exactly."""
    return replace(f, C=np.zeros_like(f.C))


# ---- fitting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_matrix_of_low_rank_is_recovered_from_half_of_its_entries(seed):
    t, Y = table(known=0.5, seed=seed)
    f = Factorisation.fit(t, 2)
    assert np.abs(f.completed() - Y).max() < 1e-5  # of losses that spread by 2
    assert f.noise < 1e-10


def test_noise_bias_and_rank_are_found():
    t, _ = table(T=300, N=40, rank=3, noise=0.3, known=0.6)
    f = Factorisation.fit(t, 3)
    assert f.noise**0.5 == pytest.approx(0.3, rel=0.08)
    assert f.bias**0.5 == pytest.approx(1.0, rel=0.2)
    s = singular_values(table(T=300, N=40, rank=3, noise=0.01)[0])
    assert s[2] > 20 * s[3]


def test_the_step_of_a_task_is_a_ridge_regression():
    rng = np.random.default_rng(0)
    y, V = rng.normal(size=20), rng.normal(size=(20, 3))
    seen = rng.random(20) < 0.6
    m, S = _task_step(y[None], seen[None], V, np.zeros((20, 3, 3)), 0.7, 1e12)  # a bias of any size costs nothing
    ridge = Ridge(alpha=0.7).fit(V[seen], y[seen])
    np.testing.assert_allclose(m[0], np.r_[ridge.intercept_, ridge.coef_], rtol=1e-8)
    A = _with_bias(V)[seen]
    np.testing.assert_allclose(S[0], np.linalg.inv(A.T @ A / 0.7 + np.diag([1e-12, 1, 1, 1])), rtol=1e-8)


def test_the_step_of_a_configuration_is_a_ridge_regression_too():
    rng = np.random.default_rng(1)
    Y, M = rng.normal(size=(25, 6)), rng.normal(size=(25, 4))
    known = rng.random(Y.shape) < 0.7
    c, V, C = _config_step(Y, known, M, np.zeros((25, 4, 4)), 0.6, np.full(3, 2.0))  # 0.6 / 2 = 0.3
    for i in range(6):
        o = known[:, i]
        ridge = Ridge(alpha=0.3).fit(M[o, 1:], Y[o, i] - M[o, 0])
        np.testing.assert_allclose(np.r_[c[i], V[i]], np.r_[ridge.intercept_, ridge.coef_], rtol=1e-8)
        np.testing.assert_allclose(C[i], np.linalg.inv(M[o, 1:].T @ M[o, 1:] / 0.6 + np.eye(3) / 2), rtol=1e-8)


def test_the_uncertainty_of_configurations_counts_in_the_step_of_a_task_as_if_they_were_drawn_from():
    rng = np.random.default_rng(4)
    V, root, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 2, 2)) * 0.5, rng.normal(size=5)
    m, S = _task_step(y[None], np.ones((1, 5), dtype=bool), V, root @ root.transpose(0, 2, 1), 0.5, 2.0)
    A = _with_bias((V[:, None] + np.einsum("njk,nsk->nsj", root, rng.normal(size=(5, 100_000, 2)))).reshape(-1, 2))
    precision = np.diag([0.5, 1, 1]) + A.T @ A / 100_000 / 0.5
    np.testing.assert_allclose(S[0], np.linalg.inv(precision), atol=0.005)  # 1 / √100,000, times a little
    np.testing.assert_allclose(m[0], np.linalg.solve(precision, A.T @ np.repeat(y, 100_000) / 100_000 / 0.5), atol=0.02)


def test_variances_are_those_of_draws():
    rng = np.random.default_rng(5)
    f = Factorisation.fit(table(N=6, noise=1.0, T=12)[0], 2)
    M, S = _task_step(f.tasks.losses - f.c, np.ones((12, 6), dtype=bool), f.V, f.C, f.noise, f.bias)
    task = rng.multivariate_normal(M[3], S[3], 200_000)
    config = rng.multivariate_normal(f.V[2], f.C[2], 200_000)
    drawn = task[:, 0] + (task[:, 1:] * config).sum(axis=1)
    assert _variances(M, S, f.V, f.C)[3, 2] == pytest.approx(drawn.var(), rel=0.02)


def test_the_uncertainty_of_tasks_counts_in_the_step_of_a_configuration_as_if_it_were_drawn_from():
    rng = np.random.default_rng(2)
    T, n = 4, 100_000
    Y, M = rng.normal(size=(T, 1)), rng.normal(size=(T, 3))
    root = rng.normal(size=(T, 3, 3)) * 0.5
    S = root @ root.transpose(0, 2, 1)
    drawn = M[:, None] + np.einsum("tjk,tnk->tnj", root, rng.normal(size=(T, n, 3)))
    many = LinearRegression().fit(drawn[..., 1:].reshape(-1, 2), (Y[:, None, 0] - drawn[..., 0]).reshape(-1))
    c, V, _ = _config_step(Y, np.ones((T, 1), dtype=bool), M, S, 1.0, np.full(2, 1e12))
    np.testing.assert_allclose(np.r_[c[0], V[0]], np.r_[many.intercept_, many.coef_], atol=0.02)  # 1 / √100,000, times a few


def test_the_bound_of_the_evidence_never_falls():
    """Of the known losses: E[log p(losses)] less the divergences of what is believed of tasks and configurations from the priors."""
    t, _ = table(T=25, N=12, noise=0.5, known=0.7)
    known = np.isfinite(t.losses)

    def divergence(mean, S, variances):
        return 0.5 * (np.trace(S / variances[:, None]) + mean @ (mean / variances) - len(mean)
                      + np.log(variances).sum() - np.linalg.slogdet(S)[1])

    def bound(f):
        M, S = _task_step(t.losses - f.c, known, f.V, f.C, f.noise, f.bias)
        error = (t.losses - f.c - M @ _with_bias(f.V).T) ** 2 + _variances(M, S, f.V, f.C)
        tau2 = (f.V**2 + np.diagonal(f.C, axis1=1, axis2=2)).mean(axis=0)
        fit = -0.5 * (known.sum() * np.log(2 * np.pi * f.noise) + error[known].sum() / f.noise)
        return (fit - sum(divergence(m, s, np.diag(prior(f))) for m, s in zip(M, S, strict=True))
                - sum(divergence(v, c, tau2) for v, c in zip(f.V, f.C, strict=True)))

    values = [bound(Factorisation.fit(t, 3, iterations=n)) for n in range(1, 30)]
    assert (np.diff(values) > -1e-9).all() and values[-1] > values[0] + 1


def test_factors_that_are_not_needed_vanish():
    t, Y = table(T=60, N=40, rank=2, noise=0.3, known=0.3)
    hidden = ~np.isfinite(t.losses)

    def error(rank):
        return np.sqrt(np.mean((Factorisation.fit(t, rank).completed() - Y)[hidden] ** 2))

    assert error(10) < 1.1 * error(2) < 0.5 < error(1)


def test_without_factors_it_is_the_mean_of_rows_and_columns():
    t, _ = table(T=30, N=8, rank=1, noise=0.1)
    f = Factorisation.fit(t, 0)
    Y = t.losses
    rows = Y.mean(axis=1) - Y.mean()
    np.testing.assert_allclose(f.c, Y.mean(axis=0), atol=1e-6)
    assert np.corrcoef(f.b, rows)[0, 1] == pytest.approx(1.0)
    assert f.predict().mean.tolist() == f.c.tolist()


# ---- a new task ----------------------------------------------------------------------------------------------------


def test_predictions_are_those_of_a_gaussian_conditioned_on_what_was_observed():
    t, _ = table(noise=0.4, known=0.8)
    f = certain(Factorisation.fit(t, 3))
    A = _with_bias(f.V)
    C = A @ prior(f) @ A.T + f.noise * np.eye(30)  # all losses of a task together are N(c, C)
    y = np.random.default_rng(7).normal(size=30)
    for o in ([], [4], [1, 2, 17, 29]):
        rest = np.setdiff1d(np.arange(30), o)
        K = C[np.ix_(rest, o)] @ np.linalg.inv(C[np.ix_(o, o)])
        found = f.predict({i: y[i] for i in o})
        np.testing.assert_allclose(found.mean[rest], f.c[rest] + K @ (y[o] - f.c[o]), rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(found.sd[rest] ** 2, np.diag(C[np.ix_(rest, rest)] - K @ C[np.ix_(o, rest)]), rtol=1e-8)
        np.testing.assert_array_equal(found.mean[o], y[o])
        assert not found.sd[o].any()
        assert found.observed.sum() == len(o)
        given = np.full(30, np.nan)
        given[o] = y[o]
        np.testing.assert_array_equal(f.predict(given).mean, found.mean)


def test_the_spread_is_as_large_as_the_errors_on_new_tasks():
    t, Y = table(T=340, N=40, rank=3, noise=0.4, seed=3)
    f = Factorisation.fit(t.some(range(300)), 3)
    z = []
    for y in Y[300:]:
        found = f.predict({i: y[i] for i in (0, 5, 9)})
        z.extend(((y - found.mean) / np.where(found.observed, np.inf, found.sd))[~found.observed])
    assert np.std(z) == pytest.approx(1.0, abs=0.1)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.02)


def test_expected_improvement_chooses_and_nothing_is_tried_twice():
    t, Y = table(noise=0.3)
    f = Factorisation.fit(t, 2)
    assert f.suggest() == [int(np.argmin(f.c))]
    observed = {3: Y[0, 3], 8: Y[0, 8]}
    now = f.predict(observed)
    gain = expected_improvement(now.mean, np.maximum(now.sd, 1e-12), min(observed.values()))
    gain[[3, 8]] = -1
    first = int(np.argmax(gain))
    assert f.suggest(observed) == [first]
    assert f.suggest(observed, 2)[1] == f.suggest({**observed, first: now.mean[first]})[0]
    everything = f.suggest(observed, 100)
    assert sorted([*everything, 3, 8]) == list(range(30))
    assert observed == {3: Y[0, 3], 8: Y[0, 8]}
    assert f.suggest(Y[0]) == []


def test_a_design_lets_the_uncertainty_fall_most_at_each_step():
    t, _ = table(N=9, noise=0.3)
    f = Factorisation.fit(t, 2)

    def volume(o):
        return np.linalg.det(f.predict(dict.fromkeys(o, 0.0)).covariance)

    chosen = f.design(4)
    for k in range(4):
        rest = [i for i in range(9) if i not in chosen[:k]]
        assert volume(chosen[:k + 1]) == pytest.approx(min(volume([*chosen[:k], i]) for i in rest))
    assert volume(chosen[:3]) <= 1.5 * min(volume(o) for o in combinations(range(9), 3))  # greedily, near the best of all
    assert f.design(2, {chosen[0]: 1.0}) == chosen[1:3]
    assert sorted(f.design(20)) == list(range(9))


def test_a_few_observations_tell_the_rest_where_tasks_are_of_low_rank():
    t, Y = table(T=60, N=40, noise=0.05)
    f = Factorisation.fit(t.some(range(50)), 2)
    for y in Y[50:]:
        observed = {i: y[i] for i in f.design(4)}
        assert np.sqrt(np.mean((f.predict(observed).mean - y) ** 2)) < 0.2  # of losses that spread by 2
        best = f.suggest(observed)[0]
        assert y[best] <= np.sort(y)[2]


def test_a_table_of_what_is_believed():
    t, Y = table()
    frame = Factorisation.fit(t, 2).predict({3: Y[0, 3]}).frame()
    assert frame["loss"].is_monotonic_increasing
    assert frame.loc[3].to_dict() == {"config": "c3", "loss": Y[0, 3], "sd": 0.0, "observed": True}


# ---- how many factors ----------------------------------------------------------------------------------------------


def test_hidden_losses_tell_the_rank():
    t, _ = table(T=80, N=30, rank=3, noise=0.2)
    found = hidden_error(t, range(7))
    assert isinstance(found, pd.DataFrame)
    assert found.loc[3, "hidden"] == pytest.approx(0.2, abs=0.06)
    assert found.loc[2, "hidden"] > 3 * found.loc[3, "hidden"]
    assert (found.loc[4:, "hidden"] > 0.99 * found.loc[3, "hidden"]).all()  # more do not help


def test_singular_values_without_gaps_are_numpys():
    t, Y = table()
    centred = Y - Y.mean(axis=0) - Y.mean(axis=1, keepdims=True) + Y.mean()
    np.testing.assert_allclose(singular_values(t), np.linalg.svd(centred, compute_uv=False), atol=1e-8)


def test_what_is_refused():
    t, _ = table(T=4, N=6)
    with pytest.raises(ValueError, match=r"between 0 and 3 with 4 tasks and 6 configurations, got 4"):
        Factorisation.fit(t, 4)
    with pytest.raises(ValueError, match="got none for 'c1'"):
        Factorisation.fit(Tasks(("a", "b"), ("c0", "c1"), np.array([[1.0, np.nan], [2.0, np.nan]])), 1)
    f = Factorisation.fit(t, 1)
    with pytest.raises(ValueError, match="from 0 to 5, got 6"):
        f.predict({6: 1.0})
    with pytest.raises(ValueError, match=r"each of the 6 configurations, got shape \(3,\)"):
        f.predict(np.zeros(3))
    for choose in (lambda: f.suggest(n=0), lambda: f.design(0)):
        with pytest.raises(ValueError, match="at least 1, got 0"):
            choose()
    with pytest.raises(ValueError, match=r"got 1\.0"):
        hidden_error(t, [1], 1.0)
    with pytest.raises(ValueError, match="no loss can be hidden"):
        hidden_error(Tasks(("a", "b"), ("c", "d"), np.array([[1.0, np.nan], [np.nan, 1.0]])), [0], 0.99)
    with pytest.raises(ValueError, match="got 0"):
        Factorisation.fit(t, 1, iterations=0)
