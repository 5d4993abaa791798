"""Search spaces as JSON, as Python code and as an HTML table.

::

    {"version": 1,
     "params": [{"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "log": true},
                {"name": "optimizer", "type": "choice", "options": ["adam", "sgd"]},
                {"name": "momentum", "type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": ["sgd"]}}],
     "forbidden": [{"optimizer": ["sgd"], "momentum": [0.0]}]}

Keys that are absent or null have their default.
"""

from __future__ import annotations

import json
import keyword
import reprlib
from collections.abc import Mapping
from html import escape
from typing import Any

from workbench.errors import SpaceError
from workbench.space import Choice, Float, Int, Param, Space, When, describe

VERSION = 1
MAX_PARAMS = 5_000
MAX_CHARACTERS = 5_000_000
MAX_SHOWN = 20  # options in a table

_FIELDS = {
    "float": {"low", "high", "log", "step", "default", "when"},
    "int": {"low", "high", "log", "step", "default", "when"},
    "choice": {"options", "ordered", "default", "when"},
}


# ---- JSON ------------------------------------------------------------------------------------------------------


def to_json(space: Space) -> dict[str, Any]:
    """Return the space as JSON data: version, params (a list, in order) and forbidden combinations."""
    out: dict[str, Any] = {"version": VERSION, "params": [param_json(name, p) for name, p in space.params.items()]}
    if space.forbidden:
        out["forbidden"] = [_pairs_json(clause) for clause in space.forbidden]
    return out


def _pairs_json(pairs: When) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in pairs}


def param_json(name: str, p: Param) -> dict[str, Any]:
    """Return one entry of ``params``."""
    out: dict[str, Any] = {"name": name}
    match p:
        case Choice():
            out |= {"type": "choice", "options": list(p.options)}
            if p.ordered:
                out["ordered"] = True
        case Int():
            out |= {"type": "int", "low": p.low, "high": p.high}
            if _is_stepped(p):
                out["step"] = p.step
        case Float():
            out |= {"type": "float", "low": p.low, "high": p.high}
            if _is_stepped(p):
                out["step"] = p.step
    if not isinstance(p, Choice) and p.log:
        out["log"] = True
    if p.default is not None:
        out["default"] = p.default
    if p.when:
        out["when"] = _pairs_json(p.when)
    return out


def from_json(data: Mapping[str, Any] | str) -> Space:
    """Read JSON data, or its text. Nothing in it is ever executed.

    Raises
    ------
    SpaceError
        If it is no JSON, or no space: an unknown key, a wrong type, a name twice, an impossible range, too much of it.
    """
    if isinstance(data, str):
        data = _parse(data)
    if not isinstance(data, Mapping):
        raise SpaceError(f"a space is a JSON object, got {_short(data)}.")
    _only(data, {"version", "params", "forbidden"}, "a space")
    version = data.get("version", VERSION)
    if isinstance(version, bool) or version != VERSION:
        raise SpaceError(f"a space of version {VERSION} is needed, got version {_short(version)}. It was made by "
                         "another version of the workbench.")
    params, forbidden = data.get("params", []), data.get("forbidden", [])
    for name, many in (("params", params), ("forbidden", forbidden)):
        if not isinstance(many, list):
            raise SpaceError(f"{name!r} must be a list, got {_short(many)}.")
        if len(many) > MAX_PARAMS:
            raise SpaceError(f"{name!r} has at most {MAX_PARAMS} entries, got {len(many)}.")
    return Space([param_from_json(entry) for entry in params],
                 forbidden=[_pairs(c, "a forbidden combination") for c in forbidden])


def _parse(text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise SpaceError(f"a space has at most {MAX_CHARACTERS} characters of JSON, got {len(text)}.")
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique_keys)
    except SpaceError:
        raise
    except (ValueError, RecursionError) as error:
        raise SpaceError(f"this is no JSON: {error}") from error


def _no_constant(text: str) -> Any:
    raise SpaceError(f"numbers must be finite, got {text}.")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        keys = [k for k, _ in pairs]
        raise SpaceError(f"an object has every key once, got {_short(next(k for k in keys if keys.count(k) > 1))} "
                         "twice.")
    return out


def _short(value: Any) -> str:
    """Show a value of unknown origin: never long, never deep."""
    return reprlib.repr(value)


def _only(entry: Mapping[str, Any], allowed: set[str], what: str) -> None:
    extra = [k for k in entry if k not in allowed]
    if extra:
        raise SpaceError(f"{what} knows {sorted(allowed)}, got {_short(extra[0])}. Remove it.")


def _pairs(entry: Any, what: str) -> dict[str, list[Any]]:
    if not isinstance(entry, Mapping):
        raise SpaceError(f"{what} is an object of names and values, got {_short(entry)}.")
    out = {}
    for name, values in entry.items():
        values = values if isinstance(values, list) else [values]
        if not all(v is None or isinstance(v, (bool, int, float, str)) for v in values):
            raise SpaceError(f"{what} lists plain values, got {_short(values)} for {_short(name)}.")
        out[name] = values
    return out


