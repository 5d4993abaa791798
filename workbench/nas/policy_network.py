"""A recurrent policy over sequences of decisions, many sequences at a time: the controller of ENAS.

Pham, Guan, Zoph, Le & Dean 2018, "Efficient neural architecture search via parameter sharing", ICML, sections 2.2 and 3.2. At
step t, for each of n sequences::

    h, c ← LSTM(e, h, c)                      e: embedding of the option that was taken at step t - 1
    logits = C tanh((V_t h + v_t) / T)        T: temperature, C: bound of the logits; no option is ever sure
    p_t = softmax(logits)

``recurrent=False`` leaves the LSTM out: each decision has logits of its own, whatever was decided before.

Beside ``lstm_policy``, which learns from one result at a time, this one draws and learns in batches, as a reward costs next to
nothing here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

INITIAL = 0.1  # parameters ~ U(-0.1, 0.1), Pham et al., section 3.2


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Sequences of decisions that a policy drew or was asked about.

    Attributes
    ----------
    options
        What was decided, (n, T).
    log_p
        Log probability of each sequence, (n,).
    entropy
        Sum of the entropies of the decisions along each sequence, (n,).
    probabilities
        Of the options at each decision, given those before, (n, T, K).
    """

    options: Tensor
    log_p: Tensor
    entropy: Tensor
    probabilities: Tensor


class PolicyNetwork(nn.Module):
    """The policy.

    Parameters
    ----------
    n_decisions, n_options
        T decisions among K options each.
    hidden
        Width of the LSTM.
    temperature, tanh_constant
        T and C above.
    recurrent
        Whether a decision knows those before it.
    seed
        Of the first parameters.
    dtype
        Of the parameters.
    """

    def __init__(self, n_decisions: int, n_options: int, *, hidden: int = 32, temperature: float = 5.0,
                 tanh_constant: float = 2.5, recurrent: bool = True, seed: int = 0, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.n_decisions, self.n_options, self.hidden = n_decisions, n_options, hidden
        self.temperature, self.tanh_constant, self.recurrent = temperature, tanh_constant, recurrent
        generator = torch.Generator().manual_seed(seed)

        def made(*shape: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(*shape, generator=generator, dtype=dtype) - 1) * INITIAL)  # ~ U(-0.1, 0.1)

        if recurrent:
            self.start = made(hidden)                                          # embedding of "nothing decided yet"
            self.embedding = made(n_decisions, n_options, hidden)
            self.W, self.b = made(2 * hidden, 4 * hidden), made(4 * hidden)
            self.V = made(n_decisions, hidden, n_options)
        self.v = made(n_decisions, n_options)

    def sample(self, n: int, generator: torch.Generator) -> Sequences:
        """Draw ``n`` sequences."""
        return self._walk(n, None, generator)

    def about(self, options: Tensor) -> Sequences:
        """Return the log probabilities of given sequences (n, T), and the rest."""
        return self._walk(len(options), options, None)

    def _walk(self, n: int, given: Tensor | None, generator: torch.Generator | None) -> Sequences:
        zero = self.v.new_zeros(n, self.hidden)
        h, c, e = zero, zero, zero
        if self.recurrent:
            e = self.start.expand(n, -1)
        options, log_p, entropy, probabilities = [], self.v.new_zeros(n), self.v.new_zeros(n), []
        for t in range(self.n_decisions):
            if self.recurrent:
                i, f, o, g = (torch.cat([e, h], dim=1) @ self.W + self.b).chunk(4, dim=1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                logits = h @ self.V[t] + self.v[t]
            else:
                logits = self.v[t].expand(n, -1)
            said = (self.tanh_constant * torch.tanh(logits / self.temperature)).log_softmax(1)    # (n, K)
            p = said.exp()
            if given is not None:
                a = given[:, t]
            else:
                a = torch.multinomial(p.detach(), 1, generator=generator)[:, 0]                 # ~ Categorical(p)
            options.append(a)
            log_p = log_p + said.gather(1, a[:, None])[:, 0]
            entropy = entropy - (p * said).sum(1)
            probabilities.append(p)
            if self.recurrent:
                e = self.embedding[t][a]
        return Sequences(torch.stack(options, 1), log_p, entropy, torch.stack(probabilities, 1))

    @property
    def surest(self) -> float:
        """The greatest probability that an option can have: logits lie between -C and C."""
        return 1.0 / (1.0 + (self.n_options - 1) * math.exp(-2.0 * self.tanh_constant))


def surrogate(log_p: Tensor, advantage: Tensor) -> Tensor:
    """Return the loss whose gradient is REINFORCE's estimate of −∇ E[reward]: −mean of advantage · log p."""
    return -(advantage.detach() * log_p).mean()
