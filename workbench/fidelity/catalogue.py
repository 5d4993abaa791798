"""The schedulers by name: for a panel's drop-down, and to keep with a run which one it used."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from workbench.errors import RunError, StorageError
from workbench.fidelity.halving import SuccessiveHalving
from workbench.fidelity.hyperband import EagerHyperband, Hyperband
from workbench.schedule import Scheduler

SCHEDULERS: dict[str, type[Any]] = {c.__name__: c for c in (SuccessiveHalving, Hyperband, EagerHyperband)}


def label(scheduler: Any) -> str:
    """Name a scheduler with what differs from its defaults; "" for none."""
    if scheduler is None:
        return ""
    return f"{type(scheduler).__name__}({', '.join(f'{k}={v!r}' for k, v in _changed(scheduler).items())})"


def to_json(scheduler: Any) -> dict[str, Any] | None:
    """Keep a scheduler as its class name and the arguments that differ from the defaults."""
    if scheduler is None:
        return None
    name = type(scheduler).__name__
    if SCHEDULERS.get(name) is not type(scheduler):
        return {"type": name, "foreign": True}
    return {"type": name, **_changed(scheduler)}


def _changed(scheduler: Any) -> dict[str, Any]:
    if not dataclasses.is_dataclass(scheduler):
        return {}
    return {f.name: getattr(scheduler, f.name) for f in dataclasses.fields(scheduler)
            if f.init and getattr(scheduler, f.name) != f.default}


def from_json(data: Any) -> Scheduler | None:
    """Make the scheduler again; None for none, and for one that is not ours (pass it again as ``scheduler=``).

    Raises
    ------
    StorageError
        If the data are malformed.
    """
    if data is None:
        return None
    if not isinstance(data, Mapping) or not isinstance(data.get("type"), str):
        raise StorageError(f"a scheduler is kept as an object with its type, got {data!r}.")
    if data.get("foreign"):
        return None
    cls = SCHEDULERS.get(data["type"])
    if cls is None:
        raise StorageError(f"there is no scheduler {data['type']!r} in this version; there are {', '.join(SCHEDULERS)}.")
    try:
        made: Scheduler = cls(**{k: v for k, v in data.items() if k != "type"})
    except (TypeError, RunError) as error:
        raise StorageError(f"the scheduler {data['type']} cannot be made: {error}") from error
    return made
