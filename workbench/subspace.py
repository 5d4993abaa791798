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

    Conditions and forbidden combinations that speak of them are decided; a condition of a fixed parameter passes on to those
    that depend on it. Names that are not in the space are ignored.
    """
    rules = rules_left(space, fixed)
    params = {name: with_when(space[name], rule) for name, rule in rules.items() if rule is not None and name not in fixed}
    left = [clause for clause in clauses_left(space, fixed) if clause]
    return Space({name: params[name] for name in space.names if name in params}, forbidden=left)


def rules_left(space: Space, fixed: Mapping[str, Any]) -> dict[str, When | None]:
    """Return each parameter's condition on the others, once some have these values; None where it can never be active.

    Parents stand before those that depend on them.
    """
    rules: dict[str, When | None] = {}
    for name in space.parents_first():
        rule: When | None = ()
        for parent, values in space[name].when:
            rule = _both(rule, rules[parent] if parent in fixed else ((parent, values),), space)
            if rules[parent] is None or (parent in fixed and not _among(space[parent], fixed[parent], values)):
                rule = None
        rules[name] = rule
    return rules


def clauses_left(space: Space, fixed: Mapping[str, Any]) -> list[When]:
    """Return what is left of the forbidden combinations that can still occur; an empty one always does."""
    rules = rules_left(space, fixed)
    out = []
    for clause in space.forbidden:
        left: When | None = ()
        for name, values in clause:
            held = name in fixed
            left = _both(left, rules[name] if held else ((name, values),), space)
            if rules[name] is None or (held and not _among(space[name], fixed[name], values)):
                left = None
        if left is not None:
            out.append(left)
    return out


def _among(p: Param, value: Any, values: Collection[Any]) -> bool:
    """Whether a value is one of those, as the parameter counts: 1 and 1.0 are the same number, 1 and True are not."""
    level = p.find(value)
    return level is not None and any(p.find(v) == level for v in values)


def _both(a: When | None, b: When | None, space: Space) -> When | None:
    """Return the condition that both hold; None if they never do."""
    if a is None or b is None:
        return None
    out = dict(a)
    for name, values in b:
        out[name] = tuple(v for v in out[name] if _among(space[name], v, values)) if name in out else values
        if not out[name]:
            return None
    return tuple(out.items())
