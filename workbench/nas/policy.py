"""What searches by a policy share: the reward and its baseline, a memory of what was learnt from a prefix, and the reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from workbench.history import Explanation, History
from workbench.nas.relaxation import Relaxation
from workbench.space import Array

LARGEST = 1e100  # of a loss: its square still is a number


@dataclass(frozen=True, slots=True, eq=False)
class PolicyExplanation(Explanation):
    """What a policy believed when it drew a configuration.

    Attributes
    ----------
    x
        The configuration, shape (d,).
    names
        The decisions in their order, T of them.
    options
        What the options of each decision are called.
    probabilities
        Probability of each option, shape (T, K) with K the most options; nan where a decision has fewer, and in the row of one
        that was not made. Where decisions depend on those before, given what was drawn before.
    drawn
        The option that was drawn for each decision; -1 where it was not made.
    reward
        Reward of the newest result: minus its loss. nan before there is one.
    baseline
        Moving average of the rewards; nan before there is one.
    n_updates
        Results that the policy has learnt from.
    """

    x: Array
    names: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    probabilities: Array
    drawn: tuple[int, ...]
    reward: float
    baseline: float
    n_updates: int

    @property
    def entropy(self) -> float:
        """Entropy of the decisions that were made, in nats: 0 if the policy has made up its mind."""
        p = self.probabilities[np.nan_to_num(self.probabilities) > 0]
        return float(-(p * np.log(p)).sum())

    @property
    def probability(self) -> float:
        """Probability of what was drawn."""
        return math.prod(float(row[k]) for row, k in zip(self.probabilities, self.drawn, strict=True) if k >= 0)

    @property
    def likeliest(self) -> tuple[str, ...]:
        """The likeliest option of each decision; "" where it was not made."""
        return tuple(options[int(np.nanargmax(row))] if k >= 0 else ""
                     for options, row, k in zip(self.options, self.probabilities, self.drawn, strict=True))

    @property
    def relaxation(self) -> Relaxation | None:
        """The same as weights on the edges of a cell, as one-shot searches show them; None if the space is no cell space."""
        if len(set(self.options)) != 1 or -1 in self.drawn:
            return None
        if not all(len(name) == 3 and name[0] == "e" and name[1:].isdigit() for name in self.names):
            return None
        edges = tuple((int(name[1]), int(name[2])) for name in self.names)
        return Relaxation(self.probabilities, edges, self.options[0], self.likeliest)

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        made = [row for row, k in zip(self.probabilities, self.drawn, strict=True) if k >= 0]
        sure = 100 * float(np.mean([np.nanmax(row) for row in made])) if made else 100.0
        learnt = "that has learnt nothing yet" if not self.n_updates else (
            f"that has learnt from {self.n_updates} result{'s' * (self.n_updates != 1)}")
        text = (f"Drawn by a policy {learnt}, with probability {self.probability:.2g}; on average a decision gives its strongest "
                f"option {sure:.0f} %.")
        if self.n_updates:
            side = "above" if self.reward > self.baseline else "below" if self.reward < self.baseline else "level with"
            text += f" The last result was {side} the moving average of rewards."
        return text


class Baseline:
    """Exponential moving average of the rewards, without a pull to its start: sum of γ^i r / sum of γ^i."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self._sum, self._weight = 0.0, 0.0

    def take(self, reward: float) -> float:
        """Take in a reward and return the average."""
        self._sum = self.decay * self._sum + (1 - self.decay) * reward
        self._weight = self.decay * self._weight + (1 - self.decay)
        return self.value

    @property
    def value(self) -> float:
        """The average; nan before the first reward."""
        return self._sum / self._weight if self._weight else math.nan


class Rewards:
    """Turns losses, in the order told, into rewards and advantages."""

    def __init__(self, decay: float) -> None:
        self.baseline = Baseline(decay)
        self.last, self.worst = math.nan, math.inf

    def take(self, loss: float) -> float | None:
        """Return the advantage: reward minus baseline. A failed trial has the worst reward so far; None if there is none."""
        if not math.isfinite(loss) and not math.isfinite(self.worst):
            return None
        reward = -min(max(loss, -LARGEST), LARGEST) if math.isfinite(loss) else self.worst
        self.worst = min(self.worst, reward)
        self.last = reward
        return reward - self.baseline.take(reward)


class Learner(Protocol):
    """Learns from results one by one; what it is afterwards depends on nothing but these and their order."""

    def learn(self, x: Array, loss: float) -> None:
        """Take in one result."""
        ...


L = TypeVar("L", bound=Learner)


@dataclass(slots=True)
class _Told:
    """A learner, and the rows that it was told."""

    learner: Any
    x: Array
    y: Array


def _starts(x: Array, y: Array, of_x: Array, of_y: Array) -> bool:
    """Whether these rows are the first of those, bit by bit."""
    n = len(y)
    return n <= len(of_y) and x.tobytes() == of_x[:n].tobytes() and y.tobytes() == of_y[:n].tobytes()


def learnt(history: History, key: Hashable, make: Callable[[], L]) -> L:
    """Tell a learner the whole history, in the order told, from the newest state that the memo has of a prefix of it.

    The memo keeps the longest; a question about the past begins anew and leaves it alone.
    """
    x, y = history.x, history.y
    told: _Told | None = history.memo.get(key)
    if told is None or not _starts(told.x, told.y, x, y):
        past = told is not None and _starts(x, y, told.x, told.y)
        told = _Told(make(), x[:0], y[:0])
        if not past:
            history.memo[key] = told
    learner: L = told.learner
    for row, loss in zip(x[len(told.y):], y[len(told.y):].tolist(), strict=True):
        learner.learn(row, loss)
    told.x, told.y = x.copy(), y.copy()
    return learner
