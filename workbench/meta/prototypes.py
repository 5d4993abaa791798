"""Few-shot learning by similarity: remember the examples, and compare. What is learned, if anything, is where examples lie.

Three ways to tell the class of an embedded example z from embedded examples z_i with labels y_i::

    nearest      the majority of the k nearest z_i; of as many votes the nearer ones count more
    attention    p(k) = Σ_i a_i [y_i = k],  a = softmax(cos(z, z_i) / τ)      matching networks, Vinyals et al. 2016, eq. 1
    prototypes   p(k) = softmax(−|z − c_k|²),  c_k = mean of z_i of class k   prototypical networks, Snell et al. 2017, eq. 1-2

``NearestExamples`` compares the examples as they are and learns nothing. ``Prototypes`` and ``Matching`` learn an embedding
z = f(x) from many tasks (Snell, Swersky & Zemel 2017, "Prototypical networks for few-shot learning", algorithm 1)::

    repeat   draw tasks of classes to learn from, each with a support and a query set
             a step of Adam on the mean of −log p(true class) over the query sets

Notation
    f            embedding, a small network
    e            units of its last layer
    τ            temperature of the attention

Differences from the papers: a small fully connected embedding instead of four convolutions; as many ways to learn from as to
judge on (Snell et al. learn from more); matching networks have no full-context embeddings, and the temperature is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from workbench.events import StepTaken
from workbench.meta.few_shot_step import EmbeddingStep
from workbench.meta.few_shot_tasks import FewShot, few_shot_signals
from workbench.meta.maml import HELD_OUT
from workbench.meta.outer_loop import OuterLoop
from workbench.meta.small_network import SmallNetwork

Classifier = Callable[[Tensor, Tensor, Tensor], Tensor]  # support x, support y, query x -> scores (n_tasks, n_query, ways)
N_LOOK = 200  # held-out tasks of a report


def one_hot(labels: Tensor, dtype: torch.dtype) -> Tensor:
    """Write labels (n_tasks, n) as (n_tasks, n, ways)."""
    return nn.functional.one_hot(labels, int(labels.max()) + 1).to(dtype)


def prototypes_of(z: Tensor, labels: Tensor) -> Tensor:
    """Average the embedded support (n_tasks, n, e) of each class: (n_tasks, ways, e)  (Snell et al. 2017, eq. 1)."""
    member = one_hot(labels, z.dtype)
    return member.transpose(1, 2) @ z / member.sum(dim=1)[..., None]


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return |a_i − b_j|² of rows (n_tasks, n, e) and (n_tasks, m, e): (n_tasks, n, m)."""
    return (a[:, :, None] - b[:, None]).square().sum(dim=3)


def by_prototypes(zs: Tensor, labels: Tensor, zq: Tensor) -> Tensor:
    """Return −|z − c_k|², the logits of the classes (eq. 2)."""
    return -squared_distances(zq, prototypes_of(zs, labels))


