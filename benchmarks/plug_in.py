"""Configurations found by gradient descent on models of earlier tasks, beside those chosen among what was tried.

Each task is left out once; the regret on it after 1, 3 and 5 tries, by what the others tell. What the descent proposes has no
entry in a table of 200 configurations, so it is trained.

* Support vector machines on the 47 data sets of ``wb.meta.small_tasks()``: proposals are trained as the table was (two minutes).
  Beside the truth stands what the left-out task's own estimator says: it was fitted to that task's 200 losses.
* Neural networks of HPOBench (Eggensperger et al. 2021), 8 tasks with all 30,000 configurations of a grid: some are drawn as
  what was tried, all can be proposed. The file is not part of the project: name it in the environment variable
  ``HPOBENCH_MLP`` (tasks, val_acc of shape (8, 30000) in the order of the grid). Without it this half is skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from benchmarks.table import Table
from workbench.meta import Estimators, Tasks, average_rank, greedy_portfolio, plug_in_portfolio, small_tasks
from workbench.problems.make_task_table import MAX_ROWS, data_sets, error
from workbench.space import Int, Space

NETWORKS = "HPOBENCH_MLP"
SIZES = (1, 3, 5)
GRID = (10, 10, 3, 10, 10)
SPACE = Space(alpha=Int(0, 9), batch=Int(0, 9), depth=Int(0, 2), lr=Int(0, 9), width=Int(0, 9))


def machines(*, full: bool) -> Table:
    """Leave each small data set out, and train what is proposed for it."""
    tasks = small_tasks()
    estimators, x, rows = Estimators.of(tasks), tasks.x(), dict[str, list[list[float]]]()
    for i, (_, X, y) in enumerate(data_sets()):
        if not full and i % 4:
            continue
        some = np.random.default_rng(0).permutation(len(y))[:MAX_ROWS]
        X, y = np.asarray(X, dtype=float)[some], np.asarray(y, dtype=np.int64)[some]
        known, own, low = tasks.without(i), estimators.some([i]), tasks.losses[i].min()
        rank, greedy = average_rank(known), greedy_portfolio(known, SIZES[-1])
        found = [plug_in_portfolio(estimators.without(i), size) for size in SIZES]
        rows.setdefault("average rank", []).append([tasks.losses[i, rank[:n]].min() - low for n in SIZES])
        rows.setdefault("greedy portfolio", []).append([tasks.losses[i, greedy[:n]].min() - low for n in SIZES])
        rows.setdefault("plug-in", []).append([min(error(c, X, y) for c in p.configs) - low for p in found])
        for name, at in (("greedy portfolio, as estimated", [x[greedy[:n]] for n in SIZES]),
                         ("plug-in, as estimated", [p.x for p in found])):
            rows.setdefault(name, []).append([float(own.losses(a).min()) for a in at])
    out = Table("plug_in_small", "Plug-in estimators: support vector machines on small data sets",
                ["tried first", *(f"after {n}" for n in SIZES), "± after 3", "after 3 better / worse than greedy"])
    _fill(out, rows)
    out.notes = [f"{len(rows['plug-in'])} of 47 tasks left out. Mean regret in the share of wrong answers, by training; as "
                 "estimated: 0 is the left-out task's best, 1 its median."]
    return out


def networks(path: Path, *, full: bool) -> Table:
    """Leave each task of HPOBench out; proposals are looked up."""
    with np.load(path) as held:
        losses, names = 1 - held["val_acc"].astype(float), tuple(str(n) for n in held["tasks"])
    grid = np.array(list(np.ndindex(GRID)))
    low, span = losses.min(axis=1), np.ptp(losses, axis=1)
    out = Table("plug_in_networks", "Plug-in estimators: neural networks of HPOBench",
                ["tried first", *(f"after {n}" for n in SIZES), "± after 3", "after 3 better / worse than greedy"])
    for n_tried in (30, 100, 300):
        rows: dict[str, list[list[float]]] = {"average rank": [], "greedy portfolio": [], "plug-in": []}
        for seed in range(5 if full else 2):
            tried = np.random.default_rng(seed).choice(len(grid), n_tried, replace=False)
            configs = tuple(dict(zip(SPACE.names, map(int, grid[k]), strict=True)) for k in tried)
            estimators = Estimators.of(Tasks(names, configs, losses[:, tried], space=SPACE))
            for i in range(len(names)):
                known, others = estimators.tasks.without(i), estimators.without(i)
                chosen = {"average rank": [tried[average_rank(known)[:n]] for n in SIZES],
                          "greedy portfolio": [tried[greedy_portfolio(known, n)] for n in SIZES],
                          "plug-in": [_places(plug_in_portfolio(others, n).configs) for n in SIZES]}
                for name, places in chosen.items():
                    rows[name].append([float((losses[i, at].min() - low[i]) / span[i]) for at in places])
        _fill(out, {f"{name}, {n_tried} tried": r for name, r in rows.items()}, against=f"greedy portfolio, {n_tried} tried")
    out.notes = [f"8 tasks, each left out once, {5 if full else 2} draws of what was tried. Regret as a share of the task's "
                 "range."]
    return out


def _places(configs: list[dict[str, int]]) -> np.ndarray:
    return np.ravel_multi_index(np.array([[c[name] for name in SPACE.names] for c in configs]).T, GRID)


def _fill(out: Table, rows: dict[str, list[list[float]]], against: str = "greedy portfolio") -> None:
    greedy = np.array(rows[against])[:, 1]
    for name, found in rows.items():
        r = np.array(found)
        better, worse = (r[:, 1] < greedy - 1e-6).sum(), (r[:, 1] > greedy + 1e-6).sum()
        said = None if name == against or "estimated" in name else f"{better} / {worse}"
        out.rows.append([name, *(f"{v:.4f}" for v in r.mean(axis=0)), f"{r[:, 1].std(ddof=1) / np.sqrt(len(r)):.4f}", said])


def run(*, full: bool = False) -> list[Table]:
    """Measure on the tables that are there."""
    tables = [machines(full=full)]
    path = os.environ.get(NETWORKS)
    if path:
        tables.append(networks(Path(path), full=full))
    else:
        tables[0].notes.append(f"HPOBench was skipped: its file is not named in {NETWORKS}.")
    return tables
