"""A Bayesian neural network: its potential, and draws from its posterior by several chains side by side.

Springenberg, Klein, Falkner & Hutter 2016, "Bayesian optimization with robust Bayesian neural networks" (BOHAMIANN).

::

    f(x; θ) = two tanh layers of 50 and a linear output;  y = f(x; θ) + ε,  ε ~ N(0, σ²), log σ² a part of θ
    U(θ) = Σ_i [(y_i - f(x_i))² / 2σ² + ½ log σ²] - log p(θ)                                       (their eqs. 4, 6)
    θ ~ exp(-U)   by scale-adapted SGHMC                                                            (sghmc.py)

Every weight is ~ N(0, 1) in θ; it is divided by the root of its layer's inputs (and in the later layers multiplied by 1.4, since
a tanh shrinks), so that f has variance of order 1 whatever the width; log σ² ~ N(log 1e-3, 1).

Notation
--------
========  ==================================================================
``theta`` all parameters of a network in one row, shape (C, P)
``C, S``  chains; draws in all
========  ==================================================================

Differences from the paper: a prior of the noise that is wider and larger (theirs, 1e-6, makes the potential so stiff that a
chain of seconds does not move); fewer steps by default, shared by several chains, in single precision; up to 256 data a step
takes all of them, and beyond a minibatch of that size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.models.neural.network import TanhNetwork, minibatches, normalise
from workbench.models.neural.sghmc import Chains, run
from workbench.space import Array

if TYPE_CHECKING:
    import torch

WIDTH = 50
BATCH = 256
STEP_SIZE = 0.1
LARGEST_EPS = 0.015  # of ε = STEP_SIZE / √n: chains with larger steps fly apart on a dozen data
GAINS = (1.0, 1.4, 1.4)  # of each layer: the deviation of a weight times the root of the layer's inputs
LOG_NOISE = (math.log(1e-3), 1.0)  # mean and deviation of log σ²


@dataclass(frozen=True, slots=True)
class Layout:
    """Where weights and biases stand in a row of θ. The last entry is log σ², in deviations from its mean.

    Attributes
    ----------
    n_features
        F.
    """

    n_features: int

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of each layer."""
        return (self.n_features, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)

    @property
    def size(self) -> int:
        """Length of θ, P."""
        return sum((i + 1) * o for i, o in self.shapes) + 1

    def parts(self) -> list[tuple[slice, slice, float]]:
        """Return for each layer where its weights and its biases stand, and the deviation of a weight."""
        out, k = [], 0
        for (i, o), gain in zip(self.shapes, GAINS, strict=True):
            out.append((slice(k, k + i * o), slice(k + i * o, k + (i + 1) * o), gain / math.sqrt(i)))
            k += (i + 1) * o
        return out

    def potential(self, theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor, n: int) -> torch.Tensor:
        """Return U of each chain, (C,), from rows X (m, F) and y (m, 1) that stand for n."""
        import torch

        h = X.expand(len(theta), -1, -1)  # (C, m, F)
        for k, ((i, o), (w, b, scale)) in enumerate(zip(self.shapes, self.parts(), strict=True)):
            a = torch.baddbmm(theta[:, None, b], h, theta[:, w].view(-1, i, o), alpha=scale)
            h = torch.tanh(a) if k < len(self.shapes) - 1 else a
        log_noise = LOG_NOISE[0] + LOG_NOISE[1] * theta[:, -1]
        squares = (h - y).square().sum((1, 2)) * (n / len(X))
        return 0.5 * (squares * torch.exp(-log_noise) + n * log_noise + theta.square().sum(1))

    def networks(self, theta: Array, middle: Array) -> TanhNetwork:
        """Turn draws (S, P) into S networks."""
        W = tuple(scale * theta[:, w].reshape(-1, i, o) for (i, o), (w, _, scale) in zip(self.shapes, self.parts(), strict=True))
        return TanhNetwork(W, tuple(theta[:, b] for _, b, _ in self.parts()), middle, linear_last=True)

    def noise(self, theta: Array) -> Array:
        """Return σ² of each draw, (S,)."""
        return np.exp(LOG_NOISE[0] + LOG_NOISE[1] * theta[:, -1])


def draw(Z: Array, y: Array, *, middle: Array, seed: int, burn_in: int, steps: int, every: int, n_chains: int,
         chains: Chains | None = None) -> tuple[Chains, Array]:
    """Run chains on features (n, F) and targets (n,): from the prior, or on from where ``chains`` stand.

    Returns
    -------
    chains, draws
        Draws have shape (S, P).
    """
    import torch

    rng = np.random.default_rng(seed)
    layout, n = Layout(Z.shape[1]), len(y)
    if chains is None:
        chains = Chains.start(rng.standard_normal((n_chains, layout.size), dtype=np.float32))  # ~ the prior
    X, t = (torch.from_numpy(a.astype(np.float32)) for a in (normalise(Z, middle), y[:, None]))
    batches = iter(torch.from_numpy(minibatches(n, BATCH, burn_in + steps, rng)))

    def potential(theta: torch.Tensor) -> torch.Tensor:
        if n <= BATCH:
            return layout.potential(theta, X, t, n)
        rows = next(batches)
        return layout.potential(theta, X[rows], t[rows], n)

    eps = min(STEP_SIZE / math.sqrt(n), LARGEST_EPS)
    chains, draws = run(potential, chains, burn_in=burn_in, steps=steps, every=every, eps=eps, seed=seed, exact=n <= BATCH)
    return chains, draws.reshape(-1, layout.size)
