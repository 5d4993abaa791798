"""Baselines that are trained beside a search, where no table knows them."""

import numpy as np
import pytest

pytest.importorskip("torch")

import workbench as wb
from tests.nas_helpers import Toy
from workbench.nas.cells import NANO
from workbench.nas.measured_baselines import MeasuredBaselines
from workbench.plots.nas_progress import progress


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.arange(900) % 3
    x = np.sin(np.linspace(0, 6, 20)[None] * (1 + y[:, None])) + rng.normal(0, 0.3, (900, 20))
    return wb.nas.of_arrays(x.astype(np.float32), y, name="waves")


def counted(data, seconds, **options):
    """Nothing is trained: each cell takes that long; the more convolutions the better."""
    made = MeasuredBaselines(NANO, data, **options)
    made.asked = []

    def trained(architecture, seed):
        made.asked.append(architecture)
        accuracy = 0.5 + 0.05 * architecture.count("conv3")
        return accuracy, accuracy - 0.01, seconds

    made._trained = trained
    return made


def test_random_search_gets_no_more_compute_than_the_search_has_had(data):
    made = counted(data, 0.2, n_steps=4)
    steps = list(made.added(Toy().steps(data)))  # half a second of CPU a step
    assert [s.metrics.get("random_cells") for s in steps] == [2, 5, 7, 10]
    assert made.asked[0] == NANO.biggest()
    for step in steps:
        n = int(step.metrics["random_cells"])
        best = max(made.asked[1:n + 1], key=lambda a: a.count("conv3"))
        assert step.metrics["random_accuracy"] == pytest.approx(0.49 + 0.05 * best.count("conv3"))
        assert step.metrics["biggest_accuracy"] == pytest.approx(0.49 + 0.05 * 6)
        assert step.metrics["cpu_s"] >= 0.2 * n - 1e-9


def test_there_is_no_random_cell_before_one_can_be_paid(data):
    first, *_ = counted(data, 0.7, n_steps=4).added(Toy().steps(data))
    assert "random_accuracy" not in first.metrics and "biggest_accuracy" in first.metrics


def test_the_pick_is_trained_with_the_last_step_alone(data):
    made = counted(data, 0.2, n_steps=4)
    steps = list(made.added(Toy().steps(data)))
    assert ["true_accuracy" in s.metrics for s in steps] == [False, False, False, True]
    assert made.asked[-1] == steps[-1].why.chosen and len(steps) == 4


def test_a_search_of_unknown_length_gets_a_step_more(data):
    steps = list(counted(data, 0.2).added(Toy().steps(data)))
    assert [s.step for s in steps] == [1, 2, 3, 4, 5] and "true_accuracy" in steps[-1].metrics


def test_networks_are_trained_and_judged_on_the_test_part(data):
    valid, test, seconds = MeasuredBaselines(NANO, data, epochs=8)._trained(NANO.biggest(), 0)
    assert valid > 0.6 and test > 0.6 and seconds > 0


def test_a_search_on_own_data_shows_them_and_can_leave_them_out(data):
    run = wb.nas.search(wb.nas.DARTS(epochs=2, settings=wb.nas.BilevelSettings(channels=4)), data)
    run.start().wait()
    assert run.state == "done", run.error
    assert {"biggest_accuracy", "true_accuracy"} <= set(run.metrics)
    assert run.about["baselines"] == "trained beside the search"
    names = {d["name"] for d in progress(run.steps.taken, run.about)["data"]}
    assert {"the biggest model", "the pick, trained on its own"} <= names
    bare = wb.nas.search(wb.nas.DARTS(epochs=1), data, baselines=False)
    bare.start().wait()
    assert not {"biggest_accuracy", "true_accuracy"} & set(bare.metrics)
