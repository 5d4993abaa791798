"""Several surrogates of the same trials side by side, and what each costs as trials come in.

A Gaussian process, a forest and a neural network see the same points and believe different things between them. Anything
with a ``SurrogateExplanation`` can be compared; nothing here knows which models there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.history import History
from workbench.models.acquisition import ALL_LABELS
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.model import axis
from workbench.search.surrogate_why import SurrogateExplanation, SurrogateSlice, slice_1d
from workbench.space import Array

HEIGHT = 380
COLORS = (m.BLUE, m.GREEN, m.PURPLE, m.RED)
GAP = 0.03  # between two panels
DEPTH = 8.0  # how far below its top an acquisition is shown


def compare(history: History, whys: Mapping[str, SurrogateExplanation], name: str, *, n: int = 200) -> dict[str, Any]:
    """Draw the posterior of each surrogate along one parameter, its acquisition under it, all on the same axes.

    Parameters
    ----------
    history
        What all of them saw.
    whys
        Name of a surrogate -> its explanation, up to four. Other parameters are held at the first one's incumbent.
    name
        Parameter along the x axis.
    n
        Points along it.
    """
    if not whys:
        return empty("No surrogate to compare yet.", height=HEIGHT)
    if len(whys) > len(COLORS):
        raise ValueError(f"there is room for {len(COLORS)} surrogates side by side, got {len(whys)}.")
    at = next(iter(whys.values())).incumbent
    slices = {title: slice_1d(history, why, name, at=at, n=n) for title, why in whys.items()}
    width = (1.0 + GAP) / len(slices) - GAP
    x_axis = {**axis(history.space, name), "fixedrange": True}
    layout: m.Dict = {"height": HEIGHT, "title": m.title(_finding(slices)), "legend": m.LEGEND, "dragmode": False,
                      "margin": {"l": 56, "r": 12, "t": 76, "b": 44}, "hovermode": "closest", "shapes": [], "annotations": []}
    loss_range = _loss_range(list(slices.values()))
    data: list[m.Dict] = []
    for i, (title, s) in enumerate(slices.items()):
        upper, lower = ("" if k == 1 else str(k) for k in (2 * i + 1, 2 * i + 2))
        room = [i * (width + GAP), i * (width + GAP) + width]
        layout[f"xaxis{upper}"] = {**x_axis, "domain": room, "anchor": f"y{upper}", "showticklabels": False, "title": None}
        layout[f"xaxis{lower}"] = {**x_axis, "domain": room, "anchor": f"y{lower}"}
        layout[f"yaxis{upper}"] = {"domain": [0.36, 1.0], "anchor": f"x{upper}", "range": loss_range, "fixedrange": True,
                                   "zeroline": False, "showticklabels": i == 0, "title": {"text": "loss" if i == 0 else ""}}
        layout[f"yaxis{lower}"] = {"domain": [0.0, 0.27], "anchor": f"x{lower}", "range": [-DEPTH, 0.5], "fixedrange": True,
                                   "zeroline": False, "showticklabels": False, "showgrid": False,
                                   "title": {"text": ALL_LABELS.get(s.acquisition_name, s.acquisition_name) if i == 0 else ""}}
        layout["annotations"].append(
            {"xref": f"x{upper} domain", "yref": f"y{upper} domain", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom",
             "text": safe(title), "showarrow": False, "font": {"color": COLORS[i]}})
        data += _panel(s, COLORS[i], upper, lower, legend=i == 0)
        if s.next_u is not None:
            layout["shapes"].append(m.upright(s.next_u, m.ORANGE, axis=upper)[0])
    return {"data": data, "layout": layout}


def _panel(s: SurrogateSlice, color: str, upper: str, lower: str, *, legend: bool) -> list[m.Dict]:
    """Band, mean and observations; under them the acquisition, its top at 0."""
    band = m.band(s.u, s.lower, s.upper, f"95 %, {s.model}", color, axis=upper)
    band[1]["showlegend"] = False
    shown = np.where(np.isfinite(s.observed_loss), s.observed_loss, np.nan)
    return [*band, m.line(s.u, s.mean, f"mean, {s.model}", color, axis=upper, legend=False),
            m.dots(s.observed_u, shown, "observed", m.GREY, axis=upper, size=6, legend=legend),
            m.line(s.u, _below_top(s.acquisition, s.acquisition_name), f"{s.model}: acquisition", m.ORANGE, axis=lower,
                   width=1.5, legend=False),
            *([{**m.line(np.array([np.nan]), np.array([np.nan]), "next point", m.ORANGE, axis=upper), "hoverinfo": "skip"}]
              if legend else [])]


def _below_top(score: Array, name: str) -> Array:
    """Make acquisitions of different models comparable: the top at 0; EI and PI first as logarithms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.log(score) if name in ("ei", "pi") else np.asarray(score, dtype=float)
    score = np.where(np.isfinite(score), score, np.nan)
    return score if np.isnan(score).all() else np.fmax(score - np.nanmax(score), -DEPTH)


