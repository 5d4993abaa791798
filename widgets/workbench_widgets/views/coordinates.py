"""Live view: every trial a line across its parameters; brushing an axis selects trials for all linked views."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.events import Event
from workbench.plots.axes import Axis
from workbench.plots.coordinates import HEIGHT, Brush, Interval, Table, coordinates, drawn_rows, said, snapped, table
from workbench.plots.figure import empty
from workbench.trials import Trials
from workbench_widgets.view import Brush as Brushed
from workbench_widgets.view import FigureView, Selection


class CoordinatesView(FigureView):
    """Parallel coordinates. A drag along an axis brushes; ``brush`` does the same without a pointer.

    The brush belongs to the view, the set of trials inside it to the selection; trials that end later join it.
    """

    every_s = 0.1
    source = "coordinates"

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None) -> None:
        self.brushes: dict[str, tuple[Interval, ...]] = {}
        self._made: tuple[Any, Table] | None = None
        self._mine: Brushed | None = None
        super().__init__(trials, selection)
        self.selection.listen(lambda _: self._heard())
        self.content = self._content()

    def brush(self, key: str, low: float, high: float, *, add: bool = False) -> None:
        """Select the trials whose coordinate on an axis lies in an interval; ``add`` keeps the axis's other intervals.

        ``key`` is ``"param:lr"`` or ``"value"``; a coordinate is a number, or the position of an option.
        """
        axis = next((a for a in self._table().axes if a.key == key), None)
        if axis is None or math.isnan(low) or math.isnan(high):
            return
        low, high = min(low, high), max(low, high)
        if axis.options is not None:
            low, high = low - 0.4, high + 0.4
        self._put(axis, (low, high), add=add)

    def lift(self, key: str | None = None) -> None:
        """Take the brush from an axis, or from all."""
        kept = {} if key is None else {k: v for k, v in self.brushes.items() if k != key}
        if kept != self.brushes:
            self.brushes = kept
            self._select()
            self.touch()

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        super().fold(events)
        if self.brushes:
            self._select()

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far. The brush stays, on the trials that there are."""
        super().rewind(events)
        if self.brushes:
            self._select()

    def show(self) -> None:
        """Send the picture, and what stands above it."""
        super().show()
        self.content = self._content()

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        if self.trials.started is None and not len(self.trials):
            return empty("Every trial will be a line across its parameters, to its loss.", height=HEIGHT)
        return coordinates(self.trials, self.brushes, self.selection.brushed, self.selection.trial, self._table())

    def _table(self) -> Table:
        """The trials as coordinates, made once for what is known."""
        trials = self.trials
        key = (len(trials.told), len(trials), id(trials.started))
        if self._made is None or self._made[0] != key:
            self._made = key, table(trials)
        return self._made[1]

    def _content(self) -> dict[str, Any]:
        """Return the axes for a drop-down, and in words what is brushed."""
        t = self._table()
        if not t.trials:
            return {"axes": [], "brush": [], "n": None, "words": ""}
        rows = drawn_rows(t, self.selection.brushed, self.selection.trial)
        brushed = self.selection.brushed
        return {"axes": [_entry(a) for a in t.axes], "brush": _chips(t.axes, self.brushes),
                "n": None if brushed is None else len(brushed),
                "words": said(t, rows, brushed)}

    def _dragged(self, drag: dict[str, Any]) -> None:
        """Answer a drag along an axis, or a short one that lifts its brush."""
        axes = self._table().axes
        j = int(drag["axis"])
        if 0 <= j < len(axes):
            self._put(axes[j], snapped(axes[j], float(drag["from"]), float(drag["to"])), add=bool(drag.get("add")))

    def _put(self, axis: Axis, interval: Interval, *, add: bool) -> None:
        before = self.brushes.get(axis.key, ()) if add else ()
        self.brushes = {**self.brushes, axis.key: (*before, interval)}
        self._select()
        self.touch()

    def _select(self) -> None:
        if not self.brushes:
            self.selection.brush(None, self.source)
            return
        t = self._table()
        self._mine = Brushed(t.numbers(t.inside(self.brushes)), ", ".join(text for _, text in _chips(t.axes, self.brushes)))
        self.selection.brush(self._mine.trials, self.source, self._mine.words)

    def _heard(self) -> None:
        if self.brushes and self.selection.brushes.get(self.source) != self._mine:  # somebody else lifted or replaced it
            self.brushes = {}


def _chips(axes: list[Axis], brushes: Brush) -> list[list[str]]:
    """Key of each brushed axis, and in words what is brushed on it."""
    known = {a.key: a for a in axes}
    return [[k, f"{known[k].label}: {' or '.join(_words(known[k], i) for i in intervals)}"]
            for k, intervals in brushes.items() if k in known]


def _entry(axis: Axis) -> dict[str, Any]:
    levels = [[k, str(o)] for k, o in enumerate(axis.options)] if axis.options is not None else \
        [[c, axis.text(c)] for c in axis.levels]
    return {"key": axis.key, "label": axis.label, "low": axis.low, "high": axis.high, "levels": levels}


def _words(axis: Axis, interval: Interval) -> str:
    low, high = interval
    if axis.options is not None:
        low, high = low + 0.4, high - 0.4
    a, b = axis.text(low), axis.text(high)
    return a if a == b else f"{a} – {b}"
