"""The metrics of an architecture search step by step, beside random search at the same compute and the biggest model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.events import StepTaken
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array
from workbench.steps import metric_names

MOST_POINTS = 400  # of a line
NO_STEP = "No step yet. Press Start, or Step for one at a time."
SKY = "#56b4e9"

# what a metric is called and looks like; true_*, random_* come from a table (workbench.nas.baselines)
KNOWN: dict[str, tuple[str, str, str]] = {
    "train_accuracy": ("training", m.GREY, "solid"),
    "valid_accuracy": ("validation", m.BLUE, "solid"),
    "mixed_accuracy": ("mixture of operations", SKY, "solid"),
    "discrete_accuracy": ("discretised, weights shared", m.PURPLE, "solid"),
    "true_accuracy": ("the pick, trained on its own", m.GREEN, "solid"),
    "random_accuracy": ("random search, same compute", m.ORANGE, "dash"),
    "biggest_accuracy": ("the biggest model", m.RED, "dot"),
    "best_accuracy": ("best so far", m.PURPLE, "dot"),
    "retrained_accuracy": ("retrained", m.RED, "solid"),
    "reward": ("reward of the controller", m.RED, "solid"),
    "baseline_reward": ("its baseline", m.RED, "dash"),
    "train_loss": ("training loss", m.GREY, "solid"),
    "valid_loss": ("validation loss", m.BLUE, "solid"),
}
OTHERS = (m.RED, SKY, m.PURPLE, m.ORANGE, m.GREEN, m.BLUE)


def progress(steps: Sequence[StepTaken], about: Mapping[str, Any] | None = None, *, total: int | None = None,
             at: int | None = None, height: int = 420) -> dict[str, Any]:
    """Draw accuracies above and losses below, against the number of the step.

    Parameters
    ----------
    steps
        The steps so far.
    about
        What the search is compared with: ``{"biggest": {"accuracy": …}, "best_accuracy": …}``.
    total
        How many steps there will be: then the axis is as long from the beginning.
    at
        How many steps are looked at, if not all: a line stands there.
    height
        In pixels.
    """
    if not steps:
        return empty(NO_STEP, height=height)
    names = metric_names(steps)
    above = [n for n in names if n.endswith(("accuracy", "reward"))]
    below = [n for n in names if n.endswith(("loss", "error"))]
    rooms = {"": (0.44, 1.0), "2": (0.0, 0.36)} if above and below else {"": (0.0, 1.0)}
    places = {**dict.fromkeys(above, ""), **dict.fromkeys(below, "2" if above else "")}
    colors = iter(OTHERS * len(names))
    keep = thinned(len(steps))
    data, lows = [], []
    for name, axis in places.items():
        y = np.array([steps[k].metrics.get(name, np.nan) for k in keep], dtype=float)
        label, color, dash = KNOWN.get(name) or (safe(name.replace("_", " ")), next(colors), "solid")
        drawn = m.line(keep + 1.0, y, label, color, axis=axis, dash=dash, width=2.5 if name == "true_accuracy" else 1.8)
        drawn["xaxis"] = "x"
        drawn["mode"] = "lines+markers" if np.isfinite(y).sum() <= 40 else "lines"
        drawn["marker"] = {"size": 5, "color": color}
        drawn["hovertemplate"] = "step %{x:.0f}: %{y:.3g}" + f"<extra>{label}</extra>"
        data.append(drawn)
        if axis == "" and above and np.isfinite(y).any():
            lows.append(float(np.nanmin(y)))
    levels = _levels(about or {}) if above else []
    end = float(max(total or 0, len(steps)))
    for level, label, color, dash in levels:
        data.append({**m.line(np.array([0.5, end + 0.5]), np.array([level, level]), label, color, dash=dash, width=1.5),
                     "hovertemplate": f"%{{y:.3f}}<extra>{label}</extra>"})
        lows.append(level)
    layout: m.Dict = {
        "title": m.title(_finding(steps, about or {})), "height": height, "hovermode": "closest", "dragmode": False,
        "margin": {"l": 60, "r": 12, "t": 90, "b": 44},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"title": {"text": "step"}, "range": [0.5, end + 0.5], "anchor": "y2" if len(rooms) > 1 else "y",
                  "fixedrange": True, "nticks": 12}}
    for axis, domain in rooms.items():
        layout[f"yaxis{axis}"] = {"domain": list(domain), "anchor": "x", "fixedrange": True, "nticks": 6}
    if above:
        floor = max(0.0, np.floor(10 * min(lows, default=0.0) - 0.2) / 10) if lows else 0.0
        rewarded = any(n.endswith("reward") for n in above)
        layout["yaxis"] |= {"title": {"text": "accuracy and reward" if rewarded else "accuracy"}, "range": [floor, 1.005]}
    if below:
        layout["yaxis2" if above else "yaxis"] |= {"title": {"text": "loss"}, "rangemode": "tozero"}
    if at is not None:
        shape, _ = m.upright(float(at), m.ORANGE, dash="dot")
        layout["shapes"] = [{**shape, "xref": "x"}]
    return {"data": data, "layout": layout}


def truth(steps: Sequence[StepTaken], about: Mapping[str, Any] | None = None, *, total: int | None = None,
          at: int | None = None, of: str = "step", height: int = 420) -> dict[str, Any]:
    """Draw the true place, among all architectures, of the one that would be picked after each step: 1 is the best.

    ``of`` is what a step is called.
    """
    ranked = [k for k in thinned(len(steps)) if "true_rank" in steps[k].metrics] if steps else []
    if not ranked:
        return empty("The true rank of the architecture that would be picked now will stand here, step by step: a table knows "
                     "what became of each when it was trained on its own.", height=height)
    about = about or {}
    n = float(about.get("n_distinct", max(s.metrics.get("true_rank", 1.0) for s in steps)))
    end = float(max(total or 0, len(steps)))
    x = np.array(ranked) + 1.0
    y = np.array([steps[k].metrics["true_rank"] for k in ranked])
    pick = {**m.line(x, y, "the pick", m.GREEN, width=2), "mode": "lines+markers", "marker": {"size": 6, "color": m.GREEN},
            "hovertemplate": f"after {of} %{{x:.0f}}: rank %{{y:.0f}}<extra></extra>"}
    pick["line"]["shape"] = "hv"
    data = [pick]
    at_random = np.array([steps[k].metrics.get("random_rank", np.nan) for k in ranked], dtype=float)
    if np.isfinite(at_random).any():
        data.append({**m.line(x, at_random, "random search, same compute (expected)", m.ORANGE, dash="dash"),
                     "hovertemplate": f"after {of} %{{x:.0f}}: %{{y:.0f}}<extra>random search</extra>"})
    biggest = about.get("biggest", {}).get("rank")
    if biggest is not None:
        data.append({**m.line(np.array([0.5, end + 0.5]), np.array([biggest, biggest], dtype=float), "the biggest model", m.RED,
                              dash="dot", width=1.5), "hovertemplate": "rank %{y:.0f}<extra>the biggest model</extra>"})
    ticks = [v for v in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000) if v <= n]
    now = steps[-1].metrics.get("true_rank")
    says = f"The pick is number {now:.0f} of {n:.0f}" if now is not None else "True rank of the pick"
    layout: m.Dict = {
        "title": m.title(says), "height": height, "hovermode": "closest", "dragmode": False,
        "margin": {"l": 60, "r": 12, "t": 66, "b": 44}, "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"title": {"text": of}, "range": [0.5, end + 0.5], "fixedrange": True, "nticks": 12},
        "yaxis": {"title": {"text": "true rank, 1 is the best"}, "type": "log", "fixedrange": True, "tickvals": ticks,
                  "range": [float(np.log10(n * 1.15)), float(np.log10(0.85))]}}
    if at is not None:
        layout["shapes"] = [m.upright(float(at), m.ORANGE, dash="dot")[0]]
    return {"data": data, "layout": layout}


def thinned(n: int) -> Array:
    """Steps to draw, by position: all of a few, else an even choice with the first and the last."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))


def _levels(about: Mapping[str, Any]) -> list[tuple[float, str, str, str]]:
    """Return accuracies that do not change with the steps: of the biggest model, and of the best of all."""
    found = []
    biggest = about.get("biggest", {}).get("accuracy")
    if biggest is not None:
        found.append((float(biggest), "the biggest model", m.RED, "dot"))
    if "best_accuracy" in about:
        found.append((float(about["best_accuracy"]), "the best of all", m.GREY, "dot"))
    return found


def _finding(steps: Sequence[StepTaken], about: Mapping[str, Any]) -> str:
    """Say how the pick stands beside random search and the biggest model, as far as that is known."""
    last = steps[-1].metrics
    mine = last.get("true_accuracy")
    if mine is None:
        return f"Step {len(steps)}"
    words = [f"The pick is right on {100 * mine:.1f} %"]
    if "random_accuracy" in last:
        words.append(f"random search at this compute on {100 * last['random_accuracy']:.1f} %")
    biggest = about.get("biggest", {}).get("accuracy", last.get("biggest_accuracy"))
    if biggest is not None:
        words.append(f"the biggest model on {100 * biggest:.1f} %")
    return ", ".join(words)
