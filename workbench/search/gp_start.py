"""What searches with Gaussian processes try before there is a model, and when it has nothing new to say."""

from __future__ import annotations

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.search.beliefs import Beliefs
from workbench.search.gp_candidates import all_configs, keys, unseen_at_random
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
    points, how = _random_points(history).copy(), "random point"
    if beliefs:
        # the others stay as they are without a belief, so that a wrong one spoils half of the start at most
        points[::2] = beliefs.sample(len(points) // 2, np.random.default_rng([history.seed, 8]))
        how = "draw from your belief" if number % 2 == 0 else how
    points = points[number:]
    fine = np.array([key not in seen for key in keys(points)], dtype=bool)
    if fine.any():
        return Suggestion(points[np.argmax(fine)], Drawn(f"{how} {number + 1} of {n_startup} to start with"))
    return fresh_point(history, seen, rng, "start")


def fresh_point(history: History, seen: set[bytes], rng: np.random.Generator, why: str) -> Suggestion:
    """Draw an untried point; when none is left, repeat one, and say so."""
    configs = all_configs(history.space)
    if configs is None:
        x = unseen_at_random(history.space, seen, rng)
    else:
        left = configs[[key not in seen for key in keys(configs)]]
        x = left[rng.integers(len(left))] if len(left) else None
    if x is not None:
        return Suggestion(x, Drawn(f"random ({why})"))
    return Suggestion(history.space.sample_unit(1, rng)[0], Drawn("random repeat: every configuration has been tried"))


def _random_points(history: History) -> Array:
    """Return the run's points to start with, shape (N_POINTS, d): they depend on its seed alone and are drawn once."""
    key = ("gp start", history.space, history.seed)
    if key not in history.memo:
        history.memo[key] = history.space.sample_unit(N_POINTS, np.random.default_rng([history.seed, 3]))
    points: Array = history.memo[key]
    return points
