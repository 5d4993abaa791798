"""A view folds events and draws; a selection ties views together."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workbench.events import Event
from workbench.trials import Trials
from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.pump import pump

HIDDEN_S = 2.0  # a picture that nobody sees is brought up to date this often


class View(Protocol):
    """``fold`` takes events in (cheap bookkeeping), ``draw`` brings the screen up to date (once a tick).

    A view knows events, never runs or algorithms; so a saved log redraws the same picture. ``rewind`` goes back in time.
    """

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        ...

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far. Settings, such as the chosen parameter, stay."""
        ...

    def draw(self) -> None:
        """Show what was folded."""
        ...


@dataclass(frozen=True)
class Brush:
    """Trials that one view has brushed, and what a chip says of it."""

    trials: frozenset[int]
    words: str = ""


class Selection:
    """Which trial is looked at, picked and pinned, and which trials are brushed; shared by linked views.

    Hover is a look: it lasts while the pointer is there, and no picture is drawn anew for it. A click picks, until another
    click or Esc. A pinned trial is held beside the picked one, to compare the two. Several views may brush; what lies in
    all their brushes counts. Any thread may call any method.

    Attributes
    ----------
    trial, pinned, hovered
        Numbers of these trials, or None.
    hover_on_page
        Whether the page itself has shown who is hovered; else figures are told.
    brushes
        By the view that brushed: ``"coordinates"``, ``"progress"``, …; ``""`` for a brush set by code.
    link
        What figures of one page that share a selection have in common.
    """

    def __init__(self) -> None:
        self.trial: int | None = None
        self.pinned: int | None = None
        self.hovered: int | None = None
        self.hover_on_page = False
        self.brushes: dict[str, Brush] = {}
        self.link = secrets.token_hex(6)
        self._brushed: frozenset[int] | None = None
        self._listeners: list[Callable[[int | None], Any]] = []
        self._watchers: list[Callable[[int | None], Any]] = []
        self._lock = threading.RLock()

    @property
    def brushed(self) -> frozenset[int] | None:
        """Numbers of the trials in all brushes; None while there is no brush. Views fade the others."""
        return self._brushed

    def pick(self, trial: int | None) -> None:
        """Pick a trial (None: no trial) and tell all listeners."""
        self._set("trial", trial)

    def pin(self, trial: int | None) -> None:
        """Hold a trial (None: no trial) beside the picked one, and tell all listeners."""
        self._set("pinned", trial)

    def brush(self, trials: Iterable[int] | None, by: str = "", words: str = "") -> None:
        """Brush these trials (None: lift the brush, without ``by`` all brushes) and tell all listeners.

        Parameters
        ----------
        by
            Who brushes: each has one brush.
        words
            What a chip says of it.
        """
        with self._lock:
            if trials is None:
                kept = {k: b for k, b in self.brushes.items() if by and k != by}
            else:
                kept = {**self.brushes, by: Brush(frozenset(trials), words)}
            sets = [b.trials for b in kept.values()]
            self._brushed = frozenset.intersection(*sets) if sets else None
            self._set("brushes", kept)

    def _set(self, name: str, value: Any) -> None:
        with self._lock:
            if getattr(self, name) == value:
                return
            setattr(self, name, value)
            listeners = list(self._listeners)
        for tell in listeners:
            tell(self.trial)

    def hover(self, trial: int | None, *, on_page: bool = False) -> None:
        """Look at a trial (None: at none). ``on_page``: the page told, and has marked it everywhere already."""
        with self._lock:
            if trial == self.hovered and (on_page or not self.hover_on_page):
                return
            self.hovered, self.hover_on_page = trial, on_page
            watchers = list(self._watchers)
        for tell in watchers:
            tell(trial)

    def listen(self, tell: Callable[[int | None], Any]) -> None:
        """Call ``tell`` with the picked trial whenever the selection changes, the hovered trial left out."""
        with self._lock:
            self._listeners.append(tell)

    def watch(self, tell: Callable[[int | None], Any]) -> None:
        """Call ``tell`` with the hovered trial whenever another is looked at."""
        with self._lock:
            self._watchers.append(tell)


