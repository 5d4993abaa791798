"""Lesson: what a Gaussian process believes, and how its three hyperparameters change that."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import minimize

from workbench.models.gaussian_process import GaussianProcess
from workbench.models.map_fit import Prior
from workbench.plots import marks as m
from workbench.space import Array
from workbench_widgets.lessons.frame import Dial, Lesson

GRID = np.linspace(0.0, 1.0, 161)
SCALES = np.geomspace(0.02, 2.0, 81)  # length-scales along which the likelihood is drawn
MOST = 40  # evaluations by steps
NEAR = 0.012  # a click this close to a free point takes it away
BOUNDS = {"lengthscale": (0.02, 2.0), "signal_sd": (0.1, 5.0), "noise_sd": (1e-3, 1.0)}


def hidden(x: Array | float) -> Array:
    """Evaluate the lesson's hidden function on [0, 1]: two waves of different speed and a slope."""
    x = np.asarray(x, dtype=float)
    return np.asarray(np.sin(7.0 * x) + 0.5 * np.sin(17.0 * x + 1.0) + 0.8 * (x - 0.5))


@dataclass(frozen=True, slots=True)
class GPState:
    """Observations, hyperparameters and what is shown. ``asked``: last click (x, sd there before, largest sd)."""

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    lengthscale: float = 0.2
    signal_sd: float = 1.0
    noise_sd: float = 0.01
    free: bool = False  # a click puts a point at the clicked height instead of evaluating the hidden function
    samples: str = "none"  # or "prior", "posterior"
    truth: bool = False
    seed: int = 0
    asked: tuple[float, float, float] | None = None
    guess: float | None = None  # where the learner thinks that the model is least sure
    shown: bool = True  # the band

    def add(self, x: float, y: float | None = None) -> GPState:
        """Evaluate the hidden function at ``x``; with free points and a height, put or take away a point there."""
        x = min(max(x, 0.0), 1.0)
        if self.free and y is not None:
            near = [i for i, (a, b) in enumerate(zip(self.x, self.y, strict=True))
                    if abs(a - x) < NEAR and abs(b - y) < 0.25]
            if near:
                return self.without(near[0])
        sd = self.sd(GRID)
        asked = (x, float(self.sd(np.array([x]))[0]), float(sd.max()))
        height = y if self.free and y is not None else float(hidden(x))
        return replace(self, x=(*self.x, x), y=(*self.y, height), asked=asked, guess=None)

    @property
    def widest(self) -> float:
        """Where the model is least sure."""
        return float(GRID[int(self.sd(GRID).argmax())])

    def without(self, i: int) -> GPState:
        """Take a point away."""
        return replace(self, x=self.x[:i] + self.x[i + 1:], y=self.y[:i] + self.y[i + 1:], asked=None)

    def gp(self, lengthscale: float | None = None) -> GaussianProcess:
        """Condition the process on the points, with the state's length-scale or another."""
        return GaussianProcess.condition(np.array(self.x), np.array(self.y), noise=self.noise_sd**2,
                                         signal_variance=self.signal_sd**2,
                                         lengthscale=lengthscale or self.lengthscale)

    def sd(self, x: Array) -> Array:
        """Posterior standard deviation at ``x``."""
        return np.asarray(np.sqrt(self.gp().predict(x)[1]))

    def fitted(self, *, prior: bool = False) -> GPState:
        """Choose the hyperparameters by maximum likelihood, or with ``prior`` by maximum a posteriori."""
        if len(self.x) < 2:
            return self
        names = list(BOUNDS)
        box = [(math.log(low), math.log(high)) for low, high in BOUNDS.values()]

        def cost(log_h: Array) -> float:
            h = dict(zip(names, np.exp(log_h).tolist(), strict=True))
            value = replace(self, **h).gp().log_marginal_likelihood
            if prior:
                phi = np.array([-2.0 * log_h[0], 2.0 * log_h[1], 2.0 * log_h[2]])  # log θ, log s², log τ²
                value += Prior(1).log_density(phi)[0]
            return -value

        starts = [[math.log(v) for v in start]
                  for start in ((self.lengthscale, self.signal_sd, self.noise_sd), (0.15, 1.0, 0.05), (0.5, 1.0, 0.3))]
        results = [minimize(cost, np.array(s), method="Nelder-Mead", bounds=box,
                            options={"xatol": 1e-3, "fatol": 1e-4, "maxiter": 400}) for s in starts]
        best = min(results, key=lambda r: float(r.fun))
        return replace(self, **dict(zip(names, np.exp(best.x).tolist(), strict=True)))


