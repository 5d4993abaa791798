"""The application: choose data, a space and an algorithm, start, and watch; in one cell, without writing code.

What users do comes as messages into a queue that the pump's thread carries out. What takes long (reading a table, building a
space, making a run) is done by one worker thread at a time, whose results come back through a queue too.
"""

from __future__ import annotations

import html
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import traitlets as t

from workbench.automl.recipe import Recipe, free_name, kept_runs, reopen
from workbench.automl.recipe_data import Data, Table, is_table, load
from workbench.automl.recipe_models import AUTO, known
from workbench.errors import WorkbenchError
from workbench.events import Event
from workbench.problems.data_sets import DATA_SETS
from workbench.run import Run
from workbench.search import catalogue
from workbench.search.beliefs import Prior, as_prior, as_said
from workbench.space import Space
from workbench.task_record import About
from workbench.task_store import past_tasks
from workbench_widgets import workbench_sources as sources
from workbench_widgets.assets import script, styles
from workbench_widgets.inbox import waiting, words
from workbench_widgets.past_tasks import Asked, PastTasksPanel
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel
from workbench_widgets.space_editor import SpaceEditor
from workbench_widgets.threads import answer_at_once, spawn
from workbench_widgets.warm_and_cold import Pair
from workbench_widgets.words import number
from workbench_widgets.workbench_setup import STEP_OF, Setup, fate_of_prior, table_content

ALIVE = ("running", "pausing", "paused", "stopping", "watching")
OWN = ("variables", "space", "space errors", "past", "cold")  # commands that do not come from the page
TELL_S = 0.1  # shortest time between two words on how far a file was read


@dataclass(eq=False)
class Entry:
    """A run of the application, and its panel."""

    key: str
    label: str
    run: Run
    panel: RunPanel
    recipe: Recipe | None
    note: str = ""


