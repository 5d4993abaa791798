"""CPU time of one suggestion, through Optuna's ask and tell, after n finished trials of 6 mixed parameters."""

from __future__ import annotations

import math
import statistics
import sys
import time
from typing import Any

import numpy as np

from benchmarks.table import Table, has, measure, ratio, report

PAIRS = {"TPE": ("workbench TPE", "Optuna TPESampler"), "CMA-ES": ("workbench CMAES", "Optuna CmaEsSampler"),
         "GP": ("workbench GPBO", "Optuna GPSampler")}


def configs(n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Draw n configurations at random: two floats, a log float, an int, a log int, a choice of three."""
    return [{"f0": float(rng.random()), "f1": float(rng.uniform(-5, 5)), "l0": float(10 ** rng.uniform(-5, 0)),
             "i0": int(rng.integers(1, 21)), "i1": round(4 * 128 ** rng.random()), "c0": "abc"[rng.integers(3)]}
            for _ in range(n)]


def loss(c: dict[str, Any], rng: np.random.Generator) -> float:
    """Evaluate a bowl with noise."""
    u = np.array([c["f0"], (c["f1"] + 5) / 10, math.log10(c["l0"]) / 5 + 1, (c["i0"] - 1) / 19,
                  math.log(c["i1"] / 4) / math.log(128)])
    return float(((u - 0.4) ** 2).sum() + 0.3 * "abc".index(c["c0"]) + 0.05 * rng.standard_normal())


def sampler(name: str) -> Any:
    """Make a sampler by its name in the table."""
    import optuna

    kind, cls = name.split()
    if kind == "Optuna":
        return getattr(optuna.samplers, cls)(seed=0, **({"warn_independent_sampling": False} if cls.startswith("Cma") else {}))
    import workbench as wb

    return wb.Sampler(getattr(wb, cls)(), seed=0)


def point(name: str, n: int, n_asks: int) -> None:
    """Measure one sampler at one size, in this process."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if has("torch"):
        import torch

        torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {"f0": FloatDistribution(0, 1), "f1": FloatDistribution(-5, 5),
                     "l0": FloatDistribution(1e-5, 1, log=True), "i0": IntDistribution(1, 20),
                     "i1": IntDistribution(4, 512, log=True), "c0": CategoricalDistribution(["a", "b", "c"])}
    rng = np.random.default_rng(n)
    study = optuna.create_study(sampler=sampler(name))
    if "Cma" in name or "CMA" in name:  # learns from trials that it suggested: those of strangers would cost it nothing
        for _ in range(n):
            trial = study.ask(distributions)
            study.tell(trial, loss(trial.params, rng))
    else:
        study.add_trials([optuna.trial.create_trial(params=c, distributions=distributions, value=loss(c, rng))
                          for c in configs(n, rng)])
    times = []
    for _ in range(n_asks + 2):
        start = time.process_time()
        trial = study.ask(distributions)
        asked = time.process_time()
        value = loss(trial.params, rng)
        told = time.process_time()
        study.tell(trial, value)
        times.append(asked - start + time.process_time() - told)
    # the first ask pays for lazy imports and for encoding all n trials at once
    report(cpu_ms=1000 * statistics.median(times[2:]))


def run(*, full: bool) -> list[Table]:
    """Compare with Optuna's TPE, CMA-ES and GP samplers."""
    table = Table("suggest", "CPU milliseconds per ask + tell, 6 mixed parameters, median; ratio = ours / Optuna's",
                  ["sampler", "finished trials", "workbench", "Optuna", "ratio"])
    many = [20, 100, 300, 1000] + [3000] * full
    sizes = {"TPE": many, "CMA-ES": many, "GP": [20, 100] + [300, 1000] * full}
    for kind, (ours, theirs) in PAIRS.items():
        peer = kind == "TPE" or has("torch" if kind == "GP" else "cmaes")
        if not peer:
            table.notes.append(f"Optuna's {theirs.split()[1]} is left out: it needs a package (pip install '.[bench]').")
        for n in sizes[kind]:
            n_asks = 40 if kind != "GP" else 12 if full else 6
            a = measure("benchmarks.suggest", ours, n, n_asks)["cpu_ms"]
            b = measure("benchmarks.suggest", theirs, n, n_asks)["cpu_ms"] if peer else None
            table.rows.append([kind, n, a, b, ratio(a, b)])
    return [table]


if __name__ == "__main__":
    point(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
