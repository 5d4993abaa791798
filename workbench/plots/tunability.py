"""Gains of tuning as bars: all parameters together, each alone, and the pairs that gain most."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.importance.tunability import Tunability
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe

MOST, PAIRS = 16, 5  # parameters and pairs shown
ROW = 26  # pixels


def tunability(found: Tunability) -> dict[str, Any]:
    """Draw the gains over the default in units of the loss; of a pair, what the second parameter adds stands apart."""
    frame = found.frame()
    shown, left = frame.head(MOST), max(len(frame) - MOST, 0)
    if not len(frame):
        return empty("The space has no parameter to tune.")
    pairs = [] if found.double is None else [p for p in found.pairs() if p[2] > 0][:PAIRS]
    n, d = len(pairs), len(shown)
    places = np.concatenate([[0.0], np.arange(d) + 1.5, np.arange(n) + d + 2.0])
    active = (~shown["gain"].isna()).to_numpy()
    alone = places[1:d + 1]
    data = [_bar([found.total_gain], places[:1], "all together", m.GREEN, [_all(found)]),
            _bar(shown["gain"].to_numpy(float)[active], alone[active], "one alone", m.BLUE,
                 [_one(row, found) for row in shown[active].to_dict("records")])]
    if n:
        gain, joint = np.array([p[2] for p in pairs]), np.array([p[3] for p in pairs])
        hover = [_two(p) for p in pairs]
        data.append(_bar(gain - joint, places[d + 1:], "the better one of two", m.fade(m.BLUE, 0.55), hover))
        added = _bar(joint, places[d + 1:], "what the second adds", m.ORANGE, hover)
        data.append({**added, "base": gain - joint, "text": [m.three(v) for v in gain]})
        data[-2]["text"] = [""] * n
    none = [{"xref": "x", "yref": "y", "x": 0, "y": y, "xanchor": "left", "xshift": 4, "showarrow": False,
             "text": safe(m.cut(note, 70)), "font": {"size": 11}}
            for y, note in zip(alone[~active], shown["note"][~active], strict=True)]
    labels = ["all parameters", *shown["parameter"], *(f"{a} + {b}" for a, b, *_ in pairs)]
    top = max(found.total_gain, 1e-300)
    tasks = f", mean of {len(found.tasks)} tasks" if len(found.tasks) > 1 else ""
    title = "What tuning gains over the default" + (f" · {left} more parameters gain less" if left else "")
    layout = {"title": m.title(title + tasks), "height": 120 + ROW * (len(places) + 1), "barmode": "overlay",
              "hovermode": "closest",
              "xaxis": {"title": {"text": f"gain in predicted {safe(found.quantity.name)}"}, "range": [0, 1.14 * top],
                        "zeroline": False},
              "yaxis": {"range": [places[-1] + 0.6, -0.6], "tickvals": places, "automargin": True, "showgrid": False,
                        "ticktext": [safe(m.cut(text, 30)) for text in labels], "zeroline": False},
              "annotations": none, "legend": m.LEGEND, "margin": {"l": 60, "r": 16, "t": 76, "b": 44}}
    return {"data": data, "layout": layout}


def _bar(gain: Any, y: Any, name: str, color: str, hover: list[str]) -> m.Dict:
    gain = np.asarray(gain, dtype=float)
    return {"type": "bar", "orientation": "h", "x": gain, "y": y, "name": name, "width": 0.7, "marker": {"color": color},
            "text": [m.three(v) for v in gain], "textposition": "outside", "cliponaxis": False, "hovertext": hover,
            "hovertemplate": "%{hovertext}<extra>" + name + "</extra>"}


def _value(value: Any) -> str:
    return safe(m.three(value) if isinstance(value, float) else m.cut(value))


def _one(row: dict[Any, Any], found: Tunability) -> str:
    share = f" ({row['share']:.0%} of all)" if found.total_gain > 0 else ""
    spread = f" ± {m.three(row['spread'])} between the tasks" if "spread" in row else ""
    return (f"<b>{safe(row['parameter'])}</b><br>default {_value(row['default'])}, tuned {_value(row['tuned'])}"
            f"<br>gain {m.three(row['gain'])}{spread}{share}")


def _two(pair: tuple[str, str, float, float]) -> str:
    a, b, gain, joint = pair
    return f"<b>{safe(a)} and {safe(b)}</b><br>gain {m.three(gain)}<br>of which the second adds {m.three(joint)}"


def _all(found: Tunability) -> str:
    lines = [f"<b>all parameters</b><br>gain {m.three(found.total_gain)}"]
    if len(found.tasks) == 1:
        best = found.space.from_unit(found.best[0])
        lines += [f"{safe(k)} = {_value(v)}" for k, v in list(best.items())[:14]]
    return "<br>".join(lines)
