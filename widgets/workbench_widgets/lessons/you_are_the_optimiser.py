"""A game: find the lowest point of a hidden function with ten evaluations, against random search, TPE and GP-BO."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from workbench.plots import marks as m
from workbench_widgets.lessons.frame import Lesson
from workbench_widgets.lessons.game_pictures import draw
from workbench_widgets.lessons.game_state import N_EVALUATIONS, RIVALS, YOU, GameState, Round, rivals
from workbench_widgets.threads import spawn

STEP, LEAP = 0.01, 0.1  # of the cursor, without and with shift
PLACES = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th"}


def above(regret: float) -> str:
    """Write a distance from the minimum, of a range of 100."""
    return "less than 0.01" if regret < 0.01 else m.three(regret)


def verdict(result: Round) -> str:
    """Say who won, and how far you were."""
    regrets = dict(result.regrets)
    order = sorted(regrets, key=lambda name: (result.place(name), name != YOU))
    own = above(regrets[YOU])
    others = [f"{name} ({above(regrets[name])})" for name in order if name != YOU]
    hints = f" You took {result.hints} hint{'' if result.hints == 1 else 's'}." if result.hints else ""
    if result.place(YOU) == 1:
        shared = [name for name in order if name != YOU and result.place(name) == 1]
        if shared:
            return f"You share the first place with {' and '.join(shared)}: {own} above the minimum.{hints}"
        return f"You win: {own} above the minimum, before {listed(others)}.{hints}"
    winner = order[0]
    return (f"{winner} wins: {above(regrets[winner])} above the minimum. You are {PLACES[result.place(YOU)]} with {own}."
            f"{hints}")


def listed(items: list[str]) -> str:
    """Join with commas and "and"."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def score(rounds: tuple[Round, ...]) -> dict[str, tuple[int, float]]:
    """Return wins (shared ones count for all) and mean place of each player."""
    return {name: (sum(r.place(name) == 1 for r in rounds), sum(r.place(name) for r in rounds) / max(len(rounds), 1))
            for name in (YOU, *RIVALS)}


def formula(state: GameState) -> str:
    """Write what stands beside the picture: the rules or the standings, and the running score."""
    return (_standings(state) if state.is_over else _own(state)) + _score(state.rounds)


def _own(state: GameState) -> str:
    names = ("x",) if state.dimensions == 1 else ("x₁", "x₂")
    rows = "".join(f"<tr><td>{k + 1}</td>{''.join(f'<td>{v:.3f}</td>' for v in p)}<td>{m.three(y)}</td></tr>"
                   for k, (p, y) in enumerate(zip(state.points, state.y, strict=True)))
    heads = "".join(f"<th>{n}</th>" for n in ("", *names, "loss"))
    table = f"<h4>Your evaluations</h4><table><tr>{heads}</tr>{rows}</table>" if state.y else ""
    rules = "" if len(state.y) > 2 else (
        f"<h4>Rules</h4><p>Smaller is better. You have {N_EVALUATIONS} evaluations, and so have GP-BO, TPE and random search, "
        "on the same function. Nobody sees the others' points until all are used up. Then everything is shown.</p>"
        "<p>A hint shows where expected improvement would look, knowing your points alone.</p>")
    return rules + table


def _standings(state: GameState) -> str:
    result = state.rounds[-1]
    order = sorted(dict(result.regrets), key=lambda name: (result.place(name), name != YOU))
    rows = "".join(f"<tr><td>{result.place(n)}.</td><td>{html.escape(n)}</td><th>{above(dict(result.regrets)[n])}</th></tr>"
                   for n in order)
    return f"<h4>Above the minimum, of a range of 100</h4><table>{rows}</table>"


def _score(rounds: tuple[Round, ...]) -> str:
    if not rounds:
        return ""
    rows = "".join(f"<tr><td>{html.escape(name)}</td><th>{wins}</th><td>{place:.2g}</td></tr>"
                   for name, (wins, place) in score(rounds).items())
    return (f"<h4>Score after {len(rounds)} game{'' if len(rounds) == 1 else 's'}</h4>"
            f"<table><tr><td></td><td>wins</td><td>mean place</td></tr>{rows}</table>")


def question(state: GameState) -> str:
    """Say what to do now, or who has won."""
    if state.is_over:
        return verdict(state.rounds[-1])
    if not state.y:
        return "Where is the lowest point? Click, or move the cursor with the arrow keys and press Enter."
    if state.left == 1:
        return "The last one. Stay near your best point, or risk something new?"
    return f"{state.left} evaluations left. Where next?"


