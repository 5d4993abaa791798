"""Cells that others have published, to be drawn and counted.

NASNet-A is that of Zoph et al. 2018, AmoebaNet-A of Real et al. 2019, the two of DARTS of Liu, Simonyan & Yang 2019, P-DARTS of
Chen et al. 2019. All are written as in the published program of DARTS, which has the first three: two (operation, input) for each
node.

BlockQNN (Zhong et al. 2018, "Practical block-wise neural network architecture generation", section 3.1) writes a block as a list
of *network structure codes* (index, type, kernel, first predecessor, second predecessor), layer by layer, which an agent chooses.
The two blocks here are not its result but blocks made by hand and written in its code: a residual block, and one with branches of
several kernels as in Inception.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import SpaceError
from workbench.nas.graph import Graph, GraphEdge, GraphNode
from workbench.nas.two_input_cells import Genotype, TwoInputCell

_cell = TwoInputCell.of_pairs

NASNET_A = Genotype(
    _cell([("sep_conv_5x5", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 0), ("sep_conv_3x3", 0),
           ("avg_pool_3x3", 1), ("skip_connect", 0), ("avg_pool_3x3", 0), ("avg_pool_3x3", 0),
           ("sep_conv_3x3", 1), ("skip_connect", 1)], (2, 3, 4, 5, 6)),
    _cell([("sep_conv_5x5", 1), ("sep_conv_7x7", 0), ("max_pool_3x3", 1), ("sep_conv_7x7", 0),
           ("avg_pool_3x3", 1), ("sep_conv_5x5", 0), ("skip_connect", 3), ("avg_pool_3x3", 2),
           ("sep_conv_3x3", 2), ("max_pool_3x3", 1)], (4, 5, 6)))
AMOEBANET_A = Genotype(
    _cell([("avg_pool_3x3", 0), ("max_pool_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 2),
           ("sep_conv_3x3", 0), ("avg_pool_3x3", 3), ("sep_conv_3x3", 1), ("skip_connect", 1),
           ("skip_connect", 0), ("avg_pool_3x3", 1)], (4, 5, 6)),
    _cell([("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("max_pool_3x3", 0), ("sep_conv_7x7", 2),
           ("sep_conv_7x7", 0), ("avg_pool_3x3", 1), ("max_pool_3x3", 0), ("max_pool_3x3", 1),
           ("conv_7x1_1x7", 0), ("sep_conv_3x3", 5)], (3, 4, 6)))
DARTS_FIRST_ORDER = Genotype(
    _cell([("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 0), ("sep_conv_3x3", 1),
           ("skip_connect", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 2)], (2, 3, 4, 5)),
    _cell([("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 0),
           ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("avg_pool_3x3", 0)], (2, 3, 4, 5)))
DARTS_SECOND_ORDER = Genotype(
    _cell([("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
           ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)], (2, 3, 4, 5)),
    _cell([("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
           ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)], (2, 3, 4, 5)))
P_DARTS = Genotype(
    _cell([("skip_connect", 0), ("dil_conv_3x3", 1), ("skip_connect", 0), ("sep_conv_3x3", 1),
           ("sep_conv_3x3", 1), ("sep_conv_3x3", 3), ("sep_conv_3x3", 0), ("dil_conv_5x5", 4)], (2, 3, 4, 5)),
    _cell([("avg_pool_3x3", 0), ("sep_conv_5x5", 1), ("sep_conv_3x3", 0), ("dil_conv_5x5", 2),
           ("max_pool_3x3", 0), ("dil_conv_3x3", 1), ("dil_conv_3x3", 1), ("dil_conv_5x5", 3)], (2, 3, 4, 5)))
PUBLISHED = {"NASNet-A": NASNET_A, "AmoebaNet-A": AMOEBANET_A, "DARTS, first order": DARTS_FIRST_ORDER,
             "DARTS, second order": DARTS_SECOND_ORDER, "P-DARTS": P_DARTS}

# ---- network structure codes ---------------------------------------------------------------------------------------------

Code = tuple[int, int, int, int, int]  # index, type, kernel, first and second predecessor; 0 is the block's input
CONV, MAX_POOL, AVERAGE_POOL, IDENTITY, ADD, CONCAT, TERMINAL = range(1, 8)
RESIDUAL_BLOCK: tuple[Code, ...] = ((1, IDENTITY, 0, 0, 0), (2, CONV, 3, 1, 0), (3, CONV, 3, 2, 0), (4, ADD, 0, 1, 3),
                                    (5, TERMINAL, 0, 0, 0))
INCEPTION_BLOCK: tuple[Code, ...] = ((1, IDENTITY, 0, 0, 0), (2, CONV, 1, 1, 0), (3, CONV, 3, 2, 0), (4, CONV, 1, 1, 0),
                                     (5, CONV, 5, 4, 0), (6, CONCAT, 0, 3, 5), (7, MAX_POOL, 3, 1, 0), (8, CONV, 1, 7, 0),
                                     (9, CONCAT, 0, 6, 8), (10, TERMINAL, 0, 0, 0))


def block_graph(codes: Sequence[Code], name: str = "block") -> Graph:
    """Return a block of structure codes as a graph: a node for each layer, and an output that reads what nobody else does.

    Raises
    ------
    SpaceError
        If a code breaks the paper's rules: indices 1, 2, …; predecessors earlier; two of them for add and concat, else one;
        the terminal last.
    """
    n = len(codes)
    if [code[0] for code in codes] != list(range(1, n + 1)) or n < 2 or [c[1] for c in codes].count(TERMINAL) != 1:
        raise SpaceError(f"codes have the indices 1, 2, … and one terminal layer (type {TERMINAL}), got {list(codes)!r}.")
    nodes, edges = [GraphNode("input")], []
    for index, kind, kernel, first, second in codes[:-1]:
        if kind == TERMINAL or kind not in range(1, 7):
            raise SpaceError(f"layer {index} has a type from 1 (convolution) to 6 (concat), and the terminal one comes last; "
                             f"got {kind}.")
        joins = kind in (ADD, CONCAT)
        if not 0 <= first < index or not 0 <= second < index or (second and not joins):
            raise SpaceError(f"layer {index} reads layers before it, two if it adds or concatenates and else one; got {first} "
                             f"and {second}.")
        word = {CONV: f"conv{kernel}", MAX_POOL: f"maxpool{kernel}", AVERAGE_POOL: f"avgpool{kernel}", IDENTITY: "identity",
                ADD: "add", CONCAT: "concat"}[kind]
        nodes.append(GraphNode(word, "" if joins else word, f"code {(index, kind, kernel, first, second)}"))
        edges += [GraphEdge(i, index) for i in ((first, second) if joins else (first,))]
    read = {e.source for e in edges}
    edges += [GraphEdge(i, n) for i in range(1, n) if i not in read]
    return Graph(name, (*nodes, GraphNode("output")), tuple(edges))
