"""Tunability: closed forms and brute force over grids as oracles."""

import itertools

import numpy as np
import pytest

from workbench.errors import ConfigError
from workbench.importance.quantity import Quantity
from workbench.importance.surrogate import Surrogate, complete
from workbench.importance.tunability import Task, tunability
from workbench.space import Choice, Float, Int, Space

GRID = Space(a=Int(0, 4, default=2), b=Choice("p", "q", "r"), c=Int(0, 2, default=0))
NESTED = Space(opt=Choice("adam", "sgd"), mom=Float(0, 1, default=0.5, when={"opt": "sgd"}), lr=Float(0, 1, default=0.5))


def everything(space):
    """All configurations of a small space, as rows, many times: a forest then knows the function itself."""
    names = space.names
    configs = [dict(zip(names, v, strict=True)) for v in itertools.product(*(space[n].values() for n in names))]
    return configs, np.tile(space.to_unit(configs), (8, 1))


def known(loss, space=GRID):
    configs, x = everything(space)
    return Task(space, x, np.tile([float(loss(**c)) for c in configs], 8))


def test_gains_of_a_function_on_levels_are_those_of_its_closed_form():
    task = known(lambda a, b, c: (a - 4) ** 2 + {"p": 3, "q": 1, "r": 5}[b] + 10 * c)
    t = tunability(task)
    assert t.default_loss == pytest.approx([4 + 3])
    assert dict(zip(t.names, t.gain, strict=True)) == pytest.approx({"a": 4, "b": 2, "c": 0})
    assert t.total_gain == pytest.approx(6)
    assert {n: t.tuned_value(n) for n in t.names} == {"a": 4, "b": "q", "c": 0}
    # without interactions two gain the sum, and the second adds the smaller gain
    assert t.pair("a", "b") == t.pair("b", "a") == pytest.approx(6)
    assert t.joint("a", "b") == pytest.approx(2)
    assert t.joint("a", "c") == pytest.approx(0)
    assert [p[:2] for p in t.pairs()] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_what_only_two_together_gain_is_their_joint_gain():
    task = known(lambda a, b, c: -7.0 * (b == "r" and c == 2) + (a - 2) ** 2)
    t = tunability(task)
    assert t.gain == pytest.approx([0, 0, 0])
    assert t.pair("b", "c") == t.joint("b", "c") == t.total_gain == pytest.approx(7)
    assert t.pair("a", "b") == pytest.approx(0)
    assert GRID.from_unit(t.best[0]) == {"a": 2, "b": "r", "c": 2}


def test_gains_are_the_best_of_brute_force_on_the_same_forest():
    rng = np.random.default_rng(3)
    x = GRID.sample_unit(70, rng)
    y = rng.standard_normal(70)
    t = tunability(Task(GRID, x, y), n_trees=16, seed=5)
    f = Surrogate.of(GRID, x, y, n_trees=16, seed=5)
    configs, _ = everything(GRID)
    losses = f(GRID.to_unit(configs))
    default = GRID.default()

    def best(free):
        return min(v for v, c in zip(losses, configs, strict=True) if all(c[n] == default[n] for n in GRID if n not in free))

    before = best(())
    for n in GRID:
        assert t.gain[GRID.column(n)] == pytest.approx(before - best({n}))
    for a, b in itertools.combinations(GRID, 2):
        assert t.pair(a, b) == pytest.approx(before - best({a, b}))
    assert t.total_gain == pytest.approx(before - min(losses))


def test_a_number_is_tuned_on_the_forests_own_steps():
    space = Space(x=Float(0, 1, default=0.9), y=Float(0, 1))
    rng = np.random.default_rng(0)
    x = rng.random((300, 2))
    task = Task(space, x, (x[:, 0] - 0.3) ** 2 + 0.0 * x[:, 1])
    t = tunability(task, n_trees=20)
    f = Surrogate.of(space, task.x, task.y, n_trees=20)
    rows = np.column_stack([rng.random(50_000), np.full(50_000, 0.5)])
    assert t.single[0, 0] >= t.default_loss[0] - f(rows).min()  # no point of many is better
    assert t.single[0, 0] == pytest.approx(0.36, abs=0.03)
    assert t.tuned_value("x") == pytest.approx(0.3, abs=0.05)


def test_gains_grow_with_what_may_be_tuned():
    rng = np.random.default_rng(1)
    space = Space({f"x{k}": Float(0, 1) for k in range(5)})
    x = rng.random((150, 5))
    t = tunability(Task(space, x, np.sin(9 * x[:, 0] * x[:, 1]) + x[:, 2] * x[:, 3] + 0.1 * rng.standard_normal(150)), n_trees=16)
    for a, b, gain, joint in t.pairs():
        alone = [t.gain[space.column(n)] for n in (a, b)]
        assert max(alone) <= gain <= t.total_gain
        assert joint == pytest.approx(gain - max(alone))
    assert (t.single >= 0).all()


# ---- conditions ----------------------------------------------------------------------------------------------------------


def nested_task(n=600):
    rng = np.random.default_rng(0)
    x = NESTED.sample_unit(n, rng)
    sgd = ~np.isnan(x[:, 1])
    return Task(NESTED, x, np.where(sgd, 2 - 1.5 * np.nan_to_num(x[:, 1]), 1.0) + 0.0 * x[:, 2])


