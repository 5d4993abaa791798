"""The table that a recipe works on: where it comes from, what its columns are, and which of them can be learnt from.

A table may be an example set, a DataFrame or array of the notebook, or a CSV file. It becomes one DataFrame whose columns
have texts as names, the target among them.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.errors import WorkbenchError
from workbench.problems.data_sets import data_set

Source = Literal["example", "kernel", "csv"]
Task = Literal["classification", "regression"]
Kind = Literal["number", "category", "date", "mixed", "empty"]

ABOUT = {  # of the example sets, in a sentence
    "digits": "Handwritten digits of 8 × 8 pixels: which of ten is it?",
    "wine": "Chemical analyses of wines: from which of three growers?",
    "iris": "Sizes of sepals and petals: which of three species of iris?",
    "breast_cancer": "Shapes of cell nuclei in images: is the tumour malignant?",
    "diabetes": "Body measures and blood values: how far has diabetes come a year later?",
}
TARGET = "target"  # the column of an example set, or of an array of targets, that is to be predicted
TELLING = ("target", "class", "label", "y", "outcome", "species", "survived", "price")  # names that targets often have
MANY_CLASSES = 20  # whole numbers with more distinct values than this are quantities, not classes
MANY_CATEGORIES = 30  # beyond, the rare ones are taken together
TEXTS = 0.5  # a column of texts with a larger share of distinct values is free text, or names the rows
BARS = 12  # of a small histogram
SNIFFED = 65_536  # bytes that tell how a file is written
COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def _quietly(_: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Data:
    """Where a table comes from.

    Attributes
    ----------
    kind
        "example": comes with the workbench; "kernel": a variable of the notebook; "csv": a file.
    name
        Name of the set or variable, or the file's path.
    y
        For a variable: the name of another one that holds the targets, if they are no column of it.
    """

    kind: Source
    name: str
    y: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of a column.

    Attributes
    ----------
    why
        Why it is better left out; empty if nothing speaks against it.
    usable
        Whether it can be used at all.
    bars
        A small histogram: counts, of equal ranges between ``low`` and ``high``, or of the most frequent ``labels``.
    """

    name: str
    kind: Kind
    n_missing: int
    n_distinct: int
    why: str = ""
    usable: bool = True
    bars: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of a column as a target.

    Attributes
    ----------
    task, why
        What it is probably for.
    n
        Rows that have one.
    classes
        The values as texts with their numbers of rows, the most frequent first.
    """

    task: Task
    why: str
    n: int
    classes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table that was read.

    Attributes
    ----------
    frame
        All of it, the target too.
    columns
        What is known of each column.
    target
        The column that is the target, where the source says so; else None.
    read
        Arguments of ``pandas.read_csv`` that the file needs.
    renamed
        Whether the columns' names were no texts before, or there were none.
    """

    data: Data
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    target: str | None = None
    read: Mapping[str, Any] = field(default_factory=dict)
    renamed: bool = False
    _targets: dict[str, Target] = field(default_factory=dict)  # looked at already

    def __getitem__(self, name: str) -> Column:
        """Return what is known of a column."""
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(c.name for c in self.columns)

    def values(self, target: str) -> Any:
        """Return the target's values where there are any."""
        return self.frame[target].dropna().to_numpy()

    def as_target(self, name: str) -> Target:
        """Look at a column as a target; once, since a table may be long."""
        if name not in self._targets:
            values = self.frame[name].dropna()
            task, why = guess_task(values)
            counts = values.value_counts()
            pairs = zip(map(str, counts.index), map(int, counts), strict=True)
            self._targets[name] = Target(task, why, len(values), tuple(pairs))
        return self._targets[name]

    def likely_target(self) -> str:
        """Guess the target: where the source says so, a column of that name, else the last."""
        if self.target is not None:
            return self.target
        telling = [n for n in self.names if n.lower() in TELLING]
        return telling[0] if telling else self.names[-1]

    def advised_out(self, target: str) -> tuple[str, ...]:
        """Return the columns that are better left out."""
        return tuple(c.name for c in self.columns if c.why and c.name != target)


