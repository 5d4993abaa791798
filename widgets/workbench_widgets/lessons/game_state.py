"""The game "you are the optimiser": ten evaluations of a hidden function, against three algorithms with the same ten.

A state is plain data and every move a pure function, so the game can be played by clicks, by keys, or by a script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from workbench.history import History
from workbench.models.acquisition import acquisition
from workbench.search.gp_bo import GPBO
from workbench.search.random import Random
from workbench.search.tpe import TPE
from workbench.space import Array, Float, Space
from workbench_widgets.lessons.bo_state import LINE, PLANE, Point, surrogate
from workbench_widgets.lessons.functions import Hidden

N_EVALUATIONS = 10
YOU = "you"
# with ten evaluations a model must begin early: its usual start of ten random points would be the whole game
RIVALS: dict[str, Any] = {"GP-BO": GPBO(n_startup=3), "TPE": TPE(n_startup=3), "random": Random()}
WAVES = 120  # of which a hidden function is made
LENGTHS = {1: 0.11, 2: 0.22}  # how far one must go for a hidden function to look new


@lru_cache(maxsize=64)
def mystery(dimensions: int, seed: int) -> Hidden:
    """Draw a hidden function: a sum of random waves and a shallow bowl, between 0 and 100 over an unknown floor.

    The waves have normal frequencies of deviation 1/length, so that their sum is nearly a draw from a Gaussian process
    with a squared-exponential kernel (Rahimi & Recht 2007).
    """
    rng = np.random.default_rng([dimensions, seed, 2026])
    frequency = rng.normal(0.0, 1.0 / LENGTHS[dimensions], (dimensions, WAVES))
    phase, centre = rng.uniform(0.0, 2 * np.pi, WAVES), rng.uniform(0.15, 0.85, dimensions)

    def raw(u: Array) -> Array:
        waves = np.sqrt(2.0 / WAVES) * np.cos(np.asarray(u) @ frequency + phase).sum(axis=-1)
        return np.asarray(waves + 3.0 * ((u - centre) ** 2).sum(axis=-1))

    seen = raw(LINE if dimensions == 1 else PLANE)
    low, width = float(seen.min()), float(np.ptp(seen))
    floor = float(rng.uniform(-300.0, 300.0))
    return Hidden(f"mystery {seed}", lambda u: floor + 100.0 * (raw(u) - low) / width, dimensions, (0.0,) * dimensions,
                  (1.0,) * dimensions)


@lru_cache(maxsize=64)
def rivals(dimensions: int, seed: int) -> dict[str, tuple[tuple[Point, ...], tuple[float, ...]]]:
    """Let the algorithms play: points and losses of each, by name."""
    return {name: _played(algorithm, mystery(dimensions, seed), seed) for name, algorithm in RIVALS.items()}


def _played(algorithm: Any, hidden: Hidden, seed: int) -> tuple[tuple[Point, ...], tuple[float, ...]]:
    space = Space({f"x{i + 1}": Float(0.0, 1.0) for i in range(hidden.dimensions)})
    points: list[Point] = []
    losses: list[float] = []
    for k in range(N_EVALUATIONS):
        history = History.of(space, np.array(points), np.array(losses), seed=seed)
        x = algorithm.suggest(history, np.random.default_rng([seed, k])).x
        points.append(tuple(x.tolist()))
        losses.append(hidden(points[-1]))
    return tuple(points), tuple(losses)


@dataclass(frozen=True, slots=True)
class Round:
    """A game that is over: how far everybody's best was above the minimum, and the hints that were asked for."""

    dimensions: int
    seed: int
    regrets: tuple[tuple[str, float], ...]
    hints: int = 0

    def place(self, name: str) -> int:
        """Place from 1 to 4; equals share the better one."""
        own = dict(self.regrets)[name]
        return 1 + sum(r < own - 1e-9 for _, r in self.regrets)


