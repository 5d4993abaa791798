"""From a history to the present generations of CMA-ES: every told trial is taken in once, in the order told.

A space falls into groups of parameters that are active together (as for TPE). Each group has a CMA-ES of its own, which
learns from the trials in which the group was active, and only from those: nothing is made up for inactive parameters.
A flat space is one group. A group's next ``lambda`` trials, in the order in which they were told, are its generation,
whoever proposed them and whenever: so no row is lost and none counts twice, with any number of workers. Points of
older generations and points from outside (a user's, another algorithm's) are *injected solutions* (Hansen 2011,
arXiv 1110.4181): ranked like the others, but a step longer than 999 of 1000 steps of the present distribution is shortened to
that length. The history does not say who proposed a row; with such a bound, own points are as good as never touched.

The distribution after k generations depends on the first rows alone. The history's memo keeps the newest state, and the
next suggestion takes in only what is new.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv

from workbench.history import History
from workbench.models.cma_discrete import latent, margin_correction, move_probabilities
from workbench.models.cma_state import CMAState, constants, update
from workbench.search.cma_restart import Restart, Start, end_of, next_start
from workbench.search.tpe_groups import Group, groups_of
from workbench.search.untried import rounded
from workbench.space import Array, Space

OPTION_RATE = 0.5  # learning rate of the probabilities of options, divided by sqrt(1 + number of choices)
OPTION_FLOOR = 1 / 8  # of 1 / K: no probability of K options falls below
LARGEST = 0.5  # no axis of the distribution grows longer: the cube's side is 1
N_REDRAWS = 30  # draws outside the cube before one is clipped
OWN = 0.999  # share of the distribution's own steps that are shorter than the bound for injected ones


class Settings(NamedTuple):
    """The arguments of ``CMAES`` that the distribution depends on."""

    population: int | None
    sigma: float
    restart: Restart | None
    tolx: float
    margin: bool


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The columns of one group: real coordinates first, then levels; choices; those with one value are left out.

    Attributes
    ----------
    group
        The group, which knows its condition.
    numeric, choices
        Columns of the space.
    n_real
        How many of ``numeric`` are real numbers.
    edges
        Borders of the cells of each level coordinate.
    n_options
        Number of options of each choice.
    """

    group: Group
    numeric: tuple[int, ...]
    choices: tuple[int, ...]
    n_real: int
    edges: tuple[Array, ...]
    n_options: tuple[int, ...]

    @property
    def first(self) -> int:
        """Return a column of the group: nan there means that the group is not active."""
        return self.group.columns[0]

    def population(self) -> int:
        """Lambda: three quarters of the tutorial's 4 + 3 ln n (eq. 48), with choices counted as dimensions."""
        n = len(self.numeric) + len(self.choices)
        return max(4, int(0.75 * (4 + math.floor(3 * math.log(max(n, 1))))))


@lru_cache(maxsize=64)
def parts_of(space: Space) -> tuple[Part, ...]:
    """Split a space into the parts that have a CMA-ES each, parents first."""
    parts = []
    for group in groups_of(space):
        pairs = list(zip(group.columns, group.axes, strict=True))
        real = [j for j, axis in pairs if axis.kind == "float"]
        level = [(j, axis) for j, axis in pairs if axis.kind == "level" and len(axis.points) > 1]
        choice = [(j, axis) for j, axis in pairs if axis.kind == "choice" and len(axis.points) > 1]
        parts.append(Part(group, tuple(real + [j for j, _ in level]), tuple(j for j, _ in choice), len(real),
                          tuple(axis.edges for _, axis in level), tuple(len(axis.points) for _, axis in choice)))
    return tuple(parts)


class Record(NamedTuple):
    """A distribution as it was for one generation: the evolution that pictures show."""

    start: int  # number of the run
    n_told: int  # rows of the history known when it came to be
    sigma: float
    mean: Array  # (n,)
    lengths: Array  # sigma D, (n,)


