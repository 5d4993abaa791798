"""Learned learners: accuracy by how often a class was met, what is read or attended to, the gates of a learned update rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.events import StepTaken
from workbench.meta.black_box_step import ORDINALS, AttentiveStep, MemoryStep, UpdateRule
from workbench.plots import marks as m
from workbench.plots.figure import empty
from workbench.plots.nas_progress import NO_STEP
from workbench.space import Array

FIXED = {"fixedrange": True, "zeroline": False}
MOST_CELLS = 60  # rows and columns of a map


def instances(steps: Sequence[StepTaken], *, height: int = 420) -> dict[str, Any]:
    """Draw the accuracy of a memory network at the 1st, 2nd, … example of a new class: of the newest step and the first one."""
    told = [(s.step, s.why) for s in steps if isinstance(s.why, MemoryStep)]
    if not told:
        return empty(NO_STEP, height=height)
    newest = told[-1][1]
    n = len(newest.by_instance)
    shown = [(*told[-1], m.BLUE, "solid", "circle")] + ([(*told[0], m.ORANGE, "dash", "square")] if len(told) > 1 else [])
    data = []
    for step, why, color, dash, symbol in reversed(shown):
        name = f"after step {step}"
        data.append({**m.line(np.arange(1.0, len(why.by_instance) + 1), why.by_instance, name, color, dash=dash),
                     "mode": "lines+markers", "marker": {"color": color, "symbol": symbol, "size": 9},
                     "hovertemplate": "example %{x:.0f} of its class: %{y:.1%}" + f"<extra>{name}</extra>"})
    chance = 1 / newest.ways
    return {"data": data, "layout": {
        "title": m.title(f"New classes: {newest.by_instance[0]:.0%} right at the first example, {newest.by_instance[-1]:.0%} at "
                         f"the {ORDINALS.get(n, f'{n}th')}"),
        "height": height, "dragmode": False, "hovermode": "closest", "margin": {"l": 60, "r": 12, "t": 84, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {**FIXED, "range": [0.7, n + 0.3], "dtick": 1, "title": {"text": "which example of its class in the episode"}},
        "yaxis": {**FIXED, "range": [0, 1.02], "tickformat": ".0%", "title": {"text": "accuracy on new classes"}},
        "shapes": [m.level(chance, m.GREY)],
        "annotations": [{"text": f"guessing: {chance:.0%}", "showarrow": False, "xref": "paper", "x": 1, "xanchor": "right",
                         "yref": "y", "y": chance, "yanchor": "top", "font": {"color": m.GREY, "size": 12}}]}}


def attention(steps: Sequence[StepTaken], *, height: int = 460) -> dict[str, Any]:
    """Draw where a learner looks in a held-out episode: rows answer, columns were seen before, frames stand about a class.

    Of a memory network, what is read; of an attentive learner, its last attention. Each row sums to 1. Both
    sides are in the order of their classes; of a wave, in the order of the values of y.
    """
    why = next((s.why for s in reversed(steps) if isinstance(s.why, MemoryStep | AttentiveStep)), None)
    if why is None:
        return empty(NO_STEP, height=height)
    columns, rows, z = np.asarray(why.labels, dtype=float), np.asarray(why.labels, dtype=float), why.attention
    if isinstance(why, AttentiveStep):
        columns, z = np.asarray(why.support, dtype=float), z[:, :-1]  # without the query point itself
    classes = isinstance(why, MemoryStep) or why.classes
    across, down = np.argsort(columns, kind="stable")[:MOST_CELLS], np.argsort(rows, kind="stable")[:MOST_CELLS]
    z = z / np.maximum(z.sum(axis=1, keepdims=True), 1e-12)  # of all that an example looks at; the first one of all finds nothing
    z, columns, rows, guesses = z[np.ix_(down, across)], columns[across], rows[down], why.guesses[down]
    looked = [_name(c, classes=classes) for c in columns]
    answers = [f"{_name(r, classes=classes)}, answered {_name(g, classes=classes)}" for r, g in zip(rows, guesses, strict=True)]
    names = [[f"{answer}<br>looks at {at}" for at in looked] for answer in answers]
    seen = "earlier example" if isinstance(why, MemoryStep) else "support point"
    data = [{"type": "heatmap", "x": np.arange(len(columns)), "y": np.arange(len(rows)), "z": z, "text": names,
             "colorscale": "Cividis", "zmin": 0.0, "zmax": max(float(z.max()), 1e-9), "xgap": 1, "ygap": 1,
             "colorbar": {"title": {"text": "share", "side": "right"}, "thickness": 12, "nticks": 5},
             "hovertemplate": "%{text}: %{z:.1%}<extra></extra>"}]
    layout: m.Dict = {
        "height": height, "dragmode": False, "hovermode": "closest", "margin": {"l": 84, "r": 12, "t": 48, "b": 56},
        "title": m.title(_found(z, rows, columns, why) if classes else _found_of_wave(z, why)),
        "xaxis": {**FIXED, "showgrid": False, "range": [-0.5, len(columns) - 0.5], **_ticks(columns, classes=classes),
                  "title": {"text": f"{seen}, by its {'class' if classes else 'y'}", "standoff": 6}},
        "yaxis": {**FIXED, "showgrid": False, "range": [len(rows) - 0.5, -0.5], **_ticks(rows, classes=classes),
                  "title": {"text": "example to answer for", "standoff": 6}}}
    if classes:
        layout["shapes"] = [_frame(rows == c, columns == c) for c in np.unique(rows) if (columns == c).any()]
    return {"data": data, "layout": layout}


def gates(steps: Sequence[StepTaken], *, height: int = 440) -> dict[str, Any]:
    """Draw what a learned update rule does on new tasks: loss or accuracy after each step, and its two gates at each step."""
    told = [s.why for s in steps if isinstance(s.why, UpdateRule)]
    if not told:
        return empty(NO_STEP, height=height)
    why = told[-1]
    T, right = len(why.rate), len(why.accuracy) > 0
    score = why.accuracy if right else why.loss
    data: list[m.Dict] = [{**m.line(np.arange(T + 1.0), score, "new tasks", m.BLUE, legend=False), "mode": "lines+markers",
                           "marker": {"color": m.BLUE, "size": 8},
                           "hovertemplate": "after %{x:.0f} steps: %{y" + (":.1%" if right else ":.3g") + "}<extra></extra>"}]
    x = np.arange(1.0, T + 1)
    for axis, gate, name, color in (("2", why.rate, "i", m.ORANGE), ("3", why.forget, "f", m.GREEN)):
        low, middle, high = gate.T
        data += [{**part, "showlegend": False} for part in m.band(x, low, high, "10 to 90 % of the weights", color, axis=axis)]
        data.append({**m.line(x, middle, name, color, axis=axis, legend=False), "mode": "lines+markers",
                     "marker": {"color": color, "size": 7},
                     "hovertemplate": f"step %{{x:.0f}}: {name} = %{{y:.4g}}<extra>median of the weights</extra>"})
    least = min(float(w.forget.min()) for w in told)
    kept = [least - 0.1 * (1 - least) - 1e-4, 1.0005]
    most = max(float(w.rate.max()) for w in told)
    widest = max(float((w.accuracy if right else w.loss).max()) for w in told)
    inner = {**FIXED, "range": [0.8, T + 0.2], "dtick": max(1, T // 10)}
    text = f"{score[0]:.0%} to {score[-1]:.0%} right" if right else f"loss {m.three(score[0])} to {m.three(score[-1])}"
    label = {"showarrow": False, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "x": 0.56}
    return {"data": data, "layout": {
        "title": m.title(f"{T} steps of the learned rule on new tasks: {text}"),
        "height": height, "dragmode": False, "hovermode": "closest", "margin": {"l": 60, "r": 12, "t": 70, "b": 48},
        "xaxis": {**FIXED, "domain": [0.0, 0.44], "range": [-0.2, T + 0.2], "dtick": max(1, T // 10), "anchor": "y",
                  "title": {"text": "steps taken"}},
        "yaxis": {**FIXED, "anchor": "x", "range": [0, 1.02 if right else 1.05 * widest],
                  **({"tickformat": ".0%"} if right else {}), "title": {"text": "accuracy" if right else "loss"}},
        "xaxis2": {**inner, "domain": [0.56, 1.0], "anchor": "y2", "showticklabels": False},
        "yaxis2": {**FIXED, "domain": [0.56, 0.97], "anchor": "x2", "range": [0, 1.1 * most], "nticks": 5},
        "xaxis3": {**inner, "domain": [0.56, 1.0], "anchor": "y3", "title": {"text": "step"}},
        "yaxis3": {**FIXED, "domain": [0.0, 0.41], "anchor": "x3", "nticks": 5, "range": kept},
        "annotations": [{**label, "y": 0.97, "text": "input gate i: how far down (median, 10–90 %)"},
                        {**label, "y": 0.41, "text": "forget gate f: what is kept"}]}}


def _name(label: Any, *, classes: bool) -> str:
    return f"class {int(label) + 1}" if classes else f"y = {m.three(float(label))}"


def _ticks(labels: Array, *, classes: bool) -> m.Dict:
    """Put a tick in the middle of each class, or at each value."""
    if not classes:
        return {"tickvals": np.arange(len(labels)), "ticktext": [m.three(float(v)) for v in labels]}
    found = np.unique(labels)
    return {"tickvals": [float(np.flatnonzero(labels == c).mean()) for c in found],
            "ticktext": [_name(c, classes=True) for c in found]}


def _frame(rows: Array, columns: Array) -> m.Dict:
    """Put a frame about the cells of a class."""
    y, x = np.flatnonzero(rows), np.flatnonzero(columns)
    return {"type": "rect", "x0": x[0] - 0.5, "x1": x[-1] + 0.5, "y0": y[0] - 0.5, "y1": y[-1] + 0.5, "xref": "x", "yref": "y",
            "line": {"color": m.ORANGE, "width": 2}}


def _found(z: Array, rows: Array, columns: Array, why: MemoryStep | AttentiveStep) -> str:
    same = float(z[rows[:, None] == columns[None, :]].sum() / max(z.sum(), 1e-12))
    right = float((why.guesses == why.labels).mean())
    return f"{same:.0%} of what it looks at is of the same class; in this episode {right:.0%} are right"


def _found_of_wave(z: Array, why: MemoryStep | AttentiveStep) -> str:
    error = float(np.mean((why.guesses - why.labels) ** 2))
    return f"Where it looks for {len(z)} points of a new wave; mean squared error there {m.three(error)}"
