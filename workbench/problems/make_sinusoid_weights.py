"""Make the weights that ``wb.meta.sinusoid_starts()`` reads: three ways to learn on sinusoids, from the same random start.

::

    OMP_NUM_THREADS=1 python -m workbench.problems.make_sinusoid_weights

It takes about two minutes of one core and writes ``sinusoid_weights.npz``, which belongs beside
``workbench/meta/sinusoid_weights.py``.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from typing import Any, Final

import numpy as np

from workbench.meta.maml import MAML, Pretrained
from workbench.meta.meta_step import MetaStep
from workbench.meta.sinusoid_weights import FIRST_ORDER, PRETRAINED, RANDOM
from workbench.meta.sinusoid_weights import MAML as SECOND_ORDER
from workbench.space import Array

ITERATIONS: Final = 20_000
SEED: Final = 0

log = logging.getLogger(__name__)


def learned(iterations: int = ITERATIONS, seed: int = SEED) -> dict[str, tuple[Array, ...]]:
    """Learn; returns weights by the name of what has learned them. All begin at those called random."""
    learners = {SECOND_ORDER: MAML(), FIRST_ORDER: MAML(order=1), PRETRAINED: Pretrained()}
    found = {RANDOM: MAML().start(seed=seed)}
    for name, learner in learners.items():
        *_, last = replace(learner, iterations=iterations, report_every=iterations).steps(seed=seed)
        assert isinstance(last.why, MetaStep)
        log.info("%s: %.0f s, %s", name, last.metrics["cpu_s"], last.why.summary())
        found[name] = last.why.weights
    return found


def main() -> None:
    """Learn and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="outer steps of each")
    parser.add_argument("--out", default="sinusoid_weights.npz", help="the file that is written")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    found = learned(asked.iterations)
    arrays: dict[str, Any] = {f"{name}/{k}": w.astype(np.float32) for name, weights in found.items()
                              for k, w in enumerate(weights)}
    np.savez_compressed(asked.out, iterations=asked.iterations, **arrays)


if __name__ == "__main__":
    main()
