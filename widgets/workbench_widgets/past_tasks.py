"""Past tasks, seen: which there are and where they are kept, which are most like new data, and what would be tried first.

It stands alone (``wb.past_tasks()`` in a cell: look, forget) and in the application, before Start. Files are read by one worker
thread at a time; the pump's thread alone writes the widget's state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import pandas as pd
import traitlets as t

from workbench.errors import RunError, WorkbenchError
from workbench.plots import marks as m
from workbench.plots.figure import empty, safe
from workbench.plots.task_map import task_map
from workbench.space import Space
from workbench.task_reading import PastTask
from workbench.task_similar import SimilarTasks
from workbench.task_store import PastTasks
from workbench_widgets.assets import script, styles
from workbench_widgets.inbox import trouble, waiting
from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.pump import pump
from workbench_widgets.threads import answer_at_once, spawn
from workbench_widgets.words import number, short

Message = dict[str, Any]
HEIGHT = 380
MOST = 20  # configurations to try first
LISTED = 10  # of them that are shown at least
NOTHING = ("Nothing is kept yet. Every run with a name is a past task from then on: what its data are like (numbers, no row) is "
           "kept beside its file, and can be forgotten here.")


@dataclass(frozen=True, eq=False)
class Asked:
    """For what similar tasks are looked for.

    Attributes
    ----------
    features
        Meta-features of the new data; None if there are none: then past tasks are only listed.
    space
        In which shall be searched.
    name
        What the new data are called.
    k, n
        How many tasks are asked, and how many configurations are to be tried first.
    """

    features: pd.Series | None = None
    space: Space | None = None
    name: str = "the new data"
    k: int = 5
    n: int = 0


@dataclass(frozen=True, eq=False)
class Found:
    """What reading the files has come to."""

    content: dict[str, Any]
    picture: dict[str, Any]


class PastTasksPanel(anywidget.AnyWidget):
    """Panel of past tasks.

    Parameters
    ----------
    past
        A folder of them.
    asked
        For what similar ones are looked for.
    changed
        Called, by the pump's thread, when the user has chosen other k or n, or has had a task forgotten.
    cold
        Starts the newest warm run once more without its warm start.
    """

    _esm = script("past_tasks")
    _css = styles("past_tasks")
    content = t.Dict().tag(sync=True)
    versus = t.Dict({"shown": False, "note": "", "can": False}).tag(sync=True)  # of a warm run beside a cold one
    said = t.Dict().tag(sync=True)
    ack = t.Int().tag(sync=True)
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, past: PastTasks, asked: Asked | None = None, *,
                 changed: Callable[[Asked], object] = lambda _: None, cold: Callable[[], object] = lambda: None) -> None:
        self.past, self.asked, self._changed, self._cold = past, asked or Asked(), changed, cold
        self._commands: SimpleQueue[Message] = SimpleQueue()
        self._found: SimpleQueue[Found | Exception] = SimpleQueue()
        self._reading, self._stale = False, False
        self.map, self.pair = LiveFigure(empty("Reading …", height=HEIGHT)), LiveFigure(empty("", height=HEIGHT))
        super().__init__(parts={"map": self.map, "pair": self.pair}, content=_waiting(self.asked))
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)
        self.ask(self.asked)

    # ---- what comes in ---------------------------------------------------------------------------------------------

    def command(self, message: Message) -> None:
        """Take a command of the front end; any thread. It is carried out by the pump."""
        self._commands.put(message)
        pump.ask(self)

    def ask(self, asked: Asked) -> None:
        """Look for tasks that are like other data, or read the files once more; any thread."""
        self.command({"cmd": "ask", "asked": asked})

    def fold(self, events: object) -> None:
        """It follows no run."""

    # ---- what goes out ---------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether files are being read."""
        return self._reading

    @property
    def n_drawn(self) -> int:
        """How many figures it redraws at each tick: none."""
        return 0

    def draw(self) -> None:
        """Carry out commands, and show what was read. Called by the pump alone."""
        n = self._obey()
        for found in waiting(self._found):
            self._reading = False
            if isinstance(found, Exception):
                self.said = trouble(found)
            else:
                self.map.update(found.picture)
                if found.content != self.content:
                    self.content = found.content
        if self._stale and not self._reading:
            self._stale, self._reading = False, True
            spawn(self._read, "past tasks")
        self.ack += n

    def _obey(self) -> int:
        n = 0
        for message in waiting(self._commands):
            n += message.get("cmd") != "ask"  # that does not come from the page
            try:
                if self.said and message.get("cmd") != "ask":
                    self.said = {}
                self._do(message)
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self.said = trouble(error)
        return n

    def _do(self, message: Message) -> None:
        match message:
            case {"cmd": "ask", "asked": Asked() as asked}:
                self.asked, self._stale = asked, True
                return
            case {"cmd": "k", "value": int(k)}:
                self.asked = replace(self.asked, k=max(k, 1))
            case {"cmd": "n", "value": int() | float() as n}:
                if n != int(n) or not 0 <= n <= MOST:
                    raise RunError(f"between 0 and {MOST} configurations can be tried first, got {n:g}.")
                self.asked = replace(self.asked, n=int(n))
            case {"cmd": "cold"}:
                self._cold()
                return
            case {"cmd": "forget", "name": str(name)}:
                self.past.delete(name)
            case _:
                return
        self._stale = True
        self._changed(self.asked)

    def _read(self) -> None:
        """Read the files; a thread of its own."""
        try:
            self._found.put(look(self.past, self.asked))
        except Exception as error:  # noqa: BLE001 - said in the panel
            self._found.put(error)
        pump.ask(self)

    def show_pair(self, picture: dict[str, Any] | None, *, note: str = "", can: bool = False) -> None:
        """Show a warm run beside a cold one; ``can``: whether a cold one may be asked for. Called by the pump alone."""
        if picture is not None:
            self.pair.update(picture)
        versus = {"shown": picture is not None, "note": note, "can": can}
        if versus != self.versus:
            self.versus = versus

    def close(self) -> None:
        """Take the panel away; the files stay."""
        pump.detach(self)
        self.map.close()
        self.pair.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.map.push_once()
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self.past), "text/html": self.past._repr_html_()}, meta


