"""Live view: the race of the trials in one bracket, and the table of all brackets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.events import Event
from workbench.fates import Fates
from workbench.plots.brackets import few, name_of, order, race, table
from workbench.trials import Trials
from workbench_widgets.view import FigureView, Selection


class FatesView(FigureView):
    """A picture of what a scheduler makes of trials. ``fates``, if given, is folded by somebody else."""

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None, fates: Fates | None = None) -> None:
        self._own_fates = fates is None
        self.fates = Fates() if fates is None else fates
        super().__init__(trials, selection)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        events = list(events)
        if self._own_fates:
            self.fates.fold(events)
        super().fold(events)

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        if self._own_fates:
            self.fates.refold(events)
        super().rewind(events)


class BracketsView(FatesView):
    """One lane a trial of the present bracket, or of a chosen one, filling from rung to rung; losers are cut at their rung."""

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None, fates: Fates | None = None) -> None:
        self._chosen: int | None = None
        super().__init__(trials, selection, fates)
        self.content = self._content()

    def choose(self, bracket: int | None) -> None:
        """Show this bracket, counted from 0; None: follow the present one."""
        known = {*self.fates.brackets, *table(self.fates)["columns"]}
        self._chosen = bracket if bracket in known else None
        self.touch()

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        return race(self.trials, self.fates, self._chosen, self.selection.trial, self.selection.brushed)

    def show(self) -> None:
        """Send the picture, and what stands beside it."""
        super().show()
        self.content = self._content()

    def _content(self) -> dict[str, Any]:
        """Return the table, the menu of brackets, which is chosen and which is the present one."""
        t = table(self.fates, self._chosen)
        menu = sorted({*self.fates.brackets, *table(self.fates)["columns"]}) if self.fates.bracketed else []
        return {**t, "menu": [[k, name_of(self.fates, k)] for k in menu], "chosen": self._chosen, "present": self.fates.present}

    def _clicked(self, click: dict[str, Any]) -> None:
        """Pick the trial of the lane, wherever along it the click was."""
        if click.get("trial") is None and click.get("y") is not None:
            lanes = few(order(self.fates, self.fates.present if self._chosen is None else self._chosen))
            lane = round(float(click["y"]))
            if 1 <= lane <= len(lanes):
                click = {**click, "trial": lanes[lane - 1].trial}
        super()._clicked(click)
