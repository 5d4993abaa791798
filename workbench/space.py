"""Search spaces: named parameters, when they are active, and their map to the unit cube.

A configuration is a dict of the *active* parameters. A point is a row of the unit cube, shape (d,), with one column
per parameter in the order of the space, and nan where a parameter is inactive. How one parameter maps to [0, 1] is
told in ``parameters``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ConfigError, SpaceError
from workbench.parameters import Choice, Float, Int, Param
from workbench.scale import MAX_TABLE, Array, Value, When, as_pairs, plain
from workbench.space_rules import check_conditions, named_params, parents_first

__all__ = ["MAX_TABLE", "Array", "Choice", "Clause", "Column", "Config", "Float", "Int", "Param", "Space", "Value",
           "When", "describe"]

Config = dict[str, Any]
Clause = When  # forbidden when all hold
Marks = tuple[tuple[int, NDArray[np.bool_]], ...]  # (column, which of its levels): all must hold
Levels = tuple[tuple[str, frozenset[int]], ...]  # the same by name and index
MAX_DRAWS = 100_000  # draws in a row that may be forbidden before sampling gives up


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
    parents: Marks


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
        self._params = named_params(pairs)
        if isinstance(forbidden, Mapping):
            raise SpaceError(f"forbidden combinations are a list of mappings, got {forbidden!r}. Put it into brackets.")
        self._forbidden: tuple[Clause, ...] = tuple(as_pairs(c, "a forbidden combination") for c in forbidden)
        self._names = tuple(self._params)
        self._column_of = {name: j for j, name in enumerate(self._names)}
        check_conditions(self._params, self._forbidden)
        self._order = tuple(self._column_of[name] for name in parents_first(self._params))

    # ---- the parts ---------------------------------------------------------------------------------------------

    @property
    def params(self) -> Mapping[str, Param]:
        """The parameters by name, in column order."""
        return MappingProxyType(self._params)

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

    @cached_property
    def _hash(self) -> int:
        return hash((tuple(self._params.items()), self._forbidden))

    def __hash__(self) -> int:
        """Hash by content."""
        return self._hash

    def __getstate__(self) -> dict[str, Any]:
        """Leave the hash out of a pickle: strings hash differently in every process."""
        return {k: v for k, v in self.__dict__.items() if k != "_hash"}

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

    def _masks(self, pairs: When) -> Marks:
        out = []
        for parent, levels in self._levels(pairs):
            allowed = np.zeros(self._params[parent].n_levels or 0, dtype=bool)
            allowed[list(levels)] = True
            out.append((self._column_of[parent], allowed))
        return tuple(out)

    def _levels(self, pairs: When) -> Levels:
        """Read allowed values as indices of levels: 0.1 + 0.2 names the level 0.3."""
        found = ((name, (self._params[name].find(v) for v in values)) for name, values in pairs)
        return tuple((name, frozenset(k for k in levels if k is not None)) for name, levels in found)

    @cached_property
    def _conditions(self) -> dict[str, Levels]:
        return {name: self._levels(p.when) for name, p in self._params.items()}

    @cached_property
    def _ruling(self) -> frozenset[str]:
        """Names of the parameters that others depend on."""
        return frozenset(parent for p in self._params.values() for parent, _ in p.when)

    @cached_property
    def _clause_levels(self) -> tuple[Levels, ...]:
        return tuple(self._levels(clause) for clause in self._forbidden)

    @cached_property
    def _clauses(self) -> tuple[Marks, ...]:
        return tuple(self._masks(clause) for clause in self._forbidden)

    # ---- other forms -------------------------------------------------------------------------------------------

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

    # ---- configurations ----------------------------------------------------------------------------------------

    def parents_first(self) -> tuple[str, ...]:
        """Return the names in an order in which every parameter follows its parents."""
        return tuple(self._names[j] for j in self._order)

    def is_active(self, name: str, config: Mapping[str, Any]) -> bool:
        """Whether the parameter is active, given the values of its ancestors in ``config``."""
        todo, seen = [name], {name}
        while todo:  # all conditions of all ancestors must hold
            for parent, levels in self._conditions[todo.pop()]:
                if parent not in config or self._params[parent].find(config[parent]) not in levels:
                    return False
                if parent not in seen:
                    seen.add(parent)
                    todo.append(parent)
        return True

    def _met(self, name: str, config: Mapping[str, Any]) -> bool:
        """Whether the parameter is active, given a configuration of active parameters alone."""
        return all(parent in config and self._params[parent].find(config[parent]) in levels
                   for parent, levels in self._conditions[name])

    def _pruned(self, config: Mapping[str, Any]) -> Config:
        """Keep only the active parameters of a configuration."""
        out: Config = {}
        for j in self._order:
            name = self._names[j]
            if name in config and self._met(name, out):
                out[name] = config[name]
        return out

    def validate(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigError unless ``config`` holds exactly the active parameters, each with an allowed value."""
        for name in config:
            if name not in self._params:
                raise ConfigError(f"{name!r} is no parameter of this space. There are {list(self._names)!r}.",
                                  parameter=str(name), rule="unknown", value=config[name])
        active = self._pruned(config)
        for j in self._order:
            name = self._names[j]
            param = self._params[name]
            if not self._met(name, active):
                if name in config:
                    raise ConfigError(f"{name!r} is active only when {describe(param.when)}, but was given as "
                                      f"{config[name]!r}. Leave it out.", parameter=name, rule="inactive",
                                      value=config[name])
                continue
            if name not in config:
                raise _missing(name)
            fault = param.fault(plain(config[name]))
            if fault:
                raise ConfigError(f"{name!r} {fault[1]}, got {config[name]!r}.", parameter=name, rule=fault[0],
                                  value=config[name])
        for k, clause in enumerate(self._clause_levels):
            if all(n in config and self._params[n].find(config[n]) in levels for n, levels in clause):
                raise ConfigError(f"the combination {describe(self._forbidden[k])} is forbidden.",
                                  parameter=clause[0][0], rule="forbidden", value=config[clause[0][0]])

    def contains(self, config: Mapping[str, Any]) -> bool:
        """Whether ``validate`` would accept the configuration."""
        try:
            self.validate(config)
        except ConfigError:
            return False
        return True

    def default(self) -> Config:
        """Return the defaults: given ones, else the middle of a range, the first option of a choice.

        Where that combination is forbidden: the one that changes the fewest of its parameters, by the fewest levels.
        """
        from workbench.default_config import default_config

        return default_config(self)

    def sample(self, n: int, rng: np.random.Generator) -> list[Config]:
        """Draw ``n`` configurations, uniform in the unit cube among those that are not forbidden."""
        return self._configs(self.sample_unit(n, rng))

    def sample_unit(self, n: int, rng: np.random.Generator) -> Array:
        """Draw ``n`` points of the unit cube, snapped, inactive ones nan, none forbidden; shape (n, d)."""
        x = self.snap(rng.random((n, len(self))))
        x = x[~self.is_forbidden(x)]
        drawn = n
        while len(x) < n:
            if len(x) == 0 and drawn > MAX_DRAWS:
                raise SpaceError(f"the forbidden combinations leave (almost) nothing: {drawn} draws in a row were "
                                 "forbidden. Remove one of them.")
            more = self.snap(rng.random((max(256, n), len(self))))
            x = np.concatenate([x, more[~self.is_forbidden(more)]])[:n]
            drawn += len(more)
        return x

    # ---- the unit cube -----------------------------------------------------------------------------------------

    def to_unit(self, configs: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Array:
        """Map one configuration to a point (d,), or n of them to rows (n, d); inactive parameters are nan.

        Numbers outside their range count as its nearest end, numbers between two levels as the nearest one (a range
        may have been edited since); ``validate`` refuses them. Raises ConfigError for a missing active parameter, for
        what is no number, and for an unknown option.
        """
        return self._row(configs) if isinstance(configs, Mapping) else self._rows(configs)

    def _row(self, config: Mapping[str, Any]) -> Array:
        x = np.full(len(self._names), np.nan)
        active: Config = {}
        for j in self._order:
            name = self._names[j]
            param = self._params[name]
            if not self._met(name, active):
                continue
            if name not in config:
                raise _missing(name)
            try:
                x[j] = param.to_unit(config[name])
            except ValueError:
                raise _misfit(name, param, config[name]) from None
            active[name] = config[name]
        return x

    def _rows(self, configs: Sequence[Mapping[str, Any]]) -> Array:
        x = np.full((len(configs), len(self._names)), np.nan)
        levels: dict[int, NDArray[np.intp]] = {}
        for j in self._order:
            name, param = self._names[j], self._params[self._names[j]]
            rows = np.flatnonzero(self._holds(x, self.columns[j].parents, levels))
            try:
                x[rows, j] = param.encode([configs[i][name] for i in rows.tolist()])
            except (KeyError, ValueError):
                for i in rows.tolist():
                    self._row(configs[i])  # says which one and why
                raise
        return x

    def from_unit(self, x: Array) -> Any:
        """Map a point (d,) to a configuration, or rows (n, d) to a list of n; only active parameters are kept.

        Raises ConfigError where an active parameter is nan.
        """
        x = np.asarray(x, dtype=float)
        if x.shape[-1:] != (len(self),) or x.ndim > 2:
            raise ValueError(f"a point of this space has {len(self)} columns, got an array of shape {x.shape}.")
        return self._config(x.tolist()) if x.ndim == 1 else self._configs(x)

    def _config(self, x: list[float]) -> Config:
        config: Config = {}
        for j in self._order:
            name = self._names[j]
            if self._met(name, config):
                if math.isnan(x[j]):
                    raise _missing(name)
                config[name] = self._params[name].from_unit(x[j])
        return {name: config[name] for name in self._names if name in config}

    def _configs(self, x: Array) -> list[Config]:
        active = self.active(x)
        out: list[Config] = [{} for _ in range(len(x))]
        for j, name in enumerate(self._names):
            rows = np.flatnonzero(active[:, j])
            u = x[rows, j]
            if np.isnan(u).any():
                raise _missing(name)
            for i, value in zip(rows.tolist(), self._params[name].decode(u), strict=True):
                out[i][name] = value
        return out

    def _holds(self, x: Array, parents: Marks, levels: dict[int, NDArray[np.intp]]) -> NDArray[np.bool_]:
        """In which rows all these columns have one of the marked levels; ``levels`` keeps what was looked up."""
        on = np.ones(len(x), dtype=bool)
        for j, marked in parents:
            v = x[:, j]
            off = np.isnan(v)
            if j not in levels:
                levels[j] = self._params[self._names[j]].level(np.where(off, 0.0, v))
            on &= ~off & marked[levels[j]]
        return on

    def active(self, x: Array) -> NDArray[np.bool_]:
        """Which parameters are active in each row, shape (n, d); decided by the values of the parents alone."""
        on = np.ones(x.shape, dtype=bool)
        levels: dict[int, NDArray[np.intp]] = {}
        for j in self._order:
            parents = self.columns[j].parents
            if parents:
                on[:, j] = self._holds(x, parents, levels)
                for parent, _ in parents:
                    on[:, j] &= on[:, parent]
        return on

    def snap(self, x: Array) -> Array:
        """Move rows (n, d) of [0, 1]^d to points of configurations: levels to their points, inactive ones to nan."""
        x = np.array(x, dtype=float)
        if len(x) == 1:
            x[0] = self._snap_row(x[0].tolist())
            return x
        for j, name in enumerate(self._names):
            x[:, j] = self._params[name].snap(x[:, j])
        x[~self.active(x)] = np.nan
        return x

    def _snap_row(self, x: list[float]) -> list[float]:
        """``snap`` of one row, without arrays."""
        level: dict[str, int] = {}  # of the active parameters
        for j in self._order:
            name = self._names[j]
            param, u = self._params[name], x[j]
            met = all(level.get(parent) in levels for parent, levels in self._conditions[name])
            if met and not math.isnan(u):
                x[j] = param.snap_one(u)
                level[name] = param.level_of(u) if name in self._ruling else -1
            else:
                x[j] = math.nan
        return x

    def is_forbidden(self, x: Array) -> NDArray[np.bool_]:
        """Which rows (n, d) hold a forbidden combination, shape (n,)."""
        bad = np.zeros(len(x), dtype=bool)
        levels: dict[int, NDArray[np.intp]] = {}
        for clause in self._clauses:
            bad |= self._holds(x, clause, levels)
        return bad


def _missing(name: str) -> ConfigError:
    return ConfigError(f"{name!r} is active here and needs a value, but has none.", parameter=name, rule="missing")


def _misfit(name: str, param: Param, value: Any) -> ConfigError:
    rule, text = param.fault(plain(value)) or ("type", "has the wrong type")
    return ConfigError(f"{name!r} {text}, got {value!r}.", parameter=name, rule=rule, value=value)


def describe(pairs: When) -> str:
    """Say a condition or a forbidden combination in words: "optimizer is 'sgd' or 'adam' and depth is 3"."""
    return " and ".join(f"{name} is {' or '.join(repr(v) for v in values)}" for name, values in pairs)
