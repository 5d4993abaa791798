"""Files that somebody asked for: written whole or not at all, with an error that says what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from workbench.errors import StorageError

PACKAGES = ("automl-workbench", "numpy", "scipy", "pandas", "scikit-learn", "optuna", "plotly")
LONGEST = 80  # characters of a file name made from a run's name


def write(path: str | Path, content: str | bytes) -> Path:
    """Write a file, through a new one beside it that takes its place: who reads meanwhile sees the old one or the new one.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise StorageError(f"{str(path)!r} is a folder. Give the name of a file in it.")
    if not path.parent.is_dir():
        raise StorageError(f"there is no folder {str(path.parent)!r} for {path.name!r}. Make it first, or choose another.")
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
        os.replace(part, path)  # noqa: PTH105 - as one step, over an old file too
    except OSError as error:
        part.unlink(missing_ok=True)
        why = error.strerror or error
        raise StorageError(f"{str(path)!r} cannot be written: {why}. Choose another folder or name.") from error
    return path


def file_stem(name: str | None) -> str:
    """Make the first part of a file name from a run's name: letters, digits, ``-`` and ``_``; "run" if nothing is left."""
    return re.sub(r"[^\w-]+", "-", name or "").strip("-_")[:LONGEST] or "run"


def size_text(n_bytes: int) -> str:
    """Say how large something is: "812 B", "4.9 kB", "5.1 MB"."""
    if n_bytes < 1000:
        return f"{n_bytes} B"
    return f"{n_bytes / 1e3:.3g} kB" if n_bytes < 999_500 else f"{n_bytes / 1e6:.3g} MB"


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of those of the packages that are installed."""
    found = {"python": python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
