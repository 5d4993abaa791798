"""Cells with two inputs: what the two cells before gave; the space of NASNet and DARTS.

Liu, Simonyan & Yang 2019, "DARTS: differentiable architecture search", section 2.1 and appendix; after Zoph et al. 2018,
"Learning transferable architectures for scalable image recognition"::

    node j = o_a(node i_a) + o_b(node i_b)     i_a ≠ i_b earlier nodes, the two inputs among them
    output = all nodes side by side
    two kinds of cells: normal ones, and reduction cells, whose operations on the inputs take every second position

For each of the 4 nodes there are (j + 1) j / 2 pairs of inputs and 7² pairs of operations: 1.04 · 10⁹ cells of either kind.

A search with DARTS has an eighth operation, "none", and all edges; what it keeps is an architecture of this space.

Differences from the papers: none in what a cell is. NASNet's cells have 5 nodes whose two inputs may be the same node, and output
only those nodes that no other reads: such cells can be held and drawn (``TwoInputCell``), and are outside of this space.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb, prod
from typing import Any, Literal

from workbench.errors import SpaceError
from workbench.nas.canonical import canonical_code, written
from workbench.nas.graph import CUT, Graph, GraphEdge, GraphNode
from workbench.space import Choice, Config, Param, Space

Part = tuple[str, int]  # operation, number of the node that it reads
CellKind = Literal["normal", "reduce"]
KINDS: tuple[CellKind, ...] = ("normal", "reduce")
DARTS_OPERATIONS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
                    "dil_conv_5x5")
MOST = 500_000  # cells that are looked at one by one


@dataclass(frozen=True)
class TwoInputCell:
    """A cell with inputs 0 and 1 and nodes from 2 on.

    Parameters
    ----------
    nodes
        For each node its two parts: an operation and what it reads.
    concat
        Numbers of the nodes that the output puts side by side.

    Raises
    ------
    SpaceError
        If a node reads what is not there before it, or the output what is not there.
    """

    nodes: tuple[tuple[Part, Part], ...]
    concat: tuple[int, ...]

    def __post_init__(self) -> None:
        for j, parts in enumerate(self.nodes, start=2):
            if not all(0 <= i < j for _, i in parts):
                raise SpaceError(f"node {j} reads two of the nodes 0 to {j - 1}, got {[i for _, i in parts]}.")
        if not self.concat or not set(self.concat) <= set(range(2, len(self.nodes) + 2)):
            raise SpaceError(f"the output reads some of the nodes 2 to {len(self.nodes) + 1}, got {self.concat!r}.")

    @classmethod
    def of_pairs(cls, pairs: Sequence[Part], concat: Sequence[int]) -> TwoInputCell:
        """Read the form in which programs list genotypes: two (operation, input) for each node, one node after the other."""
        if len(pairs) % 2:
            raise SpaceError(f"a node has two parts, so there is an even number of them; got {len(pairs)}.")
        return cls(tuple((pairs[k], pairs[k + 1]) for k in range(0, len(pairs), 2)), tuple(concat))

    def canonical(self) -> str:
        """Write it so that cells that differ in the numbers of their nodes, or the order of their parts, get equal strings."""
        labels = ["+out" if j in self.concat else "+" for j in range(2, len(self.nodes) + 2)]
        return written(canonical_code(labels, [[(i, op) for op, i in parts] for parts in self.nodes], n_inputs=2))

    def graph(self, name: str = "cell") -> Graph:
        """Return what a drawing needs."""
        middle = tuple(GraphNode(str(k), "", "sum of its two edges") for k in range(len(self.nodes)))
        nodes = (GraphNode("cₖ₋₂", "", "output of the cell before the last"), GraphNode("cₖ₋₁", "", "output of the last cell"),
                 *middle, GraphNode("output", "", "side by side"))
        edges = [GraphEdge(i, j, op) for j, parts in enumerate(self.nodes, start=2) for op, i in parts]
        return Graph(name, nodes, (*edges, *(GraphEdge(j, len(nodes) - 1) for j in self.concat)), inputs=(0, 1))


@dataclass(frozen=True)
class Genotype:
    """A normal cell and a reduction cell."""

    normal: TwoInputCell
    reduce: TwoInputCell

    def cell(self, kind: CellKind) -> TwoInputCell:
        """Return one of the two."""
        return self.normal if kind == "normal" else self.reduce

    def canonical(self) -> str:
        """Write both, so that equal ones get equal strings."""
        return f"normal: {self.normal.canonical()} | reduce: {self.reduce.canonical()}"


@dataclass(frozen=True)
class TwoInputCells:
    """All pairs of a normal and a reduction cell with so many nodes.

    Parameters
    ----------
    name
        What it is called.
    n_nodes
        Nodes between inputs and output.
    operations
        What an edge can carry; "none" is no operation that is kept.

    Raises
    ------
    SpaceError
        If there is no node, or operations are fewer than two, repeated, or "none".
    """

    name: str
    n_nodes: int = 4
    operations: tuple[str, ...] = DARTS_OPERATIONS

    def __post_init__(self) -> None:
        if self.n_nodes < 1:
            raise SpaceError(f"a cell has at least one node between inputs and output, got {self.n_nodes}.")
        if len(self.operations) < 2 or len(set(self.operations)) < len(self.operations) or CUT in self.operations:
            raise SpaceError("a cell needs at least two different operations, and none is not one of them; got "
                             f"{self.operations!r}.")

    @staticmethod
    def _pairs(node: int) -> list[str]:
        """What the node can read: "0,1", "0,2" and so on."""
        return [f"{i},{j}" for i, j in itertools.combinations(range(node), 2)]

    @cached_property
    def space(self) -> Space:
        """The same as a search space: "normal_2_from", "normal_2_a", "normal_2_b" and so on; node 2 reads both inputs."""
        params: dict[str, Param] = {}
        for kind, j in itertools.product(KINDS, range(2, self.n_nodes + 2)):
            if j > 2:
                params[f"{kind}_{j}_from"] = Choice(*self._pairs(j))
            params |= {f"{kind}_{j}_{part}": Choice(*self.operations) for part in "ab"}
        return Space(params)

    def genotype(self, config: Mapping[str, Any]) -> Genotype:
        """Return the two cells of a configuration; what else it holds is left out. ConfigError if it does not belong here."""
        own = {name: config[name] for name in self.space.names if name in config}
        self.space.validate(own)
        return Genotype(self._cell(own, "normal"), self._cell(own, "reduce"))

    def _cell(self, own: Config, kind: CellKind) -> TwoInputCell:
        nodes = []
        for j in range(2, self.n_nodes + 2):
            a, b = map(int, own.get(f"{kind}_{j}_from", "0,1").split(","))
            nodes.append(((own[f"{kind}_{j}_a"], a), (own[f"{kind}_{j}_b"], b)))
        return TwoInputCell(tuple(nodes), tuple(range(2, self.n_nodes + 2)))

    def config(self, genotype: Genotype) -> Config:
        """Return two cells as a configuration: the way back from ``genotype``. SpaceError if they do not belong here."""
        told: Config = {}
        for kind in KINDS:
            cell = genotype.cell(kind)
            if len(cell.nodes) != self.n_nodes or sorted(cell.concat) != list(range(2, self.n_nodes + 2)):
                raise SpaceError(f"a cell of {self.name} has {self.n_nodes} nodes, all of which are its output; the {kind} cell "
                                 f"has {len(cell.nodes)}, and {cell.concat!r} are its output.")
            for j, parts in enumerate(cell.nodes, start=2):
                (op_a, a), (op_b, b) = sorted(parts, key=lambda part: part[1])
                if a == b or not {op_a, op_b} <= set(self.operations):
                    raise SpaceError(f"node {j} of the {kind} cell reads two different nodes over {', '.join(self.operations)}; "
                                     f"got {parts!r}.")
                told |= {f"{kind}_{j}_from": f"{a},{b}", f"{kind}_{j}_a": op_a, f"{kind}_{j}_b": op_b}
        return {name: told[name] for name in self.space.names}

    def canonical(self, config: Mapping[str, Any]) -> str:
        """Write what a configuration computes, up to the order of channels."""
        return self.genotype(config).canonical()

    @property
    def n_cells(self) -> int:
        """How many cells of one kind there are."""
        q = len(self.operations)
        return prod(comb(j, 2) * q * q for j in range(2, self.n_nodes + 2))

    @property
    def n_architectures(self) -> int:
        """How many configurations there are: a cell of either kind."""
        return self.n_cells**2

    def cells(self) -> Iterator[TwoInputCell]:
        """Iterate over all cells of one kind."""
        ops = list(itertools.product(self.operations, repeat=2))
        nodes = [[((a, i), (b, k)) for i, k in itertools.combinations(range(j), 2) for a, b in ops]
                 for j in range(2, self.n_nodes + 2)]
        for parts in itertools.product(*nodes):
            yield TwoInputCell(parts, tuple(range(2, self.n_nodes + 2)))

    def count_distinct(self) -> int:
        """Count the different architectures, by looking at all cells of one kind; SpaceError if they are too many."""
        if self.n_cells > MOST:
            raise SpaceError(f"different cells are counted by looking at all, at most {MOST}; {self.name} has {self.n_cells}. "
                             "Take fewer nodes or operations.")
        return len({cell.canonical() for cell in self.cells()}) ** 2

    def graph(self, config: Mapping[str, Any], kind: CellKind = "normal") -> Graph:
        """Return what a drawing of one of the two cells needs."""
        return self.genotype(config).cell(kind).graph(f"{self.name}, {kind} cell")


DARTS_CELLS = TwoInputCells("DARTS")
