"""Tasks times configurations as a matrix: what is true, what was shown, what factors make of it; how many factors there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.meta.collaborative import Completed
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array

MOST_ROWS, MOST_COLUMNS = 60, 100  # of a matrix that is drawn
MOST = 200  # configurations of one task
SCALE = "Cividis"


def completed_matrix(true: Array, shown: NDArray[np.bool_], predicted: Array, *, names: tuple[str, ...] | None = None,
                     height: int = 380) -> dict[str, Any]:
    """Draw three matrices beside each other: all losses, those that were shown, and the prediction of all.

    Configurations stand by their mean true loss, tasks likewise; of many an even choice is drawn.

    Parameters
    ----------
    true, predicted
        Losses, shape (T, N); true ones may be nan.
    shown
        Which the factorisation has seen, shape (T, N).
    names
        Of the tasks, for whoever points at a row.
    height
        In pixels.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    true, predicted, shown = np.asarray(true, dtype=float), np.asarray(predicted, dtype=float), np.asarray(shown, dtype=bool)
    if true.shape != predicted.shape or true.shape != shown.shape:
        raise ValueError(f"the three matrices have the same shape, got {true.shape}, {shown.shape} and {predicted.shape}.")
    rows, columns = _evenly(np.argsort(_means(true, 1)), MOST_ROWS), _evenly(np.argsort(_means(true, 0)), MOST_COLUMNS)
    some = np.ix_(rows, columns)
    hidden = ~shown & np.isfinite(true)
    low, high = (float(q) for q in np.nanquantile(true, [0.02, 0.98]))
    labels = [safe(m.cut(names[i], 30)) for i in rows] if names is not None else [f"task {i}" for i in rows]
    three = (("all losses", true), (f"shown: {shown.mean():.0%}", np.where(shown, true, np.nan)), ("predicted", predicted))
    data, layout = [], _three(height, [name for name, _ in three])
    for k, (name, z) in enumerate(three):
        axis = "" if k == 0 else str(k + 1)
        data.append({"type": "heatmap", "z": np.round(z[some], 4), "x": list(range(len(columns))), "y": list(range(len(rows))),
                     "xaxis": f"x{axis}", "yaxis": f"y{axis}", "zmin": low, "zmax": high, "colorscale": SCALE, "name": name,
                     "showscale": k == 2, "colorbar": {"title": {"text": "loss"}, "thickness": 12, "len": 1.0},
                     "hovertext": [[label] * len(columns) for label in labels], "hoverongaps": False,
                     "hovertemplate": "%{hovertext}<br>loss %{z:.3g}<extra>" + name + "</extra>"})
        for side, n in (("xaxis", len(columns)), ("yaxis", len(rows))):
            layout[f"{side}{axis}"]["range"] = [-0.5, n - 0.5]
    layout["shapes"] = [{"type": "rect", "xref": "x2 domain", "yref": "y2 domain", "x0": 0, "x1": 1, "y0": 0, "y1": 1,
                         "layer": "below", "line": {"width": 0}, "fillcolor": m.fade(m.GREY, 0.45)}]  # behind gaps
    layout["title"] = m.title(_missed(true, predicted, shown, hidden))
    return {"data": data, "layout": layout}


def singular_values_figure(values: Array, *, most: int = 25, height: int = 300) -> dict[str, Any]:
    """Draw singular values, the largest as 1, and how many hold nine tenths of the variance."""
    s = np.asarray(values, dtype=float)
    if not len(s) or not s[0] > 0:
        return empty("Without the biases nothing is left of the matrix: no factor is needed.", height=height)
    share = np.cumsum(s**2) / (s**2).sum()
    n90, n = int(np.searchsorted(share, 0.9 - 1e-12)) + 1, min(most, len(s))
    k = np.arange(1, n + 1)
    bars = {"type": "bar", "x": k, "y": s[:n] / s[0], "name": "singular value", "marker": {"color": m.BLUE}, "showlegend": False,
            "customdata": share[:n],
            "hovertemplate": "factor %{x}: %{y:.3f}<br>%{customdata:.0%} of the variance so far<extra></extra>"}
    shape, note = m.upright(n90 + 0.5, m.ORANGE, "90 % of the variance", dash="dot") if n90 < n else ({}, [])
    return {"data": [bars], "layout": {
        "height": height, "title": m.title(f"{n90} of {len(s)} factors hold nine tenths of what the biases leave"),
        "margin": {"l": 60, "r": 16, "t": 66, "b": 44}, "dragmode": False, "annotations": note,
        "shapes": [shape] if shape else [],
        "xaxis": {"range": [0.3, n + 0.7], "fixedrange": True, "title": {"text": "factor"}, "tickformat": "d"},
        "yaxis": {"range": [0, 1.06], "fixedrange": True, "title": {"text": "singular value, the first is 1"}}}}


