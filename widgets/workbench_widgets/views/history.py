"""Live view: every trial a dot, and the best so far; of several losses, the Pareto set."""

from __future__ import annotations

from typing import Any

from workbench.plots import marks as m
from workbench.plots.front import front
from workbench.plots.history import history
from workbench.trials import Trial
from workbench_widgets.view import Box, BoxView, Interval


class HistoryView(BoxView):
    """Values of all trials in the order of their results, and the best so far; or several losses against each other.

    A drag brushes the trials in a box; a flat one those between two results, or between two values.
    """

    source = "progress"

    def drawn(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict, without boxes."""
        draw = front if self.trials.goals.several else history
        return draw(self.trials, self.selection.trial, self.selection.brushed)

    def inside(self, box: Box) -> set[int]:
        """Return the trials whose dots lie in a box; a trial without a value has no place between two values."""
        told = list(self.trials.told)
        return {k for place, k in enumerate(told, start=1) if box.has(*self._place(place, self.trials.by_number[k]))}

    def _place(self, place: int, t: Trial) -> tuple[float | None, float | None]:
        if not self.trials.goals.several:
            return place, self.trials.value(t.loss)
        values = self.trials.values(t.losses)[:2]
        return values if len(values) == 2 else (None, None)

    def words_of(self, box: Box) -> str:
        """Say where a box lies."""
        if self.trials.goals.several:
            return ", ".join(_between(label, i) for label, i in zip(self.trials.goals.labels, (box.x, box.y), strict=False) if i)
        results = "" if box.x is None else f"results {max(1, round(box.x[0] + 0.5))} – {max(1, int(box.x[1]))}"
        return ", ".join(filter(None, [results, _between("value" if self.trials.maximize else "loss", box.y) if box.y else ""]))


def _between(name: str, interval: Interval) -> str:
    return f"{name} {m.three(interval[0])} – {m.three(interval[1])}"
