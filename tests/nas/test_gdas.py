"""Draws of operations: their distribution, their limits, their gradients; and the two searches that use them."""

import math

import numpy as np
import pytest
import torch

from workbench.event_file import dumps, loads
from workbench.nas.bilevel import Bilevel, BilevelSettings
from workbench.nas.cells import NANO
from workbench.nas.data import mnist1d
from workbench.nas.gdas import GDAS, SNAS, active_of, drawn_loss, soft_draw, straight_through
from workbench.nas.supernet import Supernet

DATA = mnist1d(600)
ALPHA = torch.tensor([[0.5, -1.0, 0.0, 1.5], [0.0, 0.0, 2.0, -3.0]], dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("tau", [0.1, 1.0, 10.0])
def test_the_largest_of_a_draw_is_distributed_as_softmax_whatever_the_temperature(tau):
    """20,000 draws of each row; every share within five standard errors."""
    n = 20_000
    Z = soft_draw(ALPHA.repeat(n, 1, 1), tau, generator())
    share = straight_through(Z).mean(dim=0)
    p = ALPHA.softmax(-1)
    assert ((share - p).abs() < 5 * (p * (1 - p) / n).sqrt() + 1e-9).all()


def test_a_draw_is_one_hot_when_cold_and_uniform_when_hot():
    many = ALPHA.repeat(500, 1, 1)
    cold, hot = (soft_draw(many, tau, generator()) for tau in (1e-4, 1e4))
    assert (cold.amax(-1) > 0.99).double().mean() > 0.99  # but for near ties
    assert (hot - 0.25).abs().max() < 0.002
    torch.testing.assert_close(cold.argmax(-1), hot.argmax(-1))  # the same noise, the same winner
    torch.testing.assert_close(cold.sum(-1), torch.ones(500, 2, dtype=torch.float64))


def test_straight_through_is_hard_forward_and_soft_backward():
    alpha = ALPHA.clone().requires_grad_()
    pull = torch.randn(2, 4, dtype=torch.float64, generator=generator(3))
    hard = straight_through(soft_draw(alpha, 0.7, generator(1)))
    assert set(hard.detach().unique().tolist()) == {0.0, 1.0}
    (found,) = torch.autograd.grad((hard * pull).sum(), alpha)
    (soft,) = torch.autograd.grad((soft_draw(alpha, 0.7, generator(1)) * pull).sum(), alpha)
    torch.testing.assert_close(found, soft)


def test_only_drawn_operations_are_computed_and_the_loss_is_that_of_the_architecture():
    search = Bilevel(DATA, NANO, BilevelSettings(channels=4), 0)
    hard = search.net.one_hot(("conv3", "none", "skip", "pool3", "conv3", "skip"))
    assert active_of(NANO, hard) == [("conv3",), ("none",), ("skip",), ("pool3",), ("conv3",), ("skip",)]
    loss = drawn_loss(search, search.train, hard)
    torch.testing.assert_close(loss, search.loss_of(search.w, search.train, hard))
    grads = dict(zip(search.names, torch.autograd.grad(loss, search.w, allow_unused=True), strict=True))
    assert grads["cell1_e01_conv3"] is not None
    assert grads["cell1_e02_conv3"] is None
    before = {n: p.detach().clone() for n, p in zip(search.names, search.w, strict=True)}
    search.step_weights(drawn_loss(search, search.train, hard))
    moved = {n for n, p in zip(search.names, search.w, strict=True) if not torch.equal(p, before[n])}
    assert "cell2_e13_conv3" in moved
    assert not {n for n in moved if "e02" in n or "e23" in n}


def test_the_gradient_of_a_drawn_architecture_is_that_of_its_gates_through_the_softmax():
    """By hand: ∂L/∂h of the drawn operations times the Jacobian of softmax((α + G)/τ) / τ."""
    net = Supernet(NANO, (12, 1), 3, channels=3, dtype=torch.float64, activation="tanh")
    g = generator(2)
    x, y = torch.randn(16, 12, 1, generator=g, dtype=torch.float64), torch.randint(0, 3, (16,), generator=g)
    alpha = torch.randn(6, 4, generator=g, dtype=torch.float64).requires_grad_()

    def loss(hard):
        return torch.nn.functional.cross_entropy(net.logits(net.params, x, hard, active_of(NANO, hard)), y)

    tau, Z = 0.8, soft_draw(alpha, 0.8, generator(7))
    (found,) = torch.autograd.grad(loss(straight_through(Z)), alpha, retain_graph=True)
    gates = straight_through(Z).detach().requires_grad_()
    (by_gates,) = torch.autograd.grad(loss(gates), gates)
    assert not (by_gates[gates == 0]).any()
    Z = Z.detach()
    np.testing.assert_allclose(found, Z * (by_gates - (Z * by_gates).sum(-1, keepdim=True)) / tau, atol=1e-12)


@pytest.mark.parametrize("strategy", [SNAS(epochs=2, settings=BilevelSettings(channels=4)),
                                      GDAS(epochs=2, settings=BilevelSettings(channels=4))], ids=["SNAS", "GDAS"])
def test_a_step_tells_probabilities_draws_and_accuracies(strategy):
    steps = list(strategy.steps(DATA, seed=1))
    assert [s.step for s in steps] == [1, 2]
    assert steps[0].metrics["temperature"] == strategy.temperature
    assert steps[1].metrics["temperature"] == pytest.approx(strategy.last_temperature)
    for s in steps:
        np.testing.assert_allclose(s.why.weights.sum(axis=1), 1, rtol=1e-6)
        batches = 360 // 64 if isinstance(strategy, SNAS) else 2 * (180 // 64)
        np.testing.assert_allclose(s.why.sampled.sum(axis=1), batches, rtol=1e-5)
        assert all(math.isfinite(v) for v in s.metrics.values())
        assert "none" not in s.why.chosen
        np.testing.assert_array_equal(loads(dumps(s)).why.sampled, s.why.sampled)
    again = list(strategy.steps(DATA, seed=1))
    np.testing.assert_array_equal(again[-1].why.alpha, steps[-1].why.alpha)


def test_snas_learns_on_one_level_and_all_data():
    """One batch: both steps follow the gradients of the same loss."""
    strategy = SNAS(epochs=1, settings=BilevelSettings(channels=4, batch_size=360, alpha_lr=0.01, alpha_decay=0.0))
    first = Bilevel(DATA, NANO, strategy.settings, 0, share=1.0)
    assert len(first.train[0]) == 360
    (batch,) = first.batches(first.train)
    loss = first.loss_of(first.w, batch, soft_draw(first.alpha, strategy.temperature, first.generator))
    (by_alpha,) = torch.autograd.grad(loss, first.alpha)
    found = next(strategy.steps(DATA, seed=0))
    np.testing.assert_allclose(found.why.alpha, (first.alpha - 0.01 * by_alpha.sign()).detach(), atol=1e-4)  # Adam's first step
    assert found.metrics["train_loss"] == pytest.approx(float(loss.detach()), rel=1e-5)


@pytest.mark.parametrize("strategy", [SNAS, GDAS])
def test_wrong_settings_are_refused(strategy):
    with pytest.raises(ValueError, match="above 0"):
        strategy(last_temperature=0.0)
    with pytest.raises(ValueError, match="at least 1 epoch"):
        strategy(epochs=0)
