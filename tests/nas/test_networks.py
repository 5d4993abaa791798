"""Networks of cells against plain layers: the same numbers, one convolution after the other."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from workbench import nas  # noqa: E402
from workbench.errors import SpaceError  # noqa: E402
from workbench.nas.networks import CellNetwork, CellNetworks, build, kernel  # noqa: E402


class PlainConv(nn.Module):
    """ReLU, Conv, BatchNorm as torch has them, with the weights of one part of a fused layer."""

    def __init__(self, fused, part, c_out, d, relu=True):
        super().__init__()
        rows = slice(part * c_out, (part + 1) * c_out)
        around = fused.width ** d
        weight = fused.weight.data[0][rows]
        c_in = weight.shape[1] // around
        Conv, Norm = (nn.Conv1d, nn.BatchNorm1d) if d == 1 else (nn.Conv2d, nn.BatchNorm2d)
        self.conv = Conv(c_in, c_out, fused.width, fused.stride, fused.width // 2, bias=False)
        self.conv.weight.data = weight.reshape(c_out, *[fused.width] * d, c_in).movedim(-1, 1).clone()
        self.norm = Norm(c_out)
        self.norm.weight.data, self.norm.bias.data = fused.scale.data[rows].clone(), fused.shift.data[rows].clone()
        self.norm.running_mean, self.norm.running_var = fused.mean[rows].clone(), fused.var[rows].clone()
        self.relu = relu

    def forward(self, x):
        return self.norm(self.conv(torch.relu(x) if self.relu else x))


class PlainNetwork(nn.Module):
    """The definition, edge by edge, dead edges and all; channels first."""

    def __init__(self, net):
        super().__init__()
        self.edges, self.n_nodes = dict(zip(net.cells.edges, net.architecture, strict=True)), net.cells.n_nodes
        d, c = len(net.data_shape) - 1, net.channels
        self.d, self.head, self.bias = d, net.head.data[0], net.bias.data[0, :, 0]
        self.stem, self.reduction = PlainConv(net.stem, 0, c, d, relu=False), PlainConv(net.reduction, 0, 2 * c, d)
        live = net.cells.live_edges(net.architecture)
        self.convs = nn.ModuleDict()
        for cell, width in ((1, c), (2, 2 * c)):
            for i, j in live:
                kind, k = kernel(live[i, j])
                if kind == "conv":
                    targets = [b for (a, b), o in live.items() if a == i and o == live[i, j]]
                    fused = getattr(net, f"cell{cell}").convs[f"{i}_{k}"]
                    self.convs[f"{cell}_{i}_{j}"] = PlainConv(fused, targets.index(j), width, d)

    def operation(self, cell, i, j, x):
        kind, k = kernel(self.edges[i, j])
        if kind == "pool":
            pool = nn.functional.avg_pool1d if self.d == 1 else nn.functional.avg_pool2d
            return pool(x, k, 1, k // 2, count_include_pad=False)
        if kind == "conv":
            return self.convs[f"{cell}_{i}_{j}"](x) if f"{cell}_{i}_{j}" in self.convs else torch.zeros_like(x)
        return x if kind == "skip" else torch.zeros_like(x)

    def cell(self, number, x):
        nodes = [x]
        for j in range(1, self.n_nodes):
            nodes.append(sum(self.operation(number, i, j, nodes[i]) for i in range(j)))
        return nodes[-1]

    def forward(self, x):
        x = self.cell(2, self.reduction(self.cell(1, self.stem(x.movedim(-1, 1)))))
        return torch.relu(x).flatten(2).mean(2) @ self.head.T + self.bias


WIDE = nas.CellSpace("wide", 4, ("none", "skip", "conv1", "conv3", "conv5", "pool3", "pool5"))
CASES = [(nas.NANO, a, shape) for shape in ((40, 1), (8, 8, 1), (7, 2), (5, 6, 3)) for a in (
    ("conv3", "conv3", "conv3", "conv3", "conv3", "conv3"),
    ("conv3", "skip", "pool3", "conv3", "conv3", "skip"),
    ("none", "pool3", "conv3", "none", "conv3", "conv3"),   # conv3 on e12 and e13: node 1 hears nothing
    ("conv3", "conv3", "none", "none", "pool3", "none"),    # node 2 leads nowhere
)] + [
    (nas.NASBENCH201, ("conv1", "conv3", "pool3", "conv1", "skip", "conv3"), (40, 1)),
    (WIDE, ("conv5", "conv1", "pool5", "conv3", "conv5", "conv3"), (12, 2)),
    (WIDE, ("conv5", "conv1", "pool5", "conv3", "conv5", "conv3"), (6, 7, 1)),
    (nas.CellSpace("two", 2, ("skip", "conv3")), ("conv3",), (9, 1)),
]


@pytest.mark.parametrize(("cells", "architecture", "shape"), CASES)
def test_outputs_gradients_and_running_statistics_are_those_of_plain_layers(cells, architecture, shape):
    net = CellNetwork(cells, architecture, shape, 4, channels=3, seed=5)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    plain = PlainNetwork(net)
    x = torch.randn(6, *shape, generator=torch.Generator().manual_seed(1))
    for _ in range(2):
        torch.testing.assert_close(net(x), plain(x), atol=1e-5, rtol=1e-5)
    ours = torch.autograd.grad(net(x).square().sum(), net.stem.weight)[0][0]
    theirs = torch.autograd.grad(plain(x).square().sum(), plain.stem.conv.weight)[0].movedim(1, -1).reshape(ours.shape)
    torch.testing.assert_close(ours, theirs, atol=1e-4 * float(ours.abs().max()), rtol=1e-3)
    torch.testing.assert_close(net.reduction.var, plain.reduction.norm.running_var, atol=1e-5, rtol=1e-5)
    net.eval(), plain.eval()
    torch.testing.assert_close(net(x), plain(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(net(x[:1]), net(x)[:1], atol=1e-5, rtol=1e-5)  # in eval mode inputs do not see each other


@pytest.mark.parametrize(("cells", "architecture", "shape"), CASES)
def test_parameters_and_multiply_adds_are_those_counted_at_plain_layers(cells, architecture, shape):
    net = CellNetwork(cells, architecture, shape, 4, channels=3)
    plain, counted = PlainNetwork(net), []
    for layer in plain.modules():
        if isinstance(layer, (nn.Conv1d, nn.Conv2d)):
            layer.register_forward_hook(lambda m, _, y: counted.append(m.weight.numel() * y[0, 0].numel()))
    plain.train()(torch.zeros(2, *shape))
    head = 4 * 6
    assert net.n_parameters == sum(p.numel() for p in plain.parameters()) + head + 4
    assert net.flops == sum(counted) + head


def test_edges_on_no_way_to_the_output_cost_nothing_and_change_nothing():
    live = ("conv3", "none", "none", "none", "conv3", "none")
    x = torch.randn(4, 40, 1, generator=torch.Generator().manual_seed(0))
    one = CellNetwork(nas.NANO, live, (40, 1), 10, channels=2)
    for dead in (("conv3", "conv3", "none", "none", "conv3", "none"), ("conv3", "none", "conv3", "none", "conv3", "none"),
                 ("conv3", "pool3", "conv3", "none", "conv3", "none")):
        other = CellNetwork(nas.NANO, dead, (40, 1), 10, channels=2)
        assert (other.n_parameters, other.flops) == (one.n_parameters, one.flops)
        assert torch.equal(other(x), one(x))


def test_sizes_counted_without_torch_are_those_of_networks():
    rng = np.random.default_rng(0)
    for cells, shape in ((nas.NANO, (40, 1)), (nas.NASBENCH201, (8, 8, 1))):
        for _ in range(10):
            architecture = cells.sample(rng)
            net, size = CellNetwork(cells, architecture, shape, 10, 4), nas.cell_size(cells, architecture, shape=shape, channels=4)
            assert (net.n_parameters, net.flops) == (size.parameters, size.flops)


def test_copies_are_the_networks_of_their_seeds():
    architecture = ("conv3", "skip", "pool3", "conv3", "conv3", "conv3")
    many = CellNetworks(nas.NANO, architecture, (40, 1), 10, 4, seeds=(3, 0, 8))
    x = torch.randn(3, 16, 40, 1, generator=torch.Generator().manual_seed(0))
    together = many(x)
    assert together.shape == (3, 16, 10)
    for k, seed in enumerate(many.seeds):
        one = CellNetwork(nas.NANO, architecture, (40, 1), 10, 4, seed=seed)
        torch.testing.assert_close(together[k], one(x[k]), atol=1e-5, rtol=1e-5)
        assert one.n_parameters == many.n_parameters and one.flops == many.flops
    many.eval()
    torch.testing.assert_close(many(x[:1])[1], many(x[:1].expand(3, -1, -1, -1))[1])  # one set of inputs serves all


def test_weights_come_from_the_seed_and_from_nothing_else():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    a, b, c = (CellNetwork(nas.NANO, ["conv3"] * 6, (40, 1), 10, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a.cell2.convs["0_3"].weight, b.cell2.convs["0_3"].weight)
    assert not torch.equal(a.cell2.convs["0_3"].weight, c.cell2.convs["0_3"].weight)


def test_a_cell_without_a_way_through_answers_with_its_bias():
    net = CellNetwork(nas.NANO, ("conv3", "conv3", "conv3", "none", "none", "none"), (40, 1), 10)
    y = net(torch.randn(5, 40, 1))
    assert torch.equal(y, torch.zeros(5, 10)) and len(net.cell1.convs) == 0
    y.sum().backward()
    assert net.bias.grad.flatten().tolist() == [5.0] * 10


def test_a_network_is_built_from_a_configuration_or_an_architecture():
    data = nas.mnist1d(100)
    architecture = ("conv3", "skip", "pool3", "conv3", "none", "conv3")
    a = build(nas.NANO, nas.NANO.config(architecture), data, seed=2)
    b = build(nas.NANO, architecture, data, seed=2)
    assert a.architecture == b.architecture == architecture and a.data_shape == (40, 1)
    assert torch.equal(a(torch.from_numpy(data.x)), b(torch.from_numpy(data.x)))


@pytest.mark.parametrize(("make", "says"), [
    (lambda: CellNetwork(nas.NANO, ["skip"] * 6, (40,), 10), r"channels\), got \(40,\)"),
    (lambda: CellNetwork(nas.NANO, ["skip"] * 5, (40, 1), 10), "6 operations"),
    (lambda: CellNetwork(nas.NANO, ["skip"] * 6, (40, 1), 10, channels=0), "at least one channel"),
    (lambda: CellNetwork(nas.CellSpace("x", 2, ("skip", "conv4")), ["conv4"], (40, 1), 10), "'conv4'"),
])
def test_what_is_no_network_is_refused(make, says):
    with pytest.raises(SpaceError, match=says):
        make()
