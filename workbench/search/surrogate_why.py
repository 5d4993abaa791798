"""What a surrogate believed when it chose a point, and slices through it for plots.

Every search that fits a model of the loss and maximises an acquisition function over it (Gaussian process, forest, neural
network) explains itself in the same terms, so that one picture shows any of them. The explanation keeps the decision:
incumbent, scores, prediction. The surface is computed again from it and the history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.history import Explanation, History
from workbench.models.acquisition import ALL_LABELS, AcquisitionName, SampledName, acquisition, is_sampled
from workbench.search.wording import about
from workbench.space import Array, Choice, Space

N_SHOWN = 5  # candidates kept in an explanation


class Transform(Protocol):
    """A monotone map between losses and targets, such as ``OutputTransform``."""

    def inverse(self, z: Array) -> Array:
        """Turn targets into losses."""
        ...


class Belief(Protocol):
    """A model that was fitted to a history: what it predicts, on the scale of its targets."""

    @property
    def transform(self) -> Transform:
        """Between losses and targets."""
        ...

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the target at rows of the unit cube, shape (m,) each."""
        ...


class Incumbents(Belief, Protocol):
    """A belief that also says which trials are the best so far."""

    @property
    def best(self) -> float:
        """Target to improve on."""
        ...

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials, the best first."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SurrogateExplanation(Explanation):
    """Why a surrogate chose a point. Children add what their model decided, and ``belief``.

    Attributes
    ----------
    x
        The chosen point of the unit cube, shape (d,), nan where inactive.
    acquisition, beta
        The acquisition function that was highest; beta is used by ``"lcb"`` alone.
    best
        What was to be improved on, as a target; ``best_loss`` is the best loss seen, in the user's units.
    incumbent
        The best finished trial, shape (d,), by its loss, or by the prediction if losses are noisy.
    predicted, predicted_sd
        Mean and standard deviation of the loss at ``x``, in the user's units.
    candidates, scores
        The best points found, the chosen one first, shape (k, d), and their acquisition values, shape (k,) (for
        ``"pi"`` their logarithms).
    n_pending
        Running trials that were taken into account.
    note
        Why this is not the run's usual acquisition, if so.
    """

    MODEL: ClassVar[str] = "surrogate"  # as a sentence names it

    x: Array
    acquisition: AcquisitionName | SampledName
    beta: float
    best: float
    best_loss: float
    incumbent: Array
    predicted: float
    predicted_sd: float
    candidates: Array
    scores: Array
    n_pending: int = field(default=0, kw_only=True)
    note: str = field(default="", kw_only=True)

    def belief(self, history: History) -> Belief:
        """Rebuild the model that chose ``x`` from the history that it saw."""
        raise NotImplementedError

    def acquisition_at(self, history: History, model: Belief, x: Array, mean: Array, sd: Array) -> Array:  # noqa: ARG002
        """Acquisition at rows (m, d) where the model predicts ``mean`` and ``sd``."""
        if is_sampled(self.acquisition):
            raise NotImplementedError(f"{self.acquisition} needs draws: a child that offers it knows them.")
        return acquisition(self.acquisition, mean, sd, self.best, self.beta)

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        text = (f"{ALL_LABELS[self.acquisition]} was highest here: predicted "
                f"{about(self.predicted, self.predicted_sd)}, best so far {self.best_loss:.3g}.")
        if self.n_pending:
            text += f" {self.n_pending} running trial{'s were' if self.n_pending > 1 else ' was'} taken into account."
        return f"{self.note} {text}".strip()


def decided(history: History, model: Incumbents, x: Array, scores: Array) -> dict[str, Any]:
    """Return what every explanation keeps, but for the acquisition function: rows ``x`` were the best, the best first."""
    mean, sd = model.predict(x[:1])
    back = model.transform.inverse
    finite = history.y[np.isfinite(history.y)]
    return {"x": x[0], "best": model.best, "best_loss": float(finite.min()) if len(finite) else float("inf"),
            "incumbent": history.x[model.best_rows(1)[0]], "predicted": float(back(mean)[0]),
            "predicted_sd": float((back(mean + sd) - back(mean - sd))[0] / 2.0), "candidates": x[:N_SHOWN],
            "scores": scores[:N_SHOWN], "n_pending": len(history.pending)}


@dataclass(frozen=True, slots=True, eq=False)
class SurrogateSlice:
    """The model along one parameter, the others held at ``at``. Losses and values are in the user's units.

    ``acquisition`` is nan where a combination is forbidden; ``next_u`` and ``next_value`` are None where the chosen
    point does not have the parameter. Observations are the finished trials that have it.
    """

    model: str
    name: str
    values: list[Any]
    u: Array
    mean: Array
    lower: Array
    upper: Array
    acquisition: Array
    acquisition_name: AcquisitionName | SampledName
    observed_u: Array
    observed_values: list[Any]
    observed_loss: Array
    next_u: float | None
    next_value: Any
    at: Array


