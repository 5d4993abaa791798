"""Live view: every trial a dot, and the best so far."""

from __future__ import annotations

from typing import Any

from workbench.plots.history import history
from workbench_widgets.view import FigureView


class HistoryView(FigureView):
    """Values of all trials in the order of their results, and the best so far."""

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return history(self.trials, self.selection.trial, self.selection.brushed)
