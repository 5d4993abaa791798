"""Where nodes and edges of a layered graph go: from left to right, without an edge through a node it does not touch.

The steps of Sugiyama, Tagawa & Toda (1981): a long edge gets a point to pass through in every layer between its ends; points
and nodes of a layer are ordered so that few edges cross (barycentres, then swaps of neighbours); then each moves as near to its
neighbours as the order lets it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workbench.nas.graph import Graph
from workbench.space import Array

SWEEPS = 12
BEND = 0.5  # how far an edge runs level before it bends, in layers
STRAND = 0.22  # between edges that join the same nodes
ALONG = (0.5, 0.36, 0.64, 0.26, 0.74)  # where along an edge its label may go, by preference
ROOM = np.array([0.5, 0.3])  # of a label: to the sides, up and down
NODE = 8.0  # how much more a node's wish counts than that of a point that an edge passes through
Way = tuple[int, ...]  # items that an edge goes through, from source to target


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of a graph's parts: one unit from layer to layer, and from item to item within one.

    Attributes
    ----------
    nodes
        Shape (n_nodes, 2).
    edges
        For each edge the points it goes through, shape (n_points, 2).
    labels
        Where the name of each edge goes, shape (n_edges, 2).
    """

    nodes: Array
    edges: tuple[Array, ...]
    labels: Array


def layout(graph: Graph) -> Layout:
    """Lay a graph out; parallel edges run side by side. What its edges carry does not matter."""
    return _placed(graph.layers, tuple((e.source, e.target) for e in graph.edges))


@lru_cache(maxsize=256)
def _placed(layers: tuple[int, ...], edges: tuple[tuple[int, int], ...]) -> Layout:
    layer = list(layers)
    ways: dict[tuple[int, int], Way] = {}
    for i, j in dict.fromkeys(edges):
        passed = list(range(len(layer), len(layer) + layers[j] - layers[i] - 1))
        layer += range(layers[i] + 1, layers[j])
        ways[i, j] = (i, *passed, j)
    rows = _ordered(layer, list(ways.values()))
    y = _heights(rows, list(ways.values()), len(layers))
    places = np.column_stack([np.array(layer, float), y])
    strands: dict[tuple[int, int], list[int]] = defaultdict(list)
    for k, pair in enumerate(edges):
        strands[pair].append(k)
    points: list[Array] = [np.empty((0, 2))] * len(edges)
    for pair, members in strands.items():
        for place, k in enumerate(members):
            aside = STRAND * (place - (len(members) - 1) / 2)
            points[k] = _aside(places[list(ways[pair])], aside)
    crowded = [len(strands[pair]) > 2 for pair in edges]
    return Layout(places[:len(layers)], tuple(points), _labels(points, crowded))


def _aside(way: Array, by: float) -> Array:
    """Move what lies between the ends of a way up by so much; a way of two points gets one between them."""
    if len(way) == 2 and by:
        way = np.array([way[0], way.mean(axis=0), way[1]])
    moved = way.copy()
    moved[1:-1, 1] += by
    return moved


def _labels(ways: list[Array], crowded: list[bool]) -> Array:
    """Put a label on each way, half-way along or, where another label is there, farther on or back; shape (n, 2).

    Those of a crowd of parallel edges stay half-way: one of them is named at a time.
    """
    placed = np.empty((len(ways), 2))
    for k, way in enumerate(ways):
        curve = drawn(way)
        spots = curve[[round(f * (len(curve) - 1)) for f in (ALONG[:1] if crowded[k] else ALONG)]]
        gaps = np.abs(spots[:, None] - placed[None, :k]) / ROOM  # (n_spots, k, 2): below 1 in both directions is too near
        free = gaps.max(axis=2).min(axis=1) if k else np.ones(len(spots))
        placed[k] = spots[int(np.argmax(free >= 1))] if (free >= 1).any() else spots[int(np.argmax(free))]
    return placed


def drawn(way: Array, n: int = 25) -> Array:
    """Return points of the curve that ``path`` writes, n for each of its pieces, shape (n_points, 2)."""
    t = np.linspace(0.0, 1.0, n)[:, None]
    pieces = []
    for p, q in itertools.pairwise(way):
        bend = np.array([BEND * (q[0] - p[0]), 0.0])
        pieces.append((1 - t) ** 3 * p + 3 * (1 - t) ** 2 * t * (p + bend) + 3 * (1 - t) * t**2 * (q - bend) + t**3 * q)
    return np.concatenate(pieces)


def path(way: Array) -> str:
    """Write a way as a curve of an SVG path, level at every point."""
    said = [f"M {way[0, 0]:.4g},{way[0, 1]:.4g}"]
    for (x0, y0), (x1, y1) in itertools.pairwise(way):
        bend = BEND * (x1 - x0)
        said.append(f"C {x0 + bend:.4g},{y0:.4g} {x1 - bend:.4g},{y1:.4g} {x1:.4g},{y1:.4g}")
    return " ".join(said)


