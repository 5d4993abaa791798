"""Parameters that a run holds at a value, while it searches the others.

The searched space is what ``subspace.with_fixed`` leaves of the whole one; the objective gets the whole configuration: what was
suggested, and the fixed values where they are active beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench.errors import ConfigError, SpaceError
from workbench.scale import plain
from workbench.space import Choice, Config, Param, Space, describe
from workbench.subspace import clauses_left, with_fixed, with_when

SAME = 1e-9  # of the unit interval: numbers nearer than this are the same, but for rounding


@dataclass(frozen=True)
class Fixed:
    """Values of some parameters of a space.

    Attributes
    ----------
    space
        The whole space, the fixed parameters included.
    values
        By name.
    """

    space: Space
    values: Mapping[str, Any]

    @classmethod
    def of(cls, space: Space, values: Mapping[str, Any]) -> Fixed:
        """Check the values, and that something is left to search.

        Raises
        ------
        SpaceError
            If a name is unknown, a value is not allowed, the values are forbidden together, or no parameter is left.
        """
        made: Config = {}
        for name, value in values.items():
            if name not in space.params:
                raise SpaceError(f"{name!r} cannot be fixed: it is no parameter of the space. There are {list(space.names)!r}.")
            value = plain(value)
            fault = space[name].fault(value)
            if fault:
                raise SpaceError(f"{name!r} {fault[1]}, but would be fixed at {value!r}.")
            made[name] = value
        if () in clauses_left(space, made):
            clause = next(c for c in space.forbidden if all(name in made for name, _ in c)
                          and () in clauses_left(Space(space.params, forbidden=[c]), made))
            raise SpaceError(f"these values cannot be fixed together: {describe(clause)} is forbidden.")
        fixed = cls(space, made)
        if not len(fixed.searched):
            raise SpaceError(f"with {list(made)!r} fixed no parameter is left to search. Fix fewer.")
        return fixed

    @cached_property
    def searched(self) -> Space:
        """What is left to choose."""
        return with_fixed(self.space, self.values)

    def beside(self, config: Mapping[str, Any]) -> Config:
        """Return the fixed values that are active beside a configuration of the searched space."""
        whole, out = dict(config), {}
        for name in self.space.parents_first():
            if name in self.values and self.space.is_active(name, whole):
                whole[name] = out[name] = self.values[name]
        return {name: out[name] for name in self.space.names if name in out}

    def searched_part(self, config: Mapping[str, Any]) -> Config:
        """Return a configuration without the fixed values; ConfigError if one of them is another."""
        for name, value in config.items():
            if name in self.values and distance(self.space[name], value, self.values[name]) > SAME:
                raise ConfigError(f"{name!r} is fixed at {self.values[name]!r} in this run, got {value!r}. Leave it out, or make "
                                  f"another child run.", parameter=name, rule="fixed", value=value)
        return {name: value for name, value in config.items() if name not in self.values}

    def following(self, searched: Space) -> Fixed:
        """Return the same values in the whole space of which ``searched``, with other ranges or rules, is what is left."""
        old = self.searched.forbidden
        params = {name: with_when(searched.params.get(name, p), p.when) for name, p in self.space.params.items()}
        kept = [c for c in self.space.forbidden if c not in old or c in searched.forbidden]
        return Fixed(Space(params, forbidden=[*kept, *(c for c in searched.forbidden if c not in old)]), self.values)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"space": self.space.to_json(), "values": dict(self.values)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fixed:
        """Read JSON data."""
        return cls.of(Space.from_json(data["space"]), data["values"])


def distance(p: Param, a: Any, b: Any) -> float:
    """Return how far apart two values are: on the unit interval for numbers, 0 or 1 for options."""
    if p.fault(plain(a)) is None and p.fault(plain(b)) is None:
        return float(p.find(a) != p.find(b)) if isinstance(p, Choice) else abs(p.to_unit(a) - p.to_unit(b))
    return float(plain(a) != plain(b))
