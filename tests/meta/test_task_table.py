"""The table of small tasks that comes with the package."""

from importlib.resources import files

import numpy as np

from workbench.meta import small_tasks
from workbench.meta.features import FEATURES


def test_it_holds_what_its_head_says():
    tasks = small_tasks()
    assert len(tasks) == 47 and len(set(tasks.names)) == 47 and len(tasks.configs) == 200
    assert np.isfinite(tasks.losses).all() and tasks.losses.min() >= 0 and tasks.losses.max() <= 1
    assert list(tasks.features.columns) == list(FEATURES)
    assert all(tasks.space.contains(c) for c in tasks.configs)


def test_it_is_small_and_tasks_differ():
    assert (files("workbench.meta") / "task_table.npz").stat().st_size < 200_000
    tasks = small_tasks()
    assert len(set(tasks.losses.argmin(axis=1))) > 15
    assert (np.ptp(tasks.losses, axis=1) > 0.05).all()


def test_errors_are_what_training_gives():
    from workbench.problems.make_task_table import MAX_ROWS, data_sets, error

    tasks = small_tasks()
    name, X, y = next(iter(data_sets()))
    rows = np.random.default_rng(0).permutation(len(y))[:MAX_ROWS]
    i = tasks.names.index(name)
    for j in (0, 50, 120):
        np.testing.assert_allclose(error(tasks.configs[j], X[rows], y[rows]), tasks.losses[i, j], atol=0.015)
