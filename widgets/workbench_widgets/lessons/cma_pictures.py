"""Pictures of the lesson on CMA-ES: the plane with the distribution and its points, its axes and its losses over time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbench.models.cma_state import CMAState
from workbench.plots import marks as m
from workbench.plots.cma import ellipse, log_ticks
from workbench.plots.swarm import arrow
from workbench.space import Array
from workbench_widgets.lessons.cma_state import LAST, MOVED, SELECTED, CMAESState

SIDE = 121  # points of the contour map to either side
DEPTH = 4.5  # decades of the loss that have contours
HEIGHT = 500
LEFT, RIGHT = (0.0, 0.60), (0.72, 1.0)


def draw(state: CMAESState, lit: str = "") -> dict[str, Any]:
    """Draw the plane at the left; at the right the lengths of the axes and the loss of the mean, over the generations."""
    window = _window(state)
    now, order = state.now, state.now.order
    data = [_contours(state, window), *_bell(now.before, "" if state.moment < MOVED else "dot", lit)]
    arrows: list[m.Dict] = []
    way = np.array([s.mean for s in state.past])
    data.append({**m.line(way[:, 0], way[:, 1], "way of the mean", m.GREY, width=1.5), "mode": "lines+markers",
                 "marker": {"size": 4, "color": m.GREY}, "hoverinfo": "skip", "hovertemplate": None})
    if state.moment < SELECTED:
        data.append(m.dots(now.xs[:, 0], now.xs[:, 1], "drawn", m.GREY, size=10 if lit != "draw" else 14,
                           symbol="circle-open", hover="drawn, not yet evaluated"))
    else:
        data += _ranked(state, lit)
        mu = state.k.mu
        for w, x in zip(state.k.w[:mu], now.xs[order[:mu]], strict=True):
            arrows += arrow(now.before.mean, x, m.GREEN, width=1 + 5 * w, dashed=lit != "mean")
        data.append(m.dots(now.after.mean[:1], now.after.mean[1:], "next mean", m.RED, symbol="x-thin", size=13,
                           hover="next mean"))
    if state.moment == MOVED:
        data += _bell(now.after, "solid", lit)
        new = now.after
        arrows += arrow(new.mean, new.mean + new.sigma * new.p_c, m.PURPLE, width=5 if lit == "rank_one" else 2.5)
        data.append({**m.line(np.array([np.nan]), np.array([np.nan]), "path p_c", m.PURPLE), "hoverinfo": "skip"})
    if state.guess is not None:
        data.append(m.dots(np.array([state.guess[0]]), np.array([state.guess[1]]), "your guess", m.ORANGE, size=13,
                           symbol="cross-thin", hover="your guess"))
    return {"data": data + _over_time(state, lit), "layout": {**_layout(state, window), "annotations": arrows + _labels()}}


def title(state: CMAESState) -> str:
    """Say what the picture shows."""
    g = state.generation + 1
    if state.moment == MOVED:
        return f"Generation {g}: the distribution has moved, and changed its shape"
    if state.moment == SELECTED:
        return f"Generation {g}: the {state.k.mu} best of {state.lam} points pull the mean"
    return f"Generation {g}: {state.lam} points are drawn from the distribution"


def _window(state: CMAESState) -> Array:
    """Ranges of both axes, shape (2, 2): the unit square, or what is around the distribution."""
    if not state.zoom:
        return np.array([[0.0, 1.0], [0.0, 1.0]])
    now = state.now
    points = np.vstack([now.xs, *(ellipse(s.mean, s.covariance, 2.2) for s in (now.before, now.after))])
    middle, half = (points.max(axis=0) + points.min(axis=0)) / 2, 0.54 * float(np.ptp(points, axis=0).max())
    return np.stack([middle - half, middle + half], axis=1)


def _contours(state: CMAESState, window: Array) -> m.Dict:
    """Draw lines of equal loss, closer and closer towards a minimum."""
    x, y = (np.linspace(low, high, SIDE) for low, high in window.tolist())
    z = state.landscape.f(np.stack(np.meshgrid(x, y), axis=-1))
    z = np.log10(np.maximum(z, 1e-300))
    top = float(z.max())
    return {"type": "contour", "x": x, "y": y, "z": np.maximum(z, top - DEPTH), "name": "loss", "showscale": False,
            "contours": {"coloring": "lines", "start": top - DEPTH, "end": top, "size": DEPTH / 16}, "line": {"width": 1},
            "colorscale": [[0, m.fade(m.GREY, 0.75)], [1, m.fade(m.GREY, 0.35)]], "hoverinfo": "skip"}


def _bell(s: CMAState, dash: str, lit: str) -> list[m.Dict]:
    """Draw one and two standard deviations of a distribution: filled while it is the present one, dotted when it was."""
    old = dash == "dot"
    traces = []
    for radius, alpha in ((2.0, 0.10), (1.0, 0.18)):
        line = ellipse(s.mean, s.covariance, radius)
        name = "1 and 2 σ" + (" before" if old else "")
        strong = lit in ("draw", "sigma", "rank_mu", "rank_one") and not old
        trace = {**m.line(line[:, 0], line[:, 1], name, m.GREY if old else m.BLUE, width=3 if strong else 1.5,
                          dash=dash or "solid", legend=radius == 1), "hoverinfo": "skip", "hovertemplate": None}
        traces.append(trace if old else {**trace, "fill": "toself", "fillcolor": m.fade(m.BLUE, alpha)})
    return traces


def _ranked(state: CMAESState, lit: str) -> list[m.Dict]:
    """Draw the points, coloured by rank, the selected ones ringed."""
    now, order, mu = state.now, state.now.order, state.k.mu
    xs, rank = now.xs[order], np.arange(state.lam) + 1
    dots = m.dots(xs[:, 0], xs[:, 1], "points by rank", m.GREY, size=9, hover="rank %{customdata}")
    dots["marker"] |= {"color": rank, "colorscale": "Cividis", "reversescale": True, "line": {"color": m.GREY, "width": 1}}
    return [{**dots, "customdata": rank},
            m.dots(xs[:mu, 0], xs[:mu, 1], "selected", m.GREEN, symbol="circle-open", size=19 if lit == "mean" else 15,
                   hover="selected")]


def _over_time(state: CMAESState, lit: str) -> list[m.Dict]:
    """Draw σ, both axes, and the loss of the mean, for all generations up to now."""
    past = state.past
    g = np.arange(float(len(past)))
    lengths = np.array([s.sigma * s.axes[1] for s in past])
    losses = state.landscape.f(np.array([s.mean for s in past]))
    lines = [m.line(g, lengths[:, 1], "long axis", m.GREY, axis="2", legend=False),
             m.line(g, lengths[:, 0], "short axis", m.GREY, axis="2", dash="dash", legend=False),
             m.line(g, np.array([s.sigma for s in past]), "σ", m.BLUE, axis="2", width=4 if lit == "sigma" else 2, legend=False),
             m.line(g, np.maximum(losses, 1e-300), "loss of the mean", m.RED, axis="3", legend=False)]
    return [{**line, "mode": "lines+markers", "marker": {"size": 4},
             "hovertemplate": f"generation %{{x}}: %{{y:.3g}}<extra>{line['name']}</extra>"} for line in lines]


def _labels() -> list[m.Dict]:
    """Write above the right pictures what they show."""
    sizes = f'<span style="color:{m.BLUE}">σ</span>, long axis —, short axis - -'
    texts = (("2", sizes, m.GREY), ("3", "loss of the mean", m.RED))
    return [{"xref": f"x{axis} domain", "yref": f"y{axis} domain", "x": 0.0, "y": 1.0, "xanchor": "left", "yanchor": "bottom",
             "text": text, "showarrow": False, "font": {"color": color}} for axis, text, color in texts]


def _log_axis(low: float, high: float) -> m.Dict:
    ticks = log_ticks(low, high)
    return {"type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": ticks,
            "ticktext": [m.power(v) for v in ticks]}


def _layout(state: CMAESState, window: Array) -> m.Dict:
    past = state.past
    lengths = np.array([[*(s.sigma * s.axes[1]), s.sigma] for s in past])
    losses = np.maximum(state.landscape.f(np.array([s.mean for s in past])), 1e-16)
    last = max(10, len(past) - 1)
    time = {"range": [-0.03 * last, 1.03 * last], "fixedrange": True, "domain": list(RIGHT), "zeroline": False}
    log = [_log_axis(float(v.min()) / 1.3, float(v.max()) * 1.3) for v in (lengths, losses)]
    return {"height": HEIGHT, "title": m.title(title(state)), "dragmode": False, "hovermode": "closest",
            "margin": {"l": 44, "r": 12, "t": 92, "b": 44},
            "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "font": {"size": 11}},
            "xaxis": {"range": window[0].tolist(), "domain": list(LEFT), "anchor": "y", "fixedrange": True, "zeroline": False,
                      "title": {"text": "x₁", "standoff": 4}, "constrain": "domain", "nticks": 6, "showgrid": False},
            "yaxis": {"range": window[1].tolist(), "anchor": "x", "fixedrange": True, "zeroline": False, "showgrid": False,
                      "title": {"text": "x₂", "standoff": 2}, "scaleanchor": "x", "constrain": "domain", "nticks": 6},
            "xaxis2": {**time, "anchor": "y2", "showticklabels": False},
            "yaxis2": {**log[0], "domain": [0.56, 0.94], "anchor": "x2", "fixedrange": True},
            "xaxis3": {**time, "anchor": "y3", "title": {"text": f"generation (of {LAST})", "standoff": 4}},
            "yaxis3": {**log[1], "domain": [0.0, 0.42], "anchor": "x3", "fixedrange": True}}
