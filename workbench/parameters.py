"""The parameters of a search space: real numbers, whole numbers and choices, each with its map to [0, 1].

A parameter with K levels (``Int``, ``Choice``, ``Float`` with ``step``) cuts [0, 1] into K cells, one per level, so
that the first and the last level get as much room as the others; its points lie in the middle of their cells (on a log
scale: at the logarithm of the level).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import SpaceError
from workbench.scale import (
    MAX_WHOLE,
    Array,
    Number,
    Value,
    When,
    as_flag,
    as_pairs,
    check_text,
    is_number,
    plain,
)


@dataclass(frozen=True, init=False, repr=False)
class Float(Number):
    """A real number in [low, high], uniform on a linear or a log scale.

    Parameters
    ----------
    low, high
        Range, both ends included.
    log
        Uniform in the logarithm; needs low > 0.
    step
        Only low, low + step, … are allowed; high is lowered to the last of them.
    default
        Value to start from, used by ``Space.default``; the middle of the (log) range if not given.
    when
        Condition under which the parameter is active: ``{"optimizer": "sgd"}``, ``{"optimizer": ["sgd", "adam"]}``;
        of several parents all must hold.
    """

    low: float
    high: float
    log: bool
    step: float | None
    default: float | None
    when: When

    def __init__(self, low: float, high: float, *, log: bool = False, step: float | None = None,
                 default: float | None = None, when: Mapping[str, Any] | When | None = None) -> None:
        put = object.__setattr__
        put(self, "log", as_flag(log, "log"))
        put(self, "when", as_pairs(when))
        for name, v in (("low", low), ("high", high), ("step", step), ("default", default)):
            v = plain(v)
            put(self, name, float(v) if is_number(v) else v)  # what is no number is reported by _check
        self._check("Float")
        if self.step is not None:
            last = self._counted((self.n_levels or 1) - 1)
            if not math.isclose(last, self.high, rel_tol=1e-12, abs_tol=1e-12 * self.step):
                put(self, "high", last)
        _check_default(self)

    def to_unit(self, value: float) -> float:
        """Map a value to [0, 1]. Values outside the range count as its nearest end, off the lattice as a level."""
        return self.unit_of(value)

    def from_unit(self, u: float) -> float:
        """Map a point of [0, 1] to the value there."""
        return self.value_of(u)

    def fault(self, value: Any) -> tuple[str, str] | None:
        """Say which rule the value breaks, and how; None if it is allowed."""
        if not is_number(value):
            return "type", "must be a finite number"
        if not self.low <= value <= self.high:
            return "range", f"must lie between {self.low} and {self.high}"
        if self.step is not None:
            k = (value - self.low) / self.step
            if abs(k - round(k)) > 1e-6 + 1e-15 * k:
                return "step", f"must be {self.low} plus a multiple of {self.step}"
        return None


@dataclass(frozen=True, init=False, repr=False)
class Int(Number):
    """A whole number in [low, high], uniform on a linear or a log scale. See ``Float`` for the parameters."""

    low: int
    high: int
    log: bool
    step: int
    default: int | None
    when: When

    def __init__(self, low: int, high: int, *, log: bool = False, step: int = 1, default: int | None = None,
                 when: Mapping[str, Any] | When | None = None) -> None:
        put = object.__setattr__
        put(self, "log", as_flag(log, "log"))
        put(self, "when", as_pairs(when))
        for name, v in (("low", low), ("high", high), ("step", step)):
            v = plain(v)
            if not is_number(v) or v != int(v):
                raise SpaceError(f"Int needs whole numbers, got {name}={v!r}. Use Float for real numbers.")
            if abs(v) > MAX_WHOLE:
                raise SpaceError(f"Int counts exactly up to {MAX_WHOLE}, got {name}={v}. Use a Float.")
            put(self, name, int(v))
        put(self, "default", plain(default))
        self._check("Int")
        put(self, "high", self.low + (self.high - self.low) // self.step * self.step)
        _check_default(self)
        if default is not None:
            put(self, "default", int(default))

    @cached_property
    def n_levels(self) -> int:
        """Number of levels."""
        return (self.high - self.low) // self.step + 1

    def to_unit(self, value: int) -> float:
        """Map a value to [0, 1]. Values outside the range count as its nearest end."""
        return self.unit_of(value)

    def from_unit(self, u: float) -> int:
        """Map a point of [0, 1] to the value whose cell holds it."""
        return round(self.value_of(u))

    def fault(self, value: Any) -> tuple[str, str] | None:
        """Say which rule the value breaks, and how; None if it is allowed."""
        if not is_number(value) or value != int(value):
            return "type", "must be a whole number"
        if not self.low <= value <= self.high:
            return "range", f"must lie between {self.low} and {self.high}"
        if (int(value) - self.low) % self.step:
            return "step", f"must be {self.low} plus a multiple of {self.step}"
        return None

    def _typed(self, v: Array) -> list[Any]:
        return list(np.rint(v).astype(np.int64).tolist())


# ---- choices ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Choice:
    """One of several options, with an order among them or without.

    Parameters
    ----------
    *options
        At least one of: None, bool, int, float or str, all different.
    ordered
        The options stand in a meaningful order ("small", "medium", "large"); algorithms then treat them as levels.
    default, when
        As for ``Float``; the default is the first option if not given (so the option None is a default only there).
    """

    options: tuple[Value, ...]
    ordered: bool
    default: Value
    when: When

    def __init__(self, *options: Value, ordered: bool = False, default: Value = None,
                 when: Mapping[str, Any] | When | None = None) -> None:
        if len(options) == 1 and isinstance(options[0], (list, tuple)):
            raise SpaceError(f"Choice takes its options one by one, got a list. Write Choice(*{options[0]!r}).")
        options = tuple(plain(o) for o in options)
        if not options:
            raise SpaceError("Choice needs at least one option, got none.")
        known: dict[Value, Value] = {}
        for o in options:
            if not (o is None or isinstance(o, (bool, str)) or is_number(o)):
                raise SpaceError(f"options must be None, bool, finite int or float, or str, got {o!r}. Use a name, and "
                                 "look the object up by it in the objective.")
            if o in known:
                raise SpaceError(f"options must differ, got {known[o]!r} and {o!r}, which Python holds equal.")
            if isinstance(o, str):
                check_text(o)
            known[o] = o
        put = object.__setattr__
        put(self, "options", options)
        put(self, "ordered", as_flag(ordered, "ordered"))
        put(self, "when", as_pairs(when))
        put(self, "default", plain(default))
        _check_default(self)

    def __repr__(self) -> str:
        """Python code that makes this parameter, given ``import workbench as wb``."""
        from workbench.space_formats import param_code

        return param_code(self)

    def _key(self) -> tuple[Any, ...]:
        return self.options, tuple(map(type, self.options)), self.ordered, self.default, self.when

    def __eq__(self, other: object) -> bool:
        """Equal when all fields are; True and 1 are different options."""
        return isinstance(other, Choice) and self._key() == other._key()

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self._key())

    @property
    def n_levels(self) -> int:
        """Number of options."""
        return len(self.options)

    @cached_property
    def _position(self) -> dict[tuple[bool, Value], int]:
        return {(isinstance(o, bool), o): k for k, o in enumerate(self.options)}

    def find(self, value: Any) -> int | None:
        """Position of an option, None if it is not among them: 1 is not True, but 1 and 1.0 are the same number."""
        value = plain(value)
        if not (value is None or isinstance(value, (bool, int, float, str))):
            return None
        return self._position.get((isinstance(value, bool), value))

    def index(self, value: Value) -> int:
        """Position of an option; ValueError if it is not among them."""
        k = self.find(value)
        if k is None:
            raise ValueError(f"{value!r} is not among {list(self.options)!r}")
        return k

    def to_unit(self, value: Value) -> float:
        """Map an option to the middle of its cell of [0, 1]."""
        return (self.index(value) + 0.5) / len(self.options)

    def from_unit(self, u: float) -> Value:
        """Map a point of [0, 1] to the option whose cell holds it."""
        return self.options[self.level_of(u)]

    def level(self, u: Any) -> NDArray[np.intp]:
        """Index of the option whose cell holds ``u``, for an array of unit values without nan."""
        k = len(self.options)
        level: NDArray[np.intp] = np.clip(np.asarray(u, dtype=float) * k, 0, k - 1).astype(np.intp)
        return level

    def points(self, level: Any) -> Array:
        """Return the unit points of the options with these indices: the way back from ``level``."""
        return (np.asarray(level) + 0.5) / len(self.options)

    def level_of(self, u: float) -> int:
        """Index of the option whose cell holds one unit value."""
        return min(max(int(u * len(self.options)), 0), len(self.options) - 1)

    def snap_one(self, u: float) -> float:
        """Move one unit value to the middle of its cell. nan stays nan."""
        return u if math.isnan(u) else (self.level_of(u) + 0.5) / len(self.options)

    def snap(self, u: Array) -> Array:
        """Move unit values to the middle of their cells. nan stays nan."""
        k = len(self.options)
        return np.asarray((np.clip(np.floor(np.asarray(u, dtype=float) * k), 0, k - 1) + 0.5) / k)

    def values(self) -> list[Value]:
        """All options."""
        return list(self.options)

    def levels(self) -> Array:
        """Return the unit points of all options, shape (K,)."""
        return self.points(np.arange(len(self.options)))

    def edges(self) -> Array:
        """Borders of the cells, shape (K + 1,), from 0 to 1."""
        return np.arange(len(self.options) + 1) / len(self.options)

    def encode(self, values: Sequence[Any]) -> Array:
        """Map many options to unit values, shape (n,). Raises ValueError."""
        return self.points(np.array([self.index(v) for v in values], dtype=float))

    def decode(self, u: Array) -> list[Value]:
        """Options of many unit values without nan."""
        return [self.options[k] for k in self.level(u).tolist()]

    def fault(self, value: Any) -> tuple[str, str] | None:
        """Say which rule the value breaks, and how; None if it is allowed."""
        return None if self.find(value) is not None else ("option", f"must be one of {list(self.options)!r}")


Param = Float | Int | Choice


def _check_default(param: Param) -> None:
    if param.default is None:
        return
    fault = param.fault(param.default)
    if fault:
        raise SpaceError(f"the default {fault[1]}, got {param.default!r}.")
