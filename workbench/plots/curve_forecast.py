"""How a learning curve may go on, by the look that was taken at it; and all looks of a run under another δ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.fidelity.curve_stop import LEVELS, CurveForecast
from workbench.looks import OUTCOMES, Looks, Outcome
from workbench.plots import marks as m
from workbench.plots import whose
from workbench.plots.figure import empty
from workbench.trials import Trials

HEIGHT = 380
FEWEST_P = 1e-4  # lower probabilities are drawn here
MAX_FAMILIES = 11
MAX_DRAWN = 300  # trials in the picture of all looks: what a page draws several times a second
GOLDEN = 0.6180339887498949
COLORS: dict[Outcome, str] = {"stopped rightly": m.GREEN, "stopped wrongly": m.RED, "stopped, nobody knows": m.GREY,
                              "goes on": m.BLUE, "goes on, nobody knows": m.PURPLE}
NONE = "A run with the scheduler wb.CurveStop(max_steps) looks at learning curves as soon as one trial is complete."


# ---- one look ----------------------------------------------------------------------------------------------------------


def forecast(curve: Sequence[tuple[int, float]], look: CurveForecast, *, sign: float = 1.0, of: str = "",
             rest: bool = True) -> dict[str, Any]:
    """Draw a curve of losses, the forecast of a look to T, the best so far, and beside it the families' weights.

    Parameters
    ----------
    curve
        (step, loss) of the trial. What came after the look is drawn as dots, if ``rest``.
    sign
        -1 if the user's values are maximised.
    of
        What the title begins with.
    """
    seen = np.array([p for p in curve if p[0] <= look.step], dtype=float).reshape(-1, 2)
    after = np.array([p for p in curve if p[0] > look.step], dtype=float).reshape(-1, 2) if rest else np.empty((0, 2))
    at, fan = np.array(look.ahead, dtype=float), sign * np.array(look.quantiles)
    data = [*m.band(at, fan[0], fan[-1], "80 %", m.BLUE, alpha=0.15), *m.band(at, fan[1], fan[-2], "50 %", m.BLUE, alpha=0.3),
            m.line(at, fan[len(LEVELS) // 2], "median", m.BLUE, dash="dash"),
            {**m.line(seen[:, 0], _finite(sign * seen[:, 1]), "seen", m.ORANGE, width=3),
             "mode": "lines+markers" if len(seen) < 3 else "lines"}]
    for trace in data:
        trace["hovertemplate"] = "step %{x:.0f}: %{y:.4g}<extra>" + str(trace["name"]) + "</extra>"
    if len(after):
        data.append(m.dots(after[:, 0], _finite(sign * after[:, 1]), "what came", m.GREEN, size=4,
                           hover="step %{x}: %{y:.4g}"))
    data.append({**_weights(look), "xaxis": "x2", "yaxis": "y2"})
    word = "stopped" if look.action == "stop" else "goes on"
    title = f"{of}P(better at {look.max_steps}) = {percent(look.probability)}, δ = {percent(look.delta)}: {word}"
    late = seen[seen[:, 0] >= look.step / 8]  # the first steps may be far off: they are above the picture then
    values = np.concatenate([late[:, 1], after[:, 1], fan[:, -1] * sign, [look.best]])
    low, high = m.room(sign * values[np.isfinite(values)])
    best = f"best so far, {m.three(sign * look.best)}" + (f" (trial {look.best_trial})" if look.best_trial >= 0 else "")
    layout: m.Dict = {
        "title": m.title(title), "height": HEIGHT, "hovermode": "closest", "margin": {"l": 60, "r": 16, "t": 62, "b": 46},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "shapes": [m.level(sign * look.best, m.RED, dash="dot"), m.upright(look.step, m.GREY, dash="dot")[0]],
        "annotations": [{"xref": "x domain", "yref": "y", "x": 0.01, "y": sign * look.best, "text": best, "showarrow": False,
                         "xanchor": "left", "yanchor": "top" if sign > 0 else "bottom", "font": {"color": m.RED, "size": 12}}],
        "xaxis": {"title": {"text": "step", "standoff": 4}, "domain": [0, 0.66], "anchor": "y",
                  "range": [0, 1.02 * look.max_steps]},
        "yaxis": {"title": {"text": "value" if sign < 0 else "loss"}, "anchor": "x", "range": [low, high]},
        "xaxis2": {"title": {"text": "weight", "standoff": 4}, "domain": [0.83, 1], "anchor": "y2",
                   "rangemode": "tozero", "tickformat": ".0%", "nticks": 3, "fixedrange": True},
        "yaxis2": {"anchor": "x2", "autorange": "reversed", "fixedrange": True, "showgrid": False}}
    return {"data": data, "layout": layout}


def _weights(look: CurveForecast) -> m.Dict:
    """Bars of the families' weights, the heaviest on top."""
    some = look.weights[:MAX_FAMILIES]
    return {"type": "bar", "orientation": "h", "x": np.array([w for _, w in some]), "y": [name for name, _ in some],
            "marker": {"color": m.PURPLE}, "showlegend": False, "name": "weight",
            "hovertemplate": "%{y}: %{x:.1%}<extra></extra>"}


