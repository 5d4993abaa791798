"""Transfer: losses against the similarity of tasks, for each way to use the source network, beside learning from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.events import StepTaken
from workbench.meta.transfer_step import FINE_TUNE, FREEZE_FIRST, REUSE, SCRATCH, TransferStep
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array

LOOKS = {SCRATCH: (m.GREY, "dash", "circle"), REUSE: (m.RED, "solid", "square"), FREEZE_FIRST: (m.ORANGE, "solid", "diamond"),
         FINE_TUNE: (m.BLUE, "solid", "triangle-up")}
WORDS = {SCRATCH: "from scratch", REUSE: "reuse, frozen", FREEZE_FIRST: "freeze first", FINE_TUNE: "fine-tune all"}
MOST_PANELS = 4
GAP = 0.05


def over_repetitions(steps: Sequence[StepTaken], *, height: int = 440) -> dict[str, Any]:
    """Draw what the newest step of a study of transfer has found."""
    told = [s.why for s in steps if isinstance(s.why, TransferStep)]
    if not told:
        return empty("Losses against similarity will stand here after the first repetition.", height=height)
    return transfer_figure(told[-1], height=height)


def transfer_figure(found: TransferStep, *, height: int = 440) -> dict[str, Any]:
    """Draw mean losses with their standard errors against similarity, a panel for each number of target rows (at most four)."""
    sizes = _some(found.target_sizes)
    width = (1.0 - GAP * (len(sizes) - 1)) / len(sizes)
    mean, error = found.losses.mean(axis=0), _error(found.losses)  # (modes, sizes, similarities)
    order = np.argsort(found.similarities)
    x = np.asarray(found.similarities)[order]
    kept = [found.target_sizes.index(n) for n in sizes]
    top = 1.05 * float((mean + np.nan_to_num(error))[:, kept].max())
    layout: m.Dict = {"title": m.title(finding(found)), "height": height, "dragmode": False, "hovermode": "closest",
                      "margin": {"l": 56, "r": 12, "t": 92, "b": 48}, "annotations": [],
                      "legend": {"orientation": "h", "x": 0, "y": 1.07, "yanchor": "bottom"}}
    data: list[m.Dict] = []
    for k, i in enumerate(kept):
        axis = "" if k == 0 else str(k + 1)
        data += [_curve(x, mean[j, i][order], error[j, i][order], mode, axis, legend=k == 0)
                 for j, mode in enumerate(found.modes)]
        left = k * (width + GAP)
        layout[f"xaxis{axis}"] = {"domain": [left, left + width], "anchor": f"y{axis}", "range": [-0.05, 1.05],
                                  "fixedrange": True, "zeroline": False, "tickvals": [0, 0.5, 1],
                                  "title": {"text": "similarity", "standoff": 4}}
        layout[f"yaxis{axis}"] = {"anchor": f"x{axis}", "range": [0, top], "fixedrange": True, "zeroline": False, "nticks": 6,
                                  "showticklabels": k == 0, **({"title": {"text": safe(found.measure)}} if k == 0 else {})}
        layout["annotations"].append({"text": f"{sizes[k]} target row{'s' * (sizes[k] != 1)}", "showarrow": False,
                                      "xref": f"x{axis} domain", "yref": "paper", "x": 0.5, "y": 1.0, "yanchor": "bottom"})
    return {"data": data, "layout": layout}


def finding(found: TransferStep) -> str:
    """Say from which similarity on frozen features (or the first mode that is told) are better than learning from scratch."""
    others = [mode for mode in (REUSE, FREEZE_FIRST, FINE_TUNE) if mode in found.modes]
    if SCRATCH not in found.modes or not others:
        return f"Mean of {len(found.losses)} repetition{'s' * (len(found.losses) != 1)}"
    order = np.argsort(found.similarities)
    x = np.asarray(found.similarities)[order]
    gained = (found.losses[:, found.modes.index(SCRATCH)] - found.losses[:, found.modes.index(others[0])]).mean(axis=0)[:, order]
    sizes = _some(found.target_sizes)
    where = [crossing(x, gained[found.target_sizes.index(n)]) for n in sizes]
    each = [f"{text} ({n} row{'s' * (n != 1)})" for text, n in zip(where, sizes, strict=True)]
    told = each if len(set(where)) > 1 else where[:1]
    return f"{WORDS[others[0]].split(',')[0].capitalize()} beats learning from scratch {', '.join(told)}"


def crossing(x: Array, gained: Array) -> str:
    """Say where a gain, at rising similarities, is positive: "above 0.7" if it turns from negative to positive once."""
    better = gained > 0
    if better.all():
        return "everywhere"
    if not better.any():
        return "nowhere"
    first = int(np.argmax(better))
    if first == 0 or not better[first:].all():
        return f"at {better.sum()} of {len(x)} similarities"
    share = gained[first - 1] / (gained[first - 1] - gained[first])
    return f"above {x[first - 1] + share * (x[first] - x[first - 1]):.2f}"


def _some(sizes: tuple[int, ...]) -> list[int]:
    """Keep at most four sizes, the ends among them."""
    rows = sorted(sizes)
    return rows if len(rows) <= MOST_PANELS else [rows[i] for i in np.linspace(0, len(rows) - 1, MOST_PANELS).round().astype(int)]


def _error(losses: Array) -> Array:
    R = len(losses)
    return np.asarray(losses.std(axis=0, ddof=1) / np.sqrt(R)) if R > 1 else np.full(losses.shape[1:], np.nan)


def _curve(x: Array, y: Array, error: Array, mode: str, axis: str, *, legend: bool) -> m.Dict:
    color, dash, symbol = LOOKS[mode]
    drawn = {**m.line(x, y, WORDS[mode], color, axis=axis, dash=dash, legend=legend),
             "mode": "lines+markers", "legendgroup": mode, "marker": {"color": color, "symbol": symbol, "size": 7},
             "hovertemplate": "similarity %{x:.2f}: %{y:.3g}" + f"<extra>{WORDS[mode]}</extra>"}
    if np.isfinite(error).all():
        drawn["error_y"] = {"type": "data", "array": error, "color": color, "thickness": 1, "width": 3}
    return drawn
