"""Differential evolution: move along the differences between members of a population.

Storn & Price (1997), "Differential evolution - a simple and efficient heuristic for global optimization over continuous
spaces". A population of P members stands in numbered slots. For the next trial:

1. Take the slots in turn; its member is the *target* x.
2. *Mutation*: v = a + F (b - c) with three other members a, b, c drawn at random ("rand/1"), or
   v = x + F (best - x) + F (a - b) ("current-to-best/1").
3. *Binomial crossover*: the trial vector u has each gene of v with probability CR, one of them for sure, and the others of x.
4. *Selection*: u takes the place of x if its loss is not larger.

Notation
--------
===========  ==========================================================
P            population_size, number of slots
x            the target, the member of the slot whose turn it is
a, b, c      other members, the donors
F            scale factor of a difference
v            the mutant
CR           crossover rate
u            the trial vector
===========  ==========================================================

Differences from the paper: which trial a result belongs to cannot be read off the history, so slots are tied to the order of
results: the k-th result competes in slot k mod P, and the member of a slot is simply the best of its results (of equals the
newest). A suggestion made when n results are known and m trials run is meant for slot (n + m) mod P. With one worker this is
the paper's algorithm with immediate replacement; with several workers a trial vector that is told early or late competes with
the member of a neighbouring slot, and a point that a user or another algorithm tried competes like any other: in every case no
result is lost or counted twice, and no slot ever gets worse. F is drawn anew for each trial ("dither", Das, Konar & Chakraborty
2005). A gene that left [0, 1] is put halfway between the target and the end that it passed (Zhang & Sanderson 2009). In the
Hamming space of an unordered choice a + F (b - c) means: the option of a, but where b and c differ, with probability F that of
b (after Moraglio & Togelius 2009); and with probability ``REDRAW`` another option, as those that no member has could never come
back. In a conditional space donors are drawn from members with the same active parameters as the base where there are enough; a
gene that the base lacks is copied from the point to which the difference leads, and one that target and mutant lack is drawn
anew. Repeats are not proposed. The first population is a scrambled Sobol sequence. F and CR are not adapted: the success
histories of JADE and SHADE (Tanabe & Fukunaga 2013) were tried and did not help within a hundred or two trials (geometric mean
of the regret over ten problems and 20 seeds: 0.020 with them, 0.019 without).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.history import Explanation, History, Suggestion
from workbench.search import genes
from workbench.search.untried import tried
from workbench.space import Array, Space

Strategy = Literal["rand/1", "current-to-best/1"]
REDRAW = 0.05

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class DEExplanation(Explanation):
    """How a trial vector was made.

    Attributes
    ----------
    x
        The trial vector u.
    population
        Row number of each slot's member.
    slot, target
        The slot whose turn it is, and its member's row.
    strategy
        How the mutant was made.
    base, differences
        Rows in v = base + F (p - q) + …: the base, and the pairs (p, q).
    F, CR
        Scale factor and crossover rate.
    mutant
        v after its genes were brought back into [0, 1], shape (d,), nan where none of its parents has the gene.
    crossed
        Which genes of u come from v.
    generation
        Results known, divided by the size of the population.
    """

    x: Array
    population: tuple[int, ...]
    slot: int
    target: int
    strategy: str
    base: int
    differences: tuple[Pair, ...]
    F: float
    CR: float
    mutant: Array
    crossed: NDArray[np.bool_]
    generation: int

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        moves = " and ".join(f"from result {q + 1} to result {p + 1}" for p, q in self.differences)
        active = np.isfinite(self.x)
        return (f"Generation {self.generation}, slot {self.slot + 1} of {len(self.population)}: result {self.base + 1}, moved "
                f"by {self.F:.2f} of the way {moves}; {int((self.crossed & active).sum())} of {int(active.sum())} parameters "
                f"are taken from there, the others from result {self.target + 1}, which it must beat.")


# ---- the parts of a trial vector -------------------------------------------------------------------------------------


def mutant(space: Space, base: Array, differences: list[tuple[Array, Array]], F: float, toss: Array) -> Array:
    """Return v = base + F (p - q) + …, shape (d,), not yet brought into [0, 1].

    ``toss``, shape (number of differences, d), holds the random numbers of the choices: where p and q differ there and the
    number is below F, the option is that of p. A difference counts where both p and q have the gene; a gene that the base
    lacks is that of the first p that has it.
    """
    v = base.copy()
    choice = genes.choices(space)
    for (p, q), t in zip(differences, toss, strict=True):
        both = np.isfinite(p) & np.isfinite(q)
        v = np.where(both & ~choice, v + F * np.where(both, p - q, 0.0), v)
        v = np.where(both & choice & (p != q) & (t < F), p, v)
        v = np.where(np.isnan(v), p, v)
    return v


def bring_back(v: Array, x: Array) -> Array:
    """Put genes outside [0, 1] halfway between the target and the end that they passed (Zhang & Sanderson 2009)."""
    inside = np.where(np.isfinite(x), x, 0.5)
    return np.where(v < 0.0, inside / 2, np.where(v > 1.0, (1.0 + inside) / 2, v))


def crossover(x: Array, v: Array, CR: float, draws: Array, sure: int) -> NDArray[np.bool_]:
    """Which genes u takes from v: those with a random number below CR, and the sure one; whoever lacks a gene gives none."""
    from_v = draws < CR
    from_v[sure] = True
    return (from_v & np.isfinite(v)) | (np.isnan(x) & np.isfinite(v))


@dataclass(frozen=True, slots=True)
class DifferentialEvolution:
    """Differential evolution (Storn & Price 1997) in slots, with immediate replacement.

    Parameters
    ----------
    population_size
        Number of slots, and of trials in the start.
    strategy
        How the mutant is made: "rand/1" explores, "current-to-best/1" is quicker.
    F
        Range from which the scale factor is drawn for each trial, or the one number that it always is.
    CR
        Share of genes taken from the mutant.
    """

    population_size: int = 10
    strategy: Strategy = "current-to-best/1"
    F: tuple[float, float] | float = (0.5, 1.0)
    CR: float = 0.8

    def __post_init__(self) -> None:
        """Check the settings."""
        if isinstance(self.F, list):
            object.__setattr__(self, "F", tuple(self.F))  # JSON knows lists only
        low, high = self.scale_factors
        if self.strategy not in get_args(Strategy):
            raise ValueError(f"strategy must be one of {list(get_args(Strategy))}, got {self.strategy!r}.")
        if self.population_size < 4:
            raise ValueError(f"population_size must be at least 4, a target and three donors, got {self.population_size}.")
        if not 0 < low <= high <= 2:
            raise ValueError(f"F must be a number or a range within 0 to 2, smaller end first, got {self.F}. 0.5 is usual.")
        if not 0 <= self.CR <= 1:
            raise ValueError(f"CR must lie between 0 and 1, got {self.CR}.")

    @property
    def scale_factors(self) -> tuple[float, float]:
        """Smallest and largest scale factor."""
        if isinstance(self.F, (int, float)):
            return float(self.F), float(self.F)
        if len(self.F) != 2:
            raise ValueError(f"F must be a number or a range of two, got {self.F}.")
        return self.F[0], self.F[1]

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        space, known = history.space, tried(history)
        n = len(history) + len(history.pending)
        if n < self.population_size or len(history) < 4 or not len(space):
            return genes.start_point(history, known, rng, self.population_size, "member")
        members = genes.slot_best(history.y, self.population_size)
        slot = (n % self.population_size) % len(members)
        return genes.new_or_random(history, known, lambda: self._trial_vector(history, members, slot, rng), rng)

    def _trial_vector(self, history: History, members: NDArray[np.intp], slot: int,
                      rng: np.random.Generator) -> tuple[Array, DEExplanation]:
        """Mutation and crossover for one slot."""
        space, X = history.space, history.x
        target = int(members[slot])
        base, pairs = self._donors(history, members, slot, rng)
        F = rng.uniform(*self.scale_factors)  # ~ U(F_low, F_high)
        differences = [(X[p], X[q]) for p, q in pairs]
        v = bring_back(mutant(space, X[base], differences, F, rng.random((len(pairs), len(space)))), X[target])
        v = genes.redraw_choices(space, v, REDRAW, rng)
        able = np.flatnonzero(np.isfinite(v))
        crossed = crossover(X[target], v, self.CR, rng.random(len(v)), int(able[rng.integers(len(able))]))
        u = genes.express(space, np.where(crossed, v, X[target]), rng)
        return u, DEExplanation(u, tuple(members.tolist()), slot, target, self.strategy, base, tuple(pairs), F, self.CR, v,
                                crossed, len(history) // self.population_size)

    def _donors(self, history: History, members: NDArray[np.intp], slot: int,
                rng: np.random.Generator) -> tuple[int, list[Pair]]:
        """Draw the base and the pairs of a strategy, all different, and different from the target."""
        target = int(members[slot])
        others = rng.permutation(np.delete(members, slot))
        base = int(others[0]) if self.strategy == "rand/1" else target
        rest = others[1:] if self.strategy == "rand/1" else others
        alike = (np.isnan(history.x[rest]) == np.isnan(history.x[base])).all(axis=1)  # the same genes are active
        a, b = (int(row) for row in np.concatenate([rest[alike], rest[~alike]])[:2])
        if self.strategy == "rand/1":
            return base, [(a, b)]
        best = int(members[np.argmin(history.y[members])])
        return base, [(best, target), (a, b)]
