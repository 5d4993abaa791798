"""A super network: all operations on all edges of a cell, one set of weights for every architecture.

Saxena & Verbeek 2016, "Convolutional neural fabrics"; Bender et al. 2018, "Understanding and simplifying one-shot architecture
search"; Liu, Simonyan & Yang 2019, "DARTS", eq. 2.

::

    stem → cell → reduction (half the length, twice the channels) → cell → mean over positions → linear
    node j = Σ_{i<j} Σ_o m[ij, o] · o(node i)        m: mixing weights, (n_edges, n_operations)
    conv k = batch norm(convolution(activation(x)));   pool k = batch norm(mean of k neighbours);   skip = x;   none = 0

An architecture is the special case in which each row of ``m`` is one-hot; ``forward_one`` then computes its operations alone.

The convolutions that leave one node have the same input. So they are one matrix product: the k neighbours of each position
side by side (channels last), times the edges' matrices side by side. Batch norm works channel by channel, so the fused product is
the same function, several times as fast.

Differences from the papers: one kind of cell, twice, instead of many; lines or small grids instead of images of 32 x 32. As in
DARTS, batch norm uses the statistics of the batch, also for prediction, and has no scale and shift of its own: with one set of
weights the activations have other statistics in each architecture.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.errors import SpaceError
from workbench.nas.cells import CellSpace

Params = Mapping[str, Tensor]
Active = Sequence[Collection[str]]  # for each edge the operations that are computed


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + eˣ) - log 2, a smooth ReLU that is 0 at 0: a node that nothing reaches brings nothing."""
    return functional.softplus(x) - math.log(2.0)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu, "gelu": functional.gelu, "softplus": softplus, "tanh": torch.tanh}
_WITH_KERNEL = re.compile(r"(conv|pool)([13579])")


def kernel(operation: str) -> tuple[str, int]:
    """Split an operation's name into kind and width: "conv3" is ("conv", 3), "skip" is ("skip", 1).

    Raises
    ------
    SpaceError
        If a super network cannot compute it.
    """
    if operation in {"none", "skip"}:
        return operation, 1
    match = _WITH_KERNEL.fullmatch(operation)
    if match is None:
        raise SpaceError(f"a super network computes none, skip, convK and poolK with an odd K below 10, got {operation!r}.")
    return match[1], int(match[2])