@lru_cache(maxsize=64)
def likelihood_curve(x: tuple[float, ...], y: tuple[float, ...], signal_sd: float, noise_sd: float) -> Array:
    """Log marginal likelihood along ``SCALES``, the other hyperparameters held."""
    state = GPState(x, y, signal_sd=signal_sd, noise_sd=noise_sd)
    return np.array([state.gp(scale).log_marginal_likelihood for scale in SCALES])


def likelihood_terms(state: GPState) -> dict[str, float]:
    """Split log p(y) into its three terms: fit to the data, complexity, constant."""
    gp, n = state.gp(), len(state.x)
    return {"fit": -0.5 * float(gp.y @ gp.alpha) + 0.0,  # + 0.0: no minus before a zero
            "complexity": -float(np.log(np.diag(gp.L)).sum()) if n else 0.0,
            "constant": -0.5 * n * math.log(2 * math.pi) + 0.0}


def draw(state: GPState, lit: str = "") -> dict[str, Any]:
    """Draw the process above, the likelihood of the length-scale below."""
    gp = state.gp()
    mean, variance = gp.predict(GRID)
    sd = np.sqrt(variance)
    data = [*(m.band(GRID, mean - 1.96 * sd, mean + 1.96 * sd, "95 % band", m.BLUE, alpha=0.5 if lit == "band" else 0.25)
              if state.shown else []),
            *(_samples(state) if state.shown else []),
            m.line(GRID, mean, "mean μ(x)", m.BLUE, width=5 if lit == "mean" else 2.5)]
    if state.truth:
        data.append(m.line(GRID, hidden(GRID), "hidden function", m.GREY, dash="dash", width=1.5))
    data.append(m.dots(np.array(state.x), np.array(state.y), "observations", m.RED,
                       size=14 if lit == "points" else 9))
    lower, floor = _likelihood(state, lit)
    heights = m.room(np.array([-3.0, 3.0]), np.array(state.y), margin=0.03)
    marks = _asked(state, lit)
    return {"data": data + lower, "layout": {
        "height": 500, "title": m.title(_finding(state)), "margin": {"l": 56, "r": 12, "t": 66, "b": 44},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}, "dragmode": False,
        "xaxis": {"range": [-0.01, 1.01], "domain": [0, 1], "anchor": "y", "fixedrange": True,
                  "title": {"text": "x (no unit)", "standoff": 4}},
        "yaxis": {"range": heights, "fixedrange": True, "domain": [0.42, 1.0], "title": {"text": "loss y (no unit)"}},
        "xaxis2": {"type": "log", "range": [math.log10(SCALES[0]), math.log10(SCALES[-1])], "anchor": "y2",
                   "fixedrange": True,
                   "tickvals": [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0],
                   "title": {"text": "lengthscale ℓ (units of x) – click to choose", "standoff": 4}},
        "yaxis2": {"range": [floor, floor + 13.5], "fixedrange": True, "domain": [0.0, 0.26],
                   "title": {"text": "log p(y)"}},
        **marks}}


def _samples(state: GPState) -> list[m.Dict]:
    if state.samples == "none":
        return []
    gp = GPState(lengthscale=state.lengthscale, signal_sd=state.signal_sd).gp() \
        if state.samples == "prior" else state.gp()
    paths = gp.sample(GRID, 3, np.random.default_rng(state.seed))
    return [m.line(GRID, path, f"3 functions drawn from the {state.samples}", m.GREEN, width=1.3, legend=i == 0)
            for i, path in enumerate(paths)]


def _likelihood(state: GPState, lit: str) -> tuple[list[m.Dict], float]:
    """Draw the curve and the ring at the present length-scale; give the lower end of the axis too."""
    curve = likelihood_curve(state.x, state.y, state.signal_sd, state.noise_sd)
    floor = float(curve.max()) - 12.0
    here = max(state.gp().log_marginal_likelihood, floor)
    wide = 4.0 if lit == "likelihood" else 2.0
    ring = m.dots(np.array([state.lengthscale]), np.array([here]), "present lengthscale", m.BLUE, axis="2",
                  symbol="circle-open", size=18 if lit == "lengthscale" else 12, legend=False,
                  hover="ℓ = %{x:.3f}<br>log p(y) = %{y:.2f}")
    return [m.line(SCALES, curve, "log marginal likelihood", m.PURPLE, axis="2", width=wide, legend=False),
            ring], floor


