"""Pictures of a relaxed search: its weights now and over time, its gradients of both orders, and what discretisation costs.

All take ``StepTaken`` events whose ``why`` is a ``Relaxation``; those of gradients need DARTS' (``DARTSStep``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.events import StepTaken
from workbench.nas.relaxation import Relaxation
from workbench.nas.relaxed_steps import DARTSStep, RelaxedStep
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.nas_graph import operation_colors
from workbench.plots.nas_weights import areas, heat_map
from workbench.space import Array

NO_STEP = "No step of a relaxed search yet. Take one to see its weights."
NO_GRADIENT = "These steps tell no gradients of alpha. DARTS does, at each epoch."
STAGES = {"mixed": ("mixture", m.BLUE, ""), "discrete": ("discretised", m.PURPLE, "/"), "retrained": ("retrained", m.GREEN, "x"),
          "test": ("retrained, test part", m.GREY, ".")}


def alpha_map(steps: Sequence[StepTaken], *, height: int = 300) -> dict[str, Any]:
    """Draw the newest weights as a heat map, edges by operations; a frame marks what would be kept."""
    why = _relaxed(steps, Relaxation)
    return heat_map(why[-1][1], height=height) if why else empty(NO_STEP, height=height)


def weights_over_time(steps: Sequence[StepTaken], *, total: int | None = None, height: int = 420) -> dict[str, Any]:
    """Draw how the weights of each edge came about, as stacked areas."""
    why = _relaxed(steps, Relaxation)
    return areas(why, total=total, height=height) if why else empty(NO_STEP, height=height)


def gradients(steps: Sequence[StepTaken], *, height: int = 460) -> dict[str, Any]:
    """Draw the newest gradient of alpha, first order left and second order right, and their angle over time below.

    Red entries of the heat maps ask for more weight of an operation, blue ones for less: it is the negative gradient.
    """
    told = _relaxed(steps, DARTSStep)
    if not told:
        return empty(NO_GRADIENT, height=height)
    step, why = told[-1]
    top = float(max(np.abs(why.first_order).max(), np.abs(why.second_order).max())) or 1.0
    edges = [f"{i} → {j}" for i, j in why.edges]
    data: list[m.Dict] = []
    for axis, values, name in (("", why.first_order, "first order"), ("2", why.second_order, "second order")):
        data.append({"type": "heatmap", "z": -values.T, "x": edges, "y": [safe(o) for o in why.operations], "zmin": -top,
                     "zmax": top, "colorscale": DIVERGING, "xgap": 2, "ygap": 2, "xaxis": f"x{axis}", "yaxis": f"y{axis}",
                     "name": name, "showscale": axis == "2", "hovertemplate": "%{x}, %{y}: %{z:.3g}<extra>" + name + "</extra>",
                     "colorbar": {"title": {"text": "−∂L/∂α"}, "thickness": 12, "len": 0.55, "y": 1.0, "yanchor": "top",
                                  "tickformat": ".1g"}})
    x = np.array([float(k) for k, _ in told])
    cosines = np.array([w.cosine for _, w in told])
    ratio = np.array([w.second_norm / w.first_norm if w.first_norm else np.nan for _, w in told])
    data.append({**m.line(x, cosines, "cosine of their angle", m.BLUE, axis="3"), "mode": "lines+markers"})
    data.append({**m.line(x, ratio, "length, second / first", m.ORANGE, axis="3", dash="dash"), "mode": "lines+markers",
                 "marker": {"symbol": "square"}})
    low, high = m.room(np.array([1.0]), cosines[np.isfinite(cosines)], ratio[np.isfinite(ratio)], margin=0.15)
    fixed = {"fixedrange": True}
    heads = [{"text": f"{name} (length {m.three(length)})", "xref": "paper", "yref": "paper", "x": left, "y": 1.0,
              "xanchor": "left", "yanchor": "bottom", "showarrow": False}
             for name, length, left in (("first order", why.first_norm, 0.0), ("second order", why.second_norm, 0.54))]
    return {"data": data, "layout": {
        "title": m.title(f"Step {step}: the two gradients of α, cosine {m.three(why.cosine)}"), "height": height,
        "dragmode": False, "margin": {"l": 60, "r": 12, "t": 66, "b": 44}, "annotations": heads,
        "shapes": [m.level(1.0, m.GREY, axis="3")],
        "xaxis": {**fixed, "domain": [0.0, 0.46], "anchor": "y", "type": "category"},
        "yaxis": {**fixed, "domain": [0.5, 1.0], "anchor": "x", "autorange": "reversed", "type": "category"},
        "xaxis2": {**fixed, "domain": [0.54, 1.0], "anchor": "y2", "type": "category"},
        "yaxis2": {**fixed, "domain": [0.5, 1.0], "anchor": "x2", "autorange": "reversed", "type": "category",
                   "showticklabels": False},
        "xaxis3": {**fixed, "anchor": "y3", "title": {"text": "step"}, "range": [x[0] - 0.5, max(x[-1], x[0] + 1) + 0.5],
                   "dtick": _whole(x[0], x[-1])},
        "yaxis3": {**fixed, "domain": [0.0, 0.28], "anchor": "x3", "range": [low, high], "nticks": 4},
        "legend": {"orientation": "h", "x": 0, "y": 0.29, "yanchor": "bottom"}}}


def gap_over_time(steps: Sequence[StepTaken], *, total: int | None = None, height: int = 320) -> dict[str, Any]:
    """Draw the accuracy of the mixture and of what would be kept of it, with shared weights; between them lies the gap."""
    told = _relaxed(steps, RelaxedStep)
    if not told:
        return empty(NO_STEP, height=height)
    x = np.array([float(k) for k, _ in told])
    mixed = 100 * np.array([w.mixed_accuracy for _, w in told])
    discrete = 100 * np.array([w.discrete_accuracy for _, w in told])
    data = [*m.band(x, np.minimum(mixed, discrete), np.maximum(mixed, discrete), "discretisation gap", m.GREY),
            {**m.line(x, mixed, "mixture of operations", m.BLUE), "mode": "lines+markers"},
            {**m.line(x, discrete, "discretised, weights shared", m.PURPLE, dash="dash"), "mode": "lines+markers",
             "marker": {"symbol": "square"}}]
    gap = mixed[-1] - discrete[-1]
    return {"data": data, "layout": {
        "title": m.title(f"Discretisation gap at step {told[-1][0]}: {gap:.1f} points".replace("-", "−")), "height": height,
        "dragmode": False, "margin": {"l": 60, "r": 12, "t": 66, "b": 44}, "legend": m.LEGEND,
        "xaxis": {"title": {"text": "step"}, "fixedrange": True, "range": [x[0] - 0.5, float(max(total or 0, x[-1])) + 0.5],
                  "dtick": _whole(x[0], max(total or 0, x[-1]))},
        "yaxis": {"title": {"text": "validation accuracy (%)"}, "fixedrange": True, "range": [0, 100]}}}


def gap_bars(accuracies: Mapping[str, Mapping[str, float] | Sequence[Mapping[str, float]]], *,
             height: int = 360) -> dict[str, Any]:
    """Draw accuracies as a mixture, discretised, and retrained from scratch, side by side for each search.

    Parameters
    ----------
    accuracies
        For each search a dict with some of "mixed", "discrete", "retrained", "test" (shares of 1), or several of them: then the
        bars are their means and each has its own dot.
    height
        In pixels.
    """
    names = [safe(m.cut(name)) for name in accuracies]
    runs = [[told] if isinstance(told, Mapping) else list(told) for told in accuracies.values()]
    data: list[m.Dict] = []
    for stage, (label, color, pattern) in STAGES.items():
        values = [[100 * r[stage] for r in several if stage in r] for several in runs]
        if not any(values):
            continue
        means = [float(np.mean(v)) if v else None for v in values]
        data.append({"type": "bar", "x": names, "y": means, "name": label, "text": [_percent(v) for v in means],
                     "textposition": "inside", "insidetextanchor": "start", "textangle": 0, "offsetgroup": stage,
                     "insidetextfont": {"color": "#000000", "size": 13},  # these four colours carry black in both themes
                     "marker": {"color": color, "pattern": {"shape": pattern, "fgcolor": "#ffffff", "fgopacity": 0.35}},
                     "hovertemplate": "%{x}<br>" + label + ": %{y:.1f} %<extra></extra>"})
        if any(len(v) > 1 for v in values):
            data.append({"type": "box", "x": [n for n, v in zip(names, values, strict=True) for _ in v],
                         "y": [a for v in values for a in v], "name": f"{label}, each seed", "boxpoints": "all", "pointpos": 0,
                         "jitter": 0.4, "line": {"color": "rgba(0,0,0,0)"}, "fillcolor": "rgba(0,0,0,0)", "showlegend": False,
                         "offsetgroup": stage,
                         "marker": {"color": "#ffffff", "size": 6, "line": {"color": "#000000", "width": 1.5}},
                         "hovertemplate": "%{x}<br>" + label + ": %{y:.1f} %<extra></extra>"})
    return {"data": data, "layout": {
        "title": m.title("Accuracy as a mixture, discretised, and trained from scratch"), "height": height, "dragmode": False,
        "barmode": "group", "boxmode": "group", "bargap": 0.25, "margin": {"l": 60, "r": 12, "t": 86, "b": 40},
        "legend": {"orientation": "h", "x": 0, "y": 1.04, "yanchor": "bottom"}, "xaxis": {"fixedrange": True, "type": "category"},
        "yaxis": {"title": {"text": "accuracy (%)"}, "fixedrange": True, "range": [0, 108], "dtick": 20}}}


def softmax_bars(alpha: Array, operations: Sequence[str], *, temperature: float = 1.0, chosen: int | None = None,
                 height: int = 280) -> dict[str, Any]:
    """Draw the weights softmax(alpha / temperature) of one edge as bars; ``chosen`` marks the operation that is kept."""
    z = np.asarray(alpha, dtype=float) / temperature
    p = np.exp(z - z.max())
    p /= p.sum()
    colors = operation_colors(operations)
    names = [safe(o) for o in operations]
    data = [{"type": "bar", "x": names, "y": p, "name": "weight", "showlegend": False,
             "text": [f"{v:.2f}" for v in p], "textposition": "outside", "cliponaxis": False,
             "marker": {"color": [m.fade(colors[o], 0.8) for o in operations], "line": {
                 "color": [m.RED if k == chosen else colors[o] for k, o in enumerate(operations)],
                 "width": [3.5 if k == chosen else 1 for k in range(len(operations))]}},
             "hovertemplate": "%{x}: %{y:.3f}<extra></extra>"}]
    return {"data": data, "layout": {
        "title": m.title(f"softmax(α / T) at T = {m.three(temperature)}"), "height": height, "dragmode": False,
        "margin": {"l": 50, "r": 12, "t": 46, "b": 40}, "xaxis": {"fixedrange": True, "type": "category"},
        "yaxis": {"title": {"text": "weight"}, "fixedrange": True, "range": [0, 1.1], "tickvals": [0, 0.5, 1]}}}


DIVERGING = [[0.0, "#0b5d9e"], [0.25, "#6fa8d0"], [0.5, "#f2f2f2"], [0.75, "#e59a6c"], [1.0, "#b8440a"]]


def _relaxed(steps: Sequence[StepTaken], kind: type[Any]) -> list[tuple[int, Any]]:
    return [(s.step, s.why) for s in steps if isinstance(s.why, kind)]


def _whole(first: float, last: float) -> int:
    """Return a whole distance between ticks, for ten of them at most."""
    return next(d for d in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6) if (last - first) / d <= 10)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
