"""Points that were not tried before: how a search avoids proposing a configuration twice, and what it draws instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.search.tpe_groups import groups_of
from workbench.space import Array, Space

DRAWS = 50  # uniform draws before the space is searched through
MAX_POINTS = 100_000  # larger spaces are not: in them, a uniform draw is as good as always new


def comparable(points: Array) -> Array:
    """Replace nan by -1, so that points with the same inactive parameters can be equal."""
    return np.where(np.isnan(points), -1.0, points)


def rounded(points: Array) -> Array:
    """Rows whose bytes are equal where configurations are: rounded beyond any rounding error, no nan, no negative zeros."""
    return np.asarray(np.round(comparable(points), 9) + 0.0)


def tried(history: History) -> Array:
    """All points that were tried or are running, made ``comparable``."""
    return comparable(np.concatenate([history.x, history.pending]))


def is_in(point: Array, known: Array) -> bool:
    """Whether the point (d,) is a row of ``known``; both made ``comparable``, up to rounding."""
    return bool((np.abs(known - point) < 1e-9).all(axis=1).any())


@lru_cache(maxsize=8)
def all_points(space: Space, most: int = MAX_POINTS) -> Array | None:
    """Every point of the space that is not forbidden, shape (n, d); None if there are more than ``most``.

    Columns are filled parents first, and only rows in which the column is active branch, so that what counts is the number of
    configurations, not the product of all levels.
    """
    points = np.full((1, len(space)), np.nan)
    for group in groups_of(space):
        for j, axis in zip(group.columns, group.axes, strict=True):
            on = space.active(points)[:, j] if group.condition else np.ones(len(points), dtype=bool)
            if axis.kind == "float" and on.any():
                return None
            n_levels = len(axis.points)
            if (~on).sum() + on.sum() * n_levels > most:
                return None
            filled = np.repeat(points[on], n_levels, axis=0)
            filled[:, j] = np.tile(axis.points, int(on.sum()))
            points = np.concatenate([points[~on], filled])
    return points[~space.is_forbidden(points)]


def draw_fresh(space: Space, known: Array, rng: np.random.Generator,
               sample: Callable[[int, np.random.Generator], Array] | None = None) -> tuple[Array, bool]:
    """Draw a point among those not in ``known`` (made ``comparable``), and say whether there was one.

    Uniformly, or from ``sample``; if that finds only points that were tried, uniformly among the rest.
    """
    for _ in range(DRAWS):
        x = (sample or space.sample_unit)(1, rng)[0]
        if not is_in(comparable(x), known):
            return x, True
    points = all_points(space)
    if points is not None:
        done = {row.tobytes() for row in rounded(known)}
        left = [x for x, row in zip(points, rounded(points), strict=True) if row.tobytes() not in done]
        if left:
            return left[int(rng.integers(len(left)))], True
    return x, False


def at_random(history: History, rng: np.random.Generator, because: str) -> Suggestion:
    """Draw an untried point without a model, and say why; when none is left, repeat one, and say so."""
    x, is_new = draw_fresh(history.space, tried(history), rng)
    return Suggestion(x, Drawn(f"random, because {because}" if is_new else
                               "random repeat: every configuration has been tried"))
