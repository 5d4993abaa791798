"""SMASH: the hypernetwork by differences, the search on small data."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from workbench.nas.cells import NANO, NASBENCH201, NOTHING
from workbench.nas.data import mnist1d
from workbench.nas.hyper_network import HyperNetwork
from workbench.nas.smash import SMASH, change
from workbench.nas.supernet import Supernet

ONE, OTHER = ("conv3", "skip", "conv3", "none", "pool3", "conv3"), ("conv3", "skip", "conv3", "none", "conv3", "conv3")
SMALL = {"epochs": 2, "n_ranked": 8, "n_changes": 5, "n_probes": 4, "channels": 4, "batch_size": 64}


@pytest.fixture(scope="module")
def data():
    return mnist1d(500)


@pytest.mark.parametrize("cells", [NANO, NASBENCH201])
def test_it_writes_the_matrix_of_every_convolution_of_the_cells(cells):
    net = Supernet(cells, (40, 1), 10, channels=4)
    hyper = HyperNetwork(net, hidden=3)
    written = hyper.written(("conv3",) * 6)
    assert {name: tuple(w.shape) for name, w in written.items() if name != "bias"} == net.shapes()
    assert all(written[name] is net.params[name] for name in ("stem", "reduction", "head", "bias"))
    assert len(list(hyper.parameters())) == 4  # what is in common is not its own


def test_the_encoding_has_a_bit_for_each_operation_on_each_edge():
    hyper = HyperNetwork(Supernet(NANO, (40, 1), 10))
    bits = hyper.bits(ONE).view(6, 4)
    assert bits.sum(1).tolist() == [1.0] * 6
    assert [NANO.operations[k] for k in bits.argmax(1)] == list(ONE)


def test_another_architecture_gets_other_weights_on_the_same_edge():
    hyper = HyperNetwork(Supernet(NANO, (40, 1), 10))
    a, b = hyper.written(ONE)["cell1_e01_conv3"], hyper.written(OTHER)["cell1_e01_conv3"]
    assert not torch.allclose(a, b, atol=1e-3)


def test_with_a_hidden_layer_of_zeros_it_is_plain_weight_sharing():
    hyper = HyperNetwork(Supernet(NANO, (40, 1), 10))
    with torch.no_grad():
        hyper.W.zero_()
        hyper.b.zero_()
    a, b = hyper.written(ONE), hyper.written(OTHER)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_written_weights_have_the_size_of_first_weights():
    net = Supernet(NANO, (40, 1), 10)
    hyper = HyperNetwork(net)
    for name, w in hyper.written(ONE).items():
        if name.startswith("cell"):
            assert 0.5 < w.std().item() * np.sqrt(3 * net.shapes()[name][0]) < 2.5  # of U(-1/√n, 1/√n): 1


def test_the_gradient_reaches_the_hypernetwork_as_differences_say():
    net = Supernet(NANO, (12, 1), 3, channels=2, dtype=torch.float64, activation="tanh")
    hyper = HyperNetwork(net, hidden=3)
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(12, 12, 1, generator=g, dtype=torch.float64), torch.arange(12) % 3

    def loss():
        return functional.cross_entropy(net.logits(hyper.written(ONE), x, active=[(o,) for o in ONE]), y)

    parameters = [*hyper.parameters(), hyper.common["stem"]]
    exact = torch.autograd.grad(loss(), parameters)
    for p, e in zip(parameters, exact, strict=True):
        k = int(e.abs().argmax())
        with torch.no_grad():
            flat, h = p.view(-1), 1e-6
            kept = flat[k].item()
            flat[k] = kept + h
            up = loss().item()
            flat[k] = kept - h
            down = loss().item()
            flat[k] = kept
        assert e.view(-1)[k].item() == pytest.approx((up - down) / (2 * h), rel=1e-4)  # differences: error O(h²), rounding 1e-10/h
        assert e.abs().max() > 1e-5


def test_a_change_alters_one_edge_and_lets_something_through():
    rng = np.random.default_rng(0)
    a = ("none", "none", "none", "skip", "none", "none")
    for _ in range(100):
        b = change(NANO, a, rng)
        assert sum(p != q for p, q in zip(a, b, strict=True)) == 1
        assert NANO.canonical(b) != NOTHING
        a = b


def test_it_takes_the_steps_that_it_announces_and_never_ends_below_its_ranking(data):
    strategy = SMASH(**SMALL)
    steps = list(strategy.steps(data, seed=2))
    assert [s.step for s in steps] == list(range(strategy.n_steps))
    assert all(np.isfinite(v) and type(v) is float for s in steps for v in s.metrics.values())
    ranked, last = steps[-2], steps[-1]
    assert set(ranked.why.ranked) <= set(last.why.ranked)
    assert 8 <= len(last.why.ranked) <= 13
    assert last.metrics["discrete_accuracy"] == last.why.scores[0] >= ranked.metrics["discrete_accuracy"]
    assert last.why.chosen == last.why.ranked[0]


def test_the_seed_decides_everything_but_the_time(data):
    def told(seed):
        return [({k: v for k, v in s.metrics.items() if k != "cpu_s"}, s.why.ranked, s.why.scores.tolist())
                for s in SMASH(**SMALL).steps(data, seed=seed)]

    assert told(0) == told(0)
    assert told(0) != told(1)


def test_written_weights_learn():
    steps = list(SMASH(epochs=6, n_ranked=20, n_probes=8, batch_size=64, learning_rate=0.1).steps(mnist1d(2000)))
    assert steps[5].metrics["train_loss"] < steps[0].metrics["train_loss"] - 0.25
    assert steps[6].metrics["valid_accuracy"] > 0.25  # chance: 0.1


def test_faults_are_named():
    with pytest.raises(ValueError, match="hidden"):
        SMASH(hidden=0)
    with pytest.raises(ValueError, match="n_changes"):
        SMASH(n_changes=-1)
