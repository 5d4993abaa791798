"""Cell spaces: a small directed graph, repeated to make a network, whose edges each carry one operation.

An architecture is the tuple of its operations, one for each edge; as a configuration it is a choice per edge, so everything that
searches a ``Space`` searches cells.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench.errors import SpaceError
from workbench.nas.graph import Graph, GraphEdge, GraphNode
from workbench.space import Choice, Config, Space

Architecture = tuple[str, ...]
Edge = tuple[int, int]
NOTHING = "#"  # canonical form of a node that no signal reaches


@dataclass(frozen=True)
class CellSpace:
    """All cells with so many nodes, where each pair of nodes is joined by one of the operations.

    Node 0 is the cell's input, the last node its output; a node is the sum of what its edges bring (Dong & Yang 2020).

    Parameters
    ----------
    name
        What it is called.
    n_nodes
        Nodes, input and output included; at least 2.
    operations
        Names of the operations; "none" cuts an edge, "skip" passes its input on.

    Raises
    ------
    SpaceError
        If there are fewer than two nodes or two operations, or an operation stands there twice.
    """

    name: str
    n_nodes: int
    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.n_nodes < 2:
            raise SpaceError(f"a cell has at least 2 nodes, its input and its output, got {self.n_nodes}.")
        if len(self.operations) < 2 or len(set(self.operations)) < len(self.operations):
            raise SpaceError(f"a cell space needs at least two different operations, got {self.operations!r}.")

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Pairs of nodes, ordered by where they end, then by where they begin: (0, 1), (0, 2), (1, 2) and so on."""
        return tuple((i, j) for j in range(1, self.n_nodes) for i in range(j))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each edge's parameter: "e01" for the edge from node 0 to node 1."""
        return tuple(f"e{i}{j}" for i, j in self.edges)

    @cached_property
    def space(self) -> Space:
        """The same as a search space: one choice for each edge."""
        return Space({name: Choice(*self.operations) for name in self.names})

    @property
    def n_architectures(self) -> int:
        """How many architectures there are; many of them are the same cell (see ``canonical``)."""
        return int(len(self.operations) ** len(self.edges))

    def architecture(self, config: Mapping[str, Any]) -> Architecture:
        """Return the operations of a configuration, edge by edge; what else it holds is left out.

        Raises
        ------
        SpaceError
            If an edge is missing or has no such operation.
        """
        return self.check([config.get(name) for name in self.names])

    def check(self, operations: Sequence[Any]) -> Architecture:
        """Return these operations as an architecture; SpaceError if it does not belong here."""
        if len(operations) != len(self.edges):
            raise SpaceError(f"an architecture of {self.name} has {len(self.edges)} operations, one for each of the edges "
                             f"{', '.join(self.names)}; got {len(operations)}.")
        for name, operation in zip(self.names, operations, strict=True):
            if operation not in self.operations:
                raise SpaceError(f"edge {name} carries one of {', '.join(self.operations)}; got {operation!r}.")
        return tuple(operations)

    def config(self, architecture: Sequence[str]) -> Config:
        """Return an architecture as a configuration of ``space``."""
        return dict(zip(self.names, self.check(architecture), strict=True))

    def __iter__(self) -> Iterator[Architecture]:
        """Iterate over all architectures."""
        return itertools.product(self.operations, repeat=len(self.edges))

    def canonical(self, architecture: Sequence[str]) -> str:
        """Write what the output computes, so that equal cells get equal strings.

        A node is the sorted sum of its inputs; "none" adds nothing, "skip" adds the input itself. So dead edges, the order of a
        sum and the numbers of the nodes do not matter. "#" if nothing reaches the output.
        """
        said = {0: "0"}
        operation = dict(zip(self.edges, self.check(architecture), strict=True))
        for j in range(1, self.n_nodes):
            parts = []
            for i in range(j):
                op, source = operation[i, j], said[i]
                if op != "none" and source != NOTHING:
                    parts.append(source if op == "skip" else f"({source})@{op}")
            said[j] = "+".join(sorted(parts)) if parts else NOTHING
        return said[self.n_nodes - 1]

    # ---- as a drawing ------------------------------------------------------------------------------------------

    def graph(self, architecture: Sequence[str] | Mapping[str, Any]) -> Graph:
        """Return an architecture, or a configuration, as a graph with an edge for each of ``edges``, in their order."""
        told = self.architecture(architecture) if isinstance(architecture, Mapping) else self.check(architecture)
        edges = tuple(GraphEdge(i, j, op) for (i, j), op in zip(self.edges, told, strict=True))
        return Graph(self.name, self._nodes, edges)

    def supergraph(self) -> Graph:
        """Return the graph with all operations on every edge, which a one-shot model holds: edge by edge, then by operation.

        So ``Relaxation.weights.ravel()`` has a weight for each of its edges.
        """
        return Graph(self.name, self._nodes, tuple(GraphEdge(i, j, op) for i, j in self.edges for op in self.operations))

    def chosen(self, architecture: Sequence[str]) -> tuple[bool, ...]:
        """Say for each edge of ``supergraph()`` whether it belongs to an architecture."""
        return tuple(op == kept for kept in self.check(architecture) for op in self.operations)

    @property
    def _nodes(self) -> tuple[GraphNode, ...]:
        middle = (GraphNode(str(j)) for j in range(1, self.n_nodes - 1))
        return GraphNode("input"), *middle, GraphNode("output")


NANO = CellSpace("nano", 4, ("none", "skip", "conv3", "pool3"))
NASBENCH201 = CellSpace("NAS-Bench-201", 4, ("none", "skip", "conv1", "conv3", "pool3"))
