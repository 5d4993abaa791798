"""Events folded into trials: what a table, a curve or ``run.best`` needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.events import (
    Event,
    Printed,
    RunStarted,
    TrialFinished,
    TrialReported,
    TrialState,
    TrialSuggested,
)
from workbench.history import Explanation
from workbench.space import Config

OURS = {"trial", "state", "value", "steps", "seconds", "error"}  # columns of ``frame`` beside the parameters


@dataclass(slots=True)
class Trial:
    """One configuration and what became of it. ``loss`` is minimised; ``curve`` holds (step, loss) pairs."""

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
    run: RunStarted | None = None  # settings of the run at that time

    @property
    def seconds(self) -> float | None:
        """Wall time from suggestion to end; None while it runs."""
        return None if self.ended is None else self.ended - self.started


class Trials:
    """All trials of a run, kept up to date by ``fold``. Folding in pieces equals folding at once."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.by_number: dict[int, Trial] = {}
        self.told: list[int] = []  # numbers of ended trials, in the order of their results
        self.best: Trial | None = None  # the complete trial with the smallest finite loss, the first of equals
        self.started: RunStarted | None = None
        self.n_by_state: dict[str, int] = {}
        self._running: dict[int, None] = {}  # in order of their beginning
        self._n_counted = 0  # ended trials that are rows of the history: all but interrupted ones
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
                        running = tuple(k for k in self._running if k != e.trial)
                        self.by_number[e.trial] = Trial(e.trial, e.config, why=e.why, started=e.time,
                                                        saw=(self._n_counted, running), run=self.started)
                        self._running[e.trial] = None
                case TrialReported():
                    self.by_number[e.trial].curve.append((e.step, e.loss))
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
        trial.state, trial.loss, trial.error, trial.ended = e.state, e.loss, e.error, e.time
        self.told.append(e.trial)
        self._running.pop(e.trial, None)
        self._n_counted += e.state != "interrupted"
        self.n_by_state[e.state] = self.n_by_state.get(e.state, 0) + 1
        if e.state == "complete" and e.loss is not None and abs(e.loss) != float("inf"):
            if self.best is None or self.best.loss is None or e.loss < self.best.loss:
                self.best = trial

    @property
    def maximize(self) -> bool:
        """Whether the user maximises; losses are then the negative of the user's values."""
        return self.started is not None and self.started.direction == "maximize"

    def value(self, loss: float | None) -> float | None:
        """Turn a loss into the number that the user's objective gave."""
        return loss if loss is None or not self.maximize else -loss

    @property
    def n_done(self) -> int:
        """Trials that ended and count: complete, pruned or failed."""
        return sum(self.n_by_state.get(k, 0) for k in ("complete", "pruned", "failed"))

    @property
    def n_running(self) -> int:
        """Trials under way."""
        return len(self._running)

    def __len__(self) -> int:
        """Count the trials."""
        return len(self.by_number)

    def frame(self) -> pd.DataFrame:
        """One row a trial: number, state, value, the parameters (NaN where inactive), steps, seconds, error."""
        rows: list[dict[str, Any]] = []
        trials = list(self.by_number.values())  # another thread may fold meanwhile
        for t in trials:
            last = t.error.strip().splitlines()[-1] if t.error and t.error.strip() else t.error
            rows.append({"trial": t.number, "state": t.state, "value": self.value(t.loss), "steps": len(t.curve),
                         "seconds": t.seconds, "error": last, **{_column(k): v for k, v in t.config.items()}})
        declared = [p["name"] for p in self.started.space.get("params", ())] if self.started is not None else []
        names = list(dict.fromkeys([*declared, *(k for t in trials for k in t.config)]))
        columns = ["trial", "state", "value", *map(_column, names), "steps", "seconds", "error"]
        return pd.DataFrame(rows, columns=columns).set_index("trial").sort_index()


def _column(name: str) -> str:
    """Name a parameter's column; one that is called like a column of ours gets a prefix."""
    return f"param {name}" if name in OURS else name
