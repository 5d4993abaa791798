"""Family tree of an evolution: who descends from whom, how long each member lives, and how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.nas.evolution import EvolutionExplanation, deaths
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.rows import fits
from workbench.seen import Replay
from workbench.space import Array, Space
from workbench.trials import Trials

HEIGHT = 440
WINDOW = 150  # newest results that are drawn; older ones are told by their best
WORST = 0.9  # quantile of the losses that the axis reaches to; what is worse stands at its edge
NONE = "The family tree appears when the first child is born. Before, configurations are drawn at random."


def descent(trials: Trials, space: Space) -> dict[int, int]:
    """Return the parent of each child, as rows of the history of this space."""
    parents, row = dict[int, int](), 0
    for number in trials.told:
        t = trials.by_number[number]
        if t.state != "interrupted" and fits(space, t.config):
            why = getattr(t.why, "inner", t.why)
            if isinstance(why, EvolutionExplanation):
                parents[row] = why.parent
            row += 1
    return parents


def family_tree(trials: Trials, number: int | None = None, *, brushed: frozenset[int] | None = None) -> dict[str, Any]:
    """Draw the family tree as it was when a trial was suggested: a picture of the events alone.

    Parameters
    ----------
    trials
        The trials, folded from events.
    number
        Which trial's suggestion; by default the newest child's.
    brushed
        Trials that do not fade.
    """
    if number is None:
        newest_first = reversed(list(trials.by_number.values()))
        number = next((t.number for t in newest_first if isinstance(t.why, EvolutionExplanation)), -1)
    trial = trials.by_number.get(number)
    if trial is None or not isinstance(trial.why, EvolutionExplanation):
        return empty(NONE, height=HEIGHT)
    replay = Replay(trials)
    space = replay.space_of(number)
    if space is None:
        return empty(NONE, height=HEIGHT)
    drawn = tree(replay.history_before(number), trial.why, parents=descent(trials, space), sign=-1.0 if trials.maximize else 1.0)
    return whose.named(drawn, trials, replay.trials_before(number), brushed=brushed)


def tree(history: History, why: EvolutionExplanation, *, parents: Mapping[int, int] | None = None,
         sign: float = 1.0) -> dict[str, Any]:
    """Draw the same from a history: result by result to the right, the loss upwards.

    A horizontal line is a life, from the result to the death; filled dots with a ring live, small faint ones are dead. Lines go
    from parents to children. What does not fit on the axis of losses, and failed trials, stands at its edge as a triangle.

    Parameters
    ----------
    history, why
        What the algorithm saw, and its explanation.
    parents
        The parent of each child, as rows; those of the future are left out.
    sign
        -1 shows the values of somebody who maximises.
    """
    n, y = len(history), history.y
    first = max(0, n - WINDOW)
    rows = np.arange(first, n)
    low, high = _room(y, rows)
    at = np.minimum(np.where(np.isfinite(y), y, high), high) * sign
    died = deaths(y, len(why.population), ageing=why.ageing)
    lives = np.zeros(n, dtype=bool)
    lives[list(why.population)] = True
    pairs = [(p, c) for c, p in (parents or {}).items() if first <= p < n and first <= c < n]
    to = np.minimum(died, float(n)) + 1.0  # of the lives; x is the number of the result, from 1
    old, alive = rows[~lives[rows]], np.array([row for row in why.population if row >= first], dtype=np.intp)
    data = [_segments([(p + 1.0, at[p], c + 1.0, at[c]) for p, c in pairs], "parent to child", m.fade(m.GREY, 0.4), 1.0),
            _segments([(r + 1.0, at[r], to[r], at[r]) for r in old], "lived", m.fade(m.GREY, 0.55), 2.0, legend=False),
            _segments([(r + 1.0, at[r], to[r], at[r]) for r in alive], "lives", m.BLUE, 2.5, legend=False),
            _segments([(why.parent + 1.0, at[why.parent], n + 1.0, at[why.parent])], "to the new child", m.ORANGE, 2.5,
                      legend=False, dash="dot"),
            _dots(old[y[old] <= high], at, "dead", m.GREY, size=6, opacity=0.45),
            _dots(alive[y[alive] <= high], at, "living", m.BLUE, size=9, opacity=1.0),
            _dots(old[y[old] > high], at, "dead, worse than the axis reaches", m.GREY, size=7, opacity=0.45,
                  symbol="triangle-up"),
            _dots(alive[y[alive] > high], at, "living, worse than the axis reaches", m.BLUE, size=9, opacity=1.0,
                  symbol="triangle-up")]
    if len(alive):
        data.append({**m.dots(_number(alive), at[alive], "living (ring)", m.BLUE, size=15, symbol="circle-open", legend=False),
                     "hoverinfo": "skip", "hovertemplate": None})
    drawn = np.array([r for r in dict.fromkeys(why.drawn) if r != why.parent and r >= first], dtype=np.intp)
    if len(drawn):
        data.append(whose.of_rows(m.dots(_number(drawn), at[drawn], "drawn for the tournament", m.PURPLE, size=18,
                                         symbol="diamond-open"), drawn))
    if why.parent >= first:
        data.append(whose.of_rows(m.dots(np.array([why.parent + 1.0]), at[[why.parent]], "its winner, the parent", m.ORANGE,
                                         size=19, symbol="square-open"), [why.parent]))
    best = int(np.argmin(y))
    if best >= first:
        data.append(whose.of_rows(m.dots(np.array([best + 1.0]), at[[best]], "best of all", m.GREEN, size=23,
                                         symbol="circle-open"), [best]))
    ends = sorted((sign * low, sign * high))
    shape, _ = m.upright(n + 1.0, m.RED, "")
    some = f" (the newest {WINDOW})" if first else ""
    layout = {"title": m.title(_title(why)), "height": HEIGHT, "hovermode": "closest",
              "margin": {"l": 64, "r": 16, "t": 84, "b": 44}, "legend": m.LEGEND,
              "shapes": [shape, m.level(float(at[best]), m.GREEN)],
              "annotations": [{"x": n + 1.0, "y": 0.0, "yref": "paper", "text": "next child", "showarrow": False,
                               "font": {"color": m.RED, "size": 12}, "xanchor": "right", "yanchor": "bottom", "xshift": -4}],
              "xaxis": {"title": {"text": f"results, in the order told{some}", "standoff": 4},
                        "range": [first + 0.2, n + 1.8], "zeroline": False},
              "yaxis": {"title": {"text": "value (larger is better)" if sign < 0 else "loss"}, "range": ends, "zeroline": False}}
    return {"data": [trace for trace in data if len(trace["x"])], "layout": layout}


def _title(why: EvolutionExplanation) -> str:
    oldest, n = max(why.ages), len(why.population)
    if why.ageing:
        return f"Everyone lives for {n} results; the next child changes one thing in result {why.parent + 1}"
    return (f"The worst dies: the oldest of {n} is {oldest} results old; "
            f"the next child changes one thing in result {why.parent + 1}")


def _room(y: Array, rows: NDArray[np.intp]) -> tuple[float, float]:
    """Ends of the axis of losses: the best of all, and the worst but a tenth of those drawn."""
    finite = y[rows][np.isfinite(y[rows])]
    best = y[np.isfinite(y)].min() if np.isfinite(y).any() else 0.0
    top = float(np.quantile(finite, WORST)) if len(finite) else 1.0
    pad = 0.06 * (top - best) or 0.5 * abs(best) or 0.5
    return float(best - pad), float(top + pad)


def _number(rows: NDArray[np.intp]) -> Array:
    """Return the number of each result, from 1."""
    return np.asarray(rows + 1, dtype=float)


def _segments(ends: Sequence[tuple[float, ...]], name: str, color: str, width: float, *, legend: bool = True,
              dash: str = "solid") -> m.Dict:
    """Draw straight lines (x, y, x, y) as one trace."""
    x = np.array([[a, c, np.nan] for a, _, c, _ in ends], dtype=float).ravel()
    y = np.array([[b, d, np.nan] for _, b, _, d in ends], dtype=float).ravel()
    return {**m.line(x, y, name, color, width=width, dash=dash, legend=legend), "hoverinfo": "skip", "hovertemplate": None}


def _dots(rows: NDArray[np.intp], at: Array, name: str, color: str, *, size: int, opacity: float,
          symbol: str = "circle") -> m.Dict:
    """Draw results; triangles, which stand at the edge, have no place in the legend."""
    dots = m.dots(_number(rows), at[rows], name, color, size=size, symbol=symbol, legend=symbol == "circle")
    dots["marker"] |= {"opacity": np.full(len(rows), opacity)}
    return whose.of_rows({**dots, "cliponaxis": symbol == "circle"}, rows)
