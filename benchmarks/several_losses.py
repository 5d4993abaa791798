"""Search for several losses at once: the dominated volume after 100 and 200 trials, ours beside Optuna's samplers.

Every sampler runs the same problems on the same seeds through one ``study.optimize``. What counts is the hypervolume below the
problem's reference point as a share of that of the best set there is: 1 is perfect, 0 is nothing better than the reference.

The problems: ZDT1, ZDT2 and ZDT4 (Zitzler, Deb & Thiele 2000) and DTLZ2 (Deb, Thiele, Laumanns & Zitzler 2005), each with six
parameters, whose best volumes are known in closed form; and a random forest on handwritten digits, its error against the number
of its nodes, whose best volume is that of all of 2,400 trials of Optuna's samplers.
Algorithms with settings are tuned on ``TUNED_ON`` only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler

import workbench as wb
from benchmarks.table import Table
from workbench.models.pareto import hypervolume
from workbench.optuna_distributions import suggest_from
from workbench.search.catalogue import LABELLED
from workbench.space import Config, Space

D = 6
CHECKPOINTS = (100, 200)
TUNED_ON = ("zdt1", "zdt4")  # the other problems judge

MakeSampler = Callable[[int, Space], BaseSampler]  # of a seed and a space


@dataclass(frozen=True)
class Problem:
    """Losses of a configuration, all minimised.

    Attributes
    ----------
    reference
        A point that every useful set dominates.
    best
        The hypervolume of the best set there is, below the reference.
    """

    space: Space
    losses: Callable[[Config], tuple[float, ...]]
    reference: tuple[float, ...]
    best: float


# ---- the problems ----------------------------------------------------------------------------------------------------


def _zdt(g: Callable[[np.ndarray], float], h: Callable[[float, float], float]) -> Callable[[Config], tuple[float, ...]]:
    """f1 = x1, f2 = g h(f1, g)."""

    def losses(config: Config) -> tuple[float, ...]:
        x = np.array([config[f"x{i}"] for i in range(1, D + 1)])
        slope = g(x[1:])
        return float(x[0]), slope * h(float(x[0]), slope)

    return losses


def _mean(x: np.ndarray) -> float:
    return float(1 + 9 * x.mean())


def _rugged(x: np.ndarray) -> float:
    """Rastrigin's function: 21 local fronts for each of the parameters."""
    return float(1 + 10 * len(x) + (x**2 - 10 * np.cos(4 * np.pi * x)).sum())


def _dtlz2(config: Config) -> tuple[float, ...]:
    """Three losses on a sphere of radius 1 + g."""
    x = np.array([config[f"x{i}"] for i in range(1, D + 1)])
    a, b = x[:2] * np.pi / 2
    radius = 1 + ((x[2:] - 0.5) ** 2).sum()
    return radius * math.cos(a) * math.cos(b), radius * math.cos(a) * math.sin(b), radius * math.sin(a)


@lru_cache(maxsize=1)
def _digits() -> list[np.ndarray]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, train_size=600, test_size=600, random_state=0, stratify=y)  # type: ignore[no-any-return]


def _forest(config: Config) -> tuple[float, ...]:
    """Error and log10 of the number of nodes."""
    from sklearn.ensemble import RandomForestClassifier

    train, test, y_train, y_test = _digits()
    forest = RandomForestClassifier(random_state=0, **config).fit(train, y_train)
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    return 1 - float(forest.score(test, y_test)), math.log10(nodes)


def _box(low: float = 0.0, high: float = 1.0) -> Space:
    return Space({"x1": wb.Float(0, 1)} | {f"x{i}": wb.Float(low, high) for i in range(2, D + 1)})


FOREST = Space(n_estimators=wb.Int(1, 64, log=True), max_depth=wb.Int(1, 16), max_features=wb.Float(0.02, 1.0, log=True),
               min_samples_leaf=wb.Int(1, 32, log=True), criterion=wb.Choice("gini", "entropy"),
               bootstrap=wb.Choice(True, False))


def _below(r1: float, r2: float, area: float) -> float:
    """Volume above a front from f1 = 0 to 1 below (r1, r2), where the front has this area under it."""
    return r1 * r2 - area


