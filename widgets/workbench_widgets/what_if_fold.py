"""Of the run panel: what other algorithms would have suggested at the moment that is shown.

Algorithms think on a thread of their own: neither the kernel's main thread nor the pump waits for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import anywidget
import ipywidgets
import traitlets as t

from workbench.errors import WorkbenchError
from workbench.plots.figure import empty
from workbench.plots.what_if import HEIGHT, has_slices, style, what_if
from workbench.recording import Recording
from workbench.run import Run
from workbench.search import catalogue
from workbench.what_if import FOR_LOSSES, PRESET, Answer, Question, WhatIf
from workbench_widgets.assets import script
from workbench_widgets.inbox import waiting, words
from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.playhead import Playhead
from workbench_widgets.threads import answer_at_once, spawn
from workbench_widgets.view import Selection
from workbench_widgets.words import number, short

GLYPHS = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆", "cross": "✚", "star": "★", "hexagon": "⬢",
          "pentagon": "⬟"}
MOST = 5  # suggestions of each algorithm
KINDS = (("lines", "all parameters"), ("map", "two parameters"), ("beliefs", "what each believes"))


@dataclass(slots=True)
class _Asking:
    """One question under way, or answered. Written by its thread, read by the pump."""

    names: tuple[str, ...]
    before: int | None
    question: Question | None = None
    answers: list[Answer] = field(default_factory=list)
    trouble: str = ""
    over: bool = False
    dropped: bool = False  # nobody waits for it any more

    @property
    def found(self) -> WhatIf | None:
        """What is known so far."""
        return None if self.question is None else WhatIf(self.question, tuple(self.answers))


class WhatIfFold(anywidget.AnyWidget):
    """The question, the answers as a table and a picture. Calls as in ``ReplayBar``.

    Parameters
    ----------
    run
        Who is asked for the history.
    head
        The moment that is shown.
    """

    _esm = script("what_if_fold")
    asked = t.Dict().tag(sync=True)
    parts = t.Dict().tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, run: Run | Recording, head: Playhead, selection: Selection, *, ask: Callable[[], object]) -> None:
        self._run, self._head, self._selection, self._ask = run, head, selection, ask
        self._commands: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._open = False
        self._asking: _Asking | None = None
        self._kind, self._x, self._y = "lines", "", ""
        self._chosen: int | None = None
        self._said = ""
        self._drawn: tuple[Any, ...] | None = None
        self.live = LiveFigure(empty("Choose algorithms and press Ask.", height=HEIGHT), on_shown=ask)
        self.live.observe(lambda change: self.command({"cmd": "mark", "mark": change["new"].get("trial")}), "clicked")
        super().__init__(asked=self._content(), parts={"figure": self.live})
        self.on_msg(lambda _, message, __: self.command(message))
        answer_at_once(self)

    # ---- what comes in ---------------------------------------------------------------------------------------------------

    def command(self, message: dict[str, Any]) -> None:
        """Take a command of the page; any thread. It is carried out by the pump."""
        self._commands.put(message)
        self._ask()

    def obey(self) -> None:
        """Carry out what was asked."""
        for message in waiting(self._commands):
            try:
                self._do(message)
            except Exception as error:  # noqa: BLE001 - whoever clicked must see it; the pump must go on
                self._said = words(error)

    def _do(self, message: dict[str, Any]) -> None:
        match message:
            case {"cmd": "open", "open": bool(is_open)}:
                self._open = is_open
            case {"cmd": "ask", "names": list(names), "n": int(n)}:
                self._begin(tuple(name for name in map(str, names) if name in catalogue.LABELLED), min(max(n, 1), MOST))
            case {"cmd": "drop"} if self._asking is not None:
                self._asking.dropped = True
            case {"cmd": "view", "kind": str(kind), "x": str(x), "y": str(y)} if kind in dict(KINDS):
                self._kind, self._x, self._y = kind, x, y
            case {"cmd": "mark", "mark": int(mark)} if mark >= 0:
                self._selection.pick(mark)
            case {"cmd": "mark", "mark": int(mark)}:
                self._choose(-1 - mark)
            case {"cmd": "choose", "k": int(k)}:
                self._choose(None if k == self._chosen else k)
            case {"cmd": "try", "k": int(k)}:
                self._try(k)
            case _:
                pass

    def _choose(self, k: int | None) -> None:
        self._chosen, self._said = k, ""

    def _try(self, k: int) -> None:
        config = self._config(k)
        if config is None:
            return
        self._run.enqueue(config)
        going = self._run.state in ("running", "pausing")
        self._said = "It is tried next." if going else "It is tried next, as soon as the run goes on."

    def _config(self, k: int | None) -> dict[str, Any] | None:
        """Return a suggestion by its number through all answers."""
        configs = [] if self._asking is None else [c for a in self._asking.answers for c in a.configs]
        return configs[k] if k is not None and 0 <= k < len(configs) else None

    # ---- the algorithms think --------------------------------------------------------------------------------------------

    def _begin(self, names: tuple[str, ...], n: int) -> None:
        self._said, self._chosen = "", None
        if not names:
            self._said = "Choose at least one algorithm."
            return
        if self._asking is not None:
            self._asking.dropped = True
        asking = self._asking = _Asking(names, self._head.next_trial)
        spawn(lambda: self._think(asking, n), "what if")

    def _think(self, asking: _Asking, n: int) -> None:
        try:
            asking.question = self._run.question(asking.before)
            for answer in asking.question.ask([catalogue.LABELLED[name] for name in asking.names], n):
                asking.answers.append(answer)
                if asking.dropped:
                    break
                self._ask()
        except WorkbenchError as error:
            asking.trouble = str(error)
        except Exception as error:  # noqa: BLE001 - whoever asked must see it
            asking.trouble = f"{type(error).__name__}: {error}"
        asking.over = True
        self._ask()

    # ---- what goes out ---------------------------------------------------------------------------------------------------

    @property
    def n_drawn(self) -> int:
        """How many of its pictures the page may have to draw."""
        return int(self.live.shown)

    def draw(self) -> None:
        """Bring table and picture up to date. Called by the pump alone."""
        content = self._content()
        if content != self.asked:
            self.asked = content
        asking = self._asking
        found = None if asking is None else asking.found
        if asking is None or found is None or not self._open:
            return
        view = content["view"]
        key = (asking, len(asking.answers), view["kind"], view["x"], view["y"], self._chosen)
        if key != self._drawn and found.answers:
            self._drawn = key
            self.live.update(self._picture(found, view))

    def _picture(self, found: WhatIf, view: dict[str, Any]) -> dict[str, Any]:
        x = None if view["kind"] == "lines" else view["x"]
        y = view["y"] if view["kind"] == "map" else None
        return what_if(found, x, y, selected=self._chosen)

    def _content(self) -> dict[str, Any]:
        run, head = self._run, self._head
        space = run.space
        reason = "" if space is not None and len(space) else \
            "There is no space to ask about yet: an Optuna objective makes it as it goes, and the first trial tells it."
        n_losses = len(run.goals)
        content: dict[str, Any] = {"any": bool(head.reel.ends), "open": self._open}
        if not self._open:
            return content
        known = [] if space is None else catalogue.offered(space, n_losses=n_losses, scheduled=run.scheduler is not None)
        preset = [name for name in (*(FOR_LOSSES if n_losses > 1 else ()), *PRESET) if name in known]
        before = head.next_trial
        moment = f"instead of trial {before}, with what was known when it was chosen" if before is not None else \
            "next, with what is known now" if head.follows else "next, at the end: no trial was chosen after this moment"
        return {**content, "reason": reason, "moment": moment, "preset": preset,
                "others": [name for name in known if name not in preset], "most": MOST, "said": self._said,
                "left_out": _left_out([name for name in PRESET if name not in known], n_losses),
                "writable": not run.read_only, **self._answered()}

    def _answered(self) -> dict[str, Any]:
        asking = self._asking
        if asking is None:
            return {"rows": [], "thinking": "", "names": [], "view": {}}
        n, total = len(asking.answers), len(asking.names)
        thinking = "" if asking.over or asking.dropped else f"{asking.names[min(n, total - 1)]} is thinking ({n + 1} of {total})"
        dropped = asking.dropped and n < total
        question = asking.question
        names = [] if question is None else list(question.history.space.names)
        space = None if question is None else question.history.space
        columns = sorted(space.columns if space is not None else (), key=lambda c: (bool(c.parents), c.kind == "choice"))
        x = self._x if self._x in names else (columns[0].name if columns else "")
        rest = [c.name for c in columns if c.name != x]  # what is always there comes first, and numbers before choices
        kinds = [(k, text) for k, text in KINDS if (k != "map" or len(names) > 1)
                 and (k != "beliefs" or any(a.why and has_slices(a.why[0]) for a in asking.answers))]
        kind = self._kind if self._kind in dict(kinds) else "lines"
        view = {"kind": kind, "kinds": kinds, "x": x, "y": self._y if self._y in rest else (rest or [""])[0]}
        rows, k = list[dict[str, Any]](), 0
        for i, a in enumerate(asking.answers):
            color, symbol = style(i)
            head = {"algorithm": a.algorithm, "color": color, "glyph": GLYPHS[symbol]}
            if a.error:
                rows.append({**head, "k": None, "error": a.error, "left_out": a.left_out})
            for config, why, seconds, apart in zip(a.configs, a.why, a.seconds, a.distance, strict=True):
                rows.append({**head, "k": k, "config": [[p, short(v)] for p, v in config.items()], "why": why.summary(),
                             "code": repr(config), "time": _duration(seconds),
                             "distance": "" if math.isnan(apart) else number(apart)})
                k += 1
        really: dict[str, Any] | None = None
        if question is not None and question.trial is not None:
            trial = question.trial
            really = {"trial": trial.number, "config": [[p, short(v)] for p, v in trial.config.items()],
                      "why": "" if trial.why is None else trial.why.summary()}
        return {"rows": rows, "thinking": thinking, "dropped": dropped, "names": names, "view": view, "really": really,
                "trouble": asking.trouble, "words": "" if question is None else question.words,
                "chosen": self._chosen}

    def close(self) -> None:
        """Take it away; nobody waits for an answer then."""
        if self._asking is not None:
            self._asking.dropped = True
        self.live.close()
        super().close()


def _left_out(names: list[str], n_losses: int) -> str:
    if n_losses == 1:
        return ""
    return f"{', '.join(names)} are left out: they search for the best of one loss, and this run has {n_losses}."


def _duration(seconds: float) -> str:
    """Write how long an algorithm thought."""
    if seconds < 0.001:
        return "< 1 ms"
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else f"{number(seconds)} s"
