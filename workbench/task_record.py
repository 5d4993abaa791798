"""Beside a run's journal: what its data are like, so that the run is a task from which later ones can learn.

``runs/<file>.task.json`` lies beside ``runs/<file>.journal``. It holds numbers about the data and no row of them: how many rows
and columns, meta-features, and a fingerprint that tells the same data from others. A run whose data nobody described is no task.

The file is written when the run is made. Meta-features follow from a process of their own, which looks at 1,000 rows at most and
is ended after half a minute: the features known by then count. Whatever goes wrong there stands in the file, and never in the
run's way.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import math
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench import files
from workbench.errors import RunError, StorageError, WorkbenchError
from workbench.space import Space

SUFFIX = ".task.json"
FORMAT = 1
MAX_ROWS = 1000  # that meta-features look at; the same for all tasks, or their features could not be compared
LIMIT_S = 30.0  # after so long the features that are known by then are taken
SETTLE_S = 10.0  # who asks for similar tasks waits so long for features that are being computed, and so does a process that ends
NOT_YET = "the meta-features are being computed"


def record_path(journal: Path) -> Path:
    """File of the record that belongs to a journal."""
    return journal.with_name(journal.name.removesuffix(".journal") + SUFFIX)


def journal_of(record: Path) -> Path:
    """File of the journal to which a record belongs."""
    return record.with_name(record.name.removesuffix(SUFFIX) + ".journal")


# ---- what a user says of the data -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """The data of a run, or their meta-features, and what is done with them.

    Attributes
    ----------
    X, y
        The data; None if only their meta-features are known.
    features
        Meta-features; None until they are computed.
    label
        Name of the data, if they have one; a function is asked in the background.
    estimator, metric
        What is tuned, and what the loss is, in words.
    """

    X: Any = None
    y: Any = None
    features: pd.Series | None = None
    label: str | Callable[[], str] = ""
    estimator: str = ""
    metric: str = ""

    @classmethod
    def of(cls, data: Any, y: Any = None) -> About:
        """Read ``data``: a pair (X, y), X alone with ``y`` beside, or meta-features as a Series or a dict.

        Raises
        ------
        RunError
            If meta-features are no numbers by name.
        """
        if isinstance(data, About):
            return data
        if isinstance(data, (pd.Series, Mapping)) and y is None:
            return cls(features=as_features(data))
        if isinstance(data, tuple) and len(data) == 2 and y is None:
            return cls(*data)
        return cls(data, y)

    def measured(self) -> About:
        """Return it with meta-features, computed now if they are not known yet.

        Raises
        ------
        RunError
            If they cannot be computed.
        """
        if self.features is not None:
            return self
        try:
            return replace(self, features=measure(self.X, self.y))
        except Exception as error:
            raise RunError(f"the meta-features of these data cannot be computed: {type(error).__name__}: {error} Give a table of "
                           "numbers and categories, or the meta-features themselves, as a dict or a Series.") from error


def as_features(given: pd.Series | Mapping[str, Any]) -> pd.Series:
    """Read meta-features as numbers by name.

    Raises
    ------
    RunError
        If one is no number, or there is none.
    """
    series = pd.Series(dict(given), dtype=object)
    found: dict[str, float] = {}
    for name, value in series.items():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            raise RunError(f"meta-features are numbers by name, got {value!r} for {name!r}. wb.meta.meta_features(X, y) computes "
                           "some.") from None
    if not found:
        raise RunError("meta-features are numbers by name, got none. wb.meta.meta_features(X, y) computes some.")
    return pd.Series(found, dtype=float)


def measure(X: Any, y: Any = None) -> pd.Series:
    """Compute the meta-features that records hold, here and now."""
    from workbench.meta.features import meta_features

    return meta_features(X, y, max_rows=MAX_ROWS, limit_s=LIMIT_S)


def fingerprint(X: Any, y: Any = None) -> str:
    """Hash of all values, 16 hexadecimal digits: the same for the same data, whatever their columns are called."""
    digest = hashlib.sha256()
    for part in (X, y):
        if part is None:
            continue
        table = part if isinstance(part, (pd.DataFrame, pd.Series)) else pd.DataFrame(np.asarray(part))
        columns = [table] if isinstance(table, pd.Series) else [table.iloc[:, j] for j in range(table.shape[1])]
        for column in columns:
            values = column.to_numpy()
            if values.dtype.kind in "biuf":
                digest.update(values.astype(float).tobytes())
            else:
                digest.update("\x1f".join(map(str, values.tolist())).encode("utf-8", "replace"))
        digest.update(b"\x1e")
    return digest.hexdigest()[:16]


def shape_of(X: Any) -> tuple[int | None, int | None]:
    """Return the numbers of rows and columns; None where a table does not tell."""
    shape = getattr(X, "shape", None)
    if shape is None:
        try:
            return len(X), None
        except TypeError:
            return None, None
    return int(shape[0]), int(shape[1]) if len(shape) > 1 else 1


# ---- the file -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TaskRecord:
    """What is kept of a run's data.

    Attributes
    ----------
    name
        Of the run.
    data
        Name of the data set, if it has one.
    fingerprint
        Tells the same data from others; empty if the data themselves were not given.
    rows, columns
        Of the data.
    estimator, metric, direction
        What was tuned, what the loss is, and whether it is minimised.
    space
        In which was searched.
    features
        Meta-features; None if they are not known.
    note
        Why they are not known.
    """

    name: str
    data: str = ""
    fingerprint: str = ""
    rows: int | None = None
    columns: int | None = None
    estimator: str = ""
    metric: str = ""
    direction: str = "minimize"
    space: Space | None = None
    features: pd.Series | None = None
    note: str = ""

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        files.write(path, json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data; a meta-feature that does not exist is null."""
        return {"format": FORMAT, "name": self.name,
                "data": {"name": self.data, "fingerprint": self.fingerprint, "rows": self.rows, "columns": self.columns},
                "estimator": self.estimator, "metric": self.metric, "direction": self.direction,
                "space": None if self.space is None else self.space.to_json(),
                "features": features_json(self.features), "note": self.note}

    @classmethod
    def read(cls, path: Path) -> TaskRecord:
        """Read a file.

        Raises
        ------
        StorageError
            If it is damaged, or not a record of a task.
        """
        data = read_json(path, "the record of a task")
        try:
            about = data["data"]
            features = data["features"]
            return cls(str(data["name"]), str(about["name"]), str(about["fingerprint"]), _count(about["rows"]),
                       _count(about["columns"]), str(data["estimator"]), str(data["metric"]), str(data["direction"]),
                       None if data["space"] is None else Space.from_json(data["space"]),
                       None if features is None else features_of(features), str(data.get("note", "")))
        except (KeyError, TypeError, ValueError, AttributeError, WorkbenchError) as error:
            raise StorageError(f"{path} is damaged: {_say(error)} wb.past_tasks().delete(name) removes it; its run stays."
                               ) from error


