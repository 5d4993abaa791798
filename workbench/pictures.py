"""The one door from results to their pictures: opened when a picture is asked for, never by an import."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def picture(view: str, *args: Any, **settings: Any) -> Any:
    """Draw with ``workbench.plots.<view>``'s function of that name, as a ``plotly.graph_objects.Figure``."""
    drawn = getattr(import_module(f"workbench.plots.{view}"), view)(*args, **settings)
    return import_module("workbench.plots.figure").figure(drawn)
