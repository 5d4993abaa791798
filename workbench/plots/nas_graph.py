"""The drawing of an architecture: nodes from left to right, an operation's colour and name on what carries it.

The same picture shows a cell, a chain, a one-shot model's weights (the widths of its edges) and what a search would keep now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.nas.graph import CUT, Graph
from workbench.plots import marks as m
from workbench.plots.figure import safe
from workbench.plots.nas_layout import Layout, layout, path
from workbench.space import Array

SKY, OLIVE = "#56b4e9", "#a8a000"
COLORS = {CUT: m.GREY, **dict.fromkeys(("skip", "skip_connect", "identity"), m.GREEN),
          **dict.fromkeys(("conv3", "sep_conv_3x3", "mb3k3"), m.BLUE), **dict.fromkeys(("conv5", "sep_conv_5x5", "mb6k5"), SKY),
          **dict.fromkeys(("conv1", "dil_conv_3x3", "shortcut"), m.PURPLE),
          **dict.fromkeys(("conv7", "sep_conv_7x7", "dil_conv_5x5"), OLIVE),
          **dict.fromkeys(("pool3", "avgpool", "avgpool3", "avg_pool_3x3", "pool2"), m.ORANGE),
          **dict.fromkeys(("maxpool", "maxpool3", "max_pool_3x3"), m.RED)}
OTHERS = (m.BLUE, m.ORANGE, m.PURPLE, m.RED, SKY, OLIVE, m.GREEN)
WIDTH, THIN, WIDE = 3.0, 0.75, 9.0  # of an edge: without weights, at weight 0, at weight 1
FAINT, DEAD = 0.28, 0.4  # opacity of what is not chosen, of what is cut or leads nowhere
MOST_NAMES = 16  # more names on edges would cover each other
MOST_LAYERS = 8  # of more, every other node has its name above


def operation_colors(operations: Sequence[str]) -> dict[str, str]:
    """Give each operation its colour, the same in every picture; unknown ones get what is left, in their order."""
    free = [c for c in OTHERS if c not in {COLORS.get(op) for op in operations}] or list(OTHERS)
    unknown = [op for op in operations if op not in COLORS]
    return {op: COLORS[op] if op in COLORS else free[unknown.index(op) % len(free)] for op in operations}


def graph_figure(graph: Graph, *, weights: Sequence[float] | Array | None = None, chosen: Sequence[bool] | None = None,
                 title: str = "", height: int = 320) -> dict[str, Any]:
    """Draw a graph.

    Parameters
    ----------
    graph
        What is drawn.
    weights
        A weight in [0, 1] for each edge: its width. All edges are equally wide without.
    chosen
        Whether each edge is chosen; the others are faint. Without it all are chosen.
    title
        What it shows; the graph's name if empty.
    height
        In pixels.

    Raises
    ------
    WorkbenchError
        If there is not one weight, or one choice, for each edge, or a weight lies outside of [0, 1].
    """
    n = len(graph.edges)
    w = None if weights is None else np.asarray(weights, dtype=float).ravel()
    kept = np.ones(n, dtype=bool) if chosen is None else np.asarray(chosen, dtype=bool).ravel()
    if w is not None and (len(w) != n or not ((w >= 0) & (w <= 1)).all()):
        raise WorkbenchError(f"weights are {n} numbers between 0 and 1, one for each edge; got "
                             f"{np.array2string(w, threshold=6)}.")
    if len(kept) != n:
        raise WorkbenchError(f"chosen says for each of the {n} edges whether it is, got {len(kept)} values.")
    at, colors = layout(graph), operation_colors(graph.operations)
    shapes = [_edge(graph, at, k, colors, None if w is None else w[k], bool(kept[k])) for k in np.argsort(kept, kind="stable")]
    carried = np.array([edge.operation not in ("", CUT) for edge in graph.edges], dtype=bool)
    named = kept & carried
    data = [*_legend(graph, colors), _heads(graph, at), _names(graph, at, named, w), _nodes(graph, at, colors)]
    low, high = _ends(at)
    none = {"visible": False, "fixedrange": True}
    return {"data": data, "layout": {
        "title": m.title(safe(title or graph.name)), "height": height, "shapes": shapes, "hovermode": "closest",
        "dragmode": False, "margin": {"l": 8, "r": 8, "t": 60, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {**none, "range": [-0.35, max(graph.layers) + 0.35]}, "yaxis": {**none, "range": [low, high]}}}


def _ends(at: Layout) -> tuple[float, float]:
    """Return the ends of the y axis: room for names under nodes and above edges."""
    y = np.concatenate([at.nodes[:, 1], *(way[:, 1] for way in at.edges)])
    low, high = float(y.min()), float(y.max())
    pad = max(0.0, 2.0 - (high - low)) / 2
    return low - 0.45 - pad, high + 0.35 + pad


def _edge(graph: Graph, at: Layout, k: int, colors: dict[str, str], weight: float | None, chosen: bool) -> m.Dict:
    """Draw an edge: dotted if it is cut, dashed if it is on no way to the output."""
    edge, alive = graph.edges[k], graph.alive[k]
    width = WIDTH if weight is None else THIN + (WIDE - THIN) * weight
    dash = "solid" if alive else "dot" if edge.operation == CUT else "dash"
    opacity = FAINT if not chosen else 1.0 if alive or weight is not None else DEAD
    return {"type": "path", "path": path(at.edges[k]), "layer": "below", "opacity": opacity, "xref": "x", "yref": "y",
            "line": {"color": colors.get(edge.operation, m.GREY), "width": round(width, 2), "dash": dash}}


def _legend(graph: Graph, colors: dict[str, str]) -> list[m.Dict]:
    """Name the colours; a line without points draws nothing else."""
    return [{"type": "scatter", "mode": "lines", "x": [None], "y": [None], "name": safe(op), "hoverinfo": "skip",
             "line": {"color": colors[op], "width": 3, "dash": "dot" if op == CUT else "solid"}} for op in graph.operations]


def _heads(graph: Graph, at: Layout) -> m.Dict:
    """Draw an arrow's head where edges enter a node."""
    entered = sorted({e.target for e in graph.edges if e.operation != CUT})
    x, y = at.nodes[entered].T
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "hoverinfo": "skip", "showlegend": False, "name": "direction",
            "marker": {"symbol": "arrow", "angle": 90, "size": 15, "color": m.GREY, "standoff": 9}}


