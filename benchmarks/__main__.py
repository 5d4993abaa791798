"""Measure the workbench beside its peers: ``python -m benchmarks [PART ...] [--full] [--out FOLDER]``.

Parts: suggest (CPU time of a suggestion), engine (overhead of a run), imports (import time), memory (of a long run),
regret (search quality on the peer benchmark), several_losses (search quality for several losses), multi_fidelity (search quality
when training can be stopped early), learning_curves (their extrapolation), fabolas (search quality when training can
use a share of the data), nas_simulated (architecture search on NAS-Bench-201 in simulated time), nas_darts (searches
by gradients), darts_step (a step of DARTS at the paper's size), maml (errors on sinusoids, and time), meta_tasks (what to try
first on a new task), plug_in (what gradient descent proposes to try first), warm_start (what a search saves by it),
importance (time and error of functional ANOVA),
hypergradient (time and memory of the gradient through a training), browser (from an event to the pixel), views (what each
live view costs after 2,000 trials). All of them if none is named.
Every part prints its table and writes it to FOLDER as markdown and CSV. Compare ratios within one run of this command:
the peers are measured beside us, on the same machine in the same minutes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
from pathlib import Path

from benchmarks.table import machine

PARTS = {"suggest": "suggest", "engine": "engine", "imports": "imports", "memory": "memory", "regret": "regret",
         "several_losses": "several_losses", "multi_fidelity": "multi_fidelity", "fabolas": "fabolas",
         "nas_simulated": "nas_simulated", "nas_darts": "nas_darts", "darts_step": "darts_step", "maml": "maml",
         "hypergradient": "hypergradient",
         "meta_tasks": "meta_tasks", "plug_in": "plug_in",
         "learning_curves": "learning_curves", "importance": "importance", "browser": "browser_latency",
         "race_view": "race_view", "views": "views", "live_importance": "live_importance", "warm_start": "warm_start"}


def main(argv: list[str] | None = None) -> int:
    """Run the parts one after the other; the exit status is 1 if one of them could not run to its end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--full", action="store_true", help="everything: more sizes, seeds and repetitions")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder for the tables")
    args = parser.parse_args(argv)
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{machine()}\n")
    failed = []
    for part in args.parts or PARTS:
        name = f"benchmarks.{PARTS[part]}"
        if importlib.util.find_spec(name) is None:
            print(f"skipped {part}: {name} is not here\n")
            continue
        start = time.perf_counter()
        try:
            tables = importlib.import_module(name).run(full=args.full)
        except Exception as error:  # noqa: BLE001 - the other parts are still worth measuring
            print(f"FAILED {part}: {type(error).__name__}: {error}\n", file=sys.stderr)
            failed.append(part)
            continue
        for table in tables:
            table.write(args.out)
            print(table.markdown())
        print(f"({part}: {time.perf_counter() - start:.0f} s)\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
