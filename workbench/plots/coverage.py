"""How well a set of points covers each parameter alone: the picture of grid against random search.

Bergstra and Bengio (2012), "Random search for hyper-parameter optimization", figure 1. The loss is a sum of an important and
an unimportant part::

    loss(x) = a f(x_1) + (1 - a) g(x_2)                 a: importance of x_1, between 0 and 1

so a search is as good as its best value of x_1 when a is near 1, and a grid of n points tries only sqrt(n) of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots.figure import safe
from workbench.space import Array

BEST_X1, BEST_X2 = 0.37, 0.71  # minima of f and g
COLORS = (m.BLUE, m.ORANGE, m.GREEN, m.PURPLE)
ROUND = 6  # decimals to which values are told apart


def important(x: Array) -> Array:
    """Evaluate f, the narrow part: 0 at its minimum, 1 far away."""
    return np.asarray(1 - np.exp(-((x - BEST_X1) ** 2) / (2 * 0.07**2)))


def unimportant(x: Array) -> Array:
    """Evaluate g, the wide part: 0 at its minimum, 1 far away."""
    return np.asarray(1 - np.exp(-((x - BEST_X2) ** 2) / (2 * 0.25**2)))


def loss(points: Array, importance: float) -> Array:
    """Evaluate points (n, 2) of the unit square; shape (n,)."""
    return np.asarray(importance * important(points[:, 0]) + (1 - importance) * unimportant(points[:, 1]))


def n_distinct(values: Array) -> int:
    """Count the different values."""
    return len(np.unique(np.round(values, ROUND)))


def coverage(points: Mapping[str, Array], importance: float, *, curves: bool = True, guess: float | None = None,
             lit: str = "") -> dict[str, Any]:
    """Draw the points of up to four searches side by side, each with its projections on both axes.

    Parameters
    ----------
    points
        Name of a search -> its points, shape (n, 2), in the unit square.
    importance
        The a of the loss.
    curves
        Draw f above and g beside each square, and ring the best point.
    guess
        A value of x_1 to mark in every square.
    lit
        ``"f"``, ``"g"`` or ``"x1"``: that curve, or the projections on x_1, are drawn stronger.
    """
    if len(points) > len(COLORS):
        raise ValueError(f"there is room for {len(COLORS)} searches side by side, got {len(points)}.")
    data: list[m.Dict] = []
    layout: m.Dict = {"height": 620 if len(points) > 2 else 360, "showlegend": False, "dragmode": False,
                      "hovermode": "closest", "margin": {"l": 40, "r": 12, "t": 66, "b": 40}, "shapes": [],
                      "annotations": [], "title": m.title(_finding(points, importance) if curves else
                                                          "The same number of trials, four ways")}
    for i, (name, x) in enumerate(points.items()):
        axes = tuple("" if k == 1 else str(k) for k in (3 * i + 1, 3 * i + 2, 3 * i + 3))
        _axes(layout, axes, i, len(points))
        data += _square(name, x, importance, axes, COLORS[i], rings=curves, strong=lit == "x1")
        if curves:
            data += _curves(x, importance, axes, lit)
        layout["annotations"].append(
            {"xref": f"x{axes[0]} domain", "yref": f"y{axes[1]} domain", "x": 0, "y": 1.0, "xanchor": "left",
             "yanchor": "bottom", "showarrow": False, "font": {"color": COLORS[i]},
             "text": f"{safe(name)}: {n_distinct(x[:, 0])} values of x₁ in {len(x)} trials"})
        if guess is not None:
            layout["shapes"].append({"type": "line", "xref": f"x{axes[0]}", "yref": f"y{axes[0]} domain", "x0": guess,
                                     "x1": guess, "y0": 0, "y1": 1, "line": {"color": m.GREY, "dash": "dot"}})
    return {"data": data, "layout": layout}


def _finding(points: Mapping[str, Array], importance: float) -> str:
    best = {name: float(loss(x, importance).min()) for name, x in points.items()}
    first = min(best, key=lambda name: best[name])
    return f"{safe(first)} comes nearest: loss {m.three(best[first])}, the minimum is 0"


def _axes(layout: m.Dict, axes: tuple[str, ...], i: int, n: int) -> None:
    """Place the square, the room above it for f and the room to its right for g."""
    square, above, right = axes
    left, low = 0.52 * (i % 2), (0.0 if n <= 2 else 0.54 * (1 - i // 2))
    width, height = 0.48, (1.0 if n <= 2 else 0.46)
    x, y = [left, left + 0.8 * width], [low, low + 0.76 * height]
    fixed = {"fixedrange": True, "zeroline": False}
    layout[f"xaxis{square}"] = {**fixed, "domain": x, "range": [-0.03, 1.03], "anchor": f"y{square}", "nticks": 5}
    layout[f"yaxis{square}"] = {**fixed, "domain": y, "range": [-0.03, 1.03], "anchor": f"x{square}", "nticks": 5}
    if n <= 2 or i >= n - 2:
        layout[f"xaxis{square}"]["title"] = {"text": "x₁, important (no unit)", "standoff": 2}
    if i % 2 == 0:
        layout[f"yaxis{square}"]["title"] = {"text": "x₂ (no unit)", "standoff": 2}
    bare = {**fixed, "showticklabels": False, "showgrid": False}
    layout[f"xaxis{above}"] = {**bare, "domain": x, "range": [-0.03, 1.03], "anchor": f"y{above}"}
    layout[f"yaxis{above}"] = {**bare, "domain": [y[1] + 0.01, y[1] + 0.17 * height], "range": [-0.1, 1.1],
                               "anchor": f"x{above}"}
    layout[f"xaxis{right}"] = {**bare, "domain": [x[1] + 0.005, x[1] + 0.14 * width], "range": [-0.1, 1.1],
                               "anchor": f"y{right}"}
    layout[f"yaxis{right}"] = {**bare, "domain": y, "range": [-0.03, 1.03], "anchor": f"x{right}"}


def _square(name: str, x: Array, importance: float, axes: tuple[str, ...], color: str, *, rings: bool,
            strong: bool) -> list[m.Dict]:
    y = loss(x, importance)
    hover = "x₁ = %{x:.3f}<br>x₂ = %{y:.3f}"
    out = [{**m.dots(x[:, 0], x[:, 1], name, color, axis=axes[0], size=7, hover=hover + "<br>loss %{customdata:.3g}"),
            "customdata": y}]
    edge = np.full(len(x), -0.02)
    for values, at_x, at_y, symbol in ((x[:, 0], x[:, 0], edge, "line-ns"), (x[:, 1], edge, x[:, 1], "line-ew")):
        thick = strong and symbol == "line-ns"
        tick = m.dots(at_x, at_y, f"{name}: {n_distinct(values)} values", color, axis=axes[0], size=16 if thick else 10,
                      symbol=symbol)
        tick["marker"]["line"]["width"] = 2.5 if thick else 1.5
        out.append(tick)
    if rings:
        best = [int(np.argmin(y))]
        out.append(m.dots(x[best, 0], x[best, 1], f"{name}: best, loss {m.three(float(y.min()))}", m.RED, axis=axes[0],
                          size=15, symbol="circle-open", hover=hover))
    return out


def _curves(x: Array, importance: float, axes: tuple[str, ...], lit: str) -> list[m.Dict]:
    """Draw what each parameter does to the loss, upside down as in the paper (good is up), and where it was tried."""
    u = np.linspace(0.0, 1.0, 201)
    _, above, right = axes

    def f(v: Array) -> Array:
        return importance * (1 - important(v))

    def g(v: Array) -> Array:
        return (1 - importance) * (1 - unimportant(v))

    up = m.line(u, f(u), "a (1 − f(x₁))", m.GREY, axis=above, width=4 if lit == "f" else 1.5)
    side = m.line(g(u), u, "(1 − a) (1 − g(x₂))", m.GREY, axis=right, width=4 if lit == "g" else 1.5)
    tried = [m.dots(x[:, 0], f(x[:, 0]), "tried x₁", m.RED, axis=above, size=4),
             m.dots(g(x[:, 1]), x[:, 1], "tried x₂", m.RED, axis=right, size=4)]
    return [up, side, *tried]
