"""The panel that a run shows in a notebook cell: is it running, how far, how good, how long still, and why.

One widget draws the chrome; figures and the space editor are its children. Only the pump's thread writes its traits;
what the user does comes back as messages and is carried out by the pump as well.
"""

from __future__ import annotations

import html
import math
import time
from collections.abc import Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import traitlets as t

from workbench.errors import WorkbenchError
from workbench.events import Event, Printed, RunFinished, StateChanged, TrialFinished
from workbench.history import Drawn
from workbench.plots import marks
from workbench.plots.curves import curves
from workbench.plots.figure import empty
from workbench.plots.history import history
from workbench.plots.model import model
from workbench.replay import Replay
from workbench.run import Run
from workbench.search import catalogue
from workbench.space import Space
from workbench.trials import Trial, Trials
from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.pump import pump
from workbench_widgets.space_editor import SpaceEditor
from workbench_widgets.view import Selection

HERE = Path(__file__).parent
PAGE = 100  # rows of one page of the table
LINES = 300  # lines of the log
HIDDEN_S = 1.0  # figures of tabs that are not in front are drawn once a second
MODEL_S = 0.4  # the model is computed at most this often


class RunPanel(anywidget.AnyWidget):  # type: ignore[misc]
    """Live panel of a run.

    Parameters
    ----------
    run
        The run to show and to control.
    selection
        Which trial is picked; given to several views it links them.
    """

    _esm = HERE / "run_panel.js"
    _css = HERE / "run_panel.css"
    head = t.Dict().tag(sync=True)
    table = t.Dict().tag(sync=True)
    lines = t.List().tag(sync=True)
    picked = t.Dict().tag(sync=True)
    model = t.Dict().tag(sync=True)  # which parameters the model is drawn along, and which there are
    said = t.Unicode().tag(sync=True)  # the last error of a command
    ack = t.Int().tag(sync=True)  # commands carried out
    tab = t.Unicode("progress").tag(sync=True)
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    ticks = True  # the clock goes on although nothing happens

    def __init__(self, run: Run, selection: Selection | None = None) -> None:
        self.run, self.selection = run, selection or Selection()
        self.trials = Trials()
        self._replay = Replay(self.trials)
        self._commands: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._log: list[str] = []
        self._changed = {"progress", "model", "curves", "trials", "log", "picked"}
        self._drawn_at: dict[str, float] = {}
        self._page, self._sort, self._pinned = 0, ("trial", False), False
        self._along: list[str | None] = [None, None]
        self._figures = {name: LiveFigure(empty("")) for name in ("progress", "model", "curves")}
        parts: dict[str, Any] = dict(self._figures)
        self.editor: SpaceEditor | None = None
        if run.space is not None:
            self.editor = SpaceEditor(run.space, editable=not run.read_only)
            self.editor.observe(lambda change: self._command({"cmd": "space", "space": change["new"]}), "space")
            parts["space"] = self.editor
        super().__init__(parts=parts)
        self.on_msg(lambda _, message, __: self._command(message))
        self.selection.listen(lambda _: self._touch("picked", "progress", "curves", "model"))
        self.fold(run.log.since(0))
        self._cursor_taken = True
        self.draw()
        pump.attach(self, run.log)

    # ---- what comes in -----------------------------------------------------------------------------------------

    def _command(self, message: dict[str, Any]) -> None:
        """Take a command of the front end; any thread."""
        self._commands.put(message)
        pump.ask(self)

    def _touch(self, *views: str) -> None:
        self._changed |= set(views)
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in what happened."""
        events = list(events)
        if getattr(self, "_cursor_taken", False):  # the pump begins at the log's first event again
            events = events[self._n_first:]
            self._cursor_taken = False
        else:
            self._n_first = len(events)
        self.trials.fold(events)
        for e in events:
            line = self._line(e)
            if line:
                self._log.append(line)
        self._log = self._log[-LINES:]
        if events:
            self._changed |= {"progress", "model", "curves", "trials", "log", "picked"}

    def _line(self, e: Event) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(e.time))
        match e:
            case Printed():
                return f"{clock} trial {e.trial} │ {e.text}"
            case TrialFinished(state="failed"):
                return f"{clock} trial {e.trial} failed: {first_line(e.error)}"
            case StateChanged() if e.detail:
                return f"{clock} {e.state}: {e.detail}"
            case RunFinished(error=str(error)):
                return f"{clock} {e.reason}: {error}"
        return ""

    # ---- what goes out -----------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Carry out commands, then bring the panel up to date. Called by the pump alone."""
        n = self._obey()
        head = self._head()
        with self.hold_sync():
            if head != self.head:
                self.head = head
            if "picked" in self._changed:
                self._changed.discard("picked")
                self.picked = self._picked()
            if self._due("trials", 0.3):
                self.table = self._table()
            if self._due("log", 0.3):
                self.lines = list(self._log)
            if n:
                self.ack += n
        self._draw_figures()

    def _due(self, name: str, every_s: float) -> bool:
        """Whether a changed view should be drawn now: often in front, once a second behind."""
        now = time.monotonic()
        wait = every_s if self.tab == name else HIDDEN_S
        ended = self.run.state not in ("running", "pausing", "stopping", "watching")
        if name not in self._changed or (now - self._drawn_at.get(name, -1e9) < wait and not ended):
            return False
        self._changed.discard(name)
        self._drawn_at[name] = now
        return True

    def _draw_figures(self) -> None:
        chosen = self.selection.trial
        if self._due("progress", 0.0):
            self._figures["progress"].update(history(self.trials, chosen))
        if self._due("curves", 0.2):
            self._figures["curves"].update(curves(self.trials, chosen))
        if self._due("model", MODEL_S):
            self._figures["model"].update(self._model())

    def _head(self) -> dict[str, Any]:
        run, trials = self.run, self.trials
        best = trials.best
        eta = run.eta_s
        return {
            "state": run.state, "detail": run.detail, "name": run.name or "", "where": run.where, "saved": run.saved,
            "read_only": run.read_only, "done": trials.n_done, "total": run.n_trials, "running": trials.n_running,
            "failed": trials.n_by_state.get("failed", 0), "pruned": trials.n_by_state.get("pruned", 0),
            "best": None if best is None else number(trials.value(best.loss)),
            "best_trial": None if best is None else best.number,
            "elapsed_s": round(run.elapsed_s), "eta_s": None if eta is None else round(eta),
            "algorithm": catalogue.label(run.algorithm) if run.algorithm is not None else "",
            "algorithms": list(catalogue.LABELLED) if run.space is not None else [],
            "workers": run.n_workers, "maximize": trials.maximize, "has_space": run.space is not None,
        }

    def _model(self) -> dict[str, Any]:
        number, why = self._explained()
        if number is None:
            self.model = {"names": [], "x": None, "y": None, "two": False}
            return empty("The model appears with the first suggestion. Press Start, or Step.", height=420)
        space = self._replay.space_of(number)
        if space is None:
            return empty("An Optuna objective makes its space as it goes; for a picture of the model, declare the "
                         "space.", height=420)
        names = list(space.names)
        if self._along[0] not in names:
            self._along = [self._first_parameter(space), None]
        x, y = self._along
        assert x is not None
        two = hasattr(why, "acquisition")
        self.model = {"names": names, "x": x, "y": y if two else None, "two": two, "trial": number}
        return model(self._replay.history_before(number), why, x, y if two else None, maximize=self.trials.maximize)

    def _first_parameter(self, space: Space) -> str:
        numeric = [c.name for c in space.columns if c.kind != "choice"]
        return (numeric or list(space.names))[0]

    def _explained(self) -> tuple[int | None, Any]:
        """The trial whose model is shown: the picked one, else the newest that a model chose."""
        trials = self.trials.by_number
        if self.selection.trial in trials and trials[self.selection.trial].why is not None:
            return self.selection.trial, trials[self.selection.trial].why
        newest = None
        for t in reversed(trials.values()):
            if t.why is not None and not isinstance(t.why, Drawn):
                return t.number, t.why
            newest = newest if newest is not None else t
        return (None, None) if newest is None else (newest.number, newest.why)

    def _table(self) -> dict[str, Any]:
        trials = list(self.trials.by_number.values())
        column, down = self._sort
        names = list(dict.fromkeys(k for tr in trials[-2000:] for k in tr.config))
        trials.sort(key=lambda tr: self._sort_key(tr, column), reverse=down)
        pages = max(1, -(-len(trials) // PAGE))
        self._page = min(self._page, pages - 1)
        rows = [self._row(tr, names) for tr in trials[self._page * PAGE:(self._page + 1) * PAGE]]
        return {"names": names, "rows": rows, "page": self._page, "pages": pages, "sort": column, "down": down,
                "total": len(trials)}

    def _sort_key(self, tr: Trial, column: str) -> Any:
        match column:
            case "trial":
                value: Any = tr.number
            case "value":
                value = self.trials.value(tr.loss)
            case "seconds":
                value = tr.seconds
            case "state":
                value = tr.state
            case _:
                value = tr.config.get(column)
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return missing, 0, float(value), ""
        return missing, 1, 0.0, str(value)

    def _row(self, tr: Trial, names: list[str]) -> list[Any]:
        return [tr.number, tr.state, "" if tr.loss is None else number(self.trials.value(tr.loss)),
                *(short(tr.config[k]) if k in tr.config else "" for k in names),
                "" if tr.seconds is None else f"{tr.seconds:.3g}", first_line(tr.error)]

    def _picked(self) -> dict[str, Any]:
        tr = self.trials.by_number.get(self.selection.trial if self.selection.trial is not None else -1)
        chosen = tr is not None
        tr = tr or self.trials.best
        if tr is None:
            return {}
        return {"trial": tr.number, "state": tr.state, "chosen": chosen, "pinned": chosen and self._pinned,
                "value": None if tr.loss is None else number(self.trials.value(tr.loss)),
                "config": [[k, short(v)] for k, v in tr.config.items()], "code": repr(tr.config),
                "why": "" if tr.why is None else tr.why.summary(), "error": tr.error or "",
                "first": first_line(tr.error), "printed": tr.printed[-20:]}

    # ---- commands ----------------------------------------------------------------------------------------------

    def _obey(self) -> int:
        n = 0
        while True:
            try:
                message = self._commands.get_nowait()
            except Empty:
                return n
            n += "cmd" in message and "space" not in message
            try:
                self.said = ""
                self._do(message)
            except WorkbenchError as error:
                self.said = str(error)

    def _do(self, m: dict[str, Any]) -> None:
        run = self.run
        match m.get("cmd"):
            case "start":
                run.start()
            case "pause":
                run.pause()
            case "step":
                run.step(block=False)
            case "stop":
                run.stop()
            case "n_trials" | "n_workers":
                run.configure(**{m["cmd"]: m["value"]})
            case "algorithm" if m.get("value") in catalogue.LABELLED:
                run.configure(algorithm=catalogue.LABELLED[m["value"]])
            case "space":
                run.configure(space=m["space"])
            case "pick":
                self._pick(m.get("trial"))
            case "move":
                self._move(int(m["by"]))
            case "pin":
                self._pinned = not self._pinned
                self._touch("picked")
            case "again":
                run.enqueue(self.trials.by_number[int(m["trial"])].config)
            case "along":
                self._along = [m.get("x"), m.get("y") or None]
                self._drawn_at.pop("model", None)
                self._touch("model")
            case "page":
                self._page = max(0, int(m["page"]))
                self._table_now()
            case "sort":
                self._sort = (str(m["by"]), self._sort == (str(m["by"]), False))
                self._page = 0
                self._table_now()
            case "tab":
                self.tab = str(m["tab"])
                self._drawn_at.pop(self.tab, None)

    def _table_now(self) -> None:
        self._drawn_at.pop("trials", None)
        self._touch("trials")

    def _pick(self, trial: int | None) -> None:
        if self._pinned and trial is None:
            return
        self.selection.pick(trial if trial in self.trials.by_number else None)

    def _move(self, by: int) -> None:
        numbers = list(self.trials.by_number)
        if not numbers:
            return
        now = self.selection.trial
        i = numbers.index(now) + by if now in numbers else (len(numbers) - 1 if by < 0 else 0)
        self.selection.pick(numbers[min(max(i, 0), len(numbers) - 1)])

    # ---- static ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take the panel and its parts away; the run goes on."""
        pump.detach(self)
        for part in self.parts.values():
            part.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self._figures["progress"].push_once()
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self.run), "text/html": self.run._repr_html_()}, meta


def number(value: float | None) -> str:
    """Write a value with three or four significant digits."""
    return "" if value is None else marks.three(value) if abs(value) < 1e5 else f"{value:.3g}"


def short(value: Any) -> str:
    """Write a parameter's value for a narrow place."""
    text = marks.three(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:37] + "…"


def first_line(error: str | None) -> str:
    """The line of a traceback that says what went wrong: its last."""
    lines = (error or "").strip().splitlines()
    return lines[-1][:200] if lines else ""


def show(run: Run, **kwargs: Any) -> Any:
    """Return the mime bundle of the run's panel; the same panel is shown again if there is one."""
    panel = getattr(run, "_panel", None)
    if panel is None or panel.comm is None:
        panel = run._panel = RunPanel(run)  # type: ignore[attr-defined]
    return panel._repr_mimebundle_(**kwargs)


__all__ = ["RunPanel", "html", "show"]
