"""What the lesson on Bayesian optimisation is about: a hidden function, a model of it, three rules to choose by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from workbench.models.acquisition import (
    expected_improvement,
    lower_confidence_bound,
    probability_of_improvement,
)
from workbench.models.gaussian_process import GaussianProcess, fit
from workbench.problems import functions
from workbench.space import Array

RULES = ("EI", "LCB", "PI")
MAX_EVALUATIONS = 40
SIDE = 41  # points along each side of the map in two dimensions
LINE = np.linspace(0.0, 1.0, 301)[:, None]
PLANE = np.stack(np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE)), axis=-1).reshape(-1, 2)

Point = tuple[float, ...]
