"""Losses on a log scale that ends below the best of them, as SMAC's "log-scaled" run history has them.

A forest that predicts averages spends its splits where losses differ most, which is among the bad ones. On this scale
differences count by their size beside the distance to y_0, so those among the best losses are wide::

    z = (log(y - y_0) - mean) / scale,      y_0 = y_min - gap,      gap = y_5% - y_min

(Hutter, Hoos, Leyton-Brown & Murphy 2009, "An experimental investigation of model-based parameter optimisation", log
responses; Lindauer et al. 2022, SMAC3, ``RunHistoryLogScaledEncoder``.) y_5% is the 5 % quantile of the losses, so y_0 says
where the minimum may lie.

Differences from SMAC3: z is standardised; a gap is at least a hundredth of the way to the median, where SMAC3 takes a tiny
number, so that many equal best losses (an accuracy on few samples) do not end up infinitely far from the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workbench.models.output_transform import HUGE
from workbench.space import Array

QUANTILE = 0.05
LEAST_GAP = 0.01  # of the distance from the best loss to the median
TINY_GAP = 1e-9  # of the whole range, where even the median is as good as the best


@dataclass(frozen=True, slots=True)
class LogTransform:
    """Map losses to standardised logarithms and back.

    Attributes
    ----------
    best, worst
        Smallest and largest finite loss; the worst stands for every loss that is not finite.
    gap
        How far y_0 lies below the best.
    mean, scale
        Of the logarithms.
    """

    best: float
    worst: float
    gap: float
    mean: float
    scale: float

    @classmethod
    def of(cls, y: Array) -> LogTransform:
        """Take the constants from these losses, shape (n,)."""
        finite = np.clip(y[np.isfinite(y)], -HUGE, HUGE)
        if not len(finite):
            return cls(0.0, 0.0, 1.0, 0.0, 1.0)
        best, worst = float(finite.min()), float(finite.max())
        above = np.where(np.isfinite(y), np.clip(y, -HUGE, HUGE), worst) - best  # ≥ 0; a common offset costs no digits
        low, median = np.quantile(above, [QUANTILE, 0.5])
        gap = max(float(low), LEAST_GAP * float(median), TINY_GAP * (worst - best)) or (worst - best) or 1.0
        logs = np.log(above + gap)
        scale = float(logs.std())
        return cls(best, worst, gap, float(logs.mean()), scale if scale > 1e-12 else 1.0)

    def forward(self, y: Array) -> Array:
        """Turn losses into targets. What is better than the best known counts as the best."""
        filled = np.where(np.isfinite(y), np.clip(y, -HUGE, HUGE), self.worst)
        logs = np.log(np.maximum(filled - self.best, 0.0) + self.gap)
        return np.asarray((logs - self.mean) / self.scale)

    def inverse(self, z: Array) -> Array:
        """Turn targets into losses."""
        logs = np.asarray(z, dtype=float) * self.scale + self.mean
        return np.asarray(self.best + (np.exp(np.minimum(logs, math.log(HUGE))) - self.gap))
