"""The loss over two parameters: results as marks, and between them the map of a model.

The model's other parameters are held at the best configuration; the marks' other parameters are what they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.contour_fit import FEWEST, fitted
from workbench.plots.coordinates import values_of
from workbench.plots.figure import empty, safe
from workbench.plots.history import use_log
from workbench.plots.model import CIVIDIS, axis
from workbench.search.surrogate_why import SurrogateExplanation, slice_2d
from workbench.space import Array, Choice, Space
from workbench.trials import Trial, Trials

HEIGHT = 440
SIDE = 36  # points of the map along a continuous parameter
MAX_MARKS = 600
HATCH = 22  # strokes along each side of the picture, where nothing may be tried
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A model's mean over two parameters, in losses, shape (len(uy), len(ux)); nan where nothing may be tried.

    ``at`` is the point of the unit cube that holds the other parameters.
    """

    ux: Array
    uy: Array
    mean: Array
    at: Array
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Finished trials that have both parameters: unit values, values in the user's sign (nan: none)."""

    x: Array
    y: Array
    values: Array
    trials: list[Trial]


def map_of(seen: History, why: SurrogateExplanation | None, results: History, name_x: str, name_y: str) -> Map | None:
    """Compute the map, by the search's own model if ``why`` comes from one, else by one that is fitted to ``results``.

    Parameters
    ----------
    seen
        What the search saw when it gave ``why``.
    results
        All results.
    """
    own = why is not None
    why = why or fitted(results)
    if why is None:
        return None
    history = seen if own else results
    s = slice_2d(history, why, name_x, name_y, n=SIDE)
    px, py = history.space[name_x], history.space[name_y]
    ux = np.array([px.to_unit(v) for v in s.values_x])
    uy = np.array([py.to_unit(v) for v in s.values_y])
    mean = np.where(blank(history.space, s.at, name_x, name_y, ux, uy), np.nan, s.mean)
    return Map(ux, uy, mean, s.at, f"the search's own {why.MODEL}" if own else why.MODEL)


def blank(space: Space, at: Array, name_x: str, name_y: str, ux: Array, uy: Array) -> NDArray[np.bool_]:
    """Where nothing may be tried: forbidden, or one of the two is inactive; shape (len(uy), len(ux))."""
    jx, jy = space.column(name_x), space.column(name_y)
    x = np.tile(at, (len(ux) * len(uy), 1))
    x[:, jx], x[:, jy] = np.tile(ux, len(uy)), np.repeat(uy, len(ux))
    x = space.snap(np.where(np.isnan(x), 0.5, x))
    off = space.is_forbidden(x) | np.isnan(x[:, [jx, jy]]).any(axis=1)
    return np.asarray(off.reshape(len(uy), len(ux)))


