"""A plotly figure that follows its data, cheap enough to redraw several times a second.

plotly's own FigureWidget carries 5 MB in every figure and paints every message, however late. Here plotly.js travels
once per page, only changed arrays are sent (as bytes), only what is visible is drawn, and always the newest state.
"""

from __future__ import annotations

import functools
import gzip
import html
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets as t

from workbench_widgets.threads import answer_at_once, spawn

HERE = Path(__file__).parent
PUSH_AGAIN_S = (1.5, 3.0, 6.0, 12.0)
_TAKEN = object()


@functools.cache
def plotly_js() -> bytes:
    """Plotly.js, gzipped, from the installed plotly package."""
    import plotly

    path = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return gzip.compress(path.read_bytes(), 6)


def _pack(a: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Array to bytes: single precision, unless whole numbers would suffer."""
    small = a.dtype.kind == "f" or a.size == 0 or np.abs(a).max() < 2**24
    a = np.ascontiguousarray(a, "f4" if small else "f8")
    return {"shape": list(a.shape), "dtype": "f4" if small else "f8", "data": a.tobytes()}


def _split(node: Any, path: str, arrays: dict[str, Any] | None) -> Any:
    """Copy ``node`` without its numeric arrays: these go to ``arrays`` by their path, or stay as lists if it is None."""
    if isinstance(node, dict):
        pairs = ((k, _split(v, f"{path}.{k}", arrays)) for k, v in node.items())
        return {k: v for k, v in pairs if v is not _TAKEN}
    if isinstance(node, (list, tuple)):
        return [_split(v, f"{path}.{i}", arrays) for i, v in enumerate(node)]
    if isinstance(node, np.generic):
        return node.item()
    if not isinstance(node, np.ndarray):
        return node
    if arrays is not None and node.dtype.kind in "fiu" and node.ndim in (1, 2):
        arrays[path] = node
        return _TAKEN
    return _jsonable(node)


def _jsonable(a: np.ndarray[Any, Any]) -> list[Any]:
    """Array to a list; nan and inf, which JSON lacks, become null."""
    if a.dtype.kind == "M":
        a = a.astype(str)
    elif a.dtype.kind == "f":
        finite = np.isfinite(a)
        a = a.astype(object)
        a[~finite] = None
    return list(a.tolist())


class LiveFigure(anywidget.AnyWidget):
    """A live plotly figure.

    Parameters
    ----------
    figure
        A dict with ``data`` (a list of traces, arrays as numpy arrays) and ``layout``; or a ``go.Figure``.
    on_shown
        Called, from any thread, when the figure comes on screen.
    link
        Figures of a page with the same link mark the trial that the pointer is on in any of them.

    Attributes
    ----------
    clicked
        The last click on a plot area: ``{"x", "y", "subplot", "n", "trial"}`` in data units; ``n`` counts clicks,
        ``trial`` is that of the mark under the pointer (see ``plots.whose``), or None. Observers may run on any thread.
    brushed
        The last drag over a picture that allows it; ``add`` tells of the shift key. Along one of the axes that
        ``layout.meta.brush`` lists: ``{"axis", "from", "to", "add", "n"}``, ``axis`` being the position in that list. Where
        ``layout.meta.box`` is true: ``{"x", "y", "add", "n"}``, two ends each, None for a direction without bounds; a drag too
        short for a box has neither.
    hovered
        Number of the trial under the pointer, or None.
    shown
        Whether the figure is on screen, as far as the page has told.
    """

    _esm = HERE / "live_figure.js"
    spec = t.Dict().tag(sync=True)  # traces without arrays, and the layout
    patch = t.Dict().tag(sync=True)  # arrays that changed with the last update; all of them in a full state
    sent = t.Float().tag(sync=True)  # Unix milliseconds of the last update
    link = t.Unicode().tag(sync=True)
    marked = t.Dict().tag(sync=True)  # trials to be marked without drawing anew
    clicked = t.Dict()  # not synced: the page only sends messages, so this side alone writes the widget's state
    brushed = t.Dict()
    hovered = t.Int(None, allow_none=True)
    _asked = 0  # images asked for, by any figure
    _pushed = False  # whether this kernel has sent the library to its page …
    _arrived = threading.Event()  # … and whether the page has said that it has it

    def __init__(self, figure: Any, *, on_shown: Callable[[], object] = lambda: None, **kwargs: Any) -> None:
        self._arrays: dict[str, Any] = {}
        self._figure = figure
        self._updating = threading.Lock()
        self.shown = False
        self._on_shown = on_shown
        self._takers: dict[int, Callable[[bytes], object]] = {}
        super().__init__(**self._changes(figure), **kwargs)
        self.on_msg(self._answer)
        answer_at_once(self)

    def _changes(self, figure: Any) -> dict[str, Any]:
        arrays: dict[str, Any] = {}
        traces = [tr if isinstance(tr, dict) else tr.to_plotly_json() for tr in figure["data"]]
        data = [_split(tr, str(i), arrays) for i, tr in enumerate(traces)]
        layout = figure["layout"]
        layout = layout if isinstance(layout, dict) else layout.to_plotly_json()
        layout = _split({k: v for k, v in layout.items() if k != "template"}, "", None)
        packed = {k: _pack(a) for k, a in arrays.items()}  # bytes, not references: arrays may be changed in place
        changed = {k: p for k, p in packed.items() if p != self._arrays.get(k)}
        self._arrays = packed
        return {"spec": {"data": data, "layout": layout, "arrays": list(arrays)}, "patch": changed,
                "sent": time.time() * 1e3}

    def update(self, figure: Any) -> bool:
        """Show this figure instead; only what changed is sent, and whether anything did is returned."""
        with self._updating:
            self._figure = figure
            new = self._changes(figure)
            other = new["spec"] != self.spec
            if not other and not new["patch"]:
                return False
            with self.hold_sync():
                if other:
                    self.spec = new["spec"]
                if new["patch"]:
                    self.patch = new["patch"]
                self.sent = new["sent"]
            return True

    def mark(self, hovered: int | None, pinned: int | None) -> None:
        """Mark these trials on top of the picture, which is not drawn anew."""
        marked = {k: v for k, v in (("hovered", hovered), ("pinned", pinned)) if v is not None}
        if marked != self.marked:
            self.marked = marked

    def figure(self) -> Any:
        """Return what is shown as a plain ``plotly.graph_objects.Figure``."""
        from workbench.plots.figure import figure

        return figure(self._figure)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Widget state; a full one, for a new or reloaded page, holds all arrays."""
        state = super().get_state(key, drop_defaults)
        if key is None:
            state["patch"] = self._arrays
        return state

    def ask_image(self, take: Callable[[bytes], object], *, width: int = 760) -> None:
        """Ask the page for the picture as PNG on white paper; ``take`` gets it, on any thread, if a page answers at all."""
        LiveFigure._asked += 1
        self._takers = {LiveFigure._asked: take}  # of several questions the newest is answered
        self.push_once()
        self.send({"type": "image", "id": LiveFigure._asked, "width": width})

    def _hand_out(self, asked: int, png: bytes) -> None:
        take = self._takers.pop(asked, None)
        if take is not None:
            take(png)

    def _answer(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        match content:
            case {"type": "need-plotly"}:
                self.push_library()
            case {"type": "has-plotly"}:
                LiveFigure._arrived.set()
            case {"type": "image", "id": int(asked)} if buffers:
                self._hand_out(asked, bytes(buffers[0]))
            case {"type": "clicked", "at": dict(at)}:
                self.clicked = {**at, "n": self.clicked.get("n", 0) + 1}
            case {"type": "brushed", "at": dict(at)}:
                self.brushed = {**at, "n": self.brushed.get("n", 0) + 1}
            case {"type": "hovered", "trial": int() | None as trial}:
                self.hovered = trial
            case {"type": "shown", "shown": bool(shown)}:
                self.shown = shown
                if shown:
                    self._on_shown()

    def push_library(self) -> None:
        """Send plotly.js to the page, as a message: it never becomes part of the widget's state."""
        LiveFigure._pushed = True
        self.send({"type": "plotly"}, [plotly_js()])

    def push_once(self) -> None:
        """Send plotly.js unless this kernel has: an unasked push does not wait for a busy cell, a question would.

        A page that is still loading this widget's code may miss it, so it is sent again until the page says thanks.
        """
        if not LiveFigure._pushed:
            self.push_library()
            spawn(self._insist, "plotly.js")

    def _insist(self) -> None:
        for wait_s in PUSH_AGAIN_S:
            if LiveFigure._arrived.wait(wait_s) or self.comm is None:
                return
            self.push_library()

    def title(self) -> str:
        """Return the figure's title, or "figure"."""
        return str((self.spec["layout"].get("title") or {}).get("text", "figure"))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.push_once()
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        words = f"<p><i>{html.escape(self.title())}: a live figure; run the notebook to see it.</i></p>"
        return {**(data or {}), "text/plain": f"LiveFigure({self.title()!r})", "text/html": words}, meta
