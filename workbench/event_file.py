"""Event logs as files: one JSON object a line, explanations included.

What JSON lacks is tagged with the key ``"!"``: nan and inf, tuples, arrays, explanations. Reading makes nothing but
numbers, texts, lists and the explanation classes of this package: a hostile file can at worst be refused.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from workbench import events
from workbench.errors import LogError
from workbench.events import Event, EventLog
from workbench.history import Explanation

TAG = "!"
_EVENTS: dict[str, type[Any]] = {
    c.__name__: c for c in (events.RunStarted, events.TrialSuggested, events.TrialReported, events.TrialJudged,
                            events.TrialShelved, events.TrialFinished, events.Printed, events.StepTaken,
                            events.StateChanged, events.RunFinished)}
_CLASS = re.compile(r"workbench(\.[a-z][a-z_0-9]*)+:[A-Za-z][A-Za-z_0-9]*")


def save(log: Iterable[Event], path: str | Path) -> None:
    """Write a log to a file."""
    with Path(path).open("w", encoding="utf-8", newline="\n") as f:
        f.writelines(f"{dumps(e)}\n" for e in log)


def load(path: str | Path) -> EventLog:
    """Read a log from a file.

    Raises
    ------
    LogError
        If a line is no event; the message says which line, and why.
    """
    made = []
    with Path(path).open(encoding="utf-8") as f:
        try:
            for n, line in enumerate(f, start=1):
                made.append(_line(line, f"{path}, line {n}"))
        except UnicodeDecodeError as error:
            raise LogError(f"{path} is no event log: {error}.") from error
    return EventLog(tuple(made))


def _line(line: str, where: str) -> Event:
    try:
        return loads(line)
    except LogError as error:
        raise LogError(f"{where}: {error}") from error


def dumps(event: Event) -> str:
    """Write one event as a line of JSON."""
    fields = {f.name: encode(getattr(event, f.name)) for f in dataclasses.fields(event)}
    return json.dumps({"event": type(event).__name__, **fields}, allow_nan=False)


def loads(line: str) -> Event:
    """Read one line. Raises LogError if it is no event."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LogError(f"this is no JSON: {error}.") from error
    if not isinstance(data, dict):
        raise LogError(f"an event is a JSON object, got {type(data).__name__}.")
    cls = _EVENTS.get(str(data.pop("event", None)))
    if cls is None:
        raise LogError(f"the key 'event' must name one of {sorted(_EVENTS)}.")
    made: Event = _make(cls, data)
    return made


def encode(value: Any) -> Any:
    """Turn a value into JSON data."""
    match value:
        case None | bool() | str():
            return value
        case np.generic():
            return encode(value.item())
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else {TAG: "float", "value": str(value)}
        case list():
            return [encode(v) for v in value]
        case tuple():
            return {TAG: "tuple", "items": [encode(v) for v in value]}
        case dict():
            if TAG not in value and all(isinstance(k, str) for k in value):
                return {k: encode(v) for k, v in value.items()}
            return {TAG: "dict", "items": [[encode(k), encode(v)] for k, v in value.items()]}
        case np.ndarray() if value.dtype.kind in "biufU":
            items = [encode(v) for v in value.ravel().tolist()]
            return {TAG: "array", "dtype": value.dtype.str, "shape": list(value.shape), "items": items}
        case Explanation():
            cls = type(value)
            fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
            return {TAG: "why", "class": f"{cls.__module__}:{cls.__qualname__}", "fields": fields}
    raise LogError(f"an event may hold numbers, texts, lists, dicts, tuples, arrays and explanations, got "
                   f"{type(value).__name__}.")


def decode(data: Any) -> Any:
    """Turn JSON data into the value. Raises LogError if it is malformed."""
    if isinstance(data, list):
        return [decode(v) for v in data]
    if not isinstance(data, dict):
        return data
    if TAG not in data:
        return {k: decode(v) for k, v in data.items()}
    try:
        match data[TAG]:
            case "float":
                return float(data["value"])
            case "tuple":
                return tuple(decode(v) for v in data["items"])
            case "dict":
                return {decode(k): decode(v) for k, v in data["items"]}
            case "array":
                return _array(data)
            case "why":
                return _make(_explanation_class(data["class"]), data["fields"])
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, LogError):
            raise
        raise LogError(f"malformed data: {error!r}.") from error
    raise LogError(f"unknown tag {data[TAG]!r}.")


def _array(data: dict[str, Any]) -> np.ndarray[Any, Any]:
    dtype = np.dtype(str(data["dtype"]))
    if dtype.kind not in "biufU":
        raise LogError(f"arrays hold numbers or texts, got the type {dtype}.")
    return np.array([decode(v) for v in data["items"]], dtype=dtype).reshape([int(n) for n in data["shape"]])


def _explanation_class(name: Any) -> type[Any]:
    """Find an explanation class of this package; nothing else is ever looked up."""
    if not isinstance(name, str) or not _CLASS.fullmatch(name):
        raise LogError(f"an explanation's class is named like 'workbench.search.gp_bo:GPExplanation', got {name!r}.")
    module, cls_name = name.split(":")
    try:
        cls = getattr(importlib.import_module(module), cls_name, None)
    except ImportError as error:
        raise LogError(f"there is no module {module!r} in this version.") from error
    if not (isinstance(cls, type) and issubclass(cls, Explanation) and dataclasses.is_dataclass(cls)):
        raise LogError(f"{name!r} is no explanation.")
    return cls


def _make(cls: type[Any], data: Any) -> Any:
    if not isinstance(data, dict):
        raise LogError(f"the fields of {cls.__name__} must be an object, got {type(data).__name__}.")
    names = {f.name for f in dataclasses.fields(cls) if f.init}
    unknown = set(data) - names
    if unknown:
        raise LogError(f"{cls.__name__} has no field {sorted(unknown)!r}. It has {sorted(names)!r}.")
    try:
        return cls(**{k: decode(v) for k, v in data.items()})
    except (TypeError, ValueError) as error:
        if isinstance(error, LogError):
            raise
        raise LogError(f"{cls.__name__} cannot be made from {sorted(data)!r}: {error}.") from error
