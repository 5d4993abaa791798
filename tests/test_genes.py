"""What the population methods share: slots, genes, levels, and that offspring are new."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc

import workbench as wb
from tests.space_strategies import spaces
from workbench.history import Drawn, History
from workbench.search import genes
from workbench.search.untried import tried


def rng(*key):
    return np.random.default_rng(key)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, np.inf]), min_size=1, max_size=40), st.integers(1, 12))
def test_the_member_of_a_slot_is_what_selection_one_by_one_would_leave(losses, size):
    y = np.array(losses)
    member: dict[int, int] = {}
    for k in range(len(y)):  # Storn & Price: the newcomer takes the place if it is not worse
        if k % size not in member or y[k] <= y[member[k % size]]:
            member[k % size] = k
    assert genes.slot_best(y, size).tolist() == [member[s] for s in range(min(size, len(y)))]


def test_every_row_belongs_to_exactly_one_slot():
    rows = np.concatenate([genes.slot_rows(23, s, 6) for s in range(6)])
    assert sorted(rows) == list(range(23))


@settings(deadline=None, max_examples=60)
@given(spaces(tame=True), st.integers(0, 2**32 - 1))
def test_any_string_of_genes_is_expressed_as_a_valid_configuration(space, seed):
    r = rng(seed)
    strings = np.where(r.random((5, len(space))) < 0.4, np.nan, r.random((5, len(space))))
    for g in strings:
        x = genes.express(space, g, r)
        np.testing.assert_array_equal(np.isnan(x), ~space.active(x[None])[0])
        np.testing.assert_allclose(space.snap(x[None])[0], x)


def test_genes_beyond_an_end_are_folded_back():
    np.testing.assert_allclose(genes.reflect(np.array([-0.2, 0.3, 1.3, 2.1, -1.4])), [0.2, 0.3, 0.7, 0.1, 0.6])


def test_a_level_is_drawn_anew_among_the_others_evenly():
    drawn = [genes.redraw_level(4, 2, r) for r in [rng(0)] for _ in range(3000)]
    counts = np.bincount(drawn, minlength=4)
    assert counts[2] == 0
    assert np.all(np.abs(counts[[0, 1, 3]] - 1000) < 150)  # 5 standard deviations are 130
    assert genes.redraw_level(1, 0, rng(0)) == 0


@pytest.mark.parametrize(("level", "up", "then"), [(0, True, 1), (0, False, 1), (2, True, 3), (3, True, 2), (3, False, 2)])
def test_the_next_level_lies_inside(level, up, then):
    assert genes.next_level(4, level, up=up) == then


def test_sbx_spreads_children_by_the_density_of_deb_and_agrawal():
    """P(beta <= b) is ½ b^(eta+1) for b <= 1 and 1 - ½ b^-(eta+1) beyond."""
    p, q = np.full(40_000, 0.4), np.full(40_000, 0.6)
    child = genes.sbx(p, q, 2.0, rng(0))
    beta = np.abs(child - 0.5) / 0.1
    for b in (0.3, 0.7, 1.0, 1.5, 3.0):
        expected = 0.5 * b**3 if b <= 1 else 1 - 0.5 * b**-3
        assert abs((beta <= b).mean() - expected) < 0.012  # 5 standard deviations
    assert abs(child.mean() - 0.5) < 0.003


def test_a_mutation_moves_a_level_at_least_and_redraws_a_choice():
    space = wb.Space(n=wb.Int(1, 5), c=wb.Choice("a", "b", "c"), o=wb.Choice("s", "m", "l", ordered=True), u=wb.Float(0, 1))
    r = rng(2)
    for x in space.sample_unit(50, r):
        for j, name in enumerate(space.names):
            moved = genes.mutate(space, x, j, lambda u, rng: u + 1e-6 * rng.standard_normal(), r)
            assert 0 <= moved <= 1
            assert space[name].from_unit(moved) != space[name].from_unit(x[j])


def test_a_first_population_is_spread_evenly_and_repeats_nothing():
    space = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1))
    x = np.empty((0, 2))
    for k in range(16):
        s = genes.start_point(History.of(space, x, np.zeros(k)), tried(History.of(space, x, np.zeros(k))), rng(k), 16, "m")
        assert isinstance(s.why, Drawn)
        x = np.vstack([x, s.x])
    cells = {tuple(c) for c in np.floor(x * 4).astype(int).tolist()}
    assert len(cells) == 16  # a scrambled (0, 4, 2)-net has one point in each of 4 x 4 cells


def test_a_large_first_population_goes_on_with_the_sequence():
    space = wb.Space(x=wb.Float(0, 1))
    x = rng(0).random((300, 1))
    s = genes.start_point(History.of(space, x, np.zeros(300)), x, rng(0), 400, "m")
    assert s.why.how == "scrambled Sobol point 301 of 400, a first m"
    np.testing.assert_allclose(s.x, qmc.Sobol(1, seed=rng(0, 11)).random(512)[300])


@pytest.mark.parametrize("algorithm", [wb.Genetic(population_size=4), wb.DifferentialEvolution(population_size=4),
                                       wb.ParticleSwarm(swarm_size=3), wb.NSGA2(population_size=4)], ids=lambda a: type(a).__name__)
class TestEveryPopulationMethod:
    def test_serves_spaces_of_any_kind(self, algorithm):
        @settings(deadline=None, max_examples=40)
        @given(spaces(), st.integers(0, 2**32 - 1))
        def serve(space, seed):
            try:
                x = space.sample_unit(14, rng(seed))
            except wb.SpaceError:
                return  # nearly everything is forbidden
            y = np.where(rng(seed, 1).random(12) < 0.2, np.inf, rng(seed, 2).random(12))
            s = algorithm.suggest(History.of(space, x[:12], y, pending=x[12:]), rng(seed, 3))
            space.validate(space.from_unit(s.x))
            assert s.why.summary()

        serve()

    def test_a_space_without_parameters_has_one_point(self, algorithm):
        h = History.of(wb.Space(), np.empty((7, 0)), np.zeros(7))
        assert algorithm.suggest(h, rng(0)).x.shape == (0,)

    def test_tries_a_small_space_whole_before_it_repeats_anything(self, algorithm):
        space = wb.Space(a=wb.Int(0, 3), b=wb.Choice(*"xyz"), c=wb.Int(0, 1, when={"b": "x"}))  # 16 configurations
        x, r = np.empty((0, 3)), rng(3)
        for k in range(16):
            done = max(0, k - 2)
            h = History.of(space, x[:done], np.arange(float(done)), pending=x[done:])
            x = np.vstack([x, algorithm.suggest(h, r).x])
        assert len(np.unique(np.nan_to_num(x, nan=-1), axis=0)) == 16

    def test_knows_ranks_only(self, algorithm):
        """Any increasing transform of the losses gives the same search."""
        space = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1), c=wb.Choice("a", "b"))
        x = space.sample_unit(25, rng(0))
        y = rng(1).random(25)
        a, b = (algorithm.suggest(History.of(space, x, z), rng(2)).x for z in (y, 1e300 * (y - 0.5)))
        np.testing.assert_array_equal(a, b)

    def test_never_breeds_from_failures_while_it_has_results(self, algorithm):
        space = wb.Space(x=wb.Float(0, 1))
        x = np.linspace(0.05, 0.95, 19)[:, None]
        y = np.where(x[:, 0] < 0.5, np.inf, x[:, 0])
        drawn = [algorithm.suggest(History.of(space, x, y), rng(k)).why for k in range(20)]
        if isinstance(algorithm, (wb.Genetic, wb.NSGA2)):
            assert all(np.isfinite(y[list(w.parents)]).all() for w in drawn)
        else:
            assert all(np.isfinite(y[list(w.population if hasattr(w, "population") else w.bests)]).all() for w in drawn)

    def test_is_much_better_than_random_on_a_bowl(self, algorithm):
        space = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1), z=wb.Float(0, 1))
        algorithm = type(algorithm)()  # as it comes
        ours, theirs = [], []
        for seed in range(5):
            x, y = np.empty((0, 3)), np.empty(0)
            for k in range(90):
                p = algorithm.suggest(History.of(space, x, y, seed=seed), rng(seed, k)).x
                x, y = np.vstack([x, p]), np.append(y, ((p - [0.3, 0.6, 0.8]) ** 2).sum())
            ours.append(y.min())
            theirs.append(((rng(seed, 999).random((90, 3)) - [0.3, 0.6, 0.8]) ** 2).sum(axis=1).min())
        factor = 3 if isinstance(algorithm, wb.NSGA2) else 4  # of one loss its tournaments know the front alone
        assert np.median(ours) < np.median(theirs) / factor

    def test_a_run_of_four_workers_with_foreign_points_still_finds_the_bottom(self, algorithm):
        """Results overtake each other, and every tenth point comes from elsewhere."""
        space = wb.Space(x=wb.Float(0, 1), y=wb.Float(0, 1), c=wb.Choice("a", "b"))
        algorithm = type(algorithm)()
        found = []
        for seed in range(5):
            r, x, y, running = rng(seed, 7), np.empty((0, 3)), np.empty(0), []
            for k in range(120):
                h = History.of(space, x, y, pending=np.array(running).reshape(-1, 3), seed=seed)
                running.append(space.sample_unit(1, r)[0] if k % 10 == 5 else algorithm.suggest(h, rng(seed, k)).x)
                if len(running) == 4:
                    p = running.pop(int(r.integers(4)))
                    x, y = np.vstack([x, p]), np.append(y, ((p[:2] - 0.3) ** 2).sum() + (p[2] > 0.5))
            found.append(y.min())
        assert np.median(found) < 3e-3  # 120 random points: about 5e-3 in the right half
