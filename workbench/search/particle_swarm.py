"""Particle swarm: points fly through the space, drawn to the best place that each has seen and to that of its neighbours.

Kennedy & Eberhart (1995), "Particle swarm optimization"; constriction by Clerc & Kennedy (2002), "The particle swarm -
explosion, stability, and convergence in a multidimensional complex space". For each particle in turn:

1. v <- chi (v + phi_1 r_1 (p - x) + phi_2 r_2 (g - x)), with r_1, r_2 ~ U(0, 1) for every parameter
2. v is cut to [-v_max, v_max]; x <- x + v
3. evaluate x; p is the particle's best position so far, g the best p of its neighbourhood

Notation
--------
===========  =======================================================================================
x, v         position and velocity of a particle, in the unit cube
p            the best position that this particle has had (personal best)
g            the best personal best in its neighbourhood: all particles, or itself and two on a ring
phi_1, _2    pull of p and of g
chi          constriction, 2 / (phi - 2 + sqrt(phi² - 4 phi)) with phi = phi_1 + phi_2 > 4
===========  =======================================================================================

Differences from the papers: which particle made a result cannot be read off the history, so the k-th result is a position of
particle k mod ``swarm_size``, and a suggestion made when n results are known and m trials run moves particle (n + m) mod
``swarm_size``. The velocity is not stored either: x was reached by it, so it is the difference between the last two positions,
v = x_t - x_(t-1). With one worker and continuous parameters that is the papers' algorithm (bests are updated after every trial,
not after every sweep). With several workers a result that overtakes another is taken for a position of the neighbouring
particle, and a point that a user or another algorithm tried for a position like any other: the particle then seems to have
flown there, at no more than v_max; no result is lost, and p and g are always among the best seen. Positions are cut at the ends
of [0, 1], and a velocity is then what is left of it. The first velocity is half of the way to a random point (Clerc 2012,
"Standard particle swarm optimisation"), the first positions a scrambled Sobol sequence. A parameter with levels is rounded at
random to one of the two next to it, such that the mean is x: else moves under half a level would never happen. For an unordered
choice, velocity has no meaning; it follows the geometric particle swarm (Moraglio, Di Chio & Poli 2007): the option of x, p or
g with probabilities in proportion to 1, phi_1 r_1 and phi_2 r_2, and with probability ``REDRAW`` another one. In a conditional
space a pull counts where both ends have the parameter; what the particle lacks it copies from g or p, else it is drawn anew. A
particle that would repeat a configuration draws r_1 and r_2 again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.history import Explanation, History, Suggestion
from workbench.search import genes
from workbench.search.untried import tried
from workbench.space import Array, Space

Topology = Literal["global", "ring"]
REDRAW = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class SwarmExplanation(Explanation):
    """How a particle moved.

    Attributes
    ----------
    x
        The new position, shape (d,).
    particle
        Number of the particle, from 0.
    positions, bests
        Row numbers of the last and of the best position of every particle.
    neighbours
        Numbers of the particles in its neighbourhood, itself included.
    leader
        Row number of g.
    inertia, own_pull, social_pull
        The three parts of the new velocity, each with chi, shape (d,); 0 where the particle lacks the parameter and for
        choices.
    velocity
        Their sum, cut to v_max.
    topology
        "global" or "ring".
    sweep
        How often the particle has been evaluated.
    """

    x: Array
    particle: int
    positions: tuple[int, ...]
    bests: tuple[int, ...]
    neighbours: tuple[int, ...]
    leader: int
    inertia: Array
    own_pull: Array
    social_pull: Array
    velocity: Array
    topology: str
    sweep: int

    def summary(self) -> str:
        """Say in one plain sentence why this point was chosen."""
        own, lead = self.bests[self.particle], self.leader
        parts = [float(np.linalg.norm(part)) for part in (self.inertia, self.own_pull, self.social_pull)]
        pull = (f"its own best and the best it knows of, both result {own + 1} (pulls {parts[1]:.2g} and {parts[2]:.2g})"
                if own == lead else f"its own best, result {own + 1} (pull {parts[1]:.2g}), and the best of "
                f"{'all' if self.topology == 'global' else 'its neighbours'}, result {lead + 1} (pull {parts[2]:.2g})")
        return (f"Particle {self.particle + 1} of {len(self.positions)}, move {self.sweep}: drawn to {pull}, with a momentum "
                f"of {parts[0]:.2g}.")


# ---- the parts of a move ---------------------------------------------------------------------------------------------


def constriction(phi: float) -> float:
    """Return chi for the sum phi > 4 of both pulls (Clerc & Kennedy 2002, kappa = 1)."""
    return 2.0 / (phi - 2.0 + math.sqrt(phi * phi - 4.0 * phi))


def pull(x: Array, towards: Array, phi: float, r: Array) -> Array:
    """Return phi r (towards - x), shape (d,); 0 where either lacks the parameter."""
    return np.asarray(np.nan_to_num(phi * r * (towards - x)))


def options(x: Array, p: Array, g: Array, weights: tuple[Array, Array], u: Array) -> Array:
    """Return x's, p's or g's gene with probabilities in proportion to 1 and the two weights; u ~ U(0, 1), shape (d,)."""
    own, social = (np.where(np.isfinite(z), w, 0.0) for z, w in zip((p, g), weights, strict=True))
    here = np.where(np.isfinite(x), 1.0, 0.0)
    place = u * (here + own + social)
    return np.where(place < here, x, np.where(place < here + own, p, g))


