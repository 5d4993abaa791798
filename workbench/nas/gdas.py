"""SNAS and GDAS: operations are drawn, by noise that lets a gradient through to their probabilities.

Xie, Zheng, Liu & Lin 2019, "SNAS: stochastic neural architecture search", ICLR, eq. 7; Dong & Yang 2019, "Searching for a robust
neural architecture in four GPU hours", CVPR, eq. 4-6 and algorithm 1. The noise is that of Jang, Gu & Poole 2017 and of Maddison,
Mnih & Teh 2017::

    G ~ Gumbel(0, 1) for each edge and operation
    argmax_o (α_o + G_o) is distributed as softmax(α)
    Z = softmax((α + G) / τ)           soft: one-hot as τ → 0, uniform as τ → ∞

    SNAS   mix all operations by Z; one step of w and of α on the same training batch; τ falls
    GDAS   forward by one-hot(argmax Z), backward as if it were Z (straight through); only the drawn operations are computed
           w learns from one half of the training data, α from the other (alg. 1); τ falls

Notation
    alpha, tau   architecture parameters, (n_edges, n_operations), and the temperature
    Z            mixing weights of one draw

Differences from the papers: small cells, networks and learning rates as in ``darts``; SNAS without its penalty on resources.
GDAS' own code lets operations that were not drawn add their weight, 0, as a constant, so that they get a gradient; in the paper
they get none, nor do they here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import process_time

import torch
from torch import Tensor

from workbench.events import StepTaken
from workbench.nas.alpha_gradient import gradients
from workbench.nas.bilevel import Batch, Bilevel, BilevelSettings, annealed, array, check_epochs, check_temperatures
from workbench.nas.cells import NANO, CellSpace
from workbench.nas.data import Data
from workbench.nas.derivation import strongest
from workbench.nas.relaxed_steps import SampledStep

N_JUDGED = 4  # draws whose mean accuracy is that of the super network


def gumbel(alpha: Tensor, generator: torch.Generator) -> Tensor:
    """Draw G ~ Gumbel(0, 1), of alpha's shape: -log of an exponential number."""
    return -torch.empty_like(alpha).exponential_(generator=generator).log()


def soft_draw(alpha: Tensor, tau: float, generator: torch.Generator) -> Tensor:
    """Draw Z = softmax((α + G) / τ), which can be differentiated with respect to alpha (SNAS, eq. 7)."""
    return ((alpha + gumbel(alpha.detach(), generator)) / tau).softmax(dim=-1)


def straight_through(Z: Tensor) -> Tensor:
    """Return the one-hot of each row's largest entry, whose gradient is that of Z (GDAS, eq. 4-6)."""
    hard = torch.zeros_like(Z).scatter(-1, Z.argmax(dim=-1, keepdim=True), 1.0)
    return hard + (Z - Z.detach())


