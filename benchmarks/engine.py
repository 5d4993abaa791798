"""Overhead of the engine: 1,000 trials of an objective that does nothing, beside ``study.optimize``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import Any

from benchmarks.table import Table, measure, median, ratio, report

NAMES = [f"x{i}" for i in range(6)]


def optuna_study(where: str, n_trials: int) -> None:
    """Run ``study.optimize`` with random sampling."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend("optuna.journal")) if where == "journal" else None
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        for name in NAMES:
            trial.suggest_float(name, 0, 1)
        return 0.0

    _time(lambda: study.optimize(objective, n_trials=n_trials))


def workbench_run(where: str, n_trials: int) -> None:
    """Run the workbench's engine with random search."""
    import workbench as wb

    space = wb.Space({name: wb.Float(0, 1) for name in NAMES})
    run = wb.optimize(lambda _: 0.0, space, algorithm=wb.Random(), n_trials=n_trials, seed=0,
                      name="noop" if where == "journal" else None)
    _time(lambda: run.start().wait())
    if len(run.frame()) != n_trials:
        raise RuntimeError(f"{n_trials} trials were asked for, {len(run.frame())} were made")


def _time(work: Any) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    report(cpu_s=time.process_time() - cpu, wall_s=time.perf_counter() - wall)


def run(*, full: bool) -> list[Table]:
    """Compare in memory and in the journal file."""
    n_trials, repetitions = 1000, 5 if full else 3
    table = Table("engine", f"{n_trials} trials that do nothing, 6 floats, random: CPU milliseconds per trial",
                  ["storage", "workbench", "study.optimize", "ratio", "wall ratio"])
    for where in ("memory", "journal"):
        figures: dict[str, list[dict[str, float]]] = {"workbench": [], "optuna": []}
        for _ in range(repetitions):  # alternating: a busy minute hits both
            for who, measured in figures.items():
                measured.append(measure("benchmarks.engine", who, where, n_trials))
        cpu = {who: 1000 * median(m["cpu_s"] for m in ms) / n_trials for who, ms in figures.items()}
        wall = {who: median(m["wall_s"] for m in ms) for who, ms in figures.items()}
        table.rows.append([where, cpu["workbench"], cpu["optuna"], ratio(cpu["workbench"], cpu["optuna"]),
                           ratio(wall["workbench"], wall["optuna"])])
    return [table]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        {"workbench": workbench_run, "optuna": optuna_study}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
