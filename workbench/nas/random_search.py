"""Random search that trains no cell twice: strings that compute the same count as one.

Random search is the baseline of every architecture search (Li & Talwalkar 2020, "Random search and reproducibility for neural
architecture search", UAI, arXiv 1902.07638). ``wb.Random`` draws strings of operations; of 4,096 of the nano cells only 951 are
different cells, so a quarter of a hundred draws is trained again for nothing. Here a draw is rejected while its canonical form
(``CellSpace.canonical``) was tried already; in a space that is no cell space, while the configuration was.

Differences from the paper: it draws with replacement; this one is a little stronger a baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workbench.history import Drawn, History, Suggestion
from workbench.nas.cells import CellSpace
from workbench.nas.policy import learnt
from workbench.search.untried import MAX_POINTS, at_random
from workbench.space import Array, Choice, Space

DRAWS = 50  # that may repeat a cell before all that are left are listed


@lru_cache(maxsize=64)
def cells_of(space: Space) -> CellSpace | None:
    """Return the cell space that a search space is of; None if it is none.

    It is one if its parameters are an unordered choice among the same operations for each edge: e01, e02, e12 and so on.
    """
    options = {p.options if isinstance(p := space[name], Choice) and not p.ordered else () for name in space}
    if len(options) != 1 or space.forbidden:
        return None
    operations = options.pop()
    if len(operations) < 2 or not all(isinstance(op, str) for op in operations):
        return None
    n_nodes = round((1 + (1 + 8 * len(space)) ** 0.5) / 2)  # n (n - 1) / 2 edges
    cells = CellSpace("cells", n_nodes, tuple(map(str, operations)))
    return cells if cells.names == space.names and cells.space == space else None


class Forms:
    """The different cells that were tried."""

    def __init__(self, cells: CellSpace, space: Space) -> None:
        self.cells, self.space = cells, space
        self.known: set[str] = set()

    def form(self, x: Array) -> str:
        """Return the canonical form of the cell at a point."""
        return self.cells.canonical(self.cells.architecture(self.space.from_unit(x)))

    def learn(self, x: Array, loss: float) -> None:  # noqa: ARG002 - good or bad, it was tried
        """Take in one result."""
        self.known.add(self.form(x))


@dataclass(frozen=True, slots=True)
class RandomCells:
    """Random search among the different cells: what computes the same as a cell that was tried is not drawn again."""

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        space, cells = history.space, cells_of(history.space)
        if cells is None:
            return at_random(history, rng, "all configurations are equally likely")
        forms = learnt(history, (self, space), lambda: Forms(cells, space))
        known = forms.known | {forms.form(x) for x in history.pending}
        for k in range(DRAWS):
            x = space.sample_unit(1, rng)[0]
            if forms.form(x) not in known:
                same = f", after {k} that computed the same as one tried before" if k else ""
                return Suggestion(x, Drawn(f"a random cell{same}"))
        left = [a for f, a in cells.distinct().items() if f not in known] if cells.n_architectures <= MAX_POINTS else []
        if left:
            x = space.to_unit(cells.config(left[int(rng.integers(len(left)))]))
            return Suggestion(x, Drawn(f"one of the last {len(left)} different cells"))
        return Suggestion(x, Drawn("a random repeat: every different cell has been tried"))
