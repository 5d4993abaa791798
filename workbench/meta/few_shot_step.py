"""What few-shot learners tell at each step. Plain data, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.history import Explanation
from workbench.space import Array


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingStep(Explanation):
    """An embedding after some outer steps, how it does on held-out tasks, and what it makes of one of them.

    Attributes
    ----------
    weights
        A matrix and a vector for each layer of the embedding.
    accuracy, error
        Mean accuracy on held-out tasks, and its standard error.
    ways, shots
        Of these tasks.
    points
        Examples of one held-out task, in the two directions of the embedding in which its prototypes differ most, shape (n, 2).
    labels, found
        Their classes and the predicted ones, 0 … ways − 1, shape (n,).
    is_support
        Whether their classes are known to the classifier, shape (n,).
    prototypes
        Means of the support of each class there, shape (ways, 2).
    """

    weights: tuple[Array, ...]
    accuracy: float
    error: float
    ways: int
    shots: int
    points: Array
    labels: NDArray[np.int64]
    found: NDArray[np.int64]
    is_support: NDArray[np.bool_]
    prototypes: Array

    def summary(self) -> str:
        """Say in one plain sentence how far it is."""
        return (f"Of new tasks with {self.ways} classes and {examples(self.shots)} of each, {self.accuracy:.0%} are right; "
                f"guessing gets {1 / self.ways:.0%}.")


@dataclass(frozen=True, slots=True, eq=False)
class AdaptationStep(Explanation):
    """Initial weights after some outer steps, and how they do on held-out tasks after gradient steps.

    Attributes
    ----------
    weights
        A matrix and a vector for each layer.
    accuracy, error
        Mean accuracy on held-out tasks after 0, 1, 2, … inner steps, and its standard error; shape (steps + 1,).
    ways, shots
        Of these tasks.
    inner_rate
        Of the gradient steps.
    """

    weights: tuple[Array, ...]
    accuracy: Array
    error: Array
    ways: int
    shots: int
    inner_rate: float

    def summary(self) -> str:
        """Say in one plain sentence how far it is."""
        n = len(self.accuracy) - 1
        return (f"Of new tasks with {self.ways} classes and {examples(self.shots)} of each, {self.accuracy[0]:.0%} are right at "
                f"first and {self.accuracy[-1]:.0%} after {n} gradient step{'s' * (n != 1)}.")


def examples(n: int) -> str:
    """Count examples in words."""
    return "1 example" if n == 1 else f"{n} examples"
