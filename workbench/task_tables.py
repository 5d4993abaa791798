"""Tables of tasks made elsewhere, kept among the named runs: ``runs/<file>.tasks.json``, with all losses of all tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench import files
from workbench.errors import ConfigError, RunError, SpaceError, StorageError, WorkbenchError
from workbench.losses import Direction
from workbench.meta.tasks import Tasks
from workbench.scale import plain
from workbench.space import Space
from workbench.task_record import FORMAT, features_json, features_of, read_json

SUFFIX = ".tasks.json"
Table = pd.DataFrame | str | Path


@dataclass(frozen=True, eq=False)
class TaskTable:
    """Tasks from elsewhere.

    Attributes
    ----------
    name
        Under which they are kept.
    tasks
        What each configuration lost on each of them, smaller is better; with the space, and meta-features if they are known.
    metric
        What the losses are, in words.
    direction
        Whether the numbers were minimised or maximised where they come from.
    """

    name: str
    tasks: Tasks
    metric: str = ""
    direction: Direction = "minimize"

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        t = self.tasks
        assert t.space is not None
        rows = [{"name": name, "losses": [float(v) if math.isfinite(v) else None for v in t.losses[i]],
                 "features": None if t.features is None else features_json(t.features.iloc[i])} for i, name in enumerate(t.names)]
        data = {"format": FORMAT, "name": self.name, "metric": self.metric, "direction": self.direction,
                "space": t.space.to_json(), "configs": list(t.configs), "tasks": rows}
        files.write(path, json.dumps(data, allow_nan=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> TaskTable:
        """Read a file.

        Raises
        ------
        StorageError
            If it is damaged, or not a table of tasks.
        """
        data = read_json(path, "a table of tasks")
        try:
            rows = data["tasks"]
            losses = np.array([[math.nan if v is None else float(v) for v in row["losses"]] for row in rows])
            known = [None if row["features"] is None else features_of(row["features"]) for row in rows]
            features = None if all(f is None for f in known) else pd.DataFrame([pd.Series(dtype=float) if f is None else f
                                                                                for f in known])
            space = Space.from_json(data["space"])
            configs = tuple(dict(c) for c in data["configs"])
            for config in configs:
                space.validate(config)
            tasks = Tasks(tuple(str(row["name"]) for row in rows), configs, losses, features, space)
            return cls(str(data["name"]), tasks, str(data["metric"]), data["direction"])
        except (KeyError, TypeError, ValueError, AttributeError, WorkbenchError) as error:
            text = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
            raise StorageError(f"{path} is damaged: {text}. wb.past_tasks().delete(name) removes it.") from error


def read_table(name: str, losses: Tasks | Table, *, configs: Sequence[Mapping[str, Any]] | Table | None, space: Space | None,
               features: Table | None, direction: Direction, metric: str) -> TaskTable:
    """Read what a user brings; ``PastTasks.add`` says what is what."""
    if direction not in ("minimize", "maximize"):
        raise RunError(f"direction must be 'minimize' or 'maximize', got {direction!r}.")
    if isinstance(losses, Tasks):
        space, configs = space or losses.space, losses.configs if configs is None else configs
        found = losses.features if features is None else _frame(features, "meta-features")
        values = pd.DataFrame(losses.losses, index=list(losses.names))
        if found is not None and features is None:
            found = found.set_axis(values.index)
    else:
        values = _frame(losses, "losses")
        found = None if features is None else _frame(features, "meta-features")
    if space is None or configs is None:
        raise RunError("a table of tasks needs its configurations and their space, or nothing could be suggested of it. Give "
                       "space=wb.Space(...) and configs=, a list of dicts, one for each column.")
    listed = _configs(configs, values.columns, space)
    try:
        numbers = values.to_numpy(dtype=float)
        table = Tasks.from_frame(pd.DataFrame(numbers * (-1.0 if direction == "maximize" else 1.0), index=values.index), found)
    except (TypeError, ValueError) as error:
        raise RunError(f"the table of tasks cannot be used: {error}") from error
    if len(set(table.names)) < len(table):
        raise RunError("the names of tasks, which are the index of the table, must differ.")
    return TaskTable(name, Tasks(table.names, tuple(listed), table.losses, table.features, space), metric, direction)


def _frame(given: Table, what: str) -> pd.DataFrame:
    """Read a DataFrame, or a csv file whose first column names the tasks."""
    if isinstance(given, pd.DataFrame):
        return given
    try:
        return pd.read_csv(given, index_col=0)
    except (OSError, ValueError) as error:
        raise StorageError(f"the {what} in {str(given)!r} cannot be read: {error}. Give a csv file whose first column names the "
                           "tasks, or a DataFrame.") from error


def _configs(given: Sequence[Mapping[str, Any]] | Table, columns: pd.Index[Any], space: Space) -> list[dict[str, Any]]:
    """Return a configuration for each column; of a table the row of that name, without what is empty there."""
    listed: list[dict[str, Any]]
    if isinstance(given, (pd.DataFrame, str, Path)):
        table = _frame(given, "configurations")
        missing = columns.astype(str).difference(table.index.astype(str))
        if len(missing):
            raise RunError(f"the configuration of column {missing[0]!r} is missing: configurations are rows by the columns' "
                           "names.")
        rows = table.set_axis(table.index.astype(str)).loc[columns.astype(str)]
        listed = [{str(k): _typed(space, str(k), plain(v)) for k, v in row.items() if not _empty(v)} for _, row in
                  rows.astype(object).iterrows()]
    else:
        listed = [{str(k): plain(v) for k, v in config.items()} for config in given]
    if len(listed) != len(columns):
        raise RunError(f"there must be a configuration for each of the {len(columns)} columns, got {len(listed)}.")
    for j, config in enumerate(listed):
        try:
            space.validate(config)
        except (ConfigError, SpaceError) as error:
            raise RunError(f"configuration {j} is not of the space: {error}") from error
    return listed


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _typed(space: Space, name: str, value: Any) -> Any:
    """Undo what a column of numbers with gaps does to whole ones: 3 comes as 3.0."""
    if name in space.params and isinstance(value, float) and value.is_integer() and space[name].fault(value) is not None:
        return int(value)
    return value
