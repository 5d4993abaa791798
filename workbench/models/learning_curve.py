"""How will this learning curve go on? The rest of a trial's losses, with bands, and whether it will beat the best.

Domhan, Springenberg & Hutter 2015, "Speeding up automatic hyperparameter optimization of deep neural networks by
extrapolation of learning curves" (IJCAI):

1. Bring the losses of the first steps to a common form: rising, from about 0.1 to about 0.7, first step 1.
2. Draw from the posterior of a weighted combination of eleven parametric families, and of the noise (curve_posterior.py).
3. P(y_T beats best | y_1, …, y_n) = average over the draws of Φ((f_comb(T) - best) / s_T). The paper stops a trial below 0.05.

A curve need not be a loss: ``lower_is_better=False`` takes accuracies. Losses have no natural range (a log loss has no largest
value, a squared error any unit), so the common form is an affine map that the observed part of the curve sets: its worst value
goes to 0.1 and its best to 0.7. The answer then moves with the unit and the origin of the loss, and a curve of errors gets the
mirrored answer of the curve of accuracies. What the map loses is that an accuracy ends at 1.

Points that are not finite are left out; so are points at the beginning that lie more than a hundred times farther from the best
than the median point does: they would press the rest into a line (the authors' program also cuts the beginning).

Notation
--------
========  =====================================================================
``x, z``  steps and values in common form
``n, T``  last observed step, and the step that is asked about
``mu``    f_comb of each draw at the steps asked for, (S, m)
``s_T``   deviation of what will be seen at T: s_T² = σ² + (DRIFT log(T / n))²
========  =====================================================================

Differences from the paper: the map; the prior and the sampler (curve_posterior.py). The paper's s_T is σ alone, as if one of the
combinations were the truth: measured on real curves, its band of 80 % then holds 66 %. The drift is what no family foresees: it
grows with the logarithm of the step, from nothing at the last point. A curve without a finite point has no
posterior, and the probability is then 1, as in the authors' program: nothing is stopped for want of knowledge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from workbench.models.curve_families import FAMILIES
from workbench.models.curve_posterior import Draws, draw
from workbench.space import Array

LOWEST, SPAN = 0.1, 0.6  # where the common form puts the worst observed value, and how far above the best
FAR = 100.0  # times the median distance from the best: farther points at the beginning are left out
DRIFT = 0.05  # in common form, for every factor e beyond the last point; measured (benchmarks/learning_curves.py)
_BISECTIONS = 60
_DIGITS = 12  # of the common form: a last digit may turn one move, and that the whole chain


@dataclass(frozen=True, slots=True)
class CommonForm:
    """The map between a curve and its common form.

    Attributes
    ----------
    worst, span
        The value that becomes 0.1, and the distance from it that becomes 0.6.
    lower_is_better
        Whether the curve is one of losses.
    first
        The step that becomes 1.
    """

    worst: float
    span: float
    lower_is_better: bool
    first: float

    @classmethod
    def of(cls, steps: Array, values: Array, *, lower_is_better: bool) -> CommonForm:
        """Take the map from the observed part of a curve; a constant curve spans its own size."""
        lowest, highest = float(values.min()), float(values.max())
        span = highest / 2 - lowest / 2  # halves: the difference of large numbers may be infinite
        if not span > 1e-9 * max(abs(lowest), abs(highest)):
            span = max(abs(lowest), abs(highest)) / 2 or 0.5
        return cls(highest if lower_is_better else lowest, span, lower_is_better, float(steps[0]))

    @property
    def sign(self) -> float:
        """Direction in which the curve gets better."""
        return -1.0 if self.lower_is_better else 1.0

    def z(self, values: ArrayLike) -> Array:
        """Bring values to the common form."""
        halves = np.asarray(values, dtype=float) / 2 - self.worst / 2
        return np.asarray(LOWEST + SPAN * (self.sign * halves / self.span))

    def values(self, z: ArrayLike) -> Array:
        """Bring values back from the common form."""
        with np.errstate(over="ignore"):
            return np.asarray(self.worst + self.sign * self.size(np.asarray(z, dtype=float) - LOWEST))

    def size(self, z: ArrayLike) -> Array:
        """Bring differences back from the common form."""
        with np.errstate(over="ignore"):
            return np.asarray(2 * self.span * (np.asarray(z, dtype=float) / SPAN))

    def x(self, steps: ArrayLike) -> Array:
        """Bring steps to the common form."""
        return np.asarray(np.asarray(steps, dtype=float) / self.first)


@dataclass(frozen=True, slots=True, eq=False)
class CurvePosterior:
    """What is believed about the rest of a curve. Make one with ``posterior``.

    Attributes
    ----------
    form
        The map to the common form.
    draws
        Of the combination, in common form.
    steps, values
        The points that were used.
    at_step
        T, up to which the curve is believed not to get worse.
    """

    form: CommonForm
    draws: Draws
    steps: Array
    values: Array
    at_step: float

    def samples(self, steps: ArrayLike, n: int | None = None) -> Array:
        """Return curves of the posterior at steps (m,), for a fan: all draws (S, m), or n of them spread over the chain.

        They are combinations of families, without noise and drift: narrower than the band between two ``quantiles``.
        """
        mu = self._mu(steps)
        rows = slice(None) if n is None else np.linspace(0, len(mu) - 1, min(n, len(mu))).round().astype(int)
        return self.form.values(mu[rows])

    def predict(self, steps: ArrayLike) -> tuple[Array, Array]:
        """Return mean and standard deviation of the values that will be seen at steps (m,), noise included; (m,) each."""
        mu = self._mu(steps)
        sd = np.sqrt(mu.var(axis=0) + (self._spread(steps) ** 2).mean(axis=0))
        return self.form.values(mu.mean(axis=0)), self.form.size(sd)

    def quantiles(self, steps: ArrayLike, q: Sequence[float] = (0.1, 0.5, 0.9)) -> Array:
        """Return quantiles of the values that will be seen at steps (m,), the noise included; (len(q), m), lowest first.

        They solve Φ((z - mu) / s_T) = q, averaged over the draws, by bisection.
        """
        mu, spread = self._mu(steps), self._spread(steps)  # (S, m)
        share = np.asarray(q, dtype=float)[:, None]
        if not ((share > 0) & (share < 1)).all():
            raise ValueError(f"quantiles must lie between 0 and 1, got {q!r}.")
        share = 1 - share if self.form.lower_is_better else share
        low = np.broadcast_to((mu - 10 * spread).min(axis=0), (len(share), mu.shape[1]))
        high = np.broadcast_to((mu + 10 * spread).max(axis=0), low.shape)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            below = ndtr((middle[:, None] - mu) / spread).mean(axis=1) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return self.form.values((low + high) / 2)

    def probability_of_beating(self, best: float, step: float | None = None) -> float:
        """Return P(the value seen at ``step`` is better than ``best``); at ``at_step`` if no step is given."""
        if math.isnan(best):
            raise ValueError("the best value to beat must be a number, got nan.")
        at = [self.at_step if step is None else step]
        return float(ndtr((self._mu(at) - self.form.z(best)) / self._spread(at)).mean())

    def family_weights(self) -> dict[str, float]:
        """Return the posterior mean of each family's weight."""
        return {family.name: float(w) for family, w in zip(FAMILIES, self.draws.w.mean(axis=0), strict=True)}

    def _spread(self, steps: ArrayLike) -> Array:
        """Return s_T of every draw at steps (m,); (S, m)."""
        ahead = np.maximum(np.log(np.asarray(steps, dtype=float) / self.steps[-1]), 0.0)
        return np.asarray(np.hypot(self.draws.sigma[:, None], DRIFT * ahead))

    def _mu(self, steps: ArrayLike) -> Array:
        x = self.form.x(steps)
        if not ((x >= 1) & np.isfinite(x)).all():
            raise ValueError(f"steps must be finite and not before the first one used, {self.steps[0]:g}, got {steps!r}.")
        return self.draws.combination(x)


