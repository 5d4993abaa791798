"""Make the table that ``wb.nas.nano_table()`` reads: every cell of ``NANO`` trained on MNIST-1D with three seeds.

::

    OMP_NUM_THREADS=1 python -m workbench.problems.make_nano_table

It takes about half an hour of one core. It can be stopped at any time: what is done stands in ``nano_table.jsonl``, one line a
cell, and another call goes on from there. The last call writes ``nano_table.npz``, which belongs beside
``workbench/nas/tables.py``.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from workbench.models.neural.extra import require_torch
from workbench.nas.cells import NANO, Architecture
from workbench.nas.data import Data, further_signals, mnist1d

SEEDS: Final = (0, 1, 2)
EPOCHS: Final = 12
CHANNELS: Final = 8
LEARNING_RATE: Final = 0.1
N_TEST: Final = 5000
TEST_SEED: Final = 20_20

log = logging.getLogger(__name__)


def train_cell(architecture: Architecture, data: Data, test: tuple[Any, Any], *, seeds: Sequence[int] = SEEDS,
               epochs: int = EPOCHS) -> dict[str, Any]:
    """Train the network of a cell once for each seed, all at once; return what a line of the file holds."""
    from workbench.nas.networks import CellNetworks
    from workbench.nas.training import Recipe, accuracy, on_device, train_copies

    began = time.process_time()
    networks = CellNetworks(NANO, architecture, data.shape, data.n_classes, CHANNELS, seeds)
    told = list(train_copies(networks, data, Recipe(epochs=epochs, learning_rate=LEARNING_RATE)))
    seconds = (time.process_time() - began) / len(seeds) / epochs
    x, y = on_device(test, "cpu")
    right = accuracy(networks, x[None], y)
    n_valid = len(data.valid[1])
    return {
        "place": NANO.index(architecture),
        "valid": [[round(float(v) * n_valid) for v in row] for row in zip(*(valid for _, valid in told), strict=True)],
        "train_loss": [[round(float(v), 4) for v in row] for row in zip(*(loss for loss, _ in told), strict=True)],
        "test": [round(float(v) * len(y)) for v in right],
        "seconds": round(seconds, 5),
    }


def packed(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the arrays of the shipped file, in the order of ``NANO.distinct()``.

    ``place`` of the architecture that was trained, (n,); ``valid`` signals put right, (n, seeds, epochs), and ``train_loss`` in
    thousandths; ``test`` signals put right, (n, seeds); ``seconds`` of an epoch in units of 10 µs, (n,).
    """
    by_place = {line["place"]: line for line in lines}
    rows = [by_place[NANO.index(a)] for a in NANO.distinct().values()]
    return {
        "place": np.array([r["place"] for r in rows], dtype=np.uint16),
        "valid": np.array([r["valid"] for r in rows], dtype=np.uint16),
        "train_loss": np.rint(1000 * np.array([r["train_loss"] for r in rows])).astype(np.uint16),
        "test": np.array([r["test"] for r in rows], dtype=np.uint16),
        "seconds": np.rint(1e5 * np.array([r["seconds"] for r in rows])).astype(np.uint16),
        "n": np.array([len(mnist1d().valid[1]), N_TEST], dtype=np.uint16),
    }


def make(parts: Path, out: Path, *, stop_after: int | None = None) -> bool:
    """Train what is missing in ``parts``; write ``out`` when nothing is. Return whether it was written."""
    require_torch("making the table")
    lines = [json.loads(line) for line in parts.read_text().splitlines()] if parts.exists() else []
    done = {line["place"] for line in lines}
    missing = [a for a in NANO.distinct().values() if NANO.index(a) not in done]
    order = np.random.default_rng(0).permutation(len(missing))  # a random order, so that a part is a fair sample
    data, test, began = mnist1d(), further_signals(N_TEST, TEST_SEED), time.perf_counter()
    with parts.open("a", encoding="utf-8") as file:
        for k, i in enumerate(order[:stop_after], start=1):
            lines.append(train_cell(missing[i], data, test))
            file.write(json.dumps(lines[-1]) + "\n")
            file.flush()
            if k % 20 == 0 or k == len(missing):
                left = (time.perf_counter() - began) / k * (len(missing) - k)
                log.info("%d of %d cells; about %.0f min left", len(lines), len(done) + len(missing), left / 60)
    if len(lines) < len(done) + len(missing):
        return False
    np.savez_compressed(out, **packed(lines))
    log.info("%s: %.0f KB", out, out.stat().st_size / 1024)
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and begin."""
    parser = argparse.ArgumentParser(description="Make the table of all nano cells.")
    parser.add_argument("--parts", type=Path, default=Path("nano_table.jsonl"), help="what is done so far; is continued")
    parser.add_argument("--out", type=Path, default=Path("nano_table.npz"), help="the table, written when all is done")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    make(chosen.parts, chosen.out)


if __name__ == "__main__":
    main()
