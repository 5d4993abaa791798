"""Hyperparameters that descend: their way over the landscape, the gradient by horizon, what was learned, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.events import StepTaken
from workbench.gradient.hyper_step import HyperStep, Landscape
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array

HEIGHT = 400
MOST = 200  # marks
COLORS = (m.ORANGE, m.RED, m.GREEN, m.PURPLE, m.BLUE)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")
SCALES = {"log": ", log", "logit": ", log-odds", "linear": ""}  # coordinates, behind a name
NO_STEP = "No step yet. Press Start, or Step for one at a time."


def reasons(steps: Sequence[StepTaken]) -> list[HyperStep]:
    """Return the reasons of the steps that tell hyperparameters."""
    return [s.why for s in steps if isinstance(s.why, HyperStep)]


def paths(landscape: Landscape, methods: Mapping[str, Sequence[StepTaken]], *, height: int = 460) -> dict[str, Any]:
    """Draw the validation loss over two hyperparameters, and the way of each method from its first step to its last.

    Parameters
    ----------
    landscape
        Two hyperparameters, each with one value.
    methods
        Steps by what the method is called.
    height
        In pixels.
    """
    a, b = landscape.names
    log_x, log_y = (bool(v.min() > 0 and v.max() / v.min() > 20) for v in (landscape.x, landscape.y))
    z = landscape.loss - landscape.best[2]  # what is lost against the best of the grid
    levels = np.log10(np.maximum(z, 1e-4 * max(float(np.nanmax(z)), 1e-12)))
    data: list[m.Dict] = [{
        "type": "contour", "x": landscape.x, "y": landscape.y, "z": levels, "customdata": landscape.loss, "colorscale": "Viridis",
        "ncontours": 14, "line": {"width": 0.6}, "opacity": 0.75, "showscale": True, "name": "",
        "colorbar": {"title": {"text": "above the best"}, "thickness": 12, **_powers(levels)},
        "hovertemplate": f"{safe(a)} %{{x:.3g}}, {safe(b)} %{{y:.3g}}: validation loss %{{customdata:.4g}}<extra></extra>"}]
    ends = []
    for k, (label, steps) in enumerate(methods.items()):
        whys = reasons(steps)
        if not whys:
            continue
        x, y, loss = np.array([(_single(w, a), _single(w, b), w.valid_loss) for w in whys]).T
        keep = _thinned(len(x))
        color, name = COLORS[k % 5], safe(label)
        marks = m.dots(x[keep], y[keep], name, color, size=max(5, 9 - 2 * k), symbol=SYMBOLS[k % 5])
        data.append({**marks, "mode": "lines+markers",
                     "line": {"color": color, "width": max(2, 5 - 1.5 * k), "dash": DASHES[k % 5]},
                     "customdata": np.column_stack([keep + 1, loss[keep]]),
                     "hovertemplate": f"{name}, step %{{customdata[0]:.0f}}: %{{x:.3g}}, %{{y:.3g}}<br>validation loss "
                                      "%{customdata[1]:.4g}<extra></extra>"})
        ends.append(f"{name} ends at {m.three(loss[-1])}")
    x, y, best = landscape.best
    data.append({**m.dots(np.array([x]), np.array([y]), "best of the grid", "#ffffff", size=13, symbol="star"),
                 "hovertemplate": f"best of the grid: {best:.4g}<extra></extra>"})
    data[-1]["marker"]["line"] = {"color": "#000000", "width": 1.5}
    return {"data": data, "layout": {
        **_layout("; ".join([*ends, f"best of the grid {m.three(best)}"]), height),
        "xaxis": _values_axis(a, landscape.x, log=log_x), "yaxis": _values_axis(b, landscape.y, log=log_y)}}


def against_horizon(rows: Mapping[str, Array], exact: Mapping[str, Any] | None = None, *, height: int = HEIGHT) -> dict[str, Any]:
    """Draw the gradient through the last 1, 2, …, T steps: the first is what the interleaved method sees.

    Parameters
    ----------
    rows
        By name, shape (T,): ``wb.gradient.by_horizon(problem)``.
    exact
        The gradient at the minimum by name, such as that of ``wb.gradient.Implicit()``.
    height
        In pixels.
    """
    if not rows:
        return empty("The gradient by horizon will stand here: wb.gradient.by_horizon(problem).", height=height)
    wrong = [name for name, g in rows.items() if np.ndim(g) != 1]
    if wrong:
        raise WorkbenchError(f"hyperparameters with one value have a line here, got {', '.join(wrong)} with several. Leave "
                             "them out.")
    T = len(next(iter(rows.values())))
    at = np.unique(np.round(np.geomspace(1, T, MOST // 2)).astype(int))
    data: list[m.Dict] = []
    shapes: list[m.Dict] = []
    for k, (name, g) in enumerate(rows.items()):
        color, label = COLORS[k % 5], safe(name)
        data.append({**m.line(at.astype(float), g[at - 1], label, color, dash=DASHES[k % 5]),
                     "hovertemplate": f"{label}, last %{{x:.0f}} steps: %{{y:.4g}}<extra></extra>"})
        data.append({**m.dots(np.array([1.0]), g[:1], f"{label}, one step", color, size=10, symbol=SYMBOLS[k % 5], legend=False),
                     "hovertemplate": f"{label}, interleaved: %{{y:.4g}}<extra></extra>"})
        if exact is not None:
            shapes.append(m.level(float(exact[name]), color))
    if exact is not None:
        data.append(m.line(np.array([1.0]), np.array([np.nan]), "at the minimum (implicit)", m.GREY, dash="dot", width=1.5))
    known = [*rows.values(), *([np.array([float(exact[n]) for n in rows])] if exact is not None else [])]
    return {"data": data, "layout": {
        **_layout(_horizon_finding(rows, exact), height), "shapes": shapes,
        "xaxis": {**m.decades(1, T), "range": [-0.05, float(np.log10(T)) + 0.03], "fixedrange": True,
                  "title": {"text": "how many of the last steps are read backwards (log scale)"}},
        "yaxis": {"range": m.room(*known), "fixedrange": True, "zeroline": True, "title": {"text": "hypergradient"}}}}


def race(methods: Mapping[str, Sequence[StepTaken]], *, metric: str = "valid_loss", height: int = HEIGHT) -> dict[str, Any]:
    """Draw a metric of each method against the CPU seconds that it took."""
    data: list[m.Dict] = []
    told, all_x, all_y = list[str](), list[Array](), list[Array]()
    for k, (label, steps) in enumerate(methods.items()):
        rows = [(s.metrics["cpu_s"], s.metrics[metric]) for s in steps if metric in s.metrics]
        if not rows:
            continue
        x, y = np.array(rows).T
        keep = _thinned(len(x))
        name = safe(label)
        data.append({**m.line(x[keep], y[keep], name, COLORS[k % 5], dash=DASHES[k % 5]), "mode": "lines+markers",
                     "marker": {"size": 5, "color": COLORS[k % 5], "symbol": SYMBOLS[k % 5]},
                     "hovertemplate": "%{x:.2f} s: %{y:.4g}" + f"<extra>{name}</extra>"})
        all_x.append(x)
        all_y.append(y)
        told.append(f"{name} {m.three(y[-1])} in {m.three(x[-1])} s")
    if not data:
        return empty(f"No step tells {metric} yet.", height=height)
    words = safe(metric.replace("_", " ").replace("valid ", "validation "))
    return {"data": data, "layout": {
        **_layout(f"{words[0].upper()}{words[1:]}: {', '.join(told)}", height),
        "xaxis": {"title": {"text": "CPU seconds"}, "range": [0.0, 1.03 * max(float(x[-1]) for x in all_x)], "fixedrange": True},
        "yaxis": {"title": {"text": words}, "range": m.room(*all_y), "fixedrange": True}}}


def schedule(steps: Sequence[StepTaken], name: str = "lr", *, smooth: int = 1, height: int = HEIGHT) -> dict[str, Any]:
    """Draw a hyperparameter that has a value for each inner step, before the first outer step, midway, and after the last.

    Parameters
    ----------
    steps
        Outer steps.
    name
        Of the hyperparameter; of one by step and layer, the last outer step's lines by layer.
    smooth
        Draw also the running mean (of coordinates) over so many inner steps.
    height
        In pixels.
    """
    whys = [w for w in reasons(steps) if name in w.values]
    if not whys:
        return empty(f"The schedule of {name} will stand here.", height=height)
    if whys[0].values[name].ndim == 0:
        raise WorkbenchError(f"{name} has one value for all inner steps. Tune {name} by step to see a schedule.")
    first, last = whys[0].values[name], whys[-1].values[name]
    lines: list[tuple[str, Array, str, str, float]] = [("at first", _column(first, 0), m.GREY, "dot", 2.0)]
    if last.ndim == 1:
        middle = whys[len(whys) // 2].values[name]
        lines += [(f"outer step {len(whys) // 2 + 1}", middle, m.BLUE, "solid", 1.0),
                  (f"outer step {len(whys)}", last, m.ORANGE, "solid", 1.2)]
    else:
        lines += [(f"layer {k + 1}", last[:, k], COLORS[k % 5], DASHES[k % 5], 1.2) for k in range(last.shape[1])]
    if smooth > 1:
        n = 1 if last.ndim == 1 else last.shape[1]
        lines += [(f"{label}, mean of {smooth}", _running(y, smooth), color, "solid", 3.0)
                  for label, y, color, _, _ in lines[-n:]]
    T, is_log = len(last), whys[-1].scales[name] == "log"
    t = np.arange(1, T + 1, dtype=float)
    keep = _thinned(T)
    drawn = [{**m.line(t[keep], y[keep], label, color, dash=dash, width=width),
              "hovertemplate": "inner step %{x:.0f}: %{y:.3g}" + f"<extra>{label}</extra>"}
             for label, y, color, dash, width in lines]
    values = np.concatenate([y for _, y, *_ in lines])
    axis = _values_axis(name, np.array([values.min() / 1.2, values.max() * 1.2]), log=True) if is_log else {
        "range": m.room(values), "title": {"text": safe(name)}, "fixedrange": True}
    gain = f"validation loss {m.three(whys[0].valid_loss)} → {m.three(whys[-1].valid_loss)}"
    return {"data": drawn, "layout": {
        **_layout(f"{last.size} values of {safe(name)} at once: {gain}", height),
        "xaxis": {"title": {"text": "inner step"}, "range": [0.5, T + 0.5], "fixedrange": True}, "yaxis": axis}}


def example_weights(weights: Array, wrong: NDArray[np.bool_], *, height: int = HEIGHT) -> dict[str, Any]:
    """Draw how the weights of training examples lie, those with right labels and those with wrong ones."""
    weights, wrong = np.asarray(weights, dtype=float), np.asarray(wrong, dtype=bool)
    if weights.shape != wrong.shape:
        raise WorkbenchError(f"each weight has a mark whether its label is wrong, got shapes {weights.shape} and {wrong.shape}.")
    edges = np.linspace(0, 1, 21)
    data, top = [], 0.0
    for rows, name, color, dash in ((~wrong, "right label", m.BLUE, "solid"), (wrong, "wrong label", m.RED, "dash")):
        n = int(rows.sum())
        share = np.histogram(weights[rows], edges)[0] / max(n, 1)
        drawn = m.area(np.repeat(edges, 2)[1:-1], np.repeat(share, 2), f"{name} ({n})", color)
        drawn["line"]["dash"] = dash
        data.append({**drawn, "hovertemplate": "%{y:.1%}" + f"<extra>{name}</extra>"})
        top = max(top, float(share.max()))
    means = [float(weights[r].mean()) if r.any() else float("nan") for r in (~wrong, wrong)]
    return {"data": data, "layout": {
        **_layout(f"Right labels weigh {m.three(means[0])} on average, wrong ones {m.three(means[1])}", height),
        "xaxis": {"title": {"text": "weight of an example"}, "range": [0, 1], "fixedrange": True},
        "yaxis": {"title": {"text": "share of the examples"}, "range": [0, 1.08 * top], "tickformat": ".0%", "fixedrange": True}}}


def moves(steps: Sequence[StepTaken], *, height: int = 420) -> dict[str, Any]:
    """Draw how far each hyperparameter has moved, many entries as a band and its mean, and the newest training loss."""
    whys = reasons(steps)
    if not whys:
        return empty(NO_STEP, height=height)
    keep = _thinned(len(whys))
    x, last = np.asarray(keep + 1.0, dtype=float), whys[-1]
    data: list[m.Dict] = []
    spread = list[Array]()
    for k, name in enumerate(last.values):
        u = np.array([whys[i].coordinates(name).ravel() for i in keep]) - whys[0].coordinates(name).ravel()  # (n, entries)
        color, label = COLORS[k % 5], f"{safe(m.cut(name))}{SCALES[last.scales[name]]}"
        low, high = np.quantile(u, [0.1, 0.9], axis=1)
        if u.shape[1] > 1:
            data += [{**edge, "showlegend": False} for edge in m.band(x, low, high, label, color, alpha=0.18)]
        spread += [low, high]
        values = np.array([whys[i].values[name].mean() for i in keep])
        data.append({**m.line(x, u.mean(axis=1), label, color, dash=DASHES[k % 5]), "customdata": values,
                     "hovertemplate": f"step %{{x:.0f}}: {safe(name)} %{{customdata:.4g}}<extra></extra>"})
    t = _thinned(len(last.curve))
    curve = m.line(np.asarray(t + 1.0, dtype=float), last.curve[t], "training loss", m.GREY, axis="2", width=1.5, legend=False)
    data.append({**curve, "hovertemplate": "inner step %{x:.0f}: %{y:.3g}<extra></extra>"})
    gain = f"Validation loss {m.three(whys[0].valid_loss)} → {m.three(last.valid_loss)}"
    fixed = {"fixedrange": True}
    return {"data": data, "layout": {
        **_layout(f"{gain}, {last.n_hypers:,} hyperparameters, {last.method}", height),
        "xaxis": {"title": {"text": "step", "standoff": 2}, "range": [0.5, max(len(whys), 2) + 0.5], **fixed, "anchor": "y"},
        "yaxis": {"title": {"text": "moved, in coordinates"}, "domain": [0.48, 1], "range": m.room(*spread), **fixed},
        "xaxis2": {"title": {"text": "inner step"}, "range": [0.5, max(len(last.curve), 2) + 0.5], "anchor": "y2", **fixed},
        "yaxis2": {"title": {"text": "training loss"}, "domain": [0, 0.3], "range": m.room(last.curve), "nticks": 4, **fixed}}}


def _layout(title: str, height: int) -> m.Dict:
    return {"title": m.title(title), "height": height, "hovermode": "closest", "dragmode": False,
            "margin": {"l": 68, "r": 16, "t": 84, "b": 50},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "normal"}}


def _single(why: HyperStep, name: str) -> float:
    if name not in why.values:
        raise WorkbenchError(f"the landscape has the axis {name}, which is not tuned; tuned are {', '.join(why.values)}.")
    return float(why.values[name].mean())


def _horizon_finding(rows: Mapping[str, Array], exact: Mapping[str, Any] | None) -> str:
    """Say how much of the gradient one step sees, and how many steps see nearly all of it."""
    G = np.column_stack(list(rows.values()))  # (T, hypers)
    goal = G[-1] if exact is None else np.array([float(exact[n]) for n in rows])
    length = float(np.linalg.norm(goal)) or 1.0
    off = np.linalg.norm(G - goal, axis=1) / length
    far = np.flatnonzero(off > 0.05)
    enough = int(far[-1]) + 2 if len(far) else 1
    share = float(np.linalg.norm(G[0])) / length
    begin = f"One step sees {share:.0%} of the gradient's length"
    if enough > len(G):
        return f"{begin}, and {len(G)} steps are not yet within 5 %"
    return f"{begin}; {enough} steps are within 5 % of all of it"


def _values_axis(name: str, values: Array, *, log: bool) -> m.Dict:
    low, high = float(values.min()), float(values.max())
    axis = {"title": {"text": safe(name) + (" (log scale)" if log else "")}, "fixedrange": True}
    if not log:
        return {**axis, "range": [low, high]}
    return {**axis, **m.decades(low, high), "range": [float(np.log10(low)), float(np.log10(high))]}


def _powers(levels: Array) -> m.Dict:
    low, high = int(np.ceil(np.nanmin(levels))), int(np.floor(np.nanmax(levels)))
    at = list(range(low, high + 1))
    return {"tickvals": at, "ticktext": [m.power(10.0**k) for k in at]}


def _column(values: Array, k: int) -> Array:
    return values if values.ndim == 1 else values[:, k]


def _running(y: Array, n: int) -> Array:
    """Geometric mean over a window of n, shorter at the ends."""
    logs, ones = np.log(y), np.ones(n)
    return np.asarray(np.exp(np.convolve(logs, ones, "same") / np.convolve(np.ones(len(y)), ones, "same")))


def _thinned(n: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, n - 1, min(n, MOST)).round().astype(np.int64)) if n else np.empty(0, dtype=np.int64)
