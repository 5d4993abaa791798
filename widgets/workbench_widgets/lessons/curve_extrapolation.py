"""Lesson: what the first part of a learning curve tells of its end, and when to stop by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from workbench.fidelity.curve_stop import CurveForecast, forecast
from workbench.models.curve_families import FAMILIES
from workbench.plots import curve_forecast as picture
from workbench.plots import marks as m
from workbench_widgets.lessons.curve_families import CurveFamiliesState, drawn_curve, fitted
from workbench_widgets.lessons.digits_curves import NAMES, T, curve
from workbench_widgets.lessons.frame import Dial, Lesson

MODEL = "<h4>The model</h4><div class=eq>y<sub>x</sub> = Σ<sub>k</sub> w<sub>k</sub> f<sub>k</sub>(x | θ<sub>k</sub>) + ε</div>"


@dataclass(frozen=True, slots=True)
class CurveExtrapolationState:
    """Which curve, how much of it is seen, the best to beat, δ, the learner's guess, and what else is shown."""

    curve: str = NAMES[0]
    n: int = 6
    best: float = 0.03
    delta: float = 0.05
    guess: float | None = None
    shown: bool = False
    fits: bool = False
    rest: bool = False

    @property
    def look(self) -> CurveForecast:
        """The look at what is seen."""
        return look_at(self.curve, self.n, self.best, self.delta)

    @property
    def beats(self) -> bool:
        """Whether the curve does beat the best in the end."""
        return float(curve(self.curve)[-1]) < self.best


@lru_cache(maxsize=256)
def look_at(name: str, n: int, best: float, delta: float) -> CurveForecast:
    """Look at the first n epochs of a curve."""
    seen = tuple((k + 1, float(y)) for k, y in enumerate(curve(name)[:n]))
    found: dict[str, Any] = _found(seen, best)
    action = "stop" if found["probability"] < delta else "go"
    return CurveForecast(action, T, 0, T, delta, n, seen[-1][1], best, -1, **found)  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def _found(seen: tuple[tuple[int, float], ...], best: float) -> dict[str, Any]:
    found = forecast(list(seen), best, T)
    assert found is not None
    return found


