"""A small fully connected network as a function of its weights, which can be adapted, batched and differentiated through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Weights = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class SmallNetwork:
    """Layers of ``sizes`` units with ReLU or tanh between them.

    Weights are a tuple: a matrix (inputs, outputs) and a vector of biases for each layer.
    """

    sizes: tuple[int, ...] = (1, 40, 40, 1)
    activation: Literal["relu", "tanh"] = "relu"

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(f"a network has at least an input and an output layer with a unit each, got sizes={self.sizes!r}.")

    def start(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Weights:
        """Draw weights evenly within 1 / √inputs; biases are 0."""
        made = []
        for n, m in zip(self.sizes, self.sizes[1:], strict=False):
            made.append((torch.rand(n, m, generator=generator, dtype=dtype) * 2 - 1) / math.sqrt(n))
            made.append(torch.zeros(m, dtype=dtype))
        return tuple(made)

    def __call__(self, weights: Sequence[Tensor], x: Tensor) -> Tensor:
        """Compute the outputs (..., outputs) of inputs (..., inputs)."""
        for k in range(0, len(weights), 2):
            x = x @ weights[k] + weights[k + 1]
            if k < len(weights) - 2:
                x = x.relu() if self.activation == "relu" else x.tanh()
        return x

    def squared_error(self, weights: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
        """Return the mean squared error, a scalar."""
        return ((self(weights, x) - y) ** 2).mean()
