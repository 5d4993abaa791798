"""Candidate points: inside the space, spread, near, one step away."""

import numpy as np
import pytest

from workbench.history import History
from workbench.search.gp_candidates import (
    all_configs,
    keys,
    mutations,
    neighbours,
    sobol,
    spread,
    untried,
)
from workbench.space import Choice, Float, Int, Space

NESTED = Space(algo=Choice("svm", "boost"), kernel=Choice("rbf", "linear", when={"algo": "svm"}),
               gamma=Float(1e-5, 10, log=True, when={"kernel": "rbf"}), leaves=Int(2, 64, when={"algo": "boost"}),
               size=Choice("s", "m", "l", ordered=True))
DISCRETE = Space(a=Choice("x", "y", "z"), b=Int(1, 4, when={"a": "x"}), c=Choice("p", "q", when={"b": [1, 2]}),
                 forbidden=[{"a": "y"}])


def run(seed):
    return History.of(NESTED, np.empty((0, 5)), np.empty(0), seed=seed)


def snapped(space, x):
    return np.allclose(space.snap(x), x, equal_nan=True, atol=1e-12)


def test_keys_are_equal_for_equal_configurations_only():
    x = DISCRETE.sample_unit(200, np.random.default_rng(0))
    configs = [str(c) for c in DISCRETE.from_unit(x)]
    by_key = dict(zip(keys(x), configs, strict=True))
    assert len(by_key) == len(set(configs))
    assert all(by_key[k] == c for k, c in zip(keys(x), configs, strict=True))


def test_all_configurations_are_those_that_many_random_draws_find():
    found = set(keys(DISCRETE.sample_unit(5000, np.random.default_rng(0))))
    configs = all_configs(DISCRETE)
    assert set(keys(configs)) == found
    assert len(configs) == len(found) == 2 * 2 + 2 + 1  # x with b = 1, 2 and c; x with b = 3, 4; z


def test_branches_are_counted_as_a_sum_and_not_as_a_product():
    branches = {f"{b}{i}": Int(1, 9, when={"algo": b}) for b in "abc" for i in range(3)}
    assert len(all_configs(Space(algo=Choice("a", "b", "c"), **branches))) == 3 * 9**3


@pytest.mark.parametrize("space", [NESTED, Space(n=Int(1, 10_000_000)), Space(a=Int(1, 100), b=Int(1, 100))])
def test_continuous_and_large_spaces_are_not_listed(space):
    assert all_configs(space) is None


def test_sobol_points_depend_on_the_seed_alone():
    other = NESTED.sample_unit(9, np.random.default_rng(0))
    a, b = sobol(run(3)), sobol(History.of(NESTED, other, np.zeros(9), seed=3))
    assert (a == b).all()
    assert not np.allclose(a, sobol(run(4)))


def test_untried_points_keep_their_order_and_come_once():
    x = np.array([[0.1], [0.2], [0.1], [0.3], [0.4]])
    assert untried(x, np.array([4, 2, 1, 0, 3]), set(keys(x[3:4]))) == [4, 2, 1]


def test_spread_points_belong_to_the_space_and_stay_even():
    x = spread(NESTED, sobol(run(0)), np.random.default_rng(0))
    assert snapped(NESTED, x)
    # a shifted Sobol sequence of 2048 points: each option of three gets a third, to about one per cent
    assert np.bincount(NESTED["size"].level(x[:, 4])) / 2048 == pytest.approx([1 / 3] * 3, abs=0.01)


def test_mutations_belong_to_the_space_and_most_are_near():
    base = NESTED.sample_unit(5, np.random.default_rng(1))
    x = mutations(NESTED, base, 500, np.random.default_rng(2))
    assert x.shape == (500, 5)
    assert snapped(NESTED, x)
    gamma = x[~np.isnan(x[:, 2]), 2]
    assert len(set(gamma)) > 20


def test_a_mutated_level_moves_and_stays_inside():
    space = Space(n=Int(1, 3))
    for u in space["n"].levels():
        x = mutations(space, np.array([[u]]), 200, np.random.default_rng(0))
        assert (np.abs(x - u) > 0.1).all()
        assert snapped(space, x)


def test_neighbours_are_all_single_discrete_changes():
    x = NESTED.to_unit({"algo": "svm", "kernel": "rbf", "gamma": 0.1, "size": "m"})
    points, owner = neighbours(NESTED, np.array([x, x]), np.random.default_rng(0))
    assert (np.bincount(owner) == 4).all()
    configs = NESTED.from_unit(points[owner == 1])
    for c in configs:
        NESTED.validate(c)
    assert [c["algo"] for c in configs] == ["boost", "svm", "svm", "svm"]
    assert configs[1]["kernel"] == "linear"
    assert {configs[2]["size"], configs[3]["size"]} == {"s", "l"}
    assert configs[2]["gamma"] == pytest.approx(0.1)


def test_a_parameter_of_many_levels_takes_steps_of_several_sizes():
    space = Space(n=Int(1, 1000))
    x, _ = neighbours(space, space.to_unit([{"n": 990}]), np.random.default_rng(0))
    steps = sorted(c["n"] - 990 for c in space.from_unit(x))
    assert steps == [-250, -125, -13, -8, -5, -3, -2, -1, 1, 2, 3, 5, 8]


def test_without_discrete_parameters_there_are_no_neighbours():
    points, owner = neighbours(Space(a=Float(0, 1)), np.array([[0.5]]), np.random.default_rng(0))
    assert points.shape == (0, 1)
    assert owner.shape == (0,)


def test_a_mutation_always_changes_an_active_parameter():
    branches = {f"{a}{i}": Float(0, 1, when={"algo": a}) for a in "abcdefgh" for i in range(3)}
    space = Space(algo=Choice(*"abcdefgh"), **branches)
    base = space.sample_unit(5, np.random.default_rng(0))
    x = mutations(space, base, 2000, np.random.default_rng(1))
    known = set(keys(base))
    same = np.mean([key in known for key in keys(x)])
    assert same < 0.05  # only a choice that is drawn anew and stays: a quarter of the rows change it alone, 1/8 of these stay