def by_attention(zs: Tensor, labels: Tensor, zq: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the log of the attention that goes to each class (Vinyals et al. 2016, eq. 1)."""
    cosine = normalize(zq, dim=2) @ normalize(zs, dim=2).transpose(1, 2)  # (n_tasks, n_query, n_support)
    log_a = (cosine / temperature).log_softmax(dim=2)[..., None]
    others = one_hot(labels, zs.dtype)[:, None] == 0  # (n_tasks, 1, n_support, ways)
    return log_a.masked_fill(others, -torch.inf).logsumexp(dim=2)


def by_nearest(zs: Tensor, labels: Tensor, zq: Tensor, k: int = 1) -> Tensor:
    """Return the votes of the k nearest, and a fraction of a vote more for those that are nearer."""
    d2, nearest = squared_distances(zq, zs).topk(k, dim=2, largest=False)
    member = one_hot(labels, zs.dtype)[:, None].expand(-1, zq.shape[1], -1, -1)
    votes = member.gather(2, nearest[..., None].expand(-1, -1, -1, member.shape[3]))  # (n_tasks, n_query, k, ways)
    closeness = 1 / (1 + d2.sqrt())[..., None]  # at most 1
    return votes.sum(dim=2) + (votes * closeness).sum(dim=2) / (k + 1)


# ---- judging -------------------------------------------------------------------------------------------------------


def with_classes(tasks: FewShot | None) -> FewShot:
    """Return the tasks, or those of signals if there are none; complain about tasks without classes."""
    if tasks is None:
        return few_shot_signals()
    if not isinstance(tasks, FewShot):
        raise TypeError(f"tasks whose classes are to be told are a FewShot, got {type(tasks).__name__}. Take "
                        "wb.meta.few_shot_signals() or wb.meta.few_shot_digits().")
    return tasks


def accuracy_of(classify: Classifier, tasks: FewShot, *, n_tasks: int = 600, seed: int = 1) -> tuple[float, float]:
    """Return the mean accuracy on held-out tasks, and its standard error over tasks."""
    xs, ys, xq, yq = tasks.episode(n_tasks, torch.Generator().manual_seed(HELD_OUT + seed), held_out=True)
    with torch.no_grad():
        right = (classify(xs, ys, xq).argmax(dim=2) == yq).double().mean(dim=1)
    return float(right.mean()), float(right.std()) / n_tasks**0.5


def accuracy_by_shots(classifiers: Mapping[str, Classifier], tasks: FewShot, shots: Sequence[int] = (1, 2, 3, 5, 10), *,
                      n_tasks: int = 300, seed: int = 1) -> pd.DataFrame:
    """Judge classifiers on held-out tasks with other numbers of examples than they may have been learned with.

    Parameters
    ----------
    classifiers
        By name: functions of support inputs, support labels and query inputs of n tasks that return scores (n, n_query, ways).
    tasks
        The same episodes for all of them.
    shots
        Examples of each class to learn from.

    Returns
    -------
    DataFrame
        A row for each classifier and number of shots: "learner", "shots", "accuracy", "error" (standard error over tasks).
    """
    rows = [(name, k, *accuracy_of(classify, replace(tasks, shots=k), n_tasks=n_tasks, seed=seed))
            for name, classify in classifiers.items() for k in shots]
    return pd.DataFrame(rows, columns=["learner", "shots", "accuracy", "error"])


# ---- learners ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NearestExamples:
    """Take the class of the k nearest examples of the support set, as they are: memory and similarity, without learning.

    Parameters
    ----------
    k
        How many examples vote; all of them, if there are fewer.
    """

    k: int = 1

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k!r}. With 1 the nearest example decides.")

    def __call__(self, support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Tensor:
        """Score the classes of query inputs, shape (n_tasks, n_query, ways)."""
        return by_nearest(support_x, support_y, query_x, min(self.k, support_x.shape[1]))


@dataclass(frozen=True, slots=True)
class _Embedding(OuterLoop):
    """What learns an embedding from tasks. A child says how embedded examples are compared: ``compare``."""

    hidden: tuple[int, ...] = (64, 64)
    units: int = 32

    def __post_init__(self) -> None:
        OuterLoop.__post_init__(self)
        if min((*self.hidden, self.units)) < 1:
            raise ValueError(f"each layer has at least a unit, got hidden={self.hidden!r} and units={self.units!r}.")

    def compare(self, zs: Tensor, labels: Tensor, zq: Tensor) -> Tensor:
        """Score the classes of embedded examples, shape (n_tasks, n_query, ways)."""
        raise NotImplementedError

    def network(self, n_inputs: int) -> SmallNetwork:
        """Return the embedding as a function of its weights."""
        return SmallNetwork((n_inputs, *self.hidden, self.units))

    def loss(self, weights: Sequence[Tensor], support_x: Tensor, support_y: Tensor, query_x: Tensor, query_y: Tensor) -> Tensor:
        """Return the mean of −log p(true class) over query sets: what is minimised."""
        f = self.network(support_x.shape[2])
        scores = self.compare(f(weights, support_x), support_y, f(weights, query_x))
        return cross_entropy(scores.flatten(0, 1), query_y.flatten())

    def steps(self, tasks: FewShot | None = None, *, seed: int = 0) -> Iterator[StepTaken]:
        """Learn; yields a step every ``report_every`` outer steps. Without tasks: signals.

        "cpu_s" are the CPU seconds of learning alone; what is for looking is not counted.
        """
        tasks = with_classes(tasks)
        generator = torch.Generator().manual_seed(seed)
        weights = nn.ParameterList(self.network(tasks.n_inputs).start(generator))

        def loss() -> Tensor:
            return self.loss(tuple(weights), *tasks.episode(self.tasks_per_step, generator))

        for step, metrics in self._descend(weights, loss):
            why = self._look(tuple(w.detach().clone() for w in weights), tasks, seed)
            yield StepTaken(step, metrics | {"held_out_accuracy": why.accuracy}, why)

    def classifier(self, why: EmbeddingStep) -> Classifier:
        """Return what tells classes with the embedding of a step: a function of support inputs, labels and query inputs."""
        return self._classifier(tuple(torch.from_numpy(w) for w in why.weights))

    def _classifier(self, weights: Sequence[Tensor]) -> Classifier:
        f = self.network(len(weights[0]))
        return lambda xs, ys, xq: self.compare(f(weights, xs), ys, f(weights, xq))

    def _look(self, weights: Sequence[Tensor], tasks: FewShot, seed: int) -> EmbeddingStep:
        classify, f = self._classifier(weights), self.network(tasks.n_inputs)
        mean, error = accuracy_of(classify, tasks, n_tasks=N_LOOK, seed=seed)
        xs, ys, xq, yq = tasks.episode(1, torch.Generator().manual_seed(HELD_OUT + seed), held_out=True)
        zs = f(weights, xs)
        z, centres = torch.cat([zs, f(weights, xq)], dim=1)[0].double().numpy(), prototypes_of(zs, ys)[0].double().numpy()
        middle = centres.mean(axis=0)
        plane = np.linalg.svd(centres - middle, full_matrices=False)[2][:2].T  # (e, 2)
        found = classify(xs, ys, torch.cat([xs, xq], dim=1)).argmax(dim=2)[0].numpy()
        labels, is_support = torch.cat([ys, yq], dim=1)[0].numpy(), np.arange(len(z)) < ys.shape[1]
        return EmbeddingStep(tuple(np.array(w.numpy()) for w in weights), mean, error, tasks.ways, tasks.shots,
                             (z - middle) @ plane, labels, found, is_support, (centres - middle) @ plane)


@dataclass(frozen=True, slots=True)
class Prototypes(_Embedding):
    """Prototypical networks: learn an embedding in which the examples of a class lie about their mean.

    Parameters
    ----------
    iterations, tasks_per_step, outer_rate, clip, report_every
        How it is learned, see ``OuterLoop``.
    hidden
        Units between inputs and the embedding.
    units
        e, units of the embedding.
    """

    def compare(self, zs: Tensor, labels: Tensor, zq: Tensor) -> Tensor:
        """Score classes by the squared distance from their means."""
        return by_prototypes(zs, labels, zq)


@dataclass(frozen=True, slots=True)
class Matching(_Embedding):
    """Matching networks: learn an embedding in which attention goes to examples of the same class.

    Parameters
    ----------
    iterations, tasks_per_step, outer_rate, clip, report_every
        How it is learned, see ``OuterLoop``.
    hidden
        Units between inputs and the embedding.
    units
        e, units of the embedding.
    temperature
        τ; the smaller, the more the nearest example counts.
    """

    temperature: float = 0.1

    def __post_init__(self) -> None:
        _Embedding.__post_init__(self)
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, got {self.temperature!r}. The smaller, the more the nearest counts.")

    def compare(self, zs: Tensor, labels: Tensor, zq: Tensor) -> Tensor:
        """Score classes by the attention that their examples get."""
        return by_attention(zs, labels, zq, self.temperature)
