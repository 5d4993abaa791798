"""Memory of a process after 2,000 trials with curves."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.table import Table, measure, report

N_STEPS = 20


def resident_mb() -> float:
    """Memory of this process in megabytes, as the system sees it."""
    gc.collect()
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text(encoding="ascii").splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def objective(config: dict[str, Any]) -> Iterator[float]:
    """Yield a curve."""
    for step in range(N_STEPS):
        yield config["x"] ** 2 + config["lr"] + 1 / (step + 1)


def point(algorithm: str, n_trials: int) -> None:
    """Run the trials in this process."""
    import workbench as wb

    space = wb.Space(x=wb.Float(-1, 1), lr=wb.Float(1e-5, 1e-1, log=True), n=wb.Int(1, 10), c=wb.Choice("a", "b"))
    make = getattr(wb, algorithm)
    wb.optimize(objective, space, algorithm=make(), n_trials=30, seed=1).start().wait()  # loads what a run loads
    start = resident_mb()
    run = wb.optimize(objective, space, algorithm=make(), n_trials=n_trials, seed=0)
    run.start().wait()
    end = resident_mb()
    report(mb=end - start, trials=len(run.frame()))


def run(*, full: bool) -> list[Table]:
    """Measure random search and TPE."""
    n_trials = 2000
    table = Table("memory", f"Memory above the start after {n_trials} trials with curves of {N_STEPS} steps",
                  ["algorithm", "trials", "megabytes"])
    for algorithm in ["Random", "TPE"] if full else ["TPE"]:
        m = measure("benchmarks.memory", algorithm, n_trials)
        table.rows.append([algorithm, m["trials"], m["mb"]])
    return [table]


if __name__ == "__main__":
    point(sys.argv[1], int(sys.argv[2]))
