"""Our schedulers as Optuna pruners: ``optuna.create_study(pruner=wb.Pruner(wb.ASHA(81, stop=True)))``.

An Optuna objective runs from its beginning to its end, so only schedulers that never let a trial wait can serve there. The
books are those of our own runs. They are told what the study's trials have reported since the last look, whoever ran
them: other threads, or other processes on the same storage. So each process has books of its own, and each judges the
trials that it runs. The last report of a trial is told when it asks whether to stop, so that it is judged by all that is
known then; or, if it does not ask here, when it has gone on or ended.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.pruners import BasePruner
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from workbench.history import Explanation
from workbench.lanes import budget_of
from workbench.ledger import INTERRUPTED, goals_of, loss_of
from workbench.schedule import Later, Schedule, Scheduler, Verdict

KEPT_REASONS = 64  # the latest
_THESE = "wb.ASHA(max_steps, stop=True), wb.CurveStop(max_steps) and wb.MedianStop()"


class Pruner(BasePruner):
    """Let one of the workbench's schedulers decide which trials of an Optuna study stop early.

    A step is counted as Optuna's objectives report it: the first may be 0 or 1, and some may be left out.

    Parameters
    ----------
    scheduler
        ``ASHA(..., stop=True)``, ``CurveStop(...)``, ``MedianStop()`` or one of your own that never lets a trial wait: it has the
        attribute ``only_stops = True``.

    Raises
    ------
    ValueError
        If the scheduler lets trials wait for others, as Hyperband does.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        if not callable(getattr(scheduler, "schedule", None)) or isinstance(scheduler, type):
            raise TypeError(f"a scheduler has a method schedule, got {scheduler!r}. {_THESE} can be given here.")
        if not getattr(scheduler, "only_stops", False):
            raise ValueError(f"{type(scheduler).__name__} lets trials wait for others, and Optuna cannot pause an objective. "
                             f"{_THESE} can be given here; wb.optimize(..., scheduler={scheduler!r}) pauses trials.")
        self.scheduler = scheduler
        self._lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._books: Schedule = self.scheduler.schedule()
        self._storage: weakref.ref[BaseStorage] | None = None
        self._study_id = -1
        self._sign = 1.0
        self._open: set[int] = set()  # trials that had not ended at the last look
        self._n_known = 0
        self._again: set[int | None] = set()  # trials whose processes died, and that others try again
        self._last: dict[int, int] = {}  # the last step told of each open trial that has begun; -1 for none
        self._stopped: set[int] = set()
        self._why: dict[int, Explanation] = {}
        self._unread: dict[int, list[Later]] = {}  # verdicts that take long, on trials that may be another process's

    def __getstate__(self) -> dict[str, Any]:
        """Keep what was given; the rest is read off the study again."""
        return {"scheduler": self.scheduler}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Restore what was given."""
        self.__dict__.update(state)
        self._lock = threading.RLock()
        self._forget()

    def __repr__(self) -> str:
        """Python code that makes the pruner."""
        return f"Pruner({self.scheduler!r})"

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial shall stop, by all that the study's trials have reported."""
        with self._lock:
            self._look(study, trial)
            return trial.number in self._stopped

    def explain(self, number: int) -> Explanation | None:
        """Say why trial ``number`` was stopped; None if it was not, or long ago."""
        with self._lock:
            return self._why.get(number)

    # ---- the books ---------------------------------------------------------------------------------------------------

    def _look(self, study: Study, asked: FrozenTrial) -> None:
        """Tell the books what has happened since the last look, last of all of the trial that asks."""
        if self._storage is None or self._storage() is not study._storage or self._study_id != study._study_id:
            self._begin(study)
        trials = study._storage.get_all_trials(self._study_id, deepcopy=False)
        news = self._open | set(range(self._n_known, len(trials)))
        self._n_known = len(trials)
        self._again |= {_retried(trials[number]) for number in news}
        for number in sorted(news):  # in this order, so that of equals the older is better
            if _retried(trials[number]) is None:
                self._begin_trial(trials[number])
        for number in sorted(news - {asked.number}):
            self._tell(trials[number])
        if asked.number in news:  # else it had ended before
            self._tell(asked, asks=True)

    def _begin(self, study: Study) -> None:
        sign = goals_of(study).sign
        if isinstance(sign, tuple):
            raise NotImplementedError(f"a scheduler judges one loss, got a study of {len(sign)}.")
        self._forget()
        self._storage, self._study_id, self._sign = weakref.ref(study._storage), study._study_id, sign

    def _begin_trial(self, t: FrozenTrial) -> None:
        self._open.add(t.number)
        if t.state != TrialState.WAITING and t.number not in self._last:
            self._last[t.number] = -1
            self._books.begin(t.number, instead_of=_retried(t))

    def _tell(self, t: FrozenTrial, *, asks: bool = False) -> None:
        """Tell the books of one trial what they have not heard."""
        self._begin_trial(t)
        if t.number not in self._last:
            return
        curve = t.intermediate_values
        news = sorted(k for k in curve if k > self._last[t.number])
        for step in news if asks or t.state.is_finished() else news[:-1]:
            self._last[t.number] = step
            said = self._books.report(t.number, budget_of(step, min(curve)), self._sign * curve[step])
            if isinstance(said, Later):
                self._unread.setdefault(t.number, []).append(said)
            else:
                self._hear(said)
        if asks:
            for said in self._unread.pop(t.number, []):
                self._hear(said)
        if t.state.is_finished():
            self._end(t)

    def _hear(self, said: Sequence[Verdict]) -> None:
        for verdict in said:
            if verdict.action == "stop":
                self._stop(verdict.trial, verdict.why)

    def _stop(self, number: int, why: Explanation) -> None:
        self._stopped.add(number)
        self._why[number] = why
        if len(self._why) > KEPT_REASONS:
            del self._why[next(iter(self._why))]

    def _end(self, t: FrozenTrial) -> None:
        """Tell of an end; a trial that was interrupted is no result, as if it had been stopped."""
        self._open.discard(t.number)
        self._stopped.discard(t.number)
        self._unread.pop(t.number, None)
        del self._last[t.number]
        if t.number in self._again:
            return
        loss = loss_of(t, self._sign)
        assert not isinstance(loss, tuple)
        self._books.end(t.number, loss, stopped=t.state == TrialState.PRUNED or INTERRUPTED in t.user_attrs)


def _retried(t: FrozenTrial) -> int | None:
    """Return the number of the failed trial that this one repeats (Optuna's ``RetryHeartbeatStaleTrialCallback``)."""
    numbers = t.system_attrs.get("retry_history")
    return int(numbers[-1]) if numbers else None
