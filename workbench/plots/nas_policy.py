"""What a policy believes: bars of probabilities, one a decision; and its rewards over time, beside their moving average."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.nas.policy import PolicyExplanation
from workbench.nas.relaxation import Relaxation
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty, safe
from workbench.plots.nas_graph import operation_colors
from workbench.space import Array
from workbench.trials import Trial, Trials

HEIGHT = 480
BARS_HEIGHT = 320
MOST = 24  # decisions that get a bar
WIDTH = 0.86  # of a bar
READABLE = 0.13  # share of a bar that has room for a name
MARKS = 200
NONE = "The policy appears with the first suggestion of REINFORCE or the controller."


def policy(trials: Trials, number: int | None = None, *, brushed: frozenset[int] | None = None) -> dict[str, Any]:
    """Draw the policy that suggested a trial, and the rewards until then: a picture of the events alone.

    Parameters
    ----------
    trials
        The trials, folded from events.
    number
        Which trial's suggestion; by default the newest one's.
    brushed
        Trials that do not fade.
    """
    known = [t for t in list(trials.by_number.values()) if isinstance(t.why, PolicyExplanation)]
    if number is None and known:
        number = known[-1].number
    shown = trials.by_number.get(-1 if number is None else number)
    if shown is None or not isinstance(shown.why, PolicyExplanation):
        return empty(NONE, height=HEIGHT)
    above = bars(shown.why)
    data = list(above["data"])
    past = [t for t in known if t.number <= shown.number]
    data += _rewards(past, shown, brushed)
    layout = above["layout"]
    n = max(len(past), 10)
    layout |= {
        "height": HEIGHT,
        "yaxis": {**layout["yaxis"], "domain": [0.5, 1.0]},
        "xaxis2": {"anchor": "y2", "title": {"text": "suggestions of the policy", "standoff": 4}, "range": [0.2, n + 0.8],
                   "zeroline": False},
        "yaxis2": {"anchor": "x2", "domain": [0.0, 0.34], "zeroline": False, "title": {"text": "reward"},
                   "range": _range(past)},
        "yaxis3": {"anchor": "x2", "overlaying": "y2", "side": "right", "showgrid": False, "zeroline": False,
                   "title": {"text": "entropy (nats)"}, "tickmode": "auto", "nticks": 4,
                   "range": [0.0, 1.05 * max(1e-3, *_entropy(past))]},
        "margin": {"l": 64, "r": 64, "t": 84, "b": 44}}
    return whose.labelled({"data": data, "layout": layout}, trials)


def bars(why: PolicyExplanation | Relaxation, *, height: int = BARS_HEIGHT) -> dict[str, Any]:
    """Draw one bar for each decision, its options stacked by their probabilities; a frame marks what was drawn.

    A ``Relaxation`` is drawn alike: its edges are the decisions, and the frame marks what would be chosen.
    """
    names, options, P, drawn = _table(why)
    shown = range(min(len(names), MOST))
    common = len(set(options)) == 1
    known = [o for row in options for o in row] if not common else options[0]
    colors = operation_colors(tuple(dict.fromkeys(known)))
    data, frames = list[m.Dict](), list[m.Dict]()
    top = np.zeros(len(names))  # of the options stacked so far
    for option in dict.fromkeys(known):
        at = [(t, row.index(option)) for t in shown if option in (row := options[t])]
        height_of = np.array([np.nan_to_num(P[t, k]) for t, k in at])
        for (t, k), p in zip(at, height_of, strict=True):
            if drawn[t] == k:
                frames.append({"type": "rect", "x0": t - WIDTH / 2, "x1": t + WIDTH / 2, "y0": top[t], "y1": top[t] + p,
                               "line": {"color": m.RED, "width": 2.5}})
            top[t] += p
        data.append({"type": "bar", "x": [t for t, _ in at], "y": height_of, "name": safe(m.cut(option, 18)), "width": WIDTH,
                     "showlegend": common, "marker": {"color": m.fade(colors[option], 0.75)},
                     "text": [safe(m.cut(option, 10)) if p >= READABLE else "" for p in height_of], "textposition": "inside",
                     "insidetextanchor": "middle", "textangle": 0, "constraintext": "both",
                     "customdata": [f"{safe(m.cut(names[t]))} = {safe(option)}" for t, _ in at],
                     "hovertemplate": "%{customdata}: %{y:.3f}<extra></extra>"})
    left = f" (the first {MOST} of {len(names)})" if len(names) > MOST else ""
    layout = {"title": m.title(f"{_title(why)}{left}"), "height": height, "barmode": "stack", "dragmode": False,
              "margin": {"l": 64, "r": 16, "t": 84, "b": 44}, "shapes": frames,
              "legend": {**m.LEGEND, "traceorder": "normal", "itemclick": False, "itemdoubleclick": False},  # frames would stay
              "xaxis": {"tickvals": list(shown), "ticktext": [safe(m.cut(names[t], 10)) for t in shown], "zeroline": False,
                        "range": [-0.6, len(shown) - 0.4], "anchor": "y"},
              "yaxis": {"range": [0.0, 1.0], "title": {"text": "probability"}, "zeroline": False, "anchor": "x"}}
    return {"data": data, "layout": layout}


def _table(why: PolicyExplanation | Relaxation) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], Array, tuple[int, ...]]:
    """Return names, options, probabilities and what was drawn."""
    if isinstance(why, PolicyExplanation):
        return why.names, why.options, why.probabilities, why.drawn
    names = tuple(f"{i} → {j}" for i, j in why.edges)
    return (names, (why.operations,) * len(names), np.asarray(why.weights, dtype=float),
            tuple(why.operations.index(op) for op in why.chosen))


def _title(why: PolicyExplanation | Relaxation) -> str:
    if isinstance(why, Relaxation):
        return "Weights of each edge; a frame marks what would be chosen"
    if not why.n_updates:
        return "The policy before it has learnt anything; a frame marks what it drew"
    return f"The policy after {why.n_updates} result{'s' * (why.n_updates != 1)}; a frame marks what it drew"


def _entropy(past: list[Trial]) -> list[float]:
    return [t.why.entropy for t in past if isinstance(t.why, PolicyExplanation)]


def _gained(past: list[Trial]) -> Array:
    """Return the reward of each trial: minus its loss, nan where it has none."""
    return np.array([np.nan if t.loss is None or not np.isfinite(t.loss) else -t.loss for t in past])


def _range(past: list[Trial]) -> list[float]:
    gained = _gained(past)
    gained = gained[np.isfinite(gained)]
    if not len(gained):
        return [-1.0, 1.0]
    low, high = float(np.quantile(gained, 0.08)), float(gained.max())
    pad = 0.08 * (high - low) or 0.5 * abs(high) or 0.5
    return [low - pad, high + pad]


def _rewards(past: list[Trial], shown: Trial, brushed: frozenset[int] | None) -> list[m.Dict]:
    """Draw rewards as dots, their moving average and the entropy as lines; what is far below stands at the axis's foot."""
    keep = np.unique(np.linspace(0, len(past) - 1, min(len(past), MARKS)).round().astype(int))
    some = [past[i] for i in keep]
    x, gained = keep + 1.0, _gained(some)
    low = _range(past)[0]
    numbers = np.array([t.number for t in some])
    dots = []
    for name, symbol, on in (("reward", "circle", ~(gained < low)), ("reward, below the axis", "triangle-down", gained < low)):
        if on.any():
            made = m.dots(x[on], np.maximum(gained[on], low), name, m.BLUE, size=6, symbol=symbol, legend=symbol == "circle",
                          axis="2")
            made["marker"]["opacity"] = whose.faded(numbers[on], brushed, 0.7)
            dots.append(whose.of_trials({**made, "cliponaxis": symbol == "circle"}, numbers[on]))
    means = np.array([t.why.baseline for t in some if isinstance(t.why, PolicyExplanation)])
    lines = [m.line(x, means, "baseline", m.ORANGE, axis="2", width=2.5),
             {**m.line(x, np.array(_entropy(some)), "entropy", m.PURPLE, axis="2", dash="dash"), "yaxis": "y3"}]
    ring = [i for i, t in enumerate(some) if t is shown and np.isfinite(gained[i])]
    picked = [whose.of_trials(m.dots(x[ring], np.maximum(gained[ring], low), "this one", m.RED, size=14, symbol="circle-open",
                                     axis="2"), numbers[ring])] if ring else []
    return [*dots, *({**line, "hoverinfo": "skip", "hovertemplate": None} for line in lines), *picked]