@dataclass(frozen=True, slots=True)
class SNAS:
    """Stochastic neural architecture search: soft draws of all operations, weights and alpha learn at once.

    Parameters
    ----------
    epochs
        Passes over the whole training part.
    temperature, last_temperature
        τ at the beginning and at the end; it falls by the same factor in every epoch.
    none
        Whether "none" may be kept on an edge.
    settings
        Numbers of both optimisers.
    """

    epochs: int = 20
    temperature: float = 3.0
    last_temperature: float = 0.3
    none: bool = False
    settings: BilevelSettings = field(default_factory=lambda: BilevelSettings(alpha_lr=2e-2, alpha_decay=0.0))

    def __post_init__(self) -> None:
        check_epochs(self.epochs)
        check_temperatures(self.temperature, self.last_temperature)

    @property
    def n_steps(self) -> int:
        """How many steps it takes: one for each epoch."""
        return self.epochs

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Search; yields a step after each epoch. ``why`` of the last one is the result."""
        return _steps(self, Bilevel(data, cells, self.settings, seed, share=1.0))

    def learn(self, search: Bilevel, tau: float, drawn: Tensor) -> list[float]:
        """Go once through the training data; adds to ``drawn`` what was drawn, returns the losses."""
        losses = []
        for batch in search.batches(search.train):
            Z = soft_draw(search.alpha, tau, search.generator)
            loss = search.loss_of(search.w, batch, Z)
            by_alpha, *by_w = gradients(loss, [search.alpha, *search.w])
            search.step_alpha(by_alpha)
            search.descend(by_w)
            losses.append(float(loss.detach()))
            drawn += Z.detach()
        return losses

    def judge(self, search: Bilevel, tau: float) -> tuple[float, float]:
        """Validation accuracy and loss of soft draws."""
        with torch.no_grad():
            return search.accuracy(soft_draw(search.alpha, tau, search.generator))


@dataclass(frozen=True, slots=True)
class GDAS:
    """Gradient-based search using a differentiable architecture sampler: one operation drawn on each edge, straight through.

    Parameters
    ----------
    epochs
        Passes over the half of the training part that trains the weights.
    temperature, last_temperature
        τ at the beginning and at the end; the paper goes from 10 to 0.1.
    none
        Whether "none" may be kept on an edge, as in NAS-Bench-201.
    settings
        Numbers of both optimisers.
    """

    epochs: int = 20
    temperature: float = 10.0
    last_temperature: float = 0.1
    none: bool = False
    settings: BilevelSettings = field(default_factory=lambda: BilevelSettings(alpha_lr=2e-2))

    def __post_init__(self) -> None:
        check_epochs(self.epochs)
        check_temperatures(self.temperature, self.last_temperature)

    @property
    def n_steps(self) -> int:
        """How many steps it takes: one for each epoch."""
        return self.epochs

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Search; yields a step after each epoch. ``why`` of the last one is the result."""
        return _steps(self, Bilevel(data, cells, self.settings, seed))

    def learn(self, search: Bilevel, tau: float, drawn: Tensor) -> list[float]:
        """Go once through the half of the weights; adds to ``drawn`` what was drawn, returns the losses."""
        losses = []
        for train, valid in search.pairs():
            hard = straight_through(soft_draw(search.alpha, tau, search.generator))
            losses.append(search.step_weights(drawn_loss(search, train, hard.detach())))     # alg. 1, lines 3-4
            drawn += hard.detach()
            hard = straight_through(soft_draw(search.alpha, tau, search.generator))
            search.step_alpha(gradients(drawn_loss(search, valid, hard), [search.alpha])[0])     # alg. 1, lines 5-6
            drawn += hard.detach()
        return losses

    def judge(self, search: Bilevel, tau: float) -> tuple[float, float]:
        """Validation accuracy and loss of drawn architectures, their mean."""
        with torch.no_grad():
            draws = [search.accuracy(straight_through(soft_draw(search.alpha, tau, search.generator)))
                     for _ in range(N_JUDGED)]
        return sum(a for a, _ in draws) / N_JUDGED, sum(b for _, b in draws) / N_JUDGED


def drawn_loss(search: Bilevel, batch: Batch, hard: Tensor) -> Tensor:
    """Loss of a batch where only the drawn operation of each edge is computed."""
    return search.loss_of(search.w, batch, hard, active_of(search.cells, hard))


def active_of(cells: CellSpace, hard: Tensor) -> list[tuple[str, ...]]:
    """Operations with a weight that is not 0, for each edge."""
    return [tuple(o for o, on in zip(cells.operations, row, strict=True) if on) for row in hard.detach().tolist()]


def _steps(strategy: SNAS | GDAS, search: Bilevel) -> Iterator[StepTaken]:
    cpu_s = 0.0
    for epoch in range(strategy.epochs):
        began = process_time()
        search.set_rate(epoch / strategy.epochs)
        tau = annealed(strategy.temperature, strategy.last_temperature, epoch / max(strategy.epochs - 1, 1))
        drawn = torch.zeros_like(search.alpha.detach())
        losses = strategy.learn(search, tau, drawn)
        cpu_s += process_time() - began
        probabilities = array(search.alpha.softmax(dim=-1))
        chosen = strongest(probabilities, search.cells, none=strategy.none)
        accuracy, valid_loss = strategy.judge(search, tau)
        discrete = search.accuracy_of(chosen)
        why = SampledStep(probabilities, search.cells.edges, search.cells.operations, chosen, array(search.alpha), tau, accuracy,
                          discrete, array(drawn))
        yield StepTaken(epoch + 1, {"cpu_s": cpu_s, "train_loss": sum(losses) / len(losses), "valid_loss": valid_loss,
                                    "valid_accuracy": accuracy, "discrete_accuracy": discrete, "temperature": tau}, why)
