"""Quasi-random search: the next point of a sequence that fills the unit cube evenly.

Sobol (1967) and Halton (1960) sequences, scrambled as in Owen (1998) and Owen (2017); for hyperparameters Bergstra and
Bengio (2012, section 4) and Bousquet et al. (2017), "Critical hyper-parameters: no random, no cry". The algorithm:

1. Trial number i (finished and running ones counted, from 0) takes point i of the run's sequence, in as many dimensions as
   there are parameters; the run's seed scrambles it.
2. Levels and options get the value whose cell holds their coordinate; inactive parameters are left out.
3. A point that is forbidden, or was tried already (levels), is replaced by the next of a second sequence, scrambled
   differently, so that every other trial keeps its own point.

Any first n points are spread evenly, along each parameter and jointly: a Sobol sequence has 2^m of its first 2^m points in
different cells of width 2^-m of every parameter, where random points leave a third of the cells empty.

Notation
--------
===========  ======================================================
i            number of a trial, from 0
m            exponent of a power of two
===========  ======================================================

Differences from the papers: none in the sequences (``scipy.stats.qmc``); step 3, which they do not need. In a conditional
space only the trials in which a parameter is active use its coordinate, and these are spread less evenly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from scipy.stats import qmc

from workbench.history import Drawn, History, Suggestion
from workbench.search.untried import at_random, comparable, is_in, tried
from workbench.space import Array

MAX_SOBOL = 21_201  # dimensions of scipy's table
MAX_REPLACED = 64  # replacements tried before a point is drawn at random
BLOCK = 256  # points made at once

Sequence = Literal["sobol", "halton"]


@dataclass(frozen=True, slots=True)
class QuasiRandom:
    """Quasi-random search: a scrambled Sobol or Halton sequence.

    Parameters
    ----------
    sequence
        ``"sobol"``, or ``"halton"``, whose first points are even at any number of trials, not best at powers of two.
    """

    several_losses: ClassVar[bool] = True  # losses play no part
    several_budgets: ClassVar[bool] = True

    sequence: Sequence = "sobol"

    def __post_init__(self) -> None:
        if self.sequence not in ("sobol", "halton"):
            raise ValueError(f"sequence must be 'sobol' or 'halton', got {self.sequence!r}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Return the sequence's point of the next trial's number. Same history: same answer."""
        space, d = history.space, len(history.space)
        if not d:
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        number = len(history) + len(history.pending)
        known = tried(history)
        named = f"{self.sequence.capitalize()} point {number + 1}"
        first = space.snap(point(self.sequence, d, (history.seed, 0, d), number)[None])
        if not space.is_forbidden(first)[0] and not is_in(comparable(first[0]), known):
            return Suggestion(first[0], Drawn(f"scrambled {named}"))
        for k in range(MAX_REPLACED):
            x = space.snap(point(self.sequence, d, (history.seed, 1, d), number * MAX_REPLACED + k)[None])
            if not space.is_forbidden(x)[0] and not is_in(comparable(x[0]), known):
                return Suggestion(x[0], Drawn(f"in the place of {named}, which is forbidden or was tried"))
        return at_random(history, rng, "all points near at hand are forbidden or were tried")


def point(sequence: Sequence, d: int, seed: tuple[int, ...], number: int) -> Array:
    """Return one point of a scrambled sequence, shape (d,), counted from 0; Halton's where Sobol's has too few dimensions."""
    return np.asarray(_block(sequence, d, seed, number // BLOCK)[number % BLOCK])


@lru_cache(maxsize=64)
def _block(sequence: Sequence, d: int, seed: tuple[int, ...], block: int) -> Array:
    """Points block * BLOCK … of a sequence, shape (BLOCK, d)."""
    rng = np.random.default_rng(seed)
    if sequence == "sobol" and d <= MAX_SOBOL:
        made: qmc.QMCEngine = qmc.Sobol(d, scramble=True, seed=rng)
    else:
        made = qmc.Halton(d, scramble=True, seed=rng)
    if block:
        made.fast_forward(block * BLOCK)
    points = np.asarray(made.random(BLOCK))
    points.flags.writeable = False
    return points
