"""What an algorithm may see, and what it answers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from workbench.space import Array, Space


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The finished and the running trials of one run, as numbers.

    Rows stand in the order in which results were told, not by trial number: a late trial of a parallel run never
    slips in between older ones, so ``history[:12]`` is exactly what an algorithm saw when 12 results were known.

    Attributes
    ----------
    space
        The search space; its columns are the columns of ``x``.
    x
        Finished trials, shape (n, d), in the unit cube; nan where a parameter is inactive.
    y
        Their losses, shape (n,), smaller is better; +inf where a trial failed or gave nan. A pruned trial counts with
        its last loss. Shape (n, m) in a run of m > 1 losses.
    pending
        Trials that still run, shape (k, d), in order of their numbers.
    steps
        Steps that each finished trial was given, shape (n,).
    budgets
        Steps at which a scheduler compares trials, ascending; empty without a scheduler.
    by_budget
        Losses of the finished trials at these steps, shape (n, len(budgets)); nan where a trial was stopped before. One that
        ended by itself has its last loss there, a failed one +inf.
    pending_by_budget
        The same of trials that still run or wait, shape (k, len(budgets)).
    seconds
        Seconds that the steps of each finished trial took, shape (n,); nan where that is not known. Only kept for an algorithm
        with the class attribute ``several_costs = True``.
    seed
        Seed of the run: for what all suggestions of a run share, such as one scrambled Sobol sequence. What differs
        from trial to trial comes from the ``rng`` that ``suggest`` gets.
    memo
        Scratch shared by all histories of one run. An algorithm may keep there what it derived from a *prefix* of
        the rows (keyed by itself and the prefix's length and ``content``), never anything that changes an answer.
    """

    space: Space
    x: Array
    y: Array
    pending: Array
    steps: Array
    seed: int = 0
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    budgets: tuple[int, ...] = ()
    by_budget: Array = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    pending_by_budget: Array = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    seconds: Array = field(default_factory=lambda: np.empty(0), repr=False)

    @classmethod
    def of(cls, space: Space, x: Array, y: Array, *, pending: Array | None = None, seed: int = 0) -> History:
        """Make a history from finished points alone: one step each, nothing pending."""
        y = np.asarray(y, dtype=float)
        x = np.asarray(x, dtype=float).reshape(len(y), len(space))
        none = np.empty((0, len(space)))
        return cls(space, x, y, none if pending is None else pending, np.ones(len(y)), seed)

    def __len__(self) -> int:
        """Count the finished trials."""
        return len(self.y)

    def content(self, m: int) -> int:
        """Hash of the first ``m`` rows. A memo cannot go by their number alone: an edited space re-encodes them."""
        return hash((self.x[:m].tobytes(), self.y[:m].tobytes()))

    def __getitem__(self, rows: slice) -> History:
        """Return the history as it was: ``history[:12]``, nothing pending. Only prefixes keep the shared memo."""
        if not isinstance(rows, slice):
            raise TypeError(f"a history is cut by slices such as history[:12], got {rows!r}.")
        prefix = rows.start in (None, 0) and rows.step in (None, 1)
        none = np.empty((0, len(self.space)))
        return History(self.space, self.x[rows], self.y[rows], none, self.steps[rows], self.seed,
                       self.memo if prefix else {}, self.budgets, self.by_budget[rows],
                       seconds=self.seconds[rows])


@dataclass(frozen=True, slots=True)
class Explanation:
    """Base of every ``why``: a frozen dataclass beside its algorithm that stores what was decided, no more.

    Fields are numbers, strings, tuples or numpy arrays, so that an event log can keep them as JSON.
    """

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        return ""


@dataclass(frozen=True, slots=True)
class Drawn(Explanation):
    """The point was drawn without a model: a start design, a grid, plain random search."""

    how: str  # "random", "Sobol start", "grid 12 of 81", ...

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        return f"Drawn without a model: {self.how}."


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A point of the unit cube, shape (d,), nan where inactive, and the reason for it."""

    x: Array
    why: Explanation


class Algorithm(Protocol):
    """A black-box search: a frozen dataclass with one method, no state, no Optuna, no threads."""

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        ...


def refusal(algorithm: Any, n_losses: int) -> str:
    """Say why an algorithm cannot serve a run of that many losses; empty if it can.

    One that can carries the class attribute ``several_losses = True``.
    """
    if n_losses == 1 or getattr(algorithm, "several_losses", False):
        return ""
    return (f"{type(algorithm).__name__} searches for the best of one loss, got a run of {n_losses} losses. Take "
            "wb.EHVI(), wb.NSGA2() or one of Optuna's samplers such as optuna.samplers.TPESampler(), or return one loss, such "
            "as a weighted sum.")
