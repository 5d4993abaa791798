"""Architecture and hyperparameters in one space, and the way back from its configurations to the two.

Zela et al. 2018, "Towards automated deep learning: efficient joint neural architecture and hyperparameter search": the best
learning rate of one architecture is not that of another, so a search that fixes one while it looks for the other may rank them
wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from workbench.errors import SpaceError
from workbench.space import Clause, Config, Param, Space


class HasSpace(Protocol):
    """Whatever has its architectures as a search space: cells, chains, branches."""

    @property
    def space(self) -> Space:
        """The search space."""


A = TypeVar("A", bound=HasSpace)


@dataclass(frozen=True)
class JointSpace(Generic[A]):
    """A space of architectures and hyperparameters.

    Attributes
    ----------
    architectures
        Where the architectures come from.
    space
        All parameters: first those of the architectures, then the others.
    """

    architectures: A
    space: Space

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names of the parameters that are not the architecture's."""
        return tuple(name for name in self.space.names if name not in self.architectures.space.params)

    def split(self, config: Mapping[str, Any]) -> tuple[Config, Config]:
        """Return the architecture's part of a configuration, and the rest."""
        own = self.architectures.space.params
        return {k: v for k, v in config.items() if k in own}, {k: v for k, v in config.items() if k not in own}


def joint(architectures: A, params: Mapping[str, Param] | None = None, /, *, forbidden: Iterable[Mapping[str, Any]] = (),
          **named: Param) -> JointSpace[A]:
    """Join a space of architectures with hyperparameters.

    Parameters
    ----------
    architectures
        Cells, chains, branches: whatever has a ``space``.
    params, **named
        Hyperparameters; ``params`` is for names that are no Python identifiers. They may depend on the architecture's:
        ``dropout=Float(0, 0.5, when={"depth": [5, 6]})``.
    forbidden
        Combinations that must not occur, of any of the parameters.

    Raises
    ------
    SpaceError
        If a hyperparameter has the name of one of the architecture's, or there is none.

    Examples
    --------
    >>> import workbench as wb
    >>> both = wb.nas.joint(wb.nas.NANO, lr=wb.Float(1e-3, 1, log=True))
    >>> both.split({**both.space.default()})[1]
    {'lr': 0.0316227766017}
    """
    own = architectures.space
    added = {**(params or {}), **named}
    twice = [name for name in added if name in own.params]
    if twice:
        raise SpaceError(f"the architecture has parameters called {', '.join(twice)} already. Give the hyperparameters other "
                         "names.")
    if not added:
        raise SpaceError("a joint space has at least one hyperparameter, like lr=Float(1e-3, 1, log=True); got none.")
    clauses: list[Mapping[str, Any] | Clause] = [*own.forbidden, *forbidden]
    return JointSpace(architectures, Space({**own.params, **added}, forbidden=clauses))
