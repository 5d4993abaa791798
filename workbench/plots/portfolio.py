"""Portfolios: what is left to regret after so many tries, and which pick serves which task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.meta.tasks import Tasks
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array

COLORS = (m.GREY, m.RED, m.BLUE, m.GREEN, m.ORANGE, m.PURPLE)
DASHES = ("dot", "dash", "solid", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x")
MOST = 180  # tasks that are drawn
SETTINGS = 8  # of a configuration, in a hover label
TIE = 1e-12  # losses that count as equal
ZERO = 0.1  # on a log scale what is zero lies at this share of the smallest that is drawn


def regret_by_size(curves: Mapping[str, Array], *, height: int = 360) -> dict[str, Any]:
    """Draw the mean regret after 1, 2, … K tries, and faintly what the middle half of the tasks has.

    The axis is logarithmic if the means lie far apart and none is 0.

    Parameters
    ----------
    curves
        Of each method the regrets, shape (T, K): a row a task, a column a number of tries. K may differ.
    height
        In pixels.

    Raises
    ------
    ValueError
        If the regrets are no table, or are not finite.
    """
    if not curves:
        return empty("No way to choose has been judged yet.", height=height)
    rows = {name: np.asarray(r, dtype=float) for name, r in curves.items()}
    for name, r in rows.items():
        if r.ndim != 2 or not r.size:
            raise ValueError(f"regrets have a row for each task and a column for each number of tries, got shape {r.shape} for "
                             f"{name!r}.")
        if not np.isfinite(r).all():
            raise ValueError(f"regrets must be finite, got {r[~np.isfinite(r)][0]} for {name!r}. Leave such tasks out.")
    means = {name: r.mean(axis=0) for name, r in rows.items()}
    every = np.concatenate(list(means.values()))
    log = bool(every.min() > 0 and every.max() > 5 * every.min())
    floor = ZERO * float(every.min())
    data: list[m.Dict] = []
    for k, (name, r) in enumerate(rows.items()):
        tries, color, label = np.arange(1.0, r.shape[1] + 1), COLORS[k % 6], safe(m.cut(name, 40))
        low, high = np.quantile(r, [0.25, 0.75], axis=0)
        if log:
            low, high = np.maximum(low, floor), np.maximum(high, floor)
        data += [{**edge, "showlegend": False} for edge in m.band(tries, low, high, label, color, alpha=0.12)]
        data.append({**m.line(tries, means[name], label, color, dash=DASHES[k % 6]), "mode": "lines+markers",
                     "legendgroup": label, "marker": {"color": color, "size": 7, "symbol": SYMBOLS[k % 6]},
                     "hovertemplate": f"after %{{x:d}}: %{{y:.3g}}<extra>{label}</extra>"})
    last = max(r.shape[1] for r in rows.values())
    shown = np.concatenate([every, *(np.quantile(r, 0.75, axis=0) for r in rows.values())])
    ends = m.room(np.log10([0.5 * every.min(), shown.max()]), margin=0.04) if log else [0.0, 1.08 * float(shown.max()) or 1.0]
    return {"data": data, "layout": {
        "height": height, "title": m.title(_least(means)), "hovermode": "closest", "dragmode": False, "legend": m.LEGEND,
        "margin": {"l": 64, "r": 16, "t": 84, "b": 44},
        "xaxis": {"title": {"text": "tries"}, "range": [0.7, last + 0.3], "fixedrange": True, "tickformat": "d",
                  "dtick": max(1, last // 10)},
        "yaxis": {**(_log_ticks(*ends) if log else {}), "range": ends, "fixedrange": True,
                  "title": {"text": "mean regret (log scale)" if log else "mean regret"}}}}


def _log_ticks(low: float, high: float) -> m.Dict:
    """Ticks at 1, 2, 5 of each power of ten."""
    values = [a * 10.0**k for k in range(int(np.floor(low)), int(np.ceil(high)) + 1) for a in (1, 2, 5)]
    kept = [float(f"{v:.3g}") for v in values if low <= np.log10(v) <= high]
    return {"type": "log", "tickvals": kept, "ticktext": [f"{v:g}" for v in kept]}


def _least(means: Mapping[str, Array]) -> str:
    """Say who leaves least at the end, and how far the next is."""
    last = min(len(y) for y in means.values())
    ends = sorted(means, key=lambda name: float(means[name][last - 1]))
    first = f"{safe(m.cut(ends[0], 40))} leaves {m.three(float(means[ends[0]][last - 1]))}"
    tries = "one try" if last == 1 else f"{last} tries"
    if len(ends) == 1:
        return f"After {tries} {first}"
    return f"After {tries} {first}, {safe(m.cut(ends[1], 40))} {m.three(float(means[ends[1]][last - 1]))}"


def coverage(tasks: Tasks, picks: Sequence[int], *, height: int = 420) -> dict[str, Any]:
    """Draw what each pick loses on each task, from the best known (0) to the worst (1), and mark the best pick of each task.

    Tasks stand in the order of the pick that serves them best; of more than 180 an even choice is drawn. Of picks that are
    equally good on a task the first counts.

    Parameters
    ----------
    tasks
        Earlier ones.
    picks
        Numbers of configurations, in the order of trying.
    height
        In pixels.

    Raises
    ------
    ValueError
        If a pick is no number of a configuration.
    """
    picks = [int(j) for j in picks]
    wrong = [j for j in picks if not 0 <= j < len(tasks.configs)]
    if wrong:
        raise ValueError(f"a pick is the number of a configuration, 0 to {len(tasks.configs) - 1}, got {wrong[0]}.")
    if not picks:
        return empty("No configuration has been picked yet.", height=height)
    losses = tasks.scaled()[:, picks]
    serving = np.argmax(losses <= losses.min(axis=1, keepdims=True) + TIE, axis=1)
    order = _in_order(serving, losses)
    names, z = [m.cut(tasks.names[i], 28) for i in order], losses[order]
    columns, at = np.arange(len(picks)), np.arange(len(order))
    lines = ["<br>".join([f"<b>pick {k + 1}</b>", *_settings(tasks.configs[j])]) for k, j in enumerate(picks)]
    hover = [[f"<b>{safe(name)}</b>: {m.three(float(v))}<br>{text}" for v, text in zip(row, lines, strict=True)]
             for name, row in zip(names, z, strict=True)]
    heat = {"type": "heatmap", "z": np.round(z, 4), "x": columns, "y": at, "zmin": 0.0, "zmax": 1.0, "colorscale": "Cividis",
            "name": "scaled loss", "hovertext": hover, "hovertemplate": "%{hovertext}<extra></extra>",
            "colorbar": {"title": {"text": "scaled loss"}, "thickness": 12, "len": 1.0, "tickvals": [0, 0.5, 1]}}
    marks = {"type": "scatter", "mode": "markers", "x": serving[order], "y": at, "name": "the best pick of a task",
             "showlegend": True, "hoverinfo": "skip",
             "marker": {"symbol": "diamond", "size": 7, "color": m.ORANGE, "line": {"color": "#ffffff", "width": 1}}}
    served = np.bincount(serving, minlength=len(picks))
    axis = {"fixedrange": True, "showgrid": False, "zeroline": False}
    step = max(1, int(np.ceil(len(order) * 12 / max(height - 120, 1))))
    return {"data": [heat, marks], "layout": {
        "height": height, "title": m.title(_covered(served, losses)), "hovermode": "closest", "dragmode": False,
        "legend": m.LEGEND, "margin": {"l": 170, "r": 16, "t": 78, "b": 56},
        "xaxis": {**axis, "range": [-0.5, len(picks) - 0.5], "tickvals": columns,
                  "ticktext": [f"pick {k + 1}<br>best on {n}" if len(picks) <= 10 else f"{k + 1}" for k, n in enumerate(served)]},
        "yaxis": {**axis, "range": [len(order) - 0.5, -0.5], "tickvals": at[::step],
                  "ticktext": [safe(name) for name in names[::step]], "tickfont": {"size": 10}}}}


def _in_order(serving: NDArray[np.intp], losses: Array) -> NDArray[np.intp]:
    """Sort tasks by who serves them, then by how well; of many take an even choice."""
    order = np.lexsort((losses.min(axis=1), serving))
    return order if len(order) <= MOST else order[np.linspace(0, len(order) - 1, MOST).round().astype(np.intp)]


def _settings(config: Any) -> list[str]:
    if not isinstance(config, dict):
        return [safe(m.cut(config, 40))]
    return [f"{safe(m.cut(name, 24))} = {safe(m.three(v) if isinstance(v, float) else m.cut(v))}"
            for name, v in list(config.items())[:SETTINGS]]


def _covered(served: NDArray[np.intp], losses: Array) -> str:
    left = m.three(float(losses.min(axis=1).mean()))
    if len(served) == 1:
        return f"One pick leaves a mean scaled loss of {left}"
    most = f"the busiest is the best on {served.max()} of {len(losses)} tasks"
    return f"{len(served)} picks leave a mean scaled loss of {left}; {most}"
