"""Where is an acquisition function of a forest highest? SMAC's search for challengers.

Hutter, Hoos & Leyton-Brown 2011, section 4.3; Lindauer et al. 2022 (SMAC3, ``LocalAndSortedRandomSearch``). A forest is a
step function, so nothing can be climbed by gradients::

    1. score random points, and random changes of the best trials
    2. from the trials with the best predictions and the best of 1, together:
       move to the best neighbour, or to an equal one; a neighbour differs in one parameter (one-exchange)
       numbers move by N(0, σ²), σ = 0.05 at first; three improvements in a row double it, none halves it
       a search ends after three rounds without improvement
    3. rank all, equals at random, and leave out what was tried or is running

Differences from SMAC: all neighbours of all searches are scored at once, where SMAC3 looks at 2, 4, … 64 of them and takes
the first improvement; the width σ adapts, where SMAC's is 0.2 throughout; ordered levels move by exact steps; a fifth of the
points in 1 are changes of the best trials, and there are 2500, where the paper has 10,000; local searches start from the
trials with the best predictions, where the paper takes those with the largest expected improvement.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workbench.search.gp_candidates import mutations, neighbours, untried
from workbench.space import Array, Space

Score = Callable[[Array], Array]

N_RANDOM, N_CHANGED = 2000, 500  # points of step 1
N_PARENTS = 5  # best trials that are changed at random
N_TRIALS = 10  # best trials that a local search starts from
N_POINTS = 5  # best points of step 1 that one starts from
N_MOVES = 4  # neighbours per number, as in SMAC
ROUNDS = 12  # at most: a bound on the time of a suggestion
PATIENCE = 3  # rounds without improvement that end a search; improvements in a row that double its σ
SIGMA, SIGMA_LEAST, SIGMA_MOST = 0.05, 0.005, 0.4  # at first, and bounds
SHORTLIST = 400  # ranked points that are looked through for an untried one


def one_exchange(space: Space, x: Array, sigma: Array, rng: np.random.Generator) -> tuple[Array, NDArray[np.intp]]:
    """Return allowed neighbours of the rows of x, (m, d), and which row each belongs to, (m,)."""
    points, owner = neighbours(space, x, rng)  # one discrete change
    rows, owners = [points], [owner]
    for j, column in enumerate(space.columns):
        if column.kind == "float":
            mine = np.repeat(np.flatnonzero(~np.isnan(x[:, j])), N_MOVES)
            moved = x[mine]
            u = np.abs(moved[:, j] + sigma[mine] * rng.standard_normal(len(mine)))  # ~ N(u, σ²), reflected at 0 …
            moved[:, j] = np.clip(1.0 - np.abs(1.0 - u), 0.0, 1.0)  # … and at 1
            rows.append(moved)
            owners.append(mine)
    out, owner = space.snap(np.vstack(rows)), np.concatenate(owners)
    allowed = ~space.is_forbidden(out)
    return out[allowed], owner[allowed]


def local_search(score: Score, space: Space, x: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Improve all rows of x side by side; return where they end and the scores there."""
    x, scores = x.copy(), score(x)
    sigma = np.full(len(x), SIGMA)
    gained, stuck = np.zeros(len(x), dtype=int), np.zeros(len(x), dtype=int)
    for _ in range(ROUNDS):
        live = np.flatnonzero(stuck < PATIENCE)
        if not len(live):
            break
        points, owner = one_exchange(space, x[live], sigma[live], rng)
        values, owner = score(points), live[owner]
        better = np.zeros(len(x), dtype=bool)
        for top in _best_of_each(values, owner, rng):
            i = owner[top]
            better[i] = values[top] > scores[i]
            if values[top] >= scores[i]:  # an equal one too: a walk along the plateau
                x[i], scores[i] = points[top], values[top]
        gained, stuck = np.where(better, gained + 1, 0), np.where(better, 0, stuck + 1)
        wider = gained == PATIENCE
        sigma = np.where(wider, np.minimum(2 * sigma, SIGMA_MOST), np.where(better, sigma, np.maximum(sigma / 2, SIGMA_LEAST)))
        gained[wider] = 0
    return x, scores


def _best_of_each(values: Array, owner: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Row of the highest value of each owner, one of the equal ones at random."""
    order = np.lexsort((rng.random(len(values)), -values, owner))
    return order[np.unique(owner[order], return_index=True)[1]]


def ranked(x: Array, scores: Array, seen: set[bytes], rng: np.random.Generator) -> tuple[Array, Array]:
    """Sort by score, equals at random; leave out what is in ``seen`` or stands there twice."""
    order = np.lexsort((rng.random(len(x)), -scores))[:SHORTLIST + len(seen)]
    fresh = untried(x, order, seen)
    return x[fresh], scores[fresh]


def challengers(score: Score, space: Space, trials: Array, seen: set[bytes],
                rng: np.random.Generator) -> tuple[Array, Array]:
    """Return untried allowed points and their scores, the best first; possibly none.

    Parameters
    ----------
    score, space
        What to maximise, and where.
    trials
        Finished trials, the best predicted first, shape (k, d).
    seen
        Keys of finished and running trials.
    rng
        Of the trial.
    """
    changed = mutations(space, trials[:N_PARENTS], N_CHANGED, rng)
    x = np.vstack([space.sample_unit(N_RANDOM, rng), changed[~space.is_forbidden(changed)]])
    scores = score(x)
    top = np.lexsort((rng.random(len(x)), -scores))[:N_POINTS]
    found, found_scores = local_search(score, space, np.vstack([trials[:N_TRIALS], x[top]]), rng)
    return ranked(np.vstack([found, x]), np.concatenate([found_scores, scores]), seen, rng)
