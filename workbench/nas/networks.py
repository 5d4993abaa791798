"""Networks made of cells: stem → cell → reduction → cell → mean over positions → linear.

After Dong & Yang 2020, "NAS-Bench-201: extending the scope of reproducible neural architecture search", section 2.1::

    conv k   ReLU, convolution over k positions without bias, batch norm      (zeros beyond the rim)
    pool k   mean of k positions                                              (what lies beyond the rim is not counted)
    skip     the input itself;      none   nothing
    node j   the sum of what its edges bring; the cell's output is its last node
    stem     convolution over 3 positions, batch norm; every second position of a line, each of an image
    reduction   ReLU, convolution to half the length and twice the channels, batch norm

How it is computed. Inside, an activation has the shape (copies, channels, n, positions): a channel's values of the whole batch
lie side by side, so that everything runs along long rows however few the channels are. The convolutions of one width that leave
one node have the same input; they are one matrix product, whose rows are the channels of all their targets. Batch norm works
channel by channel, so this is the same function, several times as fast as one ``Conv1d`` after the other. Edges from which no
signal reaches the output are left out, with their weights.

Notation
--------
========  ==================================================================
``S``     copies: networks of one architecture with weights of their own
``c``     channels
``P``     positions: length, or height x width
``k``     width of a kernel, of d axes
========  ==================================================================

Differences from the paper: one cell in each of two stages (theirs: five in each of three); 8 channels (16); a strided convolution
in place of the residual block between stages; no batch norm and ReLU before the mean but a ReLU alone; lines as well as images.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from workbench.errors import SpaceError
from workbench.nas.cells import CellSpace
from workbench.nas.data import Data

_WITH_WIDTH = re.compile(r"(conv|pool)([1357])")


def kernel(operation: str) -> tuple[str, int]:
    """Split an operation's name into kind and width: "conv3" is ("conv", 3), "skip" is ("skip", 1).

    Raises
    ------
    SpaceError
        If there is no such layer.
    """
    if operation in {"none", "skip"}:
        return operation, 1
    match = _WITH_WIDTH.fullmatch(operation)
    if match is None:
        raise SpaceError(f"a network is made of none, skip, convK and poolK with K one of 1, 3, 5, 7; got {operation!r}.")
    return match[1], int(match[2])


class Conv(nn.Module):
    """ReLU (or not), convolution over ``width`` positions, batch norm, of S copies at once.

    Parameters
    ----------
    generators
        Of the first weights, one for each copy.
    c_in, c_out
        Channels.
    width, d
        Width of the kernel along each of d axes.
    stride
        1 or 2.
    relu
        Whether a ReLU stands before it.
    """

    weight: nn.Parameter  # (S, c_out, k^d c_in): neighbour by neighbour, and of each all channels
    scale: nn.Parameter
    shift: nn.Parameter
    mean: Tensor
    var: Tensor

    def __init__(self, generators: Sequence[torch.Generator], c_in: int, c_out: int, width: int, d: int, *, stride: int = 1,
                 relu: bool = True) -> None:
        super().__init__()
        self.width, self.stride, self.relu = width, stride, relu
        fan_in = c_in * width ** d
        bound = 1 / math.sqrt(fan_in)
        self.weight = nn.Parameter(torch.stack([torch.rand(c_out, fan_in, generator=g) for g in generators]) * 2 * bound - bound)
        n = len(generators) * c_out
        self.scale, self.shift = nn.Parameter(torch.ones(n)), nn.Parameter(torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("var", torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        """Map (S, c_in, n, …) to (S, c_out, n, …)."""
        x = torch.relu(x) if self.relu else x
        side = neighbours(x, self.width, self.stride)                       # (S, k^d c_in, n, …)
        y = torch.bmm(self.weight, side.flatten(2))                         # (S, c_out, n P)
        y = nn.functional.batch_norm(y.view(1, len(self.scale), -1), self.mean, self.var, self.scale, self.shift,
                                     training=self.training, momentum=0.1, eps=1e-5)
        return y.view(len(self.weight), -1, *side.shape[2:])


def neighbours(x: Tensor, width: int, stride: int = 1) -> Tensor:
    """Stack the k^d neighbours of each position: (S, c, n, …) becomes (S, k^d c, n, …), zeros beyond the rim."""
    if width == 1 and stride == 1:
        return x
    sizes, reach = [(n - 1) // stride + 1 for n in x.shape[3:]], width // 2
    x = nn.functional.pad(x, (reach, reach) * len(sizes))
    parts = []
    for offset in itertools.product(range(width), repeat=len(sizes)):
        part = x
        for axis, (o, size) in enumerate(zip(offset, sizes, strict=True), start=3):
            part = part[(slice(None),) * axis + (slice(o, o + (size - 1) * stride + 1, stride),)]
        parts.append(part)
    return torch.cat(parts, dim=1)


def mean_pool(x: Tensor, width: int) -> Tensor:
    """Average the ``width`` neighbours of each position of (S, c, n, …) along each axis; beyond the rim nothing is counted."""
    reach = width // 2
    for axis in range(3, x.ndim):
        n, after = x.shape[axis], x.ndim - 1 - axis
        padded = nn.functional.pad(x, (0, 0) * after + (reach, reach))
        total = _sum([padded.narrow(axis, o, n) for o in range(width)])
        place = torch.arange(n, device=x.device)
        counted = (place + reach).clamp(max=n - 1) - (place - reach).clamp(min=0) + 1
        x = total / counted.to(x.dtype).view(-1, *[1] * after)
    return x


class Cell(nn.Module):
    """One cell of S copies: (S, c, n, …) to the same shape."""

    def __init__(self, generators: Sequence[torch.Generator], cells: CellSpace, architecture: Sequence[str], channels: int,
                 d: int) -> None:
        super().__init__()
        self.n_nodes, self.channels = cells.n_nodes, channels
        self.convs = nn.ModuleDict()                                        # "0_3": leaves node 0, width 3
        self._targets: dict[tuple[int, int], list[int]] = {}                # (node, width): where its channels go, in order
        self._pools: dict[tuple[int, int], list[int]] = {}
        self._skips: dict[int, list[int]] = {}
        for (i, j), operation in cells.live_edges(architecture).items():
            kind, width = kernel(operation)
            if kind == "skip":
                self._skips.setdefault(i, []).append(j)
            else:
                (self._targets if kind == "conv" else self._pools).setdefault((i, width), []).append(j)
        for (i, width), targets in self._targets.items():
            self.convs[f"{i}_{width}"] = Conv(generators, channels, channels * len(targets), width, d)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the nodes in their order; zeros if nothing reaches the output."""
        arriving: list[list[Tensor]] = [[x], *([] for _ in range(self.n_nodes - 1))]
        for i in range(self.n_nodes - 1):
            if not arriving[i]:
                continue
            h = _sum(arriving[i])
            for (node, width), targets in self._targets.items():
                if node == i:
                    y = self.convs[f"{i}_{width}"](h)
                    for j, part in zip(targets, y.split(self.channels, dim=1), strict=True):
                        arriving[j].append(part)
            for (node, width), targets in self._pools.items():
                if node == i:
                    pooled = mean_pool(h, width)
                    for j in targets:
                        arriving[j].append(pooled)
            for j in self._skips.get(i, ()):
                arriving[j].append(h)
        return _sum(arriving[-1]) if arriving[-1] else torch.zeros_like(x)


