"""Functional ANOVA as pictures: shares as bars, the marginal curve of a parameter, the map of a pair.

A curve says what to expect of a value over all values of the others, not what was seen there; where trials stand is marked under
it, and on the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from workbench.importance.fanova import Fanova
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty, safe
from workbench.plots.model import CIVIDIS, axis
from workbench.space import Array, Choice, Param

MOST, PAIRS = 16, 6  # parameters and pairs shown
LEAST = 0.005  # a pair that explains less is not shown
ROW = 26  # pixels
HEIGHT = 380
FEW = 12  # up to so many levels are marks, not a line
MAX_TRIALS = 150  # marked under a curve or on a map
BEST = 0.1  # share of the trials that is called the best
GOLDEN = 0.6180339887498949
HATCHED = {"shape": "/", "fillmode": "overlay", "fgcolor": "#ffffff", "size": 7}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a parameter, or a pair; ``at`` is its place from the top."""

    names: tuple[str, ...]
    share: float
    spread: float
    at: float

    @property
    def label(self) -> str:
        """Name of the parameter, or both."""
        return " × ".join(m.cut(n, 30 if len(self.names) == 1 else 14) for n in self.names)


def fanova(found: Fanova, name: str | None = None, *, pair: tuple[str, str] | None = None) -> dict[str, Any]:
    """Draw the shares; or the curve of a parameter, or the map of a pair."""
    if pair is not None:
        return surface(found, *pair)
    return importance(found) if name is None else curve(found, name)


# ---- shares ------------------------------------------------------------------------------------------------------------


def bars_of(found: Fanova) -> list[Bar]:
    """List the bars from the top: the parameters that explain most, then the pairs that do."""
    order = np.argsort(-found.single, kind="stable")[:MOST]
    single = [Bar((found.names[j],), float(found.single[j]), float(found.single_spread[j]), float(k))
              for k, j in enumerate(order.tolist())]
    pairs = [p for p in found.pairs()[:PAIRS] if p[2] >= LEAST]
    return [*single, *(Bar((a, b), share, _pair_spread(found, a, b), len(single) + k + 0.5)
                       for k, (a, b, share) in enumerate(pairs))]


def bar_at(found: Fanova, y: float) -> Bar | None:
    """Return the bar at a height of the picture; None between and beside them."""
    bar = min(bars_of(found), key=lambda b: abs(b.at - y), default=None)
    return bar if bar is not None and abs(bar.at - y) <= 0.5 else None


def _pair_spread(found: Fanova, a: str, b: str) -> float:
    by_tree = found.pair_by_tree(a, b)
    return float(np.nanstd(by_tree)) if np.isfinite(by_tree).any() else 0.0


def rest(found: Fanova) -> str:
    """Say how much single parameters and pairs explain, and what is left."""
    alone, both = float(found.single.sum()), found.total()
    if both == 0:
        return f"No parameter changes what the forest predicts: all {found.n_trials} trials look alike to it"
    if len(found.names) == 1:
        return f"There is one parameter: it explains {percent(alone)}"
    left = max(1.0 - both, 0.0)
    more = f", three and more together {percent(left)}" if len(found.names) > 2 else ""
    return f"Alone they explain {percent(alone)}, in pairs {percent(both - alone)}{more}"


def summary(found: Fanova) -> str:
    """Say in a sentence which parameter, and which pair, explains most."""
    bars = bars_of(found)
    top, pair = (next((b for b in bars if len(b.names) == k and b.share > 0), None) for k in (1, 2))
    if top is None:
        return f"{rest(found)}."
    more = f" Of the pairs {' × '.join(pair.names)} adds most: {percent(pair.share)}." if pair is not None else ""
    return f"{top.names[0]} matters most: alone it explains {percent(top.share)}.{more}"


