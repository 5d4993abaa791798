"""The hidden functions of the lessons, on the unit interval or square, cheap enough to know everything about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from workbench.problems.functions import branin_values, forrester_values
from workbench.space import Array

N_RANDOM = 200  # runs of random search that are averaged
LONGEST = 60  # evaluations in each of them


def ripples(u: Array) -> Array:
    """Evaluate a bowl with ripples: many valleys, one of them the deepest."""
    x = u[..., 0]
    return np.asarray(8 * (x - 0.62) ** 2 + 0.6 * np.sin(31 * x + 0.4) + 0.3 * np.sin(13 * x))


def branin(u: Array) -> Array:
    """Evaluate Branin's function over its usual ranges, x1 from -5 to 10 and x2 from 0 to 15: three equal valleys."""
    return branin_values(15 * u - np.array([5.0, 0.0]))


@dataclass(frozen=True)
class Hidden:
    """A function to be minimised, and what is known about it by other means."""

    name: str
    f: Callable[[Array], Array]
    dimensions: int = 1
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)

    def __call__(self, u: tuple[float, ...]) -> float:
        """Evaluate at one point of the unit cube."""
        return float(self.f(np.array(u)))

    @cached_property
    def minimum(self) -> float:
        """Smallest value, from a fine grid and, in its three best cells, a finer one."""
        side = 20_001 if self.dimensions == 1 else 301
        axes = [np.linspace(0, 1, side)] * self.dimensions
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, self.dimensions)
        best = grid[np.argsort(self.f(grid))[:3]]
        near = np.stack(np.meshgrid(*[np.linspace(-1, 1, 201)] * self.dimensions, indexing="ij"), axis=-1)
        finer = best[:, None, :] + near.reshape(1, -1, self.dimensions) / side
        return float(self.f(np.clip(finer, 0, 1)).min())

    def regret(self, loss: float) -> float:
        """How far a loss is above the minimum."""
        return max(loss - self.minimum, 0.0)

    @cached_property
    def random_regret(self) -> Array:
        """Mean distance from the minimum after 1, 2, … evaluations of random search, shape (LONGEST,)."""
        u = np.random.default_rng(0).random((N_RANDOM, LONGEST, self.dimensions))
        best = np.minimum.accumulate(self.f(u), axis=1)
        return np.asarray(best.mean(axis=0) - self.minimum)

    def value(self, u: float, axis: int = 0) -> float:
        """Turn a coordinate of the unit cube into the function's own units."""
        return self.low[axis] + u * (self.high[axis] - self.low[axis])

    def unit(self, value: float, axis: int = 0) -> float:
        """Turn a coordinate in the function's own units into the unit cube, cut to its borders."""
        u = (value - self.low[axis]) / (self.high[axis] - self.low[axis])
        return min(max(u, 0.0), 1.0)


@lru_cache(maxsize=1)
def functions() -> dict[str, Hidden]:
    """Give all hidden functions by name."""
    made = (Hidden("forrester", forrester_values), Hidden("ripples", ripples),
            Hidden("branin", branin, 2, (-5.0, 0.0), (10.0, 15.0)))
    return {hidden.name: hidden for hidden in made}
