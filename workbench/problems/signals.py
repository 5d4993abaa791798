"""Signals of 40 points that stand for digits: MNIST-1D, made here.

Greydanus 2020, "Scaling down deep learning" (MNIST-1D)::

    a digit is drawn as a pen's deviation from a vertical line, at 12 heights
    pad     stretch it by a factor between 1 and 1.5 and let it fill a part of 72 points
    scale   multiply by 1 + 0.4 u,  u ~ U(-½, ½)
    shift   start it at one of the points 0 … 47
    noise   correlated N(0, 0.25²), blurred over 2 points, where the digit is not; white N(0, 0.02²) everywhere
    shear   subtract 0.75 u · (a straight line from -½ to ½),  u ~ U(-½, ½)
    sample  40 of the 72 points

Differences from the paper: the outlines of the ten digits are drawn anew after its figure; all examples are made at once, with
other random numbers; the digit's own two end points count as the digit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from workbench.space import Array

Labels = npt.NDArray[np.int64]

DIGITS: Final = np.array([  # deviation of the pen at 12 heights, from the top down
    (0, 3, 5, 6, 6, 6, 6, 6, 6, 5, 3, 0),
    (0, -5, -5, -4, -3, -2, -1, 0, 1, 2, 1, 0),
    (0, 3, 5, 5, 4, 2, -1, -3, -5, -5, -3, 0),
    (0, 3, 5, 5, 3, 0, 0, 3, 5, 5, 3, 0),
    (0, -1, -2, -3, -4, -5, -5, 0, 0, 0, 0, 0),
    (0, -5, -5, -5, -4, 0, 3, 5, 5, 4, 1, 0),
    (0, -2, -4, -5, -6, -6, -6, -6, -5, -4, -2, 0),
    (0, 6, 6, 5, 4, 3, 2, 1, 0, -1, 0, 0),
    (0, -3, -5, -5, -3, 0, 0, -3, -5, -5, -3, 0),
    (0, -3, -5, -5, -3, 0, 0, 0, 0, -1, -2, 0),
], dtype=float)
LENGTH: Final = 72  # points before sampling
POINTS: Final = 40  # points after it
STRETCH: Final = (1.0, 1.5)
LAST_START: Final = 47
SCALE, SHEAR, BLURRED, BLUR, WHITE = 0.4, 0.75, 0.25, 2.0, 0.02


def templates() -> Array:
    """Return the ten digits as they are before anything is done to them, shape (10, 12): each varies by 1/6."""
    digit: Array = DIGITS / DIGITS.std(axis=1, keepdims=True) / 6
    return digit


def _sampled(signals: Array, at: Array) -> Array:
    """Interpolate rows (n, p) linearly at positions (n, q) between 0 and p - 1."""
    left = np.clip(np.floor(at).astype(int), 0, signals.shape[1] - 2)
    share = at - left
    between: Array = (1 - share) * np.take_along_axis(signals, left, 1) + share * np.take_along_axis(signals, left + 1, 1)
    return between


def characters(n: int, rng: np.random.Generator) -> Array:
    """Make up further characters: smooth random paths of the pen that vary as much as the digits do, shape (n, 12)."""
    paths = gaussian_filter1d(rng.normal(size=(n, DIGITS.shape[1] + 4)), 1.2, axis=1)[:, 2:-2]
    paths = paths * np.sin(np.linspace(0, np.pi, DIGITS.shape[1]))  # it begins and ends on the line
    paths -= paths.mean(axis=1, keepdims=True)
    return np.asarray(paths / paths.std(axis=1, keepdims=True) / 6)


def signals(y: Labels, rng: np.random.Generator, shapes: Array | None = None, *, last_start: int | None = None,
            noise: float = 1.0) -> Array:
    """Draw a signal for each class in ``y``, shape (n, 40), not yet scaled.

    Parameters
    ----------
    shapes
        Other characters than the ten digits, shape (classes, 12).
    last_start
        Where a character starts at the latest; as in the paper if not given.
    noise
        Of where the character is not, as a share of the paper's.
    """
    n, end = len(y), DIGITS.shape[1] - 1

    def half() -> Array:
        return rng.uniform(-0.5, 0.5, (n, 1))  # ~ U(-½, ½)

    latest = LAST_START if last_start is None else last_start
    stretch, start = rng.uniform(*STRETCH, (n, 1)), rng.integers(0, latest + 1, (n, 1))
    at = (np.arange(LENGTH) - start) / stretch  # height in the digit, outside of it below 0 or above 11
    digit = _sampled((templates() if shapes is None else shapes)[y], np.clip(at, 0, end)) * (1 + SCALE * half())
    blurred = gaussian_filter1d(rng.normal(0, noise * BLURRED, (n, LENGTH)), BLUR, axis=1, mode="reflect")
    x = np.where((at >= 0) & (at <= end), digit, blurred) + rng.normal(0, WHITE, (n, LENGTH))
    x = x - SHEAR * half() * np.linspace(-0.5, 0.5, LENGTH)
    return _sampled(x, np.broadcast_to(np.linspace(0, LENGTH - 1, POINTS), (n, POINTS)))
