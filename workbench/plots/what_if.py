"""What several algorithms suggest at one moment: among all that was known, and what each believes along one parameter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.history import Explanation, History
from workbench.models.acquisition import ALL_LABELS
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.model import axis
from workbench.search.bohb import BOHBExplanation
from workbench.search.bohb import densities as bohb_densities
from workbench.search.cma_why import CMAExplanation, evolution, is_numeric, probabilities
from workbench.search.one_scale import OneScaleExplanation, one_scale
from workbench.search.surrogate_why import SurrogateExplanation, slice_1d
from workbench.search.tpe import TPEExplanation, densities
from workbench.space import Array, Choice
from workbench.what_if import Answer, WhatIf

HEIGHT = 400
MAX_KNOWN = 200  # results that are drawn: the best, and the newest
N_BEST = 50
MAX_BELIEFS = 4
GAP = 0.035  # between two beliefs
DEPTH = 8.0  # how far below its top an acquisition is shown
FEW = 12  # up to so many levels are drawn as bars
COLORS = (m.BLUE, m.ORANGE, m.RED, m.PURPLE, "#5b6f9f", "#9a8420", "#56b4e9", "#a6761d")
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "cross", "star", "hexagon", "pentagon")


def style(i: int) -> tuple[str, str]:
    """Colour and symbol of the i-th algorithm; they repeat after eight, at different times."""
    return COLORS[i % len(COLORS)], SYMBOLS[(i + i // len(SYMBOLS)) % len(SYMBOLS)]


def what_if(asked: WhatIf, x: str | None = None, y: str | None = None, *, selected: int | None = None) -> dict[str, Any]:
    """Draw suggestions: lines across all parameters, marks over two, or with ``x`` alone beliefs along it.

    Parameters
    ----------
    selected
        Number of a suggestion, counted through all answers, that is drawn stronger.
    """
    if not any(len(a.x) for a in asked.answers):
        return empty("No suggestion to draw.", height=HEIGHT)
    if x is None:
        return lines(asked, selected=selected)
    return beliefs(asked, x) if y is None or x == y else over_two(asked, x, y, selected=selected)


# ---- where they are --------------------------------------------------------------------------------------------------


def lines(asked: WhatIf, *, selected: int | None = None) -> dict[str, Any]:
    """Draw each suggestion as a line across the parameters, over the results known; a gap where a parameter is inactive."""
    history = asked.question.history
    space = history.space
    d = len(space)
    across = np.arange(d, dtype=float)
    rows = _known(history)
    gap = np.full((len(rows), 1), np.nan)
    crowd = np.hstack([history.x[rows], gap]).ravel()
    data: list[m.Dict] = [{**m.line(np.tile(np.arange(d + 1.0), len(rows)), crowd, f"{len(rows)} results", m.fade(m.GREY, 0.35),
                                    width=1), "connectgaps": False, "hoverinfo": "skip", "hovertemplate": None}]
    best = _best(history)
    if best is not None:
        data.append({**m.line(across, history.x[best], "best of them", m.GREEN, width=2), "mode": "lines+markers",
                     "connectgaps": False, "hovertemplate": "%{text}<extra>best known</extra>",
                     "text": _values(asked, history.x[best]), "marker": {"size": 4, "color": m.GREEN}})
    data += [{**m.line(across, u, name, color, width=4 if chosen else 2, legend=first), "mode": "lines+markers",
              "connectgaps": False, "legendgroup": name,
              "marker": {"size": 12 if chosen else 9, "symbol": symbol, "color": color},
              "text": _values(asked, u), "customdata": np.full(d, -1 - k), "hovertemplate": "%{text}<extra>" + name + "</extra>"}
             for k, name, u, color, symbol, first, chosen in _suggestions(asked, selected)]
    data += _tried(asked, across, None)
    axes = [axis(space, name) for name in space.names]
    data += [{"type": "scatter", "mode": "text", "x": np.full(len(a["ticktext"]), float(j)),
              "y": np.asarray(a["tickvals"], dtype=float), "text": [f"{t} ‐" for t in a["ticktext"]], "name": "ticks",
              "textposition": "middle left", "hoverinfo": "skip", "showlegend": False, "cliponaxis": False,
              "textfont": {"size": 11, "shadow": "0 0 2px var(--jp-layout-color1), 0 0 4px var(--jp-layout-color1)"}}
             for j, a in enumerate(axes)]
    posts = [{"type": "line", "x0": j, "x1": j, "y0": 0, "y1": 1, "layer": "below", "line": {"color": m.GREY, "width": 1.5}}
             for j in range(d)]
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True}
    return {"data": data, "layout": {
        "title": m.title(_finding(asked)), "height": HEIGHT, "hovermode": "closest", "dragmode": False, "shapes": posts,
        "legend": {"orientation": "h", "x": 0, "y": -0.04, "yanchor": "top"}, "margin": {"l": 20, "r": 30, "t": 72, "b": 76},
        "xaxis": {**plain, "side": "top", "range": [-0.45, d - 0.7], "tickvals": list(range(d)), "ticks": "",
                  "ticktext": [f"<b>{safe(m.cut(name, 18))}</b>" for name in space.names]},
        "yaxis": {**plain, "range": [-0.05, 1.05], "showticklabels": False}}}


def over_two(asked: WhatIf, x: str, y: str, *, selected: int | None = None) -> dict[str, Any]:
    """Draw suggestions as marks over two parameters; results known as dots, the better the larger."""
    history = asked.question.history
    space = history.space
    jx, jy = space.column(x), space.column(y)
    rows = _known(history)
    rows = rows[~np.isnan(history.x[np.ix_(rows, [jx, jy])]).any(axis=1)]
    known = m.dots(history.x[rows, jx], history.x[rows, jy], f"{len(rows)} results", m.GREY, hover="a result")
    known["marker"] |= {"size": 4 + 7 * _goodness(history)[rows], "opacity": 0.55, "line": {"width": 0}}
    data: list[m.Dict] = [known]
    best = _best(history)
    if best is not None and not np.isnan(history.x[best, [jx, jy]]).any():
        data.append(m.dots(history.x[[best], jx], history.x[[best], jy], "best of them", m.GREEN, size=15, symbol="circle-open",
                           hover="the best known"))
    for k, name, u, color, symbol, first, chosen in _suggestions(asked, selected):
        mark = m.dots(u[[jx]], u[[jy]], name, color, size=20 if chosen else 14, symbol=symbol, legend=first, hover="%{text}")
        mark["marker"]["line"] = {"color": "#ffffff", "width": 1.5}
        data.append({**mark, "legendgroup": name, "text": ["<br>".join(_values(asked, u))], "customdata": [-1 - k]})
    data += _tried(asked, None, (jx, jy))
    lacking = [safe(a.algorithm) for a in asked.answers if len(a.x) and np.isnan(a.x[:, [jx, jy]]).any(axis=1).all()]
    without = f"<br>no place here, since a parameter is inactive: {', '.join(lacking)}" if lacking else ""
    return {"data": [{**t, "cliponaxis": False} for t in data], "layout": {
        "title": m.title(_finding(asked) + without), "height": HEIGHT + 60, "hovermode": "closest", "xaxis": axis(space, x),
        "yaxis": axis(space, y), "legend": {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
        "margin": {"l": 70, "r": 16, "t": 60, "b": 110}}}


def _suggestions(asked: WhatIf, selected: int | None) -> list[tuple[int, str, Array, str, str, bool, bool]]:
    """Number, name, point, colour, symbol of each suggestion; whether it is its algorithm's first, and the selected one."""
    out, k = list[tuple[int, str, Array, str, str, bool, bool]](), 0
    for i, a in enumerate(asked.answers):
        for j, u in enumerate(a.x):
            out.append((k, safe(a.algorithm), u, *style(i), j == 0, k == selected))
            k += 1
    return out


