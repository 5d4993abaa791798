"""What a saved notebook shows of a panel where there is no kernel: its last state, as a table and a picture.

What is displayed is kept in the notebook as it was when it was displayed: before the run. Changing that output afterwards makes
JupyterLab throw the panel's view away and make a new one, with its first tab in front. So the last state is an output of its own,
in front of the panel's: it is kept up to date under a display id while the run goes on, and the panel's view hides it while
there is one.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from html import escape
from threading import Lock
from typing import Any

from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.threads import spawn

EVERY_S = 30.0  # while it runs; when it pauses or ends at once
CALM_S = 0.6  # a thing that is said to rest, such as a recording that is played, must be left alone for so long
COLLAPSED_S = 3  # after it is shown: by then the panel hides it, if there is one


class LastState:
    """The last state of something that goes on.

    Parameters
    ----------
    html
        Makes the static form, safe markup; called on a thread of its own.
    live
        Of this figure a picture is put above it, drawn by the page, once the thing rests.

    Attributes
    ----------
    key
        By which the panel's view finds the output that it hides.
    """

    def __init__(self, html: Callable[[], str], live: LiveFigure | None = None) -> None:
        self._html, self._live = html, live
        self.key = f"wb-{secrets.token_hex(6)}"
        self._published = False
        self._seen: Any = None  # what the output shows
        self._pictured: Any = None  # of what a picture was asked for
        self._png = b""
        self._at = 0.0
        self._lock = Lock()

    def publish(self) -> bool:
        """Put the output into the cell that is executed; False where there is no notebook."""
        if _notebook() is None:
            return False
        _send(self.key, self._markup(), update=False)
        self._published = True
        return True

    def follow(self, moment: Any, *, rests: bool) -> None:
        """Bring the output up to date, if it is old: of another ``moment``, any value that changes with the thing.

        While the thing does not rest this is done now and then only. Cheap; the work is done by a thread.
        """
        if not self._published or (moment, rests) == self._seen or (not rests and time.monotonic() - self._at < EVERY_S):
            return
        self._seen, self._at = (moment, rests), time.monotonic()
        spawn(lambda: self._renew(moment, rests=rests), "last state")

    def _renew(self, moment: Any, *, rests: bool) -> None:
        if rests:
            time.sleep(CALM_S)
        with self._lock:
            if self._seen != (moment, rests):
                return
            if self._pictured != moment:
                self._png = b""  # of an earlier moment
            _send(self.key, self._markup(), update=True)
        if rests and self._live is not None and self._pictured != moment:
            self._pictured = moment
            self._live.ask_image(lambda png: self._picture(moment, png))

    def _picture(self, moment: Any, png: bytes) -> None:
        with self._lock:
            if self._pictured != moment:
                return
            self._png = png
            _send(self.key, self._markup(), update=True)

    def _markup(self) -> str:
        picture = ""
        if self._png and self._live is not None:
            data = base64.b64encode(self._png).decode()
            picture = f'<img alt="{escape(self._live.title(), quote=True)}" src="data:image/png;base64,{data}">'
        wait = f"<style>@keyframes wb-wait {{ from, to {{ max-height: 0 }} }}</style><div data-wb-last='{self.key}' " \
               f"style='overflow: hidden; animation: wb-wait {COLLAPSED_S}s'>"
        return f"{wait}{self._html()}{picture}</div>"


def _notebook() -> Any:
    """Return the shell, if its outputs go to a notebook."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


def _send(key: str, html: str, *, update: bool) -> None:
    data = {"text/html": html, "text/plain": "The last state; the panel needs a running kernel."}
    _notebook().display_pub.publish(data=data, metadata={}, transient={"display_id": key}, update=update)
