"""What a model-based search thinks: a Gaussian process and its acquisition, or TPE's two densities."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.history import Drawn, Explanation, History
from workbench.models.acquisition import LABELS
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.search.gp_bo import GPExplanation, GPSlice, GPSurface, slice_1d, slice_2d
from workbench.search.tpe import TPEExplanation, TPESlice, densities
from workbench.space import Choice, Space

CIVIDIS = [[0.0, "#00224e"], [0.25, "#434e6c"], [0.5, "#7d7c78"], [0.75, "#bcae6c"], [1.0, "#fee838"]]


def model(history: History, why: Explanation | None, name: str, name_y: str | None = None,
          *, maximize: bool = False) -> dict[str, Any]:
    """Draw what chose a point, along one parameter or over two.

    Parameters
    ----------
    history
        What the algorithm saw.
    why
        Its explanation.
    name, name_y
        Parameter along the x axis; with ``name_y`` a map over both (Gaussian process only).
    maximize
        The user maximises: values are shown with the user's sign.
    """
    sign = -1.0 if maximize else 1.0
    match why:
        case GPExplanation() if name_y is not None and name_y != name:
            return surface(slice_2d(history, why, name, name_y), history.space, sign=sign)
        case GPExplanation():
            return posterior(slice_1d(history, why, name), history.space, sign=sign)
        case TPEExplanation():
            return tpe(densities(history, why, name), history.space)
        case Drawn():
            return empty(f"No model yet: this point was drawn without one ({why.how}).", height=420)
        case None:
            return empty("No model to show: the algorithm gives no reasons. GP-BO and TPE do.", height=420)
    return empty(why.summary(), height=420)


def axis(space: Space, name: str, u: Any) -> dict[str, Any]:
    """Axis of a parameter over its unit interval, with ticks in the user's units: decades on a log scale."""
    p = space[name]
    if isinstance(p, Choice) or (p.n_levels is not None and p.n_levels <= 12):
        ticks = p.levels()
        text = [safe(v) for v in p.values()]
        low, high = (0.0, 1.0) if len(ticks) > 1 else (0.0, 1.0)
    else:
        low, high = 0.0, 1.0
        values = _nice(float(p.low), float(p.high), log=p.log)
        ticks = np.array([p.to_unit(v) for v in values])  # type: ignore[arg-type]
        text = [m.three(v) if v else "0" for v in values]
        if p.log:
            text = [f"10{str(round(np.log10(v))).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
                    if abs(np.log10(v) - round(np.log10(v))) < 1e-9 and not 1e-1 <= v <= 100 else f"{v:g}" for v in values]
        else:
            text = [f"{v:g}" for v in values]
    del u
    return {"title": {"text": safe(name)}, "range": [low - 0.02, high + 0.02], "tickvals": ticks, "ticktext": text,
            "zeroline": False}


