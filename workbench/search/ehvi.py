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

Several workers see each other's points as running trials, believed at their means, as in ``gp_bo``. A trial that failed counts
as the worst of each loss for the processes and is never in the front. Up to three losses all is exact; of four and more a
front of too many rows is rounded to better ones (``ehvi_belief.coarse``), so that gains are underrated near known trials.

Notation
--------
========  ==============================================================================
``m``     number of losses
``z``     targets: a loss after ``OutputTransform``, whatever its unit; scale 1
``r``     reference point: worse than whatever is worth having
========  ==============================================================================

Differences from the papers: all is done on the targets, where outliers are compressed and units play no part; the hypervolume
there is that of the losses, up to a factor, as long as no trial of the front is an outlier. Of noisy losses the front is that
of the posterior means at the trials. The reference point lies beyond the nadir by 0.3 of the range of *all* trials. The usual
rule, a tenth of the front's own range, was measured on tuning problems and traps the search: a young front is a short piece
of the whole, what lies beyond its ends counts nothing, and so it stays short (0.856 of the best hypervolume of ZDT1 after 50
trials, against 0.992). Of the share 0.1 is behind on ZDT1, Fonseca and three bowls, 1 and the worst of all trials on a flat
front of three losses; 0.2 is level.

Tried without gain and left out: ParEGO (Knowles 2006), one process on a randomly weighted, augmented Chebyshev norm. It costs a
third, but dominates less on every tuning problem: after 50 trials 0.98 of EHVI's hypervolume (ZDT1), 0.59 (ZDT4), 0.82
(Fonseca), 0.22 (Fonseca with noise), 0.91 (Kursawe) and 0.93 (mixed parameters); 3 or 4 seeds each.
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
