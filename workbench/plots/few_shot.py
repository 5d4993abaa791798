"""Few-shot learning: accuracy against the number of examples or of gradient steps, and an embedded task with its prototypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.events import StepTaken
from workbench.meta.few_shot_step import AdaptationStep, EmbeddingStep, examples
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.nas_progress import NO_STEP
from workbench.space import Array

LOOKS = ((m.BLUE, "solid", "circle"), (m.ORANGE, "dash", "square"), (m.GREEN, "dashdot", "diamond"),
         (m.RED, "dot", "triangle-up"), (m.PURPLE, "longdash", "cross"),
         ("#56b4e9", "longdashdot", "triangle-down"), (m.GREY, "solid", "star"))
MOST = 180  # examples of a task that are drawn
FIXED = {"fixedrange": True, "zeroline": False}


def accuracy_against_shots(table: pd.DataFrame, chance: float | None = None, *, height: int = 420) -> dict[str, Any]:
    """Draw the accuracy of several learners on new tasks against the examples of each class that they are shown.

    Parameters
    ----------
    table
        As ``wb.meta.accuracy_by_shots`` returns it: "learner", "shots", "accuracy" and its standard error "error".
    chance
        What guessing gets: a line stands there.
    height
        In pixels.
    """
    if not len(table):
        return empty("The accuracy of learners will stand here.", height=height)
    names, shots = list(dict.fromkeys(table["learner"])), sorted(set(table["shots"]))
    data = []
    for k, name in enumerate(names):
        part = table[table["learner"] == name].sort_values("shots")
        color, dash, symbol = LOOKS[k % len(LOOKS)]
        x, y = part["shots"].to_numpy(dtype=float), part["accuracy"].to_numpy(dtype=float)
        data.append({**m.line(x, y, safe(name), color, dash=dash), "mode": "lines+markers",
                     "marker": {"color": color, "symbol": symbol, "size": 8},
                     "error_y": {"type": "data", "array": part["error"].to_numpy(dtype=float), "color": color, "thickness": 1,
                                 "width": 3},
                     "hovertemplate": "%{x:.0f} of each class: %{y:.1%}" + f"<extra>{safe(name)}</extra>"})
    few = table[table["shots"] == shots[0]].sort_values("accuracy")
    best = few.iloc[-1]
    low, high = np.log10(shots[0]), np.log10(shots[-1])
    pad = 0.06 * (high - low) or 0.3
    layout: m.Dict = {
        "title": m.title(f"With {examples(int(shots[0]))} of each class {safe(best['learner'])} is best: {best['accuracy']:.0%} "
                         "right"),
        "height": height, "dragmode": False, "hovermode": "closest", "margin": {"l": 60, "r": 12, "t": 96, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {**FIXED, "type": "log", "range": [low - pad, high + pad], "tickvals": shots,
                  "ticktext": [str(s) for s in shots], "title": {"text": "examples of each class (shots)"}},
        "yaxis": {**FIXED, "range": [0, 1.02], "tickformat": ".0%", "title": {"text": "accuracy on new classes"}}}
    if chance is not None:
        layout |= _chance(chance)
    return {"data": data, "layout": layout}


def embedding(steps: Sequence[StepTaken], *, height: int = 460) -> dict[str, Any]:
    """Draw a task of held-out classes in the embedding of the newest step: its examples, its prototypes, and what went wrong."""
    told = [s.why for s in steps if isinstance(s.why, EmbeddingStep)]
    if not told:
        return empty(NO_STEP, height=height)
    why = told[-1]
    data: list[m.Dict] = []
    query = ~why.is_support
    wrong = query & (why.found != why.labels)
    keep = _some(why)
    for c in range(why.ways):
        color, _, symbol = LOOKS[c % len(LOOKS)]
        mine = why.labels == c
        for rows, what, filled in ((mine & why.is_support, "known example", True), (mine & query & keep, "to be told", False)):
            data.append(_class(why.points[rows], symbol if filled else f"{symbol}-open", color, f"class {c + 1}, {what}", c))
        data.append({**_class(why.prototypes[c:c + 1], symbol, color, f"class {c + 1}, prototype", c), "mode": "markers+text",
                     "text": [f"<b>{c + 1}</b>"], "textposition": "top center", "textfont": {"color": color, "size": 15},
                     "marker": {"color": color, "symbol": symbol, "size": 20, "opacity": 0.6,
                                "line": {"color": m.GREY, "width": 2}}, "showlegend": True, "name": f"class {c + 1}"})
    if wrong.any():
        rows = wrong & keep
        cross = {"size": 9, "symbol": "x-thin", "line": {"color": m.GREY, "width": 2}}
        x, y = why.points[rows].T
        data.append({**m.dots(x, y, "told wrong", m.GREY, hover="told wrong"), "marker": cross})
    ranges = [m.room(*(np.r_[w.points[:, k], w.prototypes[:, k]] for w in told)) for k in (0, 1)]
    axis = {**FIXED, "showticklabels": False}
    right = 1.0 - wrong.sum() / max(int(query.sum()), 1)
    return {"data": data, "layout": {
        "title": m.title(f"On new tasks {why.accuracy:.0%} are right (guessing: {1 / why.ways:.0%}); here is one: {right:.0%}"),
        "height": height, "dragmode": False, "hovermode": "closest", "margin": {"l": 44, "r": 12, "t": 84, "b": 40},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "itemsizing": "constant"},
        "xaxis": {**axis, "range": ranges[0],
                  "title": {"text": "embedding, direction in which prototypes differ most", "standoff": 6}},
        "yaxis": {**axis, "range": ranges[1], "title": {"text": "second direction", "standoff": 6}}}}


def adaptation(steps: Sequence[StepTaken], *, height: int = 420) -> dict[str, Any]:
    """Draw the accuracy on held-out tasks against gradient steps, of the newest initial weights and of the first ones told."""
    told = [s for s in steps if isinstance(s.why, AdaptationStep)]
    if not told:
        return empty(NO_STEP, height=height)
    data = []
    shown = [(told[-1], m.BLUE, "solid", "circle")] + ([(told[0], m.ORANGE, "dash", "square")] if len(told) > 1 else [])
    for step, color, dash, symbol in reversed(shown):
        why = step.why
        assert isinstance(why, AdaptationStep)
        name = f"after step {step.step}"
        data.append({**m.line(np.arange(len(why.accuracy), dtype=float), why.accuracy, name, color, dash=dash),
                     "mode": "lines+markers", "marker": {"color": color, "symbol": symbol, "size": 8},
                     "error_y": {"type": "data", "array": why.error, "color": color, "thickness": 1, "width": 3},
                     "hovertemplate": "after %{x:.0f} gradient steps: %{y:.1%}" + f"<extra>{name}</extra>"})
    newest = told[-1].why
    assert isinstance(newest, AdaptationStep)
    last = len(newest.accuracy) - 1
    return {"data": data, "layout": {
        "title": m.title(f"On new tasks {newest.accuracy[0]:.0%} are right at first, {newest.accuracy[-1]:.0%} after {last} "
                         f"gradient step{'s' * (last != 1)}"),
        "height": height, "dragmode": False, "hovermode": "closest", "margin": {"l": 60, "r": 12, "t": 84, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {**FIXED, "range": [-0.2, last + 0.2], "dtick": 1, "title": {"text": "gradient steps on a new task"}},
        "yaxis": {**FIXED, "range": [0, 1.02], "tickformat": ".0%", "title": {"text": "accuracy on new classes"}},
        **_chance(1 / newest.ways)}}


def _chance(chance: float) -> m.Dict:
    return {"shapes": [m.level(chance, m.GREY)],
            "annotations": [{"text": f"guessing: {chance:.0%}", "showarrow": False, "xref": "paper", "x": 1, "xanchor": "right",
                             "yref": "y", "y": chance, "yanchor": "top", "font": {"color": m.GREY, "size": 12}}]}


def _class(points: Array, symbol: str, color: str, what: str, c: int) -> m.Dict:
    return {**m.dots(points[:, 0], points[:, 1], what, color, size=8, symbol=symbol, legend=False, hover=what),
            "legendgroup": f"class {c}"}


def _some(why: EmbeddingStep) -> Array:
    """Say which examples are drawn: of the queries no more than fit."""
    keep = np.ones(len(why.labels), dtype=bool)
    query = np.flatnonzero(~why.is_support)
    room = max(MOST - int(why.is_support.sum()), 0)
    keep[query[room:]] = False
    return keep
