"""A view folds events and draws; a selection ties views together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
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


class Selection:
    """Which trial is picked, and which trials are brushed; shared by linked views.

    Attributes
    ----------
    trial
        Number of the picked trial, or None.
    brushed
        Numbers of the brushed trials; None while there is no brush. Views fade the others.
    """

    def __init__(self) -> None:
        self.trial: int | None = None
        self.brushed: frozenset[int] | None = None
        self._listeners: list[Callable[[int | None], Any]] = []
        self._lock = threading.Lock()

    def pick(self, trial: int | None) -> None:
        """Pick a trial (None: no trial) and tell all listeners."""
        with self._lock:
            if trial == self.trial:
                return
            self.trial = trial
            listeners = list(self._listeners)
        for tell in listeners:
            tell(trial)

    def brush(self, trials: Iterable[int] | None) -> None:
        """Brush these trials (None: lift the brush) and tell all listeners."""
        brushed = None if trials is None else frozenset(trials)
        with self._lock:
            if brushed == self.brushed:
                return
            self.brushed = brushed
            listeners = list(self._listeners)
        for tell in listeners:
            tell(self.trial)

    def listen(self, tell: Callable[[int | None], Any]) -> None:
        """Call ``tell`` with the picked trial whenever the selection changes."""
        with self._lock:
            self._listeners.append(tell)


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
        self.live = LiveFigure(self.picture(), on_shown=lambda: pump.ask(self))
        self.live.observe(lambda change: self._clicked(change["new"]), "clicked")
        self._dirty = False

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
    def n_shown(self) -> int:
        """How many pictures of this view are on screen."""
        return int(self.live.shown)

    def show(self) -> None:
        """Send the picture."""
        self.live.update(self.picture())

    def _clicked(self, click: dict[str, Any]) -> None:
        if click.get("trial") is not None:
            self.selection.pick(int(click["trial"]))
