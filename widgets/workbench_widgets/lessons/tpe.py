"""Lesson: TPE looks where the good trials are dense and the bad ones are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from workbench.plots import marks as m
from workbench.search.tpe import TPESlice
from workbench_widgets.lessons.frame import Dial, Lesson
from workbench_widgets.lessons.functions import LONGEST
from workbench_widgets.lessons.tpe_state import MAX_TRIALS, TPEState

GOOD, BAD = m.BLUE, m.RED
ROOMS = {"": (0.56, 1.0), "2": (0.28, 0.48), "3": (0.0, 0.20)}


def draw(state: TPEState, lit: str = "") -> dict[str, Any]:
    """Draw the trials, their two densities, and the ratio with the candidates, under each other."""
    s = state.slice()
    data = _trials(state, s, lit)
    if state.truth:
        u = np.linspace(0.0, 1.0, 301)
        data.insert(0, m.line(u, state.hidden.f(u[:, None]), "hidden function", m.GREY, dash="dash", width=1.5))
    data += [{**m.area(s.u, density, label, color, axis="2", alpha=0.5 if lit == label[0] else 0.2),
              "showlegend": False}
             for density, label, color in ((s.bad, "g(x): density of the bad", BAD),
                                           (s.good, "l(x): density of the good", GOOD))]
    shapes, texts = [m.level(_border(state, s), m.GREY, dash="solid" if lit == "gamma" else "dash")], []
    texts.append({"xref": "x domain", "yref": "y", "x": 1.0, "y": _border(state, s), "xanchor": "right",
                  "yanchor": "bottom", "showarrow": False, "font": {"color": m.GREY},
                  "text": f"above: bad · below: the {s.n_good} good of {len(state.x)}"})
    texts += [_label("2", 0.0, "l(x): density of the good", GOOD), _label("2", 0.5, "g(x): density of the bad", BAD)]
    if state.shown:
        data += _ratio(s, lit)
        texts += [_label("3", 0.0, "● candidates drawn from l", m.ORANGE), _label("3", 0.5, "◯ the highest is chosen",
                                                                                 m.GREEN)]
    else:
        texts.append({"xref": "x3 domain", "yref": "y3 domain", "x": 0.5, "y": 0.5, "showarrow": False,
                      "text": "l(x) / g(x): guess first, then press Show", "font": {"color": m.GREY}})
        data.append(m.line(np.array([0.0, 1.0]), np.array([np.nan, np.nan]), "l(x) / g(x)", m.GREEN, axis="3",
                           legend=False))
    _others(state, shapes, texts)
    return {"data": data, "layout": {**_layout(state), "shapes": shapes, "annotations": texts}}


def _trials(state: TPEState, s: TPESlice, lit: str) -> list[m.Dict]:
    x, y = np.array(state.x), np.array(state.y)
    good = y <= np.sort(y)[s.n_good - 1]
    best = [int(np.argmin(y))]
    return [m.dots(x[~good], y[~good], "bad trials", BAD, symbol="circle-open", size=12 if lit == "g" else 8),
            m.dots(x[good], y[good], "good trials", GOOD, size=14 if lit in {"l", "gamma"} else 10),
            m.dots(x[best], y[best], "best so far", GOOD, symbol="circle-open", size=18)]


def _border(state: TPEState, s: TPESlice) -> float:
    """Give a loss between the worst good trial and the best bad one."""
    y = np.sort(np.array(state.y))
    return float(y[s.n_good - 1:s.n_good + 1].mean())


def _ratio(s: TPESlice, lit: str) -> list[m.Dict]:
    score = np.exp(s.scores)
    hover = "candidate x = %{x:.3f}<br>l/g = %{y:.3g}"
    return [m.line(s.u, s.ratio, "l(x) / g(x)", m.GREEN, axis="3", width=4 if lit == "ratio" else 2, legend=False),
            m.dots(s.candidates_u, score, f"{len(score)} candidates drawn from l", m.ORANGE, axis="3", hover=hover,
                   size=12 if lit == "candidates" else 7, legend=False),
            m.dots(np.array([s.next_u]), score[s.candidates_u == s.next_u][:1], "chosen: the highest", m.GREEN,
                   axis="3", symbol="circle-open", size=16, hover=hover, legend=False)]


def _label(axis: str, x: float, text: str, color: str) -> m.Dict:
    """Write above a subplot what its curves are: nearer to them than a legend."""
    return {"xref": f"x{axis} domain", "yref": f"y{axis} domain", "x": x, "y": 1.0, "xanchor": "left",
            "yanchor": "bottom", "text": text, "showarrow": False, "font": {"color": color}}


def _others(state: TPEState, shapes: list[m.Dict], texts: list[m.Dict]) -> None:
    """Mark the learner's guess and what TPE and the Gaussian process would choose."""
    others = [(state.guess, m.GREY, "your guess", 1.0), (state.choice if state.shown else None, m.GREEN, "TPE", 0.975)]
    if state.gp:
        others.append((state.gp_choice, m.PURPLE, "GP with log-EI", 0.95))
    for x, color, label, top in others:
        if x is not None:
            shape, text = m.upright(x, color, f" {label} ", y1=top, dash="solid" if label == "TPE" else "dot")
            text[0].update(yanchor="top", xanchor="left" if x < 0.8 else "right")
            shapes.append(shape)
            texts += text


