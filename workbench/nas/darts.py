"""DARTS: the choice of operations becomes a weighted mean, so that an architecture can be found by gradients.

Liu, Simonyan & Yang 2019, "DARTS: differentiable architecture search", ICLR; algorithm 1.

::

    ō_ij(x) = Σ_o softmax(α_ij / T)_o · o(x)                                                   (eq. 2; there T = 1)
    halve the training data
    repeat   α ← Adam step along ∇_α L_val(w − ξ ∇_w L_train(w, α), α)          first order: ξ = 0       (alg. 1, line 1)
             w ← SGD step along ∇_w L_train(w, α)                                                        (alg. 1, line 2)
    keep the heaviest operation on each edge                                                             (section 2.4)

Notation
    alpha        architecture parameters, (n_edges, n_operations); both cells of the network share them
    mixing       softmax(alpha / T)
    w, xi        weights of the super network, and their learning rate
    gap          accuracy as a mixture less the accuracy of what is kept, and less what it has when trained from scratch

Differences from the paper: a cell of one input whose nodes are sums, twice, instead of eight cells of two kinds; 20 epochs of
23 steps instead of 50 of 390. So learning rates are larger: 0.1 instead of 0.025 for the weights, 3e-3 instead of 3e-4 for
alpha. The second-order gradient can be exact. A temperature below 1 sharpens the weights, and may be annealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Any, Literal

import numpy as np
from torch import Tensor

from workbench.events import StepTaken
from workbench.nas import training
from workbench.nas.alpha_gradient import AlphaGradient, Hessian, Loss, cosine, first_order, second_order
from workbench.nas.bilevel import Batch, Bilevel, BilevelSettings, annealed, array, check_epochs, check_temperatures
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.data import Data
from workbench.nas.derivation import strongest
from workbench.nas.networks import build
from workbench.nas.relaxed_steps import DARTSStep, RelaxedStep


@dataclass(frozen=True, slots=True)
class DARTS:
    """Differentiable architecture search.

    Parameters
    ----------
    order
        1 takes the weights as they are when alpha is moved, 2 lets alpha move the weights too, by one step of training.
    epochs
        Passes over the half of the data that trains the weights.
    hessian
        How the second order is computed: "finite" differences as in the paper, or "exact" by a second backward pass. They agree
        for smooth activations.
    temperature, last_temperature
        T at the beginning and, if given, at the end; in between it falls by the same factor in every epoch.
    none
        Whether "none" may be kept on an edge, as in NAS-Bench-201; DARTS never keeps it.
    edges_per_node
        How many edges into each node are kept, the paper's rule is 2; None keeps all.
    settings
        Numbers of both optimisers.
    """

    order: Literal[1, 2] = 1
    epochs: int = 20
    hessian: Hessian = "finite"
    temperature: float = 1.0
    last_temperature: float | None = None
    none: bool = False
    edges_per_node: int | None = None
    settings: BilevelSettings = field(default_factory=BilevelSettings)

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise ValueError(f"order is 1 or 2, got {self.order!r}. 1 holds the weights, 2 lets alpha move them by one step.")
        if self.hessian not in ("finite", "exact"):
            raise ValueError(f"hessian is 'finite' or 'exact', got {self.hessian!r}. The paper's is 'finite'.")
        check_epochs(self.epochs)
        check_temperatures(self.temperature, self.last_temperature)

    @property
    def n_steps(self) -> int:
        """How many steps it takes: one for each epoch."""
        return self.epochs

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Search; yields a step after each epoch. ``why`` of the last one is the result.

        "cpu_s" are the CPU seconds of the search so far; what is for looking, accuracies and the other gradient, is not counted.

        Parameters
        ----------
        data
            Its training part is halved; its validation part only judges, its test part is not touched.
        cells
            Space of cells.
        seed
            Of initial values, halves and batches.
        """
        strongest(np.zeros((len(cells.edges), len(cells.operations))), cells, edges_per_node=self.edges_per_node)
        return self.run(Bilevel(data, cells, self.settings, seed))

    def run(self, search: Bilevel) -> Iterator[StepTaken]:
        """Search, as ``steps`` does, with a super network that the caller holds and can look into."""
        cpu_s = 0.0
        for epoch in range(self.epochs):
            began = process_time()
            search.set_rate(epoch / self.epochs)
            T = annealed(self.temperature, self.last_temperature, epoch / max(self.epochs - 1, 1))
            loss = relaxed_loss(search, T)
            losses = []
            for train, valid in search.pairs():
                search.step_alpha(self.gradient(loss, search, train, valid).total)                    # alg. 1, line 1
                losses.append(search.step_weights(loss(search.w, search.alpha.detach(), train)))      # alg. 1, line 2
            cpu_s += process_time() - began
            yield self._step(epoch + 1, search, T, train, valid, {"cpu_s": cpu_s, "train_loss": sum(losses) / len(losses)})

    def gradient(self, loss: Loss, search: Bilevel, train: Batch, valid: Batch) -> AlphaGradient:
        """Return the gradient that moves alpha, of the order that was chosen."""
        if self.order == 1:
            return first_order(loss, search.w, search.alpha, valid)
        return second_order(loss, search.w, search.alpha, train, valid, search.state(), hessian=self.hessian)

    def _step(self, step: int, search: Bilevel, T: float, train: Batch, valid: Batch,
              metrics: dict[str, float]) -> StepTaken:
        """Tell what stands now; the gradients are those of the last batches."""
        loss = relaxed_loss(search, T)
        first = first_order(loss, search.w, search.alpha, valid).total
        second = second_order(loss, search.w, search.alpha, train, valid, search.state(), hessian=self.hessian).total
        mixing = mixed(search.alpha, T)
        chosen = strongest(array(mixing), search.cells, none=self.none, edges_per_node=self.edges_per_node)
        accuracy, valid_loss = search.accuracy(mixing)
        discrete = search.accuracy_of(chosen)
        why = DARTSStep(array(mixing), search.cells.edges, search.cells.operations, chosen, array(search.alpha), T, accuracy,
                        discrete, array(first), array(second), cosine(first, second))
        return StepTaken(step, {**metrics, "valid_loss": valid_loss, "valid_accuracy": accuracy, "discrete_accuracy": discrete,
                                "gradient_cosine": why.cosine}, why)


