"""Hill climbing with network morphisms: children inherit function and weights, train a little, and the best one goes on.

Elsken, Metzen & Hutter 2018, "Simple and efficient architecture search for convolutional neural networks" (NASH),
algorithm 1; training by Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", eq. 5.

::

    best = a small chain of blocks, trained                                                      line 1
    repeat ``climbs`` times:                                                                     line 3
        each of n - 1 children = best after ``morphisms`` random network morphisms               line 5
        the n-th child = best itself                                                             line 7
        train each for ``epochs``, the learning rate falling from λ to 0 along a cosine          line 9
        best = the child with the highest accuracy on the validation data                        line 11
    train best for ``last_epochs``                                                               line 13

    rate at step t of T   ½ λ (1 + cos(π t / T))

Three baselines come with it: the final network trained from random weights for as long (``from_scratch``), random morphisms
without selection (``choose="random"``), and the same search in which children begin with random weights (``inherit=False``).

Differences from the paper: smaller in all respects (there 8 neighbours with 5 morphisms and 17 epochs each, 5 climbs, 20
epochs before and 100 after them). A layer is widened twofold (two- or fourfold there), kernels can grow, and branches are
allowed; copies are parted by noise (see ``workbench.nas.morphism``); no data augmentation.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from time import process_time
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.errors import WorkbenchError
from workbench.events import StepTaken
from workbench.nas.cells import CellSpace
from workbench.nas.data import Data
from workbench.nas.hill_step import Child, HillStep
from workbench.nas.morphism import MorphNet, apply
from workbench.nas.net_changes import KINDS, MorphismKind, random_morphism
from workbench.nas.net_plan import NetPlan

MOMENTUM, DECAY = 0.9, 5e-4
MEASURED = 256  # training examples on which the batch norm of a new block is measured

Pair = tuple[Tensor, Tensor]  # inputs and classes


@dataclass(frozen=True, slots=True)
class HillClimbing:
    """Climb from a small network to better ones by network morphisms.

    Parameters
    ----------
    neighbours
        Children of a climb; one of them is the parent itself, which trains on.
    climbs
        How many times the best goes on.
    epochs, first_epochs, last_epochs
        Epochs of each child's training, of the first network's before, and of the winner's after all climbs; 0 leaves
        that out.
    morphisms
        Random morphisms from parent to child.
    kinds
        Which ones.
    widths, kernel
        Blocks of the first network.
    max_width
        Widest layer that is made.
    rate, batch
        Learning rate at each restart, and examples of a batch.
    noise
        Parts the copies of a widened layer.
    choose
        Who goes on: the "best" child, or a "random" one as a baseline.
    inherit
        Whether children have their parent's weights; False as a baseline.
    """

    neighbours: int = 6
    climbs: int = 4
    epochs: int = 3
    first_epochs: int = 5
    last_epochs: int = 18
    morphisms: int = 2
    kinds: tuple[MorphismKind, ...] = KINDS
    widths: tuple[int, ...] = (8, 8)
    kernel: int = 3
    max_width: int = 32
    rate: float = 0.05
    batch: int = 64
    noise: float = 0.1
    choose: Literal["best", "random"] = "best"
    inherit: bool = True

    def __post_init__(self) -> None:
        for name, least in (("neighbours", 1), ("climbs", 0), ("epochs", 1), ("first_epochs", 1), ("last_epochs", 0),
                            ("morphisms", 1), ("max_width", 1), ("batch", 2)):
            if getattr(self, name) < least:
                raise WorkbenchError(f"{name} must be at least {least}, got {getattr(self, name)!r}.")
        if not self.rate > 0 or self.noise < 0:
            raise WorkbenchError(f"rate must be above 0 and noise at least 0, got {self.rate!r} and {self.noise!r}. The paper's "
                                 "rate is 0.05.")
        if self.choose not in ("best", "random"):
            raise WorkbenchError(f"choose is 'best' or 'random', got {self.choose!r}. 'random' is a baseline.")

    @property
    def label(self) -> str:
        """What it is called in panels."""
        baseline = ["a random child goes on"] * (self.choose == "random") + ["no inheritance"] * (not self.inherit)
        return f"Hill climbing ({', '.join(baseline)})" if baseline else "Hill climbing"

    @property
    def n_steps(self) -> int:
        """How many steps it takes: one for each network that is trained."""
        return 1 + self.climbs * self.neighbours + (self.last_epochs > 0)

    def first_plan(self, data: Data) -> NetPlan:
        """Return the layers of the first network."""
        return NetPlan.chain(len(data.shape) - 1, data.shape[-1], data.n_classes, self.widths, kernel=self.kernel)

    def steps(self, data: Data, *, cells: CellSpace | None = None,  # noqa: ARG002
              seed: int = 0) -> Generator[StepTaken, None, MorphNet]:
        """Search; yields a step after each network's training. Returns the last network, trained.

        Parameters
        ----------
        data
            Its training part trains, its validation part chooses, its test part is not touched.
        cells
            Of no use: networks are not made of cells. All searches that take steps can be given one.
        seed
            Of weights, batches and morphisms.
        """
        rng = np.random.default_rng(seed)
        train, valid = tensors(data.train), tensors(data.valid)
        best = MorphNet(self.first_plan(data), seed=int(rng.integers(2**31)))
        told, first = self._trained(best, "0.1", "", (), self.first_epochs, train, valid, rng)
        cpu_s, n = told.cpu_s, 1
        yield _step(n, HillStep(0, "", (told,), told.name, cpu_s, True))
        parent, nets = told.name, {told.name: first}
        for climb in range(1, self.climbs + 1):
            best, nets = nets[parent], {}
            children: tuple[Child, ...] = ()
            for k in range(1, self.neighbours + 1):
                child, done = (best, ()) if k == self.neighbours else self._morphed(best, train[0], rng)
                told, net = self._trained(child, f"{climb}.{k}", parent, done, self.epochs, train, valid, rng)
                children, nets[told.name] = (*children, told), net
                cpu_s, n, over = cpu_s + told.cpu_s, n + 1, k == self.neighbours
                ahead = self._choice(children, rng)
                yield _step(n, HillStep(climb, parent, children, ahead.name, cpu_s, over))
            parent = ahead.name
        best = nets[parent]
        if self.last_epochs:
            told, best = self._trained(best, f"{self.climbs + 1}.1", parent, (), self.last_epochs, train, valid, rng)
            yield _step(n + 1, HillStep(self.climbs + 1, parent, (told,), told.name, cpu_s + told.cpu_s, True))
        return best.eval()

    def _choice(self, children: tuple[Child, ...], rng: np.random.Generator) -> Child:
        """Return the child that goes on."""
        if self.choose == "random":
            return children[rng.integers(len(children))]
        return max(children, key=lambda c: c.accuracy)

    def _morphed(self, net: MorphNet, x: Tensor, rng: np.random.Generator) -> tuple[MorphNet, tuple[str, ...]]:
        """Apply random morphisms to a network, and say which."""
        words = []
        for _ in range(self.morphisms):
            change = random_morphism(net.plan, rng, kinds=self.kinds, max_width=self.max_width)
            some = x[rng.integers(len(x), size=MEASURED)]
            net = apply(net, change, seed=int(rng.integers(2**31)), noise=self.noise, batch=some)
            words.append(change.words())
        return net, tuple(words)

    def _trained(self, net: MorphNet, name: str, parent: str, done: tuple[str, ...], epochs: int, train: Pair,
                 valid: Pair, rng: np.random.Generator) -> tuple[Child, MorphNet]:
        """Train a copy of a network, from random weights unless it inherits them, and tell of it."""
        new = MorphNet(net.plan, seed=int(rng.integers(2**31)))
        if self.inherit or not parent:
            new.load_state_dict(net.state_dict())
        before, began = accuracy(new, valid), process_time()
        losses = list(sgdr(new, train, epochs=epochs, rate=self.rate, batch=self.batch, seed=int(rng.integers(2**31))))
        cpu_s = process_time() - began
        return Child(name, parent, done, net.plan.to_json(), before, accuracy(new, valid), losses[-1],
                     net.plan.n_parameters, epochs, cpu_s), new


def _step(n: int, why: HillStep) -> StepTaken:
    child = why.child
    return StepTaken(n, {"cpu_s": why.total_cpu_s, "train_loss": child.train_loss, "valid_accuracy": child.accuracy,
                         "best_accuracy": why.winner.accuracy, "parameters": float(child.parameters),
                         "climb": float(why.climb)}, why)


def tensors(pair: tuple[Any, Any]) -> Pair:
    """Give numpy inputs and classes to torch."""
    return torch.from_numpy(pair[0]), torch.from_numpy(pair[1])


def sgdr(net: MorphNet, train: Pair, *, epochs: int, rate: float = 0.05, batch: int = 64, seed: int = 0) -> Iterator[float]:
    """Train a network in place by one cycle of SGDR; yields the mean loss of each epoch."""
    x, y = train
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(net.parameters(), rate, momentum=MOMENTUM, weight_decay=DECAY, nesterov=True)
    per_epoch = max(1, len(x) // batch)
    for epoch in range(epochs):
        net.train()
        total = 0.0
        order = torch.randperm(len(x), generator=generator)
        for k in range(per_epoch):
            some = order[k * batch:(k + 1) * batch]
            t = (epoch * per_epoch + k) / (epochs * per_epoch)
            optimiser.param_groups[0]["lr"] = 0.5 * rate * (1 + math.cos(math.pi * t))  # Loshchilov & Hutter 2017, eq. 5
            loss = functional.cross_entropy(net(x[some]), y[some])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.item()
        yield total / per_epoch


def accuracy(net: MorphNet, pair: Pair) -> float:
    """Return the share of right answers in evaluation mode; the network's mode stays as it is."""
    mode = net.training
    with torch.no_grad():
        right = net.eval()(pair[0]).argmax(1) == pair[1]
    net.train(mode)
    return float(right.float().mean())


def from_scratch(plan: NetPlan, data: Data, *, epochs: int, rate: float = 0.05, batch: int = 64,
                 seed: int = 0) -> Generator[StepTaken, None, MorphNet]:
    """Train a network from random weights, in one cycle: what a search must beat. Yields a step for each epoch.

    ``HillStep.epochs_alike`` says for how many epochs that costs as much as the search that has found the plan. Returns the
    trained network.
    """
    train, valid = tensors(data.train), tensors(data.valid)
    net, cpu_s, began = MorphNet(plan, seed=seed), 0.0, process_time()
    for epoch, loss in enumerate(sgdr(net, train, epochs=epochs, rate=rate, batch=batch, seed=seed + 1), start=1):
        cpu_s += process_time() - began
        yield StepTaken(epoch, {"cpu_s": cpu_s, "train_loss": loss, "valid_accuracy": accuracy(net, valid),
                                "parameters": float(plan.n_parameters)})
        began = process_time()
    return net.eval()
