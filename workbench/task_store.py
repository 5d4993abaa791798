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
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench import store
from workbench.errors import RunError, StorageError
from workbench.losses import Direction
from workbench.meta.similar_tasks import neighbours
from workbench.meta.tasks import Tasks
from workbench.notebook import mimebundle
from workbench.search.gp_candidates import keys
from workbench.space import Array, Config, Space
from workbench.task_reading import PastTask, cached, forget, read_past_table, read_run
from workbench.task_record import SUFFIX, About, fingerprint, journal_of, record_path, settle
from workbench.task_similar import SimilarTasks
from workbench.task_tables import SUFFIX as TABLE_SUFFIX
from workbench.task_tables import Table, read_table

COLUMNS = ["name", "data", "rows", "columns", "estimator", "space", "trials", "best", "metric", "features", "modified", "where",
           "trouble"]
DAMAGED = "it cannot be read"
NO_FEATURES = "its meta-features are not known"
NO_CONFIG = "none of its configurations fits the space"
NOTHING_TRIED = "it has no complete trial"


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
            found += cached(path, (path, journal_of(path)), read_run)
        for path in self.folder.glob(f"*{TABLE_SUFFIX}"):
            found += cached(path, (path,), read_past_table)
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
            forget(path)
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
