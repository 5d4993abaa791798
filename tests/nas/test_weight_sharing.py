"""Training one set of weights for many architectures."""

import math

import numpy as np
import pytest
import torch

from workbench.nas.cells import NANO
from workbench.nas.data import mnist1d
from workbench.nas.weight_sharing import Schedule, SharedWeights, accuracy, check_schedule

PATH = ("conv3", "skip", "none", "none", "none", "skip")  # e01 conv3, e02 skip, e23 skip


@pytest.fixture(scope="module")
def data():
    return mnist1d(400)


def shared(data, seed=0, **changed):
    return SharedWeights(data, NANO, Schedule(3, 32, **changed), channels=4, seed=seed)


def test_the_learning_rate_falls_along_half_a_cosine():
    s = Schedule(10)
    assert s.rate(0.0) == pytest.approx(s.learning_rate)
    assert s.rate(1.0) == pytest.approx(s.last_rate)
    assert s.rate(0.5) == pytest.approx((s.learning_rate + s.last_rate) / 2)


def test_an_epoch_shows_each_example_at_most_once_in_a_new_order(data):
    some = shared(data)
    first, second = (torch.cat([x for x, _ in some.batches()]) for _ in range(2))
    assert first.shape == (some.n_batches * 32, 40, 1)
    assert len(torch.unique(first, dim=0)) == len(first)
    assert not torch.equal(first, second)


def test_a_step_moves_only_the_weights_of_the_path(data):
    some = shared(data)
    x, y = next(some.batches())
    for architecture in (("conv3",) * 6, PATH):  # the first gives every weight momentum
        before = {name: p.detach().clone() for name, p in some.net.params.items()}
        some.learn(some.net.forward_one(x, architecture), y)
    moved = {name for name, p in some.net.params.items() if not torch.equal(p, before[name])}
    assert moved == {"stem", "reduction", "head", "bias"}  # e01 ends where nothing goes on: it is not computed
    some.learn(some.net.forward_one(x, ("conv3", "skip", "none", "none", "skip", "none")), y)
    assert not torch.equal(some.net.params["cell1_e01_conv3"], before["cell1_e01_conv3"])


def test_a_first_step_is_plain_sgd_on_the_clipped_gradient(data):
    some = shared(data, weight_decay=0.0, clip=0.5)
    x, y = next(some.batches())
    before = {name: p.detach().clone().requires_grad_() for name, p in some.net.params.items()}
    loss = torch.nn.functional.cross_entropy(some.net.logits(before, x, active=[(o,) for o in ("conv3",) * 6]), y)
    gradient = torch.autograd.grad(loss, list(before.values()))
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradient))
    assert norm > 0.5
    assert some.learn(some.net.forward_one(x, ("conv3",) * 6), y) == pytest.approx(loss.item())
    for (name, old), g in zip(before.items(), gradient, strict=True):
        assert torch.allclose(some.net.params[name], old - 0.05 * g * 0.5 / norm, atol=1e-6)


def test_scores_are_accuracies_on_the_validation_part(data):
    some = shared(data)
    a = some.score(PATH)
    logits = some.net.forward_one(torch.from_numpy(data.valid[0]), PATH)
    assert a == pytest.approx(np.mean(logits.argmax(1).numpy() == data.valid[1]))
    assert some.scores([PATH, PATH]).tolist() == [a, a]
    assert accuracy(torch.eye(3), torch.tensor([0, 1, 0])) == pytest.approx(2 / 3)
    other = {name: -p for name, p in some.net.params.items()}
    assert some.score(PATH, other) != a


def test_faults_are_named(data):
    with pytest.raises(ValueError, match="240 examples"):
        SharedWeights(data, NANO, Schedule(1, 500), channels=4, seed=0)
    for settings, word in (((0, 64, 0.1, 8), "epochs"), ((1, 1, 0.1, 8), "batch norm"), ((1, 64, 0.0, 8), "learning_rate"),
                           ((1, 64, 0.1, 0), "channels")):
        with pytest.raises(ValueError, match=word):
            check_schedule(*settings)
