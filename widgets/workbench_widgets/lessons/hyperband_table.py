"""Lesson: Hyperband's table. How many configurations get how many steps in each bracket, and what a bracket costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets as w
import numpy as np

from workbench.errors import RunError
from workbench.fidelity import brackets as b
from workbench.plots import marks as m
from workbench.plots.brackets import ladder
from workbench.plots.gantt import GOALS
from workbench_widgets.lessons.frame import Lesson

MOST_BRACKETS = 8  # that a table beside a picture has room for
TABLES: tuple[b.Table, ...] = ("formula", "printed")
COUNTS: dict[str, Callable[[b.Bracket], int]] = {"promoted": b.cost, "from the start": b.cost_from_the_start}


@dataclass(frozen=True, slots=True)
class HyperbandTableState:
    """R and η, which of the two tables the picture shows, a cell of it, whether costs are shown, the learner's guess."""

    R: int = 81
    eta: int = 3
    table: b.Table = "formula"
    bracket: int = 0  # from the most aggressive one, s = s_max
    rung: int = 0
    shown: bool = False
    guess: int | None = None

    def brackets(self, table: b.Table | None = None) -> tuple[b.Bracket, ...]:
        """Give the brackets of one of the tables."""
        return b.hyperband(self.R, self.eta, 1, table or self.table)

    @property
    def s_max(self) -> int:
        """Halvings in the most aggressive bracket."""
        return b.s_max(self.R, self.eta)

    def step(self) -> HyperbandTableState:
        """Go to the next cell in the order in which Hyperband fills the table."""
        if self.rung + 1 < len(self.brackets()[self.bracket]):
            return replace(self, rung=self.rung + 1)
        if self.bracket < self.s_max:
            return replace(self, bracket=self.bracket + 1, rung=0)
        return self


def wrong(R: int, eta: int) -> str:
    """Say what is wrong with R and η; "" if nothing is."""
    try:
        b.check(R, eta, 1)
    except RunError as error:
        return str(error).replace("max_steps", "R").replace("eta", "η")
    n = b.s_max(R, eta) + 1
    if n > MOST_BRACKETS:
        return f"R = {R} and η = {eta} give {n} brackets; there is room for {MOST_BRACKETS}. Take a smaller R or a larger η."
    return ""


def explain(state: HyperbandTableState, bracket: int, rung: int, table: b.Table) -> str:
    """Say how a cell of a table comes about, and what it costs."""
    rows = state.brackets(table)[bracket]
    s, eta, R, here = len(rows) - 1, state.eta, state.R, rows[rung]
    top = state.s_max + 1
    if rung == 0:
        how = f"⌈{top} · {eta}^{s} / {s + 1}⌉" if table == "formula" else f"⌊{top} / {s + 1}⌋ · {eta}^{s}"
        begin = f"n = {how} = {here.n} configuration{'s' * (here.n != 1)} begin{'s' * (here.n == 1)}"
    else:
        begin = f"of {rows[rung - 1].n} the best ⌊{rows[0].n} / {eta}^{rung}⌋ = {here.n} go{'es' * (here.n == 1)} on"
    before = rows[rung - 1].r if rung else 0
    down = "" if here.r * eta ** (s - rung) == R else ", rounded down"
    whole = f"{here.n} × {here.r} = {here.n * here.r}"
    more = f"{here.n} × ({here.r} − {before}) = {here.n * (here.r - before)}, from the start {whole}" if before else whole
    return (f"s = {s}, i = {rung} ({table}): {begin}, up to r = {R} / {eta}^{s - rung} = {here.r} "
            f"step{'s' * (here.r != 1)}{down}. Steps of this cell: {more}.")


