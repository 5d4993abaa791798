"""What moves over two parameters: the particles of a swarm, and the differences of differential evolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import safe
from workbench.search.differential_evolution import DEExplanation
from workbench.search.particle_swarm import SwarmExplanation
from workbench.space import Array

HEIGHT = 500
WORST = 0.8  # share of the losses that the colours tell apart; a few very bad ones would take them all


@dataclass(frozen=True)
class Plane:
    """Two parameters to look at; without a second one everything stands on one line.

    Attributes
    ----------
    columns
        Their columns of the unit cube; the second is None where there is one parameter only.
    axes
        Their axes, as plotly's dicts.
    """

    columns: tuple[int, int | None]
    axes: tuple[m.Dict, m.Dict]

    def places(self, points: Array) -> Array:
        """Places of points (n, d), shape (n, 2), nan where one of the parameters is inactive."""
        x, y = self.columns
        points = np.atleast_2d(points)
        return np.stack([points[:, x], np.full(len(points), 0.5) if y is None else points[:, y]], axis=1)

    def layout(self, text: str) -> m.Dict:
        """Lay out one square picture over the two parameters."""
        y = self.axes[1] if self.columns[1] is not None else {"visible": False, "range": [0, 1]}
        return {"title": m.title(text), "height": HEIGHT, "xaxis": self.axes[0], "yaxis": y, "legend": m.LEGEND,
                "margin": {"l": 60, "r": 70, "t": 110, "b": 44}, "hovermode": "closest"}


def arrow(start: Array, end: Array, color: str, *, width: float = 2, dashed: bool = False) -> list[m.Dict]:
    """Draw an arrow between two places as an annotation; none where a place is missing or the way is too short to see.

    Plotly's arrows have no dashes: a dashed one is thinner and paler instead.
    """
    if not np.isfinite([*start, *end]).all() or float(np.abs(end - start).max()) < 1e-3:
        return []
    return [{"x": end[0], "y": end[1], "ax": start[0], "ay": start[1], "xref": "x", "yref": "y", "axref": "x", "ayref": "y",
             "text": "", "showarrow": True, "arrowhead": 2, "arrowsize": 1, "arrowwidth": width * (0.7 if dashed else 1),
             "arrowcolor": m.fade(color, 0.55) if dashed else color, "standoff": 0}]


def coloured(places: Array, losses: Array, name: str, *, sign: float, rows: NDArray[np.intp], size: int = 9,
             axis: str = "") -> m.Dict:
    """Draw results as dots whose colour is their loss; failed ones are grey."""
    shown = sign * np.where(np.isfinite(losses), losses, np.nan)
    dots = m.dots(places[:, 0], places[:, 1], name, m.GREY, axis=axis, size=size,
                  hover="%{text}<br>" + ("value" if sign < 0 else "loss") + " %{marker.color:.4g}")
    known = shown[np.isfinite(shown)]
    if len(known):
        low, high = (float(v) for v in np.quantile(known, (0.0, WORST) if sign > 0 else (1.0 - WORST, 1.0), method="nearest"))
        dots["marker"] |= {"color": shown, "colorscale": "Cividis", "reversescale": sign > 0, "cmin": low,
                           "cmax": high, "line": {"color": m.GREY, "width": 1},
                           "colorbar": {"title": {"text": "value" if sign < 0 else "loss"}, "thickness": 10, "len": 0.9}}
    return whose.of_rows({**dots, "text": [f"result {i + 1}" for i in rows]}, rows)


def ring(place: Array, name: str, color: str, size: int = 17) -> m.Dict:
    """Ring a place."""
    return m.dots(place[:1], place[1:], name, color, size=size, symbol="circle-open", hover=name)


def key(name: str, color: str) -> m.Dict:
    """Entry of the legend for arrows, which plotly leaves out."""
    none = np.array([np.nan])
    return {**m.line(none, none, name, color), "hoverinfo": "skip"}


def swarm(history: History, why: SwarmExplanation, plane: Plane, *, sign: float = 1.0) -> dict[str, Any]:
    """Draw the swarm before a move, where each particle came from, and the three parts of the new velocity."""
    rows, bests = np.array(why.positions), np.array(why.bests)
    now, best = plane.places(history.x[rows]), plane.places(history.x[bests])
    new = plane.places(why.x)[0]
    hollow = m.dots(best[:, 0], best[:, 1], "personal bests", m.GREY, size=10, symbol="circle-open",
                    hover="the best position of particle %{customdata}")
    data = [{**hollow, "customdata": np.arange(len(bests)) + 1},
            coloured(now, history.y[rows], "particles", sign=sign, rows=rows)]
    leader = plane.places(history.x[why.leader])[0]
    data.append(ring(leader, "best of all" if why.topology == "global" else "best of the neighbours", m.GREEN))
    arrows: list[m.Dict] = []
    size = len(rows)
    for i, row in enumerate(rows):
        if row - _stride(why) >= 0 and size > 1:
            arrows += arrow(plane.places(history.x[row - _stride(why)])[0], now[i], m.GREY, dashed=True)
    at = now[why.particle]
    parts = (("momentum", why.inertia, m.BLUE), ("to its own best", why.own_pull, m.PURPLE),
             ("to the best it knows of", why.social_pull, m.ORANGE))
    for name, part, color in parts:
        step = plane.places(part)[0] if plane.columns[1] is not None else np.array([part[plane.columns[0]], 0.0])
        arrows += arrow(at, at + step, color)
        at = at + step
        data.append(key(name, color))
    data += [key("last moves", m.fade(m.GREY, 0.55)),
             m.dots(new[:1], new[1:], "next point", m.RED, size=13, symbol="cross", hover="next point")]
    text = f"Particle {why.particle + 1} of {size} on its move {why.sweep}"
    return {"data": data, "layout": {**plane.layout(text), "annotations": arrows}}


def _stride(why: SwarmExplanation) -> int:
    """Rows between two positions of one particle."""
    return len(why.positions)


def differences(history: History, why: DEExplanation, plane: Plane, *, sign: float = 1.0) -> dict[str, Any]:
    """Draw how a trial vector was made: the pairs (q to p), their scaled difference added to the base, the crossover."""
    rows = np.array(why.population)
    data = [coloured(plane.places(history.x[rows]), history.y[rows], "population", sign=sign, rows=rows)]
    arrows: list[m.Dict] = []
    at = plane.places(history.x[why.base])[0]
    for i, (p, q) in enumerate(why.differences):
        start, end = plane.places(history.x[[q, p]])
        color = (m.BLUE, m.PURPLE)[i % 2]
        arrows += arrow(start, end, color, dashed=True) + arrow(at, at + why.F * (end - start), color, width=2.5)
        at = at + why.F * np.nan_to_num(end - start)
        data.append(key(f"{why.F:.2f} × (result {p + 1} − result {q + 1})", color))
    best = rows[int(np.argmin(history.y[rows]))]
    target, v, u = (plane.places(x)[0] for x in (history.x[why.target], why.mutant, why.x))
    data += [ring(target, "target, to be beaten", m.ORANGE),
             ring(plane.places(history.x[best])[0], "best member", m.GREEN, 22),
             m.dots(v[:1], v[1:], "mutant", m.GREY, size=12, symbol="diamond-open", hover="mutant v"),
             {**m.line(np.array([v[0], u[0]]), np.array([v[1], u[1]]), "crossover", m.GREY, dash="dot", width=1.5),
              "hoverinfo": "skip", "hovertemplate": None},
             m.dots(u[:1], u[1:], "next point", m.RED, size=13, symbol="cross", hover="next point")]
    text = f"Slot {why.slot + 1} of {len(rows)}: {safe(why.strategy)} with F = {why.F:.2f}, CR = {why.CR:g}"
    return {"data": data, "layout": {**plane.layout(text), "annotations": arrows}}
