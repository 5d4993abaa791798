"""A smaller space to search on a new task: the smallest one that holds the best configurations of the earlier tasks.

Perrone, Shen, Seeger, Archambeau & Jenatton 2019, "Learning search spaces for Bayesian optimization: another view of
hyperparameter transfer learning", section 4.1::

    minimise    Σ_j (u_j - l_j)²            over boxes [l, u]
    such that   l ≤ x*_t ≤ u                for the best configuration x*_t of every task t

which is  l_j = min_t x*_tj,  u_j = max_t x*_tj.  Three things can be relaxed:

``tolerance``   any configuration of a task will do whose loss is at most this share of the task's range above its best: the
                one that keeps the box small is taken. With 0 these are the best ones, of which there may be several.
``keep``        only so large a share of the tasks must have theirs inside; those whose removal shrinks the box most go first.
``margin``      the box is made wider by this, on both sides of every number, in the unit interval.

Differences from the paper: options without order are sets, of which n of K count as a width of n / K; a parameter matters for a
task only where it is active. The paper's slack is a penalty on how far outside a task's best may lie; here tasks are inside or
not, and slack is a share of them or a loss that one would accept, which are easier to choose. With ``tolerance`` and ``keep`` the
box is found by descent from several starts and in greedy steps, so it may not be the very smallest.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.meta.tasks import Tasks
from workbench.models.mixed_features import features_of
from workbench.space import Array, Choice, Config, Float, Int, Param, Space, When
from workbench.space_formats import number_text
from workbench.subspace import with_when

N_ANCHORS = 16  # configurations near which the descent begins
EQUAL = 1e-12
Marks = NDArray[np.bool_]
Places = NDArray[np.intp]


# ---- boxes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Ranges of numbers and sets of options in the unit cube.

    Attributes
    ----------
    low, high
        Of numbers, shape (d,); inf and -inf where nothing is inside yet, and for options.
    options
        Which levels are inside, shape (d, K) for the largest K; all False for numbers.
    """

    low: Array
    high: Array
    options: Marks

    @classmethod
    def around(cls, space: Space, rows: Array) -> Box:
        """Return the smallest box that holds rows (n, d)."""
        return _widest(*_spread(space, rows))

    def holds(self, space: Space, rows: Array) -> Marks:
        """Say of rows (n, d) whether they are inside, shape (n,). What is inactive cannot be outside."""
        low, high, options = _spread(space, rows)
        outside: Marks = (low < self.low - EQUAL) | (high > self.high + EQUAL)
        is_choice = np.array([c.kind == "choice" for c in space.columns], dtype=bool)
        active = ~np.isnan(rows)
        return np.asarray(~((outside & active & ~is_choice).any(axis=1) | (options & ~self.options).any(axis=(1, 2))))


def _spread(space: Space, rows: Array) -> tuple[Array, Array, Marks]:
    """Boxes of single rows: low and high (n, d), options (n, d, K)."""
    n, d = rows.shape
    options = np.zeros((n, d, max((c.n_levels for c in space.columns if c.kind == "choice"), default=0)), dtype=bool)
    low, high = np.where(np.isnan(rows), np.inf, rows), np.where(np.isnan(rows), -np.inf, rows)
    for j, column in enumerate(space.columns):
        if column.kind == "choice":
            some = np.flatnonzero(~np.isnan(rows[:, j]))
            options[some, j, space[column.name].level(rows[some, j])] = True
            low[:, j], high[:, j] = np.inf, -np.inf
    return low, high, options


def _widest(low: Array, high: Array, options: Marks) -> Box:
    some: Marks = np.asarray(options.any(axis=0))
    return Box(low.min(axis=0, initial=np.inf), high.max(axis=0, initial=-np.inf), some)


def size_of(space: Space, low: Array, high: Array, options: Marks) -> Array:
    """Σ of squared widths of boxes, shape (…); n of K options have the width n / K."""
    width = np.where(high >= low, high - low, 0.0)
    K = np.array([c.n_levels if c.kind == "choice" else 1 for c in space.columns])
    return np.asarray((width**2).sum(axis=-1) + ((options.sum(axis=-1) / K) ** 2).sum(axis=-1))


# ---- which configurations must be inside -----------------------------------------------------------------------------


