"""An interactive AutoML workbench for Jupyter: draw a search space, start a search, watch it think.

The names below are imported when first used, so that ``import workbench`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench import gradient, meta, nas, objectives
    from workbench.api import open, optimize, watch
    from workbench.automl.nested import nested
    from workbench.automl.tune import tune
    from workbench.comparing import compare
    from workbench.errors import (
        ConfigError,
        LogError,
        MissingExtra,
        ObjectiveError,
        RunError,
        SearchExhausted,
        SpaceError,
        StorageError,
        WorkbenchError,
    )
    from workbench.fidelity.asha import ASHA
    from workbench.fidelity.curve_stop import CurveStop
    from workbench.fidelity.halving import SuccessiveHalving
    from workbench.fidelity.hyperband import EagerHyperband, Hyperband
    from workbench.fidelity.median import MedianStop
    from workbench.learning import learn
    from workbench.named_runs import runs
    from workbench.notebook import Workbench
    from workbench.objective import Checkpoint
    from workbench.optuna_bridge import Sampler
    from workbench.optuna_fanova import FanovaEvaluator
    from workbench.optuna_pruner import Pruner
    from workbench.racing import race
    from workbench.recording import Recording, replay
    from workbench.run import Run
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
    from workbench.search.recommend import recommend
    from workbench.search.rf_bo import RFBO
    from workbench.search.tpe import TPE
    from workbench.search.warm_start import WarmStart
    from workbench.space import Choice, Float, Int, Space
    from workbench.step_run import StepRecording, StepRun
    from workbench.task_similar import SimilarTasks
    from workbench.task_store import PastTasks, past_tasks
    from workbench.what_if import WhatIf

__version__ = "0.1.0"

_HOME = {
    "Space": "space", "Float": "space", "Int": "space", "Choice": "space",
    "optimize": "api", "open": "api", "watch": "api", "tune": "automl.tune", "nested": "automl.nested",
    "Run": "run", "race": "racing",
    "compare": "comparing", "runs": "named_runs", "learn": "learning",
    "past_tasks": "task_store", "PastTasks": "task_store", "SimilarTasks": "task_similar",
    "WarmStart": "search.warm_start",
    "StepRun": "step_run", "StepRecording": "step_run",
    "Recording": "recording", "replay": "recording", "WhatIf": "what_if",
    "GPBO": "search.gp_bo", "RFBO": "search.rf_bo",
    "TPE": "search.tpe", "BOHB": "search.bohb", "OneScale": "search.one_scale",
    "Fabolas": "search.fabolas",
    "CMAES": "search.cma_es", "Random": "search.random", "QuasiRandom": "search.quasi_random",
    "Grid": "search.grid", "recommend": "search.recommend",
    "Genetic": "search.genetic", "DifferentialEvolution": "search.differential_evolution",
    "ParticleSwarm": "search.particle_swarm", "NSGA2": "search.nsga2", "EHVI": "search.ehvi",
    "DNGO": "search.nn_bo", "BOHAMIANN": "search.nn_bo", "LatentBO": "search.latent_bo",
    "SuccessiveHalving": "fidelity.halving", "Hyperband": "fidelity.hyperband", "EagerHyperband": "fidelity.hyperband",
    "ASHA": "fidelity.asha", "MedianStop": "fidelity.median", "CurveStop": "fidelity.curve_stop",
    "Pruner": "optuna_pruner", "FanovaEvaluator": "optuna_fanova",
    "Sampler": "optuna_bridge", "Checkpoint": "objective",
    "WorkbenchError": "errors", "SpaceError": "errors", "ConfigError": "errors", "ObjectiveError": "errors",
    "RunError": "errors", "StorageError": "errors", "LogError": "errors", "SearchExhausted": "errors",
    "MissingExtra": "errors",
    "Workbench": "notebook",
}

__all__ = [
    "BOHB", "EHVI", "Fabolas", "OneScale", "BOHAMIANN", "DNGO", "LatentBO", "MissingExtra", "NSGA2", "Workbench",
    "ASHA", "Checkpoint", "CurveStop", "EagerHyperband", "Hyperband", "MedianStop", "Pruner", "SuccessiveHalving",
    "CMAES", "GPBO", "RFBO", "TPE", "Choice", "ConfigError", "DifferentialEvolution", "Float", "Genetic", "Grid", "Int",
    "FanovaEvaluator", "LogError", "ObjectiveError", "ParticleSwarm", "QuasiRandom", "Random", "Run", "RunError", "Sampler",
    "SearchExhausted", "Space", "SpaceError", "StorageError", "WorkbenchError", "compare", "gradient", "learn", "meta", "nas",
    "objectives", "open", "optimize", "race", "runs", "recommend", "replay", "Recording", "StepRecording", "StepRun", "WhatIf",
    "nested", "tune", "watch", "past_tasks", "PastTasks", "SimilarTasks", "WarmStart",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in ("gradient", "meta", "nas", "objectives"):
        return import_module(f"workbench.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    value = getattr(import_module(f"workbench.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names too."""
    return sorted({*globals(), *__all__})
