"""Learning curves of iterative objectives, coloured by what became of each trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots.figure import empty
from workbench.plots.history import hover_text, use_log
from workbench.space import Array
from workbench.trials import Trial, Trials

_COLORS = {"running": m.ORANGE, "complete": m.BLUE, "pruned": m.PURPLE, "failed": m.RED, "interrupted": m.GREY}
MAX_CURVES = 60
POINTS = 60  # of a curve in the crowd
POINTS_ALONE = 400  # of one that is drawn by itself


def curves(trials: Trials, selected: int | None = None, brushed: frozenset[int] | None = None) -> dict[str, Any]:
    """Draw the newest learning curves, and always the best trial's and the selected one's.

    The crowd is one trace a state, so that many curves cost no more than few; a click picks a trial all the same.
    Trials that are not brushed fade, and leave the room to brushed ones.
    """
    with_curve = [t for t in trials.by_number.values() if t.curve]
    if any(t.curves for t in list(trials.by_number.values())):
        return empty(f"Learning curves are drawn of one loss; this run has {len(trials.goals)}.")
    if not with_curve:
        return empty("No learning curve. An objective that yields one loss per epoch, or reports to Optuna, has one.")
    alone = {"best": trials.best, "selected": trials.by_number.get(-1 if selected is None else selected)}
    drawn = [t for t in alone.values() if t is not None and t.curve]
    order = with_curve if brushed is None else sorted(with_curve, key=lambda t: t.number in brushed)  # stable
    crowd = [t for t in order[-MAX_CURVES:] if all(t is not other for other in drawn)]
    on = [t for t in crowd if brushed is None or t.number in brushed]
    off = [t for t in crowd if brushed is not None and t.number not in brushed]
    data = [{**_crowd(trials, off, "not brushed"), "opacity": 0.25}] if off else []
    data += [_crowd(trials, some, state) for state in _COLORS if (some := [t for t in on if t.state == state])]
    for name, color in (("best", m.GREEN), ("selected", m.RED)):
        t = alone[name]
        if t is not None and t.curve and (name == "best" or t is not trials.best):
            data.append(_one(trials, t, name, color))
    values = np.concatenate([np.asarray(trace["y"], dtype=float) for trace in data])
    finite = values[np.isfinite(values)]
    longest = max(t.curve[-1][0] for t in crowd + drawn)
    layout = {"title": m.title("Learning curves"), "height": 340, "hovermode": "closest",
              "xaxis": {"title": {"text": "step"}, **({"dtick": 1} if longest <= 12 else {})},
              "yaxis": {"title": {"text": "value" if trials.maximize else "loss"},
                        "type": "log" if use_log(finite) else "linear"},
              "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 56, "b": 44}}
    return {"data": data, "layout": layout}


def _points(trials: Trials, t: Trial, most: int) -> tuple[Array, Array]:
    rows = np.unique(np.linspace(0, len(t.curve) - 1, most).astype(int)) if len(t.curve) > most else range(len(t.curve))
    steps = np.array([t.curve[i][0] for i in rows], dtype=float)
    losses = np.array([trials.value(t.curve[i][1]) for i in rows], dtype=float)
    return steps, np.where(np.isfinite(losses), losses, np.nan)


def _crowd(trials: Trials, some: list[Trial], state: str) -> m.Dict:
    """Draw several curves as one trace, with gaps between them."""
    gap = np.array([np.nan])
    parts = [_points(trials, t, POINTS) for t in some]
    x = np.concatenate([a for steps, _ in parts for a in (steps, gap)])
    y = np.concatenate([a for _, values in parts for a in (values, gap)])
    numbers = np.concatenate([np.full(len(steps) + 1, t.number) for t, (steps, _) in zip(some, parts, strict=True)])
    trace = m.line(x, y, state, _COLORS.get(state, m.GREY), width=1.5, dash="dot" if state == "pruned" else "solid")
    short = any(len(t.curve) == 1 for t in some)
    return {**trace, "mode": "lines+markers" if short else "lines", "marker": {"size": 5}, "customdata": numbers,
            "opacity": 1.0 if state == "running" else 0.55, "connectgaps": False,
            "hovertemplate": "trial %{customdata}, step %{x}: %{y:.4g}<extra></extra>"}


def _one(trials: Trials, t: Trial, name: str, color: str) -> m.Dict:
    steps, values = _points(trials, t, POINTS_ALONE)
    trace = m.line(steps, values, name, color, width=3)
    return {**trace, "mode": "lines+markers" if len(steps) == 1 else "lines", "meta": t.number,
            "text": hover_text(t), "hovertemplate": "%{text}<br>step %{x}: %{y:.4g}<extra></extra>"}
