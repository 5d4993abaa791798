"""Search spaces for scikit-learn estimators: what is worth tuning, and where.

Ranges follow common practice (the spaces of auto-sklearn, of Probst, Boulesteix & Bischl 2019, and the estimators' own
guides). They hold for tables of ordinary size; narrow them with the space editor where you know better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import SpaceError
from workbench.space import Choice, Float, Int, Param, Space, When

Params = dict[str, Param]


def _boosting() -> Params:
    return {"learning_rate": Float(0.01, 0.5, log=True, default=0.1), "max_leaf_nodes": Int(4, 128, log=True, default=31),
            "min_samples_leaf": Int(1, 100, log=True, default=20),
            "l2_regularization": Float(1e-8, 10.0, log=True), "max_features": Float(0.2, 1.0, default=1.0),
            "max_iter": Int(30, 300, log=True, default=100)}


def _forest(*, classifies: bool) -> Params:
    criteria = ("gini", "entropy") if classifies else ("squared_error", "friedman_mse")
    return {"n_estimators": Int(50, 500, log=True, default=100), "max_features": Float(0.1, 1.0, default=0.5),
            "min_samples_leaf": Int(1, 20, log=True, default=1), "min_samples_split": Int(2, 20, log=True, default=2),
            "bootstrap": Choice(True, False), "criterion": Choice(*criteria)}


def _tree(*, classifies: bool) -> Params:
    criteria = ("gini", "entropy") if classifies else ("squared_error", "absolute_error")
    return {"max_depth": Int(1, 30, log=True, default=10), "min_samples_leaf": Int(1, 50, log=True, default=1),
            "min_samples_split": Int(2, 50, log=True, default=2), "criterion": Choice(*criteria),
            "ccp_alpha": Float(1e-6, 1e-1, log=True, default=1e-6)}


def _gradient_boosting() -> Params:
    return {"learning_rate": Float(0.01, 0.5, log=True, default=0.1), "n_estimators": Int(30, 300, log=True, default=100),
            "max_depth": Int(1, 10, default=3), "subsample": Float(0.4, 1.0, default=1.0),
            "max_features": Float(0.1, 1.0, default=1.0), "min_samples_leaf": Int(1, 50, log=True, default=1)}


def _svm(*, classifies: bool) -> Params:
    out: Params = {
        "C": Float(1e-2, 1e3, log=True, default=1.0), "kernel": Choice("rbf", "linear", "poly", "sigmoid"),
        "gamma": Float(1e-5, 1e1, log=True, when={"kernel": ["rbf", "poly", "sigmoid"]}),
        "degree": Int(2, 5, default=3, when={"kernel": "poly"}),
        "coef0": Float(-1.0, 1.0, default=0.0, when={"kernel": ["poly", "sigmoid"]}),
    }
    if not classifies:
        out["epsilon"] = Float(1e-3, 1.0, log=True, default=0.1)
    return out


def _mlp() -> Params:
    return {"hidden_layer_sizes": Int(8, 256, log=True, default=100), "alpha": Float(1e-7, 1e-1, log=True, default=1e-4),
            "solver": Choice("adam", "sgd"), "learning_rate_init": Float(1e-4, 1e-1, log=True, default=1e-3),
            "momentum": Float(0.5, 0.99, default=0.9, when={"solver": "sgd"}),
            "activation": Choice("relu", "tanh", "logistic"), "batch_size": Int(16, 256, log=True, default=64)}


def _sgd(*, classifies: bool) -> Params:
    losses = (("hinge", "log_loss", "modified_huber") if classifies
              else ("squared_error", "huber", "epsilon_insensitive"))
    return {"loss": Choice(*losses), "alpha": Float(1e-7, 1e-1, log=True, default=1e-4),
            "penalty": Choice("l2", "l1", "elasticnet"), "l1_ratio": Float(0.01, 0.99, when={"penalty": "elasticnet"}),
            "learning_rate": Choice("optimal", "invscaling", "adaptive"),
            "eta0": Float(1e-5, 1e-1, log=True, default=1e-2, when={"learning_rate": ["invscaling", "adaptive"]})}


def _neighbours() -> Params:
    return {"n_neighbors": Int(1, 50, log=True, default=5), "weights": Choice("uniform", "distance"),
            "p": Choice(2, 1)}


_SPACES: dict[str, Any] = {
    "HistGradientBoostingClassifier": _boosting, "HistGradientBoostingRegressor": _boosting,
    "RandomForestClassifier": lambda: _forest(classifies=True), "RandomForestRegressor": lambda: _forest(classifies=False),
    "ExtraTreesClassifier": lambda: _forest(classifies=True), "ExtraTreesRegressor": lambda: _forest(classifies=False),
    "DecisionTreeClassifier": lambda: _tree(classifies=True), "DecisionTreeRegressor": lambda: _tree(classifies=False),
    "GradientBoostingClassifier": _gradient_boosting, "GradientBoostingRegressor": _gradient_boosting,
    "SVC": lambda: _svm(classifies=True), "SVR": lambda: _svm(classifies=False),
    "MLPClassifier": _mlp, "MLPRegressor": _mlp,
    "SGDClassifier": lambda: _sgd(classifies=True), "SGDRegressor": lambda: _sgd(classifies=False),
    "LogisticRegression": lambda: {"C": Float(1e-4, 1e4, log=True, default=1.0)},
    "LinearSVC": lambda: {"C": Float(1e-4, 1e3, log=True, default=1.0), "loss": Choice("squared_hinge", "hinge")},
    "LinearSVR": lambda: {"C": Float(1e-4, 1e3, log=True, default=1.0), "epsilon": Float(1e-3, 1.0, log=True)},
    "Ridge": lambda: {"alpha": Float(1e-4, 1e4, log=True, default=1.0)},
    "RidgeClassifier": lambda: {"alpha": Float(1e-4, 1e4, log=True, default=1.0)},
    "Lasso": lambda: {"alpha": Float(1e-4, 1e2, log=True, default=1.0)},
    "ElasticNet": lambda: {"alpha": Float(1e-4, 1e2, log=True, default=1.0), "l1_ratio": Float(0.01, 1.0, default=0.5)},
    "KNeighborsClassifier": _neighbours, "KNeighborsRegressor": _neighbours,
    "GaussianNB": lambda: {"var_smoothing": Float(1e-11, 1e-1, log=True, default=1e-9)},
    "PCA": lambda: {"n_components": Float(0.5, 0.999, default=0.95)},
}


def known_estimators() -> list[str]:
    """Names of the estimators that have a default space."""
    return sorted(_SPACES)


def default_space(estimator: Any) -> Space:
    """Return the default space of an estimator; of a Pipeline, the spaces of its steps as ``step__parameter``.

    Raises
    ------
    SpaceError
        If the estimator, or every step of the pipeline, is unknown.
    """
    steps = getattr(estimator, "steps", None)
    if steps is not None:
        params: Params = {}
        for step, part in steps:
            if type(part).__name__ in _SPACES:
                params |= _prefixed(f"{step}__", _SPACES[type(part).__name__]())
        if not params:
            raise SpaceError(_unknown("no step of the pipeline"))
        return Space(params)
    name = type(estimator).__name__
    if name not in _SPACES:
        raise SpaceError(_unknown(name))
    return Space(_SPACES[name]())


def _unknown(what: str) -> str:
    return (f"{what} has a default space. Give one: tune(..., space=wb.Space(alpha=wb.Float(1e-4, 1e2, log=True))), with "
            f"names as in get_params(). Known are {', '.join(known_estimators())}.")


def _prefixed(prefix: str, params: Mapping[str, Param]) -> Params:
    out: Params = {}
    for name, p in params.items():
        when: When = tuple((prefix + parent, values) for parent, values in p.when)
        match p:
            case Choice():
                out[prefix + name] = Choice(*p.options, ordered=p.ordered, default=p.default, when=when)
            case Int():
                out[prefix + name] = Int(p.low, p.high, log=p.log, step=p.step, default=p.default, when=when)
            case Float():
                out[prefix + name] = Float(p.low, p.high, log=p.log, step=p.step, default=p.default, when=when)
    return out
