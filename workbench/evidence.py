"""Which trials, with which losses, say something about the parameters: the rows that importance is measured on.

All losses must mean the same. Where trials were stopped early that is their loss after one number of steps, the same for all;
elsewhere their final loss. A failed trial has the loss +inf: to fail is a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import RunError
from workbench.fidelity import catalogue as schedulers
from workbench.importance.quantity import Quantity
from workbench.lanes import Curve, at_budgets, budget_of, reached
from workbench.rows import fits
from workbench.space import Array, Config, Space
from workbench.trials import Trial, Trials

AT_LEAST = 10  # finite losses: fewer explain nothing
ENOUGH = 20  # trials that shall have reached a budget, or ENOUGH_EACH for each parameter, whatever is more
ENOUGH_EACH = 3


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Rows of one loss.

    Attributes
    ----------
    numbers
        Numbers of the trials: finished ones in the order told, then running ones.
    x, y
        Their points in the unit cube (n, d), nan where inactive, and losses (n,), +inf where failed.
    budget
        Steps after which the losses were taken; None for final losses.
    n_left_out
        Trials with a result that are not among them: not so far, or outside the space.
    """

    space: Space
    numbers: tuple[int, ...]
    x: Array
    y: Array
    budget: int | None
    n_left_out: int
    quantity: Quantity

    @property
    def best(self) -> int:
        """Number of the trial with the least loss."""
        return self.numbers[int(np.argmin(self.y))]


def evidence(trials: Trials, space: Space, *, loss: int | str | None = None, budget: int | None = None) -> Evidence:
    """Gather the rows of a run.

    Parameters
    ----------
    loss
        Which of several losses: its name, or its place from 0.
    budget
        Take the losses after so many steps, of the trials that got there; one that ended by itself before counts with its last
        loss. If not given: the final losses, as long as no trial was stopped early. Otherwise the largest budget that enough
        trials have reached (20, or 3 for each parameter); if there is none, the one that most have.

    Raises
    ------
    RunError
        If fewer than ``AT_LEAST`` finite losses remain, or the loss or the budget is not known.
    """
    k = _which(trials, loss)
    known = [t for t in [trials.by_number[n] for n in list(trials.told)] if t.state != "interrupted"]
    live = [t for t in list(trials.by_number.values()) if t.state == "running" and (t.curve or t.curves)]
    shown = [t for t in [*known, *live] if fits(space, t.config)]
    rows = space.to_unit([t.config for t in shown]) if shown else np.empty((0, len(space)))
    budgets = (budget,) if budget is not None else budgets_of(trials)
    if budget is not None:
        _check_budget(budget, shown, k)
    if budgets:
        at = np.array([_at(t, budgets, k) for t in shown]).reshape(len(shown), len(budgets))
        b = _largest(at, max(ENOUGH, ENOUGH_EACH * len(space)))
        y, taken = at[:, b], budgets[b]
    else:
        y, taken = np.array([_final(t, k) for t in shown], dtype=float), None
    keep = ~np.isnan(y)
    n_finite = int(np.isfinite(y).sum())
    if n_finite < AT_LEAST:
        where = "" if taken is None else f" after {taken} steps"
        raise RunError(f"importance needs at least {AT_LEAST} trials with a finite loss{where}, got {n_finite}. Let the run go on"
                       f"{', or give a smaller budget' if taken is not None and taken > 1 else ''}.")
    numbers = tuple(t.number for t, ok in zip(shown, keep, strict=True) if ok)
    return Evidence(space, numbers, rows[keep], y[keep], taken, len(known) + len(live) - len(numbers),
                    _quantity(trials, k, taken))