def _tried(asked: WhatIf, across: Array | None, columns: tuple[int, int] | None) -> list[m.Dict]:
    """What was really tried, as a dashed line or as a ring."""
    u, trial = asked.question.tried, asked.question.trial
    if u is None or trial is None:
        return []
    name = f"trial {trial.number}, really tried"
    ring = {"symbol": "circle-open", "color": m.GREY, "size": 17, "line": {"color": m.GREY, "width": 3}}
    common = {"name": name, "marker": ring, "customdata": np.full(len(u), trial.number)}
    if across is not None:
        return [{**m.line(across, u, name, m.GREY, width=2.5, dash="dash"), "mode": "lines+markers", "connectgaps": False,
                 **common, "text": _values(asked, u), "hovertemplate": "%{text}<extra>" + name + "</extra>"}]
    assert columns is not None
    if np.isnan(u[list(columns)]).any():
        return []
    at = m.dots(u[[columns[0]]], u[[columns[1]]], name, m.GREY, hover="really tried")
    return [{**at, **common, "customdata": [trial.number]}]


def _values(asked: WhatIf, u: Array) -> list[str]:
    """Name and value of each parameter at a point, for hover labels; empty where inactive."""
    space = asked.question.history.space
    config = space.from_unit(u)
    return [f"{safe(m.cut(name))} = {safe(_short(config[name]))}" if name in config else "" for name in space.names]


