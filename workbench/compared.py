"""What can be compared: runs, recordings, logs, named runs, Optuna studies. Each becomes a log that is read as it grows."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, cast

import optuna
from optuna.storages import BaseStorage

from workbench import api, store
from workbench.errors import LogError, RunError, StorageError
from workbench.events import EventLog, RunStarted
from workbench.fidelity import catalogue as schedulers
from workbench.ledger import attrs_json, goals_of
from workbench.losses import Goals
from workbench.optuna_watch import Follower, NotKnown, resolve_study
from workbench.progress import Progress
from workbench.run import ATTR_ALGORITHMS, ATTR_SETTINGS, ATTR_SPACES, Run
from workbench.search import catalogue

LOOK_S = 0.5  # a storage is read this often at most
UNKNOWN = "algorithm not known"


class Source(Protocol):
    """Where a member's events come from. ``again``: code that finds it again, empty for what is in memory only."""

    log: EventLog
    again: str

    def look(self) -> None:
        """Bring the log up to date, where it does not grow by itself."""
        ...

    @property
    def started(self) -> RunStarted | None:
        """Settings, where the log does not tell them yet."""
        ...

    @property
    def state(self) -> str:
        """Whether it goes on: a run's state, else an empty text."""
        ...


class OfRun:
    """A run, a recording of one, or a log alone: grows by itself."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.log: EventLog = run if isinstance(run, EventLog) else run.log
        where, name = getattr(run, "where", "memory"), getattr(run, "name", None)
        named = isinstance(run, Run) and name is not None and where == str(store.journal_path(name))
        self.again = repr(name) if named else repr((where, name)) if isinstance(run, Run) and "://" in where else ""

    def look(self) -> None:
        """Nothing needs to be done."""

    @property
    def started(self) -> RunStarted | None:
        """Settings of the run, which its log tells from the start on."""
        return self.run._started() if isinstance(self.run, Run) else None

    @property
    def state(self) -> str:
        """State of the run."""
        return str(getattr(self.run, "state", ""))


class OfStudy:
    """A study in a storage, or in memory: read when one looks, never written."""

    def __init__(self, study: optuna.Study, again: str) -> None:
        self.log, self.again, self.study = EventLog(), again, study
        self.started: RunStarted | None = _kept(study) or Follower(study, _label(study)).started()
        self.kept = study.user_attrs.get(ATTR_SETTINGS) is not None
        self._follower = Follower(study, self.started.algorithm)
        self._looked_at, self._lock = -1e9, threading.Lock()
        self.log.append(self.started)
        self.look()

    def look(self) -> None:
        """Read what is new in the storage; StorageError if it cannot be read."""
        with self._lock:
            if monotonic() - self._looked_at < LOOK_S:
                return
            try:
                trials = self.study._storage.get_all_trials(self.study._study_id, deepcopy=False)
            except Exception as error:
                raise StorageError(f"the study {self.study.study_name!r} cannot be read: {type(error).__name__}: {error}."
                                   ) from error
            for event in self._follower.news(trials):
                if not (self.kept and isinstance(event, RunStarted)):
                    self.log.append(event)
            self._looked_at = monotonic()

    @property
    def state(self) -> str:
        """A storage does not tell whether somebody goes on with its study."""
        return ""


def _kept(study: optuna.Study) -> RunStarted | None:
    """Settings that the workbench has kept with a study of its own; None for the studies of others."""
    if study.user_attrs.get(ATTR_SETTINGS) is None:
        return None
    try:
        kept = attrs_json(study, ATTR_SETTINGS)
        space = attrs_json(study, ATTR_SPACES)[kept["space"]]
        data = attrs_json(study, ATTR_ALGORITHMS)[kept["algorithm"]]
        algorithm = catalogue.from_json(data)
        label = f"Optuna's {data['type']}" if algorithm is None else catalogue.label(algorithm)
        return RunStarted.of(goals_of(study), study.study_name, label, space or {}, kept["n_trials"], kept["n_workers"],
                             kept["seed"], kept.get("scheduler"))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"the settings kept with {study.study_name!r} are malformed: {error!r}.") from error


def _label(study: optuna.Study) -> str:
    if isinstance(study.sampler, NotKnown):
        return UNKNOWN
    return catalogue.label(getattr(study.sampler, "algorithm", study.sampler))


def source_of(given: Any, storage: str | BaseStorage | None = None) -> Source:
    """Find what was given.

    Raises
    ------
    RunError
        If it is nothing that can be compared.
    StorageError
        If there is no such run, file or study; it names what there is.
    """
    if isinstance(given, EventLog):
        if not any(isinstance(e, RunStarted) for e in given) and len(given):
            raise LogError("a log is compared by the settings that its first event tells, and this one has none.")
        return OfRun(given)
    if isinstance(getattr(given, "log", None), EventLog):
        return OfRun(given)
    if isinstance(given, optuna.Study):
        return OfStudy(given, "")
    if isinstance(given, BaseStorage):
        return OfStudy(resolve_study(given), "")
    if isinstance(given, tuple) and len(given) == 2:
        where, name = given
        return OfStudy(resolve_study(where, name), repr(given) if isinstance(where, str) else "")
    if isinstance(given, (str, Path)):
        return _named(given, storage)
    raise RunError(f"a run, a run's name, an Optuna study or the URL of its storage can be compared, got {given!r}.")


def _named(given: str | Path, storage: str | BaseStorage | None) -> Source:
    """Find a run by its name, or a study by the URL or the file of its storage."""
    text = str(given)
    if storage is not None:
        return OfStudy(resolve_study(storage, text), repr((storage, text)) if isinstance(storage, str) else "")
    if isinstance(given, Path) or "://" in text:
        return OfStudy(resolve_study(text), repr(text))
    path = store.journal_path(text)
    if path.exists():
        here = api._here(path)  # it goes on in this process: its log grows by itself
        return OfRun(here) if here is not None else OfStudy(resolve_study(path, text), repr(text))
    if Path(text).is_file():
        return OfStudy(resolve_study(text), repr(text))
    raise StorageError(f"there is no run {text!r}: {path} does not exist, and it is no URL of a storage. wb.runs() lists "
                       "the runs that are kept here.")


# ---- members -----------------------------------------------------------------------------------------------------------

@dataclass(eq=False)
class Member:
    """One run of a comparison.

    Attributes
    ----------
    label
        What it is called; no two of a comparison have the same.
    group
        What its group is called: the seeds of one algorithm, say.
    """

    source: Source
    label: str = ""
    group: str = ""
    progress: Progress = field(default_factory=Progress)
    _cursor: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fold(self) -> None:
        """Take in what is new in its log."""
        with self._lock:
            new = self.source.log.since(self._cursor)
            self._cursor += len(new)
            self.progress.fold(new)

    @property
    def started(self) -> RunStarted | None:
        """Settings of the run; None if nothing tells them."""
        return self.progress.started or self.source.started

    @property
    def goals(self) -> Goals:
        """Directions, and the names of the losses."""
        return Goals() if self.started is None else self.started.goals

    @property
    def seed(self) -> int | None:
        """The run's seed; None where it is not known, as of Optuna's studies."""
        if isinstance(self.source, OfStudy) and not self.source.kept:
            return None
        return None if self.started is None else self.started.seed

    @property
    def algorithm(self) -> str:
        """Label of the algorithm; of several, one after the other. With the scheduler, if there is one."""
        started = self.started
        labels = self.progress.algorithms or ([] if started is None else [started.algorithm])
        scheduler = started.scheduler if started is not None else {}
        paced = f" + {schedulers.label(schedulers.from_json(scheduler))}" if scheduler and not scheduler.get("foreign") else ""
        return (" → ".join(labels) or UNKNOWN) + paced

    @property
    def name(self) -> str:
        """The run's own name; empty if it has none, or one that Optuna has made up."""
        name = (self.started.name or "") if self.started is not None else ""
        return "" if name.startswith("no-name-") else name

    @property
    def kind(self) -> tuple[str, str]:
        """What runs of one group have in common: the algorithm and the parameters that it searched."""
        space = cast("dict[str, Any]", {} if self.started is None else self.started.space)
        return self.algorithm, repr(sorted(str(p.get("name")) for p in space.get("params", ())))


def label_members(members: Sequence[Member]) -> None:
    """Give each member that has none a label: its name, else algorithm and seed; a number behind where two are alike."""
    taken = {m.label for m in members if m.label}
    for m in members:
        if m.label:
            continue
        said = m.name or (m.algorithm if m.seed is None else f"{m.algorithm} · seed {m.seed}")
        label, k = said, 1
        while label in taken:
            k += 1
            label = f"{said} ({k})"
        m.label = label
        taken.add(label)


def group_members(members: Sequence[Member], *, together: bool) -> None:
    """Put members that have no group into one: with ``together`` the seeds of one algorithm, else each its own."""
    alike: dict[tuple[str, str], list[Member]] = {}
    for m in members:
        if not m.group:
            alike.setdefault(m.kind, []).append(m)
    taken = set[str]()
    for (algorithm, _), same in alike.items():
        if not together or len(same) == 1 or algorithm == UNKNOWN:
            for m in same:
                m.group = m.label
            continue
        group, k = algorithm, 1
        while group in taken:
            k += 1
            group = f"{algorithm} ({k})"
        taken.add(group)
        for m in same:
            m.group = group
