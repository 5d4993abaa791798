r"""Predicting errors with LSTMs that read an architecture operation by operation.

Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang & Murphy 2018, "Progressive neural architecture search" (ECCV),
section 4.2::

    h_0 = c_0 = 0
    for t = 1 … T:
        i, f, o, g = W e_t + U h_t-1 + b            e_t: embedding of the option that decision t took
        c_t = σ(f) c_t-1 + σ(i) tanh(g),   h_t = σ(o) tanh(c_t)
    predicted error = v · h_T + a

An ensemble of five, each fitted without a fifth of the results that is its own; mean and deviation are over the five. A cell is
read edge by edge, in their order.

Notation
--------
==========  ==================================================================
``x``       tokens (n, T): for each decision 1 + the option that it took; 0 where it was not made
``E``       embeddings, (M, T, K, D), of M networks
``W, U``    weights of the gates i, f, o, g side by side: (M, D, 4 H) and (M, H, 4 H)
``v, a``    head, (M, H, 1) and (M, 1, 1)
==========  ==================================================================

Differences from the paper: 24 units and embeddings of 8 numbers, not 100 and 100; an embedding belongs to a decision and its
option, as the edges of a cell come in a fixed order, while the paper's tokens name the inputs of a block; the head is linear, as
targets are standardised errors and not accuracies; fitted anew to all results, not trained on with the newest; all rows in each
step. As there, the loss is the mean absolute error. Gradients are written out in numpy, for all networks at once; the tests hold
them against torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.nas.predictors import F32, descend, of_ensemble
from workbench.space import Array

ROWS = 4096  # predicted at a time
FORGET = 1.0  # bias of the forget gate at first: what was read is kept

Tokens = NDArray[np.intp]


def sigmoid(z: F32) -> F32:
    """1 / (1 + exp(-z)), without overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * z) + 0.5, dtype=z.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights of M networks side by side."""

    E: F32
    W: F32
    U: F32
    v: F32
    b: F32
    a: F32

    @classmethod
    def drawn(cls, n_networks: int, T: int, K: int, *, embedding: int, hidden: int, rng: np.random.Generator) -> Weights:
        """Draw first weights."""
        M, D, H = n_networks, embedding, hidden

        def normal(*shape: int, scale: float) -> F32:
            return (rng.standard_normal((M, *shape)) * scale).astype(np.float32)  # ~ N(0, scale²)

        b = np.zeros((M, 1, 4 * H), dtype=np.float32)
        b[..., H:2 * H] = FORGET
        return cls(normal(T, K, D, scale=1.0), normal(D, 4 * H, scale=D**-0.5), normal(H, 4 * H, scale=H**-0.5),
                   normal(H, 1, scale=H**-0.5), b, np.zeros((M, 1, 1), dtype=np.float32))

    @property
    def n_tokens(self) -> int:
        """K: options that have an embedding."""
        return int(self.E.shape[2])

    def forward(self, x: Tokens) -> tuple[F32, list[tuple[F32, ...]]]:
        """Return what each network predicts, (M, n), and what the way back needs of each step."""
        from_input = self.E @ self.W[:, None] + self.b[:, None]  # (M, T, K, 4 H): there are but T K different inputs
        h = np.zeros((len(self.E), len(x), self.U.shape[1]), dtype=self.E.dtype)
        c, steps = h, []
        for t in range(x.shape[1]):
            i, f, o, g = np.split(from_input[:, t, x[:, t]] + h @ self.U, 4, axis=-1)  # (M, n, H) each
            i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
            before, c, old = h, f * c + i * g, c
            tanh_c = np.tanh(c)
            h = o * tanh_c
            steps.append((i, f, o, g, before, old, tanh_c))
        return np.asarray((h @ self.v + self.a)[..., 0]), [*steps, (h,)]

    def gradients(self, x: Tokens, steps: list[tuple[F32, ...]], dy: F32) -> list[F32]:
        """Return the gradients by E, W, U, v, b, a, from that by the predictions, (M, n): backpropagation through time."""
        last, dy = steps[-1][0], dy[..., None]
        dh, dc = dy @ self.v.transpose(0, 2, 1), np.zeros_like(last)
        d_input = np.zeros((*self.E.shape[:3], self.U.shape[2]), dtype=self.E.dtype)  # of E W + b
        dU = np.zeros_like(self.U)
        here = np.arange(self.n_tokens)[:, None]
        for t in range(x.shape[1] - 1, -1, -1):
            i, f, o, g, before, old, tanh_c = steps[t]
            dc = dc + dh * o * (1 - tanh_c**2)
            by_gate = dc * g * i * (1 - i), dc * old * f * (1 - f), dh * tanh_c * o * (1 - o), dc * i * (1 - g**2)
            dz = np.concatenate(by_gate, axis=-1)  # (M, n, 4 H)
            d_input[:, t] = (x[:, t] == here).astype(dz.dtype) @ dz
            dU += before.transpose(0, 2, 1) @ dz
            dh, dc = dz @ self.U.transpose(0, 2, 1), dc * f
        M, T, K, D = self.E.shape
        dE = d_input @ self.W.transpose(0, 2, 1)[:, None]
        dW = self.E.reshape(M, T * K, D).transpose(0, 2, 1) @ d_input.reshape(M, T * K, -1)
        return [dE, dW, dU, last.transpose(0, 2, 1) @ dy, d_input.sum((1, 2))[:, None], dy.sum(1, keepdims=True)]


def tokens(x: Array, n_tokens: int) -> Tokens:
    """Read codes as tokens; the last of them stands for all options that nobody has seen."""
    return np.minimum(x.astype(np.intp), n_tokens - 1)


@dataclass(frozen=True, slots=True, eq=False)
class FittedRNNs:
    """Trained networks."""

    weights: Weights

    def outputs(self, x: Array) -> Array:
        """Return what each network says, shape (M, m)."""
        T = tokens(x, self.weights.n_tokens)
        parts = [self.weights.forward(T[k:k + ROWS])[0] for k in range(0, len(T), ROWS)]
        return np.concatenate(parts, axis=1).astype(float) if parts else np.empty((len(self.weights.E), 0))

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and deviation over the networks."""
        return of_ensemble(self.outputs(x))


