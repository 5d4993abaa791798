"""The data of a tuning run, and how its configurations are judged, as Python code."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.automl.cash import CashObjective
from workbench.automl.cross_validation import CrossValidation
from workbench.automl.estimator_code import value_code
from workbench.errors import RunError
from workbench.problems.data_sets import DATA_SETS

ROWS = {"digits": 1797, "wine": 178, "iris": 150, "breast_cancer": 569, "diabetes": 442}
DEFAULTS = {"scoring": None, "cv": 5, "groups": None, "fidelity": None, "max_steps": 27}


def data_code(X: Any, y: Any) -> tuple[set[str], list[str]]:
    """Return imports and lines that load the data, if they are one of scikit-learn's own data sets; else what they are."""
    shape, name = getattr(X, "shape", None), known_data(X, y)
    if name:
        more = ", as_frame=True" if hasattr(X, "columns") else ""
        return {f"from sklearn.datasets import load_{name}"}, [f"X, y = load_{name}(return_X_y=True{more})"]
    of = " × ".join(map(str, shape)) if shape is not None else f"{len(X)} rows"
    targets = "" if y is None else f"; y: {type(y).__name__}, {len(y)} targets"
    return set(), [f"# your data. X: {type(X).__name__}, {of}{targets}"]


def known_data(X: Any, y: Any) -> str:
    """Name the data if they are one of scikit-learn's own data sets; else an empty text."""
    shape = getattr(X, "shape", None)
    for name, n in ROWS.items():
        if name not in DATA_SETS or shape is None or len(shape) != 2 or shape[0] != n or y is None:
            continue
        from sklearn import datasets

        theirs = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=hasattr(X, "columns"))
        if _same(X, theirs[0]) and _same(y, theirs[1]):
            return name
    return ""


def _same(a: Any, b: Any) -> bool:
    if list(getattr(a, "columns", ())) != list(getattr(b, "columns", ())):
        return False
    mine, theirs = np.asarray(a), np.asarray(b)
    return mine.shape == theirs.shape and bool((mine == theirs).all())


def tune_code(cross: CrossValidation | CashObjective, asked: dict[str, Any]) -> tuple[set[str], str]:
    """Return the imports that the first arguments of ``tune`` need, and these: estimator, data, and how it judges.

    What cannot be written as code is named: ``estimator``, ``cv``, ``scoring`` of the user's own.
    """
    imports: set[str] = set()
    try:
        given = cross.estimators if isinstance(cross, CashObjective) else cross.estimator
        more, estimator = value_code(given)
        imports |= set(more)
    except RunError:
        estimator = "estimators" if isinstance(cross, CashObjective) else "estimator"
    args = [estimator, "X"] if cross.y is None else [estimator, "X", "y"]
    for name, default in DEFAULTS.items():
        value = asked.get(name, default)
        if value is default or (isinstance(value, (int, str)) and value == default):
            continue
        if name == "max_steps" and asked.get("fidelity") is None:
            continue
        args.append(f"{name}={_argument(name, value, imports)}")
    return imports, ", ".join(args)


def _argument(name: str, value: Any, imports: set[str]) -> str:
    cls = type(value)
    if name == "groups":
        return "groups"
    if cls.__module__ == "sklearn.model_selection._split" and repr(value).startswith(f"{cls.__name__}("):
        imports.add(f"from sklearn.model_selection import {cls.__name__}")
        return repr(value)
    try:
        more, code = value_code(value)
    except RunError:
        return name
    imports |= set(more)
    return code
