"""Training one network: stochastic gradient descent with Nesterov's momentum, a cosine learning rate, cross-entropy.

After Dong & Yang 2020, "NAS-Bench-201", table 1 (the same recipe for every architecture). ``train`` is a generator of epochs; it
stops where it stands and goes on when it is asked again. ``trained`` makes it an objective, so that whatever searches a space
searches architectures::

    run = wb.optimize(wb.nas.trained(wb.nas.NANO, wb.nas.mnist1d()), wb.nas.NANO.space, scheduler=wb.Hyperband(15))

Differences from the paper: 15 epochs (theirs: 200), batches of 128 (256); inputs are not augmented; what is left of the data
after the last whole batch of an epoch is not used in it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from workbench.errors import WorkbenchError
from workbench.nas.cells import CellSpace
from workbench.nas.data import Data, Inputs, Labels
from workbench.nas.networks import CellNetworks, build
from workbench.objective import Checkpoint

EPOCHS = 15
EVALUATED = 2000  # inputs at a time when nothing is learnt


@dataclass(frozen=True, slots=True)
class Epoch:
    """What came out of one pass over the training data.

    Attributes
    ----------
    epoch
        Its number, from 1.
    train_loss
        Cross-entropy, mean over the batches while they were learnt from.
    valid_accuracy
        Share of the validation data that is right afterwards, with the running statistics of batch norm.
    seconds
        What it took on the clock, validation included.
    """

    epoch: int
    train_loss: float
    valid_accuracy: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How networks are trained.

    Attributes
    ----------
    epochs
        Length of the cosine; afterwards there is nothing left to learn with.
    batch_size
        Inputs in a batch.
    learning_rate
        At the start; it falls to zero along half a cosine, batch by batch.
    momentum, weight_decay
        Of the descent.

    Raises
    ------
    WorkbenchError
        If one of them has no meaning.
    """

    epochs: int = EPOCHS
    batch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise WorkbenchError("training takes at least one epoch and batches of at least two, got "
                              f"epochs={self.epochs} and batch_size={self.batch_size}.")
        if not self.learning_rate > 0 or not 0 < self.momentum < 1 or self.weight_decay < 0:
            raise WorkbenchError("learning_rate must be above 0, momentum between 0 and 1 and weight_decay 0 or more, got "
                              f"{self.learning_rate}, {self.momentum} and {self.weight_decay}.")

    def optimizer(self, network: nn.Module) -> torch.optim.SGD:
        """Make what takes the steps."""
        return torch.optim.SGD(network.parameters(), self.learning_rate, momentum=self.momentum,
                               weight_decay=self.weight_decay, nesterov=True, fused=True)

    def steps(self, n: int) -> int:
        """Batches in an epoch of n inputs."""
        return max(n // self.batch_size, 1)

    def rate(self, step: int, n: int) -> float:
        """Learning rate of a step, counted from 0 over all epochs."""
        return 0.5 * self.learning_rate * (1 + math.cos(math.pi * min(step / (self.epochs * self.steps(n)), 1.0)))


class Training:
    """One network being trained; ``epoch`` takes it a pass further. Its ``state`` is all that is needed to go on elsewhere."""

    def __init__(self, network: nn.Module, data: Data, recipe: Recipe, *, seed: int = 0, device: str = "cpu") -> None:
        self.network, self.recipe, self.device = network.to(device), recipe, device
        self.optimizer = recipe.optimizer(network)
        self.order = torch.Generator().manual_seed(seed)
        self.x, self.y = on_device(data.train, device)
        self.valid = on_device(data.valid, device)
        self.done = 0

    def epoch(self) -> Epoch:
        """Learn from all batches once, in a new order, then look at the validation data."""
        started = time.perf_counter()
        places = torch.randperm(len(self.y), generator=self.order).to(self.device)
        loss = learn(self.network, self.optimizer, self.recipe, self.x, self.y, places, self.done)
        self.done += 1
        right = float(accuracy(self.network, *self.valid))
        return Epoch(self.done, float(loss), right, time.perf_counter() - started)

    @property
    def state(self) -> dict[str, Any]:
        """Weights, momentum, order of the data, epochs done."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "order": self.order.get_state(),
                "done": self.done}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        self.done = int(state["done"])


def on_device(part: tuple[Inputs, Labels], device: str) -> tuple[Tensor, Tensor]:
    """Return inputs and classes as tensors."""
    x, y = part
    return torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, x: Tensor, y: Tensor, places: Tensor,
          done: int) -> Tensor:
    """Take one step for each batch of ``places``, (n,), or (S, n) for S copies; return the mean loss, () or (S,)."""
    network.train()
    n, losses = recipe.steps(len(y)), []
    for k, batch in enumerate(torch.split(places, recipe.batch_size, dim=-1)[:n]):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(done * n + k, len(y))
        logits = network(x[batch]).flatten(0, -2)
        loss = cross_entropy(logits, y[batch].flatten(), reduction="none").view(batch.shape).mean(-1)
        optimizer.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]  # copies share nothing: each gets the gradient of its own loss
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean(0)


def accuracy(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Share of inputs (n, …) that a network puts into the right class, in eval mode; (S,) for inputs (1, n, …) to S copies."""
    was, axis = network.training, 0 if len(x) == len(y) else 1
    network.eval()
    try:
        with torch.no_grad():
            found = [network(part).argmax(-1) for part in torch.split(x, EVALUATED, dim=axis)]
    finally:
        network.train(was)
    return (torch.cat(found, dim=axis) == y).double().mean(-1)


def train(network: nn.Module, data: Data, *, epochs: int = EPOCHS, seed: int = 0, batch_size: int = 128,
          learning_rate: float = 0.1, momentum: float = 0.9, weight_decay: float = 5e-4, device: str = "cpu") -> Iterator[Epoch]:
    """Train a network in place, epoch by epoch.

    Parameters
    ----------
    network
        Maps inputs (n, …, channels) to logits (n, n_classes). It is moved to the device.
    data
        Trained on ``data.train``, looked at by ``data.valid``.
    epochs, batch_size, learning_rate, momentum, weight_decay
        See ``Recipe``.
    seed
        Of the order of the data.
    device
        "cpu", "cuda", …
    """
    recipe = Recipe(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, momentum=momentum,
                    weight_decay=weight_decay)
    return _epochs(Training(network, data, recipe, seed=seed, device=device))


def _epochs(training: Training) -> Iterator[Epoch]:
    while training.done < training.recipe.epochs:
        yield training.epoch()


def train_copies(networks: CellNetworks, data: Data, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    """Train S copies side by side, each on batches of its own seed; as ``train`` does with each, but with one overhead for all.

    Yields
    ------
    train_loss, valid_accuracy
        Of each copy after an epoch; (S,).
    """
    orders = [torch.Generator().manual_seed(seed) for seed in networks.seeds]
    optimizer = recipe.optimizer(networks)
    (x, y), (x_valid, y_valid) = on_device(data.train, "cpu"), on_device(data.valid, "cpu")
    for done in range(recipe.epochs):
        places = torch.stack([torch.randperm(len(y), generator=order) for order in orders])
        loss = learn(networks, optimizer, recipe, x, y, places, done)
        yield loss, accuracy(networks, x_valid[None], y_valid)


def test_accuracy(network: nn.Module, data: Data) -> float:
    """Share of the test data that a network puts into the right class. Not for use in a search."""
    place = next(iter(network.parameters()), torch.zeros(())).device
    return float(accuracy(network, *on_device(data.test, str(place))))


test_accuracy.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest makes of its name


@dataclass(frozen=True, slots=True)
class Trained:
    """A generator objective: trains the network of a configuration, one epoch a step. Made by ``trained``."""

    cells: CellSpace
    data: Data
    recipe: Recipe
    channels: int
    seed: int
    device: str

    def __call__(self, config: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> Iterator[Checkpoint]:
        """Yield the validation error after each epoch, with what is needed to go on from there."""
        network = build(self.cells, config, self.data, channels=self.channels, seed=self.seed)
        training = Training(network, self.data, self.recipe, seed=self.seed, device=self.device)
        if state is not None:
            training.resume(state)
        for epoch in _epochs(training):
            yield Checkpoint(1 - epoch.valid_accuracy, lambda: training.state)


def trained(cells: CellSpace, data: Data, epochs: int = EPOCHS, *, channels: int = 8, seed: int = 0, batch_size: int = 128,
            learning_rate: float = 0.1, device: str = "cpu") -> Trained:
    """Make an objective that trains the network of each architecture and yields its validation error, epoch by epoch.

    Parameters
    ----------
    cells
        Space of cells; search ``cells.space``.
    data
        Trained on ``data.train``, judged by ``data.valid``.
    epochs
        Length of a whole training, which the learning rate falls along; a scheduler's largest budget.
    channels
        Of the first cell.
    seed
        Of first weights and order, the same for all architectures.
    batch_size, learning_rate
        See ``Recipe``.
    device
        "cpu", "cuda", …

    Examples
    --------
    >>> objective = wb.nas.trained(wb.nas.NANO, wb.nas.mnist1d(), epochs=9)
    >>> run = wb.optimize(objective, wb.nas.NANO.space, scheduler=wb.Hyperband(9))
    """
    recipe = Recipe(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    return Trained(cells, data, recipe, channels, seed, device)