def draw(state: HyperbandTableState, lit: str = "") -> dict[str, Any]:
    """Draw the brackets as ladders of configurations, and beside them, once they are shown, their costs."""
    cell = cell_of(lit, state)
    table = state.table if cell is None else TABLES[cell[2]]
    at = (state.bracket, state.rung) if cell is None else cell[:2]
    rows = state.brackets(table)
    budgets = tuple(rung.r for rung in rows[0])
    most = rows[0][0].n
    data = []
    for k, bracket in enumerate(rows):
        x = ladder(np.array([rung.r for rung in bracket]), budgets)
        n = [rung.n for rung in bracket]
        place = np.full(len(n), float(k))
        sizes = 8 + 30 * np.sqrt(np.array(n) / most)
        data.append({**m.line(x, place, f"s = {len(bracket) - 1}", m.GREY, width=1, legend=False), "hoverinfo": "skip"})
        data.append({**m.dots(x, place, f"s = {len(bracket) - 1}", m.BLUE, legend=False), "mode": "markers+text",
                     "marker": {"size": sizes, "color": m.fade(m.BLUE, 0.45), "line": {"color": m.BLUE, "width": 1}},
                     "text": [str(v) for v in n], "textposition": "top center",
                     "hovertemplate": "%{text} configurations<extra></extra>"})
    here = ladder(np.array([rows[at[0]][at[1]].r]), budgets)
    data.append({**m.dots(here, np.array([float(at[0])]), "this cell", m.ORANGE, size=44, symbol="circle-open", legend=False),
                 "hoverinfo": "skip"})
    B = (state.s_max + 1) * state.R
    shapes = [{"type": "line", "xref": "x2", "yref": "paper", "x0": B, "x1": B, "y0": 0, "y1": 1,
               "line": {"color": m.GREY, "width": 1.5, "dash": "dash"}}]
    data += _costs(rows, budgets) if state.shown else []
    if state.guess is not None:
        shapes.append({"type": "rect", "xref": "x2 domain", "yref": "y", "x0": 0, "x1": 1, "y0": state.guess - 0.45,
                       "y1": state.guess + 0.45, "line": {"color": m.ORANGE, "width": 2, "dash": "dot"}})
    ticks = ladder(np.array(budgets), budgets)
    still = {"fixedrange": True, "zeroline": False}
    words = "dark: promoted · pale: from the start" if state.shown else "predict, then press Show"
    return {"data": data, "layout": {
        "height": 120 + 62 * len(rows), "title": m.title(f"One round of Hyperband: {sum(x[0].n for x in rows)} configurations"),
        "shapes": shapes, "hovermode": "closest", "margin": {"l": 60, "r": 16, "t": 66, "b": 46}, "dragmode": False,
        "annotations": [{"xref": axis, "yref": "paper", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom",
                         "showarrow": False, "text": text}
                        for axis, text in (("x domain", f"configurations ({table})"), ("x2 domain", words))],
        "xaxis": {"domain": [0, 0.56], "tickvals": ticks.tolist(), "ticktext": [str(r) for r in budgets], "showgrid": True,
                  "range": [0.5, len(budgets) + 0.5], "title": {"text": "steps r<sub>i</sub>"}, **still},
        "xaxis2": {"domain": [0.62, 1], "anchor": "y", "range": [0, 1.3 * B], "nticks": 5,
                   "title": {"text": f"steps (dashed: B = {B})"}, **still},
        "yaxis": {"tickvals": list(range(len(rows))), "ticktext": [f"s = {len(x) - 1}" for x in rows], "showgrid": False,
                  "range": [len(rows) - 0.4, -0.75], **still}}}


