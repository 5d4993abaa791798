r"""Progressive search: cells of one node first, then of two, of three; a predictor says which of the larger ones to train.

Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang & Murphy 2018, "Progressive neural architecture search" (ECCV),
Algorithm 1::

    S_1 <- all cells of one node                            trained, every one of them
    fit the predictor to their errors                       an ensemble of 5 LSTMs, rnn_predictor.py
    for b = 2 … B
        expanded <- all ways to give the parents one more node
        S_b <- the K expanded ones of the lowest predicted error; these are trained
        fit the predictor to all errors so far

A small cell costs less to train, and teaches the predictor what the parts of larger cells are worth.

How cells grow. A node is the sum of what its edges bring, and edges come from all earlier nodes; so a node comes with all its
edges at once. A cell of b nodes has the operations of the edges into the nodes 1 to b, the first b (b + 1) / 2 of the space; the
nodes after them only pass on: the edge from the node before is "skip", their others are "none". So a smaller cell is a cell of
the same space, and at b = B, the number of nodes but the input, it is complete.

Notation
--------
==========  ==================================================================================
``b, B``    nodes that a cell has, and the most; the input is not counted
``K``       the beam: cells trained at a level
``m``       results known when a level was chosen; nothing later changes it
prefix      the operations of a cell of b nodes, b (b + 1) / 2 of them
==========  ==================================================================================

Differences from the paper: nodes are fixed places whose edges carry operations, not blocks that choose two inputs, and a smaller
cell is a cell of the same space that passes on. As the next node may so keep it as it is, the parents are the K best of all
trained cells of at most b - 1 nodes, not exactly S_b-1. Of equal cells (``canonical``) one is trained, and only its own writing
is expanded. Where there are more than 20,000 expansions, so many are drawn. The predictor is fitted anew, not trained on. The
paper ends with S_B; here another round follows, the K next best expansions of the same parents by a new fit, as long as trials
are asked for. While the last of a level are being trained, further workers get what would come next after the beam.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.errors import SpaceError
from workbench.history import Explanation, History, Suggestion
from workbench.nas.cells import Architecture, CellSpace
from workbench.nas.encodings import EncodingName, cells_of
from workbench.nas.graph import CUT
from workbench.nas.predictor_search import (
    ENCODING_OF,
    MODELS,
    PREDICTORS,
    PredictorBelief,
    PredictorName,
    believe,
    form_of,
    identities,
    new_at_random,
)
from workbench.search.surrogate_why import SurrogateExplanation, decided
from workbench.space import Array, Space

PASS = "skip"
MOST = 20_000  # expansions that are looked at
SPARE = 200  # of what comes after the beam, kept for further workers


# ---- how cells grow ----------------------------------------------------------------------------------------------


def growing(space: Space) -> CellSpace:
    """Return the cells that a space is the space of.

    Raises
    ------
    SpaceError
        If it is no space of cells, or its cells have no operation that passes on, or none that cuts.
    """
    cells = cells_of(space)
    if cells is None:
        names = ", ".join(space.names[:6]) or "no parameters"
        raise SpaceError("PNAS grows cells node by node, so it needs the space of a CellSpace (such as wb.nas.NANO.space), got "
                         f"one of {names}. Take wb.nas.PredictorSearch('rnn') for other spaces.")
    if PASS not in cells.operations or CUT not in cells.operations:
        raise SpaceError(f"PNAS needs the operations {PASS!r} and {CUT!r}, since nodes that a small cell does not have yet pass "
                         f"on; these cells have {', '.join(cells.operations)}. Take wb.nas.PredictorSearch('rnn').")
    return cells


def passed_on(prefix: Architecture, n_nodes: int) -> Architecture:
    """Return the same cell with so many nodes (the input not counted), whose further ones pass on what the last one has."""
    have = n_nodes_of(prefix)
    return (*prefix, *(op for j in range(have + 1, n_nodes + 1) for op in (*(CUT,) * (j - 1), PASS)))


def n_nodes_of(prefix: Architecture) -> int:
    """Return the nodes b of a cell of b (b + 1) / 2 edges."""
    return (math.isqrt(8 * len(prefix) + 1) - 1) // 2


def smallest(cells: CellSpace) -> list[Architecture]:
    """Return all different cells of one node, as prefixes."""
    return _different(cells, [(op,) for op in cells.operations], set())


def expanded(cells: CellSpace, parents: Sequence[Architecture], seen: set[str], rng: np.random.Generator) -> list[Architecture]:
    """Return the parents, prefixes of b nodes each, with one more node in all ways; of equal ones the first, none of ``seen``."""
    n_edges = n_nodes_of(parents[0]) + 1
    n, most = len(cells.operations) ** n_edges, max(1, MOST // len(parents))
    children: list[Architecture] = []
    for parent in parents:
        if n <= most:
            children += [(*parent, *more) for more in itertools.product(cells.operations, repeat=n_edges)]
        else:
            drawn = rng.integers(len(cells.operations), size=(most, n_edges))
            children += [(*parent, *(cells.operations[k] for k in row)) for row in drawn.tolist()]
    return _different(cells, children, seen)


def _different(cells: CellSpace, prefixes: Sequence[Architecture], seen: set[str]) -> list[Architecture]:
    known, out = set(seen), []
    for prefix in prefixes:
        form = form_of(cells, passed_on(prefix, cells.n_nodes - 1))
        if form not in known:
            known.add(form)
            out.append(prefix)
    return out


# ---- why ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class SmallestCells(Explanation):
    """The cell is one of the smallest, all of which are trained.

    Attributes
    ----------
    level, n_levels
        Nodes that it has, 1, and those of a complete cell.
    beam
        All of the level.
    place
        Which one of them it is, from 0.
    """

    level: int
    n_levels: int
    beam: tuple[Architecture, ...]
    place: int

    def summary(self) -> str:
        """Say in one plain sentence why this architecture was chosen."""
        return (f"One of the {len(self.beam)} different cells with 1 of {self.n_levels} nodes; all are trained, and nothing is "
                "predicted yet.")


@dataclass(frozen=True, slots=True, eq=False)
class PnasExplanation(SurrogateExplanation):
    """Why a cell of the beam was chosen.

    Attributes
    ----------
    level, n_levels
        Nodes that it has, and those of a complete cell.
    beam
        The architectures that are trained at this level, the best prediction first.
    beam_predicted, beam_sd
        Their predicted losses and deviations, (K,).
    place
        Which one it is, from 0; beyond the beam for a worker that would have nothing to do.
    n_parents, n_expanded
        Cells that were expanded, and different new cells that came of it.
    predictor, fitted_to, seed
        What predicted, how many results it knew, and the seed of the fit.
    """

    MODEL: ClassVar[str] = "predictor"

    level: int
    n_levels: int
    beam: tuple[Architecture, ...]
    beam_predicted: Array
    beam_sd: Array
    place: int
    n_parents: int
    n_expanded: int
    predictor: PredictorName
    fitted_to: int
    seed: int

    def belief(self, history: History) -> PredictorBelief:
        """Fit the same predictor again to the results that it knew."""
        return believe(history, predictor=self.predictor, encoding=encoding_of(self.predictor), m=self.fitted_to, seed=self.seed)

    def summary(self) -> str:
        """Say in one plain sentence why this architecture was chosen."""
        size = f"{self.level} of {self.n_levels} nodes" if self.level < self.n_levels else f"all {self.level} nodes"
        which = f"Number {self.place + 1} of the beam of {len(self.beam)}" if self.place < len(self.beam) else (
            f"The beam of {len(self.beam)} is being trained, so the next one after it,")
        return (f"{which} with {size}: predicted {self.predicted:.3g} ± {self.predicted_sd:.2g} by the {MODELS[self.predictor]}, "
                f"which knew {self.fitted_to} results and looked at {self.n_expanded} expansions of {self.n_parents} cells; "
                f"best so far {self.best_loss:.3g}.")


# ---- the algorithm -----------------------------------------------------------------------------------------------


def encoding_of(predictor: PredictorName) -> EncodingName:
    """Return the code that a predictor reads."""
    return ENCODING_OF.get(predictor, "one_hot")


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Cells of one size, chosen when ``m`` results were known: prefixes, the best prediction first, the beam at the head.

    ``mean`` and ``sd`` are the predicted losses of the beam, (K,); empty at the first level.
    """

    size: int
    m: int
    order: tuple[Architecture, ...]
    n_beam: int
    mean: Array
    sd: Array
    n_parents: int
    n_expanded: int


