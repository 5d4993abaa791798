"""Search quality: our algorithms on the peer benchmark, beside the peers' recorded runs on the same seeds.

The peer benchmark (``suite.py``, ``run.py``, ``results/runs.csv``) is looked for in $WORKBENCH_PEERS and in
../shared/bench/hpo. It is copied to artifacts/hpo first: nothing is written where it lies.
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

OURS = {"workbench TPE": "benchmarks.adapters:TPE", "workbench GPBO": "benchmarks.adapters:GPBO"}
PEERS = ("optuna_tpe", "optuna_gp", "optuna_cmaes", "hyperopt", "nevergrad", "smac", "optuna_random")
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


def ranks(curves: Curves, suite: Any, samplers: list[str], names: list[str]) -> dict[str, float]:
    """Average rank by mean regret, over the problems and seeds that all samplers have run."""
    placed = defaultdict(list)
    for name in names:
        seeds = set.intersection(*(set(curves[s, name]) for s in samplers))
        if not seeds:
            continue
        mean = [normalised(suite[name], [curves[s, name][k] for k in seeds])[:, -1].mean() for s in samplers]
        for sampler, m in zip(samplers, mean, strict=True):
            better, equal = sum(x < m - 1e-12 for x in mean), sum(abs(x - m) <= 1e-12 for x in mean)
            placed[sampler].append(1 + better + (equal - 1) / 2)
    return {s: float(np.mean(r)) for s, r in placed.items()}


def run(*, full: bool) -> list[Table]:
    """Measure TPE and GP-BO; ``full`` runs all problems on 10 seeds, otherwise the core list on 2."""
    where = source()
    if where is None:
        note = "Left out: the peer benchmark is not here (set WORKBENCH_PEERS to its folder)."
        return [Table("regret", "Search quality beside the peers", ["sampler"], [], [note])]
    bench = copied(where)
    out = bench / ("ours_full.csv" if full else "ours_quick.csv")
    out.unlink(missing_ok=True)  # the code has changed since
    for algorithm in OURS:
        run_ours(bench, algorithm, "full" if full else "core", 10 if full else 2, out)
    sys.path.insert(0, str(bench))
    import suite as module  # type: ignore[import-not-found]

    suite, names = module.problems(), list(module.FULL if full else module.CORE)
    curves = read(out, where / "results" / "runs.csv")
    peers = [p for p in PEERS if any(curves[p, n] for n in names)]
    return [_pairs(curves, suite, peers, names), _problems(curves, suite, peers, names)]


def _pairs(curves: Curves, suite: Any, peers: list[str], names: list[str]) -> Table:
    table = Table("regret", "Geometric mean of the normalised regret, on the problems and seeds that both have run",
                  ["ours", "peer", "problems", "seeds", "ours", "peer's", "ratio", "ours at half", "peer's at half"])
    for algorithm, spec in OURS.items():
        others = [(peer, peer) for peer in peers] + [(a, s) for a, s in OURS.items() if a != algorithm]
        for label, peer in others:
            pair = paired(curves, suite, spec, peer, names)
            if pair:
                n, seeds, ours, theirs, half, their_half = pair
                table.rows.append([algorithm, label, n, seeds, ours, theirs, ours / theirs, half, their_half])
    rank = ranks(curves, suite, [*OURS.values(), *peers], names)
    labels = {spec: algorithm for algorithm, spec in OURS.items()}
    text = ", ".join(f"{labels.get(s, s)} {r:.2f}" for s, r in sorted(rank.items(), key=lambda item: item[1]))
    table.notes.append(f"Average rank on the problems and seeds that all have run: {text}.")
    table.notes.append("Differences under 1.3x, or 0.4 in rank, are noise at 10 seeds.")
    return table


def _problems(curves: Curves, suite: Any, peers: list[str], names: list[str]) -> Table:
    table = Table("regret_problems", "Mean normalised regret at the end (number of seeds)",
                  ["problem", *OURS, *peers])
    for name in names:
        row = [name]
        for s in [*OURS.values(), *peers]:
            runs = list(curves[s, name].values())
            row.append(f"{normalised(suite[name], runs)[:, -1].mean():.4f} ({len(runs)})" if runs else "-")
        table.rows.append(row)
    return table
