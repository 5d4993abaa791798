"""Overhead of the engine: 1,000 trials of an objective that does nothing, beside ``study.optimize``; and under Hyperband.

Under Hyperband the 1,000 trials take some 10,000 steps. What keeping the books costs is told as a share of a run whose steps take
10 ms: of the books alone (every word that they are told and say), and of the whole engine (threads, events, storage too).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import Any

import numpy as np

from benchmarks.table import Table, measure, median, ratio, report

NAMES = [f"x{i}" for i in range(6)]
MAX_STEPS = 81
STEP_MS = 10.0


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


def books(scheduler: Any, n_trials: int) -> tuple[float, int]:
    """CPU seconds that the books of a run take, told all by themselves what one worker would tell them, and steps taken."""
    schedule = scheduler.schedule()
    rng = np.random.default_rng(0)
    level, speed = rng.random(n_trials), rng.random(n_trials)  # curves that cross
    taken = np.zeros(n_trials, dtype=int)
    goes: list[int] = []
    n_begun = n_steps = 0
    closed, start = False, time.process_time()
    while True:
        verdicts: list[Any] = []
        if goes:
            k = goes[0]
            schedule.goal(k)
            taken[k] += 1
            n_steps += 1
            verdicts += schedule.report(k, int(taken[k]), float(level[k] + speed[k] / taken[k]))
        elif not (verdicts := list(schedule.free())):
            if n_begun < n_trials:
                verdicts, n_begun = [schedule.begin(n_begun)], n_begun + 1
            elif closed:
                return time.process_time() - start, n_steps
            else:
                verdicts, closed = list(schedule.close()), True
        for v in verdicts:
            if v.trial in goes and v.action != "go":
                goes.remove(v.trial)
            elif v.trial not in goes and v.action == "go":
                goes.append(v.trial)
            if v.action in ("stop", "finish"):
                schedule.end(v.trial, float(level[v.trial]), stopped=v.action == "stop")


def books_alone(n_trials: int) -> None:
    """Report the cost of Hyperband's books."""
    from workbench.fidelity.hyperband import Hyperband

    cpu, n_steps = books(Hyperband(MAX_STEPS), n_trials)
    report(cpu_s=cpu, steps=n_steps)


def scheduled_run(where: str, n_trials: int, sleep_s: float) -> None:
    """Run the engine with random search under Hyperband; its steps sleep, or do nothing. CPU time counts either way."""
    import workbench as wb

    n_steps = 0

    def objective(config: dict[str, float]) -> Any:
        nonlocal n_steps
        for step in range(1, MAX_STEPS + 1):
            if sleep_s:
                time.sleep(sleep_s)
            n_steps += 1
            yield config["x0"] + config["x1"] / step

    space = wb.Space({name: wb.Float(0, 1) for name in NAMES})
    run = wb.optimize(objective, space, algorithm=wb.Random(), n_trials=n_trials, seed=0, scheduler=wb.Hyperband(MAX_STEPS),
                      name="books" if where == "journal" else None)
    figures = _timed(lambda: run.start().wait())
    report(**figures, steps=n_steps)


def shares(*, full: bool) -> Table:
    """Say which share of a run with steps of 10 ms the books take, and the whole engine."""
    n_trials, repetitions = 1000, 3
    table = Table("bookkeeping", f"{n_trials} trials under Hyperband({MAX_STEPS}), one worker: share of a run whose steps take "
                  f"{STEP_MS:g} ms", ["what", "steps", "CPU microseconds per step", "share"])
    kinds: list[tuple[str, tuple[object, ...]]] = [
        ("the scheduler's books alone", ("books", n_trials)), ("the engine, in memory", ("scheduled", "memory", n_trials, 0.0)),
        ("the engine, in the journal", ("scheduled", "journal", n_trials, 0.0))]
    if full:
        kinds.append(("the engine, in memory, steps that sleep", ("scheduled", "memory", n_trials, STEP_MS / 1000)))
    for what, arguments in kinds:
        n = 1 if "sleep" in what else repetitions
        measured = [measure("benchmarks.engine", *arguments) for _ in range(n)]
        us = 1e6 * median(m["cpu_s"] / m["steps"] for m in measured)
        table.rows.append([what, measured[0]["steps"], us, f"{100 * us / (us + 1000 * STEP_MS):.2f} %"])
    return table


def _time(work: Any) -> None:
    report(**_timed(work))


def _timed(work: Any) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}


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
    return [table, shares(full=full)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        match sys.argv[1:]:
            case ["books", n]:
                books_alone(int(n))
            case ["scheduled", storage, n, sleep]:
                scheduled_run(storage, int(n), float(sleep))
            case [who, storage, n]:
                {"workbench": workbench_run, "optuna": optuna_study}[who](storage, int(n))