@dataclass(frozen=True, slots=True)
class PNAS:
    """Progressive neural architecture search: from small cells to complete ones.

    Attributes
    ----------
    beam
        K: cells that are trained of each size but the smallest.
    predictor
        ``"rnn"``: five LSTMs, as in the paper; ``"mlp"``, ``"forest"`` or ``"gp"`` on one-hot codes.
    """

    beam: int = 20
    predictor: PredictorName = "rnn"

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.beam < 1:
            raise ValueError(f"beam must be at least 1, got {self.beam}. The paper has 256, for 1,160 trained networks.")
        if self.predictor not in PREDICTORS:
            raise ValueError(f"predictor must be one of {', '.join(PREDICTORS)}, got {self.predictor!r}.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next architecture. Same history, same rng: same answer, whatever the memo holds."""
        cells, space = growing(history.space), history.space
        levels = self.levels(history, cells)
        now, taken = levels[-1], set(identities(space, np.vstack([history.x, history.pending])))
        B = cells.n_nodes - 1
        for place, prefix in enumerate(now.order):
            architecture = passed_on(prefix, B)
            if form_of(cells, architecture) in taken:
                continue
            beam = tuple(passed_on(p, B) for p in now.order[:now.n_beam])
            x = space.to_unit([cells.config(architecture)])
            if now.size == 1:
                return Suggestion(x[0], SmallestCells(1, B, beam, place))
            belief = self._believe(history, now.m)
            why = PnasExplanation(**decided(history, belief, x, -belief.predict(x)[0]), acquisition="lcb", beta=0.0,
                                  level=now.size, n_levels=B, beam=beam, beam_predicted=now.mean, beam_sd=now.sd, place=place,
                                  n_parents=now.n_parents, n_expanded=now.n_expanded, predictor=self.predictor, fitted_to=now.m,
                                  seed=history.seed)
            return Suggestion(x[0].copy(), why)
        if len(history.pending):
            return new_at_random(history, rng, "random architecture while the last of a level are trained", "nothing new is left")
        return new_at_random(history, rng, "random architecture, as all expansions have been trained",
                             "every expansion has been trained")

    def levels(self, history: History, cells: CellSpace) -> list[Level]:
        """Return the levels so far, the one under way last. Each depends on the results alone that were known when it began."""
        row: dict[str | bytes, int] = {}
        for k, form in enumerate(identities(history.space, history.x)):
            row.setdefault(form, k)
        first = tuple(smallest(cells))
        levels = [Level(1, 0, first, len(first), np.empty(0), np.empty(0), 0, len(first))]
        while True:
            last = levels[-1]
            ends = [row.get(self._form(cells, p)) for p in last.order[:last.n_beam]]
            told = [k for k in ends if k is not None]
            if len(told) < len(ends):
                return levels
            following = self._next(history, cells, levels, max(last.m, 2, max(told) + 1), row)
            if following is None:
                return levels
            levels.append(following)

    def _next(self, history: History, cells: CellSpace, levels: list[Level], m: int, row: dict[str | bytes, int]) -> Level | None:
        """Choose the next level when ``m`` results are known; None if there is nothing new to choose from."""
        key = ("pnas", self, history.space, history.seed, m, history.content(m))
        if key in history.memo:
            kept: Level | None = history.memo[key]
            return kept
        size = min(levels[-1].size + 1, cells.n_nodes - 1)
        trained = {form: p for level in levels if level.size < size for p in level.order
                   if row.get(form := self._form(cells, p), m) < m}
        best = sorted(trained, key=lambda form: (history.y[row[form]], row[form]))[:self.beam]
        parents = [passed_on(trained[form], size - 1) for form in best]
        seen = {str(form) for form, k in row.items() if k < m}
        found = expanded(cells, parents, seen, np.random.default_rng([history.seed, m]))
        chosen = None
        if found:
            x = history.space.to_unit([cells.config(passed_on(p, cells.n_nodes - 1)) for p in found])
            belief = self._believe(history, m)
            mean, sd = belief.predict(x)
            order = np.argsort(mean, kind="stable")[:self.beam + SPARE]
            top, back = order[:self.beam], belief.transform.inverse
            chosen = Level(size, m, tuple(found[k] for k in order), len(top), back(mean[top]),
                           (back((mean + sd)[top]) - back((mean - sd)[top])) / 2.0, len(parents), len(found))
        history.memo[key] = chosen
        return chosen

    def _believe(self, history: History, m: int) -> PredictorBelief:
        return believe(history, predictor=self.predictor, encoding=encoding_of(self.predictor), m=m, seed=history.seed)

    @staticmethod
    def _form(cells: CellSpace, prefix: Architecture) -> str:
        return form_of(cells, passed_on(prefix, cells.n_nodes - 1))
