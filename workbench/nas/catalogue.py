"""The algorithms of this package by name, for the one catalogue of all (``workbench.search.catalogue``, which looks here).

All can be made and listed without torch. They are offered where every parameter is a choice.
"""

from __future__ import annotations

from workbench.history import Algorithm
from workbench.nas.controller import Controller
from workbench.nas.evolution import RegularizedEvolution
from workbench.nas.reinforce import Reinforce

LABELLED: dict[str, Algorithm] = {
    "Regularised evolution": RegularizedEvolution(),
    "Evolution · the worst dies": RegularizedEvolution(ageing=False),
    "REINFORCE": Reinforce(),
    "REINFORCE · LSTM controller": Controller(),
}
NEED_TORCH: tuple[type[object], ...] = (Controller,)
