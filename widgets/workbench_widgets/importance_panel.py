"""The tab on importance: which parameters matter, as the run goes on, and a run without those that do not.

Answers are computed beside the run, on a thread of their own (``beside``): while the tab is seen, and at the end once more with
all trees. Only the pump's thread writes the widgets' state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from queue import SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets as t

from workbench.errors import RunError, WorkbenchError
from workbench.events import Event, RunState, StateChanged, TrialFinished, TrialReported
from workbench.evidence import Evidence, budgets_of, config_of, evidence
from workbench.importance.fanova import Fanova
from workbench.plots import fanova as fanova_plots
from workbench.plots.figure import empty
from workbench.plots.whose import named
from workbench.recording import Recording
from workbench.run import Run
from workbench.seen import Replay
from workbench.space import Config, Space
from workbench.trials import Trials
from workbench_widgets import importance_words as words
from workbench_widgets.assets import script, styles
from workbench_widgets.beside import PACE, Beside, Pace, Work
from workbench_widgets.importance_ask import (
    FULL_TREES,
    KINDS,
    LIVE_TREES,
    Answer,
    Kind,
    Outcome,
    Question,
    find,
    picture_of,
)
from workbench_widgets.importance_freeze import TAKES, Foreseen, Freeze, Take, foreseen
from workbench_widgets.importance_freeze import content as freeze_content
from workbench_widgets.inbox import trouble, waiting
from workbench_widgets.pump import pump
from workbench_widgets.run_panel_head import ACTIVE
from workbench_widgets.threads import answer_at_once
from workbench_widgets.view import FigureView, Selection

EVERY_S = 0.3
GROWN = 1.25  # while the run goes on it is foreseen anew when there are so many times as many trials
LITTLE_S = 5e-4  # a tick that takes less has done nothing to speak of
HEIGHT, EMPTY_HEIGHT = 380, 150
TELLS = (TrialFinished, TrialReported, StateChanged)  # events after which the answer may be another


class Picture(FigureView):
    """A picture that somebody else knows how to draw; drawn while it is seen."""

    hidden_s = None

    def __init__(self, trials: Trials, selection: Selection, draw: Callable[[], dict[str, Any]],
                 clicked: Callable[[dict[str, Any]], object] = lambda _: None) -> None:
        self._draw, self._on_click = draw, clicked
        super().__init__(trials, selection)

    def picture(self) -> dict[str, Any]:
        """Return the picture as a plain plotly dict."""
        return self._draw()

    def _clicked(self, click: dict[str, Any]) -> None:
        super()._clicked(click)
        self._on_click(click)


class ImportancePanel(anywidget.AnyWidget):
    """Live importance of a run's parameters.

    Parameters
    ----------
    run
        The run, or a recording of one.
    trials
        Its trials at the moment that is shown; the run panel folds them.
    follows
        Returns whether that moment is the present.
    make
        Makes a child run with values fixed, and with which trials; None: none can be made here.
    show_child
        Shows the child of that number.
    front
        Whether the tab is open.
    pace
        Shared by all panels of a kernel.
    """

    _esm = script("importance_panel")
    _css = styles("importance_panel")
    content = t.Dict().tag(sync=True)  # all that is said
    csv = t.Unicode().tag(sync=True)  # the answer as a table to take along
    said = t.Dict().tag(sync=True)  # the answer to the last command that could not be obeyed
    ack = t.Int().tag(sync=True)  # commands carried out
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, run: Run | Recording, trials: Trials, selection: Selection | None = None, *,
                 follows: Callable[[], bool] = lambda: True, make: Callable[[Mapping[str, Any], Take], Run] | None = None,
                 show_child: Callable[[int], object] = lambda _: None, front: bool = False, pace: Pace = PACE) -> None:
        self.run, self.trials, self.selection = run, trials, selection or Selection()
        self._follows, self._make, self._show_child, self.front = follows, make, show_child, front
        self._replay = Replay(trials)
        self.beside = Beside("importance", self._found, pace, prepare=lambda: import_module("sklearn.tree"))
        self.kind: Kind = "fanova"
        self.loss: str | None = None
        self.budget: int | None = None
        self.around_picked = False
        self.shown: tuple[str, ...] = ()  # the parameter whose curve, or the pair whose map is shown
        self.freeze = Freeze()
        self.answer: Answer | None = None
        self.trouble = ""  # why there is no answer
        self._foreseen: tuple[Any, int, Foreseen] | None = None  # of what, and of how many trials
        self._child: int | None = None  # number of the child that was made here last
        self._asking: tuple[Work, Question, Evidence, int, int] | None = None  # …, trials, their version, the newest
        self._version, self._failed_at = 1, 0
        self._hurry = True  # the user waits, as for the first answer: the pace does not count
        self._dirty, self._drawn_at = True, -1e9
        self._queue: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.bars: Picture | None = None
        self.detail: Picture | None = None
        if front:
            self._open()
        super().__init__(content=self._content(), parts=self._figures())
        self.selection.listen(lambda _: self._redraw())
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)

    # ---- what comes in ---------------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any]) -> None:
        """Take a command; any thread. It is carried out by the pump."""
        self._queue.put(message)
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:
        """Hear what has happened; the trials are folded by the run panel."""
        if any(isinstance(e, TELLS) for e in events):
            self._version += 1
            self._dirty = True

    def rewind(self, events: Sequence[Event]) -> None:  # noqa: ARG002 - the trials have gone back already
        """Hear that what came later is forgotten."""
        self._version += 1
        self._dirty = True

    def _redraw(self) -> None:
        self._dirty, self._drawn_at = True, -1e9
        pump.ask(self)

    def _clicked(self, click: dict[str, Any]) -> None:
        if click.get("trial") is None and click.get("y") is not None:
            self.command({"cmd": "bar", "y": float(click["y"]), "inner": True})

    def obey(self) -> int:
        """Carry out what waits; returns how many commands the page waits for."""
        n = 0
        for message in waiting(self._queue):
            n += "inner" not in message
            try:
                self._do(message)
                if self.said and "inner" not in message:
                    self.said = {}
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self.said = trouble(error)
            self._dirty, self._drawn_at = True, -1e9
        return n

    def _do(self, m: dict[str, Any]) -> None:
        match m:
            case {"cmd": "found", "work": work, "found": found}:
                self._take(work, found)
            case {"cmd": "kind", "value": value} if value in KINDS:
                self._ask_for(kind=value)
            case {"cmd": "loss", "value": str(name)} if name in self.trials.goals.labels:
                self._ask_for(loss=name)
            case {"cmd": "budget", "value": int() | None as budget}:
                self._ask_for(budget=budget)
            case {"cmd": "around", "picked": bool(picked)}:
                self._ask_for(around_picked=picked)
            case {"cmd": "show", "names": list(names)} if names and self._known(names):
                self._show(tuple(map(str, names)))
            case {"cmd": "bar", "y": float(y)} if self.answer is not None and isinstance(self.answer.found, Fanova):
                bar = fanova_plots.bar_at(self.answer.found, y)
                if bar is not None:
                    self._show(bar.names)
            case _:
                self._do_freeze(m)

    def _do_freeze(self, m: dict[str, Any]) -> None:
        """Carry out what concerns holding parameters fixed."""
        match m:
            case {"cmd": "below", "value": int() | float() as below} if 0 <= below <= 100:
                self.freeze.below, self.freeze.said = float(below), {}
            case {"cmd": "tick", "name": str(name), "on": bool(on)}:
                self.freeze.said[name] = on
            case {"cmd": "values", "picked": bool(picked)}:
                self.freeze.picked = picked
            case {"cmd": "take", "value": value} if value in TAKES:
                self.freeze.take = value
            case {"cmd": "freeze"} if self._make is not None and self.answer is not None:
                fixed = self.freeze.fixed(self.answer, self._holder()[0])
                if not fixed:
                    raise RunError("nothing is ticked: tick at least one parameter that shall keep its value.")
                child = self._make(fixed, self.freeze.take)
                child.start()
                self._child = self.run.children.index(child) if isinstance(self.run, Run) else None
            case {"cmd": "see"} if self._child is not None:
                self._show_child(self._child)

    def _ask_for(self, **settings: Any) -> None:
        for name, value in settings.items():
            setattr(self, name, value)
        self.beside.stop()
        self._asking, self._hurry, self.trouble, self._failed_at = None, True, "", 0

    def _known(self, names: Sequence[Any]) -> bool:
        return self.answer is not None and len(set(names)) == len(names) <= 2 and all(
            name in self.answer.seen.space.params for name in names)

    def _show(self, names: tuple[str, ...]) -> None:
        self.shown = names
        self._repaint()

    def _repaint(self) -> None:
        for view in (self.bars, self.detail):
            if view is not None:
                view.touch()

    # ---- asking ----------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the run goes on."""
        state: RunState = self.run.state
        return state in ACTIVE

    def question(self) -> Question:
        """Return what is asked now."""
        goals = self.trials.goals
        loss = self.loss if self.loss in goals.labels or self.loss is None else None
        if goals.several and loss is None:
            loss = goals.labels[0]
        around = self.selection.trial if self.around_picked and self.kind in ("local", "ablation") else None
        n_trees = LIVE_TREES if self.running else FULL_TREES
        return Question(self.kind, loss if goals.several else None, self.budget, around, n_trees)

    @property
    def stale(self) -> bool:
        """Whether there is a newer answer to be had."""
        if self._failed_at == self._version:
            return False
        answer = self.answer
        return answer is None or answer.version != self._version or answer.question != self.question()

    def _space(self) -> Space | None:
        """Return the space of the moment that is shown."""
        if self._follows() or not len(self.trials):
            return self.run.space
        return self._replay.space_of(next(reversed(self.trials.by_number))) or self.run.space

    def _ask(self) -> None:
        """Begin to look for a newer answer, if there is one, somebody sees it, and it is time."""
        if not self.stale or not self.seen or self.beside.busy:
            return
        if not self._hurry and self.beside.pace.wait_s(running=self.running) > 0:
            return
        q, version, space = self.question(), self._version, self._space()
        try:
            if space is None:
                raise WorkbenchError("There is no space yet: an Optuna objective makes it as it goes.")
            seen = evidence(self.trials, space, loss=q.loss, budget=q.budget)
            around = config_of(self.trials, space, seen.best if q.around is None else q.around)
        except WorkbenchError as error:
            self._fail(words.too_few(self.trials, 0 if space is None else len(space), str(error)))
            return
        newest = next((k for k in reversed(self.trials.told) if k in seen.numbers), seen.numbers[-1])
        if self.answer is not None and self.answer.question == q and _same(self.answer.seen, seen):
            self.answer = replace(self.answer, seen=seen, version=version, newest=newest)
            self._dirty = True
            return
        named_around = around if q.around is not None else (around[0], f"{around[1]} (best)")

        def work(check: Callable[[], None]) -> Outcome:
            return find(q, seen, named_around, check)

        self._asking, self._hurry = (work, q, seen, version, newest), False
        self.beside.start(work)

    def _found(self, work: Work, found: object) -> None:
        """Hear of an answer, on the thread that has found it."""
        self.command({"cmd": "found", "work": work, "found": found, "inner": True})

    def _take(self, work: Work, found: Any) -> None:
        """Keep an answer that has come, if it is still the one that is asked for."""
        if self._asking is None or self._asking[0] is not work:
            return
        (_, q, seen, version, newest), self._asking = self._asking, None
        if not isinstance(found, Outcome):
            self._fail(str(found) if isinstance(found, (WorkbenchError, ValueError)) else f"{type(found).__name__}: {found}")
            self._failed_at = version
            return
        self.answer, self.trouble, self.csv = Answer(q, seen, found, version, newest), "", found.csv
        if isinstance(found.found, Fanova) and (not self.shown or not self._known(self.shown)):
            self.shown = next((b.names for b in fanova_plots.bars_of(found.found)), ())
        self._repaint()

    def _fail(self, text: str) -> None:
        self._failed_at, self.trouble, self.answer, self.csv = self._version, text, None, ""
        self._dirty, self._drawn_at = True, -1e9
        self._repaint()

    # ---- what goes out ---------------------------------------------------------------------------------------------------

    @property
    def seen(self) -> bool:
        """Whether one of its pictures is on screen."""
        return self.front and any(view.seen for view in self._views)

    @property
    def n_drawn(self) -> int:
        """How many of its pictures on screen the last tick has changed."""
        return sum(view.n_drawn for view in self._views)

    @property
    def _views(self) -> list[FigureView]:
        return [view for view in (self.bars, self.detail) if view is not None]

    @property
    def waits(self) -> bool:
        """Whether there is something that still has to be drawn, or asked."""
        return self.front and (self._dirty or (self.seen and self.stale and not self.beside.busy))

    def draw(self) -> None:
        """Carry out commands, ask anew if it is time, and bring the panel up to date. Called by the pump alone."""
        if self.front and self.bars is None:
            self._open()  # for the click that opened the tab: not counted
            self.parts = self._figures()
        began = time.perf_counter()
        self._draw()
        took = time.perf_counter() - began
        if took > LITTLE_S:
            self.beside.pace.also(took)

    def _draw(self) -> None:
        n = self.obey()
        if self.front:
            self._ask()
        now = time.monotonic()
        due = self.front and self._dirty and now - self._drawn_at >= EVERY_S
        with self.hold_sync():
            if due:
                self._dirty, self._drawn_at = False, now
                content = self._content()
                if content != self.content:
                    self.content = content
                self._drawn_at += 3 * (time.monotonic() - now)
            self.ack += n
        for view in (self.bars, self.detail):
            if view is not None and self.front:
                view.draw()

    def _open(self) -> None:
        shared = self.trials, self.selection
        self.bars = Picture(*shared, self._bars, self._clicked)
        self.detail = Picture(*shared, self._detail)

    def _figures(self) -> dict[str, Any]:
        return {} if self.bars is None or self.detail is None else {"bars": self.bars.live, "detail": self.detail.live}

    def _bars(self) -> dict[str, Any]:
        answer = self.answer
        if answer is None:
            text = self.trouble or words.too_few(self.trials, len(self.run.space or ()), "Computing …")
            return empty(text, height=EMPTY_HEIGHT)
        return picture_of(answer.found, self.shown)

    def _detail(self) -> dict[str, Any]:
        answer = self.answer
        if answer is None or not isinstance(answer.found, Fanova) or not self.shown or not self._known(self.shown):
            return empty("The curve of a parameter, or the map of a pair.", height=HEIGHT)
        pair = (self.shown[0], self.shown[1]) if len(self.shown) == 2 else None
        drawn = fanova_plots.fanova(answer.found, self.shown[0], pair=pair)
        rows = [k for k, loss in zip(answer.seen.numbers, answer.seen.y, strict=True) if math.isfinite(loss)]
        return named(drawn, self.trials, rows, brushed=self.selection.brushed, selected=self.selection.trial)

    # ---- what is said ----------------------------------------------------------------------------------------------------

    def _content(self) -> dict[str, Any]:
        answer, goals, q = self.answer, self.trials.goals, self.question()
        mine = answer is not None and answer.question.kind == self.kind
        steps = budgets_of(self.trials)
        picked = self.selection.trial if self.selection.trial in self.trials.by_number else None
        said = {**words.content_of(answer if mine else None, self.kind), "trouble": self.trouble, "code": q.code,
                "losses": list(goals.labels) if goals.several else [], "loss": q.loss,
                "budgets": list(steps) if len(steps) > 1 else [], "budget": self.budget, "picked": picked,
                "around": self.around_picked and picked is not None, "computing": self.beside.busy and not mine,
                "basis": "", "moment": "", "warnings": [], "names": [], "shown": list(self.shown), "freeze": {}}
        if answer is None or not mine:
            return said
        stale = self.stale
        wait_s = self.beside.pace.wait_s(running=self.running)
        return {**said, "basis": words.basis(answer, running=self.running), "warnings": words.warnings(answer, self.trials),
                "moment": words.moment(answer, stale=stale, follows=self._follows(), wait_s=wait_s),
                "names": list(answer.seen.space.names), "freeze": self._freeze_content(answer)}

    def _holder(self) -> tuple[Config, str]:
        """Return the configuration whose values are held, and what it is called."""
        assert self.answer is not None
        trial = self.trials.by_number.get(-1 if self.selection.trial is None else self.selection.trial)
        if self.freeze.picked and trial is not None:
            return trial.config, f"trial {trial.number}, the picked one"
        best = self.answer.seen.best
        return self.trials.by_number[best].config if best in self.trials.by_number else {}, f"trial {best}, the best"

    def _freeze_content(self, answer: Answer) -> dict[str, Any]:
        holder = self._holder()
        fixed = self.freeze.fixed(answer, holder[0])
        children = self.run.children if isinstance(self.run, Run) else []
        key, n = (holder[1], tuple(fixed), self.freeze.take), len(answer.seen.numbers)
        old = self._foreseen
        if old is None or old[0] != key or n > GROWN * old[1] or (n != old[1] and not self.running):
            old = self._foreseen = key, n, foreseen(self.run, answer.seen.space, fixed, trial=holder[1], take=self.freeze.take)
        said = freeze_content(self.run, answer, self.freeze, holder, old[2])
        k = self._child
        made = "" if k is None else f"Child run made and started: {children[k].name or f'child {k + 1}'}."
        return {**said, "can": said["can"] and self._make is not None, "child": made}

    # ---- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take the panel away; what is being computed is forgotten."""
        self.front = False
        self.beside.stop()
        for view in (self.bars, self.detail):
            if view is not None:
                view.live.close()
        super().close()


def _same(a: Evidence, b: Evidence) -> bool:
    """Whether two say the same: steps of trials that are not so far do not change the answer."""
    return (a.numbers == b.numbers and a.budget == b.budget and a.space == b.space
            and np.array_equal(a.y, b.y, equal_nan=True))
