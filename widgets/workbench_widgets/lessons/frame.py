"""The frame of every lesson: a question, controls, one picture, the formula beside it, and one line that says it all.

A lesson is a frozen state, pure functions of it (picture, formula, summary) and this thin shell, which only turns
clicks, sliders and keys into new states. Handlers may run on several threads at once, so every change goes through
``change`` and its lock.
"""

from __future__ import annotations

import html
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import anywidget
import ipywidgets as w
import traitlets as t

from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.threads import spawn

if TYPE_CHECKING:
    import plotly.graph_objects as go

HERE = Path(__file__).parent
UNDO = 200  # states that "back" remembers
KEYS = {" ": "play", "s": "step", "ArrowRight": "step", "ArrowLeft": "back", "r": "reset", "p": "predict", "?": "help"}
HELP = ("<kbd>space</kbd> play · <kbd>→</kbd> or <kbd>s</kbd> step · <kbd>←</kbd> back · <kbd>r</kbd> reset · <kbd>p</kbd> "
        "predict first, while the lesson has the focus. Click in the picture, or type x and press the button beside it.")

State = TypeVar("State")


class Ears(anywidget.AnyWidget):
    """What only the browser knows: keys, the formula's term under the pointer, the wish for less motion."""

    _esm = HERE / "lesson.js"
    _css = HERE / "lesson.css"
    label = t.Unicode().tag(sync=True)
    meanings = t.Dict(KEYS).tag(sync=True)  # what each key means
    alt = t.Unicode().tag(sync=True)
    lit = t.Unicode().tag(sync=True)
    reduced_motion = t.Bool(default_value=False).tag(sync=True)


@dataclass(frozen=True, slots=True)
class Dial:
    """A slider over one field of the state."""

    field: str
    label: str  # what it is, with its unit
    low: float
    high: float
    log: bool = False
    step: float = 0.01
    digits: str = ".3f"

    def is_same(self, a: float, b: float) -> bool:
        """Tell whether two values are one stop of the slider: it rounds what it is given and sends that back."""
        return abs(math.log10(a / b)) < 0.004 if self.log else abs(a - b) < 0.4 * self.step

    def widget(self, value: float) -> Any:
        """Make the slider. It shows its value as a number that can be typed into as well."""
        common = {"description": self.label, "readout_format": self.digits, "continuous_update": True,
                  "style": {"description_width": "initial"}, "layout": {"width": "max-content"}}
        if self.log:
            return w.FloatLogSlider(value, min=math.log10(self.low), max=math.log10(self.high), step=0.01,
                                   **common)
        return w.FloatSlider(value, min=self.low, max=self.high, step=self.step, **common)


