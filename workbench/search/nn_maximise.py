"""Where is log-EI of a smooth surrogate highest? Candidates everywhere and near the best; climbing from the best of them.

Like gp_maximise.py, without length-scales: networks have none. What knows its gradients can be climbed here, the arc kernel
too. Spaces of up to 4096 configurations are searched whole.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import fmin_l_bfgs_b

from workbench.history import History
from workbench.models.acquisition import climbable, log_expected_improvement
from workbench.search.gp_candidates import all_configs, keys, mutations, sobol, spread, untried
from workbench.search.gp_maximise import step_to_neighbours
from workbench.search.surrogate_why import Incumbents
from workbench.space import Array, Space

N_SPREAD = 1024
N_LOCAL = 512
N_BASE = 5  # best trials whose surroundings are searched
N_STARTS = 6
ROUNDS = 2


class Coordinates(Protocol):
    """What a belief is a smooth function of."""

    @property
    def floats(self) -> NDArray[np.intp]:
        """Columns of the space that are continuous."""
        ...

    @property
    def float_features(self) -> NDArray[np.intp]:
        """Their features, in the same order: the unit values themselves."""
        ...

    def __call__(self, x: Array) -> Array:
        """Turn rows of the unit cube into features that can be changed."""
        ...


class Smooth(Incumbents, Protocol):
    """A belief that knows its gradients."""

    @property
    def features(self) -> Coordinates:
        """Between points and features."""
        ...

    def predict_with_gradient(self, Z: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and deviation at features (m, F), and their gradients by them, (m, F)."""
        ...


def log_ei(belief: Smooth, x: Array, best: float) -> Array:
    """Value at rows of the unit cube, shape (m,)."""
    return log_expected_improvement(*belief.predict(x), best) if len(x) else np.empty(0)


def climb(belief: Smooth, x: Array, best: float) -> Array:
    """Move the active continuous parameters of all rows uphill, together, by L-BFGS-B within the cube."""
    columns = belief.features.floats
    free = ~np.isnan(x[:, columns])  # (k, n_floats)
    if not free.any():
        return x
    Z = belief.features(x)
    rows, floats = np.nonzero(free)
    cells = (rows, belief.features.float_features[floats])

    def descent(v: Array) -> tuple[float, Array]:
        Z[cells] = v
        mean, sd, d_mean, d_sd = belief.predict_with_gradient(Z)
        value, by_mean, by_sd = climbable("log_ei", mean, sd, best, 0.0)
        gradient = by_mean[:, None] * d_mean + by_sd[:, None] * d_sd
        return -float(value.sum()), -gradient[cells]

    start = Z[cells].copy()
    v, _, _ = fmin_l_bfgs_b(descent, start, bounds=[(0.0, 1.0)] * len(start), maxiter=25, maxfun=40)
    moved = x.copy()
    moved[rows, columns[floats]] = np.clip(v, 0.0, 1.0)
    return moved


def refine(belief: Smooth, x: Array, best: float, space: Space, rng: np.random.Generator) -> Array:
    """Climb from the rows of x, alternating continuous ascent and discrete steps; none gets worse."""
    scores = log_ei(belief, x, best)
    for _ in range(ROUNDS):
        higher = climb(belief, x, best)  # never into what is forbidden: forbidden clauses name levels and options
        values = log_ei(belief, higher, best)
        better = values > scores
        x, scores = np.where(better[:, None], higher, x), np.where(better, values, scores)
        x, scores, _ = step_to_neighbours(lambda points: log_ei(belief, points, best), x, scores, space, rng)
    return x


def maximise(belief: Smooth, history: History, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return untried allowed points and their values, the best first; possibly none."""
    space, best = history.space, belief.best
    x = all_configs(space)
    if x is None:
        everywhere = spread(space, sobol(history)[:N_SPREAD], rng)
        near = mutations(space, history.x[belief.best_rows(N_BASE)], N_LOCAL, rng)
        x = np.vstack([everywhere, near])
        x = x[~space.is_forbidden(x)]
        first = np.argsort(-log_ei(belief, x, best), kind="stable")[:N_STARTS]
        if len(first):
            x = np.vstack([refine(belief, x[first], best, space, rng), x])
    scores = log_ei(belief, x, best)
    return ranked(x, scores, history)


def ranked(x: Array, scores: Array, history: History) -> tuple[Array, Array]:
    """Order points by score, without those that are finished, running or twice there."""
    fresh = untried(x, np.argsort(-scores, kind="stable"), set(keys(np.vstack([history.x, history.pending]))))
    return x[fresh], scores[fresh]
