"""Our parameters as Optuna's distributions, and back."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from workbench.errors import SpaceError
from workbench.space import Choice, Config, Float, Int, Param, Space


def distribution(param: Param) -> BaseDistribution:
    """Translate one parameter. Optuna has no log scale with steps: the steps are left out there."""
    match param:
        case Float():
            return _float(param)
        case Int():
            return IntDistribution(param.low, param.high, log=param.log, step=1 if param.log else param.step)
        case Choice():
            return CategoricalDistribution(param.options)


def _float(param: Float) -> FloatDistribution:
    if param.log or param.step is None:
        return FloatDistribution(param.low, param.high, log=param.log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it would say that its high end is one rounding error lower
        dist = FloatDistribution(param.low, param.high, step=param.step)
        if dist.high < param.high - param.step / 2:
            # Optuna counts steps in decimals, and lost one to a low end such as 0.30000000000000004
            low, high, step = (float(f"{v:.12g}") for v in (param.low, param.high, param.step))
            dist = FloatDistribution(low, high, step=step)
    return dist


def parameter(dist: BaseDistribution) -> Param:
    """Translate one distribution.

    Raises
    ------
    SpaceError
        If it has choices that are no plain values (lists, objects), or two that Python holds equal (1 and True).
    """
    match dist:
        case FloatDistribution():
            return Float(dist.low, dist.high, log=dist.log, step=dist.step)
        case IntDistribution():
            return Int(dist.low, dist.high, log=dist.log, step=dist.step)
        case CategoricalDistribution():
            return Choice(*dist.choices)
    raise SpaceError(f"no parameter is like {type(dist).__name__}. Float, Int and Categorical distributions are known.")


def space_to_distributions(space: Space) -> dict[str, BaseDistribution]:
    """All parameters as distributions. Conditions and forbidden combinations have no counterpart in Optuna."""
    return {name: distribution(p) for name, p in space.params.items()}


def space_from_distributions(distributions: Mapping[str, BaseDistribution]) -> Space:
    """Make a space without conditions from distributions."""
    return Space({name: parameter(d) for name, d in distributions.items()})


def distributions(space: Space, config_so_far: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Return the parameters that are active given the values so far and have none yet, parents first.

    With an empty configuration these are the unconditional ones; ask again when they have their values, until nothing
    is left.
    """
    return {name: distribution(space[name]) for name in space.parents_first()
            if name not in config_so_far and space.is_active(name, config_so_far)}


def suggest_from(space: Space, trial: Any) -> Config:
    """Walk the space and let an Optuna trial suggest each active parameter, parents first.

    Values are moved to our levels where Optuna has none (a log scale with steps).

    Raises
    ------
    ConfigError
        If the configuration is forbidden: Optuna's samplers know no forbidden combinations. In a script of your own
        turn it into ``optuna.TrialPruned``; runs of the workbench draw again.
    """
    config: Config = {}
    for name in space.parents_first():
        if not space.is_active(name, config):
            continue
        p = space[name]
        match distribution(p):
            case FloatDistribution() as d:
                value = trial.suggest_float(name, d.low, d.high, log=d.log, step=d.step)
            case IntDistribution() as d:
                value = trial.suggest_int(name, d.low, d.high, log=d.log, step=d.step)
            case CategoricalDistribution() as d:
                value = trial.suggest_categorical(name, d.choices)
        config[name] = value if p.n_levels is None else p.from_unit(p.to_unit(value))
    space.validate(config)
    return config
