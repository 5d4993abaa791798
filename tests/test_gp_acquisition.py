"""Acquisition functions with draws and beliefs: gradients, and what a belief adds."""

import numpy as np
import pytest

from workbench.history import History
from workbench.models.map_fit import Hyperparameters
from workbench.search.beliefs import Beliefs
from workbench.search.gp_acquisition import Acquisition, Believed, Sampled
from workbench.search.gp_posterior import posterior
from workbench.space import Choice, Float, Int, Space

SPACE = Space(algo=Choice("a", "b"), lr=Float(1e-4, 1, log=True), mom=Float(0, 1, when={"algo": "a"}),
              n=Int(1, 30, when={"algo": "b"}), w=Float(-1, 1))
PRIOR = {"lr": 1e-3, "algo": "b", "n": (3, 7), "mom": 0.9}
X = SPACE.sample_unit(20, np.random.default_rng(0))
HISTORY = History.of(SPACE, X, (X[:, 1] - 0.4) ** 2 + X[:, 4])
MODEL = posterior(HISTORY, Hyperparameters(np.full(5, 0.6), 1.0, 1e-2))
AT = SPACE.sample_unit(10, np.random.default_rng(1))


def usual(name):
    if name in ("noisy_ei", "thompson"):
        return Sampled.of(name, MODEL, AT[:2], 7)
    return Acquisition(MODEL, name, MODEL.best, 2.0)


@pytest.mark.parametrize("name", ["log_ei", "ei", "pi", "lcb", "noisy_ei", "thompson"])
@pytest.mark.parametrize("prior", [{}, PRIOR, {"lr": 1e-3}])
def test_gradients_by_the_continuous_parameters_are_those_of_finite_differences(name, prior):
    a, product, factor = usual(name), name == "ei", np.ones(len(AT))
    if prior:
        a = Believed(a, Beliefs.of(SPACE, prior), 0.7, product=product)
    x = AT.copy()
    value, gradient = a.with_gradient(MODEL.features(x))
    if product:  # beliefs on what cannot be climbed in a row are a factor of it, which climbing leaves out
        factor = a(x) / value
    for j, f in zip(MODEL.features.floats, MODEL.features.float_features, strict=True):
        on = ~np.isnan(x[:, j])
        up, down = x[on].copy(), x[on].copy()
        up[:, j] += 1e-5
        down[:, j] -= 1e-5
        if product:
            assert a(up) == pytest.approx(factor[on] * a.with_gradient(MODEL.features(up))[0])
        assert factor[on] * gradient[on, f] == pytest.approx((a(up) - a(down)) / 2e-5, rel=1e-3, abs=1e-4)


def test_a_belief_adds_its_log_density_to_log_ei_and_multiplies_ei():
    beliefs = Beliefs.of(SPACE, PRIOR)
    log_pi = beliefs.log_density(AT)
    assert Believed(usual("log_ei"), beliefs, 0.5, product=False)(AT) == pytest.approx(usual("log_ei")(AT) + 0.5 * log_pi)
    assert Believed(usual("ei"), beliefs, 0.5, product=True)(AT) == pytest.approx(usual("ei")(AT) * np.exp(0.5 * log_pi))


def test_both_ways_to_write_ei_with_a_belief_have_the_same_order():
    beliefs = Beliefs.of(SPACE, PRIOR)
    log_ei = Believed(usual("log_ei"), beliefs, 2.0, product=False)(AT)
    ei = Believed(usual("ei"), beliefs, 2.0, product=True)(AT)
    assert np.log(ei) == pytest.approx(log_ei, rel=1e-9)


def test_the_same_seed_draws_the_same_function():
    for name in ("noisy_ei", "thompson"):
        assert (Sampled.of(name, MODEL, AT[:2], 3)(AT) == Sampled.of(name, MODEL, AT[:2], 3)(AT)).all()
        assert (Sampled.of(name, MODEL, AT[:2], 3)(AT) != Sampled.of(name, MODEL, AT[:2], 4)(AT)).any()
