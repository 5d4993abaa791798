"""A forest's leaves as boxes: brute force over points, and over all cells of the product, as oracles."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.importance.leaf_boxes import LeafBoxes, ancestry
from workbench.models.forest import grow, tree_features
from workbench.space import Choice, Float, Int, Space

SPACES = {
    "numbers": Space(a=Float(0, 1), b=Float(1e-3, 1, log=True)),
    "levels": Space(a=Int(1, 5), b=Int(1, 100, log=True), c=Float(0, 1, step=0.25), d=Choice("s", "m", "l", ordered=True)),
    "choices": Space(a=Choice("a", "b"), b=Choice(*"abcdef"), c=Float(0, 1)),
    "a condition": Space(opt=Choice("adam", "sgd", "lion"), mom=Float(0, 1, when={"opt": ["sgd", "lion"]}), lr=Float(0, 1)),
    "a condition on a number": Space(n=Int(1, 4), w2=Int(1, 9, when={"n": [2, 3, 4]}), w4=Float(0, 1, when={"n": 4})),
    "nested, several parents, gaps": Space(
        a=Choice("x", "y", "z", "w"), b=Int(1, 9, when={"a": ["x", "z"]}), c=Choice(*"pqr", when={"b": [2, 3, 7]}),
        d=Float(0, 1, when={"c": ["p", "r"], "b": [3, 7, 8]}), e=Choice(0, 1), f=Int(1, 10**9, log=True, when={"e": 1})),
    "a child in front of its parent": Space(child=Float(0, 1, when={"parent": "on"}), parent=Choice("on", "off"), x=Float(0, 1)),
    "too many levels for a table": Space(a=Int(1, 10**9, log=True), b=Int(1, 10**7)),
}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=list(SPACES))


def grown(space, n=150, n_trees=4, seed=0):
    rng = np.random.default_rng(seed)
    x = space.sample_unit(n, rng)
    y = rng.standard_normal(n) + np.nan_to_num(x, nan=-1.0) @ rng.standard_normal(len(space))
    Z = tree_features(space)(x)
    trees = [grow(Z, y, np.random.default_rng([seed, b])) for b in range(n_trees)]
    return trees, LeafBoxes.of(space, trees)


def predictions(space, trees, u):
    """What the trees say at points of the cube: those parameters are ignored that are inactive there."""
    return np.stack([t.regressor.predict(tree_features(space)(space.snap(u))) for t in trees])


def holds(boxes, u):
    """Which boxes hold which points, shape (points, N)."""
    out = np.ones((len(u), len(boxes.tree)), dtype=bool)
    for j, name in enumerate(boxes.space.names):
        if boxes.space.columns[j].kind == "choice":
            out &= boxes.mask[:, boxes.options[j]:boxes.options[j + 1]].T[boxes.space[name].level(u[:, j])]
        else:
            edges = boxes.grids[j].edges
            out &= (u[:, j, None] > edges[boxes.low[:, j]]) & (u[:, j, None] <= edges[boxes.high[:, j]])
    return out


def held_values(boxes, u):
    """The value of the one box of each tree that holds each point; fails if there are none or several."""
    held = holds(boxes, u)
    out = []
    for b in range(boxes.n_trees):
        own = held[:, boxes.tree == b]
        assert (own.sum(axis=1) == 1).all()
        out.append(boxes.value[boxes.tree == b][own.argmax(axis=1)])
    return np.stack(out)


@every_space
def test_every_point_of_the_cube_lies_in_one_box_with_what_the_tree_predicts_there(space):
    trees, boxes = grown(space)
    u = np.random.default_rng(1).random((1000, len(space)))
    np.testing.assert_allclose(held_values(boxes, u), predictions(space, trees, u), atol=1e-12)


@every_space
def test_the_boxes_of_a_tree_fill_the_cube_once_and_are_in_order(space):
    _, boxes = grown(space)
    np.testing.assert_allclose(np.bincount(boxes.tree, boxes.volume), 1.0, atol=1e-12)
    assert (boxes.volume > 0).all()
    assert (np.diff(boxes.tree) >= 0).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(sorted(SPACES)))
def test_whatever_the_forest_it_is_a_partition(seed, name):
    space = SPACES[name]
    trees, boxes = grown(space, n=60, n_trees=2, seed=seed)
    u = np.random.default_rng(seed).random((200, len(space)))
    np.testing.assert_allclose(held_values(boxes, u), predictions(space, trees, u), atol=1e-12)
    np.testing.assert_allclose(np.bincount(boxes.tree, boxes.volume), 1.0, atol=1e-12)


def test_mean_and_variance_are_those_of_a_sum_over_all_cells_of_the_product():
    space = SPACES["nested, several parents, gaps"]
    space = Space({name: p for name, p in space.params.items() if name not in ("e", "f")})
    trees, boxes = grown(space)
    edges = [np.unique(g.edges) for g in boxes.grids]
    middles = [(e[:-1] + e[1:]) / 2 for e in edges]
    u = np.array(list(itertools.product(*middles)))
    w = np.array([np.prod(v) for v in itertools.product(*(np.diff(e) for e in edges))])
    f = predictions(space, trees, u)
    np.testing.assert_allclose(boxes.mean, f @ w, atol=1e-12)
    np.testing.assert_allclose(boxes.variance, (f - (f @ w)[:, None]) ** 2 @ w, atol=1e-12)


def test_where_no_leaf_cuts_a_conditional_parameter_the_condition_costs_no_boxes():
    space = SPACES["a condition"]
    rng = np.random.default_rng(0)
    x = space.sample_unit(100, rng)
    Z = tree_features(space)(x)
    trees = [grow(Z[:, [4]].repeat(Z.shape[1], axis=1) * [0, 0, 0, 0, 1], Z[:, 4].astype(float), rng)]  # splits on lr alone
    boxes = LeafBoxes.of(space, trees)
    assert len(boxes.tree) == trees[0].regressor.get_n_leaves()


def test_a_tree_that_never_splits_is_one_box():
    space = SPACES["nested, several parents, gaps"]
    x = np.tile(space.sample_unit(1, np.random.default_rng(0)), (5, 1))
    boxes = LeafBoxes.of(space, [grow(tree_features(space)(x), np.arange(5.0), np.random.default_rng(0))])
    assert len(boxes.tree) == 1
    assert boxes.volume.tolist() == [1.0]


@every_space
def test_the_part_where_a_parameter_is_active_has_the_volume_of_its_conditions(space):
    trees, boxes = grown(space)
    u = np.random.default_rng(2).random((4000, len(space)))
    active = space.active(u)
    for j in range(len(space)):
        part = boxes.where_active(j)
        share = 1.0
        for a, allowed in ancestry(space, j).items():
            edges = space[space.names[a]].edges()
            share *= np.diff(edges)[allowed].sum()
        np.testing.assert_allclose(np.bincount(part.tree, part.volume, len(trees)), share, atol=1e-12)
        inside = holds(part, u)
        for b in range(len(trees)):
            np.testing.assert_array_equal(inside[:, part.tree == b].sum(axis=1), active[:, j])


def test_conditions_of_parents_of_parents_count_and_the_eldest_stands_first():
    space = SPACES["nested, several parents, gaps"]
    found = ancestry(space, space.column("d"))
    assert [space.names[a] for a in found] == ["a", "b", "c"]
    assert found[0].tolist() == [True, False, True, False]
    assert (np.flatnonzero(found[1]) + 1).tolist() == [3, 7]  # 3, 7, 8 for d itself, but c needs 2, 3 or 7
    assert found[2].tolist() == [True, False, True]


def test_two_that_exclude_each_other_are_nowhere_active_together():
    space = Space(k=Choice("a", "b"), x=Float(0, 1, when={"k": "a"}), z=Float(0, 1, when={"k": "b"}))
    _, boxes = grown(space)
    assert len(boxes.where_active(1, 2).tree) == 0


def test_a_threshold_between_two_levels_is_moved_to_the_border_of_their_cells():
    space = Space(n=Int(1, 4, log=True))
    Z = tree_features(space)(space.to_unit([{"n": n} for n in (1, 2, 3, 4)]))
    boxes = LeafBoxes.of(space, [grow(Z.repeat(9, axis=0), np.repeat([1.0, 2.0, 3.0, 4.0], 9), np.random.default_rng(0))])
    np.testing.assert_array_equal(boxes.grids[0].edges, space["n"].edges())
    assert sorted(boxes.value.tolist()) == pytest.approx([1.0, 2.0, 3.0, 4.0])
