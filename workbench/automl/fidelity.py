"""Cross-validated losses that come step by step: epochs, trees, or a growing share of the rows.

A run with a scheduler gives few steps to most configurations and many to the best. What a step is depends on the estimator:

* "epochs": one more pass over the training rows, by ``partial_fit``;
* "trees": some more trees or boosting rounds, by ``warm_start``;
* "rows": training from the start on a larger share of the rows; works with any estimator.

With all steps taken the loss is that of ordinary cross-validation. A pipeline's transformers are fitted once, on all the
training rows of the fold; its last part is what takes steps.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.automl.cross_validation import CrossValidation
from workbench.errors import RunError
from workbench.space import Config

Fidelity = Literal["epochs", "trees", "rows"]
SIZES = ("n_estimators", "max_iter")  # how scikit-learn calls the number of trees or rounds
MIN_ROWS = 2  # of each class, or in all, in the smallest share


class Growing(CrossValidation):
    """A generator objective: the estimator of each fold grows by one step, then the mean loss of all folds is yielded.

    Parameters
    ----------
    max_steps
        Steps of a whole training.
    others
        As for ``CrossValidation``.
    """

    def __init__(self, estimator: Any, X: Any, y: Any = None, *, max_steps: int, **options: Any) -> None:
        super().__init__(estimator, X, y, **options)
        self.max_steps = max_steps
        self.check(last_of(self.estimator))

    def __call__(self, config: Config) -> Iterator[float]:
        """Yield the mean loss over the folds after each step."""
        from sklearn.utils import _safe_indexing as rows

        models = []
        for train, valid in self.folds:
            with self._share_of_cores():
                model, made = self._begin(config, rows(self.X, train), self._targets(train))
                models.append((model, made, self._targets(train), rows(self.X, valid), self._targets(valid)))
        for step in range(1, self.max_steps + 1):
            losses = []
            for model, Z, y, X_valid, y_valid in models:
                with self._share_of_cores():
                    self.grow(last_of(model), Z, y, step)
                    losses.append(self.best - self._scored(model, X_valid, y_valid))
            yield float(np.mean(losses))

    def fitted(self, config: Config) -> Any:
        """Return the estimator with that configuration, grown by all steps on all the data."""
        model, Z = self._begin(config, self.X, self.y)
        for step in range(1, self.max_steps + 1):
            self.grow(last_of(model), Z, self.y, step)
        return model

    def _targets(self, which: Any) -> Any:
        from sklearn.utils import _safe_indexing as rows

        return None if self.y is None else rows(self.y, which)

    def _scored(self, model: Any, X: Any, y: Any) -> float:
        return float(self.scorer(model, X) if y is None else self.scorer(model, X, y))

    def _begin(self, config: Config, X: Any, y: Any) -> tuple[Any, Any]:
        """Make the estimator and fit its transformers; return it and what its last part sees."""
        from sklearn.base import clone
        from sklearn.pipeline import Pipeline

        model = clone(self.estimator).set_params(**config)
        if not isinstance(model, Pipeline):
            return model, X
        for i, (name, part) in enumerate(model.steps[:-1]):
            if part is not None and part != "passthrough":
                model.steps[i] = (name, part.fit(X, y))
                X = part.transform(X)
        return model, X

    @abstractmethod
    def check(self, last: Any) -> None:
        """Raise RunError if that estimator cannot take such steps."""

    @abstractmethod
    def grow(self, last: Any, Z: Any, y: Any, step: int) -> None:
        """Take step number ``step``, from 1."""


class Epochs(Growing):
    """One pass over the training rows per step, by ``partial_fit``."""

    def check(self, last: Any) -> None:
        """Raise RunError if the estimator has no ``partial_fit``."""
        if not hasattr(last, "partial_fit"):
            raise RunError(f'fidelity="epochs" needs an estimator with partial_fit, got {type(last).__name__}. '
                           'Take "rows", which works with any, or "trees" for ensembles.')

    def grow(self, last: Any, Z: Any, y: Any, step: int) -> None:
        """Pass over the rows once more, in another order."""
        from sklearn.base import is_classifier
        from sklearn.utils import _safe_indexing as rows

        order = np.random.default_rng(step).permutation(_n_rows(Z))
        more = {"classes": np.unique(self.y)} if step == 1 and is_classifier(last) else {}
        if y is None:
            last.partial_fit(rows(Z, order))
        else:
            last.partial_fit(rows(Z, order), rows(y, order), **more)


class Trees(Growing):
    """Some more trees, or rounds, per step, by ``warm_start``: the estimator's own number after the last step."""

    def check(self, last: Any) -> None:
        """Raise RunError if the estimator cannot grow."""
        params = last.get_params(deep=False)
        size = next((name for name in SIZES if name in params), None)
        if "warm_start" not in params or size is None:
            raise RunError(f'fidelity="trees" needs an ensemble with warm_start and n_estimators or max_iter, got '
                           f'{type(last).__name__}. Take "rows", which works with any estimator.')
        if params[size] < self.max_steps:
            raise RunError(f"max_steps must not exceed the estimator's {size}, got {self.max_steps} and {params[size]}. "
                           f"Give an estimator with a larger {size}, or fewer steps.")
        self.size, self.full = size, int(params[size])

    def grow(self, last: Any, Z: Any, y: Any, step: int) -> None:
        """Grow to the step's share of the full size."""
        last.set_params(warm_start=True, **{self.size: -(-self.full * step // self.max_steps)})
        last.fit(Z) if y is None else last.fit(Z, y)


class Rows(CrossValidation):
    """An objective of a budget: trains from the start on ``budget / max_steps`` of each fold's training rows.

    Smaller shares are contained in larger ones, and keep the proportions of classes. The rows that judge are always the same.

    Parameters
    ----------
    max_steps
        The budget at which all rows are used.
    others
        As for ``CrossValidation``.
    """

    def __init__(self, estimator: Any, X: Any, y: Any = None, *, max_steps: int, **options: Any) -> None:
        super().__init__(estimator, X, y, **options)
        self.max_steps = max_steps
        seed = int(options.get("seed") or 0)
        self.orders = [mixed(train, self._classes(train), np.random.default_rng([seed, k]))
                       for k, (train, _) in enumerate(self.folds)]

    def __call__(self, config: Config, budget: int) -> float:  # type: ignore[override]
        """Return the mean loss over the folds."""
        return self._trained(config, lambda n: self.n_rows(n, budget))

    def _trained(self, config: Config, n_rows: Callable[[int], int]) -> float:
        """Mean loss over the folds with so many of each fold's training rows."""
        return float(np.mean([self.loss_on(config, order[:n_rows(len(order))], valid)
                              for (_, valid), order in zip(self.folds, self.orders, strict=True)]))

    def n_rows(self, n: int, budget: int) -> int:
        """How many of n training rows a budget buys."""
        return self._enough(-(-n * budget // self.max_steps), n)

    def _enough(self, wanted: int, n: int) -> int:
        return min(max(wanted, MIN_ROWS * self.n_classes), n)

    @property
    def n_classes(self) -> int:
        """Number of classes; 1 where there are none."""
        from sklearn.base import is_classifier

        return len(np.unique(self.y)) if self.y is not None and is_classifier(self.estimator) else 1

    def _classes(self, train: Any) -> Any:
        from sklearn.utils import _safe_indexing as rows

        return rows(self.y, train) if self.n_classes > 1 else None


class Share(Rows):
    """An objective of a configuration that says itself on which share of each fold's training rows it is trained.

    At share 1 the loss is that of ordinary cross-validation. Smaller shares are contained in larger ones, and keep the
    proportions of classes; the rows that judge are always the same.

    Parameters
    ----------
    share
        Name of the share, above 0 and up to 1, in the configuration. The estimator does not get it.
    others
        As for ``CrossValidation``.
    """

    def __init__(self, estimator: Any, X: Any, y: Any = None, *, share: str = "share", **options: Any) -> None:
        super().__init__(estimator, X, y, max_steps=1, **options)
        if share in self.estimator.get_params(deep=True):
            raise RunError(f"the share of the rows needs a name that is no parameter of the estimator, got {share!r}, which "
                           f"{type(self.estimator).__name__} has. Give another one: share='share_of_rows'.")
        self.share = share

    def __call__(self, config: Config) -> float:  # type: ignore[override]
        """Return the mean loss over the folds."""
        own, share = self._split(config)
        return self._trained(own, lambda n: self._enough(math.ceil(n * share - 1e-9), n))

    def fitted(self, config: Config) -> Any:
        """Return the estimator with that configuration, fitted on all the data whatever the share."""
        return super().fitted(self._split(config)[0])

    def _split(self, config: Config) -> tuple[Config, float]:
        share = config.get(self.share)
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0.0 < share <= 1.0:
            raise RunError(f"a configuration needs {self.share!r}, the share of the rows, above 0 and up to 1, got {share!r}. "
                           f"Add it to the space: {self.share}=wb.Float(1/64, 1, log=True).")
        return {k: v for k, v in config.items() if k != self.share}, float(share)


def mixed(rows: Sequence[int] | NDArray[Any], classes: Any, rng: np.random.Generator) -> NDArray[np.intp]:
    """Shuffle rows such that every prefix has the classes in about their proportions, each class at least once at its start.

    Row k of the n_c rows of a class, in random order, comes at the place (k + u) / n_c, u ~ U(0, 1); row 0 of each comes first.
    """
    given = np.asarray(rows)
    numbers: NDArray[np.intp] = np.flatnonzero(given) if given.dtype == bool else given.astype(np.intp)
    of = np.zeros(len(numbers), dtype=int) if classes is None else np.unique(np.asarray(classes), return_inverse=True)[1]
    place = np.empty(len(numbers))
    for c in range(of.max(initial=0) + 1):
        mine = rng.permutation(np.flatnonzero(of == c))
        place[mine] = (np.arange(len(mine)) + rng.random(len(mine))) / len(mine)
        place[mine[:1]] -= 1.0
    return numbers[np.argsort(place)]


def _n_rows(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def last_of(model: Any) -> Any:
    """Return the last part of a pipeline, or the estimator itself."""
    from sklearn.pipeline import Pipeline

    return model.steps[-1][1] if isinstance(model, Pipeline) else model


def objective(estimator: Any, X: Any, y: Any, fidelity: Fidelity, max_steps: int, **options: Any) -> CrossValidation:
    """Make the objective of that kind."""
    kinds: dict[str, Any] = {"epochs": Epochs, "trees": Trees, "rows": Rows}
    if fidelity not in kinds:
        raise RunError(f"fidelity must be one of {list(kinds)}, got {fidelity!r}.")
    if isinstance(max_steps, bool) or not isinstance(max_steps, (int, np.integer)) or max_steps < 1:
        raise RunError(f"max_steps must be a whole number, at least 1, got {max_steps!r}.")
    made: CrossValidation = kinds[fidelity](estimator, X, y, max_steps=int(max_steps), **options)
    return made


def fixed_size(cross: CrossValidation) -> str | None:
    """Name of the parameter that the steps themselves set, as the estimator calls it; None if there is none."""
    if not isinstance(cross, Trees):
        return None
    last = cross.estimator
    prefix = f"{last.steps[-1][0]}__" if last is not last_of(last) else ""
    return prefix + cross.size
