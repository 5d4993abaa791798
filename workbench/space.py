"""Search spaces: named parameters, when they are active, and their map to the unit cube.

A configuration is a dict of the *active* parameters. A point is a row of the unit cube, shape (d,), with one column
per parameter in the order of the space, and nan where a parameter is inactive. Every parameter maps its range to
[0, 1]: linearly, or by the logarithm with ``log=True``. A parameter with K levels (``Int``, ``Choice``, ``Float`` with
``step``) cuts [0, 1] into K cells, one per level, so that the first and the last level get as much room as the others;
its points lie in the middle of their cells (on a log scale: at the logarithm of the level).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ConfigError, SpaceError

Array = NDArray[np.float64]
Config = dict[str, Any]
Value = None | bool | int | float | str
When = tuple[tuple[str, tuple[Value, ...]], ...]  # ((parent, allowed values), ...): all must hold
Clause = tuple[tuple[str, tuple[Value, ...]], ...]  # forbidden when all hold

MAX_TABLE = 65_536  # parameters with more levels than this can neither be a parent nor stand in a forbidden clause


def _plain(value: Any) -> Any:
    """Turn a numpy scalar into its Python value."""
    return value.item() if isinstance(value, np.generic) else value


def _values(value: Any) -> tuple[Value, ...]:
    """Read one value or several (list, tuple, set) as a tuple."""
    many = isinstance(value, (list, tuple, set, frozenset))
    return tuple(_plain(v) for v in value) if many else (_plain(value),)


def _mapping(what: Mapping[str, Any] | When | None) -> When:
    """Read ``{"optimizer": ["sgd"]}`` as ``(("optimizer", ("sgd",)),)``."""
    if what is None:
        return ()
    pairs = what.items() if isinstance(what, Mapping) else what
    return tuple((str(name), _values(value)) for name, value in pairs)


def _same(a: Any, b: Any) -> bool:
    """Compare values by type and content: 1 is not True, but 1 and 1.0 are the same number."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class _Lattice:
    """Levels low, low + step, …, each with its cell of the unit interval; or no levels at all (step None)."""

    low: float
    high: float
    log: bool
    step: float | None

    def _check(self, kind: str) -> None:
        if not (_number(self.low) and _number(self.high)):
            raise SpaceError(f"{kind} needs two finite numbers, got low={self.low!r} and high={self.high!r}.")
        if self.low > self.high:
            raise SpaceError(f"low must not exceed high, got low={self.low} and high={self.high}. Swap them.")
        if self.step is not None and not (_number(self.step) and self.step > 0):
            raise SpaceError(f"step must be a positive number, got {self.step!r}.")
        if self.log and self.low <= 0:
            raise SpaceError(f"a log scale needs low > 0, got low={self.low}. Raise low, or use log=False.")
        if self.log and self._ends[0] <= 0:
            raise SpaceError(f"a log scale with steps needs step < 2 * low, got step={self.step} and low={self.low}. "
                             "Take a smaller step.")

    @property
    def n_levels(self) -> int | None:
        """Number of levels; None for a continuous parameter."""
        if self.step is None:
            return None
        return int(math.floor((self.high - self.low) / self.step + 1e-9)) + 1

    @property
    def _ends(self) -> tuple[float, float]:
        """Values at 0 and 1 of the unit interval: half a step beyond the first and the last level."""
        if self.step is None:
            return self.low, self.high
        n = self.n_levels
        assert n is not None
        return self.low - self.step / 2, self.low + (n - 0.5) * self.step

    def _to_unit(self, value: Any) -> Array:
        lo, hi = self._ends
        v = np.clip(np.asarray(value, dtype=float), self.low, self.high)
        if hi == lo:
            return np.full(v.shape, 0.5)
        if self.log:
            # a difference of logarithms: a quotient of extreme values would overflow
            return np.clip((np.log(v) - math.log(lo)) / (math.log(hi) - math.log(lo)), 0.0, 1.0)
        half_lo, half_width = lo / 2, hi / 2 - lo / 2  # halves: hi - lo may overflow
        return np.clip((v / 2 - half_lo) / half_width, 0.0, 1.0)

    def _from_unit(self, u: Any) -> Array:
        lo, hi = self._ends
        u = np.clip(np.asarray(u, dtype=float), 0.0, 1.0)
        if self.log:
            v = np.exp(math.log(lo) + u * (math.log(hi) - math.log(lo)))
        else:
            v = (1 - u) * lo + u * hi
        if self.step is not None:
            n = self.n_levels
            assert n is not None
            v = self.low + self.step * np.clip(np.rint((v - self.low) / self.step), 0, n - 1)
        return np.clip(v, self.low, self.high)

    def level(self, u: Array) -> NDArray[np.intp]:
        """Index of the level whose cell holds ``u``, for an array of unit values without nan."""
        if self.step is None:
            raise SpaceError("a continuous parameter has no levels. Give it a step.")
        return np.rint((self._from_unit(u) - self.low) / self.step).astype(np.intp)

    def points(self, level: NDArray[np.intp]) -> Array:
        """Unit points of the levels with these indices: the way back from ``level``."""
        if self.step is None:
            raise SpaceError("a continuous parameter has no levels. Give it a step.")
        return self._to_unit(self.low + self.step * level)

    def snap(self, u: Array) -> Array:
        """Move unit values to the points of their levels; continuous ones only into [0, 1]. nan stays nan."""
        if self.step is None:
            return np.clip(np.asarray(u, dtype=float), 0.0, 1.0)
        return self._to_unit(self._from_unit(u))

    def values(self) -> list[Any]:
        """All levels, as values."""
        n = self.n_levels
        if n is None:
            raise SpaceError("a continuous parameter has no levels. Give it a step.")
        return [self._cast(self.low + self.step * k) for k in range(n)]  # type: ignore[operator]

    def levels(self) -> Array:
        """Unit points of all levels, ascending, shape (K,)."""
        return self._to_unit(np.asarray(self.values(), dtype=float))

    def edges(self) -> Array:
        """Borders of the cells of all levels in the unit interval, shape (K + 1,), from 0 to 1."""
        n = self.n_levels
        if n is None:
            raise SpaceError("a continuous parameter has no levels. Give it a step.")
        lo, hi = self._ends
        e = lo + (hi - lo) * np.arange(n + 1) / n
        if self.log:
            e = (np.log(e) - math.log(lo)) / (math.log(hi) - math.log(lo)) if n > 0 and hi > lo else e
        else:
            e = np.arange(n + 1) / n
        e[0], e[-1] = 0.0, 1.0
        return np.asarray(e, dtype=float)

    def _cast(self, v: Any) -> Any:
        return float(min(max(float(v), self.low), self.high))


