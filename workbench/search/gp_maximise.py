"""Where is an acquisition function highest? Candidates everywhere, then climbing from the best of them.

1. score shifted Sobol points and mutations of the best trials;
2. take the three best of each kind as starts;
3. twice: climb on the continuous parameters, all starts in one L-BFGS-B, steps scaled by the length-scales; then move
   each start to its best neighbour by one discrete change;
4. the best point that has not been tried and is not running.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import fmin_l_bfgs_b

from workbench.history import History
from workbench.search.gp_acquisition import Surface
from workbench.search.gp_candidates import all_configs, keys, mutations, neighbours, sobol, spread, untried
from workbench.search.gp_posterior import N_FIT
from workbench.space import Array, Space

N_LOCAL, LEAST_LOCAL = 512, 256  # mutations, up to N_FIT trials and with many
LEAST_SPREAD = 512  # Sobol points with many trials; up to N_FIT all of them
N_STARTS = 6  # half from the Sobol points, half from the mutations
ROUNDS = 2
SHORTLIST = 400  # scored points, besides as many as were tried, that are looked through for untried ones


def climb(acquisition: Surface, x: Array) -> Array:
    """Move the active continuous parameters of all rows uphill, together, by L-BFGS-B within the cube."""
    features = acquisition.posteriors[0].features
    columns = features.floats
    free = ~np.isnan(x[:, columns])  # (k, n_floats)
    if not free.any():
        return x
    Z = features(x)
    # in units of the (shortest) length-scale all directions are about equally curved; very long ones count as 10
    shortest = np.min([p.model.lengthscale for p in acquisition.posteriors], axis=0)
    unit = np.minimum(shortest[features.float_features], 10.0)
    scale = np.broadcast_to(1.0 / unit, free.shape)[free]
    rows, floats = np.nonzero(free)
    cells = (rows, features.float_features[floats])

    def descent(v: Array) -> tuple[float, Array]:
        Z[cells] = v / scale
        value, gradient = acquisition.with_gradient(Z)
        return -float(value.sum()), -gradient[cells] / scale

    start = x[:, columns][free] * scale
    v, _, _ = fmin_l_bfgs_b(descent, start, bounds=[(0.0, float(s)) for s in scale], maxiter=40, maxfun=60,
                            pgtol=1e-4, factr=1e9)
    moved = x.copy()
    moved[rows, columns[floats]] = np.clip(v / scale, 0.0, 1.0)
    return moved


def step_to_neighbours(acquisition: Callable[[Array], Array], x: Array, scores: Array, space: Space,
                       rng: np.random.Generator) -> tuple[Array, Array, bool]:
    """Move each row to its best allowed discrete neighbour, if better. Return rows, scores, whether any moved."""
    points, owner = neighbours(space, x, rng)
    allowed = ~space.is_forbidden(points)
    owner, points = owner[allowed], points[allowed]
    values = acquisition(points)
    x, scores, moved = x.copy(), scores.copy(), False
    for i in range(len(x)):
        mine = np.flatnonzero(owner == i)
        if len(mine):
            top = mine[np.argmax(values[mine])]
            if values[top] > scores[i] + 1e-9:
                x[i], scores[i], moved = points[top], values[top], True
    return x, scores, moved


def refine(acquisition: Surface, x: Array, scores: Array, space: Space,
           rng: np.random.Generator) -> tuple[Array, Array]:
    """Climb from the rows of x, alternating continuous ascent and discrete steps."""
    for _ in range(ROUNDS):
        higher = climb(acquisition, x)
        values = acquisition(higher) if higher is not x else scores
        better = values > scores
        x, scores = np.where(better[:, None], higher, x), np.where(better, values, scores)
        x, scores, moved = step_to_neighbours(acquisition, x, scores, space, rng)
        if not moved:
            break
    return x, scores


def best_untried(acquisition: Surface, history: History, *, base: Array, seen: set[bytes],
                 rng: np.random.Generator) -> tuple[Array, Array]:
    """Return untried allowed points and their values, the best first; possibly none. Small discrete spaces are tried whole."""
    configs = all_configs(history.space)
    if configs is None:
        return maximise(acquisition, history.space, sobol=sobol(history), base=base, seen=seen, rng=rng)
    x = configs[[key not in seen for key in keys(configs)]]
    scores = acquisition(x)
    order = np.argsort(-scores, kind="stable")
    return x[order], scores[order]


def maximise(acquisition: Surface, space: Space, *, sobol: Array, base: Array, seen: set[bytes],
             rng: np.random.Generator) -> tuple[Array, Array]:
    """Return untried allowed points and their values, the best first; possibly none.

    Parameters
    ----------
    acquisition, space
        What to maximise, and where.
    sobol
        Points to spread over the space, shape (m, d).
    base
        Best finished trials, whose surroundings are searched, shape (b, d).
    seen
        Keys of finished and running trials.
    rng
        Of the trial.
    """
    n = len(acquisition.posteriors[0].model.y)
    shrink = min(1.0, N_FIT / n)  # a prediction costs O(n²)
    everywhere = spread(space, sobol[:max(LEAST_SPREAD, int(len(sobol) * shrink))], rng)
    near = mutations(space, base, max(LEAST_LOCAL, int(N_LOCAL * shrink)), rng)
    x = np.vstack([everywhere, near])
    allowed = ~space.is_forbidden(x)
    n_everywhere = int(allowed[:len(everywhere)].sum())
    x = x[allowed]
    scores = acquisition(x)
    half = N_STARTS // 2
    first = np.argsort(-scores[:n_everywhere], kind="stable")[:half]
    second = n_everywhere + np.argsort(-scores[n_everywhere:], kind="stable")[:N_STARTS - half]
    starts = np.concatenate([first, second])
    if len(starts):
        top, top_scores = refine(acquisition, x[starts], scores[starts], space, rng)
        x, scores = np.vstack([top, x]), np.concatenate([top_scores, scores])
    order = np.argsort(-scores, kind="stable")[:SHORTLIST + len(seen)]
    fresh = untried(x, order, seen)
    return x[fresh], scores[fresh]