@dataclass(frozen=True, slots=True)
class RNNEnsemble:
    """LSTMs that read the sequence of operations, each fitted to four fifths of the rows.

    Attributes
    ----------
    n_networks
        How many; PNAS has 5. Each leaves one part of as many out; one network alone learns from all rows.
    hidden, embedding
        Units of the LSTM, and numbers that stand for an option.
    steps
        Steps of Adam, all rows in each.
    lr, decay
        Its step size at first (it falls along a cosine), and the weight decay.
    """

    n_networks: int = 5
    hidden: int = 24
    embedding: int = 8
    steps: int = 120
    lr: float = 0.01
    decay: float = 0.1

    def __post_init__(self) -> None:
        """Check the settings."""
        if min(self.n_networks, self.hidden, self.embedding, self.steps) < 1:
            raise ValueError("n_networks, hidden, embedding and steps must be at least 1, got "
                             f"{self.n_networks}, {self.hidden}, {self.embedding} and {self.steps}.")
        if self.lr <= 0 or self.decay < 0:
            raise ValueError(f"lr must be positive and decay not negative, got {self.lr} and {self.decay}.")

    def fit(self, x: Array, y: Array, *, seed: int = 0) -> FittedRNNs:
        """Fit to sequences (n, T) of tokens, as ``encode("sequence", …)`` makes them, and targets (n,)."""
        rng = np.random.default_rng([seed, 22])
        K = int(x.max(initial=0)) + 2
        w = Weights.drawn(self.n_networks, x.shape[1], K, embedding=self.embedding, hidden=self.hidden, rng=rng)
        X, target, share = tokens(x, K), y.astype(np.float32), left_out(len(y), self.n_networks, rng)

        def gradients() -> list[F32]:
            predicted, steps = w.forward(X)
            return w.gradients(X, steps, np.sign(predicted - target) * share)  # of the mean absolute error

        descend([w.E, w.W, w.U, w.v], [w.b, w.a], gradients, steps=self.steps, lr=self.lr, decay=self.decay)
        return FittedRNNs(w)


def left_out(n: int, n_networks: int, rng: np.random.Generator) -> F32:
    """Return the weight of each row for each network, (M, n), rows adding up to 1: network m leaves out a part of its own.

    With fewer rows than networks none is left out.
    """
    part = rng.permutation(n) % n_networks
    kept = part != np.arange(n_networks)[:, None] if n_networks > 1 and n >= n_networks else np.ones((n_networks, n), dtype=bool)
    return np.asarray(kept / kept.sum(1, keepdims=True), dtype=np.float32)
