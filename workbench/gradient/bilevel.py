"""A bilevel problem: weights minimise a training loss, hyperparameters the validation loss of these weights.

::

    minimise over λ   L_val(w*(λ), λ)      where   w*(λ) = argmin over w of L_train(w, λ)

What a user states is ``Bilevel``: both losses, where weights start, batches, and the hyperparameters by name. Three names
belong to the training itself, SGD as PyTorch has it::

    g ← ∇_w L_train(w, λ; batch t) + weight_decay · w
    v ← momentum · v + g                                          v = 0 at first
    w ← w − lr · v

``lr`` and ``momentum`` may have a value for each step, ``weight_decay`` one for each layer, ``lr`` both. All others mean
what the losses make of them.

Notation
    λ             hyperparameters in their own units: ``values``, tensors by name
    u             their coordinates, in which gradients are taken: log λ, log-odds of λ, or λ itself
    w, v          all weights as one vector, shape (P,), and the velocity of SGD: ``State``
    t             number of the inner step, from 0

Source: Maclaurin, Duvenaud & Adams 2015, "Gradient-based hyperparameter optimization through reversible learning",
section 2; Luketina, Berglund, Greff & Raiko 2016, "Scalable gradient-based tuning of continuous regularization
hyperparameters", section 2.

Differences from the papers: momentum as PyTorch has it (v gathers gradients, not steps); weight decay is part of every
step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.gradient.hyper_step import to_coordinates
from workbench.space import Array

Weights = tuple[Tensor, ...]
Values = dict[str, Tensor]
OF_TRAINING = ("lr", "momentum", "weight_decay")  # names of hyperparameters that the training itself knows


@dataclass(frozen=True, slots=True, eq=False)
class Hyper:
    """A hyperparameter: where it starts, and the scale on which it is moved.

    Attributes
    ----------
    start
        A number, or an array of them.
    scale
        "log" keeps it positive, "logit" between 0 and 1, "linear" lets it be any number.
    """

    start: float | Array
    scale: Literal["log", "logit", "linear"] = "log"

    def __post_init__(self) -> None:
        v = np.asarray(self.start, dtype=float)
        rules = {"log": ("above 0", v > 0), "logit": ("between 0 and 1, both excluded", (v > 0) & (v < 1)),
                 "linear": ("finite", np.isfinite(v))}
        if self.scale not in rules:
            raise WorkbenchError(f"scale is one of {', '.join(rules)}; got {self.scale!r}.")
        rule, holds = rules[self.scale]
        if not v.size or not (holds & np.isfinite(v)).all():
            raise WorkbenchError(f"a hyperparameter on a {self.scale} scale starts with values {rule}, got {self.start!r}. "
                                 'Take another start, or scale="linear".')

    def coordinates(self) -> Array:
        """Return u of the start."""
        return to_coordinates(np.asarray(self.start), self.scale)

    def value(self, u: Tensor) -> Tensor:
        """Turn coordinates into values."""
        return u.exp() if self.scale == "log" else u.sigmoid() if self.scale == "logit" else u

    def slope(self, value: Tensor) -> Tensor:
        """Return dλ/du at these values."""
        return value if self.scale == "log" else value * (1 - value) if self.scale == "logit" else torch.ones_like(value)


@dataclass(frozen=True, slots=True)
class SGD:
    """Gradient descent with momentum and weight decay: what holds where no hyperparameter of that name is tuned."""

    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.lr <= 0 or not 0 <= self.momentum < 1 or self.weight_decay < 0:
            raise WorkbenchError(f"lr is above 0, momentum in [0, 1), weight_decay at least 0; got {self}.")


@dataclass(frozen=True, eq=False)
class Bilevel:
    """A training with hyperparameters, and what they are judged by.

    Attributes
    ----------
    start
        Draws initial weights, a tuple of tensors, from a generator.
    inner
        Training loss of ``(weights, values, batch)``, a scalar; ``values`` are the hyperparameters by name.
    outer
        Validation loss of ``(weights, values)``.
    hypers
        Hyperparameters by name. "lr", "momentum" and "weight_decay" belong to SGD.
    batch
        The batch of inner step t: ``batch(t, seed)``, always the same for the same t and seed. Without: ``whole``.
    whole
        All training data as a batch.
    sgd
        What is not tuned of the training.
    horizon
        How many inner steps a training has.
    layers
        Layer of each tensor of weights, from 0, for a weight decay or learning rate of each layer. Without: each its own.
    judge
        Other numbers of weights that are told but not used, such as ``{"test_loss": …}``.
    name
        What the problem is called.
    """

    start: Callable[[torch.Generator], Sequence[Tensor]]
    inner: Callable[[Weights, Values, Any], Tensor]
    outer: Callable[[Weights, Values], Tensor]
    hypers: Mapping[str, Hyper]
    batch: Callable[[int, int], Any] | None = None
    whole: Any = None
    sgd: SGD = SGD()
    horizon: int = 100
    layers: tuple[int, ...] | None = None
    judge: Callable[[Weights], dict[str, float]] | None = None
    name: str = "bilevel problem"

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise WorkbenchError(f"a training has at least 1 inner step, got horizon={self.horizon}.")
        if not self.hypers:
            raise WorkbenchError('there is nothing to tune: name hyperparameters, as in hypers={"lr": Hyper(0.1)}.')

    def training(self, seed: int = 0) -> Training:
        """Draw weights and fix the batches: the training as a function of hyperparameters."""
        return Training(self, seed)


class State(NamedTuple):
    """Where a training stands: weights and velocity, shape (P,) each."""

    w: Tensor
    v: Tensor

    def leaves(self) -> State:
        """Return the same numbers without history, to be differentiated from here on."""
        return State(self.w.detach().requires_grad_(), self.v.detach().requires_grad_())


class Training:
    """A problem with a seed: weights as one vector, batches by number of the step, SGD as a function of its state."""

    def __init__(self, problem: Bilevel, seed: int) -> None:
        weights = tuple(problem.start(torch.Generator().manual_seed(seed)))
        if not weights:
            raise WorkbenchError("start returns the initial weights as a tuple of tensors, got an empty one.")
        self.problem, self.seed = problem, seed
        self.shapes = [w.shape for w in weights]
        self.sizes = [w.numel() for w in weights]
        self._w = torch.cat([w.detach().reshape(-1) for w in weights])  # (P,)
        layers = problem.layers or tuple(range(len(weights)))
        if len(layers) != len(weights) or sorted(set(layers)) != list(range(max(layers) + 1)):
            raise WorkbenchError(f"layers names a layer, from 0 on, for each of {len(weights)} tensors of weights, got {layers}.")
        self.n_layers = max(layers) + 1
        self.layer_of = torch.repeat_interleave(torch.tensor(layers), torch.tensor(self.sizes))  # (P,)
        self._check_shapes()

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights, and so of everything."""
        return self._w.dtype

    def start(self) -> State:
        """Return the initial weights, at rest."""
        return State(self._w, torch.zeros_like(self._w))

    def coordinates(self) -> Values:
        """Return u of the hyperparameters' starts."""
        return {name: torch.as_tensor(h.coordinates(), dtype=self.dtype) for name, h in self.problem.hypers.items()}

    def values(self, u: Mapping[str, Tensor]) -> Values:
        """Turn coordinates into values, without a graph."""
        return {name: h.value(u[name].detach()) for name, h in self.problem.hypers.items()}

    def parts(self, w: Tensor) -> Weights:
        """Cut the vector of weights into tensors."""
        return tuple(p.view(s) for p, s in zip(torch.split(w, self.sizes), self.shapes, strict=True))

    def batch(self, t: int) -> Any:
        """Return the batch of inner step t."""
        return self.problem.whole if self.problem.batch is None else self.problem.batch(t, self.seed)

    def inner(self, w: Tensor, values: Values, batch: Any) -> Tensor:
        """Training loss, without weight decay."""
        return self.problem.inner(self.parts(w), values, batch)

    def outer(self, w: Tensor, values: Values) -> Tensor:
        """Validation loss."""
        return self.problem.outer(self.parts(w), values)

    def decay(self, values: Values) -> Tensor | None:
        """Weight decay of each weight, shape () or (P,); None if there is none."""
        if "weight_decay" in values:
            return self._spread(values["weight_decay"])
        fixed = self.problem.sgd.weight_decay
        return torch.tensor(fixed, dtype=self.dtype) if fixed > 0 else None

    def gradient(self, w: Tensor, values: Values, batch: Any, decay: Tensor | None, *, graph: bool) -> tuple[Tensor, Tensor]:
        """Return the training loss and ∇_w L_train with weight decay, which has a graph of its own if ``graph``."""
        loss = self.inner(w, values, batch)
        (g,) = torch.autograd.grad(loss, w, create_graph=graph)
        if decay is not None:
            with torch.set_grad_enabled(graph):
                g = torch.addcmul(g, decay, w)
        return loss.detach(), g

    def advance(self, state: State, values: Values, first: int, last: int, *, graph: bool) -> tuple[State, list[Tensor]]:
        """Take the inner steps ``first`` … ``last - 1``; with ``graph`` the end is a function of state and values."""
        if not graph:
            values = {name: v.detach() for name, v in values.items()}
        with torch.set_grad_enabled(graph):
            decay = self.decay(values)
            rates = self._by_step("lr", values, first, last)
            momenta = self._by_step("momentum", values, first, last)
        (w, v), losses = state, []
        for t, lr, momentum in zip(range(first, last), rates, momenta, strict=True):
            if not graph:
                w = w.detach().requires_grad_()
            with torch.enable_grad():
                loss, g = self.gradient(w, values, self.batch(t), decay, graph=graph)
            with torch.set_grad_enabled(graph):
                v = torch.addcmul(g, momentum, v)
                w = torch.addcmul(w, self._spread(lr), v, value=-1)
            losses.append(loss)
        return State(w, v), losses

    def train(self, values: Values, horizon: int | None = None) -> tuple[State, Array]:
        """Train, and no more: the last state and the loss of each step."""
        state, losses = self.advance(self.start(), values, 0, horizon or self.problem.horizon, graph=False)
        return State(state.w.detach(), state.v), np.array([float(x) for x in losses])

    def told(self, w: Tensor) -> dict[str, float]:
        """Return what the problem's judge says of these weights."""
        if self.problem.judge is None:
            return {}
        with torch.no_grad():
            return {name: float(x) for name, x in self.problem.judge(self.parts(w)).items()}

    def _by_step(self, name: str, values: Values, first: int, last: int) -> list[Tensor]:
        """Return the value of each step."""
        v = values[name] if name in values else torch.tensor(getattr(self.problem.sgd, name), dtype=self.dtype)
        if v.ndim == 0:
            return [v] * (last - first)
        if len(v) < last:
            raise WorkbenchError(f"{name} has a value for each of {len(v)} inner steps, but step {last} is to be taken. Take a "
                                 f"horizon of at most {len(v)}, or one {name} for all steps.")
        return list(v[first:last].unbind())

    def _spread(self, v: Tensor) -> Tensor:
        """Give each weight the value of its layer, unless there is one for all."""
        return v if v.ndim == 0 else v[self.layer_of]

    def _check_shapes(self) -> None:
        T, L = self.problem.horizon, self.n_layers
        allowed = {"lr": ((), (T,), (T, L)), "momentum": ((), (T,)), "weight_decay": ((), (L,))}
        for name, shapes in allowed.items():
            if name in self.problem.hypers and (got := np.shape(self.problem.hypers[name].start)) not in shapes:
                raise WorkbenchError(f"{name} has one of the shapes {', '.join(map(str, shapes))} ({T} inner steps, {L} layers), "
                                     f"got {got}.")


