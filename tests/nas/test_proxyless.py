"""ProxylessNAS: the gradient of two paths against enumeration, what moves and what stays, latency."""

import math

import numpy as np
import pytest
import torch

from workbench.event_file import dumps, loads
from workbench.nas.bilevel import Bilevel, BilevelSettings
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.data import mnist1d
from workbench.nas.proxyless import (
    SETTINGS,
    ProxylessNAS,
    drawn_gates,
    measured_latencies,
    path_gradient,
    rescaled,
    two_paths,
)
from workbench.nas.supernet import Supernet

DATA = mnist1d(600)
SMALL = BilevelSettings(channels=4, alpha_lr=5e-2, alpha_betas=(0.0, 0.999), alpha_decay=0.0)
LATENCY = {"none": 0.0, "skip": 0.5, "conv3": 4.0, "pool3": 1.0}


def expected(p, loss):
    """Enumerate the gates of one edge with two operations: the expectation of the path gradient."""
    total = torch.zeros_like(p)
    for k in range(2):
        gates = torch.eye(2, dtype=p.dtype)[k].requires_grad_()
        (by_gates,) = torch.autograd.grad(loss(gates), gates)
        total += p[k] * path_gradient(p, by_gates)
    return total


def exact(alpha, loss):
    """Gradient of the expected loss Σ_k p_k L(gate k)."""
    at = alpha.clone().requires_grad_()
    losses = torch.stack([loss(torch.eye(2, dtype=alpha.dtype)[k]) for k in range(2)]).detach()
    (found,) = torch.autograd.grad((at.softmax(-1) * losses).sum(), at)
    return found


def test_of_two_operations_and_a_loss_linear_in_the_gates_the_expected_path_gradient_is_exact():
    alpha, pull = torch.tensor([0.7, -0.4], dtype=torch.float64), torch.tensor([1.3, -2.0], dtype=torch.float64)
    found = expected(alpha.softmax(-1), lambda g: (g * pull).sum())
    torch.testing.assert_close(found, exact(alpha, lambda g: (g * pull).sum()))


