"""A table and a strategy made up for tests: no network is trained."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workbench.events import StepTaken
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.data import Data
from workbench.nas.relaxation import Relaxation
from workbench.nas.tables import Table


def made_up_table(cells: CellSpace = NANO, seconds: float = 1.0) -> Table:
    """Errors that fall with the number of convolutions and rise with cut edges; equal cells share an entry."""
    forms = {form: k for k, form in enumerate(dict.fromkeys(cells.canonical(a) for a in cells))}
    row = np.array([forms[cells.canonical(a)] for a in cells])
    first = {forms[cells.canonical(a)]: a for a in reversed(list(cells))}
    rng = np.random.default_rng(0)
    n = len(forms)
    error = np.array([0.4 - 0.05 * first[k].count("conv3") + 0.03 * first[k].count("none") for k in range(n)])
    test = error[:, None] + 0.001 * rng.normal(size=(n, 2))
    falling = 1 + 1 / np.arange(1, 4)[::-1].cumsum()[::-1]
    valid = test[:, :, None] * falling[::-1].cumprod()[::-1] / falling[-1]
    return Table("made up", cells, row, (1, 2, 3), valid, test, np.full(n, seconds), np.arange(n), curves=True)


@dataclass(frozen=True)
class Toy:
    """Weights that sharpen towards what the seed says."""

    n_steps: int = 4
    seconds: float = 0.0

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Take a step every few milliseconds."""
        goal = np.random.default_rng(seed).normal(size=(len(cells.edges), len(cells.operations)))
        for k in range(1, self.n_steps + 1):
            time.sleep(self.seconds)
            weights = np.exp(goal * k) / np.exp(goal * k).sum(axis=1, keepdims=True)
            chosen = tuple(cells.operations[i] for i in weights.argmax(axis=1))
            accuracy = 0.9 - 0.6 * float(np.exp(-k / 3))
            metrics = {"cpu_s": 0.5 * k, "train_loss": 1 / k, "valid_accuracy": accuracy, "discrete_accuracy": 0.8 * accuracy}
            yield StepTaken(k, metrics, Relaxation(weights, cells.edges, cells.operations, chosen))
