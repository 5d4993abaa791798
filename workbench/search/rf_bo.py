"""Bayesian optimisation with a random forest: SMAC.

Hutter, Hoos & Leyton-Brown 2011, "Sequential model-based optimization for general algorithm configuration"; Lindauer et al.
2022, "SMAC3: A versatile Bayesian optimization package for hyperparameter optimization".

::

    for trial = 1, 2, …
        if trial <= n_startup: the next scrambled Sobol point
        z = standardised log(loss - y_0)                                          log_transform.py
        grow a forest on (x, z)                                                   forest.py, rf_belief.py
        with probability p_random: a random point
        else: argmax of the expected improvement among untried points             rf_maximise.py

A forest splits on any kind of parameter, and after a split on a parent its children matter in one branch only. So it is at
home in spaces of many choices and branches; on smooth functions of a few numbers a Gaussian process is far ahead of it.

Notation
--------
============  ================================================================================
``best``      what is to be improved on: the smallest *predicted* z of a finished trial
``p_random``  probability that a trial is interleaved at random
============  ================================================================================

Differences from the papers: one evaluation per configuration (no racing over instances and seeds, no adaptive capping);
the expected improvement is that of z, where SMAC3 takes z as the logarithm of a normal loss; the random point is one of the
suggestions, decided by a coin with the probability 0.2 as in SMAC3, not every second one as in the paper; 30 trees instead
of 10; 10 start points, whatever the number of parameters (SMAC3: 10 per parameter); a new forest for every suggestion
(SMAC3: for every eighth); running trials are believed to end as predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.models.acquisition import log_expected_improvement
from workbench.search.gp_candidates import all_configs, keys
from workbench.search.quasi_random import QuasiRandom
from workbench.search.rf_belief import ForestBelief, believe
from workbench.search.rf_maximise import N_TRIALS, Score, challengers, ranked
from workbench.search.surrogate_why import SurrogateExplanation, decided
from workbench.search.untried import at_random, draw_fresh, tried
from workbench.search.wording import about
from workbench.space import Array


@dataclass(frozen=True, slots=True, eq=False)
class RFExplanation(SurrogateExplanation):
    """Why a random forest chose a point.

    Attributes
    ----------
    n_trees, seed
        Of the forest; with the history they make it again.
    importance
        Share of the squared error that the splits on each parameter take away, shape (d,).
    interleaved
        Whether the point was drawn at random, whatever the forest says about it.
    """

    MODEL: ClassVar[str] = "random forest"

    n_trees: int
    seed: int
    importance: Array
    interleaved: bool

    def belief(self, history: History) -> ForestBelief:
        """Rebuild the forest that chose ``x`` from the history that it saw."""
        return believe(history, n_trees=self.n_trees, seed=self.seed)

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        if not self.interleaved:
            return super(RFExplanation, self).summary()
        return (f"Interleaved at random, as some trials are, so that no region stays unseen; the forest predicts "
                f"{about(self.predicted, self.predicted_sd)} here, best so far {self.best_loss:.3g}.")


@dataclass(frozen=True, slots=True)
class RFBO:
    """Bayesian optimisation with a random forest (SMAC).

    Attributes
    ----------
    n_trees
        Trees in the forest.
    p_random
        Probability that a suggestion is a random point.
    n_startup
        Scrambled Sobol points before the model takes over; with fewer than two results they go on.
    """

    n_trees: int = 30
    p_random: float = 0.2
    n_startup: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.n_trees < 1:
            raise ValueError(f"n_trees must be at least 1, got {self.n_trees}. SMAC grows 10, the default is 30.")
        if not 0 <= self.p_random <= 1:
            raise ValueError(f"p_random must lie between 0 and 1, got {self.p_random}. SMAC3 uses 0.2.")
        if self.n_startup < 0:
            raise ValueError(f"n_startup must not be negative, got {self.n_startup}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer, whatever the memo holds."""
        space = history.space
        if not len(space):
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        if len(history) + len(history.pending) < self.n_startup or len(history) < 2:
            return QuasiRandom().suggest(history, rng)
        belief = believe(history, n_trees=self.n_trees, seed=history.seed)
        best = belief.best

        def score(x: Array) -> Array:
            return log_expected_improvement(*belief.predict(x), best) if len(x) else np.empty(0)

        interleaved = bool(rng.random() < self.p_random)
        if interleaved:
            x, is_new = draw_fresh(space, tried(history), rng)
            points = x[None] if is_new else np.empty((0, len(space)))
            scores = score(points)
        else:
            points, scores = _untried(score, belief, history, rng)
        if not len(points):
            return at_random(history, rng, "no untried candidate was found")
        why = RFExplanation(**decided(history, belief, points, scores), acquisition="log_ei", beta=0.0, n_trees=self.n_trees,
                            seed=history.seed, importance=belief.importance(), interleaved=interleaved)
        return Suggestion(points[0], why)


def _untried(score: Score, belief: ForestBelief, history: History, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return points that were not tried, the best first: of all configurations where they can be counted."""
    seen, configs = set(keys(np.vstack([history.x, history.pending]))), all_configs(history.space)
    if configs is not None:
        return ranked(configs, score(configs), seen, rng)
    return challengers(score, history.space, history.x[belief.best_rows(N_TRIALS)], seen, rng)
