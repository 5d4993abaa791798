"""Where named runs live: one journal file each, one writer at a time, torn tails mended.

The journal is Optuna's (a JSON object a line), so optuna-dashboard and plain Optuna open it. Beside ``name.journal``
lies ``name.journal.owner``, locked by the process that writes; the lock goes with the process, however it ends.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from workbench.errors import StorageError

FOLDER = Path("runs")


def journal_path(name: str, folder: Path = FOLDER) -> Path:
    """File of a named run. Characters that files dislike are replaced, and a hash keeps such names apart."""
    if not isinstance(name, str) or not name.strip():
        raise StorageError(f"a run's name must be a text that is not empty, got {name!r}.")
    safe = re.sub(r"[^\w\- .]", "_", name).strip(" .")[:80]
    if safe != name:
        safe = f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return folder / f"{safe}.journal"


class Owner:
    """Held by the process that writes a run; freed by the system when it dies."""

    def __init__(self, path: Path) -> None:
        self.journal = path
        self.path = path.with_name(path.name + ".owner")
        self._file: Any = None

    def acquire(self) -> bool:
        """Try to become the owner; False if another process (or another Run of this one) is."""
        try:
            self._file = self.path.open("a+b")
        except OSError as error:
            raise StorageError(f"the folder {self.path.parent} cannot be written: {error}. Choose another with "
                               "storage=, or leave the name out to keep the run in memory.") from error
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            self._file = None
            return False
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode())
        self._file.flush()
        if self.journal.exists():
            mend(self.journal)
        return True

    def release(self) -> None:
        """Give the run free."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def held(self) -> bool:
        """Whether this object is the owner."""
        return self._file is not None


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
    lock = path.with_name(path.name + ".lock")
    try:
        if time.time() - lock.lstat().st_mtime > 5:
            lock.unlink()  # left by a writer that died; Optuna would wait 30 s for it
    except OSError:
        pass
    with path.open("rb+") as f:
        f.seek(0, os.SEEK_END)
        size = end = f.tell()
        if size == 0:
            return None
        tail = b""
        while end > 0:
            start = max(0, end - 65_536)
            f.seek(start)
            block = f.read(end - start)
            cut = block.rfind(b"\n")
            tail = block[cut + 1:] + tail
            end = start + cut + 1 if cut >= 0 else start
            if cut >= 0:
                break
        if not tail:
            return None
        torn = path.with_name(f"{path.name}.torn-{int(time.time())}")
        torn.write_bytes(tail)
        f.truncate(size - len(tail))
        f.flush()
        os.fsync(f.fileno())
        return torn


def journal_storage(path: Path) -> JournalStorage:
    """Open a journal file; StorageError if it is not one."""
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error}.") from error
    except Exception as error:
        raise StorageError(f"{path} is not a journal of a run, or is damaged: {type(error).__name__}: {error}. "
                           "A copy without the damaged lines may open.") from error


def load_study(storage: BaseStorage, name: str, where: str) -> optuna.Study:
    """Open the study of that name; StorageError if it is not there."""
    try:
        return optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler())
    except KeyError as error:
        found = [s.study_name for s in optuna.get_all_study_summaries(storage)]
        raise StorageError(f"{where} holds no run {name!r}. It holds {found!r}.") from error
    except Exception as error:
        raise StorageError(f"{where} cannot be read: {type(error).__name__}: {error}.") from error
