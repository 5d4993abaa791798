"""CMA-ES as an algorithm: what it draws, repeats, conditions, workers, and that it finds minima."""

import copy
from dataclasses import replace

import numpy as np
import pytest

import workbench as wb
from workbench.errors import StorageError
from workbench.history import Drawn, History
from workbench.search import catalogue
from workbench.search.cma_generations import generations
from workbench.search.cma_why import CMAExplanation

FLOATS = wb.Space(x=wb.Float(-5, 10), lr=wb.Float(1e-5, 1, log=True))
FAMILIES = {"svm": ("C", "gamma"), "forest": ("depth", "leaf"), "knn": ("k",), "boost": ("eta", "trees"), "mlp": ("width", "lr"),
            "ridge": ("alpha",)}


def cash():
    """A choice among six algorithms, each with parameters of its own."""
    params = {"algo": wb.Choice(*FAMILIES)}
    for algo, names in FAMILIES.items():
        for i, name in enumerate(names):
            made = wb.Int(1, 20, when={"algo": algo}) if i else wb.Float(1e-3, 1e3, log=True, when={"algo": algo})
            params[f"{algo}.{name}"] = made
    return wb.Space(params, forbidden=[{"algo": "knn"}])


def search(space, loss, n, algorithm=None, *, seed=0, workers=1):
    """Run with ``workers`` trials under way, told in random order."""
    algorithm = algorithm or wb.CMAES()
    order = np.random.default_rng([seed, 99])
    x, y, running, why = np.empty((0, len(space))), np.empty(0), [], []
    memo = {}
    for k in range(n):
        history = replace(History.of(space, x, y, pending=np.array(running).reshape(-1, len(space)), seed=seed), memo=memo)
        s = algorithm.suggest(history, np.random.default_rng([seed, k]))
        space.validate(space.from_unit(s.x))
        running.append(s.x)
        why.append(s.why)
        if len(running) == workers:
            done = running.pop(int(order.integers(workers)))
            x, y = np.vstack([x, done]), np.append(y, loss(space.from_unit(done)))
    return x, y, why


def bowl(c):
    return (c["x"] - 3) ** 2 / 10 + (np.log10(c["lr"]) + 2) ** 2


@pytest.mark.parametrize("workers", [1, 2, 5, 12])
def test_it_finds_the_bottom_of_a_bowl_with_any_number_of_workers(workers):
    ends = [search(FLOATS, bowl, 150, seed=seed, workers=workers)[1].min() for seed in range(3)]
    assert max(ends) < 1e-3


def test_it_finds_whole_numbers_and_options():
    space = wb.Space(n=wb.Int(0, 50), k=wb.Int(1, 512, log=True), c=wb.Choice(*"abcd"), o=wb.Choice(1, 2, 3, ordered=True))

    def loss(c):
        return abs(c["n"] - 41) + 3 * abs(np.log2(c["k"] / 32)) + 2 * (c["c"] != "c") + (3 - c["o"])

    for margin in (False, True):
        ends = [search(space, loss, 200, wb.CMAES(margin=margin), seed=s)[1].min() for s in range(3)]
        assert np.median(ends) <= 1
        assert max(ends) <= 3


def test_it_finds_the_better_branch_of_a_conditional_space():
    space = cash()

    def loss(c):
        base = {"svm": 0.0, "forest": 1.0}.get(c["algo"], 2.0)
        return base + 0.1 * sum((np.log10(v) - 1) ** 2 if isinstance(v, float) else abs(v - 5) / 5 for k, v in c.items() if k != "algo")

    _, y, why = search(space, loss, 150)
    assert y.min() < 0.05
    assert {len(w.groups) for w in why if isinstance(w, CMAExplanation)} == {2}


def test_a_rotated_valley_needs_the_covariance():
    space = wb.Space({f"x{i}": wb.Float(0, 1) for i in range(4)})
    Q = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0]

    def loss(c):
        return float((10.0 ** np.arange(4) * (Q @ (np.array(list(c.values())) - 0.4)) ** 2).sum())

    x, y, _ = search(space, loss, 500)  # random search comes to 0.1
    assert y.min() < 1e-5
    C = generations(History.of(space, x[:300], y[:300]), wb.CMAES().settings).branches[0].state.C
    values, vectors = np.linalg.eigh(C)
    assert values[-1] / values[0] > 50
    assert abs(vectors[:, -1] @ Q[0]) > 0.9  # the long axis lies along the flattest direction


def test_the_first_generation_is_drawn_around_the_middle():
    drawn = np.array([wb.CMAES().suggest(History.of(FLOATS, np.empty((0, 2)), np.empty(0)), np.random.default_rng(k)).x
                      for k in range(2000)])
    np.testing.assert_allclose(drawn.mean(axis=0), 0.5, atol=0.02)
    np.testing.assert_allclose(drawn.std(axis=0), 0.125, rtol=0.06)