def test_of_a_quadratic_loss_it_is_exact_where_both_are_equally_probable_and_else_biased():
    """The mean of the slopes at both ends is the slope of the chord of a parabola."""
    A = torch.tensor([[1.0, 0.3], [0.3, -2.0]], dtype=torch.float64)

    def loss(g):
        return g @ A @ g

    even, uneven = torch.zeros(2, dtype=torch.float64), torch.tensor([1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(expected(even.softmax(-1), loss), exact(even, loss))
    assert (expected(uneven.softmax(-1), loss) - exact(uneven, loss)).abs().max() > 0.1


def test_the_mean_of_drawn_gradients_is_the_enumerated_one():
    """On a real network with two operations on one edge: 400 draws, within four standard errors."""
    pair = CellSpace("pair", 2, ("skip", "conv3"))
    net = Supernet(pair, (12, 1), 3, channels=3, dtype=torch.float64, activation="tanh")
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(24, 12, 1, generator=g, dtype=torch.float64), torch.randint(0, 3, (24,), generator=g)
    p = torch.tensor([0.6, -0.3], dtype=torch.float64).softmax(-1)

    def loss(gates):
        return torch.nn.functional.cross_entropy(net.logits(net.params, x, gates[None]), y)

    draws = []
    for _ in range(400):
        gates = drawn_gates(p[None], g)[0].requires_grad_()
        (by_gates,) = torch.autograd.grad(loss(gates), gates)
        draws.append(path_gradient(p, by_gates))
    found = torch.stack(draws)
    error = found.std(0) / math.sqrt(len(draws))
    assert ((found.mean(0) - expected(p, loss)).abs() < 4 * error).all()


def test_the_formula_is_that_of_the_paper_written_out():
    p = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64)
    by_gates = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    slow = [sum(float(by_gates[0, j]) * float(p[0, j]) * ((i == j) - float(p[0, i])) for j in range(3)) for i in range(3)]
    np.testing.assert_allclose(path_gradient(p, by_gates)[0], slow)
    assert float(path_gradient(p, by_gates).sum()) == pytest.approx(0)


def test_two_different_paths_are_drawn_by_their_probabilities():
    """The first of 20,000 pairs of each row is distributed as p, within five standard errors."""
    p = torch.tensor([[0.1, 0.6, 0.05, 0.25]])
    pairs = two_paths(p.repeat(20_000, 1), torch.Generator().manual_seed(0))
    assert (pairs[:, 0] != pairs[:, 1]).all()
    share = torch.nn.functional.one_hot(pairs[:, 0], 4).double().mean(0)
    assert ((share - p[0]).abs() < 5 * (p[0] * (1 - p[0]) / 20_000).sqrt()).all()


def test_the_other_probabilities_are_what_they_were():
    search = Bilevel(DATA, NANO, SMALL, 0)
    search.alpha.data.copy_(torch.randn(6, 4, generator=torch.Generator().manual_seed(4)))
    before = search.alpha.detach().clone().softmax(-1)
    gates = ProxylessNAS(settings=SMALL).move_paths(search, search.valid, torch.zeros(4))
    after = search.alpha.detach().softmax(-1)
    still = (after - before).abs() < 1e-6
    moved = still.sum(dim=-1) == 2  # of four on each edge; none where the gates beyond are shut, so that nothing depends on it
    assert moved.sum() >= 2
    assert still[~moved].all()
    assert (gates.sum(dim=-1) == 1).all()
    assert not still[moved][gates[moved].bool()].any()  # the gate that was open is one of the two
    old, new = torch.randn(3, 2), torch.randn(3, 2)
    torch.testing.assert_close(rescaled(old, new).logsumexp(-1), old.logsumexp(-1))
    torch.testing.assert_close(rescaled(old, new).softmax(-1), new.softmax(-1))


def test_latency_alone_makes_the_fastest_operation_win():
    """With a huge weight on latency, the loss does not matter: probability moves from the slower of two to the faster."""
    search = Bilevel(DATA, NANO, SMALL, 0)
    F = torch.tensor([LATENCY[o] for o in NANO.operations])
    strategy = ProxylessNAS(latency=LATENCY, latency_weight=1e6, settings=SMALL)
    for _ in range(5):
        before = search.alpha.detach().softmax(-1)
        strategy.move_paths(search, search.valid, F)
        after = search.alpha.detach().softmax(-1)
        assert ((after * F).sum(-1) < (before * F).sum(-1)).all()


def test_a_step_tells_latency_draws_and_accuracies():
    strategy = ProxylessNAS(epochs=2, latency=LATENCY, latency_weight=0.5, settings=SMALL)
    steps = list(strategy.steps(DATA, seed=2))
    assert [s.step for s in steps] == [1, 2]
    for s in steps:
        assert s.why.latencies == tuple(LATENCY[o] for o in NANO.operations)
        assert s.metrics["latency"] == pytest.approx(float((s.why.weights * s.why.latencies).sum()), rel=1e-5)
        np.testing.assert_allclose(s.why.sampled.sum(axis=1), 2 * (180 // 64))
        assert all(math.isfinite(v) for v in s.metrics.values())
        assert loads(dumps(s)).why.latency == s.why.latency
    again = list(strategy.steps(DATA, seed=2))
    np.testing.assert_array_equal(again[-1].why.alpha, steps[-1].why.alpha)
    assert "latency" not in next(ProxylessNAS(epochs=1, settings=SMALL).steps(DATA)).metrics


def test_latencies_can_be_measured():
    found = measured_latencies(Supernet(NANO, (40, 1), 10, channels=16), 256)
    assert set(found) == set(NANO.operations)
    assert found["none"] == found["skip"] == 0
    assert found["conv3"] > 0


@pytest.mark.parametrize(("make", "rule"), [
    (lambda: ProxylessNAS(latency="fast"), "'measured' or None, got 'fast'"),
    (lambda: ProxylessNAS(latency_weight=-1.0), "not be negative, got -1"),
    (lambda: ProxylessNAS(settings=BilevelSettings()), "alpha_betas begins with 0"),
    (lambda: ProxylessNAS(latency={"conv3": 1.0}).steps(DATA), "for each of none, skip, conv3, pool3"),
])
def test_wrong_settings_are_refused_at_once(make, rule):
    with pytest.raises(ValueError, match=rule):
        make()
    assert SETTINGS.alpha_betas[0] == 0