def _sum(parts: Sequence[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


class CellNetworks(nn.Module):
    """Several networks of one architecture, each with weights of its own seed, computed together.

    Parameters
    ----------
    cells
        Space of cells; both cells of a network have the same architecture.
    architecture
        Operations, edge by edge.
    data_shape
        Shape of one input, channels last: (40, 1) is a line, (8, 8, 1) an image.
    n_classes
        Classes to tell apart.
    channels
        Channels of the first cell; the second has twice as many.
    seeds
        Of the first weights, one for each network.

    Raises
    ------
    SpaceError
        If the architecture is none of the space, has an operation that is no layer, or inputs are neither lines nor images.
    """

    def __init__(self, cells: CellSpace, architecture: Sequence[str], data_shape: Sequence[int], n_classes: int,
                 channels: int = 8, seeds: Sequence[int] = (0,)) -> None:
        super().__init__()
        if len(data_shape) not in {2, 3}:
            raise SpaceError("an input has the shape (length, channels) or (height, width, channels), "
                             f"got {tuple(data_shape)}.")
        if channels < 1 or not seeds:
            raise SpaceError(f"a network has at least one channel and one seed, got channels={channels} and seeds={seeds!r}.")
        self.cells, self.architecture, self.data_shape = cells, cells.check(architecture), tuple(data_shape)
        self.n_classes, self.channels, self.seeds = n_classes, channels, tuple(seeds)
        d, c = len(data_shape) - 1, channels
        g = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.stem = Conv(g, data_shape[-1], c, 3, d, stride=2 if d == 1 else 1, relu=False)
        self.cell1 = Cell(g, cells, self.architecture, c, d)
        self.reduction = Conv(g, c, 2 * c, 3, d, stride=2)
        self.cell2 = Cell(g, cells, self.architecture, 2 * c, d)
        bound = 1 / math.sqrt(2 * c)
        self.head = nn.Parameter(torch.stack([torch.rand(n_classes, 2 * c, generator=k) for k in g]) * 2 * bound - bound)
        self.bias = nn.Parameter(torch.zeros(len(seeds), n_classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (S, n, n_classes) of inputs (S, n, …, channels), or (1, n, …, channels) if all get the same."""
        x = x.movedim(-1, 1)                                                # (S, channels, n, …)
        x = x.expand(len(self.seeds), *x.shape[1:])
        x = self.cell2(self.reduction(self.cell1(self.stem(x))))
        x = torch.relu(x).flatten(3).mean(3)                                # (S, 2c, n)
        return torch.baddbmm(self.bias, self.head, x).transpose(1, 2)

    @property
    def n_parameters(self) -> int:
        """Parameters of one network."""
        return sum(p.numel() for p in self.parameters()) // len(self.seeds)

    @property
    def flops(self) -> int:
        """Multiply-adds of the convolutions and of the linear layer, for one input to one network."""
        positions, total = list(self.data_shape[:-1]), 0
        for layer in (self.stem, self.cell1, self.reduction, self.cell2):
            if isinstance(layer, Conv):
                positions = [(n - 1) // layer.stride + 1 for n in positions]
            convs = [m for m in layer.modules() if isinstance(m, Conv)]
            total += sum(m.weight[0].numel() for m in convs) * math.prod(positions)
        return total + self.head[0].numel()


class CellNetwork(CellNetworks):
    """One network of cells.

    Parameters
    ----------
    cells, architecture, data_shape, n_classes, channels
        As for ``CellNetworks``.
    seed
        Of the first weights.
    """

    def __init__(self, cells: CellSpace, architecture: Sequence[str], data_shape: Sequence[int], n_classes: int,
                 channels: int = 8, seed: int = 0) -> None:
        super().__init__(cells, architecture, data_shape, n_classes, channels, (seed,))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, n_classes) of inputs (n, …, channels)."""
        return super().forward(x[None])[0]


def build(cells: CellSpace, config: Mapping[str, Any] | Sequence[str], data: Data, *, channels: int = 8,
          seed: int = 0) -> CellNetwork:
    """Make the network of a configuration (or of an architecture) for some data."""
    architecture = cells.architecture(config) if isinstance(config, Mapping) else cells.check(config)
    return CellNetwork(cells, architecture, data.shape, data.n_classes, channels, seed)
