"""Lesson: edit a cell. Change an edge, and see what the cell computes, how big it is, and how many strings are the same cell."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.nas.cell_words import readable
from workbench.nas.cells import NANO, Architecture, Edge
from workbench.nas.sizes import Size, cell_size
from workbench.plots.nas_graph import graph_figure
from workbench.plots.nas_layout import drawn, layout
from workbench_widgets.lessons.frame import Lesson

OPERATIONS = NANO.operations
GUESSES = {"only this one": "1", "2 to 9": "few", "10 to 99": "tens", "100 or more": "hundreds"}
WORDS = {guess: words for words, guess in GUESSES.items()}
NEAR = 0.35  # how near to an edge a click must be, in units of the drawing
FIRST: Architecture = ("conv3", "skip", "pool3", "none", "conv3", "skip")


@dataclass(frozen=True, slots=True)
class CellState:
    """The operation on each edge, what was guessed, and how many steps were taken (each draws anew)."""

    e01: str = FIRST[0]
    e02: str = FIRST[1]
    e12: str = FIRST[2]
    e03: str = FIRST[3]
    e13: str = FIRST[4]
    e23: str = FIRST[5]
    shown: bool = True
    guess: str = ""
    steps: int = 0

    @property
    def architecture(self) -> Architecture:
        """The operations, edge by edge."""
        return self.e01, self.e02, self.e12, self.e03, self.e13, self.e23

    def put(self, architecture: Architecture) -> CellState:
        """Take other operations; a guess was about the old ones."""
        fields: dict[str, Any] = NANO.config(architecture)
        return replace(self, **fields, guess="")

    @property
    def live(self) -> frozenset[Edge]:
        """Edges that the output hears through."""
        return frozenset(NANO.live_edges(self.architecture))

    @property
    def dead(self) -> tuple[Edge, ...]:
        """Edges that carry something and are on no way to the output."""
        return tuple(e for e, op in zip(NANO.edges, self.architecture, strict=True) if op != "none" and e not in self.live)

    @property
    def n_equal(self) -> int:
        """How many strings are this cell."""
        return NANO.n_equal(self.architecture)

    @property
    def truth(self) -> str:
        """The guess that would be right."""
        n = self.n_equal
        return "1" if n == 1 else "few" if n < 10 else "tens" if n < 100 else "hundreds"

    @property
    def size(self) -> Size:
        """Of a network of two such cells on lines of 40 positions."""
        return cell_size(NANO, self.architecture)


def draw(state: CellState, lit: str = "") -> dict[str, Any]:
    """Draw the cell; a term of the formula under the pointer makes the others' edges faint."""
    picked = None
    if lit in {"live", "dead"}:
        picked = [e in (state.live if lit == "live" else state.dead) for e in NANO.edges]
    n, equal = len(state.live), state.n_equal
    title = f"{n} of its 6 edges {'counts' if n == 1 else 'count'}"
    if state.shown:
        title += f"; {equal} of {NANO.n_architectures} strings {'is' if equal == 1 else 'are'} this cell"
    return graph_figure(NANO.graph(state.architecture), chosen=picked, title=title, height=380)


def edge_at(x: float, y: float) -> int | None:
    """Return the number of the edge nearest to a point of the drawing, or None if none is near."""
    ways = layout(NANO.graph(FIRST)).edges
    gaps = [float(np.hypot(*(drawn(way) - np.array([x, y])).T).min()) for way in ways]
    k = int(np.argmin(gaps))
    return k if gaps[k] <= NEAR else None


def formula(state: CellState) -> str:
    """Write what the cell computes, and its numbers."""
    a = state.architecture
    form = html.escape(readable(NANO.canonical(a))) if state.shown else "…"
    size, biggest = state.size, cell_size(NANO, NANO.biggest())
    equal = f"{state.n_equal}" if state.shown else "…"
    rows = [("<span data-term=live>edges that count</span>", f"{len(state.live)}"),
            ("<span data-term=dead>dead edges</span>", ", ".join(f"{i}→{j}" for i, j in state.dead) or "none"),
            ("ways from input to output", f"{len(NANO.paths(a))}"), ("equal strings", equal),
            ("parameters", f"{size.parameters:,} of at most {biggest.parameters:,}".replace(",", " ")),
            ("multiply-adds", f"{size.flops:,}".replace(",", " "))]
    table = "".join(f"<tr><td>{name}</td><th>{value}</th></tr>" for name, value in rows)
    return (f"<h4>The cell computes</h4><div class=eq>output = {form}</div>"
            "<p>A node is the sum of what its edges bring: skip brings its source, none nothing.</p>"
            f"<h4>The string</h4><div class=eq>{' · '.join(a)}</div><p>for the edges "
            f"{', '.join(f'{i}→{j}' for i, j in NANO.edges)}</p><h4>Its numbers</h4><table>{table}</table>")


