"""The language of marks that all plots and lessons share: colours, traces, lines, numbers.

Everything here makes pieces of plain plotly dicts; nothing knows a widget. Colours are Okabe and Ito's, in shades of
middle lightness, so that they stand on white and on black.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbench.space import Array

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#2b8cc4", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#8c8c8c"

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Dict = dict[str, Any]
LEGEND: Dict = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"}


def fade(color: str, alpha: float) -> str:
    """Give a ``#rrggbb`` colour an opacity."""
    r, g, b = (int(color[i:i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},{alpha:g})"


def three(value: float) -> str:
    """Write a number with three significant digits, a true minus and powers of ten."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.2e}".split("e")
        raised = str(int(exponent)).translate(SUPERSCRIPT)
        return f"{mantissa}×10{raised}".replace("-", "−")
    digits = 2 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}".replace("-", "−")


def power(value: float) -> str:
    """Write a number for a log axis: a power of ten as one where that is shorter."""
    exponent = math.log10(value)
    if abs(exponent - round(exponent)) > 1e-9 or 0.1 <= value <= 100:
        return f"{value:g}"
    return f"10{str(round(exponent)).translate(SUPERSCRIPT)}"


def cut(text: Any, width: int = 24) -> str:
    """Shorten a text that would take too much room."""
    return str(text) if len(str(text)) <= width else str(text)[:width - 1] + "…"


def nice(low: float, high: float, *, log: bool) -> list[float]:
    """Round numbers between two ends: powers of ten on a log scale, else five or so even ones."""
    if high <= low:
        return [low]
    if log:
        a, b = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
        decades = [10.0**k for k in range(a, b + 1, max(1, (b - a) // 6))]
        return decades if len(decades) > 1 else sorted({low, *decades, high})
    raw = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * min((1, 2, 2.5, 5, 10), key=lambda k: abs(k * power - raw))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(f"{k * step:.10g}") + 0.0 for k in np.arange(first, last + 1)]  # + 0.0: no "-0"


def line(x: Array, y: Array, name: str, color: str, *, axis: str = "", width: float = 2, dash: str = "solid",
         legend: bool = True) -> Dict:
    """Draw a curve. ``axis`` is plotly's number of the subplot: ``""``, ``"2"``, ``"3"``."""
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "showlegend": legend,
            "xaxis": f"x{axis}", "yaxis": f"y{axis}", "line": {"color": color, "width": width, "dash": dash},
            "hovertemplate": "%{x:.3f}: %{y:.3g}" + f"<extra>{name}</extra>"}


def band(x: Array, lower: Array, upper: Array, name: str, color: str, *, axis: str = "",
         alpha: float = 0.25) -> list[Dict]:
    """Draw the region between two curves."""
    edge = {"type": "scatter", "mode": "lines", "x": x, "xaxis": f"x{axis}", "yaxis": f"y{axis}",
            "line": {"width": 0}, "hoverinfo": "skip", "legendgroup": name}
    return [{**edge, "y": lower, "showlegend": False, "name": f"{name} (lower edge)"},
            {**edge, "y": upper, "name": name, "fill": "tonexty", "fillcolor": fade(color, alpha)}]


def area(x: Array, y: Array, name: str, color: str, *, axis: str = "", alpha: float = 0.3) -> Dict:
    """Draw a curve filled down to its zero line."""
    return {**line(x, y, name, color, axis=axis, width=1.5), "fill": "tozeroy", "fillcolor": fade(color, alpha)}


def dots(x: Array, y: Array, name: str, color: str, *, axis: str = "", size: float = 9, symbol: str = "circle",
         legend: bool = True, hover: str = "x = %{x:.3f}<br>y = %{y:.3g}") -> Dict:
    """Draw observations."""
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "name": name, "showlegend": legend,
            "xaxis": f"x{axis}", "yaxis": f"y{axis}",
            "marker": {"color": color, "size": size, "symbol": symbol, "line": {"color": color, "width": 2}},
            "hovertemplate": hover + f"<extra>{name}</extra>"}


def upright(x: float, color: str, label: str = "", *, y0: float = 0.0, y1: float = 1.0, dash: str = "solid",
            axis: str = "") -> tuple[Dict, list[Dict]]:
    """Draw a vertical line through a stretch of the whole picture, as a shape and the annotations beside its top."""
    shape = {"type": "line", "xref": f"x{axis}", "yref": "paper", "x0": x, "x1": x, "y0": y0, "y1": y1,
             "line": {"color": color, "width": 2, "dash": dash}}
    text = {"xref": f"x{axis}", "yref": "paper", "x": x, "y": y1, "text": label, "showarrow": False,
            "font": {"color": color, "size": 12}, "yanchor": "bottom"}
    return shape, [text] if label else []


def level(y: float, color: str, *, axis: str = "", dash: str = "dot") -> Dict:
    """Draw a horizontal line through one subplot."""
    return {"type": "line", "xref": f"x{axis} domain", "yref": f"y{axis}", "x0": 0, "x1": 1, "y0": y, "y1": y,
            "line": {"color": color, "width": 1.5, "dash": dash}}


def decades(low: float, high: float) -> Dict:
    """Settings of a log axis from ``low`` to ``high`` with a tick at every power of ten, or every other if they are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    values = [10.0**k for k in range(first, last + 1, max(1, (last - first) // 7))]
    return {"type": "log", "tickvals": values, "ticktext": [power(v) for v in values]}


def title(text: str) -> Dict:
    """Give the picture its finding as a title."""
    return {"text": text, "x": 0.0, "xref": "paper", "xanchor": "left", "y": 0.98, "yanchor": "top",
            "font": {"size": 14}}


def stacked(rooms: dict[str, tuple[float, float]], last: str, *, height: int, text: str) -> Dict:
    """Lay out subplots under each other over one unit interval; ``last`` is the lowest, which has the numbers of x.

    ``rooms`` gives for each subplot (``""``, ``"2"``, …) the stretch of the picture that it takes.
    """
    layout: Dict = {"height": height, "title": title(text), "margin": {"l": 60, "r": 12, "t": 66, "b": 40},
                    "dragmode": False, "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}}
    for axis, domain in rooms.items():
        layout[f"xaxis{axis}"] = {"range": [-0.01, 1.01], "anchor": f"y{axis}", "fixedrange": True,
                                  "showticklabels": axis in ("", last)}
        layout[f"yaxis{axis}"] = {"domain": list(domain), "anchor": f"x{axis}", "nticks": 4, "fixedrange": True}
    layout[f"xaxis{last}"]["title"] = {"text": "x (no unit)", "standoff": 2}
    return layout


def room(*arrays: Array, margin: float = 0.08) -> list[float]:
    """Give the range of an axis that holds all these values with a little margin."""
    low = min(float(a.min()) for a in arrays if len(a))
    high = max(float(a.max()) for a in arrays if len(a))
    pad = margin * (high - low) or 1.0
    return [low - pad, high + pad]
