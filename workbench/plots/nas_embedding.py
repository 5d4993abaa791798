"""The embeddings of architectures in two dimensions, and the ways uphill through them that NAO takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.history import History
from workbench.nas.nao import NaoExplanation, landscape
from workbench.plots import marks as m
from workbench.plots import whose

HEIGHT = 440
WORST = 0.9  # quantile of the predicted losses at which the colours end
NONE = "The ways uphill appear when the first architecture has been decoded. Before, architectures are drawn at random."
STEPS = 12  # points that a way is drawn with


def embedding(history: History, why: NaoExplanation, *, sign: float = 1.0, height: int = HEIGHT) -> dict[str, Any]:
    """Draw embeddings of random architectures and of those trained, coloured by prediction, and each ascent as an arrow.

    Parameters
    ----------
    history, why
        What the algorithm saw, and its explanation. The network is fitted again, unless the history's memo has it.
    sign
        -1 shows the values of somebody who maximises.
    height
        In pixels.
    """
    seen = landscape(history, why)
    k, color = seen.n_random, seen.predicted * sign
    low, high = float(seen.predicted.min()), float(np.quantile(seen.predicted, WORST))
    ends = sorted((low * sign, high * sign))
    scale: m.Dict = {"colorscale": "Cividis", "cmin": ends[0], "cmax": ends[1] if ends[1] > ends[0] else ends[0] + 1.0,
                     "reversescale": False}
    bar = {"title": {"text": "predicted", "side": "right"}, "thickness": 14, "tickformat": ".3~g"}
    data: list[m.Dict] = []
    for rows, name, symbol, size in ((slice(0, k), "not trained, drawn at random", "circle", 7),
                                     (slice(k, None), "trained", "diamond", 10)):
        trace = m.dots(seen.points[rows, 0], seen.points[rows, 1], name, m.GREY, symbol=symbol, size=size,
                       hover="predicted %{marker.color:.3g}")
        trace["marker"] = {"symbol": symbol, "size": size, "color": color[rows], **scale,
                           "line": {"color": m.GREY, "width": 1 if symbol == "diamond" else 0},
                           **({"colorbar": bar} if symbol == "circle" else {})}
        data.append(trace)
    data[1] = whose.of_rows(data[1], np.arange(len(seen.points) - k))
    some = np.unique(np.linspace(0, seen.n_steps, STEPS).round().astype(int))
    arrows = []
    for i, way in enumerate(seen.paths):
        mine = i == seen.chosen
        data.append({**m.line(way[some, 0], way[some, 1], "the way to the chosen one" if mine else "ways uphill",
                              m.ORANGE if mine else m.GREY, width=3 if mine else 1.5, legend=mine or i == (seen.chosen == 0)),
                     "hoverinfo": "skip", "hovertemplate": None})
        (x, y), (ax, ay) = way[-1].tolist(), way[some[-min(5, len(some))]].tolist()  # a shorter bit has no room for a head
        arrows.append({"x": x, "y": y, "ax": ax, "ay": ay,
                       "xref": "x", "yref": "y", "axref": "x", "ayref": "y", "showarrow": True, "arrowhead": 2, "text": "",
                       "arrowwidth": 2.5 if mine else 1.5, "arrowsize": 1, "arrowcolor": m.ORANGE if mine else m.GREY})
    room = [m.room(np.concatenate([seen.points[:, j], seen.paths[..., j].ravel()])) for j in (0, 1)]
    axis = {"zeroline": False, "fixedrange": True, "showticklabels": False}
    layout = {"title": m.title(_title(why, seen.explained, sign)), "height": height, "hovermode": "closest", "dragmode": False,
              "margin": {"l": 40, "r": 16, "t": 84, "b": 40}, "annotations": arrows,
              "legend": {**m.LEGEND, "x": 0, "xanchor": "left"},
              "xaxis": {**axis, "range": room[0], "title": {"text": "first principal component of the embeddings"}},
              "yaxis": {**axis, "range": room[1], "title": {"text": "second"}}}
    return {"data": data, "layout": layout}


def _title(why: NaoExplanation, explained: float, sign: float) -> str:
    steps = f"{why.n_steps} step{'s' * (why.n_steps != 1)}"
    begin, end = (m.three(sign * value) for value in (why.start_predicted, why.predicted))
    return (f"{steps} uphill: predicted {begin} at the start, {end} for what was written "
            f"(the plane holds {100 * explained:.0f} % of the variance)")
