"""The LSTM controller against enumeration, and what it learns that independent decisions cannot."""

import itertools

import numpy as np
import pytest

import workbench as wb
from workbench.history import History
from workbench.models.neural import extra
from workbench.nas.cells import NANO
from workbench.nas.controller import Controller
from workbench.nas.decisions import decisions_of
from workbench.nas.reinforce import Reinforce

torch = pytest.importorskip("torch")
from workbench.nas.lstm_policy import LstmPolicy  # noqa: E402

SMALL = wb.Space(a=wb.Choice("x", "y"), b=wb.Choice("x", "y", "z"), c=wb.Choice(1, 2))
SPACE = NANO.space


def policy_of(space, *, entropy=0.0, hidden=5, seed=3):
    policy = LstmPolicy(decisions_of(space), hidden=hidden, layers=2, learning_rate=0.01, decay=0.9, entropy=entropy, seed=seed)
    policy._theta *= 8.0  # far from uniform
    return policy


def all_of(space):
    return [np.array(a) for a in itertools.product(*(range(k) for k in decisions_of(space).n_options))]


def test_probabilities_of_all_configurations_sum_to_one():
    policy = policy_of(SMALL)
    assert sum(float(policy.log_probability(a).detach().exp()) for a in all_of(SMALL)) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("baseline", "entropy"), [(0.0, 0.0), (0.6, 0.0), (0.6, 0.3)])
def test_the_score_function_gradient_is_that_of_expected_reward_and_entropy(baseline, entropy):
    """Sum of p(a) times the estimate over all 12 configurations, against autograd through E[r] + entropy · H in float64."""
    policy, rng = policy_of(SMALL, entropy=entropy), np.random.default_rng(0)
    rewards = [(a, rng.random()) for a in all_of(SMALL)]
    estimate = sum(float(policy.log_probability(a).detach().exp()) * policy.gradient(a, r - baseline) for a, r in rewards)
    log_p = [policy.log_probability(a) for a, _ in rewards]
    goal = sum(lp.exp() * (r - entropy * lp) for lp, (_, r) in zip(log_p, rewards, strict=True))
    grads = torch.autograd.grad(goal, policy.parameters, allow_unused=True, materialize_grads=True)
    exact = np.concatenate([g.numpy().ravel() for g in grads])
    assert np.abs(exact).max() > 1e-3
    np.testing.assert_allclose(estimate, exact, atol=1e-6)


def test_the_lstm_is_that_of_torch():
    policy = policy_of(SMALL, hidden=7)
    theirs = torch.nn.LSTM(7, 7, num_layers=2).double()
    with torch.no_grad():
        for k in range(2):  # our gates stand in the order i, f, o, g, torch's in i, f, g, o
            W = torch.cat([policy.W[k][:, i:i + 7] for i in (0, 7, 21, 14)], 1).T
            b = torch.cat([policy.b[k][i:i + 7] for i in (0, 7, 21, 14)])
            for name, value in (("weight_ih", W[:, :7]), ("weight_hh", W[:, 7:]), ("bias_ih", b), ("bias_hh", 0 * b)):
                getattr(theirs, f"{name}_l{k}").copy_(value)
        e = torch.stack([policy.start, policy.embedding[0][1], policy.embedding[1][2]])
        out, _ = theirs(e)
        wanted = [(h @ V + v).log_softmax(0) for h, V, v in zip(out, policy.V, policy.v, strict=True)]
        ours = list(policy.steps(iter([1, 2, 0])))
    for a, b in zip(ours, wanted, strict=True):
        torch.testing.assert_close(a, b)


def told(algorithm, loss, n, seed, space=SPACE):
    x, y, memo, whys = np.empty((0, len(space))), np.empty(0), {}, []
    for k in range(n):
        h = History.of(space, x, y)
        s = algorithm.suggest(History(space, h.x, h.y, h.pending, h.steps, seed, memo), np.random.default_rng([seed, k]))
        whys.append(s.why)
        x, y = np.vstack([x, s.x]), np.append(y, float(loss(space.from_unit(s.x))))
    return whys


