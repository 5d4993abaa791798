"""How big the network of a cell is: parameters and multiply-adds, counted from the layers without making them.

The network is that of ``workbench.nas.networks``: stem, cell with c channels, reduction, cell with 2c channels, linear. A
convolution over k positions along d axes from a to b channels has a b k^d weights and, for its batch norm, 2b more; it takes
a b k^d multiply-adds at each of its positions. Edges on no way to the output are not built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from workbench.errors import SpaceError
from workbench.nas.cells import CellSpace

LINE = (40, 1)  # shape of an input of MNIST-1D


@dataclass(frozen=True, slots=True)
class Size:
    """Parameters, and multiply-adds for one input."""

    parameters: int
    flops: int

    def __add__(self, other: Size) -> Size:
        """Add both."""
        return Size(self.parameters + other.parameters, self.flops + other.flops)


def conv_size(c_in: int, c_out: int, kernel: int, positions: Sequence[int], *, norm: bool = True) -> Size:
    """Size of a convolution whose output has so many positions along each axis, with its batch norm if it has one."""
    weights = c_in * c_out * kernel ** len(positions)
    return Size(weights + 2 * c_out * norm, weights * prod(positions))


def linear_size(n_in: int, n_out: int) -> Size:
    """Size of a linear layer with bias."""
    return Size(n_in * n_out + n_out, n_in * n_out)


def halved(positions: Sequence[int]) -> tuple[int, ...]:
    """Return how many positions along each axis are left by a stride of two."""
    return tuple((n - 1) // 2 + 1 for n in positions)


def cell_size(cells: CellSpace, architecture: Sequence[str] | Mapping[str, Any], *, shape: Sequence[int] = LINE,
              n_classes: int = 10, channels: int = 8) -> Size:
    """Return the size of the network that two cells of an architecture make.

    Parameters
    ----------
    cells, architecture
        Space, and operations edge by edge or a configuration.
    shape
        Of one input, channels last: (40, 1) is a line, (8, 8, 1) an image.
    n_classes, channels
        As for ``CellNetwork``.

    Raises
    ------
    SpaceError
        If inputs are neither lines nor images.
    """
    if len(shape) not in (2, 3):
        raise SpaceError(f"an input has the shape (length, channels) or (height, width, channels), got {tuple(shape)}.")
    told = cells.architecture(architecture) if isinstance(architecture, Mapping) else cells.check(architecture)
    widths = [int(match[1]) for op in cells.live_edges(told).values() if (match := re.fullmatch(r"conv(\d+)", op))]
    at = halved(shape[:-1]) if len(shape) == 2 else tuple(shape[:-1])  # the stem halves lines only
    size = conv_size(shape[-1], channels, 3, at)
    for c in (channels, 2 * channels):
        if c > channels:
            at = halved(at)
            size += conv_size(channels, c, 3, at)
        for width in widths:
            size += conv_size(c, c, width, at)
    return size + linear_size(2 * channels, n_classes)
