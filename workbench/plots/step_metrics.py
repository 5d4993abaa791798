"""The metrics of anything that learns step by step: losses together, accuracies together, each other number on its own axis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.events import StepTaken
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.nas_progress import KNOWN, NO_STEP, OTHERS, thinned
from workbench.space import Array
from workbench.steps import metric_names

ASIDE = ("cpu_s", "iteration")  # not drawn: they only grow
ADAPTED = re.compile(r"^after (\d+) steps?$")  # losses on new tasks after so many gradient steps
LOSS = re.compile(rf"(^|[_ ])(loss|losses|error|regret)($|[_ ])|^(inner|outer) (best|mean)$|{ADAPTED.pattern}")
SHARE = re.compile(r"(accuracy|reward)$")
MOST_OTHERS = 6  # axes of other numbers; the Log and the table have them all
DASHES = ("solid", "dash", "dot", "dashdot")
WIDE = 30.0  # largest loss / smallest, from which on the axis is logarithmic


def step_metrics(steps: Sequence[StepTaken], *, total: int | None = None, at: int | None = None) -> dict[str, Any]:
    """Draw metrics against the number of the step.

    Parameters
    ----------
    steps
        The steps so far.
    total
        How many there will be: then the axis is as long from the beginning.
    at
        How many steps are looked at, if not all: a line stands there.
    """
    groups = grouped(steps)
    if not groups:
        return empty(NO_STEP if not steps else "These steps tell no metrics.", height=420)
    keep = thinned(len(steps))
    data: list[m.Dict] = []
    rooms = _rooms([len(names) > 1 or label in ("loss", "accuracy") for label, names in groups])
    last = "" if len(groups) == 1 else str(len(groups))
    end = float(max(total or 0, len(steps)))
    layout: m.Dict = {
        "title": m.title(_finding(steps, groups)), "height": 420 + 90 * max(len(groups) - 2, 0),
        "hovermode": "closest", "dragmode": False, "margin": {"l": 60, "r": 12, "t": 72, "b": 44},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"title": {"text": _unit(steps)}, "range": [0.5, end + 0.5], "anchor": f"y{last}", "fixedrange": True,
                  "nticks": 12}}
    colors = 0
    for k, (label, names) in enumerate(groups):
        axis = "" if k == 0 else str(k + 1)
        values = []
        for i, name in enumerate(names):
            y = np.array([steps[j].metrics.get(name, np.nan) for j in keep], dtype=float)
            words, color, dash = KNOWN.get(name) or (called(name), OTHERS[colors % len(OTHERS)], DASHES[i % 4])
            colors += name not in KNOWN
            data.append({**m.line(keep + 1.0, y, words, color, axis=axis, dash=dash), "xaxis": "x",
                         "mode": "lines+markers" if np.isfinite(y).sum() <= 40 else "lines",
                         "marker": {"size": 5, "color": color},
                         "hovertemplate": "step %{x:.0f}: %{y:.3g}" + f"<extra>{words}</extra>"})
            values.append(y)
        layout[f"yaxis{axis}"] = {"domain": list(rooms[k]), "anchor": "x", "fixedrange": True,
                                  "title": {"text": safe(m.cut(label, 20))}, **_axis(label, np.concatenate(values))}
    if at is not None:
        layout["shapes"] = [{**m.upright(float(at), m.ORANGE, dash="dot")[0], "xref": "x"}]
    return {"data": data, "layout": layout}


def grouped(steps: Sequence[StepTaken]) -> list[tuple[str, list[str]]]:
    """Sort metrics into axes: accuracies, losses, and each other number by itself; a label and the names for each."""
    names = [n for n in metric_names(steps) if n not in ASIDE]
    shares, losses = [n for n in names if SHARE.search(n)], [n for n in names if LOSS.search(n)]
    others = [n for n in names if n not in shares and n not in losses]
    groups = [("accuracy", shares), ("loss", losses), *((n.replace("_", " "), [n]) for n in others[:MOST_OTHERS])]
    return [(label, those) for label, those in groups if those]


def _rooms(large: Sequence[bool]) -> list[tuple[float, float]]:
    """Share the height from above: two parts for what holds several lines, one for a single one."""
    gap = 0.06 if len(large) > 1 else 0.0
    part = (1.0 - gap * (len(large) - 1)) / sum(1 + b for b in large)
    found, top = list[tuple[float, float]](), 1.0
    for b in large:
        found.append((max(top - part * (1 + b), 0.0), top))
        top = found[-1][0] - gap
    return found


def _axis(label: str, values: Array) -> m.Dict:
    known = values[np.isfinite(values)]
    if label == "accuracy" and len(known) and known.min() >= 0 and known.max() <= 1:
        return {"range": [max(0.0, float(np.floor(10 * known.min() - 0.2) / 10)), 1.005], "nticks": 6}
    if label == "loss" and len(known) and known.min() > 0:
        if known.max() / known.min() > WIDE:
            return m.decades(float(known.min()), float(known.max()))
        return {"rangemode": "tozero", "nticks": 6}
    return {"nticks": 5}


def _unit(steps: Sequence[StepTaken]) -> str:
    """Say what a step is, if all but the last are the same number of iterations."""
    done = [s.metrics.get("iteration") for s in steps]
    if len(done) > 1 and None not in done:
        each = np.diff([0.0, *done[:-1]])
        if (each == each[0]).all():
            return f"step ({each[0]:,.0f} iterations each)"
    return "step"


def _finding(steps: Sequence[StepTaken], groups: Sequence[tuple[str, list[str]]]) -> str:
    """Say the numbers of the newest step that matter most: the first accuracy and the last loss that are told."""
    label, names = groups[0]
    name = names[-1] if label == "loss" else names[0]
    told = [s.metrics[name] for s in steps if name in s.metrics]
    words = KNOWN[name][0] if name in KNOWN else called(name)
    now = f"{words[:1].upper()}{words[1:]}: {m.three(told[-1])} after step {len(steps)}"
    return now if len(told) < 2 else f"{now}, {m.three(told[0])} after the first"


def called(name: str) -> str:
    """Say a metric in words."""
    adapted = ADAPTED.match(name)
    if adapted:
        return f"loss on new tasks, {adapted[1]} gradient step{'s' * (adapted[1] != '1')}"
    return safe(name.replace("_", " "))
