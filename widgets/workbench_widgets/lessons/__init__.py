"""Lessons: small pictures to play with, one idea each. Question first, then play, then the formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench_widgets.lessons.bayesian_optimisation import BayesianOptimisationLesson as BayesianOptimisationLesson
    from workbench_widgets.lessons.cma_es import CMAESLesson as CMAESLesson
    from workbench_widgets.lessons.curve_extrapolation import CurveExtrapolationLesson as CurveExtrapolationLesson
    from workbench_widgets.lessons.curve_families import CurveFamiliesLesson as CurveFamiliesLesson
    from workbench_widgets.lessons.darts import DARTSLesson as DARTSLesson
    from workbench_widgets.lessons.edit_a_cell import CellLesson as CellLesson
    from workbench_widgets.lessons.gaussian_process import GaussianProcessLesson as GaussianProcessLesson
    from workbench_widgets.lessons.grid_random import GridRandomLesson as GridRandomLesson
    from workbench_widgets.lessons.hyperband_table import HyperbandTableLesson as HyperbandTableLesson
    from workbench_widgets.lessons.maml import MAMLLesson as MAMLLesson
    from workbench_widgets.lessons.morphism import MorphismLesson as MorphismLesson
    from workbench_widgets.lessons.tpe import TPELesson as TPELesson
    from workbench_widgets.lessons.you_are_the_optimiser import YouAreTheOptimiser as YouAreTheOptimiser

__all__ = ["BayesianOptimisationLesson", "CMAESLesson", "CellLesson", "CurveExtrapolationLesson", "CurveFamiliesLesson",
           "DARTSLesson", "GaussianProcessLesson", "GridRandomLesson", "HyperbandTableLesson", "MAMLLesson", "MorphismLesson",
           "TPELesson", "YouAreTheOptimiser"]

_HOME = {
    "BayesianOptimisationLesson": "bayesian_optimisation",
    "CMAESLesson": "cma_es",
    "CurveExtrapolationLesson": "curve_extrapolation",
    "CurveFamiliesLesson": "curve_families",
    "CellLesson": "edit_a_cell",
    "DARTSLesson": "darts",
    "GaussianProcessLesson": "gaussian_process",
    "GridRandomLesson": "grid_random",
    "HyperbandTableLesson": "hyperband_table",
    "MAMLLesson": "maml",
    "MorphismLesson": "morphism",
    "TPELesson": "tpe",
    "YouAreTheOptimiser": "you_are_the_optimiser",
}


def __getattr__(name: str) -> Any:
    """Load a lesson when it is asked for: each draws in its own algorithm only."""
    if name not in _HOME:
        raise AttributeError(f"there is no lesson called {name!r}; the lessons are {', '.join(__all__)}.")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
