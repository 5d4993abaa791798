"""A small network on signals (MNIST-1D) as a bilevel problem: what a user's own training would look like.

    x → W_1 (x + noise · ε) + b_1 → tanh → … → logits;    cross-entropy, each training example with its own weight

Hyperparameters to choose from, any of them at once: learning rate (one, one for each step, one for each step and layer),
momentum (one or by step), weight decay (by layer), the strength of the noise on the inputs (augmentation; the draws ε of
a step are always the same, so that the loss is a smooth function of the strength), and a weight for each training
example. Together they are thousands.

Sources: Greydanus 2020 for the signals; Maclaurin and others 2015, section 4, for schedules and weight decays by layer;
Ren and others 2018, "Learning to reweight examples for robust deep learning", for weights of examples whose labels may be
wrong.

Differences from the papers: far smaller. Activations are smooth by default: with ReLU hypergradients cannot be checked by
finite differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from workbench.errors import WorkbenchError
from workbench.gradient.bilevel import SGD, Bilevel, Hyper, Values, Weights
from workbench.problems.signals import signals
from workbench.space import Array

Tuned = Literal["lr", "lr by step", "lr by step and layer", "momentum", "momentum by step", "weight_decay", "noise",
                "example_weights"]
Activation = Literal["tanh", "softplus", "gelu", "relu"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "softplus": functional.softplus,
                                                      "gelu": functional.gelu, "relu": torch.relu}
N_TEST = 2000


@dataclass(frozen=True, eq=False, kw_only=True)
class SignalsNetwork(Bilevel):
    """A small network on signals. Made by ``mlp_on_signals()``.

    Attributes
    ----------
    wrong
        Which training labels were made wrong, shape (n_train,).
    """

    wrong: NDArray[np.bool_] = field(repr=False)


def mlp_on_signals(tuned: Sequence[Tuned] = ("lr", "momentum", "weight_decay"), *, n_train: int = 600, n_valid: int = 600,
                   n_classes: int = 10, hidden: Sequence[int] = (32,), activation: Activation = "tanh", horizon: int = 200,
                   batch_size: int = 64, lr: float = 0.05, momentum: float = 0.8, weight_decay: float = 1e-3,
                   noise: float = 0.1, wrong_labels: float = 0.0, dtype: torch.dtype = torch.float32,
                   seed: int = 0) -> SignalsNetwork:
    """Make the training of a small network, with hyperparameters to be tuned.

    Parameters
    ----------
    tuned
        Which: "lr", "lr by step", "lr by step and layer", "momentum", "momentum by step", "weight_decay" (one for each
        layer), "noise" (on the inputs), "example_weights" (one for each training example, between 0 and 1, from ½ on).
    n_train, n_valid
        Signals. 2,000 others judge.
    n_classes
        The digits 0, 1, … that signals stand for; fewer are easier.
    hidden, activation
        Layers of the network; "tanh", "softplus" and "gelu" are smooth, "relu" is not.
    horizon, batch_size
        Inner steps, and examples in each, drawn anew.
    lr, momentum, weight_decay, noise
        Where hyperparameters start, and what holds if they are not tuned (then there is no noise).
    wrong_labels
        Share of the training labels that are replaced by another class.
    dtype
        Of everything.
    seed
        Of the data; a run's seed is that of weights and batches.

    Raises
    ------
    WorkbenchError
        If a name is unknown or contradicts another, or a number is out of its range.
    """
    counts = {"n_train": n_train, "n_valid": n_valid, "batch_size": batch_size, "horizon": horizon}
    _check(tuned, activation, n_classes, wrong_labels, counts)
    rng = np.random.default_rng(seed)
    x, y, wrong = _drawn(n_train, n_valid, n_classes, wrong_labels, rng)
    tx, ty = torch.from_numpy(x).to(dtype), torch.from_numpy(y)
    valid, test = ((tx[a:b].clone(), ty[a:b]) for a, b in ((n_train, n_train + n_valid), (n_train + n_valid, len(y))))
    tx, ty = tx[:n_train], ty[:n_train]
    sizes = (tx.shape[1], *hidden, n_classes)
    n_layers, act = len(sizes) - 1, ACTIVATIONS[activation]
    starts: dict[str, Hyper] = {
        "lr": Hyper(lr), "lr by step": Hyper(np.full(horizon, lr)),
        "lr by step and layer": Hyper(np.full((horizon, n_layers), lr)),
        "momentum": Hyper(momentum, "logit"), "momentum by step": Hyper(np.full(horizon, momentum), "logit"),
        "weight_decay": Hyper(np.full(n_layers, weight_decay)), "noise": Hyper(noise),
        "example_weights": Hyper(np.full(n_train, 0.5), "logit")}
    hypers = {name.split(" by ")[0]: starts[name] for name in tuned}

    def start(generator: torch.Generator) -> list[Tensor]:
        made = []
        for n, k in pairwise(sizes):
            matrix = torch.randn(n, k, generator=generator, dtype=dtype) / math.sqrt(n)  # ~ N(0, 1/n)
            made += [matrix, torch.zeros(k, dtype=dtype)]
        return made

    def draw(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        noisy = "noise" in hypers
        return rows, torch.randn(len(rows), sizes[0], generator=generator, dtype=dtype) if noisy else None

    def batch(t: int, seed: int) -> tuple[Tensor, Tensor | None]:
        generator = torch.Generator().manual_seed((seed + 1) * 1_000_003 + t)
        return draw(torch.randint(n_train, (batch_size,), generator=generator), generator)

    def logits(weights: Weights, x: Tensor) -> Tensor:
        for k in range(n_layers):
            x = torch.addmm(weights[2 * k + 1], x if k == 0 else act(x), weights[2 * k])
        return x

    def inner(weights: Weights, values: Values, batch: tuple[Tensor, Tensor | None]) -> Tensor:
        rows, e = batch
        x, y = tx[rows], ty[rows]
        if e is not None:
            x = torch.addcmul(x, values["noise"], e)
        if "example_weights" not in values:
            return functional.cross_entropy(logits(weights, x), y)
        return (values["example_weights"][rows] * functional.cross_entropy(logits(weights, x), y, reduction="none")).mean()

    def outer(weights: Weights, values: Values) -> Tensor:  # noqa: ARG001 - validation knows no hyperparameters
        return functional.cross_entropy(logits(weights, valid[0]), valid[1])

    def judge(weights: Weights) -> dict[str, float]:
        found = {}
        for name, (x, y) in (("valid", valid), ("test", test)):
            z = logits(weights, x)
            found[f"{name}_accuracy"] = float((z.argmax(dim=1) == y).double().mean())
            found[f"{name}_loss"] = float(functional.cross_entropy(z, y))
        return found

    whole = draw(torch.arange(n_train), torch.Generator().manual_seed(seed))
    return SignalsNetwork(start=start, inner=inner, outer=outer, hypers=hypers, batch=batch, whole=whole,
                          sgd=SGD(lr, momentum, weight_decay), horizon=horizon, layers=tuple(k // 2 for k in range(2 * n_layers)),
                          judge=judge, name="signals", wrong=wrong)


def _drawn(n_train: int, n_valid: int, n_classes: int, share: float, rng: np.random.Generator) -> tuple[
        Array, NDArray[np.int64], NDArray[np.bool_]]:
    """Draw scaled signals and classes for training, validation and test, and which of the training labels are wrong."""
    truth = rng.permutation(np.arange(n_train + n_valid + N_TEST) % n_classes)
    x, y = signals(truth, rng), truth.copy()
    wrong = np.zeros(n_train, dtype=bool)
    wrong[rng.choice(n_train, round(share * n_train), replace=False)] = True
    y[:n_train][wrong] = (y[:n_train][wrong] + rng.integers(1, n_classes, int(wrong.sum()))) % n_classes
    return (x - x[:n_train].mean()) / x[:n_train].std(), y, wrong


def _check(tuned: Sequence[str], activation: str, n_classes: int, wrong_labels: float, counts: dict[str, int]) -> None:
    known = get_args(Tuned)
    unknown = [name for name in tuned if name not in known]
    if unknown or not tuned or isinstance(tuned, str):
        raise WorkbenchError(f"tuned names some of {', '.join(map(repr, known))}; got {tuned!r}.")
    if len({name.split(" by ")[0] for name in tuned}) < len(tuned):
        raise WorkbenchError(f"a learning rate and a momentum are tuned in one way each, got {tuple(tuned)}. Leave one out.")
    if activation not in ACTIVATIONS:
        raise WorkbenchError(f"activation is one of {', '.join(ACTIVATIONS)}; got {activation!r}.")
    if not 2 <= n_classes <= 10:
        raise WorkbenchError(f"signals stand for 2 to 10 digits, got n_classes={n_classes}.")
    if not 0 <= wrong_labels < 1 or min(counts.values()) < 1:
        raise WorkbenchError(f"wrong_labels lies in [0, 1) and counts are at least 1, got wrong_labels={wrong_labels}, {counts}.")