# ---- reading ---------------------------------------------------------------------------------------------------------

def load(data: Data, namespace: Mapping[str, Any], tell: Callable[[float], object] = _quietly) -> Table:
    """Read a table and look at its columns.

    Parameters
    ----------
    namespace
        The notebook's variables.
    tell
        Is told the share of a file that was read.

    Raises
    ------
    WorkbenchError
        If there is no such table, or it cannot be read as one.
    """
    target: str | None = None
    read: dict[str, Any] = {}
    match data.kind:
        case "example":
            known = data_set(data.name)
            frame = pd.DataFrame(known.X, columns=list(known.features)).assign(**{TARGET: known.y})
            target = TARGET
        case "kernel":
            frame, target = _of_kernel(data, namespace)
        case "csv":
            frame, read = _of_file(Path(data.name).expanduser(), tell)
        case _:
            raise WorkbenchError(f"data come from 'example', 'kernel' or 'csv', got {data.kind!r}.")
    renamed = not all(isinstance(c, str) for c in frame.columns)
    if renamed:
        numbered = all(isinstance(c, (int, np.integer)) for c in frame.columns if c != target)
        names = [f"x{c}" if numbered and c != target else str(c) for c in frame.columns]
        frame = frame.set_axis(names, axis="columns")
    if len(twice := sorted(set(frame.columns[frame.columns.duplicated()]))):
        raise WorkbenchError(f"the names of columns must be unique, got {twice[0]!r} twice. Rename one of them.")
    if frame.shape[1] < 2 or len(frame) < 4:
        raise WorkbenchError(f"a table needs a target, one column more, and at least 4 rows, got {len(frame)} rows of "
                             f"{frame.shape[1]} columns." + (_one_column(data) if frame.shape[1] < 2 else ""))
    columns = tuple(describe(name, frame[name]) for name in frame.columns)
    return Table(data, frame, columns, target, read, renamed)


def _one_column(data: Data) -> str:
    return "" if data.kind != "kernel" else " If the targets are another variable, choose it too."


def _of_kernel(data: Data, namespace: Mapping[str, Any]) -> tuple[pd.DataFrame, str | None]:
    if data.name not in namespace:
        raise WorkbenchError(f"the notebook has no variable {data.name!r}. Run the cell that makes it, or choose another one.")
    value = namespace[data.name]
    if not is_table(value):
        raise WorkbenchError(f"{data.name} must be a DataFrame or an array of two dimensions, got {_what(value)}.")
    frame = value if isinstance(value, pd.DataFrame) else pd.DataFrame(value)
    if data.y is None:
        return frame, None
    if data.y not in namespace:
        raise WorkbenchError(f"the notebook has no variable {data.y!r}. Run the cell that makes it, or choose another target.")
    y = np.asarray(namespace[data.y])
    if y.size != len(frame):
        raise WorkbenchError(f"{data.y} must hold one target for each of the {len(frame)} rows of {data.name}, got "
                             f"{y.size} values.")
    if TARGET in frame.columns:
        raise WorkbenchError(f"{data.name} has a column {TARGET!r} of its own: choose that as the target, or rename it.")
    return frame.assign(**{TARGET: y.ravel()}), TARGET


def is_table(value: Any) -> bool:
    """Whether a value is a DataFrame or a numeric array of two dimensions."""
    if isinstance(value, np.ndarray):
        return value.ndim == 2 and value.dtype.kind in "biufOU"
    return isinstance(value, pd.DataFrame)


def is_targets(value: Any, n: int) -> bool:
    """Whether a value can hold the targets of a table of n rows."""
    if isinstance(value, (list, tuple)):
        return len(value) == n and not any(isinstance(v, (list, tuple, dict)) for v in value[:5])
    shape = getattr(value, "shape", None)
    return isinstance(value, (np.ndarray, pd.Series, pd.DataFrame)) and shape in ((n,), (n, 1))


