"""BOHB: the model of a search whose trials get different numbers of steps; Hyperband says how many.

Falkner, Klein and Hutter (2018), "BOHB: robust and efficient hyperparameter optimization at scale", Algorithm 2:

1. With probability ``rho``, or as long as there is no model, draw a configuration uniformly at random.
2. Take the largest budget b with enough observations D_b for a model. Paused and stopped trials count with what they reached.
3. The n_good = max(d + 1, 15 %) best of them are good, the n_bad = max(d + 1, 85 %) next ones bad (eq. 3).
4. Fit a density l to the good and g to the bad ones (``workbench.models.kde``); inactive values are imputed.
5. Draw ``n_candidates`` from l with bandwidths widened by ``width``.
6. Evaluate the one with the smallest g / l that was not tried before.

Use it with a scheduler such as Hyperband. Without one, all results are on the same budget, and it is a TPE with another kind of
density.

Notation
--------
=============  ==================================================
b, D_b         a budget, and the results there
d              number of parameters
l, g           densities of the good and of the bad points
rho            share of configurations drawn at random
N_s            ``n_candidates``
b_w            ``width``
=============  ==================================================

Differences from the paper: see ``models/kde.py`` for the densities. A budget has a model only if as many results as are called
good did not fail. No configuration is proposed twice while others remain. Ordered options are numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from workbench.history import Explanation, History, Suggestion
from workbench.models.kde import KDE, impute
from workbench.models.parzen import Axis
from workbench.search.reached import Reached, reached
from workbench.search.tpe import TPESlice
from workbench.search.untried import at_random, comparable, is_in, tried
from workbench.space import Array, Space

LEAST = math.log(1e-32)  # a density below counts as this
SHOWN = 0.01  # share of its top below which a density counts as this in a picture of l / g: both fall to nothing, unlike TPE's


@dataclass(frozen=True, slots=True, eq=False)
class BOHBExplanation(Explanation):
    """Why BOHB chose a point.

    Attributes
    ----------
    good, min_points
        The settings that made the two densities.
    budgets
        Steps at which trials are compared; empty without a scheduler.
    n_at
        Number of results at each of these budgets (one number without a scheduler).
    budget
        Which of them the model was fitted to, counted from 0.
    n_good, n_bad
        Good and bad results there.
    seed
        Of the draws that filled inactive values: with it, ``fitted`` makes the two densities again.
    candidates
        Shape (m, d), the smallest g / l first and forbidden ones last; with the values that were drawn for inactive parameters.
    log_l, log_g
        Logarithms of the densities at the candidates, shape (m,).
    chosen
        Row of the candidates that was suggested: 0, unless better ones had been tried before.
    """

    good: float
    min_points: int
    budgets: tuple[int, ...]
    n_at: tuple[int, ...]
    budget: int
    n_good: int
    n_bad: int
    seed: int
    candidates: Array
    log_l: Array
    log_g: Array
    chosen: int

    @property
    def scores(self) -> Array:
        """Return log l - log g of the candidates, densities below 1e-32 counting as that; shape (m,)."""
        return _score(self.log_l, self.log_g)

    @property
    def where(self) -> str:
        """The budget in words: " at 27 steps"; empty without a scheduler."""
        if not self.budgets:
            return ""
        steps = self.budgets[self.budget]
        return f" at {steps} step{'s' * (steps != 1)}"

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        times = math.exp(min(float(self.scores[self.chosen]), 700.0))
        said = f"{times:.3g}" if times <= 1e6 else "More than a million"
        skipped = f", after {self.chosen} better ones that had been tried before" if self.chosen else ""
        return (f"{said} times as likely among the {self.n_good} best results{self.where} as among the {self.n_bad} others: "
                f"the best of {len(self.candidates)} candidates{skipped}.")


def _score(log_l: Array, log_g: Array) -> Array:
    """Return log l - log g, neither of them below ``LEAST``."""
    return np.asarray(np.maximum(log_l, LEAST) - np.maximum(log_g, LEAST))


@lru_cache(maxsize=64)
def _axes(space: Space) -> tuple[Axis, ...]:
    return tuple(Axis.of(space[name]) for name in space.names)


def n_good_bad(n: int, share: float, min_points: int) -> tuple[int, int]:
    """How many of n results are called good and bad (eq. 3); the latter are what is left, at most."""
    n_good = max(min_points, math.floor(share * n + 1e-9))
    n_bad = max(min_points, math.floor((1 - share) * n + 1e-9))
    return n_good, min(n_bad, n - n_good)


def model_budget(trials: Reached, share: float, min_points: int) -> int | None:
    """Column of the largest budget with enough results for both densities; None if there is none."""
    d = trials.x.shape[1]
    for b in range(trials.losses.shape[1] - 1, -1, -1):
        losses = trials.losses[:, b]
        n_good, n_bad = n_good_bad(int((~np.isnan(losses)).sum()), share, min_points)
        if min(n_good, n_bad) > d and np.isfinite(losses).sum() >= n_good:
            return b
    return None


def fit(trials: Reached, budget: int, space: Space, share: float, min_points: int, seed: int) -> tuple[KDE, KDE]:
    """Return l and g at a budget; ``seed`` is that of the imputation."""
    known = ~np.isnan(trials.losses[:, budget])
    x, losses = trials.x[known], trials.losses[known, budget]
    n_good, n_bad = n_good_bad(len(x), share, min_points)
    order = np.argsort(losses, kind="stable")  # best first
    rng, axes = np.random.default_rng(seed), _axes(space)
    good, bad = (KDE.fit(impute(x[rows], axes, rng), axes) for rows in (order[:n_good], order[n_good:n_good + n_bad]))
    return good, bad


@dataclass(frozen=True, slots=True)
class BOHB:
    """The model of BOHB (Falkner, Klein & Hutter 2018).

    Parameters
    ----------
    rho
        Share of configurations that are drawn at random.
    good
        Share of the results at a budget that are called good.
    n_candidates
        Points drawn from the good density.
    width
        How many times as wide the good density is when they are drawn.
    min_points
        Good results, and bad ones, that a model needs; d + 1 if not given, and never less.
    """

    several_budgets: ClassVar[bool] = True

    rho: float = 1 / 3
    good: float = 0.15
    n_candidates: int = 64
    width: float = 3.0
    min_points: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.rho <= 1:
            raise ValueError(f"rho must lie between 0 and 1, got {self.rho}. The paper uses 1/3.")
        if not 0 < self.good < 1:
            raise ValueError(f"good must lie between 0 and 1, got {self.good}. The paper uses 0.15.")
        if not (self.width > 0 and math.isfinite(self.width)):
            raise ValueError(f"width must be positive, got {self.width}. The paper uses 3.")
        for name, value in (("n_candidates", self.n_candidates), ("min_points", self.min_points)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        space = history.space
        if rng.random() < self.rho:  # Algorithm 2, line 1
            return at_random(history, rng, f"{self.rho:.0%} of all are")
        trials = reached(history)
        min_points = max(self.min_points or 0, len(space) + 1)
        budget = model_budget(trials, self.good, min_points) if len(space) else None  # line 2
        if budget is None:  # line 3
            return at_random(history, rng, f"no budget has enough results for a model yet ({2 * min_points} or more)")
        seed = int(rng.integers(2**31))
        l, g = fit(trials, budget, space, self.good, min_points, seed)  # line 4
        u = l.sample(self.n_candidates, rng, self.width)  # line 5
        points = space.snap(u)
        log_l, log_g = l.logpdf(u), g.logpdf(u)
        forbidden = space.is_forbidden(points)
        order = np.lexsort((-_score(log_l, log_g), forbidden))  # line 6: minimise g / l
        known = tried(history)
        chosen = next((k for k, i in enumerate(order) if not forbidden[i] and not is_in(comparable(points[i]), known)), None)
        if chosen is None:
            return at_random(history, rng, "all candidates had been tried or were forbidden")
        why = BOHBExplanation(
            self.good, min_points, trials.budgets, trials.n_at, budget, len(l), len(g), seed, candidates=u[order],
            log_l=log_l[order], log_g=log_g[order], chosen=chosen)
        return Suggestion(points[order[chosen]].copy(), why)


def fitted(history: History, why: BOHBExplanation) -> tuple[KDE, KDE]:
    """Make l and g again, as they were when ``why`` was given."""
    return fit(reached(history), why.budget, history.space, why.good, why.min_points, why.seed)


def densities(history: History, why: BOHBExplanation, name: str, n: int = 400) -> TPESlice:
    """Compute l and g of one parameter, as they were when ``why`` was given.

    Parameters
    ----------
    history
        Exactly what ``suggest`` saw.
    why
        Its explanation.
    name
        A parameter of the space.
    n
        Number of points along a parameter without levels.
    """
    space = history.space
    j = space.column(name)
    l, g = fitted(history, why)
    axis, param = l.axes[j], space[name]
    u = np.linspace(0.0, 1.0, n) if axis.kind == "float" else axis.points
    good, bad = l.marginal(j, u), g.marginal(j, u)
    candidates = space.snap(why.candidates)
    next_u = None if math.isnan(candidates[why.chosen, j]) else float(candidates[why.chosen, j])
    least = SHOWN * max(good.max(), bad.max())
    return TPESlice(
        name=name, values=[param.from_unit(float(v)) for v in u], u=u, good=good, bad=bad,
        ratio=np.maximum(good, least) / np.maximum(bad, least), good_u=l.points[:, j], bad_u=g.points[:, j],
        candidates_u=candidates[:, j], scores=why.scores, next_u=next_u,
        next_value=None if next_u is None else param.from_unit(next_u), gamma=why.good, n_good=why.n_good, n_bad=why.n_bad)


