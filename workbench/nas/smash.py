"""SMASH: a network that writes the weights of another one, given its architecture.

Brock, Lim, Ritchie & Weston 2018, "SMASH: one-shot model architecture search through hypernetworks", ICLR, algorithm 1.

::

    repeat  draw an architecture c; weights W = H(c); step on H, and on the weights that all share, along ∇ loss(W, x)
    then    draw many architectures, score each by the validation accuracy with H(c)
            change one edge of the best so far, score, keep it if it is better; and again
            keep the best

``H`` reads the architecture as bits, one for each operation on each edge; a hidden layer with leaky ReLU; then a linear layer
writes the matrix of every convolution of both cells. With a hidden layer of zeros it is plain weight sharing: the bias of the
last layer is one matrix for all architectures, and the bits change it.

Differences from the paper: cells of a small space instead of memory banks that layers read and write; so the encoding has a place
for each edge instead of one for each layer along a time axis, and H is a perceptron of one hidden layer instead of a DenseNet.
Written weights are not normalised: batch norm follows each convolution, which makes their scale irrelevant. Momentum SGD as for
the other one-shot searches, instead of Adam. As there, the stem, the reduction and the classifier are learnt in the usual way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import process_time

import numpy as np

from workbench.events import StepTaken
from workbench.models.neural.extra import require_torch
from workbench.nas.cells import NANO, NOTHING, Architecture, CellSpace
from workbench.nas.data import Data
from workbench.nas.ranking import Ranking, draw, draw_distinct, ranking


@dataclass(frozen=True, slots=True)
class SMASH:
    """One-shot search by a hypernetwork (Brock et al. 2018).

    Attributes
    ----------
    epochs
        Passes over the training part.
    hidden
        Width of the hypernetwork's hidden layer.
    n_ranked
        Architectures that are scored with written weights.
    n_changes
        Changes of one edge of the best, each scored.
    n_probes
        Architectures scored after each epoch, to watch.
    batch_size, learning_rate, channels
        Of the training.
    """

    epochs: int = 35
    hidden: int = 16
    n_ranked: int = 200
    n_changes: int = 30
    n_probes: int = 10
    batch_size: int = 128
    learning_rate: float = 0.05
    channels: int = 8
    label = "SMASH"

    def __post_init__(self) -> None:
        for name in ("hidden", "n_ranked", "n_probes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.n_changes < 0:
            raise ValueError(f"n_changes must not be negative, got {self.n_changes}.")

    @property
    def n_steps(self) -> int:
        """Steps of the whole search: an epoch each, the ranking, and the changes of the best."""
        return self.epochs + 2

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Train the hypernetwork, rank, then improve the best; one step an epoch."""
        require_torch("SMASH")
        from workbench.nas.hyper_network import HyperNetwork
        from workbench.nas.weight_sharing import Schedule, SharedWeights, check_schedule, mean

        check_schedule(self.epochs, self.batch_size, self.learning_rate, self.channels)
        rng, begin = np.random.default_rng(seed), process_time()
        shared = SharedWeights(data, cells, Schedule(self.epochs, self.batch_size, self.learning_rate),
                               channels=self.channels, seed=seed)
        hyper = HyperNetwork(shared.net, hidden=self.hidden, seed=seed)
        shared.train([*hyper.parameters(), *hyper.common.values()])

        def scored(architectures: list[Architecture]) -> Ranking:
            return ranking(cells, architectures, np.array([shared.score(a, hyper.written(a)) for a in architectures]))

        probes = draw_distinct(cells, rng, self.n_probes)
        for epoch in range(self.epochs):
            losses = []
            for x, y in shared.batches():
                architecture = draw(cells, rng)
                logits = shared.net.logits(hyper.written(architecture), x, active=[(o,) for o in architecture])
                losses.append(shared.learn(logits, y))
            why = scored(probes)
            yield StepTaken(epoch, {"train_loss": mean(losses), "valid_accuracy": mean(why.scores),
                                    "discrete_accuracy": float(why.scores[0]), "cpu_s": process_time() - begin}, why)
        why = scored(draw_distinct(cells, rng, self.n_ranked))
        yield StepTaken(self.epochs, {"valid_accuracy": mean(why.scores), "discrete_accuracy": float(why.scores[0]),
                                      "cpu_s": process_time() - begin}, why)
        best, best_score = why.chosen, float(why.scores[0])
        more = dict(zip(why.ranked, why.scores.tolist(), strict=True))
        for _ in range(self.n_changes):
            changed = change(cells, best, rng)
            if changed not in more:
                more[changed] = shared.score(changed, hyper.written(changed))
            if more[changed] > best_score:
                best, best_score = changed, more[changed]
        why = replace(ranking(cells, list(more), np.array(list(more.values()))), weights=why.weights)
        yield StepTaken(self.epochs + 1, {"discrete_accuracy": best_score, "cpu_s": process_time() - begin}, why)


def change(cells: CellSpace, architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Give one edge another operation, so that the output still hears of the input."""
    while True:
        e = int(rng.integers(len(cells.edges)))
        others = [o for o in cells.operations if o != architecture[e]]
        changed = (*architecture[:e], others[int(rng.integers(len(others)))], *architecture[e + 1:])
        if cells.canonical(changed) != NOTHING:
            return changed