def _costs(rows: tuple[b.Bracket, ...], budgets: tuple[int, ...]) -> list[m.Dict]:
    """Draw what each rung costs, one bar behind the other: above promoted and resumed, below from the start."""
    data = []
    for i, r in enumerate(budgets):
        for dy, alpha, anew in ((-0.16, 1.0, False), (0.16, 0.45, True)):
            x, y = [], []
            for k, bracket in enumerate(rows):
                before = [0, *(0 if anew else rung.r for rung in bracket)]
                ends = np.cumsum([rung.n * (rung.r - r0) for rung, r0 in zip(bracket, before, strict=False)])
                here = next((j for j, rung in enumerate(bracket) if rung.r == r), None)
                if here is not None:
                    x += [float(ends[here - 1]) if here else 0.0, float(ends[here]), np.nan]
                    y += [k + dy] * 3
            name = f"up to {r} step{'s' * (r != 1)}"
            color = m.fade(GOALS[i % len(GOALS)], alpha)
            data.append({**m.line(np.array(x), np.array(y, dtype=float), name, color, width=13, legend=False), "xaxis": "x2",
                         "hovertemplate": f"{name}<extra></extra>", "connectgaps": False})
    return data


def cell_of(term: str, state: HyperbandTableState) -> tuple[int, int, int] | None:
    """Read which cell a lit term means: bracket, rung, table; None for none of the present tables."""
    if not term.startswith("cell-"):
        return None
    bracket, rung, table = map(int, term.split("-")[1:])
    return (bracket, rung, table) if rung <= state.s_max - bracket else None


def _table(state: HyperbandTableState, t: int) -> str:
    rows = state.brackets(TABLES[t])
    head = "".join(f"<th scope=col>s = {len(bracket) - 1}</th>" for bracket in rows)
    body = ""
    for i in range(len(rows[0])):
        cells = ""
        for k, bracket in enumerate(rows):
            here = (k, i) == (state.bracket, state.rung) and TABLES[t] == state.table
            text = f"<span data-term=cell-{k}-{i}-{t}>{bracket[i].n} × {bracket[i].r}</span>" if i < len(bracket) else ""
            cells += f"<td>{f'<b>{text}</b>' if here else text}</td>"
        body += f"<tr><th scope=row>i = {i}</th>{cells}</tr>"
    for words, count in COUNTS.items():
        costs = [count(bracket) for bracket in rows]
        shown = "".join(f"<td>{c if state.shown else '…'}</td>" for c in costs)
        body += f"<tr><th scope=row>{words}</th>{shown}<td>{f'Σ {sum(costs)}' if state.shown else ''}</td></tr>"
    return f"<table><tr><td></td>{head}</tr>{body}</table>"


def formula(state: HyperbandTableState) -> str:
    """Write how the tables are made, and both of them."""
    return ("<h4>Algorithm 1</h4>"
            f"<div class=eq>s<sub>max</sub> = ⌊log<sub>η</sub> R⌋ = {state.s_max}, &nbsp; B = (s<sub>max</sub> + 1) R = "
            f"{(state.s_max + 1) * state.R}</div>"
            "<div class=eq>n<sub>i</sub> = ⌊n η<sup>−i</sup>⌋, &nbsp; r<sub>i</sub> = R η<sup>i − s</sup></div>"
            "<h4>The formula: n = ⌈B/R · η<sup>s</sup> / (s + 1)⌉</h4>" + _table(state, 0)
            + "<h4>As printed beside it: n = ⌊B/R / (s + 1)⌋ η<sup>s</sup></h4>" + _table(state, 1)
            + "<p>A cell is n<sub>i</sub> × r<sub>i</sub>. Point at one to see where it comes from.</p>")


def costliest(state: HyperbandTableState) -> list[int]:
    """Brackets that take the most steps when trials go on where they stopped."""
    costs = [b.cost(bracket) for bracket in state.brackets()]
    return [k for k, c in enumerate(costs) if c == max(costs)]


