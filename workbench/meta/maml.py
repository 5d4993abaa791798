"""Model-agnostic meta-learning: initial weights from which few gradient steps on few points lead far.

Finn, Abbeel & Levine 2017, "Model-agnostic meta-learning for fast adaptation of deep networks", algorithm 2::

    repeat   draw tasks t, and of each K points to adapt on and K to judge on
             θ_t ← θ − α ∇ L_t(θ; points to adapt on)                             one or more steps     (eq. 1)
             θ   ← θ − β ∇_θ Σ_t L_t(θ_t; points to judge on)                                           (line 8)

Notation
    θ            initial weights: what is learned
    α, β         inner and outer rate; Adam takes the outer steps
    order        2 differentiates through the inner step; 1 takes ∂θ_t / ∂θ for the identity (first-order MAML)

Beside it: ``Pretrained``, the same network trained on the pooled points of all tasks, which is what one would do without.

Differences from the paper: 5,000 outer steps of 25 tasks instead of 70,000; weights start evenly within 1 / √inputs instead of
truncated Gaussians of deviation 0.01, which learn later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, vmap

from workbench.events import StepTaken
from workbench.meta.meta_step import MetaStep
from workbench.meta.sinusoids import Sinusoids
from workbench.meta.small_network import SmallNetwork, Weights
from workbench.space import Array

TaskLoss = Callable[[Sequence[Tensor], Tensor, Tensor], Tensor]
HELD_OUT = 2**31  # seeds of tasks that only judge lie beyond those that are learned from
N_SHOWN, N_QUERY = 3, 100  # held-out tasks that a report tells in full, and points of each to judge on


def adapt(loss: TaskLoss, weights: Sequence[Tensor], x: Tensor, y: Tensor, *, steps: int, rate: float,
          order: Literal[1, 2] = 2) -> Weights:
    """Take gradient steps on one task (eq. 1); with order 1 the gradients count as constants."""
    w = tuple(weights)
    for _ in range(steps):
        g = grad(loss)(w, x, y)
        w = tuple(a - rate * (b.detach() if order == 1 else b) for a, b in zip(w, g, strict=True))
    return w


def meta_loss(loss: TaskLoss, weights: Sequence[Tensor], support: tuple[Tensor, Tensor], query: tuple[Tensor, Tensor], *,
              steps: int, rate: float, order: Literal[1, 2] = 2) -> Tensor:
    """Return the mean loss of many tasks after adaptation: support and query have shape (n_tasks, K, …)."""
    def one(xs: Tensor, ys: Tensor, xq: Tensor, yq: Tensor) -> Tensor:
        return loss(adapt(loss, weights, xs, ys, steps=steps, rate=rate, order=order), xq, yq)

    return vmap(one)(*support, *query).mean()


def losses_after(network: SmallNetwork, weights: Sequence[Tensor], tasks: Sinusoids, *, shots: int = 10, steps: int = 10,
                 rate: float = 0.01, n_tasks: int = 600, n_query: int = 100, seed: int = 0) -> Array:
    """Return the mean loss on new tasks after 0, 1, …, ``steps`` gradient steps on K = ``shots`` points, shape (steps + 1,)."""
    x, y = tasks.sample(n_tasks, shots + n_query, torch.Generator().manual_seed(HELD_OUT + seed), weights[0].dtype)
    fixed = tuple(w.detach() for w in weights)

    def one(xs: Tensor, ys: Tensor, xq: Tensor, yq: Tensor) -> Tensor:
        w, found = fixed, [network.squared_error(fixed, xq, yq)]
        for _ in range(steps):
            w = adapt(network.squared_error, w, xs, ys, steps=1, rate=rate)
            found.append(network.squared_error(w, xq, yq))
        return torch.stack(found)

    with torch.no_grad():
        return np.asarray(vmap(one)(x[:, :shots], y[:, :shots], x[:, shots:], y[:, shots:]).mean(dim=0).numpy())


def examples(tasks: Sinusoids, shots: int, seed: int = 0) -> tuple[Array, Array]:
    """Draw a few held-out tasks to look at: support (n, K, 2) and query (n, n_query, 2), x and y, by x; none of many inputs."""
    x, y = tasks.sample(N_SHOWN, shots + N_QUERY, torch.Generator().manual_seed(HELD_OUT + seed + 1))
    if x.shape[-1] != 1 or y.shape[-1] != 1:
        return np.empty((0, shots, 2)), np.empty((0, N_QUERY, 2))
    points = torch.cat([x, y], dim=-1).numpy().astype(float)
    support, query = (part[np.arange(len(part))[:, None], part[..., 0].argsort(axis=1)]
                      for part in (points[:, :shots], points[:, shots:]))
    return support, query


@dataclass(frozen=True, slots=True)
class _Learner:
    """What learns initial weights by Adam. A child says what it minimises: ``_loss``."""

    iterations: int = 5000
    shots: int = 10
    tasks_per_step: int = 25
    inner_rate: float = 0.01
    outer_rate: float = 1e-3
    report_every: int = 250
    network: SmallNetwork = field(default_factory=SmallNetwork)

    def __post_init__(self) -> None:
        for name in ("iterations", "shots", "tasks_per_step", "report_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")

    @property
    def n_steps(self) -> int:
        """How many times it reports."""
        return -(-self.iterations // self.report_every)

    def start(self, *, seed: int = 0) -> tuple[Array, ...]:
        """Return the weights with which learning begins."""
        return tuple(w.numpy() for w in self.network.start(torch.Generator().manual_seed(seed)))

    def steps(self, tasks: Sinusoids | None = None, *, seed: int = 0) -> Iterator[StepTaken]:
        """Learn; yields a step every ``report_every`` outer steps. ``why.weights`` of the last one are the result.

        "cpu_s" are the CPU seconds of learning alone; what is for looking is not counted.
        """
        tasks = Sinusoids() if tasks is None else tasks
        if not hasattr(tasks, "sample"):
            raise TypeError(f"{type(self).__name__} learns from tasks with numbers to predict (wb.meta.Sinusoids), got "
                            f"{type(tasks).__name__}. For classes take wb.meta.FewShotMAML().")
        generator = torch.Generator().manual_seed(seed)
        weights = tuple(w.requires_grad_() for w in self.network.start(generator))
        adam = torch.optim.Adam(weights, lr=self.outer_rate)
        cpu_s, losses = 0.0, list[float]()
        support, query = examples(tasks, self.shots, seed)
        for iteration in range(1, self.iterations + 1):
            began = process_time()
            x, y = tasks.sample(self.tasks_per_step, 2 * self.shots, generator)
            loss = self._loss(weights, x, y)
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
            losses.append(float(loss.detach()))
            cpu_s += process_time() - began
            if iteration % self.report_every == 0 or iteration == self.iterations:
                after = losses_after(self.network, weights, tasks, shots=self.shots, rate=self.inner_rate, n_tasks=200, seed=seed)
                why = MetaStep(tuple(w.detach().numpy().copy() for w in weights), after, support, query, self.inner_rate,
                               self.network.activation)
                metrics = {"cpu_s": cpu_s, "iteration": float(iteration), "train_loss": float(np.mean(losses))}
                metrics |= {"after 0 steps": float(after[0]), "after 1 step": float(after[1]), "after 10 steps": float(after[-1])}
                yield StepTaken(-(-iteration // self.report_every), metrics, why)
                losses.clear()

    def _loss(self, weights: Weights, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class MAML(_Learner):
    """Learn weights from which a gradient step leads far.

    Parameters
    ----------
    iterations
        Outer steps.
    shots
        K, the points of a task to adapt on; as many judge.
    tasks_per_step
        Tasks of an outer step.
    inner_rate, outer_rate
        α and β.
    report_every
        Outer steps between two events.
    network
        What is learned.
    inner_steps
        Gradient steps of the adaptation.
    order
        2 differentiates through them, 1 does not (first-order MAML).
    """

    inner_steps: int = 1
    order: Literal[1, 2] = 2

    def __post_init__(self) -> None:
        _Learner.__post_init__(self)
        if self.order not in (1, 2):
            raise ValueError(f"order is 1 or 2, got {self.order!r}. 2 differentiates through the inner steps, 1 does not.")

    def _loss(self, weights: Weights, x: Tensor, y: Tensor) -> Tensor:
        K = self.shots
        return meta_loss(self.network.squared_error, weights, (x[:, :K], y[:, :K]), (x[:, K:], y[:, K:]), steps=self.inner_steps,
                         rate=self.inner_rate, order=self.order)


@dataclass(frozen=True, slots=True)
class Pretrained(_Learner):
    """Learn weights that fit the pooled points of all tasks, as one would without meta-learning."""

    def _loss(self, weights: Weights, x: Tensor, y: Tensor) -> Tensor:
        return self.network.squared_error(weights, x, y)
