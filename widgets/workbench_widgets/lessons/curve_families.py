"""Lesson: the eleven families of learning curves. Fit one by hand, then by least squares, and see where it goes on to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import ipywidgets as w
import numpy as np

from workbench.models.curve_families import FAMILIES, Family, least_squares
from workbench.models.learning_curve import CommonForm
from workbench.plots import marks as m
from workbench.space import Array
from workbench_widgets.lessons.digits_curves import NAMES, T, curve
from workbench_widgets.lessons.frame import Dial, Lesson

MOST_PARAMETERS = 4
HTML = {  # as in curve_families.py; the names of the parameters are its names
    "log power": "a / (1 + (x / e<sup>b</sup>)<sup>c</sup>)",
    "Hill3": "y<sub>max</sub> x<sup>η</sup> / (κ<sup>η</sup> + x<sup>η</sup>)",
    "pow3": "c − a x<sup>−α</sup>", "pow4": "c − (a x + b)<sup>−α</sup>", "exp4": "c − exp(−a x<sup>α</sup> + b)",
    "Janoschek": "α − (α − β) exp(−κ x<sup>δ</sup>)", "Weibull": "α − (α − β) exp(−(κ x)<sup>δ</sup>)",
    "MMF": "α − (α − β) / (1 + (κ x)<sup>δ</sup>)", "ilog2": "c − a / log(x + 1)", "vapor pressure": "exp(a + b / x + c log x)",
    "log log linear": "log(a log x + b)"}
GREEK = {"alpha": "α", "beta": "β", "kappa": "κ", "delta": "δ", "eta": "η", "y_max": "y<sub>max</sub>"}
STARTS = 6  # of the least squares behind "Fit"


@dataclass(frozen=True, slots=True)
class CurveFamiliesState:
    """Which curve, how much of it is seen, which family, and its parameters as places between their bounds."""

    curve: str = NAMES[0]
    n: int = 12
    family: str = "pow3"
    p0: float = 0.5
    p1: float = 0.5
    p2: float = 0.5
    p3: float = 0.5
    rest: bool = False
    others: bool = False
    guess: float | None = None  # of the end

    @property
    def places(self) -> Array:
        """Of the present family's parameters, between 0 and 1."""
        return np.array([self.p0, self.p1, self.p2, self.p3][:family_of(self).k])

    def at(self, places: Array) -> CurveFamiliesState:
        """Put the parameters there."""
        new: dict[str, Any] = {f"p{j}": round(float(v), 6) for j, v in enumerate(places)}
        return replace(self, **new)


def family_of(state: CurveFamiliesState) -> Family:
    """Return the present family."""
    return next(f for f in FAMILIES if f.name == state.family)


def begun(state: CurveFamiliesState) -> CurveFamiliesState:
    """Put the parameters where a fit starts."""
    family = family_of(state)
    low, high = family.bounds()
    return state.at((family.coordinates(np.array(family.start)) - low) / (high - low))


def common(state: CurveFamiliesState) -> tuple[CommonForm, Array, Array]:
    """Return the map to the common form, and the seen part of the curve there: x, z."""
    x, y = np.arange(1.0, state.n + 1), curve(state.curve)[:state.n]
    form = CommonForm.of(x, y, lower_is_better=True)
    return form, form.x(x), form.z(y)


def squares(state: CurveFamiliesState) -> float:
    """Sum of squares over the seen part, in common form."""
    family, (_, x, z) = family_of(state), common(state)
    low, high = family.bounds()
    return float(((z - family.at(x, low + (high - low) * state.places)) ** 2).sum())


def improved(state: CurveFamiliesState) -> CurveFamiliesState:
    """Take one step of Levenberg and Marquardt."""
    family, (_, x, z) = family_of(state), common(state)
    low, high = family.bounds()
    u, cost = least_squares(family, x, z, (low + (high - low) * state.places)[None], np.ones(len(x)), 3)
    return state.at((u[0] - low) / (high - low)) if cost[0] < squares(state) * (1 - 1e-4) else state


@lru_cache(maxsize=512)
def fitted(curve_name: str, n: int, name: str) -> tuple[tuple[float, ...], float]:
    """Fit a family from several starts; places of the parameters, and the sum of squares."""
    state = CurveFamiliesState(curve_name, n, name)
    family, (_, x, z) = family_of(state), common(state)
    low, high = family.bounds()
    anywhere = low + (high - low) * np.random.default_rng(0).random((STARTS - 1, family.k))
    starts = np.vstack([family.coordinates(np.array(family.start)), anywhere])
    u, cost = least_squares(family, x, z, starts, np.ones(len(x)))
    best = int(cost.argmin())
    return tuple(float(v) for v in (u[best] - low) / (high - low)), float(cost[best])


