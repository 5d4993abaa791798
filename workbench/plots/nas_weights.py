"""Weights of operations on the edges of a cell: now as a heat map, over time as stacked areas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.nas.relaxation import Relaxation
from workbench.plots import marks as m
from workbench.plots.figure import safe
from workbench.plots.nas_graph import operation_colors

MOST_STEPS = 150  # of the areas
COLUMNS = 3


def heat_map(why: Relaxation, *, height: int = 300) -> dict[str, Any]:
    """Draw the weights of all operations on all edges; a ring marks what would be chosen."""
    w = np.asarray(why.weights, dtype=float)
    edges = [f"{i} → {j}" for i, j in why.edges]
    ops = [safe(o) for o in why.operations]
    chosen = [ops[why.operations.index(o)] for o in why.chosen]
    data = [{"type": "heatmap", "z": w.T, "x": edges, "y": ops, "zmin": 0.0, "zmax": 1.0, "colorscale": "Cividis", "xgap": 2,
             "ygap": 2, "colorbar": {"title": {"text": "weight"}, "thickness": 12, "len": 1.0},
             "texttemplate": "%{z:.2f}", "hovertemplate": "%{x}, %{y}: %{z:.3f}<extra></extra>", "name": "weights"},
            {"type": "scatter", "mode": "markers", "x": edges, "y": chosen, "name": "chosen", "hoverinfo": "skip",
             "showlegend": False, "marker": {"symbol": "square-open", "size": 34, "color": m.RED, "line": {"width": 2.5}}}]
    return {"data": data, "layout": {
        "title": m.title("Weights now; a frame marks what would be chosen"), "height": height, "dragmode": False,
        "margin": {"l": 60, "r": 12, "t": 46, "b": 44},
        "xaxis": {"title": {"text": "edge"}, "fixedrange": True, "type": "category"},
        "yaxis": {"fixedrange": True, "autorange": "reversed", "type": "category"}}}


def areas(steps: Sequence[tuple[int, Relaxation]], *, total: int | None = None, height: int = 420) -> dict[str, Any]:
    """Draw how the weights of each edge came about: a small picture for each edge, the operations stacked."""
    last = steps[-1][1]
    keep = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST_STEPS)).round().astype(int))
    x = np.array([k + 1.0 for k in keep])
    w = np.array([steps[k][1].weights for k in keep])                             # (steps, edges, operations)
    colors = operation_colors(last.operations)
    n, rows = len(last.edges), -(-len(last.edges) // COLUMNS)
    data: list[m.Dict] = []
    end = float(max(total or 0, len(steps), 2))
    layout: m.Dict = {"title": m.title("How the weights came about, edge by edge"), "height": height, "dragmode": False,
                      "margin": {"l": 44, "r": 12, "t": 84, "b": 40}, "annotations": [],
                      "legend": {"orientation": "h", "x": 0, "y": 1.06, "yanchor": "bottom"}}
    for e in range(n):
        axis = "" if e == 0 else str(e + 1)
        row, column = divmod(e, COLUMNS)
        left, top = column / COLUMNS, 1.0 - row / rows
        right, bottom = left + 1.0 / COLUMNS - 0.05, top - 1.0 / rows + 0.1
        layout[f"xaxis{axis}"] = {"domain": [left, right], "anchor": f"y{axis}", "range": [1.0, end], "fixedrange": True,
                                  "nticks": 5}
        layout[f"yaxis{axis}"] = {"domain": [max(bottom, 0.0), top], "anchor": f"x{axis}", "range": [0.0, 1.0],
                                  "fixedrange": True, "nticks": 3}
        i, j = last.edges[e]
        layout["annotations"].append({"text": f"edge {i} → {j}", "xref": "paper", "yref": "paper", "x": left, "y": top,
                                      "xanchor": "left", "yanchor": "bottom", "showarrow": False})
        for k, op in enumerate(last.operations):
            data.append({"type": "scatter", "mode": "lines", "x": x, "y": w[:, e, k], "name": safe(op), "legendgroup": op,
                         "showlegend": e == 0, "xaxis": f"x{axis}", "yaxis": f"y{axis}", "stackgroup": f"edge{e}",
                         "line": {"width": 0.5, "color": colors[op]}, "fillcolor": m.fade(colors[op], 0.8),
                         "hovertemplate": f"%{{y:.2f}}<extra>{safe(op)}</extra>"})
    return {"data": data, "layout": layout}
