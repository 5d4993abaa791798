"""The hypernetwork of SMASH: from an architecture's bits to the weights of its convolutions (Brock et al. 2018, section 3.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.nas.supernet import Supernet

SLOPE = 0.02  # of the leaky ReLU below 0, as in the authors' program


class HyperNetwork(nn.Module):
    """Writes the matrices of all convolutions of both cells.

    Parameters
    ----------
    net
        The network whose weights are written; its stem, reduction and classifier stay parameters of their own (``common``).
    hidden
        Width of the hidden layer.
    seed
        Of the first parameters.
    """

    def __init__(self, net: Supernet, *, hidden: int = 16, seed: int = 0) -> None:
        super().__init__()
        self.cells = net.cells
        self.shapes = {name: shape for name, shape in net.shapes().items() if name.startswith("cell")}
        self.common = {name: p for name, p in net.params.items() if name not in self.shapes}
        n_bits = len(net.cells.edges) * len(net.cells.operations)
        generator = torch.Generator().manual_seed(seed)

        def uniform(*shape: int, bound: float) -> Tensor:
            return (2 * torch.rand(*shape, generator=generator, dtype=net.bias.dtype) - 1) * bound  # ~ U(-bound, bound)

        self.W = nn.Parameter(uniform(n_bits, hidden, bound=1 / math.sqrt(len(net.cells.edges))))
        self.b = nn.Parameter(uniform(hidden, bound=1 / math.sqrt(len(net.cells.edges))))
        scales = torch.cat([torch.full((a * c,), 1 / math.sqrt(a), dtype=net.bias.dtype) for a, c in self.shapes.values()])
        self.V = nn.Parameter(uniform(hidden, len(scales), bound=1 / math.sqrt(hidden)) * scales)
        self.v = nn.Parameter(uniform(len(scales), bound=1.0) * scales)       # what all architectures share

    def bits(self, architecture: Sequence[str]) -> Tensor:
        """Return the binary encoding of an architecture, (n_edges · n_operations,)."""
        kept = [o == operation for operation in self.cells.check(architecture) for o in self.cells.operations]
        return torch.tensor(kept, dtype=self.v.dtype)

    def forward(self, bits: Tensor) -> Tensor:
        """Return all weights, one after the other."""
        h = functional.leaky_relu(bits @ self.W + self.b, SLOPE)
        return h @ self.V + self.v

    def written(self, architecture: Sequence[str]) -> dict[str, Tensor]:
        """Return the weights of an architecture by name, as ``Supernet.logits`` takes them; those in common included."""
        parts = self(self.bits(architecture)).split([a * c for a, c in self.shapes.values()])
        own = {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}
        return {**self.common, **own}