def look(past: PastTasks, asked: Asked) -> Found:
    """Read the files, and say what the panel shows."""
    tasks = past.all()
    own = asked.features is not None and asked.space is not None
    similar, note = None, "" if tasks else NOTHING
    if own and tasks:
        try:
            similar = past.similar(asked.features, k=max(len(tasks), 1), space=asked.space)
        except WorkbenchError as error:
            note = f"Nothing to begin with: {error}"
    near = [] if similar is None else list(similar.tasks.names)
    k = min(asked.k, max(len(near), 1))
    firsts = [] if similar is None else past.similar(asked.features, k=k, space=asked.space).first(max(asked.n, LISTED))
    place = {name: i + 1 for i, name in enumerate(near)}
    rows = [_row(task, place.get(task.name), k, similar) for task in tasks]
    rows.sort(key=lambda r: (r["place"] == "", int(r["place"] or 0)))
    content = {
        "title": _title(tasks, near, k, asked, own=own), "note": note, "own": own and similar is not None, "k": k,
        "k_max": len(near), "n": asked.n, "n_max": MOST, "tasks": rows, "where": _where(past, similar),
        "configs": [{"place": i + 1, "config": " · ".join(f"{p} {short(v)}" for p, v in f.config.items()), "why": f"{f.why}.",
                     "used": i < asked.n} for i, f in enumerate(firsts)]}
    if similar is None:
        return Found(content, empty("No past task is known.", height=HEIGHT))
    picture = task_map(similar.tasks, asked.features, k, height=HEIGHT)
    picture["layout"]["title"] = m.title(f"Where {safe(m.cut(asked.name))} lies among them")
    return Found(content, picture)


def _waiting(asked: Asked) -> dict[str, Any]:
    return {"title": "Past tasks", "note": "Reading what is kept …", "own": False, "k": asked.k, "k_max": 1, "n": asked.n,
            "n_max": MOST, "tasks": [], "where": "", "configs": []}


def _title(tasks: list[PastTask], near: list[str], k: int, asked: Asked, *, own: bool) -> str:
    count = f"{len(tasks)} past task{'s' * (len(tasks) != 1)}"
    if not near or not own:
        return count
    fit = "all of them" if len(near) == len(tasks) else str(len(near))
    return f"{count}, {fit} comparable with {asked.name}; the {k} most like it {'is' if k == 1 else 'are'} asked"


def _where(past: PastTasks, similar: SimilarTasks | None) -> str:
    alone = past.undescribed
    more = "" if not alone else (f" {len(alone)} run{'s' * (len(alone) != 1)} there {'are' if len(alone) > 1 else 'is'} no past "
                                 "task: the data were not described.")
    left = "" if similar is None else f" {similar.left_out_text()}"
    return f"All of this is kept in the folder {past.folder.resolve()}, and nowhere else.{more}{left}".rstrip()


def _row(task: PastTask, place: int | None, k: int, similar: SimilarTasks | None) -> dict[str, Any]:
    """Return a row of the table of all past tasks."""
    r = task.record
    shape = "" if r.rows is None else f"{r.rows} × {r.columns}"
    far = "" if place is None or similar is None else _far(float(similar.distance[place - 1]))
    return {"name": task.name, "kept": task.table or task.name, "of_table": bool(task.table),
            "place": "" if place is None else str(place), "near": place is not None and place <= k,
            "about": task.trouble or " · ".join(p for p in (r.data, shape, r.estimator) if p), "trials": str(len(task.losses)),
            "best": "" if math.isnan(task.best) else f"{number(task.best)} {r.metric}".strip(), "distance": far,
            "where": ", ".join(p.name for p in task.where)}


def _far(distance: float) -> str:
    return "" if not np.isfinite(distance) else f"{distance:.2g}"


def show(past: PastTasks, **kwargs: Any) -> Any:
    """Return the mime bundle of the panel of a folder's past tasks."""
    return PastTasksPanel(past)._repr_mimebundle_(**kwargs)
