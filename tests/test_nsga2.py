"""NSGA-II: selection by fronts and crowding, tournaments, polynomial mutation, several losses of any kind, the reason."""

import numpy as np
import pytest
from optuna.samplers.nsgaii._elite_population_selection_strategy import NSGAIIElitePopulationSelectionStrategy
from optuna.study import create_study
from optuna.trial import create_trial

import workbench as wb
from tests.search_helpers import NESTED, TWO
from workbench.history import Drawn, History
from workbench.models.pareto import hypervolume, ranks
from workbench.search import nsga2
from workbench.search.genes import BOTH, FIRST, MUTATED, NEW, SILENT
from workbench.search.nsga2 import NSGA2Explanation


def rng(*key):
    return np.random.default_rng(key)


def history_of(y, space=TWO, **rest):
    return History.of(space, space.sample_unit(len(y), rng(len(y))), y, **rest)


# ---- selection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("size", [5, 12, 30])
def test_the_population_is_the_elite_that_optuna_selects(m, size):
    y = rng(m, size).standard_normal((60, m))
    study = create_study(directions=["minimize"] * m)
    trials = [create_trial(values=list(row)) for row in y]
    for number, trial in enumerate(trials):
        trial.number = number
    elite = NSGAIIElitePopulationSelectionStrategy(population_size=size)(study, trials)
    rows, rank, _ = nsga2.population(history_of(y), size)
    np.testing.assert_array_equal(rank, ranks(y)[rows])
    assert sorted(rows.tolist()) == sorted(t.number for t in elite)


def test_the_best_come_first_by_front_then_by_room():
    rows, rank, distance = nsga2.population(history_of(rng(0).random((40, 2))), 25)
    order = list(zip(rank.tolist(), (-distance).tolist(), strict=True))
    assert order == sorted(order)
    assert len(set(rows.tolist())) == 25


def test_of_equal_configurations_the_best_is_a_member_and_failures_are_none_while_two_have_worked():
    x = np.array([[0.1, 0.1], [0.2, 0.2], [0.1, 0.1], [0.3, 0.3], [0.4, 0.4]])
    y = np.array([[1.0, 1.0], [0.0, 3.0], [0.5, 0.5], [np.inf, np.inf], [-1.0, np.inf]])
    assert sorted(nsga2.population(History.of(TWO, x, y), 10)[0].tolist()) == [1, 2]
    assert sorted(nsga2.population(History.of(TWO, x[1:4], np.full((3, 2), np.inf)), 10)[0].tolist()) == [0, 1, 2]


def test_of_results_with_equal_losses_the_first_stands_for_all():
    y = np.array([[0.0, 4.0], [4.0, 0.0], [1.0, 2.0], [4.0, 0.0], [1.0, 2.0], [4.0, 0.0]])
    rows, rank, distance = nsga2.population(history_of(y), 6)
    assert rank.tolist() == [0] * 6
    assert rows.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(distance, [np.inf, np.inf, 2.0, 0.0, 0.0, 0.0])


def test_a_tournament_is_won_by_the_better_front_then_by_the_less_crowded():
    rank, distance, r = np.array([0, 0, 1, 1]), np.array([0.5, np.inf, np.inf, 2.0]), rng(1)
    pairs = [nsga2.tournament(rank, distance, r) for _ in range(6000)]
    assert all((rank[i], -distance[i]) < (rank[j], -distance[j]) for i, j in pairs)
    won = np.bincount([i for i, _ in pairs], minlength=4) / 6000
    np.testing.assert_allclose(won, [2 / 6, 3 / 6, 1 / 6, 0], atol=0.03)  # of the six pairs
    assert all(0 not in nsga2.tournament(rank, distance, r, but=0) for _ in range(50))


def test_members_that_nothing_tells_apart_win_equally_often():
    r = rng(2)
    won = np.bincount([nsga2.tournament(np.zeros(3, int), np.zeros(3), r)[0] for _ in range(6000)]) / 6000
    np.testing.assert_allclose(won, 1 / 3, atol=0.03)


