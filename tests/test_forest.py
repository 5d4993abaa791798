"""The random forest: scikit-learn and brute force as oracles."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from workbench.models.forest import LEAST_VARIANCE, Forest, TreeFeatures, grow, tree_features
from workbench.space import Choice, Float, Int, Space

SPACE = Space(lr=Float(1e-4, 1, log=True), opt=Choice("adam", "sgd", "lion"), mom=Float(0, 1, when={"opt": "sgd"}),
              bias=Choice(True, False), size=Choice("s", "m", "l", ordered=True), depth=Int(1, 9, when={"bias": True}))


def data(n=80, d=4, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.random((n, d)).astype(np.float32)
    return Z, np.sin(5 * Z[:, 0].astype(float)) + Z[:, 1] + 0.1 * rng.standard_normal(n)


def forest_of(Z, y, n_trees=10):
    trees = [grow(Z, y, np.random.default_rng([3, k])) for k in range(n_trees)]
    return trees, Forest.of(trees, Z, y)


# ---- oracles -----------------------------------------------------------------------------------------------------


def test_the_mean_and_the_spread_between_trees_are_those_of_scikit_learns_predict():
    Z, y = data()
    trees, forest = forest_of(Z, y)
    X = np.random.default_rng(1).random((500, 4)).astype(np.float32)
    by_tree = np.stack([t.regressor.predict(X) for t in trees])
    mean, variance = forest.predict(X)
    np.testing.assert_allclose(mean, by_tree.mean(axis=0), atol=1e-12)
    # trees grown to the end: leaves are pure, so all variance is between the trees
    np.testing.assert_allclose(variance, np.maximum(by_tree.var(axis=0), LEAST_VARIANCE), atol=1e-10)


def test_a_tree_is_scikit_learns_tree_on_the_drawn_rows_themselves():
    Z, y = data()
    tree = grow(Z, y, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    drawn = rng.integers(80, size=80)
    other = DecisionTreeRegressor(splitter="random", random_state=int(rng.integers(2**31)))
    other.fit(Z, y, sample_weight=np.bincount(drawn, minlength=80))
    np.testing.assert_array_equal(tree.regressor.predict(Z), other.predict(Z))
    assert tree.w.sum() == 80


def test_the_variance_is_that_of_the_mixture_of_all_leaves():
    """By brute force: pool what stands in the leaves that x falls into, every tree with the same weight."""
    Z, y = data(60)
    late, y_late = data(25, seed=9)
    trees, _ = forest_of(Z, y, n_trees=7)
    forest = Forest.of(trees, np.vstack([Z, late]), np.concatenate([y, y_late]))
    X = np.random.default_rng(1).random((40, 4)).astype(np.float32)
    mean, variance = forest.predict(X)
    for i in range(40):
        values, weights = [], []
        for t in trees:
            leaf = t.regressor.apply(X[i:i + 1])[0]
            w = np.concatenate([t.w, np.ones(25)]) * (t.regressor.apply(np.vstack([Z, late])) == leaf)
            values.append(np.concatenate([y, y_late]))
            weights.append(w / w.sum() / len(trees))
        v, w = np.concatenate(values), np.concatenate(weights)
        m = np.sum(w * v)
        assert mean[i] == pytest.approx(m, abs=1e-12)
        assert variance[i] == pytest.approx(max(np.sum(w * (v - m) ** 2), LEAST_VARIANCE), abs=1e-12)


def test_importance_is_scikit_learns_averaged_over_the_trees():
    Z, y = data()
    trees, forest = forest_of(Z, y)
    got = forest.importance()
    raw = np.mean([t.regressor.tree_.compute_feature_importances(normalize=False) for t in trees], axis=0)
    np.testing.assert_allclose(got, raw / raw.sum())
    assert got[:2].sum() > 0.8  # the other two features are noise
    assert got.sum() == pytest.approx(1)


# ---- properties --------------------------------------------------------------------------------------------------


def test_it_interpolates_a_smooth_function():
    Z, _ = data(400, 2)
    y = (Z[:, 0] - 0.3) ** 2 + 0.5 * Z[:, 1].astype(float)
    X = np.random.default_rng(1).random((300, 2)).astype(np.float32)
    mean, _ = forest_of(Z, y, 30)[1].predict(X)
    truth = (X[:, 0] - 0.3) ** 2 + 0.5 * X[:, 1]
    assert np.corrcoef(mean, truth)[0, 1] > 0.98
    assert y.min() <= mean.min() and mean.max() <= y.max()  # averages of what was seen


def test_trees_disagree_where_nothing_was_seen_and_agree_at_the_data():
    Z = np.concatenate([np.linspace(0, 0.3, 30), np.linspace(0.7, 1, 30)]).astype(np.float32)[:, None]
    y = np.where(Z[:, 0] < 0.5, 0.0, 1.0)
    _, forest = forest_of(Z, y, 30)
    _, variance = forest.predict(np.array([[0.15], [0.5], [0.85]], dtype=np.float32))
    assert variance[1] > 0.05
    assert variance[0] < 0.01 > variance[2]


def test_a_late_row_pulls_its_leaves_and_a_believed_one_makes_the_trees_agree():
    Z, y = data()
    trees, before = forest_of(Z, y)
    x = np.full((1, 4), 0.5, dtype=np.float32)
    (mean,), (variance,) = before.predict(x)
    after = Forest.of(trees, np.vstack([Z, x]), np.append(y, mean + 1))
    assert mean < after.predict(x)[0][0] < mean + 1
    believed = Forest.of(trees, np.vstack([Z, x]), np.append(y, mean))
    assert believed.predict(x)[1][0] < variance


@pytest.mark.parametrize("y", [np.zeros(5), np.array([0.0] * 4 + [1e9])])
def test_constant_and_outlying_targets_have_a_finite_prediction(y):
    Z = np.linspace(0, 1, 5, dtype=np.float32)[:, None]
    mean, variance = forest_of(Z, y)[1].predict(Z)
    assert np.isfinite(mean).all()
    assert (variance >= LEAST_VARIANCE).all()
    assert np.isfinite(forest_of(Z, y)[1].importance()).all()


def test_one_row_is_a_forest_too():
    mean, _ = forest_of(np.zeros((1, 2), dtype=np.float32), np.array([3.0]))[1].predict(np.ones((2, 2), dtype=np.float32))
    assert mean.tolist() == [3, 3]


# ---- features ----------------------------------------------------------------------------------------------------


def test_features_hold_an_option_each_and_mark_what_is_inactive():
    x = SPACE.to_unit([{"lr": 1e-2, "opt": "sgd", "mom": 0.25, "bias": False, "size": "m"},
                       {"lr": 1.0, "opt": "lion", "bias": True, "size": "l", "depth": 9}])
    features = tree_features(SPACE)
    assert features.columns.tolist() == [0, 1, 1, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(features(x), [[0.5, 0, 1, 0, 0.25, 0.75, 0.5, -1], [1, 0, 0, 1, -1, 0.25, 5 / 6, 17 / 18]],
                               atol=1e-6)


def test_an_inactive_choice_is_none_of_its_options():
    space = Space(a=Choice("p", "q"), b=Choice("x", "y", "z", when={"a": "p"}), c=Choice("u", "v", when={"a": "p"}))
    assert TreeFeatures.of(space)(space.to_unit([{"a": "q"}])).tolist() == [[0.75, 0, 0, 0, -1]]


def test_a_forest_learns_what_a_branch_alone_decides():
    rng = np.random.default_rng(0)
    x = SPACE.sample_unit(300, rng)
    y = np.where(np.isnan(x[:, 2]), 0.0, x[:, 2])  # momentum matters where there is one
    features = tree_features(SPACE)
    _, forest = forest_of(features(x), y, 20)
    test = SPACE.sample_unit(200, rng)
    mean, _ = forest.predict(features(test))
    off = np.isnan(test[:, 2])
    assert np.abs(mean[off]).max() < 0.1
    assert np.abs(mean - np.where(off, 0.0, test[:, 2])).mean() < 0.03