def rank_figure(errors: pd.DataFrame, *, height: int = 300) -> dict[str, Any]:
    """Draw what ``workbench.meta.hidden_error`` returns: how far shown and hidden losses are missed, by the number of factors.

    The title names the least number whose error on hidden losses is within 2 % of the best.
    """
    rank = errors.index.to_numpy(dtype=float)
    hidden = errors["hidden"].to_numpy(dtype=float)
    best = int(rank[int(np.argmax(hidden <= 1.02 * hidden.min()))])
    data = []
    for column, color, symbol in (("hidden", m.ORANGE, "circle"), ("shown", m.BLUE, "square")):
        name, y = f"{column} losses", errors[column].to_numpy(dtype=float)
        data.append({**m.line(rank, y, name, color), "mode": "lines+markers",
                     "marker": {"symbol": symbol, "size": 7, "color": color},
                     "hovertemplate": "%{x:d} factors: %{y:.4f}<extra>" + name + "</extra>"})
    shape, note = m.upright(best, m.GREY, "enough", dash="dot")
    top = float(errors[["hidden", "shown"]].to_numpy().max())
    return {"data": data, "layout": {
        "height": height, "dragmode": False,
        "title": m.title(f"{_count(best)} {'is' if best == 1 else 'are'} enough to predict hidden losses"),
        "margin": {"l": 64, "r": 16, "t": 84, "b": 44}, "legend": {"orientation": "h", "x": 0, "y": 1.06, "yanchor": "bottom"},
        "shapes": [shape], "annotations": note,
        "xaxis": {"range": m.room(rank, margin=0.04), "fixedrange": True, "tickformat": "d", "zeroline": False,
                  "title": {"text": "number of factors"}},
        "yaxis": {"range": [0, 1.08 * top], "fixedrange": True, "title": {"text": "root mean squared error"}}}}


def new_task_figure(found: Completed, true: Array | None = None, chosen: int | None = None, *,
                    height: int = 360) -> dict[str, Any]:
    """Draw what is believed of all configurations on a new task, the most promising to the left.

    Parameters
    ----------
    found
        Of ``Factorisation.predict``.
    true
        All losses, if they are known, shape (N,).
    chosen
        Number of the configuration that is tried next.
    height
        In pixels.

    Raises
    ------
    ValueError
        If ``true`` has another shape, or ``chosen`` is no configuration's number.
    """
    N = len(found.mean)
    if true is not None and np.shape(true) != (N,):
        raise ValueError(f"true has a loss for each of the {N} configurations, got shape {np.shape(true)}.")
    if chosen is not None and not 0 <= chosen < N:
        raise ValueError(f"chosen is the number of a configuration, from 0 to {N - 1}, got {chosen}.")
    order = np.argsort(found.mean, kind="stable")
    place = np.empty(N)
    place[order] = np.arange(1, N + 1)
    some = order[np.unique(np.linspace(0, N - 1, min(N, MOST)).round().astype(np.intp))]
    x, mean, sd = place[some], found.mean[some], found.sd[some]
    seen = np.flatnonzero(found.observed)
    data = [*m.band(x, mean - 2 * sd, mean + 2 * sd, "± 2 deviations", m.BLUE), m.line(x, mean, "predicted", m.BLUE)]
    drawn = [mean, mean - 2 * sd, mean + 2 * sd]
    if true is not None:
        y = np.asarray(true, dtype=float)
        left = some[~found.observed[some] & np.isfinite(y[some])][:MOST]
        data.append(_losses(place[left], y[left], found, left, "true, not tried", m.GREY, "circle-open", 6))
        drawn.append(y[left])
    if len(seen):
        data.append(_losses(place[seen], found.mean[seen], found, seen, "tried", m.GREEN, "diamond", 10))
    if chosen is not None:
        data.append(_losses(place[[chosen]], found.mean[[chosen]], found, np.array([chosen]), "tried next", m.RED, "star", 14))
    return {"data": data, "layout": {
        "height": height, "title": m.title(_learned(found, true)), "hovermode": "closest", "dragmode": False,
        "margin": {"l": 64, "r": 16, "t": 84, "b": 48}, "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"range": [1 - 0.025 * N, N + 0.025 * N], "fixedrange": True, "zeroline": False,
                  "title": {"text": "configurations, the most promising first"}},
        "yaxis": {"range": m.room(*drawn), "fixedrange": True, "zeroline": False, "title": {"text": "loss"}}}}


