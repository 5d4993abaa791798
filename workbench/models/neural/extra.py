"""torch is an extra: what to do where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

from workbench.errors import MissingExtra


def require_torch(what: str) -> None:
    """Complain, with the way out, if torch is not installed.

    Raises
    ------
    MissingExtra
        torch cannot be imported.
    """
    if find_spec("torch") is None:
        raise MissingExtra(f"{what} trains a neural network and needs torch, which is not installed. "
                           'Install it with: pip install "automl-workbench[nas]"')
