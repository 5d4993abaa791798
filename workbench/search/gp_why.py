"""What a Gaussian process decided when it chose a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from workbench.history import History
from workbench.models.map_fit import Hyperparameters
from workbench.search.gp_posterior import Posterior, posterior
from workbench.search.surrogate_why import SurrogateExplanation
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
    """

    MODEL: ClassVar[str] = "Gaussian process"

    lengthscale: Array
    signal_variance: float
    noise: float

    def belief(self, history: History) -> Posterior:
        """Rebuild the posterior that chose ``x`` from the history that it saw, without another fit."""
        return posterior(history, Hyperparameters(self.lengthscale, self.signal_variance, self.noise))
