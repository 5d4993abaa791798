"""Hyperparameters by gradient descent: through the whole training, step by step beside it, or by the implicit function.

The names below are imported when first used; they need torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

_HOME: dict[str, str] = {}

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'workbench.gradient' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"workbench.gradient.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name == "torch":
            from workbench.models.neural.extra import require_torch

            require_torch(f"workbench.gradient.{name}")
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names too."""
    return sorted({*globals(), *__all__})
