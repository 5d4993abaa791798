"""Lesson: where would you look next? Bayesian optimisation step by step, and three rules to choose by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench_widgets.lessons.bo_pictures import draw
from workbench_widgets.lessons.bo_state import MAX_EVALUATIONS, RULES, BOState
from workbench_widgets.lessons.frame import Dial, Lesson
from workbench_widgets.lessons.functions import LONGEST


def formula(state: BOState) -> str:
    """Write the three rules with their numbers at the point in focus."""
    s = m.three
    focus = state.focus
    if focus is None:
        numbers, z_text = dict.fromkeys(("mu", "sigma", "z", *RULES), "…"), "a point: click, or press Show"
    else:
        at = np.array([focus])
        mean, sd = (float(v[0]) for v in state.predict(at))
        values = {rule: float(state.scores(rule, at)[0]) for rule in RULES}
        target = state.best - state.xi * float(np.std(state.y))
        numbers = {"mu": s(mean), "sigma": s(sd), "z": s((target - mean) / sd), "EI": s(values["EI"]),
                   "LCB": s(-values["LCB"]), "PI": s(values["PI"])}
        z_text = f"{place(state, focus)} ({'your guess' if state.guess is not None else state.rule + '’s choice'})"
    xi = " − ξ s<sub>y</sub>" if state.xi else ""
    return (
        f"<h4>At {z_text}</h4>"
        f"<table><tr><td><span data-term=mu>μ</span> = {numbers['mu']}</td>"
        f"<td><span data-term=sigma>σ</span> = {numbers['sigma']}</td>"
        f"<td><span data-term=best>f<sub>min</sub></span> = {s(state.best)}</td></tr></table>"
        f"<div class=eq>z = (f<sub>min</sub>{xi} − μ) / σ = {numbers['z']}</div>"
        f"<div class=eq><span data-term=EI>EI</span> = E[max(f<sub>min</sub>{xi} − y, 0)] = σ (z Φ(z) + φ(z)) "
        f"= {numbers['EI']}</div>"
        f"<div class=eq><span data-term=LCB>LCB</span> = μ − β σ = {numbers['LCB']}</div>"
        f"<div class=eq><span data-term=PI>PI</span> = P(y &lt; f<sub>min</sub>{xi}) = Φ(z) = {numbers['PI']}</div>"
        + ("<p>The orange bell is what the model expects of y at this x. Its filled part lies below f<sub>min</sub>: "
           "the share that is filled is PI; EI counts each y in it by how far it is below.</p>"
           if state.hidden.dimensions == 1 else "") + _choices(state) + _race(state))


def place(state: BOState, point: tuple[float, ...]) -> str:
    """Write a point in the function's own units."""
    names = ("x",) if len(point) == 1 else ("x₁", "x₂")
    return ", ".join(f"{n} = {m.three(state.hidden.value(v, i))}" for i, (n, v) in enumerate(zip(names, point,
                                                                                                 strict=True)))


def _choices(state: BOState) -> str:
    if not state.shown:
        return ""
    rows = "".join(f"<tr><td>{rule}</td><td>{place(state, state.choice(rule))}</td></tr>" for rule in RULES)
    return f"<h4>What each would try next</h4><table>{rows}</table>"


def _race(state: BOState) -> str:
    n = min(len(state.y), LONGEST)
    chance = float(state.hidden.random_regret[n - 1])
    return (f"<h4>Above the minimum after {n} evaluations</h4><table>"
            f"<tr><td>this search</td><th>{m.three(state.regret)}</th></tr>"
            f"<tr><td>random search (mean of 200)</td><th>{m.three(chance)}</th></tr></table>")


