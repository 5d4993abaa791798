"""Pictures of the lesson on Bayesian optimisation: along a line, and over a square."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.space import Array
from workbench_widgets.lessons.bo_state import LINE, RULES, SIDE, BOState

COLORS = {"EI": m.ORANGE, "LCB": m.GREEN, "PI": m.PURPLE}
ROOMS = {"": (0.50, 1.0), "2": (0.335, 0.44), "3": (0.17, 0.275), "4": (0.005, 0.11)}  # heights of the subplots
AXES = {"EI": "2", "LCB": "3", "PI": "4"}
WHAT = {"EI": "EI", "LCB": "−LCB", "PI": "PI"}


def draw(state: BOState, lit: str = "") -> dict[str, Any]:
    """Draw the state: model above, what each rule says below."""
    return draw_line(state, lit) if state.hidden.dimensions == 1 else draw_plane(state, lit)


def draw_line(state: BOState, lit: str = "") -> dict[str, Any]:
    """Draw the model along a line, and the three rules under each other, so that their maxima can be compared."""
    x = LINE[:, 0]
    mean, sd = state.predict(LINE)
    points, y = np.array(state.points)[:, 0], np.array(state.y)
    heights = m.room(y, mean - 1.96 * sd, margin=0.12)
    data = [*m.band(x, mean - 1.96 * sd, mean + 1.96 * sd, "95 % band", m.BLUE, alpha=0.5 if lit == "sigma" else 0.25),
            m.line(x, mean, "mean μ(x)", m.BLUE, width=5 if lit == "mu" else 2.5)]
    if state.truth:
        data.append(m.line(x, state.hidden.f(LINE), "hidden function", m.GREY, dash="dash", width=1.5))
    data += _density(state, heights, lit)
    data += _observations(points, y)
    shapes, texts = [m.level(state.best, m.RED, dash="solid" if lit == "best" else "dot")], [_best_label(state)]
    for rule in RULES:
        curve = _rule(state, rule, lit)
        data += curve
        if not state.shown:
            texts.append(_veil(AXES[rule], rule))
    if state.shown:
        for rule in RULES:
            bottom, top = ROOMS[AXES[rule]][0], 1.0 if rule == state.rule else ROOMS[AXES[rule]][1]
            shape, _ = m.upright(state.choice(rule)[0], COLORS[rule], y0=bottom, y1=top,
                                 dash="solid" if rule == state.rule else "dash")
            shapes.append(shape)
    _mark_guess(state, shapes, texts)
    return {"data": data, "layout": {**_line_layout(state, heights), "shapes": shapes, "annotations": texts}}


def _observations(points: Array, y: Array) -> list[m.Dict]:
    best = int(np.argmin(y))
    ring = m.dots(points[[best]], y[[best]], "best so far", m.RED, symbol="circle-open", size=17)
    return [m.dots(points, y, "observations", m.RED), ring]


def _best_label(state: BOState) -> m.Dict:
    return {"xref": "x domain", "yref": "y", "x": 1.0, "y": state.best, "xanchor": "right", "yanchor": "bottom",
            "text": f"f<sub>min</sub> = {m.three(state.best)}", "showarrow": False, "font": {"color": m.RED}}


def _veil(axis: str, rule: str) -> m.Dict:
    return {"xref": f"x{axis} domain", "yref": f"y{axis} domain", "x": 0.5, "y": 0.5, "showarrow": False,
            "text": f"{rule}: guess first, then press Show", "font": {"color": m.GREY}}


def _rule(state: BOState, rule: str, lit: str) -> list[m.Dict]:
    if not state.shown:
        nothing = np.array([np.nan, np.nan])
        return [m.line(np.array([0.0, 1.0]), nothing, rule, COLORS[rule], axis=AXES[rule], legend=False)]
    strong = 0.6 if lit == rule else 0.3
    score = state.scores(rule)
    choice = state.choice(rule)
    top = m.dots(np.array(choice), state.scores(rule, np.array([choice])), f"highest {rule}", COLORS[rule],
                 axis=AXES[rule], symbol="triangle-down", size=10, legend=False)
    if rule == "LCB":  # it has no zero to be filled to
        floor = np.full(len(score), score.min())
        edges = m.band(LINE[:, 0], floor, score, rule, COLORS[rule], axis="3", alpha=strong)
        edges[1]["showlegend"] = False
        return [*edges, m.line(LINE[:, 0], score, rule, COLORS[rule], axis="3", width=1.5, legend=False), top]
    filled = m.area(LINE[:, 0], score, rule, COLORS[rule], axis=AXES[rule], alpha=strong)
    return [{**filled, "showlegend": False}, top]


def _density(state: BOState, heights: list[float], lit: str) -> list[m.Dict]:
    """Draw the predicted density of y at the point in focus, sideways; the part below f_min is filled."""
    if state.focus is None:
        return []
    x = state.focus[0]
    mean, sd = (float(v[0]) for v in state.predict(np.array([state.focus])))
    y = np.linspace(max(mean - 3.5 * sd, heights[0]), min(mean + 3.5 * sd, heights[1]), 121)
    out = -1.0 if x > 0.82 else 1.0
    bell = x + out * 0.13 * np.exp(-0.5 * ((y - mean) / max(sd, 1e-9)) ** 2)
    below = y[y <= state.best]
    fill = {**m.line(np.append(bell[:len(below)], [x, x]), np.append(below, [below.max(), below.min()]) if len(below)
                     else np.array([mean, mean]), "chance below f_min", m.ORANGE, width=0, legend=False),
            "fill": "toself", "fillcolor": m.fade(m.ORANGE, 0.8 if lit in {"EI", "PI"} else 0.5), "hoverinfo": "skip"}
    if not len(below):
        fill["x"] = np.array([x, x])
    return [{**m.line(bell, y, "predicted y here", m.ORANGE, width=1.5, legend=False), "hoverinfo": "skip"}, fill]


def _mark_guess(state: BOState, shapes: list[m.Dict], texts: list[m.Dict]) -> None:
    bottom = ROOMS[""][0]
    shapes += [m.upright(guess[0], m.GREY, y0=bottom, y1=bottom + 0.02)[0] for guess in state.guesses]
    if state.guess is not None:
        shape, label = m.upright(state.guess[0], m.GREY, "your guess", y0=0.0, y1=1.0, dash="dot")
        label[0].update(yanchor="top", xanchor="left" if state.guess[0] < 0.85 else "right", text=" your guess ")
        shapes.append(shape)
        texts += label


def _line_layout(state: BOState, heights: list[float]) -> dict[str, Any]:
    n = len(state.y)
    text = f"After {n} evaluations the best loss is {m.three(state.best)}"
    layout = m.stacked(ROOMS, "4", height=620, text=text)
    layout["yaxis"].update(range=heights, title={"text": "loss y (no unit)"}, nticks=7)
    for rule, axis in AXES.items():
        layout[f"yaxis{axis}"]["title"] = {"text": WHAT[rule], "font": {"color": COLORS[rule]}}
        if not state.shown:
            layout[f"yaxis{axis}"].update(range=[0, 1], showticklabels=False)
        elif rule != "LCB":
            layout[f"yaxis{axis}"]["rangemode"] = "tozero"
    return layout


def draw_plane(state: BOState, lit: str = "") -> dict[str, Any]:
    """Draw two maps over the square: the mean, and what the chosen rule says."""
    hidden, side = state.hidden, np.linspace(0.0, 1.0, SIDE)
    xs = np.array([hidden.value(float(u), 0) for u in side])
    ys = np.array([hidden.value(float(u), 1) for u in side])
    mean, sd = state.predict(state.grid)
    score = state.scores(state.rule)
    data = [_map(xs, ys, mean, "", "predicted loss μ", (0.0, 0.40), reverse=True)]
    data.append(_map(xs, ys, score if state.shown else np.full(len(score), np.nan), "2", WHAT[state.rule],
                     (0.60, 1.0)))
    if lit == "sigma":
        data[0] = _map(xs, ys, sd, "", "standard deviation σ", (0.0, 0.40))
    points = np.array([[hidden.value(v, i) for i, v in enumerate(p)] for p in state.points])
    best = [int(np.argmin(state.y))]
    for axis in ("", "2"):
        first = not axis
        data.append(m.dots(points[:, 0], points[:, 1], "observations", m.RED, axis=axis, legend=first,
                           hover="x₁ = %{x:.2f}<br>x₂ = %{y:.2f}"))
        data.append(m.dots(points[best, 0], points[best, 1], "best so far", m.RED, axis=axis, legend=first,
                           symbol="circle-open", size=18))
        for place, label, color, symbol, visible in _places(state):
            if visible:
                data.append(m.dots(np.array([hidden.value(place[0], 0)]), np.array([hidden.value(place[1], 1)]), label,
                                   color, axis=axis, legend=first, symbol=symbol, size=14))
    return {"data": data, "layout": _plane_layout(state)}


def _places(state: BOState) -> list[tuple[tuple[float, ...], str, str, str, bool]]:
    here = state.choice(state.rule)
    guess = state.guess if state.guess is not None else here
    return [(here, f"highest {state.rule}", COLORS[state.rule], "x-thin", state.shown),
            (guess, "your guess", m.GREY, "cross-thin", state.guess is not None)]


def _map(x: Array, y: Array, z: Array, axis: str, label: str, span: tuple[float, float], *,
         reverse: bool = False) -> m.Dict:
    return {"type": "heatmap", "x": x, "y": y, "z": z.reshape(SIDE, SIDE), "xaxis": f"x{axis}", "yaxis": f"y{axis}",
            "colorscale": "Cividis", "reversescale": reverse, "zsmooth": "best", "showscale": True, "name": label,
            "colorbar": {"title": {"text": label, "side": "right"}, "x": span[1] + 0.01, "thickness": 10, "len": 0.95},
            "hovertemplate": "x₁ = %{x:.2f}<br>x₂ = %{y:.2f}<br>" + label + " = %{z:.3g}<extra></extra>"}


def _plane_layout(state: BOState) -> dict[str, Any]:
    hidden = state.hidden
    texts = [] if state.shown else [_veil("2", state.rule)]
    ranges = [[hidden.low[i], hidden.high[i]] for i in range(2)]
    first = {"range": ranges[0], "fixedrange": True, "title": {"text": "x₁", "standoff": 4}}
    return {"height": 440, "title": m.title(f"After {len(state.y)} evaluations the best loss is {m.three(state.best)}"),
            "margin": {"l": 50, "r": 70, "t": 66, "b": 44}, "dragmode": False, "annotations": texts,
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            "xaxis": {**first, "domain": [0.0, 0.40], "anchor": "y"},
            "xaxis2": {**first, "domain": [0.60, 1.0], "anchor": "y2"},
            "yaxis": {"anchor": "x", "range": ranges[1], "fixedrange": True, "title": {"text": "x₂", "standoff": 2}},
            "yaxis2": {"anchor": "x2", "range": ranges[1], "fixedrange": True}}
