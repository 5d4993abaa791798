"""The parameter of a space that says on how much of the data a configuration is trained.

It is a number above 0, always active, such as ``Float(1/64, 1, log=True)`` or ``Int(500, 50_000, log=True)`` rows; its high end
means all the data. Models know it by its position s on a log scale, 0 at the low end and 1 at the high one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workbench.errors import SpaceError
from workbench.space import Array, Choice, Space

START = 64.0  # the start uses no less than 1/64 of the data
N_START = 4  # shares: 1/64, 1/32, 1/16, 1/8


@dataclass(frozen=True, slots=True)
class Share:
    """Where the share stands in a space. Make one by ``of``.

    Attributes
    ----------
    column
        Its column; None where every trial uses all the data.
    low, high
        The ends of its range.
    """

    space: Space
    column: int | None
    low: float
    high: float

    @classmethod
    def of(cls, space: Space, name: str | None) -> Share:
        """Find the parameter, or raise SpaceError."""
        if name is None:
            return cls(space, None, 1.0, 1.0)
        way = (f"Add one that the objective reads, such as {name}=wb.Float(1/64, 1, log=True), or take Fabolas(share=None) for "
               "trials on all the data.")
        if name not in space:
            raise SpaceError(f"the space needs a parameter that is the share of the data, got no {name!r} among "
                             f"{list(space.names)}. {way}")
        p = space[name]
        if isinstance(p, Choice) or p.low <= 0 or p.when:
            raise SpaceError(f"the share of the data must be a number above 0 without conditions, got {name}={p!r}. {way}")
        return cls(space, space.column(name), float(p.low), float(p.high))

    @property
    def smallest(self) -> float:
        """The smallest share of the data, of 1."""
        return self.low / self.high

    def position(self, x: Array) -> Array:
        """Position of the rows of the unit cube, shape (n,)."""
        if self.column is None or self.low == self.high:
            return np.ones(len(x))
        values = np.array(self.space[self.space.names[self.column]].decode(x[:, self.column]), dtype=float)
        return np.clip(np.log(values / self.low) / math.log(self.high / self.low), 0.0, 1.0)

    def place(self, x: Array, s: Array | float) -> Array:
        """Rows with the share at these positions (the nearest level, where it has levels), snapped."""
        if self.column is None:
            return x
        values = self.low * (self.high / self.low) ** np.broadcast_to(np.asarray(s, dtype=float), len(x))
        x = x.copy()
        p = self.space[self.space.names[self.column]]
        x[:, self.column] = p.encode(np.clip(values, self.low, self.high).tolist())
        return self.space.snap(np.where(np.isnan(x), 0.5, x))

    def of_data(self, s: Array) -> Array:
        """Shares of the data at these positions, of 1."""
        return np.asarray(self.smallest ** (1.0 - np.asarray(s, dtype=float)))

    def start(self) -> Array:
        """Positions of the start: shares of 1/64, 1/32, 1/16 and 1/8, or evenly over the lower half of a shorter range."""
        if self.column is None or self.low == self.high:
            return np.ones(1)
        first = max(self.smallest, 1.0 / START)
        shares = first ** ((6.0 - np.arange(N_START)) / 6.0)
        return np.asarray(1.0 - np.log(shares) / math.log(self.smallest))