def drawn_curve(state: CurveFamiliesState, places: Array, name: str, steps: Array) -> Array:
    """Return the losses of a family at steps, in the curve's own unit."""
    family = next(f for f in FAMILIES if f.name == name)
    form, _, _ = common(state)
    low, high = family.bounds()
    return form.values(family.at(form.x(steps), low + (high - low) * places))


def draw(state: CurveFamiliesState, lit: str = "") -> dict[str, Any]:  # noqa: ARG001 - as in every lesson
    """Draw the seen part, the family, and what is asked for besides."""
    y, steps = curve(state.curve), np.linspace(1, T, 118)
    epochs = np.arange(1.0, T + 1)
    data = []
    if state.others:
        ends = [f.name for f in FAMILIES if f.name != state.family]
        x = np.concatenate([np.append(steps, np.nan) for _ in ends])
        all_ys = [np.append(drawn_curve(state, np.array(fitted(state.curve, state.n, k)[0]), k, steps), np.nan) for k in ends]
        data.append({**m.line(x, np.concatenate(all_ys), "best fits of the other ten", m.GREY, width=1), "connectgaps": False})
    data.append(m.line(steps, drawn_curve(state, state.places, state.family, steps), state.family, m.BLUE, width=3))
    data.append(m.dots(epochs[:state.n], y[:state.n], "seen", m.ORANGE, size=6))
    if state.rest:
        data.append(m.dots(epochs[state.n:], y[state.n:], "what came", m.GREEN, size=4))
    if state.guess is not None:
        data.append(m.dots(np.array([float(T)]), np.array([state.guess]), "your guess of the end", m.PURPLE, size=12,
                           symbol="star"))
    for trace in data:
        trace["hovertemplate"] = "epoch %{x:.0f}: %{y:.3f}<extra>" + str(trace["name"]) + "</extra>"
    top = 1.1 * float(y.max())
    return {"data": data, "layout": {
        "title": m.title(f"{state.family} on {state.n} of {T} epochs: at {T} it says "
                         f"{m.three(float(drawn_curve(state, state.places, state.family, np.array([float(T)]))[0]))}"),
        "height": 400, "hovermode": "closest", "dragmode": False, "margin": {"l": 60, "r": 12, "t": 66, "b": 46},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "shapes": [m.upright(state.n, m.GREY, dash="dot")[0]],
        "xaxis": {"title": {"text": "epoch", "standoff": 4}, "range": [0, T + 1], "fixedrange": True},
        "yaxis": {"title": {"text": "share of errors"}, "range": [-0.08 * top, top], "fixedrange": True}}}


def formula(state: CurveFamiliesState) -> str:
    """Write the family, its parameters' values, and the sum of squares beside the least one."""
    family = family_of(state)
    low, high = family.bounds()
    theta = family.natural(low + (high - low) * state.places)
    rows = "".join(f"<tr><td>{GREEK.get(name, name)}</td><td>{m.three(float(v))}</td></tr>"
                   for name, v in zip(family.parameters, theta, strict=True))
    return (f"<h4>{family.name}</h4><div class=eq>f(x) = {HTML[family.name]}</div><table>{rows}</table>"
            f"<h4>Sum of squares, {state.n} points</h4><div class=eq>Σ (z<sub>i</sub> − f(x<sub>i</sub>))² = "
            f"{m.three(squares(state))}</div>"
            f"<p>The least of this family is {m.three(fitted(state.curve, state.n, family.name)[1])}.</p>"
            "<p>z is the curve in <i>common form</i>: it rises, from 0.1 at its worst to 0.7 at its best so far. "
            "A slider runs from the one bound of its parameter to the other.</p>")