def neighbours(x: Tensor, width: int, stride: int = 1) -> Tensor:
    """Return the neighbours of each position side by side: (n, …, c) becomes (n, …, width^d · c); zeros beyond the rim."""
    if width == 1 and stride == 1:
        return x
    d, reach = x.ndim - 2, width // 2
    padded = functional.pad(x, (0, 0) + (reach, reach) * d)
    sizes = [(n - 1) // stride + 1 for n in x.shape[1:-1]]
    parts = []
    for offset in itertools.product(range(width), repeat=d):
        part = padded
        for axis, (o, size) in enumerate(zip(offset, sizes, strict=True), start=1):
            part = part[(slice(None),) * axis + (slice(o, o + (size - 1) * stride + 1, stride),)]
        parts.append(part)
    return torch.cat(parts, dim=-1)


def mean_pool(x: Tensor, width: int) -> Tensor:
    """Average the ``width`` neighbours of each position, along each axis; what lies beyond the rim is not counted."""
    reach = width // 2
    for axis in range(1, x.ndim - 1):
        n = x.shape[axis]
        padded = functional.pad(x, (0, 0) * (x.ndim - 1 - axis) + (reach, reach))
        total = padded.narrow(axis, 0, n)
        for o in range(1, width):
            total = total + padded.narrow(axis, o, n)
        place = torch.arange(n, device=x.device)
        count = torch.clamp(place + reach, max=n - 1) - torch.clamp(place - reach, min=0) + 1
        x = total / count.to(x.dtype).reshape([-1] + [1] * (x.ndim - 1 - axis))
    return x


def normalise(x: Tensor) -> Tensor:
    """Batch norm without scale and shift, by the statistics of this batch: every channel to mean 0 and variance 1."""
    return functional.batch_norm(x.flatten(0, -2), None, None, training=True).view(x.shape)


class Supernet(nn.Module):
    """All architectures of a cell space in one network.

    Parameters
    ----------
    cells
        Space of cells; both cells of the network have the same architecture.
    data_shape
        Shape of one example, channels last: (40, 1) for a line, (8, 8, 1) for an image.
    n_classes
        Classes to tell apart.
    channels
        Channels of the first cell; the second has twice as many.
    seed
        Seed of the initial weights.
    dtype
        Type of the weights; float64 for gradient checks.
    activation
        "relu", "gelu", "softplus" or "tanh". Second-order gradients can be checked by differences only with a smooth one.

    Raises
    ------
    SpaceError
        If the space has an operation that is not known here, or the data are neither lines nor images.
    """

    def __init__(self, cells: CellSpace, data_shape: Sequence[int], n_classes: int, channels: int = 8, *, seed: int = 0,
                 dtype: torch.dtype = torch.float32, activation: str = "relu") -> None:
        super().__init__()
        if len(data_shape) not in {2, 3}:
            raise SpaceError("one example has the shape (length, channels) or (height, width, channels), "
                             f"got {tuple(data_shape)}.")
        if activation not in ACTIVATIONS:
            raise SpaceError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}.")
        self.cells, self.channels, self.n_classes = cells, channels, n_classes
        self.data_shape, self.activation = tuple(data_shape), activation
        self._act = ACTIVATIONS[activation]
        self._dim = len(data_shape) - 1
        kinds = {o: kernel(o) for o in cells.operations}
        self._convs = {o: width for o, (kind, width) in kinds.items() if kind == "conv"}
        self._pools = {o: width for o, (kind, width) in kinds.items() if kind == "pool"}
        self._column = {o: k for k, o in enumerate(cells.operations)}
        self._leaving = {i: [e for e, (a, _) in enumerate(cells.edges) if a == i] for i in range(cells.n_nodes)}

        generator = torch.Generator().manual_seed(seed)
        for name, (fan_in, fan_out) in self.shapes().items():
            bound = 1.0 / math.sqrt(fan_in)  # ~ U(-1/√fan_in, 1/√fan_in)
            value = (2.0 * torch.rand(fan_in, fan_out, generator=generator, dtype=dtype) - 1.0) * bound
            self.register_parameter(name, nn.Parameter(value))
        self.bias = nn.Parameter(torch.zeros(n_classes, dtype=dtype))

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Shapes (inputs, outputs) of all weight matrices, in order; "cell1_e01_conv3" is edge e01 of the first cell."""
        c, around = self.channels, 3 ** self._dim
        made = {"stem": (around * self.data_shape[-1], c)}
        for cell, width in ((1, c), (2, 2 * c)):
            if cell == 2:
                made["reduction"] = (around * c, 2 * c)
            for edge in self.cells.names:
                for operation, k in self._convs.items():
                    made[f"cell{cell}_{edge}_{operation}"] = (k ** self._dim * width, width)
        made["head"] = (2 * c, self.n_classes)
        return made

    @property
    def params(self) -> dict[str, Tensor]:
        """Weights by name, as ``logits`` takes them."""
        return dict(self.named_parameters())

    def one_hot(self, architecture: Sequence[str]) -> Tensor:
        """Return an architecture as mixing weights, (n_edges, n_operations)."""
        m = self.bias.new_zeros(len(self.cells.edges), len(self.cells.operations))
        for e, operation in enumerate(self.cells.check(architecture)):
            m[e, self._column[operation]] = 1.0
        return m

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return the logits, (n, n_classes), of examples (n, …, channels) by mixing weights (n_edges, n_operations)."""
        return self.logits(self.params, x, weights)

    def forward_one(self, x: Tensor, architecture: Sequence[str]) -> Tensor:
        """Return the logits of one architecture; nothing else is computed."""
        return self.logits(self.params, x, active=[(o,) for o in self.cells.check(architecture)])

    def logits(self, params: Params, x: Tensor, weights: Tensor | None = None, active: Active | None = None) -> Tensor:
        """Return the logits as a function of all weights; it can be differentiated any number of times.

        Parameters
        ----------
        params
            Weights by name, as ``params`` gives them.
        x
            Examples, channels last, (n, …, channels).
        weights
            Mixing weights, (n_edges, n_operations); 1 for each active operation if left out.
        active
            For each edge the operations that are computed; all if left out. Others get no gradient, nor do their mixing weights.

        Raises
        ------
        ValueError
            If mixing weights or examples have another shape.
        """
        self._check(x, weights, active)
        on = self._needed([self.cells.operations] * len(self.cells.edges) if active is None else active)
        x = self._conv(x, params["stem"], 3, stride=2 if self._dim == 1 else 1, act=False)
        x = self._cell(params, "cell1", x, weights, on)
        x = self._conv(x, params["reduction"], 3, stride=2)
        x = self._cell(params, "cell2", x, weights, on)
        pooled = self._act(x).flatten(1, -2).mean(1)                          # (n, 2c)
        return pooled @ params["head"] + params["bias"]

    def _check(self, x: Tensor, weights: Tensor | None, active: Active | None) -> None:
        shape = (len(self.cells.edges), len(self.cells.operations))
        if weights is not None and tuple(weights.shape) != shape:
            raise ValueError(f"mixing weights of {self.cells.name} have the shape {shape}, got {tuple(weights.shape)}.")
        if active is not None and len(active) != shape[0]:
            raise ValueError(f"{self.cells.name} has {shape[0]} edges, got active operations for {len(active)}.")
        if tuple(x.shape[1:]) != self.data_shape:
            raise ValueError(f"examples have the shape {self.data_shape}, channels last, got {tuple(x.shape[1:])}.")

    def _needed(self, active: Active) -> list[set[str]]:
        """Leave out operations from whose end the output is not reached, and "none"."""
        on = [{o for o in operations if o != "none"} for operations in active]
        alive = {self.cells.n_nodes - 1}
        for node in range(self.cells.n_nodes - 2, -1, -1):
            for e in self._leaving[node]:
                if self.cells.edges[e][1] not in alive:
                    on[e] = set()
                elif on[e]:
                    alive.add(node)
        return on

    def _conv(self, x: Tensor, w: Tensor, width: int, *, stride: int = 1, act: bool = True) -> Tensor:
        side = neighbours(self._act(x) if act else x, width, stride)
        return normalise((side.flatten(0, -2) @ w).view(*side.shape[:-1], -1))

    def _cell(self, params: Params, name: str, x: Tensor, m: Tensor | None, on: list[set[str]]) -> Tensor:
        c = x.shape[-1]
        arriving: list[list[Tensor]] = [[] for _ in range(self.cells.n_nodes)]
        arriving[0].append(x)

        def add(e: int, operation: str, value: Tensor) -> None:
            weighted = value if m is None else m[e, self._column[operation]] * value
            arriving[self.cells.edges[e][1]].append(weighted)

        for node, edges in self._leaving.items():
            if not edges or not arriving[node]:
                continue
            h = _sum(arriving[node])
            for operation, width in self._convs.items():
                used = [e for e in edges if operation in on[e]]
                if used:
                    w = torch.cat([params[f"{name}_{self.cells.names[e]}_{operation}"] for e in used], dim=1)
                    y = self._conv(h, w, width)                                 # all at once
                    for q, e in enumerate(used):
                        add(e, operation, y[..., q * c:(q + 1) * c])
            for operation, width in self._pools.items():
                used = [e for e in edges if operation in on[e]]
                if used:
                    pooled = normalise(mean_pool(h, width))
                    for e in used:
                        add(e, operation, pooled)
            for e in edges:
                if "skip" in on[e]:
                    add(e, "skip", h)
        return _sum(arriving[-1]) if arriving[-1] else torch.zeros_like(x)


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
