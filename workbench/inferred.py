"""The search space of a define-by-run script, read off its trials.

A parameter that every trial has is unconditional. One that some trials lack gets a condition, if there are one or two
parameters suggested before it whose values decide, in *all* trials so far, whether it is there: ``gamma`` is present
exactly where ``kernel`` is 'rbf' or 'poly'. Nested conditions come by themselves, as the parent may have a condition
too. What cannot be explained so, and parameters whose range changes all the time, are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from workbench.errors import SpaceError
from workbench.optuna_distributions import parameter
from workbench.space import Choice, Config, Float, Int, Param, Space, Value
from workbench.subspace import with_when

MAX_PARENT_LEVELS = 64  # more values than this are no list of cases
MAX_PAIR_LEVELS = 8  # the same, where two parents decide together
MAX_CHANGES = 2  # a range may be edited so often; one that changes more, and in 5 % of the trials, is dynamic


class InferredSpace:
    """Learns from one trial after the other; thinks anew only when a trial contradicts what was believed.

    Attributes
    ----------
    space
        What is believed now.
    distributions
        The latest distribution of every parameter seen, in the order in which they were first suggested.
    """

    def __init__(self) -> None:
        self.space = Space()
        self.distributions: dict[str, BaseDistribution] = {}
        self._params: dict[str, Param] = {}
        self._odd: dict[str, tuple[CategoricalDistribution, tuple[str, ...]]] = {}  # choices that are no plain values
        self._trials: list[Config] = []
        self._seen: Counter[str] = Counter()
        self._changes: Counter[str] = Counter()

    def learn(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> None:
        """Take in a finished trial."""
        new = False
        for name, dist in distributions.items():
            self._seen[name] += 1
            known = self.distributions.get(name)
            if known == dist:
                continue
            self._changes[name] += known is not None
            self.distributions[name] = dist
            self._params[name] = self.parameter(name, dist)
            new = True
        config = self.plain(params)
        self._trials.append(config)
        if new or not self._fits(config):
            self.space = self._infer()

    # ---- choices that are no plain values get a label ----------------------------------------------------------

    def parameter(self, name: str, dist: BaseDistribution) -> Param:
        """Translate a distribution; choices that are no plain values (lists, objects) become their labels."""
        try:
            return parameter(dist)
        except SpaceError:
            if not isinstance(dist, CategoricalDistribution):
                raise
            self._odd[name] = dist, labels(dist.choices)
            return Choice(*self._odd[name][1])

    def plain(self, params: Mapping[str, Any]) -> Config:
        """Put labels in the place of choices that are no plain values."""
        config = dict(params)
        for name in self._odd.keys() & config.keys():
            dist, listed = self._odd[name]
            config[name] = listed[int(dist.to_internal_repr(config[name]))]
        return config

    def original(self, config: Config) -> Config:
        """Undo ``plain``."""
        for name in self._odd.keys() & config.keys():
            dist, listed = self._odd[name]
            config[name] = dist.to_external_repr(listed.index(config[name]))
        return config

    # ---- conditions --------------------------------------------------------------------------------------------

    def _fits(self, config: Config) -> bool:
        return all((name in config) == self.space.is_active(name, config) for name in self.space.names)

    def _is_dynamic(self, name: str) -> bool:
        n = self._changes[name]
        return n > MAX_CHANGES and n > 0.05 * self._seen[name]

    def _infer(self) -> Space:
        found: dict[str, Param] = {}
        for name, p in self._params.items():
            if self._is_dynamic(name):
                continue
            has = [name in t for t in self._trials]
            when = {} if all(has) else self._one_parent(found, has) or self._two_parents(found, has)
            if when is not None:
                found[name] = with_when(p, when)
        return Space(found)

    def _one_parent(self, found: Mapping[str, Param], has: Sequence[bool]) -> dict[str, list[Value]] | None:
        """Find the parent that decides; of several the one that had most chances to be contradicted."""
        best, most = None, -1
        for parent, q in found.items():  # suggested before, so in front here
            if isinstance(q, Float) or q.n_levels > MAX_PARENT_LEVELS:
                continue
            there, absent = self._sides(parent, q, has)
            if there is None or any(v in absent for v in there):
                continue
            values = there if isinstance(q, Choice) else _extended(q, there, absent)
            chances = sum(parent in t for t in self._trials) - len(there) - len(absent)
            if there and chances > most:
                best, most = {parent: values}, chances
        return best

    def _two_parents(self, found: Mapping[str, Param], has: Sequence[bool]) -> dict[str, list[Value]] | None:
        """Find two parents that decide together: present exactly where both have one of these values."""
        usable = {name: self._sides(name, q, has)[0] for name, q in found.items()
                  if not isinstance(q, Float) and q.n_levels <= MAX_PAIR_LEVELS}
        for (a, in_a), (b, in_b) in combinations(usable.items(), 2):
            if in_a and in_b and not any(not present and t.get(a, _NOTHING) in in_a and t.get(b, _NOTHING) in in_b
                                         for t, present in zip(self._trials, has, strict=True)):
                return {a: in_a, b: in_b}
        return None

    def _sides(self, parent: str, q: Param, has: Sequence[bool]) -> tuple[list[Value] | None, list[Value]]:
        """Values of ``parent`` where the parameter is present, and where absent; None if present without parent."""
        there: list[Value] = []
        absent: list[Value] = []
        for t, present in zip(self._trials, has, strict=True):
            if parent not in t:
                if present:
                    return None, []
                continue
            side, value = there if present else absent, t[parent]
            if value not in side and q.fault(value) is None:
                side.append(value)
        return there, absent


_NOTHING = object()


def _extended(q: Int, there: list[Value], absent: list[Value]) -> list[Value]:
    """Add levels not seen yet beyond those with the parameter: ``for i in range(n_layers)`` needs n_layers > i."""
    levels = q.values()
    seen = [levels.index(v) for v in there]
    off = [levels.index(v) for v in absent]
    first, last = min(seen, default=0), max(seen, default=-1)
    if off and max(off) < first:
        last = len(levels) - 1
    elif off and min(off) > last:
        first = 0
    return [v for k, v in enumerate(levels) if first <= k <= last and k not in off]


def labels(choices: Sequence[Any]) -> tuple[str, ...]:
    """Return a name for each choice: its repr, numbered where two are alike."""
    names = [repr(c) for c in choices]
    return tuple(names) if len(set(names)) == len(names) else tuple(f"{i}: {n}" for i, n in enumerate(names))


def is_whole(t: FrozenTrial) -> bool:
    """Whether a trial has suggested all its parameters: it is complete, or was pruned after it had reported."""
    return t.state == TrialState.COMPLETE or (t.state == TrialState.PRUNED and bool(t.intermediate_values))


def space_from_study(study: Study) -> Space:
    """Read the space of a study off its finished trials, conditions included."""
    inferred = InferredSpace()
    for t in study.get_trials(deepcopy=False):
        if is_whole(t):
            inferred.learn(t.params, t.distributions)
    return inferred.space
