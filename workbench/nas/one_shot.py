"""One-shot searches: train one set of weights under many architectures, then rank architectures by their accuracy with it.

``PathDropout``: Bender, Kindermans, Zoph, Vasudevan & Le 2018, "Understanding and simplifying one-shot architecture search"::

    repeat  drop each operation into a node with probability p = r^(1/k), k operations into that node; p rises linearly from 0
            take a step of SGD with what is left                        (all k are dropped with probability r, whatever k is)
    then    zero out all operations but one on each edge; rank by validation accuracy

``RandomWeightSharing``: Li & Talwalkar 2019, "Random search and reproducibility for neural architecture search"::

    repeat  draw an architecture uniformly; take a step of SGD with its operations alone
    then    draw many architectures, rank them by validation accuracy with the shared weights
            train the best few from scratch; keep the best of those

What a step tells, as validation accuracies with the shared weights: ``valid_accuracy`` is the mean over the architectures that
were scored, ``discrete_accuracy`` that of the best of them, which would be kept, ``mixed_accuracy`` that of all operations.

Notation: ``r`` is ``rate``, the chance that a node hears nothing; ``k`` counts operations, "none" left out, on all edges into a
node.

Differences from the papers: architectures that let nothing through are drawn again; those that are ranked compute different
things (``CellSpace.canonical``); after each epoch the same few architectures are scored as a probe, which the search does not
use. Bender et al. rank subsets of the operations of a node; here an edge keeps one. Batch norm is that of ``supernet``; they use
ghost batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from workbench.events import StepTaken
from workbench.models.neural.extra import require_torch
from workbench.nas.cells import NANO, Architecture, CellSpace
from workbench.nas.data import Data
from workbench.nas.ranking import Ranking, draw, draw_distinct, ranking
from workbench.space import Array

if TYPE_CHECKING:
    from workbench.nas.weight_sharing import SharedWeights


@dataclass(frozen=True, slots=True)
class PathDropout:
    """One-shot search whose super network is trained with operations left out at random (Bender et al. 2018).

    Attributes
    ----------
    epochs
        Passes over the training part.
    rate
        r: probability that all operations into a node are dropped, reached at the end of training. The papers' networks have
        their own; with 0.05 about as many operations are left here as an architecture has.
    n_ranked
        Architectures that are ranked at the end.
    n_probes
        Architectures scored after each epoch, to watch.
    batch_size, learning_rate, channels
        Of the super network's training.
    """

    epochs: int = 25
    rate: float = 0.05
    n_ranked: int = 200
    n_probes: int = 10
    batch_size: int = 128
    learning_rate: float = 0.05
    channels: int = 8
    label = "Path dropout"

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise ValueError(f"rate must lie between 0 and 1, got {self.rate}. 0.05 leaves about one operation an edge.")
        _check_counts(self.n_ranked, self.n_probes)

    @property
    def n_steps(self) -> int:
        """Steps of the whole search: an epoch each, and the ranking."""
        return self.epochs + 1

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Train the super network, then rank; one step an epoch."""
        shared = _shared(self, data, cells, seed)
        from workbench.nas.weight_sharing import mean

        rng, begin = np.random.default_rng(seed), process_time()
        rates = dropout_rates(cells, self.rate)
        probes = draw_distinct(cells, rng, self.n_probes)
        total = self.epochs * shared.n_batches
        for epoch in range(self.epochs):
            losses = []
            for k, (x, y) in enumerate(shared.batches()):
                progress = (epoch * shared.n_batches + k) / max(total - 1, 1)
                kept = keep(cells, progress * rates, rng)
                losses.append(shared.learn(shared.net.logits(shared.net.params, x, active=kept), y))
            why = ranking(cells, probes, shared.scores(probes))
            yield StepTaken(epoch, {"train_loss": mean(losses), "valid_accuracy": mean(why.scores),
                                    "discrete_accuracy": float(why.scores[0]), "mixed_accuracy": shared.whole_score(),
                                    "dropped": mean(progress * rates), "cpu_s": process_time() - begin}, why)
        why = _ranked(shared, rng, self.n_ranked)
        yield StepTaken(self.epochs, {"valid_accuracy": mean(why.scores), "discrete_accuracy": float(why.scores[0]),
                                      "cpu_s": process_time() - begin}, why)


