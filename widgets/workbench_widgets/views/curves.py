"""Live view: learning curves of iterative objectives."""

from __future__ import annotations

from typing import Any

from workbench.fates import Fates
from workbench.plots import marks as m
from workbench.plots.curves import curves
from workbench.trials import Trials
from workbench_widgets.view import Box, BoxView, Selection
from workbench_widgets.views.brackets import FatesView


class CurvesView(FatesView, BoxView):
    """Losses step by step, coloured by what became of each trial. ``log_steps``: rungs of a scheduler at equal distances.

    A drag brushes the trials whose curves pass through a box.
    """

    every_s = 0.1
    source = "curves"

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None, fates: Fates | None = None) -> None:
        self.log_steps = False
        super().__init__(trials, selection, fates)

    def drawn(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict, without boxes."""
        return curves(self.trials, self.chosen, self.selection.brushed, self.fates, log_steps=self.log_steps)

    @property
    def chosen(self) -> int | None:
        """The trial whose curve stands out."""
        return self.selection.trial

    def inside(self, box: Box) -> set[int]:
        """Return the trials with a point of their curve in a box."""
        trials = self.trials
        return {t.number for t in list(trials.by_number.values())
                if any(box.has(step, trials.value(loss)) for step, loss in list(t.curve))}

    def words_of(self, box: Box) -> str:
        """Say where a box lies."""
        steps = "" if box.x is None else f"steps {m.three(box.x[0])} – {m.three(box.x[1])}"
        word = "value" if self.trials.maximize else "loss"
        values = "" if box.y is None else f"{word} {m.three(box.y[0])} – {m.three(box.y[1])}"
        return f"curves through {', '.join(filter(None, [steps, values]))}"

    def set_log(self, *, on: bool) -> None:
        """Draw steps on a log scale, or not."""
        self.log_steps = on
        self.touch()
