"""Pictures of the game: your own points while you play, everything once it is over."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots.figure import safe
from workbench.plots.model import CIVIDIS
from workbench.space import Array
from workbench_widgets.lessons.bo_state import LINE, PLANE, SIDE
from workbench_widgets.lessons.game_state import N_EVALUATIONS, YOU, GameState

STYLE = {YOU: (m.ORANGE, "circle", 12), "GP-BO": (m.BLUE, "diamond", 9), "TPE": (m.GREEN, "square", 8),
         "random": (m.PURPLE, "x", 8)}
FLOOR = 1e-2  # least distance from the minimum that is drawn, of a range of 100


def draw(state: GameState) -> dict[str, Any]:
    """Draw the state."""
    if state.is_over:
        return _revealed(state)
    return _playing_line(state) if state.dimensions == 1 else _playing_square(state)


def _layout(state: GameState, title: str) -> m.Dict:
    unit = {"range": [-0.015, 1.015], "fixedrange": True, "zeroline": False}
    return {"height": 430 if state.dimensions == 1 else 480, "title": m.title(title), "dragmode": False,
            "margin": {"l": 56, "r": 20, "t": 60, "b": 44}, "hovermode": "closest",
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            "xaxis": {**unit, "title": {"text": "x" if state.dimensions == 1 else "x₁", "standoff": 4}},
            "yaxis": {"zeroline": False, "fixedrange": True, **({} if state.dimensions == 1 else unit)}}


def _heading(state: GameState) -> str:
    if not state.y:
        return f"A hidden function, {N_EVALUATIONS} evaluations: find its lowest point"
    return f"Best so far {m.three(min(state.y))}, {state.left} evaluation{'' if state.left == 1 else 's'} left"


def _playing_line(state: GameState) -> dict[str, Any]:
    x, y = np.array([p[0] for p in state.points]), np.array(state.y)
    layout = _layout(state, _heading(state))
    low, high = m.room(y, margin=0.15) if len(y) > 1 else (m.room(np.array([y[0] - 20, y[0] + 20])) if len(y) else [0, 1])
    layout["yaxis"] |= {"range": [low, high], "title": {"text": "loss"}, "showticklabels": bool(len(y))}
    shapes, texts = m.upright(state.cursor[0], m.GREY, "cursor", dash="dot", y1=0.97)
    lines = [shapes]
    texts[0].update(yanchor="top", xanchor="left" if state.cursor[0] < 0.85 else "right", font={"color": m.GREY, "size": 11})
    if state.hint is not None:
        line, text = m.upright(state.hint[0], m.PURPLE, " EI would look here ", dash="dash", y1=0.90)
        text[0].update(yanchor="top", xanchor="left" if state.hint[0] < 0.75 else "right")
        lines.append(line)
        texts += text
    if not len(y):
        texts.append({"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False, "font": {"size": 15},
                      "text": "Click anywhere. The height of your click does not count."})
    return {"data": _own(state, x, y), "layout": {**layout, "shapes": lines, "annotations": texts}}


def _own(state: GameState, x: Array, y: Array) -> list[m.Dict]:
    """Your points with their numbers, the best one in a ring."""
    color, symbol, size = STYLE[YOU]
    dots = m.dots(x, y, "your evaluations", color, size=size, symbol=symbol, hover="x = %{x:.3f}<br>%{text}")
    texts = [f"{k + 1}" for k in range(len(x))]
    data = [{**dots, "mode": "markers+text", "text": texts, "textposition": "top center",
             "hovertext": [f"evaluation {k + 1}: {m.three(v)}" for k, v in enumerate(state.y)],
             "hovertemplate": "%{hovertext}<extra></extra>"}]
    if len(y):
        best = [int(np.argmin(state.y))]
        data.append(m.dots(x[best], y[best], "best so far", m.RED, size=22, symbol="circle-open", hover="best so far"))
    return data


def _playing_square(state: GameState) -> dict[str, Any]:
    points = np.array(state.points).reshape(-1, 2)
    layout = _layout(state, _heading(state))
    layout["yaxis"] |= {"title": {"text": "x₂", "standoff": 2}}
    data = _own(state, points[:, 0], points[:, 1])
    if len(points):
        data[0]["marker"] = {"size": 17, "color": np.array(state.y), "colorscale": CIVIDIS, "reversescale": True,
                             "line": {"color": m.ORANGE, "width": 2},
                             "colorbar": {"title": {"text": "loss", "side": "right"}, "thickness": 10, "len": 0.95}}
        data[1]["marker"]["size"] = 28
    cross = m.dots(np.array([state.cursor[0]]), np.array([state.cursor[1]]), "cursor", m.GREY, symbol="cross-thin", size=16,
                   hover="cursor")
    data.append(cross)
    if state.hint is not None:
        data.append(m.dots(np.array([state.hint[0]]), np.array([state.hint[1]]), "EI would look here", m.PURPLE,
                           symbol="x-thin", size=16, hover="EI would look here"))
    texts = [] if len(points) else [{"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.65, "showarrow": False,
                                     "font": {"size": 15}, "text": "Click anywhere in the square."}]
    return {"data": data, "layout": {**layout, "annotations": texts}}


def _revealed(state: GameState) -> dict[str, Any]:
    """The function, everybody's points, and everybody's best so far."""
    left = [0.0, 0.60] if state.dimensions == 1 else [0.0, 0.56]
    right = [0.70, 1.0] if state.dimensions == 1 else [0.68, 1.0]
    layout = _layout(state, "The hidden function, and what all four tried")
    layout["margin"]["t"] = 84
    layout["xaxis"]["domain"] = left
    data = _curve(state) if state.dimensions == 1 else _heat(state)
    best = 0.0
    lines = []
    for name, (points, y) in list(state.players().items())[::-1]:  # yours last: on top
        color, symbol, size = STYLE[name]
        at, losses = np.array(points), np.array(y)
        height = losses if state.dimensions == 1 else at[:, 1]
        dots = m.dots(at[:, 0], height, name, color, size=size, symbol=symbol)
        dots["marker"]["line"] = {"color": "#ffffff", "width": 1}
        data.append({**dots, "hovertext": [f"{name}, evaluation {k + 1}: {m.three(v)}" for k, v in enumerate(y)],
                     "hovertemplate": "%{hovertext}<extra></extra>", "legendgroup": name})
        regret = np.maximum(np.minimum.accumulate(losses) - state.hidden.minimum, FLOOR)
        best = max(best, float(regret.max()))
        line = m.line(np.arange(1.0, len(y) + 1), regret, name, color, axis="2", width=3.5 if name == YOU else 2, legend=False)
        lines.append({**line, "line": {**line["line"], "shape": "hv"}, "legendgroup": name,
                      "hovertemplate": f"{safe(name)}: %{{y:.3g}} above the minimum after %{{x}}<extra></extra>"})
    layout["yaxis"]["title"] = {"text": "loss" if state.dimensions == 1 else "x₂", "standoff": 2}
    layout["legend"]["traceorder"] = "reversed"
    layout["xaxis2"] = {"domain": right, "anchor": "y2", "fixedrange": True, "range": [0.7, N_EVALUATIONS + 0.3], "dtick": 3,
                        "tick0": 1, "title": {"text": "evaluations (count)", "standoff": 4}}
    layout["yaxis2"] = {"anchor": "x2", "fixedrange": True, **m.decades(FLOOR, best),
                        "range": [np.log10(FLOOR) - 0.1, np.log10(best) + 0.15],
                        "title": {"text": "best so far above the minimum", "standoff": 4}}
    return {"data": data + lines, "layout": layout}


def _curve(state: GameState) -> list[m.Dict]:
    y = state.hidden.f(LINE)
    k = int(np.argmin(y))
    return [m.line(LINE[:, 0], y, "hidden function", m.GREY, width=2, dash="solid"),
            m.dots(LINE[[k], 0], y[[k]], "minimum", m.RED, symbol="star", size=14, hover="the minimum")]


def _heat(state: GameState) -> list[m.Dict]:
    z, side = state.hidden.f(PLANE), np.linspace(0.0, 1.0, SIDE)
    k = int(np.argmin(z))
    return [{"type": "heatmap", "x": side, "y": side, "z": z.reshape(SIDE, SIDE), "colorscale": CIVIDIS, "reversescale": True,
             "zsmooth": "best", "name": "hidden function", "hovertemplate": "loss %{z:.4g}<extra></extra>",
             "showscale": False},
            m.dots(PLANE[[k], 0], PLANE[[k], 1], "minimum", m.RED, symbol="star", size=16, hover="the minimum")]
