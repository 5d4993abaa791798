"""The search space of a define-by-run script, read off its trials.

A parameter that every trial has is unconditional. One that some trials lack gets a condition, if there is a parameter
suggested before it whose value decides, in *all* trials so far, whether it is there: ``gamma`` is present exactly where
``kernel`` is 'rbf' or 'poly'. Nested conditions come by themselves, as the parent may have a condition too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution

from workbench.optuna_distributions import parameter
from workbench.space import Choice, Float, Int, Param, Space

MAX_PARENT_LEVELS = 64


class InferredSpace:
    """Learns from one trial after the other; thinks anew only when a trial contradicts what was believed."""

    def __init__(self) -> None:
        self.space = Space()
        self.distributions: dict[str, BaseDistribution] = {}
        self._trials: list[Mapping[str, Any]] = []
        self._changing: set[str] = set()  # parameters whose distribution differs from trial to trial

    def learn(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> None:
        """Take in a finished trial."""
        self._trials.append(params)
        new = False
        for name, dist in distributions.items():
            known = self.distributions.get(name)
            if known is None:
                self.distributions[name] = dist
                new = True
            elif known != dist and name not in self._changing:
                self._changing.add(name)
                new = True
        if new or not self._fits(params):
            self.space = self._infer()

    def _fits(self, params: Mapping[str, Any]) -> bool:
        return all((name in params) == self.space.is_active(name, params) for name in self.space.names)

    def _infer(self) -> Space:
        found: dict[str, Param] = {}
        for name, dist in self.distributions.items():
            if name in self._changing:
                continue
            p = parameter(dist)
            has = [name in t for t in self._trials]
            if all(has):
                found[name] = p
                continue
            for parent, q in found.items():  # suggested before, so in front here
                allowed = self._deciding_values(parent, q, has)
                if allowed:
                    found[name] = with_condition(p, parent, allowed)
                    break
        return Space(found)

    def _deciding_values(self, parent: str, q: Param, has: list[bool]) -> list[Any]:
        """Values of ``parent`` where the parameter is present, if no trial contradicts; else nothing."""
        if q.n_levels is None or q.n_levels > MAX_PARENT_LEVELS:
            return []
        there: list[Any] = []
        absent: list[Any] = []
        for t, present in zip(self._trials, has, strict=True):
            if parent not in t:
                if present:
                    return []
                continue
            side = there if present else absent
            if t[parent] not in side:
                side.append(t[parent])
        return [] if any(v in absent for v in there) else there


def with_condition(p: Param, parent: str, values: list[Any]) -> Param:
    """Return the parameter with a condition on one parent."""
    when = {parent: values}
    match p:
        case Choice():
            return Choice(*p.options, ordered=p.ordered, default=p.default, when=when)
        case Int():
            return Int(p.low, p.high, log=p.log, step=p.step, default=p.default, when=when)
        case Float():
            return Float(p.low, p.high, log=p.log, step=p.step, default=p.default, when=when)