def _smallest(space: Space, x: Array, candidates: Sequence[Places], losses: Array) -> Places:
    """Choose a candidate of each task such that all fit in a small box, shape (T,)."""
    Z = features_of(space)(x)
    counts = np.bincount(np.concatenate(candidates), minlength=len(x))
    anchors = np.argsort(-counts, kind="stable")[:N_ANCHORS]
    starts = [np.array([c[losses[t, c].argmin()] for t, c in enumerate(candidates)])]
    starts += [np.array([c[((Z[c] - Z[a]) ** 2).sum(axis=1).argmin()] for c in candidates]) for a in anchors]
    parts = _spread(space, x)
    ends = [_descend(space, parts, candidates, losses, start) for start in starts]
    low, high, options = parts
    sizes = [float(size_of(space, *_fields(_widest(low[end], high[end], options[end])))) for end in ends]
    least = min(sizes)
    return min((end for end, size in zip(ends, sizes, strict=True) if size <= least + EQUAL),
               key=lambda end: float(losses[np.arange(len(end)), end].sum()))


def _fields(box: Box) -> tuple[Array, Array, Marks]:
    return box.low, box.high, box.options


def _descend(space: Space, parts: tuple[Array, Array, Marks], candidates: Sequence[Places], losses: Array,
             chosen: Places) -> Places:
    """Exchange the candidate of one task at a time while the box gets smaller."""
    low, high, options = parts
    chosen, again = chosen.copy(), True
    while again:
        again = False
        for t, c in enumerate(candidates):
            others = np.delete(chosen, t)
            rest = _widest(low[others], high[others], options[others])
            sizes = size_of(space, np.minimum(rest.low, low[c]), np.maximum(rest.high, high[c]), rest.options | options[c])
            least = np.flatnonzero(sizes <= sizes.min() + EQUAL)
            here = sizes[c == chosen[t]][0]
            if here > sizes.min() + EQUAL:
                chosen[t], again = c[least[losses[t, c[least]].argmin()]], True
    return chosen


def _drop(space: Space, rows: Array, n: int) -> Marks:
    """Say which of the rows (T, d) stay when up to n leave: always those at a face of the box that shrinks it most for each."""
    low, high, options = _spread(space, rows)
    stays = np.ones(len(rows), dtype=bool)
    while n:
        box = _widest(low[stays], high[stays], options[stays])
        before = float(size_of(space, *_fields(box)))
        faces = [*(low <= box.low).T, *(high >= box.high).T, *options.reshape(len(rows), -1).T]
        best, leave = EQUAL, None
        for face in faces:
            go = face & stays
            if 0 < go.sum() <= n and not go[stays].all():
                rest = stays & ~go
                gain = (before - float(size_of(space, *_fields(_widest(low[rest], high[rest], options[rest]))))) / go.sum()
                if gain > best:
                    best, leave = gain, go
        if leave is None:
            return stays
        stays, n = stays & ~leave, n - int(leave.sum())
    return stays


