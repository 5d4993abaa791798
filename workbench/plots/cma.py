"""CMA-ES: the distribution over one or two parameters, the generation behind it, its way, and its size over time."""

from __future__ import annotations

import math

import numpy as np

from workbench.history import History
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty, safe
from workbench.plots.swarm import Plane
from workbench.search.cma_why import CMAExplanation, Evolution, evolution, is_numeric, probabilities
from workbench.space import Array, Choice

HEIGHT = 540
OPTIONS_HEIGHT = 420
TOP = [0.42, 1.0]  # room of the upper picture
BOTTOM = [0.0, 0.26]
MAX_AXES = 12  # axes of the distribution that get a line of their own


def cma(history: History, why: CMAExplanation, plane: Plane) -> m.Dict:
    """Draw the distribution that a point was drawn from.

    Parameters
    ----------
    history, why
        What the algorithm saw, and its explanation.
    plane
        The parameters to look at. Without a second number there is a density along the first; a choice gets the
        probabilities of its options.
    """
    x, y = (None if j is None else history.space.names[j] for j in plane.columns)
    assert x is not None
    if not is_numeric(history, why, x):
        return _options(history, why, x, plane.axes[0])
    if y is None or not is_numeric(history, why, y):
        e = evolution(history, why, x)
        drawn = _with_sizes(_density(e), e, plane.axes[0], {"title": {"text": "density"}, "zeroline": False})
        return _with_rows(drawn, e, history.x[:, [history.space.column(x)]])
    e = evolution(history, why, x, y)
    return _with_rows(_with_sizes(_over_two(e), e, *plane.axes), e, history.x[:, [history.space.column(k) for k in (x, y)]])


