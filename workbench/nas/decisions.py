"""A configuration as a sequence of decisions, each among a few options: what a policy chooses, one after the other.

Every option of a choice, and every level of a number with few of them, is an option of its own. The (log) range of other numbers
is cut into ``N_CELLS`` equal cells; within the one that was chosen the value is drawn uniformly. Decisions follow in an order in
which parents come first; those that the ones before leave inactive are not made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workbench.space import Array, Choice, Space

N_CELLS = 8  # of the range of a number with more levels
NOT_MADE = -1  # index of a decision that was not made

Indices = NDArray[np.intp]  # one option for each decision, shape (T,)


@dataclass(frozen=True)
class Decisions:
    """The decisions that make a configuration of a space.

    Attributes
    ----------
    space
        The space.
    """

    space: Space

    @cached_property
    def columns(self) -> Indices:
        """Column of the unit cube of each decision, shape (T,)."""
        return np.array([self.space.column(name) for name in self.names], dtype=np.intp)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of the parameter of each decision."""
        return self.space.parents_first()

    @cached_property
    def n_options(self) -> tuple[int, ...]:
        """Options of each decision."""
        return tuple(self._levels(name) or (1 if self._is_lone(name) else N_CELLS) for name in self.names)

    @cached_property
    def options(self) -> tuple[tuple[str, ...], ...]:
        """What the options are called."""
        return tuple(self._texts(name, k) for name, k in zip(self.names, self.n_options, strict=True))

    @cached_property
    def conditional(self) -> bool:
        """Whether some decisions depend on others."""
        return any(c.parents for c in self.space.columns)

    @cached_property
    def _points(self) -> tuple[Array | None, ...]:
        """Place in the unit interval of each option; None where they are cells."""
        return tuple(self.space[name].levels() if self._levels(name) else None for name in self.names)

    def _levels(self, name: str) -> int:
        """Levels that are options of their own; 0 where the range is cut into cells."""
        k = self.space[name].n_levels or 0
        return k if isinstance(self.space[name], Choice) or k <= N_CELLS else 0

    def _is_lone(self, name: str) -> bool:
        """Whether it is a number whose range is a single one."""
        param = self.space[name]
        return not isinstance(param, Choice) and param.low == param.high

    def _texts(self, name: str, k: int) -> tuple[str, ...]:
        param = self.space[name]
        if self._levels(name):
            return tuple(f"{v:.3g}" if isinstance(v, float) else str(v) for v in param.values())
        edges = [param.from_unit(u) for u in np.linspace(0, 1, k + 1)]
        return tuple(f"{a:.3g} to {b:.3g}" for a, b in pairwise(edges))

    def indices(self, x: Array) -> Indices:
        """Return which option each decision took at a point (d,); ``NOT_MADE`` where it is inactive."""
        out = np.full(len(self.names), NOT_MADE, dtype=np.intp)
        for t, (j, name, k) in enumerate(zip(self.columns.tolist(), self.names, self.n_options, strict=True)):
            u = float(x[j])
            if not math.isnan(u):
                out[t] = self.space[name].level_of(u) if self._points[t] is not None else min(int(u * k), k - 1)
        return out

    def place(self, t: int, option: int, u: float) -> float:
        """Return the place in the unit interval of an option of decision t; of a cell the share u of it."""
        points = self._points[t]
        return float((option + u) / self.n_options[t]) if points is None else float(points[option])

    def point(self, options: Indices, within: Array) -> Array:
        """Return the point of the unit cube (d,) for these options, snapped, inactive parameters nan; ``within`` cells (T,)."""
        x = np.full(len(self.space), np.nan)
        for t, j in enumerate(self.columns.tolist()):
            if options[t] != NOT_MADE:
                x[j] = self.place(t, int(options[t]), float(within[t]))
        if self.conditional or any(points is None for points in self._points):
            x = self.space.snap(x[None])[0]
        return x


@lru_cache(maxsize=64)
def decisions_of(space: Space) -> Decisions:
    """Return the decisions of a space; made once."""
    return Decisions(space)
