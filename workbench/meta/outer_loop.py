"""The outer loop that the learned learners share: networks drawn from a seed, Adam with bounded gradients, reports now and then.

The networks are ordinary torch modules, but neither their making nor their learning touches torch's global random state: they are
laid out without memory first, and then filled from a generator or with kept arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import process_time
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from workbench.space import Array

Network = TypeVar("Network", bound=nn.Module)


def drawn(make: Callable[[], Network], generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Network:
    """Make a network with weights from a generator: evenly within 1 / √inputs, biases and other vectors 0."""
    network = _laid_out(make, dtype)
    with torch.no_grad():
        for p in network.parameters():
            if p.ndim < 2:
                p.zero_()
            else:
                bound = 1 / math.sqrt(math.prod(p.shape[1:]))  # torch's matrices are (outputs, inputs, …)
                p.copy_((torch.rand(p.shape, generator=generator, dtype=dtype) * 2 - 1) * bound)
    return network


def restored(make: Callable[[], Network], weights: Sequence[Array]) -> Network:
    """Make a network with the weights that ``arrays`` kept."""
    network = _laid_out(make, torch.from_numpy(weights[0]).dtype)
    with torch.no_grad():
        for p, kept in zip(network.parameters(), weights, strict=True):
            p.copy_(torch.from_numpy(kept))
    return network


def _laid_out(make: Callable[[], Network], dtype: torch.dtype) -> Network:
    with torch.device("meta"):
        network = make()
    return network.to(dtype).to_empty(device="cpu")


def arrays(network: nn.Module) -> tuple[Array, ...]:
    """Return copies of all weights of a network."""
    return tuple(np.array(p.detach().numpy()) for p in network.parameters())


@dataclass(frozen=True, slots=True)
class OuterLoop:
    """How a learned learner is learned; a base of the learners.

    Parameters
    ----------
    iterations
        Outer steps.
    tasks_per_step
        Tasks of an outer step.
    outer_rate
        Rate of Adam, which takes them. It falls to a tenth over the last third.
    clip
        Bound of the norm of the gradient.
    report_every
        Outer steps between two events.
    """

    iterations: int = 1000
    tasks_per_step: int = 16
    outer_rate: float = 1e-3
    clip: float = 1.0
    report_every: int = 50

    def __post_init__(self) -> None:
        for name in ("iterations", "tasks_per_step", "report_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")
        for name in ("outer_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}.")

    @property
    def n_steps(self) -> int:
        """How many times it reports."""
        return -(-self.iterations // self.report_every)

    def _descend(self, network: nn.Module, loss: Callable[[], Tensor]) -> Iterator[tuple[int, dict[str, float]]]:
        """Take the outer steps; yields the number of the report and what there is to say: CPU seconds, iteration, training loss.

        What happens between two of its yields is not counted, so that looking is free.
        """
        weights = [p.requires_grad_() for p in network.parameters()]
        adam = torch.optim.Adam(weights, lr=self.outer_rate)
        cpu_s, losses = 0.0, list[float]()
        for iteration in range(1, self.iterations + 1):
            began = process_time()
            left = (self.iterations - iteration) / self.iterations
            adam.param_groups[0]["lr"] = self.outer_rate * (0.1 + 0.9 * min(1.0, 3 * left))
            value = loss()
            adam.zero_grad()
            torch.autograd.backward(value)
            nn.utils.clip_grad_norm_(weights, self.clip)
            adam.step()
            losses.append(float(value.detach()))
            cpu_s += process_time() - began
            if iteration % self.report_every == 0 or iteration == self.iterations:
                yield -(-iteration // self.report_every), {"cpu_s": cpu_s, "iteration": float(iteration),
                                                           "train_loss": float(np.mean(losses))}
                losses.clear()