def _asked(state: GPState, lit: str) -> dict[str, Any]:
    shapes: list[m.Dict] = []
    texts: list[m.Dict] = []
    if state.asked:
        shapes.append(m.upright(state.asked[0], m.GREY, y0=0.42, dash="solid" if lit == "here" else "dot")[0])
    if state.guess is not None:
        shape, label = m.upright(state.guess, m.GREY, " your guess ", y0=0.42, y1=1.0, dash="dot")
        label[0].update(yanchor="top", xanchor="left" if state.guess < 0.85 else "right")
        shapes.append(shape)
        texts += label
    if not state.x:
        texts += [{"xref": "x2 domain", "yref": "y2 domain", "x": 0.5, "y": 0.5, "showarrow": False,
                  "text": "flat: without data every lengthscale explains as much"}]
    return {"shapes": shapes, "annotations": texts}


def _finding(state: GPState) -> str:
    if not state.x:
        return "The prior: before any data, every x looks the same"
    n = len(state.x)
    return f"The posterior after {n} observation{'s' if n > 1 else ''}"


def formula(state: GPState) -> str:
    """Write the model, its prediction at the last click and the likelihood, with their numbers."""
    terms = likelihood_terms(state)
    at = state.asked[0] if state.asked else 0.5
    mean, variance = state.gp().predict(np.array([at]))
    where = "your last click" if state.asked else "the middle"
    s, k = m.three, "<b>k</b>"
    inverse = f"(<b>K</b> + σ<sub>n</sub><sup>2</sup> <b>I</b>)<sup>−1</sup>"  # noqa: F541
    return (
        "<h4>The model</h4>"
        "<div class=eq>f ~ GP(0, k), &nbsp; y = f(x) + noise</div>"
        "<div class=eq>k(x, x′) = σ<sub>f</sub><sup>2</sup> (1 + √5 r + 5/3 r<sup>2</sup>) e<sup>−√5 r</sup></div>"
        "<div class=eq>r = |x − x′| / <span data-term=lengthscale>ℓ</span></div>"
        f"<table><tr><td>ℓ = {s(state.lengthscale)}</td><td>σ<sub>f</sub> = {s(state.signal_sd)}</td>"
        f"<td>σ<sub>n</sub> = {s(state.noise_sd)}</td></tr></table>"
        f"<h4>What it believes at <span data-term=here>x = {s(at)}</span> ({where})</h4>"
        f"<div class=eq><span data-term=mean>μ(x)</span> = {k}(x)ᵀ {inverse} <span data-term=points><b>y</b></span>"
        f" = {s(float(mean[0]))}</div>"
        f"<div class=eq><span data-term=band>σ(x)</span><sup>2</sup> = k(x, x) − {k}(x)ᵀ {inverse} {k}(x), "
        f"&nbsp; σ = {s(math.sqrt(variance[0]))}</div>"
        "<h4>How well it explains the points</h4>"
        f"<div class=eq><span data-term=likelihood>log p(<b>y</b>)</span> = −½ <b>y</b>ᵀ {inverse} <b>y</b>"
        f" − ½ log |<b>K</b> + σ<sub>n</sub><sup>2</sup> <b>I</b>| − n/2 log 2π</div>"
        f"<table><tr><td>fit to the data</td><td>{s(terms['fit'])}</td></tr>"
        f"<tr><td>room for other data</td><td>{s(terms['complexity'])}</td></tr>"
        f"<tr><td>constant</td><td>{s(terms['constant'])}</td></tr>"
        f"<tr><th>log p(y)</th><th>{s(sum(terms.values()))}</th></tr></table>"
        "<p>Point at an underlined term: its mark in the picture grows.</p>")


