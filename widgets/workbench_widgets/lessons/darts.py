"""Lesson: DARTS mixes all operations, learns their weights by gradients, and keeps the strongest; what is lost by that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workbench.plots import marks as m
from workbench_widgets.lessons.darts_pictures import draw, nearest
from workbench_widgets.lessons.darts_state import EDGES, LAST, OPERATIONS, DARTSState
from workbench_widgets.lessons.frame import Dial, Lesson


def _edge(state: DARTSState) -> str:
    return f"{EDGES[state.edge][0]} → {EDGES[state.edge][1]}"


def formula(state: DARTSState) -> str:
    """Write the mixed operation, the two steps of each batch and the gap, with their numbers."""
    s, p, alpha = m.three, state.weights[state.edge], state.alpha[state.edge]
    rows = "".join(f"<tr><td>{o}</td><td>{s(float(a))}</td><th>{100 * float(v):.0f} %</th></tr>"
                   for o, a, v in zip(OPERATIONS, alpha, p, strict=True))
    xi = "w − ξ ∇<sub>w</sub> L<sub>train</sub>(w, α)" if state.order == 2 else "w"
    why = state.moment.why
    angle = "" if why is None else (
        f"<p>Last batch: the gradients of first and second order have the lengths {s(why.first_norm)} and {s(why.second_norm)}, "
        f"the cosine of their angle is {s(why.cosine)}.</p>")
    left = f"{100 * state.discrete:.1f} %" if state.shown else "…"
    gap = f"{100 * (state.mixed - state.discrete):.1f} points".replace("-", "−") if state.shown else "…"
    return (
        f"<h4>The mixed operation on edge {_edge(state)}</h4>"
        "<div class=eq>ō(x) = Σ<sub>o</sub> <span data-term=mix>softmax(α / T)<sub>o</sub></span> o(x)</div>"
        f"<table><tr><td></td><td>α</td><td>weight</td></tr>{rows}</table>"
        "<h4>Each batch, two steps</h4>"
        f"<div class=eq>α ← α − η ∇<sub>α</sub> L<sub>val</sub>({xi}, α)</div>"
        "<div class=eq>w ← w − ξ ∇<sub>w</sub> L<sub>train</sub>(w, α)</div>"
        f"{angle}"
        "<h4>Discretise</h4>"
        "<p>Each edge keeps its heaviest operation, but never “none”. The weights w stay.</p>"
        f"<table><tr><td>accuracy of the mixture</td><th>{100 * state.mixed:.1f} %</th></tr>"
        f"<tr><td>of what is kept</td><th>{left}</th></tr>"
        f"<tr><td><span data-term=gap>discretisation gap</span></td><th>{gap}</th></tr></table>")


def question(state: DARTSState) -> str:
    """Ask first; judge the guess; then send on to the next experiment."""
    if not state.shown:
        if state.guess is not None:
            return f"Your guess: {100 * state.guess:.0f} % will be left. Now press Discretise."
        if state.epoch == 0:
            return ("Nothing is learnt yet: on every edge each operation has a quarter of the weight. Which will win between "
                    "input and output? Press Step, or Play.")
        return (f"The mixture is right on {100 * state.mixed:.0f} %. How much is left if each edge keeps its heaviest operation "
                "alone? Click at your guess in the right picture, then Discretise.")
    judged = ""
    if state.guess is not None:
        judged = f"You said {100 * state.guess:.0f} %, it is {100 * state.discrete:.0f} %. "
    none = {0: "", 1: "On one edge “none” weighs most, and is not kept all the same. "}.get(
        state.none_wins, f"On {state.none_wins} edges “none” weighs most, and is not kept all the same. ")
    if state.temperature > 0.4:
        return f"{judged}{none}The weights w were learnt for the mixture. Lower T: from where on does the mixture do no better?"
    return (f"{judged}{none}A cold mixture is all but discrete. Push α of another operation on edge {_edge(state)}: when does it "
            "tip?")


def summary(state: DARTSState) -> str:
    """Say in words what the picture shows."""
    top = int(state.weights[state.edge].argmax())
    text = (f"Epoch {state.epoch} of {LAST}, {'first' if state.order == 1 else 'second'} order: the mixture is right on "
            f"{100 * state.mixed:.1f} % of the validation signals. On edge {_edge(state)} {OPERATIONS[top]} weighs most, "
            f"{100 * float(state.weights[state.edge, top]):.0f} % at T = {m.three(state.temperature)}.")
    if state.push:
        text += f" You have pushed α of {state.operation} there by {m.three(state.push)}."
    if state.guess is not None:
        text += f" Your guess of what is left: {100 * state.guess:.0f} %."
    if state.shown:
        text += f" Discretised to {', '.join(state.chosen)} it is right on {100 * state.discrete:.1f} %."
    return text


class DARTSLesson(Lesson[DARTSState]):
    """Search a cell by gradients, epoch by epoch; change temperature and α; discretise and see what is lost."""

    name = "DARTS: a relaxed cell"
    ask = "click in the right picture at the accuracy that is left, or type it"
    dials = (Dial("temperature", "T (temperature, no unit)", 0.01, 10.0, log=True),
             Dial("push", "push α (added)", -4.0, 4.0, step=0.1, digits=".1f"))

    def __init__(self, start: DARTSState | None = None) -> None:
        super().__init__(start or DARTSState())

    def picture(self, state: DARTSState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: DARTSState) -> str:
        """Write the formula with its present numbers."""
        return formula(state)

    def question(self, state: DARTSState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: DARTSState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: DARTSState) -> DARTSState:
        """Search for an epoch."""
        return state.step()

    def clicked(self, state: DARTSState, x: float, y: float, subplot: str) -> DARTSState:
        """Keep a clicked accuracy as the guess; look at a clicked edge of the cell, or operation of the bars."""
        if subplot == "x3y3":
            return replace(state, guess=min(max(y / 100, 0.0), 1.0))
        if subplot == "xy":
            edge, operation = nearest(x, y)
            return self._look(state, edge, operation)
        if subplot == "x2y2" and 0 <= round(x) < len(OPERATIONS):
            return self._look(state, state.edge, OPERATIONS[round(x)])
        return state

    def _look(self, state: DARTSState, edge: int, operation: str) -> DARTSState:
        return state if (edge, operation) == (state.edge, state.operation) else replace(state, edge=edge, operation=operation,
                                                                                        push=0.0)

    def dialled(self, state: DARTSState, field: str, value: Any) -> DARTSState:
        """Begin anew with another order or seed; take the push back when another edge or operation is looked at."""
        if field in {"order", "seed"}:
            return replace(self.start, **{"order": state.order, "seed": state.seed, "temperature": state.temperature,
                                          "edge": state.edge, "operation": state.operation, field: value})
        if field in {"edge", "operation"}:
            return replace(super().dialled(state, field, value), push=0.0)
        return super().dialled(state, field, value)

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        edges = {f"{i} → {j}": k for k, (i, j) in enumerate(EDGES)}
        return [self._button("Discretise", "scissors", lambda: self.change(lambda s: replace(s, shown=True)),
                             "Keep the heaviest operation of each edge, and see what the network can do then"),
                *self.at_x("Guess what is left", lambda s, x: replace(s, guess=x[0])),
                self._choice("edge", "edge", edges), self._choice("operation", "operation", {o: o for o in OPERATIONS}),
                self._choice("order", "order", {"first": 1, "second": 2}), self._number("seed", "seed")]
