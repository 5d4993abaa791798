"""Genetic algorithm: selection, crossover, mutation and update, each by itself, and conditional branches."""

import numpy as np
import pytest

import workbench as wb
from workbench.history import History
from workbench.search import genetic
from workbench.search.genes import BOTH, FIRST, MUTATED, NEW, SECOND, SILENT
from workbench.search.genetic import GeneticExplanation

CASH = wb.Space(algo=wb.Choice("svm", "tree", "knn"), C=wb.Float(0, 1, when={"algo": "svm"}),
                kernel=wb.Choice("rbf", "linear", when={"algo": "svm"}), gamma=wb.Float(0, 1, when={"kernel": "rbf"}),
                depth=wb.Int(1, 9, when={"algo": "tree"}), k=wb.Int(1, 50, when={"algo": "knn"}), rate=wb.Float(0, 1))


def rng(*key):
    return np.random.default_rng(key)


# ---- selection and update --------------------------------------------------------------------------------------------


def test_the_best_survive_elitism_and_the_newest_survive_ageing_as_a_queue_would_leave_them():
    space, y = wb.Space(x=wb.Float(0, 1)), rng(0).permutation(30).astype(float)
    h = History.of(space, np.linspace(0, 1, 30)[:, None], y)
    best, queue = [], []
    for k in range(30):  # a child joins, then one leaves
        best, queue = sorted([*best, k], key=lambda i: y[i])[:8], [*queue, k][-8:]
        if k >= 7:
            assert genetic.survivors(h[:k + 1], 8, "elitism").tolist() == best
            assert genetic.survivors(h[:k + 1], 8, "age").tolist() == queue


@pytest.mark.parametrize("update", ["elitism", "age"])
def test_equal_configurations_fill_one_place_only(update):
    space = wb.Space(x=wb.Float(0, 1), c=wb.Float(0, 1, when={"k": 1}), k=wb.Int(0, 1))
    x = np.tile(space.snap(np.array([[0.1, 0.2, 0.0], [0.3, 0.2, 0.0]])), (6, 1))
    rows = genetic.survivors(History.of(space, x, np.arange(12.0)), 8, update)
    assert sorted(x[rows, 0]) == [0.1, 0.3]


def test_a_tournament_is_won_by_the_best_drawn_with_the_right_probability():
    """The best of n wins a tournament of t drawn without replacement with probability t / n."""
    y, r = np.array([3.0, 1.0, 2.0, 5.0, 4.0]), rng(1)
    won = np.bincount([genetic.tournament(y, 2, r) for _ in range(5000)], minlength=5) / 5000
    np.testing.assert_allclose(won, [0.2, 0.4, 0.3, 0.0, 0.1], atol=0.03)
    assert genetic.tournament(y, 99, r) == 1


# ---- crossover and mutation ------------------------------------------------------------------------------------------


def test_blend_is_uniform_on_the_longer_interval():
    child = genetic.blend(np.full(20_000, 0.6), np.full(20_000, 0.4), 0.5, rng(0))
    assert 0.3 <= child.min() < 0.301 and 0.699 < child.max() <= 0.7
    assert abs(child.std() - 0.4 / np.sqrt(12)) < 0.002


def children(space, p, q, n=200, **settings):
    x = np.vstack([space.to_unit(p), space.to_unit(q)])
    h = History.of(space, x, np.array([0.0, 1.0]))
    algorithm = wb.Genetic(population_size=2, **settings)
    return [algorithm.suggest(h, rng(k)) for k in range(n)], x


@pytest.mark.parametrize("crossover", ["sbx", "blend", "uniform"])
def test_a_branch_of_one_parent_comes_as_a_whole(crossover):
    p = {"algo": "svm", "C": 0.2, "kernel": "rbf", "gamma": 0.9, "rate": 0.1}
    q = {"algo": "tree", "depth": 4, "rate": 0.7}
    made, _ = children(CASH, p, q, crossover=crossover, crossover_rate=1.0, mutation_rate=0.0)
    seen = set()
    for s in made:
        if not isinstance(s.why, GeneticExplanation):
            continue  # uniform crossover soon repeats itself
        c = CASH.from_unit(s.x)
        seen.add(c["algo"])
        branch = {k: v for k, v in c.items() if k != "rate"}
        parent = p if c["algo"] == "svm" else q
        assert branch == {k: pytest.approx(v) for k, v in parent.items() if k != "rate"}
    assert seen == {"svm", "tree"}


def test_the_origins_of_genes_are_true():
    p = {"algo": "svm", "C": 0.2, "kernel": "rbf", "gamma": 0.9, "rate": 0.1}
    q = {"algo": "svm", "C": 0.6, "kernel": "linear", "rate": 0.7}
    made, x = children(CASH, p, q, crossover_rate=0.7, mutation_rate=1.5)
    origins = set()
    for s in made:
        first, second = (x[row] for row in s.why.parents)
        for j, o in enumerate(s.why.origins):
            origins.add(int(o))
            if o == FIRST:
                assert s.x[j] == first[j]
            elif o == SECOND:
                assert s.x[j] == second[j] != first[j] or np.isnan(first[j]) or first[j] == second[j]
            elif o == BOTH:
                assert first[j] != second[j] and np.isfinite([first[j], second[j], s.x[j]]).all()
            assert (o == SILENT) == np.isnan(s.x[j])
    assert origins == {FIRST, SECOND, BOTH, MUTATED, NEW, SILENT}


def test_what_a_mutation_switches_on_is_drawn_anew():
    p = {"algo": "knn", "k": 7, "rate": 0.1}
    made, _ = children(CASH, p, {**p, "rate": 0.2}, mutation_rate=2.0)
    switched = [s for s in made if CASH.from_unit(s.x)["algo"] == "tree"]
    depths = {CASH.from_unit(s.x)["depth"] for s in switched}
    assert len(depths) > 3
    assert all(s.why.origins[4] == NEW for s in switched)


# ---- settings, reasons -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [{"crossover": "one"}, {"update": "never"}, {"population_size": 1}, {"tournament_size": 0},
                                 {"crossover_rate": 1.5}, {"mutation_rate": -1}])
def test_wrong_settings_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        wb.Genetic(**bad)


def test_the_summary_names_parents_by_what_a_person_counts():
    why = GeneticExplanation(np.array([0.1, 0.2]), (4, 2, 0), (4, 2), np.array([BOTH, MUTATED]), "blend", "age", 2, 3)
    assert why.summary() == ("Generation 3: a child of result 5 and result 3 (each the best of 2 drawn from the 3 newest), "
                             "with 1 of 2 parameters mutated.")
