"""The panel of a comparison: which runs, in which groups, pictures of them side by side, and the outcome in a table and in words.

Only the pump's thread writes the widget's state. What is slow, opening files and reading the storages of others, is done by
threads of its own, which leave what they found in the panel's queue.
"""

from __future__ import annotations

import html
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import Any, get_args

import anywidget
import ipywidgets
import traitlets as t

from workbench import named_runs
from workbench.compared import Member, OfRun, OfStudy, group_members, label_members, source_of
from workbench.comparing import Band, Comparison, Kind, X, check_alike
from workbench.errors import WorkbenchError
from workbench.events import Event
from workbench.plots.compare import compare as draw_comparison
from workbench.plots.figure import empty
from workbench_widgets.assets import script, styles
from workbench_widgets.compare_panel_words import NOTHING, outcome_of, row_of
from workbench_widgets.inbox import trouble, waiting
from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.pump import pump
from workbench_widgets.threads import answer_at_once, spawn

EVERY_S, HIDDEN_S, LOOK_S = 0.4, 2.0, 1.0
ALONE = "This run is alone. Add a named run or an Optuna study to compare with."
NOBODY = "Add a named run or an Optuna study: runs stand side by side here."
NONE_CHECKED = "Check a run to see it."
LOGS: dict[str, bool | None] = {"auto": None, "log": True, "linear": False}


