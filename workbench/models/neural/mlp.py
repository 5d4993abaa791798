"""Train a multilayer perceptron on targets, for the sake of its last hidden layer (Snoek et al. 2015, section 3).

The weight decay decides whether the last layer means anything: too small, and networks bend to the noise of the trials, which
the linear regression on top then takes for certain. It is chosen by cross-validation::

    for each decay, for each of 4 folds: train on the other folds, side by side
    decay = the one of the least squared error on the folds left out
    train n_networks on all rows with it, and drop their linear output

Differences from the paper: the layers' sizes are fixed, and the weight decay is chosen anew as trials come in, where the paper
tuned both beforehand by Bayesian optimisation; decoupled weight decay (Loshchilov & Hutter 2019) and Adam with a falling step
size instead of SGD with momentum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.models.neural.network import TanhNetwork, minibatches, normalise
from workbench.space import Array

WIDTH, DEPTH = 50, 3  # of the tanh layers
BATCH = 64
LEARNING_RATE = 0.01
DECAYS = (0.003, 0.01, 0.03)  # to choose from
N_FOLDS = 4
GAIN = 0.7  # deviation of what enters the first tanh


def train(Z: Array, y: Array, *, middle: Array, seed: int, steps: int, n_networks: int, decay: float) -> TanhNetwork:
    """Minimise the squared error of a linear output on tanh layers; return the networks without that output.

    Parameters
    ----------
    Z, y
        Features (n, F) and targets (n,).
    middle
        Subtracted from features, (F,).
    seed
        Of the first weights and of the batches.
    steps
        Of Adam.
    n_networks
        Networks trained side by side, each from weights and on batches of its own.
    decay
        Of the weights.
    """
    rows = [np.arange(len(y))] * n_networks
    return _fit(Z, y, rows, np.full(n_networks, decay), middle=middle, seed=seed, steps=steps)[0]


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """Networks of every decay that have not seen one fold each.

    Attributes
    ----------
    networks
        Hidden layers, decays outermost: len(DECAYS) times as many as there are folds.
    fold
        Of each row, shape (n,).
    decay
        The one of the least squared error on the folds left out.
    """

    networks: TanhNetwork
    fold: NDArray[np.intp]
    decay: float

    @property
    def n_folds(self) -> int:
        """Count the folds."""
        return int(self.fold.max()) + 1


def cross_validate(Z: Array, y: Array, *, middle: Array, seed: int, steps: int) -> CrossValidation:
    """Train all decays on all folds at once, and choose a decay."""
    fold = np.random.default_rng([seed, 1]).permutation(len(y)) % N_FOLDS
    pairs = [(decay, k) for decay in DECAYS for k in range(int(fold.max()) + 1)]
    rows = [np.flatnonzero(fold != k) for _, k in pairs]
    networks, out, level = _fit(Z, y, rows, np.array([d for d, _ in pairs]), middle=middle, seed=seed, steps=steps)
    predicted = (networks(Z) @ out + level)[:, :, 0]  # (pairs, n)
    errors = dict.fromkeys(DECAYS, 0.0)
    for (decay, k), f in zip(pairs, predicted, strict=True):
        errors[decay] += float(np.sum((f - y)[fold == k] ** 2))
    return CrossValidation(networks, fold, min(DECAYS, key=lambda decay: errors[decay]))


def _fit(Z: Array, y: Array, rows: Sequence[NDArray[np.intp]], decay: Array, *, middle: Array, seed: int,
         steps: int) -> tuple[TanhNetwork, Array, Array]:
    """Train one network per entry of ``rows`` on these rows, with its own decay; return hidden layers, output and its level."""
    import torch

    rng = np.random.default_rng(seed)
    M, sizes = len(rows), [Z.shape[1]] + [WIDTH] * DEPTH
    W = [torch.tensor((GAIN if i == 0 else 1.0) / math.sqrt(sizes[i]) * rng.standard_normal((M, *sizes[i:i + 2])),
                      requires_grad=True) for i in range(DEPTH)]  # ~ N(0, gain² / in)
    b = [torch.tensor(0.5 * rng.standard_normal((M, 1, WIDTH)), requires_grad=True) for _ in range(DEPTH)]
    out = torch.zeros((M, WIDTH, 1), dtype=torch.float64, requires_grad=True)
    level = torch.zeros((M, 1, 1), dtype=torch.float64, requires_grad=True)
    X, t = torch.from_numpy(normalise(Z, middle)), torch.from_numpy(y[:, None].copy())
    size = min(BATCH, *(len(r) for r in rows))
    batches = np.stack([r[minibatches(len(r), size, steps, rng)] for r in rows], axis=1)  # (steps, M, batch)
    adam = torch.optim.Adam([*W, *b, out, level], lr=LEARNING_RATE, fused=True)
    shrinking = torch.from_numpy(decay)[:, None, None]
    for step, batch in enumerate(torch.from_numpy(batches)):
        h = X[batch]  # (M, batch, F)
        for Wi, bi in zip(W, b, strict=True):
            h = torch.tanh(torch.baddbmm(bi, h, Wi))
        loss = (torch.baddbmm(level, h, out) - t[batch]).square().mean((1, 2)).sum()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        falling = 1.0 - step / steps
        adam.param_groups[0]["lr"] = LEARNING_RATE * falling
        with torch.no_grad():
            for w in (*W, out):
                w.mul_(1.0 - falling * shrinking)
        adam.step()
    hidden = TanhNetwork(tuple(w.detach().numpy() for w in W), tuple(v.detach().numpy()[:, 0] for v in b), middle)
    return hidden, out.detach().numpy(), level.detach().numpy()
