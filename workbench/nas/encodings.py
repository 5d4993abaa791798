"""Architectures as rows of numbers, for models that predict from them.

White, Neiswanger, Nolen & Savani 2020, "A study on encodings for neural architecture search" (NeurIPS). For a cell with E edges
and q operations::

    one_hot     E·q numbers: 1 for the operation of each edge, 0 for its others                  every name is its own column
    adjacency   2·E numbers: whether the edge carries anything; its operation's place in the list, from 0 to 1
    path        a number for each sequence of operations that a way from input to output may have: 1 if there is such a way
                (cell_paths.py; White, Neiswanger & Savani 2021, BANANAS)
    sequence    E numbers: 1 + the place of each edge's operation, to be read one after the other   (rnn_predictor.py)

The adjacency encoding is short, and gives operations an order that means nothing; the one-hot encoding sees dead edges, and
writes equal cells in different ways; the path encoding sees neither dead edges nor the numbers of the nodes.

Differences from the papers: operations stand on edges, as in NAS-Bench-201, so the adjacency matrix is the list of edges that
are not "none".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.nas.cell_paths import n_paths, position
from workbench.nas.cells import NANO, NASBENCH201, Architecture, CellSpace
from workbench.nas.graph import CUT
from workbench.space import Array, Choice, Space

EncodingName = Literal["one_hot", "adjacency", "path", "sequence"]
ENCODINGS: tuple[EncodingName, ...] = ("one_hot", "adjacency", "path")  # whose numbers are quantities; "sequence" has names
MOST_CELLS = 100_000  # architectures of a space whose distinct cells are all encoded at once


@lru_cache(maxsize=64)
def cells_of(space: Space) -> CellSpace | None:
    """Return the cells that a space is the space of: the same choice for each pair of nodes; None for any other space."""
    for known in (NANO, NASBENCH201):
        if space == known.space:
            return known
    first = space[space.names[0]] if len(space) else None
    if not isinstance(first, Choice) or first.n_levels < 2 or not all(isinstance(o, str) for o in first.options):
        return None
    n_nodes = 2
    while n_nodes * (n_nodes - 1) // 2 < len(space):
        n_nodes += 1
    cells = CellSpace("cells", n_nodes, tuple(str(o) for o in first.options))
    return cells if space == cells.space else None


def operation_numbers(cells: CellSpace, architectures: Sequence[Sequence[str]]) -> NDArray[np.intp]:
    """Return the place of each edge's operation in the list of operations, shape (n, E)."""
    place = {op: k for k, op in enumerate(cells.operations)}
    return np.array([[place[op] for op in a] for a in architectures], dtype=np.intp).reshape(len(architectures), len(cells.edges))


def one_hot(cells: CellSpace, architectures: Sequence[Sequence[str]]) -> Array:
    """Return 1 for the operation of each edge and 0 for all others, shape (n, E·q): edge by edge."""
    numbers = operation_numbers(cells, architectures)
    q = len(cells.operations)
    code: Array = (numbers[:, :, None] == np.arange(q)).reshape(len(numbers), len(cells.edges) * q).astype(float)
    return code


def adjacency(cells: CellSpace, architectures: Sequence[Sequence[str]]) -> Array:
    """Return whether each edge carries anything, then the place of its operation from 0 to 1, shape (n, 2 E)."""
    there = np.array([[op != CUT for op in a] for a in architectures], dtype=float).reshape(len(architectures), len(cells.edges))
    return np.hstack([there, operation_numbers(cells, architectures) / (len(cells.operations) - 1)])


def paths(cells: CellSpace, architectures: Sequence[Sequence[str]]) -> Array:
    """Return 1 for each way from input to output that there is, shape (n, n_paths)."""
    code = np.zeros((len(architectures), n_paths(cells)))
    place: dict[tuple[str, ...], int] = {}
    for row, a in zip(code, architectures, strict=True):
        for way in cells.paths(a):
            if way not in place:
                place[way] = position(cells, way)
            row[place[way]] = 1.0
    return code


def sequence(cells: CellSpace, architectures: Sequence[Sequence[str]]) -> Array:
    """Return 1 + the place of each edge's operation, shape (n, E)."""
    return operation_numbers(cells, architectures).astype(float) + 1.0


def encode(name: EncodingName, cells: CellSpace, architectures: Sequence[Sequence[str]]) -> Array:
    """Encode architectures, one a row.

    Raises
    ------
    ValueError
        If there is no such encoding.
    """
    match name:
        case "one_hot":
            return one_hot(cells, architectures)
        case "adjacency":
            return adjacency(cells, architectures)
        case "path":
            return paths(cells, architectures)
        case "sequence":
            return sequence(cells, architectures)
    raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}, sequence, got {name!r}.")


@lru_cache(maxsize=16)
def distinct_encoded(cells: CellSpace, name: EncodingName) -> tuple[tuple[Architecture, ...], Array]:
    """Return the representatives of all distinct cells, and their codes; made once. For at most MOST_CELLS architectures."""
    architectures = tuple(cells.distinct().values())
    code = encode(name, cells, architectures)
    code.flags.writeable = False
    return architectures, code
