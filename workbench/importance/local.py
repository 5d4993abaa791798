"""Local importance: what a change of one parameter does around one configuration, the others as they are there.

Biedenkapp, Marben, Lindauer & Hutter 2018, "CAVE: configuration assessment, visualization and evaluation", "local parameter
importance"; theta is the incumbent, f predicts the loss::

    var(p)   = Var over v in the range of p of f(theta with p = v)
    share(p) = var(p) / Σ over parameters q of var(q)

fANOVA asks the same of the whole space, where most configurations are bad; here it is asked of the neighbourhood of a good one.
The variance is that of a value drawn uniformly on the parameter's own scale, and exact: the forest is a step function along one
parameter. A parent's change may make children active: they get the values that they have in waiting, the defaults. A parameter
that is inactive at theta has no share (nan), and forbidden values are left out.

Differences from the paper: values are weighted by their share of the range, where CAVE takes a list of neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.importance.quantity import LOSS, Quantity, as_html
from workbench.importance.surrogate import N_TREES, Surrogate, complete, why_inactive
from workbench.pictures import picture
from workbench.space import Array, Config, Space


@dataclass(frozen=True, slots=True, eq=False)
class LocalCurve:
    """The predicted loss along one parameter.

    Attributes
    ----------
    edges
        Borders of its cells in the unit interval, shape (K + 1,): the forest's steps, or one cell a level.
    mean, spread
        Prediction in each cell, and its standard deviation between the trees, shape (K,); nan where forbidden.
    here
        The configuration's own unit value.
    """

    name: str
    edges: Array
    mean: Array
    spread: Array
    here: float

    def at(self, u: Array) -> Array:
        """Return the prediction at unit values."""
        k = np.clip(np.searchsorted(self.edges, u, side="left") - 1, 0, len(self.mean) - 1)  # a tree sends u <= threshold left
        return np.asarray(self.mean[k])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LocalImportance:
    """How much each parameter matters around one configuration.

    Attributes
    ----------
    loss
        What the surrogate predicts at the configuration.
    variance
        Of the predicted loss along each parameter, shape (d,); nan where inactive.
    single, single_spread
        The variances as shares of their sum, and the standard deviation of the share between the trees, shape (d,).
    notes
        Why a parameter has no share, by name.
    config_name
        What the configuration is: "trial 17".
    """

    space: Space
    n_trials: int
    config: Config
    loss: float
    variance: Array
    single: Array
    single_spread: Array
    curves: Mapping[str, LocalCurve]
    notes: Mapping[str, str]
    config_name: str = "the best configuration"
    quantity: Quantity = LOSS

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of the space."""
        return self.space.names

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the active parameters, the largest share first."""
        return tuple(sorted(self.curves, key=lambda n: -float(self.single[self.space.column(n)])))

    def curve(self, name: str) -> LocalCurve:
        """Return the curve of a parameter that is active at the configuration."""
        if name not in self.curves:
            raise ValueError(f"there is no curve of {name!r}: {self.notes.get(name, 'it is no parameter of this space')}.")
        return self.curves[name]

    def frame(self) -> pd.DataFrame:
        """One row a parameter, the largest share first: value, share, spread, range of predictions, a note."""
        rows: list[dict[str, Any]] = []
        for j, name in enumerate(self.names):
            curve = self.curves.get(name)
            seen = np.array([np.nan]) if curve is None else self.quantity.sign * curve.mean[~np.isnan(curve.mean)]
            rows.append({"parameter": name, "value": self.config.get(name, np.nan), "share": self.single[j],
                         "spread": self.single_spread[j], "lowest": seen.min(), "highest": seen.max(),
                         "note": self.notes.get(name, "")})
        frame = pd.DataFrame(rows, columns=["parameter", "value", "share", "spread", "lowest", "highest", "note"])
        frame["value"] = frame["value"].astype(object)
        return frame.sort_values("share", ascending=False, na_position="last", kind="stable").reset_index(drop=True)

    def summary(self) -> str:
        """Say in a sentence which parameter matters most here."""
        if not self.curves or float(np.nansum(self.variance)) == 0:
            return f"Around {self.config_name} no parameter changes the predicted {self.quantity.name}."
        name = self.order[0]
        return (f"Around {self.config_name}, of all changes of one parameter those of {name} matter most: "
                f"{self.single[self.space.column(name)]:.0%} of the variance of the predicted {self.quantity.name}.")

    def figure(self) -> Any:
        """Draw the curves as a ``plotly.graph_objects.Figure``."""
        return picture("local_importance", self)

    def __repr__(self) -> str:
        """The summary."""
        return f"<LocalImportance: {self.summary()}>"

    def _repr_html_(self) -> str:
        return as_html(f"Local importance, from {self.n_trials} trials", [self.summary()], self.frame())


def local_importance(space: Space, x: Array, y: Array, *, config: Config | None = None, n_trees: int = N_TREES, seed: int = 0,
                     name: str = "the best configuration", quantity: Quantity = LOSS) -> LocalImportance:
    """Measure importance around a configuration, that of the least loss if not given, on a forest of the trials x (n, d), y (n,).

    Raises
    ------
    ValueError
        If no loss is finite.
    ConfigError
        If the configuration does not belong to the space.
    """
    f = Surrogate.of(space, x, y, n_trees=n_trees, seed=seed)
    config = space.from_unit(x[int(np.argmin(np.where(np.isnan(y), np.inf, y)))]) if config is None else config
    space.validate(config)
    u = complete(space, config)
    d, active = len(space), f.is_active(u)
    variance, by_tree, curves = np.full(d, np.nan), np.full((n_trees, d), np.nan), dict[str, LocalCurve]()
    for j in np.flatnonzero(active).tolist():
        line = f.line(u, j)
        variance[j], by_tree[:, j] = line.variance(line.mean), line.variance(line.by_tree)
        curves[space.names[j]] = LocalCurve(space.names[j], line.edges, line.mean, line.by_tree.std(axis=0), float(u[j]))
    return LocalImportance(space, len(y), dict(config), f.loss(u), variance, _shares(variance), _shares(by_tree).std(axis=0),
                           curves, why_inactive(space, u, name), name, quantity)


def _shares(variance: Array) -> Array:
    """Divide by the sum over the parameters; 0 where nothing varies."""
    total = np.nansum(variance, axis=-1, keepdims=True)
    return np.asarray(variance / np.where(total > 0, total, 1.0))
