"""Random search."""

import numpy as np
from scipy.stats import kstest

import workbench as wb
from workbench.history import History


def suggested(space, n):
    history = History.of(space, np.empty((0, len(space))), np.empty(0))
    return np.array([wb.Random().suggest(history, np.random.default_rng([0, i])).x for i in range(n)])


def test_points_are_uniform_over_the_trials_of_a_run():
    x = suggested(wb.Space(a=wb.Float(0, 1), b=wb.Float(1e-6, 1, log=True)), 500)
    for column in x.T:  # fixed seeds: this passes always or never
        assert kstest(column, "uniform").pvalue > 0.01


def test_a_point_is_one_draw_of_the_space():
    space = wb.Space(a=wb.Choice("x", "y"), b=wb.Int(0, 5, when={"a": "x"}), forbidden=[{"a": "x", "b": [0, 1]}])
    for i, x in enumerate(suggested(space, 20)):
        np.testing.assert_array_equal(x, space.sample_unit(1, np.random.default_rng([0, i]))[0])


def test_the_reason_is_said():
    space = wb.Space(a=wb.Float(0, 1))
    history = History.of(space, np.empty((0, 1)), np.empty(0))
    assert wb.Random().suggest(history, np.random.default_rng(0)).why.summary() == \
        "Drawn without a model: uniformly at random."