@dataclass(frozen=True, slots=True)
class GameState:
    """A game under way or over.

    Attributes
    ----------
    points, y
        Your evaluations.
    cursor
        Where the keyboard stands.
    hint
        Where expected improvement would look, if you have asked since the last evaluation; ``hints`` counts.
    rounds
        Games that are over, the present one too once it is.
    """

    dimensions: int = 1
    seed: int = 1
    points: tuple[Point, ...] = ()
    y: tuple[float, ...] = ()
    cursor: Point = (0.5,)
    hint: Point | None = None
    hints: int = 0
    rounds: tuple[Round, ...] = ()

    @classmethod
    def begin(cls, dimensions: int = 1, seed: int = 1, rounds: tuple[Round, ...] = ()) -> GameState:
        """Start a game on a new hidden function."""
        return cls(dimensions, seed, cursor=(0.5,) * dimensions, rounds=rounds)

    @property
    def hidden(self) -> Hidden:
        """The function that nobody sees."""
        return mystery(self.dimensions, self.seed)

    @property
    def is_over(self) -> bool:
        """Whether all evaluations are used up."""
        return len(self.y) >= N_EVALUATIONS

    @property
    def left(self) -> int:
        """Evaluations left."""
        return N_EVALUATIONS - len(self.y)

    def evaluate(self, point: Sequence[float]) -> GameState:
        """Evaluate the hidden function; the last evaluation ends the game and reveals everything."""
        if self.is_over:
            return self
        at = tuple(min(max(float(v), 0.0), 1.0) for v in point[:self.dimensions])
        new = replace(self, points=(*self.points, at), y=(*self.y, self.hidden(at)), cursor=at, hint=None)
        return replace(new, rounds=(*new.rounds, new.result())) if new.is_over else new

    def move(self, axis: int, by: float) -> GameState:
        """Move the cursor."""
        if self.is_over or axis >= self.dimensions:
            return self
        at = list(self.cursor)
        at[axis] = round(min(max(at[axis] + by, 0.0), 1.0), 6)
        return replace(self, cursor=tuple(at))

    def ask(self) -> GameState:
        """Ask where expected improvement would look; asking twice before an evaluation counts once."""
        if self.is_over or self.hint is not None:
            return self
        return replace(self, hint=self.advice(), hints=self.hints + 1)

    def advice(self) -> Point:
        """Highest expected improvement on a grid, given your points alone; the middle while there is but one."""
        if len(self.y) < 2:
            return (0.5,) * self.dimensions
        grid = LINE if self.dimensions == 1 else PLANE
        gp, centre, scale = surrogate(self.points, self.y)
        mean, variance = gp.predict(grid)
        score = acquisition("log_ei", centre + scale * mean, scale * np.sqrt(variance), min(self.y), 0.0)
        taken = np.abs(grid[:, None, :] - np.array(self.points)).max(axis=2).min(axis=1) < 1e-3
        return tuple(grid[int(np.argmax(np.where(taken, -np.inf, score)))].tolist())

    def again(self) -> GameState:
        """Play on the next function; the score is kept."""
        return GameState.begin(self.dimensions, self.seed + 1, self.rounds)

    # ---- the end -----------------------------------------------------------------------------------------------

    def players(self) -> dict[str, tuple[tuple[Point, ...], tuple[float, ...]]]:
        """Points and losses of all four, you first."""
        return {YOU: (self.points, self.y), **rivals(self.dimensions, self.seed)}

    def result(self) -> Round:
        """Compare the four."""
        hidden = self.hidden
        regrets = tuple((name, hidden.regret(min(y))) for name, (_, y) in self.players().items())
        return Round(self.dimensions, self.seed, regrets, self.hints)


def play(player: Callable[[Array, Array, np.random.Generator], Sequence[float]], dimensions: int = 1,
         seed: int = 1) -> GameState:
    """Let a function play a whole game.

    Parameters
    ----------
    player
        Gets its points so far, shape (n, d), their losses, shape (n,), and a seeded generator; returns the next point.
    """
    state = GameState.begin(dimensions, seed)
    rng = np.random.default_rng([seed, 0, 7])  # not that of a rival
    while not state.is_over:
        x = np.array(state.points, dtype=float).reshape(len(state.y), dimensions)
        state = state.evaluate(list(np.atleast_1d(player(x, np.array(state.y), rng))))
    return state
