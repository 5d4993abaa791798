"""A recording: a run's events without the run. Everything that only reads works on it; its panel replays it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal, NoReturn

from workbench.errors import LogError, RunError
from workbench.events import EventLog, RunState
from workbench.fidelity import catalogue as schedulers
from workbench.fixed import Fixed
from workbench.history import Explanation, History
from workbench.losses import Goals
from workbench.propose import Settings
from workbench.reel import Course
from workbench.results import Results
from workbench.search import catalogue
from workbench.search.recommend import Recommendation, advise
from workbench.seen import Replay
from workbench.space import Space
from workbench.step_run import StepRecording, StepResults, is_of_steps
from workbench.trials import Trials

ENDED = ("ready", "paused", "stopped", "done", "failed")


class Recording(Results):
    """What a log tells of a run. Made by ``replay``.

    In a notebook it shows the panel of the run with a slider over its events: any moment can be looked at as it was.
    """

    read_only, saved, n_waiting, eta_s = True, True, 0, None
    pausing: Literal["", "memory", "state", "again"] = ""

    def __init__(self, log: EventLog, where: str = "a recording", name: str | None = None) -> None:
        self.log, self.where = log, where
        self._trials, self._folded, self._lock = Trials(), 0, threading.RLock()
        started = self.trials.started
        if started is None and not len(self.trials):
            raise LogError(f"{where} holds no run: {len(log)} events, but no trial and no settings.")
        self.name = name or (started.name if started is not None else None)
        self.seed = 0 if started is None else started.seed
        course = Course(log)
        self.state: RunState = course.state if course.state in ENDED else "stopped"
        self.detail = course.detail
        self._settings = Settings(self._space(), None, None)
        if started is not None:
            self._settings.algorithm = catalogue.LABELLED.get(started.algorithm)
            self._settings.n_trials, self._settings.n_workers = started.n_trials, started.n_workers
            self._settings.scheduler = schedulers.from_json(started.scheduler or None)
            self._settings.fixed = Fixed.from_json(started.fixed) if started.fixed else None

    def _space(self) -> Space | None:
        started = self.trials.started
        return Space.from_json(started.space) if started is not None and started.space else None

    @property
    def goals(self) -> Goals:
        """Directions, and the names of the losses."""
        return self.trials.goals

    @property
    def space(self) -> Space | None:
        """The search space; None if the log does not tell it."""
        return self._settings.space

    @property
    def label(self) -> str:
        """Name of the last algorithm, as the log tells it."""
        started = self.trials.started
        return "" if started is None else started.algorithm

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first event to the last."""
        return self.log[len(self.log) - 1].time - self.log[0].time if len(self.log) else 0.0

    @property
    def recommendation(self) -> Recommendation:
        """What ``recommend`` chooses for such a run."""
        return advise(None, self.space, self.n_trials, n_losses=len(self.goals), scheduler=self.scheduler)

    def history(self, before: int | None = None) -> History:
        """Return what the algorithm would have seen at the end; with ``before=k`` what it saw when it suggested trial k."""
        trials = self.trials
        if before is not None and before not in trials.by_number:
            raise RunError(f"there is no trial {before}; there are {len(trials)}.")
        if not len(trials):
            raise RunError("the log holds no trial yet.")
        seen = Replay(trials)
        newest = next(reversed(trials.by_number)) if before is None else before
        if seen.space_of(newest) is None:
            raise RunError(f"the log does not tell the space of trial {newest}: an Optuna objective makes it as it goes.")
        return seen.present() if before is None else seen.history_before(before)

    def explain(self, number: int) -> Explanation:
        """Say why trial ``number`` was suggested, as far as the log tells it."""
        trial = self.trials.by_number.get(number)
        if trial is None:
            raise RunError(f"there is no trial {number}; there are {len(self.trials)}.")
        if trial.why is None:
            raise RunError(f"the log holds no reason for trial {number}: it was given, or chosen by one of Optuna's samplers, "
                           "or in a session before.")
        return trial.why

    def __repr__(self) -> str:
        """One line: name, state, progress, best."""
        return "<Recording" + super().__repr__().removeprefix("<Run")

    # ---- what only a run can do --------------------------------------------------------------------------------------

    def _no(self, *_: Any, **__: Any) -> NoReturn:
        raise RunError("this is a recording: it can be looked at, but it does not go on. wb.optimize(...) makes a run.")

    start = pause = step = stop = configure = enqueue = tell = child = _no


def replay(recorded: str | Path | EventLog | Results | StepResults) -> Recording | StepRecording:
    """Look at any moment of a run: a slider over its events shows every view as it was.

    Parameters
    ----------
    recorded
        The file of a saved log (``run.log.save("mlp.jsonl")``), a log, or a run. A run is not touched and may go on: its
        recording grows with it. A search that takes steps, such as DARTS, has a recording of its own kind.

    Raises
    ------
    LogError
        If the file is no event log, or holds no run.
    """
    match recorded:
        case Results():
            return Recording(recorded.log, f"the recording of {recorded.name or 'an unnamed run'}", recorded.name)
        case StepResults():
            return StepRecording(recorded.log, f"the recording of {recorded.name or 'an unnamed search'}", recorded.name)
        case EventLog():
            return _recording(recorded)
        case str() | Path():
            return _recording(EventLog.load(recorded), str(recorded))
    raise RunError(f"a replay needs the file of a log, an EventLog or a run, got {type(recorded).__name__}.")


def _recording(log: EventLog, where: str = "a recording") -> Recording | StepRecording:
    return StepRecording(log, where) if is_of_steps(log) else Recording(log, where)
