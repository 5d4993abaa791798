"""A small tanh network in numpy, once or many times over: values and gradients by the inputs, after torch has trained it.

Notation
--------
========  ==============================================================================================
``Z``     features of the points (``models/mixed_features.py``), shape (m, F)
``W, b``  weights and biases of a layer, shapes (…, in, out) and (…, out); leading axes count networks
``h``     output of a layer, shape (…, m, out)
========  ==============================================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workbench.models.mixed_features import MixedFeatures
from workbench.space import Array

SCALE = math.sqrt(12.0)  # makes a uniform draw from the unit interval one of deviation 1


def centre(features: MixedFeatures) -> Array:
    """Return what is subtracted from features: ½ from numbers, nothing from the options of a choice, shape (F,)."""
    kinds = [features.space.columns[j].kind for j in features.groups]
    return np.array([0.0 if kind == "choice" else 0.5 for kind in kinds])


def normalise(Z: Array, middle: Array) -> Array:
    """Bring features to about mean 0 and deviation 1, by the space alone: data would shift them from trial to trial."""
    return SCALE * (Z - middle)


@dataclass(frozen=True, slots=True, eq=False)
class TanhNetwork:
    """Layers h ← tanh(h W + b) on normalised features.

    Attributes
    ----------
    W, b
        One array per layer.
    middle
        Subtracted from the features, shape (F,).
    linear_last
        Whether the last layer has no tanh.
    scale
        What the features are multiplied by after that.
    """

    W: tuple[Array, ...]
    b: tuple[Array, ...]
    middle: Array
    linear_last: bool = False
    scale: float = SCALE

    def layers(self, Z: Array) -> list[Array]:
        """Return the input and the output of each layer."""
        h = [self.scale * (Z - self.middle)]
        for i, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            a = h[-1] @ W + b[..., None, :]
            h.append(a if self.linear_last and i == len(self.W) - 1 else np.tanh(a, out=a))
        return h

    def some(self, which: slice) -> TanhNetwork:
        """Return some of the networks."""
        return replace(self, W=tuple(W[which] for W in self.W), b=tuple(b[which] for b in self.b))

    def __call__(self, Z: Array) -> Array:
        """Return the output of the last layer, shape (…, m, out)."""
        return self.layers(Z)[-1]

    def pull_back(self, h: list[Array], g: Array) -> Array:
        """Turn a gradient by the output into one by the features, (m, F): summed over networks.

        Parameters
        ----------
        h
            What ``layers`` gave at the features.
        g
            Gradient by its last entry, of the same shape.
        """
        for i in reversed(range(len(self.W))):
            if not (self.linear_last and i == len(self.W) - 1):
                g = g * (1.0 - h[i + 1] ** 2)
            g = g @ self.W[i].swapaxes(-1, -2)
        return np.asarray(self.scale * g.reshape(-1, *g.shape[-2:]).sum(0))


def minibatches(n: int, size: int, steps: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw ``steps`` batches of rows, shape (steps, min(n, size)): one pass after the other, each in a new order."""
    size = min(n, size)
    passes = -(-steps * size // n)
    order = np.concatenate([rng.permutation(n) for _ in range(passes)])
    return order[:steps * size].reshape(steps, size)