class ComparePanel(anywidget.AnyWidget):
    """Live panel of runs side by side.

    Parameters
    ----------
    runs
        Runs, or whatever else ``wb.compare`` takes in a list; or a ``Comparison``, whose groups are kept.
    runs_changed
        Called with all that is compared when the list has changed: runs, recordings and studies. On the pump's thread.
    front
        Whether it is seen at once. False for a tab: its picture is made when the tab is first opened.
    """

    _esm = script("compare_panel")
    _css = styles("compare_panel")
    content = t.Dict().tag(sync=True)  # all that is said: runs, settings, outcome, what can be added
    said = t.Dict().tag(sync=True)  # the answer to the last command that could not be obeyed
    ack = t.Int().tag(sync=True)  # commands carried out
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, runs: Sequence[Any] | Comparison = (), *, runs_changed: Callable[[list[Any]], object] | None = None,
                 front: bool = True) -> None:
        self._changed, self.front = runs_changed, front
        self.live: LiveFigure | None = None
        self._fixed: set[Member] = set()  # whose group was said, not found
        self._name = ""
        self._paired: bool | None = None
        self._reference: Any = None
        if isinstance(runs, Comparison):
            self.members = list(runs.members)
            self._fixed |= set(self.members)
            self._name, self._paired, self._reference = runs.name, runs.paired, runs.reference
        else:
            self.members = [Member(source_of(r)) for r in runs]
        self._off: set[Member] = set()  # not checked
        self._together = True
        self.view: Kind = "best_so_far"
        self.x: X = "trials"
        self.band: Band = "quartiles"
        self.scale, self.single = "auto", False
        self._adding = 0
        self._names: list[str] = []
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._dirty, self._drawn_at = True, -1e9
        self._closed = threading.Event()
        self._looking: threading.Thread | None = None
        self._given = {m: m.group for m in self._fixed}  # groups that a comparison came with
        self._settle()
        check_alike(self.members)
        if front:
            self._open()
        super().__init__(content=self._content(), parts={} if self.live is None else {"figure": self.live})
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)
        self._follow()

    # ---- what is compared ------------------------------------------------------------------------------------------------

    def add(self, run: Any) -> None:
        """Add a run, or a named run or a study as ``wb.compare`` takes them; any thread. What is wrong is said in the panel."""
        self.command({"cmd": "add", "what": run})

    def remove(self, run: Any) -> None:
        """Take a run out, by itself or by its label; any thread."""
        self.command({"cmd": "remove", "what": run})

    @property
    def comparison(self) -> Comparison:
        """What is checked, as a comparison."""
        return self._comparison(looks=True)

    def _comparison(self, *, looks: bool) -> Comparison:
        checked = [m for m in self.members if m not in self._off]
        return Comparison(checked, name=self._name, paired=self._paired, reference=self._reference, order=self._order,
                          looks=looks)

    def _settle(self) -> None:
        """Label and group the members: what the user has not grouped is grouped anew."""
        for m in self.members:
            m.fold()
            if m not in self._fixed:
                m.group = ""
        label_members(self.members)
        group_members(self.members, together=self._together)
        self._order = list(dict.fromkeys(m.group for m in self.members))

    def _follow(self) -> None:
        """Hear of all that grows."""
        pump.detach(self)
        for m in self.members:
            pump.attach(self, m.source.log, cursor=len(m.source.log))
        if self._looking is None and any(isinstance(m.source, OfStudy) for m in self.members):
            me, closed = weakref.ref(self), self._closed
            self._looking = spawn(lambda: _look(me, closed), "comparison")

    def _found(self, what: Any) -> Member | None:
        for m in self.members:
            if what in (m.label, m) or (isinstance(m.source, OfRun) and m.source.run is what) or (
                    isinstance(m.source, OfStudy) and m.source.study is what):
                return m
        return None

    # ---- what comes in ---------------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any]) -> None:
        """Take a command; any thread. It is carried out by the pump."""
        self._queue.put(message)
        pump.ask(self)

    def fold(self, events: Iterable[Event]) -> None:  # noqa: ARG002 - the members read their logs themselves
        """Hear that something has happened."""
        self._dirty = True

    def rewind(self, events: Sequence[Event]) -> None:
        """Stay in the present: a comparison is of all that is known."""

    def _obey(self) -> int:
        n = 0
        for message in waiting(self._queue):
            n += "inner" not in message
            try:
                if self._do(message) and self.said:
                    self.said = {}
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self.said = trouble(error)
            self._dirty, self._drawn_at = True, -1e9
        return n

    def _do(self, m: dict[str, Any]) -> bool:
        """Carry out a command; returns whether what was said before is over."""
        match m:
            case {"cmd": "added", "member": Member() as member}:
                self._adding -= 1
                self._join(member)
            case {"cmd": "failed", "error": error}:
                self._adding -= 1
                raise error
            case {"cmd": "trouble", "text": str(text)}:
                self.said = {"text": text, "at": time.time()}
                return False
            case {"cmd": "add", "what": what}:
                self._fetch(what)
            case {"cmd": "add", "name": str(name)} if name.strip():
                self._fetch(name.strip())
            case {"cmd": "add", "where": str(where), "study": str(study)} if where.strip():
                self._fetch((where.strip(), study.strip()) if study.strip() else where.strip())
            case {"cmd": "remove", "what": what} if (found := self._found(what)) is not None:
                self.members.remove(found)
                self._off.discard(found)
                self._fixed.discard(found)
                self._given.pop(found, None)
                self._altered()
            case {"cmd": "check", "run": str(label), "on": bool(on)} if (found := self._found(label)) is not None:
                (self._off.discard if on else self._off.add)(found)
            case {"cmd": "group", "run": str(label), "group": str(group)} if (found := self._found(label)) is not None:
                found.group = group.strip()
                (self._fixed.add if found.group else self._fixed.discard)(found)
                self._settle()
            case {"cmd": "together", "on": bool(on)}:
                self._together = on
                self._fixed = set(self._given) if on else set()
                for member in self._fixed:
                    member.group = self._given[member]
                self._settle()
            case {"cmd": "names"}:
                self._names = named_runs.names()
            case _:
                self._set(m)
        return True

    def _set(self, m: dict[str, Any]) -> None:
        """Carry out what changes the picture alone."""
        match m:
            case {"cmd": "view", "value": value} if value in get_args(Kind):
                self.view = value
            case {"cmd": "x", "value": value} if value in get_args(X):
                self.x = value
            case {"cmd": "band", "value": value} if value in get_args(Band):
                self.band = value
            case {"cmd": "log", "value": str(value)} if value in LOGS:
                self.scale = value
            case {"cmd": "single", "on": bool(on)}:
                self.single = on

    def _fetch(self, what: Any) -> None:
        """Open it: a run at once, what lies in files and databases in a thread."""
        old = self._found(what) or next((m for m in self.members if repr(what) == m.source.again), None)
        if old is not None:
            raise WorkbenchError(f"{old.label!r} is among them already.")
        self._adding += 1

        def fetch() -> None:
            try:
                self.command({"cmd": "added", "member": Member(source_of(what)), "inner": True})
            except Exception as error:  # noqa: BLE001 - said in the panel
                self.command({"cmd": "failed", "error": error, "inner": True})

        if isinstance(what, (str, tuple)):
            spawn(fetch, "comparison, opening")
        else:
            fetch()

    def _join(self, member: Member) -> None:
        member.fold()
        label_members([*self.members, member])
        check_alike([*self.members, member])
        self.members.append(member)
        self._altered()

    def _altered(self) -> None:
        self._settle()
        self._follow()
        if self._changed is not None:
            self._changed([m.source.run if isinstance(m.source, OfRun) else getattr(m.source, "study", m.source)
                           for m in self.members])

    # ---- what goes out ---------------------------------------------------------------------------------------------------

    @property
    def seen(self) -> bool:
        """Whether its picture is on screen."""
        return self.front and self.live is not None and self.live.shown

    @property
    def waits(self) -> bool:
        """Whether there is something that still has to be drawn."""
        return self._dirty and self.front

    @property
    def n_drawn(self) -> int:
        """How many of its pictures the page may have to draw."""
        return int(self.seen)

    def draw(self) -> None:
        """Carry out commands, and bring the panel up to date if it is time. Called by the pump alone."""
        n = self._obey()
        began = time.monotonic()
        due = self.front and self._dirty and began - self._drawn_at >= (EVERY_S if self.seen else HIDDEN_S)
        if due:
            self._dirty, self._drawn_at = False, began
            for m in self.members:
                m.fold()
        with self.hold_sync():
            if due and self.live is None:
                self._open()
                self.parts = {"figure": self.live}
                self._names = named_runs.names()
            if due:
                content = self._content()
                if content != self.content:
                    self.content = content
        if due:
            assert self.live is not None
            self.live.update(self._picture())
            self._drawn_at += 3 * (time.monotonic() - began)  # what is costly is drawn less often
        self.ack += n

    def _open(self) -> None:
        self._names = named_runs.names()
        self.live = LiveFigure(self._picture(), on_shown=lambda: pump.ask(self))

    def _picture(self) -> dict[str, Any]:
        if len(self._off) == len(self.members):
            return empty(NONE_CHECKED if self.members else NOBODY, height=380)
        try:
            return draw_comparison(self._comparison(looks=False), self.view, x=self._along, band=self.band, log=LOGS[self.scale],
                                   single=self.single)
        except WorkbenchError as error:
            return empty(str(error), height=380)

    @property
    def _along(self) -> X:
        return self.x if self.x in self._xs else "trials"

    @property
    def _xs(self) -> list[str]:
        """What can be spent: steps only where trials have several, and one loss."""
        several = any(len(m.progress.step_losses) > len(m.progress) for m in self.members)
        return [x for x in get_args(X) if x != "steps" or several]

    def _content(self) -> dict[str, Any]:
        members = self.members
        again = {m.source.again for m in members}
        said: dict[str, Any] = NOTHING
        if len(self._off) < len(members):
            try:
                said = outcome_of(self._comparison(looks=False), self._along)
            except WorkbenchError as error:
                said = {**NOTHING, "words": [str(error)]}
        return {**said, "rows": [row_of(m, self._order, on=m not in self._off, fixed=m in self._fixed) for m in members],
                "view": self.view, "x": self._along, "xs": self._xs, "band": self.band, "log": self.scale, "single": self.single,
                "together": self._together, "names": [n for n in self._names if repr(n) not in again],
                "adding": self._adding > 0, "hint": "" if len(members) > 1 else ALONE if members else NOBODY}

    def close(self) -> None:
        """Take the panel away; the runs go on."""
        self._closed.set()
        pump.detach(self)
        if self.live is not None:
            self.live.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if self.live is not None:
            self.live.push_once()
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        static = self.comparison._repr_html_() if self.members else f"<p>{html.escape(NOBODY)}</p>"
        return {**(data or {}), "text/plain": f"ComparePanel of {len(self.members)} runs", "text/html": static}, meta


def _look(panel: weakref.ref[ComparePanel], closed: threading.Event) -> None:
    """Read the storages of a panel's studies again and again, while it is open; says once what cannot be read."""
    lost = ""
    while not closed.wait(LOOK_S):
        me = panel()
        if me is None:
            return
        try:
            for m in list(me.members) if me.front else ():
                m.source.look()
            lost = ""
        except WorkbenchError as error:
            if str(error) != lost:
                lost = str(error)
                me.command({"cmd": "trouble", "text": lost, "inner": True})
        del me


def show(comparison: Comparison, **kwargs: Any) -> Any:
    """Return the mime bundle of the comparison's panel; the same panel is shown again if there is one."""
    panel = getattr(comparison, "_panel", None)
    if panel is None or panel.comm is None:
        panel = comparison._panel = ComparePanel(comparison)  # type: ignore[attr-defined]
    return panel._repr_mimebundle_(**kwargs)
