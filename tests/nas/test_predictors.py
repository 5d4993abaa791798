"""Predictors: they learn, they are unsure where they should be, and networks' gradients are right."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from workbench.nas.predictors import ForestPredictor, GPPredictor, MLPEnsemble, _gradients

PREDICTORS = [MLPEnsemble(), ForestPredictor(), GPPredictor()]
every = pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda p: type(p).__name__)


def bits(n, seed=0):
    """Codes of 12 bits and a target with a pair that matters together."""
    x = np.random.default_rng(seed).integers(0, 2, (n, 12)).astype(float)
    y = 1.5 * x[:, 0] - x[:, 1] + 0.5 * x[:, 2] + x[:, 3] * x[:, 4]
    return x, (y - 0.75) / 1.1


@every
def test_it_orders_what_it_has_not_seen(predictor):
    x, y = bits(150)
    more, truth = bits(300, seed=1)
    mean, sd = predictor.fit(x, y).predict(more)
    assert mean.shape == sd.shape == (300,)
    assert spearmanr(mean, truth)[0] > 0.85
    assert (sd > 0).all()


@every
def test_it_is_less_sure_far_from_the_data(predictor):
    rng = np.random.default_rng(3)
    x = np.zeros((60, 20))
    x[:, :5] = rng.integers(0, 2, (60, 5))  # the other columns never vary
    y = x[:, 0] - x[:, 1] + 0.05 * rng.standard_normal(60)
    far = rng.integers(0, 2, (60, 20)).astype(float)
    fitted = predictor.fit(x, y)
    near_sd, far_sd = fitted.predict(x)[1].mean(), fitted.predict(far)[1].mean()
    if isinstance(predictor, ForestPredictor):
        assert far_sd >= 0.5 * near_sd  # a forest repeats its leaves: it cannot know
    else:
        assert far_sd > 1.5 * near_sd


@every
def test_the_same_seed_gives_the_same_predictions(predictor):
    x, y = bits(40)
    first, again = (predictor.fit(x, y, seed=7).predict(x)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


@every
@pytest.mark.parametrize("n", [2, 3])
def test_two_results_are_enough_to_be_fitted(predictor, n):
    x, y = bits(n)
    mean, sd = predictor.fit(x, y).predict(x)
    assert np.isfinite(mean).all() and np.isfinite(sd).all()


def test_gradients_of_the_networks_are_those_of_differences():
    rng = np.random.default_rng(0)
    W = [rng.standard_normal((2, i, o)) for i, o in ((4, 5), (5, 3), (3, 1))]
    b = [rng.standard_normal((2, 1, o)) for o in (5, 3, 1)]
    X = np.broadcast_to(rng.standard_normal((6, 4)), (2, 6, 4))
    target = rng.standard_normal((1, 6, 1))

    def loss():
        h = X
        for w, c in zip(W[:-1], b[:-1], strict=True):
            h = np.maximum(h @ w + c, 0.0)
        return 0.5 * ((h @ W[-1] + b[-1] - target) ** 2).mean(1).sum()

    for p, g in zip(W + b, _gradients(W, b, X, target), strict=True):
        for at in np.ndindex(p.shape):
            before = p[at]
            p[at] = before + 1e-6
            up = loss()
            p[at] = before - 1e-6
            down = loss()
            p[at] = before
            assert g[at] == pytest.approx((up - down) / 2e-6, abs=1e-6)  # kinks of ReLU are met with probability 0


def test_networks_differ_by_their_first_weights_alone():
    x, y = bits(30)
    f = MLPEnsemble(n_networks=4).fit(x, y).outputs(bits(50, seed=5)[0])
    assert f.shape == (4, 50)
    assert f.std(0).mean() > 0.02


@pytest.mark.parametrize(("make", "message"), [
    (lambda: MLPEnsemble(n_networks=0), "n_networks, width and steps"), (lambda: MLPEnsemble(lr=0), "lr must be positive"),
    (lambda: ForestPredictor(0), "n_trees")])
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