def mixed(alpha: Tensor, T: float = 1.0) -> Tensor:
    """Mixing weights of the operations on each edge (eq. 2), with a temperature."""
    return (alpha / T).softmax(dim=-1)


def relaxed_loss(search: Bilevel, T: float = 1.0) -> Loss:
    """Return the loss of the mixture as a function of weights, alpha and batch."""
    def loss(w: Sequence[Tensor], alpha: Tensor, batch: Any) -> Tensor:
        return search.loss_of(w, batch, mixed(alpha, T))

    return loss


@dataclass(frozen=True, slots=True)
class Gap:
    """Accuracies of one architecture, on the way from the mixture to a network of its own; on the validation part.

    Attributes
    ----------
    mixed
        Of the super network that mixes all operations.
    discrete
        Of the architecture with the super network's weights.
    retrained
        Of the architecture trained from scratch on the whole training part.
    test
        The same on the test part.
    """

    mixed: float
    discrete: float
    retrained: float
    test: float


def discretisation_gap(why: RelaxedStep, data: Data, *, cells: CellSpace = NANO, epochs: int = training.EPOCHS, channels: int = 8,
                       seed: int = 0) -> Gap:
    """Train the chosen architecture from scratch, and put its accuracy beside those that the search saw.

    Parameters
    ----------
    why
        A step of the search: its ``chosen`` is trained.
    data, cells
        Of the search.
    epochs, channels, seed
        Of the training, see ``training.train`` and ``networks.build``.
    """
    network = build(cells, cells.config(why.chosen), data, channels=channels, seed=seed)
    *_, last = training.train(network, data, epochs=epochs, seed=seed)
    return Gap(why.mixed_accuracy, why.discrete_accuracy, last.valid_accuracy, training.test_accuracy(network, data))
