"""All trials on one scale: lets any search of ours use trials that got different numbers of steps.

A scheduler stops most trials early. To a model of the loss a trial that was stopped at 3 of 81 steps looks bad, though it may be
as good as one that went on: their losses are not on one scale. ``OneScale`` brings them there and asks another algorithm:

* "gains": y_i = L_i(r_i) + Σ_(r ≥ r_i) G_r, where trial i got as far as r_i and G_r is the median, over all trials that have
  both, of the gain (mostly negative) from the budget r to the next. Every trial counts, at the scale of the furthest budget that
  any trial has reached. This rule is ours; that of Falkner et al. (2018), which is the next one, leaves most trials out.
* "largest": y_i = L_i(b) at the largest budget b with enough results, as in BOHB (Falkner, Klein & Hutter 2018, Algorithm 2).
  Trials that were stopped before are left out; those that may still get there are pending.

A share of the points may be drawn at random instead (BOHB's ρ): a guard against a misleading model.

Notation
--------
=======  ==================================================================
r, b     a budget: a number of steps at which trials are compared
L_i(r)   loss of trial i there
r_i      the furthest budget that trial i has reached
G_r      median gain from the budget r to the next
y_i      loss of trial i on the one scale
=======  ==================================================================

Limits: G_r is known from promoted trials alone, and it is one number for all: of better trials that learn more slowly the rule
sees less. Rows stand in the order of their ends and those that wait come last, so a search that goes by generations (CMA-ES, a
genetic algorithm) sees its generations in another order each time; model-based ones do not mind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.history import Algorithm, Drawn, Explanation, History, Suggestion
from workbench.search.reached import Reached, reached
from workbench.search.untried import at_random, comparable, is_in, tried
from workbench.space import Array

Rule = Literal["gains", "largest"]
AGAIN = 10  # times the inner algorithm is asked before a trial that it does not know of is replaced by a random one
_MOST = np.finfo(float).max


@dataclass(frozen=True, slots=True, eq=False)
class OneScaleExplanation(Explanation):
    """What was brought to which scale, and why the inner algorithm chose the point.

    Attributes
    ----------
    rule
        "gains" or "largest".
    budgets
        Steps at which trials are compared.
    n_furthest
        How many trials have each of these as the furthest that they reached.
    budget
        The scale: one of the budgets, counted from 0.
    gains
        G_r from each budget to the next, as far as the scale; empty by the rule "largest".
    n_used, n_pending
        Trials that the inner algorithm saw as finished, and as running.
    inner
        Its explanation, of the history that ``one_scale`` makes.
    """

    rule: Rule
    budgets: tuple[int, ...]
    n_furthest: tuple[int, ...]
    budget: int
    gains: tuple[float, ...]
    n_used: int
    n_pending: int
    inner: Explanation

    @property
    def steps(self) -> str:
        """The scale in words: "27 steps"."""
        return f"{self.budgets[self.budget]} step{'s' * (self.budgets[self.budget] != 1)}"

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        n, steps = sum(self.n_furthest), self.steps
        if self.rule == "largest":
            return f"{self.inner.summary()} It saw the {self.n_used} of {n} trials that have {steps}."
        raised = n - sum(self.n_furthest[self.budget:])
        moved = f", {raised} of them moved there by the gains of others" if raised else ""
        return f"{self.inner.summary()} It saw {n} trials on the scale of {steps}{moved}."


def gains(losses: Array) -> Array:
    """G_r: median gain from each budget to the next (b - 1,), of losses (n, b); 0 where no trial has both."""
    with np.errstate(over="ignore", invalid="ignore"):
        steps = losses[:, 1:] - losses[:, :-1]
    out = np.zeros(steps.shape[1])
    for r, column in enumerate(steps.T):
        known = column[np.isfinite(column)]
        if len(known):
            out[r] = np.median(known / 2) * 2 if np.abs(known).max() > _MOST / 2 else np.median(known)
    return out


def by_gains(trials: Reached) -> tuple[Array, int, Array]:
    """Losses (n,) on the scale of the furthest budget reached, that budget's column, and the gains up to it."""
    furthest = trials.furthest
    y = trials.losses[np.arange(len(furthest)), furthest]
    top = int(furthest[np.isfinite(y)].max(initial=0))  # a failed trial has reached nothing, though it is +inf everywhere
    G = gains(trials.losses)[:top]
    to_top = np.append(np.cumsum(G[::-1])[::-1], 0.0)  # Σ_(r ≥ r_i) G_r
    with np.errstate(over="ignore"):
        moved = y + to_top[np.minimum(furthest, top)]
    return np.where(np.isfinite(y), np.clip(moved, -_MOST, _MOST), y), top, G


