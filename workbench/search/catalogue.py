"""The algorithms by name: for a panel's drop-down, and to keep with a run which one it used."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from workbench.errors import StorageError
from workbench.history import Algorithm, refusal
from workbench.search.bohb import BOHB
from workbench.search.cma_es import CMAES
from workbench.search.differential_evolution import DifferentialEvolution
from workbench.search.ehvi import EHVI
from workbench.search.fabolas import Fabolas
from workbench.search.genetic import Genetic
from workbench.search.gp_bo import GPBO
from workbench.search.grid import Grid
from workbench.search.latent_bo import LatentBO
from workbench.search.nn_bo import BOHAMIANN, DNGO
from workbench.search.nsga2 import NSGA2
from workbench.search.one_scale import OneScale
from workbench.search.particle_swarm import ParticleSwarm
from workbench.search.quasi_random import QuasiRandom
from workbench.search.random import Random
from workbench.search.rf_bo import RFBO
from workbench.search.tpe import TPE
from workbench.search.warm_start import WarmStart
from workbench.space import Space

ALGORITHMS: dict[str, type[Any]] = {c.__name__: c for c in (
    GPBO, RFBO, TPE, CMAES, Random, Grid, QuasiRandom, Genetic, DifferentialEvolution, ParticleSwarm, NSGA2, EHVI,
    DNGO, BOHAMIANN, LatentBO, BOHB, OneScale, Fabolas, WarmStart)}

LABELLED: dict[str, Algorithm] = {
    "GP-BO · log-EI": GPBO(),
    "GP-BO · EI": GPBO(acquisition="ei"),
    "GP-BO · PI": GPBO(acquisition="pi"),
    "GP-BO · LCB": GPBO(acquisition="lcb"),
    "GP-BO · noisy EI": GPBO(acquisition="noisy_ei"),
    "GP-BO · Thompson": GPBO(acquisition="thompson"),
    "RF-BO (SMAC)": RFBO(),
    "BO with DNGO": DNGO(),
    "BO with BOHAMIANN": BOHAMIANN(),
    "Latent BO (VAE + GP)": LatentBO(),
    "TPE": TPE(),
    "TPE · all budgets": OneScale(TPE()),
    "BOHB": BOHB(),
    "FABOLAS": Fabolas(),
    "CMA-ES": CMAES(),
    "Genetic algorithm": Genetic(),
    "Differential evolution": DifferentialEvolution(),
    "Particle swarm": ParticleSwarm(),
    "NSGA-II": NSGA2(),
    "GP · expected hypervolume": EHVI(),
    "Random": Random(),
    "Grid": Grid(),
    "Grid · finer and finer": Grid(refine=True),
    "Sobol": QuasiRandom(),
    "Halton": QuasiRandom("halton"),
}

# A layer above has algorithms too. Its catalogue is looked up by name, so that this layer imports nothing of it: run files name
# these algorithms like all others, and are opened where nobody has imported workbench.nas.
_nas = import_module("workbench.nas.catalogue")
ALGORITHMS |= {type(a).__name__: type(a) for a in _nas.LABELLED.values()}
LABELLED |= _nas.LABELLED

FOR_BUDGETS, FOR_LOSSES = ("TPE · all budgets", "BOHB"), ("NSGA-II", "GP · expected hypervolume")
NEED_TORCH = (DNGO, BOHAMIANN, LatentBO, *_nas.NEED_TORCH)


def offered(space: Space, *, n_losses: int = 1, scheduled: bool = False) -> list[str]:
    """Name the algorithms that make sense for a run: for so many losses, with a scheduler or without, with what is installed."""
    torch, out = has_torch(), []
    for text, algorithm in LABELLED.items():
        other = (refusal(algorithm, n_losses) or (text in FOR_BUDGETS and not scheduled) or (text in FOR_LOSSES and n_losses == 1)
                 or (text in _nas.LABELLED and not _nas.suits(algorithm, space))
                 or (isinstance(algorithm, NEED_TORCH) and not torch)
                 or (isinstance(algorithm, Fabolas) and algorithm.share not in space.names))
        if not other:
            out.append(text)
    return out


@cache
def has_torch() -> bool:
    """Whether torch is installed; it is not imported."""
    return find_spec("torch") is not None


def label(algorithm: Any) -> str:
    """Name an algorithm as a person would: "GP-BO · log-EI", or its class with what differs from the defaults.

    An algorithm of the user's own has the name of its class; what has no ``suggest`` is one of Optuna's samplers. A warm start is
    "GP-BO · log-EI, after 5 given".
    """
    for text, known in LABELLED.items():
        if algorithm == known:
            return text
    if isinstance(algorithm, WarmStart):
        return f"{label(algorithm.algorithm)}, after {len(algorithm.configs)} given"
    name = type(algorithm).__name__
    if ALGORITHMS.get(name) is type(algorithm):
        return code(algorithm)
    return name if callable(getattr(algorithm, "suggest", None)) else f"Optuna's {name}"


def knows(algorithm: Any) -> bool:
    """Whether the algorithm, and one that it asks, is of the catalogue, so that name and arguments make it again."""
    cls = type(algorithm)
    return ALGORITHMS.get(cls.__name__) is cls and all(knows(getattr(algorithm, k)) for k in _inner(cls))


def code(algorithm: Any, module: str = "") -> str:
    """Write one of ours as code with the arguments that differ from the defaults: ``GPBO(acquisition='ei')``.

    ``module`` comes before each name, such as ``"wb."`` (and after it ``"nas."`` before those of that package).
    """
    parts = (f"{k}={code(v, module) if knows(v) else repr(v)}" for k, v in _changed(algorithm).items())
    inside = "nas." if module and type(algorithm).__module__.startswith("workbench.nas.") else ""
    return f"{module}{inside}{type(algorithm).__name__}({', '.join(parts)})"


def for_budgets(algorithm: Any) -> Any:
    """Let an algorithm of ours that knows one budget see the trials of a scheduler on one scale."""
    if isinstance(algorithm, WarmStart):
        return dataclasses.replace(algorithm, algorithm=for_budgets(algorithm.algorithm))
    aware = getattr(algorithm, "several_budgets", False) or not knows(algorithm)
    return algorithm if aware else OneScale(algorithm)


def to_json(algorithm: Any) -> dict[str, Any]:
    """Keep an algorithm as its class name and the arguments that differ from the defaults; one inside another alike.

    What is not ours, or asks one that is not ours, is kept as its name alone.
    """
    name = type(algorithm).__name__
    if not knows(algorithm):
        return {"type": name, "foreign": True}
    inner = {k: to_json(getattr(algorithm, k)) for k in _inner(type(algorithm))}
    return {"type": name, **_changed(algorithm), **inner}


def needs_another(cls: type[Any]) -> bool:
    """Whether an algorithm of that class asks another one, so that its name alone does not make it."""
    return bool(_inner(cls))


def _inner(cls: type[Any]) -> list[str]:
    """Name the arguments that are algorithms."""
    return [f.name for f in dataclasses.fields(cls) if f.type == "Algorithm"]


def _changed(algorithm: Any) -> dict[str, Any]:
    """Return the arguments that differ from the defaults."""
    return {f.name: getattr(algorithm, f.name) for f in dataclasses.fields(algorithm)
            if f.init and getattr(algorithm, f.name) != f.default}


def from_json(data: Mapping[str, Any]) -> Algorithm | None:
    """Make the algorithm again; None for one that is not ours (pass it again as ``algorithm=``)."""
    if not isinstance(data, Mapping) or not isinstance(data.get("type"), str):
        raise StorageError(f"an algorithm is kept as an object with its type, got {data!r}.")
    if data.get("foreign"):
        return None
    cls = ALGORITHMS.get(data["type"])
    if cls is None:
        raise StorageError(f"algorithms are {sorted(ALGORITHMS)}, got {data['type']!r}.")
    inner = {k: from_json(data[k]) for k in _inner(cls) if k in data}
    if None in inner.values():
        return None
    try:
        made: Algorithm = cls(**{k: v for k, v in data.items() if k != "type"} | inner)
    except (TypeError, ValueError) as error:
        raise StorageError(f"{data['type']} cannot be made from {dict(data)!r}: {error}") from error
    return made
