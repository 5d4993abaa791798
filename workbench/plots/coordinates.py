"""Parallel coordinates: every trial a line across one axis per parameter; a parameter that is inactive leaves a gap.

Drawn with one scatter trace per colour and breaks between the lines, not with plotly's own parallel coordinates: these
know no gaps and do not say which trial a line is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.axes import Axis, axes_of
from workbench.plots.figure import empty, safe
from workbench.space import Array
from workbench.trials import Trial, Trials

HEIGHT = 400
MAX_LINES = 300  # what a page draws several times a second
N_BEST = 100  # of them are the best
N_COLOURS = 10  # each a trace: as many lines in each
GOLDEN = 0.6180339887498949
# Cividis without its ends, which would not be seen on black or on white; the best losses are yellow
RAMP = ["#3b496c", "#4d566d", "#5d636f", "#6d7073", "#7c7b78", "#8d8878", "#9f9574", "#b1a36d", "#c4b262", "#d8c153"]

Interval = tuple[float, float]  # coordinates, the lower first
Brush = Mapping[str, tuple[Interval, ...]]  # by the key of the axis; a trial must be in one interval on every axis


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Trials as coordinates on axes, shape (n, d + m), the m losses last; nan where a trial has no value.

    ``loss`` is the column that colours the lines, the first of several losses; ``maximize`` tells which end is good.
    """

    axes: list[Axis]
    trials: list[Trial]
    coordinates: Array
    loss: int
    maximize: bool

    @property
    def losses(self) -> Array:
        """The losses that colour the lines, in the user's sign."""
        return np.asarray(self.coordinates[:, self.loss])

    def inside(self, brush: Brush) -> NDArray[np.bool_]:
        """Which trials lie in the brush. A trial without a value on a brushed axis does not."""
        kept = np.ones(len(self.trials), dtype=bool)
        for j, axis in enumerate(self.axes):
            if axis.key in brush:
                c = self.coordinates[:, j]
                kept &= np.any([(c >= low) & (c <= high) for low, high in brush[axis.key]], axis=0)
        return kept

    def numbers(self, rows: NDArray[np.bool_]) -> frozenset[int]:
        """Numbers of the trials in these rows."""
        return frozenset(t.number for t, on in zip(self.trials, rows, strict=True) if on)


def table(trials: Trials) -> Table:
    """Turn the trials that have ended into coordinates."""
    told = [t for k in list(trials.told) if (t := trials.by_number[k]).state != "interrupted"]
    values = values_of(trials, told)
    axes = axes_of(trials, values)
    m_losses = values.shape[1]
    coordinates = np.full((len(told), len(axes)), np.nan)
    for i, t in enumerate(told):
        for j, axis in enumerate(axes[:-m_losses]):
            name = axis.key.removeprefix("param:")
            if name in t.config:
                coordinates[i, j] = axis.coordinate(t.config[name])
    coordinates[:, -m_losses:] = values
    return Table(axes, told, coordinates, len(axes) - m_losses, trials.goals.directions[0] == "maximize")


def values_of(trials: Trials, told: list[Trial]) -> Array:
    """Return the values of trials in the user's sign, one column for each loss; nan where there is no finite one."""
    n = len(trials.goals)
    rows = [trials.values(t.losses) or (np.nan,) * n if n > 1 else (np.nan if t.loss is None else trials.value(t.loss),)
            for t in told]
    values = np.array(rows, dtype=float).reshape(len(told), n)
    return np.where(np.isfinite(values), values, np.nan)


def snapped(axis: Axis, low: float, high: float) -> Interval:
    """Make an interval of coordinates of two places on an axis; on options it ends halfway between two."""
    a, b = sorted((min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)))
    if axis.options is not None:
        return (np.ceil(axis.at(a) - 0.5) - 0.4, np.floor(axis.at(b) + 0.5) + 0.4)
    return axis.at(a), axis.at(b)


