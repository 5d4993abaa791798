"""What to try first on a new task, by what is known of earlier ones: regret after 1, 3, 5 and 10 tries, each left out once.

* The table that comes with the package: 200 support vector machines on 47 small data sets (``wb.meta.small_tasks()``). Some
  data sets are parts of others, which favours whoever finds relatives.
* LCDB (Mohr, Viering, Loog & van Rijn 2022): test errors of 20 scikit-learn learners at the largest training size, on the 161
  of its data sets with at least 18 of the learners and with meta-features. The tables are not part of the project: name their
  files in the environment variables ``LCDB_ACCURACY`` (openmlid, learner, size_train, test) and ``LCDB_METAFEATURES``
  (openmlid, …). Without them this half is skipped.

A loss that is not known counts as the worst of its task. Five neighbours, five factors, Siamese networks as they come; what of it
was chosen with a look at these tables is told in RESULTS.md. The distance by true performance knows the answer: it says what such
a distance would be worth at best.

Distances are judged by their correlation with true ones, of the left-out task from all others, averaged over tasks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.table import Table
from workbench.meta import (
    Factorisation,
    Neighbours,
    Siamese,
    Tasks,
    average_rank,
    greedy_portfolio,
    neighbours,
    performance_distances,
    regret_after,
    small_tasks,
)

ACCURACY, METAFEATURES = "LCDB_ACCURACY", "LCDB_METAFEATURES"
TRIES = (1, 3, 5, 10)
N_KNOWN = 18  # learners
K, RANK, N_FIRST = 5, 5, 3
N_RANDOM = 500  # random orders

Order = Sequence[int]


@dataclass
class Score:
    """Regrets after 10 tries, a row a task; and how distances correlate with true ones."""

    regrets: list[np.ndarray] = field(default_factory=list)
    correlations: list[float] = field(default_factory=list)


def read(accuracy: Path, features: Path) -> Tasks:
    """Read LCDB: a data set is a task, a learner a configuration."""
    curves = pd.read_csv(accuracy)
    described = pd.read_csv(features).set_index("openmlid").select_dtypes("number")
    last = curves.sort_values("size_train").groupby(["openmlid", "learner"]).tail(1)
    table = last.pivot(index="openmlid", columns="learner", values="test")
    table = table[table.index.isin(described.index) & (table.notna().sum(axis=1) >= N_KNOWN)]
    return Tasks.from_frame(1 - table, described)


def by_distance(known: Tasks, away: np.ndarray) -> Neighbours:
    """Order earlier tasks by any distance of the new one."""
    order = np.argsort(away, kind="stable")
    return Neighbours(known, order, away[order])


def play(model: Factorisation, losses: np.ndarray, first: Order) -> list[int]:
    """Try these, then what the factorisation suggests after each."""
    order, seen = list(first), {i: float(losses[i]) for i in first}
    while len(order) < TRIES[-1]:
        order += model.suggest(seen)
        seen[order[-1]] = float(losses[order[-1]])
    return order


def orders(tasks: Tasks, i: int, *, full: bool) -> Iterator[tuple[str, Order, float]]:
    """Give what each method would try on a task, and how its distances correlate with true ones (nan without)."""
    known, features = tasks.without(i), tasks.features.iloc[i]
    losses = np.where(np.isnan(tasks.losses[i]), np.nanmax(tasks.losses[i]), tasks.losses[i])
    true = {target: np.delete(performance_distances(tasks, target)[i], i) for target in ("losses", "ranks")}

    def agreement(found: Neighbours, target: str = "losses") -> float:
        return float(np.corrcoef(found.distance, true[target][found.order])[0, 1])

    portfolio = greedy_portfolio(known, TRIES[-1])
    yield "average rank", average_rank(known), np.nan
    yield "greedy portfolio", portfolio, np.nan
    near = neighbours(known, features)
    yield "nearest by meta-features", near.suggest(K), agreement(near)
    yield "nearest by meta-features, best of each", near.suggest(K, "best of each"), agreement(near)
    for target in ("losses", "ranks") if full else ("losses",):
        learned = Siamese(target=target).fit(known).neighbours(features)
        yield f"nearest by learned distance ({target})", learned.suggest(K), agreement(learned, target)
    for target in ("losses", "ranks"):
        oracle = by_distance(known, true[target])
        yield f"nearest by true distance ({target})", oracle.suggest(K), agreement(oracle, target)
    model = Factorisation.fit(known, RANK)
    yield "factorisation, expected improvement", play(model, losses, []), np.nan
    yield f"factorisation after {N_FIRST} of the portfolio", play(model, losses, portfolio[:N_FIRST]), np.nan
    yield f"factorisation after a design of {N_FIRST}", play(model, losses, model.design(N_FIRST)), np.nan


def measure(tasks: Tasks, *, full: bool) -> dict[str, Score]:
    """Leave each task out once."""
    found = {"at random": Score()}
    rng = np.random.default_rng(0)
    for i in range(len(tasks)):
        drawn = [regret_after(tasks, i, rng.permutation(len(tasks.configs))[:TRIES[-1]]) for _ in range(N_RANDOM)]
        found["at random"].regrets.append(np.mean(drawn, axis=0))
        for name, order, correlation in orders(tasks, i, full=full):
            score = found.setdefault(name, Score())
            score.regrets.append(regret_after(tasks, i, list(order)[:TRIES[-1]]))
            score.correlations.append(correlation)
    return found


def table(name: str, title: str, tasks: Tasks, *, full: bool) -> Table:
    """Make the table of one set of tasks."""
    found = measure(tasks, full=full)
    rank = np.array(found["average rank"].regrets)
    out = Table(name, title, ["tried first", *(f"after {n}" for n in TRIES), "± after 3",
                              "after 3 better / worse than average rank", "correlation of distances"])
    for method, score in found.items():
        r = np.array(score.regrets)
        after = r[:, TRIES[1] - 1]
        better, worse = (after < rank[:, TRIES[1] - 1] - 1e-9).sum(), (after > rank[:, TRIES[1] - 1] + 1e-9).sum()
        correlation = float(np.nanmean(score.correlations)) if np.isfinite(score.correlations).any() else None
        out.rows.append([method, *(f"{r[:, n - 1].mean():.4f}".lstrip("0") for n in TRIES),
                         f"{after.std(ddof=1) / np.sqrt(len(after)):.4f}".lstrip("0"), f"{better} / {worse}",
                         None if correlation is None else f"{correlation:.2f}"])
    out.notes = [f"{len(tasks)} tasks, {len(tasks.configs)} configurations. Mean regret in the share of wrong answers; ± is a "
                 "standard error over tasks."]
    return out


def run(*, full: bool = False) -> list[Table]:
    """Measure on the tables that are there."""
    small = small_tasks()
    tables = [table("meta_tasks_small", "Tries on a new task: support vector machines on small data sets", small, full=full)]
    files = [os.environ.get(v) for v in (ACCURACY, METAFEATURES)]
    if all(files):
        lcdb = read(*(Path(str(f)) for f in files))
        tables.append(table("meta_tasks_lcdb", "Tries on a new task: learners of scikit-learn on LCDB", lcdb, full=full))
    else:
        tables[0].notes.append(f"LCDB was skipped: its files are not named in {ACCURACY} and {METAFEATURES}.")
    return tables
