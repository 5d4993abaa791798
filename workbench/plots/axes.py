"""One axis per parameter, for pictures that hold many of them: from a value to a place in [0, 1], and back.

An axis spans the declared range and whatever was tried outside of it (a range may have been edited since), so that no
value is ever moved. Without a declared space it spans what was tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.scale import is_number
from workbench.space import Array, Choice, Param, Space
from workbench.trials import Trials

FEW = 12  # up to so many levels each gets a tick
MANY_TICKS = 16  # names of options on one axis; of more, every second, third, …
LOSS = "value"
_ABSENT = object()


@dataclass(frozen=True)
class Axis:
    """An axis; values are first turned into coordinates: numbers as they are, options into their position.

    Attributes
    ----------
    key
        ``"param:lr"`` for a parameter, ``"value"`` for the loss; of several, ``"value:0"``, ``"value:1"``, …
    label
        What a person calls it.
    low, high
        Coordinates of its two ends.
    log
        Whether places follow the logarithm.
    options
        The options of a choice, in order; None for numbers.
    levels
        Coordinates that can occur, if they are few: ticks stand there.
    """

    key: str
    label: str
    low: float
    high: float
    log: bool = False
    options: tuple[Any, ...] | None = None
    levels: tuple[float, ...] = ()

    def coordinate(self, value: Any) -> float:
        """Turn a value into a coordinate; nan for what has none."""
        if self.options is not None:
            return float(self._position.get(_kind(value), math.nan))
        return float(value) if is_number(value) else math.nan

    @cached_property
    def _position(self) -> dict[Any, int]:
        return {_kind(o): k for k, o in enumerate(self.options or ())}

    def place(self, coordinate: Any) -> Array:
        """Turn coordinates into places between 0, the low end, and 1."""
        c, low, high = np.asarray(coordinate, dtype=float), self.low, self.high
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                c = np.where(c > 0, np.log(c), np.nan)
            low, high = math.log(low), math.log(high)
        return np.asarray((c / 2 - low / 2) / (high / 2 - low / 2))  # halves: a range may be as wide as floats go

    def at(self, place: float) -> float:
        """Turn a place into the coordinate there."""
        if self.log:
            return math.exp(math.log(self.low) + place * (math.log(self.high) - math.log(self.low)))
        return self.low * (1 - place) + self.high * place

    def text(self, coordinate: float) -> str:
        """Write a coordinate as a person would."""
        if self.options is not None:
            return str(self.options[min(max(round(coordinate), 0), len(self.options) - 1)])
        if self.log and coordinate > 0:
            return m.power(coordinate) if math.log10(coordinate).is_integer() else m.three(coordinate)
        return f"{coordinate:.4g}".replace("-", "−")

    def ticks(self) -> tuple[Array, list[str]]:
        """Return places and texts of the ticks: every level of a few, else round numbers."""
        if self.options is not None:
            at: Sequence[float] = range(0, len(self.options), -(-len(self.options) // MANY_TICKS))
        else:
            at = self.levels or m.nice(self.low, self.high, log=self.log)
        return self.place(np.array(at, dtype=float)), [m.cut(self.text(c), 14) for c in at]


def _kind(value: Any) -> tuple[bool, Any]:
    """True and 1 are different options, 1 and 1.0 the same."""
    try:
        hash(value)
    except TypeError:
        value = repr(value)
    return isinstance(value, bool), value


def axes_of(trials: Trials, values: Array) -> list[Axis]:
    """Make an axis per parameter, in the order of the space, and one per loss, of values (n, m) in the user's sign."""
    declared = Space.from_json(trials.started.space) if trials.started is not None and trials.started.space else None
    configs = [t.config for t in list(trials.by_number.values())]
    names = list(dict.fromkeys([*(declared or ()), *(k for c in configs for k in c)]))
    made = []
    for name in names:
        tried = [v for c in configs if (v := c.get(name, _ABSENT)) is not _ABSENT]
        made.append(_axis(name, declared[name] if declared is not None and name in declared.params else None, tried))
    labels = trials.goals.labels or ("value" if trials.maximize else "loss",)
    keys = [f"{LOSS}:{k}" for k in range(len(labels))] if len(labels) > 1 else [LOSS]
    return [*made, *(_loss_axis(key, label, v) for key, label, v in zip(keys, labels, values.T, strict=True))]


def _axis(name: str, p: Param | None, tried: Iterable[Any]) -> Axis:
    tried = list(tried)
    if isinstance(p, Choice) or not all(is_number(v) for v in tried):
        known = list(p.options) if isinstance(p, Choice) else []
        options = tuple({_kind(v): v for v in [*known, *tried]}.values()) or ("",)
        return Axis(f"param:{name}", name, -0.5, len(options) - 0.5, options=options)
    values = [float(v) for v in tried] + ([] if p is None else [float(p.low), float(p.high)])
    if p is None:
        log = min(values) > 0 and max(values) / min(values) > 100
        whole = all(isinstance(v, int) for v in tried) and max(values) - min(values) < FEW
        levels = [float(k) for k in range(int(min(values)), int(max(values)) + 1)] if whole else []
    else:
        log = p.log and min(values) > 0
        levels = [float(v) for v in p.values()] if p.n_levels is not None and p.n_levels <= FEW else []
    low, high = _apart(min(values), max(values))
    return Axis(f"param:{name}", name, low, high, log=log and low > 0, levels=tuple(levels))


def _loss_axis(key: str, label: str, values: Array) -> Axis:
    from workbench.plots.history import use_log

    finite = values[np.isfinite(values)]
    if not len(finite):
        return Axis(key, label, 0.0, 1.0)
    low, high = _apart(float(finite.min()), float(finite.max()))
    return Axis(key, label, low, high, log=use_log(finite) and low > 0)


def _apart(low: float, high: float) -> tuple[float, float]:
    """Give the ends of an axis some distance if there is but one value."""
    if high > low:
        return low, high
    pad = 0.5 * abs(low) or 0.5
    return low - pad, high + pad