def importance(found: Fanova, chosen: tuple[str, ...] = ()) -> dict[str, Any]:
    """Draw the shares as bars with one standard deviation between the trees; pairs are hatched.

    ``chosen``: the names of the bar whose curve or map stands beside it.
    """
    if not found.names:
        return empty("The space has no parameter.")
    bars = bars_of(found)
    single, pairs = ([b for b in bars if len(b.names) == k] for k in (1, 2))
    data = [_bars(single, "one alone", m.BLUE)]
    if pairs:
        data.append(_bars(pairs, "two together, beyond each alone", m.ORANGE, hatched=True))
    ends = np.array([b.share + b.spread for b in bars])
    data.append({"type": "scatter", "mode": "text", "x": 100 * ends, "y": np.array([b.at for b in bars]), "hoverinfo": "skip",
                 "text": [f" {percent(b.share)}" for b in bars], "textposition": "middle right", "showlegend": False,
                 "name": "shares", "cliponaxis": False})
    hidden = len(found.names) - len(single)
    more = f" · {hidden} more parameters explain less" if hidden else ""
    labels = [f"<b>▸ {safe(b.label)}</b>" if b.names == chosen else safe(b.label) for b in bars]
    rows = [{"type": "rect", "xref": "x domain", "yref": "y", "x0": 0, "x1": 1, "y0": b.at - 0.5, "y1": b.at + 0.5,
             "fillcolor": m.fade(m.GREY, 0.18), "line": {"width": 0}, "layer": "below"} for b in bars if b.names == chosen]
    name = safe(m.cut(found.quantity.name, 30))
    layout = {"title": _title(f"What moves the {name}{more}<br>{_small(rest(found))}"),
              "height": max(HEIGHT, 136 + ROW * (len(bars) + 1)), "barmode": "overlay", "hovermode": "closest", "shapes": rows,
              "xaxis": {"title": {"text": "share of the variance (%)"}, "range": [0, 118 * max(float(ends.max()), 0.01)],
                        "zeroline": False, "fixedrange": True},
              "yaxis": {"range": [bars[-1].at + 0.6, -0.6], "tickvals": np.array([b.at for b in bars]), "ticktext": labels,
                        "automargin": True, "showgrid": False, "zeroline": False, "fixedrange": True},
              "showlegend": bool(pairs), "legend": {**m.LEGEND, "x": 0, "xanchor": "left"},
              "margin": {"l": 60, "r": 16, "t": 86 if pairs else 60, "b": 44}}
    return {"data": data, "layout": layout}


def _bars(bars: list[Bar], name: str, color: str, *, hatched: bool = False) -> m.Dict:
    return {"type": "bar", "orientation": "h", "name": name, "width": 0.66, "y": np.array([b.at for b in bars]),
            "x": np.array([100 * b.share for b in bars]),
            "marker": {"color": color, **({"pattern": HATCHED} if hatched else {})},
            "error_x": {"type": "data", "array": np.array([100 * b.spread for b in bars]), "color": m.GREY, "thickness": 1.6,
                        "width": 4},
            "hovertext": [f"<b>{' × '.join(safe(n) for n in b.names)}</b><br>{percent(b.share)} of the variance"
                          f"<br>± {percent(b.spread)} between the trees" for b in bars],
            "hovertemplate": "%{hovertext}<extra>" + name + "</extra>"}


def percent(share: float) -> str:
    """Write a share."""
    return "0 %" if share == 0 else "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _title(text: str) -> m.Dict:
    """Give the picture a title of two lines, which begins at its left edge: names of parameters may be long."""
    return {**m.title(text), "x": 0.01, "xref": "container", "y": 0.95}


def _small(text: str) -> str:
    return f"<span style='font-size:12px'>{safe(text)}</span>"


# ---- one parameter -----------------------------------------------------------------------------------------------------


