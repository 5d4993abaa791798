"""Live view: which worker did what when, and how long it had nothing to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.events import Event
from workbench.plots.gantt import gantt
from workbench.timeline import Timeline
from workbench.trials import Trials
from workbench_widgets.view import FigureView, Selection


class GanttView(FigureView):
    """A row for each worker, bars of trials coloured by the steps that they lead to. A given ``timeline`` is folded elsewhere."""

    every_s = 0.2

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None,
                 timeline: Timeline | None = None) -> None:
        self._own_timeline = timeline is None
        self.timeline = Timeline() if timeline is None else timeline
        super().__init__(trials, selection)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        events = list(events)
        if self._own_timeline:
            self.timeline.fold(events)
        super().fold(events)

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        if self._own_timeline:
            self.timeline.refold(events)
        super().rewind(events)

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return gantt(self.timeline, self.selection.trial, trials=self.trials, brushed=self.selection.brushed)