def summary(state: GameState) -> str:
    """Say in words what the picture shows."""
    if state.is_over:
        return f"{verdict(state.rounds[-1])} Press Play again for another function."
    text = f"Game {len(state.rounds) + 1}: {len(state.y)} of {N_EVALUATIONS} evaluations used."
    if state.y:
        best = state.y.index(min(state.y))
        at = ", ".join(f"{v:.3f}" for v in state.points[best])
        text += f" The last gave {m.three(state.y[-1])}; your best is {m.three(min(state.y))} at {at}."
    if state.hint is not None:
        at = ", ".join(f"{v:.3f}" for v in state.hint)
        text += f" Hint: expected improvement would look at {at}" + (
            "." if len(state.y) > 1 else ": with fewer than two points that is just the middle.")
    return f"{text} Cursor at {', '.join(f'{v:.2f}' for v in state.cursor)}."


class YouAreTheOptimiser(Lesson[GameState]):
    """Play the optimiser yourself: ten evaluations in one or two dimensions, against three algorithms."""

    name = "You are the optimiser"
    can_step = False
    can_predict = False
    can_undo = False  # an evaluation is dear, and cannot be taken back
    key_map: ClassVar[dict[str, str]] = {
        "ArrowLeft": "left", "ArrowRight": "right", "ArrowUp": "up", "ArrowDown": "down", "Enter": "evaluate",
        "h": "hint", "n": "again", "r": "reset", "?": "help"}
    help_text = ("<kbd>← → ↑ ↓</kbd> move the cursor (with <kbd>shift</kbd> in leaps) · <kbd>Enter</kbd> evaluate there · "
                 "<kbd>h</kbd> hint · <kbd>n</kbd> play again · <kbd>r</kbd> reset, the score too, while the game has the focus.")

    def __init__(self, start: GameState | None = None) -> None:
        super().__init__(start or GameState.begin())

    def picture(self, state: GameState, lit: str = "") -> dict[str, Any]:  # noqa: ARG002
        """Draw the state."""
        return draw(state)

    def formula(self, state: GameState) -> str:
        """Write rules, evaluations or standings, and the score."""
        return formula(state)

    def question(self, state: GameState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: GameState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def clicked(self, state: GameState, x: float, y: float, subplot: str) -> GameState:  # noqa: ARG002
        """Evaluate where the click was."""
        return state.evaluate((x, y))

    def dialled(self, state: GameState, field: str, value: Any) -> GameState:
        """Begin anew with another function; the score is kept."""
        new = replace(state, **{field: value})
        return GameState.begin(new.dimensions, new.seed, state.rounds)

    def moves(self, *, shift: bool) -> dict[str, Callable[[], object]]:
        """Return what keys can mean."""
        by = LEAP if shift else STEP
        ways = {"left": (0, -by), "right": (0, by), "down": (1, -by), "up": (1, by)}
        go = {way: lambda axis=axis, d=d: self.change(lambda s: s.move(axis, d)) for way, (axis, d) in ways.items()}
        return {**go, "evaluate": self._evaluate, "hint": self._hint, "again": self._again, "reset": self.reset,
                "help": self._help}

    def _evaluate(self) -> None:
        self.change(lambda s: s.evaluate(s.cursor))

    def _hint(self) -> None:
        self.change(GameState.ask)

    def _again(self) -> None:
        self.change(lambda s: s.again() if s.is_over else s)

    def _show(self) -> None:
        super()._show()
        over = self.state.is_over
        self._again_button.disabled = not over
        self._again_button.button_style = "primary" if over else ""
        self._hint_button.disabled = self._evaluate_button.disabled = over
        if len(self.state.y) == 1:  # the others play meanwhile, so that nobody waits at the end
            spawn(lambda: rivals(self.state.dimensions, self.state.seed), "rivals")

    def controls(self) -> list[Any]:
        """Make the game's own buttons and choices."""
        self._hint_button = self._button("Hint", "lightbulb-o", self._hint, "Where would expected improvement look? (h)")
        self._again_button = self._button("Play again", "refresh", self._again, "A new hidden function; the score is kept (n)")
        number = self._number("seed", "function no.")
        number.layout.width = "160px"
        self._evaluate_button = self._button("Evaluate at the cursor", "crosshairs", self._evaluate,
                                             "The same as a click there (Enter)")
        return [self._evaluate_button, self._hint_button, self._again_button,
                self._choice("dimensions", "play on", {"a line (1-D)": 1, "a square (2-D)": 2}),
                number]
