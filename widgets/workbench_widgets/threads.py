"""Threads and widgets: who may do what, and how a click gets through while a cell runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any


def spawn(work: Callable[[], object], name: str) -> threading.Thread:
    """Run ``work`` in a daemon thread of that name, with a copy of the context: ipykernel looks things up in it."""
    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True, name=f"workbench {name}")
    thread.start()
    return thread


def answer_at_once(widget: Any) -> None:
    """Let messages to this widget be handled while a cell runs, on the kernel's own thread for them if it has one.

    JupyterLab sends them to a subshell of the kernel. From ipykernel 7.4 on the kernel sends them back to the main
    shell, behind the running cell, unless a comm decides otherwise; here it agrees with JupyterLab. Handlers then run
    beside the user's code, so they must do no more than put a command into a queue.
    """
    comm = widget.comm
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _as_asked


def _as_asked(_: Any, subshell: str | None) -> str | None:
    return subshell
