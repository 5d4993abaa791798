"""Which trial each mark of a picture is of: for hover labels, clicks, brushes, and the mark of a trial in other pictures.

A trace whose ``meta`` is ``"trials"`` has the number of a trial as (first column of) its ``customdata``. The words on each trial
stand once, in ``layout.meta.trials``, and are put where ``%{text}`` is in a hover label when the picture is shown: a line of ten
points would carry them ten times.

Pictures of models are made of a history, which knows rows and no numbers. There ``meta`` is ``"rows"`` at first; ``named`` turns
rows into trials.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.plots import marks as m
from workbench.plots.figure import safe
from workbench.space import Array
from workbench.trials import Trial, Trials

FADED = 0.12  # opacity of what is not brushed
MOST = 14  # parameters in a label
WIDTH = 40  # characters of a value
MARKS = 400  # of one trace of a model's picture; of more, brushed ones, the newest, and an even choice of the others


def label(trials: Trials, t: Trial, state: str = "") -> str:
    """Say in the user's own names what a trial tried, what came of it, and how long it took: a hover label.

    ``state`` says it in other words than the trial's own, such as those of a scheduler.
    """
    words = [f"<b>trial {t.number}</b>", safe(state or t.state)]
    if t.seconds is not None:
        words.append(f"{m.three(t.seconds)} s")
    shown = [f"{safe(m.cut(k, WIDTH))} = {safe(_short(v))}" for k, v in list(t.config.items())[:MOST]]
    more = [f"… {len(t.config) - MOST} more"] if len(t.config) > MOST else []
    return "<br>".join([" · ".join(words), *_values(trials, t), *shown, *more])


def _values(trials: Trials, t: Trial) -> list[str]:
    goals = trials.goals
    if goals.several:
        return [f"{safe(m.cut(name))} {m.three(v)}" for name, v in zip(goals.labels, trials.values(t.losses), strict=False)]
    loss = t.loss if t.loss is not None or not t.curve else t.curve[-1][1]
    value = trials.value(loss)
    word = "value" if trials.maximize else "loss"
    after = f" after {t.n_steps} step{'s' * (t.n_steps != 1)}" if t.curve else ""
    return [] if value is None else [f"{word} {m.three(value)}{after}"]


def _short(value: Any) -> str:
    return m.three(value) if isinstance(value, float) else m.cut(value, WIDTH)


def of_trials(trace: m.Dict, numbers: Any, more: str = "", *, columns: Sequence[Any] = ()) -> m.Dict:
    """Say of which trial each point of a trace is.

    Parameters
    ----------
    numbers
        One for each point; nan in a gap between two lines.
    more
        What the label says below the words on the trial; in plotly's language, with further ``columns`` as ``customdata[1]``, ….
    """
    first = np.asarray(numbers, dtype=float)
    data = np.column_stack([first, *columns]) if columns else first
    return {**trace, "customdata": data, "meta": "trials", "hovertemplate": "%{text}" + (f"<br>{more}" if more else "")
            + "<extra></extra>"}


def of_rows(trace: m.Dict, rows: Any, *, keep: bool = False) -> m.Dict:
    """Say of which row of the history each point is; ``keep``: the trace's own text stays below the words on the trial."""
    return {**trace, "customdata": np.asarray(rows, dtype=float), "meta": "rows and words" if keep else "rows"}


def matching(points: Array, among: Array) -> Array:
    """Return for each point (k, d) the row of ``among`` (n, d) that equals it; nan where none does, or several do."""
    rows: dict[bytes, float] = {}
    for i, row in enumerate(np.ascontiguousarray(among, dtype=float)):
        key = row.tobytes()
        rows[key] = np.nan if key in rows else i
    return np.array([rows.get(p.tobytes(), np.nan) for p in np.ascontiguousarray(points, dtype=float)], dtype=float)


def marked(trace: m.Dict) -> bool:
    """Whether the points of a trace are trials."""
    return trace.get("meta") == "trials"


def numbers_of(trace: m.Dict) -> Array:
    """Return the trial of each point of a trace that is made of trials."""
    data = np.asarray(trace["customdata"], dtype=float)
    return data[:, 0] if data.ndim == 2 else data


