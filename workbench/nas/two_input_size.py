"""How big a network of cells with two inputs is: parameters and multiply-adds, counted from its layers.

The network is that of DARTS' evaluation (Liu, Simonyan & Yang 2019, section 3.2; without its auxiliary head)::

    stem: 3x3 convolution to 3c channels, batch norm → n cells → mean → linear
    the cells at a third and at two thirds of the way are reduction cells, with twice the channels
    cell: each input through ReLU, 1x1 convolution to c channels, batch norm; the older of the two, if it still has twice
          the positions, through a factorised reduction: two 1x1 convolutions with stride 2, to c/2 channels each (as many
          parameters and multiply-adds as one to c)

    sep_conv_k   twice: ReLU, k x k convolution channel by channel, 1x1 convolution, batch norm
    dil_conv_k   once, with a gap between the positions that it looks at
    skip_connect   nothing, or where positions halve: factorised reduction
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.errors import SpaceError
from workbench.nas.sizes import Size, conv_size, halved, linear_size
from workbench.nas.two_input_cells import Genotype, TwoInputCell

_CONV = re.compile(r"(sep|dil)_conv_([357])x\2")
FREE = ("max_pool_3x3", "avg_pool_3x3")


def operation_size(operation: str, c: int, after: Sequence[int], *, halves: bool) -> Size:
    """Size of an operation with c channels whose output has so many positions; SpaceError if it is none."""
    match = _CONV.fullmatch(operation)
    if match:
        each = conv_size(c, 1, int(match[2]), after, norm=False) + conv_size(c, c, 1, after)
        return each + each if match[1] == "sep" else each
    if operation == "skip_connect":
        return conv_size(c, c, 1, after) if halves else Size(0, 0)
    if operation not in FREE:
        raise SpaceError(f"what can be counted is sep_conv_KxK, dil_conv_KxK, {', '.join(FREE)} and skip_connect; got "
                         f"{operation!r}.")
    return Size(0, 0)


def cell_parts(cell: TwoInputCell, c: int, before: Sequence[int], *, reduces: bool) -> Size:
    """Size of all operations of a cell; those of a reduction cell that read its inputs halve the positions."""
    after, size = halved(before) if reduces else tuple(before), Size(0, 0)
    for parts in cell.nodes:
        for op, i in parts:
            size += operation_size(op, c, after, halves=reduces and i < 2)
    return size


def genotype_size(genotype: Genotype, *, shape: Sequence[int] = (32, 32, 3), n_classes: int = 10, channels: int = 36,
                  n_cells: int = 20) -> Size:
    """Return the size of the network of two cells.

    Parameters
    ----------
    genotype
        The cells.
    shape
        Of one input, channels last.
    n_classes, channels, n_cells
        Classes; channels of the first cells; cells in all.
    """
    at, c = tuple(shape[:-1]), channels
    size = conv_size(shape[-1], 3 * c, 3, at)
    older, newer = 3 * c, 3 * c  # channels that the two cells before give
    for k in range(n_cells):
        reduces = k in reductions(n_cells)
        c *= 2 if reduces else 1
        cell = genotype.reduce if reduces else genotype.normal
        size += conv_size(older, c, 1, at) + conv_size(newer, c, 1, at) + cell_parts(cell, c, at, reduces=reduces)
        at = halved(at) if reduces else at
        older, newer = newer, len(cell.concat) * c
    return size + linear_size(newer, n_classes)


def reductions(n_cells: int) -> tuple[int, int]:
    """Return the places of the reduction cells."""
    return n_cells // 3, 2 * n_cells // 3
