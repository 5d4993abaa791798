"""Past tasks that are most like a new one, and what they say should be tried first.

Feurer, Springenberg & Hutter 2015: begin with the best configurations of the nearest tasks. Here they are a greedy portfolio of
these tasks (``workbench.meta.portfolio``), in which the r-th nearest task has the weight 1/r. Where every task has tried its own
configurations that is their rule: the best of the nearest, the best of the next, …, then the second best. Where tasks share
configurations, as in a table, one that is good on several of them goes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import RunError
from workbench.meta.portfolio import greedy_portfolio
from workbench.meta.tasks import Tasks
from workbench.space import Array, Config, Space

SHOWN = 5  # configurations that are shown


@dataclass(frozen=True, slots=True)
class FirstTry:
    """A configuration to begin with.

    Attributes
    ----------
    config
        A configuration of the space.
    why
        From which task it comes, and how good it was there.
    task
        Name of that task.
    value
        What it gave there, in that task's own unit.
    rank, of
        Its place among all that were tried there.
    """

    config: Config
    why: str
    task: str
    value: float
    rank: int
    of: int


@dataclass(frozen=True, eq=False)
class SimilarTasks:
    """The past tasks that are most like a new one, the nearest first. Made by ``wb.past_tasks().similar(X, y)``.

    Attributes
    ----------
    tasks
        What each configuration lost on each of them, as ``wb.meta.Tasks``; all configurations are of ``space``.
    distance
        From the new task, shape (k,): the mean over meta-features of differences, each scaled to [0, 1]. nan if tasks were not
        chosen by meta-features.
    same_data
        Which of them are about the very same data, shape (k,).
    metrics, directions
        What the values of each task are, and whether they are minimised.
    n_searched
        Past tasks among which these are the nearest.
    left_out
        Why others could not be compared, and how many.
    """

    tasks: Tasks
    distance: Array
    same_data: tuple[bool, ...]
    metrics: tuple[str, ...]
    directions: tuple[str, ...]
    n_searched: int
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the tasks."""
        return len(self.tasks)

    def __iter__(self) -> Iterator[FirstTry]:
        """Iterate over the configurations to try first, the most promising first."""
        yield from self.first(len(self.tasks.configs))

    @property
    def space(self) -> Space:
        """The space of the configurations."""
        assert self.tasks.space is not None
        return self.tasks.space

    @property
    def by_features(self) -> bool:
        """Whether the tasks were chosen by their meta-features; else they are all that fit the space."""
        return not np.isnan(self.distance).any()

    def first(self, n: int = SHOWN) -> list[FirstTry]:
        """Return the configurations to try first, at most n: no two are equal.

        Raises
        ------
        RunError
            If ``n`` is not at least 1.
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise RunError(f"a start has at least one configuration, got n={n!r}.")
        weights = self._weights()
        order = greedy_portfolio(self.tasks, int(n), weights)
        order = [j for j in order if np.isfinite(self.tasks.losses[:, j]).any()]
        return [self._try(j, i) for j, i in zip(order, self._because(order, weights), strict=True)]

    def _because(self, order: list[int], weights: Array) -> list[int]:
        """Name the task for which each configuration was taken: where it gains most; if nowhere, where it is best."""
        scaled, best, out = self.tasks.scaled(), np.full(len(self), np.inf), []
        for j in order:
            known = np.isfinite(self.tasks.losses[:, j])
            gain = weights * np.where(known, np.minimum(best, 1.0) - np.minimum(best, scaled[:, j]), -np.inf)
            if gain.max() > 1e-12:
                out.append(int(np.argmax(gain)))
            else:
                out.append(int(np.argmin(np.where(known, scaled[:, j], np.inf))))
            best = np.minimum(best, scaled[:, j])
        return out

    def _try(self, j: int, i: int) -> FirstTry:
        losses = self.tasks.losses[i]
        finite = losses[np.isfinite(losses)]
        rank, n = int((finite < losses[j]).sum()) + 1, len(finite)
        value = -float(losses[j]) if self.directions[i] == "maximize" else float(losses[j])
        why = f"{_best(rank)} of {n} on {self.tasks.names[i]!r} ({self.metrics[i] or 'value'} {value:.4g}), {self._place(i)}"
        return FirstTry(dict(self.tasks.configs[j]), why, self.tasks.names[i], value, rank, n)

    def _place(self, i: int) -> str:
        if self.same_data[i]:
            return "a past task on the same data"
        if not self.by_features:
            return f"one of {len(self)} past task{'s' * (len(self) != 1)} in this space"
        return f"the {'' if i == 0 else ordinal(i + 1) + ' '}nearest past task (distance {self.distance[i]:.2g})"

    def prior(self, best: int = 10) -> dict[str, dict[Any, float]]:
        """Say what these tasks make likely, as a belief: ``wb.GPBO(prior=similar.prior())``, ``wb.TPE(prior=...)``.

        Of each parameter the values that the ``best`` configurations of each task have, each counted as often as it occurs; as
        the first tries, those of nearer tasks count more. A search gives up a belief that proves wrong (see
        ``workbench.search.beliefs``).

        Raises
        ------
        RunError
            If ``best`` is not at least 1.
        """
        if isinstance(best, bool) or not isinstance(best, (int, np.integer)) or best < 1:
            raise RunError(f"a belief needs at least one configuration of each task, got best={best!r}.")
        out: dict[str, dict[Any, float]] = {}
        for losses, weight in zip(self.tasks.losses, self._weights(), strict=True):
            order = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable")
            for j in order[:min(int(best), int(np.isfinite(losses).sum()))]:
                for name, value in self.tasks.configs[int(j)].items():
                    values = out.setdefault(name, {})
                    values[value] = values.get(value, 0.0) + float(weight)
        return {name: out[name] for name in self.space.names if name in out}

    def _weights(self) -> Array:
        """Weigh the tasks: 1/r for the r-th nearest; equal ones if they are not ordered."""
        return 1.0 / np.arange(1, len(self) + 1) if self.by_features else np.ones(len(self))

    def frame(self) -> pd.DataFrame:
        """List the tasks: name, distance, whether the data are the same, how many configurations were tried, the best value."""
        losses, sign = self.tasks.losses, np.array([-1.0 if d == "maximize" else 1.0 for d in self.directions])
        return pd.DataFrame({"task": list(self.tasks.names), "distance": self.distance, "same data": list(self.same_data),
                             "tried": np.isfinite(losses).sum(axis=1), "best": np.nanmin(losses, axis=1) * sign,
                             "metric": list(self.metrics)})

    def __repr__(self) -> str:
        """One line."""
        names = ", ".join(self.tasks.names[:3]) + (", …" if len(self) > 3 else "")
        how = f"the nearest of {self.n_searched}" if self.by_features else "not by meta-features"
        return f"<SimilarTasks: {len(self)} past task{'s' * (len(self) != 1)}, {how}: {names}>"

    def _repr_html_(self) -> str:
        head = f"<p><b>{escape(repr(self)[1:-1])}</b></p>" + self.frame().to_html(index=False, max_rows=20, na_rep="–",
                                                                                  float_format="{:.4g}".format)
        rows = [f"<li><code>{escape(_config(t.config))}</code><br>{escape(t.why)}</li>" for t in self.first()]
        out = f"<p>{escape(self.left_out_text())}</p>" if self.left_out else ""
        return f"{head}<p>To try first:</p><ol>{''.join(rows)}</ol>{out}"

    def left_out_text(self) -> str:
        """Say what could not be compared."""
        n = sum(self.left_out.values())
        if not n:
            return ""
        why = "; ".join(f"{k}: {text}" for text, k in self.left_out.items())
        return f"{n} past task{'s' * (n != 1)} left out ({why})."


def _best(rank: int) -> str:
    return "best" if rank == 1 else f"{ordinal(rank)} best"


def ordinal(n: int) -> str:
    """Write 2 as "2nd"."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _config(config: dict[str, Any]) -> str:
    return ", ".join(f"{k}={v:.4g}" if isinstance(v, float) and math.isfinite(v) else f"{k}={v!r}" for k, v in config.items())
