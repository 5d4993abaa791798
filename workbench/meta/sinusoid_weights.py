"""Weights that come with the package: four starts for a network that shall fit a new sinusoid from a few points.

Three have been learned from sinusoids (Finn and others 2017, section 5.1) by this package, 20,000 outer steps of 25 tasks each:
MAML, first-order MAML, and pretraining on the pooled points of all tasks. The fourth is where these three began. Made by
``workbench.problems.make_sinusoid_weights``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType

import numpy as np

from workbench.space import Array

MAML, FIRST_ORDER, PRETRAINED, RANDOM = "MAML", "first-order MAML", "pretrained", "random"
NAMES = (MAML, FIRST_ORDER, PRETRAINED, RANDOM)


@cache
def sinusoid_starts() -> Mapping[str, tuple[Array, ...]]:
    """Return the weights by name: a matrix and a vector for each layer of a network (1, 40, 40, 1) with ReLU."""
    with as_file(files("workbench.meta") / "sinusoid_weights.npz") as path:
        return MappingProxyType(read_weights(path))


def read_weights(path: str | Path) -> dict[str, tuple[Array, ...]]:
    """Read a file that ``workbench.problems.make_sinusoid_weights`` has written."""
    with np.load(path) as held:
        n = sum(key.startswith(f"{MAML}/") for key in held.files)
        found = {name: tuple(held[f"{name}/{k}"].astype(float) for k in range(n)) for name in NAMES}
    for weights in found.values():
        for w in weights:
            w.setflags(write=False)
    return found
