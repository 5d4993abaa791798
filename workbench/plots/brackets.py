"""The bracket race: one lane a trial, that fills with steps from rung to rung; who is not promoted is cut off there.

Steps are drawn so that the rungs stand at equal distances: from nothing to the first rung in proportion, then on a log scale.
"""

from __future__ import annotations

import math
import textwrap
from bisect import bisect_left
from functools import lru_cache
from typing import Any

import numpy as np

from workbench.fates import LIVE, STATUSES, Fate, Fates
from workbench.fidelity import brackets as tables
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty, safe
from workbench.space import Array
from workbench.trials import Trials

MARKS = {"running": ("circle-open", m.ORANGE), "promoted": ("triangle-right", m.GREEN), "waiting": ("hourglass", m.PURPLE),
         "stopped": ("line-ns", m.GREY), "finished": ("circle", m.BLUE), "failed": ("x-thin", m.RED),
         "interrupted": ("square-open", m.GREY)}
HEIGHT = 440
MAX_LANES = 120
LAST = 5  # values of a learning curve in a hover label
_LANES_PX = HEIGHT - 130  # without margins


def ladder(step: Any, budgets: tuple[int, ...]) -> Array:
    """Turn steps into places: 0 for none, 1 for the first rung, 2 for the second, …; without rungs they stay as they are."""
    steps: Array = np.asarray(step, dtype=float)
    if not budgets:
        return steps
    r = np.array(budgets, dtype=float)
    above = np.interp(np.log(np.maximum(steps, r[0])), np.log(r), np.arange(1.0, len(r) + 1))
    return np.asarray(np.where(steps < r[0], steps / r[0], above))


def order(fates: Fates, bracket: int) -> list[Fate]:
    """Sort the trials of a bracket, the best first: by the highest rung reached, then by the loss there; failed ones last."""
    trials = [fates.by_number[k] for k in list(fates.brackets.get(bracket, ()))]

    def key(f: Fate) -> tuple[bool, int, float, int]:
        return f.status in ("failed", "interrupted"), -f.reached, f.losses.get(f.reached, math.inf), f.trial

    return sorted(trials, key=key)


def race(trials: Trials, fates: Fates, bracket: int | None = None, selected: int | None = None,
         brushed: frozenset[int] | None = None) -> m.Dict:
    """Draw the race in one bracket: by default the present one."""
    if not fates.scheduler and not fates.brackets:
        return empty("Trials race where a scheduler gives them steps: wb.optimize(..., scheduler=wb.Hyperband(max_steps=81)).",
                     height=HEIGHT)
    shown = fates.present if bracket is None else bracket
    ranked = order(fates, shown)
    if not ranked:
        return empty(_not_begun(fates, shown), height=HEIGHT)
    lanes = few(ranked)
    budgets = fates.budgets
    rank = _ranks(ranked)
    data = [_to_go(lanes, budgets)] if any(f.goal > f.step for f in lanes if f.status in ("running", "promoted")) else []
    for status in STATUSES:
        some = [(y, f) for y, f in enumerate(lanes, start=1) if f.status == status]
        on = [(y, f) for y, f in some if brushed is None or f.trial in brushed]
        off = [(y, f) for y, f in some if brushed is not None and f.trial not in brushed]
        data += _bars(trials, fates, on, status, rank, len(lanes))
        data += [{**trace, "opacity": 0.2, "showlegend": False} for trace in _bars(trials, fates, off, status, rank, len(lanes))]
    layout = _layout(fates, shown, lanes, len(ranked))
    at = next((y for y, f in enumerate(lanes, start=1) if f.trial == selected), None)
    if at is not None:
        layout["shapes"].insert(0, {"type": "rect", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": at - 0.5,
                                    "y1": at + 0.5, "line": {"color": m.ORANGE, "width": 1.5},
                                    "fillcolor": m.fade(m.ORANGE, 0.12)})
    return {"data": data, "layout": layout}


def few(ranked: list[Fate]) -> list[Fate]:
    """Keep all live lanes, and of the others the best, if there are too many for one picture."""
    if len(ranked) <= MAX_LANES:
        return ranked
    live = {f.trial for f in ranked if f.status in ("running", "promoted")}
    rest = [f.trial for f in ranked if f.trial not in live][:max(0, MAX_LANES - len(live))]
    keep = {*list(live)[:MAX_LANES], *rest}
    return [f for f in ranked if f.trial in keep]


def _ranks(ranked: list[Fate]) -> dict[int, str]:
    """Say of each trial its rank among those that have reached its highest rung, or a higher one."""
    known = {r: sorted(f.losses[r] for f in ranked if r in f.losses) for r in {r for f in ranked for r in f.losses}}
    return {f.trial: f"rank {1 + bisect_left(known[r], f.losses[r])} of {len(known[r])} at {_steps(r)}"
            for f in ranked if (r := f.reached)}


