"""A cross-validated loss, fold by fold."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from workbench.errors import RunError
from workbench.space import Config

UNBOUNDED = {"mutual_info_score", "positive_likelihood_ratio"}  # of scikit-learn's scores the ones without a best value


class CrossValidation:
    """An objective that yields the mean loss of the folds so far after each fold.

    So a run can be paused between folds, and its table and curves show how a configuration does while it is evaluated.
    The last value is the mean over all folds.

    The loss is 1 - score for scores whose best value is 1 (accuracy, the default for classifiers; R², the default for
    regressors; AUC, F1, …). It is -score for all others: those that scikit-learn negates (``neg_…``, so the loss is the
    error itself), scorer functions, and an estimator's own ``score``.

    Parameters
    ----------
    estimator
        Is cloned for each fold, never fitted itself.
    X, y
        The data, as the estimator takes them.
    scoring
        Name of a scikit-learn score, or a scorer function.
    cv
        Number of folds, or a splitter, or a list of (train, test) rows.
    groups
        Group of each row, for splitters that need it.
    seed
        Shuffles the folds, and is the ``random_state`` of the estimator and its parts where they have none. All
        configurations are judged on the same folds.

    Attributes
    ----------
    loss
        What the loss is, in words.
    """

    def __init__(self, estimator: Any, X: Any, y: Any = None, *, scoring: Any = None, cv: Any = 5, groups: Any = None,
                 seed: int = 0) -> None:
        if isinstance(estimator, type) or not hasattr(estimator, "get_params") or not hasattr(estimator, "fit"):
            hint = f"{estimator.__name__}()" if isinstance(estimator, type) else "HistGradientBoostingClassifier()"
            raise RunError(f"tune needs a scikit-learn estimator, got {estimator!r}. Give an object such as {hint}.")
        self.estimator, self.X, self.y = with_seed(estimator, seed), X, y
        self.scorer, self.best, self.loss = _scorer(self.estimator, scoring)
        self.folds = _folds(estimator, X, y, cv, groups, seed)
        self._lock, self._n_fitting = threading.Lock(), 0

    def __getstate__(self) -> dict[str, Any]:
        """Leave the lock out: an executor's processes have their own."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_lock", "_n_fitting")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore everything, with a new lock."""
        self.__dict__.update(state)
        self._lock, self._n_fitting = threading.Lock(), 0

    def __call__(self, config: Config) -> Iterator[float]:
        """Yield the mean loss after each fold."""
        losses: list[float] = []
        for train, valid in self.folds:
            losses.append(self.loss_on(config, train, valid))
            yield float(np.mean(losses))

    def loss_on(self, config: Config, train: Any, valid: Any) -> float:
        """Fit the estimator with that configuration on some rows, and judge it on others."""
        from sklearn.base import clone
        from sklearn.utils import _safe_indexing as rows

        model = clone(self.estimator).set_params(**config)
        with self._share_of_cores():
            if self.y is None:
                return self.loss_of(model.fit(rows(self.X, train)), rows(self.X, valid))
            model.fit(rows(self.X, train), rows(self.y, train))
            return self.loss_of(model, rows(self.X, valid), rows(self.y, valid))

    def loss_of(self, model: Any, X: Any, y: Any = None) -> float:
        """Judge a fitted estimator on other data."""
        return self.best - float(self.scorer(model, X) if y is None else self.scorer(model, X, y))

    @contextmanager
    def _share_of_cores(self) -> Iterator[None]:
        """Let folds that are fitted at once share the cores: OpenMP's threads, one per core for each, would jam."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

        with self._lock:
            self._n_fitting += 1
            n = self._n_fitting
        try:
            if n == 1:
                yield
            else:
                with threadpool_limits(max((os.cpu_count() or 1) // n, 1), user_api="openmp"):  # of this thread only
                    yield
        finally:
            with self._lock:
                self._n_fitting -= 1

    def score(self, loss: float) -> float:
        """Return the score that a loss stands for."""
        return self.best - loss

    def made(self, config: Config) -> Any:
        """Return the estimator with that configuration, not fitted."""
        from sklearn.base import clone

        return clone(self.estimator).set_params(**config)

    def fitted(self, config: Config) -> Any:
        """Return the estimator with that configuration, fitted on all the data."""
        model = self.made(config)
        return model.fit(self.X) if self.y is None else model.fit(self.X, self.y)


def with_seed(estimator: Any, seed: int) -> Any:
    """Return a clone whose ``random_state`` is the seed wherever it was left None, in its parts too."""
    from sklearn.base import clone

    made = clone(estimator)
    unset = [k for k, v in made.get_params(deep=True).items() if k.split("__")[-1] == "random_state" and v is None]
    return made.set_params(**dict.fromkeys(unset, seed)) if unset else made


def _scorer(estimator: Any, scoring: Any) -> tuple[Any, float, str]:
    """Return the scorer, the number that scores are subtracted from, and the loss in words."""
    from sklearn.base import is_classifier, is_regressor
    from sklearn.metrics import check_scoring, get_scorer_names

    known = "one of scikit-learn's scores, such as 'accuracy', 'roc_auc', 'f1_macro', 'r2', 'neg_root_mean_squared_error'"
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        raise RunError(f"scoring must be {known}, got {scoring!r}.")
    if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise RunError(f"scoring must be one score: {known}, or a function (estimator, X, y) -> score, got {scoring!r}.")
    try:
        scorer = check_scoring(estimator, scoring=scoring)
    except TypeError as error:
        raise RunError(f"{type(estimator).__name__} has no score of its own. Give scoring=: {known}.") from error
    if isinstance(scoring, str):
        negated = scoring.startswith("neg_")
        bounded = not negated and scoring not in UNBOUNDED
        name = scoring.removeprefix("neg_")
        return scorer, float(bounded), f"1 - {name}" if bounded else name if negated else f"-{name}"
    if scoring is not None:
        return scorer, 0.0, f"-{getattr(scoring, '__name__', 'score')}"
    if is_classifier(estimator):
        return scorer, 1.0, "1 - accuracy"
    return (scorer, 1.0, "1 - R²") if is_regressor(estimator) else (scorer, 0.0, "-score")


def _folds(estimator: Any, X: Any, y: Any, cv: Any, groups: Any, seed: int) -> list[tuple[Any, Any]]:
    from sklearn.base import is_classifier
    from sklearn.model_selection import KFold, StratifiedKFold, check_cv

    if isinstance(cv, (int, np.integer)):
        if isinstance(cv, bool) or cv < 2:
            raise RunError(f"cross-validation needs at least 2 folds, got cv={cv}.")
        kind = type(check_cv(int(cv), y, classifier=is_classifier(estimator)))  # stratified where classes are to be found
        assert kind in (KFold, StratifiedKFold)
        cv = kind(int(cv), shuffle=True, random_state=seed)
    folds = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y, groups))
    if not folds:
        raise RunError(f"cross-validation needs at least one fold, got none from cv={cv!r}.")
    return folds
