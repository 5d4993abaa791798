"""The panel that a run shows in a notebook cell: is it running, how far, how good, how long still, and why.

One widget draws the chrome; figures and the space editor are its children. Only the pump's thread writes the widget's
state; what the user does comes back as messages, which wait in a queue until the pump carries them out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import traitlets as t

from workbench.errors import WorkbenchError
from workbench.events import Event, RunState
from workbench.fates import Fates
from workbench.fidelity import catalogue as schedulers
from workbench.fidelity.curve_stop import CurveStop
from workbench.looks import Looks
from workbench.run import Run
from workbench.search import catalogue
from workbench.search.recommend import Recommendation
from workbench.space import Space
from workbench.timeline import Timeline
from workbench.trials import Trial, Trials
from workbench_widgets.assets import script, styles
from workbench_widgets.pump import pump
from workbench_widgets.space_editor import SpaceEditor
from workbench_widgets.threads import answer_at_once
from workbench_widgets.view import FigureView, Selection
from workbench_widgets.views import (
    BracketsView,
    ContourView,
    CoordinatesView,
    CurveForecastView,
    CurvesView,
    FidelityRanksView,
    GanttView,
    HistoryView,
    LogView,
    LooksView,
    ModelView,
    TrialsView,
)
from workbench_widgets.words import first_line, number, short, value_of

ACTIVE: tuple[RunState, ...] = ("running", "pausing", "stopping", "watching")


class RunPanel(anywidget.AnyWidget):
    """Live panel of a run.

    Parameters
    ----------
    run
        The run to show and to control.
    selection
        Which trial is picked; given to several views it links them.
    """

    _esm = script("run_panel", "run_panel_maps", "run_panel_fidelity")
    _css = styles("run_panel")
    head = t.Dict().tag(sync=True)  # the first lines: state, progress, best, times, settings
    table = t.Dict().tag(sync=True)
    lines: Any = t.List().tag(sync=True)
    picked = t.Dict().tag(sync=True)  # the selected trial, else the best
    model = t.Dict().tag(sync=True)  # what stands beside the picture of the model
    coordinates = t.Dict().tag(sync=True)  # what stands above the parallel coordinates, and above the contour map
    contour = t.Dict().tag(sync=True)
    fidelity = t.Dict().tag(sync=True)  # of a run with a scheduler: what stands beside the race
    said = t.Dict().tag(sync=True)  # the answer to the last command that could not be obeyed
    ack = t.Int().tag(sync=True)  # commands carried out
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, run: Run, selection: Selection | None = None) -> None:
        self.run, self.selection = run, selection or Selection()
        self.trials = Trials(first := run.log.since(0))
        self.fates, self.timeline = Fates(first), Timeline(first)
        if run.scheduler is not None:
            self.fates.expect(schedulers.to_json(run.scheduler) or {})
        self._commands: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._pinned = False
        self._eta: tuple[float, float | None] = (-1e9, None)
        self._advised: tuple[Any, Recommendation] | None = None
        shared = self.trials, self.selection
        self._model = ModelView(*shared)
        self._curves = CurvesView(*shared, self.fates)
        self._figures: dict[str, FigureView] = {"progress": HistoryView(*shared), "model": self._model, "curves": self._curves}
        self._coordinates = self._figures["coordinates"] = CoordinatesView(*shared)
        self._contour = self._figures["contour"] = ContourView(*shared)
        self._race: BracketsView | None = None
        self._ranks: FidelityRanksView | None = None
        self._all_looks: LooksView | None = None
        self.looks = Looks(first)
        if run.scheduler is not None:
            self._curves.set_log(on=True)
            self._race = self._figures["brackets"] = BracketsView(*shared, self.fates)
            self._figures["gantt"] = GanttView(*shared, self.timeline)
            self._ranks = self._figures["ranks"] = FidelityRanksView(*shared, self.fates)
        if isinstance(run.scheduler, CurveStop):
            self._figures["forecast"] = CurveForecastView(*shared, self.looks)
            self._all_looks = self._figures["looks"] = LooksView(*shared, self.looks)
        self._table = TrialsView(lambda page: self._put(table=page), *shared)
        self._lines = LogView(lambda lines: self._put(lines=lines), *shared)
        self._lines.fold(first)
        self.views = [*self._figures.values(), self._table, self._lines]
        parts: dict[str, Any] = {name: view.live for name, view in self._figures.items()}
        self.editor: SpaceEditor | None = None
        self._space = run.space
        if run.space is not None and not run.read_only:
            self.editor = parts["space"] = SpaceEditor(run.space, locked=len(self.trials) > 0)
            self.editor.observe(lambda change: self.command({"cmd": "space", "space": change["new"]}), "space")
        super().__init__(parts=parts, head=self._head(), picked=self._picked(), table=self._table.content(),
                         lines=list(self._lines.lines), model=self._model.content, coordinates=self._coordinates.content,
                         contour=self._contour.content, fidelity=self._fidelity())
        self._table.touch()
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)
        self.selection.listen(lambda _: pump.ask(self))
        pump.attach(self, run.log, cursor=len(first))

    # ---- what comes in ---------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any]) -> None:
        """Take a command of the front end; any thread. It is carried out by the pump."""
        self._commands.put(message)
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in what happened."""
        events = list(events)
        for state in (self.trials, self.fates, self.timeline, self.looks):
            state.fold(events)
        for view in self.views:
            view.fold(events)

    # ---- what goes out ---------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether something must still be drawn: a view, or the clock."""
        return self.run.state in ACTIVE or any(v.waits for v in self.views)

    @property
    def n_shown(self) -> int:
        """How many of its figures are on screen."""
        return sum(v.n_shown for v in self._figures.values())

    def draw(self) -> None:
        """Carry out commands, then bring the panel up to date. Called by the pump alone."""
        n = self._obey()
        self._show_space()
        with self.hold_sync():
            self._put(head=self._head(), picked=self._picked())
            for view in (self._table, self._lines):
                view.draw()
            self.ack += n
        for figure in self._figures.values():
            figure.draw()
        self._put(model=self._model.content, coordinates=self._coordinates.content, contour=self._contour.content,
                  fidelity=self._fidelity())

    def _show_space(self) -> None:
        """Let the editor follow the run's space, where somebody else has changed it, and its freedom to change."""
        if self.editor is None:
            return
        space = self.run.space
        if space is not None and space is not self._space:
            self._space = space
            if space != self.editor.space:
                self.editor.space = space
        locked = len(self.trials) > 0
        if self.editor.locked != locked:
            self.editor.locked = locked

    def _put(self, **state: Any) -> None:
        """Write traits that differ."""
        for name, value in state.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def _head(self) -> dict[str, Any]:
        run, trials = self.run, self.trials
        best = trials.best
        waiting = run.n_waiting
        running = trials.n_running if run.scheduler is None else min(self.timeline.n_busy, trials.n_running - waiting)
        return {
            "state": run.state, "detail": run.detail, "name": run.name or "", "where": run.where, "saved": run.saved,
            "read_only": run.read_only, "done": trials.n_done, "total": run.n_trials, "running": running,
            "failed": trials.n_by_state.get("failed", 0), "pruned": trials.n_by_state.get("pruned", 0),
            "best": None if best is None else number(trials.value(best.loss)),
            "best_trial": None if best is None else best.number,
            "pareto": len(trials.pareto) if run.goals.several else None, "maximize": trials.maximize,
            "elapsed_s": int(run.elapsed_s), "eta_s": self._eta_s(), "algorithm": catalogue.label(run.algorithm),
            "algorithms": [] if self.editor is None or run.space is None else catalogue.offered(
                run.space, n_losses=len(run.goals), scheduled=run.scheduler is not None),
            "workers": run.n_workers, "n_parameters": 0 if run.space is None else len(run.space), "advice": self._advice(),
            "scheduler": schedulers.label(run.scheduler), "pausing": run.pausing, "waiting": waiting,
            "ready": max(trials.n_running - running - waiting, 0),
            "shelved": sum(f.shelved for f in self.fates.waiting) if waiting else 0,
        }

    def _fidelity(self) -> dict[str, Any]:
        """Return what stands beside the race, and the budgets whose ranks can be compared; nothing without a scheduler."""
        if self._race is None:
            return {}
        return {**self._race.content, "budgets": list(self.fates.budgets), "log_steps": self._curves.log_steps,
                "looks": None if self._all_looks is None else self._all_looks.content}

    def _advice(self) -> dict[str, str]:
        """Return what the chooser would take for this space and budget, and why."""
        run = self.run
        key = (run.space, run.n_trials)
        if self._advised is None or self._advised[0] != key:
            self._advised = key, run.recommendation
        chosen = self._advised[1]
        return {"label": chosen.label, "why": " ".join(chosen.reasons)}

    def _eta_s(self) -> int | None:
        now = time.monotonic()
        if now - self._eta[0] > 1.0 or self.run.state not in ACTIVE:
            self._eta = now, self.run.eta_s
        eta = self._eta[1]
        return None if eta is None else round(eta)

    def _picked(self) -> dict[str, Any]:
        tr = self.trials.by_number.get(-1 if self.selection.trial is None else self.selection.trial)
        chosen = tr is not None
        tr = tr or self.trials.best
        if tr is None:
            return {}
        return {"trial": tr.number, "state": tr.state, "chosen": chosen, "pinned": chosen and self._pinned,
                "value": value_of(self.trials, tr) or None,
                "config": [[k, short(v)] for k, v in tr.config.items()], "code": repr(tr.config), "why": _why(tr),
                "error": (tr.error or "")[-20_000:], "first": first_line(tr.error)}

    # ---- commands --------------------------------------------------------------------------------------------------

    def _obey(self) -> int:
        n = 0
        while True:
            try:
                message = self._commands.get_nowait()
            except Empty:
                return n
            n += "space" not in message
            try:
                self._do(message)
                self._put(said={})
            except WorkbenchError as error:
                self.said = {"text": str(error), "at": time.time()}
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self.said = {"text": f"{type(error).__name__}: {error}", "at": time.time()}

    def _do(self, m: dict[str, Any]) -> None:
        run = self.run
        match m:
            case {"cmd": "start"}:
                run.start()
            case {"cmd": "pause"}:
                run.pause()
            case {"cmd": "step"}:
                run.step(block=False)
            case {"cmd": "stop"}:
                run.stop()
            case {"cmd": "n_trials" | "n_workers" as what, "value": value}:
                run.configure(**{what: value})
            case {"cmd": "algorithm", "value": str(label)} if label in catalogue.LABELLED:
                run.configure(algorithm=catalogue.LABELLED[label])
            case {"cmd": "advice"} if self._advised is not None:
                run.configure(algorithm=self._advised[1].algorithm)
            case {"cmd": "space", "space": Space() as space}:
                run.configure(space=space)
            case {"cmd": "again", "trial": int(trial)}:
                run.enqueue(self.trials.by_number[trial].config)
            case _:
                self._look(m)

    def _look(self, m: dict[str, Any]) -> None:
        """Carry out what changes the view alone."""
        match m:
            case {"cmd": "pick", "trial": int(trial)}:
                self._pinned = False
                self.selection.pick(trial if trial in self.trials.by_number else None)
            case {"cmd": "pick"} if not self._pinned:
                self.selection.pick(None)
            case {"cmd": "move", "by": int(by)}:
                self._move(by)
            case {"cmd": "pin"}:
                self._pinned = not self._pinned
            case {"cmd": "along", "x": str(x)}:
                self._model.along(x, m.get("y") or None)
            case {"cmd": "contour", "x": str(x), "y": str(y)}:
                self._contour.along(x, y)
            case {"cmd": "bracket", "bracket": int() | None as bracket} if self._race is not None:
                self._race.choose(bracket)
            case {"cmd": "pair", "low": int() | None as low, "high": int() | None as high} if self._ranks is not None:
                self._ranks.choose(low, high)
            case {"cmd": "delta", "value": int() | float() | None as delta} if self._all_looks is not None:
                self._all_looks.choose(delta)
            case {"cmd": "log_steps", "on": bool(on)}:
                self._curves.set_log(on=on)
            case {"cmd": "brush", "axis": str(key), "from": int() | float() as low, "to": int() | float() as high}:
                self._coordinates.brush(key, low, high, add=bool(m.get("add")))
            case {"cmd": "lift"}:
                self._coordinates.lift(m.get("axis"))
            case {"cmd": "page", "page": int(page)}:
                self._table.turn_to(page)
            case {"cmd": "sort", "by": str(column)}:
                self._table.sort_by(column)
            case {"cmd": "tab", "tab": str(tab)}:
                for name, view in (("trials", self._table), ("log", self._lines)):
                    view.front = name == tab
                    view.draw()

    def _move(self, by: int) -> None:
        numbers = list(self.trials.by_number)
        if not numbers:
            return
        now = self.selection.trial
        i = numbers.index(now) + by if now in numbers else (len(numbers) - 1 if by < 0 else 0)
        self.selection.pick(numbers[min(max(i, 0), len(numbers) - 1)])

    # ---- the end, and places without a kernel ----------------------------------------------------------------------

    def close(self) -> None:
        """Take the panel and its parts away; the run goes on."""
        pump.detach(self)
        for part in self.parts.values():
            part.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self._figures["progress"].live.push_once()
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self.run), "text/html": self.run._repr_html_()}, meta


def _why(tr: Trial) -> str:
    return "" if tr.why is None else tr.why.summary()


def show(run: Run, **kwargs: Any) -> Any:
    """Return the mime bundle of the run's panel; the same panel is shown again if there is one."""
    panel = getattr(run, "_panel", None)
    if panel is None or panel.comm is None:
        panel = run._panel = RunPanel(run)  # type: ignore[attr-defined]
    return panel._repr_mimebundle_(**kwargs)
