"""Search when training can be stopped early: the best loss seen after 2, 3, 5, 10 and 20 full trainings' worth of epochs.

A scheduler of ours with an algorithm of ours runs problems that have learning curves, one worker, no step run twice. The problems
are those of the peer benchmark (tables of real curves), and functions of its list whose curves are made up: on "easy" ones the
order of the configurations is nearly the same at all epochs, on "cross" ones better configurations learn more slowly. The peers'
curves are read from ``results/mf.csv`` beside that benchmark, which is looked for as in ``benchmarks.regret``.

``python -m benchmarks.multi_fidelity RUNS.csv ...`` makes the tables from files of runs that are there already.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import workbench as wb
from benchmarks.adapters import space_of
from benchmarks.regret import copied, source
from benchmarks.table import Table
from workbench.fidelity.halving import SuccessiveHalving
from workbench.fidelity.hyperband import EagerHyperband, Hyperband
from workbench.history import Algorithm, History
from workbench.schedule import Schedule, Scheduler, Verdict
from workbench.space import Array, Space

EPOCHS, MIN_EPOCHS, FULLS = 81, 3, 20  # of a full training, before the first comparison, and full trainings' worth in all
SHOWN = (2, 3, 5, 10, 20)
FLOOR = 1e-3  # added before a logarithm is taken: a solved problem does not count for ever
MADE = {"s_mixed_easy": ("mixed6", False), "s_h6_cross": ("hartmann6", True), "s_hgb_easy": ("hgb_diabetes", False),
        "s_mixed_cross": ("mixed6", True), "s_cond_easy": ("cond_cash", False)}

SCHEDULERS: dict[str, Callable[[], Scheduler]] = {
    "Hyperband": lambda: Hyperband(EPOCHS, MIN_EPOCHS),
    "EagerHyperband": lambda: EagerHyperband(EPOCHS, MIN_EPOCHS),
    "SuccessiveHalving": lambda: SuccessiveHalving(EPOCHS, MIN_EPOCHS),
}
SEARCHES: dict[str, Callable[[], Algorithm]] = {
    "Random": wb.Random,
    "BOHB": wb.BOHB,
    "BOHB, ρ 0.1": lambda: wb.BOHB(rho=0.1),
    "TPE, gains": lambda: wb.OneScale(wb.TPE()),
    "TPE, gains, ρ 0.1": lambda: wb.OneScale(wb.TPE(), random_share=0.1),
    "TPE, largest": lambda: wb.OneScale(wb.TPE(), "largest"),
    "GPBO, gains": lambda: wb.OneScale(wb.GPBO()),
    "RFBO, gains": lambda: wb.OneScale(wb.RFBO()),
}
PAIRS = ("Hyperband + Random", "Hyperband + BOHB", "Hyperband + TPE, gains", "EagerHyperband + Random", "EagerHyperband + BOHB",
         "EagerHyperband + TPE, gains", "EagerHyperband + TPE, gains, ρ 0.1", "EagerHyperband + TPE, largest",
         "EagerHyperband + GPBO, gains", "SuccessiveHalving + TPE, gains")
PEERS = {"tpe+hyperband": "Optuna TPE + Hyperband", "tpe+sha": "Optuna TPE + successive halving", "dehb": "DEHB",
         "bohb": "HpBandSter BOHB", "smac_mf": "SMAC, several budgets", "random+hyperband": "Optuna random + Hyperband",
         "tpe": "Optuna TPE, full trainings"}
Curves = dict[tuple[str, str], dict[int, Array]]  # (method, problem) -> seed -> best loss after each full training's worth


# ---- the loop --------------------------------------------------------------------------------------------------------


class Trainings:
    """One worker that trains configurations by a schedule: what an engine does, without threads, files and failures."""

    def __init__(self, space: Space, schedule: Schedule, algorithm: Algorithm, curve: Callable[[Any], Sequence[float]],
                 seed: int) -> None:
        self.space, self.schedule, self.algorithm, self.curve, self.seed = space, schedule, algorithm, curve, seed
        self.x: list[Array] = []
        self.curves: list[Sequence[float]] = []
        self.steps: list[int] = []
        self.ended: list[int] = []  # trials, in the order of their ends
        self.goes: list[int] = []  # trials that may go on, in the order they were told to
        self.memo: dict[Any, Any] = {}

    def losses(self) -> Iterable[float]:
        """Yield the loss of every epoch that is trained, for ever."""
        while True:
            trial = self._next()
            while trial in self.goes:
                loss = float(self.curves[trial][self.steps[trial]])
                self.steps[trial] += 1
                yield loss
                self._hear(self.schedule.report(trial, self.steps[trial], loss))

    def history(self) -> History:
        """Return what the algorithm may see."""
        live = [k for k in range(len(self.x)) if k not in self.ended]
        y = np.array([self.curves[k][self.steps[k] - 1] for k in self.ended], dtype=float)
        return History(self.space, self._rows(self.ended), y, self._rows(live), np.array([self.steps[k] for k in self.ended]),
                       self.seed, self.memo, self.schedule.budgets, self._by_budget(self.ended), self._by_budget(live))

    def _next(self) -> int:
        if not self.goes:
            self._hear(self.schedule.free())
        return self.goes[0] if self.goes else self._begin()

    def _begin(self) -> int:
        trial = len(self.x)
        rng = np.random.default_rng([self.seed, trial])
        self.x.append(self.algorithm.suggest(self.history(), rng).x)
        self.curves.append(self.curve(self.space.from_unit(self.x[-1])))
        self.steps.append(0)
        self._hear([self.schedule.begin(trial)])
        return trial

    def _hear(self, verdicts: Iterable[Verdict]) -> None:
        for v in verdicts:
            if v.action == "go" and v.trial not in self.goes:
                self.goes.append(v.trial)
            elif v.action != "go":
                self.goes = [k for k in self.goes if k != v.trial]
                self.ended += [v.trial] * (v.action in ("stop", "finish"))

    def _rows(self, trials: list[int]) -> Array:
        return np.array([self.x[k] for k in trials]).reshape(len(trials), len(self.space))

    def _by_budget(self, trials: list[int]) -> Array:
        budgets = self.schedule.budgets
        table = [[self.curves[k][r - 1] if r <= self.steps[k] else np.nan for r in budgets] for k in trials]
        return np.array(table).reshape(len(trials), len(budgets))


def best_after(problem: Any, scheduler: Scheduler, algorithm: Algorithm, seed: int, fulls: int = FULLS) -> Array:
    """Best loss seen at any epoch, after each full training's worth of epochs; shape (fulls,)."""
    worker = Trainings(space_of(problem.space), scheduler.schedule(), algorithm, problem.curve, seed)
    losses = np.fromiter((loss for loss, _ in zip(worker.losses(), range(fulls * problem.epochs), strict=False)), dtype=float)
    return np.minimum.accumulate(losses)[problem.epochs - 1::problem.epochs]


