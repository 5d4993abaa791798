"""What FABOLAS believes along the share of the data: losses, seconds, and what a trial there would tell per second."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import safe
from workbench.search.fabolas_why import FabolasExplanation, ShareCurve, ShareSlices, percent
from workbench.space import Array

HEIGHT = 560
ROOMS = {"": (0.52, 1.0), "2": (0.27, 0.46), "3": (0.0, 0.2)}


def shares(s: ShareSlices, why: FabolasExplanation, *, sign: float = 1.0) -> dict[str, Any]:
    """Draw three rows over the share: losses with 95 %, seconds, and the gain per second of the chosen configuration."""
    both = [(s.chosen, "next configuration", m.RED)] + ([] if s.incumbent is None else [(s.incumbent, "best so far", m.BLUE)])
    others = m.dots(s.share, _finite(sign * s.loss), "other trials", m.GREY, size=5, hover="%{x:.3g} of the data: %{y:.4g}")
    data: list[m.Dict] = [whose.of_rows(others, np.arange(len(s.share)))]
    for curve, name, color in both:
        data += _losses(curve, name, color, sign)
        data += _seconds(curve, name, color) if why.timed else []
    gain = m.area(why.shares, why.gains, "gain per second", m.ORANGE, axis="3")
    data.append({**gain, "xaxis": "x", "showlegend": False, "mode": "lines+markers", "marker": {"size": 4, "color": m.ORANGE},
                 "hovertemplate": "%{x:.3g} of the data: %{y:.3g} bits per second<extra></extra>"})
    word = "value" if sign < 0 else "loss"
    unit = "second" if why.timed else "share"
    on = "all the data" if why.share > 0.995 else f"{percent(why.share)} of the data"
    layout: m.Dict = {"title": m.title(f"Next: {safe(on)}, for {why.gain:.2g} of {why.entropy:.2g} bits about where the best is"),
                      "height": HEIGHT, "legend": m.LEGEND, "margin": {"l": 64, "r": 16, "t": 72, "b": 44},
                      "hovermode": "closest", "shapes": [m.upright(why.share, m.RED, dash="dot")[0]]}
    low = min(float(np.min(s.share, initial=1.0)), float(np.min(s.chosen.shares)))
    layout["xaxis"] = {"title": {"text": "share of the data", "standoff": 4}, "anchor": "y3", **m.decades(low, 1.0)}
    layout["xaxis"] |= {"tickvals": _halves(low), "ticktext": [safe(_fraction(v)) for v in _halves(low)],
                        "range": [np.log10(low) - 0.03, 0.03]}
    seen = np.concatenate([sign * c.loss for c, *_ in both] + [sign * c.seen_loss for c, *_ in both])
    edges = np.concatenate([np.concatenate([sign * c.loss_low, sign * c.loss_high]) for c, *_ in both])
    layout["yaxis"] = {"title": {"text": word}, "range": _room(seen, edges), "zeroline": False}
    layout["yaxis2"] = {"title": {"text": "seconds"}, "type": "log", "exponentformat": "power", "nticks": 4}
    layout["yaxis3"] = {"title": {"text": f"bits per {unit}"}, "rangemode": "tozero", "nticks": 4}
    for axis, domain in ROOMS.items():
        layout[f"yaxis{axis}"] |= {"domain": list(domain), "anchor": "x"}
    if not why.timed:
        middle = sum(ROOMS["2"]) / 2
        layout["yaxis2"] |= {"visible": False}
        layout["annotations"] = [{"xref": "paper", "yref": "paper", "x": 0.5, "y": middle, "showarrow": False,
                                  "font": {"color": m.GREY},
                                  "text": "No seconds are known: they are taken to grow with the share."}]
    return {"data": data, "layout": layout}


def _losses(c: ShareCurve, name: str, color: str, sign: float) -> list[m.Dict]:
    low, high = np.minimum(sign * c.loss_low, sign * c.loss_high), np.maximum(sign * c.loss_low, sign * c.loss_high)
    hover = "%{x:.3g} of the data: %{y:.4g}"
    line = m.line(c.shares, sign * c.loss, name, color)
    seen = m.dots(c.seen_share, _finite(sign * c.seen_loss), f"{name}, seen", color, size=8, legend=False, hover=hover)
    band = [{**b, "showlegend": False} for b in m.band(c.shares, low, high, f"{name}, 95 %", color, alpha=0.15)]
    if len(c.shares) == 1:  # all trials use all the data
        line = {**line, "mode": "markers"}
    return [*band, {**line, "hovertemplate": hover + f"<extra>{name}, predicted</extra>"}, seen]


def _seconds(c: ShareCurve, name: str, color: str) -> list[m.Dict]:
    hover = "%{x:.3g} of the data: %{y:.3g} s"
    line = m.line(c.shares, c.seconds, name, color, axis="2", legend=False)
    band = [{**b, "xaxis": "x", "showlegend": False}
            for b in m.band(c.shares, c.seconds_low, c.seconds_high, f"{name}, seconds", color, axis="2", alpha=0.15)]
    seen = m.dots(c.seen_share, c.seen_seconds, f"{name}, seen", color, axis="2", size=8, legend=False, hover=hover)
    return [*band, {**line, "xaxis": "x", "hovertemplate": hover + f"<extra>{name}, predicted</extra>"}, {**seen, "xaxis": "x"}]


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)


def _room(seen: Array, edges: Array) -> list[float]:
    """Range that shows the lines and what was seen of them whole, and bands as far as they do not squash them."""
    seen = seen[np.isfinite(seen)]
    if not len(seen):
        return [0.0, 1.0]
    width = float(np.ptp(seen)) or 1.0
    edges = edges[np.isfinite(edges)]
    return m.room(seen, np.clip(edges, seen.min() - width, seen.max() + width))


def _halves(low: float) -> list[float]:
    """Shares 1, 1/2, 1/4, … down to ``low``; every other one, or fewer, where they are many."""
    n = int(np.floor(-np.log2(low) + 1e-9)) + 1
    return [2.0**-k for k in range(0, n, max(1, n // 7))]


def _fraction(share: float) -> str:
    return "1" if share == 1 else f"1/{round(1 / share)}"
