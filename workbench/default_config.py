"""The configuration to start from: the defaults, or the nearest configuration that is not forbidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, islice, product
from typing import Any

from workbench.errors import SpaceError
from workbench.space import Choice, Config, Float, Param, Space

MAX_TRIED = 10_000


def default_config(space: Space) -> Config:
    """Return the default configuration.

    Where it is forbidden: the one that changes the fewest of the parameters named by forbidden combinations, and those
    by the fewest levels.

    Raises
    ------
    SpaceError
        If there is none among the nearest ``MAX_TRIED``.
    """
    config = _filled(space, {})
    if not space.forbidden or space.contains(config):
        return config
    for config in islice(_neighbours(space), MAX_TRIED):
        if space.contains(config):
            return config
    raise SpaceError("the forbidden combinations leave nothing near the defaults. Remove one of them, or give other "
                     "defaults.")


def default_value(p: Param) -> Any:
    """Return the given default, else the middle of a range (to twelve digits), the first option of a choice."""
    if p.default is not None:
        return p.default
    if isinstance(p, Choice):
        return p.options[0]
    middle = p.from_unit(0.5)
    rounded = float(f"{middle:.12g}")  # the middle of 1e-5 and 1e-1 on a log scale is 0.001, not 0.0010000000000000002
    return rounded if isinstance(p, Float) and p.step is None and p.low <= rounded <= p.high else middle


def _neighbours(space: Space) -> Iterator[Config]:
    names = list(dict.fromkeys(name for clause in space.forbidden for name, _ in clause))
    for n_changed in range(1, len(names) + 1):
        for changed in combinations(names, n_changed):
            for values in product(*(_others(space[name]) for name in changed)):
                yield _filled(space, dict(zip(changed, values, strict=True)))


def _others(p: Param) -> list[Any]:
    """List all values but the default, the nearest levels first."""
    values, here = p.values(), p.find(default_value(p)) or 0
    return [values[k] for k in sorted(range(len(values)), key=lambda k: abs(k - here))[1:]]


def _filled(space: Space, given: Mapping[str, Any]) -> Config:
    config: Config = {}
    for name in space.parents_first():
        if space.is_active(name, config):
            config[name] = given[name] if name in given else default_value(space[name])
    return {name: config[name] for name in space.names if name in config}
