"""Smaller spaces from earlier tasks, and what matters on most of them."""

import itertools

import numpy as np
import pytest

import workbench as wb
from workbench.importance.over_tasks import as_tasks, importance_over_tasks, tunability_over_tasks
from workbench.meta import Tasks, check_design, design_space, small_tasks
from workbench.meta.space_design import expected_least
from workbench.plots import space_design as pictures
from workbench.plots.figure import figure

SPACE = wb.Space(a=wb.Float(0.0, 1.0), b=wb.Float(1e-3, 1.0, log=True), n=wb.Int(1, 8), kind=wb.Choice("x", "y", "z"),
                 c=wb.Float(0.0, 2.0, when={"kind": "x"}))


def drawn(n_tasks=5, n=40, seed=0, space=SPACE):
    rng = np.random.default_rng(seed)
    x = space.sample_unit(n, rng)
    return Tasks(tuple(f"t{k}" for k in range(n_tasks)), tuple(space.from_unit(x)), rng.random((n_tasks, n)), None, space)


def test_the_smallest_space_holds_the_best_configuration_of_every_task_and_touches_one_at_each_end():
    tasks = drawn()
    design = design_space(tasks)
    best = [tasks.configs[i] for i in tasks.losses.argmin(axis=1)]
    assert all(design.space.contains(config) for config in best) and design.kept.all() and not design.cost.any()
    for name in ("a", "b", "n"):
        assert design.space[name].low == min(c[name] for c in best) and design.space[name].high == max(c[name] for c in best)
    assert set(design.space["kind"].options) == {c["kind"] for c in best}


def test_with_a_tolerance_no_choice_of_good_configurations_gives_a_smaller_box():
    """Against all choices, on one parameter, where the smallest interval is unique."""
    space = wb.Space(a=wb.Float(0.0, 1.0))
    tasks = drawn(4, 12, 3, space)
    design = design_space(tasks, tolerance=0.3)
    good = [np.flatnonzero(row <= 0.3) for row in tasks.scaled()]
    a = np.array([c["a"] for c in tasks.configs])
    brute = min(np.ptp(a[list(chosen)]) for chosen in itertools.product(*good))
    assert design.space["a"].high - design.space["a"].low == pytest.approx(brute)
    assert design.cost.max() <= 0.3


def test_a_share_of_the_tasks_may_stay_outside():
    tasks = drawn(10, 60, 1)
    whole, most = design_space(tasks), design_space(tasks, keep=0.8)
    assert np.nansum(most.shares) < np.nansum(whole.shares) and most.kept.sum() >= 8
    assert f"{int(most.kept.sum())} of 10" in most.summary() or most.kept.all()


def test_a_margin_widens_numbers_on_both_sides():
    tasks = drawn()
    narrow, wide = design_space(tasks), design_space(tasks, margin=0.1)
    assert wide.space["a"].low == pytest.approx(max(narrow.space["a"].low - 0.1, 0.0))
    assert wide.space["a"].high == pytest.approx(min(narrow.space["a"].high + 0.1, 1.0))


def test_what_holds_is_what_the_space_contains():
    tasks = drawn(3, 80, 5)
    design = design_space(tasks)
    inside = design.holds(tasks.x())
    assert inside.tolist() == [design.space.contains(c) for c in tasks.configs] and 0 < inside.sum() < 80


def test_a_parameter_that_no_good_configuration_has_is_gone():
    tasks = drawn(2, 40, 7)
    losses = np.where([[c["kind"] == "x" for c in tasks.configs]], 1.0, tasks.losses * 0.5)
    design = design_space(Tasks(tasks.names, tasks.configs, losses, None, SPACE))
    assert "c" not in design.space.params and "x" not in design.space["kind"].options
    assert design.frame().set_index("parameter").loc["c", "after"] == "gone"


def test_a_run_searches_the_smaller_space():
    design = design_space(drawn())
    run = wb.optimize(lambda c: c["a"], design.space, algorithm=wb.Random(), n_trials=5, seed=0)
    run.start().wait()
    assert run.n_done == 5 and all(design.space.contains(t.config) for t in run.trials.by_number.values())


