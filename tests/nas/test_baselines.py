import itertools

import numpy as np
import pytest

from tests.nas_helpers import Toy, made_up_table
from workbench.nas.baselines import Baselines, expected_of_best
from workbench.nas.cells import CellSpace

SMALL = CellSpace("small", 3, ("none", "skip", "conv3"))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_expected_best_of_n_draws_is_the_mean_over_all_ways_to_draw(n):
    valid = np.array([0.5, 0.2, 0.9, 0.4])
    value = np.array([1.0, 7.0, 3.0, 2.0])
    by_force = np.mean([value[min(drawn, key=lambda k: valid[k])] for drawn in itertools.product(range(4), repeat=n)])
    assert expected_of_best(valid, value, n) == pytest.approx(by_force, abs=1e-12)


def test_many_draws_find_the_best_one():
    valid = np.random.default_rng(0).random(50)
    assert expected_of_best(valid, valid, 5000) == pytest.approx(valid.min(), abs=1e-12)


def test_between_two_numbers_of_draws_lies_a_number_between():
    valid = np.random.default_rng(0).random(50)
    two, more, three = (expected_of_best(valid, valid, n) for n in (2, 2.5, 3))
    assert three < more < two


def test_random_search_is_told_when_the_seconds_pay_for_a_cell():
    baselines = Baselines(made_up_table(SMALL, seconds=2.0))
    assert baselines.random(1.9) == {}
    one, many = baselines.random(2.0), baselines.random(2000.0)
    tests = [1 - baselines.table.test_error(a) for a in SMALL]
    assert one["random_accuracy"] == pytest.approx(np.mean(tests))
    assert many["random_accuracy"] == pytest.approx(baselines.best_accuracy, abs=0.01)
    assert many["random_rank"] < one["random_rank"]


def test_a_view_is_told_the_biggest_and_the_best():
    baselines = Baselines(made_up_table(SMALL))
    about = baselines.about()
    assert about["biggest"]["architecture"] == ["conv3", "conv3", "conv3"]
    assert about["biggest"]["accuracy"] == pytest.approx(baselines.accuracy(("conv3",) * 3))
    assert about["best_accuracy"] == pytest.approx(1 - min(baselines.table.test_error(a) for a in SMALL))
    assert about["n_distinct"] == baselines.table.n_distinct


def test_each_step_is_judged_by_the_table():
    table = made_up_table(SMALL)
    steps = list(Baselines(table).added(Toy(5).steps(None, cells=SMALL)))
    for step in steps:
        assert step.metrics["true_accuracy"] == pytest.approx(1 - table.test_error(step.why.chosen))
        assert step.metrics["true_rank"] == table.rank(step.why.chosen)
        assert ("random_accuracy" in step.metrics) == (step.metrics["cpu_s"] >= 1)
        assert step.metrics["train_loss"] == 1 / step.step