def curve(found: Fanova, name: str) -> dict[str, Any]:
    """Draw the marginal with one standard deviation between the trees, trials as a rug below, and the best one as a ring."""
    c, p, j, sign = found.curve(name), found.space[name], found.space.column(name), found.quantity.sign
    if not c.active > 0:
        return empty(f"{name} is active nowhere: its condition cannot hold.", height=HEIGHT)
    mean, levels = sign * c.mean, p.n_levels is not None and p.n_levels == len(c.mean)
    u = p.levels() if levels else (c.edges[:-1] + c.edges[1:]) / 2
    low, high = m.room(np.concatenate([mean - c.spread, mean + c.spread]), margin=0.1)
    low -= 0.08 * (high - low)
    texts = [_value(v) for v in p.decode(u)]
    hover = {"text": texts,
             "hovertemplate": f"{safe(m.cut(name))} = %{{text}}<br>mean %{{y:.4g}} ± %{{customdata:.2g}}<extra></extra>",
             "customdata": c.spread}
    if levels and len(u) <= FEW:
        error = {"type": "data", "array": c.spread, "color": m.BLUE, "thickness": 1.8, "width": 5}
        data = [{**_cells(c.edges, mean), **hover, "customdata": np.repeat(c.spread, 3), "text": _thrice(texts)},
                {**m.dots(u, mean, "mean ± spread", m.BLUE, size=8), **hover, "error_y": error}]
    else:
        data = [*m.band(u, mean - c.spread, mean + c.spread, "mean ± spread", m.BLUE),
                {**m.line(u, mean, "mean", m.BLUE, legend=False), **hover}]
    data += _rug(found, j, p, low + 0.045 * (high - low))
    best = int(np.argmin(found.y))
    at = found.x[best, j]
    shapes = []
    if np.isfinite(at):
        here = float(mean[np.clip(np.searchsorted(c.edges, at, side="right") - 1, 0, len(mean) - 1)])
        ring = m.dots(np.array([at]), np.array([here]), "best", m.GREEN, size=14, symbol="circle-open", hover=_best(found))
        data.append(whose.of_rows({**ring, "text": [_value(p.from_unit(at))]}, np.array([best]), keep=True))
        shapes.append(m.upright(float(at), m.GREEN, dash="dot", y1=1.0)[0])
    j_share = percent(float(found.single[j]))
    where = "" if c.active > 0.995 else f", where it is active ({percent(c.active)} of the space)"
    title = f"{safe(m.cut(name, 30))} alone explains {j_share}<br>{_small(f'over all values of the other parameters{where}')}"
    word = safe(m.cut(found.quantity.name, 30))
    layout = {"title": _title(title), "height": HEIGHT, "hovermode": "closest", "shapes": shapes,
              "xaxis": {**axis(found.space, name), "fixedrange": True},
              "yaxis": {"title": {"text": f"mean {word} ({found.quantity.better})"}, "range": [low, high], "zeroline": False,
                        "fixedrange": True},
              "legend": {**m.LEGEND, "x": 0, "xanchor": "left"}, "margin": {"l": 66, "r": 16, "t": 86, "b": 44}}
    return {"data": data, "layout": layout}


def _cells(edges: Array, mean: Array) -> m.Dict:
    """Draw a level line across each cell, with gaps between them."""
    width = np.diff(edges)
    x = np.stack([edges[:-1] + 0.12 * width, edges[1:] - 0.12 * width, np.full(len(mean), np.nan)], axis=1).ravel()
    y = np.stack([mean, mean, np.full(len(mean), np.nan)], axis=1).ravel()
    return {**m.line(x, y, "mean", m.BLUE, legend=False, width=4), "opacity": 0.45}


def _thrice(texts: list[str]) -> list[str]:
    return [t for text in texts for t in (text, text, "")]


def _rug(found: Fanova, j: int, p: Param, y: float) -> list[m.Dict]:
    """Mark where trials were, the best tenth by another shape."""
    u, active = found.x[:, j], np.isfinite(found.x[:, j])
    good = found.y <= np.quantile(found.y, BEST)
    traces = []
    for name, color, symbol, chosen in (("trials", m.GREY, "line-ns-open", ~good),
                                        ("best tenth", m.GREEN, "triangle-up", good)):
        rows = _some(np.flatnonzero(active & chosen))
        if not len(rows):
            continue
        trace = m.dots(_spread(u[rows], rows, p), np.full(len(rows), y), name, color, size=9 if good[rows[0]] else 10,
                       symbol=symbol, hover="a trial: %{text}")
        trace["marker"]["line"]["width"] = 0 if good[rows[0]] else 1.3
        trace["marker"]["opacity"] = 0.8
        trace["text"] = [m.three(v) for v in found.quantity.sign * found.y[rows]]
        traces.append(whose.of_rows(trace, rows))
    return traces


def _some(rows: Any) -> Any:
    """Take evenly spaced ones of many."""
    if len(rows) <= MAX_TRIALS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MAX_TRIALS).round().astype(int)]


def _spread(u: Array, rows: Any, p: Param) -> Array:
    """Spread marks a little over the band of a choice, each always to the same place."""
    if not isinstance(p, Choice):
        return u
    return np.asarray(u + (rows * GOLDEN % 1.0 - 0.5) * 0.6 / p.n_levels)


def _best(found: Fanova) -> str:
    return f"best trial: {safe(m.cut(found.quantity.name))} {m.three(found.quantity.value(float(found.y.min())))}"


