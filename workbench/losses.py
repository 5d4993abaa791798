"""One loss or several: what is minimised, what is maximised, and how the losses are called.

Inside, losses are always minimised: a value that the user maximises is multiplied by its sign, -1. Where a run has one
loss, loss and sign are plain numbers; where it has several, both are tuples, one number for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from workbench.errors import RunError

Direction = Literal["minimize", "maximize"]
Loss = float | tuple[float, ...]
Sign = float | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Goals:
    """What a run wants.

    Attributes
    ----------
    directions
        One for each loss.
    names
        The user's names of the losses, in the same order; empty where there are none.
    """

    directions: tuple[Direction, ...] = ("minimize",)
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, direction: Direction | Sequence[Direction] | Mapping[str, Direction]) -> Goals:
        """Read the user's ``direction``.

        Raises
        ------
        RunError
            If it is neither "minimize" nor "maximize", nor a list or dict of these.
        """
        names: tuple[Any, ...] = ()
        given: Any = direction
        if isinstance(direction, Mapping):
            names, given = tuple(direction), list(direction.values())
        if isinstance(given, str) or not isinstance(given, Sequence):
            given = [given]
        if not given or any(d not in ("minimize", "maximize") for d in given):
            raise RunError("direction must be 'minimize' or 'maximize', or a list or dict of these, one for each loss, "
                           f"got {direction!r}.")
        if not all(isinstance(name, str) and name for name in names):
            raise RunError(f"the losses are named by texts, got {list(names)!r}.")
        return cls(tuple(given), names)

    def __len__(self) -> int:
        """Count the losses."""
        return len(self.directions)

    @property
    def several(self) -> bool:
        """Whether there is more than one loss."""
        return len(self.directions) > 1

    @property
    def sign(self) -> Sign:
        """Factor between the user's values and losses."""
        signs = tuple(-1.0 if d == "maximize" else 1.0 for d in self.directions)
        return signs if self.several else signs[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names for tables and axes: the user's, or numbers for several; empty for one loss without a name."""
        return self.names or (tuple(f"value {k + 1}" for k in range(len(self))) if self.several else ())

    @property
    def as_given(self) -> Direction | list[Direction] | dict[str, Direction]:
        """The user's ``direction``: a dict if the losses have names, else a list of several, a word for one."""
        if self.names:
            return dict(zip(self.names, self.directions, strict=True))
        return list(self.directions) if self.several else self.directions[0]


def times(sign: Sign, loss: Loss) -> Loss:
    """Turn values into losses, or losses into values."""
    if isinstance(sign, tuple):
        values = loss if isinstance(loss, tuple) else (loss,)
        return tuple(s * v for s, v in zip(sign, values, strict=True))
    return sign * cast("float", loss)


def has_nan(loss: Loss) -> bool:
    """Whether a loss, or one of several, is nan."""
    return any(map(math.isnan, loss)) if isinstance(loss, tuple) else math.isnan(loss)
