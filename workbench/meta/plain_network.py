"""The small network and its gradient descent in numpy: to look at what was learned, at once and where torch is missing.

The same numbers as ``SmallNetwork`` and ``adapt``; for one task, whose inputs are the rows of x. Learning itself needs torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from workbench.space import Array

Activation = Literal["relu", "tanh"]


def layers(weights: Sequence[Array], x: Array, activation: Activation = "relu") -> list[Array]:
    """Compute what goes into each layer, x first, and what comes out of the last: shapes (n, units)."""
    found = [x]
    for k in range(0, len(weights), 2):
        z = found[-1] @ weights[k] + weights[k + 1]
        last = k == len(weights) - 2
        found.append(z if last else np.maximum(z, 0.0) if activation == "relu" else np.tanh(z))
    return found


def outputs(weights: Sequence[Array], x: Array, activation: Activation = "relu") -> Array:
    """Compute the outputs (n, outputs) of inputs (n, inputs)."""
    return layers(weights, x, activation)[-1]


def gradient(weights: Sequence[Array], x: Array, y: Array, activation: Activation = "relu") -> tuple[Array, ...]:
    """Return the gradient of the mean squared error, by backpropagation."""
    h = layers(weights, x, activation)
    found: list[Array] = []
    delta = 2.0 * (h[-1] - y) / y.size  # of the last layer's outputs
    for k in range(len(weights) - 2, -1, -2):
        below = h[k // 2]
        found[:0] = [below.T @ delta, delta.sum(axis=0)]
        if k:
            slope = (below > 0).astype(float) if activation == "relu" else 1.0 - below**2
            delta = (delta @ weights[k].T) * slope
    return tuple(found)


def descent(weights: Sequence[Array], x: Array, y: Array, *, steps: int, rate: float,
            activation: Activation = "relu") -> list[tuple[Array, ...]]:
    """Return the weights after 0, 1, …, ``steps`` gradient steps on a task. With a rate that is too large they grow to nan."""
    found = [tuple(weights)]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            g = gradient(found[-1], x, y, activation)
            found.append(tuple(w - rate * d for w, d in zip(found[-1], g, strict=True)))
    return found