def _short(value: Any) -> str:
    return m.three(value) if isinstance(value, float) else m.cut(value)


def _known(history: History) -> Any:
    """Rows of the results that are drawn: all of a few, else the best and the newest."""
    n = len(history)
    if n <= MAX_KNOWN:
        return np.arange(n)
    best = np.argsort(-_goodness(history), kind="stable")[:N_BEST]
    return np.union1d(best, np.arange(n - MAX_KNOWN + N_BEST, n))


def _goodness(history: History) -> Array:
    """Rank of each result, (n,): 1 for the best, 0 for the worst; of several losses by the mean of the ranks."""
    y = history.y if history.y.ndim == 2 else history.y[:, None]
    if len(y) < 2:
        return np.ones(len(y))
    ranks = np.argsort(np.argsort(y, axis=0, kind="stable"), axis=0, kind="stable").mean(axis=1)
    return np.asarray(1.0 - ranks / (len(y) - 1))


def _best(history: History) -> int | None:
    """Row of the best result of one loss."""
    if history.y.ndim == 2 or not np.isfinite(history.y).any():
        return None
    return int(np.argmin(history.y))


def _finding(asked: WhatIf) -> str:
    """Say who came nearest to what was tried; of the present, how far apart the suggestions are."""
    nearest = [(min(a.distance), a.algorithm) for a in asked.answers if a.distance and not math.isnan(min(a.distance))]
    if nearest:
        apart, name = min(nearest)
        text = "gives what was tried" if apart < 5e-4 else f"comes nearest to what was tried, {m.three(apart)} away"
        return f"Instead of trial {asked.question.number}: {safe(name)} {text}"
    n = sum(len(a.x) > 0 for a in asked.answers)
    return f"What {n} algorithm{'' if n == 1 else 's'} would suggest {'next' if asked.question.trial is None else 'here'}"


# ---- what they believe -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """One algorithm's picture along a parameter: traces above and below, both without their axes, and what the axes say."""

    title: str
    color: str
    above: list[m.Dict]
    below: list[m.Dict]
    label: str
    low_label: str
    next_u: float | None
    loss_range: list[float] | None  # None: it is no loss, so the scale is its own
    below_range: list[float] | None


def has_slices(why: Explanation) -> bool:
    """Whether an explanation can be drawn along one parameter."""
    inner = why.inner if isinstance(why, OneScaleExplanation) else why
    return isinstance(inner, (SurrogateExplanation, TPEExplanation, BOHBExplanation, CMAExplanation))


def beliefs(asked: WhatIf, name: str) -> dict[str, Any]:
    """Draw what each algorithm believes along one parameter side by side, and under it what it made of that."""
    with_slices = [(i, a) for i, a in enumerate(asked.answers) if a.why and has_slices(a.why[0])]
    if not with_slices:
        return empty("None of these algorithms has a model to draw yet: its suggestions were drawn without one.", height=HEIGHT)
    history = asked.question.history
    sign = -1.0 if asked.question.goals.directions == ("maximize",) else 1.0
    drawn = [_belief(history, a, name, style(i)[0], sign) for i, a in with_slices[:MAX_BELIEFS]]
    return _side_by_side(asked, drawn, name, n_more=len(with_slices) - len(drawn))


