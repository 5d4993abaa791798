"""A code for small labelled graphs that is the same for all ways to number their nodes.

Of all orders in which the nodes can be computed (inputs before what reads them) the one whose code is least in the dictionary is
taken. The code is written row by row, a node's inputs under their new numbers and its label; so only orders that are least so far
need to be followed, and of nodes that nothing tells apart only the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from workbench.errors import SpaceError

Reads = Sequence[tuple[int, str]]  # (number of the node that is read, over which operation)
Row = tuple[tuple[tuple[int, str], ...], str]
MOST_ORDERS = 20_000


def canonical_code(labels: Sequence[str], reads: Sequence[Reads], n_inputs: int = 1) -> tuple[Row, ...]:
    """Return the rows of the code.

    Parameters
    ----------
    labels, reads
        Of each node after the inputs: what it computes, and what it reads, in any order.
    n_inputs
        Nodes 0 to ``n_inputs`` - 1 are inputs, which keep their numbers.

    Raises
    ------
    SpaceError
        If the nodes are so alike that too many orders are equally good.
    """
    n = len(labels)
    readers: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for j, pairs in enumerate(reads, start=n_inputs):
        for i, over in pairs:
            readers[i].append((j, over))
    alike = [(labels[k], tuple(sorted(reads[k])), tuple(sorted(readers[k + n_inputs]))) for k in range(n)]
    elder = [next((b for b in range(k - 1, -1, -1) if alike[b] == alike[k]), None) for k in range(n)]  # placed before it
    rows: list[Row] = []
    orders = [tuple(range(n_inputs))]
    for _ in range(n):
        grown: dict[Row, list[tuple[int, ...]]] = defaultdict(list)
        for order in orders:
            number = {node: k for k, node in enumerate(order)}
            for k in range(n):
                node, older = k + n_inputs, elder[k]
                waits = older is not None and older + n_inputs not in number
                if node in number or waits or any(i not in number for i, _ in reads[k]):
                    continue
                grown[tuple(sorted((number[i], over) for i, over in reads[k])), labels[k]].append((*order, node))
        row = min(grown)
        rows.append(row)
        orders = grown[row]
        if len(orders) > MOST_ORDERS:
            raise SpaceError(f"a canonical form follows at most {MOST_ORDERS} orders of computing, and this graph has more that "
                             "are equally good. Give its nodes more different labels.")
    return tuple(rows)


def written(rows: Sequence[Row]) -> str:
    """Write a code in one line: "0>conv3x8; 0,1>conv5x8"."""
    return "; ".join(",".join(f"{i}{'@' + over if over else ''}" for i, over in pairs) + f">{label}" for pairs, label in rows)
