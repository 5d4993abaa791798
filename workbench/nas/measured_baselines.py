"""Baselines where no table knows them: random search at the same compute and the biggest model, trained beside the search.

Li & Talwalkar 2020, "Random search and reproducibility for neural architecture search"::

    before the first step      train the biggest model
    after each step            train random cells one by one, while they and the next one take no longer than the search
                               has taken; kept is the best by validation
    with the last step         train what the search would pick

So a search with baselines takes about twice as long. All networks are trained by the same recipe (``workbench.nas.training``);
accuracies are those of the test part, which none of them has seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from time import process_time

import numpy as np

from workbench.events import StepTaken
from workbench.nas.cells import Architecture, CellSpace
from workbench.nas.data import Data

EPOCHS = 15


@dataclass
class MeasuredBaselines:
    """Trains what a search is to be compared with, as far as the search's own compute goes.

    Parameters
    ----------
    n_steps
        With how many steps the search ends; None if unknown: then its pick is trained after the last one, as a step of its own.
    epochs
        How long each network is trained.
    """

    cells: CellSpace
    data: Data
    seed: int = 0
    n_steps: int | None = None
    epochs: int = EPOCHS
    _spent_s: float = field(default=0.0, init=False)
    _each_s: float = field(default=0.0, init=False)  # the mean of those trained
    _n: int = field(default=0, init=False)

    def added(self, steps: Iterable[StepTaken]) -> Iterator[StepTaken]:
        """Add to each step the accuracy of the biggest model, and of the best random cell that as much compute has found."""
        _, biggest, self._each_s = self._trained(self.cells.biggest(), self.seed)
        rng, best, last = np.random.default_rng(self.seed), (-1.0, 0.0), None
        for step in steps:
            while self._spent_s + self._each_s <= step.metrics.get("cpu_s", 0.0):
                valid, test, seconds = self._trained(self.cells.sample(rng), self.seed + self._n)
                self._n, self._spent_s = self._n + 1, self._spent_s + seconds
                self._each_s += (seconds - self._each_s) / (self._n + 1)
                best = max(best, (valid, test))
            told = {"biggest_accuracy": biggest}
            if self._n:
                told |= {"random_accuracy": best[1], "random_cells": float(self._n)}
            last = replace(step, metrics={**step.metrics, **told})
            if self.n_steps is not None and step.step >= self.n_steps:
                last = self._picked(last)
            yield last
        if last is not None and "true_accuracy" not in last.metrics and getattr(last.why, "chosen", None) is not None:
            yield self._picked(replace(last, step=last.step + 1))

    def _picked(self, step: StepTaken) -> StepTaken:
        """Train the pick from scratch."""
        chosen = getattr(step.why, "chosen", None)
        if chosen is None:
            return step
        _, test, _ = self._trained(chosen, self.seed)
        return replace(step, metrics={**step.metrics, "true_accuracy": test})

    def _trained(self, architecture: Architecture, seed: int) -> tuple[float, float, float]:
        """Return validation and test accuracy, and the CPU seconds."""
        from workbench.nas.networks import build
        from workbench.nas.training import test_accuracy, train

        began = process_time()
        network = build(self.cells, self.cells.config(architecture), self.data, seed=seed)
        *_, end = train(network, self.data, epochs=self.epochs, seed=seed)
        return float(end.valid_accuracy), float(test_accuracy(network, self.data)), process_time() - began
