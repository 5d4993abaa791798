"""One way into architecture search for both kinds: algorithms that suggest an architecture, and strategies that take steps.

::

    run = wb.nas.search(wb.TPE(), wb.nas.nano_table())    # looks results up: a Run
    run = wb.nas.search(wb.TPE(), wb.nas.mnist1d())       # trains each architecture: a Run
    run = wb.nas.search(wb.nas.DARTS(), wb.nas.mnist1d()) # one network for all architectures: a StepRun
    run                                                   # a panel: press Start

Known to a table, the picks of a search that takes steps are judged by it at every step, beside random search at the same compute
and the biggest model (see ``workbench.nas.baselines``). Without a table both are trained beside the search, which takes about
twice as long then (``workbench.nas.measured_baselines``).
"""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from inspect import signature
from typing import Any, Protocol, overload

from workbench.api import optimize
from workbench.errors import RunError, SpaceError
from workbench.events import StepTaken
from workbench.history import Algorithm
from workbench.nas.baselines import Baselines
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.data import Data, mnist1d
from workbench.nas.measured_baselines import MeasuredBaselines
from workbench.nas.ranking import beside_truth
from workbench.nas.tables import Table, nano_table
from workbench.run import Run
from workbench.step_run import StepRun

N_TRIALS = 50
_TABLES: weakref.WeakKeyDictionary[Any, Table] = weakref.WeakKeyDictionary()  # by run, for views


class Strategy(Protocol):
    """What takes steps: a frozen dataclass. ``n_steps`` may say how many there will be."""

    def steps(self, data: Data, *, cells: CellSpace, seed: int) -> Iterator[StepTaken]:
        """Search, step by step; the last step's ``why.chosen`` is the result."""
        ...


@overload
def search(strategy: Algorithm, data: Data | Table | None = None, *, cells: CellSpace | None = None,
           table: Table | None = None, seed: int = 0, name: str | None = None, n_trials: int = N_TRIALS,
           epochs: int | None = None, baselines: bool = True) -> Run: ...
@overload
def search(strategy: Strategy, data: Data | Table | None = None, *, cells: CellSpace | None = None,
           table: Table | None = None, seed: int = 0, name: str | None = None, n_trials: int = N_TRIALS,
           epochs: int | None = None, baselines: bool = True) -> StepRun: ...
def search(strategy: Any, data: Data | Table | None = None, *, cells: CellSpace | None = None, table: Table | None = None,
           seed: int | None = 0, name: str | None = None, n_trials: int = N_TRIALS, epochs: int | None = None,
           baselines: bool = True) -> Run | StepRun:
    """Make a search for an architecture that waits for ``start()`` (or for the Start button of its panel).

    Parameters
    ----------
    strategy
        An algorithm, ``wb.TPE()`` or ``wb.nas.RegularizedEvolution()``, which suggests one architecture after the other; or a
        strategy that takes steps, such as ``wb.nas.DARTS()``.
    data
        What networks are trained on: ``wb.nas.mnist1d()``, ``wb.nas.of_arrays(x, y)``. Or a table, in which results are looked
        up: then nothing is trained. Default: MNIST-1D for a strategy that takes steps, the table of it for an algorithm.
    cells
        The space of cells; that of the table, else ``wb.nas.NANO``.
    table
        What became of each architecture: judges what a search picks. Default: the shipped table, if data and cells are those
        that it was made of.
    seed
        Same seed: same search. None draws one.
    name
        What it is called. A search of an algorithm is also kept in a file of that name, as in ``optimize``.
    n_trials
        Of an algorithm: how many architectures it tries.
    epochs
        Of an algorithm: for how long each is trained, or to which epoch of a table's curves; by default to the end.

    baselines
        Of a strategy that takes steps, where no table knows the architectures: train the biggest model, random cells for as long
        as the search itself has taken, and at the end its pick. False leaves them out.

    Raises
    ------
    RunError
        If the strategy neither suggests nor takes steps, or the table is of another space.
    MissingExtra
        At the start, if networks are to be trained and torch is not installed.
    """
    if isinstance(strategy, type):
        raise RunError(f"give a strategy, not its class: {strategy.__name__}().")
    seed = secrets.randbelow(2**31) if seed is None else int(seed)
    if isinstance(data, Table):
        table, data = data if table is None else table, None
    if data is not None and not isinstance(data, Data):
        raise RunError(f"networks are trained on wb.nas.Data, got {type(data).__name__}. wb.nas.of_arrays(x, y) makes one.")
    if cells is None:
        cells = NANO if table is None else table.cells
    if not isinstance(cells, CellSpace):
        raise SpaceError(f"the space is one of cells, such as wb.nas.NANO, got {type(cells).__name__}.")
    if table is not None and (table.cells.operations, table.cells.edges) != (cells.operations, cells.edges):
        raise RunError(f"the table is of {table.cells.name}, the search in {cells.name}. Leave cells= out.")
    if callable(getattr(strategy, "steps", None)):
        return _stepping(strategy, data, cells, table, seed, name, measured=baselines)
    if callable(getattr(strategy, "suggest", None)):
        return _suggesting(strategy, data, cells, table, seed, name, n_trials, epochs)
    raise RunError(f"a strategy has a method suggest or a method steps, got {strategy!r}. Take wb.TPE() or wb.nas.DARTS().")


