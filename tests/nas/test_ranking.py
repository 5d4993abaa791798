"""Rankings by scores that cost little, and their agreement with the truth."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from workbench.event_file import dumps, loads
from workbench.events import StepTaken
from workbench.nas.cells import NANO, NOTHING, CellSpace
from workbench.nas.enas import ControllerRanking
from workbench.nas.ranking import Ranking, agreement, beside_truth, draw, draw_distinct, ranking, shares, spearman
from workbench.nas.relaxation import Relaxation

TINY = CellSpace("tiny", 3, ("none", "skip", "conv3"))


class FakeTable:
    """Convolutions help, pooling hurts, and nothing else matters."""

    cells = NANO

    def test_error(self, arch):
        return 0.5 - 0.05 * arch.count("conv3") + 0.03 * arch.count("pool3")


def test_rank_correlation_is_scipys():
    rng = np.random.default_rng(0)
    for n in (3, 10, 200):
        a, b = rng.integers(0, 8, n).astype(float), rng.normal(size=n)
        if np.ptp(a):
            assert spearman(a, b) == pytest.approx(spearmanr(a, b)[0], abs=1e-12)
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))
    assert np.isnan(spearman(np.arange(2.0), np.arange(2.0)))


def test_a_score_that_tells_only_good_from_bad_agrees_overall_but_not_within_the_better_half():
    rng = np.random.default_rng(1)
    truth = np.concatenate([rng.uniform(0.1, 0.5, 100), rng.uniform(0.9, 0.95, 100)])
    scores = np.concatenate([rng.uniform(0.0, 0.4, 100), rng.uniform(0.5, 0.9, 100)])
    found = agreement(scores, truth)
    assert found.n == 200
    assert found.overall > 0.7
    assert abs(found.better_half) < 0.25  # 100 pairs without relation: standard deviation 0.1
    better = truth >= np.median(truth)
    assert found.better_half == pytest.approx(spearmanr(scores[better], truth[better])[0])


def test_pairs_without_a_truth_are_left_out():
    found = agreement(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, np.nan, 3]))
    assert (found.n, found.overall) == (3, pytest.approx(1.0))


def test_the_best_comes_first_and_is_chosen():
    a, b, c = ("skip",) * 6, ("conv3",) * 6, ("pool3",) * 6
    r = ranking(NANO, [a, b, c], np.array([0.3, 0.9, 0.5]))
    assert r.ranked == (b, c, a)
    assert r.scores.tolist() == [0.9, 0.5, 0.3]
    assert r.chosen == b
    assert isinstance(r, Relaxation)
    assert np.allclose(r.weights.sum(1), 1.0)
    assert r.agreement is None
    assert "90 % down to 30 %" in r.summary()


def test_weights_are_shares_among_the_best_tenth():
    rng = np.random.default_rng(0)
    found = draw_distinct(NANO, rng, 50)
    scores = np.array([a.count("conv3") / 6 for a in found])
    r = ranking(NANO, found, scores)
    assert np.allclose(r.weights, shares(r.ranked[:5], NANO))
    assert np.array_equal(shares([("none", "skip", "skip"), ("none", "none", "conv3")], TINY),
                          [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]])


def test_drawn_architectures_let_something_through_and_differ():
    rng = np.random.default_rng(0)
    assert all(NANO.canonical(draw(NANO, rng)) != NOTHING for _ in range(300))
    everything = draw_distinct(TINY, rng, 1000)
    assert {TINY.canonical(a) for a in everything} == {TINY.canonical(a) for a in TINY} - {NOTHING}
    assert len({TINY.canonical(a) for a in everything}) == len(everything)


def test_drawing_is_uniform_over_what_lets_something_through():
    rng = np.random.default_rng(2)
    possible = [a for a in TINY if TINY.canonical(a) != NOTHING]
    drawn = [draw(TINY, rng) for _ in range(5000)]
    counts = np.array([drawn.count(a) for a in possible])
    expected = 5000 / len(possible)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_the_truth_stands_beside_each_ranking():
    found = draw_distinct(NANO, np.random.default_rng(0), 40)
    r = ranking(NANO, found, np.array([a.count("conv3") - 0.6 * a.count("pool3") for a in found]))
    relaxed = Relaxation(r.weights, r.edges, r.operations, r.chosen)
    steps = list(beside_truth([StepTaken(0, {"cpu_s": 1.0}, r), StepTaken(1, {}, relaxed), StepTaken(2, {}, None)], FakeTable()))
    assert steps[0].why.truth.tolist() == [1 - FakeTable().test_error(a) for a in r.ranked]
    assert steps[0].metrics["cpu_s"] == 1.0
    assert steps[0].metrics["rank_correlation"] == pytest.approx(1.0)
    assert steps[0].metrics["rank_correlation_better_half"] == pytest.approx(1.0)
    assert "rank correlation" in steps[0].why.summary().lower()
    assert steps[1].why is relaxed
    assert steps[1].metrics == {}
    assert list(steps[0].why.frame().columns) == ["architecture", "one-shot accuracy", "true accuracy"]


def test_correlations_that_are_not_defined_are_left_out():
    found = draw_distinct(NANO, np.random.default_rng(0), 40)
    same, few = ranking(NANO, found, np.ones(40)), ranking(NANO, found[:10], np.arange(10.0))
    for step in beside_truth([StepTaken(0, {}, same), StepTaken(1, {}, few)], FakeTable()):
        assert step.metrics == {}
        assert len(step.why.truth) == len(step.why.ranked)


def test_event_files_keep_rankings():
    found = draw_distinct(NANO, np.random.default_rng(0), 5)
    r = ranking(NANO, found, np.linspace(0, 1, 5)).with_truth(FakeTable())
    for why in (r, ControllerRanking(r.weights, r.edges, r.operations, r.chosen, r.ranked, r.scores, reward=0.5)):
        back = loads(dumps(StepTaken(3, {"cpu_s": 1.0}, why))).why
        assert type(back) is type(why)
        assert back.ranked == why.ranked
        assert np.array_equal(back.scores, why.scores)
        assert np.array_equal(back.truth, why.truth)
        assert back.summary() == why.summary()
    assert isinstance(back, Ranking) and back.reward == 0.5
