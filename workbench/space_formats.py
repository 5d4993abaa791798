"""Search spaces as JSON, as Python code, as an HTML table, and as ConfigSpace."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from html import escape
from typing import Any

from workbench.errors import SpaceError
from workbench.space import Choice, Float, Int, Param, Space, When, describe

VERSION = 1
MAX_PARAMS = 10_000
MAX_CHARACTERS = 5_000_000

_FIELDS = {
    "float": {"low", "high", "log", "step", "default", "when"},
    "int": {"low", "high", "log", "step", "default", "when"},
    "choice": {"options", "ordered", "default", "when"},
}


# ---- JSON ------------------------------------------------------------------------------------------------------


def to_json(space: Space) -> dict[str, Any]:
    """Return the space as JSON data: version, params (a list, in order) and forbidden combinations."""
    out: dict[str, Any] = {"version": VERSION, "params": [_param_json(name, p) for name, p in space.params.items()]}
    if space.forbidden:
        out["forbidden"] = [_pairs_json(clause) for clause in space.forbidden]
    return out


def _pairs_json(pairs: When) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in pairs}


def _param_json(name: str, p: Param) -> dict[str, Any]:
    out: dict[str, Any] = {"name": name}
    match p:
        case Choice():
            out |= {"type": "choice", "options": list(p.options)}
            if p.ordered:
                out["ordered"] = True
        case Int():
            out |= {"type": "int", "low": p.low, "high": p.high}
            if p.step != 1:
                out["step"] = p.step
        case Float():
            out |= {"type": "float", "low": p.low, "high": p.high}
            if p.step is not None:
                out["step"] = p.step
    if not isinstance(p, Choice) and p.log:
        out["log"] = True
    if p.default is not None:
        out["default"] = p.default
    if p.when:
        out["when"] = _pairs_json(p.when)
    return out


def from_json(data: Mapping[str, Any] | str) -> Space:
    """Read JSON data, or its text.

    Raises
    ------
    SpaceError
        If it is no JSON, or no space: an unknown key, a wrong type, a name twice, an impossible range.
    """
    if isinstance(data, str):
        if len(data) > MAX_CHARACTERS:
            raise SpaceError(f"a space has at most {MAX_CHARACTERS} characters of JSON, got {len(data)}.")
        try:
            data = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise SpaceError(f"this is no JSON: {error}") from error
    if not isinstance(data, Mapping):
        raise SpaceError(f"a space is a JSON object, got {type(data).__name__}.")
    _only(data, {"version", "params", "forbidden"}, "a space")
    if data.get("version", VERSION) != VERSION:
        raise SpaceError(f"a space of version {VERSION} is needed, got version {data.get('version')!r}. "
                         "It was made by another version of the workbench.")
    params, forbidden = data.get("params", []), data.get("forbidden", [])
    if not isinstance(params, list) or not isinstance(forbidden, list):
        raise SpaceError("'params' and 'forbidden' must be lists.")
    if len(params) > MAX_PARAMS:
        raise SpaceError(f"a space has at most {MAX_PARAMS} parameters, got {len(params)}.")
    return Space([_param(entry) for entry in params], forbidden=[_pairs(c, "a forbidden combination")
                                                                 for c in forbidden])


def _only(entry: Mapping[str, Any], allowed: set[str], what: str) -> None:
    extra = [k for k in entry if k not in allowed]
    if extra:
        raise SpaceError(f"{what} knows {sorted(allowed)}, got {extra[0]!r}. Remove it.")


def _pairs(entry: Any, what: str) -> dict[str, list[Any]]:
    if not isinstance(entry, Mapping):
        raise SpaceError(f"{what} is an object of names and values, got {entry!r}.")
    out = {}
    for name, values in entry.items():
        values = values if isinstance(values, list) else [values]
        if any(isinstance(v, (list, dict)) for v in values):
            raise SpaceError(f"{what} lists plain values, got {values!r} for {name!r}.")
        out[name] = values
    return out


def _param(entry: Any) -> tuple[str, Param]:
    if not isinstance(entry, Mapping):
        raise SpaceError(f"a parameter is a JSON object, got {entry!r}.")
    name, kind = entry.get("name"), entry.get("type")
    if not isinstance(name, str) or not name:
        raise SpaceError(f"a parameter needs a name, a non-empty text, got {name!r}.")
    if kind not in _FIELDS:
        raise SpaceError(f"{name!r} must be of type float, int or choice, got {kind!r}.")
    _only(entry, _FIELDS[kind] | {"name", "type"}, f"{name!r}, a {kind},")
    for flag in ("log", "ordered"):
        if not isinstance(entry.get(flag, False), bool):
            raise SpaceError(f"{flag!r} of {name!r} must be true or false, got {entry[flag]!r}.")
    when = _pairs(entry["when"], f"the condition of {name!r}") if entry.get("when") else None
    try:
        if kind == "choice":
            options = entry.get("options")
            if not isinstance(options, list):
                raise SpaceError(f"options must be a list, got {options!r}.")
            return name, Choice(*options, ordered=entry.get("ordered", False), default=entry.get("default"), when=when)
        for key in ("low", "high"):
            if key not in entry:
                raise SpaceError(f"{key!r} is missing.")
        low, high, log, default = entry["low"], entry["high"], entry.get("log", False), entry.get("default")
        if kind == "int":
            return name, Int(low, high, log=log, step=entry.get("step") or 1, default=default, when=when)
        return name, Float(low, high, log=log, step=entry.get("step"), default=default, when=when)
    except SpaceError as error:
        raise SpaceError(f"{name!r}: {error}") from error
    except (TypeError, OverflowError) as error:
        raise SpaceError(f"{name!r} is malformed: {error}.") from error


# ---- Python code -----------------------------------------------------------------------------------------------


def param_code(p: Param) -> str:
    """Return the parameter as Python code: ``wb.Float(1e-05, 0.1, log=True)``."""
    match p:
        case Choice():
            args = [repr(o) for o in p.options] + (["ordered=True"] if p.ordered else [])
        case Float() | Int():
            args = [repr(p.low), repr(p.high)] + (["log=True"] if p.log else [])
            if p.step not in (None, 1) or (isinstance(p, Float) and p.step is not None):
                args.append(f"step={p.step!r}")
    if p.default is not None:
        args.append(f"default={p.default!r}")
    if p.when:
        args.append(f"when={_pairs_code(p.when)}")
    return f"wb.{type(p).__name__}({', '.join(args)})"


def _pairs_code(pairs: When) -> str:
    return repr({name: values[0] if len(values) == 1 else list(values) for name, values in pairs})


def to_code(space: Space) -> str:
    """Return the space as Python code that needs ``import workbench as wb``, one parameter a line."""
    import keyword

    plain = all(n.isidentifier() and not keyword.iskeyword(n) and n != "forbidden" for n in space.names)
    lines = [f"{name}={param_code(p)}," if plain else f"    {name!r}: {param_code(p)}," for name, p in
             space.params.items()]
    if not plain:
        lines = ["{", *lines, "},"]
    if space.forbidden:
        lines.append(f"forbidden=[{', '.join(_pairs_code(c) for c in space.forbidden)}],")
    return "wb.Space()" if not lines else "wb.Space(\n" + "\n".join(f"    {line}" for line in lines) + "\n)"


# ---- HTML ------------------------------------------------------------------------------------------------------


def number_text(v: Any) -> str:
    """Write a number with three significant digits and a power of ten where it helps."""
    if isinstance(v, bool) or not isinstance(v, (int, float)):
        return repr(v)
    if isinstance(v, int) and abs(v) < 10_000:
        return str(v)
    if v == 0 or not math.isfinite(v):
        return f"{v:g}"
    return f"{v:.3g}"


def to_html(space: Space) -> str:
    """Return the space as an HTML table; everything that a user named is escaped."""
    rows = []
    for name, p in space.params.items():
        if isinstance(p, Choice):
            kind = "ordered choice" if p.ordered else "choice"
            values = ", ".join(repr(o) for o in p.options)
        else:
            kind = "int" if isinstance(p, Int) else "float"
            values = f"{number_text(p.low)} … {number_text(p.high)}"
            values += ", log" if p.log else ""
            values += f", step {number_text(p.step)}" if p.step not in (None, 1) else ""
        default = "" if p.default is None else number_text(p.default)
        cells = (name, kind, values, default, describe(p.when) or "always")
        rows.append("<tr>" + "".join(f'<td style="text-align:left">{escape(c)}</td>' for c in cells) + "</tr>")
    head = "".join(f'<th style="text-align:left">{h}</th>' for h in ("parameter", "type", "values", "default",
                                                                   "active when"))
    foot = "".join(f"<p>forbidden: {escape(describe(c))}</p>" for c in space.forbidden)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{foot}"
