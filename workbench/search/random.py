"""Random search (Bergstra & Bengio 2012): every configuration is drawn uniformly from the unit cube.

Differences from the paper: none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.history import Drawn, History, Suggestion


@dataclass(frozen=True, slots=True)
class Random:
    """Random search: uniform on each parameter's (log) scale, levels and options with equal chances."""

    several_losses: ClassVar[bool] = True  # losses play no part
    several_budgets: ClassVar[bool] = True

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Draw one point."""
        return Suggestion(history.space.sample_unit(1, rng)[0], Drawn("uniformly at random"))  # x ~ U([0, 1]^d)
