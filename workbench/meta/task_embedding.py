"""A learned representation of tasks: near each other are those on which the same configurations do well.

Kim, Kim & Choi 2017, "Learning to transfer initializations for Bayesian hyperparameter optimization": a network h, the same for
both tasks of a pair (a Siamese network), takes what describes a task and is trained so that distances tell how differently
configurations do::

    minimise over pairs of tasks (i, j)   ( ‖h(f_i) − h(f_j)‖ − d_ij )²      d_ij = mean over configurations of |loss_i − loss_j|

A new task is described, too, so it can be placed among the earlier ones before anything was tried on it.

Notation
    f            scaled meta-features of a task
    h            the network; its output is the representation
    d            what the distance ought to be: L1 distance of performance vectors, for each configuration

Differences from the paper: f are meta-features computed by hand; there a recurrent network over all images of a data set computes
them and is trained along. Losses are scaled on each task, its best 0 and its worst 1; or ranks are compared (``target="ranks"``),
which tell more of who is good and less of how bad the bad ones are. Dropout of features, since there are few tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.events import StepTaken
from workbench.history import Explanation
from workbench.meta.similar_tasks import Neighbours, scaled_features
from workbench.meta.small_network import SmallNetwork
from workbench.meta.tasks import Tasks
from workbench.space import Array

Target = Literal["losses", "ranks"]
FEWEST = 3  # tasks to learn from: with two there is one distance


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingStep(Explanation):
    """The representation after some steps.

    Attributes
    ----------
    weights
        Of the network: a matrix and a vector for each layer.
    places
        h of all tasks, shape (T, size).
    held_out
        Rows of the tasks that are not learned from.
    correlation
        Of learned and true distances: between tasks that are learned from; between held-out ones and these, nan if there are
        none.
    """

    weights: tuple[Array, ...]
    places: Array
    held_out: tuple[int, ...]
    correlation: tuple[float, float]

    def distances(self) -> Array:
        """Return learned distances, shape (T, T)."""
        return euclidean(self.places, self.places)

    def summary(self) -> str:
        """Say in one plain sentence how far it is."""
        learned, new = self.correlation
        more = f", {new:.2f} where one of the two was not learned from" if self.held_out else ""
        return f"Learned distances of tasks correlate with true ones by {learned:.2f}{more}."


def performance_distances(tasks: Tasks, target: Target = "losses") -> Array:
    """Return how differently configurations do on each two tasks, shape (T, T): from 0 to 1.

    Parameters
    ----------
    target
        "losses" compares losses scaled to each task's best and worst, "ranks" the ranks, from 0 to 1. What is not known counts as
        the worst.

    Raises
    ------
    ValueError
        If ``target`` is none of these.
    """
    if target == "losses":
        y = tasks.scaled()
    elif target == "ranks":
        ranks = (tasks.ranks() - 1) / max(len(tasks.configs) - 1, 1)
        y = np.where(np.isnan(ranks), 1.0, ranks)
    else:
        raise ValueError(f"target is 'losses' or 'ranks', got {target!r}.")
    return np.asarray(np.abs(y[:, None] - y[None]).mean(axis=2))


def euclidean(a: Array, b: Array) -> Array:
    """Distances of rows (n, k) from rows (m, k), shape (n, m)."""
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=2))


def pair_loss(network: SmallNetwork, weights: Sequence[Tensor], f: Tensor, true: Tensor) -> Tensor:
    """Mean over pairs of rows of f (n, d) of (‖h(f_i) − h(f_j)‖ − true_ij)²; true has shape (n, n)."""
    h = network(weights, f)
    i, j = torch.triu_indices(len(f), len(f), 1)
    error: Tensor = torch.linalg.vector_norm(h[i] - h[j], dim=1) - true[i, j]
    return (error * error).mean()


@dataclass(frozen=True, slots=True, eq=False)
class TaskEmbedding:
    """Earlier tasks where a trained network places them, and new ones among them.

    Attributes
    ----------
    tasks
        That were learned from, with meta-features.
    network, weights
        h.
    """

    tasks: Tasks
    network: SmallNetwork
    weights: tuple[Array, ...]

    def embed(self, features: pd.Series | pd.DataFrame) -> Array:
        """Place tasks by their meta-features: shape (size,) for one, (n, size) for a table.

        Raises
        ------
        ValueError
            If a meta-feature is missing that the network was trained with.
        """
        rows = features.to_frame().T if isinstance(features, pd.Series) else features
        missing = [c for c in _table(self.tasks).columns if c not in rows.columns]
        if missing:
            raise ValueError(f"the network was trained with meta-feature {missing[0]!r}, which the new task lacks. Give nan.")
        known = _table(self.tasks)
        f = _inputs(known.to_numpy(dtype=float), rows[known.columns].to_numpy(dtype=float))
        weights = [torch.from_numpy(w) for w in self.weights]
        with torch.no_grad():
            h = self.network(weights, torch.from_numpy(f).to(weights[0].dtype)).numpy().astype(float)
        return np.asarray(h[0] if isinstance(features, pd.Series) else h)

    def places(self) -> Array:
        """Return h of the earlier tasks, shape (T, size)."""
        return self.embed(_table(self.tasks))

    def neighbours(self, features: pd.Series) -> Neighbours:
        """Order the earlier tasks by their learned distance from a new one."""
        away = euclidean(self.embed(features)[None], self.places())[0]
        order = np.argsort(away, kind="stable")
        return Neighbours(self.tasks, order, away[order])


@dataclass(frozen=True, slots=True)
class Siamese:
    """Learn a representation of tasks whose distances tell how differently configurations do.

    Parameters
    ----------
    iterations
        Steps of Adam, each on all pairs.
    hidden
        Units of the hidden layers; none makes h linear.
    size
        Numbers that represent a task.
    rate, weight_decay
        Of Adam.
    dropout
        Share of the meta-features that a task is trained without, others at each step.
    target
        What distances ought to tell: of "losses" or of "ranks".
    held_out
        Share of the tasks that only judge. With 0 all are learned from.
    report_every
        Steps between two events.
    """

    iterations: int = 300
    hidden: tuple[int, ...] = (32,)
    size: int = 4
    rate: float = 0.01
    weight_decay: float = 0.01
    dropout: float = 0.3
    target: Target = "losses"
    held_out: float = 0.0
    report_every: int = 25

    def __post_init__(self) -> None:
        for name in ("iterations", "size", "report_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")
        for name in ("dropout", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a share of 0 or more and less than 1, got {getattr(self, name)!r}.")
        if self.target not in ("losses", "ranks"):
            raise ValueError(f"target is 'losses' or 'ranks', got {self.target!r}.")

    @property
    def n_steps(self) -> int:
        """How many times it reports."""
        return -(-self.iterations // self.report_every)

    def network(self, n_features: int) -> SmallNetwork:
        """Return h for so many meta-features."""
        return SmallNetwork((n_features, *self.hidden, self.size), "tanh")

    def steps(self, tasks: Tasks, *, seed: int = 0) -> Iterator[StepTaken]:
        """Learn; yields a step every ``report_every`` iterations. ``why.weights`` of the last one are the result.

        Raises
        ------
        ValueError
            If the tasks have no meta-features, or fewer than three are learned from.
        """
        held = _held_out(len(tasks), self.held_out, seed)
        own = np.setdiff1d(np.arange(len(tasks)), held)
        if len(own) < FEWEST:
            raise ValueError(f"at least {FEWEST} tasks are needed to learn from, got {len(own)} besides {len(held)} held out.")
        table = _table(tasks).to_numpy(dtype=float)
        f_all = torch.from_numpy(_inputs(table[own], table)).to(torch.float32)
        true = performance_distances(tasks, self.target)
        f, d = f_all[own], torch.from_numpy(true[np.ix_(own, own)]).to(torch.float32)
        generator, network = torch.Generator().manual_seed(seed), self.network(f.shape[1])
        weights = tuple(w.requires_grad_() for w in network.start(generator))
        adam = torch.optim.AdamW(weights, lr=self.rate, weight_decay=self.weight_decay)
        cpu_s, losses = 0.0, list[float]()
        for iteration in range(1, self.iterations + 1):
            began = process_time()
            kept = torch.rand(f.shape, generator=generator) >= self.dropout
            loss = pair_loss(network, weights, f * kept / (1 - self.dropout), d)
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
            losses.append(float(loss.detach()))
            cpu_s += process_time() - began
            if iteration % self.report_every == 0 or iteration == self.iterations:
                with torch.no_grad():
                    h = network(weights, f_all).numpy().astype(float)
                learned = euclidean(h, h)
                why = EmbeddingStep(tuple(w.detach().numpy().copy() for w in weights), h, tuple(int(i) for i in held),
                                    (_agreement(learned, true, own, own), _agreement(learned, true, held, own)))
                metrics = {"cpu_s": cpu_s, "iteration": float(iteration), "train_loss": float(np.mean(losses)),
                           "correlation": why.correlation[0]}
                metrics |= {"held out": why.correlation[1]} if len(held) else {}
                yield StepTaken(-(-iteration // self.report_every), metrics, why)
                losses.clear()

    def fit(self, tasks: Tasks, *, seed: int = 0) -> TaskEmbedding:
        """Learn to the end; what was held out is not among the tasks of the embedding."""
        *_, last = self.steps(tasks, seed=seed)
        assert isinstance(last.why, EmbeddingStep)
        return self.embedding(tasks, last.why)

    def embedding(self, tasks: Tasks, why: EmbeddingStep) -> TaskEmbedding:
        """Return the embedding of a step of ``steps(tasks)``: the last one, or one before."""
        own = [i for i in range(len(tasks)) if i not in why.held_out]
        return TaskEmbedding(tasks.some(own), self.network(_table(tasks).shape[1]), why.weights)


def _table(tasks: Tasks) -> pd.DataFrame:
    if tasks.features is None:
        raise ValueError("the tasks have no meta-features. Give Tasks(..., features=...).")
    return tasks.features


def _inputs(known: Array, rows: Array) -> Array:
    """Scale meta-features around 0, by the range of the tasks that are learned from."""
    return scaled_features(known, rows) - 0.5


def _held_out(n: int, share: float, seed: int) -> NDArray[np.intp]:
    """Choose rows to hold out: at least one if a share is wished."""
    if not share:
        return np.empty(0, dtype=np.intp)
    return np.sort(np.random.default_rng(seed).permutation(n)[:max(1, round(share * n))])


def _agreement(learned: Array, true: Array, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> float:
    """Correlate distances of these tasks from those, each pair once; nan if one side is constant or there is no pair."""
    pairs = np.array([(i, j) for i in rows for j in columns if i < j or i not in columns], dtype=np.intp).reshape(-1, 2)
    a, b = (x[pairs[:, 0], pairs[:, 1]] for x in (learned, true))
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and np.ptp(a) and np.ptp(b) else float("nan")
