"""Grid search: which points, in which order, and how it ends."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import workbench as wb
from workbench.errors import SearchExhausted, SpaceError
from workbench.history import History
from workbench.search import grid
from workbench.search.grid_tree import GridTree, grid_values, shuffled

NESTED = wb.Space(a=wb.Choice("x", "y", "z"), b=wb.Float(0, 1, when={"a": "x"}), c=wb.Int(1, 3, when={"a": ["x", "y"]}),
                  d=wb.Choice(1, 2, when={"c": [2, 3], "a": "x"}), e=wb.Float(1e-3, 1, log=True),
                  forbidden=[{"a": "y", "c": 2}])


def visit(space, algorithm, *, seed=0, limit=10_000, keep_memo=True):
    """Try points until the grid ends; return the configurations in their order."""
    x, memo, configs = np.empty((0, len(space))), {}, []
    for _ in range(limit):
        history = History.of(space, x, np.zeros(len(x)), seed=seed)
        if keep_memo:
            history = replace(history, memo=memo)
        try:
            suggestion = algorithm.suggest(history, np.random.default_rng(0))
        except SearchExhausted:
            return configs
        configs.append(space.from_unit(suggestion.x))
        x = np.vstack([x, space.to_unit(configs[-1])])
    raise AssertionError("the grid does not end")


def by_brute_force(space, k):
    """Distinct active configurations of the full product, without the forbidden ones."""
    x = np.array(list(itertools.product(*(grid_values(space, name, k) for name in space.names))))
    x = space.snap(x)
    x = x[~space.is_forbidden(x)]
    return {tuple(sorted(c.items())) for c in space.from_unit(x)}


def as_set(configs):
    return {tuple(sorted(c.items())) for c in configs}


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("space", [NESTED, wb.Space(NESTED.params), wb.Space(
    # a child before its parent, two roots, a common child
    k=wb.Float(0, 1, when={"p": True, "q": [1, 2]}), q=wb.Int(0, 2), p=wb.Choice(True, False))])
def test_every_distinct_point_comes_once_and_no_forbidden_one(space, shuffle):
    configs = visit(space, wb.Grid(3, shuffled=shuffle))
    expected = by_brute_force(space, 3)
    assert len(configs) == len(expected)
    assert as_set(configs) == expected


def test_values_run_from_end_to_end():
    space = wb.Space(x=wb.Float(0, 8), lr=wb.Float(1e-4, 1.0, log=True), n=wb.Int(0, 100), few=wb.Int(0, 2),
                     c=wb.Choice(*"abcdefg"), one=wb.Float(3, 3), s=wb.Float(0, 1, step=0.25))
    at = {name: [space[name].from_unit(u) for u in grid_values(space, name, 5)] for name in space.names}
    assert at["x"] == [0, 2, 4, 6, 8]
    assert at["lr"] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert (at["n"][0], at["n"][-1], len(at["n"])) == (0, 100, 5)
    assert at["few"] == [0, 1, 2]
    assert at["c"] == list("abcdefg")
    assert at["one"] == [3]
    assert at["s"] == [0, 0.25, 0.5, 0.75, 1]
    assert [space["x"].from_unit(u) for u in grid_values(space, "x", 1)] == [4]


def test_unshuffled_the_last_parameter_varies_fastest():
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Int(1, 3))
    assert [tuple(c.values()) for c in visit(space, wb.Grid(shuffled=False))] == list(itertools.product("xy", (1, 2, 3)))


def test_the_order_depends_on_the_seed_of_the_run_alone():
    space = wb.Space(a=wb.Int(1, 5), b=wb.Int(1, 5))
    one = visit(space, wb.Grid(), seed=1)
    assert one == visit(space, wb.Grid(), seed=1, keep_memo=False)
    assert one != visit(space, wb.Grid(), seed=2)
    assert as_set(one) == as_set(visit(space, wb.Grid(), seed=2))


def test_running_and_given_points_are_not_repeated():
    space = wb.Space(a=wb.Int(1, 3))
    history = History.of(space, space.to_unit([{"a": 1}]), np.zeros(1), pending=space.to_unit([{"a": 2}]))
    suggestion = wb.Grid().suggest(history, np.random.default_rng(0))
    assert space.from_unit(suggestion.x) == {"a": 3}


def test_the_end_is_said_with_a_way_on():
    space = wb.Space(a=wb.Int(1, 2))
    history = History.of(space, space.to_unit([{"a": 1}, {"a": 2}]), np.array([0.0, np.inf]))
    with pytest.raises(SearchExhausted, match=r"finished: all its 2 points have been tried. .* Grid\(k=9\)"):
        wb.Grid(5).suggest(history, np.random.default_rng(0))


def test_a_grid_larger_than_any_memory_is_walked_at_once():
    space = wb.Space({f"p{i}": wb.Float(0, 1) for i in range(300)})
    history = History.of(space, np.empty((0, 300)), np.empty(0))
    assert wb.Grid(5).suggest(history, np.random.default_rng(0)).why.how.endswith(f" of {5**300}")


def test_a_long_chain_of_conditions_is_counted():
    space = wb.Space({f"p{i}": wb.Int(0, 3, when={f"p{i - 1}": [1, 2]} if i else None) for i in range(300)})
    # a(i) = 2 + 2 a(i + 1), a(last) = 4: two values end the chain, two go on
    expected = 4
    for _ in range(299):
        expected = 2 + 2 * expected
    assert GridTree.of(space, 4).size == expected


def test_a_point_among_very_many_values_is_found_at_once():
    space = wb.Space(a=wb.Choice(*range(50_000)), b=wb.Choice(*range(50_000)))
    tree = GridTree.of(space, 5)
    assert space.from_unit(tree.point(49_999 * 50_000 + 7)) == {"a": 49_999, "b": 7}
    assert len({tree.point(i).tobytes() for i in range(0, 2_500_000_000, 2_500_000)}) == 1000


@pytest.mark.parametrize("n", [1, 2, 3, 7, 100, 4097])
def test_the_shuffle_is_a_permutation(n):
    assert sorted(shuffled(i, n, 3) for i in range(n)) == list(range(n))


def test_the_shuffle_has_no_favourites():
    first = np.bincount([shuffled(0, 10, seed) for seed in range(2000)], minlength=10)
    assert first.min() > 140  # 200 expected, standard deviation 13


def test_a_grid_of_forbidden_points_gives_up_with_a_reason(monkeypatch):
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Int(1, 300), c=wb.Int(1, 300), forbidden=[{"a": ["x", "y"]}])
    monkeypatch.setattr(grid, "MAX_FORBIDDEN", 500)
    with pytest.raises(SpaceError, match="501 points of the grid in a row are forbidden"):
        wb.Grid(300).suggest(History.of(space, np.empty((0, 3)), np.empty(0)), np.random.default_rng(0))


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", True])
def test_k_must_be_a_positive_whole_number(k):
    with pytest.raises(SpaceError, match="k >= 1"):
        wb.Grid(k)


# ---- finer grids -------------------------------------------------------------------------------------------------


def refine(space, loss, n, *, k=3, seed=0, workers=1, told=()):
    """Try n points of finer and finer grids with some workers that finish in a random order."""
    rng, memo = np.random.default_rng([seed, workers]), {}
    x = space.to_unit(list(told)) if told else np.empty((0, len(space)))
    y, pending, whys = [loss(c) for c in told], [], []
    algorithm = wb.Grid(k, refine=True)
    while len(x) + len(pending) < n:
        running = np.array(pending).reshape(-1, len(space))
        history = replace(History.of(space, x, np.array(y), pending=running, seed=seed), memo=memo)
        suggestion = algorithm.suggest(history, rng)
        np.testing.assert_array_equal(suggestion.x, algorithm.suggest(replace(history, memo={}), rng).x)
        whys.append(suggestion.why.how)
        pending.append(suggestion.x)
        while len(pending) >= workers:
            done = pending.pop(rng.integers(len(pending)))
            x, y = np.vstack([x, done]), [*y, loss(space.from_unit(done))]
    return np.vstack([x, *pending]), np.array(y), whys


PLANE = wb.Space(x=wb.Float(0, 1), lr=wb.Float(1e-4, 1.0, log=True))


def bowl(c):
    return (c["x"] - 0.613) ** 2 + (np.log10(c["lr"]) + 1.234) ** 2 / 16


def test_a_finer_grid_surrounds_the_best_point_at_half_the_distance():
    x, y, whys = refine(PLANE, bowl, 9 + 8)
    best = x[np.argmin(y[:9])]
    steps = (-0.25, 0, 0.25)  # the first grid of three values has steps of a half
    expected = {tuple(np.round(best + s, 9)) for s in itertools.product(steps, steps) if s != (0, 0)}
    assert {tuple(np.round(p, 9)) for p in x[9:]} == expected
    assert whys[8].startswith("grid point ")
    assert whys[9].startswith("finer grid 1 around the best, steps of 25 % of the range, point ")


def test_every_refinement_halves_the_distance_to_the_minimum_at_least():
    x, y, whys = refine(PLANE, bowl, 9 + 12 * 8)
    target = np.array([0.613, 1 - 1.234 / 4])
    for r in range(1, 13):
        best = x[:9 + r * 8][np.argmin(y[:9 + r * 8])]
        assert np.abs(best - target).max() <= 0.5 / 2**r + 1e-9  # a bowl without a slant: the nearest point is the best
    assert whys[-1].startswith("finer grid 12 ")


def test_options_keep_the_best_ones_values_and_levels_move_as_long_as_they_can():
    space = wb.Space(c=wb.Choice("a", "b"), o=wb.Choice(*"stuvw", ordered=True), n=wb.Int(1, 17), one=wb.Float(2, 2))

    def loss(c):
        return (c["c"] == "a") + abs(c["n"] - 6) + abs("stuvw".index(c["o"]) - 3)

    x, y, _ = refine(space, loss, 44)
    configs = space.from_unit(x)
    assert {c["c"] for c in configs[30:]} == {"b"}
    assert {c["n"] for c in configs[:30]} == {1, 9, 17}
    assert y.min() == 0
    with pytest.raises(SearchExhausted, match=r"have been tried, refined 4 times\. For a finer one take Grid\(k=5\)\."):
        refine(space, loss, 1000)


def test_refining_ends_at_a_millionth_of_the_range():
    space = wb.Space(x=wb.Float(0, 1))
    with pytest.raises(SearchExhausted, match="refined 18 times"):  # 0.5 / 2^18 is the last step above 1e-6
        refine(space, lambda c: (c["x"] - 0.3) ** 2, 1000)


def test_a_space_of_options_alone_has_no_finer_grid():
    with pytest.raises(SearchExhausted, match="all its 4 points"):
        refine(wb.Space(a=wb.Choice("x", "y"), b=wb.Choice(1, 2)), lambda _: 0.0, 5)


def test_a_parameter_that_a_finer_grid_switches_on_takes_its_middle():
    space = wb.Space(n=wb.Int(1, 5), w=wb.Float(0, 1, when={"n": [4]}))
    x, _, _ = refine(space, lambda c: abs(c["n"] - 3.4), 3 + 2)  # 1, 3, 5; then 2 and 4
    assert {tuple(c.items()) for c in space.from_unit(x[3:])} == {(("n", 2),), (("n", 4), ("w", 0.5))}


@pytest.mark.parametrize("workers", [2, 5, 30])
@pytest.mark.parametrize("space", [PLANE, NESTED, wb.Space(n=wb.Int(1, 40), x=wb.Float(0, 1))])
def test_with_several_workers_no_point_is_lost_or_doubled(space, workers):
    x, _, _ = refine(space, lambda c: sum((v - 0.4) ** 2 for v in c.values() if not isinstance(v, str)), 45, k=2,
                     workers=workers)
    assert len(np.unique(np.nan_to_num(x, nan=-1).round(9), axis=0)) == len(x)
    assert not space.is_forbidden(x).any()
    # the grid around the best of the first results is whole once all its results are in
    alone = {tuple(sorted(c.items())) for c in by_level(space, 2)}
    assert alone <= as_set(space.from_unit(x))


def by_level(space, k):
    tree = GridTree.of(space, k)
    x = np.array([tree.point(i) for i in range(tree.size)])
    return space.from_unit(x[~space.is_forbidden(x)])


def test_a_better_point_of_a_user_is_refined_too():
    x, _, _ = refine(PLANE, bowl, 1 + 9 + 8, told=[{"x": 0.6, "lr": 0.06}])
    assert np.abs(x[10:] - x[0]).max() == pytest.approx(0.25)


def test_failed_trials_alone_can_be_refined():
    x, _, _ = refine(PLANE, lambda _: np.inf, 20)
    assert len(np.unique(x, axis=0)) == 20


def test_a_plain_grid_names_both_ways_to_a_finer_one():
    history = History.of(PLANE, PLANE.sample_unit(0, np.random.default_rng(0)), np.empty(0))
    tree = GridTree.of(PLANE, 2)
    x = np.array([tree.point(i) for i in range(4)])
    with pytest.raises(SearchExhausted, match=r"take Grid\(k=3\), or Grid\(refine=True\)"):
        wb.Grid(2).suggest(History.of(PLANE, x, np.zeros(4)), np.random.default_rng(0))
    assert wb.Grid(2).suggest(history, np.random.default_rng(0)).why.how.startswith("grid point")