def coordinates(trials: Trials, brush: Brush | None = None, brushed: frozenset[int] | None = None,
                selected: int | None = None, made: Table | None = None) -> dict[str, Any]:
    """Draw the trials that ended as lines, coloured by their loss.

    Parameters
    ----------
    brush
        Intervals on axes, drawn as bars.
    brushed
        Numbers of the trials that stay in colour; None: all.
    selected
        Number of the picked trial.
    made
        The table of these trials, if it is there already.
    """
    t = table(trials) if made is None else made
    if not t.trials:
        return empty("Every trial will be a line across its parameters, to its loss. Press Start, or Step.",
                     height=HEIGHT)
    rows = drawn_rows(t, brushed, selected)
    y = np.column_stack([axis.place(t.coordinates[:, j]) for j, axis in enumerate(t.axes)])
    on = np.array([brushed is None or tr.number in brushed for tr in t.trials])
    has_loss = np.isfinite(t.losses)
    colour, edges = _colours(t.losses, on & rows, maximize=t.maximize)
    data = [_ticks(t.axes)]
    groups = [(~on, m.fade(m.GREY, 0.22), "not brushed", 1.0), (on & ~has_loss, m.RED, "no loss", 1.0)]
    thin = 1.5 if int(rows.sum()) <= MAX_LINES // 2 else 1.0
    groups += [(on & has_loss & (colour == k), c, f"loss {k + 1} of {N_COLOURS}", thin) for k, c in enumerate(RAMP)]
    for mask, c, name, width in groups:
        if (mask & rows).any():
            data += _lines(t, y, np.flatnonzero(mask & rows), name, c, width, legend=name == "no loss")
    name_of_top = "Pareto set" if trials.goals.several else "best"
    for numbers, name, c in ((trials.top, name_of_top, m.GREEN), ({selected}, "picked", m.ORANGE)):
        meant = np.array([tr.number in numbers for tr in t.trials])
        some = np.flatnonzero(meant & rows if len(numbers) > 1 else meant)
        width = 3.5 if len(some) == 1 and on[some].all() else 1.8
        data += _lines(t, y, some, name, c, width, legend=True) if len(some) else []
    return whose.labelled({"data": data, "layout": _layout(t, brush or {}, edges, said(t, rows, brushed))}, trials)


def said(t: Table, rows: NDArray[np.bool_], brushed: frozenset[int] | None) -> str:
    """Say how many trials are drawn."""
    n, shown = len(t.trials), int(rows.sum())
    text = f"{n} trial{'' if n == 1 else 's'}" if shown == n else f"{shown} of {n} trials: the best, and a sample"
    return text if brushed is None else f"{len(brushed)} of {n} brushed" + (
        "" if shown == n else f", {shown} drawn")


