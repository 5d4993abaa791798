"""Spaces made of other spaces: parameters with another condition, fixed values, parameters left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from workbench.space import Choice, Float, Int, Param, Space, When


def with_when(p: Param, when: Mapping[str, Any] | When | None) -> Param:
    """Return the parameter under another condition."""
    match p:
        case Choice():
            return Choice(*p.options, ordered=p.ordered, default=p.default, when=when)
        case Int():
            return Int(p.low, p.high, log=p.log, step=p.step, default=p.default, when=when)
        case Float():
            return Float(p.low, p.high, log=p.log, step=p.step, default=p.default, when=when)


def prefixed(space: Space, prefix: str) -> Space:
    """Return the space with every name under a prefix: ``C`` becomes ``svm__C``."""
    def renamed(pairs: When) -> When:
        return tuple((prefix + name, values) for name, values in pairs)

    params = {prefix + name: with_when(p, renamed(p.when)) for name, p in space.params.items()}
    return Space(params, forbidden=[renamed(clause) for clause in space.forbidden])


def without(space: Space, names: Collection[str]) -> Space:
    """Leave parameters out, and with them those that depend on them and the clauses that name them."""
    gone = set(names)
    for name in space.parents_first():
        if any(parent in gone for parent, _ in space[name].when):
            gone.add(name)
    kept = {name: space[name] for name in space.names if name not in gone}
    return Space(kept, forbidden=[c for c in space.forbidden if all(name in kept for name, _ in c)])


def with_fixed(space: Space, fixed: Mapping[str, Any]) -> Space:
    """Return the space of what is left to choose once some parameters have these values.

    Conditions and forbidden combinations that speak of them are decided. Names that are not in the space are ignored.
    """
    dead: set[str] = set()
    params: dict[str, Param] = {}
    for name in space.parents_first():
        p = space[name]
        for parent, values in p.when:
            off = fixed[parent] not in values if parent in fixed else parent in dead
            if off:
                dead.add(name)
        if name not in dead and name not in fixed:
            params[name] = with_when(p, tuple(pair for pair in p.when if pair[0] not in fixed))
    clauses = []
    for clause in space.forbidden:
        if any(name in dead or (name in fixed and fixed[name] not in values) for name, values in clause):
            continue
        left = tuple(pair for pair in clause if pair[0] not in fixed)
        if left:
            clauses.append(left)
    return Space({name: params[name] for name in space.names if name in params}, forbidden=clauses)
