"""Anytime performance: the best loss seen so far against the steps spent, several methods, several seeds each.

Trials cost different numbers of steps where training may stop early, so methods are compared by steps, not by trials. Both axes
are logarithmic where that helps: what a method finds early and what it finds late are both to be seen. The line is the median
over the seeds, the band their middle half.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from workbench.events import Event
from workbench.over_seeds import quartiles
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.history import use_log
from workbench.plots.race import COLORS, DASHES, FLOOR, HEIGHT
from workbench.progress import Progress
from workbench.space import Array

POINTS = 500  # of a line, evenly spread over the log axis
ROUND = (1, 2, 5)  # ticks within a decade, where there are few decades


def losses_in_order(events: Iterable[Event]) -> Array:
    """Losses of a run step by step, in the order in which they were known; shape (steps,).

    A report counts the steps since the trial's last one. Before a loss is known its steps are spent already: they stand as inf.
    """
    return np.array(Progress(events).step_losses)


def anytime(losses: Mapping[str, Sequence[Array]], *, optimum: float | None = None, full: int | None = None,
            name: str = "") -> m.Dict:
    """Draw methods by the losses of their steps.

    Parameters
    ----------
    losses
        Name of a method -> for each seed the losses of its steps, in their order. A method's line ends with its shortest seed.
    optimum
        The least loss that there is; then the distance from it is drawn.
    full
        Steps of one whole training: marked, and so is ten times as much.
    name
        Of the problem, for the title.
    """
    best = {label: _best(seeds, optimum) for label, seeds in losses.items()}
    best = {label: curves for label, curves in best.items() if curves.size and np.isfinite(curves).any()}
    if not best:
        return empty("The curves appear when each method has one step.", height=HEIGHT)
    longest = max(curves.shape[1] for curves in best.values())
    bands: list[m.Dict] = []
    lines: list[m.Dict] = []
    for k, (label, curves) in enumerate(best.items()):
        color, dash = COLORS[k % len(COLORS)], DASHES[k // len(COLORS) % len(DASHES)]
        at = spread(curves.shape[1])
        x = at.astype(float)
        low, middle, high = (np.where(np.isfinite(q), q, np.nan) for q in quartiles(curves[:, at - 1]))
        text = safe(m.cut(label, 40))
        if len(curves) > 1:
            lower, upper = m.band(x, low, high, text, color, alpha=0.16)
            bands += [{**edge, "showlegend": False, "line": {"width": 0, "shape": "hv"}} for edge in (lower, upper)]
        line = m.line(x, middle, text, color, width=2.5, dash=dash)
        lines.append({**line, "line": {**line["line"], "shape": "hv"}, "legendgroup": text,
                      "hovertemplate": f"{text}: median %{{y:.4g}} after %{{x}} steps<extra></extra>"})
    drawn = np.concatenate([np.asarray(t["y"], dtype=float) for t in bands + lines])
    shapes, notes = _trainings(full, longest)
    quantity = "best loss so far" if optimum is None else "distance from the optimum"
    layout = {"title": m.title(_title(quantity, name, {len(curves) for curves in best.values()})), "height": HEIGHT,
              "hovermode": "closest", "margin": {"l": 66, "r": 16, "t": 84, "b": 44}, "shapes": shapes, "annotations": notes,
              "xaxis": {"title": {"text": "steps spent, all trials together (log scale)"}, **_log(1, longest),
                        "range": [0, math.log10(longest) + 0.02]},
              "yaxis": {"title": {"text": quantity}, **_y(drawn[np.isfinite(drawn)], log=optimum is not None)},
              "legend": {**m.LEGEND, "x": 0, "xanchor": "left", "y": 1.06, "traceorder": "normal"}}
    return {"data": bands + lines, "layout": layout}


def spread(n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Steps 1 … n, the ends included, so many that a log axis looks complete."""
    if n <= POINTS:
        return np.arange(1, n + 1)
    return np.unique(np.geomspace(1, n, POINTS).round().astype(np.int64))


def _best(seeds: Sequence[Array], optimum: float | None) -> Array:
    """Best so far of each seed, as far as all of them go; shape (seeds, steps)."""
    n = min((len(s) for s in seeds), default=0)
    known = np.array([np.where(np.isnan(s), np.inf, s)[:n] for s in map(np.asarray, seeds)]).reshape(len(seeds), n)
    curves = np.minimum.accumulate(known, axis=1)
    return curves if optimum is None else np.maximum(curves - optimum, FLOOR)


def _title(quantity: str, name: str, counts: set[int]) -> str:
    on = f" on {safe(m.cut(name, 40))}" if name else ""
    if counts == {1}:
        return f"{quantity.capitalize()}{on}: one seed"
    n = str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    return f"{quantity.capitalize()}{on}: median and middle half of {n} seeds"


def _trainings(full: int | None, longest: int) -> tuple[list[m.Dict], list[m.Dict]]:
    """Mark where one whole training could have been paid, and ten."""
    shapes, notes = [], []
    for k in (1, 10, 100) if full else ():
        x = k * (full or 1)
        if x <= longest:
            words = "a whole training" if k == 1 else f"{k} of them"
            shapes.append({"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "layer": "below",
                           "line": {"color": m.GREY, "width": 1.2, "dash": "dot"}})
            notes.append({"xref": "x", "yref": "paper", "x": math.log10(x), "y": 1, "text": words, "showarrow": False,
                          "xanchor": "right", "yanchor": "top", "textangle": -90, "font": {"size": 11}})
    return shapes, notes


def _y(values: Array, *, log: bool) -> m.Dict:
    low, high = float(values.min()), float(values.max())
    if not (log or use_log(values)) or low <= 0:
        return {"type": "linear"}
    return _log(low, high)


def _log(low: float, high: float) -> m.Dict:
    """Settings of a log axis: a tick at each power of ten, and at 2 and 5 times it where there are few."""
    if high > 3000 * low:
        return m.decades(low, high)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [k * 10.0**e for e in range(first, last + 1) for k in ROUND]
    ticks = [v for v in ticks if 0.7 * low <= v <= 1.3 * high]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{v:g}" for v in ticks]}
