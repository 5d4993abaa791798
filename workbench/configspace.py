"""Search spaces to and from ConfigSpace (extra ``configspace``).

What has no counterpart there is carried in the hyperparameters' ``meta`` and comes back whole: steps, "no default
given". What ConfigSpace itself does differently with such a space:

* A stepped parameter (``step`` of a Float, a step of an Int other than 1) becomes an ordinal of its levels, drawn
  uniformly: with ``log=True`` its samples do not follow the logarithm. Of more than 1,000 levels it becomes a plain
  range, and a warning says that the steps are lost to ConfigSpace.
* A range of one value becomes a constant; ranges whose ends almost coincide are refused there.
* Options of mixed types may come back from ConfigSpace as numbers that Python holds equal: False as 0, 1 as 1.0.
* A default that is forbidden is replaced by the nearest one that is allowed: ConfigSpace refuses the first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from workbench.default_config import default_config, default_value
from workbench.errors import SpaceError
from workbench.scale import plain
from workbench.space import MAX_TABLE, Choice, Clause, Float, Int, Param, Space, When
from workbench.space_formats import param_from_json, param_json
from workbench.subspace import with_when

META = "workbench"  # key of our parameter as JSON data
PLACE = "workbench place"  # key of its column: ConfigSpace sorts by name
MAX_ORDINAL = 1_000


def _library() -> ModuleType:
    try:
        import ConfigSpace
    except ImportError as error:
        raise ImportError("ConfigSpace is not installed. Run: pip install 'automl-workbench[configspace]'") from error
    module: ModuleType = ConfigSpace
    return module


# ---- to ConfigSpace --------------------------------------------------------------------------------------------


def to_configspace(space: Space) -> Any:
    """Return a ``ConfigSpace.ConfigurationSpace`` with the same parameters, conditions and forbidden combinations.

    Raises SpaceError for a range that ConfigSpace refuses, and where everything near the defaults is forbidden.
    """
    cs = _library()
    start = default_config(space)
    out = cs.ConfigurationSpace()
    hp = {name: _hyperparameter(cs, name, p, start.get(name, default_value(p)), {META: param_json(name, p), PLACE: j})
          for j, (name, p) in enumerate(space.params.items())}
    out.add(*hp.values())
    for name in space.parents_first():
        parts = [_test(cs, hp[name], hp[parent], values) for parent, values in space[name].when]
        if parts:
            out.add(parts[0] if len(parts) == 1 else cs.AndConjunction(*parts))
    for clause in space.forbidden:
        terms = [cs.ForbiddenInClause(hp[name], list(values)) for name, values in clause]
        out.add(terms[0] if len(terms) == 1 else cs.ForbiddenAndConjunction(*terms))
    return out


def _test(cs: ModuleType, child: Any, parent: Any, values: tuple[Any, ...]) -> Any:
    if len(values) == 1:
        return cs.EqualsCondition(child, parent, values[0])
    return cs.InCondition(child, parent, list(values))


def _hyperparameter(cs: ModuleType, name: str, p: Param, default: Any, meta: dict[str, Any]) -> Any:
    if isinstance(p, Choice):
        kind = cs.OrdinalHyperparameter if p.ordered else cs.CategoricalHyperparameter
        return kind(name, list(p.options), default_value=default, meta=meta)
    if p.low == p.high:
        return cs.Constant(name, p.low, meta=meta)
    stepped = p.step is not None and not (isinstance(p, Int) and p.step == 1)
    if stepped and (p.n_levels or 0) <= MAX_ORDINAL:
        return cs.OrdinalHyperparameter(name, p.values(), default_value=default, meta=meta)
    if stepped:
        warnings.warn(f"{name!r} has {p.n_levels} levels; ConfigSpace will draw values between them. It has no steps, "
                      f"and an ordinal is used up to {MAX_ORDINAL} levels only.", stacklevel=4)
    kind = cs.UniformIntegerHyperparameter if isinstance(p, Int) else cs.UniformFloatHyperparameter
    try:
        return kind(name, p.low, p.high, default_value=default, log=p.log, meta=meta)
    except ValueError as error:
        raise SpaceError(f"{name!r}: ConfigSpace takes no range from {p.low} to {p.high}: "
                         f"{error.__cause__ or error}") from error


# ---- from ConfigSpace ------------------------------------------------------------------------------------------


def from_configspace(space: Any) -> Space:
    """Read a ``ConfigSpace.ConfigurationSpace``.

    Raises
    ------
    SpaceError
        For what this workbench cannot say: normal and beta distributions, weights of options, an "or" over different
        parents, comparisons with a continuous parent, relations between two parameters.
    """
    cs = _library()
    by_place = sorted(space.items(), key=lambda item: (item[1].meta or {}).get(PLACE, len(space)))
    params = {name: _param(cs, h) for name, h in by_place}
    when: dict[str, When] = {}
    for condition in space.conditions:
        child = condition.child.name if hasattr(condition, "child") else condition.components[0].child.name
        when[child] = _and(when.get(child, ()), _when(cs, condition, params))
    params = {name: with_when(p, when.get(name, ())) for name, p in params.items()}
    return Space(params, forbidden=[_clause(cs, c) for c in space.forbidden_clauses])


def _param(cs: ModuleType, h: Any) -> Param:
    ours = (h.meta or {}).get(META)
    if ours is not None:
        return param_from_json({k: v for k, v in ours.items() if k != "when"})[1]
    match h:
        case cs.UniformIntegerHyperparameter():
            return Int(h.lower, h.upper, log=h.log, default=h.default_value)
        case cs.UniformFloatHyperparameter():
            return Float(h.lower, h.upper, log=h.log, default=h.default_value)
        case cs.OrdinalHyperparameter():
            return Choice(*map(plain, h.sequence), ordered=True, default=plain(h.default_value))
        case cs.CategoricalHyperparameter():
            if h.weights is not None and len(set(h.weights)) > 1:
                raise SpaceError(f"{h.name!r}: options have no weights here, got {list(h.weights)}. Remove them.")
            return Choice(*map(plain, h.choices), default=plain(h.default_value))
        case cs.Constant():
            return Choice(plain(h.value))
    raise SpaceError(f"{h.name!r}: no parameter is like {type(h).__name__}. Use a uniform one.")


def _and(a: When, b: When) -> When:
    """Let both hold; several tests of one parent become their common values."""
    out = dict(a)
    for parent, values in b:
        out[parent] = tuple(v for v in out[parent] if v in values) if parent in out else values
        if not out[parent]:
            raise SpaceError(f"a condition on {parent!r} can never hold. Remove it.")
    return tuple(out.items())


def _when(cs: ModuleType, condition: Any, params: dict[str, Param]) -> When:
    match condition:
        case cs.AndConjunction():
            out: When = ()
            for part in condition.components:
                out = _and(out, _when(cs, part, params))
            return out
        case cs.OrConjunction():
            parts = [_when(cs, part, params) for part in condition.components]
            parents = {pair[0] for part in parts for pair in part}
            if len(parents) != 1 or any(len(part) != 1 for part in parts):
                raise SpaceError(f"{condition.child.name!r}: an 'or' over different parents, {sorted(parents)}, has no "
                                 "counterpart. Make one parameter of it per branch.")
            return ((parents.pop(), _union(part[0][1] for part in parts)),)
    parent = condition.parent.name
    return ((parent, _allowed(cs, condition, parent, params[parent])),)


def _union(many: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(v for values in many for v in values))


def _allowed(cs: ModuleType, condition: Any, parent: str, p: Param) -> tuple[Any, ...]:
    match condition:
        case cs.EqualsCondition():
            return (plain(condition.value),)
        case cs.InCondition():
            return tuple(map(plain, condition.values))
    if p.n_levels is None or p.n_levels > MAX_TABLE:
        raise SpaceError(f"{condition.child.name!r}: a comparison with {parent!r}, which has no levels, has no "
                         "counterpart. Name the values of a discrete parent.")
    limit, values = plain(condition.value), p.values()
    rank = values.index(limit)
    match condition:
        case cs.NotEqualsCondition():
            return tuple(v for v in values if v != limit)
        case cs.GreaterThanCondition():
            return tuple(values[rank + 1:])
        case cs.LessThanCondition():
            return tuple(values[:rank])
    raise SpaceError(f"{condition.child.name!r}: no condition is like {type(condition).__name__}.")


def _clause(cs: ModuleType, clause: Any) -> Clause:
    match clause:
        case cs.ForbiddenAndConjunction():
            out: When = ()
            for part in clause.components:
                out = _and(out, _clause(cs, part))
            return out
        case cs.ForbiddenEqualsClause():
            return ((clause.hyperparameter.name, (plain(clause.value),)),)
        case cs.ForbiddenInClause():
            return ((clause.hyperparameter.name, tuple(map(plain, clause.values))),)
    raise SpaceError(f"no forbidden combination is like {type(clause).__name__}. Name the values one by one.")
