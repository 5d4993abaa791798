"""ENAS on data small enough to search in a second."""

import numpy as np
import pytest

from workbench.nas.cells import NANO
from workbench.nas.data import mnist1d
from workbench.nas.enas import ENAS, ControllerRanking
from workbench.nas.ranking import beside_truth

SMALL = {"epochs": 2, "policy_updates": 3, "policy_draws": 2, "n_derived": 12, "channels": 4, "batch_size": 64}


@pytest.fixture(scope="module")
def data():
    return mnist1d(500)


@pytest.mark.parametrize("recurrent", [True, False])
def test_it_takes_the_steps_that_it_announces_and_keeps_the_best_of_its_draws(data, recurrent):
    strategy = ENAS(**SMALL, recurrent=recurrent)
    steps = list(strategy.steps(data, cells=NANO, seed=1))
    assert [s.step for s in steps] == list(range(strategy.n_steps))
    assert all(np.isfinite(v) and type(v) is float for s in steps for v in s.metrics.values())
    why = steps[-1].why
    assert isinstance(why, ControllerRanking)
    assert why.chosen == why.ranked[0]
    assert why.weights.shape == (6, 4)
    assert np.allclose(why.weights.sum(1), 1.0)
    assert len({NANO.canonical(a) for a in why.ranked}) == len(why.ranked) <= 12


def test_the_baseline_is_a_moving_average_of_the_rewards(data):
    strategy = ENAS(epochs=2, policy_updates=1, policy_draws=4, n_derived=4, channels=4)
    first, second, _ = strategy.steps(data)
    assert first.metrics["baseline_reward"] == pytest.approx(first.metrics["reward"])
    expected = 0.95 * first.metrics["baseline_reward"] + 0.05 * second.metrics["reward"]
    assert second.metrics["baseline_reward"] == pytest.approx(expected)


def test_a_policy_that_does_not_learn_stays_undecided(data):
    *_, last = ENAS(**{**SMALL, "policy_rate": 0.0}).steps(data)
    assert last.why.entropy == pytest.approx(6 * np.log(4), rel=1e-3)
    assert np.abs(last.why.weights - 0.25).max() < 0.02


def test_the_seed_decides_everything_but_the_time(data):
    def told(seed):
        return [({k: v for k, v in s.metrics.items() if k != "cpu_s"}, s.why.ranked, s.why.weights.tolist())
                for s in ENAS(**SMALL).steps(data, seed=seed)]

    assert told(0) == told(0)
    assert told(0) != told(1)


def test_the_policy_turns_towards_what_is_rewarded():
    """After some epochs it is surer than at first, and its architectures do better than random ones with the same weights."""
    steps = list(ENAS(epochs=8, policy_rate=0.01, n_derived=20, batch_size=64, learning_rate=0.1).steps(mnist1d(2000), seed=0))
    assert steps[0].metrics["entropy"] > 7.5  # of at most 8.3
    assert steps[-1].why.entropy < 6.0
    assert steps[-1].metrics["valid_accuracy"] > steps[0].metrics["valid_accuracy"] + 0.08


def test_the_truth_can_stand_beside_it(data):
    class FakeTable:
        def test_error(self, arch):
            return 1 - arch.count("conv3") / 6

    *_, last = beside_truth(ENAS(**SMALL).steps(data), FakeTable())
    assert isinstance(last.why, ControllerRanking)
    assert len(last.why.truth) == len(last.why.ranked)


def test_faults_are_named():
    for settings, word in (({"policy_draws": 0}, "policy_draws"), ({"policy_rate": -1}, "policy_rate"), ({"decay": 1.0}, "0.95"),
                           ({"temperature": 0}, "temperature")):
        with pytest.raises(ValueError, match=word):
            ENAS(**settings)