def question(state: GPState) -> str:
    """Ask first, judge the last answer, then go on."""
    if not state.shown:
        return ("The band is hidden. Where is the model least sure? Click there." if state.guess is None
                else "Your guess is kept. Press Step: the band is shown.")
    if state.guess is not None:
        share = float(state.sd(np.array([state.guess]))[0] / state.sd(GRID).max())
        aimed = ": well aimed" if share > 0.9 else ""
        return f"At your guess its uncertainty is {100 * share:.0f} % of the largest{aimed}. Step evaluates where that is."
    if state.free:
        return "Free points: click to put one at any height, click it again to take it away. Can you break the model?"
    match len(state.x):
        case 0:
            return "A hidden function, and nothing known of it yet. Click anywhere in the upper picture to evaluate it."
        case 1:
            return "Where is the model least sure now? Click there."
        case 2 | 3:
            return "Again: where is it least sure? Click there."
        case 4:
            return ("Predict, then try: with twice the lengthscale, does the band between the points get wider or "
                    "narrower?")
        case _:
            return "Which lengthscale explains the points best? Guess by the slider, then press Fit."


def summary(state: GPState) -> str:
    """Say in words what the picture shows."""
    n = len(state.x)
    likelihood = m.three(sum(likelihood_terms(state).values()))
    text = (f"{n} observation{'' if n == 1 else 's'}; lengthscale {m.three(state.lengthscale)}, signal "
            f"{m.three(state.signal_sd)}, noise {m.three(state.noise_sd)}; log likelihood {likelihood}; widest "
            f"uncertainty {m.three(float(state.sd(GRID).max()))}.")
    if state.asked and state.asked[2] > 0 and n > 1:
        share = state.asked[1] / state.asked[2]
        text += f" Your last click took {100 * share:.0f} % of the largest uncertainty there was"
        text += ": well aimed." if share > 0.9 else "."
    return text


class GaussianProcessLesson(Lesson[GPState]):
    """Click to evaluate a hidden function; turn lengthscale, signal and noise; watch mean, band and likelihood."""

    name = "Gaussian process"
    ask = "click where the model is least sure, or type x"
    dials = (Dial("lengthscale", "lengthscale ℓ (in x)", *BOUNDS["lengthscale"], log=True),
             Dial("signal_sd", "signal sd σ_f (in y)", *BOUNDS["signal_sd"], log=True, digits=".2f"),
             Dial("noise_sd", "noise sd σ_n (in y)", *BOUNDS["noise_sd"], log=True))

    def __init__(self, start: GPState | None = None) -> None:
        super().__init__(start or GPState())

    def picture(self, state: GPState, lit: str = "") -> dict[str, Any]:
        """Draw the state."""
        return draw(state, lit)

    def formula(self, state: GPState) -> str:
        """Write the formula with its present numbers."""
        return formula(state)

    def question(self, state: GPState) -> str:
        """Say what to do now."""
        return question(state)

    def summary(self, state: GPState) -> str:
        """Say in one line what the picture shows."""
        return summary(state)

    def stepped(self, state: GPState) -> GPState:
        """Evaluate where the model is least sure."""
        return replace(state, free=False).add(state.widest) if len(state.x) < MOST else state

    def clicked(self, state: GPState, x: float, y: float, subplot: str) -> GPState:
        """Evaluate or put a point in the upper picture; choose the length-scale in the lower one.

        While the band is hidden, a click says where it is widest.
        """
        if subplot == "x2y2":
            low, high = BOUNDS["lengthscale"]
            return replace(state, lengthscale=min(max(x, low), high))
        return self.at(state, x, y)

    def at(self, state: GPState, x: float, y: float | None = None) -> GPState:
        """Evaluate at x, or keep it as the guess while the band is hidden."""
        return state.add(x, y) if state.shown else replace(state, guess=min(max(x, 0.0), 1.0))

    def controls(self) -> list[Any]:
        """Make the lesson's own buttons and choices."""
        return [*self.at_x("Evaluate at x", lambda s, x: self.at(s, x[0])),
                self._button("Fit", "magic", lambda: self.change(lambda s: s.fitted()),
                             "Maximum likelihood: the hyperparameters that explain the points best"),
                self._button("Fit with prior", "magic", lambda: self.change(lambda s: s.fitted(prior=True)),
                             "Maximum a posteriori: as Fit, but unlikely lengthscales have to earn it"),
                self._choice("samples", "draw functions from", {"nowhere": "none", "prior": "prior",
                                                                "posterior": "posterior"}),
                self._number("seed", "seed"), self._tick("shown", "show the band"), self._tick("free", "free points"),
                self._tick("truth", "show the hidden function")]
