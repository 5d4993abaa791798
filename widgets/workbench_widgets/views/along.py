"""What the views along chosen parameters share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.events import Event
from workbench.seen import Replay
from workbench.trials import Trials
from workbench_widgets.view import FigureView, Selection


class AlongView(FigureView):
    """A picture along one parameter, or over two, with the choice beside it. A child draws, and says what ``content`` is.

    All is computed from events, on the pump's thread, and only while somebody looks.
    """

    hidden_s = None

    def __init__(self, trials: Trials | None = None, selection: Selection | None = None) -> None:
        self._along: tuple[str | None, str | None] = (None, None)
        self._replayed: Replay | None = None
        super().__init__(trials, selection)
        self.content = self._content()

    def along(self, x: str | None, y: str | None = None) -> None:
        """Choose the parameter along the axis; with ``y`` both of a map."""
        self._along = (x, y)
        self.touch()

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far."""
        self._replayed = None
        super().rewind(events)

    def show(self) -> None:
        """Send the picture, and what stands beside it."""
        super().show()
        self.content = self._content()

    @property
    def _replay(self) -> Replay:
        """The trials as an algorithm saw them, encoded once."""
        if self._replayed is None:
            self._replayed = Replay(self.trials)
        return self._replayed

    def _content(self) -> dict[str, Any]:
        raise NotImplementedError