def rounded_at_random(space: Space, x: Array, rng: np.random.Generator) -> Array:
    """Move every number with levels to the one below or above it, with the probabilities that keep the mean."""
    x = x.copy()
    for j, column in enumerate(space.columns):
        if column.kind != "int" or math.isnan(x[j]):
            continue
        param, k = space[space.names[j]], column.n_levels
        near = param.level_of(x[j])
        point = float(param.points(near))
        next_to = near + (1 if x[j] > point else -1)
        if 0 <= next_to < k:
            other = float(param.points(next_to))
            x[j] = other if rng.random() < (x[j] - point) / (other - point) else point
    return x


@dataclass(frozen=True, slots=True)
class ParticleSwarm:
    """Particle swarm optimisation with Clerc's constriction.

    Parameters
    ----------
    swarm_size
        Number of particles, and of trials in the start.
    topology
        Who tells a particle of good places: "global" all, "ring" the two next to it: slower, and not so soon of one mind.
    phi_1, phi_2
        Pull of a particle's own best and of its neighbourhood's; their sum must exceed 4.
    v_max
        Largest step along one parameter, as a share of its range.
    """

    swarm_size: int = 10
    topology: Topology = "global"
    phi_1: float = 2.05
    phi_2: float = 2.05
    v_max: float = 0.25

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.topology not in get_args(Topology):
            raise ValueError(f"topology must be one of {list(get_args(Topology))}, got {self.topology!r}.")
        if self.swarm_size < 1:
            raise ValueError(f"swarm_size must be at least 1, got {self.swarm_size}.")
        if min(self.phi_1, self.phi_2) < 0 or not self.phi_1 + self.phi_2 > 4:
            raise ValueError(f"phi_1 and phi_2 must not be negative and their sum must exceed 4, got {self.phi_1} and "
                             f"{self.phi_2}. Clerc and Kennedy use 2.05 for both.")
        if not 0 < self.v_max <= 1:
            raise ValueError(f"v_max must lie between 0 and 1, got {self.v_max}. 0.25 is a quarter of the range.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next point from the whole history. Same history, same rng: same answer."""
        space, known = history.space, tried(history)
        n = len(history) + len(history.pending)
        if n < self.swarm_size or not len(history) or not len(space):
            return genes.start_point(history, known, rng, self.swarm_size, "position")
        bests = genes.slot_best(history.y, self.swarm_size)
        particle = (n % self.swarm_size) % len(bests)
        return genes.new_or_random(history, known, lambda: self._move(history, bests, particle, rng), rng)

    def neighbours(self, particle: int, n: int) -> tuple[int, ...]:
        """Numbers of the particles whose bests this one of ``n`` knows."""
        if self.topology == "global":
            return tuple(range(n))
        return tuple(sorted({(particle + step) % n for step in (-1, 0, 1)}))

    def _move(self, history: History, bests: NDArray[np.intp], particle: int,
              rng: np.random.Generator) -> tuple[Array, SwarmExplanation]:
        space, X, d = history.space, history.x, len(history.space)
        rows = genes.slot_rows(len(history), particle, self.swarm_size)
        known = self.neighbours(particle, len(bests))
        leader = min((int(bests[i]) for i in known), key=lambda row: (history.y[row], -row))
        x, p, g = X[rows[-1]], X[bests[particle]], X[leader]
        before = X[rows[-2]] if len(rows) > 1 else x - (rng.random(d) - x) / 2  # a velocity half of the way to a point ~ U
        v = np.clip(np.nan_to_num(x - before), -self.v_max, self.v_max)

        chi, number = constriction(self.phi_1 + self.phi_2), ~genes.choices(space)
        r_1, r_2 = rng.random(d), rng.random(d)  # ~ U(0, 1)^d
        parts = [np.where(number, chi * part, 0.0)
                 for part in (v, pull(x, p, self.phi_1, r_1), pull(x, g, self.phi_2, r_2))]
        v = np.clip(parts[0] + parts[1] + parts[2], -self.v_max, self.v_max)
        moved = np.clip(x + v, 0.0, 1.0)
        moved = np.where(np.isnan(moved), np.where(np.isnan(g), p, g), moved)
        chosen = options(x, p, g, (self.phi_1 * r_1, self.phi_2 * r_2), rng.random(d))
        new = rounded_at_random(space, np.where(number, moved, genes.redraw_choices(space, chosen, REDRAW, rng)), rng)
        new = genes.express(space, new, rng)
        last = tuple(int(genes.slot_rows(len(history), i, self.swarm_size)[-1]) for i in range(len(bests)))
        return new, SwarmExplanation(new, particle, last, tuple(bests.tolist()), known, leader, parts[0],
                                     parts[1], parts[2], v, self.topology, len(rows))
