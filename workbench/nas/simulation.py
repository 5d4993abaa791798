"""Simulated time: an algorithm searches a table of trained networks, and pays for each look what training it took.

So hundreds of searches of hours are repeated in seconds, with the same algorithms that run for real (Dong & Yang 2020,
"NAS-Bench-201", ICLR, section 5, and Ying et al. 2019, "NAS-Bench-101", ICML, compare searches in that way). One architecture is
trained at a time; one whose training would not end within the budget does not count.

A run of seed s draws trial k from ``default_rng([s, k])``, as ``wb.optimize(..., seed=s)`` does: it is the same search, without
threads, events and storage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from workbench.errors import RunError
from workbench.history import Algorithm, History
from workbench.nas.cells import Architecture, CellSpace
from workbench.space import Array

MOST_TRIALS = 100_000


class Priced(Protocol):
    """A table: what each architecture of a cell space came to, and what training it took."""

    @property
    def cells(self) -> CellSpace:
        """The space."""
        ...

    def error(self, arch: Any, epochs: int | None = None, seed: int | None = None) -> float:
        """Return the validation error after so many epochs; by default after all."""
        ...

    def seconds(self, arch: Any, epochs: int | None = None) -> float:
        """Return the seconds that so many epochs of its training took."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A search in simulated time.

    Attributes
    ----------
    architectures
        What was trained, in order.
    errors
        Their validation errors, as the algorithm saw them; shape (n,).
    spent
        Simulated seconds when each was trained, those before included; shape (n,).
    cpu_s
        CPU seconds that the algorithm thought, for real.
    """

    architectures: tuple[Architecture, ...]
    errors: Array
    spent: Array
    cpu_s: float

    def __len__(self) -> int:
        """Count what was trained."""
        return len(self.errors)

    @property
    def best(self) -> Architecture:
        """The architecture with the least validation error, the first of equals: the result of the search."""
        if not len(self):
            raise RunError("nothing was trained within the budget, so there is no best. Give it more seconds.")
        return self.architectures[int(np.argmin(self.errors))]

    def incumbents(self, at: Iterable[float]) -> list[Architecture | None]:
        """Return the best architecture known after so many simulated seconds, for each of them; None before the first."""
        if not len(self):
            return [None] * len(list(at))
        before = np.concatenate([[np.inf], np.minimum.accumulate(self.errors)[:-1]])
        best = np.maximum.accumulate(np.where(self.errors < before, np.arange(len(self)), 0))
        known = np.searchsorted(self.spent, np.asarray(list(at), dtype=float), side="right")
        return [self.architectures[best[k - 1]] if k else None for k in known.tolist()]

    def curve(self, value: Callable[[Architecture], float], at: Iterable[float]) -> Array:
        """Return the value (such as the table's ``test_error``) of the incumbent after so many seconds; nan before the first."""
        return np.array([np.nan if a is None else value(a) for a in self.incumbents(at)])


@dataclass
class Simulator:
    """Runs searches on one table, one after the other; what the table says is looked up once for each architecture.

    Parameters
    ----------
    table
        Of trained networks.
    seconds
        Budget of a search, in simulated seconds.
    epochs
        Of each training; None for whole ones.

    Raises
    ------
    RunError
        If the budget is not positive.
    """

    table: Priced
    seconds: float
    epochs: int | None = None
    _known: dict[Architecture, tuple[float, float]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Check the budget."""
        if not 0 < self.seconds < np.inf:
            raise RunError(f"the budget is a positive number of simulated seconds, got {self.seconds!r}. "
                           "NAS-Bench-201's comparison has 12,000.")

    def look(self, architecture: Architecture) -> tuple[float, float]:
        """Return validation error and seconds of an architecture."""
        found = self._known.get(architecture)
        if found is None:
            found = (float(self.table.error(architecture, epochs=self.epochs)),
                     float(self.table.seconds(architecture, epochs=self.epochs)))
            self._known[architecture] = found
        return found

    def run(self, algorithm: Algorithm, seed: int = 0) -> Simulated:
        """Search until the budget is spent."""
        cells, space = self.table.cells, self.table.cells.space
        x, y, steps = np.empty((64, len(space))), np.empty(64), np.ones(64)
        none, memo = np.empty((0, len(space))), dict[Any, Any]()
        architectures, spent, now, thought = list[Architecture](), list[float](), 0.0, 0.0
        for n in range(MOST_TRIALS):
            if n == len(y):
                x, y, steps = np.concatenate([x, x]), np.concatenate([y, y]), np.ones(2 * n)
            began = time.process_time()
            history = History(space, x[:n], y[:n], none, steps[:n], seed, memo)
            suggestion = algorithm.suggest(history, np.random.default_rng([seed, n]))
            thought += time.process_time() - began
            architecture = cells.architecture(space.from_unit(suggestion.x))
            error, cost = self.look(architecture)
            if now + cost > self.seconds:
                break
            now += cost
            x[n], y[n] = suggestion.x, error
            architectures.append(architecture)
            spent.append(now)
        return Simulated(tuple(architectures), y[:len(spent)].copy(), np.array(spent), thought)


def simulate(algorithm: Algorithm, table: Priced, *, seconds: float, epochs: int | None = None, seed: int = 0) -> Simulated:
    """Let an algorithm search a table for so many simulated seconds. For many runs keep a ``Simulator``.

    Parameters
    ----------
    algorithm
        ``wb.nas.RegularizedEvolution()`` or any other for one loss.
    table
        ``wb.nas.nano_table()``, ``wb.nas.nasbench201()`` or one with the same methods.
    seconds
        What the trainings may cost together.
    epochs
        Of each training, as far as the table knows them; None for whole ones.
    seed
        Same seed, same search.
    """
    return Simulator(table, seconds, epochs).run(algorithm, seed)
