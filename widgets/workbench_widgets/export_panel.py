"""The tab with all that can be taken out of a run: tables, code, pictures, the report, the fitted model.

The page asks by messages. What takes time is made by a thread of its own, one thing after the other, which leaves the result in
the panel's queue; only the pump's thread writes the widget's state. Files go to the page as bytes, so that they can be downloaded
where the kernel's disk is out of reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any, cast

import anywidget
import ipywidgets
import traitlets as t

from workbench import files
from workbench.automl.save_estimator import pack
from workbench.automl.tune import TuneRun
from workbench.errors import RunError, StorageError, WorkbenchError
from workbench.events import Event
from workbench.figures import KINDS, Told, drawn, kinds
from workbench.plots.figure import empty, figure
from workbench.results import Results
from workbench_widgets.assets import script, styles
from workbench_widgets.inbox import waiting, words
from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.pump import pump
from workbench_widgets.threads import answer_at_once, spawn

LINES, CHARACTERS = 60, 8000  # of a preview
EVERY_S = 2.0  # shortest time between two previews
NOT_FITTED = "Fitted on all the data when you copy, download or save it: that takes about as long as one trial."


@dataclass(frozen=True, slots=True)
class Thing:
    """What can be taken out: its name, what it is good for, the kinds of file, and the end of its file's name."""

    label: str
    says: str
    formats: tuple[str, ...]
    tail: str = ""


THINGS: dict[str, Thing] = {
    "csv": Thing("Table of trials", "One row a trial, for a spreadsheet or pandas.", ("csv",), "-trials"),
    "json": Thing("All results", "Settings, space, and every trial with its learning curve, as JSON.", ("json",)),
    "python": Thing("Python code", "The space, the best configuration and the search again, as code.", ("py",)),
    "figure": Thing("Picture", "Any view. PNG for slides, SVG for print, HTML to zoom and hover.", ("png", "svg", "html")),
    "report": Thing("Report", "One HTML page with the setting, all pictures, tables and code. It opens without a kernel and "
                              "without a network, and takes about 5 MB.", ("html",), "-report"),
    "estimator": Thing("Fitted model", "The best configuration, fitted on all the data. joblib is read with scikit-learn alone; "
                                       "skops loads known types only, which is safer.", ("joblib", "skops"), "-model"),
    "events": Thing("Recording", "All that happened, as JSON lines. wb.replay(file) shows the run again, moment by moment.",
                    ("jsonl",), "-events"),
}
TYPES = {"csv": "text/csv", "json": "application/json", "py": "text/x-python", "html": "text/html", "png": "image/png",
         "svg": "image/svg+xml", "jsonl": "application/jsonl"}
IN_PAGE = ("png", "svg")  # drawn by the page: no other program is needed
SHOWN_AS_TEXT = ("csv", "json", "python", "events")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    what: str
    format: str
    view: str


