"""NSGA-II: a genetic algorithm for several losses, which breeds from the best fronts and the emptiest places in them.

Deb, Pratap, Agarwal & Meyarivan (2002), "A fast and elitist multiobjective genetic algorithm: NSGA-II". After a first population
of ``population_size`` trials every suggestion is one child:

1. *Sort* all results into fronts: the first is the Pareto set, the next is what only the first dominates, and so on.
2. *Crowding distance* of each result: how far its neighbours in its front are apart.
3. *Selection* of the population: front after front, of the last one that fits only in part the least crowded.
4. *Mating*: of two members drawn at random the one of the better front is a parent, of the same front the less crowded
   (the crowded comparison operator). Twice.
5. *Crossover and mutation*: simulated binary crossover, then polynomial mutation.

Notation
--------
==========  ================================================================================
P           the population, row numbers of the history
rank        number of a result's front, from 0 (i_rank of the paper)
distance    its crowding distance (i_distance)
p, q        the two parents' genes, in the unit cube
eta_c       distribution index of the crossover: the larger, the closer a child to a parent
eta_m       distribution index of the mutation: the larger, the smaller the changes
delta       change of a mutated gene, as a share of its range
==========  ================================================================================

Differences from the paper: the population is read off the history and never stored. It is the ``population_size`` best of *all*
results, and each child joins as soon as its losses are known: a steady state, (mu + 1), not generations of mu children. So it
holds for any order of results; late ones of parallel runs and points that a user or another algorithm tried join like children.
Crowding is that among all results of a front, not among parents and children alone. Of equal configurations only the best is in
P, and none that failed while two have worked. Of results with equal losses all but the first have no distance, as by Fortin &
Parizeau (2013): they are many where losses are counts. One child of a crossover is kept, not both. Genes are mixed and
conditional (see ``genes.py``), and a configuration that was tried already is not proposed again. With a single loss every front
is a value of the loss, and this is a plain elitist genetic algorithm. The first population is a scrambled Sobol sequence. The
paper's settings (a population of 100, eta_m = 20) are for 25,000 evaluations; ours, for some hundred, were chosen on ZDT1 and
ZDT4. The population grows with the number of losses, or the ends of the first front, two for each loss, would be most of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.history import Explanation, History, Suggestion
from workbench.models.pareto import crowding_distance, ranks
from workbench.search import genes
from workbench.search.genes import BOTH, FIRST, MUTATED, NEW, SILENT
from workbench.search.untried import rounded, tried
from workbench.space import Array

PER_LOSS = 15  # members for each loss beyond the first

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class NSGA2Explanation(Explanation):
    """How a child was bred.

    Attributes
    ----------
    x
        The child.
    population
        Row numbers of the members of the population: the best front first, in each the least crowded first.
    ranks, distances
        Front of each member, from 0, and its crowding distance, shape (number of members,).
    parents
        Row numbers of the two parents; twice the same where the child has only one.
    beaten
        Row numbers of those whom the parents beat in their tournaments.
    origins
        For each gene an index into ``genes.ORIGINS``, shape (d,).
    """

    x: Array
    population: tuple[int, ...]
    ranks: Rows
    distances: Array
    parents: tuple[int, int]
    beaten: tuple[int, int]
    origins: Rows

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        p, q = (self._won(k) for k in (0, 1))
        crossed, mutated, new, silent = (int((self.origins == k).sum()) for k in (BOTH, MUTATED, NEW, SILENT))
        n = len(self.origins) - silent
        lone = self.parents[0] == self.parents[1]
        bred = f"A copy of {p}" if lone else f"A child of {p} and {q}"
        changed = ([] if lone else [f"{crossed} blended"]) + [f"{mutated} mutated"] + ([f"{new} drawn anew"] if new else [])
        return (f"{bred}, of the {len(self.population)} best results: of {n} parameter{'s' * (n != 1)} "
                f"{' and '.join([', '.join(changed[:-1]), changed[-1]] if changed[1:] else changed)}.")

    def _won(self, k: int) -> str:
        """Name a parent, its front, and what it won by."""
        at, other = (self.population.index(rows[k]) for rows in (self.parents, self.beaten))
        front = self.ranks[at] + 1
        if self.ranks[other] > self.ranks[at]:
            why = f"front {front}, better than result {self.beaten[k] + 1} of front {self.ranks[other] + 1}"
        elif self.distances[at] > self.distances[other]:
            why = f"front {front}, less crowded than result {self.beaten[k] + 1}"
        else:
            why = f"front {front}"
        return f"result {self.parents[k] + 1} ({why})"


# ---- selection -------------------------------------------------------------------------------------------------------


def population(history: History, size: int) -> tuple[Rows, Rows, Array]:
    """Return the rows of the ``size`` best results, best first, their fronts and their crowding distances."""
    y = history.y.reshape(len(history), -1)  # (n, m)
    rank = ranks(y)
    order = np.argsort(rank, kind="stable")
    _, best_of_each = np.unique(rounded(history.x)[order], axis=0, return_index=True)
    rows = np.sort(order[best_of_each])
    worked = rows[(y[rows] < np.inf).all(axis=1)]
    rows = worked if len(worked) > 1 else rows
    distance = np.zeros(len(rows))  # of all but the first of those with equal losses
    _, first = np.unique(y[rows], axis=0, return_index=True)
    distance[first] = crowding_distance(y[rows[first]], rank[rows[first]])
    best = np.lexsort((-distance, rank[rows]))[:size]
    return rows[best], rank[rows[best]], distance[best]


def tournament(rank: Rows, distance: Array, rng: np.random.Generator, but: int = -1) -> tuple[int, int]:
    """Return the winner and the loser of two members drawn without replacement, by crowded comparison.

    The member ``but`` takes no part. A member that is alone beats itself.
    """
    members = np.delete(np.arange(len(rank)), [but] if but >= 0 else [])
    i, j = rng.permutation(members)[[0, -1]].tolist()
    wins = (rank[i], -distance[i]) <= (rank[j], -distance[j])  # i ≺_n j; the first drawn of two equal ones
    return (i, j) if wins else (j, i)


# ---- mutation --------------------------------------------------------------------------------------------------------


def polynomial(u: float, eta: float, rng: np.random.Generator) -> float:
    """Polynomial mutation (Deb & Goyal 1996) of one number, within the unit interval as in the authors' program.

    delta has the density (eta + 1) / 2 (1 - abs(delta))^eta, cut off at both ends of the interval.
    """
    r = rng.random()  # ~ U(0, 1)
    below, above = (1 - u) ** (eta + 1), u ** (eta + 1)  # parts of the density beyond the ends, which are u and 1 - u away
    if r < 0.5:
        return float(u + (2 * r + (1 - 2 * r) * below) ** (1 / (eta + 1)) - 1)
    return float(u + 1 - (2 * (1 - r) + (2 * r - 1) * above) ** (1 / (eta + 1)))


# ---- the algorithm ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NSGA2:
    """NSGA-II: breeds from the best fronts of several losses, and there from the emptiest places.

    Parameters
    ----------
    population_size
        Results that breed, and trials in the start; None for 15 for two losses, and 15 more for each further one.
    crossover_rate
        Probability of a crossover; else the child is a copy of one parent, which mutation changes.
    mutation_rate
        Genes that mutate on average; at least one does where the child is a copy.
    eta_c, eta_m
        Distribution indices of crossover and mutation: the larger, the closer children stay to their parents.
    """

    several_losses: ClassVar[bool] = True

    population_size: int | None = None
    crossover_rate: float = 0.9
    mutation_rate: float = 1.0
    eta_c: float = 20.0
    eta_m: float = 5.0

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.population_size is not None and self.population_size < 2:
            raise ValueError(f"population_size must be at least 2, got {self.population_size}. A child has two parents.")
        if not 0 <= self.crossover_rate <= 1:
            raise ValueError(f"crossover_rate must lie between 0 and 1, got {self.crossover_rate}. The paper uses 0.9.")
        for name, usual in (("mutation_rate", "1 gene a child"), ("eta_c", "20"), ("eta_m", "20")):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be a number from 0 on, got {getattr(self, name)}. The paper uses {usual}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        known = tried(history)
        n_losses = 1 if history.y.ndim == 1 else history.y.shape[1]
        size = self.population_size or PER_LOSS * max(n_losses - 1, 1)
        if len(history) + len(history.pending) < size or len(history) < 2 or not len(history.space):
            return genes.start_point(history, known, rng, size, "member")
        rows, rank, distance = population(history, size)
        return genes.new_or_random(history, known, lambda: self._child(history, rows, rank, distance, rng), rng)

    def _child(self, history: History, rows: Rows, rank: Rows, distance: Array,
               rng: np.random.Generator) -> tuple[Array, NSGA2Explanation]:
        """Let two pairs compete, cross the winners, mutate the child."""
        space = history.space
        i, loser = tournament(rank, distance, rng)
        crossed = len(rows) > 1 and rng.random() < self.crossover_rate
        j, other = tournament(rank, distance, rng, but=i) if crossed else (i, loser)
        p, q = history.x[rows[i]], history.x[rows[j]]
        child, origins = genes.cross(space, p, q, self._sbx, rng) if crossed else (p, np.full(len(p), FIRST))
        x, origins = genes.mutated_child(space, child, origins, self.mutation_rate, self._move, rng,
                                         at_least=0 if crossed else 1)
        return x, NSGA2Explanation(
            x, tuple(rows.tolist()), rank, distance, (int(rows[i]), int(rows[j])), (int(rows[loser]), int(rows[other])), origins)

    def _sbx(self, p: Array, q: Array, rng: np.random.Generator) -> Array:
        return genes.sbx(p, q, self.eta_c, rng)

    def _move(self, u: float, rng: np.random.Generator) -> float:
        return polynomial(u, self.eta_m, rng)
