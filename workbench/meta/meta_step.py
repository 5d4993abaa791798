"""What learners of initial weights tell at each step. Plain data, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workbench.history import Explanation
from workbench.meta.plain_network import Activation
from workbench.space import Array


def _none() -> Array:
    return np.empty((0, 0, 2))


@dataclass(frozen=True, slots=True, eq=False)
class MetaStep(Explanation):
    """Initial weights after some outer steps, and how they do on tasks that are not learned from.

    Attributes
    ----------
    weights
        A matrix and a vector for each layer.
    adapted
        Mean loss on held-out tasks after 0, 1, 2, … inner steps.
    support, query
        Points of a few held-out tasks, to adapt on and to judge on: x and y, shapes (n, K, 2) and (n, n_query, 2), by x. None
        (n = 0) if the tasks have more than one input.
    inner_rate
        Of the gradient steps.
    activation
        Of the network.
    """

    weights: tuple[Array, ...]
    adapted: Array
    support: Array = field(default_factory=_none)
    query: Array = field(default_factory=_none)
    inner_rate: float = 0.01
    activation: Activation = "relu"

    def summary(self) -> str:
        """Say in one plain sentence how far it is."""
        return f"On new tasks the loss is {self.adapted[0]:.3g} at first, {self.adapted[1]:.3g} after one gradient step."