def test_an_inactive_child_has_no_gain_alone_and_says_why_but_gains_with_its_parent():
    t = tunability(nested_task())
    assert np.isnan(t.gain[1])
    assert t.notes == {"mom": "inactive at the default: active only when opt is 'sgd'"}
    assert t.gain[0] == pytest.approx(0, abs=0.02)  # sgd at the default momentum is worse than adam
    assert t.pair("opt", "mom") == t.joint("opt", "mom") == pytest.approx(0.5, abs=0.05)
    assert np.isnan(t.pair("mom", "lr"))  # never active together while opt stays adam
    assert ("mom", "lr") not in [p[:2] for p in t.pairs()]
    row = t.frame().set_index("parameter").loc["mom"]
    assert np.isnan([row["default"], row["tuned"]]).all()
    assert "opt is 'sgd'" in row["note"]
    assert NESTED.from_unit(t.best[0])["opt"] == "sgd"


def test_with_another_default_the_child_is_tuned_alone():
    t = tunability(nested_task(), default={"opt": "sgd", "mom": 0.0, "lr": 0.5})
    assert t.gain[1] == pytest.approx(1.5, abs=0.1)
    assert t.gain[0] == pytest.approx(1.0, abs=0.1)
    assert not t.notes


def test_forbidden_combinations_are_no_gain():
    space = Space(a=Choice("p", "q"), b=Choice("x", "y"), forbidden=[{"a": "q", "b": "y"}])
    rng = np.random.default_rng(0)
    x = space.sample_unit(100, rng)
    a, b = space["a"].level(x[:, 0]), space["b"].level(x[:, 1])
    t = tunability(Task(space, x, -1.0 * a - 1.0 * b))
    assert t.gain == pytest.approx([1, 1])
    assert t.pair("a", "b") == t.total_gain == pytest.approx(1)  # both at once is forbidden


# ---- several tasks ---------------------------------------------------------------------------------------------------------


def test_gains_of_several_tasks_are_averaged_and_their_spread_is_told():
    tasks = [known(lambda a, b, c, k=k: k * abs(a - 4)) for k in (1, 3)]
    t = tunability(*tasks)
    assert t.single[:, 0] == pytest.approx([2, 6])
    assert t.gain[0] == pytest.approx(4)
    assert t.frame().set_index("parameter").loc["a", "spread"] == pytest.approx(2)
    assert t.total_gain == pytest.approx(4)
    assert t.tasks == ("task 1", "task 2")


def test_the_optimal_default_is_the_best_mean_over_the_tasks():
    tasks = [known(lambda a, b, c: abs(a - 0) + (b != "q")), known(lambda a, b, c: 3 * abs(a - 3) + (b != "q"))]
    t = tunability(*tasks, default="optimal")
    assert (t.default["a"], t.default["b"]) == (3, "q")
    assert t.default_loss.mean() == pytest.approx(1.5)
    assert t.gain[0] == pytest.approx(1.5)  # the first task gains 3, the second nothing
    assert tunability(tasks[0], default="optimal").total_gain == pytest.approx(0)


def test_standardised_losses_let_no_task_outweigh_the_others():
    tasks = [known(lambda a, b, c, k=k: k * abs(a - 4) + 100 * k) for k in (1, 1000)]
    t = tunability(*tasks, standardise=True)
    assert t.single[0] == pytest.approx(t.single[1])
    assert t.default_loss[0] == pytest.approx(t.default_loss[1])


def test_ranges_hold_where_the_tasks_best_values_lie():
    tasks = [known(lambda a, b, c, k=k: abs(a - k) + (b != "pqr"[k % 2])) for k in (1, 2, 4)]
    t = tunability(*tasks)
    assert t.ranges(0, 1)["a"] == (1, 4)
    assert t.ranges(0.5, 0.5)["a"] == (2, 2)
    assert t.ranges()["b"] == ("p", "q")
    with pytest.raises(ValueError, match="low <= high"):
        t.ranges(0.9, 0.1)


# ---- what it shows and refuses -----------------------------------------------------------------------------------------------


def test_the_table_is_sorted_and_says_shares():
    t = tunability(known(lambda a, b, c: (a - 4) ** 2 + {"p": 3, "q": 1, "r": 5}[b]), pairs=False)
    frame = t.frame()
    assert frame["parameter"].tolist() == ["a", "b", "c"]
    assert frame["share"].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert "a alone gains 4 (67% of it)" in t.summary()
    assert "<table" in t._repr_html_()
    assert "note" not in t._repr_html_()  # there is none
    with pytest.raises(ValueError, match="pairs=True"):
        t.pairs()


def test_whoever_maximises_reads_their_own_values():
    t = tunability(known(lambda a, b, c: -0.1 * a), pairs=False, quantity=Quantity("accuracy", -1.0))
    assert "accuracy from 0.2 at the default to 0.4" in t.summary()


def test_one_parameter_and_constant_losses_gain_nothing():
    space = Space(x=Float(0, 1))
    t = tunability(Task(space, np.linspace(0, 1, 12)[:, None], np.ones(12)))
    assert t.gain.tolist() == [0]
    assert t.total_gain == 0
    assert t.pairs() == []
    assert t.frame()["share"].tolist() == [0]
    assert t.tuned_value("x") == 0.5  # where nothing helps, the default stays


def test_what_cannot_be_tuned_is_refused():
    task = known(lambda a, b, c: a)
    with pytest.raises(ValueError, match="at least one task"):
        tunability()
    with pytest.raises(ValueError, match="share one space"):
        tunability(task, nested_task(20))
    with pytest.raises(ValueError, match="'optimal' or None"):
        tunability(task, default="best")
    with pytest.raises(ConfigError):
        tunability(task, default={"a": 99, "b": "p", "c": 0})
    with pytest.raises(ValueError, match="two parameters"):
        tunability(task).pair("a", "a")


def test_the_rows_of_a_default_outside_its_own_conditions_are_complete():
    assert not np.isnan(complete(NESTED, NESTED.default())).any()
