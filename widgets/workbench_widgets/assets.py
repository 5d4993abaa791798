"""The scripts and style sheets of widgets: plain files, joined without a build step."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def script(*names: str) -> str:
    """Join ES modules to one: ``dom`` first, then the named ones, of which one exports the widget."""
    return _joined(["dom", *names], ".js")


def styles(*names: str) -> str:
    """Join style sheets: what all panels share (``base``) first, then the named ones."""
    return _joined(["base", *names], ".css")


def _joined(names: list[str], suffix: str) -> str:
    return "\n".join((HERE / f"{name}{suffix}").read_text(encoding="utf-8") for name in names)
