"""Events folded into trials: what a table, a curve or ``run.best`` needs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd

from workbench.errors import RunError
from workbench.events import (
    Event,
    Folded,
    Printed,
    RunStarted,
    TrialFinished,
    TrialReported,
    TrialState,
    TrialSuggested,
)
from workbench.history import Explanation
from workbench.losses import Goals, times
from workbench.models import pareto
from workbench.space import Array, Config

OURS = ("trial", "state", "value", "pareto", "steps", "seconds", "error", "origin")  # columns of ``frame`` that keep their names


@dataclass(slots=True)
class Trial:
    """One configuration and what became of it. ``loss`` is minimised; ``curve`` holds (step, loss) pairs.

    In a run of several losses they stand in ``losses``, in ``curves`` step by step, and ``loss`` is None.
    """

    number: int
    config: Config
    state: TrialState = "running"
    loss: float | None = None
    curve: list[tuple[int, float]] = field(default_factory=list)
    why: Explanation | None = None
    error: str | None = None
    printed: list[str] = field(default_factory=list)
    started: float = 0.0
    ended: float | None = None
    saw: tuple[int, tuple[int, ...]] = (0, ())  # results known and trials running when it was suggested
    spent_s: float | None = None  # what its steps took, if the algorithm goes by costs
    saw_steps: tuple[int, ...] = ()  # points of the learning curves of those running
    run: RunStarted | None = None  # settings of the run at that time
    losses: tuple[float, ...] = ()
    curves: list[tuple[int, tuple[float, ...]]] = field(default_factory=list)
    origin: str = ""  # where its result comes from, if this run has not run it
    fixed: Config = field(default_factory=dict)  # values that the run held fixed: the objective got them besides

    @property
    def imported(self) -> bool:
        """Whether this run has not run it: its result comes from another run, or was given by hand."""
        return bool(self.origin)

    @property
    def only_near(self) -> bool:
        """Whether it is no configuration of this run: it was imported, though a parameter that is fixed had another value then.

        It teaches the search, but is never the best.
        """
        values = {} if self.run is None or not self.run.fixed else self.run.fixed["values"]
        return any(values.get(name, value) != value for name, value in self.fixed.items())

    @property
    def whole_config(self) -> Config:
        """What the objective gets: the configuration, and what the run holds fixed."""
        return {**self.config, **self.fixed}

    @property
    def n_steps(self) -> int:
        """Steps that it has had: of a function of a budget the last budget, otherwise the points of its curve."""
        if not self.curve:
            return len(self.curves)
        return max(self.curve[-1][0] + (self.curve[0][0] == 0), len(self.curve))

    @property
    def seconds(self) -> float | None:
        """Wall time from suggestion to end; None while it runs."""
        return None if self.ended is None else self.ended - self.started


class Trials(Folded):
    """All trials of a run, kept up to date by ``fold``. Folding in pieces equals folding at once."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.by_number: dict[int, Trial] = {}
        self.told: list[int] = []  # numbers of ended trials, in the order of their results
        self.best: Trial | None = None  # the complete trial with the smallest finite loss, the first of equals
        self.started: RunStarted | None = None
        self.n_by_state: dict[str, int] = {}  # of the trials that this run has run
        self.n_imported = 0  # ended trials that it has not run
        self._running: dict[int, int] = {}  # points of their learning curves, in order of their beginning
        self._n_counted = 0  # ended trials that are rows of the history: all but interrupted ones
        self._with_losses: list[Trial] = []  # of several losses: complete, all finite, in the order told
        self._front: tuple[int, list[Trial]] = (0, [])  # Pareto set of so many of them
        self.fold(events)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for e in events:
            match e:
                case RunStarted():
                    self.started = e
                case TrialSuggested():
                    known = self.by_number.get(e.trial)
                    if known is not None:  # an objective that suggests as it goes has told more of its configuration
                        known.config, known.why = e.config, e.why or known.why
                    else:
                        running = tuple(self._running)  # hundreds may wait: no loop of our own over them
                        self.by_number[e.trial] = Trial(e.trial, e.config, why=e.why, started=e.time,
                                                        saw=(self._n_counted, running), run=self.started,
                                                        saw_steps=tuple(self._running.values()),
                                                        origin=e.origin, fixed=e.fixed)
                        self._running[e.trial] = 0
                case TrialReported():
                    if e.losses:
                        self.by_number[e.trial].curves.append((e.step, e.losses))
                    else:
                        self.by_number[e.trial].curve.append((e.step, e.loss))
                        if e.trial in self._running:
                            self._running[e.trial] += 1
                case Printed():
                    if e.trial in self.by_number:
                        self.by_number[e.trial].printed.append(e.text)
                case TrialFinished():
                    self._end(e)
                case _:
                    pass

    def _end(self, e: TrialFinished) -> None:
        trial = self.by_number[e.trial]
        if trial.ended is not None:  # marked interrupted when the run was opened, and again when it went on
            return
        trial.state, trial.loss, trial.error, trial.ended, trial.losses = e.state, e.loss, e.error, e.time, e.losses
        trial.spent_s = e.seconds
        self.told.append(e.trial)
        self._running.pop(e.trial, None)
        self._n_counted += e.state != "interrupted"
        self.n_imported += trial.imported
        if not trial.imported:
            self.n_by_state[e.state] = self.n_by_state.get(e.state, 0) + 1
        if trial.only_near:
            return
        if e.state == "complete" and e.loss is not None and abs(e.loss) != float("inf"):
            if self.best is None or self.best.loss is None or e.loss < self.best.loss:
                self.best = trial
        if e.state == "complete" and e.losses and all(map(math.isfinite, e.losses)):
            self._with_losses.append(trial)

    # ---- several losses ----------------------------------------------------------------------------------------------

    @property
    def goals(self) -> Goals:
        """Directions, and the names of several losses."""
        return Goals() if self.started is None else self.started.goals

    @property
    def pareto(self) -> list[Trial]:
        """The complete trials that no other dominates, by their first loss; empty where there is one loss only."""
        trials = self._with_losses[:]
        if self._front[0] != len(trials):
            kept = pareto.non_dominated(np.array([t.losses for t in trials]))
            front = [t for t, keep in zip(trials, kept, strict=True) if keep]
            self._front = len(trials), sorted(front, key=lambda t: (t.losses, t.number))
        return self._front[1]

    @property
    def top(self) -> set[int]:
        """Number of the best trial; of several losses, those of the Pareto set."""
        if self.goals.several:
            return {t.number for t in self.pareto}
        return set() if self.best is None else {self.best.number}

    def _reference(self, values: Sequence[float] | Mapping[str, float] | None = None) -> Array:
        """Return the reference point of the hypervolume as losses, (m,), from the user's values.

        By default the worst finite value of each loss so far.
        """
        goals = self.goals
        if values is None:
            return np.asarray(np.max([t.losses for t in self._with_losses], axis=0))
        if isinstance(values, Mapping):
            if set(values) != set(goals.labels):
                raise RunError(f"the reference point needs a value for each of {list(goals.labels)!r}, got {list(values)!r}.")
            values = [values[name] for name in goals.labels]
        if len(values) != len(goals):
            raise RunError(f"the reference point needs {len(goals)} values, one for each loss, got {list(values)!r}.")
        if not all(map(math.isfinite, values)):
            raise RunError(f"the reference point must be finite, got {list(values)!r}. Take values worse than all worth having.")
        return np.array(times(goals.sign, tuple(map(float, values))))

    def hypervolume(self, reference: Sequence[float] | Mapping[str, float] | None = None) -> float:
        """Return the volume that the Pareto set dominates below the reference point; 0 before there is one."""
        front = self.pareto
        return pareto.hypervolume(np.array([t.losses for t in front]), self._reference(reference)) if front else 0.0

    def values(self, losses: tuple[float, ...]) -> tuple[float, ...]:
        """Turn several losses into the numbers that the user's objective gave."""
        return cast("tuple[float, ...]", times(self.goals.sign, losses)) if losses else ()

    @property
    def maximize(self) -> bool:
        """Whether the user maximises; losses are then the negative of the user's values."""
        return self.goals.directions == ("maximize",)

    def value(self, loss: float | None) -> float | None:
        """Turn a loss into the number that the user's objective gave."""
        return loss if loss is None or not self.maximize else -loss

    @property
    def n_done(self) -> int:
        """Trials that this run has run to an end and that count: complete, pruned or failed."""
        return sum(self.n_by_state.get(k, 0) for k in ("complete", "pruned", "failed"))

    @property
    def n_running(self) -> int:
        """Trials under way."""
        return len(self._running)

    def __len__(self) -> int:
        """Count the trials."""
        return len(self.by_number)

    def frame(self) -> pd.DataFrame:
        """One row a trial: number, state, value, the parameters (NaN where inactive), steps, seconds, error.

        Of several losses each has a column by its name, and ``pareto`` says whether the trial is in the Pareto set.
        No two columns have the same name: a loss that is called like one of ``OURS`` gets "value " before its name, a
        parameter that is called like one of these or like a loss gets "param ". What the run holds fixed has columns too, and
        there is a column ``origin`` where trials were imported.
        """
        goals = self.goals
        top = self.top
        rows: list[dict[str, Any]] = []
        trials = list(self.by_number.values())  # another thread may fold meanwhile
        declared = [p["name"] for p in self.started.space.get("params", ())] if self.started is not None else []
        losses = free_names(goals.labels if goals.several else (), OURS, "value ")
        params = free_names([*declared, *(k for t in trials for k in t.whole_config)], [*OURS, *losses.values()], "param ")
        for t in trials:
            last = t.error.strip().splitlines()[-1] if t.error and t.error.strip() else t.error
            row = {"trial": t.number, "state": t.state, "steps": t.n_steps, "seconds": t.seconds,
                   "error": last, **{params[k]: v for k, v in t.whole_config.items()}}
            if goals.several:
                values = self.values(t.losses) or [math.nan] * len(goals)
                row |= {**dict(zip(losses.values(), values, strict=True)), "pareto": t.number in top}
            else:
                row["value"] = self.value(t.loss)
            if self.n_imported:
                row["origin"] = t.origin
            rows.append(row)
        shown = [*losses.values(), "pareto"] if goals.several else ["value"]
        columns = ["trial", "state", *shown, *params.values(), "steps", "seconds", "error", *["origin"] * bool(self.n_imported)]
        return pd.DataFrame(rows, columns=columns).set_index("trial").sort_index()


def free_names(names: Iterable[str], taken: Iterable[str], prefix: str) -> dict[str, str]:
    """Name a column for each name: with the prefix, as often as it takes, where the name is taken."""
    used, columns = set(taken), dict[str, str]()
    for name in dict.fromkeys(names):
        column = name
        while column in used:
            column = prefix + column
        used.add(column)
        columns[name] = column
    return columns
