"""An architecture as a drawing needs it: nodes, and edges from lower to higher numbers; plain data that knows no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from workbench.errors import SpaceError

CUT = "none"  # the operation of an edge that brings nothing


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node.

    Attributes
    ----------
    label
        What stands beside it: "input", "2", "add".
    operation
        What it computes, if the space puts operations on nodes (chains, branches); "" for a plain sum.
    says
        More of it, for whoever points at it: "24 channels, kernel 5".
    """

    label: str
    operation: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """An edge from one node to a later one; ``operation`` is "" where it only passes on, "none" where it is cut."""

    source: int
    target: int
    operation: str = ""


@dataclass(frozen=True)
class Graph:
    """A directed graph without circles: node numbers rise along every edge.

    Parameters
    ----------
    name
        What it shows.
    nodes, edges
        Its parts. Two edges may join the same nodes: a one-shot model has one for each operation.
    inputs
        Numbers of the nodes that signals come from; the last node is the output.

    Raises
    ------
    SpaceError
        If there are fewer than two nodes, or an edge or an input does not fit them.
    """

    name: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    inputs: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        n = len(self.nodes)
        if n < 2:
            raise SpaceError(f"a graph has at least 2 nodes, an input and an output, got {n}.")
        for edge in self.edges:
            if not 0 <= edge.source < edge.target < n:
                raise SpaceError(f"an edge leads from a node to one with a higher number, of 0 to {n - 1}; got {edge.source} to "
                                 f"{edge.target}. Number the nodes in the order in which they are computed.")
        if not self.inputs or not set(self.inputs) <= set(range(n - 1)):
            raise SpaceError(f"inputs are numbers of nodes before the last one, {n - 1}; got {self.inputs!r}.")

    @property
    def output(self) -> int:
        """Number of the output."""
        return len(self.nodes) - 1

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """For each node the length of the longest way to it, cut edges included; the output stands last of all."""
        layer = [0] * len(self.nodes)
        for j in range(len(self.nodes)):
            before = [layer[e.source] + 1 for e in self.edges if e.target == j]
            layer[j] = 0 if j in self.inputs else max(before, default=1)
        last = self.output
        layer[last] = max(layer[last], max(layer[:last]) + 1)
        return tuple(layer)

    @cached_property
    def alive(self) -> tuple[bool, ...]:
        """Whether each edge lies on a way from an input to the output; cut edges (operation "none") are no way."""
        ways = [e.operation != CUT for e in self.edges]
        reached, used = set(self.inputs), {self.output}
        for j in range(len(self.nodes)):
            if any(way and e.target == j and e.source in reached for way, e in zip(ways, self.edges, strict=True)):
                reached.add(j)
        for i in range(self.output, -1, -1):
            if any(way and e.source == i and e.target in used for way, e in zip(ways, self.edges, strict=True)):
                used.add(i)
        return tuple(way and e.source in reached and e.target in used for way, e in zip(ways, self.edges, strict=True))

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """Names of the operations on nodes and edges, in the order in which they appear."""
        named = [node.operation for node in self.nodes] + [edge.operation for edge in self.edges]
        return tuple(dict.fromkeys(name for name in named if name))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"name": self.name, "nodes": [asdict(n) for n in self.nodes], "edges": [asdict(e) for e in self.edges],
                "inputs": list(self.inputs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> Graph:
        """Read JSON data or its text; SpaceError if it is malformed."""
        try:
            told: Any = json.loads(data) if isinstance(data, str) else data
            return cls(str(told["name"]), tuple(GraphNode(**n) for n in told["nodes"]),
                       tuple(GraphEdge(**e) for e in told["edges"]), tuple(told["inputs"]))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise SpaceError("a graph is JSON data with name, nodes, edges and inputs, as Graph.to_json writes it: "
                             f"{error!r}.") from error
