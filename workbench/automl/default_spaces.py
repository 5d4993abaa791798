"""Search spaces for scikit-learn estimators: what is worth tuning, and where.

Ranges follow common practice (the spaces of auto-sklearn, of Probst, Boulesteix & Bischl 2019, and the estimators' own
guides). They hold for tables of ordinary size; narrow them with the space editor where you know better. What you have
set yourself stays as it is: ``SVC(kernel="linear")`` leaves C to be tuned, and no gamma.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from workbench.errors import SpaceError
from workbench.space import Choice, Float, Int, Param, Space
from workbench.subspace import prefixed, with_fixed


def _hist_boosting() -> Space:
    return Space(learning_rate=Float(0.01, 0.5, log=True, default=0.1), max_iter=Int(20, 200, log=True, default=100),
                 max_leaf_nodes=Int(4, 64, log=True, default=31), min_samples_leaf=Int(1, 100, log=True, default=20),
                 l2_regularization=Float(1e-8, 10.0, log=True, default=1e-8), max_features=Float(0.2, 1.0, default=1.0))


def _boosting() -> Space:
    return Space(learning_rate=Float(0.01, 0.5, log=True, default=0.1), n_estimators=Int(30, 300, log=True, default=100),
                 max_depth=Int(1, 10, default=3), subsample=Float(0.4, 1.0, default=1.0),
                 max_features=Float(0.1, 1.0, default=1.0), min_samples_leaf=Int(1, 50, log=True, default=1))


def _forest(max_features: float, *, bootstrap: bool, **more: Param) -> Space:
    return Space(more, n_estimators=Int(50, 500, log=True, default=100), max_features=Float(0.1, 1.0, default=max_features),
                 min_samples_leaf=Int(1, 20, log=True, default=1), min_samples_split=Int(2, 20, log=True, default=2),
                 bootstrap=Choice(True, False, default=bootstrap))


def _tree(criterion: Choice) -> Space:
    return Space(max_depth=Int(1, 30, log=True, default=10), min_samples_leaf=Int(1, 50, log=True, default=1),
                 min_samples_split=Int(2, 50, log=True, default=2), criterion=criterion,
                 ccp_alpha=Float(1e-6, 1e-1, log=True, default=1e-6))


def _ada(most: float) -> Space:
    return Space(n_estimators=Int(20, 500, log=True, default=50), learning_rate=Float(0.01, most, log=True, default=1.0))


def _svm(**more: Param) -> Space:
    return Space(
        more, C=Float(1e-2, 1e3, log=True, default=1.0), kernel=Choice("rbf", "linear", "poly", "sigmoid"),
        gamma=Float(1e-5, 1e1, log=True, when={"kernel": ["rbf", "poly", "sigmoid"]}),
        degree=Int(2, 5, default=3, when={"kernel": "poly"}),
        coef0=Float(-1.0, 1.0, default=0.0, when={"kernel": ["poly", "sigmoid"]}))


def _linear_svc() -> Space:
    return Space(C=Float(1e-4, 1e3, log=True, default=1.0), penalty=Choice("l2", "l1"),
                 loss=Choice("squared_hinge", "hinge"), forbidden=[{"penalty": "l1", "loss": "hinge"}])


def _mlp() -> Space:
    return Space(
        hidden_layer_sizes=Int(8, 256, log=True, default=100), alpha=Float(1e-7, 1e-1, log=True, default=1e-4),
        solver=Choice("adam", "sgd"), learning_rate_init=Float(1e-4, 1e-1, log=True, default=1e-3),
        momentum=Float(0.5, 0.99, default=0.9, when={"solver": "sgd"}), activation=Choice("relu", "tanh", "logistic"),
        batch_size=Int(16, 256, log=True, default=64))


def _sgd(*losses: str) -> Space:
    return Space(
        loss=Choice(*losses), alpha=Float(1e-7, 1e-1, log=True, default=1e-4), penalty=Choice("l2", "l1", "elasticnet"),
        l1_ratio=Float(0.01, 0.99, default=0.15, when={"penalty": "elasticnet"}),
        learning_rate=Choice("optimal", "invscaling", "adaptive"),
        eta0=Float(1e-5, 1e-1, log=True, default=1e-2, when={"learning_rate": ["invscaling", "adaptive"]}))


def _neighbours() -> Space:
    return Space(n_neighbors=Int(1, 50, log=True, default=5), weights=Choice("uniform", "distance"),
                 metric=Choice("minkowski", "cosine"), p=Choice(2, 1, when={"metric": "minkowski"}))


def _discriminant() -> Space:
    return Space(solver=Choice("svd", "lsqr"), shrinkage=Float(0.0, 1.0, when={"solver": "lsqr"}))


def _alpha(low: float, high: float) -> Space:
    return Space(alpha=Float(low, high, log=True, default=1.0))


_CLASSES = Choice("gini", "entropy")

_SPACES: dict[str, Callable[[], Space]] = {
    "HistGradientBoostingClassifier": _hist_boosting, "HistGradientBoostingRegressor": _hist_boosting,
    "GradientBoostingClassifier": _boosting, "GradientBoostingRegressor": _boosting,
    "RandomForestClassifier": lambda: _forest(0.5, bootstrap=True, criterion=_CLASSES),
    "RandomForestRegressor": lambda: _forest(1.0, bootstrap=True),
    "ExtraTreesClassifier": lambda: _forest(0.5, bootstrap=False, criterion=_CLASSES),
    "ExtraTreesRegressor": lambda: _forest(1.0, bootstrap=False),
    "DecisionTreeClassifier": lambda: _tree(_CLASSES),
    "DecisionTreeRegressor": lambda: _tree(Choice("squared_error", "absolute_error")),
    "AdaBoostClassifier": lambda: _ada(2.0), "AdaBoostRegressor": lambda: _ada(1.0),
    "SVC": _svm, "SVR": lambda: _svm(epsilon=Float(1e-3, 1.0, log=True, default=0.1)), "LinearSVC": _linear_svc,
    "LinearSVR": lambda: Space(C=Float(1e-4, 1e3, log=True, default=1.0), epsilon=Float(1e-3, 1.0, log=True)),
    "MLPClassifier": _mlp, "MLPRegressor": _mlp,
    "SGDClassifier": lambda: _sgd("hinge", "log_loss", "modified_huber"),
    "SGDRegressor": lambda: _sgd("squared_error", "huber", "epsilon_insensitive"),
    "LogisticRegression": lambda: Space(C=Float(1e-4, 1e4, log=True, default=1.0),
                                        class_weight=Choice(None, "balanced")),
    "Ridge": lambda: _alpha(1e-4, 1e4), "RidgeClassifier": lambda: _alpha(1e-4, 1e4), "Lasso": lambda: _alpha(1e-4, 1e2),
    "ElasticNet": lambda: Space(alpha=Float(1e-4, 1e2, log=True, default=1.0), l1_ratio=Float(0.01, 1.0, default=0.5)),
    "KNeighborsClassifier": _neighbours, "KNeighborsRegressor": _neighbours,
    "GaussianNB": lambda: Space(var_smoothing=Float(1e-11, 1e-1, log=True, default=1e-9)),
    "BernoulliNB": lambda: Space(alpha=Float(1e-3, 1e2, log=True, default=1.0), fit_prior=Choice(True, False)),
    "MultinomialNB": lambda: Space(alpha=Float(1e-3, 1e2, log=True, default=1.0), fit_prior=Choice(True, False)),
    "LinearDiscriminantAnalysis": _discriminant,
    "QuadraticDiscriminantAnalysis": lambda: Space(reg_param=Float(1e-5, 1.0, log=True)),
    "PCA": lambda: Space(n_components=Float(0.5, 0.999, default=0.95)),
}

INNER = ("estimator", "regressor", "classifier")  # where meta-estimators keep what they wrap


def known_estimators() -> list[str]:
    """Names of the estimators that have a default space."""
    return sorted(_SPACES)


def default_space(estimator: Any) -> Space:
    """Return the default space of an estimator.

    Of a Pipeline these are the spaces of its steps, as ``step__parameter``; of an estimator that wraps another, the
    inner one's. Parameters that are not at their defaults were set on purpose and are left out.

    Raises
    ------
    SpaceError
        If nothing in it is known, or everything is set.
    """
    space = _space_of(estimator)
    if space is None:
        what = "no step of the pipeline" if hasattr(estimator, "steps") else f"{type(estimator).__name__} is not known: it"
        verb = "has" if hasattr(estimator, "steps") else "has no"
        raise SpaceError(f"{what} {verb} a default space. Give one: wb.tune(..., space=wb.Space(alpha=wb.Float(1e-4, 1e2, "
                         f"log=True))), with names as in get_params(). Known are {', '.join(known_estimators())}.")
    if not len(space):
        raise SpaceError(f"every parameter in the default space of {type(estimator).__name__} has been set by hand, so "
                         "nothing is left to tune. Leave one at its default, or give a space: wb.tune(..., space=...).")
    return space


def _space_of(estimator: Any) -> Space | None:
    """Return its space, empty if all is set; None if it is not known."""
    for kind in type(estimator).__mro__:
        if kind.__name__ in _SPACES and kind.__module__.startswith("sklearn."):
            return with_fixed(_SPACES[kind.__name__](), changed_params(estimator))
    if hasattr(estimator, "steps"):
        parts = list(estimator.steps)
    else:
        parts = [(name, getattr(estimator, name, None)) for name in INNER]
    found = [prefixed(space, f"{name}__") for name, part in parts
             if hasattr(part, "get_params") and (space := _space_of(part)) is not None]
    if not found:
        return None
    return Space([(name, space[name]) for space in found for name in space.names],
                 forbidden=[clause for space in found for clause in space.forbidden])


def changed_params(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that differ from the defaults of its class."""
    signature = inspect.signature(type(estimator).__init__).parameters
    given = estimator.get_params(deep=False)
    return {name: value for name, value in given.items()
            if name not in signature or repr(value) != repr(signature[name].default)}
