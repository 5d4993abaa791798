"""Configurations found by gradient descent on models of earlier tasks: gradients, limits, brute force, real tables."""

from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest

from workbench.meta import Estimators, PlugIn, Tasks, average_rank, greedy_portfolio, plug_in_portfolio, small_tasks
from workbench.meta.plug_in import better_half, in_order, may_move, meta_loss, soft_minimum
from workbench.space import Choice, Float, Int, Space

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
MIXED = Space(kind=Choice("a", "b"), lr=Float(1e-4, 1.0, log=True), depth=Int(1, 6), width=Float(0.0, 1.0, when={"kind": "b"}))


def mixed_tasks(n_tasks=4, n=30, seed=0):
    """Valleys at different places, deeper where kind is b."""
    rng = np.random.default_rng(seed)
    x = MIXED.sample_unit(n, rng)
    lr, depth, width = rng.random((3, n_tasks, 1))
    losses = (x[:, 1] - lr) ** 2 + 0.5 * (x[:, 2] - depth) ** 2 + np.nan_to_num((x[:, 3] - width) ** 2, nan=0.2)
    return Tasks(tuple(f"t{i}" for i in range(n_tasks)), tuple(MIXED.from_unit(u) for u in x), losses, space=MIXED)


def valleys(centres, n=25):
    """One-dimensional tasks: a parabola each, tried on an even grid."""
    space = Space(v=Float(0.0, 1.0))
    at = np.linspace(0, 1, n)
    losses = (at - np.asarray(centres)[:, None]) ** 2
    return Tasks(tuple(map(str, centres)), tuple({"v": float(v)} for v in at), losses, space=space)


# ---- gradients and limits --------------------------------------------------------------------------------------------


def test_the_soft_minimum_lies_between_the_mean_and_the_minimum_and_tends_to_it():
    f = np.random.default_rng(0).random((50, 6))
    means = [soft_minimum(f, beta)[0] for beta in (1e-9, 1.0, 10.0, 100.0, 1e4)]
    np.testing.assert_allclose(means[0], f.mean(axis=1), atol=1e-8)
    np.testing.assert_allclose(means[-1], f.min(axis=1), atol=1e-4)
    assert all((a >= b - 1e-12).all() for a, b in zip(means, means[1:], strict=False))
    assert np.isfinite(soft_minimum(f * 1e6, 100.0)[0]).all()


def test_its_derivatives_are_those_of_finite_differences():
    f = np.random.default_rng(1).random((5, 4))
    _, by_f = soft_minimum(f, 7.0)
    for k in range(4):
        up, down = f.copy(), f.copy()
        up[:, k] += 1e-6
        down[:, k] -= 1e-6
        np.testing.assert_allclose((soft_minimum(up, 7.0)[0] - soft_minimum(down, 7.0)[0]) / 2e-6, by_f[:, k], atol=1e-8)


@pytest.mark.parametrize("sharpness", [1.0, 30.0])
def test_the_gradient_of_the_whole_is_that_of_finite_differences(sharpness):
    estimators = Estimators.of(mixed_tasks())
    x = mixed_tasks().x()[[2, 5, 9]]
    moves = may_move(MIXED) & ~np.isnan(x)
    x[moves] = np.clip(x[moves], 0.05, 0.95)
    loss, gradient = meta_loss(estimators, x, sharpness)
    f = estimators.losses(x)
    assert loss == pytest.approx(soft_minimum(f, sharpness)[0].mean(), abs=1e-12)
    for i, j in np.argwhere(moves):
        up, down = x.copy(), x.copy()
        up[i, j] += 1e-5
        down[i, j] -= 1e-5
        slope = (meta_loss(estimators, up, sharpness)[0] - meta_loss(estimators, down, sharpness)[0]) / 2e-5
        assert gradient[i, j] == pytest.approx(slope, abs=1e-6)
    assert (gradient[np.isnan(x)] == 0).all()


def test_estimators_follow_their_tasks():
    tasks = mixed_tasks()
    estimators = Estimators.of(tasks)
    assert np.abs(estimators.losses(tasks.x()) - better_half(tasks.losses)).mean() < 0.06
    assert estimators.without(1).tasks.names == ("t0", "t2", "t3")
    np.testing.assert_array_equal(estimators.without(1).losses(tasks.x()), estimators.losses(tasks.x())[[0, 2, 3]])


def test_only_the_better_half_of_a_task_counts():
    found = better_half(np.array([[3.0, 1.0, 5.0, np.nan, 900.0], [2.0, 2.0, 2.0, 2.0, 7.0]]))
    np.testing.assert_allclose(found, [[2 / 3, 0, 1, np.nan, 1], [0, 0, 0, 0, 0]])


def test_what_is_not_known_and_what_never_changes_can_be_estimated():
    tasks = mixed_tasks()
    losses = tasks.losses.copy()
    losses[0, ::3] = np.nan
    losses[1] = 0.7
    found = Estimators.of(Tasks(tasks.names, tasks.configs, losses, space=MIXED)).losses(tasks.x())
    assert np.isfinite(found).all()
    assert np.abs(found[1]).max() < 1e-9


# ---- what is found ---------------------------------------------------------------------------------------------------


