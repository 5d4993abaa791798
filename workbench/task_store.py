"""Past tasks: the named runs whose data were described, and tables from elsewhere; "every study you run helps the next one".

Everything is in files of one folder, and read when it is asked for:

======================  ==============================================================================================
``<run>.journal``       the run: its trials, as always
``<run>.task.json``     what its data are like (``task_record``): meta-features, a fingerprint; no row of the data
``<table>.tasks.json``  a table of tasks from elsewhere (``task_tables``)
======================  ==============================================================================================

A past task serves another space if its configurations can be translated: the rule is that of child runs (``imported``), a
parameter that is not given is at its stated default.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from workbench import store
from workbench.errors import RunError, StorageError, WorkbenchError
from workbench.fixed import Fixed
from workbench.imported import Misfit, fitted
from workbench.inferred import space_from_study
from workbench.ledger import attrs_json, fixed_of, goals_of, loss_of
from workbench.losses import Direction
from workbench.meta.similar_tasks import neighbours
from workbench.meta.tasks import Tasks
from workbench.notebook import mimebundle
from workbench.optuna_watch import NotKnown
from workbench.propose import told_trials
from workbench.run import ATTR_SETTINGS, ATTR_SPACES
from workbench.search.gp_candidates import keys
from workbench.space import Array, Config, Space
from workbench.task_record import SUFFIX, About, TaskRecord, fingerprint, journal_of, record_path, settle
from workbench.task_similar import SimilarTasks
from workbench.task_tables import SUFFIX as TABLE_SUFFIX
from workbench.task_tables import Table, TaskTable, read_table

COLUMNS = ["name", "data", "rows", "columns", "estimator", "space", "trials", "best", "metric", "features", "modified", "where",
           "trouble"]
DAMAGED = "it cannot be read"
NO_FEATURES = "its meta-features are not known"
NO_CONFIG = "none of its configurations fits the space"
NOTHING_TRIED = "it has no complete trial"


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


@dataclass(frozen=True)
class PastTasks:
    """The past tasks of a folder. Made by ``wb.past_tasks()``.

    It holds nothing: each question reads the files, as far as they have changed; runs that go on meanwhile are seen as they are.

    Attributes
    ----------
    folder
        Where they are.
    """

    folder: Path

    # ---- what there is ---------------------------------------------------------------------------------------------

    def all(self) -> list[PastTask]:
        """Return all past tasks, the newest first; one whose files cannot be read says so in ``trouble``."""
        found: list[PastTask] = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            found += _cached(path, (path, journal_of(path)), _read_run)
        for path in self.folder.glob(f"*{TABLE_SUFFIX}"):
            found += _cached(path, (path,), _read_table)
        return sorted(found, key=lambda t: (-t.modified, t.name))

    def __len__(self) -> int:
        """Count them."""
        return len(self.all())

    @property
    def names(self) -> list[str]:
        """Names under which they are kept, the newest first: of runs and of tables."""
        return list(dict.fromkeys(t.table or t.name for t in self.all()))

    @property
    def undescribed(self) -> list[str]:
        """Named runs whose data nobody described: they are no past tasks."""
        return sorted(path.stem for path in self.folder.glob("*.journal") if not record_path(path).exists())

    def frame(self) -> pd.DataFrame:
        """List them, a row each, the newest first.

        Columns: name, data (name or fingerprint), rows and columns of the data, estimator, parameters of the space, complete
        trials, best value and what it measures, how many meta-features are known, when it was last written, the files that
        hold it, and what is wrong with them.
        """
        frame = pd.DataFrame([t.row() for t in self.all()], columns=COLUMNS)
        return frame.astype({"rows": "Int64", "columns": "Int64"}).set_index("name")

    def __repr__(self) -> str:
        """One line."""
        n = len(self)
        return f"<PastTasks: {n} past task{'s' * (n != 1)} in {self.folder}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the live panel in a notebook; a table where the notebook side is missing."""
        return mimebundle(self, "past_tasks", **kwargs)

    def _repr_html_(self) -> str:
        head = f"<p><b>{escape(repr(self)[1:-1])}</b></p>"
        without = self.undescribed
        more = ""
        if without:
            n, some = len(without), ", ".join(without[:5]) + (", …" if len(without) > 5 else "")
            more = (f"<p>{n} named run{'s' * (n != 1)} without a description of the data {'are' if n != 1 else 'is'} no past "
                    f"task{'s' * (n != 1)}: {escape(some)}. wb.tune describes its data; wb.optimize does with data=(X, y).</p>")
        frame = self.frame()
        if not len(frame):
            return (f"{head}<p>Runs of wb.tune(..., name=...) will be here, and those of wb.optimize(..., name=..., data=(X, y))."
                    f"</p>{more}")
        return head + frame.to_html(max_rows=30, na_rep="–", float_format="{:.4g}".format) + more

    # ---- what they say ---------------------------------------------------------------------------------------------

    def tasks(self, space: Space | None = None) -> Tasks:
        """Return the past tasks that fit a space as a table, the newest first.

        Parameters
        ----------
        space
            The configurations are translated into it where they fit; those that do not are left out. By default the space
            that most past tasks have.

        Returns
        -------
        Tasks
            With all configurations that any of them tried; a loss is nan where a task did not try one, and the mean where it
            tried one several times.

        Raises
        ------
        RunError
            If no past task fits.
        """
        space = self._space(space)
        fitting, _ = self._fitting(space)
        if not fitting:
            raise RunError(self._nothing(space))
        return _union(fitting, space)

    def similar(self, data: Any = None, y: Any = None, *, k: int = 5, space: Space | None = None,
                but: str | None = None) -> SimilarTasks:
        """Find the past tasks that are most like a new one, and what they suggest to try first.

        Parameters
        ----------
        data, y
            The new data; or, instead of both, their meta-features as a Series or a dict. Without either all past tasks of the
            space count, whatever their data are like.
        k
            How many tasks.
        space
            In which shall be searched; past tasks count if some of their configurations fit. By default the space that most
            past tasks have.
        but
            Name of a run that does not count: the new one itself.

        Raises
        ------
        RunError
            If no past task fits, the meta-features cannot be computed, or ``k`` is not at least 1.
        """
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise RunError(f"k counts past tasks, at least 1, got {k!r}.")
        space = self._space(space)
        if data is None:
            fitting, left_out = self._fitting(space, but)
            if not fitting:
                raise RunError(self._nothing(space))
            return _similar(fitting, [math.nan] * len(fitting), "", space, len(fitting), left_out)
        about = About.of(data, y).measured()
        settle(self.folder)
        fitting, left_out = self._fitting(space, but)
        assert about.features is not None
        new = about.features
        comparable = []
        for fit in fitting:
            features = fit.task.record.features
            if features is not None and features.reindex(new.index).notna().any():
                comparable.append(fit)
            else:
                left_out[NO_FEATURES if features is None else "it shares no meta-feature with the new task"] += 1
        if not comparable:
            raise RunError(self._nothing(space) if not fitting else
                           f"no past task in {self.folder} can be compared with these data: {_said(left_out)}.")
        names = tuple(fit.task.name for fit in comparable)
        found = neighbours(Tasks(names, ("",), np.zeros((len(names), 1)), _features(comparable)), new)
        near = [comparable[i] for i in found.order[:k]]
        mark = "" if about.X is None else fingerprint(about.X, about.y)
        return _similar(near, found.distance[:k].tolist(), mark, space, len(comparable), left_out)

    def _space(self, space: Space | None) -> Space:
        if space is not None:
            if not isinstance(space, Space):
                raise RunError(f"the space must be a wb.Space, got {type(space).__name__}.")
            return space
        counts = Counter(t.record.space for t in self.all() if t.record.space is not None and len(t.losses))
        if not counts:
            raise RunError(f"there is no past task with a trial in {self.folder} yet. wb.tune(..., name=...) keeps one.")
        return counts.most_common(1)[0][0]

    def _fitting(self, space: Space, but: str | None = None) -> tuple[list[_Fit], Counter[str]]:
        """Return past tasks with what fits the space, and why others do not count."""
        fitting: list[_Fit] = []
        left_out: Counter[str] = Counter()
        for task in self.all():
            if task.name == but and not task.table:
                continue
            if task.trouble:
                left_out[DAMAGED] += 1
            elif not len(task.losses):
                left_out[NOTHING_TRIED] += 1
            else:
                configs, losses = task.within(space)
                if configs:
                    fitting.append(_Fit(task, configs, losses))
                else:
                    left_out[NO_CONFIG] += 1
        return fitting, left_out

    def _nothing(self, space: Space) -> str:
        _, left_out = self._fitting(space)
        if not left_out:
            return f"there is no past task in {self.folder} yet. wb.tune(..., name=...) keeps one."
        return f"no past task in {self.folder} fits the space of {', '.join(space.names)}: {_said(left_out)}."

    # ---- changes ---------------------------------------------------------------------------------------------------

    def delete(self, name: str, *, journal: bool = False) -> list[Path]:
        """Delete a past task, or a table from elsewhere; nothing is asked.

        Parameters
        ----------
        name
            One of ``names``.
        journal
            Delete the run's trials too. Else the run stays, and is only no past task any more.

        Returns
        -------
        list of Path
            The files that were deleted.

        Raises
        ------
        StorageError
            If there is none of that name, or a process writes the run that shall be deleted.
        """
        mine = [t for t in self.all() if (t.table or t.name) == name]
        if not mine:
            raise StorageError(f"there is no past task {name!r} in {self.folder}. There are {self.names!r}.")
        paths = list(dict.fromkeys(t.where[0] for t in mine))
        for path in list(paths):
            kept = journal_of(path)
            if journal and path.name.endswith(SUFFIX) and kept.exists():
                owner = store.Owner(kept)
                if not owner.is_free():
                    raise StorageError(f"the run {name!r} is open for writing. Stop it first, or leave journal=True out.")
                paths += [kept, *(p for p in [owner.path] if p.exists())]
        for path in paths:
            path.unlink(missing_ok=True)
            _READ.pop(str(path.resolve()), None)
        return paths

    def add(self, name: str, tasks: Tasks | Table, *, configs: Sequence[Mapping[str, Any]] | Table | None = None,
            space: Space | None = None, features: Table | None = None, direction: Direction = "minimize",
            metric: str = "") -> Path:
        """Add a table of tasks from elsewhere: what some configurations gave on some data sets.

        Parameters
        ----------
        name
            Under which it is kept, and deleted.
        tasks
            ``wb.meta.Tasks``; or a DataFrame, or a csv file, with a row for each task and a column for each configuration. Cells
            may be empty.
        configs
            The configurations, a dict for each column; or a DataFrame or csv file with a row for each column.
        space
            Of which they are.
        features
            Meta-features: a DataFrame or csv file with a row for each task. Without them the tasks count only where nothing is
            known of the new data.
        direction
            "minimize", or "maximize" if more is better. ``wb.meta.Tasks`` are minimised.
        metric
            What the numbers are, in words.

        Returns
        -------
        Path
            The file that holds all of it.

        Raises
        ------
        RunError
            If something is missing or does not fit.
        StorageError
            If there is a table of that name, or a file cannot be read or written.
        """
        path = store.journal_path(name, self.folder)
        path = path.with_name(path.name.removesuffix(".journal") + TABLE_SUFFIX)
        if path.exists():
            raise StorageError(f"there is a table {name!r} in {self.folder} already. Delete it first, or take another name.")
        table = read_table(name, tasks, configs=configs, space=space, features=features, direction=direction, metric=metric)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the folder {self.folder} cannot be made: {error}.") from error
        table.write(path)
        return path