# ---- from a curve to its posterior -------------------------------------------------------------------------------------


def usable(steps: Array, values: Array, *, lower_is_better: bool) -> tuple[Array, Array]:
    """Leave out points that are not finite, and points at the beginning that would press the rest into a line."""
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    if not len(values):
        return steps, values
    best = values.min() if lower_is_better else values.max()
    behind = np.abs(values / 2 - best / 2)
    far = behind / FAR > np.median(behind) if np.median(behind) > 0 else np.zeros(len(values), dtype=bool)
    first = int(np.argmin(far))  # the first point that is not far
    return steps[first:], values[first:]


def posterior(curve: ArrayLike, at_step: float, seed: int = 0, *, steps: ArrayLike | None = None,
              lower_is_better: bool = True) -> CurvePosterior:
    """Extrapolate a curve to ``at_step``.

    Parameters
    ----------
    curve
        Values seen so far, (n,), oldest first; nan and infinite values are left out.
    at_step
        The step that matters, T; not before the last one of the curve.
    seed
        The same curve and seed give the same posterior.
    steps
        Where the values were seen, (n,), positive and rising; 1, 2, …, n if not given. In any unit.
    lower_is_better
        Whether the values are losses.

    Raises
    ------
    ValueError
        No value is finite, or the steps are not as described.
    """
    values, steps = _checked(curve, at_step, steps)
    steps, values = usable(steps, values, lower_is_better=lower_is_better)
    if not len(values):
        raise ValueError("a curve needs at least one finite value to be extrapolated, got none.")
    form = CommonForm.of(steps, values, lower_is_better=lower_is_better)
    z = form.z(values).round(_DIGITS)
    draws = draw(form.x(steps), z, float(at_step) / form.first, np.random.default_rng(seed))
    return CurvePosterior(form, draws, steps, values, float(at_step))


def probability_of_beating(curve: ArrayLike, best: float, at_step: float, *, seed: int = 0, steps: ArrayLike | None = None,
                           lower_is_better: bool = True) -> float:
    """Return P(the curve is better than ``best`` at ``at_step``); 1 if it has no finite value. Arguments as of ``posterior``."""
    values, _ = _checked(curve, at_step, steps)
    if not np.isfinite(values).any() and not math.isnan(best):
        return 1.0
    return posterior(curve, at_step, seed, steps=steps, lower_is_better=lower_is_better).probability_of_beating(best)


def _checked(curve: ArrayLike, at_step: float, steps: ArrayLike | None) -> tuple[Array, Array]:
    values = np.asarray(curve, dtype=float)
    places = np.arange(1.0, values.size + 1) if steps is None else np.asarray(steps, dtype=float)
    if values.ndim != 1 or places.shape != values.shape:
        raise ValueError(f"a curve and its steps must be two rows of equal length, got shapes {values.shape} and {places.shape}.")
    if not ((places > 0) & np.isfinite(places)).all() or (np.diff(places) <= 0).any():
        raise ValueError(f"steps must be positive and rise, got {places}. Count steps from 1.")
    if not math.isfinite(at_step) or (places.size and at_step < places[-1]) or at_step <= 0:
        raise ValueError(f"at_step must not be before the last step of the curve, got {at_step} after "
                         f"{places[-1] if places.size else 0:g}.")
    return values, places
