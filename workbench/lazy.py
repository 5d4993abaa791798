"""Packages whose public names are imported when they are first used: torch comes along only where it is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, home: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package
        Its ``__name__``.
    home
        The module of each public name, within the package. No module may be called like a public name, which it would hide.

    Raises
    ------
    MissingExtra
        By the first use of a name, if its module needs torch and torch is not installed.
    """
    def get(name: str) -> Any:
        """Import a public name when it is first used."""
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(import_module(f".{home[name]}", package), name)
        except ModuleNotFoundError as error:
            if error.name == "torch":
                from workbench.models.neural.extra import require_torch

                require_torch(f"{package}.{name}")
            raise
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        """List the public names too."""
        return sorted({*vars(sys.modules[package]), *home})

    return get, listed
