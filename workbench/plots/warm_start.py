"""Warm against cold: the best loss so far of a search that begins with configurations of past tasks, and of one that does not.

The line is the mean over the seeds, the band their middle half. A dotted line is what the cold search has reached at its end; a
cross marks where the warm one gets there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.over_seeds import quartiles
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.history import use_log
from workbench.space import Array

HEIGHT = 380
COLD, WARM = m.BLUE, m.RED


def warm_start(cold: Sequence[Array], warm: Sequence[Array], n_given: int = 0, *, least: float | None = None,
               name: str = "") -> m.Dict:
    """Draw both.

    Parameters
    ----------
    cold, warm
        For each seed the losses of its trials, in order; inf or nan where a trial failed. Lines end with the shortest seed.
    n_given
        With how many configurations the warm search begins; they are shaded.
    least
        The least loss that there is; then the distance from it is drawn.
    name
        Of the task, for the title.

    Raises
    ------
    ValueError
        If ``n_given`` is negative.
    """
    if n_given < 0:
        raise ValueError(f"n_given counts configurations, at least 0, got {n_given}.")
    curves = {"cold": best_so_far(cold, least), "warm": best_so_far(warm, least)}
    if any(not c.size or not np.isfinite(c[:, -1]).all() for c in curves.values()):
        return empty("The curves appear when both searches have a result for each seed.", height=HEIGHT)
    data: list[m.Dict] = []
    lines: list[m.Dict] = []
    for label, color, dash in (("cold", COLD, "dash"), ("warm", WARM, "solid")):
        best = curves[label]
        x = np.arange(1.0, best.shape[1] + 1)
        low, _, high = (np.where(np.isfinite(q), q, np.nan) for q in quartiles(best))
        text = label if label == "cold" or not n_given else f"warm, after {n_given} from past tasks"
        if len(best) > 1:
            data += [{**edge, "showlegend": False, "line": {"width": 0, "shape": "hv"}}
                     for edge in m.band(x, low, high, text, color, alpha=0.16)]
        mean = best.mean(axis=0)
        line = m.line(x, np.where(np.isfinite(mean), mean, np.nan), text, color, width=2.5, dash=dash)
        lines.append({**line, "line": {**line["line"], "shape": "hv"},
                      "hovertemplate": f"{text}: %{{y:.4g}} after %{{x}} trials<extra></extra>"})
    goal, there = float(curves["cold"][:, -1].mean()), reached(cold, warm)
    if there is not None:
        y = float(curves["warm"][:, there - 1].mean())
        lines.append({**m.dots(np.array([float(there)]), np.array([y]), "there", WARM, symbol="x", size=12), "showlegend": False,
                      "hovertemplate": f"as good after {there} trials<extra></extra>"})
    drawn = np.concatenate([np.asarray(t["y"], dtype=float) for t in data + lines])
    drawn = drawn[np.isfinite(drawn)]
    longest = max(c.shape[1] for c in curves.values())
    shapes: list[m.Dict] = [m.level(goal, COLD)]
    if n_given:
        shapes.append({"type": "rect", "xref": "x", "yref": "paper", "x0": 0.5, "x1": n_given + 0.5, "y0": 0, "y1": 1,
                       "layer": "below", "line": {"width": 0}, "fillcolor": m.fade(m.GREY, 0.14)})
    log = use_log(drawn) and float(drawn.min()) > 0
    ends = m.room(np.log10(drawn)) if log else m.room(drawn)
    quantity = "best loss so far" if least is None else "best loss so far, above the least there is"
    return {"data": data + lines, "layout": {
        "title": m.title(_title(there, curves["cold"].shape[1], len(curves["cold"]), name)), "height": HEIGHT, "shapes": shapes,
        "hovermode": "closest", "dragmode": False, "margin": {"l": 66, "r": 16, "t": 84, "b": 44},
        "legend": {**m.LEGEND, "x": 0, "xanchor": "left"},
        "xaxis": {"title": {"text": "trials"}, "range": [0.5, longest + 0.5], "fixedrange": True},
        "yaxis": {"title": {"text": quantity}, "type": "log" if log else "linear", "range": ends, "fixedrange": True,
                  **({"exponentformat": "power"} if log else {})}}}


def best_so_far(losses: Sequence[Array], least: float | None = None) -> Array:
    """Best loss so far of each seed, as far as all of them go, shape (seeds, trials); above the least one, if that is known."""
    n = min((len(s) for s in losses), default=0)
    known = np.array([np.where(np.isnan(s), np.inf, s)[:n] for s in map(np.asarray, losses)]).reshape(len(losses), n)
    return np.minimum.accumulate(known, axis=1) - (0.0 if least is None else least)


def reached(cold: Sequence[Array], warm: Sequence[Array]) -> int | None:
    """Count the trials after which the warm search is as good, as a mean over seeds, as the cold one at its end, if ever."""
    goal = best_so_far(cold)[:, -1].mean()
    there = np.flatnonzero(best_so_far(warm).mean(axis=0) <= goal + 1e-12)
    return int(there[0]) + 1 if len(there) else None


def _title(there: int | None, n: int, n_seeds: int, name: str) -> str:
    on = f" on {safe(m.cut(name, 40))}" if name else ""
    over = f"mean of {n_seeds} seeds" if n_seeds > 1 else "one seed"
    if there is None:
        return f"Warm started, {n} trials do not reach what the cold search did{on} ({over})"
    return f"Warm started, {there} trial{'s' * (there != 1)} reach{'es' * (there == 1)} what {n} did without{on} ({over})"
