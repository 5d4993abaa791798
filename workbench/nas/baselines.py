"""What every architecture search is to be compared with: random search at the same compute, and the biggest model.

Li & Talwalkar 2020, "Random search and reproducibility for neural architecture search"; Yu et al. 2020, "Evaluating the search
phase of neural architecture search".

With a table of all architectures neither has to be run. Of n random cells random search keeps the one with the least validation
error v. With all cells sorted by v, S_i the share of draws that are no better than the i-th, and t_i any property of it, its test
error or its rank::

    E[t of the kept one] = Σ_i t_i (S_i^n - S_{i+1}^n)

n is what the compute pays for: seconds used by the search / mean seconds that a random cell takes to train.

Differences from the papers: their random searches were run, ours is this expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from workbench.events import StepTaken
from workbench.nas.cells import CellSpace
from workbench.space import Array


class Known(Protocol):
    """A table: what became of each architecture of a cell space when it was trained on its own."""

    @property
    def cells(self) -> CellSpace:
        """The space."""
        ...

    @property
    def n_distinct(self) -> int:
        """How many entries it has."""
        ...

    def error(self, arch: Any, epochs: int | None = None, seed: int | None = None) -> float:
        """Return the validation error, the mean over seeds."""
        ...

    def test_error(self, arch: Any) -> float:
        """Return the test error, the mean over seeds."""
        ...

    def seconds(self, arch: Any, epochs: int | None = None) -> float:
        """Return the seconds that its training took."""
        ...

    def rank(self, arch: Any) -> int:
        """Return its place among all, 1 is the best."""
        ...


def expected_of_best(valid: Array, value: Array, n: float) -> float:
    """Return the expected value of the one of ``n`` uniform draws whose validation error is least.

    Parameters
    ----------
    valid
        Validation errors of all architectures, shape (k,).
    value
        What is asked of the kept one, such as its test error; shape (k,).
    n
        Number of draws, at least 1; need not be whole.
    """
    order = np.argsort(valid, kind="stable")
    k = len(valid)
    s = np.arange(k, -1, -1) / k  # S_i: share of draws that are no better than the i-th
    return float(value[order] @ (s[:-1] ** n - s[1:] ** n))


@dataclass(frozen=True)
class Baselines:
    """What a table tells of the architectures that a search picks, and of what else its compute would have found."""

    table: Known

    @cached_property
    def _all(self) -> _Cells:
        return _cells(self.table)

    @property
    def n_distinct(self) -> int:
        """How many entries the table has: ranks are among them."""
        return self.table.n_distinct

    @property
    def best_accuracy(self) -> float:
        """Test accuracy of the best cell of all."""
        return 1.0 - float(self._all.test.min())

    def accuracy(self, architecture: Any) -> float:
        """Return the test accuracy of an architecture that is trained on its own."""
        return 1.0 - self.table.test_error(architecture)

    def random(self, seconds: float) -> dict[str, float]:
        """Return the accuracy and rank that random search is expected to reach; nothing if the seconds pay for no cell."""
        each = self._all.seconds
        n = seconds / each if each > 0 else 0.0
        return self.random_of(n) if n >= 1 else {}

    def random_of(self, n: float) -> dict[str, float]:
        """Return the accuracy and rank that are expected of the best of ``n`` random cells."""
        a = self._all
        return {"random_accuracy": 1.0 - expected_of_best(a.valid, a.test, n),
                "random_rank": expected_of_best(a.valid, a.rank, n)}

    def about(self) -> dict[str, Any]:
        """Return what a view needs to know of them, as plain data."""
        return self._about

    @cached_property
    def _about(self) -> dict[str, Any]:
        biggest = self.table.cells.biggest()
        return {"n_distinct": self.n_distinct, "best_accuracy": self.best_accuracy, "cell_seconds": self._all.seconds,
                "biggest": {"architecture": list(biggest), "accuracy": self.accuracy(biggest),
                            "rank": float(self.table.rank(biggest))}}

    def added(self, steps: Iterable[StepTaken]) -> Iterator[StepTaken]:
        """Add to each step how good its pick truly is, its rank, and what random search would have reached by now."""
        judged: dict[Any, dict[str, float]] = {}
        for step in steps:
            chosen = getattr(step.why, "chosen", None)
            if chosen is not None and chosen not in judged:
                judged[chosen] = {"true_accuracy": self.accuracy(chosen), "true_rank": float(self.table.rank(chosen))}
            yield replace(step, metrics={**step.metrics, **judged.get(chosen, {}), **self.random(step.metrics.get("cpu_s", 0.0))})


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """All architectures of a table: errors and ranks, shape (n,); and the mean seconds of one."""

    valid: Array
    test: Array
    rank: Array
    seconds: float


def _cells(table: Known) -> _Cells:
    valid, test, rank, seconds = (np.array([float(f(a)) for a in table.cells])
                                  for f in (table.error, table.test_error, table.rank, table.seconds))
    return _Cells(valid, test, rank, float(seconds.mean()))
