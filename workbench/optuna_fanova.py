"""Our functional ANOVA for any Optuna study: ``optuna.importance.get_param_importances(study, evaluator=wb.FanovaEvaluator())``.

The space is read off the complete trials (``inferred``), so a parameter counts on its own scale, and one that only some trials
have counts too. Where no parent explains when it is there, its absence is one more of its values: half of the cube is without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from optuna.importance import BaseImportanceEvaluator
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from workbench.importance.fanova import N_TREES, Fanova, fanova
from workbench.inferred import InferredSpace
from workbench.space import Choice, Config, Param, Space
from workbench.subspace import with_when


@dataclass(frozen=True, slots=True)
class Reading:
    """A study as a space and configurations.

    Attributes
    ----------
    switches
        For a parameter whose absence is unexplained the name of one that tells whether it is there.
    moving
        Parameters whose range is not the same in all trials, and that are not always there: these are left out.
    """

    space: Space
    switches: dict[str, str]
    moving: tuple[str, ...]
    configs: list[Config]


class FanovaEvaluator(BaseImportanceEvaluator):
    """Functional ANOVA in the encoded space, exact for its forest, for Optuna's ``get_param_importances``.

    Importance is the share of the variance that a parameter explains alone, before Optuna normalises it. Unlike Optuna's
    evaluator this one counts a logarithmic range on its scale, knows conditional parameters, and takes milliseconds. With
    ``params`` it grows the same forest of all parameters and names the shares of some.

    Parameters
    ----------
    n_trees
        More trees take longer and vary less.
    seed
        Same trials, same seed, same importances.
    """

    def __init__(self, *, n_trees: int = N_TREES, seed: int = 0) -> None:
        if n_trees < 1:
            raise ValueError(f"n_trees must be at least 1, got {n_trees}. The default is {N_TREES}.")
        self.n_trees = n_trees
        self.seed = seed

    def __repr__(self) -> str:
        """Python code that makes the evaluator."""
        return f"FanovaEvaluator(n_trees={self.n_trees}, seed={self.seed})"

    def evaluate(self, study: Study, params: list[str] | None = None, *,
                 target: Callable[[FrozenTrial], float] | None = None) -> dict[str, float]:
        """Return the importance of each parameter, the largest first.

        Parameters
        ----------
        params
            Of these parameters alone.
        target
            What to explain instead of the value; needed where a study has several.

        Raises
        ------
        ValueError
            Without a target in a study of several values; for a parameter that no complete trial has, or whose range changes.
        """
        if target is None and len(study.directions) > 1:
            raise ValueError(f"a study of {len(study.directions)} values needs a target, got none. Give "
                             "target=lambda t: t.values[0] for the first.")
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        reading = read(trials)
        asked = _asked(params, reading)
        value = np.array([target(t) if target is not None else cast("float", t.value) for t in trials], dtype=float)
        shares = self._shares(reading, value) if asked else {}
        return dict(sorted(((name, shares.get(name, 0.0)) for name in asked), key=lambda item: -item[1]))

    def _shares(self, reading: Reading, value: np.ndarray) -> dict[str, float]:
        finite = np.isfinite(value)
        x = reading.space.to_unit([c for c, known in zip(reading.configs, finite, strict=True) if known])
        if len(x) == 0 or (np.nan_to_num(x, nan=-1.0) == np.nan_to_num(x[0], nan=-1.0)).all():
            return {}  # nothing was varied
        found = fanova(reading.space, x, value[finite], n_trees=self.n_trees, seed=self.seed)
        return {name: _share(found, name, reading.switches.get(name)) for name in found.names}


def _share(found: Fanova, name: str, switch: str | None) -> float:
    """Share of a parameter, together with whether it is there."""
    single = found.shares()
    return single[name] if switch is None else single[name] + single[switch] + found.pair(name, switch)


def _asked(params: list[str] | None, reading: Reading) -> list[str]:
    """Check the names that are asked for; all if none are named."""
    hidden = set(reading.switches.values())
    known = [name for name in reading.space.names if name not in hidden]
    if params is None:
        return known
    if not isinstance(params, (list, tuple)) or not all(isinstance(name, str) for name in params):
        raise TypeError(f"params must be a list of names, got {params!r}.")
    for name in params:
        if name in reading.moving:
            raise ValueError(f"{name!r} has no share, since its range changes from trial to trial. Leave it out of params.")
        if name not in known:
            raise ValueError(f"no complete trial has a parameter {name!r}. There are {known!r}.")
    return list(params)


def read(trials: list[FrozenTrial]) -> Reading:
    """Read the space off complete trials, with a switch for every parameter whose absence is unexplained."""
    inferred = InferredSpace()
    ranges: dict[str, list[object]] = {}
    for t in trials:
        inferred.learn(t.params, t.distributions)
        for name, dist in t.distributions.items():
            seen = ranges.setdefault(name, [])
            if dist not in seen:
                seen.append(dist)
    left = [name for name in inferred.distributions if name not in inferred.space]
    moving = tuple(name for name in left if len(ranges[name]) > 1)
    switches: dict[str, str] = {}
    params: dict[str, Param] = dict(inferred.space.params)
    for name in left:
        if name not in moving:
            switch = f"{name} is there"
            while switch in inferred.distributions:
                switch += "!"
            switches[name] = switch
            params[switch] = Choice(True, False)
            params[name] = with_when(inferred.parameter(name, inferred.distributions[name]), {switch: [True]})
    configs = [inferred.plain(t.params) | {switch: name in t.params for name, switch in switches.items()} for t in trials]
    return Reading(Space(params), switches, moving, configs)
