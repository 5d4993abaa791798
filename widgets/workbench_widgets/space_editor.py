"""The visual space editor: ranges with handles, choices, conditions, forbidden combinations; errors beside the field.

The synced ``draft`` is what is on screen, right or wrong; ``errors`` is Python's answer to it; ``space`` is the last
draft that was a space. So nothing that is typed is ever lost, and Python never holds a broken space.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from workbench.errors import SpaceError
from workbench.space import Space
from workbench.space_formats import from_json, to_json

HERE = Path(__file__).parent
_FIELDS = ("low", "high", "step", "default", "options", "when", "log", "name")


class SpaceEditor(anywidget.AnyWidget):  # type: ignore[misc]
    """Edit a search space by hand.

    Parameters
    ----------
    space
        What to begin with; an empty space if not given.
    editable
        False shows it only.
    locked
        True while trials have been told: ranges may change, parameters, types, options and conditions may not.

    Attributes
    ----------
    space
        The last valid space; observe it to hear of edits.
    """

    _esm = (HERE / "space_editor_model.js").read_text(encoding="utf-8") + (HERE / "space_editor.js").read_text(
        encoding="utf-8")
    _css = HERE / "space_editor.css"
    draft = t.Dict().tag(sync=True)
    errors = t.Dict().tag(sync=True)
    editable = t.Bool(default_value=True).tag(sync=True)
    locked = t.Bool(default_value=False).tag(sync=True)
    code = t.Unicode().tag(sync=True)
    space = t.Instance(Space)

    def __init__(self, space: Space | None = None, *, editable: bool = True, locked: bool = False) -> None:
        space = Space() if space is None else space
        super().__init__(draft=to_json(space), editable=editable, locked=locked, space=space, code=repr(space))

    @t.observe("draft")  # type: ignore[untyped-decorator, unused-ignore]
    def _check(self, change: Any) -> None:
        """Read the draft; keep the last valid space if it is none."""
        try:
            space = from_json(json.loads(json.dumps(change["new"])))
        except SpaceError as error:
            self.errors = place(str(error), change["new"])
            return
        self.errors = {}
        self.code = repr(space)
        if space != self.space:
            self.space = space

    def show(self, space: Space) -> None:
        """Show this space instead."""
        if space != self.space or self.errors:
            self.draft = to_json(space)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self.space), "text/html": self.space._repr_html_()}, meta


def place(message: str, draft: Any) -> dict[str, dict[str, str]]:
    """Say beside which field of which parameter a message belongs: ``{parameter: {field: message}}``."""
    names = [p.get("name") for p in draft.get("params", ()) if isinstance(p, dict)]
    found = [n for n in names if isinstance(n, str) and n and repr(n) in message]
    if not found:
        return {"": {"space": message}}
    name = min(found, key=lambda n: message.index(repr(n)))
    field = next((f for f in _FIELDS if re.search(rf"\b{f}\b", message)), "range")
    return {name: {field: message}}