def _known() -> dict[str, Problem]:
    def root(f: float, g: float) -> float:
        return 1 - math.sqrt(f / g)

    def square(f: float, g: float) -> float:
        return 1 - (f / g) ** 2

    return {
        "zdt1": Problem(_box(), _zdt(_mean, root), (1.1, 3.0), _below(1.1, 3.0, 1 / 3)),
        "zdt2": Problem(_box(), _zdt(_mean, square), (1.1, 4.0), _below(1.1, 4.0, 2 / 3)),
        "zdt4": Problem(_box(-5, 5), _zdt(_rugged, root), (1.1, 40.0), _below(1.1, 40.0, 1 / 3)),
        "dtlz2": Problem(_box(), _dtlz2, (1.2, 1.2, 1.2), 1.2**3 - math.pi / 6),
        "forest_digits": Problem(FOREST, _forest, (0.25, 3.5), 0.231),
    }


PROBLEMS = _known()

# ---- the samplers ----------------------------------------------------------------------------------------------------


def ours(algorithm: Any) -> MakeSampler:
    """Make a sampler of one of our algorithms."""
    return lambda seed, space: wb.Sampler(algorithm, space=space, seed=seed)


def samplers() -> dict[str, MakeSampler]:
    """Return those of our catalogue that serve several losses, and Optuna's."""
    own = {label: ours(a) for label, a in LABELLED.items() if getattr(a, "several_losses", False)}
    return own | {
        "Optuna NSGA-II, population 20": lambda seed, _: optuna.samplers.NSGAIISampler(population_size=20, seed=seed),
        "Optuna NSGA-II, population 50": lambda seed, _: optuna.samplers.NSGAIISampler(seed=seed),
        "Optuna TPE": lambda seed, _: optuna.samplers.TPESampler(seed=seed),
    }


# ---- measuring -------------------------------------------------------------------------------------------------------


def shares(problem: Problem, make: MakeSampler, seed: int, checkpoints: Iterable[int] = CHECKPOINTS) -> np.ndarray:
    """Share of the best hypervolume after each number of trials."""
    seen: list[tuple[float, ...]] = []

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        seen.append(problem.losses(suggest_from(problem.space, trial)))
        return seen[-1]

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(directions=["minimize"] * len(problem.reference), sampler=make(seed, problem.space))
        study.optimize(objective, n_trials=max(checkpoints))
    finally:
        optuna.logging.set_verbosity(before)
    Y, r = np.array(seen), np.array(problem.reference)
    return np.array([hypervolume(Y[:n], r) for n in checkpoints]) / problem.best


def table(measured: Mapping[tuple[str, str], np.ndarray], seeds: int, checkpoints: Iterable[int] = CHECKPOINTS) -> Table:
    """Table of shares (seeds, checkpoints) by problem and sampler: means and their standard errors."""
    out = Table("several_losses", f"Share of the best hypervolume, mean ± standard error over {seeds} seeds",
                ["problem", "sampler", *(f"after {n} trials" for n in checkpoints)])
    for (problem, sampler), share in measured.items():
        mean, error = share.mean(axis=0), share.std(axis=0, ddof=1) / math.sqrt(len(share))
        out.rows.append([problem + "*" * (problem not in TUNED_ON), sampler,
                         *(f"{a:.3f} ± {b:.3f}" for a, b in zip(mean, error, strict=True))])
    out.notes.append("* no setting was tuned on it.")
    return out


def measure(names: Iterable[str], makers: Mapping[str, MakeSampler], seeds: Iterable[int]) -> dict[tuple[str, str], np.ndarray]:
    """Run samplers on problems: shares, shape (seeds, checkpoints), by problem and sampler."""
    return {(name, label): np.array([shares(PROBLEMS[name], make, seed) for seed in seeds])
            for name in names for label, make in makers.items()}


def run(*, full: bool) -> list[Table]:
    """Measure all samplers on all problems; ``full`` on 10 seeds, otherwise on 2."""
    seeds = range(10 if full else 2)
    return [table(measure(PROBLEMS, samplers(), seeds), len(seeds))]
