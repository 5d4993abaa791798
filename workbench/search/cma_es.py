"""CMA-ES: draw points from a normal distribution that learns, from the ranks of its points, where to go and how far.

Hansen (2016), "The CMA evolution strategy: a tutorial", arXiv 1604.00772, with restarts (Auger & Hansen 2005; Hansen
2009), margins for levels (Hamano et al. 2022) and a categorical distribution for options (Hamano et al. 2024). The
algorithm:

1. Begin with N(m, sigma^2 I) in the middle of the unit cube, all options equally likely.
2. Draw points until ``population`` of them have been told: a generation.
3. Rank them. Move m to the best half's weighted mean; lengthen sigma if the last steps went the same way, else shorten
   it; turn and stretch C towards good steps and away from bad ones (``models.cma_state``).
4. Make the options of the best half likelier (``models.cma_discrete``).
5. If the run has converged, begin another one elsewhere, with more points per generation (``cma_restart``).

Trials that come late, several workers, rows from elsewhere and conditional parameters: see ``cma_generations``. Whole
numbers, steps and ordered options are rounded coordinates.

Notation
--------
===========  ======================================================
m            mean
sigma        step size, as a share of the unit cube
C            covariance of the steps
lambda, mu   points of a generation, and the better half of them
q            probabilities of the options of a choice
===========  ======================================================

Differences from the papers: lambda is three quarters of the tutorial's, since searches of hyperparameters are short; a
configuration that has been tried is drawn anew, at last uniformly among those not tried; in a conditional space each group of
parameters that are active together has a CMA-ES of its own, which learns only from trials in which it was active; a point
outside the cube is drawn again, at last cut at its border, and no axis of the distribution grows longer than half the cube; a
restart keeps the probabilities of the options; the margin is off by default: rounded coordinates without it found better points
within 60 to 120 trials, where it keeps configurations in play that the search has left behind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.search.cma_generations import Generations, Settings, generations
from workbench.search.cma_restart import Restart
from workbench.search.cma_why import CMAExplanation
from workbench.search.untried import draw_fresh, rounded, tried
from workbench.space import Array

N_DRAWS = 8  # draws that were tried or are forbidden before a point is drawn uniformly


@dataclass(frozen=True, slots=True)
class CMAES:
    """Covariance matrix adaptation evolution strategy (Hansen 2016).

    Parameters
    ----------
    population
        Points of a generation, lambda; None for 0.75 (4 + 3 ln n), in every group of n parameters, at least 4.
    sigma
        Standard deviation of the first generation, as a share of each parameter's range.
    restart
        What follows a run that has converged: ``"ipop"`` doubles the population each time, ``"bipop"`` mixes such runs
        with small ones of small steps, None goes on with the same run.
    tolx
        A run has converged when no standard deviation is larger than this share of the range.
    margin
        Keep the neighbours of the present level of whole numbers and ordered options likely ("CMA-ES with margin").
    """

    population: int | None = None
    sigma: float = 0.125
    restart: Restart | None = "ipop"
    tolx: float = 1e-4
    margin: bool = False

    def __post_init__(self) -> None:
        if self.population is not None and self.population < 4:
            raise ValueError(f"population must be at least 4, got {self.population}. None chooses it by the space.")
        if not 0 < self.sigma <= 0.5:
            raise ValueError(f"sigma must lie between 0 and 0.5, got {self.sigma}. An eighth of the range is usual.")
        if self.restart not in ("ipop", "bipop", None):
            raise ValueError(f"restart must be 'ipop', 'bipop' or None, got {self.restart!r}.")
        if not 0 < self.tolx < self.sigma:
            raise ValueError(f"tolx must lie between 0 and sigma = {self.sigma}, got {self.tolx}. 0.0001 is a good choice.")

    @property
    def settings(self) -> Settings:
        """What the distributions depend on."""
        return Settings(self.population, self.sigma, self.restart, self.tolx, self.margin)

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        space = history.space
        if not len(space):
            return Suggestion(np.empty(0), Drawn("the only configuration of a space without parameters"))
        now = generations(history, self.settings)
        running = {row.tobytes() for row in rounded(history.pending)}
        repeat: Array | None = None
        for _ in range(N_DRAWS):
            x = now.draw(rng)
            if space.is_forbidden(x[None])[0]:
                continue
            key = rounded(x).tobytes()
            if key not in now.seen and key not in running:
                return Suggestion(x, self._why(now, x))
            repeat = x
        x, fresh = draw_fresh(space, tried(history), rng)
        if fresh or repeat is None:
            return Suggestion(x, Drawn("at random, because what the distribution gave had been tried or was forbidden"))
        return Suggestion(repeat, self._why(now, repeat))  # everything has been tried

    def _why(self, now: Generations, x: Array) -> CMAExplanation:
        mean, deviations = np.full(len(x), np.nan), np.full(len(x), np.nan)
        active = [b for b in now.branches if not np.isnan(x[b.part.first])]
        for b in active:
            if b.state is not None:
                mean[list(b.part.numeric)] = b.state.mean
                deviations[list(b.part.numeric)] = np.sqrt(np.maximum(np.diag(b.covariance), 0.0))
        names = now.space.names
        return CMAExplanation(
            *self.settings, x=x.copy(), mean=mean, deviations=deviations,
            groups=tuple(tuple(names[j] for j in b.part.group.columns) for b in active),
            generation=tuple(b.generation + 1 for b in active), lam=tuple(b.start.lam for b in active),
            n_told=tuple(len(b.waiting) for b in active), n_restarts=tuple(b.start.number for b in active),
            step=tuple(float("nan") if b.state is None else b.state.sigma for b in active))
