"""What the lesson on TPE is about: trials on a line, split into good and bad, and the two densities of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from workbench.history import History
from workbench.search.gp_bo import GPBO
from workbench.search.tpe import TPE, TPEExplanation, TPESlice, densities
from workbench.space import Float, Space
from workbench_widgets.lessons.functions import Hidden, functions

SPACE = Space(x=Float(0.0, 1.0))
N_START, MAX_TRIALS = 12, 40  # from 40 on TPE lets its smallest bandwidth shrink, which would need explaining


@dataclass(frozen=True, slots=True)
class TPEState:
    """Trials so far in the order they were told, TPE's settings, and what the learner said and saw.

    ``gamma`` is the share of good trials, ``floor`` the smallest bandwidth (share of the range).
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    function: str = "ripples"
    gamma: float = 0.25
    floor: float = 0.06
    n_candidates: int = 24
    seed: int = 0
    guess: float | None = None
    shown: bool = False
    gp: bool = False
    truth: bool = False

    @classmethod
    def begin(cls, function: str = "ripples", seed: int = 5) -> TPEState:
        """Start with a few trials drawn at random."""
        hidden = functions()[function]
        x = tuple(float(v) for v in np.random.default_rng(seed).random(N_START))
        return cls(x, tuple(hidden((v,)) for v in x), function, seed=seed)

    @property
    def hidden(self) -> Hidden:
        """The function that is minimised."""
        return functions()[self.function]

    @property
    def best(self) -> float:
        """Smallest loss so far."""
        return min(self.y)

    @property
    def regret(self) -> float:
        """How far the best loss is above the minimum."""
        return self.hidden.regret(self.best)

    def history(self) -> History:
        """Give the trials as an algorithm sees them."""
        return History.of(SPACE, np.array(self.x), np.array(self.y), seed=self.seed)

    def why(self) -> TPEExplanation:
        """Ask TPE for its next trial and its reason."""
        return _why(self.x, self.y, self.gamma, self.floor, self.n_candidates, self.seed)

    def slice(self) -> TPESlice:
        """Compute the densities of the good and the bad trials, and the candidates."""
        return densities(self.history(), self.why(), "x", n=241)

    @property
    def choice(self) -> float:
        """Where TPE would look next."""
        why = self.why()
        return float(why.candidates[why.chosen, 0])

    @property
    def gp_choice(self) -> float:
        """Where a Gaussian process with log-EI would look next, from the same trials."""
        return _gp_choice(self.x, self.y, self.seed)

    def evaluate(self, x: float) -> TPEState:
        """Evaluate the hidden function; the guess is used up."""
        if len(self.x) >= MAX_TRIALS:
            return self
        return replace(self, x=(*self.x, x), y=(*self.y, self.hidden((x,))), guess=None)

    def step(self) -> TPEState:
        """Evaluate where TPE would."""
        new = self.evaluate(self.choice)
        return self if new is self else replace(new, shown=True)


@lru_cache(maxsize=256)
def _why(x: tuple[float, ...], y: tuple[float, ...], gamma: float, floor: float, n_candidates: int,
         seed: int) -> TPEExplanation:
    algorithm = TPE(gamma=gamma, floor=floor, n_candidates=n_candidates, n_startup=0)
    history = History.of(SPACE, np.array(x), np.array(y), seed=seed)
    why = algorithm.suggest(history, np.random.default_rng([seed, len(x)])).why
    assert isinstance(why, TPEExplanation)  # a real parameter never runs out of fresh points
    return why


@lru_cache(maxsize=64)
def _gp_choice(x: tuple[float, ...], y: tuple[float, ...], seed: int) -> float:
    history = History.of(SPACE, np.array(x), np.array(y), seed=seed)
    return float(GPBO(n_startup=0).suggest(history, np.random.default_rng([seed, len(x)])).x[0])
