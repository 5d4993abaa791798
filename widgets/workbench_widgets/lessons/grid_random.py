"""Lesson: why random search beats a grid when few parameters matter."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from workbench.history import Algorithm, History
from workbench.plots import marks as m
from workbench.plots.coverage import BEST_X1, coverage, loss, n_distinct
from workbench.search.grid import Grid
from workbench.search.quasi_random import QuasiRandom
from workbench.search.random import Random
from workbench.space import Array, Float, Space
from workbench_widgets.lessons.frame import Dial, Lesson

SPACE = Space(x1=Float(0.0, 1.0), x2=Float(0.0, 1.0))
METHODS = ("Grid", "Random", "Sobol", "Halton")
DRAWS = 20  # seeds of the table


@dataclass(frozen=True, slots=True)
class GridRandomState:
    """The importance of x_1, the length of the grid's side (k² trials for all), a seed, the learner's guess of x_1."""

    importance: float = 0.95
    k: int = 3
    seed: int = 0
    guess: float | None = None
    shown: bool = False

    def points(self) -> dict[str, Array]:
        """Give the points of all searches."""
        return {name: points(name, self.k, self.seed) for name in METHODS}

    def best(self) -> dict[str, float]:
        """Smallest loss of each search."""
        return {name: float(loss(x, self.importance).min()) for name, x in self.points().items()}

    def mean_best(self) -> dict[str, float]:
        """Smallest loss of each search, mean over many seeds."""
        return {name: float(np.mean([loss(points(name, self.k, s), self.importance).min() for s in range(DRAWS)]))
                for name in METHODS}


@lru_cache(maxsize=1024)
def points(name: str, k: int, seed: int) -> Array:
    """Ask a search for its first k² points, shape (k², 2). A grid's do not depend on the seed."""
    searches: dict[str, Algorithm] = {"Grid": Grid(k, shuffled=False), "Random": Random(),
                                      "Sobol": QuasiRandom("sobol"), "Halton": QuasiRandom("halton")}
    x, memo = np.empty((0, 2)), dict[Hashable, Any]()
    for i in range(k * k):
        history = replace(History.of(SPACE, x, np.zeros(len(x)), seed=seed), memo=memo)
        x = np.vstack([x, searches[name].suggest(history, np.random.default_rng([seed, i])).x])
    x.flags.writeable = False
    return x


def draw(state: GridRandomState, lit: str = "") -> dict[str, Any]:
    """Draw the four searches."""
    return coverage(state.points(), state.importance, curves=state.shown, guess=state.guess, lit=lit)


def formula(state: GridRandomState) -> str:
    """Write the loss and how many values of x_1 each search tries."""
    s, found = m.three, state.points()
    best, mean = state.best(), state.mean_best()
    rows = "".join(f"<tr><td>{name}</td><th>{n_distinct(found[name][:, 0])}</th>"
                   + (f"<td>{s(best[name])}</td><td>{s(mean[name])}</td>" if state.shown else "<td>…</td><td>…</td>")
                   + "</tr>" for name in METHODS)
    n = state.k**2
    return ("<h4>The loss</h4>"
            f"<div class=eq>a <span data-term=f>f(x<sub>1</sub>)</span> + (1 − a) <span data-term=g>g(x<sub>2</sub>)"
            f"</span>, &nbsp; a = {s(state.importance)}</div>"
            f"<h4>{n} trials each</h4><div class=eq>a grid tries <span data-term=x1>n<sup>1/d</sup></span> = {n}<sup>1/2"
            f"</sup> = {state.k} values of each parameter, random search {n}</div>"
            "<table><tr><td></td><td>values of x<sub>1</sub></td><td>best loss</td>"
            f"<td>mean of {DRAWS} seeds</td></tr>{rows}</table>"
            "<p>Sobol and Halton points are random ones that keep apart.</p>")


def question(state: GridRandomState) -> str:
    """Ask first; then judge."""
    if state.guess is None and not state.shown:
        return ("Only the points are on view. Which of the four comes nearest to the minimum? And where do you think the best "
                "x₁ lies? Click, then press Show.")
    if not state.shown:
        return "Your guess is kept. Now press Show."
    if state.guess is not None:
        return (f"You guessed x₁ = {m.three(state.guess)}, the best is {BEST_X1}. Put the importance to 0.5: does the grid "
                "catch up?")
    return "Predict, then try: if both parameters matter alike (importance 0.5), does the grid catch up? Try other seeds."


def summary(state: GridRandomState) -> str:
    """Say in words what the picture shows."""
    found = state.points()
    text = (f"{state.k**2} trials each; values of the important parameter: "
            + ", ".join(f"{name} {n_distinct(found[name][:, 0])}" for name in METHODS) + ".")
    if state.guess is not None:
        text += f" Your guess: x₁ = {m.three(state.guess)}."
    if state.shown:
        text += " Best losses: " + ", ".join(f"{name} {m.three(v)}" for name, v in state.best().items()) + "."
    return text


class GridRandomLesson(Lesson[GridRandomState]):
    """Grid, random and quasi-random points side by side, with what each tells about the parameter that matters."""

    name = "Grid and random search"
    ask = "click where the best x₁ lies, or type it"
    dials = (Dial("importance", "importance of x₁ (share)", 0.5, 1.0, step=0.01, digits=".2f"),
             Dial("k", "grid's side (values)", 2, 8, step=1, digits=".0f"))

    def __init__(self, start: GridRandomState | None = None) -> None:
        super().__init__(start or GridRandomState())

    def picture(self, state: GridRandomState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: GridRandomState) -> str:
        """Write the formula with its present numbers."""
        return formula(state)

    def question(self, state: GridRandomState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: GridRandomState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: GridRandomState) -> GridRandomState:
        """Draw all that is random anew."""
        return state if state.seed >= 9999 else replace(state, seed=state.seed + 1)

    def clicked(self, state: GridRandomState, x: float, y: float, subplot: str) -> GridRandomState:  # noqa: ARG002
        """Keep the clicked x as the learner's guess."""
        return replace(state, guess=min(max(x, 0.0), 1.0))

    def dialled(self, state: GridRandomState, field: str, value: Any) -> GridRandomState:
        """Put the value of a slider into the state."""
        return super().dialled(state, field, round(value) if field == "k" else value)

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        return [self._button("Show", "eye", lambda: self.change(lambda s: replace(s, shown=True)),
                             "Show what each parameter does, and the best points"),
                *self.at_x("Guess x₁", lambda s, x: replace(s, guess=x[0])), self._number("seed", "seed")]
