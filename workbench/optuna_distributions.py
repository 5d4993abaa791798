"""Our parameters as Optuna's distributions, and back."""

from __future__ import annotations

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
            return FloatDistribution(param.low, param.high, log=param.log, step=None if param.log else param.step)
        case Int():
            return IntDistribution(param.low, param.high, log=param.log, step=1 if param.log else param.step)
        case Choice():
            return CategoricalDistribution(param.options)


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
        match space[name]:
            case Float() as p:
                value = trial.suggest_float(name, p.low, p.high, log=p.log, step=None if p.log else p.step)
                config[name] = p.from_unit(p.to_unit(value)) if p.log and p.step else value
            case Int() as p:
                value = trial.suggest_int(name, p.low, p.high, log=p.log, step=1 if p.log else p.step)
                config[name] = p.from_unit(p.to_unit(value)) if p.log and p.step != 1 else value
            case Choice() as p:
                config[name] = trial.suggest_categorical(name, p.options)
    space.validate(config)
    return config
