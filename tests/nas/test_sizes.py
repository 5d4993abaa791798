"""Sizes of cells, counted: those of the networks that are made."""

import numpy as np
import pytest

from workbench.errors import SpaceError
from workbench.nas.cells import NANO, NASBENCH201
from workbench.nas.sizes import Size, cell_size, halved


@pytest.mark.parametrize("shape", [(40, 1), (41, 2), (8, 8, 1), (7, 9, 3)])
@pytest.mark.parametrize("cells", [NANO, NASBENCH201], ids=lambda c: c.name)
def test_parameters_and_flops_are_those_of_the_network(cells, shape):
    networks = pytest.importorskip("workbench.nas.networks", reason="networks need torch")
    rng = np.random.default_rng(0)
    for a in [cells.biggest(), ("none",) * 6, *(cells.sample(rng) for _ in range(6))]:
        made = networks.CellNetwork(cells, a, shape, 7, channels=4)
        told = cell_size(cells, a, shape=shape, n_classes=7, channels=4)
        assert told.parameters == sum(p.numel() for p in made.parameters())
        assert told.flops == made.flops


def test_equal_cells_are_equally_big():
    for form, a in list(NANO.distinct().items())[::10]:
        same = [b for b in NANO.neighbours(a) if NANO.canonical(b) == form]
        assert {cell_size(NANO, b) for b in same} <= {cell_size(NANO, a)}


def test_nothing_is_bigger_than_the_biggest():
    biggest = cell_size(NANO, NANO.biggest())
    assert max(cell_size(NANO, a).parameters for a in NANO.distinct().values()) == biggest.parameters


def test_a_configuration_will_do_and_sizes_add_up():
    a = NANO.biggest()
    assert cell_size(NANO, NANO.config(a)) == cell_size(NANO, a)
    assert Size(1, 2) + Size(3, 4) == Size(4, 6)
    assert halved((40, 7)) == (20, 4)


def test_inputs_are_lines_or_images():
    with pytest.raises(SpaceError, match="channels"):
        cell_size(NANO, NANO.biggest(), shape=(40,))