def _belief(history: History, answer: Answer, name: str, color: str, sign: float) -> Belief:
    why: Explanation = answer.why[0]
    if isinstance(why, OneScaleExplanation):
        history, why = one_scale(history, why.rule)[0], why.inner
    u = float(answer.x[0][history.space.column(name)])
    next_u = None if math.isnan(u) else u
    match why:
        case SurrogateExplanation():
            return _surrogate(history, why, name, answer.algorithm, color, next_u, sign)
        case CMAExplanation():
            return _distribution(history, why, name, answer.algorithm, color, next_u)
        case BOHBExplanation():
            s = bohb_densities(history, why, name)
        case TPEExplanation():
            s = densities(history, why, name)
        case _:
            raise TypeError(f"{type(why).__name__} has no slices. Ask has_slices first.")
    both = [_curve(s.u, s.bad, "other trials", m.GREY, place=1), _curve(s.u, s.good, "good trials", color, place=-1)]
    ratio = _curve(s.u, s.ratio, "good / others", m.GREEN)
    return Belief(answer.algorithm, color, both, [ratio], "good and others", "good / others", next_u, None, None)


def _surrogate(history: History, why: SurrogateExplanation, name: str, title: str, color: str, next_u: float | None,
               sign: float) -> Belief:
    s = slice_1d(history, why, name)
    mean, a, b = sign * s.mean, sign * s.lower, sign * s.upper
    seen = sign * np.where(np.isfinite(s.observed_loss), s.observed_loss, np.nan)
    value = "value" if sign < 0 else "loss"
    dots = m.dots(s.observed_u, seen, "results", m.GREY, size=5, hover=f"{value} %{{y:.3g}}")
    if len(s.u) <= FEW:
        points = m.dots(s.u, mean, "mean", color, size=8, hover="mean %{y:.3g}")
        above = [dots, {**points, "error_y": {"type": "data", "array": np.abs(b - a) / 2, "color": m.fade(color, 0.6)}}]
    else:
        above = [*m.band(s.u, np.fmin(a, b), np.fmax(a, b), "95 %", color), dots, m.line(s.u, mean, "mean", color)]
    inner = np.concatenate([mean[np.isfinite(mean)], seen[np.isfinite(seen)]])
    label = ALL_LABELS.get(s.acquisition_name, s.acquisition_name)
    below = _curve(s.u, _below_top(s.acquisition, s.acquisition_name) + DEPTH, label, m.GREEN)
    loss_range = m.room(inner) if len(inner) else [0.0, 1.0]
    return Belief(title, color, above, [below], value, label, next_u, loss_range, [0, DEPTH + 0.5])


