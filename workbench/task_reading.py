"""Reading past tasks from their files; what was read is kept as long as the files stay as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from workbench import store
from workbench.errors import StorageError, WorkbenchError
from workbench.fixed import Fixed
from workbench.imported import Misfit, fitted
from workbench.inferred import space_from_study
from workbench.ledger import attrs_json, fixed_of, goals_of, loss_of
from workbench.optuna_watch import NotKnown
from workbench.propose import told_trials
from workbench.run import ATTR_SETTINGS, ATTR_SPACES
from workbench.space import Array, Config, Space
from workbench.task_record import SUFFIX, TaskRecord, journal_of
from workbench.task_tables import SUFFIX as TABLE_SUFFIX
from workbench.task_tables import TaskTable


@dataclass(frozen=True, eq=False)
class PastTask:
    """One past task: what its data are like, and what was tried.

    Attributes
    ----------
    record
        What its data are like.
    configs, losses
        Complete trials: whole configurations, and losses, smaller is better.
    where
        The files that hold it.
    modified
        When they were last written.
    table
        Name of the table that it is of; empty for a run.
    trouble
        What is wrong with its files; empty if nothing is.
    """

    record: TaskRecord
    configs: tuple[Config, ...] = ()
    losses: Array = field(default_factory=lambda: np.empty(0))
    where: tuple[Path, ...] = ()
    modified: float = 0.0
    table: str = ""
    trouble: str = ""

    @property
    def name(self) -> str:
        """Of the run; of a table's task, the table's name before it."""
        return f"{self.table}: {self.record.name}" if self.table else self.record.name

    @property
    def best(self) -> float:
        """The best value, as the user counts it; nan if there is none."""
        if not len(self.losses):
            return math.nan
        least = float(self.losses.min())
        return -least if self.record.direction == "maximize" else least

    def within(self, space: Space) -> tuple[list[Config], Array]:
        """Return the configurations that fit a space, translated, and their losses."""
        own = self.record.space
        if own is None:
            return [], np.empty(0)
        if self.table and own == space:
            return list(self.configs), self.losses  # checked when it was read
        configs, losses = [], []
        for config, loss in zip(self.configs, self.losses, strict=True):
            try:
                configs.append(fitted(config, own, space))
                losses.append(loss)
            except Misfit:
                continue
        return configs, np.array(losses)

    def row(self) -> dict[str, Any]:
        """Return what ``PastTasks.frame`` says of it."""
        r = self.record
        return {"name": self.name, "data": r.data or r.fingerprint, "rows": r.rows, "columns": r.columns,
                "estimator": r.estimator, "space": "" if r.space is None else ", ".join(r.space.names),
                "trials": len(self.losses), "best": self.best, "metric": r.metric,
                "features": 0 if r.features is None else int(r.features.notna().sum()),
                "modified": pd.Timestamp(self.modified, unit="s").round("s"), "where": ", ".join(map(str, self.where)),
                "trouble": self.trouble or (r.note if r.features is None else "")}


_READ: dict[str, tuple[tuple[Any, ...], list[PastTask]]] = {}  # what was read, by file, as long as the files stay the same


def forget(path: Path) -> None:
    """Forget what was read from a file."""
    _READ.pop(str(path.resolve()), None)


def cached(path: Path, watched: Sequence[Path], read: Any) -> list[PastTask]:
    """Read a file, unless it and those that belong to it are as they were."""
    stamp = []
    for p in watched:
        try:
            s = p.stat()
            stamp.append((s.st_mtime_ns, s.st_size))
        except OSError:
            stamp.append((0, -1))
    key = str(path.resolve())
    held = _READ.get(key)
    if held is None or held[0] != (str(path), *stamp):
        held = (str(path), *stamp), read(path)
        _READ[key] = held
    return held[1]


def _modified(paths: Sequence[Path]) -> float:
    times = []
    for p in paths:
        try:
            times.append(p.stat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)


def read_run(path: Path) -> list[PastTask]:
    """Read a run that was described; what is wrong with its files stands in ``trouble``."""
    journal = journal_of(path)
    where = (path, *([journal] if journal.exists() else []))
    name = path.name.removesuffix(SUFFIX)
    try:
        record = TaskRecord.read(path)
    except StorageError as error:
        return [PastTask(TaskRecord(name), where=where, modified=_modified(where), trouble=str(error))]
    try:
        space, configs, losses = _read_trials(journal, record)
    except (WorkbenchError, OSError, KeyError, ValueError, TypeError, IndexError) as error:
        return [PastTask(record, where=where, modified=_modified(where), trouble=str(error))]
    if space != record.space:
        record = replace(record, space=space)
    return [PastTask(record, tuple(configs), losses, where, _modified(where))]


def _read_trials(journal: Path, record: TaskRecord) -> tuple[Space | None, list[Config], Array]:
    """Read complete trials, with what was fixed in them, and the space that they are of now."""
    if not journal.exists():
        raise StorageError(f"its run is gone: {journal} does not exist. wb.past_tasks().delete({record.name!r}) removes the "
                           "rest.")
    storage = store.journal_storage(journal)
    found = optuna.get_all_study_names(storage)
    if not found:
        raise StorageError(f"{journal} holds no run: it is not a journal, or is damaged. "
                           f"wb.past_tasks().delete({record.name!r}) removes the record.")
    study = optuna.load_study(study_name=record.name if record.name in found else found[0], storage=storage, sampler=NotKnown())
    goals = goals_of(study)
    if goals.several:
        raise StorageError(f"the run has {len(goals)} losses, and past tasks are compared by one.")
    configs, losses = [], []
    for t in told_trials(study.get_trials(deepcopy=False)):
        loss = loss_of(t, goals.sign) if t.state == TrialState.COMPLETE else None
        if isinstance(loss, float) and math.isfinite(loss):
            configs.append({**t.params, **fixed_of(t)})
            losses.append(loss)
    return _space_of(study, record), configs, np.array(losses)


def _space_of(study: optuna.Study, record: TaskRecord) -> Space | None:
    if study.user_attrs.get(ATTR_SETTINGS) is None:
        return record.space
    kept = attrs_json(study, ATTR_SETTINGS)
    if "fixed" in kept:
        return Fixed.from_json(kept["fixed"]).space
    data = attrs_json(study, ATTR_SPACES)[int(kept["space"])]
    return space_from_study(study) if data is None else Space.from_json(data)


def read_past_table(path: Path) -> list[PastTask]:
    """Read the tasks of a table from elsewhere; what is wrong with its file stands in ``trouble``."""
    try:
        table = TaskTable.read(path)
    except StorageError as error:
        name = path.name.removesuffix(TABLE_SUFFIX)
        return [PastTask(TaskRecord(name), where=(path,), modified=_modified([path]), trouble=str(error))]
    t, out = table.tasks, []
    for i, name in enumerate(t.names):
        features = None if t.features is None else t.features.iloc[i]
        known = features is not None and features.notna().any()
        counts = [None if not known or features is None else features.get(f) for f in ("nr_inst", "nr_attr")]
        rows, columns = (None if c is None or not math.isfinite(c) else int(c) for c in counts)
        record = TaskRecord(name, data=name, rows=rows, columns=columns, metric=table.metric, direction=table.direction,
                            space=t.space, features=features if known else None,
                            note="" if known else "no meta-features were given")
        tried = np.isfinite(t.losses[i])
        configs = tuple(c for c, there in zip(t.configs, tried, strict=True) if there)
        out.append(PastTask(record, configs, t.losses[i][tried], (path,), _modified([path]), table.name))
    return out
