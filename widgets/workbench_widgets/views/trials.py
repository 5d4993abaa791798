"""Live view: the table of trials, sorted and in pages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from workbench.trials import Trial, Trials
from workbench_widgets.view import Paced, Selection
from workbench_widgets.words import first_line, number, short, value_of

PAGE = 100  # rows of one page


class TrialsView(Paced):
    """One row a trial. ``sink`` gets the present page as a dict of plain data."""

    every_s = 0.3

    def __init__(self, sink: Callable[[dict[str, Any]], object] = lambda _: None, trials: Trials | None = None,
                 selection: Selection | None = None) -> None:
        super().__init__(trials, selection)
        self._sink = sink
        self.front = False
        self._page, self._by, self._down = 0, "trial", True

    @property
    def seen(self) -> bool:
        """Whether it is on screen."""
        return self.front

    def turn_to(self, page: int) -> None:
        """Show another page."""
        self._page = max(0, page)
        self.touch()

    def sort_by(self, column: str) -> None:
        """Sort by a column; again: the other way round. Columns are named as in ``content``."""
        self._by, self._down = column, not self._down if self._by == column else column == "trial"
        self._page = 0
        self.touch()

    def show(self) -> None:
        """Hand the page out."""
        self._sink(self.content())

    def content(self) -> dict[str, Any]:
        """Return the page: ``names`` of the parameters, and ``rows``.

        A row holds number, state, value (or several), one text per parameter, seconds and the error's first line.
        """
        trials = list(self.trials.by_number.values())
        names = list(dict.fromkeys(k for tr in trials[:1] + trials[-500:] for k in tr.config))
        order = sorted(trials, key=self._key, reverse=self._down)
        known = [tr for tr in order if self._value(tr) is not None]
        order = known + [tr for tr in order if self._value(tr) is None]  # what has no value stands last, both ways
        pages = max(1, -(-len(order) // PAGE))
        page = min(self._page, pages - 1)
        top, brushed = self.trials.top, self.selection.brushed
        shown = order[page * PAGE:(page + 1) * PAGE]
        return {"names": names, "rows": [self._row(tr, names) for tr in shown],
                "faded": [] if brushed is None else [tr.number for tr in shown if tr.number not in brushed],
                "page": page, "pages": pages, "by": self._by, "down": self._down, "total": len(order),
                "best": [tr.number for tr in shown if tr.number in top],
                "value": ", ".join(self.trials.goals.labels) or "value", "picked": self.selection.trial,
                "pinned": self.selection.pinned}

    def _value(self, tr: Trial) -> Any:
        match self._by:
            case "trial":
                value: Any = tr.number
            case "value":
                value = self.trials.values(tr.losses)[0] if tr.losses else self.trials.value(tr.loss)  # by the first of several
            case "seconds":
                value = tr.seconds
            case "state":
                value = tr.state
            case "error":
                value = first_line(tr.error) or None
            case _:
                value = tr.config.get(self._by.removeprefix("param:"))
        return None if isinstance(value, float) and math.isnan(value) else value

    def _key(self, tr: Trial) -> Any:
        value = self._value(tr)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return 0, float(value), "", tr.number
        return 1, 0.0, str(value), tr.number

    def _row(self, tr: Trial, names: list[str]) -> list[Any]:
        return [tr.number, tr.state, value_of(self.trials, tr),
                *(short(tr.config[k]) if k in tr.config else "" for k in names),
                "" if tr.seconds is None else number(tr.seconds), first_line(tr.error)]
