"""What the application can begin with: variables of the notebook, files beside it, uploads."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.automl.recipe_data import ABOUT, is_table, is_targets
from workbench.automl.recipe_plan import WAYS, way_of
from workbench.errors import WorkbenchError
from workbench.problems.data_sets import DATA_SETS

SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".csv.gz", ".tsv.gz", ".csv.bz2", ".csv.xz")
MOST_FILES, MOST_SEEN = 200, 4000  # files that are listed, and entries that are looked at to find them
UPLOADS = Path("uploads")
MOST_MB = 200  # of an upload: the kernel must hold it several times


def namespace(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the notebook's variables as they are now, and before them what was given to the application."""
    from IPython import get_ipython

    shell = get_ipython()
    return ({} if shell is None else dict(shell.user_ns)) | dict(given)


def hidden(name: str) -> bool:
    """Whether a name is IPython's own, or meant to be private."""
    return name.startswith("_") or name in ("In", "Out", "get_ipython", "exit", "quit", "open")


def examples() -> list[list[str]]:
    """Return the example sets: name, words, description."""
    return [[name, f"{name.replace('_', ' ')} · {task}", ABOUT[name]] for name, task in DATA_SETS.items()]


def tables(names: Mapping[str, Any]) -> list[list[str]]:
    """Return the tables among variables: name, and words."""
    found = [(name, value) for name, value in _items(names) if is_table(value)]
    return [[name, f"{name} · {_kind(value)} · {value.shape[0]} × {value.shape[1]}"] for name, value in found]


def targets(names: Mapping[str, Any], table: str) -> list[str]:
    """Return the variables that can hold the targets of a table."""
    value = names.get(table)
    if not is_table(value):
        return []
    assert value is not None
    return [name for name, y in _items(names) if name != table and is_targets(y, len(value))]


def objectives(names: Mapping[str, Any], given: Mapping[str, Any]) -> list[list[str]]:
    """Return what looks like an objective: functions of the notebook, problems, and what was given."""
    out = []
    for name, value in _items(names):
        mine = name in given or getattr(value, "__module__", None) == "__main__" or hasattr(value, "space")
        if mine and (way := way_of(value)):
            out.append([name, f"{name} · {WAYS[way]}"])
    return out


def _items(names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in sorted(names, key=str.lower):
        if not hidden(name) and names[name] is not None:
            yield name, names[name]


def _kind(value: Any) -> str:
    return "array" if type(value).__name__ == "ndarray" else type(value).__name__


# ---- files -----------------------------------------------------------------------------------------------------------

def files(prefix: str = "") -> list[str]:
    """Return files of tables that begin with what was typed; without it, those beside the notebook and one folder below."""
    if prefix:
        folder = Path(prefix).expanduser()
        typed = folder.name if not prefix.endswith(("/", os.sep)) else ""
        folder = folder if not typed else folder.parent
        head = prefix[:len(prefix) - len(typed)]
        return sorted(_matching(folder, head, typed))[:MOST_FILES]
    found = list(_matching(Path(), "", "", folders=False))
    for folder in sorted(p for p in _entries(Path()) if p.is_dir() and not p.name.startswith((".", "_"))):
        found += _matching(folder, f"{folder}/", "", folders=False)
    return sorted(found)[:MOST_FILES]


def _matching(folder: Path, head: str, typed: str, *, folders: bool = True) -> Iterator[str]:
    for path in _entries(folder):
        if path.name.lower().startswith(typed.lower()) and not path.name.startswith("."):
            if path.name.lower().endswith(SUFFIXES):
                yield head + path.name
            elif folders and path.is_dir():
                yield head + path.name + "/"


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(e.path) for e, _ in zip(entries, range(MOST_SEEN), strict=False)]
    except OSError:
        return []  # no folder, or not ours to read: nothing to offer


class Upload:
    """A file that comes from the browser piece by piece, and is kept beside the notebook.

    It lies in ``uploads/`` under its own name; a file of that name is not overwritten.
    """

    def __init__(self, name: str, size: int) -> None:
        clean = re.sub(r"[^\w\- .]", "_", Path(name).name).strip(" .") or "table.csv"
        if size > MOST_MB * 1_000_000:
            raise WorkbenchError(f"an upload may have {MOST_MB} MB, got {size / 1e6:.0f} MB. Put the file beside the notebook, "
                                 "and give its path.")
        self.name, self.size, self.received = clean, size, 0
        self._lock = threading.Lock()
        try:
            UPLOADS.mkdir(exist_ok=True)
            self.path = self._free(clean)
            self._file = self.path.open("xb")
        except OSError as error:
            raise WorkbenchError(f"{UPLOADS} cannot be written: {error}. Put the file where the kernel can read it.") from error

    def _free(self, name: str) -> Path:
        stem, dot, suffix = name.partition(".")
        path, k = UPLOADS / name, 1
        while path.exists():
            k += 1
            path = UPLOADS / f"{stem}-{k}{dot}{suffix}"
        return path

    def take(self, at: int, piece: bytes) -> bool:
        """Take the next piece; whether the file is complete."""
        with self._lock:
            if at != self.received:
                raise WorkbenchError(f"a piece of {self.name} was lost on the way. Upload it again.")
            self._file.write(piece)
            self.received += len(piece)
            if self.received >= self.size:
                self._file.close()
                return True
        return False

    def drop(self) -> None:
        """Give it up, and remove what has come."""
        self._file.close()
        if self.received < self.size:
            self.path.unlink(missing_ok=True)
