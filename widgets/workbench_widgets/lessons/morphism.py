"""Lesson: a network morphism changes the network, and not the function that it computes; then training drives them apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workbench.models.neural.extra import require_torch
from workbench.plots import marks as m
from workbench_widgets.lessons.frame import Dial, Lesson
from workbench_widgets.lessons.morphism_pictures import draw
from workbench_widgets.lessons.morphism_state import EVERY, LAST, MorphismState

KINDS = {"deeper (type I)": "deeper", "wider (Net2Net)": "wider", "skip, side by side (type II)": "skip",
         "skip, added (type II)": "add", "branch (type II)": "branch"}
GUESSES = {"not at all: rounding": "rounding", "a little: up to 0.3": "small", "much: more than 0.3": "large"}
WORDS = {guess: words for words, guess in GUESSES.items()}
TYPE_II = ("<h4>Type II</h4><div class=eq>f(x) = A h(x) + b</div>"
           "<div class=eq>f̃(x) = (A <span data-term=new>Ã</span>) (h(x); <span data-term=new>h̃(x)</span>) + b</div>")
DEFINITIONS = {
    "deeper": "<h4>Type I</h4><div class=eq>f̃(x) = <span data-term=new>A</span> f(x) + <span data-term=new>b</span>, "
              "&nbsp; A = 1, b = 0</div><p>Here f is everything up to b1. The new block b3 is ReLU(BN(W x)) with W = 1, and</p>"
              "<div class=eq>γ = √(var + ε), &nbsp; β = mean</div><p>so its batch norm is the identity, too. Its ReLU changes "
              "nothing, since what comes from b1 is never negative.</p>",
    "wider": "<h4>Net2WiderNet</h4><p>Units of b1 are copied, with their incoming weights. Whoever reads one takes half of "
             "either:</p>"
             "<div class=eq>v<sub>j</sub> h<sub>j</sub> = <span data-term=new>½ v<sub>j</sub></span> h<sub>j</sub> + "
             "<span data-term=new>½ v<sub>j</sub></span> h<sub>j</sub></div><p>(with as many parts as there are copies)</p>",
    "skip": TYPE_II + "<p>Here f is the head, h(x) are both blocks, h̃(x) = x is the input itself, and Ã = 0.</p>",
    "add": TYPE_II + "<p>Here f = h is b2, so A = 1. h̃ is b1, and Ã = diag(g) holds a gate for each unit: "
                     "ReLU(b2 + g ⊙ b1) with g = 0.</p>",
    "branch": TYPE_II + "<p>Here f is the head, and h̃ is a new block of 4 units with random weights: arbitrary, since Ã = 0.</p>",
}
NEW = {"deeper": (("W of the new block", "layers.b3.W"),), "wider": (("W of b1", "layers.b1.W"),),
       "skip": (("A and Ã", "layers.head.W"),), "add": (("Ã: the gate g", "layers.add1.g"),),
       "branch": (("A and Ã", "layers.head.W"), ("h̃: W of b3", "layers.b3.W"))}


def formula(state: MorphismState) -> str:
    """Write the definition, and both networks' numbers once they may be seen."""
    now, s = state.now, m.three
    before, after = state.plans

    def seen(value: float | None) -> str:
        return "–" if value is None else s(value) if state.shown else "…"

    rows = [("<span data-term=difference>evaluation mode</span>", seen(now.difference)),
            ("<span data-term=train>training mode</span>", seen(now.train_difference))]
    if state.kind == "wider":
        rows.append(("<span data-term=copies>copies: incoming weights</span>", seen(now.copies_apart)))
    table = "".join(f"<tr><td>{name}</td><th>{value}</th></tr>" for name, value in rows)
    gradients = "".join(f"<tr><td>{name}</td><th>{seen(now.gradients[key])}</th></tr>" for name, key in NEW[state.kind])
    return (f"{DEFINITIONS[state.kind]}<h4>Largest difference</h4><table>{table}</table>"
            f"<h4>Largest gradient</h4><table>{gradients}</table>"
            f"<h4><span data-term=loss>Training loss</span></h4><table><tr><td>old, {before.n_parameters} weights</td>"
            f"<th>{s(now.losses[0])}</th></tr><tr><td>new, {after.n_parameters} weights</td><th>{seen(now.losses[1])}</th></tr>"
            "</table>")


def question(state: MorphismState) -> str:
    """Ask first; judge the guess once the answer is on view; then send on to the next experiment."""
    if not state.shown:
        when = f"{EVERY} more steps of training" if state.steps else "the change"
        if not state.guess:
            return (f"After {when}: how far are the outputs of the two networks apart? Choose, or click in the curve below on "
                    "the left.")
        return "Your guess is kept. Now press Show."
    said = ""
    if state.guess:
        right = state.guess == state.truth
        said = f"You said “{WORDS[state.guess]}”: {'right' if right else 'not so'}. "
    return said + _next(state)


