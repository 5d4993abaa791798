"""Runs side by side: the best so far, ranks over time, distributions of values, final values.

A group has its own colour, dash and symbol, so that colour never stands alone; they stay with it whatever else is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from workbench.comparing import Band, Comparison, Kind, Line, X
from workbench.over_seeds import LEVEL, quartiles
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.history import use_log
from workbench.space import Array
from workbench.verdict import Outcome, amount

HEIGHT = 380
COLORS = [m.BLUE, m.ORANGE, m.GREEN, m.RED, m.PURPLE, m.GREY]
DASHES = ["solid", "dash", "dot", "dashdot", "longdash"]
SYMBOLS = ["circle", "square", "triangle-up", "diamond", "cross", "x", "star"]
BANDS: dict[Band, str] = {"quartiles": "median and middle half", "error": "mean ± standard error"}
AXES: dict[X, str] = {"trials": "trials (count)", "seconds": "seconds of search", "steps": "steps spent, all trials together"}
N_MARKS = 9  # along a line
POINTS = 300  # of a distribution
FEWEST_FOR_BOX = 5
NOTHING = "The picture appears with the first results of a run."


def compare(comparison: Comparison, kind: Kind = "best_so_far", *, x: X = "trials", band: Band = "quartiles",
            log: bool | None = None, single: bool = False) -> m.Dict:
    """Draw a comparison; ``log`` None: a logarithmic axis of values where it helps."""
    match kind:
        case "best_so_far":
            return best_so_far(comparison, x=x, band=band, log=log, single=single)
        case "ranks":
            return ranks(comparison, x=x)
        case "edf":
            return edf(comparison, log=log)
        case "final":
            return final(comparison, x=x, log=log)


def look_of(order: Sequence[str], group: str) -> tuple[str, str, str]:
    """Return colour, dash and symbol of one of the groups; the same colour comes back with another dash and another symbol."""
    k = order.index(group)
    return COLORS[k % len(COLORS)], DASHES[k % len(DASHES)], SYMBOLS[k % len(SYMBOLS)]


# ---- best so far ---------------------------------------------------------------------------------------------------------

def best_so_far(comparison: Comparison, *, x: X = "trials", band: Band = "quartiles", log: bool | None = None,
                single: bool = False) -> m.Dict:
    """Draw each group's middle and its band over trials, seconds or steps."""
    lines = [line for line in comparison.lines(x, band) if np.isfinite(line.middle).any() or single]
    if not lines:
        return empty(NOTHING, height=HEIGHT)
    data: list[m.Dict] = []
    for line in lines:
        color, dash, _ = look_of(comparison.order, line.group)
        if line.n_runs > 1:
            lower, upper = m.band(line.at, line.low, line.high, safe(line.group), color, alpha=0.16)
            data += [{**edge, "showlegend": False, "line": {"width": 0, "shape": "hv"}} for edge in (lower, upper)]
        if single and line.n_runs > 1:
            data += [_thin(label, at, best, color, dash, line.group) for label, at, best in line.singles]
    data += [_middle(comparison, line, x, band) for line in lines]
    values = np.concatenate([np.asarray(t["y"], dtype=float) for t in data])
    end = max(float(np.max(t["x"], initial=1.0)) for t in data)
    return {"data": data, "layout": {
        **_frame(_title(comparison, "Best so far", BANDS[band] if max(line.n_runs for line in lines) > 1 else "")),
        "xaxis": _along(x, end), "yaxis": {"title": {"text": _quantity(comparison)}, **_scale(values, log)}}}


def _middle(comparison: Comparison, line: Line, x: X, band: Band) -> m.Dict:
    color, dash, symbol = look_of(comparison.order, line.group)
    runs = f"{'median' if band == 'quartiles' else 'mean'} of {line.n_runs} runs" if line.n_runs > 1 else "one run"
    name = safe(m.cut(line.group, 36))
    drawn = m.line(line.at, line.middle, f"{name} ({line.n_runs})" if line.n_runs > 1 else name, color, width=2.5, dash=dash)
    return {**drawn, "mode": "lines+markers", "line": {**drawn["line"], "shape": "hv"},
            "marker": {"symbol": symbol, "size": 8, "color": color, "maxdisplayed": N_MARKS},
            "hovertemplate": f"{name}: %{{y:.4g}} after %{{x:.4g}} {x}<br>{runs}<extra></extra>"}


def _thin(label: str, at: Array, best: Array, color: str, dash: str, group: str) -> m.Dict:
    drawn = m.line(at, best, safe(label), color, width=1, dash=dash, legend=False)
    return {**drawn, "line": {**drawn["line"], "shape": "hv"}, "opacity": 0.55,
            "hovertemplate": f"{safe(label)} ({safe(group)}): %{{y:.4g}}<extra></extra>"}


# ---- ranks ---------------------------------------------------------------------------------------------------------------

