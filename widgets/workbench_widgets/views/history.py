"""Live view: every trial a dot, and the best so far; of several losses, the Pareto set."""

from __future__ import annotations

from typing import Any

from workbench.plots.front import front
from workbench.plots.history import history
from workbench_widgets.view import FigureView


class HistoryView(FigureView):
    """Values of all trials in the order of their results, and the best so far; or several losses against each other."""

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        draw = front if self.trials.goals.several else history
        return draw(self.trials, self.selection.trial, self.selection.brushed)
