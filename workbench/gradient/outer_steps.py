"""What the methods share: Adam on the coordinates of the hyperparameters, and the report of a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import process_time

import torch
from torch import Tensor

from workbench.events import StepTaken
from workbench.gradient.bilevel import Bilevel, Found, Training, Values, check_number, numpy
from workbench.gradient.hyper_step import HyperStep
from workbench.space import Array


class Descent:
    """Hyperparameters that are moved by Adam (Kingma & Ba 2015), in their coordinates u."""

    def __init__(self, training: Training, rate: float) -> None:
        self.training = training
        self.u = {name: u.clone().requires_grad_() for name, u in training.coordinates().items()}
        self.adam = torch.optim.Adam(list(self.u.values()), lr=rate)

    def values(self) -> Values:
        """Return the hyperparameters in their own units."""
        return self.training.values(self.u)

    def step(self, gradient: Values) -> None:
        """Move by a gradient with respect to coordinates."""
        for name, g in gradient.items():
            check_number(g.abs().sum(), f"the hypergradient of {name}")
            self.u[name].grad = g
        self.adam.step()


def step_of(problem: Bilevel, values: Values, found: Found, method: str) -> HyperStep:
    """Write down a hypergradient as plain data."""
    scales = {name: h.scale for name, h in problem.hypers.items()}
    return HyperStep(values=arrays(values), gradient=arrays(found.gradient), scales=dict(scales), valid_loss=found.loss,
                     curve=found.losses, method=method)


def arrays(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Return tensors as arrays, to be kept."""
    return {name: numpy(t) for name, t in tensors.items()}


def metrics_of(why: HyperStep, found: Found, told: Mapping[str, float], cpu_s: float) -> dict[str, float]:
    """Return the numbers of a step: losses, what the judge says, and every hyperparameter that is one number."""
    numbers = {"cpu_s": cpu_s, "valid_loss": why.valid_loss, **told, "hypergradient": why.length, **found.told}
    if len(why.curve):
        numbers["train_loss"] = float(why.curve[-10:].mean())  # of the last batches
    return numbers | {name: float(v) for name, v in why.values.items() if v.ndim == 0}


def descend(training: Training, found_at: Callable[[Values], Found], method: str, *, n_steps: int,
            rate: float) -> Iterator[StepTaken]:
    """Descend hyperparameters; "cpu_s" counts trainings and gradients, not what is for looking."""
    descent, cpu_s = Descent(training, rate), 0.0
    for step in range(1, n_steps + 1):
        began = process_time()
        values = descent.values()
        found = found_at(values)
        cpu_s += process_time() - began
        why = step_of(training.problem, values, found, method)
        yield StepTaken(step, metrics_of(why, found, training.told(found.state.w), cpu_s), why)
        began = process_time()
        descent.step(found.gradient)
        cpu_s += process_time() - began
