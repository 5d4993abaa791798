"""The update of CMA-ES, against the package cmaes 0.13 (an independent implementation of the same tutorial)."""

import math
from dataclasses import replace

import cmaes
import numpy as np
import pytest

from workbench.models.cma_state import CMAState, constants, update


def ellipsoid(x):
    return float((10.0 ** np.linspace(0, 3, len(x)) * (x - 0.3) ** 2).sum())


def quartic(x):
    return float((np.abs(x) ** 4).sum() + np.sin(20 * x).sum())


@pytest.mark.parametrize(("n", "lam"), [(1, None), (2, None), (3, 4), (5, None), (5, 20), (10, 7), (20, None), (8, 100)])
@pytest.mark.parametrize("loss", [ellipsoid, quartic])
def test_every_generation_equals_that_of_cmaes(n, lam, loss):
    rng = np.random.default_rng(n)
    theirs = cmaes.CMA(mean=rng.random(n), sigma=0.3, seed=1, population_size=lam)
    ours = CMAState.start(theirs.mean.copy(), 0.3)
    for generation in range(1, 61):
        xs = np.array([theirs.ask() for _ in range(theirs.population_size)])
        ys = np.array([loss(x) for x in xs])
        theirs.tell([(x, y) for x, y in zip(xs, ys, strict=True)])
        ours = update(ours, xs, ys)
        scale = np.abs(theirs._C).max()
        np.testing.assert_allclose(ours.mean, theirs.mean, rtol=0, atol=1e-10)
        np.testing.assert_allclose(ours.sigma, theirs._sigma, rtol=1e-10)
        np.testing.assert_allclose(ours.C, theirs._C, rtol=0, atol=1e-10 * scale)
        np.testing.assert_allclose(ours.p_sigma, theirs._p_sigma, rtol=0, atol=1e-10)
        np.testing.assert_allclose(ours.p_c, theirs._pc, rtol=0, atol=1e-10)
        assert ours.generation == theirs.generation == generation


