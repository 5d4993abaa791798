"""What the lesson on MAML is about: one new wave, a few points of it, and networks that adapt to them. Without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np

from workbench.meta.plain_network import descent, outputs
from workbench.meta.sinusoid_weights import NAMES, sinusoid_starts
from workbench.space import Array

MAX_STEPS, MAX_SHOTS = 10, 20
LEARNED_RATE = 0.01
SEEN = {"amplitude": (0.1, 5.0), "phase": (0.0, math.pi)}  # of the waves that were learned from
INPUTS = (-5.0, 5.0)
GRID = np.linspace(*INPUTS, 121)  # where a wave is drawn, and where it is judged


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """Initial weights by the name of what has learned them, as many as there are pictures."""

    weights: Mapping[str, tuple[Array, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.weights)


@cache
def shipped() -> Starts:
    """Return the weights that come with the package."""
    return Starts(sinusoid_starts())


def starts_with(mine: Mapping[str, Any]) -> Starts:
    """Put weights of the learner's own in the place of shipped ones of that name."""
    unknown = sorted(set(mine) - set(NAMES))
    if unknown:
        raise ValueError(f"the lesson compares {', '.join(NAMES)}; {unknown[0]!r} is none of them.")
    shapes = [w.shape for w in shipped().weights[NAMES[0]]]
    for name, weights in mine.items():
        given = [np.shape(w) for w in weights]
        if given != shapes:
            raise ValueError(f"the lesson's networks have weights of the shapes {shapes}, those given for {name!r} have {given}. "
                             "wb.meta.SmallNetwork() is the network to learn.")
    return Starts({name: tuple(np.asarray(w, dtype=float) for w in mine.get(name, weights))
                   for name, weights in shipped().weights.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A network on its way down: the curves on ``GRID`` and both losses after 0, 1, …, ``MAX_STEPS`` gradient steps."""

    curves: Array  # (MAX_STEPS + 1, len(GRID))
    query: Array  # mean squared error on the whole wave
    support: Array  # on the points that it adapts on


def wave(amplitude: float, phase: float, x: Array) -> Array:
    """Compute a sin(x − φ)."""
    return np.asarray(amplitude * np.sin(x - phase))


@lru_cache(maxsize=256)
def drawn(seed: int) -> Array:
    """Draw where the points lie; the first K are used, so that dragging K adds points or takes the last away."""
    return np.random.default_rng(seed).uniform(*INPUTS, MAX_SHOTS)


@lru_cache(maxsize=64)
def courses(starts: Starts, shots: int, amplitude: float, phase: float, rate: float, seed: int) -> dict[str, Course]:
    """Let each network adapt to the points of a wave."""
    x = drawn(seed)[:shots, None]
    y = wave(amplitude, phase, x)
    truth = wave(amplitude, phase, GRID)
    found = {}
    for name, weights in starts.weights.items():
        became = descent(weights, x, y, steps=MAX_STEPS, rate=rate)
        with np.errstate(over="ignore", invalid="ignore"):
            curves = np.array([outputs(w, GRID[:, None])[:, 0] for w in became])
            query = ((curves - truth) ** 2).mean(axis=1)
            support = np.array([((outputs(w, x) - y) ** 2).mean() for w in became])
        found[name] = Course(curves, *(np.where(np.isfinite(v), v, np.inf) for v in (query, support)))
    return found


@dataclass(frozen=True, slots=True)
class MAMLState:
    """The new wave, the points of it, how the networks adapt, and what the learner said.

    ``guess`` is the name of the network that will come nearest to the wave.
    """

    shots: int = 10
    steps: int = 1
    amplitude: float = 3.5
    phase: float = 2.5
    rate: float = 0.01
    seed: int = 0
    guess: str | None = None
    shown: bool = False
    starts: Starts = field(default_factory=shipped)

    @property
    def x(self) -> Array:
        """Where the points lie."""
        return drawn(self.seed)[:self.shots]

    @property
    def y(self) -> Array:
        """The wave there."""
        return wave(self.amplitude, self.phase, self.x)

    @property
    def courses(self) -> dict[str, Course]:
        """How each network adapts to these points."""
        return courses(self.starts, self.shots, self.amplitude, self.phase, self.rate, self.seed)

    @property
    def losses(self) -> dict[str, float]:
        """Error on the whole wave after the chosen number of steps."""
        return {name: float(c.query[self.steps]) for name, c in self.courses.items()}

    @property
    def nearest(self) -> str:
        """Whose error is smallest then."""
        losses = self.losses
        return min(losses, key=lambda name: losses[name])

    @property
    def strange(self) -> str:
        """In what the wave differs from all that were learned from: "amplitude", "phase" or ""."""
        return next((name for name, (low, high) in SEEN.items() if not low <= getattr(self, name) <= high + 1e-9), "")

    def step(self) -> MAMLState:
        """Take a gradient step more; the same state after the last one."""
        return self if self.steps >= MAX_STEPS else replace(self, steps=self.steps + 1)
