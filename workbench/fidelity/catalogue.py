"""The schedulers by name: for a panel's drop-down, and to keep with a run which one it used."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from workbench.errors import RunError, StorageError
from workbench.fidelity.asha import ASHA
from workbench.fidelity.curve_stop import CurveStop
from workbench.fidelity.halving import SuccessiveHalving
from workbench.fidelity.hyperband import EagerHyperband, Hyperband
from workbench.fidelity.median import MedianStop
from workbench.fidelity.words import steps
from workbench.schedule import Scheduler

SCHEDULERS: dict[str, type[Any]] = {c.__name__: c for c in (
    SuccessiveHalving, Hyperband, EagerHyperband, ASHA, MedianStop, CurveStop)}

LABELLED: dict[str, Callable[[int], Scheduler]] = {  # each makes one for trials of at most so many steps
    "Hyperband": Hyperband,
    "Hyperband · eager": EagerHyperband,
    "Successive halving": SuccessiveHalving,
    "ASHA": ASHA,
    "ASHA · stopping": partial(ASHA, stop=True),
    "Median stopping": lambda max_steps: MedianStop(),  # noqa: ARG005 - it needs no largest number
    "Learning-curve extrapolation": CurveStop,
}


def label(scheduler: Any) -> str:
    """Name a scheduler as a person would: "Hyperband · 81 steps", or its class with what differs from the defaults.

    "" for none.
    """
    if scheduler is None:
        return ""
    most = getattr(scheduler, "max_steps", None)
    for text, make in LABELLED.items():
        if knows(scheduler) and scheduler == make(most or 1):
            return text if most is None else f"{text} · {steps(most)}"
    return code(scheduler) if knows(scheduler) else type(scheduler).__name__


def knows(scheduler: Any) -> bool:
    """Whether the scheduler is one of the catalogue, so that its name and arguments make it again."""
    return SCHEDULERS.get(type(scheduler).__name__) is type(scheduler)


def code(scheduler: Any) -> str:
    """Write one of ours as code with the arguments that differ from the defaults: ``Hyperband(max_steps=81)``."""
    return f"{type(scheduler).__name__}({', '.join(f'{k}={v!r}' for k, v in _changed(scheduler).items())})"


def to_json(scheduler: Any) -> dict[str, Any] | None:
    """Keep a scheduler as its class name and the arguments that differ from the defaults."""
    if scheduler is None:
        return None
    name = type(scheduler).__name__
    return {"type": name, **_changed(scheduler)} if knows(scheduler) else {"type": name, "foreign": True}


def _changed(scheduler: Any) -> dict[str, Any]:
    """Return the arguments that differ from the defaults."""
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
