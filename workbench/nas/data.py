"""Small data to train networks on: signals of 40 points that stand for digits, and images of 8 x 8.

The signals are those of ``workbench.problems.signals`` (MNIST-1D). Classes are equal in size up to one; inputs are scaled by the
mean and deviation of the training part alone, so that nothing is known of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.problems.signals import signals
from workbench.space import Array

Inputs = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Inputs and classes, in an order in which the first are for training, the next for validation and the rest for the test.

    Attributes
    ----------
    name
        What it is called.
    x
        Inputs, channels last: (n, length, channels) or (n, height, width, channels).
    y
        Classes 0, 1, …; shape (n,).
    n_train, n_valid
        How many are for training and for validation.
    """

    name: str
    x: Inputs = field(repr=False)
    y: Labels = field(repr=False)
    n_train: int
    n_valid: int

    def __post_init__(self) -> None:
        n = len(self.x)
        if len(self.y) != n:
            raise WorkbenchError(f"each input has one class: {n} inputs, {len(self.y)} classes.")
        if self.x.ndim not in {3, 4}:
            raise WorkbenchError("inputs have shape (n, length, channels) or (n, height, width, channels), got "
                                 f"{self.x.shape}. workbench.nas.of_arrays adds a missing channel.")
        if self.n_train < 1 or self.n_valid < 1 or self.n_train + self.n_valid >= n:
            raise WorkbenchError("training, validation and test need at least one input each, got "
                                 f"{self.n_train}, {self.n_valid} and {n - self.n_train - self.n_valid} of {n}.")

    @property
    def train(self) -> tuple[Inputs, Labels]:
        """Inputs and classes to learn weights from."""
        return self.x[:self.n_train], self.y[:self.n_train]

    @property
    def valid(self) -> tuple[Inputs, Labels]:
        """Inputs and classes to choose architectures by."""
        part = slice(self.n_train, self.n_train + self.n_valid)
        return self.x[part], self.y[part]

    @property
    def test(self) -> tuple[Inputs, Labels]:
        """Inputs and classes that no search may see."""
        return self.x[self.n_train + self.n_valid:], self.y[self.n_train + self.n_valid:]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return int(self.y.max()) + 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input, channels last."""
        return tuple(self.x.shape[1:])


def mnist1d(n: int = 5000, seed: int = 0) -> Data:
    """Make MNIST-1D: signals of 40 points, 10 classes; three fifths to train on, a fifth each for validation and test.

    Parameters
    ----------
    n
        Number of signals; at least 50.
    seed
        Of the drawing; equal seeds give equal signals.
    """
    if n < 50:
        raise WorkbenchError(f"n must be at least 50, five signals for each of the ten digits, got {n}. The paper has 5000.")
    x, y = _drawn(n, seed)
    return _scaled("MNIST-1D", x, y, n * 3 // 5, n // 5)


def further_signals(n: int, seed: int) -> tuple[Inputs, Labels]:
    """Draw n signals more, scaled as those of ``mnist1d()``: for a test with less noise than its 1,000 give."""
    part, (x, y) = _drawn(5000, 0)[0][:3000], _drawn(n, seed)
    return ((x - part.mean()) / part.std()).astype(np.float32), y


def _drawn(n: int, seed: int) -> tuple[Array, Labels]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 10)
    return signals(y, rng)[..., None], y


def digits(seed: int = 0) -> Data:
    """Load scikit-learn's 1,797 handwritten digits as images (8, 8, 1), shuffled: 900 to train, 450 to validate, 447 to test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return of_arrays(bunch.images[..., None], bunch.target, n_train=900, n_valid=450, seed=seed, name="digits")


def of_arrays(x: Any, y: Any, *, n_train: int | None = None, n_valid: int | None = None, seed: int | None = 0,
              name: str = "data") -> Data:
    """Make ``Data`` of your own arrays.

    Parameters
    ----------
    x
        Inputs: (n, length), (n, length, channels) or (n, height, width, channels). They are scaled by the mean and the
        deviation of the training part.
    y
        Classes, shape (n,): numbers or names; they become 0, 1, … in sorted order.
    n_train, n_valid
        How many are for training and validation; three fifths and a fifth.
    seed
        Of the shuffling; None keeps the order.
    name
        What it is called.

    Raises
    ------
    WorkbenchError
        If shapes do not fit, an input is missing or infinite, or a class does not occur among the training part.
    """
    x = np.asarray(x, dtype=float)
    classes, labels = np.unique(np.asarray(y), return_inverse=True)
    if x.ndim == 2:
        x = x[..., None]
    n = len(x)
    if labels.shape != (n,):
        raise WorkbenchError(f"each input has one class: {n} inputs, classes of shape {np.shape(y)}.")
    if not np.isfinite(x).all():
        raise WorkbenchError(f"inputs must be finite numbers, got {np.count_nonzero(~np.isfinite(x))} that are not. "
                             "Fill them or leave those rows out.")
    order = np.arange(n) if seed is None else np.random.default_rng(seed).permutation(n)
    n_train = n * 3 // 5 if n_train is None else n_train
    data = _scaled(name, x[order], labels[order], n_train, n // 5 if n_valid is None else n_valid)
    missing = np.setdiff1d(labels, data.train[1])
    if missing.size:
        raise WorkbenchError(f"each class must occur among the training part, {classes[missing].tolist()} do not. "
                             "Take a larger n_train or shuffle with another seed.")
    return data


def _scaled(name: str, x: Array, y: Any, n_train: int, n_valid: int) -> Data:
    """Scale by the training part, and check."""
    part = x[:max(n_train, 1)]
    deviation = float(part.std())
    x = (x - part.mean()) / (deviation if deviation > 0 else 1.0)
    return Data(name, x.astype(np.float32), np.asarray(y, dtype=np.int64), n_train, n_valid)
