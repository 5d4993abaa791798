"""Pictures of network morphisms: the graph before and after, what both networks compute, how far they are apart; a family tree.

Everything is drawn from plain data: plans, arrays and the steps of a hill climb.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.nas.hill_step import Child, HillStep
from workbench.nas.net_plan import NetPlan
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.nas_graph import graph_figure
from workbench.space import Array

FLOOR = 1e-18  # where zero stands on a logarithmic axis
SMALLEST, LARGEST = 6.0, 26.0  # of dots that stand for widths and numbers of weights
FADED = 0.35
CLASSES = ((m.BLUE, "circle"), (m.ORANGE, "diamond"))  # colour and shape of the two classes

LEFT, RIGHT = (0.0, 0.47), (0.53, 1.0)
Room = tuple[tuple[float, float], tuple[float, float]]  # stretches of the picture: from left to right, from bottom to top


def changed_layers(before: NetPlan, after: NetPlan) -> frozenset[str]:
    """Return the names of the layers that are new, or that have another width or kernel."""
    old = {k.name: (k.width, k.kernel) for k in before.layers}
    return frozenset(k.name for k in after.layers if old.get(k.name) != (k.width, k.kernel))


def new_edges(before: NetPlan, after: NetPlan) -> frozenset[tuple[str, str]]:
    """Return the connections that are new."""
    old = {(i, k.name) for k in before.layers for i in k.inputs}
    return frozenset((i, k.name) for k in after.layers for i in k.inputs) - old


def net_graph(plan: NetPlan, room: Room, axis: str = "", *, before: NetPlan | None = None,
              strong: bool = False) -> dict[str, Any]:
    """Draw a plan into a part of a picture: nodes as large as their layers are wide, what is new since ``before`` in red.

    Returns data, layout (both axes) and shapes of the picture as "data", "layout" and "shapes".
    """
    drawn = graph_figure(plan.graph())
    nodes = next(t for t in drawn["data"] if t["name"] == "nodes")
    other = changed_layers(before or plan, plan)
    widths = np.array([float(k.width) if k.kind == "block" else 4.0 for k in plan.layers])
    ring = [m.RED if k.name in other else "rgba(0,0,0,0)" for k in plan.layers]
    nodes["marker"] = {**nodes["marker"], "size": np.clip(4.5 * np.sqrt(widths), 9, LARGEST),
                       "line": {"color": ring, "width": 4 if strong else 3}}
    says = [f"{text}<br>new or changed" if k.name in other else text
            for text, k in zip(nodes["hovertext"], plan.layers, strict=True)]
    nodes["hovertext"] = says
    edges = [(i, k.name) for k in plan.layers for i in k.inputs]
    fresh = new_edges(before or plan, plan)
    for shape, edge in zip(drawn["layout"]["shapes"], edges, strict=True):
        if edge in fresh:
            shape["line"] |= {"color": m.RED, "width": 4.5 if strong else 3.5}
        shape |= {"xref": f"x{axis}", "yref": f"y{axis}"}
    data = [{**t, "xaxis": f"x{axis}", "yaxis": f"y{axis}"} for t in drawn["data"] if t["mode"] != "lines"]
    layout = {f"xaxis{axis}": {**drawn["layout"]["xaxis"], "domain": list(room[0]), "anchor": f"y{axis}"},
              f"yaxis{axis}": {**drawn["layout"]["yaxis"], "domain": list(room[1]), "anchor": f"x{axis}"}}
    return {"data": data, "layout": layout, "shapes": drawn["layout"]["shapes"]}


def boundary(u: Array, p: Array | None, points: tuple[Array, NDArray[np.int64]], room: Room, axis: str = "", *,
             other: Array | None = None) -> dict[str, Any]:
    """Draw what a network of two inputs and two classes computes: the probability of the second class, and the border at ½.

    Parameters
    ----------
    u
        Coordinates of a square grid, shape (k,), the same along both axes.
    p
        Probabilities, shape (k, k), rows from bottom to top; None leaves the map out.
    points
        Inputs (n, 2) and classes (n,).
    room, axis
        Where it goes.
    other
        Probabilities of another network, whose border is dotted.
    """
    data: list[m.Dict] = []
    on = {"xaxis": f"x{axis}", "yaxis": f"y{axis}", "x": u, "y": u}
    if p is not None:
        scale = [[0.0, m.fade(m.BLUE, 0.55)], [0.5, m.fade(m.GREY, 0.06)], [1.0, m.fade(m.ORANGE, 0.55)]]
        data.append({**on, "type": "heatmap", "z": p, "zmin": 0, "zmax": 1, "colorscale": scale, "showscale": False,
                     "name": "probability of ◆", "hovertemplate": "probability of ◆ %{z:.2f}<extra></extra>"})
    for z, name, line in ((p, "border", {"width": 2.5}), (other, "border of the other", {"width": 2, "dash": "dot"})):
        if z is not None:
            data.append({**on, "type": "contour", "z": z, "showscale": False, "name": name, "hoverinfo": "skip", "line": line,
                         "contours": {"coloring": "lines", "start": 0.5, "end": 0.5, "size": 1},
                         "colorscale": [[0, m.GREY], [1, m.GREY]]})
    x, y = points
    for k, (color, symbol) in enumerate(CLASSES):
        dots = m.dots(x[y == k, 0], x[y == k, 1], f"class {'●◆'[k]}", color, axis=axis, size=6, symbol=symbol, legend=False)
        dots["marker"]["line"] = {"color": m.fade("#000000", 0.45), "width": 0.7}
        data.append({**dots, "hoverinfo": "skip", "hovertemplate": None})
    ends = [float(u[0]), float(u[-1])]
    side = {"range": ends, "fixedrange": True, "zeroline": False, "showgrid": False, "nticks": 4}
    layout = {f"xaxis{axis}": {**side, "domain": list(room[0]), "anchor": f"y{axis}"},
              f"yaxis{axis}": {**side, "domain": list(room[1]), "anchor": f"x{axis}", "scaleanchor": f"x{axis}",
                               "constrain": "domain"}}
    layout[f"xaxis{axis}"]["constrain"] = "domain"
    return {"data": data, "layout": layout, "shapes": []}


def apart(steps: Array, lines: Sequence[tuple[str, Array, str, str]], room: Room, axis: str = "", *,
          last: float) -> dict[str, Any]:
    """Draw differences over steps of training on a logarithmic axis; zero stands at its lower end.

    ``lines`` are (name, values, colour, dash); ``last`` is the end of the axis of steps.
    """
    data = []
    for name, values, color, dash in lines:
        trace = m.line(steps, np.maximum(values, FLOOR), name, color, axis=axis, dash=dash, legend=False)
        data.append({**trace, "mode": "lines+markers", "marker": {"size": 6, "symbol": "circle" if dash == "solid" else "square"},
                     "text": [m.three(float(v)) for v in values],
                     "hovertemplate": f"after %{{x:.0f}} steps: %{{text}}<extra>{safe(name)}</extra>"})
    ticks = [FLOOR, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1.0]
    layout = {f"xaxis{axis}": {"range": [-0.03 * last, 1.03 * last], "domain": list(room[0]), "anchor": f"y{axis}",
                               "fixedrange": True, "zeroline": False, "nticks": 6,
                               "title": {"text": "steps of training after it", "standoff": 4}},
              f"yaxis{axis}": {"type": "log", "range": [-18.7, 1.7], "domain": list(room[1]), "anchor": f"x{axis}",
                               "fixedrange": True, "tickvals": ticks, "ticktext": ["0", *(m.power(t) for t in ticks[1:])]}}
    return {"data": data, "layout": layout, "shapes": []}


def head(axis: str, text: str, color: str | None = None) -> m.Dict:
    """Write above a part of a picture what it shows."""
    font = {} if color is None else {"font": {"color": color}}
    return {"xref": f"x{axis} domain", "yref": f"y{axis} domain", "x": 0.0, "y": 1.0, "xanchor": "left", "yanchor": "bottom",
            "text": text, "showarrow": False, **font}


def joined(parts: Sequence[dict[str, Any]], *, height: int, title: str, heads: Sequence[m.Dict] = ()) -> dict[str, Any]:
    """Put parts of a picture together."""
    layout: m.Dict = {"height": height, "title": m.title(title), "dragmode": False, "hovermode": "closest", "showlegend": False,
                      "margin": {"l": 48, "r": 12, "t": 60, "b": 44}, "annotations": list(heads),
                      "shapes": [shape for part in parts for shape in part["shapes"]]}
    for part in parts:
        layout |= part["layout"]
    return {"data": [trace for part in parts for trace in part["data"]], "layout": layout}


def before_after(before: NetPlan, after: NetPlan, difference: float, *, change: str = "",
                 computed: tuple[Array, Array, Array, tuple[Array, NDArray[np.int64]]] | None = None) -> dict[str, Any]:
    """Draw a network before and after a morphism, beside each other, and say how much their outputs differ.

    Parameters
    ----------
    before, after
        Their layers.
    difference
        Largest difference of the outputs (``workbench.nas.morphism.difference``).
    change
        The morphism in words.
    computed
        For networks of two inputs and two classes: grid (k,), probabilities before and after (k, k), points and their
        classes.
    """
    if computed is None:
        parts = [net_graph(before, (LEFT, (0.0, 0.86))), net_graph(after, (RIGHT, (0.0, 0.86)), "2", before=before)]
    else:
        u, p, p_new, points = computed
        parts = [net_graph(before, (LEFT, (0.66, 0.94))), net_graph(after, (RIGHT, (0.66, 0.94)), "2", before=before),
                 boundary(u, p, points, (LEFT, (0.0, 0.58)), "3"), boundary(u, p_new, points, (RIGHT, (0.0, 0.58)), "4", other=p)]
    heads = [head("", f"before: {before.n_parameters} weights"),
             head("2", f"after: {after.n_parameters} weights; <span style='color:{m.RED}'>new or changed</span>")]
    title = f"{safe(change)}: " if change else ""
    return joined(parts, height=260 if computed is None else 560, heads=heads,
                  title=f"{title}the outputs {differ(difference)}")


def differ(difference: float) -> str:
    """Say how much outputs differ."""
    return "are equal to the last bit" if difference == 0 else f"differ by at most {m.three(difference)}"


# Hill climbing ----------------------------------------------------------------------------------------------------------


def hill_tree(whys: Sequence[HillStep], *, n_climbs: int | None = None,
              others: Sequence[tuple[str, float]] = ()) -> dict[str, Any]:
    """Draw a hill climb as a family tree: climbs from left to right, accuracy from bottom to top, dots as large as networks.

    Parameters
    ----------
    whys
        The reasons of all steps so far.
    n_climbs
        How many climbs there will be, the training of the winner included; the last one so far without it.
    others
        Accuracies to compare with, (name, accuracy): lines across the picture.
    """
    if not whys:
        return empty("No network is trained yet. The first one, then the children of each climb, appear here.")
    seen: dict[str, Child] = {c.name: c for why in whys for c in why.children}
    climb = {c.name: float(why.climb) + _aside(k, len(why.children)) for why in whys for k, c in enumerate(why.children)}
    ahead = {why.climb: why.best for why in whys}
    line = [name for _, name in sorted(ahead.items())]
    last = max(n_climbs or 1, *(why.climb for why in whys), 1)
    weights = np.array([c.parameters for c in seen.values()], dtype=float)
    data = []
    for name, chosen in (("children", False), ("who goes on", True)):
        pairs = [(c.parent, c.name) for c in seen.values() if c.parent and (c.name in line) == chosen]
        x = np.array([[climb[p], climb[k], np.nan] for p, k in pairs]).ravel()
        y = np.array([[seen[p].accuracy, seen[k].accuracy, np.nan] for p, k in pairs]).ravel()
        color = m.GREEN if chosen else m.fade(m.GREY, 0.5)
        data.append({**m.line(x, 100 * y, f"lines of {name}", color, width=3 if chosen else 1, legend=False), "hoverinfo": "skip",
                     "hovertemplate": None})
    for name, chosen, color, symbol in (("children", False, m.GREY, "circle"), ("goes on", True, m.GREEN, "diamond")):
        some = [c for c in seen.values() if (c.name in line) == chosen]
        dots = m.dots(np.array([climb[c.name] for c in some]), np.array([100 * c.accuracy for c in some]), name, color,
                      symbol=symbol, hover="%{text}")
        size = _sizes(np.array([c.parameters for c in some], dtype=float), weights)
        dots["marker"] |= {"size": size, "opacity": 1 if chosen else 0.6, "line": {"width": 0}}
        data.append({**dots, "text": ["<br>".join(_lines(c)) for c in some]})
    shapes = [m.level(100 * value, m.PURPLE) for _, value in others]
    labels = [{"xref": "x domain", "yref": "y", "x": 0.005, "y": 100 * value, "xanchor": "left", "yanchor": "bottom",
               "text": f"{safe(name)}: {100 * value:.1f} %", "showarrow": False, "font": {"color": m.PURPLE}}
              for name, value in others]
    best = seen[line[-1]]
    low = 100 * min([c.accuracy for c in seen.values()] + [value for _, value in others])
    layout = {"height": 420, "title": m.title(f"{best.name} goes on: {100 * best.accuracy:.1f} % with {best.parameters} weights"),
              "xaxis": {"title": {"text": "climb (number)", "standoff": 4}, "range": [-0.3, last + 0.35], "dtick": 1,
                        "zeroline": False, "fixedrange": True},
              "yaxis": {"title": {"text": "accuracy on the validation data (%)"}, "fixedrange": True, "zeroline": False,
                        "range": [10 * np.floor(low / 10) - 2, 102.0]},
              "legend": m.LEGEND, "margin": {"l": 60, "r": 12, "t": 60, "b": 44}, "hovermode": "closest", "dragmode": False,
              "shapes": shapes, "annotations": labels}
    return {"data": data, "layout": layout}


def _aside(k: int, n: int) -> float:
    """Put the k-th of n children a little to the left or to the right, so that they do not cover each other."""
    return 0.0 if n == 1 else 0.36 * (k / (n - 1) - 0.5)


def _sizes(weights: Array, all_weights: Array) -> Array:
    """Areas of dots grow with the number of weights."""
    return np.asarray(np.clip(LARGEST * np.sqrt(weights / all_weights.max()), SMALLEST, LARGEST))


def _lines(child: Child) -> list[str]:
    done = [safe(words) for words in child.morphisms] or (["its parent, trained on"] if child.parent else ["the first network"])
    return [f"{child.name}, child of {child.parent}" if child.parent else child.name, *done,
            f"{child.parameters} weights, {child.epochs} epochs",
            f"accuracy {100 * child.inherited:.1f} % → {100 * child.accuracy:.1f} %"]


def hill_figure(events: Sequence[Any], *, others: Sequence[tuple[str, float]] = ()) -> dict[str, Any]:
    """Draw the tree of a hill climb from its events, ``list(HillClimbing().steps(data))``.

    Raises
    ------
    WorkbenchError
        If there are steps of another search.
    """
    whys = [event.why for event in events]
    strangers = [type(why).__name__ for why in whys if not isinstance(why, HillStep)]
    if strangers:
        raise WorkbenchError(f"the steps must be those of HillClimbing, got reasons of {strangers[0]}.")
    return hill_tree(whys, others=others)
