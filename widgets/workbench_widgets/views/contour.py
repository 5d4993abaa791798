"""Live view: the loss over two parameters, results as marks on the map of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.events import Event
from workbench.plots import marks as m
from workbench.plots.contour import HEIGHT, Map, caption, contour, map_of, place
from workbench.plots.figure import empty
from workbench.search.surrogate_why import SurrogateExplanation
from workbench.space import Space
from workbench.trials import Trial, Trials
from workbench_widgets.view import Box, BoxView, Interval, Selection
from workbench_widgets.views.along import AlongView


class ContourView(AlongView, BoxView):
    """Results over any two parameters, and the map of the search's own model, or of one that is fitted to the results.

    A drag brushes the trials in a box, which stands for these two parameters when others are shown.
    """

    every_s = 0.1
    source = "contour"

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None) -> None:
        self._map: tuple[Any, Map | None] | None = None  # for what it was made, and the map
        self._shown: tuple[str, str] | None = None  # parameters of the newest box
        super().__init__(trials, selection)

    def drawn(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict, without boxes."""
        space, newest = self._space()
        if newest is None:
            return empty("The losses over two parameters. Press Start, or Step.", height=HEIGHT)
        if space is None:
            return empty("An Optuna objective makes its space as it goes. Declare the space (wb.Space) to see the map.",
                         height=HEIGHT)
        if len(space) < 2:
            return empty("A map needs two parameters; this space has fewer. The Model tab shows the one.", height=HEIGHT)
        x, y = self._axes(space)
        found = self._mapped(space, newest, x, y)
        return contour(self.trials, space, x, y, found, brushed=self.selection.brushed, selected=self.selection.trial)

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        self._map = None
        super().rewind(events)

    def brush(self, x: Interval | None, y: Interval | None = None, *, add: bool = False) -> None:
        """Select the trials between two bounds along the parameters that are shown now, in units of their ranges."""
        space, _ = self._space()
        self._shown = None if space is None or len(space) < 2 else self._axes(space)
        super().brush(x, y, add=add)

    def box(self, x: Interval | None, y: Interval | None) -> Box:
        """Make a box over the parameters that are shown now."""
        return Box(x, y, self._shown or ())

    def on_screen(self, box: Box) -> bool:
        """Whether a box is of the two parameters that are shown now."""
        space, _ = self._space()
        return space is not None and box.of == self._axes(space)

    def inside(self, box: Box) -> set[int]:
        """Return the trials whose marks lie in a box; one without a bounded parameter does not."""
        space, _ = self._space()
        if space is None or not all(name in space.params for name in box.of):
            return set()
        told = [t for k in list(self.trials.told) if (t := self.trials.by_number[k]).state != "interrupted"]
        return {t.number for t in told if box.has(*(place(space[name], t, name) for name in box.of))}

    def words_of(self, box: Box) -> str:
        """Say where a box lies."""
        space, _ = self._space()
        found = [(name, i) for name, i in zip(box.of, (box.x, box.y), strict=True) if i is not None]
        return ", ".join(f"{m.cut(name)} {_between(space, name, i)}" for name, i in found)

    def _content(self) -> dict[str, Any]:
        """Return what stands above the picture: the parameters, which are shown, and what the map drawn last is."""
        space, newest = self._space()
        if newest is None or space is None or len(space) < 2:
            return {"names": [], "x": None, "y": None, "words": ""}
        x, y = self._axes(space)
        found = None if self._map is None else self._map[1]
        n = sum(self.trials.by_number[k].state != "interrupted" for k in list(self.trials.told))
        both = sum(x in t.config and y in t.config for k in list(self.trials.told)
                   if (t := self.trials.by_number[k]).state != "interrupted")
        return {"names": list(space.names), "x": x, "y": y, "words": caption(found, both, n, several=self.trials.goals.several)}

    def _space(self) -> tuple[Space | None, Trial | None]:
        newest = next(reversed(list(self.trials.by_number.values())), None)
        if newest is None:
            return None, None
        return self._replay.space_of(newest.number), newest

    def _axes(self, space: Space) -> tuple[str, str]:
        """Return the chosen pair; else the first two parameters that are always there, numbers before choices."""
        always = [c for c in space.columns if not c.parents]
        order = [c.name for c in sorted(always, key=lambda c: c.kind == "choice")] + list(space.names)
        x, y = self._along
        x = x if x in space.params else order[0]
        y = y if y in space.params and y != x else next(name for name in order if name != x)
        assert x is not None
        assert y is not None
        return x, y

    def _mapped(self, space: Space, newest: Trial, x: str, y: str) -> Map | None:
        """Compute the map, once for what is known and the pair; of several losses there is none."""
        if self.trials.goals.several:
            self._map = None
            return None
        told = len(self.trials.told)
        key = (told, newest.number, id(space), x, y)
        if self._map is None or self._map[0] != key:
            guided = self._guided(space)
            results = self._replay.results(newest.number)
            seen = self._replay.history_before(guided.number) if guided is not None else results
            why = guided.why if guided is not None and isinstance(guided.why, SurrogateExplanation) else None
            self._map = key, map_of(seen, why, results, x, y)
        return self._map[1]

    def _guided(self, space: Space) -> Trial | None:
        """Return the newest trial that a surrogate chose in this space, if it is one of the last ones."""
        for t in reversed(list(self.trials.by_number.values())[-20:]):
            if isinstance(t.why, SurrogateExplanation) and self._replay.space_of(t.number) is space:
                return t
        return None


def _between(space: Space | None, name: str, interval: Interval) -> str:
    """Write two ends of a stretch of a parameter's axis in the parameter's own values."""
    if space is None or name not in space.params:
        return ""
    a, b = (space[name].from_unit(min(max(end, 0.0), 1.0)) for end in interval)
    low, high = (m.three(v) if isinstance(v, float) else m.cut(v, 14) for v in (a, b))
    return low if low == high else f"{low} – {high}"