def test_in_one_dimension_it_is_as_good_as_brute_force():
    """Five tasks in two groups; the best two points of a grid of 101, judged by the same estimators."""
    tasks = valleys([0.1, 0.14, 0.18, 0.71, 0.83], n=9)
    estimators = Estimators.of(tasks)
    f = estimators.losses(np.linspace(0, 1, 101)[:, None])
    best = min(f[:, list(pair)].min(axis=1).mean() for pair in combinations_with_replacement(range(101), 2))
    found = plug_in_portfolio(estimators, 2, sharpness=1000.0, n_steps=200)
    assert found.losses.min(axis=1).mean() <= best + 1e-4
    assert sorted(c["v"] for c in found.configs) == pytest.approx([0.14, 0.77], abs=0.02)
    nearest_tried = [c["v"] for c in tasks.configs]
    assert all(min(abs(c["v"] - v) for v in nearest_tried) > 0.005 for c in found.configs)


def test_one_configuration_for_all_tasks_is_the_least_of_the_mean():
    tasks = valleys([0.2, 0.3, 0.7])
    estimators = Estimators.of(tasks)
    at = np.linspace(0, 1, 2001)
    least = at[estimators.losses(at[:, None]).mean(axis=0).argmin()]
    assert plug_in_portfolio(estimators, 1).configs[0]["v"] == pytest.approx(least, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_by_the_estimators_it_is_never_worse_than_where_it_began(seed):
    found = plug_in_portfolio(mixed_tasks(seed=seed), 3, n_steps=30, seed=seed)
    assert found.losses.min(axis=1).mean() <= found.start_losses.min(axis=1).mean() + 1e-12
    assert all(MIXED.contains(c) for c in found.configs)
    np.testing.assert_allclose(MIXED.snap(found.x), found.x)
    assert found.hard.shape == (31, 4)


def test_options_and_what_they_switch_on_stay_as_in_the_start():
    assert may_move(MIXED).tolist() == [False, True, True, True]
    space = Space({"n": Int(1, 3), "a": Float(0, 1, when={"n": [2, 3]}), "b": Int(0, 3), "c": Int(0, 3)},
                  forbidden=[{"b": 0, "c": 0}])
    assert may_move(space).tolist() == [False, True, False, False]
    tasks = mixed_tasks()
    learner = PlugIn(3, n_steps=5, n_starts=1)
    kinds = sorted(c["kind"] for c in MIXED.from_unit(learner.starts(tasks)[0]))
    assert all(sorted(c["kind"] for c in MIXED.from_unit(e.why.x)) == kinds for e in learner.steps(tasks))


def test_it_takes_steps_that_say_how_far_it_is():
    learner = PlugIn(size=2, n_steps=12, n_starts=2)
    events = list(learner.steps(mixed_tasks(), seed=3))
    assert [e.step for e in events] == list(range(1, 13))
    assert {"cpu_s", "loss", "soft_loss"} == set(events[-1].metrics)
    losses = [e.metrics["loss"] for e in events]
    assert all(b <= a for a, b in zip(losses, losses[1:], strict=False))
    assert "best of 2 configurations" in events[-1].why.summary()
    again = list(learner.steps(Estimators.of(mixed_tasks()), seed=3))
    np.testing.assert_array_equal(again[-1].why.x, events[-1].why.x)
    np.testing.assert_array_equal(plug_in_portfolio(mixed_tasks(), 2, n_steps=12, n_starts=2, seed=3).x, events[-1].why.x)


def test_the_most_useful_comes_first():
    losses = np.array([[0.5, 0.0, 0.4], [0.5, 1.0, 0.1], [0.5, 1.0, 0.2]])
    assert in_order(losses) == [2, 1, 0]
    frame = plug_in_portfolio(mixed_tasks(), 3, n_steps=10).frame()
    assert (np.diff(frame["loss"]) <= 0).all()
    assert frame["serves"].sum() == 4


def test_what_it_needs():
    tasks = mixed_tasks()
    with pytest.raises(ValueError, match="of no space"):
        plug_in_portfolio(Tasks(tasks.names, tasks.configs, tasks.losses))
    with pytest.raises(ValueError, match="only 30"):
        plug_in_portfolio(tasks, 31)
    with pytest.raises(ValueError, match="n_steps must be at least 1"):
        PlugIn(n_steps=0)
    with pytest.raises(ValueError, match="sharpness must be positive"):
        PlugIn(sharpness=0)
    assert "<b>" in plug_in_portfolio(tasks, 2, n_steps=3)._repr_html_()


# ---- real tasks ------------------------------------------------------------------------------------------------------


def test_on_tasks_left_out_it_is_between_the_average_rank_and_the_greedy_portfolio_or_better():
    """Learned from every other of the small tasks, judged on the rest by estimators of their own."""
    estimators = Estimators.of(small_tasks())
    known, new = estimators.some(range(0, len(estimators), 2)), estimators.some(range(1, len(estimators), 2))
    x = small_tasks().x()

    def judged(rows):
        return new.losses(rows).min(axis=1).mean()

    found = judged(plug_in_portfolio(known, 3).x)
    assert found < judged(x[average_rank(known.tasks)[:3]])
    assert found < judged(x[greedy_portfolio(known.tasks, 3)]) + 0.02
