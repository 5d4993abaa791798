"""REINFORCE against enumeration: the gradient, the baseline, and what is learnt."""

import itertools
import warnings

import numpy as np
import pytest

import workbench as wb
from workbench.event_file import decode, encode
from workbench.history import History
from workbench.nas.cells import NANO
from workbench.nas.decisions import NOT_MADE
from workbench.nas.policy import Baseline, PolicyExplanation, Rewards
from workbench.nas.reinforce import Adam, Policy, Reinforce, decisions_of, score, softmax

SMALL = wb.Space(a=wb.Choice("x", "y"), b=wb.Choice("x", "y", "z"), c=wb.Choice(1, 2, 3))
SPACE = NANO.space


def all_of(space):
    d = decisions_of(space)
    return [np.array(a) for a in itertools.product(*(range(k) for k in d.n_options))]


def expected(theta, rewards):
    """E[r] by enumeration."""
    p = softmax(theta)
    return sum(r * np.prod([p[t, k] for t, k in enumerate(a)]) for a, r in rewards)


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_the_score_function_gradient_is_the_gradient_of_the_expected_reward(baseline):
    """Sum of p(a) (r - b) ∇ log p(a) over all 18 configurations against central differences; the error is of order 1e-10."""
    rng = np.random.default_rng(0)
    theta = Policy(decisions_of(SMALL), 0.1, 0.9).theta
    theta = theta + np.where(np.isfinite(theta), rng.normal(size=theta.shape), 0.0)
    rewards = [(a, rng.random()) for a in all_of(SMALL)]
    p = softmax(theta)
    estimate = sum(np.prod([p[t, k] for t, k in enumerate(a)]) * (r - baseline) * score(p, a) for a, r in rewards)
    for t, k in zip(*np.nonzero(np.isfinite(theta)), strict=True):
        step = np.zeros_like(theta)
        step[t, k] = 1e-5
        slope = (expected(theta + step, rewards) - expected(theta - step, rewards)) / 2e-5
        assert abs(estimate[t, k] - slope) < 1e-6
    assert (estimate[~np.isfinite(theta)] == 0).all()


def test_a_decision_that_was_not_made_has_no_gradient():
    p = softmax(np.zeros((2, 3)))
    g = score(p, np.array([NOT_MADE, 1]))
    assert (g[0] == 0).all()
    np.testing.assert_allclose(g[1], [-1 / 3, 2 / 3, -1 / 3])


