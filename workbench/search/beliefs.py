"""What a user believes about good values before the search: a density on the unit cube.

Hvarfner, Stoll, Souza, Lindauer, Hutter and Nardi (2022), "πBO: Augmenting acquisition functions with user beliefs for
Bayesian optimization"; the mixture with a uniform density follows Mallik et al. (2023), "PriorBand", who sample from both.

What can be said of a parameter, by its name::

    {"lr": 1e-3}                           a likely value
    {"lr": (1e-4, 1e-2)}                   a likely interval
    {"optimizer": "sgd"}                   a likely option
    {"optimizer": {"sgd": 7, "adam": 3}}   several likely values (or intervals), with weights

and what is made of it, on the parameter's own scale, 0 … 1::

    pi_j(u) = FLOOR + (1 - FLOOR) sum_i w_i N(u; m_i, s_i²) truncated to [0, 1]     numbers and ordered options
    pi_j(u) = FLOOR + (1 - FLOOR) K w_i                 at option i of K            options without order
    pi_j(u) = 1                                                                     nothing was said
    log pi(x) = sum of log pi_j(x_j) over the active parameters j

An interval holds 90 % of its normal; a value's normal has the standard deviation 0.1, a tenth of the range. A level has
the mass of its cell of the unit interval.

Notation
--------
=========  ==========================================================================================
u          a value of one parameter in the unit cube
pi_j       belief on parameter j, relative to a uniform draw of the unit cube: its integral over u is 1
m, s, w    centre, standard deviation and weight of one thing that was said
=========  ==========================================================================================

Differences from the papers: they leave the density to the user; here it is made from values and intervals, and the uniform
part keeps a wrong belief from excluding anything (pi_j >= FLOOR everywhere).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from workbench.errors import SpaceError
from workbench.models.parzen import Axis
from workbench.scale import is_number, plain
from workbench.space import MAX_DRAWS, Array, Choice, Param, Space

FLOOR = 0.1  # share of the uniform density
VALUE_SD = 0.1  # standard deviation around a likely value, as a share of the range
MIN_SD = 0.01  # of a very narrow interval
INTERVAL_SDS = 1.6449  # an interval reaches so many standard deviations to both sides: 90 %

Said = tuple[tuple[Any, float], ...]  # ((a value or a pair of interval ends, weight), ...)
Prior = tuple[tuple[str, Said], ...]  # ((name, what was said), ...)


def as_prior(said: Mapping[str, Any] | Sequence[Any] | None) -> Prior:
    """Read what a user says as nested tuples: ``{"lr": 1e-3}`` as ``(("lr", ((0.001, 1.0),)),)``.

    Sequences are taken to be such tuples already (or the lists that JSON makes of them).
    """
    if said is None:
        return ()
    try:
        if isinstance(said, Mapping):
            prior = tuple((name, _said(name, what)) for name, what in said.items())
        else:
            prior = tuple((name, tuple((_thing(t), _weight(name, w)) for t, w in what)) for name, what in said)
    except (TypeError, ValueError) as error:
        if isinstance(error, SpaceError):
            raise
        raise SpaceError(f"a prior must be a mapping of names to likely values, got {said!r}. "
                         'Write {"lr": 1e-3, "optimizer": "sgd"}.') from None
    names = [name for name, _ in prior]
    for name in names:
        if not isinstance(name, str):
            raise SpaceError(f"a prior must name parameters, got {name!r}.")
        if names.count(name) > 1:
            raise SpaceError(f"a prior names {name!r} twice. Give all its likely values at once, with weights.")
    return prior


def as_said(prior: Prior) -> dict[str, Any]:
    """Write a prior as a user says it, the way back from ``as_prior``: of one thing its weight does not matter."""
    out: dict[str, Any] = {}
    for name, things in prior:
        weights: dict[Any, float] = {}
        for thing, weight in things:
            weights[thing] = weights.get(thing, 0.0) + weight
        out[name] = weights if len(weights) > 1 else next(iter(weights), {})
    return out


def _said(name: str, what: Any) -> Said:
    if isinstance(what, Mapping):
        if not what:
            raise SpaceError(f"the prior of {name!r} is empty. Leave it out, or name a likely value.")
        return tuple((_thing(thing), _weight(name, weight)) for thing, weight in what.items())
    return ((_thing(what), 1.0),)


def _thing(what: Any) -> Any:
    """Read a value, or the two ends of an interval."""
    if isinstance(what, (tuple, list)):
        return tuple(plain(end) for end in what)
    hash(what)  # TypeError for what can be no value
    return plain(what)


def _weight(name: str, weight: Any) -> float:
    weight = plain(weight)
    if not (is_number(weight) and weight > 0):
        raise SpaceError(f"weights of a prior must be positive numbers, got {weight!r} for {name!r}.")
    return float(weight)


# ---- one parameter -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """The belief on one parameter.

    Attributes
    ----------
    axis
        Of the parameter: real numbers, levels or options.
    m, s, w
        Centres, standard deviations and weights (sum 1) of the normals, shape (k,); empty for options without order.
    mass
        Probability of each level or option, shape (K,); empty for real numbers.
    """

    axis: Axis
    m: Array
    s: Array
    w: Array
    mass: Array

    @classmethod
    def of(cls, name: str, param: Param, said: Said) -> Belief:
        """Make the belief on a parameter; SpaceError if what was said does not fit it."""
        axis, none = Axis.of(param), np.empty(0)
        w = np.array([weight for _, weight in said])
        w /= w.max()  # weights as large as 1e308 have no finite sum
        w /= w.sum()
        if axis.kind == "choice":
            p = np.bincount([_option(name, param, thing) for thing, _ in said], weights=w, minlength=len(axis.points))
            return cls(axis, none, none, none, np.asarray(FLOOR / len(p) + (1 - FLOOR) * p))
        m, s = np.array([_normal(name, param, thing) for thing, _ in said]).T
        if axis.kind == "float":
            return cls(axis, m, s, w, none)
        cdf = ndtr((axis.edges[:, None] - m) / s)
        cells = np.diff(cdf, axis=0) / (cdf[-1] - cdf[0])  # (K, k)
        mass = FLOOR * np.diff(axis.edges) + (1 - FLOOR) * cells @ w
        return cls(axis, m, s, w, np.asarray(mass, dtype=float))

    def log_density(self, u: Array) -> Array:
        """Logarithm of pi_j at ``u`` (n,), without nan."""
        if self.axis.kind == "float":
            z = (u[:, None] - self.m) / self.s
            inside = ndtr((1 - self.m) / self.s) - ndtr(-self.m / self.s)
            normals = np.exp(-0.5 * z * z) / (math.sqrt(2 * math.pi) * self.s * inside)  # (n, k)
            return np.asarray(np.log(FLOOR + (1 - FLOOR) * normals @ self.w))
        return np.asarray(np.log(self.mass / np.diff(self.axis.edges))[self.axis.index(u)])

    def log_probability(self, u: Array) -> Array:
        """Logarithm of the probability of the level or option at ``u`` (n,); of real numbers, of pi_j."""
        if self.axis.kind == "float":
            return self.log_density(u)
        return np.asarray(np.log(self.mass)[self.axis.index(u)])

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n unit values."""
        if self.axis.kind != "float":
            return np.asarray(self.axis.points[_draw(self.mass, n, rng)])  # ~ Categorical(mass)
        i, q = _draw(self.w, n, rng), rng.random(n)
        m, s = self.m[i], self.s[i]
        below = ndtr(-m / s)
        u = m + s * ndtri(below + q * (ndtr((1 - m) / s) - below))  # ~ N(m, s²) truncated to [0, 1]
        return np.clip(np.where(rng.random(n) < FLOOR, rng.random(n), u), 0.0, 1.0)


