"""TPE with a user's beliefs: the density of the good points when something is known before the first trial.

::

    e = beta / max(n, beta)                                          n trials in the group
    l(u) = (1 - w_0) sum_k w_k K_k(u) + w_0 (e pi(u) + (1 - e) K_0(u))       K_0: the flat kernel that l has otherwise
    score(u) = log l(u) - log g(u) + e log pi(u)

The second line is TPE's own prior (Bergstra et al. 2011, section 4, where it is the distribution the user draws from) with
the user's belief pi in its place. The third has the decaying exponent of πBO (Hvarfner et al. 2022: acquisition times
pi^(beta / n), eq. 6): a right belief guides the first models, a wrong one fades. g keeps its flat kernel.

Notation
--------
===========  ==================================================================
n            trials in the group
K_k, K_0     kernel of the k-th good trial, and the flat kernel
w_k, w_0     their weights: the former sum to 1, the latter is a share of l
pi           the user's belief, a density (``beliefs``)
beta         how many trials' worth the belief is
e            share of the belief in the prior, and its exponent in the score
===========  ==================================================================

Differences from the papers: TPE's prior becomes flat again as trials come in, where Bergstra et al. keep the user's; the
exponent is at most 1; both uses of the belief are our combination.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workbench.models.parzen import ParzenEstimator
from workbench.search.beliefs import Belief
from workbench.space import Array

BETA = 3.0  # of 3, 5 and 10 the one under which a wrong belief fades soonest


@dataclass(frozen=True, slots=True, eq=False)
class BelievedGood:
    """The density l of a group about which a user believes something. Make one with ``of``.

    Attributes
    ----------
    kernels
        The kernels of the good trials alone.
    flat
        The flat kernel alone: for the parameters about which nothing was said.
    beliefs
        Position in the group -> belief.
    w_0
        Weight of belief and flat kernel together.
    e
        Share of the belief in it, and its exponent in the score.
    """

    kernels: ParzenEstimator
    flat: ParzenEstimator
    beliefs: dict[int, Belief]
    w_0: float
    e: float

    @classmethod
    def of(cls, good: ParzenEstimator, beliefs: dict[int, Belief], n: int) -> BelievedGood:
        """Take the flat kernel, which is the last one, out of ``good`` and put beliefs in its place; n trials so far."""
        w_0 = float(good.weights[-1])
        alone = np.zeros(len(good))
        alone[-1] = 1.0
        rest = good.weights - w_0 * alone
        kernels = replace(good, weights=rest / rest.sum()) if len(good) > 1 else good
        return cls(kernels, replace(good, weights=alone), beliefs, w_0, BETA / max(n, BETA))

    def logpdf(self, u: Array) -> Array:
        """Logarithm of l at points (m, g); shape (m,)."""
        log_flat = self.flat.logpdf(u)
        log_pi = log_flat.copy()  # the flat kernel stays for parameters about which nothing was said
        for j, belief in self.beliefs.items():
            log_pi += belief.log_probability(u[:, j]) - self.flat.log_kernels(j, u[:, j])[:, -1]
        prior = self.e * np.exp(log_pi) + (1 - self.e) * np.exp(log_flat)
        return np.asarray(np.log((1 - self.w_0) * self.kernels.pdf(u) + self.w_0 * prior))

    def marginal(self, j: int, u: Array) -> Array:
        """Density of dimension j alone at ``u`` (m,); of a level or option: its probability."""
        flat = self.flat.marginal(j, u)
        pi = np.exp(self.beliefs[j].log_probability(u)) if j in self.beliefs else flat
        return np.asarray((1 - self.w_0) * self.kernels.marginal(j, u) + self.w_0 * (self.e * pi + (1 - self.e) * flat))

    def bonus(self, u: Array) -> Array:
        """Add to the score: e log pi at points (m, g); shape (m,)."""
        log_pi = np.zeros(len(u))
        for j, belief in self.beliefs.items():
            log_pi += belief.log_density(u[:, j])
        return self.e * log_pi

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n points (n, g)."""
        u, flat = self.kernels.sample(n, rng), self.flat.sample(n, rng)
        pi = flat.copy()
        for j, belief in self.beliefs.items():
            pi[:, j] = belief.sample(n, rng)
        which = rng.random((n, 1))
        return np.where(which < self.w_0 * self.e, pi, np.where(which < self.w_0, flat, u))