def _loss_range(slices: Sequence[SurrogateSlice]) -> list[float]:
    """Range of losses that shows every mean and observation whole, and bands as far as they do not squash these."""
    inner = np.concatenate([v[np.isfinite(v)] for s in slices for v in (s.mean, s.observed_loss)])
    outer = np.concatenate([v[np.isfinite(v)] for s in slices for v in (s.lower, s.upper)])
    if not len(inner):
        return [0.0, 1.0]
    low, high = float(inner.min()), float(inner.max())
    reach = 0.5 * (high - low or 1.0)
    return m.room(inner, outer[(outer >= low - reach) & (outer <= high + reach)])


def _finding(slices: Mapping[str, SurrogateSlice]) -> str:
    """Say where each one is least sure: the widest band."""
    parts = []
    for title, s in slices.items():
        width = np.where(np.isfinite(s.upper - s.lower), s.upper - s.lower, -np.inf)
        value = s.values[int(np.argmax(width))]
        parts.append(f"{safe(m.cut(title))} at {m.three(value) if isinstance(value, float) else safe(m.cut(value))}")
    return "Least sure: " + ", ".join(parts)


def cost(n: Sequence[int], milliseconds: Mapping[str, Sequence[float | None]]) -> dict[str, Any]:
    """Draw the time of one suggestion against the number of finished trials, both on log scales.

    Parameters
    ----------
    n
        Numbers of finished trials.
    milliseconds
        Name of a surrogate -> its time for each of them, None where it was not measured; up to four.
    """
    if len(milliseconds) > len(COLORS):
        raise ValueError(f"there is room for {len(COLORS)} surrogates in one picture, got {len(milliseconds)}.")
    at = np.asarray(n, dtype=float)
    data, notes = [], []
    for (name, times), color in zip(milliseconds.items(), COLORS, strict=False):
        y = np.array([np.nan if t is None else t for t in times], dtype=float)
        if y.shape != at.shape:
            raise ValueError(f"{name!r} has {len(y)} times for {len(at)} numbers of trials. Give None where there is none.")
        data.append({**m.line(at, y, safe(name), color), "mode": "lines+markers",
                     "hovertemplate": "%{x} trials: %{y:.3g} ms<extra>" + safe(name) + "</extra>"})
        slope = _slope(at, y)
        if slope is not None:
            notes.append(f"{safe(name)} ∝ n^{slope:.1f}")
    text = "Time of a suggestion" + (f", late in the run: {', '.join(notes)}" if notes else "")
    log = {"type": "log", "fixedrange": True}
    ticks = [k * 10.0**e for e in range(-3, 7) for k in (1, 2, 5)]
    return {"data": data, "layout": {
        "height": HEIGHT, "title": m.title(text), "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 76, "b": 44},
        "xaxis": {**log, "title": {"text": "finished trials"}, "tickvals": at},
        "yaxis": {**log, "title": {"text": "milliseconds"}, "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}}}


def _slope(n: Array, y: Array) -> float | None:
    """Exponent of the last two measured points; None with fewer."""
    known = np.flatnonzero(np.isfinite(y) & (y > 0))[-2:]
    if len(known) < 2:
        return None
    a, b = known
    return float(np.log(y[b] / y[a]) / np.log(n[b] / n[a]))
