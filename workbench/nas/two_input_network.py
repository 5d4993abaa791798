"""The network of two cells with two inputs, as DARTS evaluates it, for lines and images of any size.

What it is made of stands in ``two_input_size``, which counts it. Every pool is as in the paper's evaluation: without batch norm.

Differences from the paper: no auxiliary head and no dropped paths; where a number of positions is odd, the second half of a
factorised reduction looks at zeros beyond the rim.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from workbench.errors import SpaceError
from workbench.nas.chain_network import AVERAGE_POOL, CONV, MAX_POOL, NORM, draw_weights
from workbench.nas.data import Data
from workbench.nas.two_input_cells import Genotype, TwoInputCell, TwoInputCells
from workbench.nas.two_input_size import reductions

_CONV = re.compile(r"(sep|dil)_conv_([357])x\2")


def relu_conv(d: int, c_in: int, c_out: int) -> nn.Sequential:
    """Make ReLU, 1x1 convolution, batch norm."""
    return nn.Sequential(nn.ReLU(), CONV[d](c_in, c_out, 1, bias=False), NORM[d](c_out))


def separable(d: int, c: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Make ReLU, a convolution channel by channel, a 1x1 convolution, batch norm."""
    reach = dilation * (kernel // 2)
    each = CONV[d](c, c, kernel, stride, reach, dilation, groups=c, bias=False)
    return nn.Sequential(nn.ReLU(), each, CONV[d](c, c, 1, bias=False), NORM[d](c))


class FactorisedReduction(nn.Module):
    """Half of the channels from every second position, the other half from those between them."""

    def __init__(self, d: int, c_in: int, c_out: int) -> None:
        super().__init__()
        if c_out % 2:
            raise SpaceError(f"a reduction gives two halves of its channels, so there is an even number of them; got {c_out}.")
        self.halves = nn.ModuleList(CONV[d](c_in, c_out // 2, 1, 2, bias=False) for _ in range(2))
        self.norm = NORM[d](c_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c_in, …) to (n, c_out, …) with half of the positions."""
        x = torch.relu(x)
        between = nn.functional.pad(x, (-1, 1) * (x.dim() - 2))  # one position on, a zero at the end
        y: Tensor = self.norm(torch.cat([self.halves[0](x), self.halves[1](between)], dim=1))
        return y


def operation(name: str, d: int, c: int, stride: int) -> nn.Module:
    """Make one operation; SpaceError if there is none of that name."""
    match = _CONV.fullmatch(name)
    if match and match[1] == "sep":
        return nn.Sequential(separable(d, c, int(match[2]), stride=stride), separable(d, c, int(match[2])))
    if match:
        return separable(d, c, int(match[2]), stride=stride, dilation=2)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorisedReduction(d, c, c)
    if name == "max_pool_3x3":
        return MAX_POOL[d](3, stride, 1)  # type: ignore[no-any-return]
    if name == "avg_pool_3x3":
        return AVERAGE_POOL[d](3, stride, 1, count_include_pad=False)  # type: ignore[no-any-return]
    raise SpaceError("what can be built is sep_conv_KxK, dil_conv_KxK, max_pool_3x3, avg_pool_3x3 and skip_connect; got "
                     f"{name!r}.")


class Cell(nn.Module):
    """A cell: two inputs, nodes of two operations each, some of them side by side."""

    def __init__(self, cell: TwoInputCell, d: int, widths: tuple[int, int], c: int, *, reduces: bool, came_halved: bool) -> None:
        super().__init__()
        self.cell = cell
        first = FactorisedReduction(d, widths[0], c) if came_halved else relu_conv(d, widths[0], c)
        self.inputs = nn.ModuleList([first, relu_conv(d, widths[1], c)])
        self.operations = nn.ModuleList(operation(op, d, c, 2 if reduces and i < 2 else 1)
                                        for parts in cell.nodes for op, i in parts)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Return the output, given those of the two cells before."""
        given = [self.inputs[0](older), self.inputs[1](newer)]
        operations = iter(self.operations)
        for (_, a), (_, b) in self.cell.nodes:
            given.append(next(operations)(given[a]) + next(operations)(given[b]))
        return torch.cat([given[k] for k in self.cell.concat], dim=1)


class TwoInputNetwork(nn.Module):
    """Stem, cells, mean over positions, linear.

    Parameters
    ----------
    genotype
        The cells.
    data_shape, n_classes
        Shape of one input, channels last; classes to tell apart.
    channels, n_cells
        Channels of the first cells; cells in all, two of them reduction cells.
    seed
        Of the first weights.

    Raises
    ------
    SpaceError
        If inputs are neither lines nor images, an operation is unknown, or there are fewer than 3 cells.
    """

    def __init__(self, genotype: Genotype, data_shape: Sequence[int], n_classes: int, *, channels: int = 8, n_cells: int = 3,
                 seed: int = 0) -> None:
        super().__init__()
        if len(data_shape) not in (2, 3):
            raise SpaceError(f"an input has the shape (length, channels) or (height, width, channels), got {tuple(data_shape)}.")
        if n_cells < 3:
            raise SpaceError("a network has at least 3 cells, so that its two reduction cells are different ones; got "
                             f"{n_cells}.")
        d, c, widths, came_halved, cells = len(data_shape) - 1, channels, (3 * channels, 3 * channels), False, []
        self.genotype, self.data_shape = genotype, tuple(data_shape)
        with torch.device("meta"):  # without weights: those are drawn below
            self.stem = nn.Sequential(CONV[d](data_shape[-1], 3 * c, 3, padding=1, bias=False), NORM[d](3 * c))
            for k in range(n_cells):
                reduces = k in reductions(n_cells)
                c *= 2 if reduces else 1
                cell = genotype.reduce if reduces else genotype.normal
                cells.append(Cell(cell, d, widths, c, reduces=reduces, came_halved=came_halved))
                widths, came_halved = (widths[1], len(cell.concat) * c), reduces
            self.cells, self.head = nn.ModuleList(cells), nn.Linear(widths[1], n_classes)
        draw_weights(self, seed)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, n_classes) of inputs (n, …, channels)."""
        older = newer = self.stem(x.movedim(-1, 1))
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        y: Tensor = self.head(newer.flatten(2).mean(2))
        return y


def build(space: TwoInputCells, config: Mapping[str, Any], data: Data, *, channels: int = 8, n_cells: int = 3,
          seed: int = 0) -> TwoInputNetwork:
    """Make the network of a configuration for some data; what else the configuration holds is left out."""
    return TwoInputNetwork(space.genotype(config), data.shape, data.n_classes, channels=channels, n_cells=n_cells, seed=seed)
