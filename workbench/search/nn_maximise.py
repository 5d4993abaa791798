"""Where is log-EI of a neural surrogate highest? Candidates everywhere and near the best; climbing from the best of them.

Like gp_maximise.py, without length-scales: networks have none. Spaces of up to 4096 configurations are searched whole.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import fmin_l_bfgs_b

from workbench.history import History
from workbench.models.acquisition import climbable, log_expected_improvement
from workbench.search.gp_candidates import all_configs, keys, mutations, neighbours, sobol, spread
from workbench.search.nn_belief import NeuralBelief
from workbench.space import Array, Space

N_SPREAD = 1024
N_LOCAL = 512
N_BASE = 5  # best trials whose surroundings are searched
N_STARTS = 6
ROUNDS = 2
SHORTLIST = 400  # scored points that are looked through for an untried one


def log_ei(belief: NeuralBelief, x: Array, best: float) -> Array:
    """Value at rows of the unit cube, shape (m,)."""
    return log_expected_improvement(*belief.predict(x), best) if len(x) else np.empty(0)


def climb(belief: NeuralBelief, x: Array, best: float) -> Array:
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


def step(belief: NeuralBelief, x: Array, scores: Array, best: float, space: Space, rng: np.random.Generator) -> Array:
    """Move each row to its best allowed discrete neighbour, if better."""
    points, owner = neighbours(space, x, rng)
    allowed = ~space.is_forbidden(points)
    points, owner = points[allowed], owner[allowed]
    values = log_ei(belief, points, best)
    x = x.copy()
    for i in range(len(x)):
        mine = np.flatnonzero(owner == i)
        if len(mine) and values[mine].max() > scores[i]:
            x[i] = points[mine[np.argmax(values[mine])]]
    return x


def refine(belief: NeuralBelief, x: Array, best: float, space: Space, rng: np.random.Generator) -> Array:
    """Climb from the rows of x, alternating continuous ascent and discrete steps; none gets worse."""
    scores = log_ei(belief, x, best)
    for _ in range(ROUNDS):
        for moved in (climb(belief, x, best), None):
            new = step(belief, x, scores, best, space, rng) if moved is None else moved
            values = log_ei(belief, new, best)
            better = (values > scores) & ~space.is_forbidden(new)
            x, scores = np.where(better[:, None], new, x), np.where(better, values, scores)
    return x


def maximise(belief: NeuralBelief, history: History, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return untried allowed points and their values, the best first; possibly none."""
    space, best = history.space, belief.best
    x = all_configs(space)
    if x is None:
        everywhere = spread(space, _sobol(history), rng)
        near = mutations(space, history.x[belief.best_rows(N_BASE)], N_LOCAL, rng)
        x = np.vstack([everywhere, near])
        x = x[~space.is_forbidden(x)]
        first = np.argsort(-log_ei(belief, x, best), kind="stable")[:N_STARTS]
        if len(first):
            x = np.vstack([refine(belief, x[first], best, space, rng), x])
    scores = log_ei(belief, x, best)
    return untried(x, scores, history)


def untried(x: Array, scores: Array, history: History) -> tuple[Array, Array]:
    """Order points by score, without those that are finished, running or twice there."""
    order = np.argsort(-scores, kind="stable")
    known = set(keys(np.vstack([history.x, history.pending])))
    fresh: list[int] = []
    for i, key in zip(order, keys(x[order]), strict=True):
        if len(fresh) == SHORTLIST:
            break
        if key not in known:
            known.add(key)
            fresh.append(int(i))
    return x[fresh], scores[fresh]


def _sobol(history: History) -> Array:
    """Return the run's Sobol points: they depend on its seed alone."""
    key = ("neural", "sobol", len(history.space), history.seed)
    if key not in history.memo:
        history.memo[key] = sobol(len(history.space), history.seed)[1][:N_SPREAD]
    points: Array = history.memo[key]
    return points
