"""A race: the median of each algorithm's best so far over the seeds, with the middle half as a band."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.over_seeds import quartiles
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.history import use_log
from workbench.race_results import RaceResults
from workbench.space import Array

HEIGHT = 400
COLORS = [m.BLUE, m.ORANGE, m.GREEN, m.RED, m.PURPLE, m.GREY]
DASHES = ["solid", "dash", "dot", "dashdot"]  # a second round of the colours
FLOOR = 1e-12  # least distance from the optimum that is drawn: beyond is rounding


def race(results: RaceResults) -> dict[str, Any]:
    """Draw the finished laps: distance from the optimum if that is known, else the best loss so far."""
    if not results.laps:
        return empty("The curves appear when the first lap is finished. Press Start.", height=HEIGHT)
    shown = {name: curves for name in results.order if len(curves := _curves(results, name))}
    finite = np.concatenate([c[np.isfinite(c)] for c in shown.values()])
    log = results.optimum is not None or use_log(finite)
    n_seeds = len(results.complete_seeds)
    x = np.arange(1.0, results.n_trials + 1)
    ranks = results.table()["rank"]
    data: list[m.Dict] = []
    lines: list[m.Dict] = []
    for place, name in enumerate(shown, 1):
        k = results.algorithms.index(name)
        color, dash = COLORS[k % len(COLORS)], DASHES[k // len(COLORS) % len(DASHES)]
        label = safe(m.cut(name, 30)) + (f" · rank {ranks[name]:.2g}" if n_seeds else "")
        low, middle, high = (_drawable(q) for q in quartiles(shown[name]))
        if len(shown[name]) > 1:
            lower, upper = m.band(x, low, high, label, color, alpha=0.16)
            stepped = {"showlegend": False, "legendgroup": "", "line": {"width": 0, "shape": "hv"}}
            data += [{**lower, **stepped}, {**upper, **stepped}]
        line = m.line(x, middle, f"{place}. {label}" if n_seeds else label, color, width=2.5, dash=dash)
        lines.append({**line, "line": {**line["line"], "shape": "hv"},
                      "hovertemplate": f"{safe(name)}: median %{{y:.4g}} after %{{x}} trials<extra></extra>"})
    quantity = "distance from the optimum" if results.optimum is not None else "best loss so far"
    of = f"{n_seeds} seed{'' if n_seeds == 1 else 's'}" if n_seeds else "the first laps"
    layout = {"title": m.title(f"{quantity.capitalize()} on {safe(m.cut(results.name, 40))}: median and middle half of {of}"),
              "height": HEIGHT, "hovermode": "closest", "margin": {"l": 66, "r": 16, "t": 76, "b": 44},
              "xaxis": {"title": {"text": "trials (count)"}, "range": [1 - 0.015 * results.n_trials, 1.015 * results.n_trials]},
              "yaxis": {"title": {"text": quantity}, **_scale(finite, log=log)},
              "legend": {**m.LEGEND, "x": 0, "xanchor": "left", "traceorder": "normal"}}
    return {"data": data + lines, "layout": layout}


def _curves(results: RaceResults, name: str) -> Array:
    """Curves of the complete seeds, so that all have the same ones; before the first is complete, of what there is."""
    curves = results.best(name, results.complete_seeds or None)
    return curves if results.optimum is None else np.maximum(curves - results.optimum, FLOOR)


def _drawable(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)


def _scale(finite: Array, *, log: bool) -> m.Dict:
    if not log or not len(finite):
        return {"type": "linear"}
    wide = finite.max() > 30 * finite.min()
    return m.decades(float(finite.min()), float(finite.max())) if wide else {"type": "log"}