class Workbench(anywidget.AnyWidget):
    """The application. Made by ``workbench.Workbench``, which says what can be preset.

    Attributes
    ----------
    recipe
        What would be run now.
    run
        The run that is shown, None if there is none.
    runs
        All runs of this application, by their labels.
    """

    _esm = script("workbench_fields", "workbench_data", "workbench")
    _css = styles("workbench")
    setup = t.Dict().tag(sync=True)  # the left column: values, options, faults, reasons
    sources = t.Dict().tag(sync=True)  # what can be chosen: sets, variables, files, kept runs
    table = t.Dict().tag(sync=True)  # what is shown of the table
    code = t.Unicode().tag(sync=True)
    chips: Any = t.List().tag(sync=True)  # the runs, in a line
    shown = t.Unicode("data").tag(sync=True)  # what stands on the right: "data", "code", or the key of a run
    job = t.Dict().tag(sync=True)  # what takes long just now: words, and the share that is done
    upload = t.Dict().tag(sync=True)  # how much of a file has come
    said = t.Dict().tag(sync=True)  # the answer to the last command that could not be obeyed
    ack = t.Int().tag(sync=True)  # commands carried out
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    past: PastTasksPanel | None = None  # made when it is first looked at

    def __init__(self, recipe: Recipe | None = None, given: Mapping[str, Any] | None = None) -> None:
        self._setup = Setup(recipe or Recipe(), given or {})
        self._entries: dict[str, Entry] = {}
        self._commands: SimpleQueue[tuple[dict[str, Any], list[Any]]] = SimpleQueue()
        self._done: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._busy = self._starting = self._stale = False
        self._touched = True  # whether more than the runs may have changed
        self._drawn_space: tuple[Space, Prior, Recipe] | None = None  # of the editor, until the recipe has been looked at
        self._shown_space: tuple[Space, Prior] | None = None
        self._variables: dict[str, Any] = {}
        self._upload: sources.Upload | None = None
        self._listed: list[str] = []
        self._kept: list[str] = []
        self._seen: dict[str, int] = {}
        self._paired: Pair | None = None  # the two runs that are shown beside each other
        self._asked_past: tuple[Any, ...] = ()  # for what past tasks were looked through
        self._n = 0
        drawn = self._setup.recipe.space
        self.editor = SpaceEditor(Space() if drawn is None else drawn)
        self.editor.observe(self._space_drawn, ["space", "prior"])
        self.editor.observe(lambda _: self.command({"cmd": "space errors"}), "errors")
        self._list_variables()
        super().__init__(parts={"space": self.editor}, setup=self._setup.content(), sources=self._sources())
        self.on_msg(lambda _, message, buffers: self.command(message, buffers))
        answer_at_once(self)
        self._watch_cells(on=True)
        self._ask_files("")
        pump.ask(self)

    # ---- from Python ---------------------------------------------------------------------------------------------------

    @property
    def recipe(self) -> Recipe:
        """What would be run now."""
        return self._setup.recipe

    @property
    def run(self) -> Run | None:
        """The run that is shown; the newest if none is shown."""
        entry = self._entries.get(self.shown) or (list(self._entries.values())[-1] if self._entries else None)
        return None if entry is None else entry.run

    @property
    def runs(self) -> dict[str, Run]:
        """All runs of this application, by their labels."""
        return {entry.label: entry.run for entry in self._entries.values()}

    # ---- what comes in -------------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any], buffers: list[Any] | None = None) -> None:
        """Take a command of the front end; any thread. It is carried out by the pump."""
        self._commands.put((message, buffers or []))
        pump.ask(self)

    def _space_drawn(self, _: Any) -> None:
        self.command({"cmd": "space", "space": self.editor.space, "prior": as_prior(self.editor.prior)})

    def fold(self, events: Iterable[Event]) -> None:
        """Take in what happened in a run: its panel knows more; here only its line changes."""

    def _watch_cells(self, *, on: bool) -> None:
        """Look at the notebook's variables after each cell."""
        from IPython import get_ipython

        shell = get_ipython()
        if shell is not None:
            with suppress(ValueError):  # it was taken away already
                (shell.events.register if on else shell.events.unregister)("post_run_cell", self._cell_ran)

    def _cell_ran(self, *_: Any) -> None:
        self.command({"cmd": "variables"})

    # ---- what goes out -------------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether something must still be drawn: runs that go on, or work that is under way."""
        return self._busy or any(e.run.state in ALIVE for e in self._entries.values())

    @property
    def n_drawn(self) -> int:
        """The panels of the runs count their own pictures."""
        return 0

    def draw(self) -> None:
        """Carry out commands, take what was worked out, and bring the page up to date. Called by the pump alone."""
        n = self._obey()
        while not self._done.empty():
            self._touched = True
            self._tried(self._done.get_nowait())
        self._take_space()
        if not self._busy and (self._stale or not self._setup.current):
            again, self._stale = self._stale, False
            self._cook(again=again)
        elif self._starting and not self._busy:
            self._starting = False
            self._tried(self._start)
        self._show_space()
        self._show_past()
        self._show_pair()
        with self.hold_sync():
            self._put(chips=self._chips())
            if self._touched:
                self._touched = False
                cooked = self._setup.cooked
                if cooked is not None:
                    self._put(table=table_content(cooked.plan), code=cooked.code)
                self._put(sources=self._sources(), setup=self._setup.content(self._wrong_space()))
            self.ack += n

    def _put(self, **state: Any) -> None:
        """Write traits that differ."""
        for name, value in state.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def _wrong_space(self) -> str:
        if not self.editor.errors or (self.recipe.objective is None and self.recipe.data is None):
            return ""
        return "what is on screen is no space yet: see the errors at its fields."

    def _show_space(self) -> None:
        """Let the editor show the space that would be searched, where that is another one than it was."""
        cooked = self._setup.cooked
        if cooked is None or not self._setup.current:
            return
        space = cooked.plan.space if cooked.plan.space is not None else cooked.plan.usual_space
        if space is None and cooked.plan.own and cooked.plan.way != "optuna":
            space = Space()
        prior = cooked.recipe.prior
        if space is not None and (space, prior) != self._shown_space:
            self._shown_space = space, prior
            if (space, prior) != (self.editor.space, as_prior(self.editor.prior)) or self.editor.errors:
                self.editor.space = space
                self.editor.show(space)
                self.editor.prior = as_said(prior)
        note = fate_of_prior(cooked.plan)
        if self.editor.prior_note != note:
            self.editor.prior_note = note

    def _past_changed(self, asked: Asked) -> None:
        self.command({"cmd": "past", "asked": asked})

    def _show_past(self) -> None:
        """Let the panel of past tasks look for those that are like the table, if it is looked at."""
        cooked = self._setup.cooked
        if self.past is None or self.shown != "past" or cooked is None or not self._setup.current or self._busy:
            return
        plan, r = cooked.plan, self.recipe
        sound = plan.table is not None and plan.target is not None and plan.space is not None and not plan.own
        ended = sum(e.run.state not in ALIVE for e in self._entries.values())  # each is a past task more
        wish = (r.data, plan.target, plan.columns, plan.space, ended, r.similar, r.warm_start)
        if wish == self._asked_past or "warm_start" in plan.faults:
            return
        self._asked_past, panel = wish, self.past
        if not sound or plan.table is None:
            panel.ask(Asked(k=r.similar, n=r.warm_start))
            return

        name = str(plan.table.data.name)

        def work() -> Callable[[], None]:
            features = About.of(plan.rows()).measured().features
            return lambda: panel.ask(Asked(features, plan.space, name, r.similar, r.warm_start))

        self._work("Looking through past tasks", work)

    def _show_pair(self) -> None:
        """Let the panel of past tasks show the newest warm run beside a cold one of the same settings."""
        if self.past is None or self.shown != "past":
            return
        pair = Pair.of(list(self._entries.values()))
        if pair is None or pair == self._paired:
            return
        self._paired = pair
        self.past.show_pair(pair.picture(), note=pair.note, can=pair.cold is None)

    def _take_space(self) -> None:
        """Take what was drawn in the editor, once the recipe that it was drawn for has been looked at."""
        if self._drawn_space is None or not self._setup.current:
            return
        (space, prior, recipe), self._drawn_space = self._drawn_space, None
        if (space, prior) != self._shown_space and _is_for(recipe) == _is_for(self.recipe):
            self._shown_space = space, prior
            self._setup.draw_space(space, prior)
            self._touched = True
            self._put(said={})

    def _sources(self) -> dict[str, Any]:
        return {"examples": sources.examples(), **self._variables, "files": self._listed,
                "kept": [n for n in self._kept if n not in {e.run.name for e in self._entries.values()}]}

    def _list_variables(self) -> None:
        names = self._setup.names
        self._variables = {"tables": sources.tables(names), "objectives": sources.objectives(names, self._setup.given)}

    def _chips(self) -> list[dict[str, Any]]:
        out = []
        for e in self._entries.values():
            trials = e.run.trials
            best = None if e.run.goals.several else trials.best
            out.append({"key": e.key, "label": e.label, "state": e.run.state, "done": trials.n_done, "total": e.run.n_trials,
                        "best": None if best is None else number(trials.value(best.loss)), "note": e.note,
                        "recipe": e.recipe is not None, "alive": e.run.state in ALIVE and not e.run.read_only})
        return out

    # ---- commands ------------------------------------------------------------------------------------------------------

    def _obey(self) -> int:
        n = 0
        for message, buffers in waiting(self._commands):
            self._touched = True
            if message.get("cmd") not in OWN:
                n += 1
                self._put(said={})
            self._tried(lambda message=message, buffers=buffers: self._do(message, buffers))  # type: ignore[misc]
        return n

    def _tried(self, act: Callable[[], None]) -> None:
        """Do it; whoever clicked must see what went wrong, and the pump must go on."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - see above
            self._say(words(error))

    def _say(self, text: str, field: str = "") -> None:
        self._n += 1
        self.said = {"text": text, "field": field, "step": STEP_OF.get(field, 3) if field else 0, "n": self._n}

    def _do(self, m: dict[str, Any], buffers: list[Any]) -> None:
        setup = self._setup
        match m:
            case {"cmd": "source", "value": str(source)}:
                setup.change_source(source)
                if source == "csv":
                    self._ask_files("")
            case {"cmd": "data", "kind": "objective", "name": str(name)}:
                setup.choose_objective(name or None)
            case {"cmd": "data", "kind": "example" | "kernel" | "csv" as kind, "name": str(name)}:
                again = Data(kind, name.strip())
                self._stale = again == self.recipe.data  # asked again: read again
                setup.choose(again if name.strip() else None)
                self.shown = "data"
            case {"cmd": "set", "field": str(field), "value": value}:
                setup.assign(field, value)
            case {"cmd": "use", "column": str(column), "on": bool(on)}:
                setup.use_column(column, on=on)
            case {"cmd": "space", "space": Space() as space, "prior": tuple(prior)}:
                self._drawn_space = space, prior, self.recipe
            case {"cmd": "default space"}:
                self._shown_space = None
                setup.default_space()
            case {"cmd": "files", "prefix": str(prefix)}:
                self._ask_files(prefix)
            case {"cmd": "upload", "name": str(name), "size": int(size)}:
                self._begin_upload(name, size)
            case {"cmd": "piece", "at": int(at)}:
                self._take_piece(at, buffers)
            case {"cmd": "variables"}:
                self._look_at_variables()
            case {"cmd": "start"}:
                self._starting = True
            case _:
                self._do_with_runs(m)

    def _do_with_runs(self, m: dict[str, Any]) -> None:
        match m:
            case {"cmd": "show", "what": str(what)} if what in ("data", "past", "code") or what in self._entries:
                self.shown = what
                if what == "past" and self.past is None:
                    self.past = PastTasksPanel(past_tasks(), changed=self._past_changed,
                                               cold=lambda: self.command({"cmd": "cold"}))
                    self.parts = {**self.parts, "past": self.past}
            case {"cmd": "cold"}:
                pair = Pair.of(list(self._entries.values()))
                if pair is not None:
                    self._begin(pair.cold_recipe)
            case {"cmd": "past", "asked": Asked() as asked}:
                self._setup.recipe = replace(self.recipe, warm_start=asked.n, similar=asked.k)
                self._asked_past = (*self._asked_past[:-2], asked.k, asked.n)  # it has looked already
            case {"cmd": "settings", "run": str(key)} if key in self._entries:
                recipe = self._entries[key].recipe
                if recipe is not None:
                    self._shown_space = None
                    self._setup.take_recipe(recipe)
            case {"cmd": "remove", "run": str(key)} if key in self._entries:
                self._remove(key)
            case {"cmd": "open", "name": str(name)}:
                self._work(f"Opening {name}", lambda: self._opened(name))

    # ---- work that takes long --------------------------------------------------------------------------------------------

    def _work(self, words: str, act: Callable[[], Callable[[], None]]) -> None:
        """Do something in a thread of its own; what it returns is then done by the pump."""
        self._busy = True
        self._put(job={"words": words, "share": None})

        def work() -> None:
            try:
                then = act()
            except Exception as error:  # noqa: BLE001 - shown by whoever takes the result
                then = _raiser(error)
            self._done.put(lambda: self._ended(then))
            pump.ask(self)

        spawn(work, "application")

    def _ended(self, then: Callable[[], None]) -> None:
        self._busy = False
        self._put(job={})
        then()

    def _cook(self, *, again: bool) -> None:
        """Look closely at the recipe as it is now; ``again``: read its table anew."""
        setup, recipe = self._setup, self.recipe
        table = None if self._changed(recipe) or again or setup.cooked is None else setup.cooked.table
        fresh = recipe.data is not None and (table is None or table.data != recipe.data)
        words = f"Reading {recipe.data.name}" if recipe.data is not None and fresh else "Looking at the settings"
        told = 0.0

        def tell(share: float) -> None:
            nonlocal told
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                self._done.put(lambda: self._put(job={"words": words, "share": round(share, 2)}))
                pump.ask(self)

        def work() -> Callable[[], None]:
            known_table: Table | None = table
            if fresh and recipe.data is not None:
                with suppress(WorkbenchError):  # the plan says it again, at the field
                    known_table = load(recipe.data, setup.names, tell)
            cooked = setup.cook(recipe, known_table)
            return lambda: setup.take(recipe, cooked)

        self._work(words, work)

    def _changed(self, recipe: Recipe) -> bool:
        """Whether a variable that is used is another one than it was, or the same is to be read again."""
        names, now = self._setup.names, dict[str, int]()
        used = [recipe.objective] if recipe.objective else [recipe.data.name, recipe.data.y] if (
            recipe.data is not None and recipe.data.kind == "kernel") else []
        for name in used:
            if name is not None:
                value = names.get(name)
                now[name] = hash((id(value), getattr(value, "shape", None)))
        changed = any(self._seen.get(name) != mark for name, mark in now.items())
        self._seen = now
        return changed

    def _look_at_variables(self) -> None:
        self._list_variables()
        before = dict(self._seen)
        if self._changed(self.recipe):
            self._seen = before
            self._stale = True

    def _ask_files(self, prefix: str) -> None:
        def work() -> None:
            listed, kept = sources.files(prefix), kept_runs()

            def take() -> None:
                self._listed, self._kept = listed, kept

            self._done.put(take)
            pump.ask(self)

        spawn(work, "files")

    def _begin_upload(self, name: str, size: int) -> None:
        if self._upload is not None:
            self._upload.drop()
        self._upload = None
        self._upload = sources.Upload(name, size)
        self.upload = {"name": self._upload.path.name, "size": size, "received": 0}

    def _take_piece(self, at: int, buffers: list[Any]) -> None:
        upload = self._upload
        if upload is None or not buffers:
            raise WorkbenchError("no upload is under way. Choose the file again.")
        complete = upload.take(at, bytes(buffers[0]))
        self.upload = {"name": upload.path.name, "size": upload.size, "received": upload.received}
        if complete:
            self._upload = None
            self._setup.choose(Data("csv", upload.path.as_posix()))
            self.shown = "data"
            self._ask_files("")

    # ---- runs ------------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Make a run of the recipe, and start it."""
        cooked = self._setup.cooked
        assert cooked is not None
        faults = dict(cooked.plan.faults)
        if wrong := self._wrong_space():
            faults["space"] = wrong
        if faults:
            field, text = next(iter(faults.items()))
            more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
            self._say(f"Not yet. Step {STEP_OF.get(field, 3)}: {text}{more}", field)
            return
        self._begin(self.recipe)

    def _begin(self, recipe: Recipe) -> None:
        """Make a run of a recipe that was looked at, and start it."""
        cooked = self._setup.cooked
        same = cooked is not None and cooked.table is not None and cooked.table.data == recipe.data
        table = cooked.table if cooked is not None and same and recipe.data is not None and recipe.data.kind != "kernel" else None

        def work() -> Callable[[], None]:
            named = recipe if recipe.name is None else replace(recipe, name=free_name(recipe.name))
            run = named.run(self._setup.names, table)
            run.start()
            return lambda: self._add(run, named, "")

        self._work("Starting", work)

    def _opened(self, name: str) -> Callable[[], None]:
        run, recipe, why = reopen(name, self._setup.names)
        return lambda: self._add(run, recipe, why)

    def _add(self, run: Run, recipe: Recipe | None, note: str) -> None:
        """Show a run of its own, beside those that are there."""
        try:
            panel = RunPanel(run)
        except Exception:
            run.close()  # nobody could reach it any more
            raise
        key = uuid.uuid4().hex[:8]
        entry = Entry(key, self._label(run, recipe), run, panel, recipe, note)
        self._entries[key] = entry
        pump.attach(self, run.log, cursor=len(run.log))
        with self.hold_sync():
            self.parts = {**self.parts, key: entry.panel}
            self.chips = self._chips()
            self.shown = key
        self._ask_files("")

    def _label(self, run: Run, recipe: Recipe | None) -> str:
        """Name a run: its name, else its estimator's; with -2, -3, … where that is taken."""
        base = run.name or _short_name(recipe)
        taken = {e.label for e in self._entries.values()}
        label, k = base, 1
        while label in taken:
            k += 1
            label = f"{base}-{k}"
        return label

    def _remove(self, key: str) -> None:
        entry = self._entries[key]
        if entry.run.state in ALIVE and not entry.run.read_only:
            raise WorkbenchError(f"{entry.label} is {entry.run.state}. Stop it first; then it can be taken off the list.")
        del self._entries[key]
        entry.run.close()
        with self.hold_sync():
            if self.shown == key:
                self.shown = list(self._entries)[-1] if self._entries else "data"
            self.parts = {name: part for name, part in self.parts.items() if name != key}
            self.chips = self._chips()
        entry.panel.close()
        pump.detach(self)
        for left in self._entries.values():
            pump.attach(self, left.run.log, cursor=len(left.run.log))
        self._ask_files("")

    # ---- the end, and places without a kernel ------------------------------------------------------------------------------

    def close(self) -> None:
        """Take the application away; its runs go on, and stay in ``runs``."""
        pump.detach(self)
        self._watch_cells(on=False)
        if self._upload is not None:
            self._upload.drop()
        for entry in self._entries.values():
            entry.panel.close()
        if self.past is not None:
            self.past.close()
        self.editor.close()
        super().close()

    def _repr_html_(self) -> str:
        r = self.recipe
        rows = [("what", r.objective or (r.data.name if r.data is not None else "nothing chosen yet")),
                ("estimator", "–" if r.objective else r.estimator), ("trials", "no limit" if r.n_trials is None else r.n_trials),
                ("algorithm", "recommended" if r.algorithm is None else catalogue.label(r.algorithm))]
        runs = [(label, f"{run.state}, {run.n_done} trials" + ("" if run.goals.several or run.best is None else
                 f", best {number(run.trials.value(run.best.loss))}")) for label, run in self.runs.items()]
        body = "".join(f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in [*rows, *runs])
        return (f"<table>{body}</table><p><i>The workbench: run the notebook to use it. As a script:</i></p>"
                f"<pre>{html.escape(self.code)}</pre>")

    def __repr__(self) -> str:
        return f"Workbench({', '.join(f'{k}: {run.state}' for k, run in self.runs.items()) or 'no run yet'})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self), "text/html": self._repr_html_()}, meta


