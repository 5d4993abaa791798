"""What matters on most tasks, and the pictures of it and of a smaller space."""

import numpy as np
import pytest

import workbench as wb
from workbench.importance.over_tasks import as_tasks, importance_over_tasks, tunability_over_tasks
from workbench.meta import Tasks, design_space
from workbench.plots import space_design as pictures
from workbench.plots.figure import figure

SPACE = wb.Space(a=wb.Float(0.0, 1.0), b=wb.Float(1e-3, 1.0, log=True), n=wb.Int(1, 8), kind=wb.Choice("x", "y", "z"),
                 c=wb.Float(0.0, 2.0, when={"kind": "x"}))


def drawn(n_tasks=5, n=40, seed=0, space=SPACE):
    rng = np.random.default_rng(seed)
    x = space.sample_unit(n, rng)
    return Tasks(tuple(f"t{k}" for k in range(n_tasks)), tuple(space.from_unit(x)), rng.random((n_tasks, n)), None, space)


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
