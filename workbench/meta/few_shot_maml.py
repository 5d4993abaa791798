"""MAML for few-shot classification: initial weights of a classifier that few gradient steps on few examples adapt to new classes.

Finn, Abbeel & Levine 2017, algorithm 2, with the cross-entropy of section 3.1 (eq. 3) as the loss of a task. What is learned and
how is as in ``workbench.meta.maml``; here the tasks are episodes (support and query sets) and accuracy is what counts.

Notation
    θ            initial weights
    α            inner rate
    T            gradient steps on the support set of a task

Differences from the paper: a small fully connected network; 3 inner steps to learn and to judge (paper: 1 and 3 for Omniglot, 5
and 10 for miniImageNet); the last layer begins at 0, where no class is preferred; the norm of the outer gradient is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.nn.functional import cross_entropy

from workbench.events import StepTaken
from workbench.meta.few_shot_step import AdaptationStep
from workbench.meta.few_shot_tasks import FewShot
from workbench.meta.maml import HELD_OUT, TaskLoss, adapt, meta_loss
from workbench.meta.outer_loop import OuterLoop
from workbench.meta.prototypes import N_LOOK, Classifier, with_classes
from workbench.meta.small_network import SmallNetwork, Weights
from workbench.space import Array


@dataclass(frozen=True, slots=True)
class FewShotMAML(OuterLoop):
    """Learn weights of a classifier from which few gradient steps lead far.

    Parameters
    ----------
    iterations, tasks_per_step, outer_rate, clip, report_every
        How they are learned, see ``OuterLoop``.
    inner_steps
        T.
    inner_rate
        α.
    order
        2 differentiates through the inner steps, 1 does not (first-order MAML).
    hidden
        Units between inputs and classes.
    """

    outer_rate: float = 3e-3
    inner_steps: int = 3
    inner_rate: float = 0.3
    order: Literal[1, 2] = 2
    hidden: tuple[int, ...] = (64, 64)

    def __post_init__(self) -> None:
        OuterLoop.__post_init__(self)
        if self.inner_steps < 1:
            raise ValueError(f"inner_steps must be at least 1, got {self.inner_steps!r}.")
        if not self.inner_rate > 0:
            raise ValueError(f"inner_rate must be positive, got {self.inner_rate!r}.")
        if self.order not in (1, 2):
            raise ValueError(f"order is 1 or 2, got {self.order!r}. 2 differentiates through the inner steps, 1 does not.")
        if min(self.hidden, default=1) < 1:
            raise ValueError(f"each layer has at least a unit, got hidden={self.hidden!r}.")

    def network(self, tasks: FewShot) -> SmallNetwork:
        """Return the classifier of tasks as a function of its weights."""
        return SmallNetwork((tasks.n_inputs, *self.hidden, tasks.ways))

    def start(self, tasks: FewShot, *, seed: int = 0) -> tuple[Array, ...]:
        """Return the weights with which learning begins."""
        return tuple(w.numpy() for w in self._start(tasks, torch.Generator().manual_seed(seed)))

    def steps(self, tasks: FewShot | None = None, *, seed: int = 0) -> Iterator[StepTaken]:
        """Learn; yields a step every ``report_every`` outer steps. Without tasks: signals.

        "cpu_s" are the CPU seconds of learning alone; what is for looking is not counted.
        """
        tasks = with_classes(tasks)
        generator = torch.Generator().manual_seed(seed)
        network = self.network(tasks)
        weights = nn.ParameterList(self._start(tasks, generator))

        def loss() -> Tensor:
            xs, ys, xq, yq = tasks.episode(self.tasks_per_step, generator)
            return meta_loss(loss_of(network), tuple(weights), (xs, ys), (xq, yq), steps=self.inner_steps,
                             rate=self.inner_rate, order=self.order)

        for step, metrics in self._descend(weights, loss):
            kept = tuple(np.array(w.detach().numpy()) for w in weights)
            right, error = self.accuracies(kept, tasks, n_tasks=N_LOOK, seed=seed)
            metrics |= {"held_out_accuracy": float(right[-1]), "unadapted_accuracy": float(right[0])}
            yield StepTaken(step, metrics, AdaptationStep(kept, right, error, tasks.ways, tasks.shots, self.inner_rate))

    def accuracies(self, weights: Sequence[Array], tasks: FewShot, *, steps: int | None = None, n_tasks: int = 600,
                   seed: int = 1) -> tuple[Array, Array]:
        """Return the mean accuracy on held-out tasks after 0, 1, … gradient steps (``inner_steps``), and its standard error."""
        xs, ys, xq, yq = tasks.episode(n_tasks, torch.Generator().manual_seed(HELD_OUT + seed), held_out=True)
        reached = [(scores.argmax(dim=2) == yq).double().mean(dim=1)
                   for scores in self._path(weights, xs, ys, xq, self.inner_steps if steps is None else steps)]
        right = torch.stack(reached)  # (steps + 1, n_tasks)
        return np.array(right.mean(dim=1).numpy()), np.array((right.std(dim=1) / n_tasks**0.5).numpy())

    def classifier(self, why: AdaptationStep | Sequence[Array]) -> Classifier:
        """Return what adapts weights (of a step, or others) to tasks: a function of support inputs, labels and query inputs."""
        weights = why.weights if isinstance(why, AdaptationStep) else why

        def classify(support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Tensor:
            *_, last = self._path(weights, support_x, support_y, query_x, self.inner_steps)
            return last

        return classify

    def _start(self, tasks: FewShot, generator: torch.Generator) -> Weights:
        *below, last, bias = self.network(tasks).start(generator)
        return *below, torch.zeros_like(last), bias

    def _path(self, weights: Sequence[Array], xs: Tensor, ys: Tensor, xq: Tensor, steps: int) -> Iterator[Tensor]:
        """Yield the scores of query inputs (n_tasks, n_query, ways) after 0, 1, … gradient steps on each task."""
        network = SmallNetwork((xs.shape[2], *self.hidden, len(weights[-1])))
        loss = loss_of(network)
        w = tuple(torch.from_numpy(a).expand(len(xs), *a.shape) for a in weights)  # each task has its own
        step = vmap(lambda mine, x, y: adapt(loss, mine, x, y, steps=1, rate=self.inner_rate))
        with torch.no_grad():
            yield vmap(network)(w, xq)
            for _ in range(steps):
                w = step(w, xs, ys)
                yield vmap(network)(w, xq)


def loss_of(network: SmallNetwork) -> TaskLoss:
    """Return the mean of −log softmax(output of the true class) as a function of weights, inputs and labels (eq. 3)."""
    def loss(weights: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(network(weights, x), y)

    return loss
