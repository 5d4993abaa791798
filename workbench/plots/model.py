"""What a model-based search thinks: a Gaussian process and its acquisition, or TPE's two densities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from workbench.history import Drawn, Explanation, History
from workbench.losses import Goals
from workbench.models.acquisition import ALL_LABELS
from workbench.nas.evolution import EvolutionExplanation
from workbench.nas.policy import PolicyExplanation
from workbench.plots import evolution, nas_evolution, nas_policy, whose
from workbench.plots import marks as m
from workbench.plots.cma import cma
from workbench.plots.figure import empty, safe
from workbench.plots.fronts import fronts
from workbench.plots.gain import gain
from workbench.plots.latent import latent
from workbench.plots.shares import shares
from workbench.plots.swarm import Plane, differences, swarm
from workbench.search.bohb import BOHBExplanation
from workbench.search.bohb import densities as bohb_densities
from workbench.search.cma_why import CMAExplanation
from workbench.search.differential_evolution import DEExplanation
from workbench.search.ehvi_why import EHVIExplanation, front_slice
from workbench.search.fabolas import FabolasExplanation
from workbench.search.fabolas_why import share_slices
from workbench.search.genetic import GeneticExplanation
from workbench.search.latent_bo import LatentExplanation
from workbench.search.latent_why import latent_map
from workbench.search.nsga2 import NSGA2Explanation
from workbench.search.one_scale import OneScaleExplanation, one_scale
from workbench.search.particle_swarm import SwarmExplanation
from workbench.search.surrogate_why import SurrogateExplanation, SurrogateSlice, SurrogateSurface, slice_1d, slice_2d
from workbench.search.tpe import TPEExplanation, TPESlice, densities
from workbench.space import Choice, Space
from workbench.trials import Trials

HEIGHT = 420
FEW = 12  # up to so many levels are drawn as marks, not as a line
DEPTH = 8.0  # how far below its top an acquisition is shown: EI a three thousandth of its best is nothing
CIVIDIS = [[0.0, "#00224e"], [0.25, "#434e6c"], [0.5, "#7d7c78"], [0.75, "#bcae6c"], [1.0, "#fee838"]]


def model(history: History, why: Explanation | None, name: str, name_y: str | None = None,
          *, maximize: bool = False, trials: Trials | None = None) -> dict[str, Any]:
    """Draw what chose a point, along one parameter or over two.

    Parameters
    ----------
    history
        What the algorithm saw.
    why
        Its explanation.
    name, name_y
        Parameter along the x axis; with ``name_y`` a map over both (surrogates only).
    maximize
        The user maximises: values are shown with the user's sign.
    trials
        All trials of the run, from whose explanations family lines are drawn.
    """
    sign = -1.0 if maximize else 1.0
    match why:
        case LatentExplanation() if name_y in (None, name):
            return latent(latent_map(history, why), sign=sign)
        case SurrogateExplanation() if name_y is not None and name_y != name:
            both = np.isfinite(history.x[:, [history.space.column(k) for k in (name, name_y)]]).all(axis=1)
            return surface(slice_2d(history, why, name, name_y), history.space, sign=sign, rows=np.flatnonzero(both))
        case SurrogateExplanation():
            has = np.flatnonzero(np.isfinite(history.x[:, history.space.column(name)]))
            return posterior(slice_1d(history, why, name), history.space, sign=sign, rows=has)
        case TPEExplanation():
            return tpe(densities(history, why, name), history.space)
        case BOHBExplanation():
            s = bohb_densities(history, why, name)
            u = history.x[:, [history.space.column(name)]]
            good, bad = (whose.matching(points[:, None], u) for points in (s.good_u, s.bad_u))
            return tpe(replace(s, good_rows=good, bad_rows=bad), history.space, where=why.where)
        case OneScaleExplanation():
            seen = one_scale(history, why.rule)[0]
            return _on_scale(model(seen, why.inner, name, name_y, maximize=maximize, trials=trials), why)
        case CMAExplanation():
            return cma(history, why, _plane(history.space, name, name_y))
        case GeneticExplanation():
            lines = () if trials is None else evolution.descent(trials, history.space)
            return evolution.family(history, why, name, axis(history.space, name), lines=lines, sign=sign)
        case EvolutionExplanation():
            parents = {} if trials is None else nas_evolution.descent(trials, history.space)
            return nas_evolution.tree(history, why, parents=parents, sign=sign)
        case PolicyExplanation():
            said = [] if trials is None else [t.number for t in list(trials.by_number.values()) if t.why is why]
            return nas_policy.bars(why) if trials is None or not said else nas_policy.policy(trials, said[0])
        case FabolasExplanation():
            return shares(share_slices(history, why), why, sign=sign)
        case EHVIExplanation():
            return gain(front_slice(history, why, name), why.gain, _goals(history, maximize, trials))
        case NSGA2Explanation():
            return fronts(history, why, _goals(history, maximize, trials))
        case DEExplanation():
            return differences(history, why, _plane(history.space, name, name_y), sign=sign)
        case SwarmExplanation():
            return swarm(history, why, _plane(history.space, name, name_y), sign=sign)
    return without(why)


def _on_scale(drawn: dict[str, Any], why: OneScaleExplanation) -> dict[str, Any]:
    """Say in the title on which scale the losses are that the model was fitted to."""
    layout = drawn["layout"]
    if "title" in layout:
        layout["title"] = {**layout["title"], "text": f"{layout['title']['text']} · losses on the scale of {why.steps}"}
    return drawn


def _goals(history: History, maximize: bool, trials: Trials | None) -> Goals:
    """What the run wants; every loss is minimised where nothing is said."""
    if trials is not None:
        return trials.goals
    n_losses = 1 if history.y.ndim == 1 else history.y.shape[1]
    return Goals((("maximize" if maximize else "minimize"),) * n_losses)


def _plane(space: Space, name: str, name_y: str | None) -> Plane:
    """Two parameters to look at: where no second one is chosen, the first other number, or the first other one."""
    others = sorted((c for c in space.columns if c.name != name), key=lambda c: c.kind == "choice")
    y = name_y if name_y not in (None, name) else others[0].name if others else None
    return Plane((space.column(name), None if y is None else space.column(y)), (axis(space, name), axis(space, y or name)))


def without(why: Explanation | None) -> dict[str, Any]:
    """Say why there is no model to draw."""
    if isinstance(why, Drawn):
        return empty(f"No model yet: this point was drawn without one ({why.how}).", height=HEIGHT)
    if why is None:
        return empty("No model to show: this point came without reasons. GP-BO and TPE give them.", height=HEIGHT)
    return empty(why.summary(), height=HEIGHT)


def axis(space: Space, name: str) -> dict[str, Any]:
    """Axis of a parameter over its unit interval, with ticks in the user's units: decades on a log scale."""
    p = space[name]
    if isinstance(p, Choice):
        ticks, text = p.levels(), [safe(m.cut(v)) for v in p.values()]
    else:
        few = p.n_levels is not None and p.n_levels <= FEW
        values = [float(v) for v in p.values()] if few else m.nice(float(p.low), float(p.high), log=p.log)
        ticks = np.array([p.to_unit(v) for v in values])  # type: ignore[arg-type]
        text = [m.power(v) if p.log else f"{v:g}" for v in values]
    return {"title": {"text": safe(m.cut(name))}, "range": [-0.02, 1.02], "tickvals": ticks, "ticktext": text,
            "zeroline": False}


