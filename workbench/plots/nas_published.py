"""Published results of architecture searches: error against GPU days or parameters, and who is on the Pareto front."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.errors import WorkbenchError
from workbench.nas.published import GROUPS, pareto_rows, published_results
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe

X = Literal["gpu_days", "params"]
Cutout = Literal["all", "with", "without"]
WORDS = {"gpu_days": "GPU days of the search", "params": "parameters, millions"}
COLORS = dict(zip(GROUPS, (m.BLUE, m.ORANGE, m.PURPLE, m.GREEN, m.GREY), strict=True))
SYMBOLS = dict(zip(GROUPS, ("circle", "square", "triangle-up", "diamond", "pentagon"), strict=True))
RANGES = {"gpu_days": (0.2, 40_000.0), "params": (1.0, 60.0)}
ERRORS = (1.3, 7.7)
BESIDE = {"gpu_days": ((34, -26), (-30, 28), (44, -46), (20, 34)),  # pixels to the right and down: where names go, along the
          "params": ((34, -26), (-34, 24), (-20, 46), (40, 24))}    # front, in turns

KEY = {"text": "larger: more parameters · hollow: trained with cutout", "showarrow": False, "font": {"size": 12},
       "xref": "paper", "x": 1, "xanchor": "right", "yref": "paper", "y": 1.0, "yanchor": "top"}


def published_figure(frame: pd.DataFrame | None = None, *, x: X = "gpu_days", cutout: Cutout = "all",
                     height: int = 440) -> dict[str, Any]:
    """Draw the tables as a scatter plot.

    Parameters
    ----------
    frame
        Rows as ``published_results`` gives them; all if not given.
    x
        What stands from left to right, on a log scale: "gpu_days" or "params".
    cutout
        Rows whose networks were trained with cutout, without, or all; hollow marks are with it.
    height
        In pixels.

    Raises
    ------
    WorkbenchError
        If ``x`` or ``cutout`` is none of these.
    """
    if x not in WORDS or cutout not in ("all", "with", "without"):
        raise WorkbenchError(f"x is gpu_days or params, and cutout is all, with or without; got {x!r} and {cutout!r}.")
    rows = published_results() if frame is None else frame
    rows = rows if cutout == "all" else rows[rows["cutout"] == (cutout == "with")]
    if not len(rows):
        return empty("No result to draw: choose other rows.", height=height)
    low, high = RANGES[x]
    missing = low * 0.45  # where results stand that do not tell x
    left = low * 0.28
    front = pareto_rows(rows, x, "error")
    on_front = rows[front].sort_values([x, "error"])
    there = [group for group in GROUPS if (rows["group"] == group).any()]
    data = [_front(on_front, x), *(_group(rows[rows["group"] == group], group, x, missing) for group in there)]
    ticks = m.decades(low, high)
    at = [v for v in ticks["tickvals"] if low <= v <= high]
    which = {"all": "", "with": " with cutout", "without": " without cutout"}[cutout]
    n = int(front.sum())
    return {"data": data, "layout": {
        "title": m.title(f"Published errors on CIFAR-10{which}: {n} of {len(rows)} rows on the Pareto front"),
        "height": height, "hovermode": "closest", "dragmode": False, "margin": {"l": 60, "r": 16, "t": 84, "b": 48},
        "legend": {**m.LEGEND, "x": 0, "xanchor": "left", "itemsizing": "constant"}, "annotations": [KEY, *_names(on_front, x)],
        "shapes": [{**m.upright(low * 0.75, m.GREY, dash="dot")[0], "line": {"color": m.GREY, "width": 1, "dash": "dot"}}],
        "xaxis": {"type": "log", "range": [float(np.log10(left)), float(np.log10(high))], "fixedrange": True,
                  "tickvals": [missing, *at], "ticktext": ["not told", *(m.power(v) for v in at)],
                  "title": {"text": f"{WORDS[x]} (log scale)", "standoff": 4}},
        "yaxis": {"range": list(ERRORS), "fixedrange": True, "title": {"text": "test error, %"}}}}


def _front(rows: pd.DataFrame, x: str) -> m.Dict:
    """Draw the edge of what is dominated."""
    line = m.line(rows[x].to_numpy(float), rows["error"].to_numpy(float), "Pareto front", m.RED, width=1.5, dash="dash")
    line["line"]["shape"] = "hv"
    return {**line, "hoverinfo": "skip", "hovertemplate": None}


def _names(rows: pd.DataFrame, x: str) -> list[m.Dict]:
    """Name those on the front, each with a line to its mark."""
    told = zip(rows.itertuples(), rows[x], itertools.cycle(BESIDE[x]), strict=False)
    return [{"x": float(np.log10(at)), "y": r.error, "text": safe(r.method), "showarrow": True, "arrowhead": 0, "arrowwidth": 1,
             "arrowcolor": m.GREY, "standoff": 6, "ax": ax, "ay": ay, "font": {"size": 12}} for r, at, (ax, ay) in told]


def _group(rows: pd.DataFrame, group: str, x: str, missing: float) -> m.Dict:
    """Draw one group."""
    symbols = [SYMBOLS[group] + ("-open" if cut else "") for cut in rows["cutout"]]
    size = 8 + 2.2 * np.sqrt(rows["params"].fillna(4.0).to_numpy(float))
    says = [f"{safe(r.reference)}: {safe(r.method)}{' + cutout' if r.cutout else ''}<br>error {r.error:g} %, "
            f"{_told(r.params, 'million parameters')}, {_told(r.gpu_days, 'GPU days')}" for r in rows.itertuples()]
    return {"type": "scatter", "mode": "markers", "x": rows[x].fillna(missing).to_numpy(float),
            "y": rows["error"].to_numpy(float), "name": group, "hovertext": says, "hovertemplate": "%{hovertext}<extra></extra>",
            "marker": {"symbol": symbols, "size": size, "color": COLORS[group], "opacity": 0.9,
                       "line": {"color": COLORS[group], "width": 2}}}


def _told(value: Any, unit: str) -> str:
    return f"{value:,g} {unit}".replace(",", " ") if np.isfinite(value) else f"{unit} not told"
