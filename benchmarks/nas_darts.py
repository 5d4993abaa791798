"""Searches by gradients on MNIST-1D: what they cost, what is lost by discretising, and whether they beat what is simple.

Every pick is trained from scratch, with the seed of its search, and judged by the test part that no search has seen. Beside them
stand random search that trains cells one by one for as many CPU seconds as the search took and keeps the best by validation
accuracy, and the biggest model, a 3-convolution on every edge. Each seed runs in a process of its own with one thread.

``python -m benchmarks.nas_darts SEED full|quick`` runs one seed and reports its figures.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

import numpy as np

from benchmarks.table import Table, measure, ratio, report

N_SEEDS, N_QUICK = 5, 2
QUICK = ("DARTS, first order", "DARTS, second order (finite)", "SNAS", "GDAS")


def strategies() -> dict[str, Callable[[], Any]]:
    """Name the searches, all with 20 epochs."""
    from workbench.nas import DARTS, GDAS, SNAS, BilevelSettings, ProxylessNAS

    fast = BilevelSettings(alpha_lr=3e-2)
    return {"DARTS, first order": DARTS, "DARTS, second order (finite)": lambda: DARTS(order=2),
            "DARTS, second order (exact)": lambda: DARTS(order=2, hessian="exact"),
            "DARTS, first order, α learns 10 times as fast": lambda: DARTS(settings=fast),
            "DARTS, first order, T from 1 to 0.1": lambda: DARTS(last_temperature=0.1),
            "SNAS": SNAS, "GDAS": GDAS, "ProxylessNAS": ProxylessNAS}


def from_scratch(architecture: Sequence[str], data: Any, seed: int) -> tuple[float, float, float]:
    """Train a cell; returns validation accuracy, test accuracy and CPU seconds."""
    from workbench.nas import NANO
    from workbench.nas.networks import build
    from workbench.nas.training import test_accuracy, train

    began = process_time()
    network = build(NANO, NANO.config(architecture), data, seed=seed)
    *_, last = train(network, data, seed=seed)
    used = process_time() - began
    return last.valid_accuracy, test_accuracy(network, data), used


def one_seed(seed: int, *, full: bool) -> dict[str, Any]:
    """Run all searches with a seed, train what they pick, and let random search have as much time as each of them."""
    from workbench.nas import NANO, mnist1d

    data = mnist1d()
    from_scratch(("skip",) * 6, data, seed)  # what torch does once is not counted
    rows: dict[str, dict[str, Any]] = {}
    for name, make in strategies().items():
        if full or name in QUICK:
            began = process_time()
            *_, last = make().steps(data, seed=seed)
            whole = process_time() - began
            _, test, _ = from_scratch(last.why.chosen, data, seed)
            rows[name] = {"seconds": last.metrics["cpu_s"], "whole": whole, "mixed": last.why.mixed_accuracy,
                          "discrete": last.why.discrete_accuracy, "test": test, "picked": "-".join(last.why.chosen)}
    rng = np.random.default_rng(seed)
    cells = list(NANO)
    budgets = {name: row["seconds"] for name, row in rows.items()}
    used, best, trained = 0.0, (-1.0, math.nan), 0
    while any("random" not in row for row in rows.values()):
        valid, test, seconds = from_scratch(cells[int(rng.integers(len(cells)))], data, seed)
        for name, row in rows.items():  # too late for searches that would have ended by now; the first cell counts always
            if "random" not in row and used + seconds > budgets[name] and trained:
                row.update(random=best[1], n_random=trained)
        used, trained, best = used + seconds, trained + 1, max(best, (valid, test))
    _, biggest, _ = from_scratch(("conv3",) * 6, data, seed)
    return {"rows": rows, "biggest": biggest}


def _pm(values: Sequence[float], *, percent: bool = True) -> str:
    scale = 100.0 if percent else 1.0
    spread = f" ± {scale * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{scale * statistics.mean(values):.1f}{spread}"


def run(*, full: bool = False) -> list[Table]:
    """Run the seeds; one row a search, one for the biggest model."""
    seeds = range(N_SEEDS if full else N_QUICK)
    return [tabled([measure("benchmarks.nas_darts", k, "full" if full else "quick", timeout_s=3600) for k in seeds])]


def tabled(told: Sequence[dict[str, Any]]) -> Table:
    """Put what the seeds reported into a table."""
    table = Table("nas_darts", f"Searches by gradients on MNIST-1D, 20 epochs, {len(told)} seeds: accuracy in % (± deviation)",
                  ["search", "CPU s", "of first order", "mixture", "discretised", "pick from scratch, test",
                   "random search as long, test", "its cells", "different picks"])
    first = statistics.mean(t["rows"]["DARTS, first order"]["seconds"] for t in told)
    for name in told[0]["rows"]:
        rows = [t["rows"][name] for t in told]
        seconds = statistics.mean(r["seconds"] for r in rows)
        table.rows.append([name, f"{seconds:.1f}", ratio(seconds, first), *(_pm([r[k] for r in rows]) for k in (
            "mixed", "discrete", "test", "random")), statistics.mean(r["n_random"] for r in rows),
            len({r["picked"] for r in rows})])
    table.rows.append(["biggest: conv3 on every edge", *[None] * 4, _pm([t["biggest"] for t in told]), None, None, 1])
    table.notes.append("Mixture and discretised: validation accuracy with the weights of the search. CPU s: without measuring "
                       "accuracies and of the other gradient at each epoch. One test signal in 1,000 is 0.1 %.")
    return table


if __name__ == "__main__":
    report(**one_seed(int(sys.argv[1]), full=sys.argv[2] == "full"))