def question(state: CurveFamiliesState) -> str:
    """Send on from a fit by hand to all fits, and to what came."""
    least = fitted(state.curve, state.n, state.family)[1]
    if squares(state) > 1.5 * least + 1e-6 and not state.rest:
        return "Move the parameters until the blue line goes through the dots. Then press Step (it helps), or Fit."
    if not state.others and state.guess is None:
        return ("It fits. Predict: where does the curve end? Click at the right edge. And do other families that fit as well "
                "agree on it? Tick the box for all fits.")
    if not state.others:
        return "Your guess is kept. Do other families that fit as well agree on the end? Tick the box for all fits."
    if not state.rest:
        return "All of these went through the same dots, more or less. Which one is right? Tick the box for what came."
    return "Try fewer epochs, and the network with rate 0.0003: it begins like a bad one. Which family sees it coming?"


def summary(state: CurveFamiliesState) -> str:
    """Say in words what the picture shows."""
    end = float(drawn_curve(state, state.places, state.family, np.array([float(T)]))[0])
    text = f"{state.family} with a sum of squares of {m.three(squares(state))} over {state.n} epochs; "
    text += f"at {T} it says {m.three(end)}."
    if state.others:
        at = np.array([float(T)])
        ends = [float(drawn_curve(state, np.array(fitted(state.curve, state.n, f.name)[0]), f.name, at)[0]) for f in FAMILIES]
        text += f" The best fits of all eleven families say from {m.three(min(ends))} to {m.three(max(ends))}."
    return text + (f" It was {m.three(float(curve(state.curve)[-1]))}." if state.rest else "")


class CurveFamiliesLesson(Lesson[CurveFamiliesState]):
    """One family of curves through the beginning of a learning curve, by hand and by least squares."""

    name = "Families of learning curves"
    ask = "click at the right edge, at the height where the curve will end, or type it"
    predict_each_step = False  # steps fit; what is predicted is the end
    dials = (Dial("n", "epochs seen", 3, 39, step=1, digits=".0f"),
             *(Dial(f"p{j}", f"parameter {j + 1}", 0.0, 1.0, step=0.001, digits=".3f") for j in range(MOST_PARAMETERS)))

    def __init__(self, start: CurveFamiliesState | None = None) -> None:
        super().__init__(begun(CurveFamiliesState()) if start is None else start)

    def picture(self, state: CurveFamiliesState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: CurveFamiliesState) -> str:
        """Write the family with its present numbers."""
        return formula(state)

    def question(self, state: CurveFamiliesState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: CurveFamiliesState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def is_open(self, state: CurveFamiliesState) -> bool:
        """Whether the other fits, or what came, are on view."""
        return state.others or state.rest

    def reveal(self, state: CurveFamiliesState) -> CurveFamiliesState:
        """Show how the curve went on; while nothing is predicted, steps only fit."""
        return self.stepped(state) if state.guess is None else replace(state, rest=True)

    def cover(self, state: CurveFamiliesState) -> CurveFamiliesState:
        """Hide the other fits and what came."""
        return replace(state, others=False, rest=False, guess=None)

    def clicked(self, state: CurveFamiliesState, x: float, y: float, subplot: str) -> CurveFamiliesState:  # noqa: ARG002
        """Keep the height of the click as the guess of the end."""
        return replace(state, guess=min(max(y, 0.0), 1.0))

    def stepped(self, state: CurveFamiliesState) -> CurveFamiliesState:
        """Let least squares take a few steps."""
        return improved(state)

    def dialled(self, state: CurveFamiliesState, field: str, value: Any) -> CurveFamiliesState:
        """Put a value in; a new family starts where its fits start."""
        new = super().dialled(state, field, round(value) if field == "n" else value)
        if field == "curve":
            new = replace(new, guess=None)
        return begun(new) if field == "family" else new

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        fit = self._button("Fit", "magic", lambda: self.change(lambda s: s.at(np.array(fitted(s.curve, s.n, s.family)[0]))),
                           "The least squares of this family, from several starts")
        return [fit, self._choice("family", "family", {f.name: f.name for f in FAMILIES}),
                self._choice("curve", "curve", {name: name for name in NAMES}), self._tick("others", "all fits"),
                self._tick("rest", "what came"), *self.at_x("Guess the end", lambda s, x: replace(s, guess=x[0]))]

    def _show(self) -> None:
        """Name the sliders after the family's parameters, and hide those that it does not have."""
        family = family_of(self.state)
        for j in range(MOST_PARAMETERS):
            slider = self._sliders[f"p{j}"]
            if j < family.k:
                name = GREEK.get(family.parameters[j], family.parameters[j])
                slider.description = name.replace("<sub>", "_").replace("</sub>", "")
            slider.layout = w.Layout(width="max-content", display="" if j < family.k else "none")
        super()._show()