def _layout(state: TPEState) -> dict[str, Any]:
    text = f"After {len(state.x)} trials the best loss is {m.three(state.best)}"
    layout = m.stacked(ROOMS, "3", height=580, text=text)
    layout["yaxis"].update(range=m.room(np.array(state.y), margin=0.15), nticks=7, title={"text": "loss y (no unit)"})
    layout["yaxis2"].update(rangemode="tozero", title={"text": "density"})
    layout["yaxis3"].update(rangemode="tozero", title={"text": "l / g"})
    if not state.shown:
        layout["yaxis3"].update(range=[0, 1], showticklabels=False)
    return layout


def formula(state: TPEState) -> str:
    """Write the split, the densities and the choice with their numbers."""
    s, k = m.three, state.slice()
    i = int(np.argmax(k.candidates_u == k.next_u))
    at = float(k.next_u if k.next_u is not None else np.nan)
    good, bad = (float(np.interp(at, k.u, d)) for d in (k.good, k.bad))
    found = (f"<div class=eq><span data-term=ratio>l(x) / g(x)</span> = {s(good)} / {s(bad)} = "
             f"{s(float(np.exp(k.scores[i])))}</div>" if state.shown else "<div class=eq>l(x) / g(x) = …</div>")
    n = min(len(state.x), LONGEST)
    return (
        "<h4>Split: which trials are good?</h4>"
        f"<div class=eq>n<sub>good</sub> = ⌈<span data-term=gamma>γ</span> n⌉ = ⌈{s(state.gamma)} · {len(state.x)}⌉ = "
        f"{k.n_good}</div>"
        "<h4>Two densities, a kernel on every trial</h4>"
        "<div class=eq><span data-term=l>l(x)</span> = Σ<sub>good</sub> w<sub>i</sub> N(x; x<sub>i</sub>, "
        "b<sub>i</sub><sup>2</sup>) + w<sub>0</sub> prior</div>"
        "<div class=eq><span data-term=g>g(x)</span> = the same over the bad ones</div>"
        f"<p>b<sub>i</sub>: the gap to the neighbours, at least {s(state.floor)}. Kernels are cut off at 0 and 1.</p>"
        f"<h4>Choice{f' at x = {s(at)}' if state.shown else ''}</h4>"
        f"<div class=eq><span data-term=candidates>x<sub>1</sub>, …, x<sub>{state.n_candidates}</sub></span> ~ l, "
        "&nbsp; take the largest l / g</div>" + found +
        "<div class=eq>EI(x) ∝ (γ + (1 − γ) g(x) / l(x))<sup>−1</sup></div>"
        "<p>So the largest ratio is the largest expected improvement, without any model of y itself.</p>"
        f"<h4>Above the minimum after {n} trials</h4><table><tr><td>this search</td><th>{s(state.regret)}</th></tr>"
        f"<tr><td>random search (mean of 200)</td><th>{s(float(state.hidden.random_regret[n - 1]))}</th></tr></table>")


