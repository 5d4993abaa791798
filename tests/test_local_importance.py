"""Local importance: closed forms of the variance along a parameter, and brute force on dense points."""

import numpy as np
import pytest

from workbench.errors import ConfigError
from workbench.importance.local import local_importance
from workbench.importance.quantity import Quantity
from workbench.importance.surrogate import Surrogate
from workbench.space import Choice, Float, Int, Space

LEVELS = Space(a=Int(0, 3), b=Choice("p", "q", "r"), c=Choice(True, False))


def known(loss):
    """A forest knows a function on few levels itself, if it has seen all of them often."""
    configs = [{"a": a, "b": b, "c": c} for a in range(4) for b in "pqr" for c in (True, False)]
    return np.tile(LEVELS.to_unit(configs), (8, 1)), np.tile([float(loss(**c)) for c in configs], 8)


def test_variances_on_levels_are_those_of_the_closed_form():
    x, y = known(lambda a, b, c: 2 * a + {"p": 0, "q": 3, "r": 6}[b])
    found = local_importance(LEVELS, x, y, config={"a": 1, "b": "q", "c": True})
    # 0, 2, 4, 6 have the variance 5; 0, 3, 6 have 6
    assert found.variance == pytest.approx([5, 6, 0])
    assert found.single == pytest.approx([5 / 11, 6 / 11, 0])
    assert found.single_spread == pytest.approx([0, 0, 0], abs=1e-9)
    assert found.order == ("b", "a", "c")
    assert found.curve("a").mean == pytest.approx([3, 5, 7, 9])
    assert found.loss == pytest.approx(5)


def test_what_matters_depends_on_where_one_looks():
    """a counts where b is "q" and nowhere else: fANOVA would give both a share."""
    x, y = known(lambda a, b, c: 10 * a * (b == "q"))
    assert local_importance(LEVELS, x, y, config={"a": 0, "b": "q", "c": True}).single == pytest.approx([1, 0, 0])
    assert local_importance(LEVELS, x, y, config={"a": 3, "b": "p", "c": True}).single == pytest.approx([0, 1, 0])


def test_along_a_number_the_variance_is_that_of_dense_points_of_the_forest():
    space = Space(x=Float(1e-3, 1, log=True), y=Float(0, 1), z=Float(0, 1))
    rng = np.random.default_rng(0)
    x = rng.random((200, 3))
    y = 3 * x[:, 0] ** 2 + x[:, 1]
    found = local_importance(space, x, y, n_trees=20)
    f = Surrogate.of(space, x, y, n_trees=20)
    u = space.to_unit(found.config)
    dense = (np.arange(20_000) + 0.5) / 20_000
    for j, name in enumerate(space):
        rows = np.tile(u, (len(dense), 1))
        rows[:, j] = dense
        assert found.variance[j] == pytest.approx(f(rows).var(), rel=0.01, abs=1e-8)  # dense points miss a step by 1/20,000
        np.testing.assert_allclose(found.curve(name).at(dense[::7]), f(rows[::7]), atol=1e-5)
    assert found.single.sum() == pytest.approx(1)
    # Var 3x² of a uniform x is 9 (1/5 - 1/9) = 0.8, Var y is 1/12
    assert found.single == pytest.approx([0.8 / (0.8 + 1 / 12), (1 / 12) / (0.8 + 1 / 12), 0], abs=0.06)


def test_the_best_configuration_is_taken_if_none_is_given_and_a_failed_trial_is_not_it():
    x, y = known(lambda a, b, c: a)
    y[0] = np.nan
    assert local_importance(LEVELS, x, y).config["a"] == 0
    assert local_importance(LEVELS, x, -y).config["a"] == 3


NESTED = Space(opt=Choice("adam", "sgd"), mom=Float(0, 1, default=0.5, when={"opt": "sgd"}), bias=Choice(0, 1),
               forbidden=[{"opt": "sgd", "bias": 1}])


def nested():
    rng = np.random.default_rng(0)
    x = NESTED.sample_unit(300, rng)
    return x, np.where(np.isnan(x[:, 1]), 2.0, np.nan_to_num(x[:, 1]))


def test_an_inactive_parameter_has_no_share_and_says_why():
    found = local_importance(NESTED, *nested(), config={"opt": "adam", "bias": 0}, name="trial 3")
    assert np.isnan(found.single[1])
    assert found.notes == {"mom": "inactive at trial 3: active only when opt is 'sgd'"}
    assert found.order == ("opt", "bias")
    assert found.curve("opt").mean == pytest.approx([2, 0.5], abs=0.05)  # sgd comes with the default momentum
    with pytest.raises(ValueError, match="inactive at trial 3"):
        found.curve("mom")
    row = found.frame().set_index("parameter").loc["mom"]
    assert np.isnan(row["value"])
    assert "opt is 'sgd'" in row["note"]


def test_forbidden_values_are_left_out_of_the_variance():
    found = local_importance(NESTED, *nested(), config={"opt": "sgd", "mom": 0.1, "bias": 0})
    assert np.isnan(found.curve("bias").mean).tolist() == [False, True]
    assert found.variance[2] == 0
    assert found.single[:2].sum() == pytest.approx(1)


def test_constant_losses_matter_nowhere():
    x, _ = known(lambda a, b, c: 0)
    found = local_importance(LEVELS, x, np.ones(len(x)))
    assert found.single.tolist() == [0, 0, 0]
    assert "no parameter changes" in found.summary()


def test_the_table_holds_the_range_of_predictions_in_the_users_own_sign():
    x, y = known(lambda a, b, c: -0.2 * a)
    found = local_importance(LEVELS, x, y, quantity=Quantity("accuracy", -1.0))
    row = found.frame().iloc[0]
    assert (row["parameter"], row["lowest"], row["highest"]) == ("a", pytest.approx(0), pytest.approx(0.6))
    assert "100% of the variance of the predicted accuracy" in found.summary()
    assert "<table" in found._repr_html_()


def test_a_configuration_outside_the_space_is_refused():
    with pytest.raises(ConfigError):
        local_importance(LEVELS, *known(lambda a, b, c: a), config={"a": 7, "b": "p", "c": True})
