"""The ablation path: which changes make the best configuration better than the default, one after the other.

Fawcett & Hoos 2016, "Analysing differences between algorithm configurations through ablation"; Biedenkapp, Lindauer,
Eggensperger, Hutter, Fawcett & Hoos 2017, "Efficient parameter importance analysis via ablation with surrogates"::

    theta = start;  P = the parameters in which start and end differ
    while P is not empty
        for every p in P:  theta_p = theta with p as at the end               (with the children that this activates)
        p* = argmin over P of f(theta_p)                                      f predicts the loss
        note the change f(theta) - f(theta_p*);  theta = theta_p*;  P = P - {p*}

From the default to the best the first steps are those that help most. Backwards, from the best to the default, they are those
that hurt least: what comes last there cannot be missed.

A parent brings its children along: one that is active at one end only has one value, and comes and goes with its parent. Where
every single change leads to a forbidden combination, two are made at once, then three.

Differences from the papers: none of the racing that Fawcett & Hoos do on real runs; what a step changes is given with its spread
between the trees.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from workbench.importance.quantity import LOSS, Quantity, as_html
from workbench.importance.surrogate import N_TREES, Surrogate, complete
from workbench.pictures import picture
from workbench.space import Array, Config, Space

MAX_SETS = 10_000  # of changes made at once, where single ones are forbidden


@dataclass(frozen=True, slots=True)
class AblationStep:
    """One round.

    Attributes
    ----------
    names
        What was changed: one parameter, or several where a single change is forbidden.
    before, after
        The configurations.
    loss, spread
        Predicted after the change; and the standard deviation between the trees of what the change gains.
    gain
        Loss before minus loss after: above 0 it helped.
    options
        Names and predicted loss of every change that was possible in this round, the best first.
    """

    names: tuple[str, ...]
    before: Config
    after: Config
    loss: float
    gain: float
    spread: float
    options: tuple[tuple[tuple[str, ...], float], ...]

    @property
    def label(self) -> str:
        """What was changed, for tables and pictures."""
        return " + ".join(self.names)

    @property
    def came(self) -> tuple[str, ...]:
        """Children that the change made active."""
        return tuple(n for n in self.after if n not in self.before)

    @property
    def went(self) -> tuple[str, ...]:
        """Children that the change made inactive."""
        return tuple(n for n in self.before if n not in self.after)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ablation:
    """The path from one configuration to another.

    Attributes
    ----------
    start_loss
        What the surrogate predicts at the start.
    start_name, end_name
        What the two ends are: "the default", "trial 17".
    """

    space: Space
    n_trials: int
    start: Config
    end: Config
    start_loss: float
    steps: tuple[AblationStep, ...]
    start_name: str = "the default"
    end_name: str = "the best"
    quantity: Quantity = LOSS

    @property
    def end_loss(self) -> float:
        """What the surrogate predicts at the end."""
        return self.steps[-1].loss if self.steps else self.start_loss

    @property
    def gain(self) -> float:
        """Loss at the start minus loss at the end."""
        return self.start_loss - self.end_loss

    @property
    def losses(self) -> Array:
        """Predicted losses along the path, from start to end, shape (number of steps + 1,)."""
        return np.array([self.start_loss, *(s.loss for s in self.steps)])

    def frame(self) -> pd.DataFrame:
        """One row a step: what was changed, from and to which value, the prediction, the gain and its share, what came along."""
        whole, name = self.gain, self.quantity.name
        rows = []
        for s in self.steps:
            old, new = ([config.get(n, math.nan) for n in s.names] for config in (s.before, s.after))
            rows.append({"changed": s.label, "from": old[0] if len(old) == 1 else old, "to": new[0] if len(new) == 1 else new,
                         name: self.quantity.value(s.loss), "gain": s.gain, "spread": s.spread,
                         "share": s.gain / whole if whole else math.nan, "with it": along(s)})
        frame = pd.DataFrame(rows, columns=["changed", "from", "to", name, "gain", "spread", "share", "with it"])
        frame[["from", "to"]] = frame[["from", "to"]].astype(object)
        return frame

    def summary(self) -> str:
        """Say in a sentence how far the path leads, and which change made most of it."""
        first, last = self.quantity.value(self.start_loss), self.quantity.value(self.end_loss)
        if not self.steps:
            return f"{self.start_name} and {self.end_name} are the same configuration: there is nothing to change."
        told = (f"From {self.start_name} to {self.end_name} the predicted {self.quantity.name} goes from {first:.4g} to "
                f"{last:.4g} in {len(self.steps)} {'change' if len(self.steps) == 1 else 'changes'}.")
        most = max(self.steps, key=lambda s: abs(s.gain))
        if most.gain == 0:
            return told
        return f"{told} {most.label} makes most of it: {'a gain' if most.gain > 0 else 'a loss'} of {abs(most.gain):.4g}."

    def figure(self) -> Any:
        """Draw the path as a waterfall, as a ``plotly.graph_objects.Figure``."""
        return picture("ablation", self)

    def __repr__(self) -> str:
        """The summary."""
        return f"<Ablation: {self.summary()}>"

    def _repr_html_(self) -> str:
        return as_html(f"Ablation, from {self.n_trials} trials", [self.summary()], self.frame())


def along(step: AblationStep) -> str:
    """Say what a change brought along, and what it took away."""
    parts = [*(f"{n} = {_text(step.after[n])}" for n in step.came), *(f"without {n}" for n in step.went)]
    return ", ".join(parts)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def ablation(space: Space, x: Array, y: Array, *, start: Config | None = None, end: Config | None = None, backwards: bool = False,
             n_trees: int = N_TREES, seed: int = 0, names: tuple[str, str] | None = None,
             quantity: Quantity = LOSS) -> Ablation:
    """Find the ablation path between two configurations on a forest of the trials x (n, d), y (n,).

    Parameters
    ----------
    start, end
        The space's default, and the trial with the least loss, if not given.
    backwards
        Go from ``end`` to ``start``.
    names
        What the ends are called.

    Raises
    ------
    ValueError
        If no loss is finite.
    ConfigError
        If an end does not belong to the space.
    """
    f = Surrogate.of(space, x, y, n_trees=n_trees, seed=seed)
    start = space.default() if start is None else start
    end = space.from_unit(x[int(np.argmin(np.where(np.isnan(y), np.inf, y)))]) if end is None else end
    names = names or ("the default", "the best")
    for config in (start, end):
        space.validate(config)
    if backwards:
        start, end, names = end, start, names[::-1]
    first, steps = path(f, start, end)
    return Ablation(space, len(y), dict(start), dict(end), first, steps, *names, quantity=quantity)


def path(f: Surrogate, start: Config, end: Config) -> tuple[float, tuple[AblationStep, ...]]:
    """Return the predicted loss at the start, and the steps."""
    space = f.space
    u, goal = complete(space, start, end), complete(space, end, start)
    left = {int(j) for j in np.flatnonzero(u != goal)}
    trees = f.by_tree(u[None])[:, 0]
    first, steps = float(trees.mean()), list[AblationStep]()
    while left:
        sets, rows = _allowed(f, u, goal, left)
        by_tree = f.by_tree(rows)
        losses = by_tree.mean(axis=0)
        order = np.argsort(losses, kind="stable")
        k = int(order[0])  # p* = argmin f(theta_p)
        options = tuple((_names(space, sets[i]), float(losses[i])) for i in order)
        before, after = space.from_unit(space.snap(np.stack([u, rows[k]])))
        steps.append(AblationStep(_names(space, sets[k]), before, after, float(losses[k]), float(trees.mean() - losses[k]),
                                  float((trees - by_tree[:, k]).std()), options))
        u, left, trees = rows[k], left - set(sets[k]), by_tree[:, k]
    return first, tuple(steps)


def _names(space: Space, columns: Iterable[int]) -> tuple[str, ...]:
    return tuple(space.names[j] for j in columns)


def _allowed(f: Surrogate, u: Array, goal: Array, left: set[int]) -> tuple[list[tuple[int, ...]], Array]:
    """Return the sets of columns that may be changed next, as small as can be, and the complete rows that this gives.

    A change that shows nowhere, of a parameter that is inactive now, waits until its parent has changed.
    """
    here = f.space.snap(u[None])
    for size in range(1, len(left) + 1):
        if math.comb(len(left), size) > MAX_SETS:
            break
        sets = list(combinations(sorted(left), size))
        rows = np.tile(u, (len(sets), 1))
        for row, columns in zip(rows, sets, strict=True):
            row[list(columns)] = goal[list(columns)]
        x = f.space.snap(rows)
        good = ~f.space.is_forbidden(x) & ~((x == here) | (np.isnan(x) & np.isnan(here))).all(axis=1)
        if good.any():
            return [s for s, ok in zip(sets, good, strict=True) if ok], rows[good]
    return [tuple(sorted(left))], goal[None]
