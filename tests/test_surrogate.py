"""The forest as a function: brute force on dense points as the oracle of its steps."""

import numpy as np
import pytest

from workbench.importance.surrogate import MAX_LEVELS, Line, Surrogate, complete, why_inactive
from workbench.space import Choice, Float, Int, Space

SPACE = Space(lr=Float(1e-4, 1, log=True), opt=Choice("adam", "sgd", "lion"), mom=Float(0, 1, when={"opt": "sgd"}),
              bias=Choice(True, False), depth=Int(1, 9, when={"bias": True}), width=Int(1, 5000, log=True),
              forbidden=[{"opt": "lion", "bias": True}])


def data(space=SPACE, n=120, seed=0):
    rng = np.random.default_rng(seed)
    x = space.sample_unit(n, rng)
    return x, np.nan_to_num(x, nan=0.3) @ np.arange(1, len(space) + 1) + rng.standard_normal(n)


def grown(**settings):
    return Surrogate.of(SPACE, *data(), n_trees=12, **settings)


def points_of(f, u, j, values):
    rows = np.tile(u, (len(values), 1))
    rows[:, j] = values
    return f.by_tree(rows)


@pytest.mark.parametrize("name", ["lr", "mom"])
def test_the_steps_along_a_number_are_what_every_tree_predicts_at_dense_points(name):
    f = grown()
    u = complete(SPACE, {"lr": 0.01, "opt": "sgd", "mom": 0.4, "bias": True, "depth": 3, "width": 70})
    j = SPACE.column(name)
    line = f.line(u, j)
    dense = np.random.default_rng(1).random(4000)
    # a tree sends u <= threshold to the left: cells are open at their left ends
    k = np.searchsorted(line.edges, dense) - 1
    far = np.abs(dense[:, None] - line.edges).min(axis=1) > 1e-6  # trees read single precision
    np.testing.assert_array_equal(line.by_tree[:, k[far]], points_of(f, u, j, dense[far]))
    assert (line.edges[0], line.edges[-1]) == (0, 1)
    assert (np.diff(line.edges) > 0).all()
    np.testing.assert_array_equal(np.diff(line.by_tree, axis=1).any(axis=0), True)  # no step without a change