def question(state: BOState) -> str:
    """Ask first; judge the guess once the answer is on view."""
    if len(state.y) >= MAX_EVALUATIONS:
        return f"That were {MAX_EVALUATIONS} evaluations. Reset, and try another rule or function."
    if state.guess is None:
        return "Where would you look next? Click." if not state.shown else \
            "The lines mark what each rule would try. Step evaluates it, or click your own guess."
    if not state.shown:
        return "Your guess is kept. Now press Show, or evaluate your guess."
    share = guess_share(state)
    verdict = "nearly the best there is" if share > 0.9 else "a fair point" if share > 0.4 else "little to hope for"
    return f"{state.rule} gives your guess {100 * share:.0f} % of its best: {verdict}. Why?"


def guess_share(state: BOState) -> float:
    """How good the guess is by the rule: 1 at its maximum; for LCB between its lowest and highest value."""
    if state.guess is None:
        return 0.0
    scores = state.scores(state.rule)
    at = float(state.scores(state.rule, np.array([state.guess]))[0])
    low = float(scores.min()) if state.rule == "LCB" else 0.0
    top = max(float(scores.max()), at) - low
    return (at - low) / top if top > 0 else 1.0


def summary(state: BOState) -> str:
    """Say in words what the picture shows."""
    text = (f"{len(state.y)} evaluations; best loss {m.three(state.best)}, {m.three(state.regret)} above the minimum "
            f"(random search: {m.three(float(state.hidden.random_regret[min(len(state.y), LONGEST) - 1]))}).")
    if state.guess is not None:
        text += f" Your guess: {place(state, state.guess)}."
    if state.shown:
        text += f" {state.rule} would try {place(state, state.choice(state.rule))}."
    return text


class BayesianOptimisationLesson(Lesson[BOState]):
    """Guess where to look next, then see what expected improvement and its rivals say; step by step, 1-D or 2-D."""

    name = "Bayesian optimisation"
    ask = "click where you would look next, or type x"
    dials = (Dial("beta", "β of LCB (no unit)", 0.0, 6.0, step=0.1, digits=".1f"),
             Dial("xi", "ξ of EI and PI (sd of y)", 0.0, 1.0, step=0.01, digits=".2f"))

    def __init__(self, start: BOState | None = None) -> None:
        super().__init__(start or BOState.begin())

    def picture(self, state: BOState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: BOState) -> str:
        """Write the formula with its present numbers."""
        return formula(state)

    def question(self, state: BOState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: BOState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: BOState) -> BOState:
        """Evaluate where the rule is highest."""
        return state.step()

    def clicked(self, state: BOState, x: float, y: float, subplot: str) -> BOState:  # noqa: ARG002
        """Keep the clicked place as the learner's guess."""
        hidden = state.hidden
        if hidden.dimensions == 1:
            return replace(state, guess=(hidden.unit(x),))
        return replace(state, guess=(hidden.unit(x, 0), hidden.unit(y, 1)))

    def dialled(self, state: BOState, field: str, value: Any) -> BOState:
        """Begin anew with another function or seed; otherwise put the value into the state."""
        if field == "function":
            return BOState.begin(value, state.seed)
        if field == "seed":
            return BOState.begin(state.function, value)
        return super().dialled(state, field, value)

    def _show(self) -> None:
        super()._show()
        self._second.layout.display = None if self.state.hidden.dimensions > 1 else "none"

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        button, first, self._second = self.at_x("Guess x", lambda s, x: replace(s, guess=x[:s.hidden.dimensions]), 2)
        return [self._button("Show what they say", "eye", lambda: self.change(lambda s: replace(s, shown=True)),
                             "Show EI, LCB and PI"),
                self._button("Evaluate my guess", "bullseye", lambda: self.change(BOState.evaluate_guess),
                             "Evaluate the hidden function where you clicked"),
                button, first, self._second,
                self._choice("rule", "step by", {r: r for r in RULES}),
                self._choice("function", "function", {"two valleys (1-D)": "forrester", "many valleys (1-D)": "ripples",
                                                      "Branin (2-D)": "branin"}),
                self._number("seed", "seed"), self._tick("truth", "show the hidden function")]
