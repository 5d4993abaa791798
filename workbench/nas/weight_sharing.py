"""Training one set of weights for many architectures: what the one-shot searches share.

SGD with momentum, a cosine learning rate and clipped gradients, as DARTS trains its super network (Liu et al. 2019, section 3.1);
the learning rate is twice theirs, for batches twice as large and a thousand steps instead of twenty thousand. Weights learn from
the training part alone; every score is an accuracy on the validation part, in one batch, whose statistics batch norm takes.

How long they are trained decides what the scores are worth. Random paths on MNIST-1D, mean of three seeds, rank correlation with
the truth: 0.3 after 10 epochs, 0.63 after 40, 0.85 after 100; within the better half -0.1, -0.1 and 0.47.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.nas.cells import Architecture, CellSpace
from workbench.nas.data import Data
from workbench.nas.supernet import Supernet
from workbench.space import Array

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How shared weights are trained.

    Attributes
    ----------
    epochs
        Passes over the training part.
    batch_size
        Examples in a batch.
    learning_rate, last_rate
        From the first to the last step, half a cosine between.
    momentum, weight_decay
        Of SGD.
    clip
        Greatest norm of the gradient.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 0.05
    last_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0

    def rate(self, progress: float) -> float:
        """Return the learning rate when this share of the steps is done."""
        return self.last_rate + (self.learning_rate - self.last_rate) * 0.5 * (1.0 + math.cos(math.pi * progress))


def check_schedule(epochs: int, batch_size: int, learning_rate: float, channels: int) -> None:
    """Complain about settings with which no weights can be trained."""
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}.")
    if batch_size < 2:
        raise ValueError(f"batch_size must be at least 2, for batch norm, got {batch_size}.")
    if learning_rate <= 0:
        raise ValueError(f"learning_rate must be above 0, got {learning_rate}.")
    if channels < 1:
        raise ValueError(f"channels must be at least 1, got {channels}.")


class SharedWeights:
    """A super network in training.

    Parameters
    ----------
    data
        What to learn.
    cells
        Space of architectures.
    schedule
        How to train.
    channels
        Of the first cell.
    seed
        Of the first weights and of the batches.
    trained
        Parameters to train; those of the super network if left out.
    """

    def __init__(self, data: Data, cells: CellSpace, schedule: Schedule, *, channels: int, seed: int,
                 trained: Iterable[Tensor] | None = None) -> None:
        self.net = Supernet(cells, data.shape, data.n_classes, channels, seed=seed)
        self.cells, self.schedule = cells, schedule
        self.x, self.y = (torch.from_numpy(np.ascontiguousarray(v)) for v in data.train)
        self.x_valid, self.y_valid = (torch.from_numpy(np.ascontiguousarray(v)) for v in data.valid)
        if len(self.x) < schedule.batch_size:
            raise ValueError(f"batch_size must not exceed the {len(self.x)} examples to learn from, got {schedule.batch_size}.")
        self._generator = torch.Generator().manual_seed(seed + 1)
        self._taken = 0
        self.train(self.net.parameters() if trained is None else trained)

    def train(self, parameters: Iterable[Tensor]) -> None:
        """Train these parameters from now on."""
        s = self.schedule
        self.parameters = list(parameters)
        self._sgd = torch.optim.SGD(self.parameters, s.learning_rate, momentum=s.momentum, weight_decay=s.weight_decay)

    @property
    def n_batches(self) -> int:
        """Batches in an epoch; a rest that fills none is left out."""
        return len(self.x) // self.schedule.batch_size

    def batches(self) -> Iterator[Batch]:
        """Iterate over the training part once, in a new order."""
        order = torch.randperm(len(self.x), generator=self._generator)
        for k in range(self.n_batches):
            some = order[k * self.schedule.batch_size:(k + 1) * self.schedule.batch_size]
            yield self.x[some], self.y[some]

    def valid_batch(self) -> Batch:
        """Draw a batch of the validation part."""
        n = len(self.x_valid)
        some = torch.randperm(n, generator=self._generator)[:self.schedule.batch_size]
        return self.x_valid[some], self.y_valid[some]

    def learn(self, logits: Tensor, y: Tensor) -> float:
        """Take one step of SGD on the cross-entropy; return it."""
        loss = functional.cross_entropy(logits, y)
        self._sgd.zero_grad(set_to_none=True)
        loss.backward()                                                       # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, self.schedule.clip)
        for group in self._sgd.param_groups:
            group["lr"] = self.schedule.rate(self._taken / (self.schedule.epochs * self.n_batches))
        self._sgd.step()
        self._taken += 1
        return loss.item()

    @torch.no_grad()
    def score(self, architecture: Architecture, params: Mapping[str, Tensor] | None = None, batch: Batch | None = None) -> float:
        """Return the validation accuracy of an architecture with the shared weights, or with others in their place."""
        x, y = (self.x_valid, self.y_valid) if batch is None else batch
        used = self.net.params if params is None else params
        return accuracy(self.net.logits(used, x, active=[(o,) for o in architecture]), y)

    @torch.no_grad()
    def whole_score(self) -> float:
        """Return the validation accuracy of the super network with all operations at once."""
        return accuracy(self.net.logits(self.net.params, self.x_valid), self.y_valid)

    def scores(self, architectures: Sequence[Architecture]) -> Array:
        """Return the validation accuracies of architectures, (n,)."""
        return np.array([self.score(a) for a in architectures])


def accuracy(logits: Tensor, y: Tensor) -> float:
    """Return the share of examples whose largest logit is that of their class."""
    return (logits.argmax(1) == y).float().mean().item()


def mean(values: Any) -> float:
    """Return the mean as a plain float."""
    return float(np.mean(values))
