"""Small real data sets that come with scikit-learn: nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workbench.errors import WorkbenchError

DATA_SETS = {"digits": "classification", "wine": "classification", "iris": "classification",
             "breast_cancer": "classification", "diabetes": "regression"}


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Features and targets.

    Attributes
    ----------
    X
        Features, shape (n, p).
    y
        Targets, shape (n,).
    features
        Names of the columns of X.
    """

    name: str
    task: Literal["classification", "regression"]
    X: Any
    y: Any
    features: tuple[str, ...]


def data_set(name: str) -> DataSet:
    """Load a data set by name: digits, wine, iris, breast_cancer or diabetes."""
    if name not in DATA_SETS:
        raise WorkbenchError(f"there is no data set {name!r}. There are {sorted(DATA_SETS)}.")
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    task: Literal["classification", "regression"] = "regression" if DATA_SETS[name] == "regression" else "classification"
    return DataSet(name, task, bunch.data, bunch.target, tuple(map(str, bunch.feature_names)))
