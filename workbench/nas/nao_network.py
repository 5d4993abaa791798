r"""The network of NAO: an architecture is read into numbers, what it is worth is told from them, and it is written again.

Luo, Tian, Qin, Chen & Liu 2018, "Neural architecture optimization" (NeurIPS), section 3.2::

    encoder      h_1 … h_T = LSTM(e_1 … e_T),  h_t ← h_t / ‖h_t‖                   e_t: embedding of the option of decision t
    predictor    f = MLP(mean_t h_t)
    decoder      s_r = LSTM(s_r-1, option r - 1),  s_0 = mean_t h_t
                 attention a_rt = softmax_t(s_r · h_t),  P_r = softmax(W_r tanh(C [s_r, Σ_t a_rt h_t]))

    L = λ Σ (score - f)²  +  (1 - λ) Σ_r - log P_r(option r)                       (eq. 4, means here)

torch trains it. Parameters are drawn by a generator of their own, so that the same rows and the same seed make the same network.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.space import Array

INITIAL = 0.1  # parameters ~ U(-0.1, 0.1)
CLIP = 5.0  # norm of the gradient

Tokens = NDArray[np.intp]
Allowed = Callable[[int, Tokens], NDArray[np.bool_]]  # which options decision t has, (n, K), given those before, (n, t)


class EncoderDecoder(nn.Module):
    """Encoder, predictor and decoder.

    Parameters
    ----------
    T, K
        Decisions, and options that each has at most.
    hidden
        Width of everything.
    """

    def __init__(self, T: int, K: int, *, hidden: int) -> None:
        super().__init__()
        self.T, self.K = T, K
        self.embedding = nn.Embedding(T * K, hidden)
        self.begin = nn.Parameter(torch.empty(hidden))  # what the decoder reads first
        self.encoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.decoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, 1))
        self.mix = nn.Linear(2 * hidden, hidden)
        self.write = nn.Parameter(torch.empty(T, hidden, K))

    @classmethod
    def drawn(cls, T: int, K: int, *, hidden: int, seed: int) -> EncoderDecoder:
        """Make one with first parameters of its own generator; the global one is left alone."""
        with torch.device("meta"):
            net = cls(T, K, hidden=hidden)
        net.to_empty(device="cpu")
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in net.parameters():
                p.uniform_(-INITIAL, INITIAL, generator=generator)
            net.embedding.weight.normal_(generator=generator)
        return net

    def embed(self, options: Tensor) -> Tensor:
        """Return the embedding of each option, (n, T, H): decisions share none."""
        return torch.as_tensor(self.embedding(options + self.K * torch.arange(options.shape[1])))

    def encode(self, options: Tensor) -> Tensor:
        """Return the states h, (n, T, H), each of length 1."""
        return nn.functional.normalize(self.encoder(self.embed(options))[0], dim=-1)

    def predict(self, h: Tensor) -> Tensor:
        """Return the score that the states promise, (n,)."""
        return torch.as_tensor(self.head(h.mean(1))[:, 0])

    def logits(self, h: Tensor, options: Tensor) -> Tensor:
        """Return the logits of the options of each decision, given those before it, (n, r, K), for the first r decisions.

        ``options``, (n, r - 1 or more), are what was decided before.
        """
        first = self.begin.expand(len(h), 1, -1)
        r = min(options.shape[1] + 1, self.T)
        read = torch.cat([first, self.embed(options[:, :r - 1])], dim=1)
        start = h.mean(1)[None]
        s = self.decoder(read, (start, start))[0]                                 # (n, r, H)
        attention = (s @ h.transpose(1, 2)).softmax(-1)                           # (n, r, T)
        mixed = torch.tanh(self.mix(torch.cat([s, attention @ h], dim=-1)))
        return torch.einsum("nrh,rhk->nrk", mixed, self.write[:r])

    @torch.no_grad()
    def decode(self, h: Tensor, allowed: Allowed) -> Tokens:
        """Write the likeliest option, decision by decision, (n, T), of those that are allowed."""
        options = torch.zeros(len(h), 0, dtype=torch.long)
        for t in range(self.T):
            logits = self.logits(h, options)[:, t]
            mask = torch.as_tensor(allowed(t, options.numpy()))
            options = torch.cat([options, logits.masked_fill(~mask, -math.inf).argmax(1, keepdim=True)], dim=1)
        return options.numpy()

    def ascend(self, h: Tensor, rate: float) -> Tensor:
        """Take one step along the gradient of the predicted score, and back to length 1: h + rate · ∂f/∂h (eq. 5).

        The gradient's own length is divided out, over the states of an architecture, so that a step has a length one can name.
        """
        h = h.detach().requires_grad_()
        (g,) = torch.autograd.grad(self.predict(h).sum(), h)
        g = g / g.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None]
        return nn.functional.normalize((h + rate * g).detach(), dim=-1)


def losses(net: EncoderDecoder, options: Tensor, score: Tensor, more: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean squared error of the scores, and the mean over architectures, those without a score too, of -log P."""
    h = net.encode(torch.cat([options, more]))
    everything = torch.cat([options, more])
    log_p = net.logits(h, everything).log_softmax(-1).gather(-1, everything[..., None])[..., 0]
    return nn.functional.mse_loss(net.predict(h[:len(options)]), score), -log_p.sum(1).mean()


def fit(options: Tokens, score: Array, draw: Callable[[int], Tokens], *, K: int, hidden: int, trade_off: float, steps: int,
        lr: float, decay: float, n_more: int, seed: int) -> EncoderDecoder:
    """Train a network on architectures (n, T) and their scores (n,), all in each step.

    Parameters
    ----------
    draw
        Makes that many random architectures, (n_more, T), which the decoder learns to write too, fresh ones in each step.
    K
        Options that a decision has at most.
    trade_off
        λ.
    """
    net = EncoderDecoder.drawn(options.shape[1], K, hidden=hidden, seed=seed)
    X, y = torch.as_tensor(options), torch.as_tensor(score, dtype=torch.float32)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        wrong, unlikely = losses(net, X, y, torch.as_tensor(draw(n_more)))
        optimizer.zero_grad()
        (trade_off * wrong + (1 - trade_off) * unlikely).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        schedule.step()
    return net.requires_grad_(requires_grad=False)
