"""Tables of figures as markdown and CSV, and measurements in processes of their own."""

from __future__ import annotations

import csv
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_MARK = "RESULT "


@dataclass
class Table:
    """Rows of figures under one title."""

    name: str  # of the files
    title: str
    columns: Sequence[str]
    rows: list[list[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Write the table as markdown."""
        lines = [f"### {self.title}", "", "| " + " | ".join(self.columns) + " |", "|---" * len(self.columns) + "|"]
        lines += ["| " + " | ".join(_text(v) for v in row) + " |" for row in self.rows]
        return "\n".join([*lines, "", *self.notes, ""])

    def write(self, folder: Path) -> None:
        """Write ``name.md`` and ``name.csv``."""
        (folder / f"{self.name}.md").write_text(f"{self.markdown()}\n{machine()}\n", encoding="utf-8")
        with (folder / f"{self.name}.csv").open("w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f)
            writer.writerow(self.columns)
            writer.writerows(self.rows)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def machine() -> str:
    """Name the machine and the versions in one line."""
    from importlib.metadata import version

    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "optuna"))
    return f"Python {platform.python_version()}, {packages}; {os.cpu_count()} cores{load}"


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Divide, unless one of them is missing."""
    return None if ours is None or theirs is None or theirs == 0 else ours / theirs


def median(values: Iterable[float]) -> float:
    """Take the median."""
    return float(statistics.median(values))


def environment() -> dict[str, str]:
    """Return the environment of a measurement: one BLAS thread, and no settings that pick other BLAS kernels."""
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**env, **dict.fromkeys(threads, "1"), "PYTHONWARNINGS": "ignore"}


def report(**figures: Any) -> None:
    """Hand figures to the process that called ``measure``."""
    print(_MARK + json.dumps(figures), flush=True)


def measure(module: str, *args: object, timeout_s: float = 600) -> dict[str, Any]:
    """Run ``python -m module args`` in a process of its own and return the figures that it reports."""
    command = [sys.executable, "-m", module, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT, timeout=timeout_s,
                          check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise RuntimeError(f"{' '.join(command[2:])} failed: {last}")
    figures: dict[str, Any] = json.loads(lines[-1][len(_MARK):])
    return figures


def has(module: str) -> bool:
    """Whether a module is installed."""
    import importlib.util

    return importlib.util.find_spec(module) is not None
