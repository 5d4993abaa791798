"""State of the lesson on CMA-ES: which generation of which search is on view. The search itself is computed from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.models.cma_state import CMAState, Constants, constants, update
from workbench.space import Array

LAST = 90  # generations
DRAWN, SELECTED, MOVED = range(3)  # the three moments of a generation
CONDITION = 100.0  # of the two ellipses


@dataclass(frozen=True)
class Landscape:
    """A function over the plane, where the search begins, and the condition number of its contours where it is one."""

    label: str
    f: Callable[[Array], Array]
    start: tuple[float, float]
    minimiser: tuple[float, float]
    condition: float | None = None


def ellipse(degrees: float) -> Callable[[Array], Array]:
    """Make a quadratic function whose contours are ten times as long as wide, turned by an angle."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])

    def f(u: Array) -> Array:
        z = (u - np.array([0.62, 0.55])) @ turn.T
        return np.asarray(z[..., 0] ** 2 + CONDITION * z[..., 1] ** 2)

    return f


def rosenbrock(u: Array) -> Array:
    """Evaluate Rosenbrock's bent valley, x1 from -2 to 2 and x2 from -1 to 3."""
    x1, x2 = 4 * u[..., 0] - 2, 4 * u[..., 1] - 1
    return np.asarray(100 * (x2 - x1**2) ** 2 + (1 - x1) ** 2)


def rastrigin(u: Array) -> Array:
    """Evaluate Rastrigin's bowl of many valleys, three units to either side."""
    x = 6 * (u - np.array([0.62, 0.55]))
    return np.asarray((x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum(axis=-1))


LANDSCAPES = {
    "turned": Landscape("ellipse, turned", ellipse(35), (0.2, 0.75), (0.62, 0.55), CONDITION),
    "upright": Landscape("ellipse, upright", ellipse(0), (0.2, 0.75), (0.62, 0.55), CONDITION),
    "rosenbrock": Landscape("Rosenbrock", rosenbrock, (0.2, 0.6), (0.75, 0.5)),
    "rastrigin": Landscape("many valleys", rastrigin, (0.2, 0.75), (0.62, 0.55)),
}


@dataclass(frozen=True, eq=False)
class Generation:
    """One generation: the distribution, its points and their losses in the order drawn, and the next distribution."""

    before: CMAState
    xs: Array
    ys: Array
    after: CMAState

    @property
    def order(self) -> NDArray[np.intp]:
        """Row numbers of the points, best first."""
        return np.argsort(self.ys, kind="stable")


@dataclass(frozen=True, slots=True)
class CMAESState:
    """A search (function, points per generation, first step size, parts that are on, seed) and the moment on view."""

    function: str = "turned"
    lam: int = 8
    sigma: float = 0.1
    rank_one: bool = True
    rank_mu: bool = True
    step_size: bool = True
    seed: int = 3
    generation: int = 0
    moment: int = DRAWN
    slowly: bool = True  # three steps a generation
    zoom: bool = False
    guess: tuple[float, float] | None = None

    @property
    def landscape(self) -> Landscape:
        """The function."""
        return LANDSCAPES[self.function]

    @property
    def k(self) -> Constants:
        """Weights and learning rates; what is switched off has a rate of zero, or an infinite damping."""
        k = constants(2, self.lam)
        return replace(k, c_1=k.c_1 if self.rank_one else 0.0, c_mu=k.c_mu if self.rank_mu else 0.0,
                       d_sigma=k.d_sigma if self.step_size else math.inf)

    @property
    def way(self) -> tuple[Generation, ...]:
        """All generations of this search."""
        return search(self.function, self.lam, self.sigma, self.rank_one, self.rank_mu, self.step_size, self.seed)

    @property
    def now(self) -> Generation:
        """The generation on view."""
        return self.way[self.generation]

    @property
    def present(self) -> CMAState:
        """The distribution on view: the next one as soon as it was made."""
        return self.now.after if self.moment == MOVED else self.now.before

    @property
    def past(self) -> list[CMAState]:
        """All distributions up to the present one."""
        states = [g.before for g in self.way[:self.generation + 1]]
        return [*states, self.now.after] if self.moment == MOVED else states

    def step(self) -> CMAESState:
        """Go to the next moment, or by a whole generation; the same state at the end."""
        if self.slowly and self.moment < MOVED:
            return replace(self, moment=self.moment + 1)
        if self.generation >= LAST - 1:
            return self
        return replace(self, generation=self.generation + 1, moment=DRAWN if self.slowly else MOVED, guess=None)


@lru_cache(maxsize=64)
def search(function: str, lam: int, sigma: float, rank_one: bool, rank_mu: bool, step_size: bool,
           seed: int) -> tuple[Generation, ...]:
    """Run CMA-ES for ``LAST`` generations. The plane has no borders here."""
    land = LANDSCAPES[function]
    k = CMAESState(function, lam, sigma, rank_one, rank_mu, step_size).k
    rng = np.random.default_rng(seed)
    state = CMAState.start(np.array(land.start), sigma)
    way = []
    for _ in range(LAST):
        xs = np.array([state.sample(rng) for _ in range(lam)])
        ys = land.f(xs)
        after = update(state, xs, ys, k)
        way.append(Generation(state, xs, ys, after))
        state = after
    return tuple(way)


def condition(state: CMAState) -> float:
    """Return the condition number of C: the long axis by the short one, squared."""
    _, D = state.axes
    return float((D[-1] / D[0]) ** 2)


def until(state: CMAESState, target: float = 1e-8) -> int | None:
    """Count the evaluations until the mean of the distribution is as good as this; None if it never is."""
    for i, g in enumerate(state.way, start=1):
        if float(state.landscape.f(g.after.mean)) <= target:
            return i * state.lam
    return None