def _losses(x: Array, y: Array, found: Completed, rows: NDArray[np.intp], name: str, color: str, symbol: str,
            size: float) -> m.Dict:
    says = [f"{safe(m.cut(_config(found.configs[i]), 70))}<br>"
            f"predicted {m.three(float(found.mean[i]))} ± {m.three(float(found.sd[i]))}" for i in rows]
    return {**m.dots(x, y, name, color, symbol=symbol, size=size), "hovertext": says,
            "hovertemplate": "%{hovertext}<br>loss %{y:.3g}<extra>" + name + "</extra>"}


def _config(config: Any) -> str:
    if not isinstance(config, dict):
        return str(config)
    return ", ".join(f"{k} = {m.three(v) if isinstance(v, float) else v}" for k, v in config.items())


def _learned(found: Completed, true: Array | None) -> str:
    tried = f"After {int(found.observed.sum())} tries" if found.observed.sum() != 1 else "After one try"
    if not found.observed.any():
        tried = "Before the first try"
    if true is None:
        return f"{tried}: what is believed of all {len(found.mean)} configurations"
    left = ~found.observed & np.isfinite(np.asarray(true, dtype=float))
    if not left.any():
        return f"{tried}: all is known"
    error = float(np.sqrt(np.mean((found.mean - true)[left] ** 2)))
    return f"{tried} the others' losses are missed by {m.three(error)} (root mean square)"


def _missed(true: Array, predicted: Array, shown: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> str:
    if not hidden.any():
        return "All losses were shown"
    rms = float(np.sqrt(np.mean((true - predicted)[hidden] ** 2)))
    guess = np.nanmean(np.where(shown, true, np.nan))
    return f"Hidden losses are missed by {m.three(rms)} (root mean square); guessing their mean: " \
           f"{m.three(float(np.sqrt(np.mean((true[hidden] - guess) ** 2))))}"


def _means(values: Array, axis: int) -> Array:
    """Mean of what is known; the overall mean where nothing is."""
    known = np.isfinite(values)
    n = known.sum(axis=axis)
    return np.asarray(np.where(n > 0, np.where(known, values, 0.0).sum(axis=axis) / np.maximum(n, 1), np.nanmean(values)))


def _evenly(order: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    return order[np.unique(np.linspace(0, len(order) - 1, min(len(order), most)).round().astype(np.intp))]


def _three(height: int, names: list[str]) -> m.Dict:
    """Lay out three matrices with their names above."""
    layout: m.Dict = {"height": height, "dragmode": False, "margin": {"l": 36, "r": 16, "t": 72, "b": 40}, "annotations": []}
    for k, name in enumerate(names):
        axis = "" if k == 0 else str(k + 1)
        none = {"fixedrange": True, "showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False}
        layout[f"xaxis{axis}"] = {**none, "domain": [k * 0.34, k * 0.34 + 0.32], "anchor": f"y{axis}",
                                  "title": {"text": "configurations", "standoff": 4}}
        layout[f"yaxis{axis}"] = {**none, "anchor": f"x{axis}", **({"title": {"text": "tasks", "standoff": 4}} if k == 0 else {})}
        layout["annotations"].append({"xref": f"x{axis} domain", "yref": "paper", "x": 0, "y": 1.0, "xanchor": "left",
                                      "yanchor": "bottom", "text": name, "showarrow": False, "font": {"size": 13}})
    return layout


def _count(n: int) -> str:
    words = {0: "No factors", 1: "One factor", 2: "Two factors", 3: "Three factors", 4: "Four factors", 5: "Five factors"}
    return words.get(n, f"{n} factors")
