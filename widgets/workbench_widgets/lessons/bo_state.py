"""What the lesson on Bayesian optimisation is about: a hidden function, a model of it, three rules to choose by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from workbench.models.acquisition import AcquisitionName, acquisition
from workbench.models.gaussian_process import GaussianProcess, fit
from workbench.space import Array
from workbench_widgets.lessons.functions import Hidden, functions

RULES: dict[str, AcquisitionName] = {"EI": "ei", "LCB": "lcb", "PI": "pi"}
MAX_EVALUATIONS = 40
SIDE = 41  # points along each side of the map in two dimensions
LINE = np.linspace(0.0, 1.0, 301)[:, None]
PLANE = np.stack(np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE)), axis=-1).reshape(-1, 2)

Point = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BOState:
    """Evaluations so far, the rule, and what the learner said and saw.

    ``beta`` belongs to LCB, ``xi`` to EI and PI, in standard deviations of the losses seen. ``shown`` tells whether
    the acquisition functions are on view; ``guesses`` keeps the guesses that were evaluated.
    """

    points: tuple[Point, ...]
    y: tuple[float, ...]
    function: str = "forrester"
    rule: str = "EI"
    beta: float = 2.0
    xi: float = 0.0
    seed: int = 0
    guess: Point | None = None
    guesses: tuple[Point, ...] = ()
    shown: bool = False
    truth: bool = False

    @classmethod
    def begin(cls, function: str = "forrester", seed: int = 5) -> BOState:
        """Start with a few points spread at random: three on a line, six in a square."""
        hidden = functions()[function]
        n, rng = 3 * hidden.dimensions, np.random.default_rng(seed)
        cells = np.stack([rng.permutation(n) for _ in range(hidden.dimensions)], axis=1)  # a Latin hypercube
        u = (cells + 0.2 + 0.6 * rng.random(cells.shape)) / n
        points = tuple(tuple(float(v) for v in row) for row in u)
        return cls(points, tuple(hidden(p) for p in points), function, seed=seed)

    @property
    def hidden(self) -> Hidden:
        """The function that is minimised."""
        return functions()[self.function]

    @property
    def grid(self) -> Array:
        """Where the model is drawn and the rules look for their maximum, shape (m, d)."""
        return LINE if self.hidden.dimensions == 1 else PLANE

    @property
    def best(self) -> float:
        """Smallest loss so far."""
        return min(self.y)

    @property
    def regret(self) -> float:
        """How far the best loss is above the minimum."""
        return self.hidden.regret(self.best)

    def evaluate(self, point: Point) -> BOState:
        """Evaluate the hidden function at a point; the guess is used up."""
        if len(self.y) >= MAX_EVALUATIONS:
            return self
        return replace(self, points=(*self.points, point), y=(*self.y, self.hidden(point)), guess=None)

    def step(self) -> BOState:
        """Evaluate where the rule is highest."""
        new = self.evaluate(self.choice(self.rule))
        return self if new is self else replace(new, shown=True)

    def evaluate_guess(self) -> BOState:
        """Evaluate where the learner guessed, and hide the rules for the next guess."""
        if self.guess is None or len(self.y) >= MAX_EVALUATIONS:
            return self
        return replace(self.evaluate(self.guess), guesses=(*self.guesses, self.guess), shown=False)

    def predict(self, u: Array) -> tuple[Array, Array]:
        """Posterior mean and standard deviation at points (m, d), in the units of the loss."""
        gp, centre, scale = surrogate(self.points, self.y)
        mean, variance = gp.predict(u)
        return centre + scale * mean, scale * np.sqrt(variance)

    def scores(self, rule: str, u: Array | None = None) -> Array:
        """Value of a rule at points (m, d), by default on the grid; larger is better. In units of the loss, PI apart.

        ``xi`` asks for more than a tiny improvement: the best loss is taken to be lower than it is.
        """
        mean, sd = self.predict(self.grid if u is None else u)
        target = self.best - self.xi * surrogate(self.points, self.y)[2]
        if rule not in RULES:
            raise ValueError(f"a rule is one of {', '.join(RULES)}, got {rule!r}.")
        return acquisition(RULES[rule], mean, sd, target, self.beta)

    def choice(self, rule: str) -> Point:
        """Give the point of the grid where a rule is highest, away from points that were evaluated already."""
        score = self.scores(rule).copy()
        taken = np.abs(self.grid[:, None, :] - np.array(self.points)).max(axis=2).min(axis=1) < 1e-3
        score[taken] = -np.inf
        return tuple(float(v) for v in self.grid[int(np.argmax(score))])

    @property
    def focus(self) -> Point | None:
        """The point that is looked at closely: the guess, or the rule's choice if it is on view."""
        return self.guess if self.guess is not None else self.choice(self.rule) if self.shown else None


@lru_cache(maxsize=256)
def surrogate(points: tuple[Point, ...], y: tuple[float, ...]) -> tuple[GaussianProcess, float, float]:
    """Fit a Gaussian process to standardised losses; give it with their mean and deviation."""
    losses = np.array(y)
    centre, scale = float(losses.mean()), float(losses.std()) or 1.0
    return fit(np.array(points), (losses - centre) / scale), centre, scale