@pytest.mark.parametrize("wrong", [{"tolerance": -0.1}, {"margin": 2}, {"keep": 0.0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        design_space(drawn(), **wrong)


def test_the_expected_least_of_draws_is_what_drawing_gives():
    y = np.array([0.1, 0.5, 0.2, 0.9])
    rng = np.random.default_rng(0)
    draws = np.minimum.accumulate(rng.choice(y, (40_000, 3)), axis=1)
    np.testing.assert_allclose(expected_least(y, 3), draws.mean(axis=0), atol=0.006)


def test_on_the_shipped_tasks_the_best_of_a_new_task_mostly_stays_inside():
    tasks = small_tasks()
    found = check_design(tasks.some(range(0, 47, 4)), 10)
    assert found["best inside"].mean() > 0.5 and (found["share inside"] < 1).all()
    assert (found["random, inside"] <= found["random, full"] + 0.1).all()


def additive(n_tasks=3, n=300, seed=0):
    """Losses w1 a + w2 b with known weights: shares are w² var."""
    space = wb.Space(a=wb.Float(0.0, 1.0), b=wb.Float(0.0, 1.0))
    x = space.sample_unit(n, np.random.default_rng(seed))
    weights = np.array([[3.0, 1.0], [1.0, 1.0], [1.0, 3.0]])[:n_tasks]
    return Tasks(("first", "second", "third")[:n_tasks], tuple(space.from_unit(x)), weights @ x.T, None, space)


def test_shares_over_tasks_are_those_of_an_additive_loss():
    found = importance_over_tasks(additive())
    np.testing.assert_allclose(found.single, [[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]], atol=0.08)
    assert found.pairs.max() < 0.05
    assert found.task_frame().loc["first", "a"] == found.single[0, 0]
    np.testing.assert_allclose(found.frame().set_index("parameter")["mean"], dict(zip("ab", found.mean, strict=True))["a"], atol=0.1)
    assert "3 tasks" in found.summary()


def test_importances_of_each_task_are_those_of_its_own_trials():
    from workbench.importance.fanova import fanova

    tasks = additive()
    task = as_tasks(tasks)[1]
    alone = fanova(tasks.space, task.x, task.y, n_trees=32, seed=0)
    np.testing.assert_array_equal(importance_over_tasks(tasks).single[1], alone.single)


def test_the_optimal_default_leaves_less_to_tune_than_a_poor_one():
    tasks = additive()
    tuned = tunability_over_tasks(tasks)
    poor = tunability_over_tasks(tasks, default={"a": 1.0, "b": 1.0})
    assert tuned.total_gain < 0.3 * poor.total_gain
    assert tuned.default["a"] < 0.2 and tuned.default["b"] < 0.2


def test_unknown_losses_do_not_count():
    tasks = additive()
    losses = tasks.losses.copy()
    losses[0, :50] = np.nan
    assert len(as_tasks(Tasks(tasks.names, tasks.configs, losses, None, tasks.space))[0].y) == 250


def test_tasks_without_a_space_are_refused():
    with pytest.raises(ValueError, match="space="):
        importance_over_tasks(Tasks(("t",), ("x", "y"), np.array([[0.0, 1.0]])))


def test_the_pictures_show_the_numbers():
    found = importance_over_tasks(additive())
    drawing = figure(pictures.over_tasks(found))
    mean = next(t for t in drawing.data if t.name == "mean")
    np.testing.assert_allclose(mean.x, found.frame()["mean"])
    tasks = drawn(10, 60, 1)
    design = design_space(tasks, keep=0.8)
    bars = [s for s in pictures.ranges(design)["layout"]["shapes"] if s["line"]["width"]]
    n_options = int(design.box.options.sum())
    numbers = [name for name in design.full.names if name != "kind" and name in design.space.params]
    assert len(bars) == n_options + len(numbers)
    assert figure(pictures.ranges(design)).layout.title.text
