"""The named runs that are kept on this machine, as a table."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import optuna
import pandas as pd

from workbench import store
from workbench.compared import Member, OfStudy
from workbench.errors import WorkbenchError
from workbench.optuna_watch import NotKnown

COLUMNS = ["name", "algorithm", "trials", "best", "direction", "modified", "in use", "where", "trouble"]


def runs(folder: str | Path = store.FOLDER) -> pd.DataFrame:
    """List the named runs of a folder, the newest first; nothing is changed.

    Columns: name (for ``wb.open`` and ``wb.compare``), algorithm, trials that ended, best value (NaN if there is none, or if
    there are several losses), direction, when it was last written, whether a process has it open for writing, its file, and
    what is wrong with the file if it cannot be read.
    """
    files = sorted(Path(folder).glob("*.journal"), key=lambda p: p.stat().st_mtime, reverse=True)
    rows = [row for path in files for row in _rows(path)]
    return pd.DataFrame(rows, columns=COLUMNS).set_index("name")


def names(folder: str | Path = store.FOLDER) -> list[str]:
    """Names of the runs of a folder, the newest first; quick, since only the beginnings of the files are read."""
    files = sorted(Path(folder).glob("*.journal"), key=lambda p: p.stat().st_mtime, reverse=True)
    return [_name(path) for path in files]


def _name(path: Path) -> str:
    """The name that a journal's first line gives its study; the file's own where that line is something else."""
    try:
        with path.open("rb") as file:
            name = json.loads(file.readline(10_000)).get("study_name")
    except (OSError, ValueError, AttributeError):
        name = None
    return name if isinstance(name, str) else path.stem


def _rows(path: Path) -> list[dict[str, Any]]:
    about: dict[str, Any] = {"modified": pd.Timestamp(path.stat().st_mtime, unit="s").round("s"), "where": str(path),
                             "in use": not store.Owner(path).is_free(), "trouble": ""}
    try:
        storage = store.journal_storage(path)
        found = optuna.get_all_study_names(storage)
        studies = [OfStudy(optuna.load_study(study_name=n, storage=storage, sampler=NotKnown()), "") for n in found]
    except (WorkbenchError, OSError, KeyError, ValueError) as error:
        return [{**about, "name": path.stem, "trouble": str(error)}]
    return [{**about, **_facts(study)} for study in studies]


def _facts(study: OfStudy) -> dict[str, Any]:
    member = Member(study)
    member.fold()
    goals, progress = member.goals, member.progress
    best = math.nan
    if len(progress) and not goals.several:
        loss = float(progress.best()[-1])
        best = math.nan if math.isinf(loss) else -loss if goals.directions == ("maximize",) else loss
    return {"name": study.study.study_name, "algorithm": member.algorithm, "trials": len(progress), "best": best,
            "direction": ", ".join(goals.directions)}
