"""A trial's page: configuration beside the best, curve among the others, why it was tried, what it printed, neighbours.

The page shows the picked trial, or the best while none is picked; of several losses the newest.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import traitlets as t

from workbench.events import Event
from workbench.fates import Fates
from workbench.history import Drawn
from workbench.plots.coordinates import Table
from workbench.recording import Recording
from workbench.run import Run
from workbench.timeline import Timeline
from workbench.trials import Trial, Trials
from workbench_widgets import trial_facts
from workbench_widgets.assets import script, styles
from workbench_widgets.inbox import trouble, waiting
from workbench_widgets.pump import pump
from workbench_widgets.threads import answer_at_once
from workbench_widgets.view import FigureView, Paced, Selection
from workbench_widgets.views import CurvesView, ModelView
from workbench_widgets.words import first_line, short, value_of

LINES = 300  # of what a trial printed
ERROR = 20_000  # characters of a traceback
ORDERS = {"number": "number", "value": "value, the best first"}


class _ModelThen(ModelView):
    """The model that chose the trial of the page, as it was then."""

    def __init__(self, of: Callable[[], Trial | None], trials: Trials, selection: Selection) -> None:
        self._of = of
        super().__init__(trials, selection)

    def _trial(self) -> Trial | None:
        return self._of()


class _CurveAmong(CurvesView):
    """The curve of the trial of the page among the others."""

    source = "page"

    def __init__(self, of: Callable[[], Trial | None], trials: Trials, selection: Selection, fates: Fates) -> None:
        self._of = of
        super().__init__(trials, selection, fates)

    @property
    def chosen(self) -> int | None:
        """The trial whose curve stands out."""
        shown = self._of()
        return None if shown is None else shown.number


class _Paper(Paced):
    """What stands on the page, brought up to date while its tab is open."""

    every_s = 0.3
    hidden_s = None

    def __init__(self, write: Callable[[], None], trials: Trials, selection: Selection) -> None:
        super().__init__(trials, selection)
        self.front = False
        self._write = write

    @property
    def seen(self) -> bool:
        """Whether it is on screen."""
        return self.front

    def show(self) -> None:
        """Write it."""
        self._write()


class TrialPage(anywidget.AnyWidget):
    """The page of one trial, a tab of the run panel. Trials, fates and timeline are folded by the panel.

    Attributes
    ----------
    order
        In which order the trials are walked through: ``"number"`` or ``"value"``, the best first.
    """

    _esm = script("trial_page")
    _css = styles("trial_page")
    page = t.Dict().tag(sync=True)
    said = t.Dict().tag(sync=True)  # the answer to the last command that could not be obeyed
    link = t.Unicode().tag(sync=True)
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, run: Run | Recording, trials: Trials, selection: Selection, fates: Fates, timeline: Timeline) -> None:
        self.run, self.trials, self.selection, self.fates, self.timeline = run, trials, selection, fates, timeline
        self.order = "number"
        self._paper = _Paper(self._show, trials, selection)
        self._commands: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._table: tuple[Any, Table] | None = None
        self.figures: dict[str, FigureView] = {"curve": _CurveAmong(self.shown, trials, selection, fates),
                                               "model": _ModelThen(self.shown, trials, selection)}
        super().__init__(page=self.content(), link=selection.link,
                         parts={name: view.live for name, view in self.figures.items()})
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)

    # ---- which trial -------------------------------------------------------------------------------------------------

    def shown(self) -> Trial | None:
        """Return the trial of the page."""
        trials = self.trials
        picked = trials.by_number.get(-1 if self.selection.trial is None else self.selection.trial)
        if picked is not None or not trials.goals.several:
            return picked or trials.best
        return next(reversed(list(trials.by_number.values())), None)

    def _beside(self, shown: Trial) -> tuple[str, Trial] | None:
        """Return whom the trial is compared with, and his title: the pinned trial, else the best."""
        pinned = self.trials.by_number.get(-1 if self.selection.pinned is None else self.selection.pinned)
        if pinned is not None and pinned is not shown:
            return "pinned", pinned
        best = self.trials.best
        return None if best is None or best is shown else ("best", best)

    def numbers(self) -> list[int]:
        """Return the trials in the page's order."""
        every = list(self.trials.by_number.values())
        if self.order == "value":
            every.sort(key=self._by_value)
        return [tr.number for tr in every]

    def _by_value(self, tr: Trial) -> tuple[bool, float, int]:
        loss = tr.losses[0] if tr.losses else tr.loss
        known = loss is not None and not math.isnan(loss)
        return not known or tr.state != "complete", loss if known and loss is not None else math.inf, tr.number

    def move(self, by: int) -> None:
        """Pick the trial so many places after the shown one; from none, the first or the last."""
        numbers = self.numbers()
        if not numbers:
            return
        now = self.selection.trial
        i = numbers.index(now) + by if now in self.trials.by_number else (len(numbers) - 1 if by < 0 else 0)
        self.selection.pick(numbers[min(max(i, 0), len(numbers) - 1)])

    # ---- what comes in -------------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any]) -> None:
        """Take a command of the front end; any thread. It is carried out by the pump."""
        if message.get("cmd") == "hover":
            self.selection.hover(message.get("trial") if isinstance(message.get("trial"), int) else None, on_page=True)
            return
        self._commands.put(message)
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:
        """Take note that something happened; the panel folds."""
        events = list(events)
        for view in (self._paper, *self.figures.values()):
            view.fold(events)

    def rewind(self, events: Sequence[Event]) -> None:
        """Forget what came later; the panel's states have gone back."""
        self._table = None
        for view in (self._paper, *self.figures.values()):
            view.rewind(events)

    # ---- what goes out -------------------------------------------------------------------------------------------------

    @property
    def front(self) -> bool:
        """Whether its tab is open."""
        return self._paper.front

    @front.setter
    def front(self, front: bool) -> None:
        self._paper.front = front

    @property
    def waits(self) -> bool:
        """Whether something must still be drawn."""
        return not self._commands.empty() or any(v.waits for v in (self._paper, *self.figures.values()))

    @property
    def n_drawn(self) -> int:
        """How many of its figures on screen the last tick has changed."""
        return sum(v.n_drawn for v in self.figures.values())

    def draw(self) -> None:
        """Carry out commands, then bring the page up to date."""
        self._obey()
        for view in (self._paper, *self.figures.values()):
            view.draw()

    def _show(self) -> None:
        page = self.content()
        if page != self.page:
            self.page = page

    def content(self) -> dict[str, Any]:
        """Return what stands on the page as plain data; empty before there is a trial."""
        tr = self.shown()
        if tr is None:
            return {}
        trials, chosen = self.trials, self.selection.trial == tr.number
        table = self._coordinates()
        numbers = self.numbers()
        beside = self._beside(tr)
        clock = time.strftime("%H:%M:%S", time.localtime(tr.started)) if tr.started else ""
        why = tr.why.summary() if tr.why is not None else ""
        return {
            "trial": tr.number, "state": tr.state, "chosen": chosen, "value": value_of(trials, tr),
            "rank": trial_facts.rank(trials, tr), "is_best": tr.number in trials.top, "several": trials.goals.several,
            "pinned": self.selection.pinned == tr.number, "read_only": self.run.read_only,
            "facts": trial_facts.facts(tr, self.fates, self.timeline, clock),
            "rows": trial_facts.rows(tr, None if beside is None else beside[1], table.axes),
            "fixed": [[k, short(v)] for k, v in tr.fixed.items()], "origin": tr.origin,
            "beside": None if beside is None else {
                "trial": beside[1].number, "title": beside[0], "value": value_of(trials, beside[1])},
            "curve": bool(tr.curve) and not trials.goals.several,
            "why": why, "model": tr.why is not None and not isinstance(tr.why, Drawn),
            "lines": tr.printed[-LINES:], "cut": max(0, len(tr.printed) - LINES),
            "first": first_line(tr.error), "error": (tr.error or "")[-ERROR:],
            "near": trial_facts.near(trials, tr, table),
            "copies": {"dict": repr(tr.whole_config), "JSON": _json(tr.whole_config), "code": self._code(tr)},
            "order": self.order, "orders": [[k, v] for k, v in ORDERS.items()],
            "place": numbers.index(tr.number) + 1, "total": len(numbers),
        }

    def _coordinates(self) -> Table:
        """The trials as coordinates, made once for what is known."""
        from workbench.plots.coordinates import table

        trials = self.trials
        key = (len(trials.told), len(trials), id(trials.started))
        if self._table is None or self._table[0] != key:
            self._table = key, table(trials)
        return self._table[1]

    def _code(self, tr: Trial) -> str:
        value = value_of(self.trials, tr)
        of = f" of run {self.run.name!r}" if self.run.name else ""
        return f"# trial {tr.number}{of}{f': {value}' if value else ''}\nconfig = {_lines(tr.whole_config)}\n"

    # ---- commands --------------------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        for message in waiting(self._commands):
            try:
                self._do(message)
                if self.said:
                    self.said = {}
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self.said = trouble(error)

    def _do(self, m: dict[str, Any]) -> None:
        known = self.trials.by_number
        match m:
            case {"cmd": "move", "by": int(by)}:
                self.move(by)
            case {"cmd": "pick", "trial": int(trial)} if trial in known:
                self.selection.pick(trial)
            case {"cmd": "pin", "trial": int() | None as trial} if trial is None or trial in known:
                self.selection.pin(trial)
            case {"cmd": "beside best", "trial": int(trial)} if trial in known and self.trials.best is not None:
                self.selection.pick(trial)
                self.selection.pin(self.trials.best.number)
            case {"cmd": "again", "trial": int(trial)} if trial in known and isinstance(self.run, Run):
                self.run.enqueue(known[trial].config)
            case {"cmd": "order", "order": str(order)} if order in ORDERS:
                self.order = order
                self._paper.touch()

    def close(self) -> None:
        """Take the page and its figures away."""
        for view in self.figures.values():
            view.live.close()
        super().close()


def _json(config: dict[str, Any]) -> str:
    return json.dumps(config, indent=2, default=repr)


def _lines(config: dict[str, Any]) -> str:
    if not config:
        return "{}"
    return "{\n" + "".join(f"    {k!r}: {v!r},\n" for k, v in config.items()) + "}"