# ---- mutation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("u", [0.0, 0.02, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("eta", [0.0, 3.0, 20.0])
def test_polynomial_mutation_has_its_density_cut_off_at_the_ends(u, eta):
    """Below u the distribution is that of delta given delta >= -u, above it given delta <= 1 - u; each side has one half."""
    r = rng(3)
    moved = np.array([nsga2.polynomial(u, eta, r) for _ in range(8000)])
    assert moved.min() >= -1e-12 and moved.max() <= 1 + 1e-12
    for d in (0.01, 0.05, 0.2, 0.5):
        if d < u:
            part = (1 - (1 - d) ** (eta + 1)) / (1 - (1 - u) ** (eta + 1))
            assert abs(((moved < u) & (moved > u - d)).mean() - part / 2) < 0.03  # 5 standard deviations
        if d < 1 - u:
            part = (1 - (1 - d) ** (eta + 1)) / (1 - u ** (eta + 1))
            assert abs(((moved > u) & (moved < u + d)).mean() - part / 2) < 0.03


# ---- searching -------------------------------------------------------------------------------------------------------


def two_losses(x):
    """Pareto set: b = 0.3; the first loss falls with a, the second grows."""
    return np.array([x[0] + 3 * abs(x[1] - 0.3), 1 - x[0] + 3 * abs(x[1] - 0.3)])


def search(algorithm, seed, n=90, workers=1):
    """Results overtake each other with several workers; every tenth point then comes from elsewhere."""
    r, x, y, running = rng(seed, 7), np.empty((0, 2)), np.empty((0, 2)), []
    for k in range(n):
        h = History.of(TWO, x, y, pending=np.array(running).reshape(-1, 2), seed=seed)
        foreign = workers > 1 and k % 10 == 5
        running.append(TWO.sample_unit(1, r)[0] if foreign else algorithm.suggest(h, rng(seed, k)).x)
        if len(running) == workers:
            p = running.pop(int(r.integers(workers)))
            x, y = np.vstack([x, p]), np.vstack([y, [np.inf, np.inf] if k == 30 else two_losses(p)])
    return y


@pytest.mark.parametrize("workers", [1, 4])
def test_it_dominates_more_than_random_points_do(workers):
    ours, theirs = [], []
    for seed in range(5):
        ours.append(hypervolume(search(wb.NSGA2(), seed, workers=workers), np.ones(2)))
        theirs.append(hypervolume(np.array([two_losses(x) for x in rng(seed, 999).random((90, 2))]), np.ones(2)))
    best = 0.5  # the triangle above the line of the Pareto set
    assert best - np.mean(ours) < 0.75 * (best - np.mean(theirs))


@pytest.mark.parametrize("y", [
    pytest.param(np.ones((40, 2)), id="constant"), pytest.param(np.full((40, 2), np.inf), id="all failed"),
    pytest.param(np.where(np.arange(40)[:, None] < 39, np.inf, np.zeros((40, 2))), id="one worked"),
    pytest.param(rng(0).choice([-1e300, 0.0, 1e300, -np.inf, np.inf], (40, 3)), id="huge"),
    pytest.param(np.repeat(rng(0).random((4, 2)), 10, axis=0), id="few values")])
@pytest.mark.parametrize("space", [TWO, NESTED], ids=["two", "nested"])
def test_strange_losses_are_no_reason_to_fail(y, space):
    x = space.sample_unit(43, rng(5))
    for k in range(5):
        s = wb.NSGA2(population_size=10).suggest(History.of(space, x[:40], y, pending=x[40:]), rng(k))
        space.validate(space.from_unit(s.x))
        assert s.why.summary()


