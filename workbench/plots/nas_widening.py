"""Progressive widening: the cells of each size that were trained, what was predicted of them, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.nas.pnas import PnasExplanation, SmallestCells
from workbench.nas.ranking import spearman
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.space import Array
from workbench.trials import Trial, Trials

HEIGHT = 420
WORST = 0.9  # quantile of the losses that the axis reaches to; what is worse stands at its edge
MOST = 100  # newest cells that are drawn
NONE = "The levels appear when the first of the smallest cells has been suggested."


def reason(trial: Trial) -> Any:
    """Return why a trial was tried; of an algorithm that was asked by another, that one's reason."""
    return getattr(trial.why, "inner", trial.why)


def widening(trials: Trials, *, brushed: frozenset[int] | None = None, height: int = HEIGHT) -> dict[str, Any]:
    """Draw each cell of the beams from left to right: predicted (hollow, with its deviation) beside measured (filled).

    Parameters
    ----------
    trials
        The trials of a run of PNAS, folded from events.
    brushed
        Trials that do not fade.
    height
        In pixels.
    """
    rows = [t for t in trials.by_number.values() if isinstance(reason(t), PnasExplanation | SmallestCells)]
    if not rows:
        return empty(NONE, height=height)
    first = max(0, len(rows) - MOST)
    whys = [reason(t) for t in rows]
    sign = -1.0 if trials.maximize else 1.0
    measured = np.array([np.nan if t.loss is None or not np.isfinite(t.loss) else t.loss for t in rows])
    failed = np.array([t.loss is not None and not np.isfinite(t.loss) for t in rows])
    predicted = np.array([w.predicted if isinstance(w, PnasExplanation) else np.nan for w in whys])
    sd = np.array([w.predicted_sd if isinstance(w, PnasExplanation) else np.nan for w in whys])
    low, high = _room(measured[first:], predicted[first:])
    x, numbers = np.arange(1.0, len(rows) + 1), np.array([t.number for t in rows], dtype=float)
    shown = np.minimum(measured, high)
    at, guess = np.arange(first, len(rows)), np.minimum(predicted, high)
    beyond = at[(measured[at] > high) | failed[at]]
    inside = at[np.isfinite(measured[at]) & (measured[at] <= high)]
    told = at[np.isfinite(predicted[at])]
    both = told[np.isfinite(measured[told])]
    gaps = np.column_stack([x[both], x[both], np.full(len(both), np.nan)]).ravel()
    ends = np.column_stack([guess[both], shown[both], np.full(len(both), np.nan)]).ravel() * sign
    bars = {"type": "data", "array": sd[told], "color": m.fade(m.ORANGE, 0.5), "thickness": 1.2, "width": 0}
    hollow = {**m.dots(x[told], guess[told] * sign, "predicted, ± deviation", m.ORANGE, size=8, symbol="diamond-open"),
              "error_y": bars}
    filled = m.dots(x[inside], measured[inside] * sign, "measured", m.BLUE, size=8)
    edge = m.dots(x[beyond], np.full(len(beyond), high) * sign, "worse than the axis reaches, or failed", m.GREY, size=9,
                  symbol="triangle-up" if sign > 0 else "triangle-down")
    data = [{**m.line(gaps, ends, "how far off", m.fade(m.GREY, 0.6), width=1.2), "hoverinfo": "skip", "hovertemplate": None}]
    for trace, of in ((hollow, told), (filled, inside), (edge, beyond)):
        if len(of):
            trace = whose.of_trials(trace, numbers[of])
            if brushed is not None:
                trace["marker"] = {**trace["marker"], "opacity": whose.faded(numbers[of], brushed)}
            data.append(trace)
    shapes, notes = _levels(whys, first)
    if np.isfinite(measured).any():
        shapes.append(m.level(float(np.nanmin(measured)) * sign, m.GREEN))
    layout = {"title": m.title(_title(whys, measured, predicted)), "height": height, "hovermode": "closest", "dragmode": False,
              "margin": {"l": 64, "r": 16, "t": 112, "b": 44}, "shapes": shapes, "annotations": notes,
              "legend": {**m.LEGEND, "x": 0, "xanchor": "left", "y": 1.14},
              "xaxis": {"title": {"text": "cells of the beams, in the order suggested", "standoff": 4}, "zeroline": False,
                        "range": [first + 0.3, len(rows) + 0.7], "fixedrange": True},
              "yaxis": {"title": {"text": "value (larger is better)" if sign < 0 else "loss"}, "zeroline": False,
                        "range": sorted((low * sign, (high + 0.04 * (high - low)) * sign)), "fixedrange": True}}
    return whose.labelled({"data": data, "layout": layout}, trials)


def _levels(whys: Sequence[Any], first: int) -> tuple[list[m.Dict], list[m.Dict]]:
    """Lines between the levels, and what each is, above."""
    shapes, notes = list[m.Dict](), list[m.Dict]()
    starts = [k for k in range(len(whys)) if not k or _level(whys[k]) != _level(whys[k - 1])]
    for k, end in zip(starts, [*starts[1:], len(whys)], strict=True):
        if end <= first:
            continue
        begin = max(k, first)
        if k > first:
            shapes.append(m.upright(k + 0.5, m.GREY, dash="dot")[0])
        size, text = whys[k].level, f"{whys[k].level} node{'s' * (whys[k].level != 1)}"
        if size == whys[k].n_levels:
            text = "complete"
        if isinstance(whys[k], PnasExplanation) and end - begin > 4:
            text += f"<br>of {whys[k].n_expanded:,}"
        notes.append({"x": (begin + end + 1) / 2, "y": 1.0, "yref": "paper", "yanchor": "bottom", "showarrow": False,
                      "text": text, "font": {"size": 12}})
    return shapes, notes


def _level(why: Any) -> tuple[int, int]:
    return why.level, getattr(why, "fitted_to", 0)


def _title(whys: Sequence[Any], measured: Array, predicted: Array) -> str:
    """Say how the newest level that is told does, and how well its order was predicted."""
    rows = np.flatnonzero(np.isfinite(measured) & np.isfinite(predicted))
    if len(rows) < 3:
        return "All of the smallest cells are trained; nothing is predicted yet"
    newest = [k for k in rows.tolist() if _level(whys[k]) == _level(whys[rows[-1]])]
    off = float(np.mean(np.abs(measured[rows] - predicted[rows])))
    text = f"Predictions are off by {m.three(off)} in the mean"
    rho = spearman(predicted[newest], measured[newest]) if len(newest) >= 3 else float("nan")
    return text + (f"; within the newest beam the rank correlation is {m.three(rho)}" if np.isfinite(rho) else "")


def _room(measured: Array, predicted: Array) -> tuple[float, float]:
    """Ends of the axis: the best, and the worst but a tenth."""
    known = np.concatenate([measured[np.isfinite(measured)], predicted[np.isfinite(predicted)]])
    if not len(known):
        return 0.0, 1.0
    top = float(np.quantile(known, WORST))
    pad = 0.08 * (top - float(known.min())) or 0.5 * abs(top) or 0.5
    return float(known.min()) - pad, top + pad
