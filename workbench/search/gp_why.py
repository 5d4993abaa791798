"""What a Gaussian process decided when it chose a point."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from workbench.history import History
from workbench.models.acquisition import AcquisitionName, SampledName, is_sampled
from workbench.models.map_fit import Hyperparameters
from workbench.search.beliefs import Beliefs, Prior, as_prior
from workbench.search.gp_acquisition import Sampled, with_belief
from workbench.search.gp_posterior import Posterior, posterior
from workbench.search.surrogate_why import Belief, SurrogateExplanation
from workbench.space import Array


@dataclass(frozen=True, slots=True, eq=False)
class GPExplanation(SurrogateExplanation):
    """Why a Gaussian process chose a point.

    Attributes
    ----------
    lengthscale
        One per parameter, in units of the unit cube, shape (d,); a long one means that the parameter matters little.
    signal_variance, noise
        In units of the standardised losses.
    seed
        Of the draws behind noisy EI and Thompson sampling.
    prior, prior_weight
        What the user believes, and its exponent β/n; the log density of the chosen point is ``log_belief``.
    n_known
        Finished trials that the model was conditioned on, if not all of them; 0 for all.
    """

    MODEL: ClassVar[str] = "Gaussian process"

    lengthscale: Array
    signal_variance: float
    noise: float
    seed: int = field(default=0, kw_only=True)
    prior: Prior = field(default=(), kw_only=True)
    prior_weight: float = field(default=0.0, kw_only=True)
    log_belief: float = field(default=0.0, kw_only=True)
    n_known: int = field(default=0, kw_only=True)

    def belief(self, history: History) -> Posterior:
        """Rebuild the posterior that chose ``x`` from the history that it saw, without another fit."""
        return posterior(known(history, self.acquisition),
                         Hyperparameters(self.lengthscale, self.signal_variance, self.noise))

    def acquisition_at(self, history: History, model: Belief, x: Array, mean: Array, sd: Array) -> Array:
        """Acquisition at rows (m, d): the same draws, and the same belief, as when ``x`` was chosen."""
        if is_sampled(self.acquisition):
            value = Sampled.of(self.acquisition, self.belief(history), history.pending, self.seed)(x)
        else:
            value = SurrogateExplanation.acquisition_at(self, history, model, x, mean, sd)
        if not self.prior:
            return value
        return with_belief(value, Beliefs.of(history.space, as_prior(self.prior)), self.prior_weight, x,
                           product=self.acquisition in ("ei", "pi"))

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        text = SurrogateExplanation.summary(self)
        if self.prior:
            favour = "for" if self.log_belief > 0 else "against"
            text += (f" Your belief spoke {favour} it, with the weight {self.prior_weight:.2g}, "
                     "which falls with every trial.")
        if self.n_known:
            text += f" The model knows the best and a random choice of all trials, {self.n_known} of them."
        return text


def known(history: History, acquisition: AcquisitionName | SampledName) -> History:
    """Leave out the running trials for functions that draw their losses, or need none."""
    if not is_sampled(acquisition) or not len(history.pending):
        return history
    return replace(history, pending=np.empty((0, len(history.space))))
