"""Bayesian optimisation of several losses by expected hypervolume improvement (EHVI).

Emmerich, Giannakoglou & Naujoks 2006; Yang, Emmerich, Deutz & Bäck 2019 for the exact integral; Ament et al. 2023 for its
logarithm.

::

    for trial = 1, 2, …
        if trial <= n_startup: a random point
        z_k = loss k, outliers compressed, standardised                           for k = 1 … m
        fit a Gaussian process to (x, z_k), independently of the others           gp_posterior.py
        front = what nobody dominates among the z, running trials at their means  ehvi_belief.py
        r = beyond the worst of the front, loss by loss
        cut what the front does not dominate below r into boxes                   models/boxes.py
        x = argmax of log EHVI among untried points                               models/hypervolume_improvement.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.search.ehvi_belief import FrontBelief
from workbench.search.ehvi_why import EHVIExplanation, explain
from workbench.search.gp_bo import GPBO
from workbench.search.gp_candidates import keys
from workbench.search.gp_maximise import best_untried
from workbench.search.gp_posterior import hyperparameters
from workbench.search.gp_start import start_point
from workbench.search.untried import at_random

__all__ = ["EHVI", "EHVIExplanation"]


@dataclass(frozen=True, slots=True)
class EHVI:
    """Bayesian optimisation of several losses: a Gaussian process for each, and expected hypervolume improvement.

    Attributes
    ----------
    n_startup
        Points before the models take over; with fewer than two results they go on.
    """

    several_losses: ClassVar[bool] = True

    n_startup: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.n_startup < 0:
            raise ValueError(f"n_startup must not be negative, got {self.n_startup}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer, whatever the memo holds."""
        if history.y.ndim == 1:  # one loss: EHVI is EI
            return GPBO(n_startup=self.n_startup).suggest(history, rng)
        if not len(history.space):
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        seen = set(keys(np.vstack([history.x, history.pending])))
        if len(history) + len(history.pending) < self.n_startup or len(history) < 2:
            return start_point(history, seen, rng, self.n_startup)
        belief = FrontBelief.of(history, [hyperparameters(history, k=k) for k in range(history.y.shape[1])])
        base = history.x[belief.front] if belief.front.any() else history.x
        x, scores = best_untried(belief, history, base=base, seen=seen, rng=rng)
        if not len(x):
            return at_random(history, rng, "no untried candidate was found")
        return Suggestion(x[0], explain(history, belief, x, scores))
