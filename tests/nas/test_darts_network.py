"""The super network of the paper's size that is timed."""

import torch

from benchmarks.darts_network import N_EDGES, OPERATIONS, Cell, DARTSNetwork, operation


def test_it_has_as_many_weights_as_the_published_one():
    """NASLib's tests say 1.930618 million for DARTS' super network on CIFAR-10; so does the authors' program."""
    assert sum(p.numel() for p in DARTSNetwork().parameters()) == 1_930_618


def test_every_operation_keeps_or_halves_the_image():
    x = torch.randn(2, 4, 8, 8)
    for name in OPERATIONS:
        assert operation(name, 4, 1)(x).shape == (2, 4, 8, 8)
        assert operation(name, 4, 2)(x).shape == (2, 4, 4, 4)
    assert not operation("none", 4, 2)(x).any()


def test_a_cell_and_the_network_can_be_differentiated_by_alpha():
    cell = Cell(6, 6, 4, halves=True, halved=False)
    assert cell(torch.randn(2, 6, 8, 8), torch.randn(2, 6, 8, 8), torch.full((N_EDGES, 8), 1 / 8)).shape == (2, 16, 4, 4)
    net = DARTSNetwork(channels=4, n_cells=4)
    alpha = torch.zeros(2, N_EDGES, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(torch.randn(2, 3, 16, 16), alpha).square().sum(), alpha)
    assert gradient.abs().sum(-1).min() > 0  # both kinds of cells, every edge
    torch.testing.assert_close(gradient.sum(-1), torch.zeros(2, N_EDGES), atol=1e-3, rtol=0)
