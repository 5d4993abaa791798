"""The validation loss over two hyperparameters, by brute force: what a path of gradients is seen on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from workbench.errors import WorkbenchError
from workbench.gradient.bilevel import Bilevel, Values
from workbench.gradient.hyper_step import Landscape
from workbench.gradient.ridge_regression import Ridge
from workbench.space import Array


def landscape(problem: Bilevel, names: tuple[str, str], x: Sequence[float] | Array, y: Sequence[float] | Array, *,
              horizon: int | None = None, seed: int = 0) -> Landscape:
    """Compute the validation loss on a grid; other hyperparameters stay where they start.

    Ridge regression has a closed form, which is taken unless a horizon is given. Of any other problem each point of the grid is a
    training.

    Parameters
    ----------
    problem
        What is trained.
    names
        Two hyperparameters. One with several entries has the same value in all.
    x, y
        Values of each.
    horizon
        Inner steps; those of the problem if left out.
    seed
        Of weights and batches.
    """
    unknown = [name for name in names if name not in problem.hypers]
    if unknown or names[0] == names[1]:
        raise WorkbenchError(f"names are two of the hyperparameters {', '.join(problem.hypers)}; got {names}.")
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    training = problem.training(seed)
    start = training.values(training.coordinates())

    def loss(values: Values) -> float:
        if isinstance(problem, Ridge) and horizon is None:
            return problem.valid_loss(values)
        state, _ = training.train(values, horizon)
        found = float(training.outer(state.w, values).detach())
        return found if np.isfinite(found) else float("nan")

    def at(a: float, b: float) -> Values:
        return {**start, names[0]: torch.full_like(start[names[0]], a), names[1]: torch.full_like(start[names[1]], b)}

    return Landscape(names, x, y, np.array([[loss(at(a, b)) for a in x] for b in y]))