def ranks(comparison: Comparison, *, x: X = "trials") -> m.Dict:
    """Draw average ranks up to the common end, with Nemenyi's critical difference where there is one."""
    frame = comparison.ranks(x)
    if frame.shape[1] < 2:
        return empty("Ranks need two runs or groups that have results. Add another one.", height=HEIGHT)
    outcome = comparison.outcome(x)
    at = frame.index.to_numpy(dtype=float)
    data = []
    for group in frame.columns:
        color, dash, symbol = look_of(comparison.order, group)
        name = safe(m.cut(group, 36))
        drawn = m.line(at, frame[group].to_numpy(), name, color, width=2.5, dash=dash)
        data.append({**drawn, "mode": "lines+markers", "line": {**drawn["line"], "shape": "hv"},
                     "marker": {"symbol": symbol, "size": 8, "color": color, "maxdisplayed": N_MARKS},
                     "hovertemplate": f"{name}: rank %{{y:.2f}} after %{{x:.4g}} {x}<extra></extra>"})
    shapes, notes = _critical(outcome, float(at[-1]))
    k = frame.shape[1]
    n = outcome.n_blocks
    over = f"over {n} {outcome.block}{'s' * (n > 1)}" if n else "over all pairs of runs"
    axis = _along(x, float(at[-1]))
    if shapes:
        axis["range"] = [axis["range"][0], axis["range"][1] + 0.05 * float(at[-1])]
    return {"data": data, "layout": {
        **_frame(_title(comparison, f"Average rank {over}", "")), "shapes": shapes, "annotations": notes, "xaxis": axis,
        "yaxis": {"title": {"text": "average rank (1 is best)"}, "range": [k + 0.25, 0.75], "tickvals": list(range(1, k + 1))}}}


def _critical(outcome: Outcome, end: float) -> tuple[list[m.Dict], list[m.Dict]]:
    """Draw how far ranks must lie apart, as a bar from the best one at the right."""
    cd = outcome.critical_difference
    if cd is None:
        return [], []
    best, at = min(outcome.ranks), 1.03 * end
    bar = {"type": "line", "xref": "x", "yref": "y", "x0": at, "x1": at, "y0": best, "y1": best + cd,
           "line": {"color": m.GREY, "width": 5}}
    text = {"xref": "paper", "yref": "paper", "x": 1, "y": 0, "xanchor": "right", "yanchor": "bottom", "showarrow": False,
            "text": f"grey bar: what ends within it cannot be told from the first ({LEVEL:.0%}, Nemenyi)", "font": {"size": 11}}
    return [bar], [text]


# ---- distributions -------------------------------------------------------------------------------------------------------

def edf(comparison: Comparison, *, log: bool | None = None) -> m.Dict:
    """Draw the share of each group's complete trials whose value is at most x: the empirical distribution function."""
    if comparison.goals.several:
        return empty("A distribution of values is that of one loss. Of several, look at the hypervolume (best so far).",
                     height=HEIGHT)
    found = comparison.values()
    if not found:
        return empty(NOTHING, height=HEIGHT)
    low, high = min(v[0] for v in found.values()), max(v[-1] for v in found.values())
    data = []
    for group, values in found.items():
        color, dash, symbol = look_of(comparison.order, group)
        x, share = steps_of(values, low, high)
        name = safe(m.cut(group, 36))
        drawn = m.line(x, share, f"{name} ({len(values)})", color, width=2.5, dash=dash)
        data.append({**drawn, "mode": "lines+markers", "line": {**drawn["line"], "shape": "hv"},
                     "marker": {"symbol": symbol, "size": 8, "color": color, "maxdisplayed": N_MARKS},
                     "hovertemplate": f"{name}: %{{y:.0%}} of {len(values)} trials up to %{{x:.4g}}<extra></extra>"})
    every = np.concatenate(list(found.values()))
    lasts = "largest values: curves to the right" if comparison.sign < 0 else "smallest losses: curves to the upper left"
    return {"data": data, "layout": {
        **_frame(_title(comparison, "Share of trials up to each value", "")), "hovermode": "closest",
        "xaxis": {"title": {"text": f"{comparison.quantity} of a trial (best are the {lasts})"}, **_scale(every, log)},
        "yaxis": {"title": {"text": "share of complete trials"}, "range": [-0.02, 1.03], "tickformat": ".0%"}}}


def steps_of(values: Array, low: float, high: float) -> tuple[Array, Array]:
    """Corners of the empirical distribution of sorted values, from ``low`` to ``high``; of many an even choice."""
    n = len(values)
    k = np.arange(n) if n <= POINTS else np.unique(np.linspace(0, n - 1, POINTS).round().astype(int))
    x = np.concatenate([[low], values[k], [high]])
    share = np.concatenate([[np.sum(values <= low) / n], np.searchsorted(values, values[k], side="right") / n, [1.0]])
    return x, share


