"""Threads that may talk to widgets: started with a copy of the context, which ipykernel looks things up in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context


def spawn(work: Callable[[], object], name: str) -> threading.Thread:
    """Run ``work`` in a daemon thread of that name."""
    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True, name=f"workbench {name}")
    thread.start()
    return thread