# ---- the order within each layer -----------------------------------------------------------------------------------------


def _ordered(layer: list[int], ways: list[Way]) -> list[list[int]]:
    """Return the items of each layer from bottom to top: the order with the fewest crossings that was seen."""
    links = [pair for way in ways for pair in itertools.pairwise(way)]
    rows: list[list[int]] = [[] for _ in range(max(layer) + 1)]
    for item, at in enumerate(layer):  # longer ways farther outside, in turns above and below
        rows[at].insert(0 if item % 2 else len(rows[at]), item)
    before, after = _neighbours(links)
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        for row in rows if forth else reversed(rows):
            beside = before if forth else after
            place = {item: k for other in rows for k, item in enumerate(other)}
            wish = {item: np.mean([place[o] for o in beside[item]]) if beside[item] else place[item] for item in row}
            row.sort(key=lambda item: (wish[item], place[item]))
        _swap(rows, links)
        now = _crossings(rows, links)
        if now < fewest:
            best, fewest = [list(row) for row in rows], now
    return best


def _swap(rows: list[list[int]], links: list[tuple[int, int]]) -> None:
    """Swap neighbours while that makes fewer crossings."""
    now, better = _crossings(rows, links), True
    while better:
        better = False
        for row in rows:
            for k in range(len(row) - 1):
                row[k], row[k + 1] = row[k + 1], row[k]
                then = _crossings(rows, links)
                if then < now:
                    now, better = then, True
                else:
                    row[k], row[k + 1] = row[k + 1], row[k]


def _neighbours(links: list[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    before: dict[int, list[int]] = defaultdict(list)
    after: dict[int, list[int]] = defaultdict(list)
    for i, j in links:
        before[j].append(i)
        after[i].append(j)
    return before, after


def _crossings(rows: list[list[int]], links: list[tuple[int, int]]) -> int:
    """Count pairs of links between the same two layers that cross."""
    at = {item: (x, k) for x, row in enumerate(rows) for k, item in enumerate(row)}
    by_layer: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for i, j in links:
        by_layer[at[i][0]].append((at[i][1], at[j][1]))
    count = 0
    for pairs in by_layer.values():
        ends = np.array(pairs)
        count += int(((ends[:, None, 0] < ends[None, :, 0]) & (ends[:, None, 1] > ends[None, :, 1])).sum())
    return count


# ---- heights -------------------------------------------------------------------------------------------------------------


def _heights(rows: list[list[int]], ways: list[Way], n_nodes: int) -> Array:
    """Place items as near to the mean of their neighbours as one unit between items lets them, nodes before passing points.

    Where no layer has two nodes they all stand on one line.
    """
    before, after = _neighbours([pair for way in ways for pair in itertools.pairwise(way)])
    nodes = [[item for item in row if item < n_nodes] for row in rows]
    one_line = all(len(row) <= 1 for row in nodes)
    y = np.zeros(sum(map(len, rows)))
    for row, own in zip(rows, nodes, strict=True):
        y[row] = np.arange(len(row)) - np.mean([row.index(item) for item in own or row])
    for _ in range(SWEEPS):
        for row in rows:
            beside = [before[i] + after[i] for i in row]
            wish = np.array([0.0 if one_line and i < n_nodes else y[o].mean() if o else y[i]
                             for i, o in zip(row, beside, strict=True)])
            y[row] = _apart(wish, np.where(np.array(row) < n_nodes, 1e6 if one_line else NODE, 1.0))
    for way in ways:
        _level(way[1:-1], rows, y)
    return y


def _level(passed: Way, rows: list[list[int]], y: Array) -> None:
    """Move the points that an edge passes through to the height of the outermost of them, where there is room for all."""
    if len(passed) < 2:
        return
    goal = max((y[item] for item in passed), key=abs)
    for item in passed:
        row = next(row for row in rows if item in row)
        k = row.index(item)
        if (k > 0 and goal < y[row[k - 1]] + 1) or (k + 1 < len(row) and goal > y[row[k + 1]] - 1):
            return
    y[list(passed)] = goal


def _apart(wish: Array, weight: Array) -> Array:
    """Return the places nearest to the wishes, in squares, that lie in this order and at least one unit apart."""
    steps = np.arange(len(wish))
    blocks: list[list[float]] = []  # value, weight, members: pool adjacent violators
    for value, heavy in zip(wish - steps, weight, strict=True):
        blocks.append([float(value), float(heavy), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, wa, na), (b, wb, nb) = blocks[-2:]
            blocks[-2:] = [[(a * wa + b * wb) / (wa + wb), wa + wb, na + nb]]
    return np.asarray(np.repeat([b[0] for b in blocks], [int(b[2]) for b in blocks]) + steps)
