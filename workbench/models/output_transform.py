"""Losses made fit for a Gaussian process: failures, outliers and scale.

A diverged training gives a loss of 10⁶, a failed one gives none; either would flatten all that a Gaussian process sees
near the optimum. The transform is monotone, so it can be undone for plots, and it leaves the better part alone:

1. a loss that is not finite counts as the worst finite one;
2. with m = median and h = m - min, a loss above c = m + 3h becomes c + h log(1 + (y - c) / h);
3. the result is standardised to mean 0 and (population) deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.space import Array

HUGE = 1e150  # losses beyond count as this: their squares would overflow
REACH = 3.0  # losses above median + REACH * (median - best) are compressed


@dataclass(frozen=True, slots=True)
class OutputTransform:
    """Map losses to the targets of a Gaussian process and back.

    Attributes
    ----------
    worst
        Worst finite loss; stands for every loss that is not finite.
    knee, width
        Above the knee (c), losses grow only by their logarithm, in units of the width (h). Width 0: nowhere.
    mean, scale
        Of the losses after compression.
    """

    worst: float
    knee: float
    width: float
    mean: float
    scale: float

    @classmethod
    def of(cls, y: Array) -> OutputTransform:
        """Take the constants from these losses, shape (n,)."""
        finite = np.clip(y[np.isfinite(y)], -HUGE, HUGE)
        if not len(finite):
            return cls(0.0, 0.0, 0.0, 0.0, 1.0)
        worst = float(finite.max())
        filled = np.where(np.isfinite(y), np.clip(y, -HUGE, HUGE), worst)
        median = float(np.median(filled))
        width = median - float(filled.min())
        squeezed = _squeeze(filled, median + REACH * width, width)
        mean, scale = float(squeezed.mean()), float(squeezed.std())
        largest = float(np.abs(squeezed).max())
        if scale <= 1e-14 * largest or scale == 0.0:  # constant up to rounding: any scale of their size will do
            scale = largest or 1.0
        return cls(worst, median + REACH * width, width, mean, scale)

    def forward(self, y: Array) -> Array:
        """Turn losses into targets."""
        filled = np.where(np.isfinite(y), np.clip(y, -HUGE, HUGE), self.worst)
        return np.asarray((_squeeze(filled, self.knee, self.width) - self.mean) / self.scale)

    def inverse(self, z: Array) -> Array:
        """Turn targets into losses."""
        v = np.asarray(z, dtype=float) * self.scale + self.mean
        if self.width <= 0:
            return v
        # exp(300) is beyond every loss that forward lets through
        excess = np.clip((v - self.knee) / self.width, 0.0, 300.0)
        return np.where(v > self.knee, self.knee + self.width * np.expm1(excess), v)


def _squeeze(y: Array, knee: float, width: float) -> Array:
    if width <= 0:
        return y
    return np.where(y > knee, knee + width * np.log1p(np.maximum(y - knee, 0.0) / width), y)
