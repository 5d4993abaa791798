"""The picture of the lesson on DARTS: the cell, the weights of one edge, and accuracies over the epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.nas.cells import NANO
from workbench.plots import marks as m
from workbench.plots.nas_graph import graph_figure
from workbench.plots.nas_layout import layout
from workbench.plots.nas_relaxation import softmax_bars
from workbench_widgets.lessons.darts_state import EDGES, LAST, OPERATIONS, DARTSState

GRAPH = NANO.supergraph()
CELL, LOWER = (0.45, 1.0), (0.0, 0.34)  # stretches of the picture
LEFT, RIGHT = (0.0, 0.4), (0.5, 1.0)


def draw(state: DARTSState, lit: str = "") -> dict[str, Any]:
    """Draw the cell above, the chosen edge's weights below on the left, accuracies below on the right."""
    cell = graph_figure(GRAPH, weights=state.weights.ravel(), chosen=NANO.chosen(state.chosen) if state.shown else None)
    k = NANO.names[state.edge]
    bars = softmax_bars(state.alpha[state.edge], OPERATIONS, temperature=state.temperature,
                        chosen=OPERATIONS.index(state.chosen[state.edge]) if state.shown else None)["data"]
    for bar in bars:  # on numbers, so that a click has a place
        bar.update(x=list(range(len(OPERATIONS))), xaxis="x2", yaxis="y2", opacity=1.0 if lit in ("", "mix") else 0.4)
    look = _layout(state, cell["layout"])
    look["annotations"] = [_head(LEFT[0], f"edge {EDGES[state.edge][0]} → {EDGES[state.edge][1]} ({k}): softmax(α / T)"),
                           _head(RIGHT[0], "validation accuracy (%)"), *_place(state)]
    look["shapes"] = [*cell["layout"]["shapes"], *_guess(state)]
    return {"data": [*cell["data"], *bars, *_accuracies(state, lit)], "layout": look}


def nearest(x: float, y: float) -> tuple[int, str]:
    """Return the edge and the operation whose line in the cell runs nearest to a point."""
    ways = layout(GRAPH).edges
    k = int(np.argmin([np.hypot(*(way - (x, y)).T).min() for way in ways]))
    return k // len(OPERATIONS), OPERATIONS[k % len(OPERATIONS)]


def _accuracies(state: DARTSState, lit: str) -> list[m.Dict]:
    past = state.past
    x = np.arange(len(past), dtype=float)
    wide = 5.0 if lit == "gap" else 2.0
    hover = "epoch %{x:.0f}: %{y:.1f} %"
    made = [m.line(x, 100 * np.array([p.mixed for p in past]), "mixture", m.BLUE, axis="3", width=wide, legend=False),
            m.dots(x[-1:], np.array([100 * state.mixed]), "mixture now", m.BLUE, axis="3", size=11, legend=False, hover=hover)]
    if state.shown:
        made += [m.line(x, 100 * np.array([p.discrete for p in past]), "discretised", m.PURPLE, axis="3", width=wide, dash="dash",
                        legend=False),
                 m.dots(x[-1:], np.array([100 * state.discrete]), "discretised now", m.PURPLE, axis="3", size=11, symbol="square",
                        legend=False, hover=hover)]
    return made


def _place(state: DARTSState) -> list[m.Dict]:
    """Write at the last marks what they are, the higher one above and the lower one below; the guess at the other end."""
    late = state.epoch > 0.6 * LAST
    told = [("mixture", state.mixed, m.BLUE)] + ([("discretised", state.discrete, m.PURPLE)] if state.shown else [])
    top = max(value for _, value, _ in told)
    made = [{"x": float(state.epoch), "y": 100 * value, "xanchor": "right" if late else "left",
             "yanchor": "bottom" if value == top else "top", "yshift": 8 if value == top else -8,
             "text": f"{name} {100 * value:.0f} %", "font": {"color": color}} for name, value, color in told]
    if state.guess is not None:
        made.append({"x": 0.0 if late else float(LAST), "y": 100 * state.guess, "xanchor": "left" if late else "right",
                     "yanchor": "bottom", "text": f"your guess {100 * state.guess:.0f} %", "font": {"color": m.GREY}})
    return [{"xref": "x3", "yref": "y3", "showarrow": False, **label} for label in made]


def _guess(state: DARTSState) -> list[m.Dict]:
    return [] if state.guess is None else [m.level(100 * state.guess, m.GREY, axis="3", dash="dot")]


def _head(x: float, text: str) -> m.Dict:
    return {"xref": "paper", "yref": "paper", "x": x, "y": LOWER[1] + 0.02, "xanchor": "left", "yanchor": "bottom", "text": text,
            "showarrow": False}


def _layout(state: DARTSState, cell: dict[str, Any]) -> dict[str, Any]:
    ends = f", discretised on {100 * state.discrete:.0f} %" if state.shown else ""
    fixed = {"fixedrange": True}
    return {"height": 600, "dragmode": False, "hovermode": "closest", "margin": {"l": 44, "r": 12, "t": 66, "b": 44},
            "title": m.title(f"Epoch {state.epoch}: the mixture is right on {100 * state.mixed:.0f} %{ends}"),
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            "xaxis": {**cell["xaxis"], "anchor": "y", "domain": [0.0, 1.0]},
            "yaxis": {**cell["yaxis"], "anchor": "x", "domain": list(CELL)},
            "xaxis2": {**fixed, "anchor": "y2", "domain": list(LEFT), "range": [-0.6, len(OPERATIONS) - 0.4],
                       "tickvals": list(range(len(OPERATIONS))), "ticktext": list(OPERATIONS)},
            "yaxis2": {**fixed, "anchor": "x2", "domain": list(LOWER), "range": [0, 1.12], "tickvals": [0, 0.5, 1]},
            "xaxis3": {**fixed, "anchor": "y3", "domain": list(RIGHT), "range": [-0.6, LAST + 0.6], "title": {"text": "epoch"}},
            "yaxis3": {**fixed, "anchor": "x3", "domain": list(LOWER), "range": [0, 108], "tickvals": [0, 25, 50, 75, 100]}}