def posterior(s: SurrogateSlice, space: Space, *, sign: float = 1.0, rows: Any = None) -> dict[str, Any]:
    """Posterior mean, 95 % band and observations; the acquisition under them; the next point as a vertical line.

    ``rows``, if given, are the rows of the history that were observed.
    """
    mean = sign * s.mean
    lower, upper = np.minimum(sign * s.lower, sign * s.upper), np.maximum(sign * s.lower, sign * s.upper)
    shown = sign * np.where(np.isfinite(s.observed_loss), s.observed_loss, np.nan)
    name = ALL_LABELS[s.acquisition_name]
    score = _raised(s.acquisition)
    floor = np.nanmin(score, initial=0.0 if s.acquisition_name in ("ei", "pi") else np.inf)
    floor = floor if np.isfinite(floor) else 0.0
    if len(s.u) <= FEW:  # a level is no line: a mark with bars
        whiskers = {"type": "data", "symmetric": False, "array": upper - mean, "arrayminus": mean - lower, "color": m.BLUE}
        data = [{**m.dots(s.u, mean, "mean, 95 %", m.BLUE, size=14, symbol="line-ew", hover="mean %{y:.4g}"),
                 "error_y": whiskers},
                {"type": "bar", "x": s.u, "y": score - floor, "base": floor, "name": name, "width": 0.5 / len(s.u),
                 "marker": {"color": m.fade(m.ORANGE, 0.6)}, "yaxis": "y2",
                 "hovertemplate": "%{y:.3g}<extra>" + name + "</extra>"}]
    else:
        data = [*m.band(s.u, lower, upper, "95 %", m.BLUE), m.line(s.u, mean, "mean", m.BLUE),
                *_filled(s.u, score, floor, name)]
    observed = m.dots(s.observed_u, shown, "observed", m.GREY, size=7, hover="observed %{y:.4g}<br>(its other parameters differ)")
    data.append(observed if rows is None else whose.of_rows(observed, rows))
    layout = _two_rows(f"What the {s.model} believes along {safe(m.cut(s.name))}", axis(space, s.name),
                       "value" if sign < 0 else "loss", name)
    inside = np.isfinite(lower) & np.isfinite(upper)
    layout["yaxis"]["range"] = _focus(np.concatenate([lower[inside], upper[inside]]), shown)
    return {"data": data + _next(s.next_u), "layout": {**layout, "shapes": _next_line(s.next_u)}}


