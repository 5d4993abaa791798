"""The scale of a number: its map to [0, 1], linear or logarithmic, with or without levels.

::

    u = (v - lo) / (hi - lo)                        linear
    u = (log v - log lo) / (log hi - log lo)        logarithmic

Without levels lo and hi are the ends of the range. K levels low, low + step, … cut [0, 1] into K cells: lo and hi then
lie half a step beyond the first and the last level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import SpaceError

Array = NDArray[np.float64]
Value = None | bool | int | float | str
When = tuple[tuple[str, tuple[Value, ...]], ...]  # ((parent, allowed values), ...): all must hold

MAX_TABLE = 65_536  # parameters with more levels than this can neither be a parent nor stand in a forbidden clause
MAX_LEVELS = 2**45  # beyond it a unit value no longer tells neighbours apart
MAX_WHOLE = 2**50  # beyond it floats can no longer place whole numbers in cells of their own
LOG_MAX = math.log(1.7976931348623157e308)  # exp of more is infinite
MIN_STEP = 1e-300  # half of a step must still be an ordinary number


# ---- plain values ----------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Turn numpy scalars and subclasses of str, int and float (enums) into Python's own values."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    return float.__float__(value) if isinstance(value, float) else value


def is_number(value: Any) -> bool:
    """Whether this is a finite Python number that a float can hold, and no bool."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond 1e308
        return False


def as_pairs(what: Mapping[str, Any] | When | None, where: str = "a condition") -> When:
    """Read ``{"optimizer": ["sgd"]}`` as ``(("optimizer", ("sgd",)),)``."""
    if what is None:
        return ()
    try:
        pairs = tuple((name, _values(v)) for name, v in (what.items() if isinstance(what, Mapping) else what))
    except (TypeError, ValueError):
        raise SpaceError(f"{where} must be a mapping of names to values, got {what!r}. "
                         'Write {"optimizer": ["sgd", "adam"]}.') from None
    names = [name for name, _ in pairs]
    for name in names:
        if not isinstance(name, str):
            raise SpaceError(f"{where} must name parameters, got {name!r}.")
        if names.count(name) > 1:
            raise SpaceError(f"{where} names {name!r} twice. List all its values at once.")
    return pairs


def _values(value: Any) -> tuple[Value, ...]:
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)  # the order of a set differs from one process to the next
    many = isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))
    return tuple(plain(v) for v in value) if many else (plain(value),)


