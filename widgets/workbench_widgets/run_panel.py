"""The panel that a run shows in a notebook cell: is it running, how far, how good, how long still, and why.

One widget draws the chrome; figures and the space editor are its children. Only the pump's thread writes the widget's
state; what the user does comes back as messages, which wait in a queue until the pump carries them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import anywidget
import ipywidgets
import traitlets as t

from workbench.events import Event
from workbench.fates import Fates
from workbench.fidelity import catalogue as schedulers
from workbench.fidelity.curve_stop import CurveStop
from workbench.looks import Looks
from workbench.recording import Recording
from workbench.reel import Course
from workbench.run import Run
from workbench.space import Space
from workbench.timeline import Timeline
from workbench.trials import Trials
from workbench_widgets import architecture_page
from workbench_widgets.assets import script, styles
from workbench_widgets.compare_panel import ComparePanel
from workbench_widgets.export_panel import ExportPanel
from workbench_widgets.family import Family
from workbench_widgets.importance_freeze import Take
from workbench_widgets.importance_panel import ImportancePanel
from workbench_widgets.last_state import LastState
from workbench_widgets.playhead import Playhead
from workbench_widgets.pump import pump
from workbench_widgets.replay_bar import ReplayBar
from workbench_widgets.run_panel_commands import Commands
from workbench_widgets.run_panel_foot import chips, foot
from workbench_widgets.run_panel_head import ACTIVE, Head
from workbench_widgets.run_panel_space import DrawnSpace
from workbench_widgets.run_panel_then import as_it_was
from workbench_widgets.space_editor import SpaceEditor
from workbench_widgets.threads import answer_at_once
from workbench_widgets.trial_page import TrialPage
from workbench_widgets.try_config import TryConfig
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
from workbench_widgets.what_if_fold import WhatIfFold


class Page(Protocol):
    """A tab that is a widget of its own. It folds and draws like a view; ``front``: its tab is open."""

    front: bool

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        ...

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later: these are all events so far. The panel's own states have gone back already."""
        ...

    def draw(self) -> None:
        """Carry out what was asked of it, and bring it up to date; called by the pump alone."""
        ...

    @property
    def waits(self) -> bool:
        """Whether there is something that still has to be drawn."""
        ...

    @property
    def n_drawn(self) -> int:
        """How many of its figures on screen the last tick has changed."""
        ...

    def close(self) -> None:
        """Take it away."""
        ...


