"""Bayesian optimisation with a Gaussian process.

Jones, Schonlau & Welch 1998, "Efficient global optimization of expensive black-box functions"; Snoek, Larochelle &
Adams 2012, "Practical Bayesian optimization of machine learning algorithms"; Ament et al. 2023 for log-EI.

::

    for trial = 1, 2, …
        if trial <= n_startup: the next scrambled Sobol point
        z = losses, outliers compressed, standardised
        fit length-scales, signal and noise of a Gaussian process to (x, z)       map_fit.py
        condition it on finished trials, and on running ones at their mean        gp_posterior.py
        x = argmax of the acquisition function among untried points               gp_maximise.py

Notation
--------
========  ================================================================================
``best``  what is to be improved on: smallest z, or smallest posterior mean if z is noisy
``beta``  weight of the uncertainty in the lower confidence bound
========  ================================================================================

Differences from the papers: a fixed prior on the length-scales that grows with the number of parameters, a Bayesian
quadratic trend, and outliers compressed before standardising; options at Hamming distance and inactive parameters at a
constant; spaces of up to 4096 configurations are searched exactly; after ten trials without improvement every second
suggestion explores by a confidence bound, which frees a search that keeps measuring one noisy spot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.models.acquisition import LABELS, AcquisitionName
from workbench.search.gp_candidates import all_configs, keys, sobol, unseen_at_random
from workbench.search.gp_maximise import Acquisition, maximise
from workbench.search.gp_posterior import Posterior, hyperparameters, posterior
from workbench.search.gp_why import GPExplanation
from workbench.space import Array

__all__ = ["GPBO", "GPExplanation"]

PI_MARGIN = 1e-3  # improvement that PI asks for, in standardised losses; without it PI never leaves the incumbent
EXPLORING_BETA = 3.0
N_BASE = 5  # best trials whose surroundings are searched
N_SHOWN = 5  # candidates kept in an explanation


@dataclass(frozen=True, slots=True)
class GPBO:
    """Bayesian optimisation with a Gaussian process.

    Attributes
    ----------
    acquisition
        ``"log_ei"``, ``"ei"``, ``"pi"`` or ``"lcb"``.
    beta
        Weight of the uncertainty for ``"lcb"``.
    n_startup
        Scrambled Sobol points before the model takes over; with fewer than two results they go on.
    patience
        Trials without improvement after which every second suggestion explores, in spaces with a continuous parameter;
        0 never.
    """

    acquisition: AcquisitionName = "log_ei"
    beta: float = 2.0
    n_startup: int = 10
    patience: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.acquisition not in LABELS:
            raise ValueError(f"acquisition must be one of {list(LABELS)}, got {self.acquisition!r}.")
        if self.beta < 0 or self.n_startup < 0 or self.patience < 0:
            raise ValueError(f"beta, n_startup and patience must not be negative, got {self.beta}, {self.n_startup} "
                             f"and {self.patience}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer, whatever the memo holds."""
        space = history.space
        if not len(space):
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        seen = set(keys(np.vstack([history.x, history.pending])))
        if len(history) + len(history.pending) < self.n_startup or len(history) < 2:
            return self._start(history, seen, rng)
        model = posterior(history, hyperparameters(history))
        acquisition, note = self._acquisition(history, model)
        configs = all_configs(space)
        if configs is not None:
            x = configs[[key not in seen for key in keys(configs)]]
            scores = acquisition(x)
            order = np.argsort(-scores, kind="stable")
            x, scores = x[order], scores[order]
        else:
            base = history.x[model.best_rows(N_BASE)]
            x, scores = maximise(acquisition, space, sobol=_sobol(history)[1], base=base, seen=seen, rng=rng)
        if not len(x):
            return _fresh(history, seen, rng, "no untried candidate scored")
        return Suggestion(x[0], _explain(history, acquisition, x[:N_SHOWN], scores[:N_SHOWN], note))

    def _start(self, history: History, seen: set[bytes], rng: np.random.Generator) -> Suggestion:
        """Take the next Sobol point that is allowed and untried."""
        space = history.space
        number = len(history) + len(history.pending)
        points = space.snap(_sobol(history)[0])[number:]
        points = points[~space.is_forbidden(points)]
        for x, key in zip(points, keys(points), strict=True):
            if key not in seen:
                return Suggestion(x, Drawn(f"scrambled Sobol point {number + 1} of {self.n_startup} to start with"))
        return _fresh(history, seen, rng, "start")

    def _acquisition(self, history: History, model: Posterior) -> tuple[Acquisition, str]:
        best = model.best - (PI_MARGIN if self.acquisition == "pi" else 0.0)
        usual = Acquisition(model, self.acquisition, best, self.beta)
        if not self.patience or not len(model.features.floats):
            return usual, ""
        z = np.minimum.accumulate(model.transform.forward(history.y))
        improved = np.flatnonzero(np.concatenate([[True], z[1:] < z[:-1] - 1e-3]))
        since = len(z) - 1 - int(improved[-1])
        if since < self.patience or (len(z) + len(history.pending)) % 2:
            return usual, ""
        return (replace(usual, name="lcb", best=model.best, beta=EXPLORING_BETA),
                f"Nothing has improved for {since} trials, so this one explores.")


def _sobol(history: History) -> tuple[Array, Array]:
    """Return the run's Sobol points: they depend on its seed alone and are drawn once."""
    key = ("gp sobol", len(history.space), history.seed)
    if key not in history.memo:
        history.memo[key] = sobol(len(history.space), history.seed)
    points: tuple[Array, Array] = history.memo[key]
    return points


def _fresh(history: History, seen: set[bytes], rng: np.random.Generator, why: str) -> Suggestion:
    """Draw an untried point; when none is left, repeat one, and say so."""
    configs = all_configs(history.space)
    if configs is None:
        x = unseen_at_random(history.space, seen, rng)
    else:
        left = configs[[key not in seen for key in keys(configs)]]
        x = left[rng.integers(len(left))] if len(left) else None
    if x is not None:
        return Suggestion(x, Drawn(f"random ({why})"))
    return Suggestion(history.space.sample_unit(1, rng)[0], Drawn("random repeat: every configuration has been tried"))


def _explain(history: History, acquisition: Acquisition, x: Array, scores: Array, note: str) -> GPExplanation:
    model = acquisition.posterior
    mean, sd = model.predict(x[:1])
    back = model.transform.inverse
    finite = history.y[np.isfinite(history.y)]
    gp = model.model
    lengthscale = np.array([gp.lengthscale[f] for f in model.features.first])
    return GPExplanation(
        x=x[0], lengthscale=lengthscale, signal_variance=gp.signal_variance, noise=gp.noise,
        acquisition=acquisition.name, beta=acquisition.beta, best=acquisition.best,
        best_loss=float(finite.min()) if len(finite) else float("inf"),
        incumbent=history.x[model.best_rows(1)[0]], predicted=float(back(mean)[0]),
        predicted_sd=float((back(mean + sd) - back(mean - sd))[0] / 2.0), candidates=x, scores=scores,
        n_pending=len(history.pending), note=note)