def largest(trials: Reached, min_points: int) -> int:
    """Column of the largest budget with so many results, failed trials not counted; if there is none, the smallest with any."""
    n_at = np.isfinite(trials.losses).sum(axis=0)
    enough = np.flatnonzero(n_at >= min_points)
    return int(enough[-1]) if len(enough) else int(np.argmax(n_at > 0))


def one_scale(history: History, rule: Rule) -> tuple[History, int, Array]:
    """Return what the inner algorithm sees, the budget of its scale, and the gains used."""
    trials = reached(history)
    n_done = len(trials.x) - (len(history.pending) - len(trials.pending))
    if rule == "gains":
        y, budget, G = by_gains(trials)
        return _history(history, trials.x, y, trials.pending), budget, G
    budget = largest(trials, 2 * (len(history.space) + 1))
    there = ~np.isnan(trials.losses[:, budget])
    may_come: NDArray[np.bool_] = ~there & (np.arange(len(there)) >= n_done)
    pending = np.concatenate([trials.x[may_come], trials.pending])
    return _history(history, trials.x[there], trials.losses[there, budget], pending), budget, np.empty(0)


def _history(history: History, x: Array, y: Array, pending: Array) -> History:
    """A history of one budget. Its scale may move with every trial: nothing that was derived before holds, so a fresh memo."""
    return History.of(history.space, x, y, pending=pending, seed=history.seed)


@dataclass(frozen=True, slots=True)
class OneScale:
    """Lets a search of one budget serve a run with a scheduler.

    Parameters
    ----------
    algorithm
        The search: ``TPE()``, ``GPBO()``, ...
    rule
        "gains": every trial counts, its loss moved to the furthest budget by the median gains of those that went on;
        "largest": only the results at the largest budget that has 2 (d + 1) of them.
    random_share
        Share of configurations that are drawn at random; 1/3 as in BOHB (0.1 was no different beyond noise).
    """

    several_budgets: ClassVar[bool] = True

    algorithm: Algorithm
    rule: Rule = "gains"
    random_share: float = 1 / 3

    def __post_init__(self) -> None:
        """Check the settings."""
        if not callable(getattr(self.algorithm, "suggest", None)) or isinstance(self.algorithm, type):
            raise ValueError(f"algorithm must be a search such as TPE(), got {self.algorithm!r}.")
        if self.rule not in get_args(Rule):
            raise ValueError(f'rule must be "gains" or "largest", got {self.rule!r}.')
        if not 0 <= self.random_share <= 1:
            raise ValueError(f"random_share must lie between 0 and 1, got {self.random_share}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        if not history.budgets:
            return self.algorithm.suggest(history, rng)  # one scale it is
        if rng.random() < self.random_share:
            return at_random(history, rng, f"{self.random_share:.0%} of all are")
        seen, budget, G = one_scale(history, self.rule)
        furthest = reached(history).furthest
        left_out = len(seen) + len(seen.pending) < len(history) + len(history.pending)
        known = tried(history) if left_out else np.empty((0, len(history.space)))
        for _ in range(AGAIN):
            inner = self.algorithm.suggest(replace(seen, memo={}), rng)
            if not is_in(comparable(inner.x), known):
                break
        else:
            return at_random(history, rng, "what the model likes had been tried")
        if isinstance(inner.why, Drawn):
            return inner  # no model yet: no scale matters
        n_furthest = tuple(int(n) for n in np.bincount(furthest, minlength=len(history.budgets)))
        why = OneScaleExplanation(self.rule, history.budgets, n_furthest, budget, tuple(G.tolist()), len(seen), len(seen.pending),
                                  inner.why)
        return Suggestion(inner.x, why)
