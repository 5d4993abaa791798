"""What an algorithm saw when it suggested a trial, rebuilt from events alone.

So a view can draw the model of any trial of any run, live or read from a log, without asking the run.
"""

from __future__ import annotations

import math

from workbench.fidelity import catalogue as schedulers
from workbench.history import History
from workbench.lanes import at_budgets, reached
from workbench.rows import Rows, fits
from workbench.space import Space
from workbench.trials import Trials


class Replay:
    """Rebuilds histories from folded trials; each told trial is encoded once per space."""

    def __init__(self, trials: Trials) -> None:
        self.trials = trials
        self._rows: Rows | None = None
        self._space_json: object = None
        self._budgets: tuple[int, ...] = ()
        self._taken = 0  # told trials looked at
        self._rows_after = [0]  # rows after k results: those outside an edited space are none

    def space_of(self, number: int) -> Space | None:
        """Return the space from which trial ``number`` was suggested; None if it was never declared."""
        run = self.trials.by_number[number].run
        if run is None or not run.space:
            return None
        if self._rows is None or self._space_json is not run.space:
            self._space_json, self._taken, self._rows_after = run.space, 0, [0]
            scheduler = schedulers.from_json(run.scheduler or None)
            self._budgets = () if scheduler is None else scheduler.schedule().budgets
            self._rows = Rows(Space.from_json(run.space), run.seed, len(run.goals), self._budgets)
        return self._rows.space

    def results(self, number: int) -> History:
        """Return all results so far, in the space of trial ``number``; the space must have been declared."""
        self._take(number)
        assert self._rows is not None
        return self._rows.history()

    def present(self) -> History:
        """Return what an algorithm would see now, running trials included, in the newest trial's space; there must be one."""
        newest = next(reversed(self.trials.by_number.values())).number
        space = self._take(newest)
        assert self._rows is not None
        running = [t for t in self.trials.by_number.values() if t.ended is None and fits(space, t.config)]
        at = [at_budgets(t.curve, self._budgets) for t in running] if self._budgets else []
        return self._rows.history([t.config for t in running], pending_at=at)

    def history_before(self, number: int) -> History:
        """Return what the algorithm saw; the space must have been declared (``space_of``)."""
        space = self._take(number)
        assert self._rows is not None
        trial = self.trials.by_number[number]
        told, pending = trial.saw
        running = [(self.trials.by_number[k], n) for k, n in zip(pending, trial.saw_steps, strict=True)]
        running = [(t, n) for t, n in running if fits(space, t.config)]
        at = [at_budgets(t.curve[:n], self._budgets) for t, n in running] if self._budgets else []
        return self._rows.history([t.config for t, _ in running], pending_at=at,
                                  n=self._rows_after[min(told, len(self._rows_after) - 1)])

    def trials_before(self, number: int) -> list[int]:
        """Return which trial each row of ``history_before`` is of, then those that were running."""
        space = self._take(number)
        assert self._rows is not None
        told, pending = self.trials.by_number[number].saw
        n = self._rows_after[min(told, len(self._rows_after) - 1)]
        return self._rows.numbers[:n] + [k for k in pending if fits(space, self.trials.by_number[k].config)]

    def _take(self, number: int) -> Space:
        """Encode what was told since the last time in the space of trial ``number``."""
        space = self.space_of(number)
        if space is None or self._rows is None:
            raise ValueError(f"trial {number} comes from an objective that makes its space as it goes.")
        for k in self.trials.told[self._taken:]:
            t = self.trials.by_number[k]
            if t.state != "interrupted":
                if fits(space, t.config):
                    at = reached(t.curve, self._budgets, t.state, t.loss)
                    self._rows.append(k, t.config, t.losses or t.loss, max(len(t.curve), len(t.curves), 1), at,
                                      math.nan if t.spent_s is None else t.spent_s)
                self._rows_after.append(len(self._rows))
        self._taken = len(self.trials.told)
        return space
