"""Where named runs live: one journal file each, one writer at a time, torn tails mended.

The journal is Optuna's (a JSON object a line), so optuna-dashboard and plain Optuna open it. Beside ``name.journal``
lies ``name.journal.owner``, locked by the process that writes; the lock goes with the process, however it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path
from typing import Any, BinaryIO

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from workbench.errors import StorageError

FOLDER = Path("runs")
BLOCK = 65_536


def journal_path(name: str, folder: Path = FOLDER) -> Path:
    """File of a named run. Characters that files dislike are replaced, and a hash keeps such names apart."""
    if not isinstance(name, str) or not name.strip():
        raise StorageError(f"a run's name must be a text that is not empty, got {name!r}.")
    safe = re.sub(r"[^\w\- .]", "_", name).strip(" .")[:80]
    if safe != name:
        safe = f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return folder / f"{safe}.journal"


class Owner:
    """Held by the one who writes a run; freed by the system when its process dies."""

    def __init__(self, path: Path) -> None:
        self.journal = path
        self.path = path.with_name(path.name + ".owner")
        self._file: Any = None

    def acquire(self) -> bool:
        """Try to become the owner; False if another process (or another Run of this one) is. Mends a torn journal."""
        if self._file is not None:
            return True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a+b")
        except OSError as error:
            raise StorageError(f"the folder {self.path.parent} cannot be written: {error}. Choose another place with "
                               "storage=, or leave the name out to keep the run in memory.") from error
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        self._file = file
        if self.journal.exists():
            self.repair()
        return True

    def repair(self) -> None:
        """Cut off what a write that failed has left at the journal's end."""
        mend(self.journal)

    def release(self) -> None:
        """Give the run free."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def held(self) -> bool:
        """Whether this object is the owner."""
        return self._file is not None

    def is_free(self) -> bool:
        """Whether nobody writes the run. Changes nothing on the disk."""
        if self._file is not None or not self.path.exists():
            return self._file is None
        try:
            file = self.path.open("rb")
        except OSError:
            return True
        with file:
            try:
                _lock(file)
            except OSError:
                return False
        return True


def _lock(file: Any) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def mend(path: Path) -> Path | None:
    """Cut a torn last line off a journal and keep it beside it. Only the owner may do this.

    A line is torn when the process died, or the disk was full, in the middle of a write. Returns the file with the
    cut-off part, or None if nothing was torn.
    """
    _clear_stale_lock(path.with_name(path.name + ".lock"))
    with path.open("rb+") as f:
        size = f.seek(0, os.SEEK_END)
        tail = _after_last_newline(f, size)
        if not tail:
            return None
        torn = path.with_name(f"{path.name}.torn-{time.time_ns()}")
        with contextlib.suppress(OSError):  # on a full disk the cut is what matters: it makes room
            torn.write_bytes(tail)
        f.truncate(size - len(tail))
        f.flush()
        os.fsync(f.fileno())
        return torn


def _after_last_newline(f: BinaryIO, size: int) -> bytes:
    """Return what stands after the last end of a line, read backwards in blocks."""
    tail = b""
    while size > 0:
        start = max(0, size - BLOCK)
        f.seek(start)
        block = f.read(size - start)
        cut = block.rfind(b"\n")
        tail = block[cut + 1:] + tail
        if cut >= 0:
            break
        size = start
    return tail


def _clear_stale_lock(lock: Path) -> None:
    """Remove the lock of a writer that died in the middle of a write; Optuna would wait 30 s for it."""
    try:
        first = lock.lstat()
        for _ in range(10):  # a living writer holds it for a few milliseconds
            time.sleep(0.05)
            now = lock.lstat()
            if (now.st_ino, now.st_mtime_ns) != (first.st_ino, first.st_mtime_ns):
                return
        lock.unlink()
    except OSError:
        return


def journal_storage(path: Path) -> JournalStorage:
    """Open a journal file; StorageError if it is not one."""
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error}.") from error
    except Exception as error:
        raise StorageError(f"{path} is not a journal of a run, or is damaged: {type(error).__name__}: {error}. "
                           "A copy without the damaged lines may open.") from error


def is_empty(path: Path, name: str) -> bool:
    """Whether no trial was ever begun in that file."""
    if not path.exists() or path.stat().st_size == 0:
        return True
    try:
        return not load_study(journal_storage(path), name, str(path)).get_trials(deepcopy=False)
    except StorageError:
        return False


def any_storage(storage: str | BaseStorage) -> BaseStorage:
    """Open a storage or its URL; StorageError if that fails."""
    try:
        return optuna.storages.get_storage(storage)
    except Exception as error:
        raise StorageError(f"the storage {storage} cannot be opened: {type(error).__name__}: {error}.") from error


def load_study(storage: BaseStorage, name: str, where: str) -> optuna.Study:
    """Open the study of that name; StorageError if it is not there."""
    try:
        return optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler())
    except KeyError as error:
        found = [s.study_name for s in optuna.get_all_study_summaries(storage)]
        raise StorageError(f"{where} holds no run {name!r}. It holds {found!r}.") from error
    except Exception as error:
        raise StorageError(f"{where} cannot be read: {type(error).__name__}: {error}.") from error