def as_flag(value: Any, name: str) -> bool:
    """Read True or False, numpy's too."""
    if not isinstance(plain(value), bool):
        raise SpaceError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def check_text(text: str) -> None:
    """Refuse text that no file and no browser can take."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SpaceError(f"names and options must be valid Unicode, got {text!r}.") from None


# ---- the scale -------------------------------------------------------------------------------------------------


class Number:
    """What Float and Int share: a scale, and perhaps levels low, low + step, …, each with its cell of [0, 1]."""

    low: float
    high: float
    log: bool
    step: float | None
    default: Any
    when: When

    def __repr__(self) -> str:
        """Python code that makes this parameter, given ``import workbench as wb``."""
        from workbench.space_formats import param_code

        return param_code(self)  # type: ignore[arg-type]

    def _check(self, kind: str) -> None:
        if not (is_number(self.low) and is_number(self.high)):
            raise SpaceError(f"{kind} needs two finite numbers, got low={self.low!r} and high={self.high!r}.")
        if self.low > self.high:
            raise SpaceError(f"low must not exceed high, got low={self.low} and high={self.high}. Swap them.")
        if self.log and self.low <= 0:
            raise SpaceError(f"a log scale needs low > 0, got low={self.low}. Raise low, or use log=False.")
        if self.step is not None:
            self._check_step(self.step)

    def _check_step(self, step: float) -> None:
        if not (is_number(step) and step >= MIN_STEP):
            raise SpaceError(f"step must be a positive number (at least {MIN_STEP}), got {step!r}.")
        if not (self.high / step - self.low / step < MAX_LEVELS and math.isfinite(float(self.high) - float(self.low))):
            raise SpaceError(f"there may be at most {MAX_LEVELS} levels, got low={self.low}, high={self.high} and "
                             f"step={step}. Take a larger step, or a Float without one.")
        largest = max(abs(self.low), abs(self.high))
        if step < 4 * math.ulp(largest):
            raise SpaceError(f"a step must not get lost in rounding, got step={step} beside {largest}. "
                             "Take a larger step.")
        if self.log and self._ends[0] <= 0:
            raise SpaceError(f"a log scale with steps needs step < 2 * low, got step={step} and low={self.low}. "
                             "Take a smaller step.")

    @cached_property
    def n_levels(self) -> int | None:
        """Number of levels; None for a continuous parameter."""
        if self.step is None:
            return None
        q = (self.high - self.low) / self.step
        near = round(q)
        return (near if abs(q - near) <= 1e-9 + 1e-15 * q else math.floor(q)) + 1

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """Values at 0 and 1 of the unit interval: half a step beyond the first and the last level."""
        n = self.n_levels
        if n is None or self.step is None:
            return float(self.low), float(self.high)
        return self.low - self.step / 2, self.low + (n - 0.5) * self.step

    @cached_property
    def _scale(self) -> tuple[float, float, float]:
        """Divisor of the value (2 where the width would overflow), then start and width of the scale."""
        lo, hi = self._ends
        if self.log:
            return 1.0, float(np.log(lo)), float(np.log(hi)) - float(np.log(lo))
        by = 1.0 if math.isfinite(hi - lo) else 2.0
        return by, lo / by, hi / by - lo / by

    @cached_property
    def _decimals(self) -> int | None:
        """Decimals to which levels are rounded (3 * 0.1 is the level 0.3); None where there is no need or no way."""
        exponents = [Decimal(repr(float(v))).as_tuple().exponent for v in (self.low, self.step or 0.0)]
        decimals = max(0, *(-int(e) for e in exponents))
        fits = decimals <= 15 and max(abs(self.low), abs(self.high)) * 10.0**decimals < 2**53
        return decimals if fits and decimals else None

    def _at(self, level: Any) -> Any:
        """Values of levels."""
        v = self.low + (self.step or 0.0) * np.asarray(level, dtype=float)
        if self._decimals is not None:
            v = np.round(v, self._decimals)
        return np.where(np.asarray(level) + 1 == self.n_levels, self.high, v)

    def _on_scale(self, value: Any) -> Array:
        """Map values to unit values, shape kept."""
        by, start, width = self._scale
        v = np.clip(np.asarray(value, dtype=float), self.low, self.high)
        if width == 0:
            return np.where(np.isnan(v), np.nan, 0.5)
        u = (np.log(v) - start) / width if self.log else (v / by - start) / width
        return np.asarray(np.clip(u, 0.0, 1.0))

    def _off_scale(self, u: Any) -> Array:
        """Values of unit values, before rounding to levels."""
        by, start, width = self._scale
        u = np.clip(np.asarray(u, dtype=float), 0.0, 1.0)
        with np.errstate(over="ignore"):  # exp(log(1.79e308)) may be just too large
            v = np.exp(start + u * width) if self.log else by * (start + u * width)
        lo, hi = self._ends
        return np.clip(np.where(u == 1, hi, np.where(u == 0, lo, v)), lo, hi)

    def level(self, u: Any) -> NDArray[np.intp]:
        """Index of the level whose cell holds ``u``, for an array of unit values without nan."""
        n = self.n_levels
        if n is None or self.step is None:
            raise SpaceError("a continuous parameter has no levels. Give it a step.")
        return np.clip(np.rint((self._off_scale(u) - self.low) / self.step), 0, n - 1).astype(np.intp)

    def points(self, level: Any) -> Array:
        """Return the unit points of the levels with these indices: the way back from ``level``."""
        if self.step is None:
            raise SpaceError("a continuous parameter has no levels. Give it a step.")
        return self._on_scale(self._at(level))

    def snap(self, u: Array) -> Array:
        """Move unit values to the points of their levels; continuous ones only into [0, 1]. nan stays nan.

        A range of a single number has one point, like a level: or equal configurations would stand at different points.
        """
        u = np.clip(np.asarray(u, dtype=float), 0.0, 1.0)
        if self.step is None:
            return u if self._scale[2] else np.where(np.isnan(u), np.nan, 0.5)
        off = np.isnan(u)
        out = self.points(self.level(np.where(off, 0.0, u)))
        return np.where(off, np.nan, out)

    def values(self) -> list[Any]:
        """All levels, as values."""
        n = self.n_levels
        if n is None:
            raise SpaceError("a continuous parameter has no levels. Give it a step.")
        return self._typed(self._at(np.arange(n)))

    def levels(self) -> Array:
        """Return the unit points of all levels, ascending, shape (K,)."""
        return self.points(np.arange(self.n_levels or 0))

    def edges(self) -> Array:
        """Borders of the cells of all levels in the unit interval, shape (K + 1,), from 0 to 1."""
        n = self.n_levels
        if n is None:
            raise SpaceError("a continuous parameter has no levels. Give it a step.")
        e = np.arange(n + 1) / n
        if self.log:
            lo, hi = self._ends
            _, start, width = self._scale
            e[1:-1] = (np.log(lo + (hi - lo) * e[1:-1]) - start) / width
        return e

    def encode(self, values: Sequence[Any]) -> Array:
        """Map many values to unit values, shape (n,); to the nearest level where there are levels. Raises ValueError."""
        for v in values:
            if type(v) is not float and not is_number(plain(v)):
                raise ValueError(f"{v!r} is no number")
        v = np.asarray(values, dtype=float)
        if not np.isfinite(v).all():
            raise ValueError("not finite")
        if self.step is None:
            return self._on_scale(v)
        return self.points(np.rint((np.clip(v, self.low, self.high) - self.low) / self.step))

    def decode(self, u: Array) -> list[Any]:
        """Values of many unit values without nan."""
        if self.step is None:
            return self._typed(self._off_scale(u))
        return self._typed(self._at(self.level(u)))

    def find(self, value: Any) -> int | None:
        """Index of the level nearest to a number; None for what is no number."""
        value, n = plain(value), self.n_levels
        if n is None or self.step is None or not is_number(value):
            return None
        nearest: int = round((value - self.low) / self.step)
        return min(max(nearest, 0), n - 1)

    def _typed(self, v: Array) -> list[Any]:
        return list(v.tolist())

    # one number at a time, without arrays: many times quicker

    def unit_of(self, value: Any) -> float:
        """Unit value of one value. ValueError for what is no number."""
        value = plain(value)
        if not is_number(value):
            raise ValueError(f"{value!r} is no number")
        if self.step is not None:
            return self.point(round((min(max(value, self.low), self.high) - self.low) / self.step))
        return self._on_scale_1(min(max(float(value), self.low), self.high))

    def _on_scale_1(self, v: float) -> float:
        by, start, width = self._scale
        if width == 0:
            return 0.5
        u = (float(np.log(v)) - start) / width if self.log else (v / by - start) / width
        return min(max(u, 0.0), 1.0)

    def _off_scale_1(self, u: float) -> float:
        lo, hi = self._ends
        if u <= 0 or u >= 1:
            return lo if u <= 0 else hi
        by, start, width = self._scale
        v = start + u * width
        if self.log:
            return min(max(float(np.exp(v)), lo), hi) if v < LOG_MAX else hi
        return min(max(by * v, lo), hi)

    def value_of(self, u: float) -> float:
        """Value of one unit value."""
        if self.step is not None:
            return self._at_1(self.level_of(u))
        return self._off_scale_1(u)

    def level_of(self, u: float) -> int:
        """Index of the level whose cell holds one unit value; there must be levels."""
        k: int = round((self._off_scale_1(u) - self.low) / (self.step or 1))
        return min(max(k, 0), (self.n_levels or 1) - 1)

    def point(self, level: int) -> float:
        """Unit point of one level."""
        return self._on_scale_1(self._at_1(level))

    def snap_one(self, u: float) -> float:
        """Move one unit value to the point of its level; a continuous one only into [0, 1]. nan stays nan."""
        if math.isnan(u):
            return u
        if self.step is not None:
            return self.point(self.level_of(u))
        return min(max(u, 0.0), 1.0) if self._scale[2] else 0.5

    def _at_1(self, level: int) -> float:
        return self.high if level + 1 == self.n_levels else self._counted(level)

    def _counted(self, level: int) -> float:
        v = self.low + (self.step or 0.0) * level
        return v if self._decimals is None else round(v, self._decimals)
