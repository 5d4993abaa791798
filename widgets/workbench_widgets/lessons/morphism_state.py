"""What the lesson on network morphisms is about: a small network in the plane, changed without a change of its function.

Networks are trained again whenever a state is looked at for the first time, and kept; the state itself holds choices only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.nas.net_changes import Morphism
from workbench.nas.net_plan import NetPlan
from workbench.space import Array

if TYPE_CHECKING:
    import torch

    from workbench.nas.morphism import MorphNet

BEFORE, EVERY, LAST = 60, 10, 200  # steps before the morphism, steps of training at a time, and the last one
N, NOISE, RATE, MOMENTUM = 120, 0.2, 0.05, 0.9
WIDTH = 6
SIDE, END = 41, 2.4  # points of the map to either side, and its end
GRID = np.linspace(-END, END, SIDE)
SYMMETRY = 0.1  # noise that breaks it

Kind = Literal["deeper", "wider", "skip", "add", "branch"]
Guess = Literal["", "rounding", "small", "large"]  # "" is none
CHANGES: dict[str, Morphism] = {
    "deeper": Morphism("deeper", "b1", kernel=1),
    "wider": Morphism("wider", "b1", width=2 * WIDTH),
    "skip": Morphism("skip", "head", "input", merge="concat"),
    "add": Morphism("skip", "b2", "b1", merge="add"),
    "branch": Morphism("branch", "head", "input", width=4, kernel=1, merge="concat"),
}
BORDERS = {"rounding": 1e-9, "small": 0.3}  # the largest difference that still is that


@dataclass(frozen=True, slots=True)
class MorphismState:
    """Which morphism of which network, how long both are trained after it, and what the learner said and saw.

    ``measured`` gives the new block of "deeper" the mean and variance of the data, ``parted`` parts the copies of "wider".
    """

    kind: Kind = "deeper"
    data: str = "moons"
    seed: int = 0
    measured: bool = False
    parted: bool = False
    steps: int = 0
    guess: Guess = ""
    shown: bool = False

    @property
    def change(self) -> Morphism:
        """The morphism."""
        return CHANGES[self.kind]

    @property
    def plans(self) -> tuple[NetPlan, NetPlan]:
        """Layers before and after."""
        plan = NetPlan.chain(0, 2, 2, (WIDTH, WIDTH))
        return plan, self.change.planned(plan)

    @property
    def now(self) -> Moment:
        """Both networks after so many steps."""
        return _moment(self.kind, self.data, self.seed, self.measured, self.parted, self.steps)

    @property
    def past(self) -> tuple[Moment, ...]:
        """All moments up to this one."""
        return tuple(_moment(self.kind, self.data, self.seed, self.measured, self.parted, k)
                     for k in range(0, self.steps + 1, EVERY))

    @property
    def points(self) -> tuple[Array, NDArray[np.int64]]:
        """Inputs (N, 2) and classes (N,)."""
        return points(self.data, self.seed)

    @property
    def truth(self) -> Guess:
        """What a guess must be to be right."""
        apart = self.now.difference
        return "rounding" if apart <= BORDERS["rounding"] else "small" if apart <= BORDERS["small"] else "large"

    def guessed(self, height: float) -> MorphismState:
        """Take a click at that difference as a guess."""
        guess: Guess = "rounding" if height <= BORDERS["rounding"] else "small" if height <= BORDERS["small"] else "large"
        return replace(self, guess=guess)

    def step(self) -> MorphismState:
        """Show what the morphism has done; then train both networks on."""
        if not self.shown and self.steps == 0:
            return replace(self, shown=True)
        return self if self.steps >= LAST else replace(self, steps=self.steps + EVERY, shown=True, guess="")


@dataclass(frozen=True)
class Moment:
    """Both networks at a moment, the old one first. They are never changed: training goes on with copies.

    ``velocities`` are the optimisers'; ``copies`` says which unit each new one of "wider" copies.
    """

    nets: tuple[MorphNet, MorphNet]
    velocities: tuple[dict[str, torch.Tensor], ...]
    losses: tuple[float, float]
    inputs: torch.Tensor
    classes: torch.Tensor
    copies: dict[int, int]

    @cached_property
    def difference(self) -> float:
        """Largest difference of the outputs over the map, in evaluation mode."""
        from workbench.nas.morphism import difference

        return difference(*self.nets, _grid())

    @cached_property
    def train_difference(self) -> float:
        """Largest difference over the data in training mode, where batch norm uses the batch's own mean and variance."""
        from workbench.nas.morphism import difference

        return difference(*self.nets, self.inputs, mode="train")

    @cached_property
    def copies_apart(self) -> float | None:
        """Largest difference of the incoming weights of copied units; None if there are none."""
        from workbench.nas.morphism import copies_apart

        return copies_apart(self.nets[1], "b1", self.copies) if self.copies else None

    def probabilities(self, which: int) -> Array:
        """Probability of the second class over the map, (SIDE, SIDE), of the old network (0) or the new one (1)."""
        import torch

        with torch.no_grad():
            p = self.nets[which](_grid()).softmax(1)[:, 1]
        return np.asarray(p.numpy().reshape(SIDE, SIDE))

    @cached_property
    def gradients(self) -> dict[str, float]:
        """Largest gradient of each parameter of the new network by its training loss, by name."""
        from torch.nn.functional import cross_entropy

        net = _copy(self.nets[1]).train()
        cross_entropy(net(self.inputs), self.classes).backward()  # type: ignore[no-untyped-call]
        return {name: float(p.grad.abs().max()) for name, p in net.named_parameters() if p.grad is not None}


