"""Differential evolution: the trial vector against the written-out formula, slots, mixed spaces, scipy's result."""

import numpy as np
import pytest
from scipy.optimize import differential_evolution

import workbench as wb
from workbench.history import History
from workbench.search import differential_evolution as de
from workbench.search.catalogue import from_json, to_json

CUBE = wb.Space({f"x{i}": wb.Float(0, 1) for i in range(5)})


def rng(*key):
    return np.random.default_rng(key)


def by_hand(x, base, pairs, F, CR, draws, sure):
    """Storn & Price 1997, gene by gene, with the bounds of Zhang & Sanderson 2009."""
    u = []
    for j in range(len(x)):
        v = base[j]
        for p, q in pairs:
            v = v + F * (p[j] - q[j])
        v = x[j] / 2 if v < 0 else (1 + x[j]) / 2 if v > 1 else v
        u.append(v if draws[j] < CR or j == sure else x[j])
    return u


@pytest.mark.parametrize("seed", range(20))
def test_a_trial_vector_equals_the_formula_written_out(seed):
    r = rng(seed)
    x, a, b, c = r.random((4, 5))
    F, CR, draws, sure = r.uniform(0.2, 1.8), r.random(), r.random(5), int(r.integers(5))
    v = de.bring_back(de.mutant(CUBE, a, [(b, c)], F, r.random((1, 5))), x)
    u = np.where(de.crossover(x, v, CR, draws, sure), v, x)
    np.testing.assert_allclose(u, by_hand(x, a, [(b, c)], F, CR, draws, sure), rtol=1e-12)


@pytest.mark.parametrize("strategy", ["rand/1", "current-to-best/1"])
def test_a_suggestion_is_what_its_explanation_says(strategy):
    h = History.of(CUBE, rng(0).random((40, 5)), rng(1).random(40))
    for seed in range(20):
        s = wb.DifferentialEvolution(8, strategy, CR=0.5).suggest(h, rng(seed))
        w = s.why
        v = h.x[w.base] + w.F * sum(h.x[p] - h.x[q] for p, q in w.differences)
        x = h.x[w.target]
        v = np.where(v < 0, x / 2, np.where(v > 1, (1 + x) / 2, v))
        np.testing.assert_allclose(s.x, np.where(w.crossed, v, x), rtol=1e-12)
        assert w.crossed.any()
        assert w.slot == 0 and w.target == min(range(0, 40, 8), key=lambda k: h.y[k])  # 40 mod 8
        rows = [row for pair in w.differences for row in pair] + [w.base]
        if strategy == "rand/1":
            assert len({*rows, w.target}) == 4
        else:
            assert w.base == w.target and rows[0] == int(np.argmin(h.y))
            assert len({*rows[2:4], w.target}) == 3


def test_trials_that_run_take_their_slots():
    h = History.of(CUBE, rng(0).random((9, 5)), rng(1).random(9), pending=rng(2).random((2, 5)))
    assert wb.DifferentialEvolution(8).suggest(h, rng(0)).why.slot == 3


def test_one_worker_is_storn_and_price_with_immediate_replacement():
    """A loop that keeps a population, as everybody writes it, meets the same targets and members."""
    algorithm, x, y = wb.DifferentialEvolution(6), np.empty((0, 5)), np.empty(0)
    population: list[int] = []
    for k in range(60):
        s = algorithm.suggest(History.of(CUBE, x, y), rng(k))
        x, y = np.vstack([x, s.x]), np.append(y, ((s.x - 0.4) ** 2).sum())
        if k < 6:
            population.append(k)
            continue
        assert list(s.why.population) == population
        assert s.why.target == population[k % 6]
        if y[k] <= y[population[k % 6]]:
            population[k % 6] = k


def test_choices_move_where_the_donors_differ_and_only_as_often_as_F():
    space = wb.Space(c=wb.Choice(*"abcd"), u=wb.Float(0, 1))
    a, b, c = (space.to_unit({"c": o, "u": 0.5}) for o in "abc")
    assert de.mutant(space, a, [(b, c)], 0.6, np.array([[0.59, 0]]))[0] == b[0]
    assert de.mutant(space, a, [(b, c)], 0.6, np.array([[0.61, 0]]))[0] == a[0]
    assert de.mutant(space, a, [(b, b)], 0.6, np.array([[0.0, 0]]))[0] == a[0]