def ellipse(mean: Array, covariance: Array, radius: float, n: int = 73) -> Array:
    """Points on the line of so many standard deviations around a mean, shape (n, 2), closed."""
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0, 2 * np.pi, n)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(mean + radius * (circle * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _over_two(e: Evolution) -> list[m.Dict]:
    outer, inner = (ellipse(e.mean, e.covariance, r) for r in (2.0, 1.0))
    data = [{**m.line(outer[:, 0], outer[:, 1], "2 σ", m.BLUE, width=1), "fill": "toself", "fillcolor": m.fade(m.BLUE, 0.1),
             "hoverinfo": "skip", "hovertemplate": None},
            {**m.line(inner[:, 0], inner[:, 1], "1 σ", m.BLUE, width=1.5), "fill": "toself", "fillcolor": m.fade(m.BLUE, 0.18),
             "hoverinfo": "skip", "hovertemplate": None},
            {**m.line(e.means[:, 0], e.means[:, 1], "way of the mean", m.GREY, width=1.5), "mode": "lines+markers",
             "marker": {"size": 4, "color": m.GREY}, "customdata": np.arange(len(e.means))[::-1],
             "hovertemplate": "mean, %{customdata} generations ago<extra></extra>"},
            *_generation(e, e.last[:, 0], e.last[:, 1], e.waiting[:, 0], e.waiting[:, 1]),
            m.dots(e.mean[:1], e.mean[1:], "mean", m.BLUE, symbol="cross-thin", size=11, hover="the mean")]
    if np.isfinite(e.next_u).all():
        data.append(m.dots(e.next_u[:1], e.next_u[1:], "next point", m.RED, size=12, symbol="cross", hover="next point"))
    return data


def _generation(e: Evolution, x: Array, y: Array, new_x: Array, new_y: Array) -> list[m.Dict]:
    """Points of the last generation, coloured by rank, the selected ones ringed; those told since hollow."""
    data = []
    if len(x):
        chosen = e.ranks < e.n_selected
        points = m.dots(x, y, "last generation", m.GREY, size=9, hover="%{text}")
        points["marker"] |= {"color": e.ranks + 1, "colorscale": "Cividis", "reversescale": True,
                             "line": {"color": m.GREY, "width": 1}}
        words = [f"rank {k}" for k in (e.ranks + 1).tolist()]
        data = [{**points, "text": words},
                {**m.dots(x[chosen], y[chosen], "selected", m.GREEN, size=15, symbol="circle-open", hover="selected: %{text}"),
                 "text": [w for w, on in zip(words, chosen, strict=True) if on]}]
    if len(new_x):
        data.append(m.dots(new_x, new_y, "this generation", m.ORANGE, size=9, symbol="circle-open", hover="told since"))
    return data


def _with_rows(drawn: m.Dict, e: Evolution, told: Array) -> m.Dict:
    """Say which rows of the history, whose places among the two parameters are ``told``, the points are."""
    points = {"last generation": e.last, "this generation": e.waiting}
    return {**drawn, "data": [whose.of_rows(t, whose.matching(points[t["name"]], told), keep="text" in t)
                              if t["name"] in points else t for t in drawn["data"]]}


def _density(e: Evolution) -> list[m.Dict]:
    deviation = math.sqrt(max(float(e.covariance[0, 0]), 1e-300))
    mean = float(e.mean[0])
    u = np.unique(np.clip(np.concatenate([np.linspace(0, 1, 101), mean + deviation * np.linspace(-4, 4, 101)]), 0, 1))
    density = np.exp(-0.5 * ((u - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
    low = -0.08 * float(density.max())
    data = [m.area(u, density, "density", m.BLUE),
            *_generation(e, e.last[:, 0], np.full(len(e.last), low), e.waiting[:, 0], np.full(len(e.waiting), low))]
    if np.isfinite(e.next_u).all():
        data.append(m.dots(e.next_u, np.zeros(1), "next point", m.RED, size=12, symbol="cross", hover="next point"))
    return data


def _with_sizes(data: list[m.Dict], e: Evolution, x: m.Dict, y: m.Dict) -> m.Dict:
    """Put the step size and the lengths of the axes under a picture, over the results known."""
    told = e.told.astype(float)
    breaks = np.flatnonzero(np.diff(e.starts)) + 1  # a gap in the lines at every restart

    def broken(values: Array) -> Array:
        return np.insert(values.astype(float), breaks, np.nan)

    data = data + [{**m.line(broken(told), broken(e.lengths[:, i]), "axes", m.GREY, axis="2", width=1, legend=i == 0),
                    "legendgroup": "axes", "hovertemplate": "%{x} results: %{y:.3g}<extra>an axis</extra>"}
                   for i in range(min(e.lengths.shape[1], MAX_AXES))]
    data.append({**m.line(broken(told), broken(e.steps), "σ", m.BLUE, axis="2"), "mode": "lines+markers",
                 "marker": {"size": 4}, "hovertemplate": "%{x} results: %{y:.3g}<extra>σ</extra>"})
    top = max(float(e.lengths.max()), float(e.steps.max()))
    low = max(float(min(e.lengths.min(), e.steps.min())), 1e-16)
    ticks = log_ticks(low, top)
    restarts = f", restart {e.starts[-1]}" if e.starts[-1] else ""
    layout = {"title": m.title(f"Where CMA-ES draws generation {e.generation} ({e.lam} points{restarts})"), "height": HEIGHT,
              "xaxis": {**x, "anchor": "y"}, "yaxis": {**y, "domain": TOP},
              "xaxis2": {"anchor": "y2", "title": {"text": "results known"}, "zeroline": False, "rangemode": "tozero"},
              "yaxis2": {"domain": BOTTOM, "anchor": "x2", "type": "log", "title": {"text": "share of range"},
                         "tickvals": ticks, "ticktext": [m.power(v) for v in ticks]},
              "legend": m.LEGEND, "margin": {"l": 64, "r": 16, "t": 96, "b": 44}, "hovermode": "closest"}
    return {"data": data, "layout": layout}


def log_ticks(low: float, high: float) -> list[float]:
    """Ticks of a log axis: about four powers of ten, or 1, 2 and 5 times them where there are fewer than two."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    if high < 100 * low:
        return [float(f"{digit}e{k}") for k in powers for digit in (1, 2, 5)]
    return [float(f"1e{k}") for k in powers[::max(1, math.ceil(len(powers) / 4))]]


def _options(history: History, why: CMAExplanation, name: str, x: m.Dict) -> m.Dict:
    """Draw the probabilities of the options of a choice."""
    q, param = probabilities(history, why, name), history.space[name]
    if not isinstance(param, Choice) or len(q) == 1:
        return empty(f"{safe(name)} has one value alone.", height=HEIGHT)
    data: list[m.Dict] = [{"type": "bar", "x": param.levels(), "y": q, "name": "probability", "width": 0.7 / len(q),
                           "marker": {"color": m.fade(m.BLUE, 0.7)}, "hovertemplate": "%{y:.3g}<extra>probability</extra>"}]
    drawn = float(why.x[history.space.column(name)])
    if math.isfinite(drawn):
        data.append(m.dots(np.array([drawn]), q[[param.level_of(drawn)]], "next point", m.RED, size=12, symbol="cross",
                           hover="next point"))
    return {"data": data, "layout": {
        "title": m.title(f"How likely each option of {safe(name)} is drawn"), "height": OPTIONS_HEIGHT, "xaxis": x,
        "yaxis": {"title": {"text": "probability"}, "range": [0, 1.05]}, "legend": m.LEGEND,
        "margin": {"l": 60, "r": 16, "t": 72, "b": 44}, "hovermode": "closest"}}
