"""The algorithms of this package by name, for the one catalogue of all (``workbench.search.catalogue``, which looks here).

All can be made and listed without torch. ``suits`` says where they are offered: most where every parameter is a choice.
"""

from __future__ import annotations

from typing import Any

from workbench.history import Algorithm
from workbench.nas.arc_kernel import ArcGP
from workbench.nas.controller import Controller
from workbench.nas.encodings import cells_of
from workbench.nas.evolution import RegularizedEvolution
from workbench.nas.graph import CUT
from workbench.nas.nao import NAO
from workbench.nas.nasbot import NASBOT
from workbench.nas.pnas import PASS, PNAS
from workbench.nas.predictor_search import PredictorSearch
from workbench.nas.random_search import RandomCells
from workbench.nas.reinforce import Reinforce
from workbench.space import Choice, Space

LABELLED: dict[str, Algorithm] = {
    "Regularised evolution": RegularizedEvolution(),
    "Evolution · the worst dies": RegularizedEvolution(ageing=False),
    "GP · arc kernel": ArcGP(),
    "Predictor · networks (BANANAS)": PredictorSearch(),
    "Predictor · LSTMs": PredictorSearch("rnn"),
    "Predictor · forest": PredictorSearch("forest"),
    "Predictor · Gaussian process": PredictorSearch("gp", "one_hot"),
    "NASBOT": NASBOT(),
    "PNAS": PNAS(),
    "NAO": NAO(),
    "Random · no cell twice": RandomCells(),
    "REINFORCE": Reinforce(),
    "REINFORCE · LSTM controller": Controller(),
}
CELLS_ALONE = (NASBOT, PNAS)  # compare cells, and grow them
NEED_TORCH: tuple[type[object], ...] = (Controller, NAO)


def suits(algorithm: Any, space: Space) -> bool:
    """Whether an algorithm of this package makes sense in a space, so that a panel should offer it."""
    if isinstance(algorithm, ArcGP):  # for parameters that come and go
        return any(column.parents for column in space.columns)
    if isinstance(algorithm, CELLS_ALONE):
        cells = cells_of(space)
        return cells is not None and (isinstance(algorithm, NASBOT) or {PASS, CUT} <= set(cells.operations))
    return all(isinstance(space[name], Choice) for name in space)
