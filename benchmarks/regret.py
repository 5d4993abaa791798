"""Search quality: our algorithms on the peer benchmark, beside the peers' recorded runs on the same seeds.

The peer benchmark (``suite.py``, ``run.py``, ``results/runs.csv``) is looked for in $WORKBENCH_PEERS and in
../shared/bench/hpo. It is copied to artifacts/hpo first: nothing is written where it lies.

``python -m benchmarks.regret RUNS.csv ...`` makes the tables from files of runs that are there already.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import ROOT, Table, environment

OURS = {name: "benchmarks.adapters:" + name for name in (
    "Recommended", "GPBO", "TPE", "RFBO", "CMAES", "DifferentialEvolution", "Genetic", "ParticleSwarm", "QuasiRandom",
    "Random")}
PEERS = ("optuna_gp", "botorch", "ax", "skopt", "smac", "optuna_tpe", "optuna_tpe_mv", "hyperopt", "optuna_cmaes",
         "nevergrad", "optuna_random")
FAMILIES = {"GPBO": ("optuna_gp", "botorch", "ax", "skopt"), "RFBO": ("smac",), "CMAES": ("optuna_cmaes",),
            "TPE": ("optuna_tpe", "optuna_tpe_mv", "hyperopt"),
            "DifferentialEvolution": ("nevergrad",), "Random": ("optuna_random",)}
# settings were tuned on the first half (and on problems of our own); the second half took no part in it
TUNED_ON = ("branin", "hartmann6", "noisy_hartmann3", "mixed6", "svm_digits", "rf_digits", "cash_cancer", "final_sgd_digits")
COPY = ROOT / "artifacts" / "hpo"
Curves = dict[tuple[str, str], dict[int, np.ndarray]]  # (sampler, problem) -> seed -> best true loss after each trial


def source() -> Path | None:
    """Find the peer benchmark."""
    places = [os.environ.get("WORKBENCH_PEERS"), ROOT.parent / "shared" / "bench" / "hpo"]
    return next((Path(p) for p in places if p and (Path(p) / "suite.py").exists()), None)


def copied(where: Path) -> Path:
    """Copy the benchmark, but for its results, unless that was done before."""
    for folder in (COPY, COPY / "data"):
        folder.mkdir(parents=True, exist_ok=True)
    for path in [*where.glob("*.py"), *(where / "data").iterdir()]:
        shutil.copyfile(path, COPY / path.relative_to(where))
    return COPY


def run_ours(bench: Path, algorithm: str, problems: str, seeds: int, out: Path) -> None:
    """Let the benchmark's own runner call our adapter; its lines are appended to ``out``."""
    command = [sys.executable, "run.py", "--samplers", OURS[algorithm], "--problems", problems, "--seeds", str(seeds),
               "--workers", "1", "--out", str(out)]
    env = {**environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=bench, env=env, capture_output=True, text=True, check=False)
    if done.returncode or " 0 failed" not in done.stdout:
        raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()[-500:]}")


def read(*files: Path) -> Curves:
    """Read curves from the runner's files."""
    curves: Curves = defaultdict(dict)
    for path in files:
        with path.open(encoding="utf-8", newline="") as f:
            for row in csv.DictReader(f):
                curves[row["sampler"], row["problem"]][int(row["seed"])] = np.array(row["curve"].split(), dtype=float)
    return curves


def geometric_mean(values: Iterable[float]) -> float:
    """Geometric mean over problems of the mean regret, with 1e-4 added: a solved problem does not count for ever."""
    return math.exp(float(np.mean([math.log(v + 1e-4) for v in values])))


def normalised(problem: Any, curves: list[np.ndarray]) -> np.ndarray:
    """(best - optimum) / (median random draw - optimum) after each trial, shape (seeds, trials)."""
    n = min(map(len, curves))
    best = np.maximum(np.array([c[:n] for c in curves]) - problem.optimum, 0)
    return np.asarray(best / (problem.median_random() - problem.optimum))


