"""Live view: learning curves of iterative objectives."""

from __future__ import annotations

from typing import Any

from workbench.plots.curves import curves
from workbench_widgets.view import FigureView


class CurvesView(FigureView):
    """Losses step by step, coloured by what became of each trial."""

    every_s = 0.1

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return curves(self.trials, self.selection.trial, self.selection.brushed)
