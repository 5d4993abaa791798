"""Maximising an acquisition function: gradients, climbing, discrete steps, nothing seen before."""

import numpy as np
import pytest

from workbench.history import History
from workbench.models.acquisition import LABELS
from workbench.models.map_fit import Hyperparameters
from workbench.search.gp_acquisition import Acquisition
from workbench.search.gp_candidates import keys, sobol
from workbench.search.gp_maximise import climb, maximise, refine
from workbench.search.gp_posterior import hyperparameters, posterior
from workbench.space import Choice, Float, Int, Space

SPACE = Space(algo=Choice("a", "b"), lr=Float(1e-4, 1, log=True), mom=Float(0, 1, when={"algo": "a"}),
              n=Int(1, 30, when={"algo": "b"}), w=Float(-1, 1))


def loss(x):
    inner = np.where(np.isnan(x[:, 2]), 0.2 + (np.nan_to_num(x[:, 3], nan=0.5) - 0.3) ** 2, (x[:, 2] - 0.7) ** 2)
    return (x[:, 1] - 0.4) ** 2 + inner + 0.5 * (x[:, 4] - 0.6) ** 2


@pytest.fixture(scope="module")
def history():
    x = SPACE.sample_unit(25, np.random.default_rng(0))
    return History.of(SPACE, x, loss(x))


def surface(history, name="log_ei"):
    model = posterior(history, hyperparameters(history))
    return Acquisition(model, name, model.best, 2.0)


@pytest.mark.parametrize("name", list(LABELS))
def test_gradient_by_the_point_is_that_of_finite_differences(history, name):
    # a fit to this smooth loss would be certain of everything; with noise the numbers are tame
    model = posterior(history, Hyperparameters(np.full(5, 0.6), 1.0, 1e-2))
    a = Acquisition(model, name, model.best, 2.0)
    x = SPACE.sample_unit(12, np.random.default_rng(1))
    Z = a.posterior.features(x)
    value, gradient = a.with_gradient(Z)
    assert value == pytest.approx(a(x), rel=1e-6, abs=1e-9)
    h = 1e-5
    for f in range(Z.shape[1]):
        step = np.zeros(Z.shape[1])
        step[f] = h
        numeric = (a.with_gradient(Z + step)[0] - a.with_gradient(Z - step)[0]) / (2 * h)
        # values up to 100, rounded at 1e-12 through a variance of 1e-2, over h
        assert gradient[:, f] == pytest.approx(numeric, rel=1e-4, abs=1e-5)


def test_climbing_never_ends_lower_in_sum_and_leaves_the_discrete_parameters(history):
    a = surface(history)
    x = SPACE.sample_unit(6, np.random.default_rng(2))
    y = climb(a, x)
    assert a(y).sum() > a(x).sum()
    assert (np.isnan(x) == np.isnan(y)).all()
    assert np.array_equal(x[:, [0, 3]], y[:, [0, 3]], equal_nan=True)
    assert ((y >= 0) & (y <= 1) | np.isnan(y)).all()


def test_refined_points_are_no_worse_than_their_starts(history):
    a = surface(history)
    x = SPACE.sample_unit(6, np.random.default_rng(3))
    y, scores = refine(a, x, a(x), SPACE, np.random.default_rng(0))
    assert (scores >= a(x)).all()
    assert scores == pytest.approx(a(y), rel=1e-6)


def test_the_maximum_is_at_least_that_of_many_random_points(history):
    a = surface(history)
    x, scores = maximise(a, SPACE, sobol=sobol(History.of(SPACE, history.x, history.y)), base=history.x[np.argsort(history.y)[:5]], seen=set(),
                         rng=np.random.default_rng(0))
    assert scores[0] >= a(SPACE.sample_unit(20_000, np.random.default_rng(4))).max()
    assert scores[0] == pytest.approx(a(x[:1])[0], rel=1e-6)
    assert (np.diff(scores) <= 0).all()


def test_points_come_without_repeats_and_without_what_was_seen(history):
    a = surface(history)
    args = {"sobol": sobol(History.of(SPACE, history.x, history.y)), "base": history.x[:5]}
    x, _ = maximise(a, SPACE, **args, seen=set(), rng=np.random.default_rng(0))
    assert len(set(keys(x))) == len(x)
    top = set(keys(x[:3]))
    y, _ = maximise(a, SPACE, **args, seen=top, rng=np.random.default_rng(0))
    assert not top & set(keys(y))
    assert (y[0] == x[3]).all() or np.array_equal(y[0], x[3], equal_nan=True)
