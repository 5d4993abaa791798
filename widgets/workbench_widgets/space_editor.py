"""The visual space editor: ranges with handles, choices, conditions, forbidden combinations, beliefs; errors beside the field.

The synced ``draft`` is what is on screen, right or wrong; ``errors`` is Python's answer to it; ``space`` is the last
draft that was a space. So nothing that is typed is ever lost, and Python never holds a broken space. What is believed of
good values stands in the draft, too, so that one undo is for both; ``prior`` is what of it fits the space.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from workbench.errors import SpaceError
from workbench.search.beliefs import Beliefs, Prior, as_prior, as_said
from workbench.space import Choice, Space
from workbench.space_code import read_code, to_script
from workbench.space_formats import from_json, to_json
from workbench_widgets.assets import script

HERE = Path(__file__).parent
PARTS = ("_model", "_scale", "_beliefs", "_sample", "_knob", "_drag", "_options", "_rules", "_prior", "_preview", "_paste",
         "_code", "_wish", "_help", "")  # of one JavaScript module, in this order
Errors = dict[str, dict[str, str]]
NUMBER_STAGES = ((("low", "high"), "range"), (("log",), "log"), (("step",), "step"), (("default",), "default"))
CHOICE_STAGES = ((("options", "ordered"), "options"), (("default",), "default"))
ALONE = "Hand it to an algorithm that takes one: wb.TPE(prior=editor.prior), wb.GPBO(prior=editor.prior)."


class SpaceEditor(anywidget.AnyWidget):
    """Edit a search space, and what is believed of good values, by hand.

    Parameters
    ----------
    space
        What to begin with; an empty space if not given.
    prior
        What is believed of it, as ``prior=`` of ``wb.TPE`` and ``wb.GPBO`` takes it.
    editable
        False only shows it.
    locked
        True once a run has trials: ranges, defaults and forbidden combinations then become the ``space`` as before; a change of
        names, types, scales, options or conditions becomes the ``wish``, which needs a run of its own.
    make_child
        Called when somebody asks for that run; without it no button asks for one.

    Attributes
    ----------
    space
        The last valid space; observe it to hear of edits, set it to show another one.
    prior
        What is believed of good values, as far as it fits the space: ``{"lr": 1e-3, "optimizer": {"sgd": 7, "adam": 3}}``.
    wish
        While ``locked``: the drawn space, if it needs a run of its own; else None.
    wished_prior
        What is believed of the wish.
    draft
        What is on screen, as JSON data (see ``workbench.space_formats``; beliefs under ``"prior"``); it need not be valid.
    errors
        What is wrong with the draft: ``{parameter: {field: message}}``, "" for the space as a whole.
    doubts
        What is wrong with the beliefs: ``{parameter: message}``; those are left out of ``prior``.
    """

    _esm = script(*(f"space_editor{part}" for part in PARTS))
    _css = HERE / "space_editor.css"
    draft = t.Dict().tag(sync=True)
    errors = t.Dict().tag(sync=True)
    doubts = t.Dict().tag(sync=True)
    code = t.Unicode().tag(sync=True)  # the last valid space, and its prior, as Python code
    revision = t.Int().tag(sync=True)  # counts the edits in the browser …
    checked = t.Int().tag(sync=True)  # … and the last of them that `errors` answers to
    editable = t.Bool(default_value=True).tag(sync=True)
    locked = t.Bool(default_value=False).tag(sync=True)
    base = t.Dict().tag(sync=True)  # while locked: the space that the run has
    offers_child = t.Bool(default_value=False).tag(sync=True)
    prior_note = t.Unicode(ALONE).tag(sync=True)  # what becomes of the prior
    space = t.Instance(Space)
    prior = t.Dict()
    wish = t.Instance(Space, allow_none=True)
    wished_prior = t.Dict()

    def __init__(self, space: Space | None = None, *, prior: Mapping[str, Any] | None = None, editable: bool = True,
                 locked: bool = False, make_child: Callable[[], object] | None = None) -> None:
        space = Space() if space is None else space
        self._pasted, self._make_child = Space(), make_child
        Beliefs.of(space, prior)
        said = as_said(as_prior(prior))
        super().__init__(draft=draft_of(space, said), code=to_script(space, said), editable=editable, locked=locked, space=space,
                         prior=said, offers_child=make_child is not None, base=to_json(space) if locked else {})
        self.observe(self._check, names=["draft", "revision", "locked"])
        self.observe(self._follow, names=["space", "prior"])
        self.on_msg(lambda _, message, __: self._hear(message))

    def show(self, space: Space) -> None:
        """Show this space instead of what is on screen; what is believed of parameters that it has stays."""
        about = [[name, things] for name, things in _prior_entries(self.draft) if name in space.params]
        self.draft = to_json(space) | ({"prior": about} if about else {})

    def rebase(self, space: Space) -> None:
        """Take another space as the run's, whatever is drawn; what is drawn becomes the wish if it needs a run of its own."""
        if space != self.space:
            self.wish = self.wish or self.space
            self.space = space

    def _check(self, _: Any) -> None:
        """Answer to the draft; keep the last valid space if it is none."""
        drawn, errors = read(self.draft, self.space, self._pasted)
        apart = drawn is not None and self.locked and not _same_study(self.space, drawn)
        space = self.space if drawn is None or apart else drawn
        wanted, doubts = read_prior(self.draft, drawn or space)
        prior, _unheard = read_prior(self.draft, space) if apart else (wanted, doubts)
        with self.hold_sync():
            self.errors, self.doubts = errors, doubts
            if drawn is not None:
                self.code = to_script(drawn, wanted)
            self.base = to_json(space) if self.locked else {}
            self.checked = self.revision
        with self.hold_trait_notifications():  # whoever hears of one finds the others as they are now
            self.wish, self.wished_prior = (drawn, wanted) if apart else (None, {})
            if prior != self.prior:
                self.prior = prior
            if space != self.space:
                self.space = space

    def _follow(self, change: Any) -> None:
        """Show a space or a prior that was set from Python; what is drawn beside the run's space stays."""
        if change["name"] == "prior":
            if read_prior(self.draft, self.space)[0] != self.prior:
                self.draft = {k: v for k, v in self.draft.items() if k != "prior"} | _prior_json(self.prior)
        elif self.wish is not None:
            self._check(None)
        elif read(self.draft, self.space, self._pasted)[0] != self.space:
            self.show(self.space)

    def _hear(self, message: dict[str, Any]) -> None:
        """Answer to what the page asks: read pasted code, make a run of what is drawn."""
        match message:
            case {"cmd": "read", "text": str(text), "id": int(k)}:
                try:
                    self._pasted, said = read_code(text)
                    self.send({"cmd": "read", "id": k, "draft": draft_of(self._pasted, said)})
                except SpaceError as error:
                    self.send({"cmd": "read", "id": k, "error": str(error)})
            case {"cmd": "child"}:
                self.send({"cmd": "child"})  # heard
                if self.wish is not None and self._make_child is not None:
                    self._make_child()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": to_script(self.space, self.prior), "text/html": self.space._repr_html_()}, meta


