"""The ablation path: closed forms, and greedy search by brute force."""

import itertools

import numpy as np
import pytest

from workbench.errors import ConfigError
from workbench.importance.ablation import ablation, path
from workbench.importance.quantity import Quantity
from workbench.importance.surrogate import Surrogate
from workbench.space import Choice, Float, Int, Space

GRID = Space(a=Int(0, 3, default=0), b=Choice("p", "q", "r"), c=Int(0, 1, default=0))


def known(loss, space=GRID, times=8):
    """A forest knows a function on few levels itself, if it has seen all of them often."""
    names = space.names
    configs = [dict(zip(names, v, strict=True)) for v in itertools.product(*(space[n].values() for n in names))]
    return np.tile(space.to_unit(configs), (times, 1)), np.tile([float(loss(**c)) for c in configs], times)


def test_changes_come_in_the_order_of_what_they_help():
    x, y = known(lambda a, b, c: 10 - 2 * a - 3 * (b == "q") - 1 * c)
    found = ablation(GRID, x, y)
    assert [s.names for s in found.steps] == [("a",), ("b",), ("c",)]
    assert [s.gain for s in found.steps] == pytest.approx([6, 3, 1])
    assert found.losses.tolist() == pytest.approx([10, 4, 1, 0])
    assert found.end == {"a": 3, "b": "q", "c": 1}
    assert (found.start_name, found.end_name) == ("the default", "the best")
    assert found.frame()["share"].sum() == pytest.approx(1)


def test_a_change_that_needs_another_one_comes_after_it():
    """Alone c hurts, after b it helps most: an interaction that single changes do not see."""
    x, y = known(lambda a, b, c: {("p", 0): 5, ("p", 1): 9, ("q", 0): 4, ("q", 1): 0}.get((b, c), 20))
    found = ablation(GRID, x, y, end={"a": 0, "b": "q", "c": 1})
    assert [(s.names, s.gain) for s in found.steps] == [(("b",), pytest.approx(1)), (("c",), pytest.approx(4))]
    assert found.steps[0].options == ((("b",), pytest.approx(4)), (("c",), pytest.approx(9)))
    back = ablation(GRID, x, y, end={"a": 0, "b": "q", "c": 1}, backwards=True)
    assert [(s.names, s.gain) for s in back.steps] == [(("c",), pytest.approx(-4)), (("b",), pytest.approx(-1))]
    assert (back.start, back.end) == (found.end, found.start)
    assert back.start_name == "the best"


def test_every_round_takes_the_best_change_by_brute_force():
    space = Space({f"x{k}": Float(0, 1) for k in range(5)})
    rng = np.random.default_rng(0)
    x = rng.random((90, 5))
    f = Surrogate.of(space, x, np.sin(7 * x @ np.arange(5.0)), n_trees=9)
    start, end = (dict(zip(space.names, r, strict=True)) for r in rng.random((2, 5)).tolist())
    first, steps = path(f, start, end)
    here = dict(start)
    assert first == pytest.approx(f.loss(space.to_unit(start)))
    left = set(space.names)
    for s in steps:
        losses = {n: f.loss(space.to_unit({**here, n: end[n]})) for n in left}
        assert s.loss == pytest.approx(min(losses.values()))
        assert losses[s.names[0]] == pytest.approx(s.loss)
        here[s.names[0]] = end[s.names[0]]
        assert s.after == pytest.approx(here)
        left.remove(s.names[0])
    assert not left
    assert first - sum(s.gain for s in steps) == pytest.approx(f.loss(space.to_unit(end)))


# ---- conditions ----------------------------------------------------------------------------------------------------------

NESTED = Space(opt=Choice("adam", "sgd"), mom=Float(0, 1, when={"opt": "sgd"}), beta=Float(0, 1, when={"opt": "adam"}),
               lr=Float(0, 1), step=Float(0, 1, when={"opt": ["adam", "sgd"]}))


def nested(n=400):
    rng = np.random.default_rng(0)
    x = NESTED.sample_unit(n, rng)
    return x, np.where(np.isnan(x[:, 1]), 3.0, 1 - np.nan_to_num(x[:, 1])) + x[:, 3]


def test_a_parent_brings_its_children_and_takes_the_others_away():
    end = {"opt": "sgd", "mom": 0.9, "lr": 0.1, "step": 0.5}
    found = ablation(NESTED, *nested(), start={"opt": "adam", "beta": 0.2, "lr": 0.8, "step": 0.5}, end=end)
    assert [s.names for s in found.steps] == [("opt",), ("lr",)]  # step has one value at both ends, mom and beta belong to opt
    first = found.steps[0]
    assert (first.came, first.went) == (("mom",), ("beta",))
    assert first.after == {"opt": "sgd", "mom": 0.9, "lr": 0.8, "step": 0.5}
    assert found.frame()["with it"].tolist() == ["mom = 0.9, without beta", ""]
    assert found.steps[-1].after == end


