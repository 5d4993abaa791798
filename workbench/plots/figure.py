"""From the plain dict that a live view draws to a ``plotly.graph_objects.Figure`` for reports and static notebooks."""

from __future__ import annotations

import textwrap
from typing import Any

import plotly.graph_objects as go


def figure(drawn: dict[str, Any]) -> go.Figure:
    """Make a plotly figure of a dict with ``data`` and ``layout``, hover labels and all."""
    from workbench.plots.whose import filled

    return go.Figure(data=filled(drawn), layout={"template": "plotly_white", **drawn["layout"]})


def safe(text: Any) -> str:
    """Escape a text for plotly, which takes ``<b>`` and ``<a href=…>`` in labels for markup."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def empty(message: str, *, height: int = 320) -> dict[str, Any]:
    """Draw no data but a sentence that says what will be here."""
    none = {"visible": False, "fixedrange": True}
    text = "<br>".join(safe(line) for line in textwrap.wrap(message, 64))
    return {"data": [], "layout": {"xaxis": none, "yaxis": none, "height": height, "annotations": [
        {"text": text, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5,
         "font": {"size": 14}}]}}