def question(state: HyperbandTableState) -> str:
    """Ask first; then judge; then send on."""
    if not state.shown and state.guess is None:
        return ("Promoted trials go on where they stopped. Which bracket takes the most steps then: the one with the most "
                "configurations, or the one that stops nobody? Click its row on the right, then press Show.")
    if not state.shown:
        return f"Your guess is s = {state.s_max - state.guess}. Now press Show." if state.guess is not None else ""
    most = costliest(state)
    if state.guess is not None:
        true = " and ".join(f"s = {state.s_max - k}" for k in most)
        verdict = "Right" if state.guess in most else f"You guessed s = {state.s_max - state.guess}, it is {true}"
        return (f"{verdict}. From the start every bracket takes about B steps; promoting saves most where there is most to "
                "promote. Which of the two tables is cheaper, and whom does it leave out?")
    return "Predict, then try: what do the brackets become with η = 4, or with an R that is no power of η?"


def summary(state: HyperbandTableState) -> str:
    """Say how the present cell comes about."""
    return explain(state, state.bracket, state.rung, state.table)


class HyperbandTableLesson(Lesson[HyperbandTableState]):
    """Both of Hyperband's tables for any R and η; step through the cells; what each bracket costs."""

    name = "Hyperband's table"
    predict_each_step = False  # there is one question, about costs; steps walk through the cells
    ask = "click the row of the costliest bracket on the right"
    help_text = ("<kbd>→</kbd> or <kbd>s</kbd> next cell · <kbd>←</kbd> back · <kbd>space</kbd> play · <kbd>r</kbd> reset. Point "
                 "at a cell to have it explained; click in the picture to guess or to choose a cell.")

    def __init__(self, start: HyperbandTableState | None = None) -> None:
        super().__init__(start or HyperbandTableState())
        self._formula.layout = w.Layout(flex="1 1 400px", margin="0 0 0 12px")

    def picture(self, state: HyperbandTableState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: HyperbandTableState) -> str:
        """Write both tables."""
        return formula(state)

    def question(self, state: HyperbandTableState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: HyperbandTableState) -> str:
        """Explain the present cell."""
        return summary(state)

    def stepped(self, state: HyperbandTableState) -> HyperbandTableState:
        """Go to the next cell."""
        return state.step()

    def clicked(self, state: HyperbandTableState, x: float, y: float, subplot: str) -> HyperbandTableState:
        """Choose a cell on the left; on the right guess a bracket."""
        k = round(y)
        rows = state.brackets()
        if not 0 <= k < len(rows):
            return state
        if subplot != "xy":
            return replace(state, guess=k)
        i = round(x) - 1 - (len(rows[0]) - len(rows[k]))
        return replace(state, bracket=k, rung=i) if 0 <= i < len(rows[k]) else state

    def dialled(self, state: HyperbandTableState, field: str, value: Any) -> HyperbandTableState:
        """Put a new R, η or table into the state, unless there is something wrong with it; then say so."""
        if field == "table":
            return replace(state, table=value)
        new = replace(state, **{field: value}, bracket=0, rung=0, guess=None)
        fault = wrong(new.R, new.eta)
        if fault:
            self._say(f"<b>⚠ {fault}</b> The tables still show R = {state.R}, η = {state.eta}.")
        return state if fault else new

    def _redraw(self) -> None:
        super()._redraw()
        cell = cell_of(self._ears.lit, self.state)
        self._say(self.summary(self.state) if cell is None else explain(self.state, cell[0], cell[1], TABLES[cell[2]]))

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        show = self._button("Show", "eye", lambda: self.change(lambda s: replace(s, shown=True)), "Show what brackets cost")
        labels = {"by the formula": "formula", "as printed": "printed"}
        guess = self._button("Guess this bracket", "crosshairs", lambda: self.change(lambda s: replace(s, guess=s.bracket)),
                             "Guess that the bracket of the present cell costs most")
        return [self._whole("R", "R (steps)"), self._whole("eta", "η"), self._choice("table", "picture", labels), show, guess]

    def _whole(self, field: str, label: str) -> Any:
        """Make a field for a whole number that is judged by ``dialled``, not silently cut."""
        box = w.IntText(getattr(self.start, field), description=label, layout={"width": "140px"},
                        style={"description_width": "initial"})
        self._input(field, box)
        return box
