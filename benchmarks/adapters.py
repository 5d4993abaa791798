"""Ask/tell adapters: our algorithms for a benchmark that describes its spaces as lists of dicts.

Each dict has name, type ("float", "int" or "cat"), low, high, log, choices and condition ([parent, [options]] or None).
An adapter is made as ``TPE(space, seed, budget, **keywords of the algorithm)``; there is one for every algorithm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import workbench as wb
from workbench.history import Algorithm
from workbench.rows import Rows
from workbench.search.catalogue import ALGORITHMS
from workbench.space import Choice, Float, Int, Param, Space

Params = Sequence[Mapping[str, Any]]


def space_of(params: Params) -> Space:
    """Turn the benchmark's list of dicts into a space."""

    def parameter(p: Mapping[str, Any]) -> Param:
        when = None if p["condition"] is None else {p["condition"][0]: list(p["condition"][1])}
        if p["type"] == "cat":
            return Choice(*p["choices"], when=when)
        kind = Int if p["type"] == "int" else Float
        return kind(p["low"], p["high"], log=p["log"], when=when)

    return Space({p["name"]: parameter(p) for p in params})


class AskTell:
    """Keeps the history that a stateless algorithm needs."""

    def __init__(self, algorithm: Algorithm, params: Params, seed: int) -> None:
        self.algorithm, self.space, self.seed = algorithm, space_of(params), seed
        self.rows = Rows(self.space, seed)
        self.n_told = 0

    def ask(self) -> dict[str, Any]:
        """Suggest a configuration; trial k draws from default_rng([seed, k])."""
        rng = np.random.default_rng([self.seed, self.n_told])
        config: dict[str, Any] = self.space.from_unit(self.algorithm.suggest(self.rows.history(), rng).x)
        return config

    def tell(self, config: Mapping[str, Any], value: float) -> None:
        """Add a result."""
        self.rows.append(self.n_told, config, value if value == value else np.inf, 1)
        self.n_told += 1

    def preload(self, configs: Sequence[Mapping[str, Any]], values: Sequence[float]) -> None:
        """Add many results."""
        for config, value in zip(configs, values, strict=True):
            self.tell(config, value)


class Recommended(AskTell):
    """What ``workbench.recommend`` chooses for the space and the budget."""

    def __init__(self, params: Params, seed: int, budget: int | None = None) -> None:
        super().__init__(wb.recommend(space_of(params), "function", budget).algorithm, params, seed)


def __getattr__(name: str) -> type[AskTell]:
    """Make the adapter of any algorithm by its name: ``adapters.TPE(space, seed, budget, gamma=0.2)``."""
    algorithm = ALGORITHMS.get(name)
    if algorithm is None:
        raise AttributeError(f"there is no algorithm {name}; there are {', '.join(ALGORITHMS)}")

    def init(self: AskTell, params: Params, seed: int, budget: int | None = None, **keywords: Any) -> None:  # noqa: ARG001
        AskTell.__init__(self, algorithm(**keywords), params, seed)

    return type(name, (AskTell,), {"__init__": init, "__doc__": algorithm.__doc__})
