"""What searches by gradients share: the training data in two halves, the super network with its weights, and the two optimisers.

Liu, Simonyan & Yang 2019, sections 2.2 and 3.1: weights learn from one half of the training data, architecture parameters from
the other::

    minimise over α   L_val(w*(α), α)      with   w*(α) = argmin over w of L_train(w, α)        (eq. 3, 4)

    repeat   α ← α − step along ∇_α L_val       Adam, β = (0.5, 0.999), weight decay
             w ← w − step along ∇_w L_train     SGD with momentum, cosine learning rate, gradients clipped
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.nas.alpha_gradient import SGDState
from workbench.nas.cells import CellSpace
from workbench.nas.data import Data
from workbench.nas.supernet import Supernet
from workbench.space import Array

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class BilevelSettings:
    """Numbers of both optimisers. The defaults are for a few hundred steps; DARTS' own, for 19,500, stand behind them.

    Attributes
    ----------
    batch_size
        Examples in a batch (64).
    lr, lr_end
        Learning rate of the weights at the beginning and the end of a half cosine (0.025, 0.001).
    momentum, weight_decay, clip
        Of the weights; gradients longer than ``clip`` are shortened to it (0.9, 3e-4, 5).
    alpha_lr, alpha_betas, alpha_decay
        Adam's learning rate, decay rates and weight decay for alpha (3e-4, (0.5, 0.999), 1e-3).
    channels
        Channels of the first cell (16).
    activation
        Of the network (ReLU).
    """

    batch_size: int = 64
    lr: float = 0.1
    lr_end: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0
    alpha_lr: float = 3e-3
    alpha_betas: tuple[float, float] = (0.5, 0.999)
    alpha_decay: float = 1e-3
    channels: int = 8
    activation: str = "relu"

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ValueError(f"batches have at least 2 examples, batch norm needs them; got batch_size={self.batch_size}.")
        if not 0 <= self.lr_end <= self.lr or self.lr == 0 or self.alpha_lr <= 0:
            raise ValueError("learning rates are above 0 and lr does not rise towards its end, got "
                              f"lr={self.lr}, lr_end={self.lr_end}, alpha_lr={self.alpha_lr}.")

    def rate(self, done: float) -> float:
        """Learning rate of the weights after this share of the epochs: half a cosine from ``lr`` to ``lr_end``."""
        return self.lr_end + (self.lr - self.lr_end) * 0.5 * (1 + math.cos(math.pi * done))


class Bilevel:
    """A super network under search: weights, architecture parameters, their optimisers, and data.

    Parameters
    ----------
    data
        Their training part is halved; the validation part only measures.
    cells
        Space of cells.
    settings
        Of the optimisers.
    seed
        Of initial values, the halves, batches and draws.
    share
        Share of the training part that trains the weights; the rest trains alpha. 1 if the search has but one level.
    """

    def __init__(self, data: Data, cells: CellSpace, settings: BilevelSettings, seed: int, *, share: float = 0.5) -> None:
        self.cells, self.settings = cells, settings
        self.generator = torch.Generator().manual_seed(seed)
        self.net = Supernet(cells, data.shape, data.n_classes, settings.channels, seed=seed, activation=settings.activation)
        self.names, self.w = list(self.net.params), list(self.net.params.values())
        shape = (len(cells.edges), len(cells.operations))
        self.alpha = (1e-3 * torch.randn(shape, generator=self.generator)).requires_grad_()      # ~ N(0, 0.001²)
        x, y = (torch.from_numpy(np.ascontiguousarray(a)) for a in data.train)
        order = torch.randperm(len(x), generator=self.generator)
        cut = round(share * len(x))
        self.train: Batch = (x[order[:cut]], y[order[:cut]])
        self.valid: Batch = (x[order[cut:]], y[order[cut:]])
        self.judge: Batch = tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in data.valid)  # type: ignore[assignment]
        if min(cut, len(x) - cut if share < 1 else cut) < settings.batch_size:
            raise ValueError(f"each half of the training data holds at least one batch of {settings.batch_size}, got "
                              f"{len(x)} examples in all. Take a smaller batch_size.")
        self.descent = torch.optim.SGD(self.w, settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay)
        self.adam = torch.optim.Adam([self.alpha], settings.alpha_lr, betas=settings.alpha_betas,
                                     weight_decay=settings.alpha_decay)

    def batches(self, part: Batch) -> Iterator[Batch]:
        """Go once through a part, in a new order; examples that do not fill a batch are left out."""
        n, size = len(part[0]), self.settings.batch_size
        order = torch.randperm(n, generator=self.generator)
        for k in range(n // size):
            at = order[k * size:(k + 1) * size]
            yield part[0][at], part[1][at]

    def pairs(self) -> Iterator[tuple[Batch, Batch]]:
        """Go through the half of the weights, with a batch of the other half beside each batch."""
        return zip(self.batches(self.train), self._endless(self.valid), strict=False)

    def _endless(self, part: Batch) -> Iterator[Batch]:
        while True:
            yield from self.batches(part)

    def loss_of(self, w: Sequence[Tensor], batch: Batch, mixing: Tensor | None, active: Any = None) -> Tensor:
        """Cross-entropy of a batch, by mixing weights."""
        params = dict(zip(self.names, w, strict=True))
        return functional.cross_entropy(self.net.logits(params, batch[0], mixing, active), batch[1])

    def state(self) -> SGDState:
        """Return what the next step of the weights would be taken with."""
        group = self.descent.param_groups[0]
        buffers = [self.descent.state[p].get("momentum_buffer") for p in self.w]
        known = None if any(b is None for b in buffers) else tuple(buffers)
        return SGDState(group["lr"], group["momentum"], group["weight_decay"], known)

    def set_rate(self, done: float) -> None:
        """Set the learning rate of the weights after this share of the epochs."""
        for group in self.descent.param_groups:
            group["lr"] = self.settings.rate(done)

    def step_alpha(self, gradient: Tensor) -> None:
        """Take a step of Adam with this gradient."""
        self.alpha.grad = gradient
        self.adam.step()

    def step_weights(self, loss: Tensor) -> float:
        """Take a step of descent on this loss; returns the loss."""
        self.descend(torch.autograd.grad(loss, self.w, allow_unused=True))
        return float(loss.detach())

    def descend(self, grads: Sequence[Tensor | None]) -> None:
        """Take a step with these gradients, clipped. Weights that have none stay as they are: no momentum, no decay."""
        for p, g in zip(self.w, grads, strict=True):
            p.grad = g
        torch.nn.utils.clip_grad_norm_(self.w, self.settings.clip)
        self.descent.step()

    def accuracy(self, mixing: Tensor) -> tuple[float, float]:
        """Validation accuracy and loss with these mixing weights; one-hot rows are an architecture."""
        x, y = self.judge
        with torch.no_grad():
            logits = self.net.logits(self.net.params, x, mixing)
        return float((logits.argmax(1) == y).float().mean()), float(functional.cross_entropy(logits, y))

    def accuracy_of(self, architecture: Sequence[str]) -> float:
        """Validation accuracy of one architecture with the shared weights."""
        return self.accuracy(self.net.one_hot(architecture))[0]


def array(tensor: Tensor) -> Array:
    """Return a tensor's numbers as float64, to be kept."""
    return tensor.detach().cpu().numpy().astype(float)


def check_epochs(epochs: int) -> None:
    """Complain unless there is an epoch."""
    if epochs < 1:
        raise ValueError(f"a search takes at least 1 epoch, got epochs={epochs}.")


def check_temperatures(first: float, last: float | None) -> None:
    """Complain unless temperatures are above 0."""
    if first <= 0 or (last is not None and last <= 0):
        raise ValueError(f"temperatures are above 0, got {first} and {last}. 1 is plain softmax, smaller is sharper.")


def annealed(first: float, last: float | None, done: float) -> float:
    """Temperature after this share of the way: it falls (or rises) by the same factor in every epoch."""
    return first if last is None else first * (last / first) ** done
