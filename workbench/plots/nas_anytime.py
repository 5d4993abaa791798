"""Searches for an architecture against the simulated time that they have spent: means and spreads over many runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots.compare import look_of
from workbench.plots.figure import empty, safe
from workbench.space import Array

HEIGHT = 420
SHOWN = 0.1  # share of the time after which the axis begins to care


def bands(curves: Mapping[str, Array], at: Array, *, best: float | None = None, biggest: float | None = None,
          quantity: str = "accuracy (%)", name: str = "") -> dict[str, Any]:
    """Draw the mean of each method's runs, with a band from the lower to the upper quartile.

    Parameters
    ----------
    curves
        Name of a method -> what the incumbent of each run is worth, (runs, times); nan before the first.
    at
        Simulated seconds, ascending, (times,).
    best, biggest
        What the best architecture of all, and the biggest, are worth: horizontal lines.
    quantity
        What the curves are, with its unit.
    name
        Of the table, for the title.
    """
    if not curves or not len(at):
        return empty("The curves appear when each method has one run.", height=HEIGHT)
    hours, unit = (at / 3600, "hours") if at[-1] > 7200 else (at, "seconds")
    edges, lines = list[m.Dict](), list[m.Dict]()
    seen = [v for v in (best, biggest) if v is not None]
    for label, rows in curves.items():
        color, dash, _ = look_of(tuple(curves), label)
        known = np.isfinite(rows).all(axis=0)  # every run has an incumbent
        x, y = hours[known], rows[:, known]
        if not known.any():
            continue
        text = safe(m.cut(label, 40))
        low, high = np.quantile(y, [0.25, 0.75], axis=0)
        if len(rows) > 1:
            edges += [{**edge, "showlegend": False} for edge in m.band(x, low, high, text, color, alpha=0.16)]
        lines.append({**m.line(x, y.mean(axis=0), text, color, width=2.5, dash=dash),
                      "hovertemplate": f"{text}: mean %{{y:.2f}} after %{{x:.3g}} {unit}<extra></extra>"})
        late = x >= SHOWN * hours[-1]
        seen += [*low[late], *high[late], *y.mean(axis=0)[late]]
    shapes, notes = list[m.Dict](), list[m.Dict]()
    for value, text, color in ((best, "the best there is", m.GREY), (biggest, "the biggest", m.RED)):
        if value is not None:
            shapes.append(m.level(value, color))
            notes.append({"xref": "paper", "x": 1.0, "y": value, "text": text, "showarrow": False, "xanchor": "right",
                          "yanchor": "bottom", "font": {"size": 12, "color": color}})
    counts = {len(rows) for rows in curves.values()}
    runs = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    on = f" on {safe(m.cut(name, 40))}" if name else ""
    layout = {"title": m.title(f"Best so far{on}: mean and middle half of {runs} run{'s' * (counts != {1})}"), "height": HEIGHT,
              "hovermode": "closest", "margin": {"l": 66, "r": 16, "t": 84, "b": 44}, "shapes": shapes, "annotations": notes,
              "xaxis": {"title": {"text": f"simulated {unit} of training"}, "range": [0.0, float(hours[-1]) * 1.01],
                        "zeroline": False},
              "yaxis": {"title": {"text": quantity}, "range": m.room(np.array(seen)), "zeroline": False},
              "legend": {**m.LEGEND, "x": 0, "xanchor": "left", "y": 1.03, "traceorder": "normal"}}
    return {"data": edges + lines, "layout": layout}