def draw(state: CurveExtrapolationState, lit: str = "") -> dict[str, Any]:  # noqa: ARG001 - as in every lesson
    """Draw what is seen, and once it is asked for the fan, the fits and what came."""
    points = [(k + 1, float(y)) for k, y in enumerate(curve(state.curve))]
    drawn = picture.forecast(points, state.look, rest=state.rest)
    if not state.shown:
        drawn["data"] = [t for t in drawn["data"] if t["name"] in ("seen", "what came")]
        for axis in ("xaxis2", "yaxis2"):
            del drawn["layout"][axis]
        drawn["layout"]["title"] = m.title(f"{state.n} of {T} epochs. Where does it end?")
    elif state.fits:
        steps = np.linspace(state.n, T, 40)
        families = CurveFamiliesState(state.curve, state.n)
        fits = [np.append(drawn_curve(families, np.array(fitted(state.curve, state.n, f.name)[0]), f.name, steps), np.nan)
                for f in FAMILIES]
        x = np.concatenate([np.append(steps, np.nan) for _ in fits])
        line = m.line(x, np.concatenate(fits), "least squares", m.GREY, width=1)
        drawn["data"].append({**line, "connectgaps": False, "hoverinfo": "skip", "hovertemplate": None})
    layout = drawn["layout"]
    if state.guess is not None:
        drawn["data"].append(m.dots(np.array([float(T)]), np.array([state.guess]), "your guess", m.GREEN, size=12, symbol="star",
                                    legend=False))
    y = curve(state.curve)
    low, high = layout["yaxis"]["range"]
    high = max(high if state.shown else 0.0, 0.3, 1.05 * float(y[max(state.n // 8, 1):].max()))
    if not state.shown:  # the range would tell where the fan is
        low, layout["xaxis"]["domain"] = -0.05, [0, 1]
    layout["yaxis"] |= {"range": [min(low, -0.02), high], "fixedrange": True, "title": {"text": "share of errors"}}
    layout["xaxis"] |= {"title": {"text": "epoch", "standoff": 4}, "fixedrange": True}
    layout |= {"height": 420, "dragmode": False}
    return drawn


def formula(state: CurveExtrapolationState) -> str:
    """Write the posterior's shape and the criterion with its numbers."""
    if not state.shown:
        return (f"{MODEL}<p>Eleven families, weighted. Guess first, then press Show.</p>")
    look = state.look
    low, high = look.band
    sign = "&lt;" if look.action == "stop" else "≥"
    end = "" if not state.rest else f"<p>It ended at {m.three(float(curve(state.curve)[-1]))}.</p>"
    return (f"{MODEL}<h4>At epoch {T}</h4><div class=eq>mean {m.three(look.mean)}, 80 % in {m.three(low)} … {m.three(high)}</div>"
            f"<h4>The criterion</h4><div class=eq>P(y<sub>T</sub> &lt; {m.three(state.best)}) = {m.three(look.probability)} "
            f"{sign} δ = {m.three(state.delta)}</div><p><b>{'Stop.' if look.action == 'stop' else 'Go on.'}</b></p>{end}")


def question(state: CurveExtrapolationState) -> str:
    """Ask first; then judge; then send on."""
    if not state.shown and state.guess is None:
        return "Where does this curve end? Click at the right edge, then press Show."
    if not state.shown:
        return "Your guess is kept. Now press Show."
    if not state.rest:
        return "Press Step to see an epoch more: the fan narrows. When does the verdict change? Then tick the box for what came."
    if state.look.action == "stop" and state.beats:
        return "This stop is wrong. Would a smaller δ have helped, or more epochs? And what do least squares say?"
    if state.look.action == "go" and not state.beats:
        return "It goes on, and in vain. That is not wrong, only dear: from how many epochs on is it stopped? Or by which δ?"
    return "Right. From how many epochs on? Now the network with rate 0.0003 against a best of 0.15: it begins like a bad one."


def summary(state: CurveExtrapolationState) -> str:
    """Say in words what the picture shows."""
    if not state.shown:
        return f"The first {state.n} of {T} epochs of a network with {state.curve}; the last error is {m.three(state.look.loss)}."
    look, (low, high) = state.look, state.look.band
    text = (f"After {state.n} of {T} epochs: 80 % between {m.three(low)} and {m.three(high)} (width {m.three(high - low)}); "
            f"P(better than {m.three(state.best)}) = {picture.percent(look.probability)}: "
            f"{'stop' if look.action == 'stop' else 'go on'}.")
    return text + (f" It ended at {m.three(float(curve(state.curve)[-1]))}." if state.rest else "")


class CurveExtrapolationLesson(Lesson[CurveExtrapolationState]):
    """The fan of a learning curve narrows as more of it is seen; below δ it is stopped."""

    name = "Extrapolation of learning curves"
    ask = "click at the right edge, at the height where the curve will end, or type it"
    dials = (Dial("n", "epochs seen", 2, 39, step=1, digits=".0f"),
             Dial("best", "best so far (share of errors)", 0.01, 0.4, step=0.005, digits=".3f"),
             Dial("delta", "δ", 0.0001, 0.5, log=True, digits=".2g"))

    def __init__(self, start: CurveExtrapolationState | None = None) -> None:
        super().__init__(start or CurveExtrapolationState())

    def picture(self, state: CurveExtrapolationState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: CurveExtrapolationState) -> str:
        """Write the criterion with its present numbers."""
        return formula(state)

    def question(self, state: CurveExtrapolationState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: CurveExtrapolationState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: CurveExtrapolationState) -> CurveExtrapolationState:
        """See one epoch more."""
        return replace(state, n=state.n + 1, shown=True) if state.n < T - 1 else state

    def is_open(self, state: CurveExtrapolationState) -> bool:
        """Whether the forecast, or what came, is on view."""
        return state.shown or state.rest

    def cover(self, state: CurveExtrapolationState) -> CurveExtrapolationState:
        """Hide the forecast and what came."""
        return replace(state, shown=False, rest=False, guess=None)

    def clicked(self, state: CurveExtrapolationState, x: float, y: float, subplot: str) -> CurveExtrapolationState:  # noqa: ARG002
        """Keep the height of the click as the guess of the end."""
        return replace(state, guess=min(max(y, 0.0), 1.0)) if subplot == "xy" else state

    def dialled(self, state: CurveExtrapolationState, field: str, value: Any) -> CurveExtrapolationState:
        """Put a value in; another curve is not yet guessed."""
        new = super().dialled(state, field, round(value) if field == "n" else value)
        return replace(new, guess=None) if field == "curve" else new

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        show = self._button("Show", "eye", lambda: self.change(lambda s: replace(s, shown=True)), "Show the forecast")
        return [show, self._choice("curve", "curve", {name: name for name in NAMES}), self._tick("fits", "least squares"),
                self._tick("rest", "what came"), *self.at_x("Guess the end", lambda s, x: replace(s, guess=x[0]))]