def test_a_child_that_both_ends_have_is_a_change_of_its_own():
    found = ablation(NESTED, *nested(), start={"opt": "sgd", "mom": 0.1, "lr": 0.5, "step": 0.5},
                     end={"opt": "sgd", "mom": 0.9, "lr": 0.5, "step": 0.2})
    assert [s.names for s in found.steps] == [("mom",), ("step",)]
    assert found.steps[0].gain == pytest.approx(0.8, abs=0.1)


def test_a_child_waits_for_its_parents_where_it_is_inactive_in_between():
    """From a to b through two parents: in between the child has no place, so it cannot be changed there."""
    space = Space(p=Choice(0, 1), q=Choice(0, 1), z=Float(0, 1, when={"p": [0, 1], "q": [0, 1]}),
                  w=Float(0, 1, when={"p": [1], "q": [1]}))
    rng = np.random.default_rng(0)
    x = space.sample_unit(300, rng)
    y = -1.0 * space["p"].level(x[:, 0]) - 0.5 * space["q"].level(x[:, 1])
    found = ablation(space, x, y, start={"p": 0, "q": 0, "z": 0.2}, end={"p": 1, "q": 1, "z": 0.7, "w": 0.4})
    assert sorted(s.label for s in found.steps) == ["p", "q", "z"]
    assert [s.came for s in found.steps if s.came] == [("w",)]
    assert found.steps[-1].after == {"p": 1, "q": 1, "z": pytest.approx(0.7), "w": pytest.approx(0.4)}


def test_where_single_changes_are_forbidden_two_are_made_at_once():
    space = Space(a=Choice(0, 1), b=Choice(0, 1), c=Choice(0, 1), forbidden=[{"a": 0, "b": 1}, {"a": 1, "b": 0}])
    rng = np.random.default_rng(0)
    x = space.sample_unit(80, rng)
    y = -1.0 * space["a"].level(x[:, 0]) + 2.0 * space["c"].level(x[:, 2])
    found = ablation(space, x, y, start={"a": 0, "b": 0, "c": 1}, end={"a": 1, "b": 1, "c": 0})
    assert [s.names for s in found.steps] == [("c",), ("a", "b")]
    assert found.steps[1].gain == pytest.approx(1)
    assert found.frame()["to"].tolist() == [0, [1, 1]]
    assert all(space.contains(s.after) for s in found.steps)


def test_where_only_all_changes_together_are_allowed_they_are_made_together():
    n = 16
    space = Space({f"c{k}": Choice(0, 1) for k in range(n)},
                  forbidden=[{f"c{k}": 0, f"c{(k + 1) % n}": 1} for k in range(n)])
    x = np.array([[0.25] * n, [0.75] * n] * 6)
    found = ablation(space, x, np.array([1.0, 0.0] * 6), start=space.from_unit(x[0]), end=space.from_unit(x[1]))
    assert [len(s.names) for s in found.steps] == [n]
    assert found.gain == pytest.approx(1, abs=0.05)


# ---- what it shows and refuses -----------------------------------------------------------------------------------------------


def test_two_equal_ends_have_no_steps():
    x, y = known(lambda a, b, c: a)
    found = ablation(GRID, x, y, end=GRID.default())
    assert found.steps == ()
    assert found.gain == 0
    assert "same configuration" in found.summary()
    assert len(found.frame()) == 0
    assert "<table" in found._repr_html_()


def test_a_failed_trial_is_never_the_best():
    x, y = known(lambda a, b, c: float(a))
    y[:3] = np.nan
    assert ablation(GRID, x, y).end["a"] == 0


def test_whoever_maximises_reads_their_own_values():
    x, y = known(lambda a, b, c: -0.2 * a)
    found = ablation(GRID, x, y, quantity=Quantity("accuracy", -1.0))
    assert "accuracy goes from 0 to 0.6" in found.summary()
    assert found.frame()["accuracy"].iloc[0] == pytest.approx(0.6)
    assert found.frame()["gain"].iloc[0] == pytest.approx(0.6)


def test_the_spread_is_that_of_the_change_between_the_trees():
    rng = np.random.default_rng(0)
    x = GRID.sample_unit(40, rng)
    y = rng.standard_normal(40)
    found = ablation(GRID, x, y, n_trees=11, seed=2)
    f = Surrogate.of(GRID, x, y, n_trees=11, seed=2)
    before, after = (f.by_tree(GRID.to_unit([c]))[:, 0] for c in (found.steps[0].before, found.steps[0].after))
    assert found.steps[0].spread == pytest.approx((before - after).std())


def test_an_end_outside_the_space_is_refused():
    x, y = known(lambda a, b, c: a)
    with pytest.raises(ConfigError):
        ablation(GRID, x, y, start={"a": 99, "b": "p", "c": 0})