def question(state: TPEState) -> str:
    """Ask first; judge the guess once the answer is on view."""
    if len(state.x) >= MAX_TRIALS:
        return f"That were {MAX_TRIALS} trials. Reset, and try another γ."
    if state.guess is None:
        return ("TPE sees only which trials are good and which bad, not how good. Where would it look next? Click."
                if not state.shown else
                "Predict, then try: what happens to l(x) when γ grows to 0.9? And with a tiny bandwidth?")
    if not state.shown:
        return "Your guess is kept. Now press Show."
    k = state.slice()
    share = float(np.interp(state.guess, k.u, k.ratio)) / float(k.ratio.max())
    return f"At your guess the ratio l/g has {100 * share:.0f} % of its largest value. Why not there, or why yes?"


def summary(state: TPEState) -> str:
    """Say in words what the picture shows."""
    k = state.slice()
    text = (f"{len(state.x)} trials, {k.n_good} of them good (γ = {m.three(state.gamma)}); best loss "
            f"{m.three(state.best)}, {m.three(state.regret)} above the minimum; smallest bandwidth "
            f"{m.three(state.floor)}.")
    if state.guess is not None:
        text += f" Your guess: x = {m.three(state.guess)}."
    if state.shown:
        text += f" TPE would try x = {m.three(state.choice)}."
    if state.gp:
        text += f" A Gaussian process would try x = {m.three(state.gp_choice)}."
    return text


class TPELesson(Lesson[TPEState]):
    """Split the trials into good and bad; see the two densities, their ratio and the candidates; step."""

    name = "Tree of Parzen estimators"
    ask = "click where TPE will look next, or type x"
    dials = (Dial("gamma", "γ (share of good)", 0.05, 0.9, step=0.01, digits=".2f"),
             Dial("floor", "bandwidth ≥ (of range)", 0.005, 0.5, log=True),
             Dial("n_candidates", "candidates (count)", 1, 100, step=1, digits=".0f"))

    def __init__(self, start: TPEState | None = None) -> None:
        super().__init__(start or TPEState.begin())

    def picture(self, state: TPEState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: TPEState) -> str:
        """Write the formula with its present numbers."""
        return formula(state)

    def question(self, state: TPEState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: TPEState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: TPEState) -> TPEState:
        """Evaluate where TPE would."""
        return state.step()

    def clicked(self, state: TPEState, x: float, y: float, subplot: str) -> TPEState:  # noqa: ARG002
        """Keep the clicked x as the learner's guess."""
        return replace(state, guess=min(max(x, 0.0), 1.0))

    def dialled(self, state: TPEState, field: str, value: Any) -> TPEState:
        """Begin anew with another function or seed, the settings kept; otherwise put the value into the state."""
        if field == "n_candidates":
            return replace(state, n_candidates=round(value))
        if field in {"function", "seed"}:
            new = TPEState.begin(**{"function": state.function, "seed": state.seed, field: value})
            return replace(new, gamma=state.gamma, floor=state.floor, n_candidates=state.n_candidates, gp=state.gp)
        return super().dialled(state, field, value)

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        return [self._button("Show the ratio", "eye", lambda: self.change(lambda s: replace(s, shown=True)),
                             "Show l/g, the candidates and TPE's choice"),
                *self.at_x("Guess x", lambda s, x: replace(s, guess=x[0])),
                self._choice("function", "function", {"many valleys": "ripples", "two valleys": "forrester"}),
                self._number("seed", "seed"), self._tick("gp", "compare with a Gaussian process"),
                self._tick("truth", "show the hidden function")]
