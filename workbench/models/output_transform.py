"""Losses made fit for a Gaussian process: failures, outliers and scale.

A diverged training gives a loss of 10⁶, a failed one gives none; either would flatten all that a Gaussian process sees
near the optimum. The transform is monotone, so it can be undone for plots, and it leaves the better part alone:

1. a loss that is not finite counts as the worst finite one;
2. with m = median and h = m - min, a loss above c = m + 3h becomes c + h log(1 + (y - c) / h);
3. the result is standardised to mean 0 and (population) deviation 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workbench.space import Array

HUGE = 1e150  # losses beyond count as this: their squares would overflow
SMALLEST = 1e-200  # of the distance to the worst loss, as a width
REACH = 3.0  # losses above median + REACH * (median - best) are compressed


@dataclass(frozen=True, slots=True)
class OutputTransform:
    """Map losses to the targets of a Gaussian process and back.

    Attributes
    ----------
    worst
        Worst finite loss; stands for every loss that is not finite.
    median, width
        Losses beyond the median by more than ``REACH`` widths (h) grow only by their logarithm. Width 0: nowhere.
    mean, scale
        Of the losses after compression, counted from the median, so that a large common offset costs no digits.
    """

    worst: float
    median: float
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
        if width > 0:
            width = max(width, SMALLEST * (worst - median))  # or an outlier in units of the width would overflow
        squeezed = _squeeze(filled - median, width)
        mean, scale = float(squeezed.mean()), float(squeezed.std())
        largest = max(float(np.abs(squeezed).max()), abs(median))
        if scale <= 1e-14 * largest or scale == 0.0:  # constant up to rounding: any scale of their size will do
            scale = largest or 1.0
        return cls(worst, median, width, mean, scale)

    def forward(self, y: Array) -> Array:
        """Turn losses into targets."""
        filled = np.where(np.isfinite(y), np.clip(y, -HUGE, HUGE), self.worst)
        return np.asarray((_squeeze(filled - self.median, self.width) - self.mean) / self.scale)

    def inverse(self, z: Array) -> Array:
        """Turn targets into losses."""
        v = np.asarray(z, dtype=float) * self.scale + self.mean
        knee = REACH * self.width
        if self.width <= 0:
            return self.median + v
        # h (e^((v - c) / h) - 1), as one exponential that stops where forward does
        log_width = math.log(self.width)
        excess = np.minimum(np.maximum(v - knee, 0.0) / self.width + log_width, math.log(HUGE))
        return self.median + np.where(v > knee, knee + np.exp(excess) - self.width, v)


def _squeeze(v: Array, width: float) -> Array:
    """Compress what lies beyond the knee c = REACH h; ``v`` counts from the median."""
    if width <= 0:
        return v
    knee = REACH * width
    return np.where(v > knee, knee + width * np.log1p(np.maximum(v - knee, 0.0) / width), v)
