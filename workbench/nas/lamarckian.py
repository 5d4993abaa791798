"""Lamarckian evolution: a child inherits not only its parent's architecture but also its parent's weights.

Real, Moore, Selle, Saxena, Suematsu, Tan, Le & Kurakin (2017), "Large-scale evolution of image classifiers", ICML, arXiv
1703.01041, section 3.4: "whenever possible, a child's weights are inherited", namely those whose shapes fit. After P random
networks, each trained for a few epochs:

1. the best of S drawn members is the parent
2. the child has one operation changed; every layer that parent and child share starts with the parent's weights
3. the child is trained for few epochs and joins; the oldest member dies, or the worst

So a lineage is trained for as long as it lasts, and each child costs little. The price: a network is judged by weights whose age
depends on its lineage. A young mutant meets old weights; it can look worse than it is, and whoever descends from many short
trainings looks better than another of the same architecture.

Differences from the paper: one change at a time among the operations of a cell, instead of eleven mutations of whole networks
(learning rates, strides, …); tournaments of S and death by age or of the worst instead of pairs of which the worse dies; each
training has a learning rate that falls from the start to 0, as everywhere here. What is shared is told edge by edge: the same
operation on the same edge, alive in both, in either cell; stem, reduction and the last layer always.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

import numpy as np
import torch
from torch import Tensor

from workbench.events import StepTaken
from workbench.history import Explanation
from workbench.nas import training
from workbench.nas.cells import NANO, Architecture, CellSpace
from workbench.nas.data import Data
from workbench.nas.evolution import living
from workbench.nas.networks import CellNetwork, build, kernel


@dataclass(frozen=True, slots=True, eq=False)
class LamarckianStep(Explanation):
    """A network that was born, and who lives.

    Attributes
    ----------
    architecture
        What was trained.
    parent
        Number of the step in which its parent was born; 0 for one of the first.
    edge, before, after
        Which operation was changed, and how; empty for one of the first.
    inherited
        Share of its weights that came from its parent.
    lineage_epochs
        Epochs for which its oldest weights have been trained, this training included.
    population
        The steps in which the living were born, oldest first, this one included.
    accuracies
        Validation accuracies of the living.
    drawn
        Steps in which those drawn for the tournament were born.
    chosen
        The best architecture so far, by validation accuracy: the result if the search ended now.
    """

    architecture: Architecture
    parent: int
    edge: str
    before: str
    after: str
    inherited: float
    lineage_epochs: int
    population: tuple[int, ...]
    accuracies: tuple[float, ...]
    drawn: tuple[int, ...]
    chosen: Architecture

    def summary(self) -> str:
        """Say in one plain sentence how it came to be."""
        if not self.parent:
            return "One of the first: drawn at random, and trained from the start."
        weights = f"{100 * self.inherited:.0f} % of its weights are inherited" if self.inherited else "no weights are inherited"
        return (f"A child of number {self.parent}, the best of {len(self.drawn)} drawn: {self.edge} from {self.before} to "
                f"{self.after}; {weights}, the oldest trained for {self.lineage_epochs} "
                f"epoch{'s' * (self.lineage_epochs != 1)} by now.")


@dataclass(slots=True)
class _Member:
    """A trained network; of a dead one only what it was."""

    architecture: Architecture
    network: CellNetwork | None
    accuracy: float
    lineage_epochs: int


def blocks(cells: CellSpace, architecture: Architecture) -> dict[tuple[int, int, int], tuple[str, int]]:
    """Say where the convolution of each living edge is: (i, j, width) has the module "i_width" and a place in it.

    The convolutions of one width that leave one node are rows of one matrix, in the order of the edges.
    """
    found: dict[tuple[int, int, int], tuple[str, int]] = {}
    taken: dict[str, int] = {}
    for (i, j), operation in cells.live_edges(architecture).items():
        kind, width = kernel(operation)
        if kind == "conv":
            name = f"{i}_{width}"
            found[i, j, width] = name, taken.get(name, 0)
            taken[name] = taken.get(name, 0) + 1
    return found


def inherit(child: CellNetwork, parent: CellNetwork) -> float:
    """Copy all weights that fit from parent to child, batch norm's statistics included; return the share of the child's.

    The parent is left as it is.
    """
    mine, theirs = child.state_dict(), parent.state_dict()
    copied = 0
    at, there = (blocks(n.cells, n.architecture) for n in (child, parent))
    with torch.no_grad():
        for name, value in mine.items():
            parts = name.split(".")
            if parts[0] not in ("cell1", "cell2"):  # stem, reduction, head
                value.copy_(theirs[name])
                copied += _counted(name, value)
                continue
            c = child.channels * (1 if parts[0] == "cell1" else 2)
            for edge in at.keys() & there.keys():
                (module, k), (source, m) = at[edge], there[edge]
                if module == parts[2]:
                    rows, origin = _rows(value, k, c), _rows(theirs[".".join((*parts[:2], source, parts[3]))], m, c)
                    rows.copy_(origin)
                    copied += _counted(name, rows)
    return copied / child.n_parameters


def _rows(value: Tensor, k: int, c: int) -> Tensor:
    """Return the part of a convolution's weights (1, …, …) or of a vector (…,) that belongs to its k-th target."""
    return value[:, k * c:(k + 1) * c] if value.ndim == 3 else value[k * c:(k + 1) * c]


