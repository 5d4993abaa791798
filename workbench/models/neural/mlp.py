"""Train a multilayer perceptron on targets, for the sake of its last hidden layer (Snoek et al. 2015, section 3).

Differences from the paper: the layers' sizes and the weight decay are fixed, not tuned by Bayesian optimisation; Adam with
a falling step size instead of SGD with momentum; up to 256 rows a step takes all of them.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.models.neural.network import TanhNetwork, minibatches, normalise
from workbench.space import Array

BATCH = 64
LEARNING_RATE = 0.01
WEIGHT_DECAY = 3e-3
GAIN = 0.7  # deviation of what enters the first tanh


def train(Z: Array, y: Array, *, middle: Array, seed: int, steps: int, n_networks: int, width: int = 50,
          depth: int = 3) -> TanhNetwork:
    """Minimise the squared error of a linear output on ``depth`` tanh layers; return the network without that output.

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
    """
    import torch

    rng = np.random.default_rng(seed)
    M, sizes = n_networks, [Z.shape[1]] + [width] * depth
    W = [torch.tensor((GAIN if i == 0 else 1.0) / math.sqrt(sizes[i]) * rng.standard_normal((M, *sizes[i:i + 2])),
                      requires_grad=True) for i in range(depth)]  # ~ N(0, gain² / in)
    b = [torch.tensor(0.5 * rng.standard_normal((M, 1, width)), requires_grad=True) for _ in range(depth)]
    out = torch.zeros((M, width, 1), dtype=torch.float64, requires_grad=True)
    level = torch.zeros((M, 1, 1), dtype=torch.float64, requires_grad=True)
    X, t = torch.from_numpy(normalise(Z, middle)), torch.from_numpy(y[:, None].copy())
    batches = np.stack([minibatches(len(y), BATCH, steps, rng) for _ in range(M)], axis=1)  # (steps, M, batch)
    adam = torch.optim.AdamW([{"params": [*W, out], "weight_decay": WEIGHT_DECAY / LEARNING_RATE},
                              {"params": [*b, level], "weight_decay": 0.0}], lr=LEARNING_RATE, fused=True)
    for step, rows in enumerate(torch.from_numpy(batches)):
        h = X[rows]  # (M, batch, F)
        for Wi, bi in zip(W, b, strict=True):
            h = torch.tanh(torch.baddbmm(bi, h, Wi))
        loss = (torch.baddbmm(level, h, out) - t[rows]).square().mean((1, 2)).sum()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for group in adam.param_groups:
            group["lr"] = LEARNING_RATE * (1.0 - step / steps)
        adam.step()
    return TanhNetwork(tuple(w.detach().numpy() for w in W), tuple(v.detach().numpy()[:, 0] for v in b), middle)
