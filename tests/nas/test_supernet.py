"""The super network against a network built by hand from torch's own layers, with the same weights."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from workbench.errors import SpaceError
from workbench.nas.cells import NANO, NASBENCH201, CellSpace
from workbench.nas.supernet import ACTIVATIONS, Supernet, kernel, mean_pool, neighbours

EXACT = {"rtol": 0.0, "atol": 1e-10}  # float64: sums in another order


def by_hand(net: Supernet, x: torch.Tensor, architecture: tuple[str, ...]) -> torch.Tensor:
    """The same network with channels first, one convolution an edge, torch's conv, batch norm and average pooling."""
    p, d = net.params, x.ndim - 2
    conv = (functional.conv1d, functional.conv2d)[d - 1]
    pool = (functional.avg_pool1d, functional.avg_pool2d)[d - 1]
    act = ACTIVATIONS[net.activation]

    def conv_bn(h, w, k, stride):
        w = w.reshape(*(k,) * d, h.shape[1], w.shape[1])
        w = w.permute(d + 1, d, *range(d))                      # (out, in, k…)
        return functional.batch_norm(conv(h, w, stride=stride, padding=k // 2), None, None, training=True)

    def cell(h, name):
        nodes = [h]
        for j in range(1, net.cells.n_nodes):
            total = torch.zeros_like(h)
            for (i, end), o in zip(net.cells.edges, architecture, strict=True):
                if end != j or o == "none":
                    continue
                kind, k = kernel(o)
                if kind == "skip":
                    total = total + nodes[i]
                elif kind == "pool":
                    mean = pool(nodes[i], k, 1, k // 2, count_include_pad=False)
                    total = total + functional.batch_norm(mean, None, None, training=True)
                else:
                    total = total + conv_bn(act(nodes[i]), p[f"{name}_e{i}{j}_{o}"], k, 1)
            nodes.append(total)
        return nodes[-1]

    h = conv_bn(x.movedim(-1, 1), p["stem"], 3, 2 if d == 1 else 1)
    h = cell(h, "cell1")
    h = conv_bn(act(h), p["reduction"], 3, 2)
    h = cell(h, "cell2")
    return act(h).flatten(2).mean(2) @ p["head"] + p["bias"]


def examples(shape, n=12, seed=3):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def architectures(cells, n, seed=0):
    rng = np.random.default_rng(seed)
    return [tuple(cells.operations[k] for k in rng.integers(len(cells.operations), size=len(cells.edges))) for _ in range(n)]


@pytest.mark.parametrize(("cells", "shape"), [(NANO, (40, 1)), (NASBENCH201, (17, 2)), (NASBENCH201, (8, 8, 1)),
                                              (CellSpace("wide", 3, ("skip", "conv5", "pool5")), (9, 3))])
def test_one_path_is_the_network_built_by_hand_with_the_same_weights(cells, shape):
    net = Supernet(cells, shape, 4, channels=3, seed=1, dtype=torch.float64)
    x = examples(shape)
    for architecture in architectures(cells, 12):
        assert_close(net.forward_one(x, architecture), by_hand(net, x, architecture), **EXACT)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_mixing_with_one_hot_weights_is_one_path(activation):
    net = Supernet(NANO, (40, 1), 10, channels=4, dtype=torch.float64, activation=activation)
    x = examples((40, 1))
    for architecture in architectures(NANO, 10, seed=1):
        assert_close(net(x, net.one_hot(architecture)), net.forward_one(x, architecture), **EXACT)


def test_a_mixture_weighs_what_operations_bring():
    cells = CellSpace("one edge", 2, ("none", "skip", "conv3", "pool3"))
    net = Supernet(cells, (12, 1), 3, channels=2, dtype=torch.float64)
    m = torch.tensor([[0.1, 0.2, 0.3, 0.4]], dtype=torch.float64)
    h = examples((12, 2))
    got = net._cell(net.params, "cell1", h, m, [{"skip", "conv3", "pool3"}])
    parts = [net._cell(net.params, "cell1", h, None, [{o}]) for o in ("skip", "conv3", "pool3")]
    assert_close(got, 0.2 * parts[0] + 0.3 * parts[1] + 0.4 * parts[2], **EXACT)


def test_only_operations_of_the_path_get_gradients():
    net = Supernet(NANO, (40, 1), 10, channels=4)
    x = examples((40, 1)).float()
    architecture = ("conv3", "none", "skip", "pool3", "none", "conv3")  # e01 conv3, e12 skip, e03 pool3, e23 conv3
    net.forward_one(x, architecture).square().sum().backward()
    with_gradient = {name for name, w in net.named_parameters() if w.grad is not None}
    assert with_gradient == {"stem", "reduction", "head", "bias", "cell1_e01_conv3", "cell2_e01_conv3",
                             "cell1_e23_conv3", "cell2_e23_conv3"}


def test_what_leads_nowhere_is_not_computed():
    net = Supernet(NANO, (40, 1), 10, channels=4)
    architecture = ("conv3", "none", "none", "conv3", "none", "none")  # node 1 has no way out
    net.forward_one(examples((40, 1)).float(), architecture).square().sum().backward()
    assert net.params["cell1_e01_conv3"].grad is None
    assert net.params["cell1_e03_conv3"].grad.abs().sum() > 0


def test_a_cell_that_nothing_reaches_gives_every_class_its_bias():
    net = Supernet(NANO, (40, 1), 10)
    x = examples((40, 1)).float()
    assert_close(net.forward_one(x, ("none",) * 6), net.bias.expand(len(x), 10))


def test_logits_are_a_function_of_the_weights_that_can_be_differentiated_through_a_step():
    net = Supernet(NANO, (12, 1), 3, channels=2, dtype=torch.float64, activation="tanh")
    x, y = examples((12, 1)), torch.arange(12) % 3
    m0 = torch.full((6, 4), 0.25, dtype=torch.float64)

    def unrolled(m):
        w = net.params
        g = torch.autograd.grad(functional.cross_entropy(net.logits(w, x, m), y), list(w.values()), create_graph=True)
        moved = {name: v - 0.1 * gi for (name, v), gi in zip(w.items(), g, strict=True)}
        return functional.cross_entropy(net.logits(moved, x.flip(1), m), y)

    m = m0.clone().requires_grad_()
    exact, = torch.autograd.grad(unrolled(m), [m])
    numeric = torch.zeros_like(m0)
    for e, o in ((0, 1), (2, 2), (5, 3), (4, 0)):
        step = torch.zeros_like(m0)
        step[e, o] = 1e-5
        numeric[e, o] = (unrolled(m0 + step) - unrolled(m0 - step)).item() / 2e-5
        assert math.isclose(exact[e, o].item(), numeric[e, o].item(), rel_tol=1e-5, abs_tol=1e-8)  # differences: error O(h²)
    assert exact[2, 2].abs() > 1e-4


@pytest.mark.parametrize("width", [1, 3, 5])
def test_pooling_at_the_rim_does_not_count_what_lies_beyond(width):
    x = examples((7, 5, 2))
    expected = functional.avg_pool2d(x.movedim(-1, 1), width, 1, width // 2, count_include_pad=False).movedim(1, -1)
    assert_close(mean_pool(x, width), expected)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("stride", [1, 2])
def test_neighbours_keep_every_stride_th_position(n, stride):
    x = examples((n, 3))
    w = examples((9, 4), n=1)[0]
    expected = functional.conv1d(x.movedim(-1, 1), w.view(3, 3, 4).permute(2, 1, 0), stride=stride, padding=1).movedim(1, -1)
    assert_close(neighbours(x, 3, stride) @ w, expected)


def test_the_seed_decides_the_weights():
    a, b, c = (Supernet(NANO, (40, 1), 10, seed=s).params["stem"] for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_faults_are_named():
    with pytest.raises(SpaceError, match="max3"):
        Supernet(CellSpace("odd", 3, ("none", "max3")), (40, 1), 10)
    with pytest.raises(SpaceError, match="channels"):
        Supernet(NANO, (40,), 10)
    with pytest.raises(SpaceError, match="relu, gelu"):
        Supernet(NANO, (40, 1), 10, activation="sine")
    net = Supernet(NANO, (40, 1), 10)
    x = examples((40, 1)).float()
    with pytest.raises(ValueError, match=r"\(6, 4\), got \(6, 5\)"):
        net(x, torch.zeros(6, 5))
    with pytest.raises(ValueError, match="channels last"):
        net(x.movedim(1, 2), torch.zeros(6, 4))
    with pytest.raises(ValueError, match="6 edges"):
        net.logits(net.params, x, active=[("skip",)])