def test_along_levels_there_is_one_prediction_a_level_and_none_where_it_is_forbidden():
    f = grown()
    u = f.default
    line = f.line(u, SPACE.column("opt"))
    assert np.isnan(line.mean).tolist() == [False, False, True]  # the default has a bias
    np.testing.assert_array_equal(line.edges, [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_array_equal(line.by_tree[:, :2], points_of(f, u, 1, SPACE["opt"].levels())[:, :2])


def test_a_change_of_a_parent_brings_the_value_that_its_child_has_in_waiting():
    f = grown()
    u = complete(SPACE, {"lr": 0.01, "opt": "adam", "bias": False, "width": 70})
    u[SPACE.column("mom")] = 0.9
    at_sgd = SPACE.to_unit({"lr": 0.01, "opt": "sgd", "mom": 0.9, "bias": False, "width": 70})
    leaf = [t.regressor.predict(f.features(at_sgd[None]))[0] for t in f.forest.trees]
    np.testing.assert_allclose(f.line(u, SPACE.column("opt")).by_tree[:, 1], leaf, rtol=1e-12)


def test_of_many_levels_those_are_taken_that_tell_the_forests_steps_apart():
    f = grown()
    j = SPACE.column("width")
    line = f.line(f.default, j)
    assert MAX_LEVELS / 2 < len(line.points) < 5000
    np.testing.assert_array_equal(line.points, SPACE["width"].snap(line.points))
    everywhere = points_of(f, f.default, j, SPACE["width"].levels()).mean(axis=0)
    assert line.mean.min() == everywhere.min()
    assert line.mean.max() == everywhere.max()


def test_a_long_range_that_rules_a_child_is_looked_at_on_both_sides_of_the_condition():
    space = Space(n=Int(1, 3000), b=Float(0, 1, when={"n": [1234]}))
    rng = np.random.default_rng(0)
    x = space.sample_unit(60, rng)
    f = Surrogate.of(space, x, rng.random(60), n_trees=4)
    levels = space["n"].level(f.line(f.default, 0).points)
    assert {1232, 1233, 1234} <= set(levels.tolist())  # level k is the value k + 1


def test_the_best_point_is_the_nearest_of_equals_and_where_one_stands_if_that_is_one():
    line = Line(np.array([0, 0.2, 0.5, 0.6, 1.0]), np.array([0.1, 0.35, 0.55, 0.8]), np.array([[1.0, 3.0, 2.0, 1.0]]))
    assert line.best(0.3) == (0.1, 1.0)
    assert line.best(0.55) == (0.8, 1.0)
    assert line.best(0.93) == (0.93, 1.0)
    none = Line(np.array([0, 0.5, 1.0]), np.array([0.25, 0.75]), np.full((3, 2), np.nan))
    assert none.best(0.4) == (0.4, np.inf)


def test_the_variance_is_that_of_a_uniform_draw_and_passes_forbidden_cells_by():
    line = Line(np.array([0, 0.25, 1.0]), np.array([0.1, 0.6]), np.array([[4.0, 0.0]]))
    assert line.variance(line.mean) == pytest.approx(0.25 * 0.75 * 16)
    line = Line(np.array([0, 0.25, 0.5, 1.0]), np.array([0.1, 0.3, 0.6]), np.array([[4.0, np.nan, 0.0]]))
    assert line.variance(line.by_tree).tolist() == pytest.approx([(1 / 3) * (2 / 3) * 16])


def test_the_same_seed_grows_the_same_forest_and_another_one_does_not():
    rows = np.tile(grown().default, (1, 1))
    assert grown(seed=3)(rows) == grown(seed=3)(rows)
    assert grown(seed=3)(rows) != grown(seed=4)(rows)


def test_a_failed_trial_counts_as_the_worst_finite_loss():
    x, y = data()
    failed, worst = y.copy(), y.copy()
    failed[::7], worst[::7] = np.inf, np.max(np.delete(y, np.s_[::7]))
    np.testing.assert_array_equal(Surrogate.of(SPACE, x, failed, n_trees=5)(x[:1] * 0 + 0.5),
                                  Surrogate.of(SPACE, x, worst, n_trees=5)(x[:1] * 0 + 0.5))


def test_surrogates_joined_predict_the_mean():
    a, b = Surrogate.of(SPACE, *data(), n_trees=6), Surrogate.of(SPACE, *data(seed=5), n_trees=6)
    both, rows = Surrogate.mean_of([a, b]), np.where(np.isnan(data(seed=9)[0]), 0.5, data(seed=9)[0])
    np.testing.assert_allclose(both(rows), (a(rows) + b(rows)) / 2, rtol=1e-12)
    u = complete(SPACE, {"lr": 0.01, "opt": "sgd", "mom": 0.4, "bias": False, "width": 70})
    assert both.line(u, 0).mean.min() >= (a.line(u, 0).mean.min() + b.line(u, 0).mean.min()) / 2 - 1e-12


def test_going_down_ends_where_no_parameter_helps_alone():
    f = grown()
    u, loss = f.descend(f.default, range(len(SPACE)))
    assert loss < f.loss(f.default)
    assert loss == pytest.approx(f.loss(u), abs=f.tiny)
    active = f.is_active(u)
    for j in np.flatnonzero(active):
        assert f.line(u, j).best(u[j])[1] >= loss - f.tiny
    assert not SPACE.is_forbidden(SPACE.snap(u[None]))[0]


def test_complete_rows_take_what_one_end_lacks_from_the_other_and_then_from_the_defaults():
    a = {"lr": 0.01, "opt": "adam", "bias": False, "width": 70}
    b = {"lr": 1.0, "opt": "sgd", "mom": 0.9, "bias": False, "width": 70}
    assert complete(SPACE, a, b)[SPACE.column("mom")] == 0.9
    assert complete(SPACE, a, b)[SPACE.column("lr")] == SPACE["lr"].to_unit(0.01)
    assert complete(SPACE, a, b)[SPACE.column("depth")] == 0.5  # neither has it: level 5 of 1 … 9
    assert why_inactive(SPACE, complete(SPACE, a, b), "here") == {
        "mom": "inactive at here: active only when opt is 'sgd'", "depth": "inactive at here: active only when bias is True"}


@pytest.mark.parametrize(("x", "y", "n_trees", "match"), [
    (np.zeros((3, 2)), np.zeros(3), 4, "6 columns"), (np.zeros((3, 6)), np.zeros((3, 2)), 4, "choose one column"),
    (np.full((2, 6), 0.5), np.array([np.inf, np.nan]), 4, "at least one finite"), (np.zeros((3, 6)), np.zeros(3), 0, "n_trees")])
def test_what_no_forest_can_be_grown_of_is_refused(x, y, n_trees, match):
    with pytest.raises(ValueError, match=match):
        Surrogate.of(SPACE, x, y, n_trees=n_trees)
