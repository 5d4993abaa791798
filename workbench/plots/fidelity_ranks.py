"""Do few steps rank trials as many do? Spearman's rank correlation of the losses at each pair of budgets, and one pair as dots.

Only what was promoted has losses at two budgets. The worst are missing there, so that correlations of a scheduled run look
lower than those of all configurations would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from workbench.lanes import at_budgets
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.plots.history import use_log
from workbench.space import Array
from workbench.trials import Trials

FEWEST = 3  # trials for a correlation
HEIGHT = 360
SCALE = [[0.0, "#d55e00"], [0.5, "rgba(140,140,140,0.25)"], [1.0, "#2b8cc4"]]  # against, unrelated, alike


@dataclass(frozen=True)
class Ranks:
    """Correlations (b, b), nan where there are too few trials; how many trials each is of; losses (n, b) and whose they are."""

    budgets: tuple[int, ...]
    rho: Array
    n: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    losses: Array
    trials: tuple[int, ...]


def ranks(trials: Trials, budgets: Sequence[int]) -> Ranks:
    """Correlate the ranks at each pair of budgets over the trials that have reached both; failed ones as far as they came."""
    some = [t for t in list(trials.by_number.values()) if t.curve]
    losses = np.array([at_budgets(t.curve, budgets) for t in some]).reshape(len(some), len(budgets))
    rho, n = np.full((len(budgets), len(budgets)), np.nan), np.zeros((len(budgets), len(budgets)), dtype=np.int64)
    for a, b in combinations(range(len(budgets)), 2):
        both = ~np.isnan(losses[:, a]) & ~np.isnan(losses[:, b])
        n[a, b] = n[b, a] = both.sum()
        rho[a, b] = rho[b, a] = spearman(losses[both, a], losses[both, b])
    return Ranks(tuple(budgets), rho, n, losses, tuple(t.number for t in some))


def spearman(a: Array, b: Array) -> float:
    """Correlation of ranks, equals sharing the mean of theirs; nan for fewer than three, or if one side is constant."""
    if len(a) < FEWEST:
        return math.nan
    ra, rb = (r - r.mean() for r in (rankdata(a), rankdata(b)))
    scale = math.sqrt(float(ra @ ra) * float(rb @ rb))
    return float(ra @ rb) / scale if scale else math.nan


def default_pair(found: Ranks) -> tuple[int, int] | None:
    """Budgets of the pair to show: the farthest apart of those with a correlation worth showing."""
    pairs = [(a, b) for a, b in combinations(range(len(found.budgets)), 2) if found.n[a, b] >= FEWEST]
    good = [(a, b) for a, b in pairs if found.n[a, b] >= 8] or pairs
    return max(good, key=lambda p: (p[1] - p[0], found.n[p])) if good else None


def fidelity_ranks(trials: Trials, budgets: Sequence[int], pair: tuple[int, int] | None = None,
                   selected: int | None = None, brushed: frozenset[int] | None = None) -> m.Dict:
    """Draw the matrix, and the losses at two budgets against each other; ``pair`` holds positions in ``budgets``."""
    if len(budgets) < 2:
        return empty("Budgets are compared where a scheduler has two rungs or more.", height=HEIGHT)
    found = ranks(trials, budgets)
    pair = default_pair(found) if pair is None else pair
    if pair is None:
        return empty(f"A correlation needs {FEWEST} trials that have reached two budgets. They come with the first promotions.",
                     height=HEIGHT)
    k = len(budgets)
    z = np.where(np.tril(np.ones((k, k), dtype=bool), -1), found.rho, np.nan)
    names = [str(b) for b in budgets]
    places = np.arange(k, dtype=float)
    matrix = {"type": "heatmap", "x": places, "y": places, "z": z, "zmin": -1, "zmax": 1, "colorscale": SCALE, "xgap": 2,
              "ygap": 2, "showscale": False, "hoverinfo": "skip", "name": "rank correlation", "xaxis": "x", "yaxis": "y"}
    notes = [{"xref": "x", "yref": "y", "x": b, "y": a, "showarrow": False, "font": {"size": 12},
              "text": f"{_two(found.rho[a, b])}<br>n = {found.n[a, b]}" if found.n[a, b] >= FEWEST else f"n = {found.n[a, b]}"}
             for b, a in combinations(range(k), 2)]
    low, high = sorted(pair)
    shapes = [{"type": "rect", "xref": "x", "yref": "y", "x0": low - 0.49, "x1": low + 0.49, "y0": high - 0.49, "y1": high + 0.49,
               "line": {"color": m.ORANGE, "width": 2.5}}]
    data = [matrix, *_dots(trials, found, low, high, selected, brushed)]
    grid = {"showgrid": False, "zeroline": False, "fixedrange": True}
    shown = np.array([v for t in data[1:] for axis in "xy" for v in t[axis]], dtype=float)
    log = "log" if use_log(shown[np.isfinite(shown)]) else "linear"
    what = "value" if trials.maximize else "loss"
    rho, n = found.rho[low, high], found.n[low, high]
    words = f"ρ = {_two(rho)} over {n} trials" if np.isfinite(rho) else f"{n} trials"
    return whose.labelled({"data": data, "layout": {
        "title": m.title("Do few steps rank trials as many do? Rank correlation"), "height": HEIGHT, "hovermode": "closest",
        "showlegend": False, "shapes": shapes, "margin": {"l": 52, "r": 22, "t": 56, "b": 48},
        "annotations": [*notes, {"xref": "x2 domain", "yref": "y2 domain", "x": 0, "y": 1.02, "xanchor": "left", "text": words,
                                 "yanchor": "bottom", "showarrow": False}],
        "xaxis": {"domain": [0, 0.46], "tickvals": list(range(k)), "ticktext": names, "title": {"text": "steps"},
                  "range": [-0.5, k - 1.5], **grid},
        "yaxis": {"tickvals": list(range(k)), "ticktext": names, "title": {"text": "steps"}, "range": [k - 0.5, 0.5], **grid},
        "xaxis2": {"domain": [0.57, 1], "anchor": "y2", "type": log, "title": {"text": f"{what} after {_steps(budgets[low])}"}},
        "yaxis2": {"anchor": "x2", "type": log, "title": {"text": f"{what} after {_steps(budgets[high])}"}}}}, trials)


def _dots(trials: Trials, found: Ranks, low: int, high: int, selected: int | None,
          brushed: frozenset[int] | None) -> list[m.Dict]:
    both = np.flatnonzero(np.isfinite(found.losses[:, low]) & np.isfinite(found.losses[:, high]))
    sign = -1.0 if trials.maximize else 1.0
    x, y = sign * found.losses[both, low], sign * found.losses[both, high]
    numbers = np.array([found.trials[i] for i in both])
    then = f"%{{x:.4g}} after {_steps(found.budgets[low])}, %{{y:.4g}} after {_steps(found.budgets[high])}"
    dots = m.dots(x, y, "trials", m.BLUE, axis="2", size=7)
    dots["marker"]["opacity"] = whose.faded(numbers, brushed)
    at = numbers == selected
    rings = [m.dots(x[at], y[at], "picked", m.ORANGE, axis="2", size=15, symbol="circle-open")] if at.any() else []
    return [whose.of_trials(dots, numbers, then), *(whose.of_trials(ring, numbers[at], then) for ring in rings)]


def _two(rho: float) -> str:
    return "–" if not np.isfinite(rho) else f"{rho:.2f}".replace("-", "−")


def _steps(n: int) -> str:
    return f"{n} step{'s' * (n != 1)}"
