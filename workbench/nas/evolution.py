"""Regularised evolution: the best of a few draws is copied with one change, and the oldest dies, not the worst.

Real, Aggarwal, Huang & Le (2019), "Regularized evolution for image classifier architecture search", AAAI, arXiv 1802.01548,
Algorithm 1; killing the worst instead as Real, Moore, Selle, Saxena, Suematsu, Tan, Le & Kurakin (2017), "Large-scale evolution
of image classifiers", ICML, arXiv 1703.01041. P = 10 and S = 3 are those of Dong & Yang (2020), "NAS-Bench-201".

1. The first P configurations are drawn uniformly at random.
2. *Tournament*: S members of the population are drawn, with replacement; the best of them is the parent.
3. *Mutation*: the child is the parent with one parameter, drawn at random, changed to a different value.
4. The child joins the population when its result is told, and a member dies: the oldest (``ageing``), or the worst.

The result is the best of the whole history: with ageing it is often long dead.

Notation
--------
===========  ==================================================================
P            members of the population
S            draws of a tournament
===========  ==================================================================

Differences from the papers: the population is read off the history and never stored. With ageing it is the P results told last;
if the worst of P + 1 dies each time, the survivors are the P best so far, whatever their order (of equals the newest). So late
results of parallel runs, and points that a user or another algorithm tried, join like children. Real et al. (2017) kill the worse
of two drawn at random; here the worst of all dies. The papers mutate architectures; numbers mutate too here, by a normal step
whose width is log-uniform between 0.03 and 0.2 of the range, levels by at least one. In a conditional space, what a change
switches on is drawn anew. A configuration may come again, as in the papers; where that is a waste, ``wb.Genetic(update="age")``
is the relative that repeats nothing.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.history import Drawn, Explanation, History, Suggestion
from workbench.search import genes
from workbench.search.genetic import gaussian
from workbench.space import Array, Space


@dataclass(frozen=True, slots=True, eq=False)
class EvolutionExplanation(Explanation):
    """How a child came to be.

    Attributes
    ----------
    x
        The child, shape (d,).
    population
        Rows of the living members, oldest first.
    drawn
        Rows drawn for the tournament, in the order drawn; one may be drawn twice.
    parent
        Row of the winner.
    parameter
        What was changed.
    before, after
        Its value in the parent and in the child, as text.
    switched_on
        Parameters that only became active by that, and were drawn anew.
    n_told
        Results known then.
    ageing
        Whether the oldest dies, or the worst.
    """

    x: Array
    population: tuple[int, ...]
    drawn: tuple[int, ...]
    parent: int
    parameter: str
    before: str
    after: str
    switched_on: tuple[str, ...]
    n_told: int
    ageing: bool

    @property
    def ages(self) -> tuple[int, ...]:
        """Results told since each member joined, itself included: 1 is the newest."""
        return tuple(self.n_told - row for row in self.population)

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        more = f", and so {', '.join(self.switched_on)} drawn anew" if self.switched_on else ""
        living = f"the {len(self.population)} {'newest' if self.ageing else 'best'} results"
        return (f"A child of result {self.parent + 1}, the best of {len(self.drawn)} drawn from {living}, with one change: "
                f"{self.parameter} from {self.before} to {self.after}{more}. The parent is {self.n_told - self.parent} "
                f"{'result' if self.n_told - self.parent == 1 else 'results'} old, the oldest member {max(self.ages)}.")


# ---- who lives -------------------------------------------------------------------------------------------------------


def living(y: Array, population: int, *, ageing: bool) -> NDArray[np.intp]:
    """Return the rows of the living members, oldest first: the newest P, or the P best, of equals the newest."""
    n = len(y)
    if n <= population or ageing:
        return np.arange(max(n - population, 0), n)
    best_first = np.lexsort((-np.arange(n), y))
    return np.sort(best_first[:population])


def deaths(y: Array, population: int, *, ageing: bool) -> Array:
    """Return for each row after how many results told its member had died; inf for the living. Shape (n,)."""
    n = len(y)
    died = np.full(n, np.inf)
    if ageing:
        died[:max(n - population, 0)] = np.arange(max(n - population, 0)) + population + 1
        return died
    heap: list[tuple[float, int]] = []  # the worst first, of equals the oldest
    for row, loss in enumerate(y.tolist()):
        heapq.heappush(heap, (-loss, row))
        if len(heap) > population:
            died[heapq.heappop(heap)[1]] = row + 1
    return died


# ---- mutation --------------------------------------------------------------------------------------------------------


def mutable(space: Space, x: Array) -> NDArray[np.intp]:
    """Columns whose parameter is active at x and has more than one value."""
    return np.flatnonzero(np.isfinite(x) & (genes.n_levels(space) != 1))


def mutated(space: Space, parent: Array, j: int, rng: np.random.Generator) -> Array:
    """Return the parent with parameter j changed to a different value; what that switches on is drawn anew."""
    child = parent.copy()
    child[j] = genes.mutate(space, parent, j, gaussian(rng), rng)
    return genes.express(space, child, rng)


@dataclass(frozen=True, slots=True)
class RegularizedEvolution:
    """Evolution with tournaments, one change a child, and death by age.

    Parameters
    ----------
    population
        Members alive, P; so many configurations are drawn at random first.
    sample
        Draws of a tournament, S: 1 is blind, many always take the best.
    ageing
        Whether the oldest member dies, or (False) the worst.
    """

    population: int = 10
    sample: int = 3
    ageing: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.population < 2:
            raise ValueError(f"population must be at least 2, got {self.population}. The paper has 100, NAS-Bench-201 10.")
        if self.sample < 1:
            raise ValueError(f"sample must be at least 1, got {self.sample}. The paper draws 25 of 100, NAS-Bench-201 3 of 10.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        space, n = history.space, len(history)
        number = n + len(history.pending)
        if number < self.population or n == 0:
            return Suggestion(space.sample_unit(1, rng)[0], Drawn(
                f"uniformly at random, number {number + 1} of the first {self.population}" if number < self.population else
                "uniformly at random, as no result is known yet"))
        rows = living(history.y, self.population, ageing=self.ageing)
        for _ in range(genes.ATTEMPTS):
            drawn = rows[rng.integers(len(rows), size=self.sample)]  # with replacement
            parent = int(drawn[np.argmin(history.y[drawn])])
            able = mutable(space, history.x[parent])
            if not len(able):
                break
            j = int(able[rng.integers(len(able))])
            x = mutated(space, history.x[parent], j, rng)
            if not space.forbidden or not space.is_forbidden(x[None])[0]:
                return Suggestion(x, self._why(history, x, j, rows, drawn, parent))
        return Suggestion(space.sample_unit(1, rng)[0], Drawn(
            "uniformly at random, as no change of the parent is allowed"))

    def _why(self, history: History, x: Array, j: int, rows: NDArray[np.intp], drawn: NDArray[np.intp],
             parent: int) -> EvolutionExplanation:
        space, p = history.space, history.x[parent]
        name = space.names[j]
        before, after = (value_text(space, name, point[j]) for point in (p, x))
        on = tuple(space.names[k] for k in np.flatnonzero(np.isnan(p) & np.isfinite(x)))
        return EvolutionExplanation(x, tuple(rows.tolist()), tuple(drawn.tolist()), parent, name, before, after, on,
                                    len(history), self.ageing)


def value_text(space: Space, name: str, u: float) -> str:
    """Write a parameter's value at a place of the unit interval."""
    value = space[name].from_unit(u)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
