"""Nested cross-validation: what tuning is worth on data that it has not seen, with the whole search inside each outer fold.

Varma & Simon 2006, "Bias in error estimation when using cross-validation for model selection"; Cawley & Talbot 2010::

    for each outer fold (train, test)
        tune by cross-validation on the rows of train alone           inner loss: chosen by, so it flatters
        fit the best configuration on train, judge it on test         outer loss: what new data may expect

The outer mean judges the *procedure* "tune this estimator so", not one configuration: folds may choose different ones. For the
model to keep, tune once more on all rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from workbench.automl.cash import CashObjective
from workbench.automl.cross_validation import CrossValidation
from workbench.automl.tune import TuneRun, tune
from workbench.errors import RunError
from workbench.events import StepTaken
from workbench.history import Explanation
from workbench.space import Config
from workbench.step_run import ENDED, StepRun

N_TRIALS = 20


@dataclass(frozen=True, slots=True)
class NestedFolds(Explanation):
    """The outer folds that are done.

    Attributes
    ----------
    inner
        Smallest cross-validated loss of the search in each fold.
    outer
        Loss of that configuration on the fold's test rows.
    configs
        What each search chose.
    loss
        What the loss is, in words.
    """

    inner: tuple[float, ...] = ()
    outer: tuple[float, ...] = ()
    configs: tuple[Config, ...] = ()
    loss: str = "loss"

    def summary(self) -> str:
        """Say in one plain sentence what new data may expect."""
        if not self.outer:
            return "The first search is under way; no fold has been judged yet."
        mean, n = float(np.mean(self.outer)), len(self.outer)
        spread = f" ± {np.std(self.outer, ddof=1):.3g} (standard deviation over folds)" if n > 1 else ""
        return (f"After {n} outer fold{'s' * (n != 1)} new data may expect {self.loss} = {mean:.4g}{spread}; the searches "
                f"themselves believed {np.mean(self.inner):.4g}.")

    def frame(self) -> pd.DataFrame:
        """One row a fold: inner and outer loss, and the parameters chosen."""
        told = zip(self.inner, self.outer, self.configs, strict=True)
        rows = [{"inner": i, "outer": o, "optimism": o - i, **c} for i, o, c in told]
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="fold"))


@dataclass(frozen=True)
class NestedTuning:
    """What is nested: an estimator, or several by name, and how each fold is tuned. It takes a step for each trial."""

    estimator: Any
    outer: int = 5
    n_trials: int = N_TRIALS
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.outer, bool) or not isinstance(self.outer, int) or self.outer < 2:
            raise RunError(f"nested cross-validation needs at least 2 outer folds, got outer={self.outer!r}.")
        if isinstance(self.n_trials, bool) or not isinstance(self.n_trials, int) or self.n_trials < 1:
            raise RunError(f"each search needs a number of trials, at least 1, got n_trials={self.n_trials!r}.")
        refused = sorted({"name", "storage", "resume"} & set(self.options))
        if refused:
            raise RunError(f"the searches inside are not kept, so {refused[0]}= has no place here. Tune once on all rows with "
                           "wb.tune for the model to keep.")

    @property
    def n_steps(self) -> int | None:
        """How many steps there are: trials of all folds. None if a fidelity makes that open."""
        return None if self.options.get("fidelity") else self.outer * self.n_trials

    def steps(self, X: Any, y: Any = None, *, seed: int = 0) -> Iterator[StepTaken]:
        """Tune in each outer fold; yields a step after each trial, and the fold's losses with its last one."""
        from sklearn.utils import _safe_indexing as rows

        judge = self._judge(X, y, seed)
        done, count, began = NestedFolds(loss=judge.loss), itertools.count(1), process_time()
        for fold, (train, test) in enumerate(judge.folds, 1):
            inner = tune(self.estimator, rows(X, train), None if y is None else rows(y, train), n_trials=self.n_trials, seed=seed,
                         **self.options)
            try:
                for best in _trials(inner):
                    last = inner.state in ENDED
                    if last:
                        done = self._judged(done, inner, rows(X, test), None if y is None else rows(y, test))
                    metrics = {"cpu_s": process_time() - began, "outer fold": float(fold), "inner best": best}
                    if done.outer:
                        metrics |= {"outer mean": float(np.mean(done.outer)), "inner mean": float(np.mean(done.inner))}
                    yield StepTaken(next(count), metrics, done)
            finally:
                inner.stop()

    def _judge(self, X: Any, y: Any, seed: int) -> CrossValidation | CashObjective:
        """Split the rows into outer folds; groups are not handed on, since an inner splitter would need its share of them."""
        several = isinstance(self.estimator, dict)
        if self.options.get("groups") is not None:
            raise RunError("nested cross-validation does not take groups. Split by hand: wb.tune(..., groups=...) on each part.")
        kind = CashObjective if several else CrossValidation
        return kind(self.estimator, X, y, scoring=self.options.get("scoring"), cv=self.outer, seed=seed)

    @staticmethod
    def _judged(done: NestedFolds, inner: TuneRun, X: Any, y: Any) -> NestedFolds:
        """Fit what a search chose on its rows, and judge it on the others."""
        best = inner.best
        if best is None or best.loss is None:
            raise RunError(f"all {inner.n_done} trials of a fold failed; the first error: {_first_error(inner)}")
        outer = inner.cross_validation.loss_of(inner.best_estimator_, X, y)
        return NestedFolds((*done.inner, best.loss), (*done.outer, outer), (*done.configs, best.whole_config), done.loss)


def _trials(run: TuneRun) -> Iterator[float]:
    """Take trial after trial; yields the best loss so far, nan before there is one."""
    while run.state not in ENDED:
        run.step()
        best = run.best
        yield float("nan") if best is None or best.loss is None else best.loss


def _first_error(run: TuneRun) -> str:
    error = next((t.error for t in run.trials.by_number.values() if t.error), "") or "none was told"
    return error.strip().splitlines()[-1]


def nested(estimator: Any, X: Any, y: Any = None, *, outer: int = 5, n_trials: int = N_TRIALS, seed: int = 0,
           **options: Any) -> StepRun:
    """Make a run that judges tuning by nested cross-validation; it waits for ``start()``, or for the Start button of its panel.

    Parameters
    ----------
    estimator
        As for ``tune``: an estimator, or several by name to choose from.
    X, y
        The data.
    outer
        Number of outer folds, shuffled by the seed; classes keep their shares.
    n_trials
        Of each search.
    **options
        As for ``tune``: ``space``, ``scoring``, ``cv`` (of the inner folds), ``algorithm``, ``fidelity``, …

    Returns
    -------
    StepRun
        A step for each trial; ``run.result`` holds the folds (``.frame()``, ``.summary()``), ``run.figure()`` draws them.

    Raises
    ------
    RunError
        If a number is too small, or an option has no place here.
    """
    nested = NestedTuning(estimator, outer, n_trials, options)
    nested._judge(X, y, seed)  # complains now, not in the background
    label = f"nested cross-validation, {outer} × {n_trials} trials"
    shape = " × ".join(map(str, getattr(X, "shape", (len(X),))))
    return StepRun(lambda: nested.steps(X, y, seed=seed), label=label, seed=seed, n_steps=nested.n_steps,
                   about={"data": f"{type(X).__name__}, {shape}", "of": " ".join(repr(estimator).split())[:80]})