def labelled(figure: dict[str, Any], trials: Trials, states: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Add the words on each trial that is drawn; ``states`` in other words than the trials' own."""
    drawn = sorted({int(k) for trace in figure["data"] if marked(trace)
                    for k in np.unique(numbers_of(trace)) if np.isfinite(k)})
    states = states or {}
    words = {str(k): label(trials, t, states.get(k, "")) for k in drawn if (t := trials.by_number.get(k)) is not None}
    layout = figure["layout"]
    return {**figure, "layout": {**layout, "meta": {**layout.get("meta", {}), "trials": words}}}


def faded(numbers: Iterable[float], brushed: frozenset[int] | None, opacity: Any = 1.0) -> Array:
    """Return the opacity of each point: what is not brushed fades."""
    n = np.asarray(numbers, dtype=float)
    on = np.ones(len(n), dtype=bool) if brushed is None else np.isin(n, list(brushed))
    return np.where(on, opacity, FADED)


def named(figure: dict[str, Any], trials: Trials, numbers: Sequence[int], *, brushed: frozenset[int] | None = None,
          selected: int | None = None) -> dict[str, Any]:
    """Turn rows of a history into trials, fade what is not brushed, and ring the selected trial.

    Parameters
    ----------
    numbers
        Trial of each row, those that were still running then after the others.
    """
    whose = np.array([*map(float, numbers), np.nan])
    data, rings = list[m.Dict](), list[m.Dict]()
    for trace in figure["data"]:
        meta = trace.get("meta")
        if meta not in ("rows", "rows and words"):
            data.append(trace)
            continue
        rows = numbers_of(trace)
        keep = _few(rows, whose, brushed, selected)
        if len(keep) < len(rows):
            trace, rows = _taken(trace, keep, len(rows)), rows[keep]
        known = np.isfinite(rows) & (rows < len(numbers))
        who = whose[np.where(known, rows, len(numbers)).astype(int)]
        own = trace.get("text") if meta == "rows and words" else None
        new = {**{k: v for k, v in trace.items() if k != "text"}, "customdata": who, "meta": "trials",
               "hovertemplate": "%{text}" + ("<br>%{hovertext}" if own is not None else "") + "<extra></extra>"}
        if own is not None:
            new["hovertext"] = own
        if brushed is not None:
            marker = dict(trace["marker"])
            new["marker"] = {**marker, "opacity": faded(who, brushed, marker.get("opacity", 1.0))}
        data.append(new)
        at = np.flatnonzero(who == (np.nan if selected is None else selected))
        if len(at):
            x, y = (np.asarray(trace[k])[at] for k in "xy")
            ring = m.dots(x, y, "picked", m.ORANGE, size=17, symbol="circle-open", legend=not rings)
            rings.append({**of_trials(ring, who[at]), "xaxis": trace.get("xaxis", "x"), "yaxis": trace.get("yaxis", "y")})
    return labelled({**figure, "data": data + rings}, trials)


def _few(rows: Array, whose: Array, brushed: frozenset[int] | None, selected: int | None) -> NDArray[np.intp]:
    """Choose the points to draw."""
    n = len(rows)
    if n <= MARKS:
        return np.arange(n)
    who = whose[np.where(np.isfinite(rows) & (rows < len(whose) - 1), rows, len(whose) - 1).astype(int)]
    on = np.flatnonzero(np.isin(who, [] if brushed is None else list(brushed)))
    some = on[np.linspace(0, len(on) - 1, min(len(on), MARKS // 2)).astype(int)]
    new, old = np.arange(n - MARKS // 4, n), np.linspace(0, n - 1, MARKS - len(some) - MARKS // 4).astype(int)
    return np.unique(np.concatenate([some, new, old, np.flatnonzero(who == (np.nan if selected is None else selected))]))


def _taken(trace: Any, keep: NDArray[np.intp], n: int) -> Any:
    """Take some points of a trace: from everything in it that has one entry a point."""
    if isinstance(trace, dict):
        return {k: _taken(v, keep, n) for k, v in trace.items()}
    if isinstance(trace, np.ndarray):
        return trace[keep] if len(trace) == n else trace
    if isinstance(trace, list):
        return [trace[i] for i in keep.tolist()] if len(trace) == n else trace
    return trace


def filled(figure: dict[str, Any]) -> list[m.Dict]:
    """Return the traces with the words on each trial at each of its points, as plotly itself wants them."""
    words = (figure["layout"].get("meta") or {}).get("trials", {})
    return [{**t, "text": [words.get(str(int(k)), f"trial {k:.0f}") if np.isfinite(k) else "" for k in numbers_of(t)]}
            if marked(t) and "text" not in t else t for t in figure["data"]]
