"""Best so far: every trial a dot, and the line of the best value known after each result."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.trials import Trial, Trials

_MARKS = {"complete": ("circle", m.BLUE), "pruned": ("line-ew", m.PURPLE), "failed": ("x-thin", m.RED),
          "interrupted": ("square-open", m.GREY)}
MAX_DOTS = 300


def history(trials: Trials, selected: int | None = None, brushed: frozenset[int] | None = None) -> dict[str, Any]:
    """Draw the values of all trials in the order of their results, and the best so far.

    Failed trials, which have no value, stand as crosses at the top of the picture. Trials that are not brushed fade.
    """
    told = [trials.by_number[k] for k in trials.told]
    if not told:
        return empty("No trial yet. Press Start, or Step for one at a time.")
    values = np.array([np.nan if t.loss is None else trials.value(t.loss) for t in told], dtype=float)
    finite = values[np.isfinite(values)]
    place = np.arange(1, len(told) + 1)
    log = use_log(finite)
    top = float(finite.max()) if len(finite) else 1.0
    data = []
    keep = thinned(len(told))
    for state, (symbol, color) in _MARKS.items():
        rows = [i for i in keep if told[i].state == state]
        if not rows:
            continue
        y = np.where(np.isfinite(values[rows]), values[rows], top)
        dots = m.dots(place[rows].astype(float), y, state, color, size=8 if len(told) <= 100 else 6, symbol=symbol)
        numbers = [told[i].number for i in rows]
        if brushed is not None:
            dots["marker"]["opacity"] = whose.faded(numbers, brushed, 0.9)
        data.append({**whose.of_trials(dots, numbers), "opacity": 0.8 if brushed is None else 1.0})
    data += _best_line(told, values, place, maximize=trials.maximize)
    if trials.best is not None:
        data.append(_ring(place, told, values, trials.best.number, "best", m.GREEN, 15))
    if selected is not None and selected in trials.told:
        data.append(_ring(place, told, values, selected, "picked", m.ORANGE, 19))
    room = _room(len(told), trials)
    layout = {"title": m.title("Best so far"), "height": 340, "hovermode": "closest",
              "xaxis": {"title": {"text": "results, in the order told"}, "range": [1 - 0.015 * room, 1.015 * room]},
              "yaxis": {"title": {"text": "value (larger is better)" if trials.maximize else "loss"},
                        "type": "log" if log else "linear"},
              "legend": m.LEGEND,
              "margin": {"l": 60, "r": 16, "t": 56, "b": 44}}
    return whose.labelled({"data": data, "layout": layout}, trials)


def use_log(finite: np.ndarray[Any, Any]) -> bool:
    """Whether a log axis helps: all values positive, over more than two decades."""
    return len(finite) > 3 and bool(finite.min() > 0) and math.log10(finite.max() / finite.min()) > 2


def _room(n: int, trials: Trials) -> int:
    """Length of the axis: a round number that seldom changes, at most the number of trials that was asked for."""
    round_up = next(r for e in range(9) for r in (int(10**e), int(2 * 10**e), int(5 * 10**e)) if r >= max(n, 10))
    planned = trials.started.n_trials if trials.started is not None else None
    return round_up if planned is None or planned < n else min(round_up, max(planned, 5))


def thinned(n: int) -> list[int]:
    """Rows to draw as dots: all of a few, else the newest half of the room and an even choice of the older ones."""
    if n <= MAX_DOTS:
        return list(range(n))
    new = MAX_DOTS // 2
    return sorted({*np.linspace(0, n - new, MAX_DOTS - new, dtype=int).tolist(), *range(n - new, n)})


def _best_line(told: list[Trial], values: Any, place: Any, *, maximize: bool) -> list[m.Dict]:
    good = np.array([t.state == "complete" and not t.only_near for t in told]) & np.isfinite(values)
    if not good.any():
        return []
    worst = -np.inf if maximize else np.inf
    kept = np.where(good, values, worst)
    best = np.maximum.accumulate(kept) if maximize else np.minimum.accumulate(kept)
    first = int(np.flatnonzero(good)[0])
    x, y = place[first:].astype(float), best[first:]
    corner = np.flatnonzero(np.r_[True, np.diff(y) != 0, True][:-1] | np.r_[np.zeros(len(y) - 1, bool), True])
    line = m.line(x[corner], y[corner], "best so far", m.GREEN)
    line["line"]["shape"] = "hv"
    return [{**line, "hoverinfo": "skip", "hovertemplate": None}]  # it would take the pointer from the dots on it


def _ring(place: Any, told: list[Trial], values: Any, number: int, name: str, color: str, size: int) -> m.Dict:
    i = next(k for k, t in enumerate(told) if t.number == number)
    return whose.of_trials(m.dots(place[[i]].astype(float), values[[i]], name, color, size=size, symbol="circle-open"), [number])
