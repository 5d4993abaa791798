"""What TPE makes of a history: groups of parameters that are active together, and good and bad trials in each.

A conditional space falls into groups: the parameters that are always active, and for every condition those that it
switches on. Within a group everything is modelled jointly, from the trials in which the group was active, which are
split into good and bad ANEW in each group (a branch's best trials are its good ones, however the branch fares).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.history import History
from workbench.models.parzen import MIN_BANDWIDTH, Axis, ParzenEstimator
from workbench.space import Array, Space

FULL_WEIGHT = 25  # so many of the newest bad trials count fully
SHRINK_FROM = 40  # trials of a group from which on the floor of real numbers shrinks in proportion ...
SHRINK_TO = 0.15  # ... down to this share of itself


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Parameters that are active under the same condition.

    Attributes
    ----------
    columns
        Their columns of the unit cube.
    axes
        Their axes in the mixtures.
    condition
        Pairs (column of an ancestor, mask over its levels): active when all ancestors have a level in their mask.
    parents
        The axes of these ancestors.
    fine
        Positions of the parameters with more levels than an axis lists.
    """

    columns: tuple[int, ...]
    axes: tuple[Axis, ...]
    condition: tuple[tuple[int, NDArray[np.bool_]], ...]
    parents: tuple[Axis, ...]
    fine: tuple[int, ...]

    def is_active(self, x: Array) -> bool:
        """Whether the group is active at a point whose ancestors are filled in."""
        return all(not math.isnan(x[j]) and bool(mask[axis.index(x[j])])
                   for (j, mask), axis in zip(self.condition, self.parents, strict=True))

    def snap(self, space: Space, u: Array) -> Array:
        """Move candidates (m, g) of parameters with very many levels to their levels; the axes did the others."""
        for i in self.fine:
            u[:, i] = space[space.names[self.columns[i]]].snap(u[:, i])
        return u


@lru_cache(maxsize=64)
def groups_of(space: Space) -> tuple[Group, ...]:
    """Split the columns into groups, parents first."""
    closures: dict[int, dict[int, NDArray[np.bool_]]] = {}

    def closure(j: int) -> dict[int, NDArray[np.bool_]]:
        """All ancestors of column j, each with the levels under which j can be active."""
        if j not in closures:
            found: dict[int, NDArray[np.bool_]] = {}
            for parent, mask in space.columns[j].parents:
                for a, m in [*closure(parent).items(), (parent, mask)]:
                    found[a] = found[a] & m if a in found else m
            closures[j] = found
        return closures[j]

    members: dict[tuple[tuple[int, bytes], ...], list[int]] = {}
    for j in sorted(range(len(space)), key=lambda j: (len(closure(j)), j)):
        key = tuple(sorted((a, m.tobytes()) for a, m in closure(j).items() if not m.all()))
        members.setdefault(key, []).append(j)
    return tuple(_group(space, tuple(js), closures[js[0]]) for js in members.values())


def _group(space: Space, columns: tuple[int, ...], closure: dict[int, NDArray[np.bool_]]) -> Group:
    params = [space[space.names[j]] for j in columns]
    axes = tuple(Axis.of(p) for p in params)
    fine = tuple(i for i, (p, axis) in enumerate(zip(params, axes, strict=True))
                 if axis.kind == "float" and p.n_levels is not None)
    condition = tuple((a, m) for a, m in closure.items() if not m.all())
    return Group(columns, axes, condition, tuple(Axis.of(space[space.names[a]]) for a, _ in condition), fine)


def log_rank_weights(losses: Array) -> Array:
    """Weights ln(n + 1.5) - ln(rank), mean 1: the best loss counts most; ties by order."""
    n = len(losses)
    rank = np.empty(n)
    rank[np.argsort(losses, kind="stable")] = np.arange(1, n + 1)
    w = math.log(n + 1.5) - np.log(rank)
    return np.asarray(w / w.mean()) if n else w


def recency_weights(n: int) -> Array:
    """Weights of n trials, oldest first: a ramp from 1/n to 1, then 1 for the 25 newest."""
    w = np.ones(n)
    if n > FULL_WEIGHT:
        w[:n - FULL_WEIGHT] = np.linspace(1 / n, 1, n - FULL_WEIGHT)
    return w


@dataclass(frozen=True, slots=True, eq=False)
class GroupSplit:
    """The trials of one group, in the order they were told.

    Attributes
    ----------
    good, good_losses
        Good points, shape (n_good, g), and their losses.
    bad
        Bad points, shape (n_bad, g), pending ones last.
    good_rows, bad_rows
        Their rows in the history; a pending trial's row counts on after those of the finished ones.
    """

    good: Array
    good_losses: Array
    bad: Array
    good_rows: NDArray[np.intp]
    bad_rows: NDArray[np.intp]

    def densities(self, axes: tuple[Axis, ...], floor: float,
                  prior_weight: float) -> tuple[ParzenEstimator, ParzenEstimator]:
        """Return l, the density of the good points, and g, that of the bad ones."""
        floors = self.floors(axes, floor)
        good = ParzenEstimator.fit(self.good, axes, weights=log_rank_weights(self.good_losses), floor=floors,
                                   prior_weight=prior_weight)
        bad = ParzenEstimator.fit(self.bad, axes, weights=recency_weights(len(self.bad)), floor=floors,
                                  prior_weight=prior_weight)
        return good, bad

    def floors(self, axes: tuple[Axis, ...], floor: float) -> list[float]:
        """Smallest bandwidth of each axis, the same in l and g: with many trials, real numbers are searched finer."""
        n = len(self.good) + len(self.bad)
        shrink = max(min(1.0, SHRINK_FROM / max(n, 1)), SHRINK_TO)
        return [max(floor * shrink, MIN_BANDWIDTH) if axis.kind == "float" else floor for axis in axes]


def split(history: History, group: Group, gamma: float, max_good: int) -> GroupSplit:
    """Split the trials in which the group was active: the best ``gamma`` of them are good, failed ones never.

    Pending trials count as bad ("constant liar"): workers that run at the same time keep away from each other.
    """
    columns = list(group.columns)
    x, y, pending = history.x[:, columns], history.y, history.pending[:, columns]
    told, still = np.arange(len(y)), len(y) + np.arange(len(pending))
    if group.condition:
        on, waits = ~np.isnan(x[:, 0]), ~np.isnan(pending[:, 0])
        x, y, pending, told, still = x[on], y[on], pending[waits], told[on], still[waits]
    if len(y) < 2:  # nothing to compare: l and g are the flat prior
        nothing, none = np.empty((0, len(columns))), np.empty(0, dtype=int)
        return GroupSplit(nothing, np.empty(0), nothing, none, none)
    n_good = min(math.ceil(gamma * len(y)), max_good, int((y < np.inf).sum()))
    rows = np.sort(np.argsort(y, kind="stable")[:n_good])  # in the order they were told, see neighbour_bandwidths
    is_bad = np.ones(len(y), dtype=bool)
    is_bad[rows] = False
    return GroupSplit(x[rows], y[rows], np.concatenate([x[is_bad], pending]), told[rows],
                      np.concatenate([told[is_bad], still]))