def _value(value: Any) -> str:
    return safe(m.three(value) if isinstance(value, float) else m.cut(value))


# ---- two parameters ----------------------------------------------------------------------------------------------------


def surface(found: Fanova, a: str, b: str) -> dict[str, Any]:
    """Draw the marginal of two parameters as a map, with the trials that had both."""
    s, sign, space = found.surface(a, b), found.quantity.sign, found.space
    if not s.active > 0:
        return empty(f"{a} and {b} are never active together.", height=HEIGHT)
    z, i, j = sign * s.mean.T, space.column(a), space.column(b)
    word = safe(m.cut(found.quantity.name, 30))
    texts = [[_value(v) for v in space[n].decode((e[:-1] + e[1:]) / 2)] for n, e in ((a, s.edges_a), (b, s.edges_b))]
    low, high = float(z.min()), float(z.max())
    ticks = np.linspace(low, high, 5) if high > low else np.array([low])
    bar = {"thickness": 12, "len": 0.95, "outlinewidth": 0, "title": {"text": f"mean {word}", "side": "right"},
           "tickvals": ticks.tolist(), "ticktext": [m.three(float(v)) for v in ticks]}
    heat = {"type": "heatmap", "x": s.edges_a, "y": s.edges_b, "z": z, "name": "mean", "colorscale": CIVIDIS,
            "reversescale": sign > 0, "zmin": low, "zmax": high if high > low else low + 1.0, "colorbar": bar,
            "customdata": s.spread.T, "hoverongaps": False,
            "text": [[f"{safe(m.cut(a))} = {va}<br>{safe(m.cut(b))} = {vb}" for va in texts[0]] for vb in texts[1]],
            "hovertemplate": "%{text}<br>mean %{z:.4g} ± %{customdata:.2g}<extra></extra>"}
    both = np.asarray(np.isfinite(found.x[:, [i, j]]).all(axis=1))
    rows = _some(np.flatnonzero(both))
    data = [heat]
    if len(rows):
        dots = m.dots(_spread(found.x[rows, i], rows, space[a]), _spread(found.x[rows, j], 3 * rows + 1, space[b]), "trials",
                      "#222222", size=5, hover="a trial: %{text}")
        dots["marker"]["line"] = {"color": "#ffffff", "width": 1}
        dots["text"] = [m.three(v) for v in sign * found.y[rows]]
        data.append(whose.of_rows(dots, rows))
    best = int(np.argmin(found.y))
    if both[best]:
        row = np.array([best])
        at = _spread(found.x[row, i], row, space[a]), _spread(found.x[row, j], 3 * row + 1, space[b])
        ring = m.dots(*at, "best", m.RED, size=15, symbol="circle-open", hover=_best(found))
        ring["marker"]["line"]["width"] = 3
        data.append(whose.of_rows(ring, row))
    names = f"{safe(m.cut(a, 20))} × {safe(m.cut(b, 20))}"
    where = "" if s.active > 0.995 else f", where both are active ({percent(s.active)} of the space)"
    title = (f"{names} explain {percent(found.pair(a, b))} beyond each alone"
             f"<br>{_small(f'over all values of the other parameters{where}')}")
    lines = [_border(k, e) for k, n, edges in (("x", a, s.edges_a), ("y", b, s.edges_b)) if isinstance(space[n], Choice)
             for e, _ in pairwise(edges[1:].tolist())]
    layout = {"title": _title(title), "height": HEIGHT, "hovermode": "closest", "shapes": lines,
              "xaxis": {**axis(space, a), "showgrid": False, "range": [0, 1], "fixedrange": True},
              "yaxis": {**axis(space, b), "showgrid": False, "range": [0, 1], "fixedrange": True},
              "legend": {**m.LEGEND, "x": 0, "xanchor": "left"}, "margin": {"l": 70, "r": 20, "t": 86, "b": 44}}
    return {"data": data, "layout": layout}


def _border(axis_name: str, at: float) -> m.Dict:
    other = "y" if axis_name == "x" else "x"
    return {"type": "line", f"{axis_name}0": at, f"{axis_name}1": at, f"{other}0": 0, f"{other}1": 1,
            f"{axis_name}ref": axis_name, f"{other}ref": f"{other} domain", "line": {"color": m.GREY, "width": 1}}
