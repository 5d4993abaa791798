"""Overtuning: validation says that the search goes on getting better, and new data do not agree.

Schneider, Bischl & Feurer 2025, "Overtuning in hyperparameter optimization". Of T trials let λ*_t be the incumbent after t: the
one with the smallest validation loss so far. ::

    optimism at t            test(λ*_t) − valid(λ*_t)                        what the winner's own validation loss hides
    overtuning at t          test(λ*_t) − min over t' ≤ t of test(λ*_t')      what was lost by searching on
    relative overtuning      overtuning / (test(λ*_1) − min over all t' of test(λ*_t'))

Even among configurations that are all equally good the best one looks better than it is: the smallest of n noisy numbers. What
that alone comes to is computed by ``luck``: for shares of wrong answers on m rows, the expected minimum of n binomial shares.

Differences from the paper: where no incumbent is better than the first, relative overtuning is not a number (there was nothing to
win); "luck" is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from workbench.errors import RunError
from workbench.pictures import picture
from workbench.space import Array

if TYPE_CHECKING:
    from workbench.automl.tune import TuneRun

ROUNDING = 1e-12  # relative: the mean of the same fold losses in another order is no better


@dataclass(frozen=True, eq=False)
class Overtuning:
    """The incumbents of a search, in their order, and what they do on data that the search has not seen.

    Attributes
    ----------
    after
        Result by which each became the incumbent, counted from 1 in the order told; shape (k,).
    trials
        Their trial numbers, shape (k,).
    valid, test
        Their validation and test losses, shape (k,).
    n_trials
        How many results there are.
    loss
        What the loss is, in words.
    """

    after: NDArray[np.int64]
    trials: NDArray[np.int64]
    valid: Array
    test: Array
    n_trials: int
    loss: str = "loss"

    def __post_init__(self) -> None:
        shapes = {a.shape for a in (self.after, self.trials, self.valid, self.test)}
        if len(shapes) != 1 or not self.after.size:
            raise ValueError(f"overtuning needs an equal number of places, trials, validation and test losses, got {shapes}.")

    @property
    def optimism(self) -> Array:
        """By how much each incumbent does worse on the test than in validation, shape (k,)."""
        return self.test - self.valid

    @property
    def lost(self) -> Array:
        """Overtuning after each incumbent: how far it stands above the best test loss of those up to it, shape (k,)."""
        return np.asarray(self.test - np.minimum.accumulate(self.test))

    @property
    def relative(self) -> float:
        """Overtuning at the end as a share of what the search could have won; nan if no incumbent beats the first."""
        possible = float(self.test[0] - self.test.min())
        return float(self.lost[-1]) / possible if possible > 0 else float("nan")

    def frame(self) -> pd.DataFrame:
        """One row an incumbent."""
        return pd.DataFrame({"after": self.after, "trial": self.trials, "valid": self.valid, "test": self.test,
                             "optimism": self.optimism, "overtuning": self.lost})

    def summary(self) -> str:
        """Say in plain sentences what became of it."""
        text = (f"After {self.n_trials} trials validation says {self.valid[-1]:.4g} and the test {self.test[-1]:.4g} "
                f"({self.loss}): a difference of {self.optimism[-1]:+.4g}. ")
        if self.lost[-1] <= 0:
            return text + "No earlier incumbent did better on the test: no overtuning."
        best = int(np.argmin(self.test))
        return text + (f"The incumbent of result {self.after[best]} had {self.test[best]:.4g} on the test: searching on has cost "
                       f"{self.lost[-1]:.4g}.")

    def figure(self) -> Any:
        """Draw both losses of the incumbents as trials grow."""
        return picture("overtuning", self)

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.summary())}</p>{self.frame().round(4).to_html(index=False)}"


def incumbents(valid: Sequence[float] | Array) -> NDArray[np.int64]:
    """Rows that were the best when they came, of losses in the order told; equals (but for rounding) do not replace."""
    losses = np.where(np.isfinite(valid), np.asarray(valid, dtype=float), np.inf)
    before = np.r_[np.inf, np.minimum.accumulate(losses)[:-1]]
    return np.flatnonzero(losses < before - ROUNDING * np.where(np.isfinite(before), np.abs(before), 0.0))


def of_losses(valid: Sequence[float] | Array, test: Sequence[float] | Array, *, loss: str = "loss") -> Overtuning:
    """Compute it where both losses of all trials are known, as in a table.

    Raises
    ------
    ValueError
        If the lengths differ, or no validation loss is a number.
    """
    v, t = np.asarray(valid, dtype=float), np.asarray(test, dtype=float)
    if v.shape != t.shape or v.ndim != 1:
        raise ValueError(f"each trial has a validation and a test loss, got shapes {v.shape} and {t.shape}.")
    rows = incumbents(v)
    if not len(rows):
        raise ValueError("no validation loss is a finite number, so there is no incumbent.")
    return Overtuning(rows + 1, rows, v[rows], t[rows], len(v), loss)


def of_run(run: TuneRun, X: Any, y: Any) -> Overtuning:
    """Fit each incumbent of a run anew on all its data and judge it on a test set; only incumbents are fitted.

    Raises
    ------
    RunError
        If no trial of the run is complete yet.
    """
    trials = run.trials
    told = [t for t in (trials.by_number[n] for n in trials.told) if t.state == "complete" and not t.only_near]
    rows = incumbents([np.nan if t.loss is None else t.loss for t in told])
    if not len(rows):
        raise RunError("there is no incumbent yet: no trial is complete. Start the run, or call step().")
    cross, kept = run.cross_validation, [told[i] for i in rows]
    test = [cross.loss_of(cross.fitted(t.whole_config), X, y) for t in kept]
    return Overtuning(rows + 1, np.array([t.number for t in kept]), np.array([t.loss for t in kept], dtype=float), np.array(test),
                      len(told), cross.loss)


def luck(error: float, n_rows: int, n_trials: int | Sequence[int]) -> Array:
    """Expected smallest share of wrong answers among configurations that are all equally good, shape of ``n_trials``.

    Of n independent binomial shares: E[min] = Σ_k P(min > k) / m = Σ_k (1 − F(k))^n / m, k = 0 … m − 1.

    Parameters
    ----------
    error
        The true error of each, in [0, 1].
    n_rows
        m, of the validation set.
    n_trials
        n.

    Raises
    ------
    ValueError
        If the error is no share, or a number is below 1.
    """
    n = np.atleast_1d(np.asarray(n_trials, dtype=float))
    if not 0 <= error <= 1:
        raise ValueError(f"an error is a share between 0 and 1, got {error}.")
    if n_rows < 1 or n.min() < 1:
        raise ValueError(f"rows and trials count from 1, got {n_rows} rows and {n.min():g} trials.")
    above = binom.sf(np.arange(n_rows), n_rows, error)  # P(X > k)
    expected = (above[None] ** n[:, None]).sum(axis=1) / n_rows
    return np.asarray(expected if np.ndim(n_trials) else expected[0])
