"""Ridge regression as a bilevel problem: everything has a closed form, so that every hypergradient can be checked.

Weights come in groups, and each group has its own penalty (Hoerl & Kennard 1970)::

    L_train(w, λ) = ||X w − y||² / 2n + Σ_g λ_g ||w_g||² / 2           w*(λ) = (XᵀX / n + Λ)⁻¹ Xᵀy / n
    L_val(w)      = ||X' w − y'||² / 2n'
    dL_val / dλ_g = −Σ_{i in g} w*_i [(XᵀX / n + Λ)⁻¹ ∇L_val(w*)]_i

Notation
    Λ             diagonal: the penalty of each weight's group

Differences from the paper: penalties by group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.gradient.bilevel import SGD, Bilevel, Hyper, Values, Weights
from workbench.space import Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Ridge(Bilevel):
    """Ridge regression with a penalty for each group of weights, and its closed forms. Made by ``ridge()``."""

    X: Array = field(repr=False)
    y: Array = field(repr=False)
    X_valid: Array = field(repr=False)
    y_valid: Array = field(repr=False)
    group: NDArray[np.intp] = field(repr=False)  # of each weight, from 0
    names: tuple[str, ...] = ()

    def solution(self, values: Mapping[str, Any]) -> Array:
        """Return w*(λ)."""
        A, b = self._system(values)
        return np.asarray(np.linalg.solve(A, b))

    def valid_loss(self, values: Mapping[str, Any]) -> float:
        """Return L_val(w*(λ))."""
        r = self.X_valid @ self.solution(values) - self.y_valid
        return float(r @ r) / (2 * len(r))

    def hypergradient(self, values: Mapping[str, Any]) -> dict[str, float]:
        """Return dL_val / d log λ, by name."""
        A, _ = self._system(values)
        w = self.solution(values)
        g = self.X_valid.T @ (self.X_valid @ w - self.y_valid) / len(self.y_valid)
        q = np.linalg.solve(A, g)
        return {name: -float(values[name]) * float((w * q)[self.group == k].sum()) for k, name in enumerate(self.names)}

    def _system(self, values: Mapping[str, Any]) -> tuple[Array, Array]:
        """Return XᵀX / n + Λ and Xᵀy / n."""
        penalties = np.array([float(values[name]) for name in self.names])[self.group]
        return self.X.T @ self.X / len(self.y) + np.diag(penalties), self.X.T @ self.y / len(self.y)


def ridge(penalties: Sequence[float] = (0.1, 0.1), *, n_train: int = 40, n_valid: int = 40, per_group: int = 10,
          noise: float = 1.0, horizon: int = 200, lr: float = 0.3, momentum: float = 0.0, seed: int = 0) -> Ridge:
    """Make a ridge regression of drawn data, in double precision.

    The weights of the first group are large and those of the last near 0, so that each wants another penalty.

    Parameters
    ----------
    penalties
        Where the penalty of each group starts; hyperparameters "penalty 1", "penalty 2", …
    n_train, n_valid, per_group
        Rows, and weights in each group.
    noise
        Deviation of what cannot be learnt.
    horizon, lr, momentum
        Inner steps, on all rows, and the settings of gradient descent.
    seed
        Of the data.
    """
    if not len(penalties) or per_group < 1 or n_train < 2 or n_valid < 1 or noise < 0:
        raise WorkbenchError("there are at least 1 group, 1 weight in each, 2 rows for training and 1 for validation, and noise "
                             f"is at least 0; got per_group={per_group}, n_train={n_train}, n_valid={n_valid}, noise={noise}.")
    G, rng = len(penalties), np.random.default_rng(seed)
    group = np.repeat(np.arange(G), per_group)
    w = rng.normal(0, (np.geomspace(1.0, 0.05, G) if G > 1 else np.array([0.3]))[group])    # ~ N(0, deviation of the group²)
    X, X_valid = rng.normal(size=(n_train, len(w))), rng.normal(size=(n_valid, len(w)))
    y, y_valid = X @ w + noise * rng.normal(size=n_train), X_valid @ w + noise * rng.normal(size=n_valid)
    names = tuple(f"penalty {k + 1}" for k in range(G))
    tX, ty, tXv, tyv = (torch.from_numpy(a) for a in (X, y, X_valid, y_valid))

    def inner(weights: Weights, values: Values, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        x, y = batch
        lengths = torch.stack([p.square().sum() for p in weights])
        penalties = torch.stack([values[name] for name in names])
        return (x @ torch.cat(weights) - y).square().mean() / 2 + (penalties @ lengths) / 2

    def outer(weights: Weights, values: Values) -> torch.Tensor:  # noqa: ARG001 - penalties do not act on validation
        return (tXv @ torch.cat(weights) - tyv).square().mean() / 2

    return Ridge(start=lambda _: tuple(torch.zeros(per_group, dtype=torch.float64) for _ in names), inner=inner, outer=outer,
                 hypers={name: Hyper(float(p)) for name, p in zip(names, penalties, strict=True)}, whole=(tX, ty),
                 sgd=SGD(lr, momentum), horizon=horizon, name="ridge regression", X=X, y=y, X_valid=X_valid,
                 y_valid=y_valid, group=group, names=names)
