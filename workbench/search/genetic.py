"""Genetic algorithm: better configurations are bred from good ones.

Holland (1975), "Adaptation in natural and artificial systems"; real-valued operators by Deb & Agrawal (1995), "Simulated
binary crossover for continuous search space", Eshelman & Schaffer (1993), "Real-coded genetic algorithms and
interval-schemata"; ageing by Real, Aggarwal, Huang & Le (2019), "Regularized evolution for image classifier architecture
search". After a first population of ``population_size`` trials every suggestion is one child:

1. *Selection*: a tournament; of ``tournament_size`` members of the population drawn at random the best is a parent. Twice.
2. *Crossover*: with probability ``crossover_rate`` the parents' genes are combined, else the first parent is copied.
3. *Mutation*: some genes change a little.
4. *Update*: the child joins the population and another member leaves: the worst (``update="elitism"``) or the oldest
   (``update="age"``).

Notation
--------
===========  =====================================================================
P            the population, row numbers of the history
p, q         the two parents' genes, in the unit cube
beta         spread factor of the simulated binary crossover
eta          its distribution index: the larger, the closer a child to a parent
w            widths of the Gaussian mutation
===========  =====================================================================

Differences from the paper: the population is read off the history and never stored. As every child joins and one member leaves,
P is always the ``population_size`` best of all results (elitism) or the newest ones (age). That is a steady state, (mu + 1),
not generations, and it holds for any order of results: late ones of parallel runs and points that a user or another algorithm
tried join the population like children. (Real et al. let a child join when it is born, which is the same for one worker.) Of
equal configurations only one is in P. In a conditional space a branch of parameters exists only in the parents that chose it,
so it is inherited as a whole, together or blended if both have it; what a mutation switches on is drawn anew. A configuration
that was tried already is not proposed again. The first population is a scrambled Sobol sequence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.history import Explanation, History, Suggestion
from workbench.search import genes
from workbench.search.genes import FIRST, MUTATED, NEW, ORIGINS, SILENT
from workbench.search.untried import rounded, tried
from workbench.space import Array

Crossover = Literal["sbx", "blend", "uniform"]
Update = Literal["elitism", "age"]
SBX_ETA = 2.0
BLX_ALPHA = 0.5
WIDTHS = (0.03, 0.2)  # the width of a mutation is log-uniform between these


@dataclass(frozen=True, slots=True, eq=False)
class GeneticExplanation(Explanation):
    """How a child was bred.

    Attributes
    ----------
    x
        The child.
    population
        Row numbers of the members of the population, best first (elitism) or oldest first (age).
    parents
        Row numbers of the two parents; twice the same where the child has only one.
    origins
        For each gene an index into ``genes.ORIGINS``, shape (d,).
    crossover, update
        The settings; crossover is "" where the first parent was copied.
    tournament_size
        Members in a tournament.
    generation
        Results known, divided by the size of the population.
    """

    x: Array
    population: tuple[int, ...]
    parents: tuple[int, int]
    origins: NDArray[np.intp]
    crossover: str
    update: str
    tournament_size: int
    generation: int

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        p, q = (f"result {row + 1}" for row in self.parents)
        counts = {k: int((self.origins == k).sum()) for k in range(len(ORIGINS))}
        bred = f"a copy of {p}" if not self.crossover else f"a child of {p} and {q}"
        won = f"each the best of {self.tournament_size}" if self.crossover else f"the best of {self.tournament_size}"
        n = len(self.origins) - counts[SILENT]
        return (f"Generation {self.generation}: {bred} ({won} drawn from the {len(self.population)} "
                f"{'best' if self.update == 'elitism' else 'newest'}), with {counts[MUTATED]} of {n} "
                f"parameter{'s' * (n != 1)} mutated{f' and {counts[NEW]} drawn anew' if counts[NEW] else ''}.")


# ---- selection and update ------------------------------------------------------------------------------------------


def survivors(history: History, size: int, update: Update) -> NDArray[np.intp]:
    """Return the rows of the population: the best, best first, or the newest, oldest first. No configuration twice."""
    order = np.argsort(history.y, kind="stable") if update == "elitism" else np.arange(len(history))[::-1]
    keys, seen = rounded(history.x), set[bytes]()
    rows: list[int] = []
    for row in order.tolist():
        key = keys[row].tobytes()
        if key not in seen:
            seen.add(key)
            rows.append(row)
        if len(rows) == size:
            break
    return np.array(rows if update == "elitism" else rows[::-1], dtype=np.intp)


def tournament(y: Array, size: int, rng: np.random.Generator) -> int:
    """Return the best of ``size`` of these losses drawn without replacement; all members if there are fewer."""
    drawn = rng.permutation(len(y))[:size]
    return int(drawn[np.argmin(y[drawn])])


# ---- crossover: p, q are the parents' genes (m,) ---------------------------------------------------------------------


def blend(p: Array, q: Array, alpha: float, rng: np.random.Generator) -> Array:
    """BLX-alpha (Eshelman & Schaffer 1993): uniform on the parents' interval, longer by alpha of itself on each side."""
    low, high = np.minimum(p, q), np.maximum(p, q)
    reach = alpha * (high - low)
    return np.asarray(rng.uniform(low - reach, high + reach))


