"""What can be said of one trial among the others, as plain data: rank, where its values stand, neighbours, who did it when."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.fates import Fates
from workbench.plots import marks as m
from workbench.plots.axes import Axis
from workbench.plots.coordinates import Table
from workbench.space import Array
from workbench.timeline import Timeline
from workbench.trials import Trial, Trials
from workbench_widgets.words import number, short, value_of

_NONE = object()


def ordinal(k: int) -> str:
    """1 -> "1st", 12 -> "12th", 23 -> "23rd"."""
    ending = "th" if k % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k}{ending}"


def rank(trials: Trials, t: Trial) -> str:
    """Say where a trial stands among the complete ones: "3rd of 42"; of several losses whether others dominate it."""
    if trials.goals.several:
        if t.state != "complete" or not t.losses:
            return ""
        n = sum(_dominates(o.losses, t.losses) for o in list(trials.by_number.values()) if o.state == "complete" and o.losses)
        return "in the Pareto set" if not n else f"dominated by {n} trial{'s' * (n != 1)}"
    if t.state != "complete" or t.loss is None or not math.isfinite(t.loss):
        return ""
    losses = sorted(o.loss for o in list(trials.by_number.values())
                    if o.state == "complete" and o.loss is not None and math.isfinite(o.loss))
    return f"{ordinal(1 + bisect.bisect_left(losses, t.loss))} of {len(losses)}"


def _dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same to a person: True and 1 are not, 1 and 1.0 are."""
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Name the parameters in which two configurations differ, those that only one of them has included."""
    names = dict.fromkeys([*a, *b])
    return [k for k in names if not same(a.get(k, _NONE), b.get(k, _NONE))]


def rows(t: Trial, beside: Trial | None, axes: list[Axis]) -> list[dict[str, Any]]:
    """Tell a configuration parameter by parameter.

    Each row holds the name, the value, ``place`` in its range (0 to 1; None where it has none) with the range in words, and of
    the trial beside it value, place, and how far this one is from it.
    """
    of = {a.label: a for a in axes if a.key.startswith("param:")}
    other = {} if beside is None else beside.config
    names = dict.fromkeys([*(k for k in of if k in t.config or k in other), *t.config, *other])
    return [_row(name, t.config.get(name, _NONE), other.get(name, _NONE), of.get(name)) for name in names]


def _row(name: str, value: Any, other: Any, axis: Axis | None) -> dict[str, Any]:
    return {"name": name, "value": _text(value), "full": "" if value is _NONE else m.cut(repr(value), 2000),
            "place": _place(value, axis), "range": "" if axis is None else _range(axis),
            "beside": _text(other), "beside_place": _place(other, axis),
            "differs": not same(value, other), "difference": _difference(value, other, axis)}


def _text(value: Any) -> str:
    return "–" if value is _NONE else short(value)


def _place(value: Any, axis: Axis | None) -> float | None:
    if axis is None or value is _NONE:
        return None
    place = float(axis.place(axis.coordinate(value)))
    return round(min(max(place, 0.0), 1.0), 4) if math.isfinite(place) else None


def _range(axis: Axis) -> str:
    if axis.options is not None:
        return f"one of {len(axis.options)}"
    return f"{axis.text(axis.low)} – {axis.text(axis.high)}{', log' if axis.log else ''}"


def _difference(value: Any, other: Any, axis: Axis | None) -> str:
    """Write how far a value is from another: a factor on a log scale, otherwise a difference."""
    if value is _NONE or other is _NONE:
        return "" if value is other else "only here" if other is _NONE else "only there"
    if same(value, other):
        return "="
    if axis is None or axis.options is not None or isinstance(value, str):
        return "other"
    if axis.log and value > 0 and other > 0:
        return f"× {number(value / other)}"
    gap = value - other
    return f"{'+' if gap > 0 else '−'}{number(abs(gap))}"


# ---- neighbours --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Neighbour:
    """A trial that tried something similar; ``distance`` is 0 for the same configuration, 1 for the opposite corner."""

    trial: Trial
    distance: float


def neighbours(t: Trial, table: Table, n: int = 3) -> list[Neighbour]:
    """Return the nearest configurations that were tried, by the root of the mean squared distance over all parameters.

    A parameter counts as far as its places on the axis are apart; two options are 1 apart, and so are having a parameter and
    not having it.
    """
    axes = [a for a in table.axes if a.key.startswith("param:")]
    others = [i for i, o in enumerate(table.trials) if o.number != t.number]
    if not axes or not others:
        return []
    own = np.array([a.coordinate(t.config[a.label]) if a.label in t.config else np.nan for a in axes])
    gaps = np.stack([_gaps(a, table.coordinates[others, j], own[j]) for j, a in enumerate(axes)], axis=1)
    distances = np.sqrt((gaps**2).mean(axis=1))
    nearest = sorted(range(len(others)), key=lambda i: (distances[i], -table.trials[others[i]].number))[:n]
    return [Neighbour(table.trials[others[i]], float(distances[i])) for i in nearest]


def _gaps(axis: Axis, column: Array, own: float) -> Array:
    """Distances of the values of one parameter to one value, each between 0 and 1."""
    if axis.options is not None:
        apart = (column != own).astype(float)
    else:
        apart = np.abs(axis.place(column) - axis.place(own))
    one, none = np.isnan(column) != np.isnan(own), np.isnan(column) & np.isnan(own)
    return np.asarray(np.where(none, 0.0, np.where(one, 1.0, np.minimum(apart, 1.0))))


def near(trials: Trials, t: Trial, table: Table) -> list[dict[str, Any]]:
    """Tell of the neighbours: who, how far away, what they differ in, and their values."""
    found = []
    for k in neighbours(t, table):
        names = differing(t.config, k.trial.config)
        parts = [f"{m.cut(name)} {_text(k.trial.config.get(name, _NONE))}" for name in names[:4]]
        words = ", ".join(parts) + (f", … {len(names) - 4} more" if len(names) > 4 else "")
        found.append({"trial": k.trial.number, "state": k.trial.state, "value": value_of(trials, k.trial),
                      "distance": m.three(k.distance), "differs": words or "the same configuration"})
    return found


# ---- who, when, how far ------------------------------------------------------------------------------------------------


def facts(t: Trial, fates: Fates, timeline: Timeline, clock: str) -> list[list[str]]:
    """Tell times, worker, steps, and what a scheduler made of a trial, as pairs of a word and a text."""
    found = [["begun", clock]] if clock else []
    if t.seconds is not None:
        found.append(["took", f"{number(t.seconds)} s"])
    work = [s for s in list(timeline.stretches) if s.trial == t.number]
    if work:
        workers = sorted({s.worker + 1 for s in work})
        found.append(["worker" if len(workers) == 1 else "workers", ", ".join(map(str, workers))])
        if len(work) > 1:
            spent = sum((timeline.now if s.end is None else s.end) - s.start for s in work)
            found.append(["work", f"{len(work)} stretches, {number(spent)} s"])
    if t.n_steps:
        found.append(["steps", str(t.n_steps)])
    fate = fates.by_number.get(t.number) if fates.scheduler else None
    if fate is not None:
        if fates.bracketed:
            found.append(["bracket", str(fate.bracket + 1)])
        if fates.budgets:
            to = f", to {fate.goal} step{'s' * (fate.goal != 1)}" if fate.goal else ""
            found.append(["rung", f"{fate.rung + 1} of {len(fates.rungs(fate.bracket))}{to}"])
        found.append(["scheduler", fate.status + (", shelved" if fate.shelved else "")])
    return found