def past_tasks(folder: str | Path = store.FOLDER) -> PastTasks:
    """Return the past tasks of a folder: named runs whose data were described, and tables from elsewhere.

    ``.frame()`` lists them with the files that hold them, ``.similar(X, y)`` finds those that are most like new data and what to
    try first there, ``.tasks(space)`` gives all as one table, ``.delete(name)`` and ``.add(name, table)`` change what is kept.
    """
    return PastTasks(Path(folder))


# ---- putting tasks together ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A past task with those of its trials that fit a space."""

    task: PastTask
    configs: list[Config]
    losses: Array


def _said(left_out: Mapping[str, int]) -> str:
    return "; ".join(f"of {n} {why}" if n > 1 else f"of one {why}" for why, n in left_out.items())


def _union(fits: Sequence[_Fit], space: Space) -> Tasks:
    """Put tasks into one table, whose columns are all configurations that any of them tried."""
    column: dict[bytes, int] = {}
    configs: list[Config] = []
    places = []
    for fit in fits:
        at: list[int] = []
        for config, key in zip(fit.configs, keys(space.to_unit(fit.configs)), strict=True):
            if key not in column:
                column[key] = len(configs)
                configs.append(config)
            at.append(column[key])
        places.append(at)
    total, n = np.zeros((len(fits), len(configs))), np.zeros((len(fits), len(configs)))
    for i, (fit, at) in enumerate(zip(fits, places, strict=True)):
        np.add.at(total[i], at, fit.losses)
        np.add.at(n[i], at, 1)
    losses = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    known = [fit.task.record.features for fit in fits]
    names = tuple(fit.task.name for fit in fits)
    features = None if all(f is None for f in known) else _features(fits)
    return Tasks(names, tuple(configs), losses, features, space)


def _features(fits: Sequence[_Fit]) -> pd.DataFrame:
    """Put meta-features into one table, nan where a task lacks one."""
    known = [fit.task.record.features for fit in fits]
    return pd.DataFrame([{} if f is None else f.to_dict() for f in known], index=[fit.task.name for fit in fits], dtype=float)


def _similar(near: Sequence[_Fit], distance: list[float], mark: str, space: Space, n: int,
             left_out: Counter[str]) -> SimilarTasks:
    records = [fit.task.record for fit in near]
    return SimilarTasks(_union(near, space), np.array(distance), tuple(bool(mark) and r.fingerprint == mark for r in records),
                        tuple(r.metric for r in records), tuple(r.direction for r in records), n, dict(left_out))


# ---- reading ---------------------------------------------------------------------------------------------------------------


def _cached(path: Path, watched: Sequence[Path], read: Any) -> list[PastTask]:
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


def _read_run(path: Path) -> list[PastTask]:
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


def _read_table(path: Path) -> list[PastTask]:
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
