"""Networks of cells with two inputs: as big as counted, and they learn."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from workbench.errors import SpaceError  # noqa: E402
from workbench.nas.data import mnist1d  # noqa: E402
from workbench.nas.presets import DARTS_SECOND_ORDER, NASNET_A, PUBLISHED  # noqa: E402
from workbench.nas.training import train  # noqa: E402
from workbench.nas.two_input_cells import DARTS_CELLS  # noqa: E402
from workbench.nas.two_input_network import FactorisedReduction, TwoInputNetwork, build  # noqa: E402
from workbench.nas.two_input_size import genotype_size  # noqa: E402


def multiply_adds(made, shape):
    """Counted while running: weights of each convolution times its positions."""
    count = []

    def hook(layer, _, out):
        count.append(layer.weight.numel() * (out[0, 0].numel() if out.dim() > 2 else 1))

    for m in made.modules():
        if isinstance(m, (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Linear)):
            m.register_forward_hook(hook)
    with torch.no_grad():
        made.eval()(torch.zeros(1, *shape))
    return sum(count)


@pytest.mark.parametrize("shape", [(40, 1), (9, 7, 3)])
def test_parameters_and_flops_are_as_counted(shape):
    drawn = [DARTS_CELLS.genotype(c) for c in DARTS_CELLS.space.sample(3, np.random.default_rng(0))]
    for genotype in (*drawn, NASNET_A, DARTS_SECOND_ORDER):
        for n_cells in (3, 5):
            made = TwoInputNetwork(genotype, shape, 7, channels=4, n_cells=n_cells)
            told = genotype_size(genotype, shape=shape, n_classes=7, channels=4, n_cells=n_cells)
            assert sum(p.numel() for p in made.parameters()) == told.parameters
            assert multiply_adds(made, shape) == told.flops


def test_a_factorised_reduction_looks_at_all_positions():
    reduction = FactorisedReduction(1, 1, 2).eval()
    with torch.no_grad():
        for half in reduction.halves:
            half.weight.fill_(1.0)
        y = reduction(torch.arange(1.0, 6.0).view(1, 1, 5))
    assert torch.allclose(y[0], torch.tensor([[1.0, 3.0, 5.0], [2.0, 4.0, 0.0]]), atol=1e-4)  # batch norm divides by √(1 + 1e-5)


def test_it_learns():
    data = mnist1d(700, seed=0)
    made = build(DARTS_CELLS, DARTS_CELLS.config(DARTS_SECOND_ORDER), data, channels=4)
    losses = [epoch.train_loss for epoch in train(made, data, epochs=3, batch_size=32)]
    assert losses[-1] < 0.95 * losses[0]


def test_what_cannot_be_built_is_refused():
    with pytest.raises(SpaceError, match="conv_7x1"):
        TwoInputNetwork(PUBLISHED["AmoebaNet-A"], (32, 32, 3), 10)
    with pytest.raises(SpaceError, match="even"):
        FactorisedReduction(1, 4, 3)
    with pytest.raises(SpaceError, match="3 cells"):
        TwoInputNetwork(DARTS_SECOND_ORDER, (40, 1), 10, n_cells=2)
    with pytest.raises(SpaceError, match="channels"):
        TwoInputNetwork(DARTS_SECOND_ORDER, (40,), 10)
