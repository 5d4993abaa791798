"""Networks of chains and of branches, made from their plans: plain layers of torch, of one or two axes.

Inputs come channels last, (n, length, channels) or (n, height, width, channels), as everywhere in ``workbench.nas``; inside they
are channels first. What a layer is stands in ``chain_plan`` and ``branches``; so parameters and multiply-adds are those that the
plans count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from workbench.errors import SpaceError
from workbench.nas.branches import BranchPlan, BranchSpace
from workbench.nas.chain import ChainSpace
from workbench.nas.chain_plan import ChainLayer, ChainPlan
from workbench.nas.data import Data
from workbench.nas.macro import MacroSpace

CONV: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
NORM: dict[int, Any] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
MAX_POOL: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}
AVERAGE_POOL: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d}


def conv(d: int, c_in: int, c_out: int, kernel: int, *, stride: int = 1, groups: int = 1, relu: bool = True) -> nn.Sequential:
    """Make a convolution with zeros beyond the rim and without bias, batch norm, and ReLU or not."""
    layers = [CONV[d](c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False), NORM[d](c_out)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class MobileBlock(nn.Module):
    """Widen, look at neighbours channel by channel, narrow; added to the input where the shapes agree (MobileNetV2)."""

    def __init__(self, d: int, c_in: int, layer: ChainLayer) -> None:
        super().__init__()
        inside = c_in * layer.expansion
        each = conv(d, inside, inside, layer.kernel, stride=layer.stride, groups=inside)
        self.layers = nn.Sequential(conv(d, c_in, inside, 1), each, conv(d, inside, layer.width, 1, relu=False))
        self.adds = layer.stride == 1 and c_in == layer.width

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c_in, …) to (n, width, …)."""
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


def made(layer: ChainLayer, c_in: int, d: int) -> nn.Module:
    """Make one layer of a chain."""
    if layer.kind == "mbconv":
        return MobileBlock(d, c_in, layer)
    if layer.kind in ("conv", "shortcut"):
        return conv(d, c_in, layer.width, layer.kernel, stride=layer.stride, relu=layer.kind == "conv")
    if layer.kind == "maxpool":
        return MAX_POOL[d](layer.kernel, layer.stride, layer.kernel // 2)  # type: ignore[no-any-return]
    if layer.kind == "avgpool":
        return AVERAGE_POOL[d](layer.kernel, layer.stride, layer.kernel // 2, count_include_pad=False)  # type: ignore[no-any-return]
    return nn.Identity()


def _axes(data_shape: Sequence[int]) -> int:
    """Return how many axes a shape has besides that of the channels."""
    if len(data_shape) not in (2, 3):
        raise SpaceError(f"an input has the shape (length, channels) or (height, width, channels), got {tuple(data_shape)}.")
    return len(data_shape) - 1


class ChainNetwork(nn.Module):
    """The network of a chain: its layers, the mean over positions, a linear layer.

    Parameters
    ----------
    plan
        The layers.
    data_shape
        Shape of one input, channels last.
    n_classes
        Classes to tell apart.
    seed
        Of the first weights.

    Raises
    ------
    SpaceError
        If inputs are neither lines nor images.
    """

    def __init__(self, plan: ChainPlan, data_shape: Sequence[int], n_classes: int, seed: int = 0) -> None:
        super().__init__()
        d, width, layers = _axes(data_shape), data_shape[-1], []
        self.plan, self.data_shape = plan, tuple(data_shape)
        with torch.device("meta"):  # without weights: those are drawn below, and not from torch's own generator
            for layer in plan.layers:
                layers.append(made(layer, width, d))
                width = plan.width(layer, width)
            self.layers, self.head = nn.Sequential(*layers), nn.Linear(width, n_classes)
        draw_weights(self, seed)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, n_classes) of inputs (n, …, channels)."""
        y: Tensor = self.head(self.layers(x.movedim(-1, 1)).flatten(2).mean(2))
        return y


class BranchNetwork(nn.Module):
    """The network of a plan with branches: each layer reads others side by side. Parameters as for ``ChainNetwork``."""

    def __init__(self, plan: BranchPlan, data_shape: Sequence[int], n_classes: int, seed: int = 0) -> None:
        super().__init__()
        d, n_channels = _axes(data_shape), data_shape[-1]
        self.plan, self.data_shape = plan, tuple(data_shape)
        with torch.device("meta"):
            self.layers = nn.ModuleList(conv(d, plan.width(layer.reads, n_channels), layer.width, layer.kernel)
                                        for layer in plan.layers)
            self.head = nn.Linear(plan.width(plan.loose, n_channels), n_classes)
        draw_weights(self, seed)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, n_classes) of inputs (n, …, channels)."""
        given = [x.movedim(-1, 1)]
        for layer, planned in zip(self.layers, self.plan.layers, strict=True):
            given.append(layer(torch.cat([given[j] for j in planned.reads], dim=1)))
        y: Tensor = self.head(torch.cat([given[k].flatten(2).mean(2) for k in self.plan.loose], dim=1))
        return y


def draw_weights(network: nn.Module, seed: int) -> None:
    """Give a network that has none its weights: ~ U(-1/√fan_in, 1/√fan_in), biases zero; batch norm begins as the identity."""
    network.to_empty(device="cpu")
    g = torch.Generator().manual_seed(seed)
    for m in network.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            m.reset_parameters()
    with torch.no_grad():
        for p in network.parameters():
            if p.dim() > 1:
                bound = p[0].numel() ** -0.5
                p.copy_(torch.rand(p.shape, generator=g) * 2 * bound - bound)
        for m in network.modules():
            if isinstance(m, nn.Linear):
                m.bias.zero_()


def build(space: ChainSpace | MacroSpace | BranchSpace, config: Mapping[str, Any], data: Data, *,
          seed: int = 0) -> ChainNetwork | BranchNetwork:
    """Make the network of a configuration for some data; what else the configuration holds is left out."""
    plan = space.plan(config)
    if isinstance(plan, BranchPlan):
        return BranchNetwork(plan, data.shape, data.n_classes, seed)
    return ChainNetwork(plan, data.shape, data.n_classes, seed)
