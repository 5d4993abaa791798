r"""Models that predict the error of an architecture from its code, and say how sure they are.

A predictor is its settings; ``fit(x, y)`` returns what predicts. Its ``predict(x)`` gives mean and standard deviation.

::

    MLPEnsemble     some small networks that differ in their first weights; mean and deviation over them
                    (White, Neiswanger & Savani 2021, BANANAS; Lakshminarayanan et al. 2017, deep ensembles)
    RNNEnsemble     LSTMs that read the operations one after the other (Liu et al. 2018, PNAS)         rnn_predictor.py
    ForestPredictor a random forest                                                                  models/forest.py
    GPPredictor     a Gaussian process whose distance is the number of differing positions of the code

Notation
--------
==========  ==================================================================
``x, y``    codes (n, F), and targets (n,) of mean about 0 and deviation about 1
``W, b``    weights of all networks side by side, (M, F, H) and (M, 1, H)
==========  ==================================================================

Differences from BANANAS: two hidden layers instead of ten, mean squared error of standardised targets (which the caller may take
as logarithms) instead of a mean relative error, and all rows in each step; all networks are trained side by side in numpy, a few
tenths of a second for some hundred rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.models.forest import Forest, grow
from workbench.models.gaussian_process import GaussianProcess
from workbench.models.map_fit import Hyperparameters, NegativeLogPosterior, Prior, maximise_posterior
from workbench.space import Array

LEAST_DEVIATION = 1e-3  # of a prediction, in units of the targets: networks that agree are not infinitely sure
BETAS = (0.9, 0.999)  # of Adam

F32 = NDArray[np.float32]


class Fitted(Protocol):
    """What predicts."""

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target for codes (m, F), shape (m,) each."""
        ...


class Predictor(Protocol):
    """Settings of a model."""

    def fit(self, x: Array, y: Array, *, seed: int = 0) -> Fitted:
        """Fit to codes (n, F) and targets (n,)."""
        ...


# ---- networks --------------------------------------------------------------------------------------------------


def descend(weights: Sequence[F32], biases: Sequence[F32], gradients: Callable[[], Sequence[F32]], *, steps: int, lr: float,
            decay: float) -> None:
    """Change weights and biases in place by AdamW, whose step size falls along a cosine; biases do not decay.

    ``gradients`` returns those at the present values, of the weights and then of the biases.
    """
    p = [*weights, *biases]
    first, second = [np.zeros_like(w) for w in p], [np.zeros_like(w) for w in p]
    for t in range(1, steps + 1):
        rate = lr * 0.5 * (1.0 + np.cos(np.pi * (t - 1) / steps))
        for k, (w, g) in enumerate(zip(p, gradients(), strict=True)):
            first[k] += (1 - BETAS[0]) * (g - first[k])
            second[k] += (1 - BETAS[1]) * (g * g - second[k])
            step = first[k] / (1 - BETAS[0] ** t) / (np.sqrt(second[k] / (1 - BETAS[1] ** t)) + 1e-8)
            w -= np.float32(rate) * (step + np.float32(decay if k < len(weights) else 0.0) * w)


def of_ensemble(f: Array) -> tuple[Array, Array]:
    """Return mean and deviation of what networks say, shape (M, m)."""
    return f.mean(0), np.maximum(f.std(0, ddof=1) if len(f) > 1 else 0.0 * f[0], LEAST_DEVIATION)