def draft_of(space: Space, prior: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what the page shows of a space and of what is believed of it, as JSON data."""
    return to_json(space) | _prior_json(prior)


def _prior_json(prior: Mapping[str, Any] | None) -> dict[str, Any]:
    things = [[name, [[list(thing) if isinstance(thing, tuple) else thing, weight] for thing, weight in said]]
              for name, said in as_prior(prior)]
    return {"prior": things} if things else {}


def _same_study(old: Space, new: Space) -> bool:
    """Whether a run with trials may go on with the new space."""
    from workbench.run import check_same_study

    try:
        check_same_study(old, new)
    except SpaceError:
        return False
    return True


def _prior_entries(draft: Any) -> list[tuple[str, Any]]:
    """Return what a draft believes, name by name."""
    entries = draft.get("prior") if isinstance(draft, Mapping) else None
    pairs = (e for e in (entries if isinstance(entries, list) else []) if isinstance(e, list) and len(e) == 2)
    return [(name, things) for name, things in pairs if isinstance(name, str)]


def read_prior(draft: Any, space: Space) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the beliefs of a draft: those that fit the space, as a user says them; and what is wrong with the others."""
    fits: Prior = ()
    doubts: dict[str, str] = {}
    for name, things in _prior_entries(draft):
        try:
            said = as_prior([[name, things]])
            Beliefs.of(space, said)
        except SpaceError as error:
            doubts[name] = str(error).removeprefix(f"the prior of {name!r} does not fit: it ")
        except (TypeError, ValueError, OverflowError):
            doubts[name] = "this is no belief that can be read. Remove it."
        else:
            if name not in dict(fits):
                fits = (*fits, *said)
    return as_said(fits), doubts


def read(draft: Any, *known: Space) -> tuple[Space | None, Errors]:
    """Read a draft as a space, or say what is wrong with it.

    JSON in the browser does not tell 1.0 from 1: options that equal one of a ``known`` space's are taken from there.
    """
    data: Any = None
    try:
        data = json.loads(json.dumps(draft, allow_nan=False))
        if isinstance(data, dict):
            data.pop("prior", None)
        for space in known:
            data = _with_known_options(data, space)
        return from_json(data), {}
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
