"""Cell spaces: a small directed graph, repeated to make a network, whose edges each carry one operation.

An architecture is the tuple of its operations, one for each edge; as a configuration it is a choice per edge, so everything that
searches a ``Space`` searches cells.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from workbench.errors import SpaceError
from workbench.nas.graph import Graph, GraphEdge, GraphNode
from workbench.space import Choice, Config, Space

Architecture = tuple[str, ...]
Edge = tuple[int, int]
MOST = 5_000_000  # architectures that are looked at one by one
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

    def _read(self, architecture: Sequence[str] | Mapping[str, Any]) -> Architecture:
        return self.architecture(architecture) if isinstance(architecture, Mapping) else self.check(architecture)

    def config(self, architecture: Sequence[str]) -> Config:
        """Return an architecture as a configuration of ``space``."""
        return dict(zip(self.names, self.check(architecture), strict=True))

    def __iter__(self) -> Iterator[Architecture]:
        """Iterate over all architectures."""
        return itertools.product(self.operations, repeat=len(self.edges))

    def canonical(self, architecture: Sequence[str] | Mapping[str, Any]) -> str:
        """Write what the output of an architecture, or of a configuration, computes, so that equal cells get equal strings.

        A node is the sorted sum of its inputs; "none" adds nothing, "skip" adds the input itself. So dead edges, the order of a
        sum and the numbers of the nodes do not matter. "#" if nothing reaches the output.

        Equal strings mean equal functions where equal operations have equal weights. With weights of their own one convolution
        that is used twice and two of the same input differ, but not in form (75 of the 951 of ``NANO`` hold both). The converse
        has one exception: a sum that a skip passes on into another sum is not taken apart, so x + (y + z) and (x + y) + z are two
        forms (80 of the 951).
        """
        return self._canonical(self._read(architecture))

    def _canonical(self, architecture: Architecture) -> str:
        said, edges = ["0"], iter(architecture)
        for j in range(1, self.n_nodes):
            parts = []
            for source, op in zip(said, itertools.islice(edges, j), strict=True):
                if op != "none" and source != NOTHING:
                    parts.append(source if op == "skip" else f"({source})@{op}")
            said.append("+".join(sorted(parts)) if parts else NOTHING)
        return said[-1]

    # ---- all of them ---------------------------------------------------------------------------------------------

    def index(self, architecture: Sequence[str]) -> int:
        """Return the place of an architecture in the order of ``iter(self)``."""
        place = 0
        for op in self.check(architecture):
            place = place * len(self.operations) + self.operations.index(op)
        return place

    def at(self, index: int) -> Architecture:
        """Return the architecture at a place: the way back from ``index``; SpaceError if there is no such place."""
        if not 0 <= index < self.n_architectures:
            raise SpaceError(f"{self.name} has the places 0 to {self.n_architectures - 1}, got {index!r}.")
        digits = np.unravel_index(index, (len(self.operations),) * len(self.edges))
        return tuple(self.operations[int(k)] for k in digits)

    @cached_property
    def _classes(self) -> tuple[dict[str, Architecture], Counter[str]]:
        """For each canonical form its representative, and how many architectures have it."""
        if self.n_architectures > MOST:
            raise SpaceError(f"distinct cells are found by looking at all, at most {MOST} of them; {self.name} has "
                             f"{self.n_architectures}. Draw some with sample and compare their canonical forms.")
        kept: dict[str, tuple[int, Architecture]] = {}
        count: Counter[str] = Counter()
        for architecture in self:
            form, n = self._canonical(architecture), len(self.edges) - architecture.count("none")
            count[form] += 1
            if form not in kept or n < kept[form][0]:
                kept[form] = n, architecture
        return {form: architecture for form, (_, architecture) in kept.items()}, count

    def distinct(self) -> dict[str, Architecture]:
        """Return for each canonical form an architecture that has it and the fewest edges; the first of several such.

        All architectures are looked at once: half a second for 100,000 of them.

        Raises
        ------
        SpaceError
            If there are more than five million.
        """
        return dict(self._classes[0])

    def count_distinct(self) -> int:
        """Count the different cells."""
        return len(self._classes[0])

    def representative(self, architecture: Sequence[str]) -> Architecture:
        """Return the architecture that stands for all that are equal to this one (see ``distinct``)."""
        return self._classes[0][self.canonical(architecture)]

    def n_equal(self, architecture: Sequence[str]) -> int:
        """Count the architectures that are the same cell as this one, itself included."""
        return self._classes[1][self.canonical(architecture)]

    # ---- around one ------------------------------------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture, all equally likely: an operation for each edge."""
        return tuple(self.operations[int(k)] for k in rng.integers(len(self.operations), size=len(self.edges)))

    def neighbours(self, architecture: Sequence[str]) -> list[Architecture]:
        """Return all architectures that differ in one edge, edge by edge."""
        a = self.check(architecture)
        return [(*a[:k], op, *a[k + 1:]) for k in range(len(a)) for op in self.operations if op != a[k]]

    def mutate(self, architecture: Sequence[str], rng: np.random.Generator) -> Architecture:
        """Give one edge, drawn at random, another operation: a neighbour, all equally likely (Real et al. 2019)."""
        near = self.neighbours(architecture)
        return near[int(rng.integers(len(near)))]

    def live_edges(self, architecture: Sequence[str]) -> dict[Edge, str]:
        """Return the edges, with their operations, through which the output hears of the input."""
        alive = self.graph(architecture).alive
        return {e: op for e, op, lives in zip(self.edges, architecture, alive, strict=True) if lives}

    def paths(self, architecture: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the operations along each way from input to output, shorter ways first; ways over "none" are none.

        Two ways may have the same operations. See ``workbench.nas.cell_paths`` for the encoding made of them.
        """
        carries = {e: op for e, op in zip(self.edges, self.check(architecture), strict=True) if op != "none"}
        to: list[list[tuple[str, ...]]] = [[()], *([] for _ in range(self.n_nodes - 1))]
        for (i, j), op in carries.items():  # sorted by target, so what leads to i is complete
            to[j] += [(*way, op) for way in to[i]]
        return sorted(to[-1], key=lambda way: (len(way), [self.operations.index(op) for op in way]))

    def biggest(self) -> Architecture:
        """Return the architecture with the most parameters: the widest convolution on every edge.

        Raises
        ------
        SpaceError
            If no operation is called "conv" and a width, as "conv3" is.
        """
        widths = {op: int(match[1]) for op in self.operations if (match := re.fullmatch(r"conv(\d+)", op))}
        if not widths:
            raise SpaceError("the biggest cell has the widest convolution everywhere, but none of "
                             f"{', '.join(self.operations)} is a convolution like conv3.")
        return (max(widths, key=widths.__getitem__),) * len(self.edges)

    # ---- as a drawing ------------------------------------------------------------------------------------------

    def graph(self, architecture: Sequence[str] | Mapping[str, Any]) -> Graph:
        """Return an architecture, or a configuration, as a graph with an edge for each of ``edges``, in their order."""
        edges = tuple(GraphEdge(i, j, op) for (i, j), op in zip(self.edges, self._read(architecture), strict=True))
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
