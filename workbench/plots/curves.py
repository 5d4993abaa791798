"""Learning curves of iterative objectives, coloured by what became of each trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.fates import Fates
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.plots.history import use_log
from workbench.space import Array
from workbench.trials import Trial, Trials

_COLORS = {"running": m.ORANGE, "complete": m.BLUE, "pruned": m.PURPLE, "failed": m.RED, "interrupted": m.GREY}
_FATES = {"running": m.ORANGE, "promoted": m.GREEN, "waiting": m.PURPLE, "finished": m.BLUE, "stopped": m.GREY, "failed": m.RED,
          "interrupted": m.GREY}  # under a scheduler
MAX_CURVES = 60
MAX_UNDER_A_SCHEDULER = 200  # most are short
POINTS = 60  # of a curve in the crowd
_AT = "step %{x}: %{y:.4g}"
POINTS_ALONE = 400  # of one that is drawn by itself


def curves(trials: Trials, selected: int | None = None, brushed: frozenset[int] | None = None, fates: Fates | None = None, *,
           log_steps: bool = False) -> dict[str, Any]:
    """Draw the newest learning curves, and always the best trial's and the selected one's.

    The crowd is one trace a state, so that many curves cost no more than few; a click picks a trial all the same.
    Trials that are not brushed fade, and leave the room to brushed ones. Under a scheduler its verdicts are the states, the
    longest curves stay, and lines show where trials are compared; ``log_steps`` puts these at equal distances.
    """
    scheduled = fates is not None and bool(fates.scheduler)
    colors = _FATES if scheduled else _COLORS
    with_curve = [t for t in trials.by_number.values() if t.curve]
    if any(t.curves for t in list(trials.by_number.values())):
        return empty(f"Learning curves are drawn of one loss; this run has {len(trials.goals)}.")
    if not with_curve:
        return empty("No learning curve. An objective that yields one loss per epoch, or reports to Optuna, has one.")
    alone = {"best": trials.best, "picked": trials.by_number.get(-1 if selected is None else selected)}
    drawn = [t for t in alone.values() if t is not None and t.curve]
    order = with_curve if brushed is None else sorted(with_curve, key=lambda t: t.number in brushed)  # stable
    if scheduled:
        order = sorted(order, key=lambda t: (brushed is not None and t.number in brushed, len(t.curve)))
    most = MAX_UNDER_A_SCHEDULER if scheduled else MAX_CURVES
    crowd = [t for t in order[-most:] if all(t is not other for other in drawn)]
    on = [t for t in crowd if brushed is None or t.number in brushed]
    off = [t for t in crowd if brushed is not None and t.number not in brushed]
    data = [{**trace, "opacity": 0.25} for trace in _crowd(trials, off, "not brushed", m.GREY)]
    for state, color in colors.items():
        data += _crowd(trials, [t for t in on if _state(t, fates if scheduled else None) == state], state, color)
    for name, color in (("best", m.GREEN), ("picked", m.RED)):
        t = alone[name]
        if t is not None and t.curve and (name == "best" or t is not trials.best):
            data.append(_one(trials, t, name, color))
    values = np.concatenate([np.asarray(trace["y"], dtype=float) for trace in data])
    finite = values[np.isfinite(values)]
    longest = max(t.curve[-1][0] for t in crowd + drawn)
    budgets = fates.budgets if fates is not None and scheduled else ()
    first = min(t.curve[0][0] for t in crowd + drawn)
    log = log_steps and first > 0
    ticks: m.Dict = {"tickvals": list(budgets)} if budgets and log else {"dtick": 1} if longest <= 12 else {}
    layout = {"title": m.title("Learning curves"), "height": 340, "hovermode": "closest",
              "shapes": [{"type": "line", "xref": "x", "yref": "paper", "x0": r, "x1": r, "y0": 0, "y1": 1, "layer": "below",
                          "line": {"color": m.fade(m.GREY, 0.6), "width": 1, "dash": "dash"}} for r in budgets if r <= longest],
              "xaxis": {"title": {"text": "step"}, "type": "log" if log else "linear", **ticks},
              "yaxis": {"title": {"text": "value" if trials.maximize else "loss"},
                        "type": "log" if use_log(finite) else "linear"},
              "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 56, "b": 44}}
    states = {k: f.status for k, f in fates.by_number.items()} if fates is not None and scheduled else None
    return whose.labelled({"data": data, "layout": layout}, trials, states)


def _points(trials: Trials, t: Trial, most: int) -> tuple[Array, Array]:
    rows = np.unique(np.linspace(0, len(t.curve) - 1, most).astype(int)) if len(t.curve) > most else range(len(t.curve))
    steps = np.array([t.curve[i][0] for i in rows], dtype=float)
    losses = np.array([trials.value(t.curve[i][1]) for i in rows], dtype=float)
    return steps, np.where(np.isfinite(losses), losses, np.nan)


def _state(t: Trial, fates: Fates | None) -> str:
    fate = None if fates is None else fates.by_number.get(t.number)
    return t.state if fate is None else fate.status


def _crowd(trials: Trials, some: list[Trial], state: str, color: str) -> list[m.Dict]:
    """Draw several curves as one trace, with gaps between them, and those of one step as one of dots."""
    lines, points = [t for t in some if len(t.curve) > 1], [t for t in some if len(t.curve) == 1]
    more = {"opacity": 1.0 if state == "running" else 0.55, "connectgaps": False}
    data = []
    if lines:
        gap = np.array([np.nan])
        parts = [_points(trials, t, POINTS) for t in lines]
        x = np.concatenate([a for steps, _ in parts for a in (steps, gap)])
        y = np.concatenate([a for _, values in parts for a in (values, gap)])
        numbers = np.concatenate([np.full(len(steps) + 1, t.number) for t, (steps, _) in zip(lines, parts, strict=True)])
        dash = "dot" if state in ("pruned", "stopped") else "solid"
        data.append({**whose.of_trials(m.line(x, y, state, color, width=1.5, dash=dash), numbers, _AT), **more})
    if points:
        ends = [_points(trials, t, 1) for t in points]
        dots = m.dots(np.concatenate([x for x, _ in ends]), np.concatenate([y for _, y in ends]), state, color, size=5,
                      legend=not lines)
        data.append({**whose.of_trials(dots, [t.number for t in points], _AT), **more})
    return data


def _one(trials: Trials, t: Trial, name: str, color: str) -> m.Dict:
    steps, values = _points(trials, t, POINTS_ALONE)
    trace = m.line(steps, values, name, color, width=3)
    return {**whose.of_trials(trace, np.full(len(steps), t.number), _AT), "mode": "lines+markers" if len(steps) == 1 else "lines"}