def test_a_users_points_and_another_algorithms_rows_are_taken_in():
    """Twenty random rows and a good enqueued one come before: the search goes on from them."""
    rng = np.random.default_rng(0)
    x = np.vstack([FLOATS.sample_unit(20, rng), FLOATS.to_unit({"x": 3.0, "lr": 0.01})])
    y = np.array([bowl(c) for c in FLOATS.from_unit(x)])
    for k in range(60):
        s = wb.CMAES().suggest(History.of(FLOATS, x, y), np.random.default_rng([1, k]))
        x, y = np.vstack([x, s.x]), np.append(y, bowl(FLOATS.from_unit(s.x)))
    assert np.median(y[-10:]) < 0.3
    assert np.median(y[:20]) > 1


def test_no_configuration_comes_twice_while_others_remain():
    space = wb.Space(a=wb.Int(0, 4), b=wb.Choice(*"xyz"), c=wb.Choice(1, 2, ordered=True))
    x, _, _ = search(space, lambda c: float(c["a"]), 30)
    assert len({row.tobytes() for row in x}) == 30
    x, _, _ = search(space, lambda c: float(c["a"]), 40)  # and then it goes on
    assert len(x) == 40


def test_a_long_history_needs_no_replay_of_everything():
    """Asked again after one more row, only that row is taken in."""
    x = FLOATS.sample_unit(3000, np.random.default_rng(0))
    y = np.random.default_rng(1).random(3000)
    memo = {}
    history = replace(History.of(FLOATS, x, y), memo=memo)
    wb.CMAES().suggest(history[:2999], np.random.default_rng(0))
    before = next(iter(memo.values()))
    branch = before.branches[0]
    generation = branch.generation
    wb.CMAES().suggest(history, np.random.default_rng(0))
    assert next(iter(memo.values())) is before
    assert branch.generation - generation <= 1


def test_a_space_without_parameters_and_one_of_single_values_are_fine():
    rng = np.random.default_rng(0)
    empty = wb.Space()
    assert wb.CMAES().suggest(History.of(empty, np.empty((2, 0)), np.zeros(2)), rng).x.shape == (0,)
    single = wb.Space(a=wb.Float(1, 1), b=wb.Choice("x"), c=wb.Int(2, 2))
    x = np.repeat(single.sample_unit(1, rng), 9, axis=0)
    assert single.from_unit(wb.CMAES().suggest(History.of(single, x, np.arange(9.0)), rng).x) == {"a": 1.0, "b": "x", "c": 2}


def test_forbidden_combinations_are_avoided_also_where_almost_all_are():
    space = wb.Space(a=wb.Choice(*range(10)), b=wb.Choice(*range(10)), x=wb.Float(0, 1),
                     forbidden=[{"a": list(range(1, 10)), "b": list(range(1, 10))}, {"a": 0, "b": list(range(10))}])
    x, _, _ = search(space, lambda c: c["x"], 40)
    assert len(x) == 40


@pytest.mark.parametrize(("arguments", "text"), [
    ({"population": 3}, "at least 4"), ({"sigma": 0.0}, "sigma must lie"), ({"sigma": 0.7}, "sigma must lie"),
    ({"restart": "often"}, "'ipop', 'bipop' or None"), ({"tolx": 0.0}, "tolx must lie"), ({"tolx": 0.3}, "tolx must lie")])
def test_impossible_settings_are_refused_with_the_rule(arguments, text):
    with pytest.raises(ValueError, match=text):
        wb.CMAES(**arguments)


def test_it_is_kept_with_a_run_and_made_again():
    for algorithm in (wb.CMAES(), wb.CMAES(population=9, restart=None, margin=True)):
        assert catalogue.from_json(catalogue.to_json(algorithm)) == algorithm
        assert hash(copy.deepcopy(algorithm)) == hash(algorithm)
    assert catalogue.label(wb.CMAES()) == "CMA-ES"
    with pytest.raises(StorageError):
        catalogue.from_json({"type": "CMAES", "population": 1})


def test_the_reason_is_a_sentence_of_numbers_that_hold():
    x, y, why = search(FLOATS, bowl, 40)
    assert "generation 1, of 4 points, 0 of them known" in why[0].summary()
    last = why[-1]
    assert f"generation {last.generation[0]}" in last.summary()
    branch = generations(History.of(FLOATS, x[:39], y[:39]), last.settings).branches[0]
    np.testing.assert_allclose(last.mean, branch.state.mean)
    np.testing.assert_allclose(last.deviations, branch.state.deviations)
    assert last.n_told == (len(branch.waiting),)
    assert last.generation == (39 // 4 + 1,)


def test_a_point_that_could_not_be_drawn_says_so():
    space = wb.Space(a=wb.Int(0, 1), b=wb.Int(0, 1))
    x = space.to_unit([{"a": a, "b": b} for a, b in ((0, 0), (0, 1), (1, 0))] * 20)
    y = x.sum(axis=1)  # the distribution has long settled in a corner
    said = []
    for seed in range(10):
        s = wb.CMAES().suggest(History.of(space, x, y), np.random.default_rng(seed))
        assert space.from_unit(s.x) == {"a": 1, "b": 1}
        said.append(isinstance(s.why, Drawn) and "had been tried" in s.why.summary())
    assert sum(said) >= 8
