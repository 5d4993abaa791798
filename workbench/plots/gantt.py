"""Workers over time: a row for each, a bar for each stretch of work, coloured by the rung that it leads to.

Gaps are idle time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.timeline import Stretch, Timeline
from workbench.trials import Trials

MAX_BARS = 500
GOALS = ("#8c8c8c", "#5b6f9f", "#2b8cc4", "#009e73", "#b3a03a", "#e69f00", "#d55e00", "#cc79a7")  # few steps to many; repeated
ROW_PX = 34


def gantt(timeline: Timeline, selected: int | None = None, *, trials: Trials | None = None,
          brushed: frozenset[int] | None = None) -> m.Dict:
    """Draw who worked when; the title says which share of the workers' time was idle.

    ``trials`` tell what stands in hover labels; the work on trials that are not brushed fades.
    """
    drawn = compared({"": timeline}, selected, brushed)
    data = [whose.of_trials({**t, "hovertext": t["text"]}, t["customdata"], "%{hovertext}") for t in drawn["data"]]
    data = [{k: v for k, v in t.items() if k != "text"} for t in data]
    return whose.labelled({**drawn, "data": data}, Trials() if trials is None else trials)


def compared(timelines: Mapping[str, Timeline], selected: int | None = None, brushed: frozenset[int] | None = None) -> m.Dict:
    """Draw the workers of several runs above each other on one axis of time: ASHA beside a synchronous bracket, say."""
    drawn = {name: t for name, t in timelines.items() if t.stretches}
    if not drawn:
        return empty("Workers appear here as soon as the first trial runs.", height=260)
    cut = any(len(t.stretches) > MAX_BARS for t in drawn.values())
    rows, names, ticks = 0.0, list[str](), list[float]()
    bars: dict[int, list[tuple[float, Stretch, float]]] = {}  # by the steps they lead to: row, stretch, end
    for name, timeline in drawn.items():
        shown = timeline.stretches[-MAX_BARS:]
        n = max(timeline.n_workers, 1 + max(s.worker for s in shown))
        for s in shown:
            bars.setdefault(s.goal, []).append((rows + s.worker, s, timeline.now if s.end is None else s.end))
        ticks += [rows + k for k in range(n)]
        names += [f"{name} {k + 1}".strip() for k in range(n)]
        rows += n + (len(drawn) > 1) * 0.6
    first = min((s.start for some in bars.values() for _, s, _ in some), default=0.0) if cut else 0.0
    last = max(t.now for t in drawn.values())
    width = float(np.clip(0.62 * ROW_PX * min(1.0, 10 / len(ticks)), 4, 20))
    data = []
    for k, goal in enumerate(sorted(bars)):
        on = [bar for bar in bars[goal] if brushed is None or bar[1].trial in brushed]
        off = [bar for bar in bars[goal] if brushed is not None and bar[1].trial not in brushed]
        if off:
            faint = _bars(off, goal, GOALS[k % len(GOALS)], width, (last - first) / 1500)
            data.append({**faint, "opacity": 0.2, "showlegend": not on})
        if on:
            data.append(_bars(on, goal, GOALS[k % len(GOALS)], width, (last - first) / 1500))
    chosen = [(row, s, end) for some in bars.values() for row, s, end in some if s.trial == selected]
    if chosen:
        data.append({**_bars(chosen, 0, m.RED, width / 3, 0.0), "name": "picked"})
    height = 120 + round(ROW_PX * min(rows, 10))
    return {"data": data, "layout": {
        "title": m.title(_finding(drawn, cut)), "height": height, "hovermode": "closest",
        "xaxis": {"title": {"text": "seconds of the run, pauses left out", "standoff": 4}, "showgrid": False, "zeroline": False,
                  "range": [first - 0.01 * (last - first), last + 0.01 * (last - first)]},
        "yaxis": {"title": {"text": "worker"}, "tickvals": ticks, "ticktext": names, "range": [rows - 0.3, -0.7],
                  "showgrid": True, "zeroline": False, "fixedrange": True},
        "legend": {"orientation": "h", "x": 0, "y": -58 / max(height - 106, 1), "yanchor": "top", "itemsizing": "constant"},
        "margin": {"l": 52, "r": 22, "t": 36, "b": 74}}}


def _finding(drawn: Mapping[str, Timeline], cut: bool) -> str:
    words = []
    for name, t in drawn.items():
        idle = "…" if math.isnan(t.idle) else f"{100 * t.idle:.0f} %"
        words.append(f"{name}: {idle} idle" if name else f"Workers: {idle} of their time idle")
    return ", ".join(words) + (f" (the newest {MAX_BARS} stretches)" if cut else "")


def _bars(some: list[tuple[float, Stretch, float]], goal: int, color: str, width: float, gap: float) -> dict[str, Any]:
    """Draw the stretches to one rung as one trace, a hair's breadth apart."""
    x, y, text, numbers = [], [], [], []
    for row, s, end in some:
        close = max(end - min(gap, 0.3 * (end - s.start)), s.start)
        to = f", to {s.goal} step{'s' * (s.goal != 1)}" if s.goal else ""
        word = f"trial {s.trial}{to}<br>{m.three(end - s.start)} s, from {m.three(s.start)} s{'' if s.end else ', goes on'}"
        x += [s.start, (s.start + close) / 2, close, math.nan]
        y += [row] * 4
        text += [word, word, word, ""]
        numbers += [s.trial] * 4
    name = f"to {goal} step{'s' * (goal != 1)}" if goal else "work"
    return {"type": "scatter", "mode": "lines", "x": np.array(x), "y": np.array(y, dtype=float), "name": name,
            "connectgaps": False, "line": {"color": color, "width": width}, "customdata": np.array(numbers), "text": text,
            "hovertemplate": "%{text}<extra></extra>"}
