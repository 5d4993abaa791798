"""A recurrent controller, trained by REINFORCE, that writes an architecture decision by decision.

Zoph & Le (2017), "Neural architecture search with reinforcement learning", ICLR, arXiv 1611.01578; the entropy term as in Pham,
Guan, Zoph, Le & Dean (2018), "Efficient neural architecture search via parameter sharing", ICML. For each result:

1. r <- minus its loss; b <- exponential moving average of the rewards
2. g <- (r - b) ∇ log p(a), where log p(a) is the sum over the decisions, each given those before (section 3.2)
3. the parameters of the LSTM take Adam's step along g

So it can learn what an independent softmax for each decision (``reinforce``) cannot: which options go together.

Notation
--------
===========  ==================================================================
p            the policy: p(a) = Π_t p(a_t | a_1 … a_t-1)
a            the options that were drawn
r, b         reward and baseline
===========  ==================================================================

Differences from the papers: one worker and one architecture an update instead of 800 and eight a replica; the reward is minus the
loss, not a validation accuracy cubed; no anchor points, as the spaces here have their edges. The learning rate 6e-4 is the
paper's, for 12,800 architectures: after a hundred the policy has hardly moved, and searches like random search. At ten times the
rate it moves; on NAS-Bench-201 it then is no better on average, with twice the spread (``benchmarks/nas_simulated``). The entropy
term (ENAS: 1e-4) is the exact gradient of the entropy. The policy is made anew from the history, whose rows it learns from in the
order told, from parameters drawn with the run's seed; a failed trial has the worst reward so far. Numbers are decided among
levels or cells (``decisions``); forbidden combinations are drawn again, and the policy does not know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.history import History, Suggestion
from workbench.models.neural.extra import require_torch
from workbench.nas.decisions import decisions_of
from workbench.nas.policy import PolicyExplanation, learnt
from workbench.nas.reinforce import ATTEMPTS
from workbench.search.untried import at_random

if TYPE_CHECKING:
    from workbench.nas.lstm_policy import LstmPolicy


@dataclass(frozen=True, slots=True)
class Controller:
    """Zoph and Le's controller: an LSTM that draws one decision after the other, trained by REINFORCE. Needs torch.

    Parameters
    ----------
    learning_rate
        Of Adam.
    decay
        Of the moving average of rewards that a reward is compared to (ENAS: 0.95).
    entropy
        What a nat of the policy's entropy is worth, in units of the loss: more keeps it from making up its mind too soon.
    hidden, layers
        Width and number of the layers of the LSTM.
    """

    learning_rate: float = 6e-4
    decay: float = 0.95
    entropy: float = 1e-4
    hidden: int = 35
    layers: int = 2

    def __post_init__(self) -> None:
        """Check the settings."""
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}. The paper has 6e-4.")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be at least 0 and less than 1, got {self.decay}. ENAS has 0.95.")
        if not (self.entropy >= 0 and math.isfinite(self.entropy)):
            raise ValueError(f"entropy must not be negative, got {self.entropy}. ENAS has 1e-4; 0 leaves the term out.")
        for name in ("hidden", "layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}. The paper has two layers of 35.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        require_torch("Controller")
        space = history.space
        policy = learnt(history, (self, space, history.seed), lambda: self._start(history))
        for _ in range(ATTEMPTS):
            x, p = policy.draw(rng)
            if not space.forbidden or not space.is_forbidden(x[None])[0]:
                decisions = policy.decisions
                return Suggestion(x, PolicyExplanation(
                    x, decisions.names, decisions.options, p, tuple(decisions.indices(x).tolist()), policy.rewards.last,
                    policy.rewards.baseline.value, policy.n_updates))
        return at_random(history, rng, "the policy drew forbidden combinations only")

    def _start(self, history: History) -> LstmPolicy:
        from workbench.nas.lstm_policy import LstmPolicy

        return LstmPolicy(decisions_of(history.space), hidden=self.hidden, layers=self.layers, learning_rate=self.learning_rate,
                          decay=self.decay, entropy=self.entropy, seed=history.seed)
