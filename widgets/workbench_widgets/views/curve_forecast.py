"""Live views of a run that extrapolates its learning curves: one look, and all looks under another δ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.events import Event
from workbench.looks import Looks
from workbench.plots.curve_forecast import all_looks, finding, of_trial
from workbench.trials import Trials
from workbench_widgets.view import FigureView, Selection


class _OfLooks(FigureView):
    """A picture of looks. ``looks``, if given, is folded by somebody else."""

    every_s = 0.2

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None, looks: Looks | None = None) -> None:
        self._own_looks = looks is None
        self.looks = Looks() if looks is None else looks
        super().__init__(trials, selection)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        events = list(events)
        if self._own_looks:
            self.looks.fold(events)
        super().fold(events)

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        if self._own_looks:
            self.looks.refold(events)
        super().rewind(events)


class CurveForecastView(_OfLooks):
    """The picked trial's curve, or the newest one's, with the forecast of the last look at it."""

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return of_trial(self.trials, self.looks, self.selection.trial)


class LooksView(_OfLooks):
    """P at every look, and whom another δ would have stopped."""

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None, looks: Looks | None = None) -> None:
        self._chosen: float | None = None
        super().__init__(trials, selection, looks)
        self.content = self._content()

    @property
    def delta(self) -> float:
        """The chosen δ, or the run's own."""
        return self._chosen or self.looks.delta or 0.05

    def choose(self, delta: float | None) -> None:
        """Show what this δ would have done; None: the run's own."""
        self._chosen = delta if delta is not None and 0 < delta < 1 else None
        self.touch()

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return all_looks(self.looks, self.delta, self.selection.trial, trials=self.trials, brushed=self.selection.brushed)

    def show(self) -> None:
        """Send the picture, and the words beside it."""
        super().show()
        self.content = self._content()

    def _content(self) -> dict[str, Any]:
        n = len(self.looks)
        each = f" The {n} looks took {self.looks.spent_s:.1f} s." if n else ""
        return {"delta": self.delta, "own": self.looks.delta, "words": f"{finding(self.looks, self.delta)}.{each}"}
