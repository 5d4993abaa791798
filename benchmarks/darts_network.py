"""The super network of the DARTS paper, as large as it was searched with on CIFAR-10: what ``benchmarks.darts_step`` times.

Liu, Simonyan & Yang 2019, section 3.1 and appendix A.1; layers as in the authors' program: cells with two inputs (the outputs of
the two cells before) and four nodes, each joined to all before it, so 14 edges with 8 operations; a cell's output is its four
nodes side by side; of 8 cells the third and the sixth halve the image and double the channels; batch norm has no scale and shift.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

OPERATIONS = ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
              "dil_conv_5x5")
N_NODES, N_EDGES = 4, 14


def norm(c: int) -> nn.Module:
    """Batch norm without scale and shift."""
    return nn.BatchNorm2d(c, affine=False)


def depthwise(c: int, k: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    """ReLU, a convolution of each channel alone, one over channels, batch norm."""
    reach = dilation * (k // 2)
    return [nn.ReLU(), nn.Conv2d(c, c, k, stride, reach, dilation, groups=c, bias=False), nn.Conv2d(c, c, 1, bias=False), norm(c)]


def pointwise(c_in: int, c_out: int) -> nn.Module:
    """ReLU, a convolution over channels, batch norm."""
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), norm(c_out))


class Halved(nn.Module):
    """Half the height and width, of even and of odd pixels (the authors' FactorizedReduce)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.norm = norm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        return self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))


class Nothing(nn.Module):
    """Zeros, of the size that the others have."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return 0 * x[:, :, ::self.stride, ::self.stride]


def operation(name: str, c: int, stride: int) -> nn.Module:
    """Make one of ``OPERATIONS``."""
    match name:
        case "none":
            return Nothing(stride)
        case "max_pool_3x3":
            return nn.Sequential(nn.MaxPool2d(3, stride, 1), norm(c))
        case "avg_pool_3x3":
            return nn.Sequential(nn.AvgPool2d(3, stride, 1, count_include_pad=False), norm(c))
        case "skip_connect":
            return nn.Identity() if stride == 1 else Halved(c, c)
        case "sep_conv_3x3" | "sep_conv_5x5":
            k = int(name[-1])
            return nn.Sequential(*depthwise(c, k, stride), *depthwise(c, k, 1))
        case _:
            return nn.Sequential(*depthwise(c, int(name[-1]), stride, dilation=2))


class Cell(nn.Module):
    """Two inputs, four nodes."""

    def __init__(self, c_before: int, c_last: int, c: int, *, halves: bool, halved: bool) -> None:
        super().__init__()
        self.first = Halved(c_before, c) if halved else pointwise(c_before, c)
        self.second = pointwise(c_last, c)
        self.edges = nn.ModuleList(
            nn.ModuleList(operation(o, c, 2 if halves and i < 2 else 1) for o in OPERATIONS)
            for node in range(N_NODES) for i in range(2 + node))

    def forward(self, before: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        nodes, e = [self.first(before), self.second(last)], 0
        for _ in range(N_NODES):
            total: Tensor | None = None
            for h in nodes:
                for weight, op in zip(weights[e], self.edges[e], strict=True):
                    part = weight * op(h)
                    total = part if total is None else total + part
                e += 1
            nodes.append(total)
        return torch.cat(nodes[2:], dim=1)


class DARTSNetwork(nn.Module):
    """Eight cells; ``forward(images, alpha)``, alpha (2, 14, 8): of normal cells and of those that halve the image."""

    def __init__(self, channels: int = 16, n_cells: int = 8, n_classes: int = 10) -> None:
        super().__init__()
        c = channels
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * c, 3, padding=1, bias=False), nn.BatchNorm2d(3 * c))
        self.halves = [k in {n_cells // 3, 2 * n_cells // 3} for k in range(n_cells)]
        cells, before, last = [], 3 * c, 3 * c
        for k, halves in enumerate(self.halves):
            c = 2 * c if halves else c
            cells.append(Cell(before, last, c, halves=halves, halved=k > 0 and self.halves[k - 1]))
            before, last = last, N_NODES * c
        self.cells = nn.ModuleList(cells)
        self.head = nn.Linear(last, n_classes)

    def forward(self, x: Tensor, alpha: Tensor) -> Tensor:
        mixing = alpha.softmax(-1)
        before = last = self.stem(x)
        for cell, halves in zip(self.cells, self.halves, strict=True):
            before, last = last, cell(before, last, mixing[int(halves)])
        return self.head(last.mean((2, 3)))
