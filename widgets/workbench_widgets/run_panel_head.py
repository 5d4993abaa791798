"""Of the run panel: what its first lines say of the run, as plain data."""

from __future__ import annotations

import time
from typing import Any

from workbench.events import RunState
from workbench.fates import Fates
from workbench.fidelity import catalogue as schedulers
from workbench.recording import Recording
from workbench.run import Run
from workbench.search import catalogue
from workbench.search.beliefs import with_prior
from workbench.search.recommend import Recommendation
from workbench.timeline import Timeline
from workbench.trials import Trials
from workbench_widgets.words import number

ACTIVE: tuple[RunState, ...] = ("running", "pausing", "stopping", "watching")


class Head:
    """State, progress, best, times and settings of a run; and what the chooser advises. Others fold the events."""

    def __init__(self, run: Run | Recording, trials: Trials, fates: Fates, timeline: Timeline, *, editable: bool) -> None:
        self.run, self.trials, self.fates, self.timeline, self.editable = run, trials, fates, timeline, editable
        self._eta: tuple[float, float | None] = (-1e9, None)
        self._advised: tuple[Any, Recommendation] | None = None

    def content(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        run, trials = self.run, self.trials
        best = trials.best
        waiting = run.n_waiting
        running = trials.n_running if run.scheduler is None else min(self.timeline.n_busy, trials.n_running - waiting)
        return {
            "state": run.state, "detail": run.detail, "name": run.name or "", "where": run.where, "saved": run.saved,
            "read_only": run.read_only, "done": trials.n_done, "total": run.n_trials, "running": running,
            "imported": trials.n_imported,
            "failed": trials.n_by_state.get("failed", 0), "pruned": trials.n_by_state.get("pruned", 0),
            "best": None if best is None else number(trials.value(best.loss)),
            "best_trial": None if best is None else best.number,
            "pareto": len(trials.pareto) if run.goals.several else None, "maximize": trials.maximize,
            "elapsed_s": int(run.elapsed_s), "eta_s": self._eta_s(),
            "algorithm": catalogue.label(with_prior(run.algorithm, None)),
            "algorithms": [] if run.space is None or not self.editable else catalogue.offered(
                run.space, n_losses=len(run.goals), scheduled=run.scheduler is not None),
            "workers": run.n_workers, "n_parameters": 0 if run.space is None else len(run.space), "advice": self._advice(),
            "scheduler": schedulers.label(run.scheduler), "pausing": run.pausing, "waiting": waiting,
            "ready": max(trials.n_running - running - waiting, 0),
            "shelved": sum(f.shelved for f in self.fates.waiting) if waiting else 0,
        }

    @property
    def advised(self) -> Recommendation:
        """What the chooser would take for this space and budget."""
        run = self.run
        key = (run.space, run.n_trials)
        if self._advised is None or self._advised[0] != key:
            self._advised = key, run.recommendation
        return self._advised[1]

    def _advice(self) -> dict[str, str]:
        chosen = self.advised
        return {"label": chosen.label, "why": " ".join(chosen.reasons)}

    def _eta_s(self) -> int | None:
        now = time.monotonic()
        if now - self._eta[0] > 1.0 or self.run.state not in ACTIVE:
            self._eta = now, self.run.eta_s
        eta = self._eta[1]
        return None if eta is None else round(eta)
