"""What searches by gradients tell at each step: weights, gradients and accuracies. Plain data, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.nas.relaxation import Relaxation
from workbench.space import Array


@dataclass(frozen=True, slots=True, eq=False)
class RelaxedStep(Relaxation):
    """A step of a search that relaxes the choice of operations.

    Attributes
    ----------
    alpha
        Architecture parameters behind the weights, (n_edges, n_operations).
    temperature
        The weights are softmax(alpha / temperature).
    mixed_accuracy
        Validation accuracy of the super network with all operations, mixed by their weights.
    discrete_accuracy
        Validation accuracy of ``chosen`` alone, with the super network's weights: what is lost is the discretisation gap.
    """

    alpha: Array
    temperature: float
    mixed_accuracy: float
    discrete_accuracy: float

    @property
    def gap(self) -> float:
        """Accuracy that is lost when the mixture becomes an architecture, the shared weights kept."""
        return self.mixed_accuracy - self.discrete_accuracy

    @property
    def decided(self) -> float:
        """Mean over edges of the largest weight: 1 where a single operation is left."""
        return float(np.asarray(self.weights).max(axis=1).mean())

    def summary(self) -> str:
        """Say in one plain sentence how decided it is and what deciding costs."""
        return (f"On average an edge gives its strongest operation {100 * self.decided:.0f} % of the weight; as a mixture the "
                f"network is right on {100 * self.mixed_accuracy:.1f} %, with one operation on each edge on "
                f"{100 * self.discrete_accuracy:.1f} %.")


@dataclass(frozen=True, slots=True, eq=False)
class DARTSStep(RelaxedStep):
    """A step of DARTS, with the gradient of the last batch in both ways.

    Attributes
    ----------
    first_order
        Gradient of the validation loss with respect to ``alpha``, the weights taken as they are.
    second_order
        The same with the weights moved by one step of training.
    cosine
        Cosine of the angle between the two; nan if one of them is 0.
    """

    first_order: Array
    second_order: Array
    cosine: float

    @property
    def first_norm(self) -> float:
        """Length of the first-order gradient."""
        return float(np.linalg.norm(self.first_order))

    @property
    def second_norm(self) -> float:
        """Length of the second-order gradient."""
        return float(np.linalg.norm(self.second_order))


@dataclass(frozen=True, slots=True, eq=False)
class SampledStep(RelaxedStep):
    """A step of a search that draws operations.

    Attributes
    ----------
    sampled
        How often each operation was drawn on each edge since the last step, (n_edges, n_operations); of a soft draw the mean
        weight times the number of draws.
    """

    sampled: Array


@dataclass(frozen=True, slots=True, eq=False)
class PathStep(SampledStep):
    """A step of ProxylessNAS.

    Attributes
    ----------
    latency
        Expected latency of the cell: the sum of each operation's latency times its weight.
    latencies
        Latency of each operation, in the order of ``operations``.
    """

    latency: float
    latencies: tuple[float, ...]
