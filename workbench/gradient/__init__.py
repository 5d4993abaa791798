"""Hyperparameters by gradient descent: through the whole training, step by step beside it, or by the implicit function.

The names below are imported when first used; they need torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.gradient.bilevel import SGD, Bilevel, Hyper
    from workbench.gradient.grid_of_losses import landscape
    from workbench.gradient.hyper_step import HyperStep, Landscape
    from workbench.gradient.implicit_function import Implicit
    from workbench.gradient.one_step import Interleaved
    from workbench.gradient.ridge_regression import Ridge, ridge
    from workbench.gradient.signals_network import SignalsNetwork, mlp_on_signals
    from workbench.gradient.through_training import Unrolled, by_horizon

_HOME: dict[str, str] = {
    "Bilevel": "bilevel", "Hyper": "bilevel", "SGD": "bilevel",
    "HyperStep": "hyper_step", "Landscape": "hyper_step", "landscape": "grid_of_losses",
    "Implicit": "implicit_function", "Interleaved": "one_step", "Unrolled": "through_training", "by_horizon":
    "through_training", "Ridge": "ridge_regression", "ridge": "ridge_regression", "SignalsNetwork": "signals_network",
    "mlp_on_signals": "signals_network",
}

__all__ = [
    "Bilevel", "Hyper", "HyperStep", "SGD",
    "Implicit", "Interleaved", "Unrolled", "by_horizon",
    "Ridge", "SignalsNetwork", "mlp_on_signals", "ridge",
    "Landscape", "landscape",
]


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