def _what(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")


class _Counted(io.RawIOBase):
    """A file that tells how far it was read."""

    def __init__(self, path: Path, tell: Callable[[float], object]) -> None:
        self._file, self._size, self._tell = path.open("rb"), max(path.stat().st_size, 1), tell

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n = self._file.readinto(buffer)  # type: ignore[attr-defined, unused-ignore]
        self._tell(self._file.tell() / self._size)
        return int(n)

    def close(self) -> None:
        self._file.close()
        super().close()


def _of_file(path: Path, tell: Callable[[float], object]) -> tuple[pd.DataFrame, dict[str, Any]]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise WorkbenchError(f"{path} {what}. Give the path of a CSV file, from {Path.cwd()} or from the root.")
    try:
        read = how_written(path)
        if path.suffix.lower() in COMPRESSED:
            return pd.read_csv(path, **read), read
        with io.BufferedReader(_Counted(path, tell), 1 << 20) as file:
            return pd.read_csv(file, **read), read
    except pd.errors.EmptyDataError as error:
        raise WorkbenchError(f"{path} is empty.") from error
    except (pd.errors.ParserError, UnicodeError, ValueError, EOFError) as error:
        raise WorkbenchError(f"{path} cannot be read as a table: {str(error).strip()}. Each line must have as many fields as "
                             "the first.") from error
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be read: {error}.") from error


def how_written(path: Path) -> dict[str, Any]:
    """Return the arguments of ``pandas.read_csv`` that differ from the defaults: separator, decimal comma, encoding, header."""
    with COMPRESSED.get(path.suffix.lower(), Path.open)(path, "rb") as file:
        raw = file.read(SNIFFED)
    read: dict[str, Any] = {}
    try:
        text = raw.decode("utf-8-sig", errors="strict" if len(raw) < SNIFFED else "ignore")
        if len(raw) == SNIFFED:
            raw[:-4].decode("utf-8-sig")  # the last character may be cut
    except UnicodeDecodeError:
        text, read["encoding"] = raw.decode("cp1252", errors="replace"), "cp1252"
    if "\0" in text:
        raise WorkbenchError(f"{path} is no text: it holds zero bytes. Give a CSV file (from a spreadsheet: save as CSV).")
    lines = [line for line in text.splitlines() if line.strip()][:200]
    if not lines:
        return read
    sep = _separator(lines)
    if sep != ",":
        read["sep"] = sep
    rows = list(csv.reader(lines, delimiter=sep))
    if sep != "," and any(re.fullmatch(r"-?\d+,\d+", v.strip()) for row in rows[1:] for v in row):
        read["decimal"] = ","
    if all(_is_number(v, read.get("decimal", ".")) for v in rows[0]):
        read["header"] = None
    return read


def _separator(lines: list[str]) -> str:
    """Return the separator that cuts the lines into equally many fields, the most of all."""
    best, most = ",", 1
    for sep in ",;\t|":
        widths = [len(row) for row in csv.reader(lines[:50], delimiter=sep)]
        common = max(set(widths), key=widths.count)
        if common > most and widths.count(common) >= 0.9 * len(widths):
            best, most = sep, common
    return best


def _is_number(text: str, decimal: str) -> bool:
    try:
        float(text.strip().replace(decimal, "."))
    except ValueError:
        return False
    return True


# ---- looking at columns ----------------------------------------------------------------------------------------------

def describe(name: str, column: pd.Series[Any]) -> Column:
    """Look at a column: what kind it is, and whether something speaks against it."""
    there = column.dropna()
    n, missing = len(column), len(column) - len(there)
    kind = kind_of(there)
    if kind == "mixed":
        return Column(name, kind, missing, 0, "It holds values of several kinds. Make them one: astype(str), say.", usable=False)
    distinct = int(there.nunique())
    more: dict[str, Any] = {}
    if kind == "empty":
        return Column(name, kind, missing, 0, "All its values are missing.", usable=False)
    if kind == "date":
        why = "Dates are not used. Make numbers of them: the year, the month, the days since a day."
        return Column(name, kind, missing, distinct, why, usable=False)
    if kind == "number":
        values = there.to_numpy(dtype=float)
        finite = values[np.isfinite(values)]
        if len(finite):
            counts, edges = np.histogram(finite, bins=min(BARS, max(distinct, 2)))
            more = {"bars": tuple(map(int, counts)), "low": float(edges[0]), "high": float(edges[-1])}
        if len(finite) < len(values):
            return Column(name, kind, missing, distinct, "It holds infinite values. Replace them first.", usable=False, **more)
    else:
        counts_of = there.value_counts().head(BARS)
        more = {"bars": tuple(map(int, counts_of)), "labels": tuple(str(v) for v in counts_of.index)}
    return Column(name, kind, missing, distinct, _against(kind, there, distinct, n), **more)


def kind_of(values: pd.Series[Any]) -> Kind:
    """Tell what a column without its missing values holds."""
    if not len(values):
        return "empty"
    types = pd.api.types
    if types.is_bool_dtype(values) or isinstance(values.dtype, pd.CategoricalDtype):
        return "category"
    if types.is_numeric_dtype(values):
        return "mixed" if types.is_complex_dtype(values) else "number"
    inferred = types.infer_dtype(values, skipna=True)
    kinds: dict[str, Kind] = {"string": "category", "boolean": "category", "integer": "number", "floating": "number",
                              "mixed-integer-float": "number", "decimal": "number", "datetime64": "date", "datetime": "date",
                              "date": "date", "timedelta": "date", "timedelta64": "date", "period": "date", "time": "date"}
    return kinds.get(inferred, "mixed")


def _against(kind: Kind, there: pd.Series[Any], distinct: int, n: int) -> str:
    if distinct == 1 and (kind == "number" or len(there) == n):  # a missing category is one of its own
        return "All its values are the same."
    if kind == "number":
        whole = pd.api.types.is_integer_dtype(there)
        if whole and distinct == n and n > MANY_CLASSES and (np.diff(there.to_numpy(dtype=float)) == 1).all():
            return "It numbers the rows."
    elif distinct > MANY_CATEGORIES and distinct > TEXTS * len(there):
        return f"{distinct} different texts in {len(there)} rows: names, or free text."
    return ""


def guess_task(values: Any) -> tuple[Task, str]:
    """Tell from the target's values whether it is to be classified or estimated, and why."""
    values = pd.Series(values).dropna()
    n, distinct = len(values), int(values.nunique())
    if kind_of(values) != "number":
        return "classification", f"{distinct} different values that are no numbers."
    whole = bool((values.astype(float) % 1 == 0).all())
    if whole and distinct <= MANY_CLASSES and distinct <= max(0.2 * n, 2):
        return "classification", f"{distinct} different whole numbers in {n} rows."
    return "regression", f"{distinct} different numbers in {n} rows."


def picture(values: Any, task: Task) -> dict[str, Any]:
    """Return the target's distribution: the classes with their counts, or a histogram."""
    values = pd.Series(values).dropna()
    if task == "classification":
        counts = values.value_counts()
        top = counts.head(BARS)
        return {"labels": [str(v) for v in top.index], "bars": [int(c) for c in top], "more": len(counts) - len(top)}
    numbers = pd.to_numeric(values, errors="coerce").dropna().to_numpy(dtype=float)
    if not len(numbers):
        return {}
    counts, edges = np.histogram(numbers, bins=20)
    return {"low": float(edges[0]), "high": float(edges[-1]), "bars": [int(c) for c in counts]}
