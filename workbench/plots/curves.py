"""Learning curves of iterative objectives, coloured by what became of each trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots.figure import empty
from workbench.plots.history import hover_text, use_log
from workbench.trials import Trials

_COLORS = {"running": m.ORANGE, "complete": m.BLUE, "pruned": m.PURPLE, "failed": m.RED, "interrupted": m.GREY}
MAX_CURVES = 60


def curves(trials: Trials, selected: int | None = None) -> dict[str, Any]:
    """Draw the newest learning curves, and always the best trial's and the selected one's."""
    with_curve = [t for t in trials.by_number.values() if t.curve]
    if not with_curve:
        return empty("No learning curve. An objective that yields one loss per epoch, or reports to Optuna, has one.")
    keep = {t.number: t for t in with_curve[-MAX_CURVES:]}
    for t in (trials.best, trials.by_number.get(-1 if selected is None else selected)):
        if t is not None and t.curve:
            keep[t.number] = t
    data, seen = [], set()
    everything = []
    for t in keep.values():
        steps = np.array([k for k, _ in t.curve], dtype=float)
        values = np.array([trials.value(v) for _, v in t.curve], dtype=float)
        everything.append(values[np.isfinite(values)])
        best, chosen = t is trials.best, t.number == selected
        name = "best" if best else t.state
        color = m.GREEN if best else _COLORS[t.state]
        line = m.line(steps, values, name, color, width=3.5 if best or chosen else 1.5, legend=name not in seen,
                      dash="dot" if t.state == "pruned" else "solid")
        if len(steps) == 1:
            line["mode"] = "lines+markers"
        seen.add(name)
        data.append({**line, "legendgroup": name, "opacity": 1.0 if best or chosen or t.state == "running" else 0.55,
                     "text": hover_text(t), "meta": t.number,  # one text for all points; a click picks the trial
                     "hovertemplate": "%{text}<br>step %{x}: %{y:.4g}<extra></extra>"})
    finite = np.concatenate(everything) if everything else np.empty(0)
    layout = {"title": m.title("Learning curves"), "height": 340, "hovermode": "closest",
              "xaxis": {"title": {"text": "step"}},
              "yaxis": {"title": {"text": "value" if trials.maximize else "loss"},
                        "type": "log" if use_log(finite) else "linear"},
              "legend": m.LEGEND,
              "margin": {"l": 60, "r": 16, "t": 56, "b": 44}}
    return {"data": data, "layout": layout}
