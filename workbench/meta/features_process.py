"""Meta-features in a process of their own: it takes nothing from what runs meanwhile, and can be ended.

``python -m workbench.meta.features_process`` reads a pickled ``Described`` from its input, which only ``measured`` writes, and
prints a line of JSON for each meta-feature.
"""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
import warnings

import pandas as pd

from workbench.meta.described import Described


def measured(table: Described, limit_s: float) -> pd.Series:
    """Compute the meta-features of a data set, those that are known after so many seconds.

    Raises
    ------
    OSError
        If no process can be started.
    RuntimeError
        If it ends without a result.
    """
    command = [sys.executable, "-m", "workbench.meta.features_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            out, err = process.communicate(pickle.dumps(table), timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
    found = {}
    for line in out.decode().splitlines():
        try:
            name, value = json.loads(line)
        except ValueError:  # a line that was cut off
            break
        found[str(name)] = math.nan if value is None else float(value)
    if not found:
        last = (err.decode(errors="replace").strip().splitlines() or [f"nothing came within {limit_s:g} s"])[-1]
        raise RuntimeError(last)
    return pd.Series(found, dtype=float)


def main() -> None:
    """Compute and print."""
    from workbench.meta.features import computed

    table = pickle.load(sys.stdin.buffer)
    warnings.simplefilter("ignore")
    for name, value in computed(table):
        sys.stdout.write(json.dumps([name, None if math.isnan(value) else value]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