def _filled(u: Any, score: Any, floor: float, name: str) -> list[m.Dict]:
    """Curve filled down to a floor that need not be zero."""
    base = m.line(u, np.full(len(u), floor), name, m.ORANGE, width=0, legend=False)
    curve = m.line(u, score, name, m.ORANGE, width=1.5)
    return [{**base, "yaxis": "y2", "hoverinfo": "skip", "hovertemplate": None},
            {**curve, "yaxis": "y2", "fill": "tonexty", "fillcolor": m.fade(m.ORANGE, 0.35),
             "hovertemplate": "%{y:.3g}<extra>" + name + "</extra>"}]


def _next(u: float | None) -> list[m.Dict]:
    """Entry of the legend for the vertical line."""
    none = np.array([np.nan])
    return [] if u is None else [{**m.line(none, none, "next point", m.RED), "hoverinfo": "skip"}]


def _next_line(u: float | None) -> list[m.Dict]:
    return [] if u is None else [m.upright(u, m.RED)[0]]


def _focus(band: Any, observed: Any) -> list[float]:
    """Range that shows the band whole, and observations as far as they do not squash it."""
    seen = observed[np.isfinite(observed)]
    if not len(band):
        return m.room(seen) if len(seen) else [0.0, 1.0]
    low, high = float(band.min()), float(band.max())
    width = (high - low) or 1.0
    return m.room(np.array([low, high]), seen[(seen >= low - width) & (seen <= high + width)])


def _raised(score: Any) -> Any:
    """Cut the logarithm of a score off far below its top, where it would press the rest flat; nan where not finite."""
    score = np.where(np.isfinite(score), score, np.nan)
    if not np.isfinite(score).any():
        return score
    return np.fmax(score, np.nanmax(score) - DEPTH)