# ---- the space -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SpaceDesign:
    """A smaller space, and what it was made of.

    Attributes
    ----------
    full, space
        Before and after; search in ``space``.
    tasks
        Names of the T tasks.
    chosen
        Which configuration of each task shall be inside, shape (T,).
    x
        These configurations, rows of the full space's unit cube, shape (T, d).
    kept
        Whether it is inside, shape (T,); not always where ``keep`` is less than 1.
    cost
        Loss of the chosen configuration above the task's best, as a share of the task's range, shape (T,).
    box
        In the unit cube of the full space, with the margin.
    """

    full: Space
    space: Space
    tasks: tuple[str, ...]
    chosen: Places
    x: Array
    kept: Marks
    cost: Array
    box: Box

    def holds(self, rows: Array) -> Marks:
        """Say of rows of the full unit cube (n, d) whether the space still has them, shape (n,)."""
        return self.box.holds(self.full, rows)

    @property
    def shares(self) -> Array:
        """What is left of each parameter's range or options, shape (d,); nan where the parameter is gone."""
        out = np.full(len(self.full), np.nan)
        for j, (name, column) in enumerate(zip(self.full.names, self.full.columns, strict=True)):
            if name in self.space.params:
                p = self.full[name]
                if column.kind == "choice":
                    out[j] = self.box.options[j].sum() / column.n_levels
                elif p.n_levels is not None:
                    out[j] = (self.space[name].n_levels or 0) / p.n_levels
                else:
                    out[j] = self.box.high[j] - self.box.low[j]
        return out

    @property
    def volume(self) -> float:
        """Return the product of the shares of those parameters that are left."""
        return float(np.nanprod(self.shares))

    def frame(self) -> pd.DataFrame:
        """One row a parameter: before, after, what share is left, in how many tasks' chosen configurations it is active."""
        rows = [{"parameter": name, "before": _text(self.full[name]), "share": share, "tasks": int(active),
                 "after": _text(self.space[name]) if name in self.space.params else "gone"}
                for name, share, active in zip(self.full.names, self.shares, (~np.isnan(self.x)).sum(axis=0), strict=True)]
        return pd.DataFrame(rows, columns=["parameter", "before", "after", "share", "tasks"])

    def task_frame(self) -> pd.DataFrame:
        """One row a task: the configuration that was chosen, what it costs above the best, whether it is inside."""
        found = pd.DataFrame(list(self.full.from_unit(self.x)), columns=list(self.full.names), index=list(self.tasks))
        return found.assign(cost=self.cost, inside=self.kept)

    def summary(self) -> str:
        """Say in a sentence how small it is."""
        out, most = int((~self.kept).sum()), float(self.cost[self.kept].max(initial=0.0))
        of = "each task" if not out else f"{len(self.tasks) - out} of {len(self.tasks)} tasks"
        good = "the best configuration" if most <= EQUAL else f"a configuration within {most:.2g} of the range of the best"
        return f"{good[0].upper()}{good[1:]} of {of} lies in {self.volume:.3g} of the volume."

    def __repr__(self) -> str:
        """The summary."""
        return f"<SpaceDesign: {self.summary()}>"

    def _repr_html_(self) -> str:
        table = self.frame().to_html(index=False, na_rep="–", float_format=lambda v: f"{v:.2f}")
        return (f"<p><b>A smaller space</b></p><p>{html.escape(self.summary())}</p>{table}"
                f"<details><summary>as code</summary><pre>{html.escape(repr(self.space))}</pre></details>")


def _text(p: Param) -> str:
    if isinstance(p, Choice):
        return ", ".join(map(str, p.options))
    return f"{number_text(p.low)} … {number_text(p.high)}" + (", log" if p.log else "")


def design_space(tasks: Tasks, *, tolerance: float = 0.0, keep: float = 1.0, margin: float = 0.0) -> SpaceDesign:
    """Shrink the space of the tasks to the smallest that holds the best configurations of all of them.

    Parameters
    ----------
    tolerance
        A configuration is good enough if its loss is at most this share of the task's range (best to worst) above the best.
    keep
        Share of the tasks that must have a good configuration inside.
    margin
        Widens every range on both sides, in the unit interval.

    Raises
    ------
    ValueError
        If a setting is out of its range, or the tasks have no space.
    """
    for name, value in (("tolerance", tolerance), ("margin", margin)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value}.")
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be positive and at most 1, got {keep}. It is the share of tasks that stay inside.")
    x, space, losses = tasks.x(), tasks.space or Space(), tasks.scaled()
    known = np.isfinite(tasks.losses)
    candidates = [np.flatnonzero(known[t] & (losses[t] <= tolerance + EQUAL)) for t in range(len(tasks))]
    n_out = len(tasks) - int(np.ceil(keep * len(tasks) - EQUAL))
    chosen = _smallest(space, x, candidates, losses)
    stays = _drop(space, x[chosen], n_out)
    if n_out and tolerance:  # those that stay may fit closer without the others
        chosen[stays] = _smallest(space, x, [c for c, k in zip(candidates, stays, strict=True) if k], losses[stays])
    box = Box.around(space, x[chosen[stays]])
    rows = [tasks.configs[i] for i in chosen[stays]]
    smaller = _space_of(space, box, rows, margin)
    wide = _wide(space, box, margin)
    kept = wide.holds(space, x[chosen])
    return SpaceDesign(space, smaller, tasks.names, chosen, x[chosen], kept, losses[np.arange(len(tasks)), chosen], wide)


def _wide(space: Space, box: Box, margin: float) -> Box:
    """Add the margin; numbers of which nothing is known keep all their range."""
    unknown = box.low > box.high
    options = box.options.copy()
    for j, c in enumerate(space.columns):
        if c.kind == "choice" and not options[j].any():
            options[j, :c.n_levels] = True
    low, high = np.maximum(box.low - margin, 0.0), np.minimum(box.high + margin, 1.0)
    return Box(np.where(unknown, 0.0, low), np.where(unknown, 1.0, high), options)


