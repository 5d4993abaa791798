r"""OTMANN: a distance between architectures by optimal transport.

Kandasamy, Neiswanger, Schneider, Póczos & Xing 2018, "Neural architecture search with Bayesian optimisation and optimal
transport" (NeurIPS), section 3. Each layer has a mass; the mass of one network is moved onto the layers of the other::

    minimise over Z ≥ 0    φ_lmm(Z) + φ_nas(Z) + ν φ_str(Z)                                       (eq. 3)
    Σ_j Z_ij ≤ mass_i,     Σ_i Z_ij ≤ mass_j

    φ_lmm = Σ_ij Z_ij M(label_i, label_j)                       what is moved onto another kind of layer
    φ_str = Σ_ij Z_ij C_ij                                      what is moved to another place in the network
    φ_nas = Σ_i (mass_i - Σ_j Z_ij) + Σ_j (mass_j - Σ_i Z_ij)   what is not moved at all costs 1 a unit of mass

    C_ij = 1/6 Σ_s Σ_t |δ_t^s(i) - δ_t^s(j)|    lengths of the way from the input and to the output (t): the shortest, the
                                                 longest, and that of a random walk (s)               (eq. 2)

    d,  and d̄ = d / (total mass of both)

The kernel of NASBOT (nasbot.py) is made of d and d̄ for several ν.

A layer is an operation, on a node of a ``Graph`` or on an edge, on a way from the input to the output; "none" cuts, "skip" only
passes on. Input and output are layers of their own kinds, each with a tenth of the mass of all others. Cells are compared by the
representatives of their canonical forms, so that equal cells are at distance 0.

With masses of 1 the transport moves whole layers (its vertices are matchings), so it is an assignment problem; with others it is
a linear program, solved by HiGHS.

Differences from the paper: the layers of a cell have as many channels each, so all masses are 1 unless you give others, where the
paper multiplies units and incoming units; M is that of its released code for what occurs here: √2/10 · √|a - b| between
convolutions of widths a and b, 1/2 between poolings, infinite between kinds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog

from workbench.nas.cells import Architecture, CellSpace
from workbench.nas.graph import Graph
from workbench.space import Array

NU = (0.1, 0.5)  # weights of the structural term
SHARE_OF_ENDS = 0.1  # ζ: mass of the input, and of the output, as a share of all other layers
UNMOVED = 1.0  # cost of a unit of mass that is not moved; two of them replace one unit moved
PASSES = frozenset({"", "skip"})  # operations that are no layer
INPUT, OUTPUT = "input", "output"


# ---- what a network is ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layers:
    """A network as OTMANN sees it; the first layer is the input, the last the output.

    Attributes
    ----------
    labels
        What each layer is.
    mass
        Of each layer, shape (n,).
    edges
        Pairs (from, to) of numbers, from below to.
    """

    labels: tuple[str, ...]
    mass: tuple[float, ...]
    edges: tuple[tuple[int, int], ...]

    @cached_property
    def total(self) -> float:
        """Total mass."""
        return float(sum(self.mass))

    @cached_property
    def is_unit(self) -> bool:
        """Whether each layer between input and output has mass 1."""
        return all(m == 1.0 for m in self.mass[1:-1])

    @cached_property
    def lengths(self) -> Array:
        """Lengths of ways, shape (n, 6): shortest, longest and mean random walk from the input, then to the output.

        A random walk takes each of the ways onward with equal probability. A network in which nothing reaches the output has
        lengths 0.
        """
        n = len(self.labels)
        back = [(n - 1 - j, n - 1 - i) for i, j in self.edges]
        return np.hstack([_lengths(n, self.edges), _lengths(n, back)[::-1]])


def _lengths(n: int, edges: Sequence[tuple[int, int]]) -> Array:
    """Lengths from node 0 to each node: shortest, longest, and the expected one of a walk backwards from the node."""
    before: list[list[int]] = [[] for _ in range(n)]
    for i, j in edges:
        before[j].append(i)
    out = np.zeros((n, 3))
    for j in range(1, n):
        if before[j]:
            way = out[before[j]] + 1.0
            out[j] = way[:, 0].min(), way[:, 1].max(), way[:, 2].mean()
    return out


def layers_of(graph: Graph, masses: Mapping[str, float] | None = None) -> Layers:
    """Read the layers of a graph: operations of nodes and of edges that lie on a way from an input to the output.

    Parameters
    ----------
    graph
        An architecture.
    masses
        Mass of a layer by its operation; 1 where there is none.
    """
    alive = graph.alive
    # a layer starts at a place and ends at one; a place is a node, before or after the layer that the node itself may be
    labels: list[str] = [INPUT]
    starts: list[tuple[int, str]] = []
    ends: list[tuple[int, str]] = []
    for edge, lives in zip(graph.edges, alive, strict=True):
        if lives and edge.operation not in PASSES:
            labels.append(edge.operation)
            starts.append((edge.source, "after"))
            ends.append((edge.target, "before"))
    used = {k for edge, lives in zip(graph.edges, alive, strict=True) if lives for k in (edge.source, edge.target)}
    for k, node in enumerate(graph.nodes):
        if k in used and node.operation not in PASSES:
            labels.append(node.operation)
            starts.append((k, "before"))
            ends.append((k, "after"))
    order = sorted(range(len(starts)), key=lambda i: (starts[i][0], starts[i][1] == "after", ends[i][0]))
    starts, ends = [starts[i] for i in order], [ends[i] for i in order]
    labels = [INPUT, *(labels[1 + i] for i in order), OUTPUT]
    passes: dict[tuple[int, str], set[tuple[int, str]]] = {}
    for edge, lives in zip(graph.edges, alive, strict=True):
        if lives and edge.operation in PASSES:
            passes.setdefault((edge.source, "after"), set()).add((edge.target, "before"))
    for k in used:
        if graph.nodes[k].operation in PASSES:
            passes.setdefault((k, "before"), set()).add((k, "after"))
    last = len(labels) - 1
    sources = [({(k, "after") for k in graph.inputs}, 0)] + [({end}, 1 + i) for i, end in enumerate(ends)]
    edges: list[tuple[int, int]] = []
    for places, i in sources:
        reached = _closure(places, passes)
        edges += [(i, 1 + j) for j, start in enumerate(starts) if start in reached]
        if (graph.output, "after" if graph.nodes[graph.output].operation not in PASSES else "before") in reached:
            edges.append((i, last))
    inner = [(masses or {}).get(label, 1.0) for label in labels[1:-1]]
    ends_mass = SHARE_OF_ENDS * (sum(inner) or 1.0)
    return Layers(tuple(labels), (ends_mass, *inner, ends_mass), tuple(sorted(edges)))


def _closure(places: set[tuple[int, str]], passes: Mapping[tuple[int, str], set[tuple[int, str]]]) -> set[tuple[int, str]]:
    """Return what can be reached from places by passing on."""
    reached, todo = set(places), list(places)
    while todo:
        for further in passes.get(todo.pop(), ()):
            if further not in reached:
                reached.add(further)
                todo.append(further)
    return reached


@lru_cache(maxsize=100_000)
def layers_of_cell(cells: CellSpace, architecture: Architecture) -> Layers:
    """Return the layers of the representative of a cell."""
    return layers_of(cells.graph(cells.representative(architecture)))


# ---- costs -----------------------------------------------------------------------------------------------------


def mismatch(a: str, b: str) -> float:
    """Cost M of moving a unit of mass from one kind of layer onto another; infinite where it is never done."""
    if a == b:
        return 0.0
    first, second = (re.fullmatch(r"([a-z]+?)(\d*)", label) for label in (a, b))
    if first is None or second is None or first[1] != second[1]:
        pools = [label for label in (a, b) if "pool" in label]
        return 0.5 if len(pools) == 2 else math.inf
    if "pool" in first[1]:
        return 0.5
    if first[2] and second[2]:
        return math.sqrt(2.0) / 10.0 * math.sqrt(abs(int(first[2]) - int(second[2])))
    return math.inf


@lru_cache(maxsize=100_000)
def label_costs(a: tuple[str, ...], b: tuple[str, ...]) -> Array:
    """M for all pairs of labels, shape (n, m)."""
    M = np.array([[mismatch(i, j) for j in b] for i in a])
    M.flags.writeable = False
    return M


def place_costs(a: Layers, b: Layers) -> Array:
    """C for all pairs of layers, shape (n, m)."""
    return np.asarray(np.abs(a.lengths[:, None] - b.lengths[None]).mean(-1))


def costs(a: Layers, b: Layers, nu: float) -> Array:
    """Cost M + ν C of moving a unit of mass from each layer of a to each of b, (n, m); infinite where it is not allowed."""
    return np.asarray(label_costs(a.labels, b.labels) + nu * place_costs(a, b))


# ---- transport -------------------------------------------------------------------------------------------------


def transport(mass_a: Array, mass_b: Array, cost: Array) -> tuple[float, Array]:
    """Solve the transport as a linear program; return the distance and what is moved, Z.

    Parameters
    ----------
    mass_a, mass_b
        Masses, shapes (n,) and (m,).
    cost
        Of a unit moved from i to j, shape (n, m); what costs more than two units left behind is never moved.
    """
    n, m = cost.shape
    gain = np.minimum(cost, 2.0 * UNMOVED) - 2.0 * UNMOVED  # of moving instead of leaving both
    A = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    solution = linprog(gain.ravel(), A_ub=A, b_ub=np.concatenate([mass_a, mass_b]), bounds=(0, None), method="highs")
    Z = np.where(cost < 2.0 * UNMOVED, np.reshape(np.asarray(solution.x), (n, m)), 0.0)
    return float(UNMOVED * (mass_a.sum() + mass_b.sum()) + solution.fun), Z


def otmann(a: Layers, b: Layers, nu: float = NU[0]) -> float:
    """Return the distance d between two networks.

    Whole layers are assigned where all between input and output have mass 1; else a linear program is solved.
    """
    return _moved(a, b, costs(a, b, nu))


def _moved(a: Layers, b: Layers, cost: Array) -> float:
    if not (a.is_unit and b.is_unit):
        return max(transport(np.array(a.mass), np.array(b.mass), cost)[0], 0.0)
    gain = np.minimum(cost, 2.0 * UNMOVED) - 2.0 * UNMOVED
    inner = gain[1:-1, 1:-1]
    d = UNMOVED * (a.total + b.total)
    if inner.size:
        rows, columns = linear_sum_assignment(inner)
        d += float(inner[rows, columns].sum())
    # input goes to input and output to output, as much as both have: no other layer is like them
    return max(d + min(a.mass[0], b.mass[0]) * float(gain[0, 0] + gain[-1, -1]), 0.0)


@dataclass
class Distances:
    """Distances between cells of a space, for several ν; each pair is computed once.

    Parameters
    ----------
    cells
        The space.
    nu
        Weights of the structural term.
    """

    cells: CellSpace
    nu: tuple[float, ...] = NU
    _known: dict[tuple[Architecture, Architecture], Array] = field(default_factory=dict, repr=False)

    def pair(self, a: Sequence[str], b: Sequence[str]) -> Array:
        """Return d for each ν and then d̄ for each ν, shape (2 len(nu),)."""
        return self._between(self.cells.representative(a), self.cells.representative(b))

    def _between(self, a: Architecture, b: Architecture) -> Array:
        first, second = (a, b) if a <= b else (b, a)
        found = self._known.get((first, second))
        if found is None:
            if first == second:
                found = np.zeros(2 * len(self.nu))
            else:
                one, two = layers_of_cell(self.cells, first), layers_of_cell(self.cells, second)
                M, C = label_costs(one.labels, two.labels), place_costs(one, two)
                d = np.array([_moved(one, two, M + nu * C) for nu in self.nu])
                found = np.concatenate([d, d / (one.total + two.total)])
            self._known[first, second] = found
        return found

    def __call__(self, rows: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]) -> Array:
        """Return the distances of all pairs, shape (2 len(nu), n, m)."""
        first, second = ([self.cells.representative(a) for a in part] for part in (rows, columns))
        out = np.array([[self._between(a, b) for b in second] for a in first])
        return np.moveaxis(out.reshape(len(rows), len(columns), 2 * len(self.nu)), -1, 0)


@lru_cache(maxsize=8)
def distances_of(cells: CellSpace, nu: tuple[float, ...] = NU) -> Distances:
    """Return the distances of a space that all searches share."""
    return Distances(cells, nu)
