"""When a run of CMA-ES is over, and with which population the next one starts.

Auger and Hansen (2005), "A restart CMA evolution strategy with increasing population size" (IPOP); Hansen (2009),
"Benchmarking a BI-population CMA-ES on the BBOB-2009 function testbed" (BIPOP).

Differences from the papers: ``tolx`` is a share of the unit cube (the papers' 1e-12 sigma_0 would end no search of
hyperparameters), ``TOLFUN`` a share of the spread of the losses seen, so that the scale of the losses does not matter.
The criteria "no effect" and "divergence" are left out: in the unit cube the others come first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from workbench.models.cma_state import CMAState
from workbench.space import Array

Restart = Literal["ipop", "bipop"]

TOLFUN = 1e-10  # of the spread of the losses
MAX_CONDITION = 1e14


@dataclass(slots=True)
class Start:
    """How one run of CMA-ES begins, and what it has seen: the best and the median loss of each generation."""

    number: int  # 0 for the first, k for the k-th restart
    lam: int
    sigma: float
    kind: Literal["first", "large", "small"] = "first"
    best: list[float] = field(default_factory=list)
    median: list[float] = field(default_factory=list)
    spread: float = 0.0  # largest minus smallest finite loss

    @property
    def n_evaluations(self) -> int:
        """Number of points it was given."""
        return self.lam * len(self.best)


def end_of(start: Start, state: CMAState, losses: Array, tolx: float) -> str:
    """Say why the run is over after a generation with these losses; an empty text if it goes on."""
    n, lam = len(state.mean), start.lam
    _, D = state.axes
    if (state.deviations < tolx).all() and (np.abs(state.sigma * state.p_c) < tolx).all():
        return "tolx"
    if D[0] <= 0 or (D[-1] / D[0]) ** 2 > MAX_CONDITION:
        return "condition"
    window = 10 + math.ceil(30 * n / lam)
    if len(start.best) > window:
        recent = np.append(start.best[-window:], losses)
        if np.isfinite(recent).all() and recent.max() - recent.min() <= TOLFUN * start.spread:
            return "tolfun"
    if stagnates(start.best, n, lam) and stagnates(start.median, n, lam):
        return "stagnation"
    return ""


def stagnates(values: list[float], n: int, lam: int) -> bool:
    """Whether, over the last fifth of the generations (at least 120 + 30 n / lambda), there was no progress in the median."""
    window = max(120 + math.ceil(30 * n / lam), len(values) // 5)
    if len(values) < window:
        return False
    recent = np.array(values[-window:])
    part = max(1, int(0.3 * window))
    return bool(np.median(recent[-part:]) >= np.median(recent[:part]))


def next_start(starts: list[Start], restart: Restart, sigma: float, rng: np.random.Generator) -> Start:
    """Choose the population and the step size of the next run."""
    default, number = starts[0].lam, len(starts)
    n_large = sum(s.kind == "large" for s in starts)
    if restart == "bipop":
        spent = {kind: sum(s.n_evaluations for s in starts if s.kind == kind) for kind in ("first", "large", "small")}
        if spent["first"] + spent["small"] < spent["large"]:  # the regime that has had less goes on
            largest = max(s.lam for s in starts)
            small = int(default * (0.5 * largest / default) ** (rng.random() ** 2))
            return Start(number, max(small, default), sigma * 10 ** (-2 * rng.random()), "small")
    return Start(number, default * 2 ** (n_large + 1), sigma, "large")
