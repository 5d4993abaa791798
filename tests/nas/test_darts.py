"""DARTS: its gradients on the real super network, its steps, and what it tells."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from workbench.event_file import dumps, loads
from workbench.nas.alpha_gradient import SGDState, first_order, second_order, unrolled_loss
from workbench.nas.bilevel import Bilevel, BilevelSettings, annealed
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.darts import DARTS, Gap, discretisation_gap, mixed, relaxed_loss
from workbench.nas.data import mnist1d
from workbench.nas.derivation import strongest
from workbench.nas.networks import build
from workbench.nas.supernet import Supernet
from workbench.nas.training import test_accuracy, train

DATA = mnist1d(600)
SMALL = BilevelSettings(channels=4)


@pytest.mark.parametrize("activation", ["softplus", "tanh"])
def test_on_the_super_network_too_the_exact_gradient_is_the_slope_of_the_unrolled_loss(activation):
    """Central differences along random directions of alpha, in float64."""
    net = Supernet(NANO, (12, 1), 3, channels=3, seed=1, dtype=torch.float64, activation=activation)
    g = torch.Generator().manual_seed(0)
    w, names = list(net.params.values()), list(net.params)
    alpha = torch.randn(6, 4, generator=g, dtype=torch.float64)
    train, valid = ((torch.randn(16, 12, 1, generator=g, dtype=torch.float64), torch.randint(0, 3, (16,), generator=g))
                    for _ in range(2))
    sgd = SGDState(0.05, 0.9, 3e-4, tuple(0.1 * torch.randn(p.shape, generator=g, dtype=torch.float64) for p in w))

    def loss(w, alpha, batch):
        return functional.cross_entropy(net.logits(dict(zip(names, w, strict=True)), batch[0], mixed(alpha)), batch[1])

    exact = second_order(loss, w, alpha, train, valid, sgd, hessian="exact").total
    for _ in range(3):
        d = torch.randn(6, 4, generator=g, dtype=torch.float64)
        up, down = (unrolled_loss(loss, w, alpha + s * 1e-5 * d, train, valid, sgd).detach() for s in (1, -1))
        assert float((exact * d).sum()) == pytest.approx(float((up - down) / 2e-5), rel=1e-6)
    errors = []
    for r in (1e-2, 1e-3):
        finite = second_order(loss, w, alpha, train, valid, sgd, r=r)
        errors.append(float((finite.total - exact).norm() / exact.norm()))
    assert errors[0] < 1e-2
    assert 1.7 < math.log10(errors[0] / errors[1]) < 2.3
    first = first_order(loss, w, alpha, valid).total
    assert float((first - exact).norm() / exact.norm()) > 0.01  # so the orders do differ


@pytest.mark.parametrize("darts", [DARTS(epochs=2, settings=SMALL), DARTS(order=2, epochs=2, settings=SMALL),
                                   DARTS(order=2, epochs=2, hessian="exact", settings=SMALL)], ids=["1", "2", "2 exact"])
def test_a_step_tells_weights_gradients_and_accuracies(darts):
    steps = list(darts.steps(DATA, seed=3))
    assert [s.step for s in steps] == [1, 2]
    assert darts.n_steps == 2
    for s in steps:
        why = s.why
        assert why.weights.shape == why.alpha.shape == why.first_order.shape == why.second_order.shape == (6, 4)
        np.testing.assert_allclose(why.weights.sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(why.weights, np.exp(why.alpha) / np.exp(why.alpha).sum(1, keepdims=True), rtol=1e-5)
        np.testing.assert_allclose(why.first_order.sum(axis=1), 0, atol=1e-6)  # softmax does not feel a common shift
        assert why.chosen == strongest(why.weights, NANO)
        assert why.cosine == pytest.approx(
            (why.first_order * why.second_order).sum() / (why.first_norm * why.second_norm), rel=1e-5)
        assert s.metrics["valid_accuracy"] == why.mixed_accuracy
        assert s.metrics["discrete_accuracy"] == why.discrete_accuracy == why.mixed_accuracy - why.gap
        assert all(math.isfinite(v) for v in s.metrics.values())
        assert "%" in why.summary()
        back = loads(dumps(s))
        np.testing.assert_array_equal(back.why.second_order, why.second_order)
        assert back.why.chosen == why.chosen
    assert 0 < steps[0].metrics["cpu_s"] < steps[1].metrics["cpu_s"]
    assert not np.array_equal(steps[0].why.alpha, steps[1].why.alpha)


def test_the_same_seed_gives_the_same_search_and_no_global_number_is_drawn():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, b, c = (list(DARTS(epochs=1, settings=SMALL).steps(DATA, seed=s))[-1].why.alpha for s in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_the_halves_are_disjoint_and_whole():
    search = Bilevel(DATA, NANO, SMALL, 0)
    rows = [{x.numpy().tobytes() for x in part[0]} for part in (search.train, search.valid)]
    assert len(rows[0]) == len(rows[1]) == 180
    assert not rows[0] & rows[1]
    assert rows[0] | rows[1] == {x.tobytes() for x in DATA.train[0]}


def test_alpha_is_moved_before_the_weights_by_the_other_half():
    """Alpha's first step is Adam's along the gradient at the first weights; it knows nothing of the step of the weights."""
    darts = DARTS(epochs=1, settings=dataclasses.replace(SMALL, batch_size=180))  # one batch is the whole half
    first = Bilevel(DATA, NANO, darts.settings, 0)
    before, (_, valid) = first.alpha.detach().clone(), next(iter(first.pairs()))
    gradient = first_order(relaxed_loss(first), first.w, before, valid).total + 1e-3 * before  # Adam's weight decay
    found = next(darts.steps(DATA, seed=0)).why.alpha
    np.testing.assert_allclose(found, before - 3e-3 * gradient.sign(), atol=2e-5)  # Adam's first step: the learning rate


def test_the_state_of_the_unrolled_step_is_the_optimisers():
    search = Bilevel(DATA, NANO, SMALL, 0)
    assert search.state().buffers is None
    train, _ = next(iter(search.pairs()))
    search.set_rate(0.5)
    loss = relaxed_loss(search)
    assert search.step_weights(loss(search.w, search.alpha.detach(), train)) > 0
    state = search.state()
    assert state.xi == pytest.approx(0.5 * (0.1 + 0.001))
    assert len(state.buffers) == len(search.w)
    assert state.momentum == 0.9


def test_batches_meet_every_example_at_most_once_and_the_clip_holds():
    search = Bilevel(DATA, NANO, SMALL, 0)
    seen = [x.numpy().tobytes() for batch, _ in search.batches(search.train) for x in batch]
    assert len(seen) == len(set(seen)) == 128
    before = [p.detach().clone() for p in search.w]
    search.step_weights(1e6 * relaxed_loss(search)(search.w, search.alpha.detach(), search.train))
    moved = math.sqrt(sum(float((p.detach() - q).square().sum()) for p, q in zip(search.w, before, strict=True)))
    decay = math.sqrt(sum(float(q.square().sum()) for q in before)) * 3e-4
    assert moved == pytest.approx(0.1 * 5, abs=0.1 * decay + 1e-4)


def test_temperature_sharpens_and_is_annealed():
    alpha = torch.tensor([[0.0, 1.0]])
    assert mixed(alpha, 0.1)[0, 1] > 0.999 > mixed(alpha)[0, 1]
    assert [annealed(4.0, 1.0, d) for d in (0.0, 0.5, 1.0)] == pytest.approx([4, 2, 1])
    assert annealed(2.0, None, 0.7) == 2.0
    steps = list(DARTS(epochs=2, temperature=2.0, last_temperature=0.5, settings=SMALL).steps(DATA))
    assert [s.why.temperature for s in steps] == [2.0, 0.5]


def test_other_spaces_and_rules():
    two = CellSpace("two", 3, ("none", "skip", "conv1", "conv3"))
    why = next(DARTS(epochs=1, edges_per_node=1, settings=SMALL).steps(DATA, cells=two)).why
    assert why.weights.shape == (3, 4)
    assert sum(o == "none" for o in why.chosen[1:]) == 1  # one of the two edges into the last node


@pytest.mark.parametrize(("make", "rule"), [
    (lambda: DARTS(order=3), "order is 1 or 2, got 3"),
    (lambda: DARTS(hessian="none"), "'finite' or 'exact', got 'none'"),
    (lambda: DARTS(epochs=0), "at least 1 epoch, got epochs=0"),
    (lambda: DARTS(temperature=0.0), "above 0"),
    (lambda: BilevelSettings(batch_size=1), "at least 2 examples"),
    (lambda: BilevelSettings(lr=0.0), "above 0"),
    (lambda: DARTS(settings=BilevelSettings(batch_size=200)).steps(DATA), "at least one batch of 200, got 360"),
    (lambda: DARTS(edges_per_node=2).steps(DATA, cells=CellSpace("c", 3, ("skip", "conv3"))), "no operation 'none'"),
])
def test_wrong_settings_are_refused_at_once(make, rule):
    with pytest.raises(ValueError, match=rule):
        make()


def test_the_gap_has_the_accuracies_of_the_search_and_of_a_training_from_scratch():
    why = next(DARTS(epochs=1, settings=SMALL).steps(DATA)).why
    gap = discretisation_gap(why, DATA, epochs=2)
    assert gap == discretisation_gap(why, DATA, epochs=2)
    assert (gap.mixed, gap.discrete) == (why.mixed_accuracy, why.discrete_accuracy)
    network = build(NANO, NANO.config(why.chosen), DATA)
    accuracies = [e.valid_accuracy for e in train(network, DATA, epochs=2)]
    assert gap == Gap(why.mixed_accuracy, why.discrete_accuracy, accuracies[-1], test_accuracy(network, DATA))
