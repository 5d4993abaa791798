"""Where would a trial tell most about the minimum per second? Candidates over configurations and shares, then around the best.

1. representers: of many configurations on all the data, a draw without replacement with weights EI (Hennig & Schuler's measure);
2. candidates: these and configurations spread over the space, each on a grid of shares;
3. four times: change configuration and share of the best few, by smaller and smaller steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.history import History
from workbench.models.acquisition import log_expected_improvement
from workbench.models.information_gain import InformationGain
from workbench.search.fabolas_belief import SubsetBelief
from workbench.search.gp_candidates import keys, mutations, sobol, spread, untried
from workbench.space import Array

N_REPRESENTERS = 40
N_POOL, N_NEAR, N_BASE = 1024, 512, 5  # configurations that representers are drawn from: spread out, and near the best few
N_SPREAD = 24  # configurations among the candidates besides the representers
N_SHARES = 9
N_TOP, N_AROUND = 4, 48
STEPS = (0.2, 0.1, 0.05, 0.02)  # of the share's position


@dataclass(frozen=True, slots=True, eq=False)
class GainPerSecond:
    """The acquisition function, Klein et al. 2017, eq. 8: bits per second.

    Attributes
    ----------
    belief, gain
        What is believed, and the gain of a trial.
    overhead_s
        Seconds that every trial takes besides its training.
    """

    belief: SubsetBelief
    gain: InformationGain
    overhead_s: float

    def __call__(self, x: Array) -> Array:
        """Value at rows of the unit cube, shape (m,)."""
        if not len(x):
            return np.empty(0)
        return np.asarray(self.gain(*self.belief.features(x)) / (self.belief.seconds(x) + self.overhead_s))


def representers(history: History, belief: SubsetBelief, rng: np.random.Generator) -> Array:
    """Draw configurations where the minimum may be, on all the data, shape (R, d), the incumbent among them."""
    space, share = history.space, belief.share
    mean, _ = belief.predict(belief.tried)
    base = belief.tried[np.argsort(mean, kind="stable")[:N_BASE]]
    pool = np.vstack([base, share.place(np.vstack([spread(space, sobol(history)[:N_POOL], rng),
                                                   mutations(space, base, N_NEAR, rng)]), 1.0)])
    pool = pool[~space.is_forbidden(pool) | (np.arange(len(pool)) == 0)]
    pool = pool[np.sort(np.unique(keys(pool), return_index=True)[1])]
    mu, sd = belief.predict(pool)
    # the largest log w + Gumbel noise are a draw without replacement with weights w
    score = log_expected_improvement(mu, sd, float(mean.min())) + rng.gumbel(size=len(pool))
    score[0] = np.inf
    return np.asarray(pool[np.argsort(-score, kind="stable")[:N_REPRESENTERS]])


def maximise(history: History, value: GainPerSecond, places: Array, seen: set[bytes],
             rng: np.random.Generator) -> tuple[Array, Array]:
    """Return untried allowed points and their gain per second, the best first; possibly none.

    Parameters
    ----------
    places
        The representers.
    seen
        Keys of finished and running trials.
    """
    space, share = history.space, value.belief.share
    configs = np.vstack([places, spread(space, sobol(history)[:N_SPREAD], rng)])
    grid = np.linspace(0.0, 1.0, N_SHARES) if share.column is not None and share.low < share.high else np.ones(1)
    x = share.place(np.repeat(configs, len(grid), axis=0), np.tile(grid, len(configs)))
    x, scores = _scored(value, x, seen)
    for step in STEPS:
        if not len(x):
            break
        near = mutations(space, x[:N_TOP], N_AROUND, rng)
        same = rng.random(N_AROUND) < 0.25  # these move along the share alone
        near[same] = x[rng.integers(min(N_TOP, len(x)), size=int(same.sum()))]
        s = share.position(near) + step * rng.standard_normal(N_AROUND)
        known = seen | set(keys(x))
        more, more_scores = _scored(value, share.place(near, np.clip(s, 0.0, 1.0)), known)
        x, scores = np.vstack([x, more]), np.append(scores, more_scores)
        order = np.argsort(-scores, kind="stable")
        x, scores = x[order], scores[order]
    return x, scores


def _scored(value: GainPerSecond, x: Array, seen: set[bytes]) -> tuple[Array, Array]:
    """Rows that are allowed and new, and their values, the best first."""
    x = x[~value.belief.space.is_forbidden(x)]
    x = x[untried(x, np.arange(len(x)), seen)]
    scores = value(x)
    order = np.argsort(-scores, kind="stable")
    return x[order], scores[order]
