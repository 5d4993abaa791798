"""Transfer between tasks: a network that was trained on a source task, used on a target task that is more or less like it.

Yosinski, Clune, Bengio & Lipson 2014, "How transferable are features in deep neural networks?" (copied layers, frozen or
fine-tuned, below layers that are new)::

    train a network on the source task
    scratch        all layers new, all learned
    reuse          all layers but the last copied and frozen; a new last layer is learned
    freeze first   all layers but the last copied, the first of them frozen; the others and a new last one are learned
    fine-tune      all layers but the last copied; these and a new last one are learned

Two families of tasks have a knob that says how similar target and source are. ``RelatedTeachers``, made by a formula: outputs are
y = V tanh(W x); the target's hidden weights are W' = s W + √(1 − s²) U with U drawn like W, so that s is their correlation, and V
is its own. ``RewiredDigits``: the images of scikit-learn's digits, of which a share 1 − s of the pixels has been moved about. A
fully connected network learns these from scratch as well as others; what was learned from images in order is of use as far as s
is near 1.

Notation
    s            similarity, from 0 to 1
    d            inputs
    R            repetitions, each with a source task, target tasks and first weights of its own

Differences from the paper: small fully connected networks and tasks made for the purpose instead of halves of ImageNet; as many
steps of Adam for all modes, without early stopping.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Final, Literal, Protocol

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from workbench.events import StepTaken
from workbench.meta.small_network import SmallNetwork, Weights
from workbench.meta.transfer_step import FINE_TUNE, FREEZE_FIRST, MODES, REUSE, SCRATCH, TransferStep

SQUARED, WRONG = "squared error as a share of the variance", "share of wrong answers"


@dataclass(frozen=True, slots=True, eq=False)
class Related:
    """A source task and several target tasks.

    Attributes
    ----------
    source_x, source_y
        Shapes (n, d) and (n, outputs) or, of classes, (n,).
    x, y
        Rows of each target task to learn from, shapes (n_targets, n, d) and (n_targets, n, outputs) or (n_targets, n).
    test_x, test_y
        Others to judge on.
    source_outputs, outputs
        Units of the last layer for the source and for a target.
    """

    source_x: Tensor
    source_y: Tensor
    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor
    source_outputs: int
    outputs: int


class RelatedTasks(Protocol):
    """Where source and target tasks come from."""

    @property
    def classes(self) -> bool:
        """Whether the outputs are classes; else they are numbers."""
        ...

    def draw(self, similarities: Sequence[float], n_rows: int, generator: torch.Generator) -> Related:
        """Draw a source task and a target task for each similarity, with so many rows to learn from."""
        ...


@dataclass(frozen=True, slots=True)
class RelatedTeachers:
    """Tasks y = V tanh(W x) + noise whose hidden weights W are correlated; x ~ N(0, I).

    Parameters
    ----------
    inputs
        d.
    hidden
        Hidden units of the networks that make the outputs.
    source_outputs
        Outputs of the source task: the more, the more of W is learned from it. A target has one, of variance 1.
    noise
        Standard deviation of the noise on outputs to learn from.
    source_rows, test_rows
        Rows of the source task, and of a target to judge on, which have no noise.
    """

    inputs: int = 10
    hidden: int = 10
    source_outputs: int = 10
    noise: float = 0.1
    source_rows: int = 2000
    test_rows: int = 500

    classes: Final = False

    def draw(self, similarities: Sequence[float], n_rows: int, generator: torch.Generator) -> Related:
        """Draw a source task and a target task for each similarity, all targets with the same inputs."""
        d, H, S = self.inputs, self.hidden, len(similarities)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator)  # ~ N(0, 1)

        W, U = 1.5 / math.sqrt(d) * normal(d, H), 1.5 / math.sqrt(d) * normal(d, H)
        V, v = normal(H, self.source_outputs) / math.sqrt(H), normal(H, 1)
        source_x, x = normal(self.source_rows, d), normal(n_rows + self.test_rows, d)
        source_y = torch.tanh(source_x @ W) @ V
        s = torch.tensor(similarities, dtype=torch.float32)[:, None, None]
        y = torch.tanh(x @ (s * W + (1 - s**2).sqrt() * U)) @ v  # (S, n, 1)
        y = (y - y[:, n_rows:].mean(dim=1, keepdim=True)) / y[:, n_rows:].std(dim=1, keepdim=True)
        each = x.expand(S, -1, -1)
        return Related(source_x, source_y + self.noise * normal(*source_y.shape), each[:, :n_rows],
                       y[:, :n_rows] + self.noise * normal(1, n_rows, 1), each[:, n_rows:], y[:, n_rows:], self.source_outputs, 1)


@dataclass(frozen=True, slots=True)
class RewiredDigits:
    """Tell digits 0-9 on images of 8 x 8 pixels of which a share 1 − s is not where it was in the source task.

    Parameters
    ----------
    source_rows
        Images of the source task; target tasks have others.
    """

    source_rows: int = 900

    classes: Final = True

    def draw(self, similarities: Sequence[float], n_rows: int, generator: torch.Generator) -> Related:
        """Draw a source task and a target task for each similarity, all targets with the same images."""
        images, digit = load_digits(return_X_y=True)
        least = 100
        if self.source_rows + n_rows + least > len(images):
            raise ValueError(f"there are {len(images)} images, too few for {self.source_rows} of the source, {n_rows} of the "
                             f"target and {least} to judge on. Take fewer target rows.")
        order = torch.randperm(len(images), generator=generator)
        x = ((torch.from_numpy(images) - images.mean()) / images.std()).float()[order]
        y = torch.from_numpy(digit).long()[order]
        turn = torch.randperm(x.shape[1], generator=generator)
        targets = torch.stack([x[self.source_rows:, rewired(turn, s)] for s in similarities])
        labels = y[self.source_rows:].expand(len(similarities), -1)
        return Related(x[:self.source_rows], y[:self.source_rows], targets[:, :n_rows], labels[:, :n_rows], targets[:, n_rows:],
                       labels[:, n_rows:], 10, 10)


def rewired(turn: Tensor, s: float) -> Tensor:
    """Say which pixel stands where: the first (1 − s) of the pixels in ``turn`` go round by one place among themselves."""
    at = torch.arange(len(turn))
    moved = turn[:round((1 - s) * len(turn))]
    at[moved] = moved.roll(1)
    return at


# ---- networks ------------------------------------------------------------------------------------------------------


def losses_of(outputs: Tensor, y: Tensor, *, classes: bool) -> Tensor:
    """Return the mean squared error or cross-entropy of each of B networks, (B,)."""
    if classes:
        return cross_entropy(outputs.transpose(1, 2), y, reduction="none").mean(dim=1)
    return (outputs - y).square().mean(dim=(1, 2))


def judged(outputs: Tensor, y: Tensor, *, classes: bool) -> Tensor:
    """Return the share of wrong answers, or the squared error as a share of the variance, of each of B networks, (B,)."""
    if classes:
        return (outputs.argmax(dim=2) != y).float().mean(dim=1)
    return (outputs - y).square().mean(dim=(1, 2)) / y.var(dim=(1, 2))


def copied(mode: str, n_tensors: int) -> tuple[int, int]:
    """Say how many tensors of a network's weights are copied, and how many of these are frozen. The last layer's two are new."""
    if mode == SCRATCH:
        return 0, 0
    return n_tensors - 2, {REUSE: n_tensors - 2, FREEZE_FIRST: 2, FINE_TUNE: 0}[mode]


def begin(modes: Sequence[str], source: Sequence[Tensor], fresh: Sequence[Tensor], n_targets: int) -> tuple[Weights, Weights]:
    """Stack the weights with which each mode begins on each target, and 1 where they are learned, 0 where frozen.

    Networks are in the order of modes, and in each of targets: B = modes · targets. Shapes (B, inputs, outputs) and (B, 1,
    outputs), of what is learned (B, 1, 1).
    """
    weights, learned = [], []
    for k, new in enumerate(fresh):
        counts = [copied(mode, len(fresh)) for mode in modes]
        rows = [source[k] if k < c else new for c, _ in counts]
        weights.append(torch.stack([w if w.ndim == 2 else w[None] for w in rows]).repeat_interleave(n_targets, dim=0))
        learned.append(torch.tensor([float(k >= f) for _, f in counts]).repeat_interleave(n_targets)[:, None, None])
    return tuple(weights), tuple(learned)


def train(network: SmallNetwork, weights: Sequence[Tensor], learned: Sequence[Tensor], x: Tensor, y: Tensor, *, classes: bool,
          steps: int, rate: float) -> Weights:
    """Train B networks side by side by Adam on all their rows; Adam sees each weight alone, so none minds its neighbours."""
    w = [a.clone().requires_grad_() for a in weights]
    adam = torch.optim.Adam(w, lr=rate)
    for _ in range(steps):
        adam.zero_grad()
        torch.autograd.backward(losses_of(network(w, x), y, classes=classes).sum())
        for a, free in zip(w, learned, strict=True):
            if a.grad is not None:
                a.grad *= free  # a gradient that was always 0 moves nothing
        adam.step()
    return tuple(a.detach() for a in w)


def train_source(network: SmallNetwork, weights: Sequence[Tensor], related: Related, generator: torch.Generator, *, classes: bool,
                 steps: int, rate: float, batch: int = 128) -> Weights:
    """Train the source network by Adam on batches."""
    w = nn.ParameterList(weights)
    adam = torch.optim.Adam(w, lr=rate)
    for _ in range(steps):
        rows = torch.randint(len(related.source_x), (batch,), generator=generator)
        adam.zero_grad()
        outputs = network(tuple(w), related.source_x[rows])[None]
        torch.autograd.backward(losses_of(outputs, related.source_y[rows][None], classes=classes).sum())
        adam.step()
    return tuple(a.detach() for a in w)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Compare ways to use a source network, over similarity of the tasks and rows of the target.

    Parameters
    ----------
    similarities
        s of the target tasks, from 0 to 1.
    target_sizes
        Rows of a target to learn from.
    modes
        Of ``"scratch"``, ``"reuse"``, ``"freeze first"``, ``"fine-tune"``.
    repetitions
        R.
    hidden
        Units of the hidden layers.
    activation
        Between layers.
    source_steps, target_steps
        Steps of Adam.
    rate
        Of Adam.
    """

    similarities: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
    target_sizes: tuple[int, ...] = (10, 30, 100, 300)
    modes: tuple[str, ...] = MODES
    repetitions: int = 10
    hidden: tuple[int, ...] = (32, 32)
    activation: Literal["relu", "tanh"] = "relu"
    source_steps: int = 1500
    target_steps: int = 500
    rate: float = 3e-3

    def __post_init__(self) -> None:
        if not self.similarities or not all(0 <= s <= 1 for s in self.similarities):
            raise ValueError(f"similarities lie between 0 and 1, got {self.similarities!r}. 1 is the most similar.")
        if not self.target_sizes or min(self.target_sizes) < 1:
            raise ValueError(f"target_sizes are numbers of rows, at least 1 each, got {self.target_sizes!r}.")
        unknown = [mode for mode in self.modes if mode not in MODES]
        if unknown or not self.modes or len(set(self.modes)) < len(self.modes):
            raise ValueError(f"modes are some of {', '.join(map(repr, MODES))}, each once, got {self.modes!r}.")
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"there is at least a hidden layer to transfer, got hidden={self.hidden!r}.")
        for name in ("repetitions", "source_steps", "target_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")
        if not self.rate > 0:
            raise ValueError(f"rate must be positive, got {self.rate!r}.")

    @property
    def n_steps(self) -> int:
        """How many times it reports: after each repetition."""
        return self.repetitions

    def compare(self, tasks: RelatedTasks | None = None, *, seed: int = 0) -> TransferStep:
        """Do all repetitions; see ``frame()`` and ``against_scratch()`` of what is returned. Without tasks: teachers."""
        *_, last = self.steps(tasks, seed=seed)
        assert isinstance(last.why, TransferStep)
        return last.why

    def steps(self, tasks: RelatedTasks | None = None, *, seed: int = 0) -> Iterator[StepTaken]:
        """Do the repetitions; yields a step after each, with all losses so far. Without tasks: teachers."""
        tasks = RelatedTeachers() if tasks is None else tasks
        measure = WRONG if tasks.classes else SQUARED
        found, cpu_s = [], 0.0
        for k, child in enumerate(np.random.SeedSequence(seed).spawn(self.repetitions)):
            began = process_time()
            found.append(self._repetition(tasks, torch.Generator().manual_seed(int(child.generate_state(1)[0]))))
            cpu_s += process_time() - began
            why = TransferStep(self.modes, self.similarities, self.target_sizes, np.array(found), measure)
            means = why.losses[:, :, 0].mean(axis=(0, 2))
            metrics = {"cpu_s": cpu_s} | {f"{mode} loss": float(v) for mode, v in zip(self.modes, means, strict=True)}
            yield StepTaken(k + 1, metrics, why)

    def _repetition(self, tasks: RelatedTasks, generator: torch.Generator) -> list[list[list[float]]]:
        """Return losses by mode, target size and similarity."""
        S, M, classes = len(self.similarities), len(self.modes), tasks.classes
        related = tasks.draw(self.similarities, max(self.target_sizes), generator)
        d = related.x.shape[2]
        of_source = SmallNetwork((d, *self.hidden, related.source_outputs), self.activation)
        of_target = SmallNetwork((d, *self.hidden, related.outputs), self.activation)
        source = train_source(of_source, of_source.start(generator), related, generator, classes=classes, steps=self.source_steps,
                              rate=self.rate)
        weights, learned = begin(self.modes, source, of_target.start(generator), S)
        test_x, test_y = _each(related.test_x, M), _each(related.test_y, M)
        found = np.empty((M, len(self.target_sizes), S))
        for i, n in enumerate(self.target_sizes):
            became = train(of_target, weights, learned, _each(related.x[:, :n], M), _each(related.y[:, :n], M), classes=classes,
                           steps=self.target_steps, rate=self.rate)
            with torch.no_grad():
                found[:, i] = judged(of_target(became, test_x), test_y, classes=classes).view(M, S).numpy()
        return found.tolist()


def _each(targets: Tensor, n_modes: int) -> Tensor:
    """Repeat the rows of all targets for each mode: (S, …) -> (modes · S, …)."""
    return targets.repeat(n_modes, *[1] * (targets.ndim - 1))