def _counted(name: str, value: Tensor) -> int:
    """Count what is learnt: the statistics of batch norm are not."""
    return 0 if name.endswith((".mean", ".var")) else value.numel()


@dataclass(frozen=True, slots=True)
class Lamarckian:
    """Evolution in which children inherit weights, and so are trained for few epochs. Needs torch.

    Parameters
    ----------
    children
        Children after the first population.
    population
        Members alive, P; so many networks are drawn at random first.
    sample
        Draws of a tournament, S.
    epochs
        Of training for a child, and for each of the first.
    inherit
        Whether children inherit weights; without, each is trained from the start, for as short a time.
    ageing
        Whether the oldest member dies, or (False) the worst, as in the paper.
    channels
        Of the networks.
    """

    children: int = 32
    population: int = 8
    sample: int = 3
    epochs: int = 2
    inherit: bool = True
    ageing: bool = True
    channels: int = 8

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, least in (("children", 0), ("population", 2), ("sample", 1), ("epochs", 1), ("channels", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}.")

    @property
    def n_steps(self) -> int:
        """Networks that are trained in all."""
        return self.population + self.children

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Evolve; one step for each network that was trained.

        Metrics: "cpu_s" so far, "train_loss" and "valid_accuracy" of this network, "best_accuracy" so far by validation,
        "inherited" (share of the weights), "parameters".
        """
        members: list[_Member] = []
        cpu_s = 0.0
        for n in range(self.n_steps):
            began = process_time()
            rng = np.random.default_rng([seed, n])
            rows = living(np.array([-m.accuracy for m in members]), self.population, ageing=self.ageing)
            drawn, parent, architecture = list[int](), None, cells.sample(rng)
            if n >= self.population:
                drawn = rows[rng.integers(len(rows), size=self.sample)].tolist()
                parent = max(drawn, key=lambda row: members[row].accuracy)
                architecture = cells.mutate(members[parent].architecture, rng)
            network = build(cells, architecture, data, channels=self.channels, seed=int(rng.integers(2**31)))
            share, lineage = 0.0, self.epochs
            if parent is not None and self.inherit and (from_ := members[parent].network) is not None:
                share, lineage = inherit(network, from_), self.epochs + members[parent].lineage_epochs
            *_, last = training.train(network, data, epochs=self.epochs, seed=int(rng.integers(2**31)))
            cpu_s += process_time() - began
            members.append(_Member(architecture, network, last.valid_accuracy, lineage))
            why = self._why(cells, members, parent, drawn, share)
            for k, member in enumerate(members):
                if k + 1 not in why.population:
                    member.network = None  # it has no more children
            yield StepTaken(n + 1, {
                "cpu_s": cpu_s, "train_loss": last.train_loss, "valid_accuracy": last.valid_accuracy, "inherited": share,
                "best_accuracy": max(m.accuracy for m in members), "parameters": float(network.n_parameters)}, why)

    def _why(self, cells: CellSpace, members: list[_Member], parent: int | None, drawn: list[int],
             share: float) -> LamarckianStep:
        errors = np.array([-m.accuracy for m in members])
        alive = living(errors, self.population, ageing=self.ageing).tolist()
        child, best = members[-1], members[int(errors.argmin())]
        number, edge, before, after = 0, "", "", ""
        if parent is not None:
            number, theirs = parent + 1, members[parent].architecture
            edge, before, after = next((name, a, b) for name, a, b in zip(cells.names, theirs, child.architecture, strict=True)
                                       if a != b)
        return LamarckianStep(child.architecture, number, edge, before, after, share, child.lineage_epochs,
                              tuple(k + 1 for k in alive), tuple(members[k].accuracy for k in alive),
                              tuple(k + 1 for k in drawn), best.architecture)