def _suggesting(strategy: Any, data: Data | None, cells: CellSpace, table: Table | None, seed: int, name: str | None,
                n_trials: int, epochs: int | None) -> Run:
    objective: Callable[[Any], Any]
    if data is None:
        table = table or _shipped(cells)
        if table is None:
            raise RunError(f"no table of {cells.name} is shipped. Give data to train on, wb.nas.mnist1d(), or a table.")
        objective = table.objective(epochs)
    else:
        from workbench.nas.training import trained

        if table is None and _is_shipped(data):
            table = _shipped(cells)  # it trains, but what it finds can be judged
        objective = trained(cells, data) if epochs is None else trained(cells, data, epochs=epochs)
    run = optimize(objective, cells.space, algorithm=strategy, n_trials=n_trials, seed=seed, name=name)
    if table is not None:
        _TABLES[run] = table
    return run


def _stepping(strategy: Any, data: Data | None, cells: CellSpace, table: Table | None, seed: int, name: str | None, *,
              measured: bool) -> StepRun:
    if not _searches_cells(strategy):
        train = mnist1d() if data is None else data
        return StepRun(lambda: strategy.steps(train, seed=seed), label=label(strategy), name=name, seed=seed,
                       n_steps=getattr(strategy, "n_steps", None), about={"data": train.name})
    if table is None and (data is None or _is_shipped(data)):
        table = _shipped(cells)
    train = mnist1d() if data is None else data
    about: dict[str, Any] = {"cells": cells.name, "data": train.name, "n_nodes": cells.n_nodes,
                             "operations": list(cells.operations)}
    baselines = None if table is None else Baselines(table)
    n_steps = getattr(strategy, "n_steps", None)
    if table is not None and baselines is not None:
        about |= {"table": table.name, **baselines.about()}
    elif measured:
        about |= {"baselines": "trained beside the search"}

    def make() -> Iterator[StepTaken]:
        steps = strategy.steps(train, cells=cells, seed=seed)
        if table is not None and baselines is not None:
            return baselines.added(beside_truth(steps, table))
        return MeasuredBaselines(cells, train, seed, n_steps).added(steps) if measured else steps

    run = StepRun(make, label=label(strategy), name=name, seed=seed, n_steps=n_steps,
                  space=cells.space.to_json(), about=about)
    if table is not None:
        _TABLES[run] = table
    return run


def _searches_cells(strategy: Any) -> bool:
    """Whether it searches the cells that it is given. One whose ``cells`` are None by default makes networks of its own."""
    given = signature(strategy.steps).parameters.get("cells")
    return given is not None and given.default is not None


def _is_shipped(data: Data) -> bool:
    """Whether these are the data that the shipped table was made of."""
    made = mnist1d()
    return data.x.shape == made.x.shape and bool((data.x == made.x).all())


def _shipped(cells: CellSpace) -> Table | None:
    """Return the shipped table, if it is of these cells."""
    return nano_table() if cells == NANO else None


def table_of(run: Any) -> Table | None:
    """Return the table that judges a search, if there is one."""
    return _TABLES.get(run)


def label(strategy: Any) -> str:
    """Name a strategy: its own label and what differs from the defaults, "DARTS(order=2)"."""
    told = getattr(strategy, "label", None)
    name = told if isinstance(told, str) else type(strategy).__name__
    if not is_dataclass(strategy) or isinstance(strategy, type):
        return name
    try:
        plain = type(strategy)()
    except TypeError:  # it has settings without defaults
        return name if isinstance(told, str) else repr(strategy)
    changed = [f"{f.name}={value!r}" for f in fields(strategy) if f.init
               and (value := getattr(strategy, f.name)) != getattr(plain, f.name)]
    if not changed:
        return name
    return f"{name} · {', '.join(changed)}" if isinstance(told, str) else f"{name}({', '.join(changed)})"


__all__ = ["Strategy", "search", "table_of"]
