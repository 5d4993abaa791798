"""What matters over tasks, and a space before and after it was shrunk."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.importance.over_tasks import ImportanceOverTasks
from workbench.meta.space_design import SpaceDesign
from workbench.plots import marks as m
from workbench.plots.figure import safe
from workbench.space import Choice

ROW = 44  # pixels of a parameter
MOST = 60  # tasks drawn as dots


def over_tasks(found: ImportanceOverTasks) -> dict[str, Any]:
    """Draw each parameter's share of the variance: a dot a task, and the mean over all tasks."""
    frame = found.frame()
    d = len(frame)
    names = [str(n) for n in frame["parameter"]]
    column = [found.space.names.index(name) for name in names]
    some = np.unique(np.linspace(0, len(found.tasks) - 1, min(MOST, len(found.tasks))).round().astype(int))
    spread = 0.26 * np.sin(2.4 * np.arange(len(some)))  # so that equal shares stand beside each other
    x = np.concatenate([found.single[some, j] for j in column])
    y = np.concatenate([k + spread for k in range(d)])
    dots = {**m.dots(x, y, "a task", m.BLUE, size=5), "text": [safe(m.cut(found.tasks[i], 40)) for _ in column for i in some],
            "hovertemplate": "%{text}: %{x:.0%}<extra></extra>"}
    mean = {**m.dots(frame["mean"].to_numpy(), np.arange(d, dtype=float), "mean", m.RED, size=15, symbol="line-ns"),
            "hovertemplate": "mean: %{x:.1%}<extra></extra>"}
    mean["marker"]["line"]["width"] = 3
    top = frame.iloc[0]
    return {"data": [dots, mean], "layout": {
        "title": m.title(f"{safe(top['parameter'])} matters most on {top['first on']:.0%} of {len(found.tasks)} tasks"),
        "height": 130 + ROW * d, "hovermode": "closest", "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 72, "b": 44},
        "xaxis": {"range": [-0.02, 1.02], "tickformat": ".0%", "title": {"text": "share of the variance that it explains alone"}},
        "yaxis": {"range": [d - 0.5, -0.5], "tickvals": list(range(d)), "ticktext": [safe(m.cut(n, 26)) for n in names],
                  "showgrid": False, "zeroline": False, "automargin": True}}}


def ranges(design: SpaceDesign) -> dict[str, Any]:
    """Draw what is left of each parameter as a bar in its whole range, and the tasks' chosen values as dots."""
    names = design.full.names
    d = len(names)
    bars: list[m.Dict] = []
    for j, name in enumerate(names):
        bars += [_bar(j, a, b, used=True) for a, b in _left(design, j, name)]
    inside: dict[bool, tuple[list[float], list[float]]] = {True: ([], []), False: ([], [])}
    for t in range(len(design.tasks)):
        for j in range(d):
            if np.isfinite(design.x[t, j]):
                xs, ys = inside[bool(design.kept[t])]
                xs.append(_place(design, j, float(design.x[t, j]), float(np.sin(1.7 * t))))
                ys.append(j + 0.22 * np.sin(2.4 * t))
    data = [{**m.dots(np.array(inside[True][0]), np.array(inside[True][1]), "a task's best", m.BLUE, size=6), "hoverinfo": "skip",
             "hovertemplate": None}]
    if inside[False][0]:
        data.append({**m.dots(np.array(inside[False][0]), np.array(inside[False][1]), "of a task left outside", m.RED, size=7,
                              symbol="x-thin"), "hoverinfo": "skip", "hovertemplate": None})
    whole = [_bar(j, 0.0, 1.0, used=False) for j in range(d)]
    ends = [{"x": x, "y": j - 0.3, "xanchor": side, "yanchor": "bottom", "text": safe(m.cut(text, 30)),
             "showarrow": False, "font": {"size": 11}} for j, name in enumerate(names) for x, side, text in _ends(design, name)]
    return {"data": data, "layout": {
        "title": m.title(f"What is left: {m.three(design.volume)} of the volume"), "height": 130 + 1.3 * ROW * d,
        "hovermode": False, "legend": m.LEGEND, "shapes": [*whole, *bars], "annotations": ends,
        "margin": {"l": 60, "r": 16, "t": 72, "b": 30},
        "xaxis": {"range": [-0.02, 1.02], "showticklabels": False, "zeroline": False, "showgrid": False},
        "yaxis": {"range": [d - 0.4, -0.7], "tickvals": list(range(d)), "ticktext": [safe(m.cut(n, 26)) for n in names],
                  "showgrid": False, "zeroline": False, "automargin": True}}}


def _place(design: SpaceDesign, j: int, u: float, aside: float) -> float:
    """Return where a value stands: an option in its cell, a little aside so that others can be seen."""
    column, p = design.full.columns[j], design.full[design.full.names[j]]
    if column.kind == "choice":
        return (int(p.level(np.array([u]))[0]) + 0.5 + 0.3 * aside) / column.n_levels
    return u


def _left(design: SpaceDesign, j: int, name: str) -> list[tuple[float, float]]:
    """Return the stretches of the unit interval that are left."""
    if name not in design.space.params:
        return []
    column = design.full.columns[j]
    if column.kind == "choice":
        K = column.n_levels
        return [(k / K, (k + 1) / K) for k in range(K) if design.box.options[j, k]]
    return [(float(design.box.low[j]), float(design.box.high[j]))]


def _bar(j: int, a: float, b: float, *, used: bool) -> m.Dict:
    color, half = (m.GREEN, 0.3) if used else (m.GREY, 0.3)
    return {"type": "rect", "layer": "below", "x0": a, "x1": b, "y0": j - half, "y1": j + half,
            "fillcolor": m.fade(color, 0.4 if used else 0.12), "line": {"width": 1 if used else 0, "color": color}}


def _ends(design: SpaceDesign, name: str) -> list[tuple[float, str, str]]:
    """Return both ends of a range, or all options, with where they stand."""
    p = design.full[name]
    if isinstance(p, Choice):
        K = len(p.options)
        return [((k + 0.5) / K, "center", str(o)) for k, o in enumerate(p.options)]
    return [(0.0, "left", f"{p.low:g}"), (1.0, "right", f"{p.high:g}")]
