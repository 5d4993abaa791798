"""The batched policy of ENAS against enumeration of all sequences."""

import itertools

import numpy as np
import pytest
import torch

from workbench.nas.policy_network import PolicyNetwork, surrogate

T, K = 3, 3
ALL = torch.tensor(list(itertools.product(range(K), repeat=T)))


def policy(recurrent=True, seed=0, **changed):
    net = PolicyNetwork(T, K, hidden=5, recurrent=recurrent, seed=seed, dtype=torch.float64, **changed)
    generator = torch.Generator().manual_seed(seed + 10)
    with torch.no_grad():
        for p in net.parameters():  # far from uniform
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 2)
    return net


def rewards():
    return torch.randn(len(ALL), generator=torch.Generator().manual_seed(5), dtype=torch.float64)


@pytest.mark.parametrize("recurrent", [True, False])
def test_probabilities_of_all_sequences_sum_to_one(recurrent):
    net = policy(recurrent)
    said = net.about(ALL)
    assert said.log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-12)
    along = said.probabilities.gather(2, ALL[..., None])[..., 0].log().sum(1)
    assert torch.allclose(along, said.log_p)


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_policy_gradient_is_that_of_the_expected_reward(recurrent):
    net, r, b = policy(recurrent), rewards(), 0.37
    parameters = list(net.parameters())
    exact = torch.autograd.grad((net.about(ALL).log_p.exp() * r).sum(), parameters)
    log_p = net.about(ALL).log_p
    p = log_p.detach().exp()
    estimated = torch.autograd.grad(surrogate(log_p, len(ALL) * p * (r - b)), parameters)  # E over all draws
    for e, g in zip(exact, estimated, strict=True):
        assert torch.allclose(-g, e, rtol=1e-6, atol=1e-12)
    assert max(e.abs().max().item() for e in exact) > 1e-3


def test_adding_entropy_to_the_reward_follows_its_gradient_by_the_sampled_estimate():
    """E[Σ_t H_t] is the entropy of the whole sequence."""
    net = policy()
    said = net.about(ALL)
    p = said.log_p.exp()
    assert (p * said.entropy).sum().item() == pytest.approx(-(p * said.log_p).sum().item(), rel=1e-10)


def test_draws_follow_the_probabilities():
    net = policy()
    n = 20_000
    drawn = net.sample(n, torch.Generator().manual_seed(0))
    codes = (drawn.options * torch.tensor([K * K, K, 1])).sum(1)
    share = torch.bincount(codes, minlength=len(ALL)).double() / n
    p = net.about(ALL).log_p.exp()
    assert (share - p).abs().max().item() < 5 * 0.5 / np.sqrt(n)
    assert torch.allclose(net.about(drawn.options).log_p, drawn.log_p)


def test_without_the_lstm_a_decision_knows_nothing_of_those_before():
    plain, recurrent = policy(recurrent=False).about(ALL), policy().about(ALL)
    assert (plain.probabilities - plain.probabilities[0]).abs().max() == 0
    assert (recurrent.probabilities - recurrent.probabilities[0]).abs().max() > 1e-3


@pytest.mark.parametrize("constant", [0.5, 2.5])
def test_the_tanh_bounds_how_sure_it_can_be(constant):
    net = PolicyNetwork(2, 4, recurrent=False, tanh_constant=constant, dtype=torch.float64)
    with torch.no_grad():
        net.v.fill_(-1e3)
        net.v[:, 1] = 1e3
    p = net.about(torch.zeros(1, 2, dtype=torch.long)).probabilities
    assert p.max().item() == pytest.approx(net.surest)


def test_it_learns_what_goes_together():
    """Reward 1 if all three options are equal: an independent softmax cannot hold all answers, an LSTM can."""
    net = PolicyNetwork(T, K, hidden=8, seed=1)
    adam, generator = torch.optim.Adam(net.parameters(), lr=0.02), torch.Generator().manual_seed(0)
    equal = (ALL[:, :1] == ALL).all(1)
    before = net.about(ALL).log_p.exp()[equal].sum().item()
    for _ in range(120):
        drawn = net.sample(32, generator)
        r = (drawn.options == drawn.options[:, :1]).all(1).float()
        adam.zero_grad()
        surrogate(drawn.log_p, r - r.mean()).backward()
        adam.step()
    after = net.about(ALL).log_p.exp()[equal].sum().item()
    assert before < 0.2
    assert after > 0.7


def test_the_seed_decides_parameters_and_draws():
    one, same, other = (PolicyNetwork(4, 3, seed=s) for s in (0, 0, 1))
    draw = [net.sample(20, torch.Generator().manual_seed(3)).options for net in (one, same, other)]
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(one.V, other.V)