def drawn_rows(t: Table, brushed: frozenset[int] | None, selected: int | None) -> NDArray[np.bool_]:
    """Choose the trials to draw: all of a few; else the best and a sample that changes little as trials come.

    The sample is ordered by the fractional parts of multiples of the golden ratio, which spread evenly. Brushed trials
    come before the others, which get a third of the room.
    """
    n = len(t.trials)
    if n <= MAX_LINES:
        return np.ones(n, dtype=bool)
    losses = t.losses * (-1 if t.maximize else 1)
    numbers = np.array([tr.number for tr in t.trials])
    by_loss = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable")
    spread = np.argsort(numbers * GOLDEN % 1.0, kind="stable")
    on = np.array([brushed is None or k in brushed for k in numbers.tolist()])
    room = MAX_LINES if brushed is None else max(2 * MAX_LINES // 3, MAX_LINES - int((~on).sum()))
    chosen: dict[int, None] = dict.fromkeys(np.flatnonzero((numbers == selected) & on).tolist())
    for order, most in ((by_loss[on[by_loss]], N_BEST), (spread[on[spread]], room), (spread[~on[spread]], MAX_LINES)):
        for i in order.tolist():
            if len(chosen) >= most:
                break
            chosen[i] = None
    kept = np.zeros(n, dtype=bool)
    kept[list(chosen)] = True
    return kept


def _colours(losses: Array, on: NDArray[np.bool_], *, maximize: bool) -> tuple[NDArray[np.intp], Array]:
    """Sort the losses into colours, as many drawn lines in each, the best last; and the borders between the colours."""
    seen = losses[np.isfinite(losses) & on]
    if not len(seen):
        return np.zeros(len(losses), dtype=np.intp), np.empty(0)
    edges = np.quantile(seen, np.linspace(0, 1, N_COLOURS + 1))
    k = np.clip(np.searchsorted(edges, np.nan_to_num(losses), side="right") - 1, 0, N_COLOURS - 1)
    return (k if maximize else N_COLOURS - 1 - k), edges


def _lines(t: Table, y: Array, rows: NDArray[np.intp], name: str, color: str, width: float, *,
           legend: bool = False) -> list[m.Dict]:
    """Draw several trials as one trace with a break after each; a value between two gaps becomes a dot."""
    d = y.shape[1]
    gap = np.full((len(rows), 1), np.nan)
    lines = np.hstack([y[rows], gap])
    x = np.tile(np.arange(d + 1.0), len(rows))
    who = np.repeat([t.trials[i].number for i in rows.tolist()], d + 1)
    trace = {**whose.of_trials(m.line(x, lines.ravel(), name, color, width=width, legend=legend), who), "connectgaps": False}
    known = np.isfinite(lines)
    left = np.hstack([np.zeros((len(rows), 1), bool), known[:, :-1]])
    right = np.hstack([known[:, 1:], np.zeros((len(rows), 1), bool)])
    alone = (known & ~left & ~right).ravel()
    dots = whose.of_trials(m.dots(x[alone], lines.ravel()[alone], name, color, size=width + 2.5, legend=False), who[alone])
    return [trace, dots] if alone.any() else [trace]


def _ticks(axes: list[Axis]) -> m.Dict:
    """Write the numbers and options beside the axes, as one trace."""
    x, y, texts = [], [], []
    for j, axis in enumerate(axes):
        places, words = axis.ticks()
        x += [float(j)] * len(words)
        y += places.tolist()
        texts += [f"{safe(w)} ‐" for w in words]
    halo = "0 0 2px var(--jp-layout-color1), 0 0 3px var(--jp-layout-color1), 0 0 4px var(--jp-layout-color1)"
    return {"type": "scatter", "mode": "text", "x": np.array(x), "y": np.array(y), "text": texts, "name": "ticks",
            "textposition": "middle left", "hoverinfo": "skip", "showlegend": False, "cliponaxis": False,
            "textfont": {"size": 11, "shadow": halo}, "zorder": 5}


def _layout(t: Table, brush: Brush, edges: Array, words: str) -> dict[str, Any]:
    d = len(t.axes)
    shapes = [{"type": "line", "x0": j, "x1": j, "y0": 0, "y1": 1, "line": {"color": m.GREY, "width": 1.5}}
              for j in range(d)]
    for j, axis in enumerate(t.axes):
        for low, high in brush.get(axis.key, ()):
            y0, y1 = axis.place([low, high]).tolist()
            shapes.append({"type": "rect", "xsizemode": "pixel", "xanchor": j, "x0": -7, "x1": 7,
                           "y0": max(y0, -0.02), "y1": min(y1, 1.02), "fillcolor": m.fade(m.ORANGE, 0.4),
                           "line": {"color": m.ORANGE, "width": 1.5}})
    places = t.axes[t.loss].place(edges).tolist()
    for k, color in enumerate(RAMP if len(edges) else ()):  # the colours beside the axis of the (first) loss
        i = k if t.maximize else N_COLOURS - 1 - k
        shapes.append({"type": "rect", "xsizemode": "pixel", "xanchor": t.loss, "x0": 9, "x1": 19, "y0": places[i],
                       "y1": places[i + 1], "fillcolor": color, "line": {"width": 0}})
    losses = safe(" and ".join(a.label for a in t.axes[t.loss:]))
    hidden = {"showgrid": False, "zeroline": False, "fixedrange": True}
    return {"title": m.title(f"From parameters to {losses} · {words}"), "height": HEIGHT, "dragmode": False,
            "hovermode": "closest", "shapes": shapes, "legend": {**m.LEGEND, "y": 1.1},
            "meta": {"brush": list(range(d))}, "margin": {"l": 20, "r": 30, "t": 84, "b": 16},
            "xaxis": {**hidden, "side": "top", "range": [-0.45, d - 0.8], "tickvals": list(range(d)), "ticks": "",
                      "ticktext": [f"<b>{safe(m.cut(a.label, 18))}</b>" for a in t.axes]},
            "yaxis": {**hidden, "range": [-0.04, 1.04], "showticklabels": False}}
