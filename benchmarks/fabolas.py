"""FABOLAS beside searches on all the data: a support vector machine on handwritten digits, by seconds of training.

As Klein et al. 2017 did for their first experiment, the machine is measured once on a grid of C, gamma and shares of the data
(cross-validated error and CPU seconds of three folds); searches then run on the table, interpolated on log scales, so that the
load of the machine while they run does not matter. Every search names its incumbent after each trial, FABOLAS by its prediction
on all the data; what counts is the incumbent's true error on all the data, less the least error there is, against the seconds
of training so far. They are given in units of one training on all the data, averaged over the space.

Seconds of suggestions are not counted: on data as small as these they would be most of all, on data for which one shares out
they are nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.interpolate import RegularGridInterpolator

import workbench as wb
from benchmarks.table import Table
from workbench.history import History
from workbench.space import Config, Space

C, GAMMA = np.linspace(-3, 3, 11), np.linspace(-4, 1, 11)  # log10
SHARES = 2.0 ** np.arange(-6, 1)
CHECKPOINTS = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0)  # trainings on all the data
MOST_TRIALS = 100
FULL = {"C": wb.Float(1e-3, 1e3, log=True), "gamma": wb.Float(1e-4, 10, log=True)}
SPACE, SHARED = Space(FULL), Space({**FULL, "share": wb.Float(1 / 64, 1, log=True)})


@dataclass(frozen=True, eq=False)
class Measured:
    """The table: losses and CPU seconds, shape (C, gamma, share)."""

    losses: np.ndarray
    seconds: np.ndarray

    def __post_init__(self) -> None:
        """Prepare the interpolation."""
        axes = (C, GAMMA, np.log2(SHARES))
        object.__setattr__(self, "_loss", RegularGridInterpolator(axes, self.losses))
        object.__setattr__(self, "_seconds", RegularGridInterpolator(axes, np.log(self.seconds)))

    def __call__(self, config: Config) -> tuple[float, float]:
        """Loss and seconds of a configuration."""
        at = [np.log10(config["C"]), np.log10(config["gamma"]), np.log2(config.get("share", 1.0))]
        at = np.clip(at, [C[0], GAMMA[0], -6.0], [C[-1], GAMMA[-1], 0.0])
        return float(self._loss(at)[0]), float(np.exp(self._seconds(at)[0]))  # type: ignore[attr-defined]

    @property
    def best(self) -> float:
        """The least loss on all the data."""
        return float(self.losses[..., -1].min())

    @property
    def training(self) -> float:
        """Seconds of one training on all the data, averaged over the space."""
        return float(self.seconds[..., -1].mean())


def measure_grid() -> Measured:
    """Train on every point of the grid."""
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    X, y = load_digits(return_X_y=True)
    loss_of = wb.objectives.sklearn_share(SVC(), X / 16.0, y, cv=3, seed=0)
    losses, seconds = np.empty((2, len(C), len(GAMMA), len(SHARES)))
    for i, j, k in np.ndindex(losses.shape):
        start = time.process_time()
        losses[i, j, k] = loss_of({"C": 10.0 ** C[i], "gamma": 10.0 ** GAMMA[j], "share": float(SHARES[k])})
        seconds[i, j, k] = time.process_time() - start
    return Measured(losses, np.maximum(seconds, 1e-4))


def best_seen(history: History) -> Config:
    """Name the incumbent of a search on all the data."""
    config: Config = history.space.from_unit(history.x[int(np.argmin(history.y))])
    return config


def regrets(measured: Measured, algorithm: Any, space: Space, incumbent: Callable[[History], Config], seed: int) -> np.ndarray:
    """Regret of the incumbent at each checkpoint; before the first trial that of a guess, the mean over the space."""
    x, y, seconds, memo = np.empty((0, len(space))), np.empty(0), np.empty(0), {}  # type: ignore[var-annotated]
    mean = float(measured.losses[..., -1].mean())
    times, found = [0.0], [mean]
    while times[-1] < CHECKPOINTS[-1] * measured.training and len(y) < MOST_TRIALS:
        history = replace(History.of(space, x, y, seed=seed), seconds=seconds, memo=memo)
        new = algorithm.suggest(history, np.random.default_rng([seed, len(y)])).x
        loss, cost = measured(space.from_unit(new))
        x, y, seconds = np.vstack([x, new]), np.append(y, loss), np.append(seconds, cost)
        history = replace(History.of(space, x, y, seed=seed), seconds=seconds, memo=memo)
        times.append(times[-1] + cost)
        found.append(measured({**incumbent(history), "share": 1.0})[0])
    at = np.searchsorted(np.array(times), np.array(CHECKPOINTS) * measured.training, side="right") - 1
    return np.array(found)[at] - measured.best


def searches() -> dict[str, tuple[Any, Space, Callable[[History], Config]]]:
    """Name the searches, their spaces, and how they name their incumbents."""
    fabolas = wb.Fabolas(overhead_s=0.0)
    return {"FABOLAS": (fabolas, SHARED, fabolas.incumbent),
            "entropy search on all the data": (wb.Fabolas(share=None, overhead_s=0.0), SPACE, best_seen),
            "GP-BO on all the data": (wb.GPBO(), SPACE, best_seen),
            "random, on all the data": (wb.Random(), SPACE, best_seen)}


def table(measured: Measured, seeds: int) -> Table:
    """Run all searches."""
    out = Table("fabolas", f"SVM on digits: regret on all the data by training time, median (worst) of {seeds} seeds, in %",
                ["search", *(f"{t:g} training{'s' * (t != 1)}" for t in CHECKPOINTS)])
    for name, (algorithm, space, incumbent) in searches().items():
        r = 100 * np.array([regrets(measured, algorithm, space, incumbent, seed) for seed in range(seeds)])
        out.rows.append([name, *(f"{a:.2f} ({b:.2f})" for a, b in zip(np.median(r, axis=0), r.max(axis=0), strict=True))])
    out.notes.append(f"One training on all the data takes {measured.training:.2g} s on average; the least error is "
                     f"{100 * measured.best:.2f} %.")
    return out


def run(*, full: bool) -> list[Table]:
    """Measure the grid, then run all searches: ``full`` on 10 seeds, otherwise on 3."""
    return [table(measure_grid(), 10 if full else 3)]
