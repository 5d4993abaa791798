"""The panel of a run that takes steps: is it running, how far, what does it believe or has it learned, and what is that worth.

One widget draws the chrome; figures are its children. Only the pump's thread writes the widget's state; what the user does comes
back as messages, which wait in a queue until the pump carries them out. Any step can be looked at again, while it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from queue import SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import traitlets as t

from workbench.events import Event
from workbench.nas.code import architecture_code
from workbench.nas.relaxation import Relaxation
from workbench.step_run import MOVING, StepResults, StepRun
from workbench.steps import Steps
from workbench_widgets.assets import script, styles
from workbench_widgets.inbox import trouble, waiting
from workbench_widgets.last_state import LastState
from workbench_widgets.nas_words import discretised, facts, gap_of
from workbench_widgets.pump import pump
from workbench_widgets.threads import answer_at_once
from workbench_widgets.view import FigureView
from workbench_widgets.views.nas import (
    AreasView,
    CellView,
    GapView,
    GradientsView,
    HeatView,
    LearnedView,
    Moment,
    ProgressView,
    RankingView,
    SampledView,
    StepLog,
    StepView,
    TreeView,
    TruthView,
    tabs,
)

Message = dict[str, Any]
VIEWS: dict[str, type[StepView]] = {
    "learned": LearnedView, "heat": HeatView, "areas": AreasView, "gradients": GradientsView, "gap": GapView,
    "ranking": RankingView, "sampled": SampledView, "tree": TreeView, "progress": ProgressView, "truth": TruthView}
FILES = {"log": ("jsonl", "application/x-ndjson"), "code": ("py", "text/x-python"), "metrics": ("csv", "text/csv")}


class NasPanel(anywidget.AnyWidget):
    """Live panel of a search that takes steps, or of what learns in steps.

    Parameters
    ----------
    run
        The search to show and to control; or a recording, which can only be looked at.
    """

    _esm = script("run_chrome", "nas_panel")
    _css = styles("run_chrome", "nas_panel")
    head = t.Dict().tag(sync=True)  # the first lines: state, progress, numbers, times
    shown = t.Dict().tag(sync=True)  # the step that is looked at, and what stands beside the pictures
    lines: Any = t.List().tag(sync=True)
    said = t.Dict().tag(sync=True)  # the answer to the last command that could not be obeyed
    ack = t.Int().tag(sync=True)  # commands carried out
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)
    last_state = t.Unicode().tag(sync=True)  # by which the page finds the output that it hides while there is a panel

    def __init__(self, run: StepResults) -> None:
        self.run = run
        self._commands: SimpleQueue[Message] = SimpleQueue()
        first = run.log.since(0)
        self.steps = Steps(first)
        self.moment = Moment(self.steps, run.about, run.n_steps)
        self.cell = CellView(self.moment)
        self.figures: dict[str, FigureView] = {"cell": self.cell, **{name: view(self.moment) for name, view in VIEWS.items()}}
        self.log_view = StepLog(lambda lines: self._put(lines=lines), run.kind)
        self.log_view.fold(first)
        super().__init__(parts={name: view.live for name, view in self.figures.items()}, head=self._head(), shown=self._shown(),
                         lines=list(self.log_view.lines))
        first_tab = tabs(self.moment)[0][0]
        self._pictured = self.figures.get(first_tab, self.figures["progress"])  # what a saved notebook shows
        self._last_state = LastState(run._repr_html_, self._pictured.live)
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)
        pump.attach(self, run.log, cursor=len(first))

    # ---- what comes in ---------------------------------------------------------------------------------------------

    def command(self, message: Message) -> None:
        """Take a command of the front end; any thread. It is carried out by the pump."""
        self._commands.put(message)
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in what happened; who looks back at an earlier step goes on looking at it."""
        events = list(events)
        self.steps.fold(events)
        for view in (*self.figures.values(), self.log_view):
            view.fold(events)

    # ---- what goes out ---------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether something must still be drawn: a view, or the clock."""
        return self.run.state in MOVING or any(v.waits for v in (*self.figures.values(), self.log_view))

    @property
    def n_drawn(self) -> int:
        """How many of its figures on screen the last tick has changed."""
        return sum(v.n_drawn for v in self.figures.values())

    def draw(self) -> None:
        """Carry out commands, then bring the panel up to date. Called by the pump alone."""
        n = self._obey()
        with self.hold_sync():
            self._put(head=self._head(), shown=self._shown())
            self.log_view.draw()
            self.ack += n
        for view in self.figures.values():
            view.draw()
        self._last_state.follow((len(self.run.log), self.run.state), rests=self.run.state not in MOVING)

    def _put(self, **state: Any) -> None:
        """Write traits that differ."""
        for name, value in state.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def _head(self) -> dict[str, Any]:
        """Return the first lines; they are always of the present."""
        run, steps = self.run, self.steps
        eta = run.eta_s
        return {"state": run.state, "detail": run.detail, "name": run.name or "", "label": run.label, "kind": run.kind,
                "read_only": run.read_only, "where": facts(run.about, run.seed), "done": len(steps), "total": run.n_steps,
                "metrics": gap_of(steps.taken[-1].metrics, run.about) if len(steps) else [],
                "elapsed_s": int(run.elapsed_s), "eta_s": None if eta is None else round(eta)}

    def _shown(self) -> dict[str, Any]:
        """Return what stands beside the pictures, at the step that is looked at."""
        moment = self.moment
        why, chosen = moment.why, getattr(moment.why, "chosen", None)
        cells = moment.cells
        edges = getattr(why, "edges", () if cells is None or chosen is None else cells.edges)
        return {"tabs": [list(tab) for tab in tabs(moment)], "at": moment.place,
                "follows": moment.at is None, "total": len(self.steps),
                "why": "" if why is None else why.summary(), "discretised": self.cell.discretised,
                "kept": discretised(moment.metrics, why, self.moment.about) if chosen is not None else [],
                "relaxed": isinstance(why, Relaxation),
                "chosen": [[f"{i} → {j}", op] for (i, j), op in zip(edges, chosen or (), strict=True)],
                "code": self._code()}

    def _code(self) -> str:
        """Write what would be kept as code; empty if the search keeps no cell."""
        chosen, cells = getattr(self.moment.why, "chosen", None), self.moment.cells
        if chosen is None or cells is None:
            return ""
        return architecture_code(cells, chosen, self.moment.about, step=self.moment.place)

    # ---- what commands do ------------------------------------------------------------------------------------------

    def _obey(self) -> int:
        n = 0
        for message in waiting(self._commands):
            n += 1
            try:
                self._do(message)
                if self.said:
                    self.said = {}
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self.said = trouble(error)
        return n

    def _do(self, m: Message) -> None:
        run = self.run
        match m:
            case {"cmd": "start" | "pause" | "stop" as what} if isinstance(run, StepRun):
                getattr(run, what)()
            case {"cmd": "step"} if isinstance(run, StepRun):
                run.step(block=False)
            case {"cmd": "look", "at": int() | None as at}:
                self.look(at)
            case {"cmd": "discretise", "on": bool(on)}:
                self.cell.discretised = on
                self.cell.hasten()
            case {"cmd": "tab", "tab": str(tab)}:
                self.log_view.front = tab == "log"
                self.log_view.draw()
            case {"cmd": "get", "what": str(what), "to": str(to)} if what in FILES:
                self._give(what, to)
            case _:
                pass

    def look(self, at: int | None) -> None:
        """Look at what was known after so many steps; None, or the last one: at the present, and follow it."""
        total = len(self.steps)
        self.moment.at = None if at is None or at >= total else max(at, 0)
        for view in self.figures.values():
            view.hasten()

    def _give(self, what: str, to: str) -> None:
        """Send a file to the page."""
        suffix, mime = FILES[what]
        text = self.run.export() if what == "log" else self._code() if what == "code" else self.run.frame().to_csv()
        stem = self.run.name or self.run.kind
        self.send({"type": "file", "name": f"{stem}-{what}.{suffix}", "mime": mime, "to": to}, [text.encode()])

    # ---- the end, and places without a kernel ----------------------------------------------------------------------

    def close(self) -> None:
        """Take the panel and its parts away; the search goes on."""
        pump.detach(self)
        for part in self.parts.values():
            part.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self._pictured.live.push_once()
        apart = self._last_state.publish()
        if apart:
            self.last_state = self._last_state.key
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        if apart:
            return {**(data or {}), "text/plain": f"The panel of the {self.run.kind} needs a running kernel."}, meta
        return {**(data or {}), "text/plain": repr(self.run), "text/html": self.run._repr_html_()}, meta


def show(run: StepResults, **kwargs: Any) -> Any:
    """Return the mime bundle of the search's panel; the same panel is shown again if there is one."""
    return panel_of(run)._repr_mimebundle_(**kwargs)


def panel_of(run: StepResults) -> NasPanel:
    """Return the search's panel; a new one if it has none."""
    panel: NasPanel | None = getattr(run, "_panel", None)
    if panel is None or panel.comm is None:
        panel = run._panel = NasPanel(run)  # type: ignore[attr-defined]
    return panel