def test_a_difference_counts_only_where_both_have_the_gene_and_one_that_the_base_lacks_is_copied():
    nan = np.nan
    v = de.mutant(CUBE, np.array([0.5, 0.5, nan, 0.5, nan]),
                  [(np.array([0.3, nan, 0.3, 0.4, nan]), np.array([0.1, 0.1, 0.1, nan, 0.2]))], 1.0, np.zeros((1, 5)))
    np.testing.assert_allclose(v, [0.7, 0.5, 0.3, 0.5, nan])


def test_donors_come_from_the_branch_of_the_base_where_it_has_enough_members():
    space = wb.Space(algo=wb.Choice("svm", "tree"), C=wb.Float(0, 1, when={"algo": "svm"}),
                     depth=wb.Float(0, 1, when={"algo": "tree"}))
    configs = [{"algo": "svm", "C": k / 9} if k % 2 else {"algo": "tree", "depth": k / 9} for k in range(8)]
    h = History.of(space, space.to_unit(configs), np.arange(8.0))
    for seed in range(20):
        w = wb.DifferentialEvolution(8).suggest(h, rng(seed)).why
        assert all(row % 2 == w.target % 2 for row in w.differences[1])


def test_who_moves_to_the_branch_of_the_best_takes_its_genes():
    space = wb.Space(algo=wb.Choice("svm", "tree"), C=wb.Float(0, 1, when={"algo": "svm"}),
                     depth=wb.Float(0, 1, when={"algo": "tree"}), rate=wb.Float(0, 1))
    configs = [{"algo": "svm", "C": k / 9, "rate": k / 10} for k in range(7)] + [{"algo": "tree", "depth": 0.37, "rate": 0.9}]
    h = History.of(space, space.to_unit(configs), np.arange(8.0)[::-1])
    made = [wb.DifferentialEvolution(8).suggest(h, rng(seed)).x for seed in range(60)]
    moved = [x for x in made if np.isfinite(x[2])]
    assert len(moved) > 10
    assert np.mean([x[2] == 0.37 for x in moved]) > 0.8  # the others drew another branch


def test_a_smooth_valley_is_found_as_well_as_by_scipy():
    """Rosenbrock in three dimensions, 600 evaluations, with the same settings; scipy without its final polish.

    Logarithms are compared, as single runs differ by powers of ten; the margin is about two standard errors of seven seeds."""
    def f(u):
        z = 4 * np.asarray(u) - 2
        return float((100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum())

    space = wb.Space({f"x{i}": wb.Float(0, 1) for i in range(3)})
    ours, theirs = [], []
    for seed in range(7):
        x, y = np.empty((0, 3)), np.empty(0)
        for k in range(600):
            p = wb.DifferentialEvolution(12).suggest(History.of(space, x, y, seed=seed), rng(seed, k)).x
            x, y = np.vstack([x, p]), np.append(y, f(p))
        ours.append(y.min())
        theirs.append(differential_evolution(f, [(0, 1)] * 3, strategy="currenttobest1bin", popsize=4, mutation=(0.5, 1.0),
                                             recombination=0.8, maxiter=49, polish=False, tol=0, rng=seed).fun)
    assert np.median(np.log10(ours)) <= np.median(np.log10(theirs)) + 1
    assert np.median(ours) < 0.1  # random draws: about 2


@pytest.mark.parametrize("bad", [{"strategy": "best/7"}, {"population_size": 3}, {"F": (0.9, 0.4)}, {"F": 0.0},
                                 {"F": (1, 2, 3)}, {"CR": 2.0}])
def test_wrong_settings_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        wb.DifferentialEvolution(**bad)


@pytest.mark.parametrize("F", [0.7, (0.4, 0.9)])
def test_settings_come_back_from_json(F):
    import json

    algorithm = wb.DifferentialEvolution(F=F)
    back = from_json(json.loads(json.dumps(to_json(algorithm))))
    assert back == algorithm and hash(back) == hash(algorithm)
    h = History.of(CUBE, rng(0).random((14, 5)), rng(1).random(14))
    drawn = [algorithm.suggest(h, rng(k)).why.F for k in range(30)]
    low, high = algorithm.scale_factors
    assert low <= min(drawn) and max(drawn) <= high