def test_one_column_of_losses_is_the_same_as_one_loss():
    y = rng(4).random(30)
    a, b = (wb.NSGA2(8).suggest(history_of(z), rng(1)) for z in (y, y[:, None]))
    np.testing.assert_array_equal(a.x, b.x)


def test_the_same_history_and_rng_give_the_same_answer_and_scales_of_losses_play_no_part():
    y = rng(4).random((30, 2))
    a, b, c = (wb.NSGA2(8).suggest(history_of(z), rng(1)).x for z in (y, y, y * [1e6, 1e-6]))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)


def test_the_first_population_counts_what_is_still_running():
    x = TWO.sample_unit(8, rng(0))
    started = wb.NSGA2(8).suggest(History.of(TWO, x[:4], np.ones((4, 2)), pending=x[4:]), rng(0)).why
    assert isinstance(started, NSGA2Explanation)
    assert isinstance(wb.NSGA2(9).suggest(History.of(TWO, x[:4], np.ones((4, 2)), pending=x[4:]), rng(0)).why, Drawn)


@pytest.mark.parametrize(("m", "size"), [(1, 15), (2, 15), (3, 30), (5, 60)])
def test_more_losses_need_a_larger_population(m, size):
    y = rng(8).random((80, m))
    assert isinstance(wb.NSGA2().suggest(history_of(y[:size - 1]), rng(0)).why, Drawn)
    assert len(wb.NSGA2().suggest(history_of(y), rng(0)).why.population) == size


# ---- reasons, settings -----------------------------------------------------------------------------------------------


def test_the_reason_tells_the_truth():
    x = NESTED.sample_unit(50, rng(6))
    h = History.of(NESTED, x, rng(7).random((50, 2)))
    copies = 0
    for k in range(60):
        s = wb.NSGA2(12, crossover_rate=0.7).suggest(h, rng(k))
        w = s.why
        assert isinstance(w, NSGA2Explanation)
        np.testing.assert_array_equal(w.ranks, ranks(h.y)[list(w.population)])
        assert {*w.parents, *w.beaten} <= set(w.population)
        p, q = w.parents
        copies += p == q
        for j, origin in enumerate(w.origins):
            assert (origin == SILENT) == np.isnan(s.x[j])
            assert origin != FIRST or s.x[j] == x[p, j]
            assert origin != BOTH or (p != q and np.isfinite([x[p, j], x[q, j]]).all())
    assert 5 < copies < 35  # 18 expected


def test_the_summary_names_results_and_fronts_by_what_a_person_counts():
    why = NSGA2Explanation(np.zeros(4), (7, 2, 4), np.array([0, 0, 1]), np.array([np.inf, 1.0, 0.5]), (7, 2), (2, 4),
                           np.array([BOTH, BOTH, MUTATED, SILENT]))
    assert why.summary() == ("A child of result 8 (front 1, less crowded than result 3) and result 3 (front 1, better than "
                             "result 5 of front 2), of the 3 best results: of 3 parameters 2 blended and 1 mutated.")
    copy = NSGA2Explanation(np.zeros(2), (7, 2), np.array([0, 0]), np.ones(2), (7, 7), (2, 2), np.array([MUTATED, NEW]))
    assert copy.summary() == ("A copy of result 8 (front 1), of the 2 best results: of 2 parameters 1 mutated and 1 drawn "
                              "anew.")


@pytest.mark.parametrize("bad", [{"population_size": 1}, {"crossover_rate": 1.5}, {"mutation_rate": -1}, {"eta_c": np.nan},
                                 {"eta_m": -2.0}])
def test_wrong_settings_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        wb.NSGA2(**bad)


def test_a_run_of_several_losses_takes_it():
    run = wb.optimize(lambda c: (c["a"], 1 - c["a"] + c["b"]), TWO, algorithm=wb.NSGA2(6), n_trials=15, seed=0,
                      direction={"cost": "minimize", "error": "minimize"})
    run.start()
    run.wait()
    assert len(run.trials) == 15
