"""Any Optuna study, local or in a database that others feed, as the events of a run."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from workbench.errors import StorageError
from workbench.events import Event, RunStarted, StateChanged, TrialFinished, TrialReported, TrialSuggested
from workbench.inferred import InferredSpace, is_whole
from workbench.ledger import (
    KEY,
    SKIPPED,
    Saw,
    curve_of,
    finished,
    fixed_of,
    goals_of,
    in_told_order,
    origin_of,
    state_of,
    time_of,
)
from workbench.store import any_storage, journal_storage

PATIENCE = 8  # looks that fail in a row before a study counts as lost
LONGEST_PAUSE_S = 30.0


class NotKnown(optuna.samplers.RandomSampler):
    """Stands where the sampler of another process would: which one that is, a storage does not tell. Never asked."""


def open_storage(where: str | Path | BaseStorage) -> BaseStorage:
    """Open a storage that exists: an object, a URL, or the path of a journal file. Never makes a new one."""
    if isinstance(where, BaseStorage):
        return any_storage(where)
    text = str(where)
    if "://" not in text:
        if not Path(text).is_file():
            raise StorageError(f"there is no file {text}. Give the path of a journal file, or a URL such as "
                               "sqlite:///file.db.")
        return journal_storage(Path(text))
    if text.startswith("sqlite:///"):
        file = text.removeprefix("sqlite:///").split("?")[0]
        if file and not file.startswith((":", "file:")) and not Path(file).is_file():
            raise StorageError(f"there is no file {file}, which {text} names.")
    return any_storage(text)


def resolve_study(study: optuna.Study | str | Path | BaseStorage, study_name: str | None = None) -> optuna.Study:
    """Find the study that is meant; StorageError naming the choices if that is not clear."""
    if isinstance(study, optuna.Study):
        found = study
    else:
        storage = open_storage(study)
        try:
            names = optuna.get_all_study_names(storage)
        except Exception as error:
            raise StorageError(f"{study} cannot be read: {type(error).__name__}: {error}.") from error
        if study_name is None and len(names) != 1:
            way = "Say which: wb.watch(url, name)." if names else "Start the study first."
            raise StorageError(f"{study} holds {len(names)} studies: {names!r}. {way}")
        if study_name is not None and study_name not in names:
            raise StorageError(f"{study} holds no study {study_name!r}; it holds {names!r}.")
        found = optuna.load_study(study_name=study_name or names[0], storage=storage, sampler=NotKnown())
    return found


def watch_study(study: optuna.Study | str | Path | BaseStorage, study_name: str | None = None, *,
                stop: threading.Event | None = None, interval_s: float = 0.5) -> Iterator[Event]:
    """Follow a study: what is there now, then what comes, each trial read only until it has ended.

    Parameters
    ----------
    study
        A study of this process; or a storage, its URL or the path of a journal file, which other processes may feed.
    study_name
        Which study, where the storage holds several.
    stop
        Ends the events once it is set.
    interval_s
        Seconds between two looks.

    Raises
    ------
    StorageError
        At once if the study cannot be found; by the iterator if it can no longer be read.
    """
    from workbench.search import catalogue  # here: a sampler alone needs but one of the algorithms

    found = resolve_study(study, study_name)
    label = ("not known (another process has it)" if isinstance(found.sampler, NotKnown)
             else catalogue.label(getattr(found.sampler, "algorithm", found.sampler)))
    return _follow(found, label, threading.Event() if stop is None else stop, interval_s)


def _follow(study: optuna.Study, label: str, stop: threading.Event, interval_s: float) -> Iterator[Event]:
    follower = Follower(study, label)
    storage = study._storage
    yield follower.started()
    failures = 0
    while not stop.is_set():
        try:
            trials = storage.get_all_trials(study._study_id, deepcopy=False)
        except Exception as error:
            failures += 1
            reason = f"{study.study_name!r} cannot be read: {type(error).__name__}: {error}"
            if failures >= PATIENCE:
                raise StorageError(f"{reason}. It was tried {failures} times.") from error
            yield StateChanged("watching", f"{reason}. Trying again.")
        else:
            if failures:
                failures = 0
                yield StateChanged("watching", "")
            yield from follower.news(trials)
        stop.wait(min(interval_s * 2**failures, max(interval_s, LONGEST_PAUSE_S)))


@dataclass(slots=True)
class _Open:
    """What was told of a trial that has not ended."""

    config: dict[str, Any] | None = None
    steps: set[int] = field(default_factory=set)


class Follower:
    """Tells what is new in a study since the last look, in the order in which it happened.

    What happened between two looks is put in order by time: a trial's beginning stands after the results that were
    known then.
    """

    def __init__(self, study: optuna.Study, label: str) -> None:
        self._name, self._label, self._study = study.study_name, label, study
        self._goals = goals_of(study)
        self._inferred = InferredSpace()
        self._open: dict[int, _Open] = {}
        self._n_known = 0
        self._n_told = 0  # results told so far, interrupted trials not counted

    def started(self) -> RunStarted:
        """Return the settings, with the space as far as it is known."""
        space = self._inferred.space
        return RunStarted.of(self._goals, self._name, self._label, space.to_json() if len(space) else {}, None)

    def news(self, trials: Sequence[FrozenTrial]) -> Iterator[Event]:
        """Yield what is new, given all trials of the study by number."""
        numbers = [*self._open, *range(self._n_known, len(trials))]
        self._n_known = len(trials)
        before = self._inferred.space, self._goals
        if self._goals.several and not self._goals.names:  # names may be given at any time
            self._goals = goals_of(self._study)
        batch = [t for t in (trials[k] for k in sorted(numbers))
                 if t.number in self._open or SKIPPED not in t.user_attrs]
        ends = in_told_order(batch)
        results = deque(t for t in ends if state_of(t) != "interrupted")
        cut = {t.number: t for t in ends if state_of(t) == "interrupted"}
        for t in batch:
            known = self._open.setdefault(t.number, _Open())
            if t.state == TrialState.WAITING:
                continue
            if known.config is None:
                yield from self._ended_before(t, results, cut)
            yield from self._progress(t, known)
        for t in (*results, *cut.values()):
            yield from self._end(t)
        if (self._inferred.space, self._goals) != before:
            yield self.started()

    def _ended_before(self, new: FrozenTrial, results: deque[FrozenTrial],
                      cut: dict[int, FrozenTrial]) -> Iterator[Event]:
        """Yield the ends that were known when a trial began: by what it says it saw, else by the clock."""
        saw = Saw.of(new.user_attrs[KEY]) if KEY in new.user_attrs else None
        begin = time_of(new.datetime_start)
        while results and self._has_begun(results[0].number) and (
                self._n_told < saw.told if saw is not None else time_of(results[0].datetime_complete) <= begin):
            yield from self._end(results.popleft())
        for number in [k for k in cut if self._has_begun(k)]:
            if number not in saw.pending if saw is not None else time_of(cut[number].datetime_complete) <= begin:
                yield from self._end(cut.pop(number))

    def _has_begun(self, number: int) -> bool:
        return number in self._open and self._open[number].config is not None

    def _progress(self, t: FrozenTrial, known: _Open) -> Iterator[Event]:
        """Yield a trial's beginning or its further parameters, and the new points of its learning curve."""
        start, first = time_of(t.datetime_start), known.config is None
        if known.config != t.params:
            known.config = dict(t.params)
            yield TrialSuggested(t.number, dict(t.params), time=start, origin=origin_of(t), fixed=fixed_of(t))
        when = start if first else time()
        for step, loss in curve_of(t, self._goals.sign):
            if step not in known.steps:
                known.steps.add(step)
                yield TrialReported.of(t.number, step, loss, when)

    def _end(self, t: FrozenTrial) -> Iterator[TrialFinished]:
        del self._open[t.number]
        self._n_told += state_of(t) != "interrupted"
        if is_whole(t):
            self._inferred.learn(t.params, t.distributions)
        yield finished(t, self._goals.sign)