def _bars(trials: Trials, fates: Fates, some: list[tuple[int, Fate]], status: str, rank: dict[int, str], n: int) -> list[m.Dict]:
    """Draw the lanes of one fate: bars with gaps between them as one trace, their heads as another. More would cost time."""
    if not some:
        return []
    symbol, color = MARKS[status]
    lane = np.array([lane for lane, _ in some], dtype=float)
    head = ladder(np.array([f.step for _, f in some]), fates.budgets)
    x = np.stack([np.zeros(len(some)), head, np.full(len(some), np.nan)], axis=1).ravel()
    width, size = np.clip(0.7 * _LANES_PX / n, 2, 14), np.clip(1.6 * _LANES_PX / n, 7, 11)
    numbers = np.array([f.trial for _, f in some], dtype=float)
    whole = np.stack([numbers, numbers, np.full(len(some), np.nan)], axis=1).ravel()
    bars = whose.of_trials(m.line(x, np.repeat(lane, 3), status, m.fade(color, 0.45), width=float(width), legend=False), whole)
    heads = whose.of_trials(m.dots(head, lane, status, color, size=float(size), symbol=symbol), numbers)
    return [{**bars, "hoverinfo": "skip", "connectgaps": False},
            {**heads, "text": [_hover(trials, f, rank.get(f.trial, "")) for _, f in some]}]


def _to_go(lanes: list[Fate], budgets: tuple[int, ...]) -> m.Dict:
    """Draw how far those may run that are under way."""
    some = [(y, f) for y, f in enumerate(lanes, start=1) if f.status in ("running", "promoted") and f.goal > f.step]
    x = ladder(np.array([v for _, f in some for v in (f.step, f.goal, math.nan)], dtype=float), budgets)
    y = np.array([lane for lane, _ in some for _ in range(3)], dtype=float)
    return {**m.line(x, y, "granted", m.GREY, width=1.5, dash="dot"), "hoverinfo": "skip", "connectgaps": False}


def _layout(fates: Fates, shown: int, lanes: list[Fate], n: int) -> m.Dict:
    budgets, rungs = fates.budgets, fates.rungs(shown)
    known = {rung.r: _known(fates, shown, rung.r) for rung in rungs}
    lines = ladder([rung.r for rung in rungs], budgets).tolist()
    shapes = [{"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "layer": "below",
               "line": {"color": m.GREY, "width": 1.2, "dash": "dash"}} for x in lines]
    count = {rung.r: f"r{_sub(i)} = {rung.r}<br>{known[rung.r]}{f' of {rung.n}' if rung.n else ' there'}"
             for i, rung in enumerate(rungs)}  # as ticks: annotations would cost as much time again as all the rest
    if budgets:
        places = ladder(np.array([0, *budgets]), budgets)
        end = float(places[-1])
        x_axis = {"tickvals": places.tolist(), "ticktext": ["0", *(count.get(r, str(r)) for r in budgets)],
                  "range": [-0.02 * end, 1.03 * end]}
        title = "steps (rungs at equal distances)"
    else:
        longest = max([1, *(f.step for f in lanes)])
        x_axis, title = {"range": [-0.02 * longest, 1.05 * longest]}, "steps"
    ticks = sorted({1, len(lanes), *(round(v) for v in m.nice(1, len(lanes), log=False) if 1 < v < 0.96 * len(lanes))})
    return {"title": m.title(_finding(fates, shown, lanes, n)), "height": HEIGHT, "hovermode": "closest", "shapes": shapes,
            "margin": {"l": 52, "r": 28, "t": 34, "b": 96},
            "xaxis": {"title": {"text": title, "standoff": 4}, "showgrid": False, "zeroline": False, "fixedrange": True,
                      **x_axis},
            "yaxis": {"title": {"text": "rank, the best on top"}, "range": [len(lanes) + 0.7, 0.3], "tickvals": ticks,
                      "showgrid": False, "zeroline": False, "fixedrange": True},
            "legend": {"orientation": "h", "x": 0, "y": -78 / _LANES_PX, "yanchor": "top"},
            "showlegend": True}


def name_of(fates: Fates, bracket: int) -> str:
    """Name a bracket: its place in the round, and the round if there are several."""
    n = len(fates.plan)
    if not n:
        return "All trials"
    if n == 1:
        return f"Bracket {bracket + 1}"
    rounds = f" of round {bracket // n + 1}" if max(fates.brackets, default=0) >= n else ""
    return f"Bracket {bracket % n + 1} of {n}{rounds} (s = {len(fates.rungs(bracket)) - 1})"


def _known(fates: Fates, bracket: int, r: int) -> int:
    """Count the results of a rung. A trial that was interrupted has lost its place to another."""
    of = (fates.by_number[k] for k in list(fates.brackets.get(bracket, ())))
    return sum(r in f.losses and f.status != "interrupted" for f in of)


def _finding(fates: Fates, shown: int, lanes: list[Fate], n: int) -> str:
    of = [fates.by_number[k] for k in list(fates.brackets[shown])]
    racing = sum(f.status in ("running", "promoted") for f in of)
    waiting = sum(f.status == "waiting" for f in of)
    words = [f"{racing} may run"] if racing else []
    words += [f"{waiting} wait" + "s" * (waiting == 1)] if waiting else []
    if not any(f.status in LIVE for f in of):
        words = [f"over, won by trial {of_best.trial}" if (of_best := order(fates, shown)[0]).losses else "over"]
    cut = f" · {len(lanes)} of {n} lanes" if len(lanes) < n else ""
    return f"{name_of(fates, shown)}: {', '.join(words)}{cut}"


