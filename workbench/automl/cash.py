"""Combined algorithm selection and hyperparameter optimisation (CASH).

Thornton, Hutter, Hoos & Leyton-Brown (2013), "Auto-WEKA": which algorithm, and with which hyperparameters, is one question.
The space's root is a choice among algorithms; each brings its own parameters, active only while it is chosen:

    λ* , A* = argmin over A, λ of  loss(A with λ, on the validation folds)

A parameter is named ``algorithm.parameter``, such as ``svc.C``. Only what belongs to the chosen algorithm reaches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from workbench.automl.cross_validation import CrossValidation
from workbench.automl.default_spaces import default_space
from workbench.errors import RunError, SpaceError
from workbench.space import Choice, Config, Param, Space
from workbench.subspace import prefixed, with_when

ROOT = "algorithm"


def cash_space(estimators: Mapping[str, Any], *, spaces: Mapping[str, Space] | None = None) -> Space:
    """Return a space whose root chooses among estimators, each with its own parameters.

    Parameters
    ----------
    estimators
        scikit-learn estimators or pipelines by name.
    spaces
        Spaces of some of them, instead of their default spaces.

    Raises
    ------
    SpaceError
        If there is no estimator, a name has a dot in it, or one has no default space and none was given.
    """
    check_names(estimators)
    given = dict(spaces or {})
    if unknown := sorted(given.keys() - estimators.keys()):
        raise SpaceError(f"spaces are given for {unknown}, but the estimators are {list(estimators)}.")
    params: dict[str, Param] = {ROOT: Choice(*estimators)}
    forbidden: list[Any] = []
    for name, estimator in estimators.items():
        branch = prefixed(given[name] if name in given else default_space(estimator), f"{name}.")
        for inner in branch.names:
            when = branch[inner].when
            params[inner] = with_when(branch[inner], when or {ROOT: name})  # deeper ones follow their own parents
        forbidden += branch.forbidden
    return Space(params, forbidden=forbidden)


def check_names(estimators: Mapping[str, Any]) -> None:
    """Raise SpaceError if there is no estimator, or one has a name that cannot stand before a dot."""
    if not estimators:
        raise SpaceError("a CASH space needs at least one algorithm. Give estimators, such as {'svc': SVC()}.")
    for name in estimators:
        if not isinstance(name, str) or not name or "." in name:
            raise SpaceError(f"an algorithm's name must be a word without dots, got {name!r}.")


def split_config(config: Config) -> tuple[str, Config]:
    """Return the chosen algorithm and its own parameters under their own names."""
    name = str(config[ROOT])
    return name, {k.removeprefix(f"{name}."): v for k, v in config.items() if k != ROOT}


class CashObjective:
    """The cross-validated loss of whichever algorithm a configuration chooses, fold by fold.

    Parameters
    ----------
    estimators
        scikit-learn estimators by name; cloned for each fold.
    X, y
        The data.
    spaces
        As for ``cash_space``.
    **options
        ``scoring``, ``cv``, ``groups`` and ``seed`` of ``CrossValidation``. All algorithms are judged on the same folds.

    Attributes
    ----------
    estimators
        By name, with the seed where their ``random_state`` was None.
    X, y, folds, loss
        As of ``CrossValidation``: the same for all.
    """

    def __init__(self, estimators: Mapping[str, Any], X: Any, y: Any = None, *, spaces: Mapping[str, Space] | None = None,
                 **options: Any) -> None:
        check_names(estimators)
        self._given, self._spaces = dict(estimators), spaces
        self._losses = {name: CrossValidation(estimator, X, y, **options) for name, estimator in estimators.items()}
        if len(kinds := {cross.loss for cross in self._losses.values()}) > 1:
            raise RunError(f"all algorithms must be judged by one score, got {sorted(kinds)}. Give scoring=.")
        self.estimators = {name: cross.estimator for name, cross in self._losses.items()}
        self._any = next(iter(self._losses.values()))
        self.X, self.y, self.folds, self.loss = X, y, self._any.folds, self._any.loss

    @cached_property
    def space(self) -> Space:
        """The search space. SpaceError if an estimator has no default space and none was given."""
        return cash_space(self._given, spaces=self._spaces)

    def __call__(self, config: Config) -> Iterator[float]:
        """Yield the mean loss after each fold."""
        name, own = split_config(config)
        return self._losses[name](own)

    def score(self, loss: float) -> float:
        """Return the score that a loss stands for."""
        return self._any.score(loss)

    def loss_of(self, model: Any, X: Any, y: Any = None) -> float:
        """Judge a fitted estimator on other data."""
        return self._any.loss_of(model, X, y)

    def made(self, config: Config) -> Any:
        """Return the chosen algorithm with its parameters, not fitted."""
        name, own = split_config(config)
        return self._losses[name].made(own)

    def fitted(self, config: Config) -> Any:
        """Return the chosen algorithm with its parameters, fitted on all the data."""
        name, own = split_config(config)
        return self._losses[name].fitted(own)


def classifiers() -> dict[str, Any]:
    """Return eight classifiers that are quick on small tables, by name: what the CASH chapter chooses among."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    return {"svc": SVC(), "neighbours": KNeighborsClassifier(), "trees": ExtraTreesClassifier(),
            "boosting": HistGradientBoostingClassifier(), "tree": DecisionTreeClassifier(),
            "logistic": LogisticRegression(max_iter=300), "bayes": GaussianNB(),
            "discriminant": LinearDiscriminantAnalysis()}