def _which(trials: Trials, loss: int | str | None) -> int:
    """Place of the loss that is asked for."""
    goals = trials.goals
    names = goals.labels or ("loss",)
    if loss is None:
        if goals.several:
            raise RunError(f"the run has {len(goals)} losses: say which, by loss={names[0]!r} or loss=0.")
        return 0
    if isinstance(loss, str) and loss in names:
        return names.index(loss)
    if not isinstance(loss, bool) and isinstance(loss, int) and 0 <= loss < len(goals):
        return loss
    raise RunError(f"the loss must be one of {list(names)!r}, or a place from 0 to {len(goals) - 1}, got {loss!r}.")


def _quantity(trials: Trials, k: int, budget: int | None) -> Quantity:
    goals = trials.goals
    sign = -1.0 if goals.directions[k] == "maximize" else 1.0
    name = goals.labels[k] if goals.labels else "value" if sign < 0 else "loss"
    return Quantity(name if budget is None else f"{name} after {budget} step{'' if budget == 1 else 's'}", sign)


def _curve(t: Trial, k: int) -> Curve:
    return [(step, losses[k]) for step, losses in t.curves] if t.curves else t.curve


def _loss(t: Trial, k: int) -> float | None:
    return t.losses[k] if t.losses else t.loss


def _final(t: Trial, k: int) -> float:
    """Loss of a trial that ran to its end or failed; nan of one that did not."""
    loss = _loss(t, k)
    if t.state == "failed" or (t.state == "complete" and (loss is None or np.isnan(loss))):
        return np.inf
    return float(loss) if t.state == "complete" and loss is not None else np.nan


def _at(t: Trial, budgets: tuple[int, ...], k: int) -> Array:
    """Losses at the budgets, nan where not reached, shape (len(budgets),)."""
    curve = _curve(t, k)
    if t.state == "running":
        return at_budgets(curve, budgets)
    found = reached(curve, budgets, t.state, _loss(t, k))
    assert found is not None
    return found


def budgets_of(trials: Trials) -> tuple[int, ...]:
    """Return the steps at which trials compare: the scheduler's, else where they ended; none if all ran to their end."""
    known: Sequence[Trial] = [t for t in list(trials.by_number.values()) if t.curve or t.curves]
    scheduler = None if trials.started is None else schedulers.from_json(trials.started.scheduler or None)
    budgets = () if scheduler is None else scheduler.schedule().budgets
    if budgets and any(t.state in ("pruned", "running") for t in known):
        return tuple(budgets)
    if not any(t.state == "pruned" for t in known):
        return ()
    steps = {budget_of(curve[-1][0], curve[0][0]) for t in known if t.ended is not None and (curve := _curve(t, 0))}
    return tuple(sorted(steps))


def _check_budget(budget: int, trials: Sequence[Trial], k: int) -> None:
    longest = max((budget_of(c[-1][0], c[0][0]) for t in trials if (c := _curve(t, k))), default=1)
    if budget < 1 or (trials and budget > longest):
        raise RunError(f"a budget is a number of steps that a trial has had, at least 1 and here at most {longest}, "
                       f"got {budget}.")


def _largest(at: Array, enough: int) -> int:
    """Column of the largest budget that enough trials have reached, else of the one that most have."""
    n = np.isfinite(at).sum(axis=0)
    good = np.flatnonzero(n >= enough)
    return int(good[-1]) if len(good) else int(len(n) - 1 - np.argmax(n[::-1]))


def config_of(trials: Trials, space: Space, what: Config | int) -> tuple[Config, str]:
    """Read a configuration, or the number of a trial; return it with what it is called.

    Raises
    ------
    RunError
        If there is no such trial, or its configuration is not in the space (any more).
    """
    if isinstance(what, int):
        if what not in trials.by_number:
            raise RunError(f"there is no trial {what}; there are {len(trials)}.")
        config, name = trials.by_number[what].config, f"trial {what}"
        if not fits(space, config):
            raise RunError(f"the configuration of trial {what} is not in the space (any more): {config!r}. Take another trial.")
        return space.from_unit(space.to_unit(config)), name
    space.validate(what)
    return dict(what), "the given configuration"
