"""What a recipe can choose from: estimators and scores, task by task, and how a table is prepared for an estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from workbench.automl.fidelity import Fidelity
from workbench.automl.recipe_data import MANY_CATEGORIES, Table, Task

AUTO = "auto"  # the search chooses among the estimators, too
MODEL, PREPARE = "model", "prepare"  # steps of a pipeline


@dataclass(frozen=True, slots=True)
class Known:
    """An estimator that can be chosen.

    Attributes
    ----------
    short
        Its name in a space that chooses among estimators, and in names of runs.
    scale
        Whether it needs columns of one scale.
    missing
        Whether it takes missing numbers as they are.
    probabilities
        Whether it gives probabilities of classes.
    chosen
        Whether it is among those that "let it choose" chooses from: quick on small tables, and unlike the others.
    most_rows
        Of more rows "let it choose" leaves it out: it would take too long.
    """

    module: str
    name: str
    short: str
    label: str
    about: str
    args: Mapping[str, Any] = field(default_factory=dict)
    scale: bool = False
    missing: bool = False
    probabilities: bool = True
    chosen: bool = True
    most_rows: int | None = None
    fidelities: tuple[Fidelity, ...] = ("rows",)

    def make(self) -> Any:
        """Make the estimator."""
        return getattr(import_module(f"sklearn.{self.module}"), self.name)(**self.args)


_BOOSTING = "Trees that correct each other. Strong on most tables; takes missing values."
_FOREST = "Many trees that vote. Hardly ever bad, and not easily made worse."
_EXTRA = "Like a random forest, with splits drawn at random: quicker."
_SVM = "A boundary as wide as can be, straight or curved. Strong on small tables, slow beyond 10 000 rows."
_BOUNDED = {"max_iter": 100_000}  # some polynomials would never come to an end: 200 penguins, degree 5, C = 1000
_NEIGHBOURS = "Looks at the most similar rows. Simple; slow where there are very many."
_TREE = "Questions one after the other. Weak, but can be read."
_MLP = "Layers of neurons, trained epoch by epoch."
_SGD = "A linear model trained in passes over the rows: for large tables."
_TREES: tuple[Fidelity, ...] = ("trees", "rows")
_EPOCHS: tuple[Fidelity, ...] = ("epochs", "rows")

ESTIMATORS: dict[Task, tuple[Known, ...]] = {
    "classification": (
        Known("ensemble", "HistGradientBoostingClassifier", "boosting", "Gradient boosting", _BOOSTING, missing=True,
              fidelities=_TREES),
        Known("ensemble", "RandomForestClassifier", "forest", "Random forest", _FOREST, fidelities=_TREES, chosen=False),
        Known("ensemble", "ExtraTreesClassifier", "trees", "Extra trees", _EXTRA, fidelities=_TREES),
        Known("svm", "SVC", "svc", "Support vector machine", _SVM, _BOUNDED, scale=True, probabilities=False, most_rows=10_000),
        Known("linear_model", "LogisticRegression", "logistic", "Logistic regression",
              "A weighted sum of the columns. Quick, and can be read.", {"max_iter": 300}, scale=True),
        Known("neighbors", "KNeighborsClassifier", "neighbours", "Nearest neighbours", _NEIGHBOURS, scale=True, most_rows=50_000),
        Known("neural_network", "MLPClassifier", "mlp", "Neural network", _MLP, scale=True, chosen=False, fidelities=_EPOCHS),
        Known("linear_model", "SGDClassifier", "sgd", "Linear model, by gradient steps", _SGD, scale=True, chosen=False,
              probabilities=False, fidelities=_EPOCHS),
        Known("discriminant_analysis", "LinearDiscriminantAnalysis", "discriminant", "Linear discriminant analysis",
              "Classes as clouds of one shape. Quick, and good for few rows.", scale=True),
        Known("naive_bayes", "GaussianNB", "bayes", "Naive Bayes", "Each column by itself. Very quick: a base to compare with."),
        Known("tree", "DecisionTreeClassifier", "tree", "Decision tree", _TREE),
        Known("ensemble", "AdaBoostClassifier", "ada", "AdaBoost", "Weak trees in a row, each on what the former got wrong.",
              chosen=False),
    ),
    "regression": (
        Known("ensemble", "HistGradientBoostingRegressor", "boosting", "Gradient boosting", _BOOSTING, missing=True,
              fidelities=_TREES),
        Known("ensemble", "RandomForestRegressor", "forest", "Random forest", _FOREST, fidelities=_TREES, chosen=False),
        Known("ensemble", "ExtraTreesRegressor", "trees", "Extra trees", _EXTRA, fidelities=_TREES),
        Known("svm", "SVR", "svr", "Support vector machine", _SVM, _BOUNDED, scale=True, most_rows=10_000),
        Known("linear_model", "Ridge", "ridge", "Ridge regression", "A weighted sum of the columns, kept small.", scale=True),
        Known("linear_model", "ElasticNet", "elastic", "Elastic net",
              "A weighted sum in which columns may drop out. Quick, and can be read.", scale=True),
        Known("neighbors", "KNeighborsRegressor", "neighbours", "Nearest neighbours", _NEIGHBOURS, scale=True, most_rows=50_000),
        Known("neural_network", "MLPRegressor", "mlp", "Neural network", _MLP, scale=True, chosen=False, fidelities=_EPOCHS),
        Known("linear_model", "SGDRegressor", "sgd", "Linear model, by gradient steps", _SGD, scale=True, chosen=False,
              fidelities=_EPOCHS),
        Known("tree", "DecisionTreeRegressor", "tree", "Decision tree", _TREE),
        Known("ensemble", "AdaBoostRegressor", "ada", "AdaBoost", "Weak trees in a row, each on what the former got wrong.",
              chosen=False),
    ),
}


def known(task: Task, name: str) -> Known | None:
    """Return the estimator of that class name."""
    return next((k for k in ESTIMATORS[task] if k.name == name), None)


def candidates(task: Task, n_rows: int) -> list[Known]:
    """Return the estimators that "let it choose" chooses from, for a table of so many rows."""
    return [k for k in ESTIMATORS[task] if k.chosen and (k.most_rows is None or n_rows <= k.most_rows)]


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of scikit-learn that can be chosen."""

    name: str
    label: str
    about: str
    probabilities: bool = False
    two_classes: bool = False


