"""How well distances of tasks (of meta-features, or learned) tell how differently configurations do on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array

MOST = 190  # marks of all panels together
GAP = 0.08


def distances_figure(true: Array, others: Mapping[str, Array], new: Array | None = None, *, height: int = 360) -> dict[str, Any]:
    """Draw true distances of pairs of tasks against others, a panel each.

    Parameters
    ----------
    true
        How differently configurations do, shape (P,).
    others
        By name: other distances of the same pairs, shape (P,).
    new
        Which pairs have a task that was not learned from, shape (P,): the title tells of these, and they are drawn as crosses.
        All pairs are alike if left out.
    height
        In pixels.

    Raises
    ------
    ValueError
        If the lengths differ, or there are none or more than four panels.
    """
    true = np.asarray(true, dtype=float)
    judged = np.ones(len(true), dtype=bool) if new is None else np.asarray(new, dtype=bool)
    lengths = {name: len(d) for name, d in others.items()} | {"new": len(judged)}
    wrong = [name for name, n in lengths.items() if n != len(true)]
    if wrong:
        raise ValueError(f"each pair of tasks has a true distance and another; got {len(true)} true ones, {lengths[wrong[0]]} "
                         f"of {wrong[0]!r}.")
    if not 1 <= len(others) <= 4:
        raise ValueError(f"between one and four kinds of distances are drawn, got {len(others)}.")
    if not judged.any():
        return empty("No pair of tasks to compare yet.", height=height)
    data: list[m.Dict] = []
    width = (1.0 - GAP * (len(others) - 1)) / len(others)
    layout: m.Dict = {"height": height, "hovermode": "closest", "dragmode": False, "annotations": [],
                      "margin": {"l": 60, "r": 16, "t": 92, "b": 48}, "legend": {**m.LEGEND, "x": 0, "xanchor": "left", "y": 1.1},
                      "yaxis": {"range": m.room(true), "fixedrange": True, "zeroline": False, "title": {"text": "true distance"}}}
    told = []
    for k, (name, found) in enumerate(others.items()):
        axis = "" if k == 0 else str(k + 1)
        d = np.asarray(found, dtype=float)
        r = correlation(d[judged], true[judged])
        told.append(f"{safe(name)} {m.three(r)}")
        kinds = [(judged, "pairs of tasks" if new is None else "pairs with a new task", m.ORANGE if new is not None else m.BLUE)]
        kinds += [(~judged, "pairs that were learned from", m.BLUE)] if new is not None and (~judged).any() else []
        for rows, label, color in reversed(kinds):
            some = _some(np.flatnonzero(rows), d, MOST // (len(others) * len(kinds)))
            data.append(_marks(d[some], true[some], label, color, axis, first=k == 0))
        layout[f"xaxis{axis}"] = {"domain": [k * (width + GAP), k * (width + GAP) + width], "anchor": f"y{axis}",
                                  "range": m.room(d), "fixedrange": True, "zeroline": False, "title": {"text": _words(name)}}
        if k:
            layout[f"yaxis{axis}"] = {"range": m.room(true), "fixedrange": True, "zeroline": False, "anchor": f"x{axis}",
                                      "showticklabels": False}
        layout["annotations"].append({"xref": f"x{axis} domain", "yref": "paper", "x": 0.02, "y": 0.99, "yanchor": "top",
                                      "xanchor": "left", "text": f"r = {m.three(r)}", "showarrow": False, "font": {"size": 14}})
    of = "" if new is None else " of new tasks"
    layout["title"] = m.title(f"Correlation with true distances{of}: {', '.join(told)}")
    return {"data": data, "layout": layout}


def correlation(a: Array, b: Array) -> float:
    """Return Pearson's correlation; nan if one side is constant or there are fewer than three."""
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 and np.ptp(a) and np.ptp(b) else float("nan")


def _words(name: str) -> str:
    return f"distance by {safe(m.cut(name, 30))}"


def _some(rows: NDArray[np.intp], by: Array, most: int) -> NDArray[np.intp]:
    """Keep at most so many rows, evenly by their distance, the ends among them."""
    if len(rows) <= most:
        return rows
    order = rows[np.argsort(by[rows], kind="stable")]
    return order[np.linspace(0, len(order) - 1, most).round().astype(np.intp)]


def _marks(x: Array, y: Array, label: str, color: str, axis: str, *, first: bool) -> m.Dict:
    symbol = "x" if color == m.ORANGE else "circle"
    trace = m.dots(x, y, label, color, axis=axis, symbol=symbol, size=6, legend=first,
                   hover="distance %{x:.3g}<br>true %{y:.3g}")
    return {**trace, "legendgroup": label, "marker": {"color": color, "size": 6, "symbol": symbol, "opacity": 0.7}}
