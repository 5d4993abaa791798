"""Path encoding: an architecture as the set of ways from its input to its output.

White, Neiswanger & Savani 2021, "BANANAS: Bayesian optimization with neural architectures for neural architecture search",
section 4: a position for each sequence of operations that a way may have, 1 where the architecture has such a way. So what cells
with other numbers of the nodes have in common stays in one position, and dead edges are not seen.

::

    n positions = q + q² + … + q^L      q operations that carry something, L = n_nodes - 1 the longest way
    shorter ways first, then as numbers with the digits 0 … q - 1

Short ways come often and long ones seldom: a way of length l over given nodes exists with probability (1 - p)^l, where p is the
share of "none". So the paper cuts the encoding off after a few positions (``n_positions``).

Differences from the paper: operations stand on edges, as in NAS-Bench-201, not on nodes; so there is no empty way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.errors import SpaceError
from workbench.nas.cells import CellSpace
from workbench.nas.graph import CUT
from workbench.space import Array


def carriers(cells: CellSpace) -> tuple[str, ...]:
    """Return the operations that a way can go over: all but "none"."""
    return tuple(op for op in cells.operations if op != CUT)


def n_paths(cells: CellSpace) -> int:
    """Count the positions of the whole encoding."""
    q = len(carriers(cells))
    return sum(q**length for length in range(1, cells.n_nodes))


def position(cells: CellSpace, way: Sequence[str]) -> int:
    """Return the position of a way; SpaceError if there is none like it."""
    ops = carriers(cells)
    if not 1 <= len(way) < cells.n_nodes or not set(way) <= set(ops):
        raise SpaceError(f"a way through {cells.name} has 1 to {cells.n_nodes - 1} operations out of "
                         f"{', '.join(ops)}; got {tuple(way)!r}.")
    place = 0
    for op in way:
        place = place * len(ops) + ops.index(op)
    return place + sum(int(len(ops) ** length) for length in range(1, len(way)))


def path_at(cells: CellSpace, place: int) -> tuple[str, ...]:
    """Return the way that a position stands for; SpaceError if there is no such position."""
    if not 0 <= place < n_paths(cells):
        raise SpaceError(f"ways through {cells.name} have the positions 0 to {n_paths(cells) - 1}, got {place!r}.")
    ops, length = carriers(cells), 1
    while place >= len(ops) ** length:
        place -= len(ops) ** length
        length += 1
    return tuple(ops[int(k)] for k in np.unravel_index(place, (len(ops),) * length))


def path_encoding(cells: CellSpace, architecture: Sequence[str], *, n_positions: int | None = None) -> Array:
    """Return 1 for each way that there is and 0 for all others, shape (n_paths,), or only the first ``n_positions`` of them."""
    code = np.zeros(n_paths(cells))
    code[[position(cells, way) for way in cells.paths(architecture)]] = 1
    return code[:n_positions]