def _names(graph: Graph, at: Layout, named: Any, w: Array | None) -> m.Dict:
    """Write the operations at their edges if these are few, and say more to the pointer."""
    few = int(named.sum()) <= MOST_NAMES
    texts, says = [], []
    for k, edge in enumerate(graph.edges):
        texts.append(safe(edge.operation) if few and named[k] else "")
        state = "cut" if edge.operation == CUT else "" if graph.alive[k] else "on no way to the output"
        more = [f"weight {m.three(float(w[k]))}"] if w is not None else []
        ends = f"{graph.nodes[edge.source].label} → {graph.nodes[edge.target].label}"
        says.append(safe(", ".join([f"{ends}: {edge.operation or 'passes on'}", *more, *([state] if state else [])])))
    x, y = at.labels.T
    return {"type": "scatter", "mode": "text+markers", "x": x, "y": y, "text": texts, "textposition": "top center",
            "hovertext": says, "hovertemplate": "%{hovertext}<extra></extra>", "showlegend": False, "name": "edges",
            "marker": {"size": 14, "opacity": 0}, "textfont": {"size": 12}}


def _nodes(graph: Graph, at: Layout, colors: dict[str, str]) -> m.Dict:
    x, y = at.nodes.T
    many = graph.layers[-1] > MOST_LAYERS
    sides = ["top center" if many and layer % 2 else "bottom center" for layer in graph.layers]
    says = [safe(" · ".join(part for part in (node.label, node.operation, node.says) if part)) for node in graph.nodes]
    return {"type": "scatter", "mode": "text+markers", "x": x, "y": y, "text": [safe(node.label) for node in graph.nodes],
            "textposition": sides, "hovertext": says, "hovertemplate": "%{hovertext}<extra></extra>",
            "showlegend": False, "name": "nodes", "marker": {
                "size": 18, "opacity": 1, "color": [colors.get(node.operation, m.GREY) for node in graph.nodes]}}
