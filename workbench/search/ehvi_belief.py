"""What Gaussian processes believe of several losses: one process each, the front among what they know, and a point beyond it.

All is on the scale of the processes' targets (``OutputTransform``: outliers compressed, standardised), so losses of very
different size count alike. The transform is monotone: who dominates whom stays as it is.

The reference point r says what is worth gaining at the ends of the front. It lies beyond the nadir (the worst of the front, loss
by loss) by a share of the range from the best to the worst of *all* trials. The usual rule takes a tenth of the front's own
range; but a young front is a short piece of the whole, and r so near holds the search there: see "Differences" in ``ehvi``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.history import History
from workbench.models.boxes import boxes
from workbench.models.hypervolume_improvement import HypervolumeImprovement
from workbench.models.map_fit import Hyperparameters
from workbench.models.pareto import Bools, non_dominated
from workbench.search.gp_posterior import Posterior, loss, posterior
from workbench.space import Array

MARGIN = 0.3  # between nadir and reference point, of the range of all trials
MOST_ROWS = {4: 150, 5: 50, 6: 24}  # of a front, by the number of losses: more would make too many boxes
MOST_OF_MORE = 12


@dataclass(frozen=True, slots=True, eq=False)
class FrontBelief:
    """What the processes believe. Make one by ``of``.

    Attributes
    ----------
    posteriors
        One for each loss.
    targets
        Of all finished trials and then of the running ones, as they are believed, shape (n + k, m); +inf where a trial failed.
    reference
        The reference point r, shape (m,).
    gain
        Logarithm of EHVI, over the boxes that nobody dominates.
    """

    posteriors: tuple[Posterior, ...]
    targets: Array
    reference: Array
    gain: HypervolumeImprovement

    @classmethod
    def of(cls, history: History, fitted: Sequence[Hyperparameters]) -> FrontBelief:
        """Condition a process for each loss on the history."""
        posteriors = tuple(posterior(history, h, k) for k, h in enumerate(fitted))
        targets = np.stack([_believed(history, p, k) for k, p in enumerate(posteriors)], axis=1)
        targets[: len(history)][~np.isfinite(history.y).all(axis=1)] = np.inf
        worked = targets[np.isfinite(targets).all(axis=1)]
        front = worked[non_dominated(worked)]
        r = reference_point(front, worked) if len(front) else np.ones(len(posteriors))
        return cls(posteriors, targets, r, HypervolumeImprovement.of(*boxes(coarse(front, r), r)))

    @property
    def front(self) -> Bools:
        """Which finished trials nobody dominates, running ones included; shape (n,)."""
        n = len(self.targets) - len(self.posteriors[0].model.y) + len(self.posteriors[0].rows)
        return np.asarray((non_dominated(self.targets) & np.isfinite(self.targets).all(axis=1))[:n])

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return means and deviations of the targets at rows of the unit cube, shape (N, m)."""
        means, deviations = zip(*(p.predict(x) for p in self.posteriors), strict=True)
        return np.stack(means, axis=1), np.stack(deviations, axis=1)

    def losses(self, targets: Array) -> Array:
        """Turn targets (…, m) into losses."""
        return np.stack([p.transform.inverse(targets[..., k]) for k, p in enumerate(self.posteriors)], axis=-1)

    def __call__(self, x: Array) -> Array:
        """Logarithm of EHVI at rows of the unit cube, shape (N,)."""
        return self.gain(*self.predict(x)) if len(x) else np.empty(0)

    def with_gradient(self, Z: Array) -> tuple[Array, Array]:
        """Value at rows of features, (N,), and gradient by them, (N, F)."""
        each = [p.model.predict_with_gradient(Z) for p in self.posteriors]
        mean, sd = np.stack([e[0] for e in each], axis=1), np.sqrt(np.stack([e[1] for e in each], axis=1))
        value, by_mean, by_sd = self.gain.with_gradient(mean, sd)
        gradient = sum(by_mean[:, [k]] * d_mean + (by_sd[:, k] / (2.0 * sd[:, k]))[:, None] * d_variance
                       for k, (_, _, d_mean, d_variance) in enumerate(each))
        return value, np.asarray(gradient)


def _believed(history: History, p: Posterior, k: int) -> Array:
    """Targets of all trials, (n + k,): the posterior mean for running ones, and for all known ones if the loss is noisy."""
    known = p.model.fitted_mean() if p.is_noisy else p.model.y
    finished = p.transform.forward(loss(history, k))
    if p.is_noisy:
        finished[p.rows] = known[: len(p.rows)]
    return np.concatenate([finished, known[len(p.rows):]])


def reference_point(front: Array, targets: Array) -> Array:
    """Return what lies beyond the nadir of a front (K, m) by a share of the range of all targets (n, m).

    Where all are equal the range counts as 1.
    """
    span = np.ptp(targets, axis=0)
    return np.asarray(front.max(axis=0) + MARGIN * np.where(span > 0, span, 1.0))


def coarse(front: Array, reference: Array) -> Array:
    """Thin out a front of four or more losses that would make too many boxes.

    Its rows are moved to the better corners of a grid, ever coarser until few enough of them do not dominate each other
    (ε-dominance, Laumanns et al. 2002). So the gain near known rows is underrated, never overrated: no trial is repeated.
    """
    m = front.shape[1]
    most = MOST_ROWS.get(m, MOST_OF_MORE) if m > 3 else len(front)
    thin, cells = front, 64
    while len(thin) > most:
        low = front.min(axis=0)
        width = (reference - low) / cells
        moved = np.unique(low + np.floor((front - low) / width) * width, axis=0)
        thin, cells = moved[non_dominated(moved)], cells // 2
    return thin
