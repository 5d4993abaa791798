"""Layers one after the other, as plain data: all that counting, drawing and building a chain need.

A layer is a convolution with batch norm and ReLU, a pool, nothing at all, or a block as in MobileNetV2 (Sandler et al. 2018)::

    mbconv   1x1 convolution to ``expansion`` times the channels, ReLU; k x k convolution channel by channel, ReLU;
             1x1 convolution back; batch norm after each; added to its input where the shapes agree
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.errors import SpaceError
from workbench.nas.graph import Graph, GraphEdge, GraphNode
from workbench.nas.sizes import LINE, Size, conv_size, halved, linear_size

Kind = Literal["conv", "maxpool", "avgpool", "identity", "shortcut", "mbconv"]


@dataclass(frozen=True, slots=True)
class ChainLayer:
    """A layer.

    Attributes
    ----------
    kind
        "conv" (convolution, batch norm, ReLU), "maxpool" and "avgpool" (of 3 positions, every second), "identity",
        "shortcut" (1x1 convolution and batch norm) or "mbconv" (a block as in MobileNetV2).
    width
        Channels that it gives.
    kernel, stride
        Along each axis.
    expansion
        Of an "mbconv": how many times the channels are inside.
    """

    kind: Kind
    width: int
    kernel: int = 1
    stride: int = 1
    expansion: int = 1

    @property
    def name(self) -> str:
        """What it is, in short: "conv3", "maxpool", "mb6k5"."""
        return {"conv": f"conv{self.kernel}", "mbconv": f"mb{self.expansion}k{self.kernel}"}.get(self.kind, self.kind)

    @property
    def code(self) -> str:
        """All that it is, in short: "conv3x16", "mb6k5x64/2"."""
        return f"{self.name}x{self.width}" + "/2" * (self.stride == 2)

    @property
    def changes_nothing(self) -> bool:
        """Whether it may be left out."""
        return self.kind == "identity" and self.stride == 1

    def size(self, width_in: int, before: Sequence[int], after: Sequence[int]) -> Size:
        """Parameters and multiply-adds, given the channels that come in and the positions before and after."""
        if self.kind in ("conv", "shortcut"):
            return conv_size(width_in, self.width, self.kernel, after)
        if self.kind != "mbconv":
            return Size(0, 0)
        inside = width_in * self.expansion
        each = conv_size(inside, 1, self.kernel, after, norm=False)  # channel by channel: as many weights as to a single one
        return conv_size(width_in, inside, 1, before) + each + Size(2 * inside, 0) + conv_size(inside, self.width, 1, after)


@dataclass(frozen=True)
class ChainPlan:
    """Layers from the data to the last one, whose mean over positions a linear layer classifies.

    Parameters
    ----------
    name
        What it is called.
    layers
        One after the other.
    """

    name: str
    layers: tuple[ChainLayer, ...]

    def size(self, shape: Sequence[int] = LINE, n_classes: int = 10) -> Size:
        """Return parameters and multiply-adds for inputs of a shape, channels last; SpaceError if it is no line or image."""
        if len(shape) not in (2, 3):
            raise SpaceError(f"an input has the shape (length, channels) or (height, width, channels), got {tuple(shape)}.")
        at, width, size = tuple(shape[:-1]), shape[-1], Size(0, 0)
        for layer in self.layers:
            after = halved(at) if layer.stride == 2 else at
            size += layer.size(width, at, after)
            at, width = after, self.width(layer, width)
        return size + linear_size(width, n_classes)

    @staticmethod
    def width(layer: ChainLayer, width_in: int) -> int:
        """Channels after a layer: pools and identities keep what comes in."""
        return width_in if layer.kind in ("maxpool", "avgpool", "identity") else layer.width

    def graph(self) -> Graph:
        """Return what a drawing needs: a node for each layer."""
        middle = tuple(GraphNode(self._label(layer), layer.name, self._says(layer)) for layer in self.layers)
        nodes = (GraphNode("input"), *middle, GraphNode("output", "", "mean over positions, linear"))
        return Graph(self.name, nodes, tuple(GraphEdge(i, i + 1) for i in range(len(nodes) - 1)))

    @staticmethod
    def _label(layer: ChainLayer) -> str:
        return f"{layer.name} ×{layer.width}" if layer.width else layer.name

    @staticmethod
    def _says(layer: ChainLayer) -> str:
        return ", ".join([f"{layer.width} channels"] * bool(layer.width) + ["every second position"] * (layer.stride == 2))
