"""Bayesian optimisation in the latent space of a variational autoencoder, for what is made of many choices.

Gómez-Bombarelli et al. 2018, "Automatic chemical design using a data-driven continuous representation of molecules"; Lu,
González, Dai & Lawrence 2018, "Structured variationally auto-encoded optimization".

::

    once a run: train a variational autoencoder on random configurations                 models/neural/vae.py
    for trial = 1, 2, …
        if trial <= n_startup: a scrambled Sobol point
        z_i = latent mean of configuration i
        fit a Gaussian process to (z_i, loss_i)                                           latent_belief.py
        candidates: z ~ N(0, I), z near those of the best trials; climb on log-EI from the best of them
        decode all of them; encode what came out
        x = the decoded configuration of the highest log-EI at its own z, among untried ones

Notation
--------
========  ===================================================================
``u``     latent coordinates, scaled so that they spread as in a unit cube
``q``     their number
========  ===================================================================

Differences from the papers: the autoencoder learns from configurations alone and is not trained further on losses (Lu et al.
train both together); a candidate is scored where its decoded configuration stands, not where the climb ended, so that a
decoder's error is never taken for an improvement; decoding draws a few configurations besides the most likely one. Words of
different lengths are a choice of letters per place, each place conditional on the one before: then all that is decoded is valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import fmin_l_bfgs_b

from workbench.history import History, Suggestion
from workbench.models.acquisition import climbable, log_expected_improvement
from workbench.models.neural.extra import require_torch
from workbench.search.latent_belief import HALF_WIDTH, LatentBelief, believe
from workbench.search.nn_maximise import ranked
from workbench.search.quasi_random import QuasiRandom
from workbench.search.surrogate_why import SurrogateExplanation, decided
from workbench.search.untried import at_random
from workbench.space import Array

MAX_LATENT = 8
BOX = (0.5 - 2.0 / HALF_WIDTH, 0.5 + 2.0 / HALF_WIDTH)  # of u: four deviations to either side
N_PRIOR = 512  # candidates from the prior
N_NEAR = 512  # candidates around the best trials
N_BASE = 5
N_STARTS = 8
N_DECODED = 4  # configurations drawn where a climb ended, besides the most likely one


@dataclass(frozen=True, slots=True, eq=False)
class LatentExplanation(SurrogateExplanation):
    """Why a point of the latent space was chosen.

    Attributes
    ----------
    u
        Latent coordinates of the chosen configuration, (q,).
    seed, steps
        With the space they determine the autoencoder.
    lengthscale
        One per latent coordinate, (q,).
    noise
        Variance of the noise, in units of the standardised losses.
    """

    MODEL: ClassVar[str] = "Gaussian process on latent coordinates"

    u: Array
    seed: int
    steps: int
    lengthscale: Array
    noise: float

    def belief(self, history: History) -> LatentBelief:
        """Rebuild the model on the history that was seen."""
        return believe(history, q=len(self.u), steps=self.steps, seed=self.seed)


@dataclass(frozen=True, slots=True)
class LatentBO:
    """Bayesian optimisation in the latent space of a variational autoencoder.

    Attributes
    ----------
    n_latent
        Latent coordinates; 0 takes one per parameter, at most 8.
    steps
        Steps of Adam that train the autoencoder, once a run.
    n_startup
        Scrambled Sobol points before the model takes over; with fewer than two results they go on.
    """

    n_latent: int = 0
    steps: int = 800
    n_startup: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.n_latent < 0 or self.steps < 1 or self.n_startup < 0:
            raise ValueError(f"n_latent and n_startup must not be negative and steps at least 1, got {self.n_latent}, "
                             f"{self.n_startup} and {self.steps}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer, whatever the memo holds."""
        require_torch("LatentBO")
        if not len(history.space) or len(history) < 2 or len(history) + len(history.pending) < self.n_startup:
            return QuasiRandom().suggest(history, rng)
        q = self.n_latent or min(len(history.space), MAX_LATENT)
        belief = believe(history, q=q, steps=self.steps, seed=history.seed)
        x = candidates(belief, history, rng)
        scores = log_expected_improvement(*belief.predict(x), belief.best) if len(x) else np.empty(0)
        x, scores = ranked(x, scores, history)
        if not len(x):
            return at_random(history, rng, "nothing that was decoded is new")
        return Suggestion(x[0], LatentExplanation(
            **decided(history, belief, x, scores), acquisition="log_ei", beta=0.0, u=belief.latent.encode(x[:1])[0],
            seed=history.seed, steps=self.steps, lengthscale=belief.process.lengthscale, noise=belief.process.noise))


def candidates(belief: LatentBelief, history: History, rng: np.random.Generator) -> Array:
    """Return allowed configurations, decoded from all over the latent space, near the best, and where climbs ended."""
    latent, space = belief.latent, history.space
    base = latent.encode(history.x[belief.best_rows(N_BASE)])
    q = base.shape[1]
    deviation = 0.5 / HALF_WIDTH
    everywhere = 0.5 + deviation * rng.standard_normal((N_PRIOR, q))  # ~ N(0, I) in z
    width = deviation * np.exp(rng.uniform(np.log(0.05), 0.0, (N_NEAR, 1)))
    near = base[rng.integers(len(base), size=N_NEAR)] + width * rng.standard_normal((N_NEAR, q))
    u = np.clip(np.vstack([everywhere, near]), *BOX)
    values = log_expected_improvement(*belief.at(u), belief.best)
    ends = climb(belief, u[np.argsort(-values, kind="stable")[:N_STARTS]])
    drawn = latent.sample(np.repeat(ends, N_DECODED, axis=0), rng)
    x = np.vstack([latent.decode(np.vstack([ends, u])), drawn])
    return x[~space.is_forbidden(x)]


def climb(belief: LatentBelief, u: Array) -> Array:
    """Move all rows uphill on log-EI, together, by L-BFGS-B within the box."""
    shape = u.shape

    def descent(v: Array) -> tuple[float, Array]:
        mean, variance, d_mean, d_variance = belief.process.predict_with_gradient(v.reshape(shape))
        sd = np.sqrt(variance)
        value, by_mean, by_sd = climbable("log_ei", mean, sd, belief.best, 0.0)
        gradient = by_mean[:, None] * d_mean + (by_sd / (2.0 * sd))[:, None] * d_variance
        return -float(value.sum()), -gradient.ravel()

    v, _, _ = fmin_l_bfgs_b(descent, u.ravel(), bounds=[BOX] * u.size, maxiter=40, maxfun=60)
    ends: Array = np.asarray(v).reshape(shape)
    return ends