def test_solutions_from_outside_are_taken_in_as_cmaes_takes_them():
    """Uniform points instead of drawn ones: long steps, also with negative weights."""
    rng = np.random.default_rng(0)
    theirs = cmaes.CMA(mean=np.full(4, 0.5), sigma=0.3)
    ours = CMAState.start(np.full(4, 0.5), 0.3)
    for _ in range(30):
        xs = rng.random((8, 4))
        ys = np.array([ellipsoid(x) for x in xs])
        theirs.tell(list(zip(xs, ys, strict=True)))
        ours = update(ours, xs, ys)
        np.testing.assert_allclose(ours.C, theirs._C, rtol=1e-9, atol=1e-10 * np.abs(theirs._C).max())
        np.testing.assert_allclose(ours.sigma, theirs._sigma, rtol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("lam", [3, 4, 9, 64, 1000])
def test_constants_keep_the_properties_that_the_tutorial_asks_for(n, lam):
    k = constants(n, lam)
    assert k.w[:k.mu].sum() == pytest.approx(1)
    assert (k.w[:k.mu] > 0).all()
    assert (np.diff(k.w) < 0).all()
    assert (k.w[k.mu + 1:] < 0).all()
    assert k.mu_eff == pytest.approx(1 / (k.w[:k.mu] ** 2).sum())  # eq. 8
    assert 0 < k.c_1 <= 1 - k.c_mu
    assert 0 <= k.c_mu < 1
    assert 0 < k.c_sigma < 1 <= k.d_sigma
    assert 0 < k.c_c <= 1
    assert 1 - k.c_1 - k.c_mu * k.w.sum() >= -1e-9  # the old C never counts negatively


def test_the_expected_length_of_a_normal_vector_is_right():
    for n in (1, 2, 5, 30):
        exact = math.sqrt(2) * math.gamma((n + 1) / 2) / math.gamma(n / 2)
        assert constants(n, 6).chi_n == pytest.approx(exact, rel=0.02 if n == 1 else 3e-3)


def test_too_small_a_generation_is_refused():
    with pytest.raises(ValueError, match="at least one dimension and three points"):
        constants(2, 2)


def test_under_random_selection_the_distribution_stays_in_expectation():
    """Hansen's design principle: without information, no bias. E[ln sigma], E[m] and E[C] stay."""
    rng = np.random.default_rng(5)
    ends = []
    for _ in range(400):
        state = CMAState.start(np.zeros(3), 1.0)
        for _ in range(10):
            state = update(state, np.array([state.sample(rng) for _ in range(8)]), rng.random(8))
        ends.append((math.log(state.sigma), state.mean, np.linalg.slogdet(state.C)[1]))
    log_sigma = np.array([e[0] for e in ends])
    assert abs(log_sigma.mean()) < 4 * log_sigma.std() / 20 + 0.1  # chi_n is an approximation
    mean = np.array([e[1] for e in ends])
    assert (np.abs(mean.mean(axis=0)) < 4 * mean.std(axis=0) / 20).all()


def test_only_ranks_matter():
    rng = np.random.default_rng(2)
    state = CMAState.start(np.zeros(3), 0.5)
    xs, ys = rng.standard_normal((6, 3)), rng.random(6)
    a, b = update(state, xs, ys), update(state, xs, np.exp(50 * ys) - 7)
    np.testing.assert_array_equal(a.C, b.C)
    np.testing.assert_array_equal(a.mean, b.mean)


def test_turning_the_coordinates_turns_the_result():
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    state = turned = CMAState.start(np.zeros(4), 0.5)
    for _ in range(20):
        xs = np.array([state.sample(rng) for _ in range(8)])
        ys = np.array([ellipsoid(x) for x in xs])
        state, turned = update(state, xs, ys), update(turned, xs @ Q.T, ys)
    np.testing.assert_allclose(turned.mean, Q @ state.mean, atol=1e-9)
    np.testing.assert_allclose(turned.C, Q @ state.C @ Q.T, atol=1e-9 * np.abs(state.C).max())


def test_sigma_grows_by_a_factor_of_e_at_most():
    state = CMAState.start(np.zeros(2), 1e-6)
    xs = 1.0 + 1e-3 * np.random.default_rng(0).standard_normal((6, 2))
    assert update(state, xs, np.arange(6.0)).sigma == pytest.approx(1e-6 * math.e)


def test_samples_follow_the_distribution():
    rng = np.random.default_rng(4)
    R = rng.standard_normal((3, 3))
    state = CMAState(np.array([1.0, 2.0, 3.0]), 0.4, R @ R.T + np.eye(3), np.zeros(3), np.zeros(3))
    x = np.array([state.sample(rng) for _ in range(40_000)])
    np.testing.assert_allclose(x.mean(axis=0), state.mean, atol=0.03)
    np.testing.assert_allclose(np.cov(x.T), state.covariance, atol=0.05 * state.covariance.max())
    np.testing.assert_allclose(x.std(axis=0), state.deviations, rtol=0.03)
    np.testing.assert_allclose(state.root @ state.root.T, state.covariance, atol=1e-12)
    assert (np.diag(state.root) > 0).all()
    assert np.triu(state.root, 1) == pytest.approx(np.zeros((3, 3)), abs=1e-15)


def test_a_state_is_not_changed_by_an_update():
    state = CMAState.start(np.zeros(2), 1.0)
    before = state.mean.copy(), state.C.copy()
    update(state, np.ones((6, 2)), np.arange(6.0))
    np.testing.assert_array_equal(state.mean, before[0])
    np.testing.assert_array_equal(state.C, before[1])


def test_a_rate_of_zero_switches_its_part_off():
    """Without both terms C stays as it is, with one of them a single direction or a weighted sum of steps is added."""
    rng = np.random.default_rng(3)
    state = CMAState.start(rng.random(3), 0.2)
    for _ in range(3):  # so that C and the paths are no special ones
        xs = np.array([state.sample(rng) for _ in range(8)])
        state = update(state, xs, (xs**2).sum(axis=1))
    xs = np.array([state.sample(rng) for _ in range(8)])
    ys = (xs**2).sum(axis=1)
    k = constants(3, 8)
    still = update(state, xs, ys, replace(k, c_1=0.0, c_mu=0.0, d_sigma=math.inf))
    np.testing.assert_allclose(still.C, state.C, rtol=1e-12)
    assert still.sigma == state.sigma
    np.testing.assert_array_equal(still.mean, update(state, xs, ys).mean)
    path = update(state, xs, ys, replace(k, c_mu=0.0))
    np.testing.assert_allclose(path.C, (1 - k.c_1) * state.C + k.c_1 * np.outer(path.p_c, path.p_c), rtol=1e-9)
    good = update(state, xs, ys, replace(k, c_1=0.0, w=np.where(k.w > 0, k.w, 0.0)))
    y = (xs[np.argsort(ys)[:4]] - state.mean) / state.sigma
    np.testing.assert_allclose(good.C, (1 - k.c_mu) * state.C + k.c_mu * (y.T * k.w[:4]) @ y, rtol=1e-9)
