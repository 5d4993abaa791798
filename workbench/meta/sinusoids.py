"""The sinusoids of Finn, Abbeel & Levine 2017 (section 5.1): each task is a wave of its own amplitude and phase."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sinusoids:
    """Waves y = a sin(x − φ) with a in ``amplitudes`` and φ in ``phases``, for x in ``inputs``; all drawn evenly."""

    amplitudes: tuple[float, float] = (0.1, 5.0)
    phases: tuple[float, float] = (0.0, math.pi)
    inputs: tuple[float, float] = (-5.0, 5.0)

    def sample(self, n_tasks: int, n_points: int, generator: torch.Generator,
               dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """Draw tasks and points of each: x and y, shape (n_tasks, n_points, 1)."""
        def draw(ends: tuple[float, float], points: int) -> Tensor:
            return ends[0] + (ends[1] - ends[0]) * torch.rand(n_tasks, points, 1, generator=generator, dtype=dtype)

        a, phase, x = draw(self.amplitudes, 1), draw(self.phases, 1), draw(self.inputs, n_points)
        return x, wave(a, phase, x)


def wave(amplitude: Tensor | float, phase: Tensor | float, x: Tensor) -> Tensor:
    """Compute a sin(x − φ)."""
    return amplitude * torch.sin(x - phase)
