"""The network of the controller: a recurrent policy that makes one decision after the other, each fed the one before.

Zoph & Le (2017), section 3.2. At step t:

    h, c <- LSTM(e, h, c)            two layers; e is the embedding of the option that was drawn at step t - 1
    p_t = softmax(V_t h + v_t)       over the options of decision t

torch trains it; parameters and gradients are 64-bit floats, so that the same history makes the same policy.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from workbench.nas.decisions import NOT_MADE, Decisions, Indices
from workbench.nas.policy import Rewards
from workbench.nas.reinforce import Adam
from workbench.space import Array

INITIAL = 0.08  # parameters ~ U(-0.08, 0.08), section 4.1


class LstmPolicy:
    """The policy after the results that it has learnt from.

    Parameters
    ----------
    hidden, layers
        Width and number of the layers of the LSTM.
    entropy
        What a nat of entropy is worth in units of the loss.
    """

    def __init__(self, decisions: Decisions, *, hidden: int, layers: int, learning_rate: float, decay: float, entropy: float,
                 seed: int) -> None:
        self.decisions, self.hidden, self.layers, self.entropy = decisions, hidden, layers, entropy
        self.rewards = Rewards(decay)
        self.n_updates = 0
        K = decisions.n_options
        shapes = [(hidden,), *((k, hidden) for k in K), *[(2 * hidden, 4 * hidden)] * layers, *[(4 * hidden,)] * layers,
                  *((hidden, k) for k in K), *((k,) for k in K)]
        g = torch.Generator().manual_seed(seed)
        theta = torch.empty(sum(map(math.prod, shapes)), dtype=torch.float64).uniform_(-INITIAL, INITIAL, generator=g)
        self._theta = theta.numpy()  # all parameters, in one array that the tensors share
        self.parameters = [part.view(shape).requires_grad_() for part, shape in
                           zip(torch.split(theta, [*map(math.prod, shapes)]), shapes, strict=True)]
        parts = iter(self.parameters)
        self.start = next(parts)  # embedding of "nothing drawn yet"
        self.embedding = list(itertools.islice(parts, len(K)))
        self.W, self.b = list(itertools.islice(parts, layers)), list(itertools.islice(parts, layers))
        self.V, self.v = list(itertools.islice(parts, len(K))), list(parts)
        self._adam = Adam(learning_rate)

    def steps(self, chosen: Iterator[int]) -> Iterator[Tensor]:
        """Yield for each decision the log probabilities of its options (K_t,); then ask ``chosen`` which was taken."""
        h = [torch.zeros(self.hidden, dtype=torch.float64)] * self.layers
        c = list(h)
        e = self.start
        for t in range(len(self.decisions.n_options)):
            for layer in range(self.layers):
                gates = torch.cat((e if layer == 0 else h[layer - 1], h[layer])) @ self.W[layer] + self.b[layer]
                i, f, o, g = gates.chunk(4)
                c[layer] = f.sigmoid() * c[layer] + i.sigmoid() * g.tanh()
                h[layer] = o.sigmoid() * c[layer].tanh()
            yield (h[-1] @ self.V[t] + self.v[t]).log_softmax(0)
            k = next(chosen)
            if k != NOT_MADE:
                e = self.embedding[t][k]

    def log_probability(self, a: Indices) -> Tensor:
        """Return log p(a), of the decisions that were made."""
        total = torch.zeros((), dtype=torch.float64)
        for log_p, k in zip(self.steps(iter(a.tolist())), a.tolist(), strict=True):
            if k != NOT_MADE:
                total = total + log_p[k]
        return total

    def gradient(self, a: Indices, advantage: float) -> Array:
        """Estimate the gradient of E[r] + entropy · H(p) by all parameters, in one row, from one draw a.

        (r - b - entropy · log p(a)) ∇ log p(a): the second half is that of H = -E[log p], by the same trick.
        """
        log_p = self.log_probability(a)
        if not log_p.requires_grad:  # no decision was made
            return np.zeros_like(self._theta)
        weight = advantage - self.entropy * float(log_p.detach())
        grads = torch.autograd.grad(weight * log_p, self.parameters, allow_unused=True, materialize_grads=True)
        return np.concatenate([g.numpy().ravel() for g in grads])

    def learn(self, x: Array, loss: float) -> None:
        """Make what the result was told of likelier if it was better than usual, else less likely."""
        advantage = self.rewards.take(loss)
        if advantage is None:
            return
        self._theta += self._adam.step(self.gradient(self.decisions.indices(x), advantage))
        self.n_updates += 1

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw a point (d,), decision by decision; return it with the probabilities that it was drawn from, (T, K)."""
        decisions = self.decisions
        a: list[int] = []
        P = np.full((len(decisions.names), max(decisions.n_options, default=1)), np.nan)
        with torch.no_grad():
            for t, log_p in enumerate(self.steps(_newest(a))):
                p = log_p.exp().numpy()
                made = self._is_made(t, a)
                a.append(min(int((np.cumsum(p) < rng.random()).sum()), len(p) - 1) if made else NOT_MADE)  # ~ Categorical(p)
                if made:
                    P[t, :len(p)] = p
        return decisions.point(np.array(a, dtype=np.intp), rng.random(len(a))), P

    def _is_made(self, t: int, a: Sequence[int]) -> bool:
        """Whether decision t is active, given those before."""
        if not self.decisions.conditional:
            return True
        before = np.array([*a, *[NOT_MADE] * (len(self.decisions.names) - len(a))], dtype=np.intp)
        x = np.full((1, len(self.decisions.space)), np.nan)
        for s, k in enumerate(before.tolist()):
            if k != NOT_MADE:
                x[0, self.decisions.columns[s]] = self.decisions.place(s, k, 0.5)
        return bool(self.decisions.space.active(x)[0, self.decisions.columns[t]])


def _newest(a: list[int]) -> Iterator[int]:
    """Yield the newest entry of a list that grows."""
    while True:
        yield a[-1]