COMBINE: dict[str, genes.Combine | None] = {
    "sbx": lambda p, q, rng: genes.sbx(p, q, SBX_ETA, rng), "blend": lambda p, q, rng: blend(p, q, BLX_ALPHA, rng),
    "uniform": None}


# ---- mutation --------------------------------------------------------------------------------------------------------


def gaussian(rng: np.random.Generator) -> genes.Move:
    """Draw the width of one child's mutations: numbers move by N(0, width²)."""
    width = math.exp(rng.uniform(*np.log(WIDTHS)))
    return lambda u, rng: u + width * rng.standard_normal()  # ~ N(u, width²)


# ---- the algorithm ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Genetic:
    """Genetic algorithm with tournaments, crossover and mutation, in a steady state.

    Parameters
    ----------
    population_size
        Trials in the population, and in the start.
    tournament_size
        Members in a tournament: 1 is blind, the whole population takes the best always.
    crossover
        How numbers of two parents are combined: "sbx", "blend" (BLX-½) or "uniform" (one parent's each). Choices always
        come from one of them.
    crossover_rate
        Probability of a crossover; else the child is a copy, which mutation changes.
    mutation_rate
        Genes that mutate on average; at least one does where the child is a copy.
    update
        Which member leaves for a child: the worst ("elitism") or the oldest ("age").
    """

    population_size: int = 10
    tournament_size: int = 4
    crossover: Crossover = "blend"
    crossover_rate: float = 0.7
    mutation_rate: float = 1.0
    update: Update = "elitism"

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, options in (("crossover", get_args(Crossover)), ("update", get_args(Update))):
            if getattr(self, name) not in options:
                raise ValueError(f"{name} must be one of {list(options)}, got {getattr(self, name)!r}.")
        if self.population_size < 2:
            raise ValueError(f"population_size must be at least 2, got {self.population_size}. A child has two parents.")
        if self.tournament_size < 1:
            raise ValueError(f"tournament_size must be at least 1, got {self.tournament_size}.")
        if not 0 <= self.crossover_rate <= 1:
            raise ValueError(f"crossover_rate must lie between 0 and 1, got {self.crossover_rate}.")
        if not self.mutation_rate >= 0:
            raise ValueError(f"mutation_rate must not be negative, got {self.mutation_rate}. 1 gene a child is usual.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        space, known = history.space, tried(history)
        n = len(history) + len(history.pending)
        if n < self.population_size or len(history) < 2 or not len(space):
            return genes.start_point(history, known, rng, self.population_size, "member")
        rows = survivors(history, self.population_size, self.update)
        return genes.new_or_random(history, known, lambda: self._child(history, rows, rng), rng)

    def _child(self, history: History, rows: NDArray[np.intp],
               rng: np.random.Generator) -> tuple[Array, GeneticExplanation]:
        """Select two parents, cross them, mutate the child."""
        space = history.space
        first = rows[tournament(history.y[rows], self.tournament_size, rng)]
        others = rows[rows != first]
        crossed = len(others) > 0 and rng.random() < self.crossover_rate
        second = others[tournament(history.y[others], self.tournament_size, rng)] if crossed else first
        p, q = history.x[first], history.x[second]
        child, origins = genes.cross(space, p, q, COMBINE[self.crossover], rng) if crossed else (p, np.full(len(p), FIRST))
        x, origins = genes.mutated_child(space, child, origins, self.mutation_rate, gaussian(rng), rng,
                                         at_least=0 if crossed else 1)
        return x, GeneticExplanation(
            x, tuple(rows.tolist()), (int(first), int(second)), origins, self.crossover if crossed else "", self.update,
            self.tournament_size, len(history) // self.population_size)