def _two_rows(title: str, x: dict[str, Any], top: str, bottom: str) -> dict[str, Any]:
    return {"title": m.title(title), "height": HEIGHT, "xaxis": {**x, "anchor": "y2", "domain": [0, 1]},
            "yaxis": {"title": {"text": top}, "domain": [0.36, 1], "zeroline": False},
            "yaxis2": {"title": {"text": bottom}, "domain": [0, 0.28], "anchor": "x", "showticklabels": False,
                       "zeroline": False, "showgrid": False},
            "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 56, "b": 44}, "hovermode": "closest"}


def surface(s: SurrogateSurface, space: Space, *, sign: float = 1.0, rows: Any = None) -> dict[str, Any]:
    """Posterior mean and acquisition over two parameters, side by side, with observations and the next point."""
    px, py = space[s.name_x], space[s.name_y]

    def unit(p: Any, values: list[Any]) -> Any:
        return np.array([p.to_unit(v) for v in values], dtype=float)

    ux, uy = unit(px, s.values_x), unit(py, s.values_y)
    ox, oy = unit(px, s.observed_x), unit(py, s.observed_y)
    heat = {"type": "heatmap", "x": ux, "y": uy, "colorscale": CIVIDIS}
    data: list[m.Dict] = [
        {**heat, "z": sign * s.mean, "name": "mean", "reversescale": sign > 0,
         "colorbar": {"x": 0.44, "len": 0.9, "thickness": 10}, "hovertemplate": "mean %{z:.4g}<extra></extra>"},
        {**heat, "z": _raised(s.acquisition), "name": ALL_LABELS[s.acquisition_name], "xaxis": "x2", "yaxis": "y2",
         "colorbar": {"x": 1.0, "len": 0.9, "thickness": 10}, "hovertemplate": "%{z:.3g}<extra></extra>"},
    ]
    for k in ("", "2"):
        seen = m.dots(ox, oy, "observed", "#ffffff", axis=k, size=6, legend=False, hover="observed")
        seen["marker"]["line"] = {"color": "#111111", "width": 1}
        data.append(seen if rows is None else whose.of_rows(seen, rows))
        if s.next_x is not None and s.next_y is not None:
            data.append(m.dots(unit(px, [s.next_x]), unit(py, [s.next_y]), "next point", m.RED, axis=k, size=12,
                               symbol="cross", legend=not k, hover="next point"))
    x, y = axis(space, s.name_x), axis(space, s.name_y)
    layout = {"title": m.title(f"Mean (left) and {ALL_LABELS[s.acquisition_name]} (right)"), "height": HEIGHT,
              "xaxis": {**x, "domain": [0, 0.43]}, "yaxis": {**y, "title": {"text": safe(s.name_y)}},
              "xaxis2": {**x, "domain": [0.56, 0.99]}, "yaxis2": {**y, "title": {"text": ""}, "anchor": "x2"},
              "showlegend": False, "margin": {"l": 70, "r": 30, "t": 48, "b": 44}, "hovermode": "closest"}
    return {"data": data, "layout": layout}


def tpe(s: TPESlice, space: Space, *, where: str = "") -> dict[str, Any]:
    """Density of the good and of the bad trials along one parameter; their ratio and the candidates under them."""
    good, bad, ratio = "l: good", "g: bad", "l / g"
    if len(s.u) <= FEW:
        width = 0.35 / len(s.u)
        bar = {"type": "bar", "width": width}
        data: list[m.Dict] = [
            {**bar, "x": s.u - width / 2, "y": s.good, "name": good, "marker": {"color": m.fade(m.BLUE, 0.8)}},
            {**bar, "x": s.u + width / 2, "y": s.bad, "name": bad, "marker": {"color": m.fade(m.ORANGE, 0.8)}},
            {**bar, "x": s.u, "y": s.ratio, "name": ratio, "marker": {"color": m.fade(m.GREEN, 0.7)}, "yaxis": "y2"}]
    else:
        data = [m.area(s.u, s.good, good, m.BLUE), m.area(s.u, s.bad, bad, m.ORANGE),
                {**m.area(s.u, s.ratio, ratio, m.GREEN), "yaxis": "y2"}]
    top = max(float(s.good.max(initial=0)), float(s.bad.max(initial=0))) or 1.0
    for points, rows, name, color, depth in ((s.good_u, s.good_rows, "good trial", m.BLUE, 0.05),
                                             (s.bad_u, s.bad_rows, "bad trial", m.ORANGE, 0.11)):
        ticks = m.dots(points, np.full(len(points), -depth * top), name, color, size=8, symbol="line-ns", legend=False,
                       hover=f"a {name}")
        ticks["marker"]["line"]["width"] = 1.5
        data.append(whose.of_rows(ticks, rows) if len(rows) == len(points) else ticks)
    data += _candidates(s)
    layout = _two_rows(f"{s.n_good} good and {s.n_bad} bad trials{where} along {safe(m.cut(s.name))}", axis(space, s.name),
                       "density", "l / g")
    layout["yaxis"]["range"] = [-0.16 * top, 1.08 * top]
    return {"data": data + _next(s.next_u),
            "layout": {**layout, "shapes": _next_line(s.next_u), "barmode": "overlay"}}


def _candidates(s: TPESlice) -> list[m.Dict]:
    """What was drawn from l: the higher a mark, the better its score over all parameters of its group."""
    drawn = np.isfinite(s.candidates_u) & np.isfinite(s.scores)
    if not drawn.any():
        return []
    u, scores = s.candidates_u[drawn], s.scores[drawn]
    height = float(np.nanmax(s.ratio, initial=0.0)) or 1.0
    spread = float(np.ptp(scores)) or 1.0
    place = height * (0.15 + 0.8 * (scores - scores.min()) / spread)
    return [{**m.dots(u, place, "candidates", m.PURPLE, size=6,
                      hover="a candidate; the higher, the better its l / g<br>over all parameters of its group"),
             "yaxis": "y2"}]
