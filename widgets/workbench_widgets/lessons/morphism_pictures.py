"""Picture of the lesson on network morphisms: both graphs, both maps, how far they are apart, and both losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots.nas_morphism import LEFT, RIGHT, apart, boundary, differ, head, joined, net_graph
from workbench.space import Array
from workbench_widgets.lessons.morphism_state import EVERY, GRID, LAST, Moment, MorphismState

HEIGHT = 670
GRAPHS, MAPS, CURVES = (0.84, 0.97), (0.335, 0.775), (0.0, 0.225)
NAMES = {"deeper": "Deeper", "wider": "Wider", "skip": "Skip, side by side", "add": "Skip, added", "branch": "Branch"}


def draw(state: MorphismState, lit: str = "") -> dict[str, Any]:
    """Draw the graphs above, what both networks compute in the middle, and both curves at the foot."""
    before, after = state.plans
    now = state.now
    hidden = not state.shown
    parts = [net_graph(before, (LEFT, GRAPHS)),
             net_graph(after, (RIGHT, GRAPHS), "2", before=before, strong=lit == "new"),
             boundary(GRID, now.probabilities(0), state.points, (LEFT, MAPS), "3"),
             boundary(GRID, None if hidden else now.probabilities(1), state.points, (RIGHT, MAPS), "4",
                      other=None if hidden else now.probabilities(0)),
             _differences(state, lit), _losses(state, lit)]
    heads = [head("", f"before: {before.n_parameters} weights"),
             head("2", f"after: {after.n_parameters} weights, <span style='color:{m.RED}'>new or changed</span>"),
             head("3", "old network"), head("4", "new network; old border dotted"),
             head("5", _names(state), m.GREY),
             head("6", f"training loss: old —, <span style='color:{m.RED}'>new - -</span>", m.GREY)]
    if hidden:
        heads.append({"xref": "x4", "yref": "y4", "x": 0, "y": 2.0, "showarrow": False, "text": "first guess, then press Show",
                      "font": {"color": m.GREY}})
    return joined(parts, height=HEIGHT, title=title(state), heads=heads)


def title(state: MorphismState) -> str:
    """Say what the picture shows."""
    name = NAMES[state.kind]
    when = f"after {state.steps} steps of training" if state.steps else "before any training"
    if not state.shown:
        return f"{name}, {when}: how far are they apart?"
    return f"{name}: {when} the outputs {differ(state.now.difference)}"


def _known(state: MorphismState) -> tuple[Moment, ...]:
    """Moments whose differences may be seen."""
    return state.past if state.shown else state.past[:-1]


def _steps(moments: Sequence[Moment]) -> Array:
    """Steps of training at these moments."""
    return np.arange(0.0, EVERY * len(moments), EVERY)


def _names(state: MorphismState) -> str:
    copies = f", <span style='color:{m.BLUE}'>copies ···</span>" if state.kind == "wider" else ""
    return (f"apart: <span style='color:{m.RED}'>evaluation —</span>, "
            f"<span style='color:{m.PURPLE}'>training mode - -</span>{copies}")


def _differences(state: MorphismState, lit: str) -> dict[str, Any]:
    """Draw how far the outputs are apart in both modes of batch norm, and how far the copies are."""
    known = _known(state)
    lines = [("training mode", np.array([k.train_difference for k in known]), m.PURPLE, "dash"),
             ("evaluation mode", np.array([k.difference for k in known]), m.RED, "solid")]
    if state.kind == "wider":
        lines.append(("copies", np.array([k.copies_apart or 0.0 for k in known]), m.BLUE, "dot"))
    part = apart(_steps(known), lines, (LEFT, CURVES), "5", last=LAST)
    bold = {"train": "training mode", "difference": "evaluation mode", "copies": "copies"}.get(lit)
    for trace in part["data"]:
        if trace["name"] == bold:
            trace["line"]["width"] = 5
    return part


def _losses(state: MorphismState, lit: str) -> dict[str, Any]:
    """Draw the training losses of both networks."""
    past, known = state.past, _known(state)
    data = []
    which = (("old network", m.GREY, "solid", past), ("new network", m.RED, "dash", known))
    for k, (name, color, dash, moments) in enumerate(which):
        trace = m.line(_steps(moments), np.array([p.losses[k] for p in moments]), name, color, axis="6", dash=dash,
                       width=4 if lit == "loss" else 2, legend=False)
        data.append({**trace, "mode": "lines+markers", "marker": {"size": 5, "symbol": "circle" if k == 0 else "square"},
                     "hovertemplate": f"after %{{x:.0f}} steps: %{{y:.3g}}<extra>{name}</extra>"})
    top = 1.15 * max([p.losses[0] for p in past] + [p.losses[1] for p in known])  # the axis gives nothing away
    layout = {"xaxis6": {"range": [-0.03 * LAST, 1.03 * LAST], "domain": list(RIGHT), "anchor": "y6", "fixedrange": True,
                         "zeroline": False, "nticks": 6, "title": {"text": "steps of training after it", "standoff": 4}},
              "yaxis6": {"range": [0, top], "domain": list(CURVES), "anchor": "x6", "fixedrange": True, "nticks": 5}}
    return {"data": data, "layout": layout, "shapes": []}
