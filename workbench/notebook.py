"""The one door from the core to the notebook side: opened when something is displayed, never by an import."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

MISSING = {"workbench_widgets", "ipywidgets", "anywidget", "traitlets"}


class Shown(Protocol):
    """Something with a static form, for places without widgets."""

    def _repr_html_(self) -> str: ...


def mimebundle(thing: Shown, panel: str, **kwargs: Any) -> Any:
    """Return the live panel ``workbench_widgets.<panel>`` of a thing; its static form where the notebook side is missing."""
    try:
        module = import_module(f"workbench_widgets.{panel}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in MISSING:
            raise
        return {"text/plain": repr(thing), "text/html": thing._repr_html_()}
    return module.show(thing, **kwargs)