def question(state: CellState) -> str:
    """Ask first; judge the guess; then send on."""
    if not state.shown and state.guess:
        return "Your guess is kept. Now press Show."
    if not state.shown:
        return (f"How many of the {NANO.n_architectures} strings are this same cell? Look for dead edges and for skips; choose, "
                "then press Show.")
    if state.guess:
        said = f"You said “{WORDS[state.guess]}”: {'right' if state.guess == state.truth else 'not so'}, it is {state.n_equal}."
        return said + " Change an edge and predict again."
    if not state.live:
        return "Nothing reaches the output: all such strings are one and the same cell. Which edges would you need at least?"
    if state.dead:
        return (f"The dashed edge {state.dead[0][0]}→{state.dead[0][1]} is dead: whatever it carries, the cell stays the same. "
                "Click it, and watch the formula.")
    if state.n_equal == 1:
        return ("This string is alone: no other makes the same cell. Click edges (each click takes the next operation) until it "
                "has equals.")
    return "Click an edge: it takes its next operation. Can you make a cell that more than 100 strings are?"


def summary(state: CellState) -> str:
    """Say in words what the picture shows."""
    a = state.architecture
    edges = ", ".join(f"{i} to {j} {op}" for (i, j), op in zip(NANO.edges, a, strict=True))
    text = f"Cell {edges}; {len(state.live)} edges count."
    if not state.shown:
        return text + (f" Your guess: {WORDS[state.guess]}." if state.guess else "")
    return (f"{text} It computes {readable(NANO.canonical(a))}; {state.n_equal} strings are this cell; {state.size.parameters} "
            "parameters.")


class CellLesson(Lesson[CellState]):
    """Change a cell edge by edge, by clicks or menus; see what it computes and which strings are the same."""

    name = "Edit a cell"
    ask = "choose how many strings are this cell"

    def __init__(self, start: CellState | None = None) -> None:
        super().__init__(start or CellState())

    def picture(self, state: CellState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: CellState) -> str:
        """Write what the cell computes."""
        return formula(state)

    def question(self, state: CellState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: CellState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def cover(self, state: CellState) -> CellState:
        """Hide the formula and the count."""
        return replace(state, shown=False, guess="")

    def awaits(self, state: CellState) -> bool:
        """Whether the learner must predict first."""
        return not state.shown and not state.guess

    def clicked(self, state: CellState, x: float, y: float, subplot: str) -> CellState:  # noqa: ARG002
        """Give the edge under the click its next operation."""
        k = edge_at(x, y)
        if k is None:
            return state
        a = list(state.architecture)
        a[k] = OPERATIONS[(OPERATIONS.index(a[k]) + 1) % len(OPERATIONS)]
        return self._changed(state, tuple(a))

    def stepped(self, state: CellState) -> CellState:
        """Mutate one edge, drawn at random: what an evolution does to a parent."""
        a = NANO.mutate(state.architecture, np.random.default_rng(state.steps))
        return replace(self._changed(state, a), steps=state.steps + 1)

    def _changed(self, state: CellState, architecture: Architecture) -> CellState:
        """Take another architecture; with "predict first" its answers are hidden."""
        return replace(state.put(architecture), shown=not self.predict_first)

    def dialled(self, state: CellState, field: str, value: Any) -> CellState:
        """Put an operation, or the guess, into the state."""
        if field == "guess":
            return replace(state, guess=value)
        return self._changed(state, NANO.architecture(NANO.config(state.architecture) | {field: value}))

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices: a menu for each edge."""
        options = {op: op for op in OPERATIONS}
        menus = [self._choice(name, f"{i}→{j}", options) for name, (i, j) in zip(NANO.names, NANO.edges, strict=True)]
        for menu, (i, j) in zip(menus, NANO.edges, strict=True):
            menu.tooltip = f"the operation on the edge from node {i} to node {j}"
        fewest = self._button("Fewest edges", "compress", lambda: self.change(self._smallest),
                              "The equal cell with the fewest edges: dead ones cut")
        biggest = self._button("Biggest", "expand", lambda: self.change(lambda s: self._changed(s, NANO.biggest())),
                               "The cell with the most parameters: a convolution on every edge")
        show = self._button("Show", "eye", lambda: self.change(lambda s: replace(s, shown=True)),
                            "Show the formula and the count")
        return [show, self._choice("guess", "equal strings?", {"your guess …": "", **GUESSES}), fewest, biggest, *menus]

    def _smallest(self, state: CellState) -> CellState:
        """Take the representative; it is the same cell, so answers stay as they are."""
        fields: dict[str, Any] = NANO.config(NANO.representative(state.architecture))
        return replace(state, **fields)
