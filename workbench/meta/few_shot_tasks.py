"""Few-shot classification: each task tells a few classes apart, of which it shows a few examples; classes to judge on are new.

Vinyals et al. 2016, "Matching networks for one shot learning" (episodes); Lake, Salakhutdinov & Tenenbaum 2015 (Omniglot, whose
characters rotated by 90, 180 and 270 degrees count as further classes, as in Santoro et al. 2016)::

    draw ``ways`` classes, of those to learn from or of those held out; number them anew at random
    draw of each ``shots`` examples to learn from (support) and ``queries`` others to judge on (query)

Small data sets have ten classes, which are too few. So the digits are turned too: of 40 classes 28 are for learning and 12 held
out, all turns of a digit on the same side, so that no held-out class is a turned image of one that was learned from. And signals
as in MNIST-1D, with less noise, are drawn of made-up characters, 80 to learn from and 20 held out. They start here or there and
are slanted, so examples of a class are not near each other before something was learned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.problems.signals import characters, signals

Inputs = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
HELD_OUT_DIGITS = (2, 5, 7)
LAST_START, NOISE = 12, 0.3  # of signals


@dataclass(frozen=True, eq=False)
class FewShot:
    """Where episodes come from.

    Attributes
    ----------
    x
        All examples, shape (n, d).
    y
        Their classes, shape (n,).
    train_classes, test_classes
        Classes to learn from, and classes that are held out; none is both.
    ways, shots, queries
        Classes of a task, examples of each to learn from, and to judge on.
    name
        What it is called.

    Raises
    ------
    ValueError
        If a class is on both sides or has too few examples, or a side has too few classes.
    """

    x: Inputs = field(repr=False)
    y: Labels = field(repr=False)
    train_classes: tuple[int, ...]
    test_classes: tuple[int, ...]
    ways: int = 5
    shots: int = 1
    queries: int = 5
    name: str = "few-shot"

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or self.y.shape != self.x.shape[:1]:
            raise ValueError(f"examples are rows (n, d) with a class each, got shapes {self.x.shape} and {self.y.shape}.")
        both = sorted(set(self.train_classes) & set(self.test_classes))
        if both:
            raise ValueError(f"class {both[0]} is learned from and held out as well. Held-out classes must be new.")
        if self.ways < 2 or self.shots < 1 or self.queries < 1:
            raise ValueError("a task has at least two classes with an example each to learn from and to judge on, got "
                             f"ways={self.ways}, shots={self.shots}, queries={self.queries}.")
        least = min(len(self.train_classes), len(self.test_classes))
        if self.ways > least:
            raise ValueError(f"a task takes {self.ways} classes, and one side has {least} only. Take fewer ways.")
        few = min(int((self.y == c).sum()) for c in (*self.train_classes, *self.test_classes))
        if self.shots + self.queries > few:
            raise ValueError(f"a task takes {self.shots + self.queries} examples of a class, and one has {few} only.")

    @property
    def n_inputs(self) -> int:
        """Numbers of an example, d."""
        return int(self.x.shape[1])

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1.0 / self.ways

    def episode(self, n_tasks: int, generator: torch.Generator, held_out: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw tasks.

        Returns
        -------
        tuple
            Support inputs (n_tasks, ways · shots, d) and labels (n_tasks, ways · shots), query inputs (n_tasks, ways ·
            queries, d) and labels. Labels are 0 … ways − 1, given to classes at random; both are in random order.
        """
        side = self.test_classes if held_out else self.train_classes
        K, total = self.shots, self.shots + self.queries
        picked = np.empty((n_tasks, self.ways, total), dtype=np.int64)
        for t in range(n_tasks):
            classes = torch.randperm(len(side), generator=generator)[:self.ways].tolist()
            for k, c in enumerate(classes):
                rows = self._rows[side[c]]
                picked[t, k] = rows[torch.randperm(len(rows), generator=generator)[:total].numpy()]
        labels = np.broadcast_to(np.arange(self.ways)[None, :, None], picked.shape)
        sx, sy = self._mixed(picked[:, :, :K], labels[:, :, :K], generator)
        qx, qy = self._mixed(picked[:, :, K:], labels[:, :, K:], generator)
        return sx, sy, qx, qy

    @property
    def _rows(self) -> dict[int, Labels]:
        held: dict[int, Labels] | None = self.__dict__.get("_by_class")
        if held is None:
            held = {c: np.flatnonzero(self.y == c) for c in (*self.train_classes, *self.test_classes)}
            object.__setattr__(self, "_by_class", held)
        return held

    def _mixed(self, rows: Labels, labels: Labels, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Put the examples of each task into random order."""
        n = rows.shape[0]
        rows, labels = rows.reshape(n, -1), labels.reshape(n, -1)
        order = np.stack([torch.randperm(rows.shape[1], generator=generator).numpy() for _ in range(n)])
        rows, labels = np.take_along_axis(rows, order, 1), np.take_along_axis(labels, order, 1)
        return torch.from_numpy(self.x[rows]), torch.from_numpy(np.ascontiguousarray(labels))


def few_shot_signals(ways: int = 5, shots: int = 1, queries: int = 5, *, n_classes: int = 100, per_class: int = 60,
                     seed: int = 0) -> FewShot:
    """Make few-shot tasks of signals as in MNIST-1D, of made-up characters; a fifth of the classes is held out; d = 40."""
    rng = np.random.default_rng(seed)
    shapes = characters(n_classes, rng)
    y = np.repeat(np.arange(n_classes), per_class)
    n_train = n_classes - n_classes // 5
    x = signals(y, rng, shapes, last_start=LAST_START, noise=NOISE)
    return _made("signals", x, y, range(n_train), range(n_train, n_classes), ways, shots, queries)


def few_shot_digits(ways: int = 5, shots: int = 1, queries: int = 5) -> FewShot:
    """Make few-shot tasks of scikit-learn's digits: each digit's image of 8 x 8 rotated by 0, 90, 180 and 270 degrees; d = 64."""
    from sklearn.datasets import load_digits

    images, digit = load_digits(return_X_y=True)
    square = images.reshape(-1, 8, 8)
    x = np.concatenate([np.rot90(square, kind, axes=(1, 2)).reshape(-1, 64) for kind in range(4)])
    y = np.concatenate([4 * digit + kind for kind in range(4)])
    held = [c for c in range(40) if c // 4 in HELD_OUT_DIGITS]
    return _made("digits", x, y, [c for c in range(40) if c not in held], held, ways, shots, queries)


def _made(name: str, x: npt.NDArray[np.float64], y: Labels, train: Iterable[int], test: Iterable[int], ways: int, shots: int,
          queries: int) -> FewShot:
    """Scale by the classes to learn from."""
    train, test = tuple(train), tuple(test)
    mine = np.isin(y, train)
    x = (x - x[mine].mean()) / x[mine].std()
    return FewShot(x.astype(np.float32), y.astype(np.int64), train, test, ways, shots, queries, name)
