"""Several losses: one against another, every trial a dot, and the Pareto set."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty, safe
from workbench.plots.history import thinned, use_log
from workbench.trials import Trial, Trials


def front(trials: Trials, selected: int | None = None, brushed: frozenset[int] | None = None) -> dict[str, Any]:
    """Draw the first two losses against each other; of three and more the Pareto set is that of all.

    Trials without two finite losses have no place. Trials that are not brushed fade.
    """
    told = [trials.by_number[k] for k in list(trials.told)]
    placed = [t for t in told if t.losses and all(map(math.isfinite, t.losses[:2]))]
    if not placed:
        return empty("No result yet: every trial will be a dot, one loss against another.")
    goals, top, numbers = trials.goals, trials.pareto, trials.top
    others = [t for t in placed if t.number not in numbers]
    values = np.array([trials.values(t.losses)[:2] for t in placed])
    data = []
    for state, color in (("complete", m.BLUE), ("pruned", m.PURPLE)):
        some = [t for t in others if t.state == state]
        if some:
            data.append(_dots(trials, [some[i] for i in thinned(len(some))], state, color, 7, brushed))
    if top:
        data.append(_dots(trials, top, "Pareto set", m.GREEN, 10, brushed))
        if len(goals) == 2:
            data.append(_staircase(trials, top))
    picked = [t for t in placed if t.number == selected]
    if picked:
        ring = _dots(trials, picked, "picked", m.ORANGE, 19, None)
        ring["marker"]["symbol"] = "circle-open"
        data.append(ring)
    x, y = (f"{safe(label)} ({'larger' if d == 'maximize' else 'smaller'} is better)"
            for label, d in zip(goals.labels[:2], goals.directions[:2], strict=True))
    kind = ["log" if use_log(v) else "linear" for v in values.T]
    title = "Pareto set" if len(goals) == 2 else f"Pareto set of {len(goals)} losses, by the first two"
    layout = {"title": m.title(title), "height": 340, "hovermode": "closest",
              "xaxis": {"title": {"text": x}, "type": kind[0]}, "yaxis": {"title": {"text": y}, "type": kind[1]},
              "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 56, "b": 44}}
    return whose.labelled({"data": data, "layout": layout}, trials)


def _dots(trials: Trials, some: list[Trial], name: str, color: str, size: int, brushed: frozenset[int] | None) -> m.Dict:
    x, y = np.array([trials.values(t.losses)[:2] for t in some]).T
    dots, numbers = m.dots(x, y, name, color, size=size), [t.number for t in some]
    dots["marker"]["opacity"] = whose.faded(numbers, brushed, 0.8)
    return whose.of_trials(dots, numbers)


def _staircase(trials: Trials, top: list[Trial]) -> m.Dict:
    """Draw the edge of what two losses dominate: from trial to trial along the first loss, then down the second."""
    x, y = np.array([trials.values(t.losses) for t in top]).T
    line = m.line(x, y, "edge of what is dominated", m.GREEN, width=1.5, legend=False)
    line["line"]["shape"] = "hv"
    return {**line, "hoverinfo": "skip", "hovertemplate": None}
