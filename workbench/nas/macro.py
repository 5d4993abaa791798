"""Chains in stages, with a block to choose in each place: NAS-Bench-Macro and small ones like it.

Su et al. 2021, "Prioritized architecture sampling with Monte-Carlo tree search", section 5: 8 places with one of three blocks in
each, 3^8 = 6,561 architectures, of which 3,969 differ::

    stem → stage 1 (2 places) → stage 2 (3 places) → stage 3 (3 places) → 1x1 convolution → mean → linear
    the first place of a stage halves the positions and doubles the channels
    identity   nothing, or where it has to halve: 1x1 convolution with stride 2, batch norm
    mbTkK      block as in MobileNetV2 with expansion T and kernel K (see ``chain_plan``)

Differences from the paper: none in the network; lines as well as images.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench.errors import SpaceError
from workbench.nas.chain_plan import ChainLayer, ChainPlan
from workbench.nas.graph import Graph
from workbench.nas.sizes import Size
from workbench.space import Choice, Config, Space

_BLOCK = re.compile(r"mb([1-9])k([1357])")


@dataclass(frozen=True)
class MacroSpace:
    """Stages of blocks, as in NAS-Bench-Macro.

    Parameters
    ----------
    name
        What it is called.
    stages
        Places in each stage.
    blocks
        What can stand in a place: "identity", and "mbTkK" with expansion T and kernel K.
    channels
        After the stem; each stage doubles them.
    head
        Channels of the last convolution.

    Raises
    ------
    SpaceError
        If there is a stage without a place, or a block that is none.
    """

    name: str
    stages: tuple[int, ...] = (2, 3, 3)
    blocks: tuple[str, ...] = ("identity", "mb3k3", "mb6k5")
    channels: int = 32
    head: int = 1280

    def __post_init__(self) -> None:
        if not self.stages or min(self.stages) < 1 or self.channels < 1 or self.head < 1:
            raise SpaceError("every stage has at least one place and the network at least one channel, got "
                             f"stages={self.stages!r}, channels={self.channels} and head={self.head}.")
        fits = all(block == "identity" or _BLOCK.fullmatch(block) for block in self.blocks)
        if not fits or len(self.blocks) < 2 or len(set(self.blocks)) < len(self.blocks):
            raise SpaceError("blocks are at least two different ones out of identity and mbTkK, like mb3k3; got "
                             f"{self.blocks!r}.")

    @property
    def n_places(self) -> int:
        """Places for blocks."""
        return sum(self.stages)

    @cached_property
    def space(self) -> Space:
        """The same as a search space: "block_1" and so on."""
        return Space({f"block_{k}": Choice(*self.blocks) for k in range(1, self.n_places + 1)})

    def config(self, blocks: str | Sequence[str]) -> Config:
        """Return blocks by name, or their numbers as NAS-Bench-Macro writes them ("01202112"), as a configuration."""
        if isinstance(blocks, str):
            known = {str(k): block for k, block in enumerate(self.blocks)}
            if not set(blocks) <= set(known):
                raise SpaceError(f"the code of an architecture has the digits 0 to {len(self.blocks) - 1}, got {blocks!r}.")
            blocks = [known[digit] for digit in blocks]
        if len(blocks) != self.n_places:
            raise SpaceError(f"{self.name} has {self.n_places} places, got {len(blocks)} blocks.")
        own: Config = dict(zip(self.space.names, blocks, strict=True))
        self.space.validate(own)
        return own

    def __iter__(self) -> Iterator[Config]:
        """Iterate over all configurations."""
        for blocks in itertools.product(self.blocks, repeat=self.n_places):
            yield self.config(blocks)

    def _staged(self, config: Mapping[str, Any]) -> list[list[ChainLayer]]:
        own = {name: config[name] for name in self.space.names if name in config}
        self.space.validate(own)
        blocks, width, staged = iter(own.values()), self.channels, []
        for n in self.stages:
            width *= 2
            staged.append([self._layer(next(blocks), width, 2 if k == 0 else 1) for k in range(n)])
        return staged

    @staticmethod
    def _layer(block: str, width: int, stride: int) -> ChainLayer:
        match = _BLOCK.fullmatch(block)
        if match:
            return ChainLayer("mbconv", width, int(match[2]), stride, int(match[1]))
        return ChainLayer("identity", width) if stride == 1 else ChainLayer("shortcut", width, 1, stride)

    def plan(self, config: Mapping[str, Any]) -> ChainPlan:
        """Return the layers of a configuration, stem and head included; what else it holds is left out."""
        stem, head = ChainLayer("conv", self.channels, 3), ChainLayer("conv", self.head, 1)
        return ChainPlan(self.name, (stem, *itertools.chain(*self._staged(config)), head))

    def canonical(self, config: Mapping[str, Any]) -> str:
        """Write the blocks stage by stage, without those that change nothing: where in its stage they stand is all one."""
        told = ((layer.code for layer in stage if not layer.changes_nothing) for stage in self._staged(config))
        return " | ".join(map(" ".join, told))

    @property
    def n_architectures(self) -> int:
        """How many configurations there are."""
        return int(len(self.blocks) ** self.n_places)

    def count_distinct(self) -> int:
        """Count the different networks."""
        q = len(self.blocks) - ("identity" in self.blocks)
        rest = [sum(q**k for k in range(n)) if "identity" in self.blocks else q ** (n - 1) for n in self.stages]
        total = 1
        for n in rest:
            total *= len(self.blocks) * n
        return total

    def size(self, config: Mapping[str, Any], shape: Sequence[int] = (32, 32, 3), n_classes: int = 10) -> Size:
        """Return parameters and multiply-adds of a configuration."""
        return self.plan(config).size(shape, n_classes)

    def graph(self, config: Mapping[str, Any]) -> Graph:
        """Return what a drawing needs."""
        return self.plan(config).graph()


MACRO = MacroSpace("NAS-Bench-Macro")
NANO_MACRO = MacroSpace("nano-macro", channels=4, head=32)  # the same, small enough for lines of 40 positions