def _draw(p: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return np.minimum(np.searchsorted(np.cumsum(p), rng.random(n), side="right"), len(p) - 1)


def _option(name: str, param: Param, thing: Any) -> int:
    fault = ("type", "has options; give them weights, such as {'a': 1, 'b': 1}") if isinstance(thing, tuple) \
        else param.fault(thing)
    if fault:
        raise SpaceError(f"the prior of {name!r} does not fit: it {fault[1]}, got {thing!r}.")
    return int(param.level(param.to_unit(thing)))


def _normal(name: str, param: Param, thing: Any) -> tuple[float, float]:
    """Centre and standard deviation of a likely value or interval."""
    if not isinstance(thing, tuple):
        fault = param.fault(thing)
        if fault:
            raise SpaceError(f"the prior of {name!r} does not fit: it {fault[1]}, got {thing!r}.")
        return param.to_unit(thing), VALUE_SD
    ends = [_end(name, param, end) for end in thing]
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise SpaceError(f"a likely interval of {name!r} needs a lower and an upper end, in this order, got {thing!r}.")
    return (ends[0] + ends[1]) / 2, max((ends[1] - ends[0]) / 2 / INTERVAL_SDS, MIN_SD)


def _end(name: str, param: Param, end: Any) -> float:
    """Unit value of an interval's end, which may lie between two levels."""
    if isinstance(param, Choice):
        fault = param.fault(end)
    elif not is_number(end):
        fault = "type", "must be a finite number"
    else:
        fault = None if param.low <= end <= param.high else ("range", f"must lie between {param.low} and {param.high}")
    if fault:
        raise SpaceError(f"the prior of {name!r} does not fit: it {fault[1]}, got {end!r}.")
    return param.to_unit(end)


# ---- all parameters ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """What a user believes about a space. Make them with ``Beliefs.of``.

    Attributes
    ----------
    space
        The space.
    by_column
        The belief on each column about which something was said.
    """

    space: Space
    by_column: Mapping[int, Belief]

    @classmethod
    def of(cls, space: Space, prior: Mapping[str, Any] | Sequence[Any] | None) -> Beliefs:
        """Make the beliefs from what was said; the same (space, prior) is read once.

        Raises
        ------
        SpaceError
            An unknown name, or a value that the parameter cannot have.
        """
        return _beliefs(space, as_prior(prior))

    def __bool__(self) -> bool:
        """Whether anything was said."""
        return bool(self.by_column)

    def log_density(self, x: Array) -> Array:
        """Logarithm of the belief at rows (n, d) of the unit cube; shape (n,). Inactive columns contribute 0."""
        total = np.zeros(len(x))
        for j, belief in self.by_column.items():
            on = ~np.isnan(x[:, j])
            total[on] += belief.log_density(x[on, j])
        return total

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n points (n, d): valid, inactive ones nan, none forbidden; uniform where nothing was said."""
        x = np.empty((0, len(self.space)))
        drawn = 0
        while len(x) < n:
            if len(x) == 0 and drawn > MAX_DRAWS:  # beliefs make nothing impossible: the space is (almost) empty
                raise SpaceError(f"the forbidden combinations leave (almost) nothing: {drawn} draws in a row were "
                                 "forbidden. Remove one of them.")
            more = rng.random((n if drawn == 0 else max(256, n), len(self.space)))
            for j, belief in self.by_column.items():
                more[:, j] = belief.sample(len(more), rng)
            more = self.space.snap(more)
            drawn += len(more)
            x = np.concatenate([x, more[~self.space.is_forbidden(more)]])[:n]
        return x


def prior_of(algorithm: Any) -> Prior:
    """Return what a user said to an algorithm: its attribute ``prior`` if that is a tuple, as ``as_prior`` makes it."""
    prior = getattr(algorithm, "prior", ())
    return prior if isinstance(prior, tuple) else ()


def takes_prior(algorithm: Any) -> bool:
    """Whether an algorithm, or one that it asks, can be told a prior."""
    return (is_dataclass(algorithm) and isinstance(getattr(algorithm, "prior", None), tuple)) or (
        (asked := getattr(algorithm, "algorithm", None)) is not None and takes_prior(asked))


def whole_prior(algorithm: Any) -> Prior:
    """Return what a user said to an algorithm, or to the one that it asks."""
    asked = getattr(algorithm, "algorithm", None)
    return prior_of(algorithm) or (() if asked is None else whole_prior(asked))


def with_prior(algorithm: Any, prior: Mapping[str, Any] | Sequence[Any] | None) -> Any:
    """Return the algorithm with this prior in the place of its own; one that takes none is returned as it is."""
    said = as_prior(prior)
    asked = getattr(algorithm, "algorithm", None)
    if asked is not None and takes_prior(asked):
        return replace(algorithm, algorithm=with_prior(asked, said))
    if not takes_prior(algorithm) or algorithm.prior == said:
        return algorithm
    return replace(algorithm, prior=said)


def check_prior(algorithm: Any, space: Space) -> None:
    """Raise SpaceError if an algorithm's prior names a parameter that the space lacks, or a value that one cannot have.

    An algorithm that asks another one holds it as ``algorithm``; that one's prior is checked too.
    """
    Beliefs.of(space, prior_of(algorithm))
    asked = getattr(algorithm, "algorithm", None)
    if asked is not None:
        check_prior(asked, space)


def within_space(algorithm: Any, space: Space) -> Any:
    """Return the algorithm with what its prior says of the parameters of ``space``, which is a part of the whole one."""
    asked = getattr(algorithm, "algorithm", None)
    if asked is not None and (part := within_space(asked, space)) is not asked:
        algorithm = replace(algorithm, algorithm=part)
    prior = prior_of(algorithm)
    about = tuple((name, said) for name, said in prior if name in space.params)
    return algorithm if len(about) == len(prior) else replace(algorithm, prior=about)


@lru_cache(maxsize=64)
def _beliefs(space: Space, prior: Prior) -> Beliefs:
    unknown = [name for name, _ in prior if name not in space.params]
    if unknown:
        raise SpaceError(f"the prior names {unknown[0]!r}, which is no parameter of this space. "
                         f"There are {list(space.names)!r}.")
    return Beliefs(space, {space.column(name): Belief.of(name, space[name], said) for name, said in prior})
