"""Tunability: what is gained by tuning a parameter, compared with leaving it at its default.

Probst, Boulesteix & Bischl 2019, "Tunability: importance of hyperparameters of machine learning algorithms".
A surrogate f_t of every task t (data set) stands for the losses::

    theta*      = the default: the space's, a given one, or the optimal one, argmin 1/T Σ_t f_t(theta)
    d_t         = f_t(theta*) - min over all parameters                    the gain of tuning all together
    d_t(i)      = f_t(theta*) - min over parameter i, the rest at theta*   the gain of tuning i alone
    d_t(i, j)   = f_t(theta*) - min over i and j, the rest at theta*
    g_t(i, j)   = d_t(i, j) - max(d_t(i), d_t(j))                          the joint gain: what the second one adds

Along one parameter a forest is a step function that is known exactly, so d(i) is exact. For two parameters the best of a grid,
for all the best of many starts is improved one parameter at a time, so d(i, j) and d are lower bounds, with
d(i) ≤ d(i, j) ≤ d.

A parameter that is inactive at the default has no gain alone (nan). With its parent it has: the pair turns the parent to where
the child is active. A parameter that becomes active with others at the default has its own default. Forbidden combinations are
left out.

The surrogate's minimum is the luckiest of its predictions, so gains on few or noisy trials are too large rather than too small.

Differences from the paper: the minima are found on the forest's own steps, not among 10,000 random configurations; conditions
and forbidden combinations are known; one task is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.importance.quantity import LOSS, Quantity, as_html
from workbench.importance.surrogate import N_TREES, Surrogate, complete, why_inactive
from workbench.pictures import picture
from workbench.space import Array, Choice, Config, Space

ROUNDING = 1e-12  # of a loss: what a float keeps, with some room
GRID = 32  # points along each parameter of a pair; fewer where it has fewer levels
N_RANDOM = 4096  # configurations drawn for the search over all parameters
N_STARTS = 8  # the best of them, each improved one parameter at a time


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The trials of one task: rows of the unit cube x (n, d), nan where inactive, and their losses y (n,)."""

    space: Space
    x: Array
    y: Array
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tunability:
    """What tuning gains, in units of the loss (of standardised losses: in standard deviations), for T tasks and d parameters.

    Attributes
    ----------
    default
        The configuration that is tuned.
    default_loss
        What the surrogates predict there, shape (T,).
    single, tuned
        Gain of tuning each parameter alone, and the unit value that gains it, shape (T, d); nan where inactive at the default.
    double
        Gain of tuning two, shape (T, d, d), symmetric, nan on the diagonal and where the two are never active together; None
        where pairs were not asked for.
    total, best
        Gain of tuning all, shape (T,), and the points that gain it, shape (T, d), nan where inactive.
    notes
        Why a parameter has no gain alone, by name.
    """

    space: Space
    tasks: tuple[str, ...]
    n_trials: tuple[int, ...]
    default: Config
    default_loss: Array
    single: Array
    tuned: Array
    double: Array | None
    total: Array
    best: Array
    notes: Mapping[str, str]
    quantity: Quantity = LOSS

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of the space."""
        return self.space.names

    @property
    def gain(self) -> Array:
        """Gain of tuning each parameter alone, the mean over the tasks, shape (d,); nan where inactive at the default."""
        return np.asarray(self.single.mean(axis=0))

    @property
    def total_gain(self) -> float:
        """Gain of tuning all parameters, the mean over the tasks."""
        return float(self.total.mean())

    def pair(self, a: str, b: str) -> float:
        """Gain of tuning two parameters together, the mean over the tasks."""
        if a == b:
            raise ValueError(f"a pair has two parameters, got {a!r} twice.")
        return float(self._double()[:, self.space.column(a), self.space.column(b)].mean())

    def joint(self, a: str, b: str) -> float:
        """Return the joint gain: what tuning both adds to tuning the better one of them alone, the mean over the tasks."""
        i, j = self.space.column(a), self.space.column(b)
        one = np.fmax(np.nan_to_num(self.single[:, i]), np.nan_to_num(self.single[:, j]))
        return self.pair(a, b) - float(one.mean())

    def pairs(self) -> list[tuple[str, str, float, float]]:
        """List (a, b, gain, joint gain), the largest gain first; pairs that are never active together are left out."""
        found = [(a, b, self.pair(a, b), self.joint(a, b)) for a, b in combinations(self.names, 2)]
        return sorted((p for p in found if not np.isnan(p[2])), key=lambda p: -p[2])

    def _double(self) -> Array:
        if self.double is None:
            raise ValueError("pairs were not asked for. Call tunability(..., pairs=True).")
        return self.double

    def tuned_value(self, name: str) -> Any:
        """Return the value that gains most with the others at the default: of several tasks the median, or the commonest option.

        None where the parameter is inactive at the default.
        """
        j, p = self.space.column(name), self.space[name]
        u = self.tuned[:, j]
        if np.isnan(u).any():
            return None
        if isinstance(p, Choice) and not p.ordered:
            return p.options[int(np.bincount(p.level(u)).argmax())]
        return p.from_unit(float(np.quantile(u, 0.5, method="inverted_cdf")))

    def ranges(self, low: float = 0.05, high: float = 0.95) -> dict[str, Any]:
        """Say where the best values of the tasks lie: quantiles (low, high) of numbers, all options that were best of choices.

        The paper's tuning space: for a new task, search there first. A parameter that no task's best
        configuration has is left out.
        """
        if not 0 <= low <= high <= 1:
            raise ValueError(f"quantiles must satisfy 0 <= low <= high <= 1, got low={low} and high={high}.")
        found: dict[str, Any] = {}
        for j, (name, p) in enumerate(self.space.params.items()):
            u = self.best[~np.isnan(self.best[:, j]), j]
            if not len(u):
                continue
            if isinstance(p, Choice) and not p.ordered:
                found[name] = tuple(p.options[k] for k in np.unique(p.level(u)))
            else:
                ends = np.quantile(u, [low, high], method="inverted_cdf")
                found[name] = (p.from_unit(float(ends[0])), p.from_unit(float(ends[1])))
        return found

    def frame(self) -> pd.DataFrame:
        """One row a parameter, the largest gain first: default, tuned value, gain, its share of the total gain, a note.

        NaN where the parameter is inactive at the default. Of several tasks gains are means, and ``spread`` is their standard
        deviation between the tasks.
        """
        total = self.total_gain
        rows: list[dict[str, Any]] = []
        for j, name in enumerate(self.names):
            gain = float(self.gain[j])
            row = {"parameter": name, "default": self.default.get(name, np.nan), "gain": gain,
                   "tuned": np.nan if np.isnan(self.tuned[:, j]).any() else self.tuned_value(name),
                   "share": gain / total if total > 0 else gain * 0.0}
            if len(self.tasks) > 1:
                row["spread"] = float(self.single[:, j].std())
            rows.append({**row, "note": self.notes.get(name, "")})
        columns = ["parameter", "default", "tuned", "gain", "share", *(["spread"] if len(self.tasks) > 1 else []), "note"]
        frame = pd.DataFrame(rows, columns=columns)
        frame[["default", "tuned"]] = frame[["default", "tuned"]].astype(object)
        return frame.sort_values("gain", ascending=False, na_position="last", kind="stable").reset_index(drop=True)

    def pair_frame(self) -> pd.DataFrame:
        """One row a pair, the largest gain first: its gain, and the joint gain."""
        return pd.DataFrame(self.pairs(), columns=["a", "b", "gain", "joint gain"])

    def summary(self) -> str:
        """Say in a sentence what tuning all gains, and which parameter alone gains most."""
        loss = float(self.default_loss.mean())
        before, after = self.quantity.value(loss), self.quantity.value(loss - self.total_gain)
        told = (f"Tuning all parameters takes the predicted {self.quantity.name} from {before:.4g} at the default to "
                f"{after:.4g}: a gain of {self.total_gain:.4g}.")
        if self.total_gain <= 0 or np.isnan(self.gain).all():
            return told
        j = int(np.nanargmax(self.gain))
        return f"{told} {self.names[j]} alone gains {self.gain[j]:.4g} ({self.gain[j] / self.total_gain:.0%} of it)."

    def figure(self) -> Any:
        """Draw the gains as a ``plotly.graph_objects.Figure``."""
        return picture("tunability", self)

    def __repr__(self) -> str:
        """The summary."""
        return f"<Tunability: {self.summary()}>"

    def _repr_html_(self) -> str:
        of = f"{sum(self.n_trials)} trials" + (f" of {len(self.tasks)} tasks" if len(self.tasks) > 1 else "")
        return as_html(f"Tunability, from {of}", [self.summary()], self.frame())


def tunability(*tasks: Task, default: Config | Literal["optimal"] | None = None, pairs: bool = True, standardise: bool = False,
               n_trees: int = N_TREES, seed: int = 0, quantity: Quantity = LOSS) -> Tunability:
    """Measure what tuning gains, from the trials of one task or of several in the same space.

    Parameters
    ----------
    default
        What is tuned: a configuration, the space's default if not given, or "optimal", the one configuration with the least
        mean loss over the tasks. For a single task the optimal default leaves nothing to tune.
    pairs
        Tune every two parameters too: d (d - 1) / 2 searches a task.
    standardise
        Count each task's losses in their standard deviations, so that tasks with large losses do not outweigh the others.

    Raises
    ------
    ValueError
        Without tasks, if their spaces differ, or if a task has no finite loss.
    ConfigError
        If the default does not belong to the space.
    """
    if not tasks:
        raise ValueError("tunability needs at least one task, got none. Give Task(space, x, y).")
    space = tasks[0].space
    if any(t.space != space for t in tasks):
        raise ValueError("the tasks must share one space: gains of different parameters cannot be averaged.")
    surrogates = [Surrogate.of(space, t.x, _scaled(t.y) if standardise else t.y, n_trees=n_trees, seed=seed) for t in tasks]
    rng = np.random.default_rng([seed, 1])
    u = _start(space, surrogates, default, rng)
    found = [_tune(f, u, rng, pairs=pairs) for f in surrogates]
    return Tunability(space, tuple(t.name or f"task {k + 1}" for k, t in enumerate(tasks)), tuple(len(t.y) for t in tasks),
                      space.from_unit(space.snap(u[None]))[0], np.array([f.loss(u) for f in surrogates]),
                      np.stack([t.single for t in found]), np.stack([t.tuned for t in found]),
                      np.stack([t.double for t in found]) if pairs else None, np.array([t.total for t in found]),
                      np.stack([t.best for t in found]), why_inactive(space, u, "the default"), quantity)


def _scaled(y: Array) -> Array:
    y = np.asarray(y, dtype=float)
    finite = y[np.isfinite(y)]
    if not len(finite):  # said by the surrogate
        return y
    return np.asarray((y - finite.mean()) / (float(finite.std()) or 1.0))


def _start(space: Space, surrogates: Sequence[Surrogate], default: Config | Literal["optimal"] | None,
           rng: np.random.Generator) -> Array:
    """Complete row of the default."""
    if default is None:
        return surrogates[0].default
    if isinstance(default, str):
        if default != "optimal":
            raise ValueError(f"the default is a configuration, 'optimal' or None, got {default!r}.")
        return least(Surrogate.mean_of(surrogates), [surrogates[0].default], rng)[0]
    space.validate(default)
    return complete(space, default)


@dataclass(frozen=True, slots=True, eq=False)
class _Tuned:
    single: Array
    tuned: Array
    double: Array
    total: float
    best: Array


def _tune(f: Surrogate, u: Array, rng: np.random.Generator, *, pairs: bool) -> _Tuned:
    """Tune one task: every parameter alone, every two, and all together."""
    d, before, active = len(u), f.loss(u), f.is_active(u)
    single, tuned, double = np.full(d, np.nan), np.full(d, np.nan), np.full((d, d), np.nan)
    starts = [u]
    for i in np.flatnonzero(active).tolist():
        tuned[i], low = f.line(u, i).best(u[i])
        single[i] = _gained(before, low)
        starts.append(_with(u, {i: tuned[i]}))
    for i, j in combinations(range(d), 2) if pairs else ():
        both = _best_pair(f, u, i, j, tuned)
        if both is not None:
            starts.append(both)
            one = np.nanmax([single[i], single[j], 0.0])  # also where rounding says otherwise
            double[i, j] = double[j, i] = max(_gained(before, f.loss(both)), one)
    best, low = least(f, starts, rng)
    total = float(np.max([_gained(before, low), np.nanmax(single, initial=0.0), np.nanmax(double, initial=0.0)]))
    return _Tuned(single, tuned, double, total, f.space.snap(best[None])[0])


def _gained(before: float, after: float) -> float:
    """Return by how much a loss has fallen; what is only rounding is nothing."""
    return before - after if before - after > ROUNDING * (abs(before) + abs(after)) else 0.0


def _with(u: Array, values: Mapping[int, float]) -> Array:
    changed = u.copy()
    changed[list(values)] = list(values.values())
    return changed


def _best_pair(f: Surrogate, u: Array, i: int, j: int, tuned: Array) -> Array | None:
    """Tune two parameters: the best of a grid, then one after the other. None if they are never active together."""
    at = [np.unique(np.concatenate([_grid(f.space, k), [u[k]], tuned[[k]][~np.isnan(tuned[[k]])]])) for k in (i, j)]
    rows = np.tile(u, (len(at[0]) * len(at[1]), 1))
    rows[:, i], rows[:, j] = np.repeat(at[0], len(at[1])), np.tile(at[1], len(at[0]))
    if not f.space.active(f.space.snap(rows))[:, [i, j]].all(axis=1).any():
        return None
    losses = f(rows)
    return f.descend(rows[int(np.nanargmin(losses))], (i, j))[0]


def _grid(space: Space, k: int) -> Array:
    p = space[space.names[k]]
    if p.n_levels is not None and (p.n_levels <= GRID or space.columns[k].kind == "choice"):
        return p.levels()
    return np.asarray(np.unique(p.snap((np.arange(GRID) + 0.5) / GRID)))


def least(f: Surrogate, starts: Sequence[Array], rng: np.random.Generator) -> tuple[Array, float]:
    """Find the least predicted loss over all parameters: the best of given, seen and random points, improved one by one."""
    drawn = f.space.sample_unit(N_RANDOM, rng)
    rows = np.concatenate([np.stack(starts), f.known, np.where(np.isnan(drawn), f.default, drawn)])
    losses = f(rows)
    order = np.argsort(np.where(np.isnan(losses), np.inf, losses), kind="stable")
    ends = [f.descend(rows[k], range(len(f.space))) for k in order[:N_STARTS]]
    return min(ends, key=lambda end: end[1])
