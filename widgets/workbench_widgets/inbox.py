"""Commands of the page wait in a queue until the pump's thread carries them out; what goes wrong is said where it was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from workbench.errors import WorkbenchError

T = TypeVar("T")


def waiting(queue: SimpleQueue[T]) -> Iterator[T]:
    """Take out what waits, also what comes in meanwhile, until nothing does."""
    while True:
        try:
            message = queue.get_nowait()
        except Empty:
            return
        yield message


def words(error: Exception) -> str:
    """Say an error to whoever clicked: our own in their words, others by their type too."""
    return str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"


def trouble(error: Exception) -> dict[str, Any]:
    """Return what a panel says of an error; the time lets the page see that the same one came again."""
    return {"text": words(error), "at": time.time()}