def test_adam_steps_like_torch():
    torch = pytest.importorskip("torch")
    rng, ours = np.random.default_rng(0), Adam(0.01)
    theta, theirs = np.zeros(5), torch.zeros(5, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([theirs], lr=0.01)
    for _ in range(20):
        g = rng.normal(size=5)
        theta = theta + ours.step(g)
        theirs.grad = torch.from_numpy(-g)
        adam.step()
    np.testing.assert_allclose(theta, theirs.detach().numpy(), rtol=1e-12)


def test_the_baseline_is_a_weighted_mean_and_failed_trials_count_as_the_worst():
    baseline = Baseline(0.9)
    rewards = [3.0, -1.0, 4.0, 1.5]
    for r in rewards:
        baseline.take(r)
    weights = 0.9 ** np.arange(4)[::-1]
    assert baseline.value == pytest.approx(np.average(rewards, weights=weights))
    told = Rewards(0.9)
    assert told.take(np.inf) is None  # nothing to compare to
    assert told.take(2.0) == 0.0
    told.take(1.0)
    told.take(np.inf)
    assert told.last == -2.0


def test_on_a_separable_reward_entropy_falls_and_the_best_becomes_likely():
    """Loss: edges that are not conv3. With 400 results at rate 0.05; the uniform policy has 6 ln 4 = 8.3 nats, P(best) 1/4096."""
    for seed in range(4):
        algorithm, memo = Reinforce(learning_rate=0.05), {}
        x, y, whys = np.empty((0, 6)), np.empty(0), []
        for k in range(400):
            h = History.of(SPACE, x, y)
            s = algorithm.suggest(History(h.space, h.x, h.y, h.pending, h.steps, memo=memo), np.random.default_rng([seed, k]))
            whys.append(s.why)
            loss = sum(v != "conv3" for v in SPACE.from_unit(s.x).values())
            x, y = np.vstack([x, s.x]), np.append(y, float(loss))
        assert whys[0].entropy == pytest.approx(6 * np.log(4))
        assert whys[-1].entropy < 0.6 * whys[0].entropy
        assert whys[-1].likeliest == ("conv3",) * 6
        best = np.prod([row[options.index("conv3")] for row, options in zip(whys[-1].probabilities, whys[-1].options, strict=True)])
        assert best > 100 / 4096
        assert whys[-1].baseline > whys[20].baseline


def test_draws_are_as_likely_as_the_policy_says():
    """After ten results; 6,000 draws of one decision with four options, chi-square, 0.9999 quantile with 3 degrees 21.1."""
    rng = np.random.default_rng(3)
    history = History.of(SPACE, SPACE.sample_unit(10, rng), rng.random(10))
    algorithm = Reinforce(learning_rate=0.2)
    suggestions = [algorithm.suggest(history, np.random.default_rng([1, k])) for k in range(6000)]
    for t in (0, 5):
        counts = np.bincount([s.why.drawn[t] for s in suggestions], minlength=4)
        wanted = 6000 * suggestions[0].why.probabilities[t]
        assert ((counts - wanted) ** 2 / wanted).sum() < 21.1


def test_what_was_learnt_grows_result_by_result_and_the_past_does_not_disturb_it():
    rng = np.random.default_rng(0)
    whole = History.of(SPACE, SPACE.sample_unit(40, rng), rng.random(40))
    algorithm, fresh = Reinforce(), History.of(SPACE, whole.x[:25], whole.y[:25])
    for k in (5, 40, 25, 40):
        why = algorithm.suggest(whole[:k], np.random.default_rng(k)).why
        assert why.n_updates == k
    (told,) = whole.memo.values()
    assert len(told.y) == 40  # the longest is kept
    np.testing.assert_array_equal(algorithm.suggest(whole[:25], rng).why.probabilities,
                                  algorithm.suggest(fresh, rng).why.probabilities)


def test_the_policy_knows_nothing_before_the_second_finite_result():
    why = Reinforce().suggest(History.of(SPACE, SPACE.sample_unit(2, np.random.default_rng(0)), [np.inf, np.inf]),
                              np.random.default_rng(0)).why
    assert why.n_updates == 0
    assert "has learnt nothing yet" in why.summary()
    np.testing.assert_allclose(why.probabilities, 0.25)


def test_inactive_decisions_are_not_made():
    space = wb.Space(algo=wb.Choice("svm", "knn"), C=wb.Float(1e-2, 1e2, log=True, when={"algo": "svm"}))
    rng = np.random.default_rng(0)
    history = History.of(space, space.sample_unit(30, rng), rng.random(30))
    for k in range(20):
        why = Reinforce().suggest(history, np.random.default_rng(k)).why
        assert np.isnan(why.probabilities[1]).all() == (why.drawn[1] == NOT_MADE) == (why.drawn[0] == 1)
        assert why.relaxation is None


def test_the_reason_is_kept_in_files_and_is_a_relaxation_on_cells():
    rng = np.random.default_rng(0)
    why = Reinforce().suggest(History.of(SPACE, SPACE.sample_unit(9, rng), rng.random(9)), rng).why
    again = decode(encode(why))
    assert isinstance(again, PolicyExplanation)
    np.testing.assert_array_equal(again.probabilities, why.probabilities)
    r = again.relaxation
    assert r.edges == NANO.edges
    assert r.operations == NANO.operations
    assert r.chosen == why.likeliest
    np.testing.assert_allclose(r.weights.sum(axis=1), 1.0)


def test_losses_beyond_all_measure_do_not_overflow():
    rng = np.random.default_rng(0)
    history = History.of(SPACE, SPACE.sample_unit(6, rng), [1e308, -1e308, 0.0, np.inf, 1e-300, 5.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        why = Reinforce().suggest(history, rng).why
    assert np.isfinite(why.probabilities).all()


@pytest.mark.parametrize(("settings", "text"), [({"learning_rate": 0.0}, "positive"), ({"decay": 1.0}, "less than 1")])
def test_settings_that_make_no_sense_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        Reinforce(**settings)
