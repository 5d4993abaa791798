"""Live view: whether few steps rank trials as many do."""

from __future__ import annotations

from typing import Any

from workbench.fates import Fates
from workbench.plots.fidelity_ranks import fidelity_ranks
from workbench.trials import Trials
from workbench_widgets.view import Selection
from workbench_widgets.views.brackets import FatesView


class FidelityRanksView(FatesView):
    """Rank correlations of the losses at each pair of budgets, and one pair as dots; a click on a cell chooses the pair."""

    every_s = 0.4

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None, fates: Fates | None = None) -> None:
        self._pair: tuple[int, int] | None = None
        super().__init__(trials, selection, fates)

    def choose(self, low: int | None, high: int | None = None) -> None:
        """Show the losses at these two budgets, in steps; None: at the two that are farthest apart."""
        budgets = self.fates.budgets
        known = low in budgets and high in budgets and low != high
        self._pair = (budgets.index(low), budgets.index(high)) if known and low is not None and high is not None else None
        self.touch()

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return fidelity_ranks(self.trials, self.fates.budgets, self._pair, self.selection.trial, self.selection.brushed)

    def _clicked(self, click: dict[str, Any]) -> None:
        super()._clicked(click)
        k = len(self.fates.budgets)
        if click.get("subplot") == "xy" and click.get("x") is not None and click.get("y") is not None:
            low, high = round(float(click["x"])), round(float(click["y"]))
            if 0 <= low < high < k:
                self.choose(self.fates.budgets[low], self.fates.budgets[high])