def paired(curves: Curves, suite: Any, a: str, b: str, names: list[str]) -> list[Any] | None:
    """Compare two samplers on the problems and seeds that both have: [problems, seeds, gm a, gm b, half a, half b]."""
    final, half, n_seeds = [], [], []
    for name in names:
        seeds = sorted(curves[a, name].keys() & curves[b, name].keys())
        if not seeds:
            continue
        pair = [normalised(suite[name], [curves[s, name][k] for k in seeds]).mean(axis=0) for s in (a, b)]
        final.append([p[-1] for p in pair])
        half.append([p[len(p) // 2 - 1] for p in pair])
        n_seeds.append(len(seeds))
    if not final:
        return None
    means = [geometric_mean(column) for part in (final, half) for column in zip(*part, strict=True)]
    return [len(final), f"{min(n_seeds)}-{max(n_seeds)}", *means]


def mean_regrets(curves: Curves, suite: Any, samplers: Iterable[str], names: Iterable[str]) -> dict[str, dict[str, np.ndarray]]:
    """Mean normalised regret after each trial, by problem and sampler, over the seeds that a sampler has run."""
    return {name: {s: normalised(suite[name], list(curves[s, name].values())).mean(axis=0)
                   for s in samplers if curves[s, name]} for name in names}


def standing(regrets: dict[str, dict[str, np.ndarray]]) -> list[list[Any]]:
    """Rank the samplers that have run all problems: [sampler, average rank, regret at the end, at half the budget]."""
    common = set.intersection(*(set(r) for r in regrets.values())) if regrets else set()
    placed: dict[str, list[float]] = defaultdict(list)
    for r in regrets.values():
        final = {s: r[s][-1] for s in common}
        for s, v in final.items():
            better, equal = (sum(test(x) for x in final.values()) for test in
                             (lambda x, v=v: x < v - 1e-12, lambda x, v=v: abs(x - v) <= 1e-12))
            placed[s].append(1 + better + (equal - 1) / 2)
    rows = [[s, float(np.mean(placed[s])), geometric_mean(r[s][-1] for r in regrets.values()),
             geometric_mean(r[s][len(r[s]) // 2 - 1] for r in regrets.values())] for s in common]
    return sorted(rows, key=lambda row: row[1])


def run(*, full: bool) -> list[Table]:
    """Measure our algorithms; ``full`` runs all problems on 10 seeds, otherwise the core list on 2."""
    where = source()
    if where is None:
        note = "Left out: the peer benchmark is not here (set WORKBENCH_PEERS to its folder)."
        return [Table("regret", "Search quality beside the peers", ["sampler"], [], [note])]
    bench = copied(where)
    out = bench / ("ours_full.csv" if full else "ours_quick.csv")
    out.unlink(missing_ok=True)  # the code has changed since
    for algorithm in OURS:
        run_ours(bench, algorithm, "full" if full else "core", 10 if full else 2, out)
    return tables(bench, [out, where / "results" / "runs.csv"], full=full)


def tables(bench: Path, files: list[Path], *, full: bool) -> list[Table]:
    """Make the tables from files of runs."""
    sys.path.insert(0, str(bench))
    import suite as module  # type: ignore[import-not-found]

    suite, names = module.problems(), list(module.FULL if full else module.CORE)
    curves = read(*files)
    peers = [p for p in PEERS if any(curves[p, n] for n in names)]
    labels = {spec: name for name, spec in OURS.items()}
    ours = [spec for spec in OURS.values() if any(curves[spec, n] for n in names)]
    regrets = mean_regrets(curves, suite, [*ours, *peers], names)
    return [_standing(regrets, labels), _families(curves, suite, peers, names), _problems(curves, regrets, ours, peers, labels)]


def _standing(regrets: dict[str, dict[str, np.ndarray]], labels: dict[str, str]) -> Table:
    table = Table("regret", "Average rank and geometric mean of the normalised regret, at the end and at half the budget",
                  ["problems", "sampler", "average rank", "regret", "at half"])
    halves = {"all": list(regrets), "tuned on": [n for n in regrets if n in TUNED_ON],
              "not tuned on": [n for n in regrets if n not in TUNED_ON]}
    for half, names in halves.items():
        for sampler, *figures in standing({n: regrets[n] for n in names}):
            who = f"workbench {labels[sampler]}" if sampler in labels else sampler
            table.rows.append([f"{half} ({len(names)})", who, *figures])
    table.notes.append("Samplers that have run all problems. Differences under 1.3x, or 0.4 in rank, are noise at 10 seeds.")
    return table


def _families(curves: Curves, suite: Any, peers: list[str], names: list[str]) -> Table:
    table = Table("regret_families", "Each method beside the peers of its family, on the problems and seeds that both have run",
                  ["ours", "peer", "problems", "seeds", "regret", "the peer", "ratio", "at half", "the peer", "ratio"])
    everything = {"Recommended": tuple(peers), **FAMILIES}
    for name, family in everything.items():
        for peer in family:
            pair = paired(curves, suite, OURS[name], peer, names)
            if pair:
                n, seeds, ours, theirs, half, their_half = pair
                table.rows.append([name, peer, n, seeds, ours, theirs, ours / theirs, half, their_half, half / their_half])
    return table


def _problems(curves: Curves, regrets: dict[str, dict[str, np.ndarray]], ours: list[str], peers: list[str],
              labels: dict[str, str]) -> Table:
    table = Table("regret_problems", "Mean normalised regret at the end (number of seeds); * = not tuned on",
                  ["problem", *(labels[s] for s in ours), *peers])
    for name, r in regrets.items():
        table.rows.append([name + "*" * (name not in TUNED_ON),
                           *(f"{r[s][-1]:.4f} ({len(curves[s, name])})" if s in r else "-" for s in [*ours, *peers])])
    return table


if __name__ == "__main__":
    place = source()
    if place is None:
        sys.exit("The peer benchmark is not here: set WORKBENCH_PEERS to its folder.")
    for made in tables(copied(place), [Path(p) for p in sys.argv[1:]], full=True):
        print(made.markdown())