# ---- final values --------------------------------------------------------------------------------------------------------

def final(comparison: Comparison, *, x: X = "trials", log: bool | None = None) -> m.Dict:
    """Draw what every run had found at the common end, group beside group; boxes where a group has many runs."""
    outcome = comparison.outcome(x)
    shown = {s.group: outcome.sign * s.all_final for s in outcome.samples if np.isfinite(s.all_final).any()}
    if not shown:
        return empty(NOTHING, height=HEIGHT)
    begun = comparison._begun(x)
    order = [s.group for s in outcome.by_rank if s.group in shown]
    data: list[m.Dict] = []
    for k, group in enumerate(order):
        color, _, symbol = look_of(comparison.order, group)
        values = shown[group]
        some = np.isfinite(values)
        if some.sum() >= FEWEST_FOR_BOX:
            low, middle, high = np.sort(quartiles(values[some][:, None])[:, 0])  # the table's, not means of two values
            data.append({"type": "box", "x": [k], "q1": [low], "median": [middle], "q3": [high], "name": safe(group),
                         "lowerfence": [values[some].min()], "upperfence": [values[some].max()], "boxpoints": False, "width": 0.5,
                         "line": {"color": color, "width": 1.5}, "fillcolor": m.fade(color, 0.12), "showlegend": False,
                         "hoverinfo": "skip"})
        labels = [safe(b.label) for b, has in zip(begun[group], some, strict=True) if has]
        dots = m.dots(k + _beside(int(some.sum())), values[some], safe(group), color, size=8, symbol=symbol, legend=False,
                      hover="%{text}: %{y:.4g}")
        data.append({**dots, "text": labels})
    missing = {g: int((~np.isfinite(shown[g])).sum()) for g in order}
    names = [safe(m.cut(g, 22)) + (f"<br>{n} without a value" if (n := missing[g]) else "") for g in order]
    every = np.concatenate([v[np.isfinite(v)] for v in shown.values()])
    return {"data": data, "layout": {
        **_frame(_title(comparison, f"Best of every run after {amount(x, outcome.at)}", "")), "showlegend": False,
        "margin": {"l": 66, "r": 16, "t": 44, "b": 46},
        "xaxis": {"tickvals": list(range(len(order))), "ticktext": names, "range": [-0.6, len(order) - 0.4], "zeroline": False,
                  "showgrid": False},
        "yaxis": {"title": {"text": _quantity(comparison)}, **_scale(every, log)}}}


def _beside(n: int) -> Array:
    """Spread n dots evenly, so that equal values do not hide each other."""
    return np.linspace(-0.12, 0.12, n) if n > 1 else np.zeros(n)


# ---- shared --------------------------------------------------------------------------------------------------------------

def _title(comparison: Comparison, what: str, more: str) -> str:
    on = f" on {safe(m.cut(comparison.name, 40))}" if comparison.name else ""
    return f"{what}{on}{': ' + more if more else ''}"


def _frame(title: str) -> m.Dict:
    return {"title": m.title(title), "height": HEIGHT, "hovermode": "closest", "margin": {"l": 66, "r": 16, "t": 62, "b": 46},
            "legend": {**m.LEGEND, "x": 0, "xanchor": "left", "y": 1.0, "traceorder": "normal"}}


def _quantity(comparison: Comparison) -> str:
    larger = " (larger is better)" if comparison.sign < 0 else ""
    return f"best {comparison.quantity} so far{larger}" if not comparison.goals.several else f"hypervolume{larger}"


def _along(x: X, end: float) -> m.Dict:
    """The axis of what was spent; its end is rounded up, so that it seldom moves while runs go on."""
    start = 0.0 if x == "seconds" else 1.0
    room = _room(end)
    return {"title": {"text": AXES[x]}, "range": [start - 0.015 * room, 1.015 * room]}


def _room(end: float) -> float:
    """Round up to two digits of a number like 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten."""
    if end <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(end))
    return next(k * power for k in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if k * power >= end * (1 - 1e-9))


def _scale(values: Sequence[float] | Array, log: bool | None) -> m.Dict:
    """Settings of the axis of values: logarithmic if asked for and possible, or if it helps."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not len(finite) or finite.min() <= 0 or log is False or (log is None and not use_log(finite)):
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        pad = 0.05 * (high - low) or 0.05 * abs(low) or 0.5
        return {"type": "linear", "range": [low - pad, high + pad]}
    low, high = math.log10(finite.min()), math.log10(finite.max())
    pad = 0.05 * (high - low) or 0.1
    ticks = m.decades(float(finite.min()), float(finite.max())) if high - low > 1.5 else {"type": "log"}
    return {**ticks, "range": [low - pad, high + pad]}


__all__ = ["BANDS", "COLORS", "DASHES", "SYMBOLS", "best_so_far", "compare", "edf", "final", "look_of", "ranks", "steps_of"]