def _nice(low: float, high: float, *, log: bool) -> list[float]:
    """Round numbers between two ends: powers of ten on a log scale, else five or so even ones."""
    if log:
        a, b = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
        step = max(1, (b - a) // 6)
        decades = [10.0**k for k in range(a, b + 1, step)]
        return decades if len(decades) > 1 else sorted({low, *decades, high})
    if high <= low:
        return [low]
    raw = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * min((1, 2, 2.5, 5, 10), key=lambda k: abs(k * power - raw))
    return [float(f"{v:.10g}") for v in np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step]


def posterior(s: GPSlice, space: Space, *, sign: float = 1.0) -> dict[str, Any]:
    """Posterior mean, 95 % band and observations; the acquisition under them; the next point as a vertical line."""
    levels = len(s.u) <= 12
    mean, lower, upper = sign * s.mean, sign * s.lower, sign * s.upper
    if levels:
        bars = {**m.dots(s.u, mean, "mean ± 95 %", m.BLUE, size=10, symbol="line-ew", hover="mean %{y:.4g}"),
                "error_y": {"type": "data", "symmetric": False, "array": np.abs(np.maximum(upper, lower) - mean),
                            "arrayminus": np.abs(mean - np.minimum(upper, lower)), "color": m.BLUE}}
        data = [bars]
    else:
        data = [*m.band(s.u, lower, upper, "95 %", m.BLUE), m.line(s.u, mean, "mean", m.BLUE)]
    shown = sign * np.where(np.isfinite(s.observed_loss), s.observed_loss, np.nan)
    data.append(m.dots(s.observed_u, shown, "observed", m.GREY, size=7,
                       hover="%{y:.4g} (its other parameters differ from the slice)"))
    name = LABELS[s.acquisition_name]
    finite = np.where(np.isfinite(s.acquisition), s.acquisition, np.nan)
    score = _raised(finite)
    if levels:
        data.append({"type": "bar", "x": s.u, "y": score, "name": name, "marker": {"color": m.ORANGE, "opacity": 0.6},
                     "width": 0.5 / len(s.u), "yaxis": "y2", "hovertemplate": "%{y:.3g}<extra>" + name + "</extra>"})
    else:
        data.append({**m.area(s.u, score, name, m.ORANGE), "yaxis": "y2"})
    shapes = []
    if s.next_u is not None:
        shape, _ = m.upright(s.next_u, m.RED)
        shapes.append(shape)
        data.append({**m.line(np.array([s.next_u]), np.array([np.nan]), "next point", m.RED), "hoverinfo": "skip"})
    layout = _two_rows(f"What the Gaussian process believes along {safe(s.name)}", axis(space, s.name, s.u),
                       "value" if sign < 0 else "loss", name)
    layout["yaxis"]["range"] = _focus(np.concatenate([lower[np.isfinite(lower)], upper[np.isfinite(upper)]]), shown)
    return {"data": data, "layout": {**layout, "shapes": shapes}}


def _focus(band: Any, observed: Any) -> list[float]:
    """Range that shows the band whole, and observations as far as they do not squash it."""
    seen = observed[np.isfinite(observed)]
    if not len(band):
        return m.room(seen)
    low, high = float(band.min()), float(band.max())
    width = (high - low) or 1.0
    near = seen[(seen >= low - width) & (seen <= high + width)]
    return m.room(np.array([low, high]), near)


def _raised(score: Any) -> Any:
    """Lift log scores so that the area under them is seen: floor 12 below the top, zero at the floor."""
    if not np.isfinite(score).any():
        return score
    top = np.nanmax(score)
    return np.maximum(score, top - 12.0) if top < 0 or np.nanmin(score) < top - 12 else score


def _two_rows(title: str, x: dict[str, Any], top: str, bottom: str) -> dict[str, Any]:
    return {"title": m.title(title), "height": 420, "xaxis": {**x, "anchor": "y2", "domain": [0, 1]},
            "yaxis": {"title": {"text": top}, "domain": [0.36, 1]},
            "yaxis2": {"title": {"text": bottom}, "domain": [0, 0.26], "anchor": "x", "showticklabels": False},
            "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
            "margin": {"l": 60, "r": 16, "t": 48, "b": 44}, "hovermode": "closest"}


def surface(s: GPSurface, space: Space, *, sign: float = 1.0) -> dict[str, Any]:
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
        {**heat, "z": _raised(s.acquisition), "name": LABELS[s.acquisition_name], "xaxis": "x2", "yaxis": "y2",
         "colorbar": {"x": 1.0, "len": 0.9, "thickness": 10}, "hovertemplate": "%{z:.3g}<extra></extra>"},
    ]
    for k in ("", "2"):
        seen = m.dots(ox, oy, "observed", "#ffffff", axis=k, size=6, legend=False, hover="observed")
        seen["marker"]["line"] = {"color": "#111111", "width": 1}
        data.append(seen)
        if s.next_x is not None and s.next_y is not None:
            data.append(m.dots(unit(px, [s.next_x]), unit(py, [s.next_y]), "next point", m.RED, axis=k, size=12,
                               symbol="cross", legend=not k, hover="next point"))
    x, y = axis(space, s.name_x, ux), axis(space, s.name_y, uy)
    layout = {"title": m.title(f"Mean (left) and {LABELS[s.acquisition_name]} (right)"), "height": 420,
              "xaxis": {**x, "domain": [0, 0.43]}, "yaxis": {**y, "title": {"text": safe(s.name_y)}},
              "xaxis2": {**x, "domain": [0.56, 0.99]}, "yaxis2": {**y, "title": {"text": ""}, "anchor": "x2"},
              "showlegend": False, "margin": {"l": 70, "r": 30, "t": 48, "b": 44}, "hovermode": "closest"}
    return {"data": data, "layout": layout}


def tpe(s: TPESlice, space: Space) -> dict[str, Any]:
    """Density of the good and of the bad trials along one parameter; their ratio and the candidates under them."""
    levels = len(s.u) <= 12
    candidates = s.candidates_u[np.isfinite(s.candidates_u)]
    scores = s.scores[np.isfinite(s.candidates_u)]
    if levels:
        width = 0.35 / len(s.u)
        bars = [("l: good", s.good, m.BLUE, "y", -width / 2), ("g: bad", s.bad, m.ORANGE, "y", width / 2)]
        data: list[m.Dict] = [{"type": "bar", "x": s.u + shift, "y": h, "name": n, "marker": {"color": c}, "width": width,
                               "yaxis": a} for n, h, c, a, shift in bars]
        data.append({"type": "bar", "x": s.u, "y": s.ratio, "name": "l / g", "marker": {"color": m.GREEN}, "width": width,
                     "yaxis": "y2"})
    else:
        data = [m.area(s.u, s.good, "l: good", m.BLUE), m.area(s.u, s.bad, "g: bad", m.ORANGE),
                {**m.area(s.u, s.ratio, "l / g", m.GREEN), "yaxis": "y2"}]
    top = float(max(s.good.max(initial=0), s.bad.max(initial=0))) or 1.0
    data += [m.dots(s.good_u, np.full(len(s.good_u), -0.04 * top), "good trials", m.BLUE, size=9, symbol="line-ns",
                    legend=False, hover="a good trial"),
             m.dots(s.bad_u, np.full(len(s.bad_u), -0.09 * top), "bad trials", m.ORANGE, size=9, symbol="line-ns",
                    legend=False, hover="a bad trial")]
    if len(candidates):
        high = float(np.nanmax(s.ratio)) if len(s.ratio) else 1.0
        place = 0.15 * high + 0.8 * high * (scores - scores.min()) / ((scores.max() - scores.min()) or 1.0)
        data.append({**m.dots(candidates, place, "candidates (height: joint score)", m.PURPLE, size=6,
                              hover="a candidate"), "yaxis": "y2"})
    shapes = [] if s.next_u is None else [m.upright(s.next_u, m.RED)[0]]
    layout = _two_rows(f"{s.n_good} good and {s.n_bad} bad trials along {safe(s.name)}", axis(space, s.name, s.u),
                       "density", "l / g")
    return {"data": data, "layout": {**layout, "shapes": shapes, "barmode": "overlay"}}