def marks_of(trials: Trials, space: Space, name_x: str, name_y: str) -> Marks:
    """Collect the trials that ended and have both parameters, the newest ones if they are many."""
    px, py = space[name_x], space[name_y]
    told = [t for k in list(trials.told) if (t := trials.by_number[k]).state != "interrupted"]
    both = [t for t in told if _has(px, t, name_x) and _has(py, t, name_y)]
    if len(both) > MAX_MARKS:
        by_loss = np.argsort(values_of(trials, both)[:, 0] * (-1 if trials.goals.directions[0] == "maximize" else 1))
        both = [both[i] for i in by_loss[:MAX_MARKS // 3]] + both[-2 * MAX_MARKS // 3:]
        both = list({t.number: t for t in both}.values())
    u = np.array([[place(p, t, n) for p, n in ((px, name_x), (py, name_y))] for t in both], dtype=float).reshape(-1, 2)
    return Marks(u[:, 0], u[:, 1], values_of(trials, both)[:, 0], both)


def _has(p: Any, t: Trial, name: str) -> bool:
    return name in t.config and (p.find(t.config[name]) is not None if isinstance(p, Choice) else True)


def place(p: Any, t: Trial, name: str) -> float | None:
    """Unit value, None for none; on a band of a choice the marks are spread a little, each always at the same place."""
    if not _has(p, t, name):
        return None
    u = float(p.to_unit(t.config[name]))
    if isinstance(p, Choice):
        u += (t.number * GOLDEN % 1.0 - 0.5) * 0.6 / p.n_levels
    return u


def contour(trials: Trials, space: Space, name_x: str, name_y: str, found: Map | None, *,
            brushed: frozenset[int] | None = None, selected: int | None = None) -> dict[str, Any]:
    """Draw results over two parameters.

    Parameters
    ----------
    found
        The map behind them; without, only the marks.
    brushed, selected
        Trials that do not fade; the picked one.
    """
    dots = marks_of(trials, space, name_x, name_y)
    if not dots.trials:
        return empty(f"No result yet that has both {name_x} and {name_y}.", height=HEIGHT)
    finite, up = dots.values[np.isfinite(dots.values)], trials.goals.directions[0] == "maximize"
    sign = -1.0 if up else 1.0
    scale = Scale.of(finite, log=use_log(finite), word=(*trials.goals.labels, "value" if up else "loss")[0], maximize=up)
    data = [] if found is None else [_map(found, scale, sign, space, name_x, name_y),
                                     *_hatching(space, found.at, name_x, name_y)]
    data += _marks(dots, scale, brushed)
    data += _rings(trials, dots, selected)
    x, y = axis(space, name_x), axis(space, name_y)
    hidden = {"showgrid": False, "fixedrange": False}
    words = f"{scale.word[:1].upper()}{scale.word[1:]} over {m.cut(name_x)} and {m.cut(name_y)}"
    layout = {"title": m.title(safe(words)),
              "height": HEIGHT, "xaxis": {**x, **hidden}, "yaxis": {**y, **hidden}, "hovermode": "closest",
              "shapes": _borders(space, name_x, name_y), "legend": m.LEGEND,
              "margin": {"l": 70, "r": 20, "t": 56, "b": 44}}
    return whose.labelled({"data": data, "layout": layout}, trials)


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to colours. A few very bad values do not take the colours from all others."""

    low: float
    high: float
    log: bool
    word: str
    maximize: bool

    @classmethod
    def of(cls, finite: Array, *, log: bool, word: str, maximize: bool = False) -> Scale:
        """Span these values, but cut what lies far beyond the middle half on the side of the bad ones."""
        if not len(finite):
            return cls(0.0, 1.0, False, word, maximize)
        z = np.log10(finite) if log else finite
        q1, q3 = np.quantile(z, [0.25, 0.75])
        bad, reach = (-1 if maximize else 1), 1.5 * (q3 - q1)
        low = max(z.min(), q1 - reach) if bad < 0 and reach > 0 else z.min()
        high = min(z.max(), q3 + reach) if bad > 0 and reach > 0 else z.max()
        return cls(float(low), float(high) if high > low else float(low) + 1.0, log, word, maximize)

    def __call__(self, values: Array) -> Array:
        """Turn values into what is coloured."""
        if not self.log:
            return np.asarray(values, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values > 0, np.log10(values), np.where(np.isnan(values), np.nan, self.low))

    def colours(self) -> m.Dict:
        """Return plotly's settings: the better, the more yellow."""
        return {"colorscale": CIVIDIS, "reversescale": not self.maximize, "cmin": self.low, "cmax": self.high}

    def outlines(self, values: Array) -> list[str]:
        """Return an outline for each mark that stands on the map of the same colour: dark around light ones."""
        share = (self(values) - self.low) / (self.high - self.low)
        good = share >= 0.5 if self.maximize else share < 0.5
        return ["#333333" if g else "#ffffff" for g in good.tolist()]

    def bar(self) -> m.Dict:
        """Return the colour bar, in values."""
        ticks = np.linspace(self.low, self.high, 5)
        texts = [m.three(float(10**v if self.log else v)) for v in ticks]
        return {"thickness": 12, "len": 0.95, "title": {"text": safe(m.cut(self.word)), "side": "right"},
                "tickvals": ticks.tolist(),
                "ticktext": texts, "outlinewidth": 0}


def _map(found: Map, scale: Scale, sign: float, space: Space, name_x: str, name_y: str) -> m.Dict:
    z = scale(sign * found.mean)
    colours = scale.colours()
    low, high = colours.pop("cmin"), colours.pop("cmax")
    common = {"x": found.ux, "y": found.uy, "z": z, "name": "map", "showscale": False, "zmin": low, "zmax": high, **colours,
              "customdata": sign * found.mean,
              "hovertemplate": f"{found.model}: %{{customdata:.4g}}<extra></extra>", "opacity": 0.9}
    if all(isinstance(space[n], Choice) or space[n].n_levels is not None for n in (name_x, name_y)) or \
            any(isinstance(space[n], Choice) for n in (name_x, name_y)):
        return {**common, "type": "heatmap"}  # levels are bands: nothing lies between them
    return {**common, "type": "contour", "autocontour": False, "connectgaps": False,
            "contours": {"coloring": "heatmap", "start": low, "end": high, "size": (high - low) / 12},
            "line": {"width": 0.6, "color": "rgba(255,255,255,.45)"}}


def _hatching(space: Space, at: Array, name_x: str, name_y: str) -> list[m.Dict]:
    """Strokes where nothing may be tried."""
    side = (np.arange(HATCH) + 0.5) / HATCH
    off = blank(space, at, name_x, name_y, side, side)
    if not off.any():
        return []
    y, x = np.nonzero(off)
    strokes = m.dots(side[x], side[y], "forbidden or inactive", m.GREY, size=9, symbol="line-ne",
                     hover="forbidden, or one of the two is inactive")
    strokes["marker"]["line"]["width"] = 1
    return [strokes]


def _marks(dots: Marks, scale: Scale, brushed: frozenset[int] | None) -> list[m.Dict]:
    numbers = np.array([t.number for t in dots.trials])
    opacity = whose.faded(numbers, brushed)
    known = np.isfinite(dots.values)
    size = 9 if len(numbers) <= 150 else 7
    data = []
    if known.any():
        trace = m.dots(dots.x[known], dots.y[known], "results", m.GREY, size=size, legend=False)
        trace["marker"] = {"size": size, "color": scale(dots.values[known]), **scale.colours(), "colorbar": scale.bar(),
                           "line": {"color": scale.outlines(dots.values[known]), "width": 1.2},
                           "opacity": opacity[known]}
        data.append(whose.of_trials(trace, numbers[known]))
    if not known.all():
        trace = m.dots(dots.x[~known], dots.y[~known], "no loss", m.RED, size=size, symbol="x-thin")
        trace["marker"]["opacity"] = opacity[~known]
        data.append(whose.of_trials(trace, numbers[~known]))
    return data


def _rings(trials: Trials, dots: Marks, selected: int | None) -> list[m.Dict]:
    rings = []
    for numbers, name, color, size in ((trials.top, "Pareto set" if trials.goals.several else "best", m.GREEN, 17),
                                       ({selected}, "picked", m.ORANGE, 21)):
        i = [k for k, t in enumerate(dots.trials) if t.number in numbers]
        if i:
            ring = m.dots(dots.x[i], dots.y[i], name, color, size=size, symbol="circle-open")
            ring["marker"]["line"]["width"] = 3
            rings.append(whose.of_trials(ring, [dots.trials[k].number for k in i]))
    return rings


def _borders(space: Space, name_x: str, name_y: str) -> list[m.Dict]:
    """Lines between the bands of a choice."""
    shapes = []
    for name, k in ((name_x, "x"), (name_y, "y")):
        p, other = space[name], "y" if k == "x" else "x"
        if isinstance(p, Choice):
            shapes += [{"type": "line", f"{k}0": e, f"{k}1": e, f"{other}0": 0, f"{other}1": 1, f"{k}ref": k,
                        f"{other}ref": f"{other} domain", "line": {"color": m.GREY, "width": 1}}
                       for e in p.edges()[1:-1].tolist()]
    return shapes


def caption(found: Map | None, dots: int, results: int, *, several: bool = False) -> str:
    """Say what the map is, and how many results are not in the picture."""
    if found is not None:
        text = f"Map: {found.model}, the others held at the best"
    else:
        text = "Coloured by the first loss; no map of several" if several else f"A map appears with {FEWEST} results"
    return text if dots == results else f"{text} · {dots} of {results} results have both parameters"
