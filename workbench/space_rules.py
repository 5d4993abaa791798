"""The rules of a search space: unique names, conditions on values that exist, no circles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workbench.errors import SpaceError
from workbench.parameters import Choice, Float, Int, Param
from workbench.scale import MAX_TABLE, When, check_text


def named_params(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Param]:
    """Collect parameters under unique names."""
    out: dict[str, Param] = {}
    for name, param in pairs:
        if not isinstance(name, str) or not name:
            raise SpaceError(f"a parameter's name must be a non-empty string, got {name!r}.")
        check_text(name)
        if not isinstance(param, (Float, Int, Choice)):
            raise SpaceError(f"{name!r} must be a Float, an Int or a Choice, got {param!r}.")
        if name in out:
            raise SpaceError(f"names must be unique, got {name!r} twice. Put the branch in front: 'svm.{name}'.")
        out[name] = param
    return out


def check_conditions(params: Mapping[str, Param], forbidden: Iterable[When]) -> None:
    """Check that conditions and forbidden combinations name parameters of the space and values they can take."""
    for name, param in params.items():
        _check(params, param.when, f"the condition of {name!r}")
    for clause in forbidden:
        if not clause:
            raise SpaceError("a forbidden combination must name at least one parameter, got an empty one.")
        _check(params, clause, "a forbidden combination")


def _check(params: Mapping[str, Param], pairs: When, where: str) -> None:
    for parent, values in pairs:
        p = params.get(parent)
        if p is None:
            raise SpaceError(f"{where} names {parent!r}, which is no parameter of this space. "
                             f"There are {list(params)!r}.")
        if p.n_levels is None or p.n_levels > MAX_TABLE:
            raise SpaceError(f"{where} names {parent!r}, which has no list of values to choose from. "
                             "Use a Choice, an Int, or a Float with a step.")
        if not values:
            raise SpaceError(f"{where} gives no value of {parent!r}. Name at least one.")
        for v in values:
            fault = p.fault(v)
            if fault:
                raise SpaceError(f"{where} names a value that {parent!r} cannot take: it {fault[1]}, got {v!r}.")


def parents_first(params: Mapping[str, Param]) -> tuple[str, ...]:
    """Order the names so that every parameter follows its parents; SpaceError where conditions form a circle."""
    order: list[str] = []
    state = dict.fromkeys(params, 0)  # 0 new, 1 on the way, 2 placed
    for start in params:
        if state[start] == 2:
            continue
        stack = [(start, iter([parent for parent, _ in params[start].when]))]
        state[start] = 1
        while stack:  # depth first, without recursion: conditions may be nested a thousand deep
            name, rest = stack[-1]
            parent = next(rest, None)
            if parent is None:
                state[name] = 2
                order.append(name)
                stack.pop()
            elif state[parent] == 1:
                raise SpaceError(f"conditions must not form a circle, but {name!r} depends on {parent!r}, which "
                                 f"depends on {name!r}. Remove one of the conditions.")
            elif state[parent] == 0:
                state[parent] = 1
                stack.append((parent, iter([q for q, _ in params[parent].when])))
    return tuple(order)