@dataclass(frozen=True, slots=True, init=False)
class Float(_Lattice):
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
        low, high, step, default = _plain(low), _plain(high), _plain(step), _plain(default)
        put(self, "log", bool(log))
        put(self, "low", low)
        put(self, "high", high)
        put(self, "step", step)
        put(self, "when", _mapping(when))
        put(self, "default", default)
        self._check("Float")
        put(self, "low", float(low))
        put(self, "high", float(high))
        if step is not None:
            put(self, "step", float(step))
            n = self.n_levels
            assert n is not None
            last = self.low + (n - 1) * float(step)
            put(self, "high", float(high) if math.isclose(last, high, rel_tol=1e-12) else last)
        if default is not None:
            _check_default(self, default)
            put(self, "default", float(default))

    def to_unit(self, value: float) -> float:
        """Map a value to [0, 1]. Values outside the range count as its nearest end."""
        return float(self._to_unit(value))

    def from_unit(self, u: float) -> float:
        """Map a point of [0, 1] to the value there."""
        return float(self._from_unit(u))

    def fault(self, value: Any) -> tuple[str, str] | None:
        """Say which rule the value breaks, and how; None if it is allowed."""
        if not _number(value):
            return "type", "must be a finite number"
        if not self.low <= value <= self.high:
            return "range", f"must lie between {self.low} and {self.high}"
        if self.step is not None:
            k = (value - self.low) / self.step
            if abs(k - round(k)) > 1e-6:
                return "step", f"must be {self.low} plus a multiple of {self.step}"
        return None


