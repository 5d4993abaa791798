"""What the lesson on DARTS is about: a real search on a small network, watched epoch by epoch, with its weights kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from workbench.events import StepTaken
from workbench.nas.bilevel import Bilevel, BilevelSettings, array
from workbench.nas.cells import NANO, Architecture
from workbench.nas.darts import DARTS
from workbench.nas.data import Data, mnist1d
from workbench.nas.derivation import strongest
from workbench.nas.relaxed_steps import DARTSStep
from workbench.space import Array

LAST = 20  # epochs
OPERATIONS, EDGES = NANO.operations, NANO.edges
SETTINGS = BilevelSettings(channels=6, batch_size=48, alpha_lr=2e-2)  # an epoch takes a quarter of a second


@lru_cache(maxsize=1)
def signals() -> Data:
    """Make the data: 1,800 signals to train on, 600 to judge by."""
    return mnist1d(3000)


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A search after an epoch: architecture parameters, the weights of the network, accuracies, gradients (none at first)."""

    alpha: Array
    w: tuple[Tensor, ...]
    mixed: float
    discrete: float
    why: DARTSStep | None = None


class Course:
    """A search as far as it has been watched; goes on when a later epoch is asked for."""

    def __init__(self, order: Literal[1, 2], seed: int) -> None:
        self.search = Bilevel(signals(), NANO, SETTINGS, seed)
        self._steps: Iterator[StepTaken] = DARTS(order=order, epochs=LAST, settings=SETTINGS).run(self.search)
        self._lock = threading.Lock()
        alpha = array(self.search.alpha)
        self.moments = [Moment(alpha, self._weights(), self.accuracy(self._weights(), softmax(alpha)),
                               self.accuracy(self._weights(), one_hot(strongest(alpha, NANO))))]

    def at(self, epoch: int) -> Moment:
        """Return the moment after so many epochs."""
        with self._lock:
            while len(self.moments) <= epoch:
                why = next(self._steps).why
                assert isinstance(why, DARTSStep)
                self.moments.append(Moment(why.alpha, self._weights(), why.mixed_accuracy, why.discrete_accuracy, why))
            return self.moments[epoch]

    def accuracy(self, w: tuple[Tensor, ...], mixing: Array) -> float:
        """Validation accuracy with kept weights and any mixing weights."""
        x, y = self.search.judge
        with torch.no_grad():
            logits = self.search.net.logits(dict(zip(self.search.names, w, strict=True)), x,
                                            torch.from_numpy(mixing.astype(np.float32)))
        return float((logits.argmax(1) == y).float().mean())

    def _weights(self) -> tuple[Tensor, ...]:
        return tuple(p.detach().clone() for p in self.search.w)


def softmax(alpha: Array, temperature: float = 1.0) -> Array:
    """Mixing weights of each row."""
    z = alpha / temperature
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def one_hot(architecture: Architecture) -> Array:
    """Return an architecture as mixing weights."""
    return np.array([[float(o == kept) for o in OPERATIONS] for kept in architecture])


@lru_cache(maxsize=6)
def course(order: Literal[1, 2], seed: int) -> Course:
    """Return the search of this order and seed; the last few are remembered."""
    return Course(order, seed)


@lru_cache(maxsize=512)
def _accuracy(order: Literal[1, 2], seed: int, epoch: int, mixing: tuple[float, ...]) -> float:
    watched = course(order, seed)
    return watched.accuracy(watched.at(epoch).w, np.array(mixing).reshape(len(EDGES), -1))


@dataclass(frozen=True, slots=True)
class DARTSState:
    """How far the search is, what is looked at, and what the learner said and changed.

    ``push`` is added to alpha of one ``operation`` on one ``edge``; ``guess`` is an accuracy, as a share of 1.
    """

    order: Literal[1, 2] = 1
    seed: int = 0
    epoch: int = 0
    edge: int = 3
    operation: str = "conv3"
    temperature: float = 1.0
    push: float = 0.0
    guess: float | None = None
    shown: bool = False

    @property
    def moment(self) -> Moment:
        """The search at this epoch."""
        return course(self.order, self.seed).at(self.epoch)

    @property
    def past(self) -> list[Moment]:
        """All moments so far."""
        return [course(self.order, self.seed).at(k) for k in range(self.epoch + 1)]

    @property
    def alpha(self) -> Array:
        """Architecture parameters, with the learner's push."""
        alpha = self.moment.alpha.copy()
        alpha[self.edge, OPERATIONS.index(self.operation)] += self.push
        return alpha

    @property
    def weights(self) -> Array:
        """Mixing weights at this temperature."""
        return softmax(self.alpha, self.temperature)

    @property
    def chosen(self) -> Architecture:
        """What would be kept."""
        return strongest(self.alpha, NANO)

    @property
    def none_wins(self) -> int:
        """On how many edges "none" weighs most."""
        return int((self.alpha.argmax(axis=1) == OPERATIONS.index("none")).sum())

    @property
    def mixed(self) -> float:
        """Accuracy of the mixture, as it is shown."""
        return _accuracy(self.order, self.seed, self.epoch, tuple(self.weights.ravel().tolist()))

    @property
    def discrete(self) -> float:
        """Accuracy of what would be kept, with the same weights."""
        return _accuracy(self.order, self.seed, self.epoch, tuple(one_hot(self.chosen).ravel().tolist()))

    def step(self) -> DARTSState:
        """Search for an epoch; the push is taken back. The same state after the last one."""
        return self if self.epoch >= LAST else replace(self, epoch=self.epoch + 1, push=0.0)