class Paced:
    """A view that draws when something changed, and not too often. A child says how: ``show``."""

    every_s = 0.0  # shortest time between two drawings while seen
    hidden_s: float | None = HIDDEN_S  # and while not seen; None: not at all

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None) -> None:
        self._own = trials is None
        self.trials = Trials() if trials is None else trials
        self.selection = selection or Selection()
        self.selection.listen(lambda _: self.touch())
        self._dirty = True
        self._drawn_at = -1e9

    @property
    def seen(self) -> bool:
        """Whether it is on screen."""
        return True

    def show(self) -> None:
        """Bring the screen up to date."""
        raise NotImplementedError

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        if self._own:
            self.trials.fold(events)
        self._dirty = True

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far. States that are shared have gone back already."""
        if self._own:
            self.trials.refold(events)
        self.hasten()

    def hasten(self) -> None:
        """Draw at the next tick, if it is on screen, however old the last drawing is."""
        self._dirty = True
        if self.seen:
            self._drawn_at = -1e9

    def touch(self) -> None:
        """Draw anew, although nothing happened: a setting or the selection changed. Any thread."""
        self._dirty, self._drawn_at = True, -1e9
        pump.ask(self)

    @property
    def waits(self) -> bool:
        """Whether there is something that still has to be drawn."""
        return self._dirty and (self.seen or self.hidden_s is not None)

    def draw(self) -> None:
        """Show the newest state, if it changed and the last drawing is old enough."""
        wait = self.every_s if self.seen else self.hidden_s
        began = time.monotonic()
        if not self._dirty or wait is None or began - self._drawn_at < wait:
            return
        self._dirty, self._drawn_at = False, began
        self.show()
        self._drawn_at += 3 * (time.monotonic() - began)  # what is costly is drawn less often


class FigureView(Paced):
    """A view that is one live picture. A child says what the picture is.

    Parameters
    ----------
    trials
        Trials that somebody else folds and several views share; without, the view keeps its own.
    selection
        The picked trial; a click on a mark picks one.
    """

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None) -> None:
        super().__init__(trials, selection)
        self.live = LiveFigure(self.picture(), on_shown=lambda: pump.ask(self), link=self.selection.link)
        self.live.observe(lambda change: self._clicked(change["new"]), "clicked")
        self.live.observe(lambda change: self._dragged(change["new"]), "brushed")
        self.live.observe(lambda change: self.selection.hover(change["new"], on_page=True), "hovered")
        self.selection.watch(lambda _: None if self.selection.hover_on_page else pump.ask(self))
        self._dirty = False
        self._n_drawn = 0

    def draw(self) -> None:
        """Mark who is looked at and who is pinned, which costs nothing; and show the newest state, if it is time."""
        chosen = self.selection
        self.live.mark(None if chosen.hover_on_page else chosen.hovered, chosen.pinned)
        self._n_drawn = 0
        super().draw()

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        raise NotImplementedError

    def figure(self) -> Any:
        """Return the picture as a ``plotly.graph_objects.Figure``."""
        from workbench.plots.figure import figure

        return figure(self.picture())

    @property
    def seen(self) -> bool:
        """Whether it is on screen."""
        return self.live.shown

    @property
    def n_drawn(self) -> int:
        """How many pictures on screen the last tick has changed."""
        return self._n_drawn

    def show(self) -> None:
        """Send the picture."""
        self._n_drawn = int(self.live.update(self.picture()) and self.live.shown)

    def _clicked(self, click: dict[str, Any]) -> None:
        if click.get("trial") is not None:
            self.selection.pick(int(click["trial"]))

    def _dragged(self, drag: dict[str, Any]) -> None:
        """Answer a drag over the picture; most pictures allow none."""


Interval = tuple[float, float]  # the lower end first


@dataclass(frozen=True)
class Box:
    """Bounds along two axes, in data units; None: without bounds."""

    x: Interval | None = None
    y: Interval | None = None
    of: tuple[str, ...] = ()  # what the axes show, where that can be chosen

    def has(self, x: float | None, y: float | None) -> bool:
        """Whether a point lies inside; one without a place on a bounded axis does not."""
        return _within(x, self.x) and _within(y, self.y)

    def shape(self) -> dict[str, Any]:
        """Return the box as one of plotly's shapes."""
        ends = {"x": self.x, "y": self.y}
        places = {f"{a}{k}": float(k) if i is None else i[k] for a, i in ends.items() for k in (0, 1)}
        refs = {f"{a}ref": f"{a} domain" if i is None else a for a, i in ends.items()}
        return {"type": "rect", **places, **refs, "fillcolor": "rgba(230,159,0,0.12)", "line": {"color": "#e69f00", "width": 1.5},
                "layer": "below"}


