"""What a one-shot search or a controller believes: a probability for each operation on each edge."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.history import Explanation
from workbench.nas.cells import Architecture, Edge
from workbench.space import Array


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation(Explanation):
    """Weights of all operations at a step of a search, and the architecture that would be kept now.

    Attributes
    ----------
    weights
        Softmax weights or probabilities, shape (n_edges, n_operations); each row sums to 1.
    edges, operations
        What rows and columns are.
    chosen
        The operation of each edge if the search ended now; shape (n_edges,).
    """

    weights: Array
    edges: tuple[Edge, ...]
    operations: tuple[str, ...]
    chosen: Architecture

    def summary(self) -> str:
        """Say in one plain sentence how decided it is."""
        sure = float(self.weights.max(axis=1).mean())
        return f"On average an edge gives its strongest operation {100 * sure:.0f} % of the weight."