def test_on_a_separable_reward_entropy_falls_and_the_best_becomes_likely():
    """Loss: edges that are not conv3; 250 results at rate 0.01. The uniform policy has P(best) 1 / 4096."""
    whys = told(Controller(learning_rate=0.01, hidden=12), lambda c: sum(v != "conv3" for v in c.values()), 250, 1)
    assert whys[-1].entropy < 0.7 * whys[0].entropy
    best = np.prod(whys[-1].probabilities[:, NANO.operations.index("conv3")])
    assert best > 100 / 4096


def test_it_can_hold_which_options_go_together_where_independent_decisions_cannot():
    """Good is what agrees: xxx or yyy. With a nat worth 1/4 the best policy is p(a) proportional to exp(4 r): 0.47 each for these
    two, 0.01 for the six others; independent decisions give xxx and yyy 0.5 together at most while they keep both."""
    space = wb.Space({f"d{k}": wb.Choice("x", "y") for k in range(3)})
    policy = LstmPolicy(decisions_of(space), hidden=8, layers=1, learning_rate=0.03, decay=0.9, entropy=0.25, seed=0)
    every = all_of(space)
    for _ in range(120):
        p = [float(policy.log_probability(a).detach().exp()) for a in every]
        policy._theta += policy._adam.step(sum(q * policy.gradient(a, 1.0 - len(set(a.tolist())))
                                               for q, a in zip(p, every, strict=True)))
    agree = [float(policy.log_probability(np.full(3, k)).detach().exp()) for k in (0, 1)]
    assert agree == pytest.approx([0.474, 0.474], abs=0.05)


def test_answers_repeat_whatever_was_drawn_from_torch_meanwhile():
    rng = np.random.default_rng(0)
    x, y = SPACE.sample_unit(20, rng), rng.random(20)
    first = Controller(hidden=6).suggest(History.of(SPACE, x, y, seed=5), np.random.default_rng(1))
    state = torch.random.get_rng_state()
    again = Controller(hidden=6).suggest(History.of(SPACE, x, y, seed=5), np.random.default_rng(1))
    assert torch.equal(state, torch.random.get_rng_state())  # the global generator is left alone
    np.testing.assert_array_equal(first.why.probabilities, again.why.probabilities)
    other = Controller(hidden=6).suggest(History.of(SPACE, x, y, seed=6), np.random.default_rng(1))
    assert (first.why.probabilities != other.why.probabilities).any()


def test_a_branch_that_is_off_is_skipped():
    space = wb.Space(C=wb.Float(1e-2, 1e2, log=True, when={"algo": "svm"}), algo=wb.Choice("svm", "knn"),
                     k=wb.Int(1, 3, when={"algo": "knn"}))
    whys = told(Controller(hidden=4, layers=1), lambda c: float(c["algo"] == "svm"), 25, 0, space)
    for why in whys:
        made = {n for n, k in zip(why.names, why.drawn, strict=True) if k >= 0}
        assert made == ({"algo", "C"} if why.drawn[why.names.index("algo")] == 0 else {"algo", "k"})


def test_without_torch_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(wb.MissingExtra, match=r"Controller.*pip install"):
        Controller().suggest(History.of(SPACE, np.empty((0, 6)), []), np.random.default_rng(0))


@pytest.mark.parametrize(("settings", "text"), [({"learning_rate": -1.0}, "positive"), ({"decay": 1.0}, "less than 1"),
                                                ({"entropy": -0.1}, "negative"), ({"hidden": 0}, "at least 1")])
def test_settings_that_make_no_sense_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        Controller(**settings)


def test_both_policies_begin_almost_uniform():
    history = History.of(SPACE, np.empty((0, 6)), [])
    for algorithm, tolerance in ((Reinforce(), 1e-12), (Controller(), 0.05)):
        why = algorithm.suggest(history, np.random.default_rng(0)).why
        np.testing.assert_allclose(why.probabilities, 0.25, atol=tolerance)
