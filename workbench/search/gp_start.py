"""What searches with Gaussian processes try before there is a model."""

from __future__ import annotations

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.search.beliefs import Beliefs
from workbench.search.gp_candidates import keys
from workbench.search.untried import at_random
from workbench.space import Array

N_POINTS = 64  # random points drawn at once to start with


def start_point(history: History, seen: set[bytes], rng: np.random.Generator, n_startup: int,
                beliefs: Beliefs | None = None) -> Suggestion:
    """Take the next start point that is untried: a random one, or every second time one of the belief.

    Parameters
    ----------
    seen
        Keys of finished and running trials.
    n_startup
        How many there will be, for the explanation.
    """
    number = len(history) + len(history.pending)
    points = _random_points(history)
    if beliefs:
        # the others stay as they are without a belief, so that a wrong one spoils half of the start at most
        points = points.copy()
        points[::2] = beliefs.sample(len(points) // 2, np.random.default_rng([history.seed, 8]))
    for k, key in enumerate(keys(points[number:]), start=number):
        if key not in seen:
            how = "draw from your belief" if beliefs and k % 2 == 0 else "random point"
            place = f"{number + 1} of {n_startup} to start with" if number < n_startup else "until there are two results"
            return Suggestion(points[k], Drawn(f"{how} {place}"))
    return at_random(history, rng, "no start point is left that is new")


def _random_points(history: History) -> Array:
    """Return the run's points to start with, shape (N_POINTS, d): they depend on its seed alone and are drawn once."""
    key = ("gp start", history.space, history.seed)
    if key not in history.memo:
        history.memo[key] = history.space.sample_unit(N_POINTS, np.random.default_rng([history.seed, 3]))
    points: Array = history.memo[key]
    return points