# ---- the problems ----------------------------------------------------------------------------------------------------


class MadeCurves:
    """A function of the peer benchmark with made-up learning curves: exponential, from above to its normalised regret."""

    epochs, optimum = EPOCHS, 0.0

    def __init__(self, base: Any, crossing: bool) -> None:
        self.base, self.crossing, self.space = base, crossing, base.space
        self.unit = base.median_random() - base.optimum

    def median_random(self) -> float:
        """Regret of a median random draw: the unit."""
        return 1.0

    def curve(self, config: Mapping[str, Any]) -> Array:
        """Loss after 1 … 81 epochs; what is random in it depends on the configuration alone."""
        u = int(hashlib.md5(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:8], 16) / 2**32
        end, e = (self.base.fn(config) - self.base.optimum) / self.unit, np.arange(1, EPOCHS + 1)
        slowness = np.clip(1 - end, 0, 1) * 0.8 + 0.2 * u if self.crossing else u
        tau, height = 3 + 25 * slowness, 1 + 0.3 * u
        noise = np.random.default_rng(int(u * 1e9)).standard_normal(EPOCHS) * 0.01 * np.exp(-e / 40)
        return np.maximum(end + height * (np.exp(-e / tau) - math.exp(-EPOCHS / tau)) + noise, 0)


def problems(bench: Path) -> dict[str, Any]:
    """Return the tables of real curves, and the made-up ones."""
    if str(bench) not in sys.path:
        sys.path.insert(0, str(bench))
    import suite  # type: ignore[import-not-found]

    known = suite.problems()
    return suite.fidelity_problems() | {name: MadeCurves(known[base], crossing) for name, (base, crossing) in MADE.items()}


# ---- measuring -------------------------------------------------------------------------------------------------------


def pair(name: str) -> tuple[Scheduler, Algorithm]:
    """Make scheduler and algorithm from "SCHEDULER + SEARCH"."""
    scheduler, search = name.split(" + ")
    return SCHEDULERS[scheduler](), SEARCHES[search]()


