"""Pictures of learning to fit waves from a few points: networks before and after gradient steps, and losses against steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.events import StepTaken
from workbench.meta.meta_step import MetaStep
from workbench.meta.plain_network import descent, outputs
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.nas_progress import NO_STEP
from workbench.space import Array

SHOWN_STEPS = (0, 1, 10)  # gradient steps after which the panel draws a network
# colour, dash and symbol by what has learned; others take what is left
LOOKS = {"MAML": (m.BLUE, "solid", "circle"), "first-order MAML": (m.GREEN, "dash", "square"),
         "pretrained": (m.RED, "dashdot", "diamond"), "random": (m.PURPLE, "dot", "x")}
FURTHER = ((m.ORANGE, "longdash", "cross"), ("#56b4e9", "longdashdot", "triangle-up"))
FIXED = {"fixedrange": True, "zeroline": False}


def look(name: str, k: int = 0) -> tuple[str, str, str]:
    """Return the colour, dash and symbol of a learner, the k-th of those without one."""
    return LOOKS.get(name, FURTHER[k % len(FURTHER)])


def truth(x: Array, y: Array, *, axis: str = "", legend: bool = True) -> m.Dict:
    """Draw the true wave."""
    return {**m.line(x, y, "the wave", m.GREY, axis=axis, width=4, legend=legend), "opacity": 0.5, "legendgroup": "the wave"}


def points(x: Array, y: Array, *, axis: str = "", legend: bool = True) -> m.Dict:
    """Draw the points that a network adapts on."""
    return {**m.dots(x, y, f"the {len(x)} point{'s' * (len(x) != 1)}", m.ORANGE, axis=axis, size=7, legend=legend),
            "legendgroup": "points"}


def adaptation(steps: Sequence[StepTaken], *, height: int = 460) -> dict[str, Any]:
    """Draw what the newest initial weights become on a few held-out tasks, and their loss against gradient steps.

    Takes the steps of a learner whose reasons are ``MetaStep``.
    """
    told = [s.why for s in steps if isinstance(s.why, MetaStep)]
    if not told:
        return empty(NO_STEP, height=height)
    why, n = told[-1], len(told[-1].support)
    data: list[m.Dict] = []
    top = max((float(np.abs(w.query[..., 1]).max()) for w in told if len(w.query)), default=1.0)
    layout: m.Dict = {
        "title": m.title(f"After step {steps[-1].step}, on new tasks: loss {m.three(why.adapted[0])}, after one gradient step "
                         f"{m.three(why.adapted[1])}"),
        "height": height, "dragmode": False, "hovermode": "closest", "margin": {"l": 48, "r": 12, "t": 72, "b": 44},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "yref": "paper"}}
    ends = [float(f(why.query[..., 0])) for f in (np.min, np.max)] if n else [0.0, 1.0]
    wide = (1.0 - 0.04 * (n - 1)) / n if n else 1.0
    for k in range(n):
        axis = "" if k == 0 else str(k + 1)
        data += _task(why, k, axis)
        left = k * (wide + 0.04)
        layout[f"xaxis{axis}"] = {**FIXED, "domain": [left, left + wide], "anchor": f"y{axis}", "nticks": 5, "range": ends,
                                  "title": {"text": f"new task {k + 1}: x", "standoff": 2}}
        layout[f"yaxis{axis}"] = {**FIXED, "domain": [0.5, 1.0], "anchor": f"x{axis}", "range": [-1.35 * top, 1.35 * top],
                                  "nticks": 5, "showticklabels": k == 0, **({"title": {"text": "y"}} if k == 0 else {})}
    axis = "" if n == 0 else str(n + 1)
    mean, = curves({"mean over new tasks": why.adapted}, axis=axis)
    mean["line"] |= {"color": m.BLUE, "dash": "solid"}
    mean["marker"] |= {"color": m.BLUE, "symbol": "circle"}
    data.append(mean)
    ceiling = max(float(np.nanmax(w.adapted[np.isfinite(w.adapted)], initial=0.0)) for w in told)
    layout[f"xaxis{axis}"] = {**FIXED, "anchor": f"y{axis}", "range": [-0.3, len(why.adapted) - 0.7], "dtick": 1,
                              "title": {"text": "gradient steps on a new task"}}
    layout[f"yaxis{axis}"] = {**FIXED, "anchor": f"x{axis}", "domain": [0.0, 0.34 if n else 1.0], "nticks": 5,
                              "range": [0, 1.08 * (ceiling or 1.0)], "title": {"text": "mean loss"}}
    return {"data": data, "layout": layout}


def _task(why: MetaStep, k: int, axis: str) -> list[m.Dict]:
    """Draw one held-out task: the wave, its points, and the network after some gradient steps."""
    support, query = why.support[k], why.query[k]
    weights = [w.astype(float) for w in why.weights]
    became = descent(weights, support[:, :1], support[:, 1:], steps=SHOWN_STEPS[-1], rate=why.inner_rate,
                     activation=why.activation)
    x = np.linspace(query[:, 0].min(), query[:, 0].max(), 101)
    made = [truth(query[:, 0], query[:, 1], axis=axis, legend=k == 0)]
    for step, color, dash in zip(SHOWN_STEPS, (m.PURPLE, m.BLUE, m.GREEN), ("dot", "dash", "solid"), strict=True):
        name = "before" if step == 0 else f"after {step} step{'s' * (step != 1)}"
        with np.errstate(over="ignore", invalid="ignore"):
            y = outputs(became[step], x[:, None], why.activation)[:, 0]
        made.append({**m.line(x, y, name, color, axis=axis, dash=dash, legend=k == 0), "legendgroup": name})
    return [*made, points(support[:, 0], support[:, 1], axis=axis, legend=k == 0)]


def curves(losses: Mapping[str, Array], *, axis: str = "", upto: int | None = None, legend: bool = False) -> list[m.Dict]:
    """Draw losses against gradient steps, a line for each learner; ``upto``: no further than after so many steps."""
    made = []
    for k, (name, found) in enumerate(losses.items()):
        color, dash, symbol = look(name, k - len(LOOKS))
        y = np.asarray(found, dtype=float)[:None if upto is None else upto + 1]
        y = np.where(np.isfinite(y), y, np.nan)
        made.append({**m.line(np.arange(len(y), dtype=float), y, safe(name), color, axis=axis, dash=dash, legend=legend),
                     "mode": "lines+markers", "marker": {"color": color, "symbol": symbol, "size": 7},
                     "hovertemplate": "after %{x:.0f} steps: %{y:.3g}" + f"<extra>{safe(name)}</extra>"})
    return made


def losses_against_steps(losses: Mapping[str, Array], *, says: str = "", height: int = 400) -> dict[str, Any]:
    """Draw the loss of several learners after 0, 1, 2, … gradient steps, on a log axis, each with its name at its end."""
    if not losses:
        return empty("The losses of learners will stand here.", height=height)
    known = np.concatenate([np.asarray(v, dtype=float) for v in losses.values()])
    known = known[np.isfinite(known) & (known > 0)]
    last = max(len(v) for v in losses.values()) - 1
    best = min(losses, key=lambda name: float(losses[name][-1]))
    steps = f"{last} gradient step{'s' * (last != 1)}"
    return {"data": curves(losses, legend=True), "layout": {
        "title": m.title(says or f"After {steps}: {safe(best)} has the least loss, {m.three(float(losses[best][-1]))}"),
        "height": height, "dragmode": False, "hovermode": "closest", "margin": {"l": 60, "r": 12, "t": 80, "b": 44},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {**FIXED, "range": [-0.3, last + 0.3], "dtick": 1, "title": {"text": "gradient steps on a new task"}},
        "yaxis": {**FIXED, **logarithmic(float(known.min()), float(known.max())), "title": {"text": "mean squared error"}}}}


def logarithmic(low: float, high: float) -> m.Dict:
    """Settings of a log axis with ticks at 1, 2, 5 of each decade, or at powers of ten if there are many."""
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    ticks = [float(f"{k}e{d}") for d in range(first, last + 1) for k in ((1, 2, 5) if last - first <= 3 else (1,))]
    return {"type": "log", "tickvals": ticks, "ticktext": [m.power(t) for t in ticks],
            "range": [float(np.log10(low / 1.3)), float(np.log10(high * 1.3))]}
