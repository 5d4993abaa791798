"""Hypergradients beside the training: a step of the weights, a step of the hyperparameters, and so on (T1-T2).

Luketina, Berglund, Greff & Raiko 2016, section 2.2::

    for t = 0, 1, …
        w_{t+1} = w_t − η ∇_w L_train(w_t, λ_t)                                                       T1, a step of the
        weights λ_{t+1} = λ_t − step along  ∇_λ L_val − η ∇_w L_val(w_{t+1}) · ∂²L_train / ∂w ∂λ              T2, of the
        hyperparameters

w_t is taken for a constant: what λ did to all steps before is dropped. So one training is enough, and a step costs but a
few times as much as one of the training; but the gradient sees only what λ does at once. It is the gradient through the
whole training with a horizon of one step, from w_t and its velocity on, and is computed so; momentum, learning rates and
weight decay are differentiated as well (for a learning rate that is the hypergradient descent of Baydin and others 2018).

Differences from the paper: momentum; Adam moves the hyperparameters; all of them may be tuned that act in each step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

import numpy as np
import torch

from workbench.errors import WorkbenchError
from workbench.events import StepTaken
from workbench.gradient.bilevel import Bilevel, Found, State, Training, Values, by_coordinates, check_at_least
from workbench.gradient.outer_steps import Descent, metrics_of, step_of
from workbench.gradient.through_training import backwards


def one_step(training: Training, values: Values, state: State, t: int) -> Found:
    """Return the hypergradient through inner step t alone, from this state on; ``state`` of the answer is the next one."""
    found, (gradient,) = backwards(training, values, state, t, t + 1, 1)
    found.gradient = by_coordinates(training.problem, values, gradient)
    return found


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Move hyperparameters while the weights are trained, once (Luketina and others 2016).

    Parameters
    ----------
    n_steps
        Reports of the run: a report comes every ``every`` inner steps.
    rate
        Learning rate of Adam for the hyperparameters, in their coordinates.
    every
        Inner steps between two reports. All of them together are ``n_steps · every``.
    """

    n_steps: int = 40
    rate: float = 0.01
    every: int = 25
    method = "through one step of the training"

    def __post_init__(self) -> None:
        check_at_least(1, n_steps=self.n_steps, every=self.every)
        if self.rate <= 0:
            raise WorkbenchError(f"rate must be above 0, got {self.rate}. 0.01 moves a hyperparameter by up to 1 % a step.")

    def steps(self, problem: Bilevel, *, seed: int = 0) -> Iterator[StepTaken]:
        """Train and tune; a step reports on ``every`` inner steps, and the mean of their hypergradients."""
        per_step = [n for n in ("lr", "momentum") if n in problem.hypers and np.ndim(problem.hypers[n].start) > 0]
        if per_step:
            raise WorkbenchError(f"{per_step[0]} has a value for each inner step, which would be tuned only after its step is "
                                 f"taken. Take one {per_step[0]} for all steps, or wb.gradient.Unrolled().")
        training = problem.training(seed)
        descent, state, cpu_s = Descent(training, self.rate), training.start(), 0.0
        for step in range(1, self.n_steps + 1):
            began, told = process_time(), list[Found]()
            for t in range((step - 1) * self.every, step * self.every):
                values = descent.values()
                told.append(one_step(training, values, state, t))
                state = told[-1].state
                descent.step(told[-1].gradient)
            cpu_s += process_time() - began
            found = told[-1]
            found.losses = np.concatenate([f.losses for f in told])
            found.gradient = {name: torch.stack([f.gradient[name] for f in told]).mean(dim=0) for name in values}
            why = step_of(problem, values, found, self.method)
            yield StepTaken(step, metrics_of(why, found, training.told(state.w), cpu_s), why)