def read(*files: Path) -> Curves:
    """Read curves from files of runs."""
    curves: Curves = defaultdict(dict)
    for path in files:
        with path.open(encoding="utf-8", newline="") as f:
            for row in csv.DictReader(f):
                curves[row["method"], row["problem"]][int(row["seed"])] = np.array(row["curve"].split(), dtype=float)
    return curves


def measure(names: Iterable[str], pairs: Iterable[str], seeds: Iterable[int], suite: Mapping[str, Any], out: Path) -> None:
    """Run what ``out`` lacks, and append it there line by line."""
    done = read(out) if out.exists() else {}
    with out.open("a", encoding="utf-8", newline="") as f:
        writer = csv.writer(f)
        if not f.tell():
            writer.writerow(["method", "problem", "seed", "curve"])
        for seed in seeds:
            for name in names:
                for p in pairs:
                    if seed not in done.get((p, name), {}):
                        curve = best_after(suite[name], *pair(p), seed)
                        writer.writerow([p, name, seed, " ".join(f"{v:.6g}" for v in curve)])
                        f.flush()


def regrets(problem: Any, curves: Mapping[int, Array]) -> Array:
    """(best - optimum) / (median random draw - optimum), shape (seeds, full trainings)."""
    n = min(len(c) for c in curves.values())
    best = np.array([curves[seed][:n] for seed in sorted(curves)])
    return np.asarray(np.maximum(best - problem.optimum, 0) / (problem.median_random() - problem.optimum))


def tables(curves: Curves, suite: Mapping[str, Any]) -> list[Table]:
    """Tables of mean regrets by problem and of their geometric means over problems."""
    methods = list(dict.fromkeys(method for method, _ in curves))
    each = Table("multi_fidelity", f"Mean normalised regret ± standard error after k × {EPOCHS} epochs",
                 ["problem", "method", "seeds", *(f"k = {k}" for k in SHOWN)])
    for name in suite:
        for method in methods:
            if seeds := curves.get((method, name)):
                r = regrets(suite[name], seeds)
                cells = [f"{r[:, k - 1].mean():.4f} ± {r[:, k - 1].std(ddof=1) / math.sqrt(len(r)):.4f}" if len(r) > 1
                         else f"{r[0, k - 1]:.4f}" for k in SHOWN]
                each.rows.append([name, PEERS.get(method, method), len(r), *cells])
    groups = {"real curves": [n for n in suite if n not in MADE], "made-up curves": [n for n in suite if n in MADE]}
    over = Table("multi_fidelity_means", "Geometric mean over problems of the mean regret",
                 ["problems", "method", "seeds", *(f"k = {k}" for k in SHOWN), "mean of the five"])
    for group, names in groups.items():
        rows = []
        for method in methods:
            if names and all(curves.get((method, n)) for n in names):
                mean = np.array([regrets(suite[n], curves[method, n]).mean(axis=0) for n in names])
                row = np.exp(np.log(mean + FLOOR).mean(axis=0))[[k - 1 for k in SHOWN]]
                counts = sorted(len(curves[method, n]) for n in names)
                seeds = str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"
                rows.append([f"{group} ({len(names)})", PEERS.get(method, method), seeds, *map(float, row),
                             float(np.exp(np.log(row).mean()))])
        over.rows += sorted(rows, key=lambda row: row[-1])
    over.notes.append(f"{FLOOR:g} is added to a problem's regret.")
    return [over, each]


def run(*, full: bool) -> list[Table]:
    """Measure our pairs; ``full`` on 10 seeds, otherwise on 2."""
    where = source()
    if where is None:
        note = "Left out: the peer benchmark is not here (set WORKBENCH_PEERS to its folder)."
        return [Table("multi_fidelity", "Search when training can be stopped early", ["method"], [], [note])]
    bench = copied(where)
    suite, out = problems(bench), bench / ("fidelity_full.csv" if full else "fidelity_quick.csv")
    out.unlink(missing_ok=True)  # the code has changed since
    measure(suite, PAIRS, range(10 if full else 2), suite, out)
    return tables(read(out, where / "results" / "mf.csv"), suite)


if __name__ == "__main__":
    place = source()
    if place is None:
        sys.exit("The peer benchmark is not here: set WORKBENCH_PEERS to its folder.")
    for made in tables(read(*map(Path, sys.argv[1:])), problems(copied(place))):
        print(made.markdown())
