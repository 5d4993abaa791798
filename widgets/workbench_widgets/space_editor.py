"""The visual space editor: ranges with handles, choices, conditions, forbidden combinations; errors beside the field.

The synced ``draft`` is what is on screen, right or wrong; ``errors`` is Python's answer to it; ``space`` is the last
draft that was a space. So nothing that is typed is ever lost, and Python never holds a broken space.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from workbench.errors import SpaceError
from workbench.space import Choice, Space
from workbench.space_formats import from_json, to_json

HERE = Path(__file__).parent
PARTS = ("_model", "_drag", "_options", "_rules", "")  # of one JavaScript module; in this order
Errors = dict[str, dict[str, str]]
NUMBER_STAGES = ((("low", "high"), "range"), (("log",), "log"), (("step",), "step"), (("default",), "default"))
CHOICE_STAGES = ((("options", "ordered"), "options"), (("default",), "default"))


class SpaceEditor(anywidget.AnyWidget):
    """Edit a search space by hand.

    Parameters
    ----------
    space
        What to begin with; an empty space if not given.
    editable
        False only shows it.
    locked
        True once a run has trials: ranges and defaults may change; names, types, scales, options and conditions may not.

    Attributes
    ----------
    space
        The last valid space; observe it to hear of edits, set it to show another one.
    draft
        What is on screen, as JSON data (see ``workbench.space_formats``); it need not be valid.
    errors
        What is wrong with the draft: ``{parameter: {field: message}}``, "" for the space as a whole.
    """

    _esm = "\n".join((HERE / f"space_editor{part}.js").read_text(encoding="utf-8") for part in PARTS)
    _css = HERE / "space_editor.css"
    draft = t.Dict().tag(sync=True)
    errors = t.Dict().tag(sync=True)
    code = t.Unicode().tag(sync=True)  # the last valid space as Python code
    revision = t.Int().tag(sync=True)  # counts the edits in the browser …
    checked = t.Int().tag(sync=True)  # … and the last of them that `errors` answers to
    editable = t.Bool(default_value=True).tag(sync=True)
    locked = t.Bool(default_value=False).tag(sync=True)
    space = t.Instance(Space)

    def __init__(self, space: Space | None = None, *, editable: bool = True, locked: bool = False) -> None:
        space = Space() if space is None else space
        super().__init__(draft=to_json(space), code=repr(space), editable=editable, locked=locked, space=space)
        self.observe(self._check, names=["draft", "revision"])
        self.observe(self._follow, names="space")

    def show(self, space: Space) -> None:
        """Show this space instead of what is on screen."""
        self.draft = to_json(space)

    def _check(self, _: Any) -> None:
        """Answer to the draft; keep the last valid space if it is none."""
        space, errors = read(self.draft, self.space)
        with self.hold_sync():
            self.errors = errors
            if space is not None:
                self.code = repr(space)
            self.checked = self.revision
        if space is not None and space != self.space:
            self.space = space

    def _follow(self, change: Any) -> None:
        """Show a space that was set from Python."""
        if read(self.draft, change["new"])[0] != change["new"]:
            self.show(change["new"])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self.space), "text/html": self.space._repr_html_()}, meta


def read(draft: Any, known: Space) -> tuple[Space | None, Errors]:
    """Read a draft as a space, or say what is wrong with it.

    JSON in the browser does not tell 1.0 from 1: options that equal one of the ``known`` space's are taken from there.
    """
    try:
        data = json.loads(json.dumps(draft, allow_nan=False))
        return from_json(_with_known_options(data, known)), {}
    except SpaceError as error:
        return None, faults(data) or {"": {"space": str(error)}}
    except (ValueError, TypeError, RecursionError) as error:
        return None, {"": {"space": f"this is no JSON: {error}"}}


def _with_known_options(data: Any, known: Space) -> Any:
    for entry in _entries(data):
        param = known.params.get(entry["name"])
        if isinstance(param, Choice) and isinstance(entry.get("options"), list):
            floats = {o: o for o in param.options if isinstance(o, float)}
            entry["options"] = [o if isinstance(o, (bool, list, dict)) else floats.get(o, o) for o in entry["options"]]
    return data


def _entries(data: Any) -> list[dict[str, Any]]:
    """Return the parameters of a draft that have a name."""
    params = data.get("params") if isinstance(data, Mapping) else None
    if not isinstance(params, list):
        return []
    return [p for p in params if isinstance(p, dict) and isinstance(p.get("name"), str)]


def faults(data: Any) -> Errors:
    """Find what is wrong with a draft, parameter by parameter and field by field, in the words of ``Space``."""
    errors: Errors = {}
    entries = _entries(data)
    names = [p["name"] for p in entries]
    sound: list[dict[str, Any]] = []  # parameters that stand, without conditions at first
    for entry in entries:
        name = entry["name"]
        if names.count(name) > 1:
            errors.setdefault(name, {})["name"] = f"names must be unique, got {name!r} twice."
        found = _fault(entry)
        if found:
            errors.setdefault(name, {})[found[0]] = found[1]
        elif name and name not in (p["name"] for p in sound):
            sound.append({k: v for k, v in entry.items() if k != "when"})
    unsure = set(names) - {p["name"] for p in sound}  # their conditions and combinations wait
    for k, entry in enumerate(sound):
        when = next(p for p in entries if p["name"] == entry["name"]).get("when")
        if when and not (isinstance(when, dict) and unsure & set(when)):
            message = _refusal({"params": [*sound[:k], {**entry, "when": when}, *sound[k + 1:]]})
            if message:
                errors.setdefault(entry["name"], {})["when"] = message
            else:
                sound[k] = {**entry, "when": when}
    clauses = data.get("forbidden") if isinstance(data, Mapping) else None
    for k, clause in enumerate(clauses if isinstance(clauses, list) else []):
        message = None if isinstance(clause, dict) and unsure & set(clause) else _refusal(
            {"params": sound, "forbidden": [clause]})
        if message:
            errors.setdefault("", {})[f"forbidden.{k}"] = message
    return errors


def _fault(entry: dict[str, Any]) -> tuple[str, str] | None:
    """Return field and message of the first thing wrong with a parameter, its condition left aside."""
    part: dict[str, Any] = {k: entry[k] for k in ("name", "type") if k in entry}
    choice = entry.get("type") == "choice"
    for keys, field in CHOICE_STAGES if choice else NUMBER_STAGES:
        part |= {k: entry[k] for k in keys if k in entry}
        message = _refusal({"params": [part]})
        if message and field == "range":
            field = next((end for end in keys if not _fits(entry.get("type"), entry.get(end))), field)
        if message:
            return field, message
    message = _refusal({"params": [{k: v for k, v in entry.items() if k != "when"}]})
    return ("name", message) if message else None


def _fits(kind: Any, value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and (kind != "int" or value == int(value))


def _refusal(data: dict[str, Any]) -> str | None:
    """Return why this is no space, without the parameter's name in front: it stands on its card."""
    try:
        from_json(data)
    except SpaceError as error:
        name = data["params"][0].get("name") if len(data["params"]) == 1 else None
        return str(error).removeprefix(f"{name!r}: ")
    return None
