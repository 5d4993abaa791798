"""Validation against test as trials grow, nested cross-validation fold by fold, and what luck alone comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.automl.nested import NestedFolds
from workbench.automl.overtuning import Overtuning, luck
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array

HEIGHT = 360
Places = NDArray[np.int64]


def overtuning(o: Overtuning) -> dict[str, Any]:
    """Draw both losses of the incumbents as steps, the gap between them, and the incumbent that was best on the test."""
    x, valid = _steps(o.after, o.valid, o.n_trials)
    _, test = _steps(o.after, o.test, o.n_trials)
    best = int(np.argmin(o.test))
    above = m.band(x, np.minimum(valid, test), np.maximum(valid, test), "optimism", m.GREY)
    hover = [f"trial {t}: validation {v:.4g}, test {s:.4g}" for t, v, s in zip(o.trials, o.valid, o.test, strict=True)]
    looks = ((o.valid, "incumbent, validation", m.BLUE, "circle"), (o.test, "incumbent, test", m.RED, "diamond"))
    dots = [{**m.dots(o.after.astype(float), y, name, color, size=8, symbol=symbol), "text": hover,
             "hovertemplate": "%{text}<extra></extra>"} for y, name, color, symbol in looks]
    ring = m.dots(o.after[[best]].astype(float), o.test[[best]], "best on the test", m.GREEN, size=17, symbol="circle-open")
    lost = float(o.lost[-1])
    said = "no overtuning" if lost <= 0 else f"searching on has cost {m.three(lost)}"
    lines = [_line(x, valid, m.BLUE, "solid"), _line(x, test, m.RED, "dash")]
    return {"data": [*above, *lines, *dots, ring], "layout": {
        "title": m.title(f"Validation promises {m.three(o.valid[-1])}, the test keeps {m.three(o.test[-1])}: {said}"),
        "height": HEIGHT, "hovermode": "closest", "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 84, "b": 44},
        "xaxis": {"title": {"text": "results, in the order told"}, "range": [0.5, max(o.n_trials, 2) + 0.5]},
        "yaxis": {"title": {"text": safe(o.loss)}, "range": m.room(o.valid, o.test)}}}


def mean_gap(runs: Sequence[Overtuning], *, band: float = 0.5) -> dict[str, Any]:
    """Draw the mean validation and test loss of the incumbents over several searches, with the middle share of them as a band."""
    n = min(o.n_trials for o in runs)
    x = np.unique(np.round(np.geomspace(1, n, 60)).astype(int))
    rows = {name: np.array([_at(o.after, y, x) for o, y in zip(runs, ys, strict=True)])
            for name, ys in (("validation", [o.valid for o in runs]), ("test", [o.test for o in runs]))}
    data: list[m.Dict] = []
    for (name, y), color, dash in zip(rows.items(), (m.BLUE, m.RED), ("solid", "dash"), strict=True):
        low, high = np.nanquantile(y, [0.5 - band / 2, 0.5 + band / 2], axis=0)
        data += [*({**edge, "showlegend": False} for edge in m.band(x.astype(float), low, high, name, color)),
                 m.line(x.astype(float), np.nanmean(y, axis=0), name, color, dash=dash)]
    gap = float(np.nanmean(rows["test"][:, -1] - rows["validation"][:, -1]))
    ends = np.nanquantile(np.concatenate([y.ravel() for y in rows.values()]), [0.01, 0.99])
    return {"data": data, "layout": {
        "title": m.title(f"After {n} trials the test is {m.three(gap)} above validation, on average of {len(runs)} searches"),
        "height": HEIGHT, "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 72, "b": 44},
        "xaxis": {**m.decades(1, n), "title": {"text": "trials (log scale)"}, "range": [-0.03, float(np.log10(n)) + 0.03]},
        "yaxis": {"title": {"text": f"{safe(runs[0].loss)} of the incumbent"}, "range": m.room(ends)}}}


def nested(folds: NestedFolds) -> dict[str, Any]:
    """Draw what each search believed and what its choice did on the fold's own test rows."""
    if not folds.outer:
        return empty("No fold has been judged yet.", height=HEIGHT)
    n = len(folds.outer)
    x, inner, outer = np.arange(1, n + 1, dtype=float), np.array(folds.inner), np.array(folds.outer)
    between = m.line(np.repeat(x, 3), np.column_stack([inner, outer, np.full(n, np.nan)]).ravel(), "", m.GREY, width=3)
    configs = [", ".join(f"{safe(k)} {v:.3g}" if isinstance(v, float) else f"{safe(k)} {safe(v)}" for k, v in c.items())
               for c in folds.configs]
    looks = ((inner, "inner, chosen by", m.BLUE, "circle"), (outer, "outer, new rows", m.RED, "diamond"))
    dots = [{**m.dots(x, y, name, color, size=12, symbol=symbol), "text": configs,
             "hovertemplate": f"fold %{{x}}, {name}: %{{y:.4g}}<br>%{{text}}<extra></extra>"} for y, name, color, symbol in looks]
    return {"data": [{**between, "showlegend": False, "hoverinfo": "skip"}, *dots], "layout": {
        "title": m.title(f"New data may expect {m.three(outer.mean())}; the searches believed {m.three(inner.mean())}"),
        "height": HEIGHT, "hovermode": "closest", "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 72, "b": 44},
        "shapes": [m.level(float(inner.mean()), m.BLUE), m.level(float(outer.mean()), m.RED, dash="dash")],
        "xaxis": {"title": {"text": "outer fold"}, "dtick": 1, "range": [0.5, max(n, 5) + 0.5]},
        "yaxis": {"title": {"text": safe(folds.loss)}, "range": m.room(inner, outer, margin=0.15)}}}


def by_luck(error: float, rows: Sequence[int] = (30, 100, 300, 1000), *, n_trials: int = 1000) -> dict[str, Any]:
    """Draw the validation error of the best of n configurations that are all equally good, by size of the validation set."""
    n = np.unique(np.round(np.geomspace(1, n_trials, 50)).astype(int))
    colors, dashes = (m.RED, m.ORANGE, m.BLUE, m.GREEN, m.PURPLE), ("solid", "dash", "dot", "dashdot", "longdash")
    lines = [m.line(n.astype(float), luck(error, size, n.tolist()), f"{size} rows", colors[k % 5], dash=dashes[k % 5])
             for k, size in enumerate(rows)]
    return {"data": lines, "layout": {
        "title": m.title(f"All configurations err on {error:.0%}; the best of many seems better"), "height": HEIGHT,
        "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 72, "b": 44}, "shapes": [m.level(error, m.GREY)],
        "xaxis": {**m.decades(1, n_trials), "title": {"text": "configurations tried (log scale)"},
                  "range": [-0.03, float(np.log10(n_trials)) + 0.03]},
        "yaxis": {"title": {"text": "expected validation error of the best"}, "range": [0.0, 1.15 * error]}}}


def _steps(after: Places, y: Array, n: int) -> tuple[Array, Array]:
    """Turn incumbents into a step line that ends with the last result."""
    x = np.r_[np.repeat(after, 2)[1:], n].astype(float)
    return x, np.repeat(y, 2)


def _at(after: Places, y: Array, x: Array) -> Array:
    """Read the incumbent's value after each of these numbers of trials; nan before the first."""
    place = np.searchsorted(after, x, side="right") - 1
    return np.where(place >= 0, y[np.maximum(place, 0)], np.nan)


def _line(x: Array, y: Array, color: str, dash: str) -> m.Dict:
    return {**m.line(x, y, "", color, dash=dash), "showlegend": False, "hoverinfo": "skip", "hovertemplate": None}
