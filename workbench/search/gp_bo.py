"""Bayesian optimisation with a Gaussian process.

Jones, Schonlau & Welch 1998, "Efficient global optimization of expensive black-box functions"; Snoek, Larochelle &
Adams 2012, "Practical Bayesian optimization of machine learning algorithms"; Ament et al. 2023 for log-EI.

::

    for trial = 1, 2, …
        if trial <= n_startup: a random point
        z = losses, outliers compressed, standardised
        fit length-scales, signal and noise of a Gaussian process to (x, z)       map_fit.py
        condition it on finished trials, and on running ones at their mean        gp_posterior.py
        x = argmax of the acquisition function among untried points               gp_acquisition.py, gp_maximise.py

Several workers need nothing else: every one asks for itself and sees the others' points as running trials, which take the
uncertainty away around them ("kriging believer", Ginsbourger, Le Riche & Carraro 2010). ``suggest_batch`` asks the same
questions one after the other. Noisy EI draws the losses of running trials instead, and Thompson draws differ by themselves.

A suggestion costs O(n²) from 256 trials on (hyperparameters are fitted again when n has grown by a twentieth, to 64 of the
best and 192 others) and O(1) from 1000 on: the model then knows the 250 best, 750 others, and all since the last of these fits.

Notation
--------
========  ================================================================================
``best``  what is to be improved on: smallest z, or smallest posterior mean if z is noisy
``beta``  weight of the uncertainty in the lower confidence bound
========  ================================================================================

Differences from the papers: a fixed prior on the length-scales that grows with the number of parameters, a Bayesian
quadratic trend, and outliers compressed before standardising; options at Hamming distance and inactive parameters at a
constant; spaces of up to 4096 configurations are searched exactly; after ten trials without improvement every second
suggestion explores by a confidence bound, which frees a search that keeps measuring one noisy spot. The start is random
rather than a Latin hypercube or Sobol points: on functions with a second basin these lead into the wrong one more often
(on Hartmann-6 in 9 of 17 runs, random ones in 2), and on others neither is better.

Tried without gain, in paired runs on tuning problems, and left out: hyperparameters drawn from their posterior for every
suggestion, length-scales halved when nothing improves, every second or third suggestion by TPE in conditional spaces, the
best trial of every branch as a start, the length-scale prior by the number of active parameters, exploring in spaces
without continuous parameters. A trust region (Eriksson et al. 2019) from 20 parameters on halved the loss on functions
with one basin and multiplied it on sums of random features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.history import Algorithm, Drawn, History, Suggestion
from workbench.models.acquisition import ALL_LABELS, AcquisitionName, SampledName, is_sampled
from workbench.models.mixed_features import features_of
from workbench.models.output_transform import OutputTransform
from workbench.search.beliefs import Beliefs, Prior, as_prior
from workbench.search.gp_acquisition import Acquisition, Believed, Sampled, Surface
from workbench.search.gp_candidates import keys
from workbench.search.gp_maximise import best_untried
from workbench.search.gp_posterior import N_POSTERIOR, Noise, Posterior, hyperparameters, posterior
from workbench.search.gp_start import start_point
from workbench.search.gp_why import GPExplanation, known
from workbench.search.surrogate_why import decided
from workbench.search.untried import at_random
from workbench.space import Array

__all__ = ["GPBO", "GPExplanation", "suggest_batch"]

PI_MARGIN = 1e-3  # improvement that PI asks for, in standardised losses; without it PI never leaves the incumbent
EXPLORING_BETA = 3.0  # at least, for a suggestion that explores
IMPROVED = 1e-3  # what counts as an improvement, in standardised losses
N_BASE = 5  # best trials whose surroundings are searched


@dataclass(frozen=True, slots=True)
class GPBO:
    """Bayesian optimisation with a Gaussian process.

    Attributes
    ----------
    acquisition
        ``"log_ei"``, ``"ei"``, ``"pi"`` or ``"lcb"``; ``"noisy_ei"`` for losses so noisy that the best one is a guess;
        ``"thompson"`` to minimise a function drawn from the posterior.
    beta
        Weight of the uncertainty for ``"lcb"``.
    n_startup
        Points before the model takes over; with fewer than two results they go on.
    patience
        Trials without improvement after which every second suggestion explores, in spaces with a continuous parameter;
        0 never. Thompson draws explore by themselves.
    noise
        ``"auto"`` to estimate it, False if the same configuration always has the same loss, or the standard deviation of
        repeated losses.
    prior
        What you believe of good values, such as ``{"lr": 1e-3, "optimizer": "sgd"}``: see ``workbench.search.beliefs``.
        Every second start point is drawn from it, and it counts in the acquisition function, less and less.
    prior_beta
        How many trials' worth the belief is: its exponent is prior_beta / n after n trials.
    """

    acquisition: AcquisitionName | SampledName = "log_ei"
    beta: float = 2.0
    n_startup: int = 10
    patience: int = 10
    noise: Noise = "auto"
    prior: Prior | Mapping[str, Any] = ()
    prior_beta: float = 10.0

    def __post_init__(self) -> None:
        """Check the settings."""
        object.__setattr__(self, "prior", as_prior(self.prior))
        if self.acquisition not in ALL_LABELS:
            raise ValueError(f"acquisition must be one of {list(ALL_LABELS)}, got {self.acquisition!r}.")
        if self.beta < 0 or self.n_startup < 0 or self.patience < 0 or self.prior_beta < 0:
            raise ValueError("beta, n_startup, patience and prior_beta must not be negative, got "
                             f"{self.beta}, {self.n_startup}, {self.patience} and {self.prior_beta}.")
        if self.noise != "auto" and (isinstance(self.noise, str) or self.noise is True or not 0 <= self.noise < math.inf):
            raise ValueError(f'noise must be "auto", False or a standard deviation, got {self.noise!r}.')

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer, whatever the memo holds."""
        space = history.space
        beliefs = Beliefs.of(space, self.prior)
        if not len(space):
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        seen = set(keys(np.vstack([history.x, history.pending])))
        if len(history) + len(history.pending) < self.n_startup or len(history) < 2:
            return start_point(history, seen, rng, self.n_startup, beliefs)
        name, note = self._function(history)
        model = posterior(known(history, name), hyperparameters(history, self.noise))
        beta = max(self.beta, EXPLORING_BETA) if note else self.beta
        acquisition, why = self._acquisition(history, model, name, beta, beliefs, rng)
        x, scores = best_untried(acquisition, history, base=history.x[model.best_rows(N_BASE)], seen=seen, rng=rng)
        if not len(x):
            return at_random(history, rng, "no untried candidate was found")
        if self.prior:
            why["log_belief"] = float(beliefs.log_density(x[:1])[0])
        return Suggestion(x[0], _explain(history, model, x, scores, acquisition=name, note=note, **why))

    def _function(self, history: History) -> tuple[AcquisitionName | SampledName, str]:
        """Name the acquisition function, and say why it is not the usual one if so."""
        if not self.patience or self.acquisition == "thompson" or not len(features_of(history.space).floats):
            return self.acquisition, ""
        z = np.minimum.accumulate(OutputTransform.of(history.y).forward(history.y))
        improved = np.flatnonzero(np.concatenate([[True], z[1:] < z[:-1] - IMPROVED]))
        since = len(z) - 1 - int(improved[-1])
        if since < self.patience or (len(z) + len(history.pending)) % 2:
            return self.acquisition, ""
        return "lcb", f"Nothing has improved for {since} trials, so this one explores."

    def _acquisition(self, history: History, model: Posterior, name: AcquisitionName | SampledName, beta: float,
                     beliefs: Beliefs, rng: np.random.Generator) -> tuple[Surface, dict[str, Any]]:
        """Make the acquisition function, and what an explanation keeps of it."""
        best = model.best - (PI_MARGIN if name == "pi" else 0.0)
        why: dict[str, Any] = {"beta": beta, "best": best}
        surface: Surface
        if is_sampled(name):
            why["seed"] = int(rng.integers(2**31))
            surface = Sampled.of(name, model, history.pending, why["seed"])
        else:
            surface = Acquisition(model, name, best, beta)
        if beliefs:
            why |= {"prior": self.prior, "prior_weight": self.prior_beta / len(history)}
            surface = Believed(surface, beliefs, why["prior_weight"], product=name == "ei")
        return surface, why


def suggest_batch(algorithm: Algorithm, history: History, q: int, rng: np.random.Generator) -> list[Suggestion]:
    """Choose q points to be tried at the same time: each is asked for with the others running, one after the other.

    The same as q workers that ask in turn; any algorithm that heeds running trials can be asked.
    """
    out: list[Suggestion] = []
    for _ in range(q):
        out.append(algorithm.suggest(history, rng))
        history = replace(history, pending=np.vstack([history.pending, out[-1].x]))
    return out


def _explain(history: History, model: Posterior, x: Array, scores: Array, **why: Any) -> GPExplanation:
    gp = model.model
    lengthscale = np.array([gp.lengthscale[f] for f in model.features.first])
    return GPExplanation(**decided(history, model, x, scores) | why, lengthscale=lengthscale, signal_variance=gp.signal_variance,
                         noise=gp.noise, n_known=len(model.rows) if len(history) > N_POSTERIOR else 0)
