"""Tree-structured Parzen estimator: propose what looks like the good trials and unlike the bad ones.

Bergstra, Bardenet, Bengio and Kégl (2011), "Algorithms for hyper-parameter optimization". The algorithm:

1. The first ``n_startup`` trials are drawn uniformly at random.
2. Call the best ``gamma`` of the finished trials good, all others (also failed and running ones) bad.
3. Fit a density l to the good points and a density g to the bad ones (``workbench.models.parzen``).
4. Draw ``n_candidates`` points from l.
5. Evaluate the one with the largest l / g that was not tried before. (The expected improvement is proportional to
   1 / (gamma + (1 - gamma) g / l): section 4.1 of the paper, after eq. 3.)
6. In a conditional space, do 2-5 for one group of parameters after the other, parents first.

What a user believes (``prior``, see ``beliefs`` and ``tpe_belief``) takes the place of the flat prior in l, adds
beta / n log pi to the score, and draws every second of the first trials.

Notation
--------
===========  ======================================================
gamma        share of the trials called good
l            density of the good points
g            density of the bad points
u            a value of one parameter, in the unit cube
===========  ======================================================

Differences from the paper: l and g are densities of all parameters of a group jointly; the good trials weigh by the
logarithm of their rank, the bad ones by how recent they are (as in hyperopt and Optuna); bandwidths have a floor of 6 %
of the range, which for real numbers shrinks as 40 / n from 40 trials on (a fixed floor stops the search of a smooth
function too early, a small one at the start makes it greedy); the best of so many candidates is taken of each group at once,
not of each parameter; no configuration is proposed twice while others remain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.history import Drawn, Explanation, History, Suggestion
from workbench.models.parzen import ParzenEstimator
from workbench.search.beliefs import Beliefs, Prior, as_prior
from workbench.search.tpe_belief import BelievedGood
from workbench.search.tpe_groups import Group, GroupSplit, groups_of, split
from workbench.search.untried import comparable, draw_fresh, is_in, tried
from workbench.space import Array, Space

PROPOSALS = 10  # rounds of candidates before a new point is drawn at random


@dataclass(frozen=True, slots=True, eq=False)
class TPEExplanation(Explanation):
    """Why TPE chose a point.

    Attributes
    ----------
    gamma, max_good, floor, prior_weight
        The settings that made the two densities.
    prior
        What the user said, as nested tuples.
    groups
        Names of the parameters in every group that was active, parents first.
    group_n_good, group_n_bad
        How many trials were good and bad in each of these groups.
    candidates
        Shape (m, d), nan where inactive. Each group's candidates stand in the order of their score, best first and
        forbidden ones last.
    group_scores
        log l - log g of each group's candidates, and a user's belief if there is one; shape (m, number of groups).
    chosen
        Row of the candidates that was suggested: 0, unless better ones had been tried before.
    is_repeat
        Whether it was tried before, since everything has been.
    """

    gamma: float
    max_good: int
    floor: float
    prior_weight: float
    groups: tuple[tuple[str, ...], ...]
    group_n_good: tuple[int, ...]
    group_n_bad: tuple[int, ...]
    candidates: Array
    group_scores: Array
    chosen: int
    prior: Prior = ()
    is_repeat: bool = False

    @property
    def n_good(self) -> int:
        """Number of good trials in the first group."""
        return self.group_n_good[0]

    @property
    def n_bad(self) -> int:
        """Number of bad trials in the first group."""
        return self.group_n_bad[0]

    @property
    def scores(self) -> Array:
        """Return log l - log g of the rows of ``candidates``, summed over the groups; shape (m,)."""
        return np.asarray(self.group_scores.sum(axis=1))

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        times = math.exp(min(self.scores[self.chosen], 700.0))
        skipped = f", after {self.chosen} better ones that had been tried before" if self.chosen else ""
        branches = f", in {len(self.groups)} groups of parameters" if len(self.groups) > 1 else ""
        believed = ", your belief counted in" if self.prior else ""
        return (f"{times:.3g} times as likely among the {self.n_good} good trials as among the {self.n_bad} others: "
                f"the best of {len(self.candidates)} candidates{skipped}{branches}{believed}."
                + (" It is tried once more, since every configuration has been tried." if self.is_repeat else ""))


@dataclass(frozen=True, slots=True)
class TPE:
    """Tree-structured Parzen estimator (Bergstra et al. 2011).

    Parameters
    ----------
    gamma
        Share of the trials called good.
    n_candidates
        Points drawn from the good density.
    n_startup
        Trials drawn at random before the first model.
    floor
        Smallest bandwidth, as a share of a parameter's range; beyond 40 trials it shrinks for real numbers.
    max_good
        At most so many trials are good.
    prior_weight
        Weight of the flat prior in both densities, beside the trials' weights of about 1.
    prior
        What you believe about good values: ``{"lr": 1e-3}``, ``{"lr": (1e-4, 1e-2)}``, ``{"optimizer": "sgd"}`` or
        ``{"optimizer": {"sgd": 7, "adam": 3}}``. A wrong belief costs trials, but excludes nothing.
    """

    gamma: float = 0.15
    n_candidates: int = 24
    n_startup: int = 10
    floor: float = 0.06
    max_good: int = 25
    prior_weight: float = 1.0
    prior: Prior | Mapping[str, Any] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "prior", as_prior(self.prior))
        if not 0 < self.gamma < 1:
            raise ValueError(f"gamma must lie between 0 and 1, got {self.gamma}. 0.15 is a good choice.")
        if not 1e-4 <= self.floor <= 1:
            raise ValueError(f"floor must lie between 0.0001 and 1, got {self.floor}. 0.06 is a good choice.")
        if not self.prior_weight > 0:
            raise ValueError(f"prior_weight must be positive, got {self.prior_weight}. The usual weight is 1.")
        for name, least in (("n_candidates", 1), ("n_startup", 0), ("max_good", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        beliefs = Beliefs.of(history.space, self.prior)
        n = len(history) + len(history.pending)
        known = tried(history)
        if n < self.n_startup or not len(history.space):
            believed = bool(beliefs) and n % 2 == 0 and n < self.n_startup
            x, _ = draw_fresh(history.space, known, rng, beliefs.sample if believed else None)
            how = "start by your belief" if believed else "random start"
            return Suggestion(x, Drawn(f"{how} {n + 1} of {self.n_startup}"))
        repeat: tuple[Array, TPEExplanation] | None = None
        for _ in range(PROPOSALS):
            proposed = self._propose(history, known, rng, beliefs)
            if proposed is None:
                continue
            if not is_in(comparable(proposed[0]), known):
                return Suggestion(*proposed)
            repeat = proposed
        x, fresh = draw_fresh(history.space, known, rng)
        if fresh:
            return Suggestion(x, Drawn("at random, because all candidates had been tried or were forbidden"))
        if repeat is None:
            return Suggestion(x, Drawn("random repeat: all candidates were forbidden, and every configuration has been tried"))
        x, why = repeat  # the most promising configuration once more
        return Suggestion(x, replace(why, is_repeat=True))

    def _propose(self, history: History, known: Array, rng: np.random.Generator,
                 beliefs: Beliefs) -> tuple[Array, TPEExplanation] | None:
        """Fill one group after the other with its best candidate; None if all candidates of a group are forbidden."""
        space, groups = history.space, groups_of(history.space)
        x = np.full(len(space), np.nan)
        candidates = np.full((self.n_candidates, len(space)), np.nan)
        used: list[tuple[Group, GroupSplit, Array]] = []
        for group in groups:
            if not group.is_active(x):
                continue
            columns = list(group.columns)
            trials = split(history, group, self.gamma, self.max_good)
            good, bad = _densities(trials, group, self.floor, self.prior_weight, beliefs)
            u = group.snap(space, good.sample(self.n_candidates, rng))
            score = good.logpdf(u) - bad.logpdf(u)
            if isinstance(good, BelievedGood):
                score += good.bonus(u)
            forbidden = _forbidden(space, x, columns, u)
            best_first = np.lexsort((-score, forbidden))
            if forbidden[best_first[0]]:
                return None
            candidates[:, columns] = u[best_first]
            x[columns] = candidates[0, columns]
            used.append((group, trials, score[best_first]))
        chosen = 0
        if len(groups) == 1:  # the best candidate that is new; with several groups the caller draws again
            n_allowed = self.n_candidates - int(forbidden.sum())
            chosen = next((i for i in range(n_allowed) if not is_in(candidates[i], known)), 0)
        why = TPEExplanation(
            self.gamma, self.max_good, self.floor, self.prior_weight,
            groups=tuple(tuple(space.names[j] for j in group.columns) for group, _, _ in used),
            group_n_good=tuple(len(trials.good) for _, trials, _ in used),
            group_n_bad=tuple(len(trials.bad) for _, trials, _ in used),
            candidates=candidates, group_scores=np.stack([score for _, _, score in used], axis=1), chosen=chosen,
            prior=as_prior(self.prior))
        return candidates[chosen].copy(), why


def _densities(trials: GroupSplit, group: Group, floor: float, prior_weight: float,
               beliefs: Beliefs) -> tuple[ParzenEstimator | BelievedGood, ParzenEstimator]:
    """Return l, with what the user believes about the group, and g."""
    good, bad = trials.densities(group.axes, floor, prior_weight)
    said = {i: beliefs.by_column[j] for i, j in enumerate(group.columns) if j in beliefs.by_column}
    return (BelievedGood.of(good, said, len(trials.good) + len(trials.bad)) if said else good), bad


def _forbidden(space: Space, x: Array, columns: list[int], u: Array) -> NDArray[np.bool_]:
    """Which candidates (m, g) for some columns are forbidden beside what ``x`` holds so far."""
    if not space.forbidden:
        return np.zeros(len(u), dtype=bool)
    points = np.tile(x, (len(u), 1))
    points[:, columns] = u
    return space.is_forbidden(points)


@dataclass(frozen=True, slots=True, eq=False)
class TPESlice:
    """The two densities of one parameter, and the points behind them.

    Attributes
    ----------
    name
        The parameter.
    values, u
        Where the densities are given: as values of the parameter, and in the unit cube; all levels if it has levels.
    good, bad
        The marginal densities l and g there: per unit of ``u`` for real numbers, probabilities for levels.
    ratio
        l / g.
    good_u, bad_u
        The good and the bad points, running trials included, in the order they were told.
    candidates_u, scores
        The candidates for this parameter and log l - log g of its whole group, best first; empty if the parameter was
        not active in the suggestion.
    next_u, next_value
        What was suggested; None if not active.
    gamma, n_good, n_bad
        The split, in the group of this parameter.
    good_rows, bad_rows
        Rows of the history that the points come from, those of running trials after the others; nan where that is not known.
    """

    name: str
    values: list[Any]
    u: Array
    good: Array
    bad: Array
    ratio: Array
    good_u: Array
    bad_u: Array
    candidates_u: Array
    scores: Array
    next_u: float | None
    next_value: Any
    gamma: float
    n_good: int
    n_bad: int
    good_rows: Array = field(default_factory=lambda: np.empty(0))
    bad_rows: Array = field(default_factory=lambda: np.empty(0))


def densities(history: History, why: TPEExplanation, name: str, n: int = 200) -> TPESlice:
    """Compute the densities l and g of one parameter, as they were when ``why`` was given.

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
    column = space.column(name)
    group = next(g for g in groups_of(space) if column in g.columns)
    j = group.columns.index(column)
    trials = split(history, group, why.gamma, why.max_good)
    good, bad = _densities(trials, group, why.floor, why.prior_weight, Beliefs.of(space, why.prior))
    axis, param = group.axes[j], space[name]
    u = np.linspace(0.0, 1.0, n) if axis.kind == "float" else axis.points
    l, g = good.marginal(j, u), bad.marginal(j, u)
    used = next((i for i, names in enumerate(why.groups) if name in names), None)
    none = np.empty(0)
    next_u = None if used is None else float(why.candidates[why.chosen, column])
    return TPESlice(
        name=name, values=[param.from_unit(float(v)) for v in u], u=u, good=l, bad=g, ratio=l / g,
        good_u=trials.good[:, j], bad_u=trials.bad[:, j],
        candidates_u=none if used is None else why.candidates[:, column],
        scores=none if used is None else why.group_scores[:, used],
        next_u=next_u, next_value=None if next_u is None else param.from_unit(next_u),
        gamma=why.gamma, n_good=len(trials.good), n_bad=len(trials.bad),
        good_rows=trials.good_rows.astype(float), bad_rows=trials.bad_rows.astype(float))