class Lesson(w.VBox, Generic[State]):  # type: ignore[misc]
    """Shell of a lesson. A child says what its state, picture, formula and moves are."""

    name = "Lesson"
    dials: tuple[Dial, ...] = ()
    can_step = True
    can_undo = True
    can_predict = True
    predict_each_step = True  # whether the answer is hidden again after each step
    ask = "click in the picture, or type your guess"  # how to predict
    key_map: ClassVar[dict[str, str]] = KEYS
    help_text = HELP

    def __init__(self, start: State) -> None:
        self.start = self.state = start
        self._past: list[tuple[str, State]] = []
        self._lock = threading.RLock()
        self._playing = threading.Event()
        self._quiet = False
        self.live = LiveFigure(self.picture(start))
        self.live.layout = w.Layout(width="100%")
        self._ears = Ears(label=f"Lesson: {self.name}", alt=self.summary(start), meanings=self.key_map)
        self._question, self._formula, self._status = w.HTML(), w.HTML(), w.HTML()
        self._sliders = {d.field: d.widget(getattr(start, d.field)) for d in self.dials}
        super().__init__(self._rows())
        for widget, css in ((self, "wb-lesson"), (self._question, "wb-lesson-question"),
                            (self._formula, "wb-lesson-formula"), (self._status, "wb-lesson-status")):
            widget.add_class(css)
        self._listen()
        self._show()

    # What a child tells -------------------------------------------------------------------------------------------

    def picture(self, state: State, lit: str = "") -> dict[str, Any]:
        """Draw the state as a plotly dict, with the term ``lit`` of the formula drawn stronger."""
        raise NotImplementedError

    def formula(self, state: State) -> str:
        """Write the formula with its present numbers, as HTML."""
        raise NotImplementedError

    def question(self, state: State) -> str:
        """Say what to do or to think about now."""
        raise NotImplementedError

    def summary(self, state: State) -> str:
        """Say in one line what the picture shows, for those who do not see it too."""
        raise NotImplementedError

    def stepped(self, state: State) -> State:
        """Take the algorithm's next step; the same state when there is none left."""
        return state

    def clicked(self, state: State, x: float, y: float, subplot: str) -> State:  # noqa: ARG002
        """Answer a click in the picture."""
        return state

    # With "predict first" the answer stays hidden until the learner has said what it will be: a ``guess`` in the state.

    def is_open(self, state: State) -> bool:
        """Whether the answer is on view."""
        return bool(getattr(state, "shown", True))

    def reveal(self, state: State) -> State:
        """Show the answer."""
        return replace(state, shown=True)  # type: ignore[type-var]

    def cover(self, state: State) -> State:
        """Hide the answer, for the next prediction."""
        return replace(state, shown=False, guess=None)  # type: ignore[type-var]

    def awaits(self, state: State) -> bool:
        """Whether the learner must predict before the answer may be seen."""
        return not self.is_open(state) and getattr(state, "guess", None) is None

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        return []

    # The shell ------------------------------------------------------------------------------------------------------

    def _rows(self) -> list[Any]:
        buttons = [self._button("Back", "undo", self.back, "Take the last change back (←)")] if self.can_undo else []
        if self.can_step:
            self._play = self._button("Play", "play", self.toggle_play, "Step again and again (space)")
            self._speed = w.Dropdown(options={"slow": 2.0, "normal": 1.0, "fast": 0.4}, value=1.0, description="speed",
                                     layout={"width": "130px"}, style={"description_width": "initial"})
            buttons += [self._button("Step", "step-forward", self.step, "One step of the algorithm (→ or s)"),
                        self._play, self._speed]
        buttons.append(self._button("Reset", "refresh", self.reset, "Bring the start back (r)"))
        self._predict = w.Checkbox(False, description="predict first", indent=False, layout={"width": "auto"},
                                   tooltip="Hide every answer until you have said what you expect (p)")
        self._predict.observe(lambda _: self._set_predict(), "value")
        if self.can_predict:
            buttons.append(self._predict)
        wrap = w.Layout(flex_flow="row wrap", align_items="center")
        picture = w.Box([self.live], layout=w.Layout(flex="1 1 480px", min_width="320px"))
        picture.add_class("wb-lesson-picture")
        self._formula.layout = w.Layout(flex="1 1 270px", max_width="380px", margin="0 0 0 12px")
        return [self._question, w.HBox([*buttons, *self.controls()], layout=wrap),
                w.HBox(list(self._sliders.values()), layout=wrap),
                w.HBox([picture, self._formula], layout=w.Layout(flex_flow="row wrap", align_items="flex-start")),
                self._status, self._ears]

    def _button(self, label: str, icon: str, act: Callable[[], object], tooltip: str = "") -> Any:
        button = w.Button(description=label, icon=icon, tooltip=tooltip, layout={"width": "auto"})
        button.on_click(lambda _: act())
        return button

    def _choice(self, field: str, label: str, options: dict[str, Any]) -> Any:
        """Make a drop-down over one field of the state."""
        choice = w.Dropdown(options=options, value=getattr(self.start, field), description=label,
                            layout={"width": "auto"}, style={"description_width": "initial"})
        self._input(field, choice)
        return choice

    def _tick(self, field: str, label: str) -> Any:
        """Make a check box over one field of the state."""
        box = w.Checkbox(getattr(self.start, field), description=label, indent=False, layout={"width": "auto"})
        self._input(field, box)
        return box

    def _number(self, field: str, label: str, high: int = 9999) -> Any:
        """Make a field for a whole number of the state, such as a seed."""
        box = w.BoundedIntText(getattr(self.start, field), min=0, max=high, description=label,
                               layout={"width": "110px"}, style={"description_width": "initial"})
        self._input(field, box)
        return box

    def at_x(self, label: str, act: Callable[[State, tuple[float, ...]], State], n: int = 1) -> list[Any]:
        """Make a button and n fields for coordinates: the way to click in the picture without a pointer."""
        fields = [w.BoundedFloatText(0.5, min=0.0, max=1.0, step=0.05, layout={"width": "70px"}) for _ in range(n)]
        for field in fields:
            field.tooltip = "between 0 and 1: left to right, or bottom to top"

        def go() -> None:
            self.change(lambda s: act(s, tuple(f.value for f in fields)))

        return [self._button(label, "crosshairs", go), *fields]

    def _input(self, field: str, control: Any) -> None:
        self._inputs = {**getattr(self, "_inputs", {}), field: control}

    def _listen(self) -> None:
        self._inputs = {**getattr(self, "_inputs", {}), **self._sliders}
        for field, control in self._inputs.items():
            control.observe(lambda change, field=field: self._dialled(field, change["new"]), "value")
        self.live.observe(lambda change: self._on_click(change["new"]), "clicked")
        self._ears.observe(lambda _: self._redraw(), "lit")
        self._ears.on_msg(lambda _, message, __: self._key(message))

    def _dialled(self, field: str, value: Any) -> None:
        dial = next((d for d in self.dials if d.field == field), None)
        if not self._quiet and not (dial and dial.is_same(getattr(self.state, field), value)):
            self.change(lambda s: self.dialled(s, field, value), merge=field)

    def dialled(self, state: State, field: str, value: Any) -> State:
        """Put the value of a slider, box or drop-down into the state."""
        return replace(state, **{field: value})  # type: ignore[type-var]

    def _on_click(self, click: dict[str, Any]) -> None:
        if click and click.get("x") is not None:
            self.change(lambda s: self.clicked(s, float(click["x"]), float(click["y"]), str(click["subplot"])))

    def _key(self, message: dict[str, Any]) -> None:
        moves = self.moves(shift=bool(message.get("shift")))
        if message.get("type") == "key" and message.get("meant") in moves:
            moves[message["meant"]]()

    def moves(self, *, shift: bool) -> dict[str, Callable[[], object]]:  # noqa: ARG002
        """Return what keys can mean, by the words of ``key_map``; ``shift`` tells whether that key is held."""
        return {"play": self.toggle_play, "step": self.step, "back": self.back, "reset": self.reset,
                "predict": self._toggle_predict, "help": self._help}

    def change(self, move: Callable[[State], State], merge: str = "") -> bool:
        """Go to a new state and draw it. Changes with the same ``merge`` in a row are one for ``back``."""
        with self._lock:
            new = move(self.state)
            if new == self.state:
                return False
            if self.predict_first and self.awaits(self.state) and self.is_open(new):
                self._show()  # a tick that was set goes out again
                self._say(f"<b>Predict first</b>: {self.ask}. Then the answer is shown.")
                return False
            if not (merge and self._past and self._past[-1][0] == merge):
                self._past = [*self._past[-UNDO:], (merge, self.state)]
            self.state = new
            self._show()
            return True

    def back(self) -> None:
        """Take the last change back."""
        with self._lock:
            if self._past:
                _, self.state = self._past.pop()
                self._show()

    def reset(self) -> None:
        """Bring the lesson's start back."""
        self._playing.clear()
        with self._lock:
            self._past = []
            self.state = self.cover(self.start) if self.predict_first else self.start
            self._show()

    def step(self) -> bool:
        """Take one step of the algorithm; False when there is none left.

        With "predict first" a step that follows a prediction shows the answer, and the next one goes on.
        """
        return self.change(self._next if self.predict_first else self.stepped)

    def _next(self, state: State) -> State:
        if not self.is_open(state):
            return self.reveal(state)
        new = self.stepped(state)
        return self.cover(new) if new != state and self.predict_each_step else new

    @property
    def predict_first(self) -> bool:
        """Whether answers stay hidden until the learner has predicted them."""
        return bool(self._predict.value)

    @predict_first.setter
    def predict_first(self, on: bool) -> None:
        if on and not self.can_predict:
            raise ValueError(f"{self.name} has no answer that could be hidden: every move in it is a prediction.")
        self._predict.value = bool(on)

    def _set_predict(self) -> None:
        if self.predict_first:
            self._playing.clear()
            self.change(self.cover)
            if self.awaits(self.state):
                self._say(f"Answers are hidden until you have predicted: {self.ask}.")

    def _toggle_predict(self) -> None:
        if self.can_predict:
            self._predict.value = not self._predict.value

    def toggle_play(self) -> None:
        """Step again and again until there is no step left, or stop doing so."""
        if not self.can_step:
            return
        if self._playing.is_set():
            self._playing.clear()
        elif self.predict_first:
            self._say("Play is off while you predict first: every step waits for you. Use Step (→).")
        elif self._ears.reduced_motion:
            self._say("Your system asks for less motion, so play is off: use Step (→).")
        else:
            self._playing.set()
            self._play.description, self._play.icon = "Pause", "pause"
            spawn(self._run, f"play {self.name}")

    def _run(self) -> None:
        waited = threading.Event()  # never set: a sleep that a test can shorten through the speed
        while self._playing.is_set() and self.step():
            waited.wait(self._speed.value)
        self._playing.clear()
        self._play.description, self._play.icon = "Play", "play"

    def _help(self) -> None:
        self._say(self.help_text)

    def _say(self, text: str) -> None:
        self._status.value = text

    def _redraw(self) -> None:
        with self._lock:
            self.live.update(self.picture(self.state, self._ears.lit))

    def _show(self) -> None:
        """Bring everything on screen to the present state."""
        self._quiet = True
        try:
            for field, control in self._inputs.items():
                if control.value != getattr(self.state, field):
                    control.value = getattr(self.state, field)
        finally:
            self._quiet = False
        self._question.value = self.question(self.state)
        self._formula.value = self.formula(self.state)
        self._status.value = self._ears.alt = self.summary(self.state)
        self._redraw()

    def figure(self) -> go.Figure:
        """Give the present picture as a plain plotly figure: for reports, and for places without a kernel."""
        from workbench.plots.figure import figure

        return figure(self.picture(self.state))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.live.push_once()
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        text = self.summary(self.state)
        words = f"<p><b>{html.escape(self.name)}</b>: {html.escape(text)} <i>Run the notebook to play with it.</i></p>"
        return {**data, "text/plain": f"{type(self).__name__}: {text}", "text/html": words}, meta
