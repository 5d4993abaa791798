"""From weights of operations to an architecture: what a relaxed search keeps in the end.

::

    DARTS            per edge the heaviest operation other than "none"; then per node the k edges whose kept operation weighs
                     most, k = 2 (Liu, Simonyan & Yang 2019, section 2.4)
    NAS-Bench-201    per edge the heaviest operation, "none" among them (Dong & Yang 2020)

"none" may weigh most and never be kept by the first rule: its weight only scales what a node receives, the paper argues, which
the next batch norm undoes. By the second rule an edge may end without a signal.
"""

from __future__ import annotations

import numpy as np

from workbench.errors import SpaceError
from workbench.nas.cells import Architecture, CellSpace
from workbench.space import Array


def strongest(weights: Array, cells: CellSpace, *, none: bool = False, edges_per_node: int | None = None) -> Architecture:
    """Return the architecture that is kept.

    Parameters
    ----------
    weights
        A weight for each operation on each edge, (n_edges, n_operations).
    cells
        The space.
    none
        Whether "none" may be kept: the rule of NAS-Bench-201.
    edges_per_node
        How many edges into a node are kept, DARTS' rule is 2; the others become "none". None keeps all.

    Raises
    ------
    SpaceError
        If the weights have another shape, or edges cannot be cut because the space has no "none".
    """
    weights = np.asarray(weights, dtype=float)
    shape = (len(cells.edges), len(cells.operations))
    if weights.shape != shape:
        raise SpaceError(f"weights of {cells.name} have the shape {shape}, one for each operation on each edge; "
                          f"got {weights.shape}.")
    if edges_per_node is not None and "none" not in cells.operations:
        raise SpaceError(f"edges_per_node={edges_per_node} cuts edges, but {cells.name} has no operation 'none'. Leave it out.")
    if not none and "none" in cells.operations:
        weights = weights.copy()
        weights[:, cells.operations.index("none")] = -np.inf
    kept = [cells.operations[k] for k in weights.argmax(axis=1)]
    if edges_per_node is not None:
        top = weights.max(axis=1)
        for node in range(1, cells.n_nodes):
            into = [e for e, (_, j) in enumerate(cells.edges) if j == node]
            for e in sorted(into, key=lambda e: -top[e])[edges_per_node:]:
                kept[e] = "none"
    return tuple(kept)