@dataclass(frozen=True, slots=True)
class RandomWeightSharing:
    """Random search with weight sharing (Li & Talwalkar 2019): the baseline that controllers and gradients have to beat.

    Attributes
    ----------
    epochs
        Passes over the training part.
    n_ranked
        Architectures that are ranked with the shared weights.
    n_retrained
        The best of them are trained from scratch; 0 keeps the first of the ranking.
    retrain_epochs
        For how long.
    n_probes
        Architectures scored after each epoch, to watch.
    batch_size, learning_rate, channels
        Of the shared training.
    """

    epochs: int = 60
    n_ranked: int = 200
    n_retrained: int = 3
    retrain_epochs: int = 8
    n_probes: int = 6
    batch_size: int = 128
    learning_rate: float = 0.05
    channels: int = 8
    label = "Random search, shared weights"

    def __post_init__(self) -> None:
        _check_counts(self.n_ranked, self.n_probes)
        if not 0 <= self.n_retrained <= self.n_ranked or self.retrain_epochs < 1:
            raise ValueError("n_retrained lies between 0 and n_ranked and retrain_epochs is at least 1, got "
                             f"n_retrained={self.n_retrained}, n_ranked={self.n_ranked}, retrain_epochs={self.retrain_epochs}.")

    @property
    def n_steps(self) -> int:
        """Steps of the whole search: an epoch each, the ranking, and each retrained architecture."""
        return self.epochs + 1 + self.n_retrained

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Train the shared weights, rank, then train the best from scratch; one step an epoch."""
        shared = _shared(self, data, cells, seed)
        from workbench.nas.weight_sharing import mean

        rng, begin = np.random.default_rng(seed), process_time()
        probes = draw_distinct(cells, rng, self.n_probes)
        for epoch in range(self.epochs):
            losses = [shared.learn(shared.net.forward_one(x, draw(cells, rng)), y) for x, y in shared.batches()]
            why = ranking(cells, probes, shared.scores(probes))
            yield StepTaken(epoch, {"train_loss": mean(losses), "valid_accuracy": mean(why.scores),
                                    "discrete_accuracy": float(why.scores[0]), "cpu_s": process_time() - begin}, why)
        why = _ranked(shared, rng, self.n_ranked)
        yield StepTaken(self.epochs, {"valid_accuracy": mean(why.scores), "discrete_accuracy": float(why.scores[0]),
                                      "cpu_s": process_time() - begin}, why)
        retrained = np.full(len(why.ranked), np.nan)
        for place, architecture in enumerate(why.ranked[:self.n_retrained]):
            retrained[place] = _from_scratch(architecture, data, cells, self.retrain_epochs, self.channels, seed)
            best = why.ranked[int(np.nanargmax(retrained))]
            why = replace(why, retrained=retrained.copy(), chosen=best)
            yield StepTaken(self.epochs + 1 + place, {"retrained_accuracy": float(retrained[place]),
                                                      "cpu_s": process_time() - begin}, why)


def into(cells: CellSpace, node: int) -> list[tuple[int, str]]:
    """Return the operations into a node, as (edge, operation); "none" is none."""
    return [(e, o) for e, (_, j) in enumerate(cells.edges) if j == node for o in cells.operations if o != "none"]


def dropout_rates(cells: CellSpace, r: float) -> Array:
    """Return for each edge the rate p = r^(1/k) at which its operations are dropped in the end, (n_edges,)."""
    return np.array([r ** (1.0 / len(into(cells, j))) if r > 0 else 0.0 for _, j in cells.edges])


def keep(cells: CellSpace, rates: Array, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Draw which operations of each edge are kept, each dropped with the edge's rate on its own."""
    operations = [o for o in cells.operations if o != "none"]
    kept = rng.random((len(cells.edges), len(operations))) >= np.asarray(rates)[:, None]  # ~ Bernoulli(1 - p)
    return [tuple(o for o, k in zip(operations, row, strict=True) if k) for row in kept]


def _check_counts(n_ranked: int, n_probes: int) -> None:
    if n_ranked < 1 or n_probes < 1:
        raise ValueError(f"n_ranked and n_probes must be at least 1, got {n_ranked} and {n_probes}.")


def _shared(strategy: PathDropout | RandomWeightSharing, data: Data, cells: CellSpace, seed: int) -> SharedWeights:
    require_torch("a one-shot search")
    from workbench.nas.weight_sharing import Schedule, SharedWeights, check_schedule

    check_schedule(strategy.epochs, strategy.batch_size, strategy.learning_rate, strategy.channels)
    return SharedWeights(data, cells, Schedule(strategy.epochs, strategy.batch_size, strategy.learning_rate),
                         channels=strategy.channels, seed=seed)


def _ranked(shared: SharedWeights, rng: np.random.Generator, n: int) -> Ranking:
    """Rank different architectures by their accuracy with the shared weights."""
    found = draw_distinct(shared.cells, rng, n)
    return ranking(shared.cells, found, shared.scores(found))


def _from_scratch(architecture: Architecture, data: Data, cells: CellSpace, epochs: int, channels: int, seed: int) -> float:
    """Train an architecture on its own; return its validation accuracy after the last epoch."""
    from workbench.nas.networks import CellNetwork
    from workbench.nas.training import train

    network = CellNetwork(cells, architecture, data.shape, data.n_classes, channels, seed=seed)
    *_, last = train(network, data, epochs=epochs, seed=seed)
    return float(last.valid_accuracy)
