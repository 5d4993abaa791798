"""A map of the latent space for plots: where configurations stand, what is believed of them, what was tried, what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.history import History
from workbench.search.latent_bo import LatentExplanation
from workbench.space import Array

N_BACKGROUND = 400  # random configurations on the map


@dataclass(frozen=True, slots=True, eq=False)
class LatentMap:
    """Positions are (n, 2), along the two directions of z in which configurations vary most; losses are the user's.

    Attributes
    ----------
    share
        Share of the latent variance that the map shows; the rest is perpendicular to it.
    background, mean, background_labels
        Random configurations and the loss that is predicted for them.
    tried, loss, tried_labels
        Finished trials.
    chosen, chosen_label
        The next point.
    candidates
        The best five candidates, the chosen one first.
    """

    share: float
    background: Array
    mean: Array
    background_labels: list[str]
    tried: Array
    loss: Array
    tried_labels: list[str]
    chosen: Array
    chosen_label: str
    candidates: Array


def latent_map(history: History, why: LatentExplanation, n: int = N_BACKGROUND) -> LatentMap:
    """Draw up the map of what ``suggest`` saw."""
    belief = why.belief(history)
    latent, space = belief.latent, history.space
    x = space.sample_unit(n, np.random.default_rng([why.seed, 23]))
    u = latent.encode(x)
    mean = belief.transform.inverse(belief.at(u)[0])

    def labels(points: Array) -> list[str]:
        return [label(space.from_unit(p)) for p in points]

    return LatentMap(latent.share_on_map(u), latent.on_map(u), mean, labels(x),
                     latent.on_map(latent.encode(history.x)), history.y, labels(history.x),
                     latent.on_map(why.u[None])[0], label(space.from_unit(why.x)),
                     latent.on_map(latent.encode(why.candidates)))


def label(config: Mapping[str, Any], most: int = 12) -> str:
    """Write a configuration in one line."""
    parts = [f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in config.items()]
    return ", ".join(parts[:most]) + (", …" if len(parts) > most else "")
