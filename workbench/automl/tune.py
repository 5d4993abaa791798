"""Tune a scikit-learn estimator: its default space, a cross-validated loss, and the refitted best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from workbench.api import optimize
from workbench.automl.default_spaces import default_space
from workbench.errors import RunError, SpaceError
from workbench.run import Run
from workbench.space import Config, Space


class CrossValidation:
    """The objective of ``tune``: after each fold it yields the mean loss of the folds so far.

    So a run can be paused between folds, and the table shows how a configuration does while it is evaluated. The last
    value is the mean over all folds.

    Parameters
    ----------
    estimator
        Is cloned for each fold, never fitted itself.
    X, y
        The data, as the estimator takes them.
    scoring
        Name of a scikit-learn score, or a scorer. The loss is 1 - score for scores whose best is 1 (accuracy, R², AUC,
        F1, …), and -score for those that scikit-learn negates (``neg_…``). Default: accuracy, or R².
    cv
        Number of folds, or a splitter.
    seed
        Shuffles the folds, and is the estimator's ``random_state`` where it has none.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, *, scoring: Any = None, cv: Any = 5, seed: int = 0) -> None:
        from sklearn.base import is_classifier
        from sklearn.metrics import check_scoring, get_scorer_names
        from sklearn.model_selection import KFold, StratifiedKFold, check_cv

        self.estimator, self.X, self.y = with_seed(estimator, seed), X, y
        if isinstance(scoring, str) and scoring not in get_scorer_names():
            raise RunError(f"scoring must be one of scikit-learn's scores, got {scoring!r}. For example 'accuracy', "
                           "'roc_auc', 'f1_macro', 'r2', 'neg_root_mean_squared_error'.")
        self.scorer = check_scoring(estimator, scoring=scoring)
        self.negated = isinstance(scoring, str) and scoring.startswith("neg_")
        if isinstance(cv, int) and not isinstance(cv, bool):
            if cv < 2:
                raise RunError(f"cross-validation needs at least 2 folds, got cv={cv}.")
            kind = StratifiedKFold if is_classifier(estimator) else KFold
            cv = kind(cv, shuffle=True, random_state=seed)
        self.folds = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y))

    def __call__(self, config: Config) -> Iterator[float]:
        """Yield the mean loss after each fold."""
        from sklearn.base import clone
        from sklearn.utils import _safe_indexing as rows

        losses = []
        for train, valid in self.folds:
            model = clone(self.estimator).set_params(**config)
            model.fit(rows(self.X, train), None if self.y is None else rows(self.y, train))
            score = float(self.scorer(model, rows(self.X, valid), None if self.y is None else rows(self.y, valid)))
            losses.append(-score if self.negated else 1.0 - score)
            yield float(np.mean(losses))


def with_seed(estimator: Any, seed: int) -> Any:
    """Return a clone whose ``random_state`` is the seed wherever it was left None."""
    from sklearn.base import clone

    made = clone(estimator)
    unset = [k for k, v in made.get_params(deep=True).items() if k.split("__")[-1] == "random_state" and v is None]
    return made.set_params(**dict.fromkeys(unset, seed)) if unset else made


class TuneRun(Run):
    """A run that tunes an estimator."""

    _cv: CrossValidation
    _fitted: tuple[int, Any] | None = None

    @property
    def best_estimator_(self) -> Any:
        """The estimator with the best configuration so far, fitted on all the data.

        Raises
        ------
        RunError
            Before any trial is complete.
        """
        from sklearn.base import clone

        best = self.best
        if best is None:
            raise RunError("there is no best estimator before a trial is complete. Start the run, or call step().")
        if self._fitted is None or self._fitted[0] != best.number:
            model = clone(self._cv.estimator).set_params(**best.config)
            self._fitted = best.number, model.fit(self._cv.X, self._cv.y)
        return self._fitted[1]

    @property
    def best_params_(self) -> Config:
        """The best configuration so far."""
        if self.best is None:
            raise RunError("there is no best configuration before a trial is complete. Start the run, or call step().")
        return dict(self.best.config)

    def _python(self) -> str:
        if self.best is None:
            return super()._python()
        made = self._cv.estimator
        kind = type(made)
        lines = [f"from {_public_module(kind)} import {kind.__name__}", "",
                 f"# trial {self.best.number}, cross-validated loss {self.best.loss!r}"]
        if hasattr(made, "steps"):
            lines += ["# pipeline: your pipeline", f"pipeline.set_params(**{self.best.config!r})",
                      "pipeline.fit(X, y)"]
        else:
            given = {k: v for k, v in made.get_params(deep=False).items() if v != kind().get_params(deep=False).get(k)} \
                if _default_makes(kind) else {}
            lines += [f"model = {kind.__name__}(**{ {**given, **self.best.config}!r})", "model.fit(X, y)"]
        return "\n".join(lines) + "\n\n" + super()._python()


def _default_makes(kind: Callable[[], Any]) -> bool:
    try:
        kind()
    except TypeError:
        return False
    return True


def _public_module(kind: type) -> str:
    return ".".join(part for part in kind.__module__.split(".") if not part.startswith("_"))


def tune(estimator: Any, X: Any, y: Any = None, *, space: Space | None = None, scoring: Any = None, cv: Any = 5,
         seed: int | None = 0, **options: Any) -> TuneRun:
    """Make a run that tunes a scikit-learn estimator or pipeline by cross-validation.

    Parameters
    ----------
    estimator
        Any scikit-learn estimator; a Pipeline's parameters are named ``step__parameter``.
    X, y
        The data.
    space
        The search space; the default space of the estimator if left out.
    scoring, cv
        As for ``CrossValidation``: the loss is 1 - score (or -score for ``neg_…`` scores), by default 5-fold.
    seed
        Seed of the run, of the folds, and of the estimator's ``random_state`` where that is None.
    **options
        As for ``optimize``: ``algorithm``, ``n_trials``, ``n_workers``, ``name``, ``storage``, time limits.

    Returns
    -------
    TuneRun
        A run with ``best_estimator_``.
    """
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        hint = f"{estimator.__name__}()" if isinstance(estimator, type) else "HistGradientBoostingClassifier()"
        raise RunError(f"tune needs a scikit-learn estimator, got {estimator!r}. Give an object such as {hint}.")
    space = default_space(estimator) if space is None else space
    known = estimator.get_params(deep=True)
    for name in space.names:
        if name not in known:
            raise SpaceError(f"{type(estimator).__name__} has no parameter {name!r}. It has {sorted(known)}.")
    cross = CrossValidation(estimator, X, y, scoring=scoring, cv=cv, seed=seed or 0)
    options.setdefault("name", None)
    run = optimize(cross, space, seed=seed, **options)
    run.__class__ = TuneRun
    assert isinstance(run, TuneRun)
    run._cv = cross
    return run