def of_trial(trials: Trials, looks: Looks, trial: int | None, which: int = -1) -> dict[str, Any]:
    """Draw a look at a trial of a run: the last one, or that of another place; by default of the newest trial with looks."""
    if not looks.by_trial:
        return empty(NONE, height=HEIGHT)
    chosen = looks.newest if trial is None or trial not in trials.by_number else trial
    assert chosen is not None
    if chosen not in looks.by_trial:
        return empty(f"Nobody has looked at the curve of trial {chosen}: no other was complete, or it ended before.",
                     height=HEIGHT)
    some = looks.by_trial[chosen]
    sign = -1.0 if trials.maximize else 1.0
    curve = [(step, loss) for step, loss in trials.by_number[chosen].curve if not isinstance(loss, tuple)]
    drawn = forecast(curve, some[which], sign=sign, of=f"Trial {chosen} after {some[which].step}: ")
    data = [whose.of_trials(trace, np.full(len(trace["x"]), chosen), "step %{x:.0f}: %{y:.4g}")
            if trace["name"] in ("seen", "what came") else trace for trace in drawn["data"]]
    return whose.labelled({**drawn, "data": data}, trials)


# ---- all looks ---------------------------------------------------------------------------------------------------------


def all_looks(looks: Looks, delta: float, selected: int | None = None, *, trials: Trials | None = None,
              brushed: frozenset[int] | None = None) -> dict[str, Any]:
    """Draw P at each look over the step of the look, a line a trial, coloured by what this δ would have made of it.

    ``trials`` tell what stands in hover labels; trials that are not brushed fade.
    """
    if not looks.by_trial:
        return empty(NONE, height=HEIGHT)
    judged = looks.judge(delta)
    drawn = _drawn([j.trial for j in judged], brushed)
    data = []
    for outcome in OUTCOMES:
        some = [j.trial for j in judged if j.outcome == outcome]
        on = [k for k in some if k in drawn and (brushed is None or k in brushed)]
        off = [k for k in some if k in drawn and brushed is not None and k not in brushed]
        name = f"{outcome} ({len(some)})"
        if off:
            faint = _lines(looks, off, name, COLORS[outcome])
            data.append({**faint, "opacity": whose.FADED, "showlegend": not on})
        if on:
            data.append(_lines(looks, on, name, COLORS[outcome]))
    if selected in looks.by_trial:
        line = _lines(looks, [selected], f"trial {selected}", m.ORANGE)
        data.append({**line, "line": {"color": m.ORANGE, "width": 3}})
    stops = [(j.look, j) for j in judged if j.look is not None and j.trial in drawn]
    if stops:
        x, y = np.array([look.step for look, _ in stops]), np.array([_p(look) for look, _ in stops])
        rings, numbers = m.dots(x, y, "would stop here", m.RED, size=11, symbol="circle-open"), [j.trial for _, j in stops]
        rings["marker"]["opacity"] = whose.faded(numbers, brushed)
        data.append({**whose.of_trials(rings, numbers), "hoverinfo": "skip", "hovertemplate": None})
    line_at = max(delta, FEWEST_P)
    T = looks.by_trial[judged[0].trial][0].max_steps
    ticks = [1.0, 0.5, 0.1, 0.01, 0.001, FEWEST_P]
    beside = "" if len(drawn) == len(judged) else f" · {len(drawn)} of {len(judged)} trials are drawn"
    picture = {"data": data, "layout": {
        "title": m.title(finding(looks, delta)), "height": HEIGHT, "hovermode": "closest",
        "shapes": [m.level(line_at, m.RED, dash="dash")],
        "annotations": [{"xref": "x domain", "yref": "y", "x": 0.99, "y": math.log10(line_at), "text": f"δ = {delta:.2g}",
                         "showarrow": False, "xanchor": "right", "yanchor": "bottom", "font": {"color": m.RED, "size": 12}}],
        "xaxis": {"title": {"text": f"step of the look{beside}", "standoff": 4}, "range": [0, 1.02 * T]},
        "yaxis": {"title": {"text": f"P(better at {T})"}, "type": "log", "range": [math.log10(FEWEST_P) - 0.15, 0.15],
                  "tickvals": ticks, "ticktext": ["1", "0.5", "0.1", "0.01", "0.001", "≤ 0.0001"]},
        "legend": {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"}, "margin": {"l": 70, "r": 16, "t": 40, "b": 90}}}
    return whose.labelled(picture, Trials() if trials is None else trials)


def _drawn(numbers: list[int], brushed: frozenset[int] | None) -> frozenset[int]:
    """Choose the trials to draw: all of a few, else some that spread evenly; a third of the room is for those not brushed."""
    spread = sorted(numbers, key=lambda k: k * GOLDEN % 1.0)
    on = [k for k in spread if brushed is None or k in brushed]
    off = [k for k in spread if brushed is not None and k not in brushed]
    n_off = min(len(off), max(MAX_DRAWN // 3, MAX_DRAWN - len(on)))
    return frozenset(on[:MAX_DRAWN - n_off] + off[:n_off])


def finding(looks: Looks, delta: float) -> str:
    """Say whom this δ would have stopped, what that would have saved, and how often it would have been wrong."""
    judged = looks.judge(delta)
    if not judged:
        return "No look yet"
    stopped = [j for j in judged if j.look is not None]
    T = looks.by_trial[judged[0].trial][0].max_steps
    saved = sum(j.saved for j in stopped) / (T * len(judged))
    known = [j for j in stopped if j.outcome != "stopped, nobody knows"]
    wrong = sum(j.outcome == "stopped wrongly" for j in known)
    right = f"of {len(known)} whose end is known {wrong} wrongly" if known else "how rightly, nobody knows"
    return (f"δ = {delta:.2g} stops {len(stopped)} of {len(judged)} trials"
            + (f", {right}; {saved:.0%} of their steps saved" if stopped else ""))


def _lines(looks: Looks, some: list[int], name: str, color: str) -> m.Dict:
    """Several trials as one trace, with gaps between them."""
    x, y, numbers = list[float](), list[float](), list[int]()
    for trial in some:
        x += [*(float(look.step) for look in looks.by_trial[trial]), math.nan]
        y += [*(_p(look) for look in looks.by_trial[trial]), math.nan]
        numbers += [trial] * (len(looks.by_trial[trial]) + 1)
    trace = whose.of_trials(m.line(np.array(x), np.array(y), name, color, width=1), numbers, "step %{x}: P = %{y:.2g}")
    return {**trace, "mode": "lines+markers", "connectgaps": False, "marker": {"size": 6, "color": color}}


def _p(look: CurveForecast) -> float:
    return max(look.probability, FEWEST_P)


def _finite(values: Any) -> Any:
    return np.where(np.isfinite(values), values, np.nan)


def percent(p: float) -> str:
    """Write a probability: "12 %", "0.4 %", "below 0.01 %"."""
    if p < FEWEST_P:
        return "below 0.01 %"
    return f"{100 * p:.2g} %" if p < 0.995 else f"{100 * p:.0f} %"
