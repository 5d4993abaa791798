"""Results that a run has not found itself, but its parent, or the user. Whether they fit a space, and how they are kept.

A trial of the parent fits a space if it is one of its configurations. Spaces may have different parameters; one rule decides
what that means: *a parameter that the objective is not given is at its default*, where one was stated.

* A parameter that is new to the space counts as having been at its stated default.
* A parameter that the space no longer has, or that is inactive there, must have been at the default that was stated before.
* A fixed parameter must have had the value at which it is fixed.

Without a stated default nobody knows the value, and the trial is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from workbench.fixed import SAME, Fixed, distance
from workbench.ledger import FIXED, KEY, ORIGIN, origin_of
from workbench.losses import Loss
from workbench.optuna_distributions import distribution
from workbench.scale import is_number
from workbench.space import Choice, Config, Param, Space

BY_HAND = "given by hand"


@dataclass(frozen=True)
class Descent:
    """Where a child run comes from.

    Attributes
    ----------
    parent
        Name of its parent; None if that has none.
    where
        Where the parent is kept.
    first_seed
        Seed of the first run of the family: the folds of a cross-validated loss go by it.
    n_imported
        Trials of the parent that fit.
    left_out
        Why others do not fit, and how many.
    """

    parent: str | None
    where: str
    first_seed: int
    n_imported: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_left_out(self) -> int:
        """Trials of the parent that do not fit."""
        return sum(self.left_out.values())

    def summary(self) -> str:
        """Say what was imported, and what was not."""
        n = self.n_imported
        whose = "an unnamed run" if self.parent is None else repr(self.parent)
        text = f"Child of {whose}: {n} trial{'s' * (n != 1)} imported"
        if not self.left_out:
            return f"{text}."
        return f"{text}, {self.n_left_out} left out ({'; '.join(f'{k}: {why}' for why, k in self.left_out.items())})."

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"parent": self.parent, "where": self.where, "first_seed": self.first_seed, "n_imported": self.n_imported,
                "left_out": dict(self.left_out)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Descent:
        """Read JSON data."""
        return cls(data["parent"], str(data["where"]), int(data["first_seed"]), int(data["n_imported"]),
                   {str(k): int(n) for k, n in data["left_out"].items()})


# ---- whether a trial fits ----------------------------------------------------------------------------------------------


class Misfit(Exception):
    """A trial does not fit the space; the text says why, the same for all with the same reason."""


def fitted(whole: Mapping[str, Any], before: Space, space: Space) -> Config:
    """Return what a configuration of the space ``before`` is in another one.

    Raises
    ------
    Misfit
        If it is no configuration there.
    """
    config: Config = {}
    for name in space.parents_first():
        if space.is_active(name, config):
            value = whole.get(name, stated_default(space[name]))
            if value is None and name not in whole:
                raise Misfit(f"{name} has no value there, and no default is stated")
            config[name] = _allowed(name, space[name], value)
    for name, value in whole.items():
        if name not in config:
            default = stated_default(before[name]) if name in before.params else None
            if default is None or distance(before[name], value, default) > SAME:
                raise Misfit(f"{name} has no place here, and was not at a stated default")
    if not space.contains(config):
        raise Misfit("the combination is forbidden")
    return {name: config[name] for name in space.names if name in config}


def stated_default(p: Param) -> Any:
    """Return the default that was given; None if none was: an option None cannot be told from that."""
    return p.default


def _allowed(name: str, p: Param, value: Any) -> Any:
    """Return the value, freed from rounding errors."""
    if isinstance(p, Choice):
        level = p.find(value)
        if level is None:
            raise Misfit(f"{name} has another option")
        return p.options[level]
    if not is_number(value):
        raise Misfit(f"{name} is no number")
    if p.fault(value) is None:
        return value
    slack = SAME * (p.high - p.low)
    if not p.low - slack <= value <= p.high + slack:
        raise Misfit(f"{name} is outside its range")
    near = p.from_unit(p.to_unit(value))
    if abs(near - value) > max(slack, SAME * abs(value)):
        raise Misfit(f"{name} is between two steps")
    return near


def split(config: Config, fixed: Fixed, within: float = SAME) -> tuple[Config, Config]:
    """Part a configuration of the whole space into what is searched and what is fixed.

    ``within``: how far a fixed number may have been from its value, on the unit interval.

    Raises
    ------
    Misfit
        If a fixed parameter had another value.
    """
    free = {name: value for name, value in config.items() if name not in fixed.values}
    held = {name: value for name, value in config.items() if name in fixed.values}
    for name, value in held.items():
        if distance(fixed.space[name], value, fixed.values[name]) > within:
            raise Misfit(f"{name} had another value than the fixed one")
        if distance(fixed.space[name], value, fixed.values[name]) <= SAME:
            held[name] = fixed.values[name]  # freed from rounding errors
    if not fixed.searched.contains(free) or fixed.beside(free).keys() != held.keys():
        raise Misfit("the fixed values change which parameters are active")
    return free, held


class Import:
    """Decides which trials of a parent become trials of its child, and counts.

    Parameters
    ----------
    before
        The parent's whole space.
    space
        The child's whole space; None for an objective that makes it as it goes: then every trial fits.
    fixed
        What the child holds fixed.
    """

    def __init__(self, parent: str | None, before: Space, space: Space | None, fixed: Fixed | None,
                 within: float = SAME) -> None:
        self._parent, self._before, self._space, self._fixed, self._within = parent, before, space, fixed, within
        self._distributions: dict[str, BaseDistribution] = {} if space is None else {
            name: distribution(p) for name, p in space.params.items()}
        self.left_out: Counter[str] = Counter()
        self.n = 0

    def take(self, t: FrozenTrial, now: datetime) -> FrozenTrial | None:
        """Return the trial as the child keeps it, with values, curve, state and times; None if it does not fit."""
        config, held = dict(t.params), dict(t.user_attrs.get(FIXED, {}))
        distributions = dict(t.distributions)
        if self._space is not None:
            try:
                config = fitted({**config, **held}, self._before, self._space)
                config, held = (config, {}) if self._fixed is None else split(config, self._fixed, self._within)
            except Misfit as why:
                self.left_out[str(why)] += 1
                return None
            distributions = {name: self._distributions[name] for name in config}
        self.n += 1
        whose = "the parent" if self._parent is None else repr(self._parent)
        attrs = {k: v for k, v in t.user_attrs.items() if k not in (KEY, FIXED)}
        attrs[ORIGIN] = origin_of(t) or f"trial {t.number} of {whose}"
        if held:
            attrs[FIXED] = held
        end = min(t.datetime_complete or now, now)  # whatever the clock of another machine says, it is known by now
        return FrozenTrial(number=-1, trial_id=-1, state=t.state, value=None, values=t.values,
                           datetime_start=t.datetime_start or end, datetime_complete=end, params=config,
                           distributions=distributions, user_attrs=attrs, system_attrs={},
                           intermediate_values=dict(t.intermediate_values))


# ---- what the user knows -----------------------------------------------------------------------------------------------


def by_hand(space: Space, config: Config, value: Loss, fixed: Config) -> FrozenTrial:
    """Make the trial of a result that the user knows from elsewhere."""
    now = datetime.now()
    attrs = {ORIGIN: BY_HAND, **({FIXED: fixed} if fixed else {})}
    return FrozenTrial(number=-1, trial_id=-1, state=OptunaState.COMPLETE, value=None,
                       values=list(value) if isinstance(value, tuple) else [value], datetime_start=now,
                       datetime_complete=now, params=dict(config),
                       distributions={name: distribution(space[name]) for name in config}, user_attrs=attrs,
                       system_attrs={}, intermediate_values={})
