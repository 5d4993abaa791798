"""A problem: a space, a loss, and the best that can be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.space import Array, Config, Float, Space


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A function to minimise whose minimum is known.

    Attributes
    ----------
    name
        The name in the literature, and the dimension where it can be chosen.
    space, objective
        Where to search, and the loss of a configuration.
    optimum
        The least loss.
    minimisers
        Configurations that have it, to the digits known.
    """

    name: str
    space: Space
    objective: Callable[[Config], float]
    optimum: float
    minimisers: tuple[Config, ...]

    def __call__(self, config: Config) -> float:
        """Return the loss of a configuration."""
        return self.objective(config)

    def regret(self, loss: float) -> float:
        """Return how much worse a loss is than the least one."""
        return loss - self.optimum


def real_problem(name: str, f: Callable[[Array], float], bounds: Sequence[tuple[float, float]], optimum: float,
                 *minimisers: Sequence[float]) -> Problem:
    """Make a problem of a function of real numbers x1, x2 and so on."""
    names = [f"x{i + 1}" for i in range(len(bounds))]

    def objective(config: Config) -> float:
        return float(f(np.array([config[n] for n in names])))

    return Problem(name, Space({n: Float(low, high) for n, (low, high) in zip(names, bounds, strict=True)}), objective,
                   optimum, tuple(dict(zip(names, x, strict=True)) for x in minimisers))
