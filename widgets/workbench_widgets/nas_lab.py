"""Architecture search without writing code: choose space, strategy, data and seed, start, and watch.

What is chosen describes the search that is ready; once that has begun, the next one. Making a search takes a moment, so a thread
of its own does it; the pump puts the panel on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from queue import SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import traitlets as t

from workbench.errors import RunError
from workbench.events import Event, EventLog
from workbench.nas_plan import SPACES, Plan
from workbench.run import Run
from workbench.step_run import StepRun
from workbench_widgets.assets import script, styles
from workbench_widgets.inbox import trouble, waiting
from workbench_widgets.nas_panel import NasPanel
from workbench_widgets.nas_panel import panel_of as steps_panel
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel
from workbench_widgets.run_panel import panel_of as trials_panel
from workbench_widgets.threads import answer_at_once, spawn

Message = dict[str, Any]


@dataclass(eq=False)
class Entry:
    """A search of the lab, and its panel."""

    key: str
    plan: Plan
    run: Run | StepRun
    panel: NasPanel | RunPanel

    @property
    def label(self) -> str:
        """What its chip says."""
        return f"{self.plan.strategy} · seed {self.plan.seed}"


class NasLab(anywidget.AnyWidget):
    """The lab. Made by ``workbench.nas.lab``.

    Attributes
    ----------
    plan
        What is chosen.
    run
        The search that is shown; None until the first is made.
    runs
        All searches of this lab, by their labels.
    """

    _esm = script("nas_lab")
    _css = styles("nas_lab")
    setup = t.Dict().tag(sync=True)  # what is chosen, and what can be
    chips: Any = t.List().tag(sync=True)  # the searches, in a line
    shown = t.Unicode().tag(sync=True)  # key of the search that is shown
    said = t.Dict().tag(sync=True)
    ack = t.Int().tag(sync=True)
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, plan: Plan | None = None) -> None:
        self._entries: dict[str, Entry] = {}
        self.plan = (plan or Plan()).fitting()
        self._commands: SimpleQueue[Message] = SimpleQueue()
        self._done: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._made = 0
        self._making: Plan | None = None  # under way
        self._beside = True  # whether what is made comes beside what there is, or takes the place of a search that has not begun
        super().__init__(setup=self._setup(), parts={})
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)
        self._events = EventLog()  # it has none; the pump looks at it now and then, as at a run
        pump.attach(self, self._events)
        self._make()

    # ---- from Python ---------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Run | StepRun | None:
        """The search that is shown."""
        entry = self._entries.get(self.shown)
        return None if entry is None else entry.run

    @property
    def runs(self) -> dict[str, Run | StepRun]:
        """All searches of this lab, by their labels."""
        return {f"{entry.label} ({entry.key})": entry.run for entry in self._entries.values()}

    # ---- what comes in ---------------------------------------------------------------------------------------------

    def command(self, message: Message) -> None:
        """Take a command of the page; any thread. It is carried out by the pump."""
        self._commands.put(message)
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in events: the lab has none."""

    @property
    def waits(self) -> bool:
        """Whether chips may change: a search has another state than they say."""
        return bool(self.chips != self._chips())

    n_drawn = 0

    def draw(self) -> None:
        """Carry out commands, then bring the page up to date. Called by the pump alone."""
        n = 0
        for done in waiting(self._done):
            done()
        for message in waiting(self._commands):
            n += 1
            try:
                self._do(message)
                if self.said:
                    self.said = {}
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self.said = trouble(error)
        with self.hold_sync():
            self._put(setup=self._setup(), chips=self._chips())
            self.ack += n

    def _do(self, m: Message) -> None:
        match m:
            case {"cmd": "set", "what": "space" | "strategy" | "data" | "length" | "seed" as what, "value": value}:
                self._choose(what, value)
            case {"cmd": "new"}:
                self._beside = True
                self._make()
            case {"cmd": "show", "key": str(key)} if key in self._entries:
                self.shown = key
                self.plan = self._entries[key].plan
            case _:
                pass

    def _choose(self, what: str, value: Any) -> None:
        more = {"length": None} if what == "strategy" else {}
        plan = replace(self.plan, **{what: value, **more}).fitting()
        if plan == self.plan:
            return
        self.plan = plan
        if self._fresh is not None or self._making is not None:
            self._make()

    @property
    def _fresh(self) -> Entry | None:
        """The search that is shown, if it has not begun."""
        entry = self._entries.get(self.shown)
        return entry if entry is not None and entry.run.state == "ready" else None

    def _make(self) -> None:
        """Make the search that is chosen; one that was ready makes room for it. Of several wishes the last one counts."""
        if self._making is None:
            plan = self._making = self.plan
            spawn(lambda: self._work(plan), "architecture search")

    def _work(self, plan: Plan) -> None:
        try:
            run = plan.search()
        except Exception as error:  # noqa: BLE001 - said on the page
            found = trouble(error)
            self._done.put(lambda: self._failed(plan, found))
        else:
            self._done.put(lambda: self._take(plan, run))
        pump.ask(self)

    def _failed(self, plan: Plan, found: dict[str, Any]) -> None:
        self._making, self.said = None, found
        if plan != self.plan:
            self._make()

    def _take(self, plan: Plan, run: Run | StepRun) -> None:
        self._making = None
        if plan != self.plan:  # another one was chosen meanwhile
            self._make()
            return
        fresh = self._fresh
        if fresh is None and not self._beside:  # the one that it was to replace was started meanwhile
            run.close()
            return
        self._beside = False
        self._made += 1
        key = f"s{self._made}"
        panel = steps_panel(run) if isinstance(run, StepRun) else trials_panel(run)
        self._entries[key] = Entry(key, plan, run, panel)
        with self.hold_sync():
            self.parts = {k: e.panel for k, e in self._entries.items() if e is not fresh}
            self.shown = key
        if fresh is not None:
            del self._entries[fresh.key]
            fresh.panel.close()

    # ---- what goes out ---------------------------------------------------------------------------------------------

    def _setup(self) -> dict[str, Any]:
        plan = self.plan
        return {"space": plan.space, "spaces": list(SPACES), "strategy": plan.strategy,
                "strategies": [[kind, names] for kind, names in plan.strategies().items() if names],
                "data": plan.data, "sets": plan.data_sets(), "length": plan.length or plan.own_length, "counts": plan.counts,
                "seed": plan.seed, "code": plan.code(), "fresh": self._fresh is not None or not self._entries,
                "making": self._making is not None}

    def _chips(self) -> list[list[str]]:
        return [[e.key, e.label, e.run.state] for e in self._entries.values()]

    def _put(self, **state: Any) -> None:
        for name, value in state.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def close(self) -> None:
        """Take the lab and its panels away; searches go on."""
        pump.detach(self)
        for entry in self._entries.values():
            entry.panel.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": f"NasLab: {self.plan.code()}"}, meta


def make(**settings: Any) -> NasLab:
    """Return a new lab in which these parts of a ``Plan`` are chosen.

    Raises
    ------
    RunError
        If there is no such part, or nothing of that name to choose.
    """
    known = {f.name for f in fields(Plan)}
    if not set(settings) <= known:
        raise RunError(f"the lab can be given {', '.join(sorted(known))}, got {', '.join(sorted(set(settings) - known))}.")
    return NasLab(Plan(**settings))