class RunPanel(anywidget.AnyWidget):
    """Live panel of a run. Any moment of it can be looked at as it was, while the run goes on.

    Parameters
    ----------
    run
        The run to show and to control; or a recording, which can only be looked at.
    selection
        Which trial is looked at, picked and pinned, and which are brushed; given to several views it links them.
    """

    _esm = script("run_chrome", "run_panel", "run_panel_maps", "run_panel_fidelity")
    _css = styles("run_chrome", "run_panel")
    head = t.Dict().tag(sync=True)  # the first lines: state, progress, best, times, settings
    table = t.Dict().tag(sync=True)
    lines: Any = t.List().tag(sync=True)
    picked = t.Dict().tag(sync=True)  # the selected trial, else the best
    model = t.Dict().tag(sync=True)  # what stands beside the picture of the model
    coordinates = t.Dict().tag(sync=True)  # what stands above the parallel coordinates, and above the contour map
    contour = t.Dict().tag(sync=True)
    fidelity = t.Dict().tag(sync=True)  # of a run with a scheduler: what stands beside the race
    brush = t.Dict().tag(sync=True)  # chips of what is brushed, in whichever tab
    link = t.Unicode().tag(sync=True)  # what figures that share the selection have in common
    said = t.Dict().tag(sync=True)  # the answer to the last command that could not be obeyed
    ack = t.Int().tag(sync=True)  # commands carried out
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)
    last_state = t.Unicode().tag(sync=True)  # by which the page finds the output that it hides while there is a panel

    def __init__(self, run: Run | Recording, selection: Selection | None = None) -> None:
        self.run, self.selection = run, selection or Selection()
        self.trials = Trials(first := run.log.since(0))
        self.fates, self.timeline, self.course = Fates(first), Timeline(first), Course(first)
        self._expect()
        self._commands = Commands()
        shared = self.trials, self.selection
        self.model_view = ModelView(*shared)
        self.curves_view = CurvesView(*shared, self.fates)
        self.figures: dict[str, FigureView] = {"progress": HistoryView(*shared), "model": self.model_view,
                                               "curves": self.curves_view}
        self.coordinates_view = self.figures["coordinates"] = CoordinatesView(*shared)
        self.contour_view = self.figures["contour"] = ContourView(*shared)
        self.race_view: BracketsView | None = None
        self.ranks_view: FidelityRanksView | None = None
        self.looks_view: LooksView | None = None
        self.looks = Looks(first)
        if run.scheduler is not None:
            self.curves_view.set_log(on=True)
            self.race_view = self.figures["brackets"] = BracketsView(*shared, self.fates)
            self.figures["gantt"] = GanttView(*shared, self.timeline)
            self.ranks_view = self.figures["ranks"] = FidelityRanksView(*shared, self.fates)
        if isinstance(run.scheduler, CurveStop):
            self.figures["forecast"] = CurveForecastView(*shared, self.looks)
            self.looks_view = self.figures["looks"] = LooksView(*shared, self.looks)
        self.table_view = TrialsView(lambda page: self._put(table=page), *shared)
        self.log_view = LogView(lambda lines: self._put(lines=lines), *shared)
        self.log_view.fold(first)
        parts: dict[str, Any] = {name: view.live for name, view in self.figures.items()}
        self.editor: SpaceEditor | None = None
        self.drawn: DrawnSpace | None = None  # keeps the editor in step with the run
        if run.space is not None and not run.read_only:
            self.drawn = DrawnSpace(run, self.command, lambda: pump.ask(self))
            self.editor = parts["space"] = self.drawn.editor
        self.trial_page = TrialPage(run, self.trials, self.selection, self.fates, self.timeline)
        self.pages: dict[str, Page] = {"trial": self.trial_page, "compare": ComparePanel([run], front=False)}  # tabs by name
        of_cells = architecture_page.page_for(run, *shared)
        if of_cells is not None:
            self.pages["architecture"] = of_cells
        self.pages["export"] = ExportPanel(run, front=False)
        self.pages["importance"] = ImportancePanel(
            run, self.trials, self.selection, follows=lambda: self.playhead.follows, show_child=self._show_child,
            make=self._make_child if isinstance(run, Run) else None)
        parts |= self.pages
        recorded = isinstance(run, Recording)
        self.playhead = Playhead(run.log, len(first), self._take, self._rewind)
        self.replay_bar = parts["replay"] = ReplayBar(self.playhead, self.trials, self.timeline, self.course,
                                                      ask=lambda: pump.ask(self), moved=self._hasten, recorded=recorded)
        self.what_if_fold = parts["what_if"] = WhatIfFold(run, self.playhead, self.selection, ask=lambda: pump.ask(self))
        self.family: Family | None = None  # who its parent and its children are
        self.try_config: TryConfig | None = None  # a form for a configuration by hand
        if isinstance(run, Run):
            self.family = parts["family"] = Family(run, wish=self._wish, made=self._unwish, command=self.command)
        if isinstance(run, Run) and self.editor is not None:
            self.try_config = parts["try"] = TryConfig(run, self.trials, self.selection, ask=lambda: pump.ask(self))
        self.headline = Head(run, self.trials, self.fates, self.timeline, editable=self.editor is not None)
        super().__init__(parts=parts, head=self._head(), picked=foot(self.trials, self.selection),
                         table=self.table_view.content(), lines=list(self.log_view.lines),
                         model=self.model_view.content, fidelity=self._fidelity(),
                         coordinates=self.coordinates_view.content, contour=self.contour_view.content,
                         brush=chips(self.trials, self.selection, self.coordinates_view), link=self.selection.link)
        self._last_state = LastState(run._repr_html_, self.figures["progress"].live)
        self.table_view.touch()
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)
        self.selection.listen(lambda _: pump.ask(self))
        pump.attach(self, run.log, cursor=len(first))

    # ---- what comes in ---------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any]) -> None:
        """Take a command of the front end; any thread. It is carried out by the pump, but for a look, which draws nothing."""
        if message.get("cmd") == "hover":
            trial = message.get("trial")
            self.selection.hover(trial if isinstance(trial, int) else None, on_page=True)
            return
        self._commands.put(message)
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in what happened: now, or when the panel comes back from a moment that it looks back at."""
        self.playhead.hear(list(events))

    def _take(self, events: Sequence[Event]) -> None:
        for state in (self.trials, self.fates, self.timeline, self.looks, self.course):
            state.fold(events)
        for view in (self.table_view, self.log_view, *self._embedded):
            view.fold(events)

    def _rewind(self, events: Sequence[Event]) -> None:
        """Go back to when these events were all; what the user has chosen stays."""
        for state in (self.trials, self.fates, self.timeline, self.looks, self.course):
            state.refold(events)
        self._expect()
        for view in (self.table_view, self.log_view, *self._embedded):
            view.rewind(events)

    def _hasten(self) -> None:
        for view in (self.table_view, self.log_view, *self.figures.values()):
            view.hasten()

    def _expect(self) -> None:
        """Let the fates know the scheduler before the first event tells it."""
        if self.run.scheduler is not None:
            self.fates.expect(schedulers.to_json(self.run.scheduler) or {})

    # ---- what goes out ---------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether something must still be drawn: a view, or the clock."""
        views = (self.table_view, self.log_view, *self._embedded)
        return self.run.state in ACTIVE or self.replay_bar.waits or any(v.waits for v in views) or self._kin_wait

    @property
    def _kin_wait(self) -> bool:
        """Whether a child run has gone on since it was listed."""
        return self.family is not None and self.family.waits

    @property
    def n_drawn(self) -> int:
        """How many of its figures on screen the last tick has changed."""
        return sum(v.n_drawn for v in self._embedded) + self.what_if_fold.n_drawn

    @property
    def _embedded(self) -> list[FigureView | Page]:
        """Its children that draw themselves: figures, and tabs that are widgets of their own."""
        return [*self.figures.values(), *self.pages.values()]

    @property
    def _forms(self) -> list[ReplayBar | WhatIfFold | TryConfig | Family]:
        """Its children that carry out commands of their own before anything is drawn."""
        return [self.replay_bar, self.what_if_fold, *(form for form in (self.try_config, self.family) if form is not None)]

    def draw(self) -> None:
        """Carry out commands, then bring the panel up to date. Called by the pump alone."""
        n = self._commands.obey(self)
        for form in self._forms:
            form.obey()
        if self.drawn is not None:
            self.drawn.follow()
        with self.hold_sync():
            self._put(head=self._head(), picked=foot(self.trials, self.selection))
            self.table_view.draw()
            self.log_view.draw()
            self.ack += n
        for view in (*self._forms, *self._embedded):
            view.draw()
        self._last_state.follow((len(self.run.log), self.run.state), rests=self.run.state not in ACTIVE)
        self._put(model=self.model_view.content, coordinates=self.coordinates_view.content, contour=self.contour_view.content,
                  fidelity=self._fidelity(), brush=chips(self.trials, self.selection, self.coordinates_view))

    def _wish(self) -> Space | None:
        """Return the space that the user has drawn, if it needs a run of its own."""
        return None if self.drawn is None else self.drawn.wish

    def _unwish(self) -> None:
        """Show the run's own space in the editor: the drawn one has become a child's."""
        if self.drawn is not None:
            self.drawn.child_made()

    def _make_child(self, fixed: Mapping[str, Any], import_trials: Take) -> Run:
        assert self.family is not None
        return self.family.make(fixed, import_trials)

    def _show_child(self, k: int) -> None:
        assert self.family is not None
        self.family.show_child(k)

    def _put(self, **state: Any) -> None:
        """Write traits that differ."""
        for name, value in state.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def _head(self) -> dict[str, Any]:
        """Return the first lines: of the present, or of the moment that the panel looks back at."""
        now = self.headline.content()
        if isinstance(self.run, Recording):
            now["algorithm"] = self.run.label  # of one with settings of its own a log knows the name alone
        elif self.playhead.follows:
            return now
        return as_it_was(now, self.trials, self.fates, self.timeline, self.course)

    def _fidelity(self) -> dict[str, Any]:
        """Return what stands beside the race, and the budgets whose ranks can be compared; nothing without a scheduler."""
        if self.race_view is None:
            return {}
        return {**self.race_view.content, "budgets": list(self.fates.budgets), "log_steps": self.curves_view.log_steps,
                "looks": None if self.looks_view is None else self.looks_view.content}

    # ---- what commands do to it ------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Pick the trial so many places after the picked one, in the order of the trial's page."""
        self.trial_page.move(by)

    def bring_to_front(self, tab: str) -> None:
        """Take note of which tab is open."""
        fronts: dict[str, TrialsView | LogView | Page] = {"trials": self.table_view, "log": self.log_view, **self.pages}
        for name, view in fronts.items():
            view.front = name == tab
            view.draw()

    # ---- the end, and places without a kernel ----------------------------------------------------------------------

    def close(self) -> None:
        """Take the panel and its parts away; the run goes on."""
        pump.detach(self)
        for part in self.parts.values():
            part.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.figures["progress"].live.push_once()
        apart = self._last_state.publish()
        if apart:
            self.last_state = self._last_state.key
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        if apart:
            return {**(data or {}), "text/plain": "The panel of the run needs a running kernel."}, meta
        return {**(data or {}), "text/plain": repr(self.run), "text/html": self.run._repr_html_()}, meta


def show(run: Run | Recording, **kwargs: Any) -> Any:
    """Return the mime bundle of the run's panel; the same panel is shown again if there is one."""
    return panel_of(run)._repr_mimebundle_(**kwargs)


def panel_of(run: Run | Recording) -> RunPanel:
    """Return the run's panel; a new one if it has none."""
    panel: RunPanel | None = getattr(run, "_panel", None)
    if panel is None or panel.comm is None:
        panel = run._panel = RunPanel(run)  # type: ignore[union-attr]
    return panel