class BoxView(FigureView):
    """A picture on which a drag brushes the trials inside a box, or between two bounds; they stay brushed as trials come.

    A child says which trials lie in a box, and how it calls the two axes.
    """

    source = ""  # by which name it brushes

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None) -> None:
        self.boxes: tuple[Box, ...] = ()
        self._mine: Brush | None = None
        super().__init__(trials, selection)
        self.selection.listen(lambda _: self._heard())

    def drawn(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict, without boxes."""
        raise NotImplementedError

    def inside(self, box: Box) -> set[int]:
        """Return the numbers of the trials in a box."""
        raise NotImplementedError

    def words_of(self, box: Box) -> str:
        """Say where a box lies."""
        raise NotImplementedError

    def brush(self, x: Interval | None, y: Interval | None = None, *, add: bool = False) -> None:
        """Select the trials between two bounds along x, along y, or both; ``add`` keeps earlier boxes. Nothing: lift it."""
        ends = [None if i is None else (min(i), max(i)) for i in (x, y)]
        before = self.boxes if add else ()
        self.boxes = () if x is None and y is None else (*before, self.box(*ends))
        self._select()
        self.touch()

    def picture(self) -> dict[str, Any]:
        """Return what was folded as a plain plotly dict."""
        figure = self.drawn()
        layout = figure["layout"]
        if not figure["data"]:
            return figure
        shapes = [*layout.get("shapes", ()), *(box.shape() for box in self.boxes if self.on_screen(box))]
        return {**figure, "layout": {**layout, "dragmode": "select", "shapes": shapes,
                                     "meta": {**layout.get("meta", {}), "box": True}}}

    def box(self, x: Interval | None, y: Interval | None) -> Box:
        """Make a box on the axes that are shown now."""
        return Box(x, y)

    def on_screen(self, box: Box) -> bool:  # noqa: ARG002
        """Whether a box belongs to what is drawn now."""
        return True

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        super().fold(events)
        if self.boxes:
            self._select()

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        super().rewind(events)
        if self.boxes:
            self._select()

    def _dragged(self, drag: dict[str, Any]) -> None:
        self.brush(_interval(drag.get("x")), _interval(drag.get("y")), add=bool(drag.get("add")))

    def _select(self) -> None:
        if self.boxes:
            inside = frozenset[int]().union(*(self.inside(box) for box in self.boxes))
            self._mine = Brush(inside, " or ".join(self.words_of(box) for box in self.boxes))
            self.selection.brush(inside, self.source, self._mine.words)
        else:
            self.selection.brush(None, self.source)

    def _heard(self) -> None:
        if self.boxes and self.selection.brushes.get(self.source) != self._mine:  # somebody else lifted or replaced the brush
            self.boxes = ()


def _within(value: float | None, interval: Interval | None) -> bool:
    return interval is None or (value is not None and interval[0] <= value <= interval[1])


def _interval(ends: Any) -> Interval | None:
    return (float(ends[0]), float(ends[1])) if ends else None
