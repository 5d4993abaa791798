"""Lesson: CMA-ES draws points, selects the better half, and learns from it where to draw the next ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench_widgets.lessons.cma_pictures import draw
from workbench_widgets.lessons.cma_state import DRAWN, LANDSCAPES, LAST, MOVED, CMAESState, condition, until
from workbench_widgets.lessons.frame import Dial, Lesson

TARGET = 1e-6
PARTS = {"step_size": "step size σ adapts", "rank_one": "rank-one (path)", "rank_mu": "rank-μ (points)"}


def formula(state: CMAESState) -> str:
    """Write the four parts of a generation with their numbers."""
    s, k, now, shown = m.three, state.k, state.now, state.present
    length = float(np.linalg.norm(now.after.p_sigma))
    grows = now.after.sigma / now.before.sigma
    long, short = shown.axes[1][::-1]
    own = state.landscape.condition
    own_row = "" if own is None else f"<tr><td>of the function's contours</td><th>{s(own)}</th></tr>"
    known = state.moment > DRAWN
    return (
        f"<h4>1. Draw {state.lam} points</h4>"
        "<div class=eq><span data-term=draw>x<sub>i</sub> ~ N(m, σ² C)</span></div>"
        f"<h4>2. Select the best {k.mu}, move the mean</h4>"
        "<div class=eq><span data-term=mean>m ← Σ w<sub>i</sub> x<sub>i:λ</sub></span></div>"
        f"<p>w = {', '.join(f'{w:.2f}' for w in k.w[:k.mu])}: only ranks count.</p>"
        "<h4>3. Step size: is the path long?</h4>"
        "<div class=eq><span data-term=sigma>σ</span> ← σ exp(c/d (‖p<sub>σ</sub>‖ / E‖N(0, I)‖ − 1))</div>"
        + (f"<p>‖p<sub>σ</sub>‖ = {s(length)}, random steps give {s(k.chi_n)}: σ × {s(grows)}"
           f"{'' if state.step_size else ' (switched off)'}.</p>" if known else "<p>‖p<sub>σ</sub>‖ = …</p>")
        + "<h4>4. Shape</h4>"
        "<div class=eq>C ← (1 − c<sub>1</sub> − c<sub>μ</sub> Σw) C + <span data-term=rank_one>c<sub>1</sub> p<sub>c</sub> "
        "p<sub>c</sub>ᵀ</span> + <span data-term=rank_mu>c<sub>μ</sub> Σ w<sub>i</sub> y<sub>i</sub> y<sub>i</sub>ᵀ</span></div>"
        f"<p>c<sub>1</sub> = {s(k.c_1)}, c<sub>μ</sub> = {s(k.c_mu)}; y = (x − m) / σ; the bad half has negative weights.</p>"
        f"<h4>Axes of C</h4><table><tr><td>long, short (√eigenvalue)</td><th>{s(long)}, {s(short)}</th></tr>"
        f"<tr><td>condition number of C</td><th>{s(condition(shown))}</th></tr>{own_row}</table>"
        f"<h4>Evaluations until the loss of the mean is 10⁻⁶</h4><p>{_reach(state)}</p>")


def _reach(state: CMAESState) -> str:
    """Say how long this search takes, once it has been watched for a while."""
    if (state.generation + 1) * state.lam < 80:
        return "…: first watch ten generations or so."
    n = until(state, TARGET)
    return f"<b>{n}</b>" if n else f"not within {LAST} generations ({LAST * state.lam} evaluations)"


def question(state: CMAESState) -> str:
    """Ask first; judge the guess; then send on to the next experiment."""
    now = state.now
    if state.generation >= LAST - 1:
        return f"That were {LAST} generations. Reset, and switch one part off."
    if state.guess is not None and state.moment > DRAWN:
        off = float(np.linalg.norm(now.after.mean - state.guess))
        return (f"Your guess is {m.three(off)} away from the new mean, which has moved by "
                f"{m.three(float(np.linalg.norm(now.after.mean - now.before.mean)))}. What does the ellipse do next?")
    if state.guess is not None:
        return "Your guess is kept. Now press Step: the points are ranked."
    if state.moment == DRAWN and state.generation == 0:
        return "Predict first: where will the mean of the next generation be? Click there, then press Step."
    silent = [label for field, label in PARTS.items() if not getattr(state, field)]
    if silent:
        return f"Switched off: {' and '.join(silent)}. Predict: does the search still get there, and how much later?"
    return "Predict, then try: which part can be switched off with the least harm, and which never?"


def summary(state: CMAESState) -> str:
    """Say in words what the picture shows."""
    now, s = state.present, m.three
    _, D = now.axes
    loss = float(state.landscape.f(now.mean))
    far = float(np.linalg.norm(now.mean - state.landscape.minimiser))
    what = {0: "points drawn", 1: "best half selected", MOVED: "distribution moved"}[state.moment]
    return (f"{state.landscape.label}, generation {state.generation + 1}, {what}: σ = {s(now.sigma)}, standard deviations along "
            f"the axes {s(now.sigma * float(D[-1]))} and {s(now.sigma * float(D[0]))}, condition number {s(condition(now))}; the "
            f"mean has a loss of {s(loss)} and is {s(far)} away from the minimum.")


class CMAESLesson(Lesson[CMAESState]):
    """Draw, select, move, in three steps a generation; switch the parts of the update off; step, play, go to a generation."""

    name = "CMA-ES"
    predict_each_step = False  # every generation begins with hidden ranks
    ask = "click where the next mean will be, or type it"
    dials = (Dial("generation", "generation (number)", 0, LAST - 1, step=1, digits=".0f"),
             Dial("lam", "λ (points)", 4, 40, step=1, digits=".0f"),
             Dial("sigma", "first σ (of range)", 0.005, 0.5, log=True))

    def __init__(self, start: CMAESState | None = None) -> None:
        super().__init__(start or CMAESState())

    def picture(self, state: CMAESState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: CMAESState) -> str:
        """Write the formula with its present numbers."""
        return formula(state)

    def question(self, state: CMAESState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: CMAESState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: CMAESState) -> CMAESState:
        """Go to the next moment."""
        return state.step()

    def is_open(self, state: CMAESState) -> bool:
        """Whether the points are ranked."""
        return state.moment > DRAWN

    def reveal(self, state: CMAESState) -> CMAESState:
        """Rank the points."""
        return state.step()

    def cover(self, state: CMAESState) -> CMAESState:
        """Go back to the moment when the points are drawn."""
        return replace(state, slowly=True, moment=DRAWN, guess=None)

    def clicked(self, state: CMAESState, x: float, y: float, subplot: str) -> CMAESState:
        """Keep a click in the plane as the learner's guess of the next mean."""
        return replace(state, guess=(x, y)) if subplot == "xy" else state

    def dialled(self, state: CMAESState, field: str, value: Any) -> CMAESState:
        """Put the value into the state; a guess belongs to the generation it was made for."""
        if field in {"zoom", "slowly"}:
            moment = MOVED if field == "slowly" and not value else state.moment
            return replace(state, **{field: value}, moment=moment)
        return replace(state, **{field: round(value) if field in {"generation", "lam"} else value}, guess=None)

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        labels = {land.label: name for name, land in LANDSCAPES.items()}
        return [self._choice("function", "function", labels), self._number("seed", "seed"),
                *(self._tick(field, label) for field, label in PARTS.items()),
                self._tick("slowly", "three steps a generation"), self._tick("zoom", "zoom in on the distribution"),
                *self.at_x("Guess the mean", lambda s, x: replace(s, guess=(x[0], x[1])), n=2)]