def _next(state: MorphismState) -> str:
    """Send on to the next experiment."""
    if state.steps >= LAST:
        return f"That were {LAST} steps. Reset, and try another morphism."
    if state.steps == 0:
        deeper = ("Now it holds in both modes. Press Step: what does training do?" if state.measured else
                  "In training mode, batch norm uses the batch's own mean. Does the function survive that? See the table; then "
                  "tick “measure batch norm”.")
        return {"deeper": deeper,
                "wider": "Copies have equal gradients. Predict: will they still be copies after 50 steps? Press Step.",
                "skip": "Ã = 0, and yet it gets a gradient. Why? Press Step.",
                "add": "The gate is closed, and yet it gets a gradient. Why? Press Step.",
                "branch": "The gradient of h̃ is 0 now. Predict: will it be after the first steps? Press Step."}[state.kind]
    if state.kind == "wider" and not state.parted:
        return "The outputs part, the copies do not: twice the units, but no new ones. Tick “break the symmetry”."
    if state.kind == "deeper" and not state.measured:
        return "Look at the loss after the first steps: the new network had to repair its batch norm. Tick “measure batch norm”."
    return "Which of the five parts fastest, which slowest? Predict, then try the others."


def summary(state: MorphismState) -> str:
    """Say in words what the picture shows."""
    before, after = state.plans
    s, now = m.three, state.now
    text = (f"{state.change.words()}; {before.n_parameters} weights before, {after.n_parameters} after; "
            f"{state.steps} steps of training since.")
    if state.guess:
        text += f" Your guess: {WORDS[state.guess]}."
    if state.shown:
        text += (f" Largest difference of the outputs: {s(now.difference)} in evaluation mode, {s(now.train_difference)} in "
                 f"training mode. Training loss: old {s(now.losses[0])}, new {s(now.losses[1])}.")
        if now.copies_apart is not None:
            text += f" Incoming weights of copies differ by at most {s(now.copies_apart)}."
    return text


class MorphismLesson(Lesson[MorphismState]):
    """Change a small network by a morphism; see that it computes the same; train both and see them part.

    Raises
    ------
    MissingExtra
        If torch is not installed.
    """

    name = "Network morphisms"
    ask = "choose how far the outputs will be apart, or click in the curve"
    dials = (Dial("steps", "training (steps)", 0, LAST, step=EVERY, digits=".0f"),)

    def __init__(self, start: MorphismState | None = None) -> None:
        require_torch("The lesson on network morphisms")
        super().__init__(start or MorphismState())

    def picture(self, state: MorphismState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: MorphismState) -> str:
        """Write the formula with its present numbers."""
        return formula(state)

    def question(self, state: MorphismState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: MorphismState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: MorphismState) -> MorphismState:
        """Show what the morphism has done, then train both networks on."""
        return state.step()

    def cover(self, state: MorphismState) -> MorphismState:
        """Hide the difference, for the next prediction."""
        return replace(state, shown=False, guess="")

    def awaits(self, state: MorphismState) -> bool:
        """Whether the learner must predict before the difference may be seen."""
        return not state.shown and not state.guess

    def clicked(self, state: MorphismState, x: float, y: float, subplot: str) -> MorphismState:  # noqa: ARG002
        """Take a click in the curve of differences as the learner's guess."""
        return state.guessed(y) if subplot == "x5y5" and not state.shown else state

    def dialled(self, state: MorphismState, field: str, value: Any) -> MorphismState:
        """Put the value into the state; another network or change begins before all training."""
        if field == "guess":
            return replace(state, guess=value)
        shown = state.shown and not self.predict_first
        if field == "steps":
            return replace(state, steps=EVERY * round(value / EVERY), shown=not self.predict_first, guess="")
        if field in {"measured", "parted"}:
            return replace(state, **{field: value})
        return replace(state, **{field: value}, steps=0, shown=shown, guess="")

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        return [self._button("Show", "eye", lambda: self.change(lambda s: replace(s, shown=True)),
                             "Show what the new network computes, and how far it is from the old one"),
                self._choice("kind", "morphism", KINDS),
                self._choice("guess", "how far apart?", {"your guess …": "", **GUESSES}),
                self._choice("data", "data", {"two moons": "moons", "two spirals": "spirals"}), self._number("seed", "seed"),
                self._tick("measured", "measure batch norm (deeper)"), self._tick("parted", "break the symmetry (wider)")]
