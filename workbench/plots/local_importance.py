"""Small pictures, one a parameter: the predicted loss along it through one configuration, the most important first."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.importance.local import LocalCurve, LocalImportance
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.model import axis
from workbench.space import Array, Param

COLUMNS = 3
MOST = 12  # pictures
FEW = 12  # up to so many levels are marks, not a line
MOST_POINTS = 160  # of a line
ROW = 190  # pixels


def local_importance(found: LocalImportance) -> dict[str, Any]:
    """Draw the curves with one standard deviation between the trees; a ring marks the configuration's own value."""
    names = found.order[:MOST]
    if not names:
        return empty("No parameter is active at this configuration.")
    sign = found.quantity.sign
    n_rows, n_columns = -(-len(names) // COLUMNS), min(COLUMNS, len(names))
    data: list[m.Dict] = []
    layout: m.Dict = {"title": m.title(_title(found)), "height": 84 + ROW * n_rows, "hovermode": "closest", "showlegend": False,
                      "margin": {"l": 62, "r": 14, "t": 70, "b": 40}, "annotations": []}
    span = _range(found, names, sign)
    for k, name in enumerate(names):
        row, column = divmod(k, COLUMNS)
        key = "" if k == 0 else str(k + 1)
        x0, x1 = _stretch(column, n_columns, 0.05)
        y0, y1 = _stretch(n_rows - 1 - row, n_rows, 0.36 / n_rows if n_rows > 1 else 0.0)
        p = found.space[name]
        data += _curve(found.curves[name], p, sign, key, found.loss)
        layout[f"xaxis{key}"] = {**_ticks(axis(found.space, name)), "title": {"text": ""}, "domain": [x0, x1],
                                 "anchor": f"y{key}", "fixedrange": True}
        layout[f"yaxis{key}"] = {"domain": [y0, y1], "anchor": f"x{key}", "range": span, "nticks": 4, "zeroline": False,
                                 "fixedrange": True, "showticklabels": column == 0}
        share = found.single[found.space.column(name)]
        layout["annotations"].append({"xref": "paper", "yref": "paper", "x": x0, "y": y1, "xanchor": "left", "yanchor": "bottom",
                                      "showarrow": False, "font": {"size": 12},
                                      "text": f"<b>{safe(m.cut(name, 22))}</b> {_percent(share)}"})
    label = f"predicted {safe(m.cut(found.quantity.name, 40))}"
    layout["annotations"].append({"xref": "paper", "yref": "paper", "x": 0, "y": 0.5, "xshift": -54, "textangle": -90,
                                  "text": label, "showarrow": False, "font": {"size": 12}})
    return {"data": data, "layout": layout}


def _title(found: LocalImportance) -> str:
    more = f" · {len(found.order) - MOST} more not shown" if len(found.order) > MOST else ""
    return f"Each parameter alone around {safe(m.cut(found.config_name, 30))}: shares of the variance{more}"


def _percent(share: float) -> str:
    return "0 %" if share == 0 else "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _stretch(k: int, n: int, gap: float) -> tuple[float, float]:
    """Return the k-th of n equal stretches of [0, 1] with gaps between them."""
    width = (1 - gap * (n - 1)) / n
    return k * (width + gap), k * (width + gap) + width


def _range(found: LocalImportance, names: tuple[str, ...], sign: float) -> list[float]:
    """One range for all, so that heights can be compared."""
    edges = [sign * (c.mean + s * c.spread) for n in names for c in [found.curves[n]] for s in (-1, 1)]
    seen = np.concatenate(edges)
    return m.room(seen[np.isfinite(seen)], np.array([sign * found.loss]))


def _ticks(settings: m.Dict) -> m.Dict:
    """Keep as many ticks as there is room for in a small picture."""
    values, text = list(settings["tickvals"]), list(settings["ticktext"])
    by = -(-len(values) // 5)
    return {**settings, "tickvals": values[::by], "ticktext": [m.cut(t, 10) for t in text[::by]], "tickangle": 0}


def _curve(c: LocalCurve, p: Param, sign: float, key: str, loss: float) -> list[m.Dict]:
    name, levels = safe(m.cut(c.name)), p.n_levels is not None and p.n_levels <= FEW
    if levels:
        u, mean, spread = p.levels(), sign * c.mean, c.spread
    else:
        u, mean, spread = _steps(c, sign)
    text = [_value(v) for v in p.decode(u)]
    hover = {"text": text, "hovertemplate": f"{name} = %{{text}}<br>predicted %{{y:.4g}}<extra></extra>"}
    if levels:
        bars = {"type": "data", "array": spread, "color": m.BLUE, "thickness": 1.5, "width": 3}
        drawn = [{**m.dots(u, mean, name, m.BLUE, axis=key, size=7), **hover, "error_y": bars}]
    else:
        shape = {"shape": "hv"}
        band = m.band(u, mean - spread, mean + spread, name, m.BLUE, axis=key, alpha=0.2)
        edge = [{**b, "line": {"width": 0, **shape}} for b in band]
        line = m.line(u, mean, name, m.BLUE, axis=key)
        drawn = [*edge, {**line, **hover, "line": {**line["line"], **shape}}]
    here = m.dots(np.array([c.here]), np.array([sign * loss]), "here", m.ORANGE, axis=key, size=12, symbol="circle-open")
    value = _value(p.from_unit(c.here))
    return [*drawn, {**here, "hovertemplate": f"here: {name} = {value}<br>predicted %{{y:.4g}}<extra></extra>"}]


def _value(value: Any) -> str:
    return safe(m.three(value) if isinstance(value, float) else m.cut(value))


def _steps(c: LocalCurve, sign: float) -> tuple[Array, Array, Array]:
    """Left ends of the steps and their heights, the last one again at its right end; means over even stretches of many steps."""
    edges, mean, spread = c.edges, c.mean, c.spread
    if len(mean) > MOST_POINTS:
        edges = np.arange(MOST_POINTS + 1) / MOST_POINTS
        mean, spread = _mean_on(c.edges, mean, MOST_POINTS), _mean_on(c.edges, spread, MOST_POINTS)
    return edges, sign * np.append(mean, mean[-1]), np.append(spread, spread[-1])


def _mean_on(edges: Array, values: Array, n: int) -> Array:
    """Means of a step function over n even stretches of [0, 1]."""
    known = ~np.isnan(values)
    grid = np.arange(n + 1) / n
    area, width = (np.concatenate([[0.0], np.cumsum(np.diff(edges) * v)]) for v in (np.where(known, values, 0.0), known * 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.diff(np.interp(grid, edges, area)) / np.diff(np.interp(grid, edges, width)))
