"""The points of a grid over a conditional space, counted and found by number without listing them.

Columns are placed one after another, parents before children. What the placed ones have decided about the others is a
state: the set of columns that can no longer become active. From a state s at place i,

    count(i, s) = count(i + 1, s + children of i)                  if column i is inactive in s
                  sum over its values v of count(i + 1, s + what v switches off)   otherwise

and the point of a number is found by walking down, each time into the branch whose count holds it.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate

import numpy as np

from workbench.errors import SpaceError
from workbench.space import Array, Choice, Space

MAX_STATES = 20_000

State = frozenset[int]  # columns that are switched off


@dataclass(frozen=True, slots=True, eq=False)
class GridTree:
    """All distinct points of a grid, in order: the last column varies fastest.

    Attributes
    ----------
    order
        The columns, each after its parents, children close behind them.
    values
        Unit values of each column, ascending.
    steps
        For each place of the order: state -> the state that each value leads to (one if the column is inactive).
    ends
        For each place: state -> number of points below each of these branches and those before it.
    """

    n_columns: int
    order: tuple[int, ...]
    values: tuple[Array, ...]
    steps: tuple[dict[State, list[State]], ...]
    ends: tuple[dict[State, list[int]], ...]

    @classmethod
    def of(cls, space: Space, k: int) -> GridTree:
        """Lay out the grid with k values of each continuous parameter."""
        return cls.over(space, tuple(grid_values(space, name, k) for name in space.names))

    @classmethod
    def over(cls, space: Space, values: tuple[Array, ...]) -> GridTree:
        """Lay out the grid with these unit values of each column, ascending."""
        children = _children(space)
        order = _children_close(space, children)
        steps: list[dict[State, list[State]]] = []
        states: set[State] = {frozenset()}
        for j in order:
            off = _switched_off(space, j, values[j], children[j])
            step = {s: _after(s, j, off) for s in states}
            states = {t for targets in step.values() for t in targets}
            if len(states) > MAX_STATES:
                raise SpaceError("a grid of so many conditional parameters is too large to count. Use Random().")
            steps.append(step)
        ends: list[dict[State, list[int]]] = []
        count = dict.fromkeys(states, 1)
        for step in reversed(steps):
            ends.append({s: list(accumulate(count[t] for t in targets)) for s, targets in step.items()})
            count = {s: numbers[-1] for s, numbers in ends[-1].items()}
        return cls(len(space), order, values, tuple(steps), tuple(reversed(ends)))

    @property
    def size(self) -> int:
        """Number of points, those that are forbidden included."""
        return self.ends[0][frozenset()][-1] if self.ends else 1

    def point(self, number: int) -> Array:
        """Return the point of that number, shape (d,), nan where inactive."""
        x = np.full(self.n_columns, np.nan)
        state: State = frozenset()
        for place, j in enumerate(self.order):
            ends = self.ends[place][state]
            branch = bisect_right(ends, number)
            if j not in state:
                x[j] = self.values[j][branch]
            number -= ends[branch - 1] if branch else 0
            state = self.steps[place][state][branch]
        return x


def grid_values(space: Space, name: str, k: int) -> Array:
    """Unit points of one parameter's grid values, ascending: all options; k levels, or k points from end to end."""
    p = space[name]
    n = p.n_levels
    ends = np.linspace(0.0, 1.0, k) if k > 1 else np.array([0.5])
    if n is None:
        return ends if p.from_unit(0.0) != p.from_unit(1.0) else np.array([0.5])
    if n <= k or isinstance(p, Choice):
        return p.levels()
    return p.points(np.unique(p.level(ends)))


def finer_values(space: Space, name: str, at: float, width: float) -> Array:
    """Unit points around ``at``: one ``width`` below, itself, one above; ``at`` alone for options without order.

    Levels too coarse for the width stay as they are. Where ``at`` is nan (inactive) it is the middle of the range, for
    the case that the finer grid switches the parameter on.
    """
    p = space[name]
    if np.isnan(at):
        return grid_values(space, name, 1)[:1]
    if (isinstance(p, Choice) and not p.ordered) or p.from_unit(0.0) == p.from_unit(1.0):
        return np.array([at])
    around = p.snap(np.array([at - width, at + width]))
    apart = np.abs(around - at) > 1e-9  # not at an end of the range, not the same level
    return np.unique(np.append(around[apart], at))


def _children(space: Space) -> list[set[int]]:
    out: list[set[int]] = [set() for _ in space.columns]
    for child, column in enumerate(space.columns):
        for parent, _ in column.parents:
            out[parent].add(child)
    return out


def _children_close(space: Space, children: list[set[int]]) -> tuple[int, ...]:
    """Order the columns parents first; of those that are ready, the child of the latest parent is next."""
    missing = [len(column.parents) for column in space.columns]
    ready = [(0, j) for j, n in enumerate(missing) if n == 0]  # (minus the place of the latest parent, column)
    order: list[int] = []
    while ready:
        _, j = heappop(ready)
        order.append(j)
        for child in children[j]:
            missing[child] -= 1
            if missing[child] == 0:
                heappush(ready, (-len(order), child))
    return tuple(order)


def _switched_off(space: Space, j: int, values: Array, children: set[int]) -> list[State]:
    """For each value of column j: the children whose condition on it fails; then all, for where it is inactive."""
    out: list[set[int]] = [set() for _ in values]
    level = space[space.names[j]].level(values) if children else None
    for child in children:
        for parent, allowed in space.columns[child].parents:
            if parent == j:
                for off, on in zip(out, allowed[level], strict=True):
                    if not on:
                        off.add(child)
    return [*map(frozenset, out), frozenset(children)]


def _after(state: State, j: int, off: list[State]) -> list[State]:
    rest = state - {j}
    return [rest | off[-1]] if j in state else [rest | s for s in off[:-1]]


def shuffled(number: int, n: int, seed: int) -> int:
    """Return the number at that place of a random order of range(n), without listing it.

    A Feistel network permutes the numbers of 2h bits; whatever falls beyond n is permuted again.
    """
    half = max(1, (n.bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = number >> half, number & mask
        for turn in range(6):
            key = hashlib.shake_256(f"{seed} {turn} {right:x}".encode()).digest((half + 7) // 8)
            left, right = right, left ^ (int.from_bytes(key, "big") & mask)
        number = left << half | right
        if number < n:
            return number
