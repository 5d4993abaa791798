"""Scores with shared weights beside the truth, and how well architectures do with shared weights while those are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.events import StepTaken
from workbench.nas.ranking import LEAST_COMPARED, Ranking
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.space import Array

MOST_DOTS = 200
NO_STEP = "No step yet: architectures have no scores."
NO_TRUTH = ("What each architecture is worth when it is trained on its own is not known here. Give a table: "
            "wb.nas.search(strategy, data, table=table), or why.with_truth(table).")


def score_against_truth(why: Any, about: Mapping[str, Any] | None = None, *, height: int = 420) -> dict[str, Any]:
    """Draw accuracy with shared weights against the true one: all architectures, and beside them the better half alone.

    Parameters
    ----------
    why
        What a one-shot search believes, with the truth (``Ranking.with_truth``).
    about
        What the search is compared with: ``{"biggest": {"accuracy": …}, "random_accuracy": …, "best_accuracy": …}``.
    height
        In pixels.
    """
    if not isinstance(why, Ranking) or not why.ranked:
        return empty(NO_STEP, height=height)
    found = why.agreement
    if found is None:
        return empty(NO_TRUTH, height=height)
    scores, truth = np.asarray(why.scores, dtype=float), np.asarray(why.truth, dtype=float)
    place = why.ranked.index(why.chosen) if why.chosen in why.ranked else None
    keep = _decimated(len(scores), place)
    middle = float(np.median(truth))
    better = truth >= middle
    data: list[m.Dict] = []
    for axis, chosen in (("", np.ones(len(scores), dtype=bool)), ("2", better)):
        for name, part, color, symbol in (("better half", better, m.BLUE, "circle"), ("worse half", ~better, m.GREY, "x-thin")):
            rows = keep[(part & chosen)[keep]]
            if len(rows):
                data.append(_cloud(why, scores, truth, rows, name, color, symbol, axis))
        if place is not None and chosen[place]:
            star = m.dots(scores[[place]], truth[[place]], "kept", m.RED, axis=axis, size=15, symbol="star",
                          hover="%{text}<br>shared %{x:.3f}, on its own %{y:.3f}", legend=axis == "" or not better[place])
            data.append({**star, "text": [_named(why, place)]})
    levels = _levels(about or {})
    for axis in ("", "2"):
        for y, label, color, dash in levels:
            data.append({**m.line(np.array([0.0, 1.0]), np.array([y, y]), label, color, axis=axis, dash=dash, width=1.5,
                                  legend=axis == ""), "hovertemplate": f"%{{y:.3f}}<extra>{label}</extra>"})
    low = min([float(truth.min()), *(y for y, *_ in levels)])
    inner = m.room(truth[better], np.array([y for y, *_ in levels if y >= middle]), margin=0.12)
    x = {"title": {"text": "accuracy with shared weights (validation)"}, "fixedrange": True}
    few = found.n < LEAST_COMPARED
    texts = [(0.0, f"all {found.n}" if few else f"all {found.n}: rank correlation {_number(found.overall)}"),
             (0.57, "better half" if few else f"better half: {_number(found.better_half)}")]
    says = f"{found.n} architectures: too few to compare their order" if few else _finding(found.overall, found.better_half)
    layout: m.Dict = {
        "title": m.title(says), "height": height, "hovermode": "closest", "dragmode": False,
        "margin": {"l": 60, "r": 12, "t": 92, "b": 48}, "legend": {"orientation": "h", "x": 0, "y": 1.09, "yanchor": "bottom"},
        "xaxis": {**x, "domain": [0.0, 0.45], "range": [0.0, 1.0], "anchor": "y", "nticks": 6},
        "xaxis2": {**x, "domain": [0.57, 1.0], "range": m.room(scores[better]), "anchor": "y2", "nticks": 6},
        "yaxis": {"title": {"text": "accuracy when trained on its own (test)"}, "range": [max(low - 0.04, 0.0), 1.0],
                  "anchor": "x", "fixedrange": True, "nticks": 6},
        "yaxis2": {"range": [inner[0], min(inner[1], 1.0)], "anchor": "x2", "fixedrange": True, "nticks": 6},
        "annotations": [{"text": text, "x": x0, "y": 1.0, "xref": "paper", "yref": "paper", "xanchor": "left",
                         "yanchor": "bottom", "showarrow": False, "font": {"size": 13}} for x0, text in texts]}
    return {"data": data, "layout": layout}


def sampled_accuracy(steps: Sequence[StepTaken], *, total: int | None = None, at: int | None = None,
                     height: int = 420) -> dict[str, Any]:
    """Draw how well sampled architectures do with the shared weights, epoch by epoch, and the rank correlations with the truth.

    Parameters
    ----------
    steps
        Steps of a one-shot search; those without a ranking are left out.
    total
        How many steps there will be: then the axis is as long from the beginning.
    at
        How many steps are looked at, if not all: a line stands there.
    height
        In pixels.
    """
    told = [s for s in steps if isinstance(s.why, Ranking) and len(s.why.scores) and "train_loss" in s.metrics]
    if not told:
        return empty(NO_STEP, height=height)
    told = [told[k] for k in _decimated(len(told), None)]
    x = np.array([s.step + 1.0 for s in told])
    scores = [np.asarray(s.why.scores, dtype=float) for s in told if isinstance(s.why, Ranking)]
    known = [s.metrics.get("rank_correlation", np.nan) for s in told]
    rooms = {"": (0.46, 1.0), "2": (0.0, 0.34)} if np.isfinite(known).any() else {"": (0.0, 1.0)}
    data = m.band(x, np.array([s.min() for s in scores]), np.array([s.max() for s in scores]),
                  "from the worst to the best sampled", m.BLUE)
    lines = [("mean of the sampled", np.array([s.mean() for s in scores]), m.BLUE, "solid", ""),
             ("all operations at once", _metric(told, "mixed_accuracy"), m.ORANGE, "dash", ""),
             ("rank correlation, all", np.array(known), m.GREEN, "solid", "2"),
             ("rank correlation, better half", _metric(told, "rank_correlation_better_half"), m.RED, "dot", "2")]
    for name, y, color, dash, axis in lines:
        if np.isfinite(y).any():
            drawn = m.line(x, y, name, color, axis=axis, dash=dash)
            data.append({**drawn, "xaxis": "x", "hovertemplate": f"epoch %{{x:.0f}}: %{{y:.3f}}<extra>{name}</extra>"})
    end = float(max(total or 0, int(x[-1]), 2))
    layout: m.Dict = {
        "title": m.title(f"With shared weights a sampled architecture is right on {100 * scores[-1].mean():.0f} %"),
        "height": height, "hovermode": "closest", "dragmode": False, "margin": {"l": 60, "r": 12, "t": 70, "b": 44},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"title": {"text": "epoch"}, "range": [0.5, end + 0.5], "anchor": "y2" if len(rooms) > 1 else "y",
                  "fixedrange": True, "nticks": 12},
        "yaxis": {"title": {"text": "accuracy"}, "domain": list(rooms[""]), "range": [0.0, 1.005], "anchor": "x",
                  "fixedrange": True, "nticks": 6}}
    if "2" in rooms:
        layout["yaxis2"] = {"title": {"text": "correlation"}, "domain": list(rooms["2"]), "range": [-1.02, 1.02], "anchor": "x",
                            "fixedrange": True, "tickvals": [-1, -0.5, 0, 0.5, 1]}
    if at is not None:
        layout["shapes"] = [{**m.upright(float(at), m.ORANGE, dash="dot")[0], "xref": "x"}]
    return {"data": data, "layout": layout}


def _decimated(n: int, place: int | None) -> Array:
    """Rows to draw: all of a few, else an even choice with the one that was kept."""
    rows = np.linspace(0, n - 1, min(n, MOST_DOTS - 1)).round().astype(int)
    return np.unique(rows if place is None else np.append(rows, place))


def _cloud(why: Ranking, scores: Array, truth: Array, rows: Array, name: str, color: str, symbol: str, axis: str) -> m.Dict:
    dots = m.dots(scores[rows], truth[rows], name, color, axis=axis, size=6, symbol=symbol, legend=axis == "",
                  hover="%{text}<br>shared %{x:.3f}, on its own %{y:.3f}")
    dots["marker"] = {"color": m.fade(color, 0.75), "size": 7, "symbol": symbol,
                      "line": {"color": color, "width": 1.5 if symbol == "x-thin" else 0.5}}
    return {**dots, "text": [_named(why, int(k)) for k in rows]}


def _named(why: Ranking, k: int) -> str:
    return safe(", ".join(f"{i}→{j} {o}" for (i, j), o in zip(why.edges, why.ranked[k], strict=True)))


def _levels(about: Mapping[str, Any]) -> list[tuple[float, str, str, str]]:
    """Return what to compare with: random search at the same compute, the biggest model, the best of all."""
    found: list[tuple[float, str, str, str]] = []
    biggest = about.get("biggest", {}).get("accuracy")
    for value, label, color, dash in ((about.get("random_accuracy"), "random search, same compute", m.ORANGE, "dash"),
                                      (biggest, "the biggest model", m.PURPLE, "dot"),
                                      (about.get("best_accuracy"), "the best of all", m.GREEN, "dashdot")):
        if value is not None:
            found.append((float(value), label, color, dash))
    return found


def _metric(steps: Sequence[StepTaken], name: str) -> Array:
    return np.array([s.metrics.get(name, np.nan) for s in steps], dtype=float)


def _number(value: float) -> str:
    return "not defined" if np.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # + 0.0: no "-0.00"


def _finding(overall: float, better: float) -> str:
    """Say what the score is good for."""
    if np.isnan(overall):
        return "All have the same score: it tells nothing"
    if overall < 0.3:
        return "The score hardly agrees with the truth"
    if np.isnan(better) or better >= 0.3:
        return "The score orders architectures much as the truth does"
    return "The score tells good from bad, but hardly the best from the good"
