"""The chain of fits, and the posterior with running trials."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from workbench.history import History
from workbench.search.gp_posterior import N_FIT, hyperparameters, milestones, posterior
from workbench.space import Choice, Float, Space

SPACE = Space(a=Float(0, 1), b=Float(0, 1), c=Choice("p", "q"))


def history(n, seed=0):
    x = SPACE.sample_unit(n, np.random.default_rng(seed))
    return History.of(SPACE, x, np.sin(5 * x[:, 0]) + x[:, 1] ** 2 + 0.3 * (x[:, 2] > 0.5))


def test_milestones_grow_by_a_tenth_and_are_the_same_for_every_n():
    assert milestones(9) == []
    assert milestones(24) == [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24]
    marks = milestones(3000)
    assert marks[:len(milestones(500))] == milestones(500)
    assert all(1 <= b - a <= max(1, a / 10) for a, b in itertools.pairwise(marks))


def test_the_fit_at_a_milestone_does_not_depend_on_later_rows():
    long = history(40)
    other = History.of(SPACE, long.x, np.concatenate([long.y[:22], long.y[22:] + 3.0]))
    memo = {}
    hyperparameters(replace(other, memo=memo))
    again = hyperparameters(replace(long[:22], memo=memo))
    alone = hyperparameters(replace(long[:22], memo={}))
    assert (again.lengthscale == alone.lengthscale).all()


def test_a_running_trial_leaves_the_mean_and_takes_the_variance_around_it():
    h = history(20)
    p = hyperparameters(h)
    pending = np.array([[0.43, 0.77, 0.25]])
    before, after = posterior(h, p), posterior(replace(h, pending=pending), p)
    new = SPACE.sample_unit(50, np.random.default_rng(1))
    # believing one's own mean changes nothing but rounding, at a condition number of up to 1e8
    assert after.predict(new)[0] == pytest.approx(before.predict(new)[0], abs=1e-6)
    assert (after.predict(new)[1] <= before.predict(new)[1] + 1e-6).all()
    assert after.predict(pending)[1][0] < 0.2 * before.predict(pending)[1][0]


def test_a_long_history_is_extended_from_its_last_milestone_to_the_same_posterior():
    h = history(N_FIT + 30)
    p = hyperparameters(h)
    grown = posterior(h, p)
    whole = type(grown.model).condition(grown.model.Z, grown.model.y, lengthscale=grown.model.lengthscale,
                                        signal_variance=p.signal_variance, noise=p.noise, trend=grown.model.trend)
    new = grown.features(SPACE.sample_unit(20, np.random.default_rng(1)))
    assert len(grown.rows) == N_FIT + 30
    assert grown.model.predict(new)[0] == pytest.approx(whole.predict(new)[0], abs=1e-5)  # condition number 1e9


@pytest.mark.slow
def test_a_very_long_history_keeps_the_best_rows_and_those_since_the_milestone():
    h = history(1300)
    model = posterior(h, hyperparameters(h))
    assert len(model.rows) == 1000 + 1300 - milestones(1300)[-1]
    assert set(np.argsort(h.y)[:200]) <= set(model.rows)
    assert model.best_rows(1)[0] in np.argsort(h.y)[:5]


def test_the_best_is_the_smallest_target_unless_losses_are_noisy():
    h = history(30)
    model = posterior(h, hyperparameters(h))
    assert not model.is_noisy
    assert model.best == model.targets.min()
    noisy = History.of(SPACE, h.x, h.y + np.random.default_rng(2).normal(0, 0.5, 30))
    model = posterior(noisy, hyperparameters(noisy))
    assert model.is_noisy
    assert model.best == pytest.approx(model.predict(noisy.x)[0].min(), abs=1e-9)
