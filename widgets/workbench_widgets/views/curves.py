"""Live view: learning curves of iterative objectives."""

from __future__ import annotations

from typing import Any

from workbench.plots.curves import curves
from workbench_widgets.views.brackets import FatesView


class CurvesView(FatesView):
    """Losses step by step, coloured by what became of each trial. ``log_steps``: rungs of a scheduler at equal distances."""

    every_s = 0.1
    log_steps = False

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return curves(self.trials, self.selection.trial, self.selection.brushed, self.fates, log_steps=self.log_steps)

    def set_log(self, *, on: bool) -> None:
        """Draw steps on a log scale, or not."""
        self.log_steps = on
        self.touch()
