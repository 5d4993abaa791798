"""Warm start: configurations that are known to be good elsewhere are tried first, then any search goes on.

Feurer, Springenberg & Hutter 2015, "Initializing Bayesian hyperparameter optimization via meta-learning"::

    for trial = 1, 2, …
        the first of the given configurations that fits the space and was not tried, if there is one
        else ask the other search, which sees all trials as its own

A search that begins with points of its own makes that many fewer: ``GPBO()`` begins with 10, so after 5 given ones with 5 of its
own, and after 10 given ones at once with its model.

Differences from the paper: any search can follow, not Bayesian optimisation alone. A configuration that was tried already counts
as done, whoever tried it; one that no longer fits the space, since that was edited, is skipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.history import Algorithm, Drawn, History, Suggestion
from workbench.scale import plain
from workbench.search.untried import comparable, is_in, tried
from workbench.space import Config, Space


@dataclass(frozen=True, slots=True)
class WarmStartExplanation(Drawn):
    """The configuration was given to start with.

    Attributes
    ----------
    how
        Where it comes from, in words.
    place, n
        Its place among those given, from 1, and how many these are.
    """

    place: int
    n: int

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        return f"Given to start with, {self.place} of {self.n}: {self.how}."


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Tries given configurations first, then asks another search.

    Attributes
    ----------
    algorithm
        The search that follows: ``GPBO()``, ``TPE()``, …
    configs
        The configurations, the most promising first. None is tried twice, and those that do not fit the space are skipped.
    why
        Where each comes from, in words: nothing, or as many texts as configurations.
    """

    algorithm: Algorithm
    configs: Sequence[Config]
    why: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the settings, and copy what could be changed."""
        if not callable(getattr(self.algorithm, "suggest", None)) or isinstance(self.algorithm, type):
            raise ValueError(f"algorithm must be a search such as GPBO(), got {self.algorithm!r}.")
        if isinstance(self.configs, (str, Mapping)) or not all(isinstance(c, Mapping) for c in self.configs):
            raise ValueError(f"configs must be a list of configurations, which are dicts, got {self.configs!r}.")
        if isinstance(self.why, str) or len(self.why) not in (0, len(self.configs)):
            raise ValueError(f"why has a text for each of the {len(self.configs)} configurations, or is left out, got "
                             f"{self.why!r}.")
        object.__setattr__(self, "configs", tuple({str(k): plain(v) for k, v in c.items()} for c in self.configs))
        object.__setattr__(self, "why", tuple(map(str, self.why)))

    def __hash__(self) -> int:
        """Hash by content."""
        return hash((self.algorithm, json.dumps(self.configs, default=repr), self.why))

    @property
    def several_losses(self) -> bool:
        """Whether a run may have several losses: if the search that follows can."""
        return bool(getattr(self.algorithm, "several_losses", False))

    @property
    def several_budgets(self) -> bool:
        """Whether trials of several numbers of steps can be used: if the search that follows can."""
        return bool(getattr(self.algorithm, "several_budgets", False))

    @property
    def several_costs(self) -> bool:
        """Whether trials' seconds are to be kept: if the search that follows wants them."""
        return bool(getattr(self.algorithm, "several_costs", False))

    def fitting(self, space: Space) -> list[tuple[int, Config]]:
        """Return those that fit a space, with their places from 0; of equal ones the first."""
        out: list[tuple[int, Config]] = []
        known = np.empty((0, len(space)))
        for i, config in enumerate(self.configs):
            if space.contains(config):
                x = comparable(space.to_unit(config))
                if not is_in(x, known):
                    known = np.vstack([known, x])
                    out.append((i, config))
        return out

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point. Same history, same rng: same answer."""
        if len(history.space):
            known = tried(history)
            for i, config in self.fitting(history.space):
                x = history.space.to_unit(config)
                if not is_in(comparable(x), known):
                    return Suggestion(x, WarmStartExplanation(self.why[i] if self.why else "by hand", i + 1, len(self.configs)))
        return self.algorithm.suggest(history, rng)
