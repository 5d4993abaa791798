"""Smaller spaces from earlier tasks."""

import itertools

import numpy as np
import pytest

import workbench as wb
from workbench.meta import Tasks, check_design, design_space, small_tasks
from workbench.meta.space_design import expected_least

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