def _say(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing."
    return f"{error}".rstrip(".") + "."


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object; StorageError if the file is none."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(f"{path} cannot be read: {error}. It should be {what}, as JSON.") from error
    if not isinstance(data, dict):
        raise StorageError(f"{path} is not {what}: a JSON object is expected, got {type(data).__name__}.")
    if data.get("format") != FORMAT:
        raise StorageError(f"{path} is not {what} that this version knows: its format is {data.get('format')!r}, {FORMAT} is "
                           "expected.")
    return data


def features_json(features: pd.Series | None) -> dict[str, float | None] | None:
    """Write meta-features as JSON data."""
    if features is None:
        return None
    return {str(name): float(v) if math.isfinite(v) else None for name, v in features.items()}


def features_of(data: Mapping[str, Any]) -> pd.Series:
    """Read meta-features from JSON data."""
    return pd.Series({str(name): math.nan if v is None else float(v) for name, v in data.items()}, dtype=float)


# ---- in the background -----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Writing:
    """A record that is being completed.

    Attributes
    ----------
    path
        Its file.
    done
        Is set when the file is complete.
    """

    path: Path
    done: threading.Event = field(default_factory=threading.Event)


_WRITING: weakref.WeakSet[Writing] = weakref.WeakSet()


def is_complete(path: Path) -> bool:
    """Whether a record is there and knows the meta-features."""
    try:
        return TaskRecord.read(path).features is not None
    except StorageError:
        return False


def keep(path: Path, record: TaskRecord, about: About) -> Writing:
    """Write the record of a run, and complete it in the background; never raises.

    Returns
    -------
    Writing
        Whose ``done`` is set when everything that can be known stands in the file.
    """
    rows, columns = (None, None) if about.X is None else shape_of(about.X)
    features = about.features
    if about.X is None and features is not None:
        rows, columns = (_whole(features.get(name)) for name in ("nr_inst", "nr_attr"))
    record = replace(record, rows=rows, columns=columns, estimator=about.estimator, metric=about.metric, features=features,
                     data=about.label if isinstance(about.label, str) else "", note="" if features is not None else NOT_YET)
    path = path.absolute()  # whoever changes the folder meanwhile
    writing = Writing(path)
    try:
        record.write(path)
    except (WorkbenchError, OSError):  # the folder can no longer be written: the run itself says so with its first trial
        writing.done.set()
        return writing
    if about.X is None:
        writing.done.set()
        return writing
    _WRITING.add(writing)
    threading.Thread(target=_complete, args=(writing, record, about), daemon=True, name="workbench-task").start()
    return writing


def _whole(value: Any) -> int | None:
    return int(value) if value is not None and math.isfinite(value) else None


def _complete(writing: Writing, record: TaskRecord, about: About) -> None:
    """Compute what takes time, and write it down; a record that was deleted meanwhile stays deleted."""
    troubles = []
    try:
        for learn, trouble in ((_learn_data, "There is no fingerprint of the data"),
                               (_learn_features, "The meta-features could not be computed")):
            try:
                record = learn(record, about)
            except Exception as error:  # noqa: BLE001 - data may be anything: what went wrong stands in the file
                troubles.append(f"{trouble}: {type(error).__name__}: {error}")
        if writing.path.exists():
            replace(record, note=" ".join(troubles)).write(writing.path)
    except (WorkbenchError, OSError):
        pass  # it is no longer possible to write there
    finally:
        writing.done.set()


def _learn_data(record: TaskRecord, about: About) -> TaskRecord:
    label = about.label if isinstance(about.label, str) else about.label()
    return replace(record, data=label, fingerprint=fingerprint(about.X, about.y))


def _learn_features(record: TaskRecord, about: About) -> TaskRecord:
    if record.features is not None:
        return record
    from workbench.meta.described import Described
    from workbench.meta.features_process import measured

    return replace(record, features=measured(Described.of(about.X, about.y, max_rows=MAX_ROWS), LIMIT_S))


def settle(folder: Path | None = None) -> None:
    """Wait a little for records of a folder that this process is completing; of all folders without one."""
    end = time.monotonic() + SETTLE_S
    for writing in list(_WRITING):
        if folder is None or writing.path.parent.resolve() == folder.resolve():
            writing.done.wait(max(end - time.monotonic(), 0.0))


atexit.register(settle)