@dataclass(slots=True)
class Branch:
    """The CMA-ES of one part.

    Attributes
    ----------
    state
        The normal distribution of the numeric parameters; None if there are none.
    A
        Stretching of the coordinates (``margin``).
    q
        Probabilities of the options of each choice.
    waiting, last
        Rows of the history that make up the generation so far, and those of the one before.
    generation
        Number of generations taken in.
    starts
        The runs, the present one last.
    path
        The distributions of all generations, the present one last.
    """

    part: Part
    settings: Settings
    seed: tuple[int, int]
    state: CMAState | None = None
    A: Array = field(default_factory=lambda: np.ones(0))
    q: list[Array] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    generation: int = 0
    starts: list[Start] = field(default_factory=list)
    path: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        lam = self.settings.population or self.part.population()
        self.q = [np.full(k, 1 / k) for k in self.part.n_options]
        self._begin(Start(0, lam, self.settings.sigma), np.full(len(self.part.numeric), 0.5))

    @property
    def start(self) -> Start:
        """The present run."""
        return self.starts[-1]

    def _begin(self, start: Start, mean: Array) -> None:
        self.starts.append(start)
        self.A = np.ones(len(mean))
        if len(mean):
            self.state = CMAState.start(mean, start.sigma)
        self._record()

    def _record(self) -> None:
        if self.state is not None:
            self.path.append(Record(self.start.number, self.last[-1] + 1 if self.last else 0, self.state.sigma,
                                    self.state.mean, self.state.sigma * self.state.axes[1]))

    def take(self, row: int, x: Array, y: Array) -> None:
        """Take in a told row; ``x`` and ``y`` are the history's."""
        self.waiting.append(row)
        if len(self.waiting) == self.start.lam:
            self.last, self.waiting = self.waiting, []
            self.generation += 1
            if np.isfinite(y[self.last]).any():  # if all failed, there is nothing to rank
                self._update(x[self.last], y[self.last])

    def _update(self, x: Array, y: Array) -> None:
        best_first = x[np.argsort(y, kind="stable")]
        k = constants(max(len(self.part.numeric), 1), len(y))
        rate = OPTION_RATE / math.sqrt(1 + len(self.q))
        for i, (j, n_options) in enumerate(zip(self.part.choices, self.part.n_options, strict=True)):
            options = np.clip(best_first[:, j] * n_options, 0, n_options - 1).astype(int)
            self.q[i] = move_probabilities(self.q[i], options, k.w[:k.mu], rate,
                                           OPTION_FLOOR / n_options)
        if self.state is None:
            return
        self.state = self._bounded(update(self.state, self.injected(x[:, list(self.part.numeric)]), y))
        if self.settings.margin:
            self._keep_margin()
        start = self.start
        finite = y[np.isfinite(y)]
        with np.errstate(over="ignore"):
            start.spread = max(start.spread, float(finite.max() - finite.min()))
        start.best.append(float(y.min()))
        start.median.append(float(np.median(y)) if len(finite) > len(y) // 2 else math.inf)
        end = end_of(start, self.state, y, self.settings.tolx)
        if end and self.settings.restart is not None:
            rng = np.random.default_rng([*self.seed, len(self.starts)])
            mean = rng.random(len(self.part.numeric))
            self._begin(next_start(self.starts, self.settings.restart, self.settings.sigma, rng), mean)
        else:
            self._record()

    @property
    def covariance(self) -> Array:
        """Covariance of what is drawn, stretched coordinates included, (n, n)."""
        return np.zeros((0, 0)) if self.state is None else self.state.covariance * np.outer(self.A, self.A)

    @staticmethod
    def _bounded(state: CMAState) -> CMAState:
        longest = state.axes[1][-1]
        return state if state.sigma * longest <= LARGEST else replace(state, sigma=float(LARGEST / longest))

    def _keep_margin(self) -> None:
        assert self.state is not None
        levels = slice(self.part.n_real, None)
        mean, A = self.state.mean.copy(), self.A.copy()
        low, up = self._inner_borders(mean[levels])
        alpha = 1 / (len(mean) * self.start.lam)
        mean[levels], A[levels] = margin_correction(mean[levels], A[levels], self.state.deviations[levels], low, up, alpha)
        self.state, self.A = replace(self.state, mean=mean), A

    def _inner_borders(self, mean: Array) -> tuple[Array, Array]:
        """Borders of the cells of the means; of an outermost cell the inner one twice."""
        low, up = np.empty(len(mean)), np.empty(len(mean))
        for i, edges in enumerate(self.part.edges):
            cell = int(np.clip(np.searchsorted(edges, mean[i]) - 1, 0, len(edges) - 2))
            low[i], up[i] = edges[max(cell, 1)], edges[min(cell + 1, len(edges) - 2)]
        return low, up

    def injected(self, x: Array) -> Array:
        """Points of the distribution that the rows (lam, n) stand for: drawn in cells, long steps shortened."""
        assert self.state is not None
        state, n_real = self.state, self.part.n_real
        if n_real < x.shape[1]:
            low, up = x.copy(), x.copy()
            for i, edges in enumerate(self.part.edges):
                j = n_real + i
                cell = np.clip(np.searchsorted(edges, x[:, j]) - 1, 0, len(edges) - 2)
                low[:, j], up[:, j] = edges[cell], edges[cell + 1]
                if self.settings.margin:
                    low[cell == 0, j], up[cell == len(edges) - 2, j] = -np.inf, np.inf
            low, up = state.mean + (low - state.mean) / self.A, state.mean + (up - state.mean) / self.A
            rng = np.random.default_rng([*self.seed, len(self.starts), self.generation])
            x = latent(state.mean, state.root, low, up, rng)
        B, D = state.axes
        step = x - state.mean
        length = np.sqrt((((step @ B) / (state.sigma * D)) ** 2).sum(axis=1))
        shorter = np.minimum(1.0, longest_step(x.shape[1]) / np.maximum(length, 1e-300))
        return np.asarray(state.mean + step * shorter[:, None])

    def draw(self, rng: np.random.Generator) -> tuple[Array, list[int]]:
        """Draw the numeric coordinates, inside the cube, and the options."""
        options = [int(rng.choice(len(q), p=q)) for q in self.q]  # ~ Categorical(q)
        if self.state is None:
            return np.empty(0), options
        free = slice(self.part.n_real) if self.settings.margin else slice(None)
        for _ in range(N_REDRAWS):
            u = self.state.mean + self.A * (self.state.sample(rng) - self.state.mean)
            if ((u[free] >= 0) & (u[free] <= 1)).all():
                break
        return np.clip(u, 0.0, 1.0), options


@lru_cache(maxsize=64)
def longest_step(n: int) -> float:
    """Length that N(0, I) in n dimensions exceeds once in a thousand draws."""
    return math.sqrt(2 * gammaincinv(n / 2, OWN))


class Generations:
    """All branches after the rows taken in so far, and which configurations there were."""

    def __init__(self, space: Space, seed: int, settings: Settings) -> None:
        self.space = space
        self.branches = tuple(Branch(part, settings, (seed, i)) for i, part in enumerate(parts_of(space)))
        self.seen: set[bytes] = set()
        self._x, self._y = np.empty((0, len(space))), np.empty(0)

    def draw(self, rng: np.random.Generator) -> Array:
        """Draw a point, one active part after the other, parents first; (d,), snapped."""
        x = np.full(len(self.space), np.nan)
        for branch in self.branches:
            if not branch.part.group.is_active(x):
                continue
            u, options = branch.draw(rng)
            x[list(branch.part.group.columns)] = 0.5  # those with one value
            x[list(branch.part.numeric)] = u
            x[list(branch.part.choices)] = [(o + 0.5) / len(q) for o, q in zip(options, branch.q, strict=True)]
            x = self.space.snap(x[None])[0]
        return x

    def starts_like(self, x: Array, y: Array) -> bool:
        """Whether the rows taken in so far are the first of these, bit by bit."""
        n = len(self._y)
        return n <= len(y) and _same(self._x, x[:n]) and _same(self._y, y[:n])

    def take(self, x: Array, y: Array) -> None:
        """Take in the rows that are new."""
        old = len(self._y)
        self._x, self._y = x.copy(), y.copy()
        self.seen.update(row.tobytes() for row in rounded(x[old:]))
        active = ~np.isnan(x[old:, [b.part.first for b in self.branches]])
        for i, on in enumerate(active.tolist(), start=old):
            for branch, here in zip(self.branches, on, strict=True):
                if here:
                    branch.take(i, self._x, self._y)


def _same(a: Array, b: Array) -> bool:
    return bool((a.view(np.int64) == np.ascontiguousarray(b).view(np.int64)).all())


def generations(history: History, settings: Settings) -> Generations:
    """Replay a history, from the newest state that the memo has of a prefix of it."""
    key = ("cma", history.space, history.seed, settings)
    found: Generations | None = history.memo.get(key)
    if found is None or not found.starts_like(history.x, history.y):
        found = Generations(history.space, history.seed, settings)
    found.take(history.x, history.y)
    history.memo[key] = found
    return found
