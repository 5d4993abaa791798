"""REINFORCE: a policy draws configurations, and what did better than usual becomes likelier.

Williams (1992), "Simple statistical gradient-following algorithms for connectionist reinforcement learning", Machine Learning 8;
with one softmax a decision as the baseline of Dong & Yang (2020), "NAS-Bench-201", ICLR, arXiv 2001.00326. For each result:

1. r <- minus its loss; b <- moving average of the rewards, this one included
2. g <- (r - b) ∇ log p(a), the score-function estimate of ∇ E[r]: for a softmax, ∂ log p(a) / ∂ θ_k = 1[k = a] - p_k
3. θ <- Adam's step along g

Notation
--------
===========  ==================================================================
θ            logits, one row a decision, shape (T, K)
p            softmax of θ, row by row
a            the options that were drawn, one for each decision
r, b         reward and baseline
===========  ==================================================================

Differences from the papers: the policy is made anew from the history, whose rows it learns from in the order told; late results
of parallel runs and points that a user or another algorithm tried teach it like its own draws (for those the estimate is
biased, as their probabilities were others). θ begins at 0, not at 1e-3 N(0, 1), so that there is no other randomness than the
draws. Rewards are minus losses in any unit: Adam's steps do not depend on it. A failed trial has the worst reward so far. Numbers
are decided among levels or cells (``decisions``); forbidden combinations are drawn again, and the policy does not know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workbench.history import History, Suggestion
from workbench.nas.decisions import NOT_MADE, Decisions, Indices, decisions_of
from workbench.nas.policy import PolicyExplanation, Rewards, learnt
from workbench.search.untried import at_random
from workbench.space import Array

ATTEMPTS = 30  # draws that may be forbidden before one is drawn at random
BETA_1, BETA_2, EPS = 0.9, 0.999, 1e-8  # Adam (Kingma & Ba 2015)


# ---- softmax, its gradient, and a step -------------------------------------------------------------------------------


def softmax(theta: Array) -> Array:
    """Probabilities of logits (T, K), row by row; 0 where a logit is -inf."""
    e = np.exp(theta - theta.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def score(p: Array, a: Indices) -> Array:
    """Gradient of log p(a) by the logits, shape (T, K): 1[k = a_t] - p_tk; 0 in the rows of decisions that were not made."""
    g = -p
    made = np.flatnonzero(a != NOT_MADE)
    g[made, a[made]] += 1.0
    g[a == NOT_MADE] = 0.0
    return np.asarray(g)


@dataclass(slots=True)
class Adam:
    """Adam, uphill (Kingma & Ba 2015, Algorithm 1)."""

    learning_rate: float
    m: Array | float = 0.0
    v: Array | float = 0.0
    t: int = 0

    def step(self, g: Array) -> Array:
        """Return the step that follows the gradient."""
        self.t += 1
        self.m = BETA_1 * self.m + (1 - BETA_1) * g
        self.v = BETA_2 * self.v + (1 - BETA_2) * g * g
        m, v = self.m / (1 - BETA_1**self.t), self.v / (1 - BETA_2**self.t)
        return np.asarray(self.learning_rate * m / (np.sqrt(v) + EPS))


class Policy:
    """One softmax a decision, after the results that it has learnt from."""

    def __init__(self, decisions: Decisions, learning_rate: float, decay: float) -> None:
        self.decisions = decisions
        n, most = len(decisions.n_options), max(decisions.n_options, default=1)
        self.theta = np.where(np.arange(most) < np.array(decisions.n_options, dtype=int).reshape(n, 1), 0.0, -np.inf)
        self.rewards = Rewards(decay)
        self.n_updates = 0
        self._adam = Adam(learning_rate)

    def learn(self, x: Array, loss: float) -> None:
        """Make what the result was told of likelier if it was better than usual, else less likely."""
        advantage = self.rewards.take(loss)
        if advantage is not None:
            a = self.decisions.indices(x)
            self.theta = self.theta + self._adam.step(advantage * score(softmax(self.theta), a))
            self.n_updates += 1

    def draw(self, rng: np.random.Generator) -> Array:
        """Draw a point (d,)."""
        n = len(self.theta)
        u, within = rng.random(n), rng.random(n)  # ~ U(0, 1)
        a = (np.cumsum(softmax(self.theta), axis=1) < u[:, None]).sum(axis=1)  # ~ Categorical(p)
        return self.decisions.point(np.minimum(a, np.array(self.decisions.n_options, dtype=int) - 1), within)


@dataclass(frozen=True, slots=True)
class Reinforce:
    """REINFORCE with one softmax for each decision.

    Parameters
    ----------
    learning_rate
        Of Adam: how fast logits change.
    decay
        Of the moving average of rewards that a reward is compared to.
    """

    learning_rate: float = 0.01
    decay: float = 0.9

    def __post_init__(self) -> None:
        """Check the settings."""
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}. NAS-Bench-201 has 0.01.")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be at least 0 and less than 1, got {self.decay}. NAS-Bench-201 has 0.9.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        space, decisions = history.space, decisions_of(history.space)
        policy = learnt(history, (self, space), lambda: Policy(decisions, self.learning_rate, self.decay))
        for _ in range(ATTEMPTS):
            x = policy.draw(rng)
            if not space.forbidden or not space.is_forbidden(x[None])[0]:
                return Suggestion(x, self._why(policy, x))
        return at_random(history, rng, "the policy drew forbidden combinations only")

    @staticmethod
    def _why(policy: Policy, x: Array) -> PolicyExplanation:
        decisions, a = policy.decisions, policy.decisions.indices(x)
        p = np.where(np.isfinite(policy.theta), softmax(policy.theta), np.nan)
        p[a == NOT_MADE] = np.nan
        return PolicyExplanation(x, decisions.names, decisions.options, p, tuple(a.tolist()), policy.rewards.last,
                                 policy.rewards.baseline.value, policy.n_updates)