def param_from_json(entry: Any) -> tuple[str, Param]:
    """Read one entry of ``params``: its name and the parameter. SpaceError if it is malformed."""
    if not isinstance(entry, Mapping):
        raise SpaceError(f"a parameter is a JSON object, got {_short(entry)}.")
    name, kind = entry.get("name"), entry.get("type")
    if not isinstance(name, str) or not name:
        raise SpaceError(f"a parameter needs a name, a non-empty text, got {_short(name)}.")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise SpaceError(f"{name!r} must be of type float, int or choice, got {_short(kind)}.")
    _only(entry, _FIELDS[kind] | {"name", "type"}, f"{name!r}, of type {kind},")
    given = {k: v for k, v in entry.items() if k not in ("name", "type") and v is not None}  # null: as if left out
    if "when" in given:
        given["when"] = _pairs(given["when"], f"the condition of {name!r}")
    try:
        if kind == "choice":
            options = given.pop("options", None)
            if not isinstance(options, list):
                raise SpaceError(f"options must be a list, got {_short(options)}.")
            if len(options) == 1 and isinstance(options[0], list):
                raise SpaceError(f"options are plain values, got {_short(options[0])}.")
            return name, Choice(*options, **given)
        for key in ("low", "high"):
            if key not in given:
                raise SpaceError(f"{key!r} is missing.")
        return name, (Int if kind == "int" else Float)(given.pop("low"), given.pop("high"), **given)
    except SpaceError as error:
        raise SpaceError(f"{name!r}: {error}") from error


# ---- Python code -----------------------------------------------------------------------------------------------


def param_code(p: Param) -> str:
    """Return the parameter as Python code: ``wb.Float(1e-05, 0.1, log=True)``."""
    match p:
        case Choice():
            args = [repr(o) for o in p.options] + (["ordered=True"] if p.ordered else [])
        case Float() | Int():
            args = [repr(p.low), repr(p.high)] + (["log=True"] if p.log else [])
            if _is_stepped(p):
                args.append(f"step={p.step!r}")
    if p.default is not None:
        args.append(f"default={p.default!r}")
    if p.when:
        args.append(f"when={_pairs_code(p.when)}")
    return f"wb.{type(p).__name__}({', '.join(args)})"


def _is_stepped(p: Float | Int) -> bool:
    return p.step is not None and not (isinstance(p, Int) and p.step == 1)


def _pairs_code(pairs: When) -> str:
    return repr({name: values[0] if len(values) == 1 else list(values) for name, values in pairs})


def to_code(space: Space) -> str:
    """Return the space as Python code that needs ``import workbench as wb``, one parameter a line."""
    plain = all(n.isidentifier() and n.isascii() and not keyword.iskeyword(n) and n not in ("forbidden", "__debug__")
                for n in space.names)
    lines = [f"{name}={param_code(p)}," if plain else f"    {name!r}: {param_code(p)}," for name, p in
             space.params.items()]
    if not plain:
        lines = ["{", *lines, "},"]
    if space.forbidden:
        lines.append(f"forbidden=[{', '.join(_pairs_code(c) for c in space.forbidden)}],")
    return "wb.Space()" if not lines else "wb.Space(\n" + "\n".join(f"    {line}" for line in lines) + "\n)"


# ---- HTML ------------------------------------------------------------------------------------------------------


def number_text(v: Any) -> str:
    """Write a value: numbers short and without loss of what matters, text in quotes."""
    return f"{v:.6g}" if isinstance(v, float) else repr(v)


def _options_text(options: tuple[Any, ...]) -> str:
    shown = ", ".join(repr(o) for o in options[:MAX_SHOWN])
    return shown if len(options) <= MAX_SHOWN else f"{shown}, … ({len(options)} options)"


def to_html(space: Space) -> str:
    """Return the space as an HTML table; everything that a user named is escaped."""
    rows = []
    for name, p in space.params.items():
        if isinstance(p, Choice):
            kind = "ordered choice" if p.ordered else "choice"
            values = _options_text(p.options)
        else:
            kind = "int" if isinstance(p, Int) else "float"
            values = f"{number_text(p.low)} … {number_text(p.high)}"
            values += ", log" if p.log else ""
            values += f", step {number_text(p.step)}" if _is_stepped(p) else ""
        default = "" if p.default is None else number_text(p.default)
        cells = (name, kind, values, default, describe(p.when) or "always")
        rows.append("<tr>" + "".join(f'<td style="text-align:left">{escape(c)}</td>' for c in cells) + "</tr>")
    head = "".join(f'<th style="text-align:left">{h}</th>' for h in ("parameter", "type", "values", "default",
                                                                   "active when"))
    foot = "".join(f"<p>forbidden: {escape(describe(c))}</p>" for c in space.forbidden)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{foot}"
