"""Hyperparameters by gradient descent: through the whole training, step by step beside it, or by the implicit function.

The names below are imported when first used; they need torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import lazily

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

__getattr__, __dir__ = lazily(__name__, _HOME)