def _is_for(recipe: Recipe) -> tuple[Any, ...]:
    """Return what a space that is drawn belongs to."""
    return recipe.data, recipe.objective, recipe.estimator, recipe.fidelity


def _raiser(error: Exception) -> Callable[[], None]:
    def again() -> None:
        raise error

    return again


def _short_name(recipe: Recipe | None) -> str:
    if recipe is None:
        return "run"
    if recipe.objective is not None:
        return recipe.objective
    if recipe.estimator == AUTO:
        return "auto"
    found = [k for k in (known("classification", recipe.estimator), known("regression", recipe.estimator)) if k is not None]
    return found[0].short if found else recipe.estimator


def make(data: Any = None, target: str | None = None, *, objective: Any = None, space: Space | None = None,
         **settings: Any) -> Workbench:
    """Make the application with these settings; see ``workbench.Workbench``."""
    given: dict[str, Any] = {}
    source: Data | None = None
    if isinstance(data, Data) or data is None:
        source = data
    elif isinstance(data, str):
        source = Data("example" if data in DATA_SETS else "csv", data)
    elif isinstance(data, tuple) and len(data) == 2 and is_table(data[0]):
        given |= {(x := _name_of(data[0], "X")): data[0], (y := _name_of(data[1], "y")): data[1]}
        source = Data("kernel", x, y)
    elif is_table(data):
        name = _name_of(data, "df")
        given[name] = data
        source = Data("kernel", name)
    else:
        raise WorkbenchError(f"data= is a DataFrame, an array of two dimensions, (X, y), the name of an example set or the path "
                             f"of a CSV file, got {type(data).__name__}. Example sets are {', '.join(DATA_SETS)}.")
    function: str | None = objective if isinstance(objective, str) else None
    if objective is not None and function is None:
        function = _name_of(objective, getattr(objective, "__name__", "objective"))
        given[function] = objective
    if source is not None and function is not None:
        raise WorkbenchError("give data= or objective=, not both: an objective of your own reads its data itself.")
    try:
        recipe = Recipe(source, target, objective=function, space=space, **settings)
    except TypeError as error:
        raise WorkbenchError(f"{str(error).replace('Recipe.__init__()', 'Workbench')}. The settings are those of a recipe: "
                             f"{', '.join(Recipe.__dataclass_fields__)}.") from error
    return Workbench(recipe, given)


def _name_of(value: Any, otherwise: str) -> str:
    """Return the name that the notebook has for a value."""
    names = sources.namespace({})
    return next((n for n in list(names) if isinstance(n, str) and not sources.hidden(n) and names.get(n) is value),
                otherwise if otherwise.isidentifier() else "objective")
