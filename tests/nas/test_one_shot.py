"""Path dropout, and random search with weight sharing."""

import numpy as np
import pytest

from workbench.nas.cells import NANO, NOTHING, CellSpace
from workbench.nas.data import mnist1d
from workbench.nas.one_shot import PathDropout, RandomWeightSharing, dropout_rates, into, keep
from workbench.nas.ranking import beside_truth

SMALL = {"epochs": 2, "n_ranked": 10, "n_probes": 5, "channels": 4, "batch_size": 64}


@pytest.fixture(scope="module")
def data():
    return mnist1d(500)


def test_all_operations_into_a_node_are_dropped_with_probability_r():
    rates = dropout_rates(NANO, 0.05)
    for node, k in ((1, 3), (2, 6), (3, 9)):
        edges = {e for e, _ in into(NANO, node)}
        assert len(into(NANO, node)) == k
        assert {round(rates[e] ** k, 12) for e in edges} == {0.05}
    assert dropout_rates(NANO, 0.0).tolist() == [0.0] * 6


def test_operations_are_dropped_as_often_as_their_rate_says_and_each_on_its_own():
    rng, n = np.random.default_rng(0), 4000
    rates = np.array([0.0, 0.1, 0.5, 0.9, 1.0, 0.3])
    drawn = [keep(NANO, rates, rng) for _ in range(n)]
    for e, rate in enumerate(rates):
        for o in ("skip", "conv3", "pool3"):
            share = np.mean([o in kept[e] for kept in drawn])
            assert share == pytest.approx(1 - rate, abs=5 * np.sqrt(rate * (1 - rate) / n) + 1e-12)
    both = np.mean([{"skip", "conv3"} <= set(kept[2]) for kept in drawn])
    assert both == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / n))
    assert all("none" not in operations for kept in drawn for operations in kept)


def test_a_node_hears_nothing_about_as_often_as_r():
    rng, n, r = np.random.default_rng(1), 6000, 0.2
    rates = dropout_rates(NANO, r)
    deaf = np.zeros(4)
    for _ in range(n):
        kept = keep(NANO, rates, rng)
        for node in (1, 2, 3):
            deaf[node] += not any(o in kept[e] for e, o in into(NANO, node))
    assert np.allclose(deaf[1:] / n, r, atol=5 * np.sqrt(r * (1 - r) / n))


def test_dropping_begins_at_none_and_rises_in_a_straight_line(data):
    steps = list(PathDropout(**{**SMALL, "epochs": 4}, rate=0.1).steps(data))
    dropped = np.array([s.metrics["dropped"] for s in steps[:4]])
    assert np.allclose(np.diff(dropped), np.diff(dropped)[0])
    last = dropout_rates(NANO, 0.1).mean()
    assert dropped[-1] == pytest.approx(last)
    assert dropped[0] == pytest.approx(last * (4 - 1) / (4 * 4 - 1))  # 4 batches an epoch: the fourth of 16


@pytest.mark.parametrize("strategy", [PathDropout(**SMALL), RandomWeightSharing(**SMALL, n_retrained=2, retrain_epochs=1)])
def test_a_search_takes_the_steps_that_it_announces_and_chooses_from_its_ranking(strategy, data):
    steps = list(strategy.steps(data, cells=NANO, seed=3))
    assert [s.step for s in steps] == list(range(strategy.n_steps))
    assert all(np.isfinite(v) and type(v) is float for s in steps for v in s.metrics.values())
    cpu = [s.metrics["cpu_s"] for s in steps]
    assert cpu == sorted(cpu)
    why = steps[strategy.epochs].why
    assert len(why.ranked) == 10
    assert len({NANO.canonical(a) for a in why.ranked} - {NOTHING}) == 10
    assert (np.diff(why.scores) <= 0).all()
    assert why.chosen == why.ranked[0]
    assert np.allclose(why.weights.sum(1), 1.0)


def test_probes_are_the_same_in_every_epoch(data):
    for strategy in (PathDropout(**SMALL), RandomWeightSharing(**SMALL, n_retrained=0)):
        first, second, _ = strategy.steps(data)
        assert set(first.why.ranked) == set(second.why.ranked)
        assert len(first.why.ranked) == 5


def test_the_best_of_those_trained_from_scratch_is_chosen(data):
    strategy = RandomWeightSharing(**SMALL, n_retrained=3, retrain_epochs=1)
    *_, ranked, _, _, last = strategy.steps(data)
    why = last.why
    assert why.ranked == ranked.why.ranked
    assert np.isfinite(why.retrained[:3]).all() and np.isnan(why.retrained[3:]).all()
    assert why.chosen == why.ranked[int(np.argmax(why.retrained[:3]))]
    assert "retrained" in why.frame()


@pytest.mark.parametrize("strategy", [PathDropout(**SMALL), RandomWeightSharing(**SMALL, n_retrained=1, retrain_epochs=1)])
def test_the_seed_decides_everything_but_the_time(strategy, data):
    def told(seed):
        return [({k: v for k, v in s.metrics.items() if k != "cpu_s"}, s.why.ranked, s.why.scores.tolist())
                for s in strategy.steps(data, seed=seed)]

    assert told(0) == told(0)
    assert told(0) != told(1)


def test_shared_weights_learn():
    lucky = 0.1
    big = mnist1d(2000)
    dropout = [s.metrics for s in PathDropout(epochs=6, n_ranked=20, n_probes=8, batch_size=64, learning_rate=0.1).steps(big)]
    assert dropout[5]["mixed_accuracy"] > 2.5 * lucky
    assert dropout[6]["discrete_accuracy"] > 2 * lucky
    assert dropout[5]["train_loss"] < dropout[0]["train_loss"] - 0.3
    sharing = [s.metrics for s in RandomWeightSharing(epochs=6, n_ranked=20, n_probes=8, n_retrained=0, batch_size=64, learning_rate=0.1).steps(big)]
    assert sharing[5]["train_loss"] < sharing[0]["train_loss"] - 0.3
    assert sharing[6]["valid_accuracy"] > 2.5 * lucky


def test_a_table_tells_how_far_the_ranking_can_be_trusted(data):
    class FakeTable:
        def test_error(self, arch):
            return 1 - arch.count("conv3") / 6

    *_, last = beside_truth(PathDropout(**{**SMALL, "n_ranked": 25}).steps(data), FakeTable())
    assert last.metrics["rank_correlation"] == pytest.approx(last.why.agreement.overall)
    assert len(last.why.truth) == 25


def test_other_spaces_and_images_can_be_searched():
    cells = CellSpace("three nodes", 3, ("skip", "conv1", "conv3"))
    from workbench.nas.data import digits

    *_, last = RandomWeightSharing(epochs=4, n_ranked=6, n_probes=4, n_retrained=0, batch_size=64).steps(digits(), cells=cells)
    assert len(last.why.chosen) == 3
    assert last.metrics["discrete_accuracy"] > 0.25  # chance: 0.1


def test_faults_are_named(data):
    with pytest.raises(ValueError, match="rate must lie"):
        PathDropout(rate=1.0)
    with pytest.raises(ValueError, match="n_retrained"):
        RandomWeightSharing(n_retrained=300)
    with pytest.raises(ValueError, match="n_probes"):
        PathDropout(n_probes=0)
    with pytest.raises(ValueError, match="epochs must"):
        next(PathDropout(epochs=0).steps(data))
