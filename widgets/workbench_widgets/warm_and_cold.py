"""Of the application: a run that began with configurations of past tasks, beside the same run without them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from workbench.automl.recipe import Recipe
from workbench.plots.warm_start import warm_start
from workbench.run import Run


class Entry(Protocol):
    """A run of the application."""

    label: str
    run: Run
    recipe: Recipe | None


@dataclass(frozen=True)
class Pair:
    """The newest warm run and the newest cold one of the same settings.

    Attributes
    ----------
    labels
        Of the warm run, and of the cold one; empty if there is none.
    recipe, seed
        Of the warm run.
    warm, cold
        Losses of their results in the order told, inf where one has none; None for a cold run that is not there.
    """

    labels: tuple[str, str]
    recipe: Recipe
    seed: int
    warm: tuple[float, ...]
    cold: tuple[float, ...] | None

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Pair | None:
        """Find them; None without a warm run."""
        newest = list(reversed(entries))
        warm = next((e for e in newest if e.recipe is not None and e.recipe.warm_start), None)
        if warm is None or warm.recipe is None:
            return None
        plain = as_cold(warm.recipe)
        cold = next((e for e in newest if e.recipe is not None and not e.recipe.warm_start and as_cold(e.recipe) == plain), None)
        labels = (warm.label, "" if cold is None else cold.label)
        return cls(labels, warm.recipe, warm.run.seed, losses_of(warm.run), None if cold is None else losses_of(cold.run))

    @property
    def cold_recipe(self) -> Recipe:
        """The warm run's settings without its warm start, with its seed."""
        return replace(as_cold(self.recipe), seed=self.seed)

    @property
    def note(self) -> str:
        """Say what stands beside the picture."""
        if self.cold is None:
            return f"{self.labels[0]} began with {self.recipe.warm_start} of past tasks. Was that worth it?"
        return f"{self.labels[0]} against {self.labels[1]}, one seed each: see Compare for more."

    def picture(self) -> dict[str, Any] | None:
        """Draw both; None as long as one of them has no result."""
        if not self.cold or not self.warm:
            return None
        name = "" if self.recipe.data is None else self.recipe.data.name
        return warm_start([np.array(self.cold)], [np.array(self.warm)], self.recipe.warm_start, name=name)


def as_cold(recipe: Recipe) -> Recipe:
    """Return the recipe without warm start, name and seed: two runs that differ in nothing else are equal by it."""
    return replace(recipe, warm_start=0, similar=Recipe.similar, name=None, seed=None)


def losses_of(run: Run) -> tuple[float, ...]:
    """Return the losses of a run's results in the order told; inf where one has none."""
    trials = run.trials
    return tuple(math.inf if (loss := trials.by_number[k].loss) is None else loss for k in trials.told)