METRICS: dict[Task, tuple[Metric, ...]] = {
    "classification": (
        Metric("accuracy", "Accuracy", "The share of rows that are right."),
        Metric("balanced_accuracy", "Balanced accuracy", "The share that is right, class by class: rare classes count the same."),
        Metric("f1_macro", "F1, mean of the classes", "Precision and recall together; rare classes count the same."),
        Metric("f1_weighted", "F1, weighted by the classes' sizes", "Precision and recall together."),
        Metric("matthews_corrcoef", "Matthews' correlation", "Correlation of truth and prediction; fair to rare classes."),
        Metric("roc_auc", "ROC AUC", "How well the two classes are ranked, whatever the threshold.", two_classes=True),
        Metric("roc_auc_ovr", "ROC AUC, one class against the rest", "How well each class is ranked.", probabilities=True),
        Metric("neg_log_loss", "Log loss", "How honest the probabilities are; sure and wrong is punished.", probabilities=True),
    ),
    "regression": (
        Metric("r2", "R²", "The share of the target's variance that is explained: 1 is perfect, 0 is the mean."),
        Metric("neg_root_mean_squared_error", "Root mean squared error", "In the target's unit; large errors count more."),
        Metric("neg_mean_absolute_error", "Mean absolute error", "In the target's unit; all errors count alike."),
        Metric("neg_median_absolute_error", "Median absolute error", "In the target's unit; outliers do not count."),
        Metric("neg_mean_absolute_percentage_error", "Mean absolute error in per cent", "Relative to the target, never 0."),
    ),
}
UNBALANCED = 3.0  # the largest class so many times the smallest: accuracy would reward always guessing the former


def default_metric(task: Task, counts: tuple[int, ...] = ()) -> tuple[str, str]:
    """Return the score to use if none is asked for, and why. ``counts`` are the sizes of the classes."""
    if task == "regression":
        return "r2", "It has no unit: 1 is perfect, 0 is no better than the mean."
    if counts and max(counts) >= UNBALANCED * min(counts):
        return "balanced_accuracy", (f"The largest class has {max(counts)} rows, the smallest {min(counts)}: plain accuracy "
                                     "would reward guessing the largest.")
    return "accuracy", "The classes do not differ much in size, so the share that is right says enough."


# ---- preparing a table -----------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Wants:
    """What a table's columns need before an estimator can take them."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    missing: bool  # numbers are missing
    many: bool  # some category has very many values

    @classmethod
    def of(cls, table: Table, columns: tuple[str, ...]) -> Wants:
        """Look at the columns that are used."""
        used = [table[name] for name in columns]
        numbers, categories = ([c for c in used if c.kind == kind] for kind in ("number", "category"))
        return cls(tuple(c.name for c in numbers), tuple(c.name for c in categories), any(c.n_missing for c in numbers),
                   any(c.n_distinct > MANY_CATEGORIES for c in categories))


def number_steps(model: Known, wants: Wants) -> list[tuple[str, Any]]:
    """Return what is done with the numbers: missing ones filled in, one scale; each only where it is needed."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    steps: list[tuple[str, Any]] = []
    if wants.missing and not model.missing:
        steps.append(("impute", SimpleImputer(strategy="median")))
    if model.scale and wants.numbers:
        steps.append(("scale", StandardScaler()))
    return steps


def encoder(wants: Wants) -> Any:
    """Return what turns categories into numbers: a column for each; a missing value is one of its own."""
    from sklearn.preprocessing import OneHotEncoder

    if wants.many:
        return OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MANY_CATEGORIES, sparse_output=False)
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def transformers(model: Known, wants: Wants) -> list[tuple[str, Any, list[str]]]:
    """Return the parts of a ColumnTransformer, for a table that has categories."""
    from sklearn.pipeline import Pipeline

    steps = number_steps(model, wants)
    how = "passthrough" if not steps else steps[0][1] if len(steps) == 1 else Pipeline(steps)
    parts = [("numbers", how, list(wants.numbers))] if wants.numbers else []
    return [*parts, ("categories", encoder(wants), list(wants.categories))]


def prepared(model: Known, wants: Wants) -> Any:
    """Return the estimator, behind what its table needs."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    made = model.make()
    if wants.categories:
        return Pipeline([(PREPARE, ColumnTransformer(transformers(model, wants))), (MODEL, made)])
    steps = number_steps(model, wants)
    return Pipeline([*steps, (MODEL, made)]) if steps else made