@dataclass(frozen=True, slots=True, init=False)
class Int(_Lattice):
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
        low, high, step, default = _plain(low), _plain(high), _plain(step), _plain(default)
        for what, v in (("low", low), ("high", high), ("step", step)):
            if not _number(v) or v != int(v):
                raise SpaceError(f"Int needs whole numbers, got {what}={v!r}. Use Float for real numbers.")
        put(self, "log", bool(log))
        put(self, "low", int(low))
        put(self, "high", int(high))
        put(self, "step", int(step))
        put(self, "when", _mapping(when))
        put(self, "default", default)
        self._check("Int")
        put(self, "high", self.low + (self.high - self.low) // self.step * self.step)
        if default is not None:
            _check_default(self, default)
            put(self, "default", int(default))

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return (self.high - self.low) // self.step + 1

    def to_unit(self, value: int) -> float:
        """Map a value to [0, 1]. Values outside the range count as its nearest end."""
        return float(self._to_unit(value))

    def from_unit(self, u: float) -> int:
        """Map a point of [0, 1] to the value whose cell holds it."""
        return self._cast(self._from_unit(u))

    def _cast(self, v: Any) -> int:
        return min(max(round(float(v)), self.low), self.high)

    def fault(self, value: Any) -> tuple[str, str] | None:
        """Say which rule the value breaks, and how; None if it is allowed."""
        if not _number(value) or value != int(value):
            return "type", "must be a whole number"
        if not self.low <= value <= self.high:
            return "range", f"must lie between {self.low} and {self.high}"
        if (int(value) - self.low) % self.step:
            return "step", f"must be {self.low} plus a multiple of {self.step}"
        return None


@dataclass(frozen=True, slots=True, init=False)
class Choice:
    """One of several options, with an order among them or without.

    Parameters
    ----------
    *options
        At least one of: None, bool, int, float or str, all different.
    ordered
        The options stand in a meaningful order ("small", "medium", "large"); algorithms then treat them as levels.
    default, when
        As for ``Float``; the default is the first option if not given.
    """

    options: tuple[Value, ...]
    ordered: bool
    default: Value
    when: When

    def __init__(self, *options: Value, ordered: bool = False, default: Value = None,
                 when: Mapping[str, Any] | When | None = None) -> None:
        if len(options) == 1 and isinstance(options[0], (list, tuple)):
            raise SpaceError(f'Choice takes its options one by one, got a list. Write Choice(*{options[0]!r}).')
        options = tuple(_plain(o) for o in options)
        if not options:
            raise SpaceError("Choice needs at least one option, got none.")
        for o in options:
            if not (o is None or isinstance(o, (bool, int, float, str))) or o != o:
                raise SpaceError(f"options must be None, bool, int, float or str, got {o!r}. Use a name, and look the "
                                 "object up by it in the objective.")
        for i, o in enumerate(options):
            for other in options[:i]:
                if o == other:
                    raise SpaceError(f"options must differ, got {other!r} and {o!r}, which Python holds equal.")
        put = object.__setattr__
        put(self, "options", options)
        put(self, "ordered", bool(ordered))
        put(self, "when", _mapping(when))
        put(self, "default", _plain(default))
        if default is not None:
            _check_default(self, default)

    @property
    def n_levels(self) -> int:
        """Number of options."""
        return len(self.options)

    def index(self, value: Value) -> int:
        """Position of an option."""
        for i, o in enumerate(self.options):
            if _same(o, value):
                return i
        raise ValueError(f"{value!r} is not among {list(self.options)!r}")

    def to_unit(self, value: Value) -> float:
        """Map an option to the middle of its cell of [0, 1]."""
        return (self.index(value) + 0.5) / len(self.options)

    def from_unit(self, u: float) -> Value:
        """Map a point of [0, 1] to the option whose cell holds it."""
        return self.options[min(max(int(u * len(self.options)), 0), len(self.options) - 1)]

    def level(self, u: Array) -> NDArray[np.intp]:
        """Index of the option whose cell holds ``u``, for an array of unit values without nan."""
        k = len(self.options)
        return np.clip((np.asarray(u, dtype=float) * k).astype(np.intp), 0, k - 1)

    def points(self, level: NDArray[np.intp]) -> Array:
        """Unit points of the options with these indices: the way back from ``level``."""
        return (np.asarray(level) + 0.5) / len(self.options)

    def snap(self, u: Array) -> Array:
        """Move unit values to the middle of their cells. nan stays nan."""
        k = len(self.options)
        return (np.clip(np.floor(np.asarray(u, dtype=float) * k), 0, k - 1) + 0.5) / k

    def values(self) -> list[Value]:
        """All options."""
        return list(self.options)

    def levels(self) -> Array:
        """Unit points of all options, shape (K,)."""
        return (np.arange(len(self.options)) + 0.5) / len(self.options)

    def edges(self) -> Array:
        """Borders of the cells, shape (K + 1,), from 0 to 1."""
        return np.arange(len(self.options) + 1) / len(self.options)

    def fault(self, value: Any) -> tuple[str, str] | None:
        """Say which rule the value breaks, and how; None if it is allowed."""
        if any(_same(o, value) for o in self.options):
            return None
        return "option", f"must be one of {list(self.options)!r}"


Param = Float | Int | Choice


def _code(self: Param) -> str:
    from workbench.space_formats import param_code

    return param_code(self)


for _kind in (Float, Int, Choice):
    _kind.__repr__ = _code  # type: ignore[method-assign, assignment]


def _check_default(param: Param, default: Any) -> None:
    fault = param.fault(_plain(default))
    if fault:
        raise SpaceError(f"the default {fault[1]}, got {default!r}.")


@dataclass(frozen=True, slots=True)
class Column:
    """What an algorithm needs to know of one column of the unit cube.

    Attributes
    ----------
    kind
        ``"float"`` (continuous), ``"int"`` (ordered levels: Int, stepped Float, ordered Choice) or ``"choice"``
        (options without order).
    n_levels
        Number of levels K; 0 for a continuous column.
    parents
        Pairs (column of the parent, mask over the parent's levels, shape (K_parent,)): active when for every pair
        the parent is active and its level is in the mask.
    """

    name: str
    kind: Literal["float", "int", "choice"]
    n_levels: int
    parents: tuple[tuple[int, NDArray[np.bool_]], ...]


class Space:
    """Named parameters, their conditions, and combinations that are forbidden. Immutable plain data.

    Parameters
    ----------
    params
        Mapping of names to parameters, for names that are no Python identifiers. Parameters given as keywords follow.
    forbidden
        Combinations that must not occur, each a mapping of names to one value or several:
        ``[{"solver": "liblinear", "penalty": ["none", "elasticnet"]}]``. One applies when all its parameters are
        active and have one of these values.

    Raises
    ------
    SpaceError
        A name twice, an unknown parent, a circle of conditions, a value that a parent cannot take.

    Examples
    --------
    >>> import workbench as wb
    >>> space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
    ...                  momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}))
    """

    def __init__(self, params: Mapping[str, Param] | Iterable[tuple[str, Param]] = (), /, *,
                 forbidden: Iterable[Mapping[str, Any] | Clause] = (), **named: Param) -> None:
        pairs = list(params.items() if isinstance(params, Mapping) else params) + list(named.items())
        self._params: dict[str, Param] = {}
        for name, param in pairs:
            if not isinstance(name, str) or not name:
                raise SpaceError(f"a parameter's name must be a non-empty string, got {name!r}.")
            if not isinstance(param, (Float, Int, Choice)):
                raise SpaceError(f"{name!r} must be a Float, an Int or a Choice, got {param!r}.")
            if name in self._params:
                raise SpaceError(f"names must be unique, got {name!r} twice. Put the branch in front: 'svm.{name}'.")
            self._params[name] = param
        self._forbidden: tuple[Clause, ...] = tuple(_mapping(clause) for clause in forbidden)
        self._names = tuple(self._params)
        self._column_of = {name: j for j, name in enumerate(self._names)}
        for name, param in self._params.items():
            self._check_values(param.when, f"the condition of {name!r}")
        for clause in self._forbidden:
            if not clause:
                raise SpaceError("a forbidden combination must name at least one parameter, got an empty one.")
            self._check_values(clause, "a forbidden combination")
        self._order = self._parents_first()

    # ---- the parts ---------------------------------------------------------------------------------------------

    @property
    def params(self) -> Mapping[str, Param]:
        """The parameters by name, in column order."""
        return self._params

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in column order."""
        return self._names

    @property
    def forbidden(self) -> tuple[Clause, ...]:
        """The forbidden combinations."""
        return self._forbidden

    def __len__(self) -> int:
        """Count the parameters."""
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._names)

    def __getitem__(self, name: str) -> Param:
        """Return the parameter of that name."""
        return self._params[name]

    def __eq__(self, other: object) -> bool:
        """Equal when names, parameters, their order and forbidden combinations are."""
        return (isinstance(other, Space) and list(self._params.items()) == list(other._params.items())
                and self._forbidden == other._forbidden)

    def __hash__(self) -> int:
        """Hash by content."""
        return hash((tuple(self._params.items()), self._forbidden))

    def column(self, name: str) -> int:
        """Column of that parameter in the unit cube."""
        return self._column_of[name]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns as algorithms see them."""
        out = []
        for name, p in self._params.items():
            kind: Literal["float", "int", "choice"]
            if isinstance(p, Choice):
                kind = "int" if p.ordered else "choice"
            else:
                kind = "float" if p.n_levels is None else "int"
            out.append(Column(name, kind, p.n_levels or 0, self._masks(p.when)))
        return tuple(out)

    def _masks(self, pairs: When) -> tuple[tuple[int, NDArray[np.bool_]], ...]:
        out = []
        for parent, values in pairs:
            allowed = np.array([any(_same(v, o) for v in values) for o in self._params[parent].values()])
            out.append((self._column_of[parent], allowed))
        return tuple(out)

    @cached_property
    def _clauses(self) -> tuple[tuple[tuple[int, NDArray[np.bool_]], ...], ...]:
        return tuple(self._masks(clause) for clause in self._forbidden)

    def _check_values(self, pairs: When, where: str) -> None:
        for parent, values in pairs:
            p = self._params.get(parent)
            if p is None:
                raise SpaceError(f"{where} names {parent!r}, which is no parameter of this space. "
                                 f"There are {list(self._names)!r}.")
            if p.n_levels is None or p.n_levels > MAX_TABLE:
                raise SpaceError(f"{where} names {parent!r}, which has no list of values to choose from. "
                                 "Use a Choice, an Int, or a Float with a step.")
            if not values:
                raise SpaceError(f"{where} gives no value of {parent!r}. Name at least one.")
            for v in values:
                fault = p.fault(v)
                if fault:
                    raise SpaceError(f"{where} names a value that {parent!r} cannot take: it {fault[1]}, got {v!r}.")

    def _parents_first(self) -> tuple[int, ...]:
        order: list[int] = []
        state = dict.fromkeys(self._names, 0)  # 0 new, 1 on the way, 2 placed

        for start in self._names:
            stack = [(start, iter([parent for parent, _ in self._params[start].when]))]
            if state[start] == 2:
                continue
            state[start] = 1
            while stack:
                name, rest = stack[-1]
                parent = next(rest, None)
                if parent is None:
                    state[name] = 2
                    order.append(self._column_of[name])
                    stack.pop()
                elif state[parent] == 1:
                    raise SpaceError(f"conditions must not form a circle, but {name!r} depends on {parent!r}, which "
                                     f"depends on {name!r}. Remove one of the conditions.")
                elif state[parent] == 0:
                    state[parent] = 1
                    stack.append((parent, iter([q for q, _ in self._params[parent].when])))
        return tuple(order)

    # ---- configurations ----------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return the space as JSON data."""
        from workbench.space_formats import to_json

        return to_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> Space:
        """Read JSON data or its text; SpaceError if it is malformed."""
        from workbench.space_formats import from_json

        return from_json(data)

    def to_configspace(self) -> Any:
        """Return the space as a ``ConfigSpace.ConfigurationSpace`` (extra ``configspace``)."""
        from workbench.configspace import to_configspace

        return to_configspace(self)

    @classmethod
    def from_configspace(cls, space: Any) -> Space:
        """Read a ``ConfigSpace.ConfigurationSpace``."""
        from workbench.configspace import from_configspace

        return from_configspace(space)

    def __repr__(self) -> str:
        """Python code that makes this space, given ``import workbench as wb``."""
        from workbench.space_formats import to_code

        return to_code(self)

    def _repr_html_(self) -> str:
        from workbench.space_formats import to_html

        return to_html(self)

    def parents_first(self) -> tuple[str, ...]:
        """The names in an order in which every parameter follows its parents."""
        return tuple(self._names[j] for j in self._order)

    def is_active(self, name: str, config: Mapping[str, Any]) -> bool:
        """Whether the parameter is active, given the values of its ancestors in ``config``."""
        return all(parent in config and self.is_active(parent, config) and any(_same(config[parent], v) for v in values)
                   for parent, values in self._params[name].when)

    def validate(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigError unless ``config`` holds exactly the active parameters, each with an allowed value."""
        for name in config:
            if name not in self._params:
                raise ConfigError(f"{name!r} is no parameter of this space. There are {list(self._names)!r}.",
                                  parameter=str(name), rule="unknown", value=config[name])
        for j in self._order:
            name = self._names[j]
            param = self._params[name]
            if not self.is_active(name, config):
                if name in config:
                    raise ConfigError(f"{name!r} is active only when {describe(param.when)}, but was given as "
                                      f"{config[name]!r}. Leave it out.", parameter=name, rule="inactive",
                                      value=config[name])
                continue
            if name not in config:
                raise ConfigError(f"{name!r} is active here and needs a value, but has none.",
                                  parameter=name, rule="missing")
            fault = param.fault(_plain(config[name]))
            if fault:
                raise ConfigError(f"{name!r} {fault[1]}, got {config[name]!r}.", parameter=name, rule=fault[0],
                                  value=config[name])
        for clause in self._forbidden:
            if all(n in config and any(_same(_plain(config[n]), v) for v in values) for n, values in clause):
                raise ConfigError(f"the combination {describe(clause)} is forbidden.", parameter=clause[0][0],
                                  rule="forbidden", value=config[clause[0][0]])

    def contains(self, config: Mapping[str, Any]) -> bool:
        """Whether ``validate`` would accept the configuration."""
        try:
            self.validate(config)
        except ConfigError:
            return False
        return True

    def default(self) -> Config:
        """The configuration of the defaults: given ones, else the middle of a range, the first option of a choice."""
        config: Config = {}
        for j in self._order:
            name, p = self._names[j], self._params[self._names[j]]
            if self.is_active(name, config):
                if p.default is not None:
                    config[name] = p.default
                else:
                    config[name] = p.options[0] if isinstance(p, Choice) else p.from_unit(0.5)
        return {name: config[name] for name in self._names if name in config}

    def sample(self, n: int, rng: np.random.Generator) -> list[Config]:
        """Draw ``n`` configurations, uniform in the unit cube among those that are not forbidden."""
        return self.from_unit(self.sample_unit(n, rng))

    def sample_unit(self, n: int, rng: np.random.Generator) -> Array:
        """Draw ``n`` points of the unit cube, snapped, inactive ones nan, none forbidden; shape (n, d)."""
        x = self.snap(rng.random((n, len(self))))
        bad = self.is_forbidden(x)
        for _ in range(1000):
            if not bad.any():
                return x
            x[bad] = self.snap(rng.random((int(bad.sum()), len(self))))
            bad = self.is_forbidden(x)
        raise SpaceError("the forbidden combinations leave (almost) nothing: 1000 draws in a row were forbidden. "
                         "Remove one of them.")

    # ---- the unit cube -----------------------------------------------------------------------------------------

    def to_unit(self, configs: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Array:
        """Map one configuration to a point (d,), or n of them to rows (n, d); inactive parameters are nan.

        Numbers outside their range count as its nearest end (a range may have been narrowed since); ``validate``
        refuses them. Raises ConfigError for a missing active parameter and for an unknown option.
        """
        if isinstance(configs, Mapping):
            return self._row(configs)
        return np.array([self._row(c) for c in configs], dtype=float).reshape(len(configs), len(self))

    def _row(self, config: Mapping[str, Any]) -> Array:
        x = np.full(len(self._names), np.nan)
        for j in self._order:
            name = self._names[j]
            param = self._params[name]
            if param.when and not self.is_active(name, config):
                continue
            if name not in config:
                raise ConfigError(f"{name!r} is active here and needs a value, but has none.",
                                  parameter=name, rule="missing")
            try:
                x[j] = param.to_unit(config[name])
            except (ValueError, TypeError):
                fault = param.fault(_plain(config[name])) or ("type", "has the wrong type")
                raise ConfigError(f"{name!r} {fault[1]}, got {config[name]!r}.", parameter=name, rule=fault[0],
                                  value=config[name]) from None
        return x

    def from_unit(self, x: Array) -> Any:
        """Map a point (d,) to a configuration, or rows (n, d) to a list of n; only active parameters are kept."""
        x = np.asarray(x, dtype=float)
        if x.ndim == 1:
            return self._configs(x[None])[0]
        return self._configs(x)

    def _configs(self, x: Array) -> list[Config]:
        active = self.active(x)
        return [{name: self._params[name].from_unit(float(row[j]))
                 for j, name in enumerate(self._names) if on[j]} for row, on in zip(x, active, strict=True)]

    def active(self, x: Array) -> NDArray[np.bool_]:
        """Which parameters are active in each row, shape (n, d); decided by the values of the parents alone."""
        on = np.ones(x.shape, dtype=bool)
        for j in self._order:
            for parent, allowed in self.columns[j].parents:
                v = x[:, parent]
                level = self._params[self._names[parent]].level(np.where(np.isnan(v), 0.0, v))
                on[:, j] &= on[:, parent] & ~np.isnan(v) & allowed[level]
        return on

    def snap(self, x: Array) -> Array:
        """Move rows (n, d) of [0, 1]^d to points of configurations: levels to their points, inactive ones to nan."""
        x = np.array(x, dtype=float)
        for j, name in enumerate(self._names):
            x[:, j] = self._params[name].snap(x[:, j])
        x[~self.active(x)] = np.nan
        return x

    def is_forbidden(self, x: Array) -> NDArray[np.bool_]:
        """Which rows (n, d) hold a forbidden combination, shape (n,)."""
        bad = np.zeros(len(x), dtype=bool)
        for clause in self._clauses:
            hit = np.ones(len(x), dtype=bool)
            for j, listed in clause:
                v = x[:, j]
                level = self._params[self._names[j]].level(np.where(np.isnan(v), 0.0, v))
                hit &= ~np.isnan(v) & listed[level]
            bad |= hit
        return bad


def describe(pairs: When) -> str:
    """Say a condition or a forbidden combination in words: "optimizer is 'sgd' or 'adam' and depth is 3"."""
    return " and ".join(f"{name} is {' or '.join(repr(v) for v in values)}" for name, values in pairs)