@dataclass(frozen=True, slots=True, eq=False)
class SurrogateSurface:
    """The model over two parameters; arrays of shape (len(values_y), len(values_x)), as heat maps expect them."""

    name_x: str
    name_y: str
    values_x: list[Any]
    values_y: list[Any]
    mean: Array
    std: Array
    acquisition: Array
    acquisition_name: AcquisitionName | SampledName
    observed_x: list[Any]
    observed_y: list[Any]
    observed_loss: Array
    next_x: Any
    next_y: Any
    at: Array


def slice_1d(history: History, why: SurrogateExplanation, name: str, at: Array | None = None, n: int = 200) -> SurrogateSlice:
    """Cut through posterior and acquisition along one parameter.

    Parameters
    ----------
    history
        What ``suggest`` saw.
    at
        Point of the unit cube that holds the other parameters, shape (d,); the incumbent if not given. Parents are set
        so that the parameter is active.
    n
        Points of the grid; a parameter with fewer levels gets one point per level.
    """
    space = history.space
    j = space.column(name)
    point = _with_active(space, why.incumbent if at is None else np.asarray(at, dtype=float), j)
    u = _grid(space, name, n)
    x = np.tile(point, (len(u), 1))
    x[:, j] = u
    model = why.belief(history)
    mean, sd, value = _evaluate(model, why, history, x)
    back = model.transform.inverse
    seen = ~np.isnan(history.x[:, j])
    chosen = float(why.x[j])
    has = not np.isnan(chosen)
    return SurrogateSlice(
        why.MODEL, name, _values(space, name, u), u, back(mean), back(mean - 1.96 * sd), back(mean + 1.96 * sd), value,
        why.acquisition, history.x[seen, j], _values(space, name, history.x[seen, j]), history.y[seen],
        chosen if has else None, space[name].from_unit(chosen) if has else None, point)


def slice_2d(history: History, why: SurrogateExplanation, name_x: str, name_y: str, *, at: Array | None = None,
             n: int = 40) -> SurrogateSurface:
    """Cut through posterior and acquisition along two parameters. See ``slice_1d``."""
    space = history.space
    if name_x == name_y:
        raise ValueError(f"a surface needs two different parameters, got {name_x!r} twice. Use slice_1d.")
    jx, jy = space.column(name_x), space.column(name_y)
    point = why.incumbent if at is None else np.asarray(at, dtype=float)
    point = _with_active(space, _with_active(space, point, jx), jy)
    ux, uy = _grid(space, name_x, n), _grid(space, name_y, n)
    shape = (len(uy), len(ux))
    x = np.tile(point, (len(ux) * len(uy), 1))
    x[:, jx], x[:, jy] = np.tile(ux, len(uy)), np.repeat(uy, len(ux))
    model = why.belief(history)
    mean, sd, value = _evaluate(model, why, history, x)
    back = model.transform.inverse
    std = (back(mean + sd) - back(mean - sd)) / 2.0
    seen = ~np.isnan(history.x[:, [jx, jy]]).any(1)
    new = [space[name].from_unit(float(why.x[j])) if not np.isnan(why.x[j]) else None
           for name, j in ((name_x, jx), (name_y, jy))]
    return SurrogateSurface(name_x, name_y, _values(space, name_x, ux), _values(space, name_y, uy),
                     back(mean).reshape(shape), std.reshape(shape), value.reshape(shape), why.acquisition,
                     _values(space, name_x, history.x[seen, jx]), _values(space, name_y, history.x[seen, jy]),
                     history.y[seen], new[0], new[1], point)


def _evaluate(model: Belief, why: SurrogateExplanation, history: History, x: Array) -> tuple[Array, Array, Array]:
    """Mean, deviation and acquisition at rows whose holes are filled where a changed parent opens them."""
    space = history.space
    filled = space.snap(np.where(np.isnan(x), 0.5, x))
    mean, sd = model.predict(filled)
    value = why.acquisition_at(history, model, filled, mean, sd)
    return mean, sd, np.where(space.is_forbidden(filled), np.nan, value)


def _with_active(space: Space, point: Array, j: int) -> Array:
    """Return the point with the ancestors of column ``j`` set so that it is active, by the nearest allowed level."""
    point = point.copy()
    for parent, mask in space.columns[j].parents:
        point = _with_active(space, point, parent)
        param = space[space.names[parent]]
        here = 0.5 if np.isnan(point[parent]) else point[parent]
        if not mask[param.level(np.array([here]))[0]] or np.isnan(point[parent]):
            points = param.points(np.flatnonzero(mask))
            point[parent] = points[np.argmin(np.abs(points - here))]
    # what has become active besides column j stands in the middle
    snapped: Array = space.snap(np.where(np.isnan(point), 0.5, point)[None])[0]
    return snapped


def _grid(space: Space, name: str, n: int) -> Array:
    """Return ``n`` points of the unit interval, or those of the levels if they are fewer."""
    param = space[name]
    K = param.n_levels
    if K is None:
        return np.linspace(0.0, 1.0, n)
    if n >= K or isinstance(param, Choice):
        return np.asarray(param.points(np.arange(K)))
    return np.unique(param.snap(np.linspace(0.0, 1.0, n)))


def _values(space: Space, name: str, u: Array) -> list[Any]:
    return [space[name].from_unit(float(v)) for v in u]