def _distribution(history: History, why: CMAExplanation, name: str, title: str, color: str, next_u: float | None) -> Belief:
    """Show from which law CMA-ES draws: a normal one, or the probabilities of options."""
    param = history.space[name]
    if is_numeric(history, why, name):
        e = evolution(history, why, name)
        mean, deviation = float(e.mean[0]), math.sqrt(max(float(e.covariance[0, 0]), 1e-300))
        u = np.linspace(0, 1, 201)
        curve = _curve(u, np.exp(-0.5 * ((u - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi)), "density", color)
        return Belief(title, color, [curve], [], "where it draws", "", next_u, None, None)
    q = probabilities(history, why, name)
    u = np.asarray(param.levels()) if isinstance(param, Choice) else np.array([0.5])
    return Belief(title, color, [_curve(u, q, "probability", color)], [], "probabilities", "", next_u, None, None)


def _curve(u: Array, y: Array, name: str, color: str, *, place: int = 0) -> m.Dict:
    """A filled curve; bars where there are few levels, to the left of each (-1), to the right (1), or in the middle."""
    if len(u) <= FEW:
        width = (0.3 if place else 0.6) / max(len(u), 2)
        return {"type": "bar", "x": u + place * width / 2, "y": y, "name": name, "width": width,
                "marker": {"color": m.fade(color, 0.6)}, "hovertemplate": "%{y:.3g}<extra>" + name + "</extra>"}
    return m.area(u, y, name, color)


def _below_top(score: Array, name: str) -> Array:
    """Make acquisitions of different models comparable: the top at 0; EI and PI first as logarithms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.log(score) if name in ("ei", "pi") else np.asarray(score, dtype=float)
    score = np.where(np.isfinite(score), score, np.nan)
    return score if np.isnan(score).all() else np.fmax(score - np.nanmax(score), -DEPTH)


def _side_by_side(asked: WhatIf, drawn: list[Belief], name: str, n_more: int) -> dict[str, Any]:
    space = asked.question.history.space
    width = (1.0 + GAP) / len(drawn) - GAP
    losses = [b.loss_range for b in drawn if b.loss_range is not None]
    shared = [min(r[0] for r in losses), max(r[1] for r in losses)] if losses else [0.0, 1.0]
    more = f" ({n_more} more have one)" if n_more > 0 else ""
    layout: m.Dict = {"height": HEIGHT, "showlegend": False, "dragmode": False, "hovermode": "closest", "barmode": "overlay",
                      "margin": {"l": 56, "r": 12, "t": 84, "b": 44}, "shapes": [], "annotations": [],
                      "title": m.title(f"What each believes along {safe(m.cut(name))}; the line is its suggestion{more}")}
    data: list[m.Dict] = []
    x_axis = {**axis(space, name), "fixedrange": True}
    for i, b in enumerate(drawn):
        upper, lower = ("" if k == 1 else str(k) for k in (2 * i + 1, 2 * i + 2))
        room = [i * (width + GAP), i * (width + GAP) + width]
        quiet = {"fixedrange": True, "zeroline": False}
        layout[f"xaxis{upper}"] = {**x_axis, "domain": room, "anchor": f"y{upper}", "showticklabels": not b.below,
                                   **({"title": None} if b.below else {})}
        layout[f"yaxis{upper}"] = {**quiet, "domain": [0.36 if b.below else 0.0, 1.0], "anchor": f"x{upper}",
                                   "showticklabels": b.loss_range is not None and i == 0,
                                   "title": {"text": b.label if i == 0 and b.loss_range is not None else ""},
                                   **({"range": shared} if b.loss_range is not None else {"rangemode": "tozero"})}
        if b.below:
            layout[f"xaxis{lower}"] = {**x_axis, "domain": room, "anchor": f"y{lower}"}
            layout[f"yaxis{lower}"] = {**quiet, "domain": [0.0, 0.26], "anchor": f"x{lower}", "showticklabels": False,
                                       "showgrid": False, "rangemode": "tozero",
                                       **({"range": b.below_range} if b.below_range else {})}
        data += [{**t, "xaxis": f"x{upper}", "yaxis": f"y{upper}"} for t in b.above]
        data += [{**t, "xaxis": f"x{lower}", "yaxis": f"y{lower}"} for t in b.below]
        mark = f'<span style="color:{b.color}">■</span>'
        heads = [(upper, f"{mark} <b>{safe(m.cut(b.title, 28 if len(drawn) < 3 else 16))}</b><br>{b.label}")]
        heads += [(lower, b.low_label)] if b.below else []
        layout["annotations"] += [
            {"xref": f"x{k} domain", "yref": f"y{k} domain", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom",
             "align": "left", "text": text, "showarrow": False, "font": {"size": 12}} for k, text in heads]
        if b.next_u is not None:
            layout["shapes"] += [{"type": "line", "xref": f"x{k}", "yref": f"y{k} domain", "x0": b.next_u, "x1": b.next_u,
                                  "y0": 0, "y1": 1, "line": {"color": b.color, "width": 2, "dash": "dot"}}
                                 for k in ([upper, lower] if b.below else [upper])]
    return {"data": data, "layout": layout}
