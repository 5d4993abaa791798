"""Particle swarm: constants and trajectories in closed form, particles from rows alone, levels and choices."""

import math

import numpy as np
import pytest

import workbench as wb
from workbench.history import History
from workbench.search import particle_swarm as ps

LINE = wb.Space(x=wb.Float(0, 1))
CUBE = wb.Space({f"x{i}": wb.Float(0, 1) for i in range(3)})


class Halves:
    """A generator whose uniform numbers are all ½: the deterministic particle of Clerc and Kennedy."""

    def random(self, size=None):
        return 0.5 if size is None else np.full(size, 0.5)


def rng(*key):
    return np.random.default_rng(key)


def test_the_constants_are_those_of_clerc_and_kennedy():
    assert ps.constriction(4.1) == pytest.approx(0.7298, abs=5e-5)
    assert ps.constriction(4.1) * 2.05 == pytest.approx(1.49618, abs=5e-5)  # Eberhart & Shi 2000


def test_a_deterministic_particle_flies_the_closed_form():
    """With p = g fixed and r = ½: e_t = x_t - p follows e' = (1 + chi - chi phi / 2) e - chi e_before.

    Its solution is A k_1^t + B k_2^t with the roots k of k² - (1 + chi - chi phi / 2) k + chi.
    """
    algorithm, chi, goal = wb.ParticleSwarm(swarm_size=1, v_max=1.0), ps.constriction(4.1), 0.5
    x, y = np.array([[goal], [0.62], [0.6]]), np.array([0.0, 1.0, 1.0])  # its best is the first position
    for _ in range(12):
        s = algorithm.suggest(History.of(LINE, x, y), Halves())
        x, y = np.vstack([x, s.x]), np.append(y, 1.0)
    k = np.roots([1.0, -(1 + chi - chi * 4.1 / 2), chi])
    A = np.linalg.solve(np.array([[1, 1], k]).astype(complex), np.array([0.12, 0.1]))
    t = np.arange(14)
    expected = goal + (A[0] * k[0] ** t + A[1] * k[1] ** t).real
    assert np.all((expected > 0) & (expected < 1)), "no wall in the way"
    np.testing.assert_allclose(x[1:, 0], expected, atol=1e-9)


@pytest.mark.parametrize("topology", ["global", "ring"])
def test_one_worker_is_the_swarm_that_everybody_writes(topology):
    """A loop that stores positions, velocities and bests makes the same moves from the same random numbers."""
    P, algorithm, chi = 5, wb.ParticleSwarm(5, topology, v_max=0.3), ps.constriction(4.1)
    f = lambda z: float(((z - 0.4) ** 2).sum())  # noqa: E731
    x, y = np.empty((0, 3)), np.empty(0)
    X, V, B, best = np.zeros((P, 3)), [None] * P, np.zeros((P, 3)), np.full(P, np.inf)
    for k in range(60):
        i = k % P
        s = algorithm.suggest(History.of(CUBE, x, y), rng(k))
        if k >= P:
            r = rng(k)
            if V[i] is None:
                V[i] = np.clip((r.random(3) - X[i]) / 2, -0.3, 0.3)
            r_1, r_2 = r.random(3), r.random(3)
            known = range(P) if topology == "global" else ((i - 1) % P, i, (i + 1) % P)
            g = B[min(known, key=lambda j: best[j])]
            v = np.clip(chi * (V[i] + 2.05 * r_1 * (B[i] - X[i]) + 2.05 * r_2 * (g - X[i])), -0.3, 0.3)
            new = np.clip(X[i] + v, 0, 1)
            np.testing.assert_allclose(s.x, new, atol=1e-9)
            V[i] = new - X[i]
        X[i] = s.x
        x, y = np.vstack([x, s.x]), np.append(y, f(s.x))
        if y[-1] <= best[i]:
            B[i], best[i] = s.x, y[-1]


def test_trials_that_run_take_their_particles():
    h = History.of(CUBE, rng(0).random((7, 3)), rng(1).random(7), pending=rng(2).random((2, 3)))
    assert wb.ParticleSwarm(5).suggest(h, rng(0)).why.particle == 4


def test_rows_of_foreign_origin_are_flown_away_from_at_v_max_at_most():
    x = np.tile([[0.0], [1.0]], (10, 1))
    whys = [wb.ParticleSwarm(3, v_max=0.1).suggest(History.of(LINE, x[:n], rng(1).random(n)), rng(0)).why for n in range(6, 20)]
    flown = [w for w in whys if isinstance(w, ps.SwarmExplanation)]  # a particle in a corner that is drawn into it stays there
    assert len(flown) >= 7
    assert all(abs(w.velocity[0]) <= 0.1 for w in flown)


def test_rounding_at_random_keeps_the_mean_and_takes_a_neighbour():
    space = wb.Space(n=wb.Int(1, 10), l=wb.Int(1, 1000, log=True), o=wb.Choice("s", "m", "l", ordered=True))
    x = np.array([0.42, 0.3, 0.4])
    drawn = np.array([ps.rounded_at_random(space, x, r) for r in [rng(0)] for _ in range(4000)])
    np.testing.assert_allclose(drawn.mean(axis=0), x, atol=0.006)
    for j, name in enumerate(space.names):
        levels = np.unique(space[name].level(drawn[:, j]))
        assert len(levels) == 2 and levels[1] - levels[0] == 1


def test_an_option_is_inherited_with_probabilities_in_proportion_to_the_weights():
    x, p, g, nan = np.full(6000, 0.1), np.full(6000, 0.5), np.full(6000, 0.9), np.full(6000, np.nan)
    w = (np.full(6000, 2.0), np.full(6000, 1.0))
    chosen = ps.options(x, p, g, w, rng(0).random(6000))
    np.testing.assert_allclose([(chosen == v).mean() for v in (0.1, 0.5, 0.9)], [0.25, 0.5, 0.25], atol=0.03)
    chosen = ps.options(x, nan, g, w, rng(0).random(6000))
    np.testing.assert_allclose([(chosen == v).mean() for v in (0.1, 0.9)], [0.5, 0.5], atol=0.03)


def test_a_particle_that_changes_the_branch_copies_what_it_lacks():
    space = wb.Space(algo=wb.Choice("svm", "tree"), C=wb.Float(0, 1, when={"algo": "svm"}),
                     depth=wb.Float(0, 1, when={"algo": "tree"}), rate=wb.Float(0, 1))
    tried = [{"algo": "svm", "C": 0.3, "rate": 0.1}, {"algo": "tree", "depth": 0.8, "rate": 0.9}]
    h = History.of(space, space.to_unit(tried), np.array([1.0, 0.0]))
    moved = [wb.ParticleSwarm(2).suggest(h, rng(k)) for k in range(60)]
    switched = [s.x[2] for s in moved if np.isfinite(s.x[2])]
    assert 0.8 in switched and len(switched) > 10


@pytest.mark.parametrize("bad", [{"topology": "star"}, {"swarm_size": 0}, {"phi_1": 1.0}, {"v_max": 0.0}])
def test_wrong_settings_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        wb.ParticleSwarm(**bad)


def test_the_summary_gives_the_three_parts():
    h = History.of(CUBE, rng(0).random((12, 3)), rng(1).random(12))
    why = wb.ParticleSwarm(4).suggest(h, rng(0)).why
    text = why.summary()
    assert text.startswith("Particle 1 of 4, move 3: drawn to ")
    assert f"momentum of {math.sqrt((why.inertia ** 2).sum()):.2g}" in text
