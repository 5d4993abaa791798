"""Bayesian optimisation with neural networks: DNGO and BOHAMIANN.

Snoek et al. 2015, "Scalable Bayesian optimization using deep neural networks" (DNGO); Springenberg, Klein, Falkner & Hutter
2016, "Bayesian optimization with robust Bayesian neural networks" (BOHAMIANN).

::

    for trial = 1, 2, …
        if trial <= n_startup: the next scrambled Sobol point
        z = losses, outliers compressed, standardised
        DNGO: cross-validate for the weight decay and for how far to trust the variance, at some milestones
              train networks with tanh layers on (x, z), at milestones                      models/neural/mlp.py
              Bayesian linear regression of z on their last hidden layer, each time         models/neural/linear_head.py
        BOHAMIANN: draw networks from p(θ | x, z) by scale-adapted SGHMC                     models/neural/sghmc.py, bnn.py
        x = argmax of log-EI among untried points                                           nn_maximise.py

A Gaussian process costs O(n³); these cost O(n).

Notation
--------
========  ===================================================================
``best``  what is to be improved on: smallest z, or smallest prediction if z is noisy
``m``     the last milestone: networks were trained on the first m trials
========  ===================================================================

Differences from the papers: log-EI instead of EI. DNGO: its linear regression takes the hidden layer for given, although that
was fitted to the same few trials; so alone it is far too sure of itself (on four test functions with 40 trials, errors were ten
times as large as it expected). Two remedies: several networks side by side, whose disagreement counts (``n_networks=1`` is the
paper's), and variances calibrated by cross-validation. The quadratic prior mean is part of the linear regression.
BOHAMIANN: 600 steps of each chain at a milestone and 120 between them, where chains go on from where they stood, instead of
13,000, so that a suggestion takes a second or so; raise ``n_steps`` for more exact chains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workbench.history import History, Suggestion
from workbench.models.neural.extra import require_torch
from workbench.search.nn_belief import NeuralBelief, bohamiann, dngo
from workbench.search.nn_maximise import maximise
from workbench.search.quasi_random import QuasiRandom
from workbench.search.surrogate_why import SurrogateExplanation, decided
from workbench.search.untried import at_random


@dataclass(frozen=True, slots=True, eq=False)
class DNGOExplanation(SurrogateExplanation):
    """Why DNGO chose a point.

    Attributes
    ----------
    n_networks, steps, seed
        With the history they determine the networks.
    trained_on
        Trials that the networks were trained on; the linear regression knows all.
    noise
        Variance of the noise, in units of the standardised losses.
    """

    MODEL: ClassVar[str] = "neural network with a Bayesian last layer"

    n_networks: int
    steps: int
    seed: int
    trained_on: int
    noise: float

    def belief(self, history: History) -> NeuralBelief:
        """Train the same networks again on the history that was seen."""
        return dngo(history, n_networks=self.n_networks, steps=self.steps, seed=self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class BOHAMIANNExplanation(SurrogateExplanation):
    """Why BOHAMIANN chose a point.

    Attributes
    ----------
    n_chains, n_steps, seed
        With the history they determine the draws.
    trained_on
        Trials with which the chains began; the last steps knew all.
    noise
        Mean of σ² over the draws, in units of the standardised losses.
    """

    MODEL: ClassVar[str] = "Bayesian neural network"

    n_chains: int
    n_steps: int
    seed: int
    trained_on: int
    noise: float

    def belief(self, history: History) -> NeuralBelief:
        """Run the same chains again on the history that was seen."""
        return bohamiann(history, n_chains=self.n_chains, n_steps=self.n_steps, seed=self.seed)


@dataclass(frozen=True, slots=True)
class DNGO:
    """Bayesian optimisation with a network whose last layer is Bayesian (deep networks for global optimisation).

    Attributes
    ----------
    n_networks
        Networks side by side; the paper has 1.
    steps
        Steps of Adam that train them.
    n_startup
        Scrambled Sobol points before the model takes over; with fewer than two results they go on.
    """

    n_networks: int = 5
    steps: int = 300
    n_startup: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.n_networks < 1 or self.steps < 1:
            raise ValueError(f"n_networks and steps must be at least 1, got {self.n_networks} and {self.steps}.")
        _check_startup(self.n_startup)

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer, whatever the memo holds."""
        require_torch("DNGO")
        if not _modelled(history, self.n_startup):
            return QuasiRandom().suggest(history, rng)
        settings = {"n_networks": self.n_networks, "steps": self.steps, "seed": history.seed}
        return choose(history, rng, dngo(history, **settings), DNGOExplanation, settings)


@dataclass(frozen=True, slots=True)
class BOHAMIANN:
    """Bayesian optimisation with Hamiltonian Monte Carlo artificial neural networks.

    Attributes
    ----------
    n_steps
        Steps of each chain at a milestone, half of them burn-in; between milestones a fifth of that. The paper's scale is
        13,000 in all.
    n_chains
        Chains side by side.
    n_startup
        Scrambled Sobol points before the model takes over; with fewer than two results they go on.
    """

    n_steps: int = 600
    n_chains: int = 4
    n_startup: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.n_steps < 20 or self.n_chains < 1:
            raise ValueError(f"n_steps must be at least 20 and n_chains at least 1, got {self.n_steps} and {self.n_chains}.")
        _check_startup(self.n_startup)

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer, whatever the memo holds."""
        require_torch("BOHAMIANN")
        if not _modelled(history, self.n_startup):
            return QuasiRandom().suggest(history, rng)
        settings = {"n_chains": self.n_chains, "n_steps": self.n_steps, "seed": history.seed}
        return choose(history, rng, bohamiann(history, **settings), BOHAMIANNExplanation, settings)


def _check_startup(n_startup: int) -> None:
    if n_startup < 0:
        raise ValueError(f"n_startup must not be negative, got {n_startup}.")


def _modelled(history: History, n_startup: int) -> bool:
    """Whether there is something to model, and enough to model it by."""
    return bool(len(history.space)) and len(history) >= 2 and len(history) + len(history.pending) >= n_startup


def choose(history: History, rng: np.random.Generator, belief: NeuralBelief, kind: type[Any],
           settings: dict[str, int]) -> Suggestion:
    """Take the untried point of the highest log-EI, and say why; a random one where none was found."""
    x, scores = maximise(belief, history, rng)
    if not len(x):
        return at_random(history, rng, "no untried candidate was found")
    return Suggestion(x[0], kind(**decided(history, belief, x, scores), acquisition="log_ei", beta=0.0,
                                 trained_on=belief.trained_on, noise=belief.noise, **settings))