@dataclass(slots=True, eq=False)
class Found:
    """A hypergradient and what was met on the way.

    Attributes
    ----------
    loss
        Validation loss.
    gradient
        Hypergradient by name, with respect to coordinates.
    state
        Last state of the training.
    losses
        Training loss of each step.
    told
        Further numbers, for metrics.
    """

    loss: float
    gradient: Values
    state: State
    losses: Array
    told: dict[str, float] = field(default_factory=dict)


def by_coordinates(problem: Bilevel, values: Values, gradient: Values) -> Values:
    """Turn d loss / dλ into d loss / du."""
    return {name: h.slope(values[name]) * gradient[name] for name, h in problem.hypers.items()}


def check_number(loss: Tensor | float, what: str) -> float:
    """Complain unless a loss is a finite number."""
    if not np.isfinite(number := float(loss)):
        raise WorkbenchError(f"{what} must be finite, got {number}: the training has diverged. Start with a smaller lr or "
                             "momentum, or take smaller outer steps (rate).")
    return number


def check_at_least(least: int, **numbers: int | None) -> None:
    """Complain of a whole number below ``least``; None is one that is left out."""
    for name, n in numbers.items():
        if n is not None and n < least:
            raise WorkbenchError(f"{name} must be at least {least}, got {n}.")


def numpy(tensor: Tensor) -> Array:
    """Return a tensor's numbers as float64, to be kept."""
    return tensor.detach().cpu().numpy().astype(float)