@dataclass(frozen=True, slots=True, eq=False)
class FittedNetworks:
    """Trained networks, their weights stacked."""

    W: tuple[F32, ...]
    b: tuple[F32, ...]

    def outputs(self, x: Array) -> Array:
        """Return what each network says, shape (M, m)."""
        h = np.broadcast_to(x.astype(np.float32), (len(self.W[0]), *x.shape))
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            h = np.maximum(h @ W + b, 0.0)
        return np.asarray((h @ self.W[-1] + self.b[-1])[:, :, 0], dtype=float)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and deviation over the networks."""
        return of_ensemble(self.outputs(x))


@dataclass(frozen=True, slots=True)
class MLPEnsemble:
    """Small networks with ReLU, each trained on all rows from first weights of its own.

    Attributes
    ----------
    n_networks
        How many; BANANAS has 5.
    width
        Units of each of the two hidden layers.
    steps
        Steps of Adam, all rows in each.
    lr, decay
        Its step size at first (it falls along a cosine), and the weight decay.
    """

    n_networks: int = 5
    width: int = 32
    steps: int = 150
    lr: float = 0.01
    decay: float = 0.01

    def __post_init__(self) -> None:
        """Check the settings."""
        if min(self.n_networks, self.width, self.steps) < 1:
            raise ValueError("n_networks, width and steps must be at least 1, got "
                             f"{self.n_networks}, {self.width} and {self.steps}.")
        if self.lr <= 0 or self.decay < 0:
            raise ValueError(f"lr must be positive and decay not negative, got {self.lr} and {self.decay}.")

    def fit(self, x: Array, y: Array, *, seed: int = 0) -> FittedNetworks:
        """Train the networks side by side."""
        rng = np.random.default_rng([seed, 21])
        sizes = (x.shape[1], self.width, self.width, 1)
        W = [(rng.standard_normal((self.n_networks, i, o)) * np.sqrt(2.0 / i)).astype(np.float32)  # ~ N(0, 2/fan-in)
             for i, o in pairwise(sizes)]
        b = [np.zeros((self.n_networks, 1, o), dtype=np.float32) for o in sizes[1:]]
        X = np.broadcast_to(x.astype(np.float32), (self.n_networks, *x.shape))
        target = y.astype(np.float32)[None, :, None]
        descend(W, b, lambda: _gradients(W, b, X, target), steps=self.steps, lr=self.lr, decay=self.decay)
        return FittedNetworks(tuple(W), tuple(b))


def _gradients(W: list[F32], b: list[F32], X: F32, target: F32) -> list[F32]:
    """Gradients of half the mean squared error by all weights, then by all biases."""
    h = [X]
    for w, c in zip(W[:-1], b[:-1], strict=True):
        h.append(np.maximum(h[-1] @ w + c, 0.0))
    g = (h[-1] @ W[-1] + b[-1] - target) / np.float32(X.shape[1])
    by_W: list[F32] = []
    by_b: list[F32] = []
    for k in range(len(W) - 1, -1, -1):
        by_W.insert(0, h[k].transpose(0, 2, 1) @ g)
        by_b.insert(0, g.sum(1, keepdims=True))
        if k:
            g = (g @ W[k].transpose(0, 2, 1)) * (h[k] > 0)
    return by_W + by_b


# ---- forest and Gaussian process ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class FittedForest:
    """A grown forest."""

    forest: Forest

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and deviation by the law of total variance."""
        mean, variance = self.forest.predict(x.astype(np.float32))
        return mean, np.sqrt(variance)


@dataclass(frozen=True, slots=True)
class ForestPredictor:
    """A random forest with random thresholds."""

    n_trees: int = 50

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.n_trees < 1:
            raise ValueError(f"n_trees must be at least 1, got {self.n_trees}.")

    def fit(self, x: Array, y: Array, *, seed: int = 0) -> FittedForest:
        """Grow the trees."""
        Z = x.astype(np.float32)
        return FittedForest(Forest.of([grow(Z, y, np.random.default_rng([seed, k])) for k in range(self.n_trees)], Z, y))


@dataclass(frozen=True, slots=True, eq=False)
class FittedGP:
    """A Gaussian process on codes divided by the root of their length."""

    process: GaussianProcess

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and deviation of the function, without noise."""
        mean, variance = self.process.predict(x)
        return mean, np.sqrt(variance)


@dataclass(frozen=True, slots=True)
class GPPredictor:
    """A Gaussian process (Matérn 5/2) with one length-scale for all positions of the code.

    On codes of 0 and 1 the squared distance counts the positions that differ.
    """

    def fit(self, x: Array, y: Array, *, seed: int = 0) -> FittedGP:  # noqa: ARG002 - nothing is drawn
        """Fit length-scale, signal and noise by maximum a posteriori."""
        prior = Prior(max(1, round(float(x.var(0).sum() * 2.0))))  # d: about the mean squared distance of two codes
        groups = np.zeros(x.shape[1], dtype=np.intp)
        objective = NegativeLogPosterior(x, y, groups=groups, prior=prior)
        h = Hyperparameters.of(maximise_posterior(objective, [prior.start(1)]))
        return FittedGP(GaussianProcess.condition(x, y, lengthscale=h.lengthscale[groups], signal_variance=h.signal_variance,
                                                  noise=h.noise))
