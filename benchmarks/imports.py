"""How long ``import workbench`` takes in a fresh process, and what it loads."""

from __future__ import annotations

import sys
import time

from benchmarks.table import Table, measure, median, ratio, report

CASES = {
    "import workbench": ["workbench"],
    "import optuna, sklearn": ["optuna", "sklearn"],
    "import numpy": ["numpy"],
}
USED = "import workbench; wb.optimize, wb.Space, wb.GPBO"
HEAVY = ("torch", "plotly", "IPython", "ipywidgets", "optuna", "sklearn", "pandas", "scipy", "numpy")


def point(case: str) -> None:
    """Import in this process, which has loaded nothing else."""
    before, cpu, wall = len(sys.modules), time.process_time(), time.perf_counter()
    if case == USED:
        import workbench as wb

        _ = wb.optimize, wb.Space, wb.GPBO
    for module in CASES.get(case, [] if case == USED else [case]):
        __import__(module)
    report(cpu_s=time.process_time() - cpu, wall_s=time.perf_counter() - wall, modules=len(sys.modules) - before,
           heavy=[m for m in HEAVY if m in sys.modules])


def run(*, full: bool) -> list[Table]:
    """Compare with ``import optuna`` and ``import sklearn`` together."""
    table = Table("imports", "Import in a fresh process, file cache warm: median CPU and wall milliseconds",
                  ["what", "CPU ms", "wall ms", "modules", "loads", "CPU ratio to optuna + sklearn"])
    cases = [*CASES, USED]
    figures: dict[str, list[dict[str, object]]] = {case: [] for case in cases}
    for k in range(11 if full else 6):
        for case in cases:
            measured = measure("benchmarks.imports", case)
            if k:  # the first round warms the file cache
                figures[case].append(measured)
    peers = median(float(str(m["cpu_s"])) for m in figures["import optuna, sklearn"])
    for case in cases:
        cpu, wall = (median(float(str(m[key])) for m in figures[case]) for key in ("cpu_s", "wall_s"))
        last = figures[case][-1]
        loads = last["heavy"]
        table.rows.append([case, 1000 * cpu, 1000 * wall, last["modules"],
                           ", ".join(loads) if isinstance(loads, list) and loads else "none of the heavy ones",
                           ratio(cpu, peers)])
    return [table]


if __name__ == "__main__":
    point(sys.argv[1])
