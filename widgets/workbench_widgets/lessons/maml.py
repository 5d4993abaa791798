"""Lesson: MAML learns where to begin, so that a gradient step on a few points of a new task leads far."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.meta.sinusoid_weights import FIRST_ORDER, MAML, NAMES, PRETRAINED, RANDOM
from workbench.plots import marks as m
from workbench_widgets.lessons.frame import Dial, Lesson
from workbench_widgets.lessons.maml_pictures import draw, network_at
from workbench_widgets.lessons.maml_state import LEARNED_RATE, MAX_SHOTS, MAX_STEPS, SEEN, MAMLState, starts_with

LEARNED_BY = {
    MAML: "L<sub>query</sub>(θ − α ∇L<sub>support</sub>(θ))",
    FIRST_ORDER: "the same, ∂θ′/∂θ taken for 1",
    PRETRAINED: "L(θ), all waves pooled",
    RANDOM: "nothing",
}


def _points(n: int) -> str:
    return f"{n} point{'s' * (n != 1)}"


def _steps(n: int) -> str:
    return {0: "no step", 1: "one gradient step"}.get(n, f"{n} gradient steps")


def formula(state: MAMLState) -> str:
    """Write the wave, the gradient step, what each has learned by, and all errors."""
    s = m.three
    cells = []
    for name, course in state.courses.items():
        after = (s(float(course.query[state.steps])), s(float(course.support[state.steps]))) if state.shown else ("…", "…")
        cells.append(f"<tr><td>{html.escape(name)}</td><td>{s(float(course.query[0]))}</td><th>{after[0]}</th><td>{after[1]}</td></tr>")
    learned = "".join(f"<tr><td>{html.escape(name)}</td><td>{LEARNED_BY[name]}</td></tr>" for name in state.starts.names)
    return (
        "<h4>A new task</h4>"
        f"<div class=eq>y = a sin(x − φ) = {s(state.amplitude)} sin(x − {s(state.phase)})</div>"
        "<h4>Adapt: a gradient step</h4>"
        f"<div class=eq><span data-term=after>θ′</span> = <span data-term=before>θ</span> − α ∇L<sub>support</sub>(θ)</div>"
        f"<p>L<sub>support</sub> is the mean square over the {_points(state.shots)}, α = {s(state.rate)}, "
        f"{_steps(state.steps)}.</p>"
        "<h4>What θ was learned to make small</h4>"
        f"<table>{learned}</table>"
        "<h4><span data-term=loss>Errors</span></h4>"
        f"<table><tr><td></td><td>before</td><td>after</td><td>on the points</td></tr>{''.join(cells)}</table>")


def question(state: MAMLState) -> str:
    """Ask first; judge the guess; then send on to the next experiment."""
    after = _steps(state.steps)
    if not state.shown:
        if state.guess is not None:
            return f"Your guess: {html.escape(state.guess)}. Now press Show."
        return (f"Four networks get {_points(state.shots)} of a wave that they have never seen. After {after} on these, which of "
                "the four comes nearest to the wave? Click its picture, then Show.")
    judged = ""
    if state.guess is not None:
        right = "That is so" if state.guess == state.nearest else f"It is {state.nearest}"
        judged = f"You said {html.escape(state.guess)}. {right}. "
        if {state.guess, state.nearest} == {MAML, FIRST_ORDER}:
            judged += "These two are close: other points often turn their order round. "
    return judged + _next(state)


def _next(state: MAMLState) -> str:
    """Say which experiment comes next, from what is set now."""
    if state.strange:
        low, high = SEEN[state.strange]
        return (f"No wave with such a{'n amplitude' if state.strange == 'amplitude' else ' phase'} was learned from (they had "
                f"{m.three(low)} to {m.three(high)}). Does what was learned still help, or does it harm?")
    if state.rate > 2 * LEARNED_RATE:
        return f"MAML was learned for α = {LEARNED_RATE}. Whom does a larger step throw off, and whom does it help?"
    if state.steps == 0:
        return "Without a step nobody knows this wave. The steps change that: drag them from 0 to 1."
    if state.shots <= 3:
        return (f"With {_points(state.shots)} the errors there vanish, those elsewhere need not. What does MAML add between the "
                "points that the others cannot? Press New points a few times.")
    if state.steps == 1:
        return "Drag the steps to 10. Do the pretrained and the random network catch up?"
    return "Now take points away: drag K down to 3. Who still gets the wave where there is no point?"


def summary(state: MAMLState) -> str:
    """Say in words what the picture shows."""
    text = (f"A wave of amplitude {m.three(state.amplitude)} and phase {m.three(state.phase)}, {_points(state.shots)} of it, "
            f"rate {m.three(state.rate)}.")
    if state.shown:
        errors = ", ".join(f"{html.escape(name)} {m.three(loss)}" for name, loss in state.losses.items())
        text += f" Errors after {_steps(state.steps)}: {errors}."
    else:
        errors = ", ".join(f"{html.escape(name)} {m.three(float(c.query[0]))}" for name, c in state.courses.items())
        text += f" Errors before any step: {errors}."
    if state.guess is not None:
        text += f" Your guess: {html.escape(state.guess)}."
    return text


class MAMLLesson(Lesson[MAMLState]):
    """Let four networks adapt to points of a new wave: learned by MAML, by its first order, pretrained, random.

    Parameters
    ----------
    start
        Where the lesson begins.
    weights
        Weights of your own, such as ``{"MAML": run.result.weights}``, in the place of those that come with the package.
    """

    name = "MAML: where to begin"
    ask = "click the picture of the network that will come nearest, or choose it beside “your guess”"
    dials = (Dial("shots", "K (points)", 1, MAX_SHOTS, step=1, digits=".0f"),
             Dial("steps", "gradient steps (number)", 0, MAX_STEPS, step=1, digits=".0f"),
             Dial("amplitude", "a (amplitude; learned: 0.1 to 5)", 0.1, 8.0, step=0.1, digits=".1f"),
             Dial("phase", "φ (phase in rad; learned: 0 to 3.14)", 0.0, 6.28, step=0.01, digits=".2f"),
             Dial("rate", "α (inner rate; learned: 0.01)", 0.001, 0.2, log=True))

    def __init__(self, start: MAMLState | None = None, *, weights: Mapping[str, Any] | None = None) -> None:
        start = start or MAMLState()
        super().__init__(replace(start, starts=starts_with(weights)) if weights else start)

    def picture(self, state: MAMLState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: MAMLState) -> str:
        """Write the formula with its present numbers."""
        return formula(state)

    def question(self, state: MAMLState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: MAMLState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: MAMLState) -> MAMLState:
        """Take a gradient step more."""
        return state.step()

    def clicked(self, state: MAMLState, x: float, y: float, subplot: str) -> MAMLState:  # noqa: ARG002
        """Keep a clicked network as the guess; go to a number of steps that is clicked below."""
        if subplot == "x5y5":
            return replace(state, steps=min(max(round(x), 0), MAX_STEPS))
        name = network_at(state, subplot)
        return state if name is None or state.shown else replace(state, guess=name)

    def dialled(self, state: MAMLState, field: str, value: Any) -> MAMLState:
        """Put the value of a control into the state; points and steps are whole."""
        if field in {"shots", "steps"}:
            value = round(value)
        if field == "phase":
            value = min(float(value), 2 * math.pi)
        return super().dialled(state, field, value)

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        return [self._choice("guess", "your guess", {"none yet": None, **{name: name for name in NAMES}}),
                self._button("Show", "eye", lambda: self.change(self.reveal), "Show what the networks became"),
                self._button("New points", "random", lambda: self.change(lambda s: replace(s, seed=(s.seed + 1) % 10_000)),
                             "Draw other points of the same wave"),
                self._button("Hide", "eye-slash", lambda: self.change(self.cover), "Hide the answer, to guess again"),
                self._number("seed", "seed")]
