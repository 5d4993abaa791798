"""What learned learners tell at each step: an update rule, a memory, attention. Plain data, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.history import Explanation
from workbench.space import Array

ORDINALS = {1: "first", 2: "second", 3: "third"}


@dataclass(frozen=True, slots=True, eq=False)
class UpdateRule(Explanation):
    """An update rule after some outer steps, and what it does on tasks that it was not learned from.

    Attributes
    ----------
    weights
        Of the meta-learner, the initial weights θ_0 first.
    n_inputs, n_outputs
        Of the base-learner.
    loss
        Mean loss on the query points of held-out tasks after 0, 1, … T inner steps, shape (T + 1,).
    accuracy
        Of the same, for classes; else empty.
    forget, rate
        The gates f and i at each inner step: quantiles of 10, 50 and 90 % over weights and tasks, shape (T, 3).
    """

    weights: tuple[Array, ...]
    n_inputs: int
    n_outputs: int
    loss: Array
    accuracy: Array
    forget: Array
    rate: Array

    def summary(self) -> str:
        """Say in one plain sentence how far it is."""
        T = len(self.rate)
        after = f"after {T} step{'s' * (T != 1)}"
        if len(self.accuracy):
            return f"On new tasks {self.accuracy[0]:.0%} are right before the first step and {self.accuracy[-1]:.0%} {after}."
        return f"On new tasks the loss is {self.loss[0]:.3g} before the first step and {self.loss[-1]:.3g} {after}."


@dataclass(frozen=True, slots=True, eq=False)
class MemoryStep(Explanation):
    """A memory network after some outer steps, and how it does on classes that it was not learned from.

    Attributes
    ----------
    weights
        Of the network.
    n_inputs, ways
        Numbers of an example, classes of an episode.
    by_instance
        Accuracy at the 1st, 2nd, … time that a class is met in an episode.
    attention
        Of one held-out episode: how much of what is read at step t was written of the example at step s, shape (T, T).
    labels, guesses
        Of the same episode: what is right, and what it answers, (T,).
    """

    weights: tuple[Array, ...]
    n_inputs: int
    ways: int
    by_instance: Array
    attention: Array
    labels: NDArray[np.int64]
    guesses: NDArray[np.int64]

    def summary(self) -> str:
        """Say in one plain sentence how far it is."""
        n = len(self.by_instance)
        return (f"Of classes that are new, {self.by_instance[0]:.0%} are right at their first example in an episode and "
                f"{self.by_instance[-1]:.0%} at their {ORDINALS.get(n, f'{n}th')}.")


@dataclass(frozen=True, slots=True, eq=False)
class AttentiveStep(Explanation):
    """An attentive learner after some outer steps, and how it does on tasks that it was not learned from.

    Attributes
    ----------
    weights
        Of the network.
    n_inputs, n_outputs, length
        Numbers of an example and of an answer; length of a sequence.
    classes
        Whether it tells classes.
    score
        On held-out tasks: accuracy of classes, else the mean squared error.
    attention
        Of some query points of one held-out task: where the last attention looks when it answers, on the support points and, at
        the end, on the query point itself, shape (n_shown, length).
    support, labels, guesses
        Of the same: labels of the support points, labels of the query points, and what it answers.
    """

    weights: tuple[Array, ...]
    n_inputs: int
    n_outputs: int
    length: int
    classes: bool
    score: float
    attention: Array
    support: Array
    labels: Array
    guesses: Array

    def summary(self) -> str:
        """Say in one plain sentence how far it is."""
        if self.classes:
            chance = 1 / self.n_outputs
            return f"Of new tasks with {self.n_outputs} classes {self.score:.0%} are right; guessing gets {chance:.0%}."
        return f"On new tasks the mean squared error is {self.score:.3g}."
