"""Hyperband: successive halving from several starting budgets (Li et al. 2018, Algorithm 1), and an order of our own.

``Hyperband`` runs the brackets s = s_max, …, 0 one after the other, and round again. How many configurations and steps each has
is told in ``brackets.py``; what happens inside one in ``halving.py``.

``EagerHyperband`` is ours. Of the steps of a round, Hyperband spends more than half (for s_max = 3: 324 and 270 of 1071) on its
two most cautious brackets, s = 0 and 1, as insurance against learning curves that cross. That insurance can be had for less:
the order s_max, s_max, s_max - 1, s_max, s_max, s_max - 1, s_max - 2 never trains from nothing to the end (s = 0), and repeats
the aggressive brackets, whose configurations, with a model that learns from all of them, are soon good.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import RunError
from workbench.fidelity import brackets
from workbench.fidelity.brackets import Bracket, Table
from workbench.fidelity.halving import Rounds

EAGER = (0, 0, 1, 0, 0, 1, 2)  # halvings fewer than s_max, bracket by bracket


@dataclass(frozen=True, slots=True)
class Hyperband(Rounds):
    """Successive halving from several starting budgets.

    Parameters
    ----------
    max_steps
        R: most steps of a configuration.
    min_steps
        Fewest; 1 in the paper.
    eta
        Of so many configurations one is promoted.
    table
        How many configurations begin in a bracket: by the paper's "formula" (81, 34, 15, 8, 5 for R = 81), or as in its
        "printed" table (81, 27, 9, 6, 5).
    """

    max_steps: int
    min_steps: int = 1
    eta: int = 3
    table: Table = "formula"

    def __post_init__(self) -> None:
        """Check the numbers."""
        brackets.check(self.max_steps, self.eta, self.min_steps)
        if self.table not in ("formula", "printed"):
            raise RunError(f'table must be "formula" or "printed", got {self.table!r}.')

    @property
    def brackets(self) -> tuple[Bracket, ...]:
        """The brackets of one round, in their order."""
        return brackets.hyperband(self.max_steps, self.eta, self.min_steps, self.table)


@dataclass(frozen=True, slots=True)
class EagerHyperband(Rounds):
    """Our order of Hyperband's brackets: aggressive ones first and again, none without halving.

    Parameters
    ----------
    max_steps, min_steps, eta
        As in ``Hyperband``.
    """

    max_steps: int
    min_steps: int = 1
    eta: int = 3

    def __post_init__(self) -> None:
        """Check the numbers."""
        brackets.check(self.max_steps, self.eta, self.min_steps)

    @property
    def brackets(self) -> tuple[Bracket, ...]:
        """The brackets of one round, in their order."""
        table = brackets.hyperband(self.max_steps, self.eta, self.min_steps)
        last = max(len(table) - 2, 0)  # s = 1
        return tuple(table[min(less, last)] for less in EAGER)
