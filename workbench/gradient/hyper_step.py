"""What methods of hyperparameter gradients tell at each step. Plain data, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workbench.history import Explanation
from workbench.space import Array


@dataclass(frozen=True, slots=True, eq=False)
class HyperStep(Explanation):
    """Hyperparameters, and the gradient of the validation loss with respect to them.

    Attributes
    ----------
    values
        Hyperparameters by name, in their own units; arrays of any shape.
    gradient
        Hypergradient by name, in the coordinates in which steps are taken: d loss / d log λ on a log scale, d loss / d
        log(λ / (1 − λ)) on a logit scale.
    scales
        "log", "logit" or "linear" by name.
    valid_loss
        Validation loss after the training.
    curve
        Training loss of each inner step since the step before.
    method
        How the gradient was computed, in words.
    """

    values: dict[str, Array]
    gradient: dict[str, Array]
    scales: dict[str, str]
    valid_loss: float
    curve: Array = field(default_factory=lambda: np.empty(0))
    method: str = ""

    @property
    def n_hypers(self) -> int:
        """How many numbers are tuned."""
        return sum(v.size for v in self.values.values())

    @property
    def length(self) -> float:
        """Euclidean length of the hypergradient."""
        return float(np.sqrt(sum(float((g**2).sum()) for g in self.gradient.values())))

    def coordinates(self, name: str) -> Array:
        """Return the coordinates of a hyperparameter in which steps are taken, such as its logarithm."""
        return to_coordinates(self.values[name], self.scales[name])

    def summary(self) -> str:
        """Say in one plain sentence what the gradient asks for."""
        begin = f"The validation loss is {self.valid_loss:.4g}"
        if self.length == 0:
            return f"{begin}, and no hyperparameter changes it."
        pulls = {name: g.ravel()[int(np.abs(g).argmax())] for name, g in self.gradient.items()}
        name = max(pulls, key=lambda k: abs(pulls[k]))
        one = "" if self.gradient[name].size == 1 else "one entry of "
        way = "smaller" if pulls[name] > 0 else "larger"
        return f"{begin}; it would fall most with a {way} value of {one}{name} (of {self.n_hypers:,} numbers, {self.method})."


def to_coordinates(values: Array, scale: str) -> Array:
    """Turn values into coordinates: logarithms, log-odds, or as they are."""
    values = np.asarray(values, dtype=float)
    if scale == "log":
        return np.asarray(np.log(values))
    return np.asarray(np.log(values / (1 - values))) if scale == "logit" else values.copy()


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """The validation loss over two hyperparameters.

    Attributes
    ----------
    names
        Of both, x first.
    x, y
        Values of the grid, ascending; shapes (n,) and (m,).
    loss
        Shape (m, n); nan where training diverges.
    """

    names: tuple[str, str]
    x: Array
    y: Array
    loss: Array

    @property
    def best(self) -> tuple[float, float, float]:
        """The grid's best point: x, y and loss."""
        j, i = np.unravel_index(int(np.nanargmin(self.loss)), self.loss.shape)
        return float(self.x[i]), float(self.y[j]), float(self.loss[j, i])
