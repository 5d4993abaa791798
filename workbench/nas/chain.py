"""Chain-structured spaces: one layer after the other, each with a type and what belongs to that type.

The simplest space of the field (Elsken, Metzen & Hutter 2019, "Neural architecture search: a survey", section 2): a depth, and
for each layer a type and, if the type has them, a width and a kernel; so the parameters are conditional.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench.errors import SpaceError
from workbench.nas.chain_plan import ChainLayer, ChainPlan, Kind
from workbench.nas.graph import Graph
from workbench.nas.sizes import LINE, Size
from workbench.space import Choice, Config, Int, Param, Space

TYPES: tuple[Kind, ...] = ("conv", "maxpool", "avgpool", "identity")
POOL = 3  # positions that a pool looks at, with stride 2


def _plain(kind: Kind) -> ChainLayer:
    """Make a layer without width: a pool or nothing."""
    return ChainLayer(kind, 0) if kind == "identity" else ChainLayer(kind, 0, POOL, 2)


@dataclass(frozen=True)
class ChainSpace:
    """All chains of so many layers of these types, widths and kernels.

    Parameters
    ----------
    name
        What it is called.
    depth
        Fewest and most layers.
    types
        What a layer can be: "conv", "maxpool", "avgpool", "identity".
    widths, kernels
        What a convolution can have: channels, and odd numbers of positions.

    Raises
    ------
    SpaceError
        If a layer would have nothing to choose from, or what there is to choose from is no layer.
    """

    name: str
    depth: tuple[int, int] = (1, 6)
    types: tuple[Kind, ...] = ("conv", "maxpool", "avgpool")
    widths: tuple[int, ...] = (8, 16, 32)
    kernels: tuple[int, ...] = (3, 5, 7)

    def __post_init__(self) -> None:
        low, high = self.depth
        if not 1 <= low <= high:
            raise SpaceError(f"depth is the fewest and the most layers, at least 1, got {self.depth!r}.")
        if not self.types or not set(self.types) <= set(TYPES) or len(set(self.types)) < len(self.types):
            raise SpaceError(f"types are different ones of {', '.join(TYPES)}, got {self.types!r}.")
        for what, numbers, allowed in (("widths", self.widths, 1), ("kernels", self.kernels, 2)):
            fits = all(isinstance(n, int) and n >= 1 and (allowed == 1 or n % 2) for n in numbers)
            if not numbers or not fits or list(numbers) != sorted(set(numbers)):
                raise SpaceError(f"{what} are rising whole numbers{', odd ones' * (allowed == 2)}, got {numbers!r}.")

    @cached_property
    def space(self) -> Space:
        """The same as a search space: "depth", and "type_1", "width_1", "kernel_1" and so on; what has one value is left out."""
        params: dict[str, Param] = {}
        low, high = self.depth
        if low < high:
            params["depth"] = Int(low, high)
        for k in range(1, high + 1):
            there: dict[str, Any] = {"depth": list(range(k, high + 1))} if k > low else {}
            if len(self.types) > 1:
                params[f"type_{k}"] = Choice(*self.types, when=there)
            if "conv" in self.types:
                conv = {**there, f"type_{k}": "conv"} if len(self.types) > 1 else there
                if len(self.widths) > 1:
                    params[f"width_{k}"] = Choice(*self.widths, ordered=True, when=conv)
                if len(self.kernels) > 1:
                    params[f"kernel_{k}"] = Choice(*self.kernels, ordered=True, when=conv)
        return Space(params)

    def plan(self, config: Mapping[str, Any]) -> ChainPlan:
        """Return the layers of a configuration; what else it holds is left out. ConfigError if it does not belong here."""
        own = {name: config[name] for name in self.space.names if name in config}
        self.space.validate(own)
        layers = []
        for k in range(1, int(own.get("depth", self.depth[0])) + 1):
            kind = own.get(f"type_{k}", self.types[0])
            width, kernel = own.get(f"width_{k}", self.widths[0]), own.get(f"kernel_{k}", self.kernels[0])
            layers.append(ChainLayer("conv", int(width), int(kernel)) if kind == "conv" else _plain(kind))
        return ChainPlan(self.name, tuple(layers))

    def config(self, layers: Sequence[ChainLayer]) -> Config:
        """Return layers as a configuration: the way back from ``plan``. ConfigError if they do not belong here."""
        told: Config = {"depth": len(layers)}
        for k, layer in enumerate(layers, start=1):
            told[f"type_{k}"] = layer.kind
            if layer.kind == "conv":
                told |= {f"width_{k}": layer.width, f"kernel_{k}": layer.kernel}
        own = {name: told[name] for name in self.space.names if name in told}
        self.space.validate(own)
        if self.plan(own).layers != tuple(layers):
            raise SpaceError(f"{self.name} has no chain {self.canonical_of(layers)}.")
        return own

    def __iter__(self) -> Iterator[Config]:
        """Iterate over all configurations, short ones first."""
        options = [ChainLayer("conv", w, k) for w in self.widths for k in self.kernels] if "conv" in self.types else []
        options += [_plain(kind) for kind in self.types if kind != "conv"]
        for depth in range(self.depth[0], self.depth[1] + 1):
            for layers in itertools.product(options, repeat=depth):
                yield self.config(layers)

    @staticmethod
    def canonical_of(layers: Sequence[ChainLayer]) -> str:
        """Write layers one after the other, without those that change nothing; "=" if none is left."""
        return " ".join(layer.code for layer in layers if not layer.changes_nothing) or "="

    def canonical(self, config: Mapping[str, Any]) -> str:
        """Write what a configuration computes, so that equal chains get equal strings."""
        return self.canonical_of(self.plan(config).layers)

    @property
    def _options(self) -> int:
        """How many different layers do something."""
        return len(self.widths) * len(self.kernels) * ("conv" in self.types) + len(set(self.types) - {"conv", "identity"})

    @property
    def n_architectures(self) -> int:
        """How many configurations there are."""
        q = self._options + ("identity" in self.types)
        return sum(q**depth for depth in range(self.depth[0], self.depth[1] + 1))

    def count_distinct(self) -> int:
        """Count the different chains."""
        low = 0 if "identity" in self.types else self.depth[0]
        return sum(self._options**depth for depth in range(low, self.depth[1] + 1))

    def size(self, config: Mapping[str, Any], shape: Sequence[int] = LINE, n_classes: int = 10) -> Size:
        """Return parameters and multiply-adds of a configuration."""
        return self.plan(config).size(shape, n_classes)

    def graph(self, config: Mapping[str, Any]) -> Graph:
        """Return what a drawing needs."""
        return self.plan(config).graph()


CHAIN = ChainSpace("chain")