class ExportPanel(anywidget.AnyWidget):
    """All that can be taken out of a run.

    Parameters
    ----------
    run
        The run, or a recording of one.
    front
        Whether it is seen at once. False for a tab: nothing is made until the tab is first opened.
    """

    _esm = script("export_panel")
    _css = styles("export_panel")
    things: Any = t.List().tag(sync=True)
    shown = t.Dict().tag(sync=True)  # what is chosen, its preview, and which pictures there are
    busy = t.Dict().tag(sync=True)  # what is being made, since when
    said = t.Dict().tag(sync=True)  # what became of the last wish
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, run: Results, *, front: bool = True) -> None:
        self.run, self.front = run, front
        self.stem = files.file_stem(run.name)
        self.wish = Wish("csv", "csv", "progress")
        self.live = LiveFigure(empty("The picture will stand here."), on_shown=lambda: pump.ask(self))
        self._messages: SimpleQueue[tuple[dict[str, Any], list[bytes]]] = SimpleQueue()
        self._jobs: SimpleQueue[Callable[[], Callable[[], None]]] = SimpleQueue()
        self._made: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock, self._n_jobs = Lock(), 0
        self._previewed: tuple[Any, float] | None = None  # of which wish and how many events, and when
        self._told: tuple[int, Told] | None = None
        names = [k for k in THINGS if k != "estimator" or isinstance(run, TuneRun)]
        super().__init__(things=[self._entry(k) for k in names], parts={"preview": self.live}, shown=self._shown("", ""))
        self.on_msg(lambda _, message, buffers: self.command(message, [bytes(b) for b in buffers]))
        answer_at_once(self)
        pump.attach(self, run.log, cursor=len(run.log))

    def _entry(self, key: str) -> dict[str, Any]:
        thing = THINGS[key]
        return {"key": key, "label": thing.label, "says": thing.says, "formats": list(thing.formats)}

    # ---- what comes in -------------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Take a message of the page; any thread."""
        self._messages.put((message, list(buffers)))
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:
        """The run went on: the preview is old."""

    def rewind(self, events: Sequence[Event]) -> None:
        """Only the run as it is now can be taken out."""

    @property
    def waits(self) -> bool:
        """Whether the preview is old, or something is being made."""
        return self.front and self._stale() is not None

    @property
    def n_drawn(self) -> int:
        """How many of its figures the page may have to draw."""
        return int(self.live.shown)

    # ---- the pump's thread ---------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Carry out what was asked, show what was made, and renew the preview now and then."""
        for message, buffers in waiting(self._messages):
            try:
                self._obey(message, buffers)
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self._say(error=words(error))
        for show in waiting(self._made):
            show()
        wish = self._stale()
        if self.front and wish is not None:
            self._previewed = (wish, len(self.run.log)), time.monotonic()
            self._work("", lambda: self._preview(wish))

    def _stale(self) -> Wish | None:
        """Return what a preview must be made of, if the one on screen is of something else, or of an older moment."""
        if self._n_jobs:
            return None
        if self._previewed is None or self._previewed[0][0] != self.wish:
            return self.wish
        old = self._previewed[0][1] != len(self.run.log) and self.wish.what not in ("report", "estimator")
        return self.wish if old and time.monotonic() - self._previewed[1] > EVERY_S else None

    def _obey(self, m: dict[str, Any], buffers: list[bytes]) -> None:
        match m:
            case {"cmd": "choose", "what": str(what), "format": str(kind), "view": str(view)}:
                self.wish = self._checked(what, kind, view)
                self.said = {}
            case {"cmd": "get", "what": str(what), "format": str(kind), "view": str(view), "to": "copy" | "download" as to}:
                wish = self._checked(what, kind, view)
                self._work(self._doing(wish), lambda: self._sent(wish, to))
            case {"cmd": "save", "what": str(what), "format": str(kind), "view": str(view), "file": str(name)}:
                wish, replace = self._checked(what, kind, view), bool(m.get("replace"))
                path = self._path(name, replace=replace)
                if path is not None:
                    self._work(self._doing(wish), lambda: self._saved(wish, path, buffers[0] if buffers else None))
            case _:
                raise RunError(f"the export tab does not know the message {m!r}.")

    def _checked(self, what: str, kind: str, view: str) -> Wish:
        if what not in {entry["key"] for entry in self.things} or kind not in THINGS[what].formats or view not in KINDS:
            raise RunError(f"this run has no export {what!r} as {kind!r} of {view!r}.")
        return Wish(what, kind, view)

    def _doing(self, wish: Wish) -> str:
        return {"report": "Making the report", "estimator": "Fitting the model"}.get(wish.what, "Making the file")

    def _path(self, name: str, *, replace: bool) -> Path | None:
        """Return where a file shall be saved; None if there is one already, which is said."""
        if not name.strip() or name != name.strip():
            raise StorageError(f"a file needs a name without spaces around it, got {name!r}.")
        path = Path.cwd() / name
        if path.exists() and not path.is_dir() and not replace:
            self._say(exists=name)
            return None
        return path

    def _say(self, **words: Any) -> None:
        self.said = {**words, "at": time.time()}

    # ---- the thread that makes things ----------------------------------------------------------------------------------

    def _work(self, doing: str, job: Callable[[], Callable[[], None]]) -> None:
        """Let the worker do a job; what the job returns is done by the pump afterwards."""
        if doing:
            self.busy = {"doing": doing, "since": time.time()}
        self._jobs.put(job)
        with self._lock:
            self._n_jobs += 1
            if self._n_jobs > 1:
                return
        spawn(self._worker, "export")

    def _worker(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                after = job()
            except WorkbenchError as error:
                after = self._failed(str(error))
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it
                after = self._failed(f"{type(error).__name__}: {error}")
            self._made.put(after)
            with self._lock:
                self._n_jobs -= 1
                last = not self._n_jobs
                if last:
                    self._made.put(lambda: setattr(self, "busy", {}))
            pump.ask(self)
            if last:
                return

    def _failed(self, words: str) -> Callable[[], None]:
        return lambda: self._say(error=words)

    def _now(self) -> Told:
        """Return what the run has told so far, folded once for each moment."""
        events = self.run.log.since(0)
        if self._told is None or self._told[0] != len(events):
            self._told = len(events), Told(events)
        return self._told[1]

    def _shown(self, text: str, note: str, pictures: Sequence[str] = ()) -> dict[str, Any]:
        w = self.wish
        views = [[k, KINDS[k].title] for k in pictures] or [["progress", KINDS["progress"].title]]
        return {"what": w.what, "format": w.format, "view": w.view, "views": views, "text": text, "note": note, "stem": self.stem,
                "says": KINDS[w.view].says, "tails": {k: thing.tail for k, thing in THINGS.items()}}

    def _preview(self, wish: Wish) -> Callable[[], None]:
        told, text, note, picture = self._now(), "", "", None
        there = kinds(told)
        if wish.what in SHOWN_AS_TEXT:
            whole = self.run.export(cast("Any", wish.what))
            text = "\n".join(whole[:CHARACTERS].split("\n")[:LINES])
            size = files.size_text(len(whole.encode()))
            n, first = whole.count("\n"), text.count("\n") + 1
            note = f"The first {first} of {n} lines, {size}." if len(text) < len(whole) - 1 else f"All {n} lines, {size}."
        elif wish.what == "figure":
            why = KINDS[wish.view].missing(told)
            picture = empty(f"{why[:1].upper()}{why[1:]}.") if why else drawn(told, wish.view)
        elif wish.what == "estimator":
            text, note = self._model_text(), NOT_FITTED
        else:
            titles = ", ".join(KINDS[k].title.lower() for k in there)
            note = f"With {len(there)} pictures: {titles}." if there else "No trial yet."

        def show() -> None:
            if picture is not None:
                self.live.update(picture)
            if wish == self.wish:
                self.shown = self._shown(text, note, there)

        return show

    def _model_text(self) -> str:
        run = cast("TuneRun", self.run)
        if run.best is None:
            return ""
        pairs = "\n".join(f"  {k} = {v!r}" for k, v in run.best_params_.items())
        name = type(run.cross_validation.made(run.best_params_)).__name__
        return f"{name}, trial {run.best.number}: {run.cross_validation.loss} = {run.best.loss:.6g}\n{pairs}"

    def _content(self, wish: Wish) -> tuple[bytes, str]:
        """Make a file: its content, and for a model the code that loads it."""
        match wish.what:
            case "report":
                return self.run.report().html.encode("utf-8", "replace"), ""
            case "figure":
                made = figure(drawn(self._now(), wish.view))
                page = made.to_html(include_plotlyjs=True, config={"displaylogo": False, "plotlyServerURL": "",
                                                                   "modeBarButtonsToRemove": ["sendChartToCloud"]})
                return page.encode(), ""
            case "estimator":
                packed = pack(cast("TuneRun", self.run), cast("Any", wish.format))
                return packed.content, packed.code(f"{self.stem}-model.{wish.format}")
            case _:
                return self.run.export(cast("Any", wish.what)).encode("utf-8", "replace"), ""

    def _sent(self, wish: Wish, to: str) -> Callable[[], None]:
        content, code = self._content(wish)

        def send() -> None:
            if code and wish == self.wish:
                self.shown = {**self.shown, "text": code, "note": f"Fitted, {files.size_text(len(content))}. This code loads it."}
            kind = TYPES.get(wish.format, "application/octet-stream")
            if to == "copy" and code:
                self.send({"type": "file", "to": to, "mime": "text/plain"}, [code.encode()])
            else:
                self.send({"type": "file", "to": to, "mime": kind}, [content])

        return send

    def _saved(self, wish: Wish, path: Path, image: bytes | None) -> Callable[[], None]:
        code = ""
        if wish.what == "estimator":
            saved = cast("TuneRun", self.run).save_estimator(path, cast("Any", wish.format))
            path, code = saved.path, saved.code
        elif wish.format in IN_PAGE:
            if image is None:
                raise RunError(f"the page sent no picture to be saved as {path.name!r}. Show the picture first.")
            files.write(path, image)
        else:
            files.write(path, self._content(wish)[0])
        size = files.size_text(path.stat().st_size)
        beside = f" Beside it, {path.name}.json says what it is." if code else ""

        def say() -> None:
            if code and wish == self.wish:
                self.shown = {**self.shown, "text": code, "note": "This code loads it."}
            self._say(text=f"Saved {path}, {size}.{beside}")

        return say

    # ---- the end, and places without a kernel --------------------------------------------------------------------------

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.live.push_once()
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": f"ExportPanel({self.run!r})", "text/html": self.run._repr_html_()}, meta

    def close(self) -> None:
        """Take the panel and its picture away."""
        pump.detach(self)
        self.live.close()
        super().close()