def _not_begun(fates: Fates, bracket: int) -> str:
    if not fates.plan:
        return "No trial yet. Press Start, or Step for one at a time."
    first = fates.rungs(bracket)[0]
    return (f"{name_of(fates, bracket)} has not begun. {first.n} trial{'s' * (first.n != 1)} will begin there, with "
            f"{_steps(first.r)}.")


def _steps(n: int) -> str:
    return f"{n} step{'s' * (n != 1)}"


def _sub(i: int) -> str:
    return str(i).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _value(trials: Trials, loss: float) -> str:
    value = trials.value(loss)
    assert value is not None
    return m.three(value)


def _hover(trials: Trials, f: Fate, rank: str) -> str:
    """Say of a trial: configuration, loss, rank, the scheduler's sentence, the last values of its curve."""
    t = trials.by_number[f.trial]
    lines = [whose.label(trials, t, f"{f.status}{', shelved' * f.shelved}")]
    if t.curve:
        lines += [rank] if rank else []
        if len(t.curve) > 1:
            lines.append("the last: " + ", ".join(_value(trials, loss) for _, loss in t.curve[-LAST:]))
    if len(f.losses) > 1:
        lines.append("on rungs: " + ", ".join(f"{_value(trials, f.losses[r])} ({r})" for r in sorted(f.losses)))
    if f.why is not None:
        lines += _wrapped(f.why.summary())
    return "<br>".join(lines)


@lru_cache(maxsize=4096)
def _wrapped(text: str) -> list[str]:
    return [f"<i>{safe(line)}</i>" for line in textwrap.wrap(text, 60)]


# ---- the table -------------------------------------------------------------------------------------------------------

def table(fates: Fates, bracket: int | None = None) -> m.Dict:
    """Tell the table of all brackets of the round as plain data: ``head``, ``rows`` and ``foot`` of cells.

    A cell is ``[text, hint, mark]``; marks are "now" where trials are on the way, "done" where all results are known, ""
    elsewhere.
    ``columns`` gives the bracket of each column, ``shown`` that of the picture.
    """
    shown = fates.present if bracket is None else bracket
    if not fates.plan:
        return _one_ladder(fates)
    n = len(fates.plan)
    round_at = shown // n * n
    columns = [round_at + k for k in range(n)]
    head = [["", "", ""], *([f"s = {len(fates.rungs(k)) - 1}", name_of(fates, k), ""] for k in columns)]
    deepest = max(len(b) for b in fates.plan)
    rows = [[[f"i = {i}", "", ""], *(_cell(fates, k, i) for k in columns)] for i in range(deepest)]
    costs = ((tables.cost, "steps", "Steps of the bracket, no step run twice: trials go on where they stopped"),
             (tables.cost_from_the_start, "from the start", "Steps if every rung trained from the start, as Algorithm 1 counts"))
    foot = [[[words, hint, ""], *([f"{count(fates.rungs(k))}", hint, ""] for k in columns)] for count, words, hint in costs]
    total, anew = (sum(map(count, fates.plan)) for count in (tables.cost, tables.cost_from_the_start))
    return {"head": head, "rows": rows, "foot": foot, "columns": columns, "shown": shown,
            "words": f"n × r: n trials get r steps. A round takes {total} steps; from the start on each rung it would be {anew}."}


def _cell(fates: Fates, bracket: int, i: int) -> list[str]:
    rungs = fates.rungs(bracket)
    if i >= len(rungs):
        return ["", "", ""]
    rung = rungs[i]
    of = [fates.by_number[k] for k in list(fates.brackets.get(bracket, ()))]
    known = _known(fates, bracket, rung.r)
    running = sum(f.status in ("running", "promoted") and f.rung == i for f in of)
    hint = (f"{name_of(fates, bracket)}, rung {i + 1}: {rung.n} trial{'s' * (rung.n != 1)} to {_steps(rung.r)}; {known} known, "
            f"{running} on the way")
    return [f"{rung.n} × {rung.r}", hint, "now" if running else "done" if known >= rung.n else ""]


def _one_ladder(fates: Fates) -> m.Dict:
    """Of a scheduler without brackets: how many have come how far."""
    of = list(fates.by_number.values())
    words = ("reached it", "on the way", "wait there")
    rows = []
    for i, r in enumerate(fates.budgets):
        known = sum(r in f.losses for f in of)
        running = sum(f.status in ("running", "promoted") and f.rung == i for f in of)
        waiting = sum(f.status == "waiting" and f.rung == i for f in of)
        mark = "now" if running else ""
        rows.append([[f"r = {r}", "", ""], [str(known), "", ""], [str(running), "", mark], [str(waiting), "", ""]])
    head = [["", "", ""], *([word, "", ""] for word in words)]
    return {"head": head if rows else [], "rows": rows, "foot": [], "columns": [], "shown": 0, "words": ""}
