"""The picture of the lesson on MAML: four networks before and after, and their errors step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots.figure import safe
from workbench.plots.maml import curves, look, points, truth
from workbench_widgets.lessons.maml_state import GRID, MAX_STEPS, SEEN, MAMLState

AXES = ("", "2", "3", "4")  # of the four pictures, in the order of the starts
COLUMNS, ROWS = ((0.0, 0.48), (0.52, 1.0)), ((0.735, 1.0), (0.42, 0.685))  # stretches of the picture
LOWER = (0.0, 0.27)
LOSSES = (1e-3, 1e3)  # what the axis of errors shows; what lies beyond stands at its border


def draw(state: MAMLState, lit: str = "") -> dict[str, Any]:
    """Draw a picture for each network, and below all errors against gradient steps; the answer only when it is asked for."""
    data: list[m.Dict] = []
    told = state.courses
    for axis, name in zip(AXES, state.starts.names, strict=True):
        color, dash, _ = look(name)
        data += [truth(GRID, wave_of(state), axis=axis, legend=axis == ""),
                 {**m.line(GRID, told[name].curves[0], "before", m.GREY, axis=axis, dash="dot", legend=axis == "",
                           width=4 if lit == "before" else 2), "legendgroup": "before"}]
        if state.shown:
            after = np.where(np.isfinite(told[name].curves[state.steps]), told[name].curves[state.steps], np.nan)
            data.append({**m.line(GRID, np.clip(after, -1e3, 1e3), f"{name}, after", color, axis=axis, dash=dash, legend=False,
                                  width=5 if lit == "after" else 3)})
        data.append(points(state.x, state.y, axis=axis, legend=axis == ""))
    errors = {name: np.clip(c.query, *LOSSES) for name, c in told.items()}
    lines = curves(errors, axis="5", upto=MAX_STEPS if state.shown else 0)
    for line in lines:  # in a legend of their own, beside them
        line["line"]["width"] = 4 if lit == "loss" else 2
        line |= {"showlegend": True, "legend": "legend2"}
    return {"data": data + lines, "layout": _layout(state)}


def wave_of(state: MAMLState) -> Any:
    """The true wave on ``GRID``."""
    return state.amplitude * np.sin(GRID - state.phase)


def network_at(state: MAMLState, subplot: str) -> str | None:
    """Return whose picture a subplot is; None for the errors."""
    place = {f"x{a}y{a}": name for a, name in zip(AXES, state.starts.names, strict=True)}
    return place.get(subplot)


def _layout(state: MAMLState) -> dict[str, Any]:
    fixed = {"fixedrange": True, "zeroline": False}
    top = 6.5 if state.amplitude <= SEEN["amplitude"][1] else 10.5
    steps = f"{state.steps} gradient step{'s' * (state.steps != 1)}"
    layout: m.Dict = {
        "height": 660, "dragmode": False, "hovermode": "closest", "margin": {"l": 48, "r": 12, "t": 84, "b": 44},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.045, "yanchor": "bottom"},
        "legend2": {"orientation": "h", "x": 1, "xanchor": "right", "y": LOWER[1] + 0.002, "yanchor": "bottom"},
        "title": m.title(f"After {steps} {state.nearest} is nearest to the wave" if state.shown else
                         f"{state.shots} point{'s' * (state.shots != 1)} of a new wave, {steps} to come"),
        "annotations": [_head(state, k) for k in range(4)] + [_lower(state)],
        "shapes": _shapes(state)}
    for k, axis in enumerate(AXES):
        column, row = COLUMNS[k % 2], ROWS[k // 2]
        layout[f"xaxis{axis}"] = {**fixed, "anchor": f"y{axis}", "domain": list(column), "range": [-5.15, 5.15], "nticks": 6,
                                  "showticklabels": k >= 2}
        layout[f"yaxis{axis}"] = {**fixed, "anchor": f"x{axis}", "domain": list(row), "range": [-top, top], "nticks": 5,
                                  "showticklabels": k % 2 == 0}
    layout["xaxis5"] = {**fixed, "anchor": "y5", "domain": [0.0, 1.0], "range": [-0.3, MAX_STEPS + 0.3], "dtick": 1,
                        "title": {"text": "gradient steps", "standoff": 2}}
    layout["yaxis5"] = {**fixed, "anchor": "x5", "domain": list(LOWER), **m.decades(*LOSSES), "range": [-2.2, 2.2]}
    return layout


def _head(state: MAMLState, k: int) -> m.Dict:
    """Write over each picture whose it is, and its error when that is shown."""
    name = state.starts.names[k]
    text = f"<b>{safe(name)}</b>"
    if state.shown:
        text += f": error {m.three(state.losses[name])}"
    if state.guess == name:
        text += "  ◂ your guess"
    return {"xref": "paper", "yref": "paper", "x": COLUMNS[k % 2][0], "y": ROWS[k // 2][1] + 0.004, "xanchor": "left",
            "yanchor": "bottom", "text": text, "showarrow": False}


def _lower(state: MAMLState) -> m.Dict:
    text = "mean square error" if state.shown else "error before any step"
    return {"xref": "paper", "yref": "paper", "x": 0.0, "y": LOWER[1] + 0.004, "xanchor": "left", "yanchor": "bottom",
            "text": text, "showarrow": False}


def _shapes(state: MAMLState) -> list[m.Dict]:
    """Frame the guess, and mark the number of steps below."""
    made: list[m.Dict] = [{"type": "line", "xref": "x5", "yref": "y5 domain", "x0": state.steps, "x1": state.steps, "y0": 0,
                           "y1": 1, "line": {"color": m.GREY, "width": 1.5, "dash": "dash"}}]
    if state.guess in state.starts.names:
        axis = AXES[state.starts.names.index(state.guess)]
        made.append({"type": "rect", "xref": f"x{axis} domain", "yref": f"y{axis} domain", "x0": 0, "x1": 1, "y0": 0, "y1": 1,
                     "line": {"color": m.ORANGE, "width": 3}, "layer": "above"})
    return made