def points(name: str, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Draw two classes in the plane, inputs (N, 2) and classes (N,): "moons" or "spirals"."""
    rng = np.random.default_rng([seed, 1])
    y = np.arange(N, dtype=np.int64) % 2
    if name == "moons":
        t = np.pi * rng.random(N)
        x = np.stack([np.cos(t), np.sin(t)], axis=1)
        x[y == 1] = np.array([1.0, 0.5]) - x[y == 1]
        x = (x - np.array([0.5, 0.25])) * 1.2
    else:
        t = 0.35 + 0.65 * rng.random(N)
        angle = 3 * np.pi * t + np.pi * y
        x = 2.0 * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + rng.normal(0, NOISE if name == "moons" else NOISE / 2, (N, 2)), y


@lru_cache(maxsize=1)
def _grid() -> torch.Tensor:
    import torch

    return torch.from_numpy(np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2))


def _copy(net: MorphNet) -> MorphNet:
    from copy import deepcopy

    return deepcopy(net)


def _train(net: MorphNet, velocity: dict[str, torch.Tensor], x: Any, y: Any,
           steps: int) -> tuple[MorphNet, dict[str, torch.Tensor]]:
    """Take steps of gradient descent with momentum on all of the data; returns a new network and its velocity."""
    import torch
    from torch.nn.functional import cross_entropy

    net = _copy(net).train()
    parameters = dict(net.named_parameters())
    velocity = {name: v.clone() for name, v in velocity.items()}
    for _ in range(steps):
        loss = cross_entropy(net(x), y)
        for (name, p), g in zip(parameters.items(), torch.autograd.grad(loss, list(parameters.values())), strict=True):
            velocity[name] = MOMENTUM * velocity[name] + g if name in velocity else g
            p.data.sub_(RATE * velocity[name])
    return net.eval(), velocity


@lru_cache(maxsize=32)
def _begun(data: str, seed: int) -> tuple[MorphNet, Any, Any]:
    """Train the network that will be changed; also its inputs and classes."""
    import torch

    from workbench.nas.morphism import MorphNet

    x, y = (torch.from_numpy(a) for a in points(data, seed))
    net = MorphNet(NetPlan.chain(0, 2, 2, (WIDTH, WIDTH)), seed=seed).double()
    return _train(net, {}, x, y, BEFORE)[0], x, y


@lru_cache(maxsize=512)
def _moment(kind: str, data: str, seed: int, measured: bool, parted: bool, steps: int) -> Moment:
    from torch.nn.functional import cross_entropy

    from workbench.nas.morphism import apply, copied

    old, x, y = _begun(data, seed)
    if steps == 0:
        change = CHANGES[kind]
        new = apply(old, change, seed=seed, noise=SYMMETRY if parted and kind == "wider" else 0.0,
                    batch=x if measured and kind == "deeper" else None).eval()
        losses = tuple(float(cross_entropy(_copy(net).train()(x), y).detach()) for net in (old, new))
        copies = copied(WIDTH, change.width, seed=seed) if kind == "wider" else {}
        return Moment((old, new), ({}, {}), (losses[0], losses[1]), x, y, copies)
    past = _moment(kind, data, seed, measured, parted, steps - EVERY)
    made = [_train(net, velocity, x, y, EVERY) for net, velocity in zip(past.nets, past.velocities, strict=True)]
    losses = tuple(float(cross_entropy(_copy(net).train()(x), y).detach()) for net, _ in made)
    return Moment((made[0][0], made[1][0]), (made[0][1], made[1][1]), (losses[0], losses[1]), x, y, past.copies)
