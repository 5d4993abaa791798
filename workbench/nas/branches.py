"""Spaces with several branches and skip connections: each layer reads any of the layers before it.

Zoph & Le 2017, "Neural architecture search with reinforcement learning", section 3.3: at layer k an *anchor point* says for each
earlier layer whether it is read::

    what layer k reads    those layers j < k for which skip_jk is on, side by side (concatenated); the input if none is on
    what nobody reads     is concatenated before the classifier

Differences from the paper: positions stay as they are (theirs may be strided and are then padded with zeros), kernels are square,
each convolution is followed by batch norm and ReLU; lines as well as images. The anchor points' sigmoids are the controller's
part: here stand the switches that it decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench.errors import SpaceError
from workbench.nas.canonical import canonical_code, written
from workbench.nas.graph import Graph, GraphEdge, GraphNode
from workbench.nas.sizes import LINE, Size, conv_size, linear_size
from workbench.space import Choice, Config, Param, Space

MOST = 500_000  # configurations that are looked at one by one


@dataclass(frozen=True, slots=True)
class BranchLayer:
    """A convolution: ``reads`` are the numbers of the layers that it reads, 0 being the input."""

    width: int
    kernel: int
    reads: tuple[int, ...]

    @property
    def name(self) -> str:
        """What it is, in short."""
        return f"conv{self.kernel}"


@dataclass(frozen=True)
class BranchPlan:
    """Layers in the order in which they are computed, numbered from 1."""

    name: str
    layers: tuple[BranchLayer, ...]

    @property
    def loose(self) -> tuple[int, ...]:
        """Numbers of the layers that nobody reads: the classifier does."""
        read = {j for layer in self.layers for j in layer.reads}
        return tuple(k for k in range(1, len(self.layers) + 1) if k not in read)

    def width(self, numbers: Sequence[int], n_channels: int) -> int:
        """Channels of layers side by side; those of the input are ``n_channels``."""
        return sum(n_channels if k == 0 else self.layers[k - 1].width for k in numbers)

    def size(self, shape: Sequence[int] = LINE, n_classes: int = 10) -> Size:
        """Return parameters and multiply-adds for inputs of a shape, channels last; SpaceError if it is no line or image."""
        if len(shape) not in (2, 3):
            raise SpaceError(f"an input has the shape (length, channels) or (height, width, channels), got {tuple(shape)}.")
        size = linear_size(self.width(self.loose, shape[-1]), n_classes)
        for layer in self.layers:
            size += conv_size(self.width(layer.reads, shape[-1]), layer.width, layer.kernel, shape[:-1])
        return size

    def canonical(self) -> str:
        """Write it so that networks that differ in the order of parallel layers alone get equal strings."""
        labels = [f"{layer.name}x{layer.width}" for layer in self.layers]
        return written(canonical_code(labels, [[(j, "") for j in layer.reads] for layer in self.layers]))

    def graph(self) -> Graph:
        """Return what a drawing needs: a node for each layer."""
        middle = tuple(GraphNode(f"{layer.name} ×{layer.width}", layer.name, f"layer {k}, {layer.width} channels")
                       for k, layer in enumerate(self.layers, start=1))
        last = len(middle) + 1
        edges = [GraphEdge(j, k) for k, layer in enumerate(self.layers, start=1) for j in layer.reads]
        edges += [GraphEdge(k, last) for k in self.loose]
        output = GraphNode("output", "", "mean over positions, linear")
        return Graph(self.name, (GraphNode("input"), *middle, output), tuple(edges))


@dataclass(frozen=True)
class BranchSpace:
    """All networks of so many convolutions with skip connections.

    Parameters
    ----------
    name
        What it is called.
    n_layers
        Convolutions.
    widths, kernels
        What each can have: channels, and odd numbers of positions.

    Raises
    ------
    SpaceError
        If there is no layer, or widths and kernels are none.
    """

    name: str
    n_layers: int = 5
    widths: tuple[int, ...] = (8, 16, 24)
    kernels: tuple[int, ...] = (1, 3, 5)

    def __post_init__(self) -> None:
        if not 1 <= self.n_layers <= 30:
            raise SpaceError(f"a network has 1 to 30 layers, got {self.n_layers}.")
        for what, numbers, odd in (("widths", self.widths, False), ("kernels", self.kernels, True)):
            fits = all(isinstance(n, int) and n >= 1 and (n % 2 or not odd) for n in numbers)
            if not numbers or not fits or list(numbers) != sorted(set(numbers)):
                raise SpaceError(f"{what} are rising whole numbers{', odd ones' * odd}, got {numbers!r}.")

    @cached_property
    def skips(self) -> dict[str, tuple[int, int]]:
        """Names of the switches, and which layer each lets which later one read: "skip_1_3"."""
        pairs = itertools.combinations(range(1, self.n_layers + 1), 2)
        return {f"skip_{j}_{k}": (j, k) for j, k in sorted(pairs, key=lambda pair: (pair[1], pair[0]))}

    @cached_property
    def space(self) -> Space:
        """The same as a search space: "width_1", "kernel_1", "skip_1_2" and so on; what has one value is left out."""
        params: dict[str, Param] = {}
        for k in range(1, self.n_layers + 1):
            if len(self.widths) > 1:
                params[f"width_{k}"] = Choice(*self.widths, ordered=True)
            if len(self.kernels) > 1:
                params[f"kernel_{k}"] = Choice(*self.kernels, ordered=True)
            params |= {name: Choice(False, True) for name, (_, to) in self.skips.items() if to == k}
        return Space(params)

    def plan(self, config: Mapping[str, Any]) -> BranchPlan:
        """Return the layers of a configuration; what else it holds is left out. ConfigError if it does not belong here."""
        own = {name: config[name] for name in self.space.names if name in config}
        self.space.validate(own)
        layers = []
        for k in range(1, self.n_layers + 1):
            reads = tuple(j for name, (j, to) in self.skips.items() if to == k and own[name]) or (0,)
            width, kernel = own.get(f"width_{k}", self.widths[0]), own.get(f"kernel_{k}", self.kernels[0])
            layers.append(BranchLayer(int(width), int(kernel), reads))
        return BranchPlan(self.name, tuple(layers))

    def __iter__(self) -> Iterator[Config]:
        """Iterate over all configurations."""
        params = self.space.params
        for values in itertools.product(*(p.values() for p in params.values() if isinstance(p, Choice))):
            yield dict(zip(params, values, strict=True))

    def canonical(self, config: Mapping[str, Any]) -> str:
        """Write what a configuration computes, up to the order of channels: parallel layers may have any numbers."""
        return self.plan(config).canonical()

    @property
    def n_architectures(self) -> int:
        """How many configurations there are."""
        return int((len(self.widths) * len(self.kernels)) ** self.n_layers * 2 ** len(self.skips))

    def count_distinct(self) -> int:
        """Count the different networks, by looking at all configurations; SpaceError if they are too many."""
        if self.n_architectures > MOST:
            raise SpaceError(f"different networks are counted by looking at all, at most {MOST}; {self.name} has "
                             f"{self.n_architectures} configurations. Take fewer layers, widths or kernels.")
        return len({self.canonical(config) for config in self})

    def size(self, config: Mapping[str, Any], shape: Sequence[int] = LINE, n_classes: int = 10) -> Size:
        """Return parameters and multiply-adds of a configuration."""
        return self.plan(config).size(shape, n_classes)

    def graph(self, config: Mapping[str, Any]) -> Graph:
        """Return what a drawing needs."""
        return self.plan(config).graph()


BRANCHES = BranchSpace("branches")
