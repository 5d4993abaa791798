"""What expected hypervolume improvement sees: the front, what it dominates, and where the next point may land."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.losses import Goals
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import safe
from workbench.plots.history import use_log
from workbench.search.ehvi_why import FrontSlice, percent
from workbench.space import Array

HEIGHT = 420
GAP = 0.09  # between pictures of two losses, of the whole width


def gain(s: FrontSlice, share: float, goals: Goals) -> dict[str, Any]:
    """Draw pairs of losses against each other.

    Parameters
    ----------
    share
        Expected gain, as a share of what the front dominates.
    """
    sign = np.asarray(goals.sign)
    labels = goals.labels
    width = (1.0 - GAP * (len(s.pairs) - 1)) / len(s.pairs)
    data: list[m.Dict] = []
    layout: m.Dict = {"title": m.title(f"Expected gain: {percent(share)} of what is dominated"),
                      "height": HEIGHT, "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 72, "b": 44},
                      "hovermode": "closest"}
    for p, pair in enumerate(s.pairs):
        axis = "" if p == 0 else str(p + 1)
        k = list(pair)
        data += _pair(s, k, sign[k], s.region[p] * sign[k], axis)
        shown = np.vstack([s.front[:, k], s.reference[None, k], s.region[p]]) * sign[k]
        left = p * (width + GAP)
        for letter, values, loss in zip("xy", shown.T, k, strict=True):
            layout[f"{letter}axis{axis}"] = _axis(values, labels[loss], goals.directions[loss])
        layout[f"xaxis{axis}"] |= {"anchor": f"y{axis}", "domain": [left, min(1.0, left + width)]}
        layout[f"yaxis{axis}"] |= {"anchor": f"x{axis}"}
    return {"data": data, "layout": layout}


def _axis(values: Array, label: str, direction: str) -> m.Dict:
    log = use_log(values) and bool((values > 0).all())
    ends = m.room(np.log10(values) if log else values)
    return {"title": {"text": f"{safe(m.cut(label))} ({'larger' if direction == 'maximize' else 'smaller'} is better)",
                      "standoff": 4}, "type": "log" if log else "linear", "range": ends, "zeroline": False}


def _pair(s: FrontSlice, k: list[int], sign: Array, region: Array, axis: str) -> list[m.Dict]:
    """One loss against another; what stands in the legend is said in the first picture alone."""
    first = not axis
    front, r, new = s.front[:, k] * sign, s.reference[k] * sign, s.predicted[k] * sign
    rows = np.flatnonzero(np.isfinite(s.observed).all(axis=1))
    seen = s.observed[rows][:, k] * sign
    data = [_dominated(s.front[:, k], s.reference[k], sign, axis)] if len(s.predicted) == 2 and len(front) else []
    trials = m.dots(seen[:, 0], seen[:, 1], "trials", m.GREY, axis=axis, size=6, legend=first, hover="%{x:.4g}, %{y:.4g}")
    data.append(whose.of_rows(trials, rows))
    if len(s.path):
        path = s.path[:, k] * sign
        name = f"predicted along {safe(m.cut(s.name))}"
        line = m.line(path[:, 0], path[:, 1], name, m.PURPLE, axis=axis, width=1.5, legend=first)
        data.append({**line, "mode": "lines+markers", "marker": {"size": 4, "color": m.PURPLE},
                     "text": [safe(m.cut(v)) for v in s.path_values],
                     "hovertemplate": "%{text}: predicted %{x:.4g}, %{y:.4g}<extra></extra>"})
    best = m.dots(front[:, 0], front[:, 1], "front", m.GREEN, axis=axis, size=9, legend=first, hover="%{x:.4g}, %{y:.4g}")
    data.append(whose.of_rows(best, whose.matching(s.front, s.observed)))
    data.append(m.dots(r[:1], r[1:], "reference point", m.GREY, axis=axis, size=9, symbol="square-open", legend=first,
                       hover="%{x:.4g}, %{y:.4g}<br>what lies beyond gains nothing"))
    edge = m.line(region[:, 0], region[:, 1], "next point, 95 %", m.RED, axis=axis, width=1.5, legend=False)
    data.append({**edge, "fill": "toself", "fillcolor": m.fade(m.RED, 0.15), "hoverinfo": "skip", "hovertemplate": None})
    if len(s.candidates):
        others = s.candidates[:, k] * sign
        data.append(m.dots(others[:, 0], others[:, 1], "other candidates", m.ORANGE, axis=axis, size=8,
                           symbol="circle-open", legend=first,
                           hover="a candidate of lower gain<br>predicted %{x:.4g}, %{y:.4g}"))
    data.append(m.dots(new[:1], new[1:], "next point, 95 %", m.RED, axis=axis, size=12, symbol="cross", legend=first,
                       hover="predicted %{x:.4g}, %{y:.4g}"))
    return data


def _dominated(front: Array, r: Array, sign: Array, axis: str) -> m.Dict:
    """Shade what two losses dominate, up to the reference point: a staircase from trial to trial."""
    front = front[np.lexsort((front[:, 1], front[:, 0]))]
    x, y = front.T
    corners = np.stack([np.concatenate([np.repeat(x, 2), [r[0], r[0]]]),
                        np.concatenate([[r[1]], np.repeat(y, 2), [r[1]]])], axis=1) * sign
    line = m.line(corners[:, 0], corners[:, 1], "dominated", m.GREEN, axis=axis, width=1)
    return {**line, "fill": "toself", "fillcolor": m.fade(m.GREEN, 0.14), "hoverinfo": "skip", "hovertemplate": None}