def _space_of(space: Space, box: Box, configs: Sequence[Config], margin: float) -> Space:
    """Build the space of a box; the configurations are inside to the last digit."""
    wide, params = _wide(space, box, margin), dict[str, Param]()
    for name in space.parents_first():
        j, p = space.column(name), space[name]
        when = _still(space, params, p.when)
        if when is None:
            continue
        if isinstance(p, Choice) and not p.ordered:
            left: list[Any] = [o for o, inside in zip(p.options, wide.options[j], strict=False) if inside]
        else:
            values = [c[name] for c in configs if name in c]
            ends = [p.from_unit(float(wide.low[j])), p.from_unit(float(wide.high[j]))] if margin or not values else []
            left = _between(p, [*ends, *values])
        params[name] = with_when(_narrow(p, left), when)
    clauses = [_still(space, params, clause) for clause in space.forbidden]
    return Space({name: params[name] for name in space.names if name in params}, forbidden=[c for c in clauses if c is not None])


def _between(p: Param, values: Sequence[Any]) -> list[Any]:
    """Return both ends of the values; of an ordered choice all options from one to the other."""
    if isinstance(p, Choice):
        at = [p.index(v) for v in values]
        return list(p.options[min(at):max(at) + 1])
    return [min(values), max(values)]


def _narrow(p: Param, left: Sequence[Any]) -> Param:
    """Return the parameter with these options, or between these ends; a default that is not inside is forgotten."""
    if isinstance(p, Choice):
        inside = p.default is not None and Choice(*left).find(p.default) is not None
        return Choice(*left, ordered=p.ordered, default=p.default if inside else None)
    low, high = left
    default = p.default if p.default is not None and low <= p.default <= high else None
    if isinstance(p, Int):
        return Int(low, high, log=p.log, step=p.step, default=None if default is None else int(default))
    return Float(low, high, log=p.log, step=p.step, default=default)


def _still(space: Space, params: dict[str, Param], pairs: When) -> When | None:
    """Return a condition on the smaller parameters; None if it can no longer hold."""
    out = []
    for name, values in pairs:
        if name not in params:
            return None
        p = params[name]
        left = tuple(v for v in values if p.fault(space[name].from_unit(space[name].to_unit(v))) is None)  # type: ignore[arg-type]
        if not left:
            return None
        out.append((name, left))
    return tuple(out)


# ---- is it worth it? -------------------------------------------------------------------------------------------------


def check_design(tasks: Tasks, n_trials: int = 20, *, tolerance: float = 0.0, keep: float = 1.0,
                 margin: float = 0.0) -> pd.DataFrame:
    """Leave each task out once: does the space of the others hold its best, and is random search quicker there.

    Returns
    -------
    DataFrame
        A row a task: ``best inside``; ``regret inside``, of the best configuration inside; ``share inside`` of the
        configurations; ``random, full`` and ``random, inside``, the expected regret of that many random draws of the table;
        ``as good after``, the number of draws inside that are expected to do as well as ``n_trials`` in the full space (inf:
        never). Regrets are shares of the task's range.
    """
    if n_trials < 1:
        raise ValueError(f"n_trials must be at least 1, got {n_trials}.")
    x, scaled, rows = tasks.x(), tasks.scaled(), []
    for t, y in enumerate(scaled):
        inside = design_space(tasks.without(t), tolerance=tolerance, keep=keep, margin=margin).holds(x)
        full, few = expected_least(y, n_trials), expected_least(y[inside], 64 * n_trials)
        reached = np.flatnonzero(few <= full[-1] + EQUAL)
        rows.append({"best inside": bool((y[inside] <= EQUAL).any()), "regret inside": float(y[inside].min()),
                     "share inside": float(inside.mean()), "random, full": full[-1], "random, inside": few[n_trials - 1],
                     "as good after": float(reached[0] + 1) if len(reached) else np.inf})
    return pd.DataFrame(rows, index=list(tasks.names))


def expected_least(losses: Array, n: int) -> Array:
    """Return the expected least of 1, 2, …, n losses drawn evenly with replacement, shape (n,)."""
    y, m = np.sort(losses), len(losses)
    above = (np.arange(m, -1, -1) / m)[None] ** np.arange(1, n + 1)[:, None]  # P(all draws are among the m - k largest)
    return np.asarray(sum(v * (above[:, k] - above[:, k + 1]) for k, v in enumerate(y)))
